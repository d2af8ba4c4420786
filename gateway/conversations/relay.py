"""An MO comes in: whose is it, and what becomes of it?

Everything is read first; then one script takes the MO, if what was read still holds, and does all
that follows from it at once: the log, the outbox, the inbox. When ``receive`` returns, the MO is
stored or was stored before; a process that dies sooner has not acknowledged it. What lies in the
outbox is sent by ``OutboxWorker`` (gateway/messaging/outbox/worker.py) of any process.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import ujson

from conf.providers import is_phone
from gateway.conversations.lobby import CHAT_IDLE_MS, Lobby, is_end
from gateway.conversations.notices import OPTED_OUT, Notices, outgoing
from gateway.conversations.outcomes import MOS, NotTaken, Taken
from gateway.conversations.session import Route, Seat, Session, across, log_keys
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import Transcript
from gateway.errors import StoreUnavailable
from gateway.messaging.inbound.concatenation import Concatenation
from gateway.messaging.inbound.dedup import Token, single
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.keywords import Keywords
from gateway.monitoring.metrics import provider_label
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Script
from gateway.telephony import segments
from gateway.telephony.phonenumber import e164_of
from gateway.virtual_numbers.pool import Mode

log = logging.getLogger(__name__)

_LOOK = Script.load(__file__, "relay_look", "_enqueue")
_TEXT = Script.load(__file__, "relay_text", "_enqueue", "_once", "_loops", "_log", "_owe")
_STRANGER = Script.load(__file__, "relay_stranger", "_enqueue", "_once", "_inbox")
_STOP = Script.load(__file__, "relay_stop", "_enqueue", "_once", "_log", "_owe")
_START = Script.load(__file__, "relay_start", "_once")

# A stranger hears once in so many milliseconds that he has no session on a number.
TOLD_MS = 3_600_000
# Clocks of our own machines differ by less.
CLOCKS_MS = 2_000
# Sessions may begin and end between the look and the script; not that often.
MOST_LOOKS = 10
NOT_OURS = "not_our_number"
# Below six digits it is a short code, which may belong to a machine.
SHORTEST_NUMBER = len("+123456")


@dataclass(frozen=True, slots=True)
class _Look:
    """What an MO meets: the number's provider, the sender's route, whether he is our number.

    provider: '' for a number that is not ours; now: the time of the look by the store's clock, ms.
    """

    provider: str
    route: Route | None
    own: bool
    now: int


@dataclass(frozen=True, slots=True)
class _Mo:
    """An MO with numbers that could be read; '' for one that is no number."""

    inbound: Inbound
    token: Token
    sender: str
    number: str


class Relay:
    """Decides what becomes of MOs."""

    def __init__(
        self,
        store: Store,
        *,
        sessions: Sessions,
        notices: Notices,
        inbox: Inbox,
        assemblies: Concatenation,
        transcript: Transcript,
        words: Keywords,
        lobby: Lobby,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._notices = notices
        self._inbox = inbox
        self._assemblies = assemblies
        self._log = transcript
        self._words = words
        self._lobby = lobby
        self._wake = wake

    async def receive(self, inbound: Inbound) -> Taken:
        """Take one MO and return what became of it; it is stored when this returns.

        Raises StoreUnavailable when it may not be stored: the provider is to repeat it.
        """
        if inbound.long is None:
            happened = await self._take(inbound, single(inbound))
        else:
            joined = await self._assemblies.add(inbound)
            for each in joined:
                happened = await self._take(each.inbound, Token(each.token, each.digest))
            if not joined:
                happened = Taken.PART
        MOS[provider_label(inbound.provider), happened].inc()
        return happened

    async def join_due(self) -> None:
        """Send on what has come of long MOs whose other parts stay away."""
        for each in await self._assemblies.due():
            try:
                happened = await self._take(each.inbound, Token(each.token, each.digest))
            except StoreUnavailable:
                raise
            except Exception:  # one text that breaks something must not hold up the others
                log.exception("a joined MO could not be taken; it is tried again")
            else:
                MOS[provider_label(each.inbound.provider), happened].inc()

    async def _take(self, inbound: Inbound, token: Token) -> Taken:
        mo = _Mo(inbound, token, e164_of(inbound.sender), e164_of(inbound.to))
        if ":" in inbound.provider and not self._lobby.answers(mo.number):
            # Most of a phone's SMS are its owner's, all of another provider's MOs are ours.
            happened: str = await self._inbox.keep_stray(inbound, token, mo.number)
            if happened:
                return Taken(happened)
        for _ in range(MOST_LOOKS):
            happened = await self._decide(mo, await self._look(mo))
            if happened != NotTaken.CHANGED:
                return Taken(happened)
        log.error("an MO found no rest: its session changed %d times", MOST_LOOKS)
        raise StoreUnavailable

    async def _look(self, mo: _Mo) -> _Look:
        if not mo.number:  # a phone that does not know its own, a short code of ours
            return _Look("", None, own=False, now=0)
        found, route, own, now = await self._store.run(
            _LOOK, [keys.NUMBERS, keys.routes(mo.sender)], [mo.number, mo.sender]
        )
        provider = ujson.loads(found)["provider"] if found else ""
        ours = bool(own) or self._lobby.answers(mo.sender)
        provider = provider or self._lobby.provider_of(mo.number)
        return _Look(provider, Route.parse(route) if route else None, ours, now)

    async def _decide(self, mo: _Mo, look: _Look) -> str:
        """Return what became of an MO, or that it is to be looked at again, "changed"."""
        reason = _only_kept(mo, look)
        if not reason or (reason == NOT_OURS and _may_have_heard_from_us(mo, look)):
            happened = await self._take_word(mo, look)
            if happened:
                return happened
        if reason:
            return await self._inbox.keep(mo.inbound, mo.token, reason)
        if look.route:
            return await self._text(mo, look, look.route)
        if self._lobby.answers(mo.number):
            return await self._chat(mo, look)
        return await self._stranger(mo, look.provider)

    async def _take_word(self, mo: _Mo, look: _Look) -> str:
        """Take a STOP, or a START that undoes one; '' for any other text."""
        if self._words.is_stop(mo.inbound.text):
            return await self._stop(mo, look)
        if self._words.is_start(mo.inbound.text):
            return await self._start(mo)
        return ""

    async def _text(self, mo: _Mo, look: _Look, route: Route) -> str:
        """Take a text of a participant."""
        session = await self._sessions.find_open(route.session)
        if session is None:
            return NotTaken.CHANGED
        if session.is_over(look.now):
            await self._sessions.expire(session.id)
            return NotTaken.CHANGED
        if session.is_chat and is_end(mo.inbound.text):
            return await self._lobby.end(session, mo.token)
        reason = _not_for_counterpart(mo, session)
        if reason:
            return await self._inbox.keep(mo.inbound, mo.token, reason)
        return await self._relay(mo, session, route)

    async def _relay(self, mo: _Mo, session: Session, route: Route) -> str:
        """Queue a text for the counterpart."""
        happened: str = await self._store.run(_TEXT, *self._relaying(mo, session, route))
        if happened == NotTaken.OVER:
            await self._sessions.expire(session.id)
            return NotTaken.CHANGED
        if happened == Taken.SUPPRESSED:
            await self._notices.announce(OPTED_OUT[route.side], session)
        if happened == Taken.PAUSED:
            log.warning("session %s: two machines answer each other, paused", session.id)
        self._wake_for(happened)
        return happened

    def _relaying(
        self, mo: _Mo, session: Session, route: Route
    ) -> tuple[list[str], list[Argument]]:
        """Return the keys and arguments of the script that relays a text."""
        to, text = session.other(route.side), mo.inbound.text
        kind = "chat" if session.is_chat else "relay"
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
            ],
            [
                mo.token.digest,
                mo.number,
                str(route),
                route.counterpart,
                session.id,
                route.side,
                entry.id,
                _digest(text),
                entry.direction,
                entry.to_json(),
                self._logged(route.side, text, entry.id),
                self._word_of_stop(route.side),
                CHAT_IDLE_MS if session.is_chat else 0,
                *(each.to_json() for each in more),
            ],
        )

    async def _stranger(self, mo: _Mo, provider: str) -> str:
        """Keep a text that belongs to no session and answer it, seldom enough."""
        seat = Seat(mo.sender, mo.number, provider)
        end, no_session = self._notices.end(seat), self._notices.no_session(seat)
        direction = f"{mo.number}>{mo.sender}"
        happened: str = await self._store.run(
            _STRANGER,
            [
                *mo.token.keys,
                keys.routes(mo.sender),
                keys.past(mo.sender),
                keys.told(mo.number, mo.sender),
                keys.INBOX,
                keys.DUE,
                keys.queue(direction),
            ],
            [
                mo.token.digest,
                mo.number,
                self._inbox.entry(mo.inbound, "no_session"),
                self._inbox.lifetime,
                direction,
                end.to_json() if end else "",
                no_session.to_json() if no_session else "",
                TOLD_MS,
            ],
        )
        self._wake_for(happened)
        return happened

    async def _stop(self, mo: _Mo, look: _Look) -> str:
        """Never text this person again, and tell the one he was talking with."""
        found = [*mo.token.keys, keys.OPTOUTS, keys.LOBBY, keys.LOBBY_PEOPLE]
        args = [mo.token.digest, mo.sender]
        session = await self._sessions.find_open(look.route.session) if look.route else None
        if look.route is None or session is None or session.is_over(look.now):
            stopped: str = await self._store.run(_STOP, found, args)
            return stopped
        there = across(look.route.side)
        logged = self._logged(look.route.side, mo.inbound.text, "", kind="event")
        stopped = await self._store.run(
            _STOP,
            [*found, keys.session(session.id), *log_keys(session), keys.ANNOUNCE],
            [*args, session.id, there, logged, self._word_of_stop(there)],
        )
        if stopped == Taken.STOPPED:
            await self._notices.announce(OPTED_OUT[there], session)
        return stopped

    async def _start(self, mo: _Mo) -> str:
        happened: str = await self._store.run(
            _START, [*mo.token.keys, keys.OPTOUTS], [mo.token.digest, mo.sender]
        )
        return happened

    async def _chat(self, mo: _Mo, look: _Look) -> str:
        """Hand a text on a chat number to the chat its sender has elsewhere, or to the lobby."""
        for number, session_id in (await self._sessions.open_of(mo.sender)).items():
            session = await self._sessions.get(session_id)
            if session is not None and session.is_chat:
                side = session.side_of(mo.sender)
                route = Route(session_id, side, session.other(side).person)
                return await self._text(replace(mo, number=number), look, route)
        # A repeat must not count against the lobby's limit.
        if await self._was_taken(mo.token):
            return Taken.REPEATED
        seat = Seat(mo.sender, mo.number, look.provider)
        return await self._lobby.receive(mo.inbound, mo.token, seat)

    async def _was_taken(self, token: Token) -> bool:
        """Tell whether an MO was taken: a single one is marked then, the parts of one deleted."""
        exists = bool(await self._store.execute("EXISTS", token.key))
        return not exists if token.digest else exists

    def _word_of_stop(self, side: str) -> str:
        """Return by which word the one on a side is told of a STOP, '' when nobody is."""
        return OPTED_OUT[side] if self._notices.tells_of_stop else ""

    def _logged(self, side: str, text: str, message_id: str, kind: str = "text") -> str:
        return self._log.entry(side, text, message_id, kind) if self._log.enabled else ""

    def _wake_for(self, happened: str) -> None:
        if happened not in {Taken.REPEATED, NotTaken.CHANGED}:
            self._wake()


def _not_for_counterpart(mo: _Mo, session: Session) -> str:
    """Return why a participant's text goes to the inbox, '' when it is relayed."""
    if session.mode is Mode.VOICE:
        return "voice_session"
    # Its first part was meant for somebody else, whom this number stood for then.
    return "before_session" if 0 < mo.inbound.begun < session.created - CLOCKS_MS else ""


def _may_have_heard_from_us(mo: _Mo, look: _Look) -> bool:
    """Tell whether a STOP to a number outside of the pool counts.

    Senders of message endpoints and of the back-end need not be in the pool. A phone's other SMS
    are its owner's.
    """
    somebody = len(mo.sender) >= SHORTEST_NUMBER and not look.own
    return somebody and not is_phone(mo.inbound.provider)


def _only_kept(mo: _Mo, look: _Look) -> str:
    """Return why an MO goes to the inbox without an answer, '' when it does not."""
    if look.provider != mo.inbound.provider:
        return NOT_OURS
    if len(mo.sender) < SHORTEST_NUMBER:
        return "no_number"
    if look.own:
        return "own_number"
    if mo.inbound.data:
        return "binary"
    return "" if mo.inbound.text else "empty"


def _sendable(text: str) -> list[str]:
    """Return a text in pieces that a provider takes: one, unless dozens of parts were joined."""
    longest = segments.MAX_CHARACTERS
    return [text[start : start + longest] for start in range(0, len(text), longest)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
