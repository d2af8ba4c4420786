"""The time series that the console plots: what all processes count, added up in the store.

A process counts for Prometheus alone. Every ``FLUSH_SECONDS`` what its counters have grown by is
added to the hash of the minute and to that of the ten minutes, by the store's clock. A flush has a
number, and of each process the store takes a number once: what was not answered is repeated.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from gateway.errors import StoreUnavailable
from gateway.monitoring import metrics
from gateway.monitoring.time_series import Series, read
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Script

FLUSH_SECONDS = 5.0
GAUGE_SECONDS = 10.0
# So old (s) may be what is told of a provider last.
LATEST_SECONDS = 7 * 86_400
# How long (s) the keys of the script stay: the number of a flush for longer than any outage after
# which its process would still repeat it, the buckets a little longer than they are shown.
LIFETIMES = (26 * 3600, 2 * 3600, 26 * 3600, LATEST_SECONDS)
DECIMALS = 9  # prices have eight at most; a difference of two floats has more

# How much there is of what, asked of the store at no cost that grows with it.
GAUGES: Mapping[str, tuple[str, str]] = {
    "queue.outbox": ("ZCARD", keys.DUE),
    "queue.dead_letters": ("HLEN", keys.DEAD),
    "queue.smssync": ("ZCARD", keys.TASK_QUEUE),
    "sessions.open": ("ZCARD", keys.SESSIONS),
}

_ADD = Script.load(__file__, "stats_add")
_READ = Script.load(__file__, "stats_read")


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider does, by outcome (a word of providers.base.Outcome).

    latest: when it last came to it in 7 days (ms, late by FLUSH_SECONDS at most), absent = never;
    hour: how many times in the last hour, absent = never.
    """

    latest: Mapping[str, int]
    hour: Mapping[str, int]

    @property
    def outcome(self) -> str:
        """The latest outcome, '' when there is none; of those in one flush, success counts."""
        rank = {each: (at, each == "accepted") for each, at in self.latest.items()}
        return max(rank, key=lambda each: rank[each], default="")

    @property
    def at(self) -> int:
        """When that was (ms), 0 when there is none."""
        return max(self.latest.values(), default=0)

    @property
    def total(self) -> int:
        """How many messages it was given in the last hour."""
        return sum(self.hour.values())

    @property
    def failed(self) -> int:
        """How many of them it did not take, for whatever reason."""
        return self.total - self.hour.get("accepted", 0)


@dataclass(frozen=True, slots=True)
class _Resolution:
    """Buckets of ``step`` seconds, ``count`` of which are shown; key: of one by its number."""

    step: int
    count: int
    key: Callable[[int], str]


_MINUTES = _Resolution(60, 60, keys.stats_minute)
_TENS = _Resolution(600, 144, keys.stats_ten_minutes)


