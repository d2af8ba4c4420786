"""The random-chat lobby: who texts an email address is paired with the next who does.

A chat is a session like any other, between two numbers that may differ; the lobby only brings
two people together. Its words are those of the program that it replaces.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace

import ujson

from gateway.access.answers import Answers
from gateway.access.limiter import Limit
from gateway.conversations.notices import THANKS, Notices, outgoing
from gateway.conversations.outcomes import NotTaken, Taken
from gateway.conversations.session import Seat, Session, session_keys
from gateway.conversations.sessions import Sessions
from gateway.errors import LimitExceeded, StoreUnavailable
from gateway.messaging.inbound.dedup import Token
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.optouts import OptOuts
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.store.values import DAY_MS
from gateway.telephony.phonenumber import country_of
from gateway.telephony.plans import spellings

_ANSWER = Script.load(__file__, "lobby_answer", "_enqueue", "_once")
_WAIT = Script.load(__file__, "lobby_wait", "_enqueue", "_once")
_PAIR = Script.load(__file__, "lobby_pair", "_enqueue", "_once", "_load", "_session", "_parallel")
_LEAVE = Script.load(__file__, "lobby_leave", "_enqueue", "_once")

HELP = "To chat, text your email address."
WAITING = "Waiting for another user..."

# Texts to a person outside a chat: a machine that answers them is not answered for ever.
ANSWERS = Limit(10, 3600)
MOST_TRIES = 10
# A chat in which nobody says anything for a day is over: later texts belong to nobody in it.
CHAT_IDLE_MS = DAY_MS

# https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1: 64 and 255 octets
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,255}$)([A-Za-z0-9-]+\.)+[A-Za-z]{2,63}"
)


def is_end(text: str) -> bool:
    """Tell whether a text is ``#end``, in any case and with any blanks."""
    return "".join(text.split()).casefold() == "#end"


def is_email(text: str) -> bool:
    """Tell whether a text is an email address and nothing else."""
    address = text.strip()
    local = address.partition("@")[0]
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    return not dots and _EMAIL.fullmatch(address) is not None


