"""The time of a call: its seconds may pass faster than real ones."""

from __future__ import annotations

import asyncio
import contextlib
import time

from gateway.emulator.account.calls import Call


class CallClock:
    """Counts the seconds of a call; scale: real seconds that one of them takes, 0 = none."""

    def __init__(self, call: Call, scale: float) -> None:
        self._call = call
        self._scale = scale
        self._skipped = 0.0

    def now(self) -> float:
        """Return the time of the call in unix seconds."""
        return time.time() + self._skipped

    async def sleep(self, seconds: float) -> None:
        """Let seconds of the call pass, fewer when somebody hangs up meanwhile."""
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._call.hung_up(), seconds * self._scale)
            seconds = (time.monotonic() - begun) / self._scale if self._scale else 0.0
        self._skipped += seconds - (time.monotonic() - begun)
