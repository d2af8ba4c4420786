"""Android phones with SMSsync at the gateway: what they post, what they are given, who hears it."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from gateway.emulator.smssync import VERSIONS, Faults, Handset, Preferences
from tests.conftest import RestartableValkey
from tests.support.scenes.masking import (
    ADMIN,
    ANNA,
    BERT,
    CARL,
    END,
    NO_SESSION,
    ONE,
    OPTED_OUT,
    START,
    STOPPED,
    until,
)
from tests.support.scenes.phones_town import (
    BACK_NUMBERS,
    BACK_SECRET,
    FRONT_NUMBER,
    FRONT_OLD,
    FRONT_SECRET,
    SECRET,
    SECRETS,
    SUCCESS,
    TO,
    PhonesTown,
    devices_file,
    empty_poll,
    message_id,
    one_secret,
    phones_town,
    refusal,
    sends,
)
from tests.support.servers.processes import GatewayProcess
from tests.support.visitor import Visitor, visiting

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
XML = "application/xml"
OKHTTP_JSON = "application/json; charset=UTF-8"
NO_UUIDS = '{"message_uuids":[]}'
REPLY = "We will call you back."


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[PhonesTown]:
    """A gateway with one shared secret, and so with the phone ``default``."""
    async with one_secret(redis_url) as made:
        yield made


@pytest.fixture
async def desks(redis_url: str, tmp_path: Path) -> AsyncIterator[PhonesTown]:
    """A gateway with a file of three phones."""
    async with phones_town(redis_url, devices_file(tmp_path)) as made:
        yield made


def basic(password: str, user: str = "phone") -> str:
    """Return an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def form(**fields: str) -> str:
    """Return a posted SMS; ``sender`` stands for the field ``from``, '-' leaves a field out."""
    usual = {"secret": SECRET, "sender": "+12065550121", "message": "Hi", "message_id": "m-1"}
    pairs = (usual | fields).items()
    return urlencode([("from" if k == "sender" else k, v) for k, v in pairs if v != "-"])


# --- The project's page for developers -----------------------------------------------------------

CURL_BOUNDARY = "------------------------d74496d66958873e"
CURL_FIELDS = {
    "from": "+000-000-0000",
    "message": "sample text message",
    "secret": "123456",
    "device_id": "1",
    "sent_timestamp": "123456789",
    "message_id": "80",
}


