"""Writing down what became of a message, however long the store takes to be there again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from gateway.errors import StoreUnavailable
from gateway.messaging.receipts import Receipts
from gateway.messaging.sending.costs import TextCosts
from gateway.monitoring.metrics import MESSAGES, provider_label
from gateway.providers.base import Sms, SubmitResult
from gateway.store.budget import budget
from gateway.store.script import ScriptCall

log = logging.getLogger(__name__)

# What became of a message is written again after these seconds when the store is down just then.
RECORD_AGAIN_AFTER = (1, 2, 4, 8)


class Outcomes:
    """Counts and writes down what providers answered, and settles what was reserved for it."""

    def __init__(self, receipts: Receipts, costs: TextCosts) -> None:
        self._receipts = receipts
        self._costs = costs
        self._recording: set[asyncio.Task[None]] = set()

    async def record(
        self,
        sms: Sms,
        provider: str,
        result: SubmitResult,
        attempts: int,
        *,
        paid_as: str = "",
        open_still: bool = False,
    ) -> None:
        """Count and write down the outcome; a store that is down must not undo a sent message.

        paid_as: what was reserved for it, '' = nothing; open_still: another attempt follows.
        """
        MESSAGES[provider_label(provider), result.outcome.value].inc()
        settlement = self._costs.settlement(paid_as, provider, result)
        try:
            await self._receipts.record(
                sms, provider, result, attempts, open_still=open_still, besides=settlement
            )
        except StoreUnavailable:
            self.record_later(sms, provider, result, attempts, paid_as=paid_as)
        except Exception:
            log.exception("message %s: its outcome %s was not stored", sms.id, result.outcome)

    def record_later(
        self, sms: Sms, provider: str, result: SubmitResult, attempts: int, *, paid_as: str
    ) -> None:
        """Write the outcome down as soon as the store is there, as it is not now."""
        settlement = self._costs.settlement(paid_as, provider, result)
        task = asyncio.create_task(self._again(sms, provider, result, attempts, settlement))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def drain(self, seconds: float) -> None:
        """Wait until what is still to be written down is written, ``seconds`` at most."""
        if self._recording:
            _, late = await asyncio.wait(self._recording, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _again(
        self,
        sms: Sms,
        provider: str,
        result: SubmitResult,
        attempts: int,
        settlement: Sequence[ScriptCall],
    ) -> None:
        try:
            for delay in RECORD_AGAIN_AFTER:
                await asyncio.sleep(delay)
                with suppress(StoreUnavailable), budget():
                    await self._receipts.record(sms, provider, result, attempts, besides=settlement)
                    return
        except asyncio.CancelledError:
            log.warning("message %s: stopped before its outcome was stored", sms.id)
            raise
        log.error("message %s: its outcome %s could not be stored", sms.id, result.outcome)
