"""What development_mode brings along: a store, a provider and numbers, all on this machine.

Only this module knows the emulator.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conf.loading import Loaded
from conf.providers import FLOWROUTE, NEXMO
from conf.settings import Settings
from gateway.errors import BadRequest, StoreUnavailable
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from wiring import from_settings

if TYPE_CHECKING:
    from gateway.emulator import Emulator

# North American networks, and so the emulator, take no sender but a number (fiction's range).
DEMO_NUMBER = "12065550100"
DEMO_APPLICATION = "00000000-0000-4000-8000-000000000000"
DEMO_POOL = tuple(
    VirtualNumber(number, provider, "US", frozenset(capabilities))
    for number, provider, capabilities in (
        ("+12065550101", NEXMO.name, ("sms", "voice")),
        ("+12065550102", NEXMO.name, ("sms", "voice")),
        ("+12065550103", FLOWROUTE.name, ("sms",)),
    )
)


class CannotStart(Exception):
    """The address or the data folder cannot be used."""


@asynccontextmanager
async def open_development(loaded: Loaded, port: int) -> AsyncIterator[tuple[Settings, Emulator]]:
    """Run a store (unless a Redis is named) and the emulator, for a gateway at ``port``.

    Yields the settings that point to them, and the emulator. Raises CannotStart.
    """
    async with AsyncExitStack() as closing:
        settings = loaded.settings
        if not loaded.redis_named:
            settings = replace(settings, redis_url=await shared_store(settings.data_dir, closing))
        own_url = f"http://127.0.0.1:{port}"
        if not from_settings.is_local(settings):
            settings = _with_tokens(settings)
        settings = replace(
            settings,
            nexmo_application_id=settings.nexmo_application_id or DEMO_APPLICATION,
            public_url=settings.public_url or own_url,
        )
        emulator = _emulator(settings, own_url)
        await emulator.start()
        closing.push_async_callback(emulator.stop)
        yield _pointing_to(emulator, settings), emulator


def _with_tokens(settings: Settings) -> Settings:
    """Return the settings with a token for each door that has no proof: others can reach it."""
    configured = from_settings.webhook_gate(settings).configured
    return replace(
        settings,
        admin_token=settings.admin_token or secrets.token_urlsafe(16),
        webhook_token=settings.webhook_token or ("" if configured else secrets.token_urlsafe(16)),
    )


async def fill_pool(pool: Pool) -> None:
    """Put some numbers into an empty pool, so that a first conversation needs no preparation."""
    with suppress(StoreUnavailable, BadRequest):
        if not (await pool.page(1, "")).total:
            for number in DEMO_POOL:
                await pool.add(number)


async def shared_store(data_dir: str, closing: AsyncExitStack) -> str:
    """Start the embedded store, or share that of others, and return its URL; raises CannotStart."""
    try:
        from gateway.store import embedded  # noqa: PLC0415 - production has no such package
    except ImportError as error:
        raise CannotStart(
            f"the package {error.name} of development_mode's store is missing:"
            ' "make install" brings it; or name a Redis (redis_url)'
        ) from error
    try:
        store = await asyncio.to_thread(embedded.start, Path(data_dir))
    except ValueError as error:
        raise CannotStart(str(error)) from error
    closing.callback(store.stop)
    return store.url


def _emulator(settings: Settings, own_url: str) -> Emulator:
    """Return an emulator whose webhooks come to the gateway at ``own_url``."""
    from gateway.emulator import Emulator  # noqa: PLC0415 - production does not need it

    token = f"/{settings.webhook_token}" if settings.webhook_token else "/"
    return Emulator(
        dlr_url=f"{own_url}/dlr{token}",
        mo_url=f"{own_url}/inbound{token}",
        flowroute_mo_url=f"{own_url}/inbound/flowroute{token}",
        flowroute_dlr_url=f"{own_url}/dlr/flowroute{token}",
        answer_url=f"{own_url}/proxy-call{token}",
        fallback_answer_url=f"{own_url}/proxy-call/fallback{token}",
        event_url=f"{own_url}/event{token}",
        application_id=settings.nexmo_application_id,
        jwt_secret=settings.nexmo_application_jwt_secret,
        owned_numbers=[each.e164.removeprefix("+") for each in DEMO_POOL],
        signature_secret=settings.nexmo_signature_secret,
        signature_method=settings.nexmo_signature_method,
        rate=30,
    )


def _pointing_to(emulator: Emulator, settings: Settings) -> Settings:
    """Return the settings with the emulator's accounts and addresses."""
    return replace(
        settings,
        nexmo_api_key=emulator.settings.api_key,
        nexmo_api_secret=emulator.settings.api_secret,
        nexmo_domain=emulator.domain,
        nexmo_api_domain=emulator.domain,
        nexmo_endpoint="sms/json",
        nexmo_ssl=False,
        flowroute_access_key=emulator.settings.flowroute_access_key,
        flowroute_secret_key=emulator.settings.flowroute_secret_key,
        flowroute_url=f"{emulator.url}/v2.1/messages",
        nexmo_long_virtual_number=settings.nexmo_long_virtual_number or DEMO_NUMBER,
    )
