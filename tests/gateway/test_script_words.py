"""The words in which scripts answer: each is a member of the enum that reads it."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.conversations.outcomes import MOS
from gateway.messaging.inbound.concatenation import Added
from gateway.messaging.inbound.inbox import Kept
from gateway.messaging.outbox.holds import Look
from gateway.messaging.outbox.queue import Decision, Turn
from gateway.messaging.outbox.shelf import Requeued
from gateway.messaging.receipts import Applied
from gateway.monitoring.metrics import PROVIDERS, RECEIPTS
from gateway.protection.limits.same_text import Begun
from gateway.protection.spending.money import Reserved
from tests.support import ROOT

# The rooms whose scripts answer in words of enums, and the enum of each script that does.
ROOMS = ("messaging", "protection")
ENUMS: dict[str, type[StrEnum]] = {
    "budget_reserve": Reserved,
    "inbox_keep": Kept,
    "inbox_keep_raw": Kept,
    "inbox_keep_stray": Kept,
    "outbox_head": Look,
    "outbox_mark": Turn,
    "outbox_requeue": Requeued,
    "part_add": Added,
    "receipt_apply": Applied,
    "same_text_begin": Begun,
}
# receipt_park answers with a message's id, which is no word, or with nothing.
NO_WORDS = frozenset({"receipt_park"})

_WORD = re.compile(r"(?:\breturn \{?|\banswer\()'(\w*)'")


def words(path: Path) -> set[str]:
    """Return the words in which a script answers."""
    return set(_WORD.findall(path.read_text("utf-8")))


SCRIPTS = [
    path
    for room in ROOMS
    for path in sorted((ROOT / "gateway" / room).rglob("lua/*.lua"))
    if words(path) and path.stem not in NO_WORDS
]
every_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


def returns(path: Path) -> str:
    """Return what the header of a script says about its answer."""
    header = re.match(r"(?:--.*\n)*", path.read_text("utf-8"))
    assert header
    return header[0].partition("-- Returns  ")[2]


@every_script
def test_every_word_of_a_script_is_known_to_its_reader(path: Path) -> None:
    assert set() == words(path) - set(ENUMS[path.stem])


@every_script
def test_the_header_of_a_script_names_every_word(path: Path) -> None:
    told = set(re.findall(r"\w+|''", returns(path)))
    assert set() == {word or "''" for word in words(path)} - told


def test_no_reader_waits_for_a_script_that_is_gone() -> None:
    assert set(ENUMS) == {path.stem for path in SCRIPTS}


def test_the_outbox_decides_in_the_words_of_its_script() -> None:
    text = (ROOT / "gateway/messaging/outbox/lua/outbox_decide.lua").read_text("utf-8")
    assert set(Decision) == set(re.findall(r"\b(\w+) \((?:drop|write|make|leave)\b", text))
    assert set(re.findall(r"decision == '(\w+)'", text)) <= set(Decision)


def test_every_word_about_a_receipt_is_counted() -> None:
    """A message that is unknown after all is foreign to its receipt."""
    counted = {word for _, word in RECEIPTS}
    assert set(Applied) - {Applied.UNKNOWN} == counted
    assert {provider for provider, _ in RECEIPTS} == set(PROVIDERS)


def test_every_word_about_an_mo_that_is_kept_is_counted() -> None:
    assert set(Kept) - {Kept.OURS} <= {word for _, word in MOS}
