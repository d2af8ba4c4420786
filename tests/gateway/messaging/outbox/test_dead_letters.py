"""Dead letters: what is shown of them, for how long, and what the operator does with them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace

import pytest

from gateway.errors import BadRequest, UnknownPlace
from gateway.messaging.outbox.dead_letters import DeadLetters
from gateway.messaging.outbox.queue import (
    UNREADABLE,
    Claim,
    Counts,
    DeadLetter,
    Outbox,
    OutboxEntry,
)
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.support.outbox import GERMAN, PERSON, UNREADABLE_TEXTS, entry, push


@pytest.fixture
def letters(store: Store) -> DeadLetters:
    return DeadLetters(store, 7)


async def claimed(outbox: Outbox) -> Claim:
    """Return the only claim there is."""
    [claim], _ = await outbox.claim(9, lease_ms=60_000, interval_ms=0, take_over=True)
    return claim


async def buried(store: Store, *entries: OutboxEntry) -> None:
    """Let texts fail, one after the other."""
    outbox = Outbox(store)
    for each in entries:
        await push(store, each)
        claim = await claimed(outbox)
        assert await outbox.bury(claim, each.to_json(), each, "refused, code 6: nonsense")


async def test_a_dead_letter_holds_the_text_and_why_it_died(
    letters: DeadLetters, store: Store
) -> None:
    dead = entry(7, text="Hé 🚀", session="ab" * 16, attempts=3)
    await buried(store, dead)
    page = await letters.page(10, "")
    [letter] = page.items
    assert (1, None) == (page.total, page.next)
    assert abs(letter.at - time.time() * 1000) < 60_000
    reason = "refused, code 6: nonsense"
    assert DeadLetter(**asdict(dead), reason=reason, at=letter.at) == letter


async def test_dead_letters_are_listed_in_pages_the_newest_first(
    letters: DeadLetters, store: Store
) -> None:
    await buried(store, *(entry(n) for n in range(5)))
    for n in range(5):
        await store.execute("ZADD", keys.DEAD_TIMES, n, entry(n).id)
    pages, after = [], ""
    while True:
        page = await letters.page(2, after)
        assert 5 == page.total
        pages.append([int(each.id, 16) for each in page.items])
        if page.next is None:
            break
        after = page.next
    assert [[4, 3], [2, 1], [0]] == pages


async def test_an_unknown_place_in_the_list_is_refused(letters: DeadLetters) -> None:
    with pytest.raises(UnknownPlace, match="after: no such dead letter"):
        await letters.page(10, "00" * 16)


@pytest.mark.parametrize("text", UNREADABLE_TEXTS.values(), ids=UNREADABLE_TEXTS.keys())
async def test_an_unreadable_text_can_be_seen_and_discarded_but_not_sent(
    letters: DeadLetters, store: Store, text: str
) -> None:
    direction = entry().direction
    await store.execute("RPUSH", keys.queue(direction), text)
    await store.execute("ZADD", keys.DUE, 0, direction)
    outbox = Outbox(store)
    await outbox.bury_unreadable(await claimed(outbox), text)
    [letter] = (await letters.page(10, "")).items
    shown = (letter.sender, letter.to, letter.text, letter.reason)
    assert (GERMAN, PERSON, text, UNREADABLE) == shown
    with pytest.raises(BadRequest):
        await letters.requeue(letter.id)
    assert await letters.discard(letter.id)


async def test_a_dead_letter_that_is_itself_unreadable_is_shown_as_it_is(
    letters: DeadLetters, store: Store
) -> None:
    await store.execute("HSET", keys.DEAD, "ab", "hello")
    await store.execute("ZADD", keys.DEAD_TIMES, 1, "ab")
    [letter] = (await letters.page(10, "")).items
    assert ("ab", "hello", UNREADABLE) == (letter.id, letter.text, letter.reason)
    with pytest.raises(BadRequest):
        await letters.requeue("ab")


@pytest.mark.parametrize("days_ago", [6.99, 7.01])
async def test_a_dead_letter_is_kept_for_so_many_days(
    letters: DeadLetters, store: Store, days_ago: float
) -> None:
    await buried(store, entry(1))
    died = int((time.time() - days_ago * 86_400) * 1000)
    await store.execute("ZADD", keys.DEAD_TIMES, died, entry(1).id)
    await letters.trim()
    assert int(days_ago < 7) == await store.execute("HLEN", keys.DEAD)
    assert int(days_ago < 7) == (await letters.page(10, "")).total


@pytest.mark.parametrize(
    ("e164", "sessions", "left"),
    [(PERSON, [], 1), (GERMAN, [], 2), ("+12065550100", ["ab" * 16], 1), (PERSON, ["ab" * 16], 0)],
)
async def test_the_dead_letters_of_a_number_and_of_sessions_can_be_dropped(
    letters: DeadLetters, store: Store, e164: str, sessions: list[str], left: int
) -> None:
    await buried(store, entry(1), entry(2, to="+4917604069002", session="ab" * 16))
    assert 2 - left == await letters.discard_of(e164, sessions)
    assert left == (await letters.page(10, "")).total


async def test_a_requeued_text_stands_at_the_end_with_its_id_and_all_attempts_before_it(
    letters: DeadLetters, store: Store
) -> None:
    dead = entry(1, attempts=12, created=1_700_000_000_000)
    await buried(store, dead)
    await push(store, entry(2))
    assert await letters.requeue(dead.id)
    texts = await store.execute("LRANGE", keys.queue(dead.direction), 0, -1)
    first, second = [OutboxEntry.from_json(each) for each in texts]
    assert (entry(2), replace(dead, attempts=0)) == (first, replace(second, since=0))
    assert abs(second.since - time.time() * 1000) < 60_000
    outbox = Outbox(store)
    assert Counts(directions=1, claims=0, dead_letters=0) == await outbox.counts()
    assert dead.direction == (await claimed(outbox)).direction


Removal = Callable[[DeadLetters, str], Awaitable[bool]]


@pytest.mark.parametrize("first", [DeadLetters.requeue, DeadLetters.discard])
@pytest.mark.parametrize("second", [DeadLetters.requeue, DeadLetters.discard])
async def test_of_two_at_once_one_has_the_dead_letter(
    redis_url: str, letters: DeadLetters, store: Store, first: Removal, second: Removal
) -> None:
    await buried(store, entry(1))
    other = connect(redis_url)
    await other.ping()  # both are connected, so that they are at it at the same time
    results = await asyncio.gather(
        first(letters, entry(1).id), second(DeadLetters(other, 7), entry(1).id)
    )
    await other.close()
    assert [False, True] == sorted(results)
    queued = await store.execute("LLEN", keys.queue(entry(1).direction))
    requeued = dict(zip((first, second), results, strict=True)).get(DeadLetters.requeue, False)
    if first is not second:
        assert int(requeued) == queued
    else:
        assert int(first is DeadLetters.requeue) == queued
    assert 0 == (await Outbox(store).counts()).dead_letters


@pytest.mark.parametrize("removal", [DeadLetters.requeue, DeadLetters.discard])
@pytest.mark.parametrize("letter_id", ["", "x", "00" * 16, "é🚀"])
async def test_an_unknown_dead_letter_is_said_to_be_unknown(
    letters: DeadLetters, removal: Removal, letter_id: str
) -> None:
    assert not await removal(letters, letter_id)
