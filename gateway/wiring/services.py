"""Everything below the handlers, opened once at the start and closed once at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from conf.devices import Device
from conf.messages import MessageEndpoint
from conf.protection import Protection
from conf.settings import Settings
from gateway.access.client_address import ClientAddress
from gateway.access.gates import AdminGate, WebhookGate
from gateway.access.idempotency import Idempotency
from gateway.access.limiter import Limiter, MessageLimits, ValidationLimits
from gateway.access.refusals import Refusals
from gateway.access.shops import Shops
from gateway.access.sign_ins import SignIns
from gateway.access.spent_tokens import SpentTokens
from gateway.conversations.calls import Calls
from gateway.conversations.erasure import Erasure
from gateway.conversations.fates import Fates
from gateway.conversations.notices import Notices
from gateway.conversations.opening import Opening
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.consent import Consent
from gateway.conversations.texts.holding import Holding
from gateway.conversations.texts.lobby import Lobby
from gateway.conversations.texts.media import Media
from gateway.conversations.texts.passing import Passing
from gateway.conversations.texts.relay import Relay
from gateway.conversations.traces import Traces
from gateway.conversations.transcript import Transcript
from gateway.messaging.history import History
from gateway.messaging.inbound.concatenation import Concatenation
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.keywords import Keywords
from gateway.messaging.messenger import Messenger
from gateway.messaging.optouts import OptOuts
from gateway.messaging.outbox.dead_letters import DeadLetters
from gateway.messaging.outbox.erasing import QueuedTexts
from gateway.messaging.outbox.holds import Holds, Patience
from gateway.messaging.outbox.queue import Outbox
from gateway.messaging.outbox.unknown import SecondLook, UnknownTexts
from gateway.messaging.outbox.verdict import Resend
from gateway.messaging.outbox.worker import OutboxWorker
from gateway.messaging.pacer import Pacer
from gateway.messaging.receipts import Receipts
from gateway.monitoring.metrics import OUTBOX_REPEATS
from gateway.monitoring.stats import Stats
from gateway.providers.base import Provider
from gateway.smssync.devices import Devices
from gateway.smssync.guesses import Guesses
from gateway.smssync.outgoing import phone_providers, reporting
from gateway.smssync.phones import Phones
from gateway.smssync.queue import TaskQueue
from gateway.store.eviction import EvictionCheck
from gateway.store.pipeline import Store
from gateway.telephony.country import CountryGuesser
from gateway.telephony.judges import Judge
from gateway.virtual_numbers.forecast import Forecast
from gateway.virtual_numbers.inventory import Inventory
from gateway.virtual_numbers.pool import Pool
from gateway.virtual_numbers.provisioning import Provisioning
from gateway.virtual_numbers.setup import NumberSetup
from gateway.wiring import from_settings
from gateway.wiring.periodic import Periodic

# Of the 30 s that a stop may take, requests have 22 and what they sent a few.
OUTBOX_STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers may use."""

    store: Store
    clients: ClientAddress
    shops: Shops
    countries: CountryGuesser
    judge: Judge
    message_limits: MessageLimits
    validation_limits: ValidationLimits
    refusals: Refusals
    messenger: Messenger
    receipts: Receipts
    history: History
    admin: AdminGate
    sign_ins: SignIns
    webhooks: WebhookGate
    spent_tokens: SpentTokens
    idempotency: Idempotency
    default_sender: str
    default_provider: str
    pool_providers: tuple[str, ...]
    pool: Pool
    sessions: Sessions
    opening: Opening
    erasure: Erasure
    forecast: Forecast
    transcript: Transcript
    optouts: OptOuts
    words: Keywords
    inbox: Inbox
    outbox: Outbox
    holds: Holds
    dead_letters: DeadLetters
    unknown: UnknownTexts
    outbox_worker: OutboxWorker
    relay: Relay
    calls: Calls
    public_url: str
    form_link: str
    countries_of: Callable[[str], Sequence[str]]
    devices: Devices
    tasks: TaskQueue
    phones: Phones
    provisioning: Provisioning
    inventory: Inventory
    stats: Stats


