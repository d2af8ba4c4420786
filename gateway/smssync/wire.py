"""What the fields, ids and results mean that SMSsync phones of every version send.

The phones' side is https://github.com/ushahidi/SMSSync; the project's page for developers differs
from what its releases do, and both are read here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gateway.providers import forms
from gateway.smssync.bodies import json_value, word
from gateway.smssync.tasks import Result

MOST_UUIDS = 500
MAX_ID_LENGTH = 64
MAX_RESULT_TEXT = 200  # the app's longest is half of it

TEST_SENDER = "000000000000"  # of the app's test button; no network has such a number


@dataclass(frozen=True, slots=True)
class Post:
    """What a phone posted to its address; None stands for a field that is not there.

    sent: when the network took the SMS, as the phone writes times, '' for nothing; is_test: it is
    the app's test button; is_alert: it is no SMS but the phone's word about itself; battery: per
    cent, None when that is not what it says.
    """

    sender: str | None = None
    text: str | None = None
    sent_to: str | None = None
    message_id: str | None = None
    device_id: str | None = None
    secret: str | None = None
    sent: str = ""
    is_test: bool = False
    is_alert: bool = False
    battery: int | None = None


def post(fields: Mapping[str, str], names: Mapping[str, str]) -> Post:
    """Return what the fields of a post say; names: those that the owner has changed.

    Usual names are understood all the same, unless the owner gave one to another field.
    """
    taken = frozenset(names.values())

    def field(usual: str) -> str | None:
        given = fields.get(names.get(usual, usual))
        return fields.get(usual) if given is None and usual not in taken else given

    sender, message_id, sent = field("from"), field("message_id"), field("sent_timestamp") or ""
    alert = sender is None and _is_alert(fields)
    return Post(
        sender=sender,
        text=field("message"),
        sent_to=field("sent_to"),
        message_id=message_id,
        device_id=field("device_id"),
        secret=field("secret"),
        sent=sent,
        is_test=(sender or "").strip(" +") == TEST_SENDER and not message_id and not sent,
        is_alert=alert,
        battery=_battery(fields) if alert else None,
    )


def _is_alert(fields: Mapping[str, str]) -> bool:
    """Whether this is an alert, or the last JSON of the app, which version 3 posts in its place."""
    stale = "queued_messages" in fields or "message_result" in fields
    return stale or fields.get("Task") == "alert"


def _battery(fields: Mapping[str, str]) -> int | None:
    """Return the one number of an alert that does not tell of a failure; texts are localised."""
    level = re.fullmatch(r"[^0-9]*([0-9]{1,3})[^0-9]*", fields.get("message", ""))
    if level is None or "errorCode" in fields:
        return None
    return int(level[1]) if int(level[1]) <= 100 else None


def inbound_id(post: Post) -> str:
    """Return what tells this SMS from others of its phone and is the same in every repeat of it.

    Versions before 1.0.7 send neither an id nor a time: two SMS of the same words look alike.
    Version 1 numbers the rows of its table, and begins anew when the app is installed again.
    """
    message_id = (post.message_id or "").strip()
    if re.fullmatch(r"[0-9]{1,19}", message_id):
        return f"row:{message_id}:{_sha256(post.sender or '', post.sent, post.text or '')[:32]}"
    if message_id:
        return message_id if len(message_id) <= MAX_ID_LENGTH else f"id:{_sha256(message_id)}"
    sender, text = post.sender or "", post.text or ""
    if post.sent:
        return f"sms:{_sha256(sender, post.sent, text)}"
    return f"hash:{_sha256(sender, text)}"


def _sha256(*texts: str) -> str:
    # JSON keeps ("a", "bc") apart from ("ab", "c").
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def uuids(body: bytes, key: str = "queued_messages") -> list[str]:
    """Return the ids listed in a JSON body, each once, at most MOST_UUIDS; junk is left out."""
    found = (_uuid(each) for each in _array(body, key))
    return list(islice(dict.fromkeys(uuid for uuid in found if uuid), MOST_UUIDS))


def _array(body: bytes, key: str) -> list[Any]:
    """Return an array of a JSON body; every released version writes it as JSON inside a text."""
    document = json_value(forms.decoded(forms.as_utf8(body)))
    value = document.get(key) if isinstance(document, dict) else None
    value = json_value(value) if isinstance(value, str) else value
    return value if isinstance(value, list) else []


def _uuid(value: object) -> str:
    fits = isinstance(value, str) and re.fullmatch(r"[!-~]{1,64}", value)
    return value if isinstance(value, str) and fits else ""


def results(body: bytes) -> list[Result]:
    """Return the elements of ``message_result``, at most MOST_UUIDS; junk is left out."""
    items = (item for item in _array(body, "message_result") if isinstance(item, dict))
    found = (_result(uuid, item) for item in items if (uuid := _uuid(item.get("uuid"))))
    return list(islice(found, MOST_UUIDS))


def _result(uuid: str, item: Mapping[str, Any]) -> Result:
    sent_text = word(item.get("sent_result_message")).strip()
    delivered_text = word(item.get("delivered_result_message")).strip()
    sent = _sent(_code(item.get("sent_result_code")), sent_text)
    delivered = _delivered(_code(item.get("delivered_result_code")), delivered_text)
    text = sent_text if sent == "failed" else delivered_text or sent_text
    return Result(uuid, sent, delivered, text[:MAX_RESULT_TEXT])


# Android's Activity.RESULT_OK, https://developer.android.com/reference/android/app/Activity
_OK = -1
# HTC's phones say so when they are about to try again by themselves.
_HTC_RETRY = 133404


def _code(value: object) -> int:
    """Return a result code; 0, which most versions send for nothing, when there is none."""
    number = re.fullmatch(r"(-?[0-9]{1,9})(?:\.0+)?", value) if isinstance(value, str) else None
    return int(number[1]) if number else 0


def _sent(code: int, text: str) -> str:
    """Return the state in a code of Android's, or in a text beside the documented code 0."""
    if code == _OK:
        return "sent"
    if code > 0:
        return "" if code == _HTC_RETRY else "failed"
    if code < 0 or not text:  # -2 is what 2.7 sends for nothing yet
        return ""
    words = text.lower()
    denied = re.search(r"\bnot\b|fail|error", words)
    return "sent" if re.search(r"\bsent\b", words) and not denied else "failed"


def _delivered(code: int, text: str) -> str:
    """Return the state in a text, since the documented codes contradict Android's.

    Without a text there was no report, whatever the code; translated ones come with Android's.
    """
    words = text.lower()
    if re.search(r"\bnot delivered\b|\bundelivered\b", words):
        return "failed"
    if "delivered" in words:
        return "delivered"
    return {_OK: "delivered", 0: "failed"}.get(code, "") if words else ""


def basic_password(authorization: str) -> str | None:
    """Return the password in an Authorization header, None when it is not Basic or broken."""
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(token.strip(), validate=True).decode("utf-8", "replace")
    except ValueError:
        return None
    _, colon, password = pair.partition(":")
    return password if colon else None
