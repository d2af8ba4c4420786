"""What a number is besides somebody's mobile: a satellite, a network of no country, a service.

The tables are of numbers as they are dialled today; everything here is a look at digits.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product, takewhile

import phonenumbers

from conf.protection import Special
from gateway.telephony import plans
from gateway.telephony.judges import LONGEST, is_valid
from gateway.telephony.phonenumber import CACHE_ENTRIES, NEWER, PhoneNumber, country_of, read

# Of no country: Inmarsat, Iridium and Globalstar, EMSAT, Thuraya.
# https://en.wikipedia.org/wiki/Global_Mobile_Satellite_System
# https://en.wikipedia.org/wiki/International_Networks_(country_code)
_OF_NO_COUNTRY = ("+870", "+881", "+88213", "+88216")
# In the plans of single countries.
_IN_COUNTRIES = (
    # https://en.wikipedia.org/wiki/Telephone_numbers_in_Australia
    *("+61141", "+61142", "+61143", "+61145", "+61147"),
    # Globalstar and Pivotel by the carriers of these ranges, which libphonenumber lists.
    # https://github.com/google/libphonenumber/tree/master/resources/carrier/en (33, 61)
    *("+3363800", "+3364000", "+3364001", "+3364002", "+3364003", "+3364004"),
    *("+3375076", "+3375077"),
    *("+614201", "+614800", "+614808", "+614858", "+614899"),
    # Globalstar. https://en.wikipedia.org/wiki/Telephone_numbers_in_Russia
    "+7954",
    # Tiantong and what else leads to satellites.
    # https://en.wikipedia.org/wiki/Telephone_numbers_in_China
    *("+861349", "+86174"),
)
SATELLITE = _OF_NO_COUNTRY + _IN_COUNTRIES

# https://www.itu.int/rec/T-REC-E.164: international shared cost and premium rate services
_SERVICES = {"808": Special.SHARED_COST, "979": Special.PREMIUM}
_TYPES = {"shared_cost": Special.SHARED_COST, "premium_rate": Special.PREMIUM}
_COSTLY = {
    phonenumbers.PhoneNumberType.PREMIUM_RATE: Special.PREMIUM,
    phonenumbers.PhoneNumberType.SHARED_COST: Special.SHARED_COST,
}
# So many digits of a national number tell a service at a higher price.
_PREFIX = 3


def special_of(number: PhoneNumber) -> Special | None:
    """Return what is dearer than a mobile of a country about a number, None for nothing.

    A number that is newer than our data is a service when it begins like one: networks take one
    that has a digit too many.
    """
    if number.e164.startswith(SATELLITE):
        return Special.SATELLITE
    if number.country is None:
        return _SERVICES.get(calling_code(number.e164), Special.INTERNATIONAL)
    if number.type == NEWER:
        return _begins_like(number.e164)
    return _TYPES.get(number.type)


def calling_code(e164: str) -> str:
    """Return the digits of a number that lead to its country or network, '' for none known."""
    return plans.code_of(e164[1:])


def countries_of_code(code: str) -> frozenset[str]:
    """Return the countries (ISO 3166) that share a calling code, none for one of no country."""
    found = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code or 0), ())
    return frozenset(found) - {phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY}


def countries_of(number: PhoneNumber) -> frozenset[str]:
    """Return the country of a number, of a newer one all that it may belong to by its code.

    An area code that is one country's alone (+1 876, Jamaica) is no other one's.
    """
    if number.type != NEWER:
        return frozenset(filter(None, [number.country]))
    code = calling_code(number.e164)
    national = number.e164[1 + len(code) :]
    begins = {country: _leading_digits(country) for country in countries_of_code(code)}
    own = [country for country, digits in begins.items() if digits and re.match(digits, national)]
    return frozenset(own or (country for country, digits in begins.items() if not digits))


def _leading_digits(country: str) -> str:
    """Return the pattern of what only numbers of a country begin with, '' for none."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    return (metadata and metadata.leading_digits) or ""


def place_of(e164: str) -> str:
    """Return the country (ISO 3166) of a number, else its calling code."""
    return country_of(e164) or calling_code(e164)


def begins_some_number(prefix: str) -> bool:
    """Tell whether numbers (E.164) may begin so: with a calling code, or with a part of one."""
    digits = prefix[1:]
    codes = map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    return any(code.startswith(digits) or digits.startswith(code) for code in codes)


def todays_range(prefix: str) -> str:
    """Return how numbers begin today that began so before their plan changed.

    '' where some begin so today, or never did.
    """
    code = calling_code(prefix)
    if int(code or 0) not in plans.CHANGED:
        return ""
    national, begin = prefix[1 + len(code) :], []
    for length, digit in product(range(len(national), LONGEST), "2345678901"):
        filled = national.ljust(length, digit)
        number = read(f"+{code}{filled}", None, is_valid)
        if number is not None and number.e164 == f"+{code}{filled}":
            return ""
        today = plans.todays(int(code), filled)
        if today != filled:
            begin.append(today[: len(today) - length + len(national)])
    if not begin:
        return ""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(min(begin), max(begin), strict=False))
    return f"+{code}{''.join(one for one, _ in same)}"


@lru_cache(CACHE_ENTRIES)
def _begins_like(e164: str) -> Special | None:
    """Return the service at a higher price that a newer number begins like."""
    code = calling_code(e164)
    national = e164[1 + len(code) :]
    services = (
        phonenumbers.example_number_for_type(country, kind)
        for kind in _COSTLY
        for country in sorted(countries_of_code(code))
    )
    types = (_with_prefix(national[:_PREFIX], each) for each in services if each)
    return next((_COSTLY[each] for each in types if each in _COSTLY), None)


def _with_prefix(prefix: str, service: phonenumbers.PhoneNumber) -> int:
    """Return the type of a service's number once its first digits are replaced."""
    digits = prefix + phonenumbers.national_significant_number(service)[_PREFIX:]
    number = phonenumbers.PhoneNumber(
        country_code=service.country_code, national_number=int(digits)
    )
    return int(phonenumbers.number_type(number))
