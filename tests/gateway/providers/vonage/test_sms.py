"""The SMS API of Vonage as tables: requests, answers, receipts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
import yaml

from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms
from gateway.providers.vonage import codes, sms, webhooks
from gateway.providers.vonage.sms import Account
from tests.support import DATA

MESSAGE_ID = "0123456789abcdef0123456789abcdef"
BERLIN, SEATTLE = "+4917612345678", "+12065550123"
SECRET = "a-very-secret-secret"
RENTED = "12065550100"
DLR_URL = "https://sms.example.com/dlr/"
UUID = "62dfdf68-6c7c-479a-a190-5c52f798a787"


def account(url: str = "http://127.0.0.1/", **more: str) -> Account:
    return Account("abcd1234", SECRET, url, **more)


def an_sms(text: str = "Hello", to: str = BERLIN, sender: str = "Acme") -> Sms:
    return Sms(MESSAGE_ID, to, sender, text)


# -- request


@dataclass(frozen=True)
class Sender:
    """Who sends to whom, with which rented number, and the sender that goes out."""

    id: str
    to: str
    sender: str
    expected: str
    rented: str = ""


SENDERS = [
    Sender("name", BERLIN, "Acme", "Acme"),
    Sender("longest name", BERLIN, "Elevenchars", "Elevenchars"),
    Sender("too long a name is passed on", BERLIN, "TwelveLetter", "TwelveLetter"),
    Sender("name with a blank", BERLIN, "My Shop", "My Shop"),
    Sender("name not in ASCII", BERLIN, "Bücher", "Bücher"),
    Sender("digits", BERLIN, "4917604069001", "4917604069001"),
    Sender("digits with plus", BERLIN, "+4917604069001", "4917604069001"),
    Sender("short code", BERLIN, "12345", "12345"),
    Sender("digits of another script stay", BERLIN, "１２３４５", "１２３４５"),
    Sender("plus before letters stays", BERLIN, "+Acme", "+Acme"),
    Sender("name, number rented", BERLIN, "Acme", "Acme", RENTED),
    Sender("USA", SEATTLE, "Acme", RENTED, RENTED),
    Sender("USA, rented with plus", SEATTLE, "Acme", RENTED, f"+{RENTED}"),
    Sender("USA, digits", SEATTLE, "4917604069001", RENTED, RENTED),
    Sender("USA, nothing rented", SEATTLE, "Acme", "Acme"),
    Sender("Canada", "+14165550123", "Acme", RENTED, RENTED),
    Sender("Jamaica", "+18765550123", "Acme", RENTED, RENTED),
    Sender("Dominican Republic", "+18095550123", "Acme", RENTED, RENTED),
    Sender("Puerto Rico", "+17875550123", "Acme", RENTED, RENTED),
    Sender("Britain", "+447911123456", "Acme", "Acme", RENTED),
    Sender("Australia", "+61491570156", "Acme", "Acme", RENTED),
]


@pytest.mark.parametrize("case", SENDERS, ids=lambda case: case.id)
def test_the_sender_is_one_that_the_destination_takes(case: Sender) -> None:
    fields = sms.request(
        an_sms(to=case.to, sender=case.sender), account(long_virtual_number=case.rented)
    )
    assert case.expected == fields["from"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Hello", "text", id="ascii"),
        pytest.param("grüß Gott, mañana: 5 €", "text", id="gsm-7"),
        pytest.param("[x] ~ {y} | ^ \\", "text", id="gsm-7-extension"),
        pytest.param("", "text", id="empty"),
        pytest.param("garçon", "unicode", id="small-c-cedilla"),
        pytest.param("Привет", "unicode", id="cyrillic"),
        pytest.param("Hi \U0001f600", "unicode", id="emoji"),
        pytest.param("it’s", "unicode", id="typographic-apostrophe"),
        pytest.param("a\tb", "unicode", id="tabulator"),
    ],
)
def test_the_type_follows_from_the_alphabet_of_the_text(text: str, expected: str) -> None:
    """The provider does not detect it: with type=text other characters arrive as "?"."""
    assert expected == sms.request(an_sms(text), account())["type"]


@pytest.mark.parametrize("text", ["  padded ", "\nline\r\n", " ", "a+b&c=d%20", "é" * 3200])
def test_the_text_goes_out_unchanged(text: str) -> None:
    assert text == sms.request(an_sms(text), account())["text"]


def test_a_request_has_these_fields_and_no_others() -> None:
    expected = {
        "api_key": "abcd1234",
        "api_secret": SECRET,
        "from": "Acme",
        "to": "4917612345678",
        "text": "Hello",
        "type": "text",
        "client-ref": MESSAGE_ID,
    }
    assert expected == sms.request(an_sms(), account())


def test_a_receipt_is_asked_for_only_with_an_address_for_it() -> None:
    plain = sms.request(an_sms(), account())
    asking = sms.request(an_sms(), account(dlr_url=DLR_URL))
    assert {"status-report-req": "1", "callback": DLR_URL} == {
        name: asking[name] for name in asking.keys() - plain.keys()
    }


def new_message_schema(document: str) -> dict[str, Any]:
    """Return the schema of a request, with the recipient's pattern anchored as it is meant."""
    described = yaml.safe_load((DATA / document).read_text("utf-8"))
    schema: dict[str, Any] = described["components"]["schemas"]["NewMessage"]
    schema["properties"]["to"]["pattern"] = r"^\d{7,15}$"
    return schema


