"""A gateway inside the test's own process: its real application on a loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from tornado.netutil import bind_sockets

from conf.loading import load
from handlers.application import Application
from handlers.base import NotFoundHandler
from handlers.front.server import http_server
from handlers.routes import Route, message_endpoints, route_table
from tests.support import ROOT
from tests.support.servers.processes import COMMON_OPTIONS
from wiring.services import open_services


@dataclass
class Gateway:
    """A running gateway and a client for it; ``client`` takes paths."""

    application: Application
    url: str
    client: aiohttp.ClientSession


@asynccontextmanager
async def serving(
    *options: str, redis_url: str, routes: Sequence[Route] = ()
) -> AsyncIterator[Gateway]:
    """Serve a gateway with ``options`` (``--name=value``) until the block ends."""
    loaded = load([*COMMON_OPTIONS, f"--redis_url={redis_url}", *options], {}, ROOT)
    assert [] == loaded.problems
    async with open_services(
        loaded.settings, loaded.endpoints, loaded.devices, loaded.protection, loaded.given
    ) as services:
        all_routes = route_table(
            routes,
            loaded.endpoints,
            nexmo_dlr_url=loaded.settings.nexmo_dlr_url,
            webhook_token=loaded.settings.webhook_token,
        )
        application = Application(
            services,
            all_routes,
            message_endpoints(all_routes),
            not_found=NotFoundHandler,
            log_requests=loaded.settings.access_log,
        )
        server = http_server(loaded.settings.http_server, application)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        try:
            # Cookies of a host without a name are kept only when that is asked for.
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(url, cookie_jar=jar) as client:
                yield Gateway(application, url, client)
        finally:
            server.stop()
            await server.close_all_connections()
