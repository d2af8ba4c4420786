"""What people write around a number never becomes part of it, in any country."""

from __future__ import annotations

import phonenumbers
import pytest

from gateway.telephony.phonenumber import parse, regions
from tests.field.__main__ import read
from tests.field.numbers import CASES, Case

BEFORE = ("Handy: ", "Anna ", "(privat) ", "📱 ")
# Beside digits that stand for themselves a number may be refused, but is no other one.
DOUBTFUL = ("Nr 2: ", "2x ")
BEHIND = (
    *(" m", " M.", " x", " ext.", " w", " Max", " (Max)", " (WA)", " - Anna", " mobil", " cell"),
    *("m", " privat!", " 📱", ", abends", " ext. 12", " #9", " *9", ",,123", " (home & work)"),
)
FORMATS = (
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.E164,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.text}")
def test_a_number_is_read_as_it_was_meant_or_not_at_all(case: Case) -> None:
    assert case.number == read(case)


@pytest.mark.parametrize("region", regions())
def test_a_note_never_makes_another_number_of_the_one_beside_it(region: str) -> None:
    """Every country's example of a mobile, in three formats, with two dozen notes."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return
    for form in FORMATS:
        plain = phonenumbers.format_number(example, form)
        expected = parse(plain, (region,))
        noted = [*(f"{note}{plain}" for note in BEFORE), *(f"{plain}{note}" for note in BEHIND)]
        for text in noted:
            assert expected == parse(text, (region,)), text
        for note in DOUBTFUL:
            assert parse(f"{note}{plain}", (region,)) in (expected, None), plain


@pytest.mark.parametrize("region", regions())
def test_where_it_is_dialled_the_prefix_of_a_region_leads_abroad(region: str) -> None:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    assert metadata is not None
    prefix = metadata.preferred_international_prefix or metadata.international_prefix
    if prefix is None or not prefix.replace("~", "").isdigit():
        return  # several carriers: the table has some of them
    abroad = "+12065550100" if region == "GB" else "+447911123456"
    number = parse(f"{prefix} {abroad[1:]}", (region,))
    assert number is not None
    assert abroad == number.e164
