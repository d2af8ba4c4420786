"""Who is refused: noted once, shown page by page, let through again; a look counts nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from functools import partial
from typing import Any

import pytest

from conf.messages import MessageEndpoint
from gateway.access import limiter
from gateway.access.limiter import Limit, Limiter, Look, MessageLimits, Quota, ValidationLimits
from gateway.access.refusals import MOST_NOTES, Refusals, Refused
from gateway.errors import LimitExceeded, StoreUnavailable, UnknownPlace
from gateway.store import keys
from gateway.store.client import client
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect
from gateway.store.script import Argument, Reply, Script
from tests.support.visitor import eventually

NOWHERE = "redis://127.0.0.1:1"
CLIENT = "203.0.113.9"
NUMBER = "+4917612345678"
MINUTE, HOUR = 60, 3600
HIT, LOOK = (
    Script.load(limiter.__file__, name, "_enqueue", "_window")
    for name in ("limit_hit", "limit_look")
)
DUMP = Script("return redis.sha1hex(redis.call('DUMP', KEYS[1]))")


class Process:
    """The limits of one process."""

    def __init__(self, url: str) -> None:
        self.store = connect(url)
        self.blocks = Refusals(self.store)
        self.limiter = Limiter(self.store, self.blocks)

    async def refused(self, limit_class: str, subject: str, limit: Limit) -> int:
        """Call once; return 0, or the seconds for which the call is refused."""
        try:
            await self.limiter.hit(limit_class, subject, limit)
        except LimitExceeded as error:
            return error.retry_after
        return 0

    async def now(self) -> int:
        """Return the store's time in ms."""
        seconds, micros = await self.store.execute("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def note(self, *subjects: str, ends: int | None = None) -> None:
        """Note refusals that end an hour from now, or at ``ends`` (ms)."""
        until = ends or await self.now() + HOUR * 1000
        for each in subjects:
            await self.blocks.note("message", each, until)

    async def shown(self, limit: int = 1000) -> list[str]:
        """Return the subjects on all pages."""
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page = await self.blocks.page(limit, after)
            found += [each.subject for each in page.items]
            after = page.next
        return found


@pytest.fixture
async def processes(redis_url: str) -> AsyncIterator[list[Process]]:
    """Three processes at one store."""
    made = [Process(redis_url) for _ in range(3)]
    yield made
    await asyncio.gather(*(each.store.close() for each in made))


@pytest.fixture
def process(processes: list[Process]) -> Process:
    return processes[0]


async def everything(store: Store) -> dict[str, tuple[int, str]]:
    """Return all that lies in the store, with when it ends."""
    names = await store.execute("KEYS", "*")
    return {
        name: (await store.execute("PEXPIRETIME", name), await store.run(DUMP, [name], []))
        for name in names
    }


# -- noting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit_class", "subject"),
    [
        ("message", CLIENT),
        ("message:/app/", "2001:db8::/64"),
        ("receiver", NUMBER),
        ("validation", ""),
        ("lobby", "two words {and} more"),
    ],
)
async def test_a_refusal_is_shown_until_the_moment_when_the_next_call_passes(
    process: Process, limit_class: str, subject: str
) -> None:
    limit = Limit(1, MINUTE)
    assert 0 == await process.refused(limit_class, subject, limit)
    assert Page(0, [], None) == await process.blocks.page(10, "")
    await process.refused(limit_class, subject, limit)
    counted = int(await process.store.execute("LINDEX", keys.limit(limit_class, subject), 0))
    noted = Refused(limit_class, subject, counted + MINUTE * 1000)
    assert Page(1, [noted], None) == await process.blocks.page(10, "")


async def test_calls_that_pass_ask_nothing_more_of_the_store(process: Process) -> None:
    for _ in range(5):
        await process.refused("message", "a", Limit(5, MINUTE))
    assert 5 == process.store.commands


