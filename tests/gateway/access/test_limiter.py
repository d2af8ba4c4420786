"""Limits: exact over all processes, strict in every window, and still there without the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from conf.messages import MessageEndpoint
from gateway.access.client_address import limit_subject
from gateway.access.limiter import (
    Limit,
    Limiter,
    LocalLimiter,
    MessageLimits,
    Quota,
    ValidationLimits,
)
from gateway.errors import LimitExceeded, StoreUnavailable
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.support.visitor import eventually

Hit = Callable[[str, str, Limit], Awaitable[None]]

NOWHERE = "redis://127.0.0.1:1"
Count = Callable[[Quota, str], Awaitable[None]]

CLIENT = "203.0.113.9"
NUMBER = "+4917612345678"
MINUTE, HOUR = 60, 3600


@pytest.fixture(params=["in the store", "in this process"])
def hit(request: pytest.FixtureRequest, store: Store) -> Hit:
    """Both limiters count alike."""
    if request.param == "in the store":
        return Limiter(store).hit
    local = LocalLimiter()

    async def hit_local(limit_class: str, subject: str, limit: Limit) -> None:
        local.hit(limit_class, subject, limit)

    return hit_local


async def passes(call: Awaitable[None]) -> bool:
    """Whether a call is within its limit."""
    try:
        await call
    except LimitExceeded:
        return False
    return True


# -- counting ---------------------------------------------------------------------------------

# Calls one after the other: class, subject, amount, window (s), and whether the call passes.
Step = tuple[str, str, int, int, bool]


def same(amounts_and_passes: str) -> list[Step]:
    """Steps of one subject from words like ``3+`` (amount 3, passes) and ``3-`` (refused)."""
    words = amounts_and_passes.split()
    return [("message", "a", int(word[:-1]), MINUTE, word[-1] == "+") for word in words]


CASES: dict[str, list[Step]] = {
    "amount 1": same("1+ 1- 1-"),
    "amount 3": same("3+ 3+ 3+ 3- 3-"),
    "amount 0 is off": same("0+ 0+ 0+ 0+"),
    "switched on later": same("0+ 0+ 1+ 1-"),
    "switched off later": same("1+ 1- 0+ 0+ 1-"),
    "amount raised": same("2+ 2+ 2- 4+ 4+ 4-"),
    "amount lowered": same("4+ 4+ 4+ 2- 1- 4+ 4-"),
    "lowered below what is left": same("5+ 2+ 2- 5+ 5+ 5+ 5-"),
    "window shortened and widened": [
        ("message", "a", 1, HOUR, True),
        ("message", "a", 1, MINUTE, False),
        ("message", "a", 1, 2 * HOUR, False),
    ],
    "subjects apart": [
        ("message", "a", 1, MINUTE, True),
        ("message", "b", 1, MINUTE, True),
        ("message", "a", 1, MINUTE, False),
        ("message", "b", 1, MINUTE, False),
    ],
    "classes apart": [
        ("message", "a", 1, MINUTE, True),
        ("validation", "a", 1, MINUTE, True),
        ("message:/get/", "a", 1, MINUTE, True),
        ("message", "a", 1, MINUTE, False),
    ],
    "odd subjects": [
        ("message", "", 1, MINUTE, True),
        ("message", "", 1, MINUTE, False),
        ("message", "}{", 1, MINUTE, True),
        ("message", "}{", 1, MINUTE, False),
    ],
}


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES.keys())
async def test_so_many_calls_pass_and_no_more(hit: Hit, steps: list[Step]) -> None:
    found = [
        await passes(hit(limit_class, subject, Limit(amount, seconds)))
        for limit_class, subject, amount, seconds, _ in steps
    ]
    assert [expected for *_, expected in steps] == found


async def test_100_callers_in_three_processes_get_exactly_the_amount_ten_times_of_ten(
    stores: list[Store],
) -> None:
    limiters = [Limiter(store) for store in stores]

    async def wave(subject: str) -> int:
        calls = [limiters[n % 3].hit("message", subject, Limit(7, MINUTE)) for n in range(100)]
        return (await asyncio.gather(*map(passes, calls))).count(True)

    assert [7] * 10 == [await wave(f"wave {number}") for number in range(10)]


async def test_no_window_ever_holds_more_than_the_amount(stores: list[Store]) -> None:
    """Callers hammer for several windows; the server's own times of counted calls tell."""
    amount, seconds, counted = 5, 1, list[int]()
    limiters = [Limiter(store) for store in stores]

    async def hammer() -> None:
        calls = [limiters[n % 3].hit("message", "a", Limit(amount, seconds)) for n in range(30)]
        passed = (await asyncio.gather(*map(passes, calls))).count(True)
        newest = await stores[0].execute("LRANGE", keys.limit("message", "a"), 0, amount - 1)
        counted.extend(int(each) for each in reversed(newest[:passed]))

    async with asyncio.timeout(30):
        while len(counted) < 3 * amount:
            await hammer()
    gaps = [later - earlier for earlier, later in zip(counted, counted[amount:], strict=False)]
    assert min(gaps) >= seconds * 1000


