"""Nouns of the budget: amounts in whole millionths, what is spent on what, what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from conf.protection import Currency
from gateway.store.values import DAY_MS

MILLION = 1_000_000
# From here on the owner is warned.
WARN_FROM = 0.8
# The scope of everything together.
ALL = "all"


class Span(StrEnum):
    """How long a budget is for, in UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent in a day and in a month, in millionths; 0 = any amount."""

    day: int
    month: int

    @classmethod
    def of(cls, day: Decimal | float, month: Decimal | float) -> Allowance:
        """Return the allowance of amounts in the budget's currency."""
        return cls(millionths(day), millionths(month))


@dataclass(frozen=True, slots=True)
class Spending:
    """What is about to be paid for.

    id: without blanks, a repeat under the same one is the same spending; scopes: what it counts
    under besides ALL; provider: in whose currency its price is; price: of one until it is known, in
    millionths; count: how many (parts, minutes); known_as: under which its price is learned, '' =
    never.
    """

    id: str
    scopes: tuple[str, ...]
    provider: str
    price: int
    count: int = 1
    known_as: str = ""


class Reserved(StrEnum):
    """What became of the wish to reserve money; UNADOPTED: no limit is known yet."""

    RESERVED = "reserved"
    EXHAUSTED = "exhausted"
    UNADOPTED = "unadopted"


class How(StrEnum):
    """By what a spending is settled.

    BACK: it cost nothing; KEPT: what was reserved; COUNTED: so many at the reserved price; TOLD:
    the provider has told the price of all.
    """

    BACK = "back"
    KEPT = "kept"
    COUNTED = "counted"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a spending has come to; price: of all, in millionths of the provider's currency."""

    how: How
    count: int = 0
    price: int = 0
    network: str = ""


NOTHING = Cost(How.BACK)
AS_RESERVED = Cost(How.KEPT)


@dataclass(frozen=True, slots=True)
class Level:
    """How much of one budget is used: amounts in millionths, limit 0 = none; ends: ms.

    raised: when (ms) and by whom the limit was raised, '' = it is the usual one; stopped: something
    was refused since.
    """

    scope: str
    span: Span
    spent: int
    limit: int
    ends: int
    raised: str = ""
    stopped: bool = False

    @property
    def used(self) -> float:
        """Which part of the limit is spent, 0 without one."""
        return self.spent / self.limit if self.limit else 0.0


def millionths(amount: Decimal | float) -> int:
    """Return an amount in whole millionths, rounded up."""
    exact = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    return int((exact * MILLION).to_integral_value(ROUND_CEILING))


def field(span: Span, number: int, scope: str) -> str:
    """Return under what the store counts a day or month, by its number since the Unix epoch."""
    return f"{'d' if span is Span.DAY else 'm'}{number} {scope}"


def read_field(name: str) -> tuple[Span, int, str]:
    """Return what ``field`` was made of."""
    number, _, scope = name[1:].partition(" ")
    return (Span.DAY if name[0] == "d" else Span.MONTH), int(number), scope


def end_of(span: Span, number: int) -> int:
    """Return when a day or month ends, ms."""
    if span is Span.DAY:
        return (number + 1) * DAY_MS
    years, months = divmod(number + 1, 12)
    return int(datetime(1970 + years, months + 1, 1, tzinfo=UTC).timestamp() * 1000)


def exchange_rates(currencies: Iterable[Currency]) -> Mapping[str, int]:
    """Return how much of the budget's currency one of each provider's is, in millionths."""
    return {each.provider: millionths(each.rate) for each in currencies}