@pytest.mark.parametrize("document", ["sms.yml", "sms-1.5.1.yml"])
@pytest.mark.parametrize("case", SENDERS, ids=lambda case: case.id)
def test_every_request_is_valid_by_the_provider_s_description(case: Sender, document: str) -> None:
    fields: dict[str, Any] = dict(
        sms.request(
            an_sms("Hi \U0001f600", case.to, case.sender),
            account(long_virtual_number=case.rented, dlr_url=DLR_URL),
        )
    )
    fields["status-report-req"] = fields["status-report-req"] == "1"  # a form knows texts only
    schema = new_message_schema(document)
    jsonschema.validate(fields, schema)
    assert set() == fields.keys() - schema["properties"].keys() - {"api_secret"}


# -- result

# What each code means for a repetition, taken from the provider's documents and client libraries:
# https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
REFUSED_CODES = "2 3 4 6 7 8 9 11 12 13 14 15 16 17 18 19 20 22 23 29 32 33 101".split()
OUTCOMES = {
    "0": Outcome.ACCEPTED,
    "1": Outcome.THROTTLED,
    "5": Outcome.UNKNOWN,
    "10": Outcome.THROTTLED,
    **dict.fromkeys(REFUSED_CODES, Outcome.REFUSED),
}
ALERTING = {"4", "8", "9", "11", "14", "23", "32", "101", "401", "402", "403"}


def taken(id: object = UUID, **more: Any) -> dict[str, Any]:
    return {"status": "0", "message-id": id} | more


def wrong(status: Any, text: Any = "No") -> dict[str, Any]:
    return {"status": status, "error-text": text}


def answer(*messages: Any) -> bytes:
    return json.dumps({"message-count": str(len(messages)), "messages": messages}).encode()


def accepted_part(id: str = UUID) -> Part:
    return Part(id, DeliveryState.ACCEPTED)


def test_every_code_of_the_documents_is_in_the_table() -> None:
    assert OUTCOMES == {code: status.outcome for code, status in codes.STATUSES.items()}


def test_codes_that_an_operator_must_act_on_are_marked() -> None:
    assert ALERTING == codes.ALERTS.keys()


@pytest.mark.parametrize("form", [str, int], ids=["text", "number"])
@pytest.mark.parametrize("code", OUTCOMES)
def test_a_status_code_decides_the_outcome(code: str, form: Callable[[str], Any]) -> None:
    """Codes are texts in the documents; some clients have seen numbers."""
    got = sms.result(200, answer({"status": form(code), "message-id": UUID}))
    ok = code == "0"
    assert (OUTCOMES[code], "" if ok else code) == (got.outcome, got.code)
    assert ((accepted_part(),) if ok else ()) == got.parts
    assert ok == (got.text == "")


@dataclass(frozen=True)
class Answer:
    """An answer, and what it means."""

    id: str
    body: bytes
    outcome: Outcome
    code: str = ""
    parts: tuple[Part, ...] = ()
    retry_after: float | None = None
    price: str = ""
    network: str = ""
    http: int = 200


