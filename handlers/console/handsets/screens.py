"""What the phones of the handsets' page show: texts and calls, and what came of each elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from gateway.conversations.session import Session
from handlers.console import formatting
from handlers.console.handsets.phones import Phone
from handlers.handsets import Conversations, Entry

# So many entries of a phone are shown; among more of others' it is looked what came of them.
SHOWN, LOOKED_AT = 30, 100
# Of a phone's lines at most so many are looked at.
MOST_LINES = 20
# So that a first look needs no typing.
OPENINGS = (
    "Hello! Is the bike still for sale?",
    "Yes, it is. Come and see it this afternoon!",
)
TEXT, CALL = "text", "call"


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """What a phone reaches by a number: the counterpart, who sees it as ``shown_as`` (E.164)."""

    number: str
    other: str
    shown_as: str
    session: str
    since: int


def line_of(session: Session, participant: str) -> PhoneLine:
    """Return the line of one participant of a session."""
    side = session.side_of(participant)
    own, other = session.seat(side), session.other(side)
    return PhoneLine(own.number, other.person, other.number, session.id, session.created)


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
    lines: tuple[PhoneLine, ...]


class Desk:
    """The phones side by side. routes: of each phone its sessions by the number that it texts."""

    def __init__(
        self,
        phones: Sequence[Phone],
        routes: Mapping[Phone, Mapping[str, str]],
        conversations: Conversations,
    ) -> None:
        self._phones = phones
        self._routes = routes
        self._lines: Mapping[Phone, tuple[PhoneLine, ...]] = {}

        @cache  # each is looked at for several others
        def look(e164: str) -> Sequence[Entry]:
            return conversations.conversation_of(e164.removeprefix("+"), LOOKED_AT)

        self._look = look

    def sessions_to_know(self) -> list[str]:
        """Return the ids of the sessions that matter here: a number may have very many."""
        return sorted({id_ for each in self._phones for id_ in self._wanted(each)})

    def know(self, sessions: Iterable[Session]) -> None:
        """Take those of them that are open."""
        known = {each.id: each for each in sessions}
        self._lines = {
            each: tuple(
                line_of(known[id_], each.e164) for id_ in self._wanted(each) if id_ in known
            )
            for each in self._phones
        }

    def screens(self) -> list[Screen]:
        """Return what each phone shows."""
        return [self._screen(place, each) for place, each in enumerate(self._phones)]

    def _wanted(self, phone: Phone) -> list[str]:
        """Return the sessions of a phone with others here, or on numbers that it has used."""
        others = {
            id_ for each, routes in self._routes.items() if each != phone for id_ in routes.values()
        }
        used = {f"+{each.other}" for each in self._shown_of(phone) if each.own}
        routes = sorted(self._routes[phone].items())
        return [id_ for number, id_ in routes if id_ in others or number in used][:MOST_LINES]

    def _shown_of(self, phone: Phone) -> Sequence[Entry]:
        return self._look(phone.e164)[-SHOWN:]

    def _screen(self, place: int, phone: Phone) -> Screen:
        entries, lines = self._shown_of(phone), self._lines[phone]
        has_written = any(each.own and each.kind == TEXT for each in entries)
        opening = OPENINGS[place] if lines and place < len(OPENINGS) else ""
        return Screen(
            phone=phone,
            shown=self._shown(phone, entries),
            to=next_to_text(entries, self._routes[phone]),
            says="" if has_written else opening,
            lines=lines,
        )

    def _shown(self, phone: Phone, entries: Sequence[Entry]) -> tuple[Shown, ...]:
        numbers = {each.other for each in entries if each.own}
        received = {each: self._received(phone, f"+{each}") for each in numbers}
        taken: dict[str, set[int]] = {each: set() for each in numbers}
        return tuple(
            show(
                each,
                arrival_of(each, received[each.other], taken[each.other]) if each.own else None,
            )
            for each in entries
        )

    def _received(self, phone: Phone, number: str) -> list[Entry]:
        """Return what others received from the number that stands for a phone.

        Of a line that is no more it is known neither who was at its other end nor that both
        used one number; here they did.
        """
        line = next((each for each in self._lines[phone] if each.number == number), None)
        shown_as = (line.shown_as if line else number).removeprefix("+")
        others = [line.other] if line else [each.e164 for each in self._phones if each != phone]
        return [
            each
            for other in others
            for each in self._look(other)
            if not each.own and each.other == shown_as
        ]


def show(entry: Entry, arrival: Entry | None) -> Shown:
    """Return an entry in words; arrival: the one on another phone that came of it."""
    other, arrived = formatting.number(entry.other, True), arrival is not None
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
        return (
            f"ended after {formatting.count(entry.seconds, 'second')}" if entry.seconds else "ended"
        )
    return entry.state


def _button(entry: Entry) -> str:
    if not entry.going_on:
        return ""
    return "Decline" if entry.state == "ringing" and not entry.own else "Hang up"


def _tone(state: str) -> str:
    if state in {"not taken", "receipt not taken"}:
        return "bad"
    return "good" if state == "connected" else formatting.tone(state)
