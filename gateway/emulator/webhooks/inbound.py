"""MOs as the SMS API and Messages v1 tell of them: ``msisdn`` is the handset, ``to`` our number.

https://developer.vonage.com/en/messaging/sms/guides/inbound-sms
https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

import time
from functools import partial

from gateway.emulator.account import submission
from gateway.emulator.account.records import HandsetText, TextPart
from gateway.emulator.settings import MESSAGES_V1, Settings
from gateway.emulator.webhooks import outgoing
from gateway.emulator.webhooks.outgoing import Outgoing, Webhook
from gateway.telephony import segments

STATUS = "inbound"


def lane(text: HandsetText, url: str, settings: Settings) -> list[Webhook]:
    """Return the webhooks of a text, one for each part."""
    return [
        Webhook(STATUS, part.message_id, partial(build, text, part, url, settings), part.attempts)
        for part in text.parts
    ]


def build(text: HandsetText, part: TextPart, url: str, settings: Settings) -> Outgoing:
    """Return the request that carries a part to ``url``: in the account's format, signed."""
    if settings.mo_method == MESSAGES_V1:
        return outgoing.messages_v1(messages_body(text, part), url, settings)
    return outgoing.plain(params(text, part, settings), settings.mo_method, url, settings)


def params(text: HandsetText, part: TextPart, settings: Settings) -> dict[str, str]:
    """Return the fields of the SMS API: ``concat…`` for parts, ``msisdn`` unless withheld."""
    values = {
        "msisdn": text.sender,
        "to": text.to,
        "messageId": part.message_id,
        "text": part.text,
        "type": text.type,
        "keyword": _keyword(part.text),
        "message-timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(text.time)),
        "api-key": settings.api_key,
        **_concatenation(text, part),
        **({"data": text.data, "udh": text.udh} if text.type == "binary" else {}),
    }
    return {name: value for name, value in values.items() if value or name != "msisdn"}


def messages_body(text: HandsetText, part: TextPart) -> dict[str, object]:
    """Return the inbound webhook of Messages v1, which comes once for all parts."""
    count = str(segments.count(text.text).parts)
    return {
        "to": text.to,
        "from": text.sender,
        "channel": "sms",
        "message_uuid": part.message_id,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(text.time)),
        "usage": {"currency": "EUR", "price": "0.0057"},
        "message_type": "text",
        "text": part.text,
        "context_status": "none",
        "origin": {"network_code": submission.network(text.sender)},
        "sms": {"num_messages": count, "count_total": count, "keyword": _keyword(part.text)},
    }


def _keyword(text: str) -> str:
    return (text.split() or [""])[0].upper()


def _concatenation(text: HandsetText, part: TextPart) -> dict[str, str]:
    if len(text.parts) == 1:
        return {}
    return {
        "concat": "true",
        "concat-ref": str(text.ref),
        "concat-total": str(len(text.parts)),
        "concat-part": str(text.parts.index(part) + 1),
    }
