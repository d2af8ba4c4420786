"""The file of SMSsync phones: what its tables become, and a line for every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.devices import Device, read_devices, single
from tests.support import ROOT

SECRET = "hunter2-and-more"


def device(**changes: str) -> str:
    """Return a TOML table of one device with ``changes`` to its keys; an empty one is left out."""
    values = {"name": '"desk"', "secret": f'"{SECRET}"', **changes}
    return "[[device]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value)


def read(tmp_path: Path, content: str | bytes) -> tuple[list[Device], list[str]]:
    """Return what is read from a file with this content, problems without the file's name."""
    file = tmp_path / "devices.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    devices, problems = read_devices(file)
    return devices, [problem.removeprefix(str(file)) for problem in problems]


def test_a_secret_alone_makes_the_device_default() -> None:
    """It has the defaults of the file."""
    assert Device("default", SECRET, "", (), {}, 100, "auto") == single(SECRET)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(device(), Device("desk", SECRET), id="shortest"),
        pytest.param(
            device(old_secret='"before"'), Device("desk", SECRET, "before"), id="rotation"
        ),
        pytest.param(
            device(secret='" ünï \'?&=# "'), Device("desk", " ünï '?&=# "), id="secret as typed"
        ),
        pytest.param(
            device(numbers='["+12065550100", "4917612345678"]'),
            Device("desk", SECRET, numbers=("+12065550100", "+4917612345678")),
            id="numbers with and without plus",
        ),
        pytest.param(device(numbers="[]"), Device("desk", SECRET), id="no numbers"),
        pytest.param(
            device(fields='{ from = "sender", message = "text" }'),
            Device("desk", SECRET, fields={"from": "sender", "message": "text"}),
            id="renamed fields",
        ),
        pytest.param(
            device(fields='{ from = "message", message = "from" }'),
            Device("desk", SECRET, fields={"from": "message", "message": "from"}),
            id="exchanged fields",
        ),
        pytest.param(device(hourly_cap="0"), Device("desk", SECRET, hourly_cap=0), id="no cap"),
        pytest.param(device(results="true"), Device("desk", SECRET, results="on"), id="results"),
        pytest.param(
            device(results="false"), Device("desk", SECRET, results="off"), id="no results"
        ),
        pytest.param(device(results='"auto"'), Device("desk", SECRET), id="results auto"),
        pytest.param(
            device(name=f'"{"A" * 60}._-9"'), Device(f"{'A' * 60}._-9", SECRET), id="longest name"
        ),
    ],
)
def test_a_table_becomes_a_device(tmp_path: Path, content: str, expected: Device) -> None:
    """What is left out has its default."""
    assert ([expected], []) == read(tmp_path, content)


def test_devices_keep_the_order_of_the_file(tmp_path: Path) -> None:
    """Two of them may share a secret."""
    devices, problems = read(tmp_path, device() + device(name='"field"'))
    assert (["desk", "field"], []) == ([each.name for each in devices], problems)


def test_a_file_without_devices_is_no_problem(tmp_path: Path) -> None:
    """Nobody has paired a phone yet."""
    assert ([], []) == read(tmp_path, "# nothing yet\n")


def test_the_example_file_is_accepted() -> None:
    """conf/examples/devices.toml shows every key."""
    devices, problems = read_devices(ROOT / "conf" / "examples" / "devices.toml")
    assert [] == problems
    assert ["front-desk", "field-2"] == [each.name for each in devices]
    assert (
        Device(
            "field-2",
            "change-me-to-another-long-text",
            "change-me-the-text-before",
            ("+4917604069000", "+4917604069001"),
            {"from": "sender", "message": "text"},
            30,
            "on",
        )
        == (devices[1])
    )


NAME_RULE = "must be 1 to 64 ASCII letters, digits and . _ -"
LIST_RULE = 'must be a list of texts in quotes, as in ["+12065550100"]'
NUMBER_RULE = "must be international, digits without blanks"
USUAL = "secret, from, message, sent_timestamp, sent_to, message_id, device_id"

