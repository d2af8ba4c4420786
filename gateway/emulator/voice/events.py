"""The events of one call: told one after the other, or lost, repeated and out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial

from gateway.emulator.account.calls import Call, CallEvent
from gateway.emulator.settings import Settings
from gateway.emulator.voice import wire
from gateway.emulator.voice.answering import RETRIED
from gateway.emulator.webhooks.delivery import Deliveries, RetryPolicy
from gateway.emulator.webhooks.outgoing import Webhook, repeated, shuffled

# "Retried at most once", after these and after silence.
_RETRIED = RETRIED | {None}


class EventQueue:
    """Tells of events in the way the account is set to; the call itself does not wait for it."""

    def __init__(self, call: Call, deliveries: Deliveries, settings: Settings) -> None:
        self._call = call
        self._deliveries = deliveries
        self._settings = settings
        self._policy = RetryPolicy(settings.retry_delays[:1], lambda status: status in _RETRIED)
        self._held: list[Webhook] = []
        self._waiting: asyncio.Queue[Sequence[Webhook]] = asyncio.Queue()
        self._worker: Awaitable[object] = deliveries.run(self._work())

    def post(self, event: CallEvent, method: str) -> None:
        """Keep an event and tell it to its URL, unless the account is set to lose it."""
        self._call.events.append(event)
        if not event.url or self._is_lost(event):
            return
        build = partial(wire.request, event.body, method, event.url, self._settings)
        webhook = Webhook(event.status, event.uuid, build, event.attempts)
        told = repeated([webhook], self._settings.event_repeat)
        if self._settings.event_shuffle:
            self._held.extend(told)
        else:
            self._waiting.put_nowait(told)

    async def close(self) -> None:
        """Return when everything was told or given up."""
        self._waiting.put_nowait(shuffled(self._held) if self._held else [])
        self._waiting.put_nowait([])
        await self._worker

    def _is_lost(self, event: CallEvent) -> bool:
        names = {event.status, f"{event.direction}:{event.status}"}
        return not names.isdisjoint(self._settings.event_lost)

    async def _work(self) -> None:
        while webhooks := await self._waiting.get():
            for webhook in webhooks:
                await self._deliveries.deliver([webhook], self._policy)
