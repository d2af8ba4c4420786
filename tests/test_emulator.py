"""The provider emulator over real HTTP: refusals, parts, ordered failures, receipts, settings."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from gateway.emulator import Emulator
from gateway.emulator.delivery import shuffled
from gateway.emulator.inbox import Part, SentMessage
from gateway.emulator.receipts import Receipt, signed
from gateway.emulator.throttle import Throttle
from gateway.errors import BadRequest

KEY, SECRET = "emulator", "emulator-secret"
SIGNATURE_SECRET = "a-signature-secret-of-32-characters"
BERLIN = "4917612345678"
SEATTLE = "12065550123"
VALID = {"api_key": KEY, "api_secret": SECRET, "from": "Acme", "to": BERLIN, "text": "Hello"}
GIVEN_UP = 10  # seconds after which a condition that never comes true fails the test


@dataclass
class Delivered:
    """One request that reached the receiver of receipts."""

    method: str
    content_type: str | None
    user_agent: str
    authorization: str
    body: bytes
    query: dict[str, str]
    form: dict[str, str]

    @property
    def values(self) -> dict[str, Any]:
        """The parameters, wherever they were."""
        if self.body.startswith(b"{"):
            return dict(json.loads(self.body))
        return self.form or self.query


@dataclass
class Receiver:
    """A webhook on loopback that keeps what it gets and answers as it is told."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        is_form = request.content_type == "application/x-www-form-urlencoded"
        form = {name: str(value) for name, value in (await request.post()).items()}
        delivered = Delivered(
            method=request.method,
            content_type=request.headers.get("Content-Type"),
            user_agent=request.headers.get("User-Agent", ""),
            authorization=request.headers.get("Authorization", ""),
            body=body,
            query=dict(request.query),
            form=form if is_form else {},
        )
        async with self.arrived:
            self.delivered.append(delivered)
            self.arrived.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def wait(self, count: int) -> list[Delivered]:
        """Return what was delivered, as soon as it is ``count`` requests."""
        async with asyncio.timeout(GIVEN_UP), self.arrived:
            await self.arrived.wait_for(lambda: len(self.delivered) >= count)
        assert count == len(self.delivered)
        return self.delivered


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/dlr/"
    yield made
    await runner.cleanup()


@pytest.fixture
async def emulator(receiver: Receiver) -> AsyncIterator[Emulator]:
    made = Emulator(dlr_url=receiver.url, dlr_delay=0, retry_delays=(0.01, 0.02), rate=0)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(emulator.url) as session:
        yield session


async def send(http: aiohttp.ClientSession, **changes: str) -> list[dict[str, str]]:
    """Return the items that answer a valid request with the changes (``from_`` means from)."""
    params = VALID | {name.rstrip("_").replace("_", "-"): text for name, text in changes.items()}
    async with http.post("/sms/json", data=params) as response:
        assert response.status == 200
        return await items(response)


async def items(response: aiohttp.ClientResponse) -> list[dict[str, str]]:
    answer = await response.json()
    assert str(len(answer["messages"])) == answer["message-count"]
    return list(answer["messages"])


async def order(http: aiohttp.ClientSession, failure: str, **more: object) -> None:
    async with http.post("/emulator/next", json={"failure": failure, **more}) as response:
        assert response.status == 200


async def change(http: aiohttp.ClientSession, **settings: object) -> None:
    async with http.post("/emulator/settings", json=settings) as response:
        assert response.status == 200


