"""What no request asks for: once a second every process looks after what has become due."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from gateway.errors import StoreUnavailable
from gateway.store.budget import budget

log = logging.getLogger(__name__)

SECONDS = 1.0


class Periodic:
    """Runs ``chores`` one after the other, again and again, until it is stopped.

    Each chore is safe to run in many processes at once, and finds nothing to do as a rule. The list
    stands in ``services.py``: calls and sessions that are over, texts that are held, parts that
    stay away, notices owed, who waits for a chat, what is too old, phones' tasks, plots, budgets,
    countries that are new, ranges whose links nobody opens.
    """

    def __init__(self, chores: Sequence[Callable[[], Awaitable[object]]]) -> None:
        self._chores = chores
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End at once: what was begun is finished by another process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            # Processes that were started together need not look at the same moment.
            await asyncio.sleep(SECONDS * random.uniform(0.75, 1.25))  # noqa: S311
            for chore in self._chores:
                await _done(chore)


async def _done(chore: Callable[[], Awaitable[object]]) -> None:
    try:
        with budget():
            await chore()
    except StoreUnavailable:
        pass  # said by the store; the next turn tries again
    except Exception:
        log.exception("a chore failed; it is tried again")
