"""The queue of SMS for phones: order, leases, caps, results, reports, what time brings about."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import uuid4

import pytest

from conf.devices import Device
from gateway.errors import BadRequest, NotFound, StoreUnavailable, UnknownPlace
from gateway.smssync.devices import Devices
from gateway.smssync.queue import MOST_HANDED, TaskQueue
from gateway.smssync.tasks import MOST_PRIORITY, NewTask, Result, Task, TaskState
from gateway.store import keys
from gateway.store.client import client
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect
from gateway.store.script import Argument, Reply, Script, ScriptCall
from tests.conftest import RestartableValkey
from tests.support.visitor import eventually

TO = "+4917612345678"
LEASE = 300.0
SHORT = 0.05  # seconds, of what a test waits for
HOUR_MS = 3_600_000

DEVICES = {
    each.name: each
    for each in (
        Device("auto", "s3cret"),
        Device("on", "s3cret", results="on"),
        Device("on2", "s3cret", results="on"),
        Device("off", "s3cret", results="off"),
        Device("capped", "s3cret", hourly_cap=3),
        Device("capped-on", "s3cret", hourly_cap=3, results="on"),
        Device("free", "s3cret", hourly_cap=0),
        Device("free2", "s3cret", hourly_cap=0),
        Device("free-on", "s3cret", hourly_cap=0, results="on"),
    )
}


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def numbers_of(uuids: list[str]) -> list[int]:
    return [int(each[-12:]) for each in uuids]


@dataclass
class Reports:
    """What was told of changes; ``down``: the next so many are not taken note of."""

    told: list[tuple[int, str]] = field(default_factory=list)
    down: int = 0
    error: Exception = field(default_factory=StoreUnavailable)

    async def changed(self, uuid: str, state: str) -> None:
        if self.down:
            self.down -= 1
            raise self.error
        self.told.append((int(uuid[-12:]), state))

    def states(self, number: int = 1) -> list[str]:
        return [state for each, state in self.told if each == number]


@pytest.fixture
def reports() -> Reports:
    return Reports()


Make = Callable[..., TaskQueue]


@pytest.fixture
def make(store: Store, reports: Reports) -> Make:
    """Return queues with other times, or of another process, on the same store."""

    def made(on: Store = store, **times: float) -> TaskQueue:
        return TaskQueue(on, DEVICES, changed=reports.changed, **{"lease": LEASE, **times})

    return made


@pytest.fixture
def tasks(make: Make) -> TaskQueue:
    return make()


async def put(tasks: TaskQueue, *numbers: int, **more: Any) -> None:
    """Queue SMS one after the other."""
    for number in numbers or (1,):
        fields = {"to": TO, "message": f"Text {number}", **more}
        assert await tasks.add(NewTask(uuid=uuid_of(number), **fields))


async def polled(tasks: TaskQueue, device: str = "on") -> list[int]:
    """Return the numbers of the SMS that a poll brings, once it is reported."""
    found = await tasks.poll(device)
    await tasks.drain()
    return numbers_of([each.uuid for each in found])


async def acknowledged(tasks: TaskQueue, *numbers: int, device: str = "on") -> list[int]:
    return numbers_of(await tasks.acknowledge(device, [uuid_of(each) for each in numbers or (1,)]))


async def reported(tasks: TaskQueue, *results: Result, device: str = "on") -> list[int]:
    return numbers_of(await tasks.results(device, results))


def result(number: int = 1, sent: str = "", delivered: str = "", text: str = "") -> Result:
    return Result(uuid_of(number), sent, delivered, text)


async def state_of(tasks: TaskQueue, number: int = 1) -> str:
    try:
        return (await tasks.get(uuid_of(number))).state
    except NotFound:
        return "none"


async def becomes(tasks: TaskQueue, state: str, number: int = 1) -> None:
    """Look after the queue until an SMS is in this state."""

    async def has_become() -> bool:
        await tasks.look_after()
        return state == await state_of(tasks, number)

    await eventually(has_become)


async def now_ms(store: Store) -> int:
    seconds, micros = await store.execute("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def clock_passes(store: Store, ms: int) -> None:
    await eventually(lambda: _is_past(store, ms))


async def _is_past(store: Store, ms: int) -> bool:
    return await now_ms(store) > ms


async def owed(store: Store) -> set[str]:
    """Return the states of SMS 1 that are still to be reported."""
    entries = await store.execute("ZRANGE", keys.TASK_REPORTS, 0, -1)
    return {each.partition(" ")[2] for each in entries}


async def make_overdue(store: Store) -> None:
    """Let the time be over in which reports are left to those who caused them."""
    for each in await store.execute("ZRANGE", keys.TASK_REPORTS, 0, -1):
        await store.execute("ZADD", keys.TASK_REPORTS, 0, each)


# -- what is queued ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [" ", " one ", "ünï 🚀👩‍👩‍👧", 'quotes " \\ /', "a\nb\t\0", "\ud800", "{}"]
)
async def test_an_sms_reaches_the_phone_as_it_was_queued(tasks: TaskQueue, text: str) -> None:
    await put(tasks, message=text, to="40404")
    [found] = await tasks.poll("on")
    assert ("40404", text, uuid_of(1)) == (found.to, found.message, found.uuid)


async def test_an_sms_is_queued_once_for_its_uuid(tasks: TaskQueue) -> None:
    await put(tasks)
    again = NewTask(uuid=uuid_of(1), to=TO, message="another")
    assert not await tasks.add(again)
    await polled(tasks, "off")
    assert not await tasks.add(again)
    assert [] == await polled(tasks, "off")


async def test_100_callers_in_4_processes_queue_an_sms_once(
    stores: list[Store], make: Make
) -> None:
    queues = [make(each) for each in stores]
    new = NewTask(uuid=uuid_of(1), to=TO, message="one")
    added = await asyncio.gather(*(queues[n % 4].add(new) for n in range(100)))
    assert 1 == sum(added)
    assert [1] == await polled(queues[0])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        pytest.param({"to": ""}, "to:", id="no-receiver"),
        pytest.param({"message": ""}, "message:", id="no-text"),
        pytest.param({"priority": MOST_PRIORITY + 1}, "priority:", id="too-urgent"),
        pytest.param({"priority": -MOST_PRIORITY - 1}, "priority:", id="not-urgent-enough"),
    ],
)
async def test_what_no_phone_can_be_given_is_refused(
    tasks: TaskQueue, wrong: dict[str, Any], expected: str
) -> None:
    fields = {"uuid": uuid_of(1), "to": TO, "message": "one"}
    with pytest.raises(BadRequest, match=expected):
        await tasks.add(NewTask(**{**fields, **wrong}))
    assert "none" == await state_of(tasks)


@pytest.mark.parametrize("uuid", ["", "1", uuid_of(1).replace("-", ""), uuid_of(1) + " ", "A" * 36])
async def test_an_id_of_another_shape_is_our_own_mistake(tasks: TaskQueue, uuid: str) -> None:
    with pytest.raises(ValueError, match="uuid"):
        await tasks.add(NewTask(uuid=uuid, to=TO, message="one"))


async def test_all_of_an_sms_is_shown(tasks: TaskQueue, store: Store) -> None:
    before = await now_ms(store)
    await put(tasks, device="on", priority=5, ttl=60)
    waiting = await tasks.get(uuid_of(1))
    await polled(tasks)
    [leased], after = (await tasks.page(1, "")).items, await now_ms(store)
    assert waiting
    assert (TaskState.WAITING, "", 0, 0) == (
        waiting.state,
        waiting.taken_by,
        waiting.taken,
        waiting.attempts,
    )
    assert before <= waiting.created <= leased.changed <= after
    assert 60_000 == waiting.expires - waiting.created
    assert ("on", 5, TaskState.LEASED, "on", 1) == (
        leased.device,
        leased.priority,
        leased.state,
        leased.taken_by,
        leased.attempts,
    )
    assert leased.taken == leased.changed


# -- the order --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priorities", "expected"),
    [
        ([0, 0, 0, 0], [1, 2, 3, 4]),
        ([0, 1, 0, 1], [2, 4, 1, 3]),
        ([-1, 0, 1, 0], [3, 2, 4, 1]),
        ([9, 10, 99, 100], [4, 3, 2, 1]),
        ([-MOST_PRIORITY, 0, MOST_PRIORITY, 999], [3, 4, 2, 1]),
    ],
    ids=str,
)
@pytest.mark.parametrize("devices", [("", ""), ("on", "on"), ("on", ""), ("", "on")], ids=str)
async def test_sms_leave_by_priority_then_as_they_came_own_and_shared_alike(
    tasks: TaskQueue, priorities: list[int], expected: list[int], devices: tuple[str, str]
) -> None:
    for number, priority in enumerate(priorities, 1):
        await put(tasks, number, priority=priority, device=devices[number % 2])
    assert expected == await polled(tasks)


async def test_a_batch_is_bounded_and_the_next_one_goes_on(tasks: TaskQueue) -> None:
    await put(tasks, *range(1, 51))
    batches = [await polled(tasks, "free") for _ in range(4)]
    assert [MOST_HANDED, MOST_HANDED, 10, 0] == [len(each) for each in batches]
    assert list(range(1, 51)) == list(chain(*batches))


async def test_the_order_holds_when_earlier_sms_have_been_forgotten(make: Make) -> None:
    brief = make(days=0)
    await put(brief, 9, 8)
    await brief.cancel(uuid_of(8))
    await becomes(brief, "none", 8)
    await put(brief, 7)
    assert [9, 7] == await polled(brief)


async def test_an_sms_for_a_phone_waits_for_that_phone(tasks: TaskQueue) -> None:
    await put(tasks, device="on2")
    assert [] == await polled(tasks, "on") + await polled(tasks, "off")
    assert [1] == await polled(tasks, "on2")


@pytest.mark.parametrize("name", ["on2", "on.", "on-", "o", "off"])
async def test_names_that_are_alike_are_different_phones(
    make: Make, tasks: TaskQueue, name: str
) -> None:
    await put(tasks, device=name)
    assert [] == await polled(tasks, "on")


async def test_an_unknown_phone_is_the_callers_mistake(tasks: TaskQueue) -> None:
    with pytest.raises(KeyError):
        await tasks.poll("nobody")


# -- what a poll does, by what is known of the phone -----------------------------------------


@pytest.mark.parametrize(
    ("device", "acknowledged_before", "expected"),
    [
        ("on", False, "leased"),
        ("on", True, "leased"),
        ("off", False, "handed"),
        ("off", True, "handed"),
        ("auto", False, "handed"),
        ("auto", True, "leased"),
    ],
)
async def test_only_a_phone_that_reports_results_leases(
    tasks: TaskQueue, device: str, acknowledged_before: bool, expected: str
) -> None:
    if acknowledged_before:
        await put(tasks, 9)
        await polled(tasks, device)
        assert [9] == await acknowledged(tasks, 9, device=device)
    await put(tasks)
    await polled(tasks, device)
    assert expected == await state_of(tasks)


async def test_a_foreign_acknowledgment_says_nothing_of_a_phone(tasks: TaskQueue) -> None:
    """Such calls carry no secret: anybody could make a phone look like one with results."""
    await put(tasks, 1, 2)
    await tasks.poll("off")
    assert [] == await acknowledged(tasks, 1, 2, 3, device="auto")
    await put(tasks, 4)
    await polled(tasks, "auto")
    assert "handed" == await state_of(tasks, 4)


async def test_that_a_phone_reports_results_is_kept_in_the_store(
    stores: list[Store], make: Make
) -> None:
    await put(make(), 1)
    await polled(make(), "auto")
    await acknowledged(make(), device="auto")
    assert (await Devices(stores[1], list(DEVICES.values())).state("auto")).results


# -- the states -------------------------------------------------------------------------------

SENT, FAILED = result(sent="sent"), result(sent="failed", text="no credit")
DELIVERED, UNDELIVERED = result(delivered="delivered"), result(delivered="failed")
Step = Callable[[TaskQueue], Awaitable[object]]


async def poll(tasks: TaskQueue) -> None:
    """The phone asks, the one that everything in these tables is about."""
    await polled(tasks)


async def acknowledge(tasks: TaskQueue) -> None:
    await acknowledged(tasks)


async def cancel(tasks: TaskQueue) -> None:
    with suppress(BadRequest):
        await tasks.cancel(uuid_of(1))


async def other_phone(tasks: TaskQueue) -> None:
    """Another phone says whatever it can about the SMS."""
    assert [] == await acknowledged(tasks, device="on2")
    assert [] == await reported(tasks, SENT, DELIVERED, FAILED, device="on2")


async def final_poll(tasks: TaskQueue) -> None:
    """A phone without results asks."""
    await polled(tasks, "off")


def report(*results: Result) -> Step:
    async def step(tasks: TaskQueue) -> None:
        await reported(tasks, *results)

    return step


JOURNEYS: dict[str, tuple[list[Step], list[str]]] = {
    "queued": ([], []),
    "leased": ([poll], ["leased"]),
    "leased-once": ([poll, poll], ["leased"]),
    "handed": ([poll, acknowledge], ["leased", "handed"]),
    "acknowledged-twice": ([poll, acknowledge, acknowledge], ["leased", "handed"]),
    "acknowledged-unasked": ([acknowledge], []),
    "handed-for-good": ([final_poll, poll], ["handed"]),
    "sent": ([poll, acknowledge, report(SENT)], ["leased", "handed", "sent"]),
    "sent-twice": ([poll, acknowledge, report(SENT), report(SENT)], ["leased", "handed", "sent"]),
    "sent-and-acknowledged-again": (
        [poll, acknowledge, report(SENT), acknowledge],
        ["leased", "handed", "sent"],
    ),
    "delivered": (
        [poll, acknowledge, report(SENT), report(DELIVERED)],
        ["leased", "handed", "sent", "delivered"],
    ),
    "delivered-in-one-post": (
        [poll, acknowledge, report(SENT, DELIVERED)],
        ["leased", "handed", "sent", "delivered"],
    ),
    "delivered-in-one-word": (
        [poll, acknowledge, report(result(sent="sent", delivered="delivered"))],
        ["leased", "handed", "delivered"],
    ),
    "failed": ([poll, acknowledge, report(FAILED)], ["leased", "handed", "failed"]),
    "undelivered": (
        [poll, acknowledge, report(SENT), report(UNDELIVERED)],
        ["leased", "handed", "sent", "failed"],
    ),
    "the-first-final-state-stays": (
        [poll, acknowledge, report(FAILED), report(DELIVERED), report(SENT)],
        ["leased", "handed", "failed"],
    ),
    "delivered-whatever-else": (
        [poll, acknowledge, report(DELIVERED), report(FAILED), report(UNDELIVERED)],
        ["leased", "handed", "delivered"],
    ),
    "no-news": ([poll, acknowledge, report(result(text="?"))], ["leased", "handed"]),
    "result-before-acknowledgment": ([poll, report(SENT), acknowledge], ["leased", "sent"]),
    "result-of-what-nobody-has": ([report(SENT), report(DELIVERED)], []),
    "cancelled": ([cancel, poll, acknowledge, report(SENT)], ["cancelled"]),
    "cancelled-twice": ([cancel, cancel], ["cancelled"]),
    "cancelled-while-leased": ([poll, cancel, acknowledge], ["leased", "cancelled"]),
    "far-too-late-to-cancel": ([poll, acknowledge, cancel], ["leased", "handed"]),
    "another-phone-and-a-waiting-one": ([other_phone], []),
    "another-phone-and-a-leased-one": ([poll, other_phone], ["leased"]),
    "another-phone-and-a-handed-one": ([poll, acknowledge, other_phone], ["leased", "handed"]),
}


@pytest.mark.parametrize(("steps", "expected"), JOURNEYS.values(), ids=JOURNEYS.keys())
async def test_a_state_follows_the_other_and_each_is_reported_once(
    tasks: TaskQueue, store: Store, reports: Reports, steps: list[Step], expected: list[str]
) -> None:
    await put(tasks)
    for step in steps:
        await step(tasks)
        await tasks.look_after()
    assert expected == reports.states()
    assert ["waiting", *expected][-1] == await state_of(tasks)
    assert set() == await owed(store)


async def test_a_phone_hears_which_results_were_recorded(tasks: TaskQueue) -> None:
    await put(tasks, 1, 2, 3)
    await polled(tasks)
    await acknowledged(tasks, 1, 2, 3)
    odd = [Result("none", "sent"), Result("\ud800", "sent"), Result(uuid_of(1).upper(), "sent")]
    said = [result(1, "sent"), result(2), result(4, "sent"), *odd, result(3, "failed")]
    assert [1, 3] == await reported(tasks, *said)
    assert [1, 3] == await reported(tasks, *said)
    assert [1] == await reported(tasks, result(1, "sent"), result(1, delivered="delivered"))
    assert [] == await reported(tasks)


async def test_a_phone_hears_which_of_its_sms_it_may_send(tasks: TaskQueue) -> None:
    await put(tasks, 1, 2, 3, 4)
    await polled(tasks)
    await reported(tasks, result(2, "sent"))
    uuids = ["", "x", "\ud800", uuid_of(9), *(uuid_of(n) for n in (4, 1, 2, 4, 1))]
    assert [4, 1] == numbers_of(await tasks.acknowledge("on", uuids))
    assert [] == await tasks.acknowledge("on", ["x"])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([result(sent="sent", text="SMS sent")], ("sent", "", "SMS sent")),
        (
            [result(sent="sent", text="SMS sent"), result(delivered="delivered")],
            ("sent", "delivered", "SMS sent"),
        ),
        ([DELIVERED, result(sent="sent")], ("sent", "delivered", "")),
        ([FAILED, SENT], ("failed", "", "no credit")),
        ([result(sent="sent", text="é🚀\ud800\0")], ("sent", "", "é🚀?\0")),
        ([result(sent="sent", text="x" * 1000)], ("sent", "", "x" * 200)),
    ],
    ids=["sent", "delivered", "reversed", "failed", "any-text", "long-text"],
)
async def test_the_phones_words_are_kept(
    tasks: TaskQueue, said: list[Result], expected: tuple[str, str, str]
) -> None:
    await put(tasks)
    await polled(tasks)
    await acknowledged(tasks)
    for each in said:
        await reported(tasks, each)
    found = await tasks.get(uuid_of(1))
    assert expected == (found.sent, found.delivered, found.text)


async def test_results_are_awaited_until_they_are_final_the_newest_first(
    tasks: TaskQueue, store: Store
) -> None:
    for number in (1, 2, 3):
        await put(tasks, number)
        await polled(tasks)
        await acknowledged(tasks, number)
        await clock_passes(store, await now_ms(store))
    await put(tasks, 4, 5)
    await tasks.poll("off")
    await put(tasks, 6)
    await polled(tasks)
    assert [3, 2, 1] == numbers_of(await tasks.awaiting_results("on"))
    assert [3] == numbers_of(await tasks.awaiting_results("on", 1))
    await reported(tasks, result(3, "failed"), result(2, "sent"))
    assert [2, 1] == numbers_of(await tasks.awaiting_results("on"))
    await reported(tasks, result(2, delivered="delivered"))
    assert [1] == numbers_of(await tasks.awaiting_results("on"))
    assert {4, 5} == set(numbers_of(await tasks.awaiting_results("off")))


# -- what time brings about -------------------------------------------------------------------


async def test_a_lease_that_runs_out_goes_to_whoever_asks_next_in_its_old_place(
    make: Make, reports: Reports
) -> None:
    brief = make(lease=SHORT)
    await put(brief, 1)
    await polled(brief, "on")
    await put(brief, 2)
    await becomes(brief, "waiting")
    assert [1, 2] == await polled(make(), "on2")
    assert [] == await acknowledged(brief, 1, device="on")
    assert [1, 2] == await acknowledged(make(), 1, 2, device="on2")
    assert ["leased", "waiting", "leased", "handed"] == reports.states()


async def test_a_lease_of_a_named_phone_waits_for_that_phone(make: Make) -> None:
    brief = make(lease=SHORT)
    await put(brief, device="on")
    await polled(brief)
    await becomes(brief, "waiting")
    assert [] == await polled(brief, "on2")
    assert [1] == await polled(make())
    found = await brief.get(uuid_of(1))
    assert found
    assert 2 == found.attempts


async def test_a_late_acknowledgment_gets_nothing_before_anyone_has_looked(
    make: Make, store: Store
) -> None:
    brief = make(lease=SHORT)
    await put(brief)
    [leased] = await brief.poll("on")
    await clock_passes(store, leased.taken + int(SHORT * 1000))
    assert [] == await acknowledged(brief)
    assert "leased" == await state_of(brief)


async def test_who_leases_again_may_acknowledge_again(make: Make) -> None:
    brief = make(lease=SHORT)
    await put(brief)
    await polled(brief)
    await becomes(brief, "waiting")
    assert [1] == await polled(make())
    assert [1] == await acknowledged(make())


async def test_what_was_handed_for_good_is_never_offered_again(make: Make) -> None:
    brief = make(lease=0, confirm=SHORT)
    await put(brief)
    await polled(brief, "off")
    await becomes(brief, "unconfirmed")
    assert [] == await polled(brief, "off") + await polled(brief, "on")


@pytest.mark.parametrize(
    ("said", "late", "expected"),
    [
        ([], [], "unconfirmed"),
        ([SENT], [], "unconfirmed"),
        ([], [SENT], "unconfirmed"),
        ([SENT], [DELIVERED], "delivered"),
        ([], [FAILED], "failed"),
    ],
    ids=["no-word", "no-delivery", "sent-late", "delivered-late", "failed-late"],
)
async def test_without_news_an_sms_is_unconfirmed_until_there_are_definite_ones(
    make: Make, said: list[Result], late: list[Result], expected: str
) -> None:
    brief = make(confirm=SHORT)
    await put(brief)
    await polled(brief)
    await acknowledged(brief)
    await reported(brief, *said)
    await becomes(brief, "unconfirmed")
    await reported(brief, *late)
    assert expected == await state_of(brief)
    assert [] == await brief.awaiting_results("on")


async def test_a_scheduled_sms_waits_for_its_time(tasks: TaskQueue, store: Store) -> None:
    soon = await now_ms(store) + 100
    await put(tasks, 1, send_at=soon)
    await put(tasks, 2, send_at=soon + HOUR_MS)
    await put(tasks, 3, send_at=soon - HOUR_MS)
    assert [3] == await polled(tasks)

    async def has_come() -> bool:
        await tasks.look_after()
        return [1] == await polled(tasks)

    await eventually(has_come)
    found = await tasks.get(uuid_of(1))
    assert found.taken >= soon
    assert "waiting" == await state_of(tasks, 2)


async def test_a_scheduled_sms_that_has_come_to_its_time_is_no_change_to_report(
    make: Make, store: Store, reports: Reports
) -> None:
    tasks = make()
    soon = await now_ms(store) + 50
    await put(tasks, send_at=soon)
    await clock_passes(store, soon)
    await tasks.look_after()
    assert [] == reports.told


@pytest.mark.parametrize("looked_after", [True, False])
async def test_an_expired_sms_is_not_handed_out(
    tasks: TaskQueue, store: Store, reports: Reports, looked_after: bool
) -> None:
    await put(tasks, ttl=SHORT)
    await put(tasks, 2)
    waiting = await tasks.get(uuid_of(1))
    await clock_passes(store, waiting.expires)
    if looked_after:
        await tasks.look_after()
    assert [2] == await polled(tasks)
    assert ["expired"] == reports.states()


async def test_many_expired_ones_do_not_keep_the_others_back(
    tasks: TaskQueue, store: Store
) -> None:
    await put(tasks, *range(1, 31), ttl=0.001)
    await put(tasks, 31)
    await clock_passes(store, await now_ms(store) + 1)
    assert [31] == await polled(tasks)


async def test_an_sms_that_expires_on_a_phone_that_is_silent_is_not_granted(
    tasks: TaskQueue, store: Store, reports: Reports
) -> None:
    await put(tasks, ttl=0.2)
    [leased] = await tasks.poll("on")
    await clock_passes(store, leased.expires)
    assert [] == await acknowledged(tasks)
    await becomes(tasks, "expired")
    assert ["leased", "expired"] == reports.states()
    found = await tasks.get(uuid_of(1))
    assert "" == found.taken_by


async def test_the_time_to_live_counts_from_the_time_to_send(
    tasks: TaskQueue, store: Store
) -> None:
    at = await now_ms(store) + HOUR_MS
    await put(tasks, send_at=at, ttl=60)
    found = await tasks.get(uuid_of(1))
    assert at + 60_000 == found.expires


FINISHES: dict[str, list[Step]] = {
    "cancelled": [cancel],
    "failed": [poll, acknowledge, report(FAILED)],
    "delivered": [poll, acknowledge, report(DELIVERED)],
}


@pytest.mark.parametrize("steps", FINISHES.values(), ids=FINISHES.keys())
async def test_finished_sms_are_forgotten_with_all_that_belongs_to_them(
    make: Make, store: Store, reports: Reports, steps: list[Step]
) -> None:
    tasks = make(days=0)
    await put(tasks)
    reports.down = 100  # what could not be told for so long is not told at all
    for step in steps:
        await step(tasks)
    await becomes(tasks, "none")
    left = await store.execute("KEYS", "{smssync}:*")
    assert [] == [each for each in left if ":device:" not in each and ":batch:" not in each]


async def test_finished_sms_stay_for_days(tasks: TaskQueue, make: Make) -> None:
    await put(tasks)
    await tasks.cancel(uuid_of(1))
    await make(days=0).look_after()
    assert "cancelled" == await state_of(tasks)


# -- the hourly cap ---------------------------------------------------------------------------


async def age(store: Store, ms: int) -> None:
    """Let what phones were handed have been handed out so much earlier."""
    entries = await store.execute("ZRANGE", keys.TASK_HANDED, 0, -1)
    await store.execute("DEL", keys.TASK_HANDED)
    for entry in entries:
        device, taken, uuid = entry.split(":")
        await store.execute("ZADD", keys.TASK_HANDED, 0, f"{device}:{int(taken) - ms}:{uuid}")


@pytest.mark.parametrize("device", ["capped", "capped-on"])
async def test_a_phone_is_given_no_more_than_its_cap_in_any_hour(
    tasks: TaskQueue, store: Store, device: str
) -> None:
    await put(tasks, *range(1, 9))
    assert [1, 2, 3] == await polled(tasks, device)
    assert [] == await polled(tasks, device)
    await age(store, HOUR_MS - 10_000)
    assert [] == await polled(tasks, device)
    await age(store, 10_001)
    assert [4, 5, 6] == await polled(tasks, device)
    assert [] == await polled(tasks, device)
    assert [7, 8] == await polled(tasks, "free")


async def test_what_has_left_the_hour_is_cleaned_away(tasks: TaskQueue, store: Store) -> None:
    await put(tasks, 1, 2, 3, 4)
    await polled(tasks, "capped")
    await age(store, HOUR_MS)
    await polled(tasks, "capped")
    assert 1 == await store.execute("ZCARD", keys.TASK_HANDED)


async def test_a_cap_counts_sms_that_have_failed_as_well(tasks: TaskQueue) -> None:
    await put(tasks, 1, 2, 3, 4)
    await polled(tasks, "capped")
    await reported(tasks, *(result(n, "failed") for n in (1, 2, 3)), device="capped")
    assert [] == await polled(tasks, "capped")


async def test_a_lease_that_was_never_acknowledged_does_not_use_up_the_cap(
    make: Make, tasks: TaskQueue
) -> None:
    brief = make(lease=SHORT)
    await put(brief, 1, 2, 3)
    await polled(brief, "capped-on")
    for number in (1, 2, 3):
        await becomes(brief, "waiting", number)
    assert [1, 2, 3] == await polled(tasks, "capped-on")


async def test_an_acknowledged_lease_counts_once_and_from_then_on(
    tasks: TaskQueue, store: Store
) -> None:
    await put(tasks, 1, 2, 3, 4)
    [first, *_] = await tasks.poll("capped-on")
    await clock_passes(store, first.taken)
    await acknowledged(tasks, 1, 2, 3, device="capped-on")
    entries = await store.execute("ZRANGE", keys.TASK_HANDED, 0, -1)
    assert [1, 2, 3] == numbers_of(entries)
    assert all(int(each.split(":")[1]) > first.taken for each in entries)


async def test_without_a_cap_only_the_batch_is_bounded(tasks: TaskQueue) -> None:
    await put(tasks, *range(1, 131))
    taken = [len(await polled(tasks, "free")) for _ in range(7)]
    assert [20] * 6 + [10] == taken


async def test_one_phones_cap_is_not_anothers(tasks: TaskQueue) -> None:
    await put(tasks, *range(1, 6))
    assert [1, 2, 3] == await polled(tasks, "capped")
    assert [4, 5] == await polled(tasks, "capped-on")


# -- many at once -----------------------------------------------------------------------------


async def drained(tasks: TaskQueue, device: str, most: int) -> list[int]:
    """Return what a phone gets until nothing is left, acknowledging what it leases."""
    found = []
    while batch := await polled(tasks, device):
        assert len(batch) <= most
        if DEVICES[device].results == "on":
            assert batch == await acknowledged(tasks, *batch, device=device)
        found += batch
    return found


async def test_phones_that_share_a_queue_get_each_of_5000_sms_once(
    stores: list[Store], make: Make, reports: Reports
) -> None:
    queues = [make(each) for each in stores]
    new = [NewTask(uuid=uuid_of(n), to=TO, message="one") for n in range(5000)]
    for start in range(0, len(new), 500):
        await asyncio.gather(*(queues[0].add(each) for each in new[start : start + 500]))
    phones = ["free", "free2", "free-on", "free"]
    taken = await asyncio.gather(
        *(drained(queue, phone, MOST_HANDED) for queue, phone in zip(queues, phones, strict=True))
    )
    assert list(range(5000)) == sorted(chain(*taken))
    assert all(each == sorted(each) for each in taken)
    handed = Counter(number for number, state in reports.told if state == "handed")
    assert Counter(range(5000)) == handed


async def test_an_sms_is_cancelled_or_handed_out_never_both(
    stores: list[Store], make: Make
) -> None:
    queues = [make(each) for each in stores]
    await put(queues[0], *range(1, 101))
    calls = [queues[n % 4].cancel(uuid_of(n)) for n in range(1, 101)]
    polls = [polled(queues[n % 4], "free") for n in range(5)]
    handed, cancelled = await asyncio.gather(
        asyncio.gather(*polls), asyncio.gather(*calls, return_exceptions=True)
    )
    numbers = set(chain(*handed))
    for number, each in enumerate(cancelled, start=1):
        assert isinstance(each, BadRequest if number in numbers else Task)


async def test_a_capped_phone_that_asks_100_times_at_once_gets_its_cap(
    stores: list[Store], make: Make
) -> None:
    queues = [make(each) for each in stores]
    await put(queues[0], *range(1, 21))
    taken = await asyncio.gather(*(polled(queues[n % 4], "capped") for n in range(100)))
    assert [1, 2, 3] == sorted(chain(*taken))


async def test_a_lease_that_runs_out_is_reported_by_one_of_four_processes(
    stores: list[Store], make: Make, reports: Reports
) -> None:
    queues = [make(each, lease=SHORT) for each in stores]
    await put(queues[0], *range(1, 51))
    leased = [*await polled(queues[0], "free-on"), *await polled(queues[0], "free-on")]

    async def all_waiting() -> bool:
        await asyncio.gather(*(each.look_after() for each in queues))
        return len(leased) == Counter(state for _, state in reports.told)["waiting"]

    await eventually(all_waiting)
    assert {("leased", 1), ("waiting", 1)} == {
        (state, count) for (_, state), count in Counter(reports.told).items()
    }


# -- reports and lost answers -----------------------------------------------------------------


@pytest.mark.parametrize("error", [StoreUnavailable(), RuntimeError("a mistake of ours")], ids=str)
async def test_a_report_that_was_not_taken_note_of_is_made_again_later(
    tasks: TaskQueue, store: Store, reports: Reports, error: Exception
) -> None:
    await put(tasks)
    reports.down, reports.error = 1, error
    assert [1] == await polled(tasks, "off")
    await tasks.look_after()
    assert [] == reports.told  # it is left to the process that caused it
    await make_overdue(store)
    await tasks.look_after()
    await tasks.look_after()
    assert ["handed"] == reports.states()
    assert set() == await owed(store)


async def test_a_phone_has_its_sms_before_its_poll_is_reported(store: Store) -> None:
    heard, may_end = [], asyncio.Event()

    async def slow(uuid: str, state: TaskState) -> None:
        await may_end.wait()
        heard.append(state)

    tasks = TaskQueue(store, DEVICES, lease=LEASE, changed=slow)
    await put(tasks)
    assert [uuid_of(1)] == [each.uuid for each in await tasks.poll("off")]
    assert ([], {"handed"}) == (heard, await owed(store))
    may_end.set()
    await tasks.drain()
    assert ([TaskState.HANDED], set()) == (heard, await owed(store))


async def test_a_report_that_fails_again_is_not_lost(
    tasks: TaskQueue, store: Store, reports: Reports
) -> None:
    await put(tasks)
    reports.down = 3
    await polled(tasks, "off")
    for _ in range(3):
        await make_overdue(store)
        await tasks.look_after()
    assert ["handed"] == reports.states()


async def test_what_a_dead_process_owed_is_reported_by_one_of_four(
    stores: list[Store], make: Make, store: Store, reports: Reports
) -> None:
    queues = [make(each) for each in stores]
    await put(queues[0], *range(1, 11))
    reports.down = 10
    await polled(queues[0], "off")
    await make_overdue(store)
    await asyncio.gather(*(each.look_after() for each in queues))
    assert {(n, "handed") for n in range(1, 11)} == set(reports.told)
    assert 10 == len(reports.told)


STEPS_THAT_REPORT: dict[str, tuple[list[Step], Step]] = {
    "poll": ([], poll),
    "acknowledge": ([poll], acknowledge),
    "result": ([poll, acknowledge], report(DELIVERED)),
    "cancel": ([], cancel),
}


@pytest.mark.parametrize(
    ("before", "step"), STEPS_THAT_REPORT.values(), ids=STEPS_THAT_REPORT.keys()
)
async def test_a_process_that_dies_between_a_change_and_its_report_loses_nothing(
    tasks: TaskQueue, store: Store, reports: Reports, before: list[Step], step: Step
) -> None:
    await put(tasks)
    for each in before:
        await each(tasks)
    reports.told.clear()
    reports.down, reports.error = 1, StoreUnavailable()
    await step(tasks)
    changed = await state_of(tasks)
    assert {changed} == await owed(store)
    await make_overdue(store)
    await tasks.look_after()
    assert [changed] == reports.states()


async def test_a_repeated_report_of_one_that_is_forgotten_meanwhile_ends(
    make: Make, store: Store, reports: Reports
) -> None:
    tasks = make(days=0)
    await put(tasks)
    reports.down = 1
    await tasks.cancel(uuid_of(1))
    await becomes(tasks, "none")
    assert set() == await owed(store)


class LossyStore(Store):
    """A store of which one script's answer is lost, before (``late``) or after the script ran."""

    def __init__(self, url: str, *, late: bool) -> None:
        super().__init__(client(url))
        self.loses = False
        self._late = late
        self._pending: list[ScriptCall] = []

    async def run(self, script: Script, keys: Sequence[str], args: Iterable[Argument]) -> Reply:
        if not self.loses:
            return await super().run(script, keys, args)
        self.loses = False
        self._pending.append((script, keys, list(args)))
        if not self._late:
            await self.arrive()
        raise StoreUnavailable

    async def arrive(self) -> None:
        """Run what was under way until now."""
        while self._pending:
            await super().run(*self._pending.pop())


