"""How many requests the account may make in a second."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 1.0


class Throttle:
    """A sliding window of one second; what it refuses does not count."""

    def __init__(self) -> None:
        self._admitted: deque[float] = deque()

    def hit(self, now: float, rate: int) -> float:
        """Admit a request at ``now`` (seconds) and return 0, or the seconds to wait for a place."""
        while self._admitted and self._admitted[0] <= now - WINDOW_SECONDS:
            self._admitted.popleft()
        if rate and len(self._admitted) >= rate:
            return self._admitted[-rate] + WINDOW_SECONDS - now
        self._admitted.append(now)
        return 0.0

    def clear(self) -> None:
        """Forget every request."""
        self._admitted.clear()
