"""At most so many requests a second under one key, over all processes."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Mapping
from enum import StrEnum

from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

_RESERVE = Script.load(__file__, "pace_reserve", "_enqueue", "_pace")

# A request reserved for a moment arrives some milliseconds later, by chance more or fewer than
# the one before it. Intervals longer by a twentieth keep every second of arrivals within the rate.
JITTER_MARGIN = 1.05
# Nobody waits for longer, but for who says so: a provider's pause is the longest wait that is
# meant. What is reserved beyond it is the work of a clock that was wrong.
LONGEST_MEANT_SECONDS = 60.0
# A flow that has its share of turns ahead asks again after so many seconds, not all at once.
ASK_AGAIN = (0.1, 0.3)
_SHARE_USED = -2


class Flow(StrEnum):
    """What shares a rate: messages of the public endpoints, relayed texts, and notices."""

    PUBLIC = "public"
    RELAY = "relay"
    NOTICES = "notices"


SHARES: Mapping[Flow, float] = {Flow.PUBLIC: 2, Flow.RELAY: 2, Flow.NOTICES: 1}


class Pacer:
    """Hands out turns under a key (a provider account, a sending number).

    shares: weights of the flows. One that has work gets its part of the turns at least, as soon
    as those are gone that others reserved before it had any; what it leaves is the others'.
    """

    def __init__(self, store: Store, shares: Mapping[Flow, float] = SHARES) -> None:
        self._store = store
        self._shares = ",".join(f"{flow}:{weight:g}" for flow, weight in shares.items())

    async def reserve(
        self,
        name: str,
        rate: float,
        longest: float,
        hold: float = 0.0,
        flow: Flow = Flow.PUBLIC,
    ) -> float | None:
        """Reserve the next turn under ``name`` and return the seconds until it comes.

        rate: requests per second (0.5: one in two seconds), 0 = at once; longest: seconds that
        the caller would wait at most, in here as well (None when it were longer, and nothing is
        reserved); hold: seconds in which nothing may leave at all, because the provider asked
        for a pause.
        """
        if not rate:
            return hold
        give_up = time.monotonic() + longest
        left = longest
        while True:
            wait = await self._ask(name, rate, left, hold, flow)
            if wait != _SHARE_USED:
                return None if wait < 0 else wait / 1000
            pause = random.uniform(*ASK_AGAIN)  # noqa: S311
            if time.monotonic() + pause > give_up:
                return None
            await asyncio.sleep(pause)
            left = give_up - time.monotonic()

    async def _ask(self, name: str, rate: float, longest: float, hold: float, flow: Flow) -> int:
        # A burst of int(rate) at a fractional rate would put two of them into one second.
        burst = int(rate) if rate == int(rate) else 1
        interval = math.ceil(burst / rate * 1000 * JITTER_MARGIN)
        meant = max(longest, LONGEST_MEANT_SECONDS)
        waits = (int(seconds * 1000) for seconds in (longest, hold, meant))
        names = [keys.pace(name), keys.pace_flow(name, flow), keys.pace_asked(name)]
        args: list[str | int] = [burst, interval, *waits, flow, self._shares]
        return int(await self._store.run(_RESERVE, names, args))