def multipart(fields: dict[str, str]) -> str:
    """Return what ``curl -F`` writes."""
    parts = (
        f'--{CURL_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return f"{''.join(parts)}--{CURL_BOUNDARY}--\r\n"


async def test_the_documented_curl_command_succeeds(place: PhonesTown) -> None:
    """With its multipart form, a number that is none, and a time in seconds; repeated as well."""
    kind = f"multipart/form-data; boundary={CURL_BOUNDARY}"
    for _ in range(2):
        reply = await place.ask("POST", "/smssync", multipart(CURL_FIELDS), kind, Accept="*/*")
        assert (200, SUCCESS) == (reply.status, reply.text)
        assert "application/json; charset=UTF-8" == reply.headers["Content-Type"]
    wrong = multipart(CURL_FIELDS | {"secret": "654321"})
    assert refusal() == (await place.ask("POST", "/smssync", wrong, kind)).text
    assert [("+000-000-0000", "sample text message", "not_our_number")] == await place.kept()


async def test_the_documented_exchanges_are_answered_as_printed(place: PhonesTown) -> None:
    """Poll, acknowledgement, empty acknowledgement, question for results, results."""
    texts = ["the message goes here", "and here", "and there"]
    first, second, third = [await place.queue(text) for text in texts]

    polled = await place.ask("GET", f"/smssync?task=send&secret={SECRET}")
    offered = [
        {"to": f"+{TO}", "message": text, "uuid": uuid}
        for text, uuid in zip(texts, (first, second, third), strict=True)
    ]
    assert {"payload": {"task": "send", "secret": SECRET, "messages": offered}} == polled.json

    queued = json.dumps({"queued_messages": [first, second, third]})
    sent = await place.ask("POST", "/smssync?task=sent", queued, OKHTTP_JSON)
    assert {"message_uuids": [first, second, third]} == sent.json
    none = await place.ask("POST", "/smssync?task=sent", '{"queued_messages":[]}', OKHTTP_JSON)
    assert NO_UUIDS == none.text

    asked = await place.ask("GET", f"/smssync?task=result&secret={SECRET}")
    assert {first, second, third} == set(asked.json["message_uuids"])

    # As printed, with the comma that is missing in the first element.
    printed = """{ "message_result": [
      { "uuid": "052bf515-ef6b-f424-c4ee", "sent_result_code": 0,
        "sent_result_message": "SMSSync Message Sent"
        "delivered_result_code": -1, "delivered_result_message": "" },
      { "uuid": "%s", "sent_result_code": 0, "sent_result_message": "SMSSync Message Sent",
        "delivered_result_code": 0, "delivered_result_message": "SMS Delivered" },
      { "uuid": "%s", "sent_result_code": 1, "sent_result_message":
        "Failed to send SMS - Maybe insufficient air time on the phone.",
        "delivered_result_code": -1, "delivered_result_message": "" },
      { "uuid": "%s", "sent_result_code": 4, "sent_result_message": "No service",
        "delivered_result_code": -1, "delivered_result_message": "" } ] }"""
    target = f"/smssync?task=result&secret={SECRET}"
    recorded = await place.ask("POST", target, printed % (first, second, third), OKHTTP_JSON)
    assert {"message_uuids": [first, second, third]} == recorded.json
    assert ("delivered", "delivered", True) == await place.life(first)
    assert ("failed", "failed", True) == await place.life(second)
    assert ("failed", "failed", True) == await place.life(third)
    assert NO_UUIDS == (await place.ask("GET", target)).text


# --- The rows of the contract, word for word -----------------------------------------------------

POLL = '{"payload":{"task":"send","secret":"123456","messages":[]}}'
ALIVE = '{"payload":{"success":true,"error":null,"messages":[]}}'
NO_FROM = refusal("The from variable was not set")
NO_MESSAGE = refusal("The message variable was not set")
AS_JSON = '{"secret":"123456","from":"+12065550121","message":"Hi","message_id":"m-1"}'
AS_XML = (
    "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><payload><secret>123456</secret>"
    "<from>+12065550121</from><message>Hi</message><message_id>m-1</message_id></payload>"
)
ENTITIES = (
    '<!DOCTYPE payload [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    "<payload><secret>123456</secret><from>+12065550121</from><message>&x;</message></payload>"
)
CURL = f"multipart/form-data; boundary={CURL_BOUNDARY}"


@dataclass(frozen=True)
class Exchange:
    """A request below /smssync, its whole answer, and how many SMS are stored afterwards."""

    label: str
    method: str
    target: str
    body: str | bytes
    kind: str
    answer: str
    stored: int = 0


EXCHANGES = [
    Exchange("a form", "POST", "/", form(), FORM, SUCCESS, 1),
    Exchange("no slash at the end", "POST", "", form(), FORM, SUCCESS, 1),
    Exchange("by name", "POST", "/default", form(), FORM, SUCCESS, 1),
    Exchange("by name, with slash", "POST", "/default/", form(), FORM, SUCCESS, 1),
    Exchange("PUT", "PUT", "/", form(), FORM, SUCCESS, 1),
    Exchange("PUT of XML", "PUT", "/", AS_XML, OKHTTP_JSON, SUCCESS, 1),
    Exchange("JSON", "POST", "/", AS_JSON, JSON, SUCCESS, 1),
    Exchange("JSON without a type", "POST", "/", AS_JSON, "", SUCCESS, 1),
    Exchange("XML", "POST", "/", AS_XML, XML, SUCCESS, 1),
    Exchange("XML called JSON", "POST", "/", AS_XML, OKHTTP_JSON, SUCCESS, 1),
    Exchange("YAML", "POST", "/", form(), "application/yaml", SUCCESS, 1),
    Exchange("a query of its own", "POST", "/?key=K", form(), FORM, SUCCESS, 1),
    Exchange("an empty text", "POST", "/", form(message=""), FORM, SUCCESS, 1),
    Exchange("an empty sender", "POST", "/", form(sender=""), FORM, SUCCESS, 1),
    Exchange("no from", "POST", "/", form(sender="-"), FORM, NO_FROM),
    Exchange("no message", "POST", "/", form(message="-"), FORM, NO_MESSAGE),
    Exchange("wrong secret", "POST", "/", form(secret="x"), FORM, refusal()),
    Exchange("empty secret", "POST", "/", form(secret=""), FORM, refusal()),
    Exchange("no secret", "POST", "/", form(secret="-"), FORM, refusal()),
    Exchange(
        "the secret of a post stands in its body",
        "POST",
        f"/?secret={SECRET}",
        form(secret="-"),
        FORM,
        refusal(),
    ),
    Exchange("unknown phone", "POST", "/elsewhere/", form(), FORM, refusal()),
    Exchange("broken JSON", "POST", "/", '{"secret":', JSON, refusal()),
    Exchange("JSON of another shape", "POST", "/", "[]", JSON, refusal()),
    Exchange("broken XML", "POST", "/", "<payload><secret>", XML, refusal()),
    Exchange("XML with entities", "POST", "/", ENTITIES, XML, refusal()),
    Exchange("broken multipart", "POST", "/", "--x\r\njunk", CURL, refusal()),
    Exchange(
        "multipart without a boundary",
        "POST",
        "/",
        multipart(CURL_FIELDS),
        "multipart/form-data",
        SUCCESS,
        1,
    ),
    Exchange(
        "JSON that was cut off",
        "POST",
        "/",
        f'{{"secret":"{SECRET}","from":"+12065550121","message":"He',
        JSON,
        SUCCESS,
        1,
    ),
    Exchange(
        "XML that was cut off",
        "POST",
        "/",
        f"<p><secret>{SECRET}</secret><message>",
        XML,
        SUCCESS,
        1,
    ),
    Exchange("cut off before the secret", "POST", "/", '{"from":"+1206', JSON, refusal()),
    Exchange(
        "cut off, of another phone", "POST", "/", '{"secret":"x","message":"He', JSON, refusal()
    ),
    Exchange("bytes", "POST", "/", b"\xff\xfe\x00", "", refusal()),
    Exchange("an empty post", "POST", "/", "", FORM, SUCCESS),
    Exchange(
        "an alert without a secret",
        "POST",
        "/",
        "Task=alert&message=Battery+level+is+at+9",
        FORM,
        SUCCESS,
    ),
    Exchange(
        "what an alert of version 3 is", "POST", "/", '{"message_result":"[]"}', JSON, SUCCESS
    ),
    Exchange(
        "the test button",
        "POST",
        "/",
        f"secret={SECRET}&from=%2B000000000000&message=Test",
        FORM,
        SUCCESS,
    ),
    Exchange("the test button of 3.0.3", "POST", "/", f"secret={SECRET}", FORM, NO_FROM),
    Exchange("a bare GET", "GET", "/", "", "", ALIVE),
    Exchange("a bare GET with a type", "GET", "/", "", FORM, ALIVE),
    Exchange("a bare GET of no phone", "GET", "/elsewhere/", "", "", ALIVE),
    Exchange("an unknown task", "GET", "/?task=what", "", "", ALIVE),
    Exchange("a poll", "GET", "/?task=send&secret=123456", "", "", POLL),
    Exchange("no slash, a poll", "GET", "?task=send&secret=123456", "", "", POLL),
    Exchange("? in the query, a poll", "GET", "/?key=K?task=send&secret=123456", "", "", POLL),
    Exchange("the secret in the address, a poll", "GET", "/?secret=123456?task=send", "", "", POLL),
    Exchange("wrong secret, a poll", "GET", "/?task=send&secret=x", "", "", empty_poll()),
    Exchange("no secret, a poll", "GET", "/?task=send", "", "", empty_poll()),
    Exchange("empty secret, a poll", "GET", "/?task=send&secret=", "", "", empty_poll()),
    Exchange(
        "unknown phone, a poll", "GET", "/elsewhere/?task=send&secret=123456", "", "", empty_poll()
    ),
    Exchange(
        "a poll with the SMS that was posted before",
        "POST",
        "/?task=send&secret=123456",
        form(),
        FORM,
        POLL,
    ),
    Exchange("a poll by PUT", "PUT", "/?task=send&secret=123456", form(), FORM, POLL),
    Exchange(
        "a stale poll, wrong secret", "POST", "/?task=send&secret=x", form(), FORM, empty_poll()
    ),
    Exchange(
        "an acknowledgement of what nobody knows",
        "POST",
        "/?task=sent",
        '{"queued_messages":["u-1"]}',
        JSON,
        NO_UUIDS,
    ),
    Exchange("junk for an acknowledgement", "POST", "/?task=sent", "junk", JSON, NO_UUIDS),
    Exchange("no results awaited", "GET", "/?task=result&secret=123456", "", "", NO_UUIDS),
    Exchange(
        "junk behind a second ?",
        "GET",
        "/?task=result&secret=123456?secret=123456&from=%2B0000",
        "",
        "",
        NO_UUIDS,
    ),
    Exchange(
        "no results",
        "POST",
        "/?task=result&secret=123456",
        '{"message_result":"[]"}',
        JSON,
        NO_UUIDS,
    ),
]


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[each.label for each in EXCHANGES])
async def test_a_request_has_exactly_this_answer(place: PhonesTown, exchange: Exchange) -> None:
    """Always HTTP 200 and JSON that nobody may keep."""
    target = f"/smssync{exchange.target}"
    reply = await place.ask(exchange.method, target, exchange.body, exchange.kind)
    assert (200, exchange.answer) == (reply.status, reply.text)
    assert "application/json; charset=UTF-8" == reply.headers["Content-Type"]
    assert "no-store" == reply.headers["Cache-Control"]
    assert exchange.stored == len(await place.kept())


