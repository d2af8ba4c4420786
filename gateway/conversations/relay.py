"""An MO comes in: whose is it, and what becomes of it?

Everything is read first; then one script takes the MO, if what was read still holds, and does all
that follows from it at once: the log, the outbox, the inbox. When ``receive`` returns, the MO is
stored or was stored before; a process that dies sooner has not acknowledged it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import ujson

from gateway.conversations.lobby import CHAT_IDLE_MS, Lobby, is_end
from gateway.conversations.notices import Notices, outgoing
from gateway.conversations.sessions import Session, Sessions
from gateway.conversations.transcript import Transcript
from gateway.errors import StoreUnavailable
from gateway.messaging.inbound.concatenation import Concatenation
from gateway.messaging.inbound.dedup import Token, single
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.optouts import Keywords
from gateway.messaging.outbox.queue import OutboxEntry
from gateway.monitoring.metrics import MOS, provider_label
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.telephony import phonenumber, segments
from gateway.virtual_numbers.pool import Mode

log = logging.getLogger(__name__)

_LOOK = Script.load(__file__, "relay_look", "_enqueue")
_TEXT = Script.load(__file__, "relay_text", "_enqueue", "_once", "_loops", "_log")
_STRANGER = Script.load(__file__, "relay_stranger", "_enqueue", "_once", "_inbox")
_STOP = Script.load(__file__, "relay_stop", "_enqueue", "_once", "_log")
_START = Script.load(__file__, "relay_start", "_once")

# A stranger hears once in so many milliseconds that he has no session on a number.
TOLD_MS = 3_600_000
# Clocks of our own machines differ by less.
CLOCKS_MS = 2_000
# Sessions may begin and end between the look and the script; not that often.
MOST_LOOKS = 10
# Below six digits it is a short code, which may belong to a machine.
SHORTEST_NUMBER = len("+123456")


@dataclass(frozen=True, slots=True)
class _Look:
    """What an MO meets: the number's provider, the sender's route, whether he is our number.

    now: the time of the look by the store's clock, ms.
    """

    provider: str
    route: str
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

    async def receive(self, inbound: Inbound) -> str:
        """Take one MO and return what became of it, in one word; stored when this returns.

        Raises StoreUnavailable when it may not be stored: the provider is to repeat it.
        """
        if inbound.long is None:
            happened = await self._take(inbound, single(inbound))
        else:
            joined = await self._assemblies.add(inbound)
            for each in joined:
                happened = await self._take(each.inbound, Token(each.token, each.digest))
            if not joined:
                happened = "part"
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

    async def _take(self, inbound: Inbound, token: Token) -> str:
        mo = _Mo(inbound, token, _e164(inbound.sender), _e164(inbound.to))
        if ":" in inbound.provider and not self._lobby.answers(mo.number):
            # Most of a phone's SMS are its owner's, all of another provider's MOs are ours.
            happened: str = await self._inbox.keep_stray(inbound, token, mo.number)
            if happened:
                return happened
        for _ in range(MOST_LOOKS):
            happened = await self._decide(mo, await self._look(mo))
            if happened != "changed":
                return happened
        log.error("an MO found no rest: its session changed %d times", MOST_LOOKS)
        raise StoreUnavailable

    async def _look(self, mo: _Mo) -> _Look:
        if not mo.number:  # a phone that does not know its own, a short code of ours
            return _Look("", "", own=False, now=0)
        found, route, own, now = await self._store.run(
            _LOOK, [keys.NUMBERS, keys.routes(mo.sender)], [mo.number, mo.sender]
        )
        provider = ujson.loads(found)["provider"] if found else ""
        ours = bool(own) or self._lobby.answers(mo.sender)
        return _Look(provider or self._lobby.provider_of(mo.number), route, ours, now)

    async def _decide(self, mo: _Mo, look: _Look) -> str:
        reason = _only_kept(mo, look)
        if reason:
            return await self._inbox.keep(mo.inbound, mo.token, reason)
        if self._words.is_stop(mo.inbound.text):
            return await self._stop(mo, look)
        if self._words.is_start(mo.inbound.text):
            happened = await self._start(mo)
            if happened:
                return happened
        if look.route:
            return await self._text(mo, look, look.route)
        if self._lobby.answers(mo.number):
            return await self._chat(mo, look)
        return await self._stranger(mo, look.provider)

    async def _text(self, mo: _Mo, look: _Look, route: str) -> str:
        """Take a text of a participant."""
        session = await self._sessions.find(route.partition(" ")[0])
        if session is None or session.closed:
            return "changed"
        if _is_over(session, look):
            await self._sessions.expire(session.id)
            return "changed"
        if session.kind == "chat" and is_end(mo.inbound.text):
            return await self._lobby.end(session, mo.token)
        reason = _not_for_counterpart(mo, session)
        if reason:
            return await self._inbox.keep(mo.inbound, mo.token, reason)
        return await self._relay(mo, session, route)

    async def _relay(self, mo: _Mo, session: Session, route: str) -> str:
        """Queue a text for the counterpart."""
        _, side, counterpart = route.split(" ")
        there = "b" if side == "a" else "a"
        number, provider = _leaves_from(session, there)
        kind = "chat" if session.kind == "chat" else "relay"
        entry, *more = [
            outgoing(counterpart, number, provider, text, kind=kind, session=session.id)
            for text in _sendable(mo.inbound.text)
        ]
        back = self._notices.opted_out(session, side)
        happened: str = await self._store.run(
            _TEXT,
            [
                *mo.token.keys,
                keys.routes(mo.sender),
                keys.session(session.id),
                keys.OPTOUTS,
                keys.session_log(session.id),
                keys.session_log_states(session.id),
                keys.logs_of(session.participant_a),
                keys.logs_of(session.participant_b),
                keys.DUE,
                keys.queue(entry.direction),
                keys.queue(f"{mo.number}>{mo.sender}"),
                keys.EXPIRIES,
            ],
            [
                mo.token.digest,
                mo.number,
                route,
                counterpart,
                session.id,
                side,
                entry.id,
                _digest(mo.inbound.text),
                entry.direction,
                entry.to_json(),
                self._logged(side, mo.inbound.text, entry.id),
                *_flat(back),
                CHAT_IDLE_MS if session.kind == "chat" else 0,
                *(each.to_json() for each in more),
            ],
        )
        if happened == "over":
            await self._sessions.expire(session.id)
            return "changed"
        if happened == "paused":
            log.warning("session %s: two machines answer each other, paused", session.id)
        self._wake_for(happened)
        return happened

    async def _stranger(self, mo: _Mo, provider: str) -> str:
        """Keep a text that belongs to no session and answer it, seldom enough."""
        end = self._notices.end(mo.sender, mo.number, provider)
        no_session = self._notices.no_session(mo.sender, mo.number, provider)
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
        args: list[str] = [mo.token.digest, mo.sender]
        session_id, side, _ = look.route.split(" ") if look.route else ("", "", "")
        session = await self._sessions.find(session_id) if session_id else None
        if session is not None and not session.closed and not _is_over(session, look):
            there = "b" if side == "a" else "a"
            notice = self._notices.opted_out(session, there)
            found += [
                keys.session(session.id),
                keys.session_log(session.id),
                keys.logs_of(session.participant_a),
                keys.logs_of(session.participant_b),
                keys.DUE,
            ]
            direction, entry = _flat(notice)
            if entry:
                found.append(keys.queue(direction))
            logged = self._logged(side, mo.inbound.text, "", kind="event")
            args += [session.id, there, logged, direction, entry]
        happened: str = await self._store.run(_STOP, found, args)
        self._wake_for(happened)
        return happened

    async def _start(self, mo: _Mo) -> str:
        happened: str = await self._store.run(
            _START, [*mo.token.keys, keys.OPTOUTS], [mo.token.digest, mo.sender]
        )
        return happened

    async def _chat(self, mo: _Mo, look: _Look) -> str:
        """Hand a text on a chat number to the chat its sender has elsewhere, or to the lobby."""
        for number, session_id in (await self._sessions.open_of(mo.sender)).items():
            session = await self._sessions.get(session_id)
            if session is not None and session.kind == "chat":
                side = "a" if session.participant_a == mo.sender else "b"
                other = session.participant_b if side == "a" else session.participant_a
                there = replace(mo, number=number)
                return await self._text(there, look, f"{session_id} {side} {other}")
        # A repeat must not count against the lobby's limit.
        if bool(await self._store.execute("EXISTS", mo.token.key)) is not bool(mo.token.digest):
            return "repeated"
        return await self._lobby.receive(
            mo.inbound, mo.token, sender=mo.sender, number=mo.number, provider=look.provider
        )

    def _logged(self, side: str, text: str, message_id: str, kind: str = "text") -> str:
        return self._log.entry(side, text, message_id, kind) if self._log.enabled else ""

    def _wake_for(self, happened: str) -> None:
        if happened not in {"repeated", "changed"}:
            self._wake()


def _is_over(session: Session, look: _Look) -> bool:
    """Tell whether a session had expired, be it closed by now or not."""
    return 0 < session.expires <= look.now


def _not_for_counterpart(mo: _Mo, session: Session) -> str:
    """Return why a participant's text goes to the inbox, '' when it is relayed."""
    if session.mode is Mode.VOICE:
        return "voice_session"
    # Its first part was meant for somebody else, whom this number stood for then.
    return "before_session" if 0 < mo.inbound.begun < session.created - CLOCKS_MS else ""


def _only_kept(mo: _Mo, look: _Look) -> str:
    """Return why an MO goes to the inbox without an answer, '' when it does not."""
    if look.provider != mo.inbound.provider:
        return "not_our_number"
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


def _e164(written: str) -> str:
    """Return the number a provider wrote, '' when it is none: a name, a short code."""
    number = phonenumber.parse_international(written)
    return number.e164 if number else ""


def _leaves_from(session: Session, side: str) -> tuple[str, str]:
    """Return the number from which the participant on ``side`` hears, and its provider."""
    if side == "a":
        return session.number_a, session.provider_a
    return session.number_b, session.provider_b


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _flat(entry: OutboxEntry | None) -> tuple[str, str]:
    return (entry.direction, entry.to_json()) if entry else ("", "")
