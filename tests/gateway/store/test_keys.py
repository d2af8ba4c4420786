"""The keys and the scripts that touch them: documented, short, and each script within one slot."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest
from redis.crc import key_slot

from gateway.store import keys
from gateway.store.script import Script
from tests.support import ROOT

FILES = sorted((ROOT / "gateway").rglob("*.lua"))
# Preludes hold functions for several scripts and are named with an underscore in front.
SCRIPTS = [path for path in FILES if not path.name.startswith("_")]
PRELUDES = [path for path in FILES if path.name.startswith("_")]
MOST_LINES = 45
MESSAGE_ID = "0123456789abcdef" * 2

script_files = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
all_files = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def header(path: Path) -> str:
    """Return the comment that a script starts with."""
    lines = path.read_text("utf-8").splitlines()
    return "\n".join(takewhile(lambda line: line.startswith("-- "), lines))


def code(path: Path) -> str:
    """Return a script without its comments."""
    return re.sub(r"--.*", "", path.read_text("utf-8"))


# -- scripts ----------------------------------------------------------------------------------


@script_files
def test_a_script_says_what_it_does_with_its_keys_and_arguments_and_what_it_returns(
    path: Path,
) -> None:
    said = re.findall(r"^-- (KEYS\[1\]|ARGV|Returns) ", header(path), re.MULTILINE)
    assert ["KEYS[1]", "ARGV", "Returns"] == said
    assert header(path).startswith("-- ")
    assert not header(path).startswith("-- KEYS")


@script_files
def test_a_script_uses_only_keys_that_its_header_names(path: Path) -> None:
    named = set(re.findall(r"KEYS\[\d+\]", header(path)))
    assert set() == set(re.findall(r"KEYS\[\d+\]", code(path))) - named


@pytest.mark.parametrize("path", PRELUDES, ids=lambda path: path.stem)
def test_a_prelude_describes_each_of_its_functions(path: Path) -> None:
    described = set(re.findall(r"^-- (\w+)\(", header(path), re.MULTILINE))
    local = re.findall(r"^local function (\w+)\(", code(path), re.MULTILINE)
    others = "".join(code(other) for other in FILES if other != path)
    used = set(re.findall(r"(\w+)\(", others))
    assert header(path).startswith("-- Prelude")
    assert described
    assert set() == described - set(local)
    assert set() == set(local) & used - described


@all_files
def test_a_script_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES


def calls_without_a_key(text: str) -> list[str]:
    """Return the calls of commands whose first argument is no key of KEYS; TIME takes none.

    A prelude's functions are given keys by name: those are names, or fields of a table.
    """
    calls = re.findall(r"redis\.p?call\s*\(([^,)]*),?\s*([^,)]*)", text)
    key = r"KEYS\[[\w +]+\]|[a-z_]+(\.[a-z_]+)?|k\['[a-z]+_' \.\. \w+\]"
    return [
        f"{command} {argument}"
        for command, argument in calls
        if command != "'TIME'" and not re.fullmatch(key, argument)
    ]


@all_files
def test_a_script_touches_no_key_but_those_in_keys(path: Path) -> None:
    assert [] == calls_without_a_key(code(path))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("redis.call('GET', KEYS[1])", []),
        ("redis.call('TIME')", []),
        ("redis.call('GET', ARGV[1])", ["'GET' ARGV[1]"]),
        ("redis.call('GET', 'key')", ["'GET' 'key'"]),
        ("redis.pcall('GET', KEYS[1] .. 'x')", ["'GET' KEYS[1] .. 'x'"]),
        ("redis.call(ARGV[1])", ["ARGV[1] "]),
    ],
)
def test_the_search_for_other_keys_finds_them(text: str, found: list[str]) -> None:
    assert found == calls_without_a_key(text)


@script_files
async def test_a_script_is_what_its_name_loads(path: Path) -> None:
    assert (
        path.read_text("utf-8") == Script.load(str(path.parents[1] / "module.py"), path.stem).text
    )


# -- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.MESSAGES, "messages"),
        (keys.limit("message", "203.0.113.9"), "limit:message:{203.0.113.9}"),
        (keys.limit("message:/get/", "2001:db8::/64"), "limit:message:/get/:{2001:db8::/64}"),
        (keys.limit_callers("range-60", "49xxxx"), "callers:range-60:{49xxxx}"),
        (keys.limit_share("all-60", "49", "all"), "share:all-60:49:{all}"),
        (keys.same_text("0a", "+4917612345678"), "same-text:0a:{+4917612345678}"),
        (keys.pace("nexmo:key"), "pace:{nexmo:key}"),
        (keys.message("ab12"), "message:{ab12}"),
        (keys.message_events("ab12"), "message:{ab12}:events"),
        (keys.messages_of("+4917612345678"), "messages-of:{+4917612345678}"),
        (keys.part("nexmo", "0A00"), "part:{nexmo:0A00}"),
        (keys.parked("nexmo", "0A00"), "parked:{nexmo:0A00}"),
    ],
    ids=lambda value: value,
)
def test_keys_are_named_as_documented(key: str, expected: str) -> None:
    assert expected == key


# The keys of each script that takes two, for an id of our own or of a provider's choice.
TOGETHER: dict[str, Callable[[str], tuple[str, str]]] = {
    "message_result, receipt_apply": lambda _: (
        keys.message(MESSAGE_ID),
        keys.message_events(MESSAGE_ID),
    ),
    "part_map, receipt_park": lambda given: (
        keys.part("nexmo", given),
        keys.parked("nexmo", given),
    ),
    "pace_reserve": lambda given: (
        keys.pace(f"nexmo:{given}"),
        keys.pace_asked(f"nexmo:{given}"),
    ),
    "limit_give_back": lambda given: (
        keys.limit("range-3600", f"49{given}"),
        keys.limit_callers("range-3600", f"49{given}"),
    ),
    "stats_add": lambda given: (keys.stats_flushed(given), keys.STATS_LATEST),
}


@pytest.mark.parametrize("together", TOGETHER.values(), ids=TOGETHER.keys())
@pytest.mark.parametrize("given", ["0A0000000123ABCD", "", "}", "{", "{}", "a}b", "a{b}c", "é🚀"])
def test_the_keys_of_one_script_lie_in_one_slot(
    together: Callable[[str], tuple[str, str]], given: str
) -> None:
    first, second = together(given)
    assert first != second
    assert key_slot(first.encode()) == key_slot(second.encode())


def test_every_script_with_two_keys_is_tested_for_its_slot() -> None:
    tested = set(", ".join(TOGETHER).split(", "))
    with_two = {path.stem for path in SCRIPTS if "KEYS[2]" in code(path)}
    relay = {path.stem for path in SCRIPTS if path.stem.split("_")[0] in RELAY}
    assert tested == with_two - (relay - tested)


# The scripts all of whose keys carry one tag, {relay}, {smssync} or {budget}.
RELAY = (
    "budget call device held inbox lobby lock log notices number optout outbox part participant"
    " relay session task".split()
)
RELAY_KEYS: list[Callable[[str], str]] = [
    keys.session,
    keys.routes,
    keys.past,
    keys.parts,
    keys.session_log,
    keys.session_log_states,
    keys.logs_of,
    keys.queue,
    lambda given: keys.pool("message", given),
    keys.idle,
    lambda given: keys.seen("nexmo", given),
    lambda given: keys.told("+12065550101", given),
]


@pytest.mark.parametrize("given", ["+12065550101", "", "}", "{", "{}", "a}b", "é🚀"])
@pytest.mark.parametrize("key", RELAY_KEYS)
def test_all_of_masked_conversations_lies_in_one_slot(
    key: Callable[[str], str], given: str
) -> None:
    assert key_slot(keys.SESSIONS.encode()) == key_slot(key(given).encode())


@pytest.mark.parametrize("given", ["phone", "", "}", "{", "{}", "a}b", "é🚀"])
@pytest.mark.parametrize("key", [keys.device, keys.batch])
def test_all_of_phones_lies_in_one_slot(key: Callable[[str], str], given: str) -> None:
    assert key_slot(keys.TASKS.encode()) == key_slot(key(given).encode())


def test_every_fixed_key_has_one_of_the_tags() -> None:
    fixed = [value for name, value in vars(keys).items() if name.isupper()]
    tagged = ("{relay}:", "{smssync}:", "{stats}:", "{budget}:", "{links}:")
    assert {"messages", "blocked", "newcomers", "shared-key"} == {
        key for key in fixed if not key.startswith(tagged)
    }


def test_messages_lie_in_many_slots() -> None:
    assert len({key_slot(keys.message(f"{n:032x}").encode()) for n in range(1000)}) > 900
