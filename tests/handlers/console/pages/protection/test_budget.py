"""The page of the budget: what is spent, a raise that holds everywhere, and what all pages say."""

from __future__ import annotations

import logging
from functools import partial

import pytest

from gateway.errors import BudgetExhausted
from gateway.protection.spending.money import Cost, How, Spending, millionths
from tests.support.scenes.console import OPTIONS, Operator
from tests.support.servers.serving import Gateway, serving

LIMITS = ("--budget_day=1", "--budget_month=0")


@pytest.fixture
def options() -> tuple[str, ...]:
    return (*OPTIONS, *LIMITS)


async def spend(gateway: Gateway, id: str, amount: str) -> None:
    budget = gateway.application.services.budget
    await budget.reserve(
        Spending(id, ("relay",), "nexmo", millionths(float(amount)), 1, "nexmo/sms/DE")
    )


async def raised(operator: Operator, budget: str, amount: str) -> tuple[int, str]:
    """Return how the form was answered: status and page, that to which it led if it did."""
    answer = await operator.post("/console/budget/raise", budget=budget, amount=amount)
    if answer.status == 303:
        return 303, await operator.page(answer.headers["Location"])
    return answer.status, await answer.text()


async def test_the_page_shows_what_is_spent_and_what_things_cost(
    redis_url: str, options: tuple[str, ...]
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        assert "No provider has told a price yet" in await operator.page("/console/budget")
        await spend(gateway, "1", "0.5")
        page = await operator.page("/console/budget")
        for words in ("0.50", "1.00", "50 % used", "1 reservation under way", "texts of conver"):
            assert words in page
        cost = Cost(How.TOLD, 1, 33_300, "26201")
        await gateway.application.services.budget.settle("1", "nexmo", cost)
        page = await operator.page("/console/budget")
        for words in ("0.0333", "nexmo/sms/DE/26201", "3 % used"):
            assert words in page


async def test_a_raise_counts_at_once_and_says_who_made_it(
    redis_url: str, options: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with (
        serving(*options, redis_url=redis_url) as gateway,
        serving(*options, redis_url=redis_url) as other,
    ):
        operator = await Operator.signed_in(gateway)
        await spend(other, "1", "1")
        with pytest.raises(BudgetExhausted):
            await spend(other, "2", "0.5")
        assert "is used up" in await operator.page("/console/budget")
        assert "is used up" in await operator.page("/console/messages")
        status, page = await raised(operator, "day all", "1,50")
        assert (303, True) == (status, "Raised, in all processes" in page)
        assert "raised" in page
        await spend(other, "2", "0.5")
        with pytest.raises(BudgetExhausted):
            await spend(other, "3", "0.01")
        assert "127.0.0.1" in page
    assert any("from 1.00 to 1.50 by 127.0.0.1" in each for each in caplog.messages)


@pytest.mark.parametrize(
    ("budget", "amount", "why"),
    [
        ("day all", "0.5", "must be above 1.00"),
        ("day all", "1", "must be above 1.00"),
        ("day all", "much", "a number"),
        ("day all", "nan", "above 0"),
        ("day all", "inf", "above 0"),
        ("day all", "-3", "above 0"),
        ("day all", "1e99", "above 0"),
        ("month all", "5", "no such budget"),
        ("day relay", "5", "no such budget"),
        ("week all", "5", "no such budget"),
        ("", "5", "no such budget"),
    ],
)
async def test_what_is_no_raise_is_said_on_the_page(
    budget: str, amount: str, why: str, redis_url: str, options: tuple[str, ...]
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        status, page = await raised(operator, budget, amount)
        assert (400, True) == (status, why in page)


async def test_every_page_warns_from_four_fifths_on(
    redis_url: str, options: tuple[str, ...]
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        await spend(gateway, "1", "0.79")
        await operator.page("/console/budget")
        assert "% are used" not in await operator.page("/console/")
        await spend(gateway, "2", "0.02")
        await operator.page("/console/budget")
        assert "81% are used" in await operator.page("/console/")


async def test_the_form_that_sends_says_that_there_is_no_money(
    redis_url: str, options: tuple[str, ...]
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        await spend(gateway, "1", "1")
        answer = await operator.post(
            "/console/messages/send", to="+4917604069001", text="Hello", sender="Me"
        )
        page = await answer.text()
        assert (429, True) == (answer.status, "The budget of the day is used up." in page)


async def test_the_question_whether_a_request_would_pass_minds_the_budget(
    redis_url: str, options: tuple[str, ...]
) -> None:
    endpoint = ("--message=Hello", "--sender=Me")
    async with serving(*options, *endpoint, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        ask = partial(
            operator.ask, "/console/limits/check", address="203.0.113.9", number="+4917604069001"
        )
        assert "Yes, this request" in await ask()
        await spend(gateway, "1", "1")
        with pytest.raises(BudgetExhausted):
            await spend(gateway, "2", "0.5")
        await gateway.application.services.budget.look()
        page = await ask()
        assert "No: the budget is used up; the next request passes in" in page
        await raised(operator, "day all", "9")
        assert "Yes, this request" in await ask()
