"""The messages that went out: all of them, those to a number, the life of one."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import msgspec

from gateway.errors import UnknownPlace
from gateway.messaging.receipts import MOST_OF_A_NUMBER, Receipts
from gateway.messaging.status import Status, summarise
from gateway.monitoring.metrics import provider_label
from gateway.providers.base import DeliveryState
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.paging import Page, newest_first
from gateway.store.pipeline import Store
from gateway.store.scan import CHUNK, set_scan
from gateway.store.script import Reply, pairs
from gateway.store.values import ID, days_ms
from gateway.telephony.plans import person

# Providers' ids have 16 to 64 characters, none of them a blank.
_PROVIDER_ID = re.compile(r"[!-~]{8,64}")
# What is looked at once takes a second or two for as many.
MOST_LATELY = 20_000
# Records that are read at once while others have to be served: some milliseconds.
FEW = 100
_ON_THEIR_WAY = frozenset({DeliveryState.ACCEPTED, DeliveryState.BUFFERED, DeliveryState.DELIVERED})


@dataclass(frozen=True, slots=True)
class Event:
    """A step in a message's life; at: ms; kind: answer or receipt.

    facts: what the provider said, by its own names or those of the record.
    """

    at: int
    kind: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A message that went out; to: E.164; created: ms.

    sender: E.164 or a name; text: '' when it stands in a session's log alone; source: which
    endpoint asked; outcome, code, error, price, network: of the provider's answer, '' = unknown;
    site: for which shop; caller: digests of who called, as ``Caller`` notes them; counted: when
    limits counted it (ms), 0 = unknown; new_country: it went to a country that was new; link: the
    code of a short link in it; clicked: when that was clicked first (ms), 0 = never. events: in
    order of time, those of a message that was asked for alone.
    """

    id: str
    to: str
    created: int
    status: Status
    attempts: int
    sender: str
    text: str
    provider: str
    source: str
    session: str
    outcome: str
    code: str
    error: str
    price: str
    network: str
    site: str = ""
    caller: str = ""
    counted: int = 0
    new_country: bool = False
    link: str = ""
    clicked: int = 0
    events: Sequence[Event] = ()


