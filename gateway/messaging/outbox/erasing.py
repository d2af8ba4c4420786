"""Texts that wait in the outbox, dropped because a person is to be forgotten."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.messaging.outbox.queue import OutboxEntry
from gateway.messaging.status import SPOKEN
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.scan import drop_members, hash_scan, set_scan


class QueuedTexts:
    """Drops them, also those that a process has claimed: it finds that its claim is lost."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def drop_to(self, e164: str) -> None:
        """Drop all texts to a number, and that they were there."""
        his = f"*>{e164}"
        async for directions in set_scan(self._store, keys.DUE, his):
            with budget():
                await self._store.execute("DEL", *map(keys.queue, directions))
                await self._store.execute("ZREM", keys.DUE, *directions)
        await drop_members(self._store, keys.PARKED, his)
        for key in (keys.CLAIMS, keys.RESERVED):
            async for found in hash_scan(self._store, key, his):
                with budget():
                    await self._store.execute("HDEL", key, *found)

    async def drop_said(self, session_id: str, directions: Iterable[str]) -> None:
        """Drop what was said in a session and waits in one of these directions."""
        for each in directions:
            queue = keys.queue(each)
            with budget():
                for text in await self._store.execute("LRANGE", queue, 0, -1):
                    if _said_in(session_id, text):
                        await self._store.execute("LREM", queue, 1, text)


def _said_in(session_id: str, text: str) -> bool:
    try:
        entry = OutboxEntry.from_json(text)
    except ValueError:  # the worker makes a dead letter of it
        return False
    return entry.session == session_id and entry.kind in SPOKEN
