"""``/console/handsets``: phones side by side, on which a masked conversation can be seen.

They are the emulator's, so they exist in development_mode only; their numbers are fiction and are
shown in full. What a phone shows is what the emulator gave it, not what the gateway knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from tornado.web import HTTPError

from handlers.console.base import Page
from handlers.console.handset_phones import (
    FEWEST,
    MOST,
    TEXT,
    Entry,
    Line,
    Phone,
    Screen,
    Shown,
    arrival_of,
    line_of,
    next_phone,
    next_to_text,
    read_phones,
    show,
)
from handlers.console.handset_story import between, story

COOKIE = "gateway_handsets"
# What a phone shows; of its lines at most so many are looked at.
ENTRIES, LINES = 30, 20
# So that a first look needs no typing.
OPENINGS = (
    "Hello! Is the bike still for sale?",
    "Yes, it is. Come and see it this afternoon!",
)


class Handsets(Protocol):
    """The phones of the emulator, as far as the page needs them; numbers are bare digits."""

    def conversation_of(self, number: str, limit: int) -> Sequence[Entry]:
        """Return the newest texts and calls of a phone, oldest first."""

    async def text(
        self, sender: str, to: str, text: str, *, wait: bool, **options: object
    ) -> object:
        """Let a phone text a number; raises BadRequest."""

    async def call(self, sender: str, to: str, *, wait: bool, **options: object) -> object:
        """Let a phone call a number; raises BadRequest."""

    def hang_up(self, number: str) -> object:
        """Let a phone end the calls it is in."""


class HandsetsPage(Page):
    """The phones, what has just happened, and the download-link form."""

    template = "handsets.html"
    live = "handsets_live.html"

    async def prepare(self) -> None:  # type: ignore[override]
        """Exist in development_mode only."""
        await super().prepare()
        if self.app.handsets is None:
            raise HTTPError(404)

    @property
    def handsets(self) -> Handsets:
        """The emulator."""
        if self.app.handsets is None:
            raise HTTPError(404)
        return self.app.handsets

    @property
    def phones(self) -> tuple[Phone, ...]:
        """The phones that this browser has chosen."""
        return read_phones(self.get_cookie(COOKIE, "") or "")

    async def data(self, *args: str) -> dict[str, Any]:
        """Return the screens of all phones and what the newest event on them came to."""
        entries = {each: self._entries(each.e164) for each in self.phones}
        lines, routes = await self._lines(entries)
        screens = [
            self._screen(place, each, entries[each], lines[each], routes[each])
            for place, each in enumerate(entries)
        ]
        first, second = screens[0], screens[1]
        return {
            "screens": screens,
            "connected": between(first, second) is not None,
            "story": story(screens),
            "at": self.get_query_argument("at", ""),
        }

    async def show(self, *args: str, **more: Any) -> None:
        """Answer the page, with the form to add a phone already filled in."""
        phones = self.phones
        following = next_phone(phones) if len(phones) < MOST else None
        await super().show(*args, following=following, fewest=FEWEST, **more)

    # -- what the phones show

    def _entries(self, e164: str) -> Sequence[Entry]:
        return self.handsets.conversation_of(e164.removeprefix("+"), ENTRIES)

    async def _lines(
        self, entries: dict[Phone, Sequence[Entry]]
    ) -> tuple[dict[Phone, tuple[Line, ...]], dict[Phone, dict[str, str]]]:
        """Return the lines of each phone as far as they matter here, and the ids of all."""
        sessions = self.services.sessions
        found = await asyncio.gather(*(sessions.open_of(each.e164) for each in entries))
        routes = dict(zip(entries, found, strict=True))
        wanted = {each: _that_matter(each, entries, routes) for each in entries}
        ids = sorted({route for each in wanted.values() for route in each})
        known = {
            each.id: each
            for each in await asyncio.gather(*(sessions.get(each) for each in ids))
            if each is not None
        }
        lines = {
            each: tuple(line_of(known[id_], each.e164) for id_ in wanted[each] if id_ in known)
            for each in entries
        }
        return lines, routes

    def _screen(
        self,
        place: int,
        owner: Phone,
        entries: Sequence[Entry],
        lines: tuple[Line, ...],
        routes: dict[str, str],
    ) -> Screen:
        has_written = any(each.own and each.kind == TEXT for each in entries)
        says = OPENINGS[place] if lines and not has_written and place < len(OPENINGS) else ""
        to = next_to_text(entries, routes)
        return Screen(owner, self._shown(owner, entries, lines), to, says, lines)

    def _shown(
        self, owner: Phone, entries: Sequence[Entry], lines: tuple[Line, ...]
    ) -> tuple[Shown, ...]:
        by_number = {line.number: line for line in lines}
        numbers = {f"+{each.other}" for each in entries if each.own}
        received = {each: self._received(owner, each, by_number.get(each)) for each in numbers}
        taken: dict[str, set[int]] = {each: set() for each in numbers}
        return tuple(
            show(
                each,
                arrival_of(each, received[f"+{each.other}"], taken[f"+{each.other}"])
                if each.own
                else None,
            )
            for each in entries
        )

    def _received(self, owner: Phone, number: str, line: Line | None) -> list[Entry]:
        """Return what others received from the number that stands for a phone.

        Of a line that is no more it is known neither who was at its other end nor that both
        used one number; here they do.
        """
        shown_as = line.shown_as if line else number
        others = [line.other] if line else [each.e164 for each in self.phones if each != owner]
        return [
            each
            for other in others
            for each in self._entries(other)
            if not each.own and f"+{each.other}" == shown_as
        ]


def _that_matter(
    owner: Phone, entries: dict[Phone, Sequence[Entry]], routes: dict[Phone, dict[str, str]]
) -> list[str]:
    """Return the sessions of a phone that lead to another one, or to whom it has texted or called.

    Its number may have any number of sessions.
    """
    of_others = {
        route for each, found in routes.items() if each != owner for route in found.values()
    }
    spoken = {f"+{each.other}" for each in entries[owner] if each.own}
    found = [
        route
        for number, route in sorted(routes[owner].items())
        if route in of_others or number in spoken
    ]
    return found[:LINES]


ROUTES = [(r"/console/handsets/?", HandsetsPage)]
