"""Lists in pages: what follows a place, and where the next page begins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.errors import UnknownPlace
from gateway.store.pipeline import Store

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list; total: how long the whole is; next: where it goes on, None at its end."""

    total: int
    items: Sequence[Item]
    next: str | None


async def newest_first(
    store: Store, index: str, limit: int, after: str, *, noun: str, oldest: int | None = None
) -> Page[str]:
    """Return the members of a sorted set by score that follow ``after`` ('' = from the newest).

    noun: what they are, for the error; oldest: the score below which nothing counts in the total.
    Raises UnknownPlace when ``after`` is no member.
    """
    start = 0
    if after:
        rank = await store.execute("ZREVRANK", index, after)
        if rank is None:
            raise UnknownPlace(f"after: no such {noun}")
        start = rank + 1
    total, found = await asyncio.gather(
        store.execute("ZCOUNT", index, "-inf" if oldest is None else oldest, "+inf"),
        store.execute("ZRANGE", index, start, start + limit, "REV"),
    )
    items = found[:limit]
    return Page(total, items, items[-1] if len(found) > limit else None)
