"""Phones side by side in the browser, in development_mode."""

from __future__ import annotations

from handlers.console.handsets import actions, page

ROUTES = [*page.ROUTES, *actions.ROUTES]
