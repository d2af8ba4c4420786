"""Calls: who reaches whom, once; what becomes of a call, whatever order its events come in."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from jsonschema import Draft4Validator

from gateway.conversations.calls import MOST_EVENTS, WRONG_PER_CALLER, Calls
from gateway.conversations.opening import NewSession
from gateway.conversations.session import Session
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import Transcript
from gateway.errors import BadRequest, StoreUnavailable
from gateway.providers.vonage.voice import Action, CallEvent, IncomingCall, Keyed
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from gateway.store.values import DAY_MS
from gateway.virtual_numbers.pool import Mode, Pool, VirtualNumber
from tests.support import DATA
from tests.support.conversations import OpenedSessions

SCHEMA = json.loads((DATA / "ncco-schema.json").read_text("utf-8"))
ANNA, BEN, CLEO, STRANGER = (f"+491760406909{n}" for n in range(1, 5))
SEATTLE, TACOMA = "+12065550121", "+12065550122"
ONE, TWO, THREE, FLOW = (f"+120655501{n}" for n in (51, 52, 53, 61))
WAIT, SORRY, PIN_PLEASE = "Please wait", "We are sorry", "Your PIN, please"
EVENTS, INPUT = "https://gateway.example/event/t", "https://gateway.example/proxy-call/t"
HOUR_AGO = 3_600_000
NOWHERE = "redis://127.0.0.1:1"
SORRY_THERE = [{"action": "talk", "text": SORRY, "language": "en-US"}]
ASK = [
    {"action": "talk", "text": PIN_PLEASE, "language": "en-US"},
    {
        "action": "input",
        "type": ["dtmf"],
        "dtmf": {"maxDigits": 9, "submitOnHash": True, "timeOut": 10},
        "eventUrl": [INPUT],
    },
]


def calls_on(store: Store, *, log_days: float = 30, **changed: Any) -> Calls:
    given: dict[str, Any] = {
        "wait_text": WAIT,
        "sorry_text": SORRY,
        "pin_text": PIN_PLEASE,
        "ring_timeout": 45,
        "call_limit": 3600,
        "event_url": EVENTS,
        "input_url": INPUT,
    }
    return Calls(
        store,
        sessions=Sessions(store, log_days=log_days),
        transcript=Transcript(store, days=log_days),
        log_days=log_days,
        **given | changed,
    )


@dataclass
class Exchange:
    """The store, what works on it, and three numbers of the pool."""

    store: Store
    sessions: OpenedSessions
    log: Transcript
    calls: Calls
    ids: Any = field(default_factory=lambda: (f"CON-{n}" for n in itertools.count()))

    async def session(self, a: str = ANNA, b: str = BEN, **more: Any) -> Session:
        wanted: dict[str, Any] = {"mode": Mode.VOICE, "numbers": "per-side"} | more
        session, _ = await self.sessions.create(
            NewSession(participant_a=a, participant_b=b, **wanted)
        )
        return session

    def incoming(self, caller: str, number: str, call_id: str = "") -> IncomingCall:
        """Return a call as the provider announces it."""
        call_id = call_id or next(self.ids)
        return IncomingCall(
            call_id, f"{call_id}in".lower(), caller.removeprefix("+"), number.removeprefix("+")
        )

    async def call(self, caller: str, number: str, call_id: str = "") -> list[Action]:
        """Let somebody call a number; the answer obeys the provider's schema."""
        actions = await self.calls.answer(self.incoming(caller, number, call_id))
        Draft4Validator(SCHEMA).validate(actions)
        return actions

    async def report(self, call_id: str, *legs_and_statuses: str) -> None:
        """Take events, such as "in started"."""
        for each in legs_and_statuses:
            await self.calls.event(reported(call_id, each))

    async def logged(self, session: Session) -> list[tuple[str, str, str]]:
        """Return (id, from, state) of the calls in a session's log."""
        entries = (await self.log.page(session.id, 1000, "")).items
        assert {"call"} >= {each.kind for each in entries}
        return [(each.id, each.side, each.state) for each in entries]

    async def busy(self) -> set[str]:
        """Return who is in a call."""
        return set(await self.store.execute("HKEYS", keys.IN_CALL))

    async def later(self, call_id: str) -> None:
        """Let the time come at which a call is looked at, and look."""
        await self.store.execute("ZADD", keys.CALLS, "XX", now_ms() - 1, call_id)
        await self.calls.sweep()

    async def state(self, call_id: str) -> str:
        record = await self.calls.find(call_id)
        return record.state if record else "none"


@pytest.fixture
async def exchange(redis_url: str) -> AsyncIterator[Exchange]:
    store = connect(redis_url)
    for number, provider in ((ONE, "nexmo"), (TWO, "nexmo"), (THREE, "nexmo")):
        can = frozenset({"sms", "voice"})
        await Pool(store).add(VirtualNumber(number, provider, "US", can, 1))
    yield Exchange(store, OpenedSessions(store), Transcript(store, days=30), calls_on(store))
    await store.close()


