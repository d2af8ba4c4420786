"""What the scripts of limits do, in plain Python and at times that are given: the past is played.

admit.lua, _spare.lua and _window.lua say why; a test holds this against them, call by call.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from conf.protection import Mode
from gateway.protection.limits.admission import Layer, SpareKind

SPARE_FIRST_MS, SPARE_LONGEST_MS = 60_000, 3_600_000
SPARE_DOUBLED, SPARE_TIMES = 6, 3
# Between two looks for what is over.
CALLS_BETWEEN_SWEEPS = 1000

_NO_TIMES: list[int] = []
_NOBODY: dict[str, int] = {}


class _Count:
    """What a layer looks at: its two keys, its window (ms); made once, it is asked for often."""

    __slots__ = ("counted", "layer", "spare", "window")

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.counted, self.spare = layer.keys
        self.window = round(layer.limit.seconds * 1000)


class Windows:
    """Counts calls in layers; times: ms, which never go back.

    What is over is forgotten, so that memory holds what the longest windows hold.
    """

    def __init__(self) -> None:
        # By the length of the window (ms), each in the order in which it was added to last.
        self._times: defaultdict[int, dict[str, list[int]]] = defaultdict(dict)
        self._callers: defaultdict[int, dict[str, dict[str, int]]] = defaultdict(dict)
        self._calls = 0

    @property
    def size(self) -> int:
        """How many times and callers are remembered."""
        times = (len(each) for some in self._times.values() for each in some.values())
        callers = (len(each) for some in self._callers.values() for each in some.values())
        return sum(times) + sum(callers)

    def admit(self, layers: Sequence[Layer], now: int) -> list[int]:
        """Count a call in all its layers if every enforced one lets it through.

        Returns the ms until each would, 0 = it does.
        """
        self._calls += 1
        if not self._calls % CALLS_BETWEEN_SWEEPS:
            self._sweep(now)
        counts = list(map(_Count, layers))
        waits = [self._wait(each, now) for each in counts]
        if not any(refusing(layers, waits)):
            for count, wait in zip(counts, waits, strict=True):
                if not wait:
                    self._add(count, now)
        return waits

    def count(self, layers: Iterable[Layer], now: int) -> None:
        """Count a call that was let through, whatever the layers say."""
        for each in layers:
            self._add(_Count(each), now)

    def give_back(self, layers: Sequence[Layer], waits: Sequence[int]) -> None:
        """Forget a call that ``admit`` has just counted."""
        for layer, wait in zip(layers, waits, strict=True):
            if wait:
                continue
            count = _Count(layer)
            self._take_off(count.window, count.counted)
            if layer.spare.kind is SpareKind.CALLERS:
                del self._callers[count.window][count.spare][layer.spare.who]
            elif layer.spare.kind is SpareKind.SHARE:
                self._take_off(count.window, count.spare)

    def _wait(self, count: _Count, now: int) -> int:
        layer, window, amount = count.layer, count.window, count.layer.limit.amount
        times = self._times[window].get(count.counted, _NO_TIMES)
        full = _until_one_more(times, amount, window, now)
        if not full or layer.spare.kind is SpareKind.NOBODY:
            return full
        if layer.spare.kind is SpareKind.CALLERS:
            return self._wait_of_caller(count, times, now, full)
        everybody = _until_one_more(times, SPARE_TIMES * amount, window, now)
        part = self._times[window].get(count.spare, _NO_TIMES)
        return min(full, max(everybody, _until_one_more(part, layer.spare.some, window, now)))

    def _wait_of_caller(self, count: _Count, times: Sequence[int], now: int, full: int) -> int:
        """Return the wait of a caller of a full limit: a growing pause after its last call.

        One who was counted in the window waits for the window.
        """
        window, limit = count.window, count.layer.limit
        callers = self._callers[window].get(count.spare, _NOBODY)
        known = callers.get(count.layer.spare.who)
        if known is not None and known + window > now:
            return full
        further = range(1, SPARE_DOUBLED + 1)
        beyond = max(
            (n for n in further if _until_one_more(times, limit.amount + n, window, now)),
            default=0,
        )
        pause = min(SPARE_FIRST_MS << beyond, SPARE_LONGEST_MS) * (
            0.75 + _jitter(count.spare, callers)
        )
        return max(0, min(full, math.ceil(times[-1] + pause - now)))

    def _add(self, count: _Count, now: int) -> None:
        window, kept, spare = count.window, count.layer.limit.amount, count.layer.spare
        if spare.kind is SpareKind.CALLERS:
            kept += SPARE_DOUBLED
            self._note_caller(window, count.spare, spare.who, now)
        elif spare.kind is SpareKind.SHARE:
            kept *= SPARE_TIMES
            self._append(window, count.spare, spare.some, now)
        self._append(window, count.counted, kept, now)

    def _append(self, window: int, key: str, kept: int, now: int) -> None:
        lists = self._times[window]
        times = lists.pop(key, None) or []
        times.append(now)
        if len(times) >= 2 * kept + SPARE_DOUBLED:  # seldom, as it moves all that are kept
            del times[:-kept]
        lists[key] = times

    def _take_off(self, window: int, key: str) -> None:
        times = self._times[window][key]
        times.pop()
        if not times:
            del self._times[window][key]

    def _note_caller(self, window: int, key: str, who: str, now: int) -> None:
        sets = self._callers[window]
        callers = sets.pop(key, None) or {}
        callers.pop(who, None)  # who comes again comes last
        callers[who] = now
        while callers[first := next(iter(callers))] <= now - window:
            del callers[first]
        sets[key] = callers

    def _sweep(self, now: int) -> None:
        """Forget what has counted nothing for a window."""
        for window, lists in self._times.items():
            while lists and lists[first := next(iter(lists))][-1] + window <= now:
                del lists[first]
        for window, sets in self._callers.items():
            while sets and _last(sets[first := next(iter(sets))]) + window <= now:
                del sets[first]


def refusing(layers: Sequence[Layer], waits: Sequence[int]) -> list[Layer]:
    """Return the layers that refuse a call, in their order; waits: as ``admit`` told them."""
    return [
        layer
        for layer, wait in zip(layers, waits, strict=True)
        if wait and layer.mode is Mode.ENFORCE
    ]


def _until_one_more(times: Sequence[int], amount: int, window: int, now: int) -> int:
    return max(0, times[-amount] + window - now) if len(times) >= amount else 0


def _jitter(key: str, callers: dict[str, int]) -> float:
    """Return the part of a pause that comes on top, up to a half, by who came last."""
    came = max((at, who) for who, at in _latest(callers))[1] if callers else ""
    digest = hashlib.sha1(f"{key}{came}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:4], 16) / 0x20000


def _latest(callers: dict[str, int]) -> list[tuple[str, int]]:
    """Return those who came last, several when they came in the same millisecond."""
    found: list[tuple[str, int]] = []
    for who, at in reversed(callers.items()):
        if found and at != found[0][1]:
            break
        found.append((who, at))
    return found


def _last(callers: dict[str, int]) -> int:
    return next(reversed(callers.values()), 0)
