"""Checks of single values of an NCCO; each raises ValueError saying what the value must be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import cast

from gateway.emulator import checks
from gateway.emulator.checks import Check
from gateway.emulator.loopback import url_host

Table = Mapping[str, Check]


def text(longest: int, pattern: str = r"[\s\S]+") -> Check:
    """Return the check for a text that is not empty and matches all of ``pattern``."""
    compiled = re.compile(pattern)

    def check(value: object) -> object:
        if not isinstance(value, str) or len(value) > longest or not compiled.fullmatch(value):
            raise ValueError(f"must be a text of at most {longest} characters: {pattern}")
        return value

    return check


def number(lowest: float, highest: float = math.inf) -> Check:
    """Return the check for a JSON number in a range; a text of digits is none."""

    def check(value: object) -> object:
        valid = isinstance(value, int | float) and not isinstance(value, bool)
        if not valid or not lowest <= cast(float, value) <= highest:
            raise ValueError(f"must be a number from {lowest:g} to {highest:g}")
        return value

    return check


def whole(lowest: int, highest: int) -> Check:
    """Return the check for a whole JSON number in a range."""
    return checks.whole(lowest, highest)


def one_of(choices: str) -> Check:
    """Return the check for one of some words, given in one text."""
    return checks.one_of(tuple(choices.split()))


def web_url(value: object) -> object:
    """Return an http or https URL."""
    if not isinstance(value, str) or not url_host(value):
        raise ValueError("must be an http or https URL")
    return value


def only(check: Check) -> Check:
    """Return the check for an array of exactly one item."""

    def checked(value: object) -> object:
        if not isinstance(value, list) or len(value) != 1:
            raise ValueError("must be an array of one item")
        return check(value[0])

    return checked


def some(check: Check) -> Check:
    """Return the check for an array of one item or more."""

    def checked(value: object) -> object:
        if not isinstance(value, list) or not value:
            raise ValueError("must be an array with something in it")
        return [check(item) for item in value]

    return checked


def any_object(value: object) -> object:
    """Return an object whatever is in it."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def an_object(table: Table, required: tuple[str, ...] = ()) -> Callable[[object], object]:
    """Return the check for an object with the keys of ``table`` and no others."""

    def check(value: object) -> object:
        found = cast(dict[str, object], any_object(value))
        for name in required:
            if name not in found:
                raise ValueError(f"{name}: is missing")
        for name, item in found.items():
            if name not in table:
                raise ValueError(f"{name}: there is no such key")
            try:
                table[name](item)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return found

    return check