@asynccontextmanager
async def open_services(
    settings: Settings,
    endpoints: Sequence[MessageEndpoint] = (),
    devices: Sequence[Device] = (),
    protection: Protection | None = None,
) -> AsyncIterator[Services]:
    """Open all services, and close them in the reverse order at the end.

    endpoints: what the site sends, the default one first; devices: SMSsync phones; protection:
    rules, limits, budgets and shops, those that hold without a file unless given.
    Nothing is connected yet, so a store that is down does not keep the gateway from starting.
    """
    async with AsyncExitStack() as closing:
        yield _open(settings, endpoints, devices, protection or Protection(), closing)


def _providers(
    settings: Settings, devices: Sequence[Device], tasks: TaskQueue, closing: AsyncExitStack
) -> dict[str, Provider]:
    """Return all ways to send SMS by name."""
    found = from_settings.network_providers(settings)
    found += phone_providers(devices, tasks, ttl=settings.message_log_days * 86_400)
    for each in reversed(found):
        closing.push_async_callback(each.close)
    return {each.name: each for each in found}


def _open(
    settings: Settings,
    endpoints: Sequence[MessageEndpoint],
    devices: Sequence[Device],
    protection: Protection,
    closing: AsyncExitStack,
) -> Services:
    """Return the services, started; what has to be closed is given to ``closing``."""
    days = settings.message_log_days
    store = from_settings.store(settings)
    closing.push_async_callback(store.close)
    insight = from_settings.vonage_insight(settings)
    if insight is not None:
        closing.push_async_callback(insight.close)
    numbers_api = from_settings.vonage_numbers_api(settings)
    closing.push_async_callback(numbers_api.close)

    refusals = Refusals(store)
    limiter = Limiter(store, refusals)
    answers = from_settings.answers(settings, limiter)
    admin = from_settings.admin_gate(settings)

    chat_numbers = from_settings.chat_numbers(settings)
    sessions = Sessions(
        store, cooldown=settings.number_cooldown, log_days=settings.session_log_days
    )
    pool, optouts = Pool(store, sessions.expire_some), OptOuts(store)
    words = from_settings.keywords(settings)
    inbox = Inbox(store, days=days)
    transcript = Transcript(store, days=settings.session_log_days)
    unknown = UnknownTexts(store, days)
    receipts = Receipts(store, days=days, changed=transcript.set_state, settled=unknown.discard)
    known_devices = Devices(store, devices, public_url=settings.public_url)
    tasks = TaskQueue(
        store,
        known_devices.by_name,
        lease=settings.smssync_lease,
        confirm=settings.smssync_confirm * 3600,
        changed=reporting(receipts),
        days=days,
    )
    providers = _providers(settings, devices, tasks, closing)
    stats = Stats(store)
    closing.push_async_callback(stats.close)
    closing.push_async_callback(tasks.drain)
    messenger = Messenger(
        providers,
        settings.provider,
        receipts,
        Pacer(store, from_settings.rate_shares(settings)),
        smart_encoding=settings.smart_encoding,
    )
    closing.push_async_callback(messenger.drain)

    def wake() -> None:
        worker.wake()

    outbox, dead_letters = Outbox(store), DeadLetters(store, days=days)
    holds = Holds(store, Patience(), wake)
    notices = Notices(store, from_settings.notice_texts(settings), wake)
    second_look = SecondLook(
        store, unknown, receipts, resend=Resend(settings.resend_unknown), wake=wake
    )
    worker = OutboxWorker(
        outbox,
        holds,
        messenger,
        suppressed=lambda entry: optouts.is_out(entry.to),
        decided=Fates(pool, transcript, sessions, notices, second_look.settle).decided,
        repeated=lambda entry: OUTBOX_REPEATS.inc(),
        number_rate=settings.number_rate,
        resend=Resend(settings.resend_unknown),
    )
    closing.push_async_callback(worker.stop, OUTBOX_STOP_SECONDS)

    opening = Opening(
        store,
        sessions=sessions,
        notices=notices,
        insight=insight,
        exclusive=settings.tn_exclusive,
        cooldown=settings.number_cooldown,
        reserved=chat_numbers,
    )
    lobby = Lobby(
        store,
        numbers=chat_numbers,
        provider=settings.provider,
        wait=settings.chat_wait,
        answers=answers,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        optouts=optouts,
        wake=worker.wake,
    )
    history = History(store, receipts, days=days)
    media = Media(store, notices=notices, inbox=inbox, wake=worker.wake)
    relay = Relay(
        store,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        assemblies=Concatenation(store),
        consent=Consent(
            store,
            words=words,
            sessions=sessions,
            notices=notices,
            transcript=transcript,
            history=history,
            answers=answers,
            senders=from_settings.own_senders(settings, endpoints, protection.sites),
            chat_numbers=chat_numbers,
            wake=worker.wake,
        ),
        passing=Passing(
            store,
            sessions=sessions,
            notices=notices,
            inbox=inbox,
            transcript=transcript,
            lobby=lobby,
            media=media,
            wake=worker.wake,
            guard=from_settings.guard(settings),
        ),
        lobby=lobby,
        media=media,
        answers=answers,
        wake=worker.wake,
    )
    holding = Holding(store, worker.wake)
    erasure = Erasure(
        sessions=sessions,
        notices=notices,
        transcript=transcript,
        history=history,
        receipts=receipts,
        inbox=inbox,
        queued=QueuedTexts(store),
        dead_letters=dead_letters,
        optouts=optouts,
        traces=Traces(store),
        drop_held=holding.discard_of,
        unknown=unknown,
        erase_tasks=tasks.erase_number,
    )
    calls = from_settings.calls(settings, store, sessions, transcript)
    forecast = Forecast(store)

    periodic = Periodic(
        [
            calls.sweep,
            sessions.expire_due,
            holding.release_due,
            relay.join_due,
            lambda: notices.finish_stale(sessions.find),
            lobby.expire_waiting,
            dead_letters.trim,
            second_look.look_after,
            holds.look_after,
            pool.try_again,
            forecast.trim,
            tasks.look_after,
            stats.look_after,
            EvictionCheck(store).look,
        ]
    )
    closing.push_async_callback(periodic.stop)
    worker.start()
    periodic.start()
    return Services(
        store=store,
        clients=from_settings.client_address(settings),
        shops=from_settings.shops(settings, protection),
        countries=from_settings.country_guesser(settings),
        judge=from_settings.judge(settings),
        message_limits=from_settings.message_limits(settings, limiter),
        validation_limits=from_settings.validation_limits(settings, limiter),
        refusals=refusals,
        messenger=messenger,
        receipts=receipts,
        history=history,
        admin=admin,
        sign_ins=SignIns(store, limiter, admin),
        webhooks=from_settings.webhook_gate(settings),
        spent_tokens=SpentTokens(store),
        idempotency=Idempotency(store),
        default_sender=settings.sender or next((each.sender for each in endpoints), ""),
        default_provider=settings.provider,
        pool_providers=messenger.providers,
        transcript=transcript,
        pool=pool,
        sessions=sessions,
        opening=opening,
        erasure=erasure,
        forecast=forecast,
        optouts=optouts,
        words=words,
        inbox=inbox,
        outbox=outbox,
        holds=holds,
        dead_letters=dead_letters,
        unknown=unknown,
        outbox_worker=worker,
        relay=relay,
        calls=calls,
        public_url=settings.public_url,
        form_link=settings.form_link,
        countries_of=from_settings.countries_of(),
        tasks=tasks,
        devices=known_devices,
        phones=Phones(
            known_devices,
            tasks=tasks,
            messenger=messenger,
            relay=relay,
            numbers=pool,
            answers=answers,
            guesses=Guesses(limiter),
            optouts=optouts,
            words=words,
            reply=settings.smssync_reply,
        ),
        provisioning=Provisioning(
            store,
            numbers_api,
            NumberSetup(numbers_api, pool, from_settings.number_webhooks(settings)),
            account=settings.nexmo_api_key,
        ),
        inventory=Inventory(
            numbers_api,
            pool,
            from_settings.number_webhooks(settings),
            account=settings.nexmo_api_key,
        ),
        stats=stats,
    )
