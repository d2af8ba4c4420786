"""Rules by destination in the protection file: read as written, or a line for each mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conf.loading import Loaded
from conf.protection import (
    DAY,
    DEFAULT_LIMITS,
    DEFAULT_RULES,
    Action,
    Exempt,
    NewCountry,
    Protection,
    Rule,
    Special,
)
from tests.support import ROOT
from tests.support.servers.processes import Process
from tests.support.servers.settings_loading import loaded
from wiring import from_settings

RULES = """
[[rule]]
action = "limit"
country = "US"
endpoint = "/app/"
amount = 200
window = 3600
reason = "few customers there"

[[rule]]
action = "allow"
range = "+7954"

[[rule]]
action = "block"
kind = "satellite"
endpoint = "/app"

[[rule]]
action = "limit"

[[new_country]]
amount = 20
known_after = 3

[[exempt]]
number = "+4917604069000"
note = "the phone on the desk"
"""
BLOCK = '[[rule]]\naction = "block"\n'
DESTINATION = "country, calling_code, range, kind, endpoint"


def with_rules(tmp_path: Path, content: str) -> Loaded:
    """Load with ``content`` as the protection.toml of the project folder."""
    file = tmp_path / "conf" / "protection.toml"
    file.parent.mkdir()
    file.write_text(content)
    return loaded(folder=tmp_path)


def test_rules_are_read_as_they_are_written(tmp_path: Path) -> None:
    result = with_rules(tmp_path, RULES)
    assert [] == result.problems
    protection = result.protection
    assert protection.rules == (
        Rule(Action.LIMIT, "US", "", "", None, "/app", "few customers there", 200, 3600),
        Rule(Action.ALLOW, range="+7954"),
        Rule(Action.BLOCK, kind=Special.SATELLITE, endpoint="/app"),
        Rule(Action.LIMIT, amount=50, window=DAY),
    )
    assert NewCountry(20, DAY, 3) == protection.new_country
    assert (Exempt("+4917604069000", "the phone on the desk"),) == protection.exempt


def test_without_a_file_the_defaults_hold() -> None:
    assert Protection() == loaded().protection


def test_the_example_says_what_holds_without_it() -> None:
    example = ROOT / "conf" / "examples" / "protection.toml"
    result = loaded(f"--protection_file={example}")
    assert [] == result.problems
    protection = result.protection
    assert (DEFAULT_RULES, DEFAULT_LIMITS) == (protection.rules, protection.own_limits)
    assert Protection() == Protection(new_country=protection.new_country, exempt=protection.exempt)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(BLOCK + 'colour = "red"', ", rule 1: colour: unknown key", id="unknown key"),
        pytest.param(
            '[[rule]]\naction = "deny"',
            ", rule 1: action: must be one of allow, limit, block",
            id="wrong action",
        ),
        pytest.param(
            '[[rule]]\ncountry = "DE"', ", rule 1: action is missing", id="without action"
        ),
        pytest.param(
            BLOCK + 'country = "DE"\nrange = "+4915"',
            ", rule 1: country and range: only one of them in a table",
            id="two destinations",
        ),
        pytest.param(
            BLOCK + 'country = "de"',
            ", rule 1: country: must be two capital letters, as in DE",
            id="small letters",
        ),
        pytest.param(
            BLOCK + "calling_code = 49",
            ", rule 1: calling_code: must be a text in quotes",
            id="a number",
        ),
        pytest.param(
            BLOCK + 'calling_code = "+49"',
            ", rule 1: calling_code: must be one to three digits, as in 49",
            id="a plus",
        ),
        pytest.param(
            BLOCK + 'range = "0176"',
            ", rule 1: range: must be + and digits, as in +4915",
            id="a national range",
        ),
        pytest.param(
            BLOCK + 'kind = "satelite"',
            ", rule 1: kind: must be one of satellite, international, shared_cost, premium",
            id="no such kind",
        ),
        pytest.param(
            BLOCK + 'endpoint = "app"',
            ", rule 1: endpoint: a path must start with '/'",
            id="no path",
        ),
        pytest.param(
            '[[rule]]\naction = "limit"\namount = 0',
            ", rule 1: amount: must be 1 or more",
            id="a limit of nothing",
        ),
        pytest.param(
            '[[rule]]\naction = "limit"\nwindow = 0',
            ", rule 1: window: must be 1 or more",
            id="no time",
        ),
        pytest.param(
            BLOCK + 'range = "+4915"\n[[rule]]\naction = "allow"\nrange = "+4915"',
            f", rule 2: {DESTINATION}: the same as in number 1",
            id="a range that contradicts",
        ),
        pytest.param(
            BLOCK + '[[rule]]\naction = "allow"',
            f", rule 2: {DESTINATION}: the same as in number 1",
            id="all that contradicts",
        ),
        pytest.param(
            BLOCK.replace("[[", "[").replace("]]", "]"),
            ": write [[rule]], with two pairs of brackets",
            id="one pair of brackets",
        ),
        pytest.param("[[rules]]", ": unknown key rules", id="unknown table"),
        pytest.param(
            "[[new_country]]\n[[new_country]]",
            ", new_country 2: there is one already",
            id="two of new countries",
        ),
        pytest.param(
            "[[new_country]]\nwindow = 0", ", new_country 1: window: must be 1 or more", id="no day"
        ),
        pytest.param(
            '[[exempt]]\nnumber = "0176 04069000"',
            ", exempt 1: number: must be international, + and digits without blanks",
            id="a national number",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, content: str, expected: str) -> None:
    assert [f"{tmp_path}/conf/protection.toml{expected}"] == with_rules(tmp_path, content).problems


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (problem,) = with_rules(tmp_path, BLOCK + "country = \n").problems
    assert re.search(r"protection\.toml: .*\(at line 3, column \d+\)$", problem)


def test_a_named_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "absent.toml"
    assert [f"{file}: there is no such file"] == loaded(f"--protection_file={file}").problems


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('country = "XX"', "rule: no such country: XX"),
        ('calling_code = "999"', "rule: no such calling code: 999"),
        ('range = "+2101"', "rule: no number begins with +2101"),
        (
            'range = "+52155"',
            "rule: numbers that began with +52155 begin with +5255 today",
        ),
    ],
)
def test_a_destination_that_there_is_not_is_a_problem(
    tmp_path: Path, rule: str, expected: str
) -> None:
    result = with_rules(tmp_path, BLOCK + rule)
    assert [] == result.problems
    problems = from_settings.problems(result.settings, result.protection)
    assert [f"protection_file: {expected}"] == problems


def test_the_start_is_refused_with_every_line_at_once(tmp_path: Path) -> None:
    """Exit status 2, no traceback."""
    file = tmp_path / "protection.toml"
    file.write_text(f'{BLOCK}country = "XX"\n\n{BLOCK}colour = "red"\n')
    with Process("app.py", f"--protection_file={file}") as process:
        assert 2 == process.wait()
        assert [
            f"{file}, rule 2: colour: unknown key",
            "protection_file: rule: no such country: XX",
        ] == process.log.strip().splitlines()
