"""The front page of development_mode: where to look first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tornado.template import Loader

import gateway
from gateway.models import MessageEndpoint

_TEMPLATES = Loader(str(Path(__file__).parent / "templates"))


def start_page(endpoints: Iterable[MessageEndpoint], handsets: str) -> str:
    """Return the page as HTML; ``handsets`` is the address of the emulator's inboxes."""
    page = _TEMPLATES.load("start.html")
    return page.generate(
        version=gateway.__version__, endpoints=list(endpoints), handsets=handsets
    ).decode()
