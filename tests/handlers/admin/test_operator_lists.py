"""What the relay leaves to the operator: logs, opt-outs, dead letters, the inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin, refused
from tests.support.visitor import Reply, Visitor, eventually, visiting

TOKEN = "token-of-the-admin"
NUMBER = "12062992129"
A, B, C = "12065550123", "12065550124", "12065550125"
PAIR: dict[str, Any] = {"participant_a": A, "participant_b": B}
UNKNOWN_ID = "0" * 32
NO_NUMBERS: tuple[object, ...] = (None, True, "", "x", 5, [], [A], {})
NO_NUMBER = "number: must be a valid international number"
PLAIN = {"session_start_msg": "", "session_end_msg": "", "no_session_msg": "", "optout_msg": ""}


@pytest.fixture
async def backend(standin: VonageStandin, redis_url: str) -> AsyncIterator[Visitor]:
    """A client with the token, of a gateway with one virtual number and no notices."""
    standin.expect()
    options = standin.options(redis_url, admin_token=TOKEN, number_rate=0, **PLAIN)
    async with (
        serving(*options, redis_url=redis_url) as gateway,
        visiting(gateway.url) as visitor,
    ):
        backend = visitor.via(Authorization=f"Bearer {TOKEN}")
        reply = await backend.request("POST", "/tn", json={"value": NUMBER})
        assert 200 == reply.status, reply.text
        yield backend


async def begin(backend: Visitor, **fields: object) -> dict[str, Any]:
    """Begin a session and return the answer."""
    reply = await backend.request("POST", "/session", json=PAIR | fields)
    assert 200 == reply.status, reply.text
    body: dict[str, Any] = reply.json
    return body


async def text(backend: Visitor, sender: str, number: str, content: str, mo: str) -> None:
    """Be a participant who texts a virtual number; ``mo`` is the provider's id."""
    form = {"msisdn": sender, "to": number, "text": content, "messageId": mo, "type": "text"}
    reply = await backend.request("POST", "/inbound/", data=form)
    assert 200 == reply.status, reply.text


# ---- the log of a session


async def talk(backend: Visitor) -> str:
    """Let a and b say something and return the session."""
    session_id: str = (await begin(backend))["session_id"]
    await text(backend, A, NUMBER, "one ", "mo-1")
    await text(backend, B, NUMBER, "two 🎉", "mo-2")
    await text(backend, A, NUMBER, "three", "mo-3")
    return session_id


async def entries(backend: Visitor, session_id: str, **page: str) -> dict[str, Any]:
    """Return the log of a session."""
    body: dict[str, Any] = (await backend.get(f"/session/{session_id}/log", **page)).json
    return body


async def test_the_log_shows_what_was_said_and_what_became_of_it(
    backend: Visitor, standin: VonageStandin
) -> None:
    """Oldest first, paged, of an ended session as well."""
    session_id = await talk(backend)
    await eventually(lambda: len(standin.posts) == 3)
    await backend.request("DELETE", f"/session/{session_id}")

    async def accepted() -> bool:
        shown = await entries(backend, session_id)
        return {"accepted"} == {entry["state"] for entry in shown["entries"]}

    await eventually(accepted)
    log = await entries(backend, session_id)
    first = await entries(backend, session_id, limit="2")
    rest = await entries(backend, session_id, limit="2", after=first["next"])

    assert {"session_id": session_id, **PAIR, "total": 3, "next": None} == {
        name: value for name, value in log.items() if name != "entries"
    }
    assert [("a", "one "), ("b", "two 🎉"), ("a", "three")] == [
        (entry["from"], entry["text"]) for entry in log["entries"]
    ]
    assert log["entries"] == first["entries"] + rest["entries"]
    assert [3, 3, None] == [first["total"], rest["total"], rest["next"]]


