"""What became of a message: its record, the provider's answer, the delivery receipts of its parts.

A receipt carries the provider's id and, as a rule, our own as ``client-ref``. With ours it is
applied at once; without, the provider's id is looked up, and a receipt that comes before the
answer to its own message is parked until that answer names the id. The two ids lie in different
slots of a Cluster: map-or-park under the provider's id, then apply under the message's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from gateway.messaging.status import (
    ANSWER_RANKS,
    FINAL_RANK,
    PENDING,
    RANKS,
    SPOKEN,
    Status,
    is_told,
    summarise,
)
from gateway.monitoring.metrics import DELIVERIES, RECEIPTS, SPEND, provider_label
from gateway.providers.base import DeliveryState, Outcome, Receipt, Sms, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Reply, Script, ScriptCall, pairs
from gateway.store.values import ID, days_ms

log = logging.getLogger(__name__)

NO_NOTES: Mapping[str, str] = {}
PARKED_MS = 48 * 3600 * 1000
# A part has one or two receipts, some carriers send a handful; more is a provider gone wrong.
MOST_PARKED = 20
MOST_EVENTS = 500
MOST_OPEN_ANSWERS = 20
# Who searches by a number looks for the last messages to it; an index has no use for more.
MOST_OF_A_NUMBER = 1000

_CREATE = Script.load(__file__, "message_create")
_INDEX = Script.load(__file__, "message_index")
_RESULT = Script.load(__file__, "message_result")
_APPLY = Script.load(__file__, "receipt_apply")
_PARK = Script.load(__file__, "receipt_park")
_MAP = Script.load(__file__, "part_map")

_READER = msgspec.json.Decoder(Receipt)

# Takes a session's id, a message's id and the delivery state that the message has now.
Changed = Callable[[str, str, str], Awaitable[None]]
# Takes the id of a message of unknown outcome when receipts have said what became of it.
Settled = Callable[[str], Awaitable[object]]
# Takes source and receiver (E.164) of a message that receipts say has arrived.
Delivered = Callable[[str, str], Awaitable[None]]


class Applied(StrEnum):
    """What became of a receipt.

    CHANGED: its part has a new state; KEPT: its part was further on; REPEATED: it came before;
    FOREIGN: its message has no such part; UNKNOWN: there is no such message; PARKED: it waits for
    the answer that names its part.
    """

    CHANGED = "changed"
    KEPT = "kept"
    REPEATED = "repeated"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"
    PARKED = "parked"


class Receipts:
    """The records of outgoing messages and their receipts.

    days: how long both are kept; changed: is told what a message of a session is called whenever
    a receipt has come for it; several times the same is possible, an older state is not news.
    settled: is told of a message that the provider did not take in its answer and whose receipts
    are all there; several times, too. delivered: is told of a message once all of it has arrived.
    """

    def __init__(
        self,
        store: Store,
        *,
        days: float,
        changed: Changed | None = None,
        settled: Settled | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        self._store = store
        self._lifetime = days_ms(days)
        self._changed = changed
        self._settled = settled
        self._delivered = delivered

    async def create(
        self,
        sms: Sms,
        *,
        provider: str,
        source: str,
        expected: int,
        notes: Mapping[str, str] = NO_NOTES,
        besides: Sequence[ScriptCall] = (),
    ) -> list[Reply]:
        """Write a message down before it is sent; ``expected``: parts by our own count.

        What participants say (``source`` is one of SPOKEN) stands in their session's log alone,
        for as long as the operator wants it kept. notes: further fields: the session whose log
        shows what becomes of it, the site for which it is; besides: what else is to be written at
        once, in the same pipeline, whose replies are returned.
        """
        now = _now_ms()
        fields: dict[str, str | int] = {
            "created": now,
            "to": sms.to,
            "sender": sms.sender,
            "text": "" if source in SPOKEN else sms.text,
            "provider": provider,
            "source": source,
            "expected": expected,
        }
        flat = [item for pair in (*fields.items(), *notes.items()) for item in pair]
        index = (sms.id, now, now - self._lifetime, self._lifetime)
        replies = await self._store.run_all(
            [
                (_CREATE, [keys.message(sms.id)], [self._lifetime, *flat]),
                (_INDEX, [keys.MESSAGES], index),
                (_INDEX, [keys.messages_of(sms.to)], (*index, MOST_OF_A_NUMBER)),
                *besides,
            ]
        )
        return replies[len(replies) - len(besides) :]

    async def record(
        self,
        sms: Sms,
        provider: str,
        result: SubmitResult,
        attempts: int,
        *,
        open_still: bool = False,
        besides: Sequence[ScriptCall] = (),
    ) -> None:
        """Write down the provider's answer and join the receipts that came before it.

        open_still: another attempt follows, so that this answer decides nothing; besides: what
        else is to be written at once, in the same pipeline.
        """
        fields = _answer(result, attempts, open_still=open_still)
        again = attempts > 1  # then what an earlier answer said has to go
        flat = [item for pair in fields.items() if pair[1] != "" or again for item in pair]
        event = {"at": _now_ms(), "event": "answer", **fields}
        # Who is tried for a day is not to have thousands of events that say the same.
        token = "" if open_still and attempts > MOST_OPEN_ANSWERS else f"answer {attempts}"
        record: ScriptCall = (
            _RESULT,
            [keys.message(sms.id), keys.message_events(sms.id)],
            [token, _json(event), len(flat) // 2, *flat, *_states(result)],
        )
        ids = [
            part.provider_id
            for part in result.parts
            if part.provider_id and part.state is not DeliveryState.REJECTED
        ]
        kind = provider_label(provider)  # a receipt of a phone does not say which
        owner = (sms.id, self._lifetime)
        mappings: list[ScriptCall] = [
            (_MAP, [keys.part(kind, each), keys.parked(kind, each)], owner) for each in ids
        ]
        _, *parked = await self._store.run_all([record, *mappings, *besides])
        for provider_id, receipts in zip(ids, parked[: len(ids)], strict=True):
            await self._apply_parked(sms.id, keys.parked(kind, provider_id), receipts)
        if result.price:  # last: what fails before is done again
            SPEND[(kind,)].inc(float(result.price))

    async def receive(self, receipt: Receipt) -> Applied:
        """Apply or park one receipt, and return what became of it; durable when this returns."""
        happened = Applied.UNKNOWN
        if ID.fullmatch(receipt.client_ref):
            happened = await self._apply(receipt.client_ref, receipt)
        if happened is Applied.UNKNOWN:
            happened = await self._apply_by_provider_id(receipt)
        if happened is Applied.UNKNOWN:  # the provider's id outlived its message by a moment
            happened = Applied.FOREIGN
        RECEIPTS[provider_label(receipt.provider), happened].inc()
        if happened is Applied.FOREIGN:
            log.warning("receipt for a part that its message does not have")
        return happened

    async def status(self, message_id: str) -> Status | None:
        """Return what is known of a message, None when there is no such message (any more)."""
        if not ID.fullmatch(message_id):
            return None
        fields = await self.fields(message_id)
        return summarise(fields) if fields else None

    async def is_delivered(self, message_id: str) -> bool:
        """Tell whether receipts say that all of a message has arrived."""
        status = await self.status(message_id)
        return status is not None and status.delivery is DeliveryState.DELIVERED

    async def known(self, message_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the messages that have a record (still)."""
        ids = list(message_ids)
        found = await asyncio.gather(
            *(self._store.execute("EXISTS", keys.message(each)) for each in ids)
        )
        return frozenset(each for each, there in zip(ids, found, strict=True) if there)

    async def forget(self, message_ids: Iterable[str]) -> None:
        """Delete messages with all that is known of them; unknown ids are nothing to do."""
        ids = list(message_ids)
        records = await asyncio.gather(
            *(self._store.execute("HGETALL", keys.message(each)) for each in ids)
        )
        known = {each: pairs(record) for each, record in zip(ids, records, strict=True) if record}
        maps = [name for record in known.values() for name in _maps(record)]
        # The lists first: once its record is gone, nobody knows which of them names a message.
        await asyncio.gather(
            *(self._store.execute("ZREM", keys.MESSAGES, each) for each in ids),
            *(
                self._store.execute("ZREM", keys.messages_of(record["to"]), each)
                for each, record in known.items()
            ),
            *(self._store.execute("DEL", each) for each in maps),
        )
        names = [name for each in ids for name in (keys.message(each), keys.message_events(each))]
        await asyncio.gather(*(self._store.execute("DEL", each) for each in names))

    async def fields(self, message_id: str) -> dict[str, str]:
        """Return a message's record, {} when there is none (any more).

        Receipts that a crash left parked are joined at this look.
        """
        fields = pairs(await self._store.execute("HGETALL", keys.message(message_id)))
        waiting = [
            key[2:]
            for key, value in fields.items()
            if key[:2] == "p:" and int(value[0]) < FINAL_RANK
        ]
        if not waiting:
            return fields
        joined = await asyncio.gather(
            *(self._join_parked(message_id, fields["provider"], each) for each in waiting)
        )
        if not any(joined):
            return fields
        return pairs(await self._store.execute("HGETALL", keys.message(message_id)))

    async def _join_parked(self, message_id: str, provider: str, provider_id: str) -> bool:
        parked_key = keys.parked(provider_label(provider), provider_id)
        parked = await self._store.execute("LRANGE", parked_key, 0, -1)
        await self._apply_parked(message_id, parked_key, parked)
        return bool(parked)

    async def _apply_parked(self, message_id: str, parked_key: str, parked: list[str]) -> None:
        """Apply parked receipts and only then delete them, and no other that came meanwhile."""
        for each in parked:
            receipt = _parked_receipt(each)
            if receipt is not None:
                await self._apply(message_id, receipt)
        await asyncio.gather(*(self._store.execute("LREM", parked_key, 1, each) for each in parked))

    async def _apply_by_provider_id(self, receipt: Receipt) -> Applied:
        ids = (receipt.provider, receipt.provider_id)
        message_id = await self._store.run(
            _PARK,
            [keys.part(*ids), keys.parked(*ids)],
            [_json(receipt), PARKED_MS, MOST_PARKED],
        )
        return await self._apply(message_id, receipt) if message_id else Applied.PARKED

    async def _apply(self, message_id: str, receipt: Receipt) -> Applied:
        token = "|".join(
            (
                "receipt",
                receipt.provider_id,
                receipt.state,
                receipt.error_code,
                receipt.carrier_time,
            )
        )
        event = {"at": _now_ms(), "event": "receipt", "part": receipt.provider_id, **receipt.fields}
        names = [keys.message(message_id), keys.message_events(message_id)]
        news = (receipt.provider_id, RANKS[receipt.state], receipt.state.value, token[:300])
        word, *known = await self._store.run(_APPLY, names, [*news, _json(event), MOST_EVENTS])
        happened = Applied(word)
        if known:
            session, before, *flat = known
            fields = pairs(flat)
            if happened is Applied.CHANGED:
                await self._note_end(receipt, before, fields)
            # Of a repeat too: the store may have failed between the first one and its log entry.
            if session and self._changed is not None:
                await self._changed(session, message_id, summarise(fields).delivery.value)
            in_doubt = fields.get("outcome") != Outcome.ACCEPTED
            if in_doubt and self._settled is not None and is_told(fields):
                await self._settled(message_id)
        return happened

    async def _note_end(self, receipt: Receipt, before: str, fields: Mapping[str, str]) -> None:
        """Count and tell that a receipt has brought its message to a final state.

        before: what the part of the receipt was, '' = unheard of; fields: of the record as it is.
        """
        state = _reached(receipt, before, fields)
        if state is None:
            return
        if receipt.counted:
            DELIVERIES[provider_label(receipt.provider), state.value].inc()
        if state is DeliveryState.DELIVERED and self._delivered is not None:
            await self._delivered(fields.get("source", ""), fields.get("to", ""))


