"""Callers without their addresses."""

from __future__ import annotations

import pytest

from gateway.errors import StoreUnavailable
from gateway.protection.callers import Caller, Callers
from gateway.protection.shared_key import SharedKey
from gateway.store.pipeline import Store, connect

NOWHERE = "redis://127.0.0.1:1"
# Pairs of addresses, and whether they are the same visitor's and the same network's.
PAIRS = {
    "IPv4": ("203.0.113.9", "203.0.113.9", True, True),
    "two IPv4": ("203.0.113.9", "203.0.113.8", False, True),
    "of one /64": ("2001:db8:1:2::1", "2001:db8:1:2:3::4", True, True),
    "of one /48": ("2001:db8:1:2::1", "2001:db8:1:3::1", False, True),
    "of two /48": ("2001:db8:1:2::1", "2001:db8:2:2::1", False, False),
    "wrapped": ("203.0.113.9", "::ffff:203.0.113.9", True, True),
}


@pytest.mark.parametrize(("one", "other", "visitor", "network"), PAIRS.values(), ids=PAIRS)
async def test_digests_are_equal_where_limits_count_together(
    store: Store, one: str, other: str, visitor: bool, network: bool
) -> None:
    callers = Callers(SharedKey(store))
    first, second = await callers.of(one), await callers.of(other)
    assert visitor is (first.visitor == second.visitor)
    assert network is (first.network == second.network)


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8:1:2::1"])
async def test_a_note_has_the_digests_and_no_address(store: Store, address: str) -> None:
    caller = await Callers(SharedKey(store)).of(address)
    assert caller == Caller.of_note(caller.note)
    assert (caller.network or caller.visitor) == caller.known_as
    assert bool(caller.network) is (":" in address)
    assert caller.note.replace(" ", "").isalnum()


def test_of_a_record_of_before_no_caller_is_known() -> None:
    assert Caller() == Caller.of_note("")
    assert "" == Caller().known_as


async def test_without_the_store_a_caller_is_not_known() -> None:
    store = connect(NOWHERE)
    with pytest.raises(StoreUnavailable):
        await Callers(SharedKey(store)).of("203.0.113.9")
    await store.close()
