"""Requests that are made once, however often they come: each is known by a key of its caller's.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from gateway.errors import Conflict, KeyReused
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.store.values import DAY_MS

_BEGIN = Script.load(__file__, "idempotency_begin")
RUNNING = (
    "a request with this Idempotency-Key is running; if it ended with its process, look at what it"
    " did and use another key"
)
REUSED = "this Idempotency-Key was used for another request"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered."""

    status: int
    body: str


class Idempotency:
    """Remembers the answers to requests with a key for a day, over all processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, key: str, request: str) -> Answer | str:
        """Return the answer that a request got before, or the id of what it is to make now.

        request: all that it asks for. One that failed is given the same id again. Raises Conflict
        while it is being made, KeyReused when its key stands for another one, StoreUnavailable.
        """
        digest = hashlib.sha256(request.encode()).hexdigest()
        state, *more = await self._store.run(
            _BEGIN, [_key(key)], [digest, DAY_MS, secrets.token_hex(16)]
        )
        if state == "reused":
            raise KeyReused(REUSED)
        if state == "running":
            raise Conflict(RUNNING)
        return Answer(int(more[0]), more[1]) if state == "answered" else str(more[0])

    async def finish(self, key: str, answer: Answer) -> None:
        """Keep the answer to the request that was begun; raises StoreUnavailable."""
        fields = ("state", "answered", "status", answer.status, "body", answer.body)
        with budget():
            await self._store.execute("HSET", _key(key), *fields)

    async def fail(self, key: str) -> None:
        """Let the request be made again; raises StoreUnavailable."""
        with budget():
            await self._store.execute("HSET", _key(key), "state", "failed")


def _key(key: str) -> str:
    return keys.idempotency(hashlib.sha256(key.encode()).hexdigest())
