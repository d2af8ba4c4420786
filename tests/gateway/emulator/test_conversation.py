"""What one handset of the emulator shows: texts, calls, and hanging up."""

from __future__ import annotations

import aiohttp
import pytest

from gateway.emulator import Emulator
from gateway.emulator.control.conversation import Entry
from tests.support.scenes.emulation import (
    BERLIN,
    SEATTLE,
    Receiver,
    send,
)
from tests.support.scenes.masking import until
from tests.support.stand_ins.voice_application import MASK, VIRTUAL, VoiceApplication

pytestmark = pytest.mark.usefixtures("voice")


def texts(entries: list[Entry]) -> list[tuple[bool, str, str]]:
    return [(entry.own, entry.other, entry.text) for entry in entries]


async def receive(emulator: Emulator, text: str, to: str = BERLIN) -> None:
    """Let the account send a text to a handset."""
    async with aiohttp.ClientSession(emulator.url) as http:
        await send(http, text=text, to=to)


async def test_a_handset_shows_what_it_sent_and_received_in_order(emulator: Emulator) -> None:
    """With the other end of each; nothing of other handsets."""
    await receive(emulator, "How are you?")
    await emulator.text(BERLIN, VIRTUAL, "Fine")
    await receive(emulator, "Good")
    await receive(emulator, "Not for you", to=SEATTLE)
    await emulator.text(SEATTLE, VIRTUAL, "Nor this")
    expected = [(False, "Acme", "How are you?"), (True, VIRTUAL, "Fine"), (False, "Acme", "Good")]
    assert expected == texts(emulator.conversation_of(BERLIN))


async def test_only_the_newest_are_shown(emulator: Emulator) -> None:
    """As many as asked for, whoever sent them."""
    for number in range(4):
        await emulator.text(BERLIN, VIRTUAL, f"sent {number}")
    await receive(emulator, "received")
    shown = emulator.conversation_of(BERLIN, limit=3)
    assert ["sent 2", "sent 3", "received"] == [entry.text for entry in shown]


@pytest.mark.parametrize(
    ("answers", "state"),
    [([], "sent"), ([500, 500, 500], "not taken"), ([500], "sent")],
    ids=["taken", "refused", "taken at the second try"],
)
async def test_a_sent_text_says_whether_it_was_taken(
    emulator: Emulator, receiver: Receiver, answers: list[int], state: str
) -> None:
    """By the answer to the last try."""
    receiver.answers.extend(answers)
    await emulator.text(BERLIN, VIRTUAL, "Hello")
    assert [state] == [entry.state for entry in emulator.conversation_of(BERLIN)]


async def test_a_text_may_be_sent_without_waiting_for_its_webhook(emulator: Emulator) -> None:
    """It is on its way until the webhook has answered."""
    assert [] == await emulator.text(BERLIN, VIRTUAL, "Hello", wait=False)
    assert ["on its way"] == [entry.state for entry in emulator.conversation_of(BERLIN)]
    await until(lambda: emulator.conversation_of(BERLIN)[0].state == "sent")


@pytest.mark.parametrize(
    ("answers", "status", "state"),
    [
        ([], "delivered", "delivered"),
        ([], "failed", "failed"),
        ([500] * 3, "delivered", "receipt not taken"),
    ],
    ids=["delivered", "failed", "refused"],
)
async def test_a_received_text_shows_its_receipt(
    emulator: Emulator, receiver: Receiver, answers: list[int], status: str, state: str
) -> None:
    """If it was taken in the end, and else that it was not."""
    receiver.answers.extend(answers)
    emulator.configure(dlr_statuses=[status])
    await receive(emulator, "Hello")
    await until(lambda: emulator.conversation_of(BERLIN)[0].state == state)


async def test_a_received_text_without_a_receipt_has_no_state(emulator: Emulator) -> None:
    """Its account may want none."""
    emulator.configure(dlr_off=True)
    await receive(emulator, "Hello")
    assert [""] == [entry.state for entry in emulator.conversation_of(BERLIN)]