WAIT = "Throughput Rate Exceeded - please wait [ 702 ] and retry"
MAXIMUM = (
    "Exceeded maximum MT throughput[ MAX [ 30 ] INTERVAL [ 1000 ] COUNT [ 30 ] "
    "LAST INT-START [ 1617784922564 ] TIME_SINCE_LAST_INTERVAL_START [ 529 ]  ] "
)
PROBLEM = json.dumps({"type": "https://example.com", "title": "No", "detail": "x"}).encode()
LABEL = json.dumps({"error-code": "401", "error-code-label": "authentication failed"}).encode()
HTML = b"<html><body>Bad Gateway</body></html>"
A, T, R, U = Outcome.ACCEPTED, Outcome.THROTTLED, Outcome.REFUSED, Outcome.UNKNOWN
REJECTED_1, REJECTED_2 = (Part(f"part-{n}", DeliveryState.REJECTED) for n in (1, 2))
UNKNOWN_2 = Part("", DeliveryState.UNKNOWN)
TWO = (accepted_part("a"), accepted_part("b"))

PARTS = [
    Answer("one part", answer(taken()), A, parts=(accepted_part(),)),
    Answer("two parts", answer(taken("a"), taken("b")), A, parts=TWO),
    Answer(
        "old id", answer(taken("0A0000000123ABCD1")), A, parts=(accepted_part("0A0000000123ABCD1"),)
    ),
    Answer("id is a number", answer(taken(17)), A, parts=(accepted_part("17"),)),
    Answer("no id", answer({"status": "0"}), A, parts=(accepted_part(""),)),
    Answer("id null", answer(taken(None)), A, parts=(accepted_part(""),)),
    Answer("huge id", answer(taken("x" * 9000)), A, parts=(accepted_part("x" * 64),)),
    Answer("id is half a character", answer(taken("\ud800")), A, parts=(accepted_part("?"),)),
    Answer("second refused", answer(taken("a"), wrong("7")), R, "7", (TWO[0], REJECTED_2)),
    Answer("first refused", answer(wrong("7"), taken("b")), R, "7", (REJECTED_1, TWO[1])),
    Answer("second throttled", answer(taken("a"), wrong("1")), R, "1", (TWO[0], REJECTED_2)),
    Answer("first throttled", answer(wrong("1"), taken("b")), R, "1", (REJECTED_1, TWO[1])),
    Answer("second in doubt", answer(taken("a"), wrong("5")), U, "5", (TWO[0], UNKNOWN_2)),
    Answer("all throttled", answer(wrong("1"), wrong("10")), T, "1"),
    Answer("throttled and refused", answer(wrong("1"), wrong("2")), R, "1"),
    Answer("throttled and in doubt", answer(wrong("1"), wrong("5")), U, "1"),
    Answer("refused and in doubt", answer(wrong("2"), wrong("5")), U, "2"),
    Answer("all refused", answer(wrong("9"), wrong("2")), R, "9"),
    Answer(
        "count is wrong",
        b'{"message-count":"7","messages":[{"status":"0"}]}',
        A,
        parts=(accepted_part(""),),
    ),
    Answer("no count", b'{"messages":[{"status":"2"}]}', R, "2"),
    Answer("unknown code", answer(wrong("777")), R, "777"),
    Answer("code is a word", answer(wrong("nope")), R, "nope"),
    Answer("code is endless", answer(wrong("9" * 5000)), R, "9" * 20),
    Answer("code is a list", answer(wrong(["0"])), R, "['0']"),
    Answer("code is true", answer(wrong(True)), R, "True"),
    Answer("no code", answer({"message-id": UUID}), U),
    Answer("code null", answer(wrong(None)), U),
    Answer("code blank", answer(wrong("")), U),
    Answer("text null", answer(wrong("2", None)), R, "2"),
    Answer("text is half a character", answer(wrong("2", "\ud800")), R, "2"),
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
    "no messages": b'{"message-count":"0","messages":[]}',
    "messages null": b'{"messages":null}',
    "messages an object": b'{"messages":{"status":"0"}}',
    "message null": b'{"messages":[null]}',
    "message a text": b'{"messages":["0"]}',
    "one message null": b'{"messages":[{"status":"0"},null]}',
    "cut short": answer(taken())[:-5],
    "no UTF-8": b"\xff\xfe",
    "no UTF-8 inside": b'{"messages":[{"status":"\xff"}]}',
    "very deep list": b"[" * 60_000,
    "very deep message": b'{"messages":' + b"[" * 60_000,
    "number of 10,000 digits": b'{"messages":[{"status":' + b"1" * 10_000 + b"}]}",
    "problem": PROBLEM,
    "label": LABEL,
}
STATUSES_OF_HTTP = {200: U, 202: U, 204: U, 301: U, 302: U, 307: U, 400: R, 401: R, 403: R}
STATUSES_OF_HTTP |= {404: R, 422: R, 429: T, 500: U, 502: U, 503: U, 504: U}
ODD = [
    *(Answer(f"useless: {name}", body, U, "200") for name, body in USELESS.items()),
    *(
        Answer(f"HTTP {code}", b"", out, str(code), http=code)
        for code, out in STATUSES_OF_HTTP.items()
    ),
    *(
        Answer(f"HTTP {code}, HTML", HTML, out, str(code), http=code)
        for code, out in STATUSES_OF_HTTP.items()
    ),
    Answer("HTTP 401, problem", PROBLEM, R, "401", http=401),
    Answer("HTTP 401, label", LABEL, R, "401", http=401),
    Answer("HTTP 401, status 4", answer(wrong("4")), R, "4", http=401),
    Answer("HTTP 429, problem", PROBLEM, T, "429", http=429),
    Answer("HTTP 429, status 0", answer(taken()), T, "429", http=429),
    Answer("HTTP 500, status 1", answer(wrong("1")), T, "1", http=500),
]
HINTS = [
    Answer("hint", answer(wrong("1", WAIT)), T, "1", retry_after=0.702),
    Answer(
        "hint in the first of two", answer(wrong("1", WAIT), wrong("1")), T, "1", retry_after=0.702
    ),
    Answer("hint of zero", answer(wrong("1", WAIT.replace("702", "0"))), T, "1", retry_after=0.0),
    Answer("hint too long", answer(wrong("1", WAIT.replace("702", "9" * 6))), T, "1"),
    Answer("hint in other digits", answer(wrong("1", WAIT.replace("702", "７"))), T, "1"),
    Answer("hint without a number", answer(wrong("1", "please wait and retry")), T, "1"),
    Answer("other words", answer(wrong("1", MAXIMUM)), T, "1"),
    Answer("no words", answer({"status": "1"}), T, "1"),
]


