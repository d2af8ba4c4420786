"""How long one request may wait for the store: a second in all, however many calls it makes.

What no request waits for, such as the outbox worker, has no budget: each of its calls may wait a
second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

STORE_SECONDS = 1.0


class Budget:
    """The seconds that one request may still wait for the store.

    Calls that wait at the same time spend the same second, not one each.
    """

    __slots__ = ("_left", "_since", "_waiting")

    def __init__(self, seconds: float = STORE_SECONDS) -> None:
        self._left = seconds
        self._since = 0.0
        self._waiting = 0

    def start(self, now: float) -> float:
        """Begin to wait and return the seconds that are left."""
        if not self._waiting:
            self._since = now
        self._waiting += 1
        return self._left - (now - self._since)

    def stop(self, now: float) -> None:
        """End one wait."""
        self._waiting -= 1
        if not self._waiting:
            self._left -= now - self._since


current: ContextVar[Budget | None] = ContextVar("store_budget", default=None)


def fresh_budget() -> None:
    """Begin a request: its task waits STORE_SECONDS in all for the store from now on."""
    current.set(Budget())


@contextmanager
def budget() -> Iterator[None]:
    """Let the block wait STORE_SECONDS in all, whatever was spent before it.

    For work that comes after a provider's answer, and for each step of work that is long.
    """
    before = current.set(Budget())
    try:
        yield
    finally:
        current.reset(before)
