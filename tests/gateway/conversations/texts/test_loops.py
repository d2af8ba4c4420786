"""Machines that answer each other are paused, people never: the guard by itself, and its model."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count

import pytest

from gateway.conversations.texts.likeness import likeness
from gateway.store.pipeline import Store
from tests.support.loop_model import Model
from tests.support.machines import MACHINES, SAYINGS, SEED, Guarded, chat

# Texts of both that pass before a pause, at most.
MOST = 25
TOGETHER = 80  # texts that nobody would let pass who sees machines in them

Pauses = Callable[[random.Random], float]
PACES: dict[str, Pauses] = {
    "at once": lambda chance: 0.05,
    "within seconds": lambda chance: chance.uniform(1, 25),
    "after minutes": lambda chance: 240 + chance.uniform(-20, 20),
    "after half an hour": lambda chance: 1800 + chance.uniform(-60, 60),
}


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("kind", MACHINES)
async def test_every_pair_of_machines_is_soon_paused(store: Store, kind: str, pace: str) -> None:
    chance = random.Random(f"{kind} {pace}")
    for other in chance.sample(sorted(MACHINES), 2):
        guarded = Guarded(store, chance.randbytes(16).hex())
        a, b = MACHINES[kind](chance), MACHINES[other](chance)
        passed = await guarded.turns(a, b, TOGETHER, lambda: PACES[pace](chance))
        assert passed <= MOST, (kind, other)


@pytest.mark.parametrize(
    ("a", "b", "passed"),
    [
        ("I am on holiday", "I am out of office", 11),
        ("Ticket {n} received", "Out of office ({n})", 15),
        ("Busy {n}", "Away {n}", 19),
    ],
    ids=["the same", "the like", "the like in few letters"],
)
async def test_the_more_alike_the_sooner(store: Store, a: str, b: str, passed: int) -> None:
    """Ten echoes, seven likenesses of each side, nine of few letters."""
    guarded, n = Guarded(store), count(1)
    for _ in range(passed + 1):
        await guarded.say("a", a.format(n=next(n)))
        await guarded.say("b", b.format(n=next(n)))
    first = guarded.judged.index("begins")
    assert passed == first
    assert {"lasts"} == {*guarded.judged[first + 1 :]}


async def test_rhythm_alone_pauses_nobody(store: Store) -> None:
    """Two who answer on the second, but say something."""
    chance, guarded = random.Random("rhythm"), Guarded(store)
    words = (
        "rain sun bread cheese train bus early late big small red blue cat dog left right".split()
    )
    for turn in range(120):
        assert "" == await guarded.say("ab"[turn % 2], " ".join(chance.sample(words, 4)), 2.0)


async def test_likeness_alone_pauses_nobody(store: Store) -> None:
    """A kitchen and a courier who write when there is something to write."""
    chance, guarded = random.Random("likeness"), Guarded(store)
    for order in range(100):
        wait = 10 ** chance.uniform(1.8, 3.5)
        assert "" == await guarded.say("a", f"Order {order} is ready, please come", wait)
        assert "" == await guarded.say("b", f"On my way for order {order}", wait / 3)


@pytest.mark.parametrize("kind", MACHINES)
async def test_who_writes_to_a_machine_is_not_paused_as_long_as_he_says_something_new(
    store: Store, kind: str
) -> None:
    chance, guarded = random.Random(kind), Guarded(store)
    machine = MACHINES[kind](chance)
    talk = ("is anybody there?", "hello", "I have a question about my parcel", "it is late", "pls")
    for turn in range(30):
        said = talk[turn % 5] + " " + "".join(chance.choices("abcdefghijklmnop", k=9))
        assert "" == await guarded.say("a", said, 3)
        assert "" == await guarded.say("b", machine(said), 1)


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
async def test_numbers_and_emoji_alone_are_not_like(store: Store, texts: list[str]) -> None:
    guarded = Guarded(store)
    for turn, text in enumerate(texts):
        assert "" == await guarded.say("ab"[turn % 2], text, 2)


async def test_one_side_that_repeats_itself_is_no_loop(store: Store) -> None:
    """Nobody answers, or somebody who says something."""
    guarded = Guarded(store)
    for _ in range(30):
        assert "" == await guarded.say("a", "ok", 1)
    for n in range(30):
        assert "" == await guarded.say("b", f"{'abcdefghij'[n % 10] * (1 + n)} what else", 1)
        assert "" == await guarded.say("a", "ok", 1)


@pytest.mark.parametrize("texts", [2, 3])
async def test_a_machine_whose_answer_comes_in_several_texts_is_one(
    store: Store, texts: int
) -> None:
    """Providers deliver a long text in parts that nothing joins."""
    guarded = Guarded(store)
    for n in range(12):
        for part in range(texts):
            await guarded.say("a", f"Part {'xyz'[part]} of my answer {n}, see our opening hours")
        await guarded.say("b", f"Ticket {n} received")
    assert "begins" in guarded.judged


async def test_something_new_ends_a_pause_and_the_like_does_not(store: Store) -> None:
    guarded = Guarded(store)
    for n in range(10):
        await guarded.say("a", f"Ticket {n} received")
        await guarded.say("b", f"Out of office ({n})")
    assert "lasts" == await guarded.say("a", "Ticket 99 received", 36_000)
    assert "lasts" == await guarded.say("a", "TICKET 100 RECEIVED!")
    assert "" == await guarded.say("b", "I am back, what is it about?")
    assert "" == await guarded.say("a", "Ticket 101 received")
    assert "" == await guarded.say("b", "Out of office (102)")


@pytest.mark.parametrize("seed", range(20))
def test_two_people_are_never_paused(seed: int) -> None:
    """In bursts and turns, at any pace, with the same words, numbers and jokes again and again.

    By the model, which is as good as the script, see below, and takes many more chats.
    """
    chance = random.Random(f"people {seed}")
    for known in (4, 8, 16, len(SAYINGS)) * 5:
        model, now = Model(), 0
        longest = chance.choice([10, 5_000, 60_000, 900_000])
        for side, text in chat(chance, 200, chance.sample(SAYINGS, known)):
            now += chance.randint(0, longest)
            assert "" == model.judge(side, text, now, SEED), (side, text)


@pytest.mark.parametrize("seed", range(8))
async def test_the_script_judges_as_the_model_does(store: Store, seed: int) -> None:
    """People and machines take turns at the same session."""
    chance = random.Random(f"model {seed}")
    guarded, model = Guarded(store), Model()
    speakers = {side: MACHINES[chance.choice(sorted(MACHINES))](chance) for side in "ab"}
    few, side, text = chance.sample(SAYINGS, 2), "a", ""
    pauses: list[Callable[[], float]] = [
        lambda: 2.0,
        lambda: 300.0,
        lambda: chance.uniform(0, 60),
        lambda: 8000.0,
    ]
    pause, verdicts = pauses[0], set[str]()
    for _ in range(150):
        if chance.random() < 0.03:
            pause = chance.choice(pauses)
        side = side if chance.random() < 0.05 else "ba"[side == "b"]
        person = chance.random() < 0.04
        text = chance.choice(few).format(n=7) if person else speakers[side](text)[:300]
        judged = await guarded.say(side, text, pause())
        assert model.judge(side, text, guarded.now, SEED) == judged
        verdicts.add(judged)
    assert "" in verdicts


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
    model = Model()
    model.judge("a", one, 0, SEED)
    model.paused = True
    assert "lasts" == model.judge("a", other, 1, SEED)


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
    model = Model()
    model.judge("a", one, 0, SEED)
    model.paused = True
    assert "" == model.judge("a", other, 1, SEED)


def test_features_of_two_sessions_cannot_be_compared() -> None:
    one, other = (likeness("I am on holiday", seed).split()[2:] for seed in (1, 2))
    assert set() == {*one} & {*other}


def test_however_long_a_text_is_little_of_it_is_kept() -> None:
    text = " ".join(f"{chr(97 + n % 26) * (1 + n // 26)}" for n in range(2000))
    assert len(likeness(text, 1)) < 100
