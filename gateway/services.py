"""Everything below the handlers, opened once at the start and closed once at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from conf.settings import Settings
from gateway import geoip
from gateway.access import AdminGate, WebhookGate
from gateway.clients import ClientAddress
from gateway.country import CountryGuesser
from gateway.limiter import Limit, Limiter, MessageLimits, ValidationLimits
from gateway.messenger import Messenger
from gateway.pacer import Pacer
from gateway.providers.vonage import Account, VonageProvider
from gateway.receipts import Receipts
from gateway.store import Store, connect


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers may use."""

    store: Store
    clients: ClientAddress
    countries: CountryGuesser
    message_limits: MessageLimits
    validation_limits: ValidationLimits
    messenger: Messenger
    receipts: Receipts
    admin: AdminGate
    webhooks: WebhookGate
    default_sender: str


@asynccontextmanager
async def open_services(settings: Settings, default_sender: str = "") -> AsyncIterator[Services]:
    """Open all services, and close them in the reverse order at the end.

    default_sender: of messages of the site's own back-end when the option ``sender`` is empty.
    Nothing is connected yet, so a store that is down does not keep the gateway from starting.
    """
    store = connect(redis_url(settings))
    provider = VonageProvider(
        vonage_account(settings), rate=settings.nexmo_rate, timeout=settings.provider_timeout
    )
    limiter = Limiter(store)
    address_limit = Limit(settings.limit_amount, settings.limit_expires)
    receiver_limit = Limit(settings.receiver_limit_amount, settings.receiver_limit_expires)
    receipts = Receipts(store, days=settings.message_log_days)
    messenger = Messenger({provider.name: provider}, provider.name, receipts, Pacer(store))
    trusted = [each for each in settings.trusted_proxies.split(",") if each]
    try:
        yield Services(
            store=store,
            clients=ClientAddress(trusted, settings.client_address_header),
            countries=CountryGuesser(
                geoip.open_lookup(settings.geoip_file),
                default_country=settings.default_country,
                guess=settings.guess_country,
            ),
            message_limits=MessageLimits(limiter, address_limit, receiver_limit),
            validation_limits=ValidationLimits(limiter, address_limit),
            messenger=messenger,
            receipts=receipts,
            admin=AdminGate(settings.admin_token, development=settings.development_mode),
            webhooks=webhook_gate(settings),
            default_sender=settings.sender or default_sender,
        )
    finally:
        await messenger.drain()
        await provider.close()
        await store.close()


def redis_url(settings: Settings) -> str:
    """Return ``redis_url``, or the URL that the four single options make."""
    if settings.redis_url:
        return settings.redis_url
    host = f"[{settings.redis_host}]" if ":" in settings.redis_host else settings.redis_host
    password = f":{quote(settings.redis_password, safe='')}@" if settings.redis_password else ""
    return f"redis://{password}{host}:{settings.redis_port}/{settings.redis_db}"


def vonage_account(settings: Settings) -> Account:
    """Return the Vonage account; receipts are asked for when ``nexmo_dlr_url`` is set."""
    scheme = "https" if settings.nexmo_ssl else "http"
    dlr_url = settings.nexmo_dlr_url
    if dlr_url and settings.webhook_token:
        dlr_url = f"{dlr_url.rstrip('/')}/{settings.webhook_token}"
    return Account(
        api_key=settings.nexmo_api_key,
        api_secret=settings.nexmo_api_secret,
        url=f"{scheme}://{settings.nexmo_domain}/{settings.nexmo_endpoint}",
        long_virtual_number=settings.nexmo_long_virtual_number,
        dlr_url=dlr_url,
    )


def webhook_gate(settings: Settings) -> WebhookGate:
    """Return the gate of the webhooks with every means of authentication that is configured."""
    return WebhookGate(
        token=settings.webhook_token,
        signature_secret=settings.nexmo_signature_secret,
        signature_method=settings.nexmo_signature_method,
        signature_max_age=settings.nexmo_signature_max_age,
        jwt_secret=settings.nexmo_application_jwt_secret,
        application_id=settings.nexmo_application_id,
        api_key=settings.nexmo_api_key,
    )
