"""The phones that a browser has chosen for the handsets' page, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.telephony import phonenumber
from gateway.telephony.judges import is_valid_or_sample

NAMES = ("Alice", "Bob", "Carol", "Dave", "Erin", "Frank")
# Numbers of fiction, https://nationalnanpa.com: 555-0100 to 555-0199; below 0111 is the demo pool.
FIRST_NUMBER = 12065550111
FEWEST, MOST = 2, len(NAMES)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone and whose it is."""

    name: str
    e164: str

    @property
    def digits(self) -> str:
        """The number as the emulator writes it."""
        return self.e164.removeprefix("+")


DEFAULT = tuple(
    Phone(name, f"+{FIRST_NUMBER + place}") for place, name in enumerate(NAMES[:FEWEST])
)


def read_phones(cookie: str) -> tuple[Phone, ...]:
    """Return the phones that a cookie names, the usual two when it makes no sense."""
    found: dict[str, Phone] = {}
    for item in cookie.split("|")[:MOST]:
        name, _, number = item.partition(":")
        read = phonenumber.parse_international(number, is_valid_or_sample)
        if read is not None and name in NAMES and name not in found:
            found[name] = Phone(name, read.e164)
    distinct = len({each.e164 for each in found.values()}) == len(found)
    return tuple(found.values()) if distinct and len(found) >= FEWEST else DEFAULT


def write_phones(phones: Iterable[Phone]) -> str:
    """Return the cookie that names phones."""
    return "|".join(f"{each.name}:{each.digits}" for each in phones)


def next_phone(phones: Sequence[Phone], e164: str = "") -> Phone:
    """Return the phone to add, of the next name; without a number the next of fiction's."""
    names, numbers = ({getattr(each, field) for each in phones} for field in ("name", "e164"))
    fiction = (f"+{FIRST_NUMBER + place}" for place in range(MOST + 1))
    free = next(each for each in fiction if each not in numbers)
    return Phone(next(each for each in NAMES if each not in names), e164 or free)
