"""One connection: what comes is read, told to Tornado request by request, and answered.

A request is taken up when the one before it is answered; until then what follows waits, unread as
far as possible. Of the request under way, what is read and what is answered move apart:

| | head comes | body comes | end comes | answered | fault | closed |
| --- | --- | --- | --- | --- | --- | --- |
| idle | body | | | | 400, closed | |
| body | | told | whole | closed | 400, closed | told |
| whole | waits | waits | waits | idle, or closed | waits | told |

One deadline holds for each state: that of an idle connection for idle and the head, that of bodies
for body, none while an answer is made.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPOutputError,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError
from tornado.web import Application

from handlers.front.reading import END, Event, Head, Malformed, Reader
from handlers.front.writing import BAD_REQUEST, CONTINUE, Answer

log = logging.getLogger(__name__)

NEVER = float("inf")


@dataclass(slots=True)
class Shared:
    """What all connections of a server share.

    idle_seconds: how long one may be idle, or at the head of a request; body_seconds: at a body;
    done: what is returned for what was written at once; open: the connections that there are.
    """

    application: Application
    idle_seconds: float
    body_seconds: float
    done: asyncio.Future[None]
    open: set[Connection] = field(default_factory=set)


class State(enum.Enum):
    """How much is read of the request under way; IDLE: there is none."""

    IDLE = enum.auto()
    BODY = enum.auto()
    WHOLE = enum.auto()


class Context:
    """Who is at the other end, as ``HTTPServerRequest`` looks for it."""

    __slots__ = ("protocol", "remote_ip")

    def __init__(self, peer: object) -> None:
        # As Tornado calls a peer of a unix socket, which has no address.
        self.remote_ip = str(peer[0]) if isinstance(peer, tuple) and peer else "0.0.0.0"  # noqa: S104
        self.protocol = "http"

    def __str__(self) -> str:
        return self.remote_ip


class Connection(asyncio.Protocol, HTTPConnection):
    """A connection, and in Tornado's words the HTTPConnection of the request under way.

    deadline: by when (of the loop's time) something has to have come.
    """

    def __init__(self, shared: Shared, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self._loop = loop
        self._events: deque[Event] = deque()
        self._reader = Reader(self._events)
        self._state = State.IDLE
        self._delegate: HTTPMessageDelegate | None = None
        self._answer: Answer | None = None
        self._has_begun = False  # to answer
        self._fault = ""  # in what was read last
        self._waits = False  # for Tornado to take what it was told
        self._is_paused = False
        self._is_closed = False
        self._told_when_closed: Callable[[], None] | None = None
        self._flow: asyncio.Future[None] | None = None  # until the peer takes something again
        self.deadline = loop.time() + shared.idle_seconds

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of uvloop it has another base
        self.context = Context(transport.get_extra_info("peername"))
        self._shared.open.add(self)

    def data_received(self, data: bytes) -> None:
        if self._fault:
            return
        try:
            self._reader.feed(data)
        except Malformed as error:
            self._fault = str(error)
        self._go_on()

    def pause_writing(self) -> None:
        self._flow = self._loop.create_future()

    def resume_writing(self) -> None:
        flow, self._flow = self._flow, None
        if flow is not None and not flow.done():
            flow.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self._shared.open.discard(self)
        if self._flow is not None and not self._flow.done():
            self._flow.set_exception(StreamClosedError())
            self._flow.exception()  # nobody need wait for it
        self._events.clear()
        delegate, self._delegate = self._delegate, None
        told, self._told_when_closed = self._told_when_closed, None
        if self._state is State.BODY and delegate is not None:
            delegate.on_connection_close()
        elif told is not None:
            told()

    # -- what was read

    def _go_on(self) -> None:
        """Tell Tornado what has been read, as far as it may be told now."""
        try:
            while self._events and not self._waits and not self._is_closed:
                if self._state is State.WHOLE:
                    break
                self._take(self._events.popleft())
            if self._fault and not self._events and self._state is not State.WHOLE:
                raise Malformed(self._fault)
        except (Malformed, HTTPInputError) as error:
            self._refuse(str(error))
        except Exception:
            log.exception("crash over a request")
            self._transport.abort()
        self._read_on(not self._events and not self._waits)

    def _take(self, event: Event) -> None:
        if isinstance(event, Head):
            self._state = State.BODY
            self.deadline = self._loop.time() + self._shared.body_seconds
            self._answer = Answer(event.line, event.headers, keeps=event.keeps)
            self._has_begun = False
            self._delegate = self._shared.application.start_request(self, self)
            self._wait_for(self._delegate.headers_received(event.line, event.headers))
            if event.expects and not self._has_begun and not self._events:
                self._transport.write(CONTINUE)
        elif event is END:
            self._state = State.WHOLE
            self.deadline = NEVER
            if self._delegate is not None:
                self._delegate.finish()
        elif self._delegate is not None:
            self._wait_for(self._delegate.data_received(event))

    def _wait_for(self, taken: Awaitable[None] | None) -> None:
        if taken is None:
            return
        future = asyncio.ensure_future(taken)
        if not future.done():
            self._waits = True
            future.add_done_callback(self._taken)

    def _taken(self, future: asyncio.Future[None]) -> None:
        self._waits = False
        if not future.cancelled() and future.exception() is not None:
            log.error("crash over a body", exc_info=future.exception())
            self._transport.abort()
        elif not self._is_closed:
            self._go_on()

    def _read_on(self, wanted: bool) -> None:
        if wanted is self._is_paused and not self._is_closed:
            self._is_paused = not wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def _refuse(self, why: str) -> None:
        """Answer what cannot be read, and read no more."""
        log.info("malformed HTTP from %s: %s", self.context, why)
        self._fault = why
        self._events.clear()
        if self._is_closed:
            return
        if self._state is State.IDLE or not self._has_begun:
            self._transport.write(BAD_REQUEST)
        self._transport.close()

    # -- tornado.httputil.HTTPConnection

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Have ``callback`` called when the client leaves before it is answered."""
        self._told_when_closed = callback

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> asyncio.Future[None]:
        """Write the head of an answer, and the first of its body."""
        answer = self._asked_for
        self._has_begun = True
        if self._state is not State.WHOLE:
            answer.keeps = False
        with self._ended_by_errors():
            return self._write(answer.head(cast(ResponseStartLine, start_line), headers, chunk))

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Write more of the body."""
        with self._ended_by_errors():
            return self._write(self._asked_for.body(chunk))

    def finish(self) -> None:
        """End the answer; the next request is taken up, or the connection closed."""
        answer = self._asked_for
        with self._ended_by_errors():
            end = answer.end()
        if self._is_closed:
            return
        if end:
            self._transport.write(end)
        if answer.keeps and self._state is State.WHOLE:
            # Not at once: the handler that has just finished still has some lines to go.
            self._loop.call_soon(self._next)
        else:
            self._delegate = None
            self._transport.close()

    @property
    def _asked_for(self) -> Answer:
        """The answer to the request under way; raises RuntimeError when nobody has asked."""
        if self._answer is None:
            raise RuntimeError("an answer without a request")
        return self._answer

    def _next(self) -> None:
        if self._is_closed:
            return
        self._state = State.IDLE
        self._delegate = None
        self.deadline = self._loop.time() + self._shared.idle_seconds
        if self._events or self._fault or self._is_paused:
            self._go_on()

    def _write(self, data: bytes) -> asyncio.Future[None]:
        if self._is_closed:
            failed = self._loop.create_future()
            failed.set_exception(StreamClosedError())
            failed.exception()
            return failed
        self._transport.write(data)
        # Of a future that several wait for none may give up.
        return self._shared.done if self._flow is None else asyncio.shield(self._flow)

    @contextmanager
    def _ended_by_errors(self) -> Iterator[None]:
        """Close the connection on what cannot be framed: the next answer would be taken for it."""
        try:
            yield
        except (ValueError, HTTPOutputError):
            self._transport.close()
            raise

    def close(self) -> None:
        """End the connection now, whatever it is at."""
        self._transport.abort()
