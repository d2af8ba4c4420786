"""Handsets that call virtual numbers: the questions, the NCCOs, both legs and their events."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from gateway.emulator import Emulator
from gateway.emulator.account.calls import Call
from gateway.errors import BadRequest
from tests.support.scenes.emulation import BERLIN, SEATTLE, change, emulating, error_of
from tests.support.scenes.masking import until
from tests.support.stand_ins.voice_application import (
    CLOSE,
    MASK,
    SORRY,
    TALK,
    VIRTUAL,
    VoiceApplication,
    connect,
)

SYDNEY = "61491570156"
APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
JWT_SECRET = "a-secret-of-web-tokens-with-40-characters"

pytestmark = pytest.mark.usefixtures("voice")


def asked(call: Call) -> list[tuple[str, int | None]]:
    return [(each.kind, each.http_status) for each in call.asked]


def events_of(call: Call, direction: str) -> list[str]:
    return [event.status for event in call.events if event.direction == direction]


# -- a masked call


async def test_a_call_reaches_the_other_participant(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """The caller hears the text, the callee sees the number that stands for the caller."""
    call = await emulator.call(SEATTLE, VIRTUAL)
    [rang] = call.rang
    assert (["Please wait"], BERLIN, MASK) == (call.heard, rang.to, rang.sender)
    assert ("completed", "completed", "") == (call.status, rang.status, call.problem)
    assert (7, "user", "platform") == (
        rang.duration,
        call.inbound.disconnected_by,
        rang.disconnected_by,
    )
    assert [call] == list(emulator.calls)
    assert [TALK, connect()] == call.actions


async def test_tells_of_both_legs(emulator: Emulator, voice: VoiceApplication) -> None:
    """Two legs with an id each, in one conversation; every event once and in order."""
    call = await emulator.call(SEATTLE, VIRTUAL)
    states = ["started", "ringing", "answered", "completed"]
    assert (states, states) == (events_of(call, "inbound"), events_of(call, "outbound"))
    assert [(event.direction, event.status) for event in call.events] == voice.told()
    assert {200} == {try_.http_status for event in call.events for try_ in event.attempts}
    bodies = [each.values for each in voice.at("/event")]
    assert {call.conversation_uuid} == {body["conversation_uuid"] for body in bodies}
    assert {call.uuid, call.rang[0].uuid} == {body["uuid"] for body in bodies}


async def test_an_event_has_the_documented_fields(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """Amounts are texts; what is not known when a call is answered is null."""
    call = await emulator.call(SEATTLE, VIRTUAL)
    bodies = {
        (each.values["direction"], each.values["status"]): each.values
        for each in voice.at("/event")
    }
    common = {
        "headers": {},
        "from": MASK,
        "to": BERLIN,
        "uuid": call.rang[0].uuid,
        "conversation_uuid": call.conversation_uuid,
        "direction": "outbound",
    }
    times = {"timestamp", "start_time", "end_time"}
    started, answered = bodies["outbound", "started"], bodies["outbound", "answered"]
    completed = bodies["outbound", "completed"]
    assert common | {"status": "started"} == {k: started[k] for k in started.keys() - times}
    nothing = {"start_time": None, "rate": None, "network": None}
    assert nothing == {name: answered[name] for name in nothing}
    expected = common | {
        "status": "completed",
        "duration": "7",
        "rate": "0.01390000",
        "price": "0.00162167",
        "network": "26201",
        "disconnected_by": "platform",
        "sip_code": 200,
    }
    assert expected == {k: completed[k] for k in completed.keys() - times}
    assert all(completed[name].endswith("Z") for name in times)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_asks_with_the_documented_fields(
    method: str, emulator: Emulator, voice: VoiceApplication
) -> None:
    emulator.configure(answer_method=method)
    call = await emulator.call(SEATTLE, VIRTUAL)
    [question] = voice.at("/answer")
    expected = {
        "to": VIRTUAL,
        "from": SEATTLE,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "endpoint_type": "phone",
        "region_url": "https://api-eu-3.vonage.com",
    }
    assert (method, expected) == (question.method, question.values)


@pytest.mark.parametrize(
    ("sender", "options", "shown"),
    [
        (SEATTLE, {"anonymous": True}, "anonymous"),
        ("", {}, None),
        ("0176-x", {}, "0176-x"),
        (f"+{SEATTLE}", {}, SEATTLE),
    ],
    ids=["withheld", "none", "odd", "plus"],
)
async def test_shows_the_caller_as_the_network_does(
    sender: str,
    options: dict[str, Any],
    shown: str | None,
    emulator: Emulator,
    voice: VoiceApplication,
) -> None:
    await emulator.call(sender, VIRTUAL, **options)
    assert shown == voice.at("/answer")[0].values.get("from")


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        (connect(), MASK),
        (connect(**{"from": SYDNEY}), "unknown"),
        ({key: value for key, value in connect().items() if key != "from"}, "unknown"),
    ],
    ids=["owned", "of somebody else", "none"],
)
async def test_shows_only_an_owned_number_as_caller_id(
    action: dict[str, Any], shown: str, emulator: Emulator, voice: VoiceApplication
) -> None:
    voice.replies["/answer"] = [[action]]
    call = await emulator.call(SEATTLE, VIRTUAL)
    assert shown == call.rang[0].sender


# -- what becomes of the second leg

RESULTS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str], str | None]] = {
    "busy": ({"answer": "busy"}, {}, ["started", "ringing", "busy"], None),
    "rejected": ({"answer": "rejected"}, {}, ["started", "ringing", "rejected"], "declined"),
    "failed": ({"answer": "failed"}, {}, ["started", "failed"], "cannot_route"),
    "no answer": (
        {"answer": "unanswered"},
        {},
        ["started", "ringing", "unanswered"],
        "unavailable",
    ),
    "own detail": (
        {"answer": "failed", "detail": "number_out_of_service"},
        {},
        ["started", "failed"],
        "number_out_of_service",
    ),
    "rings too long": (
        {"ring": 46},
        {"timeout": 45},
        ["started", "ringing", "timeout"],
        "carrier_timeout",
    ),
    "time-out": ({"answer": "timeout"}, {}, ["started", "ringing", "timeout"], "carrier_timeout"),
    "caller gives up": ({"answer": "cancelled"}, {}, ["started", "ringing", "cancelled"], None),
}


@pytest.mark.parametrize(
    ("options", "more", "states", "detail"), RESULTS.values(), ids=RESULTS.keys()
)
async def test_tells_why_nobody_answered(
    options: dict[str, Any],
    more: dict[str, Any],
    states: list[str],
    detail: str | None,
    voice: VoiceApplication,
) -> None:
    """The connect leg ends with its reason, and the caller's call is completed."""
    voice.replies["/answer"] = [[connect(**more)]]
    urls = {"answer_url": f"{voice.url}/answer", "event_url": f"{voice.url}/event"}
    async with emulating(**urls, call_time_scale=0) as emulator:
        call = await emulator.call(SEATTLE, VIRTUAL, **options)
    assert (states, states[-1]) == (events_of(call, "outbound"), call.rang[0].status)
    assert "completed" == call.status
    last = next(each.values for each in voice.at("/event") if each.values["status"] == states[-1])
    assert detail == last.get("detail")