MISTAKES = [
    ("no name", device(name=""), "name is missing"),
    ("no secret", device(secret=""), "secret is missing"),
    ("name is a number", device(name="5"), "name: must be a text in quotes"),
    ("empty name", device(name='""'), f"name: {NAME_RULE}"),
    ("name with a slash", device(name='"a/b"'), f"name: {NAME_RULE}"),
    ("name with a line feed", device(name='"a\\n"'), f"name: {NAME_RULE}"),
    ("name not ASCII", device(name='"büro"'), f"name: {NAME_RULE}"),
    ("long name", device(name=f'"{"x" * 65}"'), f"name: {NAME_RULE}"),
    ("name of a route", device(name='"messages"'), "name: the name 'messages' is taken"),
    ("name of a route 2", device(name='"devices"'), "name: the name 'devices' is taken"),
    ("name of a folder", device(name='".."'), "name: the name '..' is taken"),
    ("secret is a number", device(secret="5"), "secret: must be a text in quotes"),
    ("empty secret", device(secret='""'), "secret: must not be empty"),
    ("blank secret", device(secret='"  "'), "secret: must not be empty"),
    ("empty old secret", device(old_secret='""'), "old_secret: must not be empty"),
    (
        "secret of two lines",
        device(secret=f'"{SECRET}\\n"'),
        "secret: must be characters that can be typed on a phone",
    ),
    ("long secret", device(secret=f'"{SECRET * 16}"'), "secret: must have at most 255 characters"),
    ("one number", device(numbers='"+12065550100"'), f"numbers: {LIST_RULE}"),
    ("numbers as integers", device(numbers="[12065550100]"), f"numbers: {LIST_RULE}"),
    ("national", device(numbers='["017612345678"]'), f"numbers: number 1 {NUMBER_RULE}"),
    (
        "with blanks",
        device(numbers='["12065550100", "+49 176 12345678"]'),
        f"numbers: number 2 {NUMBER_RULE}",
    ),
    ("short", device(numbers='["112"]'), f"numbers: number 1 {NUMBER_RULE}"),
    ("long", device(numbers='["1206555010012345"]'), f"numbers: number 1 {NUMBER_RULE}"),
    ("other digits", device(numbers='["١٢٣٤٥٦٧٨"]'), f"numbers: number 1 {NUMBER_RULE}"),
    ("empty number", device(numbers='[""]'), f"numbers: number 1 {NUMBER_RULE}"),
    (
        "a number twice",
        device(numbers='["12065550100", "+12065550100"]'),
        "numbers: number 2 occurs twice",
    ),
    ("fields as text", device(fields='"x"'), 'fields: must be a table, as in { from = "sender" }'),
    ("unknown field", device(fields='{ sender = "a" }'), f"fields: sender is none of {USUAL}"),
    (
        "field is a number",
        device(fields="{ from = 1 }"),
        "fields: from must be 1 to 64 characters in quotes",
    ),
    (
        "field without a name",
        device(fields='{ from = " " }'),
        "fields: from must be 1 to 64 characters in quotes",
    ),
    (
        "long field",
        device(fields=f'{{ from = "{"x" * 65}" }}'),
        "fields: from must be 1 to 64 characters in quotes",
    ),
    (
        "two renamed alike",
        device(fields='{ from = "x", message = "x" }'),
        "fields: two fields would have the same name",
    ),
    (
        "renamed to a usual one",
        device(fields='{ from = "message" }'),
        "fields: two fields would have the same name",
    ),
    ("cap in quotes", device(hourly_cap='"3"'), "hourly_cap: must be a whole number"),
    ("cap is a boolean", device(hourly_cap="true"), "hourly_cap: must be a whole number"),
    ("cap with a point", device(hourly_cap="1.5"), "hourly_cap: must be a whole number"),
    (
        "negative cap",
        device(hourly_cap="-1"),
        "hourly_cap: must be between 0 and 2147483647",
    ),
    ("results yes", device(results='"yes"'), 'results: must be true, false or "auto"'),
    ("results a number", device(results="1"), 'results: must be true, false or "auto"'),
    ("unknown key", device(colour='"red"'), "colour: unknown key"),
    ("no table", "device = [1]\n", "is not a table"),
]


