"""``/console/handsets``: phones side by side, on which a masked conversation can be seen.

They are the emulator's, so they exist in development_mode only; their numbers are fiction and are
shown in full. What a phone shows is what the emulator gave it, not what the gateway knows.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.web import HTTPError

from handlers.console.handsets.phones import FEWEST, MOST, Phone, next_phone, read_phones
from handlers.console.handsets.screens import Desk
from handlers.console.handsets.story import between, story
from handlers.console.page import Page
from handlers.handsets import Handsets

COOKIE = "gateway_handsets"


class HandsetsPage(Page):
    """The phones, what has just happened, and the download-link form."""

    template = "handsets.html"
    live = "handsets_live.html"

    async def prepare(self) -> None:  # type: ignore[override]  # Tornado awaits it
        """Exist in development_mode only."""
        await super().prepare()
        if self.application.handsets is None:
            raise HTTPError(404)

    @property
    def handsets(self) -> Handsets:
        """The emulator."""
        if self.application.handsets is None:
            raise HTTPError(404)
        return self.application.handsets

    @property
    def phones(self) -> tuple[Phone, ...]:
        """The phones that this browser has chosen."""
        return read_phones(self.get_cookie(COOKIE, "") or "")

    async def data(self, *args: str) -> dict[str, Any]:
        """Return the screens of all phones and what the newest event on them came to."""
        desk, out = await asyncio.gather(self._desk(), self._opted_out())
        screens = desk.screens()
        return {
            "screens": screens,
            "connected": between(screens[0], screens[1]) is not None,
            "story": story(screens, out, self.services.words),
            "at": self.get_query_argument("at", ""),
        }

    async def _opted_out(self) -> set[str]:
        """Return the numbers (E.164) of the phones that want no texts."""
        numbers = [each.e164 for each in self.phones]
        found = await asyncio.gather(*(self.services.optouts.is_out(each) for each in numbers))
        return {number for number, out in zip(numbers, found, strict=True) if out}

    async def _desk(self) -> Desk:
        """Return the phones with what the store knows of their conversations."""
        sessions, phones = self.services.sessions, self.phones
        found = await asyncio.gather(*(sessions.open_of(each.e164) for each in phones))
        desk = Desk(phones, dict(zip(phones, found, strict=True)), self.handsets)
        known = await asyncio.gather(*(sessions.get(each) for each in desk.sessions_to_know()))
        desk.know(each for each in known if each is not None)
        return desk

    async def show(self, *args: str, **more: Any) -> None:
        """Answer the page, with the form to add a phone already filled in."""
        phones = self.phones
        following = next_phone(phones) if len(phones) < MOST else None
        await super().show(*args, following=following, fewest=FEWEST, **more)


ROUTES = [(r"/console/handsets/?", HandsetsPage)]
