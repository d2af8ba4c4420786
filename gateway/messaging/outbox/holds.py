"""Providers that take nothing just now: their directions wait, and one text tries now and then.

A provider is held back for the account's sake (no credit, suspended, wrong key) or because it
cannot be reached. The first text that it takes ends that, and all that waited go on in their order.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from gateway.messaging.outbox.queue import Claim, OutboxEntry
from gateway.monitoring.metrics import PROVIDERS_HELD, provider_label
from gateway.providers.base import Obstacle, Outcome, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

log = logging.getLogger(__name__)

# Those that wait are woken over so long a time, so many in one call.
SPREAD_MS = 1000
WOKEN_AT_ONCE = 2000

_HEAD = Script.load(__file__, "outbox_head", "_enqueue", "_holds")
_HOLD = Script.load(__file__, "outbox_hold", "_enqueue", "_holds")
_NOT_TRIED = Script.load(__file__, "outbox_not_tried", "_enqueue")
_WAKE = Script.load(__file__, "outbox_wake", "_enqueue")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a provider that is held back is tried, and for how long texts wait, in seconds.

    tell: after which a sender is told that his text waits for money.
    """

    account: float = 60.0
    unreachable: float = 10.0
    budget: float = 2.0
    age: float = 86_400.0
    tell: float = 900.0

    def every_ms(self, why: Obstacle) -> int:
        """Return the time between two tries."""
        every = {Obstacle.ACCOUNT: self.account, Obstacle.BUDGET: self.budget}
        return int(every.get(why, self.unreachable) * 1000)

    @property
    def look_again_ms(self) -> int:
        """How long a text waits at most before it is looked at, should nobody wake it."""
        return int(self.tell * 1000)

    @property
    def tell_ms(self) -> int:
        """The age at which a sender is told: a little less, since processes' clocks differ."""
        return int(self.tell * 0.95 * 1000)

    @property
    def age_ms(self) -> int:
        """The age from which a text is not tried again."""
        return int(self.age * 1000)

    def is_over(self, entry: OutboxEntry) -> bool:
        """Tell whether a text has been tried for long enough; its age counts, not how often."""
        return bool(entry.born) and time.time() * 1000 - entry.born >= self.age_ms


class Look(StrEnum):
    """What may be done with the head of a claim.

    GO: it is sent; TRY: it is sent, and shows whether its provider is back; LATE: it waited for too
    long; TELL: its sender is to be told that it waits for money; PARKED: the claim has ended, its
    direction waits.
    """

    GO = "go"
    TRY = "try"
    LATE = "late"
    TELL = "tell"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a provider is held back; code: its word for that; since, next (the next try): ms."""

    why: Obstacle
    code: str
    since: int
    next: int
    every: int

    def ends_with(self, result: SubmitResult) -> bool:
        """Tell whether such an answer shows that the provider takes texts again."""
        if self.why is Obstacle.ACCOUNT:
            return result.outcome is Outcome.ACCEPTED
        if self.why is Obstacle.BUDGET:  # there was money for it; another hold has begun, if any
            return result.obstacle is None
        said = {Outcome.ACCEPTED, Outcome.REFUSED, Outcome.THROTTLED}
        return result.obstacle is None and result.outcome in said


@dataclass(frozen=True, slots=True)
class Head:
    """The text (JSON) whose turn it is, '' for none; hold: of its provider, unless it may go."""

    look: Look
    text: str = ""
    hold: Hold | None = None


class Holds:
    """The providers that are held back. wake: is called when directions were woken.

    current: those of the last look, by name.
    """

    def __init__(self, store: Store, patience: Patience, wake: Callable[[], None]) -> None:
        self.patience = patience
        self.current: Mapping[str, Hold] = {}
        self._store = store
        self._wake = wake

    async def head(self, claim: Claim) -> Head:
        """Return the head of a claim; the claim of a direction that has to wait ends."""
        times = (self.patience.age_ms, self.patience.tell_ms, self.patience.look_again_ms)
        args = (claim.direction, claim.token, *times)
        look, *found = await self._store.run(_HEAD, _keys(claim), args) or [Look.GO]
        text, hold = (*found, "", "")[:2]
        return Head(Look(look), text, _read(hold) if hold else None)

    async def begin(
        self, claim: Claim, head: str, entry: OutboxEntry, result: SubmitResult
    ) -> bool:
        """Hold back the provider of a text, which takes the place of the head and waits.

        Returns False when the claim was lost.
        """
        why = result.obstacle
        if why is None:
            raise ValueError("the provider has said what it thinks of the text")
        what = (claim.direction, claim.token, head, entry.to_json(), entry.provider)
        ages = (self.patience.age_ms, self.patience.look_again_ms)
        times = (self.patience.every_ms(why), entry.born, *ages)
        happened = await self._store.run(
            _HOLD, _keys(claim), (*what, why.value, result.code, *times)
        )
        if happened == 2:
            log.error("provider %s: texts wait, %s, code %s", entry.provider, why, result.code)
        return bool(happened)

    async def not_tried(self, provider: str) -> None:
        """Let another text try in the place of one that got no turn or is not wanted any more."""
        await self._store.run(_NOT_TRIED, [keys.HOLDS], [provider])

    async def end(self, provider: str) -> None:
        """Let the texts of a provider go, which takes them again."""
        if await self._store.execute("HDEL", keys.HOLDS, provider):
            log.warning("provider %s: takes texts again, those that waited go on", provider)
        await self.look_after()

    async def money_is_there(self) -> None:
        """Let the texts go that waited for money; those for which there is none wait again."""
        for name, hold in tuple(self.current.items()):
            if hold.why is Obstacle.BUDGET:
                await self.end(name)

    async def look_after(self) -> None:
        """Wake whom nothing holds back any more, and whose turn it is to try."""
        woken, total = WOKEN_AT_ONCE, 0
        while woken >= WOKEN_AT_ONCE:
            woken, *flat = await self._store.run(
                _WAKE,
                [keys.DUE, keys.CLAIMS, keys.HOLDS, keys.PARKED],
                [WOKEN_AT_ONCE, SPREAD_MS],
            )
            total += woken
        self._note({name: _read(hold) for name, hold in zip(flat[::2], flat[1::2], strict=True)})
        if total:
            self._wake()

    def _note(self, current: Mapping[str, Hold]) -> None:
        self.current = current
        others = (name for name, hold in current.items() if hold.why is not Obstacle.BUDGET)
        held = set(map(provider_label, others))
        for (label,), gauge in PROVIDERS_HELD.items():
            gauge.set(int(label in held))


def tried(entry: OutboxEntry) -> OutboxEntry:
    """Return a text after an attempt; from the first on the age of each counts."""
    since = 0 if entry.born else int(time.time() * 1000)
    return replace(entry, attempts=entry.attempts + 1, since=since or entry.since)


def _keys(claim: Claim) -> list[str]:
    shared = (keys.DUE, keys.CLAIMS, keys.RESERVED, keys.HOLDS, keys.PARKED)
    return [keys.queue(claim.direction), *shared]


def _read(text: str) -> Hold:
    return msgspec.json.decode(text, type=Hold)
