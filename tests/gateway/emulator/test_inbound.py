"""Handsets that text virtual numbers: the webhooks they cause, their parts, repeats and records."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import aiohttp
import pytest

from gateway.emulator import Emulator
from gateway.emulator.account.texts import cut
from gateway.errors import BadRequest
from gateway.providers.vonage import signatures
from gateway.telephony import segments
from tests.support.scenes.emulation import (
    BERLIN,
    GIVEN_UP,
    KEY,
    SEATTLE,
    SIGNATURE_SECRET,
    Receiver,
    change,
    documented_signature,
    error_of,
)
from tests.support.scenes.masking import until

LEASED = "4917604069001"
METHODS = ["GET", "POST", "POST-JSON"]


async def text(http: aiohttp.ClientSession, **more: object) -> dict[str, Any]:
    """Let a handset text the virtual number over HTTP, and return the answer."""
    body = {"from": BERLIN, "to": LEASED, "text": "Hello", **more}
    async with http.post("/emulator/inbound", json=body) as response:
        assert 200 == response.status
        return dict(await response.json())


def parts_of(receiver: Receiver) -> list[tuple[str, str]]:
    return [(each.values["concat-part"], each.values["text"]) for each in receiver.delivered]


# -- the form of the webhook


@pytest.mark.parametrize("method", METHODS)
async def test_tells_of_a_text_in_the_form_of_the_account(
    method: str, emulator: Emulator, receiver: Receiver
) -> None:
    """The documented fields, all strings: msisdn is the handset, to the virtual number."""
    emulator.configure(mo_method=method)
    [attempt] = await emulator.text(BERLIN, LEASED, "this is & = a 你好")
    [delivered] = receiver.delivered
    values = delivered.values
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", values.pop("message-timestamp"))
    expected = {
        "msisdn": BERLIN,
        "to": LEASED,
        "messageId": attempt.message_id,
        "text": "this is & = a 你好",
        "type": "unicode",
        "keyword": "THIS",
        "api-key": KEY,
    }
    assert (method.partition("-")[0], expected) == (delivered.method, values)


EXACT = {
    "blanks": ("  one ", "text"),
    "blanks alone": ("  ", "text"),
    "line break": ("one\ntwo", "text"),
    "nothing": ("", "text"),
    "gsm7 extension": ("[€]", "text"),
    "tab": ("\tone\t", "unicode"),
    "emoji": ("👍🏽 ok", "unicode"),
    "other script": ("你好", "unicode"),
    "looks like a form": ("a=b&c=%20+", "text"),
}


@pytest.mark.parametrize("method", [*METHODS, "MESSAGES-V1"])
@pytest.mark.parametrize(("words", "kind"), EXACT.values(), ids=EXACT.keys())
async def test_sends_a_text_exactly(
    method: str, words: str, kind: str, emulator: Emulator, receiver: Receiver
) -> None:
    """No character is lost or added, and the type says which alphabet it took."""
    emulator.configure(mo_method=method)
    await emulator.text(BERLIN, LEASED, words)
    [delivered] = receiver.delivered
    assert (words, kind) == (delivered.values["text"], delivered.values.get("type", kind))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("algorithm", ["md5hash", "sha256"])
async def test_signs_texts_like_receipts(
    method: str, algorithm: str, emulator: Emulator, receiver: Receiver
) -> None:
    """With a signature secret: timestamp, nonce and a valid sig."""
    emulator.configure(
        mo_method=method, signature_secret=SIGNATURE_SECRET, signature_method=algorithm
    )
    await emulator.text(BERLIN, LEASED, "a=b&c ü")
    values = receiver.delivered[0].values
    signature = values.pop("sig")
    assert documented_signature(values, algorithm) == signature.lower()
    assert {"timestamp", "nonce"} < set(values)


async def test_tells_of_a_text_in_messages_v1_once(emulator: Emulator, receiver: Receiver) -> None:
    """Its parts are joined, its body is covered by a token."""
    emulator.configure(mo_method="MESSAGES-V1", signature_secret=SIGNATURE_SECRET)
    words = "word " * 40
    [attempt] = await emulator.text(BERLIN, LEASED, words)
    [delivered] = receiver.delivered
    expected = {
        "from": BERLIN,
        "to": LEASED,
        "channel": "sms",
        "message_type": "text",
        "message_uuid": attempt.message_id,
        "text": words,
        "sms": {"num_messages": "2", "count_total": "2", "keyword": "WORD"},
    }
    assert expected == {name: delivered.values[name] for name in expected}
    proof = signatures.jwt_id(delivered.authorization, SIGNATURE_SECRET, delivered.body)
    assert proof is not None


async def test_sends_binary(emulator: Emulator, receiver: Receiver) -> None:
    """``data`` and ``udh`` make a text binary, which is never split."""
    await emulator.text(BERLIN, LEASED, "Binary message", data="EA0601AE", udh="0605040B8423F0")
    values = receiver.delivered[0].values
    expected = {
        "type": "binary",
        "text": "Binary message",
        "data": "EA0601AE",
        "udh": "0605040B8423F0",
    }
    assert expected == {name: values[name] for name in expected}


SENDERS = {
    "plus and blanks": ("+1 (206) 555-0123", SEATTLE),
    "letters": ("Acme Taxi", "Acme Taxi"),
    "short code": ("28777", "28777"),
    "withheld": ("", None),
}


@pytest.mark.parametrize(("given", "expected"), SENDERS.values(), ids=SENDERS.keys())
async def test_sends_from_any_sender(
    given: str, expected: str | None, emulator: Emulator, receiver: Receiver
) -> None:
    """A number is told as digits, a name as it is; a withheld sender is no field at all."""
    await emulator.text(given, f"+{LEASED}", "Hello")
    values = receiver.delivered[0].values
    assert (expected, LEASED) == (values.get("msisdn"), values["to"])


# -- parts


LENGTHS = [
    ("160 septets", "a" * 160, 1),
    ("161 septets", "a" * 161, 2),
    ("307 septets", "a" * 307, 3),
    ("an escape pair is not split", "a" * 152 + "€" + "a" * 152, 3),
    ("70 UTF-16 units", "你" * 70, 1),
    ("71 UTF-16 units", "你" * 71, 2),
    ("a surrogate pair is not split", "😀" * 67, 3),
]


@pytest.mark.parametrize(
    ("words", "count"), [case[1:] for case in LENGTHS], ids=[case[0] for case in LENGTHS]
)
async def test_splits_a_long_text_like_a_handset(
    words: str, count: int, emulator: Emulator, receiver: Receiver
) -> None:
    """Parts with ids of their own and one reference, as many as the segments say."""
    await emulator.text(BERLIN, LEASED, words)
    values = [delivered.values for delivered in receiver.delivered]
    assert (count, words) == (segments.count(words).parts, "".join(v["text"] for v in values))
    assert count == len({v["messageId"] for v in values})
    numbers = [str(number) for number in range(1, count + 1)] if count > 1 else [""]
    assert numbers == [v.get("concat-part", "") for v in values]
    joined = {("true", "1", str(count))} if count > 1 else set()
    found = {(v["concat"], v["concat-ref"], v["concat-total"]) for v in values if "concat" in v}
    assert joined == found


@pytest.mark.parametrize("count", [1, 2, 3, 7, 255])
def test_cuts_into_any_number_of_parts(count: int) -> None:
    """However short the text is, nothing of it is lost."""
    assert (count, "a longish text") == (
        len(cut("a longish text", count)),
        "".join(cut("a longish text", count)),
    )


async def test_sends_as_many_parts_as_ordered(emulator: Emulator, receiver: Receiver) -> None:
    """``parts`` cuts a short text, too, and with 1 leaves a long one whole."""
    await emulator.text(BERLIN, LEASED, "one two", parts=2, ref=77)
    assert [("1", "one "), ("2", "two")] == parts_of(receiver)
    assert {"77"} == {each.values["concat-ref"] for each in receiver.delivered}
    await emulator.text(BERLIN, LEASED, "a" * 400, parts=1)
    assert (3, None) == (
        len(receiver.delivered),
        receiver.delivered[-1].values.get("concat-ref"),
    )


async def test_references_come_again_after_256_long_texts(
    emulator: Emulator, receiver: Receiver
) -> None:
    """Each handset counts its own long texts in one octet."""
    for _ in range(257):
        await emulator.text(BERLIN, LEASED, "ab", parts=2, drop=[2])
    await emulator.text(SEATTLE, LEASED, "ab", parts=2, drop=[2])
    references = [each.values["concat-ref"] for each in receiver.delivered]
    assert [*map(str, range(1, 256)), "0", "1", "1"] == references


async def test_sends_parts_out_of_order(emulator: Emulator, receiver: Receiver) -> None:
    """Each once, and never in the order in which they were written."""
    await emulator.text(BERLIN, LEASED, "abcd", parts=4, shuffle=True)
    sent = [each.values["concat-part"] for each in receiver.delivered]
    assert ["1", "2", "3", "4"] == sorted(sent)
    assert ["1", "2", "3", "4"] != sent


async def test_sends_parts_repeated_and_not_at_all(emulator: Emulator, receiver: Receiver) -> None:
    """A repeat has the id of the first; a dropped part never comes."""
    await emulator.text(BERLIN, LEASED, "abc", parts=3, shuffle=True, repeat=2, drop=[2])
    sent = [each.values for each in receiver.delivered]
    assert ["1", "1", "3", "3"] == sorted(each["concat-part"] for each in sent)
    assert 2 == len({each["messageId"] for each in sent})


# -- delivery


RETRIES: dict[str, tuple[list[int], list[int]]] = {
    "taken at once": ([204], [204]),
    "after 503": ([503], [503, 200]),
    "gives up after the list": ([500] * 5, [500, 500, 500]),
    "a redirect is not followed": ([302], [302, 200]),
}


@pytest.mark.parametrize(("answers", "expected"), RETRIES.values(), ids=RETRIES.keys())
async def test_repeats_what_was_not_taken(
    answers: list[int], expected: list[int], emulator: Emulator, receiver: Receiver
) -> None:
    """``text`` returns when it is over, with every attempt."""
    receiver.answers = list(answers)
    attempts = await emulator.text(BERLIN, LEASED, "Hello")
    assert expected == [attempt.http_status for attempt in attempts]
    assert {"inbound"} == {attempt.status for attempt in attempts}
    assert 1 == len({each.body for each in receiver.delivered})


async def test_returns_why_nobody_took_it(emulator: Emulator) -> None:
    """A refused connection is an attempt without an HTTP status."""
    emulator.configure(mo_url="http://127.0.0.1:9/")
    attempts = await emulator.text(BERLIN, LEASED, "Hello")
    assert [(None, "ClientConnectorError")] * 3 == [(a.http_status, a.error) for a in attempts]


async def test_a_reset_ends_the_wait(emulator: Emulator, receiver: Receiver) -> None:
    """Pending repeats are given up, and whoever waits for them goes on."""
    emulator.configure(retry_delays=[3600])
    receiver.answers = [500]
    async with asyncio.timeout(GIVEN_UP), asyncio.TaskGroup() as group:
        waiting = group.create_task(emulator.text(BERLIN, LEASED, "Hello"))
        await until(lambda: any(text.attempts() for text in emulator.texts))
        await emulator.reset()
    assert ([500], 0) == ([each.http_status for each in waiting.result()], len(emulator.texts))


async def test_answers_before_or_after_the_delivery(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """At once with the ids; with ``wait`` also with what came of each attempt."""
    receiver.answers = [500]
    answer = await text(http, text="ab", parts=2, wait=True)
    assert answer["ids"] == list(dict.fromkeys(each["message_id"] for each in answer["attempts"]))
    assert [200, 200, 500] == sorted(each["http_status"] for each in answer["attempts"])
    at_once = await text(http)
    assert ["ids"] == list(at_once)
    delivered = await receiver.wait(4)
    assert at_once["ids"] == [delivered[-1].values["messageId"]]


async def test_shows_what_handsets_sent(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """``from`` selects, ``limit`` takes the newest, oldest first; a reset forgets."""
    for sender, words in ((BERLIN, "one"), (SEATTLE, "two"), (BERLIN, "three")):
        await emulator.text(sender, LEASED, words)
    expected = {
        "": ["one", "two", "three"],
        f"?from={BERLIN}": ["one", "three"],
        f"?from=%2B{BERLIN}&limit=1": ["three"],
    }
    for query, texts in expected.items():
        async with http.get(f"/emulator/inbound{query}") as response:
            found = await response.json()
        assert texts == [each["text"] for each in found]
    [last] = found
    shown = {"sender": BERLIN, "to": LEASED, "provider": "nexmo", "type": "text"}
    assert shown == {name: last[name] for name in shown}
    assert [200] == [each["http_status"] for each in last["parts"][0]["attempts"]]
    await emulator.reset()
    assert 0 == len(emulator.texts)


# -- what is refused


WRONG: list[tuple[dict[str, object], str]] = [
    ({"from": None}, "from"),
    ({"to": "Acme"}, "to"),
    ({"to": ""}, "to"),
    ({"to": "1" * 16}, "to"),
    ({"text": 5}, "text"),
    ({"text": "a" * 40_000}, "text"),
    ({"provider": "pigeon"}, "provider"),
    ({"type": "voice"}, "type"),
    ({"data": "xy"}, "data"),
    ({"data": "00", "parts": 2}, "parts"),
    ({"parts": 0}, "parts"),
    ({"parts": 256}, "parts"),
    ({"parts": True}, "parts"),
    ({"shuffle": 1}, "shuffle"),
    ({"repeat": 0}, "repeat"),
    ({"ref": 65_536}, "ref"),
    ({"drop": [0]}, "drop"),
    ({"drop": [2]}, "drop"),
    ({"wait": "yes"}, "wait"),
    ({"colour": "red"}, "colour"),
    ({"provider": "flowroute"}, "flowroute_mo_url"),
]


@pytest.mark.parametrize(("change_", "name"), WRONG, ids=str)
async def test_refuses_a_wrong_order(
    change_: dict[str, object], name: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A wrong order is a 400 that names the key, and nothing is told or kept."""
    emulator.configure(flowroute_mo_url="")
    body = {"from": BERLIN, "to": LEASED, "text": "Hello", **change_}
    async with http.post("/emulator/inbound", json=body) as response:
        status, answer = await error_of(response)
    assert (400, name, 0) == (status, answer["field"], len(emulator.texts))


