"""Money: reserved, settled and given back exactly, whatever dies; limits, raises, prices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prometheus_client import REGISTRY

from conf.protection import BudgetShare, Currency, Protection, Site
from gateway.errors import BadRequest, BudgetExhausted
from gateway.protection.spending import budget as module
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import (
    AS_RESERVED,
    NOTHING,
    Allowance,
    Cost,
    How,
    Level,
    Span,
    Spending,
    end_of,
    millionths,
)
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script, pairs

CENT = Decimal("0.01")
RELAY = ("relay",)


async def nobody_asks() -> Allowance:
    raise AssertionError("the limits are set")


def budget(
    store: Store,
    day: float = 1,
    month: float = 0,
    *,
    protection: Protection | None = None,
    lease: float = 60,
) -> Budget:
    return Budget(
        store,
        Allowance.of(day, month),
        protection or Protection(),
        adopted=nobody_asks,
        endpoints=["/app"],
        lease=lease,
    )


def text(
    id: str,
    price: Decimal = CENT,
    parts: int = 1,
    scopes: tuple[str, ...] = (),
    country: str = "DE",
) -> Spending:
    return Spending(id, scopes, "nexmo", millionths(price), parts, f"nexmo/sms/{country}")


def told(price: str, parts: int = 1, network: str = "") -> Cost:
    return Cost(How.TOLD, parts, millionths(Decimal(price)), network)


async def spent(made: Budget, scope: str = "all", span: Span = Span.DAY) -> Decimal:
    levels = {(each.scope, each.span): each for each in await made.look()}
    return Decimal(levels[scope, span].spent) / 1_000_000


async def passes(made: Budget, *spendings: Spending) -> list[bool]:
    async def one(each: Spending) -> bool:
        try:
            await made.reserve(each)
        except BudgetExhausted:
            return False
        return True

    return list(await asyncio.gather(*map(one, spendings)))


async def of_before(store: Store, days: int) -> None:
    """Make all that was spent and raised today and this month as old as so many days."""
    for key in (keys.BUDGET_SPENT, keys.BUDGET_LIMITS):
        for name, value in pairs(await store.execute("HGETALL", key)).items():
            if name[1:2].isdigit():
                number, _, rest = name[1:].partition(" ")
                older = int(number) - (days if name[0] == "d" else 1)
                await store.execute("HDEL", key, name)
                await store.execute("HSET", key, f"{name[0]}{older} {rest}", value)


# -- one spending


@pytest.mark.parametrize(
    ("how", "left"),
    [
        pytest.param(None, "0.03", id="under-way"),
        pytest.param(NOTHING, "0", id="not-taken"),
        pytest.param(AS_RESERVED, "0.03", id="nobody-knows"),
        pytest.param(told("0.0252", 3), "0.0252", id="cheaper"),
        pytest.param(told("0.09", 3), "0.09", id="dearer"),
        pytest.param(told("0.00000001", 3), "0.000001", id="less-than-a-millionth"),
        pytest.param(Cost(How.COUNTED, 2), "0.02", id="fewer-parts-and-no-price"),
        pytest.param(Cost(How.COUNTED, 3), "0.03", id="no-price"),
    ],
)
async def test_a_spending_comes_to_what_its_answer_says(
    how: Cost | None, left: str, store: Store
) -> None:
    made = budget(store)
    await made.reserve(text("1", parts=3, scopes=RELAY))
    assert await made.leaves("1")
    for _ in range(2):
        if how is not None:
            await made.settle("1", "nexmo", how)
    for scope in ("all", "relay"):
        for span in Span:
            assert Decimal(left) == await spent(made, scope, span)
    assert (0 if how else 1) == made.open
    assert 0 == await spent(made, "calls")


async def test_the_same_reserved_twice_is_one(store: Store) -> None:
    made = budget(store, 0.01)
    await made.reserve(text("1"))
    await made.reserve(text("1"), leaving=True)
    await made.reserve(text("1", price=Decimal(9)))
    assert CENT == await spent(made)


async def test_what_was_not_reserved_cannot_leave_and_gives_nothing_back(store: Store) -> None:
    made = budget(store)
    assert not await made.leaves("1")
    for cost in (NOTHING, AS_RESERVED, told("0.5"), Cost(How.COUNTED, 4)):
        await made.settle("1", "nexmo", cost)
    assert 0 == await spent(made)


async def test_a_price_told_after_the_end_is_booked_where_it_belongs(store: Store) -> None:
    """As that of the second leg of a call."""
    made = budget(store)
    await made.reserve(Spending("c", ("calls",), "nexmo", 10_000, 10))
    await made.settle("c", "nexmo", told("0.02"), ("calls",))
    await made.settle("c", "nexmo", told("0.03"), ("calls",))
    assert Decimal("0.05") == await spent(made, "calls") == await spent(made)


async def test_amounts_are_in_the_budgets_currency(store: Store) -> None:
    protection = Protection(currencies=(Currency("nexmo", "USD", Decimal("0.9")),))
    made = budget(store, 1, protection=protection)
    await made.reserve(text("1", parts=2))
    assert Decimal("0.018") == await spent(made)
    await made.settle("1", "nexmo", told("0.1", 2))
    assert Decimal("0.09") == await spent(made)
    await made.reserve(text("2"))
    assert Decimal("0.09") + Decimal("0.05") * Decimal("0.9") == await spent(made)
    await made.reserve(Spending("3", (), "flowroute", 10_000))
    assert Decimal("0.145") == await spent(made)


# -- limits


@pytest.mark.parametrize("count", [1, 7, 100])
@pytest.mark.parametrize("price", ["0.01", "0.0333", "0.000001"])
async def test_exactly_as_many_pass_as_there_is_money_for(
    count: int, price: str, stores: list[Store]
) -> None:
    """200 at once, by four processes."""
    amount = Decimal(price) * count
    made = [budget(each, float(amount)) for each in stores]
    asked = [
        passes(made[i % 4], text(str(i), Decimal(price), scopes=("endpoint:/app",)))
        for i in range(200)
    ]
    assert count == sum(sum(each) for each in await asyncio.gather(*asked))
    assert amount == await spent(made[0])


@pytest.mark.parametrize("scope", ["endpoint:/app", "site:shop-1", "relay", "calls", "rents"])
async def test_a_share_is_bounded_and_leaves_the_others_theirs(scope: str, store: Store) -> None:
    shares = (BudgetShare(scope, day=Decimal("0.02")),)
    made = budget(store, protection=Protection(budgets=shares, sites=(Site("shop-1"),)))
    own = [text(str(n), scopes=(scope,)) for n in range(3)]
    assert [True, True, False] == await passes(made, *own)
    assert [True] == await passes(made, text("other", scopes=("endpoint:/else",)))
    with pytest.raises(BudgetExhausted, match=rf"day is used up \({scope}\)"):
        await made.reserve(own[2])


async def test_a_month_bounds_what_days_let_through_and_is_told_first(store: Store) -> None:
    made = budget(store, 0.02, 0.02)
    assert [True, True, False] == await passes(made, *map(text, "123"))
    with pytest.raises(BudgetExhausted, match="budget of the month") as raised:
        await made.reserve(text("3"))
    now = datetime.now(UTC)
    end = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)
    assert abs((end - now).total_seconds() - raised.value.retry_after) < 3


async def test_the_wait_is_until_midnight_utc(store: Store) -> None:
    made = budget(store, 0.005)
    with pytest.raises(BudgetExhausted) as raised:
        await made.reserve(text("1"))
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert abs((midnight - now).total_seconds() - raised.value.retry_after) < 3
    assert 0 == await spent(made)


async def test_without_a_limit_everything_passes_and_is_counted(store: Store) -> None:
    made = budget(store, 0, 0)
    await made.reserve(text("1", Decimal(10_000)))
    assert 10_000 == await spent(made)


@pytest.mark.parametrize("days", [1, 2, 40])
async def test_a_new_day_and_month_begin_with_nothing_spent(days: int, store: Store) -> None:
    made = budget(store, 0.01, 0.02)
    await made.reserve(text("1"))
    assert [False] == await passes(made, text("2"))
    await of_before(store, days)
    assert [True] == await passes(made, text("2"))
    assert CENT == await spent(made) == await spent(made, span=Span.MONTH)


async def test_what_was_reserved_yesterday_is_settled_in_yesterday(store: Store) -> None:
    made = budget(store)
    await made.reserve(text("1", Decimal("0.5")))
    entry = (await store.execute("HGET", keys.BUDGET_OPEN, "1")).split()
    day, month = int(entry[3]), int(entry[4])
    older = " ".join([*entry[:3], str(day - 1), str(month), *entry[5:]])
    await store.execute("HSET", keys.BUDGET_OPEN, "1", older)
    await store.execute("HSET", keys.BUDGET_SPENT, f"d{day - 1} all", 500_000, f"d{day} all", 7)
    await made.settle("1", "nexmo", told("0.1"))
    assert "100000" == await store.execute("HGET", keys.BUDGET_SPENT, f"d{day - 1} all")
    assert Decimal("0.000007") == await spent(made)
    assert Decimal("0.1") == await spent(made, span=Span.MONTH)


async def test_days_before_yesterday_and_months_before_the_last_are_forgotten(store: Store) -> None:
    made = budget(store)
    await made.reserve(text("1"))
    await made.raise_limit("all", Span.DAY, Decimal(2), "somebody")
    await of_before(store, 2)
    await of_before(store, 2)
    await made.look()
    assert {} == pairs(await store.execute("HGETALL", keys.BUDGET_SPENT))
    assert {} == pairs(await store.execute("HGETALL", keys.BUDGET_LIMITS))


async def test_days_and_months_are_those_of_the_calendar(store: Store) -> None:
    """From the epoch on, over leap years, centuries and both ends of each month."""
    prelude = Script.load(module.__file__, "_calendar")
    script = Script(prelude.text + "local d, m = day_and_month(tonumber(ARGV[1])) return {d, m}")
    times = [datetime(year, month, 1, tzinfo=UTC) for year in YEARS for month in range(1, 13)]
    for each in times:
        for moment in (each - timedelta(milliseconds=1), each, each + timedelta(days=27.5)):
            ms = round(moment.timestamp() * 1000)
            found = await store.run(script, [keys.BUDGET_SPENT], [ms])
            assert [ms // 86_400_000, (moment.year - 1970) * 12 + moment.month - 1] == found
        month = (each.year - 1970) * 12 + each.month - 1
        assert round(each.timestamp() * 1000) == end_of(Span.MONTH, month - 1)


YEARS = (1971, 1999, 2000, 2023, 2024, 2025, 2026, 2027, 2028, 2099, 2100, 2101)


# -- processes that die


async def leases_end(store: Store, ids: str) -> None:
    for each in ids:
        await store.execute("ZADD", keys.BUDGET_LEASES, 1, each)


async def test_what_was_only_held_comes_back_when_the_lease_ends(store: Store) -> None:
    made = budget(store, 0.02)
    assert [True, True, False] == await passes(made, *map(text, "123"))
    await leases_end(store, "12")
    assert [True, True, False] == await passes(made, *map(text, "345"))
    assert not await made.leaves("1")
    await leases_end(store, "34")
    assert 0 == await spent(made) == made.open


async def test_what_was_leaving_stays_spent(store: Store) -> None:
    made = budget(store, 0.02, lease=0.05)
    await made.reserve(text("1"))
    assert await made.leaves("1")
    await made.reserve(text("2"), leaving=True)
    await asyncio.sleep(0.06)
    assert [False] == await passes(made, text("3"))
    assert Decimal("0.02") == await spent(made)
    await leases_end(store, "12")
    assert Decimal("0.02") == await spent(made)
    assert (0, {}) == (made.open, pairs(await store.execute("HGETALL", keys.BUDGET_OPEN)))


async def test_what_did_not_leave_in_the_end_is_held_again(store: Store) -> None:
    made = budget(store, 0.01, lease=0.05)
    await made.reserve(text("1"), leaving=True)
    assert await made.holds("1")
    await asyncio.sleep(0.06)
    assert [True] == await passes(made, text("2"))


async def test_all_that_a_crash_left_is_there_for_the_next(store: Store) -> None:
    made = budget(store, 3, lease=0.01)
    assert all(await passes(made, *(text(str(n)) for n in range(300))))
    await asyncio.sleep(0.02)
    assert [True] == await passes(made, text("large", Decimal(3)))


# -- prices


async def reserved_for(made: Budget, id: str, parts: int = 1, country: str = "DE") -> Decimal:
    before = await spent(made)
    await made.reserve(text(id, Decimal("0.1"), parts, country=country))
    return await spent(made) - before


async def test_the_next_one_is_reserved_at_what_the_last_one_cost(store: Store) -> None:
    made = budget(store, 100)
    assert Decimal("0.2") == await reserved_for(made, "1", parts=2)
    await made.settle("1", "nexmo", told("0.15", 2, "26201"))
    assert Decimal("0.225") == await reserved_for(made, "2", parts=3)
    assert Decimal("0.1") == await reserved_for(made, "3", country="FR")
    assert [("nexmo/sms/DE", 75_000), ("nexmo/sms/DE/26201", 75_000)] == await made.prices()


async def test_the_highest_of_the_networks_of_a_country_counts(store: Store) -> None:
    made = budget(store, 100)
    for id, price, network in [("1", "0.03", "26201"), ("2", "0.08", "26202"), ("3", "0.05", "")]:
        await made.reserve(text(id))
        await made.settle(id, "nexmo", told(price, 1, network))
    assert Decimal("0.08") == await reserved_for(made, "4")


@pytest.mark.parametrize(("weeks", "price"), [(0, "0.08"), (1, "0.08"), (2, "0.03"), (9, "0.03")])
async def test_what_was_dear_weeks_ago_does_not_count_for_ever(
    weeks: int, price: str, store: Store
) -> None:
    made = budget(store, 100)
    await made.reserve(text("1"))
    await made.settle("1", "nexmo", told("0.08"))
    week, *rest = (await store.execute("HGET", keys.BUDGET_PRICES, "nexmo/sms/DE")).split()
    older = " ".join([str(int(week) - weeks), *rest])
    await store.execute("HSET", keys.BUDGET_PRICES, "nexmo/sms/DE", older)
    assert Decimal("0.08") == await reserved_for(made, "2")
    await made.settle("2", "nexmo", told("0.03"))
    assert Decimal(price) == await reserved_for(made, "3")


async def test_what_cost_nothing_tells_no_price(store: Store) -> None:
    made = budget(store, 100)
    await made.reserve(text("1"))
    await made.settle("1", "nexmo", told("0"))
    assert 0 == await spent(made)
    assert Decimal("0.1") == await reserved_for(made, "2")


# -- adopted limits


def unset(store: Store, adopted: Callable[[], Awaitable[Allowance]]) -> Budget:
    return Budget(store, None, Protection(), adopted=adopted)


async def test_limits_that_no_option_sets_are_set_once_for_all_processes(
    stores: list[Store], caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    async def past() -> Allowance:
        asked.append(1)
        await asyncio.sleep(0)
        return Allowance.of(0.05 * len(asked), 7)

    caplog.set_level(logging.WARNING)
    made = [unset(each, past) for each in stores]
    found = [await passes(each, *(text(f"{n}-{id(each)}") for n in range(9))) for each in made]
    assert 5 == sum(map(sum, found))
    said = [each for each in caplog.messages if "--budget_day" in each]
    assert 1 == len(said)
    assert "--budget_day=0.05 --budget_month=7.00" in said[0]


async def test_what_was_adopted_stays_and_an_option_goes_before_it(store: Store) -> None:
    async def little() -> Allowance:
        return Allowance.of(0.01, 1)

    await unset(store, little).adopt()
    again = unset(store, nobody_asks)
    assert [True, False] == await passes(again, *map(text, "12"))
    assert [True, False] == await passes(budget(store, 0.02), *map(text, "34"))
    assert [False] == await passes(again, text("5"))


# -- raises


@pytest.mark.parametrize("span", list(Span))
async def test_a_raise_holds_in_all_processes_until_its_time_is_over(
    span: Span, stores: list[Store], caplog: pytest.LogCaptureFixture
) -> None:
    day, month = (0.01, 0) if span is Span.DAY else (0, 0.01)
    one, other = (budget(each, day, month) for each in stores[:2])
    assert [True, False] == await passes(one, *map(text, "12"))
    caplog.set_level(logging.WARNING)
    await other.raise_limit("all", span, Decimal("0.03"), "192.0.2.7")
    assert any("192.0.2.7" in each for each in caplog.messages)
    assert [True, True, False] == await passes(one, *map(text, "345"))
    (level,) = [x for x in await one.look() if (x.scope, x.span) == ("all", span)]
    assert (30_000, 1.0) == (level.limit, level.used)
    assert level.raised.endswith(" 192.0.2.7")
    await of_before(stores[0], 1)
    assert [True, False] == await passes(one, *map(text, "67"))


@pytest.mark.parametrize(
    ("scope", "amount"),
    [("all", "1"), ("all", "0.5"), ("relay", "5"), ("nonsense", "5"), ("all", "0")],
)
async def test_what_is_no_raise_is_refused(scope: str, amount: str, store: Store) -> None:
    made = budget(store, 1)
    with pytest.raises(BadRequest):
        await made.raise_limit(scope, Span.DAY, Decimal(amount), "somebody")


# -- what is said


async def test_four_fifths_and_the_end_are_said_once(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    made = budget(
        store, 0.1, protection=Protection(budgets=(BudgetShare("relay", Decimal("0.05")),))
    )
    for n in range(13):
        await passes(made, text(str(n), scopes=RELAY if n < 4 else ()))
    await passes(made, text("over", scopes=RELAY), text("over-too"))
    assert [
        "budget: four fifths of the day are used (relay)",
        "budget: four fifths of the day are used (all)",
    ] == [each for each in caplog.messages if "four fifths" in each]
    ended = [each for each in caplog.messages if "used up" in each]
    assert 1 == len(ended)
    assert "(all)" in ended[0]
    await made.raise_limit("all", Span.DAY, Decimal("0.11"), "somebody")
    await passes(made, text("more"), text("much-more"))
    assert 2 == len([each for each in caplog.messages if "used up" in each])


async def test_metrics_tell_what_is_spent_and_refused(store: Store) -> None:
    def sample(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    made = budget(store, 0.04)
    before = sample("gateway_budget_refusals_total", scope="all")
    await passes(made, *map(text, "12345"))
    await made.look()
    labels = {"scope": "all", "period": "day"}
    assert 1 == sample("gateway_budget_refusals_total", scope="all") - before
    assert 0.04 == pytest.approx(sample("gateway_budget_spent", **labels))
    assert 1.0 == sample("gateway_budget_used_ratio", **labels)


async def test_the_start_says_all_limits_in_one_line(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = budget(store, 25, 0, protection=Protection(budgets=(BudgetShare("relay", Decimal(5)),)))
    for _ in range(3):
        await made.look_after()
    said = "budget: 25.00 a day (all), 5.00 a day (relay), no limit of a month; in EUR"
    assert [said] == caplog.messages


@pytest.mark.parametrize(
    ("currencies", "name"),
    [
        ((), "in EUR"),
        ((Currency("nexmo", "USD"),), "in USD"),
        ((Currency("nexmo", "EUR", CENT), Currency("flowroute", "USD")), "in USD"),
        ((Currency("nexmo", "EUR", CENT),), "in the account's currency"),
    ],
)
async def test_the_currency_is_that_without_an_exchange_rate(
    currencies: tuple[Currency, ...], name: str, store: Store
) -> None:
    made = budget(store, protection=Protection(currencies=currencies))
    await made.look()
    assert made.summary().endswith(f"; {name}")


def test_a_level_without_a_limit_is_not_used_up() -> None:
    assert 0.0 == Level("all", Span.DAY, 10, 0, 0).used


@pytest.mark.parametrize(
    ("amount", "whole"),
    [
        ("0.0333", 33_300),
        ("0.00845000", 8_450),
        ("0.00000001", 1),
        ("25", 25_000_000),
        (0.1, 100_000),
    ],
)
def test_amounts_are_whole_millionths_rounded_up(amount: str | float, whole: int) -> None:
    assert whole == millionths(Decimal(amount) if isinstance(amount, str) else amount)