def priced(*prices: Any) -> bytes:
    return answer(*(taken(str(n), **{"message-price": price}) for n, price in enumerate(prices)))


def price_of(body: bytes) -> str:
    return sms.result(200, body).price


@pytest.mark.parametrize("case", PARTS + ODD + HINTS, ids=lambda case: case.id)
def test_an_answer_means(case: Answer) -> None:
    got = sms.result(case.http, case.body)
    expected = (case.outcome, case.code, case.parts, case.retry_after)
    assert expected == (got.outcome, got.code, got.parts, got.retry_after)
    assert len(got.text.encode()) < 400  # every text can be stored


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        pytest.param(["0.03330000"], "0.03330000", id="one"),
        pytest.param(["0.03330000", "0.03330000"], "0.06660000", id="two"),
        pytest.param(["0.1"] * 3, "0.3", id="exact"),
        pytest.param(["0.00000000"], "0.00000000", id="free"),
        pytest.param(["0.00000001", "0.00000001"], "0.00000002", id="tiny"),
        pytest.param(["1", "0.50"], "1.50", id="whole"),
        pytest.param([0.0333], "0.0333", id="number"),
        pytest.param([None], "", id="null"),
        pytest.param([None, "0.5"], "0.5", id="one-is-null"),
        pytest.param(["0.5", "free"], "", id="one-is-junk"),
        pytest.param(["NaN"], "", id="no-number"),
        pytest.param(["sNaN"], "", id="signalling"),
        pytest.param(["Infinity"], "", id="endless"),
        pytest.param(["1e999999999999999999"] * 2, "", id="exponent"),
        pytest.param(["1" * 5000], "", id="many-digits"),
        pytest.param(["-0.5"], "", id="negative"),
        pytest.param(["0,5"], "", id="comma"),
        pytest.param(["1_0"], "", id="underscore"),
        pytest.param(["１"], "", id="full-width"),
        pytest.param([" 1"], "", id="blank-before"),
        pytest.param([{"EUR": 1}], "", id="object"),
        pytest.param([""], "", id="empty"),
    ],
)
def test_the_price_is_the_exact_sum_of_the_parts_or_nothing(
    prices: list[Any], expected: str
) -> None:
    assert expected == price_of(priced(*prices))


