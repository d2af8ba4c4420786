"""Texts of the outbox: made, spoilt, and put into it as the scripts of the conversations do."""

from __future__ import annotations

import json
from typing import Any

from gateway.messaging.outbox.queue import OutboxEntry
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import SHARED, Script

_PRELUDE = (SHARED / "_enqueue.lua").read_text(encoding="utf-8")
_PUSH = Script(f"{_PRELUDE}enqueue(KEYS[1], KEYS[2], ARGV[1], ARGV[2], now_ms())")


PERSON = "+4917604069001"
GERMAN = "+4917604069000"


def entry(number: int = 1, sender: str = GERMAN, to: str = PERSON, **more: Any) -> OutboxEntry:
    """Return one of many texts, which differ in their numbers."""
    given = {"provider": "nexmo", "text": f"Text {number}", "kind": "relay", **more}
    return OutboxEntry(id=f"{number:032x}", to=to, sender=sender, **given)


def with_field(**changed: object) -> str:
    """Return the JSON of a text with other fields."""
    return json.dumps(json.loads(entry().to_json()) | changed)


UNREADABLE_TEXTS = {
    "empty": "",
    "no-json": "hello",
    "cut-off": entry().to_json()[:-5],
    "a-list": "[1]",
    "a-number": "7",
    "null": "null",
    "nothing-in-it": "{}",
    "number-for-text": with_field(text=1),
    "null-for-session": with_field(session=None),
    "text-for-attempts": with_field(attempts="3"),
    "boolean-for-attempts": with_field(attempts=True),
}


async def head_of(store: Store, direction: str) -> str:
    """Return the text (JSON) whose turn it is in a direction, '' without any."""
    return str(await store.execute("LINDEX", keys.queue(direction), 0) or "")


async def push(store: Store, entry: OutboxEntry) -> None:
    """Put a text at the end of its direction; durable when this returns."""
    direction = entry.direction
    await store.run(_PUSH, [keys.queue(direction), keys.DUE], [direction, entry.to_json()])
