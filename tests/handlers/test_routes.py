"""Every route has a guard, and only public ones speak JSONP and CORS."""

from __future__ import annotations

import re

import pytest

from handlers.admin.base import AdminHandler
from handlers.base import BaseHandler, Guard
from handlers.console.assets import AssetHandler
from handlers.public.base import PublicHandler
from handlers.public.links import LinkHandler
from handlers.routes import FIXED_ROUTES
from handlers.routes import PathRoute as Route
from handlers.webhooks.base import WebhookHandler
from handlers.webhooks.smssync import PhoneHandler
from tests.support.servers.serving import serving

BASES = {
    Guard.PUBLIC: PublicHandler,
    Guard.ADMIN: AdminHandler,
    Guard.WEBHOOK: WebhookHandler,
    Guard.DEVICE: PhoneHandler,
    Guard.SIGN_IN: BaseHandler,
    Guard.OPERATION: BaseHandler,
}
# What the contract opens to everybody; a new public route has to be written down here as well.
PUBLIC_PATHS = {
    r"/validate_number/?",
    r"/status/?",
    r"/countries/?",
    r"/texts/?",
    r"/l/([^/]+)/?",
    r"/example\.html/?",
    "/",
}
# What a person needs who is not signed in to the console yet.
SIGN_IN_PATHS = {r"/console/static/(.+?)/?", r"/console/sign-in/?"}
# What nginx.conf alone keeps from the outside.
OPERATION_PATHS = {r"/health/live/?", r"/health/ready/?", r"/metrics/?"}


def path_of(route: Route) -> str:
    """Return a path that the route answers."""
    if route[1] is AssetHandler:
        return "/console/static/console/console.css"
    path = re.sub(r"\(\?:[^)]*\([^)]*\)\)\?", "", route[0])
    return re.sub(r"\([^)]*\)", "0" * 32, path).replace("/?", "").replace("\\", "") or "/"


by_pattern = pytest.mark.parametrize("route", FIXED_ROUTES, ids=lambda route: str(route[0]))


@by_pattern
def test_every_route_declares_its_guard(route: Route) -> None:
    """The guard says who may call, and the class behind it enforces that."""
    handler = route[1]
    assert issubclass(handler, BASES[handler.guard])


def test_only_the_paths_of_the_contract_are_public() -> None:
    """Nothing becomes public by accident."""
    public = {route[0] for route in FIXED_ROUTES if route[1].guard is Guard.PUBLIC}
    assert public == PUBLIC_PATHS
    operation = {route[0] for route in FIXED_ROUTES if route[1].guard is Guard.OPERATION}
    assert operation == OPERATION_PATHS
    sign_in = {route[0] for route in FIXED_ROUTES if route[1].guard is Guard.SIGN_IN}
    assert sign_in == SIGN_IN_PATHS


@by_pattern
async def test_guards_hold_on_the_running_gateway(route: Route, redis_url: str) -> None:
    """Admin routes ask for the token, webhooks for authentication; neither allows origins."""
    options = ("--admin_token=correct-horse", "--webhook_token=battery-staple")
    async with serving(*options, redis_url=redis_url) as gateway:
        method = "GET" if "GET" in route[1].verbs() else "POST"
        response = await gateway.client.request(method, f"{path_of(route)}?callback=f&x=1")
        body = await response.text()
        guard = route[1].guard
        allowed = "Access-Control-Allow-Origin" in response.headers
        assert allowed is (guard is Guard.PUBLIC)
        assert (401 == response.status) is (guard in {Guard.ADMIN, Guard.WEBHOOK})
        assert not body.startswith("f(") or guard is Guard.PUBLIC


@by_pattern
async def test_a_trailing_slash_is_optional(route: Route, redis_url: str) -> None:
    """Old clients send it, people forget it."""
    path = path_of(route)
    if path == "/" or route[1] is LinkHandler:  # test_links.py has links that there are
        return
    async with serving("--admin_token=correct-horse", redis_url=redis_url) as gateway:
        with_slash = await gateway.client.get(f"{path}/")
        without = await gateway.client.get(path)
        assert with_slash.status == without.status
        assert 404 != without.status
