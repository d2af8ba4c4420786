"""MOs that belong to nothing, kept for the operator to read."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import ujson

from gateway.errors import BadRequest
from gateway.messaging.inbound.dedup import Token
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.budget import fresh_budget
from gateway.store.pipeline import Store
from gateway.store.script import Script

log = logging.getLogger(__name__)

# Redis takes no id at or before 0-0 as the open end of a range, and none beyond 64 bits.
_STREAM_ID = re.compile(r"[1-9][0-9]{0,18}-[0-9]{1,19}")
_NUMBER = re.compile(r"\+[0-9]+")

# Items looked at in one call when a number is erased.
CHUNK = 500

_KEEP = Script.load(__file__, "inbox_keep", "_enqueue", "_once", "_inbox")
_KEEP_STRAY = Script.load(__file__, "inbox_keep_stray", "_enqueue", "_once", "_inbox")
_PAGE = Script.load(__file__, "inbox_page")


class Inbox:
    """The MOs that nobody was found for; ``days``: how long each can be read.

    lifetime: the same in ms, for scripts that use the prelude ``_inbox``.
    """

    def __init__(self, store: Store, *, days: float) -> None:
        self._store = store
        self.lifetime = int(days * 86_400_000)

    def entry(self, inbound: Inbound, reason: str) -> str:
        """Return the JSON of an MO that a script keeps; reason: a word that says why."""
        item = {
            "provider": inbound.provider,
            "id": inbound.id,
            "from": _digits(inbound.sender),
            "to": _digits(inbound.to),
            "text": inbound.text,
            "reason": reason,
        }
        optional = {"data": inbound.data, "sent": inbound.sent}
        return ujson.dumps(item | {name: value for name, value in optional.items() if value})

    async def keep(self, inbound: Inbound, token: Token, reason: str) -> str:
        """Take an MO that nobody is answered for; returns kept or repeated."""
        happened: str = await self._store.run(
            _KEEP,
            [*token.keys, keys.INBOX],
            [token.digest, self.entry(inbound, reason), self.lifetime],
        )
        return happened

    async def keep_stray(self, inbound: Inbound, token: Token, number: str) -> str:
        """Take an MO unless its ``number`` (E.164) is one of its provider's in the pool.

        Returns kept or repeated, '' when it is and nothing was done.
        """
        item = self.entry(inbound, "not_our_number")
        happened: str = await self._store.run(
            _KEEP_STRAY,
            [*token.keys, keys.INBOX, keys.NUMBERS],
            [token.digest, item, self.lifetime, number, inbound.provider],
        )
        return happened

    async def page(self, limit: int, after: str) -> tuple[int, list[dict[str, Any]], str | None]:
        """Return how many there are, those following ``after`` ('' = the newest), and the next.

        Each is its MO with ``at``, when it came (UTC), and ``inbox_id``; the newest comes first.
        ``after`` and the next are an inbox_id. Raises BadRequest when ``after`` cannot be one.
        """
        if after and not _STREAM_ID.fullmatch(after):
            raise BadRequest("after: no such message")
        total, *flat = await self._store.run(_PAGE, [keys.INBOX], [limit, after, self.lifetime])
        ids, texts = flat[::2], flat[1::2]
        following = ids[limit - 1] if len(ids) > limit else None
        found = zip(ids[:limit], texts[:limit], strict=True)
        return total, [item for each in found if (item := _item(*each))], following

    async def erase_number(self, e164: str) -> int:
        """Erase all that a number has sent, or was sent; return how many MOs that were."""
        number, start, erased = _digits(e164), "-", 0
        while True:
            fresh_budget()
            found = await self._store.execute("XRANGE", keys.INBOX, start, "+", "COUNT", CHUNK)
            ids = [
                inbox_id
                for inbox_id, (_, text) in found
                if (item := _item(inbox_id, text)) and number in {item["from"], item["to"]}
            ]
            if ids:
                erased += await self._store.execute("XDEL", keys.INBOX, *ids)
            if len(found) < CHUNK:
                return erased
            start = f"({found[-1][0]}"


def _item(inbox_id: str, text: str) -> dict[str, Any] | None:
    """Return a kept MO, None when another release has written what this one cannot read."""
    try:
        item: dict[str, Any] = ujson.loads(text)
        at = time.gmtime(int(inbox_id.partition("-")[0]) / 1000)
        return item | {"at": time.strftime("%Y-%m-%d %H:%M:%S", at), "inbox_id": inbox_id}
    except (ValueError, TypeError):
        log.error("an item of the inbox cannot be read and is left out")
        return None


def _digits(written: str) -> str:
    """Return a number as the admin routes show it, anything else as it is written."""
    return written[1:] if _NUMBER.fullmatch(written) else written
