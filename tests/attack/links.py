"""Attacks on texts with a link, which nobody opens; the day before customers have opened theirs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.protection.links.conversions import DAY, TEN_MINUTES
from tests.attack.attacks import Outcome, attack, outcome
from tests.attack.costs import ANY_NUMBER, Cost
from tests.attack.receivers import ONE_RANGE, all_over_the_world, many_networks
from tests.attack.siege import BEHIND_PROXY, Siege, Visit
from tests.support.scenes.masking import Town, town

LINKED = (
    *("--message=Get the app: {link}", "--sender=12065550100", BEHIND_PROXY),
    *("--public_url=https://sms.example.com", "--form_link=https://www.example.com/app"),
    "--budget_month=0",
)
# Nothing else bounds a range or a country, so that the breaker alone is seen; its receivers, too,
# may be texted again and again.
ALONE = (
    *("--receiver_limit_amount=0", "--same_text_seconds=0"),
    "".join(
        f'[[limit]]\nby = "{each}"\namount = 0\nwindow = 60\n' for each in ("range", "calling_code")
    )
    + "[[new_country]]\namount = 0\n",
)
CUSTOMERS, OPENED = 100, 30
AT_ONCE = 5  # every ten minutes: 30 an hour
STEPS = DAY // TEN_MINUTES


@dataclass
class Days:
    """Time that passes for limits and for links; passed: seconds since the attack began."""

    place: Town
    siege: Siege
    passed: float = -DAY

    async def customers(self) -> None:
        """Have people all over Germany sent links, of which some are opened; then a day pass."""
        links = self.place.gateway.application.services.conversions
        links.clock = lambda: time.time() + self.passed
        for n in range(CUSTOMERS):
            e164 = f"+49151{n:04}1234"
            await links.sent("/message", e164)
            if n < OPENED:
                await links.clicked("/message", e164, links.clock())
        self.passed = 0

    async def attack(self, receivers: Iterator[str], at_once: int = AT_ONCE) -> int:
        """Ask for texts every ten minutes of a day; return how many passed before a block."""
        breaker = self.place.gateway.application.services.rule_gate.breaker
        before = 0
        visits = (Visit(*each) for each in zip(receivers, many_networks(), strict=False))
        for _ in range(STEPS):
            await self.siege.burst(islice(visits, at_once), at_once, at_once)
            await self.siege.later(TEN_MINUTES)
            self.passed += TEN_MINUTES
            await breaker.decide()
            before = before or (self.siege.count if breaker.entries else 0)
        return before


@asynccontextmanager
async def besieged(redis_url: str, rules: str = "", *options: str) -> AsyncIterator[Days]:
    """Run a gateway whose customers open three of ten links."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "protection.toml"
        file.write_text(rules)
        files = (f"--protection_file={file}", *options)
        async with town(redis_url, *LINKED, *files, dlr_off=True) as place:
            store = place.gateway.application.services.store
            days = Days(place, Siege([place.gateway.client], place.emulator, store))
            await days.customers()
            yield days


def seen(days: Days, before: int, most: int, most_before: int) -> Outcome:
    """Return what a day has cost; it is stopped when few enough passed, and before the block."""
    siege = days.siege
    told = f"{siege.calls:,} calls, {before} SMS before the block"
    cost = Cost.of_sms(siege.count, siege.money, ANY_NUMBER, told)
    return outcome(0 < before <= most_before and siege.count <= most, str(cost), cost)


@attack("spending: many /48s, one range, no limit but the breaker", quick=False)
async def one_range_of_links(redis_url: str) -> Outcome:
    """34 that are ten minutes old, and what comes until they are and somebody looks."""
    *options, rules = ALONE
    async with besieged(redis_url, rules, *options) as days:
        return seen(days, await days.attack(cycle(ONE_RANGE)), most=110, most_before=50)


@attack("spending: many /48s, one range, with links", quick=False)
async def one_range_of_links_and_limits(redis_url: str) -> Outcome:
    async with besieged(redis_url) as days:
        return seen(days, await days.attack(cycle(ONE_RANGE)), most=70, most_before=50)


@attack("spending: many /48s, all ranges of a new country, no limit but the breaker", quick=False)
async def a_country_of_links(redis_url: str) -> Outcome:
    *options, rules = ALONE
    async with besieged(redis_url, rules, *options) as days:
        numbers = cycle(all_over_the_world()[383])
        return seen(days, await days.attack(numbers), most=110, most_before=50)
