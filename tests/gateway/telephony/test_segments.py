"""How many parts a text needs: at every boundary of both alphabets."""

from __future__ import annotations

import pytest

from gateway.telephony.segments import Segments, count, is_gsm7, split

EMOJI = "\U0001f600"
BASIC_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


@pytest.mark.parametrize(
    ("text", "parts", "units"),
    [
        pytest.param("", 1, 0, id="empty"),
        pytest.param("a", 1, 1, id="one"),
        pytest.param("a" * 160, 1, 160, id="full-single"),
        pytest.param("a" * 161, 2, 161, id="one-more"),
        pytest.param("a" * 306, 2, 306, id="two-full"),
        pytest.param("a" * 307, 3, 307, id="two-full-and-one"),
        pytest.param("a" * 459, 3, 459, id="three-full"),
        pytest.param("a" * 3200, 21, 3200, id="longest"),
        pytest.param("a" * 1_000_000, 6536, 1_000_000, id="beyond-the-longest"),
        pytest.param(BASIC_TABLE, 1, 127, id="whole-basic-table"),
        pytest.param("ä" * 160, 1, 160, id="not-ascii"),
        pytest.param("^{}\\[~]|€\f", 1, 20, id="extension-costs-two"),
        pytest.param("€" * 80, 1, 160, id="extension-full-single"),
        pytest.param("€" * 80 + "a", 2, 161, id="extension-one-more"),
        pytest.param("a" * 159 + "€", 2, 161, id="extension-over-the-single"),
        pytest.param("a" * 152 + "€" + "a" * 151, 2, 305, id="pair-moves-and-still-fits"),
        pytest.param("a" * 152 + "€" + "a" * 152, 3, 306, id="pair-is-not-split"),
        pytest.param("a" * 151 + "€" + "a" * 153, 2, 306, id="pair-ends-a-part"),
        pytest.param("€" * 153, 3, 306, id="every-part-loses-one-septet"),
    ],
)
def test_a_gsm_text_takes_160_septets_or_153_a_part(text: str, parts: int, units: int) -> None:
    assert Segments("gsm7", parts, units) == count(text)


@pytest.mark.parametrize(
    ("text", "parts", "units"),
    [
        pytest.param("ç", 1, 1, id="one"),
        pytest.param("я" * 70, 1, 70, id="full-single"),
        pytest.param("я" * 71, 2, 71, id="one-more"),
        pytest.param("я" * 134, 2, 134, id="two-full"),
        pytest.param("я" * 135, 3, 135, id="two-full-and-one"),
        pytest.param("a" * 69 + "я", 1, 70, id="one-character-decides"),
        pytest.param(EMOJI, 1, 2, id="emoji-is-two-units"),
        pytest.param(EMOJI * 35, 1, 70, id="emoji-full-single"),
        pytest.param(EMOJI * 35 + "a", 2, 71, id="emoji-one-more"),
        pytest.param("я" * 66 + EMOJI + "я" * 65, 2, 133, id="pair-moves-and-still-fits"),
        pytest.param("я" * 66 + EMOJI + "я" * 66, 3, 134, id="pair-is-not-split"),
        pytest.param("я" * 65 + EMOJI + "я" * 67, 2, 134, id="pair-ends-a-part"),
        pytest.param("€" * 70 + "я", 2, 71, id="extension-costs-one"),
        pytest.param("\ud800", 1, 1, id="lone-surrogate"),
        pytest.param("\udc00\ud800" * 36, 2, 72, id="swapped-surrogates"),
        pytest.param("\ud800" * 66 + EMOJI + "\x00" * 66, 3, 134, id="lone-beside-pair"),
    ],
)
def test_any_other_text_takes_70_units_or_67_a_part(text: str, parts: int, units: int) -> None:
    assert Segments("ucs2", parts, units) == count(text)


@pytest.mark.parametrize(
    ("char", "encoding"),
    [(char, "gsm7") for char in BASIC_TABLE + "^{}\\[~]|€\f"]
    + [(char, "ucs2") for char in "ç`\t\x1b\x00\xa0’–Αя😀\ud800"],
    ids=ascii,
)
def test_one_character_outside_the_gsm_tables_makes_a_text_ucs2(char: str, encoding: str) -> None:
    assert encoding == count("Hello " + char).encoding
    assert (encoding == "gsm7") == is_gsm7("Hello " + char)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        pytest.param("", [0], id="empty"),
        pytest.param("a" * 160, [160], id="single"),
        pytest.param("a" * 161, [153, 8], id="one-more"),
        pytest.param("a" * 152 + "€" + "a" * 152, [152, 152, 1], id="escape-pair-is-not-cut"),
        pytest.param("я" * 71, [67, 4], id="ucs2"),
        pytest.param("я" * 66 + EMOJI + "я" * 66, [66, 66, 1], id="surrogate-pair-is-not-cut"),
    ],
)
def test_a_text_is_split_as_it_is_counted(text: str, lengths: list[int]) -> None:
    parts = split(text)
    assert (lengths, text) == ([len(each) for each in parts], "".join(parts))
    assert count(text).parts == len(parts)


def test_a_text_can_be_split_for_the_wider_alphabet() -> None:
    assert [1, 2] == [len(split("a" * 71, ucs2=wide)) for wide in (False, True)]
