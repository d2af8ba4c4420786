"""Masked conversations: who talks to whom through which virtual numbers, and for how long."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import ujson

from gateway.errors import BadRequest, NotFound, StoreUnavailable, UnknownPlace
from gateway.messaging.inbound.dedup import Token
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Script, pairs
from gateway.telephony.phonenumber import country_of, is_north_american
from gateway.virtual_numbers.pool import DOMESTIC, Mode


@dataclass(frozen=True, slots=True)
class Session:
    """Two participants and the virtual numbers between them.

    number_a: the number that a texts and dials, and from which he hears b; the same for b.
    provider_a: of number_a. created, expires, closed: ms, 0 = never. numbers: ``shared`` or
    ``per-side``. kind: ``masked``, or ``chat`` for one that the lobby opened. pin_a: by which a
    calls number_a from another phone, '' = not at all. texts: how many its participants have
    written, those that were not delivered too.
    """

    id: str
    created: int
    expires: int
    participant_a: str
    participant_b: str
    number_a: str
    number_b: str
    provider_a: str
    provider_b: str
    mode: Mode = Mode.MESSAGE
    numbers: str = "shared"
    unique_name: str = ""
    kind: str = "masked"
    closed: int = 0
    pin_a: str = field(default="", repr=False)
    pin_b: str = field(default="", repr=False)
    texts: int = 0


DAY_MS = 86_400_000
# How long a participant's late text is still known to belong to a session of his.
PAST_MS = 30 * DAY_MS
# Sessions closed in one pipeline.
BATCH = 100
SOME = 20
# Sessions may end while their names and numbers are asked for; not that often.
MOST_TRIES = 10
SESSION_ID = re.compile(r"[0-9a-f]{32}")
# By which a participant calls from another phone than his own.
PIN = re.compile(r"[0-9]{4,8}")

_CREATE = Script.load(
    __file__,
    "session_create",
    *("_enqueue", "_load", "_session", "_pins", "_parallel", "_suit", "_pick", "_choose"),
)
_CLOSE = Script.load(
    __file__,
    "session_close",
    "_enqueue",
    "_once",
    "_log",
    "_load",
    "_session",
    "_pins",
    "_parallel",
)
_EXTEND = Script.load(__file__, "session_extend")
_DUE = Script.load(__file__, "session_due")

# Why the script opens no session.
_REFUSALS = {
    "own_a": "participant_a: is a virtual number of the pool",
    "own_b": "participant_b: is a virtual number of the pool",
    "unknown": "virtual_tn: is not in the pool",
    "incapable": "virtual_tn: cannot carry this mode",
    "busy": "virtual_tn: is in use by one of the participants",
    "taken": "virtual_tn: is in use by another session",
    "cooling": "virtual_tn: was in use by one of the participants a short while ago",
    "pin_a": "pin_a: is taken on this number",
    "pin_b": "pin_b: is taken on this number",
}
# Those of them that may be due to a session that is over but has not been closed yet.
_MAY_PASS = frozenset({"none", "busy", "taken", "pin_a", "pin_b"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What a session is asked for with.

    Participants are E.164, countries ISO 3166 ('' = unknown). numbers: ``shared``, one for both,
    or ``per-side``, for each one of his country where there is one. expires_in_ms: 0 = never.
    unique_name: a second session of this name and these participants is the first. virtual_number:
    the one that a texts, '' = any. pin_a: see PIN, '' = none.
    """

    participant_a: str
    participant_b: str
    country_a: str = ""
    country_b: str = ""
    expires_in_ms: int = 0
    mode: Mode = Mode.MESSAGE
    numbers: str = "shared"
    unique_name: str = ""
    virtual_number: str = ""
    pin_a: str = field(default="", repr=False)
    pin_b: str = field(default="", repr=False)


class NoNumberFree(BadRequest):
    """No virtual number of the pool suits both participants."""

    def __init__(self) -> None:
        super().__init__("Could not create session -- No virtual TNs available")


