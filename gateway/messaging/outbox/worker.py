"""Sends what lies in the outbox: every process runs one worker, all of them share the work.

The worker claims directions that are due; each claim is one delivery (``delivery``).
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import suppress

from gateway.errors import StoreUnavailable
from gateway.messaging.outbox.delivery import (
    STORE_PAUSE,
    STORE_STEP,
    Decided,
    Delivery,
    Repeated,
    Slots,
    Suppressed,
    Tools,
    Waits,
    interval_ms,
)
from gateway.messaging.outbox.holds import Holds
from gateway.messaging.outbox.queue import Claim, Outbox
from gateway.messaging.outbox.verdict import Resend
from gateway.messaging.sending.messenger import Messenger

log = logging.getLogger(__name__)

CONCURRENCY = 64
# Of the places, so many that a slow or throttling provider leaves some to the others.
SHARE_OF_ONE_PROVIDER = 0.75
# Taken over after 20 s at most, and looked for every second: well within 30 s. A renewal may fail
# three times before.
LEASE_SECONDS = 20.0
RENEWAL_SECONDS = 5.0
# When the store was away no claim was renewed. Processes that live have so long to decide what
# they know before others take over what they were writing.
GRACE_SECONDS = 5.0
LONGEST_REST = 1.0


class OutboxWorker:
    """Delivers what is due, at most ``concurrency`` directions at a time.

    suppressed: whether a text must not be sent (any more); decided: is told what became of a text
    (accepted, unknown, rejected, failed, suppressed) and the provider's last answer, perhaps twice;
    repeated: is told before a text is sent that a dead process may have sent; number_rate: texts a
    second of one North American sending number, 0 = unpaced; waits: is told of a text that has
    waited for money for some time; resend: which unanswered texts are sent again; lease, renewal,
    grace: seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        holds: Holds,
        messenger: Messenger,
        *,
        suppressed: Suppressed,
        decided: Decided,
        repeated: Repeated,
        number_rate: float,
        waits: Waits,
        resend: Resend = Resend.REFUSED,
        concurrency: int = CONCURRENCY,
        lease: float = LEASE_SECONDS,
        renewal: float = RENEWAL_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._tools = Tools(
            outbox,
            holds,
            messenger,
            suppressed,
            decided,
            repeated,
            Slots(math.ceil(concurrency * SHARE_OF_ONE_PROVIDER)),
            resend,
            int(lease * 1000),
            interval_ms(number_rate),
            waits,
        )
        self._outbox = outbox
        self._concurrency = concurrency
        self._renewal = renewal
        self._grace = grace
        self._deliveries: dict[asyncio.Task[None], Delivery] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._away = False
        self._grace_until = 0.0

    def start(self) -> None:
        """Begin to claim; others may just have come back from an outage, as this process has."""
        self._grace_until = time.monotonic() + self._grace
        self._tasks = [asyncio.create_task(self._claim_on()), asyncio.create_task(self._renew_on())]

    def wake(self) -> None:
        """Look at once: something was put into the outbox."""
        self._wake.set()

    async def stop(self, seconds: float) -> None:
        """Claim nothing more, hand back what is not being written, let the rest finish.

        What is still being written after ``seconds`` is broken off, and sent again by another
        process. May be called again.
        """
        self._stopping = True
        self._wake.set()
        if not self._tasks:
            return
        give_up = time.monotonic() + seconds
        await asyncio.wait(self._tasks[:1], timeout=seconds)
        returning = await self._take_back()
        finishing = {*self._deliveries, *returning}
        if finishing:
            await asyncio.wait(finishing, timeout=max(0.0, give_up - time.monotonic()))
        if self._deliveries:
            log.warning("outbox: stopped over %d texts", len(self._deliveries))
        await _cancel(*self._tasks, *self._deliveries, *returning)

    async def _take_back(self) -> list[asyncio.Task[None]]:
        """Break off what may be handed back and return the tasks that hand it back."""
        waiting = {task: each for task, each in self._deliveries.items() if each.returnable}
        await _cancel(*waiting)
        return [asyncio.create_task(each.hand_back(0)) for each in waiting.values()]

    async def _claim_on(self) -> None:
        while not self._stopping:
            rest = await self._claim()
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._wake.wait()
            self._wake.clear()

    async def _claim(self) -> float:
        """Begin as many deliveries as there is room for; return the seconds until the next look."""
        free = self._concurrency - len(self._deliveries)
        if free <= 0:
            return LONGEST_REST
        take_over = not self._away and time.monotonic() >= self._grace_until
        try:
            claims, pause = await self._outbox.claim(
                free,
                lease_ms=self._tools.lease_ms,
                interval_ms=self._tools.interval_ms,
                take_over=take_over,
                own=self._claims(),
            )
        except StoreUnavailable:
            self._note_outage()
        except Exception:
            log.exception("outbox: claiming failed, it is tried again")
        else:
            self._note_answer()
            for claim in claims:
                self._begin(claim)
            return LONGEST_REST if pause is None else min(pause, LONGEST_REST)
        await asyncio.sleep(STORE_PAUSE)
        return 0

    def _claims(self) -> list[Claim]:
        return [each.claim for each in self._deliveries.values()]

    def _note_outage(self) -> None:
        if not self._away:
            log.warning("outbox: the store is away, texts wait")
        self._away = True

    def _note_answer(self) -> None:
        if self._away:
            log.warning("outbox: the store is back")
            self._grace_until = time.monotonic() + self._grace
        self._away = False

    def _begin(self, claim: Claim) -> None:
        delivery = Delivery(self._tools, claim)
        task = asyncio.create_task(delivery.run())
        self._deliveries[task] = delivery
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._deliveries[task]
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("outbox: a delivery failed", exc_info=task.exception())

    async def _renew_on(self) -> None:
        pause = self._renewal
        while True:
            await asyncio.sleep(pause)
            pause = self._renewal
            claims = self._claims()
            if not claims:
                continue
            try:
                await self._outbox.renew(claims, lease_ms=self._tools.lease_ms)
                self._tools.slots.waiting = (await self._outbox.counts()).directions
            except StoreUnavailable:
                self._note_outage()
                pause = min(self._renewal, STORE_STEP)
            except Exception:
                log.exception("outbox: claims could not be renewed")


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
