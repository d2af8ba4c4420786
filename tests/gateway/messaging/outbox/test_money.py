"""Texts of the outbox when the owner's money is used up: they wait, in order, and go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from conf.protection import BudgetShare, Protection
from gateway.messaging.outbox.holds import Patience
from gateway.messaging.outbox.queue import CONFIRMATION, NOTICE, Counts, OutboxEntry
from gateway.monitoring.metrics import BUDGET_NOTICES, PROVIDERS_HELD
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import Allowance, Span, Spending, millionths
from gateway.providers.base import Obstacle
from gateway.store import keys
from gateway.store.pipeline import Store
from tests.support.outbox import entry
from tests.support.scenes.outbox import PRICE, Process, process
from tests.support.stand_ins.vonage import Post, VonageStandin, refused
from tests.support.visitor import eventually
from wiring.periodic import Periodic

EVER = 3600.0
AGE_MS = 86_400_000


def money(texts: int) -> Callable[[Store], Budget]:
    """Return what makes a budget of so many texts (and a half) for the relay, and much for all."""

    async def nobody_asks() -> Allowance:
        raise AssertionError

    shares = (BudgetShare("relay", day=PRICE * texts + PRICE / 2),)
    return lambda store: Budget(
        store, Allowance.of(1000, 0), Protection(budgets=shares), adopted=nobody_asks
    )


@asynccontextmanager
async def poor(
    redis_url: str, standin: VonageStandin, texts: int, **patience: float
) -> AsyncIterator[Process]:
    """Run a process that has money for so many texts, with what a gateway does once a second."""
    held = Patience(**{"budget": EVER, **patience})
    async with process(redis_url, standin.domain, patience=held, budget=money(texts)) as made:
        periodic = Periodic([made.holds.look_after])
        periodic.start()
        yield made
        await periodic.stop()


def ids(posts: list[Post]) -> list[str]:
    return [post.form["client-ref"] for post in posts]


async def waiting(gateway: Process, directions: int = 1) -> None:
    """Wait until so many directions wait for money and nobody works on any."""

    async def waits() -> bool:
        parked = await gateway.store.execute("ZCARD", keys.PARKED)
        return bool(parked == directions and not (await gateway.counts()).claims)

    await eventually(waits)


async def more_money(gateway: Process, texts: int = 100) -> None:
    await money(0)(gateway.store).raise_limit("relay", Span.DAY, PRICE * texts, "the test")
    await gateway.holds.look_after()
    await gateway.holds.money_is_there()


def texts(count: int, **more: Any) -> list[OutboxEntry]:
    now = int(time.time() * 1000)
    return [entry(n, **{"created": now, **more}) for n in range(1, count + 1)]


async def looked_again(gateway: Process) -> None:
    """Wait until the worker has asked the store often enough to have looked at what waits."""
    before = gateway.store.commands
    await eventually(lambda: gateway.store.commands > before + 30)


async def test_texts_wait_for_money_and_go_on_in_their_order(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with poor(redis_url, standin, 3) as gateway:
        await gateway.push(*texts(6))
        await waiting(gateway)
        assert 3 == len(standin.posts)
        assert Counts(directions=1, claims=0, dead_letters=0) == await gateway.counts()
        assert [0, 0, 0] == [each.attempts for each in await gateway.texts_left(entry().direction)]
        await gateway.holds.look_after()
        assert Obstacle.BUDGET is gateway.holds.current["nexmo"].why
        assert 0 == PROVIDERS_HELD[("nexmo",)]._value.get()
        await more_money(gateway)  # which alone wakes them: nobody tries by himself here
        await eventually(gateway.is_idle)
    assert [each.id for each in texts(6)] == ids(standin.posts)


async def test_one_text_finds_out_by_itself_that_there_is_money_again(
    redis_url: str, standin: VonageStandin
) -> None:
    """As after midnight."""
    standin.expect()
    async with poor(redis_url, standin, 1, budget=0.3) as gateway:
        await gateway.push(*(entry(n, to=f"+491760406{n:04}") for n in range(1, 31)))
        await waiting(gateway, 29)
        await looked_again(gateway)
        assert 1 == len(standin.posts)
        await money(0)(gateway.store).raise_limit("relay", Span.DAY, Decimal(9), "the test")
        await eventually(gateway.is_idle, 10)
    assert 30 == len(set(ids(standin.posts))) == len(standin.posts)


async def test_who_waits_asks_the_store_seldom(redis_url: str, standin: VonageStandin) -> None:
    """However many directions there are, one text of all processes tries."""
    standin.expect()
    async with poor(redis_url, standin, 1, budget=1.0) as gateway:
        await gateway.push(*(entry(n, to=f"+491760406{n:04}") for n in range(1, 201)))
        await waiting(gateway, 199)
        before = gateway.store.commands
        await asyncio.sleep(2)
        assert gateway.store.commands - before < 60


async def test_exactly_as_many_texts_leave_as_there_is_money_for(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with poor(redis_url, standin, 25) as one, poor(redis_url, standin, 25) as two:
        for gateway in (one, two):
            first = 1 if gateway is one else 501
            await gateway.push(
                *(entry(n, to=f"+491760406{n:04}") for n in range(first, first + 60))
            )
        await waiting(one, 95)
    assert 25 == len(standin.posts)


async def test_notices_are_dropped_when_there_is_no_money_for_them(
    redis_url: str, standin: VonageStandin
) -> None:
    """One for whom there is money is sent, even while longer texts wait."""
    standin.expect()
    before = BUDGET_NOTICES._value.get()
    async with poor(redis_url, standin, 2) as gateway:
        await gateway.push(entry(1), entry(2, text="x" * 400))
        await waiting(gateway)
        await gateway.push(*(entry(n, to="+4917604069002", kind=NOTICE) for n in (3, 4, 5)))
        await eventually(lambda: len(gateway.decided) == 4)
        assert [entry(1).id, entry(3).id] == ids(standin.posts)
        assert {(entry(4).id, "suppressed"), (entry(5).id, "suppressed")} <= set(gateway.decided)
        for dropped in (entry(4), entry(5)):  # nobody waits for them any more
            outcome = ("HMGET", keys.message(dropped.id), "outcome", "code")
            assert ["not_sent", "budget"] == await gateway.store.execute(*outcome)
    assert 2 == BUDGET_NOTICES._value.get() - before


async def test_the_confirmation_of_a_stop_waits_like_a_text(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with poor(redis_url, standin, 0) as gateway:
        await gateway.push(*texts(1, kind=CONFIRMATION))
        await waiting(gateway)
        await more_money(gateway)
        await eventually(gateway.is_idle)
    assert [entry(1).id] == ids(standin.posts)


async def test_a_text_waits_for_a_day_at_most(redis_url: str, standin: VonageStandin) -> None:
    standin.expect()
    async with poor(redis_url, standin, 0) as gateway:
        await gateway.push(entry(1, created=int(time.time() * 1000) - AGE_MS + 1500))
        await waiting(gateway)
        await eventually(gateway.is_idle)
        assert ["not_sent, code budget: held back for too long"] == await gateway.reasons()
        assert [(entry(1).id, "failed")] == gateway.decided
    assert [] == standin.posts


async def test_the_sender_of_a_text_that_waits_is_told_once(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with poor(redis_url, standin, 0, tell=0.6) as gateway:
        await gateway.push(*texts(2))
        await waiting(gateway)
        assert [] == gateway.waiting
        await eventually(lambda: gateway.waiting)
        await looked_again(gateway)
        assert [entry(1).id] == gateway.waiting
        await more_money(gateway)
        await eventually(gateway.is_idle)
    assert [entry(1).id, entry(2).id] == ids(standin.posts)


async def test_what_the_provider_refuses_is_not_paid(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect(refused("6"))
    async with poor(redis_url, standin, 1) as gateway:
        await gateway.push(*(entry(n) for n in range(1, 8)))
        await eventually(gateway.is_idle)
        assert 7 == len(standin.posts)
        made = money(1)(gateway.store)
        assert {0} == {each.spent for each in await made.look()}
        assert 0 == made.open


async def test_texts_of_phones_cost_nothing(redis_url: str, standin: VonageStandin) -> None:
    async with poor(redis_url, standin, 0) as gateway:
        await gateway.push(entry(1, provider="smssync:desk"))
        await eventually(gateway.is_idle)
        assert [(entry(1).id, "failed")] == gateway.decided


@pytest.mark.parametrize("attempts", [0, 3])
async def test_who_takes_over_from_a_dead_process_does_not_pay_again(
    attempts: int, redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with poor(redis_url, standin, 2) as gateway:
        text = entry(1, attempts=attempts)
        name = f"{text.id}:{attempts + 1}"
        paid = money(2)(gateway.store)
        await paid.reserve(Spending(name, ("relay",), "nexmo", millionths(PRICE)), leaving=True)
        await paid.reserve(Spending("other", ("relay",), "nexmo", 50_000), leaving=True)
        await gateway.push(text)
        await eventually(gateway.is_idle)
        assert [text.id] == ids(standin.posts)
        (level,) = [x for x in await paid.look() if (x.scope, x.span) == ("relay", Span.DAY)]
        assert PRICE + Decimal("0.05") == Decimal(level.spent) / 1_000_000
