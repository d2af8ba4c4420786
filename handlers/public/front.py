"""Pages for people: the example form of a download-link service."""

from __future__ import annotations

from pathlib import Path

from handlers.base import PublicHandler

STATIC = Path(__file__).parent / "static"
_CONTENT_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


class StaticPage(PublicHandler):
    """One of the files in ``static/``, read at each request, so that an edit shows."""

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


ROUTES = [(r"/example\.html/?", StaticPage, {"file": "example.html"})]
