"""Who wants no texts, and the words by which people say so."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import UnknownPlace
from gateway.store import keys
from gateway.store.paging import Page, newest_first
from gateway.store.pipeline import Store


@dataclass(frozen=True, slots=True)
class OptOut:
    """A number (E.164) that gets no texts, and since when, ms."""

    number: str
    since: int


class OptOuts:
    """The numbers that texted STOP; what they are spared holds for the whole pool.

    STOP and START themselves are written by relay_stop.lua and relay_start.lua of conversations,
    together with all that follows from them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def is_out(self, e164: str) -> bool:
        """Tell whether nothing may be sent to a number."""
        return await self._store.execute("ZSCORE", keys.OPTOUTS, e164) is not None

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
        return bool(await self._store.execute("ZREM", keys.OPTOUTS, e164))


class Keywords:
    """The texts by which a person opts out (``stop``) and in again (``start``).

    A text counts only as a whole, in any case and width, whatever blanks are around it.
    """

    def __init__(self, stop: Iterable[str], start: Iterable[str]) -> None:
        self._stop = {_plain(word) for word in stop} - {""}
        self._start = {_plain(word) for word in start} - {""}

    def is_stop(self, text: str) -> bool:
        """Tell whether ``text`` opts out."""
        return _plain(text) in self._stop

    def is_start(self, text: str) -> bool:
        """Tell whether ``text`` opts in again."""
        return _plain(text) in self._start


def _plain(text: str) -> str:
    """Return ``text`` without what a person neither sees nor means: case, width, blanks."""
    if not text.isascii():
        # Phones of East Asia write Latin letters in full width; keyboards and copied texts leave
        # invisible characters (category Cf), such as zero-width blanks.
        wide = unicodedata.normalize("NFKC", text)
        text = "".join(each for each in wide if unicodedata.category(each) != "Cf")
    return text.strip().casefold()