@pytest.mark.parametrize("missing", ["from", "to"])
async def test_refuses_an_order_without_numbers(missing: str, http: aiohttp.ClientSession) -> None:
    """Who texts whom has to be said."""
    body = {"from": BERLIN, "to": LEASED, "text": "Hello"}
    del body[missing]
    async with http.post("/emulator/inbound", json=body) as response:
        status, answer = await error_of(response)
    assert (400, missing) == (status, answer["field"])


@pytest.mark.parametrize("url", ["", "https://sms.example.org/inbound", "http://192.0.2.1/"])
async def test_tells_only_this_machine(url: str, emulator: Emulator) -> None:
    """Without a loopback URL nobody is told, and the order says so."""
    emulator.configure(mo_url=url)
    with pytest.raises(BadRequest, match=r"^mo_url: "):
        await emulator.text(BERLIN, LEASED, "Hello")


async def test_tells_nobody_before_the_start() -> None:
    """An emulator that does not run is a mistake of the test, not a lost text."""
    with pytest.raises(RuntimeError, match="start"):
        await Emulator(mo_url="http://127.0.0.1:9/").text(BERLIN, LEASED, "Hello")


async def test_refuses_binary_where_messages_v1_is_spoken(http: aiohttp.ClientSession) -> None:
    """That API has no such messages."""
    await change(http, mo_method="MESSAGES-V1")
    body = {"from": BERLIN, "to": LEASED, "data": "00"}
    async with http.post("/emulator/inbound", json=body) as response:
        status, answer = await error_of(response)
    assert (400, "type") == (status, answer["field"])
