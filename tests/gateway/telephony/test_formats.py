"""Groups of digits while a number is typed: what a page gets is what libphonenumber does."""

from __future__ import annotations

import re

import pytest

from gateway.telephony import phonenumber
from gateway.telephony.formats import Format, formats


def grouped(number: str, every: tuple[Format, ...]) -> str:
    """Return complete digits in groups, as the form does."""
    for each in every:
        least, most = (sum(group[end] for group in each.groups) for end in (0, 1))
        if least <= len(number) <= most and re.match(each.leading, number):
            return _laid_out(number, each)
    return number


def _laid_out(number: str, how: Format) -> str:
    text = how.layout
    for position, (least, most) in enumerate(how.groups, start=1):
        later = sum(group[0] for group in how.groups[position:])
        size = max(least, min(most, len(number) - later))
        text = text.replace(f"${position}", number[:size])
        number = number[size:]
    return text


@pytest.mark.parametrize("region", phonenumber.regions())
def test_a_number_of_each_country_is_written_as_it_is_shown(region: str) -> None:
    number = phonenumber.example(region)
    if number is None:
        assert not phonenumber.mobile_lengths(region)
        return
    code = phonenumber.calling_code(region)
    found = formats(code)
    assert found
    national = number.e164.removeprefix(f"+{code}")
    assert number.international == f"+{code} {grouped(national, found.formats)}"


@pytest.mark.parametrize(
    ("code", "trunk", "needed"),
    [
        ("49", "0", True),
        ("33", "0", True),
        ("36", "06", True),
        ("39", "", False),
        ("1", "1", False),
        ("7", "8", False),
        ("55", "0", False),
        ("91", "0", False),
    ],
)
def test_what_stands_before_a_national_number_is_told(
    code: str, trunk: str, *, needed: bool
) -> None:
    found = formats(code)
    assert found
    assert (trunk, needed) == (found.trunk, found.trunk_needed)


@pytest.mark.parametrize("code", ["", "0", "049", "999", "800", "888", "x", "１", "1234"])
def test_what_is_no_calling_code_of_a_country_has_no_formats(code: str) -> None:
    assert formats(code) is None