async def test_refused_calls_do_not_count(hit: Hit) -> None:
    """Were they counted, a caller who asks again and again would never pass."""
    limit = Limit(1, 1)
    assert await passes(hit("message", "a", limit))
    assert not await passes(hit("message", "a", limit))
    await eventually(lambda: passes(hit("message", "a", limit)))
    assert not await passes(hit("message", "a", limit))


# -- how long to wait -------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1, MINUTE, 86_400])
async def test_retry_after_is_the_whole_window_right_after_the_call(hit: Hit, seconds: int) -> None:
    await hit("message", "a", Limit(1, seconds))
    with pytest.raises(LimitExceeded) as refused:
        await hit("message", "a", Limit(1, seconds))
    assert seconds == refused.value.retry_after


# Calls so many ms ago, newest first, under a limit of 3 in a minute. The tenth of a second lets
# the second in which the test looks be the same as that in which it wrote.
@pytest.mark.parametrize(
    ("ages", "retry_after"),
    [
        pytest.param([100, 100, 100], 60, id="just now"),
        pytest.param([100, 200, 10_100], 50, id="the oldest counts"),
        pytest.param([100, 200, 59_100], 1, id="nearly over"),
        pytest.param([100, 200, 60_000], None, id="over"),
        pytest.param([100, 200], None, id="one left"),
    ],
)
async def test_retry_after_is_in_whole_seconds_rounded_up(
    store: Store, ages: list[int], retry_after: int | None
) -> None:
    seconds, micros = await store.execute("TIME")
    now = int(seconds) * 1000 + int(micros) // 1000
    await store.execute("RPUSH", keys.limit("message", "a"), *(now - age for age in ages))
    found = None
    try:
        await Limiter(store).hit("message", "a", Limit(3, MINUTE))
    except LimitExceeded as refused:
        found = refused.retry_after
    assert retry_after == found


# -- what is kept -----------------------------------------------------------------------------


async def test_the_count_expires_with_its_window_from_the_first_call_on(store: Store) -> None:
    key = keys.limit("message", "a")
    for _ in range(5):
        await passes(Limiter(store).hit("message", "a", Limit(3, MINUTE)))
        assert 0 < await store.execute("PTTL", key) <= MINUTE * 1000
    assert 3 == await store.execute("LLEN", key)


async def test_a_count_is_gone_after_its_window(store: Store) -> None:
    await Limiter(store).hit("message", "a", Limit(3, 1))

    async def gone() -> bool:
        return not await store.execute("EXISTS", keys.limit("message", "a"))

    await eventually(gone)


async def test_a_limit_of_0_asks_nothing_of_the_store() -> None:
    await Limiter(connect(NOWHERE)).hit("message", "a", Limit(0, MINUTE))


