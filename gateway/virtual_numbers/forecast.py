"""How many numbers the pool needs: the most parallel sessions of one participant, by country."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Reply, Script, pairs
from gateway.telephony.phonenumber import regions
from gateway.virtual_numbers.pool import Mode

_COUNTS = Script.load(__file__, "number_counts")
_IDLE = Script.load(__file__, "number_idle")

DAY_SECONDS = 86_400
# So many days, today among them, are looked back.
DAYS = 30
# Of a larger set of numbers a sample of so many is looked at: an error of some percent.
MOST_LOOKED_AT = 2_000

_ALL = "*"
_COUNTRIES = (_ALL, *regions())
_POOLS = [
    keys.pool(mode.value, country) for country in _COUNTRIES for mode in (Mode.MESSAGE, Mode.VOICE)
]


@dataclass(frozen=True, slots=True)
class Need:
    """What the participants of a country need, and which numbers that country has.

    country: ISO 3166, '' = none or unknown. now, peak: the most open sessions that one
    participant has at this moment, and has had within 30 days; peak_day: the last day (UTC,
    ``2026-07-31``) on which it was so, '' without any. pool: healthy numbers that can text;
    idle: those of them without a session, an estimate above 2,000; voice: healthy numbers that
    can call.
    """

    country: str
    now: int
    peak: int
    peak_day: str
    pool: int
    idle: int
    voice: int


class Forecast:
    """Tells how many numbers are needed.

    A participant never has one number twice in his open sessions: what serves him has to offer at
    least ``peak`` numbers, or sessions are refused. Other participants need no more, since they
    may have the same ones; an exclusive number (``tn_exclusive``) has one session only, and then
    ``idle`` tells how many more there can be. It is an estimate, as numbers of other countries
    serve him too: in a shared session any that reaches both, in one per side those of his own
    country before all others. With fewer than ``peak`` in the ``pool`` of a country some of its
    participants have foreign numbers; with a few more than ``peak`` nobody soon gets the number
    of a session that has just ended. Participants of a country that has no numbers depend on the
    others' alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trimmed = 0  # the day on which this process has done it

    async def needs(self) -> list[Need]:
        """Return all countries that have open sessions, had some or have numbers, by name.

        Two round trips, at a cost that does not grow with the sessions or the pool.
        """
        levels, days, moment, counts = await asyncio.gather(
            self._store.execute("HGETALL", keys.PARALLEL),
            self._store.execute("HGETALL", keys.PEAKS),
            self._store.execute("TIME"),
            self._store.run(_COUNTS, _POOLS, []),
        )
        now, today = _highest(levels), int(moment[0]) // DAY_SECONDS
        peaks = _peaks(days, now, today)
        pools = _pools(counts)
        idle = await self._idle(pools)
        found = []
        for country in sorted(peaks.keys() | pools.keys()):
            peak, day = peaks.get(country, (0, 0))
            pool, voice = pools.get(country, (0, 0))
            free = min(idle.get(country, 0), pool)
            found.append(Need(country, now.get(country, 0), peak, _date(day), pool, free, voice))
        return found

    async def trim(self) -> None:
        """Drop the peaks of older days than 31, today among them; does something once a day."""
        today = int(time.time()) // DAY_SECONDS
        if self._trimmed == today:
            return
        days = await self._store.execute("HKEYS", keys.PEAKS)
        # The store's clock may be a little behind ours: one day more than DAYS is kept.
        old = [each for each in days if int(each.rpartition(":")[2]) < today - DAYS]
        if old:
            await self._store.execute("HDEL", keys.PEAKS, *old)
        self._trimmed = today

    async def _idle(self, countries: Iterable[str]) -> dict[str, int]:
        """Return how many numbers that can text carry no session, by country."""
        message, named = Mode.MESSAGE.value, [each for each in countries if each]
        everywhere = keys.idle(message)
        total, counts = await asyncio.gather(
            self._store.execute("SCARD", everywhere),
            self._store.run_all(
                (_IDLE, [keys.pool(message, each), everywhere], [MOST_LOOKED_AT]) for each in named
            ),
        )
        return dict(zip(named, counts, strict=True)) | {"": max(total - sum(counts), 0)}


def _highest(levels: Reply) -> dict[str, int]:
    """Return by country the most open sessions that somebody has."""
    found: dict[str, int] = {}
    for level in pairs(levels):
        country, _, sessions = level.rpartition(":")
        found[country] = max(found.get(country, 0), int(sessions))
    return found


def _peaks(days: Reply, now: Mapping[str, int], today: int) -> dict[str, tuple[int, int]]:
    """Return by country the highest figure since 30 days, and the last day on which it was so."""
    found = {country: (sessions, today) for country, sessions in now.items()}
    for name, sessions in pairs(days).items():
        country, _, text = name.rpartition(":")
        day = int(text)
        if day > today - DAYS:
            found[country] = max(found.get(country, (0, 0)), (int(sessions), day))
    return found


def _pools(counts: list[int]) -> dict[str, tuple[int, int]]:
    """Return how many numbers can text and call, by country; '' are those without one."""
    places = zip(counts[::3], counts[1::3], counts[2::3], strict=True)
    found = {_COUNTRIES[place]: (texting, calling) for place, texting, calling in places}
    texting, calling = found.pop(_ALL, (0, 0))
    texting -= sum(each for each, _ in found.values())
    calling -= sum(each for _, each in found.values())
    return found | ({"": (texting, calling)} if texting or calling else {})


def _date(day: int) -> str:
    """Return a day, counted from the Unix epoch, as ISO 8601 writes it; '' for none."""
    return datetime.fromtimestamp(day * DAY_SECONDS, UTC).date().isoformat() if day else ""
