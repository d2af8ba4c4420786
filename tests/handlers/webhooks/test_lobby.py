"""The random-chat lobby, in the words of the program that it replaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.conversations.texts.lobby import is_email, is_end
from gateway.store import keys
from gateway.store.pipeline import connect
from tests.support.scenes.masking import (
    ANNA,
    BERT,
    CARL,
    DORA,
    FLOW,
    ONE,
    START,
    TOKEN,
    TWO,
    Town,
    town,
    until,
)

HELP = "To chat, text your email address."
WAITING = "Waiting for another user..."
CONNECTED = "Connected, text #end to stop."
THANKS = "Thanks for chatting. Text your email address to start chat."


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    """A gateway whose lobby answers on two numbers of different providers."""
    async with town(redis_url, f"--chat_numbers={ONE},{FLOW}") as made:
        await made.rent(ONE)
        await made.rent(FLOW, provider="flowroute")
        yield made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@b.co", True),
        (" Bob@Example.com ", True),
        ("first.last+tag@sub.example.org", True),
        ("hello", False),
        ("", False),
        ("a@b", False),
        ("a@@b.co", False),
        (".a@b.co", False),
        ("a..b@c.co", False),
        ("me: a@b.co", False),
        ("a@b.co\nc@d.co", False),
        (f"{'a' * 65}@b.co", False),
        (f"a@{'b.' * 200}co", False),
        ("ü@b.co", False),
    ],
)
def test_what_an_email_address_is(text: str, expected: bool) -> None:
    assert expected is is_email(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("#end", True), ("#END", True), (" #End \n", True), ("# end", True), ("end", False)],
)
def test_what_ends_a_chat(text: str, expected: bool) -> None:
    assert expected is is_end(text)


async def test_two_people_are_paired_and_talk_until_one_ends_it(place: Town) -> None:
    """Each hears everything from the number that he texted."""
    await place.text(ANNA, ONE, "hello")
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(ANNA, ONE, "anyone?")
    await place.text(ANNA, ONE, "anna@example.org")
    await place.hears(ANNA, (ONE, HELP), (ONE, WAITING))
    await place.text(BERT, FLOW, "bert@example.org")
    await place.hears(BERT, (FLOW, CONNECTED))
    await place.text(BERT, FLOW, "carl@example.org is a friend")
    await place.text(ANNA, ONE, "hi Bert")
    await place.hears(BERT, (FLOW, CONNECTED), (FLOW, "hi Bert"))
    assert [2] == [each["texts"] for each in (await place.ok("GET", "/session"))["sessions"]]
    await place.text(BERT, FLOW, " #END ")
    await place.hears(
        ANNA,
        (ONE, HELP),
        (ONE, WAITING),
        (ONE, CONNECTED),
        (ONE, "carl@example.org is a friend"),
        (ONE, THANKS),
    )
    await place.hears(BERT, (FLOW, CONNECTED), (FLOW, "hi Bert"), (FLOW, THANKS))
    assert 0 == (await place.ok("GET", "/session"))["total_sessions"]


async def test_a_repeated_webhook_pairs_nobody_with_himself(place: Town) -> None:
    """One address texted once is one person who waits."""
    await place.text(ANNA, ONE, "anna@example.org", repeat=4)
    await place.at_rest()
    assert [(ONE, WAITING)] == place.heard(ANNA)
    await place.text(BERT, ONE, "bert@example.org", repeat=4)
    await place.at_rest()
    assert [(ONE, WAITING), (ONE, CONNECTED)] == place.heard(ANNA)
    assert [(ONE, CONNECTED)] == place.heard(BERT)


async def test_people_who_come_at_once_are_paired_once_each(place: Town) -> None:
    """Twenty at once: ten chats, nobody in two."""
    people = [f"120655501{n}" for n in range(70, 90)]
    await asyncio.gather(*(place.text(each, ONE, f"p{each}@example.org") for each in people))
    await place.at_rest()
    sessions = (await place.ok("GET", "/session"))["sessions"]
    paired = [each[f"participant_{side}"] for each in sessions for side in "ab"]
    assert sorted(people) == sorted(paired)
    assert {"chat"} == {each["kind"] for each in sessions}


async def test_who_waits_may_leave(place: Town) -> None:
    """And is not paired any more."""
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(ANNA, ONE, "#end")
    await place.text(BERT, ONE, "bert@example.org")
    await place.hears(ANNA, (ONE, WAITING), (ONE, THANKS))
    await place.hears(BERT, (ONE, WAITING))


async def test_nobody_waits_for_ever(redis_url: str) -> None:
    """After the minutes of an option he is thanked and gone."""
    async with town(redis_url, f"--chat_numbers={ONE}", "--chat_wait=0.01") as place:
        await place.text(ANNA, ONE, "anna@example.org")
        await place.hears(ANNA, (ONE, WAITING), (ONE, THANKS))
        await place.text(BERT, ONE, "bert@example.org")
        await until(lambda: [(ONE, WAITING), (ONE, THANKS)] == place.heard(BERT))


async def test_a_masked_session_on_a_chat_number_stays_what_it_is(place: Town) -> None:
    """Its texts are relayed, whatever they say."""
    await place.session(CARL, DORA, virtual_tn=ONE)
    for text in ("carl@example.org", "#end"):
        await place.text(CARL, ONE, text)
    await place.hears(DORA, (ONE, START), (ONE, "carl@example.org"), (ONE, "#end"))
    assert 1 == (await place.ok("GET", "/session"))["total_sessions"]


async def test_a_chatting_person_may_use_another_chat_number(place: Town) -> None:
    """He has one chat at a time, wherever he texts."""
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(BERT, ONE, "bert@example.org")
    await place.hears(BERT, (ONE, CONNECTED))
    await place.text(ANNA, FLOW, "wrong number?")
    await place.hears(BERT, (ONE, CONNECTED), (ONE, "wrong number?"))


async def test_a_machine_is_not_answered_for_ever(place: Town) -> None:
    """Ten texts an hour outside a chat."""
    for n in range(14):
        await place.text(ANNA, ONE, f"out of office {n}")
    await place.at_rest()
    assert 10 == len(place.heard(ANNA))
    assert 4 == (await place.ok("GET", "/inbox"))["total_inbox"]


async def test_an_operator_can_end_a_chat(place: Town) -> None:
    """Both are thanked, without the organisation's name."""
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(BERT, ONE, "bert@example.org")
    [session] = (await place.ok("GET", "/session"))["sessions"]
    await place.ok("DELETE", "/session", {"session_id": session["id"]})
    await place.hears(BERT, (ONE, CONNECTED), (ONE, THANKS))


