"""Two machines that answer each other, known by likeness and rhythm together.

Evidence is counted for each side and for each distance: like its last text, the last but one or but
two, so that machines of several texts are seen as well. Both sides must have enough. A text that is
like none of them, or out of rhythm, takes all evidence away. A further text of the same turn adds
none.
"""

from __future__ import annotations

import logging
from typing import Annotated, NamedTuple

import msgspec

from gateway.conversations.texts.likeness import NONE, Likeness, likeness

log = logging.getLogger(__name__)

# An answer of a machine comes soon, or its turns last as long as the last one did, give or take.
QUICK_MS, LONGEST_TURN_MS = 30_000, 7_200_000
TURN_SLACK_MS, TURN_SLACK = 5_000, 0.2
DISTANCES = 3
# Of each side: five times the very same, seven times the like.
ENOUGH = 70
SAME = 14


def _no_scores() -> list[int]:
    return [0] * DISTANCES


_Scores = Annotated[list[int], msgspec.Meta(min_length=DISTANCES, max_length=DISTANCES)]


class _Side(msgspec.Struct, array_like=True, gc=False):
    """What a side said last, the newest first, and the evidence by distance.

    at: when its last turn began; turn: how long after the one before that was; ms, 0 = not known.
    """

    texts: list[Likeness] = []
    scores: _Scores = msgspec.field(default_factory=_no_scores)
    at: int = 0
    turn: int = 0


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
    quick = now - known.at <= QUICK_MS
    in_rhythm = not answers or quick or _is_steady(own, now)
    familiar = (in_rhythm or paused) and _weigh(own, new, answers=answers, quick=quick)
    if not familiar or not in_rhythm:
        known.a.scores, known.b.scores = _no_scores(), _no_scores()
    own.texts = [new, *own.texts[: DISTANCES - 1]]
    if answers:
        own.turn, own.at = (now - own.at if own.at else 0), now
    known.last, known.at = side, now
    looped = min(max(known.a.scores), max(known.b.scores)) >= ENOUGH
    return Judgement(_encoder.encode(known).decode(), looped, familiar)


def _weigh(own: _Side, new: Likeness, *, answers: bool, quick: bool) -> bool:
    """Count the evidence of a text; returns whether it is like one of the last of its side."""
    weights = [new.to(before) for before in own.texts[:DISTANCES]]
    weights += [NONE] * (DISTANCES - len(weights))
    familiar = any(weights)
    if quick and own.texts and own.texts[0].digest == new.digest:
        weights[0] = SAME
    own.scores = [
        (score + weight * answers) if weight else 0
        for score, weight in zip(own.scores, weights, strict=True)
    ]
    return familiar


def _is_steady(own: _Side, now: int) -> bool:
    """Tell whether this turn took as long as the one before."""
    turn = now - own.at
    if not own.at or not own.turn or turn > LONGEST_TURN_MS:
        return False
    return abs(turn - own.turn) <= TURN_SLACK_MS + TURN_SLACK * own.turn


def _read(said: str) -> _Said:
    if said:
        try:
            return _decoder.decode(said)
        except msgspec.MsgspecError:
            log.error("what both said last cannot be read, the guard begins anew")
    return _Said(_Side(), _Side())
