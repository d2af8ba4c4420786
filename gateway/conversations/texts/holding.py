"""Texts above the cap of a side: kept apart from the outbox until the window lets them through.

In the outbox they would stand in the way of notices to the same person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from gateway.conversations.session import SIDES
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.scan import drop_members
from gateway.store.script import Script

log = logging.getLogger(__name__)

_DUE = Script.load(__file__, "due")
_RELEASE = Script.load(__file__, "held_release", "_enqueue")

# Sides looked at in one call, and texts of one side.
BATCH = 50
MOST = 100
REASSIGNED = "its session has ended, and the number stands for somebody else"


class Holding:
    """Queues held texts when their time has come; ``wake`` tells the outbox's worker."""

    def __init__(self, store: Store, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake

    async def release_due(self) -> int:
        """Queue the texts that may leave by now and return how many; any process may do so.

        One whose session has ended meanwhile is sent all the same, as what waits in the outbox is,
        unless its number leads the receiver to somebody else by now: then it is a dead letter.
        """
        members: list[str] = await self._store.run(_DUE, [keys.HELD], [BATCH])
        released = 0
        for member in members:
            with budget():
                released += await self._release(member)
        if released:
            self._wake()
        return released

    async def discard_of(self, sessions: Iterable[str]) -> None:
        """Drop what is held in sessions."""
        for each in sessions:
            with budget():
                await self._store.execute("DEL", *(keys.held(each, side) for side in SIDES))
            await drop_members(self._store, keys.HELD, f"{each} *")

    async def _release(self, member: str) -> int:
        session, side, direction = member.split(" ")
        number, _, receiver = direction.partition(">")
        queued, dead = await self._store.run(
            _RELEASE,
            [
                keys.HELD,
                keys.held(session, side),
                keys.DUE,
                keys.queue(direction),
                keys.routes(receiver),
                keys.DEAD,
                keys.DEAD_TIMES,
                keys.session_log_states(session),
            ],
            [member, session, number, direction, REASSIGNED, MOST],
        )
        if dead:
            log.warning("session %s: %d held texts came too late, dead letters", session, dead)
        return int(queued)
