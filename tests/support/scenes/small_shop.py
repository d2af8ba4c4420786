"""A day of a small shop's customers: who asks for the link when, from where, and how he errs.

Addresses are for documentation (RFC 3849, RFC 5737) and benchmarks (RFC 2544), numbers made up.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

MINUTE, HOUR = 60, 3600
# How many of 100 customers come in each hour: lunch, and a busy evening after a newsletter.
CUSTOMERS = 170
BY_HOUR = (1, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 8, 5, 4, 4, 5, 6, 7, 22, 8, 4, 2, 1)
# Home is Germany; the others are guests. x: a digit.
HOME_SHARE = 0.86
HOME = "+4915123xxxxxx"
GUESTS = (
    *("+43664123xxxx", "+4178123xxxx", "+3361200xxxx", "+3164123xxxx", "+447400xxxxxx"),
    *("+3932012xxxxx", "+4860123xxxx", "+34612345xxx", "+4520123xxx", "+919876543xxx"),
    *("+120655501xx", "+905012345xxx", "+380501234xxx"),
)
# Mobile carriers put many customers behind a few IPv4 addresses, or give each an IPv6 /64 of a
# few /48s; homes have an IPv4 address, or a /48 of their own.
CARRIERS, EXITS, CARRIER_NETWORKS = 3, 8, 3


class Asking(StrEnum):
    """What a customer does: presses the check, asks for the link, or mistypes his number."""

    CHECK = "check"
    LINK = "link"
    MISTYPED = "mistyped"


@dataclass(frozen=True, slots=True)
class Call:
    """A call at a moment (s of the day); number: E.164; twice: by a double click."""

    at: float
    address: str
    number: str
    asking: Asking = Asking.LINK
    twice: bool = False

    @property
    def typed(self) -> str:
        """What is typed into the form: at home without the country."""
        at_home = self.number.startswith("+49")
        return f"0{self.number[3:6]} {self.number[6:]}" if at_home else self.number

    @property
    def mistyped(self) -> Call:
        """The same a little earlier, with some digits missing."""
        return replace(self, at=self.at - 30, number=self.number[:7], asking=Asking.MISTYPED)


@dataclass
class Customers:
    """Draws what they do; dice: what happens to them."""

    dice: random.Random
    homes: int = 0

    def day(self) -> list[Call]:
        """Return all calls of a day in order."""
        found = [call for _ in range(CUSTOMERS) for call in self._customer(self._moment())]
        for _ in range(4):
            found += self._group(people=2, minutes=3)  # a couple with two phones
        for _ in range(2):
            found += self._group(people=4, minutes=40, one_range=True)  # a family
        found += self._group(people=7, minutes=45, one_range=True, hour=13)  # an office
        found += self._group(people=8, minutes=50, hour=10)  # a class in the school's network
        return sorted(found, key=lambda call: call.at)

    def receipt_after(self) -> float | None:
        """Return the seconds until a phone has a text; None = it never has."""
        drawn = self.dice.random()
        if drawn < 0.02:
            return None
        if drawn < 0.08:
            return self.dice.uniform(HOUR, 10 * HOUR)  # switched off
        if drawn < 0.18:
            return self.dice.uniform(MINUTE, 20 * MINUTE)
        return self.dice.uniform(2, 20)

    def _moment(self) -> float:
        hour = self.dice.choices(range(24), BY_HOUR)[0]
        return hour * HOUR + self.dice.uniform(0, HOUR)

    def _customer(self, at: float) -> Iterator[Call]:
        number = self._number()
        first = Call(at, self._address(), number)
        if self.dice.random() < 0.10:
            yield replace(first, at=at - 20, asking=Asking.CHECK)
        if self.dice.random() < 0.08:
            yield first.mistyped
        yield replace(first, twice=self.dice.random() < 0.08)
        if self.dice.random() < 0.06:  # it has not come yet
            yield replace(first, at=at + self.dice.uniform(4, 12) * MINUTE)
        if self.dice.random() < 0.03:  # it is not to be found any more
            yield replace(first, at=at + self.dice.uniform(1, 4) * HOUR, address=self._address())

    def _group(
        self, people: int, minutes: float, *, one_range: bool = False, hour: int | None = None
    ) -> Iterator[Call]:
        """Yield calls of people behind one address, one of whom mistypes and one clicks twice.

        one_range: their numbers were bought together.
        """
        start = self._moment() if hour is None else hour * HOUR
        address, together = self._home(), self._digits(HOME)[:-4]
        for n in range(people):
            number = self._digits(f"{together}xxxx") if one_range else self._number()
            call = Call(start + self.dice.uniform(0, minutes) * MINUTE, address, number)
            if n == 0 and people > 2:
                yield call.mistyped
            yield replace(call, twice=n == 1)

    def _number(self) -> str:
        at_home = self.dice.random() < HOME_SHARE
        return self._digits(HOME if at_home else self.dice.choice(GUESTS))

    def _digits(self, pattern: str) -> str:
        return "".join(str(self.dice.randrange(10)) if c == "x" else c for c in pattern)

    def _address(self) -> str:
        drawn = self.dice.random()
        carrier = self.dice.randrange(CARRIERS)
        if drawn < 0.3:
            return f"198.18.{carrier}.{self.dice.randrange(EXITS)}"
        if drawn < 0.6:
            network = carrier * CARRIER_NETWORKS + self.dice.randrange(CARRIER_NETWORKS)
            return f"2001:db8:{network:x}:{self.dice.randrange(65_536):x}::1"
        return self._home()

    def _home(self) -> str:
        self.homes += 1
        if self.dice.random() < 0.5:
            return f"198.19.{self.homes // 256}.{self.homes % 256}"
        return f"2001:db8:{self.homes + 4096:x}:{self.dice.randrange(16):x}::1"
