"""Who is let in: the operator by his token, providers by every means that is configured."""

from __future__ import annotations

import hashlib
import itertools
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import jwt
import pytest
from prometheus_client import REGISTRY

from gateway.access.gates import AdminGate, WebhookCall, WebhookGate
from gateway.errors import Forbidden, GatewayError, NotFound, Unauthenticated
from gateway.providers.vonage.signatures import same, sign

TOKEN = "operator-token"


def result_of(error: type[GatewayError] | None) -> AbstractContextManager[object]:
    return nullcontext() if error is None else pytest.raises(error)


# -- the operator


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        pytest.param(f"Bearer {TOKEN}", None, id="right"),
        pytest.param(f"bearer {TOKEN}", None, id="small-letters"),
        pytest.param(f"Bearer  {TOKEN} ", None, id="blanks"),
        pytest.param("", Unauthenticated, id="none"),
        pytest.param("Bearer", Unauthenticated, id="no-token"),
        pytest.param("Bearer ", Unauthenticated, id="empty"),
        pytest.param("Bearer other", Unauthenticated, id="wrong"),
        pytest.param(f"Bearer {TOKEN}x", Unauthenticated, id="longer"),
        pytest.param(f"Bearer {TOKEN[:-1]}", Unauthenticated, id="shorter"),
        pytest.param(f"Bearer {TOKEN.upper()}", Unauthenticated, id="capitals"),
        pytest.param("Bearer töken", Unauthenticated, id="not-ascii"),
        pytest.param("Bearer \ud800", Unauthenticated, id="half-a-character"),
        pytest.param(f"Basic {TOKEN}", Unauthenticated, id="other-scheme"),
        pytest.param(TOKEN, Unauthenticated, id="no-scheme"),
    ],
)
@pytest.mark.parametrize("developer", [False, True], ids=["remote", "here"])
def test_the_operator_needs_the_token(
    authorization: str, error: type[GatewayError] | None, developer: bool
) -> None:
    """In production it makes no difference where he sits."""
    with result_of(error):
        AdminGate(TOKEN, development=False).check(authorization, developer=developer)


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer other"])
@pytest.mark.parametrize("development", [False, True], ids=["production", "development"])
def test_without_a_configured_token_the_admin_routes_are_closed(
    authorization: str, development: bool
) -> None:
    """An empty token is no token that anybody could present."""
    with pytest.raises(Forbidden):
        AdminGate("", development=development).check(authorization, developer=False)


@pytest.mark.parametrize("token", ["", TOKEN], ids=["no-token-configured", "token-configured"])
@pytest.mark.parametrize("authorization", ["", f"Bearer {TOKEN}", "Bearer other"])
def test_a_developer_on_this_machine_needs_no_token(token: str, authorization: str) -> None:
    AdminGate(token, development=True).check(authorization, developer=True)


def test_in_development_others_need_the_token() -> None:
    gate = AdminGate(TOKEN, development=True)
    gate.check(f"Bearer {TOKEN}", developer=False)
    with pytest.raises(Unauthenticated):
        gate.check("", developer=False)


@pytest.mark.parametrize(
    ("expected", "given", "equal"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", "", False),
        ("ü", "ü", True),
        ("a", "\ud800", False),
    ],
)
def test_secrets_are_compared_as_text(expected: str, given: str, equal: bool) -> None:
    assert equal == same(expected, given)


# -- the providers

WEBHOOK_TOKEN = "webhook-token"
SIGNATURE_SECRET = "signature-secret-of-32-characters"
JWT_SECRET = "application-secret-of-32-characters"
PARAMS = {"messageId": "0A0000000123ABCD", "status": "delivered"}
BODY = b'{"message_uuid":"aaaaaaaa-bbbb-cccc-dddd-0123456789ab","status":"delivered"}'

