"""Whatever the provider answers, the visitor gets a body of the contract and no second SMS."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.vonage import (
    Answering,
    VonageStandin,
    accepted,
    dropped,
    held,
    in_turn,
    new_ids,
    partly,
    refused,
    said,
)
from tests.support.visitor import RECEIVER, Visitor, eventually, visiting

# The problem document of RFC 7807, as the provider's newer front ends send it.
PROBLEM = {"type": "https://example.com/errors", "title": "No", "detail": "Not like this"}
NUMBERS = {"message-count": 1, "messages": [{"to": 491761, "message-id": "n-1", "status": 0}]}
THROTTLED_UNTIL = "Throughput Rate Exceeded - please wait [ 702 ] and retry"
# Status codes that say that nothing was accepted and that asking again is no use:
# https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
FINAL_CODES = "2 3 4 6 7 8 9 11 12 13 14 15 16 17 18 19 20 22 23 29 32 33 101 777".split()


@dataclass(frozen=True)
class Case:
    """What is answered, in turn; the number of POSTs and parts that follow from it."""

    label: str
    answers: list[Answering]
    parts: int = 1
    posts: int = 1

    def __str__(self) -> str:
        return self.label


OK = [
    Case("one-part", [accepted()]),
    Case("two-parts", [accepted(*new_ids(2))], parts=2),
    Case("ids-of-16-digits", [accepted("0A0000000123ABCD", "0A0000000123ABCE1")], parts=2),
    Case("numbers-for-strings", [said(NUMBERS)]),
    Case("throttled", [refused("1", "Throttled"), accepted()], posts=2),
    Case("too-many-binds", [refused("10"), accepted()], posts=2),
    Case("http-429", [said(b"", status=429), accepted()], posts=2),
    Case("http-429-problem", [said(PROBLEM, status=429), accepted()], posts=2),
]

# Nothing was accepted, and asking again is of no use.
REJECTED = [
    *(Case(f"status-{code}", [refused(code)]) for code in FINAL_CODES),
    Case("status-is-no-number", [refused("nope")]),
    Case("throttled-then-refused", [refused("1"), refused("9")], posts=2),
    Case("http-401", [said(PROBLEM, status=401, content_type="application/problem+json")]),
    Case("http-403", [said(PROBLEM, status=403, content_type="application/problem+json")]),
    Case("http-401-label", [said({"error-code": "401", "error-code-label": "x"}, status=401)]),
]

# The SMS may be on its way all the same: only a receipt can tell.
UNKNOWN = [
    Case("status-5", [refused("5", "Server Error")]),
    Case("throttled-then-closed", [refused("1"), dropped], posts=2),
    Case("http-500-html", [said(b"<html>oops</html>", status=500, content_type="text/html")]),
    Case("http-502-empty", [said(b"", status=502)]),
    Case("redirect", [said(b"", status=307, location="/sms/json")]),
    Case("empty-body", [said(b"")]),
    Case("html", [said(b"<html>hello</html>", content_type="text/html")]),
    Case("invalid-utf-8", [said(b"\xff\xfe\x00")]),
    Case("cut-short", [said(b'{"message-count":"1","messages":[{"status":')]),
    Case("null", [said(None)]),
    Case("list", [said([])]),
    Case("no-messages", [said({})]),
    Case("empty-messages", [said({"message-count": "0", "messages": []})]),
    Case("null-item", [said({"messages": [None]})]),
    Case("item-without-status", [said({"messages": [{}]})]),
    Case("closed-without-answer", [dropped]),
]

# One part of two goes out: asking again would repeat it.
PARTLY = [
    Case("part-refused", [partly(new_ids(1)[0], "7", "Number barred.")], parts=2),
    Case("part-throttled", [partly(new_ids(1)[0], "1", "Throttled")], parts=2),
]


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    with GatewayProcess(*standin.options(valkey_url, provider_timeout=1)) as gateway:
        yield gateway


@pytest.mark.parametrize("case", OK, ids=str)
async def test_an_accepted_message_is_reported_as_sent(
    case: Case, visitor: Visitor, standin: VonageStandin
) -> None:
    assert ("accepted", False) == await outcome(case, visitor, standin, ok=True)


@pytest.mark.parametrize("case", REJECTED, ids=str)
async def test_a_refused_message_is_an_error_and_final(
    case: Case, visitor: Visitor, standin: VonageStandin
) -> None:
    assert ("rejected", True) == await outcome(case, visitor, standin, ok=False)


@pytest.mark.parametrize("case", UNKNOWN, ids=str)
async def test_an_answer_that_does_not_tell_is_an_error_and_never_repeated(
    case: Case, visitor: Visitor, standin: VonageStandin
) -> None:
    assert ("unknown", False) == await outcome(case, visitor, standin, ok=False)


@pytest.mark.parametrize("case", PARTLY, ids=str)
async def test_a_message_accepted_in_part_is_an_error_and_never_repeated(
    case: Case, visitor: Visitor, standin: VonageStandin
) -> None:
    assert ("accepted", False) == await outcome(case, visitor, standin, ok=False)


async def outcome(
    case: Case, visitor: Visitor, standin: VonageStandin, ok: bool
) -> tuple[str, bool]:
    """Send, check the body and the number of POSTs, and return (delivery, final)."""
    standin.expect(in_turn(*case.answers))
    reply = await visitor.send()
    message_id = reply.json["id"]
    assert (200, contract_body(message_id, ok)) == (reply.status, reply.json)
    assert case.posts == len(standin.posts)
    assert {message_id} == {post.form["client-ref"] for post in standin.posts}
    delivery, final, parts = await visitor.status(message_id)
    assert case.parts == parts
    return delivery, final


async def test_an_error_is_shown_to_a_script_tag_as_well(
    visitor: Visitor, standin: VonageStandin
) -> None:
    standin.expect(refused("9"))

    reply = await visitor.send(callback="shown")

    assert 200 == reply.status
    assert reply.text.startswith('shown({"status":"error","error":"nexmo_error"')


async def test_throttling_without_end_is_given_up_after_several_attempts(
    visitor: Visitor, standin: VonageStandin
) -> None:
    standin.expect(refused("1", "Throttled"))

    reply = await asyncio.wait_for(visitor.send(), timeout=8)  # 5 s of attempts, and some grace

    assert contract_body(reply.json["id"], ok=False) == reply.json
    assert len(standin.posts) >= 3
    assert ("failed", True, 1) == await visitor.status(reply.json["id"])


async def test_the_wait_that_the_provider_asks_for_is_kept(
    visitor: Visitor, standin: VonageStandin
) -> None:
    standin.expect(in_turn(refused("1", THROTTLED_UNTIL), accepted()))

    reply = await visitor.send()

    assert "ok" == reply.json["status"]
    first, second = standin.posts
    assert second.at - first.at >= 0.702


async def test_a_slow_answer_leaves_the_outcome_unknown_until_a_receipt_tells(
    visitor: Visitor, standin: VonageStandin
) -> None:
    part, gate = new_ids(1)[0], threading.Event()
    standin.expect(held(gate, accepted(part)))

    reply = await visitor.send()
    message_id = reply.json["id"]
    before = await visitor.status(message_id)
    receipt = {"messageId": part, "status": "delivered", "client-ref": message_id}
    await visitor.get("/dlr/", **receipt)
    gate.set()

    assert contract_body(message_id, ok=False) == reply.json
    assert ("unknown", False, 1) == before
    assert ("delivered", True, 1) == await visitor.status(message_id)
    assert 1 == len(standin.posts)


async def test_a_visitor_who_leaves_early_does_not_lose_the_message(
    visitor: Visitor, standin: VonageStandin
) -> None:
    part, gate = new_ids(1)[0], threading.Event()
    standin.expect(held(gate, accepted(part)))

    sending = asyncio.create_task(visitor.send())
    await eventually(lambda: standin.posts)
    sending.cancel()
    await asyncio.wait([sending])
    gate.set()
    message_id = standin.posts[0].form["client-ref"]
    await visitor.get("/dlr/", messageId=part, status="delivered")

    async def is_delivered() -> bool:
        return await visitor.status(message_id) == ("delivered", True, 1)

    await eventually(is_delivered)
    assert 1 == len(standin.posts)


async def test_a_kept_connection_that_ends_without_answer_is_not_tried_again(
    visitor: Visitor, standin: VonageStandin
) -> None:
    standin.expect(in_turn(accepted(), dropped, accepted()))

    replies = [await visitor.send() for _ in range(2)]

    assert ["ok", "error"] == [reply.json["status"] for reply in replies]
    assert 2 == len(standin.posts)
    assert ("unknown", False, 1) == await visitor.status(replies[1].json["id"])


async def test_a_connection_that_the_provider_closed_while_idle_does_no_harm(
    visitor: Visitor, standin: VonageStandin
) -> None:
    standin.expect(accepted(close=True))

    for sent in range(1, 6):
        reply = await visitor.send()
        assert ("ok", sent) == (reply.json["status"], len(standin.posts))
        await eventually(lambda: standin.connections_closed >= len(standin.posts))


async def test_with_nobody_listening_the_message_has_failed_and_is_final(
    valkey_url: str,
) -> None:
    with VonageStandin() as gone:
        options = gone.options(valkey_url)
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            reply = await visitor.send()

            assert contract_body(reply.json["id"], ok=False) == reply.json
            assert ("failed", True, 1) == await visitor.status(reply.json["id"])


def contract_body(message_id: str, ok: bool) -> dict[str, Any]:
    """What a visitor reads about his message."""
    told = {"status": "ok", "message": "Message sent"}
    if not ok:
        told = {"status": "error", "error": "nexmo_error", "message": "Nexmo Service Error"}
    return {**told, "number": RECEIVER, "id": message_id}
