"""An answer that stays open: the server-sent events of one page that somebody looks at."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from gateway.errors import GatewayError, StoreUnavailable, Unauthenticated
from gateway.store.budget import budget
from handlers.base import BaseHandler

log = logging.getLogger(__name__)

State = TypeVar("State")

TYPE = "text/event-stream; charset=UTF-8"
# Proxies close a connection that is silent for longer; nginx.conf after 20 s.
HEARTBEAT_SECONDS = 10.0
# A browser that takes nothing for so long is cut off: it may come again, and a stop of this
# process must not wait for it.
SEND_SECONDS = 5.0
# So long a stop of this process goes unnoticed.
LOOK_SECONDS = 1.0
STORE_SILENT = "The store does not answer."

# What ends a line of an event stream, and nothing else that Unicode takes for a line's end:
# https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
_LINE_END = re.compile(r"\r\n|\r|\n")


class EventStream:
    """The events for one browser, of which at most one waits for it.

    patience: seconds after which a browser that takes nothing is cut off.
    """

    def __init__(self, handler: BaseHandler, patience: float = SEND_SECONDS) -> None:
        self._handler = handler
        self._patience = patience
        self._left = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._spoken = self._loop.time()
        handler.set_header("Content-Type", TYPE)
        handler.set_header("X-Accel-Buffering", "no")  # nginx passes each event on at once

    @property
    def over(self) -> bool:
        """Whether the browser has left or this process is about to end."""
        return self._left.is_set() or self._handler.application.draining

    def leave(self) -> None:
        """Note that the browser has left."""
        self._left.set()

    async def follow(
        self,
        look: Callable[[], Awaitable[State]],
        render: Callable[[State], str],
        every: float,
    ) -> None:
        """Send ``part`` events with what ``look`` sees, whenever that has changed, until the end.

        every: seconds between two looks. Whoever has signed out, or follows what is no more
        (``look`` raises), is told so, and that is the end as well.
        """
        sent: object = None
        while not self.over:
            try:
                with budget():
                    looked = await look()
                if looked != sent:
                    sent = looked
                    await self.send("part", render(looked))
            except StoreUnavailable:
                if sent is not STORE_SILENT:
                    sent = STORE_SILENT
                    await self.send("trouble", STORE_SILENT)
            except Unauthenticated:
                await self.send("signed-out")
                return
            except GatewayError:
                await self.send("gone")
                return
            await self.beat()
            await self.pause(every)

    async def send(self, name: str, text: str = "-") -> None:
        """Send an event; the stream is over when the browser does not take it."""
        lines = "\n".join(f"data: {line}" for line in _LINE_END.split(text))
        await self._write(f"event: {name}\n{lines}\n\n")

    async def beat(self) -> None:
        """Say that nothing has happened, if that was long ago."""
        if self._loop.time() - self._spoken > HEARTBEAT_SECONDS:
            await self._write(": still here\n\n")

    async def pause(self, seconds: float) -> None:
        """Return after so many seconds, sooner when the stream is over."""
        deadline = self._loop.time() + seconds
        while not self.over and (left := deadline - self._loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await self._left.wait()
            except TimeoutError:
                pass

    async def _write(self, text: str) -> None:
        self._spoken = self._loop.time()
        self._handler.write(text)
        try:
            async with asyncio.timeout(self._patience):
                await self._handler.flush()
        except StreamClosedError:
            self.leave()
        except TimeoutError:
            log.info("console: a browser that takes nothing was cut off")
            self.leave()
            # Else what waits for it would be kept, and the connection with it.
            cast("HTTP1Connection", self._handler.request.connection).close()


def refuse_events(handler: BaseHandler) -> None:
    """Tell a page's script that nobody is signed in; of a 401 a browser tells it nothing."""
    handler.set_status(200)
    handler.set_header("Content-Type", TYPE)
    handler.finish("event: signed-out\ndata: -\n\n")
