"""What Vonage's voice webhooks say, and the actions by which calls are answered."""

from __future__ import annotations

import json
from typing import Any

import phonenumbers
import pytest
from jsonschema import Draft4Validator

from gateway.providers.vonage.voice import (
    LANGUAGES,
    RANKS,
    Action,
    CallEvent,
    IncomingCall,
    Keyed,
    connect,
    key_in,
    parse_answer,
    parse_event,
    parse_keyed,
    talk,
)
from tests.support import DATA

SCHEMA = json.loads((DATA / "ncco-schema.json").read_text("utf-8"))
CONVERSATION = "CON-4bf66420-d6cb-46e0-9ba9-f7eede9a7301"
LEG = "aaaaaaaabbbbccccddddeeeeeeeeeeee"
DASHED = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
ANNA, TN = "4917604069091", "12065550151"
EVENTS = "https://gateway.example/event/token"


def connection(**changed: Any) -> list[Action]:
    given: dict[str, Any] = {
        "caller_id": "+12065550151",
        "ring_timeout": 45,
        "call_limit": 3600,
        "event_url": EVENTS,
    }
    return connect("+4917604069091", **given | changed)


# -- the answer webhook ------------------------------------------------------------------------

ASKED = {"from": ANNA, "to": TN, "uuid": LEG, "conversation_uuid": CONVERSATION}
NO_PHONE = {"endpoint_type": "app", "from_user": "USR-1", "to": TN, "conversation_uuid": "CON-1"}
FAILED = ASKED | {
    "reason": "Connection closed.",
    "original_request": {"url": "x", "type": "answer"},
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    {
        "usual": (ASKED, IncomingCall(CONVERSATION, LEG, ANNA, TN)),
        "leg with dashes": (ASKED | {"uuid": DASHED}, IncomingCall(CONVERSATION, LEG, ANNA, TN)),
        "withheld": (
            ASKED | {"from": "anonymous"},
            IncomingCall(CONVERSATION, LEG, "anonymous", TN),
        ),
        "not from a phone": (NO_PHONE, IncomingCall("CON-1", "", "", TN)),
        "without conversation": (
            {"from": ANNA, "to": TN, "uuid": DASHED},
            IncomingCall(LEG, LEG, ANNA, TN),
        ),
        "to the fallback": (
            FAILED,
            IncomingCall(CONVERSATION, LEG, ANNA, TN, "Connection closed."),
        ),
        "nothing": ({}, IncomingCall("", "", "", "")),
        "other types": (
            {"from": [ANNA], "to": {"a": 1}, "uuid": None, "conversation_uuid": True},
            IncomingCall("", "", "", ""),
        ),
        "ids that are none": (
            ASKED | {"uuid": "a b", "conversation_uuid": "x" * 65},
            IncomingCall("", "", ANNA, TN),
        ),
    }.values(),
    ids=lambda value: "",
)
def test_a_call_is_read_in_every_form(fields: dict[str, Any], expected: IncomingCall) -> None:
    assert expected == parse_answer(fields)


# -- digits --------------------------------------------------------------------------------------

