"""Texts of which nobody knows whether they were sent, until a receipt tells or somebody decides."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway.errors import BadRequest
from gateway.messaging.outbox.shelf import Shelf
from gateway.messaging.outbox.verdict import Resend
from gateway.messaging.receipts import Receipts
from gateway.messaging.status import is_told
from gateway.store import keys
from gateway.store.pipeline import Store

# A receipt comes within seconds as a rule, and may take minutes at night.
PATIENCE_SECONDS = 600.0
LOOKED_AT_ONCE = 100


class UnknownTexts(Shelf):
    """The texts of unknown outcome; ``days``: how long they are kept."""

    def __init__(self, store: Store, days: float) -> None:
        super().__init__(store, keys.UNKNOWN, keys.UNKNOWN_TIMES, noun="unknown text", days=days)


class SecondLook:
    """Takes off the list what a receipt has decided, and sends again what its owner wants sent.

    resend: with ALWAYS a text that got no answer at all, and no receipt within ``patience``
    (seconds), is sent once more under its id; wake: is called when one was queued.
    """

    def __init__(
        self,
        store: Store,
        unknown: UnknownTexts,
        receipts: Receipts,
        *,
        resend: Resend,
        wake: Callable[[], None],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self._unknown = unknown
        self._receipts = receipts
        self._resend = resend
        self._wake = wake
        self._patience_ms = int(patience * 1000)

    async def settle(self, letter_id: str) -> bool:
        """Take one off whose receipt came before it was listed; tell whether that was so."""
        told = is_told(await self._receipts.fields(letter_id))
        return told and await self._unknown.discard(letter_id)

    async def look_after(self) -> None:
        """Look once more at those that are on the list for long enough, and drop old ones."""
        latest = int(time.time() * 1000) - self._patience_ms
        due = await self._store.execute(
            *("ZRANGE", keys.UNKNOWN_NEW, "-inf", latest, "BYSCORE", "LIMIT", 0, LOOKED_AT_ONCE)
        )
        for each in due:
            if not await self.settle(each):
                await self._send_again(each)
            await self._store.execute("ZREM", keys.UNKNOWN_NEW, each)
        await self._unknown.trim()

    async def _send_again(self, letter_id: str) -> None:
        if self._resend is not Resend.ALWAYS:
            return
        letter = await self._unknown.get(letter_id)
        if letter is None or not letter.silent or letter.resent:
            return
        if await self._is_heard_of(letter_id):
            return
        try:
            await self._unknown.requeue(letter_id, resent=True)
        except BadRequest:  # its session has ended: the operator decides
            return
        self._wake()

    async def _is_heard_of(self, letter_id: str) -> bool:
        """Tell whether the provider has said anything of it, or nobody can know any more."""
        fields = await self._receipts.fields(letter_id)
        return not fields or any(name.startswith("p:") for name in fields)
