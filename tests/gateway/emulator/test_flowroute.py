"""The emulator's Flowroute: sending, refusals, ordered failures, records, receipts and MOs."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from gateway.emulator import Emulator
from tests.support.scenes.emulation import (
    BERLIN,
    SEATTLE,
    Receiver,
    basic,
    change,
    order,
)
from tests.support.scenes.emulation import send as send_by_vonage

LEASED, OTHER = "12065550161", "12065550162"
JSON_API = "application/vnd.api+json"
KEYS = basic("emulator", "emulator-secret")
VALID = {"to": SEATTLE, "from": LEASED, "body": "Hello"}


async def post(
    http: aiohttp.ClientSession,
    attributes: object,
    *,
    auth: dict[str, str] = KEYS,
    content_type: str = JSON_API,
) -> tuple[int, dict[str, Any]]:
    """Send a document with the attributes, and return status and answer."""
    body = json.dumps({"data": {"type": "message", "attributes": attributes}})
    headers = {"Content-Type": content_type, **auth}
    async with http.post("/v2.1/messages", data=body, headers=headers) as response:
        assert JSON_API == response.content_type
        return response.status, await response.json()


async def send(http: aiohttp.ClientSession, **changes: str) -> str:
    """Send a valid message with the changes, and return its id."""
    status, answer = await post(http, VALID | changes)
    assert 202 == status, answer
    return str(answer["data"]["id"])


# -- sending


async def test_accepts_a_message(
    emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """202 with id and link; the handset shows it, and from which provider it came."""
    status, answer = await post(http, VALID)
    message_id = answer["data"]["id"]
    assert re.fullmatch("mdr2-[0-9a-f]{32}", message_id)
    link = f"{emulator.url}/v2.1/messages/{message_id}"
    document = {"links": {"self": link}, "type": "message", "id": message_id}
    assert (202, {"data": document}) == (status, answer)
    async with http.get("/emulator/messages") as response:
        [shown] = await response.json()
    expected = {"provider": "flowroute", "to": SEATTLE, "sender": LEASED, "text": "Hello"}
    assert expected == {name: shown[name] for name in expected}
    async with http.get("/emulator/requests") as response:
        [request] = await response.json()
    assert (VALID, "accepted", "flowroute") == (
        request["params"],
        request["outcome"],
        request["provider"],
    )
    await receiver.wait(2)


async def test_says_which_provider_each_message_came_from(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """Both accounts share the handsets."""
    await send_by_vonage(http)
    await send(http)
    assert ["nexmo", "flowroute"] == [message.provider for message in emulator.sent]
    assert ["nexmo", "flowroute"] == [request.provider for request in emulator.requests]


@pytest.mark.parametrize(
    ("words", "encoding"),
    [("a" * 400, "gsm7"), ("  blanks ", "gsm7"), ("👍🏽 ok", "ucs2"), ("你" * 200, "ucs2")],
    ids=["long", "blanks", "emoji", "long other script"],
)
async def test_keeps_a_text_whole(
    words: str, encoding: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """The alphabet is found by itself, and a long text has one id."""
    await send(http, body=words)
    [message] = emulator.sent
    assert (words, encoding, 1) == (message.text, message.encoding, len(message.parts))


async def test_takes_the_flat_form_of_the_specification(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """The attributes may come without a document around them."""
    async with http.post("/v2.1/messages", json=VALID, headers=KEYS) as response:
        assert 202 == response.status
    assert ["Hello"] == [message.text for message in emulator.sent]


# -- what is refused


@dataclass
class Refusal:
    """A request, and the HTTP status it is refused with."""

    id: str
    status: int
    changes: dict[str, object] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)


REFUSALS = [
    Refusal("no credentials", 401, request={"auth": {}}),
    Refusal("wrong key", 401, request={"auth": basic("x", "emulator-secret")}),
    Refusal("wrong secret", 401, request={"auth": basic("emulator", "x")}),
    Refusal("sender of another account", 403, {"from": OTHER}),
    Refusal("form", 415, request={"content_type": "text/plain"}),
    Refusal("no recipient", 422, {"to": None}),
    Refusal("no sender", 422, {"from": ""}),
    Refusal("plus", 422, {"to": f"+{SEATTLE}"}),
    Refusal("other country", 422, {"to": BERLIN}),
    Refusal("national", 422, {"to": SEATTLE[1:]}),
    Refusal("letters as sender", 422, {"from": "Acme"}),
    Refusal("number instead of text", 422, {"to": int(SEATTLE)}),
    Refusal("full-width digits", 422, {"to": "１２０６５５５０１２３"}),
    Refusal("no body", 422, {"body": None}),
    Refusal("empty body", 422, {"body": ""}),
    Refusal("list as body", 422, {"body": ["Hello"]}),
    Refusal("picture", 422, {"media_urls": ["https://example.com/a.png"]}),
    Refusal("callback", 422, {"dlr_callback": "example.com"}),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
async def test_refuses_with_an_error_document(
    case: Refusal, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """Each error has an id, its status, a title and a detail; nothing reaches a handset."""
    emulator.configure(flowroute_numbers=[LEASED])
    status, answer = await post(http, VALID | case.changes, **case.request)
    [error] = answer["errors"]
    assert (case.status, case.status) == (status, error["status"])
    assert [str, str, str] == [type(error[name]) for name in ("id", "title", "detail")]
    assert 0 == len(emulator.sent)
    assert [f"status:{case.status}"] == [request.outcome for request in emulator.requests]


JUNK = {
    "broken JSON": (b'{"data":', 400),
    "list": (b"[]", 400),
    "not UTF-8": (b"\xff", 400),
    "no attributes": (b'{"data":{}}', 422),
    "data is a list": (b'{"data":[1]}', 422),
    "too large": (b'{"body":"' + b"a" * 100_000 + b'"}', 413),
}


@pytest.mark.parametrize(("body", "status"), JUNK.values(), ids=JUNK.keys())
async def test_refuses_junk_with_an_error_document(
    body: bytes, status: int, http: aiohttp.ClientSession
) -> None:
    """What cannot be read is refused in the same form."""
    headers = {"Content-Type": JSON_API, **KEYS}
    async with http.post("/v2.1/messages", data=body, headers=headers) as response:
        answer = await response.json()
    assert (status, status) == (response.status, answer["errors"][0]["status"])


async def test_throttles_above_the_rate(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """Of 20 concurrent requests at a rate of 5, those above it are answered 429."""
    emulator.configure(rate=5, dlr_off=True)
    answers = await asyncio.gather(*(post(http, VALID) for _ in range(20)))
    assert 20 - len(emulator.sent) == [status for status, _ in answers].count(429) > 0


# -- ordered failures


@pytest.mark.parametrize("failure", ["close", "timeout"])
async def test_hangs_up_when_ordered(
    failure: str, emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Without an answer; with ``accepted`` the message goes out all the same."""
    await order(http, failure, seconds=0.01, accepted=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(http, VALID)
    assert (1, [failure]) == (
        len(emulator.sent),
        [request.outcome for request in emulator.requests],
    )
    await receiver.wait(2)


@pytest.mark.parametrize(
    ("failure", "status", "content_type", "start"),
    [
        ({"failure": "html"}, 502, "text/html", "<html>"),
        ({"failure": "empty"}, 200, "text/html", ""),
        ({"failure": "empty", "http_status": 202}, 202, "text/html", ""),
        ({"failure": "429"}, 429, JSON_API, '{"errors"'),
        ({"failure": "status:403"}, 403, JSON_API, '{"errors"'),
        ({"failure": "status:500"}, 500, JSON_API, '{"errors"'),
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
    """An N of ``status:N`` from 400 on is an HTTP status here; the next request is normal."""
    await order(http, **failure)
    async with http.post("/v2.1/messages", json=VALID, headers=KEYS) as response:
        body = await response.text()
        assert (status, content_type) == (response.status, response.content_type)
    assert (start, bool(start)) == (body[: len(start)], bool(body))
    await send(http)


async def test_leaves_to_vonage_what_only_vonage_has(http: aiohttp.ClientSession) -> None:
    """A small status and ``partial`` wait for the SMS API, and hold up nothing."""
    await order(http, "status:5")
    await order(http, "429", count=2)
    assert [429, 429, 202] == [(await post(http, VALID))[0] for _ in range(3)]
    assert ["5", "0"] == [(await send_by_vonage(http))[0]["status"] for _ in range(2)]


# -- receipts and records


async def test_sends_two_receipts(http: aiohttp.ClientSession, receiver: Receiver) -> None:
    """Level 1 from the carrier, then level 2 with the status of the account."""
    message_id = await send(http)
    first, second = (each.values["data"] for each in await receiver.wait(2))
    assert {("POST", JSON_API)} == {(d.method, d.content_type) for d in receiver.delivered}
    expected = {
        "type": "delivery_receipt",
        "id": message_id,
        "links": {"related": f"https://api.flowroute.com/v2.1/messages/{message_id}"},
    }
    for document in (first, second):
        assert expected == {name: document[name] for name in expected}
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\dZ", document["attributes"]["timestamp"]
        )
    told = [(d["attributes"]["level"], d["attributes"]["status"]) for d in (first, second)]
    assert [(1, "smsc submit"), (2, "delivered")] == told


STATUSES = {
    "buffered": ("message buffered", "1003"),
    "delivered": ("delivered", None),
    "failed": ("failed", None),
    "rejected": ("rejected", None),
    "expired": ("expired", None),
    "unknown": ("unknown", None),
}


@pytest.mark.parametrize(("status", "shown"), STATUSES.items(), ids=STATUSES.keys())
async def test_sends_the_ordered_status(
    status: str,
    shown: tuple[str, str | None],
    http: aiohttp.ClientSession,
    receiver: Receiver,
) -> None:
    """The account's statuses are level 2, each in Flowroute's word."""
    await change(http, dlr_statuses=[status])
    await send(http)
    attributes = (await receiver.wait(2))[1].values["data"]["attributes"]
    assert shown == (attributes["status"], attributes["status_code"])


async def test_calls_the_callback_of_the_message(
    emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """``dlr_callback`` overrides the account's URL; none on this machine, no receipt."""
    emulator.configure(flowroute_dlr_url="https://sms.example.org/")
    await send(http)
    asked = await send(http, dlr_callback=receiver.url)
    receipts = await receiver.wait(2)
    assert {asked} == {each.values["data"]["id"] for each in receipts}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([200], [200]),
        ([204, 200], [204, 200]),
        ([404, 302, 200], [404, 302, 200]),
        ([500] * 9, [500] * 5),
    ],
    ids=["200 is taken", "204 is not", "nor anything else", "at most four repeats"],
)
async def test_repeats_all_but_200(
    answers: list[int], expected: list[int], emulator: Emulator, receiver: Receiver
) -> None:
    """Flowroute's own rule, for texts as for receipts."""
    emulator.configure(retry_delays=[0.01] * 9)
    receiver.answers = list(answers)
    attempts = await emulator.text(SEATTLE, LEASED, "Hello", provider="flowroute")
    assert expected == [attempt.http_status for attempt in attempts]


# -- texts of handsets


@pytest.mark.parametrize("words", ["Hello", "  blanks ", "👍🏽 ok", "a" * 400])
async def test_tells_of_a_text_in_a_document(
    words: str, emulator: Emulator, receiver: Receiver
) -> None:
    """Version 2.1: one document, whatever the length."""
    emulator.configure(flowroute_numbers=[LEASED])
    [attempt] = await emulator.text(SEATTLE, f"+{LEASED}", words)
    [delivered] = receiver.delivered
    data = delivered.values["data"]
    expected = {
        "from": SEATTLE,
        "to": LEASED,
        "body": words,
        "direction": "inbound",
        "status": "delivered",
        "is_mms": False,
        "message_type": "longcode",
        "delivery_receipts": [],
    }
    assert expected == {name: data["attributes"][name] for name in expected}
    assert ("message", attempt.message_id) == (data["type"], data["id"])
    assert data["id"].startswith("mdr2-")


async def test_tells_of_a_text_in_the_older_flat_form(
    emulator: Emulator, receiver: Receiver
) -> None:
    """Version 2: four fields and an id of the older kind."""
    emulator.configure(flowroute_mo_version="2")
    await emulator.text(SEATTLE, LEASED, " Hello ", provider="flowroute")
    [delivered] = receiver.delivered
    values = delivered.values
    assert re.fullmatch("mdr1-[0-9a-f]{32}", values.pop("id"))
    assert {"to": LEASED, "body": " Hello ", "from": SEATTLE} == values
    assert "application/json" == delivered.content_type


@pytest.mark.parametrize(
    ("to", "provider", "expected"),
    [
        (LEASED, {}, "flowroute"),
        (OTHER, {}, "nexmo"),
        (OTHER, {"provider": "flowroute"}, "flowroute"),
        (LEASED, {"provider": "nexmo"}, "nexmo"),
    ],
)
async def test_texts_go_by_the_provider_of_the_number(
    to: str, provider: dict[str, Any], expected: str, emulator: Emulator, receiver: Receiver
) -> None:
    """Listed numbers are Flowroute's, unless the order says otherwise."""
    emulator.configure(mo_url=receiver.url, flowroute_numbers=f"+{LEASED}")
    await emulator.text(SEATTLE, to, "Hello", **provider)
    [text] = emulator.texts
    [delivered] = receiver.delivered
    assert (expected, expected == "flowroute") == (text.provider, "data" in delivered.values)


async def test_knows_no_binary(http: aiohttp.ClientSession) -> None:
    """Flowroute's API has no such messages."""
    body = {"from": SEATTLE, "to": LEASED, "data": "00", "provider": "flowroute"}
    async with http.post("/emulator/inbound", json=body) as response:
        assert (400, "type") == (response.status, (await response.json())["field"])


async def test_shows_no_secret(http: aiohttp.ClientSession) -> None:
    """The settings only say that there is a secret key."""
    await send(http)
    for path in ("/emulator/requests", "/emulator/settings"):
        async with http.get(path) as response:
            assert "emulator-secret" not in await response.text()
