"""TOML files that list tables of some kinds, ``[[kind]]``: what they say, a line a mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

# In seconds 68 years; times 1,000 still far inside the whole numbers of Redis and Lua.
MAX_LIMIT = 2**31 - 1

_PLACE = re.compile(r"\(at [^()]*\)$")

# Returns the value of a key; raises ValueError with the reason against it.
Reader = Callable[[object], object]
Values = Mapping[str, Any]


def shown(value: str, characters: int = 60) -> str:
    """Return ``value`` fit for one line of a log: shortened, nothing unprintable."""
    clean = "".join(char if char.isprintable() else "?" for char in value[: characters + 1])
    return clean if len(clean) <= characters else f"{clean[:characters]}…"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of tables: what is made of each, and its keys.

    one_of: keys of which a table has one at most; unique: keys that together differ from table to
    table; repeated: is told the values of each table and its position from 1 on, yields what is
    wrong beside those of earlier ones.
    """

    make: Callable[..., Any]
    readers: Mapping[str, Reader]
    required: Sequence[str]
    one_of: Sequence[str] = ()
    unique: Sequence[str] = ()
    repeated: Callable[[Values, int], Iterable[str]] = lambda values, position: ()


def read_tables(
    file: Path, name: str, kind: Kind, *, secret: bool = False
) -> tuple[list[Any], list[str]]:
    """Return what is made of the sound tables of a file of one kind, and a line for each problem.

    secret: no problem may quote the file.
    """
    found, problems = read_kinds(file, {name: kind}, secret=secret)
    return found[name], problems


def read_kinds(
    file: Path, kinds: Mapping[str, Kind], *, secret: bool = False, written: str | None = None
) -> tuple[dict[str, list[Any]], list[str]]:
    """Do the same for a file with tables of several kinds, by their names.

    written: what such a file would say, in place of what it says.
    """
    found: dict[str, list[Any]] = {name: [] for name in kinds}
    where = shown(str(file), 200)
    try:
        content = _parsed(file, secret=secret, written=written)
    except ValueError as reason:
        return found, [f"{where}: {reason}"]
    problems = [f"{where}: unknown key {shown(key)}" for key in content if key not in kinds]
    for name, kind in kinds.items():
        tables = content.get(name, [])
        if not isinstance(tables, list):
            problems.append(f"{where}: write [[{name}]], with two pairs of brackets")
            continue
        earlier: dict[tuple[Any, ...], int] = {}
        for position, table in enumerate(tables, start=1):
            values, wrong = _values(table, kind)
            wrong += _twins(values, kind.unique, earlier, position)
            wrong += kind.repeated(values, position)
            problems += [f"{where}, {name} {position}: {reason}" for reason in wrong]
            if not wrong:
                found[name].append(kind.make(**values))
    return found, problems


def _twins(
    values: Values, unique: Sequence[str], earlier: dict[tuple[Any, ...], int], position: int
) -> list[str]:
    """Return what is wrong when an earlier table has the same values of unique keys."""
    if not unique:
        return []
    first = earlier.setdefault(tuple(values.get(each) for each in unique), position)
    return [] if first == position else [f"{', '.join(unique)}: the same as in number {first}"]


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


def _parsed(file: Path, *, secret: bool, written: str | None) -> dict[str, Any]:
    """Return the content of a TOML file; raises ValueError with the reason why it cannot."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig") if written is None else written)
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


def _values(table: object, kind: Kind) -> tuple[dict[str, Any], list[str]]:
    """Return the valid values of one table and the reasons against the others."""
    if not isinstance(table, Mapping):
        return {}, ["is not a table"]
    values: dict[str, Any] = {}
    wrong = [f"{key} is missing" for key in kind.required if key not in table]
    for key, value in table.items():
        try:
            values[key] = kind.readers.get(key, _unknown)(value)
        except ValueError as reason:
            wrong.append(f"{shown(key)}: {reason}")
    if len(given := [each for each in kind.one_of if each in table]) > 1:
        wrong.append(f"{' and '.join(given)}: only one of them in a table")
    return values, wrong


def _unknown(_: object) -> object:
    raise ValueError("unknown key")


def one_of(kind: type[StrEnum]) -> Reader:
    """Return what reads one of the words of an enum."""

    def read(value: object) -> StrEnum:
        try:
            return kind(text(value))
        except ValueError:
            raise ValueError(f"must be one of {', '.join(kind)}") from None

    return read


def matching(pattern: str, what: str) -> Reader:
    """Return what reads a text that a pattern matches; what: it is then said to be."""

    def read(value: object) -> str:
        if not re.fullmatch(pattern, text(value)):
            raise ValueError(f"must be {what}")
        return text(value)

    return read
