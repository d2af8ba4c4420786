"""The two ways in which a request proves its account: in its parameters, or in its header.

https://developer.vonage.com/en/getting-started/concepts/authentication
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.settings import Settings


def authenticate(params: Mapping[str, str], authorization: str, settings: Settings) -> None:
    """Return when a request to the SMS API is the account's own; raises RefusedError (2, 4)."""
    for name in () if authorization else ("api_key", "api_secret"):
        if not params.get(name):
            raise RefusedError("2", f"Missing {name} param")
    if not is_account(params, authorization, settings):
        raise RefusedError("4")


def is_account(params: Mapping[str, str], authorization: str, settings: Settings) -> bool:
    """Tell whether key and secret, in the parameters or by Basic authentication, are right."""
    key, secret = params.get("api_key", ""), params.get("api_secret", "")
    if authorization:
        key, secret = basic(authorization) or ("", "")
    return equal(key, settings.api_key) and equal(secret, settings.api_secret)


def basic(authorization: str) -> tuple[str, str] | None:
    """Return user and password of an Authorization header, or ``None``."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, _, password = decoded.partition(":")
    return user, password


def equal(given: str, expected: str) -> bool:
    """Compare two secrets in a time that tells nothing about them."""
    return hmac.compare_digest(given.encode(), expected.encode())
