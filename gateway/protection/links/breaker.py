"""Takes ranges of numbers, and countries, out of service whose links nobody opens, and back in.

What is decided lies in the store; each process looks at it every two seconds and knows it by
heart, so that a message costs no call. Once a minute one process of all counts and decides.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping

import msgspec

from conf.protection import Breaker as Policy
from conf.protection import Mode
from gateway.access.limiter import Limit
from gateway.monitoring.metrics import BROKEN
from gateway.protection.limits.layers import number_range
from gateway.protection.links.conversions import DAY, Conversions, Counts
from gateway.protection.links.judgement import Entry, State, Subject, decisions, in_words
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script, pairs
from gateway.telephony.destinations import place_of
from gateway.telephony.phonenumber import PhoneNumber

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
DECIDE_SECONDS = 60.0
# Of a subject on trial so many messages pass: enough for a link to be opened, too few to earn by.
TRIALS = Limit(20, DAY)
MOST_ENTRIES = 1000
LIMIT_CLASS = "breaker"

_SET = Script.load(__file__, "breaker_set")


class Breaker:
    """Knows which subjects are blocked or on trial; policy.mode: what RuleGate does about it."""

    def __init__(self, store: Store, conversions: Conversions, policy: Policy) -> None:
        self._store = store
        self._conversions = conversions
        self.policy = policy
        self.mode = policy.mode
        self.entries: Mapping[Subject, Entry] = {}
        self._by_country = False
        self._look_again = self._decide_again = 0.0

    def of(self, number: PhoneNumber) -> tuple[Subject, Entry] | None:
        """Return what is decided on a number, None when its messages pass; asks memory alone.

        A range that somebody lets through passes whatever its country does. Otherwise the stricter
        holds: a block, then what all trials of a country share, so that many ranges that are each
        on trial are no way around it.
        """
        if not self.entries or self.mode is Mode.OFF:
            return None
        of_range = f"range {number_range(number.person)}"
        subjects = [of_range]
        if self._by_country:
            subjects.insert(0, f"country {place_of(number.e164)}")
        found = {each: self.entries[each] for each in subjects if each in self.entries}
        if of_range in found and found[of_range].state is State.RESTING:
            return None
        by_state = ((state, each) for state in _STOPPING for each in found.items())
        return next((each for state, each in by_state if each[1].state is state), None)

    @property
    def stopped(self) -> int:
        """How many subjects are blocked or on trial."""
        return len(_stopped(self.entries))

    async def look_after(self) -> None:
        """Look at what is decided, and decide when it is this process's turn.

        Raises StoreUnavailable; what was known stays known.
        """
        now = time.monotonic()
        if self.mode is Mode.OFF or now < self._look_again:
            return
        self._look_again = now + LOOK_SECONDS
        await self.look()
        if now >= self._decide_again:
            self._decide_again = now + DECIDE_SECONDS / 2
            lease = round(DECIDE_SECONDS * 1000) - 1000
            if await self._store.execute("SET", keys.LINKS_TURN, "1", "NX", "PX", lease):
                await self.decide()

    async def look(self) -> None:
        """Learn what is decided; raises StoreUnavailable."""
        self._learn(pairs(await self._store.execute("HGETALL", keys.LINKS_BREAKER)))

    async def decide(self) -> Counts:
        """Judge all that is counted and write down what follows; raises StoreUnavailable."""
        counts = await self._conversions.counts()
        written = pairs(await self._store.execute("HGETALL", keys.LINKS_BREAKER))
        known = {subject: _read(text) for subject, text in written.items()}
        # With 20,000 messages a day it takes a quarter of a second, for which no request may wait.
        changes = await asyncio.to_thread(lambda: list(decisions(counts, known, self.policy)))
        done = await asyncio.gather(
            *(self._set(each, written.get(each, ""), entry) for each, entry in changes)
        )
        for (subject, entry), is_done in zip(changes, done, strict=True):
            if is_done:
                _say(subject, entry, self.mode)
        if changes:
            await self.look()
        return counts

    async def release(self, subject: Subject, by: str) -> None:
        """Let the messages of a subject pass, and judge it no more for a day.

        by: whoever wants it so. Raises StoreUnavailable.
        """
        await self._order(subject, State.RESTING, by)

    async def block(self, subject: Subject, by: str) -> None:
        """Refuse the messages of a subject for a day; raises StoreUnavailable."""
        await self._order(subject, State.BLOCKED, by)

    async def _order(self, subject: Subject, state: State, by: str) -> None:
        now = self._conversions.clock()
        before = await self._store.execute("HGET", keys.LINKS_BREAKER, subject) or ""
        known = _read(before) if before else None
        times = known.times if known and state is State.BLOCKED else 0
        why = known.why if known else Entry(state, now, now).why
        entry = Entry(state, now, now + DAY, now, times, why, by)
        await self._store.execute("HSET", keys.LINKS_BREAKER, subject, _write(entry))
        await self.look()

    async def _set(self, subject: Subject, before: str, entry: Entry | None) -> bool:
        args = (subject, before, _write(entry) if entry else "", MOST_ENTRIES)
        return bool(await self._store.run(_SET, [keys.LINKS_BREAKER], args))

    def _learn(self, written: Mapping[str, str]) -> None:
        self.entries = {subject: _read(text) for subject, text in written.items()}
        self._by_country = any(each.startswith("country ") for each in self.entries)
        kinds = Counter(each.partition(" ")[0] for each in _stopped(self.entries))
        for kind in ("range", "country"):
            BROKEN.labels(kind).set(kinds[kind])


# The stricter first.
_STOPPING = (State.BLOCKED, State.TRYING)
_READER = msgspec.json.Decoder(Entry)


def _stopped(entries: Mapping[Subject, Entry]) -> list[Subject]:
    return [subject for subject, each in entries.items() if each.state in _STOPPING]


def _read(text: str) -> Entry:
    """Return an entry; one of another release that cannot be read lets all pass and goes."""
    try:
        return _READER.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Entry(State.CLEAR, 0, 0)


def _write(entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()


def _say(subject: Subject, entry: Entry | None, mode: Mode) -> None:
    """Say in the log what was decided."""
    shown = in_words(subject)
    if entry is None or entry.state is State.CLEAR:
        log.info("links: messages to the %s pass again", shown)
    elif entry.state is State.TRYING:
        log.info("links: a few messages to the %s pass on trial", shown)
    elif entry.state is State.BLOCKED:
        are = "would be" if mode is Mode.MONITOR else "are"
        log.warning(
            "links: messages to the %s %s blocked: %d sent, %d links opened, usual are %d %%",
            *(shown, are, entry.why.sent, entry.why.clicked, 100 * entry.why.usual),
        )
