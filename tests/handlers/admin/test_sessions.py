"""Masked conversations over the admin interface: begun, looked at, extended, ended."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import Reply, Visitor, eventually, visiting

TOKEN = "token-of-the-admin"
NUMBER = "12062992129"
A, B, C = "12065550123", "12065550124", "12065550125"
PAIR: dict[str, Any] = {"participant_a": A, "participant_b": B}
NONE_FREE = "Could not create session -- No virtual TNs available"
START = "[ACME]: Your new session has started, send a message!"
END = "[ACME]: This session has ended, talk to you again soon!"
UNKNOWN_ID = "0" * 32
NO_ID = "session_id: must be 32 hexadecimal digits"
NO_EXTENSIONS: tuple[object, ...] = (-1, "10", True, [], 1e12)
NO_MINUTES = "expiry_window: must be a positive number of minutes, ten years at most"


@pytest.fixture
async def backend(standin: VonageStandin, redis_url: str) -> AsyncIterator[Visitor]:
    """A client with the token, of a gateway with one virtual number."""
    standin.expect()
    options = standin.options(redis_url, admin_token=TOKEN, number_rate=0, org_name="Acme")
    async with (
        serving(*options, redis_url=redis_url) as gateway,
        visiting(gateway.url) as visitor,
    ):
        backend = visitor.via(Authorization=f"Bearer {TOKEN}")
        await add(backend, NUMBER)
        yield backend


async def add(backend: Visitor, number: str) -> None:
    """Put a number into the pool."""
    reply = await backend.request("POST", "/tn", json={"value": number})
    assert 200 == reply.status, reply.text


async def begin(backend: Visitor, **fields: object) -> dict[str, Any]:
    """Begin a session and return the answer."""
    reply = await backend.request("POST", "/session", json=PAIR | fields)
    assert 200 == reply.status, reply.text
    body: dict[str, Any] = reply.json
    return body


def sent(standin: VonageStandin) -> set[tuple[str, str, str]]:
    """Return sender, receiver and text of everything that went out."""
    return {(p.form["from"], p.form["to"], p.form["text"]) for p in standin.posts}


def error(reply: Reply) -> tuple[int, str]:
    """Return status and message of a refusal."""
    return reply.status, reply.json["message"]


async def test_the_examples_of_the_old_documentation_work(backend: Visitor) -> None:
    """The same commands get the same answers; what was added stands beside."""
    old = backend.via(Content_Type="application/json")
    begin_ = b'{"participant_a":"12065550123", "participant_b":"12065550124", "expiry_window": 10}'

    created = await old.request("POST", "/session", data=begin_)
    session_id = created.json["session_id"]
    pool = await old.request("GET", "/tn")
    listed = await old.request("GET", "/session")
    ended = await old.request(
        "DELETE", "/session", data=b'{"session_id":"%s"}' % session_id.encode()
    )

    assert re.fullmatch("[0-9a-f]{32}", session_id)
    expiry = created.json["expiry_date"]
    numbers = dict.fromkeys(("virtual_tn", "virtual_tn_a", "virtual_tn_b"), NUMBER)
    named = {"message": "created session", "session_id": session_id, "expiry_date": expiry}
    assert (200, named | numbers | PAIR) == (created.status, created.json)
    assert (0, 1, 1) == tuple(pool.json[name] for name in ("available", "in_use", "pool_size"))
    assert [(session_id, NUMBER)] == [
        (each["session_id"], each["value"]) for each in pool.json["virtual_tns"]
    ]
    [shown] = listed.json["sessions"]
    documented = {"virtual_tn": NUMBER, "expiry_date": expiry, "id": session_id, **PAIR}
    assert 1 == listed.json["total_sessions"]
    assert documented == {name: shown[name] for name in documented}
    began = datetime.fromisoformat(shown["date_created"])
    assert began + timedelta(minutes=10) == datetime.fromisoformat(expiry)
    assert (200, {"message": "successfully ended session", "session_id": session_id}) == (
        ended.status,
        ended.json,
    )
    assert {"total_sessions": 0, "sessions": [], "next": None} == (await old.get("/session")).json


async def test_a_session_is_shown_with_all_that_is_known_of_it(backend: Visitor) -> None:
    """In the list and alone, and alone in both ways in which the old clients may read it."""
    made = await begin(backend, unique_name="order 4711", mode="both", expiry_window=0)

    listed = (await backend.get("/session")).json
    alone = (await backend.get(f"/session/{made['session_id']}/")).json

    [shown] = listed["sessions"]
    created = datetime.fromisoformat(shown.pop("date_created"))
    numbers = dict.fromkeys(("virtual_tn", "virtual_tn_a", "virtual_tn_b"), NUMBER)
    rest = {"mode": "both", "numbers": "shared", "unique_name": "order 4711", "kind": "masked"}
    none = {"expiry_date": None, "texts": 0, "paused": False}
    expected = {"id": made["session_id"], **PAIR, **numbers, **rest, **none}
    assert expected == shown
    whole = expected | {"date_created": created.isoformat(sep=" ")}
    assert {"total_sessions": 1, "sessions": [whole], **whole} == alone
    assert {"total_sessions": 1, "next": None} == {
        name: listed[name] for name in ("total_sessions", "next")
    }


async def test_both_participants_hear_of_start_and_end(
    backend: Visitor, standin: VonageStandin
) -> None:
    """From the number that they are to text."""
    made = await begin(backend)
    await eventually(lambda: len(standin.posts) == 2)
    started = sent(standin)
    await backend.request("DELETE", f"/session/{made['session_id']}")
    await eventually(lambda: len(standin.posts) == 4)

    assert {(NUMBER, A, START), (NUMBER, B, START)} == started
    assert {(NUMBER, A, END), (NUMBER, B, END)} == sent(standin) - started


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (f"+{A}", f"00{B}"),
        (int(A), int(B)),
        ("+1 (206) 555-0123", " 12065550124"),
    ],
    ids=["plus and 00", "integers", "punctuated"],
)
async def test_every_way_to_write_participants_is_understood(
    backend: Visitor, a: object, b: object
) -> None:
    """They are shown as digits."""
    made = await begin(backend, participant_a=a, participant_b=b, virtual_tn=f"+{NUMBER}")
    assert (A, B, NUMBER) == (made["participant_a"], made["participant_b"], made["virtual_tn"])


async def test_a_form_begins_a_session_as_well(backend: Visitor) -> None:
    """Its numbers are text."""
    reply = await backend.request("POST", "/session", data=PAIR | {"expiry_window": "1.5"})
    assert 200 == reply.status
    assert reply.json["expiry_date"]


def _wrong() -> dict[str, tuple[dict[str, Any], str]]:
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "no participant_a": ({"participant_b": B}, "participant_a: is missing"),
        "no participant_b": ({"participant_a": A}, "participant_b: is missing"),
        "nothing": ({}, "participant_a: is missing"),
        "the same twice": (
            PAIR | {"participant_b": f"+{A}"},
            "participant_b: must differ from participant_a",
        ),
        "unknown field": (PAIR | {"colour": "red"}, "colour: is not known"),
        "misspelt field": (PAIR | {"expiry_windows": 5}, "expiry_windows: is not known"),
    }
    no_number: list[object] = [None, True, 5, 1.5, -int(A), [], [A], {}, "", "None", "2065550123"]
    for name in ("participant_a", "participant_b", "virtual_tn"):
        for value in no_number if name != "virtual_tn" else no_number[1:]:
            message = f"{name}: must be a valid international number"
            cases[f"{name} {value!r}"] = (PAIR | {name: value}, message)
    no_minutes: list[object] = [-1, -0.5, "10", "", True, False, [], [10], {}, 5_256_001, 1e12]
    for value in no_minutes:
        cases[f"expiry_window {value!r}"] = (PAIR | {"expiry_window": value}, NO_MINUTES)
    for name, words in {"mode": "message, voice, both", "numbers": "shared, per-side"}.items():
        for value in ("", "Message", "per side", 1, True, [], {}):
            message = f"{name}: must be one of {words}"
            cases[f"{name} {value!r}"] = (PAIR | {name: value}, message)
    for value in ("", " ", "x" * 192, "a\nb", 4711, True, [], {}):
        message = "unique_name: must be 1 to 191 printable characters"
        cases[f"unique_name {value!r}"[:40]] = (PAIR | {"unique_name": value}, message)
    return cases


WRONG = _wrong()


@pytest.mark.parametrize(("body", "message"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_field_is_named_and_nothing_is_begun(
    backend: Visitor, standin: VonageStandin, body: dict[str, Any], message: str
) -> None:
    """No session, no number taken, no text sent."""
    reply = await backend.request("POST", "/session", json=body)

    assert (400, message) == error(reply)
    assert 0 == (await backend.get("/session")).json["total_sessions"]
    assert 0 == (await backend.get("/tn")).json["in_use"]
    assert [] == standin.posts


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "1" * 5000])
async def test_minutes_that_json_does_not_know_are_refused(backend: Visitor, value: str) -> None:
    """Whether they end at the body or at the field."""
    body = f'{{"participant_a":"{A}","participant_b":"{B}","expiry_window":{value}}}'

    reply = await backend.request("POST", "/session", data=body.encode())

    assert 400 == reply.status
    assert reply.json["message"] in {NO_MINUTES, "the body is not valid JSON"}
    assert 0 == (await backend.get("/session")).json["total_sessions"]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"5", b"{", b"\xff"], ids=repr)
@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_a_body_that_is_no_object_is_refused(
    backend: Visitor, verb: str, body: bytes
) -> None:
    """An empty one lacks its fields, anything else is no object."""
    reply = await backend.request(verb, "/session", data=body)
    assert 400 == reply.status
    assert reply.json["message"]


@pytest.mark.parametrize("side", ["participant_a", "participant_b"])
async def test_a_virtual_number_is_no_participant(backend: Visitor, side: str) -> None:
    """It would text itself for ever."""
    reply = await backend.request("POST", "/session", json=PAIR | {side: NUMBER})

    status, message = error(reply)
    assert 400 == status
    assert message.startswith(f"{side}: ")
    assert 0 == (await backend.get("/session")).json["total_sessions"]


async def test_without_a_free_number_the_documented_words_are_answered(backend: Visitor) -> None:
    """A participant has each number once; another pair goes on."""
    await begin(backend)

    again = await backend.request("POST", "/session", json=PAIR | {"participant_b": C})
    others = await backend.request(
        "POST", "/session", json={"participant_a": C, "participant_b": "4917612345678"}
    )

    assert (400, NONE_FREE) == error(again)
    assert 200 == others.status


EXPIRIES: list[tuple[object, int]] = [(10, 600), (1.5, 90), (0.5, 30), (5_256_000, 315_360_000)]


@pytest.mark.parametrize(("minutes", "seconds"), EXPIRIES, ids=str)
async def test_a_session_ends_so_many_minutes_after_its_begin(
    backend: Visitor, minutes: object, seconds: int
) -> None:
    """In UTC, without a zone."""
    made = await begin(backend, expiry_window=minutes)
    shown = (await backend.get(f"/session/{made['session_id']}")).json
    began = datetime.fromisoformat(shown["date_created"])
    assert made["expiry_date"] == shown["expiry_date"]
    assert str(began + timedelta(seconds=seconds)) == shown["expiry_date"]


@pytest.mark.parametrize("fields", [{}, {"expiry_window": None}, {"expiry_window": 0}], ids=repr)
async def test_without_minutes_a_session_never_expires(
    backend: Visitor, fields: dict[str, object]
) -> None:
    """Absent, null and 0 are the same."""
    assert (await begin(backend, **fields))["expiry_date"] is None


async def test_an_expired_session_is_gone_and_nobody_is_told(
    backend: Visitor, standin: VonageStandin
) -> None:
    """Its number is free again."""
    made = await begin(backend, expiry_window=0.001)
    path = f"/session/{made['session_id']}"

    async def gone() -> bool:
        return (await backend.get(path)).status == 404

    await eventually(gone)

    ended = await backend.request("DELETE", path)
    changed = await backend.request("PATCH", path, json={"expiry_window": 5})
    assert [(404, "no such session")] * 2 == [error(ended), error(changed)]
    assert 0 == (await backend.get("/session")).json["total_sessions"]
    assert 0 == (await backend.get("/tn")).json["in_use"]
    await eventually(lambda: len(standin.posts) >= 2)
    assert {(NUMBER, A, START), (NUMBER, B, START)} == sent(standin)


async def test_per_side_each_participant_gets_a_number_of_his_country(backend: Visitor) -> None:
    """``virtual_tn`` is that of a."""
    await add(backend, "4917612345678")
    people = {"participant_a": "4917604069001", "participant_b": B}

    made = await begin(backend, numbers="per-side", **people)

    sides = ("virtual_tn", "virtual_tn_a", "virtual_tn_b")
    assert ["4917612345678", "4917612345678", NUMBER] == [made[name] for name in sides]


async def test_an_explicit_number_is_used_or_refused(backend: Visitor) -> None:
    """By a message that names the field; never another number instead."""
    await add(backend, "12065550100")

    made = await begin(backend, virtual_tn=12065550100)
    busy = await backend.request("POST", "/session", json=PAIR | {"virtual_tn": "12065550100"})
    absent = await backend.request("POST", "/session", json=PAIR | {"virtual_tn": "12065550199"})

    assert "12065550100" == made["virtual_tn"]
    for reply in (busy, absent):
        status, message = error(reply)
        assert 400 == status
        assert message.startswith("virtual_tn: ")
    assert 1 == (await backend.get("/session")).json["total_sessions"]


async def test_a_unique_name_makes_the_call_repeatable(
    backend: Visitor, standin: VonageStandin
) -> None:
    """The same answer, one session, one start; other participants are an error."""
    first = await begin(backend, unique_name="order 4711")
    await eventually(lambda: len(standin.posts) == 2)
    again = await begin(backend, unique_name="order 4711")
    others = {"unique_name": "order 4711", "participant_b": C}
    refused = await backend.request("POST", "/session", json=PAIR | others)
    await backend.request("DELETE", f"/session/{first['session_id']}")
    await eventually(lambda: len(standin.posts) == 4)
    anew = await begin(backend, unique_name="order 4711", participant_b=C)

    assert first == again
    status, message = error(refused)
    assert 400 == status
    assert message.startswith("unique_name: ")
    assert 2 == [text for _, _, text in map(tuple, sorted(sent(standin)))].count(START)
    assert first["session_id"] != anew["session_id"]


async def test_the_list_is_paged_newest_first_without_gaps_and_repeats(backend: Visitor) -> None:
    """Totals are of everything."""
    pairs = [(f"1206555013{n}", f"1206555014{n}") for n in range(5)]
    made = [
        (await begin(backend, participant_a=a, participant_b=b))["session_id"] for a, b in pairs
    ]

    pages = [(await backend.get("/session", limit="2")).json]
    while pages[-1]["next"]:
        pages.append((await backend.get("/session", limit="2", after=pages[-1]["next"])).json)

    assert [2, 2, 1] == [len(page["sessions"]) for page in pages]
    assert made[::-1] == [each["id"] for page in pages for each in page["sessions"]]
    assert [5] * 3 == [page["total_sessions"] for page in pages]
    assert 400 == (await backend.get("/session", after="no-such-session")).status
    assert 400 == (await backend.get("/session", limit="0")).status


# ---- PATCH


async def test_a_session_is_extended_shortened_and_kept_for_ever(backend: Visitor) -> None:
    """The minutes count from now; the answer is the session."""
    path = f"/session/{(await begin(backend, expiry_window=10))['session_id']}"
    ends = {}
    for minutes in (60, 0.5, 0, 5, None):
        reply = await backend.request("PATCH", path, json={"expiry_window": minutes})
        assert 200 == reply.status
        assert (await backend.get(path)).json == reply.json
        ends[minutes] = reply.json["expiry_date"]

    assert ends[0] is None
    assert ends[None] is None
    assert ends[0.5] < ends[5] < ends[60]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "expiry_window: is missing"),
        *(({"expiry_window": wrong}, NO_MINUTES) for wrong in NO_EXTENSIONS),
        ({"expiry_window": 5, "mode": "both"}, "mode: is not known"),
    ],
    ids=repr,
)
async def test_a_wrong_extension_changes_nothing(
    backend: Visitor, body: dict[str, object], message: str
) -> None:
    """The field is named."""
    made = await begin(backend, expiry_window=10)
    path = f"/session/{made['session_id']}"

    reply = await backend.request("PATCH", path, json=body)

    assert (400, message) == error(reply)
    assert made["expiry_date"] == (await backend.get(path)).json["expiry_date"]


# ---- DELETE


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/session", {"json": {"session_id": "<id>"}}),
        ("/session/", {"data": {"session_id": "<id>"}}),
        ("/session", {"data": b'{"session_id":"<id>"}'}),
        ("/session?session_id=<id>", {}),
        ("/session/<id>", {}),
        ("/session/<id>/", {"data": b"{}"}),
    ],
    ids=["JSON", "form", "no type", "query", "path", "path and empty object"],
)
async def test_a_session_is_ended_by_body_query_or_path(
    backend: Visitor, path: str, body: dict[str, Any]
) -> None:
    """Once; the second time there is none."""
    session_id = (await begin(backend))["session_id"]
    request = {name: _filled(value, session_id) for name, value in body.items()}

    ended = await backend.request("DELETE", path.replace("<id>", session_id), **request)
    again = await backend.request("DELETE", path.replace("<id>", session_id), **request)

    answer = {"message": "successfully ended session", "session_id": session_id}
    assert (200, answer) == (ended.status, ended.json)
    assert (404, "no such session") == error(again)
    assert 0 == (await backend.get("/tn")).json["in_use"]


def _filled(value: Any, session_id: str) -> Any:
    if isinstance(value, bytes):
        return value.replace(b"<id>", session_id.encode())
    return dict.fromkeys(value, session_id)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/session", {}, 400, "session_id: is missing"),
        ("/session", {"session_id": None}, 400, "session_id: must be text"),
        ("/session", {"session_id": 5}, 400, "session_id: must be text"),
        ("/session", {"session_id": [UNKNOWN_ID]}, 400, "session_id: must be text"),
        ("/session", {"session_id": ""}, 404, NO_ID),
        ("/session", {"session_id": "xyz"}, 404, NO_ID),
        ("/session", {"session_id": UNKNOWN_ID}, 404, "no such session"),
        ("/session", {"id": UNKNOWN_ID}, 400, "id: is not known"),
        ("/session/xyz", {}, 404, NO_ID),
        (f"/session/{UNKNOWN_ID}", {}, 404, "no such session"),
        (
            f"/session/{UNKNOWN_ID}",
            {"session_id": UNKNOWN_ID},
            400,
            "session_id: given more than once",
        ),
    ],
)
async def test_what_is_no_session_is_not_ended(
    backend: Visitor, path: str, body: dict[str, Any], status: int, message: str
) -> None:
    """Others go on."""
    await begin(backend)

    reply = await backend.request("DELETE", path, json=body)

    assert (status, message) == error(reply)
    assert 1 == (await backend.get("/session")).json["total_sessions"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/session/<id>"),
        ("PATCH", "/session/<id>"),
        ("GET", "/session/<id>/log"),
        ("DELETE", "/session/<id>/log"),
    ],
)
@pytest.mark.parametrize(("id_", "message"), [(UNKNOWN_ID, "no such session"), ("xyz", NO_ID)])
async def test_an_unknown_session_is_not_found(
    backend: Visitor, method: str, path: str, id_: str, message: str
) -> None:
    """Whatever is asked of it."""
    request = {"json": {"expiry_window": 5}} if method == "PATCH" else {}
    reply = await backend.request(method, path.replace("<id>", id_), **request)
    assert (404, message) == error(reply)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/session"),
        ("POST", "/session"),
        ("DELETE", "/session"),
        ("GET", "/session/<id>"),
        ("PATCH", "/session/<id>"),
        ("DELETE", "/session/<id>"),
        ("GET", "/session/<id>/log"),
        ("DELETE", "/session/<id>/log"),
        ("DELETE", "/log"),
    ],
)
async def test_without_the_token_nothing_is_done_or_shown(
    backend: Visitor, method: str, path: str
) -> None:
    """401, and the session is as it was."""
    session_id = (await begin(backend))["session_id"]
    stranger = backend.via(Authorization="Bearer wrong")
    bodies = {"POST": {"participant_a": C, "participant_b": A}, "PATCH": {"expiry_window": 1}}
    body = bodies.get(method, {"number": A} if path == "/log" else {"session_id": session_id})
    request = {} if method == "GET" else {"json": body}

    reply = await stranger.request(method, path.replace("<id>", session_id), **request)

    assert 401 == reply.status
    assert session_id not in reply.text
    assert (1, None) == await counted(backend)


async def counted(backend: Visitor) -> tuple[int, str | None]:
    """Return how many sessions are open and when the newest expires."""
    listed = (await backend.get("/session")).json
    return listed["total_sessions"], listed["sessions"][0]["expiry_date"]
