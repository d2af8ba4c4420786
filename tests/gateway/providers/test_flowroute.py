"""Flowroute's messages API as tables: requests, answers, MOs of both shapes, receipts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest

from gateway.providers import flowroute
from gateway.providers.base import DeliveryState, Inbound, Outcome, Part, Receipt, Sms

MESSAGE_ID = "0123456789abcdef0123456789abcdef"
MDR1 = "mdr1-39cadeace66e11e7aff806cd7f24ba2d"
MDR2 = "mdr2-39cadeace66e11e7aff806cd7f24ba2d"
SENDER, NUMBER = "12065550123", "12065550100"


def sms(text: str = "Hello", to: str = f"+{SENDER}", sender: str = f"+{NUMBER}") -> Sms:
    return Sms(MESSAGE_ID, to, sender, text)


# -- request

# What the provider's OpenAPI description and its JSON:API envelope ask for, and no field more:
# https://developer.flowroute.com/api/messages/v2.1/send-an-sms/
REQUEST_SCHEMA = {
    "type": "object",
    "required": ["data"],
    "additionalProperties": False,
    "properties": {
        "data": {
            "type": "object",
            "required": ["type", "attributes"],
            "additionalProperties": False,
            "properties": {
                "type": {"const": "message"},
                "attributes": {
                    "type": "object",
                    "required": ["from", "to"],
                    "additionalProperties": False,
                    "properties": {
                        "from": {"type": "string"},
                        "to": {"type": "string", "pattern": r"^\d{7,15}$"},
                        "body": {"type": "string"},
                        "media_urls": {"type": "array", "items": {"type": "string"}},
                        "is_mms": {"type": "boolean"},
                        "dlr_callback": {"type": "string", "format": "url"},
                    },
                },
            },
        }
    },
}

NUMBERS = {
    "USA": ("+12065550123", "12065550123"),
    "Canada": ("+14165550123", "14165550123"),
    "Germany": ("+4917604069001", "4917604069001"),
    "Australia": ("+61491570156", "61491570156"),
    "without plus": ("12065550123", "12065550123"),
}
TEXTS = ["Hello", "  padded ", "\nline\r\n", " ", "", '"quoted" \\ </script>', "5 € ç \U0001f600"]


def attributes(message: Sms) -> dict[str, Any]:
    """Return the attributes as the provider reads them."""
    document = json.loads(json.dumps(flowroute.request(message)))
    jsonschema.validate(document, REQUEST_SCHEMA)
    found: dict[str, Any] = document["data"]["attributes"]
    return found


def test_a_request_has_these_fields_and_no_others() -> None:
    expected = {"to": SENDER, "from": NUMBER, "body": "Hello", "is_mms": False}
    assert expected == attributes(sms())


@pytest.mark.parametrize(("e164", "digits"), NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers_go_out_as_digits(e164: str, digits: str) -> None:
    found = attributes(sms(to=e164, sender=e164))
    assert (digits, digits) == (found["to"], found["from"])


def test_a_sender_that_is_no_number_is_passed_on() -> None:
    """The provider refuses it, which is told; nothing is made up instead."""
    assert "Acme" == attributes(sms(sender="Acme"))["from"]


@pytest.mark.parametrize("text", [*TEXTS, "é" * 3200])
def test_the_text_goes_out_unchanged(text: str) -> None:
    assert text == attributes(sms(text))["body"]


# -- result

A, T, R, U = Outcome.ACCEPTED, Outcome.THROTTLED, Outcome.REFUSED, Outcome.UNKNOWN


@dataclass(frozen=True)
class Answer:
    """An answer, and what it means."""

    id: str
    http: int
    body: bytes
    outcome: Outcome
    code: str = ""
    provider_id: str = ""
    retry_after: str = ""
    wait: float | None = None


def taken(id: Any = MDR2, **more: Any) -> bytes:
    link = "https://api.flowroute.com/v2.1/messages/mdr2-39cadeace66e11e7aff806cd7f24ba2d"
    return json.dumps(
        {"data": {"links": {"self": link}, "type": "message", "id": id} | more}
    ).encode()


def errors(status: int, title: Any = "No", detail: Any = "Not like this") -> bytes:
    error = {"id": "e-1", "status": status, "title": title, "detail": detail}
    return json.dumps({"errors": [error]}).encode()


HTML = b"<html><body>Bad Gateway</body></html>"
ACCEPTED = [
    *(
        Answer(f"HTTP {status}", status, taken(), A, provider_id=MDR2)
        for status in (200, 201, 202, 203, 206)
    ),
    Answer("old id", 202, taken(MDR1), A, provider_id=MDR1),
    Answer("id alone", 202, b'{"data":{"id":"a"}}', A, provider_id="a"),
    Answer("longest id", 202, taken("x" * 64), A, provider_id="x" * 64),
    Answer("id is a number", 202, taken(17), A, provider_id="17"),
    Answer("id is half a character", 202, taken("\ud800"), A, provider_id="\ufffd"),
    Answer("another type", 202, taken(type="thing"), A, provider_id=MDR2),
]
USELESS = {
    "empty": b"",
    "blank": b" \n",
    "HTML": HTML,
    "JSON text": b'"ok"',
    "JSON null": b"null",
    "JSON list": b"[]",
    "JSON number": b"0",
    "empty object": b"{}",
    "data null": b'{"data":null}',
    "data a list": b'{"data":[{"id":"a"}]}',
    "data a text": b'{"data":"mdr2-1"}',
    "empty data": b'{"data":{}}',
    "id beside data": b'{"id":"a","data":{}}',
    "id null": taken(None),
    "empty id": taken(""),
    "id true": taken(True),
    "id a list": taken(["a"]),
    "id an object": taken({"id": "a"}),
    "id too long": taken("x" * 65),
    "id of 10,000 digits": b'{"data":{"id":' + b"1" * 10_000 + b"}}",
    "id endless": b'{"data":{"id":1e999}}',
    "cut short": taken()[:-5],
    "no UTF-8": b"\xff\xfe",
    "no UTF-8 inside": b'{"data":{"id":"\xff"}}',
    "very deep list": b"[" * 60_000,
    "very deep data": b'{"data":' + b"[" * 60_000,
    "an error of 200": errors(200),
}
UNKNOWN = [
    *(Answer(f"useless: {name}", 202, body, U, "202") for name, body in USELESS.items()),
    *(
        Answer(f"HTTP {status}, {name}", status, body, U, str(status))
        for status in (301, 302, 307, 500, 502, 503, 504)
        for name, body in {"empty": b"", "HTML": HTML, "id": taken()}.items()
    ),
    Answer("HTTP 204", 204, b"", U, "204"),
]
REFUSED = [
    Answer(f"HTTP {status}, {name}", status, body, R, str(status))
    for status in (400, 401, 402, 403, 404, 405, 413, 415, 422)
    for name, body in {"errors": errors(status), "empty": b"", "HTML": HTML, "id": taken()}.items()
]
THROTTLED = [
    Answer("empty", 429, b"", T, "429"),
    Answer("errors", 429, errors(429), T, "429"),
    Answer("id", 429, taken(), T, "429"),
    *(
        Answer(f"Retry-After {header!r}", 429, errors(429), T, "429", retry_after=header, wait=wait)
        for header, wait in {
            "7": 7.0,
            "0": 0.0,
            "1.5": 1.5,
            "007": 7.0,
            "3600": 3600.0,
            "3601": 3600.0,
            "999999999": 3600.0,
            "9" * 10: None,
            "9" * 5000: None,
            "-1": None,
            "+1": None,
            " 7": None,
            "7s": None,
            "1e3": None,
            "٧": None,
            "７": None,
            "nan": None,
            "Tue, 21 Nov 2023 08:00:05 GMT": None,
        }.items()
    ),
]


@pytest.mark.parametrize(
    "case", [*ACCEPTED, *UNKNOWN, *REFUSED, *THROTTLED], ids=lambda case: case.id
)
def test_an_answer_means(case: Answer) -> None:
    got = flowroute.result(case.http, case.body, case.retry_after)
    parts = (Part(case.provider_id, DeliveryState.ACCEPTED),) if case.provider_id else ()
    expected = (case.outcome, case.code, parts, case.wait)
    assert expected == (got.outcome, got.code, got.parts, got.retry_after)
    assert (case.outcome is A) == (got.text == "")


def test_retry_after_counts_where_the_edge_turned_a_request_away() -> None:
    assert flowroute.result(503, b"", "7").retry_after == 7.0
    assert flowroute.result(422, b"", "7").retry_after is None
    assert flowroute.result(504, b"", "7").retry_after is None


REASONS = {
    "credentials": (401, b"", "invalid credentials"),
    "forbidden": (403, b"", "not allowed"),
    "other": (418, b"", "unusable answer, HTTP 418"),
    "quoted": (422, errors(422), "invalid message: No: Not like this"),
    "title alone": (422, errors(422, detail=None), "invalid message: No"),
    "detail alone": (422, errors(422, title=None), "invalid message: Not like this"),
    "neither": (422, errors(422, None, None), "invalid message"),
    "numbers": (422, errors(422, 1, 2), "invalid message: 1: 2"),
    "lists": (422, errors(422, [1], [2]), "invalid message"),
    "no errors": (422, b'{"errors":[]}', "invalid message"),
    "errors null": (422, b'{"errors":null}', "invalid message"),
    "errors an object": (422, b'{"errors":{"title":"No"}}', "invalid message"),
    "error null": (422, b'{"errors":[null]}', "invalid message"),
    "error a text": (422, b'{"errors":["No"]}', "invalid message"),
    "endless": (
        422,
        errors(422, "t" * 9000, "d" * 9000),
        f"invalid message: {'t' * 100}: {'d' * 100}",
    ),
    "half a character": (422, errors(422, "\ud800", ""), "invalid message: \ufffd"),
    "server": (500, errors(500), "unusable answer, HTTP 500: No: Not like this"),
}


@pytest.mark.parametrize(("http", "body", "expected"), REASONS.values(), ids=REASONS.keys())
def test_the_provider_s_words_are_kept_behind_the_meaning(
    http: int, body: bytes, expected: str
) -> None:
    assert expected == flowroute.result(http, body).text


# -- MOs


@dataclass(frozen=True)
class Hook:
    """A webhook, and what is in it."""

    id: str
    given: dict[str, Any]
    expected: Inbound | Receipt | None


def inbound(text: str = "Hello", id: str = MDR2, **more: Any) -> Inbound:
    sender, to = more.pop("sender", SENDER), more.pop("to", NUMBER)
    return Inbound("flowroute", id, sender, to, text, **more)


def flat(**more: Any) -> dict[str, Any]:
    """Return an MO of the old shape; ``sender`` is ``from``."""
    fields = {"to": NUMBER, "body": "Hello", "from": SENDER, "id": MDR1} | more
    if "sender" in fields:
        fields["from"] = fields.pop("sender")
    return fields


def document(id: Any = MDR2, type: Any = "message", **more: Any) -> dict[str, Any]:
    """Return an MO of the new shape with these attributes."""
    found = flat(**more)
    found.pop("id")
    return {"data": {"type": type, "id": id, "attributes": found}}


def lacking(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name}


# https://github.com/flowroute/flowroute-sdk-v3-python
CAPTURED = {
    "data": {
        "type": "message",
        "id": MDR2,
        "attributes": {
            "to": NUMBER,
            "from": SENDER,
            "body": "Hello are you there? ",
            "direction": "inbound",
            "timestamp": "2017-12-22T01:52:39.39Z",
            "status": "delivered",
            "is_mms": False,
            "message_type": "longcode",
            "message_encoding": 0,
            "amount_nanodollars": 4000000,
            "amount_display": "$0.0040",
            "delivery_receipts": [],
            "message_callback_url": "https://sms.example.com/inbound/flowroute/",
        },
    }
}
PICTURE: dict[str, Any] = {
    "data": {
        "type": "message",
        "id": MDR2,
        "attributes": {
            "to": NUMBER,
            "from": SENDER,
            "body": None,
            "direction": "inbound",
            "is_mms": True,
            "status": "",
        },
        "relationships": {"media": {"data": [{"type": "media", "id": "m-1"}]}},
    },
    "included": [{"type": "media", "id": "m-1", "attributes": {"mime_type": "image/png"}}],
}
ADDRESS = "https://media.example.com/m-1/a.png"
PICTURES: dict[str, Any] = PICTURE | {
    "included": [
        {
            "type": "media",
            "id": f"m-{n}",
            "links": {"self": f"https://api.example.com/m-{n}"},
            "attributes": {"url": address, "mime_type": "image/png", "file_size": 17},
        }
        for n, address in enumerate((ADDRESS, f"{ADDRESS}?2"))
    ]
}
FLAT = [
    Hook("documented", flat(), inbound(id=MDR1)),
    Hook("body null", flat(body=None), inbound("", MDR1)),
    Hook("no body", lacking("body", flat()), None),
    Hook(
        "picture of the old shape",
        lacking("body", flat(is_mms=True, media_urls=[ADDRESS])),
        inbound("", MDR1, media=(ADDRESS,)),
    ),
    Hook("other fields", flat(extra={"a": 1}, status="received"), inbound(id=MDR1)),
    Hook("data is no object", flat(data="x"), inbound(id=MDR1)),
    Hook("attributes are no object", flat(attributes=[]), inbound(id=MDR1)),
]
NEW = [
    Hook("captured", CAPTURED, inbound("Hello are you there? ", sent="2017-12-22T01:52:39.39Z")),
    Hook("picture without an address", PICTURE, inbound("", media=(f"mms:{MDR2}",))),
    Hook(
        "picture with the address of its record alone",
        {"data": PICTURE["data"] | {"links": {"self": ADDRESS}}},
        inbound("", media=(ADDRESS,)),
    ),
    Hook(
        "pictures with a line end",
        document(is_mms=True, body=" \n") | {"included": PICTURES["included"]},
        inbound("", media=(ADDRESS, f"{ADDRESS}?2")),
    ),
    Hook("pictures", PICTURES, inbound("", media=(ADDRESS, f"{ADDRESS}?2"))),
    Hook(
        "pictures with a word",
        document(is_mms="true") | {"included": PICTURES["included"]},
        inbound(media=(ADDRESS, f"{ADDRESS}?2")),
    ),
    Hook("a text that is no MMS", document(is_mms=False), inbound()),
    Hook("shortest", document(), inbound()),
    Hook("not wrapped", document()["data"], inbound()),
    Hook("no type", {"data": lacking("type", document()["data"])}, inbound()),
    Hook("direction empty", document(direction=""), inbound()),
    Hook("direction null", document(direction=None), inbound()),
    Hook("attributes side by side with the id", {"data": flat(id=MDR2)}, inbound()),
    Hook("our own text", document(direction="outbound"), None),
    Hook("direction in doubt", document(direction="sideways"), None),
    Hook("receipt", document(type="delivery_receipt"), None),
    Hook("another type", document(type="number"), None),
    Hook("data a list", {"data": [document()["data"]]}, None),
    Hook("attributes null", {"data": {"type": "message", "id": MDR2, "attributes": None}}, None),
]


def odd_fields(id: str) -> list[tuple[str, dict[str, Any], Inbound | None]]:
    """Return what may be odd in both shapes, and the MO that is read from it."""
    return [
        ("numbers are numbers", {"to": int(NUMBER), "sender": int(SENDER)}, inbound(id=id)),
        (
            "numbers with plus",
            {"to": f"+{NUMBER}", "sender": f"+{SENDER}"},
            inbound(id=id, to=f"+{NUMBER}", sender=f"+{SENDER}"),
        ),
        ("short code", {"sender": "12345"}, inbound(id=id, sender="12345")),
        ("name for a sender", {"sender": "Acme"}, inbound(id=id, sender="Acme")),
        (
            "longest numbers",
            {"to": "1" * 64, "sender": "2" * 64},
            inbound(id=id, to="1" * 64, sender="2" * 64),
        ),
        ("blanks around", {"body": "  one \n"}, inbound("  one \n", id)),
        ("emoji", {"body": "\U0001f600 ç"}, inbound("\U0001f600 ç", id)),
        ("half a character", {"body": "a\udc00b"}, inbound("a\ufffdb", id)),
        ("empty body", {"body": ""}, inbound("", id)),
        ("body is a number", {"body": 17}, inbound("17", id)),
        ("longest body", {"body": "é" * 10_000}, inbound("é" * 10_000, id)),
        (
            "time",
            {"timestamp": "2023-11-21T08:00:05Z"},
            inbound(id=id, sent="2023-11-21T08:00:05Z"),
        ),
        ("endless time", {"timestamp": "2" * 9000}, inbound(id=id, sent="2" * 100)),
        ("time is a list", {"timestamp": [2]}, inbound(id=id)),
        ("no sender", {"sender": None}, None),
        ("empty sender", {"sender": ""}, None),
        ("sender is a list", {"sender": [SENDER]}, None),
        ("sender is true", {"sender": True}, None),
        ("sender too long", {"sender": "1" * 65}, None),
        ("no number", {"to": None}, None),
        ("empty number", {"to": ""}, None),
        ("number is an object", {"to": {"value": NUMBER}}, None),
        ("number is not finite", {"to": float("inf")}, None),
        ("number is no number", {"to": float("nan")}, None),
        ("number too long", {"to": "1" * 65}, None),
        ("body too long", {"body": "x" * 10_001}, None),
        ("body is a list", {"body": ["Hello"]}, None),
        ("body is true", {"body": True}, None),
        ("body is endless digits", {"body": 10**5000}, None),
        ("sent by us", {"direction": "outbound"}, None),
    ]


SHAPES: list[tuple[str, Callable[..., dict[str, Any]], str]] = [
    ("flat", flat, MDR1),
    ("document", document, MDR2),
]
ODD = [
    Hook(f"{shape}: {name}", make(**more), expected)
    for shape, make, id in SHAPES
    for name, more, expected in odd_fields(id)
]
NOTHING = [
    Hook("nothing", {}, None),
    Hook("a number alone", {"to": NUMBER}, None),
    Hook("an id alone", {"id": MDR1}, None),
    Hook("data null", {"data": None}, None),
    Hook("data empty", {"data": {}}, None),
    Hook("Vonage's", {"msisdn": SENDER, "to": NUMBER, "messageId": "a", "text": "Hi"}, None),
]


@pytest.mark.parametrize("case", [*FLAT, *NEW, *ODD, *NOTHING], ids=lambda case: case.id)
def test_an_mo_is_read(case: Hook) -> None:
    assert case.expected == flowroute.parse_inbound(case.given)


WITHOUT_ID = {
    "absent": lacking("id", flat()),
    "null": flat(id=None),
    "empty": flat(id=""),
    "a list": flat(id=[MDR1]),
    "true": flat(id=True),
    "too long": flat(id="x" * 65),
    "in a document": document(id=None),
}


@pytest.mark.parametrize("given", WITHOUT_ID.values(), ids=WITHOUT_ID.keys())
def test_an_mo_without_an_id_gets_one_from_what_it_says(given: dict[str, Any]) -> None:
    """A repeat has the same, and whoever compares ids can tell that it was made."""
    found = flowroute.parse_inbound(given)
    assert found is not None
    assert found == flowroute.parse_inbound(dict(reversed(given.items())))
    assert found.id == made()
    assert found.id.startswith("hash:")
    assert len(found.id) <= 64


def made(**more: Any) -> str:
    found = flowroute.parse_inbound(flat(id=None, **more))
    assert found is not None
    return found.id


def test_an_id_that_was_made_differs_with_everything_the_mo_says() -> None:
    """The border between two fields counts as well."""
    variants = [{}, {"body": "Hello "}, {"body": ""}, {"to": SENDER}, {"sender": NUMBER}]
    variants += [{"sender": "1", "to": "23"}, {"sender": "12", "to": "3"}]
    assert len(variants) == len({made(**each) for each in variants})


# -- receipts

STATES = {
    "smsc submit": DeliveryState.ACCEPTED,
    "sent": DeliveryState.ACCEPTED,
    "accepted": DeliveryState.ACCEPTED,
    "queued": DeliveryState.ACCEPTED,
    "message buffered": DeliveryState.BUFFERED,
    "buffered": DeliveryState.BUFFERED,
    "delivered": DeliveryState.DELIVERED,
    "delivery success": DeliveryState.DELIVERED,
    "expired": DeliveryState.EXPIRED,
    "failed": DeliveryState.FAILED,
    "delivery failure": DeliveryState.FAILED,
    "undelivered": DeliveryState.FAILED,
    "undeliverable": DeliveryState.FAILED,
    "rejected": DeliveryState.REJECTED,
    "smsc reject": DeliveryState.REJECTED,
    "unknown": DeliveryState.UNKNOWN,
}
# https://developer.flowroute.com/docs/delivery-receipts
BUFFERED = {
    "level": 2,
    "status": "message buffered",
    "status_code": 1003,
    "status_code_description": "Message accepted by Carrier",
    "body": "What was said",
    "timestamp": "2017-12-21T16:44:35+00:00",
}
SUBMITTED = BUFFERED | {
    "level": 1,
    "status": "smsc submit",
    "status_code": None,
    "status_code_description": "Message has been sent",
}
TIME = "2017-12-21T16:44:35+00:00"


def dlr(id: Any = MDR2, type: Any = "delivery_receipt", **attributes: Any) -> dict[str, Any]:
    link = {"related": "https://api.flowroute.com/v2.1/messages/a"}
    return {"data": {"type": type, "id": id, "links": link, "attributes": attributes}}


def receipt(state: DeliveryState, id: str = MDR2, **more: Any) -> Receipt:
    fields = {
        name: more.pop(name) for name in list(more) if name not in {"error_code", "carrier_time"}
    }
    return Receipt("flowroute", id, state, fields=fields, **more)


DELIVERED = receipt(DeliveryState.DELIVERED, status="delivered")
RECEIPTS = [
    Hook(
        "from the carrier",
        dlr(**BUFFERED),
        receipt(
            DeliveryState.BUFFERED,
            level="2",
            status="message buffered",
            status_code="1003",
            status_code_description="Message accepted by Carrier",
            timestamp=TIME,
            carrier_time=TIME,
        ),
    ),
    Hook(
        "on its way to the carrier",
        dlr(**SUBMITTED),
        receipt(
            DeliveryState.ACCEPTED,
            level="1",
            status="smsc submit",
            status_code_description="Message has been sent",
            timestamp=TIME,
            carrier_time=TIME,
        ),
    ),
    *(
        Hook(f"status {word!r}", dlr(status=word), receipt(state, status=word))
        for word, state in STATES.items()
    ),
    *(
        Hook(
            f"level {level!r} of {word}",
            dlr(status=word, level=level),
            receipt(state, status=word, level=str(level)),
        )
        for level, word, state in [
            (2, "delivered", DeliveryState.DELIVERED),
            ("2", "delivered", DeliveryState.DELIVERED),
            (3, "delivered", DeliveryState.DELIVERED),
            (1, "delivered", DeliveryState.ACCEPTED),
            ("1", "delivered", DeliveryState.ACCEPTED),
            (1, "delivery success", DeliveryState.ACCEPTED),
            (1, "failed", DeliveryState.FAILED),
            (1, "smsc reject", DeliveryState.REJECTED),
            (1, "message buffered", DeliveryState.BUFFERED),
        ]
    ),
    Hook("level null", dlr(status="delivered", level=None), DELIVERED),
    Hook("level a list", dlr(status="delivered", level=[1]), DELIVERED),
    Hook(
        "status in capitals",
        dlr(status="Delivered"),
        receipt(DeliveryState.DELIVERED, status="Delivered"),
    ),
    Hook(
        "code as text",
        dlr(status="delivered", status_code="1003"),
        receipt(DeliveryState.DELIVERED, status="delivered", status_code="1003"),
    ),
    Hook(
        "code of a failure",
        dlr(status="failed", status_code=4400),
        receipt(DeliveryState.FAILED, status="failed", status_code="4400", error_code="4400"),
    ),
    Hook(
        "code of a rejection",
        dlr(status="smsc reject", status_code="9"),
        receipt(DeliveryState.REJECTED, status="smsc reject", status_code="9", error_code="9"),
    ),
    Hook(
        "new word, known code",
        dlr(status="on the air", status_code=1003),
        receipt(DeliveryState.BUFFERED, status="on the air", status_code="1003"),
    ),
    Hook(
        "no word, known code",
        dlr(status_code="1003"),
        receipt(DeliveryState.BUFFERED, status_code="1003"),
    ),
    Hook("not wrapped", dlr(status="delivered")["data"], DELIVERED),
    Hook(
        "nothing but what is needed",
        {"data": {"type": "delivery_receipt", "id": "a", "attributes": {"status": "failed"}}},
        receipt(DeliveryState.FAILED, "a", status="failed"),
    ),
    Hook(
        "longest id",
        dlr("x" * 64, status="delivered"),
        receipt(DeliveryState.DELIVERED, "x" * 64, status="delivered"),
    ),
    Hook(
        "endless fields",
        dlr(status="delivered", timestamp="2" * 999, status_code="3" * 999),
        receipt(
            DeliveryState.DELIVERED,
            status="delivered",
            timestamp="2" * 100,
            status_code="3" * 100,
            carrier_time="2" * 100,
        ),
    ),
    Hook(
        "half a character",
        dlr(status="delivered", status_code_description="\ud800"),
        receipt(DeliveryState.DELIVERED, status="delivered", status_code_description="\ufffd"),
    ),
    Hook("fields of other types", dlr(status="delivered", status_code={}, timestamp=[]), DELIVERED),
    Hook("new word", dlr(status="teleported"), None),
    Hook("new word, new code", dlr(status="teleported", status_code=7), None),
    Hook("status null", dlr(status=None), None),
    Hook("status a list", dlr(status=["delivered"]), None),
    Hook("no status", dlr(), None),
    Hook(
        "attributes null",
        {"data": {"type": "delivery_receipt", "id": "a", "attributes": None}},
        None,
    ),
    Hook("id null", dlr(None, status="delivered"), None),
    Hook("empty id", dlr("", status="delivered"), None),
    Hook("id too long", dlr("x" * 65, status="delivered"), None),
    Hook("id a list", dlr(["a"], status="delivered"), None),
    Hook("an MO", CAPTURED, None),
    Hook("an MO of the old shape", flat(), None),
    Hook("another type", dlr(type="message", status="delivered"), None),
    Hook("type a list", dlr(type=["delivery_receipt"], status="delivered"), None),
    Hook("data a list", {"data": [dlr(status="delivered")["data"]]}, None),
    Hook("nothing", {}, None),
]


@pytest.mark.parametrize("case", RECEIPTS, ids=lambda case: case.id)
def test_a_receipt_is_read(case: Hook) -> None:
    assert case.expected == flowroute.parse_receipt(case.given)


def test_every_word_is_in_the_table() -> None:
    assert STATES == flowroute.STATES
    assert {"1003": DeliveryState.BUFFERED} == flowroute.CODE_STATES


def test_no_text_is_kept_from_a_receipt() -> None:
    """It carries what was said, which is kept nowhere else than in the log of the session."""
    assert "What was said" not in repr(flowroute.parse_receipt(dlr(**BUFFERED)))


@pytest.mark.parametrize("case", RECEIPTS, ids=lambda case: case.id)
def test_what_is_a_receipt_is_no_mo(case: Hook) -> None:
    """Both may share one address."""
    found = flowroute.parse_inbound(case.given)
    assert found is None or flowroute.parse_receipt(case.given) is None


@pytest.mark.parametrize("to", ["12065550161", "2065550161"])
def test_an_own_number_has_its_country_code_with_or_without_it(to: str) -> None:
    """Senders may be anybody: they are completed where it is known whom they may be."""
    mo = flowroute.parse_inbound({"from": "2065550121", "to": to, "body": "hi", "id": "mdr2-1"})
    assert mo is not None
    assert ("2065550121", "12065550161") == (mo.sender, mo.to)
