"""Changes of SMS for phones, told once: by the process that caused them, or else by another one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from gateway.errors import StoreUnavailable
from gateway.smssync.tasks import TaskState
from gateway.store import keys
from gateway.store.budget import fresh_budget
from gateway.store.pipeline import Store

log = logging.getLogger(__name__)

Change = tuple[str, TaskState]  # of the task with this uuid
Changed = Callable[[str, TaskState], Awaitable[None]]


class Reports:
    """Tells ``changed`` of each change and strikes it off the list of what is owed.

    The script that makes a change writes down that it is owed, so that none is lost with a process.
    """

    def __init__(self, store: Store, changed: Changed) -> None:
        self._store = store
        self._changed = changed
        self._under_way: set[asyncio.Task[None]] = set()

    async def make(self, changes: Iterable[Change]) -> None:
        """Tell of changes; what is not taken note of stays owed."""
        owed = list(changes)
        if not owed:
            return
        outcomes = await asyncio.gather(
            *(self._changed(*each) for each in owed), return_exceptions=True
        )
        told = []
        for (uuid, state), outcome in zip(owed, outcomes, strict=True):
            if outcome is None:
                told.append(f"{uuid} {state}")
            elif not isinstance(outcome, StoreUnavailable):
                log.error("task %s: %s was not reported", uuid, state, exc_info=outcome)
        if told:
            try:
                await self._store.execute("ZREM", keys.TASK_REPORTS, *told)
            except StoreUnavailable:
                log.warning("%d changes of tasks may be reported again", len(told))

    def make_later(self, changes: Sequence[Change]) -> None:
        """Tell of changes while whoever caused them goes on."""
        if changes:
            task = asyncio.create_task(self._make_in_time_of_its_own(changes))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def drain(self) -> None:
        """Wait until what was left for later is told, or left to others."""
        await asyncio.gather(*self._under_way)

    async def _make_in_time_of_its_own(self, changes: Sequence[Change]) -> None:
        fresh_budget()
        try:
            await self.make(changes)
        except Exception:  # nobody waits for it; what is not struck off is told again
            log.exception("%d changes of tasks may be reported again", len(changes))


def changes_in(entries: Iterable[str]) -> list[Change]:
    """Return the changes behind entries of the list of what is owed, ``<uuid> <state>``."""
    pairs = (entry.split(" ", 1) for entry in entries)
    return [(uuid, TaskState(state)) for uuid, state in pairs]
