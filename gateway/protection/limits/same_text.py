"""The same text of the same endpoint to the same receiver goes out once in some seconds.

Who asks again, as by a double click, gets the first one's answer and id; while the first is under
way he waits for it. One that failed or was refused is sent when it is asked for again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import StoreUnavailable
from gateway.monitoring.metrics import SAME_TEXTS
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.script import Script

log = logging.getLogger(__name__)

_BEGIN = Script.load(__file__, "same_text_begin")
_END = Script.load(__file__, "same_text_end")

# Between two looks whether the first one is done: a provider answers within a tenth of a second.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


class Begun(StrEnum):
    """What a text is found to be: NEW, RUNNING: one like it is under way; KNOWN: it went out."""

    NEW = "new"
    RUNNING = "running"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message that is to go out, id and all, or the one that went out in its place.

    key: '' when nothing is remembered of it; answer: what the first was answered; running: the
    first is under way.
    """

    id: str
    key: str = ""
    answer: str = ""
    running: bool = False

    @property
    def is_repeat(self) -> bool:
        """Whether another one was there before."""
        return self.running or bool(self.answer)


class SameTexts:
    """Remembers what was sent to whom for ``seconds``, 0 = nothing; over all processes.

    lease: seconds after which one that is under way is taken for lost with its process, no less
    than it may take; watch: repeats are counted and sent.
    """

    def __init__(self, store: Store, seconds: float, *, lease: float, watch: bool = False) -> None:
        self._store = store
        self._kept_ms = int(seconds * 1000)
        self._lease_ms = int(lease * 1000)
        self._watch = watch

    @property
    def is_on(self) -> bool:
        """Whether anything is remembered, and the store asked."""
        return self._kept_ms > 0

    async def begin(self, number: str, *content: str) -> Attempt:
        """Return what to send, or what was sent already; number: of a person, E.164.

        content: what makes it the same text. What is begun is to be ended by ``keep`` or ``free``.
        Raises StoreUnavailable.
        """
        message_id = secrets.token_hex(16)
        if not self.is_on:
            return Attempt(message_id)
        digest = hashlib.blake2b("\0".join(content).encode(), digest_size=16).hexdigest()
        attempt = await self._begin(keys.same_text(digest, number), message_id)
        if self._watch and attempt.is_repeat:
            SAME_TEXTS[("sent",)].inc()
            return Attempt(message_id)
        return attempt

    async def wait(self, repeat: Attempt) -> Attempt:
        """Return a repeat's first one with its answer, or what to send when that failed.

        When it is lost one of those who wait is the next. When that one, too, is still under way,
        it is returned as it is: its outcome is unknown. Raises StoreUnavailable.
        """
        loop = asyncio.get_running_loop()
        pause, over = FIRST_PAUSE, loop.time() + self._lease_ms / 1000 + 2 * LONGEST_PAUSE
        while repeat.running and loop.time() < over:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
            with budget():
                repeat = await self._begin(repeat.key, secrets.token_hex(16))
        if repeat.is_repeat:
            SAME_TEXTS[("answered",)].inc()
        return repeat

    async def keep(self, attempt: Attempt, answer: str) -> None:
        """Remember the answer to one that was sent, or whose outcome is unknown.

        Nothing is raised: it was sent.
        """
        await self._end(attempt, answer)

    async def free(self, attempt: Attempt) -> None:
        """Let one be sent again that was not sent; nothing is raised: the lease ends anyway."""
        await self._end(attempt, "")

    async def _begin(self, key: str, message_id: str) -> Attempt:
        word, *first = await self._store.run(_BEGIN, [key], [message_id, self._lease_ms])
        match Begun(word):
            case Begun.NEW:
                return Attempt(message_id, key)
            case Begun.KNOWN:
                return Attempt(first[0], key, answer=first[1])
            case Begun.RUNNING:
                return Attempt(first[0], key, running=True)

    async def _end(self, attempt: Attempt, answer: str) -> None:
        if not attempt.key or attempt.is_repeat:
            return
        try:
            args = (attempt.id, answer, self._kept_ms)
            with budget():
                await self._store.run(_END, [attempt.key], args)
        except StoreUnavailable:
            log.warning("message %s: it is not known for how long it is the same", attempt.id)
