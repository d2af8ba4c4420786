"""Vonage (formerly Nexmo) SMS API: requests, answers and delivery receipts.

https://developer.vonage.com/en/api/sms
https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp
import ujson

from gateway import segments
from gateway.models import Delivery
from gateway.phone import is_north_american
from gateway.providers.base import Outcome, Part, Receipt, Sms, SubmitResult

log = logging.getLogger(__name__)

NAME = "nexmo"

# An idle connection is dropped before the provider's own idle time-out would close it under a
# request that is just being written: that request's outcome would be unknown.
KEEPALIVE_SECONDS = 10
# Vonage ids have 16 to 36 characters.
MAX_ID_LENGTH = 64
# The longest answer has some 22 parts of about 300 bytes; what is larger is no answer of theirs.
MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Status:
    """A status code of the SMS API: what it means and what to do with it."""

    meaning: str
    outcome: Outcome = Outcome.REFUSED
    alert: bool = False  # an operator has to act: credentials, credit, account


STATUSES: Mapping[str, Status] = {
    "0": Status("accepted", Outcome.ACCEPTED),
    "1": Status("throttled", Outcome.THROTTLED),
    "2": Status("missing parameters"),
    "3": Status("invalid parameters"),
    "4": Status("invalid credentials", alert=True),
    # Ambiguous: the platform may have queued the text before it failed. Sending again could
    # deliver and bill it twice, so it counts as unanswered; a receipt can still tell.
    "5": Status("internal error at the provider", Outcome.UNKNOWN),
    "6": Status("invalid message, for example an unknown prefix"),
    "7": Status("number barred"),
    "8": Status("account suspended", alert=True),
    "9": Status("no credit left", alert=True),
    "10": Status("too many connections", Outcome.THROTTLED),
    "11": Status("account not enabled for HTTP", alert=True),
    "12": Status("message too long"),
    "13": Status("communication failed"),
    "14": Status("invalid signature", alert=True),
    "15": Status("sender not allowed for this destination"),
    "16": Status("invalid time to live"),
    "17": Status("blocked by the provider"),
    "18": Status("too many destinations"),
    "19": Status("facility not allowed"),
    "20": Status("invalid message class"),
    "22": Status("invalid network code"),
    "23": Status("invalid callback URL", alert=True),
    "29": Status("destination not on the demo account's list"),
    "32": Status("both signature and secret given", alert=True),
    "33": Status("number de-activated"),
    "101": Status("account not valid for the campaign", alert=True),
}
UNKNOWN_STATUS = Status("unknown status code")

# Both the SMS API's words and those of Messages v1.
RECEIPT_STATES: Mapping[str, Delivery] = {
    "accepted": Delivery.ACCEPTED,
    "submitted": Delivery.ACCEPTED,
    "buffered": Delivery.BUFFERED,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.DELIVERED,
    "expired": Delivery.EXPIRED,
    "failed": Delivery.FAILED,
    "undeliverable": Delivery.FAILED,
    "rejected": Delivery.REJECTED,
    "unknown": Delivery.UNKNOWN,
}

_WAIT_HINT = re.compile(r"please wait \[ (\d{1,5}) \]")  # milliseconds


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


def _sender(sms: Sms, account: Account) -> str:
    """North American networks take none but a rented number as the sender."""
    if account.long_virtual_number and is_north_american(sms.to):
        return account.long_virtual_number.removeprefix("+")
    digits = sms.sender.removeprefix("+")
    return digits if digits.isascii() and digits.isdigit() else sms.sender


def result(http_status: int, body: bytes) -> SubmitResult:
    """Return what an answer means. Nearly every answer is HTTP 200, errors included."""
    if http_status == 429:
        return SubmitResult(Outcome.THROTTLED, code="429", text="HTTP 429")
    messages = _messages(body)
    if messages:
        return _result_of_parts(messages)
    # 4xx: refused before anything was sent. All else may have been sent before it went wrong.
    outcome = Outcome.REFUSED if 400 <= http_status < 500 else Outcome.UNKNOWN
    return SubmitResult(outcome, code=str(http_status), text=f"unusable answer, HTTP {http_status}")


def _messages(body: bytes) -> list[dict[str, Any]]:
    try:
        answer = ujson.loads(body)
    except ValueError:
        return []
    messages = answer.get("messages") if isinstance(answer, dict) else None
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return []
    return messages


def _result_of_parts(messages: list[dict[str, Any]]) -> SubmitResult:
    codes = [str(each.get("status", "")) for each in messages]
    statuses = [STATUSES.get(code, UNKNOWN_STATUS) for code in codes]
    parts = tuple(
        _part(index, message, status)
        for index, (message, status) in enumerate(zip(messages, statuses, strict=True), start=1)
    )
    accepted = sum(status.outcome is Outcome.ACCEPTED for status in statuses)
    price = _sum_of_prices(messages)
    if accepted == len(statuses):
        return SubmitResult(Outcome.ACCEPTED, parts, price=price, network=_network(messages))
    worst = next(i for i, status in enumerate(statuses) if status.outcome is not Outcome.ACCEPTED)
    raw = str(messages[worst].get("error-text", ""))
    # A part that was taken forbids to send the whole again, whatever the others met with.
    outcome = Outcome.REFUSED if accepted else statuses[worst].outcome
    return SubmitResult(
        outcome,
        parts if accepted else (),
        code=codes[worst],
        text=f"{statuses[worst].meaning}: {raw[:200]}" if raw else statuses[worst].meaning,
        retry_after=_wait_hint(raw),
        price=price,
        network=_network(messages),
    )


def _part(index: int, message: dict[str, Any], status: Status) -> Part:
    provider_id = str(message.get("message-id") or "")[:MAX_ID_LENGTH]
    if status.outcome is Outcome.ACCEPTED:
        return Part(provider_id or f"part-{index}", Delivery.ACCEPTED)
    return Part(provider_id or f"part-{index}", Delivery.REJECTED)


def _sum_of_prices(messages: list[dict[str, Any]]) -> str:
    prices = [str(each["message-price"]) for each in messages if "message-price" in each]
    try:
        return str(sum((Decimal(price) for price in prices), Decimal(0))) if prices else ""
    except InvalidOperation:
        return ""


def _network(messages: list[dict[str, Any]]) -> str:
    return str(messages[0].get("network", ""))[:10]


def _wait_hint(error_text: str) -> float | None:
    found = _WAIT_HINT.search(error_text)
    return int(found[1]) / 1000 if found else None


def parse_receipt(params: Mapping[str, str]) -> Receipt | None:
    """Return the receipt in the parameters of a webhook, None when there is none in them.

    ``msisdn`` is the recipient and ``to`` the sender here; neither is needed.
    """
    provider_id = params.get("messageId", "")
    state = RECEIPT_STATES.get(params.get("status", "").lower())
    if not provider_id or len(provider_id) > MAX_ID_LENGTH or state is None:
        return None
    return Receipt(
        NAME,
        provider_id,
        state,
        client_ref=params.get("client-ref", ""),
        error_code=params.get("err-code", ""),
        carrier_time=params.get("scts", ""),
        fields=_kept(params, ("status", "err-code", "scts", "price", "network-code")),
    )


def is_messages_v1(document: Mapping[str, object]) -> bool:
    """Tell whether a JSON webhook has the shape of the Messages API v1.

    https://developer.vonage.com/en/api/messages-olympus
    """
    return "message_uuid" in document


def parse_messages_v1_status(document: Mapping[str, Any]) -> Receipt | None:
    """Return the receipt in a Messages v1 status webhook, None when it is none."""
    provider_id = document.get("message_uuid")
    state = RECEIPT_STATES.get(str(document.get("status", "")).lower())
    if not isinstance(provider_id, str) or len(provider_id) > MAX_ID_LENGTH or state is None:
        return None
    error = document.get("error")
    code = str(error.get("title", "")) if isinstance(error, dict) else ""
    flat = {key: value for key, value in document.items() if isinstance(value, str)}
    return Receipt(
        NAME,
        provider_id,
        state,
        client_ref=flat.get("client_ref", ""),
        error_code=code[:40],
        carrier_time=flat.get("timestamp", ""),
        fields=_kept(flat, ("status", "timestamp")) | ({"err-code": code[:40]} if code else {}),
    )


def _kept(params: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: params[name][:100] for name in names if params.get(name)}


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
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 5.0)),
            auto_decompress=True,
            headers={"User-Agent": "sms-gateway"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def submit(self, sms: Sms) -> SubmitResult:
        """Post one text and return what became of the request; never raises for the network."""
        try:
            async with self._session.post(
                self._account.url, data=request(sms, self._account), allow_redirects=False
            ) as response:
                body = await response.content.read(MAX_ANSWER_BYTES)
                while not response.content.at_eof() and len(body) < MAX_ANSWER_BYTES:
                    body += await response.content.read(MAX_ANSWER_BYTES)
                answer = result(response.status, body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return SubmitResult(Outcome.NOT_SENT, code="connect", text=type(error).__name__)
        except TimeoutError:
            return SubmitResult(Outcome.UNKNOWN, code="timeout", text="no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return SubmitResult(Outcome.UNKNOWN, code="broken", text=type(error).__name__)
        if STATUSES.get(answer.code, UNKNOWN_STATUS).alert:
            log.error("provider refuses: status %s, %s", answer.code, answer.text)
        return answer

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._session.close()
