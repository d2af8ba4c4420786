"""A secret that all processes share: it is made once, by whoever needs it first."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable

from gateway.store import keys
from gateway.store.pipeline import Store

KEY_BYTES = 32
# A store that was emptied gets another key, which all processes learn within this time.
REMEMBERED_SECONDS = 60.0
DIGEST_BYTES = 12


class SharedKey:
    """The key by which addresses are hashed and challenges are signed; clock: seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._key = b""
        self._learned = 0.0

    async def get(self) -> bytes:
        """Return the key; the store is asked once a minute. Raises StoreUnavailable."""
        if not self._key or self._clock() - self._learned >= REMEMBERED_SECONDS:
            # Both travel together, with what else is asked for at this moment.
            _, found = await asyncio.gather(
                self._store.execute("SET", keys.SHARED_KEY, secrets.token_hex(KEY_BYTES), "NX"),
                self._store.execute("GET", keys.SHARED_KEY),
            )
            self._key = bytes.fromhex(found)
            self._learned = self._clock()
        return self._key

    async def digest(self, text: str) -> str:
        """Return by what a text is known among others; only who has the key finds it by trying."""
        key = await self.get()
        return hashlib.blake2b(text.encode(), key=key, digest_size=DIGEST_BYTES).hexdigest()
