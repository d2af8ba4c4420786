"""Two machines that answer each other, known by likeness and rhythm together.

Evidence is counted for each side and for each distance: like its last text, the last but one or but
two, so that machines of several texts are seen as well. Both sides must have enough. A text that is
like none of them, or out of rhythm, takes all evidence away. A further text of the same turn adds
none.

Rhythm is that a side takes as long for each answer as for the others. People, who repeat themselves
as well, do not. Only the long texts that nobody writes again and again need no more than haste.
"""

from __future__ import annotations

import logging
from typing import Annotated, NamedTuple

import msgspec

from gateway.conversations.texts.likeness import (
    ENOUGH_LETTERS,
    LIGHT,
    LONG,
    NONE,
    Likeness,
    likeness,
)

log = logging.getLogger(__name__)

# A side is regular when its slowest answer takes no longer than so many times its fastest one. What
# takes less than AT_ONCE_MS took as long as that: only machines are that quick.
AT_ONCE_MS, QUICK_MS, LONGEST_MS = 1_000, 30_000, 3_600_000
SPREAD = 1.4
DISTANCES = 3
# Of each side: five times the very same, seven times the like, nine times when neither is certain.
ENOUGH = 70
SAME = 14


def _no_scores() -> list[int]:
    return [0] * DISTANCES


_Scores = Annotated[list[int], msgspec.Meta(min_length=DISTANCES, max_length=DISTANCES)]


class _Side(msgspec.Struct, array_like=True, gc=False):
    """What a side said last, the newest first, and the evidence by distance.

    fastest, slowest: of its answers since it was last irregular, in ms, 0 = none.
    """

    texts: list[Likeness] = []
    scores: _Scores = msgspec.field(default_factory=_no_scores)
    fastest: int = 0
    slowest: int = 0


class _Said(msgspec.Struct, gc=False):
    """What both said last; last: the side that wrote last, at: when (ms)."""

    a: _Side
    b: _Side
    last: str = ""
    at: int = 0


class Judgement(NamedTuple):
    """What is remembered from now on (JSON).

    looped: machines answer each other; familiar: the text is like one of the last of its side.
    """

    said: str
    looped: bool
    familiar: bool


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(_Said)


def judge(
    said: str, side: str, text: str, now: int, seed: int, *, paused: bool = False
) -> Judgement:
    """Judge a text by what is remembered of a session, '' = nothing; now: ms; seed: see likeness.

    paused: there is a pause; else what is out of rhythm is compared with nothing.

    Two processes that judge two texts of a session at once may forget one of them: machines that
    answer each other write one after the other.
    """
    known, new = _read(said), likeness(text, seed)
    own, answers = (known.a if side == "a" else known.b), known.last != side
    delay = now - known.at
    soon = delay <= (QUICK_MS if new.letters >= LONG else AT_ONCE_MS)
    in_rhythm = not answers or _is_regular(own, delay) or soon
    familiar = (in_rhythm or paused) and _weigh(own, new, answers=answers, soon=soon)
    if not familiar or not in_rhythm:
        known.a.scores, known.b.scores = _no_scores(), _no_scores()
    own.texts = [new, *own.texts[: DISTANCES - 1]]
    known.last, known.at = side, now
    looped = min(max(known.a.scores), max(known.b.scores)) >= ENOUGH
    return Judgement(_encoder.encode(known).decode(), looped, familiar)


def _weigh(own: _Side, new: Likeness, *, answers: bool, soon: bool) -> bool:
    """Count the evidence of a text; returns whether it is like one of the last of its side."""
    weights = [new.to(before) for before in own.texts[:DISTANCES]]
    weights += [NONE] * (DISTANCES - len(weights))
    familiar = any(weights)
    if not soon:
        weights = [min(weight, LIGHT) for weight in weights]
    elif new.letters >= ENOUGH_LETTERS and own.texts and own.texts[0].digest == new.digest:
        weights[0] = SAME
    own.scores = [
        (score + weight * answers) if weight else 0
        for score, weight in zip(own.scores, weights, strict=True)
    ]
    return familiar


def _is_regular(own: _Side, delay: int) -> bool:
    """Tell whether an answer that took so long (ms) is as the others of its side, and keep it."""
    delay = max(delay, AT_ONCE_MS)
    fastest, slowest = min(own.fastest or delay, delay), max(own.slowest, delay)
    regular = slowest <= SPREAD * fastest
    own.fastest, own.slowest = (fastest, slowest) if regular else (delay, delay)
    return regular and delay <= LONGEST_MS


def _read(said: str) -> _Said:
    if said:
        try:
            return _decoder.decode(said)
        except msgspec.MsgspecError:
            log.error("what both said last cannot be read, the guard begins anew")
    return _Said(_Side(), _Side())
