"""What leaves: no control characters, one part where plain punctuation makes it one."""

from __future__ import annotations

import unicodedata

import pytest

from gateway.telephony import segments
from gateway.telephony.plain_text import as_gsm7, clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Hello", "Hello", id="plain"),
        pytest.param("a\x00b\x07c\x1b\x7f\x85d", "abcd", id="control"),
        pytest.param("a\r\nb\nc\rd", "a\r\nb\nc\rd", id="line-ends-stay"),
        pytest.param("a\tb", "a b", id="tab-is-a-blank"),
        pytest.param("a\x0cb", "ab", id="form-feed"),
        pytest.param("cafe\u0301", "café", id="composed"),
        pytest.param("\u1100\u1161", "가", id="hangul"),
        pytest.param("a\ud800b", "a\ufffdb", id="lone-surrogate"),
        pytest.param("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧", id="emoji-keep-their-joiners"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="persian-keeps-its-non-joiner"),
        pytest.param("", "", id="empty"),
    ],
)
def test_control_characters_go_and_letters_are_composed(text: str, expected: str) -> None:
    assert expected == clean(text)
    assert expected == clean(clean(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“Hi” – it’s me…", "\"Hi\" - it's me..."),
        ("a\u00a0b\u202fc\u2009d\u3000e", "a b c d e"),
        ("soft\u00adhyphen, zero\u200bwidth, \ufeffmark", "softhyphen, zerowidth, mark"),
        ("\u2066bidi\u2069", "bidi"),
        ("«Ça va?»", "\"Ça va?\""),
        ("• one\u2028• two", "* one\n* two"),
        ("it`s ´fine´", "it's 'fine'"),
        ("１ “x”", "１ “x”"),  # a full-width digit is no punctuation: untouched
        ("It’s 😀", "It’s 😀"),
        ("“Привет”", "“Привет”"),
        ("‘naïve’ – ï is no letter of GSM", "‘naïve’ – ï is no letter of GSM"),
        ("❤\ufe0f “x”", "❤\ufe0f “x”"),
        ("plain", "plain"),
    ],
)  # fmt: skip
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
