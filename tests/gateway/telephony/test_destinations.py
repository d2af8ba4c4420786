"""What a number is besides somebody's mobile, over all that libphonenumber knows."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
import pytest

from conf.protection import Special
from gateway.telephony.destinations import (
    SATELLITE,
    begins_some_number,
    calling_code,
    countries_of,
    place_of,
    special_of,
    todays_range,
)
from gateway.telephony.judges import is_possible
from gateway.telephony.phonenumber import PhoneNumber, country_of, parse_international

PREMIUM, SHARED = (
    phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST,
)
ORDINARY = (
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE,
    phonenumbers.PhoneNumberType.VOIP,
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
)
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
SAT, INT = Special.SATELLITE, Special.INTERNATIONAL
OF_NO_COUNTRY = {
    800: INT,
    808: Special.SHARED_COST,
    870: SAT,
    878: INT,
    881: SAT,
    882: INT,
    883: INT,
    888: INT,
    979: Special.PREMIUM,
}


def known(number: phonenumbers.PhoneNumber) -> PhoneNumber:
    """Return a number of libphonenumber's as the gateway reads it."""
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    read = parse_international(written)
    assert read, written
    return read


def read(e164: str) -> PhoneNumber:
    """Return a number as the gateway reads it, one of a new range, too."""
    number = parse_international(e164) or parse_international(e164, is_possible)
    assert number, e164
    return number


def examples(region: str, *kinds: int) -> Iterator[PhoneNumber]:
    """Yield libphonenumber's examples of some types in a region."""
    for kind in kinds:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            yield known(number)


@pytest.mark.parametrize("region", REGIONS)
def test_what_a_country_has_is_special_by_its_type(region: str) -> None:
    """Its mobiles and land lines never are; Australia's VoIP is a satellite's."""
    satellite = SAT if region in {"AU", "CC", "CX"} else None
    expected = {
        "premium_rate": Special.PREMIUM,
        "shared_cost": Special.SHARED_COST,
        "voip": satellite,
    }
    for number in examples(region, PREMIUM, SHARED, *ORDINARY):
        assert expected.get(number.type) is special_of(number), number


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_every_code_of_no_country_is_special(code: int) -> None:
    example = phonenumbers.example_number_for_non_geo_entity(code)
    assert example
    number = known(example)
    assert OF_NO_COUNTRY[code] is special_of(number)
    assert (str(code), "") == (place_of(number.e164), country_of(number.e164))


@pytest.mark.parametrize(
    ("e164", "expected"),
    [
        pytest.param("+881612345678", SAT, id="Iridium"),
        pytest.param("+881812345678", SAT, id="Globalstar"),
        pytest.param("+870773123456", SAT, id="Inmarsat"),
        pytest.param("+8821612345678", SAT, id="Thuraya, in a code of networks"),
        pytest.param("+882391234567890", INT, id="a network of no country"),
        pytest.param("+88234212345", INT, id="a ship's network"),
        pytest.param("+883510012345", INT, id="another network"),
        pytest.param("+878101234567890", INT, id="personal, of no country"),
        pytest.param("+79541234567", SAT, id="in Russia"),
        pytest.param("+61147123456", SAT, id="in Australia"),
        pytest.param("+8613491234567", SAT, id="in China"),
        pytest.param("+8617401234567", SAT, id="in China, the newer range"),
        pytest.param("+8617491234567", SAT, id="in China, newer than our data"),
        pytest.param("+33638001234", SAT, id="in France"),
        pytest.param("+79161234567", None, id="a mobile beside them in Russia"),
        pytest.param("+8613501234567", None, id="in China"),
        pytest.param("+33638101234", None, id="in France"),
        pytest.param("+61491570156", None, id="in Australia"),
        pytest.param("+4990012345678", Special.PREMIUM, id="premium with a digit too many"),
        pytest.param("+19001234567", Special.PREMIUM, id="premium, if it were in use"),
        pytest.param("+15555550121", None, id="newer, like no service"),
        pytest.param("+12065550121", None, id="mobile or land line, nobody can tell"),
        pytest.param("+493012345678", None, id="a land line"),
    ],
)
def test_a_number_is_special_by_how_it_begins(e164: str, expected: Special | None) -> None:
    assert expected is special_of(read(e164))


def test_no_satellite_range_hides_another() -> None:
    """A prefix that begins with another one could never decide."""
    assert [] == [(a, b) for a in SATELLITE for b in SATELLITE if a != b and a.startswith(b)]


@pytest.mark.parametrize("region", REGIONS)
def test_place_and_calling_code_are_those_of_libphonenumber(region: str) -> None:
    for number in examples(region, *ORDINARY):
        code = phonenumbers.parse(number.e164, None).country_code
        assert (str(code), number.country) == (calling_code(number.e164), place_of(number.e164))


@pytest.mark.parametrize(
    ("e164", "code", "place"),
    [("", "", ""), ("+", "", ""), ("+9991234567", "", ""), ("ACME", "", ""), ("+88", "", "")],
)
def test_what_is_no_number_has_neither(e164: str, code: str, place: str) -> None:
    assert (code, place) == (calling_code(e164), place_of(e164))


def test_a_newer_number_may_be_of_all_countries_of_its_code() -> None:
    assert {"DE"} == countries_of(read("+4917612345678"))
    assert {"US", "CA"} == countries_of(read("+19745550121"))  # no area code of Jamaica
    assert frozenset() == countries_of(read("+881612345678"))


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        *(("+49", True), ("+4", True), ("+1876", True), ("+88", True), ("+881", True)),
        *(("+999", False), ("+210", False), ("+89", False)),
    ],
)
def test_a_prefix_begins_numbers_where_its_code_is_assigned(prefix: str, expected: bool) -> None:
    assert expected is begins_some_number(prefix)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("+52155", "+5255", id="Mexico"),
        pytest.param("+541115", "+54911", id="Argentina"),
        pytest.param("+55118", "+551198", id="Brazil"),
        pytest.param("+22997", "+2290197", id="Benin"),
        pytest.param("+5255", "", id="today's form in Mexico"),
        pytest.param("+5411", "", id="land lines of Buenos Aires"),
        pytest.param("+54911", "", id="its mobiles"),
        pytest.param("+55119", "", id="both in Brazil"),
        pytest.param("+22507", "", id="today's form in Ivory Coast"),
        pytest.param("+49151", "", id="no plan that changed"),
        pytest.param("", "", id="none"),
    ],
)
def test_a_range_of_before_is_told_as_it_is_today(prefix: str, expected: str) -> None:
    assert expected == todays_range(prefix)
