"""The parts in which a text travels: which they are, how many, and in which alphabet."""

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


def split(text: str, *, ucs2: bool = False) -> list[str]:
    """Return the parts of ``text``; no character (escape pair, surrogate pair) is cut in two.

    ucs2: whether it travels in UCS-2 even if it need not.
    """
    gsm7 = not ucs2 and is_gsm7(text)
    single, room = (_GSM7_SINGLE, _GSM7_PART) if gsm7 else (_UCS2_SINGLE, _UCS2_PART)
    costs = _costs(text, gsm7)
    if sum(costs) <= single:
        return [text]
    parts, used = [""], 0
    for char, cost in zip(text, costs, strict=True):
        if used + cost > room:
            parts.append("")
            used = 0
        parts[-1] += char
        used += cost
    return parts


def _count(text: str) -> Segments:
    if _BASIC.issuperset(text):
        return Segments("gsm7", _even_parts(len(text), _GSM7_SINGLE, _GSM7_PART), len(text))
    gsm7 = is_gsm7(text)
    if not gsm7 and max(text) <= _LAST_SINGLE_UNIT:
        return Segments("ucs2", _even_parts(len(text), _UCS2_SINGLE, _UCS2_PART), len(text))
    return Segments("gsm7" if gsm7 else "ucs2", len(split(text)), sum(_costs(text, gsm7)))


_cached_count = lru_cache(512)(_count)


def _even_parts(units: int, single: int, part: int) -> int:
    return 1 if units <= single else -(-units // part)


def _costs(text: str, gsm7: bool) -> list[int]:
    """Return the units that each character takes."""
    if gsm7:
        return [2 if char in _EXTENSION else 1 for char in text]
    return [2 if char > _LAST_SINGLE_UNIT else 1 for char in text]
