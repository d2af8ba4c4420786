"""Machines that answer each other are paused, people never: the guard by itself, and its model."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count

import pytest

from gateway.conversations.texts.likeness import likeness
from tests.field import machines
from tests.support.machines import MACHINES, SAYINGS, SEED, Guarded, chat

# Texts of both that pass before a pause, at most.
MOST = 25
TOGETHER = 80  # texts that nobody would let pass who sees machines in them

Pauses = Callable[[random.Random], float]
PACES: dict[str, Pauses] = {
    "at once": lambda chance: 0.05,
    "within seconds": lambda chance: 8 * chance.uniform(0.9, 1.1),
    "after minutes": lambda chance: 240 + chance.uniform(-20, 20),
    "after half an hour": lambda chance: 1800 + chance.uniform(-60, 60),
}
# Machines whose texts are too long for people to say them again and again.
WORDY = ("clock", "weekday", "hexadecimal id", "another name", "quotes", "German", "long")
# What people say again and again, one after the other; {n} is a number.
PHRASES = (
    ("ok",),
    ("on my way", "coming"),
    ("love you",),
    ("love you too", "❤️"),
    ("I am on floor {n}",),
    ("not there, go up", "no", "up!"),
    ("{n} min", "{n} more min"),
    ("yes", "no", "maybe"),
    ("knock knock",),
    ("who's there?",),
    ("I am at the door",),
    ("bin gleich da", "ja"),
    ("j'arrive dans {n} min",),
    ("¿dónde estás?", "te espero"),
    ("я внизу",),
    ("快到了", "好的"),
)


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("kind", MACHINES)
def test_every_pair_of_machines_is_soon_paused(kind: str, pace: str) -> None:
    chance = random.Random(f"{kind} {pace}")
    for other in MACHINES:
        guarded = Guarded()
        a, b = MACHINES[kind](chance), MACHINES[other](chance)
        passed = guarded.turns(a, b, TOGETHER, lambda: PACES[pace](chance))
        assert passed <= MOST, (kind, other)


@pytest.mark.parametrize("kind", WORDY)
def test_long_texts_need_haste_alone(kind: str) -> None:
    chance = random.Random(f"wordy {kind}")
    for other in WORDY:
        a, b = MACHINES[kind](chance), MACHINES[other](chance)
        passed = Guarded().turns(a, b, TOGETHER, lambda: chance.uniform(1, 25))
        assert passed <= MOST, (kind, other)


@pytest.mark.parametrize("case", machines.CASES, ids=lambda case: case.kind)
def test_the_cases_of_the_field_come_out_right(case: machines.Case) -> None:
    passed = machines.passed(case)
    assert passed <= machines.MOST if case.paused else passed == machines.LOOKED_AT


@pytest.mark.parametrize(
    ("a", "b", "passed"),
    [
        ("I am on holiday", "I am out of office", 11),
        ("Ticket {n} received", "Out of office ({n})", 15),
        ("Busy {n}", "Away {n}", 19),
    ],
    ids=["the same", "the like", "the like in few letters"],
)
def test_the_more_alike_the_sooner(a: str, b: str, passed: int) -> None:
    """Ten echoes, seven likenesses of each side, nine of few letters."""
    guarded, n = Guarded(), count(1)
    for _ in range(passed + 1):
        guarded.say("a", a.format(n=next(n)))
        guarded.say("b", b.format(n=next(n)))
    first = guarded.judged.index("begins")
    assert passed == first
    assert {"lasts"} == {*guarded.judged[first + 1 :]}


def test_rhythm_alone_pauses_nobody() -> None:
    """Two who answer on the second, but say something."""
    chance, guarded = random.Random("rhythm"), Guarded()
    words = (
        "rain sun bread cheese train bus early late big small red blue cat dog left right".split()
    )
    for turn in range(120):
        assert "" == guarded.say("ab"[turn % 2], " ".join(chance.sample(words, 4)), 2.0)


def test_likeness_alone_pauses_nobody() -> None:
    """A kitchen and a courier who write when there is something to write."""
    chance, guarded = random.Random("likeness"), Guarded()
    for order in range(100):
        wait = 10 ** chance.uniform(1.8, 3.5)
        assert "" == guarded.say("a", f"Order {order} is ready, please come", wait)
        assert "" == guarded.say("b", f"On my way for order {order}", wait / 3)


@pytest.mark.parametrize("kind", MACHINES)
def test_who_writes_to_a_machine_is_not_paused_as_long_as_he_says_something_new(kind: str) -> None:
    chance, guarded = random.Random(kind), Guarded()
    machine = MACHINES[kind](chance)
    talk = ("is anybody there?", "hello", "I have a question about my parcel", "it is late", "pls")
    for turn in range(30):
        said = talk[turn % 5] + " " + "".join(chance.choices("abcdefghijklmnop", k=9))
        assert "" == guarded.say("a", said, 3)
        assert "" == guarded.say("b", machine(said), 1)


@pytest.mark.parametrize(
    "texts",
    [
        [f"{each}" for each in range(60)],
        [f"{100 - each}?" for each in range(60)],
        [f"{each}:{each:02}" for each in range(60)],
        ["👍" * (1 + each % 7) for each in range(60)],
        [f"e{1 + each % 8}" for each in range(60)],
    ],
    ids=["counting", "haggling", "times", "thumbs", "chess"],
)
def test_numbers_and_emoji_alone_are_not_like(texts: list[str]) -> None:
    guarded = Guarded()
    for turn, text in enumerate(texts):
        assert "" == guarded.say("ab"[turn % 2], text, 2)


def test_one_side_that_repeats_itself_is_no_loop() -> None:
    """Nobody answers, or somebody who says something."""
    guarded = Guarded()
    for _ in range(30):
        assert "" == guarded.say("a", "ok", 1)
    for n in range(30):
        assert "" == guarded.say("b", f"{'abcdefghij'[n % 10] * (1 + n)} what else", 1)
        assert "" == guarded.say("a", "ok", 1)


@pytest.mark.parametrize("texts", [2, 3])
def test_a_machine_whose_answer_comes_in_several_texts_is_one(texts: int) -> None:
    """Providers deliver a long text in parts that nothing joins."""
    guarded = Guarded()
    for n in range(12):
        for part in range(texts):
            guarded.say("a", f"Part {'xyz'[part]} of my answer {n}, see our opening hours")
        guarded.say("b", f"Ticket {n} received")
    assert "begins" in guarded.judged


def test_something_new_ends_a_pause_and_the_like_does_not() -> None:
    guarded = Guarded()
    for n in range(10):
        guarded.say("a", f"Ticket {n} received")
        guarded.say("b", f"Out of office ({n})")
    assert "lasts" == guarded.say("a", "Ticket 99 received", 36_000)
    assert "lasts" == guarded.say("a", "TICKET 100 RECEIVED!")
    assert "" == guarded.say("b", "I am back, what is it about?")
    assert "" == guarded.say("a", "Ticket 101 received")
    assert "" == guarded.say("b", "Out of office (102)")


@pytest.mark.parametrize("seed", range(20))
def test_two_people_are_never_paused(seed: int) -> None:
    """In bursts and turns, at any pace, with the same words, numbers and jokes again and again."""
    chance = random.Random(f"people {seed}")
    for known in (4, 8, 16, len(SAYINGS)) * 5:
        guarded, longest = Guarded(), chance.choice([0.01, 5.0, 60.0, 900.0])
        for side, text in chat(chance, 200, chance.sample(SAYINGS, known)):
            assert "" == guarded.say(side, text, chance.uniform(0, longest)), (side, text)


def phrases(chance: random.Random, texts: int) -> list[str]:
    """Return what two say in turn, who each have a few phrases, said one after the other."""
    sides = chance.choice(PHRASES), chance.choice(PHRASES)
    said = (sides[turn % 2][turn // 2 % len(sides[turn % 2])] for turn in range(texts))
    return [text.format(n=chance.randint(1, 20)) for text in said]


@pytest.mark.parametrize("seed", range(20))
def test_people_who_say_the_same_again_and_again_are_never_paused(seed: int) -> None:
    """However quick or slow they are as a rule, now an answer takes them longer, now shorter."""
    chance = random.Random(f"phrases {seed}")
    for _ in range(20):
        guarded, middle, spread = Guarded(), chance.uniform(0.5, 2.5), chance.uniform(0.5, 1.2)
        for turn, text in enumerate(phrases(chance, 120)):
            wait = min(30.0, max(1.0, chance.lognormvariate(middle, spread)))
            assert "" == guarded.say("ab"[turn % 2], text, wait), text


@pytest.mark.parametrize("seed", range(20))
def test_machines_that_say_the_same_again_and_again_are_paused(seed: int) -> None:
    """The same phrases, but each answer takes as long as the others of its side, give or take."""
    chance = random.Random(f"phrases {seed}")
    for _ in range(20):
        guarded, waits = Guarded(), [chance.uniform(0.5, 30) for _ in "ab"]
        for turn, text in enumerate(phrases(chance, MOST + 1)):
            guarded.say("ab"[turn % 2], text, waits[turn % 2] * chance.uniform(0.9, 1.1))
        assert "begins" in guarded.judged


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ticket 1001 received", "ticket 7 received."),
        ("It is 10:32", "It is 9:05 pm"),
        ("Received on Mon, 3 Feb 2026", "received on Tuesday, 14 march 2026"),
        ("Reçu le 3 février", "Reçu le 14 août"),
        ("Ref a3f9c2: thank you", "Ref 77bb01: thank you"),
        ("Ref deadbeef: thank you", "Ref 00c0ffee: thank you"),
        ("Re: Re: I am away", "Re: Re: Re: Re: I am away"),
        ("Ｏｕｔ　ｏｆ　ｏｆｆｉｃｅ", "Out of office"),
        ("Hi Anna, we are closed today", "Hi Bert, we are closed today"),
    ],
)
def test_what_differs_by_what_machines_make_up_is_like(one: str, other: str) -> None:
    assert likeness(other, SEED).to(likeness(one, SEED))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ticket 1001 received", "Are you there?"),
        ("ok", "on my way"),
        ("12", "13"),
        ("I am at the door", "where is the key?"),
        ("haha", "hahaha"),
        ("", "x"),
    ],
)
def test_what_says_something_else_is_not_like(one: str, other: str) -> None:
    assert not likeness(other, SEED).to(likeness(one, SEED))


def test_features_of_two_sessions_cannot_be_compared() -> None:
    one, other = (likeness("I am on holiday", seed).features for seed in (1, 2))
    assert set() == {*one} & {*other}


def test_however_long_texts_are_little_of_them_is_kept() -> None:
    guarded = Guarded()
    for turn in range(12):
        words = (f"{chr(97 + n % 26) * (1 + n // 26)}{turn * 'x'}" for n in range(2000))
        guarded.say("ab"[turn % 2], " ".join(words))
    assert len(guarded.said) < 1000


@pytest.mark.parametrize("said", ["", "{", "[]", "7", '{"a":1,"b":2}', "a 17 c0ffee beef 3"])
def test_what_cannot_be_read_is_as_nothing(said: str) -> None:
    guarded = Guarded(said=said)
    assert "" == guarded.say("a", "hello")


@pytest.mark.parametrize("wait", [0.05, 4, 300])
def test_what_the_release_before_remembered_is_read(
    wait: float, caplog: pytest.LogCaptureFixture
) -> None:
    """It kept a weight for the letters, and times of turns for those of answers."""
    side = '[[[7,10,"ab"]],[42,0,0],1790000000000,2000]'
    said = f'{{"a":{side},"b":{side},"last":"b","at":1790000000500}}'
    guarded = Guarded(now=1_790_000_000_500, said=said)
    for turn in range(MOST):
        guarded.say("ab"[turn % 2], ("Ticket", "Away")[turn % 2] + f" {turn}", wait)
    assert "begins" in guarded.judged
    assert not caplog.records
