"""Who wants no texts, and the words by which people say so."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable

from gateway.errors import BadRequest
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

_PAGE = Script.load(__file__, "optout_page")


class OptOuts:
    """The numbers that texted STOP; what they are spared holds for the whole pool."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def is_out(self, e164: str) -> bool:
        """Tell whether nothing may be sent to a number."""
        return await self._store.execute("ZSCORE", keys.OPTOUTS, e164) is not None

    async def page(self, limit: int, after: str) -> tuple[int, list[dict[str, str]], str | None]:
        """Return how many there are, those following ``after`` ('' = the newest), and the next.

        Each is its number (digits) and since when (UTC), the newest first; ``after`` and the next
        are numbers of this list. Raises BadRequest when ``after`` is none of them.
        """
        start = f"+{after}" if after else ""
        if not after.isascii():
            raise BadRequest("after: no such number")
        found = await self._store.run(_PAGE, [keys.OPTOUTS], [limit, start])
        if not found:
            raise BadRequest("after: no such number")
        total, *flat = found
        shown = [
            {"number": number.removeprefix("+"), "since": _utc(int(float(since)))}
            for number, since in zip(flat[::2], flat[1::2], strict=True)
        ]
        following = shown[limit - 1]["number"] if len(shown) > limit else None
        return total, shown[:limit], following

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


def _utc(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ms / 1000))
