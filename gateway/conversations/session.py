"""A session: two participants, the virtual numbers between them, and the routes that lead to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from gateway.store import keys
from gateway.telephony.plans import person
from gateway.virtual_numbers.pool import Mode

SIDES = ("a", "b")
# By which a participant calls from another phone than his own.
PIN = re.compile(r"[0-9]{4,8}")


class Seat(NamedTuple):
    """A person (E.164) and the virtual number that he texts, dials and hears from.

    provider: of that number.
    """

    person: str
    number: str
    provider: str


@dataclass(frozen=True, slots=True)
class Route:
    """Where a participant's texts and calls to one virtual number lead.

    session: its id; side: his own, ``a`` or ``b``; counterpart: E.164.
    """

    session: str
    side: str
    counterpart: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the route in the store's form, which ``str`` gives again."""
        return cls(*text.split(" "))

    def __str__(self) -> str:
        return f"{self.session} {self.side} {self.counterpart}"


@dataclass(frozen=True, slots=True)
class Session:
    """Two participants and the virtual numbers between them.

    number_a: the number that a texts and dials, and from which he hears b; the same for b.
    provider_a: of number_a. created, expires, closed: ms, 0 = never. numbers: ``shared`` or
    ``per-side``. kind: ``masked``, or ``chat`` for one that the lobby opened. pin_a: by which a
    calls number_a from another phone, '' = not at all. texts: how many its participants have
    written, those that were not delivered too. called_a: the number of a as it was given, which
    his calls go to, '' = participant_a, by which persons are compared and to which texts go.
    paused: since when (ms) machines that answer each other are not passed on to each other, 0 =
    they are. said: what both said last, as texts/loops.py has it.
    """

    id: str
    created: int
    expires: int
    participant_a: str
    participant_b: str
    number_a: str
    number_b: str
    provider_a: str
    provider_b: str
    mode: Mode = Mode.MESSAGE
    numbers: str = "shared"
    unique_name: str = ""
    kind: str = "masked"
    closed: int = 0
    pin_a: str = field(default="", repr=False)
    pin_b: str = field(default="", repr=False)
    texts: int = 0
    called_a: str = ""
    called_b: str = ""
    paused: int = 0
    said: str = field(default="", repr=False)

    @property
    def participants(self) -> tuple[str, str]:
        """Both, a before b."""
        return self.participant_a, self.participant_b

    @property
    def is_chat(self) -> bool:
        """Whether the lobby opened it."""
        return self.kind == "chat"

    def seat(self, side: str) -> Seat:
        """Return the seat on a side, ``a`` or ``b``."""
        if side == "a":
            return Seat(self.participant_a, self.number_a, self.provider_a)
        return Seat(self.participant_b, self.number_b, self.provider_b)

    def called(self, side: str) -> str:
        """Return the number to which calls for the one on a side go, as it was given."""
        if side == "a":
            return self.called_a or self.participant_a
        return self.called_b or self.participant_b

    def side_of(self, e164: str) -> str:
        """Return the side of one of both participants."""
        return "a" if person(e164) == person(self.participant_a) else "b"

    def other(self, side: str) -> Seat:
        """Return the seat across from a side."""
        return self.seat(across(side))

    def is_over(self, now: int) -> bool:
        """Tell whether it had expired at a time (ms), be it closed by now or not."""
        return 0 < self.expires <= now


def routes_and_own(
    spellings: Sequence[str], found: Sequence[Any]
) -> tuple[dict[str, Route], frozenset[str]]:
    """Return the routes by spelling, and which spellings are numbers of ours.

    found: of each spelling its route ('' = none), and 1 if it is ours, as scripts look them up.
    """
    routes = {
        each: Route.parse(route) for each, route in zip(spellings, found[::2], strict=True) if route
    }
    owned = (each for each, own in zip(spellings, found[1::2], strict=True) if own)
    return routes, frozenset(owned)


def across(side: str) -> str:
    """Return the other side."""
    return "b" if side == "a" else "a"


def read_session(session_id: str, fields: Mapping[str, str]) -> Session:
    """Return the session that the fields of its hash describe."""
    return Session(
        id=session_id,
        created=int(fields["created"]),
        expires=int(fields["expires"]),
        participant_a=fields["participant_a"],
        participant_b=fields["participant_b"],
        number_a=fields["number_a"],
        number_b=fields["number_b"],
        provider_a=fields["provider_a"],
        provider_b=fields["provider_b"],
        mode=Mode(fields["mode"]),
        numbers=fields["numbers"],
        unique_name=fields["unique_name"],
        kind=fields["kind"],
        closed=int(fields["closed"]),
        pin_a=fields.get("pin_a", ""),
        pin_b=fields.get("pin_b", ""),
        texts=int(fields.get("texts", 0)),
        called_a=fields.get("called_a", ""),
        called_b=fields.get("called_b", ""),
        paused=int(fields.get("paused", 0)),
        said=fields.get("said", ""),
    )


def session_keys(session_id: str, participant_a: str, participant_b: str) -> list[str]:
    """Return the keys of a session in the order of lua/_session.lua."""
    modes = [mode.value for mode in Mode]
    return [
        keys.session(session_id),
        keys.routes(participant_a),
        keys.routes(participant_b),
        keys.past(participant_a),
        keys.past(participant_b),
        keys.SESSIONS,
        keys.EXPIRIES,
        keys.UNIQUE_NAMES,
        keys.ANNOUNCE,
        keys.NUMBERS,
        keys.NUMBER_SESSIONS,
        keys.LOAD,
        *(keys.pool(mode) for mode in modes),
        *(keys.idle(mode) for mode in modes),
        keys.PINS,
        keys.PARALLEL,
        keys.PEAKS,
    ]


def log_keys(session: Session) -> list[str]:
    """Return the keys of a session's log: entries, states, and the lists of both participants."""
    return [
        keys.session_log(session.id),
        keys.session_log_states(session.id),
        *map(keys.logs_of, session.participants),
    ]
