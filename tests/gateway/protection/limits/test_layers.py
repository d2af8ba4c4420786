"""Which limits a call has: by whom, to whom, at which endpoint, for which shop, in which mode."""

from __future__ import annotations

from itertools import product

import pytest

from conf.messages import MessageEndpoint
from conf.protection import By, Exempt, LayerLimit, Mode, Protection
from conf.settings import Settings
from conf.tables import MAX_LIMIT
from gateway.access.limiter import Limit, MessageLimits
from gateway.protection.limits.admission import Admission, Layer, LayerRefused, SpareKind
from gateway.protection.limits.layers import (
    USUAL_ADDRESS,
    USUAL_RECEIVER,
    Call,
    Layers,
    number_range,
)
from gateway.store.pipeline import Store

NOWHERE = "redis://127.0.0.1:1"
HOUR, DAY = 3600, 86_400
ADDRESS, NETWORK = "203.0.113.9", "2001:db8:1:2::1"
NUMBER = "+4917612345678"
ONE, TWO = (MessageEndpoint(path, "text", "Sender") for path in ("/one", "/two"))
OWN = MessageEndpoint(
    "/own", "text", "Sender", limit_amount=2, receiver_limit_amount=1, receiver_limit_expires=60
)
UNLIMITED = MessageEndpoint("/free", "text", "Sender", limit_amount=0, receiver_limit_amount=0)


def layers_of(
    protection: Protection | None = None,
    mode: Mode = Mode.ENFORCE,
    endpoint: MessageEndpoint = ONE,
    call: Call | None = None,
) -> list[Layer]:
    limits = MessageLimits(Limit(10, HOUR), Limit(5, DAY))
    found = Layers(limits, protection or Protection(), mode).of(endpoint)
    call = call or Call(ADDRESS, NUMBER)
    return [*found.caller(call), *found.message(call)]


def shown(layers: list[Layer]) -> list[tuple[str, str, int, int]]:
    return [(x.limit_class, x.subject, x.limit.amount, x.limit.seconds) for x in layers]


def names(layers: list[Layer]) -> list[str]:
    return [each.limit_class for each in layers]


MESSAGE, RECEIVER = ("message", ADDRESS, 10, HOUR), ("receiver", NUMBER, 5, DAY)


def test_by_default_a_call_has_these_layers_in_this_order() -> None:
    assert [
        MESSAGE,
        ("address-86400", ADDRESS, 30, DAY),
        RECEIVER,
        ("range-3600", "491761234xxxx", 10, HOUR),
        ("range-86400", "491761234xxxx", 50, DAY),
        ("calling_code-3600", "49", 200, HOUR),
        ("endpoint-3600", "/one", 500, HOUR),
        ("all-3600", "all", 1000, HOUR),
        ("all-86400", "all", 20_000, DAY),
    ] == shown(layers_of())


def test_ipv6_counts_by_64_and_by_48_and_a_shop_by_its_key() -> None:
    found = shown(layers_of(call=Call(NETWORK, NUMBER, "shop-1")))
    assert [
        ("message", "2001:db8:1:2::/64", 10, HOUR),
        ("address-86400", "2001:db8:1:2::/64", 30, DAY),
        ("network-3600", "2001:db8:1::/48", 40, HOUR),
        ("network-86400", "2001:db8:1::/48", 120, DAY),
    ] == found[:4]
    assert ("site-3600", "shop-1", 300, HOUR) in found


@pytest.mark.parametrize("address", ["::ffff:203.0.113.9", "64:ff9b::cb00:7109", ADDRESS])
def test_ipv4_has_no_network_however_it_is_wrapped(address: str) -> None:
    assert not any(name.startswith("network") for name in names(layers_of(call=Call(address))))


def test_a_call_with_no_usable_number_has_the_layers_of_its_caller_alone() -> None:
    limits = MessageLimits(Limit(10, HOUR), Limit(5, DAY))
    found = Layers(limits, Protection(), Mode.ENFORCE).of(ONE).caller(Call(NETWORK))
    assert ["message", "address-86400", "network-3600", "network-86400"] == names(found)


