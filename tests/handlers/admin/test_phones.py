"""The admin routes of phones: SMS queued, looked at and cancelled; phones and their pairing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.emulator.smssync import Handset, Preferences
from tests.support.scenes.masking import ADMIN, ANNA, until
from tests.support.scenes.phones_town import (
    BACK_NUMBERS,
    FRONT_NUMBER,
    FRONT_SECRET,
    SECRETS,
    TO,
    PhonesTown,
    devices_file,
    message_id,
    phones_town,
    sends,
)
from tests.support.servers.serving import serving
from tests.support.visitor import visiting

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
UNKNOWN = "1ba368bd-c467-4374-bf28-6c1a8c0f4f2e"
MESSAGES = "/smssync/messages"
DEVICES = "/smssync/devices"
HELLO: dict[str, object] = {"to": TO, "message": "Hello"}
SHOWN: dict[str, object] = {"to": TO, "message": "Hello", "device": None, "state": "waiting"}


@pytest.fixture
async def desks(redis_url: str, tmp_path: Path) -> AsyncIterator[PhonesTown]:
    """A gateway with a file of three phones."""
    async with phones_town(redis_url, devices_file(tmp_path)) as made:
        yield made


def utc(**later: float) -> str:
    """Return a time from now on as the admin routes write it."""
    return f"{datetime.now(UTC) + timedelta(**later):%Y-%m-%d %H:%M:%S}"


# --- Who may call --------------------------------------------------------------------------------

ROUTES = [
    ("GET", MESSAGES),
    ("POST", MESSAGES),
    ("GET", f"{MESSAGES}/{UNKNOWN}"),
    ("DELETE", f"{MESSAGES}/{UNKNOWN}"),
    ("GET", DEVICES),
    ("GET", f"{DEVICES}/front"),
    ("GET", f"{DEVICES}/front/pairing"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nobody_gets_in_without_the_token(desks: PhonesTown, method: str, path: str) -> None:
    """Least of all with the secret of a phone."""
    for headers in ({}, {"Authorization": f"Bearer {SECRETS['back']}"}):
        for slash in ("", "/"):
            reply = await desks.visitor.request(method, path + slash, headers=headers, json=HELLO)
            assert (401, "unauthenticated") == (reply.status, reply.json["error"])
            assert "WWW-Authenticate" in reply.headers


async def test_without_a_token_configured_nobody_gets_in(redis_url: str) -> None:
    async with (
        serving("--smssync_secret=s3cret", redis_url=redis_url) as gateway,
        visiting(gateway.url) as visitor,
    ):
        for method, path in ROUTES:
            reply = await visitor.request(method, path, headers=ADMIN)
            assert (403, "forbidden") == (reply.status, reply.json["error"])


async def test_only_the_documented_methods_are_served(desks: PhonesTown) -> None:
    for path, allowed in (
        (MESSAGES, "GET, POST, HEAD"),
        (f"{MESSAGES}/{UNKNOWN}", "GET, DELETE, HEAD"),
    ):
        reply = await desks.visitor.request("PATCH", path, headers=ADMIN)
        assert (405, allowed) == (reply.status, reply.headers["Allow"])


# --- Queueing ------------------------------------------------------------------------------------

QUEUED = [
    pytest.param({}, {}, id="for any phone"),
    pytest.param({"device": "front"}, {"device": "front"}, id="for one phone"),
    pytest.param({"device": None, "ttl": None, "send_at": None}, {}, id="null is absent"),
    pytest.param({"to": int(TO)}, {}, id="a number as a JSON integer"),
    pytest.param({"to": f"+{TO}"}, {}, id="a number with a plus"),
    pytest.param({"to": "+49 176 / 123-45678"}, {}, id="a number as people write it"),
    pytest.param({"message": "grüß 🚀\n"}, {"message": "grüß 🚀\n"}, id="any text"),
    pytest.param({"message": "x" * 3200}, {"message": "x" * 3200}, id="the longest text"),
    pytest.param({"priority": -1000}, {}, id="the lowest priority"),
    pytest.param({"priority": 1000, "ttl": 0.5}, {}, id="the highest priority"),
]


@pytest.mark.parametrize(("fields", "shown"), QUEUED)
async def test_an_sms_is_queued(
    desks: PhonesTown, fields: dict[str, object], shown: dict[str, object]
) -> None:
    """With an id of its own, and nothing else in the answer."""
    made = await desks.ok("POST", MESSAGES, HELLO | fields)
    assert re.fullmatch(UUID, made["uuid"])
    assert {"uuid": made["uuid"], **SHOWN, **shown} == made


async def test_an_sms_may_come_as_a_form(desks: PhonesTown) -> None:
    """Its numbers are then read from their texts."""
    later = int(time.time()) + 3600
    fields = {"to": f"+{TO}", "message": "Hello", "priority": "-7", "ttl": "60.5", "send_at": later}
    reply = await desks.visitor.request("POST", f"{MESSAGES}/", headers=ADMIN, data=fields)
    task = await desks.ok("GET", f"{MESSAGES}/{reply.json['uuid']}")
    at = datetime.fromtimestamp(later, UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert (-7, at, "waiting") == (task["priority"], task["send_at"], task["state"])


ABSENT = object()
WRONG = [
    pytest.param({"to": ABSENT}, "to: is missing", id="no receiver"),
    pytest.param(
        {"to": "0176 12345678"}, "to: must be a valid international number", id="national"
    ),
    pytest.param({"to": True}, "to: must be a valid international number", id="a boolean receiver"),
    pytest.param({"to": ["x"]}, "to: must be a valid international number", id="a list"),
    pytest.param({"message": ABSENT}, "message: is missing", id="no text"),
    pytest.param({"to": None}, "to: must be a valid international number", id="null"),
    pytest.param({"send_at": "4000-01-01 00:00"}, "send_at: must be a date", id="far away"),
    pytest.param({"message": " \n"}, "message: is missing", id="a blank text"),
    pytest.param({"message": "\u200b"}, "message: is missing", id="nothing to be seen"),
    pytest.param({"message": 7}, "message: must be text of at most 3200 characters", id="a number"),
    pytest.param(
        {"message": "x" * 3201}, "message: must be text of at most 3200 characters", id="too long"
    ),
    pytest.param({"message": "\ud800"}, "message: not valid Unicode", id="half a character"),
    pytest.param({"device": "nobody"}, "device: unknown", id="no such phone"),
    pytest.param({"device": "FRONT"}, "device: unknown", id="another case"),
    pytest.param({"device": 7}, "device: must be text of at most 64 characters", id="no name"),
    pytest.param({"priority": 1001}, "priority: must be a whole number", id="priority above"),
    pytest.param({"priority": -1001}, "priority: must be a whole number", id="priority below"),
    pytest.param({"priority": 1.5}, "priority: must be a whole number", id="half a priority"),
    pytest.param({"priority": "1"}, "priority: must be a whole number", id="priority as text"),
    pytest.param({"priority": True}, "priority: must be a whole number", id="a true priority"),
    pytest.param({"ttl": -1}, "ttl: must be a positive number of seconds", id="negative ttl"),
    pytest.param({"ttl": "60"}, "ttl: must be a positive number of seconds", id="ttl as text"),
    pytest.param({"ttl": 1e12}, "ttl: must be a positive number of seconds", id="endless ttl"),
    pytest.param({"send_at": "soon"}, "send_at: must be a date with a time", id="no time"),
    pytest.param({"send_at": "2026-02-30 12:00"}, "send_at: must be a date", id="no such day"),
    pytest.param({"send_at": -5}, "send_at: must be a date with a time", id="before 1970"),
    pytest.param({"send_at": 1e300}, "send_at: must be a date with a time", id="at the end"),
    pytest.param({"send_at": True}, "send_at: must be a date with a time", id="a true time"),
    pytest.param({"send_at": []}, "send_at: must be a date with a time", id="a list of times"),
    pytest.param({"text": "Hello"}, "text: is not known", id="an unknown field"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
async def test_a_wrong_field_is_named_and_nothing_is_queued(
    desks: PhonesTown, fields: dict[str, object], message: str
) -> None:
    body = {name: value for name, value in (HELLO | fields).items() if value is not ABSENT}
    status, answer = await desks.call("POST", MESSAGES, body)
    assert (400, "bad_request", message) == (
        status,
        answer["error"],
        answer["message"][: len(message)],
    )
    assert 0 == (await desks.ok("GET", MESSAGES))["total_messages"]
    assert 0 == (await desks.ok("GET", "/messages"))["total_messages"]


async def test_without_phones_nothing_is_queued(redis_url: str) -> None:
    async with phones_town(redis_url) as place:
        status, answer = await place.call("POST", MESSAGES, HELLO)
        assert (400, "device: no phone is configured") == (status, answer["message"])
        assert {"total_devices": 0, "devices": [], "next": None} == await place.ok("GET", DEVICES)


async def test_a_queued_sms_is_a_message_like_every_other(desks: PhonesTown) -> None:
    """Under the uuid without its hyphens, for visitors and for the back-end."""
    task = await desks.queue(device="front")
    assert ("accepted", False, 1) == await desks.visitor.status(message_id(task))
    [listed] = (await desks.ok("GET", "/messages"))["messages"]
    assert (message_id(task), TO, "smssync:front", "admin") == tuple(
        listed[name] for name in ("id", "to", "provider", "source")
    )


# --- When, in which order, by whom ---------------------------------------------------------------


async def test_sms_leave_by_priority_then_as_they_came(desks: PhonesTown) -> None:
    for text, priority in (("third", 0), ("last", -1), ("first", 9), ("fourth", 0), ("second", 1)):
        await desks.queue(text, priority=priority)
    async with desks.handset("front") as phone:
        sent = [text for _, text in await sends(phone, 5)]
    assert ["first", "second", "third", "fourth", "last"] == sent


async def test_an_sms_for_one_phone_is_given_to_no_other(desks: PhonesTown) -> None:
    task = await desks.queue(device="front")
    async with desks.handset("back") as back, desks.handset("front") as front:
        assert [] == await back.poll()
        assert "waiting" == await desks.state(task)
        assert [(TO, "Hello")] == await sends(front, 1)


async def test_who_takes_an_sms_for_any_phone_is_shown(desks: PhonesTown) -> None:
    task = await desks.queue()
    async with desks.handset("back") as back:
        await back.poll()
    shown = await desks.ok("GET", f"{MESSAGES}/{task}")
    assert ("back", "handed") == (shown["device"], shown["state"])


async def test_an_sms_waits_for_its_time(desks: PhonesTown) -> None:
    """Which may be written in three ways, and leaves it in the queue until then."""
    later, soon = utc(hours=1), time.time() + 1
    tasks = [
        await desks.queue("in an hour", send_at=later),
        await desks.queue("in an hour", send_at=f"{later.replace(' ', 'T')}+00:00"),
    ]
    for task in tasks:
        assert later == (await desks.ok("GET", f"{MESSAGES}/{task}"))["send_at"]
    await desks.queue("soon", send_at=soon)
    async with desks.handset("front") as phone:
        assert [(TO, "soon")] == await sends(phone, 1)
    assert ["waiting", "waiting"] == [await desks.state(task) for task in tasks]


async def test_an_sms_that_is_too_late_is_never_sent(desks: PhonesTown) -> None:
    task = await desks.queue(ttl=0.05)

    async def expired() -> bool:
        return await desks.state(task) == "expired"

    await until(expired)
    async with desks.handset("front") as phone:
        assert [] == await phone.poll()
    assert ("expired", "expired", True) == await desks.life(task)


async def test_the_end_of_an_sms_is_shown_beforehand(desks: PhonesTown) -> None:
    """Counted from the time at which it may be sent."""
    send_at = utc(hours=2).replace(" ", "T")
    task = await desks.queue(ttl=3600, send_at=send_at)
    shown = await desks.ok("GET", f"{MESSAGES}/{task}")
    begins, ends = (datetime.fromisoformat(shown[name]) for name in ("send_at", "expires"))
    assert (datetime.fromisoformat(send_at), timedelta(hours=1)) == (begins, ends - begins)


# --- Looking -------------------------------------------------------------------------------------


async def test_one_sms_is_shown_with_all_that_was_asked_for(desks: PhonesTown) -> None:
    task = await desks.queue(device="back", priority=5)
    shown = await desks.ok("GET", f"{MESSAGES}/{task}")
    datetime.strptime(shown["created"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert {
        "uuid": task,
        **SHOWN,
        "device": "back",
        "priority": 5,
        "created": shown["created"],
        "send_at": None,
        "expires": None,
    } == shown
    for other in (task.upper(), message_id(task), f"{task}/"):
        assert shown == await desks.ok("GET", f"{MESSAGES}/{other}")


async def test_the_list_is_paged_with_the_newest_first(desks: PhonesTown) -> None:
    tasks = [await desks.queue(f"text {number}") for number in range(5)][::-1]
    pages, after = [], ""
    while True:
        page = await desks.ok("GET", f"{MESSAGES}?limit=2{after}")
        pages.append([each["uuid"] for each in page["messages"]])
        assert 5 == page["total_messages"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [tasks[:2], tasks[2:4], tasks[4:]] == pages
    whole = await desks.ok("GET", MESSAGES)
    assert (tasks, None) == ([each["uuid"] for each in whole["messages"]], whole["next"])
    assert await desks.ok("GET", f"{MESSAGES}/{tasks[0]}") == whole["messages"][0]


async def test_an_empty_queue_has_an_empty_list(desks: PhonesTown) -> None:
    assert {"total_messages": 0, "messages": [], "next": None} == await desks.ok("GET", MESSAGES)


BAD_PAGES = [
    ("limit=0", "limit:"),
    ("limit=1001", "limit:"),
    ("limit=x", "limit:"),
    ("limit=-1", "limit:"),
    (f"after={UNKNOWN}", "after:"),
    ("after=x", "after:"),
]


@pytest.mark.parametrize(("query", "message"), BAD_PAGES, ids=[row[0] for row in BAD_PAGES])
async def test_a_page_that_there_is_not_is_refused(
    desks: PhonesTown, query: str, message: str
) -> None:
    status, answer = await desks.call("GET", f"{MESSAGES}?{query}")
    assert (400, message) == (status, answer["message"][: len(message)])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("uuid", [UNKNOWN, message_id(UNKNOWN), "x", "0" * 31, "%0A"])
async def test_an_unknown_sms_is_not_found(desks: PhonesTown, method: str, uuid: str) -> None:
    status, answer = await desks.call(method, f"{MESSAGES}/{uuid}")
    assert (404, "not_found", "no such message") == (status, answer["error"], answer["message"])


# --- Cancelling ----------------------------------------------------------------------------------


async def test_an_sms_that_waits_is_cancelled_and_never_sent(desks: PhonesTown) -> None:
    """The answer is the SMS as it is then; a second time it is the same."""
    task = await desks.queue()
    for _ in range(2):
        cancelled = await desks.ok("DELETE", f"{MESSAGES}/{task}")
        assert (task, "cancelled") == (cancelled["uuid"], cancelled["state"])
    async with desks.handset("front") as phone:
        assert [] == await phone.poll()
    assert ("cancelled", "rejected", True) == await desks.life(task)


async def test_what_a_phone_has_taken_cannot_be_cancelled(desks: PhonesTown) -> None:
    task = await desks.queue(device="back")
    await desks.visitor.get("/smssync/back/", task="send", secret=SECRETS["back"])
    status, answer = await desks.call("DELETE", f"{MESSAGES}/{task}")
    assert (400, "uuid: cannot be cancelled, it is handed") == (status, answer["message"])
    assert "handed" == await desks.state(task)


async def test_what_is_offered_to_a_phone_can_be_cancelled_until_it_says_that_it_sends_it(
    desks: PhonesTown,
) -> None:
    task = await desks.queue(device="reporting")
    await desks.visitor.get("/smssync/reporting/", task="send", secret=SECRETS["reporting"])
    assert "cancelled" == (await desks.ok("DELETE", f"{MESSAGES}/{task}"))["state"]


# --- Phones --------------------------------------------------------------------------------------

NEVER_SEEN: dict[str, Any] = {
    "name": "front",
    "numbers": [FRONT_NUMBER],
    "last_seen": None,
    "version": "",
    "battery": None,
    "battery_at": None,
    "backlog": 0,
    "handed_last_hour": 0,
    "hourly_cap": 0,
    "results": False,
}


async def test_phones_are_listed_by_name_and_without_their_secrets(desks: PhonesTown) -> None:
    reply = await desks.visitor.request("GET", DEVICES, headers=ADMIN)
    phones = reply.json["devices"]
    assert (3, ["back", "front", "reporting"]) == (
        reply.json["total_devices"],
        [each["name"] for each in phones],
    )
    assert NEVER_SEEN == phones[1] == await desks.ok("GET", f"{DEVICES}/front/")
    assert (list(BACK_NUMBERS), 100, False) == tuple(
        phones[0][name] for name in ("numbers", "hourly_cap", "results")
    )
    assert phones[2]["results"] is True
    assert [] == [each for each in SECRETS.values() if each in reply.text]


async def test_a_phone_is_shown_as_it_was_last_heard_of(desks: PhonesTown) -> None:
    """Its version, its battery, what waits for it alone, what it was given, how it reports."""
    preferences = Preferences(results_api=True)
    async with desks.handset("front", "2.7", preferences=preferences) as phone:
        await desks.queue(device="front")
        assert 1 == (await desks.ok("GET", f"{DEVICES}/front"))["backlog"]
        assert await phone.receive(f"+{ANNA}", "Hi")
        assert await phone.battery_low(14)
        await phone.poll()
    await desks.queue(device="front")
    await desks.queue(device="back")
    await desks.queue()
    shown = await desks.ok("GET", f"{DEVICES}/front")
    times = {name: shown[name] for name in ("last_seen", "battery_at")}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", each) for each in times.values())
    heard = {"version": "SMSSync-Android/v2.7.3", "battery": 14, "results": True}
    assert NEVER_SEEN | heard | times | {"backlog": 1, "handed_last_hour": 1} == shown


async def test_a_phone_is_given_no_more_than_its_cap(redis_url: str, tmp_path: Path) -> None:
    content = "[[device]]\nname = 'slow'\nsecret = 's3cret'\nhourly_cap = 3\n"
    async with phones_town(redis_url, devices_file(tmp_path, content)) as place:
        for number in range(5):
            await place.queue(f"text {number}")
        async with Handset(place.url(), secret="s3cret") as phone:
            await phone.poll()
            assert [] == await phone.poll()
            assert ["text 0", "text 1", "text 2"] == [each.text for each in phone.sent]
        shown = await place.ok("GET", f"{DEVICES}/slow")
    assert (3, 3) == (shown["handed_last_hour"], shown["hourly_cap"])


@pytest.mark.parametrize("name", ["nobody", "FRONT", "%66ront%00", "messages"])
async def test_an_unknown_phone_is_not_found(desks: PhonesTown, name: str) -> None:
    for path in (f"{DEVICES}/{name}", f"{DEVICES}/{name}/pairing"):
        status, answer = await desks.call("GET", path)
        assert (404, "not_found", "no such device") == (status, answer["error"], answer["message"])


# --- Pairing -------------------------------------------------------------------------------------


async def test_a_phone_is_paired_by_a_code_and_then_works(redis_url: str, tmp_path: Path) -> None:
    """What is in the code is all that the phone has to know."""
    options = (devices_file(tmp_path), "--public_url=https://sms.example.org")
    async with phones_town(redis_url, *options) as place:
        pairing = await place.ok("GET", f"{DEVICES}/front/pairing/")
        url = "https://sms.example.org/smssync/front/"
        assert {"title": "front", "url": url, "secret": FRONT_SECRET} == pairing
        # The name is public, the test's gateway is not behind it.
        pairing["url"] = url.replace("https://sms.example.org", place.gateway.url)
        task = await place.queue(device="front")
        async with Handset.paired(json.dumps(pairing)) as phone:
            assert await phone.receive(f"+{ANNA}", "Hi")
            await phone.poll()
            assert [task] == [each.uuid for each in phone.sent]
    assert "front" == phone.preferences.title


async def test_without_a_public_address_there_is_no_code(desks: PhonesTown) -> None:
    """It is never derived from a Host header."""
    status, answer = await desks.call("GET", f"{DEVICES}/front/pairing")
    assert (400, "public_url") == (status, answer["message"].partition(":")[0])
    assert FRONT_SECRET not in json.dumps(answer, ensure_ascii=False)


# --- What leaves, and to whom --------------------------------------------------------------------


async def test_who_has_texted_stop_gets_no_sms_unless_it_is_said(desks: PhonesTown) -> None:
    """A STOP to the phone that texted him counts, though its number is in no pool."""
    await desks.ok("POST", MESSAGES, {"to": ANNA, "message": "Hello", "device": "back"})
    async with desks.handset("back") as phone:
        await sends(phone, 1)
        await phone.receive(f"+{ANNA}", "Stop!")
    status, answer = await desks.call("POST", MESSAGES, {"to": ANNA, "message": "Again"})
    assert (409, "opted_out") == (status, answer["error"])
    despite = {"to": ANNA, "message": "A last word", "despite_optout": True}
    assert "waiting" == (await desks.ok("POST", MESSAGES, despite))["state"]


async def test_an_sms_leaves_without_what_no_phone_shows(desks: PhonesTown) -> None:
    """As every text does."""
    odd = "nul\x00 bel\x07 e\u0301 “q” \u200b."
    queued = await desks.ok("POST", MESSAGES, {"to": TO, "message": odd})
    assert 'nul bel é "q" .' == queued["message"]
