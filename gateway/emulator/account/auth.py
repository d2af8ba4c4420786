"""The three ways in which a request to the SMS API proves its account.

https://developer.vonage.com/en/getting-started/concepts/authentication
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.settings import Settings
from gateway.providers.vonage import signatures


def authenticate(params: Mapping[str, str], authorization: str, settings: Settings) -> None:
    """Return when the request is the account's own; raises RefusedError (2, 4, 14, 32) when not.

    A signature excludes every secret, be it a parameter or in the Authorization header.
    """
    if params.get("sig") and (params.get("api_secret") or authorization):
        raise RefusedError("32")
    if authorization:
        _check(*(basic(authorization) or ("", "")), settings)
        return
    _require(params, "api_key")
    if params.get("sig"):
        _check_signature(params, settings)
        return
    _require(params, "api_secret")
    _check(params["api_key"], params["api_secret"], settings)


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


def _require(params: Mapping[str, str], name: str) -> None:
    if not params.get(name):
        raise RefusedError("2", f"Missing {name} param")


def _check(key: str, secret: str, settings: Settings) -> None:
    if not is_account({"api_key": key, "api_secret": secret}, "", settings):
        raise RefusedError("4")


def _check_signature(params: Mapping[str, str], settings: Settings) -> None:
    if not equal(params["api_key"], settings.api_key):
        raise RefusedError("4")
    timestamp = params.get("timestamp", "")
    dated = timestamp.isascii() and timestamp.isdigit()
    secret, method = settings.signature_secret, settings.signature_method
    if not (dated and secret and signatures.verify(params, secret, method)):
        raise RefusedError("14")


def equal(given: str, expected: str) -> bool:
    """Compare two secrets in a time that tells nothing about them."""
    return hmac.compare_digest(given.encode(), expected.encode())
