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
from gateway.store import fresh_budget
from handlers.console import views
from handlers.console.assets import address_of
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
# Proxies close a connection that is silent for longer; nginx.conf after 20 s.
HEARTBEAT_SECONDS = 10.0
MOST_STREAMS = 50


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
        """Return the fields of a form: what was left blank counts as not given."""
        self.check_body_size()
        texts = {name: value for name, value in element.items() if value is not None}
        found = read(self.request, {*known, *element, "xsrf", "done"}, texts)
        given = {name: value for name, value in found.values.items() if value != ""}
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
            **{"done": "", "problem": "", "typed": {}} | data,
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
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Vary", "Accept, Cookie")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer any exception as a page; who is not signed in gets the form for that."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="gateway"')
            self.answer(self.render_page("sign_in.html", back=self._way_back()))
            return
        if isinstance(error, LimitExceeded):
            self.set_header("Retry-After", str(error.retry_after))
        self.answer(
            self.render_page("error.html", status=status_code, why=views.why(error, status_code))
        )

    def _way_back(self) -> str:
        return self.request.uri or ROOT if self.request.method == "GET" else ROOT


class Page(ConsoleHandler):
    """A page: ``template`` with what ``data`` returns.

    live: the template of the part that keeps itself up to date, '' for none; the page's template
    includes it. every: seconds between two looks at the data.
    """

    template: ClassVar[str]
    live: ClassVar[str] = ""
    every: ClassVar[float] = LIVE_SECONDS
    done_words: ClassVar[dict[str, str]] = {}

    async def data(self, *args: str) -> dict[str, Any]:
        """Return what the template shows; dicts, lists and plain values that compare equal."""
        return {}

    async def get(self, *args: str) -> None:
        """Answer the page, or its live part as an event stream."""
        if self.live and "text/event-stream" in self.request.headers.get("Accept", ""):
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
        self.set_header("Content-Type", "text/event-stream; charset=UTF-8")
        self.set_header("X-Accel-Buffering", "no")  # nginx passes each event on at once
        self._gone = asyncio.Event()
        self.app.streams += 1
        try:
            await self._send_changes(args)
        finally:
            self.app.streams -= 1

    async def _send_changes(self, args: Iterable[str]) -> None:
        loop = asyncio.get_running_loop()
        seen: object = None
        checked = spoken = loop.time()
        while not self._gone.is_set() and not self.app.draining:
            fresh_budget()
            try:
                if loop.time() - checked > HEARTBEAT_SECONDS:
                    checked = loop.time()
                    if not await self._still_signed_in():
                        await self._send("event: signed-out\ndata: -\n\n")
                        return
                data = await self.data(*args)
                state = (data, self.sign_in.shown if self.sign_in else None)
                if state != seen:
                    seen, spoken = state, loop.time()
                    await self._send(_event(self.render_page(self.live, **data)))
            except StoreUnavailable:
                if seen != "trouble":
                    await self._send("event: trouble\ndata: The store does not answer.\n\n")
                seen = "trouble"
            except GatewayError:  # what the page shows is no more
                await self._send("event: gone\ndata: -\n\n")
                return
            if loop.time() - spoken > HEARTBEAT_SECONDS:
                spoken = loop.time()
                await self._send(": still here\n\n")
            await self._pause()

    async def _still_signed_in(self) -> bool:
        if self.sign_in is None:
            return True  # by a bearer token, which was checked
        self.sign_in = await self.services.sign_ins.find(self.sign_in.cookie)
        return self.sign_in is not None

    async def _send(self, text: str) -> None:
        self.write(text)
        await self.flush()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self.every):
                await self._gone.wait()
        except TimeoutError:
            pass

    def on_connection_close(self) -> None:
        """End the stream of a browser that has left."""
        super().on_connection_close()
        gone: asyncio.Event | None = getattr(self, "_gone", None)
        if gone is not None:
            gone.set()


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
            await self.show(*args, problem=views.why(error, error.status), typed=self.typed())
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


def _event(html: str) -> str:
    lines = "\n".join(f"data: {line}" for line in html.splitlines())
    return f"event: part\n{lines}\n\n"