async def test_a_flood_of_one_subject_is_written_once_by_each_process(
    processes: list[Process],
) -> None:
    limit = Limit(3, MINUTE)
    calls = [processes[n % 3].refused("message", "a", limit) for n in range(103)]
    waits = await asyncio.gather(*calls)
    assert 100 == sum(wait > 0 for wait in waits)
    assert ["a"] == await processes[0].shown()
    assert 103 + 3 + 1 == sum(each.store.commands for each in processes)


async def test_a_new_block_of_the_same_subject_is_noted_anew(process: Process) -> None:
    limit = Limit(1, 1)
    for _ in range(2):
        await process.refused("message", "a", limit)
    [first] = (await process.blocks.page(10, "")).items

    async def passes() -> bool:
        return not await process.refused("message", "a", limit)

    await eventually(passes)
    await process.refused("message", "a", limit)
    [second] = (await process.blocks.page(10, "")).items
    assert first.until_ms + 1000 <= second.until_ms


class Failing(Store):
    """A store at which no note can be written while there is an ``error``."""

    error: Exception | None = StoreUnavailable()

    async def run(self, script: Script, keys_: Sequence[str], args: Iterable[Argument]) -> Reply:
        if self.error is not None and keys.BLOCKED in keys_:
            raise self.error
        return await super().run(script, keys_, args)


@pytest.fixture
async def failing(redis_url: str) -> AsyncIterator[Failing]:
    made = Failing(client(redis_url))
    yield made
    await made.close()


@pytest.mark.parametrize("error", [StoreUnavailable(), RuntimeError("unexpected")], ids=repr)
async def test_a_refusal_that_cannot_be_noted_is_the_same_refusal(
    process: Process, failing: Failing, error: Exception
) -> None:
    failing.error = error
    process.limiter = Limiter(failing, Refusals(failing))
    waits = [await process.refused("message", "a", Limit(1, MINUTE)) for _ in range(3)]
    assert [0, 60, 60] == waits
    assert [] == await process.shown()


async def test_what_could_not_be_noted_is_noted_at_the_next_refusal(
    process: Process, failing: Failing
) -> None:
    blocks, until = Refusals(failing), await process.now() + HOUR * 1000
    await blocks.note("message", "a", until)
    failing.error = None
    await blocks.note("message", "a", until)
    assert ["a"] == await process.shown()


@pytest.mark.parametrize("blocks", [False, True], ids=["without notes", "with notes"])
async def test_without_the_store_a_call_is_neither_passed_nor_refused(blocks: bool) -> None:
    nowhere = connect(NOWHERE)
    limiter = Limiter(nowhere, Refusals(nowhere) if blocks else None)
    with pytest.raises(StoreUnavailable):
        await limiter.hit("message", "a", Limit(1, MINUTE))


# -- what is kept -----------------------------------------------------------------------------


async def test_no_more_than_the_most_are_kept_and_those_that_end_soonest_go(
    process: Process,
) -> None:
    later = await process.now() + HOUR * 1000
    many = [item for n in range(MOST_NOTES) for item in (later + n, f"message {n}")]
    await process.store.execute("ZADD", keys.BLOCKED, *many)
    await process.note("longest", ends=later * 2)
    assert MOST_NOTES == await process.store.execute("ZCARD", keys.BLOCKED)
    page = await process.blocks.page(2, "")
    assert MOST_NOTES == page.total
    assert ["longest", str(MOST_NOTES - 1)] == [each.subject for each in page.items]
    assert await process.store.execute("ZSCORE", keys.BLOCKED, "message 0") is None


async def test_notes_that_are_over_are_never_shown_and_go_with_the_next(process: Process) -> None:
    now = await process.now()
    await process.store.execute("ZADD", keys.BLOCKED, now - 1, "message over", now, "message now")
    assert Page(0, [], None) == await process.blocks.page(10, "")
    await process.note("a")
    assert ["message a"] == await process.store.execute("ZRANGE", keys.BLOCKED, 0, -1)


