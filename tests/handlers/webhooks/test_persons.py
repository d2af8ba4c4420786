"""One person is one however a network spells him: texts, calls, opt-outs, lists, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.store import keys
from gateway.telephony.phonenumber import parse_international
from tests.field.persons import SPELLINGS
from tests.support.scenes.masking import (
    BERT,
    FLOW,
    NO_SESSION,
    ONE,
    START,
    STOPPED,
    TWO,
    Town,
    town,
)

BRITISH = "447911123400"
PAIRS = [
    pytest.param(numbers[0][1:], other[1:], id=f"{kind}: {other}")
    for kind, numbers in SPELLINGS.items()
    for other in numbers[1:]
]
SENDER = {"sender": "Example"}
NEW, NEWER = "14715550121", "14575550122"  # area codes 471 and 457


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    """A gateway with a number in the United States that answers people from everywhere."""
    async with town(redis_url, "--answer_countries=*") as made:
        await made.rent(ONE)
        yield made


async def reasons(place: Town) -> list[tuple[str, str]]:
    """Return (from, reason) of what lies in the inbox, the newest first."""
    inbox = await place.ok("GET", "/inbox")
    return [(each["from"], each["reason"]) for each in inbox["messages"]]


@pytest.mark.parametrize(("today", "other"), PAIRS)
async def test_a_participant_is_known_by_every_spelling(
    place: Town, today: str, other: str
) -> None:
    """Whichever the session was begun with; what is sent goes to today's form."""
    await place.session(other, BERT)
    for each in (today, other):
        assert [200] == await place.text(each, ONE, f"from {each}")
    await place.text(BERT, ONE, "to him")
    heard = [(ONE, START), (ONE, f"from {today}"), (ONE, f"from {other}")]
    await place.hears(BERT, *heard)
    await place.hears(today, (ONE, START), (ONE, "to him"))


@pytest.mark.parametrize(("today", "other"), PAIRS)
async def test_an_opt_out_a_list_and_an_erasure_mean_the_person(
    place: Town, today: str, other: str
) -> None:
    """STOP by one spelling, all else by the other."""
    assert [200] == await place.text(other, ONE, "STOP")
    refused, answer = await place.call("POST", "/messages", {"to": today, "text": "x"} | SENDER)
    assert (409, "opted_out") == (refused, answer["error"])
    assert 200 == (await place.call("DELETE", f"/optouts/{today}"))[0]
    assert 404 == (await place.call("DELETE", f"/optouts/{other}"))[0]
    sent = await place.ok("POST", "/messages", {"to": other, "text": "hello"} | SENDER)
    assert today == sent["to"]
    number = parse_international(today)
    assert number
    told = [ONE] if number.sms else []  # a land line is not answered
    heard = [*((one, STOPPED) for one in told), ("Example", "hello")]
    await place.hears(today, *heard)
    for each in (today, other):
        listed = await place.ok("GET", f"/messages?number={each}")
        assert len(heard) == listed["total_messages"]
    await place.text(today, ONE, "kept")
    await place.hears(today, *heard, *((one, NO_SESSION) for one in told))
    await place.ok("DELETE", f"/log?number={other}")
    assert 0 == (await place.ok("GET", f"/messages?number={today}"))["total_messages"]
    assert [] == await reasons(place)


@pytest.mark.parametrize(("today", "other"), PAIRS)
async def test_two_spellings_are_one_participant_and_one_number_of_the_pool(
    place: Town, today: str, other: str
) -> None:
    """Nobody talks with himself, and what is there is there."""
    pair = {"participant_a": today, "participant_b": other}
    assert 400 == (await place.call("POST", "/session", pair))[0]
    await place.rent(other)
    for body in ({"value": today}, {"value": other}):
        assert (400, "value: is in the pool already") == await refusal(place, "/tn", body)
    pair = {"participant_a": today, "participant_b": BERT}
    own = "participant_a: is a virtual number of the pool"
    assert (400, own) == await refusal(place, "/session", pair)
    await place.session(BERT, "12065550125", virtual_tn=today)
    assert 400 == (await place.call("DELETE", f"/tn/{today}"))[0]