@pytest.mark.parametrize(
    ("content", "expected"), [pytest.param(*rest, id=label) for label, *rest in MISTAKES]
)
def test_a_mistake_in_a_table_is_one_line_and_no_device(
    tmp_path: Path, content: str, expected: str
) -> None:
    """The line says which table."""
    assert ([], [f", device 1: {expected}"]) == read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            device() + device(), ", device 2: name: is that of device 1, too", id="same name"
        ),
        pytest.param(
            device(numbers='["12065550100"]')
            + device(name='"field"', numbers='["12065550101", "+12065550100"]'),
            ", device 2: numbers: number 2 is that of device 1, too",
            id="same number",
        ),
    ],
)
def test_the_second_of_two_devices_that_share_is_a_mistake(
    tmp_path: Path, content: str, expected: str
) -> None:
    """The first one stays."""
    devices, problems = read(tmp_path, content)
    assert (["desk"], [expected]) == ([each.name for each in devices], problems)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """One start is enough to learn them all."""
    content = "colour = 1\n" + device(name='""', results="1") + device() + device(secret='""')
    devices, problems = read(tmp_path, content)
    assert [Device("desk", SECRET)] == devices
    assert [
        ": unknown key colour",
        f", device 1: name: {NAME_RULE}",
        ', device 1: results: must be true, false or "auto"',
        ", device 3: secret: must not be empty",
        ", device 3: name: is that of device 2, too",
    ] == problems


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            device().replace("[[device]]", "[device]"),
            ": write [[device]], with two pairs of brackets",
            id="one pair of brackets",
        ),
        pytest.param(b"\xff", ": is not UTF-8 text", id="not UTF-8"),
        pytest.param("a = " + "[" * 5000, ": is nested too deeply", id="very deep"),
        pytest.param(
            f"[[device]]\nsecret = {SECRET}\n",
            ": is not valid TOML (at line 2, column 10)",
            id="secret without quotes",
        ),
        pytest.param(
            f'[[device]]\nsecret = "{SECRET}',
            ": is not valid TOML (at end of document)",
            id="no closing quote",
        ),
        pytest.param(
            f"[[device]]\nname.{SECRET} = 1\nname.{SECRET}.x = 1\n",
            ": is not valid TOML (at line 3, column 28)",
            id="a key that the parser would quote",
        ),
    ],
)
def test_a_file_that_is_none_is_one_line(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    """Of wrong syntax only the place is told."""
    assert ([], [expected]) == read(tmp_path, content)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent.toml", "there is no such file"), (".", "cannot be read (Is a directory)")],
)
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, name: str, reason: str) -> None:
    """The line names the file."""
    file = tmp_path / name
    assert ([], [f"{file}: {reason}"]) == read_devices(file)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(content, id=label)
        for label, content in [
            *((label, content) for label, content, _ in MISTAKES),
            ("an unquoted secret", f"[[device]]\nsecret = {SECRET}"),
            ("a control character", f'[[device]]\nsecret = "{SECRET}\x01"'),
            ("a name that is the secret", device(name=f'"{SECRET}!"')),
            ("secret in a list", device(secret=f'["{SECRET}"]')),
            ("secret as a field", device(fields=f'{{ secret = ["{SECRET}"] }}')),
            ("secret as a cap", device(hourly_cap=f'"{SECRET}"')),
            ("secret as results", device(results=f'"{SECRET}"')),
            ("secret as a number", device(numbers=f'["{SECRET}"]')),
            ("number twice", device(numbers='["12065550100"]') * 2),
        ]
    ],
)
def test_no_problem_line_shows_a_secret_or_a_number(tmp_path: Path, content: str) -> None:
    """The lines go to the terminal and to logs."""
    _, problems = read(tmp_path, content)
    assert problems
    shown = "\n".join(problems)
    assert "hunter2" not in shown
    assert "12065550100" not in shown.replace(LIST_RULE, "")
