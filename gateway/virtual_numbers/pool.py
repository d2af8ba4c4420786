"""The pool of virtual numbers: what each can carry, its health and how much it is used."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import ujson

from conf.providers import PROVIDERS
from gateway.errors import BadRequest, NotFound, UnknownPlace
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Script, pairs
from gateway.store.values import ID
from gateway.telephony.phonenumber import country_of, mask
from gateway.telephony.plans import all_spellings, spellings

log = logging.getLogger(__name__)

# A place in the list of a number's sessions: when one was created (ms), and its id.
_PLACE = re.compile(rf"[0-9]{{1,15}}:{ID.pattern}")

# A refusal is as a rule the receiver's fault; those of five people in a row are the number's.
MOST_REFUSALS = 5
REST_SECONDS = 3600.0
TRIED_AT_ONCE = 100

_ADD = Script.load(__file__, "number_add", "_pool")
_REMOVE = Script.load(__file__, "number_remove", "_pool")
_HEALTH = Script.load(__file__, "number_health", "_enqueue", "_pool")
_REPORT = Script.load(__file__, "number_report")

_HEALTH_KEYS = (keys.NUMBERS, keys.LOAD, keys.UNHEALTHY, keys.REFUSALS)

# Providers whose numbers text North America alone.
DOMESTIC = frozenset(each.name for each in PROVIDERS if each.domestic)
# In the place of a country: numbers whose provider reaches everybody.
WORLD = "world"


@dataclass(frozen=True, slots=True)
class VirtualNumber:
    """A number rented from a provider.

    country: ISO 3166 two letters, '' for none; capabilities: ``sms``, ``voice`` or both.
    """

    e164: str
    provider: str
    country: str
    capabilities: frozenset[str]
    added: int = 0


class Mode(StrEnum):
    """What a session carries."""

    MESSAGE = "message"
    VOICE = "voice"
    BOTH = "both"


# What a number must be capable of to carry a session.
_NEEDS = {
    Mode.MESSAGE: frozenset({"sms"}),
    Mode.VOICE: frozenset({"voice"}),
    Mode.BOTH: frozenset({"sms", "voice"}),
}


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A number and its use; ``oldest_session``: id of the longest open one, '' without any.

    rests_until: when an unhealthy one is tried again (ms), 0 = not by itself.
    """

    number: VirtualNumber
    healthy: bool
    sessions: int
    oldest_session: str
    rests_until: int = 0


@dataclass(frozen=True, slots=True)
class PoolPage(Page[PoolEntry]):
    """A part of the pool; in_use: how many numbers of the whole have a session."""

    in_use: int


async def _nothing_to_settle() -> None:
    """For whom it does not matter which numbers are in use."""