MODES = {
    Mode.ENFORCE: [Mode.ENFORCE, Mode.ENFORCE, Mode.MONITOR],
    Mode.MONITOR: [Mode.ENFORCE, Mode.MONITOR, Mode.MONITOR],
}
THREE = Protection(
    own_limits=tuple(
        LayerLimit(by, 7, 60, mode)
        for by in By
        for mode in (Mode.ENFORCE, Mode.MONITOR, Mode.OFF)
        if by in {By.ALL, By.ADDRESS}
    )
)


@pytest.mark.parametrize(("mode", "modes"), MODES.items())
def test_the_option_turns_all_but_the_contracts_two_into_watched_ones(
    mode: Mode, modes: list[Mode]
) -> None:
    """A limit that is off is not there; one that is watched is never enforced."""
    found = {each.limit_class: each.mode for each in layers_of(THREE, mode)}
    assert modes == [found[name] for name in ("message", "all-60", "all-60-2")]
    assert "all-60-3" not in found
    assert Mode.ENFORCE is found["receiver"]


@pytest.mark.parametrize("endpoint", [ONE, OWN, UNLIMITED])
def test_without_protection_the_contracts_two_are_all(endpoint: MessageEndpoint) -> None:
    """Plain ones: no stranger is let through before his time."""
    found = layers_of(THREE, Mode.OFF, endpoint)
    assert (
        names(found)
        == {
            "/one": ["message", "receiver"],
            "/own": ["message:/own", "receiver:/own"],
            "/free": [],
        }[endpoint.path]
    )
    assert {SpareKind.NOBODY} >= {each.spare.kind for each in found}


def test_an_endpoint_with_limits_of_its_own_keeps_its_own_counts() -> None:
    found = shown(layers_of(endpoint=OWN))
    assert ("message:/own", ADDRESS, 2, HOUR) == found[0]
    assert ("receiver:/own", NUMBER, 1, 60) in found
    assert ("endpoint-3600", "/own", 500, HOUR) in found
    assert "address-86400" not in names(layers_of(endpoint=OWN))


def limits(*own: LayerLimit) -> Protection:
    return Protection(own_limits=own)


# The limits of a file, and the classes that calls at /one, at /two and of shop-1 at /one have.
SELECTED = {
    "one window": (
        limits(LayerLimit(By.ALL, 5, 60)),
        (["all-60"], ["all-60"], ["all-60"]),
    ),
    "two windows": (
        limits(LayerLimit(By.ALL, 5, 60), LayerLimit(By.ALL, 9, HOUR)),
        (["all-60", "all-3600"], ["all-60", "all-3600"], ["all-60", "all-3600"]),
    ),
    "the same window twice": (
        limits(LayerLimit(By.ALL, 5, 60), LayerLimit(By.ALL, 3, 60, Mode.MONITOR)),
        (["all-60", "all-60-2"], ["all-60", "all-60-2"], ["all-60", "all-60-2"]),
    ),
    "for one endpoint": (
        limits(LayerLimit(By.ALL, 5, 60, endpoint="/two"), LayerLimit(By.ALL, 9, 60)),
        (["all-60"], ["all-60:/two", "all-60"], ["all-60"]),
    ),
    "for one shop": (
        limits(LayerLimit(By.ALL, 5, 60, site="shop-1")),
        ([], [], ["all-60:@shop-1"]),
    ),
    "for one shop at one endpoint": (
        limits(LayerLimit(By.ALL, 5, 60, endpoint="/one", site="shop-1")),
        ([], [], ["all-60:/one@shop-1"]),
    ),
    "none": (limits(LayerLimit(By.ALL, 0, 60)), ([], [], [])),
    "off": (limits(LayerLimit(By.ALL, 5, 60, Mode.OFF)), ([], [], [])),
}


