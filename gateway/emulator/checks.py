"""Checks of values that come from Python, JSON or the command line.

Each but the first two takes a value of any type and raises ValueError saying what it must be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import cast

from gateway.emulator.loopback import url_host
from gateway.errors import BadRequest

MAX_SECONDS = 86_400
MAX_NUMBERS = 10_000

Check = Callable[[object], object]

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_WRITTEN_BETWEEN_DIGITS = str.maketrans("", "", "+ -().")


def checked(
    values: Mapping[str, object], table: Mapping[str, Check], noun: str
) -> dict[str, object]:
    """Return the values as their checks return them.

    Raises BadRequest naming the first that has no check (``noun`` says what it is not) or is wrong.
    """
    return {name: _checked(name, value, table, noun) for name, value in values.items()}


def _checked(name: str, value: object, table: Mapping[str, Check], noun: str) -> object:
    if name not in table:
        raise BadRequest(f"{name}: there is no such {noun}", field=name)
    try:
        return table[name](value)
    except ValueError as error:
        raise BadRequest(f"{name}: {error}", field=name) from None


def handset_order(body: Mapping[str, object], table: Mapping[str, Check]) -> dict[str, object]:
    """Return what a handset is told to do, checked, with its own number as ``sender``.

    Raises BadRequest naming a key that is unknown or wrong, or a number that is missing.
    """
    for name in ("from", "to"):
        if name not in body:
            raise BadRequest(f"{name}: is missing", field=name)
    given = checked(body, table, "key")
    return {"sender": given.pop("from"), **given}


def text(value: object) -> str:
    """Return a text of at most 1000 characters."""
    return text_up_to(1000)(value)


def text_up_to(longest: int) -> Callable[[object], str]:
    """Return the check for a text of at most ``longest`` characters."""

    def check(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise ValueError(f"must be a text of at most {longest} characters")
        return value

    return check


def required_text(value: object) -> str:
    """Return a text that is not empty."""
    if not text(value):
        raise ValueError("must not be empty")
    return text(value)


def digits(value: object) -> str:
    """Return a text of digits, or an empty one."""
    if text(value) and not _is_digits(text(value)):
        raise ValueError("must be digits, or empty")
    return text(value)


def address(value: object) -> str:
    """Return a number as bare digits however it was written, any other sender as it is."""
    bare = text(value).translate(_WRITTEN_BETWEEN_DIGITS)
    return bare if _is_digits(bare) else text(value)


def number(value: object) -> str:
    """Return a phone number as bare digits."""
    bare = address(value)
    if not _is_digits(bare) or len(bare) > 15:
        raise ValueError("must be a number of at most 15 digits")
    return bare


def hexadecimal(value: object) -> str:
    """Return whole octets in hexadecimal digits, or an empty text."""
    if not _HEX.fullmatch(text(value)):
        raise ValueError("must be octets in hexadecimal digits")
    return text(value)


def url(value: object) -> str:
    """Return an http or https URL, or an empty text."""
    if text(value) and not url_host(text(value)):
        raise ValueError("must be an http or https URL, or empty")
    return text(value)


def flag(value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def whole(lowest: int, highest: int) -> Callable[[object], int]:
    """Return the check for a whole number in a range."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return value

    return check


def real(highest: float) -> Callable[[object], float]:
    """Return the check for a number from 0 to ``highest``."""

    def check(value: object) -> float:
        valid = isinstance(value, int | float) and not isinstance(value, bool)
        number = float(cast(float, value)) if valid else math.nan
        if not 0 <= number <= highest:
            raise ValueError(f"must be a number from 0 to {highest:g}")
        return number

    return check


def one_of(choices: tuple[str, ...]) -> Callable[[object], str]:
    """Return the check for one of some words."""

    def check(value: object) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return check


def items(value: object, most: int = 100) -> list[object]:
    """Return a list, also from a comma-separated text."""
    found = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or len(found) > most:
        raise ValueError(f"must be a list of at most {most} items, or a comma-separated text")
    return [item for item in found if item != ""]


def numbers(value: object) -> tuple[str, ...]:
    """Return phone numbers as bare digits."""
    return tuple(number(item) for item in items(value, MAX_NUMBERS))


def delays(value: object) -> tuple[float, ...]:
    """Return seconds, which may be texts."""
    found = (as_number(item, float) if isinstance(item, str) else item for item in items(value))
    return tuple(real(MAX_SECONDS)(item) for item in found)


def as_number(given: str, kind: type[int] | type[float]) -> object:
    """Return the number that a text means, or the text when it means none."""
    try:
        return kind(given)
    except ValueError:
        return given


def _is_digits(given: str) -> bool:
    return given.isascii() and given.isdigit()
