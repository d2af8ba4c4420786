"""The one set-up of these tests: an emulator, who is told of its texts, who answers its calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.emulator import Emulator
from tests.support.scenes.emulation import Receiver, emulating, receiving
from tests.support.stand_ins.voice_application import (
    MASK,
    TALK,
    VIRTUAL,
    VoiceApplication,
    connect,
    serving,
)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """The webhook of both providers, for receipts and texts."""
    async with receiving() as made:
        yield made


@pytest.fixture
async def emulator(receiver: Receiver) -> AsyncIterator[Emulator]:
    """An emulator that tells the receiver; it rents no number."""
    names = ("dlr_url", "mo_url", "flowroute_dlr_url", "flowroute_mo_url")
    async with emulating(**dict.fromkeys(names, receiver.url)) as made:
        yield made


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the emulator, without credentials."""
    async with aiohttp.ClientSession(emulator.url) as session:
        yield session


@pytest.fixture
async def voice(emulator: Emulator) -> AsyncIterator[VoiceApplication]:
    """The application that connects the emulator's calls to Berlin; they take no time."""
    async with serving() as made:
        made.replies["/answer"] = [[TALK, connect()]]
        emulator.configure(
            answer_url=f"{made.url}/answer",
            fallback_answer_url=f"{made.url}/fallback",
            event_url=f"{made.url}/event",
            owned_numbers=[VIRTUAL, MASK],
            call_time_scale=0,
            # Patient with a busy machine, but not long between two tries.
            voice_connect_timeout=60,
            voice_read_timeout=60,
            voice_timeout_scale=0.05,
        )
        yield made
