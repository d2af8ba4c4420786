"""Whom a network means by the sender of a text, by a caller, by the number that was reached."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from gateway.telephony import plans
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


class Readings(NamedTuple):
    """Whom a network may mean by a sender or a caller, E.164.

    people: one, () for no number, two where nobody can tell: both readings are valid, or both are
    no more than possible; lesser: who is merely possible beside a valid one.
    """

    people: tuple[str, ...] = ()
    lesser: tuple[str, ...] = ()

    @property
    def spellings(self) -> list[str]:
        """All spellings of all of them."""
        return [each for one in self.people + self.lesser for each in plans.spellings(one)]

    def whose(self, routed: Collection[str]) -> str:
        """Return who it is, '' when nobody can tell.

        routed: the spellings that have a session on the number that was reached; of two people he
        who has one is meant, and is known by that spelling.
        """
        for group in (self.people, self.lesser):
            known = {plans.person(each): each for each in routed if plans.person(each) in group}
            if known:
                return next(iter(known.values())) if len(known) == 1 else ""
        return self.people[0] if len(self.people) == 1 else ""


def readings(text: str, reached: str = "") -> Readings:
    """Return how a network's sender or caller may be read.

    Digits that are no valid international number are completed by the country of the number that
    was ``reached`` (E.164).
    """
    return _readings(text, country_of(reached)) if len(text) <= MAX_RAW_CHARACTERS else Readings()


def persons(text: str, reached: str = "") -> tuple[str, ...]:
    """Return the people of ``readings``."""
    return readings(text, reached).people


def e164_of(text: str) -> str:
    """Return the number that a network writes internationally, also a merely possible one, or ''.

    As it is written: two forms of one number stay two.
    """
    number = parse_international(text) or parse_international(text, is_possible)
    return number.e164 if number else ""


@lru_cache(CACHE_ENTRIES)
def _readings(text: str, country: str) -> Readings:
    number = digits_alone(text)
    digits = number if number.isdecimal() else re.sub(r"(?<!^)[^0-9]", "", number)
    for judge in (is_valid, is_possible) if digits else ():
        international = read("+" + digits.removeprefix("00"), None, judge)
        national = _completed(digits, country, judge, known=international)
        people = _distinct(international, national)
        if people or len(digits) < SHORTEST_POSSIBLE:
            newer = _completed(digits, country, is_possible, known=international)
            lesser = _distinct(newer) if international else ()
            return Readings(people, () if set(lesser) <= set(people) else lesser)
    return Readings()


def _distinct(*numbers: PhoneNumber | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.person for each in numbers if each))


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