NOT_CONFIGURED = "SMSsync is not configured on this server"
UNCONFIGURED = [
    pytest.param("POST", "/smssync/", form(), refusal(NOT_CONFIGURED), id="an SMS"),
    pytest.param("POST", "/smssync/x/", form(secret=""), refusal(NOT_CONFIGURED), id="by a name"),
    pytest.param("GET", "/smssync/?task=send&secret=", "", empty_poll(NOT_CONFIGURED), id="a poll"),
    pytest.param("GET", "/smssync/?task=result&secret=", "", NO_UUIDS, id="results awaited"),
    pytest.param("POST", "/smssync/?task=sent", '{"queued_messages":["u"]}', NO_UUIDS, id="sent"),
    pytest.param("GET", "/smssync/", "", ALIVE, id="a bare GET"),
]


@pytest.mark.parametrize(("method", "target", "body", "expected"), UNCONFIGURED)
async def test_without_phones_their_requests_are_refused(
    redis_url: str, method: str, target: str, body: str, expected: str
) -> None:
    async with phones_town(redis_url) as place:
        reply = await place.ask(method, target, body)
        assert (200, expected, []) == (reply.status, reply.text, await place.kept())


# --- Secrets -------------------------------------------------------------------------------------

OTHERS_SECRET = "the secret of another phone"
GIVEN = [
    pytest.param("front", FRONT_SECRET, "", True, id="the secret"),
    pytest.param("front", FRONT_OLD, "", True, id="the old one"),
    pytest.param("front", FRONT_SECRET.upper(), "", False, id="in capitals"),
    pytest.param("front", BACK_SECRET, "", False, id=OTHERS_SECRET),
    pytest.param("front", "", "", False, id="empty"),
    pytest.param("front", "", FRONT_SECRET, True, id="as the password of Basic"),
    pytest.param("front", "", FRONT_OLD, True, id="the old one as the password"),
    pytest.param("front", "wrong", FRONT_SECRET, True, id="the password alone is right"),
    pytest.param("front", "", "wrong", False, id="a wrong password"),
    pytest.param("front", "wrong", BACK_SECRET, False, id="the password of another phone"),
    pytest.param("back", FRONT_OLD, "", False, id="the old secret of another phone"),
    pytest.param("nobody", FRONT_SECRET, FRONT_SECRET, False, id="an unknown phone"),
]


@pytest.mark.parametrize(("device", "given", "password", "right"), GIVEN)
async def test_without_its_secret_a_phone_gets_nothing(
    desks: PhonesTown, device: str, given: str, password: str, right: bool
) -> None:
    """Neither an SMS is taken, nor one given, nor a result; and no answer holds a secret."""
    queued = [await desks.queue(device=name) for name in ("front", "back")]
    headers = {"Authorization": basic(password)} if password else {}
    path = f"/smssync/{device}/"

    posted = await desks.ask("POST", path, form(secret=given), FORM, **headers)
    polled = await desks.ask("GET", f"{path}?task=send&secret={quote(given, '')}", **headers)
    awaited = await desks.ask("GET", f"{path}?task=result&secret={quote(given, '')}", **headers)

    if right:
        assert SUCCESS == posted.text
        assert [queued[0]] == [each["uuid"] for each in polled.json["payload"]["messages"]]
        # Never another than was sent: whoever has the old one is not to learn the new one.
        assert (given or password) == polled.json["payload"]["secret"]
        assert {"message_uuids": [queued[0]]} == awaited.json
    else:
        assert (refusal(), empty_poll(), NO_UUIDS) == (posted.text, polled.text, awaited.text)
        assert ["waiting", "waiting"] == [await desks.state(uuid) for uuid in queued]
    assert right == bool(await desks.kept())


async def test_a_result_needs_the_secret_and_the_right_phone(desks: PhonesTown) -> None:
    task = await desks.queue(device="front")
    async with desks.handset("front") as phone:
        await phone.poll()
    result = {"uuid": task, "sent_result_code": 1, "sent_result_message": "Failed"}
    body = json.dumps({"message_result": [result]})
    for target in (
        "/smssync/front/?task=result&secret=wrong",
        "/smssync/back/?task=result",
        f"/smssync/back/?task=result&secret={BACK_SECRET}",
        f"/smssync/nobody/?task=result&secret={quote(FRONT_SECRET, '')}",
    ):
        assert NO_UUIDS == (await desks.ask("POST", target, body, JSON)).text
    assert ("handed", "buffered", False) == await desks.life(task)
    target = f"/smssync/front/?task=result&secret={quote(FRONT_SECRET, '')}"
    assert {"message_uuids": [task]} == (await desks.ask("POST", target, body, JSON)).json
    assert ("failed", "failed", True) == await desks.life(task)


async def test_a_result_may_come_without_any_secret(desks: PhonesTown) -> None:
    """2.7.0 and 2.7.1 send none: the uuid, which nobody else knows, has to do."""
    task = await desks.queue(device="front")
    async with desks.handset("front") as phone:
        await phone.poll()
    result = {"uuid": task, "sent_result_code": 1, "sent_result_message": "Failed"}
    body = json.dumps({"message_result": [result]})
    sent = await desks.ask("POST", "/smssync/front/?task=result", body, JSON)
    assert {"message_uuids": [task]} == sent.json
    assert ("failed", "failed", True) == await desks.life(task)


