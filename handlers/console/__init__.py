"""The web console: pages for the operator, and in development_mode the handsets."""

from __future__ import annotations

from handlers.console import assets, sign_in
from handlers.console.handsets import actions, page
from handlers.console.pages import (
    conversations,
    limits,
    messages,
    operator_lists,
    overview,
    phones,
    virtual_numbers,
)

ROUTES = [
    *assets.ROUTES,
    *sign_in.ROUTES,
    *overview.ROUTES,
    *conversations.ROUTES,
    *messages.ROUTES,
    *operator_lists.ROUTES,
    *virtual_numbers.ROUTES,
    *phones.ROUTES,
    *limits.ROUTES,
    *page.ROUTES,
    *actions.ROUTES,
    (r"/console/.*", sign_in.NoSuchPage),
]
