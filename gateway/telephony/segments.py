"""How many SMS parts a text needs, and in which alphabet it travels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

# Longest text that Vonage takes (https://developer.vonage.com/en/api/sms).
MAX_CHARACTERS = 3200

# GSM 03.38 default alphabet without its escape character, and the extension table, whose
# characters travel as escape + code (https://www.etsi.org/deliver/etsi_ts/123000_123099/123038/).
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM7 = _BASIC | _EXTENSION

# 140 octets a message, of which a part of several gives 6 to the header that joins them
# (https://developer.vonage.com/messaging/sms/guides/concatenation-and-encoding).
_GSM7_SINGLE, _GSM7_PART = 160, 153
_UCS2_SINGLE, _UCS2_PART = 70, 67

_LAST_SINGLE_UNIT = "\uffff"


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text becomes on the air; ``units`` are septets (gsm7) or UTF-16 units (ucs2)."""

    encoding: Literal["gsm7", "ucs2"]
    parts: int
    units: int


def is_gsm7(text: str) -> bool:
    """Return whether every character of ``text`` is in the GSM 03.38 default alphabet."""
    return _GSM7.issuperset(text)


def count(text: str) -> Segments:
    """Return encoding, parts and units of ``text``; an empty text is one part."""
    # Longer texts are refused by providers: not worth a place in the cache.
    return _cached_count(text) if len(text) <= MAX_CHARACTERS else _count(text)


def _count(text: str) -> Segments:
    if _BASIC.issuperset(text):
        return Segments("gsm7", _even_parts(len(text), _GSM7_SINGLE, _GSM7_PART), len(text))
    if is_gsm7(text):
        costs = [2 if char in _EXTENSION else 1 for char in text]
        return Segments("gsm7", _packed_parts(costs, _GSM7_SINGLE, _GSM7_PART), sum(costs))
    if max(text) <= _LAST_SINGLE_UNIT:
        return Segments("ucs2", _even_parts(len(text), _UCS2_SINGLE, _UCS2_PART), len(text))
    costs = [2 if char > _LAST_SINGLE_UNIT else 1 for char in text]
    return Segments("ucs2", _packed_parts(costs, _UCS2_SINGLE, _UCS2_PART), sum(costs))


_cached_count = lru_cache(512)(_count)


def _even_parts(units: int, single: int, part: int) -> int:
    return 1 if units <= single else -(-units // part)


def _packed_parts(costs: list[int], single: int, part: int) -> int:
    """Return the parts when no character (escape pair, surrogate pair) may be split."""
    if sum(costs) <= single:
        return 1
    parts, used = 1, 0
    for cost in costs:
        if used + cost > part:
            parts, used = parts + 1, 0
        used += cost
    return parts
