"""At most so many requests a second under one key, over all processes."""

from __future__ import annotations

import math

from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

_RESERVE = Script.load(__file__, "pace_reserve")

# A request reserved for a moment arrives some milliseconds later, by chance more or fewer than
# the one before it. Intervals longer by a twentieth keep every second of arrivals within the rate.
JITTER_MARGIN = 1.05


class Pacer:
    """Hands out turns under a key (a provider account, a sending number)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reserve(
        self, name: str, rate: float, longest: float, hold: float = 0.0
    ) -> float | None:
        """Reserve the next turn under ``name`` and return the seconds until it comes.

        rate: requests per second (0.5: one in two seconds), 0 = at once; longest: seconds that
        the caller would wait at most (None when it were longer, and nothing is reserved); hold:
        seconds in which nothing may leave at all, because the provider asked for a pause.
        """
        if not rate:
            return hold
        # A burst of int(rate) at a fractional rate would put two of them into one second.
        burst = int(rate) if rate == int(rate) else 1
        interval = math.ceil(burst / rate * 1000 * JITTER_MARGIN)
        args = (burst, interval, int(longest * 1000), int(hold * 1000))
        wait = int(await self._store.run(_RESERVE, [keys.pace(name)], args))
        return None if wait < 0 else wait / 1000
