"""Rents cost money: a number for which there is none is not bought."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from conf.protection import BudgetShare, Protection
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import Allowance, Span
from gateway.store.pipeline import Store
from gateway.virtual_numbers.provisioning import Purchase, Wanted
from tests.support.scenes.renting import BOTH, ONE, THREE, TWO, Office, opened
from tests.support.stand_ins import numbers
from tests.support.stand_ins.numbers import BUY, UNAUTHORIZED, NumbersStandin, hangs_up, says

# A month's rent and what is asked once, at the stand-in.
COST = Decimal("1.90")


@pytest.fixture
async def standin() -> AsyncIterator[NumbersStandin]:
    async with numbers.numbers_standin() as running:
        yield running


@pytest.fixture
async def office(standin: NumbersStandin, redis_url: str) -> AsyncIterator[Office]:
    async with opened(standin, redis_url) as running:
        yield running


def purse(store: Store, numbers: int) -> Budget:
    async def nobody_asks() -> Allowance:
        raise AssertionError

    shares = (BudgetShare("rents", month=COST * numbers),)
    return Budget(store, Allowance.of(0, 1000), Protection(budgets=shares), adopted=nobody_asks)


async def rent(office: Office, wanted: int, numbers: int) -> list[Purchase]:
    """Rent numbers with money for so many."""
    made = office.provisioning(budget=purse(office.store, numbers))
    return await made.rent(Wanted("US", wanted, BOTH))


async def spent(office: Office) -> Decimal:
    levels = await purse(office.store, 1).look()
    (level,) = [x for x in levels if (x.scope, x.span) == ("rents", Span.MONTH)]
    return Decimal(level.spent) / 1_000_000


async def test_no_more_is_rented_than_there_is_money_for(office: Office) -> None:
    office.standin.offer(ONE, TWO, THREE)
    made = await rent(office, 3, 2)
    assert [ONE, TWO] == office.standin.bought()
    assert [True, True, False] == [each.rented for each in made]
    assert "not tried: the budget of the month is used up (rents)" == made[2].error
    assert 2 * COST == await spent(office)


async def test_what_the_provider_refuses_costs_nothing(office: Office) -> None:
    office.standin.offer(ONE)
    office.standin.next(BUY, says(UNAUTHORIZED, 401))
    (made,) = await rent(office, 1, 1)
    assert False is made.rented
    assert 0 == await spent(office)


async def test_what_was_rented_although_the_answer_was_lost_is_paid(office: Office) -> None:
    office.standin.offer(ONE)
    office.standin.next(BUY, hangs_up)
    made = await rent(office, 1, 1)
    assert [each.rented is not False for each in made] == [(await spent(office)) == COST]


async def test_a_number_of_unknown_price_is_taken_to_be_dear(office: Office) -> None:
    office.standin.offer(ONE, cost="", initialPrice="")
    (made,) = await rent(office, 1, 1)
    assert "not tried: the budget of the month is used up (rents)" == made.error
    assert [] == office.standin.bought()
