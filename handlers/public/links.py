"""``/l/<code>``: the short link of a text, which leads on and is counted once a message."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tornado.template import Loader

from gateway.errors import LimitExceeded, StoreUnavailable
from gateway.messaging.clicks import Opened
from gateway.monitoring.metrics import LINKS
from gateway.protection.links.short_links import read_code
from gateway.telephony.country import languages
from handlers.public import browsers
from handlers.public.base import PublicHandler
from handlers.public.texts import all_texts, chosen

_TEMPLATES = Loader(str(Path(__file__).parents[1] / "templates"))


class LinkHandler(PublicHandler):
    """``GET /l/<code>``: to what the configuration names for the visitor's platform, no other."""

    get_is_safe = True
    from_everywhere = True
    SUPPORTED_METHODS = ("GET", "HEAD")

    def prepare(self) -> None:
        """Open to whoever has the link; arguments mean nothing here."""
        self._allow_origin()
        self.set_header("Referrer-Policy", "no-referrer")

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Return what was typed; octets that are no text are no part of a code."""
        return value.decode("utf-8", "ignore")

    async def get(self, written: str) -> None:
        """Lead on. Where is known without the store, which only counts."""
        code = read_code(written)
        agent = self.request.headers.get("User-Agent", "")
        target = self.services.short_links.target(code, browsers.platform(agent))
        if not target:
            await self._lead_nowhere()
            return
        if self.request.method == "GET":
            await self._count(code)
        self.set_status(302)
        self.set_header("Location", target)
        self.set_header("Vary", "User-Agent")
        self.set_header("X-Robots-Tag", "noindex")
        self.finish()

    async def _count(self, code: str) -> None:
        if not browsers.is_person(self.request.headers):
            LINKS[("preview",)].inc()
            return
        opened = Opened.UNKNOWN
        with suppress(StoreUnavailable):
            opened = await self.services.clicks.open(code, self.client_address)
        LINKS[(opened.value,)].inc()

    async def _lead_nowhere(self) -> None:
        """Answer a page for people; whoever tries many codes is told to wait."""
        LINKS[("unknown",)].inc()
        try:
            with suppress(StoreUnavailable):
                await self.services.clicks.miss(self.client_address)
        except LimitExceeded as error:
            self.set_header("Retry-After", str(error.retry_after))
            self._show(429, "limit_acceded")
            return
        self._show(404, "link_unknown")

    def _show(self, status: int, word: str) -> None:
        language = chosen(languages(self.request.headers.get("Accept-Language")))
        page = _TEMPLATES.load("link.html").generate(
            language=language, text=all_texts()[language][word]
        )
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Language", language)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.finish(page)


ROUTES = [(r"/l/([^/]+)/?", LinkHandler)]
