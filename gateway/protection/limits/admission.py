"""Whether a call may go on: all its limits are looked at, and it is counted by all or none.

Each limit holds in any window of its length, over all processes, as in ``gateway.access.limiter``.
On a Cluster, where a script may not touch the keys of all limits, they are looked at one script a
limit, all in one pipeline, then counted so; a call that a limit refuses only then, because another
one came between, is given back by the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from conf.protection import Mode
from gateway.access.limiter import Limit, Look
from gateway.access.refusals import Refusals
from gateway.errors import LimitExceeded
from gateway.monitoring.metrics import LIMITED, WATCHED
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Reply, Script, ScriptCall

_ADMIT = Script.load(__file__, "admit", "_enqueue", "_window", "_looked", "_spare")
_GIVE_BACK = Script.load(__file__, "limit_give_back")
_COUNT, _LOOK = 1, 0
# An answer for the first layer alone has so many words: now, counted, wait, used, less.
_SHORT, _WAIT = 5, 2


class SpareKind(StrEnum):
    """Whom a limit lets through though it is full; _spare.lua says how."""

    NOBODY = ""
    CALLERS = "callers"
    SHARE = "share"


# Frozen ones take twice as long to make, and each call has a dozen.
@dataclass(slots=True, unsafe_hash=True)
class Spare:
    """What a full limit has left; who: a digest of the caller, or the part of the whole.

    some: of a part so many calls in the window are let through.
    """

    kind: SpareKind = SpareKind.NOBODY
    who: str = ""
    some: int = 0


NOTHING_SPARE = Spare()


@dataclass(slots=True, unsafe_hash=True)
class Layer:
    """One limit of a call: ``limit`` calls of ``subject`` in a class of counts.

    mode: OFF is not asked for; told: visitors learn what is left of it.
    """

    limit_class: str
    subject: str
    limit: Limit
    mode: Mode = Mode.ENFORCE
    spare: Spare = NOTHING_SPARE
    told: bool = False

    _wire: tuple[str, str, str] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def keys(self) -> tuple[str, str]:
        """The key of its count, and that of its spare."""
        return self.wire[:2]

    @property
    def wire(self) -> tuple[str, str, str]:
        """Its keys, and what a script has to know of it in words; made once."""
        if self._wire is None:
            self._wire = *self._keys(), self._words()
        return self._wire

    def _keys(self) -> tuple[str, str]:
        counted, spare = keys.limit(self.limit_class, self.subject), self.spare
        if spare.kind is SpareKind.NOBODY:
            return counted, counted
        if spare.kind is SpareKind.CALLERS:
            return counted, keys.limit_callers(self.limit_class, self.subject)
        return counted, keys.limit_share(self.limit_class, spare.who, self.subject)

    def _words(self) -> str:
        limit, spare = self.limit, self.spare
        enforced = 1 if self.mode is Mode.ENFORCE else 0
        return (
            f"{limit.amount} {limit.seconds * 1000:.0f} {enforced}"
            f" {spare.kind} {spare.some} {spare.who}"
        )


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: ``left`` calls; whole seconds until it is one more."""

    limit: Limit
    left: int
    more: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that was let through and counted.

    allowance: of the layer that visitors are told; counts: where it was counted, and when (ms).
    """

    allowance: Allowance | None = None
    counts: tuple[tuple[Layer, int], ...] = ()

    @property
    def allowance_before(self) -> Allowance | None:
        """What is left of that layer once the call is given back."""
        if self.allowance is None:
            return None
        limit, left = self.allowance.limit, self.allowance.left + 1
        return Allowance(limit, left, 0 if left == limit.amount else self.allowance.more)


class LayerRefused(LimitExceeded):
    """A layer refuses the call; ``retry_after``: until all of them would let it through.

    told: whether the layer is the one that visitors are told of, whose allowance this is.
    """

    def __init__(self, retry_after: int, *, told: bool, allowance: Allowance | None) -> None:
        super().__init__(retry_after)
        self.told = told
        self.allowance = allowance


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a script found in one layer; ms: at, wait, less; used: -1 = not looked for."""

    layer: Layer
    at: int
    wait: int
    used: int
    less: int

    @property
    def refuses(self) -> bool:
        return self.wait > 0 and self.layer.mode is Mode.ENFORCE

    @property
    def allowance(self) -> Allowance | None:
        if not self.layer.told:
            return None
        limit = self.layer.limit
        return Allowance(limit, max(limit.amount - self.used, 0), _seconds(self.less))