async def test_all_notes_are_gone_when_the_last_is_over(process: Process) -> None:
    now = await process.now()
    await process.note("long", ends=now + HOUR * 1000)
    await process.note("short", ends=now + MINUTE * 1000)
    assert now + HOUR * 1000 == await process.store.execute("PEXPIRETIME", keys.BLOCKED)


async def test_a_process_remembers_no_more_than_it_can_hold(process: Process) -> None:
    """Who was forgotten is noted once more, and nothing else changes."""
    later = await process.now() + HOUR * 1000
    blocks = Refusals(process.store, remembered=2)
    for subject in ("a", "b", "c", "c", "b", "a"):
        await blocks.note("message", subject, later)
    assert 1 + 4 == process.store.commands
    assert ["c", "b", "a"] == await process.shown()


# -- paging -----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
@pytest.mark.parametrize(
    "ends", [[0, 1, 2, 3, 4, 5, 6], [0] * 7, [0, 0, 0, 1, 1, 2, 2]], ids=["apart", "same", "some"]
)
async def test_the_longest_come_first_page_by_page(
    process: Process, ends: list[int], limit: int
) -> None:
    """Also where many are free at the same moment."""
    later = await process.now() + HOUR * 1000
    for number, end in enumerate(ends):
        await process.note(str(number), ends=later + end)
    expected = sorted(range(7), key=lambda number: (ends[number], number), reverse=True)
    assert [str(number) for number in expected] == await process.shown(limit)
    assert 7 == (await process.blocks.page(limit, "")).total


async def test_what_leaves_meanwhile_shifts_no_page(process: Process) -> None:
    later = await process.now() + HOUR * 1000
    for number in range(6):
        await process.note(str(number), ends=later + number)
    first = await process.blocks.page(3, "")
    for gone in ("3", "5"):  # the last one shown, behind which the next page begins, is gone too
        await process.blocks.unblock("message", gone)
    second = await process.blocks.page(3, first.next or "")
    listed = (*first.items, *second.items)
    assert ["5", "4", "3", "2", "1", "0"] == [each.subject for each in listed]
    assert second.next is None


@pytest.mark.parametrize("after", ["junk", "1", "1.", ".1", "-1.1", "1.1.1", "٣.٣", "\ud800", " "])
async def test_a_page_after_junk_is_refused(process: Process, after: str) -> None:
    with pytest.raises(UnknownPlace, match="after"):
        await process.blocks.page(10, after)


async def test_without_the_store_nobody_is_shown_or_let_through() -> None:
    blocks = Refusals(connect(NOWHERE))
    for call in (blocks.page(10, ""), blocks.unblock("message", "a")):
        with pytest.raises(StoreUnavailable):
            await call


# -- letting through --------------------------------------------------------------------------


async def test_the_next_call_passes_and_the_limit_holds_again(processes: list[Process]) -> None:
    first, second, _ = processes
    limit = Limit(2, HOUR)
    assert [0, 0, 3600] == [await first.refused("message", "a", limit) for _ in range(3)]
    assert await second.blocks.unblock("message", "a")
    assert [] == await first.shown()
    calls = [await first.refused("message", "a", limit) > 0 for _ in range(3)]
    assert [False, False, True] == calls
    assert ["a"] == await second.shown()


@pytest.mark.parametrize("known", [["count", "note"], ["count"], ["note"], []], ids=str)
async def test_unblock_takes_what_there_is(process: Process, known: list[str]) -> None:
    if "count" in known:
        await Limiter(process.store).hit("message", "a", Limit(1, HOUR))
    if "note" in known:
        await process.note("a")
    assert bool(known) is await process.blocks.unblock("message", "a")
    assert not await process.blocks.unblock("message", "a")
    assert {} == await everything(process.store)


