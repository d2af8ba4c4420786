"""The rules by destination at the door: what they say is counted, told and enforced, or not."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from conf.protection import Action, Mode
from gateway.access.limiter import Limit, Limiter, Look
from gateway.monitoring.metrics import VERDICTS
from gateway.protection.destinations.newcomers import Newcomers
from gateway.protection.destinations.rules import ALLOWED, Basis, Rules, Verdict
from gateway.protection.limits.admission import Layer
from gateway.protection.links.breaker import LIMIT_CLASS, TRIALS, Breaker
from gateway.protection.links.judgement import State
from gateway.telephony import phonenumber
from gateway.telephony.phonenumber import PhoneNumber

log = logging.getLogger(__name__)

SILENCE_SECONDS = 60.0
_LOOKED_AT = frozenset({Basis.EXEMPT, Basis.RANGE})
_NOBODY_OPENS = "nobody opens the links that go there"


class RuleGate:
    """Asks ``rules`` and ``breaker`` about each message, and does what they say.

    As far as ``mode``, and the breaker's own, has it: MONITOR: counted and shown, and nothing is
    refused; OFF: nothing.
    """

    def __init__(
        self, rules: Rules, newcomers: Newcomers, limiter: Limiter, mode: Mode, breaker: Breaker
    ) -> None:
        self.rules = rules
        self.newcomers = newcomers
        self.breaker = breaker
        self.mode = mode
        self._limiter = limiter
        self._countries: dict[str, tuple[str, ...]] = {}
        self._said = -SILENCE_SECONDS
        self._unsaid = 0

    def judge(self, endpoint: str, number: PhoneNumber) -> Verdict:
        """Return what is to be done with a message of an endpoint (its path), and count it."""
        if self.mode is Mode.OFF:
            return ALLOWED
        verdict = self.verdict(endpoint, number)
        if verdict.action is not Action.ALLOW or verdict.exempt:
            VERDICTS[verdict.action.value, verdict.basis.value].inc()
        if verdict.action is Action.BLOCK:
            self._say(endpoint, verdict)
        return self.enforced(endpoint, number, verdict)

    def enforced(self, endpoint: str, number: PhoneNumber, verdict: Verdict) -> Verdict:
        """Return what of a verdict on a number the modes let be done."""
        if verdict.action is not Action.BLOCK or self.mode_of(verdict) is Mode.ENFORCE:
            return verdict
        return self.rules.verdict(endpoint, number) if self.mode is Mode.ENFORCE else ALLOWED

    def verdict(self, endpoint: str, number: PhoneNumber) -> Verdict:
        """Return what rules and breaker say to a message of an endpoint, whatever the modes are.

        What a rule says of a range, or of a single number, somebody has looked at.
        """
        by_rule = self.rules.verdict(endpoint, number)
        if by_rule.action is Action.BLOCK or by_rule.basis in _LOOKED_AT:
            return by_rule
        return self._by_breaker(number, by_rule) or by_rule

    def mode_of(self, verdict: Verdict) -> Mode:
        """Return what is done about a verdict."""
        return self.breaker.mode if verdict.basis is Basis.BREAKER else self.mode

    def countries(self, endpoint: str) -> tuple[str, ...]:
        """Return the countries (ISO 3166) to which an endpoint (its path) may send."""
        if self.mode is not Mode.ENFORCE:
            return tuple(phonenumber.regions())
        if endpoint not in self._countries:
            regions = phonenumber.regions()
            served = (each for each in regions if not self.rules.blocks(endpoint, each))
            self._countries[endpoint] = tuple(served)
        return self._countries[endpoint]

    def layer(self, verdict: Verdict) -> Layer | None:
        """Return the limit of a verdict as a layer of its message, None without one."""
        if verdict.limit is None:
            return None
        mode = self.mode_of(verdict)
        return Layer(verdict.limit_class, verdict.subject, verdict.limit, mode)

    async def look(self, verdict: Verdict) -> Look | None:
        """Return what that layer would find, None without a limit; counts nothing.

        Raises StoreUnavailable.
        """
        if verdict.limit is None:
            return None
        return await self._limiter.look(verdict.limit_class, verdict.subject, verdict.limit)

    def _by_breaker(self, number: PhoneNumber, by_rule: Verdict) -> Verdict | None:
        """Return the verdict on a number whose range or country is blocked or on trial.

        None where the rule limits it more, and where trials would only be watched.
        """
        found = self.breaker.of(number)
        if found is None:
            return None
        subject, entry = found
        blocked = Verdict(Action.BLOCK, Basis.BREAKER, subject, _NOBODY_OPENS)
        if entry.state is State.BLOCKED:
            return blocked
        if self.breaker.mode is not Mode.ENFORCE or _is_stricter(by_rule.limit, TRIALS):
            return None
        return replace(
            blocked,
            action=Action.LIMIT,
            limit_class=LIMIT_CLASS,
            subject=subject,
            limit=TRIALS,
        )

    def _say(self, endpoint: str, verdict: Verdict) -> None:
        """Say so in the log, at most once a minute."""
        self._unsaid += 1
        now = time.monotonic()
        if now - self._said < SILENCE_SECONDS:
            return
        would = "would be " if self.mode_of(verdict) is Mode.MONITOR else ""
        log.warning(
            "a message of %s %sblocked, by the rule for %s (%d such since this was said last)",
            *(endpoint, would, verdict.words, self._unsaid),
        )
        self._said, self._unsaid = now, 0


def _is_stricter(limit: Limit | None, other: Limit) -> bool:
    """Tell whether a limit lets less through in a time."""
    return limit is not None and limit.amount * other.seconds < other.amount * limit.seconds
