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

from gateway.emulator.account.records import HandsetText, SentMessage
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


def text_record(text: HandsetText) -> Document:
    """Return the record of a text that a handset sent to one of our numbers."""
    attributes = {
        "from": text.sender,
        "to": text.to,
        "body": text.text,
        "is_mms": False,
        "message_encoding": 0 if segments.is_gsm7(text.text) else 8,
        "timestamp": _timestamp(text.time),
        "amount_nanodollars": 4_000_000,
        "amount_display": "$0.0040",
        "direction": "inbound",
        "status": "delivered",
        "message_type": "toll-free" if text.to.startswith(TOLL_FREE) else "longcode",
        "delivery_receipts": [],
    }
    record_id = text.parts[0].message_id
    return {"data": {"type": "message", "id": record_id, "attributes": attributes}}


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
