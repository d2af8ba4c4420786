"""At most so many requests a second under one key, over all processes."""

from __future__ import annotations

import math

from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

_RESERVE = Script.load(__file__, "pace_reserve", "_enqueue")

# A request reserved for a moment arrives some milliseconds later, by chance more or fewer than
# the one before it. Intervals longer by a twentieth keep every second of arrivals within the rate.
JITTER_MARGIN = 1.05
# Nobody waits for longer, but for who says so: a provider's pause is the longest wait that is
# meant. What is reserved beyond it is the work of a clock that was wrong.
LONGEST_MEANT_SECONDS = 60.0


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
        meant = max(longest, LONGEST_MEANT_SECONDS)
        waits = (int(seconds * 1000) for seconds in (longest, hold, meant))
        names = [keys.pace(name), keys.pace_clock(name)]
        wait = int(await self._store.run(_RESERVE, names, [burst, interval, *waits]))
        return None if wait < 0 else wait / 1000
