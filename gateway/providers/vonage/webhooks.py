"""Webhooks from Vonage: MOs, parts of long texts included, and receipts, of both its APIs.

https://developer.vonage.com/en/messaging/sms/guides/inbound-sms
https://developer.vonage.com/en/messaging/sms/guides/concatenation-and-encoding
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.providers import media
from gateway.providers.base import Inbound, LongText, Receipt
from gateway.providers.http.answers import content_id, scalar, word
from gateway.providers.vonage.codes import RECEIPT_STATES
from gateway.providers.vonage.sms import MAX_ID_LENGTH, NAME, as_text
from gateway.store.values import well_formed

# https://developer.vonage.com/en/api/sms#send-an-sms (parameter ``client-ref``)
MAX_REFERENCE_LENGTH = 100
MAX_WORD_LENGTH = 40
MAX_NUMBER_LENGTH = 64
MAX_TYPE_LENGTH = 200
MAX_TIME_LENGTH = 40
# Messages v1 joins long texts itself; what is longer than this is no text of a person.
MAX_TEXT_LENGTH = 10_000
# The number of parts is one octet (3GPP TS 23.040, 9.2.3.24.1).
MOST_PARTS = 255

# An MO has one of these fields, a receipt has none of them.
_BODY_FIELDS = ("text", "type", "data")
_RECEIPT_FIELDS = ("status", "err-code", "scts")

# By which a person's phone reaches a number; all others have ends that are no numbers.
_CHANNELS = frozenset({"sms", "mms"})

_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")
# https://developer.vonage.com/en/api-errors/messages#1340
_NUMBERED_TYPE = re.compile(r"#([0-9]{1,10})\Z")
_PART_NUMBER = re.compile(r"[0-9]{1,3}")


def parse(params: Mapping[str, str], document: Mapping[str, Any]) -> Receipt | Inbound | None:
    """Return the receipt or the MO in a webhook of either API, None when there is none in it.

    document: the JSON object whose flat parameters ``params`` are, {} for a form. What has a text
    is somebody's, even if it has a status as well.
    """
    if is_messages_v1(document):
        return parse_messages_v1_inbound(document) or parse_messages_v1_status(document)
    if "text" in params:
        return parse_inbound(params)
    return parse_receipt(params) or parse_inbound(params)


def is_report(fields: Mapping[str, object]) -> bool:
    """Tell whether a webhook is a receipt, if of a status of which nothing is known here.

    A status that begins like a known one was cut off: then this may be all that came of it.
    """
    if _any(fields, (*_BODY_FIELDS, "message_type", "message", "content")):
        return False
    status = word(fields.get("status"), MAX_WORD_LENGTH).lower()
    cut_off = any(known.startswith(status) for known in RECEIPT_STATES)
    return _any(fields, ("messageId", "message_uuid")) and not cut_off


def parse_receipt(params: Mapping[str, str]) -> Receipt | None:
    """Return the receipt in the parameters of a webhook, None when there is none in them.

    ``msisdn`` is the recipient and ``to`` the sender here; neither is needed.
    """
    provider_id = well_formed(params.get("messageId", ""))
    state = RECEIPT_STATES.get(params.get("status", "").lower())
    if not provider_id or len(provider_id) > MAX_ID_LENGTH or state is None:
        return None
    return Receipt(
        NAME,
        provider_id,
        state,
        client_ref=as_text(params.get("client-ref"), MAX_REFERENCE_LENGTH),
        error_code=as_text(params.get("err-code"), MAX_WORD_LENGTH),
        carrier_time=as_text(params.get("scts"), MAX_WORD_LENGTH),
        fields=_kept(params, ("status", "err-code", "scts", "price", "network-code")),
    )


def is_receipt(params: Mapping[str, str], document: Mapping[str, Any]) -> bool:
    """Tell whether ``parse`` finds a receipt in a webhook."""
    return isinstance(parse(params, document), Receipt)


def is_messages_v1(document: Mapping[str, object]) -> bool:
    """Tell whether a JSON webhook has the shape of the Messages API v1.

    https://developer.vonage.com/en/api/messages-olympus
    """
    return "message_uuid" in document


def parse_messages_v1_status(document: Mapping[str, Any]) -> Receipt | None:
    """Return the receipt in a Messages v1 status webhook, None when it is none."""
    flat = {key: as_text(value, 100) for key, value in document.items() if isinstance(value, str)}
    provider_id = flat.get("message_uuid", "")
    state = RECEIPT_STATES.get(flat.get("status", "").lower())
    if not provider_id or len(provider_id) > MAX_ID_LENGTH or state is None:
        return None
    code = _error_code(document.get("error"))
    return Receipt(
        NAME,
        provider_id,
        state,
        client_ref=flat.get("client_ref", ""),
        error_code=code,
        carrier_time=flat.get("timestamp", ""),
        fields=_kept(flat, ("status", "timestamp")) | ({"err-code": code} if code else {}),
    )


def _error_code(error: object) -> str:
    """Return the code of an error: its title in v1, or the end of its type; in v0.1 its code."""
    if not isinstance(error, dict):
        return ""
    names = ("title", "code", "type")
    title, code, kind = (word(error.get(name), MAX_TYPE_LENGTH) for name in names)
    numbered = _NUMBERED_TYPE.search(kind)
    if numbered and not title.isdecimal():
        return numbered[1]
    return (title or code)[:MAX_WORD_LENGTH]


def _kept(params: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: as_text(params[name], 100) for name in names if params.get(name)}


def parse_inbound(params: Mapping[str, str]) -> Inbound | None:
    """Return the MO in the parameters of an SMS API webhook, None when there is none in them.

    ``msisdn`` is the sender here; some routes give none, or a name. A binary MO has its user
    data in ``data``, the header (``udh``) before the body, and no text; its parts stay apart. A
    part of a long text may begin or end within a character, as half a surrogate pair.
    """
    if _any(params, _RECEIPT_FIELDS) and not _any(params, _BODY_FIELDS):
        return None
    binary = params.get("type", "").lower() == "binary"
    data = params.get("udh", "") + params.get("data", "") if binary else ""
    if not (_HEXADECIMAL.fullmatch(data) if binary else "text" in params):
        return None
    names = ("messageId", "msisdn", "to", "message-timestamp")
    given, sender, to, sent = (well_formed(params.get(name, "")) for name in names)
    text = "" if binary else params["text"][:MAX_TEXT_LENGTH]
    long = None if binary else _long_text(params)
    return _within_bounds(
        Inbound(
            NAME,
            _id(given, sender, to, text or data),
            sender,
            to,
            text if long else well_formed(text),
            data=data,
            long=long,
            sent=sent[:MAX_TIME_LENGTH],
        )
    )


def _id(given: str, sender: str, to: str, text: str) -> str:
    """Return the provider's id; of a text that has no usable one, an id of its content."""
    if 1 <= len(given) <= MAX_ID_LENGTH:
        return given
    return content_id(sender, to, text) if sender and text else ""


