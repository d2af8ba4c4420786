"""The messages that went out, as the admin routes show them: all, those to a number, one's life."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import ujson

from gateway.errors import BadRequest
from gateway.messaging.receipts import Receipts
from gateway.messaging.status import summarise
from gateway.monitoring.metrics import provider_label
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.values import ID, days_ms

SHOWN = (
    *("sender", "text", "provider", "source", "session"),
    *("outcome", "code", "error", "price", "network"),
)

# Providers' ids have 16 to 64 characters, none of them a blank.
_PROVIDER_ID = re.compile(r"[!-~]{8,64}")

# How many there are, some of them, and where the page behind them begins, None at the end.
Page = tuple[int, list[dict[str, Any]], str | None]


class History:
    """Reads what ``Receipts`` has written down; days: how long that is kept."""

    def __init__(self, store: Store, receipts: Receipts, *, days: float) -> None:
        self._store = store
        self._receipts = receipts
        self._lifetime = days_ms(days)

    async def message(self, message_id: str) -> dict[str, Any] | None:
        """Return the life of one message, its events in order of time; None when unknown."""
        if not ID.fullmatch(message_id):
            return None
        fields, events = await asyncio.gather(
            self._receipts.fields(message_id),
            self._store.execute("HVALS", keys.message_events(message_id)),
        )
        if not fields:
            return None
        steps = sorted((ujson.loads(event) for event in events), key=lambda event: event["at"])
        return _public(message_id, fields) | {"events": steps}

    async def find(self, written: str, providers: Iterable[str]) -> str:
        """Return the id of the message that ``written`` names, '' when none does (any more).

        It is ours, or one that one of ``providers`` has given to a part.
        """
        if not _PROVIDER_ID.fullmatch(written):
            return ""
        own = written.lower() if ID.fullmatch(written.lower()) else ""
        kinds = {provider_label(each) for each in providers}
        known, *parts = await asyncio.gather(
            self._store.execute("EXISTS", keys.message(own)),
            *(self._store.execute("GET", keys.part(kind, written)) for kind in sorted(kinds)),
        )
        return own if own and known else next(filter(None, parts), "")

    async def messages(self, limit: int, after: str) -> Page:
        """Return how many there are, those following ``after`` ('' = the newest), and the next.

        The next is the ``after`` of the following page, None at the end. Raises BadRequest when
        ``after`` is no message in the list.
        """
        return await self._page(keys.MESSAGES, limit, after)

    async def messages_of(self, e164: str, limit: int, after: str) -> Page:
        """Return the same of the last thousand messages to one number."""
        return await self._page(keys.messages_of(e164), limit, after)

    async def ids_of(self, e164: str) -> list[str]:
        """Return the ids of the last thousand messages to one number."""
        return sorted(await self._store.execute("ZRANGE", keys.messages_of(e164), 0, -1))

    async def _page(self, index: str, limit: int, after: str) -> Page:
        start = 0
        if after:
            known = ID.fullmatch(after)
            rank = await self._store.execute("ZREVRANK", index, after) if known else None
            if rank is None:
                raise BadRequest("after: no such message")
            start = rank + 1
        oldest = int(time.time() * 1000) - self._lifetime
        total, ids = await asyncio.gather(
            self._store.execute("ZCOUNT", index, oldest, "+inf"),
            self._store.execute("ZRANGE", index, start, start + limit, "REV"),
        )
        listed = ids[:limit]
        following = listed[-1] if len(ids) > limit else None
        records = await asyncio.gather(*(self._receipts.fields(each) for each in listed))
        found = zip(listed, records, strict=True)
        return total, [_public(each, fields) for each, fields in found if fields], following


def _public(message_id: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a message as the admin routes show it: the number as digits, times in UTC."""
    status = summarise(fields)
    created = time.gmtime(int(fields["created"]) / 1000)
    fields = {**fields, "sender": fields.get("sender", "").removeprefix("+")}
    return {
        "id": message_id,
        "to": fields["to"].removeprefix("+"),
        "created": time.strftime("%Y-%m-%d %H:%M:%S", created),
        "delivery": status.delivery.value,
        "final": status.final,
        "parts": status.parts,
        "attempts": int(fields.get("attempts", 0)),
    } | {name: fields.get(name, "") for name in SHOWN}
