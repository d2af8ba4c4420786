"""Countries to which an endpoint never sent: a few messages a day, until some were delivered.

A hash in the store counts what was delivered, by endpoint and country; each process remembers
which are known, so that a message there costs it nothing.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress

from conf.protection import NewCountry
from gateway.access.limiter import Limit
from gateway.access.refusals import Refusals
from gateway.errors import StoreUnavailable
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script, pairs
from gateway.telephony.destinations import place_of

log = logging.getLogger(__name__)

# What another process has learned is known here so many seconds later.
LOOK_SECONDS = 5.0
# A field that is no endpoint's: the messages of before this was counted are counted.
ADOPTED = "adopted"

_ADOPT = Script.load(__file__, "newcomers_adopt")

# Yields source and receiver (E.164) of messages that are known to have been sent.
Past = Callable[[], AsyncIterator[tuple[str, str]]]


class Newcomers:
    """Tells which countries are new to which endpoint, by ``policy``.

    receipts: whether any tell what was delivered; without them what a provider took counts.
    """

    def __init__(self, store: Store, policy: NewCountry, *, receipts: bool = True) -> None:
        self._store = store
        self._refusals = Refusals(store)
        self.policy = policy
        self._limit = Limit(policy.amount, policy.window)
        self._receipts = receipts
        # None: not looked yet, as when the store was down at the start.
        self._known: set[str] | None = None
        self._look_again = 0.0

    def limit(self, endpoint: str, place: str) -> Limit | None:
        """Return what an endpoint may send to a country (or calling code), None: it is known.

        Until the store was looked at everything is: a start must not refuse regular customers.
        """
        if self._known is None or not self.policy.amount:
            return None
        return None if _field(endpoint, place) in self._known else self._limit

    async def delivered(self, source: str, to: str) -> None:
        """Count a message that has arrived; source: its endpoint; to: E.164.

        A count that is lost with the store costs one message more.
        """
        if not self._counts_for(source, to):
            return
        place = place_of(to)
        field = _field(source, place)
        with suppress(StoreUnavailable):
            count = await self._store.execute("HINCRBY", keys.NEWCOMERS, field, 1)
            if self._known is not None and count >= self.policy.known_after:
                self._known.add(field)
                await self._refusals.unblock(limit_class(source), place)

    def counts_taken(self, source: str, to: str) -> bool:
        """Tell whether a message that a provider took counts as delivered: no receipt will tell."""
        return not self._receipts and self._counts_for(source, to)

    def _counts_for(self, source: str, to: str) -> bool:
        """Tell whether messages of a source to the country of a number are still counted."""
        if not (self.policy.amount and source.startswith("/")):
            return False
        return not self._known or _field(source, place_of(to)) not in self._known

    async def arrived(self, endpoint: str, place: str) -> int:
        """Return how many messages of an endpoint arrived in a country, as far as counted."""
        return int(await self._store.execute("HGET", keys.NEWCOMERS, _field(endpoint, place)) or 0)

    async def look_after(self, past: Past) -> None:
        """Learn which countries are known by now; raises StoreUnavailable.

        past: the messages of before this was counted: no endpoint that has sent begins anew.
        """
        now = time.monotonic()
        if not self.policy.amount or (self._known is not None and now < self._look_again):
            return
        counts = await self._counts()
        if ADOPTED not in counts:
            await self._adopt(past)
            counts = await self._counts()
        self.learn(counts)
        self._look_again = now + LOOK_SECONDS

    def learn(self, counts: Mapping[str, str]) -> None:
        """Take what the store has counted, in place of what was known."""
        self._known = {
            each for each, count in counts.items() if int(count) >= self.policy.known_after
        }

    async def _counts(self) -> dict[str, str]:
        return pairs(await self._store.execute("HGETALL", keys.NEWCOMERS))

    async def _adopt(self, past: Past) -> None:
        """Count the messages of before, once, whichever process comes first."""
        sent: Counter[str] = Counter()
        async for source, to in past():
            if source.startswith("/"):
                sent[_field(source, place_of(to))] += 1
        flat = [item for pair in sent.items() for item in pair]
        if await self._store.run(_ADOPT, [keys.NEWCOMERS], [ADOPTED, *flat]) and sent:
            log.info("the message endpoints have sent to %d countries before", len(sent))


def limit_class(endpoint: str) -> str:
    """Return the class under which the messages of an endpoint to new countries are counted."""
    return f"new_country:{endpoint}"


def _field(endpoint: str, place: str) -> str:
    return f"{endpoint} {place}"
