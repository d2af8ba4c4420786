"""A voice application on loopback, as the tests of the emulator's calls use it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.scenes.emulation import BERLIN

VIRTUAL, MASK = "4917604069001", "4917604069002"
TALK = {"action": "talk", "text": "Please wait"}
SORRY = {"action": "talk", "text": "Sorry"}
CLOSE = "close"


def connect(**more: Any) -> dict[str, Any]:
    """Return the action that rings Berlin."""
    endpoint = {"type": "phone", "number": BERLIN}
    return {"action": "connect", "from": MASK, "endpoint": [endpoint], **more}


@dataclass
class Seen:
    """A request that reached the application."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    authorization: str

    @property
    def values(self) -> dict[str, Any]:
        return dict(json.loads(self.body)) if self.body else self.query


@dataclass
class VoiceApplication:
    """A voice application on loopback; ``replies`` of a path are used up, the last one stays.

    A reply: an NCCO, a status, raw bytes, or CLOSE to hang up without an answer.
    """

    url: str = ""
    replies: dict[str, list[Any]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                await request.read(),
                request.headers.get("Authorization", ""),
            )
        )
        waiting = self.replies.get(request.path, [200])
        reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if reply == CLOSE and request.transport is not None:
            request.transport.close()
            return web.Response()
        if isinstance(reply, int):
            return web.Response(status=reply)
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        return web.Response(body=body, content_type="application/json")

    def at(self, path: str) -> list[Seen]:
        return [each for each in self.seen if each.path == path]

    def told(self) -> list[tuple[str, str]]:
        """Return direction and status of every event, in the order they came."""
        events = [each.values for each in self.at("/event")]
        return [(each.get("direction", ""), each.get("status", "error")) for each in events]


@asynccontextmanager
async def serving() -> AsyncIterator[VoiceApplication]:
    made = VoiceApplication()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()