AT = "2026-11-21T07:00:00.000Z"
DIGITS = {"uuid": LEG, "conversation_uuid": CONVERSATION, "timestamp": AT}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"dtmf": "1234", "timed_out": "false"}, Keyed(CONVERSATION, "1234", AT)),
        ({"dtmf": {"digits": "0042", "timed_out": False}}, Keyed(CONVERSATION, "0042", AT)),
        ({"dtmf": {"digits": "1234#"}}, Keyed(CONVERSATION, "1234", AT)),
        ({"dtmf": {"digits": "", "timed_out": True}}, Keyed(CONVERSATION, "", AT)),
        ({"dtmf": {"digits": None, "timed_out": True}}, Keyed(CONVERSATION, "", AT)),
        ({"dtmf": ["1234"]}, Keyed(CONVERSATION, "", AT)),
        ({"dtmf": "1234", "timestamp": None}, Keyed(CONVERSATION, "1234")),
        ({"dtmf": "1234", "conversation_uuid": None}, Keyed(LEG, "1234", AT)),
        ({}, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_digits_are_read_in_the_old_and_in_the_new_form(
    more: dict[str, Any], expected: Keyed | None
) -> None:
    assert expected == parse_keyed(DIGITS | more)


# -- events --------------------------------------------------------------------------------------

STARTED: dict[str, Any] = {
    "headers": {},
    "from": "14845552121",
    "to": "16105553939",
    "uuid": DASHED,
    "conversation_uuid": CONVERSATION,
    "status": "started",
    "direction": "inbound",
    "timestamp": "2020-07-01T20:45:34.796Z",
}
AT_START = {"timestamp": "2020-07-01T20:45:34.796Z"}
ENDED = {
    "start_time": "2020-07-01T20:45:36.000Z",
    "end_time": "2020-07-01T20:45:43.000Z",
    "duration": "7",
    "rate": "0.00450000",
    "price": "0.00052500",
    "network": "US-VIRTUAL-LEVEL3",
    "disconnected_by": "user",
    "sip_code": "200",
}


def event(status: str, **fields: str) -> CallEvent:
    return CallEvent(CONVERSATION, LEG, "inbound", status, {**AT_START, **fields})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        *(({"status": status}, event(status)) for status in RANKS),
        *(({"status": status}, event(status)) for status in ("record", "input", "disconnected")),
        ({"status": "a new one"}, event("a new one")),
        (
            {"status": "answered", "start_time": None, "rate": None, "network": None},
            event("answered"),
        ),
        ({"status": "completed", **ENDED}, event("completed", **ENDED)),
        (
            {"status": "rejected", "detail": "invalid_number"},
            event("rejected", detail="invalid_number"),
        ),
        (
            {"status": "human", "uuid": None, "call_uuid": DASHED, "direction": None},
            CallEvent(CONVERSATION, LEG, "", "human", AT_START),
        ),
        (
            {"status": "input", "dtmf": {"digits": "1234"}, "speech": {}},
            event("input"),
        ),
        ({"direction": "sideways"}, CallEvent(CONVERSATION, LEG, "", "started", AT_START)),
    ],
    ids=lambda value: value.get("status", "direction") if isinstance(value, dict) else "",
)
def test_an_event_keeps_what_happened_but_no_numbers_and_no_digits(
    changed: dict[str, Any], expected: CallEvent
) -> None:
    assert expected == parse_event(STARTED | changed)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {
                "type": "transfer",
                "conversation_uuid_from": "CON-1",
                "conversation_uuid_to": "CON-2",
                "uuid": LEG,
            },
            CallEvent("CON-1", LEG, "", "transfer", {"conversation_uuid_to": "CON-2"}),
        ),
        (
            {"reason": "Syntax error in NCCO.", "conversation_uuid": "CON-1", "timestamp": AT},
            CallEvent(
                "CON-1", "", "", "error", {"timestamp": AT, "reason": "Syntax error in NCCO."}
            ),
        ),
        ({"status": "started", "uuid": LEG}, CallEvent(LEG, LEG, "", "started")),
        ({"status": "started"}, None),
        ({"conversation_uuid": "CON-1"}, None),
        ({"conversation_uuid": "no id", "status": "started"}, None),
        ({}, None),
    ],
    ids=["transfer", "error", "leg only", "no call", "no status", "no id", "nothing"],
)
def test_events_of_other_shapes_are_read_too(
    fields: dict[str, Any], expected: CallEvent | None
) -> None:
    assert expected == parse_event(fields)


def test_only_a_leg_s_own_statuses_say_how_far_it_is() -> None:
    found = [parse_event(STARTED | {"status": status}) for status in ("ringing", "busy", "human")]
    assert [2, 4, 0] == [each.rank for each in found if each]


# -- actions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "actions",
    [
        talk("Please wait"),
        talk("Bitte warten", "DE"),
        talk("x" * 2000),
        connection(),
        connection(event_url=""),
        connection(call_limit=100_000),
        talk("PIN") + key_in("https://gateway.example/proxy-call/"),
        *(talk("a", country) for country in LANGUAGES),
    ],
)
def test_actions_obey_the_provider_s_schema(actions: list[Action]) -> None:
    Draft4Validator(SCHEMA).validate(actions)


def test_a_connection_names_both_numbers_in_digits() -> None:
    assert [
        {
            "action": "connect",
            "from": "12065550151",
            "timeout": 45,
            "limit": 3600,
            "endpoint": [{"type": "phone", "number": "4917604069091"}],
            "eventUrl": [EVENTS],
        }
    ] == connection()


def test_without_an_address_the_application_s_event_url_stands() -> None:
    assert "eventUrl" not in connection(event_url="")[0]


def test_no_call_is_longer_than_the_provider_allows() -> None:
    assert 7200 == connection(call_limit=100_000)[0]["limit"]


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("Hallo", "DE", [{"action": "talk", "text": "Hallo", "language": "de-DE"}]),
        ("G'day", "AU", [{"action": "talk", "text": "G'day", "language": "en-AU"}]),
        ("Hello", "ET", [{"action": "talk", "text": "Hello"}]),
        ("Hello", "", [{"action": "talk", "text": "Hello"}]),
        ("", "DE", []),
    ],
)
def test_a_text_is_read_in_a_language_of_the_country_if_it_is_spoken(
    text: str, country: str, expected: list[Action]
) -> None:
    assert expected == talk(text, country)


def test_the_languages_are_those_of_real_countries_and_of_the_provider() -> None:
    assert set() == set(LANGUAGES) - phonenumbers.SUPPORTED_REGIONS - {"AI", "BQ", "SJ"}
    assert set() == set(LANGUAGES.values()) - set(SCHEMA["definitions"]["languages"]["enum"])
