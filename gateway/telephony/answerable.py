"""Whom a machine may answer: an answer costs money, and anybody can write under any number."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.telephony.destinations import countries_of, special_of
from gateway.telephony.judges import is_possible
from gateway.telephony.phonenumber import NEWER, country_of, parse_international

EVERY_COUNTRY = "*"


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
        if number is None or special_of(number) is not None:
            return False
        if number.type != NEWER and not number.sms:
            return False
        homes = {country_of(each) for each in reached}
        if not homes or EVERY_COUNTRY in self._countries:
            return True
        return not countries_of(number).isdisjoint(homes | self._countries)
