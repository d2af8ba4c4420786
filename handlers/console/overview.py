"""Being written."""

from __future__ import annotations

from handlers.console.base import Page


class OverviewPage(Page):
    """``/console/``."""

    template = "overview.html"


ROUTES = [(r"/console/?", OverviewPage)]
