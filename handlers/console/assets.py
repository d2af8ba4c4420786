"""Scripts, styles and libraries of the console: files of ``static/console`` and ``static/vendor``.

They are the same for everybody and hold nothing of anybody, so they need no sign-in.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from gateway.errors import NotFound
from handlers.base import BaseHandler, Guard

STATIC = Path(__file__).parents[1] / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
YEAR = 31_536_000


def _files() -> dict[str, Path]:
    """Return the served files by their name in addresses, such as ``console/console.css``."""
    found = (each for folder in ("console", "vendor") for each in (STATIC / folder).rglob("*"))
    return {each.relative_to(STATIC).as_posix(): each for each in found if each.suffix in TYPES}


FILES = _files()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(FILES[name].read_bytes()).hexdigest()[:12]


def address_of(name: str) -> str:
    """Return the address of a file, with its digest, so that it may be cached for good."""
    return f"/console/static/{name}?v={_digest(name)}"


class AssetHandler(BaseHandler):
    """``GET /console/static/<file>``."""

    guard = Guard.SIGN_IN

    def get(self, name: str) -> None:
        """Answer one of the files that exist; nothing of the request becomes a path."""
        file = FILES.get(name)
        if file is None:
            raise NotFound
        current = self.get_query_argument("v", "") == _digest(name)
        lifetime = f"max-age={YEAR}, immutable" if current else "max-age=60"
        self.set_header("Cache-Control", f"public, {lifetime}")
        self.set_header("Content-Type", f"{TYPES[file.suffix]}; charset=UTF-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(file.read_bytes())


ROUTES = [(r"/console/static/(.+?)/?", AssetHandler)]
