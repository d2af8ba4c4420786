"""A day of a small shop: all options at their defaults, and not one customer is refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.emulator.account.records import SentMessage
from tests.support.ageing import pass_time
from tests.support.scenes.masking import TOKEN, Town, town
from tests.support.scenes.small_shop import MINUTE, Asking, Call, Customers

# What happens within so many seconds happens at once; that is no easier for limits.
STEP = 3 * MINUTE
PRICE = 0.08  # EUR, of an SMS to Germany
OPTIONS = (
    "--message=Get the app: https://example.com/app",
    "--sender=Shop",
    "--nexmo_long_virtual_number=12065550100",
    "--trusted_proxies=127.0.0.1",
    "--nexmo_dlr_url=http://127.0.0.1:9/dlr/",
)
EXPECTED: dict[Asking, dict[str, object]] = {
    Asking.LINK: {"status": "ok", "message": "Message sent"},
    Asking.CHECK: {"status": "ok", "sms": True},
    Asking.MISTYPED: {"status": "error", "error": "receiver_validation"},
}


@dataclass
class Day:
    """Plays calls, and the receipts of what was sent; refused: calls with what they got instead."""

    place: Town
    customers: Customers
    now: float = 0.0
    seen: int = 0
    receipts: list[tuple[float, SentMessage]] = field(default_factory=list)
    refused: list[tuple[Call, Any]] = field(default_factory=list)

    async def play(self, calls: list[Call]) -> None:
        for call in calls:
            await self._until(call.at)
            answers = await asyncio.gather(
                *(self._made(call) for _ in range(2 if call.twice else 1))
            )
            self.refused += [(call, each) for each in answers if not _is_expected(call, each)]
            self._expect_receipts()

    async def _made(self, call: Call) -> Any:
        checks = call.asking is Asking.CHECK
        path, name = ("/validate_number/", "number") if checks else ("/message/", "receiver")
        form, headers = {name: call.typed}, {"X-Real-Ip": call.address}
        async with self.place.gateway.client.post(path, data=form, headers=headers) as answer:
            return await answer.json()

    async def _until(self, moment: float) -> None:
        """Let time pass, as far as it makes a step, and the receipts of that time come."""
        steps = int(moment // STEP) - int(self.now // STEP)
        due = [each for each in self.receipts if each[0] <= moment]
        self.receipts = [each for each in self.receipts if each[0] > moment]
        await asyncio.gather(*(self._receipt(message) for _, message in due))
        if steps > 0:
            await pass_time(self.place.gateway.application.services.store, steps * STEP)
        self.now = max(self.now, moment)

    def _expect_receipts(self) -> None:
        for message in list(self.place.emulator.sent)[self.seen :]:
            after = self.customers.receipt_after()
            if after is not None:
                self.receipts.append((self.now + after, message))
        self.seen = len(self.place.emulator.sent)

    async def _receipt(self, message: SentMessage) -> None:
        told = {"msisdn": message.to, "to": message.sender, "price": message.price}
        told |= {"messageId": message.parts[0].message_id, "status": "delivered", "err-code": "0"}
        told |= {"client-ref": message.client_ref, "scts": "2611210350"}
        async with self.place.gateway.client.post(f"/dlr/{TOKEN}", data=told) as answer:
            assert 200 == answer.status


def _is_expected(call: Call, answer: Any) -> bool:
    return bool(EXPECTED[call.asking].items() <= answer.items())


@asynccontextmanager
async def opened(redis_url: str, seed: int) -> AsyncIterator[Day]:
    """Open a shop that has never sent anything."""
    async with town(redis_url, *OPTIONS, dlr_off=True, price=PRICE) as place:
        services = place.gateway.application.services
        await services.rule_gate.newcomers.look_after(services.history.sent_lately)
        yield Day(place, Customers(random.Random(seed)))


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))]


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_defaults_refuse_no_customer_of_a_busy_first_day(
    seed: int, redis_url: str
) -> None:
    async with opened(redis_url, seed) as day:
        calls = day.customers.day()
        await day.play(calls)
        assert [] == day.refused
        asked = [each for each in calls if each.asking is Asking.LINK]
        assert 190 < len(asked) == len(day.place.emulator.sent)