def test_a_price_is_told_for_the_parts_that_were_taken() -> None:
    body = answer(taken("a", **{"message-price": "0.05"}), wrong("7"))
    assert Decimal("0.05") == Decimal(price_of(body))


@pytest.mark.parametrize(
    ("network", "expected"),
    [("26201", "26201"), (26201, "26201"), (None, ""), ("2" * 99, "2" * 10)],
    ids=["text", "number", "null", "long"],
)
def test_the_network_is_kept(network: Any, expected: str) -> None:
    assert expected == sms.result(200, answer(taken(network=network))).network


def test_the_provider_s_own_words_are_kept_behind_the_meaning() -> None:
    assert (
        "number barred: Number barred."
        == sms.result(200, answer(wrong("7", "Number barred."))).text
    )


# -- receipts


@dataclass(frozen=True)
class Hook:
    """The parameters of a webhook and the receipt in them."""

    id: str
    params: dict[str, Any]
    expected: Receipt | None


STATES = {
    "accepted": DeliveryState.ACCEPTED,
    "buffered": DeliveryState.BUFFERED,
    "delivered": DeliveryState.DELIVERED,
    "expired": DeliveryState.EXPIRED,
    "failed": DeliveryState.FAILED,
    "rejected": DeliveryState.REJECTED,
    "unknown": DeliveryState.UNKNOWN,
}
MESSAGES_STATES = {
    "submitted": DeliveryState.ACCEPTED,
    "delivered": DeliveryState.DELIVERED,
    "rejected": DeliveryState.REJECTED,
    "undeliverable": DeliveryState.FAILED,
    "read": DeliveryState.DELIVERED,
}
# https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
CAPTURED = {
    "msisdn": "4917612345678",
    "to": "Acme",
    "network-code": "26201",
    "messageId": "14000000F9DBBBBB",
    "price": "0.00845000",
    "status": "delivered",
    "scts": "2007170234",
    "err-code": "0",
    "api-key": "abcd1234",
    "client-ref": MESSAGE_ID,
    "message-timestamp": "2020-07-17 02:34:35",
}
KEPT = ("status", "err-code", "scts", "price", "network-code")


def receipt(id: str, state: DeliveryState, **more: Any) -> Receipt:
    return Receipt("nexmo", id, state, **more)


def shortest(**more: str) -> dict[str, str]:
    return {"messageId": "a", "status": "delivered"} | {
        name.replace("_", "-"): value for name, value in more.items()
    }


def delivered(**more: Any) -> Receipt:
    fields = {"status": "delivered"} | more.pop("fields", {})
    return receipt("a", DeliveryState.DELIVERED, fields=fields, **more)


RECEIPTS = [
    Hook(
        "captured",
        CAPTURED,
        receipt(
            "14000000F9DBBBBB",
            DeliveryState.DELIVERED,
            client_ref=MESSAGE_ID,
            error_code="0",
            carrier_time="2007170234",
            fields={name: CAPTURED[name] for name in KEPT},
        ),
    ),
    *(
        Hook(
            f"status {word}",
            {"messageId": "a", "status": word},
            receipt("a", state, fields={"status": word}),
        )
        for word, state in STATES.items()
    ),
    Hook("nothing else", shortest(), delivered()),
    Hook(
        "sender and recipient change places",
        shortest(to="4917612345678", msisdn="Acme"),
        delivered(),
    ),
    Hook(
        "longest id",
        shortest() | {"messageId": "a" * 64},
        receipt("a" * 64, DeliveryState.DELIVERED, fields={"status": "delivered"}),
    ),
    Hook("long reference", shortest(client_ref="r" * 9000), delivered(client_ref="r" * 100)),
    Hook(
        "long error code",
        shortest(err_code="9" * 9000),
        delivered(error_code="9" * 40, fields={"err-code": "9" * 100}),
    ),
    Hook(
        "long carrier time",
        shortest(scts="1" * 9000),
        delivered(carrier_time="1" * 40, fields={"scts": "1" * 100}),
    ),
    Hook("blank fields are not kept", shortest(price="", scts=""), delivered()),
    Hook(
        "status in capitals",
        {"messageId": "a", "status": "DELIVERED"},
        receipt("a", DeliveryState.DELIVERED, fields={"status": "DELIVERED"}),
    ),
    Hook("unknown status", {"messageId": "a", "status": "teleported"}, None),
    Hook("word of another protocol", {"messageId": "a", "status": "DELIVRD"}, None),
    Hook("empty status", {"messageId": "a", "status": ""}, None),
    Hook("no status", {"messageId": "a"}, None),
    Hook("no id", {"status": "delivered"}, None),
    Hook("empty id", {"messageId": "", "status": "delivered"}, None),
    Hook("id by its name in the answer", {"message-id": "a", "status": "delivered"}, None),
    Hook("id too long", {"messageId": "a" * 65, "status": "delivered"}, None),
    Hook("a text from a person", {"messageId": "a", "text": "Hi", "type": "text"}, None),
    Hook("nothing", {}, None),
]


