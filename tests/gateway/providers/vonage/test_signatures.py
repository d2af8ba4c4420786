"""Signatures of webhooks: the published vectors, and everything that only looks like one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.providers.vonage.signatures import (
    CLOCK_LEEWAY_SECONDS,
    METHODS,
    base_string,
    jwt_id,
    sign,
    verify,
)
from tests.support import DATA

VECTORS = json.loads((DATA / "signatures.json").read_text("utf-8"))
SMS = [each for each in VECTORS["sms"] if each["secret"]]
WITHOUT_SECRET = [each for each in VECTORS["sms"] if not each["secret"]]
SIGNED = [
    pytest.param(vector, method, id=f"{vector['name']}-{method}")
    for vector in SMS
    for method in METHODS
]
SECRET = "a-signature-secret"
PARAMS = {"msisdn": "4917612345678", "messageId": "0A0000000123ABCD", "status": "delivered"}
HOUR = 3600
NOW = int(time.time())


def signed(params: dict[str, str], method: str = "sha256", secret: str = SECRET) -> dict[str, str]:
    return params | {"sig": sign(params, secret, method)}


# -- the sig parameter


@pytest.mark.parametrize("vector", VECTORS["sms"], ids=lambda vector: vector["name"])
def test_the_base_string_is_that_of_the_vectors(vector: dict[str, Any]) -> None:
    assert vector["base_string"] == base_string(vector["params"])


@pytest.mark.parametrize(("vector", "method"), SIGNED)
def test_signs_as_the_official_libraries_do(vector: dict[str, Any], method: str) -> None:
    """Also in the case of the letters: upper for HMAC, lower for the plain hash."""
    assert vector["sig"][method] == sign(vector["params"], vector["secret"], method)


@pytest.mark.parametrize("letters", [str.lower, str.upper], ids=["lower", "upper"])
@pytest.mark.parametrize(("vector", "method"), SIGNED)
def test_a_right_signature_is_valid_in_either_case(
    vector: dict[str, Any], method: str, letters: Any
) -> None:
    params = vector["params"] | {"sig": letters(vector["sig"][method])}
    assert verify(params, vector["secret"], method)


@pytest.mark.parametrize(("vector", "method"), SIGNED)
def test_a_signature_of_another_method_is_not_valid(vector: dict[str, Any], method: str) -> None:
    """A weaker method must not open the gate of a stronger one."""
    others = [verify_with(vector, other, method) for other in METHODS if other != method]
    assert [False] * 4 == others


def verify_with(vector: dict[str, Any], signed_by: str, method: str) -> bool:
    return verify(vector["params"] | {"sig": vector["sig"][signed_by]}, vector["secret"], method)


def test_the_parameters_are_not_changed_by_looking() -> None:
    params = signed(PARAMS)
    before = dict(params)
    verify(params, SECRET, "sha256")
    assert before == params


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"text": "a&b=c"}, id="separators-in-a-value"),
        pytest.param({"text": "grüß Gott €"}, id="not-ascii"),
        pytest.param({"text": "\U0001f600"}, id="emoji"),
        pytest.param({"text": "\ud83d"}, id="half-a-character"),
        pytest.param({"text": " padded "}, id="blanks-around"),
        pytest.param({"text": "a\r\nb\x00"}, id="control-characters"),
        pytest.param({"message-timestamp": "1", "messageId": "2", "concat-part": "3"}, id="order"),
        pytest.param({}, id="nothing-else"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_whatever_stands_in_a_value_can_be_signed(params: dict[str, str], method: str) -> None:
    assert verify(signed(params, method), SECRET, method)


@pytest.mark.parametrize("written", [chr(0xD83D), "\ufffd", "?"])
def test_half_a_character_is_signed_as_its_signer_writes_it(written: str) -> None:
    """A part of a long text may end within one; languages encode it differently."""
    signature = signed(PARAMS | {"text": f"a{written}"})["sig"]
    assert verify(PARAMS | {"text": "a\ud83d", "sig": signature}, SECRET, "sha256")
    assert not verify(PARAMS | {"text": "b\ud83d", "sig": signature}, SECRET, "sha256")


@pytest.mark.parametrize(
    "params",
    [
        pytest.param(PARAMS, id="missing"),
        pytest.param(PARAMS | {"sig": ""}, id="empty"),
        pytest.param(PARAMS | {"sig": "0" * 64}, id="zeros"),
        pytest.param(PARAMS | {"sig": sign(PARAMS, SECRET, "sha256")[:-1]}, id="cut-short"),
        pytest.param(PARAMS | {"sig": sign(PARAMS, SECRET, "sha256") + "0"}, id="too-long"),
        pytest.param(PARAMS | {"sig": f" {sign(PARAMS, SECRET, 'sha256')}"}, id="blank-before"),
        pytest.param(PARAMS | {"sig": sign(PARAMS, "other", "sha256")}, id="other-secret"),
        pytest.param(PARAMS | {"sig": "ünicode"}, id="not-ascii"),
        pytest.param(PARAMS | {"sig": "\ud800"}, id="half-a-character"),
        pytest.param(signed(PARAMS) | {"status": "failed"}, id="changed-value"),
        pytest.param(signed(PARAMS) | {"extra": "1"}, id="added-parameter"),
        pytest.param(signed(PARAMS) | {"Sig": "1"}, id="second-sig-in-other-letters"),
    ],
)
def test_a_wrong_signature_is_not_valid(params: dict[str, str]) -> None:
    assert not verify(params, SECRET, "sha256")


BLANK = PARAMS | {"network-code": "", "client-ref": ""}


@pytest.mark.parametrize(
    ("signed_over", "received", "expected"),
    [
        pytest.param(BLANK, BLANK, True, id="signed-with-blanks"),
        pytest.param(PARAMS, BLANK, True, id="signed-without-blanks"),
        pytest.param(PARAMS | {"client-ref": ""}, BLANK, False, id="signed-with-one-of-them"),
        pytest.param(BLANK, PARAMS, False, id="blanks-lost-on-the-way"),
        pytest.param(PARAMS, PARAMS | {"client-ref": " "}, False, id="a-space-is-not-blank"),
    ],
)
def test_blank_values_count_or_are_all_left_out(
    signed_over: dict[str, str], received: dict[str, str], expected: bool
) -> None:
    """The official libraries differ: https://github.com/Vonage/vonage-java-sdk skips them."""
    params = received | {"sig": sign(signed_over, SECRET, "sha256")}
    assert expected == verify(params, SECRET, "sha256")


