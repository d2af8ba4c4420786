"""What an attack costs in a day, here and with the rules of the original.

The original lets an address have 10 calls an hour and knows no other rule, so that a day costs what
the attacker's addresses bring, or what the provider lets out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

HOURS = 24
CALLS_AN_HOUR = 10
PROVIDER_RATE = 30  # SMS a second of one key
MOST_A_DAY = PROVIDER_RATE * HOURS * 3600
# More than can be used: one IPv6 customer has thousands, whoever believes headers serves any.
ANY_NUMBER = math.inf
PRICE = Decimal("0.0333")  # the emulator's, of an SMS to any country

HEAD = ("attack", "SMS", "EUR", "original: SMS", "EUR", "% of it", "played")


def of_original(addresses: float) -> int:
    """Return how many SMS a day as many addresses get out of the original."""
    return int(min(addresses * CALLS_AN_HOUR * HOURS, MOST_A_DAY))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a day of an attack has cost: SMS (or rented numbers) and EUR; played: how it was found.

    original, original_money: the same of the original.
    """

    count: int
    money: Decimal
    original: int
    original_money: Decimal
    played: str

    @classmethod
    def of_sms(cls, count: int, money: Decimal, addresses: float, played: str) -> Cost:
        """Return that of SMS which so many addresses ask for."""
        original = of_original(addresses)
        return cls(count, money, original, original * PRICE, played)

    @property
    def percent(self) -> float:
        """How much of the original's money it is."""
        return float(100 * self.money / self.original_money)

    def __str__(self) -> str:
        return (
            f"{self.count:,} for EUR {self.money:,.2f}, "
            f"{self.percent:.3g} % of the original's {self.original:,}; {self.played}"
        )


def table(costs: Iterable[tuple[str, Cost]]) -> str:
    """Return a Markdown table of attacks by their names."""
    rows = [HEAD, ("---",) * len(HEAD), *(_row(*each) for each in costs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, cost: Cost) -> tuple[str, ...]:
    return (
        name,
        f"{cost.count:,}",
        f"{cost.money:,.2f}",
        f"{cost.original:,}",
        f"{cost.original_money:,.0f}",
        f"{cost.percent:.3g}",
        cost.played,
    )
