"""Everything below the handlers, opened once at the start and closed once at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from conf.devices import Device
from conf.settings import Settings
from gateway.access.client_address import ClientAddress
from gateway.access.gates import AdminGate, WebhookGate
from gateway.access.limiter import Limit, Limiter, MessageLimits, ValidationLimits
from gateway.access.refusals import Refusals
from gateway.access.sign_ins import SignIns
from gateway.conversations.calls import Calls
from gateway.conversations.notices import Notices
from gateway.conversations.relay import Relay
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import Transcript
from gateway.messaging.history import History
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.messenger import Messenger
from gateway.messaging.optouts import Keywords, OptOuts
from gateway.messaging.outbox.queue import Outbox
from gateway.messaging.outbox.worker import OutboxWorker
from gateway.messaging.pacer import Pacer
from gateway.messaging.receipts import Receipts
from gateway.monitoring.stats import Stats
from gateway.providers import flowroute
from gateway.providers.base import Provider
from gateway.providers.flowroute import FlowrouteProvider
from gateway.providers.vonage.insight import Insight
from gateway.providers.vonage.numbers import NumbersApi
from gateway.providers.vonage.sms import Account, VonageProvider
from gateway.smssync.devices import Devices
from gateway.smssync.outgoing import phone_providers, reporting
from gateway.smssync.phones import Phones
from gateway.smssync.queue import TaskQueue
from gateway.store.pipeline import Store, connect
from gateway.telephony import geoip
from gateway.telephony.country import CountryGuesser
from gateway.virtual_numbers.forecast import Forecast
from gateway.virtual_numbers.inventory import Inventory
from gateway.virtual_numbers.pool import Pool
from gateway.virtual_numbers.provisioning import Provisioning
from gateway.virtual_numbers.setup import NumberSetup, Webhooks
from gateway.wiring.relaying import wire

# Flowroute publishes no limit and throttles senders that it takes for spammers: a modest rate.
FLOWROUTE_RATE = 10.0
# Of the 30 s that a stop may take, requests have 22 and what they sent a few.
OUTBOX_STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers may use."""

    store: Store
    clients: ClientAddress
    countries: CountryGuesser
    message_limits: MessageLimits
    validation_limits: ValidationLimits
    refusals: Refusals
    messenger: Messenger
    receipts: Receipts
    history: History
    admin: AdminGate
    sign_ins: SignIns
    webhooks: WebhookGate
    default_sender: str
    default_provider: str
    pool_providers: tuple[str, ...]
    pool: Pool
    sessions: Sessions
    forecast: Forecast
    transcript: Transcript
    notices: Notices
    optouts: OptOuts
    words: Keywords
    inbox: Inbox
    outbox: Outbox
    outbox_worker: OutboxWorker
    relay: Relay
    calls: Calls
    public_url: str
    devices: Devices
    tasks: TaskQueue
    phones: Phones
    provisioning: Provisioning
    inventory: Inventory
    insight: Insight | None
    stats: Stats


