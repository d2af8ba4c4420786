"""The phones that run SMSsync: the file that lists them, and the rules for what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conf.tables import Kind, Reader, Values, read_tables, shown, text, whole


@dataclass(frozen=True, slots=True)
class Device:
    """An Android phone that runs SMSsync.

    old_secret: still valid while the phones are given a new one, '' for none; numbers: E.164 of
    its SIM cards; fields: names that its owner has given to the fields of a post, by their usual
    names; hourly_cap: SMS that Android lets it send in an hour, 0 = any number; results: whether
    it reports what became of an SMS: ``on``, ``off``, or ``auto`` (if it has ever done so).
    """

    name: str
    secret: str = field(repr=False)
    old_secret: str = field(default="", repr=False)
    numbers: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    hourly_cap: int = 100
    results: str = "auto"


# What the app calls the fields of a post until its owner gives them other names:
# https://github.com/ushahidi/SMSSync
FIELDS = ("secret", "from", "message", "sent_timestamp", "sent_to", "message_id", "device_id")
MAX_FIELD_NAME = 64
LEAST_SECRET = 6
MAX_SECRET = 255

DEFAULT_DEVICE = "default"
# Words that follow /smssync/ in the paths of other routes, and what browsers take for a folder.
_TAKEN = frozenset({"messages", "devices", ".", "..", "add"})

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
# E.164: at most 15 digits (https://www.itu.int/rec/T-REC-E.164).
_NUMBER = re.compile(r"\+?([1-9][0-9]{6,14})")


def single(secret: str) -> Device:
    """Return the one device that there is when only a secret is configured."""
    return Device(DEFAULT_DEVICE, secret)


def read_devices(file: Path) -> tuple[list[Device], list[str]]:
    """Return the usable devices of a TOML file and one line for each problem.

    Every ``[[device]]`` table needs ``name`` and ``secret`` and may have ``old_secret``,
    ``numbers`` (international), ``fields`` (usual name → the phone's), ``hourly_cap`` and
    ``results`` (true, false, "auto"). A problem line shows no secret and no number.
    """
    names: dict[str, int] = {}
    numbers: dict[str, int] = {}

    def repeated(values: Values, position: int) -> Iterator[str]:
        name = [values["name"]] if "name" in values else []
        yield from _repeated("name", name, names, position)
        yield from _repeated("numbers", values.get("numbers", ()), numbers, position)

    kind = Kind(Device, _READERS, required=("name", "secret"), repeated=repeated)
    return read_tables(file, "device", kind, secret=True)


def _repeated(
    key: str, values: Sequence[str], owners: dict[str, int], position: int
) -> Iterator[str]:
    """Yield a reason for each value that a device has already; note the others as this one's."""
    for place, value in enumerate(values, start=1):
        owner = owners.setdefault(value, position)
        which = f"number {place} " if key == "numbers" else ""
        if owner != position:
            yield f"{key}: {which}is that of device {owner}, too"
        elif value in values[: place - 1]:
            yield f"{key}: {which}occurs twice"


def _name(value: object) -> str:
    name = text(value)
    if not _NAME.fullmatch(name):
        raise ValueError("must be 1 to 64 ASCII letters, digits and . _ -")
    if name.casefold() in _TAKEN:
        raise ValueError(f"the name '{name}' is taken")
    return name


def _secret(value: object) -> str:
    secret = text(value)
    if not secret.strip():
        raise ValueError("must not be empty")
    if not secret.isprintable():
        raise ValueError("must be characters that can be typed on a phone")
    if len(secret) < LEAST_SECRET:
        raise ValueError(f"must have at least {LEAST_SECRET} characters")
    if len(secret) > MAX_SECRET:
        raise ValueError(f"must have at most {MAX_SECRET} characters")
    return secret


def _numbers(value: object) -> tuple[str, ...]:
    """Return the numbers in E.164 with ``+``."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError('must be a list of texts in quotes, as in ["+12065550100"]')
    found = [_NUMBER.fullmatch(each) for each in value]
    for place, number in enumerate(found, start=1):
        if number is None:
            raise ValueError(f"number {place} must be international, digits without blanks")
    return tuple(f"+{number[1]}" for number in found if number)


def _fields(value: object) -> dict[str, str]:
    """Return the phone's names by the usual ones; no two fields may bear the same name."""
    if not isinstance(value, Mapping):
        raise ValueError('must be a table, as in { from = "sender" }')
    for usual, name in value.items():
        if usual not in FIELDS:
            raise ValueError(f"{shown(usual)} is none of {', '.join(FIELDS)}")
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_FIELD_NAME:
            raise ValueError(f"{usual} must be 1 to {MAX_FIELD_NAME} characters in quotes")
    if len({value.get(usual, usual) for usual in FIELDS}) < len(FIELDS):
        raise ValueError("two fields would have the same name")
    return dict(value)


def _results(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value != "auto":
        raise ValueError('must be true, false or "auto"')
    return "auto"


_READERS: dict[str, Reader] = {
    "name": _name,
    "secret": _secret,
    "old_secret": _secret,
    "numbers": _numbers,
    "fields": _fields,
    "hourly_cap": whole,
    "results": _results,
}
