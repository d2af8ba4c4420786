"""The limits that a gateway takes whose owner has set none: an upgrade stops nobody."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from conf.protection import StartPrice
from gateway.messaging.receipts import Receipts
from gateway.monitoring.stats import Stats
from gateway.protection.spending.adoption import Adoption
from gateway.protection.spending.money import Allowance
from gateway.protection.spending.prices import Prices
from gateway.providers.base import DeliveryState, Outcome, Part, Sms, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store

USUAL = Allowance.of(25, 250)
DAY_MS = 86_400_000
TAKEN = Part("0A", DeliveryState.ACCEPTED)


def adoption(store: Store, rates: Mapping[str, int] = {}) -> Adoption:
    prices = Prices((StartPrice(Decimal("0.5")),))
    return Adoption(store, Stats(store, totals=dict), prices, rates, USUAL)


async def sent(
    store: Store, id: int, price: str, *, days: int = 0, provider: str = "nexmo", **result: object
) -> None:
    """Leave a message of so many days ago, as earlier releases did."""
    sms = Sms(f"{id:032x}", "+4917604069001", "Me", "Hello")
    receipts = Receipts(store, days=7)
    await receipts.create(sms, provider=provider, source="/app", expected=1)
    answer: dict[str, Any] = {
        "outcome": Outcome.ACCEPTED,
        "parts": (TAKEN,),
        "price": price,
    } | result
    await receipts.record(sms, provider, SubmitResult(**answer), 1)
    created = int(time.time() * 1000) - days * DAY_MS
    await store.execute("HSET", keys.message(sms.id), "created", created)


async def test_a_new_store_takes_the_usual_limits(store: Store) -> None:
    assert USUAL == await adoption(store).limits()


async def test_who_spends_little_takes_them_as_well(store: Store) -> None:
    await sent(store, 1, "0.04")
    assert USUAL == await adoption(store).limits()


@pytest.mark.parametrize(
    ("spent", "day", "month"),
    [
        pytest.param([(0, "13.001")], 27, 837, id="twice-and-rounded-up"),
        pytest.param([(0, "5"), (1, "40"), (2, "30")], 80, 2480, id="the-highest-of-the-days"),
        pytest.param([(1, "10"), (1, "11"), (1, "0.0001")], 43, 1333, id="the-sum-of-a-day"),
        pytest.param([(0, "9")], 25, 558, id="a-month-of-such-days"),
    ],
)
async def test_what_was_spent_tells_what_may_be(
    spent: list[tuple[int, str]], day: int, month: int, store: Store
) -> None:
    for id, (days, price) in enumerate(spent):
        await sent(store, id, price, days=days)
    assert Allowance.of(day, month) == await adoption(store).limits()


async def test_what_no_price_was_told_of_is_taken_to_have_cost_one(store: Store) -> None:
    for id in range(40):
        await sent(store, id, "", provider="flowroute", parts=(TAKEN, TAKEN))
    assert Allowance.of(80, 2480) == await adoption(store).limits()


async def test_what_was_not_sent_and_what_phones_sent_cost_nothing(store: Store) -> None:
    for id in range(100):
        await sent(store, id, "", provider="smssync:desk")
        await sent(store, 1000 + id, "", outcome=Outcome.REFUSED, parts=())
    assert USUAL == await adoption(store).limits()


async def test_other_currencies_are_converted(store: Store) -> None:
    await sent(store, 1, "100")
    rates = {"nexmo": 900_000}
    assert Allowance.of(180, 5580) == await adoption(store, rates).limits()


async def test_prices_of_calls_count_by_what_the_plots_know(store: Store) -> None:
    totals = {"spend.nexmo": 0.0}
    stats = Stats(store, totals=lambda: dict(totals), clock=lambda: 0.0)
    totals["spend.nexmo"] = 50.0
    await stats.close()
    made = Adoption(store, stats, Prices(), {}, USUAL)
    assert Allowance.of(100, 3100) == await made.limits()


async def test_thousands_of_messages_are_looked_at(store: Store) -> None:
    for id in range(1100):
        await store.execute("ZADD", keys.MESSAGES, id, f"{id:032x}")
        flat = ("created", DAY_MS * 20_000, "provider", "nexmo", "price", "0.1", "to", "+49")
        await store.execute("HSET", keys.message(f"{id:032x}"), *flat)
    assert Allowance.of(220, 6820) == await adoption(store).limits()
