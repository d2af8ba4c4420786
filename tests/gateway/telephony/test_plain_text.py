"""What leaves: no control characters, one part where plain punctuation makes it one."""

from __future__ import annotations

import unicodedata

import pytest

from gateway.telephony import segments
from gateway.telephony.plain_text import as_gsm7, clean
from tests.field import encodings


@pytest.mark.parametrize(("text", "expected"), encodings.CLEANED.items(), ids=ascii)
def test_control_characters_go_and_letters_are_composed(text: str, expected: str) -> None:
    assert expected == clean(text)
    assert expected == clean(clean(text))


@pytest.mark.parametrize(("text", "expected"), encodings.PLAIN.items(), ids=ascii)
def test_punctuation_is_plain_where_that_makes_the_whole_text_gsm7(
    text: str, expected: str
) -> None:
    assert expected == as_gsm7(text)


@pytest.mark.parametrize("sign", ["’", "e\u0301", "\u200b", "\u00a0", "–", "\ufeff"])
def test_one_sign_does_not_cost_two_parts_more(sign: str) -> None:
    text = "a" * 149 + sign
    assert 1 == segments.count(as_gsm7(clean(text))).parts


def test_no_letter_or_digit_is_changed() -> None:
    for code in range(0x110000):
        char = chr(code)
        if unicodedata.category(char)[0] in "LN":
            assert as_gsm7(char) == char
