"""The words in which scripts say what became of MOs and calls have a place in the enums."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from gateway.conversations import outcomes
from gateway.conversations.outcomes import CALLS, MOS, CallAnswer, NotTaken, Taken
from gateway.conversations.texts import relay
from gateway.monitoring.metrics import PROVIDERS
from gateway.store.script import Script

TAKING = (
    *("relay_text", "relay_stranger", "relay_stop", "relay_start"),
    *("lobby_answer", "lobby_wait", "lobby_pair", "lobby_leave"),
)


def returned(script: str) -> set[str]:
    """Return the words that a script of this room returns, by its code."""
    module = relay.__file__ if script in TAKING else outcomes.__file__
    code = re.sub(r"--.*", "", Script.load(module, script).text)
    return set(re.findall(r"(?:\breturn|\b(?:result|answer)(?:, state)? =) '(\w+)'", code))


@pytest.mark.parametrize("script", TAKING)
def test_every_word_of_a_script_that_takes_mos_is_known(script: str) -> None:
    """An unlisted one would be an error after the MO was taken."""
    assert returned(script)
    assert set() == returned(script) - {*Taken, *NotTaken}


def test_every_answer_of_a_script_to_a_call_is_known() -> None:
    assert {"connect", "suppressed", "busy", "over"} == returned("call_start")
    assert set() == returned("call_start") - {*CallAnswer, NotTaken.OVER}


@pytest.mark.parametrize(
    ("counters", "words"),
    [({labels[-1] for labels in MOS}, Taken), ({labels[-1] for labels in CALLS}, CallAnswer)],
    ids=["MOs", "calls"],
)
def test_every_word_is_counted_from_the_start(counters: set[str], words: type[StrEnum]) -> None:
    assert set(words) == counters
    assert len(PROVIDERS) * len(Taken) == len(MOS)
