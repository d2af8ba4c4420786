"""Listens, and ends connections whose time is over: what this gateway uses of an HTTPServer."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import add_accept_handler
from tornado.web import Application

from handlers.front.connection import Connection, Shared

log = logging.getLogger(__name__)

# The application itself refuses large bodies, in the form of each route; Tornado's own limit would
# answer 400 in none.
NO_LIMIT = 2**62
# A body of the largest size over the slowest phone; nginx reads bodies before it passes them on.
BODY_SECONDS = 30.0
# More than nginx keeps its idle connections (60 s), so that it never meets one just closing.
IDLE_SECONDS = 120.0
# Between two looks at the deadlines of all connections.
SWEEP_SECONDS = 1.0


class FastServer:
    """Serves an application of Tornado's; idle_seconds, body_seconds: as ``Shared`` has them."""

    def __init__(
        self, application: Application, *, idle_seconds: float, body_seconds: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        done = self._loop.create_future()
        done.set_result(None)
        self._shared = Shared(application, idle_seconds, body_seconds, done)
        self._beginning: set[asyncio.Task[Any]] = set()
        self._listening: list[tuple[socket.socket, Callable[[], None]]] = []
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections from these listening sockets."""
        for each in sockets:
            self._listening.append((each, add_accept_handler(each, self.accept)))

    def stop(self) -> None:
        """Accept no more; connections that are there are served."""
        for listening, remove in self._listening:
            remove()
            listening.close()
        self._listening.clear()

    async def close_all_connections(self) -> None:
        """End all connections, whatever they are at."""
        self._sweeping.cancel()
        for each in list(self._shared.open):
            each.close()
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def accept(self, connection: socket.socket, _: object = None) -> None:
        """Serve a connection; the second argument is its address, which nobody needs."""
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(
            self._loop.connect_accepted_socket(
                lambda: Connection(self._shared, self._loop), connection
            )
        )
        self._beginning.add(task)
        task.add_done_callback(self._begun)

    def _begun(self, task: asyncio.Task[Any]) -> None:
        self._beginning.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.info("a connection was gone at once: %r", task.exception())

    def _sweep(self) -> None:
        now = self._loop.time()
        for each in [each for each in self._shared.open if each.deadline < now]:
            each.close()
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)


def http_server(
    kind: str,
    application: Application,
    *,
    idle_seconds: float = IDLE_SECONDS,
    body_seconds: float = BODY_SECONDS,
) -> FastServer | HTTPServer:
    """Return what reads requests: a FastServer for "fast", else Tornado's own."""
    if kind == "fast":
        return FastServer(application, idle_seconds=idle_seconds, body_seconds=body_seconds)
    return HTTPServer(
        application,
        max_body_size=NO_LIMIT,
        body_timeout=body_seconds,
        idle_connection_timeout=idle_seconds,
    )
