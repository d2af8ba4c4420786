"""What budget_reserve.lua and budget_settle.lua do, in plain Python and at times that are given."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from conf.providers import is_phone
from gateway.messaging.history import Message
from gateway.messaging.status import PENDING
from gateway.protection.rehearsal.terms import Terms
from gateway.protection.spending.money import (
    ALL,
    MILLION,
    Allowance,
    Span,
    exchange_rates,
    field,
    millionths,
)
from gateway.protection.spending.prices import Prices
from gateway.providers.base import Outcome
from gateway.store.values import DAY_MS
from gateway.telephony.phonenumber import country_of

WEEK_MS = 7 * DAY_MS
_FREE = frozenset({Outcome.REFUSED, Outcome.NOT_SENT, Outcome.THROTTLED, PENDING})


@dataclass(frozen=True, slots=True)
class Price:
    """What a message has cost, in millionths of its provider's currency; told: by the provider."""

    amount: int
    told: bool


class Purse:
    """What is spent under some terms; it begins empty, and prices are learned anew."""

    def __init__(self, terms: Terms) -> None:
        protection = terms.protection
        self._limits = {ALL: terms.allowance} | {
            each.of: Allowance.of(each.day, each.month) for each in protection.budgets
        }
        self._rates = exchange_rates(protection.currencies)
        self._prices = Prices(protection.prices)
        self._spent: Counter[str] = Counter()
        # By what a price is known: week, highest of it, highest of the one before.
        self._learned: dict[str, tuple[int, int, int]] = {}

    def refuses(self, message: Message, scopes: tuple[str, ...], now: int) -> str:
        """Return the budget that has no money for a message, '' when all have."""
        if is_phone(message.provider):
            return ""
        unit = self._unit(message)
        cost = math.ceil(unit * self._rate(message) / MILLION) * message.status.parts
        found = ""
        for span, scope, name in _fields(scopes, now // DAY_MS):
            limit = self._limit(scope, span)
            # Of two that are used up the month's is told: it ends later.
            if limit and self._spent[name] + cost > limit and (span is Span.MONTH or not found):
                found = f"{span} {scope}"
        return found

    def spend(self, message: Message, scopes: tuple[str, ...], now: int) -> None:
        """Book what a message that went out has cost, and learn its price."""
        price = self.price(message)
        cost = math.ceil(price.amount * self._rate(message) / MILLION)
        for _, _, name in _fields(scopes, now // DAY_MS):
            self._spent[name] += cost
        if price.told and price.amount:
            self._learn(message, now, math.ceil(price.amount / max(1, message.status.parts)))

    def price(self, message: Message) -> Price:
        """Return what a message has cost, as far as is known; of one that never left nothing."""
        if is_phone(message.provider):
            return Price(0, told=True)
        if (told := _told(message.price)) is not None:
            return Price(told, told=True)
        if message.outcome in _FREE:
            return Price(0, told=True)
        return Price(self._unit(message) * message.status.parts, told=False)

    def _unit(self, message: Message) -> int:
        """Return what a part is taken to cost: the highest price lately, else the start price."""
        _, best, before = self._learned.get(_known_as(message), (0, 0, 0))
        known = max(best, before)
        return known or self._prices.sms(message.provider, country_of(message.to))

    def _learn(self, message: Message, now: int, price: int) -> None:
        name, week = _known_as(message), now // WEEK_MS
        last, best, before = self._learned.get(name, (week, 0, 0))
        if last == week:
            self._learned[name] = (week, max(best, price), before)
        else:
            self._learned[name] = (week, price, best if last == week - 1 else 0)

    def _rate(self, message: Message) -> int:
        return self._rates.get(message.provider, MILLION)

    def _limit(self, scope: str, span: Span) -> int:
        allowance = self._limits.get(scope)
        if allowance is None:
            return 0
        return allowance.day if span is Span.DAY else allowance.month


def _known_as(message: Message) -> str:
    return f"{message.provider}/sms/{country_of(message.to) or '-'}"


@lru_cache(1024)
def _told(price: str) -> int | None:
    """Return a price in millionths, None when none is told."""
    try:
        return millionths(Decimal(price))
    except InvalidOperation:
        return None


@lru_cache(1024)
def _fields(scopes: tuple[str, ...], day: int) -> list[tuple[Span, str, str]]:
    """Return under what a message of a day counts: which budgets of which scopes."""
    at = datetime.fromtimestamp(day * DAY_MS / 1000, UTC)
    month = (at.year - 1970) * 12 + at.month - 1
    return [
        (span, scope, field(span, number, scope))
        for scope in (ALL, *scopes)
        for span, number in ((Span.DAY, day), (Span.MONTH, month))
    ]
