"""The base of the routes for web sites: whose pages may call, JSONP, CORS, readable errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from tornado.httputil import HTTPHeaders

from conf.messages import MessageEndpoint
from conf.protection import Site
from conf.values import read_origin
from gateway.access.client_address import is_loopback
from gateway.access.shops import NO_ORIGIN, Pages, origin_of
from gateway.errors import GatewayError, LimitExceeded, OriginNotAllowed
from gateway.telephony import phonenumber
from gateway.telephony.phonenumber import PhoneNumber
from handlers import arguments
from handlers.base import BaseHandler, Guard

# Errors that no other input mends, or that hide a reason which none mends.
REFUSALS = frozenset(
    "internal_error limit_acceded nexmo_error proof_needed receiver_opted_out receiver_validation"
    " site_unknown temporarily_unavailable".split()
)
USUAL_HEADERS = "Content-Type, Accept, X-Requested-With"
# https://www.rfc-editor.org/rfc/rfc9110#name-field-names, in a list of at most 1,000 characters
_HEADER_NAMES = re.compile(
    r"(?=.{1,1000}\Z)[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*", re.ASCII
)


class PublicHandler(BaseHandler):
    """A route for web sites: JSONP on GET, CORS, its own errors with HTTP status 200.

    from_everywhere: pages of all sites may call it, whatever the options say.
    """

    guard = Guard.PUBLIC
    # Of a limit; for scripts of other sites a header that is not named is not there.
    exposed_headers: ClassVar[str] = "Retry-After"
    from_everywhere: ClassVar[bool] = False

    def prepare(self) -> None:
        """Read the JSONP function; raises OriginNotAllowed for pages that may not call."""
        if self.request.method == "GET" and "callback" in self.request.query_arguments:
            self.callback = arguments.jsonp_callback(self.request)
        self._allow_origin()
        if self.request.method != "OPTIONS" and not self._is_welcome:
            raise OriginNotAllowed

    @cached_property
    def given(self) -> dict[str, str]:
        """The arguments, read once; raises like ``arguments``."""
        return self.arguments()

    @cached_property
    def site(self) -> Site | None:
        """The shop that the call names, None for none; raises SiteUnknown."""
        key = self.given.get("site", "").strip()
        return self.services.shops.named(key) if key else None

    @property
    def shop(self) -> Site | None:
        """The same, None also where there is no such shop or the arguments cannot be read."""
        try:
            return self.site
        except GatewayError:
            return None

    @property
    def link(self) -> str:
        """What leads a visitor to where a message would have, '' = nothing."""
        return ""

    def link_of(self, endpoint: MessageEndpoint) -> str:
        """Return that of an endpoint's messages, by the shop, the endpoint or the option."""
        shop = self.shop
        return (shop.link if shop else "") or endpoint.link or self.services.form_link

    def options(self, *_: str) -> None:
        """Answer a preflight."""
        self.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
        # Scripts that watch a page add headers of their own to every request (sentry-trace,
        # traceparent); none of them opens anything here.
        asked = self.request.headers.get("Access-Control-Request-Headers", "")
        allowed = asked if _HEADER_NAMES.fullmatch(asked) else USUAL_HEADERS
        self.set_header("Access-Control-Allow-Headers", allowed)
        self.add_header("Vary", "Access-Control-Request-Headers")
        self.set_header("Access-Control-Max-Age", "86400")
        self.set_status(204)
        self.finish()

    def fail(self, error: str, **fields: Any) -> None:
        """Answer an error that belongs to the endpoint: HTTP 200, for a script tag can read it."""
        self.reply({"status": "error", "error": error} | fields)

    def reply(self, body: dict[str, Any]) -> None:
        """Finish with ``body``; where no message goes out, another way is shown."""
        if body.get("error") in REFUSALS and (link := self.link):
            body |= {"link": link}
        super().reply(body)

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
        self._allow_origin()
        if self.callback is not None:
            self.set_status(200)
        super().write_error(status_code, **kwargs)

    def _allow_origin(self) -> None:
        """Say which page may read the answer."""
        pages = self._pages
        if pages is None:
            self._headers["Access-Control-Allow-Origin"] = "*"
            return
        self.add_header("Vary", "Origin")
        if self._may_call(_named(self.request.headers, "Origin", read_origin), pages):
            self.set_header("Access-Control-Allow-Origin", self.request.headers["Origin"].strip())

    @property
    def _pages(self) -> Pages:
        """Whose pages may call.

        What sends nothing is open to those of all shops, and so is the question beforehand, which
        does not know yet what the body will name.
        """
        shops = self.services.shops
        if self.from_everywhere or not shops.restrict:
            return None
        shop = self.shop
        if shop is None and (self.get_is_safe or self.request.method == "OPTIONS"):
            return shops.any_page
        return shops.pages(shop)

    @property
    def _is_welcome(self) -> bool:
        """Whether the page that calls may.

        A page can keep its address to itself when it asks for a script or follows a link, but not
        when it posts: a post that names no page is a program's.
        """
        pages = self._pages
        if pages is None:
            return True
        headers = self.request.headers
        page = _named(headers, "Origin", read_origin) or _named(headers, "Referer", origin_of)
        if not page:
            return self.get_is_safe or self.request.method != "GET"
        return self._may_call(page, pages)

    def _may_call(self, page: str, pages: frozenset[str]) -> bool:
        return page in pages or (page not in {"", NO_ORIGIN} and page in self._own_origins)

    @property
    def _own_origins(self) -> tuple[str, ...]:
        """The origins of the gateway's own pages.

        Where its address is not known, the host that was asked for has to do; where it is, that
        could be a name that somebody has let point here.
        """
        own, host = self.services.shops.own_origin, self.request.host
        name = self.request.host_name
        if own and not (name == "localhost" or is_loopback(name.strip("[]"))):
            return (own,)
        return (own, origin_of(f"http://{host}"), origin_of(f"https://{host}"))


def _named(headers: HTTPHeaders, name: str, read: Callable[[str], str]) -> str:
    """Return the origin that a header names, '' where there is none."""
    values = headers.get_list(name)
    if not "".join(values).strip():
        return ""
    try:
        [value] = values
        return read(value)
    except ValueError:
        return NO_ORIGIN
