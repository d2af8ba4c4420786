"""The parts of masked conversations, wired with each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from conf.settings import Settings
from gateway.access.limiter import Limiter
from gateway.conversations.calls import Calls
from gateway.conversations.lobby import Lobby
from gateway.conversations.notices import Notices, NoticeTexts
from gateway.conversations.relay import Relay
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import Transcript
from gateway.messaging.inbound.concatenation import Concatenation
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.messenger import Messenger
from gateway.messaging.optouts import Keywords, OptOuts
from gateway.messaging.outbox.queue import Outbox, OutboxEntry
from gateway.messaging.outbox.worker import OutboxWorker
from gateway.monitoring.metrics import OUTBOX_REPEATS
from gateway.monitoring.stats import Stats
from gateway.providers.base import SubmitResult
from gateway.smssync.queue import TaskQueue
from gateway.store.pipeline import Store
from gateway.virtual_numbers.forecast import Forecast
from gateway.virtual_numbers.pool import Pool
from gateway.wiring.periodic import Periodic


@dataclass(frozen=True, slots=True)
class Relaying:
    """The parts of the relay, wired with each other."""

    numbers: Pool
    sessions: Sessions
    notices: Notices
    optouts: OptOuts
    words: Keywords
    inbox: Inbox
    outbox: Outbox
    outbox_worker: OutboxWorker
    relay: Relay
    calls: Calls
    periodic: Periodic
    forecast: Forecast


def wire(
    settings: Settings,
    store: Store,
    limiter: Limiter,
    *,
    messenger: Messenger,
    transcript: Transcript,
    tasks: TaskQueue,
    stats: Stats,
) -> Relaying:
    """Return the parts, made of the settings; none of them runs yet."""
    numbers, optouts = Pool(store), OptOuts(store)
    words = Keywords(settings.stop_words.split(","), settings.start_words.split(","))
    inbox = Inbox(store, days=settings.message_log_days)
    chat_numbers = [each for each in settings.chat_numbers.split(",") if each]
    sessions = Sessions(
        store,
        reserved=chat_numbers,
        exclusive=settings.tn_exclusive,
        cooldown=settings.number_cooldown,
        log_days=settings.session_log_days,
    )
    outbox = Outbox(store, dead_days=settings.message_log_days)
    worker = OutboxWorker(
        outbox,
        messenger,
        suppressed=lambda entry: optouts.is_out(entry.to),
        decided=_decided(numbers, transcript),
        repeated=lambda entry: OUTBOX_REPEATS.inc(),
        number_rate=settings.number_rate,
    )
    notices = Notices(store, notice_texts(settings), worker.wake)
    lobby = Lobby(
        store,
        numbers=chat_numbers,
        provider=settings.provider,
        wait=settings.chat_wait,
        limiter=limiter,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        optouts=optouts,
        wake=worker.wake,
    )
    relay = Relay(
        store,
        sessions=sessions,
        notices=notices,
        inbox=inbox,
        assemblies=Concatenation(store),
        transcript=transcript,
        words=words,
        lobby=lobby,
        wake=worker.wake,
    )
    calls = Calls(
        store,
        sessions=sessions,
        transcript=transcript,
        wait_text=settings.voice_wait_msg,
        sorry_text=settings.voice_sorry_msg,
        pin_text=settings.voice_pin_msg,
        ring_timeout=settings.ring_timeout,
        call_limit=settings.call_limit,
        event_url=_webhook(settings, "/event/"),
        input_url=_webhook(settings, "/proxy-call/"),
        log_days=settings.session_log_days,
    )
    forecast = Forecast(store)
    periodic = Periodic(
        [
            calls.sweep,
            sessions.expire_due,
            relay.join_due,
            lambda: notices.finish_stale(sessions.find),
            lobby.expire_waiting,
            outbox.trim_dead,
            forecast.trim,
            tasks.look_after,
            stats.look_after,
        ]
    )
    return Relaying(
        numbers,
        sessions,
        notices,
        optouts,
        words,
        inbox,
        outbox,
        worker,
        relay,
        calls,
        periodic,
        forecast,
    )


def _webhook(settings: Settings, path: str) -> str:
    """Return the public address of a webhook, '' when there is none."""
    return f"{settings.public_url}{path}{settings.webhook_token}" if settings.public_url else ""


def _decided(
    numbers: Pool, transcript: Transcript
) -> Callable[[OutboxEntry, str, SubmitResult | None], Awaitable[None]]:
    """Return what is done when it is decided what becomes of a text of the outbox."""

    async def decided(entry: OutboxEntry, state: str, result: SubmitResult | None) -> None:
        if entry.session:
            await transcript.set_state(entry.session, entry.id, state)
        if state == "accepted" or (result is not None and result.blames_sender):
            await numbers.report(entry.sender, state == "accepted")

    return decided


def notice_texts(settings: Settings) -> NoticeTexts:
    """Return the notices of the options."""
    return NoticeTexts(
        org_name=settings.org_name,
        start=settings.session_start_msg,
        end=settings.session_end_msg,
        no_session=settings.no_session_msg,
        opted_out=settings.optout_msg,
        voice_start=settings.voice_start_msg,
    )