class Sessions:
    """Opens, finds and closes sessions.

    exclusive: a virtual number carries one session at a time. cooldown: seconds in which a
    participant gets a number of a closed session again only with the same counterpart. log_days:
    how long a closed session and its log are kept, 0 = not at all. reserved: numbers of ours that
    need not be in the pool; nobody takes part by one of them.
    """

    def __init__(
        self,
        store: Store,
        *,
        exclusive: bool = False,
        cooldown: float = 0,
        log_days: float = 30,
        reserved: Collection[str] = (),
    ) -> None:
        self._store = store
        self._reserved = frozenset(reserved)
        self._exclusive = exclusive
        self._cooldown_ms = int(cooldown * 1000)
        self._log_ms = int(log_days * DAY_MS)

    async def create(self, wanted: NewSession) -> tuple[Session, bool]:
        """Return the session, and whether it is new: False if its unique_name existed already.

        Raises NoNumberFree only when really no number suits, BadRequest for participants, a
        virtual number or a PIN that cannot be used and for a unique_name of other participants.
        """
        if wanted.participant_a == wanted.participant_b:
            raise BadRequest("participant_b: must differ from participant_a")
        for side in ("a", "b"):
            if getattr(wanted, f"participant_{side}") in self._reserved:
                raise BadRequest(_REFUSALS[f"own_{side}"])
        await self._check_reach(wanted)
        session_id = secrets.token_hex(16)
        for _ in range(MOST_TRIES):
            word, *more = await self._store.run(_CREATE, *self._creation(session_id, wanted))
            if word == "created":
                return read_session(session_id, pairs(more[0])), True
            if word == "named":
                existing = await self._of_name(more[0], wanted)
                if existing is not None:
                    return existing, False
            elif word not in _MAY_PASS or not await self.expire_some():
                raise BadRequest(_REFUSALS[word]) if word in _REFUSALS else NoNumberFree
        raise StoreUnavailable

    async def get(self, session_id: str) -> Session | None:
        """Return a session that is open and not over, else None."""
        session = await self.find(session_id)
        if session is None or session.closed:
            return None
        return None if 0 < session.expires <= time.time() * 1000 else session

    async def find(self, session_id: str) -> Session | None:
        """Return a session, a closed one too as long as it is kept, else None."""
        if not SESSION_ID.fullmatch(session_id):
            return None
        fields = pairs(await self._store.execute("HGETALL", keys.session(session_id)))
        return read_session(session_id, fields) if fields else None

    async def page(self, limit: int, after: str) -> tuple[int, list[Session], str | None]:
        """Return how many are open, those following ``after`` ('' = the newest), and the next.

        The next is the ``after`` of the following page, None at the end. Raises BadRequest when
        ``after`` is no session that is kept.
        """
        await self.expire_some()
        start = await self._rank_behind(after) if after else 0
        total, ids = await asyncio.gather(
            self._store.execute("ZCARD", keys.SESSIONS),
            self._store.execute("ZRANGE", keys.SESSIONS, start, start + limit, "REV"),
        )
        following = ids[limit - 1] if len(ids) > limit else None
        found = await asyncio.gather(*(self.find(each) for each in ids[:limit]))
        return total, [each for each in found if each and not each.closed], following

    async def set_expiry(self, session_id: str, expires_in_ms: int) -> Session:
        """Let an open session end so many milliseconds from now, 0 = never.

        Returns the session; raises NotFound when it is closed or over.
        """
        fields: list[str] = await self._store.run(
            _EXTEND, [keys.session(session_id), keys.EXPIRIES], [session_id, expires_in_ms]
        )
        if not fields:
            raise NotFound("no such session")
        return read_session(session_id, pairs(fields))

    async def close(self, session_id: str, *, notify: bool) -> Session | None:
        """End a session; return it, or None when it was not open (any more).

        notify: leave word that its participants are still to be told.
        """
        return await self._close(session_id, "end", notify=notify)

    async def close_once(self, session_id: str, token: Token) -> tuple[str, Session | None]:
        """End a session because of an MO, and take the MO, both or neither.

        Returns "closed" and the session, "repeated", or "changed" when it was not open.
        """
        session = await self.find(session_id)
        if session is None or session.closed:
            return "changed", None
        reply = await self._run_close(session, "end", notify=True, token=token)
        if reply == ["repeated"]:
            return "repeated", None
        return ("closed", read_session(session_id, pairs(reply))) if reply else ("changed", None)

    async def expire(self, session_id: str) -> Session | None:
        """Close one session if it is over by the store's clock; None when it is not."""
        return await self._close(session_id, "expiry")

    async def expire_some(self) -> int:
        """Close some of the sessions that are over, the longest over first; return how many.

        For requests, which have a second: the rest is for ``expire_due``.
        """
        ids: list[str] = await self._store.run(_DUE, [keys.EXPIRIES], [SOME])
        found = await asyncio.gather(*(self.expire(each) for each in ids))
        return sum(each is not None for each in found)

    async def expire_due(self) -> int:
        """Close all sessions that are over by the store's clock; return how many."""
        total = 0
        while True:
            ids: list[str] = await self._store.run(_DUE, [keys.EXPIRIES], [BATCH])
            found = await asyncio.gather(*(self._close(each, "expiry") for each in ids))
            closed = sum(each is not None for each in found)
            total += closed
            # When all of a batch slipped away, another process is closing the rest.
            if len(ids) < BATCH or not closed:
                return total

    async def open_of(self, participant: str) -> dict[str, str]:
        """Return the ids of a participant's open sessions by the number that he texts."""
        routes = pairs(await self._store.execute("HGETALL", keys.routes(participant)))
        return {number: route.partition(" ")[0] for number, route in routes.items()}

    async def newest_of(self, participant: str) -> list[str]:
        """Return the ids of a participant's open sessions, the newest first."""
        ids = sorted({*(await self.open_of(participant)).values()})
        if not ids:
            return []
        begun = await self._store.execute("ZMSCORE", keys.SESSIONS, *ids)
        by_id = dict(zip(ids, begun, strict=True))
        # One that has ended since is not listed any more.
        return sorted((each for each in ids if by_id[each]), key=lambda x: -float(by_id[x]))

    async def named(self, unique_name: str) -> str:
        """Return the id of the open session of a name, '' without one."""
        return await self._store.execute("HGET", keys.UNIQUE_NAMES, unique_name) or ""

    async def _check_reach(self, wanted: NewSession) -> None:
        """Raise BadRequest when the number asked for cannot text the participants."""
        if not wanted.virtual_number or _reaches(wanted)[0] != keys.WORLD:
            return
        record = await self._store.execute("HGET", keys.NUMBERS, wanted.virtual_number)
        if record and ujson.loads(record)["provider"] in DOMESTIC:
            raise BadRequest("virtual_tn: its provider reaches North America alone")

    def _creation(self, session_id: str, wanted: NewSession) -> tuple[list[str], list[Argument]]:
        """Return the keys and arguments of the script."""
        mode = wanted.mode.value
        return (
            [
                *session_keys(session_id, wanted.participant_a, wanted.participant_b),
                keys.pool(mode, wanted.country_a or "*"),
                keys.pool(mode, wanted.country_b or "*"),
                *(keys.pool(mode, reach) for reach in _reaches(wanted)),
            ],
            [
                session_id,
                wanted.participant_a,
                wanted.participant_b,
                mode,
                wanted.numbers,
                wanted.unique_name,
                wanted.expires_in_ms,
                wanted.virtual_number,
                int(self._exclusive),
                self._cooldown_ms,
                wanted.pin_a,
                wanted.pin_b,
                country_of(wanted.participant_a),
                country_of(wanted.participant_b),
            ],
        )

    async def _of_name(self, session_id: str, wanted: NewSession) -> Session | None:
        """Return the open session that has the unique_name, None when it has ended meanwhile."""
        await self.expire(session_id)
        session = await self.find(session_id)
        if session is None or session.closed:
            return None
        have = (session.participant_a, session.participant_b)
        if have != (wanted.participant_a, wanted.participant_b):
            raise BadRequest("unique_name: belongs to a session of other participants")
        return session

    async def _rank_behind(self, after: str) -> int:
        """Return the place, counted from the newest, where the page behind ``after`` begins."""
        rank = await self._store.execute("ZREVRANK", keys.SESSIONS, after)
        if rank is not None:
            return int(rank) + 1
        closed = await self.find(after)  # it ended while somebody turned the pages
        if closed is None:
            raise UnknownPlace("after: no such session")
        return int(await self._store.execute("ZCOUNT", keys.SESSIONS, closed.created, "+inf"))

    async def _close(self, session_id: str, cause: str, *, notify: bool = False) -> Session | None:
        session = await self.find(session_id)
        if session is None or session.closed:
            return None
        fields = await self._run_close(session, cause, notify=notify)
        return read_session(session_id, pairs(fields)) if fields else None

    async def _run_close(
        self, session: Session, cause: str, *, notify: bool = False, token: Token | None = None
    ) -> list[str]:
        session_id = session.id
        fields: list[str] = await self._store.run(
            _CLOSE,
            [
                *session_keys(session_id, session.participant_a, session.participant_b),
                keys.session_log(session_id),
                keys.session_log_states(session_id),
                keys.logs_of(session.participant_a),
                keys.logs_of(session.participant_b),
                *(token.keys if token else ()),
            ],
            [
                session_id,
                cause,
                int(notify),
                self._log_ms,
                max(PAST_MS, self._cooldown_ms),
                token.digest if token else "",
            ],
        )
        return fields


