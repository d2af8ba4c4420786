"""Automatic answers as people report them, and chats that only look like some."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.machines import Guarded

# Texts of both that are looked at, and those that pass at most before a pause.
LOOKED_AT, MOST = 60, 25


@dataclass(frozen=True, slots=True)
class Case:
    """Texts of both sides in turn, each side's again and again; ``{n}`` grows by each.

    pace: seconds before each text, again and again.
    """

    kind: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    pace: tuple[float, ...]
    paused: bool


CASES = [
    Case("counters", ("Ticket {n} received",), ("Out of office ({n})",), (1,), paused=True),
    Case("the same", ("I am on holiday",), ("I am driving",), (5, 20), paused=True),
    Case(
        "clock and date",
        ("Got it at 10:{n}, Mon 3 Feb",),
        ("Closed. 2026-02-{n}",),
        (9,),
        paused=True,
    ),
    Case(
        "an id", ("Ref a{n}f9: thank you",), ("Case #{n} opened, we will reply",), (2,), paused=True
    ),
    Case(
        "a list again",
        ("Press 1", "Wrong input {n}"),
        ("I am away until 5 May",),
        (3,),
        paused=True,
    ),
    Case("once in minutes", ("Auto reply {n}",), ("Away, back at {n}",), (300, 240), paused=True),
    Case(
        "ok, ok", ("ok", "on my way", "ok", "haha"), ("haha", "ok", "ok", "lol"), (8,), paused=False
    ),
    Case("haggling", ("{n}0?", "{n}5"), ("{n}", "no {n}!", "ok {n}", "deal"), (6,), paused=False),
    Case(
        "orders",
        ("Order {n} is ready",),
        ("Picked up order {n}",),
        (95, 610, 40, 1800),
        paused=False,
    ),
    Case(
        "a person",
        ("hi", "hello?", "it is me", "well?"),
        ("Ticket {n} received",),
        (2,),
        paused=False,
    ),
    Case("counting", ("{n}",), ("{n}",), (2,), paused=False),
]


def passed(case: Case) -> int:
    """Return how many texts pass before a pause, or all that are looked at."""
    guarded = Guarded()
    for turn in range(LOOKED_AT):
        texts = (case.a, case.b)[turn % 2]
        text = texts[turn // 2 % len(texts)].replace("{n}", str(turn + 10))
        if guarded.say("ab"[turn % 2], text, case.pace[turn % len(case.pace)]):
            return turn
    return LOOKED_AT
