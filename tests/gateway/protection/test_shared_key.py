"""The secret that all processes share."""

from __future__ import annotations

import asyncio

from gateway.protection.shared_key import KEY_BYTES, REMEMBERED_SECONDS, SharedKey
from gateway.store import keys
from gateway.store.pipeline import Store


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_all_processes_that_begin_at_once_have_the_same_key(stores: list[Store]) -> None:
    found = await asyncio.gather(*(SharedKey(each).get() for each in stores * 5))
    assert len(set(found)) == 1
    assert len(found[0]) == KEY_BYTES


async def test_the_store_is_asked_once_a_minute(store: Store) -> None:
    clock = Clock()
    key = SharedKey(store, clock)
    first = await key.get()
    await store.execute("DEL", keys.SHARED_KEY)
    assert await key.get() == first
    clock.now += REMEMBERED_SECONDS
    second = await key.get()
    assert second != first
    assert second == await SharedKey(store).get()


async def test_a_digest_is_the_same_in_all_processes_and_none_without_the_key(
    stores: list[Store],
) -> None:
    found = {await SharedKey(each).digest("192.0.2.7") for each in stores}
    assert len(found) == 1
    await stores[0].execute("DEL", keys.SHARED_KEY)
    assert await SharedKey(stores[0]).digest("192.0.2.7") not in found
