"""Flowroute's messages API v2.1: requests, answers, MOs of both shapes and delivery receipts.

https://developer.flowroute.com/api/messages/v2.1/send-an-sms/
https://developer.flowroute.com/docs/delivery-receipts
https://github.com/flowroute/flowroute-sdk-v3-python
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conf.providers import FLOWROUTE
from gateway.providers import media
from gateway.providers.base import DeliveryState, Inbound, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.providers.http.answers import (
    basic,
    content_id,
    json_object,
    scalar,
    without_word,
    word,
)
from gateway.providers.http.poster import Poster

log = logging.getLogger(__name__)

NAME = FLOWROUTE.name
JSON_API_TYPE = "application/vnd.api+json"

# "mdr2-" and 32 hexadecimal digits, as a rule.
MAX_ID_LENGTH = 64
_WITHOUT_CODE = re.compile(r"[2-9][0-9]{9}")
MAX_NUMBER_LENGTH = 64
MAX_WORD_LENGTH = 100
# Far more than a phone sends in one piece; what is longer is no text of a person.
MAX_TEXT_LENGTH = 10_000
# An answer is an id and a link, or one error: some 300 bytes.
MAX_ANSWER_BYTES = 64 * 1024

REFUSALS: Mapping[int, str] = {
    401: "invalid credentials",
    402: "no credit left",
    403: "not allowed",
    404: "no such address",
    422: "invalid message",
    429: "too many messages",
}
# An operator has to act on these.
ALERTS = (401, 402, 403)

# The words are those of Kannel, whose names Flowroute uses, and Flowroute's own.
STATES: Mapping[str, DeliveryState] = {
    "queued": DeliveryState.ACCEPTED,
    "accepted": DeliveryState.ACCEPTED,
    "sent": DeliveryState.ACCEPTED,
    "smsc submit": DeliveryState.ACCEPTED,
    "message buffered": DeliveryState.BUFFERED,
    "buffered": DeliveryState.BUFFERED,
    "delivered": DeliveryState.DELIVERED,
    "delivery success": DeliveryState.DELIVERED,
    "expired": DeliveryState.EXPIRED,
    "failed": DeliveryState.FAILED,
    "delivery failure": DeliveryState.FAILED,
    "undelivered": DeliveryState.FAILED,
    "undeliverable": DeliveryState.FAILED,
    "rejected": DeliveryState.REJECTED,
    "smsc reject": DeliveryState.REJECTED,
    "unknown": DeliveryState.UNKNOWN,
}
# What a status code says when the word beside it is missing or new.
CODE_STATES: Mapping[str, DeliveryState] = {
    "1003": DeliveryState.BUFFERED,  # "Message accepted by Carrier"
}
# Level 1 is the way from Flowroute to the carrier's gateway, level 2 what the carrier reports.
FIRST_LEVEL = "1"
_FAILURES = (DeliveryState.EXPIRED, DeliveryState.FAILED, DeliveryState.REJECTED)
_KEPT = ("level", "status", "status_code", "status_code_description", "timestamp")


@dataclass(frozen=True, slots=True)
class Account:
    """The account and how to reach it."""

    access_key: str
    secret_key: str
    url: str

    def __repr__(self) -> str:
        return f"Account(url={self.url!r})"


def request(sms: Sms) -> dict[str, Any]:
    """Return the JSON:API document that sends ``sms``; numbers go as digits without ``+``.

    The provider chooses the alphabet and cuts the text into parts by itself.
    """
    attributes = {
        "to": sms.to.removeprefix("+"),
        "from": sms.sender.removeprefix("+"),
        "body": sms.text,
        "is_mms": False,
    }
    return {"data": {"type": "message", "attributes": attributes}}


def result(http_status: int, body: bytes, retry_after: str = "") -> SubmitResult:
    """Return what an answer means; ``retry_after`` is that header."""
    document = json_object(body) or {}
    provider_id = _message_id(document)
    if 200 <= http_status < 300 and provider_id:
        # One id stands for the whole text, however many parts it went out in.
        return SubmitResult(Outcome.ACCEPTED, (Part(provider_id, DeliveryState.ACCEPTED),))
    reason = _reason(http_status, document)
    return without_word(http_status, reason, retry_after)


def _message_id(document: Mapping[str, Any]) -> str:
    data = document.get("data")
    return _id(data) if isinstance(data, dict) else ""


def _id(resource: Mapping[str, Any]) -> str:
    found = scalar(resource.get("id")) or ""
    return found if len(found) <= MAX_ID_LENGTH else ""


def _reason(http_status: int, document: Mapping[str, Any]) -> str:
    """Return the meaning of a status and what the provider says about it."""
    meaning = REFUSALS.get(http_status, f"unusable answer, HTTP {http_status}")
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return meaning
    said = [word(first.get(name), MAX_WORD_LENGTH) for name in ("title", "detail")]
    return ": ".join([meaning, *filter(None, said)])


def parse_inbound(document: Mapping[str, Any]) -> Inbound | None:
    """Return the MO in a webhook of either shape, None when there is none in it.

    v2 has ``to``, ``from``, ``body`` and ``id`` side by side; v2.1 has them in a JSON:API
    document, which has the addresses of an MMS in what it includes. See content_id about MOs
    without an id.
    """
    resource, attributes = _parts(document)
    kind, direction = word(resource.get("type"), 20), word(attributes.get("direction"), 20)
    if kind not in {"", "message"} or direction not in {"", "inbound"}:
        return None
    sender, to, text = (scalar(attributes.get(name)) for name in ("from", "to", "body"))
    sent_along = _media(document, resource, attributes)
    if not sender or not to or text is None or not (sent_along or "body" in attributes):
        return None
    if max(len(sender), len(to)) > MAX_NUMBER_LENGTH or len(text) > MAX_TEXT_LENGTH:
        return None
    if sent_along and not text.strip():
        text = ""  # phones send a line end with a picture
    provider_id = _id(resource) or content_id(sender, to, "\n".join([text, *sent_along]))
    sent = word(attributes.get("timestamp"), MAX_WORD_LENGTH)
    return Inbound(NAME, provider_id, sender, _own_number(to), text, sent=sent, media=sent_along)


def _media(
    document: Mapping[str, Any], resource: Mapping[str, Any], attributes: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the addresses of an MMS; when none came along, that of its record."""
    places = (document.get("included"), attributes.get("media_urls"), attributes.get("media"))
    found = media.addresses(*places)
    if found or str(attributes.get("is_mms")).lower() != "true":
        return found
    links = resource.get("links")
    record = links.get("self") if isinstance(links, dict) else None
    return media.addresses(record) or (f"mms:{_id(resource)}",)


