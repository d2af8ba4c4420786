"""What every page of the console does: let the operator in, render, perform, stay live.

A page is a ``Page``: its ``data`` and its ``template``. Asked for as an event stream it sends its
``live`` part whenever that has changed, in whichever process the change came about: what is
watched is the store. A form is an ``Action``: it performs one thing and leads back to a page.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from tornado.template import Loader

import gateway
from gateway.clients import limit_subject
from gateway.errors import Forbidden, GatewayError, LimitExceeded, StoreUnavailable, Unauthenticated
from gateway.sign_ins import SignIn
from handlers.console import views
from handlers.console.assets import address_of
from handlers.console.events import HEARTBEAT_SECONDS, EventStream, refuse_events
from handlers.values import Fields, FieldsHandler, read

log = logging.getLogger(__name__)

ROOT = "/console/"
COOKIE = "gateway_console"
TEMPLATES = Loader(str(Path(__file__).parents[1] / "templates" / "console"))
HTML_TYPE = "text/html; charset=UTF-8"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Of the page's own origin alone, and no inline script or style: what slips through the escaping
# still does nothing.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
LIVE_SECONDS = 1.0
MOST_STREAMS = 50
# So long a live page of somebody who has signed out elsewhere goes on.
SIGN_IN_SECONDS = 3.0

# What a page shows: its data, and what of it is not masked.
Looked = tuple[dict[str, Any], frozenset[str]]


class ConsoleHandler(FieldsHandler):
    """A route of the console: by cookie, by bearer token, or in development_mode from here."""

    sign_in: SignIn | None = None

    async def prepare(self) -> None:  # type: ignore[override]  # Tornado awaits it
        """Let nobody in who has not signed in, and no form of a foreign page."""
        await self._let_in()
        if self.request.method not in SAFE:
            self._check_form()

    async def _let_in(self) -> None:
        services = self.services
        self.sign_in = await services.sign_ins.find(self.get_cookie(COOKIE) or "")
        if self.sign_in is not None:
            return
        services.admin.check(
            self.request.headers.get("Authorization", ""), developer=self._developer
        )
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
        foreign = origin is not None and urlsplit(origin).hostname != self.request.host_name
        if foreign or headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise Forbidden("This form was sent by a page of another site.")

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
        found = read(self.request, {*known, *element, "xsrf", "done"}, texts)
        given = {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in found.values.items()
            if value != ""
        }
        return Fields(given, found.written & given.keys())

    def is_shown(self, thing: str) -> bool:
        """Tell whether this person asked to see the numbers of a thing."""
        return self.sign_in is not None and thing in self.sign_in.shown

    def render_page(self, template: str, **data: Any) -> str:
        """Return a template with everything that all pages use."""
        sign_in = self.sign_in
        page = TEMPLATES.load(template).generate(
            asset=address_of,
            v=views,
            here=self.request.path,
            handsets=self.app.handsets is not None,
            signed_in=sign_in is not None,
            version=gateway.__version__,
            xsrf=sign_in.xsrf if sign_in else "",
            shown=sign_in.shown if sign_in else frozenset(),
            **{"done": "", "problem": "", "typed": {}, "back": views.address(self.request)} | data,
        )
        return page.decode()

    def answer(self, html: str) -> None:
        """Finish with a page."""
        self.set_page_headers()
        self.finish(html)

    def set_page_headers(self) -> None:
        """Set what every page of the console carries."""
        self.set_header("Content-Type", HTML_TYPE)
        self.set_header("Content-Security-Policy", POLICY)
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
        self.answer(
            self.render_page("error.html", status=status_code, why=views.why(error, status_code))
        )

    @property
    def wants_events(self) -> bool:
        """Whether the page's script asks, to follow what the page shows."""
        return "text/event-stream" in self.request.headers.get("Accept", "")

    def _way_back(self) -> str:
        return self.request.uri or ROOT if self.request.method == "GET" else ROOT


class Page(ConsoleHandler):
    """A page: ``template`` with what ``data`` returns.

    live: the template of the part that keeps itself up to date, '' for none; the page's template
    includes it. every: seconds between two looks at the data. labels: of fields of its forms.
    """

    template: ClassVar[str]
    live: ClassVar[str] = ""
    every: ClassVar[float] = LIVE_SECONDS
    done_words: ClassVar[dict[str, str]] = {}
    labels: ClassVar[dict[str, str]] = {}
    _events: EventStream | None = None
    _check_at: float = 0

    async def data(self, *args: str) -> dict[str, Any]:
        """Return what the template shows; dicts, lists and plain values that compare equal."""
        return {}

    async def get(self, *args: str) -> None:
        """Answer the page, or its live part as an event stream."""
        if self.live and self.wants_events:
            await self._stream(args)
            return
        done = self.done_words.get(self.get_query_argument("done", ""), "")
        await self.show(*args, done=done)

    async def show(self, *args: str, **more: Any) -> None:
        """Answer the page with its data and more."""
        self.answer(self.render_page(self.template, **await self.data(*args) | more))

    # -- live

    async def _stream(self, args: Iterable[str]) -> None:
        """Send the live part whenever it has changed, until the browser leaves."""
        if self.app.streams >= MOST_STREAMS:
            raise LimitExceeded(int(HEARTBEAT_SECONDS))
        self.set_page_headers()
        self._events = EventStream(self)
        self.app.streams += 1
        try:
            await self._events.follow(lambda: self._look(args), self._part, self.every)
        finally:
            self.app.streams -= 1

    async def _look(self, args: Iterable[str]) -> Looked:
        """Return what the live part shows; raises Unauthenticated after a sign-out."""
        now = asyncio.get_running_loop().time()
        if self.sign_in is not None and now > self._check_at:
            self.sign_in = await self.services.sign_ins.find(self.sign_in.cookie)
            self._check_at = now + SIGN_IN_SECONDS
            if self.sign_in is None:
                raise Unauthenticated
        return await self.data(*args), self.sign_in.shown if self.sign_in else frozenset()

    def _part(self, looked: Looked) -> str:
        return self.render_page(self.live, **looked[0])

    def on_connection_close(self) -> None:
        """End the stream of a browser that has left."""
        super().on_connection_close()
        if self._events is not None:
            self._events.leave()


class Action(Page):
    """A form of a page: performs one thing and leads to a page, or shows its own with the problem.

    It extends the page whose form it is, so that what was typed is not lost.
    """

    async def perform(self, *args: str) -> str:
        """Do it and return the path of the page to show; raises GatewayError."""
        raise NotImplementedError

    async def post(self, *args: str) -> None:
        """Do what the form asks for."""
        try:
            target = await self.perform(*args)
        except (Unauthenticated, StoreUnavailable):
            raise
        except GatewayError as error:
            self.set_status(error.status)
            problem = views.why(error, error.status, self.labels)
            await self.show(*args, problem=problem, typed=self.typed())
        else:
            self.redirect(target, status=303)

    def typed(self) -> dict[str, str]:
        """Return what was typed into the form, to fill it again."""
        return {
            name: values[-1].decode("utf-8", "replace")
            for name, values in self.request.body_arguments.items()
            if name != "xsrf"
        }


def path(*elements: str, done: str = "") -> str:
    """Return the path of a page; done: of its ``done_words`` what to say there."""
    found = ROOT + "/".join(quote(each, safe="") for each in elements)
    return f"{found}?done={quote(done)}" if done else found