async def refusal(place: Town, path: str, body: object) -> tuple[int, str]:
    """Return status and message of what is refused."""
    status, answer = await place.call("POST", path, body)
    return status, answer["message"]


async def test_nobody_gets_one_number_twice_by_two_spellings(place: Town) -> None:
    """His texts could not be told apart."""
    await place.session("5491123456789", BERT)
    status, answer = await place.call(
        "POST", "/session", {"participant_a": "541123456789", "participant_b": "12065550125"}
    )
    assert (400, "Could not create session -- No virtual TNs available") == (
        status,
        answer["message"],
    )


async def test_a_session_of_a_former_release_is_found_and_ends(place: Town) -> None:
    """It knows an Argentine without the 9, as the operator had written him."""
    made = await place.session("5491123456789", BERT)
    store, session_id = place.gateway.application.services.store, made["session_id"]
    old, new = "+541123456789", "+5491123456789"
    await store.execute("RENAME", keys.routes(new), keys.routes(old))
    await store.execute("HSET", keys.session(session_id), "participant_a", old)
    await store.execute("HSET", keys.routes(f"+{BERT}"), f"+{ONE}", f"{session_id} b {old}")
    for each in (old, new):
        await place.text(each[1:], ONE, f"from {each}")
    await place.text(BERT, ONE, "back")
    await place.hears(BERT, (ONE, START), (ONE, f"from {old}"), (ONE, f"from {new}"))
    await place.hears(new[1:], (ONE, START), (ONE, "back"))
    await place.ok("DELETE", f"/session/{session_id}")
    assert not await store.execute("EXISTS", keys.routes(old))


@pytest.mark.parametrize("other", ["5491123456789", "541123456789"])
async def test_an_opt_out_of_a_former_release_holds_and_is_undone(place: Town, other: str) -> None:
    """Whatever spelling it was written down by."""
    store = place.gateway.application.services.store
    await store.execute("ZADD", keys.OPTOUTS, 1, "+541123456789")
    status, _ = await place.call("POST", "/messages", {"to": other, "text": "x"} | SENDER)
    assert 409 == status
    await place.text(other, ONE, "START")
    await place.ok("POST", "/messages", {"to": other, "text": "x"} | SENDER)


NATIONAL = [
    pytest.param("nexmo", BRITISH, "07911123456", "447911123456", id="British"),
    pytest.param("nexmo", BRITISH, "7911123456", "447911123456", id="British without nought"),
    pytest.param("nexmo", "33612345600", "0612345678", "33612345678", id="French"),
    pytest.param("nexmo", "4917604069051", "017612345678", "4917612345678", id="German"),
    pytest.param("flowroute", FLOW, "2065550121", "12065550121", id="ten digits of Flowroute"),
    pytest.param("flowroute", FLOW, "4715550121", "14715550121", id="ten digits, newer"),
]


@pytest.mark.parametrize(("provider", "number", "written", "digits"), NATIONAL)
async def test_a_national_form_is_completed_by_the_country_of_the_number(
    place: Town, provider: str, number: str, written: str, digits: str
) -> None:
    """A participant is found by it."""
    await place.rent(number, provider=provider)
    other = "12065550124"
    await place.session(digits, other, virtual_tn=number, possible=True)
    assert [200] == await place.text(written, number, "it is me", provider=provider)
    await place.hears(other, (number, START), (number, "it is me"))


async def test_a_stranger_in_national_form_is_answered_and_kept_by_his_number(place: Town) -> None:
    """Whoever reads the inbox can answer him."""
    await place.rent(BRITISH)
    await place.text("07911123456", BRITISH, "hello?")
    await place.hears("447911123456", (BRITISH, NO_SESSION))
    assert [("447911123456", "no_session")] == await reasons(place)