LOST: dict[str, tuple[list[Step], Step, str]] = {
    "a-poll-for-good": ([], final_poll, "waiting"),
    "a-lease": ([], poll, "waiting"),
    "an-acknowledgment": ([poll], acknowledge, "leased"),
}


async def lose(tasks: TaskQueue, store: LossyStore, step: Step) -> None:
    store.loses = True
    with pytest.raises(StoreUnavailable):
        await step(tasks)


@pytest.mark.parametrize(("before", "step", "_"), LOST.values(), ids=LOST.keys())
async def test_what_was_handed_out_by_a_call_without_an_answer_waits_again(
    redis_url: str, make: Make, reports: Reports, before: list[Step], step: Step, _: str
) -> None:
    store = LossyStore(redis_url, late=False)
    tasks = make(store)
    await put(tasks)
    for each in before:
        await each(tasks)
    await lose(tasks, store, step)
    assert "waiting" != await state_of(tasks)
    await tasks.look_after()
    assert "waiting" == await state_of(tasks)
    devices = Devices(store, list(DEVICES.values()))
    for device in ("on", "off"):
        assert 0 == (await devices.state(device)).handed
        assert [] == await tasks.awaiting_results(device)
    await make_overdue(store)
    await tasks.look_after()
    assert {"waiting", *(["leased"] if before else [])} == set(reports.states())
    assert [1] == await polled(make(), "off")
    assert [] == await polled(tasks, "on")
    await store.close()


