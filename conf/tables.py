"""TOML files that list tables of one kind, ``[[kind]]``: what they say, a line for each mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

# In seconds 68 years; times 1,000 still far inside the whole numbers of Redis and Lua.
MAX_LIMIT = 2**31 - 1

_PLACE = re.compile(r"\(at [^()]*\)$")

Item = TypeVar("Item")
# Returns the value of a key; raises ValueError with the reason against it.
Reader = Callable[[object], object]
Values = Mapping[str, Any]


def shown(value: str, characters: int = 60) -> str:
    """Return ``value`` fit for one line of a log: shortened, nothing unprintable."""
    clean = "".join(char if char.isprintable() else "?" for char in value[: characters + 1])
    return clean if len(clean) <= characters else f"{clean[:characters]}…"


def read_tables(
    file: Path,
    kind: str,
    make: Callable[..., Item],
    *,
    readers: Mapping[str, Reader],
    required: Sequence[str],
    repeated: Callable[[Values, int], Iterable[str]],
    secret: bool = False,
) -> tuple[list[Item], list[str]]:
    """Return what ``make`` makes of the sound tables of a file, and one line for each problem.

    readers, required: the keys of a table; repeated: is told the values of each table and its
    position from 1 on, yields what is wrong beside those of earlier ones; secret: no problem may
    quote the file.
    """
    name = shown(str(file), 200)
    try:
        content = _parsed(file, secret=secret)
    except ValueError as reason:
        return [], [f"{name}: {reason}"]
    problems = [f"{name}: unknown key {shown(key)}" for key in content if key != kind]
    tables = content.get(kind, [])
    if not isinstance(tables, list):
        return [], [*problems, f"{name}: write [[{kind}]], with two pairs of brackets"]
    items = []
    for position, table in enumerate(tables, start=1):
        values, wrong = _values(table, readers, required)
        wrong += repeated(values, position)
        problems += [f"{name}, {kind} {position}: {reason}" for reason in wrong]
        if not wrong:
            items.append(make(**values))
    return items, problems


def text(value: object) -> str:
    """Return a text; raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")
    return value


def whole(value: object) -> int:
    """Return a whole number from 0 to MAX_LIMIT; raises ValueError for anything else."""
    # bool is a subclass of int; ``limit = true`` is a mistake all the same.
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")
    if not 0 <= value <= MAX_LIMIT:
        raise ValueError(f"must be between 0 and {MAX_LIMIT}")
    return value


def _parsed(file: Path, *, secret: bool) -> dict[str, Any]:
    """Return the content of a TOML file; raises ValueError with the reason why it cannot."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError("there is no such file") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_not_toml(str(error), secret)) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _not_toml(reason: str, secret: bool) -> str:
    if not secret:
        return " ".join(reason.split())
    # The parser's own words may quote what it stumbled over, which may be part of a secret.
    place = _PLACE.search(reason)
    return f"is not valid TOML {place[0] if place else ''}".rstrip()


def _values(
    table: object, readers: Mapping[str, Reader], required: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the valid values of one table and the reasons against the others."""
    if not isinstance(table, Mapping):
        return {}, ["is not a table"]
    values: dict[str, Any] = {}
    wrong = [f"{key} is missing" for key in required if key not in table]
    for key, value in table.items():
        try:
            values[key] = readers.get(key, _unknown)(value)
        except ValueError as reason:
            wrong.append(f"{shown(key)}: {reason}")
    return values, wrong


def _unknown(_: object) -> object:
    raise ValueError("unknown key")
