"""Bodies are read by what they are, in whichever encoding and under whichever name they come."""

from __future__ import annotations

import pytest

from gateway.providers.forms import as_text, as_utf8, decoded, is_json, read_form

FORM = "application/x-www-form-urlencoded"
PART = b'--x y\r\nContent-Disposition: form-data; name="a"\r\n\r\n1 \r\n--x y--'
# As OkHttp and Apache's client write them.
LONG_PART = (
    b'--B\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain\r\n'
    b"Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa9\r\n--B--\r\n"
)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"plain", "plain"),
        ("é€😀".encode(), "é€😀"),
        (b"caf\xe9", "café"),
        (b"\x80 5, \x93quoted\x94", "€ 5, “quoted”"),
        (b"\x81\x8d", "\x81\x8d"),
        (b"\xc3\xa9\xff", "é\ufffd"),
        (b"ab\xf0\x9f\x98", "ab\ufffd"),
        (b"\xed\xa0\xbd", "\ud83d"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\ud83d\ude00"),
        (b"a\x00b", "a\x00b"),
        (b"", ""),
    ],
)
def test_octets_become_the_text_that_was_meant(octets: bytes, expected: str) -> None:
    assert expected == decoded(octets)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "utf-32", "utf-32-le", "utf-32-be"])  # fmt: skip
@pytest.mark.parametrize("text", ['{"a":"é😀"}', "a=1&b=2", "<p>é</p>"])
def test_a_body_of_any_unicode_encoding_is_read(text: str, encoding: str) -> None:
    assert text.encode() == as_utf8(text.encode(encoding))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xef\xbb\xbfcaf\xe9", "café"),
        ("{é".encode("utf-16")[:-1], "{\ufffd"),
        (b"\xed\xa0\xbdx", "\ufffdx"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "ÿØÿà\x00\x10JFIF"),
        (b"\x00", "\x00"),
        (b"", ""),
    ],
)
def test_any_body_can_be_shown(body: bytes, expected: str) -> None:
    assert expected == as_text(body)


@pytest.mark.parametrize("body", [b"{", b" \n[", b'{"a":1}'])
def test_json_is_told_by_its_first_character(body: bytes) -> None:
    assert is_json(body)
    assert not is_json(b"a" + body)


@pytest.mark.parametrize(
    "content_type", ["", FORM, "application/json", "text/plain", "image/png", "multipart/form-data"]
)
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=1", {"a": [b"1"]}),
        (b"a=%2B1+2&b=&a=%C3%A9", {"a": [b"+1 2", b"\xc3\xa9"], "b": [b""]}),
        (b"a=1&b", {"a": [b"1"], "b": [b""]}),
        (b"=", {"": [b""]}),
        (PART, {"a": [b"1 "]}),
        (LONG_PART, {"a": [b"\xc3\xa9"]}),
        (b"hello", None),
        (b'"a=1"', None),
        (b"<a b='1'/>", None),
        (PART.replace(b'"a"', b'"a"; filename="b"'), None),
        (PART[:-3], None),
        (PART[:30], None),
        (b"&".join([b"a=1"] * 2_000), None),
    ],
)
def test_a_form_is_told_by_what_it_is(
    body: bytes, content_type: str, expected: dict[str, list[bytes]] | None
) -> None:
    assert expected == read_form(body, content_type)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=+49 1&2=3\r\nb=%20\r\n", {"a": [b"+49 1&2=3"], "b": [b"%20"]}),
        (b"a=1\nb=\n\nc", {"a": [b"1"], "b": [b""]}),
        (b"a=%2B1&b=2", {"a": [b"+1"], "b": [b"2"]}),
    ],
    ids=["a browser's", "other line ends", "a script's"],
)
def test_a_form_in_plain_text_is_read_as_its_writer_wrote_it(
    body: bytes, expected: dict[str, list[bytes]]
) -> None:
    assert expected == read_form(body, "text/plain; charset=UTF-8")


def test_the_boundary_may_stand_in_the_content_type_alone() -> None:
    body = b"This is a message in several parts.\r\n" + PART
    assert {"a": [b"1 "]} == read_form(body, 'multipart/form-data; boundary="x y"')
    assert read_form(body, "multipart/form-data; boundary=z") is None
