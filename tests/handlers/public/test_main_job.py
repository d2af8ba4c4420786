"""A web form's call becomes exactly one well-formed SMS, seen from outside by a stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.store import keys
from gateway.store.pipeline import connect
from gateway.telephony.plain_text import as_gsm7
from tests.support import DATA
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.vonage import (
    API_KEY,
    API_SECRET,
    SENDER,
    TEXT,
    Post,
    VonageStandin,
    refused,
)
from tests.support.visitor import RECEIVER, Visitor

TOKEN = "token-of-the-webhooks"
DIGITS = "4917612345678"
LONG_NUMBER = "12065550199"
SEATTLE = "+1 206 555 0123"

# label, text, the type the API needs: characters outside GSM 03.38 arrive damaged as "text".
TEXTS = [
    ("plain", TEXT, "text"),
    ("reserved-in-forms", "100% a+b & c=d; e?f#g 'h' \"i\" <j>", "text"),
    ("german", "Äpfel, Öl, Übung, Straße: größer für alle", "text"),
    ("gsm-accents", "è é ù ì ò à ñ å ø Æ É Ñ Å Ø", "text"),
    ("gsm-greek", "Δ Φ Γ Λ Ω Π Ψ Σ Θ Ξ", "text"),
    ("gsm-extension", "5 € [a] {b} ~ ^ | \\", "text"),
    ("line-break", "one\ntwo", "text"),
    ("upper-cedilla", "Ça va", "text"),
    ("lower-cedilla", "Français", "unicode"),
    ("acute-a", "Olá", "unicode"),
    ("circumflex", "Hôtel", "unicode"),
    ("typographic-quote", "It’s ready", "text"),  # in plain punctuation
    ("typographic-quote-beside-an-emoji", "It’s ready 🎉", "unicode"),
    ("emoji", "Done 🎉", "unicode"),
    ("cyrillic", "Скачать", "unicode"),
    ("several-parts", "0123456789" * 100, "text"),
    ("longest", "x" * 3200, "text"),
]

# label, sender of the endpoint, receiver, what `from` has to be.
SENDERS = [
    ("alphanumeric", "Example", RECEIVER, "Example"),
    ("eleven-characters", "ElevenChars", RECEIVER, "ElevenChars"),
    ("too-long-is-passed-on", "LongerThanEleven", RECEIVER, "LongerThanEleven"),
    ("numeric", "491760406900", RECEIVER, "491760406900"),
    ("numeric-with-plus", "+491760406901", RECEIVER, "491760406901"),
    ("numeric-with-00", "0049 176 040 69 02", RECEIVER, "491760406902"),
    ("numeric-as-people-write-it", "+1 (206) 555-0101", RECEIVER, "12065550101"),
    ("north-america", "Example", SEATTLE, LONG_NUMBER),
    ("australia", "Example", "+61 491 570 156", "Example"),
    ("britain", "Example", "+44 7911 123456", "Example"),
]


@pytest.fixture(scope="module")
def gateway(
    standin: VonageStandin, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    endpoints = [(f"/text/{label}/", text, SENDER) for label, text, _ in TEXTS]
    endpoints += [(f"/sender/{label}/", TEXT, sender) for label, sender, *_ in SENDERS]
    messages_file = tmp_path_factory.mktemp("endpoints") / "messages.toml"
    messages_file.write_text("\n".join(_endpoint(*endpoint) for endpoint in endpoints))
    options = standin.options(
        valkey_url,
        messages_file=messages_file,
        nexmo_long_virtual_number=LONG_NUMBER,
        nexmo_dlr_url="https://sms.example.org/hooks/receipt/",
        webhook_token=TOKEN,
        logging="debug",
        access_log="yes",
    )
    with GatewayProcess(*options) as gateway:
        yield gateway


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case[0])
async def test_each_text_goes_out_once_unchanged_and_as_unicode_only_if_needed(
    case: tuple[str, str, str], visitor: Visitor, standin: VonageStandin
) -> None:
    label, text, kind = case

    reply = await visitor.send(path=f"/text/{label}/")

    [post] = standin.posts
    assert "ok" == reply.json["status"]
    sent = text if kind == "unicode" else as_gsm7(text)
    assert (sent, kind) == (post.form["text"], post.form.get("type", "text"))
    assert_well_formed(post)


@pytest.mark.parametrize("case", SENDERS, ids=lambda case: case[0])
async def test_the_sender_is_the_configured_one_except_to_north_america(
    case: tuple[str, str, str, str], visitor: Visitor, standin: VonageStandin
) -> None:
    label, _, receiver, expected = case

    await visitor.send(receiver, path=f"/sender/{label}/")

    [post] = standin.posts
    assert expected == post.form["from"]
    assert_well_formed(post)


async def test_the_form_carries_credentials_receiver_reference_and_callback(
    visitor: Visitor, standin: VonageStandin
) -> None:
    reply = await visitor.send()

    [post] = standin.posts
    expected = {
        "api_key": API_KEY,
        "api_secret": API_SECRET,
        "from": SENDER,
        "to": DIGITS,
        "text": TEXT,
        "client-ref": reply.json["id"],
        "callback": f"https://sms.example.org/hooks/receipt/{TOKEN}",
    }
    assert expected == {name: post.form.get(name) for name in expected}
    assert post.form["status-report-req"].lower() in {"1", "true"}
    # The older documents allow 40 characters of client-ref, the callback may have 100.
    assert len(post.form["client-ref"]) <= 40
    assert len(post.form["callback"]) <= 100


@pytest.mark.parametrize(
    "request_",
    [
        ("GET", f"/message/?receiver={DIGITS}", {}),
        ("GET", f"/message?receiver=%2B{DIGITS}", {}),
        ("GET", f"/message/?receiver=00{DIGITS}&callback=page.shown", {}),
        ("GET", f"/message/?receiver=+{DIGITS}", {"headers": {"Content-Type": "text/xml"}}),
        ("POST", "/message/", {"data": {"receiver": "0176 12345678", "country": "DE"}}),
        ("POST", "/message/", {"json": {"receiver": RECEIVER}}),
    ],
    ids=["get", "no-slash", "jsonp", "plus-as-space", "form", "json"],
)
async def test_every_way_to_call_sends_exactly_one_sms_to_plain_digits(
    request_: tuple[str, str, dict[str, Any]], visitor: Visitor, standin: VonageStandin
) -> None:
    method, path, body = request_

    reply = await visitor.request(method, path, **body)

    [post] = standin.posts
    assert (200, DIGITS) == (reply.status, post.form["to"])
    assert post.form["client-ref"] in reply.text
    assert_well_formed(post)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_send_nothing(
    method: str, visitor: Visitor, standin: VonageStandin
) -> None:
    reply = await visitor.request(method, f"/message/?receiver={DIGITS}")

    assert (204 if method == "OPTIONS" else 405) == reply.status
    assert [] == standin.posts


@pytest.mark.parametrize(
    ("receiver", "error"),
    [
        ("", "receiver_missing"),
        ("  ", "receiver_missing"),
        ("12", "receiver_validation"),
        ("+49 30 901820", "receiver_validation"),
        ("Acme", "receiver_validation"),
    ],
    ids=["empty", "blank", "short", "landline", "word"],
)
async def test_a_receiver_that_cannot_get_an_sms_is_answered_and_nothing_is_sent(
    receiver: str, error: str, visitor: Visitor, standin: VonageStandin
) -> None:
    reply = await visitor.send(receiver)

    assert (200, {"status": "error", "error": error}) == (reply.status, reply.json)
    assert [] == standin.posts


async def test_the_answer_is_the_one_of_the_contract(visitor: Visitor) -> None:
    reply = await visitor.send()

    expected = {
        "status": "ok",
        "message": "Message sent",
        "number": RECEIVER,
        "id": reply.json["id"],
    }
    assert expected == reply.json
    assert "no-store" == reply.headers["Cache-Control"]
    assert "*" == reply.headers["Access-Control-Allow-Origin"]
    assert ("accepted", False, 1) == await visitor.status(reply.json["id"])


async def test_the_same_call_twice_sends_twice_under_different_ids(
    visitor: Visitor, standin: VonageStandin
) -> None:
    ids = [(await visitor.send()).json["id"] for _ in range(2)]

    assert ids == [post.form["client-ref"] for post in standin.posts]
    assert 2 == len(set(ids))


async def test_the_log_holds_neither_secrets_nor_full_numbers(
    visitor: Visitor, gateway: GatewayProcess
) -> None:
    await visitor.send()
    await visitor.send("0176 12345678", country="DE")
    await visitor.get("/validate_number/", number=RECEIVER)
    await visitor.get(f"/dlr/{TOKEN}", msisdn=DIGITS, messageId="not-ours", status="delivered")
    await visitor.get("/dlr/", msisdn=DIGITS, messageId="not-ours", status="delivered")
    await visitor.get(f"/unknown/{DIGITS}", number=RECEIVER)

    assert [] == told(gateway.log)
    assert "/validate_number" in gateway.log, "the requests were not logged at all"


async def test_what_the_provider_says_is_masked_in_the_log(
    visitor: Visitor, standin: VonageStandin, gateway: GatewayProcess
) -> None:
    standin.expect(refused("29", f"Non White-listed Destination {DIGITS} of {API_SECRET}"))

    reply = await visitor.send()

    assert reply.json["id"] in gateway.log, "the refusal was not logged at all"
    assert [] == told(gateway.log)


def told(log: str) -> list[str]:
    """Return what the log must not hold but does; a number with spaces in it counts as well."""
    printed = "".join(log.split())
    return [secret for secret in (API_SECRET, TOKEN, DIGITS, DIGITS[2:]) if secret in printed]


def assert_well_formed(post: Post) -> None:
    """The request is what both published descriptions of the API ask for."""
    assert ("POST", "/sms/json") == (post.method, post.target)
    assert "application/x-www-form-urlencoded" == post.headers.get_content_type()
    assert "Authorization" not in post.headers, "one kind of authentication only"
    assert post.form["to"].isdigit()
    assert not post.form["to"].startswith("0")
    assert "" not in post.form.values()
    for name in ("sms.yml", "sms-1.5.1.yml"):
        schema = new_message_schema(name)
        instance = {key: _coerced(schema, key, value) for key, value in post.form.items()}
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(instance)]
        assert [] == errors


def new_message_schema(file_name: str) -> dict[str, Any]:
    """Return the schema of a message to send, with what it leaves open tightened.

    The pattern of ``to`` is not anchored there; version 1.5.1 moves the secret to Basic auth,
    the form of older versions stays valid. A parameter that neither knows is refused.
    """
    description = yaml.safe_load((DATA / file_name).read_text())
    schema: dict[str, Any] = description["components"]["schemas"]["NewMessage"]
    schema["properties"].setdefault("api_secret", {"type": "string"})
    schema["properties"]["to"]["pattern"] = r"^\d{7,15}$"
    return {**schema, "type": "object", "additionalProperties": False}


def _coerced(schema: dict[str, Any], name: str, value: str) -> object:
    kind = schema["properties"].get(name, {}).get("type")
    if kind == "boolean":
        # The provider's own clients send 1 and true.
        return {"1": True, "true": True, "0": False, "false": False}[value.lower()]
    return int(value) if kind == "integer" else value


def _endpoint(path: str, text: str, sender: str) -> str:
    lines = {"path": path, "text": text, "sender": sender}
    # A JSON string without \u escapes is a basic string of TOML.
    values = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in lines.items())
    return "\n".join(["[[message]]", *values])


@pytest.mark.parametrize("path", ["/message/", "/validate_number/"])
async def test_a_json_body_may_begin_with_a_byte_order_mark(
    path: str, visitor: Visitor, standin: VonageStandin
) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"receiver": RECEIVER, "number": RECEIVER}).encode()
    headers = {"Content-Type": "application/json"}
    reply = await visitor.request("POST", path, data=body, headers=headers)
    assert "ok" == reply.json["status"]


async def test_who_has_texted_stop_gets_no_message(
    visitor: Visitor, standin: VonageStandin, valkey_url: str
) -> None:
    store = connect(valkey_url)
    await store.execute("ZADD", keys.OPTOUTS, 1, "+491760406900")
    await store.close()
    reply = await visitor.send("+49 176 0406900")
    assert {"status": "error", "error": "receiver_opted_out"} == reply.json
    assert [] == standin.posts
