"""What things are taken to cost until a provider has told: on the high side, so that it is enough.

The figures, millionths of a EUR, are above what large providers publish for most networks of a
country; ``[[price]]`` of the protection file takes their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from conf.protection import StartPrice
from gateway.protection.spending.money import millionths

# One part of an SMS.
_CHEAP, _USUAL, _DEAR = 20_000, 100_000, 350_000
_SMS: Mapping[int, str] = {
    _CHEAP: "US CA PR",
    _DEAR: "AF AO AZ BD BF BI BJ BY CD CF CG CI CM CU DJ DZ EG ET GA GE GH GN GW HT ID IQ IR JO KE "
    "KG KH KM KW KZ LA LB LK LR LY MA MG ML MM MR MW MZ NE NG NP OM PG PK PS QA RU RW SA SD SL SN "
    "SO SS SY TD TG TJ TM TN TZ UA UG UZ VN YE ZM ZW",
}
_SMS_OF = {country: price for price, all_of in _SMS.items() for country in all_of.split()}

# One minute of a call, both legs of it.
CHEAP_MINUTE, MINUTE = 50_000, 350_000
_CHEAP_MINUTES = frozenset({"US", "CA"})

# A number whose price the provider does not tell, for the first month.
RENT = 10_000_000


class Prices:
    """Start prices; ``own``: those of the protection file."""

    def __init__(self, own: Iterable[StartPrice] = ()) -> None:
        self._own = {(each.provider, each.country): millionths(each.price) for each in own}

    def sms(self, provider: str, country: str) -> int:
        """Return what a part to a country (ISO 3166, '' = none) costs at a provider.

        A price for the country goes before one for all, one of the provider before one of all.
        """
        ways = ((provider, country), ("", country), (provider, ""), ("", ""))
        own = (self._own[each] for each in ways if each in self._own)
        return next(own, _SMS_OF.get(country, _USUAL))


def minute(country: str) -> int:
    """Return the price of a minute of a call to a country."""
    return CHEAP_MINUTE if country in _CHEAP_MINUTES else MINUTE
