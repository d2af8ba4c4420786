"""Whom a network means by the sender of a text, by a caller, by the number that was reached."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.telephony.judges import SHORTEST_POSSIBLE, Judge, is_possible, is_valid
from gateway.telephony.phonenumber import (
    CACHE_ENTRIES,
    MOBILE_TYPES,
    PhoneNumber,
    country_of,
    digits_alone,
    mobile_lengths,
    parse_international,
    read,
)
from gateway.telephony.written import MAX_RAW_CHARACTERS

# A short code has fewer digits than any number in its country.
SHORTEST_NATIONAL = 7
# Of what is merely possible, no type is known.
_MAY_TEXT = MOBILE_TYPES | {"unknown"}


def persons(text: str, reached: str = "") -> tuple[str, ...]:
    """Return whom a network may mean by a sender or a caller, E.164; () for no number.

    Digits that are no valid international number are completed by the country of the number that
    was ``reached`` (E.164). Two are returned where nobody can tell: both readings are valid, or
    both are no more than possible.
    """
    return _persons(text, country_of(reached)) if len(text) <= MAX_RAW_CHARACTERS else ()


def e164_of(text: str) -> str:
    """Return the number that a network writes internationally, also a merely possible one, or ''.

    As it is written: two forms of one number stay two.
    """
    number = parse_international(text) or parse_international(text, is_possible)
    return number.e164 if number else ""


@lru_cache(CACHE_ENTRIES)
def _persons(text: str, country: str) -> tuple[str, ...]:
    number = digits_alone(text)
    digits = number if number.isdecimal() else re.sub(r"(?<!^)[^0-9]", "", number)
    for judge in (is_valid, is_possible) if digits else ():
        international = read("+" + digits.removeprefix("00"), None, judge)
        national = _completed(digits, country, judge, known=international)
        found = dict.fromkeys(each.person for each in (international, national) if each)
        if found or len(digits) < SHORTEST_POSSIBLE:
            return tuple(found)
    return ()


def _completed(
    digits: str, country: str, judge: Judge, *, known: PhoneNumber | None
) -> PhoneNumber | None:
    """Return the number that digits are in a country; known: which one they are without it."""
    if not country or len(digits) < SHORTEST_NATIONAL:
        return None
    if known is None:
        return read(digits, country, judge)
    # "4915123456789" is a mobile, and only by chance the digits of a land line in Germany.
    if digits.startswith("+") or len(digits) not in mobile_lengths(country):
        return None
    national = read(digits, country, judge)
    return national if national and national.type in _MAY_TEXT else None
