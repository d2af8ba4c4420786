"""The guard against machines in plain Python, for the script to be compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.conversations.texts.likeness import likeness

QUICK_MS, LONGEST_MS = 30_000, 7_200_000
ENOUGH, SAME, LIKE, DISTANCES = 70, 14, 10, 3


@dataclass
class Side:
    """What one side said last, the newest first, and what speaks for it being a machine."""

    texts: list[str] = field(default_factory=list)
    scores: list[int] = field(default_factory=lambda: [0] * DISTANCES)
    at: int | None = None
    cycle: int | None = None


@dataclass
class Model:
    """One session; times in ms."""

    sides: dict[str, Side] = field(default_factory=lambda: {"a": Side(), "b": Side()})
    last: str = ""
    at: int = 0
    paused: bool = False

    def judge(self, side: str, text: str, now: int, seed: int) -> str:
        """Return what the script answers to a text."""
        own, answers, said = self.sides[side], side != self.last, likeness(text, seed)
        quick = now - self.at <= QUICK_MS
        familiar = self._weigh(own, said, answers, quick)
        if not familiar or (answers and not quick and not _steady(own, now)):
            for each in self.sides.values():
                each.scores = [0] * DISTANCES
        own.texts = [said, *own.texts][:DISTANCES]
        if answers:
            own.cycle, own.at = now - own.at if own.at is not None else None, now
        self.last, self.at = side, now
        return self._verdict(familiar)

    def _weigh(self, own: Side, said: str, answers: bool, quick: bool) -> bool:
        weights = [_weight(said, before) for before in own.texts]
        weights += [0] * (DISTANCES - len(weights))
        for i, weight in enumerate(weights):
            same = i == 0 and quick and own.texts and said[:8] == own.texts[0][:8]
            own.scores[i] = own.scores[i] + (SAME if same else weight) * answers if weight else 0
        return any(weights)

    def _verdict(self, familiar: bool) -> str:
        if self.paused:
            self.paused = familiar
            return "lasts" if familiar else ""
        self.paused = min(max(each.scores) for each in self.sides.values()) >= ENOUGH
        return "begins" if self.paused else ""


def _steady(own: Side, now: int) -> bool:
    if own.at is None or own.cycle is None or now - own.at > LONGEST_MS:
        return False
    return abs(now - own.at - own.cycle) <= 5000 + own.cycle / 5


def _weight(said: str, before: str) -> int:
    """Return how much it weighs that a text is like one of before, 0 when it is not."""
    digest, weight, *features = said.split()
    other, _, *others = before.split()
    if digest == other:
        return LIKE
    shared, larger = len({*features} & {*others}), max(len(features), len(others))
    mostly = shared >= max(3, 0.6 * larger)
    if features == others or (int(weight) >= LIKE and mostly):
        return int(weight)
    return 0
