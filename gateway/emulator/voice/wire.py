"""Webhooks of the voice application: what they say, as GET or POST, with a JSON web token.

https://developer.vonage.com/en/voice/voice-api/webhook-reference
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.emulator.account import submission
from gateway.emulator.account.calls import INBOUND, Call, Leg
from gateway.emulator.settings import Settings
from gateway.emulator.voice.ncco import SYNTAX_ERROR
from gateway.emulator.webhooks import outgoing
from gateway.emulator.webhooks.outgoing import Outgoing

# EUR a minute: the inbound rate stands in a sample of the documentation, the other is a guess.
_RATES = {True: 0.0045, False: 0.0139}
# https://developer.vonage.com/en/voice/voice-api/webhook-reference (table of details)
_DETAILS: Mapping[str, str] = {
    "unanswered": "unavailable",
    "rejected": "declined",
    "failed": "cannot_route",
    "timeout": "carrier_timeout",
}
_SIP_CODES: Mapping[str, int] = {
    "completed": 200,
    "busy": 486,
    "cancelled": 487,
    "failed": 503,
    "rejected": 603,
    "timeout": 408,
    "unanswered": 480,
}

Document = dict[str, object]


def request(values: Mapping[str, object], method: str, url: str, settings: Settings) -> Outgoing:
    """Return the request that tells or asks a webhook, signed when the account has a secret.

    What the provider hashes for a GET is not documented; here it is the empty body.
    """
    if method == "GET":
        query = {name: _as_text(value) for name, value in values.items() if value not in (None, {})}
        headers = outgoing.authorization(b"", settings)
        return Outgoing("GET", outgoing.with_query(url, query), headers=headers)
    body = outgoing.compact(values)
    headers = {"Content-Type": outgoing.JSON, **outgoing.authorization(body, settings)}
    return Outgoing("POST", url, body, headers)


def question(call: Call) -> Document:
    """Return what the answer URL is asked with; ``from`` is absent when there is no number."""
    values: Document = {
        "to": call.to,
        "from": call.inbound.sender,
        "conversation_uuid": call.conversation_uuid,
        "uuid": call.uuid,
        "endpoint_type": "phone",
        "region_url": "https://api-eu-3.vonage.com",
    }
    return {name: value for name, value in values.items() if value}


def fallback_question(values: Mapping[str, object], reason: str, url: str, kind: str) -> Document:
    """Return what the fallback URL is asked with. kind: of the failed one, answer or event."""
    return {**values, "reason": reason, "original_request": {"url": url, "type": kind}}


def event(call: Call, leg: Leg, status: str, now: float) -> Document:
    """Return an event of a leg; now: unix seconds of the call."""
    values: Document = {
        "headers": {},
        "from": leg.sender,
        "to": leg.to,
        "uuid": leg.uuid,
        "conversation_uuid": call.conversation_uuid,
        "status": status,
        "direction": leg.direction,
        "timestamp": timestamp(now),
    }
    if status == "answered":
        return {**values, "start_time": None, "rate": None, "network": None}
    if leg.ended:
        values |= _ending(call, leg, status)
    return values


def error_event(call: Call, now: float) -> Document:
    """Return the event about an NCCO that cannot be used."""
    return {
        "reason": SYNTAX_ERROR,
        "conversation_uuid": call.conversation_uuid,
        "timestamp": timestamp(now),
    }


def timestamp(now: float) -> str:
    """Return unix seconds as the provider writes them: ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _ending(call: Call, leg: Leg, status: str) -> Document:
    values: Document = {"sip_code": _SIP_CODES.get(status, 500)}
    if status == "completed":
        inbound = leg.direction == INBOUND
        rate = _RATES[inbound]
        return values | {
            "start_time": timestamp(leg.answered),
            "end_time": timestamp(leg.ended),
            "duration": str(leg.duration),
            "rate": f"{rate:.8f}",
            "price": f"{rate * leg.duration / 60:.8f}",
            "network": submission.network(leg.sender if inbound else leg.to),
            "disconnected_by": leg.disconnected_by,
        }
    detail = (leg is not call.inbound and call.order.detail) or _DETAILS.get(status, "")
    return values | ({"detail": detail} if detail else {})


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
