"""Start one gateway process: read the options, open the services, wire the routes, listen, drain.

``python app.py --help`` lists the options. A gateway with handlers of its own calls ``main`` with
its routes; see "Use it as a framework" in README.md.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn

import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from conf.documents import describe, help_text
from conf.loading import Loaded, load
from conf.settings import Settings
from gateway.access.gates import WebhookGate
from gateway.protection.destinations.rule_checks import unknown_endpoints
from gateway.telephony import phonenumber
from handlers.application import Application
from handlers.base import NotFoundHandler
from handlers.front.server import FastServer, http_server
from handlers.handsets import Handsets
from handlers.public.front import start_page
from handlers.routes import Route, message_endpoints, route_problems, route_table
from wiring import from_settings
from wiring.development import CannotStart, fill_pool, open_development
from wiring.listener import patient
from wiring.logs import configure_logging
from wiring.services import Services, open_services
from wiring.text_costs import costly_texts

log = logging.getLogger("gateway.app")

ROOT = Path(__file__).resolve().parent
MOST_FILES = 65_536
# The whole stop takes 30 s at most, of which the services have some to write down what they sent.
DRAIN_SECONDS = 22.0


def main(routes: Iterable[Route] = (), argv: Sequence[str] | None = None) -> None:
    """Run a gateway until SIGTERM; ``routes`` are answered before the gateway's own.

    Exit status 0 after a drain, 2 for wrong options (one line each on standard error), 1 when
    the address or the data folder cannot be used.
    """
    loaded = load(sys.argv[1:] if argv is None else argv, os.environ, ROOT)
    if loaded.help_requested:
        print(help_text())
        return
    own_routes = list(routes)
    settings = loaded.settings
    problems = [
        *loaded.problems,
        *route_problems(own_routes, loaded.endpoints, settings.nexmo_dlr_url),
        *from_settings.problems(settings, loaded.protection),
    ]
    if problems:
        _refuse(problems)
    try:
        configure_logging(settings)
    except OSError as error:
        _refuse([f"--log_file_prefix: {error.strerror}"])
    _raise_file_limit()
    try:
        uvloop.run(serve(loaded, own_routes))
    except CannotStart as error:
        log.error("cannot start: %s", error)
        sys.exit(1)


def _refuse(problems: Iterable[str]) -> NoReturn:
    print("\n".join(problems), file=sys.stderr)
    sys.exit(2)


def _raise_file_limit() -> None:
    """Use all the file descriptors that the system grants: each connection needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def serve(loaded: Loaded, own_routes: Sequence[Route] = ()) -> None:
    """Open everything, answer requests until SIGTERM or SIGINT, then drain and close."""
    async with AsyncExitStack() as stack:
        sockets = _bound(loaded.settings)
        port: int = sockets[0].getsockname()[1]
        settings, handsets = loaded.settings, None
        if settings.development_mode:
            settings, handsets = await stack.enter_async_context(open_development(loaded, port))
        services = await stack.enter_async_context(
            open_services(
                settings, loaded.endpoints, loaded.devices, loaded.protection, loaded.given
            )
        )
        if settings.development_mode:
            await fill_pool(services.pool)
        application = _application(loaded, settings, services, own_routes, handsets)
        server = http_server(settings.http_server, application)
        stop = _stop_signal()
        _leave_garbage_alone()
        server.add_sockets(sockets)
        _say_what_matters(loaded, settings, port, services.webhooks)
        paths = [each.path for each in application.endpoints]
        for line in unknown_endpoints(loaded.protection, paths):
            log.warning("%s", line)
        await stop.wait()
        await asyncio.gather(
            _drain(application, server), services.outbox_worker.stop(DRAIN_SECONDS)
        )
    log.info("stopped")


def _bound(settings: Settings) -> list[socket.socket]:
    """Return sockets at the port, one for each kind of address; raises CannotStart."""
    try:
        return patient(bind_sockets(settings.port, "127.0.0.1" if settings.localhostonly else None))
    except OSError as error:
        raise CannotStart(f"port {settings.port}: {error.strerror}") from error


def _application(
    loaded: Loaded,
    settings: Settings,
    services: Services,
    own_routes: Sequence[Route],
    handsets: Handsets | None,
) -> Application:
    routes = route_table(
        own_routes,
        loaded.endpoints,
        nexmo_dlr_url=settings.nexmo_dlr_url,
        webhook_token=settings.webhook_token,
    )
    return Application(
        services,
        routes,
        message_endpoints(routes),
        not_found=NotFoundHandler,
        log_requests=settings.access_log,
        start_page=_start_page(loaded, settings),
        handsets=handsets,
    )


def _start_page(loaded: Loaded, settings: Settings) -> str:
    """Return the page that development_mode shows to a browser, '' outside of it."""
    if not settings.development_mode:
        return ""
    return start_page(loaded.endpoints, f"http://{settings.nexmo_domain}/")


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _leave_garbage_alone() -> None:
    """Let the collector run seldom: what lives now lives to the end.

    With 200 requests under way a young generation of 700 objects is no measure of garbage.
    """
    gc.freeze()
    gc.set_threshold(20_000)


def _say_what_matters(loaded: Loaded, settings: Settings, port: int, webhooks: WebhookGate) -> None:
    host = "127.0.0.1" if settings.localhostonly else "0.0.0.0"  # noqa: S104
    log.info("listening on http://%s:%d", host, port)
    costs = costly_texts(settings, loaded.endpoints, loaded.protection.sites)
    for warning in (*loaded.warnings, *costs):
        log.warning("%s", warning)
    log.info("options: %s", phonenumber.mask_digits(describe(loaded.settings)))
    if not loaded.endpoints:
        log.info("no message endpoint: set message and sender, or a messages_file")
    if not webhooks.configured:
        who = "are served to this machine only" if webhooks.open_here else "answer 401"
        log.warning("neither webhook_token nor a signature secret is set: webhooks %s", who)
    if settings.admin_token != loaded.settings.admin_token:
        print(f"admin token of this run: {settings.admin_token}", flush=True)
    if not settings.admin_token and not settings.development_mode:
        log.info("no admin_token: the admin routes answer 403")
    if settings.development_mode:
        base = f"http://127.0.0.1:{port}"
        log.info("open %s/ (start page), %s/example.html (the form)", base, base)
        log.info("open http://%s/ (the handsets that receive the SMS)", settings.nexmo_domain)
        log.info("open %s/console/ (the console), %s/console/handsets (try it out)", base, base)


async def _drain(application: Application, server: HTTPServer | FastServer) -> None:
    """Accept nothing more and let what runs finish, for ``DRAIN_SECONDS`` at most."""
    log.info("draining %d requests", application.in_flight)
    application.draining = True
    server.stop()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DRAIN_SECONDS
    while application.in_flight and loop.time() < deadline:  # noqa: ASYNC110 - once, at the end
        await asyncio.sleep(0.05)
    if application.in_flight:
        log.warning("%d requests were cut off", application.in_flight)
    await server.close_all_connections()


if __name__ == "__main__":
    main()
