"""Delivery receipts in every form the provider sends them, as requests ready to go out.

https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from gateway.emulator.inbox import Part, SentMessage
from gateway.emulator.settings import Settings
from gateway.providers import signatures

USER_AGENT = "Vonage/MessagingHUB/v1.0"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
JSON = "application/json"

ERR_CODES: Mapping[str, str] = {
    "accepted": "0",
    "buffered": "0",
    "delivered": "0",
    "expired": "2",
    "failed": "12",
    "rejected": "6",
    "unknown": "1",
}
# https://developer.vonage.com/en/messages/concepts/sms-status-callbacks
MESSAGES_STATUSES: Mapping[str, str] = {
    "accepted": "submitted",
    "buffered": "submitted",
    "delivered": "delivered",
    "expired": "rejected",
    "failed": "rejected",
    "rejected": "rejected",
    "unknown": "undeliverable",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One status of one part of a message."""

    message: SentMessage
    part: Part
    status: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An HTTP request to a receipt URL."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def build(receipt: Receipt, url: str, settings: Settings) -> Outgoing:
    """Return the request that carries a receipt to ``url``: in the account's format, signed."""
    return _FORMATS[settings.dlr_method](receipt, url, settings)


def params(receipt: Receipt, settings: Settings) -> dict[str, str]:
    """Return the fields of the SMS API: ``msisdn`` is the recipient and ``to`` the sender ID."""
    now = time.gmtime()
    message = receipt.message
    values = {
        "msisdn": message.to,
        "to": message.sender,
        "network-code": message.network,
        "messageId": receipt.part.message_id,
        "price": message.price,
        "status": receipt.status,
        "scts": time.strftime("%y%m%d%H%M", now),
        "err-code": _err_code(receipt.status, settings),
        "api-key": settings.api_key,
        "client-ref": message.client_ref,
        "message-timestamp": time.strftime("%Y-%m-%d %H:%M:%S", now),
    }
    return {name: value for name, value in values.items() if value or name != "client-ref"}


def signed(
    values: Mapping[str, str], secret: str, method: str, *, timestamp: str, nonce: str
) -> dict[str, str]:
    """Return the values with ``timestamp`` (unix seconds), ``nonce`` and ``sig``."""
    dated = {**values, "timestamp": timestamp, "nonce": nonce}
    return {**dated, "sig": signatures.sign(dated, secret, method)}


def json_web_token(claims: Mapping[str, object], secret: str) -> str:
    """Return an HS256 token (RFC 7515); by hand, as PyJWT warns about the usual short secrets."""
    header = {"alg": "HS256", "typ": "JWT"}
    body = ".".join(_base64url(_compact(each)) for each in (header, claims))
    return f"{body}.{_base64url(hmac.digest(secret.encode(), body.encode(), 'sha256'))}"


def _err_code(status: str, settings: Settings) -> str:
    return settings.dlr_err_code or ERR_CODES[status]


def _signed_params(receipt: Receipt, settings: Settings) -> dict[str, str]:
    values = params(receipt, settings)
    if not settings.signature_secret:
        return values
    return signed(
        values,
        settings.signature_secret,
        settings.signature_method,
        timestamp=str(int(time.time())),
        nonce=str(uuid.uuid4()),
    )


def _get(receipt: Receipt, url: str, settings: Settings) -> Outgoing:
    bare, hash_sign, fragment = url.partition("#")
    joint = "&" if "?" in bare else "?"
    query = urlencode(_signed_params(receipt, settings))
    return Outgoing("GET", f"{bare}{joint}{query}{hash_sign}{fragment}")


def _post(receipt: Receipt, url: str, settings: Settings) -> Outgoing:
    body = urlencode(_signed_params(receipt, settings)).encode()
    return Outgoing("POST", url, body, {"Content-Type": FORM})


def _post_json(receipt: Receipt, url: str, settings: Settings) -> Outgoing:
    body = _compact(_signed_params(receipt, settings))
    return Outgoing("POST", url, body, _json_headers(settings))


def _messages_v1(receipt: Receipt, url: str, settings: Settings) -> Outgoing:
    body = _compact(messages_body(receipt, settings))
    headers = _json_headers(settings)
    if settings.signature_secret:
        token = json_web_token(_claims(body, settings), settings.signature_secret)
        headers["Authorization"] = f"Bearer {token}"
    return Outgoing("POST", url, body, headers)


def messages_body(receipt: Receipt, settings: Settings) -> dict[str, object]:
    """Return the status webhook of Messages v1, in which ``to`` is the recipient."""
    message, code = receipt.message, _err_code(receipt.status, settings)
    body: dict[str, object] = {
        "message_uuid": receipt.part.message_id,
        "to": message.to,
        "from": message.sender,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "status": MESSAGES_STATUSES[receipt.status],
        "channel": "sms",
        "usage": {"currency": "EUR", "price": message.price},
        "destination": {"network_code": message.network},
        "sms": {"count_total": str(len(message.parts))},
    }
    if message.client_ref:
        body["client_ref"] = message.client_ref
    if code != "0":
        body["error"] = _messages_error(code, receipt)
    return body


def _messages_error(code: str, receipt: Receipt) -> dict[str, str]:
    return {
        "type": f"https://developer.vonage.com/api-errors/messages#{code}",
        "title": code,
        "detail": f"The message was not delivered: {receipt.status}",
        "instance": receipt.part.message_id,
    }


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


def _json_headers(settings: Settings) -> dict[str, str]:
    return {"Content-Type": JSON} if settings.dlr_content_type else {}


def _compact(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_FORMATS: Mapping[str, Callable[[Receipt, str, Settings], Outgoing]] = {
    "GET": _get,
    "POST": _post,
    "POST-JSON": _post_json,
    "MESSAGES-V1": _messages_v1,
}
