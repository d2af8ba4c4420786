"""The emulator's SMS API over real HTTP: refusals, credentials, parts, ordered failures."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.emulator import Emulator
from gateway.emulator.account.throttle import Throttle
from tests.support.scenes.emulation import (
    BERLIN,
    KEY,
    SEATTLE,
    SECRET,
    SIGNATURE_SECRET,
    VALID,
    Receiver,
    basic,
    change,
    error_of,
    items,
    order,
    send,
)

# -- what is refused, and what is not


@dataclass
class Refusal:
    """A change to a valid request, and the status and text it is refused with."""

    id: str
    changes: dict[str, str]
    status: str
    text: str


REFUSALS = [
    Refusal("no sender", {"from": ""}, "2", "Missing from param"),
    Refusal("no recipient", {"to": ""}, "2", "Missing to param"),
    Refusal("no text", {"text": ""}, "2", "Missing text param"),
    Refusal("recipient with plus", {"to": "+4917612345678"}, "3", "Invalid to param"),
    Refusal("recipient with letters", {"to": "49176abc45678"}, "3", "Invalid to param"),
    Refusal("recipient too short", {"to": "491761"}, "3", "Invalid to param"),
    Refusal("recipient too long", {"to": "4917612345678901"}, "3", "Invalid to param"),
    Refusal("full-width digits", {"to": "４９１７６１２３４５６７８"}, "3", "Invalid to param"),
    Refusal("recipient with 00", {"to": "004917612345678"}, "6", "Unroutable message - rejected"),
    Refusal("national recipient", {"to": "017612345678"}, "6", "Unroutable message - rejected"),
    Refusal("unknown type", {"type": "vcard"}, "3", "Invalid type param"),
    Refusal("binary", {"type": "binary"}, "3", "Invalid type param"),
    Refusal("ttl too short", {"ttl": "19999"}, "3", "Invalid ttl param"),
    Refusal("ttl not a number", {"ttl": "soon"}, "3", "Invalid ttl param"),
    Refusal("message class", {"message-class": "4"}, "3", "Invalid message-class param"),
    Refusal("protocol id", {"protocol-id": "256"}, "3", "Invalid protocol-id param"),
    Refusal("client-ref", {"client-ref": "r" * 101}, "3", "Invalid client-ref param"),
    Refusal("report flag", {"status-report-req": "maybe"}, "3", "Invalid status-report-req param"),
    Refusal("text too long", {"text": "a" * 3201}, "12", "Message too long"),
    Refusal("letters to North America", {"to": SEATTLE}, "15", "Illegal Sender Address - rejected"),
    Refusal("sender of 16 digits", {"from": "1" * 16}, "15", "Illegal Sender Address - rejected"),
    Refusal(
        "callback without scheme",
        {"callback": "example.com/dlr"},
        "23",
        "Bad callback :: Missing Protocol",
    ),
    Refusal(
        "callback too long",
        {"callback": "http://example.com/" + "d" * 82},
        "23",
        "Bad callback :: Too Long",
    ),
    Refusal(
        "callback with space",
        {"callback": "http://example.com/d r"},
        "23",
        "Bad callback :: Illegal Characters",
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
async def test_refuses_with_the_status_of_the_provider(
    case: Refusal, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A refusal is HTTP 200 with one item, and nothing reaches a handset."""
    async with http.post("/sms/json", data=VALID | case.changes) as response:
        assert response.status == 200
        assert [{"status": case.status, "error-text": case.text}] == await items(response)
    assert len(emulator.sent) == 0
    assert [f"status:{case.status}"] == [request.outcome for request in emulator.requests]


LIMITS = {
    "3200 characters": {"text": "a" * 3200},
    "ttl": {"ttl": "20000"},
    "flash": {"message-class": "0"},
    "number as sender to North America": {"to": SEATTLE, "from": "12065550100"},
    "callback of 100 characters": {"callback": "http://example.com/" + "d" * 81},
    "unknown parameter": {"pool-id": "abc123"},
    "longest recipient": {"to": "491761234567890"},
}


@pytest.mark.parametrize("changes", LIMITS.values(), ids=LIMITS.keys())
async def test_accepts_up_to_the_limits(
    changes: dict[str, str], http: aiohttp.ClientSession
) -> None:
    """What the documentation allows is accepted."""
    async with http.post("/sms/json", data=VALID | changes) as response:
        assert {"0"} == {item["status"] for item in await items(response)}


# -- who is asking


@dataclass
class Credentials:
    """Credentials in the parameters and headers, and the status they lead to."""

    id: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    status: str
    text: str = ""


