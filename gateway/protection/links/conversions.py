"""How many messages with a link were sent, and how many of these links were opened.

By source (an endpoint, and a shop) and country for each hour of a week, by source and range of
numbers for each ten minutes of a day: a week of single ranges would be a list of customers. An
opened link is counted where its message is, so that a share is one of the same messages.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.errors import StoreUnavailable
from gateway.protection.limits.layers import number_range
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.script import Reply, Script, ScriptCall, pairs
from gateway.telephony.destinations import place_of

HOUR, TEN_MINUTES, DAY, WEEK = 3600, 600, 86_400, 604_800
# Of an hour or of ten minutes; the defaults let through 1,000 messages an hour.
MOST_FIELDS = 5000
# Hashes that are read in one pipeline, in which requests of visitors may travel, too.
AT_ONCE = 25
# A link is opened within minutes of its text: one that is younger says nothing yet.
RIPE_AFTER = 600

_COUNT = Script.load(__file__, "links_count")

Clock = Callable[[], float]


@dataclass(slots=True)
class Tally:
    """Messages with a link, and how many of them had it opened."""

    sent: int = 0
    clicked: int = 0

    @property
    def share(self) -> float:
        """Which part of them had it opened, 0 where none were sent."""
        return min(1.0, self.clicked / self.sent) if self.sent else 0.0

    def add(self, other: Tally) -> None:
        """Add those of another."""
        self.sent += other.sent
        self.clicked += other.clicked


# Of a source in a country (or calling code), or in a range, as in ``DE:4915123456xxxx``.
Tallies = dict[tuple[str, str], Tally]


@dataclass(slots=True)
class Counts:
    """What is counted, as it is looked at; at: seconds since 1970.

    days: of a week, by the number of a day; ranges: by the beginning (s) of ten minutes.
    """

    at: float
    days: dict[int, Tallies] = field(default_factory=dict)
    ranges: dict[int, Tallies] = field(default_factory=dict)

    def by_place(self) -> Tallies:
        """Return a week's, by source and country."""
        return _summed(self.days.values())

    def by_range(self) -> Tallies:
        """Return a day's, by source and range."""
        return _summed(self.ranges.values())

    def ripe(self) -> dict[int, Tallies]:
        """Return the ranges of those ten minutes all of whose messages are old enough."""
        until = self.at - RIPE_AFTER - TEN_MINUTES
        return {begin: found for begin, found in self.ranges.items() if begin <= until}


class Conversions:
    """Counts over all processes; clock: seconds since 1970."""

    def __init__(self, store: Store, clock: Clock = time.time) -> None:
        self._store = store
        self.clock = clock

    async def sent(self, source: str, to: str) -> None:
        """Count a message with a link that a provider took; to: E.164.

        Nothing is raised: one more or less is no reason to fail.
        """
        with suppress(StoreUnavailable):
            await self._store.run(*self._call("s", source, to, self.clock()))

    async def clicked(self, source: str, to: str, sent_at: float) -> None:
        """Count that the link of one was opened; sent_at: s. Raises StoreUnavailable."""
        await self._store.run(*self._call("c", source, to, sent_at))

    async def counts(self) -> Counts:
        """Return all that is counted, read some at a time; raises StoreUnavailable."""
        now = self.clock()
        hours = list(_begins(now, HOUR, WEEK))
        tens = list(_begins(now, TEN_MINUTES, DAY))
        names = [keys.links_hour(each // HOUR) for each in hours]
        names += [keys.links_ten(each // TEN_MINUTES) for each in tens]
        found: list[Reply] = []
        for some in (names[n : n + AT_ONCE] for n in range(0, len(names), AT_ONCE)):
            with budget():
                found += await asyncio.gather(*(self._store.execute("HGETALL", x) for x in some))
        # With 20,000 messages a day it takes a tenth of a second, for which no request may wait.
        read = await asyncio.to_thread(lambda: [_read(pairs(each)) for each in found])
        counts = Counts(now, ranges=dict(zip(tens, read[len(hours) :], strict=True)))
        for begin, tallies in zip(hours, read, strict=False):
            _add(counts.days.setdefault(begin // DAY, {}), tallies)
        return counts

    def _call(self, what: str, source: str, to: str, sent_at: float) -> ScriptCall:
        hour, ten = int(sent_at // HOUR), int(sent_at // TEN_MINUTES)
        age = self.clock() - sent_at
        week, day = (max(0, round((kept - age) * 1000)) for kept in (WEEK + HOUR, DAY + HOUR))
        place = place_of(to)
        by_place = f"{what} {source} {place}"
        by_range = f"{what} {source} {place}:{number_range(to)}"
        args = (by_place, week, by_range, day, MOST_FIELDS)
        return _COUNT, [keys.links_hour(hour), keys.links_ten(ten)], args


def _begins(now: float, step: int, length: int) -> Iterator[int]:
    """Yield when each of the steps began in which a time of this length up to now lies."""
    last = int(now // step) * step
    return iter(range(last - length, last + step, step))


def _read(found: Mapping[str, str]) -> Tallies:
    sums: Counter[tuple[str, str, str]] = Counter()
    for name, count in found.items():
        what, source, where = name.split(" ")
        sums[what, source, where] = int(count)
    places = {(source, where) for _, source, where in sums}
    return {
        (source, where): Tally(sums["s", source, where], sums["c", source, where])
        for source, where in places
    }


def _summed(many: Iterable[Tallies]) -> Tallies:
    found: Tallies = {}
    for each in many:
        _add(found, each)
    return found


def _add(to: Tallies, more: Tallies) -> None:
    for key, tally in more.items():
        to.setdefault(key, Tally()).add(tally)
