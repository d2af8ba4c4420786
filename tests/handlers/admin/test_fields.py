"""What an administrator writes: every kind of value, right and wrong, and where it may stand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.errors import BadRequest, NotFound
from gateway.telephony.judges import is_valid_or_sample
from handlers.admin.base import FieldsHandler
from handlers.admin.fields import Fields, session_id, utc
from tests.support.servers.serving import Gateway, serving

NO_NUMBER = "value: must be a valid international number"
NO_MINUTES = "value: must be a positive number of minutes, ten years at most"
NO_LABEL = "value: must be 1 to 191 printable characters"
NO_CAPABILITIES = "value: must be sms, voice or both"
NO_COUNTRY = "value: must be a country code of two letters, such as DE"
MISSING = "value: is missing"
TEN_YEARS = 5_256_000


def given(value: object) -> Fields:
    """The field ``value`` of a JSON body."""
    return Fields({"value": value})


def typed_in(value: str) -> Fields:
    """The field ``value`` of a query or a form."""
    return Fields({"value": value}, frozenset({"value"}))


@pytest.mark.parametrize(
    "written",
    [
        "12065550123",
        "+12065550123",
        "0012065550123",
        "+1 206-555-0123",
        " 12065550123",
        "＋1２065550123",
        12065550123,
    ],
    ids=["digits", "plus", "00", "punctuated", "blank", "full-width", "integer"],
)
def test_a_number_is_read_in_every_international_form(written: object) -> None:
    """With or without plus, as text or as a JSON integer."""
    assert "+12065550123" == given(written).number("value").e164
    optional = given(written).number_or_none("value")
    assert optional is not None
    assert "+12065550123" == optional.e164


@pytest.mark.parametrize(
    "wrong",
    [
        *(None, True, False, 12065550123.0, [], ["12065550123"], {}, {"value": "12065550123"}),
        *("", " ", "null", "None", "+", "0", "12345", "2065550123", "+1 (222) abc", "Acme"),
        *("-12065550123", -12065550123, 0, 1, "9" * 18, "9" * 10_000, 10**400),
        *("1206555012301234567", "\ud800", "12065550123x12"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_anything_else_is_no_number(wrong: object) -> None:
    """What str() would make a number of in other programs is refused here."""
    with pytest.raises(BadRequest) as refusal:
        given(wrong).number("value")
    assert NO_NUMBER == str(refusal.value)


NEWER = "+15555550123"  # as many digits as a number has, of a range that is not known


@pytest.mark.parametrize("possible", [None, False])
def test_a_possible_number_is_refused_with_what_to_do(possible: object) -> None:
    """Unless it is said that it is right, it is mistyped."""
    fields = Fields({"value": NEWER, "possible": possible})
    with pytest.raises(BadRequest) as refusal:
        fields.number("value")
    assert str(refusal.value).startswith(f"{NO_NUMBER}; ")
    assert str(refusal.value).endswith('add "possible": true')


@pytest.mark.parametrize(
    "fields",
    [
        Fields({"value": NEWER, "possible": True}),
        Fields({"value": 15555550123, "possible": True}),
        Fields({"value": NEWER, "possible": "yes"}, frozenset({"possible"})),
    ],
)
def test_a_possible_number_is_taken_when_it_is_said_to_be_right(fields: Fields) -> None:
    """In JSON, or in a form."""
    assert NEWER == fields.number("value").e164


def test_what_is_there_may_be_named_by_a_possible_number() -> None:
    """A wrong one names nothing."""
    assert NEWER == given(NEWER).known_number("value").e164


def test_in_development_the_numbers_of_the_documentation_are_valid() -> None:
    """As in the provider's examples."""
    fields = Fields({"value": "447700900123"}, judge=is_valid_or_sample)
    assert "+447700900123" == fields.number("value").e164


def test_an_optional_number_may_be_absent_or_null_but_not_wrong() -> None:
    """Null says that there is none."""
    assert Fields({}).number_or_none("value") is None
    assert given(None).number_or_none("value") is None
    with pytest.raises(BadRequest, match=NO_NUMBER):
        given("").number_or_none("value")


