"""The clock of the store's host is put back or on: what was reserved by it moves along.

A clock that was put back by some seconds is one by which all that is stored lies ahead; tests
move what is stored, since the clock itself is the machine's.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.access.limiter import Limit, Limiter
from gateway.conversations.notices import Notices, NoticeTexts
from gateway.conversations.opening import NewSession
from gateway.conversations.outcomes import Taken
from gateway.conversations.texts.guard import Guard
from gateway.errors import LimitExceeded
from gateway.messaging.outbox.queue import Claim, Outbox, OutboxEntry
from gateway.messaging.sending.pacer import Pacer
from gateway.protection.limits.admission import Admission, Layer, Spare, SpareKind
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from tests.support.conversations import OpenedSessions, relay_on
from tests.support.outbox import entry, head_of, push

LEASE_MS, INTERVAL_MS = 20_000, 1000
AMERICAN = "+12065550100"
STEPS = [1, 30, 3600, 30 * 86_400]
backward = pytest.mark.parametrize("seconds", STEPS)


async def put_on(store: Store, seconds: float, *names: str) -> None:
    """Move all times that stand under these keys: by their clock, ours was put back."""
    for name in names:
        kind = await store.execute("TYPE", name)
        for place, moment in await _times(store, name, kind):
            moved = f"{float(moment) + seconds * 1000:.1f}".removesuffix(".0")
            await store.execute(*_written(kind, name, place, moved))


async def _times(store: Store, name: str, kind: str) -> list[tuple[str, str]]:
    if kind == "string":
        return [("", str(await store.execute("GET", name)))]
    if kind == "list":
        found = await store.execute("LRANGE", name, 0, -1)
        return [(str(place), moment) for place, moment in enumerate(found)]
    if kind == "none":
        return []
    command = ("HGETALL", name) if kind == "hash" else ("ZRANGE", name, 0, -1, "WITHSCORES")
    flat: Any = await store.execute(*command)
    return list(flat.items()) if kind == "hash" and isinstance(flat, dict) else _pairs(flat)


def _pairs(flat: list[str]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _written(kind: str, name: str, place: str, moved: str) -> tuple[str, ...]:
    return {
        "string": ("SET", name, moved, "KEEPTTL"),
        "list": ("LSET", name, place, moved),
        "hash": ("HSET", name, place, moved),
        "zset": ("ZADD", name, moved, place),
    }[kind]


async def now_ms(store: Store) -> float:
    seconds, micros = await store.execute("TIME")
    return int(seconds) * 1000 + int(micros) / 1000


# -- limits -----------------------------------------------------------------------------------

THREE = Limit(3, 60)


@backward
async def test_a_limit_refuses_for_its_window_at_most_after_a_step_back(
    store: Store, seconds: int
) -> None:
    """What was counted counts on; nobody is refused for as long as the clock was wrong."""
    limiter = Limiter(store)
    for _ in range(2):
        await limiter.hit("message", "a", THREE)
    await put_on(store, seconds, keys.limit("message", "a"))
    assert 2 == (await limiter.look("message", "a", THREE)).used
    await limiter.hit("message", "a", THREE)
    with pytest.raises(LimitExceeded) as refusal:
        await limiter.hit("message", "a", THREE)
    assert refusal.value.retry_after is not None
    assert 58 <= refusal.value.retry_after <= 60
    look = await limiter.look("message", "a", THREE)
    assert (3, True) == (look.used, 58 <= look.wait <= 60)
    assert await store.execute("PTTL", keys.limit("message", "a")) <= 60_000


@backward
async def test_one_who_was_refused_before_the_step_waits_no_longer_than_the_window(
    store: Store, seconds: int
) -> None:
    limiter = Limiter(store)
    for _ in range(3):
        await limiter.hit("message", "a", THREE)
    await put_on(store, seconds, keys.limit("message", "a"))
    assert 58 <= (await limiter.look("message", "a", THREE)).wait <= 60
    with pytest.raises(LimitExceeded) as refusal:
        await limiter.hit("message", "a", THREE)
    assert refusal.value.retry_after is not None
    assert refusal.value.retry_after <= 60


LAYERS = [
    Layer("message", "a", THREE),
    Layer("receiver", "b", Limit(5, 60), spare=Spare(SpareKind.CALLERS, "caller")),
    Layer("all", "c", Limit(4, 60), spare=Spare(SpareKind.SHARE, "49", 2)),
]


@backward
async def test_layers_refuse_for_their_window_at_most_after_a_step_back(
    store: Store, seconds: int
) -> None:
    """And what they have counted counts on, in each of them."""
    admission = Admission(store)
    for _ in range(2):
        await admission.admit(LAYERS)
    await put_on(store, seconds, *(key for each in LAYERS for key in each.keys))
    assert [2, 2, 2] == [each.used for each in await admission.look(LAYERS)]
    await admission.admit(LAYERS)
    with pytest.raises(LimitExceeded) as refusal:
        await admission.admit(LAYERS)
    assert refusal.value.retry_after is not None
    assert 58 <= refusal.value.retry_after <= 60
    for each in LAYERS:
        assert await store.execute("PTTL", each.keys[0]) <= 60_000


# -- the cap of a side ------------------------------------------------------------------------


@backward
async def test_no_text_is_held_because_the_clock_was_put_back(store: Store, seconds: int) -> None:
    """The cap counts what was passed on, as before."""
    await Pool(store).add(VirtualNumber(AMERICAN, "nexmo", "US", frozenset({"sms"}), 1))
    anna, ben = "+12065550121", "+12065550122"
    wanted = NewSession(participant_a=anna, participant_b=ben)
    session, _ = await OpenedSessions(store).create(wanted)
    silent = Notices(store, NoticeTexts("", "", "", "", "", ""), lambda: None)
    relay = relay_on(store, silent, Guard(amount=3, window_ms=600_000, day=0))

    async def write(word: str) -> Taken:
        return await relay.receive(Inbound("nexmo", word, anna, AMERICAN, word))

    assert Taken.RELAYED == await write("one")
    await put_on(store, seconds, keys.passed(session.id, "a"))
    assert [Taken.RELAYED] * 2 + [Taken.HELD] == [await write(w) for w in ("two", "three", "four")]
    [(_, moment), *_] = await _times(store, keys.passed(session.id, "a"), "list")
    assert float(moment) <= await now_ms(store) + 600_000


# -- the provider's pace ----------------------------------------------------------------------

PACE = (keys.pace("key"), keys.pace_asked("key"))


@backward
async def test_reserved_turns_move_back_with_the_clock(store: Store, seconds: int) -> None:
    """As many as were reserved lie ahead of the next one, no more and no fewer."""
    pacer = Pacer(store)
    for _ in range(4):
        await pacer.reserve("key", 1, 60)
    await put_on(store, seconds, *PACE)
    wait = await pacer.reserve("key", 1, 5)
    assert wait is not None
    assert 4 * 1.05 - 0.5 < wait <= 4 * 1.05
    assert await store.execute("PTTL", PACE[0]) <= (wait + 1.05) * 1000


@backward
async def test_a_hold_moves_back_with_the_clock(store: Store, seconds: int) -> None:
    pacer = Pacer(store)
    await pacer.reserve("key", 20, 60, hold=4)
    await put_on(store, seconds, *PACE)
    wait = await pacer.reserve("key", 20, 5)
    assert wait is not None
    assert 3.5 < wait <= 4


async def test_visitors_who_are_refused_notice_the_step_too(store: Store) -> None:
    pacer = Pacer(store)
    await pacer.reserve("key", 1, 60, hold=20)
    await put_on(store, 3600, *PACE)
    assert await pacer.reserve("key", 1, 5) is None
    wait = await pacer.reserve("key", 1, 60)
    assert wait is not None
    assert 20 < wait < 22


@pytest.mark.parametrize("seconds", [90, 3600])
async def test_turns_beyond_any_wait_that_is_meant_are_ignored_without_a_clock(
    store: Store, seconds: int
) -> None:
    """After a failover, or from a release that kept none."""
    await store.execute("RPUSH", PACE[0], int(await now_ms(store) + seconds * 1000))
    assert 0 == await Pacer(store).reserve("key", 1, 5)


async def test_after_a_step_forward_the_rate_holds_again(store: Store) -> None:
    pacer = Pacer(store)
    await pacer.reserve("key", 1, 5)
    await put_on(store, -3600, *PACE)
    waits = [await pacer.reserve("key", 1, 5) for _ in range(3)]
    assert [0, True, True] == [waits[0], *(wait is not None and wait > 1 for wait in waits[1:])]


# -- the outbox -------------------------------------------------------------------------------

OUTBOX = (keys.DUE, keys.TURNS, keys.RESERVED, keys.CLOCK)


def text(number: int, **more: Any) -> OutboxEntry:
    return entry(number, sender=AMERICAN, to=f"+120655502{number:02}", **more)


async def claims_of(outbox: Outbox, own: tuple[Claim, ...] = ()) -> list[Claim]:
    claims, _ = await outbox.claim(
        100, lease_ms=LEASE_MS, interval_ms=INTERVAL_MS, take_over=True, own=own
    )
    return claims


async def due_times(store: Store) -> dict[str, float]:
    """Return by direction in how many ms it is due."""
    now = await now_ms(store)
    flat = await store.execute("ZRANGE", keys.DUE, 0, -1, "WITHSCORES")
    return {direction: float(moment) - now for direction, moment in _pairs(flat)}


@backward
async def test_texts_wait_for_their_turn_and_not_for_the_clock_that_was_put_back(
    store: Store, seconds: int
) -> None:
    """Participants' and strangers' texts, and a retry."""
    outbox = Outbox(store)
    for number in range(3):
        await push(store, text(number))
    for number in range(3, 6):
        await push(store, text(number, stranger=True))
    [first, *_] = await claims_of(outbox)
    head = await head_of(store, first.direction)
    await outbox.retry(first, head, text(0, attempts=1), 30)
    before = await due_times(store)
    await put_on(store, seconds, *OUTBOX)
    await claims_of(outbox)
    after = await due_times(store)
    assert before.keys() == after.keys()
    assert all(abs(before[each] - after[each]) < 500 for each in before)
    # A number's next turn is where it was as well.
    await push(store, text(9))
    await claims_of(outbox)
    assert 2000 < (await due_times(store))[text(9).direction] < 4000


@pytest.mark.parametrize("seconds", [-3600, -30, *STEPS])
async def test_no_step_makes_a_claim_run_out_that_its_holder_still_renews(
    store: Store, seconds: int
) -> None:
    """Nobody else takes it over, so nothing is sent twice."""
    outbox = Outbox(store)
    await push(store, text(1))
    [claim] = await claims_of(outbox)
    await outbox.mark(claim, lease_ms=LEASE_MS, interval_ms=0, longest_ms=0)
    await put_on(store, seconds, *OUTBOX)
    assert [] == await claims_of(Outbox(store))
    assert LEASE_MS / 2 - 500 < (await due_times(store))[claim.direction] < LEASE_MS + 1000
    assert 1 == await outbox.renew([claim], lease_ms=LEASE_MS)
    assert [] == await claims_of(Outbox(store))
    assert await outbox.done(claim, text(1).to_json())


async def test_a_claim_of_a_dead_process_is_taken_over_by_those_that_look_on(store: Store) -> None:
    """Time that passes while somebody looks is no step."""
    outbox = Outbox(store)
    await push(store, text(1))
    [claim] = await claims_of(outbox)
    now = await now_ms(store)
    await store.execute("ZADD", keys.DUE, now - 1, claim.direction)
    await store.execute("SET", keys.CLOCK, int(now - LEASE_MS / 4))
    [taken] = await claims_of(Outbox(store))
    assert claim.direction == taken.direction


async def test_a_renewal_before_the_step_is_noticed_does_not_cost_the_claim(store: Store) -> None:
    outbox = Outbox(store)
    await push(store, text(1))
    [claim] = await claims_of(outbox)
    await put_on(store, 3600, *OUTBOX)
    assert 1 == await outbox.renew([claim], lease_ms=LEASE_MS)
    assert [] == await claims_of(Outbox(store))
    assert (await due_times(store))[claim.direction] > LEASE_MS / 2 - 500
