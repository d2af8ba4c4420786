"""SMS for a phone to send: their states, what can be queued, what phones say became of them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import ujson

from gateway.errors import BadRequest, NotFound

MOST_PRIORITY = 1000
# What a phone says in its own words is a version or an error, and is shown in one line.
MAX_CHARACTERS = 200
NO_SUCH_TASK = "no such message"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AS_WRITTEN = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)


class TaskState(StrEnum):
    """Where an SMS for a phone is."""

    WAITING = "waiting"  # for a phone, or for its time
    LEASED = "leased"  # a phone has it and is to ask whether it may send
    HANDED = "handed"  # the phone may send
    SENT = "sent"  # the phone says so
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"  # handed over, and nothing (more) was heard of it
    EXPIRED = "expired"  # its time to live was over before a phone could send it
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """An SMS that a phone is to send.

    uuid: 36 characters in lower case; to: E.164, or as it was given; device: '' = any phone;
    priority: higher first; ttl: seconds in which it may be handed out, from send_at on, 0 = any
    time; send_at: not before this time (ms), 0 = now.
    """

    uuid: str
    to: str
    message: str
    device: str = ""
    priority: int = 0
    ttl: float = 0
    send_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An SMS for a phone and what became of it; times in ms, 0 = never or none.

    device: the phone asked for, '' = any; taken_by: the phone that has it, or had it at its end;
    taken, changed: when it got it, when the state changed; attempts: how often it was handed out;
    sent, delivered, text: what the phone says of it, see Result.
    """

    uuid: str
    to: str
    message: str
    device: str
    priority: int
    state: TaskState
    created: int
    send_at: int
    expires: int
    taken_by: str
    taken: int
    changed: int
    attempts: int
    sent: str
    delivered: str
    text: str

    @classmethod
    def read(cls, uuid: str, content: str, record: str) -> Self:
        """Return what the store holds of a task."""
        found = ujson.loads(content) | ujson.loads(record)
        values = {name: found[name] for name in cls.__slots__ if name != "uuid"}
        return cls(uuid=uuid, **values | {"state": TaskState(values["state"])})


@dataclass(frozen=True, slots=True)
class Result:
    """What a phone says of one SMS.

    sent, delivered: "sent" or "delivered", "failed", or '' for no news; text: its own words.
    """

    uuid: str
    sent: str = ""
    delivered: str = ""
    text: str = ""


def check(task: NewTask) -> None:
    """Raise BadRequest for what no phone can be given, ValueError for an id of another shape."""
    if not UUID.fullmatch(task.uuid):
        raise ValueError("a task's uuid is written in lower case, with hyphens")
    for name in ("to", "message"):
        # With either of them empty the application on the phone ends.
        if not getattr(task, name):
            raise BadRequest(f"{name}: must not be empty")
    if abs(task.priority) > MOST_PRIORITY:
        raise BadRequest(f"priority: must be from -{MOST_PRIORITY} to {MOST_PRIORITY}")


def canonical(written: str) -> str:
    """Return a uuid as the queue has it, from capitals or without hyphens; raises NotFound."""
    if not _AS_WRITTEN.fullmatch(written):
        raise NotFound(NO_SUCH_TASK)
    return str(uuid.UUID(written))


def meaning(result: Result) -> TaskState | None:
    """Return what a phone's words make of an SMS, None for no news."""
    if result.delivered == "delivered":
        return TaskState.DELIVERED
    if "failed" in (result.sent, result.delivered):
        return TaskState.FAILED
    return TaskState.SENT if result.sent == "sent" else None


def plain(text: str) -> str:
    """Return a phone's words so that they can be stored: not too long, and valid UTF-8."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