@pytest.mark.parametrize("read", ["number", "expiry_ms", "flag", "session_id"])
def test_what_must_be_there_is_named_when_it_is_not(read: str) -> None:
    """Missing and wrong are told apart."""
    with pytest.raises(BadRequest) as refusal:
        getattr(Fields({}), read)("value")
    assert MISSING == str(refusal.value)


EXPIRIES: list[tuple[object, int]] = [
    (None, 0),
    (0, 0),
    (0.0, 0),
    (-0.0, 0),
    (10, 600_000),
    (1.5, 90_000),
    (1.1, 66_000),
    (0.00000001, 1),
    (TEN_YEARS, TEN_YEARS * 60_000),
]


@pytest.mark.parametrize(("minutes", "expected"), EXPIRIES, ids=repr)
def test_minutes_become_milliseconds(minutes: object, expected: int) -> None:
    """0 means never, so nothing that is more than 0 may become it."""
    assert expected == given(minutes).expiry_ms("value")
    assert expected == given(minutes).expiry_ms_or_never("value")


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("10", 600_000), ("1.5", 90_000)])
def test_minutes_of_a_form_are_text(text: str, expected: int) -> None:
    """A form has no other type."""
    assert expected == typed_in(text).expiry_ms("value")


def test_absent_minutes_mean_never_where_they_may_be_absent() -> None:
    """A session without expiry."""
    assert 0 == Fields({}).expiry_ms_or_never("value")


@pytest.mark.parametrize(
    "wrong",
    [
        *(-1, -0.001, "10", "", "never", True, False, [], [10], {}, TEN_YEARS + 1),
        *(1e12, 1e400, 10**400, float("nan"), float("-inf")),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_anything_else_is_no_number_of_minutes(wrong: object) -> None:
    """Negative, text, booleans, lists and more than ten years."""
    with pytest.raises(BadRequest) as refusal:
        given(wrong).expiry_ms("value")
    assert NO_MINUTES == str(refusal.value)


@pytest.mark.parametrize(
    "wrong", ["", " ", "-1", "+1", "1e3", "nan", "inf", "1_0", "٣", ".5", "1.", "9" * 19, "true"]
)
def test_a_form_cannot_smuggle_other_minutes_in(wrong: str) -> None:
    """Only ASCII digits with at most one point."""
    with pytest.raises(BadRequest) as refusal:
        typed_in(wrong).expiry_ms("value")
    assert NO_MINUTES == str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (given(True), True),
        (given(False), False),
        (typed_in("true"), True),
        (typed_in("No"), False),
    ],
    ids=["true", "false", "form-true", "form-no"],
)
def test_a_flag_is_a_boolean_or_a_word_of_a_form(fields: Fields, expected: bool) -> None:
    """The words are those of the options."""
    assert expected is fields.flag("value")


@pytest.mark.parametrize(
    "fields",
    [*map(given, (None, 0, 1, "true", "", [], {})), typed_in("maybe"), typed_in("")],
    ids=lambda fields: f"{fields.values['value']!r}{'-typed-in' if fields.written else ''}",
)
def test_anything_else_is_no_flag(fields: Fields) -> None:
    """1 and "true" are no JSON booleans."""
    with pytest.raises(BadRequest, match=r"^value: must be true or false$"):
        fields.flag("value")


def test_a_choice_is_one_of_the_words_or_the_default() -> None:
    """Absent and null take the default."""
    words = ("shared", "per-side")
    assert "per-side" == given("per-side").choice("value", words, "shared")
    assert "shared" == given(None).choice("value", words, "shared")
    assert "shared" == Fields({}).choice("value", words, "shared")


NO_WORDS: tuple[object, ...] = ("", "Shared", "per side", 0, True, [], ["shared"], {"a": 1})


@pytest.mark.parametrize("wrong", NO_WORDS, ids=repr)
def test_anything_else_is_no_choice(wrong: object) -> None:
    """The message lists what would do."""
    with pytest.raises(BadRequest, match=r"^value: must be one of shared, per-side$"):
        given(wrong).choice("value", ("shared", "per-side"), "shared")


def test_a_provider_is_a_known_one_or_the_default() -> None:
    """Absent and null take the default."""
    known = ("nexmo", "smssync:van")
    assert "smssync:van" == given("smssync:van").provider("value", known, "nexmo")
    assert "nexmo" == given(None).provider("value", known, "nexmo")
    assert "nexmo" == Fields({}).provider("value", known, "nexmo")


