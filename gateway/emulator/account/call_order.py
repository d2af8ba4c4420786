"""What a handset is told to do with a call: the order, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from gateway.emulator import checks

# What becomes of the connect leg. https://developer.vonage.com/en/voice/voice-api/webhook-reference
RESULTS = (
    "answered",
    "busy",
    "timeout",
    "rejected",
    "failed",
    "unanswered",
    "cancelled",
)
CALLER, CALLEE = "caller", "callee"
MAX_SECONDS = 86_400
MAX_INPUTS = 20

_DIGITS = re.compile(r"[0-9*#]{1,50}")


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call for a handset to make.

    answer: what becomes of each connect leg; ring and duration: seconds until it is answered, and
    then until ``hangup_by`` ends it; hold: until it is hung up by hand instead; anonymous: the
    caller's number is withheld; digits: what is typed at each input, nothing when they are used
    up; detail: of the connect leg's last event ('' = the usual one).
    """

    sender: str
    to: str
    answer: str = "answered"
    ring: float = 2.0
    duration: float = 7.0
    hold: bool = False
    hangup_by: str = CALLER
    anonymous: bool = False
    digits: tuple[str, ...] = ()
    detail: str = ""

    @property
    def shown_sender(self) -> str:
        """The caller as the network shows him."""
        return "anonymous" if self.anonymous else self.sender


def parse(body: Mapping[str, object]) -> CallOrder:
    """Return the order that JSON means; raises BadRequest naming a wrong or missing key."""
    values = checks.handset_order(body, _CHECKS)
    return CallOrder(**cast(dict[str, Any], values))


def _digits(value: object) -> tuple[str, ...]:
    found = tuple(checks.text(item) for item in checks.items(value, MAX_INPUTS))
    if not all(_DIGITS.fullmatch(item) for item in found):
        raise ValueError("must be digits, * and #, or a list of such texts")
    return found


_CHECKS: Mapping[str, checks.Check] = {
    "from": checks.address,
    "to": checks.number,
    "answer": checks.one_of(RESULTS),
    "ring": checks.real(MAX_SECONDS),
    "duration": checks.real(MAX_SECONDS),
    "hold": checks.flag,
    "hangup_by": checks.one_of((CALLER, CALLEE)),
    "anonymous": checks.flag,
    "digits": _digits,
    "detail": checks.text,
}