async def error_of(response: aiohttp.ClientResponse) -> tuple[int, dict[str, str]]:
    text = await response.text()
    assert "Traceback" not in text
    return response.status, json.loads(text)


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
    Refusal("no binary body", {"type": "binary"}, "2", "Missing body param"),
    Refusal("recipient with plus", {"to": "+4917612345678"}, "3", "Invalid to param"),
    Refusal("recipient with letters", {"to": "49176abc45678"}, "3", "Invalid to param"),
    Refusal("recipient too short", {"to": "491761"}, "3", "Invalid to param"),
    Refusal("recipient too long", {"to": "4917612345678901"}, "3", "Invalid to param"),
    Refusal("full-width digits", {"to": "４９１７６１２３４５６７８"}, "3", "Invalid to param"),
    Refusal("recipient with 00", {"to": "004917612345678"}, "6", "Unroutable message - rejected"),
    Refusal("national recipient", {"to": "017612345678"}, "6", "Unroutable message - rejected"),
    Refusal("unknown type", {"type": "vcard"}, "3", "Invalid type param"),
    Refusal("ttl too short", {"ttl": "19999"}, "3", "Invalid ttl param"),
    Refusal("ttl not a number", {"ttl": "soon"}, "3", "Invalid ttl param"),
    Refusal("message class", {"message-class": "4"}, "3", "Invalid message-class param"),
    Refusal("protocol id", {"protocol-id": "256"}, "3", "Invalid protocol-id param"),
    Refusal("client-ref", {"client-ref": "r" * 101}, "3", "Invalid client-ref param"),
    Refusal("report flag", {"status-report-req": "maybe"}, "3", "Invalid status-report-req param"),
    Refusal("binary not hex", {"type": "binary", "body": "xy"}, "3", "Invalid body or udh param"),
    Refusal("binary too long", {"type": "binary", "body": "00" * 141}, "12", "Message too long"),
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
    "binary of 140 octets": {"type": "binary", "body": "00" * 134, "udh": "050003010101"},
}


@pytest.mark.parametrize("changes", LIMITS.values(), ids=LIMITS.keys())
async def test_accepts_up_to_the_limits(
    changes: dict[str, str], http: aiohttp.ClientSession
) -> None:
    """What the documentation allows is accepted."""
    async with http.post("/sms/json", data=VALID | changes) as response:
        assert {"0"} == {item["status"] for item in await items(response)}


# -- who is asking


def basic(key: str, secret: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{key}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


@dataclass
class Credentials:
    """Credentials in the parameters and headers, and the status they lead to."""

    id: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    status: str
    text: str = ""


WRONG = "invalid credentials"
BOTH = "Signature and API secret disallowed"
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
    Credentials("signature of another key", {"api_key": "x", "sig": "0" * 32}, {}, "4", WRONG),
    Credentials(
        "wrong signature",
        {"api_key": KEY, "sig": "0" * 32, "timestamp": "1700000000"},
        {},
        "14",
        "Invalid Signature",
    ),
    Credentials(
        "signature and secret",
        {"api_key": KEY, "api_secret": SECRET, "sig": "0" * 32},
        {},
        "32",
        BOTH,
    ),
    Credentials("signature and basic", {"sig": "0" * 32}, basic(KEY, SECRET), "32", BOTH),
]


