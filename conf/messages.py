"""Message endpoints: the rules for their path, text and sender, and the file that lists them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class MessageEndpoint:
    """A public path that sends one fixed text.

    The limits are per endpoint when set; ``None`` means the gateway-wide options.
    """

    path: str
    text: str
    sender: str
    limit_amount: int | None = None
    limit_expires: int | None = None
    receiver_limit_amount: int | None = None
    receiver_limit_expires: int | None = None


# The provider refuses longer texts with status 12: https://developer.vonage.com/en/api/sms
MAX_TEXT_CHARACTERS = 3200
# https://developer.vonage.com/en/messaging/sms/guides/custom-sender-id
MAX_ALPHANUMERIC_SENDER = 11
MAX_NUMERIC_SENDER = 15

# In seconds 68 years; times 1,000 still far inside the whole numbers of Redis and Lua.
MAX_LIMIT = 2**31 - 1

DEMO_TEXT = "Here is your download link: https://example.com/app"
DEMO_SENDER = "Example"


def shown(value: str, characters: int = 60) -> str:
    """Return ``value`` fit for one line of a log: shortened, nothing unprintable."""
    clean = "".join(char if char.isprintable() else "?" for char in value[: characters + 1])
    return clean if len(clean) <= characters else f"{clean[:characters]}…"


def message_path(value: str) -> str:
    """Return ``value`` without its trailing slash, the form in which paths are compared.

    Raises ValueError with the reason when it cannot be the path of a message endpoint.
    """
    if not value.startswith("/"):
        raise ValueError("a path must start with '/'")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]+", value):
        raise ValueError("a path has only ASCII letters, digits and . _ ~ - /")
    if "//" in value:
        raise ValueError("a path must not contain '//'")
    path = value.removesuffix("/")
    if not path:
        raise ValueError("the path '/' is taken")
    if {".", ".."} & set(path.split("/")):
        raise ValueError("a path must not contain '.' or '..' as an element")
    return path


def message_text(value: str) -> str:
    """Return ``value`` unchanged; raises ValueError when it cannot be sent as one message."""
    if not value.strip():
        raise ValueError("the text is empty")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValueError(
            f"the text has {len(value)} characters, at most {MAX_TEXT_CHARACTERS} can be sent"
        )
    return value


def message_sender(value: str) -> str:
    """Return ``value`` without surrounding blanks; raises ValueError when nothing is left."""
    if not value.strip():
        raise ValueError("the sender is empty")
    return value.strip()


def sender_warning(endpoint: MessageEndpoint) -> str | None:
    """Return what networks will probably do to this endpoint's sender, ``None`` if nothing."""
    digits = re.fullmatch(r"\+?([0-9]+)", endpoint.sender)
    kind, length, most = (
        ("numeric", len(digits[1]), MAX_NUMERIC_SENDER)
        if digits
        else ("alphanumeric", len(endpoint.sender), MAX_ALPHANUMERIC_SENDER)
    )
    if length <= most:
        return None
    return (
        f"{endpoint.path}: the {kind} sender {shown(endpoint.sender)!r} has {length} characters, "
        f"networks may change it or refuse more than {most}"
    )


def limit_problems(label: str, prefix: str, amount: int, expires: int) -> Iterator[str]:
    """Yield the problem of a limit that is switched on but has a window of no length."""
    if amount > 0 and expires < 1:
        yield f"{label}{prefix}expires must be 1 or more while {prefix}amount is not 0"


def read_messages_file(path: Path) -> tuple[list[MessageEndpoint], list[str]]:
    """Return the usable endpoints of the TOML file ``path`` and one line for each problem.

    Every ``[[message]]`` table needs ``path``, ``text`` and ``sender`` and may have the limits
    of MessageEndpoint; endpoints come with paths as ``message_path`` returns them.
    """
    name = shown(str(path), 200)
    try:
        content = _parsed(path)
    except ValueError as reason:
        return [], [f"{name}: {reason}"]
    problems = [f"{name}: unknown key {shown(key)}" for key in content if key != "message"]
    tables = content.get("message", [])
    if not isinstance(tables, list):
        return [], [*problems, f"{name}: write [[message]], with two pairs of brackets"]
    endpoints, wrong = _endpoints(name, tables)
    return endpoints, problems + wrong


def _parsed(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file; raises ValueError with the reason why it cannot."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError("there is no such file") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _endpoints(name: str, tables: Sequence[Any]) -> tuple[list[MessageEndpoint], list[str]]:
    endpoints: list[MessageEndpoint] = []
    problems: list[str] = []
    paths: set[str] = set()
    for position, table in enumerate(tables, start=1):
        values, wrong = _table_values(table)
        path = values.get("path")
        if path in paths:
            wrong.append(f"the path {path} occurs twice")
        elif path:
            paths.add(path)
        problems += [f"{name}, message {position}: {reason}" for reason in wrong]
        if not wrong:
            endpoints.append(MessageEndpoint(**values))
    return endpoints, problems


def _table_values(table: object) -> tuple[dict[str, Any], list[str]]:
    """Return the valid values of one ``[[message]]`` table and the reasons against the others."""
    if not isinstance(table, Mapping):
        return {}, ["is not a table"]
    values: dict[str, Any] = {}
    wrong = [f"{key} is missing" for key in _TEXTS if key not in table]
    for key, value in table.items():
        try:
            values[key] = _checked(key, value)
        except ValueError as reason:
            wrong.append(f"{shown(key)}: {reason}")
    return values, wrong


def _checked(key: str, value: object) -> str | int:
    if key in _TEXTS:
        if not isinstance(value, str):
            raise ValueError("must be a text in quotes")
        return _TEXTS[key](value)
    if key not in _LIMITS:
        raise ValueError("unknown key")
    # bool is a subclass of int; ``limit_amount = true`` is a mistake all the same.
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")
    if not 0 <= value <= MAX_LIMIT:
        raise ValueError(f"must be between 0 and {MAX_LIMIT}")
    return value


_TEXTS: dict[str, Callable[[str], str]] = {
    "path": message_path,
    "text": message_text,
    "sender": message_sender,
}
_LIMITS = frozenset(
    {"limit_amount", "limit_expires", "receiver_limit_amount", "receiver_limit_expires"}
)
