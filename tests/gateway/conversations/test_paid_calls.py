"""Calls cost money: some minutes are reserved before, and settled by what the legs have cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from conf.protection import BudgetShare, Protection
from gateway.conversations.session import Session
from gateway.conversations.transcript import Transcript
from gateway.errors import StoreUnavailable
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import Allowance, Span
from gateway.protection.spending.prices import MINUTE
from gateway.providers.vonage.voice import IncomingCall
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from tests.gateway.conversations.test_calls import (
    ANNA,
    BEN,
    ONE,
    SORRY_THERE,
    TWO,
    Exchange,
    calls_on,
    connected,
    reported,
)
from tests.support.conversations import OpenedSessions
from tests.support.servers.valkey import free_port

# Ten minutes to a German number.
RESERVED = Decimal(10 * MINUTE) / 1_000_000


def purse(store: Store, day: Decimal) -> Budget:
    async def nobody_asks() -> Allowance:
        raise AssertionError

    protection = Protection(budgets=(BudgetShare("calls", day=day),))
    return Budget(store, Allowance.of(1000, 0), protection, adopted=nobody_asks)


@pytest.fixture
async def exchange(store: Store) -> Exchange:
    """An exchange that has money for one call at a time."""
    for number in (ONE, TWO):
        can = frozenset({"sms", "voice"})
        await Pool(store).add(VirtualNumber(number, "nexmo", "US", can, 1))
    calls = calls_on(store, budget=purse(store, RESERVED))
    return Exchange(store, OpenedSessions(store), Transcript(store, days=30), calls)


async def spent(store: Store) -> Decimal:
    levels = await purse(store, RESERVED).look()
    (level,) = [x for x in levels if (x.scope, x.span) == ("calls", Span.DAY)]
    return Decimal(level.spent) / 1_000_000


async def ended(exchange: Exchange, call_id: str, *prices: str) -> None:
    for leg, price in zip(("out", "in"), prices, strict=False):
        await exchange.calls.event(reported(call_id, f"{leg} completed", price=price))


async def begun(exchange: Exchange) -> tuple[Session, IncomingCall]:
    session = await exchange.session()
    return session, exchange.incoming(ANNA, session.number_a, "CON-1")


async def test_a_call_costs_what_its_legs_have_cost(exchange: Exchange) -> None:
    session, call = await begun(exchange)
    for _ in range(2):  # a repeat changes nothing
        assert connected(BEN, session.number_b) == await exchange.calls.answer(call)
        assert RESERVED == await spent(exchange.store)
    for _ in range(2):
        await ended(exchange, "CON-1", "0.0125", "0.0045")
        assert Decimal("0.017") == await spent(exchange.store)


async def test_without_money_the_caller_hears_a_polite_text(exchange: Exchange) -> None:
    session, call = await begun(exchange)
    await exchange.calls.answer(call)
    assert SORRY_THERE == await exchange.call(BEN, session.number_b, "CON-2")
    assert RESERVED == await spent(exchange.store)
    await ended(exchange, "CON-1", "0", "0")
    assert connected(ANNA, session.number_a) == await exchange.call(BEN, session.number_b, "CON-3")


async def test_a_call_that_is_not_connected_costs_nothing(exchange: Exchange) -> None:
    session, call = await begun(exchange)
    await exchange.store.execute("ZADD", keys.OPTOUTS, 1, BEN)
    assert SORRY_THERE == await exchange.calls.answer(call)
    assert 0 == await spent(exchange.store)
    assert 0 == await exchange.store.execute("HLEN", keys.BUDGET_OPEN)
    assert session.number_a == f"+{call.number}"


async def test_a_call_whose_end_is_not_told_stays_paid(exchange: Exchange) -> None:
    _, call = await begun(exchange)
    await exchange.calls.answer(call)
    await exchange.later("CON-1")
    assert "lost" == await exchange.state("CON-1")
    assert RESERVED == await spent(exchange.store)


async def test_the_leg_of_a_call_that_was_not_connected_is_paid_as_well(
    exchange: Exchange,
) -> None:
    await ended(exchange, "CON-9", "0.01")
    assert Decimal("0.01") == await spent(exchange.store)


async def test_what_a_leg_has_cost_is_booked_once_the_store_is_there_again(
    exchange: Exchange,
) -> None:
    """The event is stored, the money is not: the provider tells it again."""
    gone = connect(f"redis://127.0.0.1:{free_port()}/0")
    failing = calls_on(exchange.store, budget=purse(gone, RESERVED))
    told = reported("CON-9", "out completed", price="0.01")
    with pytest.raises(StoreUnavailable):
        await failing.event(told)
    await gone.close()
    for _ in range(2):
        assert "repeated" == await exchange.calls.event(told)
        assert Decimal("0.01") == await spent(exchange.store)
