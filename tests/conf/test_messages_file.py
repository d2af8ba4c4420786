"""Message endpoints: the default one, those of the messages file, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from conf.messages import MessageEndpoint
from tests.support import ROOT
from tests.support.servers.settings_loading import (
    CREDENTIALS,
    DEFAULT_ENDPOINT,
    loaded,
    table,
    with_file,
)


def test_without_message_there_is_no_endpoint() -> None:
    assert () == loaded().endpoints


def test_the_default_endpoint_comes_first_and_paths_have_no_trailing_slash(tmp_path: Path) -> None:
    result = with_file(tmp_path, table() + table(path='"/b"', limit_amount="0"), *DEFAULT_ENDPOINT)
    assert [] == result.problems
    assert (
        MessageEndpoint("/message", "Hi", "Me"),
        MessageEndpoint("/app", "Hello", "Me"),
        MessageEndpoint("/b", "Hello", "Me", limit_amount=0),
    ) == result.endpoints


def test_a_named_file_replaces_the_usual_one(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(table(path='"/other"'))
    result = with_file(tmp_path, "not TOML", f"--messages_file={other}")
    assert [] == result.problems
    assert ["/other"] == [each.path for each in result.endpoints]


def test_the_example_file_is_accepted() -> None:
    result = loaded(*CREDENTIALS, f"--messages_file={ROOT / 'conf' / 'examples' / 'messages.toml'}")
    assert [] == result.problems
    assert ["/app", "/directions"] == [each.path for each in result.endpoints]
    assert (3, 600, 2, 86400) == dataclasses.astuple(result.endpoints[1])[3:7]


def test_a_byte_order_mark_before_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    """As some editors on Windows write it."""
    result = with_file(tmp_path, f"\ufeff{table()}")
    assert ([], ["/app"]) == (result.problems, [each.path for each in result.endpoints])


def test_a_file_without_messages_is_no_problem(tmp_path: Path) -> None:
    result = with_file(tmp_path, "# nothing yet\n")
    assert ([], ()) == (result.problems, result.endpoints)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(table(path=""), ", message 1: path is missing", id="no path"),
        pytest.param(table(text=""), ", message 1: text is missing", id="no text"),
        pytest.param(table(sender=""), ", message 1: sender is missing", id="no sender"),
        pytest.param(
            table(path="5"), ", message 1: path: must be a text in quotes", id="path is a number"
        ),
        pytest.param(
            table(text='" "'), ", message 1: text: the text is empty", id="nothing in the text"
        ),
        pytest.param(
            table(text=f'"{"x" * 3201}"'),
            ", message 1: text: the text has 3201 characters, at most 3200 can be sent",
            id="text too long",
        ),
        pytest.param(
            table(link='"http://a.example"'),
            ", message 1: link: must be an https:// URL of up to 500 ASCII characters",
            id="link without TLS",
        ),
        pytest.param(
            table(sender='""'), ", message 1: sender: the sender is empty", id="empty sender"
        ),
        pytest.param(
            table(path='"/"'), ", message 1: path: the path '/' is taken", id="the root path"
        ),
        pytest.param(
            table(path='"app"'), ", message 1: path: a path must start with '/'", id="no slash"
        ),
        pytest.param(table(colour='"red"'), ", message 1: colour: unknown key", id="unknown key"),
        pytest.param(
            table(limit_amount='"3"'),
            ", message 1: limit_amount: must be a whole number",
            id="limit in quotes",
        ),
        pytest.param(
            table(limit_amount="true"),
            ", message 1: limit_amount: must be a whole number",
            id="limit is a boolean",
        ),
        pytest.param(
            table(limit_amount="-1"),
            ", message 1: limit_amount: must be between 0 and 2147483647",
            id="negative limit",
        ),
        pytest.param(
            table() + table(path='"/app"'), ", message 2: the path /app occurs twice", id="twice"
        ),
        pytest.param("colour = 1\n" + table(), ": unknown key colour", id="key outside"),
        pytest.param("message = [1]\n", ", message 1: is not a table", id="no tables"),
        pytest.param(
            table().replace("[[message]]", "[message]"),
            ": write [[message]], with two pairs of brackets",
            id="one pair of brackets",
        ),
        pytest.param(b"\xff", ": is not UTF-8 text", id="not UTF-8"),
        pytest.param("a = " + "[" * 5000, ": is nested too deeply", id="very deep"),
    ],
)
def test_a_mistake_in_the_messages_file_is_one_line(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    assert [f"{tmp_path}/conf/messages.toml{expected}"] == with_file(tmp_path, content).problems


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    (problem,) = with_file(tmp_path, table() + "path = \n").problems
    assert re.search(r"messages\.toml: .*\(at line 5, column \d+\)$", problem)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent.toml", "there is no such file"), (".", "cannot be read (Is a directory)")],
)
def test_a_named_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, name: str, reason: str
) -> None:
    file = tmp_path / name
    result = loaded(*CREDENTIALS, f"--messages_file={file}")
    assert [f"{file}: {reason}"] == result.problems


def test_a_file_name_of_any_length_is_no_crash() -> None:
    for name, end in (("geoip_file", ".dat"), ("messages_file", ".toml")):
        (problem,) = loaded(*CREDENTIALS, f"--{name}={'x' * 5000}{end}").problems
        assert len(problem) < 300


def test_a_usual_file_that_is_missing_is_no_problem(tmp_path: Path) -> None:
    assert [] == loaded(folder=tmp_path).problems


def test_the_default_endpoint_and_the_file_cannot_share_a_path(tmp_path: Path) -> None:
    result = with_file(tmp_path, table(), *DEFAULT_ENDPOINT, "--request_path=/app")
    assert ["request_path=/app: the messages file has this path, too"] == result.problems


@pytest.mark.parametrize(
    ("keys", "argv", "expected"),
    [
        pytest.param({"limit_expires": "0"}, [], "limit_", id="own window"),
        pytest.param(
            {"limit_amount": "5"},
            ["--limit_amount=0", "--limit_expires=0"],
            "limit_",
            id="own amount, general window",
        ),
        pytest.param({"receiver_limit_expires": "0"}, [], "receiver_limit_", id="receiver"),
    ],
)
def test_an_endpoint_with_a_limit_needs_a_window(
    tmp_path: Path, keys: dict[str, str], argv: list[str], expected: str
) -> None:
    problem = f"/app: {expected}expires must be 1 or more while {expected}amount is not 0"
    assert [problem] == with_file(tmp_path, table(**keys), *argv).problems


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("ElevenChars", []),
        ("TwelveChars!", ["alphanumeric sender 'TwelveChars!' has 12 characters"]),
        ("123456789012345", []),
        ("+123456789012345", []),
        ("1234567890123456", ["numeric sender '1234567890123456' has 16 characters"]),
    ],
)
def test_a_sender_that_networks_will_not_show_is_a_warning(
    sender: str, expected: list[str]
) -> None:
    result = loaded(*CREDENTIALS, "--message=Hi", f"--sender={sender}")
    assert [] == result.problems
    assert sender.removeprefix("+") == result.endpoints[0].sender
    assert len(expected) == len(result.warnings)
    assert all(part in line for part, line in zip(expected, result.warnings, strict=True))


@pytest.mark.parametrize(
    ("written", "sender"),
    [
        ("+49 176 04069050", "4917604069050"),
        ("0049-176-04069050", "4917604069050"),
        ("(206) 555-0100", "2065550100"),
        ("+1 (206) 555.0100", "12065550100"),
        ("40404", "40404"),
        ("Acme 24", "Acme 24"),
        ("24-7", "247"),
        ("+", "+"),
    ],
)
def test_a_numeric_sender_is_written_as_digits(written: str, sender: str) -> None:
    result = loaded(*CREDENTIALS, "--message=Hi", f"--sender={written}")
    assert sender == result.endpoints[0].sender
