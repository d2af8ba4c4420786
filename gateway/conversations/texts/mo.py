"""An MO on its way to a decision, and what was read about it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.conversations.session import Route
from gateway.messaging.inbound.dedup import Token
from gateway.providers.base import Inbound


@dataclass(frozen=True, slots=True)
class Mo:
    """An MO with its numbers in E.164; '' for one that is no number.

    sender: by the spelling that has a route on the number, else as persons are compared.
    """

    inbound: Inbound
    token: Token
    sender: str
    number: str


@dataclass(frozen=True, slots=True)
class Look:
    """What an MO meets: the number's provider, the sender's route, whether he is our number.

    provider: '' for a number that is not ours; now: the time of the look; left: when the sender's
    last session on the number ended, 0 = there was none; both by the store's clock, ms.
    ambiguous: the sender may be two people, of whom neither has a route, or both have.
    """

    provider: str
    route: Route | None
    own: bool
    now: int
    left: int = 0
    ambiguous: bool = False
