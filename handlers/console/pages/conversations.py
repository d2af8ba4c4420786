"""Who talks with whom right now and what was said; beginning a conversation and ending one."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any, ClassVar

from gateway.conversations.opening import NoNumberFree
from gateway.conversations.session import SIDES, Session
from gateway.errors import BadRequest, NotFound
from gateway.store.values import ID
from gateway.telephony import phonenumber
from gateway.telephony.judges import is_possible
from gateway.virtual_numbers.pool import Mode
from handlers.admin.sessions import NEW_SESSION_FIELDS, wanted_session
from handlers.console.base import path
from handlers.console.page import Action, Page, page_or_first

ROWS = 50
ENTRIES = 100
# A unique name has 191 characters at most.
LONGEST_QUERY = 200
_SKIP = re.compile(r"[0-9]{1,6}")
_DIGITS = re.compile(r"[0-9]{1,15}")

MODES = {Mode.MESSAGE: "texts", Mode.VOICE: "calls", Mode.BOTH: "texts and calls"}
BOTH = {Mode.MESSAGE: "text", Mode.VOICE: "call", Mode.BOTH: "text and call"}
NUMBERINGS = {"shared": "one for both", "per-side": "one for each, of his country"}
GONE = "this conversation is gone: it has ended, and is not kept any longer"
LABELS = {
    "participant_a": "Participant A",
    "participant_b": "Participant B",
    "expiry_window": "Minutes",
    "mode": "It carries",
    "numbers": "Virtual numbers",
    "unique_name": "Unique name",
    "virtual_tn": "Number of the pool",
}


class ConversationsPage(Page):
    """``/console/conversations``: all that are open, those on one number, or of one participant.

    ``?through=<digits>`` names a number of the pool, which is no secret. Whom
    ``?of=<session>.<side>`` means is told by a session of his, so that no number stands in an
    address.
    """

    template = "conversations.html"
    live = "conversations_live.html"

    async def data(self, *args: str) -> dict[str, Any]:
        """Return the rows of a page, the newest first."""
        names = ("of", "through", "after")
        of, through, after = (self.get_query_argument(name, "") for name in names)
        if of:
            found = await self._of_participant(of, after)
        else:
            found = await (self._through(through, after) if through else self._open(after))
        more = {"modes": MODES, "logs": self.services.transcript.enabled}
        return {"of": "", "person": "", "through": "", "query": ""} | found | more

    async def _open(self, after: str) -> dict[str, Any]:
        page = await page_or_first(self.services.sessions.page, ROWS, after)
        return {"total": page.total, "sessions": page.items, "older": page.next}

    async def _through(self, through: str, after: str) -> dict[str, Any]:
        """Return those that are open on a number of the pool."""
        services, number = self.services, f"+{through}"
        if not _DIGITS.fullmatch(through) or await services.pool.get(number) is None:
            raise NotFound("this number is not in the pool, or not any more")
        await services.sessions.expire_some()
        on_it = partial(services.pool.sessions_on, number)
        page = await page_or_first(on_it, ROWS, after)
        found = await services.sessions.find_all(page.items)
        return {
            "through": number,
            "query": f"through={through}",
            "total": page.total,
            "sessions": [each for each in found if not each.closed],
            "older": page.next,
        }

    async def _of_participant(self, of: str, after: str) -> dict[str, Any]:
        """Return the open ones, then those that have ended and are kept."""
        element, _, side = of.partition(".")
        known = await self.services.sessions.find(element)
        if known is None or side not in SIDES:
            raise NotFound(GONE)
        person = known.seat(side).person
        skip = int(after) if _SKIP.fullmatch(after) else 0
        opened = await self.services.sessions.newest_of(person)
        ended, ids = await self.services.transcript.ended_of(
            person, ROWS, max(0, skip - len(opened))
        )
        total = len(opened) + ended
        shown = [*opened[skip:], *ids][:ROWS]
        return {
            "of": of,
            "query": f"of={of}",
            "person": person,
            "known": known.id,
            "total": total,
            "sessions": await self.services.sessions.find_all(shown),
            "older": str(skip + ROWS) if skip + ROWS < total else None,
        }


class SearchAction(Action, ConversationsPage):
    """``POST /console/conversations/search``: by session id, unique name or number.

    It is a form that is posted, as numbers in addresses would stay in the browser's history.
    """

    async def perform(self, *args: str) -> str:
        """Return the path of the conversation, or of those on a number or of a participant."""
        text = self.fields("q").text("q", LONGEST_QUERY).strip()
        sessions = self.services.sessions
        if not text:
            return path("conversations")
        if await sessions.find(text.lower()):
            return path("conversations", text.lower())
        if named := await sessions.named(text):
            return path("conversations", named)
        number = phonenumber.parse_international(text, is_possible)
        if number and await self.services.pool.get(number.e164):
            return f"{path('conversations')}?through={number.e164.removeprefix('+')}"
        session = await self._any_of(number.person) if number else None
        if number is None or session is None:
            raise NotFound(
                "nothing was found. Look for the id of a session, the unique name of an open one, "
                "or an international number: of a participant, or of the pool."
            )
        return f"{path('conversations')}?of={session.id}.{session.side_of(number.e164)}"

    async def _any_of(self, e164: str) -> Session | None:
        """Return the newest session of a participant, an open one if there is any."""
        ids = await self.services.sessions.newest_of(e164)
        if not ids:
            _, ids = await self.services.transcript.ended_of(e164, 1, 0)
        return await self.services.sessions.find(ids[0]) if ids else None


class NewAction(Action):
    """``/console/conversations/new``."""

    template = "conversation_new.html"
    labels = LABELS

    async def data(self, *args: str) -> dict[str, Any]:
        """Return what there is to choose from."""
        return {"modes": MODES, "numberings": NUMBERINGS}

    async def perform(self, *args: str) -> str:
        """Begin a conversation as ``POST /session`` does."""
        wanted = wanted_session(self.fields(*NEW_SESSION_FIELDS), self.services.public_url)
        try:
            session, new = await self.services.opening.begin(wanted)
        except NoNumberFree:
            raise BadRequest(
                "no number of the pool is free for these two: add one, or end a conversation"
            ) from None
        return path("conversations", session.id, done="begun" if new else "existed")


class ConversationPage(Page):
    """``/console/conversations/<id>``: one conversation, the last part of its log first."""

    template = "conversation.html"
    live = "conversation_live.html"
    labels = LABELS
    done_words: ClassVar = {
        "begun": "The conversation has begun.",
        "existed": "A conversation of this name was open already: this one.",
        "ended": "The conversation has ended.",
        "changed": "The expiry was changed.",
        "resumed": "Texts are passed on again.",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return the session and a page of its log, the oldest entry first."""
        wanted = args[0].lower()
        if not ID.fullmatch(wanted):
            raise NotFound(GONE)
        before = self.get_query_argument("before", "")
        log = self.services.transcript
        session, page = await asyncio.gather(
            self.services.sessions.find(wanted), log.page_before(wanted, ENTRIES, before)
        )
        if session is None:
            raise NotFound(GONE)
        end_at = int(before or 0)  # 0 is the end of the log
        texts = [entry.id for entry in page.items if entry.kind == "text" and entry.id]
        return {
            "session": session,
            "entries": page.items,
            "written": await self.services.receipts.known(texts),
            "total": page.total,
            "first": int(page.next or 0),
            "older": page.next or "",
            "newer": str(end_at + ENTRIES) if 0 < end_at < page.total else "",
            "logs": log.enabled,
            "modes": MODES,
            "both": BOTH,
        }