# By the options: what a call has to show. "proof" is the signature of an SMS webhook, the JWT of
# a Messages v1 body; None: there is nothing that such a call could show.
NEEDED: dict[str, dict[str, set[str] | None]] = {
    "nothing": {"sms": {"here"}, "messages": {"here"}},
    "token": {"sms": {"token"}, "messages": {"token"}},
    "signature": {"sms": {"proof"}, "messages": {"proof"}},
    "jwt": {"sms": None, "messages": {"proof"}},
    "token+signature": {"sms": {"token", "proof"}, "messages": {"token", "proof"}},
    "token+jwt": {"sms": {"token"}, "messages": {"token", "proof"}},
    "signature+jwt": {"sms": {"proof"}, "messages": {"proof"}},
    "token+signature+jwt": {"sms": {"token", "proof"}, "messages": {"token", "proof"}},
}
SHOWN = ("right", "wrong", "missing")
MATRIX = list(itertools.product(NEEDED, SHOWN, SHOWN, ("sms", "messages"), (True, False)))


def gate(configured: str, **more: object) -> WebhookGate:
    options: dict[str, Any] = {
        "token": WEBHOOK_TOKEN if "token" in configured else "",
        "signature_secret": SIGNATURE_SECRET if "signature" in configured else "",
        "jwt_secret": JWT_SECRET if "jwt" in configured else "",
        "open_here": True,
    }
    return WebhookGate(**(options | more))


def test_without_any_means_nobody_is_served_unless_that_is_said() -> None:
    with pytest.raises(Unauthenticated):
        gate("nothing", open_here=False).check(replace(sms_call(), on_this_machine=lambda: True))


def sms_call(secret: str = "", method: str = "md5hash", **params: str) -> WebhookCall:
    """Return an SMS webhook from elsewhere, signed when there is a secret."""
    signed = PARAMS | params
    if secret:
        signed["sig"] = sign(signed, secret, method)
    return WebhookCall(None, signed, b"", "", json_only=False, on_this_machine=lambda: False)


