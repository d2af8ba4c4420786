"""What becomes of a text of the outbox after an attempt, by what its provider has said."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.providers.base import Obstacle, Outcome, SubmitResult


class Resend(StrEnum):
    """Which unanswered texts are sent again by themselves: the option resend_unknown.

    NEVER: none; REFUSED: those that the provider's edge did not let in; EDGE: also those of which
    the edge heard nothing; ALWAYS: also, once and later, those that got no answer at all.
    """

    NEVER = "never"
    REFUSED = "refused"
    EDGE = "edge"
    ALWAYS = "always"


class Verdict(StrEnum):
    """What becomes of a text.

    DONE: the provider has it; RETRY: it is sent again; HOLD: it is, and with it all texts of its
    provider, once that takes texts again; UNKNOWN: it may have been sent, and is kept
    until that is known; DEAD: it was not sent and is kept for the operator.
    """

    DONE = "done"
    RETRY = "retry"
    HOLD = "hold"
    UNKNOWN = "unknown"
    DEAD = "dead"


_REPEATED: Mapping[Resend, frozenset[Obstacle]] = {
    Resend.NEVER: frozenset(),
    Resend.REFUSED: frozenset({Obstacle.TURNED_AWAY}),
    Resend.EDGE: frozenset({Obstacle.TURNED_AWAY, Obstacle.EDGE}),
    Resend.ALWAYS: frozenset({Obstacle.TURNED_AWAY, Obstacle.EDGE}),
}
# After these another attempt follows.
OPEN = frozenset({Verdict.RETRY, Verdict.HOLD})
# Not in doubt: nothing was sent.
_NOT_TAKEN = frozenset({Outcome.THROTTLED, Outcome.NOT_SENT})


def judge(result: SubmitResult, resend: Resend, *, last: bool) -> Verdict:
    """Return what becomes of a text; last: it has been tried for long enough."""
    if result.outcome is Outcome.ACCEPTED:
        return Verdict.DONE
    if result.obstacle in (Obstacle.TURNED_AWAY, Obstacle.EDGE):
        return _of_edge(result, result.obstacle, resend, last=last)
    if result.obstacle in (Obstacle.ACCOUNT, Obstacle.UNREACHABLE):
        return Verdict.DEAD if last else Verdict.HOLD
    if result.outcome in _NOT_TAKEN and not last:
        return Verdict.RETRY
    return Verdict.UNKNOWN if result.outcome is Outcome.UNKNOWN else Verdict.DEAD


def _of_edge(result: SubmitResult, obstacle: Obstacle, resend: Resend, *, last: bool) -> Verdict:
    """Return the same of what the provider's edge answered in its place."""
    if obstacle not in _REPEATED[resend]:
        return Verdict.UNKNOWN if result.outcome is Outcome.UNKNOWN else Verdict.DEAD
    if not last:
        return Verdict.RETRY
    return Verdict.DEAD if obstacle is Obstacle.TURNED_AWAY else Verdict.UNKNOWN
