"""When a call has to bring a proof, and what becomes of one that does or does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from conf.protection import Action, Mode
from gateway.access.limiter import Look
from gateway.errors import ProofNeeded, ProofUnavailable
from gateway.monitoring.metrics import PROOFS
from gateway.protection.destinations.rules import Verdict
from gateway.protection.limits.admission import Admission, Layer
from gateway.protection.proof.base import Proof, Purpose, Worth
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import WARN_FROM

# From this part of a limit on it is nearly reached, as a budget is.
NEARLY = WARN_FROM


class When(StrEnum):
    """Of which calls a proof is asked; PRESSURE: of those for which limits or money get scarce."""

    OFF = "off"
    ALWAYS = "always"
    PRESSURE = "pressure"


class Why(StrEnum):
    """For what reason a proof is asked of a call."""

    ALWAYS = "always"
    RULE = "rule"
    LIMIT = "limit"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a call without a proof meets: why one is needed, None = it is not; pressure: 0 to 1.

    refused: a limit that holds whatever a call asks for refuses it.
    """

    why: Why | None
    pressure: float
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Scales:
    """By what a call is weighed; by_caller: layers that refuse whatever it asks for.

    scopes: the budgets that it is paid from.
    """

    rule: Verdict
    by_caller: Sequence[Layer]
    by_message: Sequence[Layer]
    scopes: Collection[str]


class ProofGate:
    """Asks for proofs and takes them; watch: it only counts of whom it would ask one."""

    def __init__(
        self, proof: Proof, when: When, admission: Admission, budget: Budget, *, watch: bool
    ) -> None:
        self.when = when
        self.watch = watch
        self._proof = proof
        self._admission = admission
        self._budget = budget

    @property
    def is_off(self) -> bool:
        """Whether nothing is to be proven, ever."""
        return self.when is When.OFF

    def brought(self, arguments: Mapping[str, str]) -> str:
        """Return the proof that a call brings, '' without one, and where nobody looks at it."""
        return "" if self.watch else arguments.get(self._proof.field, "").strip()

    async def accepts(self, answer: str, purpose: Purpose) -> bool:
        """Tell whether a proof is good, for the first time; raises like ``Proof.judge``."""
        try:
            worth = await self._proof.judge(answer, purpose)
        except ProofUnavailable:
            PROOFS[("unanswered",)].inc()
            raise
        PROOFS[(worth.value,)].inc()
        return worth is Worth.ACCEPTED

    async def ask(self, purpose: Purpose, pressure: float) -> None:
        """Raise ProofNeeded with a challenge, StoreUnavailable; count it alone while watching."""
        if self.watch:
            PROOFS[("watched",)].inc()
            return
        challenge = await self._proof.challenge(purpose, pressure)
        PROOFS[("asked",)].inc()
        raise ProofNeeded(challenge)

    async def weigh(self, scales: Scales) -> Weighed:
        """Return whether a call needs a proof, and count nothing; raises StoreUnavailable."""
        layers = [*scales.by_caller, *scales.by_message]
        looks = await self._admission.look(layers)
        of_caller = zip(scales.by_caller, looks, strict=False)
        refused = any(look.wait and _enforced(layer) for layer, look in of_caller)
        limits = max((_used(*each) for each in zip(layers, looks, strict=True)), default=0.0)
        money = max(
            (each.used for each in self._budget.levels if each.scope in scales.scopes), default=0.0
        )
        why = self._why(scales.rule, limits, money)
        return Weighed(why, _pressure(max(limits, money)), refused)

    def _why(self, rule: Verdict, limits: float, money: float) -> Why | None:
        if self.when is When.ALWAYS:
            return Why.ALWAYS
        if rule.action is Action.LIMIT:
            return Why.RULE
        if limits >= NEARLY:
            return Why.LIMIT
        return Why.BUDGET if money >= WARN_FROM else None


def _enforced(layer: Layer) -> bool:
    return layer.mode is Mode.ENFORCE


def _used(layer: Layer, look: Look) -> float:
    """Return which part of a limit is used up, 0 for one that refuses nobody."""
    return look.used / look.amount if look.amount and _enforced(layer) else 0.0


def _pressure(used: float) -> float:
    return min(max((used - NEARLY) / (1 - NEARLY), 0.0), 1.0)
