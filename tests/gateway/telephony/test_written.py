"""What people write around a number never becomes part of it, in any country."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import phonenumbers
import pytest

from gateway.telephony.phonenumber import PhoneNumber, parse, regions
from tests.field.__main__ import read
from tests.field.numbers import CASES, Case

BEFORE = ("Handy: ", "Anna ", "(privat) ", "📱 ")
# Beside digits that stand for themselves a number may be refused, but is no other one.
DOUBTFUL = ("Nr 2: ", "2x ")
BEHIND = (
    *(" m", " M.", " x", " ext.", " w", " Max", " (Max)", " (WA)", " - Anna", " mobil", " cell"),
    *("m", " privat!", " 📱", ", abends", " ext. 12", " #9", " *9", ",,123", " (home & work)"),
)
# Here as well: a label is no link, and neither a place in a list nor a count is a digit.
LABELS = ("WhatsApp: ", "SMS: ", "Tel: ", "tel：", "callto: ", "viber: ", "sip: ", "Signal:")
LINKS = ("tel:", "sms:", "sip:", "whatsapp:")
LISTED = (
    *("Mobile2 ", "O2 ", "A1 ", "#1 ", "1. ", "(1) ", "1) ", "1.) ", "[2] ", "1️⃣ ", "📱1 "),
    *("Nr. 1 ", "Phone 7 ", "Apt 44 ", "Sim2-", "1 - ", "3/ "),
)
COUNTED = (
    *(
        " 24/7",
        " (24/7)",
        " 2. Handy",
        " (2nd)",
        " 2nd",
        "2nd",
        " 3x",
        " 5pm",
        " 4 Max",
        " 12 Kids",
    ),
    *(
        " (2",
        " (2)",
        " 24h",
        " 24 h",
        " 2nd floor",
        " 1. OG",
        "-2 Max",
        " - 2. OG",
        " 50€",
        " 50 €",
    ),
    *(" (09-17h)", " 9-17 Uhr", " 18.30 Uhr", " 8:30", " 2号", " 100%"),
)
HIDDEN = ("xx", "X X", "**", "??", "●●", "…", "..", "OO", "l0", "ö1", "xx Max")
FORMATS = (
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.E164,
)


# Numbers have any length there: much that is refused elsewhere is one.
HARD = ("AT", "TK")


def share(things: Sequence[str], region: str, parts: int) -> Sequence[str]:
    """Return one of so many parts, and all in hard regions: every ``parts``-th meets each thing."""
    return things if region in HARD else things[regions().index(region) % parts :: parts]


# All that is written around a number, for each region, or a sixth: 41 regions have each of it.
thoroughness = pytest.mark.parametrize(
    "parts", [6, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"]
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.text}")
def test_a_number_is_read_as_it_was_meant_or_not_at_all(case: Case) -> None:
    assert case.number == read(case)


@thoroughness
@pytest.mark.parametrize("region", regions())
def test_a_note_never_makes_another_number_of_the_one_beside_it(region: str, parts: int) -> None:
    """Every country's example of a mobile, in three formats, with two dozen notes."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return
    for form in FORMATS:
        plain = phonenumbers.format_number(example, form)
        expected = parse(plain, (region,))
        noted = [*(f"{note}{plain}" for note in BEFORE), *(f"{plain}{note}" for note in BEHIND)]
        for text in share(noted, region, parts):
            assert expected == parse(text, (region,)), text
        for note in share(DOUBTFUL, region, parts):
            assert parse(f"{note}{plain}", (region,)) in (expected, None), plain


@thoroughness
@pytest.mark.parametrize("region", regions())
def test_labels_lists_and_counts_give_the_number_or_none(region: str, parts: int) -> None:
    """And the number in at least half, also where numbers have any length (Austria, Tokelau)."""
    results = []
    for plain, expected in _examples(region):
        labelled = [f"{label}{plain}" for label in (*LABELS, *LINKS)]
        listed = [f"{place}{plain}" for place in LISTED]
        counted = [f"{plain}{count}" for count in COUNTED]
        for text in share([*labelled, *listed, *counted], region, parts):
            number = parse(text, (region,))
            assert number in (expected, None), text
            results.append(number is not None)
    assert sum(results) >= len(results) / 2


@thoroughness
@pytest.mark.parametrize("region", regions())
def test_a_number_whose_last_digits_are_hidden_is_none(region: str, parts: int) -> None:
    for plain, _ in _examples(region):
        if plain[-3:].isdigit():
            for hidden in share(HIDDEN, region, parts):
                assert parse(plain[:-2] + hidden, (region,)) is None, plain


def _examples(region: str) -> Iterator[tuple[str, PhoneNumber]]:
    kind = phonenumbers.PhoneNumberType.MOBILE
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        return
    for form in FORMATS:
        plain = phonenumbers.format_number(example, form)
        number = parse(plain, (region,))
        if number is not None:
            yield plain, number


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
