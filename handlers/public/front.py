"""What people see first: the front page, and the example form of a download-link service."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tornado.template import Loader

import gateway
from conf.messages import MessageEndpoint
from handlers.public.base import PublicHandler

STATIC = Path(__file__).parents[1] / "static"
_TEMPLATES = Loader(str(Path(__file__).parents[1] / "templates"))
_CONTENT_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


class RootHandler(PublicHandler):
    """``GET /``: that the gateway runs, and its version."""

    get_is_safe = True
    from_everywhere = True

    def get(self) -> None:
        """Answer the version; in development_mode to a browser the start page."""
        if self.application.start_page and "text/html" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "text/html; charset=UTF-8")
            self.finish(self.application.start_page)
            return
        self.reply({"status": "ok", "version": gateway.__version__})


class StaticPage(PublicHandler):
    """One of the files in ``static/``, read at each request, so that an edit shows."""

    get_is_safe = True
    from_everywhere = True

    def initialize(self, file: str, **kwargs: object) -> None:
        """Take the file that this route serves."""
        super().initialize(**kwargs)
        self.file = STATIC / file

    def get(self) -> None:
        """Answer the file."""
        content_type = _CONTENT_TYPES[self.file.suffix]
        self.set_header("Content-Type", f"{content_type}; charset=UTF-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(self.file.read_bytes())


def start_page(endpoints: Iterable[MessageEndpoint], handsets: str) -> str:
    """Return the page as HTML; ``handsets`` is the address of the emulator's inboxes."""
    page = _TEMPLATES.load("start.html")
    return page.generate(
        version=gateway.__version__, endpoints=list(endpoints), handsets=handsets
    ).decode()


ROUTES: list[tuple[Any, ...]] = [
    (r"/", RootHandler),
    (r"/example\.html/?", StaticPage, {"file": "example.html"}),
]