def _own_number(written: str) -> str:
    """Return a number of the account, all of which are North American, with its country code."""
    return f"1{written}" if _WITHOUT_CODE.fullmatch(written) else written


def _parts(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the resource and its attributes; flat ones are both. It may come without ``data``."""
    data = document.get("data")
    resource = data if isinstance(data, dict) else document
    attributes = resource.get("attributes")
    return resource, attributes if isinstance(attributes, dict) else resource


def is_report(document: Mapping[str, Any]) -> bool:
    """Tell whether a webhook is about something that was sent, known or not: nobody's text."""
    resource, attributes = _parts(document)
    kind, direction = word(resource.get("type"), 20), word(attributes.get("direction"), 20)
    return kind == "delivery_receipt" or direction == "outbound"


def parse_receipt(document: Mapping[str, Any]) -> Receipt | None:
    """Return the delivery receipt in a webhook, None when there is none in it."""
    resource, attributes = _parts(document)
    provider_id, state = _id(resource), _state(attributes)
    if resource.get("type") != "delivery_receipt" or not provider_id or state is None:
        return None
    fields = {name: word(attributes.get(name), MAX_WORD_LENGTH) for name in _KEPT}
    return Receipt(
        NAME,
        provider_id,
        state,
        error_code=fields["status_code"] if state in _FAILURES else "",
        carrier_time=fields["timestamp"],
        fields={name: value for name, value in fields.items() if value},
    )


def _state(attributes: Mapping[str, Any]) -> DeliveryState | None:
    status = word(attributes.get("status"), MAX_WORD_LENGTH).strip().lower()
    code = word(attributes.get("status_code"), MAX_WORD_LENGTH)
    state = STATES.get(status) or CODE_STATES.get(code)
    at_the_carrier = word(attributes.get("level"), MAX_WORD_LENGTH) == FIRST_LEVEL
    # The carrier's gateway has it, not the handset.
    return DeliveryState.ACCEPTED if state is DeliveryState.DELIVERED and at_the_carrier else state


class FlowrouteProvider:
    """Sends through one kept-alive HTTP session with Basic authentication.

    rate: requests per second allowed to the account's key, 0 = unpaced; timeout: seconds until
    an unanswered request is given up with an unknown outcome.
    """

    name = NAME

    def __init__(self, account: Account, *, rate: float, timeout: float) -> None:
        self.rate = rate
        self.pace_key = f"{NAME}:{account.access_key}"
        self._poster = Poster(
            account.url,
            timeout=timeout,
            longest=MAX_ANSWER_BYTES,
            headers={
                "Authorization": basic(account.access_key, account.secret_key),
                "Content-Type": JSON_API_TYPE,
                "Accept": JSON_API_TYPE,
            },
        )

    async def submit(self, sms: Sms) -> SubmitResult:
        """Post one text and return what became of the request; never raises for the network."""
        response = await self._poster.post(json.dumps(request(sms)).encode())
        if isinstance(response, SubmitResult):
            return response
        if response.status in ALERTS:
            log.error("flowroute refuses: %d, %s", response.status, REFUSALS[response.status])
        return result(response.status, response.body, response.retry_after)

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._poster.close()
