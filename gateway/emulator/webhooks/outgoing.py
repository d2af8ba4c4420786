"""Webhooks: what is told to whom, and the four forms in which the SMS API tells it, signed.

https://developer.vonage.com/en/getting-started/concepts/webhooks
https://developer.vonage.com/en/getting-started/concepts/signing-messages
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

from gateway.emulator.account.records import Attempt
from gateway.emulator.settings import Settings
from gateway.providers.vonage import signatures

USER_AGENT = "Vonage/MessagingHUB/v1.0"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
JSON = "application/json"

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An HTTP request to a webhook."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One thing to tell. build: makes its request anew; attempts: keeps what came of each try."""

    status: str
    message_id: str
    build: Callable[[], Outgoing]
    attempts: deque[Attempt]


# What is told one after the other; several lanes are told at the same time.
Lane = Sequence[Webhook]


def shuffled(items: Sequence[Item]) -> list[Item]:
    """Return the items in any order but the one they came in (as long as there are two)."""
    order = random.sample(range(len(items)), len(items))
    if order == sorted(order):
        order.reverse()
    return [items[index] for index in order]


def repeated(lane: Lane, times: int) -> list[Webhook]:
    """Return the lane with each webhook so many times in succession."""
    return [webhook for webhook in lane for _ in range(times)]


def plain(values: Mapping[str, str], method: str, url: str, settings: Settings) -> Outgoing:
    """Return the request for values of the SMS API, signed when the account has a secret."""
    if settings.signature_secret:
        values = signed(
            values,
            settings.signature_secret,
            settings.signature_method,
            timestamp=str(int(time.time())),
            nonce=str(uuid.uuid4()),
        )
    return _FORMS[method](values, url, settings)


def signed(
    values: Mapping[str, str], secret: str, method: str, *, timestamp: str, nonce: str
) -> dict[str, str]:
    """Return the values with ``timestamp`` (unix seconds), ``nonce`` and ``sig``."""
    dated = {**values, "timestamp": timestamp, "nonce": nonce}
    return {**dated, "sig": signatures.sign(dated, secret, method)}


def messages_v1(value: Mapping[str, object], url: str, settings: Settings) -> Outgoing:
    """Return the request for a body of Messages v1, with a token when the account has a secret."""
    body = compact(value)
    headers = {**_json_headers(settings), **authorization(body, settings)}
    return Outgoing("POST", url, body, headers)


def authorization(body: bytes, settings: Settings) -> dict[str, str]:
    """Return the header with the token of a request, none when the account has no secret."""
    if not settings.token_secret:
        return {}
    token = json_web_token(_claims(body, settings), settings.token_secret)
    return {"Authorization": f"Bearer {token}"}


def json_web_token(claims: Mapping[str, object], secret: str) -> str:
    """Return an HS256 token (RFC 7515); by hand, as PyJWT warns about the usual short secrets."""
    header = {"alg": "HS256", "typ": "JWT"}
    body = ".".join(_base64url(compact(each)) for each in (header, claims))
    return f"{body}.{_base64url(hmac.digest(secret.encode(), body.encode(), 'sha256'))}"


def compact(value: Mapping[str, object]) -> bytes:
    """Return JSON without blanks, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def with_query(url: str, values: Mapping[str, str]) -> str:
    """Return the URL with the values at the end of its query."""
    bare, hash_sign, fragment = url.partition("#")
    joint = "&" if "?" in bare else "?"
    return f"{bare}{joint}{urlencode(values)}{hash_sign}{fragment}"


def _get(values: Mapping[str, str], url: str, _settings: Settings) -> Outgoing:
    return Outgoing("GET", with_query(url, values))


def _post(values: Mapping[str, str], url: str, _settings: Settings) -> Outgoing:
    return Outgoing("POST", url, urlencode(values).encode(), {"Content-Type": FORM})


def _post_json(values: Mapping[str, str], url: str, settings: Settings) -> Outgoing:
    return Outgoing("POST", url, compact(values), _json_headers(settings))


def _json_headers(settings: Settings) -> dict[str, str]:
    return {"Content-Type": JSON} if settings.dlr_content_type else {}


def _claims(body: bytes, settings: Settings) -> dict[str, object]:
    claims: dict[str, object] = {
        "iat": int(time.time()),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": settings.api_key,
    }
    if settings.application_id:
        claims["application_id"] = settings.application_id
    return claims


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_FORMS: Mapping[str, Callable[[Mapping[str, str], str, Settings], Outgoing]] = {
    "GET": _get,
    "POST": _post,
    "POST-JSON": _post_json,
}
