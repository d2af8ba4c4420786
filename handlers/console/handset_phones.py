"""The phones on the handsets' page: whose they are, and what each shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway import phone
from gateway.models import Session
from handlers.console import views

NAMES = ("Alice", "Bob", "Carol", "Dave", "Erin", "Frank")
# Numbers of fiction, https://nationalnanpa.com: 555-0100 to 555-0199; below 0111 is the demo pool.
FIRST_NUMBER = 12065550111
FEWEST, MOST = 2, len(NAMES)

TEXT, CALL = "text", "call"


class Entry(Protocol):
    """A text or a call as one handset shows it; see ``gateway.emulator.conversation``."""

    @property
    def kind(self) -> str:
        """``text`` or ``call``."""

    @property
    def time(self) -> float:
        """Unix seconds."""

    @property
    def own(self) -> bool:
        """Whether this handset sent or placed it."""

    @property
    def other(self) -> str:
        """The number (bare digits) or name at the other end."""

    @property
    def state(self) -> str:
        """What became of it."""

    @property
    def text(self) -> str:
        """What a text says."""

    @property
    def heard(self) -> tuple[str, ...]:
        """What was read to this side of a call."""

    @property
    def seconds(self) -> int:
        """How long a call lasted."""

    @property
    def going_on(self) -> bool:
        """Whether a call can be hung up."""


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
        read = phone.parse_international(number)
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


@dataclass(frozen=True, slots=True)
class Line:
    """What a phone reaches by a number: the counterpart, who sees it as ``shown_as`` (E.164)."""

    number: str
    other: str
    shown_as: str
    session: str
    since: int


def line_of(session: Session, participant: str) -> Line:
    """Return the line of one participant of a session."""
    to_b = Line(
        session.number_a, session.participant_b, session.number_b, session.id, session.created
    )
    to_a = Line(
        session.number_b, session.participant_a, session.number_a, session.id, session.created
    )
    return to_b if participant == session.participant_a else to_a


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as the page shows it. title: the other end; state: in words, with its tone;
    arrived: whether it reached another phone; button: what it does to a call, '' = nothing.
    """

    entry: Entry
    title: str
    state: str
    tone: str
    arrived: bool = False
    button: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """A phone with what is on it. to: whom to text next, '' = nobody; says: a text to begin with;
    lines: whom it reaches by which number.
    """

    phone: Phone
    shown: tuple[Shown, ...]
    to: str
    says: str
    lines: tuple[Line, ...]


def show(entry: Entry, arrival: Entry | None) -> Shown:
    """Return an entry in words; arrival: the one on another phone that came of it."""
    other, arrived = views.number(entry.other, True), arrival is not None
    if entry.kind == CALL:
        title = f"{'You called' if entry.own else 'Call from'} {other}"
        state, tone = _call_words(entry), _tone(entry.state)
        return Shown(entry, title, state, tone, arrived, _button(entry))
    state = (arrival.state if arrival else "") or entry.state
    return Shown(entry, f"{'To' if entry.own else 'From'} {other}", state, _tone(state), arrived)


def arrival_of(own: Entry, received: Sequence[Entry], taken: set[int]) -> Entry | None:
    """Return what came of a text or call on another phone, None when nothing has.

    received: what has come from the number that stands for the sender; taken: the places of those
    that came of other texts.
    """
    for place, each in enumerate(received):
        fits = each.kind == own.kind and each.time >= own.time and each.text == own.text
        if fits and place not in taken:
            taken.add(place)
            return each
    return None


def next_to_text(entries: Sequence[Entry], routes: Mapping[str, str]) -> str:
    """Return whom a phone will want to text: the last to whom it has a line, or who texted it."""
    numbers = [f"+{each.other}" for each in reversed(entries) if each.other.isdecimal()]
    connected = [each for each in numbers if each in routes] or sorted(routes)
    received = [f"+{each.other}" for each in reversed(entries) if not each.own]
    answerable = [each for each in received if each[1:].isdecimal()]
    return next(iter([*connected, *answerable]), "")


def _call_words(entry: Entry) -> str:
    if entry.state == "completed":
        return f"ended after {views.count(entry.seconds, 'second')}" if entry.seconds else "ended"
    return entry.state


def _button(entry: Entry) -> str:
    if not entry.going_on:
        return ""
    return "Decline" if entry.state == "ringing" and not entry.own else "Hang up"


def _tone(state: str) -> str:
    if state in {"not taken", "receipt not taken"}:
        return "bad"
    return "good" if state == "connected" else views.tone(state)
