"""Who wants no texts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from gateway.errors import UnknownPlace
from gateway.store import keys
from gateway.store.paging import Page, newest_first
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.telephony.plans import spellings

_LOOK = Script.load(__file__, "optout_look", "_optouts")
_REMOVE = Script.load(__file__, "optout_remove", "_optouts")
_ERASE = Script.load(__file__, "optout_erase", "_optouts")
_KEYS = (keys.OPTOUTS, keys.ERASED_OPTOUTS)


@dataclass(frozen=True, slots=True)
class OptOut:
    """A number (E.164) that gets no texts, and since when, ms."""

    number: str
    since: int


class OptOuts:
    """The numbers that texted STOP; what they are spared holds for the whole pool.

    STOP and START themselves are written by relay_stop.lua and relay_start.lua of conversations,
    together with all that follows from them. Of an erased number a keyed hash stays, see the
    prelude _optouts: it is asked for together with the others, and listed nowhere.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def is_out(self, e164: str) -> bool:
        """Tell whether nothing may be sent to a number."""
        return bool(await self._store.run(_LOOK, _KEYS, spellings(e164)))

    async def page(self, limit: int, after: str) -> Page[OptOut]:
        """Return those that follow ``after``, a number (E.164), '' = from the newest.

        Raises UnknownPlace when ``after`` has not opted out.
        """
        if not after.isascii():
            raise UnknownPlace("after: no such number")
        numbers = await newest_first(self._store, keys.OPTOUTS, limit, after, noun="number")
        if not numbers.items:
            return Page(numbers.total, [], None)
        scores = await self._store.execute("ZMSCORE", keys.OPTOUTS, *numbers.items)
        found = zip(numbers.items, scores, strict=True)
        items = [OptOut(number, int(float(since))) for number, since in found if since is not None]
        return Page(numbers.total, items, numbers.next)

    async def remove(self, e164: str) -> bool:
        """Let a number be texted again; False when it had not opted out."""
        return bool(await self._store.run(_REMOVE, _KEYS, spellings(e164)))

    async def erase_number(self, e164: str) -> bool:
        """Keep a STOP in force without the number; False when it had not opted out."""
        key = secrets.token_hex(32)
        return bool(await self._store.run(_ERASE, _KEYS, [key, *spellings(e164)]))

    async def erased(self) -> int:
        """Return how many have opted out whose numbers were erased."""
        return max(int(await self._store.execute("HLEN", keys.ERASED_OPTOUTS)) - 1, 0)
