"""Machines that answer texts, and people who chat: what each says next, and the guard that listens.

A speaker is called with what he has just heard and returns his next texts, one as a rule.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from gateway.conversations.texts.loops import judge

Speaker = Callable[[str], str]
Making = Callable[[random.Random], Speaker]

SEED = 7


def _template(*templates: str, start: int = 1000) -> Making:
    """Return a machine that says its templates in turn; ``{…}`` are what it makes up."""

    def make(chance: random.Random) -> Speaker:
        numbers = count(start)

        def say(heard: str) -> str:
            n = next(numbers)
            minute = n % 1440
            return templates[n % len(templates)].format(
                n=n,
                clock=f"{minute // 60:02}:{minute % 60:02}",
                date=f"{1 + n % 28}. {['Jan', 'Feb', 'Mar'][n % 3]} 2026",
                day=["Monday", "Tuesday", "Wednesday", "Thursday"][n % 4],
                hex="".join(chance.choices("0123456789abcdef", k=12)),
                id="".join(chance.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=6)),
                name=chance.choice(["Anna", "Bert", "Carl", "Dora", "Emil"]),
                heard=heard,
                head=heard[:60],
            )

        return say

    return make


MACHINES: dict[str, Making] = {
    "the same text": _template("I am on holiday"),
    "emoji": _template("🏖️🏖️"),
    "ticket": _template("Ticket {n} received"),
    "counter in brackets": _template("Out of office ({n})", start=1),
    "short": _template("Busy ({n})"),
    "clock": _template("It is {clock} now. I read my messages at nine tomorrow."),
    "date": _template("Received {date}, {clock}"),
    "weekday": _template("Automatic answer, {day} {clock}: we are closed"),
    "hexadecimal id": _template("Ref {hex}: thank you for your message"),
    "letters for an id": _template("Case {id} was opened, we will be in touch"),
    "another name": _template("Hi {name}, thanks for your message. We call you back soon."),
    "quotes": _template("Ticket {n}: we have got your message '{heard}' and will answer soon"),
    "quotes the beginning": _template("Re: {head} - I am away until Monday"),
    "quotes more and more": _template("Re: {heard}"),
    "two texts": _template("We are closed now, ticket {n}", "Our hours are nine to five ({n})"),
    "three texts": _template("One moment please {n}", "Still looking {n}", "Nobody is here {n}"),
    "German": _template("Ihre Nachricht vom {date} ist eingegangen, Vorgang {n}"),
    "French": _template("Je suis absente, réponse n° {n} à {clock}"),
    "Russian": _template("Ваше сообщение получено, номер {n}"),
    "Chinese": _template("您好,您的工单{n}已收到"),
    "Arabic": _template("تم استلام رسالتك رقم {n}"),
    "Thai": _template("ได้รับข้อความของคุณแล้ว หมายเลข {n}"),
    "long": _template("This is an automatic answer. " * 8 + "Your number in the queue: {n}"),
}

SAYINGS = (
    "ok",
    "Ok!",
    "on my way",
    "haha",
    "😂",
    "👍",
    "see you at {n}",
    "{n}:30?",
    "{n}",
    "running late, {n} min",
    "where are you?",
    "I am at the door",
    "yes",
    "no",
    "no, the other one",
    "can you bring {n} eggs",
    "lol",
    "Why did the chicken cross the road? To get to the other side!",
    "What do you call a fish without eyes? A fsh",
    "love you",
    "love you too",
    "good night",
    "here is the code: {n}{n}",
    "thanks",
    "k",
    "what time is it there?",
    "my flight is at {n}:15, gate {n}",
)


@dataclass
class Guarded:
    """A session whose texts the guard judges, by a clock of the test's own (ms).

    judged: of each text "begins" or "lasts", for which it is not passed on, or ''.
    """

    now: int = 1_790_000_000_000
    said: str = ""
    judged: list[str] = field(default_factory=list)
    paused: bool = False

    def say(self, side: str, text: str, after: float = 1.0) -> str:
        """Return how a text is judged that comes so many seconds later."""
        self.now += int(after * 1000)
        self.said, looped, familiar = judge(
            self.said, side, text, self.now, SEED, paused=self.paused
        )
        lasts = self.paused and familiar
        begins = looped and not self.paused
        self.paused = lasts or begins
        self.judged.append("lasts" if lasts else "begins" if begins else "")
        return self.judged[-1]

    def turns(self, a: Speaker, b: Speaker, most: int, pause: Callable[[], float]) -> int:
        """Let two answer each other; return how many texts passed before the pause, or all."""
        heard = ""
        for turn in range(most):
            heard = (b if turn % 2 else a)(heard)
            if self.say("ab"[turn % 2], heard, pause()):
                return turn
        return most


def chat(
    chance: random.Random, texts: int, sayings: Sequence[str] = SAYINGS
) -> Iterator[tuple[str, str]]:
    """Yield side and text of two people: in bursts, with repetitions, numbers and old jokes."""
    side = chance.choice("ab")
    for _ in range(texts):
        if chance.random() < 0.75:
            side = "b" if side == "a" else "a"
        yield side, chance.choice(sayings).format(n=chance.randint(1, 12))