async def test_nobody_else_is_let_through(process: Process) -> None:
    limit = Limit(1, HOUR)
    for limit_class, subject in (("message", "a"), ("message", "b"), ("receiver", "a")):
        for _ in range(2):
            await process.refused(limit_class, subject, limit)
    await process.blocks.unblock("message", "a")
    assert 0 < await process.refused("message", "b", limit)
    assert 0 < await process.refused("receiver", "a", limit)
    assert {("message", "b"), ("receiver", "a")} == {
        (each.limit_class, each.subject) for each in (await process.blocks.page(10, "")).items
    }


# -- looking ----------------------------------------------------------------------------------


async def test_a_look_is_what_a_call_would_meet(process: Process) -> None:
    limit = Limit(2, HOUR)
    looks = [await process.limiter.look("message", "a", limit)]
    for _ in range(3):
        await process.refused("message", "a", limit)
        looks.append(await process.limiter.look("message", "a", limit))
    assert [(0, 0), (1, 0), (2, 3600), (2, 3600)] == [(each.used, each.wait) for each in looks]
    assert {(2, HOUR)} == {(each.amount, each.seconds) for each in looks}


# Calls so many ms ago, newest first; the tenth of a second lets a test look in the same second.
@pytest.mark.parametrize(
    ("amount", "ages", "used", "wait"),
    [
        pytest.param(3, [], 0, 0, id="nothing counted"),
        pytest.param(3, [100, 100], 2, 0, id="one left"),
        pytest.param(3, [100, 100, 100], 3, 60, id="just now"),
        pytest.param(3, [100, 200, 10_100], 3, 50, id="the oldest counts"),
        pytest.param(3, [100, 200, 59_100], 3, 1, id="nearly over"),
        pytest.param(3, [100, 200, 60_000], 2, 0, id="over"),
        pytest.param(3, [60_000, 60_000, 60_000], 0, 0, id="all over"),
        pytest.param(1, [100, 200, 300], 3, 60, id="amount lowered"),
        pytest.param(4, [100, 200, 300], 3, 0, id="amount raised"),
        pytest.param(0, [100, 200, 300], 0, 0, id="no limit"),
    ],
)
async def test_a_look_counts_what_the_window_holds_and_agrees_with_the_next_call(
    process: Process, amount: int, ages: list[int], used: int, wait: int
) -> None:
    now = await process.now()
    if ages:
        times = [now - age for age in ages]
        await process.store.execute("RPUSH", keys.limit("message", "a"), *times)
    limit = Limit(amount, MINUTE)
    assert Look(used, amount, MINUTE, wait) == await process.limiter.look("message", "a", limit)
    assert wait == await process.refused("message", "a", limit)


@pytest.mark.parametrize("seed", range(20))
async def test_look_and_hit_agree_at_any_moment_under_any_limit(
    process: Process, seed: int
) -> None:
    chance = random.Random(seed)
    window = chance.choice([5, 20, 50])
    for _ in range(100):
        amount = chance.randint(1, 8)
        (used, wait), hit = await at_one_moment(process.store, amount, window)
        assert wait == (hit[0] if hit else 0)
        assert (wait > 0) is (used >= amount)
        if chance.random() < 0.1:  # let some of the window pass
            await eventually(partial(is_past, process, await process.now() + 5))


async def is_past(process: Process, moment: int) -> bool:
    return await process.now() > moment


async def at_one_moment(store: Store, amount: int, window: int) -> tuple[Reply, Reply]:
    """Return what look and then hit answer; one script has one time for all its commands."""
    text = (
        f"local look = function() {LOOK.text} end\n"
        f"local hit = function() {HIT.text} end\n"
        "return {look(), hit()}"
    )
    args = ("EVAL", text, 1, keys.limit("message", "a"), amount, window)
    look, hit = await store.execute(*args)
    return look, hit


async def test_looks_change_nothing(process: Process) -> None:
    limit = Limit(2, HOUR)
    for _ in range(3):
        await process.refused("message", "a", limit)
    before = await everything(process.store)
    assert 2 == len(before)
    looks = [process.limiter.look("message", each, limit) for each in "ab" * 50]
    await asyncio.gather(*looks)
    assert before == await everything(process.store)


