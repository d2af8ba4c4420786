"""Messages of the past, made up: as the log has them, and rehearsals of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from conf.messages import MessageEndpoint
from conf.protection import Mode, Protection
from gateway.access.limiter import Limit, MessageLimits
from gateway.messaging.history import Message
from gateway.messaging.status import Status
from gateway.protection.rehearsal.play import rehearse
from gateway.protection.rehearsal.report import Report
from gateway.protection.rehearsal.terms import Terms
from gateway.protection.spending.money import Allowance
from gateway.providers.base import DeliveryState

PATH = "/message"
ENDPOINTS: Mapping[str, MessageEndpoint] = {PATH: MessageEndpoint(PATH, "Hello", "Sender")}
# Noon of a day in the middle of a month, ms.
NOON = int(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp() * 1000)
HOUR_MS = 3_600_000
DELIVERED = Status(DeliveryState.DELIVERED, True, 1)
FAILED = Status(DeliveryState.FAILED, True, 1)
NO_LIMITS = MessageLimits(Limit(0, 1), Limit(0, 1))
ANY_MONEY = Allowance(0, 0)


def message(n: int, seconds: float = 0.0, **fields: Any) -> Message:
    """Return message ``n``, asked for so many seconds after noon; all are different people's."""
    at = NOON + round(seconds * 1000)
    usual = Message(
        id=f"{n:032x}",
        to=f"+49176{n:04}6900",
        created=at,
        status=DELIVERED,
        attempts=1,
        sender="Sender",
        text="Hello",
        provider="nexmo",
        source=PATH,
        session="",
        outcome="accepted",
        code="",
        error="",
        price="0.1",
        network="26201",
        caller=f"visitor-{n}",
        counted=at,
    )
    return replace(usual, **fields)


def terms(protection: Protection | None = None, **fields: Any) -> Terms:
    """Return terms that refuse nothing but what a protection file or ``fields`` have refused."""
    usual = Terms(protection or Protection(), NO_LIMITS, ANY_MONEY, ENDPOINTS)
    return replace(usual, **fields)


async def rehearsed(
    messages: Iterable[Message],
    tried: Terms,
    present: Terms | None = None,
    *,
    begin: int = NOON,
    receipts: bool = True,
) -> Report:
    """Return what comes of playing messages; in force is nothing unless told."""
    report = Report(begin, NOON + 30 * 24 * HOUR_MS, receipts)
    in_force = present or terms(mode=Mode.OFF)
    await rehearse(_in_chunks(list(messages)), tried, in_force, report)
    return report


async def _in_chunks(messages: Sequence[Message]) -> AsyncIterator[Sequence[Message]]:
    for start in range(0, len(messages), 7):
        yield messages[start : start + 7]
