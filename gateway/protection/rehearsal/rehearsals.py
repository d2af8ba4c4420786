"""Rehearsals over the log of one gateway."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from conf.messages import MessageEndpoint
from conf.protection import Mode, Protection
from gateway.access.limiter import MessageLimits
from gateway.messaging.history import History, Message
from gateway.protection.rehearsal.play import rehearse
from gateway.protection.rehearsal.report import Report, moment
from gateway.protection.rehearsal.terms import LinkProblems, Terms, read_tried
from gateway.protection.spending.budget import Budget
from gateway.store.values import DAY_MS, days_ms


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a rehearsal goes that somebody waits for: the newest messages, seconds."""

    messages: int
    seconds: float


class Rehearsals:
    """Plays terms over what the log holds, and changes nothing.

    days: how long the log is kept; receipts: whether any tell what was delivered; links: as for
    ``read_tried``; the rest is what is in force.
    """

    def __init__(
        self,
        history: History,
        budget: Budget,
        protection: Protection,
        limits: MessageLimits,
        endpoints: Mapping[str, MessageEndpoint],
        *,
        mode: Mode,
        days: float,
        receipts: bool,
        links: LinkProblems = lambda sites: (),
    ) -> None:
        self._history = history
        self._budget = budget
        self._protection = protection
        self._limits = limits
        self._endpoints = endpoints
        self._mode = mode
        self._receipts = receipts
        self._links = links
        self._one_at_a_time = asyncio.Lock()
        self.days = days

    @property
    def file(self) -> str:
        """The protection file in force, '' = the defaults hold."""
        return self._protection.file

    def read(self, name: str, written: str) -> tuple[Protection, list[str]]:
        """Return the protection that a text says, and what is wrong with it as at a start."""
        return read_tried(Path(name), written, links=self._links)

    async def present(self) -> Terms:
        """Return the terms in force; raises StoreUnavailable."""
        usual = await self._budget.usual()
        return Terms(self._protection, self._limits, usual, self._endpoints, self._mode)

    async def play(
        self,
        tried: Terms,
        present: Terms,
        *,
        days: float,
        bounds: Bounds | None = None,
        progress: Callable[[int], None] = lambda read: None,
    ) -> Report:
        """Return what terms would have refused in the last days, and those in force.

        progress: is told how many messages were read. Raises StoreUnavailable.
        """
        now = int(time.time() * 1000)
        report = Report(now - days_ms(days), now, self._receipts)
        since = _first_needed(report.begin)
        if bounds is not None:
            last, first_left_out = await asyncio.gather(
                self._history.moment_of(bounds.messages - 1),
                self._history.moment_of(bounds.messages),
            )
            since = max(since, last)
            if first_left_out >= report.begin:
                report.begin = last
                report.cut = f"Only the newest {bounds.messages:,} messages are played here."
        async with self._one_at_a_time:
            stop = _after(bounds.seconds if bounds else math.inf)
            await rehearse(self._messages(since, progress), tried, present, report, stop=stop)
        if bounds is not None and report.end < now:
            where = f"at the messages of {moment(report.end)}"
            ended = f"It was ended after {bounds.seconds:g} s of work, {where}."
            report.cut = f"{report.cut} {ended}".lstrip()
        return report

    async def _messages(
        self, since: int, progress: Callable[[int], None]
    ) -> AsyncIterator[list[Message]]:
        read = 0
        async for some in self._history.since(since):
            yield some
            read += len(some)
            progress(read)


def _first_needed(begin: int) -> int:
    """Return since when messages count in limits and budgets of a moment, as far as is kept.

    All usual windows are a day at most; the budget of a month begins with it.
    """
    at = datetime.fromtimestamp(begin / 1000, UTC)
    month = datetime(at.year, at.month, 1, tzinfo=UTC)
    return min(int(month.timestamp() * 1000), begin - DAY_MS)


def _after(seconds: float) -> Callable[[], bool]:
    """Return what tells whether the seconds from now on are over."""
    over = time.monotonic() + seconds
    return lambda: time.monotonic() > over