async def test_without_the_store_the_count_is_not_known() -> None:
    with pytest.raises(StoreUnavailable):
        await Limiter(connect(NOWHERE)).hit("message", "a", Limit(1, MINUTE))


async def test_the_local_count_forgets_the_subject_that_was_quiet_for_longest() -> None:
    local = LocalLimiter(subjects=2)
    limit = Limit(1, MINUTE)
    for subject in ("a", "b"):
        local.hit("validation", subject, limit)
    with pytest.raises(LimitExceeded):
        local.hit("validation", "a", limit)  # heard of again: now b was quiet for longest
    local.hit("validation", "c", limit)
    with pytest.raises(LimitExceeded):
        local.hit("validation", "a", limit)
    local.hit("validation", "b", limit)


# -- the message endpoints --------------------------------------------------------------------


def endpoint(path: str, **limits: Any) -> MessageEndpoint:
    return MessageEndpoint(path, "text", "Sender", **limits)


ONE, TWO = endpoint("/message/"), endpoint("/app/")
AMOUNT = endpoint("/more/", limit_amount=2, receiver_limit_amount=2)
SAME = endpoint("/same/", limit_amount=1, receiver_limit_amount=1)
WINDOW = endpoint("/short/", limit_expires=1, receiver_limit_expires=1)
FREE = endpoint("/free/", limit_amount=0, receiver_limit_amount=0)

# Under a limit of one: the endpoints called one after the other, and which calls pass.
ENDPOINT_CASES = [
    pytest.param([ONE, ONE], [True, False], id="one endpoint"),
    pytest.param([ONE, TWO], [True, False], id="endpoints share one count"),
    pytest.param([ONE, AMOUNT, AMOUNT, AMOUNT], [True, True, True, False], id="own amount"),
    pytest.param([AMOUNT, ONE, ONE], [True, True, False], id="own amount counts apart"),
    pytest.param([ONE, SAME, SAME], [True, True, False], id="own amount equal to the common one"),
    pytest.param([ONE, WINDOW, WINDOW, ONE], [True, True, False, False], id="own window"),
    pytest.param([FREE, FREE, ONE, FREE], [True] * 4, id="own amount 0"),
]


@pytest.fixture
def limits() -> MessageLimits:
    return MessageLimits(Limit(1, HOUR), Limit(1, HOUR))


@pytest.fixture
def count(store: Store) -> Count:
    """Count a call, as its layer does."""
    limiter = Limiter(store)
    return lambda quota, who: limiter.hit(quota.limit_class, limit_subject(who), quota.limit)


@pytest.mark.parametrize(("called", "expected"), ENDPOINT_CASES)
async def test_endpoints_share_the_address_limit_unless_they_have_their_own(
    limits: MessageLimits, count: Count, called: list[MessageEndpoint], expected: list[bool]
) -> None:
    assert expected == [await passes(count(limits.of(each).address, CLIENT)) for each in called]


@pytest.mark.parametrize(("called", "expected"), ENDPOINT_CASES)
async def test_endpoints_share_the_receiver_limit_unless_they_have_their_own(
    limits: MessageLimits, count: Count, called: list[MessageEndpoint], expected: list[bool]
) -> None:
    assert expected == [await passes(count(limits.of(each).receiver, NUMBER)) for each in called]


