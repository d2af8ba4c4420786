"""Delivery receipts as the provider sends them, written from its documentation alone."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from tests.support.stand_ins.vonage import (
    API_KEY,
    SENDER,
    VonageStandin,
    accepted,
    in_turn,
    new_ids,
)
from tests.support.visitor import Reply, Visitor

Way = Callable[[Visitor, str, dict[str, str]], Awaitable[Reply]]

# How an account can have its receipts delivered:
# https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
WAYS: dict[str, Way] = {
    "get": lambda visitor, path, content: visitor.get(path, **content),
    "form": lambda visitor, path, content: visitor.request("POST", path, data=content),
    "json": lambda visitor, path, content: visitor.request("POST", path, json=content),
    "json-without-type": lambda visitor, path, content: visitor.request(
        "POST", path, data=json.dumps(content).encode(), skip_auto_headers=["Content-Type"]
    ),
}


async def sent(visitor: Visitor, standin: VonageStandin, count: int = 1) -> tuple[str, list[str]]:
    """Send a message of so many parts; return its id and the provider's ids of the parts."""
    parts = new_ids(count)
    standin.expect(in_turn(accepted(*parts), accepted()))
    reply = await visitor.send()
    return reply.json["id"], parts


def receipt(part: str, status: str) -> dict[str, str]:
    """Return a receipt as the provider writes it; ``msisdn`` is the receiver there."""
    return {
        "msisdn": "4917612345678",
        "to": SENDER,
        "network-code": "26201",
        "messageId": part,
        "price": "0.00845000",
        "status": status,
        "scts": "2607170234",
        "err-code": "0" if status == "delivered" else "1",
        "api-key": API_KEY,
        "message-timestamp": "2026-07-17 02:34:35",
    }


async def deliver(visitor: Visitor, content: dict[str, str]) -> Reply:
    """Post a receipt as a form."""
    return await WAYS["form"](visitor, "/dlr/", content)
