"""How far a rehearsal goes that somebody waits for, and that it holds nobody up."""

from __future__ import annotations

import asyncio
import time

import pytest

from conf.protection import Action, Mode, Protection, Rule
from gateway.errors import StoreUnavailable
from gateway.messaging.history import History
from gateway.messaging.receipts import Receipts
from gateway.protection.rehearsal.rehearsals import Bounds, Rehearsals
from gateway.protection.rehearsal.report import MOST_LISTED, Report, listed, remarks
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import Allowance
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.support.scenes.past import ENDPOINTS, NO_LIMITS, message, rehearsed, terms

BLOCKED = Protection(rules=(Rule(Action.BLOCK, country="DE"),))
NOWHERE = "redis://127.0.0.1:1"
COUNT = 500


async def nothing_adopted() -> Allowance:
    raise AssertionError("the limits are set")


def rehearsals_of(store: Store) -> Rehearsals:
    history = History(store, Receipts(store, days=7), days=7)
    money = Budget(store, Allowance(0, 0), Protection(), adopted=nothing_adopted)
    return Rehearsals(
        *(history, money, Protection(), NO_LIMITS, ENDPOINTS),
        mode=Mode.OFF,
        days=7,
        receipts=True,
    )


async def play(store: Store, bounds: Bounds | None) -> Report:
    rehearsals = rehearsals_of(store)
    present = await rehearsals.present()
    return await rehearsals.play(terms(BLOCKED), present, days=7, bounds=bounds)


async def write(store: Store) -> None:
    """Write messages of the last minutes down, a second apart."""
    now = int(time.time() * 1000)
    fields = ("source", "/message", "provider", "nexmo", "price", "0.1", "p:1", "4 delivered")
    for n in range(COUNT):
        id, at = f"{n:032x}", now - (COUNT - n) * 1000
        await store.execute("ZADD", keys.MESSAGES, at, id)
        await store.execute(
            "HSET", keys.message(id), "created", at, "to", f"+49176{n:04}6900", *fields
        )


# How many newest messages are looked at, and whether the report says that some are left out.
CUTS = {"fewer": (120, 120, True), "as many": (COUNT, COUNT, False), "more": (900, COUNT, False)}


@pytest.mark.parametrize(("most", "played", "cut"), CUTS.values(), ids=CUTS)
async def test_the_newest_are_played_and_it_is_said_that_some_are_not(
    store: Store, most: int, played: int, cut: bool
) -> None:
    await write(store)
    report = await play(store, Bounds(most, 60.0))
    assert (played, played) == (report.played, report.tried.refused)
    assert cut is bool(report.cut) is any("newest" in each for each in remarks(report))


async def test_without_bounds_all_are_played(store: Store) -> None:
    await write(store)
    report = await play(store, None)
    assert (COUNT, "") == (report.played, report.cut)


async def test_it_ends_when_its_time_is_over_and_says_where(store: Store) -> None:
    await write(store)
    report = await play(store, Bounds(COUNT, 0.0))
    assert report.played < COUNT
    assert "It was ended" in report.cut
    assert report.end < int(time.time() * 1000) - 1000


async def test_who_waits_for_another_one_has_all_of_his_time(store: Store) -> None:
    await write(store)
    rehearsals = rehearsals_of(store)
    present = await rehearsals.present()
    long = rehearsals.play(terms(BLOCKED), present, days=7, progress=lambda read: time.sleep(0.3))
    short = rehearsals.play(terms(BLOCKED), present, days=7, bounds=Bounds(COUNT, 1.0))
    _, report = await asyncio.gather(long, short)
    assert (COUNT, "") == (report.played, report.cut)


async def test_what_is_left_out_and_where_it_was_ended_are_both_said(store: Store) -> None:
    await write(store)
    report = await play(store, Bounds(COUNT - 100, 0.0))
    assert "newest" in report.cut
    assert "It was ended" in report.cut


async def test_without_the_store_nothing_is_played() -> None:
    store = connect(NOWHERE)
    with pytest.raises(StoreUnavailable):
        await play(store, None)
    await store.close()


async def test_at_most_fifty_customers_are_listed_and_all_are_counted() -> None:
    report = await rehearsed([message(n, n) for n in range(80)], terms(BLOCKED))
    assert (80, MOST_LISTED) == (len(report.tried.customers), len(listed(report.tried)))
    assert all("•" in each for each in listed(report.tried))


async def test_others_have_their_turn_every_few_messages() -> None:
    """Measured in work of the loop's thread: other programs may have the processor meanwhile."""
    messages = [message(n, n) for n in range(1500)]
    await rehearsed(messages[:50], terms(), terms())  # what is read once
    ended = asyncio.Event()
    watching = asyncio.create_task(_longest_turn(ended))
    await rehearsed(messages, terms(Protection()), terms(Protection()))
    ended.set()
    assert await watching < 0.25


async def _longest_turn(ended: asyncio.Event) -> float:
    longest, last = 0.0, time.thread_time()
    while not ended.is_set():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return longest