class Pool:
    """The virtual numbers that sessions may use.

    settle: closes sessions that are over, so that none of them keeps a number in use; rest: for so
    many seconds a number whose texts were refused is left out.
    """

    def __init__(
        self,
        store: Store,
        settle: Callable[[], Awaitable[object]] = _nothing_to_settle,
        rest: float = REST_SECONDS,
    ) -> None:
        self._store = store
        self._settle = settle
        self._rest_ms = int(rest * 1000)

    async def add(self, number: VirtualNumber) -> None:
        """Put a number into the pool, healthy.

        Raises BadRequest when it is there already or takes part in an open session.
        """
        await self._settle()
        names = spellings(number.e164)
        happened = await self._store.run(
            _ADD,
            [
                *(keys.NUMBERS, keys.LOAD, keys.routes(names[0]), keys.routes(names[-1])),
                *(keys.LOBBY_PEOPLE, *_sets(number)),
            ],
            [number.e164, _to_json(number), *names],
        )
        if happened == "known":
            raise BadRequest("value: is in the pool already")
        if happened == "participant":
            raise BadRequest("value: is a participant of a session")

    async def remove(self, e164: str) -> None:
        """Take a number out of the pool.

        Raises NotFound when it is not there, BadRequest while it carries a session.
        """
        await self._settle()
        own_keys = (*_HEALTH_KEYS, keys.NUMBER_SESSIONS, keys.RESTING)
        happened = await self._change(_REMOVE, own_keys, e164)
        if happened != "removed":
            raise BadRequest(f"value: is in use by session {happened}")

    async def get(self, e164: str) -> VirtualNumber | None:
        """Return a number of the pool, None when it is not there."""
        name, record = await self._find(e164)
        return _from_json(name, record) if record else None

    async def of_provider(self, provider: str) -> tuple[str, ...]:
        """Return all numbers of a provider; looks at the whole pool."""
        records = pairs(await self._store.execute("HGETALL", keys.NUMBERS))
        numbers = (_from_json(*each) for each in records.items())
        return tuple(sorted(each.e164 for each in numbers if each.provider == provider))

    async def set_health(self, e164: str, healthy: bool) -> None:
        """Give a number to new sessions, or not (any more); raises NotFound."""
        await self._set_health(e164, healthy)

    async def report(self, e164: str, receiver: str, *, accepted: bool) -> None:
        """Count what became of a text that a participant was to get from a number.

        After refusals for five receivers in a row the number is given to no new session for an
        hour. Only receivers of its own country count: what crosses a border is often refused for
        its sender, whoever that is. A number that is not in the pool does not matter.
        """
        if country_of(receiver) != country_of(e164):
            return
        if accepted:
            await self._store.execute("HDEL", keys.REFUSALS, e164)
            return
        own_keys = [keys.NUMBERS, keys.REFUSALS]
        if not await self._store.run(_REPORT, own_keys, [e164, receiver, MOST_REFUSALS]):
            return
        try:
            turned = await self._set_health(e164, False, self._rest_ms)
        except NotFound:  # removed at this moment
            return
        if turned:
            log.warning(
                "%s: texts to %d receivers refused in a row, left out of new sessions for %d min",
                *(mask(e164), MOST_REFUSALS, self._rest_ms // 60_000),
            )

    async def try_again(self) -> None:
        """Give numbers that have rested to new sessions again."""
        now = int(time.time() * 1000)
        rested = await self._store.execute(
            *("ZRANGE", keys.RESTING, "-inf", now, "BYSCORE", "LIMIT", 0, TRIED_AT_ONCE)
        )
        for e164 in rested:
            with suppress(NotFound):  # removed at this moment
                if await self._set_health(e164, True, 1):
                    log.warning("%s: has rested, given to new sessions again", mask(e164))

    async def page(self, limit: int, after: str) -> PoolPage:
        """Return at most ``limit`` numbers in their order, those behind ``after`` ('' = all).

        ``after`` and ``next`` are E.164 without ``+``; a number that was removed meanwhile does
        no harm. Raises UnknownPlace when ``after`` is no number.
        """
        await self._settle()
        if after and not (after.isascii() and after.isdecimal()):
            raise UnknownPlace("after: is no number")
        names, total, in_use = await asyncio.gather(
            self._store.execute("HKEYS", keys.NUMBERS),
            self._store.execute("HLEN", keys.NUMBERS),
            self._store.execute("HLEN", keys.LOAD),
        )
        following = sorted(name for name in names if name > f"+{after}")
        shown = following[:limit]
        more = shown[-1].removeprefix("+") if len(following) > len(shown) > 0 else None
        return PoolPage(total, await self._entries(shown), more, in_use)

    async def _entries(self, names: Sequence[str]) -> list[PoolEntry]:
        if not names:
            return []
        records, unhealthy, rests, loads, *oldest = await asyncio.gather(
            self._store.execute("HMGET", keys.NUMBERS, *names),
            self._store.execute("HMGET", keys.UNHEALTHY, *names),
            self._store.execute("ZMSCORE", keys.RESTING, *names),
            self._store.execute("HMGET", keys.LOAD, *names),
            *(self._oldest(name) for name in names),
        )
        found = zip(names, records, unhealthy, loads, oldest, rests, strict=True)
        return [
            PoolEntry(
                *(_from_json(name, record), since is None, int(load or 0), session),
                rests_until=int(float(rest or 0)),
            )
            for name, record, since, load, session, rest in found
            if record
        ]

    async def sessions_on(self, e164: str, limit: int, after: str) -> Page[str]:
        """Return the ids of the open sessions on a number, the newest first.

        ``after`` ('' = all) and the next are places in the list, which stay valid when their
        session ends. Raises UnknownPlace when ``after`` is none.
        """
        if after and not _PLACE.fullmatch(after):
            raise UnknownPlace("after: no such session")
        newest = f"({e164}:{after}" if after else f"({e164};"
        total, found = await asyncio.gather(
            self._store.execute("HGET", keys.LOAD, e164),
            self._store.execute(
                *("ZREVRANGEBYLEX", keys.NUMBER_SESSIONS, newest, f"[{e164}:"),
                *("LIMIT", 0, limit + 1),
            ),
        )
        places = [member.partition(":")[2] for member in found]
        ids = [each.partition(":")[2] for each in places[:limit]]
        return Page(int(total or 0), ids, places[limit - 1] if len(places) > limit else None)

    async def _oldest(self, e164: str) -> str:
        """Return the id of the longest open session on a number, '' without any."""
        # The members are "<number>:<created>:<session>"; ";" follows ":" in ASCII.
        found = await self._store.execute(
            "ZRANGEBYLEX", keys.NUMBER_SESSIONS, f"[{e164}:", f"({e164};", "LIMIT", 0, 1
        )
        return str(found[0]).rpartition(":")[2] if found else ""

    async def _set_health(self, e164: str, healthy: bool, more: int = 0) -> bool:
        """Return whether this has changed anything; raises NotFound.

        more: healthy: 1 if only after its rest; not: how long it rests (ms), 0 = for good.
        """
        own_keys = (*_HEALTH_KEYS, keys.RESTING)
        return await self._change(_HEALTH, own_keys, e164, int(healthy), more) == "turned"

    async def _change(
        self, script: Script, own_keys: Sequence[str], e164: str, *args: Argument
    ) -> str:
        """Run a script on the sets of a number as it is now; raises NotFound."""
        while True:
            name, record = await self._find(e164)
            if not record:
                raise NotFound("value: is not in the pool")
            sets = _sets(_from_json(name, record))
            happened: str = await self._store.run(script, [*own_keys, *sets], [name, record, *args])
            if happened != "changed":  # removed and added again at this moment
                return happened

    async def _find(self, e164: str) -> tuple[str, str]:
        """Return a number in the form in which the pool has it and its record, '' without one."""
        names = all_spellings(e164)
        records = await self._store.execute("HMGET", keys.NUMBERS, *names)
        found = ((name, record) for name, record in zip(names, records, strict=True) if record)
        return next(found, (e164, ""))


def _sets(number: VirtualNumber) -> list[str]:
    """Return the sets of a number in fours, as lua/_pool.lua wants them."""
    reach = "*" if number.provider in DOMESTIC else WORLD
    return [
        key
        for mode in Mode
        if _NEEDS[mode] <= number.capabilities
        for key in (
            keys.pool(mode.value),
            keys.pool(mode.value, number.country or "*"),
            keys.pool(mode.value, reach),
            keys.idle(mode.value),
        )
    ]


def _to_json(number: VirtualNumber) -> str:
    return ujson.dumps(
        {
            "provider": number.provider,
            "country": number.country,
            "capabilities": sorted(number.capabilities),
            "added": number.added or int(time.time() * 1000),
        }
    )


def _from_json(e164: str, record: str) -> VirtualNumber:
    fields = ujson.loads(record)
    return VirtualNumber(
        e164=e164,
        provider=fields["provider"],
        country=fields["country"],
        capabilities=frozenset(fields["capabilities"]),
        added=fields["added"],
    )
