"""The store side of the outbox: order, claims, turns of a number, fencing, dead letters."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import redis

from gateway.errors import StoreUnavailable
from gateway.messaging.outbox.queue import (
    LEAST_LOOKS,
    Claim,
    Counts,
    Outbox,
    OutboxEntry,
    Turn,
)
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.conftest import RestartableValkey
from tests.support.outbox import GERMAN, PERSON, UNREADABLE_TEXTS, entry, head_of, push
from tests.support.visitor import eventually

AMERICAN = "+12065550100"
LEASE_MS = 300
AGES_MS = 3_600_000
INTERVAL_MS = 400
WRITE, LATER, LOST = ((each, 0.0) for each in (Turn.WRITE, Turn.LATER, Turn.LOST))


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(store)


async def claims_of(
    outbox: Outbox,
    limit: int = 100,
    *,
    lease_ms: int = AGES_MS,
    interval_ms: int = 0,
    take_over: bool = True,
) -> list[Claim]:
    claims, _ = await outbox.claim(
        limit, lease_ms=lease_ms, interval_ms=interval_ms, take_over=take_over
    )
    return claims


async def claimed(outbox: Outbox, **how: Any) -> Claim:
    """Return the only claim there is."""
    [claim] = await claims_of(outbox, **how)
    return claim


async def mark(outbox: Outbox, claim: Claim, **how: int) -> tuple[Turn, float]:
    asked: dict[str, Any] = {"lease_ms": AGES_MS, "interval_ms": 0, "longest_ms": 1000, **how}
    return await outbox.mark(claim, **asked)


async def taken_over(outbox: Outbox, **how: Any) -> Claim:
    """Return the claim once its lease is over."""
    found: list[Claim] = []

    async def look() -> bool:
        found.extend(await claims_of(outbox, **how))
        return bool(found)

    await eventually(look)
    [claim] = found
    return claim


async def now_ms(store: Store) -> int:
    seconds, micros = await store.execute("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def due_in(store: Store, direction: str) -> float:
    """Return the ms until a direction is due."""
    score, now = await asyncio.gather(store.execute("ZSCORE", keys.DUE, direction), now_ms(store))
    return float(score) - now


async def left_behind(store: Store) -> int:
    """Return how many keys hold anything about directions."""
    names = (keys.DUE, keys.CLAIMS, keys.RESERVED, keys.queue(entry().direction))
    return int(await store.execute("EXISTS", *names))


# -- entries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", " one ", "ünï 🚀👩‍👩‍👧", 'quotes " \\ /', "line\nline\ttab\0", "]]> {} $& \u2028"],
)
async def test_an_entry_returns_from_the_store_as_it_was(
    outbox: Outbox, store: Store, text: str
) -> None:
    given = entry(text=text, session="ab" * 16, attempts=3, created=1_700_000_000_000)
    await push(store, given)
    assert given == OutboxEntry.from_json(await head_of(store, given.direction))


def test_the_direction_is_that_of_the_text() -> None:
    assert f"{GERMAN}>{PERSON}" == entry().direction


def test_fields_of_another_release_are_left_out() -> None:
    text = json.dumps(json.loads(entry().to_json()) | {"colour": "blue"})
    assert entry() == OutboxEntry.from_json(text)


def test_the_order_and_the_escapes_of_another_release_do_not_matter() -> None:
    given = entry(text="é/🚀")
    fields = dict(reversed(json.loads(given.to_json()).items()))
    assert given == OutboxEntry.from_json(json.dumps(fields, indent=1).replace("/", "\\/"))


def test_fields_with_a_default_may_be_missing() -> None:
    fields = json.loads(entry().to_json())
    for name in ("session", "attempts", "created"):
        del fields[name]
    assert entry() == OutboxEntry.from_json(json.dumps(fields))


@pytest.mark.parametrize("text", UNREADABLE_TEXTS.values(), ids=UNREADABLE_TEXTS.keys())
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind: the reader has its own
        OutboxEntry.from_json(text)


# -- claims -----------------------------------------------------------------------------------


async def test_texts_of_a_direction_come_one_after_the_other_and_leave_nothing_behind(
    outbox: Outbox, store: Store
) -> None:
    for number in (1, 2, 3):
        await push(store, entry(number))
    seen = []
    while claims := await claims_of(outbox):
        [claim] = claims
        assert [] == await claims_of(outbox)
        head = await head_of(store, claim.direction)
        seen.append(OutboxEntry.from_json(head).id)
        assert await outbox.done(claim, head)
    assert [entry(n).id for n in (1, 2, 3)] == seen
    assert 0 == await left_behind(store)


async def test_100_callers_in_4_processes_claim_each_direction_once(stores: list[Store]) -> None:
    outboxes = [Outbox(each) for each in stores]
    wanted = [entry(n, to=f"+49176040690{n:02}") for n in range(50)]
    await asyncio.gather(*(push(stores[0], each) for each in wanted))
    found = await asyncio.gather(*(claims_of(outboxes[n % 4], 1) for n in range(100)))
    directions = Counter(claim.direction for claims in found for claim in claims)
    assert Counter(each.direction for each in wanted) == directions


async def test_directions_are_claimed_in_the_order_in_which_they_became_due(
    outbox: Outbox, store: Store
) -> None:
    for number, age in ((1, 50), (2, 30), (3, 90)):
        await push(store, entry(number, to=f"+4917604069{number:03}"))
        due = await now_ms(store) - age
        await store.execute("ZADD", keys.DUE, due, entry(to=f"+4917604069{number:03}").direction)
    claims = await claims_of(outbox, 2)
    assert ["003", "001"] == [each.direction[-3:] for each in claims]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param([], AGES_MS / 1000, id="its-own-lease"),
        pytest.param([-5], 0, id="due-already"),
        pytest.param([90_000, 60_000], 60, id="in-a-minute"),
    ],
)
async def test_a_call_says_when_the_next_direction_is_due(
    outbox: Outbox, store: Store, others: list[int], expected: float
) -> None:
    await push(store, entry())
    await store.execute("ZADD", keys.DUE, 0, entry().direction)
    now = await now_ms(store)
    for number, due in enumerate(others):
        await store.execute("ZADD", keys.DUE, now + due, f"{GERMAN}>+4917{number}")
    [claim], pause = await outbox.claim(1, lease_ms=AGES_MS, interval_ms=0, take_over=True)
    assert entry().direction == claim.direction
    assert pytest.approx(expected, abs=5) == pause


async def test_a_call_says_when_nothing_waits(outbox: Outbox) -> None:
    nothing = await outbox.claim(1, lease_ms=AGES_MS, interval_ms=0, take_over=True)
    assert ([], None) == nothing


async def test_a_claim_without_texts_is_cleaned_away(outbox: Outbox, store: Store) -> None:
    await push(store, entry())
    await store.execute("DEL", keys.queue(entry().direction))
    claim = await claimed(outbox)
    assert "" == await head_of(store, claim.direction)
    assert await outbox.release(claim, 0)
    assert 0 == await left_behind(store)


async def test_a_text_pushed_meanwhile_is_not_lost_by_a_release_of_the_empty_direction(
    outbox: Outbox, store: Store
) -> None:
    await push(store, entry())
    await store.execute("DEL", keys.queue(entry().direction))
    claim = await claimed(outbox)
    await push(store, entry(2))
    await outbox.release(claim, 0)
    assert entry(2).to_json() == await head_of(store, (await claimed(outbox)).direction)


async def test_a_backlog_of_100_000_directions_is_not_walked_through(
    outbox: Outbox, store: Store
) -> None:
    """All share one number without a free turn, so that none of those looked at is claimed."""
    now = await now_ms(store)
    directions = [f"{AMERICAN}>+4917{n:08}" for n in range(100_000)]
    for start in range(0, len(directions), 5_000):
        some = directions[start : start + 5_000]
        await store.execute("ZADD", keys.DUE, *(item for each in some for item in (now, each)))
    await store.execute("HSET", keys.TURNS, AMERICAN, now + AGES_MS)
    _, pause = await outbox.claim(1, lease_ms=AGES_MS, interval_ms=INTERVAL_MS, take_over=True)
    assert 0 == pause
    assert LEAST_LOOKS == await store.execute("HLEN", keys.RESERVED)
    assert LEAST_LOOKS == await store.execute("ZCOUNT", keys.DUE, f"({now}", "+inf")


async def test_claims_whose_answer_was_lost_come_back_with_the_next_call(
    valkey_server: RestartableValkey,
) -> None:
    store = connect(valkey_server.url)
    outbox = Outbox(store)
    assert [] == await claims_of(outbox)  # from now on the server knows the script
    await push(store, entry())
    valkey_server.pause()
    with pytest.raises(StoreUnavailable):
        await claims_of(outbox)
    valkey_server.resume()

    async def has_run() -> bool:
        return bool((await outbox.counts()).claims)

    await eventually(has_run)
    assert not (await claimed(outbox)).repeats
    await store.close()


# -- a process dies ---------------------------------------------------------------------------

Step = Callable[[Outbox, Claim], Awaitable[object]]


async def claim_only(outbox: Outbox, claim: Claim) -> None:
    """Leave the claim as it is."""


async def begin_to_write(outbox: Outbox, claim: Claim) -> None:
    await mark(outbox, claim, lease_ms=LEASE_MS)


async def lose_the_answer(outbox: Outbox, claim: Claim) -> None:
    """Write, then meet an error that says that nothing was written."""
    await mark(outbox, claim, lease_ms=LEASE_MS)
    await outbox.release(claim, 0)


@pytest.mark.parametrize(
    ("step", "repeats"),
    [
        pytest.param(claim_only, False, id="before-the-request"),
        pytest.param(begin_to_write, True, id="over-the-request"),
        pytest.param(lose_the_answer, False, id="handed-back"),
    ],
)
async def test_the_next_holder_knows_whether_the_text_may_have_been_written(
    outbox: Outbox, store: Store, step: Step, repeats: bool
) -> None:
    await push(store, entry())
    await step(outbox, await claimed(outbox, lease_ms=LEASE_MS))
    assert repeats == (await taken_over(outbox)).repeats


async def die_again(outbox: Outbox, claim: Claim) -> None:
    """Do nothing more with the claim, its lease is short."""


async def hand_back(outbox: Outbox, claim: Claim) -> None:
    await outbox.release(claim, 0)


async def come_too_late(outbox: Outbox, claim: Claim) -> None:
    assert LATER == await mark(outbox, claim, interval_ms=INTERVAL_MS, longest_ms=0)


@pytest.mark.parametrize("step", [die_again, hand_back, come_too_late])
async def test_what_may_have_been_written_stays_so_until_it_is_decided(
    outbox: Outbox, store: Store, step: Step
) -> None:
    given = entry(sender=AMERICAN)
    await push(store, given)
    await mark(outbox, await claimed(outbox, lease_ms=LEASE_MS), lease_ms=LEASE_MS)
    second = await taken_over(outbox, lease_ms=LEASE_MS)
    written = await now_ms(store)
    await store.execute("HSET", keys.TURNS, f"{AMERICAN} written", written)
    await step(outbox, second)
    third = await taken_over(outbox)
    assert third.repeats
    await outbox.done(third, given.to_json())
    await push(store, given)
    assert not (await claimed(outbox)).repeats


async def test_after_an_outage_what_others_may_be_writing_is_left_to_them(
    outbox: Outbox, store: Store
) -> None:
    written, held = entry(1), entry(2, to="+4917604069002")
    for each in (written, held):
        await push(store, each)
    for claim in await claims_of(outbox, lease_ms=0):
        if claim.direction == written.direction:
            await mark(outbox, claim, lease_ms=0)
    taken = await taken_over(outbox, take_over=False)
    assert held.direction == taken.direction
    assert 0 < await due_in(store, written.direction) <= 1000
    await store.execute("ZADD", keys.DUE, 0, written.direction)
    assert (await claimed(outbox)).repeats


async def test_a_renewed_claim_is_not_taken_over(outbox: Outbox, store: Store) -> None:
    await push(store, entry())
    claim = await claimed(outbox, lease_ms=0)
    assert 1 == await outbox.renew([claim], lease_ms=AGES_MS)
    assert [] == await claims_of(outbox)
    assert await due_in(store, claim.direction) > AGES_MS / 2


async def test_a_lost_claim_is_not_renewed(outbox: Outbox, store: Store) -> None:
    await push(store, entry())
    lost = await claimed(outbox, lease_ms=0)
    await taken_over(outbox, lease_ms=LEASE_MS)
    other = Claim("+4917604069000>+4917604069009", "00" * 8, repeats=False)
    assert 0 == await outbox.renew([lost, other], lease_ms=AGES_MS)
    assert await due_in(store, lost.direction) <= LEASE_MS
    assert 1 == await store.execute("ZCARD", keys.DUE)


async def all_steps(outbox: Outbox, claim: Claim, head: str) -> list[object]:
    """Return what a holder is told at every step that he may try."""
    given = OutboxEntry.from_json(head)
    return [
        await mark(outbox, claim),
        await outbox.done(claim, head),
        await outbox.retry(claim, head, replace(given, attempts=1), 0),
        await outbox.bury(claim, head, given, "refused"),
        await outbox.bury_unreadable(claim, head),
        await outbox.release(claim, 0),
    ]


async def test_a_lost_claim_can_do_nothing_more(outbox: Outbox, store: Store) -> None:
    await push(store, entry())
    lost = await claimed(outbox, lease_ms=0)
    new = await taken_over(outbox)
    head = await head_of(store, new.direction)
    assert [LOST, False, False, False, False, False] == await all_steps(outbox, lost, head)
    assert head == await head_of(store, new.direction)
    assert Counts(directions=1, claims=1, dead_letters=0) == await outbox.counts()
    assert await due_in(store, new.direction) > AGES_MS / 2
    assert WRITE == await mark(outbox, new)


async def test_a_decided_claim_can_do_nothing_more(outbox: Outbox, store: Store) -> None:
    await push(store, entry(1))
    await push(store, entry(2))
    claim = await claimed(outbox)
    head = await head_of(store, claim.direction)
    assert await outbox.done(claim, head)
    assert [LOST, False, False, False, False, False] == await all_steps(outbox, claim, head)
    assert entry(2).to_json() == await head_of(store, claim.direction)


async def test_a_text_to_somebody_who_has_just_opted_out_is_not_let_out(
    outbox: Outbox, store: Store
) -> None:
    await push(store, entry())
    claim = await claimed(outbox)
    await store.execute("ZADD", keys.OPTOUTS, 1, PERSON)
    assert (Turn.OPTED_OUT, 0) == await mark(outbox, claim)
    assert await outbox.done(claim, entry().to_json())
    assert 0 == await left_behind(store)


# -- decisions --------------------------------------------------------------------------------

Decision = Callable[[Outbox, Claim, str], Awaitable[bool]]
RETRIED = replace(entry(1), attempts=1)
DECISIONS: dict[str, tuple[Decision, list[OutboxEntry], int, int]] = {
    # name: decision, what is left in the direction, earliest look (ms), dead letters
    "done": (lambda o, c, h: o.done(c, h), [entry(2)], 0, 0),
    "retry": (lambda o, c, h: o.retry(c, h, RETRIED, 60), [RETRIED, entry(2)], 60_000, 0),
    "bury": (lambda o, c, h: o.bury(c, h, entry(1), "refused"), [entry(2)], 0, 1),
    "unreadable": (lambda o, c, h: o.bury_unreadable(c, h), [entry(2)], 0, 1),
    "release": (lambda o, c, h: o.release(c, 0), [entry(1), entry(2)], 0, 0),
    "release-later": (lambda o, c, h: o.release(c, 5), [entry(1), entry(2)], 5_000, 0),
}


@pytest.mark.parametrize("name", DECISIONS)
async def test_a_decision_changes_the_head_and_ends_the_claim(
    outbox: Outbox, store: Store, name: str
) -> None:
    decision, left, earliest, dead = DECISIONS[name]
    await push(store, entry(1))
    await push(store, entry(2))
    claim = await claimed(outbox)
    assert await decision(outbox, claim, await head_of(store, claim.direction))
    texts = await store.execute("LRANGE", keys.queue(claim.direction), 0, -1)
    assert left == [OutboxEntry.from_json(each) for each in texts]
    assert Counts(directions=1, claims=0, dead_letters=dead) == await outbox.counts()
    assert earliest - 5000 <= await due_in(store, claim.direction) <= earliest


async def test_a_decision_spares_a_text_that_it_was_not_about(outbox: Outbox, store: Store) -> None:
    """Somebody emptied the direction meanwhile, and another text came."""
    await push(store, entry(1))
    claim = await claimed(outbox)
    head = await head_of(store, claim.direction)
    await store.execute("DEL", keys.queue(claim.direction))
    await push(store, entry(2))
    assert await outbox.bury(claim, head, entry(1), "refused")
    assert entry(2).to_json() == await head_of(store, claim.direction)
    assert Counts(directions=1, claims=0, dead_letters=0) == await outbox.counts()


# -- the pace of a number ---------------------------------------------------------------------


async def pushed(store: Store, count: int, sender: str = AMERICAN) -> list[str]:
    """Put one text into each of so many directions of one sender and return the directions."""
    entries = [entry(n, sender=sender, to=f"+49176040690{n:02}") for n in range(count)]
    for each in entries:
        await push(store, each)
    return [each.direction for each in entries]


@pytest.mark.parametrize(
    ("senders", "interval_ms", "at_once"),
    [
        pytest.param([AMERICAN] * 4, INTERVAL_MS, 1, id="one-american-number"),
        pytest.param(["+12065550101", AMERICAN], INTERVAL_MS, 2, id="two-american-numbers"),
        pytest.param([GERMAN] * 4, INTERVAL_MS, 4, id="no-american-number"),
        pytest.param([AMERICAN] * 4, 0, 4, id="unpaced"),
    ],
)
async def test_north_american_numbers_have_turns(
    outbox: Outbox, store: Store, senders: list[str], interval_ms: int, at_once: int
) -> None:
    for number, sender in enumerate(senders):
        await push(store, entry(number, sender=sender, to=f"+49176040690{number:02}"))
    assert at_once == len(await claims_of(outbox, interval_ms=interval_ms))


async def test_turns_are_reserved_one_interval_after_the_other(
    outbox: Outbox, store: Store
) -> None:
    directions = await pushed(store, 5)
    [first] = await claims_of(outbox, interval_ms=INTERVAL_MS)
    waiting = [each for each in directions if each != first.direction]
    reserved = [int(each) for each in await store.execute("HMGET", keys.RESERVED, *waiting)]
    assert reserved == [int(await store.execute("ZSCORE", keys.DUE, each)) for each in waiting]
    assert [INTERVAL_MS] * 3 == [after - before for before, after in pairwise(reserved)]
    assert reserved[-1] + INTERVAL_MS == int(await store.execute("HGET", keys.TURNS, AMERICAN))
    assert [] == await claims_of(outbox, interval_ms=INTERVAL_MS)


async def test_a_reserved_direction_goes_at_its_turn_and_the_others_stay(
    outbox: Outbox, store: Store
) -> None:
    await pushed(store, 3)
    first = await claimed(outbox, interval_ms=INTERVAL_MS)
    turns = await store.execute("HGET", keys.TURNS, AMERICAN)
    second = await taken_over(outbox, interval_ms=INTERVAL_MS)
    assert first.direction != second.direction
    assert not second.repeats
    assert turns == await store.execute("HGET", keys.TURNS, AMERICAN)


async def test_turns_that_were_missed_are_reserved_anew(outbox: Outbox, store: Store) -> None:
    """No process ran for a while: all that was reserved is due at once, but goes one by one."""
    directions = await pushed(store, 4)
    long_ago = await now_ms(store) - 10 * INTERVAL_MS
    for each in directions:
        await store.execute("ZADD", keys.DUE, long_ago, each)
        await store.execute("HSET", keys.RESERVED, each, long_ago)
    assert 1 == len(await claims_of(outbox, interval_ms=INTERVAL_MS))
    assert 3 == await store.execute("HLEN", keys.RESERVED)


async def test_a_text_waits_for_the_one_before_it_from_the_same_number(
    outbox: Outbox, store: Store
) -> None:
    """Both were claimed in their turns, but the first had to wait for its request."""
    await pushed(store, 2)
    first = await claimed(outbox, interval_ms=INTERVAL_MS)
    second = await taken_over(outbox, interval_ms=INTERVAL_MS)
    assert WRITE == await mark(outbox, first, interval_ms=INTERVAL_MS)
    turn, wait = await mark(outbox, second, interval_ms=INTERVAL_MS)
    assert turn is Turn.WAIT
    assert INTERVAL_MS / 2000 < wait <= INTERVAL_MS / 1000
    await asyncio.sleep(wait + 0.002)
    assert WRITE == await mark(outbox, second, interval_ms=INTERVAL_MS)


async def test_a_text_that_would_have_to_wait_too_long_gets_a_later_turn(
    outbox: Outbox, store: Store
) -> None:
    await pushed(store, 3)
    first = await claimed(outbox, interval_ms=INTERVAL_MS)
    second = await taken_over(outbox, interval_ms=INTERVAL_MS)
    next_free = int(await store.execute("HGET", keys.TURNS, AMERICAN))
    await mark(outbox, first, interval_ms=INTERVAL_MS)
    assert LATER == await mark(outbox, second, interval_ms=INTERVAL_MS, longest_ms=10)
    assert next_free == int(await store.execute("HGET", keys.RESERVED, second.direction))
    assert next_free == int(await store.execute("ZSCORE", keys.DUE, second.direction))
    assert next_free + INTERVAL_MS == int(await store.execute("HGET", keys.TURNS, AMERICAN))
    assert 1 == (await outbox.counts()).claims


async def test_the_turns_are_forgotten_once_they_matter_no_more(
    outbox: Outbox, store: Store
) -> None:
    await pushed(store, 3)
    claim = await claimed(outbox, interval_ms=AGES_MS)
    await mark(outbox, claim, interval_ms=AGES_MS)
    assert 4 * AGES_MS - 1000 < await store.execute("PTTL", keys.TURNS) <= 4 * AGES_MS
    assert 2 == await store.execute("HLEN", keys.TURNS)


async def test_without_the_store_nothing_seems_to_be_claimed() -> None:
    store = connect("redis://127.0.0.1:1")
    with pytest.raises(StoreUnavailable):
        await claims_of(Outbox(store))
    await store.close()


async def test_an_error_of_the_store_is_not_hidden(outbox: Outbox, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set(keys.DUE, "no sorted set")
    with pytest.raises(redis.ResponseError):
        await claims_of(outbox)


# -- strangers --------------------------------------------------------------------------------


def to_stranger(number: int) -> OutboxEntry:
    """Return an answer to one who takes part in nothing, from the American number."""
    return entry(number, sender=AMERICAN, to=f"+120655502{number:02}", stranger=True)


def to_participant(number: int, to: str = "") -> OutboxEntry:
    return entry(number, sender=AMERICAN, to=to or f"+120655503{number:02}")


async def sent_in_order(outbox: Outbox, store: Store, count: int) -> list[str]:
    """Return the receivers of the next texts, in the order in which their turns come."""
    order: list[str] = []

    async def look() -> bool:
        for claim in await claims_of(outbox, interval_ms=INTERVAL_MS // 4):
            order.append(claim.direction.partition(">")[2])
            await outbox.done(claim, await head_of(store, claim.direction))
        return len(order) >= count

    await eventually(look)
    return order


async def test_participants_take_the_next_turns_of_a_number_before_strangers(
    outbox: Outbox, store: Store
) -> None:
    """Those who are answered keep their order, and none is lost."""
    strangers = [to_stranger(n) for n in range(8)]
    for each in strangers:
        await push(store, each)
    [first] = await sent_in_order(outbox, store, 1)
    people = [to_participant(n) for n in range(4)]
    for each in people:
        await push(store, each)
    order = await sent_in_order(outbox, store, 11)
    assert [each.to for each in people] == order[:4]
    assert {each.to for each in strangers} == {first, *order[4:]}
    assert 0 == await left_behind(store)


async def test_a_stranger_who_takes_part_by_now_waits_no_longer_behind_others(
    outbox: Outbox, store: Store
) -> None:
    """His direction holds a participant's text behind the answer."""
    for number in range(8):
        await push(store, to_stranger(number))
    await sent_in_order(outbox, store, 1)
    await push(store, to_participant(9, to_stranger(7).to))
    order = await sent_in_order(outbox, store, 3)
    assert [to_stranger(7).to] * 2 == order[:2]


async def test_a_participants_text_leaves_a_claimed_answer_its_lease(
    outbox: Outbox, store: Store
) -> None:
    await push(store, to_stranger(1))
    claim = await claimed(outbox)
    await push(store, to_participant(2, to_stranger(1).to))
    assert await due_in(store, claim.direction) > AGES_MS / 2
    assert [] == await claims_of(outbox)


async def test_many_strangers_cost_a_number_one_look_a_turn(outbox: Outbox, store: Store) -> None:
    for number in range(20):
        await push(store, to_stranger(number))
    await claims_of(outbox, interval_ms=1000)
    waits = sorted([await due_in(store, to_stranger(n).direction) for n in range(20)])
    steps = [later - sooner for sooner, later in pairwise(waits[:-1])]
    assert all(900 < step < 1100 for step in steps)
