"""Signing in and out, and asking to see what is masked."""

from __future__ import annotations

import logging
import re

from tornado.web import HTTPError

from gateway.errors import BadRequest, LimitExceeded, Unauthenticated
from gateway.store.values import ID
from gateway.telephony.phonenumber import mask_digits
from handlers.base import Guard
from handlers.console import formatting
from handlers.console.base import COOKIE, ROOT, SAFE, ConsoleHandler

log = logging.getLogger(__name__)

LONGEST_TOKEN = 1000
# What can be unmasked, by its kind and its id or name.
_THING = re.compile(
    rf"(session|message|letter):{ID.pattern}"
    r"|inbox:[0-9]{1,19}-[0-9]{1,19}"
    r"|(limit|optout):[0-9a-f]{1,64}|(device|queue):[0-9A-Za-z_.-]{1,64}"
)


class SignInHandler(ConsoleHandler):
    """``/console/sign-in``."""

    guard = Guard.SIGN_IN

    async def prepare(self) -> None:  # type: ignore[override]  # Tornado awaits it
        """Open to everybody; its form not to other sites' pages."""
        if self.request.method not in SAFE:
            self.check_origin()

    def get(self) -> None:
        """Answer the form."""
        self.answer(self.render_page("sign_in.html", back=ROOT))

    async def post(self) -> None:
        """Sign in, and lead to where the person wanted to go."""
        token = self.get_body_argument("token", "", strip=True)[:LONGEST_TOKEN]
        back = way_back(self.get_body_argument("back", ROOT))
        try:
            self.welcome(await self.services.sign_ins.begin(token, self.subject))
        except (Unauthenticated, LimitExceeded) as error:
            self._refuse(error, back)
            return
        log.info("console: signed in from %s", self.subject)
        self.redirect(back, status=303)

    def _refuse(self, error: Unauthenticated | LimitExceeded, back: str) -> None:
        log.warning("console: sign-in refused from %s: %s", self.subject, error.code)
        self.set_status(error.status)
        problem = formatting.why(error, error.status)
        if isinstance(error, LimitExceeded):
            self.set_header("Retry-After", str(error.retry_after))
            problem = f"Too many tries. Wait {error.retry_after} seconds."
        self.answer(self.render_page("sign_in.html", back=back, problem=problem))


class SignOutHandler(ConsoleHandler):
    """``POST /console/sign-out``."""

    async def post(self) -> None:
        """Forget the sign-in, in the store and in the browser."""
        await self.services.sign_ins.end(self.get_cookie(COOKIE) or "")
        self.clear_cookie(COOKIE, path=ROOT.rstrip("/"))
        self.redirect(f"{ROOT}sign-in", status=303)


class ShowHandler(ConsoleHandler):
    """``POST /console/show``: unmask the numbers of one thing, which is logged."""

    async def post(self) -> None:
        """Show or hide, and return to the page."""
        given = self.fields("thing", "back", "hide")
        thing = given.text("thing", 100)
        if not _THING.fullmatch(thing):
            raise BadRequest("thing: is missing")
        if self.sign_in is None:
            raise BadRequest("sign in by the form to see numbers")
        if given.text("hide", 3):
            await self.services.sign_ins.hide(self.sign_in, thing)
        else:
            await self.services.sign_ins.show(self.sign_in, thing)
            # A phone may be called by its number.
            shown = mask_digits(thing) if thing.startswith(("device:", "queue:")) else thing
            log.warning("console: %s was unmasked for %s", shown, self.subject)
        self.redirect(way_back(given.text("back", 2000)), status=303)


class NoSuchPage(ConsoleHandler):
    """Everything else below ``/console/``; the last of the console's routes."""

    def get(self) -> None:
        """Answer 404."""
        raise HTTPError(404)


def way_back(given: str) -> str:
    """Return a path of the console; anything else that was asked for leads to its front page."""
    plain = given.isascii() and given.isprintable() and "\\" not in given and ".." not in given
    return given if plain and given.startswith(ROOT) else ROOT


ROUTES = [
    (r"/console/sign-in/?", SignInHandler),
    (r"/console/sign-out/?", SignOutHandler),
    (r"/console/show/?", ShowHandler),
]
