"""People who take part in nothing: whom the gateway answers, and how many of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.scenes.masking import (
    ANNA,
    BERT,
    CARL,
    END,
    FLOW,
    GERMAN,
    HEIDI,
    HELP,
    NO_SESSION,
    ONE,
    START,
    STOPPED,
    Town,
    town,
)

SATELLITE, PREMIUM, SHARED, CANADIAN = "881612345678", "19002345678", "4918012345678", "14165550121"
SENDER = {"sender": ONE, "provider": "nexmo"}


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url) as made:
        await made.rent(ONE, GERMAN)
        yield made


async def kept(place: Town) -> list[str]:
    """Return why texts lie in the inbox, the oldest first."""
    return [each["reason"] for each in (await place.ok("GET", "/inbox"))["messages"]][::-1]


@pytest.mark.parametrize("stranger", [HEIDI, CANADIAN, SATELLITE, PREMIUM, "979123456789"])
async def test_a_text_from_abroad_or_of_a_costly_kind_is_kept_and_not_answered(
    place: Town, stranger: str
) -> None:
    assert [200] == await place.text(stranger, ONE, "hello?")
    assert ["no_session"] == await kept(place)
    await place.at_rest()
    assert [] == place.heard(stranger)


@pytest.mark.parametrize("stranger", [SHARED, "493012345678"])
async def test_one_at_home_who_receives_no_sms_is_not_answered(place: Town, stranger: str) -> None:
    await place.text(stranger, GERMAN, "hello?")
    await place.at_rest()
    assert [] == place.heard(stranger)


async def test_each_number_answers_the_people_of_its_own_country(place: Town) -> None:
    for stranger in (HEIDI, CARL):
        for number in (ONE, GERMAN):
            await place.text(stranger, number, "hello?")
    await place.hears(HEIDI, (GERMAN, NO_SESSION))
    await place.hears(CARL, (ONE, NO_SESSION))


@pytest.mark.parametrize(
    ("countries", "answered"),
    [("de", [HEIDI]), (" ca , DE ", [HEIDI, CANADIAN]), ("*", [HEIDI, CANADIAN])],
)
async def test_the_countries_of_the_option_are_answered_as_well(
    redis_url: str, countries: str, answered: list[str]
) -> None:
    async with town(redis_url, f"--answer_countries={countries}") as place:
        await place.rent(ONE)
        for stranger in (HEIDI, CANADIAN, SATELLITE, PREMIUM):
            await place.text(stranger, ONE, "hello?")
        await place.at_rest()
        assert answered == [each.to for each in place.emulator.sent]


async def test_a_number_answers_so_many_strangers_in_an_hour_and_keeps_every_text(
    redis_url: str,
) -> None:
    """Texts of one who was told already use nothing up."""
    async with town(redis_url, "--answer_limit=3") as place:
        await place.rent(ONE, FLOW[:-1] + "9")
        strangers = [f"120655502{n:02}" for n in range(6)]
        for stranger in [strangers[0]] * 5 + strangers:
            await place.text(stranger, ONE, "hello?")
        await place.text(strangers[5], FLOW[:-1] + "9", "and here?")
        await place.at_rest()
        assert [*strangers[:3], strangers[5]] == [each.to for each in place.emulator.sent]
        assert 12 == len(await kept(place))


async def test_words_of_strangers_count_among_the_answers_of_a_number(redis_url: str) -> None:
    """The STOP itself is heeded."""
    async with town(redis_url, "--answer_limit=2") as place:
        await place.rent(ONE)
        for sender, text in ((ANNA, "HELP"), (BERT, "STOP"), (CARL, "STOP")):
            await place.text(sender, ONE, text)
        await place.at_rest()
        assert [(ANNA, HELP), (BERT, STOPPED)] == [
            (each.to, each.text) for each in place.emulator.sent
        ]
        assert 2 == (await place.ok("GET", "/optouts"))["total_optouts"]


@pytest.mark.parametrize("word", ["STOP", "HELP", "arrêt!"])
async def test_words_of_strangers_from_abroad_are_not_answered(place: Town, word: str) -> None:
    await place.text(HEIDI, ONE, word)
    await place.text(SATELLITE, ONE, word)
    await place.at_rest()
    assert [] == list(place.emulator.sent)


async def test_a_stop_is_confirmed_to_everybody_who_has_heard_from_us(place: Town) -> None:
    """By a message or in a session, from whatever country."""
    await place.ok("POST", "/messages", {"to": HEIDI, "text": "hi"} | SENDER)
    await place.text(HEIDI, ONE, "STOP")
    await place.hears(HEIDI, (ONE, "hi"), (ONE, STOPPED))
    other = "4917604069012"
    await place.session(ANNA, other, virtual_tn=ONE)
    await place.text(other, ONE, "STOP")
    await place.hears(other, (ONE, START), (ONE, STOPPED))


async def test_a_former_participant_from_abroad_is_told_that_there_is_no_session(
    place: Town,
) -> None:
    made = await place.session(ANNA, HEIDI, virtual_tn=ONE)
    await place.ok("DELETE", f"/session/{made['session_id']}")
    await place.text(HEIDI, ONE, "still there?")
    await place.hears(HEIDI, (ONE, START), (ONE, END), (ONE, NO_SESSION))


async def test_the_chat_answers_and_pairs_people_of_its_own_country_alone(redis_url: str) -> None:
    async with town(redis_url, f"--chat_numbers={ONE}") as place:
        await place.rent(ONE)
        for stranger in (HEIDI, SATELLITE):
            for text in ("hello", "me@example.org"):
                assert [200] == await place.text(stranger, ONE, text)
        assert ["not_answerable"] * 4 == await kept(place)
        await place.text(ANNA, ONE, "anna@example.org")
        await place.at_rest()
        assert [ANNA] == [each.to for each in place.emulator.sent]


async def test_the_chat_answers_so_many_in_an_hour(redis_url: str) -> None:
    async with town(redis_url, f"--chat_numbers={ONE}", "--answer_limit=2") as place:
        await place.rent(ONE)
        for stranger in (ANNA, BERT, CARL):
            await place.text(stranger, ONE, "hello")
        await place.at_rest()
        assert [ANNA, BERT] == [each.to for each in place.emulator.sent]
        assert ["lobby_limit"] == await kept(place)
