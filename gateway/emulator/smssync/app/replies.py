"""What a version of the app makes of the server's answers: accepted, refused, or a crash."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.emulator.smssync.wire.lenient_json import Json, Number, Unreadable, parse
from gateway.emulator.smssync.world.traits import Parser


class AppCrashed(Exception):
    """The app died of what the server said; Android starts it again without its memory."""


@dataclass(frozen=True)
class TaskMessage:
    """An SMS that the server wants sent; None where the answer has no such key."""

    to: str | None
    text: str | None
    uuid: str | None


@dataclass(frozen=True)
class Payload:
    """The ``payload`` of an answer.

    messages: None where the key is missing or null; ``torn`` when the list was read only up to
    its first bad element.
    """

    success: bool = False
    error: str = ""
    task: str | None = None
    secret: str | None = None
    messages: Sequence[TaskMessage | None] | None = None
    torn: bool = False


def payload_of(text: str, parser: Parser) -> Payload | None:
    """Return the payload, None for an answer without one; raises Unreadable."""
    text = text.removeprefix("\ufeff")
    if parser is Parser.GSON:
        return _gson_payload(parse(text, trailing=False) if text.strip() else None)
    return _org_payload(parse(text, trailing=True))


def uuids_of(text: str) -> list[str | None] | None:
    """Return ``message_uuids``, None where the key is missing or null; raises Unreadable.

    Every version reads this list with Gson, at the top level of the answer.
    """
    answer = parse(text, trailing=False) if text.strip() else None
    if not isinstance(answer, dict):
        raise Unreadable("the answer is no object")
    listed = answer.get("message_uuids")
    if listed is None:
        return None
    if not isinstance(listed, list):
        raise Unreadable("message_uuids is no list")
    return [_string(each) for each in listed]


_MESSAGE_KEYS = ("to", "message", "uuid")

# Gson: the whole answer is read into typed objects, so one wrong type anywhere fails it all.


def _gson_payload(answer: Json) -> Payload | None:
    if answer is None:
        return None
    if not isinstance(answer, dict):
        raise Unreadable("the answer is no object")
    payload = answer.get("payload")
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise Unreadable("payload is no object")
    return Payload(
        success=_boolean(payload.get("success")),
        error=_string(payload.get("error")) or "",
        task=_string(payload.get("task")),
        secret=_string(payload.get("secret")),
        messages=_gson_messages(payload.get("messages")),
    )


def _gson_messages(listed: Json) -> list[TaskMessage | None] | None:
    if listed is None:
        return None
    if not isinstance(listed, list):
        raise Unreadable("messages is no list")
    return [None if each is None else _gson_message(each) for each in listed]


def _gson_message(message: Json) -> TaskMessage:
    if not isinstance(message, dict):
        raise Unreadable("a message is no object")
    for name, check in _TYPED_KEYS.items():
        if message.get(name) is not None:
            check(message[name])
    return TaskMessage(*(_string(message.get(key)) for key in _MESSAGE_KEYS))


def _string(value: Json) -> str | None:
    if isinstance(value, dict | list):
        raise Unreadable("an object stands where a text should")
    if isinstance(value, bool):
        return str(value).lower()
    return value


def _date(value: Json) -> None:
    # Numbers are no dates to Gson; of the written forms only ISO 8601 is portable.
    if isinstance(value, Number) or not re.match(r"\d{4}-\d\d-\d\dT", _string(value) or ""):
        raise Unreadable("not a date")


def _integer(value: Json) -> None:
    if not re.fullmatch(r"-?\d+(\.0+)?", _string(value) or ""):
        raise Unreadable("not an integer")


# Columns of the phone's own table, which Gson fills from the answer when they are there. An
# unknown ``type`` is ignored, but one that is not text is not.
_TYPED_KEYS: dict[str, Callable[[Json], object]] = {
    "timestamp": _date,
    "delivered_timestamp": _date,
    "sent_result_code": _integer,
    "delivery_result_code": _integer,
    "type": _string,
}


def _boolean(value: Json) -> bool:
    if isinstance(value, Number):
        raise Unreadable("a number stands where true or false should")
    return value is True or (_string(value) or "").lower() == "true"


# org.json: keys are asked for one by one, so what nobody asks for may be wrong.


def _org_payload(answer: Json) -> Payload:
    payload = answer.get("payload") if isinstance(answer, dict) else None
    if not isinstance(payload, dict):
        raise Unreadable("there is no payload")
    messages, torn = _org_messages(payload.get("messages"))
    success = payload.get("success")
    return Payload(
        success=success is True or (_is_text(success) and str(success).lower() == "true"),
        error=_text(payload.get("error")),
        task=_text(payload.get("task")) if "task" in payload else None,
        secret=_text(payload.get("secret")) if "secret" in payload else None,
        messages=messages,
        torn=torn,
    )


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _text(value: Json) -> str:
    return "" if value is None or isinstance(value, dict | list) else _string(value) or ""


def _org_messages(listed: Json) -> tuple[list[TaskMessage | None] | None, bool]:
    if not isinstance(listed, list):
        return None, False
    found: list[TaskMessage | None] = []
    for each in listed:
        if not isinstance(each, dict) or None in (each.get("to"), each.get("message")):
            return found, True
        found.append(TaskMessage(*(_org_string(each.get(key)) for key in _MESSAGE_KEYS)))
    return found, False


def _org_string(value: Json) -> str | None:
    return None if value is None else _text(value)
