"""Large hashes and sorted sets, read some at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.store.budget import budget
from gateway.store.pipeline import Store

CHUNK = 500


async def hash_scan(store: Store, key: str, match: str = "*") -> AsyncIterator[dict[str, str]]:
    """Yield the fields of a hash whose names match, with their values, some at a time.

    What is yielded is never empty, here and below.
    """
    async for flat in _scan(store, "HSCAN", key, match):
        yield dict(zip(flat[::2], flat[1::2], strict=True))


async def set_scan(store: Store, key: str, match: str = "*") -> AsyncIterator[list[str]]:
    """Yield the members of a sorted set that match, some at a time."""
    async for flat in _scan(store, "ZSCAN", key, match):
        yield flat[::2]


async def drop_members(store: Store, key: str, match: str) -> None:
    """Drop the members of a sorted set that match."""
    async for members in set_scan(store, key, match):
        with budget():
            await store.execute("ZREM", key, *members)


async def _scan(store: Store, command: str, key: str, match: str) -> AsyncIterator[list[str]]:
    """Each step has the store's second for itself."""
    cursor = "0"
    while True:
        with budget():
            cursor, flat = await store.execute(command, key, cursor, "MATCH", match, "COUNT", CHUNK)
        if flat:
            yield flat
        if cursor == "0":
            return
