"""Pacing: turns over all processes, so that no second ever holds more than the rate."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from gateway.errors import StoreUnavailable
from gateway.messaging.sending.pacer import SHARES, Flow, Pacer
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.support.visitor import eventually

NOWHERE = "redis://127.0.0.1:1"
KEY = keys.pace("key")


async def newest(store: Store) -> int:
    """Return the latest reserved time (ms)."""
    return int(await store.execute("LINDEX", KEY, 0))


async def send_time(store: Store, rate: float) -> float:
    """Reserve a turn and return when it comes, in ms of the server's clock.

    The clock is read in the same pipeline just before, so what comes out is exact but for the
    time between two commands, which the pacer's margin of a twentieth covers many times over.
    """
    (seconds, micros), wait = await asyncio.gather(
        store.execute("TIME"), Pacer(store).reserve("key", rate, 60)
    )
    assert wait is not None
    return int(seconds) * 1000 + int(micros) / 1000 + wait * 1000


def most_in_any_second(times: Sequence[float]) -> int:
    """Return the most of the sorted ``times`` (ms) that lie within one second."""
    return max(
        sum(start <= each < start + 1000 for each in times[index:])
        for index, start in enumerate(times)
    )


async def test_no_second_holds_more_than_the_rate_over_three_processes(
    stores: list[Store],
) -> None:
    times = await asyncio.gather(*(send_time(stores[n % 3], 20) for n in range(60)))
    assert 20 == most_in_any_second(sorted(times))


@pytest.mark.parametrize("rate", [0.1, 0.5, 1, 1.5, 2.5, 3, 7.9, 20, 30])
async def test_reserved_times_keep_the_rate_in_every_second(
    stores: list[Store], rate: float
) -> None:
    times = []
    for number in range(3 * math.ceil(rate) + 1):
        store = stores[number % 3]
        assert await Pacer(store).reserve("key", rate, 600) is not None
        times.append(await newest(store))
    assert times == sorted(times)
    assert most_in_any_second(times) <= math.ceil(rate)
    # … and on the whole not below it by more than the margin and one interval.
    assert times[-1] - times[0] <= (len(times) - 1) / rate * 1000 * 1.1 + 1000 / rate


async def test_half_a_request_a_second_is_one_in_two_seconds(stores: list[Store]) -> None:
    pacer = Pacer(stores[0])
    assert 0 == await pacer.reserve("key", 0.5, 60)
    first = await newest(stores[0])
    await pacer.reserve("key", 0.5, 60)
    assert 2000 <= await newest(stores[0]) - first <= 2200


async def test_a_rate_of_0_is_at_once_and_asks_nothing_of_the_store() -> None:
    pacer = Pacer(connect(NOWHERE))
    assert 0 == await pacer.reserve("key", 0, 5)
    assert 3 == await pacer.reserve("key", 0, 5, hold=3)


async def test_names_are_paced_apart(stores: list[Store]) -> None:
    pacer = Pacer(stores[0])
    assert [0, 0] == [await pacer.reserve(name, 1, 5) for name in ("one", "two")]


async def test_a_turn_that_comes_too_late_is_not_reserved(stores: list[Store]) -> None:
    pacer = Pacer(stores[0])
    assert 0 == await pacer.reserve("key", 0.1, 5)
    before = await stores[0].execute("LRANGE", KEY, 0, -1)
    assert [None] * 10 == [await pacer.reserve("key", 0.1, 5) for _ in range(10)]
    assert before == await stores[0].execute("LRANGE", KEY, 0, -1)
    wait = await pacer.reserve("key", 0.1, 11)
    assert wait is not None
    assert 5 < wait <= 10.5


async def test_100_callers_get_the_turns_within_their_patience_and_no_more(
    stores: list[Store],
) -> None:
    calls = [Pacer(stores[n % 3]).reserve("key", 10, 1.5) for n in range(100)]
    waits = await asyncio.gather(*calls)
    # Ten at once and ten an interval later; the third ten would come after more than two seconds.
    assert 20 == sum(wait is not None for wait in waits)


async def test_a_hold_delays_everybody(stores: list[Store]) -> None:
    held = await Pacer(stores[0]).reserve("key", 20, 5, hold=2)
    assert 2 == held
    until = await newest(stores[0])
    for store in stores:
        assert await Pacer(store).reserve("key", 20, 5)
        assert until == await newest(store)


async def test_a_hold_beyond_the_longest_wait_reserves_nothing(stores: list[Store]) -> None:
    assert await Pacer(stores[0]).reserve("key", 20, 1, hold=2) is None
    assert 0 == await stores[0].execute("EXISTS", KEY)


async def test_a_hold_leaves_what_is_reserved_already(stores: list[Store]) -> None:
    pacer = Pacer(stores[0])
    await pacer.reserve("key", 1, 60, hold=10)
    later = await newest(stores[0])
    await pacer.reserve("key", 1, 60, hold=1)
    assert await newest(stores[0]) >= later + 1000


@pytest.mark.parametrize(("rate", "hold"), [(0.1, 0.0), (1, 0.0), (20, 0.0), (20, 4.0)])
async def test_reservations_expire_once_they_matter_no_more(
    stores: list[Store], rate: float, hold: float
) -> None:
    for _ in range(3):
        await Pacer(stores[0]).reserve("key", rate, 60, hold=hold)
        ahead = await newest(stores[0]) - await now(stores[0])
        interval = max(1, 1 / rate) * 1000 * 1.1
        assert ahead < await stores[0].execute("PTTL", KEY) <= ahead + interval + 1000
    assert await stores[0].execute("LLEN", KEY) <= max(1, rate)


async def now(store: Store) -> int:
    seconds, micros = await store.execute("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def test_without_the_store_no_turn_is_handed_out() -> None:
    with pytest.raises(StoreUnavailable):
        await Pacer(connect(NOWHERE)).reserve("key", 1, 5)


# -- shares -----------------------------------------------------------------------------------

ALL = (Flow.PUBLIC, Flow.RELAY, Flow.NOTICES)


async def want(pacer: Pacer, flow: Flow, taken: list[Flow], until: int) -> None:
    """Take turns of a flow, one after the other, until so many are taken by all together."""
    while len(taken) < until:
        wait = await pacer.reserve("key", 60, 5, flow=flow)
        if wait is not None and len(taken) < until:
            taken.append(flow)
            await asyncio.sleep(wait)


async def shared(stores: list[Store], demand: dict[Flow, int], turns: int) -> Counter[Flow]:
    """Return who got how many of so many turns; demand: who asks at a time, by flow."""
    taken: list[Flow] = []
    asking = [flow for flow, askers in demand.items() for _ in range(askers)]
    calls = [want(Pacer(stores[n % 3]), flow, taken, turns) for n, flow in enumerate(asking)]
    await asyncio.gather(*calls)
    return Counter(taken)


@pytest.mark.parametrize("seed", range(2))
async def test_no_flow_that_has_work_gets_less_than_its_share(
    stores: list[Store], seed: int
) -> None:
    """Whoever asks how often at a time, as long as it is enough to fill the share."""
    chance = random.Random(seed)
    demand = {flow: chance.randint(30, 80) for flow in ALL}
    got = await shared(stores, demand, 240)
    # Who comes first finds nobody else, and reserves a turn for each who asks.
    assert all(got[flow] >= (240 - 80) * weight / 5 for flow, weight in SHARES.items())


@pytest.mark.parametrize("flow", ALL)
async def test_what_the_others_leave_is_for_who_wants_it(stores: list[Store], flow: Flow) -> None:
    others = {each: 1 for each in ALL if each != flow}
    got = await shared(stores, {**others, flow: 40}, 100)
    assert got[flow] > 100 * SHARES[flow] / 5


async def test_a_flow_alone_has_the_whole_rate(stores: list[Store]) -> None:
    waits = [await Pacer(stores[0]).reserve("key", 20, 5) for _ in range(80)]
    assert None not in waits


async def test_weights_are_those_of_the_option(store: Store) -> None:
    pacer = Pacer(store, {Flow.PUBLIC: 1, Flow.RELAY: 8, Flow.NOTICES: 1})
    assert 0 == await pacer.reserve("key", 10, 5, flow=Flow.RELAY)
    held = await pacer.reserve("key", 10, 5, hold=0.8)
    assert held is not None
    assert await pacer.reserve("key", 10, 0.05) is None
    turns = [await pacer.reserve("key", 10, 5, flow=Flow.RELAY) for _ in range(8)]
    assert None not in turns
    assert await pacer.reserve("key", 10, 0.05, flow=Flow.RELAY) is None


async def test_a_flow_begins_while_another_wants_more_than_the_rate(stores: list[Store]) -> None:
    """Public demand above the rate left relayed texts no turn at all."""
    taken: list[Flow] = []
    crowd = [want(Pacer(stores[n % 3]), Flow.PUBLIC, taken, 300) for n in range(150)]
    public = asyncio.gather(*crowd)
    await eventually(lambda: len(taken) >= 30)
    relay = [want(Pacer(stores[0]), Flow.RELAY, taken, 300) for _ in range(50)]
    await asyncio.gather(public, *relay)
    late = Counter(taken[-100:])
    assert late[Flow.RELAY] >= 100 * 0.4