class EndAction(Action, ConversationPage):
    """``POST /console/conversations/<id>/end``."""

    async def perform(self, *args: str) -> str:
        """End it and tell both, as ``DELETE /session`` does."""
        self.fields()
        try:
            await self.services.opening.end(args[0])
        except NotFound:
            raise NotFound("this conversation is not open any more") from None
        return path("conversations", args[0], done="ended")


class ExpiryAction(Action, ConversationPage):
    """``POST /console/conversations/<id>/expiry``."""

    async def perform(self, *args: str) -> str:
        """Let it end so many minutes from now, or never, as ``PATCH /session/<id>`` does."""
        expires_in_ms = self.fields("expiry_window").expiry_ms("expiry_window")
        try:
            await self.services.sessions.set_expiry(args[0], expires_in_ms)
        except NotFound:
            raise NotFound("this conversation is not open any more") from None
        return path("conversations", args[0], done="changed")


class ResumeAction(Action, ConversationPage):
    """``POST /console/conversations/<id>/resume``."""

    async def perform(self, *args: str) -> str:
        """End its pause, as ``PATCH /session/<id>`` does."""
        self.fields()
        try:
            await self.services.sessions.resume(args[0])
        except NotFound:
            raise NotFound("this conversation is not open any more") from None
        return path("conversations", args[0], done="resumed")


ROUTES = [
    (r"/console/conversations/?", ConversationsPage),
    (r"/console/conversations/search/?", SearchAction),
    (r"/console/conversations/new/?", NewAction),
    (r"/console/conversations/([^/]+)/?", ConversationPage),
    (r"/console/conversations/([^/]+)/end/?", EndAction),
    (r"/console/conversations/([^/]+)/expiry/?", ExpiryAction),
    (r"/console/conversations/([^/]+)/resume/?", ResumeAction),
]
