"""The pages of the console, one topic a module."""

from __future__ import annotations

from handlers.console.pages import (
    conversations,
    messages,
    operator_lists,
    overview,
    phones,
    virtual_numbers,
)
from handlers.console.pages.protection import budget, limits, links, rehearsal

ROUTES = [
    *overview.ROUTES,
    *conversations.ROUTES,
    *messages.ROUTES,
    *operator_lists.ROUTES,
    *virtual_numbers.ROUTES,
    *phones.ROUTES,
    *limits.ROUTES,
    *links.ROUTES,
    *budget.ROUTES,
    *rehearsal.ROUTES,
]