def now_ms() -> int:
    return int(time.time() * 1000)


def reported(call_id: str, leg_and_status: str, **fields: str) -> CallEvent:
    """Return an event of the leg "in" (the caller's) or "out"."""
    leg, status = leg_and_status.split()
    direction = {"in": "inbound", "out": "outbound"}[leg]
    at = {"timestamp": f"{leg} {status}"} | fields
    return CallEvent(call_id, f"{call_id}{leg}".lower(), direction, status, at)


def connected(callee: str, caller_id: str, language: str = "de-DE") -> list[Action]:
    return [
        {"action": "talk", "text": WAIT, "language": language},
        {
            "action": "connect",
            "from": caller_id.removeprefix("+"),
            "timeout": 45,
            "limit": 3600,
            "endpoint": [{"type": "phone", "number": callee.removeprefix("+")}],
            "eventUrl": [EVENTS],
        },
    ]


# -- who reaches whom ------------------------------------------------------------------------------


async def test_both_reach_each_other_and_see_only_virtual_numbers(exchange: Exchange) -> None:
    session = await exchange.session()
    assert session.number_a != session.number_b
    assert connected(BEN, session.number_b) == await exchange.call(ANNA, session.number_a)
    assert connected(ANNA, session.number_a) == await exchange.call(BEN, session.number_b)


async def test_with_a_shared_number_that_number_is_seen(exchange: Exchange) -> None:
    session = await exchange.session(numbers="shared", mode=Mode.BOTH)
    assert connected(BEN, session.number_a) == await exchange.call(ANNA, session.number_a)
    assert connected(ANNA, session.number_a) == await exchange.call(BEN, session.number_a, "CON-b")


async def test_two_sessions_of_one_person_lead_to_the_right_people(exchange: Exchange) -> None:
    with_ben, with_cleo = await exchange.session(), await exchange.session(ANNA, CLEO)
    assert with_ben.number_a != with_cleo.number_a
    assert connected(CLEO, with_cleo.number_b) == await exchange.call(ANNA, with_cleo.number_a)
    assert connected(BEN, with_ben.number_b) == await exchange.call(ANNA, with_ben.number_a)


async def test_what_is_said_is_in_the_language_of_who_is_called(exchange: Exchange) -> None:
    session = await exchange.session(ANNA, "+61491570156")
    expected = connected("+61491570156", session.number_b, "en-AU")
    assert expected == await exchange.call(ANNA, session.number_a)


NOT_FOUND = {
    "stranger": STRANGER,
    "withheld": "anonymous",
    "unknown": "unknown",
    "restricted": "Restricted",
    "nothing": "",
    "malformed": "+49",
    "national form": "017604069091",
    "own number": TWO,
    "SIP address": "sip:anna@example.org",
}


@pytest.mark.parametrize("caller", NOT_FOUND.values(), ids=NOT_FOUND.keys())
async def test_whoever_has_no_session_hears_a_polite_text(exchange: Exchange, caller: str) -> None:
    session = await exchange.session(numbers="shared")
    assert SORRY_THERE == await exchange.call(caller, session.number_a)
    assert [] == await exchange.logged(session)


@pytest.mark.parametrize("number", ["+12065550199", "", "nonsense", "+61491570156"])
async def test_a_number_that_is_not_ours_connects_nobody(exchange: Exchange, number: str) -> None:
    await exchange.session()
    [action] = await exchange.call(ANNA, number)
    assert SORRY == action["text"]


async def test_a_call_without_any_id_is_not_connected(exchange: Exchange) -> None:
    session = await exchange.session()
    call = IncomingCall("", "", ANNA.removeprefix("+"), session.number_a.removeprefix("+"))
    assert SORRY_THERE == await exchange.calls.answer(call)


async def test_a_number_of_another_provider_takes_no_calls_of_this_one(
    exchange: Exchange,
) -> None:
    await Pool(exchange.store).add(VirtualNumber(FLOW, "flowroute", "US", frozenset({"voice"}), 1))
    session = await exchange.session(SEATTLE, TACOMA, virtual_number=FLOW)
    assert SORRY_THERE == await exchange.call(SEATTLE, session.number_a)


async def test_a_session_of_texts_carries_no_calls(exchange: Exchange) -> None:
    session = await exchange.session(mode=Mode.MESSAGE)
    assert SORRY_THERE == await exchange.call(ANNA, session.number_a)


