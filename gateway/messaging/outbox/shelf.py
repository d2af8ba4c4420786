"""Texts that the outbox keeps for the operator: found, queued again, discarded, dropped."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.errors import BadRequest, UnknownPlace
from gateway.messaging.outbox.queue import UNREADABLE, DeadLetter, OutboxEntry
from gateway.messaging.status import SPOKEN
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.paging import Page, newest_first
from gateway.store.pipeline import Store
from gateway.store.scan import hash_scan
from gateway.store.script import Script
from gateway.store.values import days_ms

# Looked at in one call where each text has to be read.
CHUNK = 500

_REQUEUE = Script.load(__file__, "outbox_requeue", "_enqueue")
_DISCARD = Script.load(__file__, "outbox_discard")
_TRIM = Script.load(__file__, "outbox_trim", "_enqueue")


class Requeued(StrEnum):
    """What became of the wish to send a kept text again."""

    QUEUED = "queued"
    UNKNOWN = "unknown"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which texts are looked for: of a session, with words in the reason, kept since a time (ms).

    '' and 0: any.
    """

    session: str = ""
    reason: str = ""
    since: int = 0

    def fits(self, letter: DeadLetter) -> bool:
        """Tell whether a text of that time is one of them."""
        return (
            self.session in {"", letter.session}
            and self.reason.casefold() in letter.reason.casefold()
        )


ANY = Wanted()


class Shelf:
    """Kept texts. noun: what one is called; days: how long they are kept."""

    def __init__(self, store: Store, texts: str, times: str, *, noun: str, days: float) -> None:
        self.noun = noun
        self._store = store
        self._texts, self._times = texts, times
        self._lifetime_ms = days_ms(days)

    async def page(self, limit: int, after: str, wanted: Wanted = ANY) -> Page[DeadLetter]:
        """Return those that are wanted and follow ``after``, an id, '' = from the newest.

        Raises UnknownPlace when ``after`` is not there.
        """
        if wanted == ANY:
            ids = await newest_first(self._store, self._times, limit, after, noun=self.noun)
            return Page(ids.total, await self._read(ids.items), ids.next)
        found = [each async for each in self.all_of(wanted)]
        places = ["", *(each.id for each in found)]
        if after not in places:
            raise UnknownPlace(f"after: no such {self.noun}")
        start = places.index(after)
        shown = found[start : start + limit]
        more = len(found) > start + limit
        return Page(len(found), shown, shown[-1].id if more else None)

    async def all_of(self, wanted: Wanted) -> AsyncIterator[DeadLetter]:
        """Yield all that are wanted, the newest first; each part of the list has its own budget."""
        with budget():
            ids = await self._store.execute(
                *("ZRANGE", self._times, "+inf", wanted.since or "-inf", "BYSCORE", "REV")
            )
        for start in range(0, len(ids), CHUNK):
            with budget():
                letters = await self._read(ids[start : start + CHUNK])
            for each in letters:
                if wanted.fits(each):
                    yield each

    async def get(self, letter_id: str) -> DeadLetter | None:
        """Return one, None when it is not there (any more)."""
        found = await self._read([letter_id])
        return found[0] if found else None

    async def requeue(self, letter_id: str, *, resent: bool = False) -> bool:
        """Send one again, under its id; False: unknown. resent: nobody asked for it.

        Raises BadRequest for one that cannot be read, and so not be sent, and for what was said
        in a session that has ended: the number may belong to another conversation by now.
        """
        text = await self._store.execute("HGET", self._texts, letter_id)
        if text is None:
            return False
        if _letter(letter_id, text).reason == UNREADABLE:
            raise BadRequest("id: the text cannot be read, only be discarded")
        entry = OutboxEntry.from_json(text)
        now = int(time.time() * 1000)
        entry = replace(entry, attempts=0, since=now, resent=resent or entry.resent)
        found = [keys.queue(entry.direction), keys.DUE, self._texts, self._times]
        if entry.session and entry.kind in SPOKEN:
            found += [keys.session(entry.session), keys.session_log_states(entry.session)]
        happened = await self._store.run(
            _REQUEUE, found, [letter_id, entry.direction, entry.to_json()]
        )
        if happened == Requeued.ENDED:
            raise BadRequest("id: its session has ended, it can only be discarded")
        return bool(happened == Requeued.QUEUED)

    async def requeue_many(self, ids: Sequence[str]) -> dict[str, str]:
        """Send several again, the oldest first; return why those were not that were not."""
        refused = {}
        for each in await self._oldest_first(ids):
            with budget():
                try:
                    known = await self.requeue(each)
                except BadRequest as error:
                    refused[each] = error.message.removeprefix("id: ")
                    continue
            if not known:
                refused[each] = f"no such {self.noun}"
        return refused

    async def _oldest_first(self, ids: Sequence[str]) -> list[str]:
        """Return ids in the order in which their texts came here, so that directions keep it."""
        times: dict[str, float] = {}
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            with budget():
                found = await self._store.execute("ZMSCORE", self._times, *some)
            times |= {each: float(at or 0) for each, at in zip(some, found, strict=True)}
        return sorted(times, key=times.__getitem__)

    async def discard(self, letter_id: str) -> bool:
        """Drop one; False: unknown."""
        return bool(await self._store.run(_DISCARD, [self._texts, self._times], [letter_id]))

    async def discard_of(self, e164: str, sessions: Collection[str]) -> int:
        """Drop those to a number and those of sessions; return how many."""
        dropped = 0
        async for letters in hash_scan(self._store, self._texts):
            with budget():
                for letter_id, text in letters.items():
                    letter = _letter(letter_id, text)
                    unread = letter.reason == UNREADABLE and e164 in text
                    if letter.to == e164 or letter.session in sessions or unread:
                        dropped += await self.discard(letter_id)
        return dropped

    async def trim(self) -> None:
        """Drop those that are too old."""
        await self._store.run(_TRIM, [self._texts, self._times], [self._lifetime_ms])

    async def _read(self, ids: Sequence[str]) -> list[DeadLetter]:
        texts = await self._store.execute("HMGET", self._texts, *ids) if ids else []
        return [_letter(each, text) for each, text in zip(ids, texts, strict=True) if text]


def _letter(letter_id: str, text: str) -> DeadLetter:
    """Return a kept text; what no release of ours wrote is its own text."""
    try:
        return replace(DeadLetter.from_json(text), id=letter_id)
    except ValueError:
        return DeadLetter(letter_id, "", "", "", text, "", reason=UNREADABLE, at=0)
