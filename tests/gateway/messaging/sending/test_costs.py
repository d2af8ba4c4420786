"""What texts cost: reserved before anything is written down, settled by what was said of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from prometheus_client import REGISTRY

from conf.protection import Protection, Site, StartPrice
from gateway.errors import BudgetExhausted, StoreUnavailable
from gateway.messaging.receipts import Receipts
from gateway.messaging.sending.costs import TextCosts, cost_of, public_scopes
from gateway.messaging.sending.messenger import Messenger
from gateway.messaging.sending.pacer import Pacer
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import (
    ALL,
    AS_RESERVED,
    NOTHING,
    Allowance,
    Cost,
    How,
    Span,
    millionths,
)
from gateway.protection.spending.prices import Prices
from gateway.providers.base import DeliveryState, Outcome, Part, Sms, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.conftest import RestartableValkey
from tests.support.visitor import eventually

GERMAN, AMERICAN = "+4917604069001", "+12065550101"
TENTH = Decimal("0.1")
TAKEN = Part("0A", DeliveryState.ACCEPTED)
TURNED_DOWN = Part("part-2", DeliveryState.REJECTED)


def ok(price: str = "0.04", parts: int = 1) -> SubmitResult:
    return SubmitResult(Outcome.ACCEPTED, (TAKEN,) * parts, price=price, network="26201")


NOT_TAKEN = SubmitResult(Outcome.REFUSED, code="6")
THROTTLED = SubmitResult(Outcome.THROTTLED, code="1")
NOT_SENT = SubmitResult(Outcome.NOT_SENT)
SILENT = SubmitResult(Outcome.UNKNOWN)


class Scripted:
    """A provider that answers in turn, the last one for ever; before: is asked before each."""

    def __init__(self, *answers: SubmitResult, name: str = "nexmo") -> None:
        self.name = name
        self.pace_key, self.rate = name, 0.0
        self.answers = list(answers)
        self.sent: list[Sms] = []
        self.before: Callable[[], Awaitable[object]] | None = None

    async def submit(self, sms: Sms) -> SubmitResult:
        if self.before is not None:
            await self.before()
        self.sent.append(sms)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def close(self) -> None:
        pass


def budget(store: Store, day: float = 1, lease: float = 60) -> Budget:
    async def nobody_asks() -> Allowance:
        raise AssertionError

    return Budget(
        store,
        Allowance.of(day, 0),
        Protection(sites=(Site("shop-1"),)),
        adopted=nobody_asks,
        endpoints=["/app"],
        lease=lease,
    )


def messenger(store: Store, made: Budget, provider: Scripted) -> Messenger:
    costs = TextCosts(made, Prices((StartPrice(TENTH),)))
    receipts = Receipts(store, days=1)
    return Messenger({provider.name: provider}, provider.name, receipts, Pacer(store), costs=costs)


async def spent(made: Budget, scope: str = "all") -> Decimal:
    levels = {(each.scope, each.span): each for each in await made.look()}
    return Decimal(levels[scope, Span.DAY].spent) / 1_000_000


@pytest.mark.parametrize(
    ("answers", "costs"),
    [
        pytest.param([ok()], "0.04", id="told"),
        pytest.param([ok(price="")], "0.1", id="not-told"),
        pytest.param([NOT_TAKEN], "0", id="refused"),
        pytest.param([SILENT], "0.1", id="nobody-knows"),
        pytest.param([THROTTLED, NOT_SENT, ok()], "0.04", id="taken-in-the-end"),
        pytest.param([THROTTLED, NOT_TAKEN], "0", id="refused-in-the-end"),
        pytest.param([NOT_SENT, SILENT], "0.1", id="unknown-in-the-end"),
    ],
)
async def test_a_message_costs_what_became_of_it(
    answers: list[SubmitResult], costs: str, store: Store
) -> None:
    made = budget(store)
    await messenger(store, made, Scripted(*answers)).send(GERMAN, "Hello", "Me", source="/app")
    for scope in ("all", "endpoint:/app"):
        assert Decimal(costs) == await spent(made, scope)
    assert 0 == made.open == await spent(made, "relay")


@pytest.mark.parametrize(
    ("result", "cost"),
    [
        (ok("0.08", 2), Cost(How.TOLD, 2, 80_000, "26201")),
        (ok("", 2), Cost(How.COUNTED, 2)),
        (SubmitResult(Outcome.ACCEPTED), AS_RESERVED),
        (ok("999999999"), Cost(How.COUNTED, 1)),
        (NOT_TAKEN, NOTHING),
        (SubmitResult(Outcome.REFUSED, (TAKEN, TURNED_DOWN)), Cost(How.COUNTED, 1)),
        (
            SubmitResult(Outcome.REFUSED, (TAKEN, TURNED_DOWN), price="0.04"),
            Cost(How.TOLD, 1, 40_000),
        ),
        (SubmitResult(Outcome.UNKNOWN, (TAKEN,), price="0.04"), AS_RESERVED),
        (THROTTLED, NOTHING),
        (NOT_SENT, NOTHING),
    ],
)
def test_an_answer_tells_what_it_cost(result: SubmitResult, cost: Cost) -> None:
    assert cost == cost_of(result)


async def test_a_refused_message_leaves_no_trace_but_in_the_metrics(store: Store) -> None:
    provider = Scripted(ok())
    made = messenger(store, budget(store, 0.05), provider)
    with pytest.raises(BudgetExhausted):
        await made.send(GERMAN, "Hello", "Me", source="/app")
    assert [] == provider.sent
    assert 0 == await store.execute("ZCARD", keys.MESSAGES)


async def test_a_long_text_is_paid_by_its_parts(store: Store) -> None:
    made = budget(store)
    sending = messenger(store, made, Scripted(SILENT))
    await sending.send(GERMAN, "x" * 400, "Me", source="admin", site="shop-1")
    assert Decimal("0.3") == await spent(made) == await spent(made, "site:shop-1")
    assert 0 == await spent(made, "endpoint:/app")


async def test_texts_of_phones_cost_nothing_and_pass_without_money(store: Store) -> None:
    provider = Scripted(ok(price=""), name="smssync:desk")
    made = budget(store, 0.01)
    sent = await messenger(store, made, provider).send(GERMAN, "Hello", "Me", source="/app")
    assert sent.ok
    assert 0 == await spent(made)


async def test_a_message_is_held_between_two_attempts(store: Store) -> None:
    """A process that dies then gives its money back."""
    states: list[str] = []
    made, provider = budget(store, lease=0.2), Scripted(THROTTLED, ok())

    async def look() -> None:
        (entry,) = await store.execute("HVALS", keys.BUDGET_OPEN)
        states.append(entry.split()[0])

    provider.before = look
    sending = asyncio.create_task(
        messenger(store, made, provider).send(GERMAN, "Hello", "Me", source="/app")
    )
    await eventually(lambda: provider.sent)
    await asyncio.sleep(0.05)
    await look()
    await sending
    assert ["leaving", "held", "leaving"] == states


async def test_a_message_whose_money_was_given_back_is_not_tried_again(store: Store) -> None:
    provider, made = Scripted(THROTTLED), budget(store, lease=0)
    sending = asyncio.create_task(
        messenger(store, made, provider).send(GERMAN, "Hello", "Me", source="/app")
    )
    await eventually(lambda: provider.sent)
    await asyncio.sleep(0.05)
    await made.look()
    assert Outcome.THROTTLED is (await sending).outcome
    assert 1 == len(provider.sent)
    assert 0 == await spent(made)


async def test_what_waits_for_its_turn_is_not_paid_for_yet(store: Store) -> None:
    """So there is nothing to give back when its process dies."""
    provider, made = Scripted(ok()), budget(store)
    provider.rate = 2.0
    sending = messenger(store, made, provider)
    tasks = [
        asyncio.create_task(sending.send(GERMAN, "Hello", "Me", source="/app")) for _ in range(5)
    ]
    await eventually(lambda: provider.sent)
    await made.look()
    assert made.open <= 2
    await asyncio.gather(*tasks)
    assert 5 == len(provider.sent)


def refusals_counted() -> float:
    return REGISTRY.get_sample_value("gateway_budget_refusals_total", {"scope": "all"}) or 0.0


async def test_what_is_refused_takes_turns_from_nobody(store: Store) -> None:
    """But from the first of a moment; each call has its own refusal, and counts as one."""
    provider, made = Scripted(ok()), budget(store, 0.05)
    provider.rate = 5.0
    sending = messenger(store, made, provider)
    before, refusals = refusals_counted(), []
    for _ in range(50):
        with pytest.raises(BudgetExhausted) as refused:
            await sending.send(GERMAN, "Hello", "Me", source="/app")
        refusals.append(refused.value)
    assert 50 == len({id(each) for each in refusals}) == refusals_counted() - before
    assert await Pacer(store).reserve(provider.pace_key, provider.rate, 0.5) is not None


async def test_a_message_is_sent_as_soon_as_there_is_money_again(store: Store) -> None:
    """However short a time ago its like was refused."""
    made = budget(store, 0.05)
    sending = messenger(store, made, Scripted(ok()))
    with pytest.raises(BudgetExhausted):
        await sending.send(GERMAN, "Hello", "Me", source="/app")
    await made.raise_limit(ALL, Span.DAY, Decimal("0.15"), "somebody")
    assert (await sending.send(GERMAN, "Hello", "Me", source="/app")).ok
    assert 0 == made.open
    assert Decimal("0.04") == await spent(made)


async def test_a_store_that_fails_meanwhile_gives_the_money_back_later(
    valkey_server: RestartableValkey,
) -> None:
    store = connect(valkey_server.url)
    made, provider = budget(store), Scripted(ok())
    sending = messenger(store, made, provider)

    async def stop() -> None:
        valkey_server.pause()

    provider.before = stop
    sent = await sending.send(GERMAN, "Hello", "Me", source="/app")
    assert sent.ok
    valkey_server.resume()
    await sending.drain()
    assert Decimal("0.04") == await spent(made)
    valkey_server.pause()
    with pytest.raises(StoreUnavailable):
        await sending.send(GERMAN, "Hello", "Me", source="/app")
    valkey_server.resume()
    await sending.drain()
    assert 1 == len(provider.sent)
    await store.close()


@pytest.mark.parametrize(
    ("source", "site", "scopes"),
    [
        ("/app", "", ("endpoint:/app",)),
        ("/app", "shop-1", ("endpoint:/app", "site:shop-1")),
        ("admin", "", ()),
        ("console", "", ()),
        ("smssync", "", ()),
    ],
)
def test_who_asks_tells_under_what_a_message_counts(
    source: str, site: str, scopes: tuple[str, ...]
) -> None:
    assert scopes == public_scopes(source, site)


@pytest.mark.parametrize(
    ("provider", "country", "price"),
    [
        ("nexmo", "DE", "0.09"),
        ("flowroute", "DE", "0.08"),
        ("nexmo", "US", "0.05"),
        ("flowroute", "US", "0.01"),
        ("flowroute", "FR", "0.01"),
        ("nexmo", "", "0.05"),
    ],
)
def test_the_narrowest_price_of_the_file_counts(provider: str, country: str, price: str) -> None:
    own = (
        StartPrice(Decimal("0.05")),
        StartPrice(Decimal("0.01"), provider="flowroute"),
        StartPrice(Decimal("0.09"), "DE"),
        StartPrice(Decimal("0.08"), "DE", "flowroute"),
    )
    assert millionths(Decimal(price)) == Prices(own).sms(provider, country)


@pytest.mark.parametrize(
    ("country", "least", "most"),
    [("US", 0.01, 0.03), ("CA", 0.01, 0.03), ("DE", 0.08, 0.15), ("ID", 0.3, 0.5), ("", 0.08, 0.5)],
)
def test_a_start_price_is_on_the_high_side(country: str, least: float, most: float) -> None:
    assert least <= Prices().sms("nexmo", country) / 1_000_000 <= most
