"""Machines and people who write much, from handset to handset."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.machines import MACHINES, chat
from tests.support.scenes.masking import ADMIN, ANNA, BERT, END, ONE, START, Town, town, until

NOTICE = "[YOUR ORG NAME]: Stop it, machine."
LATER = "[YOUR ORG NAME]: Not so fast."
OPTIONS = ("--paused_msg=Stop it, machine.", "--side_limit_msg=Not so fast.")


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url, *OPTIONS) as made:
        await made.rent(ONE)
        yield made


async def answer_each_other(place: Town, turns: int) -> None:
    """Let a ticket system and an absent person answer each other."""
    for n in range(turns):
        await place.text(ANNA, ONE, f"Ticket {1000 + n} received")
        await place.text(BERT, ONE, f"Out of office ({n})")


async def shown(place: Town, made: dict[str, Any]) -> dict[str, Any]:
    return await place.ok("GET", f"/session/{made['session_id']}")


async def states(place: Town, made: dict[str, Any]) -> list[str]:
    log = await place.ok("GET", f"/session/{made['session_id']}/log?limit=1000")
    return [each["state"] for each in log["entries"] if each["kind"] == "text"]


async def test_counters_do_not_hide_a_loop_and_one_is_told_once(place: Town) -> None:
    """He who wrote the text that was not passed on; a different text ends the pause."""
    made = await place.session(ANNA, BERT)
    assert (await shown(place, made))["paused"] is False
    await answer_each_other(place, 30)
    assert (await shown(place, made))["paused"] is True
    await place.at_rest()
    assert 25 > len([text for _, text in place.heard(BERT) if text.startswith("Ticket")])
    told = [text for each in (ANNA, BERT) for _, text in place.heard(each) if text == NOTICE]
    assert [NOTICE] == told
    assert "paused" in await states(place, made)
    await place.text(BERT, ONE, "I am back, can I help you?")
    assert (await shown(place, made))["paused"] is False
    await until(lambda: (ONE, "I am back, can I help you?") in place.heard(ANNA))
    async with place.gateway.client.get("/metrics") as answer:
        assert "gateway_pauses_total" in await answer.text()


async def test_an_operator_ends_a_pause(place: Town) -> None:
    made = await place.session(ANNA, BERT)
    address = f"/session/{made['session_id']}"
    await answer_each_other(place, 20)
    for wrong in (True, "no", 0, None):
        status, answer = await place.call("PATCH", address, {"paused": wrong})
        assert (400, True) == (status, answer["message"].startswith("paused: "))
    assert (await shown(place, made))["paused"] is True
    both = await place.ok("PATCH", address, {"paused": False, "expiry_window": 60})
    assert (False, False) == (both["paused"], both["expiry_date"] is None)
    await place.text(ANNA, ONE, "Ticket 7777 received")
    await until(lambda: (ONE, "Ticket 7777 received") in place.heard(BERT))
    assert (404, 400) == (
        (await place.call("PATCH", f"/session/{'0' * 32}", {"paused": False}))[0],
        (await place.call("PATCH", address, {}))[0],
    )


async def test_the_console_shows_a_pause_and_ends_it(place: Town) -> None:
    made = await place.session(ANNA, BERT)
    address = f"/console/conversations/{made['session_id']}"
    await answer_each_other(place, 20)
    async with place.gateway.client.get("/console/conversations", headers=ADMIN) as answer:
        assert '<span class="state odd">paused</span>' in await answer.text()
    async with place.gateway.client.get(address, headers=ADMIN) as answer:
        assert f'action="{address}/resume"' in await answer.text()
    async with place.gateway.client.post(f"{address}/resume", headers=ADMIN) as answer:
        page = await answer.text()
    assert "Texts are passed on again." in page
    assert f'action="{address}/resume"' not in page
    assert (await shown(place, made))["paused"] is False


async def test_with_the_guard_off_nothing_is_paused_but_caps_hold(redis_url: str) -> None:
    cap = ("--loop_guard=off", "--side_limit_amount=20")
    async with town(redis_url, *OPTIONS, *cap) as place:
        await place.rent(ONE)
        made = await place.session(ANNA, BERT)
        await answer_each_other(place, 25)
        await place.at_rest()
        assert ["held"] * 10 == [each for each in await states(place, made) if each == "held"]
        for person in (ANNA, BERT):
            heard = [text for _, text in place.heard(person)]
            assert (22, 1) == (len(heard), heard.count(LATER))


async def test_what_is_above_a_cap_comes_later_in_order(redis_url: str) -> None:
    cap = ("--side_limit_amount=3", "--side_limit_expires=2")
    async with town(redis_url, *OPTIONS, *cap) as place:
        await place.rent(ONE)
        made = await place.session(ANNA, BERT)
        for n in range(8):
            await place.text(ANNA, ONE, f"text {n}")
        assert "held" in await states(place, made)
        assert (await shown(place, made))["paused"] is False
        await until(lambda: len(place.heard(BERT)) >= 9)
        await place.hears(BERT, (ONE, START), *((ONE, f"text {n}") for n in range(8)))
        await place.hears(ANNA, (ONE, START), (ONE, LATER))
        assert "held" not in await states(place, made)


async def test_the_end_of_a_session_is_told_though_texts_are_held(redis_url: str) -> None:
    async with town(redis_url, *OPTIONS, "--side_limit_amount=1") as place:
        await place.rent(ONE)
        made = await place.session(ANNA, BERT)
        for n in range(3):
            await place.text(ANNA, ONE, f"text {n}")
        await place.ok("DELETE", f"/session/{made['session_id']}")
        await place.hears(BERT, (ONE, START), (ONE, "text 0"), (ONE, END))


@pytest.mark.parametrize("seed", range(3))
async def test_people_hear_all_that_was_said(place: Town, seed: int) -> None:
    chance = random.Random(f"guard {seed}")
    made = await place.session(ANNA, BERT)
    said = list(chat(chance, 100))
    for side, text in said:
        await place.text(ANNA if side == "a" else BERT, ONE, text)
    await place.at_rest()
    assert [text for side, text in said if side == "a"] == [
        text for _, text in place.heard(BERT)[1:]
    ]
    assert (await shown(place, made))["paused"] is False


@pytest.mark.parametrize("pair", [("quotes", "quotes more and more"), ("Chinese", "short")])
async def test_machines_of_many_kinds_are_paused(place: Town, pair: tuple[str, str]) -> None:
    chance = random.Random("kinds")
    a, b = (MACHINES[each](chance) for each in pair)
    made, heard = await place.session(ANNA, BERT), "hello"
    for _ in range(15):
        heard = a(heard)[:900]
        await place.text(ANNA, ONE, heard)
        heard = b(heard)[:900]
        await place.text(BERT, ONE, heard)
    assert (await shown(place, made))["paused"] is True
