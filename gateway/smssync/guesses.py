"""Wrong secrets of phones: who has sent too many for one is refused for a while."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from gateway.access.client_address import limit_subject
from gateway.access.limiter import Limit, Limiter
from gateway.errors import LimitExceeded, StoreUnavailable

WRONG = Limit(20, 600)
# Pairs of whom a process knows something; the store knows all of them.
MOST_PAIRS = 10_000


@dataclass(slots=True)
class _Pair:
    """When wrong secrets came to this process, and until when they are refused everywhere."""

    wrong: deque[float] = field(default_factory=lambda: deque(maxlen=WRONG.amount))
    until: float = 0.0

    def blocked_until(self) -> float:
        full = len(self.wrong) == WRONG.amount
        return max(self.until, self.wrong[0] + WRONG.seconds if full else 0.0)


class Guesses:
    """Counts wrong secrets by the client's address and the phone, over all processes.

    By the pair, so that nobody keeps a phone out by guessing from elsewhere. A right secret asks
    no store: a process refuses whom it has counted itself, or of whom the store has told it. Its
    own count holds at once, before the store answers, for guesses that come side by side.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._pairs: OrderedDict[str, _Pair] = OrderedDict()

    def check(self, client: str, name: str) -> None:
        """Raise LimitExceeded for a pair that is refused whatever it sends."""
        pair = self._pairs.get(_key(client, name))
        left = pair.blocked_until() - time.monotonic() if pair else 0.0
        if left > 0:
            raise LimitExceeded(int(left) + 1)

    async def note(self, client: str, name: str) -> None:
        """Count a wrong secret; without the store this process counts alone."""
        key = _key(client, name)
        pair = self._pairs.setdefault(key, _Pair())
        self._pairs.move_to_end(key)
        if len(self._pairs) > MOST_PAIRS:
            self._pairs.popitem(last=False)
        pair.wrong.append(time.monotonic())
        try:
            await self._limiter.hit("phone_secret", key, WRONG)
            wait = (await self._limiter.look("phone_secret", key, WRONG)).wait
        except LimitExceeded as refused:
            wait = refused.retry_after
        except StoreUnavailable:
            return
        if wait:
            pair.until = time.monotonic() + wait


def _key(client: str, name: str) -> str:
    return f"{limit_subject(client)}>{name}"
