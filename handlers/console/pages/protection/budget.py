"""What is spent, reserved and known of prices, and a raise until the day or month is over."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from gateway.errors import BadRequest
from gateway.protection.spending.budget import words
from gateway.protection.spending.money import WARN_FROM, Level, Span
from handlers.console.base import path
from handlers.console.page import Action, Page

LONGEST = 100
MOST = Decimal(1_000_000)
# What the scopes are, in words; behind a colon stands which one.
SCOPES = {
    "all": "everything together",
    "relay": "texts of conversations",
    "calls": "calls",
    "rents": "renting numbers",
    "endpoint": "the endpoint",
    "site": "the shop",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One budget as the page shows it; limit: '' = none; state: as it is coloured."""

    level: Level
    what: str
    spent: str
    limit: str
    percent: int
    state: str
    raised_at: str
    raised_by: str


class BudgetPage(Page):
    """``/console/budget``."""

    template = "budget.html"
    live = "budget_live.html"
    every = 2.0
    labels: ClassVar[dict[str, str]] = {"scope": "Budget", "amount": "New limit"}
    done_words: ClassVar[dict[str, str]] = {
        "raised": "Raised, in all processes. Texts that waited for money go on.",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return how much of each budget is used, and the prices."""
        budget = self.services.budget
        levels = await budget.look()
        return {
            "rows": [
                row(each) for each in levels if each.limit or each.spent or each.scope == "all"
            ],
            "limited": [(each, what(each.scope)) for each in levels if each.limit],
            "open": budget.open,
            "prices": [(name, words(price)) for name, price in await budget.prices()],
        }


class RaiseBudget(Action, BudgetPage):
    """``POST /console/budget/raise``: a higher limit until its day or month is over."""

    async def perform(self, *args: str) -> str:
        """Raise a budget and let waiting texts go on."""
        given = self.fields("budget", "amount")
        span, _, scope = given.text("budget", LONGEST).partition(" ")
        if span not in set(Span):
            raise BadRequest("budget: there is no such budget")
        amount = _amount(given.text("amount", LONGEST))
        await self.services.budget.raise_limit(scope, Span(span), amount, self._who())
        await self.services.holds.look_after()
        await self.services.holds.money_is_there()
        return path("budget", done="raised")

    def _who(self) -> str:
        """Return who raises it: his address, and what tells his sign-ins apart."""
        return f"{self.subject} ({self.stand_in('who raised a budget')[:8]})"


def row(level: Level) -> Row:
    """Return how a budget is shown."""
    percent = int(level.used * 100)
    state = "refused" if level.stopped else "held" if level.used >= WARN_FROM else "ok"
    raised_at, _, raised_by = level.raised.partition(" ")
    return Row(
        level,
        what(level.scope),
        words(level.spent),
        words(level.limit) if level.limit else "",
        percent,
        state if level.limit else "",
        raised_at,
        raised_by,
    )


def what(scope: str) -> str:
    """Return in words what a scope is."""
    kind, _, which = scope.partition(":")
    return f"{SCOPES.get(kind, kind)} {which}".strip()


def _amount(written: str) -> Decimal:
    """Return an amount, with a point or a comma before its decimals; raises BadRequest."""
    try:
        amount = Decimal(written.strip().replace(",", "."))
    except InvalidOperation:
        raise BadRequest("amount: a number, such as 50 or 12.50") from None
    if not amount.is_finite() or not 0 < amount <= MOST:
        raise BadRequest(f"amount: above 0 and up to {MOST:f}")
    return amount


ROUTES = [
    (r"/console/budget/?", BudgetPage),
    (r"/console/budget/raise/?", RaiseBudget),
]