@pytest.mark.parametrize(("before", "step", "state"), LOST.values(), ids=LOST.keys())
async def test_a_call_that_arrives_after_it_was_given_up_hands_out_nothing(
    redis_url: str, make: Make, before: list[Step], step: Step, state: str
) -> None:
    store = LossyStore(redis_url, late=True)
    tasks = make(store)
    await put(tasks)
    for each in before:
        await each(tasks)
    await lose(tasks, store, step)
    await tasks.look_after()
    await store.arrive()
    assert state == await state_of(tasks)
    assert [1] == await (acknowledged(tasks) if before else polled(tasks))
    await store.close()


async def test_what_a_phone_has_told_of_meanwhile_is_not_taken_back(
    redis_url: str, make: Make
) -> None:
    """It cannot, unless another gateway's answer reached it; then it knows better."""
    store = LossyStore(redis_url, late=False)
    tasks = make(store)
    await put(tasks)
    await poll(tasks)
    await lose(tasks, store, acknowledge)
    await reported(make(), SENT)
    await tasks.look_after()
    assert "sent" == await state_of(tasks)
    await store.close()


async def test_what_another_phone_was_given_meanwhile_is_not_taken_back(
    redis_url: str, make: Make
) -> None:
    store = LossyStore(redis_url, late=False)
    tasks, others = make(store, lease=SHORT), make(lease=SHORT)
    await put(tasks)
    await lose(tasks, store, poll)
    await becomes(others, "waiting")
    assert [1] == await polled(others, "off")
    await tasks.look_after()
    assert "handed" == await state_of(tasks)
    await store.close()


