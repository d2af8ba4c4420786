"""A limit that strangers have filled locks nobody out for long, and nobody of another country."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from gateway.access.limiter import Limit
from gateway.protection.limits.admission import Admission, Layer, Spare, SpareKind
from gateway.store import keys
from gateway.store.pipeline import Store
from tests.gateway.protection.limits.test_admission import wait_of
from tests.support.ageing import pass_time

NUMBER = "+4917612345678"
MINUTE, HOUR, DAY = 60, 3600, 86_400


def to_number(caller: str, amount: int = 5, seconds: int = DAY) -> Layer:
    """The limit of a receiver, as a caller meets it."""
    return Layer("receiver", NUMBER, Limit(amount, seconds), spare=Spare(SpareKind.CALLERS, caller))


def of_all(country: str, amount: int = 5, some: int = 1) -> Layer:
    """The limit of everything, as a call for a number of a country meets it."""
    spare = Spare(SpareKind.SHARE, country, some)
    return Layer("all-3600", "all", Limit(amount, HOUR), spare=spare)


@pytest.fixture
def admission(store: Store) -> Admission:
    return Admission(store)


async def fill(admission: Admission, *callers: str) -> None:
    for each in callers:
        assert 0 == await wait_of(admission, to_number(each))


# -- a number ---------------------------------------------------------------------------------


async def test_a_stranger_can_lock_somebody_else_out_of_a_number_for_about_a_minute_only(
    store: Store, admission: Admission
) -> None:
    """He himself has to wait until the window is over."""
    await fill(admission, *["flood"] * 5)
    assert DAY - 1 <= await wait_of(admission, to_number("flood")) <= DAY
    wait = await wait_of(admission, to_number("visitor"))
    assert 45 <= wait <= 75
    await pass_time(store, wait)
    assert 0 == await wait_of(admission, to_number("visitor"))


async def test_waits_double_with_each_further_message_and_end_at_an_hour(
    store: Store, admission: Admission
) -> None:
    await fill(admission, *"abcde")
    waits = []
    for caller in "fghijklmn":
        wait = await wait_of(admission, to_number(caller))
        waits.append(wait)
        await pass_time(store, wait)
        assert 0 == await wait_of(admission, to_number(caller))
    steps = [MINUTE * 2**n for n in range(6)] + [HOUR] * 3
    assert all(
        0.75 * step <= wait <= 1.25 * step + 1 for step, wait in zip(steps, waits, strict=True)
    )
    assert all(one < other for one, other in pairwise(waits[:6:2]))


async def test_all_strangers_are_told_the_same_moment(store: Store, admission: Admission) -> None:
    """So the answer is exact: whoever comes then is let through, and one second earlier nobody."""
    await fill(admission, *"abcde")
    waits = {await wait_of(admission, to_number(f"stranger {n}")) for n in range(20)}
    assert max(waits) - min(waits) <= 1
    await pass_time(store, min(waits) - 2)
    assert 0 < await wait_of(admission, to_number("early"))
    await pass_time(store, 2)
    assert 0 == await wait_of(admission, to_number("in time"))


async def test_of_many_strangers_at_that_moment_one_is_let_through(
    stores: list[Store], admission: Admission
) -> None:
    await fill(admission, *"abcde")
    await pass_time(stores[0], 2 * MINUTE)
    processes = [Admission(store) for store in stores]
    calls = [wait_of(processes[n % 4], to_number(f"stranger {n}")) for n in range(100)]
    assert 1 == (await asyncio.gather(*calls)).count(0)


async def test_waits_never_go_beyond_the_rest_of_the_window(
    store: Store, admission: Admission
) -> None:
    short = [to_number(each, amount=1, seconds=10) for each in ("flood", "visitor")]
    assert 0 == await wait_of(admission, short[0])
    assert await wait_of(admission, short[1]) <= 10
    await pass_time(store, 10)
    assert 0 == await wait_of(admission, short[1])


async def test_waits_begin_anew_once_the_number_was_left_alone(
    store: Store, admission: Admission
) -> None:
    await fill(admission, *"abcde")
    for caller in "fghij":
        await pass_time(store, 2 * HOUR)
        assert 0 == await wait_of(admission, to_number(caller))
    await pass_time(store, DAY)
    await fill(admission, *"klmno")
    assert 45 <= await wait_of(admission, to_number("visitor")) <= 75


async def test_what_was_let_through_beyond_the_amount_counts_for_who_wrote_before(
    store: Store, admission: Admission
) -> None:
    """In no window does he take part in more than the amount."""
    await fill(admission, "own", *"abcd")
    await pass_time(store, 2 * HOUR)
    await fill(admission, "e")
    await pass_time(store, DAY - 3 * HOUR)
    assert 0 < await wait_of(admission, to_number("own"))


async def test_who_wrote_is_known_under_the_number_alone_and_for_the_window(
    store: Store, admission: Admission
) -> None:
    await fill(admission, *"abc")
    key = keys.limit_callers("receiver", NUMBER)
    assert ["a", "b", "c"] == await store.execute("ZRANGE", key, 0, -1)
    assert key.endswith("{" + NUMBER + "}")
    assert 0 < await store.execute("TTL", key) <= DAY
    await pass_time(store, DAY)
    await fill(admission, "d")
    assert ["d"] == await store.execute("ZRANGE", key, 0, -1)


async def test_a_flood_of_a_day_from_as_many_addresses_as_it_likes_gets_a_text_an_hour_at_last(
    store: Store, admission: Admission
) -> None:
    through = 0
    for n in range(24 * 12):
        through += await wait_of(admission, to_number(f"address {n}")) == 0
        await pass_time(store, 5 * MINUTE)
    assert 5 + 20 <= through <= 5 + 36


# -- everything -------------------------------------------------------------------------------


async def test_a_flood_from_one_country_does_not_lock_out_another(admission: Admission) -> None:
    """Nor one from several: each has its share for itself."""
    flood = ["20", "27", "30", "31", "32", "33", "34", "36"]
    through = [await wait_of(admission, of_all(code)) for code in flood * 5]
    assert len(flood) == through.count(0)
    assert 0 < await wait_of(admission, of_all(flood[0]))
    assert 0 == await wait_of(admission, of_all("49"))
    assert 0 < await wait_of(admission, of_all("49"))


async def test_a_flood_of_one_country_gets_the_amount_and_no_more(admission: Admission) -> None:
    waits = [await wait_of(admission, of_all("49", amount=8, some=2)) for _ in range(20)]
    assert [0] * 8 == waits[:8]
    assert 0 not in waits[8:]


async def test_all_countries_together_get_the_amount_and_the_share_of_each_further_one(
    admission: Admission,
) -> None:
    first = [await wait_of(admission, of_all("49", amount=8, some=2)) for _ in range(8)]
    others = [
        await wait_of(admission, of_all(code, amount=8, some=2))
        for code in ("44", "33", "39")
        for _ in range(5)
    ]
    assert [8, 3 * 2] == [first.count(0), others.count(0)]


async def test_however_many_countries_a_flood_takes_it_gets_three_times_the_amount_at_most(
    stores: list[Store],
) -> None:
    processes = [Admission(store) for store in stores]
    calls = [wait_of(processes[n % 4], of_all(f"part {n % 50}")) for n in range(200)]
    assert 3 * 5 == (await asyncio.gather(*calls)).count(0)


async def test_a_share_is_free_again_when_its_window_is_over(
    store: Store, admission: Admission
) -> None:
    for _ in range(5):
        await wait_of(admission, of_all("44"))
    assert 0 == await wait_of(admission, of_all("49"))
    await pass_time(store, HOUR / 2)
    for _ in range(5):
        await wait_of(admission, of_all("44"))
    wait = await wait_of(admission, of_all("49"))
    assert HOUR / 2 - 2 <= wait <= HOUR / 2
    await pass_time(store, wait)
    assert 0 == await wait_of(admission, of_all("49"))
