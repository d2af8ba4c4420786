"""What a message is called, as the sum of what became of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.models import Delivery
from gateway.providers.base import Outcome

# The state of a part moves to a higher rank only. "unknown" ends a part as well, but a definite
# word that comes later still replaces it.
RANKS: Mapping[Delivery, int] = {
    Delivery.ACCEPTED: 1,
    Delivery.BUFFERED: 2,
    Delivery.UNKNOWN: 3,
    Delivery.DELIVERED: 4,
    Delivery.EXPIRED: 4,
    Delivery.FAILED: 4,
    Delivery.REJECTED: 4,
}
FINAL_RANK = 3
# The outcome of a text of the outbox that is to be tried again.
PENDING = "pending"
# What the answer to the request leaves open is open: a receipt decides.
ANSWER_RANKS = dict(RANKS) | {Delivery.UNKNOWN: RANKS[Delivery.ACCEPTED]}
# What a message is called while some of its parts are not final: the first that is among them.
INTERMEDIATE = (Delivery.BUFFERED, Delivery.UNKNOWN, Delivery.ACCEPTED)
# From worst to best: what a message is called when not all of its parts were delivered.
WORST_FIRST = (Delivery.FAILED, Delivery.REJECTED, Delivery.EXPIRED, Delivery.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Status:
    """What ``/status/`` shows: the delivery, whether it can still change, the parts."""

    delivery: Delivery
    final: bool
    parts: int


def summarise(fields: Mapping[str, str]) -> Status:
    """Return the status of a message from the fields of its record."""
    states = {key[2:]: value.split(" ", 1) for key, value in fields.items() if key[:2] == "p:"}
    count = int(fields.get("parts") or max(int(fields.get("expected", 1)), len(states)))
    outcome = fields.get("outcome", "")
    if not states:
        return Status(*_without_parts(outcome), parts=count)
    final = [Delivery(state) for rank, state in states.values() if int(rank) >= FINAL_RANK]
    if len(final) < count:
        intermediate = {state for rank, state in states.values() if int(rank) < FINAL_RANK}
        open_state = Delivery.UNKNOWN if outcome == Outcome.UNKNOWN else Delivery.ACCEPTED
        shown = next((s for s in INTERMEDIATE if s in intermediate), open_state)
        return Status(shown, False, count)
    worst = (state for state in WORST_FIRST if state in final)
    return Status(next(worst, Delivery.DELIVERED), True, count)


def _without_parts(outcome: str) -> tuple[Delivery, bool]:
    """Return delivery and finality of a message of which the provider took no part."""
    if outcome == PENDING:
        return Delivery.ACCEPTED, False
    if outcome == Outcome.REFUSED:
        return Delivery.REJECTED, True
    if outcome in {Outcome.NOT_SENT, Outcome.THROTTLED}:
        return Delivery.FAILED, True
    # Without an outcome it is under way, or its process died over it: nobody knows.
    return (Delivery.ACCEPTED if outcome == Outcome.ACCEPTED else Delivery.UNKNOWN), False