def _reaches(wanted: NewSession) -> tuple[str, str]:
    """Return which pool serves a, and which b: not every provider texts every country."""
    a, b = (
        "*" if is_north_american(each) else keys.WORLD
        for each in (wanted.participant_a, wanted.participant_b)
    )
    if wanted.numbers == "shared":
        a = b = keys.WORLD if keys.WORLD in {a, b} else "*"
    return a, b


def session_keys(session_id: str, participant_a: str, participant_b: str) -> list[str]:
    """Return the keys of a session in the order of lua/_session.lua."""
    modes = [mode.value for mode in Mode]
    return [
        keys.session(session_id),
        keys.routes(participant_a),
        keys.routes(participant_b),
        keys.past(participant_a),
        keys.past(participant_b),
        keys.SESSIONS,
        keys.EXPIRIES,
        keys.UNIQUE_NAMES,
        keys.ANNOUNCE,
        keys.NUMBERS,
        keys.NUMBER_SESSIONS,
        keys.LOAD,
        *(keys.pool(mode) for mode in modes),
        *(keys.idle(mode) for mode in modes),
        keys.PINS,
        keys.PARALLEL,
        keys.PEAKS,
    ]


def read_session(session_id: str, fields: Mapping[str, str]) -> Session:
    """Return the session that the fields of its hash describe."""
    return Session(
        id=session_id,
        created=int(fields["created"]),
        expires=int(fields["expires"]),
        participant_a=fields["participant_a"],
        participant_b=fields["participant_b"],
        number_a=fields["number_a"],
        number_b=fields["number_b"],
        provider_a=fields["provider_a"],
        provider_b=fields["provider_b"],
        mode=Mode(fields["mode"]),
        numbers=fields["numbers"],
        unique_name=fields["unique_name"],
        kind=fields["kind"],
        closed=int(fields["closed"]),
        pin_a=fields.get("pin_a", ""),
        pin_b=fields.get("pin_b", ""),
        texts=int(fields.get("texts", 0)),
    )
