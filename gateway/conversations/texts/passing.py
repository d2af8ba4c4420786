"""A text of a participant on its way to his counterpart."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.conversations.notices import HELD, OPTED_OUT, PAUSED, Notices, outgoing
from gateway.conversations.outcomes import PAUSES, NotTaken, Taken
from gateway.conversations.session import Route, Session, log_keys
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.guard import Guard
from gateway.conversations.texts.lobby import CHAT_IDLE_MS, Lobby, is_end
from gateway.conversations.texts.media import Media
from gateway.conversations.texts.mo import Look, Mo
from gateway.conversations.transcript import Transcript
from gateway.messaging.inbound.inbox import Inbox, Kept
from gateway.messaging.inbound.sending_time import was_sent_before
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Script
from gateway.telephony import segments
from gateway.telephony.plans import person
from gateway.virtual_numbers.pool import Mode

log = logging.getLogger(__name__)

_TEXT = Script.load(
    *(__file__, "relay_text", "_enqueue", "_once", "_window", "_sides", "_pauses", "_log", "_owe"),
    "_optouts",
)

# The words of the notices that what became of a text may owe its sender, by his side.
_OWED = {Taken.SUPPRESSED: OPTED_OUT, Taken.PAUSED: PAUSED, Taken.HELD: HELD}
# Clocks of our own machines differ by less.
CLOCKS_MS = 2_000


class Passing:
    """Queues what one participant writes for the other one, or keeps what is not for him."""

    def __init__(
        self,
        store: Store,
        *,
        sessions: Sessions,
        notices: Notices,
        inbox: Inbox,
        transcript: Transcript,
        lobby: Lobby,
        media: Media,
        wake: Callable[[], None],
        guard: Guard,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._notices = notices
        self._inbox = inbox
        self._transcript = transcript
        self._lobby = lobby
        self._media = media
        self._wake = wake
        self._guard = guard

    async def take(self, mo: Mo, look: Look, route: Route) -> str:
        """Take a text of a participant; returns what became of it, or NotTaken.CHANGED."""
        session = await self._sessions.find_open(route.session)
        if session is None:
            await self._sessions.forget(route.session, mo.sender, route.counterpart)
            return NotTaken.CHANGED
        if session.is_over(look.now):
            await self._sessions.expire(session.id)
            return NotTaken.CHANGED
        if session.is_chat and is_end(mo.inbound.text):
            return await self._lobby.end(session, mo.token)
        reason = _not_for_counterpart(mo, look, session)
        if reason:
            return await self._inbox.keep(mo.inbound, mo.token, reason)
        if mo.inbound.media:
            happened = await self._media.take(mo, session, route)
            if happened == NotTaken.CHANGED or not mo.inbound.text:
                return happened
        return await self._pass_on(mo, session, route, look.now)

    async def _pass_on(self, mo: Mo, session: Session, route: Route, now: int) -> str:
        """Queue a text for the counterpart."""
        happened: str = await self._store.run(_TEXT, *self._passing(mo, session, route, now))
        if happened == NotTaken.OVER:
            await self._sessions.expire(session.id)
            return NotTaken.CHANGED
        if happened == Taken.OVERFLOW:
            return await self._keep_overflow(mo)
        if happened == Taken.PAUSED and not session.paused:
            PAUSES.inc()
            log.warning("session %s: two machines answer each other, paused", session.id)
        if happened in _OWED:
            await self._notices.announce(_OWED[Taken(happened)][route.side], session)
        if happened not in {Taken.REPEATED, NotTaken.CHANGED}:
            self._wake()
        return happened

    async def _keep_overflow(self, mo: Mo) -> str:
        """Keep a text that would be held for longer than a day."""
        kept = await self._inbox.keep(mo.inbound, mo.token, "side_limit")
        return Taken.OVERFLOW if kept is Kept.KEPT else kept

    def _passing(
        self, mo: Mo, session: Session, route: Route, now: int
    ) -> tuple[list[str], list[Argument]]:
        """Return the keys and arguments of the script that takes a text."""
        to, text, side = session.other(route.side), mo.inbound.text, route.side
        kind = "chat" if session.is_chat else "relay"
        said, looped, familiar = self._guard.judge(session, side, text, now)
        entry, *more = [
            outgoing(to, piece, kind=kind, session=session.id) for piece in _sendable(text)
        ]
        return (
            [
                *mo.token.keys,
                keys.routes(mo.sender),
                keys.session(session.id),
                keys.OPTOUTS,
                *log_keys(session),
                keys.DUE,
                keys.queue(entry.direction),
                keys.ANNOUNCE,
                keys.EXPIRIES,
                keys.passed(session.id, side),
                keys.held(session.id, side),
                keys.HELD,
                keys.ERASED_OPTOUTS,
            ],
            [
                mo.token.digest,
                mo.number,
                str(route),
                person(route.counterpart),
                session.id,
                side,
                entry.id,
                said,
                entry.direction,
                entry.to_json(),
                self._transcript.entry(side, text, entry.id),
                self._notices.word_of_stop(side),
                CHAT_IDLE_MS if session.is_chat else 0,
                int(looped),
                int(familiar),
                self._notices.word_of_pause(side),
                *self._guard.cap,
                self._notices.word_of_limit(side),
                *(each.to_json() for each in more),
            ],
        )


def _not_for_counterpart(mo: Mo, look: Look, session: Session) -> str:
    """Return why a participant's text goes to the inbox, '' when it is relayed."""
    if session.mode is Mode.VOICE:
        return "voice_session"
    # It, or its first part, was meant for somebody else, whom this number stood for then.
    begun_before = 0 < mo.inbound.begun < session.created - CLOCKS_MS
    if begun_before or was_sent_before(mo.inbound, session.created, look.left, look.now):
        return "before_session"
    return ""


def _sendable(text: str) -> list[str]:
    """Return a text in pieces that a provider takes: one, unless dozens of parts were joined."""
    longest = segments.MAX_CHARACTERS
    return [text[start : start + longest] for start in range(0, len(text), longest)]
