"""The typed Tornado application: what all handlers share."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Iterable
from typing import Any

import tornado.web
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.ioloop import IOLoop

from conf.messages import MessageEndpoint
from gateway.errors import PayloadTooLarge
from gateway.monitoring.metrics import IN_FLIGHT
from handlers.handsets import Handsets
from wiring.services import Services

log = logging.getLogger(__name__)
access_log = logging.getLogger("gateway.access_log")


# Versions 3.0.0 to 3.0.3 of SMSsync repeat all earlier SMS since their start in every post; nothing
# else comes near.
MOST_READ_BYTES = 1024 * 1024
# For so long a body that is refused is still read, and thrown away: who is writing does not listen.
REFUSAL_SECONDS = 1.0


class BoundedBody(HTTPMessageDelegate):
    """Gives a handler no more of a body than it may have: what is beyond is kept nowhere."""

    def __init__(self, handler: HTTPMessageDelegate) -> None:
        self._handler = handler
        self._left = MOST_READ_BYTES + 1  # with which the handler sees that it is too much
        self._finished = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Choose the handler; of a body that says it is too large nothing is kept."""
        if is_too_large(headers):
            self._left = 0
            IOLoop.current().call_later(REFUSAL_SECONDS, self.finish)
        return self._handler.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass on what the handler may still have."""
        kept = chunk[: self._left]
        self._left -= len(kept)
        return self._handler.data_received(kept) if kept and not self._finished else None

    def finish(self) -> None:
        """Let the handler answer, once."""
        if not self._finished:
            self._finished = True
            self._handler.finish()

    def on_connection_close(self) -> None:
        """Let the handler go."""
        self._finished = True
        self._handler.on_connection_close()


def is_too_large(headers: HTTPHeaders) -> bool:
    """Tell whether a request says that its body is larger than any may be."""
    length = headers.get("Content-Length", "")
    return length.isdecimal() and int(length[:20]) > MOST_READ_BYTES


def refusing(handler: type[tornado.web.RequestHandler]) -> type[tornado.web.RequestHandler]:
    """Return a handler that refuses every request as too large, in the form of ``handler``."""

    def prepare(_: tornado.web.RequestHandler) -> None:
        raise PayloadTooLarge(f"the body is larger than {MOST_READ_BYTES} bytes")

    return type(f"Refusing{handler.__name__}", (handler,), {"prepare": prepare})


class Application(tornado.web.Application):
    """What the handlers share.

    endpoints: the message endpoints that ``routes`` serve; not_found: answers all other paths.
    """

    def __init__(
        self,
        services: Services,
        routes: Iterable[tuple[Any, ...]],
        endpoints: Iterable[MessageEndpoint],
        *,
        not_found: type[tornado.web.RequestHandler],
        log_requests: bool = False,
        start_page: str = "",
        handsets: Handsets | None = None,
    ) -> None:
        self.services = services
        self.endpoints = list(endpoints)
        services.short_links.serve(self.endpoints)
        self.start_page = start_page
        self.handsets = handsets
        self.in_flight = 0
        self.streams: Counter[str] = Counter()  # live pages of the console, by sign-in
        self.draining = False
        self._log_requests = log_requests
        IN_FLIGHT.set_function(lambda: self.in_flight)
        super().__init__(
            list(routes),
            default_handler_class=not_found,
            compress_response=False,
            serve_traceback=False,
        )

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return what takes a request, and never more than ``MOST_READ_BYTES`` of its body."""
        return BoundedBody(super().start_request(server_conn, request_conn))

    def get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[tornado.web.RequestHandler],
        *arguments: Any,
        **named: Any,
    ) -> Any:
        """Return what runs a handler; a body that says it is too large meets one that refuses."""
        if is_too_large(request.headers):
            target_class = refusing(target_class)
        return super().get_handler_delegate(request, target_class, *arguments, **named)

    def log_request(self, handler: tornado.web.RequestHandler) -> None:
        """Log one line a request when ``access_log`` is on: no query, numbers masked."""
        if not self._log_requests:
            return
        request = handler.request
        try:
            path = getattr(handler, "log_path", "-")
        except Exception:  # a line of the log must never break an answer
            log.exception("no path for the access log")
            path = "-"
        milliseconds = 1000 * request.request_time()
        access_log.info("%d %s %s %.1fms", handler.get_status(), request.method, path, milliseconds)
