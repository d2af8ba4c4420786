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
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import tornado.log
import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from conf.documents import describe, help_text
from conf.settings import Loaded, Settings, load
from gateway.errors import BadRequest, StoreUnavailable
from gateway.store.pipeline import connect
from gateway.telephony import geoip, phonenumber
from gateway.virtual_numbers.pool import VirtualNumber
from gateway.wiring.from_settings import redis_url
from gateway.wiring.services import Services, open_services
from handlers.application import Application
from handlers.base import NotFoundHandler
from handlers.public.front import start_page
from handlers.routes import (
    FIXED_ROUTES,
    Route,
    collisions,
    dlr_collisions,
    dlr_route,
    message_endpoints,
    route_table,
)

if TYPE_CHECKING:
    from conf.messages import MessageEndpoint
    from gateway.emulator import Emulator

log = logging.getLogger("gateway.app")

ROOT = Path(__file__).resolve().parent
# Larger bodies than the handlers take are still read, so that their answer says what is wrong.
MAX_BODY_BYTES = 4 * 1024 * 1024
MOST_FILES = 65_536
# North American networks, and so the emulator, take no sender but a number (fiction's range).
DEMO_NUMBER = "12065550100"
DEMO_APPLICATION = "00000000-0000-4000-8000-000000000000"
DEMO_POOL = tuple(
    VirtualNumber(number, provider, "US", frozenset(capabilities))
    for number, provider, capabilities in (
        ("+12065550101", "nexmo", ("sms", "voice")),
        ("+12065550102", "nexmo", ("sms", "voice")),
        ("+12065550103", "flowroute", ("sms",)),
    )
)
# A body of the largest size over the slowest phone; nginx reads bodies before it passes them on.
BODY_SECONDS = 30.0
# More than nginx keeps its idle connections (60 s), so that it never meets one just closing.
IDLE_SECONDS = 120.0
# The whole stop takes 30 s at most, of which the services have some to write down what they sent.
DRAIN_SECONDS = 22.0