async def test_version_2_7_0_acknowledges_beside_its_address(redis_url: str) -> None:
    """It posts to …/smssync/add, and sends nothing that was not granted there."""
    async with one_secret(redis_url) as place:
        await place.queue("Hello")
        preferences = Preferences(results_api=True)
        async with place.handset(version="2.7.0", preferences=preferences) as phone:
            await phone.poll()
            assert ["Hello"] == [each.text for each in phone.sent]


async def test_an_acknowledgement_without_a_secret_grants_a_phone_its_own_sms_only(
    desks: PhonesTown,
) -> None:
    """No version sends a secret with it: whoever names an id must be the phone that holds it."""
    [held, strange] = [await desks.queue(device=each) for each in ("reporting", "front")]
    target = "/smssync/reporting/?task=send&secret=reporting-secret"
    polled = (await desks.ask("GET", target)).json["payload"]["messages"]
    assert ([held], "leased") == ([each["uuid"] for each in polled], await desks.state(held))

    body = json.dumps({"queued_messages": [strange, "u-1", held, held, None, 7]})
    for device, expected in (("front", []), ("nobody", []), ("reporting", [held])):
        sent = await desks.ask("POST", f"/smssync/{device}/?task=sent", body, JSON)
        assert {"message_uuids": expected} == sent.json
    assert ("handed", "waiting") == (await desks.state(held), await desks.state(strange))


ALL_SECRETS = (FRONT_SECRET, FRONT_OLD, BACK_SECRET, "reporting-secret", "a-wrong-secret")


