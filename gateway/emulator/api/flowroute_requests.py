"""The rules of Flowroute's message API: who may ask, what it takes, and how it refuses.

https://developer.flowroute.com/api/messages/v2.1/send-an-sms/
https://developer.flowroute.com/docs/delivery-receipts (429)
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping

from gateway.emulator.account import auth
from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.account.submission import Submission
from gateway.emulator.loopback import url_host
from gateway.emulator.settings import Settings
from gateway.telephony import segments

CONTENT_TYPES = frozenset({"application/vnd.api+json", "application/json"})
TITLES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
}

# North American numbers only, without a plus.
_NUMBER = re.compile(r"1[2-9][0-9]{2}[2-9][0-9]{6}")
_NAMES = ("to", "from", "body", "is_mms", "media_urls", "dlr_callback")


def error_document(status: int, detail: str) -> dict[str, object]:
    """Return the body of a refusal."""
    title = TITLES.get(status, "Error")
    error = {"id": str(uuid.uuid4()), "status": status, "title": title, "detail": detail}
    return {"errors": [error]}


def authenticate(authorization: str, settings: Settings) -> None:
    """Return when the access key and the secret key are right; raises RefusedError (401)."""
    key, secret = auth.basic(authorization) or ("", "")
    known = auth.equal(key, settings.flowroute_access_key)
    if not (auth.equal(secret, settings.flowroute_secret_key) and known):
        raise RefusedError("401", "The access key or the secret key is wrong")


def attributes(body: Mapping[str, object]) -> dict[str, object]:
    """Return what is asked, be it in a JSON:API document or flat, as the specification has it."""
    data = body.get("data", {"attributes": body})
    found = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name in _NAMES if found.get(name) is not None}


def shown(asked: Mapping[str, object]) -> dict[str, str]:
    """Return the attributes as texts, for the list of requests."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in asked.items()
    }


def parse(asked: Mapping[str, object], content_type: str, settings: Settings) -> Submission:
    """Return what the attributes ask for; raises RefusedError (403, 415, 422)."""
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise RefusedError("415", "The content type must be application/vnd.api+json")
    sender, to = _number(asked, "from"), _number(asked, "to")
    if settings.flowroute_numbers and sender not in settings.flowroute_numbers:
        raise RefusedError("403", "'from' is not a number of this account")
    if asked.get("media_urls") or asked.get("is_mms") in {True, "true"}:
        raise RefusedError("422", "the emulator sends no MMS")
    body = _text(asked, "body")
    encoding = segments.count(body).encoding
    return Submission(
        to=to,
        sender=sender,
        text=body,
        asked_text=body,
        type="text" if encoding == "gsm7" else "unicode",
        encoding=encoding,
        parts=1,
        client_ref="",
        callback=_callback(asked),
        wants_receipt=True,
    )


def _number(asked: Mapping[str, object], name: str) -> str:
    value = _text(asked, name)
    if not _NUMBER.fullmatch(value):
        raise RefusedError("422", f"'{name}' must be a number of the form 1NPANXXXXXX")
    return value


def _text(asked: Mapping[str, object], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError("422", f"'{name}' must be a text and not empty")
    return value


def _callback(asked: Mapping[str, object]) -> str:
    value = asked.get("dlr_callback", "")
    if value == "" or (isinstance(value, str) and url_host(value)):
        return value
    raise RefusedError("422", "'dlr_callback' must be an http or https URL")