async def test_a_shorter_window_of_one_endpoint_does_not_end_the_common_count_early(
    store: Store, limits: MessageLimits, count: Count
) -> None:
    await count(limits.of(ONE).address, CLIENT)
    await count(limits.of(WINDOW).address, CLIENT)
    await eventually(lambda: passes(count(limits.of(WINDOW).address, CLIENT)))
    assert not await passes(count(limits.of(ONE).address, CLIENT))
    assert await store.execute("PTTL", keys.limit("message", CLIENT)) > MINUTE * 1000


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", True, id="same IPv4"),
        pytest.param("203.0.113.9", "203.0.113.10", False, id="neighbour in IPv4"),
        pytest.param("203.0.113.9", "::ffff:203.0.113.9", True, id="IPv4-mapped"),
        pytest.param("2001:db8::1", "2001:db8::1:2:3:4", True, id="same /64"),
        pytest.param("2001:db8::1", "2001:DB8:0:0::FFFF", True, id="another spelling"),
        pytest.param("2001:db8::1", "2001:db8:0:1::1", False, id="another /64"),
        pytest.param("fe80::1%eth0", "fe80::2%eth1", True, id="zones"),
    ],
)
async def test_addresses_of_one_customer_share_a_count(
    limits: MessageLimits, count: Count, first: str, second: str, shared: bool
) -> None:
    await count(limits.of(ONE).address, first)
    assert shared is not await passes(count(limits.of(ONE).address, second))


async def test_address_and_receiver_are_counted_apart(limits: MessageLimits, count: Count) -> None:
    await count(limits.of(ONE).address, NUMBER)
    await count(limits.of(ONE).receiver, NUMBER)


OWN_LIMITS = {
    "the common ones": ({}, Limit(1, HOUR), Limit(2, HOUR)),
    "an amount of its own": ({"limit_amount": 5}, Limit(5, HOUR), Limit(2, HOUR)),
    "none for addresses": ({"limit_amount": 0}, Limit(0, HOUR), Limit(2, HOUR)),
    "a window of its own": ({"receiver_limit_expires": 60}, Limit(1, HOUR), Limit(2, 60)),
}


@pytest.mark.parametrize(("own", "address", "receiver"), OWN_LIMITS.values(), ids=OWN_LIMITS.keys())
def test_the_limits_of_an_endpoint_are_told_without_the_store(
    own: dict[str, Any], address: Limit, receiver: Limit
) -> None:
    limits = MessageLimits(Limit(1, HOUR), Limit(2, HOUR))
    endpoint = replace(ONE, **own)
    assert address == limits.of(endpoint).address.limit
    assert receiver == limits.of(endpoint).receiver.limit
    assert address == ValidationLimits(Limiter(connect(NOWHERE)), address).limit


async def test_what_spends_money_refuses_without_the_store() -> None:
    with pytest.raises(StoreUnavailable):
        await Limiter(connect(NOWHERE)).hit("message", CLIENT, Limit(1, HOUR))


# -- validation -------------------------------------------------------------------------------


async def test_validation_is_limited_by_the_store(stores: list[Store]) -> None:
    processes = [ValidationLimits(Limiter(store), Limit(2, HOUR)) for store in stores[:3]]
    assert [True, True, False] == [await passes(each.hit(CLIENT)) for each in processes]


async def test_validation_goes_on_without_the_store_and_still_refuses() -> None:
    limits = ValidationLimits(Limiter(connect(NOWHERE)), Limit(2, HOUR))
    assert [True, True, False] == [await passes(limits.hit("2001:db8::1")) for _ in range(3)]
    assert not await passes(limits.hit("2001:db8::2"))
    assert await passes(limits.hit("2001:db8:0:1::1"))


@pytest.mark.parametrize("name", ["message", "receiver", "validation"])
async def test_refusals_are_counted_in_the_metrics(
    store: Store, limits: MessageLimits, count: Count, name: str
) -> None:
    validation = ValidationLimits(Limiter(store), Limit(1, HOUR))
    call: Callable[[], Awaitable[None]] = {
        "message": lambda: count(limits.of(ONE).address, CLIENT),
        "receiver": lambda: count(limits.of(ONE).receiver, NUMBER),
        "validation": lambda: validation.hit(CLIENT),
    }[name]
    before = refusals(name)
    assert [True, False, False] == [await passes(call()) for _ in range(3)]
    assert 2 == refusals(name) - before


def refusals(name: str) -> float:
    return REGISTRY.get_sample_value("gateway_limit_refusals_total", {"limit": name}) or 0