class Admission:
    """Counts calls in layers; refusals: where they are noted for those who look after them."""

    def __init__(self, store: Store, refusals: Refusals | None = None) -> None:
        self._store = store
        self._refusals = refusals

    async def admit(self, layers: Sequence[Layer]) -> Admitted:
        """Count a call in all its layers, if every enforced one lets it through.

        layers: in the order in which they refuse; none or more. Raises LayerRefused, and then
        nothing is counted, or StoreUnavailable when that is not known.
        """
        layers = _limiting(layers)
        if not layers:
            return Admitted()
        if self._store.is_cluster:
            seen = await self._one_by_one(layers)
        else:
            reply = await self._store.run(*_call(_COUNT, layers))
            if len(reply) == _SHORT and not reply[_WAIT]:  # all have counted it
                [first] = _seen(layers[:1], reply)
                return Admitted(first.allowance, tuple([(each, first.at) for each in layers]))
            seen = _seen(layers, reply)
        for each in seen:
            if each.refuses:
                raise await self._refused(each, seen)
        for each in seen:
            if each.wait:
                WATCHED[(_label(each.layer.limit_class, WATCHED),)].inc()
        return Admitted(seen[0].allowance, _counts(seen))

    async def give_back(self, admitted: Admitted) -> None:
        """Forget a call that something else than a limit refuses; raises StoreUnavailable."""
        await self._give_back(admitted.counts)

    async def look(self, layers: Sequence[Layer]) -> list[Look]:
        """Return what a call would meet in each layer, and count nothing; raises StoreUnavailable.

        Layers without a limit stand among the others, with an amount of 0.
        """
        limiting = _limiting(layers)
        replies = await self._store.run_all([_call(_LOOK, [each]) for each in limiting])
        found = {
            id(layer): Look(used, layer.limit.amount, layer.limit.seconds, _seconds(wait))
            for layer, (_, _, wait, used, _) in zip(limiting, replies, strict=True)
        }
        return [found.get(id(each), Look(0, 0, each.limit.seconds, 0)) for each in layers]

    async def _one_by_one(self, layers: Sequence[Layer]) -> list[_Seen]:
        """Do the same where each layer has a server of its own."""
        seen = await self._each(_LOOK, layers)
        if any(each.refuses for each in seen):
            return seen
        seen = await self._each(_COUNT, layers)
        if any(each.refuses for each in seen):
            await self._give_back(_counts(seen))
        return seen

    async def _each(self, what: int, layers: Sequence[Layer]) -> list[_Seen]:
        replies = await self._store.run_all([_call(what, [each]) for each in layers])
        return [_seen([layer], reply)[0] for layer, reply in zip(layers, replies, strict=True)]

    async def _give_back(self, counts: Sequence[tuple[Layer, int]]) -> None:
        await self._store.run_all(
            [
                (_GIVE_BACK, layer.keys, (at, layer.spare.kind, layer.spare.who))
                for layer, at in counts
            ]
        )

    async def _refused(self, by: _Seen, seen: Sequence[_Seen]) -> LayerRefused:
        """Return the error of a call; by: the first layer that refuses it, where it is noted."""
        limit_class = by.layer.limit_class
        LIMITED[(_label(limit_class, LIMITED),)].inc()
        if self._refusals is not None:
            await self._refusals.note(limit_class, by.layer.subject, by.at + by.wait)
        wait = max(each.wait for each in seen if each.refuses)
        return LayerRefused(_seconds(wait), told=by.layer.told, allowance=seen[0].allowance)


def _limiting(layers: Sequence[Layer]) -> list[Layer]:
    return [each for each in layers if each.limit.amount]


def _call(what: int, layers: Sequence[Layer]) -> ScriptCall:
    names: list[str] = []
    words: list[Argument] = [what]
    for each in layers:
        counted, spare, known = each.wire
        names += counted, spare
        words.append(known)
    return _ADMIT, names, words


def _seen(layers: Sequence[Layer], reply: Reply) -> list[_Seen]:
    at, _, *flat = reply
    found = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return [_Seen(layer, at, *each) for layer, each in zip(layers, found, strict=True)]


def _counts(seen: Sequence[_Seen]) -> tuple[tuple[Layer, int], ...]:
    """Return the layers that have counted a call, and when each did."""
    return tuple((each.layer, each.at) for each in seen if not each.wait)


def _seconds(ms: int) -> int:
    return math.ceil(ms / 1000)


def _label(limit_class: str, known: Mapping[tuple[str, ...], object]) -> str:
    """Return the name of a class of limits in the metrics; what none is made by a rule."""
    name = limit_class.partition(":")[0].partition("-")[0]
    return name if (name,) in known else "rule"
