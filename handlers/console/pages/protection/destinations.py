"""What the page of limits tells about rules by destination: those that hold, and one verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from conf.protection import DEFAULT_RULES, Action, Mode, Rule
from gateway.access.limiter import Look
from gateway.protection.destinations.rule_gate import RuleGate
from gateway.protection.destinations.rules import ALLOWED, Basis, Verdict, as_verdict
from gateway.telephony.phonenumber import PhoneNumber
from handlers.console.formatting import number, span

MODES = {
    Mode.ENFORCE: "They hold.",
    Mode.MONITOR: "protection=monitor: what they would refuse is counted, and nothing is refused.",
    Mode.OFF: "protection=off: none of them holds.",
}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as a table shows it; origin: file or default."""

    about: str
    endpoint: str
    what: str
    reason: str
    origin: str


@dataclass(frozen=True, slots=True)
class Destination:
    """What a number is to an endpoint.

    used: of the limit of the verdict; arrived: messages in a country that is new; enforced:
    whether the verdict refuses anything.
    """

    verdict: Verdict
    used: Look | None = None
    arrived: int = 0
    known_after: int = 0
    enforced: bool = True

    @property
    def blocked(self) -> bool:
        """Whether a message there is refused."""
        return self.enforced and self.verdict.action is Action.BLOCK

    @property
    def wait(self) -> int:
        """Seconds until a message would pass the limit of the verdict."""
        return self.used.wait if self.used and self.enforced else 0

    @property
    def words(self) -> str:
        """The verdict with its rule and reason, and how much of its limit is used."""
        verdict = self.verdict
        said = [verdict.action.value, *([verdict.words] if verdict != ALLOWED else [])]
        if verdict.reason:
            said.append(verdict.reason)
        if verdict.basis is Basis.NEW_COUNTRY:
            said.append(f"{self.arrived} of {self.known_after} delivered")
        if self.used:
            said.append(f"{self.used.used} of {self.used.amount} in {span(self.used.seconds)}")
        if not self.enforced:
            said.append("not enforced")
        return "; ".join(said)


async def look(gate: RuleGate, endpoint: str, to: PhoneNumber | None) -> Destination | None:
    """Return what a number is to an endpoint, None for no number; counts nothing."""
    if to is None or gate.mode is Mode.OFF:
        return None
    verdict = gate.verdict(endpoint, to)
    used, arrived = await asyncio.gather(
        gate.look(verdict), gate.newcomers.arrived(endpoint, verdict.destination)
    )
    after = gate.newcomers.policy.known_after
    return Destination(verdict, used, arrived, after, gate.mode_of(verdict) is Mode.ENFORCE)


def table(gate: RuleGate) -> list[RuleRow]:
    """Return the rules that hold, narrowest first, and what holds where none does."""
    exempt = [
        RuleRow(f"exempt {number(each)}", "", "allow", held.note, "file")
        for each, held in sorted(gate.rules.exempt.items())
    ]
    policy = gate.newcomers.policy
    new = RuleRow(
        "new country",
        "",
        f"limit: {policy.amount} in {span(policy.window)}",
        f"each country, until {policy.known_after} messages were delivered there",
        "",
    )
    rest = RuleRow("everything else", "", "allow", ALLOWED.reason, "default")
    return [*exempt, *_rows(gate.rules.in_force), *([new] if policy.amount else []), rest]


def _rows(rules: Iterable[Rule]) -> list[RuleRow]:
    return [_row(each, as_verdict(each)) for each in rules]


def _row(rule: Rule, verdict: Verdict) -> RuleRow:
    limited = f": {rule.amount} in {span(rule.window)}" if verdict.limit else ""
    origin = "default" if rule in DEFAULT_RULES else "file"
    return RuleRow(verdict.words, rule.endpoint, f"{rule.action}{limited}", rule.reason, origin)