def _maps(record: Mapping[str, str]) -> list[str]:
    """Return the keys by which link and provider's ids lead to a message, or wait for it."""
    provider = provider_label(record["provider"])
    ids = [name[2:] for name in record if name.startswith("p:")]
    links = [keys.link(record["link"])] if "link" in record else []
    return [*links, *(key(provider, each) for key in (keys.part, keys.parked) for each in ids)]


def _answer(result: SubmitResult, attempts: int, *, open_still: bool) -> dict[str, str | int]:
    """Return what the record of a message says about the provider's answer."""
    fields: dict[str, str | int] = {
        "outcome": PENDING if open_still else result.outcome.value,
        "attempts": attempts,
        "code": result.code,
        "error": result.text,
        "price": result.price,
        "network": result.network,
    }
    return fields | ({"parts": len(result.parts)} if result.parts else {})


def _states(result: SubmitResult) -> list[str]:
    """Return id, rank and state of each part that has an id, flat."""
    return [
        item
        for part in result.parts
        if part.provider_id
        for item in (part.provider_id, f"{ANSWER_RANKS[part.state]} {part.state}")
    ]


def _reached(receipt: Receipt, before: str, fields: Mapping[str, str]) -> DeliveryState | None:
    """Return the final state to which a receipt has brought its message, None for no new one."""
    status = summarise(fields)
    if not status.final:
        return None
    part = f"p:{receipt.provider_id}"
    others = {name: value for name, value in fields.items() if name != part}
    was = summarise(others | ({part: before} if before else {}))
    return None if was.final and was.delivery is status.delivery else status.delivery


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _parked_receipt(text: str) -> Receipt | None:
    """Return a parked receipt, None when another release has written what this one cannot read."""
    try:
        return _READER.decode(text)
    except ValueError:
        log.error("a parked receipt cannot be read and is dropped")
        return None


def _now_ms() -> int:
    return int(time.time() * 1000)
