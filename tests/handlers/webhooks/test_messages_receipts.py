"""Receipts in the shape of the Messages API: what they mean, and the JWT they need."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.kinds import of_kind
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.delivery_receipts import WAYS, receipt, sent
from tests.support.stand_ins.vonage import SENDER, VonageStandin
from tests.support.stand_ins.webhook_signing import APPLICATION, SECRET, jwt, signed
from tests.support.visitor import Reply, Visitor

JWT_SECRET = "secret-of-the-application-0123456789"
ACCOUNT = {"nexmo_signature_secret": SECRET}
# What each kind of gateway is started with; the token's secret is the account's unless named.
KINDS: dict[str, dict[str, object]] = {
    "open": {},
    "account": {**ACCOUNT},
    "application": {
        **ACCOUNT,
        "nexmo_application_id": APPLICATION,
        "nexmo_application_jwt_secret": JWT_SECRET,
    },
}

# Messages API v1, whose status webhooks an account may choose for all its SMS:
# https://developer.vonage.com/en/api/messages#message-status
MESSAGES_V1 = [
    ("submitted", "accepted", False),
    ("delivered", "delivered", True),
    ("read", "delivered", True),
    ("rejected", "rejected", True),
    ("undeliverable", "failed", True),
]


@pytest.fixture(scope="module")
def gateway(kind: str, standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    with GatewayProcess(*standin.options(valkey_url, **KINDS[kind])) as gateway:
        yield gateway


@of_kind("open")
@pytest.mark.parametrize(("state", "expected", "final"), MESSAGES_V1)
async def test_the_shape_of_the_messages_api_is_understood(
    state: str, expected: str, final: bool, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)
    body = {
        "message_uuid": part,
        "to": "4917612345678",
        "from": SENDER,
        "timestamp": "2026-11-21 08:00:05 +0000",
        "status": state,
        "usage": {"currency": "EUR", "price": "0.0333"},
        "channel": "sms",
    }

    reply = await visitor.request("POST", "/dlr/", json=body)

    assert (200, "") == (reply.status, reply.text)
    assert (expected, final, 1) == await visitor.status(message_id)


@of_kind("account")
async def test_a_messages_status_needs_a_token_of_the_account(
    visitor: Visitor, standin: VonageStandin
) -> None:
    await assert_only_a_valid_jwt_is_believed(visitor, standin, SECRET)


@of_kind("application")
async def test_a_messages_status_needs_a_token_of_the_application(
    visitor: Visitor, standin: VonageStandin
) -> None:
    await assert_only_a_valid_jwt_is_believed(visitor, standin, JWT_SECRET)


@of_kind("application")
@pytest.mark.parametrize(
    "claims",
    [
        {"application_id": "00000000-0000-0000-0000-000000000000"},
        {"api_key": "another1"},
        {"iss": "Somebody"},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_a_token_for_somebody_else_is_refused(
    claims: dict[str, str], visitor: Visitor
) -> None:
    body = messages_status("no-such-part")

    reply = await post_messages_status(visitor, body, jwt(body, JWT_SECRET, claims))

    assert 401 == reply.status


@of_kind("account")
async def test_a_jwt_does_not_stand_in_for_the_signature_of_an_sms_webhook(
    visitor: Visitor,
) -> None:
    body = json.dumps(receipt("no-such-part", "delivered")).encode()

    assert 401 == (await post_messages_status(visitor, body, jwt(body, SECRET))).status


@of_kind("account")
async def test_a_signature_does_not_stand_in_for_the_jwt_of_a_messages_webhook(
    visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)
    content = signed({"message_uuid": part, "status": "delivered", "channel": "sms"}, "md5hash")

    assert 401 == (await WAYS["json"](visitor, "/dlr/", content)).status
    assert ("accepted", False, 1) == await visitor.status(message_id)


async def assert_only_a_valid_jwt_is_believed(
    visitor: Visitor, standin: VonageStandin, secret: str
) -> None:
    """Try every wrong token on one message, then the right one."""
    message_id, [part] = await sent(visitor, standin)
    body = messages_status(part)
    right = jwt(body, secret)
    head, claims, _ = right.split(".")
    wrong = [
        None,
        "",
        "no.jwt.at-all",
        right[:-3],
        f"{head}.{claims}.",
        jwt(body, "another-secret-of-the-same-kind-0000"),
        jwt(b"{}", secret),
        jwt(body, secret, algorithm="none"),
        jwt(body, secret, algorithm="HS512"),
    ]

    refusals = [(await post_messages_status(visitor, body, token)).status for token in wrong]
    before = await visitor.status(message_id)
    replies = [await post_messages_status(visitor, body, right) for _ in range(2)]

    assert [401] * len(wrong) == refusals
    assert ("accepted", False, 1) == before
    assert [(200, "")] * 2 == [(reply.status, reply.text) for reply in replies]
    assert ("delivered", True, 1) == await visitor.status(message_id)


def messages_status(part: str) -> bytes:
    """Return the body of a Messages v1 status webhook."""
    status = {"message_uuid": part, "to": "4917612345678", "channel": "sms", "status": "delivered"}
    return json.dumps(status).encode()


async def post_messages_status(visitor: Visitor, body: bytes, token: str | None) -> Reply:
    """Post the body, with a bearer token unless it is None."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return await visitor.request("POST", "/dlr/", data=body, headers=headers)
