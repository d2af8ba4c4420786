"""What every route of the console does: let the operator in, refuse foreign forms, render."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from tornado.template import Loader

import gateway
from gateway.access.client_address import limit_subject
from gateway.access.sign_ins import SignIn
from gateway.errors import Forbidden, LimitExceeded
from handlers.admin.base import FieldsHandler
from handlers.admin.fields import Fields, read
from handlers.console import formatting
from handlers.console.assets import address_of
from handlers.console.events import refuse_events

ROOT = "/console/"
COOKIE = "gateway_console"
TEMPLATES = Loader(str(Path(__file__).parents[1] / "templates" / "console"))
HTML_TYPE = "text/html; charset=UTF-8"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# No inline script or style, and of the scripts only those that the page names itself, for JSONP is
# of this origin too: what slips through the escaping still does nothing.
POLICY = (
    "default-src 'none'; script-src 'nonce-{}'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# More than one of the name is a neighbour's doing, who may set cookies for this host as well.
MOST_COOKIES = 5
_COOKIES = re.compile(rf"(?:^|;)\s*{COOKIE}=([0-9a-f]{{64}})")

# For who comes with a bearer token, and so has no sign-in: without a key anybody could work out
# the stand-in of a number. Other processes do not know this one, and take such a stand-in for
# none of theirs; a page read by a program is not worth a secret that all of them share.
_OWN_KEY = secrets.token_hex(32)


class ConsoleHandler(FieldsHandler):
    """A route of the console: by cookie, by bearer token, or in development_mode from here."""

    sign_in: SignIn | None = None
    is_let_in: bool = False  # also by a bearer token, which is no sign-in
    tornado_reads_forms: ClassVar[bool] = True  # its own pages alone send them

    async def prepare(self) -> None:  # type: ignore[override]  # Tornado awaits it
        """Let nobody in who has not signed in, and no form of a foreign page."""
        await self._let_in()
        self.is_let_in = True
        if self.request.method not in SAFE:
            self._check_form()

    async def _let_in(self) -> None:
        services = self.services
        for cookie in _COOKIES.findall(self.request.headers.get("Cookie", ""))[:MOST_COOKIES]:
            self.sign_in = await services.sign_ins.find(cookie)
            if self.sign_in is not None:
                return
        super().prepare()
        if not self.request.headers.get("Authorization") and self.request.method in SAFE:
            self.welcome(await services.sign_ins.begin_trusted())

    def welcome(self, sign_in: SignIn) -> None:
        """Give the browser the cookie of a sign-in."""
        self.sign_in = sign_in
        self.set_cookie(
            COOKIE,
            sign_in.cookie,
            path=ROOT.rstrip("/"),
            httponly=True,
            secure=self.behind_tls,
            samesite="Strict",
        )

    @property
    def behind_tls(self) -> bool:
        """Whether the browser speaks TLS, to this process or to a trusted proxy."""
        trusted = self.services.clients.trusts(self.request.remote_ip or "")
        forwarded = self.request.headers.get("X-Forwarded-Proto", "") if trusted else ""
        return "https" in {self.request.protocol, forwarded.lower()}

    @property
    def subject(self) -> str:
        """Under what the person's tries are counted and his deeds are logged."""
        return limit_subject(self.client_address)

    def check_origin(self) -> None:
        """Raise Forbidden for a request that a page of another origin has made."""
        headers = self.request.headers
        origin = headers.get("Origin")
        foreign = origin is not None and not self._is_own(origin)
        if foreign or headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise Forbidden("This form was sent by a page of another site.")

    def _is_own(self, origin: str) -> bool:
        """Tell whether an origin is that of this page; a proxy may have left out the port."""
        address = origin.lower().partition("://")[2]
        host = self.request.host.lower()
        return address == host or re.sub(r":[0-9]+$", "", address) == host

    def _check_form(self) -> None:
        """Raise Forbidden unless the form is ours; a bearer token no page can send unasked."""
        self.check_origin()
        if self.sign_in is None and self.request.headers.get("Authorization"):
            return
        token = self.get_body_argument("xsrf", "") or ""
        if self.sign_in is None or not self.sign_in.owns(token):
            raise Forbidden("This form is too old. Load the page again.")

    def fields(self, *known: str, **element: str | None) -> Fields:
        """Return the fields of a form: what was left blank counts as not given.

        Lines end as people mean it: browsers send CR LF, and each CR would be paid for in an SMS.
        """
        self.check_body_size()
        texts = {name: value for name, value in element.items() if value is not None}
        wanted = {*known, *element, "xsrf", "done"}
        found = read(self.request, self.content_type, wanted, texts, self.services.judge)
        given = {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in found.values.items()
            if value != ""
        }
        return Fields(given, found.written & given.keys(), found.judge)

    def is_shown(self, thing: str) -> bool:
        """Tell whether this person asked to see the numbers of a thing."""
        return self.sign_in is not None and thing in self.sign_in.shown

    def stand_in(self, what: str) -> str:
        """Return what stands for a number, or who has one, where a page must not name it.

        It is another one in each sign-in, so that no link, form or log tells whom it means.
        """
        key = self.sign_in.xsrf if self.sign_in else _OWN_KEY
        return hmac.new(key.encode(), what.encode(), hashlib.sha256).hexdigest()[:32]

    def _banners(self) -> list[str]:
        """Return what an operator has to hear on every page."""
        return [
            *formatting.money_left(self.services.budget.levels),
            *formatting.held_back(self.services.holds.current),
        ]

    def render_page(self, template: str, **data: Any) -> str:
        """Return a template with everything that all pages use."""
        sign_in = self.sign_in
        page = TEMPLATES.load(template).generate(
            asset=address_of,
            nonce=self.nonce,
            v=formatting,
            here=self.request.path,
            handsets=self.application.handsets is not None,
            signed_in=sign_in is not None,
            held=self._banners() if self.is_let_in else [],
            # Whoever needs no token to come in has nothing to sign out of.
            can_leave=not self.services.admin.trusts(developer=self.is_asked_here),
            version=gateway.__version__,
            xsrf=sign_in.xsrf if sign_in else "",
            shown=sign_in.shown if sign_in else frozenset(),
            **{"done": "", "problem": "", "typed": {}, "back": formatting.address(self.request)}
            | data,
        )
        return page.decode()

    @cached_property
    def nonce(self) -> str:
        """By which this answer's own scripts are known."""
        return secrets.token_hex(16)

    def answer(self, html: str) -> None:
        """Finish with a page."""
        self.set_page_headers()
        self.finish(html)

    def set_page_headers(self) -> None:
        """Set what every page of the console carries."""
        self.set_header("Content-Type", HTML_TYPE)
        self.set_header("Content-Security-Policy", POLICY.format(self.nonce))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("X-Frame-Options", "DENY")
        # With "no-referrer" a browser would send the forms, too, with the origin "null":
        # https://fetch.spec.whatwg.org/#append-a-request-origin-header
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Vary", "Accept, Cookie")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer any exception as a page; who is not signed in gets the form for that."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if status_code == 401 and self.wants_events:
            refuse_events(self)
            return
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="gateway"')
            self.answer(self.render_page("sign_in.html", back=self._way_back()))
            return
        if isinstance(error, LimitExceeded):
            self.set_header("Retry-After", str(error.retry_after))
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.verbs()))
        self.answer(
            self.render_page(
                "error.html", status=status_code, why=formatting.why(error, status_code)
            )
        )

    @property
    def wants_events(self) -> bool:
        """Whether the page's script asks, to follow what the page shows."""
        return "text/event-stream" in self.request.headers.get("Accept", "")

    def _way_back(self) -> str:
        """Return the page that was asked for, or whose form was sent."""
        if self.request.method == "GET":
            return self.request.uri or ROOT
        return self.request.headers.get("Referer", "").partition(self.request.host)[2] or ROOT


def path(*elements: str, done: str = "") -> str:
    """Return the path of a page; done: of its ``done_words`` what to say there."""
    found = ROOT + "/".join(quote(each, safe="") for each in elements)
    return f"{found}?done={quote(done)}" if done else found