async def test_what_is_to_be_taken_back_waits_for_the_store(
    valkey_server: RestartableValkey, reports: Reports
) -> None:
    store = LossyStore(valkey_server.url, late=False)
    tasks = TaskQueue(store, DEVICES, lease=LEASE, changed=reports.changed)
    await put(tasks)
    await lose(tasks, store, final_poll)
    valkey_server.stop()
    with pytest.raises(StoreUnavailable):
        await tasks.look_after()
    valkey_server.start()
    await tasks.look_after()
    assert "waiting" == await state_of(tasks)
    await store.close()


async def test_the_store_being_down_is_said_and_nothing_is_reported(reports: Reports) -> None:
    store = connect("redis://127.0.0.1:1")
    tasks = TaskQueue(store, DEVICES, lease=LEASE, changed=reports.changed)
    for call in (
        tasks.add(NewTask(uuid=uuid_of(1), to=TO, message="one")),
        tasks.poll("on"),
        tasks.acknowledge("on", [uuid_of(1)]),
        tasks.results("on", [SENT]),
        tasks.get(uuid_of(1)),
        tasks.cancel(uuid_of(1)),
        tasks.page(10, ""),
        tasks.look_after(),
    ):
        with pytest.raises(StoreUnavailable):
            await call
    assert [] == reports.told
    await store.close()


