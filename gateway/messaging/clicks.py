"""Whether the short link of a message was opened: once a message, in its record."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum

from gateway.access.client_address import limit_subject, network_subject
from gateway.access.limiter import Limit, Limiter
from gateway.errors import LimitExceeded
from gateway.protection.links.conversions import Conversions
from gateway.protection.links.short_links import source_of
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script, ScriptCall
from gateway.store.values import days_ms

_CREATE = Script.load(__file__, "link_create")
_CLICKED = Script.load(__file__, "message_clicked")

# Codes of no message that one network may try. More are guesses, by which somebody could make it
# look as if the texts that he ordered were read.
MISSES = Limit(60, 3600)
LIMIT_CLASS = "link"


class Opened(StrEnum):
    """What came of opening a link; UNKNOWN: no message (any more) has it."""

    COUNTED = "counted"
    REPEATED = "repeated"
    UNKNOWN = "unknown"


class Clicks:
    """Finds the message of a link; days: how long messages are kept."""

    def __init__(
        self, store: Store, conversions: Conversions, limiter: Limiter, *, days: float
    ) -> None:
        self._store = store
        self._conversions = conversions
        self._limiter = limiter
        self._lifetime = days_ms(days)

    def note(self, code: str, message_id: str) -> ScriptCall:
        """Return what is to be written beside a record that has ``code`` as ``link``."""
        return _CREATE, [keys.link(code)], [message_id, self._lifetime]

    async def open(self, code: str, address: str) -> Opened:
        """Count that somebody at an address opens a link, unless its message counted one before.

        Nothing of an address counts that has tried too many codes. Raises StoreUnavailable.
        """
        subject = _subject(address)
        message_id, tried = await asyncio.gather(
            self._store.execute("GET", keys.link(code)),
            self._limiter.look(LIMIT_CLASS, subject, MISSES),
        )
        if message_id and not tried.wait:
            return await self._clicked(code, message_id)
        if not message_id:
            with suppress(LimitExceeded):
                await self.miss(address)
        return Opened.UNKNOWN

    async def miss(self, address: str) -> None:
        """Count a code that leads nowhere; raises LimitExceeded and StoreUnavailable."""
        await self._limiter.hit(LIMIT_CLASS, _subject(address), MISSES)

    async def _clicked(self, code: str, message_id: str) -> Opened:
        now = round(self._conversions.clock() * 1000)
        said = await self._store.run(_CLICKED, [keys.message(message_id)], [code, now])
        if not said:
            return Opened.UNKNOWN
        first, to, endpoint, site, created = said
        if not first:
            return Opened.REPEATED
        await self._conversions.clicked(source_of(endpoint, site), to, int(created) / 1000)
        return Opened.COUNTED


def _subject(address: str) -> str:
    """Return by what tries are counted: a customer of IPv6 has thousands of addresses."""
    return network_subject(address) or limit_subject(address)
