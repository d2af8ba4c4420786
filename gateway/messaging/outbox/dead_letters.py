"""Texts that could not be sent: the operator queues them again or discards them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum

from gateway.errors import BadRequest
from gateway.messaging.outbox.queue import UNREADABLE, DeadLetter, OutboxEntry
from gateway.messaging.status import SPOKEN
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.paging import Page, newest_first
from gateway.store.pipeline import Store
from gateway.store.scan import hash_scan
from gateway.store.script import Script
from gateway.store.values import days_ms

_REQUEUE = Script.load(__file__, "outbox_requeue", "_enqueue")
_DISCARD = Script.load(__file__, "outbox_discard")
_TRIM = Script.load(__file__, "outbox_trim", "_enqueue")


class Requeued(StrEnum):
    """What became of the wish to send a dead letter again."""

    QUEUED = "queued"
    UNKNOWN = "unknown"
    ENDED = "ended"


class DeadLetters:
    """The dead letters, which hold texts; ``days``: how long they are kept."""

    def __init__(self, store: Store, days: float) -> None:
        self._store = store
        self._lifetime_ms = days_ms(days)

    async def page(self, limit: int, after: str) -> Page[DeadLetter]:
        """Return those that follow ``after``, an id, '' = the newest.

        Raises UnknownPlace when ``after`` is no dead letter.
        """
        ids = await newest_first(self._store, keys.DEAD_TIMES, limit, after, noun="dead letter")
        texts = await self._store.execute("HMGET", keys.DEAD, *ids.items) if ids.items else []
        found = zip(ids.items, texts, strict=True)
        letters = [_read(letter_id, text) for letter_id, text in found if text]
        return Page(ids.total, letters, ids.next)

    async def requeue(self, letter_id: str) -> bool:
        """Send a dead letter again, under its id; False: unknown.

        Raises BadRequest for one that cannot be read, and so not be sent, and for what was said
        in a session that has ended: the number may belong to another conversation by now.
        """
        text = await self._store.execute("HGET", keys.DEAD, letter_id)
        if text is None:
            return False
        if _read(letter_id, text).reason == UNREADABLE:
            raise BadRequest("id: the text cannot be read, only be discarded")
        entry = replace(OutboxEntry.from_json(text), attempts=0)
        found = [keys.queue(entry.direction), keys.DUE, keys.DEAD, keys.DEAD_TIMES]
        if entry.session and entry.kind in SPOKEN:
            found += [keys.session(entry.session), keys.session_log_states(entry.session)]
        happened = await self._store.run(
            _REQUEUE, found, [letter_id, entry.direction, entry.to_json()]
        )
        if happened == Requeued.ENDED:
            raise BadRequest("id: its session has ended, it can only be discarded")
        return bool(happened == Requeued.QUEUED)

    async def discard(self, letter_id: str) -> bool:
        """Drop a dead letter; False: unknown."""
        return bool(await self._store.run(_DISCARD, [keys.DEAD, keys.DEAD_TIMES], [letter_id]))

    async def discard_of(self, e164: str, sessions: Collection[str]) -> int:
        """Drop the dead letters to a number and those of sessions; return how many."""
        dropped = 0
        async for letters in hash_scan(self._store, keys.DEAD):
            with budget():
                for letter_id, text in letters.items():
                    letter = _read(letter_id, text)
                    unread = letter.reason == UNREADABLE and e164 in text
                    if letter.to == e164 or letter.session in sessions or unread:
                        dropped += await self.discard(letter_id)
        return dropped

    async def trim(self) -> None:
        """Drop those that are too old."""
        await self._store.run(_TRIM, [keys.DEAD, keys.DEAD_TIMES], [self._lifetime_ms])


def _read(letter_id: str, text: str) -> DeadLetter:
    """Return a dead letter; what no release of ours wrote is its own text."""
    try:
        return replace(DeadLetter.from_json(text), id=letter_id)
    except ValueError:
        return DeadLetter(letter_id, "", "", "", text, "", reason=UNREADABLE, at=0)
