"""What release 0.1 left in a store is read by today's code, and carried on where it stopped."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support import ROOT
from tests.support.scenes.masking import (
    ADMIN,
    ANNA,
    BERT,
    CARL,
    DORA,
    END,
    FLOW,
    GERMAN,
    HEIDI,
    ONE,
    START,
    THREE,
    TOKEN,
    TWO,
    until,
)
from tests.support.scenes.phones_town import PhonesTown, devices_file, phones_town
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import Answer, Post, VonageStandin, accepted

DUMP = (ROOT / "tests" / "data" / "store-of-0.1.json").read_text(encoding="utf-8")
EMIL, FAY, GUS, HAL, IDA, JON = (f"120655501{n}" for n in range(25, 31))
FRONT = "12065550171"
DEVICES = f"""
[[device]]
name = "front"
secret = "front-secret"
numbers = ["+{FRONT}"]
results = true

[[device]]
name = "back"
secret = "back-secret"
"""
ORDER, SHORT, LONGER, OVER, EXPIRED = (
    "1da9e10e5f26c059d4fe6a2a240e3859",
    "3af1719c6825fe8490437b2fba908dab",
    "6ae8b8792b066a6039a604c0c2cc0d35",
    "b5117fe7633b6fa708c9b2f1325f351b",
    "8c8c9168beefd879a01a8c0e848d83fb",
)
REFUSED = "d70cb5cda555e06b65c1db0304affd18"
COOKIE = "0123456789abcdef" * 4
PARKED = "0A000000PARKED01"

# The kinds of time that the dump holds, and how many milliseconds make one more of them.
TIMES = {
    r"\b179\d{10}\b": 1,
    r"\b179\d{7}\b": 1000,
    r"(?<=\{stats\}:minute:)\d+": 60_000,
    r"(?<=\{stats\}:tenmin:)\d+": 600_000,
    r'(?<="[A-Z]{2}:)\d{5}(?=")': 86_400_000,
}
CLOCK = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"  # when an MO was sent
LONG_AGO_MS = 6_000  # claims and announcements that are so old were left by a dead process
WRITERS: dict[str, Callable[[str, Any], tuple[Any, ...]]] = {
    "hash": lambda key, value: ("HSET", key, *(item for pair in value.items() for item in pair)),
    "list": lambda key, value: ("RPUSH", key, *value),
    "set": lambda key, value: ("SADD", key, *value),
    "zset": lambda key, value: ("ZADD", key, *(x for pair in value.items() for x in pair[::-1])),
    "string": lambda key, value: ("SET", key, value),
}
REDIS_TYPES = {"sorted set": "zset"}


def later(text: str, pattern: str, much: int) -> str:
    """Return the text with every number that the pattern finds so much higher."""
    return re.sub(pattern, lambda found: str(int(found[0]) + much), text)


def clock_later(text: str, shift_ms: int) -> str:
    """Return a time as Vonage writes it so much later."""
    return str(datetime.fromisoformat(text) + timedelta(seconds=shift_ms // 1000))


def dumped(shift_ms: int) -> dict[str, tuple[str, Any, int]]:
    """Return type, content and lifetime (ms, 0 = none) of every key, all so much later."""
    text = DUMP
    for pattern, unit in TIMES.items():
        text = later(text, pattern, shift_ms // unit)
    text = re.sub(CLOCK, lambda at: clock_later(at[0], shift_ms), text)
    found: dict[str, tuple[str, Any, int]] = json.loads(text)["keys"]
    return found


def load(url: str) -> None:
    """Put the store of before into an empty one, as it stood a moment ago."""
    shift_ms = int(time.time() * 1000) - LONG_AGO_MS - json.loads(DUMP)["made"]
    with redis.Redis.from_url(url) as client:
        for key, (kind, content, lifetime) in dumped(shift_ms).items():
            if kind == "stream":
                for entry, fields in content.items():
                    client.xadd(key, fields, entry)
            else:
                client.execute_command(*WRITERS[kind](key, content))
            if lifetime:
                client.pexpire(key, lifetime)


@pytest.fixture
async def place(redis_url: str, tmp_path: Path) -> AsyncIterator[PhonesTown]:
    """Return a town whose gateway goes on with the store of before."""
    load(redis_url)
    options = (
        f"--chat_numbers={THREE}",
        "--message=Get the app",
        "--sender=Example",
        "--limit_amount=3",
        devices_file(tmp_path, DEVICES),
    )
    async with phones_town(redis_url, *options) as made:
        made.secrets = {"front": "front-secret", "back": "back-secret"}
        yield made


# Keys that a store of release 0.1 does not have.
NEW_KEYS = {
    "shared-key",
    "asked:{<key>}",
    "callers:<class>:{<what>}",
    "idempotency:{<digest>}",
    "link:{<code>}",
    "{links}:breaker",
    "{links}:hour:<hour>",
    "{links}:ten:<ten minutes>",
    "{links}:turn",
    "newcomers",
    "pace:{<key>}:<flow>",
    "proof:{<nonce of a challenge>}",
    "same-text:<digest>:{<number>}",
    "share:<class>:<part>:{<what>}",
    "spent:{<jti>}",
    "{budget}:leases",
    "{budget}:limits",
    "{budget}:open",
    "{budget}:prices",
    "{budget}:spent",
    "{relay}:answered:<number>",
    "{relay}:clock",
    "{relay}:held",
    "{relay}:held:<session>:<side>",
    "{relay}:helped:<sender>",
    "{relay}:imported:<phone>:<digest>",
    "{relay}:inbox-raw",
    "{relay}:optouts-erased",
    "{relay}:passed:<session>:<side>",
    "{relay}:resting",
    "{relay}:holds",
    "{relay}:parked",
    "{relay}:unknown",
    "{relay}:unknown-times",
    "{relay}:unknown-new",
    "{relay}:writable",
}


def test_the_dump_holds_every_kind_of_key_that_its_release_had() -> None:
    """Of the same type as the table of all keys says."""
    table = (ROOT / "gateway" / "store" / "KEYS.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \|", table, re.MULTILINE)
    documented = {name: REDIS_TYPES.get(kind, kind) for name, kind in rows if name != "key"}
    held = {key: kind for key, (kind, *_) in dumped(0).items()}
    patterns = {
        name: re.sub(r"<[^>]*>", ".+", re.escape(name)).replace(r"\}", "}") for name in documented
    }
    missing = {
        name
        for name, pattern in patterns.items()
        if documented[name] not in {held[key] for key in held if re.fullmatch(pattern, key)}
    }
    assert missing == NEW_KEYS


async def test_sessions_are_open_as_they_were(place: PhonesTown) -> None:
    """With their names, numbers and ends; those that are over are gone."""
    listed = (await place.ok("GET", "/session"))["sessions"]
    assert [(SHORT, IDA, JON), (LONGER, CARL, HEIDI), (ORDER, ANNA, BERT)] == [
        (each["id"], each["participant_a"], each["participant_b"]) for each in listed
    ]
    assert [FRONT, ONE, ONE] == [each["virtual_tn_a"] for each in listed]
    assert [FRONT, GERMAN, ONE] == [each["virtual_tn_b"] for each in listed]
    assert [False, True, False] == [each["expiry_date"] is not None for each in listed]
    body = {"participant_a": ANNA, "participant_b": BERT, "unique_name": "order-1"}
    assert ORDER == (await place.ok("POST", "/session", body))["session_id"]
    for over in (OVER, EXPIRED):
        assert 404 == (await place.call("GET", f"/session/{over}"))[0]


async def test_logs_are_kept_after_the_end_too(place: PhonesTown) -> None:
    log = await place.ok("GET", f"/session/{LONGER}/log")
    assert [
        ("a", "Guten Tag", "text", "delivered"),
        ("b", "STOP", "event", ""),
        ("a", "Are you there?", "text", "suppressed"),
    ] == [tuple(each[k] for k in ("from", "text", "kind", "state")) for each in log["entries"]]
    over = await place.ok("GET", f"/session/{OVER}/log")
    assert (DORA, EMIL, 1) == (over["participant_a"], over["participant_b"], over["total"])


async def test_waiting_texts_are_delivered_in_order(place: PhonesTown) -> None:
    """Those of the process that died over them, and those that waited for their turn."""
    await until(lambda: len(place.heard(BERT)) >= 2 and place.heard(ANNA))
    assert [(ONE, "This one waits"), (ONE, "And it comes behind the first")] == place.heard(BERT)
    assert [(ONE, "So does this one")] == place.heard(ANNA)


async def test_what_was_not_announced_is_announced(place: PhonesTown) -> None:
    """By the phone that has the number."""
    async with place.handset("front", version="2.7.3") as phone:

        async def both_are_told() -> bool:
            await phone.poll()
            return [each.text for each in phone.sent].count(START) == 2

        await until(both_are_told)


async def test_a_conversation_goes_on(place: PhonesTown) -> None:
    """On its numbers, with those of before whose first part has come already."""
    await place.at_rest()
    await place.text(BERT, ONE, "Still here")
    await place.text(
        ANNA, ONE, ("The first part " * 11)[:153] + "and its end", parts=2, drop=[1], ref=7
    )
    await until(lambda: (ONE, "Still here") in place.heard(ANNA))
    await until(lambda: any(text.endswith("and its end") for _, text in place.heard(BERT)))


async def test_who_was_told_already_is_not_told_again(place: PhonesTown) -> None:
    """The late texter of an expired session is owed the end; a stranger had his answer."""
    await place.text(GUS, ONE, "Hello?")
    await place.text(DORA, TWO, "Too late")
    await until(lambda: place.heard(DORA))
    await place.at_rest()
    assert ([(TWO, END)], []) == (place.heard(DORA), place.heard(GUS))


async def test_who_waits_in_the_lobby_is_paired(place: PhonesTown) -> None:
    await place.text(GUS, THREE, "gus@example.org")
    await until(lambda: place.heard(GUS) and place.heard(HAL))
    assert place.heard(GUS) == place.heard(HAL)


async def test_a_call_that_went_on_ends(place: PhonesTown) -> None:
    """The log tells of both calls."""
    path = f"/session/{ORDER}/log"

    async def calls() -> list[tuple[str, str]]:
        entries = (await place.ok("GET", path))["entries"]
        return [(each["id"], each["state"]) for each in entries if each["kind"] == "call"]

    (first, completed), (second, answered) = await calls()
    assert ("completed", "answered") == (completed, answered)
    event = {
        "conversation_uuid": second,
        "uuid": "7afc67ffbbce49c6a16074b80b5a4898",
        "status": "completed",
        "direction": "outbound",
        "timestamp": "2026-11-29T15:51:13.049Z",
    }
    assert 200 == (await place.visitor.request("POST", f"/event/{TOKEN}", json=event)).status
    assert [(first, "completed"), (second, "completed")] == await calls()


async def test_messages_have_their_lives(place: PhonesTown) -> None:
    """A receipt of a message of before is applied."""
    listed = await place.ok("GET", "/messages?limit=1000")
    assert listed["total_messages"] >= len(listed["messages"]) >= 20
    waiting = next(each for each in listed["messages"] if each["to"] == "12065550140")
    assert ("/message", "accepted", False) == tuple(
        waiting[name] for name in ("source", "delivery", "final")
    )
    receipt = {
        "msisdn": "12065550140",
        "to": TWO,
        "messageId": "e67b4a03-2a98-41c8-8e1d-c826e3bc1a8d",
        "status": "delivered",
        "err-code": "0",
        "scts": "2611291551",
    }
    assert 200 == (await place.visitor.get(f"/dlr/{TOKEN}", **receipt)).status
    assert ("delivered", True, 1) == await place.visitor.status(waiting["id"])
    life = await place.ok("GET", f"/messages/{waiting['id']}")
    assert ["answer", "receipt"] == [each["event"] for each in life["events"]]


async def test_a_receipt_that_came_before_its_message_is_applied(
    redis_url: str, standin: VonageStandin
) -> None:
    load(redis_url)

    def answer(post: Post) -> Answer | None:
        ids = [PARKED] if post.form["text"] == "Awaited" else []
        return accepted(*ids)(post)

    standin.expect(answer)
    options = [*standin.options(redis_url)[1:], "--admin_token=correct-horse"]
    async with serving(*options, redis_url=redis_url) as gateway:
        body = {"to": "+4917604069012", "text": "Awaited"}
        async with gateway.client.post("/messages", json=body, headers=ADMIN) as reply:
            sent = (await reply.json())["id"]
        async with gateway.client.get(f"/status/?id={sent}") as reply:
            assert "delivered" == (await reply.json())["delivery"]


async def test_the_pool_is_what_it_was(place: PhonesTown) -> None:
    pool = await place.ok("GET", "/tn")
    assert [
        (ONE, "nexmo", True, 2),
        (TWO, "nexmo", False, 0),
        (THREE, "nexmo", True, 0),
        (FLOW, "flowroute", True, 0),
        (FRONT, "smssync:front", True, 1),
        (GERMAN, "nexmo", True, 1),
    ] == [
        tuple(each[name] for name in ("value", "provider", "healthy", "sessions"))
        for each in pool["virtual_tns"]
    ]
    needs = await place.gateway.application.services.forecast.needs()
    assert {"US", "DE"} <= {each.country for each in needs}


async def test_what_the_operator_has_to_see_is_there(place: PhonesTown) -> None:
    """Opt-outs, the inbox, dead letters; one of these is sent after all."""
    optouts = await place.ok("GET", "/optouts")
    assert [HEIDI] == [each["number"] for each in optouts["optouts"]]
    assert [
        (GUS, "Who is there?", "no_session"),
        (JON, "A stranger texts a phone", "no_session"),
    ] == await place.kept()
    letters = (await place.ok("GET", "/dead-letters"))["dead_letters"]
    assert [(REFUSED, ANNA, "This one is refused")] == [
        (each["id"], each["to"], each["text"]) for each in letters
    ]
    await place.ok("POST", f"/dead-letters/{REFUSED}/requeue")
    await until(lambda: (ONE, "This one is refused") in place.heard(ANNA))


async def test_phones_get_what_waits_for_them(place: PhonesTown) -> None:
    """And what they reported is taken over."""
    tasks = (await place.ok("GET", "/smssync/messages"))["messages"]
    states = {each["message"]: each["state"] for each in tasks}
    assert "delivered" == states["Sent, not yet reported"]
    assert "handed" == states["Handed, without a result"]
    async with place.handset("back", version="2.7.3") as phone:
        await phone.poll()
        assert ["Waits for any phone", "Waits for the phone at the back"] == [
            each.text for each in phone.sent
        ]
    sent = next(each["uuid"] for each in tasks if each["message"] == "Sent, not yet reported")

    async def reported() -> bool:
        return await place.life(sent) == ("delivered", "delivered", True)

    await until(reported)
    device = await place.ok("GET", "/smssync/devices/front")
    assert (64, True) == (device["battery"], device["results"])


async def test_who_is_refused_stays_so_and_who_is_signed_in_too(place: PhonesTown) -> None:
    """By the counts and the cookie of before."""
    services = place.gateway.application.services
    assert [("message", "127.0.0.1")] == [
        (each.limit_class, each.subject) for each in (await services.refusals.page(10, "")).items
    ]
    assert "limit_acceded" == (await place.visitor.send()).json["error"]
    found = await services.sign_ins.find(COOKIE)
    assert found is not None
    assert {"session:1"} == set(found.shown)


async def test_the_plots_go_on(place: PhonesTown) -> None:
    services = place.gateway.application.services
    hour = await services.stats.hour()
    assert hour.total("messages.nexmo.accepted") >= 10
    assert "accepted" == (await services.stats.health(hour))["flowroute"].outcome