@pytest.mark.parametrize("name", ["a&b", "a=b", "&", "messageId=1&msisdn"])
def test_a_name_that_could_be_two_is_signed_by_nobody(name: str) -> None:
    assert not verify(signed(PARAMS | {name: "x"}), SECRET, "sha256")


@pytest.mark.parametrize(("name", "expected"), [("text", True), ("keyword", True), ("x", False)])
def test_only_what_the_provider_leaves_blank_may_be_added_blank(name: str, expected: bool) -> None:
    params = {key: value for key, value in PARAMS.items() if key != name}
    assert expected == verify(signed(params) | {name: ""}, SECRET, "sha256")


@pytest.mark.parametrize(
    ("age", "max_age", "expected"),
    [
        pytest.param(0, HOUR, True, id="fresh"),
        pytest.param(HOUR - 60, HOUR, True, id="just-in-time"),
        pytest.param(HOUR + 60, HOUR, False, id="old"),
        pytest.param(60 - HOUR, HOUR, True, id="clock-ahead"),
        pytest.param(-HOUR - 60, HOUR, False, id="future"),
        pytest.param(10**9, 0, True, id="old-but-not-checked"),
    ],
)
def test_the_timestamp_may_be_so_old(age: int, max_age: int, expected: bool) -> None:
    params = signed(PARAMS | {"timestamp": str(int(time.time()) - age)})
    assert expected == verify(params, SECRET, "sha256", max_age=max_age)


@pytest.mark.parametrize(
    "timestamp",
    [
        pytest.param("", id="empty"),
        pytest.param("soon", id="word"),
        pytest.param("1.5", id="fraction"),
        pytest.param("-1", id="minus"),
        pytest.param("+1", id="plus"),
        pytest.param("1e9", id="exponent"),
        pytest.param("9" * 12, id="milliseconds"),
        pytest.param("9" * 5000, id="endless"),
        pytest.param(str(NOW).translate({48 + n: 0xFF10 + n for n in range(10)}), id="full-width"),
        pytest.param("²", id="superscript"),
    ],
)
def test_a_timestamp_that_is_none_is_not_fresh(timestamp: str) -> None:
    params = signed(PARAMS | {"timestamp": timestamp})
    assert not verify(params, SECRET, "sha256", max_age=HOUR)
    assert verify(params, SECRET, "sha256")


