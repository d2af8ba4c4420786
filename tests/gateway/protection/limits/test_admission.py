"""A call is counted by all its limits or by none, over all processes, and told the exact wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product

import pytest
from prometheus_client import REGISTRY

from conf.protection import Mode
from gateway.access.limiter import Limit, Look
from gateway.access.refusals import Refusals
from gateway.errors import StoreUnavailable
from gateway.protection.limits.admission import Admission, Layer, LayerRefused, Spare, SpareKind
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from gateway.store.script import Script
from tests.support.ageing import pass_time

DUMP = Script("return redis.sha1hex(redis.call('DUMP', KEYS[1]))")
NOWHERE = "redis://127.0.0.1:1"
MINUTE, HOUR, DAY = 60, 3600, 86_400


def layer(name: str, amount: int, seconds: int = HOUR, mode: Mode = Mode.ENFORCE) -> Layer:
    return Layer(name, name, Limit(amount, seconds), mode)


def watched(name: str, amount: int) -> Layer:
    return layer(name, amount, mode=Mode.MONITOR)


async def wait_of(admission: Admission, *layers: Layer) -> int:
    """Make a call: 0 when it was let through, else the seconds until it would be."""
    try:
        await admission.admit(layers)
    except LayerRefused as refusal:
        return refusal.retry_after
    return 0


async def counted(store: Store, *layers: Layer) -> list[int]:
    return [await store.execute("LLEN", each.keys[0]) for each in layers]


async def passed(admission: Admission, calls: int, *layers: Layer) -> int:
    """Make so many calls one after the other: how many were let through."""
    return [await wait_of(admission, *layers) for _ in range(calls)].count(0)


# -- all or none ------------------------------------------------------------------------------

# Layers of one call, how many of six calls pass, and what each layer has counted then.
TOGETHER = {
    "nothing to look at": ([], 6, []),
    "one": ([layer("message", 4)], 4, [4]),
    "the first is full first": ([layer("message", 2), layer("all", 4)], 2, [2, 2]),
    "the last is full first": ([layer("message", 5), layer("all", 1)], 1, [1, 1]),
    "one in the middle": ([layer("message", 5), layer("range", 3), layer("all", 4)], 3, [3, 3, 3]),
    "no limit among them": ([layer("message", 0), layer("all", 2)], 2, [0, 2]),
    "none but no limits": ([layer("message", 0), layer("all", 0)], 6, [0, 0]),
    "a watched one refuses nothing": ([layer("message", 5), watched("all", 2)], 5, [5, 2]),
    "all are watched": ([watched("message", 1), watched("all", 2)], 6, [1, 2]),
    "a watched one counts nothing that another refuses": (
        [watched("message", 9), layer("all", 2)],
        2,
        [2, 2],
    ),
}


@pytest.mark.parametrize(("layers", "through", "counts"), TOGETHER.values(), ids=TOGETHER.keys())
async def test_a_call_is_counted_by_all_its_layers_or_by_none(
    store: Store, layers: list[Layer], through: int, counts: list[int]
) -> None:
    assert through == await passed(Admission(store), 6, *layers)
    assert counts == await counted(store, *layers)


async def test_200_callers_at_four_processes_get_exactly_the_least_amount(
    stores: list[Store],
) -> None:
    """Ten times of ten; what they do not get is counted nowhere."""
    processes = [Admission(store) for store in stores]
    for wave in range(10):
        layers = [layer(f"message-{wave}", 20), layer(f"range-{wave}", 7), watched("all", 3)]
        calls = [wait_of(processes[n % 4], *layers) for n in range(200)]
        assert 7 == (await asyncio.gather(*calls)).count(0)
        assert [7, 7, 3] == await counted(stores[0], *layers)


async def test_callers_with_different_layers_share_what_they_have_in_common(
    stores: list[Store],
) -> None:
    """A hundred addresses, ten calls each: the endpoint lets fifty through, an address five."""
    processes = [Admission(store) for store in stores]
    endpoint = layer("endpoint", 50)
    calls = [
        wait_of(processes[n % 4], layer(f"message {n}", 5), endpoint)
        for n, _ in product(range(100), range(10))
    ]
    found = await asyncio.gather(*calls)
    assert 50 == found.count(0)
    by_address = [found[n * 10 : n * 10 + 10].count(0) for n in range(100)]
    assert max(by_address) <= 5


async def test_without_the_store_nobody_is_let_through() -> None:
    with pytest.raises(StoreUnavailable):
        await Admission(connect(NOWHERE)).admit([layer("message", 1)])


async def test_without_a_limit_the_store_is_not_asked() -> None:
    await Admission(connect(NOWHERE)).admit([layer("message", 0)])


# -- how long ---------------------------------------------------------------------------------


async def test_the_wait_is_that_until_all_would_let_the_call_through(store: Store) -> None:
    """Though the first that refuses would do so sooner."""
    admission = Admission(store)
    layers = [layer("message", 1, MINUTE), layer("range", 1, HOUR), layer("all", 5, DAY)]
    assert [0, HOUR] == [await wait_of(admission, *layers) for _ in range(2)]
    await pass_time(store, HOUR - 10)
    assert 10 == await wait_of(admission, *layers)
    await pass_time(store, 10)
    assert 0 == await wait_of(admission, *layers)


async def test_a_watched_layer_makes_nobody_wait_longer(store: Store) -> None:
    admission = Admission(store)
    layers = [layer("message", 1, MINUTE), replace(watched("all", 1), limit=Limit(1, DAY))]
    assert [0, MINUTE] == [await wait_of(admission, *layers) for _ in range(2)]


async def test_who_asks_again_and_again_passes_as_soon_as_he_would_have(store: Store) -> None:
    admission, only = Admission(store), layer("message", 1)
    assert 0 == await wait_of(admission, only)
    for _ in range(5):
        await pass_time(store, HOUR / 6)
        assert 0 < await wait_of(admission, only) <= HOUR
    await pass_time(store, HOUR / 6)
    assert 0 == await wait_of(admission, only)


# -- what is told -----------------------------------------------------------------------------


async def test_what_is_left_is_told_of_the_layer_that_is_to_be_told(store: Store) -> None:
    admission, hidden = Admission(store), layer("all", 9)
    first = replace(layer("message", 2, MINUTE), told=True)
    left = []
    for _ in range(2):
        allowance = (await admission.admit([first, hidden])).allowance
        assert allowance
        left.append((allowance.limit, allowance.left, allowance.more))
        await pass_time(store, 20)
    assert [(Limit(2, MINUTE), 1, 60), (Limit(2, MINUTE), 0, 40)] == left
    with pytest.raises(LayerRefused) as refusal:
        await admission.admit([first, hidden])
    assert refusal.value.told
    assert refusal.value.allowance
    assert (0, 20) == (refusal.value.allowance.left, refusal.value.retry_after)
    assert (await admission.admit([hidden])).allowance is None


async def test_a_refusal_by_another_layer_still_tells_what_is_left_of_the_first(
    store: Store,
) -> None:
    admission = Admission(store)
    layers = [replace(layer("message", 5), told=True), layer("all", 1)]
    await admission.admit(layers)
    with pytest.raises(LayerRefused) as refusal:
        await admission.admit(layers)
    assert not refusal.value.told
    assert refusal.value.allowance
    assert 4 == refusal.value.allowance.left


async def test_a_refusal_is_noted_for_the_operator_under_the_first_layer_that_refuses(
    store: Store,
) -> None:
    """Until when that layer refuses, whatever the others do."""
    blocks = Refusals(store)
    admission = Admission(store, blocks)
    layers = [watched("message", 1), layer("range", 1, MINUTE), layer("all", 1, HOUR)]
    assert [0, HOUR] == [await wait_of(admission, *layers) for _ in range(2)]
    [noted] = (await blocks.page(10, "")).items
    assert ("range", "range") == (noted.limit_class, noted.subject)
    [first] = await store.execute("LRANGE", keys.limit("range", "range"), 0, -1)
    assert noted.until_ms == int(first) + MINUTE * 1000
    for each in layers[1:]:
        assert await blocks.unblock(each.limit_class, each.subject)
    assert 0 == await wait_of(admission, *layers)


def series(name: str, limit: str) -> float:
    return REGISTRY.get_sample_value(name, {"limit": limit}) or 0


@pytest.mark.parametrize(
    ("limit_class", "limit"),
    [
        ("message:/app", "message"),
        ("address-86400", "address"),
        ("network-3600-2", "network"),
        ("range-3600:/app@shop-1", "range"),
        ("calling_code-3600", "calling_code"),
        ("endpoint-3600", "endpoint"),
        ("site-3600", "site"),
        ("all-86400", "all"),
        ("of a rule", "rule"),
    ],
)
@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (Mode.ENFORCE, "gateway_limit_refusals_total"),
        (Mode.MONITOR, "gateway_limits_watched_total"),
    ],
)
async def test_what_is_refused_or_would_be_is_counted(
    store: Store, limit_class: str, limit: str, mode: Mode, name: str
) -> None:
    before = series(name, limit)
    await passed(Admission(store), 3, layer(limit_class, 1, mode=mode))
    assert 2 == series(name, limit) - before


async def test_a_look_tells_what_a_call_would_meet_and_counts_nothing(store: Store) -> None:
    admission = Admission(store)
    layers = [layer("message", 3), layer("off", 0), layer("all", 2, MINUTE)]
    await passed(admission, 2, *layers)
    names = await store.execute("KEYS", "*")
    before = [await store.run(DUMP, [each], []) for each in names]
    looks = [Look(2, 3, HOUR, 0), Look(0, 0, HOUR, 0), Look(2, 2, MINUTE, MINUTE)]
    assert looks == await admission.look(layers)
    assert names == await store.execute("KEYS", "*")
    assert before == [await store.run(DUMP, [each], []) for each in names]


async def test_a_count_lasts_as_long_as_the_window_of_each_call_in_it(store: Store) -> None:
    """Its end is not set anew by each call, so it is a minute later."""
    admission, full = Admission(store), layer("message", 1)
    spare = Spare(SpareKind.SHARE, "49", 9)
    counting = Layer("all", "all", Limit(9, HOUR), spare=spare)
    for _ in range(5):
        await admission.admit([counting])
        for key in counting.keys:
            assert HOUR * 1000 <= await store.execute("PTTL", key) <= (HOUR + MINUTE) * 1000
    # The clock was put back, as a call that another limit refuses is the first to see.
    await passed(admission, 1, full)
    [newest] = await store.execute("LRANGE", counting.keys[0], 0, 0)
    await store.execute("LSET", counting.keys[0], 0, int(newest) + 10_000)
    assert 0 == await passed(admission, 1, full, counting)
    await admission.admit([counting])
    assert HOUR * 1000 <= await store.execute("PTTL", counting.keys[0])


# -- several servers --------------------------------------------------------------------------


class Apart(Store):
    """A store that is a Cluster, as far as it tells."""

    is_cluster = True


@pytest.fixture
async def apart(store: Store) -> Apart:
    return Apart(store._client)  # one server serves both


@pytest.mark.parametrize(("layers", "through", "counts"), TOGETHER.values(), ids=TOGETHER.keys())
async def test_one_script_a_layer_counts_alike(
    apart: Apart, layers: list[Layer], through: int, counts: list[int]
) -> None:
    assert through == await passed(Admission(apart), 6, *layers)
    assert counts == await counted(apart, *layers)


async def test_with_one_script_a_layer_no_more_than_the_amount_pass_and_the_rest_is_given_back(
    apart: Apart,
) -> None:
    """Of calls at the same moment a few less may pass, never more."""
    admission = Admission(apart)
    layers = [
        layer("message", 100),
        Layer("range", "r", Limit(100, HOUR), spare=Spare(SpareKind.CALLERS, "a digest")),
        Layer("endpoint", "e", Limit(100, HOUR), spare=Spare(SpareKind.SHARE, "49", 1)),
        layer("all", 7),
    ]
    calls = [wait_of(admission, *layers) for _ in range(200)]
    through = (await asyncio.gather(*calls)).count(0)
    assert 1 <= through <= 7
    assert [through] * 4 == await counted(apart, *layers)
    assert 7 - through == await passed(admission, 9, *layers)


async def test_on_a_cluster_a_call_that_is_refused_is_counted_nowhere_not_even_for_a_moment(
    apart: Apart,
) -> None:
    admission = Admission(apart)
    layers = [layer("message", 100), layer("all", 1)]
    assert 1 == await passed(admission, 1, *layers)
    before = apart.commands
    assert 0 == await passed(admission, 1, *layers)
    assert 2 == apart.commands - before
    assert [1, 1] == await counted(apart, *layers)