@pytest.mark.parametrize("wrong", ["", "twilio", "Nexmo", " nexmo", 1, False, [], {}], ids=repr)
def test_any_other_provider_is_unknown(wrong: object) -> None:
    """Names are compared exactly."""
    with pytest.raises(BadRequest, match=r"^value: unknown$"):
        given(wrong).provider("value", ("nexmo",), "nexmo")


@pytest.mark.parametrize("name", ["order 4711", "x", "Bestellung Größe 🎉", "x" * 191, " x "])
def test_a_label_stays_as_it_was_written(name: str) -> None:
    """It is the caller's own name for something."""
    assert name == given(name).label("value")


@pytest.mark.parametrize("fields", [Fields({}), given(None)], ids=["absent", "null"])
def test_no_label_is_empty(fields: Fields) -> None:
    """A session needs no name."""
    assert "" == fields.label("value")


@pytest.mark.parametrize(
    "wrong",
    ["", " ", "x" * 192, "a\nb", "a\x00", "\u200b", "\ud800", 4711, True, [], {}],
    ids=lambda value: ascii(value)[:20],
)
def test_anything_else_is_no_label(wrong: object) -> None:
    """At most 191 characters, all of them to be seen."""
    with pytest.raises(BadRequest) as refusal:
        given(wrong).label("value")
    assert NO_LABEL == str(refusal.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "sms voice"),
        (["sms"], "sms"),
        (["voice", "sms"], "sms voice"),
        (["sms", "sms"], "sms"),
        ("voice", "voice"),
        ("SMS, voice", "sms voice"),
    ],
    ids=repr,
)
def test_capabilities_are_a_list_or_comma_text(value: object, expected: str) -> None:
    """Null, like absence, means both."""
    assert set(expected.split()) == given(value).capabilities("value")
    assert {"sms", "voice"} == Fields({}).capabilities("value")


NO_CAPABILITY_LISTS: tuple[object, ...] = (
    [],
    "",
    ",",
    "mms",
    ["sms", "mms"],
    [1],
    [None],
    [["sms"]],
    True,
    5,
    {},
)


@pytest.mark.parametrize("wrong", [*NO_CAPABILITY_LISTS, "sms voice", "sms,"], ids=repr)
def test_anything_else_is_no_capability(wrong: object) -> None:
    """A number that can do nothing is of no use."""
    with pytest.raises(BadRequest) as refusal:
        given(wrong).capabilities("value")
    assert NO_CAPABILITIES == str(refusal.value)


def test_a_country_is_two_letters_or_the_default() -> None:
    """Shown in capitals."""
    assert "DE" == given("de").country("value", "US")
    assert "US" == given(None).country("value", "US")
    assert "" == Fields({}).country("value", "")


@pytest.mark.parametrize("wrong", ["", "D", "DEU", "ZZ", "49", "ß", 49, True, [], ["DE"]], ids=repr)
def test_anything_else_is_no_country(wrong: object) -> None:
    """Only countries that have telephone numbers."""
    with pytest.raises(BadRequest) as refusal:
        given(wrong).country("value", "US")
    assert NO_COUNTRY == str(refusal.value)


def test_a_session_id_is_32_hexadecimal_digits() -> None:
    """In lower case, as they are given out."""
    assert "a1" * 16 == session_id("a1" * 16)
    assert "a1" * 16 == given("A1" * 16).session_id("value")


@pytest.mark.parametrize("wrong", ["", "a" * 31, "a" * 33, "g" * 32, "a" * 32 + "\n", "١" * 32])
def test_there_is_no_session_of_another_id(wrong: str) -> None:
    """Text that cannot be an id is an id that does not exist."""
    with pytest.raises(NotFound, match="session_id: must be 32 hexadecimal digits"):
        given(wrong).session_id("value")


@pytest.mark.parametrize("wrong", [None, 5, True, [], {}], ids=repr)
def test_an_id_is_text(wrong: object) -> None:
    """Anything else is a wrong field."""
    with pytest.raises(BadRequest, match=r"^value: must be text$"):
        given(wrong).session_id("value")