def _any(params: Mapping[str, object], names: tuple[str, ...]) -> bool:
    return any(name in params for name in names)


def _long_text(params: Mapping[str, str]) -> LongText | None:
    """Return which part of a long text this is, None for a text of its own or odd counts."""
    if params.get("concat", "true").lower() not in {"true", "1"}:
        return None
    reference = well_formed(params.get("concat-ref", ""))
    total, part = (_number(params.get(f"concat-{name}", "")) for name in ("total", "part"))
    if not 1 <= len(reference) <= MAX_ID_LENGTH:
        return None
    return LongText(reference, total, part) if 1 <= part <= total and total >= 2 else None


def _number(text: str) -> int:
    """Return a count of parts, 0 for what is none."""
    count = int(text) if _PART_NUMBER.fullmatch(text) else 0
    return count if count <= MOST_PARTS else 0


def parse_messages_v1_inbound(document: Mapping[str, Any]) -> Inbound | None:
    """Return the text or the media in a Messages webhook, None for other channels and statuses.

    Long texts come in one piece. Applications made before 2021 may still get v0.1, which has the
    channel in both ends and the text in its content.
    """
    message = _as_v1(document)
    channel, kind = (word(message.get(name), 20) for name in ("channel", "message_type"))
    sent_along = media.addresses(message) if kind not in {"", "text"} else ()
    if channel not in _CHANNELS or not (sent_along or (kind == "text" and "text" in message)):
        return None
    names = ("message_uuid", "from", "to")
    message_id, sender, to = (scalar(message.get(name)) for name in names)
    text = media.words(message) if sent_along else scalar(message.get("text"))
    if message_id is None or to is None or text is None:
        return None
    sent = word(message.get("timestamp"), MAX_TIME_LENGTH)
    return _within_bounds(
        Inbound(NAME, message_id, sender or "", to, text, sent=sent, media=sent_along)
    )


def _as_v1(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a webhook of v0.1 in the words of v1, any other one as it is."""
    ends = [document.get(name) for name in ("from", "to")]
    message = document.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, dict) or not all(isinstance(each, dict) for each in ends):
        return document
    sender, to = (each for each in ends if isinstance(each, dict))
    return {
        **content,
        "message_uuid": document.get("message_uuid"),
        "channel": to.get("type"),
        "message_type": content.get("type"),
        "from": sender.get("number"),
        "to": to.get("number"),
        "timestamp": document.get("timestamp"),
    }


def _within_bounds(inbound: Inbound) -> Inbound | None:
    """Return the MO unless a field is missing without which it is nothing, or is too long."""
    usable = (
        1 <= len(inbound.id) <= MAX_ID_LENGTH
        and 1 <= len(inbound.to) <= MAX_NUMBER_LENGTH
        and len(inbound.sender) <= MAX_NUMBER_LENGTH
        and max(len(inbound.text), len(inbound.data)) <= MAX_TEXT_LENGTH
    )
    return inbound if usable else None
