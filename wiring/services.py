"""Everything below the handlers, opened once at the start and closed once at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
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
from gateway.conversations.texts.holding import Holding
from gateway.conversations.texts.relay import Relay
from gateway.conversations.traces import Traces
from gateway.conversations.transcript import Transcript
from gateway.messaging.clicks import Clicks
from gateway.messaging.history import History
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.keywords import Keywords
from gateway.messaging.optouts import OptOuts
from gateway.messaging.outbox.dead_letters import DeadLetters
from gateway.messaging.outbox.erasing import QueuedTexts
from gateway.messaging.outbox.holds import Holds, Patience
from gateway.messaging.outbox.queue import Outbox
from gateway.messaging.outbox.unknown import SecondLook, UnknownTexts
from gateway.messaging.outbox.verdict import Resend
from gateway.messaging.outbox.worker import OutboxWorker
from gateway.messaging.receipts import Receipts
from gateway.messaging.sending.messenger import Messenger
from gateway.monitoring.stats import Stats
from gateway.protection.callers import Callers
from gateway.protection.destinations.rule_gate import RuleGate
from gateway.protection.limits.admission import Admission
from gateway.protection.limits.layers import Layers
from gateway.protection.limits.same_text import SameTexts
from gateway.protection.links.conversions import Conversions
from gateway.protection.links.short_links import ShortLinks
from gateway.protection.proof.gate import ProofGate
from gateway.protection.rehearsal.rehearsals import Rehearsals
from gateway.protection.shared_key import SharedKey
from gateway.protection.spending.budget import Budget
from gateway.providers.vonage.insight import Insight
from gateway.providers.vonage.numbers import NumbersApi
from gateway.smssync.devices import Devices
from gateway.smssync.guesses import Guesses
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
from wiring import from_settings, protecting, sending
from wiring.periodic import Periodic
from wiring.texts import relay_and_lobby

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
    layers: Layers
    admission: Admission
    proofs: ProofGate
    same_texts: SameTexts
    callers: Callers
    rule_gate: RuleGate
    short_links: ShortLinks
    conversions: Conversions
    clicks: Clicks
    refusals: Refusals
    messenger: Messenger
    budget: Budget
    rehearsals: Rehearsals
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
    given: frozenset[str] = frozenset(),
) -> AsyncIterator[Services]:
    """Open all services, and close them in the reverse order at the end.

    endpoints: what the site sends, the default one first; devices: SMSsync phones; protection:
    rules, limits, budgets and shops, those that hold without a file unless given; given: the
    options that were set, as opposed to those that are as they are by default.
    A store that is down does not keep the gateway from starting.
    """
    async with AsyncExitStack() as closing:
        rules = protection or Protection()
        services = _open(settings, endpoints, devices, closing, protection=rules, given=given)
        await protecting.learn_countries(services.rule_gate, services.history)
        yield services


def _apis(settings: Settings, closing: AsyncExitStack) -> tuple[Insight | None, NumbersApi]:
    """Return the clients of the provider's other APIs; they are closed by ``closing``."""
    insight = from_settings.vonage_insight(settings)
    numbers = from_settings.vonage_numbers_api(settings)
    for each in (insight, numbers):
        if each is not None:
            closing.push_async_callback(each.close)
    return insight, numbers


def _open(
    settings: Settings,
    endpoints: Sequence[MessageEndpoint],
    devices: Sequence[Device],
    closing: AsyncExitStack,
    *,
    protection: Protection,
    given: frozenset[str],
) -> Services:
    """Return the services, started; what has to be closed is given to ``closing``."""
    days = settings.message_log_days
    store = from_settings.store(settings)
    closing.push_async_callback(store.close)
    insight, numbers_api = _apis(settings, closing)

    shared_key, refusals = SharedKey(store), Refusals(store)
    limiter = Limiter(store, refusals)
    limits = protecting.message_limits(settings)
    answers = from_settings.answers(settings, limiter)
    admin = from_settings.admin_gate(settings)

    chat_numbers = from_settings.chat_numbers(settings)
    sessions = Sessions(
        store, cooldown=settings.number_cooldown, log_days=settings.session_log_days
    )
    pool, optouts = Pool(store, sessions.expire_some), OptOuts(store)
    words, inbox = from_settings.keywords(settings), Inbox(store, days=days)
    transcript = Transcript(store, days=settings.session_log_days)
    unknown = UnknownTexts(store, days)
    conversions = Conversions(store)
    breaker = protecting.breaker(settings, store, conversions, protection)
    rule_gate = protecting.rule_gate(settings, store, limiter, protection, breaker)
    receipts = Receipts(
        store,
        days=days,
        changed=transcript.set_state,
        settled=unknown.discard,
        delivered=rule_gate.newcomers.delivered,
    )
    known_devices = Devices(store, devices, public_url=settings.public_url)
    tasks = sending.task_queue(settings, store, known_devices, receipts)
    providers = sending.providers(settings, devices, tasks, closing)
    stats = Stats(store)
    closing.push_async_callback(stats.close)
    closing.push_async_callback(tasks.drain)
    budget = protecting.budget(settings, protection, endpoints, given, store=store, stats=stats)
    messenger = sending.messenger(
        settings, protection, providers, store=store, receipts=receipts, budget=budget
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
    fates = Fates(pool, transcript, sessions, notices, second_look.settle)
    worker = sending.worker(settings, outbox, holds, messenger, optouts=optouts, fates=fates)
    closing.push_async_callback(worker.stop, OUTBOX_STOP_SECONDS)

    opening = from_settings.opening(settings, store, sessions, notices, insight)
    history = History(store, receipts, days=days)
    relay, lobby = relay_and_lobby(
        store,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        transcript=transcript,
        history=history,
        optouts=optouts,
        answers=answers,
        words=words,
        guard=from_settings.guard(settings),
        wake=wake,
        senders=from_settings.own_senders(settings, endpoints, protection.sites),
        chat_numbers=chat_numbers,
        chat_provider=settings.provider,
        chat_wait=settings.chat_wait,
    )
    holding = Holding(store, wake)
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
    calls = from_settings.calls(settings, store, sessions, transcript, budget)
    forecast = Forecast(store)
    provisioning, inventory = from_settings.renting(settings, store, numbers_api, pool, budget)

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
            budget.look_after,
            EvictionCheck(store).look,
            lambda: rule_gate.newcomers.look_after(history.sent_lately),
            breaker.look_after,
        ]
    )
    closing.push_async_callback(periodic.stop)
    worker.start()
    periodic.start()
    return Services(
        store=store,
        clients=from_settings.client_address(settings),
        shops=protecting.shops(settings, protection),
        countries=from_settings.country_guesser(settings),
        judge=from_settings.judge(settings),
        message_limits=limits,
        validation_limits=protecting.validation_limits(settings, limiter),
        layers=protecting.layers(settings, limits, protection),
        admission=Admission(store, refusals),
        proofs=protecting.proofs(settings, protection, store, shared_key, budget, closing=closing),
        same_texts=protecting.same_texts(settings, store),
        callers=Callers(shared_key),
        rule_gate=rule_gate,
        short_links=protecting.short_links(settings, protection, endpoints),
        conversions=conversions,
        clicks=Clicks(store, conversions, limiter, days=days),
        refusals=refusals,
        messenger=messenger,
        budget=budget,
        rehearsals=protecting.rehearsals(
            settings, protection, endpoints, history=history, budget=budget
        ),
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
        provisioning=provisioning,
        inventory=inventory,
        stats=stats,
    )
