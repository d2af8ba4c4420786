"""The web console: pages for the operator, and in development_mode the handsets."""

from __future__ import annotations

from handlers.console import (
    assets,
    conversations,
    devices,
    handsets,
    limits,
    messages,
    numbers,
    overview,
    sign_in,
)

ROUTES = [
    *assets.ROUTES,
    *sign_in.ROUTES,
    *overview.ROUTES,
    *conversations.ROUTES,
    *messages.ROUTES,
    *numbers.ROUTES,
    *devices.ROUTES,
    *limits.ROUTES,
    *handsets.ROUTES,
    (r"/console/.*", sign_in.NoSuchPage),
]