async def test_an_erased_log_leaves_nothing_of_its_messages(
    backend: Visitor, standin: VonageStandin
) -> None:
    """The session itself goes on."""
    session_id = await talk(backend)
    await eventually(lambda: len(standin.posts) == 3)
    ids = [entry["id"] for entry in (await entries(backend, session_id))["entries"]]

    erased = await backend.request("DELETE", f"/session/{session_id}/log")
    again = await backend.request("DELETE", f"/session/{session_id}/log/")
    log = await entries(backend, session_id)
    messages = [(await backend.get(f"/messages/{each}")).status for each in ids]

    body = {"message": "erased the log", "session_id": session_id}
    assert [(200, body)] * 2 == [(reply.status, reply.json) for reply in (erased, again)]
    assert (0, []) == (log["total"], log["entries"])
    assert [404] * 3 == messages
    assert 200 == (await backend.get(f"/session/{session_id}")).status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/log?number={A}", {}),
        (f"/log/?number=%2B{A}", {}),
        ("/log", {"json": {"number": f"+{A}"}}),
        ("/log", {"json": {"number": int(A)}}),
        ("/log", {"data": {"number": A}}),
    ],
    ids=["query", "query-plus", "JSON", "integer", "form"],
)
async def test_all_logs_of_a_number_are_erased(
    backend: Visitor, standin: VonageStandin, path: str, body: dict[str, Any]
) -> None:
    """Those of others stay."""
    mine = await talk(backend)
    await eventually(lambda: len(standin.posts) == 3)
    ids = [entry["id"] for entry in (await entries(backend, mine))["entries"]]
    others = await begin(backend, participant_a=C, participant_b="4917612345678")
    await text(backend, C, NUMBER, "hello", "mo-4")

    reply = await backend.request("DELETE", path, **body)

    answer = {"message": "erased the logs", "number": A, "sessions": 1}
    assert (200, answer) == (reply.status, reply.json)
    assert 0 == (await entries(backend, mine))["total"]
    assert 1 == (await entries(backend, others["session_id"]))["total"]
    assert [404] * 3 == [(await backend.get(f"/messages/{each}")).status for each in ids]


async def test_erasing_a_number_erases_what_was_sent_to_it_outside_of_sessions(
    backend: Visitor, standin: VonageStandin
) -> None:
    """Messages of the back-end to it, and to nobody else."""
    bodies = [{"to": to, "text": "hello", "sender": "Shop"} for to in (A, A, C)]
    sent = [(await backend.request("POST", "/messages", json=body)).json for body in bodies]

    await backend.request("DELETE", f"/log?number={A}")

    left = [(await backend.get(f"/messages/{each['id']}")).status for each in sent]
    assert [404, 404, 200] == left
    assert 0 == (await backend.get(f"/messages?number={A}")).json["total_messages"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "number: is missing"),
        *(({"number": wrong}, NO_NUMBER) for wrong in NO_NUMBERS),
        ({"number": A, "session_id": UNKNOWN_ID}, "session_id: is not known"),
    ],
    ids=repr,
)
async def test_a_wrong_number_erases_nothing(
    backend: Visitor, body: dict[str, object], message: str
) -> None:
    """The field is named."""
    session_id = await talk(backend)

    reply = await backend.request("DELETE", "/log", json=body)

    assert (400, message) == error(reply)
    assert 3 == (await entries(backend, session_id))["total"]


# ---- opt-outs


async def optouts(backend: Visitor) -> dict[str, Any]:
    """Return the list of those who want no texts."""
    body: dict[str, Any] = (await backend.get("/optouts")).json
    return body


async def test_who_texts_stop_is_listed_until_the_operator_takes_it_back(backend: Visitor) -> None:
    """From then on he is texted again."""
    empty = await optouts(backend)
    await begin(backend)
    await text(backend, A, NUMBER, " stop ", "mo-1")
    listed = await optouts(backend)
    removed = await backend.request("DELETE", f"/optouts/{A}")
    again = await backend.request("DELETE", f"/optouts/+{A}/")

    assert {"total_optouts": 0, "optouts": [], "next": None} == empty
    [shown] = listed.pop("optouts")
    assert (A, {"total_optouts": 1, "next": None}) == (shown["number"], listed)
    assert datetime.fromisoformat(shown["since"])
    assert (200, {"message": "removed the opt-out", "number": A}) == (removed.status, removed.json)
    assert (404, "number: has not opted out") == error(again)
    assert empty == await optouts(backend)


@pytest.mark.parametrize("number", ["garbage", "5", "null", "%20", "2065550123"])
async def test_an_opt_out_of_no_number_is_a_wrong_request(backend: Visitor, number: str) -> None:
    """The field is named."""
    assert (400, NO_NUMBER) == error(await backend.request("DELETE", f"/optouts/{number}"))