AMERICAN, NORWEGIAN = "14795551234", "4795551234"


@pytest.mark.parametrize("participant", [AMERICAN, NORWEGIAN])
async def test_who_may_be_two_people_is_the_participant(place: Town, participant: str) -> None:
    """Ten digits of Arkansas, or a mobile in Norway."""
    await place.session(participant, BERT)
    await place.text(NORWEGIAN, ONE, "me")
    await place.hears(BERT, (ONE, START), (ONE, "me"))


async def test_one_of_a_newer_range_who_takes_part_wins_over_a_valid_stranger(place: Town) -> None:
    """Ten digits of the area code 436 are a number in Austria as well."""
    await place.rent(FLOW, provider="flowroute")
    await place.text("4365550121", FLOW, "who?", provider="flowroute")
    assert [("4365550121", "no_session")] == await reasons(place)
    await place.session("14365550121", "12065550124", virtual_tn=FLOW, possible=True)
    await place.text("4365550121", FLOW, "it is me", provider="flowroute")
    await place.hears("12065550124", (FLOW, START), (FLOW, "it is me"))


async def test_who_may_be_two_people_is_kept_when_neither_or_both_take_part(place: Town) -> None:
    """Nobody is texted."""
    await place.text(NORWEGIAN, ONE, "who?")
    await place.session(AMERICAN, BERT)
    await place.session(NORWEGIAN, "12065550124")
    await place.text(NORWEGIAN, ONE, "who now?")
    assert [(NORWEGIAN, "ambiguous_sender")] * 2 == await reasons(place)
    await place.hears(BERT, (ONE, START))
    await place.ok("DELETE", f"/log?number={AMERICAN}")
    assert [] == await reasons(place)


async def test_a_person_of_a_newer_range_talks_like_any_other(place: Town) -> None:
    """Answered as a stranger, relayed as a participant, never ``no_number``."""
    await place.text(NEW, ONE, "hello?")
    await place.hears(NEW, (ONE, NO_SESSION))
    assert [(NEW, "no_session")] == await reasons(place)
    await place.session(NEW, NEWER, possible=True)
    await place.text(NEWER, ONE, "from 457")
    await place.hears(NEW, (ONE, NO_SESSION), (ONE, START), (ONE, "from 457"))
    await place.text(NEW, ONE, "STOP")
    assert [NEW] == [each["number"] for each in (await place.ok("GET", "/optouts"))["optouts"]]
    await place.ok("DELETE", f"/optouts/{NEW}")


async def test_a_number_of_the_pool_may_be_of_a_newer_range(place: Town) -> None:
    """Its texts arrive, and it can be taken out again."""
    assert 400 == (await place.call("POST", "/tn", {"value": NEW}))[0]
    await place.ok("POST", "/tn", {"value": NEW, "possible": True})
    await place.session(BERT, "12065550124", virtual_tn=NEW)
    await place.text(BERT, NEW, "hello")
    await place.hears("12065550124", (NEW, START), (NEW, "hello"))
    [shown] = [
        each for each in (await place.ok("GET", "/tn"))["virtual_tns"] if each["value"] == NEW
    ]
    assert "US" == shown["country"]


@pytest.mark.parametrize("sender", ["ACME", "12345", "262966", "10690123456"])
async def test_what_is_no_number_of_a_person_is_kept_and_not_answered(
    place: Town, sender: str
) -> None:
    """Machines would answer for ever."""
    await place.text(sender, ONE, "buy")
    assert [(sender, "no_number")] == await reasons(place)


async def test_a_second_number_keeps_two_of_one_counterpart_apart(place: Town) -> None:
    """The same person by two spellings, in two conversations."""
    await place.rent(TWO)
    first = await place.session("5491123456789", BERT)
    second = await place.session("541123456789", BERT)
    assert {ONE, TWO} == {first["virtual_tn"], second["virtual_tn"]}
    assert "541123456789" == second["participant_a"]
