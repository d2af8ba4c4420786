"""The emulator's receipts: their forms, signatures, order, target and repetition."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import re
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from gateway.emulator import Emulator
from gateway.emulator.webhooks.outgoing import shuffled, signed
from tests.support.scenes.emulation import (
    BERLIN,
    GIVEN_UP,
    KEY,
    SIGNATURE_SECRET,
    Delivered,
    Receiver,
    change,
    documented_signature,
    send,
)

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
    receipts = ["accepted", "buffered", "delivered"]
    for _ in range(100):
        result = shuffled(receipts)
        assert receipts != result
        assert set(receipts) == set(result)


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


RETRIES: dict[str, tuple[list[int], list[int]]] = {
    "taken at once": ([204], [204]),
    "after 503": ([503], [503, 200]),
    "after 404": ([404], [404, 200]),
    "gives up after the list": ([500] * 5, [500, 500, 500]),
    "a redirect is not followed": ([302], [302, 200]),
}


@pytest.mark.parametrize(("answers", "expected"), RETRIES.values(), ids=RETRIES.keys())
async def test_repeats_receipts_that_were_not_taken(
    answers: list[int], expected: list[int], http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Each attempt is kept with its HTTP result; the list of delays is the end of it."""
    receiver.answers = list(answers)
    await send(http)
    found = await attempts(http, len(expected))
    assert expected == [attempt["http_status"] for attempt in found]
    assert len(expected) == len(receiver.delivered)
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