async def test_goes_on_with_the_ncco_when_nobody_answered(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """What follows the connect is heard, unless the caller has hung up."""
    voice.replies["/answer"] = [[connect(), SORRY]]
    heard = {
        answer: (await emulator.call(SEATTLE, VIRTUAL, answer=answer)).heard
        for answer in ("busy", "cancelled", "answered")
    }
    assert {"busy": ["Sorry"], "cancelled": [], "answered": []} == heard


@pytest.mark.parametrize(
    ("options", "more", "duration", "by"),
    [
        ({"duration": 30}, {}, 30, ("user", "platform")),
        ({"duration": 30, "hangup_by": "callee"}, {}, 30, ("platform", "user")),
        ({"duration": 30}, {"limit": 20}, 20, ("platform", "platform")),
        ({"duration": 0}, {}, 0, ("user", "platform")),
    ],
    ids=["caller", "callee", "limit", "at once"],
)
async def test_a_call_ends(
    options: dict[str, Any],
    more: dict[str, Any],
    duration: int,
    by: tuple[str, str],
    voice: VoiceApplication,
) -> None:
    """By caller, callee or limit, after the seconds that were ordered."""
    voice.replies["/answer"] = [[connect(**more)]]
    async with emulating(answer_url=f"{voice.url}/answer", call_time_scale=0) as emulator:
        call = await emulator.call(SEATTLE, VIRTUAL, **options)
    [rang] = call.rang
    assert (duration, by) == (
        rang.duration,
        (call.inbound.disconnected_by, rang.disconnected_by),
    )


async def test_events_of_a_connect_go_to_its_own_webhook(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """Those of the caller's leg still go to the application's."""
    own = connect(eventUrl=[f"{voice.url}/own"])
    voice.replies["/answer"] = [[own]]
    await emulator.call(SEATTLE, VIRTUAL)
    assert {"inbound"} == {direction for direction, _ in voice.told()}
    states = [(each.method, each.values["status"]) for each in voice.at("/own")]
    assert [("POST", state) for state in ("started", "ringing", "answered", "completed")] == states


# -- the answer URL and its fallback

ANSWERS: dict[str, tuple[list[Any], Sequence[tuple[str, int | None]]]] = {
    "closed": ([CLOSE], [("answer", None), ("answer", None), ("fallback", 200)]),
    "503": ([503], [("answer", 503), ("answer", 503), ("fallback", 200)]),
    "429 once": ([429, [TALK]], [("answer", 429), ("answer", 200)]),
    "404 is not tried again": ([404], [("answer", 404), ("fallback", 200)]),
    "500 is not tried again": ([500], [("answer", 500), ("fallback", 200)]),
}


@pytest.mark.parametrize(("replies", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_tries_twice_and_then_the_fallback(
    replies: list[Any],
    expected: Sequence[tuple[str, int | None]],
    emulator: Emulator,
    voice: VoiceApplication,
) -> None:
    """As the provider does; whoever answers says what the caller hears."""
    voice.replies |= {"/answer": replies, "/fallback": [[SORRY]]}
    emulator.configure(answer_method="POST")
    call = await emulator.call(SEATTLE, VIRTUAL)
    assert (expected, "") == (asked(call), call.problem)
    assert ["Sorry" if expected[-1][0] == "fallback" else "Please wait"] == call.heard


async def test_the_fallback_is_told_what_failed(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """The same data, the reason, and the request that failed."""
    voice.replies |= {"/answer": [CLOSE], "/fallback": [[SORRY]]}
    emulator.configure(answer_method="POST")
    call = await emulator.call(SEATTLE, VIRTUAL)
    [question] = voice.at("/fallback")
    expected = {
        "from": SEATTLE,
        "conversation_uuid": call.conversation_uuid,
        "reason": "Connection closed.",
        "original_request": {"url": f"{voice.url}/answer", "type": "answer"},
    }
    assert expected == {name: question.values[name] for name in expected}


async def test_gives_up_a_slow_answer_url(emulator: Emulator, voice: VoiceApplication) -> None:
    """After the read time-out, scaled."""
    asked_for = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await asked_for.wait()
        return web.Response()

    application = web.Application()
    application.router.add_get("/slow", wait)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slow = f"http://127.0.0.1:{runner.addresses[0][1]}/slow"
    voice.replies["/fallback"] = [[SORRY]]
    emulator.configure(answer_url=slow, voice_read_timeout=6, voice_connect_timeout=6)
    call = await emulator.call(SEATTLE, VIRTUAL)
    asked_for.set()
    await runner.cleanup()
    assert [("answer", None), ("answer", None), ("fallback", 200)] == asked(call)
    assert ["TimeoutError"] * 2 == [each.error for each in call.asked[:2]]


async def test_a_call_that_nobody_answers_ends(emulator: Emulator, voice: VoiceApplication) -> None:
    """Two tries at each URL, then the caller's leg fails."""
    voice.replies |= {"/answer": [503], "/fallback": [503]}
    call = await emulator.call(SEATTLE, VIRTUAL)
    assert [("answer", 503)] * 2 + [("fallback", 503)] * 2 == asked(call)
    assert (["started", "ringing", "failed"], []) == (events_of(call, "inbound"), call.heard)
    assert "nobody answered the call" == call.problem


# -- NCCOs


@pytest.mark.parametrize(
    "reply", [b"", b"not json", b"\xff", b"{}", b"[]", [{"action": "sing"}]], ids=repr
)
async def test_a_bad_ncco_ends_the_call(
    reply: Any, emulator: Emulator, voice: VoiceApplication
) -> None:
    """The event webhook is told so, the fallback is not asked, and nobody is rung."""
    voice.replies["/answer"] = [reply]
    call = await emulator.call(SEATTLE, VIRTUAL)
    [error] = [each.values for each in voice.at("/event") if "reason" in each.values]
    assert {
        "reason": "Syntax error in NCCO. Invalid value type or action.",
        "conversation_uuid": call.conversation_uuid,
    } == {name: error[name] for name in error.keys() - {"timestamp"}}
    assert ([("answer", 200)], [], "failed") == (asked(call), call.rang, call.status)
    assert call.problem


async def test_an_ncco_that_never_ends_is_cut(emulator: Emulator, voice: VoiceApplication) -> None:
    """One that leads to itself is left after a hundred actions."""
    again = {"action": "input", "type": ["dtmf"], "eventUrl": [f"{voice.url}/answer"]}
    voice.replies["/answer"] = [[again]]
    call = await emulator.call(SEATTLE, VIRTUAL)
    assert (100, "more than 100 actions") == (len(call.actions), call.problem)


# -- input


def asking(voice: VoiceApplication, **dtmf: Any) -> list[dict[str, Any]]:
    url = f"{voice.url}/pin"
    return [TALK, {"action": "input", "type": ["dtmf"], "dtmf": dtmf, "eventUrl": [url]}]


@pytest.mark.parametrize(
    ("dtmf", "digits"), [({}, "1234"), ({"maxDigits": 6}, "123456")], ids=["four", "six"]
)
async def test_tells_what_was_typed(
    dtmf: dict[str, Any], digits: str, emulator: Emulator, voice: VoiceApplication
) -> None:
    """The answer is the next NCCO."""
    voice.replies |= {"/answer": [asking(voice, **dtmf)], "/pin": [[connect()]]}
    call = await emulator.call(SEATTLE, VIRTUAL, digits="123456#")
    [told] = voice.at("/pin")
    expected = {
        "dtmf": {"digits": digits, "timed_out": False},
        "speech": {"results": []},
        "uuid": call.uuid,
        "from": SEATTLE,
        "to": VIRTUAL,
    }
    assert ("POST", expected) == (told.method, {name: told.values[name] for name in expected})
    assert [BERLIN] == [leg.to for leg in call.rang]


async def test_types_something_else_at_each_input(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """Up to a hash, when it submits; nothing when there is no more to type."""
    again = asking(voice, submitOnHash=True, maxDigits=8)
    voice.replies |= {"/answer": [again], "/pin": [again, again, [SORRY]]}
    call = await emulator.call(SEATTLE, VIRTUAL, digits=["1111#", "22#22"])
    typed = [tuple(each.values["dtmf"].values()) for each in voice.at("/pin")]
    assert [("1111", False), ("22", False), ("", True)] == typed
    assert ["Please wait"] * 3 + ["Sorry"] == call.heard


async def test_a_failed_input_webhook_leads_to_the_fallback(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    voice.replies |= {
        "/answer": [asking(voice)],
        "/pin": [503],
        "/fallback": [[SORRY]],
    }
    emulator.configure(answer_method="POST")
    call = await emulator.call(SEATTLE, VIRTUAL)
    original = voice.at("/fallback")[0].values["original_request"]
    assert ({"url": f"{voice.url}/pin", "type": "event"}, "Sorry") == (original, call.heard[-1])


# -- events that go astray


async def test_events_can_be_repeated(emulator: Emulator, voice: VoiceApplication) -> None:
    emulator.configure(event_repeat=3)
    call = await emulator.call(SEATTLE, VIRTUAL)
    in_order = [(event.direction, event.status) for event in call.events]
    assert [each for each in in_order for _ in range(3)] == voice.told()


async def test_events_can_come_out_of_order(emulator: Emulator, voice: VoiceApplication) -> None:
    """All of them, after the call, in any order but theirs."""
    emulator.configure(event_shuffle=True)
    call = await emulator.call(SEATTLE, VIRTUAL)
    in_order = [(event.direction, event.status) for event in call.events]
    assert (sorted(in_order), False) == (sorted(voice.told()), in_order == voice.told())


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ("completed", []),
        ("inbound:completed", ["outbound"]),
        ("outbound:completed,inbound:completed", []),
        ("answered", ["outbound", "inbound"]),
    ],
)
async def test_events_can_be_lost(
    lost: str, expected: list[str], emulator: Emulator, voice: VoiceApplication
) -> None:
    """The call knows them; its webhook is never told."""
    emulator.configure(event_lost=lost)
    call = await emulator.call(SEATTLE, VIRTUAL)
    assert expected == [side for side, status in voice.told() if status == "completed"]
    assert 8 == len(call.events)


@pytest.mark.parametrize(
    ("replies", "attempts"),
    [([503, 200], [503, 200]), ([503, 503, 200], [503, 503]), ([500, 200], [500])],
    ids=["taken at last", "only once more", "not for 500"],
)
async def test_an_event_is_told_once_more(
    replies: list[int], attempts: list[int], emulator: Emulator, voice: VoiceApplication
) -> None:
    voice.replies["/event"] = [*replies, 200]
    call = await emulator.call(SEATTLE, VIRTUAL)
    assert attempts == [each.http_status for each in call.events[0].attempts]


async def test_events_by_get_have_a_query(emulator: Emulator, voice: VoiceApplication) -> None:
    """What is null or empty is left out."""
    emulator.configure(event_method="GET")
    await emulator.call(SEATTLE, VIRTUAL)
    assert {"GET"} == {each.method for each in voice.at("/event")}
    answered = next(each.query for each in voice.at("/event") if each.query["status"] == "answered")
    assert {"from", "to", "uuid", "conversation_uuid", "status", "direction", "timestamp"} == set(
        answered
    )


# -- web tokens


@pytest.mark.parametrize(
    "settings",
    [{"jwt_secret": JWT_SECRET}, {"jwt_secret": JWT_SECRET, "signature_secret": "other"}],
    ids=["alone", "before the signature secret"],
)
async def test_signs_its_webhooks(
    settings: dict[str, str], emulator: Emulator, voice: VoiceApplication
) -> None:
    """HS256, by the account and application, with the hash of the raw body; each id once."""
    emulator.configure(**settings, application_id=APPLICATION)
    await emulator.call(SEATTLE, VIRTUAL)
    tokens = [each.authorization.removeprefix("Bearer ") for each in voice.seen]
    claims = [jwt.decode(token, JWT_SECRET, algorithms=["HS256"]) for token in tokens]
    assert [hashlib.sha256(each.body).hexdigest() for each in voice.seen] == [
        each["payload_hash"] for each in claims
    ]
    assert {("Vonage", "emulator", APPLICATION)} == {
        (each["iss"], each["api_key"], each["application_id"]) for each in claims
    }
    assert len(claims) == len({each["jti"] for each in claims})
    assert all(isinstance(each["iat"], int) for each in claims)


async def test_signs_with_the_signature_secret_without_another(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    emulator.configure(signature_secret=JWT_SECRET)
    await emulator.call(SEATTLE, VIRTUAL)
    token = voice.at("/answer")[0].authorization.removeprefix("Bearer ")
    assert "Vonage" == jwt.decode(token, JWT_SECRET, algorithms=["HS256"])["iss"]


async def test_signs_nothing_without_a_secret(emulator: Emulator, voice: VoiceApplication) -> None:
    await emulator.call(SEATTLE, VIRTUAL)
    assert {""} == {each.authorization for each in voice.seen}


# -- which number is called


@pytest.mark.parametrize(
    ("callbacks", "problem", "rang"),
    [
        ({"app_id": APPLICATION}, "", BERLIN),
        ({"voiceCallbackType": "app", "voiceCallbackValue": APPLICATION}, "", BERLIN),
        ({}, "the number is not linked to the application", None),
        ({"app_id": "other"}, "the number is not linked to the application", None),
        (
            {"app_id": APPLICATION, "voiceCallbackType": "tel", "voiceCallbackValue": SYDNEY},
            "forwarded by the number's own voiceCallbackType, without a webhook",
            SYDNEY,
        ),
    ],
    ids=["application", "older way", "none", "another one", "forwarded"],
)
async def test_a_rented_number_must_be_linked_to_the_application(
    callbacks: dict[str, str],
    problem: str,
    rang: str | None,
    emulator: Emulator,
    voice: VoiceApplication,
) -> None:
    """Else nobody is asked, and the call is lost or goes elsewhere."""
    emulator.configure(application_id=APPLICATION)
    account = {"api_key": "emulator", "api_secret": "emulator-secret"}
    number = account | {"country": "US", "msisdn": "12065550174"}
    async with aiohttp.ClientSession(emulator.url) as http:
        await http.post("/number/buy", data=number)
        await http.post("/number/update", data=number | callbacks)
    call = await emulator.call(SEATTLE, "12065550174")
    assert (problem, [rang] if rang else []) == (call.problem, [leg.to for leg in call.rang])
    assert (not problem) == bool(voice.seen)


# -- over HTTP


async def test_a_call_over_http(http: aiohttp.ClientSession) -> None:
    """With ``wait`` the answer is the finished call; the list has it, too."""
    body = {"from": SEATTLE, "to": VIRTUAL, "wait": True}
    async with http.post("/emulator/calls", json=body) as response:
        call = await response.json()
    assert ("completed", ["Please wait"]) == (call["status"], call["heard"])
    [rang] = call["rang"]
    assert (BERLIN, MASK, 7) == (rang["to"], rang["sender"], rang["duration"])
    assert {200} == {each["attempts"][0]["http_status"] for each in call["events"]}
    for path, expected in {
        "/emulator/calls": [call],
        f"/emulator/calls?from={SEATTLE}": [call],
        f"/emulator/calls?from={BERLIN}": [],
        f"/emulator/calls/{call['uuid']}": call,
    }.items():
        async with http.get(path) as response:
            assert expected == await response.json()


@pytest.mark.parametrize(("by", "ended_by"), [("caller", "platform"), ("callee", "user")])
async def test_a_held_call_lasts_until_it_is_hung_up(
    by: str, ended_by: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """``hold`` keeps it in progress; DELETE is one of both hanging up."""
    call = await emulator.call(SEATTLE, VIRTUAL, wait=False, hold=True)
    await until(lambda: [leg.status for leg in call.rang] == ["answered"])
    assert "in progress" == call.status
    async with http.delete(f"/emulator/calls/{call.uuid}?by={by}") as response:
        assert 200 == response.status
    await until(lambda: call.over)
    assert ("completed", ended_by) == (call.status, call.rang[0].disconnected_by)


async def test_a_reset_breaks_calls_off(emulator: Emulator, voice: VoiceApplication) -> None:
    """They are forgotten, and nothing more is told of them."""
    call = await emulator.call(SEATTLE, VIRTUAL, wait=False, hold=True)
    await until(lambda: [leg.status for leg in call.rang] == ["answered"])
    await emulator.reset()
    assert (True, []) == (call.over, list(emulator.calls))
    assert "completed" not in {status for _, status in voice.told()}


WRONG_ORDERS: list[tuple[str, Any]] = [
    ("from", None),
    ("to", "Acme"),
    ("answer", "maybe"),
    ("duration", -1),
    ("ring", "soon"),
    ("hold", "yes"),
    ("hangup_by", "mother"),
    ("anonymous", 1),
    ("digits", "12a"),
    ("digits", 1234),
    ("wait", "yes"),
    ("colour", "red"),
]


@pytest.mark.parametrize(("name", "value"), WRONG_ORDERS)
async def test_refuses_a_wrong_call(name: str, value: object, http: aiohttp.ClientSession) -> None:
    """A 400 that names what is wrong."""
    body = {"from": SEATTLE, "to": VIRTUAL, name: value}
    async with http.post("/emulator/calls", json=body) as response:
        status, answer = await error_of(response)
    assert (400, name) == (status, answer["field"])


@pytest.mark.parametrize("missing", ["from", "to"])
async def test_refuses_half_a_call(missing: str, http: aiohttp.ClientSession) -> None:
    body = dict.fromkeys({"from", "to"} - {missing}, VIRTUAL)
    async with http.post("/emulator/calls", json=body) as response:
        assert 400 == response.status


async def test_a_call_that_is_not_there(http: aiohttp.ClientSession) -> None:
    async with http.get("/emulator/calls/0a") as response:
        assert 404 == response.status


@pytest.mark.parametrize("url", ["", "https://example.com/answer"], ids=["none", "elsewhere"])
async def test_nobody_beyond_this_machine_is_asked(url: str, emulator: Emulator) -> None:
    emulator.configure(answer_url=url)
    with pytest.raises(BadRequest, match=r"^answer_url: "):
        await emulator.call(SEATTLE, VIRTUAL)


async def test_an_event_webhook_elsewhere_is_told_nothing(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """The call goes on, and its events say that they have no address."""
    emulator.configure(event_url="https://example.com/event")
    call = await emulator.call(SEATTLE, VIRTUAL)
    assert ("completed", {""}) == (call.status, {event.url for event in call.events})


WRONG_SETTINGS: list[tuple[str, Any]] = [
    ("answer_url", "answer"),
    ("answer_method", "PUT"),
    ("event_method", "POST-JSON"),
    ("event_lost", "Completed!"),
    ("event_repeat", 0),
    ("call_time_scale", -1),
    ("voice_timeout_scale", "1"),
    ("owned_numbers", ["Acme"]),
    ("insight_delay", -1),
]


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
async def test_refuses_a_wrong_setting(
    name: str, value: object, http: aiohttp.ClientSession
) -> None:
    async with http.post("/emulator/settings", json={name: value}) as response:
        status, answer = await error_of(response)
    assert (400, name) == (status, answer["field"])


async def test_hides_the_secret_of_web_tokens(http: aiohttp.ClientSession) -> None:
    await change(http, jwt_secret=JWT_SECRET)
    async with http.get("/emulator/settings") as response:
        assert "(set)" == (await response.json())["jwt_secret"]
