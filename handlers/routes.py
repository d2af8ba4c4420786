"""The route table: what answers which path, and which paths may not be taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from tornado.routing import Matcher

from conf.messages import MessageEndpoint
from handlers import operation
from handlers.admin import messages, operator_lists, phones, provisioning, sessions, virtual_numbers
from handlers.base import BaseHandler
from handlers.console import assets, handsets, pages, sign_in
from handlers.public import countries, front, links, status, texts, validation
from handlers.public.message import MessageHandler
from handlers.webhooks import messaging, smssync, voice
from handlers.webhooks.messaging import InboundHandler

PathRoute = tuple[str, type[BaseHandler]] | tuple[str, type[BaseHandler], dict[str, Any]]
Route = PathRoute | tuple[Matcher, type[BaseHandler]]

FIXED_ROUTES: tuple[PathRoute, ...] = (
    *validation.ROUTES,
    *countries.ROUTES,
    *texts.ROUTES,
    *phones.ROUTES,  # before smssync's: no phone is called "messages" or "devices"
    *smssync.ROUTES,
    *messaging.ROUTES,
    *voice.ROUTES,
    *status.ROUTES,
    *links.ROUTES,
    *operation.ROUTES,
    *front.ROUTES,
    *messages.ROUTES,
    *virtual_numbers.ROUTES,
    *provisioning.ROUTES,
    *sessions.ROUTES,
    *operator_lists.ROUTES,
    *assets.ROUTES,
    *sign_in.ROUTES,
    *pages.ROUTES,
    *handsets.ROUTES,
    (r"/console/.*", sign_in.NoSuchPage),
)


def route_table(
    own: Iterable[Route],
    endpoints: Iterable[MessageEndpoint],
    *,
    nexmo_dlr_url: str,
    webhook_token: str,
) -> list[Route]:
    """Return all routes of a gateway in the order in which they are tried."""
    return [
        *own,
        *message_routes(endpoints),
        *dlr_route(nexmo_dlr_url),
        messaging.root_route(webhook_token),
        *FIXED_ROUTES,
    ]


def message_routes(endpoints: Iterable[MessageEndpoint]) -> list[Route]:
    """Return one route for each message endpoint."""
    return [(_exact(each.path), MessageHandler, {"endpoint": each}) for each in endpoints]


def message_endpoints(routes: Iterable[Route]) -> list[MessageEndpoint]:
    """Return the message endpoints that routes serve, also those of a gateway's own handlers."""
    arguments = (route[2] for route in routes if len(route) > 2)
    return [each["endpoint"] for each in arguments if "endpoint" in each]


def dlr_route(nexmo_dlr_url: str) -> list[Route]:
    """Return the route for the path of ``nexmo_dlr_url`` unless it is the usual one."""
    path = urlsplit(nexmo_dlr_url).path.rstrip("/")
    if path in {"", "/dlr"}:
        return []
    return [(rf"{re.escape(path)}(?:/([^/]+))?/?", InboundHandler)]


def route_problems(
    own: Iterable[Route], endpoints: Sequence[MessageEndpoint], nexmo_dlr_url: str
) -> list[str]:
    """Return a line for each path of the options that belongs to another route."""
    taken = [*own, *dlr_route(nexmo_dlr_url), *FIXED_ROUTES]
    return collisions(endpoints, taken) + dlr_collisions(nexmo_dlr_url)


# First elements of the gateway's paths, those of coming releases included: a message path that
# starts today is not to end the start tomorrow.
RESERVED = frozenset(
    "console countries dead-letters dlr event example.html health inbound inbox l log messages"
    " metrics numbers optouts proxy-call session smssync status texts tn unknown"
    " validate_number".split()
)


def dlr_collisions(nexmo_dlr_url: str) -> list[str]:
    """Return a line when the path of ``nexmo_dlr_url`` belongs to another route."""
    path = urlsplit(nexmo_dlr_url).path.rstrip("/")
    if path.split("/")[1:2] and path.split("/")[1] in RESERVED - {"dlr"}:
        return [f"nexmo_dlr_url: its path {path} is taken by a route of the gateway"]
    return []


def collisions(endpoints: Sequence[MessageEndpoint], routes: Iterable[Route]) -> list[str]:
    """Return a line for each message path that one of the other routes answers already."""
    patterns = [re.compile(route[0]) for route in routes if isinstance(route[0], str)]
    return [
        f"message path {each.path}/ is taken by a route of the gateway"
        for each in endpoints
        if each.path.split("/")[1] in RESERVED
        or any(pattern.fullmatch(each.path) for pattern in patterns)
    ]


def _exact(path: str) -> str:
    return rf"{re.escape(path)}/?"