def messages_call(secret: str = "", **claims: object) -> WebhookCall:
    """Return a Messages v1 webhook from elsewhere, with a token when there is a secret."""
    content = {
        "iat": int(time.time()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(BODY).hexdigest(),
    }
    authorization = f"Bearer {jwt.encode(content | claims, secret)}" if secret else ""
    return WebhookCall(None, {}, BODY, authorization, json_only=True, on_this_machine=lambda: False)


def call(configured: str, token: str, proof: str, shape: str, here: bool) -> WebhookCall:
    right = JWT_SECRET if shape == "messages" and "jwt" in configured else SIGNATURE_SECRET
    secret = {"right": right, "wrong": "another-secret-of-thirty-two-chars", "missing": ""}[proof]
    made = sms_call(secret) if shape == "sms" else messages_call(secret)
    element = {"right": WEBHOOK_TOKEN, "wrong": "another-token", "missing": None}[token]
    return replace(made, token=element, on_this_machine=lambda: here)


def verdict(configured: str, token: str, proof: str, shape: str, here: bool) -> object:
    """Return the error by the rules of the contract, None when the call is admitted."""
    if "token" not in configured and token != "missing":
        return NotFound
    shown = {"token"} if token == "right" else set()
    shown |= {"proof"} if proof == "right" else set()
    shown |= {"here"} if here else set()
    needed = NEEDED[configured][shape]
    return None if needed is not None and needed <= shown else Unauthenticated


@pytest.mark.parametrize(
    ("configured", "token", "proof", "shape", "here"),
    [
        pytest.param(*row, id="{0}: {3}, {1} token, {2} proof, here={4}".format(*row))
        for row in MATRIX
    ],
)
def test_a_webhook_is_served_when_it_shows_all_that_is_configured_for_it(
    configured: str, token: str, proof: str, shape: str, here: bool
) -> None:
    try:
        gate(configured).check(call(configured, token, proof, shape, here))
        outcome: object = None
    except GatewayError as error:
        outcome = type(error)
    assert verdict(configured, token, proof, shape, here) == outcome


@pytest.mark.parametrize("configured", NEEDED)
def test_the_gate_knows_whether_providers_can_come_at_all(configured: str) -> None:
    assert (configured != "nothing") == gate(configured).configured


FOREIGN = [
    pytest.param(
        "signature",
        replace(messages_call(), params=sms_call(SIGNATURE_SECRET).params),
        id="sig-in-json",
    ),
    pytest.param(
        "signature",
        replace(sms_call(), authorization=messages_call(SIGNATURE_SECRET).authorization),
        id="token-on-an-sms-webhook",
    ),
    pytest.param("signature+jwt", messages_call(SIGNATURE_SECRET), id="secret-of-sms-webhooks"),
    pytest.param("signature+jwt", sms_call(JWT_SECRET), id="secret-of-the-application"),
    pytest.param(
        "signature", replace(sms_call(SIGNATURE_SECRET), params=None), id="parameter-came-twice"
    ),
    pytest.param(
        "signature", replace(messages_call(SIGNATURE_SECRET), body=b"{}"), id="other-body"
    ),
    pytest.param("token", replace(sms_call(), token=""), id="empty-token"),
    pytest.param("token", replace(sms_call(), token="\ud800"), id="token-is-half-a-character"),
    pytest.param("token", replace(sms_call(), token=WEBHOOK_TOKEN.upper()), id="token-in-capitals"),
]


@pytest.mark.parametrize(("configured", "made"), FOREIGN)
def test_one_proof_does_not_stand_for_another(configured: str, made: WebhookCall) -> None:
    with pytest.raises(Unauthenticated):
        gate(configured).check(made)


def test_without_anything_configured_a_parameter_may_come_twice() -> None:
    """Nothing is signed, so nothing is in doubt."""
    gate("nothing").check(replace(sms_call(), params=None, on_this_machine=lambda: True))
    gate("token").check(replace(sms_call(), params=None, token=WEBHOOK_TOKEN))


@pytest.mark.parametrize(
    ("options", "made", "error"),
    [
        pytest.param(
            {"signature_method": "sha256"}, sms_call(SIGNATURE_SECRET, "sha256"), None, id="method"
        ),
        pytest.param(
            {"signature_method": "sha256"}, sms_call(SIGNATURE_SECRET), Unauthenticated, id="weaker"
        ),
        pytest.param(
            {"signature_max_age": 3600},
            sms_call(SIGNATURE_SECRET, timestamp=str(int(time.time()))),
            None,
            id="fresh",
        ),
        pytest.param(
            {"signature_max_age": 3600},
            sms_call(SIGNATURE_SECRET, timestamp="1700000000"),
            Unauthenticated,
            id="old",
        ),
        pytest.param(
            {"signature_max_age": 3600},
            messages_call(SIGNATURE_SECRET, iat=1700000000),
            Unauthenticated,
            id="old-jwt",
        ),
        pytest.param(
            {"application_id": "ours"},
            messages_call(SIGNATURE_SECRET, application_id="ours"),
            None,
            id="application",
        ),
        pytest.param(
            {"application_id": "ours"},
            messages_call(SIGNATURE_SECRET, application_id="theirs"),
            Unauthenticated,
            id="other-application",
        ),
    ],
)
def test_method_age_and_application_are_looked_at(
    options: dict[str, object], made: WebhookCall, error: type[GatewayError] | None
) -> None:
    with result_of(error):
        gate("signature", **options).check(made)


def test_wrong_admin_tokens_are_counted_and_said_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without the token, which may be nearly right; a missing one is none."""
    gate, before = AdminGate("correct-horse", development=False), counted()
    for authorization in ("Bearer correct-hors", "Bearer x", "", "Basic eDp4"):
        with pytest.raises(Unauthenticated):
            gate.check(authorization, developer=False, client="203.0.113.7")
    assert 2 == counted() - before
    assert ["a wrong admin token came from 203.0.113.7"] == caplog.messages


def counted() -> float:
    """Return how many wrong admin tokens there were."""
    return float(REGISTRY.get_sample_value("gateway_admin_refusals_total") or 0)
