"""One delivery of the outbox: from the look at the head of a claimed direction to the decision.

A text whose request was written is written again only where its answer says that it was not taken,
or its owner wants that risk (``verdict``); otherwise it is listed as unknown. A process that dies
over a request leaves a text that another one sends again, with the same id.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from gateway.errors import BudgetExhausted, StoreUnavailable
from gateway.messaging.outbox.holds import Hold, Holds, Look, tried
from gateway.messaging.outbox.queue import CONFIRMATION, NOTICE, Claim, Outbox, OutboxEntry, Turn
from gateway.messaging.outbox.verdict import OPEN, Resend, Verdict, judge
from gateway.messaging.sending.messenger import NO_SUCH_PROVIDER, Messenger, NoTurn
from gateway.messaging.sending.pacer import JITTER_MARGIN, Flow
from gateway.monitoring.metrics import BUDGET_NOTICES
from gateway.providers.base import Obstacle, Outcome, Sms, SubmitResult

log = logging.getLogger(__name__)

# Who found no place or no turn looks again after so many seconds, not all at once, and later the
# more directions wait: looking is work, too.
NO_TURN_PAUSE = (1.0, 2.0)
CROWD = 500
STORE_PAUSE = 1.0
STORE_STEP = 0.25  # between attempts to write down a decision
ERROR_PAUSE = 60.0  # of a direction that meets an error of our own before its text is known
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# A claim waits for the pace of its number no longer than this: others can use its place.
LONGEST_PACE_WAIT_MS = 1000
TELL_AGAIN_AFTER = (0.25, 1, 2, 4)

NO_MONEY = SubmitResult(
    Outcome.NOT_SENT, code="budget", text="the budget is used up", obstacle=Obstacle.BUDGET
)
CRASHED = "an error inside the gateway"
HELD_BACK = "held back for too long"


class Fate(StrEnum):
    """What a text is called once it is decided what becomes of it."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


Suppressed = Callable[[OutboxEntry], Awaitable[bool]]
Decided = Callable[[OutboxEntry, str, SubmitResult | None], Awaitable[None]]
Repeated = Callable[[OutboxEntry], None]
Waits = Callable[[OutboxEntry], Awaitable[None]]


def backoff(attempts: int, retry_after: float | None) -> float:
    """Return the seconds before the next attempt after ``attempts`` have failed before this one."""
    pause = min(FIRST_BACKOFF * 2.0 ** min(attempts, 10), LONGEST_BACKOFF)
    return max(pause * random.uniform(0.75, 1.25), retry_after or 0.0)  # noqa: S311


def interval_ms(rate: float) -> int:
    """Return the time between two texts of one number at ``rate`` a second, 0 = unpaced."""
    return math.ceil(1000 / rate * JITTER_MARGIN) if rate else 0


class Slots:
    """How many deliveries go through each provider at the moment.

    most: allowed for one; waiting: directions in the outbox, as far as is known.
    """

    def __init__(self, most: int) -> None:
        self.waiting = 0
        self._most = most
        self._busy: Counter[str] = Counter()

    @contextmanager
    def taken(self, provider: str) -> Iterator[None]:
        """Hold a place of a provider's; raises NoTurn when there is none."""
        if self._busy[provider] >= self._most:
            raise NoTurn
        self._busy[provider] += 1
        try:
            yield
        finally:
            self._busy[provider] -= 1

    def later(self) -> float:
        """Return the seconds after which who found no place looks again."""
        return random.uniform(*NO_TURN_PAUSE) * max(1.0, self.waiting / CROWD)  # noqa: S311


@dataclass(frozen=True, slots=True)
class Tools:
    """What deliveries need, the same for all."""

    outbox: Outbox
    holds: Holds
    messenger: Messenger
    suppressed: Suppressed
    decided: Decided
    repeated: Repeated
    slots: Slots
    resend: Resend
    lease_ms: int
    interval_ms: int
    waits: Waits


