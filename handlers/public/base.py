"""The base of the routes for web sites: JSONP, CORS, errors that a script tag can read."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from gateway.errors import LimitExceeded
from gateway.telephony import phonenumber
from gateway.telephony.phonenumber import PhoneNumber
from handlers import arguments
from handlers.base import BaseHandler, Guard

USUAL_HEADERS = "Content-Type, Accept, X-Requested-With"
# https://www.rfc-editor.org/rfc/rfc9110#name-field-names, in a list of at most 1,000 characters
_HEADER_NAMES = re.compile(
    r"(?=.{1,1000}\Z)[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*", re.ASCII
)


class PublicHandler(BaseHandler):
    """A route for web sites: JSONP on GET, CORS, its own errors with HTTP status 200."""

    guard = Guard.PUBLIC
    # Of a limit; for scripts of other sites a header that is not named is not there.
    exposed_headers: ClassVar[str] = "Retry-After"

    def prepare(self) -> None:
        """Allow any origin and read the JSONP function."""
        self._allow_origins()
        if self.request.method == "GET" and "callback" in self.request.query_arguments:
            self.callback = arguments.jsonp_callback(self.request)

    def options(self, *_: str) -> None:
        """Answer a preflight."""
        self.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
        # Scripts that watch a page add headers of their own to every request (sentry-trace,
        # traceparent); none of them opens anything here.
        asked = self.request.headers.get("Access-Control-Request-Headers", "")
        allowed = asked if _HEADER_NAMES.fullmatch(asked) else USUAL_HEADERS
        self.set_header("Access-Control-Allow-Headers", allowed)
        self.set_header("Vary", "Access-Control-Request-Headers")
        self.set_header("Access-Control-Max-Age", "86400")
        self.set_status(204)
        self.finish()

    def fail(self, error: str, **fields: Any) -> None:
        """Answer an error that belongs to the endpoint: HTTP 200, for a script tag can read it."""
        self.reply({"status": "error", "error": error} | fields)

    def limited(self, error: LimitExceeded) -> None:
        """Answer that the allowance is used up; the misspelt word is part of the contract."""
        self.set_header("Retry-After", str(error.retry_after))
        self.set_header("Access-Control-Expose-Headers", self.exposed_headers)
        self.fail("limit_acceded")

    def number(self, text: str, country: str | None) -> PhoneNumber | None:
        """Return the number that a visitor meant, completed by what we know of him."""
        candidates = self.services.countries.candidates(
            country, self.client_address, self.request.headers.get("Accept-Language")
        )
        return phonenumber.parse(text, candidates, self.services.judge)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Like every handler's, readable from any origin; with JSONP as HTTP 200."""
        self._allow_origins()
        if self.callback is not None:
            self.set_status(200)
        super().write_error(status_code, **kwargs)

    def _allow_origins(self) -> None:
        self._headers["Access-Control-Allow-Origin"] = "*"