@pytest.mark.parametrize(("protection", "classes"), SELECTED.values(), ids=SELECTED.keys())
def test_limits_of_the_file_replace_the_defaults_by_the_same(
    protection: Protection, classes: tuple[list[str], ...]
) -> None:
    calls = [(ONE, Call(ADDRESS, NUMBER)), (TWO, Call(ADDRESS, NUMBER))]
    calls.append((ONE, Call(ADDRESS, NUMBER, "shop-1")))
    for (endpoint, call), expected in zip(calls, classes, strict=True):
        found = names(layers_of(protection, endpoint=endpoint, call=call))
        assert expected == [each for each in found if each.startswith("all")]
        assert "range-3600" in found


@pytest.mark.parametrize("by", By)
def test_every_kind_of_limit_has_a_subject_that_is_its_own(by: By) -> None:
    """Calls that differ in it are counted apart, calls that do not are counted together."""
    calls = {
        By.ADDRESS: [Call("2001:db8:1:2::1"), Call("2001:db8:1:2:3::1"), Call("2001:db8:1:3::1")],
        By.NETWORK: [Call("2001:db8:1:2::1"), Call("2001:db8:1:3::1"), Call("2001:db8:2:3::1")],
        By.RECEIVER: [
            Call(ADDRESS, NUMBER),
            Call(NETWORK, NUMBER),
            Call(ADDRESS, "+4917612345679"),
        ],
        By.RANGE: [
            Call(ADDRESS, NUMBER),
            Call(ADDRESS, "+4917612340000"),
            Call(ADDRESS, "+49176000"),
        ],
        By.CALLING_CODE: [
            Call(ADDRESS, NUMBER),
            Call(ADDRESS, "+493012345"),
            Call(ADDRESS, "+4412"),
        ],
        By.SITE: [
            Call(ADDRESS, NUMBER, "a"),
            Call(NETWORK, NUMBER, "a"),
            Call(ADDRESS, NUMBER, "b"),
        ],
        By.ENDPOINT: [Call(ADDRESS), Call(NETWORK), Call(ADDRESS)],
        By.ALL: [Call(ADDRESS), Call(NETWORK, NUMBER), Call(ADDRESS)],
    }[by]
    endpoints = [ONE, ONE, TWO if by is By.ENDPOINT else ONE]
    [first, same, other] = [
        [
            x.subject
            for x in layers_of(limits(LayerLimit(by, 5, 61)), Mode.ENFORCE, endpoint, call)
            if x.limit.seconds == 61
        ]
        for endpoint, call in zip(endpoints, calls, strict=True)
    ]
    assert first == same
    assert 1 == len(first)
    assert (first == other) is (by is By.ALL)


def amounts(
    address: int,
    receiver: int,
    protection: Protection | None = None,
    *,
    windows: tuple[int, int] = (HOUR, DAY),
) -> dict[str, int]:
    options = Limit(address, windows[0]), Limit(receiver, windows[1])
    limits = MessageLimits(*options)
    found = Layers(limits, protection or Protection(), Mode.ENFORCE).of(ONE)
    call = Call(NETWORK, NUMBER)
    layers = [*found.caller(call), *found.message(call)]
    return {each.limit_class: each.limit.amount for each in layers}


DEFAULTS = {"address-86400": 30, "network-3600": 40, "network-86400": 120, "range-3600": 10}
PROPORTIONS = {
    "as they are": (10, 5, DEFAULTS),
    "lowered options lower no default": (3, 1, DEFAULTS),
    "raised options raise what stands beside them": (
        100,
        50,
        {"address-86400": 300, "network-3600": 400, "network-86400": 1200, "range-3600": 100},
    ),
    "no limit of addresses is none for a day either": (
        0,
        0,
        {"network-3600": 40, "network-86400": 120, "range-3600": 10},
    ),
}


