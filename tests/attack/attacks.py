"""What an attack is, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.attack.costs import Cost


class Verdict(StrEnum):
    """Whether an attack reached what it was for; NOT_PLAYED: not from here."""

    STOPPED = "stopped"
    NOT_STOPPED = "not stopped"
    NOT_PLAYED = "not played"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attack; seen: what was seen, in words; cost: of one that spends, a day's."""

    verdict: Verdict
    seen: str
    cost: Cost | None = None


Play = Callable[[str], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack; play: takes the address of an empty store; quick: it takes less than a second."""

    name: str
    play: Play
    quick: bool


ATTACKS: list[Attack] = []


def attack(name: str, *, quick: bool = True) -> Callable[[Play], Play]:
    """Put a function among the attacks."""

    def register(play: Play) -> Play:
        ATTACKS.append(Attack(name, play, quick))
        return play

    return register


def unplayed(name: str, needs: str) -> None:
    """Put an attack into the list that cannot be played from here; needs: what it would take."""

    async def play(_: str) -> Outcome:
        return Outcome(Verdict.NOT_PLAYED, needs)

    ATTACKS.append(Attack(name, play, quick=True))


def outcome(stopped: bool, seen: str, cost: Cost | None = None) -> Outcome:
    """Return an outcome."""
    return Outcome(Verdict.STOPPED if stopped else Verdict.NOT_STOPPED, seen, cost)
