"""How a masked conversation begins: who may talk to whom, on numbers chosen by one script."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import ujson

from gateway.conversations.notices import Notices
from gateway.conversations.session import SIDES, Session, read_session, session_keys
from gateway.conversations.sessions import Sessions
from gateway.errors import BadRequest, NotFound, StoreUnavailable
from gateway.providers.vonage.insight import Insight
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Script, pairs
from gateway.telephony.phonenumber import country_of, is_north_american
from gateway.telephony.plans import all_spellings, person, spellings
from gateway.virtual_numbers.pool import DOMESTIC, WORLD, Mode

# Sessions may end while their names and numbers are asked for; not that often.
MOST_TRIES = 10

_CREATE = Script.load(
    __file__,
    "session_create",
    *("_enqueue", "_load", "_session", "_pins", "_parallel", "_suit", "_pick", "_choose"),
)
# Why the script opens no session; "none" is NoNumberFree.
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
    "short_pin_a": "pin_a: could be guessed, needs {} digits on this number",
    "short_pin_b": "pin_b: could be guessed, needs {} digits on this number",
}
# Those of them that may be due to a session that is over but has not been closed yet.
_MAY_PASS = frozenset({"none", "busy", "taken", "pin_a", "pin_b", "short_pin_a", "short_pin_b"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What a session is asked for with.

    Participants are E.164, countries ISO 3166 ('' = unknown). numbers: ``shared``, one for both,
    or ``per-side``, for each one of his country where there is one. expires_in_ms: 0 = never.
    unique_name: a second session of this name and these participants is the first. virtual_number:
    the one that a texts, '' = any. id: under which a second creation is the first, '' = a new one.
    pin_a: see PIN, '' = none.
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
    id: str = ""
    pin_a: str = field(default="", repr=False)
    pin_b: str = field(default="", repr=False)

    @property
    def participants(self) -> tuple[str, str]:
        """Both, a before b."""
        return self.participant_a, self.participant_b

    @property
    def people(self) -> tuple[str, str]:
        """Both by the numbers by which persons are compared."""
        return person(self.participant_a), person(self.participant_b)


class NoNumberFree(BadRequest):
    """No virtual number of the pool suits both participants."""

    def __init__(self) -> None:
        super().__init__("Could not create session -- No virtual TNs available")


class Opening:
    """Opens sessions and ends them, and tells both participants.

    insight: asked about participants, None = nobody is. exclusive: a virtual number carries one
    session at a time. cooldown: seconds in which a participant gets a number of a closed session
    again only with the same counterpart. reserved: numbers of ours that need not be in the pool;
    nobody takes part by one of them.
    """

    def __init__(
        self,
        store: Store,
        *,
        sessions: Sessions,
        notices: Notices,
        insight: Insight | None = None,
        exclusive: bool = False,
        cooldown: float = 0,
        reserved: Collection[str] = (),
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._notices = notices
        self._insight = insight
        self._exclusive = exclusive
        self._cooldown_ms = int(cooldown * 1000)
        self._reserved = frozenset(map(person, reserved))

    async def begin(self, wanted: NewSession) -> tuple[Session, bool]:
        """Begin a session and tell both participants; returns and raises as ``create`` does.

        BadRequest also for a participant that Number Insight knows to be no number.
        """
        await self._check_with_insight(wanted)
        session, new = await self.create(wanted)
        if new:
            await self._notices.announce("start", session)
        return session, new

    async def end(self, session_id: str) -> None:
        """End a session and tell both participants; raises NotFound when it is not open."""
        session = await self._sessions.close(session_id, notify=True)
        if session is None:
            raise NotFound("no such session")
        await self._notices.announce("end", session)

    async def create(self, wanted: NewSession) -> tuple[Session, bool]:
        """Return the session, and whether it is new: False if its unique_name existed already.

        Its participants are still to be told. Raises NoNumberFree only when really no number
        suits, BadRequest for participants, a virtual number or a PIN that cannot be used and for
        a unique_name of other participants.
        """
        self._check_participants(wanted)
        wanted = await self._as_pooled(wanted)
        await self._check_reach(wanted)
        session_id = wanted.id or secrets.token_hex(16)
        for _ in range(MOST_TRIES):
            word, *more = await self._store.run(_CREATE, *self._creation(session_id, wanted))
            if word == "created":
                return read_session(session_id, pairs(more[0])), True
            if word == "named":
                existing = await self._of_name(more[0], wanted)
                if existing is not None:
                    return existing, False
            elif word not in _MAY_PASS or not await self._sessions.expire_some():
                reason = _REFUSALS.get(word)
                raise BadRequest(reason.format(*more)) if reason else NoNumberFree
        raise StoreUnavailable

    async def _check_with_insight(self, wanted: NewSession) -> None:
        if self._insight is None:
            return
        reasons = await asyncio.gather(*map(self._insight.check, wanted.participants))
        for side, reason in zip(SIDES, reasons, strict=True):
            if reason:
                raise BadRequest(f"participant_{side}: {reason}")

    def _check_participants(self, wanted: NewSession) -> None:
        if wanted.people[0] == wanted.people[1]:
            raise BadRequest("participant_b: must differ from participant_a")
        for side, each in zip(SIDES, wanted.people, strict=True):
            if each in self._reserved:
                raise BadRequest(_REFUSALS[f"own_{side}"])

    async def _as_pooled(self, wanted: NewSession) -> NewSession:
        """Return it with the number that is asked for as the pool spells it."""
        names = all_spellings(wanted.virtual_number)
        if len(names) == 1:
            return wanted
        records = await self._store.execute("HMGET", keys.NUMBERS, *names)
        pooled = (name for name, record in zip(names, records, strict=True) if record)
        return replace(wanted, virtual_number=next(pooled, wanted.virtual_number))

    async def _check_reach(self, wanted: NewSession) -> None:
        """Raise BadRequest when the number asked for cannot text the participants."""
        if not wanted.virtual_number or _reaches(wanted)[0] != WORLD:
            return
        record = await self._store.execute("HGET", keys.NUMBERS, wanted.virtual_number)
        if record and ujson.loads(record)["provider"] in DOMESTIC:
            raise BadRequest("virtual_tn: its provider reaches North America alone")

    def _creation(self, session_id: str, wanted: NewSession) -> tuple[list[str], list[Argument]]:
        """Return the keys and arguments of the script."""
        mode = wanted.mode.value
        preferred = (keys.pool(mode, each or "*") for each in (wanted.country_a, wanted.country_b))
        reaching = (keys.pool(mode, each) for each in _reaches(wanted))
        return (
            [*session_keys(session_id, *wanted.people), *preferred, *reaching],
            [
                session_id,
                *wanted.people,
                mode,
                wanted.numbers,
                wanted.unique_name,
                wanted.expires_in_ms,
                wanted.virtual_number,
                int(self._exclusive),
                self._cooldown_ms,
                wanted.pin_a,
                wanted.pin_b,
                *map(country_of, wanted.people),
                *(wanted.participants if wanted.participants != wanted.people else ("", "")),
                *(spellings(each)[-1] for each in wanted.people),
            ],
        )

    async def _of_name(self, session_id: str, wanted: NewSession) -> Session | None:
        """Return the open session that has the unique_name, None when it has ended meanwhile."""
        if await self._sessions.forget(session_id, *wanted.participants, name=wanted.unique_name):
            return None
        await self._sessions.expire(session_id)
        session = await self._sessions.find_open(session_id)
        if session is not None and tuple(map(person, session.participants)) != wanted.people:
            raise BadRequest("unique_name: belongs to a session of other participants")
        return session


def _reaches(wanted: NewSession) -> tuple[str, str]:
    """Return which pool serves a, and which b: not every provider texts every country."""
    a, b = ("*" if is_north_american(each) else WORLD for each in wanted.participants)
    if wanted.numbers == "shared":
        a = b = WORLD if WORLD in {a, b} else "*"
    return a, b
