"""What is refused of the past, by whom, and whom it would have hit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from conf.protection import (
    Action,
    BudgetShare,
    By,
    Currency,
    Exempt,
    LayerLimit,
    Mode,
    NewCountry,
    Protection,
    Rule,
    StartPrice,
)
from gateway.access.limiter import Limit, MessageLimits
from gateway.messaging.history import Message
from gateway.messaging.status import Status
from gateway.protection.spending.money import Allowance
from gateway.providers.base import DeliveryState
from tests.support.scenes.past import (
    FAILED,
    HOUR_MS,
    NOON,
    PATH,
    message,
    rehearsed,
    terms,
)

HOUR, DAY = 3600, 86_400


def limits(*each: LayerLimit, **more: Any) -> Protection:
    """Return a protection file that has these limits alone."""
    off = tuple(LayerLimit(by, 0, HOUR) for by in By if by not in {x.by for x in each})
    return replace(Protection(own_limits=(*each, *off)), **more)


NOTHING = limits()


def block(**destination: Any) -> Protection:
    return replace(NOTHING, rules=(Rule(Action.BLOCK, **destination),))


# What is tried, of what ten messages, how many of them it refuses, and by what.
TEN = [message(n, 60 * n) for n in range(10)]
SAME_NUMBER = [replace(each, to="+491760000069") for each in TEN]
SAME_CALLER = [replace(each, caller="visitor") for each in TEN]
SAME_NETWORK = [replace(each, caller=f"visitor-{n} network") for n, each in enumerate(TEN)]
SAME_RANGE = [replace(each, to=f"+49176040690{n}0") for n, each in enumerate(TEN)]
FRENCH = [replace(each, to=f"+336399800{n}0") for n, each in enumerate(TEN)]
IN_SHOP = [replace(each, site="shop") for each in TEN]
IN_TURNS = [replace(each, source=f"/{n % 2}") for n, each in enumerate(TEN)]
CASES = {
    "nothing": (NOTHING, TEN, 0, ""),
    "the defaults": (Protection(), TEN, 0, ""),
    "a blocked country": (block(country="DE"), TEN, 10, "rule: country DE"),
    "another country": (block(country="FR"), TEN, 0, ""),
    "a blocked country of another endpoint": (block(country="DE", endpoint="/other"), TEN, 0, ""),
    "a blocked code": (block(calling_code="33"), FRENCH, 10, "rule: calling code 33"),
    "a blocked range": (
        block(range="+49176000469"),
        TEN,
        1,
        "rule: range +4917•••••69",
    ),
    "everything": (block(), TEN, 10, "rule: everything"),
    "a limited country": (
        replace(NOTHING, rules=(Rule(Action.LIMIT, country="DE", amount=4),)),
        TEN,
        6,
        "limit: rule",
    ),
    "by address": (limits(LayerLimit(By.ADDRESS, 3, DAY)), SAME_CALLER, 7, "limit: address-86400"),
    "by address, all different": (limits(LayerLimit(By.ADDRESS, 3, DAY)), TEN, 0, ""),
    "by network": (limits(LayerLimit(By.NETWORK, 3, DAY)), SAME_NETWORK, 7, "limit: network-86400"),
    "by network, IPv4": (limits(LayerLimit(By.NETWORK, 3, DAY)), SAME_CALLER, 0, ""),
    "by code": (limits(LayerLimit(By.CALLING_CODE, 3, DAY)), TEN, 7, "limit: calling_code-86400"),
    "by receiver, of one caller": (
        limits(LayerLimit(By.RECEIVER, 3, DAY)),
        [replace(each, caller="one") for each in SAME_NUMBER],
        7,
        "limit: receiver-86400",
    ),
    "by range, of one caller": (
        limits(LayerLimit(By.RANGE, 3, DAY)),
        [replace(each, caller="one") for each in SAME_RANGE],
        7,
        "limit: range-86400",
    ),
    "by shop": (limits(LayerLimit(By.SITE, 3, DAY)), IN_SHOP, 7, "limit: site-86400"),
    "by shop, without one": (limits(LayerLimit(By.SITE, 3, DAY)), TEN, 0, ""),
    "by endpoint": (limits(LayerLimit(By.ENDPOINT, 3, DAY)), IN_TURNS, 4, "limit: endpoint-86400"),
    "of one endpoint": (
        limits(LayerLimit(By.ENDPOINT, 3, DAY, endpoint="/1")),
        IN_TURNS,
        2,
        "limit: endpoint-86400:/1",
    ),
    "by all": (limits(LayerLimit(By.ALL, 3, DAY)), TEN, 7, "limit: all-86400"),
    "by all, with a share for each code": (
        limits(LayerLimit(By.ALL, 3, DAY)),
        [*TEN[:5], *FRENCH[5:]],
        6,
        "limit: all-86400",
    ),
    "in a window that goes by": (
        limits(LayerLimit(By.CALLING_CODE, 1, 120)),
        TEN,
        5,
        "limit: calling_code-120",
    ),
    "watched": (limits(LayerLimit(By.ALL, 3, DAY, Mode.MONITOR)), TEN, 0, ""),
    "off": (limits(LayerLimit(By.ALL, 3, DAY, Mode.OFF)), TEN, 0, ""),
    "an exempt number": (
        limits(LayerLimit(By.RECEIVER, 1, DAY), exempt=(Exempt("+491760000069"),)),
        [replace(each, caller="one") for each in SAME_NUMBER],
        0,
        "",
    ),
    "an exempt number in a blocked country": (
        replace(block(country="DE"), exempt=(Exempt("+491760000069"),)),
        SAME_NUMBER,
        0,
        "",
    ),
    "a budget of an endpoint": (
        replace(NOTHING, budgets=(BudgetShare(f"endpoint:{PATH}", Decimal("0.45")),)),
        TEN,
        6,
        f"budget: day endpoint:{PATH}",
    ),
    "a budget of a shop": (
        replace(NOTHING, budgets=(BudgetShare("site:shop", month=Decimal("0.3")),)),
        IN_SHOP,
        7,
        "budget: month site:shop",
    ),
}


@pytest.mark.parametrize(("tried", "messages", "refused", "reason"), CASES.values(), ids=CASES)
async def test_what_is_tried_refuses_what_it_says(
    tried: Protection, messages: list[Message], refused: int, reason: str
) -> None:
    report = await rehearsed(messages, terms(tried))
    assert 10 == report.played
    assert refused == report.tried.refused
    assert ({reason: refused} if refused else {}) == dict(report.tried.reasons)
    assert 0 == report.present.refused


@pytest.mark.parametrize("mode", [Mode.MONITOR, Mode.OFF])
async def test_terms_that_only_watch_refuse_nothing(mode: Mode) -> None:
    tried = replace(block(country="DE"), own_limits=(LayerLimit(By.ALL, 3, DAY),))
    assert 0 == (await rehearsed(TEN, terms(tried, mode=mode))).tried.refused


async def test_the_limits_of_the_contract_are_played_in_every_mode() -> None:
    own = MessageLimits(Limit(4, HOUR), Limit(0, 1))
    for mode in Mode:
        report = await rehearsed(SAME_CALLER, terms(NOTHING, limits=own, mode=mode))
        assert {"limit: message": 6} == report.tried.reasons


async def test_strangers_who_write_to_one_number_wait_longer_and_longer() -> None:
    """Ten callers a minute apart: one within the limit, and as many as its pauses let through."""
    tried = limits(LayerLimit(By.RECEIVER, 1, DAY))
    report = await rehearsed(SAME_NUMBER, terms(tried))
    assert 5 <= report.tried.refused <= 8


async def test_what_is_refused_counts_no_further() -> None:
    """By address one passes in two minutes; with the refused ones counted none would."""
    tried = limits(LayerLimit(By.ADDRESS, 1, 120))
    assert 5 == (await rehearsed(SAME_CALLER, terms(tried))).tried.refused


async def test_what_the_budget_refuses_is_counted_by_no_limit() -> None:
    tried = limits(LayerLimit(By.ALL, 8, DAY), budgets=(BudgetShare("site:shop", Decimal("0.2")),))
    report = await rehearsed([*IN_SHOP, message(20, 900), message(21, 901)], terms(tried))
    assert {"budget: day site:shop": 8} == report.tried.reasons


# -- money


async def test_a_budget_that_ends_stops_until_midnight_and_saves_the_rest() -> None:
    """One an hour from noon: twelve before midnight, for five of which there is money."""
    hourly = [message(n, HOUR * n) for n in range(24)]
    report = await rehearsed(hourly, terms(NOTHING, allowance=Allowance(500_000, 0)))
    assert {"budget: day all": 7 + 7} == report.tried.reasons
    assert {"EUR": 1_400_000} == report.tried.told
    assert [7, 7] == list(report.tried.days.values())


async def test_the_prices_of_a_message_are_told_or_estimated() -> None:
    free: dict[str, Any] = {"outcome": "refused", "price": "", "status": FAILED}
    messages = [
        message(1),
        message(2, price=""),
        message(3, **free),
        message(4, provider="smssync"),
    ]
    prices = (StartPrice(Decimal("0.25"), "DE"),)
    currencies = (Currency("nexmo", "USD", Decimal("0.5")),)
    tried = replace(block(), prices=prices, currencies=currencies)
    report = await rehearsed(messages, terms(tried))
    assert 100_000 == report.tried.told["USD"]
    assert {"USD": 250_000} == report.tried.estimated
    assert 0 == report.tried.told["EUR"]


async def test_texts_of_others_spend_and_wait_but_are_not_refused_visitors() -> None:
    relayed = [message(n, n, source="relay", session="s", caller="") for n in range(4)]
    asked = [message(n, n, source="admin", caller="") for n in range(4, 6)]
    tried = terms(NOTHING, allowance=Allowance(300_000, 0))
    report = await rehearsed([*relayed, *asked, message(9, 9)], tried)
    assert (6, 1, 1) == (report.others, report.played, report.tried.refused)
    expected = {"texts of conversations": 1, "messages of administrators": 2}
    assert expected == report.tried.waiting
    own = replace(NOTHING, budgets=(BudgetShare("relay", Decimal("0.1")),))
    assert {"texts of conversations": 3} == (await rehearsed(relayed, terms(own))).tried.waiting


async def test_what_was_before_counts_and_is_not_judged() -> None:
    before = [message(n, n - 100) for n in range(4)]
    tried = limits(LayerLimit(By.CALLING_CODE, 5, DAY))
    report = await rehearsed([*before, *TEN], terms(tried))
    assert (10, 9) == (report.played, report.tried.refused)
    paid = await rehearsed([*before, *TEN], terms(NOTHING, allowance=Allowance(0, 500_000)))
    assert 9 == paid.tried.refused


# -- customers


CLICKED: dict[str, Any] = {"link": "abc", "clicked": NOON + HOUR_MS}
PEOPLE = {
    "delivered and clicked": (CLICKED, 1, 0, 0),
    "delivered, and nobody clicked": ({"link": "abc"}, 0, 0, 1),
    "delivered, without a link": ({}, 0, 1, 0),
    "not delivered": ({"status": FAILED}, 0, 0, 0),
    "not known": ({"status": Status(DeliveryState.ACCEPTED, False, 1)}, 0, 0, 0),
    "clicked, though no receipt came": (CLICKED | {"status": FAILED}, 0, 0, 0),
}


@pytest.mark.parametrize(
    ("fields", "clicked", "unlinked", "unclicked"), PEOPLE.values(), ids=PEOPLE
)
async def test_customers_are_told_from_what_nobody_wanted(
    fields: dict[str, Any], clicked: int, unlinked: int, unclicked: int
) -> None:
    effect = (await rehearsed([message(1, **fields)], terms(block()))).tried
    found = len(effect.clicked), len(effect.unlinked), effect.unclicked
    assert (clicked, unlinked, unclicked) == found


async def test_without_receipts_what_was_taken_is_delivered() -> None:
    taken = message(1, status=Status(DeliveryState.ACCEPTED, False, 1))
    report = await rehearsed([taken], terms(block()), receipts=False)
    assert {taken.to} == report.tried.unlinked


async def test_an_attack_is_refused_and_its_customers_are_not_among_it() -> None:
    """One caller to a range, nobody clicks; a few customers from everywhere, who do."""
    attack = [
        message(n, n * 10, to=f"+8801712{n:06}", caller="attacker", link="abc") for n in range(200)
    ]
    customers = [message(n, n * 60, **CLICKED) for n in range(1000, 1020)]
    report = await rehearsed(sorted([*attack, *customers], key=lambda x: x.counted), terms())
    assert 170 <= report.tried.refused <= 190
    assert {"BD"} == set(report.tried.countries)
    assert 0 == len(report.tried.customers)
    assert report.tried.unclicked == report.tried.refused


# -- what is not known


async def test_of_records_of_before_no_caller_is_known() -> None:
    old = [replace(each, caller="", counted=0) for each in SAME_CALLER]
    report = await rehearsed(old, terms(limits(LayerLimit(By.ADDRESS, 3, DAY))))
    assert (10, 0) == (report.no_caller, report.tried.refused)
    report = await rehearsed(old, terms(limits(LayerLimit(By.CALLING_CODE, 3, DAY))))
    assert 7 == report.tried.refused


async def test_callers_of_before_are_strangers_to_each_other() -> None:
    tried = limits(LayerLimit(By.RECEIVER, 1, DAY))
    known = await rehearsed([replace(each, caller="one") for each in SAME_NUMBER], terms(tried))
    unknown = await rehearsed([replace(each, caller="") for each in SAME_NUMBER], terms(tried))
    assert 9 == known.tried.refused
    assert unknown.tried.refused < 9


async def test_an_empty_log_refuses_nobody() -> None:
    report = await rehearsed([], terms(block()))
    assert (0, 0, 0.0) == (report.played, report.tried.refused, report.share(report.tried))


async def test_a_country_is_new_as_long_as_its_messages_met_that_limit() -> None:
    """Five arrive before it is known, of which three are let through, and so it stays new."""
    new = [replace(each, new_country=n < 5) for n, each in enumerate(FRENCH)]
    policy = NewCountry(amount=3, window=DAY, known_after=5)
    in_force = terms(replace(NOTHING, new_country=NewCountry(known_after=5)))
    report = await rehearsed(new, terms(replace(NOTHING, new_country=policy)), in_force)
    assert {f"limit: new_country:{PATH}": 2} == report.tried.reasons
    assert 0 == report.present.refused
    old = await rehearsed(FRENCH, terms(replace(NOTHING, new_country=policy)), in_force)
    assert 0 == old.tried.refused


async def test_messages_are_played_in_the_order_in_which_they_were_counted() -> None:
    """The second waited for its turn longer than the first."""
    first = message(1, 5, counted=NOON, caller="one")
    second = message(2, 3, counted=NOON + 1000, caller="one")
    tried = limits(LayerLimit(By.ADDRESS, 1, DAY))
    report = await rehearsed([second, first], terms(tried))
    assert {second.to} == report.tried.unlinked


async def test_a_number_that_cannot_be_read_any_more_meets_the_limits_alone() -> None:
    odd = [replace(each, to="+999123") for each in TEN]
    assert 0 == (await rehearsed(odd, terms(block()))).tried.refused


async def test_both_terms_are_played_side_by_side() -> None:
    present = terms(limits(LayerLimit(By.CALLING_CODE, 8, DAY)))
    report = await rehearsed(TEN, terms(limits(LayerLimit(By.CALLING_CODE, 3, DAY))), present)
    assert (7, 2) == (report.tried.refused, report.present.refused)