class Delivery:
    """One claim, from the look at its head to the decision.

    writing: the request may have left; returnable: the claim may still be handed back as it was.
    """

    def __init__(self, tools: Tools, claim: Claim) -> None:
        self._tools = tools
        self._outbox = tools.outbox
        self.claim = claim
        self.writing = False
        self.returnable = True
        self._turn = Turn.WRITE
        self._tries = ""  # the provider of which this text is to show whether it is back

    async def run(self) -> None:
        """Send the head and decide; whatever fails before the request leaves it to a later look."""
        try:
            await self._send_head()
        except StoreUnavailable:
            await self.hand_back(STORE_PAUSE)
        except NoTurn:
            await self.hand_back(self._tools.slots.later())
        except Exception:
            log.exception("outbox: a direction was left, it is looked at again")
            # Once written, it must not be soon again: the claim runs out instead.
            if not self.writing:
                await self.hand_back(ERROR_PAUSE)
        finally:
            if self._tries and not self.writing:
                with suppress(StoreUnavailable):
                    await self._tools.holds.not_tried(self._tries)

    async def hand_back(self, delay: float) -> None:
        """End the claim and leave its text to another look after ``delay`` seconds."""
        await self._insist(lambda: self._outbox.release(self.claim, delay))

    async def _send_head(self) -> None:
        found = await self._tools.holds.head(self.claim)
        head = found.text
        if found.look is Look.PARKED:
            return
        if not head:
            await self.hand_back(0)
            return
        entry = _read(head, self.claim.direction)
        if entry is None:
            log.error("outbox: a text cannot be read and becomes a dead letter")
            await self._insist(lambda: self._outbox.bury_unreadable(self.claim, head))
            return
        self._tries = entry.provider if found.look is Look.TRY else ""
        if entry.kind != CONFIRMATION and await self._tools.suppressed(entry):
            await self._suppress(head, entry)
        elif found.look is Look.LATE and found.hold:
            await self._give_up(head, entry, found.hold)
        elif found.look is Look.TELL:
            await self._tools.waits(entry)
            told = replace(entry, told=True)
            await self._insist(lambda: self._outbox.retry(self.claim, head, told, 0))
        else:
            await self._attempt(head, entry, found.hold)

    async def _attempt(self, head: str, entry: OutboxEntry, hold: Hold | None) -> None:
        """Submit once and decide about the head; hold: what the answer may show to be over."""
        with self._tools.slots.taken(entry.provider):
            result = await self._submit(entry)
        if result is NO_MONEY:
            await self._wait_for_money(head, entry)
        elif result is not None:
            await self._decide(head, tried(entry), result)
            if hold and (result is NO_SUCH_PROVIDER or hold.ends_with(result)):
                await self._tools.holds.end(entry.provider)
        elif self._turn is Turn.OPTED_OUT:
            await self._suppress(head, entry)

    async def _wait_for_money(self, head: str, entry: OutboxEntry) -> None:
        """Leave a text to the time when there is money for it; notices are dropped."""
        self._tries = ""  # it has shown that there is none
        if entry.kind == NOTICE:
            log.warning("message %s: a notice is dropped, the budget is used up", entry.id)
            BUDGET_NOTICES.inc()
            given_up = (_sms(entry), entry.provider, NO_MONEY, entry.attempts)
            await self._tools.messenger.give_up(*given_up)
            await self._suppress(head, entry)
            return
        since = entry.since if entry.born else int(time.time() * 1000)
        waiting = replace(entry, since=since)
        await self._insist(lambda: self._tools.holds.begin(self.claim, head, waiting, NO_MONEY))

    async def _give_up(self, head: str, entry: OutboxEntry, hold: Hold) -> None:
        """Bury a text without an attempt."""
        result = SubmitResult(Outcome.NOT_SENT, code=hold.code, text=HELD_BACK, obstacle=hold.why)
        await self._tools.messenger.give_up(_sms(entry), entry.provider, result, entry.attempts)
        await self._bury(head, entry, result)

    async def _suppress(self, head: str, entry: OutboxEntry) -> None:
        await self._conclude(entry, Fate.SUPPRESSED, lambda: self._outbox.done(self.claim, head))

    async def _submit(self, entry: OutboxEntry) -> SubmitResult | None:
        """Return what became of one attempt, None when it was not made: ``_turn`` says why."""
        try:
            return await self._tools.messenger.deliver(
                _sms(entry),
                provider=entry.provider,
                source=entry.kind,
                session=entry.session,
                attempts=entry.attempts + 1,
                flow=_flow(entry),
                follows=lambda result: self._judge(entry, result) in OPEN,
                before=lambda: self._may_write(entry),
            )
        except BudgetExhausted:
            return NO_MONEY
        except Exception as error:
            if isinstance(error, StoreUnavailable | NoTurn) and not self.writing:
                raise
            log.exception("message %s: %s", entry.id, CRASHED)
            outcome = Outcome.UNKNOWN if self.writing else Outcome.NOT_SENT
            return SubmitResult(outcome, code="crash", text=CRASHED)

    async def _may_write(self, entry: OutboxEntry) -> bool:
        """Mark the claim, in the pace of the sending number; False when nothing may be sent.

        Raises BudgetExhausted when there is no money for it.
        """
        self._turn = await self._next_turn(entry)
        if self._turn is not Turn.WRITE:
            if self._turn is not Turn.OPTED_OUT:
                log.info("message %s: left to a later claim", entry.id)
            return False
        # Only now: what another process has claimed, or nobody wants, would be paid for.
        await self._tools.messenger.pay(_sms(entry), entry.provider, entry.attempts + 1)
        if self.claim.repeats:
            log.warning("message %s: sent again, its process died over it", entry.id)
            self._tools.repeated(entry)
        self.writing, self.returnable = True, False
        return True

    async def _next_turn(self, entry: OutboxEntry) -> Turn:
        """Wait for the turn of the sending number, and say what may be done then."""
        tools = self._tools
        patience = min(tools.interval_ms, LONGEST_PACE_WAIT_MS)
        while True:
            turn, wait = await self._outbox.mark(
                self.claim,
                lease_ms=tools.lease_ms,
                interval_ms=tools.interval_ms,
                longest_ms=patience,
                despite_optout=entry.kind == CONFIRMATION,
            )
            if turn is not Turn.WAIT:
                return turn
            # The loop's timer may go off a millisecond early.
            await asyncio.sleep(wait + 0.002)
            patience -= int(wait * 1000)

    def _judge(self, entry: OutboxEntry, result: SubmitResult) -> Verdict:
        return judge(result, self._tools.resend, last=self._tools.holds.patience.is_over(entry))

    async def _decide(self, head: str, entry: OutboxEntry, result: SubmitResult) -> None:
        """Decide about the head; entry: the same after the attempt."""
        outbox, claim, verdict = self._outbox, self.claim, self._judge(entry, result)
        if verdict is Verdict.DONE:
            await self._conclude(entry, Fate.ACCEPTED, lambda: outbox.done(claim, head), result)
            return
        log.warning("message %s: %s, code %s", entry.id, result.outcome, result.code or "-")
        if verdict is Verdict.RETRY:
            delay = backoff(entry.attempts - 1, result.retry_after)
            await self._insist(lambda: outbox.retry(claim, head, entry, delay))
            return
        if verdict is Verdict.HOLD:
            await self._insist(lambda: self._tools.holds.begin(claim, head, entry, result))
            return
        if verdict is Verdict.UNKNOWN:
            silent = result.obstacle is Obstacle.SILENCE
            keep = partial(outbox.doubt, claim, head, entry, _reason(result), silent=silent)
            await self._conclude(entry, Fate.UNKNOWN, keep, result)
            return
        await self._bury(head, entry, result)

    async def _bury(self, head: str, entry: OutboxEntry, result: SubmitResult) -> None:
        refused = result.outcome is Outcome.REFUSED and result is not NO_SUCH_PROVIDER
        bury = partial(self._outbox.bury, self.claim, head, entry, _reason(result))
        await self._conclude(entry, Fate.REJECTED if refused else Fate.FAILED, bury, result)

    async def _conclude(
        self,
        entry: OutboxEntry,
        fate: Fate,
        decision: Callable[[], Awaitable[bool]],
        result: SubmitResult | None = None,
    ) -> None:
        """Decide for good and say so, unless the claim was lost."""
        if not await self._insist(decision):
            log.warning("message %s: its claim was lost before it was decided", entry.id)
            return
        for pause in (*TELL_AGAIN_AFTER, None):
            try:
                await self._tools.decided(entry, fate.value, result)
            except StoreUnavailable:
                if pause is not None:
                    await asyncio.sleep(pause)
                    continue
                log.error("message %s: %s, which could not be passed on", entry.id, fate)
            return

    async def _insist(self, decision: Callable[[], Awaitable[bool]]) -> bool:
        """Decide, however long the store is away: what was sent must not be sent again.

        Returns whether the claim was held. A call without an answer may have run, and the next
        one then finds no claim: that counts as held.
        """
        self.returnable = False
        unanswered = False
        while True:
            try:
                return await decision() or unanswered
            except StoreUnavailable:
                unanswered = True
            await asyncio.sleep(STORE_STEP)


def _reason(result: SubmitResult) -> str:
    return f"{result.outcome}, code {result.code or '-'}: {result.text}"


def _sms(entry: OutboxEntry) -> Sms:
    return Sms(entry.id, entry.to, entry.sender, entry.text, keep_sender=True)


def _flow(entry: OutboxEntry) -> Flow:
    """Return by whose share of a provider's rate a text goes."""
    notice = entry.stranger or entry.kind in {NOTICE, CONFIRMATION}
    return Flow.NOTICES if notice else Flow.RELAY


def _read(head: str, direction: str) -> OutboxEntry | None:
    """Return the entry in ``head``, None when it is none of this direction."""
    with suppress(ValueError):
        entry = OutboxEntry.from_json(head)
        if entry.direction == direction:
            return entry
    return None
