"""Flowroute's documents (message detail records, receipts, MOs) and how it repeats them.

https://developer.flowroute.com/api/messages/v2.1/receive-an-sms/
https://developer.flowroute.com/api/messages/v2.1/receive-a-dlr/
https://github.com/flowroute/flowroute-sdk-v3-python
https://github.com/flowroute/sms-proxy (the flat MO of version 2)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from gateway.emulator.account.records import HandsetText, Part, SentMessage
from gateway.emulator.settings import Settings
from gateway.emulator.webhooks import outgoing
from gateway.emulator.webhooks.delivery import RetryPolicy
from gateway.emulator.webhooks.outgoing import Outgoing, Webhook
from gateway.telephony import segments

JSON_API = "application/vnd.api+json"
RECORDS = "https://api.flowroute.com/v2.1/messages"
USER_AGENT = "Flowroute"
# Anything but 200 is sent again; really every 30 s, here after the account's retry_delays.
MAX_REPEATS = 4
TOLL_FREE = ("1800", "1833", "1844", "1855", "1866", "1877", "1888")

Document = dict[str, object]

# Our status → Flowroute's status, code, description. The first three are in its examples; for
# failures its pages name no words, so these say what they mean.
_STATUSES: Mapping[str, tuple[str, str | None, str]] = {
    "accepted": ("smsc submit", None, "Message has been sent"),
    "buffered": ("message buffered", "1003", "Message accepted by Carrier"),
    "delivered": ("delivered", None, "Message has been delivered"),
    "expired": ("expired", None, "Message has expired"),
    "failed": ("failed", None, "Message could not be delivered"),
    "rejected": ("rejected", None, "Message rejected by Carrier"),
    "unknown": ("unknown", None, "No delivery report from Carrier"),
}


def retry_policy(settings: Settings) -> RetryPolicy:
    """Return when Flowroute tells a webhook again."""
    return RetryPolicy(settings.retry_delays[:MAX_REPEATS], lambda status: status != 200)


def lanes(message: SentMessage, url: str, settings: Settings) -> list[list[Webhook]]:
    """Return the receipts of a message: level 1, then a level 2 for each status of the account."""
    [part] = message.parts
    levels = [(1, "accepted"), *((2, status) for status in settings.dlr_statuses)]
    return [
        [
            Webhook(
                status=status,
                message_id=part.message_id,
                build=partial(_receipt, message, level, status, url, settings),
                attempts=part.receipts,
            )
            for level, status in levels
        ]
    ]


def lane(text: HandsetText, url: str, settings: Settings) -> list[Webhook]:
    """Return the webhook of a text; Flowroute has put its parts together."""
    build = _flat if settings.flowroute_mo_version == "2" else _inbound
    return [
        Webhook("inbound", part.message_id, partial(build, text, url), part.attempts)
        for part in text.parts
    ]


def sent_record(message: SentMessage) -> Document:
    """Return the record of a message; its status is that of the last receipt that was tried."""
    [part] = message.parts
    status = part.receipts[-1].status if part.receipts else "accepted"
    return _record(
        part.message_id,
        {
            **_common(message.time, message.sender, message.to, message.asked_text),
            "direction": "outbound",
            "status": _STATUSES[status][0],
            "message_type": _kind(message.sender),
            "delivery_receipts": _receipts_so_far(part),
        },
    )


def text_record(text: HandsetText) -> Document:
    """Return the record of a text that a handset sent to one of our numbers."""
    return _record(
        text.parts[0].message_id,
        {
            **_common(text.time, text.sender, text.to, text.text),
            "direction": "inbound",
            "status": "delivered",
            "message_type": _kind(text.to),
            "delivery_receipts": [],
        },
    )


def _record(record_id: str, attributes: Mapping[str, object]) -> Document:
    return {"data": {"type": "message", "id": record_id, "attributes": attributes}}


def _common(at: float, sender: str, to: str, body: str) -> Document:
    return {
        "from": sender,
        "to": to,
        "body": body,
        "is_mms": False,
        "message_encoding": 0 if segments.is_gsm7(body) else 8,
        "timestamp": _timestamp(at),
        "amount_nanodollars": 4_000_000,
        "amount_display": "$0.0040",
    }


def _kind(number: str) -> str:
    return "toll-free" if number.startswith(TOLL_FREE) else "longcode"


def _receipts_so_far(part: Part) -> list[Document]:
    return [
        {
            "level": 1 if attempt.status == "accepted" else 2,
            **_status(attempt.status),
            "timestamp": _timestamp(attempt.time),
        }
        for attempt in part.receipts
    ]


def _status(status: str, code: str = "") -> Document:
    word, usual_code, description = _STATUSES[status]
    return {
        "status": word,
        "status_code": code or usual_code,
        "status_code_description": description,
    }


def _receipt(
    message: SentMessage, level: int, status: str, url: str, settings: Settings
) -> Outgoing:
    record_id = message.parts[0].message_id
    attributes = {
        "body": message.asked_text,
        "level": level,
        **_status(status, settings.dlr_err_code if level == 2 else ""),
        "timestamp": _timestamp(time.time()),
    }
    data = {
        "type": "delivery_receipt",
        "id": record_id,
        "links": {"related": f"{RECORDS}/{record_id}"},
        "attributes": attributes,
    }
    return _post({"data": data}, url, JSON_API)


def _inbound(text: HandsetText, url: str) -> Outgoing:
    return _post(text_record(text), url, JSON_API)


def _flat(text: HandsetText, url: str) -> Outgoing:
    record_id = text.parts[0].message_id
    document = {"to": text.to, "body": text.text, "from": text.sender, "id": record_id}
    return _post(document, url, outgoing.JSON)


def _post(document: Mapping[str, object], url: str, content_type: str) -> Outgoing:
    headers = {"Content-Type": content_type, "User-Agent": USER_AGENT}
    return Outgoing("POST", url, outgoing.compact(document), headers)


def _timestamp(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 10_000:02d}Z"
