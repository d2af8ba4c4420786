"""The rules by destination at the door: what they say is counted, told and enforced, or not."""

from __future__ import annotations

import logging
import time

from conf.protection import Action, Mode
from gateway.access.limiter import Limiter, Look
from gateway.errors import LimitExceeded
from gateway.monitoring.metrics import VERDICTS
from gateway.protection.newcomers import Newcomers
from gateway.protection.rules import ALLOWED, Rules, Verdict
from gateway.telephony.phonenumber import PhoneNumber

log = logging.getLogger(__name__)

SILENCE_SECONDS = 60.0


class RuleGate:
    """Asks ``rules`` about each message, and does what they say as far as ``mode`` has it.

    MONITOR: counted and shown, and nothing is refused; OFF: nothing.
    """

    def __init__(self, rules: Rules, newcomers: Newcomers, limiter: Limiter, mode: Mode) -> None:
        self.rules = rules
        self.newcomers = newcomers
        self.mode = mode
        self._limiter = limiter
        self._said = -SILENCE_SECONDS
        self._unsaid = 0

    def judge(self, endpoint: str, number: PhoneNumber) -> Verdict:
        """Return what is to be done with a message of an endpoint (its path) to a number."""
        if self.mode is Mode.OFF:
            return ALLOWED
        verdict = self.rules.verdict(endpoint, number)
        if verdict.action is not Action.ALLOW or verdict.exempt:
            VERDICTS[verdict.action.value, verdict.basis.value].inc()
        if verdict.action is not Action.BLOCK:
            return verdict
        self._say("blocked", endpoint, verdict)
        return verdict if self.mode is Mode.ENFORCE else ALLOWED

    async def admit(self, endpoint: str, verdict: Verdict) -> None:
        """Count a message under the limit of its verdict.

        Raises LimitExceeded with the whole seconds until one would pass, StoreUnavailable.
        """
        if verdict.limit is None:
            return
        look = await self.look(verdict) if self.mode is Mode.MONITOR else None
        if look and look.wait:
            self._note_over(endpoint, verdict)
            return
        try:
            await self._limiter.hit(verdict.limit_class, verdict.subject, verdict.limit)
        except LimitExceeded:
            self._note_over(endpoint, verdict)
            if self.mode is Mode.ENFORCE:
                raise

    async def look(self, verdict: Verdict) -> Look | None:
        """Return what ``admit`` would find, None without a limit; counts nothing.

        Raises StoreUnavailable.
        """
        if verdict.limit is None:
            return None
        return await self._limiter.look(verdict.limit_class, verdict.subject, verdict.limit)

    def _note_over(self, endpoint: str, verdict: Verdict) -> None:
        VERDICTS["over", verdict.basis.value].inc()
        self._say("limited", endpoint, verdict)

    def _say(self, what: str, endpoint: str, verdict: Verdict) -> None:
        """Say so in the log, at most once a minute."""
        self._unsaid += 1
        now = time.monotonic()
        if now - self._said < SILENCE_SECONDS:
            return
        would = "would be " if self.mode is Mode.MONITOR else ""
        log.warning(
            "a message of %s %s%s, by the rule for %s (%d such since this was said last)",
            *(endpoint, would, what, verdict.words, self._unsaid),
        )
        self._said, self._unsaid = now, 0
