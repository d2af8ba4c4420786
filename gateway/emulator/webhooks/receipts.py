"""Delivery receipts of the SMS API, in its own words and in those of Messages v1.

https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from gateway.emulator.account.records import Part, SentMessage
from gateway.emulator.settings import MESSAGES_V1, Settings
from gateway.emulator.webhooks import outgoing
from gateway.emulator.webhooks.outgoing import Outgoing, Webhook

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


def lanes(message: SentMessage, url: str, settings: Settings) -> list[list[Webhook]]:
    """Return the receipts of a message, in a lane for each part."""
    return [
        [
            _webhook(Receipt(message, part, status), url, settings)
            for status in settings.dlr_statuses
        ]
        for part in message.parts
    ]


def _webhook(receipt: Receipt, url: str, settings: Settings) -> Webhook:
    return Webhook(
        status=receipt.status,
        message_id=receipt.part.message_id,
        build=partial(build, receipt, url, settings),
        attempts=receipt.part.receipts,
    )


def build(receipt: Receipt, url: str, settings: Settings) -> Outgoing:
    """Return the request that carries a receipt to ``url``: in the account's format, signed."""
    if settings.dlr_method == MESSAGES_V1:
        return outgoing.messages_v1(messages_body(receipt, settings), url, settings)
    return outgoing.plain(params(receipt, settings), settings.dlr_method, url, settings)


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


def _err_code(status: str, settings: Settings) -> str:
    return settings.dlr_err_code or ERR_CODES[status]