async def test_both_ends_of_a_call_are_shown(emulator: Emulator) -> None:
    """What each heard, the number each saw, and how long it lasted."""
    await emulator.call(SEATTLE, VIRTUAL)
    [placed] = emulator.conversation_of(SEATTLE)
    [taken] = emulator.conversation_of(BERLIN)
    assert ("call", True, VIRTUAL, "completed", 7) == (
        *(placed.kind, placed.own, placed.other),
        *(placed.state, placed.seconds),
    )
    assert ("call", False, MASK, "completed", 7) == (
        *(taken.kind, taken.own, taken.other),
        *(taken.state, taken.seconds),
    )
    assert (("Please wait",), ()) == (placed.heard, taken.heard)
    assert not placed.going_on
    assert not taken.going_on


async def test_a_call_that_reaches_nobody_ends_by_itself(
    emulator: Emulator, voice: VoiceApplication
) -> None:
    """The caller has heard the reason."""
    voice.replies["/answer"] = [[{"action": "talk", "text": "Sorry"}]]
    await emulator.call(SEATTLE, VIRTUAL)
    [placed] = emulator.conversation_of(SEATTLE)
    assert (("Sorry",), "completed", False) == (placed.heard, placed.state, placed.going_on)
    assert [] == emulator.conversation_of(BERLIN)


@pytest.mark.parametrize("who", [SEATTLE, BERLIN], ids=["caller", "callee"])
async def test_either_side_hangs_up(emulator: Emulator, who: str) -> None:
    """Until then both are connected; later there is nothing to hang up."""
    call = await emulator.call(SEATTLE, VIRTUAL, wait=False, hold=True)
    await until(lambda: call.rang and call.rang[0].answered)
    for handset in (SEATTLE, BERLIN):
        [entry] = emulator.conversation_of(handset)
        assert ("connected", True) == (entry.state, entry.going_on)
    assert 1 == emulator.hang_up(who)
    await until(lambda: call.over)
    assert 0 == emulator.hang_up(who)
    for handset in (SEATTLE, BERLIN):
        [entry] = emulator.conversation_of(handset)
        assert ("completed", False) == (entry.state, entry.going_on)


async def test_a_phone_that_rings_can_be_declined(emulator: Emulator) -> None:
    """Its caller sees that."""
    emulator.configure(call_time_scale=1)
    call = await emulator.call(SEATTLE, VIRTUAL, wait=False, ring=60)
    await until(lambda: call.rang and call.rang[0].status == "ringing")
    shown = emulator.conversation_of(SEATTLE) + emulator.conversation_of(BERLIN)
    assert ["ringing", "ringing"] == [entry.state for entry in shown]
    assert 1 == emulator.hang_up(BERLIN)
    await until(lambda: call.over)
    shown = emulator.conversation_of(SEATTLE) + emulator.conversation_of(BERLIN)
    assert ["rejected", "rejected"] == [entry.state for entry in shown]


async def test_all_handsets_are_shown_over_http(
    emulator: Emulator, receiver: Receiver, http: aiohttp.ClientSession
) -> None:
    """Each with its own side of what happened, oldest first, and what went wrong."""
    receiver.answers.extend([503, 503, 503])
    await emulator.text(BERLIN, VIRTUAL, "Hello")
    await emulator.call(SEATTLE, VIRTUAL)
    async with http.get("/emulator/handsets") as response:
        found = dict(await response.json())
    words = {
        number: [(each["kind"], each["own"], each["other"], each["detail"]) for each in entries]
        for number, entries in found.items()
    }
    expected = {
        SEATTLE: [("call", True, VIRTUAL, "")],
        BERLIN: [("text", True, VIRTUAL, "HTTP 503"), ("call", False, MASK, "")],
    }
    assert expected == words
    assert "nexmo" == found[BERLIN][0]["provider"]
