"""The handler that every handler extends: arguments, JSON and JSONP answers, uniform errors.

``PublicHandler`` (JSONP, CORS), ``AdminHandler`` (bearer token) and ``WebhookHandler`` extend it,
each with its guard, in ``base.py`` of its folder; health and metrics stand behind nginx.conf.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Any, ClassVar

import ujson
from tornado.httputil import HTTPHeaders, format_timestamp
from tornado.web import HTTPError, RequestHandler

from gateway.access.client_address import FORWARDING_HEADERS, is_loopback
from gateway.errors import GatewayError, LimitExceeded, PayloadTooLarge
from gateway.monitoring.metrics import RESPONSES
from gateway.store.budget import fresh_budget
from gateway.store.values import ID
from gateway.telephony import phonenumber
from handlers import arguments
from handlers.application import Application
from wiring.services import Services

log = logging.getLogger(__name__)

JSON_TYPE = "application/json; charset=UTF-8"
JAVASCRIPT_TYPE = "application/javascript; charset=UTF-8"
# A text has at most 3,200 characters; with every one escaped as \uXXXX twice that is 38 KB.
MOST_ARGUMENT_BYTES = 64 * 1024


@lru_cache(maxsize=4)
def _http_date(second: int) -> str:
    return format_timestamp(second)


class Guard(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    ADMIN = "admin"
    WEBHOOK = "webhook"
    DEVICE = "device"  # phones, which send their secret in the request
    SIGN_IN = "sign-in"  # the door of the console: its form, scripts and styles
    OPERATION = "operation"  # health and metrics: kept from the outside by nginx.conf


class BaseHandler(RequestHandler):
    """JSON in and out. A subclass names its ``guard`` and writes its verbs."""

    SUPPORTED_METHODS: tuple[str, ...] = tuple("GET POST DELETE OPTIONS HEAD PATCH PUT".split())
    application: Application
    guard: ClassVar[Guard]
    get_is_safe: ClassVar[bool] = False  # it sends and changes nothing: HEAD is answered as well
    callback: str | None = None  # the JSONP function, on public GETs only
    tornado_reads_forms: ClassVar[bool] = False  # as it does: by their content type alone

    @property
    def services(self) -> Services:
        """Everything below the handlers."""
        return self.application.services

    @property
    def client_address(self) -> str:
        """The caller's address; a header is believed from trusted proxies only."""
        clients = self.services.clients
        peer = self.request.remote_ip or ""
        return clients.resolve(peer, self.request.headers.get(clients.header))

    @property
    def on_this_machine(self) -> bool:
        """Whether the caller is a loopback peer for whom nobody forwards."""
        headers = self.request.headers
        return is_loopback(self.request.remote_ip or "") and not any(
            name in headers for name in FORWARDING_HEADERS
        )

    @property
    def is_asked_here(self) -> bool:
        """Whether a program or a person on this machine asks, by a name that is this machine's.

        A reverse proxy that forwards in silence tells the host that it was asked by, and the form
        of another site its origin.
        """
        host = self.request.host_name
        origin = self.request.headers.get("Origin")
        own = origin is None or origin == f"{self.request.protocol}://{self.request.host}"
        local = host == "localhost" or is_loopback(host.strip("[]"))
        return self.on_this_machine and local and own

    @property
    def log_path(self) -> str:
        """The path as it may stand in a log: no query, numbers masked, of what varies only ids.

        What is percent-encoded may be digits, a line's end or an escape code: it is left out.
        """
        plain, escaped, _ = self.request.path.partition("%")
        for element in getattr(self, "path_args", None) or ():
            if element and not ID.fullmatch(element):
                plain = plain.replace(element, "…")
        return phonenumber.mask_digits(plain) + ("…" if escaped else "")

    def _begin(self, **_: object) -> None:
        """Count the request and give it its second for the store."""
        self.application.in_flight += 1
        fresh_budget()
        self.content_type = self.request.headers.get("Content-Type", "")
        if self.request.method in {"GET", "HEAD"} or not self.tornado_reads_forms:
            # Bodies are read by what they are, and a GET's content type says nothing; Tornado
            # would answer 400 to a multipart type without a boundary.
            self.request.headers.pop("Content-Type", None)

    # Open to the arguments of routes, which Tornado gives by name.
    initialize: Callable[..., None] = _begin

    def clear(self) -> None:
        """Reset the answer to the headers that every one has.

        In place of Tornado's own, which formats the date anew for each answer and names the
        server: a tenth of the time that a request takes. Nothing may be cached.
        """
        headers = HTTPHeaders()
        headers["Content-Type"] = JSON_TYPE
        headers["Date"] = _http_date(int(time.time()))
        headers["Cache-Control"] = "no-store"
        if self.application.draining:
            headers["Connection"] = "close"
        self._headers = headers
        self._write_buffer: list[bytes] = []
        self._status_code = 200
        self._reason = "OK"
        self.set_default_headers()

    def set_etag_header(self) -> None:
        """Set no ETag: a 304 in place of an answer would hide that an SMS was sent."""

    def check_etag_header(self) -> bool:
        """Never answer 304."""
        return False

    def arguments(self, *flags: str) -> dict[str, str]:
        """Return the arguments of query and body (form, JSON object), raw as they came.

        flags: those that may be a JSON boolean, which becomes ``true`` or ``false``.
        Raises BadRequest for a repeated argument, invalid UTF-8 and a JSON body that is no object;
        PayloadTooLarge for a body that no argument of this gateway can need.
        """
        self.check_body_size()
        return arguments.read(self.request, self.content_type, flags)

    def check_body_size(self) -> None:
        """Raise PayloadTooLarge for a body larger than anything this gateway has a use for."""
        if len(self.request.body) > MOST_ARGUMENT_BYTES:
            raise PayloadTooLarge(f"the body is larger than {MOST_ARGUMENT_BYTES} bytes")

    def reply(self, body: dict[str, Any]) -> None:
        """Finish with ``body`` as JSON, or as JSONP when the request named a function."""
        # In a script, "</" inside a value could end the script element.
        text = ujson.dumps(body, escape_forward_slashes=self.callback is not None)
        if self.callback is not None:
            self.set_header("Content-Type", JAVASCRIPT_TYPE)
            self.set_header("X-Content-Type-Options", "nosniff")
            text = f"{self.callback}({text});"
        self.finish(text)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer any exception as JSON; the only place where exceptions become answers."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, GatewayError):
            self.reply_error(error)
            return
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.verbs()))
        phrase = HTTPStatus(status_code).phrase
        code = "internal_error" if status_code == 500 else re.sub(r"\W+", "_", phrase.lower())
        self.reply({"status": "error", "error": code, "message": phrase})

    def reply_error(self, error: GatewayError) -> None:
        """Answer one of the gateway's own errors."""
        if isinstance(error, LimitExceeded):
            self.set_header("Retry-After", str(error.retry_after))
        body: dict[str, Any] = {"status": "error", "error": error.code}
        if error.message:
            body["message"] = error.message
        self.reply(body | error.fields)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Give the gateway's own errors their status; Tornado knows HTTPError only."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, GatewayError):
            status_code = error.status
        super().send_error(status_code, **kwargs)

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log crashes with the masked path; neither queries nor bodies reach the log."""
        if isinstance(value, GatewayError | HTTPError):
            return
        where = f"{self.request.method} {self.log_path}"
        log.error("crash in %s", where, exc_info=(typ, value, tb) if value else None)

    def on_finish(self) -> None:
        """Count the answer."""
        self.application.in_flight -= 1
        RESPONSES[(f"{self.get_status() // 100}xx",)].inc()

    def __init_subclass__(cls) -> None:
        """Answer HEAD like a GET that is safe, whose body Tornado leaves out."""
        super().__init_subclass__()
        if cls.get_is_safe and "get" in vars(cls):
            setattr(cls, "head", vars(cls)["get"])  # noqa: B010 - mypy knows the method's own type

    @classmethod
    def verbs(cls) -> list[str]:
        """Return the methods that this handler answers."""
        return [
            verb
            for verb in cls.SUPPORTED_METHODS
            if getattr(cls, verb.lower()) is not getattr(RequestHandler, verb.lower())
        ]


class NotFoundHandler(BaseHandler):
    """Everything that is no route."""

    guard = Guard.PUBLIC

    @property
    def log_path(self) -> str:
        """Nothing of it: a mistyped path may hold a secret."""
        return "/…"

    def prepare(self) -> None:
        """Answer 404 whatever the verb."""
        raise HTTPError(404)