class Stats:
    """Adds this process's counters to the store, and reads what all processes have added.

    totals: what this process has counted, by name, see metrics.totals; clock: seconds, for when to
    flush.
    """

    def __init__(
        self,
        store: Store,
        *,
        totals: Callable[[], Mapping[str, float]] = metrics.totals,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._totals = totals
        self._clock = clock
        self._process = secrets.token_hex(8)
        self._flushed = totals()
        self._flushes = 0
        self._unanswered: tuple[list[str], list[Argument]] | None = None
        self._flushing = asyncio.Lock()
        self._next_flush = clock() + FLUSH_SECONDS
        self._next_gauges = 0.0

    async def look_after(self) -> None:
        """Flush when it is time to; raises StoreUnavailable, and then does so again later."""
        now = self._clock()
        if now < self._next_flush:
            return
        self._next_flush = now + FLUSH_SECONDS
        gauges = now >= self._next_gauges
        if gauges:
            self._next_gauges = now + GAUGE_SECONDS
        await self.flush(gauges=gauges)

    async def flush(self, *, gauges: bool = True) -> None:
        """Add what was counted since the last flush; gauges: and note how much there is of what.

        Raises StoreUnavailable; the next flush adds what this one may not have, and nothing twice.
        """
        async with self._flushing:
            await self._add()
            totals = self._totals()
            grown = _grown(self._flushed, totals)
            if not (grown or gauges):
                return
            now, levels = await self._look(gauges)
            self._flushes += 1
            self._flushed = totals
            self._unanswered = self._call(now, grown, levels)
            await self._add()

    async def close(self) -> None:
        """Flush for the last time; a store that is down is not waited for."""
        with suppress(StoreUnavailable), budget():
            await self.flush(gauges=False)

    async def hour(self) -> Series:
        """Return the last 60 minutes; raises StoreUnavailable."""
        return await self._series(_MINUTES)

    async def day(self) -> Series:
        """Return the last 144 tens of minutes; raises StoreUnavailable."""
        return await self._series(_TENS)

    async def health(self, hour: Series) -> dict[str, ProviderHealth]:
        """Return how each provider does and did in the last ``hour``; raises StoreUnavailable.

        What is older than 7 days before the end of the hour, by the store's clock, is left out.
        """
        names = [name for name in self._flushed if name.startswith("messages.")]
        times = await self._store.execute("HMGET", keys.STATS_LATEST, *names)
        found = {name: int(at) for name, at in zip(names, times, strict=True) if at}
        oldest = (hour.start + _MINUTES.step * _MINUTES.count - LATEST_SECONDS) * 1000
        latest = {name: at for name, at in found.items() if at >= oldest}
        counts = {name: int(hour.total(name)) for name in names if hour.total(name)}
        return {
            each: ProviderHealth(_of(each, latest), _of(each, counts)) for each in metrics.PROVIDERS
        }

    async def _look(self, gauges: bool) -> tuple[int, dict[str, int]]:
        """Return the store's time (ms) and the levels of the gauges, if they are wanted."""
        asked = GAUGES if gauges else {}
        (seconds, micros), *levels = await asyncio.gather(
            self._store.execute("TIME"), *(self._store.execute(*each) for each in asked.values())
        )
        return int(seconds) * 1000 + int(micros) // 1000, dict(zip(asked, levels, strict=True))

    def _call(
        self, now: int, grown: Mapping[str, float], levels: Mapping[str, int]
    ) -> tuple[list[str], list[Argument]]:
        """Return keys and arguments of a flush. Scripts make no keys: its time was asked before."""
        second = now // 1000
        names = [
            keys.stats_flushed(self._process),
            *(each.key(second // each.step) for each in (_MINUTES, _TENS)),
            keys.STATS_LATEST,
        ]
        flat = [item for pair in [*grown.items(), *levels.items()] for item in pair]
        return names, [self._flushes, *LIFETIMES, now, len(grown), *flat]

    async def _add(self) -> None:
        """Make the flush that was not answered yet, if there is one."""
        if self._unanswered is not None:
            await self._store.run(_ADD, *self._unanswered)
            self._unanswered = None

    async def _series(self, resolution: _Resolution) -> Series:
        seconds, _ = await self._store.execute("TIME")
        last = int(seconds) // resolution.step
        numbers = range(last - resolution.count + 1, last + 1)
        buckets = await self._store.run(_READ, [resolution.key(each) for each in numbers], [])
        start = numbers[0] * resolution.step
        return Series(start, resolution.step, read(buckets, self._flushed, GAUGES))


def _grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each series has grown, without those that have not."""
    return {
        name: round(total - before.get(name, 0.0), DECIMALS)
        for name, total in after.items()
        if total > before.get(name, 0.0)
    }


def _of(provider: str, values: Mapping[str, int]) -> dict[str, int]:
    """Return the values of one provider by outcome."""
    prefix = f"messages.{provider}."
    found = {name: value for name, value in values.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in found.items()}
