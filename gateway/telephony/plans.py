"""Numbering plans: calling codes; of plans that changed, a number's form of today and others.

Networks and address books keep the old forms for years. libphonenumber knows the new ones only,
so an old form is another number to it, or none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

# By country code: an old national number and what it became. Of mobiles as a rule: they text.
_RENUMBERED: dict[int, tuple[tuple[str, str], ...]] = {
    # Mexico, 2019: no more 1 from abroad, no more 01, 044 and 045 at home.
    # https://github.com/google/libphonenumber/tree/master/migrator (52, 55, 84, 241)
    52: ((r"(?:1|01|044|045)([0-9]{10})", r"\1"),),
    # Argentina: a mobile is dialled with 9 from abroad, with 0 and with 15 behind the area code at
    # home; people combine them. https://en.wikipedia.org/wiki/Telephone_numbers_in_Argentina
    54: (
        (r"9?0?(11|[23][0-9]{2,3})15([0-9]{6,8})", r"9\1\2"),
        (r"90([1-8][0-9]{9})", r"9\1"),
    ),
    # Brazil, 2012 to 2016: mobiles have a ninth digit.
    55: ((r"([1-9][0-9])([6-9][0-9]{7})", r"\g<1>9\2"),),
    # Vietnam, 2018: mobiles of eleven digits have ten.
    84: (
        (r"12([068][0-9]{7})", r"7\1"),
        (r"121([0-9]{7})", r"79\1"),
        (r"122([0-9]{7})", r"77\1"),
        (r"12([345][0-9]{7})", r"8\1"),
        (r"127([0-9]{7})", r"81\1"),
        (r"129([0-9]{7})", r"82\1"),
        (r"16([2-9][0-9]{7})", r"3\1"),
        (r"18([68][0-9]{7})", r"5\1"),
        (r"199([0-9]{7})", r"59\1"),
    ),
    # Côte d'Ivoire, 2021: the operator's prefix, known by the old second digit.
    # https://en.wikipedia.org/wiki/Telephone_numbers_in_Ivory_Coast
    225: (
        (r"([04-9][0-3][0-9]{6})", r"01\1"),
        (r"([04-9][4-6][0-9]{6})", r"05\1"),
        (r"([04-9][7-9][0-9]{6})", r"07\1"),
    ),
    # Benin, 2024. https://en.wikipedia.org/wiki/Telephone_numbers_in_Benin
    229: ((r"([2-9][0-9]{7})", r"01\1"),),
    # Gabon, 2019.
    241: (
        (r"01([0-9]{6})", r"11\1"),
        (r"0?([256][0-9]{6})", r"6\1"),
        (r"0?([47][0-9]{6})", r"7\1"),
    ),
}
_RULES = {
    code: [(re.compile(old), new) for old, new in rules] for code, rules in _RENUMBERED.items()
}
CHANGED = frozenset(_RULES)

# Argentina: a mobile is texted with the 9, and called with it or, as land lines are, without.
# No land line has the ten digits of a mobile.
_ARGENTINE = re.compile(r"\+54([1-3][0-9]{9})")
_ARGENTINA, _GABON = "+54", "+241"
# A number as its person is compared, and another form of it that is valid as well.
_OTHER_FORMS = [
    (re.compile(r"\+549([1-3][0-9]{9})"), r"+54\1"),
    (re.compile(r"\+24111([0-9]{6})"), r"+24101\1"),
    (re.compile(r"\+2416([256][0-9]{6})"), r"+2410\1"),
    (re.compile(r"\+2417([47][0-9]{6})"), r"+2410\1"),
]


def code_of(digits: str) -> str:
    """Return the calling code with which digits begin, '' for none; what are no digits have none.

    No code begins another one: https://www.itu.int/rec/T-REC-E.164
    """
    return _code_of(digits[:3])


@lru_cache(4096)
def _code_of(beginning: str) -> str:
    known = COUNTRY_CODE_TO_REGION_CODE
    prefixes = (beginning[:length] for length in range(1, 4))
    return next((each for each in prefixes if each.isdecimal() and int(each) in known), "")


def todays(country_code: int, national: str) -> str:
    """Return the national number that is dialled today in place of ``national``, or itself."""
    for old, new in _RULES.get(country_code, ()):
        found = old.fullmatch(national)
        if found is not None:
            return found.expand(new)
    return national


def person(e164: str) -> str:
    """Return the number by which a person is compared with others, and to which texts go."""
    if e164.startswith(_GABON):
        return _GABON + todays(241, e164[len(_GABON) :])
    found = _ARGENTINE.fullmatch(e164) if e164.startswith(_ARGENTINA) else None
    return f"+549{found[1]}" if found else e164


def all_spellings(e164: str) -> tuple[str, ...]:
    """Return all forms of a number, first the one that is given."""
    return tuple(dict.fromkeys((e164, *spellings(e164))))


def spellings(e164: str) -> tuple[str, ...]:
    """Return all valid forms of a number, first the one by which its person is compared.

    Stores of former releases know people by any of them, providers their own numbers.
    """
    if not e164.startswith((_ARGENTINA, _GABON)):
        return (e164,)
    today = person(e164)
    found = ((form.fullmatch(today), other) for form, other in _OTHER_FORMS)
    return (today, *(match.expand(other) for match, other in found if match))
