"""What waits for the operator: dead letters, unknown texts, the inbox, who wants no texts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar

from gateway.errors import BadRequest, NotFound
from gateway.messaging.optouts import OptOut
from gateway.messaging.outbox.queue import DeadLetter
from gateway.messaging.outbox.shelf import Shelf
from gateway.messaging.status import SPOKEN
from gateway.telephony import phonenumber
from gateway.telephony.judges import is_possible
from handlers.admin.operator_lists import inbox_fields, letter_fields
from handlers.console.base import path
from handlers.console.page import Action, Page, Question, page_or_first

ROWS = 50
# So many pages of opt-outs can be turned; who is further down is found by his number.
MOST_PAGES = 400
LONGEST_SEARCH = 100

# Why a text lies in the inbox.
REASONS = {
    "no_session": "The sender has no conversation on this number.",
    "not_our_number": "The number is not in the pool of the provider that it came by.",
    "no_number": "The sender is a name or a short code.",
    "ambiguous_sender": "The sender's number may be that of two people.",
    "own_number": "The sender is one of our own numbers.",
    "binary": "It is no text but data.",
    "empty": "It is empty.",
    "media": "Pictures and other media are not passed on; a text that came with them was.",
    "unusable": "It was meant for us, but something that a text needs is missing or wrong.",
    "unreadable": "Nobody could read it. The provider or its settings may have changed.",
    "voice_session": "The conversation carries calls only.",
    "before_session": "It was sent before the conversation began, or its first part was.",
    "side_limit": "The sender wrote so much that it would have waited for more than a day.",
    "waiting": "The sender was waiting for a chat.",
    "lobby_limit": "The sender, or all of them together, texted the chat number too often.",
    "not_answerable": "The sender is in a country or of a kind that the chat does not answer.",
    "opted_out": "The sender wants no texts.",
}
# Why a kept text is not queued again, by the words of gateway.messaging.outbox.shelf.
WHY_NOT = {
    "its session has ended, it can only be discarded": "the conversation has ended",
    "the text cannot be read, only be discarded": "the text cannot be read",
}


class ShelfPage(Page):
    """Texts that are kept for the operator, the newest first.

    place: the last element of its path; title, hint, empty: what the page says.
    """

    template = "shelf.html"
    done_words: ClassVar[dict[str, str]] = {
        "requeued": "Queued again: they are sent now.",
        "discarded": "Discarded.",
    }
    place: ClassVar[str]
    title: ClassVar[str]
    hint: ClassVar[str]
    empty: ClassVar[str]

    @property
    def shelf(self) -> Shelf:
        """Where they are kept."""
        raise NotImplementedError

    async def data(self, *args: str) -> dict[str, Any]:
        """Return a page of them."""
        after = self.get_query_argument("after", "")
        found = await page_or_first(self.shelf.page, ROWS, after)
        ended = await asyncio.gather(*(self._has_ended(each) for each in found.items))
        return {
            "shelf": path("messages", self.place),
            "noun": self.shelf.noun,
            "title": self.title,
            "hint": self.hint,
            "empty": self.empty,
            "total": found.total,
            "letters": [
                letter_fields(each) | {"ended": gone}
                for each, gone in zip(found.items, ended, strict=True)
            ],
            "next": found.next,
            "paged": bool(after),
        }

    async def _has_ended(self, letter: DeadLetter) -> bool:
        """Tell whether it was said in a session that is over, and so cannot be sent any more."""
        if letter.kind not in SPOKEN or not letter.session:
            return False
        session = await self.services.sessions.find(letter.session)
        return session is None or bool(session.closed)


class DeadLettersPage(ShelfPage):
    """``/console/messages/dead-letters``: texts that could not be sent."""

    place = "dead-letters"
    title = "Dead letters"
    hint = (
        "Texts of conversations that a provider refused for good, or that could not be sent for a "
        "day. Whoever was to get them has not."
    )
    empty = (
        "No dead letters: there is nothing to do. A text that cannot be sent appears here, to be "
        "queued again or discarded."
    )

    @property
    def shelf(self) -> Shelf:
        """Where they are kept."""
        return self.services.dead_letters


class UnknownPage(ShelfPage):
    """``/console/messages/unknown``: texts of which nobody knows whether they were sent."""

    place = "unknown"
    title = "Unknown"
    hint = (
        "Texts of conversations that were handed to a provider who has not said what became of "
        "them. A receipt takes them off this list. Whoever was to get them may have them already: "
        "what is queued again may arrive twice."
    )
    empty = "No text of unknown outcome: there is nothing to do."

    @property
    def shelf(self) -> Shelf:
        """Where they are kept."""
        return self.services.unknown


class Chosen(Action, ShelfPage):
    """A form that names kept texts: ``id``, once for each."""

    async def for_each(self, do: Callable[[str], Awaitable[bool]], done: str) -> None:
        """Do it to all that were chosen; raises BadRequest with what could not be done, and why.

        do: takes an id and returns whether there was such a text; done: what it is then.
        """
        chosen = list(dict.fromkeys(self.get_body_arguments("id")))
        if not 1 <= len(chosen) <= ROWS:
            raise BadRequest(f"Choose at least one of them, and {ROWS} at most")
        outcomes = await asyncio.gather(*(do(each) for each in chosen), return_exceptions=True)
        failed = Counter(_why_not(each, self.shelf.noun) for each in outcomes if each is not True)
        if failed:
            well = len(chosen) - failed.total()
            reasons = "; ".join(f"{n} not, because {why}" for why, n in failed.items())
            raise BadRequest(f"{well} of {len(chosen)} {done}; {reasons}")


class Requeue(Chosen):
    """``POST /console/messages/<place>/requeue``."""

    async def perform(self, *args: str) -> str:
        """Try them again, those that may be."""
        try:
            await self.for_each(self.shelf.requeue, "queued again")
        finally:
            self.services.outbox_worker.wake()
        return path("messages", self.place, done="requeued")


class Discard(Chosen):
    """``POST /console/messages/<place>/discard``."""

    async def perform(self, *args: str) -> str:
        """Give them up."""
        await self.for_each(self.shelf.discard, "discarded")
        return path("messages", self.place, done="discarded")


class RequeueLetters(Requeue, DeadLettersPage):
    """``POST /console/messages/dead-letters/requeue``."""


class DiscardLetters(Discard, DeadLettersPage):
    """``POST /console/messages/dead-letters/discard``."""


class RequeueUnknown(Requeue, UnknownPage):
    """``POST /console/messages/unknown/requeue``."""


class DiscardUnknown(Discard, UnknownPage):
    """``POST /console/messages/unknown/discard``."""


class InboxPage(Page):
    """``/console/messages/inbox``: texts that belong to no conversation, the newest first."""

    template = "inbox.html"
    live = "inbox_live.html"
    every = 2.0

    async def data(self, *args: str) -> dict[str, Any]:
        """Return a page of them."""
        after = self.get_query_argument("after", "")
        found = await page_or_first(self.services.inbox.page, ROWS, after)
        return {
            "total": found.total,
            "items": [
                inbox_fields(each) | {"why": REASONS.get(each.reason, each.reason)}
                for each in found.items
            ],
            "next": found.next,
            "paged": bool(after),
        }


class OptOutsPage(Page):
    """``/console/messages/optouts``; ``page``: from 1.

    Neither a link nor a form may name a number that the page masks: rows are known by a token,
    pages by their number.
    """

    template = "optouts.html"
    done_words: ClassVar[dict[str, str]] = {
        "removed": "Taken back: this number can be texted again.",
    }

    labels: ClassVar[dict[str, str]] = {"q": "The number"}

    async def data(self, *args: str) -> dict[str, Any]:
        """Return a page of them."""
        page = _page(self.get_query_argument("page", ""))
        total, rows = await self.rows("", page)
        return {
            "wanted": "",
            "total": total,
            "rows": self.with_tokens(rows[ROWS * (page - 1) :]),
            "page": page,
            "more": total > ROWS * page and page < MOST_PAGES,
        }

    def with_tokens(self, rows: Iterable[OptOut]) -> list[dict[str, Any]]:
        """Return rows with what stands for their numbers."""
        return [
            {"number": each.number, "since": each.since, "token": self.stand_in(each.number)}
            for each in rows
        ]

    async def rows(self, wanted: str, page: int) -> tuple[int, Sequence[OptOut]]:
        """Return how many have opted out, and all rows up to the end of a page."""
        optouts = self.services.optouts
        if not wanted:
            found = await optouts.page(ROWS * page, "")
            return found.total, found.items
        number = phonenumber.parse_international(wanted, is_possible)
        if number is None or not await optouts.is_out(number.e164):
            return 0, []
        return 1, [OptOut(number.person, since=0)]


class SearchOptOut(Question, OptOutsPage):
    """``POST /console/messages/optouts/search``."""

    async def ask(self, *args: str) -> dict[str, Any]:
        """Return the list with the row of one number, or with none."""
        wanted = self.fields("q").text("q", LONGEST_SEARCH)
        if not wanted.strip():
            return {}
        total, rows = await self.rows(wanted, 1)
        found = {"wanted": wanted, "total": total, "rows": self.with_tokens(rows)}
        return found | {"page": 1, "more": False}


class TakeBackOptOut(Action, OptOutsPage):
    """``POST /console/messages/optouts/remove``."""

    async def perform(self, *args: str) -> str:
        """Let a number be texted again, as the person's own START would."""
        given = self.fields("token", "page", "number")
        # Others who opted out meanwhile have moved the row to the next page at most.
        page = _page(given.text("page", 4)) + 1
        _, rows = await self.rows(given.text("number", LONGEST_SEARCH), page)
        token = given.text("token", 32)
        number = {self.stand_in(row.number): row.number for row in rows}.get(token, "")
        if not number or not await self.services.optouts.remove(number):
            raise NotFound("This number has not opted out, or not any more")
        return path("messages", "optouts", done="removed")


def _why_not(outcome: bool | BaseException, noun: str) -> str:
    """Return why nothing could be done; raises what is no answer about one kept text."""
    if isinstance(outcome, BadRequest):
        reason = outcome.message.removeprefix("id: ")
        return WHY_NOT.get(reason, reason)
    if isinstance(outcome, BaseException):
        raise outcome
    return f"there is no such {noun} any more"


def _page(text: str) -> int:
    """Return the number of a page, 1 for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 1
    return min(max(number, 1), MOST_PAGES)


ROUTES = [
    (r"/console/messages/dead-letters/?", DeadLettersPage),
    (r"/console/messages/dead-letters/requeue/?", RequeueLetters),
    (r"/console/messages/dead-letters/discard/?", DiscardLetters),
    (r"/console/messages/unknown/?", UnknownPage),
    (r"/console/messages/unknown/requeue/?", RequeueUnknown),
    (r"/console/messages/unknown/discard/?", DiscardUnknown),
    (r"/console/messages/inbox/?", InboxPage),
    (r"/console/messages/optouts/?", OptOutsPage),
    (r"/console/messages/optouts/search/?", SearchOptOut),
    (r"/console/messages/optouts/remove/?", TakeBackOptOut),
]