class CannotStart(Exception):
    """The address or the data folder cannot be used."""


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
    problems = [*loaded.problems, *_further_problems(loaded, own_routes)]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        sys.exit(2)
    try:
        configure_logging(loaded.settings)
    except OSError as error:
        print(f"--log_file_prefix: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    _raise_file_limit()
    try:
        uvloop.run(serve(loaded, own_routes))
    except CannotStart as error:
        log.error("cannot start: %s", error)
        sys.exit(1)


def _raise_file_limit() -> None:
    """Use all the file descriptors that the system grants: each connection needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _further_problems(loaded: Loaded, own_routes: list[Route]) -> list[str]:
    """Return what only this module can see: routes that collide, country data, regions."""
    settings = loaded.settings
    taken = [*own_routes, *dlr_route(settings.nexmo_dlr_url), *FIXED_ROUTES]
    problems = collisions(loaded.endpoints, taken)
    problems += dlr_collisions(settings.nexmo_dlr_url)
    if not phonenumber.is_region(settings.default_country):
        problems.append(f"--default_country={settings.default_country}: no such country")
    for name, check in (
        ("geoip_file", lambda: geoip.open_lookup(settings.geoip_file)),
        ("redis_url", lambda: connect(redis_url(settings))),
    ):
        try:
            check()
        except ValueError as error:
            problems.append(f"--{name}: {error}")
    return problems


def configure_logging(settings: Settings) -> None:
    """Set logging up by Tornado's options; foreign loggers get their numbers masked."""
    tornado.log.enable_pretty_logging(
        SimpleNamespace(
            logging=settings.logging,
            log_file_prefix=settings.log_file_prefix or None,
            log_rotate_mode="size",
            log_file_max_size=settings.log_file_max_size,
            log_file_num_backups=settings.log_file_num_backups,
            log_to_stderr=settings.log_to_stderr,
        )
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(_mask_quoted)


def _mask_quoted(record: logging.LogRecord) -> bool:
    """Mask digits in what libraries log and in what errors say: they may quote a request."""
    if record.exc_info:
        record.exc_text = phonenumber.mask_digits(
            logging.Formatter().formatException(record.exc_info)
        )
    if not record.name.startswith(("gateway", "handlers")):
        record.msg, record.args = phonenumber.mask_digits(record.getMessage()), ()
    return True


async def serve(loaded: Loaded, own_routes: Sequence[Route] = ()) -> None:
    """Open everything, answer requests until SIGTERM or SIGINT, then drain and close."""
    settings, endpoints = loaded.settings, loaded.endpoints
    async with AsyncExitStack() as stack:
        try:
            sockets = bind_sockets(settings.port, "127.0.0.1" if settings.localhostonly else None)
        except OSError as error:
            raise CannotStart(f"port {settings.port}: {error.strerror}") from error
        port: int = sockets[0].getsockname()[1]
        page, handsets = "", None
        if settings.development_mode:
            settings, handsets = await _development(loaded, port, stack)
            page = start_page(endpoints, f"{handsets.url}/")
        sender = endpoints[0].sender if endpoints else ""
        services = await stack.enter_async_context(open_services(settings, sender, loaded.devices))
        if settings.development_mode:
            await _demo_pool(services)
        routes = route_table(
            own_routes,
            endpoints,
            nexmo_dlr_url=settings.nexmo_dlr_url,
            webhook_token=settings.webhook_token,
        )
        application = Application(
            services,
            routes,
            message_endpoints(routes),
            not_found=NotFoundHandler,
            log_requests=settings.access_log,
            start_page=page,
            handsets=handsets,
        )
        server = HTTPServer(
            application,
            max_body_size=MAX_BODY_BYTES,
            body_timeout=BODY_SECONDS,
            idle_connection_timeout=IDLE_SECONDS,
        )
        stop = _stop_signal()
        # What lives now lives to the end: the collector need not look at it at every turn, and
        # with 200 requests under way a young generation of 700 objects is no measure of garbage.
        gc.freeze()
        gc.set_threshold(20_000)
        server.add_sockets(sockets)
        host = "127.0.0.1" if settings.localhostonly else "0.0.0.0"  # noqa: S104
        log.info("listening on http://%s:%d", host, port)
        _say_what_matters(loaded, settings, endpoints, port, services.webhooks.configured)
        await stop.wait()
        await asyncio.gather(
            _drain(application, server), services.outbox_worker.stop(DRAIN_SECONDS)
        )
    log.info("stopped")


async def _development(
    loaded: Loaded, port: int, stack: AsyncExitStack
) -> tuple[Settings, Emulator]:
    """Start the embedded store (unless a Redis is named) and the emulator.

    Returns the settings that point to them, and the emulator.
    """
    from gateway.emulator import Emulator  # noqa: PLC0415 - nor this
    from gateway.store import embedded  # noqa: PLC0415 - production does not need the package

    settings = loaded.settings
    if not loaded.redis_named:
        try:
            store = await asyncio.to_thread(embedded.start, Path(settings.data_dir))
        except ValueError as error:
            raise CannotStart(str(error)) from error
        stack.callback(store.stop)
        settings = replace(settings, redis_url=store.url)
    token = f"/{settings.webhook_token}" if settings.webhook_token else "/"
    base = f"http://127.0.0.1:{port}"
    emulator = Emulator(
        dlr_url=f"{base}/dlr{token}",
        mo_url=f"{base}/inbound{token}",
        flowroute_mo_url=f"{base}/inbound/flowroute{token}",
        flowroute_dlr_url=f"{base}/dlr/flowroute{token}",
        answer_url=f"{base}/proxy-call{token}",
        fallback_answer_url=f"{base}/proxy-call/fallback{token}",
        event_url=f"{base}/event{token}",
        application_id=settings.nexmo_application_id or DEMO_APPLICATION,
        jwt_secret=settings.nexmo_application_jwt_secret,
        owned_numbers=[each.e164.removeprefix("+") for each in DEMO_POOL],
        signature_secret=settings.nexmo_signature_secret,
        signature_method=settings.nexmo_signature_method,
        rate=30,
    )
    await emulator.start()
    stack.push_async_callback(emulator.stop)
    settings = replace(
        settings,
        nexmo_api_key=emulator.settings.api_key,
        nexmo_api_secret=emulator.settings.api_secret,
        nexmo_domain=emulator.domain,
        nexmo_api_domain=emulator.domain,
        nexmo_endpoint="sms/json",
        nexmo_ssl=False,
        nexmo_application_id=settings.nexmo_application_id or DEMO_APPLICATION,
        public_url=settings.public_url or base,
        flowroute_access_key=emulator.settings.flowroute_access_key,
        flowroute_secret_key=emulator.settings.flowroute_secret_key,
        flowroute_url=f"{emulator.url}/v2.1/messages",
        nexmo_long_virtual_number=settings.nexmo_long_virtual_number or DEMO_NUMBER,
    )
    return settings, emulator


async def _demo_pool(services: Services) -> None:
    """Put some numbers into an empty pool, so that a first conversation needs no preparation."""
    with suppress(StoreUnavailable, BadRequest):
        if not (await services.pool.page(1, "")).size:
            for number in DEMO_POOL:
                await services.pool.add(number)


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _say_what_matters(
    loaded: Loaded,
    settings: Settings,
    endpoints: Sequence[MessageEndpoint],
    port: int,
    webhooks_configured: bool,
) -> None:
    for warning in loaded.warnings:
        log.warning("%s", warning)
    log.info("options: %s", phonenumber.mask_digits(describe(loaded.settings)))
    if not endpoints:
        log.info("no message endpoint: set message and sender, or a messages_file")
    if not webhooks_configured:
        log.warning(
            "neither webhook_token nor a signature secret is set: webhooks are served to this"
            " machine only"
        )
    if not settings.admin_token and not settings.development_mode:
        log.info("no admin_token: the admin routes answer 403")
    if settings.development_mode:
        base = f"http://127.0.0.1:{port}"
        log.info("open %s/ (start page), %s/example.html (the form)", base, base)
        log.info("open http://%s/ (the handsets that receive the SMS)", settings.nexmo_domain)
        log.info("open %s/console/ (the console), %s/console/handsets (try it out)", base, base)


async def _drain(application: Application, server: HTTPServer) -> None:
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