async def test_a_chat_counts_among_the_sessions_of_both_until_it_ends(
    place: Town, redis_url: str
) -> None:
    store = connect(redis_url)
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(BERT, ONE, "bert@example.org")
    levels = await store.execute("HVALS", keys.PARALLEL)
    assert 2 == sum(int(people) for people in levels)
    await place.text(ANNA, ONE, "#end")
    await place.hears(BERT, (ONE, CONNECTED), (ONE, THANKS))
    assert 0 == await store.execute("EXISTS", keys.PARALLEL)
    await store.close()


async def test_a_number_outside_the_lobby_knows_no_chat(place: Town) -> None:
    """An email address to any other number is a stranger's text."""
    await place.rent(TWO)
    await place.text(ANNA, TWO, "anna@example.org")
    await place.at_rest()
    assert WAITING not in [text for _, text in place.heard(ANNA)]


async def test_the_end_of_one_chat_is_not_that_of_the_next(place: Town) -> None:
    """A repeated webhook changes nothing."""
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(BERT, ONE, "bert@example.org")
    end = await place.emulator.text(ANNA, ONE, "#end")
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(CARL, ONE, "carl@example.org")
    await place.at_rest()
    async with place.gateway.client.post(
        f"/inbound/{TOKEN}",
        json={"msisdn": ANNA, "to": ONE, "messageId": end[0].message_id, "text": "#end"},
    ) as response:
        assert 200 == response.status
    assert 1 == (await place.ok("GET", "/session"))["total_sessions"]


async def test_the_end_may_come_in_parts(place: Town) -> None:
    """And nobody else's parts wait for it."""
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(BERT, ONE, "bert@example.org")
    await place.text(ANNA, ONE, "#end", parts=2)
    await place.at_rest()
    assert 0 == (await place.ok("GET", "/session"))["total_sessions"]
    assert not await place.gateway.application.services.store.execute(
        "EXISTS", "{relay}:assemblies"
    )


async def test_who_waits_and_texts_stop_anywhere_is_not_paired(place: Town) -> None:
    """Nobody is connected with someone who hears nothing."""
    await place.text(ANNA, ONE, "anna@example.org")
    await place.text(ANNA, FLOW, "STOP")
    await place.text(BERT, ONE, "bert@example.org")
    await place.at_rest()
    assert (ONE, WAITING) == place.heard(BERT)[-1]


async def test_chat_numbers_outside_the_pool_do_not_answer_each_other(redis_url: str) -> None:
    """They are ours, and nobody takes part by one."""
    async with town(redis_url, f"--chat_numbers={ONE},{TWO}") as place:
        await place.text(ONE, TWO, "hello")
        await place.at_rest()
        assert [] == list(place.emulator.sent)
        await place.rent(FLOW, provider="flowroute")
        body = {"participant_a": ANNA, "participant_b": ONE}
        status, answer = await place.call("POST", "/session", body)
        assert (400, "participant_b: is a virtual number of the pool") == (
            status,
            answer["message"],
        )