async def test_looks_among_100_calls_take_nothing_from_anybody(processes: list[Process]) -> None:
    limit = Limit(7, HOUR)

    async def both(process: Process) -> int:
        wait, look = await asyncio.gather(
            process.refused("message", "a", limit), process.limiter.look("message", "a", limit)
        )
        assert 0 <= look.used <= 7
        return wait

    waits = await asyncio.gather(*(both(processes[n % 3]) for n in range(100)))
    assert 7 == waits.count(0)


async def test_a_look_without_the_store_tells_nothing() -> None:
    limiter = Limiter(connect(NOWHERE))
    with pytest.raises(StoreUnavailable):
        await limiter.look("message", "a", Limit(1, MINUTE))
    assert Look(0, 0, MINUTE, 0) == await limiter.look("message", "a", Limit(0, MINUTE))


# -- looking at an endpoint -------------------------------------------------------------------


def endpoint(path: str, **limits: Any) -> MessageEndpoint:
    return MessageEndpoint(path, "text", "Sender", **limits)


ENDPOINTS = [
    pytest.param(endpoint("/message/"), (1, HOUR), id="common limits"),
    pytest.param(
        endpoint("/more/", limit_amount=2, receiver_limit_amount=2), (2, HOUR), id="own amount"
    ),
    pytest.param(
        endpoint("/short/", limit_expires=60, receiver_limit_expires=60), (1, 60), id="own window"
    ),
    pytest.param(
        endpoint("/free/", limit_amount=0, receiver_limit_amount=0), (0, HOUR), id="no limit"
    ),
]


async def told(call: Awaitable[None]) -> int:
    try:
        await call
    except LimitExceeded as error:
        return error.retry_after
    return 0


@pytest.mark.parametrize(("asked", "limit"), ENDPOINTS)
@pytest.mark.parametrize("kind", ["address", "receiver"])
async def test_a_look_at_an_endpoint_agrees_with_a_call_of_it(
    process: Process, asked: MessageEndpoint, limit: tuple[int, int], kind: str
) -> None:
    limits = MessageLimits(Limit(1, HOUR), Limit(1, HOUR))
    quota: Quota = getattr(limits.of(asked), kind)
    for _ in range(4):
        found = await process.limiter.look(quota.limit_class, NUMBER, quota.limit)
        assert limit == (found.amount, found.seconds)
        assert found.wait == await told(process.limiter.hit(quota.limit_class, NUMBER, quota.limit))


async def test_a_look_at_validation_agrees_with_a_call_of_it(process: Process) -> None:
    limits = ValidationLimits(process.limiter, Limit(2, HOUR))
    looks = []
    for _ in range(3):
        looks.append(await limits.look("2001:db8::1"))
        await told(limits.hit("2001:db8::2"))  # of the same /64
    assert [(0, 0), (1, 0), (2, 3600)] == [(each.used, each.wait) for each in looks]
    with pytest.raises(StoreUnavailable):
        await ValidationLimits(Limiter(connect(NOWHERE)), Limit(2, HOUR)).look(CLIENT)


async def test_endpoints_that_share_a_count_are_refused_and_let_through_together(
    process: Process,
) -> None:
    of = MessageLimits(Limit(1, HOUR), Limit(1, HOUR)).of
    one, two = (of(endpoint(each)).address for each in ("/message/", "/app/"))
    for _ in range(2):
        await told(process.limiter.hit(one.limit_class, "2001:db8::/64", one.limit))
    look = partial(process.limiter.look, two.limit_class, "2001:db8::/64", two.limit)
    assert 3600 == (await look()).wait
    [blocked] = (await process.blocks.page(10, "")).items
    assert ("message", "2001:db8::/64") == (blocked.limit_class, blocked.subject)
    await process.blocks.unblock(blocked.limit_class, blocked.subject)
    assert 0 == (await look()).wait
