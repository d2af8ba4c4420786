"""The page that shows the handsets, and its files."""

from __future__ import annotations

from pathlib import Path

from gateway.emulator.api.base import BaseHandler

_FOLDER = Path(__file__).parents[1] / "static"
_FILES = {
    "": ("index.html", "text/html; charset=UTF-8"),
    "static/inbox.js": ("inbox.js", "text/javascript; charset=UTF-8"),
    "static/conversation.js": ("conversation.js", "text/javascript; charset=UTF-8"),
    "static/compose.js": ("compose.js", "text/javascript; charset=UTF-8"),
    "static/inbox.css": ("inbox.css", "text/css; charset=UTF-8"),
    "static/icon.svg": ("icon.svg", "image/svg+xml"),
}
PATH = "/({})".format("|".join(_FILES))


class PageHandler(BaseHandler):
    """``GET /`` and the files that the page asks for."""

    def get(self, path: str) -> None:
        """Reply with the file."""
        name, content_type = _FILES[path]
        self.set_header("Content-Type", content_type)
        self.finish((_FOLDER / name).read_bytes())

    head = get