async def test_a_closed_session_carries_no_calls(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.sessions.close(session.id, notify=False)
    assert SORRY_THERE == await exchange.call(ANNA, session.number_a)


async def test_a_session_that_is_over_but_not_yet_swept_carries_no_calls(
    exchange: Exchange,
) -> None:
    session = await exchange.session()
    await exchange.store.execute("HSET", keys.session(session.id), "expires", now_ms() - 1)
    assert SORRY_THERE == await exchange.call(ANNA, session.number_a)
    assert [] == await exchange.logged(session)


async def test_who_has_opted_out_is_not_called(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.store.execute("ZADD", keys.OPTOUTS, 1, BEN)
    assert SORRY_THERE == await exchange.call(ANNA, session.number_a, "CON-a")
    assert connected(ANNA, session.number_a) == await exchange.call(BEN, session.number_b, "CON-b")
    assert [("CON-a", "a", "suppressed"), ("CON-b", "b", "calling")] == await exchange.logged(
        session
    )


async def test_without_a_text_nothing_is_said(exchange: Exchange) -> None:
    session = await exchange.session()
    silent = calls_on(exchange.store, wait_text="", sorry_text="")
    assert ["connect"] == [
        each["action"] for each in await silent.answer(exchange.incoming(ANNA, session.number_a))
    ]
    assert [] == await silent.answer(exchange.incoming(STRANGER, session.number_a))


async def test_without_the_store_nobody_is_answered(exchange: Exchange) -> None:
    store = connect(NOWHERE)
    with pytest.raises(StoreUnavailable):
        await calls_on(store).answer(exchange.incoming(ANNA, ONE))
    await store.close()


# -- once ------------------------------------------------------------------------------------------


async def test_a_repeated_question_gets_the_same_answer_and_is_one_call(
    exchange: Exchange,
) -> None:
    session = await exchange.session()
    asked = [exchange.call(ANNA, session.number_a, "CON-1") for _ in range(100)]
    answers = await asyncio.gather(*asked)
    assert [connected(BEN, session.number_b)] * 100 == answers
    assert [("CON-1", "a", "calling")] == await exchange.logged(session)
    assert 1 == await exchange.store.execute("ZCARD", keys.CALLS)


async def test_the_answer_to_a_call_outlives_its_session(exchange: Exchange) -> None:
    session = await exchange.session()
    first = await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.sessions.close(session.id, notify=False)
    assert first == await exchange.call(ANNA, session.number_a, "CON-1")
    assert SORRY_THERE == await exchange.call(ANNA, session.number_a, "CON-2")


async def test_of_many_who_call_one_person_at_once_one_is_connected(exchange: Exchange) -> None:
    people = [ANNA, CLEO, STRANGER]
    sessions = [await exchange.session(each, BEN, numbers="shared") for each in people]
    asked = [exchange.call(each.participant_a, each.number_a) for each in sessions * 10]
    answers = await asyncio.gather(*asked)
    reached = [n % 3 for n, actions in enumerate(answers) if actions[-1]["action"] == "connect"]
    assert 10 == len(reached)
    assert 1 == len(set(reached))


async def test_who_is_in_a_call_is_busy_for_others(exchange: Exchange) -> None:
    with_anna, with_cleo = await exchange.session(), await exchange.session(CLEO, BEN)
    await exchange.call(ANNA, with_anna.number_a, "CON-1")
    assert SORRY_THERE == await exchange.call(CLEO, with_cleo.number_a, "CON-2")
    assert [("CON-2", "a", "busy")] == await exchange.logged(with_cleo)
    await exchange.report("CON-1", "out completed")
    assert set() == await exchange.busy()
    assert connected(BEN, with_cleo.number_b) == await exchange.call(CLEO, with_cleo.number_a)


async def test_who_calls_again_is_not_kept_from_it_by_an_end_that_was_not_reported(
    exchange: Exchange,
) -> None:
    with_ben, with_cleo = await exchange.session(), await exchange.session(ANNA, CLEO)
    other = await exchange.session(BEN, CLEO)
    for _ in range(2):
        assert connected(BEN, with_ben.number_b) == await exchange.call(ANNA, with_ben.number_a)
    await exchange.call(ANNA, with_cleo.number_a)
    # Anna has begun another call, so that she talks with Ben no more.
    await exchange.report("CON-2", "out completed")
    assert connected(BEN, other.number_a) == await exchange.call(CLEO, other.number_b)


async def test_a_call_of_which_nothing_is_heard_at_all_keeps_nobody_for_long(
    exchange: Exchange,
) -> None:
    with_anna, with_cleo = await exchange.session(), await exchange.session(CLEO, BEN)
    await exchange.call(ANNA, with_anna.number_a, "CON-1")
    mark = await exchange.store.execute("HGET", keys.IN_CALL, BEN)
    assert mark.startswith(f"CON-1 {ANNA} ")
    assert 0 < int(mark.split()[2]) - now_ms() <= 105_000
    await exchange.report("CON-1", "out ringing")
    mark = await exchange.store.execute("HGET", keys.IN_CALL, BEN)
    assert 3_700_000 < int(mark.split()[2]) - now_ms() <= 3_765_000
    await exchange.store.execute("HSET", keys.IN_CALL, BEN, f"CON-1 {ANNA} {now_ms() - 1}")
    assert connected(BEN, with_cleo.number_b) == await exchange.call(CLEO, with_cleo.number_a)


# -- events ----------------------------------------------------------------------------------------

TALKED = (
    *("in started", "in ringing", "in answered", "out started", "out ringing", "out answered"),
    *("out completed", "in completed"),
)
NOT_REACHED = ("in started", "in ringing", "in answered", "out started", "out ringing")
LIVES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "completed": (TALKED, "completed"),
    **{
        status: ((*NOT_REACHED, f"out {status}", "in completed"), status)
        for status in ("busy", "unanswered", "rejected", "failed", "cancelled", "timeout")
    },
    "only its end is reported": (("out completed",), "completed"),
    "with unknown statuses": ((*TALKED, "out human", "out new", "in record"), "completed"),
    "ringing": (NOT_REACHED, "calling"),
    "talking": (TALKED[:6], "answered"),
}


@pytest.mark.parametrize(("events", "expected"), LIVES.values(), ids=LIVES.keys())
async def test_any_order_and_any_repeats_of_events_come_to_the_same(
    exchange: Exchange, events: tuple[str, ...], expected: str
) -> None:
    session, rng = await exchange.session(), random.Random(f"{events}")
    ids = [f"CON-{n}" for n in range(20)]
    for n, call_id in enumerate(ids):
        await exchange.call(ANNA, session.number_a, call_id)
        order = [*events, *rng.choices(events, k=5)] if n else [*events]
        if n > 1:
            rng.shuffle(order)
        await exchange.report(call_id, *order)
        record = await exchange.calls.find(call_id)
        assert record is not None
        assert expected == record.state
        assert len(events) == len(record.events)
    assert [(each, "a", expected) for each in ids] == await exchange.logged(session)
    over = expected not in {"calling", "answered"}
    assert (set() if over else {ANNA, BEN}) == await exchange.busy()
    assert (0 if over else 20) == await exchange.store.execute("ZCARD", keys.CALLS)


@pytest.mark.parametrize("leg", ["", "inbound"])
async def test_events_without_a_direction_are_known_by_their_leg(
    exchange: Exchange, leg: str
) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.calls.event(CallEvent("CON-1", "con-1in", leg, "answered"))
    assert "calling" == await exchange.state("CON-1")
    await exchange.calls.event(CallEvent("CON-1", "another", "", "answered"))
    assert "answered" == await exchange.state("CON-1")


async def test_what_a_repeat_is_is_told(exchange: Exchange) -> None:
    event = reported("CON-1", "in started")
    assert ["taken", "repeated"] == [await exchange.calls.event(event) for _ in range(2)]


async def test_the_first_final_state_stays(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.report("CON-1", "out busy", "out completed", "out answered", "in completed")
    assert [("CON-1", "a", "busy")] == await exchange.logged(session)
    assert "busy" == await exchange.state("CON-1")


async def test_the_record_tells_times_duration_price_and_reason(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    end = {"end_time": "10:00:59", "duration": "47", "price": "0.01390000"}
    for event in (
        reported("CON-1", "in completed", timestamp="10:00:58", duration="51", price="0.0045"),
        reported("CON-1", "out completed", timestamp="10:00:57", **end),
        reported("CON-1", "out answered", timestamp="10:00:10"),
        reported("CON-1", "in answered", timestamp="10:00:02"),
        reported("CON-1", "in started", timestamp="10:00:01"),
    ):
        await exchange.calls.event(event)
    record = await exchange.calls.find("CON-1")
    assert record is not None
    assert ("10:00:01", "10:00:10", "10:00:59") == (record.started, record.answered, record.ended)
    assert (47, "0.01840000", "") == (record.duration, record.price, record.reason)
    assert (session.id, "a", "completed") == (record.session, record.side, record.state)
    assert ["started", "answered", "answered", "completed", "completed"] == [
        each["status"] for each in record.events
    ]


@pytest.mark.parametrize("word", ["much", "", "-1", "1e400", "NaN"])
async def test_numbers_that_are_none_count_nothing(exchange: Exchange, word: str) -> None:
    await exchange.calls.event(reported("CON-1", "out completed", duration=word, price=word))
    record = await exchange.calls.find("CON-1")
    assert record is not None
    assert (0, "0") == (record.duration, record.price)


async def test_the_reason_of_a_failure_is_kept(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.calls.event(reported("CON-1", "out rejected", detail="invalid_number"))
    record = await exchange.calls.find("CON-1")
    assert record is not None
    assert ("rejected", "invalid_number") == (record.state, record.reason)


async def test_no_number_is_left_of_a_call_that_is_over(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.report("CON-1", *TALKED)
    left = str(await exchange.store.execute("HGETALL", keys.call("CON-1")))
    assert not any(number in left for number in (ANNA, BEN, session.number_a, session.number_b))


async def test_a_flood_of_events_is_not_kept_but_its_end_is_seen(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await asyncio.gather(
        *(exchange.calls.event(reported("CON-1", f"in new{n}")) for n in range(MOST_EVENTS + 50))
    )
    await exchange.report("CON-1", "out completed")
    record = await exchange.calls.find("CON-1")
    assert record is not None
    assert MOST_EVENTS > len(record.events) > MOST_EVENTS - 20
    assert "completed" == record.state


async def test_events_that_come_before_the_call_are_its_own(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.report("CON-1", "in started")
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.report("CON-1", *TALKED)
    record = await exchange.calls.find("CON-1")
    assert record is not None
    assert ("completed", len(TALKED)) == (record.state, len(record.events))


async def test_events_of_calls_that_were_not_connected_are_kept_for_a_day(
    exchange: Exchange,
) -> None:
    session = await exchange.session()
    await exchange.call(STRANGER, session.number_a, "CON-1")
    await exchange.report("CON-1", "in started", "in answered", "in completed")
    record = await exchange.calls.find("CON-1")
    assert record is not None
    assert ("", "", 3) == (record.state, record.session, len(record.events))
    left = await exchange.store.execute("PTTL", keys.call("CON-1"))
    assert 86_300_000 < left <= 86_400_000


async def test_nothing_is_known_of_a_call_that_never_was(exchange: Exchange) -> None:
    assert await exchange.calls.find("CON-9") is None


@pytest.mark.parametrize(("days", "kept"), [(0, 1), (7, 7)])
async def test_what_became_of_a_call_is_kept_as_long_as_the_log_but_for_a_day(
    exchange: Exchange, days: int, kept: int
) -> None:
    session, calls = await exchange.session(), calls_on(exchange.store, log_days=days)
    await calls.answer(exchange.incoming(ANNA, session.number_a, "CON-1"))
    for each in TALKED:
        await calls.event(reported("CON-1", each))
    left = await exchange.store.execute("PTTL", keys.call("CON-1"))
    assert 0 <= kept * 86_400_000 - left < 60_000
    assert "completed" == await exchange.state("CON-1")
    assert (1 if days else 0) == len(await exchange.logged(session))
    assert 0 == await exchange.store.execute("ZCARD", keys.CALLS)


async def test_a_call_goes_on_when_its_session_ends(exchange: Exchange) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.report("CON-1", *TALKED[:6])
    await exchange.sessions.close(session.id, notify=False)
    assert {ANNA, BEN} == await exchange.busy()
    await exchange.report("CON-1", *TALKED[6:])
    assert [("CON-1", "a", "completed")] == await exchange.logged(session)
    assert 0 < await exchange.store.execute("PTTL", keys.session_log_states(session.id))


# -- calls that stop reporting ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), "lost"),
        (TALKED[:6], "lost"),
        (("in answered", "in completed"), "cancelled"),
        ((*NOT_REACHED, "in completed"), "cancelled"),
        (("in failed",), "failed"),
        ((*TALKED[:6], "in completed"), "completed"),
    ],
    ids=["silence", "while talking", "hung up at once", "hung up", "failed", "half an end"],
)
async def test_a_call_of_which_no_end_is_heard_is_closed_in_the_end(
    exchange: Exchange, events: tuple[str, ...], expected: str
) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.report("CON-1", *events)
    await exchange.calls.sweep()
    assert await exchange.state("CON-1") in {"calling", "answered"}
    await exchange.later("CON-1")
    assert [("CON-1", "a", expected)] == await exchange.logged(session)
    assert set() == await exchange.busy()
    assert 0 == await exchange.store.execute("ZCARD", keys.CALLS)


@pytest.mark.parametrize(
    ("events", "after"),
    [((), 3_765_000), (("out ringing",), 3_765_000), (("in completed",), 10_000)],
    ids=["from the beginning", "from the last event", "once the caller has hung up"],
)
async def test_an_end_is_waited_for_long_enough(
    exchange: Exchange, events: tuple[str, ...], after: int
) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    before = now_ms()
    await exchange.store.execute("ZADD", keys.CALLS, before + after, "CON-1")
    await exchange.report("CON-1", *events)
    due = int(float(await exchange.store.execute("ZSCORE", keys.CALLS, "CON-1")))
    assert before + after <= due <= now_ms() + after + 1


async def test_a_late_report_takes_the_place_of_the_guess_that_a_call_is_lost(
    exchange: Exchange,
) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    await exchange.later("CON-1")
    await exchange.report("CON-1", "out answered", "in completed")
    assert "lost" == await exchange.state("CON-1")
    await exchange.report("CON-1", "out completed")
    assert [("CON-1", "a", "completed")] == await exchange.logged(session)
    assert 0 == await exchange.store.execute("ZCARD", keys.CALLS)


async def test_the_log_is_told_of_an_end_by_whoever_comes_after_a_crash(
    exchange: Exchange,
) -> None:
    session = await exchange.session()
    await exchange.call(ANNA, session.number_a, "CON-1")
    # A process that dies between both: the call is over, its session's log does not say so.
    await calls_on(exchange.store, log_days=0).event(reported("CON-1", "out busy"))
    assert [("CON-1", "a", "calling")] == await exchange.logged(session)
    await exchange.store.execute("ZADD", keys.CALLS, now_ms() - 1, "CON-1")
    await exchange.calls.sweep()
    assert [("CON-1", "a", "busy")] == await exchange.logged(session)


async def test_any_number_of_calls_is_closed_by_several_processes_at_once(
    exchange: Exchange,
) -> None:
    session = await exchange.session()
    ids = [f"CON-{n}" for n in range(250)]
    for each in ids:
        await exchange.call(ANNA, session.number_a, each)
    due = [item for each in ids for item in (now_ms() - 1, each)]
    await exchange.store.execute("ZADD", keys.CALLS, *due)
    await asyncio.gather(*(exchange.calls.sweep() for _ in range(4)))
    assert [(each, "a", "lost") for each in ids] == await exchange.logged(session)
    assert 0 == await exchange.store.execute("ZCARD", keys.CALLS)


async def test_a_call_whose_record_is_gone_is_forgotten(exchange: Exchange) -> None:
    await exchange.store.execute("ZADD", keys.CALLS, 1, "CON-1")
    await exchange.calls.sweep()
    assert 0 == await exchange.store.execute("ZCARD", keys.CALLS)


# -- the fallback ----------------------------------------------------------------------------------


async def test_a_call_whose_answer_failed_has_failed(exchange: Exchange) -> None:
    session = await exchange.session()
    call = exchange.incoming(ANNA, session.number_a, "CON-1")
    await exchange.calls.answer(call)
    failed = IncomingCall(call.id, call.leg, call.caller, call.number, "Connection closed.")
    for _ in range(2):
        await exchange.calls.failed(failed)
    record = await exchange.calls.find("CON-1")
    assert record is not None
    assert ("failed", "Connection closed.", 1) == (record.state, record.reason, len(record.events))
    assert [("CON-1", "a", "failed")] == await exchange.logged(session)
    assert set() == await exchange.busy()


@pytest.mark.parametrize("call_id", ["CON-1", ""])
async def test_that_an_answer_failed_is_noted_only_if_it_can_be(
    exchange: Exchange, call_id: str
) -> None:
    store = connect(NOWHERE)
    await calls_on(store).failed(IncomingCall(call_id, "", "", "", "Time-out"))
    await store.close()


# -- PINs ------------------------------------------------------------------------------------------


async def key(
    exchange: Exchange, call_id: str, digits: str, at: str = "", **changed: Any
) -> list[Action]:
    calls = calls_on(exchange.store, **changed) if changed else exchange.calls
    actions = await calls.digits(Keyed(call_id, digits, at))
    Draft4Validator(SCHEMA).validate(actions)
    return actions


@pytest.mark.parametrize("caller", [STRANGER, "anonymous", "", "017604069091"])
async def test_a_pin_connects_from_any_phone(exchange: Exchange, caller: str) -> None:
    session = await exchange.session(pin_a="00421", pin_b="87654321", numbers="shared")
    number = session.number_a
    assert ASK == await exchange.call(caller, number, "CON-1")
    assert connected(BEN, number) == await key(exchange, "CON-1", "00421")
    await exchange.report("CON-1", "out completed")
    assert ASK == await exchange.call(caller, number, "CON-2")
    assert connected(ANNA, number) == await key(exchange, "CON-2", "87654321")
    assert [("CON-1", "a", "completed"), ("CON-2", "b", "calling")] == await exchange.logged(
        session
    )


async def test_a_pin_is_of_its_own_number(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234", pin_b="1234")
    await exchange.call(STRANGER, session.number_a, "CON-1")
    await exchange.call(STRANGER, session.number_b, "CON-2")
    assert connected(BEN, session.number_b) == await key(exchange, "CON-1", "1234")
    assert connected(ANNA, session.number_a) == await key(exchange, "CON-2", "1234")


async def test_who_has_a_session_on_the_number_is_asked_for_no_pin(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    assert connected(BEN, session.number_b) == await exchange.call(ANNA, session.number_a)


async def test_where_nobody_has_a_pin_nobody_is_asked(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    assert SORRY_THERE == await exchange.call(STRANGER, session.number_b)


async def test_without_an_address_for_the_digits_nobody_is_asked(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    calls = calls_on(exchange.store, input_url="")
    assert SORRY_THERE == await calls.answer(exchange.incoming(STRANGER, session.number_a))


@pytest.mark.parametrize("wrong", ["4321", "", "12345", "123", "12*4", "1234:", "[", "123456789"])
async def test_three_wrong_pins_end_a_call(exchange: Exchange, wrong: str) -> None:
    session = await exchange.session(pin_a="1234")
    await exchange.call(STRANGER, session.number_a, "CON-1")
    answers = [await key(exchange, "CON-1", wrong) for _ in range(3)]
    assert [ASK, ASK, SORRY_THERE] == answers
    assert SORRY == (await key(exchange, "CON-1", "1234"))[0]["text"]
    assert SORRY_THERE == await exchange.call(STRANGER, session.number_a, "CON-1")
    assert ASK == await exchange.call(STRANGER, session.number_a, "CON-2")


async def test_the_third_try_may_be_right(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    await exchange.call(STRANGER, session.number_a, "CON-1")
    await key(exchange, "CON-1", "4321")
    await key(exchange, "CON-1", "")
    assert connected(BEN, session.number_b) == await key(exchange, "CON-1", "1234")


async def test_a_try_that_is_reported_twice_counts_once(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    await exchange.call(STRANGER, session.number_a, "CON-1")
    for at in ("10:01", "10:01", "10:01", "10:02", "10:02"):
        assert ASK == await key(exchange, "CON-1", "4321", at)
    assert SORRY_THERE == await key(exchange, "CON-1", "4321", "10:03")


async def test_a_right_pin_that_is_reported_twice_is_one_call(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    await exchange.call(STRANGER, session.number_a, "CON-1")
    answers = await asyncio.gather(*(key(exchange, "CON-1", "1234", "10:01") for _ in range(20)))
    answers.append(await key(exchange, "CON-1", "1234", "10:01"))
    answers.append(await exchange.call(STRANGER, session.number_a, "CON-1"))
    assert [connected(BEN, session.number_b)] * 22 == answers
    assert [("CON-1", "a", "calling")] == await exchange.logged(session)


async def test_digits_of_a_call_that_was_not_asked_mean_nothing(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    await exchange.call(ANNA, session.number_b, "CON-1")
    for call_id in ("CON-1", "CON-9", ""):
        [action] = await key(exchange, call_id, "1234")
        assert SORRY == action["text"]


async def test_a_caller_guesses_no_more_than_ten_pins_an_hour(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    calls = [f"CON-{n}" for n in range(60)]
    for call_id in calls:
        await exchange.call(STRANGER, session.number_a, call_id)
    await asyncio.gather(*(key(exchange, each, "4321") for each in calls))
    counted = await exchange.store.execute("LLEN", keys.pin_tries(STRANGER))
    assert WRONG_PER_CALLER == counted
    await exchange.call(STRANGER, session.number_a, "CON-a")
    assert SORRY_THERE == await key(exchange, "CON-a", "1234")
    await exchange.call(CLEO, session.number_a, "CON-b")
    assert connected(BEN, session.number_b) == await key(exchange, "CON-b", "1234")


async def test_wrong_pins_move_back_with_a_clock_that_is_put_back(exchange: Exchange) -> None:
    """Nobody is refused for as long as the clock was wrong."""
    session = await exchange.session(pin_a="1234")
    store, tries = exchange.store, keys.pin_tries(STRANGER)
    tomorrow = int(time.time() * 1000) + DAY_MS
    await store.execute("LPUSH", tries, *[tomorrow] * WRONG_PER_CALLER)
    await exchange.call(STRANGER, session.number_a, "CON-1")
    assert SORRY_THERE == await key(exchange, "CON-1", "1234")
    moments = await store.execute("LRANGE", tries, 0, -1)
    assert WRONG_PER_CALLER == len(moments)
    assert max(map(int, moments)) < tomorrow - DAY_MS + 60_000


async def test_wrong_pins_of_some_lock_nobody_else_out(exchange: Exchange) -> None:
    """Neither of strangers nor of callers without a number."""
    session = await exchange.session(pin_a="1234")
    callers = [*(f"+4917604069{n:03}" for n in range(100, 200)), *[""] * 20]
    for n, caller in enumerate(callers):
        await exchange.call(caller, session.number_a, f"CON-{n}")
    await asyncio.gather(*(key(exchange, f"CON-{n}", "4321") for n in range(len(callers))))
    for call_id, caller in (("CON-a", CLEO), ("CON-b", "")):
        await exchange.call(caller, session.number_a, call_id)
        assert connected(BEN, session.number_b) == await key(exchange, call_id, "1234")


@pytest.mark.parametrize(
    ("known", "pin", "needed"),
    [
        ([], "1234", 0),
        (["4321"], "1234", 5),
        (["4321"], "12345", 0),
        (["4321", *(f"{n:05}" for n in range(9))], "12345", 6),
        (["4321", *(f"{n:05}" for n in range(8))], "12345", 0),
    ],
    ids=["the first", "the second", "long enough", "the eleventh", "the tenth"],
)
async def test_a_pin_is_as_long_as_the_pins_on_its_number_ask_for(
    exchange: Exchange, known: list[str], pin: str, needed: int
) -> None:
    """Of those that can be keyed in at most one in 10,000 opens something."""
    number = (await exchange.session(numbers="shared")).number_a
    for n, each in enumerate(known):
        await exchange.store.execute("ZADD", keys.PINS, 0, f"{number}:{each}:{n:032x}:a")
    wish = {"numbers": "shared", "virtual_number": number, "pin_a": pin}
    if needed:
        with pytest.raises(BadRequest, match=f"^pin_a: could be guessed, needs {needed} digits"):
            await exchange.session(CLEO, STRANGER, **wish)
    else:
        assert pin == (await exchange.session(CLEO, STRANGER, **wish)).pin_a


async def test_both_pins_of_a_shared_number_count(exchange: Exchange) -> None:
    with pytest.raises(BadRequest, match="pin_b: could be guessed, needs 5 digits"):
        await exchange.session(numbers="shared", pin_a="12345", pin_b="1234")


async def test_right_pins_do_not_count(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    for n in range(WRONG_PER_CALLER + 2):
        await exchange.call(STRANGER, session.number_a, f"CON-{n}")
        assert connected(BEN, session.number_b) == await key(exchange, f"CON-{n}", "1234")


async def test_a_pin_of_a_closed_session_is_wrong(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234", numbers="shared")
    other = await exchange.session(CLEO, BEN, pin_a="56789", virtual_number=session.number_a)
    assert session.number_a == other.number_a
    await exchange.call(STRANGER, session.number_a, "CON-1")
    await exchange.sessions.close(session.id, notify=False)
    assert ASK == await key(exchange, "CON-1", "1234")
    await exchange.sessions.close(other.id, notify=False)
    assert SORRY_THERE == await exchange.call(STRANGER, session.number_a, "CON-2")
    assert 0 == await exchange.store.execute("EXISTS", keys.PINS)


async def test_a_pin_does_not_reach_who_has_opted_out(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    await exchange.store.execute("ZADD", keys.OPTOUTS, 1, BEN)
    await exchange.call(STRANGER, session.number_a, "CON-1")
    assert SORRY_THERE == await key(exchange, "CON-1", "1234")


async def test_the_number_of_a_strange_phone_is_soon_forgotten(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="1234")
    await exchange.call(STRANGER, session.number_a, "CON-1")
    assert 0 < await exchange.store.execute("PTTL", keys.call("CON-1")) <= 600_000
    await key(exchange, "CON-1", "1234")
    assert STRANGER not in str(await exchange.store.execute("HGETALL", keys.call("CON-1")))


@pytest.mark.parametrize("digits", [5, 8])
@pytest.mark.parametrize("side", ["a", "b"])
async def test_a_pin_is_given_once_on_a_number(exchange: Exchange, side: str, digits: int) -> None:
    pin, name = "12345678"[:digits], f"pin_{side}"
    first = await exchange.session(numbers="shared", pin_a=pin)
    wish = {"numbers": "shared", "virtual_number": first.number_a, name: pin}
    with pytest.raises(BadRequest, match=f"^{name}: is taken on this number"):
        await exchange.session(CLEO, STRANGER, **wish)
    await exchange.session(CLEO, STRANGER, **wish | {name: "87654321"[:digits]})
    await exchange.sessions.close(first.id, notify=False)
    await exchange.session(ANNA, BEN, **wish)


async def test_both_sides_of_a_shared_number_need_different_pins(exchange: Exchange) -> None:
    with pytest.raises(BadRequest, match="pin_b: is taken on this number"):
        await exchange.session(numbers="shared", pin_a="1234", pin_b="1234")
    assert {} == await exchange.sessions.open_of(ANNA)


async def test_an_expired_session_gives_its_pin_to_the_next(exchange: Exchange) -> None:
    first = await exchange.session(numbers="shared", pin_a="1234", expires_in_ms=60_000)
    await exchange.store.execute("HSET", keys.session(first.id), "expires", now_ms() - 1)
    await exchange.store.execute("ZADD", keys.EXPIRIES, now_ms() - 1, first.id)
    wish = {"numbers": "shared", "virtual_number": first.number_a, "pin_a": "1234"}
    assert "1234" == (await exchange.session(CLEO, STRANGER, **wish)).pin_a


async def test_pins_are_not_printed(exchange: Exchange) -> None:
    session = await exchange.session(pin_a="567890", pin_b="098765")
    assert ("567890", "098765") == (session.pin_a, session.pin_b)
    assert "567890" not in repr(session)
    assert "098765" not in repr(session)