@pytest.mark.parametrize("case", CREDENTIALS, ids=lambda case: case.id)
async def test_checks_the_credentials(
    case: Credentials, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """One of the three kinds of credentials, and exactly one, opens the account."""
    emulator.configure(signature_secret=SIGNATURE_SECRET)
    params = {"from": "Acme", "to": BERLIN, "text": "Hello", **case.params}
    async with http.post("/sms/json", data=params, headers=case.headers) as response:
        item = (await items(response))[0]
    assert (case.status, case.text) == (item["status"], item.get("error-text", ""))


def documented_signature(params: Mapping[str, str], method: str) -> str:
    """Return the signature by the documented rule, written again and apart from the gateway's."""
    base = ""
    for name in sorted(params):
        base += "&" + name + "=" + re.sub("[&=]", "_", params[name])
    if method == "md5hash":
        return hashlib.md5((base + SIGNATURE_SECRET).encode()).hexdigest()
    return hmac.new(SIGNATURE_SECRET.encode(), base.encode(), method).hexdigest()


@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("letters", [str.upper, str.lower], ids=["upper case", "lower case"])
async def test_accepts_a_signed_request(
    method: str, letters: Any, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """Each algorithm is understood, in either case, with & and = and umlauts in the text."""
    emulator.configure(signature_secret=SIGNATURE_SECRET, signature_method=method)
    params = {
        "api_key": KEY,
        "from": "Acme",
        "to": BERLIN,
        "text": "1 & 2 = 3, grüß Gott",
        "timestamp": "1700000000",
    }
    params["sig"] = letters(documented_signature(params, method))
    async with http.post("/sms/json", data=params) as response:
        assert ["0"] == [item["status"] for item in await items(response)]


async def test_refuses_a_signature_of_another_method(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """The account sets the algorithm; a weaker one is not accepted in its place."""
    emulator.configure(signature_secret=SIGNATURE_SECRET, signature_method="sha256")
    params = {name: text for name, text in VALID.items() if name != "api_secret"}
    params["timestamp"] = "1700000000"
    params["sig"] = documented_signature(params, "md5hash")
    async with http.post("/sms/json", data=params) as response:
        assert ["14"] == [item["status"] for item in await items(response)]


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


@pytest.mark.parametrize("way", ["query", "form", "json", "json without a type", "query and form"])
async def test_takes_parameters_from_query_form_and_json(
    way: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """GET and POST, form, JSON and query say the same."""
    text = "A plus + and ümläuts"
    wanted = VALID | {"text": text}
    requests: dict[str, dict[str, Any]] = {
        "query": {"method": "GET", "params": wanted},
        "form": {"method": "POST", "data": wanted},
        "json": {"method": "POST", "json": wanted},
        "json without a type": {
            "method": "POST",
            "data": json.dumps(wanted).encode(),
            "skip_auto_headers": ["Content-Type"],
        },
        "query and form": {
            "method": "POST",
            "params": {"api_key": KEY, "api_secret": SECRET, "text": "the body wins"},
            "data": {"from": "Acme", "to": BERLIN, "text": text},
        },
    }
    async with http.request(url="/sms/json", **requests[way]) as response:
        assert ["0"] == [item["status"] for item in await items(response)]
    assert [text] == [message.text for message in emulator.sent]


async def test_takes_json_numbers_and_booleans(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A JSON number is a recipient, a JSON boolean a flag."""
    body = VALID | {"to": int(BERLIN), "status-report-req": False, "ttl": 900000}
    async with http.post("/sms/json", json=body) as response:
        assert ["0"] == [item["status"] for item in await items(response)]
    assert [(BERLIN, False)] == [(each.to, each.wants_receipt) for each in emulator.sent]


JUNK: dict[str, tuple[bytes, str]] = {
    "broken JSON": (b'{"to":', "application/json"),
    "JSON list": (b"[1]", "application/json"),
    "nested value": (b'{"to": ["1"]}', "application/json"),
    "null": (b'{"to": null}', "application/json"),
    "deep JSON": (b"[" * 60_000, "application/json"),
    "lone surrogate": (b'{"text": "\\ud800"}', "application/json"),
    "JSON not UTF-8": (b'{"text": "\xff"}', "application/json"),
    "form not UTF-8": (b"text=%ff", "application/x-www-form-urlencoded"),
    "raw bytes in form": (b"text=\xff", "application/x-www-form-urlencoded"),
    "repeated parameter": (b"to=1&to=2", "application/x-www-form-urlencoded"),
    "many parameters": (b"&".join(b"a%d=1" % n for n in range(101)), ""),
    "multipart without boundary": (b"--x", "multipart/form-data"),
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
    async with http.post(path, data=body) as response:
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


async def test_gives_ids_in_the_old_style(http: aiohttp.ClientSession) -> None:
    """16 upper-case hexadecimal digits, as in old traffic."""
    await change(http, message_id="hex")
    answer = await send(http)
    assert re.fullmatch("[0-9A-F]{16}", answer[0]["message-id"])


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


# -- receipts


@dataclass
class Format:
    """A form of receipts: the setting, and how the request looks."""

    method: str
    http_method: str
    content_type: str | None


FORMATS = [
    Format("GET", "GET", None),
    Format("POST", "POST", "application/x-www-form-urlencoded; charset=UTF-8"),
    Format("POST-JSON", "POST", "application/json"),
]
STANDARD = {
    "msisdn": BERLIN,
    "to": "Acme",
    "network-code": "26201",
    "price": "0.03330000",
    "status": "delivered",
    "err-code": "0",
    "api-key": KEY,
}


@pytest.mark.parametrize("case", FORMATS, ids=lambda case: case.method)
async def test_sends_receipts_in_the_form_of_the_account(
    case: Format, emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """The documented fields, all strings: msisdn is the recipient, to the sender ID."""
    await change(http, dlr_method=case.method)
    [sent] = await send(http, client_ref="order 7 & more")
    [receipt] = await receiver.wait(1)
    assert (case.http_method, case.content_type) == (receipt.method, receipt.content_type)
    assert receipt.user_agent.startswith("Vonage/")
    values = receipt.values
    assert re.fullmatch(r"\d{10}", values.pop("scts"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", values.pop("message-timestamp"))
    extra = {"messageId": sent["message-id"], "client-ref": "order 7 & more"}
    assert STANDARD | extra == values


@pytest.mark.parametrize("method", ["POST-JSON", "MESSAGES-V1"])
async def test_sends_json_without_a_content_type(
    method: str, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """As captured from the provider: JSON that does not say so."""
    await change(http, dlr_method=method, dlr_content_type=False)
    await send(http)
    [receipt] = await receiver.wait(1)
    assert receipt.content_type is None
    assert "delivered" == receipt.values["status"]


@pytest.mark.parametrize("case", FORMATS, ids=lambda case: case.method)
@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1", "sha256", "sha512"])
async def test_signs_receipts(
    case: Format, method: str, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """With a signature secret each receipt carries timestamp, nonce and a valid sig."""
    await change(
        http,
        dlr_method=case.method,
        signature_secret=SIGNATURE_SECRET,
        signature_method=method,
    )
    await send(http, client_ref="a=b&c")
    [receipt] = await receiver.wait(1)
    values = receipt.values
    signature = values.pop("sig")
    assert documented_signature(values, method) == signature.lower()
    assert {"timestamp", "nonce"} < set(values)


# Published by the provider's PHP SDK (vonage-php-sdk-core, signature tests).
PUBLISHED = {
    "text with & and =": (
        {
            "keyword": "TEST",
            "message-timestamp": "2017-04-04 22:57:47",
            "messageId": "0B00000042AC53BD",
            "msisdn": "14843472194",
            "text": "Test with & and =",
            "to": "12192259404",
            "type": "text",
        },
        "1491346667",
        "929d6744-bd28-42c8-b6cf-31d5b4f43732",
        "e06d9763e3fd0b9c31beb5fc2fcb011c",
    ),
    "plain text": (
        {
            "keyword": "TESTINGS",
            "message-timestamp": "2017-04-04 23:05:22",
            "messageId": "0C00000027217D5B",
            "msisdn": "14843472194",
            "text": "Testings",
            "to": "12192259404",
            "type": "text",
        },
        "1491347122",
        "c4ab6ed2-9bf5-48a0-af91-107e29bdd399",
        "ff933bf31c79ab3fc6a38d100191c48f",
    ),
}


@pytest.mark.parametrize(
    ("values", "timestamp", "nonce", "expected"), PUBLISHED.values(), ids=PUBLISHED.keys()
)
def test_signs_webhooks_like_the_provider(
    values: dict[str, str], timestamp: str, nonce: str, expected: str
) -> None:
    """The published signatures come out."""
    secret = "my_secret_key_for_testing"
    result = signed(values, secret, "md5hash", timestamp=timestamp, nonce=nonce)
    assert values | {"timestamp": timestamp, "nonce": nonce, "sig": expected} == result


def decoded(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def test_sends_messages_v1_statuses_with_a_jwt(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """``to`` is the recipient there; the token is HS256 and covers the raw body."""
    await change(
        http,
        dlr_method="MESSAGES-V1",
        signature_secret=SIGNATURE_SECRET,
        application_id="our-application",
    )
    sent = await send(http, text="a" * 161, client_ref="order-7")
    receipts = await receiver.wait(2)
    assert {i["message-id"] for i in sent} == {r.values["message_uuid"] for r in receipts}
    values = receipts[0].values
    expected = {
        "to": BERLIN,
        "from": "Acme",
        "status": "delivered",
        "channel": "sms",
        "client_ref": "order-7",
        "usage": {"currency": "EUR", "price": "0.03330000"},
        "destination": {"network_code": "26201"},
        "sms": {"count_total": "2"},
    }
    assert expected == {name: values[name] for name in expected}
    assert "error" not in values
    check_token(receipts[0])


def check_token(receipt: Delivered) -> None:
    header, claims, signature = receipt.authorization.removeprefix("Bearer ").split(".")
    digest = hmac.digest(SIGNATURE_SECRET.encode(), f"{header}.{claims}".encode(), "sha256")
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == signature
    assert {"alg": "HS256", "typ": "JWT"} == decoded(header)
    expected = {
        "iss": "Vonage",
        "api_key": KEY,
        "application_id": "our-application",
        "payload_hash": hashlib.sha256(receipt.body).hexdigest(),
    }
    assert expected == {name: decoded(claims)[name] for name in expected}
    assert {"iat", "jti"} < set(decoded(claims))


@pytest.mark.parametrize(
    ("status", "code", "shown"),
    [
        ("accepted", "0", "submitted"),
        ("buffered", "0", "submitted"),
        ("delivered", "0", "delivered"),
        ("expired", "2", "rejected"),
        ("failed", "12", "rejected"),
        ("rejected", "6", "rejected"),
        ("unknown", "1", "undeliverable"),
    ],
)
async def test_sends_the_ordered_status_in_both_shapes(
    status: str, code: str, shown: str, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Each status has its error code, and its word in Messages v1."""
    await change(http, dlr_statuses=[status])
    await send(http)
    await receiver.wait(1)
    await change(http, dlr_method="MESSAGES-V1")
    await send(http)
    old, new = (receipt.values for receipt in await receiver.wait(2))
    assert (status, code) == (old["status"], old["err-code"])
    assert (shown, code) == (new["status"], new.get("error", {}).get("title", "0"))


async def test_sends_an_ordered_error_code(http: aiohttp.ClientSession, receiver: Receiver) -> None:
    """The usual error code of a status can be replaced."""
    await change(http, dlr_statuses="failed", dlr_err_code="99")
    await send(http)
    [receipt] = await receiver.wait(1)
    assert ("failed", "99") == (receipt.values["status"], receipt.values["err-code"])


async def test_sends_the_statuses_of_each_part_in_order(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Each part has its own receipts: buffered, then delivered."""
    await change(http, dlr_statuses="buffered,delivered")
    sent = await send(http, text="a" * 161)
    receipts = [receipt.values for receipt in await receiver.wait(4)]
    for item in sent:
        of_part = [r["status"] for r in receipts if r["messageId"] == item["message-id"]]
        assert ["buffered", "delivered"] == of_part


async def test_repeats_receipts(http: aiohttp.ClientSession, receiver: Receiver) -> None:
    """``dlr_repeat`` sends each receipt so many times, with the same id."""
    await change(http, dlr_repeat=3)
    [sent] = await send(http)
    receipts = await receiver.wait(3)
    assert {sent["message-id"]} == {receipt.values["messageId"] for receipt in receipts}


async def test_sends_receipts_out_of_order(http: aiohttp.ClientSession, receiver: Receiver) -> None:
    """``dlr_shuffle`` with two statuses turns them round."""
    await change(http, dlr_statuses="buffered,delivered", dlr_shuffle=True)
    await send(http)
    receipts = await receiver.wait(2)
    assert ["delivered", "buffered"] == [receipt.values["status"] for receipt in receipts]


def test_shuffling_never_keeps_the_order() -> None:
    """However often: the same receipts, in another order."""
    part = Part("id")
    message = SentMessage(
        time=0,
        to=BERLIN,
        sender="Acme",
        text="",
        asked_text="",
        type="text",
        encoding="gsm7",
        client_ref="",
        callback="",
        wants_receipt=True,
        network="",
        price="",
        parts=(part,),
    )
    receipts = [Receipt(message, part, status) for status in ("accepted", "buffered", "delivered")]
    for _ in range(100):
        result = shuffled(receipts)
        assert receipts != result
        assert {r.status for r in receipts} == {r.status for r in result}


async def test_sends_receipts_before_its_own_answer(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """With ``dlr_early`` the receipts have arrived when the answer comes."""
    await change(http, dlr_early=True, dlr_delay=3600)
    sent = await send(http, text="a" * 161)
    early = {receipt.values["messageId"] for receipt in receiver.delivered}
    assert {item["message-id"] for item in sent} == early


async def test_waits_before_a_receipt(http: aiohttp.ClientSession, receiver: Receiver) -> None:
    """A receipt with a long delay has not arrived when a later one without has."""
    await change(http, dlr_delay=3600)
    await send(http)
    await change(http, dlr_delay=0)
    [second] = await send(http)
    [receipt] = await receiver.wait(1)
    assert second["message-id"] == receipt.values["messageId"]


@pytest.mark.parametrize("flag", ["0", "false", "False", "no"])
async def test_sends_no_receipt_that_nobody_asked_for(
    flag: str, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Only the message that asks for a receipt gets one."""
    await send(http, status_report_req=flag)
    [asked] = await send(http, status_report_req="True")
    [receipt] = await receiver.wait(1)
    assert asked["message-id"] == receipt.values["messageId"]


async def test_sends_no_receipt_when_they_are_off(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """``dlr_off`` loses receipts, as carriers do."""
    await change(http, dlr_off=True)
    await send(http)
    await change(http, dlr_off=False)
    [second] = await send(http)
    [receipt] = await receiver.wait(1)
    assert second["message-id"] == receipt.values["messageId"]


async def test_calls_the_callback_of_the_message(
    emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """``callback`` overrides the account's URL, and its own query stays."""
    emulator.configure(dlr_url="http://127.0.0.1:9/", dlr_method="GET")
    await send(http, callback=f"{receiver.url}?mine=1%202")
    [receipt] = await receiver.wait(1)
    assert ("1 2", BERLIN) == (receipt.query["mine"], receipt.query["msisdn"])


NOT_HERE = [
    "http://192.0.2.1/dlr",
    "http://sms.example.org/dlr",
    "http://127.0.0.1.example.org/",
    "http://127.0.0.1@192.0.2.1/",
    "http://[::ffff:192.0.2.1]/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://[bad/",
]


@pytest.mark.parametrize("callback", NOT_HERE)
async def test_calls_only_this_machine(
    callback: str,
    http: aiohttp.ClientSession,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A callback elsewhere is replaced by the account's URL, and said once per host."""
    sent = [(await send(http, callback=callback))[0]["message-id"] for _ in range(2)]
    receipts = await receiver.wait(2)
    assert set(sent) == {receipt.values["messageId"] for receipt in receipts}
    assert 1 == len([each for each in caplog.records if each.levelno == logging.WARNING])


async def test_sends_no_receipt_when_no_url_is_on_this_machine(
    emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Without a loopback URL nothing is sent."""
    emulator.configure(dlr_url="https://sms.example.org/dlr")
    await send(http, callback="http://192.0.2.1/")
    [second] = await send(http, callback=receiver.url)
    [receipt] = await receiver.wait(1)
    assert second["message-id"] == receipt.values["messageId"]


async def attempts(http: aiohttp.ClientSession, count: int) -> list[dict[str, Any]]:
    """Return the attempts of the first message's receipts, once they are ``count``."""
    async with asyncio.timeout(GIVEN_UP):
        while True:
            async with http.get("/emulator/messages") as response:
                [message, *_] = await response.json()
            found: list[dict[str, Any]] = message["parts"][0]["receipts"]
            if len(found) >= count:
                return found


@dataclass
class Retries:
    """What the receiver answers, the policy, and the HTTP results that come of it."""

    id: str
    answers: list[int]
    policy: str
    expected: list[int]


RETRIES = [
    Retries("taken at once", [204], "classic", [204]),
    Retries("after 503", [503], "classic", [503, 200]),
    Retries("classic repeats after 404", [404], "classic", [404, 200]),
    Retries("gives up after the list", [500] * 5, "classic", [500, 500, 500]),
    Retries("a redirect is not followed", [302], "classic", [302, 200]),
    Retries("backoff repeats after 429 and 5xx", [429, 502], "backoff", [429, 502, 200]),
    Retries("backoff loses what was answered 401", [401], "backoff", [401]),
]


@pytest.mark.parametrize("case", RETRIES, ids=lambda case: case.id)
async def test_repeats_receipts_that_were_not_taken(
    case: Retries, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Each attempt is kept with its HTTP result; the list of delays is the end of it."""
    await change(http, retry_policy=case.policy)
    receiver.answers = list(case.answers)
    await send(http)
    found = await attempts(http, len(case.expected))
    assert case.expected == [attempt["http_status"] for attempt in found]
    assert len(case.expected) == len(receiver.delivered)
    assert len({receipt.body for receipt in receiver.delivered}) == 1


async def test_keeps_why_a_receipt_was_not_taken(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A refused connection is an attempt without an HTTP status."""
    emulator.configure(dlr_url="http://127.0.0.1:9/")
    await send(http)
    found = await attempts(http, 3)
    assert [(None, "ClientConnectorError")] * 3 == [
        (each["http_status"], each["error"]) for each in found
    ]


# -- settings, messages, life


async def test_shows_what_was_sent_by_recipient(http: aiohttp.ClientSession) -> None:
    """``to`` selects, with or without a plus; ``limit`` takes the newest, oldest first."""
    for text in ("one", "two", "three"):
        await send(http, text=text)
    await send(http, to="4917604069001", text="other")
    expected = {
        "": ["one", "two", "three", "other"],
        f"?to={BERLIN}": ["one", "two", "three"],
        f"?to=%2B{BERLIN}": ["one", "two", "three"],
        "?limit=2": ["three", "other"],
        f"?to={BERLIN}&limit=2": ["two", "three"],
        "?to=1": [],
    }
    for query, texts in expected.items():
        async with http.get(URL(f"/emulator/messages{query}", encoded=True)) as got:
            assert texts == [message["text"] for message in await got.json()]


async def test_reset_takes_everything_back(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """DELETE forgets messages, requests, orders and live changes, not what was configured."""
    emulator.configure(price=0.5)
    await change(http, dlr_delay=3600, rate=7, price=0.1)
    await send(http)
    await order(http, "status:5")
    async with http.delete("/emulator/messages") as response:
        assert 200 == response.status
    assert (0, 0, 0, 0.0, 0.5) == (
        len(emulator.sent),
        len(emulator.requests),
        emulator.settings.rate,
        emulator.settings.dlr_delay,
        emulator.settings.price,
    )
    assert ["0"] == [item["status"] for item in await send(http)]


WRONG_SETTINGS: list[tuple[str, Any]] = [
    ("colour", "red"),
    ("api_key", ""),
    ("api_secret", None),
    ("signature_method", "md4"),
    ("rate", "30"),
    ("rate", -1),
    ("rate", True),
    ("dlr_delay", "soon"),
    ("dlr_delay", -0.1),
    ("dlr_delay", float("nan")),
    ("dlr_method", "PUT"),
    ("dlr_method", ["GET"]),
    ("dlr_url", "ftp://127.0.0.1/"),
    ("dlr_url", "not a url"),
    ("dlr_statuses", "read"),
    ("dlr_statuses", 5),
    ("dlr_err_code", "x"),
    ("dlr_repeat", 0),
    ("dlr_off", "yes"),
    ("retry_delays", [1, "x"]),
    ("retry_delays", [0.1] * 101),
]


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
async def test_refuses_a_wrong_setting(
    name: str, value: object, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A wrong setting is a 400 that names it, and nothing else of the request is applied."""
    before = emulator.settings
    body = {"dlr_shuffle": True, name: value}
    async with http.post("/emulator/settings", json=body) as response:
        status, answer = await error_of(response)
    assert (400, name) == (status, answer["field"])
    assert before == emulator.settings


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
def test_refuses_a_wrong_setting_in_python(name: str, value: object) -> None:
    """``configure`` checks in the same way."""
    with pytest.raises(BadRequest, match=f"^{name}: "):
        Emulator().configure(**{name: value})


async def test_shows_the_settings_after_a_change(http: aiohttp.ClientSession) -> None:
    """Lists may be texts; secrets only show that they are set."""
    body = {"dlr_statuses": "buffered, failed", "retry_delays": "1,2.5", "signature_secret": "s"}
    async with http.post("/emulator/settings", json=body) as response:
        answer = await response.json()
    expected = {
        "dlr_statuses": ["buffered", "failed"],
        "retry_delays": [1.0, 2.5],
        "signature_secret": "(set)",
        "api_secret": "(set)",
    }
    assert expected == {name: answer[name] for name in expected}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/static/inbox.js", "text/javascript"),
        ("/static/inbox.css", "text/css"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
async def test_serves_its_page(path: str, content_type: str, http: aiohttp.ClientSession) -> None:
    """The page and its files, never cached, with nothing inline and nothing from elsewhere."""
    async with http.get(path) as response:
        text = await response.text()
        assert (200, content_type) == (response.status, response.content_type)
        assert "no-store" == response.headers["Cache-Control"]
        policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<style|style=|\son\w+=|innerHTML|(src|href)=.https?:", text)


async def requests_seen(http: aiohttp.ClientSession) -> int:
    async with http.get("/emulator/requests") as response:
        return len(await response.json())


async def test_listens_on_loopback_and_stops(receiver: Receiver) -> None:
    """After ``stop`` nobody listens, nothing is pending, and a second stop does no harm."""
    emulator = Emulator(dlr_url=receiver.url, dlr_delay=3600)
    await emulator.start()
    assert re.fullmatch(r"127\.0\.0\.1:\d+", emulator.domain)
    assert f"http://{emulator.domain}" == emulator.url
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession(emulator.url) as http:
        await send(http)
        await order(http, "timeout", seconds=3600)
        waiting = asyncio.ensure_future(http.post("/sms/json", data=VALID))
        async with asyncio.timeout(GIVEN_UP):
            while await requests_seen(http) < 2:
                pass
        await emulator.stop()
        with pytest.raises(aiohttp.ClientError):
            await waiting
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get("/")
    await emulator.stop()
    assert [] == receiver.delivered
    assert set() == {task for task in asyncio.all_tasks() - before if "Deliveries" in repr(task)}


async def start_alone(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.emulator",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_runs_alone_until_a_signal(number: signal.Signals) -> None:
    """``python -m gateway.emulator`` prints its address, serves, and ends with exit status 0."""
    process = await start_alone("--port=0", "--rate=7", "--dlr_method=GET", "--dlr_off=true")
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    address = re.fullmatch(r"emulator listening on (http://127\.0\.0\.1:\d+)\n", line)
    assert address
    async with aiohttp.ClientSession(address[1]) as http, http.get("/emulator/settings") as got:
        settings = await got.json()
    process.send_signal(number)
    rest, errors = await process.communicate()
    assert (0, b"", b"") == (process.returncode, rest, errors)
    assert (7, "GET", True) == (settings["rate"], settings["dlr_method"], settings["dlr_off"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--rate=fast", b"rate: must be a whole number"),
        ("--dlr_off=perhaps", b"dlr_off: must be true or false"),
        ("--port=65536", b"--port: must be a number from 0 to 65535"),
        ("--colour=red", b"--colour=red"),
    ],
)
async def test_refuses_a_wrong_option(option: str, message: bytes) -> None:
    """A wrong option ends the start with exit status 2, its name, and no traceback."""
    process = await start_alone(option)
    _, errors = await process.communicate()
    assert (2, True, False) == (process.returncode, message in errors, b"Traceback" in errors)


async def test_says_when_its_port_is_taken(emulator: Emulator) -> None:
    """A taken port is exit status 1 and one line."""
    port = emulator.domain.partition(":")[2]
    process = await start_alone(f"--port={port}")
    _, errors = await process.communicate()
    assert (1, 1) == (process.returncode, len(errors.splitlines()))