def test_without_a_timestamp_nothing_is_fresh() -> None:
    assert not verify(signed(PARAMS), SECRET, "sha256", max_age=HOUR)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("vector", WITHOUT_SECRET, ids=lambda vector: vector["name"])
def test_an_empty_secret_is_refused(vector: dict[str, Any], method: str) -> None:
    """Though a vector exists for it: everybody knows the empty secret."""
    with pytest.raises(ValueError, match="needs a secret"):
        verify(vector["params"] | {"sig": vector["sig"][method]}, "", method)


@pytest.mark.parametrize("method", ["", "md4", "MD5", "sha384", "none"])
def test_an_unknown_method_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="unknown signature method"):
        sign(PARAMS, SECRET, method)


# -- the JSON Web Token

JWT_SECRET = "a-signature-secret-of-32-characters"
APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
BODY = '{"message_uuid":"aaaaaaaa-bbbb-cccc-dddd-0123456789ab","text":"€"}'.encode()


def proves(authorization: str, secret: str, body: bytes, **expected: Any) -> bool:
    """Tell whether a token shows that the provider sent exactly this body."""
    return jwt_id(authorization, secret, body, **expected) is not None


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(
    header: Any = None, claims: Any = None, secret: str = JWT_SECRET, digest: str = "sha256"
) -> str:
    """Return a token made by the words of RFC 7515, without the library that reads it."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    claims = valid_claims() if claims is None else claims
    content = ".".join(encoded(json.dumps(each).encode()) for each in (header, claims))
    return f"{content}.{encoded(hmac.digest(secret.encode(), content.encode(), digest))}"


def valid_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims that Vonage makes; a change to None leaves the claim out."""
    claims = {
        "iat": int(time.time()),
        "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(BODY).hexdigest(),
        "api_key": "a1b2c3d4",
        "application_id": APPLICATION,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


@pytest.mark.parametrize("vector", VECTORS["jwt"], ids=lambda vector: vector["name"])
def test_tokens_of_the_provider_are_valid(vector: dict[str, Any]) -> None:
    body = vector["body_utf8"].encode()
    assert vector["vonage_jwt_verify_signature"] == proves(
        vector["authorization"],
        vector["secret"],
        body,
        application_id=vector["claims"]["application_id"],
    )


@pytest.mark.parametrize("vector", VECTORS["jwt"], ids=lambda vector: vector["name"])
def test_tokens_of_the_provider_prove_one_body_and_one_secret(vector: dict[str, Any]) -> None:
    body = vector["body_utf8"].encode()
    assert not proves(vector["authorization"], "another secret", body)
    assert not proves(vector["authorization"], vector["secret"], body + b" ")
    assert not proves(vector["authorization"], vector["secret"], body, max_age=HOUR)


@dataclass(frozen=True)
class Jwt:
    """A token, how it is looked at, and whether it is valid."""

    id: str
    valid: bool
    header: Any = None
    claims: dict[str, Any] = field(default_factory=dict)
    digest: str = "sha256"
    secret: str = JWT_SECRET
    body: bytes = BODY
    application_id: str = ""
    max_age: float = 0


TOKENS = [
    Jwt("valid", True),
    Jwt("wrong secret", False, secret="another-secret-of-thirty-two-chars"),
    Jwt("signed as HS512", False, header={"alg": "HS512"}, digest="sha512"),
    Jwt("says HS512, signed as HS256", False, header={"alg": "HS512"}),
    Jwt("says RS256, signed with the secret", False, header={"alg": "RS256"}),
    Jwt("says none", False, header={"alg": "none"}),
    Jwt("says None", False, header={"alg": "None"}),
    Jwt("algorithm in small letters", False, header={"alg": "hs256"}),
    Jwt("no algorithm", False, header={"typ": "JWT"}),
    Jwt("algorithm is a list", False, header={"alg": ["HS256"]}),
    Jwt("algorithm is an object", False, header={"alg": {}}),
    Jwt("header is a list", False, header=[]),
    Jwt("unknown critical extension", False, header={"alg": "HS256", "crit": ["x"], "x": 1}),
    Jwt("other issuer", False, claims={"iss": "vonage"}),
    Jwt("issuers", False, claims={"iss": ["Vonage"]}),
    Jwt("no issuer", False, claims={"iss": None}),
    Jwt("altered body", False, body=BODY + b" "),
    Jwt("other body", False, body=b"{}"),
    Jwt("no payload hash", False, claims={"payload_hash": None}),
    Jwt(
        "hash in capitals", True, claims={"payload_hash": hashlib.sha256(BODY).hexdigest().upper()}
    ),
    Jwt("hash is half a character", False, claims={"payload_hash": "\ud800"}),
    Jwt("no body, nothing to compare", True, body=b"", claims={"payload_hash": None}),
    Jwt("no time", False, claims={"iat": None}),
    Jwt("time is a text", False, claims={"iat": str(NOW)}),
    Jwt("time is true", False, claims={"iat": True}),
    Jwt("time is no number", False, claims={"iat": float("nan")}),
    Jwt("time is endless", False, claims={"iat": float("inf")}),
    Jwt("time has 400 digits", False, claims={"iat": 10**400}),
    Jwt("time has a fraction", True, claims={"iat": NOW + 0.5}),
    Jwt("clock ahead within the leeway", True, claims={"iat": NOW + CLOCK_LEEWAY_SECONDS // 2}),
    Jwt("clock ahead too far", False, claims={"iat": NOW + CLOCK_LEEWAY_SECONDS + HOUR}),
    Jwt("old, age not checked", True, claims={"iat": NOW - 10 * HOUR}),
    Jwt("young enough", True, claims={"iat": NOW - HOUR // 2}, max_age=HOUR),
    Jwt("too old", False, claims={"iat": NOW - 2 * HOUR}, max_age=HOUR),
    Jwt("expired", False, claims={"exp": NOW - HOUR}),
    Jwt("not valid yet, within the leeway", True, claims={"nbf": NOW + CLOCK_LEEWAY_SECONDS // 2}),
    Jwt("right application", True, application_id=APPLICATION),
    Jwt("other application", False, application_id="another"),
    Jwt("no application", False, application_id=APPLICATION, claims={"application_id": None}),
    Jwt("unknown claims", True, claims={"extra": {"a": [1]}}),
]


@pytest.mark.parametrize("case", TOKENS, ids=lambda case: case.id)
def test_a_token_is_valid_only_as_the_provider_makes_it(case: Jwt) -> None:
    made = token(case.header, valid_claims(**case.claims), case.secret, case.digest)
    assert case.valid == proves(
        f"Bearer {made}",
        JWT_SECRET,
        case.body,
        application_id=case.application_id,
        max_age=case.max_age,
    )


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        pytest.param("Bearer {}", True, id="as-usual"),
        pytest.param("bearer {}", True, id="small-letters"),
        pytest.param("BEARER {}", True, id="capitals"),
        pytest.param("Bearer   {} ", True, id="blanks"),
        pytest.param("{}", False, id="no-scheme"),
        pytest.param("Basic {}", False, id="other-scheme"),
        pytest.param("Bearer{}", False, id="no-blank"),
        pytest.param("Bearer", False, id="no-token"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_the_token_stands_behind_the_word_bearer(authorization: str, expected: bool) -> None:
    assert expected == proves(authorization.format(token()), JWT_SECRET, BODY)


def test_an_empty_secret_proves_nothing() -> None:
    assert not proves(f"Bearer {token(secret='')}", "", BODY)


HEADER = encoded(b'{"alg":"HS256"}')


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param("", id="empty"),
        pytest.param("x", id="no-dots"),
        pytest.param("..", id="only-dots"),
        pytest.param("a.b.c", id="no-base64"),
        pytest.param("ä.ö.ü", id="not-ascii"),
        pytest.param("\ud800.a.b", id="half-a-character"),
        pytest.param("\x00.\x00.\x00", id="zeros"),
        pytest.param(".".join([HEADER] * 5), id="five-parts"),
        pytest.param(f"{HEADER}.{encoded(b'x')}.", id="unsigned"),
        pytest.param(f"{encoded(b'{')}.{HEADER}.{HEADER}", id="header-cut-short"),
        pytest.param(f"{encoded(b'null')}.{HEADER}.{HEADER}", id="header-null"),
        pytest.param(f"{encoded(b'[' * 60_000)}.{HEADER}.{HEADER}", id="header-very-deep"),
        pytest.param(f"{encoded(b'1' * 10_000)}.{HEADER}.{HEADER}", id="header-long-number"),
        pytest.param(f"{encoded(bytes(range(256)))}.{HEADER}.{HEADER}", id="header-no-utf-8"),
        pytest.param(token(claims=[1]), id="claims-are-a-list"),
        pytest.param(token(claims="text"), id="claims-are-a-text"),
    ],
)
def test_garbage_is_not_valid_and_does_no_harm(garbage: str) -> None:
    assert not proves(f"Bearer {garbage}", JWT_SECRET, BODY)