@asynccontextmanager
async def open_services(
    settings: Settings, default_sender: str = "", devices: Sequence[Device] = ()
) -> AsyncIterator[Services]:
    """Open all services, and close them in the reverse order at the end.

    default_sender: of messages of the site's own back-end when the option ``sender`` is empty;
    devices: SMSsync phones.
    Nothing is connected yet, so a store that is down does not keep the gateway from starting.
    """
    store = connect(redis_url(settings))
    blocks = Refusals(store)
    limiter = Limiter(store, blocks)
    transcript = Transcript(store, days=settings.session_log_days)
    receipts = Receipts(store, days=settings.message_log_days, changed=transcript.set_state)
    known_devices = Devices(store, devices, public_url=settings.public_url)
    tasks = TaskQueue(
        store,
        known_devices.by_name,
        lease=settings.smssync_lease,
        confirm=settings.smssync_confirm * 3600,
        changed=reporting(receipts),
        days=settings.message_log_days,
    )
    phones = phone_providers(devices, tasks, ttl=settings.message_log_days * 86_400)
    providers = [*_providers(settings), *phones]
    messenger = Messenger(
        {each.name: each for each in providers}, settings.provider, receipts, Pacer(store)
    )
    stats = Stats(store)
    relaying = wire(
        settings,
        store,
        limiter,
        messenger=messenger,
        transcript=transcript,
        tasks=tasks,
        stats=stats,
    )
    numbers_api, insight = vonage_numbers_api(settings), vonage_insight(settings)
    own = Webhooks.at(settings.public_url, settings.webhook_token, settings.nexmo_application_id)
    gate = AdminGate(settings.admin_token, development=settings.development_mode)
    trusted = [each for each in settings.trusted_proxies.split(",") if each]
    relaying.outbox_worker.start()
    relaying.periodic.start()
    try:
        yield Services(
            store=store,
            clients=ClientAddress(trusted, settings.client_address_header),
            countries=CountryGuesser(
                geoip.open_lookup(settings.geoip_file),
                default_country=settings.default_country,
                guess=settings.guess_country,
            ),
            message_limits=MessageLimits(
                limiter,
                Limit(settings.limit_amount, settings.limit_expires),
                Limit(settings.receiver_limit_amount, settings.receiver_limit_expires),
            ),
            validation_limits=ValidationLimits(
                limiter, Limit(settings.limit_amount, settings.limit_expires)
            ),
            refusals=blocks,
            messenger=messenger,
            receipts=receipts,
            history=History(store, receipts, days=settings.message_log_days),
            admin=gate,
            sign_ins=SignIns(store, limiter, gate),
            webhooks=webhook_gate(settings),
            default_sender=settings.sender or default_sender,
            default_provider=settings.provider,
            pool_providers=messenger.providers,
            transcript=transcript,
            pool=relaying.numbers,
            sessions=relaying.sessions,
            forecast=relaying.forecast,
            notices=relaying.notices,
            optouts=relaying.optouts,
            words=relaying.words,
            inbox=relaying.inbox,
            outbox=relaying.outbox,
            outbox_worker=relaying.outbox_worker,
            relay=relaying.relay,
            calls=relaying.calls,
            public_url=settings.public_url,
            devices=known_devices,
            tasks=tasks,
            phones=Phones(
                known_devices,
                tasks=tasks,
                messenger=messenger,
                relay=relaying.relay,
                numbers=relaying.numbers,
                limiter=limiter,
                optouts=relaying.optouts,
                words=relaying.words,
                reply=settings.smssync_reply,
            ),
            provisioning=Provisioning(
                store,
                numbers_api,
                NumberSetup(numbers_api, relaying.numbers, own),
                account=settings.nexmo_api_key,
            ),
            inventory=Inventory(numbers_api, relaying.numbers, own, account=settings.nexmo_api_key),
            insight=insight,
            stats=stats,
        )
    finally:
        await relaying.periodic.stop()
        await relaying.outbox_worker.stop(OUTBOX_STOP_SECONDS)
        await messenger.drain()
        await tasks.drain()
        await stats.close()
        for each in providers:
            await each.close()
        await numbers_api.close()
        if insight is not None:
            await insight.close()
        await store.close()


def _providers(settings: Settings) -> list[Provider]:
    return [
        VonageProvider(
            vonage_account(settings), rate=settings.nexmo_rate, timeout=settings.provider_timeout
        ),
        FlowrouteProvider(
            flowroute.Account(
                settings.flowroute_access_key,
                settings.flowroute_secret_key,
                settings.flowroute_url,
            ),
            rate=FLOWROUTE_RATE,
            timeout=settings.provider_timeout,
        ),
    ]


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


def vonage_numbers_api(settings: Settings) -> NumbersApi:
    """Return the client of the Numbers API, on the host of the SMS API."""
    scheme = "https" if settings.nexmo_ssl else "http"
    return NumbersApi(
        f"{scheme}://{settings.nexmo_domain}",
        settings.nexmo_api_key,
        settings.nexmo_api_secret,
        timeout=settings.provider_timeout,
    )


def vonage_insight(settings: Settings) -> Insight | None:
    """Return Number Insight, None when it is off."""
    if settings.number_insight == "off":
        return None
    scheme = "https" if settings.nexmo_ssl else "http"
    url = f"{scheme}://{settings.nexmo_api_domain}"
    return Insight(url, settings.nexmo_api_key, settings.nexmo_api_secret)


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
