"""Texts that could not be sent: the operator queues them again or discards them."""

from __future__ import annotations

from gateway.messaging.outbox.shelf import Shelf
from gateway.store import keys
from gateway.store.pipeline import Store


class DeadLetters(Shelf):
    """The dead letters, which hold texts; ``days``: how long they are kept."""

    def __init__(self, store: Store, days: float) -> None:
        super().__init__(store, keys.DEAD, keys.DEAD_TIMES, noun="dead letter", days=days)
