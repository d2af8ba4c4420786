"""What the gateway itself says to participants: at the start and the end of a session, and else."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.conversations.sessions import Session
from gateway.errors import StoreUnavailable
from gateway.messaging.outbox.queue import OutboxEntry
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.virtual_numbers.pool import Mode

log = logging.getLogger(__name__)

_ANNOUNCE = Script.load(__file__, "notices_announce", "_enqueue")
_STALE = Script.load(__file__, "notices_stale", "_enqueue")

# An announcement that is older was left by a process that died over it.
STALE_MS = 5_000

CONNECTED = "Connected, text #end to stop."
THANKS = "Thanks for chatting. Text your email address to start chat."


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """The notices of the options; an empty one is not sent."""

    org_name: str
    start: str
    end: str
    no_session: str
    opted_out: str
    voice_start: str


class Notices:
    """Writes notices and puts those of a session's start and end into the outbox."""

    def __init__(self, store: Store, texts: NoticeTexts, wake: Callable[[], None]) -> None:
        self._store = store
        self._texts = texts
        self._wake = wake

    def end(self, to: str, number: str, provider: str) -> OutboxEntry | None:
        """Return what the late texter of an expired session is told."""
        return self._notice(self._texts.end, to, number, provider)

    def no_session(self, to: str, number: str, provider: str) -> OutboxEntry | None:
        """Return what a stranger is told."""
        return self._notice(self._texts.no_session, to, number, provider)

    def opted_out(self, session: Session, side: str) -> OutboxEntry | None:
        """Return what the participant on ``side`` is told when the other one texts STOP."""
        to, number, provider = _on_side(session, side)
        text = self._texts.opted_out
        if text and session.kind == "chat":
            return outgoing(to, number, provider, text, kind="chat", session=session.id)
        return self._notice(text, to, number, provider, session.id)

    async def announce(self, word: str, session: Session) -> None:
        """Queue the notices of a session's "start" or "end" to both, a before b, once.

        When the store is down just now, ``finish_stale`` of any process does so later.
        """
        try:
            await self._announce(word, session)
        except StoreUnavailable:
            log.warning("session %s: its %s notices wait for the store", session.id, word)

    async def _announce(self, word: str, session: Session) -> None:
        notices = [
            notice
            for side in ("a", "b")
            if (notice := self._announcement(word, session, side)) is not None
        ]
        queues = [keys.queue(notice.direction) for notice in notices]
        args = [item for notice in notices for item in (notice.direction, notice.to_json())]
        done = await self._store.run(
            _ANNOUNCE, [keys.ANNOUNCE, keys.DUE, *queues], [f"{word} {session.id}", *args]
        )
        if done and notices:
            self._wake()

    async def finish_stale(self, find: Callable[[str], Awaitable[Session | None]]) -> None:
        """Queue the notices that a process left undone when it died; ``find`` reads a session."""
        stale = await self._store.run(_STALE, [keys.ANNOUNCE], [STALE_MS])
        for member in stale:
            word, _, session_id = member.partition(" ")
            session = await find(session_id)
            if session is None or (session.closed and word == "start"):
                await self._store.execute("ZREM", keys.ANNOUNCE, member)
            else:
                await self._announce(word, session)

    def _announcement(self, word: str, session: Session, side: str) -> OutboxEntry | None:
        to, number, provider = _on_side(session, side)
        if session.kind == "chat":
            text = CONNECTED if word == "start" else THANKS
            return outgoing(to, number, provider, text, kind="chat", session=session.id)
        if word == "end":
            return self._notice(self._texts.end, to, number, provider, session.id)
        return self._notice(self._start(session.mode), to, number, provider, session.id)

    def _start(self, mode: Mode) -> str:
        texts = {Mode.MESSAGE: [self._texts.start], Mode.VOICE: [self._texts.voice_start]}
        both = [self._texts.start, self._texts.voice_start]
        return " ".join(text for text in texts.get(mode, both) if text)

    def _notice(
        self, text: str, to: str, number: str, provider: str, session: str = ""
    ) -> OutboxEntry | None:
        if not text:
            return None
        name = self._texts.org_name.strip().upper()
        prefixed = f"[{name}]: {text}" if name else text
        return outgoing(to, number, provider, prefixed, kind="notice", session=session)


def outgoing(
    to: str, number: str, provider: str, text: str, *, kind: str, session: str = ""
) -> OutboxEntry:
    """Return a text for the outbox with an id of its own."""
    return OutboxEntry(
        id=secrets.token_hex(16),
        to=to,
        sender=number,
        provider=provider,
        text=text,
        kind=kind,
        session=session,
        created=int(time.time() * 1000),
    )


def _on_side(session: Session, side: str) -> tuple[str, str, str]:
    """Return the participant on a side, the number he knows, and that number's provider."""
    if side == "a":
        return session.participant_a, session.number_a, session.provider_a
    return session.participant_b, session.number_b, session.provider_b
