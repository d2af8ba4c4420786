"""The typed Tornado application: what all handlers share."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

import tornado.web

from conf.messages import MessageEndpoint
from gateway.monitoring.metrics import IN_FLIGHT
from gateway.wiring.services import Services
from handlers.handsets import Handsets

log = logging.getLogger(__name__)
access_log = logging.getLogger("gateway.access_log")


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
