"""The rules of the Numbers API: what its parameters may be, and how it refuses.

https://developer.vonage.com/en/api/numbers
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.rented.stock import FEATURES, TYPES

MAX_SIZE = 100
FAILED = "method failed"
LABELS: Mapping[int, str] = {
    200: "success",
    401: "authentication failed",
    420: FAILED,
    429: "too many requests",
}
ADDRESS_NEEDED = (
    "Numbers from this country can be requested from the Dashboard "
    "(https://dashboard.nexmo.com/buy-numbers) as they require a valid local address to be "
    "provided before being purchased."
)

_COUNTRY = re.compile(r"[A-Z]{2}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_CALLBACK_TYPES = {"voiceCallbackType": ("sip", "tel", "app"), "messagesCallbackType": ("app",)}

# search_pattern → how a number is to match.
_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "0": str.startswith,
    "1": str.__contains__,
    "2": str.endswith,
}


@dataclass(frozen=True, slots=True)
class Query:
    """Which numbers are wanted, and which page of them; '' and empty = any."""

    country: str
    type: str
    pattern: str
    search_pattern: str
    features: frozenset[str]
    size: int
    index: int

    def matches(self, country: str, msisdn: str, kind: str, features: Sequence[str]) -> bool:
        """Tell whether a number is wanted."""
        return (
            self.country in {"", country}
            and self.type in {"", kind}
            and self.features <= set(features)
            and _MATCHES[self.search_pattern](msisdn, self.pattern)
        )

    def page(self, found: Sequence[dict[str, object]]) -> dict[str, object]:
        """Return the answer to a search; without any match it is empty."""
        if not found:
            return {}
        start = (self.index - 1) * self.size
        return {"count": len(found), "numbers": found[start : start + self.size]}


def query(params: Mapping[str, str], country_required: bool) -> Query:
    """Return what a search asks for; raises RefusedError for what it cannot mean."""
    given = params.get("features", "")
    country = params.get("country", "")
    features = frozenset(filter(None, given.split(",")))
    _require(_COUNTRY.fullmatch(country) or not (country or country_required))
    _require(features <= set(FEATURES))
    _require(params.get("type", "") in {"", *TYPES})
    _require(params.get("search_pattern", "0") in _MATCHES)
    return Query(
        country=country,
        type=params.get("type", ""),
        pattern=params.get("pattern", ""),
        search_pattern=params.get("search_pattern", "0"),
        features=features,
        size=_whole(params.get("size", "10"), MAX_SIZE),
        index=_whole(params.get("index", "1"), 1_000_000),
    )


def number(params: Mapping[str, str], api_key: str) -> str:
    """Return the number that is meant; raises RefusedError without one, or for another account."""
    _require(_COUNTRY.fullmatch(params.get("country", "")))
    _require(_DIGITS.fullmatch(params.get("msisdn", "")))
    _require(params.get("target_api_key", api_key) == api_key)
    return params["msisdn"]


def check_callbacks(params: Mapping[str, str]) -> None:
    """Raise RefusedError for callbacks of an unknown type, or with a type but no value."""
    for name, types in _CALLBACK_TYPES.items():
        kind = params.get(name, "")
        _require(kind in {"", *types})
        _require(not kind or params.get(name.replace("Type", "Value")))


def answer(status: int, label: str = "") -> dict[str, str]:
    """Return the body of everything but a list."""
    return {"error-code": str(status), "error-code-label": label or LABELS.get(status, FAILED)}


def _require(valid: object) -> None:
    if not valid:
        raise RefusedError("420")


def _whole(text: str, highest: int) -> int:
    _require(text.isascii() and text.isdigit() and len(text) < 8)
    _require(1 <= int(text) <= highest)
    return int(text)
