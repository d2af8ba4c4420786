"""What the gateway itself says to participants: at the start and the end of a session, and else."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway.conversations.session import SIDES, Seat, Session
from gateway.errors import StoreUnavailable
from gateway.messaging.outbox.queue import CONFIRMATION, NOTICE, OutboxEntry
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.store.values import DAY_MS
from gateway.virtual_numbers.pool import Mode

log = logging.getLogger(__name__)

_ANNOUNCE = Script.load(__file__, "notices_announce", "_enqueue")
_ONCE = Script.load(__file__, "notices_once", "_enqueue")
_STALE = Script.load(__file__, "notices_stale", "_enqueue")

# An announcement that is older was left by a process that died over it.
STALE_MS = 5_000

CONNECTED = "Connected, text #end to stop."
THANKS = "Thanks for chatting. Text your email address to start chat."

# The word of the announcement that the participant on a side has to hear: the other texted STOP.
OPTED_OUT = {"a": "opted-out-to-a", "b": "opted-out-to-b"}
# The same of who has to hear that his texts are not passed on, or later.
PAUSED = {"a": "paused-to-a", "b": "paused-to-b"}
HELD = {"a": "held-to-a", "b": "held-to-b"}
# The same of who alone has to hear that the session has ended: the other one was erased.
ENDED = {"a": "end-to-a", "b": "end-to-b"}


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """The notices of the options; an empty one is not sent."""

    org_name: str
    start: str
    end: str
    no_session: str
    opted_out: str
    voice_start: str
    stopped: str = ""
    help: str = ""
    media: str = ""
    paused: str = ""
    held: str = ""
    unknown: str = ""
    waiting: str = ""


class Notices:
    """Writes notices, and queues those that are owed to the participants of a session.

    What is owed stands in ``announce`` as "<word> <session id>", noted by the script that causes
    it; the word is "start", "end" or one of OPTED_OUT, PAUSED, HELD and ENDED.
    """

    def __init__(self, store: Store, texts: NoticeTexts, wake: Callable[[], None]) -> None:
        self._store = store
        self._texts = texts
        self._wake = wake

    def end(self, seat: Seat) -> OutboxEntry | None:
        """Return what the late texter of an expired session is told."""
        return self._notice(self._texts.end, seat)

    def no_session(self, seat: Seat) -> OutboxEntry | None:
        """Return what a stranger is told."""
        return self._notice(self._texts.no_session, seat)

    def stopped(self, seat: Seat, *, chat: bool) -> OutboxEntry | None:
        """Return what one is told who opts out; it is sent although he has.

        chat: on a number of the random chat, whose texts bear no name.
        """
        text = self._texts.stopped
        if chat and text:
            return outgoing(seat, text, kind=CONFIRMATION)
        return self._notice(text, seat, kind=CONFIRMATION)

    def help(self, seat: Seat) -> OutboxEntry | None:
        """Return what one is told who asks for help."""
        return self._notice(self._texts.help, seat)

    def media(self, session: Session, side: str) -> OutboxEntry | None:
        """Return what the one on a side is told whose pictures do not pass."""
        return self._to_side(self._texts.media, session, side)

    async def tell_unknown(self, session: Session, side: str) -> None:
        """Tell the one on a side, once per session, that a text of his may not have arrived."""
        notice = self._to_side(self._texts.unknown, session, side)
        await self._tell_once(session, f"unknown_told_{side}", notice)

    async def tell_waiting(self, session: Session, side: str) -> None:
        """Tell the one on a side, once a day, that his texts wait until there is money for them.

        Without money for it, the notice itself is dropped.
        """
        notice = self._to_side(self._texts.waiting, session, side)
        day = int(time.time() * 1000) // DAY_MS
        notice = notice and replace(notice, kind=NOTICE)
        await self._tell_once(session, f"waiting_told_{side}_{day}", notice)

    async def _tell_once(self, session: Session, field: str, notice: OutboxEntry | None) -> None:
        """Queue a notice unless the field of the session says that this was done."""
        if notice is None:
            return
        told = await self._store.run(
            _ONCE,
            [keys.session(session.id), keys.DUE, keys.queue(notice.direction)],
            [field, notice.direction, notice.to_json()],
        )
        if told:
            self._wake()

    def word_of_stop(self, side: str) -> str:
        """Return by which word the one on a side is told of a STOP, '' when nobody is."""
        return OPTED_OUT[side] if self._texts.opted_out else ""

    def word_of_pause(self, side: str) -> str:
        """Return by which word the one on a side is told of a pause, '' when nobody is."""
        return PAUSED[side] if self._texts.paused else ""

    def word_of_limit(self, side: str) -> str:
        """Return by which word the one on a side is told that his texts are held, or ''."""
        return HELD[side] if self._texts.held else ""

    async def announce(self, word: str, session: Session) -> None:
        """Queue the notices of a word if they are owed, those of "start" and "end" a before b.

        When the store is down just now, ``finish_stale`` of any process does so later.
        """
        try:
            await self._announce(word, session)
        except StoreUnavailable:
            log.warning("session %s: its %s notices wait for the store", session.id, word)

    async def _announce(self, word: str, session: Session) -> None:
        notices = self._owed(word, session)
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

    def _owed(self, word: str, session: Session) -> list[OutboxEntry]:
        """Return the notices that a word stands for."""
        kind, _, to = word.partition("-to-")
        text = self._text_of(kind, session)
        told = [side for side in to or SIDES if session.seat(side).person]  # '': he was erased
        notices = (self._to_side(text, session, side) for side in told)
        return [notice for notice in notices if notice is not None]

    def _text_of(self, kind: str, session: Session) -> str:
        texts = {
            "start": CONNECTED if session.is_chat else self._start(session.mode),
            "end": THANKS if session.is_chat else self._texts.end,
            "opted-out": self._texts.opted_out,
            "paused": self._texts.paused,
            "held": self._texts.held,
        }
        return texts.get(kind, "")

    def _to_side(self, text: str, session: Session, side: str) -> OutboxEntry | None:
        """Return a notice to the one on a side; those of a chat bear no name."""
        seat = session.seat(side)
        if session.is_chat and text:
            return outgoing(seat, text, kind="chat", session=session.id)
        return self._notice(text, seat, session.id)

    def _start(self, mode: Mode) -> str:
        texts = {Mode.MESSAGE: [self._texts.start], Mode.VOICE: [self._texts.voice_start]}
        both = [self._texts.start, self._texts.voice_start]
        return " ".join(text for text in texts.get(mode, both) if text)

    def _notice(
        self, text: str, seat: Seat, session: str = "", kind: str = NOTICE
    ) -> OutboxEntry | None:
        if not text:
            return None
        name = self._texts.org_name.strip().upper()
        prefixed = f"[{name}]: {text}" if name else text
        return outgoing(seat, prefixed, kind=kind, session=session)


def outgoing(seat: Seat, text: str, *, kind: str, session: str = "") -> OutboxEntry:
    """Return a text for the outbox with an id of its own, to one from the number that he knows."""
    return OutboxEntry(
        id=secrets.token_hex(16),
        to=seat.person,
        sender=seat.number,
        provider=seat.provider,
        text=text,
        kind=kind,
        session=session,
        created=int(time.time() * 1000),
    )