@pytest.mark.parametrize(
    ("address", "receiver", "expected"), PROPORTIONS.values(), ids=PROPORTIONS.keys()
)
def test_a_default_does_not_take_away_what_an_option_allows(
    address: int, receiver: int, expected: dict[str, int]
) -> None:
    found = amounts(address, receiver)
    assert expected == {name: found[name] for name in DEFAULTS if name in found}
    usual = Settings()
    assert (USUAL_ADDRESS, USUAL_RECEIVER) == (
        Limit(usual.limit_amount, usual.limit_expires),
        Limit(usual.receiver_limit_amount, usual.receiver_limit_expires),
    )


def test_nor_when_the_option_allows_the_same_in_a_shorter_window() -> None:
    """Else who may call ten times a minute would be refused for a day after three of them."""
    found = amounts(10, 5, windows=(60, 2 * HOUR))
    grown = {"address-86400": 1800, "network-3600": 2400, "network-86400": 7200, "range-3600": 120}
    assert grown == {name: found[name] for name in grown}
    assert amounts(10, 5) == amounts(10, 5, windows=(2 * HOUR, 30 * DAY))
    assert MAX_LIMIT == amounts(MAX_LIMIT, 5, windows=(1, DAY))["network-86400"]


@pytest.mark.parametrize("amount", [0, 3, 10, 1000])
def test_a_limit_of_the_file_is_what_the_file_says(amount: int) -> None:
    own = limits(LayerLimit(By.ADDRESS, 30, DAY), LayerLimit(By.RANGE, 7, DAY))
    found = amounts(amount, amount, own)
    assert (30, 7) == (found["address-86400"], found["range-86400"])


# -- exempt numbers ---------------------------------------------------------------------------

DESK = Protection(exempt=(Exempt(NUMBER),))


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.MONITOR])
def test_an_exempt_number_is_counted_and_refused_by_the_limit_of_the_address_alone(
    mode: Mode,
) -> None:
    """The contract's, without which one desk could be the door for all."""
    found = layers_of(DESK, mode)
    assert ["message"] == [each.limit_class for each in found if each.mode is Mode.ENFORCE]
    assert len(found) == len(layers_of(Protection(), mode))


def test_other_numbers_are_not_exempt_and_nobody_is_without_protection() -> None:
    other = Call(ADDRESS, "+4917612345679")
    assert layers_of(DESK, call=other) == layers_of(Protection(), call=other)
    assert [Mode.ENFORCE] * 2 == [each.mode for each in layers_of(DESK, Mode.OFF)]


@pytest.mark.parametrize(
    ("declared", "asked"),
    [
        ("+541123456789", "+5491123456789"),
        ("+5215512345678", "+525512345678"),  # as it was dialled until 2019
        ("+841212345678", "+84792345678"),
    ],
)
def test_an_exempt_number_is_so_in_all_its_forms(declared: str, asked: str) -> None:
    protection = Protection(exempt=(Exempt(declared),))
    found = layers_of(protection, call=Call(ADDRESS, asked))
    assert ["message"] == [each.limit_class for each in found if each.mode is Mode.ENFORCE]


@pytest.mark.parametrize(("number", "mode"), [(NUMBER, Mode.MONITOR), ("+44", Mode.ENFORCE)])
def test_the_layer_of_a_rule_comes_last_and_spares_the_exempt(number: str, mode: Mode) -> None:
    limits = MessageLimits(Limit(10, HOUR), Limit(5, DAY))
    rule = Layer("rule-1", "AF", Limit(50, DAY))
    found = Layers(limits, DESK, Mode.ENFORCE).of(ONE).message(Call(ADDRESS, number), rule)
    assert ("rule-1", mode) == (found[-1].limit_class, found[-1].mode)


# -- what is told -----------------------------------------------------------------------------