async def test_no_secret_and_no_text_reaches_logs_metrics_or_strangers(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever phones send, where they send it, and whether it is right."""
    caplog.set_level(logging.DEBUG)
    options = (devices_file(tmp_path), "--access_log=yes")
    strangers = []
    async with phones_town(redis_url, *options) as desks:
        await desks.queue("Top confidential", device="front")
        for secret in ("a-wrong-secret", FRONT_SECRET):
            written = quote(secret, "")
            for method, target, body in (
                ("POST", "/smssync/front/", form(secret=secret, message="Top confidential")),
                ("GET", f"/smssync/front/?task=send&secret={written}", ""),
                ("GET", f"/smssync/front/?secret={written}?task=result&secret={written}", ""),
                ("POST", f"/smssync/nobody/?task=send&secret={written}", form(secret=secret)),
                ("DELETE", f"/smssync/front/?secret={written}", ""),
                ("POST", f"/smssync/front/?secret={written}", b"x" * 1_100_000),
                ("GET", f"/smssync/front/more/{written}", ""),
            ):
                reply = await desks.ask(method, target, body, FORM, Authorization=basic(secret))
                if secret == "a-wrong-secret" or "task=send" not in target:
                    strangers.append(reply.text)
        metrics = (await desks.ask("GET", "/metrics")).text
    shown = "\n".join([*strangers, metrics, *(each.getMessage() for each in caplog.records)])
    assert "POST /smssync/front/" in shown
    found = [each for each in (*ALL_SECRETS, "Top confidential") if each in shown]
    found += [each for each in map(quote, ALL_SECRETS) if each in shown]
    assert [] == found


# --- Bodies that only old versions send ----------------------------------------------------------

LAST = {"secret": SECRET, "from": "+12065550122", "message": "the last", "message_id": "m-last"}
EARLIER = {"secret": "before", "from": "+12065550121", "message": "grüß dich " * 8}


def piled_form(earlier: int) -> bytes:
    """Return the form of a version that never forgets a field."""
    before = urlencode(EARLIER | {"message_id": "m-0", "sent_timestamp": "1", "sent_to": ""})
    return "&".join([*[before] * earlier, urlencode(LAST)]).encode()


def piled_xml(earlier: int) -> bytes:
    """Return the same as XML."""

    def elements(fields: dict[str, str]) -> str:
        return "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())

    return f"<payload>{elements(EARLIER) * earlier}{elements(LAST)}</payload>".encode()


PILES = [
    pytest.param(piled_form(0), FORM, id="one"),
    pytest.param(piled_form(200), FORM, id="1,400 fields of a form"),
    pytest.param(piled_form(3500), FORM, id="900 KB of a form"),
    pytest.param(piled_xml(400), OKHTTP_JSON, id="1,200 elements of XML"),
    pytest.param(piled_xml(4500), OKHTTP_JSON, id="900 KB of XML"),
]


@pytest.mark.parametrize(("body", "kind"), PILES)
async def test_of_repeated_fields_the_last_is_the_sms(
    place: PhonesTown, body: bytes, kind: str
) -> None:
    """3.0.0 to 3.0.3 put all SMS since their start before the current one."""
    assert SUCCESS == (await place.ask("POST", "/smssync/", body, kind)).text
    assert [("12065550122", "the last", "not_our_number")] == await place.kept()


async def test_a_body_larger_than_any_phones_is_refused(place: PhonesTown) -> None:
    reply = await place.ask("POST", "/smssync/", piled_form(4500), FORM)
    assert (200, refusal("The request is too large")) == (reply.status, reply.text)
    assert [] == await place.kept()


async def test_fields_may_have_the_names_that_a_phones_owner_gave_them(
    redis_url: str, tmp_path: Path
) -> None:
    names = {"secret": "key", "from": "sender", "message": "text", "message_id": "id"}
    table = ", ".join(f"{usual} = '{own}'" for usual, own in names.items())
    content = f"[[device]]\nname = 'own'\nsecret = 's3cret'\nfields = {{ {table} }}\n"
    async with phones_town(redis_url, devices_file(tmp_path, content)) as place:
        place.secrets = {"": "s3cret"}
        formats = ("form", "json", "xml")
        for number, data_format in enumerate(formats):
            preferences = Preferences(data_format=data_format, names=names)
            async with place.handset(preferences=preferences) as phone:
                assert await phone.receive(f"+{ANNA}", f"in {data_format} {number}")
        kept = [(sender, text) for sender, text, _ in await place.kept()]
    assert [(ANNA, "in form 0"), (ANNA, "in json 1"), (ANNA, "in xml 2")] == kept


SHORT_ADDRESS = [
    pytest.param("", "[[device]]\nname='only'\nsecret='s3cret'\n", SUCCESS, id="the only phone"),
    pytest.param(
        "",
        "[[device]]\nname='a'\nsecret='another'\n[[device]]\nname='default'\nsecret='s3cret'\n",
        SUCCESS,
        id="the one called default",
    ),
    pytest.param(
        "",
        "[[device]]\nname='a'\nsecret='s3cret'\n[[device]]\nname='b'\nsecret='another'\n",
        refusal(),
        id="any of two",
    ),
    pytest.param("only/", "[[device]]\nname='only'\nsecret='s3cret'\n", SUCCESS, id="by name"),
]


@pytest.mark.parametrize(("element", "content", "expected"), SHORT_ADDRESS)
async def test_the_short_address_is_that_of_one_phone(
    redis_url: str, tmp_path: Path, element: str, content: str, expected: str
) -> None:
    async with phones_town(redis_url, devices_file(tmp_path, content)) as place:
        reply = await place.ask("POST", f"/smssync/{element}", form(secret="s3cret"), FORM)
    assert expected == reply.text


# --- Phones of every version ---------------------------------------------------------------------

# The secret stands in no poll of these; its owner writes it into the address.
NO_SECRET_IN_POLLS = ("1.0.6", "1.0.7", "1.1.9", "2.0")


def handset(place: PhonesTown, version: str, **options: Any) -> Handset:
    """Return a phone of the shared secret, set up as its version needs it."""
    url = place.url()
    if version in NO_SECRET_IN_POLLS:
        url = f"{url}?secret={SECRET}"
    return Handset(url, version=version, secret=SECRET, **options)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_sms_that_a_phone_receives_is_stored_once(place: PhonesTown, version: str) -> None:
    """Posted three times with every answer lost, and again later, after others."""
    async with handset(place, version, faults=Faults(duplicate_posts=2)) as phone:
        phone.faults.lose_answers(3)
        assert not await phone.receive(f"+{ANNA}", "with a lost answer")
        assert await phone.receive("MTN-Info", "grüß dich & 🚀 <b>+%")
        assert await phone.receive("22395", "")
        await phone.sync_pending()
        assert ([], 0) == (phone.pending, phone.crashes)
    assert [
        (ANNA, "with a lost answer", "not_our_number"),
        ("MTN-Info", "grüß dich & 🚀 <b>+%", "not_our_number"),
        ("22395", "", "not_our_number"),
    ] == await place.kept()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_phone_sends_what_is_queued_once(place: PhonesTown, version: str) -> None:
    """In their order, between SMS that it receives, however often it asks."""
    texts = ["first", 'grüß dich & 🚀 <b>"+%', "third"]
    tasks = [await place.queue(text) for text in texts]
    async with handset(place, version) as phone:
        assert await phone.receive(f"+{ANNA}", "before")
        for _ in range(3):
            await phone.poll()
            assert await phone.receive(f"+{ANNA}", "again")
        assert [(f"+{TO}", text) for text in texts] == [(each.to, each.text) for each in phone.sent]
        assert tasks == [each.uuid for each in phone.sent]
        assert 0 == phone.crashes
    assert ["handed"] * 3 == [await place.state(task) for task in tasks]


# With both switches of the app on. What a version does not report stays as it is for a day.
FATES = [
    ("2.7.1", "handed", "handed"),  # asks for results without a secret
    ("2.7.2", "delivered", "failed"),
    ("2.7.3", "delivered", "failed"),
    ("2.8.3", "delivered", "failed"),
    ("3.0.0", "handed", "handed"),  # the codes of version 3 are never filled in
    ("3.0.3", "handed", "handed"),
    ("3.0.4", "handed", "handed"),
    ("3.0.5", "handed", "handed"),
    ("3.1.1", "handed", "handed"),
    ("docs", "delivered", "failed"),
]
SHOWN = {
    "handed": ("buffered", False),
    "delivered": ("delivered", True),
    "failed": ("failed", True),
}


@pytest.mark.parametrize(("version", "good", "bad"), FATES, ids=[row[0] for row in FATES])
async def test_what_a_phone_reports_is_shown_everywhere(
    place: PhonesTown, version: str, good: str, bad: str
) -> None:
    """By the admin routes and /status/ alike; reports that come twice change nothing."""
    preferences = Preferences(results_api=True, delivery_report=True, retry=True)
    async with handset(place, version, preferences=preferences) as phone:
        phone.faults.double_reports = True
        tasks = []
        for code, state in ((0, good), (4, bad)):
            phone.faults.failing = code
            tasks.append((await place.queue(), state))
            await phone.poll()
            await phone.report()
        assert 0 == phone.crashes
    for task, state in tasks:
        assert (state, *SHOWN[state]) == await place.life(task)


async def test_the_life_of_an_sms_is_told_with_all_its_steps(place: PhonesTown) -> None:
    """A phone known to report results: offered, acknowledged, sent, delivered."""
    preferences = Preferences(results_api=True)
    async with handset(place, "2.7", preferences=preferences) as phone:
        await place.queue("makes it known that this phone acknowledges")
        await phone.poll()
        task = await place.queue("Hello")
        shown = [await place.life(task)]
        polled = await place.ask("GET", f"/smssync/?task=send&secret={SECRET}")
        shown.append(await place.life(task))
        assert [task] == [each["uuid"] for each in polled.json["payload"]["messages"]]
        acknowledged = json.dumps({"queued_messages": [task]})
        await place.ask("POST", "/smssync/?task=sent", acknowledged, JSON)
        shown.append(await place.life(task))
        for result in (
            {"sent_result_code": -1, "sent_result_message": "SMS sent"},
            {"delivered_result_code": -1, "delivered_result_message": "SMS delivered"},
        ):
            body = json.dumps({"message_result": json.dumps([{"uuid": task, **result}])})
            await place.ask("POST", f"/smssync/?task=result&secret={SECRET}", body, JSON)
            shown.append(await place.life(task))
    assert [
        ("waiting", "accepted", False),
        ("leased", "accepted", False),
        ("handed", "buffered", False),
        ("sent", "buffered", False),
        ("delivered", "delivered", True),
    ] == shown
    message = await place.ok("GET", f"/messages/{message_id(task)}")
    steps = [each.get("status", each["event"]) for each in message["events"]]
    assert ["answer", "leased", "handed", "sent", "delivered"] == steps
    known = {name: message[name] for name in ("to", "provider", "source", "text", "outcome")}
    assert {
        "to": TO,
        "provider": "smssync",
        "source": "admin",
        "text": "Hello",
        "outcome": "accepted",
    } == known


async def test_a_results_phone_whose_acknowledgement_was_lost_is_offered_the_sms_again(
    redis_url: str, tmp_path: Path
) -> None:
    """Once the lease is over; it is sent and reported as if nothing had been."""
    options = (devices_file(tmp_path), "--smssync_lease=1")
    preferences = Preferences(results_api=True, delivery_report=True)
    async with phones_town(redis_url, *options) as place:
        task = await place.queue(device="reporting")
        async with place.handset("reporting", "2.7", preferences=preferences) as phone:
            await place.ask("GET", "/smssync/reporting/?task=send&secret=reporting-secret")
            assert [(TO, "Hello")] == await sends(phone, 1)
            await phone.report()
        assert ("delivered", "delivered", True) == await place.life(task)


async def test_alerts_and_the_test_button_are_no_sms(place: PhonesTown) -> None:
    for version in ("2.7", "3.0.0", "3.0.3", "3.0.5", "3.1", "docs"):
        async with handset(place, version) as phone:
            assert phone.traits.test_fields is None or await phone.test()
            await phone.battery_low(9)
            assert 0 == phone.crashes
    assert [] == await place.kept()
    assert 9 == (await place.ok("GET", "/smssync/devices/default"))["battery"]


async def test_a_phone_asked_by_sms_whether_the_server_is_there_says_so(place: PhonesTown) -> None:
    async with handset(place, "2.7") as phone:
        await phone.receive(f"+{ANNA}", "@20")
        assert ["Server SMSsync responded with 200 status code"] == [e.text for e in phone.sent]


# --- Masked conversations ------------------------------------------------------------------------

PAIR = {"participant_a": ANNA, "participant_b": BERT}
PHONE_PROVIDER = "smssync:front"
SHARED = [(ANNA, START), (BERT, START)]


@pytest.fixture
async def desk(desks: PhonesTown) -> PhonesTown:
    """The same with the front desk's number in the pool."""
    await desks.rent(FRONT_NUMBER, provider=PHONE_PROVIDER)
    return desks


async def log_of(place: PhonesTown, session: str) -> list[tuple[str, str, str]]:
    """Return (from, text, state) of what was said in a session."""
    answer = await place.ok("GET", f"/session/{session}/log")
    return [(each["from"], each["text"], each["state"]) for each in answer["entries"]]


TALKING = ["1.1.9", "2.4", "2.7", "2.8", "3.0.3", "3.0.4", "3.1", "docs"]


@pytest.mark.parametrize("version", TALKING)
async def test_two_people_talk_through_a_phone(desk: PhonesTown, version: str) -> None:
    """By a number of the pool that is a phone's: texts go both ways, each once."""
    made = await desk.ok("POST", "/session", PAIR)
    assert FRONT_NUMBER == made["virtual_tn"]
    secret = quote(FRONT_SECRET, safe="")
    url = desk.url("front") + (f"?secret={secret}" if version in NO_SECRET_IN_POLLS else "")
    # 3.0.4 says that an SMS was sent to its sender, and polls with the last SMS in its body.
    async with Handset(url, version=version, secret=FRONT_SECRET, number="") as phone:
        assert set(SHARED) == set(await sends(phone, 2))
        assert await phone.receive(f"+{ANNA}", "  Hi Bert 🚀 & all\n")
        await sends(phone, 3)
        assert await phone.receive(f"+{BERT}", "Hi Anna")
        heard = await sends(phone, 4)
        await desk.at_rest()
        assert [] == await phone.poll()
    assert [(BERT, "  Hi Bert 🚀 & all\n"), (ANNA, "Hi Anna")] == heard[2:]
    assert [] == await desk.kept()
    assert [("a", "  Hi Bert 🚀 & all\n", "buffered"), ("b", "Hi Anna", "buffered")] == (
        await log_of(desk, made["session_id"])
    )


async def test_the_log_of_a_session_shows_what_a_phone_reports(desk: PhonesTown) -> None:
    made = await desk.ok("POST", "/session", PAIR)
    preferences = Preferences(results_api=True, delivery_report=True)
    async with desk.handset("front", "2.7", preferences=preferences) as phone:
        await sends(phone, 2)
        for text, code in (("arrives", 0), ("does not", 4)):
            await phone.receive(f"+{ANNA}", text)
            phone.faults.failing = code
            await until(partial(_tried, phone, text))
        await phone.report()
    assert [("a", "arrives", "delivered"), ("a", "does not", "failed")] == (
        await log_of(desk, made["session_id"])
    )


async def _tried(phone: Handset, text: str) -> bool:
    await phone.poll()
    return any(each.text == text for each in [*phone.sent, *phone.failed])


async def test_each_number_is_its_own_phones(desks: PhonesTown) -> None:
    """One number on each phone, one for each side; no phone sends for the other."""
    await desks.rent(FRONT_NUMBER, provider=PHONE_PROVIDER)
    await desks.rent(BACK_NUMBERS[1], provider="smssync:back")
    body = {**PAIR, "numbers": "per-side", "virtual_tn": FRONT_NUMBER}
    made = await desks.ok("POST", "/session", body)
    assert (FRONT_NUMBER, BACK_NUMBERS[1]) == (made["virtual_tn_a"], made["virtual_tn_b"])
    number = f"+{BACK_NUMBERS[1]}"
    async with desks.handset("front") as front, desks.handset("back", number=number) as back:
        await sends(front, 1)
        await sends(back, 1)
        await front.receive(f"+{ANNA}", "to the back")
        await back.receive(f"+{BERT}", "to the front")
        assert [(ANNA, START), (ANNA, "to the front")] == await sends(front, 2)
        assert [(BERT, START), (BERT, "to the back")] == await sends(back, 2)


async def test_of_two_sim_cards_the_phone_has_to_name_one(desks: PhonesTown) -> None:
    """A text to nobody knows which of them is kept, and answered by nobody."""
    await desks.rent(*BACK_NUMBERS, provider="smssync:back")
    await desks.ok("POST", "/session", {**PAIR, "virtual_tn": BACK_NUMBERS[0]})
    async with desks.handset("back", number="") as back:
        await sends(back, 2)
        await back.receive(f"+{ANNA}", "to which?")
        await desks.at_rest()
        assert [] == await back.poll()
    assert [(ANNA, "to which?", "not_our_number")] == await desks.kept()


async def test_one_side_may_be_on_a_phone_and_the_other_on_nexmo(desk: PhonesTown) -> None:
    await desk.rent(ONE)
    body = {**PAIR, "numbers": "per-side", "virtual_tn": FRONT_NUMBER}
    made = await desk.ok("POST", "/session", body)
    assert (FRONT_NUMBER, ONE) == (made["virtual_tn_a"], made["virtual_tn_b"])
    async with desk.handset("front", "3.0", number=f"+{FRONT_NUMBER}") as phone:
        await sends(phone, 1)
        await phone.receive(f"+{ANNA}", "by phone")
        await desk.hears(BERT, (ONE, START), (ONE, "by phone"))
        assert [200] == await desk.text(BERT, ONE, "by Nexmo")
        assert [(ANNA, START), (ANNA, "by Nexmo")] == await sends(phone, 2)

    async def settled() -> bool:
        states = [state for _, _, state in await log_of(desk, made["session_id"])]
        return states == ["delivered", "buffered"]

    await until(settled)


async def test_a_number_counts_for_its_own_phone_only(desk: PhonesTown) -> None:
    """Not for another phone, and not for Nexmo."""
    await desk.ok("POST", "/session", PAIR)
    async with desk.handset("back", number=f"+{FRONT_NUMBER}") as back:
        await back.receive(f"+{ANNA}", "by the wrong phone")
    assert [200] == await desk.text(ANNA, FRONT_NUMBER, "by the wrong provider")
    assert [
        (ANNA, "by the wrong phone", "not_our_number"),
        (ANNA, "by the wrong provider", "not_our_number"),
    ] == await desk.kept()


async def test_who_says_stop_to_a_phone_hears_nothing_more(desk: PhonesTown) -> None:
    made = await desk.ok("POST", "/session", PAIR)
    async with desk.handset("front") as phone:
        await sends(phone, 2)
        await phone.receive(f"+{ANNA}", " Stop ")
        assert {(ANNA, STOPPED), (BERT, OPTED_OUT)} == set((await sends(phone, 4))[2:])
        await phone.receive(f"+{BERT}", "are you there?")
        await desk.at_rest()
        assert [] == await phone.poll()
        await phone.receive(f"+{ANNA}", "start")
        await phone.receive(f"+{BERT}", "and now?")
        assert (ANNA, "and now?") == (await sends(phone, 5))[4]
    said = [(text, state) for _, text, state in await log_of(desk, made["session_id"])]
    assert ("are you there?", "suppressed") in said


async def test_a_stranger_hears_so_once_and_his_text_is_kept(desk: PhonesTown) -> None:
    """By the notices of the pool, even where there is an instant reply for all others."""
    await desk.ok("POST", "/session", PAIR)
    async with desk.handset("front") as phone:
        await sends(phone, 2)
        for text in ("hello?", "anybody?"):
            await phone.receive(f"+{CARL}", text)
        assert (CARL, NO_SESSION) == (await sends(phone, 3))[2]
        await desk.at_rest()
        assert [] == await phone.poll()
    assert [(CARL, "hello?", "no_session"), (CARL, "anybody?", "no_session")] == await desk.kept()


async def test_the_end_of_a_session_is_told_by_the_phone(desk: PhonesTown) -> None:
    made = await desk.ok("POST", "/session", PAIR)
    async with desk.handset("front") as phone:
        await sends(phone, 2)
        await desk.ok("DELETE", f"/session/{made['session_id']}")
        assert {(ANNA, END), (BERT, END)} == set((await sends(phone, 4))[2:])


# --- Instant replies -----------------------------------------------------------------------------

READING_REPLIES = ["1.0.7", "2.4", "2.7.2", "2.7", "2.8", "3.0.4", "3.1", "docs"]


@pytest.mark.parametrize("version", READING_REPLIES)
async def test_an_sms_for_the_inbox_is_answered_at_once(redis_url: str, version: str) -> None:
    """Once a sender and hour, never to short codes or names."""
    async with (
        one_secret(redis_url, f"--smssync_reply={REPLY}") as place,
        handset(place, version) as phone,
    ):
        senders = (f"+{ANNA}", "22395", f"+{BERT}", "MTN-Info", f"+{ANNA}", f"+{BERT}")
        for n, sender in enumerate(senders):
            assert await phone.receive(sender, f"Hello {n}")
        assert [(f"+{ANNA}", REPLY), (f"+{BERT}", REPLY)] == [
            (each.to, each.text) for each in phone.sent
        ]
        assert 6 == len(await place.kept())


async def test_an_instant_reply_stands_beside_the_success(redis_url: str) -> None:
    async with one_secret(redis_url, f"--smssync_reply={REPLY}") as place:
        first, repeated = [
            (await place.ask("POST", "/smssync/", form(), FORM)).json["payload"] for _ in range(2)
        ]
    uuid = first["messages"][0]["uuid"]
    message = {"to": f"+{ANNA}", "message": REPLY, "uuid": uuid}
    reply = {"task": "send", "secret": SECRET, "messages": [message]}
    assert {"success": True, "error": None} | reply == first
    assert {"success": True, "error": None} == repeated


async def test_our_own_numbers_and_those_of_the_pool_get_no_instant_reply(
    redis_url: str, tmp_path: Path
) -> None:
    options = (devices_file(tmp_path), f"--smssync_reply={REPLY}")
    async with phones_town(redis_url, *options) as place:
        await place.rent(FRONT_NUMBER, provider=PHONE_PROVIDER)
        async with place.handset("front") as front, place.handset("back", number="") as back:
            await back.receive(f"+{FRONT_NUMBER}", "from our own number")
            await front.receive(f"+{CARL}", "to a number of the pool")
            assert [] == back.sent
            assert [(CARL, NO_SESSION)] == await sends(front, 1)


# --- Phones as the default provider --------------------------------------------------------------


async def test_the_message_of_a_site_may_leave_by_a_phone(redis_url: str) -> None:
    """From the visitor's click to /status/ saying that it was delivered."""
    options = ("--provider=smssync:default", "--message=Get the app", "--sender=ACME")
    preferences = Preferences(results_api=True, delivery_report=True)
    async with one_secret(redis_url, *options) as place:
        answer = (await place.visitor.send(f"+{TO}")).json
        assert ("ok", "+49 176 12345678") == (answer["status"], answer["number"])
        assert ("accepted", False, 1) == await place.visitor.status(answer["id"])
        async with place.handset(version="2.7", preferences=preferences) as phone:
            assert [(TO, "Get the app")] == await sends(phone, 1)
            [sent] = phone.sent
            # A visitor knows his message's id: what speaks for the phone does not follow from it.
            assert answer["id"] != message_id(sent.uuid)
            assert ("buffered", False, 1) == await place.visitor.status(answer["id"])
            await phone.report()
        assert ("delivered", True, 1) == await place.visitor.status(answer["id"])
        assert "delivered" == await place.state(sent.uuid)
        message = await place.ok("GET", f"/messages/{answer['id']}")
        assert "smssync:default" == message["provider"]


async def test_any_text_may_be_sent_by_a_phone(desks: PhonesTown) -> None:
    body = {"to": TO, "text": "Hello", "sender": "ACME", "provider": "smssync:back"}
    answer = await desks.ok("POST", "/messages", body)
    assert "accepted" == answer["outcome"]
    async with desks.handset("front") as front, desks.handset("back") as back:
        assert [] == await front.poll()
        assert [(TO, "Hello")] == await sends(back, 1)

    async def handed() -> bool:
        return await desks.visitor.status(answer["id"]) == ("buffered", False, 1)

    await until(handed)


# --- Without the store ---------------------------------------------------------------------------

Outage = Callable[[RestartableValkey], None]
STORE_DOWN = "The server cannot store messages just now"


OUTAGES = [
    *(pytest.param(RestartableValkey.stop, each, id=f"down-{each}") for each in VERSIONS),
    *(pytest.param(RestartableValkey.pause, each, id=f"hangs-{each}") for each in ("2.7", "3.1")),
]


@pytest.mark.parametrize(("outage", "version"), OUTAGES)
async def test_without_the_store_a_phone_keeps_its_sms_and_it_arrives_once(
    valkey_server: RestartableValkey, outage: Outage, version: str
) -> None:
    """Nothing is given to it meanwhile either, and afterwards once."""
    async with one_secret(valkey_server.url) as place, handset(place, version) as phone:
        task = await place.queue("for later")
        outage(valkey_server)
        assert not await phone.receive(f"+{ANNA}", "kept")
        assert [] == await phone.poll()
        assert ["kept"] == [each.text for each in phone.pending]
        _back(valkey_server, outage)

        async def accepted() -> bool:
            await phone.sync_pending()
            return not phone.pending

        await until(accepted)
        assert [(TO, "for later")] == await sends(phone, 1)
        assert [] == await phone.poll()
        assert [(ANNA, "kept", "not_our_number")] == await place.kept()
        assert ("handed", "buffered", False) == await place.life(task)
        assert 0 == phone.crashes


def _back(server: RestartableValkey, outage: Outage) -> None:
    (server.resume if outage is RestartableValkey.pause else server.start)()


async def test_without_the_store_every_request_of_a_phone_is_answered(
    valkey_server: RestartableValkey,
) -> None:
    """With 200 and JSON: a phone counts nothing else as an answer."""
    down = refusal(STORE_DOWN)
    task = "1ba368bd-c467-4374-bf28-6c1a8c0f4f2e"
    async with one_secret(valkey_server.url) as place:
        valkey_server.stop()
        poll = f"?task=send&secret={SECRET}"
        for method, target, body, expected in (
            ("POST", "", form(), down),
            ("POST", "", form(secret="x"), refusal()),
            ("GET", poll, "", empty_poll(STORE_DOWN)),
            ("POST", poll, form(), empty_poll(STORE_DOWN)),
            ("GET", "?task=send&secret=x", "", empty_poll()),
            ("POST", "?task=sent", json.dumps({"queued_messages": [task]}), NO_UUIDS),
            ("GET", f"?task=result&secret={SECRET}", "", NO_UUIDS),
            ("GET", "", "", ALIVE),
        ):
            reply = await place.ask(method, f"/smssync/{target}", body, FORM)
            assert (200, expected) == (reply.status, reply.text)


# --- Several processes ---------------------------------------------------------------------------


async def test_processes_share_the_queue_and_no_sms_goes_to_two_phones(
    redis_url: str, tmp_path: Path
) -> None:
    """Two phones at two processes ask at once until 100 SMS are sent; each leaves once."""
    options = (f"--redis_url={redis_url}", "--admin_token=correct-horse", devices_file(tmp_path))
    with GatewayProcess(*options) as one, GatewayProcess(*options) as two:
        async with AsyncExitStack() as stack:
            visitors = [
                (await stack.enter_async_context(visiting(each.url))).via(**ADMIN)
                for each in (one, two)
            ]
            tasks = [await _queued(visitors[n % 2], f"text {n}") for n in range(100)]
            phones = [
                await stack.enter_async_context(
                    Handset(f"{process.url}/smssync/{name}/", secret=SECRETS[name])
                )
                for process, name in ((one, "front"), (two, "back"), (two, "front"), (one, "back"))
            ]

            async def all_sent() -> bool:
                await asyncio.gather(*(phone.poll() for phone in phones))
                return sum(len(phone.sent) for phone in phones) >= len(tasks)

            await until(all_sent)
            await asyncio.gather(*(phone.poll() for phone in phones))
        sent = [each.uuid for phone in phones for each in phone.sent]
    assert sorted(tasks) == sorted(sent)


async def _queued(visitor: Visitor, text: str) -> str:
    reply = await visitor.request("POST", "/smssync/messages", json={"to": TO, "message": text})
    return str(reply.json["uuid"])


async def test_a_phone_may_meet_another_process_at_every_step(
    redis_url: str, tmp_path: Path
) -> None:
    """Offered by one, acknowledged at the other, reported to the first, seen at the other."""
    options = (f"--redis_url={redis_url}", "--admin_token=correct-horse", devices_file(tmp_path))
    path, secret = "/smssync/reporting/", "reporting-secret"
    with GatewayProcess(*options) as one, GatewayProcess(*options) as two:
        async with visiting(one.url) as first, visiting(two.url) as second:
            task = await _queued(first.via(**ADMIN), "Hello")
            polled = await second.get(path, task="send", secret=secret)
            assert [task] == [each["uuid"] for each in polled.json["payload"]["messages"]]
            acknowledged = {"queued_messages": [task]}
            sent = await first.request("POST", f"{path}?task=sent", json=acknowledged)
            assert {"message_uuids": [task]} == sent.json
            awaited = await second.get(path, task="result", secret=secret)
            assert {"message_uuids": [task]} == awaited.json
            result = {
                "uuid": task,
                "delivered_result_code": -1,
                "delivered_result_message": "SMS delivered",
            }
            target = f"{path}?task=result&secret={secret}"
            posted = await first.request("POST", target, json={"message_result": [result]})
            assert {"message_uuids": [task]} == posted.json
            assert ("delivered", True, 1) == await second.status(message_id(task))