# -- for the operator -------------------------------------------------------------------------


async def test_pages_show_the_newest_first_and_follow_each_other(tasks: TaskQueue) -> None:
    await put(tasks, 3, 1, 4, 2, 5)
    seen, after = [], ""
    while True:
        page = await tasks.page(2, after)
        assert 5 == page.total
        seen.append(numbers_of([each.uuid for each in page.items]))
        if page.next is None:
            break
        after = page.next
    assert [[5, 2], [4, 1], [3]] == seen


async def test_an_empty_queue_has_an_empty_page(tasks: TaskQueue) -> None:
    assert Page(0, [], None) == await tasks.page(10, "")


@pytest.mark.parametrize("after", ["x", "\ud800", uuid_of(9)])
async def test_a_page_after_what_is_unknown_is_refused(tasks: TaskQueue, after: str) -> None:
    with pytest.raises(UnknownPlace, match="after: no such message"):
        await tasks.page(10, after)


@pytest.mark.parametrize("uuid", ["", "x", "\ud800", uuid_of(9), uuid_of(1) + "\n"])
async def test_what_is_unknown_is_neither_shown_nor_cancelled(tasks: TaskQueue, uuid: str) -> None:
    await put(tasks)
    for look in (tasks.get, tasks.cancel):
        with pytest.raises(NotFound, match="no such message"):
            await look(uuid)


