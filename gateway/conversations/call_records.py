"""What became of a call, as it is written down and read again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import ujson

from gateway.providers.vonage.voice import RANKS
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import pairs

_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What became of a call; times as the provider writes them, '' for what is not known.

    session, side: whose call it is, '' for one that was not connected; state: a word of
    transcript.RANKS; duration: seconds of the leg to the counterpart; price: EUR, of all legs;
    reason: the provider's detail of what went wrong; events: all that was reported.
    """

    id: str
    session: str
    side: str
    state: str
    started: str
    answered: str
    ended: str
    duration: int
    price: str
    reason: str
    events: list[dict[str, str]]


async def find(store: Store, call_id: str) -> CallRecord | None:
    """Return what became of a call, None when nothing is known of it."""
    fields = pairs(await store.execute("HGETALL", keys.call(call_id)))
    return record(call_id, fields) if fields else None


def record(call_id: str, fields: Mapping[str, str]) -> CallRecord:
    """Return the record that the fields of a call's hash describe."""
    events = [ujson.loads(text) for name, text in fields.items() if name.startswith("e:")]
    events.sort(key=lambda event: (event.get("timestamp", ""), RANKS.get(event["status"], 0)))
    own = fields.get("leg", "")
    there = [e for e in events if e["side"] == "out" or (not e["side"] and e["leg"] != own)]
    last = [event for event in events if RANKS.get(event["status"]) == RANKS["completed"]]
    ended = [event.get("end_time") or event.get("timestamp", "") for event in last]
    return CallRecord(
        id=call_id,
        session=fields.get("session", ""),
        side=fields.get("side", ""),
        state=fields.get("state", ""),
        started=_first(event.get("timestamp", "") for event in events),
        answered=_first(e.get("timestamp", "") for e in there if e["status"] == "answered"),
        ended=max(ended, default=""),
        duration=int(total([_first(e.get("duration", "") for e in there)])),
        price=str(total({e["leg"]: e["price"] for e in last if "price" in e}.values())),
        reason=_first(e.get("detail") or e.get("reason", "") for e in [*there, *events]),
        events=events,
    )


def _first(texts: Iterable[str]) -> str:
    """Return the first text that is not empty, '' without one."""
    return next(filter(None, texts), "")


def total(texts: Iterable[str]) -> Decimal:
    """Return the sum of decimal numbers; what is none counts nothing."""
    total = Decimal(0)
    for text in texts:
        if _DECIMAL.fullmatch(text):
            total += Decimal(text)
    return total
