"""The web console: pages for the operator, and in development_mode the handsets."""

from __future__ import annotations

from handlers.console import (
    assets,
    conversations,
    devices,
    handset_actions,
    handsets,
    left_over,
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
    *left_over.ROUTES,
    *numbers.ROUTES,
    *devices.ROUTES,
    *limits.ROUTES,
    *handsets.ROUTES,
    *handset_actions.ROUTES,
    (r"/console/.*", sign_in.NoSuchPage),
]