async def test_a_poll_without_sms_is_one_round_trip(store: Store, tasks: TaskQueue) -> None:
    await tasks.poll("on")
    before = (store.pipelines, store.commands)
    assert [] == await tasks.poll("on", version="3.1.1")
    assert (1, 1) == (store.pipelines - before[0], store.commands - before[1])


async def test_a_number_can_be_erased_with_all_that_was_to_be_sent_to_it(store: Store) -> None:
    """What waits, what a phone has, what is over; nothing else."""

    async def unheard(uuid: str, state: str) -> None:
        """Take no notice."""

    tasks = TaskQueue(store, {"one": Device("one", "s3cret")}, lease=300, changed=unheard)
    numbers = ["+4917604069011", "+4917604069012"]
    for number in numbers * 2:
        await tasks.add(NewTask(uuid=str(uuid4()), to=number, message="secret"))
    await tasks.poll("one")
    for number in numbers:
        await tasks.add(NewTask(uuid=str(uuid4()), to=number, message="secret"))
    assert 3 == await tasks.erase_number(numbers[0])
    page = await tasks.page(10, "")
    assert (3, {numbers[1]}) == (page.total, {each.to for each in page.items})
    assert 0 == await tasks.erase_number(numbers[0])
    assert [numbers[1]] == [each.to for each in await tasks.poll("one")]
