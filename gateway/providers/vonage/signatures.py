"""Signatures of Vonage: the ``sig`` parameter of SMS requests and the JWT of newer webhooks.

https://developer.vonage.com/en/getting-started/concepts/signing-messages
https://developer.vonage.com/en/getting-started/concepts/webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
import warnings
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from gateway.store.values import well_formed

# The provider chooses the secret; a warning for each process would tell the operator nothing.
warnings.simplefilter("ignore", InsecureKeyLengthWarning)

LONGEST_ID = 100
_HALF = re.compile("[\ud800-\udfff]")

METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")

# Clocks differ; an ``iat`` this far in the future is still believed.
CLOCK_LEEWAY_SECONDS = 60
# Nothing that stands in a GET is covered by its token: it is good for so long, and once.
BODYLESS_SECONDS = 300
# The provider repeats an MO for 24 h, and receipts, which change nothing twice, for 72 h.
RECEIPTS_SECONDS = 3 * 86_400
# Fields that may be empty; one of the provider's own libraries signs without those.
_MAY_BE_BLANK = frozenset(
    {"text", "keyword", "msisdn", "client-ref", "network-code", "price", "scts", "err-code"}
)
# In a name they would let two parameters be signed as one.
_SEPARATORS = frozenset("&=")


def base_string(params: Mapping[str, str]) -> str:
    """Return ``&key=value…`` in code-point order of keys, ``&`` and ``=`` in values as ``_``."""
    cleaned = ((key, params[key].replace("&", "_").replace("=", "_")) for key in sorted(params))
    return "".join(f"&{key}={value}" for key, value in cleaned)


def sign(params: Mapping[str, str], secret: str, method: str) -> str:
    """Return the signature of the decoded ``params`` (without ``sig``) in hexadecimal digits.

    Raises ValueError for an unknown method and for an empty secret, which md5hash would accept.
    """
    if method not in METHODS:
        raise ValueError(f"unknown signature method {method!r}")
    if not secret:
        raise ValueError("a signature needs a secret")
    base = base_string(params).encode("utf-8", "surrogatepass")
    if method == "md5hash":
        return hashlib.md5(base + secret.encode(), usedforsecurity=False).hexdigest()
    return hmac.new(secret.encode(), base, method).hexdigest().upper()


def verify(params: Mapping[str, str], secret: str, method: str, *, max_age: float = 0) -> bool:
    """Tell whether ``params["sig"]`` signs the other parameters.

    max_age: seconds that ``timestamp`` may differ from now, 0 = not checked. Blank values are
    kept; only when they do not match are those dropped, once, that the provider leaves blank.
    Half a character is signed as itself, as U+FFFD or as ``?``.
    """
    rest = {key: value for key, value in params.items() if key != "sig"}
    if any(_SEPARATORS.intersection(key) for key in rest):
        return False
    given = params.get("sig", "").lower()
    candidates = [rest]
    without = {key: value for key, value in rest.items() if value or key not in _MAY_BE_BLANK}
    if len(without) < len(rest):
        candidates.append(without)
    if not all(map(_is_encodable, rest.values())):
        candidates.append({key: well_formed(value) for key, value in rest.items()})
        candidates.append(
            {key: value.encode(errors="replace").decode() for key, value in rest.items()}
        )
    matches = [same(sign(each, secret, method).lower(), given) for each in candidates]
    return any(matches) and (max_age <= 0 or _fresh(rest.get("timestamp", ""), max_age))


def jwt_id(
    authorization: str,
    secret: str,
    body: bytes,
    *,
    application_id: str = "",
    api_key: str = "",
    max_age: float = 0,
) -> str | None:
    """Return the ``jti`` of an ``Authorization: Bearer`` header by which Vonage sends ``body``.

    None unless it proves that. HS256 only; the issuer, the payload hash over the raw bytes, the
    application (when one is given) and a clock leeway both ways are checked. Vonage sets no
    expiry: ``max_age`` seconds, 0 = any age, is ours. One without a body is good for
    BODYLESS_SECONDS, leeway included, needs a ``jti`` and must not be the token of a body.
    """
    scheme, _, token = authorization.partition(" ")
    claims = _claims(token.strip(), secret) if scheme.lower() == "bearer" and secret else None
    if claims is None:
        return None
    foreign = (
        claims["iss"] != "Vonage"
        or (api_key and claims.get("api_key", api_key) != api_key)
        or (application_id and claims.get("application_id") != application_id)
    )
    told = str(claims.get("jti") or "")
    if not body:
        max_age = BODYLESS_SECONDS - CLOCK_LEEWAY_SECONDS
        foreign = foreign or not told or len(told) > LONGEST_ID
    hashed = claims.get("payload_hash", None if body else _sha256(b""))
    proved = not foreign and same(_sha256(body), str(hashed).lower())
    return told if proved and _issued_in_time(claims["iat"], max_age) else None


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    """Return what a token says that was signed with the secret, None for any other one."""
    try:
        return jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            leeway=CLOCK_LEEWAY_SECONDS,
            options={
                "verify_iat": False,
                "require": ["iat", "iss"],
                "enforce_minimum_key_length": False,
            },
        )
    except (jwt.PyJWTError, ValueError, RecursionError):  # the last two from junk in its parts
        return None


def _is_encodable(text: str) -> bool:
    return text.isascii() or not _HALF.search(text)


def _issued_in_time(issued: object, max_age: float) -> bool:
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return False
    age = int(time.time()) - issued  # whole seconds: an integer of any size can be subtracted
    return age >= -CLOCK_LEEWAY_SECONDS and (max_age <= 0 or age <= max_age + CLOCK_LEEWAY_SECONDS)


def _fresh(timestamp: str, max_age: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(time.time() - int(timestamp)) <= max_age


def same(expected: str, given: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
