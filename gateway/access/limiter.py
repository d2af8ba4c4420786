"""Who may do how much in which window: exact limits over all processes, kept in Redis.

A strict sliding window: in no window of ``seconds`` are more than ``amount`` calls counted.
Refused calls do not count. One script call a hit, so parallel callers cannot slip through.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from conf.messages import MessageEndpoint
from gateway.access.client_address import limit_subject
from gateway.access.refusals import Refusals
from gateway.errors import LimitExceeded, StoreUnavailable
from gateway.monitoring.metrics import LIMITED
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

_HIT = Script.load(__file__, "limit_hit", "_enqueue", "_window")
_LOOK = Script.load(__file__, "limit_look", "_enqueue", "_window")


@dataclass(frozen=True, slots=True)
class Limit:
    """``amount`` calls in any window of ``seconds``; amount 0 = no limit."""

    amount: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a limit holds for one subject: ``used`` of ``amount`` calls in the last ``seconds``.

    wait: whole seconds until one more call would pass, 0 = at once; amount 0 = no limit, and
    then nothing is counted.
    """

    used: int
    amount: int
    seconds: int
    wait: int


class Limiter:
    """Counts calls under a limit class and a subject (a client address or a number).

    blocks: where refusals are noted for those who look after them.
    """

    def __init__(self, store: Store, blocks: Refusals | None = None) -> None:
        self._store = store
        self._blocks = blocks

    async def hit(self, limit_class: str, subject: str, limit: Limit) -> None:
        """Count one call.

        Raises LimitExceeded with the whole seconds until a call would pass, and
        StoreUnavailable when the count is not known. The first refusal of a subject is answered
        a round trip later than the others: it is noted before.
        """
        if not limit.amount:
            return
        key = keys.limit(limit_class, subject)
        refused = await self._store.run(_HIT, [key], [limit.amount, limit.seconds * 1000])
        if refused:
            wait, until = refused
            if self._blocks is not None:
                await self._blocks.note(limit_class, subject, until)
            raise _refusal(limit_class, wait / 1000)

    async def look(self, limit_class: str, subject: str, limit: Limit) -> Look:
        """Return what ``hit`` would find, and count nothing; raises StoreUnavailable."""
        if not limit.amount:
            return Look(0, 0, limit.seconds, 0)
        key = keys.limit(limit_class, subject)
        used, wait = await self._store.run(_LOOK, [key], [limit.amount, limit.seconds * 1000])
        return Look(used, limit.amount, limit.seconds, math.ceil(wait / 1000))


def _refusal(limit_class: str, seconds: float) -> LimitExceeded:
    """Return the error for a call that would pass in ``seconds``, counted in the metrics."""
    LIMITED[(limit_class.partition(":")[0],)].inc()
    return LimitExceeded(math.ceil(seconds))


class LocalLimiter:
    """The same window counted in this process only, for the time in which the store is down.

    Remembers the latest ``subjects`` subjects and forgets the one that was quiet for longest.
    """

    def __init__(self, subjects: int = 10_000) -> None:
        self._capacity = subjects
        self._calls: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def hit(self, limit_class: str, subject: str, limit: Limit) -> None:
        """Count one call; raises LimitExceeded like ``Limiter.hit``."""
        if not limit.amount:
            return
        calls = self._calls.setdefault((limit_class, subject), deque())
        self._calls.move_to_end((limit_class, subject))
        if len(self._calls) > self._capacity:
            self._calls.popitem(last=False)
        now = time.monotonic()
        if len(calls) >= limit.amount:
            wait = calls[-limit.amount] + limit.seconds - now
            if wait > 0:
                raise _refusal(limit_class, wait)
        calls.append(now)
        while len(calls) > limit.amount:
            calls.popleft()


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit and the class under which its calls are counted."""

    limit_class: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """Calls of one message endpoint by a client address, and its messages to a number (E.164)."""

    address: Quota
    receiver: Quota


class MessageLimits:
    """The limits of the message endpoints; address, receiver: the common ones.

    All endpoints share one count of each; one with limits of its own has counts of its own.
    """

    def __init__(self, address: Limit, receiver: Limit) -> None:
        self.address = address
        self.receiver = receiver
        self._of: dict[MessageEndpoint, EndpointLimits] = {}

    def of(self, endpoint: MessageEndpoint) -> EndpointLimits:
        """Return the limits of an endpoint."""
        if endpoint not in self._of:
            self._of[endpoint] = EndpointLimits(
                self._by_address(endpoint), self._to_receiver(endpoint)
            )
        return self._of[endpoint]

    def _by_address(self, endpoint: MessageEndpoint) -> Quota:
        limit = _own(endpoint.limit_amount, endpoint.limit_expires, self.address)
        return Quota(_class("message", endpoint, shared=limit is self.address), limit)

    def _to_receiver(self, endpoint: MessageEndpoint) -> Quota:
        amount, seconds = endpoint.receiver_limit_amount, endpoint.receiver_limit_expires
        limit = _own(amount, seconds, self.receiver)
        return Quota(_class("receiver", endpoint, shared=limit is self.receiver), limit)


class ValidationLimits:
    """The limit of number validations per client address; ``limit``: its amount and window."""

    def __init__(self, limiter: Limiter, limit: Limit) -> None:
        self._limiter = limiter
        self._local = LocalLimiter()
        self.limit = limit

    async def hit(self, address: str) -> None:
        """Count a call; without the store it is counted in this process alone.

        Raises LimitExceeded.
        """
        try:
            await self._limiter.hit("validation", limit_subject(address), self.limit)
        except StoreUnavailable:
            self._local.hit("validation", limit_subject(address), self.limit)

    async def look(self, address: str) -> Look:
        """Return what a call would meet, and count none; raises StoreUnavailable."""
        return await self._limiter.look("validation", limit_subject(address), self.limit)


def _class(kind: str, endpoint: MessageEndpoint, *, shared: bool) -> str:
    return kind if shared else f"{kind}:{endpoint.path}"


def _own(amount: int | None, seconds: int | None, common: Limit) -> Limit:
    """Return the limit of an endpoint, ``common`` itself when it sets neither value.

    A window of its own needs a count of its own too: the shorter one would forget the other's.
    """
    if amount is None and seconds is None:
        return common
    return Limit(
        common.amount if amount is None else amount, common.seconds if seconds is None else seconds
    )
