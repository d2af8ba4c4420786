"""One process of the gateway as far as it sends: its outbox, its worker and a provider by HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from conf.protection import StartPrice
from gateway.messaging.outbox.dead_letters import DeadLetters
from gateway.messaging.outbox.holds import Holds, Patience
from gateway.messaging.outbox.queue import Counts, Outbox, OutboxEntry
from gateway.messaging.outbox.worker import OutboxWorker
from gateway.messaging.receipts import Receipts
from gateway.messaging.sending.costs import TextCosts
from gateway.messaging.sending.messenger import Messenger
from gateway.messaging.sending.pacer import Pacer
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.prices import Prices
from gateway.providers.base import SubmitResult
from gateway.providers.vonage.sms import Account, VonageProvider
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.support.outbox import push
from tests.support.stand_ins.vonage import API_KEY, API_SECRET

# What the stand-in charges for a part.
PRICE = Decimal("0.0412")


@dataclass
class Process:
    """What one process of the gateway has for sending; its texts pass while ``gate`` is open."""

    store: Store
    outbox: Outbox
    receipts: Receipts
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    at_gate: list[str] = field(default_factory=list)
    opted_out: set[str] = field(default_factory=set)
    decided: list[tuple[str, str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    holds: Holds = field(init=False)
    worker: OutboxWorker = field(init=False)

    async def is_suppressed(self, entry: OutboxEntry) -> bool:
        self.at_gate.append(entry.id)
        await self.gate.wait()
        if "suppressed" in self.broken:
            raise self.broken.pop("suppressed")
        return entry.to in self.opted_out

    async def note(self, entry: OutboxEntry, state: str, result: SubmitResult | None) -> None:
        if "decided" in self.broken:
            raise self.broken.pop("decided")
        self.decided.append((entry.id, state))
        self.answers.append(result.outcome.value if result else "")

    async def note_waiting(self, entry: OutboxEntry) -> None:
        self.waiting.append(entry.id)

    def wake(self) -> None:
        self.worker.wake()

    @property
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.store, 7)

    async def push(self, *entries: OutboxEntry) -> None:
        for each in entries:
            await push(self.store, each)
        self.worker.wake()

    async def counts(self) -> Counts:
        return await self.outbox.counts()

    async def is_idle(self) -> bool:
        """Tell whether nothing is left to send."""
        counts = await self.counts()
        return counts.directions == counts.claims == 0

    async def texts_left(self, direction: str) -> list[OutboxEntry]:
        texts = await self.store.execute("LRANGE", keys.queue(direction), 0, -1)
        return [OutboxEntry.from_json(each) for each in texts]

    async def reasons(self) -> list[str]:
        """Return why texts died."""
        page = await self.dead_letters.page(100, "")
        return [letter.reason for letter in page.items]


@asynccontextmanager
async def process(
    redis_url: str,
    domain: str,
    outbox: Callable[[Store], Outbox] = Outbox,
    *,
    started: bool = True,
    rate: float = 0,
    patience: Patience | None = None,
    budget: Callable[[Store], Budget] | None = None,
    **options: Any,
) -> AsyncIterator[Process]:
    """Run a process with a store of its own; domain: of the provider, rate: of its key.

    budget: makes what its texts are paid from, without which they cost nothing.
    """
    store = connect(redis_url)
    account = Account(API_KEY, API_SECRET, f"http://{domain}/sms/json")
    provider = VonageProvider(account, rate=rate, timeout=20)
    made = Process(store, outbox(store), Receipts(store, days=1))
    made.gate.set()
    made.holds = Holds(store, patience or Patience(), made.wake)
    messenger = Messenger(
        {"nexmo": provider},
        "nexmo",
        made.receipts,
        Pacer(store),
        costs=TextCosts(budget(store) if budget else None, Prices((StartPrice(PRICE),))),
    )
    made.worker = OutboxWorker(
        made.outbox,
        made.holds,
        messenger,
        suppressed=made.is_suppressed,
        decided=made.note,
        repeated=lambda entry: made.repeated.append(entry.id),
        waits=made.note_waiting,
        **{"number_rate": 0, "grace": 0, **options},
    )
    if started:
        made.worker.start()
    try:
        yield made
    finally:
        await made.worker.stop(0)
        await messenger.drain(0)
        await provider.close()
        await store.close()