WRONG = "invalid credentials"
CREDENTIALS = [
    Credentials("basic", {}, basic(KEY, SECRET), "0"),
    Credentials("parameters", {"api_key": KEY, "api_secret": SECRET}, {}, "0"),
    Credentials("none", {}, {}, "2", "Missing api_key param"),
    Credentials("key alone", {"api_key": KEY}, {}, "2", "Missing api_secret param"),
    Credentials("wrong secret", {"api_key": KEY, "api_secret": "x"}, {}, "4", WRONG),
    Credentials("wrong key", {"api_key": "x", "api_secret": SECRET}, {}, "4", WRONG),
    Credentials("basic, wrong secret", {}, basic(KEY, "x"), "4", WRONG),
    Credentials("basic, not base64", {}, {"Authorization": "Basic ???"}, "4", WRONG),
    Credentials("bearer", {}, {"Authorization": "Bearer abc"}, "4", WRONG),
]


@pytest.mark.parametrize("case", CREDENTIALS, ids=lambda case: case.id)
async def test_checks_the_credentials(case: Credentials, http: aiohttp.ClientSession) -> None:
    """Either kind of credentials opens the account."""
    params = {"from": "Acme", "to": BERLIN, "text": "Hello", **case.params}
    async with http.post("/sms/json", data=params, headers=case.headers) as response:
        item = (await items(response))[0]
    assert (case.status, case.text) == (item["status"], item.get("error-text", ""))


