"""The base of the emulator's handlers: only this machine is served, errors are JSON."""

from __future__ import annotations

import asyncio
import json
import logging
from types import TracebackType
from typing import Any

from tornado.web import HTTPError, RequestHandler

from gateway.emulator.api.application import EmulatorApplication
from gateway.emulator.loopback import is_loopback_host, is_loopback_url, url_host
from gateway.errors import BadRequest, Forbidden, GatewayError

log = logging.getLogger(__name__)

JSON = "application/json; charset=UTF-8"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class BaseHandler(RequestHandler):
    """Answers JSON; a request by another host name or from another site is refused.

    A page on the web can make a browser call loopback addresses: the checks keep it out.
    """

    application: EmulatorApplication
    content_type = JSON

    def initialize(self) -> None:
        """Begin with a client that waits for the answer; ``gone`` is set when it does no more."""
        self.gone = asyncio.Event()

    def set_default_headers(self) -> None:
        """Let nothing be cached, framed, or loaded from elsewhere."""
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")

    def prepare(self) -> None:
        """Raise Forbidden for a request that does not come from this machine."""
        if not is_loopback_host(url_host(f"http://{self.request.host}")):
            raise Forbidden("the emulator serves this machine only")
        origin = self.request.headers.get("Origin", "")
        if origin and not is_loopback_url(origin):
            raise Forbidden("the emulator serves this machine only")

    def compute_etag(self) -> None:
        """Return nothing: an answer says what is, a 304 would not."""

    def on_connection_close(self) -> None:
        """Tell what waits for the client that it has gone."""
        self.gone.set()

    def reply(self, value: object) -> None:
        """Finish with ``value`` as JSON."""
        self.set_header("Content-Type", self.content_type)
        self.finish(json.dumps(value))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Reply with the code and the text of an error."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, GatewayError):
            self.set_status(error.status)
            self.reply({"error": error.code, "message": str(error), **error.fields})
            return
        self.reply({"error": "http_error", "message": self._reason})

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log the unexpected only, and no query: it holds numbers and texts."""
        if isinstance(value, GatewayError | HTTPError) or typ is None or value is None:
            return
        summary = f"{self.request.method} {self.request.path}"
        log.error("%s failed", summary, exc_info=(typ, value, tb))


class UnknownPathHandler(BaseHandler):
    """404 for every path that is not the emulator's."""

    def prepare(self) -> None:
        """Raise HTTPError (404), for strangers Forbidden."""
        super().prepare()
        raise HTTPError(404)


def number_argument(text: str, name: str, highest: int) -> int:
    """Return a query argument as a whole number; raises BadRequest naming it."""
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= highest:
        return int(text)
    raise BadRequest(f"{name}: must be a whole number up to {highest}", field=name)
