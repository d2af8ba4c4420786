"""Whatever the provider answers, the visitor gets a body of the contract and no second SMS."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.processes import GatewayProcess
from tests.standin import (
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
from tests.visitor import RECEIVER, Visitor, eventually, visiting

PROBLEM = "application/problem+json"
# The problem document of RFC 7807, as the provider's newer front ends send it.
UNAUTHORIZED = {"type": "https://example.com/errors#401", "title": "Unauthorized", "detail": "No"}
THROTTLED_UNTIL = "Throughput Rate Exceeded - please wait [ 702 ] and retry"
# Status codes that say that nothing was accepted and that asking again is no use:
# https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
FINAL_CODES = "2 3 4 6 7 8 9 11 12 13 14 15 16 17 18 19 20 22 23 29 32 33 101 777".split()


@dataclass(frozen=True)
class Case:
    """What is answered; then the number of POSTs and the state that ``/status/`` shows."""

    label: str
    answer: Answering
    ok: bool
    delivery: str
    final: bool = False
    parts: int = 1
    posts: int = 1


REJECTED = [Case(f"status-{code}", refused(code), False, "rejected", True) for code in FINAL_CODES]

CASES = [
    Case("one-part", accepted(), True, "accepted"),
    Case("two-parts", accepted(*new_ids(2)), True, "accepted", parts=2),
    Case("sixteen-digit-ids", accepted("0A0000000123ABCD", "0A0000000123ABCE1"), True, "accepted",
         parts=2),
    Case("numbers-instead-of-strings", said({"message-count": 1, "messages": [
        {"to": 4917612345678, "message-id": "n-1", "status": 0}]}), True, "accepted"),
    Case("part-refused", partly(new_ids(1)[0], "7", "Number barred."), False, "accepted",
         parts=2),
    # Throttled, yet asking again would repeat the part that was accepted.
    Case("part-throttled", partly(new_ids(1)[0], "1", "Throttled"), False, "accepted", parts=2),
    *REJECTED,
    Case("status-is-no-number", refused("nope"), False, "rejected", True),
    # The platform failed inside: the SMS may be on its way.
    Case("status-5", refused("5", "Server Error"), False, "unknown"),
    Case("throttled-then-ok", in_turn(refused("1", "Throttled"), accepted()), True, "accepted",
         posts=2),
    Case("too-many-binds-then-ok", in_turn(refused("10"), accepted()), True, "accepted", posts=2),
    Case("http-429-then-ok", in_turn(said(b"", status=429), accepted()), True, "accepted",
         posts=2),
    Case("throttled-then-refused", in_turn(refused("1"), refused("9")), False, "rejected", True,
         posts=2),
    Case("throttled-then-dropped", in_turn(refused("1"), dropped), False, "unknown", posts=2),
    Case("http-401", said(UNAUTHORIZED, status=401, content_type=PROBLEM), False, "rejected",
         True),
    Case("http-403", said(UNAUTHORIZED, status=403, content_type=PROBLEM), False, "rejected",
         True),
    Case("error-code-label", said({"error-code": "401", "error-code-label": "x"}, status=401),
         False, "rejected", True),
    Case("http-500-html", said(b"<html>oops</html>", status=500, content_type="text/html"), False,
         "unknown"),
    Case("http-502-empty", said(b"", status=502), False, "unknown"),
    Case("redirect", said(b"", status=307, location="/sms/json"), False, "unknown"),
    Case("empty-body", said(b""), False, "unknown"),
    Case("html", said(b"<html>hello</html>", content_type="text/html"), False, "unknown"),
    Case("invalid-utf-8", said(b"\xff\xfe\x00"), False, "unknown"),
    Case("cut-short", said(b'{"message-count":"1","messages":[{"status":'), False, "unknown"),
    Case("null", said(None), False, "unknown"),
    Case("list", said([]), False, "unknown"),
    Case("no-messages", said({}), False, "unknown"),
    Case("empty-messages", said({"message-count": "0", "messages": []}), False, "unknown"),
    Case("null-item", said({"messages": [None]}), False, "unknown"),
    Case("item-without-status", said({"messages": [{}]}), False, "unknown"),
    Case("closed-without-answer", dropped, False, "unknown"),
]  # fmt: skip


@pytest.fixture(scope="module")
def standin() -> Iterator[VonageStandin]:
    with VonageStandin() as standin:
        yield standin


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    with GatewayProcess(*standin.options(valkey_url, provider_timeout=1)) as gateway:
        yield gateway


@pytest.fixture
async def visitor(gateway: GatewayProcess, standin: VonageStandin) -> AsyncIterator[Visitor]:
    standin.expect()
    async with visiting(gateway.url) as visitor:
        yield visitor


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
async def test_each_answer_leads_to_one_body_of_the_contract(
    case: Case, visitor: Visitor, standin: VonageStandin
) -> None:
    standin.expect(case.answer)

    reply = await visitor.send()

    assert (200, contract_body(reply.json["id"], case.ok)) == (reply.status, reply.json)
    assert case.posts == len(standin.posts)
    assert {reply.json["id"]} == {post.form["client-ref"] for post in standin.posts}
    status = await visitor.status(reply.json["id"])
    assert (case.delivery, case.final, case.parts) == status


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

    for sent in itertools.count(1):
        reply = await visitor.send()
        assert ("ok", sent) == (reply.json["status"], len(standin.posts))
        if sent == 5:
            break
        await eventually(lambda sent=sent: standin.connections_closed >= sent)  # type: ignore[misc]


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
    if ok:
        said_to_him = {"status": "ok", "message": "Message sent"}
    else:
        said_to_him = {
            "status": "error",
            "error": "nexmo_error",
            "message": "Nexmo Service Error",
        }
    return {**said_to_him, "number": RECEIVER, "id": message_id}
