"""All that renting numbers needs: a provider that is not our emulator, a pool, and the numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.providers.vonage.numbers import NumbersApi
from gateway.store.pipeline import Store, connect
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from gateway.virtual_numbers.provisioning import Provisioning, Purchase, Wanted
from gateway.virtual_numbers.setup import NumberSetup, Webhooks
from tests.support.stand_ins import numbers
from tests.support.stand_ins.numbers import KEY, SECRET, NumbersStandin

BOTH = frozenset({"sms", "voice"})
SMS, VOICE = frozenset({"sms"}), frozenset({"voice"})
NUMBERS = [str(12065550150 + last) for last in range(20)]
ONE, TWO, THREE = NUMBERS[:3]
TOKEN = "token-of-webhooks"
APP = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
HERE = Webhooks.at("https://sms.example.com", TOKEN, APP)
SET_UP = {"moHttpUrl": f"https://sms.example.com/inbound/{TOKEN}", "app_id": APP}


@dataclass
class Office:
    """All that renting needs, at a provider of our own."""

    standin: NumbersStandin
    store: Store
    api: NumbersApi
    numbers: Pool

    def provisioning(
        self, *, webhooks: Webhooks = HERE, account: str = KEY, **more: Any
    ) -> Provisioning:
        """What is tested; it does not wait between looks."""
        setup = NumberSetup(self.api, self.numbers, webhooks)
        options = {"looks": (0.0, 0.0), **more}
        return Provisioning(self.store, self.api, setup, account=account, **options)

    async def rent(self, count: int = 1, features: frozenset[str] = BOTH) -> list[Purchase]:
        """Rent American numbers."""
        return await self.provisioning().rent(Wanted("US", count, features))

    async def pool(self) -> dict[str, VirtualNumber]:
        """Return the numbers of the pool by their digits."""
        entries = (await self.numbers.page(1000, "")).items
        return {each.number.e164[1:]: each.number for each in entries}

    def settings(self, number: str) -> dict[str, str]:
        """Return how a number is set up at the provider."""
        owned = self.standin.owned[number]
        return {name: owned[name] for name in numbers.CALLBACKS if name in owned}


@asynccontextmanager
async def opened(
    standin: NumbersStandin, url: str, patience: float = 20.0
) -> AsyncIterator[Office]:
    """Run an office; patience: seconds until a request without an answer is given up."""
    store = connect(url)
    api = NumbersApi(standin.url, KEY, SECRET, timeout=patience, pauses=(0.0, 0.0, 0.0))
    try:
        yield Office(standin, store, api, Pool(store))
    finally:
        await api.close()
        await store.close()
