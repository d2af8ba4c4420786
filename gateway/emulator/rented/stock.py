"""The numbers that can be rented: made up, by country, with their kind and price.

Ranges reserved for fiction where libphonenumber takes them for valid: +1 206 555 01xx,
+44 20 7946 0xxx (https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama),
+49 176 040690xx, +49 30 23125xxx and some of +61 491 570 xxx. British mobiles of fiction are not
valid there; those here continue the well-known sample +44 7911 123456.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.telephony import phonenumber
from gateway.telephony.judges import is_valid_or_sample

# The spellings that the provider's own documents and SDKs use; any order of them is taken.
FEATURES = ("SMS", "VOICE", "MMS")
TYPES = ("landline", "mobile-lvn", "landline-toll-free")
# Numbers of these can only be had at the dashboard, with an address in the country.
ADDRESS_COUNTRIES = frozenset({"AU"})

_MOBILE_TYPES = frozenset({"mobile", "fixed_line_or_mobile"})


@dataclass(frozen=True, slots=True)
class Offer:
    """A number, rented or not. msisdn: bare digits; cost: EUR a month, also taken at once."""

    country: str
    msisdn: str
    type: str
    cost: str
    features: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the number as a search shows it."""
        return {**self.rented(), "cost": self.cost, "initialPrice": self.cost}

    def rented(self) -> dict[str, object]:
        """Return what is shown of a rented number, too."""
        return {
            "country": self.country,
            "msisdn": self.msisdn,
            "type": self.type,
            "features": list(self.features),
        }


@dataclass(frozen=True, slots=True)
class _Range:
    country: str
    first: int
    count: int
    type: str
    cost: str
    features: tuple[str, ...]

    def offers(self) -> Iterator[Offer]:
        """Yield the numbers of the range."""
        for number in range(self.first, self.first + self.count):
            yield Offer(self.country, str(number), self.type, self.cost, self.features)


_RANGES = (
    _Range("US", 12065550174, 25, "mobile-lvn", "0.90", ("VOICE", "SMS", "MMS")),
    _Range("GB", 447911123400, 50, "mobile-lvn", "1.25", ("VOICE", "SMS")),
    _Range("GB", 442079460000, 20, "landline", "0.98", ("VOICE",)),
    _Range("DE", 4917604069060, 30, "mobile-lvn", "1.50", ("VOICE", "SMS")),
    _Range("DE", 493023125000, 20, "landline", "1.10", ("VOICE",)),
    _Range("AU", 61491570157, 3, "mobile-lvn", "2.76", ("VOICE", "SMS")),
)

STOCK: Mapping[str, Offer] = {offer.msisdn: offer for each in _RANGES for offer in each.offers()}


def offer_of(msisdn: str) -> Offer:
    """Return the number of the stock, or make up the details of any other."""
    if msisdn in STOCK:
        return STOCK[msisdn]
    found = phonenumber.parse_international(msisdn, is_valid_or_sample)
    mobile = found is None or found.type in _MOBILE_TYPES
    return Offer(
        country=(found.country if found else None) or "US",
        msisdn=msisdn,
        type="mobile-lvn" if mobile else "landline",
        cost="1.00",
        features=("VOICE", "SMS") if mobile else ("VOICE",),
    )
