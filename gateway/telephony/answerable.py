"""Whom a machine may answer: an answer costs money, and anybody can write under any number."""

from __future__ import annotations

import re
from collections.abc import Iterable

import phonenumbers

from gateway.telephony.judges import is_possible
from gateway.telephony.phonenumber import PhoneNumber, country_of, parse_international

EVERY_COUNTRY = "*"
# Satellite telephones in the numbering plans of single countries; all others have a code of no
# country (+870, +881 …). https://en.wikipedia.org/wiki/Telephone_numbers_in_Australia,
# https://en.wikipedia.org/wiki/Telephone_numbers_in_Russia (Globalstar)
_SATELLITE = ("+61141", "+61142", "+61143", "+61145", "+61147", "+7954")
# The type of a number that is newer than our data.
_NEWER = "unknown"
_COSTLY = (
    phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST,
)
# So many digits of a national number tell a service at a higher price.
_PREFIX = 3


class Answerable:
    """Numbers that are answered: mobiles of the country of the number of ours that was reached.

    countries: whose numbers are answered from everywhere (ISO 3166), EVERY_COUNTRY = all.
    """

    def __init__(self, countries: Iterable[str] = ()) -> None:
        self._countries = frozenset(countries)

    def may(self, sender: str, reached: Iterable[str]) -> bool:
        """Tell whether ``sender`` is answered by one of the numbers that he may have reached.

        E.164. Never satellites, services at a higher price and what receives no SMS; of these
        alone it depends when nobody knows a number that was reached.
        """
        number = parse_international(sender) or parse_international(sender, is_possible)
        if number is None or number.country is None or number.e164.startswith(_SATELLITE):
            return False
        if _is_like_costly(number) if number.type == _NEWER else not number.sms:
            return False
        homes = {country_of(each) for each in reached}
        if not homes or EVERY_COUNTRY in self._countries:
            return True
        return not _countries_of(number).isdisjoint(homes | self._countries)


def _countries_of(number: PhoneNumber) -> frozenset[str]:
    """Return the country of a number, of a newer one all that it may belong to by its code.

    An area code that is one country's alone (+1 876, Jamaica) is no other one's.
    """
    if number.type != _NEWER:
        return frozenset({number.country or ""})
    parsed = phonenumbers.parse(number.e164, None)
    national = phonenumbers.national_significant_number(parsed)
    sharing = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(parsed.country_code or 0, ())
    begins = {country: _leading_digits(country) for country in sharing}
    own = [country for country, digits in begins.items() if digits and re.match(digits, national)]
    return frozenset(own or (country for country, digits in begins.items() if not digits))


def _leading_digits(country: str) -> str:
    """Return the pattern of what only numbers of a country begin with, '' for none."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    return (metadata and metadata.leading_digits) or ""


def _is_like_costly(number: PhoneNumber) -> bool:
    """Tell whether a newer number begins like a service at a higher price.

    Networks may take one that has too many digits for the service.
    """
    national = phonenumbers.national_significant_number(phonenumbers.parse(number.e164, None))
    kinds = [(country, kind) for country in _countries_of(number) for kind in _COSTLY]
    services = filter(None, (phonenumbers.example_number_for_type(*each) for each in kinds))
    return any(_with_prefix(national[:_PREFIX], each) in _COSTLY for each in services)


def _with_prefix(prefix: str, service: phonenumbers.PhoneNumber) -> int:
    """Return the type of a service's number once its first digits are replaced."""
    digits = prefix + phonenumbers.national_significant_number(service)[_PREFIX:]
    number = phonenumbers.PhoneNumber(
        country_code=service.country_code, national_number=int(digits)
    )
    return int(phonenumbers.number_type(number))
