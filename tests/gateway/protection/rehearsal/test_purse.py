"""The purse of a rehearsal stops where the budget itself stops."""

from __future__ import annotations

import random
import time
from decimal import Decimal

import pytest

from conf.protection import BudgetShare, Currency, Protection, StartPrice
from gateway.errors import BudgetExhausted
from gateway.messaging.history import Message
from gateway.messaging.sending.costs import public_scopes
from gateway.messaging.status import Status
from gateway.protection.rehearsal.purse import Purse
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import (
    AS_RESERVED,
    NOTHING,
    Allowance,
    Cost,
    How,
    Spending,
    millionths,
)
from gateway.protection.spending.prices import Prices
from gateway.store.pipeline import Store
from gateway.telephony.phonenumber import country_of
from tests.support.scenes.past import DELIVERED, FAILED, message, terms

PROTECTION = Protection(
    budgets=(
        BudgetShare("endpoint:/one", Decimal(4), Decimal(9)),
        BudgetShare("site:shop", Decimal(2)),
        BudgetShare("relay", Decimal(0), Decimal(3)),
    ),
    currencies=(Currency("nexmo", "USD", Decimal("0.9")),),
    prices=(StartPrice(Decimal("0.3"), "DE"),),
)
MONEY = Allowance.of(12, 15)
NUMBERS = ("+491760000069", "+447700900123", "+61491570156", "+8801712000000")


async def nobody_asks() -> Allowance:
    raise AssertionError("the limits are set")


async def used_up(budget: Budget, spending: Spending) -> str:
    """Reserve money: which budget has none, '' when all have."""
    try:
        await budget.reserve(spending, leaving=True)
    except BudgetExhausted as error:
        return f"{error.period} {error.share or 'all'}"
    return ""


def drawn(dice: random.Random, n: int) -> tuple[Message, Cost]:
    """Return a message, and as what the gateway has settled it."""
    parts = dice.choice([1, 1, 2, 3])
    usual = message(
        n,
        to=dice.choice(NUMBERS),
        source=dice.choice(["/one", "/two", "relay"]),
        provider=dice.choice(["nexmo", "nexmo", "flowroute"]),
        status=Status(DELIVERED.delivery, True, parts),
    )
    match dice.randrange(5):
        case 0:
            return _with(usual, price="", outcome="unknown"), AS_RESERVED
        case 1:
            return _with(usual, price="", outcome="refused", status=FAILED), NOTHING
    price = f"{dice.choice([0, 5, 8, 40]) * parts / 100}"
    told = Cost(How.TOLD, parts, millionths(Decimal(price)))
    return _with(usual, price=price), told


def _with(usual: Message, **fields: object) -> Message:
    return message(0, **{name: getattr(usual, name) for name in usual.__slots__} | fields)


@pytest.mark.parametrize("seed", range(4))
async def test_it_refuses_what_the_budget_refuses_and_names_the_same(
    store: Store, seed: int
) -> None:
    """One after the other, each settled before the next is asked for."""
    dice, prices = random.Random(seed), Prices(PROTECTION.prices)
    budget = Budget(store, MONEY, PROTECTION, adopted=nobody_asks, endpoints=["/one", "/two"])
    purse, refused = Purse(terms(PROTECTION, allowance=MONEY)), 0
    for n in range(150):
        text, cost = drawn(dice, n)
        site = dice.choice(["", "shop"]) if text.source != "relay" else ""
        scopes = public_scopes(text.source, site) if text.source != "relay" else ("relay",)
        place = text.provider, country_of(text.to)
        spending = Spending(
            *(text.id, scopes, text.provider, prices.sms(*place), text.status.parts),
            known_as=f"{place[0]}/sms/{place[1]}",
        )
        now = int(time.time() * 1000)
        found = purse.refuses(text, scopes, now)
        assert await used_up(budget, spending) == found
        if found:
            refused += 1
            continue
        await budget.settle(text.id, text.provider, cost)
        purse.spend(text, scopes, now)
    assert 10 < refused < 140
