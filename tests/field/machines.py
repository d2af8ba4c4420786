"""Automatic answers as people report them, and chats that only look like some."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.machines import Guarded

# Texts of both that are looked at, and those that pass at most before a pause.
LOOKED_AT, MOST = 60, 25
# Seconds that people take, who read, walk and type.
PEOPLE = (2.1, 5.4, 1.2, 3.9, 1.7, 5.8, 2.9, 4.6, 1.1, 3.3, 5.1, 2.4, 1.5)


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
    Case("regular though short", ("ok",), ("on my way",), (4, 2.5), paused=True),
    Case("nearly regular", ("Busy",), ("Away {n}",), (4, 2.6, 4.4, 2.3, 3.7, 2.5), paused=True),
    Case(
        "long and out of step",
        ("Thank you for your message, ticket {n}",),
        ("I am driving, I will call you back later",),
        PEOPLE,
        paused=True,
    ),
    *(
        Case(f"people: {a[0]}", a, b, PEOPLE, paused=False)
        for a, b in (
            (("ok",), ("on my way",)),
            (("love you",), ("love you too",)),
            (("I am on floor {n}",), ("not there, go up",)),
            (("{n} min",), ("ok",)),
            (("yes",), ("no",)),
            (("knock knock",), ("who's there?",)),
            (("❤️",), ("❤️",)),
            (("😂😂",), ("👍",)),
            (("I offer {n}",), ("no, {n}",)),
            (("number {n}",), ("not found, next",)),
            (("at the door, order {n}",), ("coming, wait",)),
            (("where are you?", "hello?"), ("almost there", "{n} more min")),
            (("you hang up first",), ("no, you hang up first",)),
            (("rock", "paper", "scissors"), ("again!",)),
            (("your turn",), ("e{n}, your turn",)),
            (("hab dich lieb",), ("ich dich auch",)),
            (("bin im Stock {n}",), ("weiter nach oben",)),
            (("où es-tu ?",), ("j'arrive dans {n} min",)),
            (("te quiero mucho",), ("y yo más",)),
            (("ти де?",), ("вже йду, {n} хв",)),
            (("أحبك",), ("وأنا أيضا",)),
            (("到了吗",), ("还有{n}分钟",)),
            (("ถึงไหนแล้ว",), ("อีก {n} นาที",)),
        )
    ),
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
