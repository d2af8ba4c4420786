"""Whom a network means: a table for each kind of sender."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from gateway.telephony import networks, plans
from gateway.telephony.judges import is_possible, is_valid_or_sample
from gateway.telephony.phonenumber import country_of, is_region, parse, parse_international, regions
from tests.field.persons import CASES, SPELLINGS, Case

SAMPLE = "+447700900123"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.sender[:20]}")
def test_a_sender_is_completed_by_the_country_of_the_number_he_reached(case: Case) -> None:
    assert case.people == networks.persons(case.sender, case.reached)


@pytest.mark.parametrize("spellings", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_all_spellings_are_one_person(spellings: tuple[str, ...]) -> None:
    people = {networks.persons(each) for each in spellings}
    assert {spellings[:1]} == people
    assert {spellings[0]} == {plans.person(each) for each in plans.spellings(spellings[0])}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+5491123456789", ("+5491123456789", "+541123456789")),
        ("+541123456789", ("+5491123456789", "+541123456789")),
        ("+24106123456", ("+24166123456", "+24106123456")),
        ("+24174123456", ("+24174123456", "+24104123456")),
        ("+525512345678", ("+525512345678",)),
        ("+548001234567", ("+548001234567",)),  # nobody's: a free number of a firm
        ("+12065550100", ("+12065550100",)),
        ("12345", ("12345",)),
        ("", ("",)),
    ],
)
def test_the_spellings_of_a_number_begin_with_the_one_that_is_compared(
    number: str, expected: tuple[str, ...]
) -> None:
    assert expected == plans.spellings(number)


@pytest.mark.parametrize("region", regions())
def test_a_mobile_of_a_country_that_texts_a_number_there_is_himself(region: str) -> None:
    """Digits with the country's code are never taken for a national form by chance."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return
    rng = random.Random(region)
    digits = phonenumbers.national_significant_number(example)
    for _ in range(20):
        last = "".join(rng.choices("0123456789", k=4))
        number = parse(f"+{example.country_code}{digits[:-4]}{last}", ())
        if number is not None:
            people = networks.persons(number.e164[1:], number.e164)
            assert (number.person,) == people


AUSTRIAN, NEWER = "+4365550100", "+14365550100"


@pytest.mark.parametrize(
    ("routed", "expected"),
    [
        ((), AUSTRIAN),
        ((NEWER,), NEWER),
        ((AUSTRIAN,), AUSTRIAN),
        ((NEWER, AUSTRIAN), AUSTRIAN),
    ],
)
def test_beside_a_valid_reading_a_possible_one_needs_a_session(
    routed: tuple[str, ...], expected: str
) -> None:
    read = networks.readings("4365550100", "+12065550151")
    assert ((AUSTRIAN,), (NEWER,)) == (read.people, read.lesser)
    assert expected == read.whose(routed)


NORWEGIAN, AMERICAN = "+4795551234", "+14795551234"


@pytest.mark.parametrize(
    ("routed", "expected"),
    [
        ((), ""),
        ((NORWEGIAN,), NORWEGIAN),
        ((AMERICAN,), AMERICAN),
        ((AMERICAN, NORWEGIAN), ""),
    ],
)
def test_of_two_people_the_one_with_a_session_is_meant(
    routed: tuple[str, ...], expected: str
) -> None:
    assert expected == networks.readings("4795551234", "+12065550151").whose(routed)


def test_who_has_a_session_by_another_spelling_is_known_by_that() -> None:
    read = networks.readings("5491123456789")
    assert ["+5491123456789", "+541123456789"] == read.spellings
    assert "+541123456789" == read.whose(["+541123456789"])
    assert "+5491123456789" == read.whose([])


def test_the_country_of_a_newer_range_is_that_of_its_country_code() -> None:
    number = parse_international("14715550100", is_possible)
    assert number is not None
    assert ("US", "unknown", False) == (number.country, number.type, number.sms)
    assert "US" == country_of(number.e164)
    assert is_region(country_of("+14575550100"))


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("07700 900123", ("GB",)),
        ("07700 900123", ("FR", "GB")),
        ("+44 7700 900123", ()),
        ("0044 7700 900123", ("DE",)),
        ("447700900123", ("US",)),
        ("+44 (0)7700 900123", ()),
        ("07700 900123 (Ann)", ("GB",)),
    ],
)
def test_a_number_of_the_documentation_is_a_mobile_where_it_is_said_so(
    text: str, regions: tuple[str, ...]
) -> None:
    assert parse(text, regions) is None
    number = parse(text, regions, is_valid_or_sample)
    assert number is not None
    assert (SAMPLE, "GB", "mobile", True) == (number.e164, number.country, number.type, number.sms)


@pytest.mark.parametrize("text", ["+447700900000", "+447700900999"])
def test_the_documentation_has_a_thousand_numbers(text: str) -> None:
    assert parse_international(text, is_valid_or_sample) is not None


@pytest.mark.parametrize("text", ["+447700899999", "+447700901000", "+14715550100"])
def test_no_other_number_is_one_of_the_documentation(text: str) -> None:
    number = parse_international(text)
    assert number == parse_international(text, is_valid_or_sample)
