"""Pictures and other media in a webhook: their addresses and the words that came with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.providers.http.answers import scalar

MOST = 10
LONGEST_ADDRESS = 2_000
# Deeper than any documented shape; what is crafted deeper is not followed.
DEEPEST = 8

_ADDRESS = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_WORDS = ("text", "caption")
# What a person wrote is searched for no address, and links lead to the provider's own records.
_NOT_MEDIA = frozenset({*_WORDS, "body", "name", "links", "context"})


def addresses(*values: object) -> tuple[str, ...]:
    """Return the addresses in values of JSON, each once, ten at most; of a place its ``geo:``."""
    found = [address for value in values for address in _addresses(value, 0)]
    return tuple(dict.fromkeys(found))[:MOST]


def words(*values: object) -> str:
    """Return the captions and texts in values of JSON, a line each; '' for nothing but blanks."""
    said = "\n".join(each for value in values for each in _words(value, 0))
    return said if said.strip() else ""


def _addresses(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str) and len(value) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(value):
        yield value
    if isinstance(value, Mapping) and (place := _place(value)):
        yield place
    for name, each in _within(value, depth):
        if name not in _NOT_MEDIA:
            yield from _addresses(each, depth + 1)


def _words(value: object, depth: int) -> Iterator[str]:
    for name, each in _within(value, depth):
        if name in _WORDS and isinstance(each, str) and each:
            yield scalar(each) or ""
        elif name not in _NOT_MEDIA:
            yield from _words(each, depth + 1)


def _within(value: object, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield what a JSON object holds by name, and what a list holds by no name."""
    if depth < DEEPEST and isinstance(value, Mapping):
        yield from value.items()
    elif depth < DEEPEST and isinstance(value, list):
        yield from (("", each) for each in value)


def _place(value: Mapping[str, Any]) -> str:
    """Return a place as an address, '' for what is none.

    https://www.rfc-editor.org/rfc/rfc5870
    """
    latitude = scalar(value.get("lat", value.get("latitude")))
    longitude = scalar(value.get("long", value.get("longitude")))
    here = f"geo:{latitude},{longitude}"
    return here if re.fullmatch(r"geo:-?[0-9.]{1,20},-?[0-9.]{1,20}", here) else ""