class Lobby:
    """Pairs people who text one of ``numbers``.

    provider: of a chat number that is not in the pool; wait: minutes after which nobody waits
    any longer, 0 = for ever.
    """

    def __init__(
        self,
        store: Store,
        *,
        numbers: Collection[str],
        provider: str,
        wait: float,
        answers: Answers,
        sessions: Sessions,
        notices: Notices,
        inbox: Inbox,
        optouts: OptOuts,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._numbers = frozenset(each for number in numbers for each in spellings(number))
        self._provider = provider
        self._wait_ms = int(wait * 60_000)
        self._answers = answers
        self._sessions = sessions
        self._notices = notices
        self._inbox = inbox
        self._optouts = optouts
        self._wake = wake

    def answers(self, number: str) -> bool:
        """Tell whether the lobby answers on a virtual number."""
        return number in self._numbers

    def provider_of(self, number: str) -> str:
        """Return the provider of a chat number that is not in the pool, '' for other numbers."""
        return self._provider if number in self._numbers else ""

    async def receive(self, inbound: Inbound, token: Token, seat: Seat) -> str:
        """Take a text of a person who is in no chat; returns what became of it.

        seat: who texts which number.
        """
        waiting = await self._store.execute("HEXISTS", keys.LOBBY_PEOPLE, seat.person)
        if waiting and is_end(inbound.text):
            return await self._leave(seat, token)
        if waiting:
            return await self._inbox.keep(inbound, token, "waiting")
        reason = await self._why_not(seat)
        if reason:
            return await self._inbox.keep(inbound, token, reason)
        if is_email(inbound.text):
            return await self._join(token, seat)
        return await self._help(token, seat)

    async def _why_not(self, seat: Seat) -> str:
        """Return why a person is not answered, '' when he is; that is counted."""
        if await self._optouts.is_out(seat.person):
            return "opted_out"
        if not self._answers.may(seat.person, seat.number):
            return "not_answerable"
        try:
            await self._answers.limiter.hit("lobby", seat.person, ANSWERS)
            await self._answers.hit(seat.number)
        except LimitExceeded:
            return "lobby_limit"
        return ""

    async def end(self, session: Session, token: Token) -> str:
        """End a chat because one of both texted ``#end``; both are thanked."""
        happened, closed = await self._sessions.close_once(session.id, token)
        if closed is None:
            return happened
        await self._notices.announce("end", closed)
        return Taken.ENDED

    async def expire_waiting(self) -> None:
        """Thank those who waited too long and let them go."""
        if not self._wait_ms or not self._numbers:
            return
        seconds, microseconds = await self._store.execute("TIME")
        before = int(seconds) * 1000 + int(microseconds) // 1000 - self._wait_ms
        late = await self._store.execute(
            "ZRANGEBYSCORE", keys.LOBBY, "-inf", before, "LIMIT", 0, 100
        )
        for person in late:
            state = await self._store.execute("HGET", keys.LOBBY_PEOPLE, person)
            if state:
                place = ujson.loads(state)
                await self._leave(Seat(person, place["number"], place["provider"]), None)
            else:
                await self._store.execute("ZREM", keys.LOBBY, person)

    async def _help(self, token: Token, seat: Seat) -> str:
        """Say how to begin a chat."""
        entry = replace(outgoing(seat, HELP, kind="chat"), stranger=True)
        happened: str = await self._store.run(
            _ANSWER,
            [*token.keys, keys.DUE, keys.queue(entry.direction)],
            [token.digest, entry.direction, entry.to_json()],
        )
        self._wake()
        return happened

    async def _join(self, token: Token, seat: Seat) -> str:
        """Pair a person with the one who waits for longest, or let him wait."""
        for _ in range(MOST_TRIES):
            first = await self._store.execute("ZRANGE", keys.LOBBY, 0, 0)
            joining = self._pair(token, first[0], seat) if first else self._wait(token, seat)
            happened = await joining
            if happened != NotTaken.CHANGED:
                return happened
        raise StoreUnavailable

    async def _wait(self, token: Token, seat: Seat) -> str:
        entry = replace(outgoing(seat, WAITING, kind="chat"), stranger=True)
        place = ujson.dumps({"number": seat.number, "provider": seat.provider})
        happened: str = await self._store.run(
            _WAIT,
            [*token.keys, keys.LOBBY, keys.LOBBY_PEOPLE, keys.DUE, keys.queue(entry.direction)],
            [token.digest, seat.person, place, entry.direction, entry.to_json()],
        )
        self._wake()
        return happened

    async def _pair(self, token: Token, waiting: str, joining: Seat) -> str:
        """Open a chat between one who waits and one who comes; both are told."""
        state = await self._store.execute("HGET", keys.LOBBY_PEOPLE, waiting)
        if not state:
            await self._store.execute("ZREM", keys.LOBBY, waiting)
            return NotTaken.CHANGED
        place = ujson.loads(state)
        session_id = secrets.token_hex(16)
        people = (waiting, joining.person)
        happened: str = await self._store.run(
            _PAIR,
            [*token.keys, keys.LOBBY, keys.LOBBY_PEOPLE, *session_keys(session_id, *people)],
            [
                *(token.digest, session_id, CHAT_IDLE_MS),
                *(waiting, state, place["number"], place["provider"]),
                *joining,
                *map(country_of, people),
            ],
        )
        if happened == Taken.PAIRED:
            session = await self._sessions.get(session_id)
            if session is not None:
                await self._notices.announce("start", session)
        return happened

    async def _leave(self, seat: Seat, token: Token | None) -> str:
        """Let one who waits go; token: of his own ``#end``, None = he waited too long."""
        entry = outgoing(seat, THANKS, kind="chat")
        taking = token.keys if token else ()
        happened: str = await self._store.run(
            _LEAVE,
            [keys.LOBBY, keys.LOBBY_PEOPLE, keys.DUE, keys.queue(entry.direction), *taking],
            [seat.person, entry.direction, entry.to_json(), token.digest if token else ""],
        )
        self._wake()
        return happened