async def test_an_opt_out_takes_no_other_fields(backend: Visitor) -> None:
    """Neither in the query nor in the body."""
    for path, body in ((f"/optouts/{A}?all=1", {}), (f"/optouts/{A}", {"json": {"all": True}})):
        reply = await backend.request("DELETE", path, **body)
        assert (400, "all: is not known") == error(reply)


async def test_opt_outs_are_paged(backend: Visitor) -> None:
    """Without gaps and repeats."""
    people = [f"1206555013{n}" for n in range(5)]
    for n, person in enumerate(people):
        await text(backend, person, NUMBER, "STOP", f"mo-{n}")

    pages = await pages_of(backend, "/optouts")

    assert [2, 2, 1] == [len(page["optouts"]) for page in pages]
    assert sorted(people) == sorted(each["number"] for page in pages for each in page["optouts"])
    assert [5] * 3 == [page["total_optouts"] for page in pages]


# ---- dead letters


async def dead(backend: Visitor) -> dict[str, Any]:
    """Return the list of texts that could not be sent."""
    body: dict[str, Any] = (await backend.get("/dead-letters")).json
    return body


async def one_dead(backend: Visitor, standin: VonageStandin) -> dict[str, Any]:
    """Let the provider refuse one relayed text for good and return it from the list."""
    standin.expect(refused("7", "Number barred"))
    await begin(backend)
    await text(backend, A, NUMBER, "Hello 🎉", "mo-1")

    async def died() -> bool:
        return bool((await dead(backend))["dead_letters"])

    await eventually(died)
    [letter] = (await dead(backend))["dead_letters"]
    found: dict[str, Any] = letter
    return found


async def test_a_text_that_was_refused_is_listed_with_the_reason(
    backend: Visitor, standin: VonageStandin
) -> None:
    """Numbers as digits."""
    assert {"total_dead_letters": 0, "dead_letters": [], "next": None} == await dead(backend)

    letter = await one_dead(backend, standin)

    assert (B, NUMBER, "Hello 🎉") == (letter["to"], letter["sender"], letter["text"])
    assert standin.posts[0].form["client-ref"] == letter["id"]
    assert "Number barred" in str(letter)
    whole = await dead(backend)
    assert (1, None) == (whole["total_dead_letters"], whole["next"])


async def test_a_dead_letter_that_is_queued_again_goes_out(
    backend: Visitor, standin: VonageStandin
) -> None:
    """Once, and it is dead no more."""
    letter = await one_dead(backend, standin)
    standin.expect()

    queued = await backend.request("POST", f"/dead-letters/{letter['id']}/requeue")
    again = await backend.request("POST", f"/dead-letters/{letter['id']}/requeue/")
    await eventually(lambda: standin.posts)

    assert (200, {"message": "queued again", "id": letter["id"]}) == (queued.status, queued.json)
    assert (404, "no such dead letter") == error(again)
    assert ["Hello 🎉"] == [post.form["text"] for post in standin.posts]
    assert 0 == (await dead(backend))["total_dead_letters"]


async def test_a_discarded_dead_letter_is_gone(backend: Visitor, standin: VonageStandin) -> None:
    """It can neither be discarded nor queued again."""
    letter = await one_dead(backend, standin)
    standin.expect()
    path = f"/dead-letters/{letter['id']}"

    discarded = await backend.request("DELETE", path)
    again = await backend.request("DELETE", f"{path}/")
    queued = await backend.request("POST", f"{path}/requeue")

    assert (200, {"message": "discarded", "id": letter["id"]}) == (
        discarded.status,
        discarded.json,
    )
    assert [(404, "no such dead letter")] * 2 == [error(again), error(queued)]
    assert 0 == (await dead(backend))["total_dead_letters"]
    assert [] == standin.posts


@pytest.mark.parametrize("id_", [UNKNOWN_ID, "x", "%20", "%00", "x" * 999, "%F0%9F%8E%89"])
@pytest.mark.parametrize(("method", "suffix"), [("DELETE", ""), ("POST", "/requeue")])
async def test_an_unknown_dead_letter_is_not_found(
    backend: Visitor, id_: str, method: str, suffix: str
) -> None:
    """However strange its id."""
    reply = await backend.request(method, f"/dead-letters/{id_}{suffix}")
    assert (404, "no such dead letter") == error(reply)


