"""The pool of virtual numbers over the admin interface: added, listed, looked after, removed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin, refused
from tests.support.visitor import Visitor, eventually, visiting

TOKEN = "token-of-the-admin"
NUMBER = "12062992129"
OTHER = "12065550100"
PAIR = {"participant_a": "12065550123", "participant_b": "12065550124"}
NO_NUMBER = "value: must be a valid international number"


@pytest.fixture
async def backend(standin: VonageStandin, redis_url: str) -> AsyncIterator[Visitor]:
    """A client with the token, of a gateway with an empty pool."""
    standin.expect()
    flowroute = {"flowroute_access_key": "key", "flowroute_secret_key": "secret-of-flowroute"}
    options = standin.options(redis_url, admin_token=TOKEN, number_rate=0, **flowroute)
    async with (
        serving(*options, redis_url=redis_url) as gateway,
        visiting(gateway.url) as visitor,
    ):
        yield visitor.via(Authorization=f"Bearer {TOKEN}")


async def add(backend: Visitor, value: object = NUMBER, **more: object) -> None:
    """Put one number into the pool."""
    reply = await backend.request("POST", "/tn", json={"value": value, **more})
    assert 200 == reply.status, reply.text


async def pool(backend: Visitor) -> dict[str, Any]:
    """Return the whole pool as it is shown."""
    body: dict[str, Any] = (await backend.get("/tn")).json
    return body


async def test_the_examples_of_the_old_documentation_work(backend: Visitor) -> None:
    """The same commands get the same answers; what was added stands beside."""
    old = backend.via(Content_Type="application/json")
    body = b'{"value":"12062992129"}'

    added = await old.request("POST", "/tn", data=body)
    listed = await old.request("GET", "/tn")
    removed = await old.request("DELETE", "/tn", data=body)

    assert (200, {"message": "successfully added TN to pool", "value": NUMBER}) == (
        added.status,
        added.json,
    )
    assert (1, 0, 1) == tuple(listed.json[name] for name in ("available", "in_use", "pool_size"))
    [shown] = listed.json["virtual_tns"]
    assert (None, NUMBER) == (shown["session_id"], shown["value"])
    assert (200, {"message": "successfully removed TN from pool", "value": NUMBER}) == (
        removed.status,
        removed.json,
    )


async def test_a_number_is_shown_with_all_that_is_known_of_it(backend: Visitor) -> None:
    """Provider and country are guessed where they are not told."""
    await add(backend)
    await add(backend, "+49 176 12345678", provider="flowroute", capabilities=["sms"], country="at")

    us = {"value": NUMBER, "provider": "nexmo", "country": "US", "capabilities": ["sms", "voice"]}
    de = {
        "value": "4917612345678",
        "provider": "flowroute",
        "country": "AT",
        "capabilities": ["sms"],
    }
    idle = {"session_id": None, "sessions": 0, "healthy": True, "rests_until": None}
    assert {
        "available": 2,
        "in_use": 0,
        "pool_size": 2,
        "virtual_tns": [us | idle, de | idle],
        "next": None,
    } == await pool(backend)


async def test_an_empty_pool_is_shown_as_such(backend: Visitor) -> None:
    """Nothing, and no next page."""
    assert {
        "available": 0,
        "in_use": 0,
        "pool_size": 0,
        "virtual_tns": [],
        "next": None,
    } == await pool(backend)


async def test_a_number_in_use_names_its_oldest_session(backend: Visitor) -> None:
    """One number serves many sessions and counts once."""
    await add(backend)
    await add(backend, OTHER)
    explicit = {"virtual_tn": NUMBER}
    first = (await backend.request("POST", "/session", json=PAIR | explicit)).json
    pair = {"participant_a": "4917612345678", "participant_b": "61491570156"}
    await backend.request("POST", "/session", json=pair | explicit)

    shown = await pool(backend)

    assert (1, 1, 2) == (shown["available"], shown["in_use"], shown["pool_size"])
    used = {
        entry["value"]: (entry["session_id"], entry["sessions"]) for entry in shown["virtual_tns"]
    }
    assert {NUMBER: (first["session_id"], 2), OTHER: (None, 0)} == used


@pytest.mark.parametrize(
    "written",
    [NUMBER, f"+{NUMBER}", f"00{NUMBER}", "+1 (206) 299-2129", int(NUMBER)],
    ids=["digits", "plus", "00", "punctuated", "integer"],
)
async def test_every_way_to_write_a_number_is_the_same_number(
    backend: Visitor, written: object
) -> None:
    """It is shown as digits, and a second time refused."""
    added = await backend.request("POST", "/tn", json={"value": written})
    again = await backend.request("POST", "/tn", json={"value": NUMBER})
    removed = await backend.request("DELETE", "/tn", json={"value": written})

    assert (200, NUMBER) == (added.status, added.json["value"])
    assert (400, "value: is in the pool already") == (again.status, again.json["message"])
    assert (200, NUMBER) == (removed.status, removed.json["value"])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "value: is missing"),
    *(
        ({"value": wrong}, NO_NUMBER)
        for wrong in (
            *(None, True, 5, -int(NUMBER), 1.5, [], [NUMBER], {"value": NUMBER}),
            *("", "None", "2062992129", "+1 (222) abc", "9" * 18, "Acme", "\ud83d"),
        )
    ),
    ({"value": NUMBER, "provider": "twilio"}, "provider: unknown"),
    ({"value": NUMBER, "provider": ""}, "provider: unknown"),
    ({"value": NUMBER, "provider": ["nexmo"]}, "provider: unknown"),
    *(
        ({"value": NUMBER, "capabilities": wrong}, "capabilities: must be sms, voice or both")
        for wrong in ([], "", "mms", ["sms", 1], True, {"sms": True})
    ),
    *(
        (
            {"value": NUMBER, "country": wrong},
            "country: must be a country code of two letters, such as DE",
        )
        for wrong in ("", "USA", "XX", 49, ["DE"], False)
    ),
    ({"value": NUMBER, "colour": "red"}, "colour: is not known"),
    ({"value": NUMBER, "Provider": "nexmo"}, "Provider: is not known"),
]


@pytest.mark.parametrize(("body", "message"), WRONG, ids=[ascii(body)[:60] for body, _ in WRONG])
async def test_what_is_no_number_to_add_is_refused_and_named(
    backend: Visitor, body: dict[str, Any], message: str
) -> None:
    """The pool stays as it was."""
    reply = await backend.request("POST", "/tn", json=body)

    assert (400, message) == (reply.status, reply.json["message"])
    assert 0 == (await pool(backend))["pool_size"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"12062992129"', b"12062992129", b"{", b"\xff"]
)
@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_a_body_that_is_no_object_changes_nothing(
    backend: Visitor, verb: str, body: bytes
) -> None:
    """Old services answered some of these with an HTML page."""
    await add(backend)

    reply = await backend.request(verb, "/tn", data=body)

    assert 400 == reply.status
    assert reply.json["message"]
    assert 1 == (await pool(backend))["pool_size"]


async def test_a_participants_number_is_refused(backend: Visitor) -> None:
    """A virtual number that is a person would text itself."""
    await add(backend)
    assert 200 == (await backend.request("POST", "/session", json=PAIR)).status

    reply = await backend.request("POST", "/tn", json={"value": PAIR["participant_b"]})

    message = "value: is a participant of a session"
    assert (400, message) == (reply.status, reply.json["message"])
    assert 1 == (await pool(backend))["pool_size"]


async def test_a_number_added_by_many_at_once_is_added_once(backend: Visitor) -> None:
    """One of a hundred callers gets it in, the others are told."""
    replies = await asyncio.gather(
        *(backend.request("POST", "/tn", json={"value": NUMBER}) for _ in range(100))
    )

    assert {200: 1, 400: 99} == Counter(reply.status for reply in replies)
    assert 1 == (await pool(backend))["pool_size"]


async def test_the_pool_is_paged_in_order_without_gaps_and_repeats(backend: Visitor) -> None:
    """Totals are of everything."""
    numbers = [f"1206555010{last}" for last in range(5)]
    for number in reversed(numbers):
        await add(backend, number)

    pages = [(await backend.get("/tn", limit="2")).json]
    while pages[-1]["next"]:
        pages.append((await backend.get("/tn", limit="2", after=pages[-1]["next"])).json)

    assert [2, 2, 1] == [len(page["virtual_tns"]) for page in pages]
    assert numbers == [entry["value"] for page in pages for entry in page["virtual_tns"]]
    assert [5] * 3 == [page["pool_size"] for page in pages]
    assert [5] * 3 == [page["available"] for page in pages]


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
async def test_a_wrong_page_size_is_named(backend: Visitor, limit: str) -> None:
    """Lists are the same everywhere."""
    reply = await backend.get("/tn", limit=limit)
    assert (400, "limit: a whole number from 1 to 1000") == (reply.status, reply.json["message"])


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/tn", {"json": {"value": NUMBER}}),
        ("/tn/", {"json": {"value": int(NUMBER)}}),
        ("/tn", {"data": {"value": NUMBER}}),
        ("/tn", {"data": b'{"value":"+12062992129"}'}),
        (f"/tn?value={NUMBER}", {}),
        (f"/tn?value=%2B{NUMBER}", {}),
        (f"/tn?value=+{NUMBER}", {}),
        (f"/tn/{NUMBER}", {}),
        (f"/tn/+{NUMBER}/", {}),
        (f"/tn/%2B{NUMBER}", {}),
    ],
    ids=[
        *("JSON", "integer", "form", "no type", "query", "query-plus", "query-blank"),
        *("path", "path-plus", "path-escaped"),
    ],
)
async def test_a_number_is_removed_by_body_query_or_path(
    backend: Visitor, path: str, request_: dict[str, Any]
) -> None:
    """Many clients drop the body of a DELETE."""
    await add(backend)

    reply = await backend.request("DELETE", path, **request_)

    body = {"message": "successfully removed TN from pool", "value": NUMBER}
    assert (200, body) == (reply.status, reply.json)
    assert 0 == (await pool(backend))["pool_size"]


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/tn", {}, 400, "value: is missing"),
        ("/tn", {"value": None}, 400, NO_NUMBER),
        ("/tn", {"value": [NUMBER]}, 400, NO_NUMBER),
        ("/tn", {"value": NUMBER, "force": True}, 400, "force: is not known"),
        ("/tn/garbage", {}, 400, NO_NUMBER),
        (f"/tn/{NUMBER}", {"value": NUMBER}, 400, "value: given more than once"),
    ],
)
async def test_a_wrong_removal_is_refused(
    backend: Visitor, path: str, body: dict[str, Any], status: int, message: str
) -> None:
    """The number stays in the pool."""
    await add(backend)

    reply = await backend.request("DELETE", path, json=body)

    assert (status, message) == (reply.status, reply.json["message"])
    assert 1 == (await pool(backend))["pool_size"]


async def test_a_number_that_is_not_in_the_pool_is_not_found(backend: Visitor) -> None:
    """Neither to remove nor to change."""
    await add(backend)
    removed = await backend.request("DELETE", f"/tn/{OTHER}")
    changed = await backend.request("PATCH", f"/tn/{OTHER}", json={"healthy": False})
    assert [404, 404] == [removed.status, changed.status]
    assert removed.json["message"]
    assert 1 == (await pool(backend))["pool_size"]


async def test_a_number_in_use_stays_until_its_session_has_ended(backend: Visitor) -> None:
    """The answer names the session."""
    await add(backend)
    session = (await backend.request("POST", "/session", json=PAIR)).json["session_id"]

    kept = await backend.request("DELETE", f"/tn/{NUMBER}")
    await backend.request("DELETE", f"/session/{session}")
    removed = await backend.request("DELETE", f"/tn/{NUMBER}")

    message = f"value: is in use by session {session}"
    assert (400, message) == (kept.status, kept.json["message"])
    assert 200 == removed.status


async def test_an_unhealthy_number_serves_no_new_sessions(backend: Visitor) -> None:
    """Until the operator takes it in again."""
    await add(backend)

    changed = await backend.request("PATCH", f"/tn/{NUMBER}", json={"healthy": False})
    without = await backend.request("POST", "/session", json=PAIR)
    [shown] = (await pool(backend))["virtual_tns"]
    mended = await backend.request("PATCH", f"/tn/+{NUMBER}/", json={"healthy": True})
    [again] = (await pool(backend))["virtual_tns"]
    having = await backend.request("POST", "/session", json=PAIR)

    answer = {"message": "successfully updated TN", "value": NUMBER}
    assert (200, answer | {"healthy": False}) == (changed.status, changed.json)
    assert (200, answer | {"healthy": True}) == (mended.status, mended.json)
    assert [False, True] == [shown["healthy"], again["healthy"]]
    assert [400, 200] == [without.status, having.status]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "healthy: is missing"),
        ({"healthy": None}, "healthy: must be true or false"),
        ({"healthy": 0}, "healthy: must be true or false"),
        ({"healthy": "false"}, "healthy: must be true or false"),
        ({"healthy": []}, "healthy: must be true or false"),
        ({"healthy": False, "provider": "nexmo"}, "provider: is not known"),
        ({"healthy": False, "value": OTHER}, "value: given more than once"),
    ],
    ids=repr,
)
async def test_a_wrong_change_is_refused(
    backend: Visitor, body: dict[str, Any], message: str
) -> None:
    """The number stays as it was."""
    await add(backend)

    reply = await backend.request("PATCH", f"/tn/{NUMBER}", json=body)

    assert (400, message) == (reply.status, reply.json["message"])
    [shown] = (await pool(backend))["virtual_tns"]
    assert shown["healthy"] is True


NOT_ALLOWED = refused("15", "Invalid sender address")


async def text(backend: Visitor, sender: str, n: int = 0) -> None:
    form = {"msisdn": sender, "to": NUMBER, "text": f"Hello {n}", "messageId": f"mo-{sender}-{n}"}
    assert 200 == (await backend.request("POST", "/inbound/", data=form)).status


async def test_strangers_whom_nobody_may_text_take_no_number_out(
    backend: Visitor, standin: VonageStandin
) -> None:
    """Their notices are refused because of the number, at home and abroad alike."""
    await add(backend)
    standin.expect(NOT_ALLOWED)
    strangers = [f"49176040690{n:02}" for n in range(6)] + [f"1206555017{n}" for n in range(6)]
    for each in strangers:
        await text(backend, each)

    async def buried() -> bool:
        letters = (await backend.get("/dead-letters")).json["total_dead_letters"]
        return bool(letters == len(standin.posts) >= 6)

    await eventually(buried)
    [shown] = (await pool(backend))["virtual_tns"]
    assert (True, None) == (shown["healthy"], shown["rests_until"])


async def test_participants_of_its_country_who_get_nothing_let_a_number_rest(
    backend: Visitor, standin: VonageStandin
) -> None:
    """Five of them; the answer says until when, and a conversation goes on."""
    await add(backend)
    for n in range(5):
        body = {"participant_a": f"1206555012{n}", "participant_b": f"1206555013{n}"}
        assert 200 == (await backend.request("POST", "/session", json=body)).status
    standin.expect(NOT_ALLOWED)

    async def rests() -> bool:
        [shown] = (await pool(backend))["virtual_tns"]
        return not shown["healthy"]

    for n in range(5):
        assert not await rests()
        await text(backend, f"1206555012{n}", 1)
        await text(backend, f"1206555012{n}", 2)
    await eventually(rests)
    [shown] = (await pool(backend))["virtual_tns"]
    until = datetime.fromisoformat(shown["rests_until"]).replace(tzinfo=UTC).timestamp()
    assert 3500 < until - time.time() < 3700


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/tn", "GET, POST, DELETE, HEAD"), ("POST", f"/tn/{NUMBER}", "DELETE, PATCH")],
)
async def test_other_verbs_are_told_which_would_do(
    backend: Visitor, method: str, path: str, allowed: str
) -> None:
    """As JSON, with Allow."""
    reply = await backend.request(method, path, json={"value": NUMBER})
    assert (405, allowed) == (reply.status, reply.headers["Allow"])
    assert "method_not_allowed" == reply.json["error"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
async def test_without_the_token_nothing_is_done_or_shown(backend: Visitor, method: str) -> None:
    """Not even on an address of one number."""
    await add(backend)
    path = f"/tn/{NUMBER}" if method in {"DELETE", "PATCH"} else "/tn"
    body = {"healthy": False} if method == "PATCH" else {"value": OTHER}
    request = {"json": body} if method in {"POST", "PATCH"} else {}

    reply = await backend.via(Authorization="Bearer wrong").request(method, path, **request)

    assert 401 == reply.status
    assert NUMBER not in reply.text
    [shown] = (await pool(backend))["virtual_tns"]
    assert (NUMBER, True) == (shown["value"], shown["healthy"])