async def test_keeps_no_credentials(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """Neither the log of requests nor the settings show a secret."""
    emulator.configure(signature_secret=SIGNATURE_SECRET)
    await send(http)
    for path in ("/emulator/requests", "/emulator/settings", "/emulator/messages"):
        async with http.get(path) as response:
            text = await response.text()
            assert SECRET not in text
            assert SIGNATURE_SECRET not in text


# -- how the parameters come


@pytest.mark.parametrize("way", ["form", "query", "query and form"])
async def test_takes_parameters_from_query_and_form(
    way: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """They say the same, with every character."""
    text = "A plus + and ümläuts"
    wanted = VALID | {"text": text}
    requests: dict[str, dict[str, Any]] = {
        "form": {"data": wanted},
        "query": {"params": wanted},
        "query and form": {
            "params": {"api_key": KEY, "api_secret": SECRET, "text": "the form wins"},
            "data": {"from": "Acme", "to": BERLIN, "text": text},
        },
    }
    async with http.post("/sms/json", **requests[way]) as response:
        assert ["0"] == [item["status"] for item in await items(response)]
    assert [text] == [message.text for message in emulator.sent]


JUNK: dict[str, tuple[bytes, str]] = {
    "form not UTF-8": (b"text=%ff", "application/x-www-form-urlencoded"),
    "raw bytes in form": (b"text=\xff", "application/x-www-form-urlencoded"),
    "repeated parameter": (b"to=1&to=2", "application/x-www-form-urlencoded"),
    "many parameters": (b"&".join(b"a%d=1" % n for n in range(101)), ""),
    "multipart without boundary": (b"--x", "multipart/form-data"),
    "JSON": (b'{"to": "1"}', "application/json"),
    "other content": (b"<to>1</to>", "text/xml"),
}


@pytest.mark.parametrize(("body", "content_type"), JUNK.values(), ids=JUNK.keys())
async def test_answers_junk_with_400(
    body: bytes, content_type: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """What cannot be read is a JSON 400, and the emulator goes on."""
    headers = {"Content-Type": content_type or "application/x-www-form-urlencoded"}
    async with http.post("/sms/json", data=body, headers=headers) as response:
        status, answer = await error_of(response)
    assert 400 == status
    assert {"error", "message"} <= set(answer)
    assert ["0"] == [item["status"] for item in await send(http)]


@pytest.mark.parametrize("path", ["/sms/json", "/emulator/next", "/emulator/settings"])
async def test_answers_a_huge_body_with_413(path: str, http: aiohttp.ClientSession) -> None:
    """More than any message needs is refused in JSON."""
    body = b'{"text":"' + b"a" * 100_000 + b'"}'
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with http.post(path, data=body, headers=headers) as response:
        status, answer = await error_of(response)
    assert (413, "payload_too_large") == (status, answer["error"])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nowhere", 404),
        ("PUT", "/sms/json", 405),
        ("GET", "/emulator/next", 405),
        ("GET", "/emulator/messages?limit=many", 400),
        ("GET", "/emulator/messages?to=%ff", 400),
    ],
)
async def test_answers_wrong_addresses_in_json(
    method: str, path: str, expected: int, http: aiohttp.ClientSession
) -> None:
    """Unknown paths, methods and arguments are JSON errors."""
    url = URL(path, encoded=True)
    async with http.request(method, url) as response:
        status, answer = await error_of(response)
    assert (expected, True) == (status, "message" in answer)


@pytest.mark.parametrize(
    "headers",
    [{"Host": "emulator.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
    ids=["name rebound to loopback", "page of another site", "page without origin"],
)
async def test_serves_this_machine_only(
    headers: dict[str, str], http: aiohttp.ClientSession
) -> None:
    """A web page that makes a browser call loopback gets nothing."""
    async with http.get("/emulator/messages", headers=headers) as response:
        status, answer = await error_of(response)
    assert (403, "forbidden") == (status, answer["error"])


# -- parts, prices, ids, alphabets


@dataclass
class Parts:
    """A text and what becomes of it."""

    id: str
    text: str
    type: str
    parts: int
    shown: str = ""


PARTS = [
    Parts("160 septets", "a" * 160, "text", 1),
    Parts("161 septets", "a" * 161, "text", 2),
    Parts("306 septets", "a" * 306, "text", 2),
    Parts("307 septets", "a" * 307, "text", 3),
    Parts("euro signs count twice", "€" * 80, "text", 1),
    Parts("81 euro signs", "€" * 81, "text", 2),
    Parts("an escape pair is not split", "a" * 152 + "€" + "a" * 152, "text", 3),
    Parts("question marks for what GSM-7 lacks", "你好, ça va?", "text", 1, "??, ?a va?"),
    Parts("lost characters do not cost UCS-2", "你" * 160, "text", 1, "?" * 160),
    Parts("70 UTF-16 units", "你" * 70, "unicode", 1),
    Parts("71 UTF-16 units", "你" * 71, "unicode", 2),
    Parts("plain text as unicode", "a" * 71, "unicode", 2),
    Parts("35 emoji", "😀" * 35, "unicode", 1),
    Parts("a surrogate pair is not split", "😀" * 67, "unicode", 3),
]


@pytest.mark.parametrize("case", PARTS, ids=lambda case: case.id)
async def test_splits_into_parts(
    case: Parts, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """One item per part, and the handset shows what the alphabet can carry."""
    answer = await send(http, text=case.text, type=case.type)
    assert case.parts == len(answer)
    assert [case.shown or case.text] == [message.text for message in emulator.sent]


async def test_answers_each_part_with_its_own_id_and_price(http: aiohttp.ClientSession) -> None:
    """Every value is a string; ids differ, the balance goes down, client-ref comes back."""
    answer = await send(http, text="a" * 161, client_ref="order-7")
    assert {str} == {type(value) for item in answer for value in item.values()}
    assert 2 == len({uuid.UUID(item["message-id"]) for item in answer})
    first, second = (Decimal(item["remaining-balance"]) for item in answer)
    assert Decimal(answer[0]["message-price"]) == first - second
    expected = {"to": BERLIN, "status": "0", "network": "26201", "client-ref": "order-7"}
    assert [expected, expected] == [{name: item[name] for name in expected} for item in answer]


async def test_refuses_without_credit(http: aiohttp.ClientSession) -> None:
    """A message that the balance does not pay for is status 9, whole."""
    await change(http, balance=0.1, price=0.05)
    answers = [await send(http, text=text) for text in ("a", "a" * 161, "a", "a")]
    assert [["0"], ["9"], ["0"], ["9"]] == [[item["status"] for item in each] for each in answers]


# -- throttle


async def test_throttles_above_the_rate(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """Of 20 concurrent requests at a rate of 5, those above it are told to wait."""
    emulator.configure(rate=5)
    answers = [item for [item] in await asyncio.gather(*(send(http) for _ in range(20)))]
    refused = [item for item in answers if item["status"] != "0"]
    assert len(refused) == 20 - len(emulator.sent) > 0
    pattern = r"Throughput Rate Exceeded - please wait \[ \d+ \] and retry"
    assert all(re.fullmatch(pattern, item["error-text"]) for item in refused)
    assert {("1", BERLIN, "26201")} == {
        (item["status"], item["to"], item["network"]) for item in refused
    }


def test_throttle_admits_the_rate_in_any_second() -> None:
    """The window slides, refused calls do not count, and the wait is told exactly."""
    throttle = Throttle()
    waits = [throttle.hit(now, 2) for now in (10.0, 10.5, 10.75, 11.0, 11.25, 11.5)]
    assert [0.0, 0.0, 0.25, 0.0, 0.25, 0.0] == waits


def test_throttle_is_off_at_rate_0() -> None:
    """Without a rate every call is admitted."""
    throttle = Throttle()
    assert {0.0} == {throttle.hit(10.0, 0) for _ in range(100)}


# -- ordered failures


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("1", "Throughput Rate Exceeded - please wait [ 702 ] and retry"),
        ("5", "Server Error"),
        ("7", "Number barred."),
        ("9", "Partner quota violation"),
        ("101", "Error"),
    ],
)
async def test_refuses_when_ordered(
    status: str, text: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A status can be ordered for as many requests as wanted; the next one is normal."""
    await order(http, f"status:{status}", count=2)
    answers = [(await send(http))[0] for _ in range(3)]
    assert [status, status, "0"] == [item["status"] for item in answers]
    assert text == answers[0]["error-text"]
    assert 1 == len(emulator.sent)


@pytest.mark.parametrize("failure", ["close", "timeout"])
async def test_hangs_up_when_ordered(
    failure: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """The connection closes without an answer, after the seconds that were ordered."""
    await order(http, failure, seconds=0.01)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await send(http)
    assert [failure] == [request.outcome for request in emulator.requests]
    assert 0 == len(emulator.sent)


async def test_leaves_a_caller_without_an_answer_until_he_gives_up(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A timeout lasts longer than the caller; afterwards everything is normal."""
    await order(http, "timeout")
    timeout = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(TimeoutError):
        await http.post("/sms/json", data=VALID, timeout=timeout)
    assert ["0"] == [item["status"] for item in await send(http)]


@pytest.mark.parametrize("failure", ["close", "empty"])
async def test_delivers_what_the_sender_does_not_learn_of(
    failure: str, emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """With ``accepted`` the message and its receipt go out although the answer failed."""
    await order(http, failure, accepted=True)
    try:
        async with http.post("/sms/json", data=VALID | {"client-ref": "ours"}) as response:
            assert "" == await response.text()
    except aiohttp.ServerDisconnectedError:
        assert "close" == failure
    [receipt] = await receiver.wait(1)
    assert "ours" == receipt.values["client-ref"]
    assert 1 == len(emulator.sent)


@pytest.mark.parametrize(
    ("failure", "status", "content_type", "start"),
    [
        ({"failure": "html"}, 502, "text/html", "<html>"),
        ({"failure": "html", "http_status": 200}, 200, "text/html", "<html>"),
        ({"failure": "empty"}, 200, "text/html", ""),
        ({"failure": "empty", "http_status": 503}, 503, "text/html", ""),
        ({"failure": "429"}, 429, "application/json", '{"type"'),
    ],
    ids=str,
)
async def test_answers_oddly_when_ordered(
    failure: dict[str, Any],
    status: int,
    content_type: str,
    start: str,
    http: aiohttp.ClientSession,
) -> None:
    """Pages, empty bodies and HTTP errors, as a front server would give them."""
    await order(http, **failure)
    async with http.post("/sms/json", data=VALID) as response:
        text = await response.text()
        assert (status, content_type) == (response.status, response.content_type)
    assert (start, bool(start)) == (text[: len(start)], bool(text))
    assert ["0"] == [item["status"] for item in await send(http)]


async def test_accepts_a_message_in_part(
    emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Ordered for the next message of several parts: the first goes out, the others do not."""
    await order(http, "partial")
    single, double = await send(http), await send(http, text="a" * 307)
    assert [["0"], ["0", "1", "1"]] == [[i["status"] for i in each] for each in (single, double)]
    assert "message-id" not in double[1]
    receipts = await receiver.wait(2)
    accepted = {single[0]["message-id"], double[0]["message-id"]}
    assert accepted == {receipt.values["messageId"] for receipt in receipts}


async def test_failures_come_in_the_order_of_their_orders(http: aiohttp.ClientSession) -> None:
    """Orders queue up."""
    await order(http, "status:5", count=2)
    await order(http, "status:9")
    answers = [(await send(http))[0]["status"] for _ in range(4)]
    assert ["5", "5", "9", "0"] == answers


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "failure"),
        ({"failure": "status:0"}, "failure"),
        ({"failure": 5}, "failure"),
        ({"failure": "close", "count": 0}, "count"),
        ({"failure": "close", "count": True}, "count"),
        ({"failure": "close", "count": 1.5}, "count"),
        ({"failure": "timeout", "seconds": "1"}, "seconds"),
        ({"failure": "timeout", "seconds": -1}, "seconds"),
        ({"failure": "html", "http_status": 99}, "http_status"),
        ({"failure": "close", "accepted": 1}, "accepted"),
        ({"failure": "close", "colour": "red"}, "colour"),
    ],
    ids=str,
)
async def test_refuses_a_wrong_order(
    body: dict[str, Any], name: str, http: aiohttp.ClientSession
) -> None:
    """A wrong order is a 400 that names the key, and nothing fails."""
    async with http.post("/emulator/next", json=body) as response:
        status, answer = await error_of(response)
    assert (400, name) == (status, answer["field"])
    assert ["0"] == [item["status"] for item in await send(http)]