@pytest.mark.parametrize("case", RECEIPTS, ids=lambda case: case.id)
def test_a_receipt_is_read(case: Hook) -> None:
    assert case.expected == webhooks.parse_receipt(case.params)


STATUS = {
    "message_uuid": UUID,
    "to": "4917612345678",
    "from": "Acme",
    "timestamp": "2026-11-21 08:00:05 +0000",
    "status": "delivered",
    "channel": "sms",
    "client_ref": MESSAGE_ID,
    "usage": {"currency": "EUR", "price": "0.0333"},
}


def of_messages(state: DeliveryState, word: str, **more: Any) -> Receipt:
    fields = {"status": word} | more.pop("fields", {})
    return receipt("u", state, fields=fields, **more)


def status(word: Any = "rejected", **more: Any) -> dict[str, Any]:
    return {"message_uuid": "u", "status": word} | more


NO_ERROR = of_messages(DeliveryState.REJECTED, "rejected")


def with_error(code: str) -> Receipt:
    return of_messages(
        DeliveryState.REJECTED, "rejected", error_code=code, fields={"err-code": code}
    )


MESSAGES_RECEIPTS = [
    Hook(
        "complete",
        STATUS,
        receipt(
            UUID,
            DeliveryState.DELIVERED,
            client_ref=MESSAGE_ID,
            carrier_time="2026-11-21 08:00:05 +0000",
            fields={"status": "delivered", "timestamp": "2026-11-21 08:00:05 +0000"},
        ),
    ),
    *(
        Hook(f"status {word}", status(word), of_messages(state, word))
        for word, state in MESSAGES_STATES.items()
    ),
    Hook("status in capitals", status("READ"), of_messages(DeliveryState.DELIVERED, "READ")),
    Hook("error", status(error={"title": "1000", "type": "x"}), with_error("1000")),
    Hook("error code is a number", status(error={"title": 1000}), with_error("1000")),
    Hook("long error code", status(error={"title": "e" * 999}), with_error("e" * 40)),
    Hook("error without a code", status(error={}), NO_ERROR),
    Hook("error code null", status(error={"title": None}), NO_ERROR),
    Hook("error is a text", status(error="1000"), NO_ERROR),
    Hook("error null", status(error=None), NO_ERROR),
    Hook("reference is a number", status(client_ref=17), NO_ERROR),
    Hook(
        "half a character",
        status(message_uuid="\ud800"),
        receipt("?", DeliveryState.REJECTED, fields={"status": "rejected"}),
    ),
    Hook("unknown status", status("teleported"), None),
    Hook("status null", status(None), None),
    Hook("status is a list", status(["delivered"]), None),
    Hook("no status", {"message_uuid": "u"}, None),
    Hook("no id", {"status": "delivered"}, None),
    Hook("empty id", status(message_uuid=""), None),
    Hook("id null", status(message_uuid=None), None),
    Hook("id is an object", status(message_uuid={}), None),
    Hook("id too long", status(message_uuid="u" * 65), None),
    Hook("id much too long", status(message_uuid="u" * 65_000), None),
    Hook("a text from a person", {"message_uuid": "u", "message_type": "text", "text": "Hi"}, None),
]


@pytest.mark.parametrize("case", MESSAGES_RECEIPTS, ids=lambda case: case.id)
def test_a_status_of_messages_v1_is_read(case: Hook) -> None:
    assert case.expected == webhooks.parse_messages_v1_status(case.params)


@pytest.mark.parametrize(
    ("document", "expected"),
    [(STATUS, True), ({"message_uuid": None}, True), (CAPTURED, False), ({}, False)],
    ids=["status", "id-null", "sms-api", "nothing"],
)
def test_messages_v1_is_told_by_the_name_of_its_id(
    document: dict[str, Any], expected: bool
) -> None:
    assert expected == webhooks.is_messages_v1(document)
