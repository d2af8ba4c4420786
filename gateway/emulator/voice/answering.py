"""How the provider asks for an NCCO: two tries at a webhook, then two at the fallback.

https://developer.vonage.com/en/voice/voice-api/concepts/call-flow
https://developer.vonage.com/en/voice/voice-api/troubleshooting
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.emulator.account.calls import Asked, Call
from gateway.emulator.account.records import is_taken
from gateway.emulator.settings import Settings
from gateway.emulator.voice import wire
from gateway.emulator.webhooks.delivery import Answer, Deliveries

TRIES = 2
PAUSE_SECONDS = 1.0
# Tried again, as is silence; with every other error the fallback is next.
RETRIED = frozenset({429, 502, 503, 504})
CLOSED = "Connection closed."


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of which webhook. kind: ``answer`` or ``event``."""

    kind: str
    url: str
    method: str
    values: Mapping[str, object]


class Answering:
    """Asks the webhooks of one call, and notes in it what they answered."""

    def __init__(self, call: Call, deliveries: Deliveries, settings: Settings) -> None:
        self._call = call
        self._deliveries = deliveries
        self._settings = settings

    async def ask(self, question: Question) -> Answer:
        """Return the answer: a 2xx of the webhook or of the fallback, or the last failure."""
        answer = await self._try(question)
        if is_taken(answer.status):
            return answer
        fallback = self._deliveries.target(self._settings.fallback_answer_url)
        if not fallback:
            return answer
        reason = CLOSED if answer.status is None else f"HTTP status {answer.status}"
        values = wire.fallback_question(question.values, reason, question.url, question.kind)
        method = self._settings.answer_method
        return await self._try(Question("fallback", fallback, method, values))

    async def _try(self, question: Question) -> Answer:
        answer = await self._ask_once(question)
        for _ in range(TRIES - 1):
            if answer.status is not None and answer.status not in RETRIED:
                break
            await asyncio.sleep(PAUSE_SECONDS * self._settings.voice_timeout_scale)
            answer = await self._ask_once(question)
        return answer

    async def _ask_once(self, question: Question) -> Answer:
        url = self._deliveries.target(question.url)
        if not url:
            return Answer(None, error="not on this machine")
        outgoing = wire.request(question.values, question.method, url, self._settings)
        answer = await self._deliveries.ask(outgoing, *self._settings.voice_timeouts)
        self._call.asked.append(
            Asked(time.time(), question.kind, question.method, url, answer.status, answer.error)
        )
        return answer
