"""Numbers as people write them: every clause of the rules for numbers is a table here."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from gateway.telephony.phonenumber import (
    PhoneNumber,
    country_of,
    is_north_american,
    is_region,
    mask,
    mask_digits,
    parse,
    parse_international,
    regions,
)

GERMAN = "+4917612345678"
AMERICAN = "+12065550100"
BRITISH = "+447911123456"
AUSTRALIAN = "+61491570156"


def e164(text: str, *regions: str) -> str | None:
    number = parse(text, regions)
    return number.e164 if number else None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (
            "+4917612345678",
            PhoneNumber("+4917612345678", "+49 176 12345678", "DE", "mobile", sms=True),
        ),
        (
            "+12065550100",
            PhoneNumber("+12065550100", "+1 206-555-0100", "US", "fixed_line_or_mobile", sms=True),
        ),
        (
            "+61491570156",
            PhoneNumber("+61491570156", "+61 491 570 156", "AU", "mobile", sms=True),
        ),
        (
            "+80012345678",
            PhoneNumber("+80012345678", "+800 1234 5678", None, "toll_free", sms=False),
        ),
    ],
)
def test_a_number_has_two_forms_a_country_and_a_type(text: str, number: PhoneNumber) -> None:
    assert number == parse(text, ())


@pytest.mark.parametrize(
    ("text", "kind", "sms"),
    [
        ("+4917612345678", "mobile", True),
        ("+12065550100", "fixed_line_or_mobile", True),
        ("+883510000000000", "voip", True),
        ("+447012345678", "personal_number", True),
        ("+493023125000", "fixed_line", False),
        ("+18003569377", "toll_free", False),
        ("+979123456789", "premium_rate", False),
        ("+80812345678", "shared_cost", False),
        ("+447640123456", "pager", False),
        ("+443012345678", "uan", False),
        ("+49177991234567", "voicemail", False),
    ],
)
def test_only_four_types_receive_sms(text: str, kind: str, sms: bool) -> None:
    number = parse(text, ())
    assert number is not None
    assert (kind, sms) == (number.type, number.sms)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("+4917612345678", id="plus"),
        pytest.param("+49 (0)176 12345678", id="trunk-zero-in-brackets"),
        pytest.param("++4917612345678", id="two-pluses"),
        pytest.param("(+49) 176/123-456.78", id="punctuation"),
        pytest.param("004917612345678", id="00"),
        pytest.param("00 49 (0) 176 12345678", id="00-spaced"),
        pytest.param("(0049) 176 12345678", id="00-in-brackets"),
        pytest.param("0049 176/12345678", id="00-and-slash"),
        pytest.param("0049176/12345678", id="00-and-slash-without-blank"),
        pytest.param("0049 (0)176/12345678", id="00-trunk-zero-and-slash"),
        pytest.param("+49 (0)176/12345678", id="trunk-zero-and-slash"),
        pytest.param(" 004917612345678 ", id="00-after-blank"),
        pytest.param(" 4917612345678", id="plus-as-blank"),
        pytest.param("  49 176 12345678", id="plus-and-blank-as-blanks"),
        pytest.param("tel:+4917612345678", id="tel"),
        pytest.param("TEL:+49-176-12345678", id="tel-upper-case"),
        pytest.param("tel:4917612345678", id="tel-without-plus"),
        pytest.param("tel: 4917612345678", id="tel-with-plus-as-blank"),
        pytest.param("tel:004917612345678", id="tel-00"),
        pytest.param("tel:017612345678;phone-context=+49", id="tel-with-context"),
        pytest.param("Mobile: +49 176 12345678", id="label"),
    ],
)
@pytest.mark.parametrize("regions", [(), ("US",), ("AU", "GB", "DE")], ids=str)
def test_international_forms_ignore_every_hint(text: str, regions: tuple[str, ...]) -> None:
    assert parse(GERMAN, ()) == parse(text, regions)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2065550100", AMERICAN),
        ("+2065550100", None),
        ("002065550100", None),
        (" 2065550100", None),
        ("tel:2065550100", None),
    ],
)
def test_an_invalid_international_form_is_not_completed_from_a_region(
    text: str, expected: str | None
) -> None:
    assert expected == e164(text, "US")


@pytest.mark.parametrize(
    ("text", "regions", "expected"),
    [
        pytest.param("017612345678", ("DE",), GERMAN, id="one-region"),
        pytest.param("017612345678", ("US", "DE"), GERMAN, id="second-is-the-first-valid"),
        pytest.param("017612345678", ("US", "GB", "AU", "DE"), GERMAN, id="fourth"),
        pytest.param("017612345678", ("US", "GB"), None, id="valid-nowhere"),
        pytest.param("017612345678", (), None, id="no-region"),
        pytest.param("07911 123456", ("GB", "DE"), BRITISH, id="british"),
        pytest.param("0491 570 156", ("US", "AU"), AUSTRALIAN, id="australian"),
        pytest.param("(206) 555-0100", ("US",), AMERICAN, id="american"),
        pytest.param("1 206 555 0100", ("US",), AMERICAN, id="american-with-1"),
        pytest.param("2065550100", ("DE", "US"), "+492065550100", id="first-valid-not-best"),
        pytest.param("2065550100", ("US", "DE"), AMERICAN, id="order-decides"),
        pytest.param("01149 176 12345678", ("US",), GERMAN, id="the-region's-own-00"),
        pytest.param("017612345678", ("ZZ", "", "xx", "DE"), GERMAN, id="unknown-regions"),
        pytest.param(" 017612345678 ", ("DE",), GERMAN, id="blank-before-0-is-a-blank"),
        pytest.param("tel:017612345678", ("DE",), GERMAN, id="local-tel-link"),
        pytest.param("Tel. 0176/12345678", ("DE",), GERMAN, id="label"),
    ],
)
def test_a_national_number_belongs_to_the_first_region_in_which_it_is_valid(
    text: str, regions: tuple[str, ...], expected: str | None
) -> None:
    assert expected == e164(text, *regions)


@pytest.mark.parametrize(
    ("text", "regions", "expected"),
    [
        pytest.param("4917612345678", ("DE",), GERMAN, id="national-reading-is-a-land-line"),
        pytest.param("4917612345678", ("US",), GERMAN, id="national-reading-is-invalid"),
        pytest.param("4917612345678", ("US", "DE"), GERMAN, id="second-region-a-land-line"),
        pytest.param("4917612345678", (), GERMAN, id="no-region"),
        pytest.param("49 176 1234-5678", ("US",), GERMAN, id="punctuation"),
        pytest.param("(49) 17612345678", ("US",), GERMAN, id="brackets"),
        pytest.param("12065550100", ("DE",), AMERICAN, id="fixed-line-or-mobile-counts"),
        pytest.param("447911123456", ("DE",), BRITISH, id="british"),
        pytest.param("32470123456", ("DE",), "+32470123456", id="national-voip-is-no-mobile"),
        pytest.param("2065550100", ("US",), AMERICAN, id="national-mobile-stays"),
        pytest.param("493023125000", ("US",), None, id="plus-reading-is-a-land-line"),
        pytest.param("3023125000", ("DE",), "+493023125000", id="plus-reading-is-invalid"),
        pytest.param("18003569377", ("US",), "+18003569377", id="neither-is-mobile"),
    ],
)
def test_digits_whose_plus_reading_alone_is_mobile_are_international(
    text: str, regions: tuple[str, ...], expected: str | None
) -> None:
    assert expected == e164(text, *regions)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\u200b0176\u200c123\u200d45678\u2060", id="zero-width"),
        pytest.param("\ufeff017612345678", id="bom"),
        pytest.param("\u202a017612345678\u202c", id="bidi-embedding"),
        pytest.param("\u2066\u200e017612345678\u200f\u2069", id="bidi-isolate"),
        pytest.param("0176\xad12345678", id="soft-hyphen"),
        pytest.param("\xa00176\xa012345678", id="nbsp"),
        pytest.param("\u202f0176\u2009123\u300045678", id="other-blanks"),
        pytest.param("0\ufe0f\u20e31\ufe0f\u20e37\ufe0f\u20e3612345678", id="keycaps"),
        pytest.param("\u31640176\u280012345678", id="fillers"),
        pytest.param("\t0176\x0012345678\r\n", id="control"),
        pytest.param("０１７６１２３４５６７８", id="full-width"),
        pytest.param("（０１７６）１２３４－５６７８", id="full-width-punctuation"),
        pytest.param("٠١٧٦١٢٣٤٥٦٧٨", id="arabic-indic"),
        pytest.param("۰۱۷۶۱۲۳۴۵۶۷۸", id="extended-arabic-indic"),
        pytest.param("०१७६१२३४५६७८", id="devanagari"),
        pytest.param("０١۷6 12345678", id="mixed"),
        pytest.param("＋４９１７６１２３４５６７８", id="full-width-plus"),
        pytest.param("٠٠٤٩١٧٦١٢٣٤٥٦٧٨", id="arabic-00"),
        pytest.param("\u200b 4917612345678", id="plus-as-blank-after-invisible"),
        pytest.param("0176–1234—5678", id="dashes"),
    ],
)
def test_invisible_characters_and_other_digits_are_accepted(text: str) -> None:
    assert parse(GERMAN, ()) == parse(text, ("DE",))


def test_a_no_break_space_never_was_a_plus() -> None:
    assert parse(AMERICAN, ()) == parse("\xa02065550100", ("US",))


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("1-800-flowers", "US", "+18003569377"),
        ("１-８００-ＦＬＯＷＥＲＳ", "US", "+18003569377"),
        ("+1 800 FLOWERS", "DE", "+18003569377"),
        ("0176ABCDEFGH", "DE", "+4917622233344"),
        ("0176123456AB", "DE", "+4917612345622"),
        ("01761234567X", "DE", "+491761234567"),  # without the letter it is a number
        ("206-555-HELP", "US", "+12065554357"),
    ],
)
def test_letters_are_read_as_on_a_keypad(text: str, region: str, expected: str) -> None:
    assert expected == e164(text, region)


@pytest.mark.parametrize(
    "text",
    ["+12065550100 ext 123", "+1 206 555 0100 x5", "+12065550100#7", "tel:+12065550100;ext=9"],
)
def test_an_extension_is_dropped_from_both_forms(text: str) -> None:
    assert parse(AMERICAN, ()) == parse(text, ())


@pytest.mark.parametrize(
    "text",
    [
        "110", "112", "911", "999", "000", "116117", "+49110", "0049110", "12345",
        "+491", "+999123456789", "+017612345678", "+0017612345678", "+", "++", "00", "0", " ", "",
        "tel:", "tel:+", "abcdefg", "FLOWERS", "nobody@example.com", "١", "①②③④⑤⑥⑦⑧⑨",
        "0176 12345678 / 0176 04069000", "017612345678\n017604069000", "0176é12345678",
        "0176\ud80012345678", "\x00", "\u202e", "\ud800", "1" * 300, "+49" * 30,
    ],
    ids=lambda text: ascii(text[:24]),
)  # fmt: skip
def test_anything_else_is_no_number(text: str) -> None:
    assert e164(text, "DE", "US") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(GERMAN + " " * 50, GERMAN, id="64-characters"),
        pytest.param(GERMAN + " " * 51, None, id="65-characters"),
        pytest.param(GERMAN + "\u200b" * 200, GERMAN, id="invisible-ones-do-not-count"),
        pytest.param(GERMAN + "\u200b" * 1_000_000, None, id="huge-and-invisible"),
        pytest.param("9" * 10_000_000, None, id="huge"),
        pytest.param(GERMAN + " ext " + "1" * 1000, None, id="long-extension"),
    ],
)
def test_a_text_longer_than_any_number_is_refused(text: str, expected: str | None) -> None:
    assert expected == e164(text, "DE")
    assert expected == getattr(parse_international(text), "e164", None)


def test_no_text_whatever_raises() -> None:
    """Random texts from alphabets that break parsers; every find is a usable number."""
    source = random.Random(20_15)
    alphabets = [
        "0123456789",
        "+0123456789 ()-./;=ext#*~",
        "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹０１２３４５６７８９",
        "\u200b\u200e\u202e\u2066\ufeff\xad\xa0\x00\ud800\udfff\ufe0f\u20e3 +tel:",
        "".join(chr(source.randrange(0x110000)) for _ in range(500)),
    ]
    for _ in range(3000):
        letters = source.choice(alphabets) + source.choice(alphabets)
        text = "".join(source.choices(letters, k=source.randrange(40)))
        for number in (parse(text, ("US", "DE")), parse_international(text)):
            assert number is None or parse(number.e164, ()) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4917612345678", GERMAN),
        ("+4917612345678", GERMAN),
        (" 4917612345678 ", GERMAN),
        ("004917612345678", GERMAN),
        ("+49 176 12345678", GERMAN),
        ("12065550100", AMERICAN),
        ("2065550100", None),
        ("017612345678", None),
        ("110", None),
        ("40404", None),
        ("ACME", None),
        ("ACME12065550100", None),
        ("1800FLOWERS", None),
        ("", None),
        ("\ud800", None),
    ],
    ids=ascii,
)
def test_webhooks_and_admins_write_international_numbers_only(
    text: str, expected: str | None
) -> None:
    assert expected == getattr(parse_international(text), "e164", None)


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+4917612345678", "+49176•••••78"),
        ("4917612345678", "49176•••••78"),
        ("+49 176 12345678", "+49176•••••78"),
        ("+12065550100", "+1206•••••00"),
        ("+61491570156", "+6149•••••56"),
        ("+123456789012345", "+12345•••••45"),
        ("12345678", "12•••••78"),
        ("123456", "1•••••56"),
        ("٠١٧٦١٢٣٤٥٦٧٨", "٠١٧٦•••••٧٨"),
        ("9" * 10_000, "99999•••••99"),
        ("40404", "40404"),
        ("ACME", "ACME"),
        ("Shop24", "Shop24"),
        ("", ""),
    ],
    ids=lambda value: value[:16],
)
def test_a_masked_number_shows_about_half_and_short_senders_stay(number: str, masked: str) -> None:
    assert masked == mask(number)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("/message/?receiver=%2B4917612345678", "/message/?receiver=%2B49176•••••78"),
        ("/message/?receiver=+4917612345678&a=1", "/message/?receiver=+49176•••••78&a=1"),
        ("/tn/12065550100/", "/tn/1206•••••00/"),
        ("a 12065550100 b +12065550100", "a 1206•••••00 b +1206•••••00"),
        ("/status/?id=12345", "/status/?id=12345"),
        ("+" * 10_000, "+" * 10_000),
        ("12345a" * 10_000, "12345a" * 10_000),
        ("1" * 100_000, "11111•••••11"),
        ("", ""),
    ],
    ids=lambda value: value[:24],
)
def test_every_long_run_of_digits_in_a_text_is_masked(text: str, masked: str) -> None:
    assert masked == mask_digits(text)


@pytest.mark.parametrize(
    ("code", "known"),
    [("DE", True), ("US", True), ("AQ", False), ("ZZ", False), ("UK", False), ("de", False),
     ("001", False), ("", False), ("\ud800", False)],
    ids=ascii,
)  # fmt: skip
def test_a_region_is_one_that_has_telephone_numbers(code: str, known: bool) -> None:
    assert known == is_region(code)


def test_the_regions_are_those_that_are_known() -> None:
    found = regions()
    assert sorted(found) == found
    assert {"DE", "US", "GG", "VA"} < set(filter(is_region, found)) == set(found)


@pytest.mark.parametrize("region", regions())
def test_the_country_of_a_number_is_the_one_it_was_read_with(region: str) -> None:
    """The library's own examples, of all types that it has one of."""
    for kind in phonenumbers.PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        number = parse(e164, ())
        assert number is None or (number.country or "") == country_of(e164)


@pytest.mark.parametrize(
    "text",
    ["", "+", "+1", "+0", "+80012345678", "+9991234567", "ACME", "+ACME", "12345"],
    ids=ascii,
)
def test_what_belongs_to_no_country_has_none(text: str) -> None:
    """Not every participant of an old session can be read by a newer library."""
    assert "" == country_of(text)


@pytest.mark.parametrize(
    ("number", "expected"), [(AMERICAN, True), (GERMAN, False), (AUSTRALIAN, False)]
)
def test_north_american_is_country_code_1(number: str, expected: bool) -> None:
    assert expected == is_north_american(number)