async def test_dead_letters_are_paged(backend: Visitor, standin: VonageStandin) -> None:
    """Without gaps and repeats."""
    await one_dead(backend, standin)
    for n in range(4):
        await text(backend, B, NUMBER, f"text {n}", f"mo-b-{n}")

    async def all_died() -> bool:
        return len((await dead(backend))["dead_letters"]) == 5

    await eventually(all_died)
    pages = await pages_of(backend, "/dead-letters")

    assert [2, 2, 1] == [len(page["dead_letters"]) for page in pages]
    texts = {each["text"] for page in pages for each in page["dead_letters"]}
    assert {"Hello 🎉", *(f"text {n}" for n in range(4))} == texts


# ---- inbox


async def test_what_belongs_to_no_session_is_in_the_inbox(backend: Visitor) -> None:
    """With the reason, the newest first."""
    empty = (await backend.get("/inbox")).json
    await text(backend, C, NUMBER, " who are you? ", "mo-1")
    await text(backend, C, "12065550199", "wrong number", "mo-2")

    inbox = (await backend.get("/inbox/")).json

    assert {"total_inbox": 0, "messages": [], "next": None} == empty
    assert (2, None) == (inbox["total_inbox"], inbox["next"])
    assert [
        (C, "12065550199", "wrong number", "not_our_number"),
        (C, NUMBER, " who are you? ", "no_session"),
    ] == [(each["from"], each["to"], each["text"], each["reason"]) for each in inbox["messages"]]
    assert ["nexmo"] * 2 == [each["provider"] for each in inbox["messages"]]


async def test_the_inbox_is_paged_newest_first(backend: Visitor) -> None:
    """Without gaps and repeats."""
    for n in range(5):
        await text(backend, C, NUMBER, f"text {n}", f"mo-{n}")

    pages = await pages_of(backend, "/inbox")

    assert [2, 2, 1] == [len(page["messages"]) for page in pages]
    texts = [each["text"] for page in pages for each in page["messages"]]
    assert [f"text {n}" for n in (4, 3, 2, 1, 0)] == texts
    assert [5] * 3 == [page["total_inbox"] for page in pages]


# ---- all of them

LISTS = ("/optouts", "/dead-letters", "/inbox")


async def pages_of(backend: Visitor, path: str) -> list[dict[str, Any]]:
    """Return every page of two items, as a client walks them."""
    pages: list[dict[str, Any]] = [(await backend.get(path, limit="2")).json]
    while pages[-1]["next"]:
        pages.append((await backend.get(path, limit="2", after=pages[-1]["next"])).json)
    return pages


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "1001", "x", ""])
async def test_a_wrong_page_size_is_named(backend: Visitor, path: str, limit: str) -> None:
    """Lists are the same everywhere."""
    reply = await backend.get(path, limit=limit)
    assert (400, "limit: a whole number from 1 to 1000") == error(reply)


@pytest.mark.parametrize("path", [*LISTS, f"/session/{UNKNOWN_ID}/log"])
@pytest.mark.parametrize("after", ["garbage", "é", "+", "-", UNKNOWN_ID])
async def test_an_unknown_place_in_a_list_is_a_wrong_request(
    backend: Visitor, path: str, after: str
) -> None:
    """Never the first page again: a client would walk in circles."""
    session_id = (await begin(backend))["session_id"]
    reply = await backend.get(path.replace(UNKNOWN_ID, session_id), after=after)
    assert 400 == reply.status
    assert reply.json["message"].startswith("after: ")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in LISTS),
        ("DELETE", f"/optouts/{A}"),
        ("DELETE", f"/dead-letters/{UNKNOWN_ID}"),
        ("POST", f"/dead-letters/{UNKNOWN_ID}/requeue"),
        ("GET", f"/session/{UNKNOWN_ID}/log"),
        ("DELETE", f"/session/{UNKNOWN_ID}/log"),
        ("DELETE", f"/log?number={A}"),
    ],
)
async def test_without_the_token_nothing_is_done_or_shown(
    backend: Visitor, method: str, path: str
) -> None:
    """401, and the opt-out stays."""
    await text(backend, A, NUMBER, "STOP", "mo-1")

    reply = await backend.via(Authorization="Bearer wrong").request(method, path)

    assert 401 == reply.status
    assert A not in reply.text
    assert 1 == (await optouts(backend))["total_optouts"]


def error(reply: Reply) -> tuple[int, str]:
    """Return status and message of a refusal."""
    return reply.status, reply.json["message"]
