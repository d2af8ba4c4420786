"""A stand-in for Vonage's SMS API that takes its time and notices who hangs up meanwhile.

It follows the provider's documents only (https://developer.vonage.com/en/api/sms), as does the
stand-in from which it has its answers, and shares nothing with the gateway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.support.stand_ins.vonage import API_KEY, API_SECRET, Post, accepted
from tests.support.visitor import eventually


@dataclass
class Request:
    """One request and how it ended: answered, or hung up on before it was, or neither as yet."""

    post: Post
    answered: bool = False
    hung_up: bool = False

    @property
    def ref(self) -> str:
        """The client's own name for the message."""
        return self.post.form["client-ref"]

    @property
    def direction(self) -> tuple[str, str]:
        """Sender and recipient."""
        return self.post.form["from"], self.post.form["to"]

    @property
    def text(self) -> str:
        """What is to be sent."""
        return self.post.form["text"]


@dataclass(eq=False)
class Door:
    """One of the provider's addresses; each client has its own, so that one knows them apart."""

    domain: str = ""
    requests: list[Request] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def options(self) -> list[str]:
        """Command line of a gateway that sends through this door."""
        values = {"domain": self.domain, "api_key": API_KEY, "api_secret": API_SECRET}
        return ["--nexmo_ssl=no", *(f"--nexmo_{name}={value}" for name, value in values.items())]

    @property
    def waiting(self) -> list[Request]:
        """The requests that have no answer as yet."""
        return [each for each in self.requests if not each.answered and not each.hung_up]

    async def catch(self) -> None:
        """Answer nothing any more, and return when there is somebody who waits for an answer."""
        self.gate.clear()
        await eventually(lambda: self.waiting)


class SlowProvider:
    """Accepts every text, ``seconds()`` after it came; an asynchronous context."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.requests: list[Request] = []  # of all doors, in order of arrival
        self._seconds = seconds
        self._runners: list[web.ServerRunner] = []

    async def open_door(self) -> Door:
        """Listen on one more address."""
        door = Door()
        door.gate.set()

        async def take(request: web.BaseRequest) -> web.StreamResponse:
            return await self._take(request, door)

        # Without the cancellation nobody would learn that a client has hung up.
        runner = web.ServerRunner(web.Server(take, handler_cancellation=True))
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        door.domain = f"127.0.0.1:{runner.addresses[0][1]}"
        return door

    async def _take(self, http: web.BaseRequest, door: Door) -> web.StreamResponse:
        post = Post(http.method, http.path_qs, Message(), await http.read(), time.monotonic())
        request = Request(post)
        self.requests.append(request)
        door.requests.append(request)
        try:
            await asyncio.sleep(self._seconds())
            await door.gate.wait()
            response = await _answer(http, post)
        except (asyncio.CancelledError, ConnectionError):
            request.hung_up = True
            raise
        request.answered = True
        return response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()


async def _answer(http: web.BaseRequest, post: Post) -> web.StreamResponse:
    """Write the whole answer out, so that there is no doubt later whether it was."""
    answer = accepted()(post)
    assert answer is not None
    response = web.Response(body=answer.body, content_type=answer.content_type)
    await response.prepare(http)
    await response.write_eof()
    return response
