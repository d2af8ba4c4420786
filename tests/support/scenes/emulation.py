"""The provider emulator as its tests use it: started, asked over HTTP, and a webhook it calls."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from gateway.emulator import Emulator
from tests.support.servers.processes import Process, wait_for

KEY, SECRET = "emulator", "emulator-secret"
SIGNATURE_SECRET = "a-signature-secret-of-32-characters"
BERLIN = "4917612345678"
SEATTLE = "12065550123"
VALID = {"api_key": KEY, "api_secret": SECRET, "from": "Acme", "to": BERLIN, "text": "Hello"}
GIVEN_UP = 30  # seconds after which a condition that never comes true fails the test


def basic(key: str, secret: str) -> dict[str, str]:
    """Return the header of Basic authentication."""
    encoded = base64.b64encode(f"{key}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


@dataclass
class Delivered:
    """One request that reached the receiver."""

    method: str
    content_type: str | None
    user_agent: str
    authorization: str
    body: bytes
    query: dict[str, str]
    form: dict[str, str]

    @property
    def values(self) -> dict[str, Any]:
        """The parameters, wherever they were."""
        if self.body.startswith(b"{"):
            return dict(json.loads(self.body))
        return self.form or self.query


@dataclass
class Receiver:
    """A webhook on loopback that keeps what it gets and answers as it is told, else 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        is_form = request.content_type == "application/x-www-form-urlencoded"
        form = {name: str(value) for name, value in (await request.post()).items()}
        delivered = Delivered(
            method=request.method,
            content_type=request.headers.get("Content-Type"),
            user_agent=request.headers.get("User-Agent", ""),
            authorization=request.headers.get("Authorization", ""),
            body=body,
            query=dict(request.query),
            form=form if is_form else {},
        )
        async with self.arrived:
            self.delivered.append(delivered)
            self.arrived.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def wait(self, count: int) -> list[Delivered]:
        """Return what was delivered, as soon as it is ``count`` requests."""
        async with asyncio.timeout(GIVEN_UP), self.arrived:
            await self.arrived.wait_for(lambda: len(self.delivered) >= count)
        assert count == len(self.delivered)
        return self.delivered


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Yield a receiver that listens."""
    made = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/dlr/"
    yield made
    await runner.cleanup()


@asynccontextmanager
async def emulating(**settings: object) -> AsyncIterator[Emulator]:
    """Yield an emulator that runs, unthrottled and quick unless told otherwise."""
    quick = {"dlr_delay": 0, "retry_delays": (0.01, 0.02), "rate": 0}
    made = Emulator(**(quick | settings))
    await made.start()
    yield made
    await made.stop()


@contextmanager
def alone(*options: str) -> Iterator[str]:
    """Yield the address of an emulator in a process of its own."""
    with Process("-m", "gateway.emulator", "--port=0", *options) as process:
        pattern = r"listening on (http://\S+)"
        wait_for(lambda: re.search(pattern, process.log))
        yield re.findall(pattern, process.log)[0]


async def send(http: aiohttp.ClientSession, **changes: str) -> list[dict[str, str]]:
    """Return the items that answer a valid request with the changes (``from_`` means from)."""
    params = VALID | {name.rstrip("_").replace("_", "-"): text for name, text in changes.items()}
    async with http.post("/sms/json", data=params) as response:
        assert response.status == 200
        return await items(response)


async def items(response: aiohttp.ClientResponse) -> list[dict[str, str]]:
    answer = await response.json()
    assert str(len(answer["messages"])) == answer["message-count"]
    return list(answer["messages"])


async def order(http: aiohttp.ClientSession, failure: str, **more: object) -> None:
    async with http.post("/emulator/next", json={"failure": failure, **more}) as response:
        assert response.status == 200


async def change(http: aiohttp.ClientSession, **settings: object) -> None:
    async with http.post("/emulator/settings", json=settings) as response:
        assert response.status == 200


async def error_of(response: aiohttp.ClientResponse) -> tuple[int, dict[str, str]]:
    text = await response.text()
    assert "Traceback" not in text
    return response.status, json.loads(text)


def documented_signature(params: Mapping[str, str], method: str) -> str:
    """Return the signature by the documented rule, written again and apart from the gateway's."""
    base = ""
    for name in sorted(params):
        base += "&" + name + "=" + re.sub("[&=]", "_", params[name])
    if method == "md5hash":
        return hashlib.md5((base + SIGNATURE_SECRET).encode()).hexdigest()
    return hmac.new(SIGNATURE_SECRET.encode(), base.encode(), method).hexdigest()