def test_times_are_shown_in_utc_and_none_as_null() -> None:
    """0 is how the store writes never."""
    assert "2016-05-19 22:19:58" == utc(1_463_696_398_999)
    assert utc(0) is None


# ---- where the fields stand


class EchoHandler(FieldsHandler):
    """Shows the fields as they were read."""

    def patch(self, element: str | None = None) -> None:
        """Answer them, with the names of those that came as text."""
        given = self.fields("value", "other", session_id=element)
        self.reply({"values": dict(given.values), "written": sorted(given.written)})

    post = delete = patch


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway with the handler above."""
    routes = [("/echo/?", EchoHandler), ("/echo/([^/]+)/?", EchoHandler)]
    async with serving("--admin_token=x-token-x", redis_url=redis_url, routes=routes) as running:
        yield running


@dataclass(frozen=True)
class Sent:
    """What a client sends; without ``content_type`` the header is left out."""

    path: str
    body: bytes = b""
    content_type: str = ""


async def call(gateway: Gateway, method: str, sent: Sent) -> tuple[int, dict[str, Any]]:
    """Send one request exactly so; return status and answer."""
    headers = {"Authorization": "Bearer x-token-x"}
    if sent.content_type:
        headers["Content-Type"] = sent.content_type
    async with gateway.client.request(
        method,
        sent.path,
        data=sent.body or None,
        headers=headers,
        skip_auto_headers=() if sent.content_type else ("Content-Type",),
    ) as response:
        return response.status, json.loads(await response.text())


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=b"
MULTIPART_BODY = (
    b'--b\r\nContent-Disposition: form-data; name="value"\r\n\r\nx y\r\n'
    b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\n5\r\n--b--\r\n'
)

# What is sent, the fields that it makes, and the names of those that come as text.
READ: dict[str, tuple[Sent, dict[str, object], str]] = {
    "JSON": (Sent("/echo", b'{"value":"x","other":5}', JSON), {"value": "x", "other": 5}, ""),
    "JSON without a type": (Sent("/echo/", b' {"value":1.5}'), {"value": 1.5}, ""),
    "JSON as text": (Sent("/echo", b'{"value":null}', "text/plain"), {"value": None}, ""),
    "JSON as curl -d sends it": (Sent("/echo", b'\n{"value":[1]}', FORM), {"value": [1]}, ""),
    "form": (
        Sent("/echo", b"value=x+y&other=5", f"{FORM}; charset=UTF-8"),
        {"value": "x y", "other": "5"},
        "other value",
    ),
    "form without a type": (Sent("/echo", b"value=x"), {"value": "x"}, "value"),
    "form called JSON": (Sent("/echo", b"value=x", JSON), {"value": "x"}, "value"),
    "form called text": (Sent("/echo", b"value=x%20y", "text/plain"), {"value": "x y"}, "value"),
    "form called multipart": (Sent("/echo", b"value=x", MULTIPART), {"value": "x"}, "value"),
    "form sent as text": (
        Sent("/echo", b"value=+1 %20\r\nother=a&b=c\r\n", "text/plain"),
        {"value": "+1 %20", "other": "a&b=c"},
        "other value",
    ),
    "form with a byte order mark": (
        Sent("/echo", b"\xef\xbb\xbfvalue=x", FORM),
        {"value": "x"},
        "value",
    ),
    "form in UTF-16": (Sent("/echo", "value=x".encode("utf-16"), FORM), {"value": "x"}, "value"),
    "JSON in UTF-16": (Sent("/echo", '{"value":"é"}'.encode("utf-16")), {"value": "é"}, ""),
    "JSON in UTF-32": (Sent("/echo", '{"value":"é"}'.encode("utf-32-be")), {"value": "é"}, ""),
    "multipart without a type": (
        Sent("/echo", MULTIPART_BODY),
        {"value": "x y", "other": "5"},
        "other value",
    ),
    "multipart called a form": (
        Sent("/echo", MULTIPART_BODY, FORM),
        {"value": "x y", "other": "5"},
        "other value",
    ),
    "multipart": (
        Sent("/echo", MULTIPART_BODY, MULTIPART),
        {"value": "x y", "other": "5"},
        "other value",
    ),
    "query": (Sent("/echo?value=%2B1&other="), {"value": "+1", "other": ""}, "other value"),
    "path": (Sent("/echo/%2B1%20206"), {"session_id": "+1 206"}, "session_id"),
    "query and JSON": (
        Sent("/echo?value=1", b'{"other":2}', JSON),
        {"value": "1", "other": 2},
        "value",
    ),
    "path and JSON": (
        Sent("/echo/x/", b'{"other":2}'),
        {"session_id": "x", "other": 2},
        "session_id",
    ),
    "nothing": (Sent("/echo", content_type=JSON), {}, ""),
}


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(("sent", "values", "written"), READ.values(), ids=READ.keys())
async def test_fields_are_read_wherever_they_stand(
    gateway: Gateway, method: str, sent: Sent, values: dict[str, object], written: str
) -> None:
    """Body, query and path together make the fields, for every verb."""
    answer = await call(gateway, method, sent)
    assert (200, {"values": values, "written": written.split()}) == answer


NO_OBJECT = "the body must be a JSON object"
NO_JSON = "the body is not valid JSON"
TWICE = "value: given more than once"
ID_TWICE = "session_id: given more than once"
REFUSED: dict[str, tuple[Sent, str]] = {
    "list": (Sent("/echo", b'[{"value":"x"}]'), NO_OBJECT),
    "list as form": (Sent("/echo", b"[]", FORM), NO_OBJECT),
    "text": (Sent("/echo", b'"value"'), NO_OBJECT),
    "null": (Sent("/echo", b"null", JSON), NO_OBJECT),
    "number": (Sent("/echo", b"5", "text/plain"), NO_OBJECT),
    "half": (Sent("/echo", b'{"value":'), NO_JSON),
    "blank": (Sent("/echo", b" ", JSON), NO_JSON),
    "NaN": (Sent("/echo", b'{"value":NaN}'), NO_JSON),
    "not UTF-8": (Sent("/echo", b'{"value":"\xff"}'), "the body is not valid UTF-8"),
    "form not UTF-8": (Sent("/echo", b"value=%ff", FORM), "value: not valid UTF-8"),
    "query not UTF-8": (Sent("/echo?value=%ff"), "value: not valid UTF-8"),
    "twice in JSON": (
        Sent("/echo", b'{"value":1,"value":1}'),
        "the body names a field more than once",
    ),
    "twice in the form": (Sent("/echo", b"value=1&value=1", FORM), TWICE),
    "twice in the query": (Sent("/echo?value=1&value=1"), TWICE),
    "query and form": (Sent("/echo?value=1", b"value=1", FORM), TWICE),
    "query and body": (Sent("/echo?value=1", b'{"value":1}'), TWICE),
    "path and body": (Sent("/echo/x", b'{"session_id":"x"}'), ID_TWICE),
    "path and query": (Sent("/echo/x?session_id=x"), ID_TWICE),
    "unknown": (Sent("/echo", b'{"colour":"red"}'), "colour: is not known"),
    "misspelt": (Sent("/echo", b'{"Value":"x"}'), "Value: is not known"),
    "unknown in the form": (Sent("/echo", b"colour=red", FORM), "colour: is not known"),
    "unknown in the query": (Sent("/echo?colour=red"), "colour: is not known"),
    "unknown and ugly": (Sent("/echo", b'{"<a b>\\ud800":1}'), "?a?b??: is not known"),
    "unknown and long": (
        Sent("/echo", b'{"%s":1}' % (b"x" * 99)),
        f"{'x' * 40}: is not known",
    ),
}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(("sent", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_meant_is_refused(
    gateway: Gateway, method: str, sent: Sent, message: str
) -> None:
    """Each with a message that says what is wrong."""
    status, answer = await call(gateway, method, sent)
    assert (400, "bad_request", message) == (status, answer["error"], answer["message"])


async def test_a_body_that_is_too_large_is_refused(gateway: Gateway) -> None:
    """Nothing here needs more than 64 KB."""
    large = Sent("/echo", b'{"value":"%s"}' % (b"x" * 70_000))
    status, answer = await call(gateway, "POST", large)
    assert (413, "payload_too_large") == (status, answer["error"])
