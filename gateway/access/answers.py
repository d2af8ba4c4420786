"""Who of those that take part in nothing is answered, and how many of them in an hour."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access.limiter import Limit, Limiter
from gateway.telephony.answerable import Answerable

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Answers:
    """Whom the gateway answers unasked; most: of one number of ours in an hour, 0 = any number."""

    limiter: Limiter
    whom: Answerable
    most: int

    def may(self, sender: str, *reached: str) -> bool:
        """Tell whether a person may be answered by one of the numbers that he may have reached."""
        return self.whom.may(sender, reached)

    async def hit(self, number: str) -> None:
        """Count an answer of one number of ours; raises LimitExceeded, StoreUnavailable."""
        await self.limiter.hit("answers", number, Limit(self.most, HOUR))
