"""A day of attacks on the message endpoint: bursts of calls, and time that passes in the store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

import aiohttp

from gateway.emulator import Emulator
from gateway.store.pipeline import Store
from tests.attack.costs import HOURS
from tests.support.ageing import pass_time
from tests.support.scenes.masking import town

# North America has most numbers for fiction; there a sender has to be a number.
ENDPOINT = ("--message=Get the app: https://example.com/app", "--sender=12065550100")
# A proxy in front says who calls, so that an attacker of the tests has any address.
BEHIND_PROXY = "--trusted_proxies=127.0.0.1"
AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Visit:
    """A call of the endpoint; receiver: digits; headers: beside the address."""

    receiver: str
    address: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    callback: str = ""

    @property
    def request(self) -> dict[str, Any]:
        """What the HTTP client is to be told."""
        params = {"receiver": f"+{self.receiver}"}
        if self.callback:
            params["callback"] = self.callback
        address = {"X-Real-Ip": self.address} if self.address else {}
        return {"params": params, "headers": {**self.headers, **address}}


@dataclass
class Siege:
    """Who attacks some processes of a gateway with one store; refusals: by their error."""

    clients: Sequence[aiohttp.ClientSession]
    emulator: Emulator
    store: Store
    calls: int = 0
    count: int = 0
    money: Decimal = Decimal(0)
    refusals: Counter[str] = field(default_factory=Counter)
    retry_after: int = 0

    def __post_init__(self) -> None:
        self._clients = cycle(self.clients)

    async def visit(self, visit: Visit) -> bool:
        """Tell whether a message was sent; ``retry_after``: seconds that a refusal told."""
        self.calls += 1
        async with next(self._clients).get("/message/", **visit.request) as answer:
            text = await answer.text()
            if '"status":"ok"' in text:
                return True
            self.retry_after = int(answer.headers.get("Retry-After", 0))
            self.refusals[text.partition('"error":"')[2].partition('"')[0]] += 1
            return False

    async def burst(self, visits: Iterator[Visit], most: int, at_once: int = AT_ONCE) -> None:
        """Call at most so often, until none of those that are made at once is let through."""
        for _ in range(0, most, at_once):
            some = list(islice(visits, at_once))
            if not some or not any(await asyncio.gather(*map(self.visit, some))):
                return

    async def day(self, visits: Callable[[int], Iterator[Visit]], most: int) -> None:
        """Make a burst of at most so many calls at the beginning of each hour of a day."""
        for hour in range(HOURS):
            await self.burst(visits(hour), most)
            await self.later(3600)

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        await self.collect()
        await pass_time(self.store, seconds)

    async def collect(self) -> None:
        """Count what the provider was sent since it was counted last."""
        sent = [each for each in self.emulator.sent if each.provider == "nexmo"]
        self.count += len(sent)
        self.money += sum((Decimal(each.price) * len(each.parts) for each in sent), Decimal(0))
        await self.emulator.reset()


@asynccontextmanager
async def besieging(redis_url: str, *options: str, proxy: bool = True) -> AsyncIterator[Siege]:
    """Run a gateway with the emulator; proxy: attackers have the addresses that they name."""
    proxies = (BEHIND_PROXY,) if proxy else ()
    async with town(redis_url, *ENDPOINT, *proxies, *options, dlr_off=True) as place:
        services = place.gateway.application.services
        # Else all countries are known for a moment.
        await services.rule_gate.newcomers.look_after(_nothing_sent)
        yield Siege([place.gateway.client], place.emulator, services.store)


async def _nothing_sent() -> AsyncIterator[tuple[str, str]]:
    nothing: tuple[tuple[str, str], ...] = ()
    for each in nothing:
        yield each
