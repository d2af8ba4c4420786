"""MOs of Vonage as tables: the SMS API in all its forms, and Messages v1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gateway.providers.base import Inbound, LongText
from gateway.providers.http.answers import content_id
from gateway.providers.vonage import webhooks
from gateway.providers.vonage.webhooks import (
    parse_inbound,
    parse_messages_v1_inbound,
    parse_messages_v1_status,
)

SENDER, NUMBER = "12065550123", "12065550100"
ID = "02000000DA7C52E7"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def inbound(text: str = "Hi", id: str = ID, sender: str = SENDER, **more: Any) -> Inbound:
    return Inbound("nexmo", id, sender, more.pop("to", NUMBER), text, **more)


@dataclass(frozen=True)
class Hook:
    """A webhook, and the MO in it."""

    id: str
    given: dict[str, Any]
    expected: Inbound | None


# -- SMS API

# https://developer.vonage.com/en/messaging/sms/guides/inbound-sms
CAPTURED = {
    "msisdn": SENDER,
    "to": NUMBER,
    "messageId": ID,
    "text": "Test this.",
    "type": "text",
    "keyword": "TEST",
    "message-timestamp": "2016-05-24 11:12:01",
    "timestamp": "1464088321",
    "nonce": "51a87f47-476f-447c-bffe-c18600fd12ad",
    "sig": "8cfbb03967d8d6339c82736d7781a7fd",
    "api-key": "abcd1234",
}
RECEIPT = {
    "msisdn": SENDER,
    "to": NUMBER,
    "messageId": ID,
    "status": "delivered",
    "scts": "2007170234",
    "err-code": "0",
    "network-code": "310260",
    "price": "0.00845000",
}


def mo(**more: str) -> dict[str, str]:
    """Return the shortest MO with these fields, in which ``_`` stands for ``-``."""
    fields = {"msisdn": SENDER, "to": NUMBER, "messageId": ID, "text": "Hi", "type": "text"}
    return fields | {name.replace("_", "-"): value for name, value in more.items()}


def without(*names: str, **more: str) -> dict[str, str]:
    return {name: value for name, value in mo(**more).items() if name not in names}


PLAIN = [
    Hook("captured", CAPTURED, inbound("Test this.", sent="2016-05-24 11:12:01")),
    Hook("shortest", mo(), inbound()),
    Hook("no type", without("type"), inbound()),
    Hook("type in capitals", mo(type="TEXT"), inbound()),
    Hook("unknown type", mo(type="wappush"), inbound()),
    Hook("empty text", mo(text=""), inbound("")),
    Hook(
        "time with an offset",
        mo(message_timestamp="2020-01-01T12:00:00.000+00:00"),
        inbound(sent="2020-01-01T12:00:00.000+00:00"),
    ),
    Hook("endless time", mo(message_timestamp="2" * 9000), inbound(sent="2" * 40)),
    Hook("a status and a text", mo(status="delivered"), inbound()),
]
TEXTS = {
    "blanks around": "  one  ",
    "only a blank": " ",
    "line ends": "\r\none\n\ntwo\r\n",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600",
    "Cyrillic": "Привет",
    "form characters": "a+b&c=d%20#é",
    "euro and brackets": "[5 €] {x}",
    "replaced character": "\ufffd",
    "null character": "a\x00b",
    "the word of a receipt": "status=delivered",
    "longest": "é" * 10_000,
}
SENDERS = {
    "number": SENDER,
    "with plus": f"+{SENDER}",
    "short code": "12345",
    "name": "Acme Ltd",
    "name in umlauts": "Bücher",
    "empty": "",
    "longest": "x" * 64,
}
IDS = {"old": ID, "uuid": UUID, "one character": "a", "longest": "x" * 64}
USELESS = [
    Hook("nothing", {}, None),
    Hook("no id and no sender", mo(messageId="", msisdn=""), None),
    Hook("no id and no text", mo(messageId="", text=""), None),
    Hook("type without a text", without("text"), None),
    Hook("neither text nor type", without("text", "type"), None),
    Hook("no number", without("to"), None),
    Hook("empty number", mo(to=""), None),
    Hook("number too long", mo(to="1" * 65), None),
    Hook("sender too long", mo(msisdn="1" * 65), None),
    Hook("receipt", RECEIPT, None),
    Hook("receipt with a status only", {"messageId": ID, "to": NUMBER, "status": "failed"}, None),
    Hook("receipt without a status", {"messageId": ID, "to": NUMBER, "err-code": "0"}, None),
    Hook("receipt with a carrier's time only", {"messageId": ID, "to": "Acme", "scts": "1"}, None),
]


@pytest.mark.parametrize("case", [*PLAIN, *USELESS], ids=lambda case: case.id)
def test_an_mo_of_the_sms_api_is_read(case: Hook) -> None:
    assert case.expected == parse_inbound(case.given)


@pytest.mark.parametrize(
    "given",
    [without("messageId"), mo(messageId=""), mo(messageId="x" * 65), without("messageId", id=ID)],
    ids=["none", "empty", "too long", "by another name"],
)
def test_an_mo_without_a_usable_id_gets_one_of_its_content(given: dict[str, str]) -> None:
    """Old accounts and old programs knew sender, number and text alone."""
    found = parse_inbound(given)
    assert found is not None
    assert content_id(found.sender, found.to, found.text) == found.id


def test_an_endless_text_is_cut() -> None:
    found = parse_inbound(mo(text="x" * 10_001))
    assert found is not None
    assert "x" * 10_000 == found.text


@pytest.mark.parametrize("kind", ["text", "unicode"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_is_kept_to_the_letter(text: str, kind: str) -> None:
    assert inbound(text) == parse_inbound(mo(text=text, type=kind))


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS.keys())
def test_the_sender_is_kept_as_it_is_written(sender: str) -> None:
    assert inbound(sender=sender) == parse_inbound(mo(msisdn=sender))


def test_an_mo_may_have_no_sender() -> None:
    assert inbound(sender="") == parse_inbound(without("msisdn"))


@pytest.mark.parametrize("id", IDS.values(), ids=IDS.keys())
def test_the_provider_s_id_is_kept(id: str) -> None:
    assert inbound(id=id) == parse_inbound(mo(messageId=id))


def test_what_is_a_receipt_is_no_mo_and_the_other_way_round() -> None:
    """Both may share one address."""
    assert webhooks.parse_receipt(RECEIPT) is not None
    assert webhooks.parse_receipt(CAPTURED) is None


def test_a_text_with_a_status_is_somebodys_text() -> None:
    for given in (mo(status="delivered"), mo(status="delivered", scts="1", err_code="0")):
        assert inbound() == webhooks.parse(given, {})
        assert v1() == webhooks.parse({}, message(status="delivered"))
    found = webhooks.parse(RECEIPT, {})
    assert found == webhooks.parse_receipt(RECEIPT)


# -- parts of long texts


def part(number: str = "3", total: str = "4", ref: str = "7", **more: str) -> dict[str, str]:
    fields = {"concat": "true", "concat_ref": ref, "concat_total": total, "concat_part": number}
    return mo(**fields | more)


def lacking(name: str) -> dict[str, str]:
    return {key: value for key, value in part().items() if key != name}


PARTS = {
    "captured": (part("3", "4", "4"), LongText("4", 4, 3)),
    "first": (part("1"), LongText("7", 4, 1)),
    "last": (part("4"), LongText("7", 4, 4)),
    "shortest": (part("1", "2"), LongText("7", 2, 1)),
    "longest": (part("255", "255"), LongText("7", 255, 255)),
    "leading zeros": (part("03", "004"), LongText("7", 4, 3)),
    "reference of 16 bits": (part(ref="65535"), LongText("65535", 4, 3)),
    "reference 0": (part(ref="0"), LongText("0", 4, 3)),
    "reference is a word": (part(ref="0x1F"), LongText("0x1F", 4, 3)),
    "longest reference": (part(ref="r" * 64), LongText("r" * 64, 4, 3)),
    "flag in capitals": (part(concat="True"), LongText("7", 4, 3)),
    "flag is 1": (part(concat="1"), LongText("7", 4, 3)),
    "no flag": (lacking("concat"), LongText("7", 4, 3)),
    "unicode": (part(type="unicode"), LongText("7", 4, 3)),
}
NO_PARTS = {
    "flag false": part(concat="false"),
    "flag empty": part(concat=""),
    "flag alone": mo(concat="true"),
    "no reference": lacking("concat-ref"),
    "no total": lacking("concat-total"),
    "no part": lacking("concat-part"),
    "empty reference": part(ref=""),
    "reference too long": part(ref="r" * 65),
    "total 0": part("0", "0"),
    "total 1": part("1", "1"),
    "total 256": part("1", "256"),
    "total of 5,000 digits": part("1", "1" * 5000),
    "total negative": part("1", "-4"),
    "total a fraction": part("1", "4.0"),
    "total in words": part("1", "four"),
    "total with a sign": part("1", "+4"),
    "total with a blank": part("1", " 4"),
    "total full-width": part("1", "４"),
    "total empty": part("1", ""),
    "part 0": part("0"),
    "part beyond the total": part("5"),
    "part negative": part("-1"),
    "part empty": part(""),
    "part of 5,000 digits": part("1" * 5000),
    "part Arabic": part("٣"),
}


def test_half_a_character_stays_in_a_part_and_in_nothing_else() -> None:
    """Its other half comes with the next part."""
    assert inbound("a\ud83d", long=LongText("7", 4, 3)) == parse_inbound(part(text="a\ud83d"))
    assert inbound("a\ufffd", "x\ufffd") == parse_inbound(mo(text="a\ud83d", messageId="x\ud83d"))


@pytest.mark.parametrize(("params", "expected"), PARTS.values(), ids=PARTS.keys())
def test_a_part_of_a_long_text_says_which_it_is(params: dict[str, str], expected: LongText) -> None:
    assert inbound(long=expected) == parse_inbound(params)


@pytest.mark.parametrize("params", NO_PARTS.values(), ids=NO_PARTS.keys())
def test_odd_counts_make_it_a_text_of_its_own(params: dict[str, str]) -> None:
    assert inbound() == parse_inbound(params)


# -- binary


def binary(data: str, udh: str | None = None, **more: str) -> dict[str, str]:
    header = {} if udh is None else {"udh": udh}
    return mo(text="Binary message", type="binary", keyword="BINARY", data=data, **header, **more)


BINARY = [
    Hook(
        "captured", binary("EA0601AE", "0605040B8423F0"), inbound("", data="0605040B8423F0EA0601AE")
    ),
    Hook("no header", binary("EA0601AE"), inbound("", data="EA0601AE")),
    Hook("empty header", binary("EA0601AE", ""), inbound("", data="EA0601AE")),
    Hook("header only", binary("", "0605040B8423F0"), inbound("", data="0605040B8423F0")),
    Hook("small letters", binary("ea0601ae"), inbound("", data="ea0601ae")),
    Hook("type in capitals", binary("EA") | {"type": "BINARY"}, inbound("", data="EA")),
    Hook(
        "part of several",
        binary("EA", concat="true", concat_ref="1", concat_total="2", concat_part="1"),
        inbound("", data="EA"),
    ),
    Hook("longest", binary("EA" * 5000), inbound("", data="EA" * 5000)),
    Hook("too long", binary("EA" * 5001), None),
    Hook("nothing in it", binary(""), None),
    Hook("odd number of digits", binary("EA0"), None),
    Hook("no hexadecimal digits", binary("Hello!"), None),
    Hook("full-width digits", binary("１１"), None),
    Hook("line end behind it", binary("EA\n"), None),
    Hook("no data at all", mo(type="binary"), None),
    Hook("data of a text is not looked at", mo(data="EA"), inbound()),
]


@pytest.mark.parametrize("case", BINARY, ids=lambda case: case.id)
def test_a_binary_mo_has_data_and_no_text(case: Hook) -> None:
    assert case.expected == parse_inbound(case.given)


# -- Messages v1

# https://developer.vonage.com/en/api/messages
MESSAGE = {
    "to": NUMBER,
    "from": SENDER,
    "channel": "sms",
    "message_uuid": UUID,
    "timestamp": "2023-11-21T08:00:05Z",
    "usage": {"price": "0.0057", "currency": "EUR"},
    "message_type": "text",
    "text": "Test this.",
    "context_status": "none",
    "sms": {"num_messages": "1", "count_total": "1", "keyword": "TEST"},
    "origin": {"network_code": "310260"},
}


def message(**more: Any) -> dict[str, Any]:
    """Return the shortest MO with these fields; ``sender`` is ``from``."""
    fields = {"channel": "sms", "message_type": "text", "message_uuid": UUID}
    given = {"to": NUMBER, "from": SENDER, "text": "Hi"} | more
    if "sender" in given:
        given["from"] = given.pop("sender")
    return fields | given


def message_without(name: str) -> dict[str, Any]:
    return {key: value for key, value in message().items() if key != name}


def v1(text: str = "Hi", **more: Any) -> Inbound:
    return inbound(text, more.pop("id", UUID), **more)


MESSAGES = [
    Hook("captured", MESSAGE, v1("Test this.", sent="2023-11-21T08:00:05Z")),
    Hook("shortest", message(), v1()),
    Hook("ten parts in one", message(text="é" * 670, sms={"num_messages": "10"}), v1("é" * 670)),
    Hook("counts of no sense", message(sms=[None]), v1()),
    Hook("longest id", message(message_uuid="x" * 64), v1(id="x" * 64)),
    Hook("blanks around", message(text="  one  \n"), v1("  one  \n")),
    Hook("emoji", message(text="\U0001f600"), v1("\U0001f600")),
    Hook("half a character", message(text="a\ud83db"), v1("a\ufffdb")),
    Hook("empty text", message(text=""), v1("")),
    Hook("text null", message(text=None), v1("")),
    Hook("text is a number", message(text=17), v1("17")),
    Hook("numbers are numbers", message(to=int(NUMBER), sender=int(SENDER)), v1()),
    Hook("name for a sender", message(sender="Acme"), v1(sender="Acme")),
    Hook("no sender", message_without("from"), v1(sender="")),
    Hook("sender null", message(sender=None), v1(sender="")),
    Hook("sender is an object", message(sender={"number": SENDER}), v1(sender="")),
    Hook("endless time", message(timestamp="2" * 9000), v1(sent="2" * 40)),
    Hook("time is a list", message(timestamp=[]), v1()),
    Hook("no text", message_without("text"), None),
    Hook("text too long", message(text="x" * 10_001), None),
    Hook("text is a list", message(text=["Hi"]), None),
    Hook("text is true", message(text=True), None),
    Hook("text is endless digits", message(text=10**5000), None),
    Hook("no id", message_without("message_uuid"), None),
    Hook("empty id", message(message_uuid=""), None),
    Hook("id null", message(message_uuid=None), None),
    Hook("id is an object", message(message_uuid={}), None),
    Hook("id too long", message(message_uuid="x" * 65), None),
    Hook("no number", message_without("to"), None),
    Hook("number null", message(to=None), None),
    Hook("number is an object", message(to={"type": "sms", "number": NUMBER}), None),
    Hook("number too long", message(to="1" * 65), None),
    Hook("sender too long", message(sender="1" * 65), None),
    Hook("another channel", message(channel="whatsapp"), None),
    Hook("no channel", message_without("channel"), None),
    Hook("channel is a list", message(channel=["sms"]), None),
    Hook("unsupported", message(message_type="unsupported"), None),
    Hook("no type", message_without("message_type"), None),
    Hook(
        "a status",
        {
            "message_uuid": UUID,
            "to": NUMBER,
            "from": SENDER,
            "status": "delivered",
            "channel": "sms",
            "timestamp": "2023-11-21T08:00:05Z",
        },
        None,
    ),
    Hook("id alone", {"message_uuid": UUID}, None),
    Hook("nothing", {}, None),
]


PICTURE = "https://example.com/a/picture.jpg?x=1&y=2"
CARD = "https://example.com/anna.vcf"


def media(kind: str, **more: Any) -> dict[str, Any]:
    """Return an MMS of one kind, whose content stands under the name of the kind."""
    return message_without("text") | {"channel": "mms", "message_type": kind, **more}


# https://developer.vonage.com/en/api/messages#inbound-message
MEDIA = [
    Hook("image", media("image", image={"url": PICTURE, "name": "a"}), v1("", media=(PICTURE,))),
    Hook(
        "image with a blank",
        media("image", text=" \n", image={"url": PICTURE}),
        v1("", media=(PICTURE,)),
    ),
    Hook(
        "image with a caption",
        media("image", image={"url": PICTURE, "caption": "Us"}),
        v1("Us", media=(PICTURE,)),
    ),
    Hook(
        "image with a text",
        media("image", text="Us", image={"url": PICTURE}),
        v1("Us", media=(PICTURE,)),
    ),
    *(
        Hook(kind, media(kind) | {kind: {"url": PICTURE}}, v1("", media=(PICTURE,)))
        for kind in ("audio", "video", "file", "vcard", "sticker")
    ),
    Hook("by the channel sms", media("image", channel="sms", image={"url": PICTURE}),
         v1("", media=(PICTURE,))),
    Hook(
        "a place",
        media("location", location={"lat": "52.5", "long": -13.25, "name": "Here"}),
        v1("", media=("geo:52.5,-13.25",)),
    ),
    Hook(
        "several in one",
        media(
            "content",
            content=[
                {"type": "image", "url": PICTURE},
                {"type": "text", "text": "Us"},
                {"type": "vcard", "url": CARD},
                {"type": "image", "url": PICTURE},
            ],
        ),
        v1("Us", media=(PICTURE, CARD)),
    ),
    Hook("a text by mms", message(channel="mms"), v1()),
    Hook("a text with an address", message(text=PICTURE), v1(PICTURE)),
    Hook("no address", media("image", image={"name": "a.jpg"}), None),
    Hook("address of another kind", media("image", image={"url": "file:///etc/passwd"}), None),
    Hook("endless address", media("image", image={"url": PICTURE + "x" * 2_000}), None),
    Hook("a place without a longitude", media("location", location={"lat": 52.5}), None),
    Hook("unsupported", media("unsupported"), None),
    Hook("of another channel", media("image", channel="whatsapp", image={"url": PICTURE}), None),
    Hook("a kind that is none", media("image", message_type=[], image={"url": PICTURE}), None),
    Hook("a status with an address", media("", error={"type": PICTURE}, status="clicked"), None),
    Hook(
        "of v0.1",
        {
            "message_uuid": UUID,
            "to": {"type": "mms", "number": NUMBER},
            "from": {"type": "mms", "number": SENDER},
            "message": {
                "content": {"type": "image", "image": {"url": PICTURE, "caption": "Us"}}
            },
        },
        v1("Us", media=(PICTURE,)),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", [*MESSAGES, *MEDIA], ids=lambda case: case.id)
def test_an_mo_of_messages_v1_is_read(case: Hook) -> None:
    assert case.expected == parse_messages_v1_inbound(case.given)


# As an application made before 2021 gets it.
V0_1 = {
    "message_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "to": {"type": "sms", "number": "12065550150"},
    "from": {"type": "sms", "number": "12065550121"},
    "timestamp": "2026-01-01T14:00:00.000Z",
    "direction": "inbound",
    "message": {"content": {"type": "text", "text": "hi"}},
}


def test_an_mo_of_messages_v0_1_is_read() -> None:
    expected = Inbound(
        "nexmo",
        "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "12065550121",
        "12065550150",
        "hi",
        sent="2026-01-01T14:00:00.000Z",
    )
    assert expected == parse_messages_v1_inbound(V0_1)


@pytest.mark.parametrize(
    "change",
    [
        {"to": {"type": "whatsapp", "number": "12065550150"}},
        {"to": {"type": "sms"}},
        {"message": {"content": {"type": "image"}}},
        {"message": {"content": "hi"}},
        {"message": None},
        {"from": "12065550121"},
    ],
    ids=str,
)
def test_what_is_no_text_in_messages_v0_1_is_none(change: dict[str, object]) -> None:
    assert parse_messages_v1_inbound(V0_1 | change) is None


@pytest.mark.parametrize(
    ("status", "state"),
    [("submitted", "accepted"), ("delivered", "delivered"), ("rejected", "rejected"),
     ("undeliverable", "failed"), ("read", "delivered")],
)  # fmt: skip
def test_a_status_of_messages_v0_1_is_read_with_its_error_code(status: str, state: str) -> None:
    error = {"code": 1300, "reason": "Not part of the provider's network"}
    ends = {name: V0_1[name] for name in ("message_uuid", "to", "from", "timestamp")}
    receipt = parse_messages_v1_status(ends | {"status": status, "error": error})
    assert receipt is not None
    assert (state, "1300") == (receipt.state, receipt.error_code)


TYPE = "https://developer.vonage.com/api-errors/messages"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 1300, "reason": "Not part of the provider's network"}, "1300"),
        ({"code": "1300"}, "1300"),
        ({"type": f"{TYPE}#1340", "title": "1340", "detail": "x", "instance": "y"}, "1340"),
        ({"type": f"{TYPE}#1340", "title": "Outside of the allowed window"}, "1340"),
        ({"type": TYPE, "title": "Outside of the allowed window"}, "Outside of the allowed window"),
        ({"title": 1000}, "1000"),
        ({"title": None, "code": 0}, "0"),
        ({}, ""),
        (None, ""),
        ("1300", ""),
        ([{"code": 1300}], ""),
        ({"code": [1300]}, ""),
        ({"title": "x" * 500}, "x" * 40),
    ],
    ids=str,
)
def test_the_code_of_an_error_is_found_in_every_shape(error: object, code: str) -> None:
    ends = {name: V0_1[name] for name in ("message_uuid", "to", "from")}
    receipt = parse_messages_v1_status(ends | {"status": "rejected", "error": error})
    assert receipt is not None
    assert code == receipt.error_code
