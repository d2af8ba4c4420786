"""Random calls over random limits, against a plain account of what each limit has let through."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from conf.protection import Mode
from gateway.access.limiter import Limit
from gateway.protection.limits.admission import Admission, Layer, Spare, SpareKind
from gateway.store.pipeline import Store
from tests.gateway.protection.limits.test_admission import wait_of
from tests.support.ageing import pass_time

MINUTE = 60
CLASSES = {
    "message": Limit(3, 40 * MINUTE),
    "network": Limit(5, 90 * MINUTE),
    "range": Limit(4, 30 * MINUTE),
}
COUNTRIES = ("49", "44", "33")
ALL = Limit(9, 60 * MINUTE)
SHARE = 2
TOLERANCE = MINUTE  # a run takes some seconds, of which its account knows nothing


@dataclass
class Account:
    """What was let through, by a clock of its own: subject -> moments, the newest last."""

    now: float = 0.0
    counted: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def wait(self, subject: str, limit: Limit) -> float:
        """Return the seconds until one more of a subject is within its limit."""
        times = self.counted[subject]
        if len(times) < limit.amount:
            return 0
        return max(0.0, times[-limit.amount] + limit.seconds - self.now)

    def count(self, *subjects: str) -> None:
        for each in subjects:
            self.counted[each].append(self.now)


@dataclass(frozen=True)
class Move:
    """A call: the subjects of its limits, the country of its number, which limit is watched."""

    subjects: dict[str, str]
    country: str
    watched: str

    @property
    def layers(self) -> list[Layer]:
        found = [
            Layer(name, subject, CLASSES[name], self.mode(name))
            for name, subject in self.subjects.items()
        ]
        spare = Spare(SpareKind.SHARE, self.country, SHARE)
        return [*found, Layer("all", "all", ALL, self.mode("all"), spare)]

    def mode(self, name: str) -> Mode:
        return Mode.MONITOR if name == self.watched else Mode.ENFORCE


def expected(account: Account, move: Move) -> tuple[float, list[str]]:
    """Return for how long a call is refused, and under what it counts if it is not."""
    waits = {
        f"{name} {subject}": (account.wait(f"{name} {subject}", CLASSES[name]), name)
        for name, subject in move.subjects.items()
    }
    own = f"share {move.country}"
    left = account.wait(own, Limit(SHARE, ALL.seconds))
    waits["all"] = (min(account.wait("all", ALL), left), "all")
    refused = max(wait for wait, name in waits.values() if move.mode(name) is Mode.ENFORCE)
    counts = [subject for subject, (wait, _) in waits.items() if not wait]
    return refused, [*counts, own] if "all" in counts else counts


def drawn(dice: random.Random) -> Move:
    subjects = {name: f"{name} {dice.randrange(3)}" for name in CLASSES if dice.random() < 0.8}
    watched = dice.choice(["", "", "", "all", *CLASSES])
    return Move(subjects, dice.choice(COUNTRIES), watched)


@pytest.mark.parametrize("seed", range(6))
async def test_random_calls_meet_what_a_plain_account_of_the_windows_says(
    stores: list[Store], seed: int
) -> None:
    """Steps of tens of minutes; calls between them take no time by the account."""
    dice, account = random.Random(seed), Account()
    processes = [Admission(store) for store in stores]
    refusals = 0
    for _ in range(250):
        if dice.random() < 0.3:
            seconds = dice.choice([10, 10, 20, 50]) * MINUTE
            account.now += seconds
            await pass_time(stores[0], seconds)
        move = drawn(dice)
        wait, counts = expected(account, move)
        found = await wait_of(dice.choice(processes), *move.layers)
        assert max(wait - TOLERANCE, 0) <= found <= wait, move
        assert bool(found) is bool(wait)
        if found:
            refusals += 1
        else:
            account.count(*counts)
    assert 30 < refusals < 220
