"""Callers as networks spell them, and to which form of a number calls go."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.handlers.webhooks.test_voice import SORRY, VoiceTown, rang, voice_town, was_refused
from tests.support.scenes.masking import ANNA, BERT, CARL, ONE, TWO

BRITISH = "447911123400"
AMERICAN, NORWEGIAN = "14795551234", "4795551234"
VOICE = {"mode": "voice"}


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[VoiceTown]:
    """A town with two American numbers and a British one."""
    async with voice_town(redis_url, rented=(ONE, TWO, BRITISH)) as made:
        yield made


@pytest.mark.parametrize(
    ("given", "caller", "number"),
    [
        ("525512345678", "5215512345678", ONE),
        ("5491123456789", "541123456789", ONE),
        ("541123456789", "5491123456789", ONE),
        ("541123456789", "541123456789", ONE),
        ("24166123456", "24106123456", ONE),
        ("447911123456", "07911123456", BRITISH),
        ("12065550127", "2065550127", ONE),
        ("14715550127", "14715550127", ONE),
        ("447700900127", "447700900127", ONE),
        (AMERICAN, NORWEGIAN, ONE),
        (NORWEGIAN, NORWEGIAN, ONE),
    ],
)
async def test_a_participant_is_put_through_by_every_spelling(
    here: VoiceTown, given: str, caller: str, number: str
) -> None:
    """And is called back by the number as it was given."""
    await here.session(given, BERT, **VOICE, virtual_tn=number, possible=True)
    assert [(BERT, number)] == rang(await here.emulator.call(caller, number))
    assert [(given, number)] == rang(await here.emulator.call(BERT, number))


async def test_who_may_be_two_participants_is_not_connected(here: VoiceTown) -> None:
    """Neither of both is called in the name of the other."""
    await here.session(AMERICAN, BERT, **VOICE, virtual_tn=ONE)
    await here.session(NORWEGIAN, CARL, **VOICE, virtual_tn=ONE)
    call = await here.emulator.call(NORWEGIAN, ONE)
    assert was_refused(call)
    assert [SORRY] == call.heard


async def test_a_caller_who_opted_out_by_another_spelling_is_not_called(here: VoiceTown) -> None:
    """Of a land line and its mobile form alike."""
    await here.session(ANNA, "541123456789", mode="both", virtual_tn=ONE)
    await here.text("541123456789", ONE, "STOP")
    assert [] == rang(await here.emulator.call(ANNA, ONE))
