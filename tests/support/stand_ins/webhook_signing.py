"""Signatures and tokens of the provider's webhooks, made from its documentation alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping

from tests.support.stand_ins.vonage import API_KEY

ALGORITHMS = ("md5hash", "md5", "sha1", "sha256", "sha512")
# The secret of the published vectors, so that they can be tried on a running gateway.
SECRET = "my_secret_key_for_testing"
APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


def signature(params: Mapping[str, str], algorithm: str, secret: str) -> str:
    """Return the lower-case signature of a webhook.

    Source: https://developer.vonage.com/en/getting-started/concepts/signing-messages
    """
    ordered = sorted(params.items())
    base = "".join(f"&{k}={v.replace('&', '_').replace('=', '_')}" for k, v in ordered).encode()
    if algorithm == "md5hash":
        return hashlib.md5(base + secret.encode()).hexdigest()
    return hmac.new(secret.encode(), base, algorithm).hexdigest()


def signed(params: Mapping[str, str], algorithm: str, secret: str = SECRET) -> dict[str, str]:
    """Return the parameters with a nonce and their signature."""
    content = {**params, "nonce": str(uuid.uuid4())}
    return {**content, "sig": signature(content, algorithm, secret)}


def jwt(
    body: bytes, secret: str, claims: Mapping[str, str] | None = None, algorithm: str = "HS256"
) -> str:
    """Return a token as the provider makes it; ``claims`` replace some of its own.

    Source: https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
    """
    content = {
        "iat": int(time.time()),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": API_KEY,
        "application_id": APPLICATION,
        **(claims or {}),
    }
    pieces = ({"alg": algorithm, "typ": "JWT"}, content)
    signing = b".".join(_base64url(json.dumps(piece).encode()) for piece in pieces)
    digests = {"HS256": "sha256", "HS512": "sha512"}
    if algorithm not in digests:
        return f"{signing.decode()}."
    mac = hmac.new(secret.encode(), signing, digests[algorithm]).digest()
    return f"{signing.decode()}.{_base64url(mac).decode()}"


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
