"""Vonage (formerly Nexmo) SMS API: requests and answers.

https://developer.vonage.com/en/api/sms
https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from conf.providers import NEXMO
from gateway.providers.base import DeliveryState, Obstacle, Outcome, Part, Sms, SubmitResult
from gateway.providers.http.answers import json_object, without_word
from gateway.providers.http.poster import Poster
from gateway.providers.vonage.codes import (
    ALERTS,
    NO_STATUS,
    STATUSES,
    UNKNOWN_STATUS,
    Status,
)
from gateway.telephony import segments
from gateway.telephony.phonenumber import is_north_american

log = logging.getLogger(__name__)

NAME = NEXMO.name
FORM_TYPE = "application/x-www-form-urlencoded"

# Vonage ids have 16 to 36 characters.
MAX_ID_LENGTH = 64
# The longest answer has some 22 parts of about 300 bytes; what is larger is no answer of theirs.
MAX_ANSWER_BYTES = 64 * 1024

_WAIT_HINT = re.compile(r"please wait \[ ([0-9]{1,5}) \]")  # milliseconds
_PRICE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Account:
    """The account and how to reach it; ``dlr_url`` is '' when no receipts are asked for."""

    api_key: str
    api_secret: str
    url: str
    long_virtual_number: str = ""
    dlr_url: str = ""

    def __repr__(self) -> str:
        return f"Account(url={self.url!r})"


def request(sms: Sms, account: Account) -> dict[str, str]:
    """Return the form fields of the request that sends ``sms``."""
    fields = {
        "api_key": account.api_key,
        "api_secret": account.api_secret,
        "from": _sender(sms, account),
        "to": sms.to.removeprefix("+"),
        "text": sms.text,
        "type": "text" if segments.is_gsm7(sms.text) else "unicode",
        "client-ref": sms.id,
    }
    if account.dlr_url:
        fields["status-report-req"] = "1"
        fields["callback"] = account.dlr_url
    return fields


def _form(fields: Mapping[str, str]) -> bytes:
    """Return the fields as a form; most of their values are the same in every request."""
    return "&".join([f"{name}={_quoted(value)}" for name, value in fields.items()]).encode()


_quoted = lru_cache(maxsize=1024)(quote_plus)


def _sender(sms: Sms, account: Account) -> str:
    """North American networks take none but a rented number as the sender."""
    if account.long_virtual_number and is_north_american(sms.to) and not sms.keep_sender:
        return account.long_virtual_number.removeprefix("+")
    digits = sms.sender.removeprefix("+")
    return digits if digits.isascii() and digits.isdigit() else sms.sender


def result(http_status: int, body: bytes, retry_after: str = "") -> SubmitResult:
    """Return what an answer means; ``retry_after`` is that header.

    Nearly every answer is HTTP 200, errors included.
    """
    messages = [] if http_status == 429 else _messages(body)
    if messages:
        return _result_of_parts(messages)
    return without_word(http_status, f"unusable answer, HTTP {http_status}", retry_after)


def _messages(body: bytes) -> list[dict[str, Any]]:
    messages = (json_object(body) or {}).get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return []
    return messages


def _result_of_parts(messages: list[dict[str, Any]]) -> SubmitResult:
    codes = [as_text(each.get("status"), 20) for each in messages]
    statuses = [STATUSES.get(code, UNKNOWN_STATUS) if code else NO_STATUS for code in codes]
    outcome = _outcome([status.outcome for status in statuses])
    parts = tuple(map(_part, range(1, len(messages) + 1), messages, statuses))
    answer = SubmitResult(
        outcome,
        parts if any(part.state is DeliveryState.ACCEPTED for part in parts) else (),
        price=_sum_of_prices(messages),
        network=as_text(messages[0].get("network"), 10),
    )
    if outcome is Outcome.ACCEPTED:
        return answer
    first = next(i for i, status in enumerate(statuses) if status.outcome is not Outcome.ACCEPTED)
    meaning, raw = statuses[first].meaning, as_text(messages[first].get("error-text"), 200)
    text = f"{meaning}: {raw}" if raw else meaning
    return replace(
        answer,
        code=codes[first],
        text=text,
        retry_after=_wait_hint(raw),
        blames_sender=statuses[first].blames_sender,
        obstacle=Obstacle.ACCOUNT if all(status.alert for status in statuses) else None,
    )


def _outcome(outcomes: Collection[Outcome]) -> Outcome:
    """Return what the parts mean together; only if all were throttled may they be repeated."""
    if Outcome.UNKNOWN in outcomes:
        return Outcome.UNKNOWN
    return next(iter(outcomes)) if len(set(outcomes)) == 1 else Outcome.REFUSED


_PART_STATES = {Outcome.ACCEPTED: DeliveryState.ACCEPTED, Outcome.UNKNOWN: DeliveryState.UNKNOWN}


def _part(index: int, message: dict[str, Any], status: Status) -> Part:
    """Return one part. Refused ones need a name to stand in the record; others wait for theirs."""
    provider_id = as_text(message.get("message-id"), MAX_ID_LENGTH)
    state = _PART_STATES.get(status.outcome, DeliveryState.REJECTED)
    return Part(provider_id or (f"part-{index}" if state is DeliveryState.REJECTED else ""), state)


def _sum_of_prices(messages: list[dict[str, Any]]) -> str:
    given = (each.get("message-price") for each in messages)
    prices = [str(price) for price in given if price is not None]
    if not prices or not all(map(_PRICE.fullmatch, prices)):
        return ""
    return f"{sum(map(Decimal, prices), Decimal(0)):f}"


def as_text(value: object, longest: int) -> str:
    """Return a field's value as text that a store and a log can take, '' for null."""
    text = "" if value is None else str(value)
    return text[:longest].encode("utf-8", "replace").decode()


def _wait_hint(error_text: str) -> float | None:
    found = _WAIT_HINT.search(error_text)
    return int(found[1]) / 1000 if found else None


class VonageProvider:
    """Sends through one kept-alive HTTP session.

    rate: requests per second allowed to the account's key; timeout: seconds until an unanswered
    request is given up with an unknown outcome.
    """

    name = NAME

    def __init__(self, account: Account, *, rate: float, timeout: float) -> None:
        self.rate = rate
        self.pace_key = f"{NAME}:{account.api_key}"
        self._account = account
        self._poster = Poster(
            account.url,
            timeout=timeout,
            longest=MAX_ANSWER_BYTES,
            headers={"Content-Type": FORM_TYPE},
        )

    async def submit(self, sms: Sms) -> SubmitResult:
        """Post one text and return what became of the request; never raises for the network."""
        response = await self._poster.post(_form(request(sms, self._account)))
        if isinstance(response, SubmitResult):
            return response
        answer = result(response.status, response.body, response.retry_after)
        if answer.code in ALERTS:
            log.error("provider refuses: status %s, %s", answer.code, ALERTS[answer.code])
        return answer

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._poster.close()
