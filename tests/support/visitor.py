"""Those who call the gateway in tests: a web site's visitor, its back-end, a provider."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

RECEIVER = "+49 176 12345678"  # made up
GIVEN_UP = 30.0  # seconds after which a condition that never comes true fails the test


@dataclass(frozen=True)
class Reply:
    """One answer of the gateway."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Visitor:
    """An HTTP client of one gateway; ``headers`` go with every request."""

    session: aiohttp.ClientSession
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def request(self, method: str, path: str, **request: Any) -> Reply:
        """Send one request, follow nothing, and return the answer."""
        headers = {**self.headers, **request.pop("headers", {})}
        # encoded=True: the path and query go out exactly as the test wrote them.
        target = URL(self.url + path, encoded=True)
        async with self.session.request(
            method, target, headers=headers, allow_redirects=False, **request
        ) as response:
            return Reply(response.status, response.headers, await response.text())

    async def get(self, path: str, **params: str) -> Reply:
        """GET with these parameters in the query."""
        query = f"?{urlencode(params)}" if params else ""
        return await self.request("GET", path + query)

    async def send(self, receiver: str = RECEIVER, path: str = "/message/", **more: str) -> Reply:
        """Ask for the message of an endpoint."""
        return await self.get(path, receiver=receiver, **more)

    async def status(self, message_id: str) -> tuple[str, bool, int]:
        """Return (delivery, final, parts) of a message; raises KeyError when it is not known."""
        body = (await self.get("/status/", id=message_id)).json
        return body["delivery"], body["final"], body["parts"]

    def via(self, **headers: str) -> Visitor:
        """The same visitor with these headers as well; ``X_Real_Ip`` stands for X-Real-Ip."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Visitor(self.session, self.url, {**self.headers, **named})


@asynccontextmanager
async def visiting(url: str) -> AsyncIterator[Visitor]:
    """A visitor of the gateway at this address."""
    async with aiohttp.ClientSession() as session:
        yield Visitor(session, url)


async def eventually(
    condition: Callable[[], object | Awaitable[object]], seconds: float = GIVEN_UP
) -> None:
    """Return once the condition holds; raises TimeoutError when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        holds = condition()
        if isinstance(holds, Awaitable):
            holds = await holds
        if holds:
            return
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true")
        await asyncio.sleep(0.02)
