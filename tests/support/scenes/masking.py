"""A gateway, the provider emulator and the people who text each other through both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.emulator import Emulator
from tests.support.servers.serving import Gateway, serving

TOKEN = "battery-staple"
ADMIN = {"Authorization": "Bearer correct-horse"}

# Made-up people and rented numbers; see https://nationalnanpa.com for 555-0100 to 0199.
ANNA, BERT, CARL, DORA = (f"120655501{n}" for n in (21, 22, 23, 24))
HEIDI = "4917604069011"
ONE, TWO, THREE = (f"120655501{n}" for n in (51, 52, 53))
FLOW = "12065550161"
GERMAN = "4917604069051"

START = "[YOUR ORG NAME]: Your new session has started, send a message!"
END = "[YOUR ORG NAME]: This session has ended, talk to you again soon!"
NO_SESSION = "[YOUR ORG NAME]: An active session was not found. Please contact support@yourorg.com"
STOPPED = "[YOUR ORG NAME]: You will get no more messages. Text START to get them again."
HELP = "[YOUR ORG NAME]: For help contact support@yourorg.com. Text STOP to get no more messages."
OPTED_OUT = "[YOUR ORG NAME]: Your contact has chosen to receive no more messages."

SECONDS = 30.0


async def until(condition: Callable[[], object | Awaitable[object]]) -> None:
    """Return once ``condition`` holds; raises TimeoutError when it never does."""
    async with asyncio.timeout(SECONDS):
        while True:
            held = condition()
            if await held if isinstance(held, Awaitable) else held:
                return
            await asyncio.sleep(0.02)


@dataclass
class Town:
    """Everybody and everything that a masked conversation needs."""

    gateway: Gateway
    emulator: Emulator

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Call an admin route and return status and answer."""
        async with self.gateway.client.request(method, path, json=body, headers=ADMIN) as response:
            return response.status, await response.json()

    async def ok(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call an admin route that has to work."""
        status, answer = await self.call(method, path, body)
        assert 200 == status, answer
        return answer

    async def rent(self, *numbers: str, provider: str = "nexmo") -> None:
        """Put numbers into the pool."""
        for number in numbers:
            await self.ok("POST", "/tn", {"value": number, "provider": provider})

    async def session(self, a: str, b: str, **more: object) -> dict[str, Any]:
        """Begin a session, and wait until both have heard of it."""
        before = len(self.emulator.sent)
        body = {"participant_a": a, "participant_b": b, **more}
        made = await self.ok("POST", "/session", body)
        await until(lambda: len(self.emulator.sent) >= before + 2)
        return made

    async def text(self, sender: str, to: str, text: str, **more: Any) -> list[int | None]:
        """Let a handset text a virtual number; returns the statuses the webhooks got."""
        return [each.http_status for each in await self.emulator.text(sender, to, text, **more)]

    def heard(self, number: str) -> list[tuple[str, str]]:
        """Return (from, text) of what a handset has received, oldest first."""
        return [(each.sender, each.text) for each in self.emulator.sent if each.to == number]

    async def hears(self, number: str, *expected: tuple[str, str]) -> None:
        """Wait until a handset has received so much, which has to be exactly this."""
        await until(lambda: len(self.heard(number)) >= len(expected))
        await self.at_rest()
        assert list(expected) == self.heard(number)

    async def at_rest(self) -> None:
        """Wait until nothing waits in the outbox."""
        await until(self._rests)

    async def _rests(self) -> bool:
        return not await self.gateway.application.services.store.execute("EXISTS", "{relay}:due")


@asynccontextmanager
async def town(
    redis_url: str, *options: str, token: str = TOKEN, **settings: Any
) -> AsyncIterator[Town]:
    """Run a gateway and the emulator; token: of webhooks; ``settings`` are the emulator's."""
    emulator = Emulator(**{"rate": 0, "dlr_delay": 0.01, "flowroute_numbers": [FLOW], **settings})
    await emulator.start()
    try:
        defaults = (
            "--admin_token=correct-horse",
            f"--webhook_token={token}",
            f"--nexmo_domain={emulator.domain}",
            "--nexmo_ssl=no",
            "--nexmo_api_key=emulator",
            "--nexmo_api_secret=emulator-secret",
            "--flowroute_access_key=emulator",
            "--flowroute_secret_key=emulator-secret",
            f"--flowroute_url={emulator.url}/v2.1/messages",
            "--nexmo_rate=0",
            "--number_rate=0",
            "--budget_day=0",
            "--budget_month=0",
        )
        named = {each.partition("=")[0] for each in options}
        others = (each for each in defaults if each.partition("=")[0] not in named)
        async with serving(*others, *options, redis_url=redis_url) as gateway:
            emulator.configure(
                dlr_url=f"{gateway.url}/dlr/{token}",
                mo_url=f"{gateway.url}/inbound/{token}",
                flowroute_mo_url=f"{gateway.url}/{token}",
                flowroute_dlr_url=f"{gateway.url}/dlr/flowroute/{token}",
            )
            yield Town(gateway, emulator)
    finally:
        await emulator.stop()
