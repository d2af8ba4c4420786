"""The windows of a rehearsal do what the scripts do, call by call and to the millisecond."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from conf.protection import Mode
from gateway.access.limiter import Limit
from gateway.protection.limits.admission import (
    _COUNT,
    Admission,
    Admitted,
    Layer,
    Spare,
    SpareKind,
    _call,
)
from gateway.protection.rehearsal.windows import CALLS_BETWEEN_SWEEPS, Windows, refusing
from gateway.store.pipeline import Store
from tests.support.ageing import pass_time

MINUTE, HOUR, DAY = 60, 3600, 86_400
# Amount and window of limits of each kind of spare.
LIMITS = {
    SpareKind.NOBODY: (Limit(4, HOUR), Limit(9, DAY), Limit(1, 10 * MINUTE)),
    SpareKind.CALLERS: (Limit(2, HOUR), Limit(3, DAY), Limit(1, MINUTE)),
    SpareKind.SHARE: (Limit(6, HOUR), Limit(8, DAY), Limit(2, 20 * MINUTE)),
}
STEPS = (0, 0, 0, 7, 45, 90, 4 * MINUTE, 20 * MINUTE, 3 * HOUR, 20 * HOUR)


class Both:
    """The script and the windows, by one clock: the server's, and the time that has passed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.windows = Windows()
        self._passed_ms = 0

    async def passes(self, seconds: float) -> None:
        self._passed_ms += round(seconds * 1000)
        await pass_time(self._store, seconds)

    async def call(self, layers: Sequence[Layer]) -> tuple[list[int], list[int], Admitted]:
        """Make a call: the waits of the script, those of the windows, and where it was counted."""
        now, counted, *found = await self._store.run(*_call(_COUNT, layers))
        waits = found[::3] if len(found) > 3 or len(layers) == 1 else [found[0]] * len(layers)
        mine = self.windows.admit(layers, now + self._passed_ms)
        assert bool(counted) is not bool(refusing(layers, mine))
        counts = [(each, now) for each, wait in zip(layers, waits, strict=True) if not wait]
        return waits, mine, Admitted(counts=tuple(counts) if counted else ())


def drawn(dice: random.Random) -> list[Layer]:
    """Return the layers of a call of one of a few people for one of a few things."""
    found = []
    for kind, limits in LIMITS.items():
        for limit in dice.sample(limits, dice.randrange(3)):
            mode = dice.choice([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.MONITOR])
            who = dice.choice("abcd") if kind is not SpareKind.NOBODY else ""
            spare = Spare(kind, who, 2 if kind is SpareKind.SHARE else 0)
            name = f"{kind.name.lower()}-{limit.seconds}"
            found.append(Layer(name, dice.choice(["one", "two"]), limit, mode, spare))
    dice.shuffle(found)
    return found


@pytest.mark.parametrize("seed", range(8))
async def test_random_calls_meet_what_the_script_tells(store: Store, seed: int) -> None:
    dice, both, admission = random.Random(seed), Both(store), Admission(store)
    refused = given_back = 0
    for _ in range(250):
        if step := dice.choice(STEPS):
            await both.passes(step)
        layers = drawn(dice)
        if not layers:
            continue
        waits, mine, admitted = await both.call(layers)
        assert waits == mine
        refused += bool(refusing(layers, mine))
        if admitted.counts and dice.random() < 0.1:
            given_back += 1
            await admission.give_back(admitted)
            both.windows.give_back(layers, mine)
    assert refused > 20
    assert given_back > 2


def test_memory_holds_what_the_longest_window_holds() -> None:
    windows, limit = Windows(), Limit(5, HOUR)
    for n in range(20 * CALLS_BETWEEN_SWEEPS):
        spare = Spare(SpareKind.CALLERS, f"caller {n}")
        layers = [
            Layer("address", f"{n}", limit),
            Layer("range", f"{n}", limit, Mode.ENFORCE, spare),
            Layer("all", "all", Limit(3, HOUR), Mode.MONITOR, Spare(SpareKind.SHARE, "49", 1)),
        ]
        windows.admit(layers, n * 10_000)
    held = HOUR * 1000 // 10_000 + CALLS_BETWEEN_SWEEPS
    assert windows.size <= 4 * held
