"""``/unknown``: texts of conversations whose outcome nobody knows, and who decides about them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import (
    Answer,
    Answering,
    Post,
    VonageStandin,
    accepted,
    dropped,
    in_turn,
    said,
)
from tests.support.visitor import Visitor, eventually, visiting

TOKEN = "token-of-the-admin"
NUMBER = "12062992129"
A, B = "12065550123", "12065550124"
PLAIN = {"session_start_msg": "", "session_end_msg": "", "no_session_msg": "", "optout_msg": ""}
HTML = b"<html>Bad Gateway</html>"


@asynccontextmanager
async def gateway(
    standin: VonageStandin, redis_url: str, **options: object
) -> AsyncIterator[Visitor]:
    """A back-end of a gateway in which A and B have a session on one number."""
    standin.expect()
    given = standin.options(redis_url, admin_token=TOKEN, number_rate=0, **PLAIN | options)
    async with serving(*given, redis_url=redis_url) as made, visiting(made.url) as visitor:
        backend = visitor.via(Authorization=f"Bearer {TOKEN}")
        await backend.request("POST", "/tn", json={"value": NUMBER})
        body = {"participant_a": A, "participant_b": B}
        assert 200 == (await backend.request("POST", "/session", json=body)).status
        yield backend


@pytest.fixture
async def backend(standin: VonageStandin, redis_url: str) -> AsyncIterator[Visitor]:
    async with gateway(standin, redis_url) as made:
        yield made


async def say(backend: Visitor, text: str, sender: str = A) -> None:
    form = {"msisdn": sender, "to": NUMBER, "text": text, "messageId": f"mo-{sender}-{text}"}
    assert 200 == (await backend.request("POST", "/inbound/", data=form)).status


async def unknown(backend: Visitor, **query: str) -> dict[str, Any]:
    body: dict[str, Any] = (await backend.get("/unknown", **query)).json
    return body


async def in_doubt(backend: Visitor, *texts: str) -> list[str]:
    """Let A say texts of which nobody knows; return their ids, the oldest first."""
    for n, each in enumerate(texts, 1):
        await say(backend, each)

        async def listed(count: int = n) -> bool:
            return bool((await unknown(backend))["total"] == count)

        await eventually(listed)
    return [each["id"] for each in (await unknown(backend))["unknown"]][::-1]


UNKNOWN: dict[str, Answering] = {
    "no answer": dropped,
    "502": said(HTML, status=502),
    "504": said(b"", status=504),
    "500": said(b"{}", status=500),
    "nonsense": said({"messages": []}),
    "internal error": said({"messages": [{"status": "5", "error-text": "Internal"}]}),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_text_that_was_not_answered_for_is_listed_as_unknown(
    backend: Visitor, standin: VonageStandin, answer: Answering
) -> None:
    """With the fields of a dead letter, and it is none."""
    standin.expect(answer)
    await in_doubt(backend, "Hello?")
    listed = await unknown(backend)
    [shown] = listed["unknown"]
    assert (1, None) == (listed["total"], listed["next"])
    assert ("Hello?", B, NUMBER, "relay", 1, "nexmo") == tuple(
        shown[name] for name in ("text", "to", "sender", "kind", "attempts", "provider")
    )
    assert shown["reason"].startswith("unknown, code ")
    assert {"id", "session", "at"} < shown.keys()
    assert 0 == (await backend.get("/dead-letters")).json["total_dead_letters"]
    assert 1 == len(standin.posts)


@pytest.mark.parametrize("status", ["delivered", "failed", "rejected", "expired"])
async def test_a_receipt_takes_it_off_the_list(
    backend: Visitor, standin: VonageStandin, status: str
) -> None:
    standin.expect(dropped)
    [letter] = await in_doubt(backend, "Hello?")
    receipt = {"messageId": "0A01", "status": status, "client-ref": letter, "to": NUMBER}
    assert 200 == (await backend.get("/dlr/", msisdn=B, **receipt)).status
    assert 0 == (await unknown(backend))["total"]


async def test_one_is_queued_again_or_discarded(backend: Visitor, standin: VonageStandin) -> None:
    standin.expect(dropped)
    one, two = await in_doubt(backend, "one", "two")
    standin.expect()
    again = await backend.request("POST", f"/unknown/{one}/requeue")
    gone = await backend.request("DELETE", f"/unknown/{two}/")
    await eventually(lambda: standin.posts)
    assert (200, {"message": "queued again", "id": one}) == (again.status, again.json)
    assert (200, {"message": "discarded", "id": two}) == (gone.status, gone.json)
    assert [("one", one)] == [
        (post.form["text"], post.form["client-ref"]) for post in standin.posts
    ]
    for method, path in (("POST", f"/unknown/{one}/requeue"), ("DELETE", f"/unknown/{two}")):
        reply = await backend.request(method, path)
        assert (404, "no such unknown text") == (reply.status, reply.json["message"])


REQUEUES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "ids": ({"ids": True}, ["one", "three"]),
    "reason": ({"reason": "code broken"}, ["one", "two", "three"]),
    "another-reason": ({"reason": "code 502"}, []),
    "since": ({"since": "2020-01-01 00:00:00"}, ["one", "two", "three"]),
    "since-later": ({"since": time.time() + 3600}, []),
    "session": ({"session": True}, ["one", "two", "three"]),
}


@pytest.mark.parametrize(("body", "sent"), REQUEUES.values(), ids=REQUEUES)
async def test_many_are_queued_again_by_ids_or_filters(
    backend: Visitor, standin: VonageStandin, body: dict[str, Any], sent: list[str]
) -> None:
    standin.expect(dropped)
    ids = await in_doubt(backend, "one", "two", "three")
    standin.expect()
    session = (await unknown(backend))["unknown"][0]["session"]
    given = {"ids": [ids[2], ids[0]], "session": session}
    body = {name: given.get(name, value) for name, value in body.items()}
    reply = await backend.request("POST", "/unknown/requeue", json=body)
    await eventually(lambda: len(standin.posts) == len(sent))
    assert (200, len(sent), []) == (reply.status, reply.json["requeued"], reply.json["refused"])
    assert sent == [post.form["text"] for post in standin.posts]
    assert 3 - len(sent) == (await unknown(backend))["total"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "ids: give them, or one of session, reason, since"),
        ({"session": None}, "ids: give them, or one of session, reason, since"),
        ({"ids": ["0" * 32], "since": 5}, "ids: give them, or one of session, reason, since"),
        ({"ids": []}, "ids: must be a list of 1 to 1000 ids"),
        ({"ids": [1]}, "ids: must be a list of 1 to 1000 ids"),
        ({"ids": {"a": 1}}, "ids: must be a list of 1 to 1000 ids"),
        ({"since": "yesterday"}, "since: must be a date with a time, or seconds since 1970"),
        ({"all": True}, "all: is not known"),
    ],
)
async def test_a_wrong_wish_queues_nothing(
    backend: Visitor, standin: VonageStandin, body: dict[str, Any], message: str
) -> None:
    standin.expect(dropped)
    await in_doubt(backend, "one")
    reply = await backend.request("POST", "/unknown/requeue", json=body)
    assert (400, message) == (reply.status, reply.json["message"])
    assert 1 == (await unknown(backend))["total"]


async def test_what_cannot_be_queued_again_is_named(
    backend: Visitor, standin: VonageStandin
) -> None:
    reply = await backend.request("POST", "/unknown/requeue", json={"ids": ["0" * 32]})
    refused = [{"id": "0" * 32, "message": "no such unknown text"}]
    assert (200, 0, refused) == (reply.status, reply.json["requeued"], reply.json["refused"])


async def test_the_list_is_filtered(backend: Visitor, standin: VonageStandin) -> None:
    standin.expect(in_turn(dropped, said(HTML, status=502)))
    await in_doubt(backend, "one", "two")
    by_reason = await unknown(backend, reason="code 502")
    assert (1, ["two"]) == (by_reason["total"], [each["text"] for each in by_reason["unknown"]])
    assert 0 == (await unknown(backend, session="0" * 32))["total"]
    assert 2 == (await unknown(backend, since="2020-01-01"))["total"]
    assert 400 == (await backend.get("/unknown", since="soon")).status


def answers_by_attempt(first: Answering) -> Answering:
    return in_turn(first, accepted())


POLICIES = [
    ("refused", 503, 2, 0),
    ("refused", 429, 2, 0),
    ("refused", 502, 1, 1),
    ("refused", 504, 1, 1),
    ("edge", 502, 2, 0),
    ("edge", 504, 2, 0),
    ("edge", 503, 2, 0),
    ("always", 502, 2, 0),
    ("never", 503, 1, 1),
    ("never", 504, 1, 1),
]


@pytest.mark.parametrize(("policy", "status", "posts", "listed"), POLICIES)
async def test_the_owner_decides_what_is_sent_again_by_itself(
    standin: VonageStandin, redis_url: str, *, policy: str, status: int, posts: int, listed: int
) -> None:
    """Under the same id, and the next text of that direction comes after it."""
    async with gateway(standin, redis_url, resend_unknown=policy) as backend:
        standin.expect(answers_by_attempt(said(HTML, status=status)))
        await say(backend, "one")
        await eventually(lambda: standin.posts)
        await say(backend, "two")
        await eventually(lambda: len(standin.posts) == posts + 1)
        assert ["one"] * posts + ["two"] == [post.form["text"] for post in standin.posts]
        assert 1 == len({post.form["client-ref"] for post in standin.posts[:posts]})
        assert listed == (await unknown(backend))["total"]


async def test_what_has_arrived_after_all_is_not_sent_again(
    standin: VonageStandin, redis_url: str
) -> None:
    """Its receipt comes while it waits to be repeated."""
    async with gateway(standin, redis_url, resend_unknown="edge") as backend:
        standin.expect(said(HTML, status=504))
        await say(backend, "one")
        await eventually(lambda: standin.posts)
        letter = standin.posts[0].form["client-ref"]
        receipt = {"messageId": "0A01", "status": "delivered", "client-ref": letter, "to": NUMBER}
        assert 200 == (await backend.get("/dlr/", msisdn=B, **receipt)).status
        await say(backend, "two")
        await eventually(lambda: len(standin.posts) == 2)
        assert ["one", "two"] == [post.form["text"] for post in standin.posts]


async def test_public_messages_and_those_of_the_back_end_are_never_posted_again(
    standin: VonageStandin, redis_url: str
) -> None:
    """They are told that it is not known, and are on no list."""
    async with gateway(standin, redis_url, resend_unknown="always") as backend:
        for status in (502, 503, 504):
            standin.expect(said(HTML, status=status))
            sent = await backend.request("POST", "/messages", json={"to": B, "text": "x"})
            assert (502, "unknown") == (sent.status, sent.json["outcome"])
            assert "nexmo_error" == (await backend.send(f"+{B}")).json["error"]
            assert 2 == len(standin.posts)
        assert 0 == (await unknown(backend))["total"]


async def test_the_sender_is_told_once_per_session_if_the_owner_wants_it(
    standin: VonageStandin, redis_url: str
) -> None:
    def unless_it_is_the_notice(post: Post) -> Answer | None:
        return (accepted() if "may not" in post.form["text"] else dropped)(post)

    async with gateway(standin, redis_url, unknown_msg="Your text may not have arrived.") as made:
        standin.expect(unless_it_is_the_notice)
        await in_doubt(made, "one", "two")
        await eventually(lambda: len(standin.posts) == 3)
        assert [(A, "[YOUR ORG NAME]: Your text may not have arrived.")] == [
            (post.form["to"], post.form["text"])
            for post in standin.posts
            if "may not" in post.form["text"]
        ]


async def test_the_sender_is_told_nothing_by_default(
    backend: Visitor, standin: VonageStandin
) -> None:
    standin.expect(dropped)
    await in_doubt(backend, "one", "two")
    assert [B, B] == [post.form["to"] for post in standin.posts]


async def test_an_erased_number_is_on_the_list_no_more(
    backend: Visitor, standin: VonageStandin
) -> None:
    standin.expect(dropped)
    await in_doubt(backend, "one")
    await backend.request("DELETE", f"/log?number={A}")
    assert 0 == (await unknown(backend))["total"]