DAILY = limits(LayerLimit(By.ADDRESS, 30, DAY))
TOLD = {
    "the contract's limit": (ONE, Protection(), Mode.ENFORCE, "message"),
    "the next one by address where there is none": (
        UNLIMITED,
        DAILY,
        Mode.ENFORCE,
        "address-86400",
    ),
    "never one that is watched": (UNLIMITED, DAILY, Mode.MONITOR, None),
    "nothing where nothing limits": (UNLIMITED, Protection(), Mode.OFF, None),
}


@pytest.mark.parametrize(("endpoint", "protection", "mode", "told"), TOLD.values(), ids=TOLD.keys())
def test_visitors_are_told_of_the_first_limit_of_their_address(
    endpoint: MessageEndpoint, protection: Protection, mode: Mode, told: str | None
) -> None:
    found = layers_of(protection, mode, endpoint, Call(NETWORK, NUMBER))
    assert [told] * bool(told) == [each.limit_class for each in found if each.told]


# -- parts of numbers -------------------------------------------------------------------------

CODES = {
    "+4917612345678": "49",
    "+12065550123": "1",
    "+18765550123": "1",
    "+79161234567": "7",
    "+3581234567": "358",
    "+88212345678": "882",
}


@pytest.mark.parametrize(("number", "code"), CODES.items())
def test_numbers_of_one_calling_code_are_counted_together(number: str, code: str) -> None:
    found = {each.limit_class: each for each in layers_of(call=Call(ADDRESS, number))}
    assert code == found["calling_code-3600"].subject
    assert code == found["all-3600"].spare.who


def test_a_range_holds_ten_thousand_numbers() -> None:
    tails = ["".join(each) for each in product("05", repeat=4)]
    assert {"4917612345xxxx"} == {number_range(f"+4917612345{tail}") for tail in tails}
    assert number_range("+49176123460000") != number_range("+49176123450000")
    assert "" == number_range("")


# -- together with the store ------------------------------------------------------------------


async def passes(store: Store, layers: list[Layer]) -> bool:
    try:
        await Admission(store).admit(layers)
    except LayerRefused:
        return False
    return True


async def test_a_48_that_holds_many_64s_gets_no_more_than_its_limit(store: Store) -> None:
    """A hundred visitors of it, each with a number of his own elsewhere."""
    calls = [Call(f"2001:db8:1:{n:x}::1", f"+49{n:03}{n:04}0000") for n in range(100)]
    results = [await passes(store, layers_of(call=each)) for each in calls]
    assert [True] * 40 == results[:40]
    assert not any(results[40:])
    assert await passes(store, layers_of(call=Call("2001:db8:2::1", "+4917699990000")))


async def test_a_flood_on_one_range_from_many_networks_leaves_other_countries_alone(
    store: Store,
) -> None:
    """And is let through ten times, then in growing waits."""
    calls = [Call(f"2001:db8:{n:x}::1", f"+4917612345{n:03}") for n in range(60)]
    assert 10 == [await passes(store, layers_of(call=each)) for each in calls].count(True)
    assert await passes(store, layers_of(call=Call(ADDRESS, "+447700900123")))


def flooding(protection: Protection, calls: int, codes: list[str]) -> list[list[Layer]]:
    found = []
    for n in range(calls):
        call = Call(f"2001:db8:{n:x}::1", f"+{codes[n % len(codes)]}7{n:05}0000")
        found.append(layers_of(protection, call=call))
    return found


@pytest.mark.parametrize("codes", [["44"], ["44", "33", "39", "34", "48", "351", "1", "7"]])
@pytest.mark.parametrize("by", [By.ENDPOINT, By.ALL, By.RANGE, By.CALLING_CODE, By.NETWORK])
async def test_a_flood_from_elsewhere_does_not_lock_out_a_visitor_of_another_address_and_country(
    store: Store, by: By, codes: list[str]
) -> None:
    tight = limits(LayerLimit(by, 20, HOUR))
    for layers in flooding(tight, 120, codes):
        await passes(store, layers)
    visitor = Call(ADDRESS, NUMBER)
    assert await passes(store, layers_of(tight, call=visitor))
