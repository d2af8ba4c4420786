"""The states of which the scripts of phones speak are those that the gateway knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.smssync import queue
from gateway.smssync.tasks import TaskState

LUA = Path(queue.__file__).parent / "lua"
# What else scripts put in quotes: names of keys, fields of a phone, whether it reports results.
OTHER_WORDS = {
    *("contents", "tasks", "index", "queue", "due", "handed", "awaiting", "reports"),
    *("last_seen", "version", "unanswered", "results"),
    *("on", "auto"),
}


def code_of(name: str) -> str:
    """Return a script without its comments."""
    return re.sub(r"--.*", "", (LUA / f"{name}.lua").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(each.stem for each in LUA.iterdir()))
def test_a_script_speaks_of_known_states_only(name: str) -> None:
    words = set(re.findall(r"'([a-z_]+)'", code_of(name)))
    assert set() == words - OTHER_WORDS - set(TaskState)


TABLES = {
    ("_task_move", "STATES"): set(TaskState),
    ("_task_move", "UNTAKEN"): {TaskState.WAITING, TaskState.EXPIRED, TaskState.CANCELLED},
    ("_task", "FINISHED"): set(TaskState)
    - {TaskState.WAITING, TaskState.LEASED, TaskState.HANDED, TaskState.SENT},
    ("task_results", "RANKS"): {
        *(TaskState.LEASED, TaskState.HANDED, TaskState.SENT, TaskState.UNCONFIRMED)
    },
}


@pytest.mark.parametrize(("place", "expected"), TABLES.items(), ids=[each[1] for each in TABLES])
def test_a_table_of_states_has_its_states(place: tuple[str, str], expected: set[str]) -> None:
    """A state that is new belongs into some of them."""
    name, table = place
    [content] = re.findall(rf"local {table} = {{(.*?)}}", code_of(name), re.DOTALL)
    assert expected == set(re.findall("[a-z]+", content))
