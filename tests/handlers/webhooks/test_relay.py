"""Masked conversations from handset to handset: who hears what, from which number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.scenes.masking import (
    ANNA,
    BERT,
    CARL,
    DORA,
    END,
    FLOW,
    GERMAN,
    HEIDI,
    HELP,
    NO_SESSION,
    ONE,
    OPTED_OUT,
    START,
    STOPPED,
    THREE,
    TWO,
    Town,
    town,
    until,
)

# One character above the BMP, leading and trailing blanks, a line end: all has to arrive.
ODD_TEXTS = [
    pytest.param("Hello", id="plain"),
    pytest.param("  kept  ", id="blanks around"),
    pytest.param("grüß dich – 你好", id="Unicode"),
    pytest.param("👩‍👩‍👧 ok 🚀", id="emoji"),
    pytest.param("line\nbreak\r\nagain", id="line breaks"),
    pytest.param("a&b=c+d%20;#é", id="form characters"),
    pytest.param("€{}[]~^|\\", id="GSM extension"),
    pytest.param("0", id="a digit"),
]


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    """A gateway with two numbers of Nexmo's and one of Flowroute's."""
    async with town(redis_url) as made:
        await made.rent(ONE)
        yield made


@pytest.mark.parametrize("text", ODD_TEXTS)
async def test_texts_go_both_ways_unchanged_and_no_number_is_seen(place: Town, text: str) -> None:
    """Each side hears the other from the virtual number alone."""
    made = await place.session(ANNA, BERT)
    assert ONE == made["virtual_tn"]
    assert [200] == await place.text(ANNA, ONE, text)
    assert [200] == await place.text(BERT, ONE, f"{text}!")
    await place.hears(BERT, (ONE, START), (ONE, text))
    await place.hears(ANNA, (ONE, START), (ONE, f"{text}!"))
    assert not [each for each in place.emulator.sent if each.sender in {ANNA, BERT}]


async def test_one_number_serves_several_pairs(place: Town) -> None:
    """A conversation is found by sender and number."""
    await place.session(ANNA, BERT)
    await place.session(CARL, DORA)
    await place.text(ANNA, ONE, "to Bert")
    await place.text(DORA, ONE, "to Carl")
    await place.hears(BERT, (ONE, START), (ONE, "to Bert"))
    await place.hears(CARL, (ONE, START), (ONE, "to Carl"))
    await place.hears(ANNA, (ONE, START))
    await place.hears(DORA, (ONE, START))


async def test_one_person_talks_with_several_through_several_numbers(place: Town) -> None:
    """He needs as many numbers as he has conversations at a time."""
    await place.rent(TWO)
    with_bert = (await place.session(ANNA, BERT))["virtual_tn"]
    with_carl = (await place.session(ANNA, CARL))["virtual_tn"]
    assert {ONE, TWO} == {with_bert, with_carl}
    await place.text(ANNA, with_bert, "Bert?")
    await place.text(ANNA, with_carl, "Carl?")
    await place.hears(BERT, (with_bert, START), (with_bert, "Bert?"))
    await place.hears(CARL, (with_carl, START), (with_carl, "Carl?"))


async def test_each_side_has_its_own_number_even_of_two_providers(place: Town) -> None:
    """A texts his number; B hears from hers."""
    await place.rent(FLOW, provider="flowroute")
    await place.rent(GERMAN)
    made = await place.session(HEIDI, BERT, numbers="per-side", virtual_tn=GERMAN)
    hers = made["virtual_tn_b"]
    assert GERMAN == made["virtual_tn_a"]
    assert hers in {ONE, FLOW}
    await place.text(HEIDI, GERMAN, "Grüß Gott")
    await place.text(BERT, hers, "Howdy")
    await place.hears(BERT, (hers, START), (hers, "Grüß Gott"))
    await place.hears(HEIDI, (GERMAN, START), (GERMAN, "Howdy"))


async def test_a_session_on_a_flowroute_number_goes_through_flowroute(place: Town) -> None:
    """Sending and receiving, and the receipts of it."""
    await place.rent(FLOW, provider="flowroute")
    made = await place.session(ANNA, BERT, virtual_tn=FLOW)
    await place.text(ANNA, FLOW, "through the other one")
    await place.hears(BERT, (FLOW, START), (FLOW, "through the other one"))
    assert {"flowroute"} == {each.provider for each in place.emulator.sent}

    async def delivered() -> bool:
        log = await place.ok("GET", f"/session/{made['session_id']}/log")
        return ["delivered"] == [each["state"] for each in log["entries"]]

    await until(delivered)


async def test_a_number_answers_only_to_its_own_provider(place: Town) -> None:
    """An MO for a Nexmo number by Flowroute's path is nobody's."""
    await place.session(ANNA, BERT)
    assert [200] == await place.text(ANNA, ONE, "smuggled", provider="flowroute")
    inbox = await place.ok("GET", "/inbox")
    assert ["not_our_number"] == [each["reason"] for each in inbox["messages"]]
    await place.at_rest()
    await place.hears(BERT, (ONE, START))


async def test_the_end_is_told_to_both_and_later_texts_find_no_session(place: Town) -> None:
    """DELETE ends it; a stranger is told once an hour."""
    made = await place.session(ANNA, BERT)
    await place.ok("DELETE", f"/session/{made['session_id']}")
    await place.text(ANNA, ONE, "still there?")
    await place.text(ANNA, ONE, "hello?")
    await place.hears(ANNA, (ONE, START), (ONE, END), (ONE, NO_SESSION))
    await place.at_rest()
    await place.hears(BERT, (ONE, START), (ONE, END))
    assert 2 == (await place.ok("GET", "/inbox"))["total_inbox"]


async def test_a_late_text_hears_the_end_once_then_that_there_is_no_session(place: Town) -> None:
    """Nobody is told when a session expires."""
    await place.session(ANNA, BERT, expiry_window=0.002)

    async def over() -> bool:
        return bool(0 == (await place.ok("GET", "/session"))["total_sessions"])

    await until(over)
    for text in ("one", "two", "three"):
        await place.text(ANNA, ONE, text)
    await place.text(BERT, ONE, "and I?")
    await place.hears(ANNA, (ONE, START), (ONE, END), (ONE, NO_SESSION))
    await place.hears(BERT, (ONE, START), (ONE, END))


@pytest.mark.parametrize(
    ("sender", "reason"),
    [("ACME", "no_number"), ("12345", "no_number"), ("", "no_number"), (TWO, "own_number")],
)
async def test_nobody_is_answered_who_could_be_a_machine(
    place: Town, sender: str, reason: str
) -> None:
    """Names, short codes and our own numbers would answer each other for ever."""
    await place.rent(TWO)
    assert [200] == await place.text(sender, ONE, "win a prize")
    inbox = await place.ok("GET", "/inbox")
    assert [reason] == [each["reason"] for each in inbox["messages"]]
    await place.at_rest()
    assert [] == list(place.emulator.sent)


async def test_a_text_to_a_number_that_is_not_ours_is_kept_and_not_answered(place: Town) -> None:
    """No reply from a number that we have not."""
    await place.text(ANNA, THREE, "hello")
    inbox = await place.ok("GET", "/inbox")
    assert [("not_our_number", "hello")] == [
        (each["reason"], each["text"]) for each in inbox["messages"]
    ]
    await place.at_rest()
    assert [] == list(place.emulator.sent)


async def test_a_repeated_mo_is_relayed_once(place: Town) -> None:
    """Providers repeat what was not acknowledged in time."""
    await place.session(ANNA, BERT)
    assert [200] * 5 == await place.text(ANNA, ONE, "once", repeat=5)
    await place.text(ANNA, ONE, "twice")
    await place.hears(BERT, (ONE, START), (ONE, "once"), (ONE, "twice"))


async def test_parts_are_joined_in_any_order(place: Town) -> None:
    """One long text arrives as one."""
    await place.session(ANNA, BERT)
    long = "".join(f"{n:04d} " for n in range(120))
    await place.text(ANNA, ONE, long, shuffle=True, repeat=2)
    await place.text(ANNA, ONE, "after")
    await place.hears(BERT, (ONE, START), (ONE, long), (ONE, "after"))


async def test_what_was_begun_in_one_session_is_not_told_in_the_next(place: Town) -> None:
    """The first part was meant for somebody else."""
    made = await place.session(ANNA, BERT)
    long = "for Bert alone. " * 15
    await place.text(ANNA, ONE, long, parts=2, drop=[2], ref=7)
    await place.ok("DELETE", f"/session/{made['session_id']}")
    await asyncio.sleep(2.1)  # clocks that differ by up to 2 s are allowed for
    await place.session(ANNA, CARL)
    await place.text(ANNA, ONE, long, parts=2, drop=[1], ref=7)
    await place.hears(CARL, (ONE, START))
    inbox = await place.ok("GET", "/inbox")
    assert ["before_session"] == [each["reason"] for each in inbox["messages"]]


async def test_a_binary_mo_is_kept_only(place: Town) -> None:
    """There is nothing to relay in it."""
    await place.session(ANNA, BERT)
    await place.text(ANNA, ONE, "", type="binary", data="EA0601AE", udh="0605040B8423F0")
    inbox = await place.ok("GET", "/inbox")
    assert [("binary", "0605040B8423F0EA0601AE")] == [
        (each["reason"], each["data"].upper()) for each in inbox["messages"]
    ]
    await place.at_rest()
    await place.hears(BERT, (ONE, START))


@pytest.mark.parametrize("word", ["STOP", " stop ", "Unsubscribe", "ARRET"])
async def test_who_texts_stop_hears_nothing_more_and_his_contact_learns_it_once(
    place: Town, word: str
) -> None:
    """Across the pool, until START."""
    await place.rent(TWO)
    first = (await place.session(ANNA, BERT))["virtual_tn"]
    await place.text(ANNA, first, word)
    await place.text(BERT, first, "are you there?")
    await place.text(BERT, first, "hello?")
    await place.hears(BERT, (first, START), (first, OPTED_OUT))
    assert [ANNA] == [each["number"] for each in (await place.ok("GET", "/optouts"))["optouts"]]
    other = await place.ok("POST", "/session", {"participant_a": ANNA, "participant_b": CARL})
    await place.hears(CARL, (other["virtual_tn"], START))
    await place.text(CARL, other["virtual_tn"], "and me?")
    await place.hears(CARL, (other["virtual_tn"], START), (other["virtual_tn"], OPTED_OUT))
    await place.text(ANNA, first, word)
    await place.text(ANNA, first, "Start")
    await place.text(BERT, first, "now?")
    await place.at_rest()
    await place.hears(ANNA, (first, START), (first, STOPPED), (first, "now?"))


async def test_a_stop_counts_on_a_number_that_is_in_no_pool(place: Town) -> None:
    """Numbers of the account that only send, such as the one for North America, have none."""
    await place.session(ANNA, BERT)
    await place.text(BERT, "12065550100", "Stop.")
    assert [BERT] == [each["number"] for each in (await place.ok("GET", "/optouts"))["optouts"]]
    await place.text(BERT, "12065550100", "START")
    assert [] == (await place.ok("GET", "/optouts"))["optouts"]
    await place.at_rest()
    await place.hears(BERT, (ONE, START))  # nobody of ours has ever texted him from there


@pytest.mark.parametrize("again", [False, True], ids=["once", "after a START"])
async def test_who_opts_out_of_a_message_is_told_how_to_come_back(place: Town, again: bool) -> None:
    """Its number is in no pool, but he has heard from it."""
    await place.ok("POST", "/messages", {"to": BERT, "text": "Hello", "sender": THREE})
    for _ in range(1 + again):
        await place.text(BERT, THREE, "“Stop!”")
        await place.text(BERT, THREE, "stop all")
        if again:
            await place.text(BERT, THREE, "START")
    await place.at_rest()
    await place.hears(BERT, (THREE, "Hello"), *[(THREE, STOPPED)] * (1 + again))


@pytest.mark.parametrize("text", ["HELP", "Info?", "aide !"])
async def test_who_asks_for_help_gets_one_answer_and_is_relayed(place: Town, text: str) -> None:
    """Once a day on a number."""
    await place.session(ANNA, BERT)
    await place.text(ANNA, ONE, text)
    await place.text(ANNA, ONE, text)
    await place.at_rest()
    await place.hears(ANNA, (ONE, START), (ONE, HELP))
    await place.hears(BERT, (ONE, START), (ONE, text), (ONE, text))


async def test_who_asks_for_help_hears_no_more_than_that(place: Town) -> None:
    """Neither on another number of ours nor, as a stranger, that he has no session."""
    await place.rent(TWO)
    for number in (ONE, TWO, ONE):
        await place.text(CARL, number, "help")
    await place.at_rest()
    assert [(ONE, HELP), (TWO, NO_SESSION)] == place.heard(CARL)


@pytest.mark.parametrize("text", ["\u200b", "\x00", "   ", "\ufeff\n"], ids=ascii)
async def test_a_text_of_which_nothing_can_be_seen_is_kept_as_empty(place: Town, text: str) -> None:
    """Sent on, it would cost an SMS that nobody can read."""
    await place.session(ANNA, BERT)
    await place.text(ANNA, ONE, text)
    await place.at_rest()
    await place.hears(BERT, (ONE, START))
    inbox = (await place.ok("GET", "/inbox"))["messages"]
    assert ["empty"] == [each["reason"] for each in inbox]


async def test_nobody_is_helped_on_a_number_of_another_program(place: Town) -> None:
    """Several programs may share an account."""
    await place.text(BERT, "12065550100", "HELP")
    await place.at_rest()
    assert [] == place.heard(BERT)


async def test_start_is_a_text_like_any_other_when_it_undoes_nothing(place: Town) -> None:
    """It is swallowed only after a STOP."""
    await place.session(ANNA, BERT)
    await place.text(ANNA, ONE, "START")
    await place.hears(BERT, (ONE, START), (ONE, "START"))


async def test_an_operator_can_undo_an_opt_out(place: Town) -> None:
    """Somebody rings up and asks for it."""
    await place.session(ANNA, BERT)
    await place.text(ANNA, ONE, "STOP")
    await place.ok("DELETE", f"/optouts/{ANNA}")
    await place.text(BERT, ONE, "welcome back")
    await place.hears(ANNA, (ONE, START), (ONE, STOPPED), (ONE, "welcome back"))


async def test_two_machines_that_answer_each_other_are_paused(place: Town) -> None:
    """People who say the same twice are not."""
    made = await place.session(ANNA, BERT)
    for _ in range(12):
        await place.text(ANNA, ONE, "I am on holiday")
        await place.text(BERT, ONE, "I am out of office")
    await place.at_rest()
    relayed = [text for _, text in place.heard(BERT) if text == "I am on holiday"]
    assert 5 <= len(relayed) < 12
    await place.text(ANNA, ONE, "I am back")
    await until(lambda: (ONE, "I am back") in place.heard(BERT))
    log = await place.ok("GET", f"/session/{made['session_id']}/log?limit=1000")
    assert "paused" in {each["state"] for each in log["entries"]}


async def test_every_text_that_is_taken_counts_once(place: Town) -> None:
    """Relayed, suppressed or paused; neither notices, nor a STOP, nor what is kept elsewhere."""
    made = await place.session(ANNA, BERT)
    shown = f"/session/{made['session_id']}"
    assert 0 == (await place.ok("GET", shown))["texts"]
    await place.text(ANNA, ONE, "I am on holiday", repeat=3)
    await place.text(BERT, ONE, "one long text " * 20)
    assert 2 == (await place.ok("GET", shown))["texts"]
    for _ in range(12):
        await place.text(ANNA, ONE, "I am on holiday")
        await place.text(BERT, ONE, "I am out of office")
    assert 26 == (await place.ok("GET", shown))["texts"]
    await place.text(ANNA, ONE, "STOP")
    await place.text(BERT, ONE, "hello?")
    await place.text(CARL, ONE, "whose number is this?")
    assert [27] == [each["texts"] for each in (await place.ok("GET", "/session"))["sessions"]]


async def test_one_who_repeats_himself_is_no_machine(place: Town) -> None:
    """Without answers in between there is no loop."""
    await place.session(ANNA, BERT)
    for _ in range(15):
        await place.text(ANNA, ONE, "hello?")
    await until(lambda: 16 == len(place.heard(BERT)))


async def test_the_log_tells_who_said_what_and_what_became_of_it(place: Town) -> None:
    """As long as it is kept; then it is erased."""
    made = await place.session(ANNA, BERT)
    await place.text(ANNA, ONE, "question")
    await place.text(BERT, ONE, "answer")

    async def logged() -> list[tuple[str, str, str]]:
        log = await place.ok("GET", f"/session/{made['session_id']}/log")
        return [(each["from"], each["text"], each["state"]) for each in log["entries"]]

    async def complete() -> bool:
        return [("a", "question", "delivered"), ("b", "answer", "delivered")] == await logged()

    await until(complete)
    assert not [
        each for each in (await place.ok("GET", "/messages"))["messages"] if "question" in str(each)
    ]
    assert 1 == (await place.ok("DELETE", f"/log?number={BERT}"))["sessions"]
    assert [] == await logged()


async def test_without_log_days_no_text_stays(redis_url: str) -> None:
    """0 = no log."""
    async with town(redis_url, "--session_log_days=0") as place:
        await place.rent(ONE)
        made = await place.session(ANNA, BERT)
        await place.text(ANNA, ONE, "between us")
        await place.hears(BERT, (ONE, START), (ONE, "between us"))
        await place.at_rest()
        log = await place.ok("GET", f"/session/{made['session_id']}/log")
        assert 0 == log["total"]
        store = place.gateway.application.services.store
        for key in await store.execute("KEYS", "*"):
            kind = await store.execute("TYPE", key)
            read = {"hash": ("HGETALL", key), "list": ("LRANGE", key, 0, -1)}.get(kind)
            assert read is None or "between us" not in str(await store.execute(*read))


async def test_a_text_on_a_voice_session_is_kept_without_a_word(place: Town) -> None:
    """The number is for calls."""
    await place.session(ANNA, BERT, mode="voice")
    await place.text(ANNA, ONE, "call me")
    inbox = await place.ok("GET", "/inbox")
    assert ["voice_session"] == [each["reason"] for each in inbox["messages"]]
    await place.at_rest()
    assert 1 == len(place.heard(ANNA))


async def test_texts_of_one_direction_stay_in_order(place: Town) -> None:
    """However fast they come."""
    await place.session(ANNA, BERT)
    for n in range(30):
        await place.text(ANNA, ONE, f"{n}")
    await until(lambda: 31 == len(place.heard(BERT)))
    assert [f"{n}" for n in range(30)] == [text for _, text in place.heard(BERT)[1:]]


async def test_the_sender_for_north_america_never_takes_a_virtual_numbers_place(
    redis_url: str,
) -> None:
    """The other side answers the number it hears from."""
    async with town(redis_url, f"--nexmo_long_virtual_number={THREE}") as place:
        await place.rent(ONE)
        await place.session(ANNA, BERT)
        await place.text(ANNA, ONE, "Hello")
        await place.hears(BERT, (ONE, START), (ONE, "Hello"))


async def test_an_empty_text_is_kept_only(place: Town) -> None:
    """No provider takes one."""
    await place.session(ANNA, BERT)
    await place.text(ANNA, ONE, "")
    inbox = await place.ok("GET", "/inbox")
    assert ["empty"] == [each["reason"] for each in inbox["messages"]]
    assert 0 == (await place.ok("GET", "/dead-letters"))["total_dead_letters"]


async def test_a_very_long_text_goes_on_in_pieces_that_the_provider_takes(place: Town) -> None:
    """In their order, nothing missing."""
    await place.session(ANNA, BERT)
    long = "".join(f"{n:04d} " for n in range(800))
    await place.text(ANNA, ONE, long, shuffle=True)
    await until(lambda: 3 == len(place.heard(BERT)))
    assert long == "".join(text for _, text in place.heard(BERT)[1:])


async def test_what_was_said_in_an_ended_session_is_not_sent_again(place: Town) -> None:
    """By now the number may belong to another conversation."""
    made = await place.session(ANNA, BERT)
    async with place.gateway.client.post(
        f"{place.emulator.url}/emulator/next", json={"failure": "status:7", "count": 1}
    ):
        pass
    await place.text(ANNA, ONE, "between us")
    await place.at_rest()
    await place.ok("DELETE", f"/session/{made['session_id']}")
    letter = (await place.ok("GET", "/dead-letters"))["dead_letters"][0]
    status, answer = await place.call("POST", f"/dead-letters/{letter['id']}/requeue")
    assert (400, "id: its session has ended, it can only be discarded") == (
        status,
        answer["message"],
    )


async def test_erasing_a_number_leaves_none_of_its_texts(place: Town) -> None:
    """Neither in a log, nor in the inbox, nor among dead letters."""
    await place.session(ANNA, BERT)
    async with place.gateway.client.post(
        f"{place.emulator.url}/emulator/next", json={"failure": "status:7", "count": 1}
    ):
        pass
    await place.text(ANNA, ONE, "secret one")
    await place.text(ANNA, TWO, "secret two")
    await place.at_rest()
    await place.ok("DELETE", f"/log?number={ANNA}")
    store = place.gateway.application.services.store
    for key in await store.execute("KEYS", "*"):
        kind = await store.execute("TYPE", key)
        read = {
            "hash": ("HGETALL", key),
            "list": ("LRANGE", key, 0, -1),
            "stream": ("XRANGE", key, "-", "+"),
        }.get(kind)
        assert read is None or "secret" not in str(await store.execute(*read)), key


async def test_a_refused_text_is_a_dead_letter_that_can_be_queued_again(place: Town) -> None:
    """The operator sends it again, and it is taken."""
    await place.session(ANNA, BERT)
    async with place.gateway.client.post(
        f"{place.emulator.url}/emulator/next", json={"failure": "status:7", "count": 1}
    ) as response:
        assert 200 == response.status
    await place.text(ANNA, ONE, "once more")

    async def dead() -> bool:
        return bool(1 == (await place.ok("GET", "/dead-letters"))["total_dead_letters"])

    await until(dead)
    letter = (await place.ok("GET", "/dead-letters"))["dead_letters"][0]
    assert ("once more", BERT) == (letter["text"], letter["to"])
    await place.ok("POST", f"/dead-letters/{letter['id']}/requeue")
    await place.hears(BERT, (ONE, START), (ONE, "once more"))
    assert 0 == (await place.ok("GET", "/dead-letters"))["total_dead_letters"]


async def test_parallel_texts_and_a_close_never_reach_a_stranger(place: Town) -> None:
    """A text is relayed in its session or not at all."""
    made = await place.session(ANNA, BERT)

    async def change_partners() -> None:
        await place.ok("DELETE", f"/session/{made['session_id']}")
        await place.ok("POST", "/session", {"participant_a": ANNA, "participant_b": CARL})

    texts = [place.text(ANNA, ONE, f"{n}") for n in range(40)]
    await asyncio.gather(*texts[:20], change_partners(), *texts[20:])
    await place.at_rest()
    to_bert = [text for _, text in place.heard(BERT) if text.isdigit()]
    to_carl = [text for _, text in place.heard(CARL) if text.isdigit()]
    assert len({*to_bert, *to_carl}) == len(to_bert) + len(to_carl)
    inbox = await place.ok("GET", "/inbox")
    assert 40 == len(to_bert) + len(to_carl) + inbox["total_inbox"]
    # Whatever went to Carl was texted after his session began, so after all that Bert heard.
    assert (ONE, START) == place.heard(CARL)[0]
