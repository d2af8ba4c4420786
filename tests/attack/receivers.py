"""Whom attackers text, and from where: numbers and addresses that nobody has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count, islice

import phonenumbers

# Of one range, +1 206 555 xxxx; of fiction are 0100 to 0199.
ONE_RANGE = [f"1206555{last:04}" for last in range(100, 200)]
# Satellites, networks of no country, premium and shared-cost services, all made up.
DEAR = (
    *("881612345678", "8821612345678", "88213123456", "870773123456"),
    *("979123456789", "808123456789", "883510012345"),
    *("19005550123", "4990012345678", "441912345678", "33891123456", "3909012345"),
)
NETWORKS = 65_536  # /48s of the addresses for documentation
SHORT = 9  # digits of a number, with its calling code
_TYPE = phonenumbers.PhoneNumberType.MOBILE


@cache
def sequential_ranges() -> list[str]:
    """Return the numbers for fiction of the US, one of each range, then the next of each."""
    ranges = [f"1{area}555" for area in range(201, 990) if _is_american(f"+1{area}5550100")]
    return [f"{each}{last:04}" for last in range(100, 200) for each in ranges]


def _is_american(number: str) -> bool:
    parsed = phonenumbers.parse(number)
    return bool(phonenumbers.is_valid_number_for_region(parsed, "US"))


@cache
def all_over_the_world() -> dict[int, list[str]]:
    """Return mobiles by calling code, made from libphonenumber's samples, some hundred of each."""
    found: dict[int, list[str]] = {}
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        sample = phonenumbers.example_number_for_type(region, _TYPE)
        if sample and sample.country_code and sample.country_code not in found:
            e164 = phonenumbers.format_number(sample, phonenumbers.PhoneNumberFormat.E164)
            found[sample.country_code] = _like(e164[1:])
    return {code: numbers for code, numbers in found.items() if numbers}


def _like(sample: str) -> list[str]:
    """Return valid numbers that differ from one in the last digits, first in the sixth and fifth.

    Of a country with short numbers in the last four alone.
    """
    if len(sample) > SHORT:
        made = (f"{sample[:-6]}{n % 100:02}{n:04}" for n in range(1000))
    else:
        made = (f"{sample[:-4]}{n:04}" for n in range(1000))
    valid = (each for each in made if phonenumbers.is_valid_number(phonenumbers.parse(f"+{each}")))
    return list(islice(valid, 400))


def one_network(network: int = 0) -> Iterator[str]:
    """Yield addresses of one /48, each of a /64 of its own."""
    return (f"2001:db8:{network:x}:{n % 65_536:x}::1" for n in count())


def many_networks(first: int = 0) -> Iterator[str]:
    """Yield addresses of a /48 each."""
    return (f"2001:db8:{n % NETWORKS:x}::1" for n in count(first))


def homes(many: int) -> list[str]:
    """Return as many IPv4 addresses: computers of others that obey the attacker."""
    return [f"198.18.{n // 256}.{n % 256}" for n in range(many)]