class History:
    """Reads what ``Receipts`` has written down; days: how long that is kept."""

    def __init__(self, store: Store, receipts: Receipts, *, days: float) -> None:
        self._store = store
        self._receipts = receipts
        self._lifetime = days_ms(days)

    async def message(self, message_id: str) -> Message | None:
        """Return one message with its events, None when unknown."""
        if not ID.fullmatch(message_id):
            return None
        fields, events = await asyncio.gather(
            self._receipts.fields(message_id),
            self._store.execute("HVALS", keys.message_events(message_id)),
        )
        if not fields:
            return None
        life = sorted(map(_event, events), key=attrgetter("at"))
        return replace(_message(message_id, fields), events=life)

    async def find(self, written: str, providers: Iterable[str]) -> str:
        """Return the id of the message that ``written`` names, '' when none does (any more).

        It is ours, or one that one of ``providers`` has given to a part.
        """
        if not _PROVIDER_ID.fullmatch(written):
            return ""
        own = written.lower() if ID.fullmatch(written.lower()) else ""
        kinds = {provider_label(each) for each in providers}
        known, *parts = await asyncio.gather(
            self._store.execute("EXISTS", keys.message(own)),
            *(self._store.execute("GET", keys.part(kind, written)) for kind in sorted(kinds)),
        )
        return own if own and known else next(filter(None, parts), "")

    async def messages(self, limit: int, after: str) -> Page[Message]:
        """Return those that follow ``after``, a message's id, '' = from the newest.

        Raises UnknownPlace when ``after`` is no message in the list.
        """
        return await self._page(keys.MESSAGES, limit, after)

    async def messages_of(self, e164: str, limit: int, after: str) -> Page[Message]:
        """Return the same of the last thousand messages to one number."""
        return await self._page(keys.messages_of(person(e164)), limit, after)

    async def ids_of(self, e164: str) -> list[str]:
        """Return the ids of all messages to one number that are kept.

        The last thousand stand in an index, and come last: as long as it is full, those before
        them are looked for among all.
        """
        last = await self._store.execute("ZRANGE", keys.messages_of(e164), 0, -1)
        before = await self._older_of(e164, last) if len(last) >= MOST_OF_A_NUMBER else []
        return [*before, *last]

    async def sent_lately(self) -> AsyncIterator[tuple[str, str]]:
        """Yield source and receiver (E.164) of the latest messages that arrived or may have."""
        for start in range(0, MOST_LATELY, CHUNK):
            with budget():
                ids = await self._store.execute(
                    "ZRANGE", keys.MESSAGES, start, start + CHUNK - 1, "REV"
                )
                records = await self._records(ids)
            for record in filter(None, map(pairs, records)):
                if summarise(record).delivery in _ON_THEIR_WAY:
                    yield record.get("source", ""), record["to"]
            if len(ids) < CHUNK:
                return

    async def since(self, begin: int) -> AsyncIterator[list[Message]]:
        """Yield all messages from a moment (ms) on, the oldest first, some at a time.

        Those whose life ends meanwhile may be left out. Changes nothing: receipts that a crash
        left parked stay so. Raises StoreUnavailable.
        """
        place, passed = begin, 0  # so many of the very moment were yielded
        while True:
            with budget():
                flat = await self._store.execute(
                    *("ZRANGE", keys.MESSAGES, place, "+inf", "BYSCORE"),
                    *("LIMIT", passed, FEW, "WITHSCORES"),
                )
                ids, times = flat[::2], [int(float(each)) for each in flat[1::2]]
                records = await self._records(ids)
            found = zip(ids, map(pairs, records), strict=True)
            yield [_message(*each) for each in found if each[1]]
            if len(ids) < FEW:
                return
            passed = times.count(times[-1]) + (passed if times[-1] == place else 0)
            place = times[-1]

    async def moment_of(self, place: int) -> int:
        """Return when the message was made (ms) than which so many are newer, 0 without one."""
        found = await self._store.execute(
            "ZRANGE", keys.MESSAGES, place, place, "REV", "WITHSCORES"
        )
        return int(float(found[1])) if found else 0

    async def _records(self, ids: Sequence[str]) -> list[Reply]:
        return await asyncio.gather(
            *(self._store.execute("HGETALL", keys.message(each)) for each in ids)
        )

    async def _older_of(self, e164: str, last: Sequence[str]) -> list[str]:
        found, known = [], frozenset(last)
        async for ids in set_scan(self._store, keys.MESSAGES):
            with budget():
                receivers = await asyncio.gather(
                    *(self._store.execute("HGET", keys.message(each), "to") for each in ids)
                )
            found += [each for each, to in zip(ids, receivers, strict=True) if to == e164]
        return [each for each in dict.fromkeys(found) if each not in known]

    async def _page(self, index: str, limit: int, after: str) -> Page[Message]:
        if after and not ID.fullmatch(after):
            raise UnknownPlace("after: no such message")
        oldest = int(time.time() * 1000) - self._lifetime
        ids = await newest_first(self._store, index, limit, after, noun="message", oldest=oldest)
        records = await asyncio.gather(*(self._receipts.fields(each) for each in ids.items))
        found = zip(ids.items, records, strict=True)
        return Page(ids.total, [_message(*each) for each in found if each[1]], ids.next)


def _event(text: str) -> Event:
    facts = msgspec.json.decode(text, type=dict[str, Any])
    return Event(facts.pop("at"), facts.pop("event", ""), facts)


def _message(message_id: str, fields: Mapping[str, str]) -> Message:
    """Return the message of a record; what is not known of it (yet) is ''."""
    return Message(
        id=message_id,
        to=fields["to"],
        created=int(fields["created"]),
        status=summarise(fields),
        attempts=int(fields.get("attempts", 0)),
        sender=fields.get("sender", ""),
        text=fields.get("text", ""),
        provider=fields.get("provider", ""),
        source=fields.get("source", ""),
        site=fields.get("site", ""),
        link=fields.get("link", ""),
        clicked=int(fields.get("clicked", 0)),
        session=fields.get("session", ""),
        outcome=fields.get("outcome", ""),
        code=fields.get("code", ""),
        error=fields.get("error", ""),
        price=fields.get("price", ""),
        network=fields.get("network", ""),
        caller=fields.get("caller", ""),
        counted=int(fields.get("counted", 0)),
        new_country="new_country" in fields,
    )
