"""Texts of unknown outcome: who takes them off the list, and what is sent again by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.errors import UnknownPlace
from gateway.messaging.outbox.queue import Outbox, OutboxEntry
from gateway.messaging.outbox.shelf import Wanted
from gateway.messaging.outbox.unknown import SecondLook, UnknownTexts
from gateway.messaging.outbox.verdict import Resend
from gateway.messaging.receipts import Receipts
from gateway.providers.base import DeliveryState, Outcome, Receipt, Sms, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store
from tests.support.outbox import entry, head_of, push

SILENT = SubmitResult(Outcome.UNKNOWN, code="timeout", text="no answer in time")


@dataclass
class Desk:
    """The list of one store and what works on it; ``woken``: how often something was queued."""

    store: Store
    unknown: UnknownTexts
    receipts: Receipts
    woken: int = 0

    def look(self, resend: Resend = Resend.ALWAYS, patience: float = 0.0) -> SecondLook:
        return SecondLook(
            *(self.store, self.unknown, self.receipts),
            resend=resend,
            wake=self.wake,
            patience=patience,
        )

    def wake(self) -> None:
        self.woken += 1

    async def doubted(self, *entries: OutboxEntry, silent: bool = True) -> None:
        """Let texts get no answer, one after the other."""
        outbox = Outbox(self.store)
        for each in entries:
            sms = Sms(each.id, each.to, each.sender, each.text)
            await self.receipts.create(sms, provider="nexmo", source="relay", expected=1)
            await self.receipts.record(sms, "nexmo", SILENT, 1)
            await push(self.store, each)
            [claim], _ = await outbox.claim(9, lease_ms=60_000, interval_ms=0, take_over=True)
            head = await head_of(self.store, claim.direction)
            assert await outbox.doubt(claim, head, each, reason(each), silent=silent)

    async def receipt(self, of: OutboxEntry, state: DeliveryState) -> None:
        await self.receipts.receive(Receipt("nexmo", "part-1", state, client_ref=of.id))

    async def listed(self) -> list[str]:
        return [each.id for each in (await self.unknown.page(100, "")).items]

    async def queued(self, of: OutboxEntry) -> list[OutboxEntry]:
        texts = await self.store.execute("LRANGE", keys.queue(of.direction), 0, -1)
        return [OutboxEntry.from_json(each) for each in texts]


def reason(of: OutboxEntry) -> str:
    return f"unknown, code timeout: text {int(of.id, 16)}"


@pytest.fixture
def desk(store: Store) -> Desk:
    unknown = UnknownTexts(store, 7)
    return Desk(store, unknown, Receipts(store, days=7, settled=unknown.discard))


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (DeliveryState.DELIVERED, 0),
        (DeliveryState.FAILED, 0),
        (DeliveryState.EXPIRED, 0),
        (DeliveryState.REJECTED, 0),
        (DeliveryState.BUFFERED, 1),
        (DeliveryState.ACCEPTED, 1),
        (DeliveryState.UNKNOWN, 1),
    ],
)
async def test_a_receipt_that_says_what_became_of_a_text_takes_it_off(
    desk: Desk, state: DeliveryState, left: int
) -> None:
    await desk.doubted(entry(1), entry(2))
    await desk.receipt(entry(1), state)
    assert [entry(2).id, entry(1).id][: 1 + left] == await desk.listed()


async def test_a_receipt_that_came_before_its_text_was_listed_takes_it_off_too(desk: Desk) -> None:
    await desk.doubted(entry(1), entry(2))
    aside = await desk.store.execute("HGET", keys.UNKNOWN, entry(1).id)
    await desk.receipt(entry(1), DeliveryState.DELIVERED)
    for each in (keys.UNKNOWN_TIMES, keys.UNKNOWN_NEW):
        await desk.store.execute("ZADD", each, 1, entry(1).id)
    await desk.store.execute("HSET", keys.UNKNOWN, entry(1).id, aside)
    assert await desk.look().settle(entry(1).id)
    assert not await desk.look().settle(entry(2).id)
    assert [entry(2).id] == await desk.listed()


@pytest.mark.parametrize(
    ("resend", "silent", "heard", "resent", "again"),
    [
        pytest.param(Resend.ALWAYS, True, None, False, 1, id="always"),
        pytest.param(Resend.EDGE, True, None, False, 0, id="edge"),
        pytest.param(Resend.REFUSED, True, None, False, 0, id="refused"),
        pytest.param(Resend.NEVER, True, None, False, 0, id="never"),
        pytest.param(Resend.ALWAYS, False, None, False, 0, id="it-was-answered"),
        pytest.param(Resend.ALWAYS, True, DeliveryState.ACCEPTED, False, 0, id="a-receipt-came"),
        pytest.param(Resend.ALWAYS, True, None, True, 0, id="a-second-time"),
    ],
)
async def test_what_got_neither_answer_nor_receipt_is_sent_once_more_if_the_owner_wants_it(
    desk: Desk,
    *,
    resend: Resend,
    silent: bool,
    heard: DeliveryState | None,
    resent: bool,
    again: int,
) -> None:
    text = entry(1, resent=resent)
    await desk.doubted(text, silent=silent)
    if heard:
        await desk.receipt(text, heard)
    look = desk.look(resend)
    await look.look_after()
    await look.look_after()
    queued = [replace(each, since=0) for each in await desk.queued(text)]
    assert [replace(text, resent=True)] * again == queued
    assert [text.id] * (1 - again) == await desk.listed()
    assert again == desk.woken


async def test_nothing_is_sent_again_before_its_time(desk: Desk) -> None:
    await desk.doubted(entry(1))
    await desk.look(patience=600).look_after()
    assert [entry(1).id] == await desk.listed()
    assert [] == await desk.queued(entry(1))


async def test_two_processes_send_a_text_again_once(desk: Desk) -> None:
    await desk.doubted(*(entry(n) for n in range(20)))
    await asyncio.gather(*(desk.look().look_after() for _ in range(5)))
    assert 20 == len(await desk.queued(entry(1)))


async def test_what_was_said_in_an_ended_session_stays_on_the_list(desk: Desk) -> None:
    text = entry(1, session="ab" * 16)
    await desk.doubted(text)
    await desk.look().look_after()
    assert [text.id] == await desk.listed()


FILTERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "all": ({}, [4, 3, 2, 1, 0]),
    "session": ({"session": "ab" * 16}, [3, 1]),
    "reason": ({"reason": "TEXT 2"}, [2]),
    "a-word-of-the-reason": ({"reason": "timeout"}, [4, 3, 2, 1, 0]),
    "since": ({"since": 1003}, [4, 3]),
    "both": ({"session": "ab" * 16, "since": 1002}, [3]),
    "none": ({"session": "cd" * 16}, []),
}


@pytest.mark.parametrize(("given", "expected"), FILTERS.values(), ids=FILTERS)
async def test_the_list_can_be_narrowed_and_paged(
    desk: Desk, given: dict[str, Any], expected: list[int]
) -> None:
    await desk.doubted(*(entry(n, session="ab" * 16 if n % 2 else "") for n in range(5)))
    for n in range(5):
        await desk.store.execute("ZADD", keys.UNKNOWN_TIMES, 1000 + n, entry(n).id)
    found, after = [], ""
    while True:
        page = await desk.unknown.page(2, after, Wanted(**given))
        assert len(expected) == page.total
        found += [int(each.id, 16) for each in page.items]
        if page.next is None:
            break
        after = page.next
    assert expected == found
    with pytest.raises(UnknownPlace, match="no such unknown text"):
        await desk.unknown.page(2, "ff" * 16, Wanted(**given))


async def test_many_are_queued_again_in_the_order_in_which_they_were_said(desk: Desk) -> None:
    await desk.doubted(*(entry(n) for n in range(4)), entry(9, session="ab" * 16))
    for n in range(4):
        await desk.store.execute("ZADD", keys.UNKNOWN_TIMES, 1000 + n, entry(n).id)
    wanted = [entry(n).id for n in (9, 2, 0, 7, 1)]
    refused = await desk.unknown.requeue_many(wanted)
    assert [0, 1, 2] == [int(each.id, 16) for each in await desk.queued(entry())]
    assert {entry(7).id, entry(9).id} == set(refused)
    assert "its session has ended, it can only be discarded" == refused[entry(9).id]
