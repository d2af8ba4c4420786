"""What a message is called, as the sum of what became of its parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.providers.base import DeliveryState, Outcome

# What participants say, as opposed to what the gateway tells them: kinds of texts in the outbox.
SPOKEN = frozenset({"relay", "chat"})

# The state of a part moves to a higher rank only. "unknown" ends a part as well, but a definite
# word that comes later still replaces it.
RANKS: Mapping[DeliveryState, int] = {
    DeliveryState.ACCEPTED: 1,
    DeliveryState.BUFFERED: 2,
    DeliveryState.UNKNOWN: 3,
    DeliveryState.DELIVERED: 4,
    DeliveryState.EXPIRED: 4,
    DeliveryState.FAILED: 4,
    DeliveryState.REJECTED: 4,
}
FINAL_RANK = 3
# The outcome of a text of the outbox that is to be tried again.
PENDING = "pending"
# What the answer to the request leaves open is open: a receipt decides.
ANSWER_RANKS = dict(RANKS) | {DeliveryState.UNKNOWN: RANKS[DeliveryState.ACCEPTED]}
# What a message is called while some of its parts are not final: the first that is among them.
INTERMEDIATE = (DeliveryState.BUFFERED, DeliveryState.UNKNOWN, DeliveryState.ACCEPTED)
# From worst to best: what a message is called when not all of its parts were delivered.
WORST_FIRST = (
    DeliveryState.FAILED,
    DeliveryState.REJECTED,
    DeliveryState.EXPIRED,
    DeliveryState.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Status:
    """What ``/status/`` shows: the delivery, whether it can still change, the parts."""

    delivery: DeliveryState
    final: bool
    parts: int


def summarise(fields: Mapping[str, str]) -> Status:
    """Return the status of a message from the fields of its record."""
    parts = [value.split(" ", 1) for name, value in fields.items() if name.startswith("p:")]
    count = int(fields.get("parts") or max(int(fields.get("expected", 1)), len(parts)))
    outcome = fields.get("outcome", "")
    if not parts:
        return Status(*_without_parts(outcome), count)
    final = [DeliveryState(state) for rank, state in parts if int(rank) >= FINAL_RANK]
    if len(final) < count:
        known = {state for rank, state in parts if int(rank) < FINAL_RANK}
        return Status(_of_open_parts(known, outcome), False, count)
    worst = (state for state in WORST_FIRST if state in final)
    return Status(next(worst, DeliveryState.DELIVERED), True, count)


def is_told(fields: Mapping[str, str]) -> bool:
    """Tell whether receipts have said what became of the message of a record."""
    if not any(name.startswith("p:") for name in fields):
        return False
    status = summarise(fields)
    return status.final and status.delivery is not DeliveryState.UNKNOWN


def _of_open_parts(known: Collection[str], outcome: str) -> DeliveryState:
    """Return the delivery of a message some of whose parts are not final; known: their states."""
    unheard = DeliveryState.UNKNOWN if outcome == Outcome.UNKNOWN else DeliveryState.ACCEPTED
    return next((state for state in INTERMEDIATE if state in known), unheard)


def _without_parts(outcome: str) -> tuple[DeliveryState, bool]:
    """Return delivery and finality of a message of which the provider took no part."""
    if outcome == PENDING:
        return DeliveryState.ACCEPTED, False
    if outcome == Outcome.REFUSED:
        return DeliveryState.REJECTED, True
    if outcome in {Outcome.NOT_SENT, Outcome.THROTTLED}:
        return DeliveryState.FAILED, True
    # Without an outcome it is under way, or its process died over it: nobody knows.
    return (DeliveryState.ACCEPTED if outcome == Outcome.ACCEPTED else DeliveryState.UNKNOWN), False
