"""The workers of the outbox, with a real store and a real provider over HTTP.

What is sent again and what never, in which order and at which pace, and what is left behind by
processes that die, stop, or lose their store.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from gateway.errors import StoreUnavailable
from gateway.messaging.history import History
from gateway.messaging.outbox.delivery import backoff
from gateway.messaging.outbox.queue import Claim, Counts, Outbox, OutboxEntry, Turn
from gateway.messaging.sending.pacer import JITTER_MARGIN
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.conftest import RestartableValkey
from tests.support.scenes.outbox import Process, process
from tests.support.stand_ins.vonage import (
    API_SECRET,
    Answer,
    Answering,
    Post,
    VonageStandin,
    accepted,
    dropped,
    held,
    in_turn,
    partly,
    refused,
    said,
)
from tests.support.visitor import eventually

PERSON = "+4917604069001"
GERMAN = "+4917604069000"
AMERICAN = "+12065550100"
SHORT = 0.3  # seconds: a lease that is over soon
NEVER = 3600.0
EMPTY = Counts(directions=0, claims=0, dead_letters=0)
THROTTLED = refused("1", "Throttled")


def entry(number: int = 1, to: str = PERSON, sender: str = GERMAN, **more: Any) -> OutboxEntry:
    given = {"provider": "nexmo", "text": f"Text {number}", "kind": "relay", **more}
    return OutboxEntry(id=f"{number:032x}", to=to, sender=sender, **given)


def to_many(count: int, **more: Any) -> list[OutboxEntry]:
    """Return one text for each of so many directions."""
    return [entry(number, f"+49176040690{number:02}", **more) for number in range(count)]


@pytest.fixture
async def gateway(redis_url: str, standin: VonageStandin) -> AsyncIterator[Process]:
    """One process that sends what it finds."""
    standin.expect()
    async with process(redis_url, standin.domain) as made:
        yield made


async def due_in(store: Store, direction: str) -> float:
    """Return the seconds until a direction is due."""
    score, (seconds, micros) = await asyncio.gather(
        store.execute("ZSCORE", keys.DUE, direction), store.execute("TIME")
    )
    return float(score) / 1000 - int(seconds) - int(micros) / 1_000_000


def ids(posts: Iterable[Post]) -> list[str]:
    return [post.form["client-ref"] for post in posts]


# -- what becomes of a text -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param(accepted(), "accepted", id="accepted"),
        pytest.param(accepted("one", "two"), "accepted", id="accepted-in-two-parts"),
        pytest.param(dropped, "unknown", id="connection-lost"),
        pytest.param(said(b"<html>", status=500), "unknown", id="server-error"),
        pytest.param(said(b"<html>", status=502), "unknown", id="bad-gateway"),
        pytest.param(said(b"", status=504), "unknown", id="gateway-timeout"),
        pytest.param(said({"messages": []}), "unknown", id="nonsense"),
    ],
)
async def test_what_may_have_been_taken_is_posted_once_and_leaves_the_outbox(
    gateway: Process, standin: VonageStandin, answer: Answering, state: str
) -> None:
    standin.expect(answer)
    await gateway.push(entry())
    await eventually(lambda: gateway.decided)
    assert [(entry().id, state)] == gateway.decided
    assert replace(EMPTY, unknown=int(state == "unknown")) == await gateway.counts()
    assert [entry().id] == ids(standin.posts)
    assert [] == gateway.repeated


@pytest.mark.parametrize(
    ("answer", "attempts", "state", "reason"),
    [
        pytest.param(refused("6"), 0, "rejected", "refused, code 6", id="refused"),
        pytest.param(partly("part", "15"), 0, "rejected", "refused, code 15", id="a-part-refused"),
        pytest.param(partly("part", "9"), 0, "rejected", "refused, code 9", id="no-credit-left"),
        pytest.param(said(b"", status=404), 0, "rejected", "refused, code 404", id="http-404"),
    ],
)
async def test_what_will_not_be_taken_becomes_a_dead_letter(
    gateway: Process,
    standin: VonageStandin,
    *,
    answer: Answering,
    attempts: int,
    state: str,
    reason: str,
) -> None:
    """It is called what ``/status/`` calls it: rejected when the provider has refused it."""
    standin.expect(answer)
    await gateway.push(entry(attempts=attempts))
    await eventually(lambda: gateway.decided)
    assert [(entry().id, state)] == gateway.decided
    assert Counts(directions=0, claims=0, dead_letters=1) == await gateway.counts()
    [letter] = (await gateway.dead_letters.page(10, "")).items
    assert letter.reason.startswith(f"{reason}: ")
    assert (entry().id, attempts + 1) == (letter.id, letter.attempts)


async def test_a_requeued_dead_letter_is_sent_under_its_id(
    gateway: Process, standin: VonageStandin
) -> None:
    standin.expect(in_turn(refused("6"), accepted()))
    await gateway.push(entry())
    await eventually(lambda: gateway.decided)
    assert await gateway.dead_letters.requeue(entry().id)
    gateway.worker.wake()
    await eventually(lambda: len(gateway.decided) == 2)
    assert [(entry().id, "rejected"), (entry().id, "accepted")] == gateway.decided
    assert [entry().id] * 2 == ids(standin.posts)
    assert EMPTY == await gateway.counts()


WAIT_5_S = "Throughput Rate Exceeded - please wait [ 5000 ] and retry"


@pytest.mark.parametrize(
    ("answer", "attempts", "earliest", "latest"),
    [
        pytest.param(THROTTLED, 0, 0.75, 1.25, id="first"),
        pytest.param(THROTTLED, 4, 12, 20, id="fifth"),
        pytest.param(said(b"", status=429), 0, 0.75, 1.25, id="http-429"),
        pytest.param(said(b"<html>", status=503), 0, 0.75, 1.25, id="http-503"),
        pytest.param(refused("1", WAIT_5_S), 0, 5, 5, id="with-a-hint"),
    ],
)
async def test_a_throttled_text_keeps_its_place_and_waits(
    gateway: Process,
    standin: VonageStandin,
    *,
    answer: Answering,
    attempts: int,
    earliest: float,
    latest: float,
) -> None:
    standin.expect(in_turn(answer, accepted()))
    await gateway.push(entry(1, attempts=attempts), entry(2))
    await eventually(lambda: standin.posts)

    async def waits() -> bool:
        return not (await gateway.counts()).claims

    await eventually(waits)
    left = await due_in(gateway.store, entry().direction)
    # The time that has passed since the decision is not known, but that it was short.
    assert earliest - 0.7 < left <= latest
    texts = await gateway.texts_left(entry().direction)
    assert [(1, attempts + 1), (2, 0)] == [(int(each.id, 16), each.attempts) for each in texts]
    assert [] == gateway.decided


async def test_a_text_for_a_provider_that_is_gone_becomes_a_dead_letter(
    gateway: Process, standin: VonageStandin
) -> None:
    await gateway.push(entry(provider="gone"))
    await eventually(lambda: gateway.decided)
    assert [(entry().id, "failed")] == gateway.decided
    assert ["refused, code provider: no such provider"] == await gateway.reasons()
    assert [] == standin.posts


async def test_a_suppressed_text_is_dropped_and_the_next_one_goes(
    gateway: Process, standin: VonageStandin
) -> None:
    gateway.opted_out.add(PERSON)
    other = entry(2, "+4917604069002")
    await gateway.push(entry(1), other)
    await eventually(lambda: len(gateway.decided) == 2)
    assert [(entry(1).id, "suppressed"), (other.id, "accepted")] == sorted(gateway.decided)
    assert [other.id] == ids(standin.posts)
    assert EMPTY == await gateway.counts()


@pytest.mark.parametrize(
    "text", ["hello", "{}", entry(7, "+4917604069007").to_json()], ids=["text", "empty", "foreign"]
)
async def test_what_cannot_be_read_does_not_hold_up_the_next_text(
    gateway: Process, standin: VonageStandin, text: str
) -> None:
    await gateway.store.execute("RPUSH", keys.queue(entry().direction), text)
    await gateway.push(entry())
    await eventually(gateway.is_idle)
    assert [entry().id] == ids(standin.posts)
    assert ["unreadable"] == await gateway.reasons()


async def test_the_record_of_a_text_says_where_it_came_from(gateway: Process) -> None:
    await gateway.push(entry(kind="notice"))
    await eventually(lambda: gateway.decided)
    log = History(gateway.store, gateway.receipts, days=1)
    record = await log.message(entry().id)
    assert record is not None
    assert ("notice", "accepted", 1) == (record.source, record.outcome, record.attempts)


@pytest.mark.parametrize(
    ("attempts", "retry_after", "least", "most"),
    [
        (0, None, 0.75, 1.25),
        (1, None, 1.5, 2.5),
        (2, 0.5, 3, 5),
        (5, None, 24, 40),
        (6, None, 45, 75),
        (11, None, 45, 75),
        (0, 7.0, 7, 7),
        (6, 100.0, 100, 100),
    ],
)
def test_the_back_off_doubles_up_to_a_minute_and_believes_the_provider(
    attempts: int, retry_after: float | None, least: float, most: float
) -> None:
    pauses = [backoff(attempts, retry_after) for _ in range(200)]
    assert least <= min(pauses) <= max(pauses) <= most
    assert (least < most) == (len(set(pauses)) > 1)


async def test_a_text_whose_receiver_opts_out_at_the_last_moment_is_dropped(
    gateway: Process, standin: VonageStandin
) -> None:
    await gateway.store.execute("ZADD", keys.OPTOUTS, 1, PERSON)
    await gateway.push(entry())
    await eventually(gateway.is_idle)
    assert ([(entry().id, "suppressed")], [entry().id]) == (gateway.decided, gateway.at_gate)
    assert [] == standin.posts


# -- order, and nobody held up by another -----------------------------------------------------


async def test_no_text_overtakes_one_that_is_retried(
    gateway: Process, standin: VonageStandin
) -> None:
    standin.expect(in_turn(THROTTLED, THROTTLED, accepted()))
    wanted = [entry(number) for number in (1, 2, 3)]
    await gateway.push(*wanted)
    await eventually(gateway.is_idle)
    assert [wanted[0].id] * 3 + [wanted[1].id, wanted[2].id] == ids(standin.posts)
    assert [(each.id, "accepted") for each in wanted] == gateway.decided


def for_receiver(to: str, answer: Answering) -> Answering:
    """Answer so for one receiver, accept all others."""
    usual = accepted()

    def chosen(post: Post) -> Answer | None:
        return (answer if post.form["to"] == to.removeprefix("+") else usual)(post)

    return chosen


@pytest.mark.parametrize("trouble", ["throttled", "not-answered"])
async def test_a_direction_in_trouble_does_not_hold_up_the_others(
    gateway: Process, standin: VonageStandin, trouble: str
) -> None:
    gate = threading.Event()
    answer = THROTTLED if trouble == "throttled" else held(gate, accepted())
    first, *others = to_many(40)
    standin.expect(for_receiver(first.to, answer))
    await gateway.push(entry(1000, first.to), entry(1001, first.to), *others)
    await eventually(lambda: len(gateway.decided) >= len(others))
    assert {each.id for each in others} == {each for each, _ in gateway.decided}
    assert 2 == len(await gateway.texts_left(first.direction))
    gate.set()


async def test_500_texts_in_100_directions_by_3_processes_go_once_and_in_order(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    directions = to_many(100)
    rounds = [[entry(1000 * n + turn, directions[n].to) for n in range(100)] for turn in range(5)]
    wanted = [each for one in rounds for each in one]
    async with AsyncExitStack() as stack:
        three = [
            await stack.enter_async_context(process(redis_url, standin.domain, concurrency=32))
            for _ in range(3)
        ]
        for each in three:
            each.gate.clear()
        for one in rounds:
            await asyncio.gather(*(three[n].push(*one[n::3]) for n in range(3)))
        # None has room for more than a third of the directions: now all three take part.
        await eventually(lambda: sum(len(each.at_gate) for each in three) == 3 * 32)
        for each in three:
            each.gate.set()
        await eventually(three[0].is_idle, 40)
        decided = [each for one in three for each in one.decided]
        assert [] == [each for one in three for each in one.repeated]
        assert [] == [each for each in three if len(each.decided) < 32]
    assert Counter((each.id, "accepted") for each in wanted) == Counter(decided)
    assert Counter(each.id for each in wanted) == Counter(ids(standin.posts))
    order = defaultdict(list)
    for post in standin.posts:
        order[post.form["to"]].append(post.form["client-ref"])
    assert 100 == len(order)
    assert [] == [each for each in order.values() if each != sorted(each)]


async def test_a_provider_that_does_not_answer_leaves_places_to_the_others(
    redis_url: str, standin: VonageStandin
) -> None:
    """Of four places, one provider takes three."""
    answers = threading.Event()
    standin.expect(held(answers, accepted()))
    async with process(redis_url, standin.domain, concurrency=4) as gateway:
        slow, gone = to_many(10), entry(1000, "+4917604069099", provider="gone")
        await gateway.push(*slow)
        await eventually(lambda: len(standin.posts) == 3)
        await gateway.push(gone)
        await eventually(lambda: gateway.decided == [(gone.id, "failed")])
        assert 3 == len(standin.posts)
        assert (await gateway.counts()).claims <= 4
        answers.set()
        await eventually(gateway.is_idle, 30)
    assert Counter(each.id for each in slow) == Counter(ids(standin.posts))


async def test_what_another_process_has_put_into_the_outbox_is_found(
    gateway: Process, standin: VonageStandin, redis_url: str
) -> None:
    async with process(redis_url, standin.domain, started=False) as other:
        await other.push(entry())
        await eventually(lambda: gateway.decided)
    assert [entry().id] == ids(standin.posts)


# -- pace -------------------------------------------------------------------------------------

NUMBER_RATE = 2.0


class NotingOutbox(Outbox):
    """Notes when the store lets texts out (ms of its clock).

    How late a request arrives is up to the machine's load, when it is let out is up to us.
    """

    def __init__(self, store: Store, moments: list[int]) -> None:
        super().__init__(store)
        self._reader = store
        self._moments = moments

    async def mark(self, claim: Claim, **how: Any) -> tuple[Turn, float]:
        # Both commands travel in one pipeline: nobody else's comes between.
        number = claim.direction.partition(">")[0]
        (turn, wait), moment = await asyncio.gather(
            super().mark(claim, **how),
            self._reader.execute("HGET", keys.TURNS, f"{number} written"),
        )
        if turn is Turn.WRITE:
            self._moments.append(int(moment))
        return turn, wait


async def noting(redis_url: str, moments: list[int]) -> Callable[[Store], Outbox]:
    """Return what makes outboxes that put the moments of their texts into ``moments``."""
    store = connect(redis_url)
    nobody = Claim("nobody", "nothing", repeats=False)
    # The server learns the script, which otherwise would be sent behind its pipeline once.
    await Outbox(store).mark(nobody, lease_ms=0, interval_ms=0, longest_ms=0)
    await store.close()
    return lambda store: NotingOutbox(store, moments)


def least_distance(moments: Iterable[int]) -> float:
    """Return the shortest time (s) between two moments."""
    return min(after - before for before, after in pairwise(sorted(moments))) / 1000


async def test_texts_of_one_american_number_keep_their_distance_over_two_processes(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    moments: list[int] = []
    outbox = await noting(redis_url, moments)
    async with (
        process(redis_url, standin.domain, outbox, number_rate=NUMBER_RATE) as one,
        process(redis_url, standin.domain, outbox, number_rate=NUMBER_RATE) as two,
    ):
        wanted = to_many(6, sender=AMERICAN)
        await asyncio.gather(one.push(*wanted[:3]), two.push(*wanted[3:]))
        await eventually(one.is_idle)
    assert sorted(each.id for each in wanted) == sorted(ids(standin.posts))
    assert len(wanted) == len(moments)
    assert least_distance(moments) >= JITTER_MARGIN / NUMBER_RATE


async def test_texts_that_missed_their_turns_keep_their_distance_all_the_same(
    redis_url: str, standin: VonageStandin
) -> None:
    """All are claimed, each in its turn, and then come at once to the last step."""
    standin.expect()
    moments: list[int] = []
    outbox = await noting(redis_url, moments)
    async with process(redis_url, standin.domain, outbox, number_rate=NUMBER_RATE) as gateway:
        gateway.gate.clear()
        wanted = to_many(4, sender=AMERICAN)
        await gateway.push(*wanted)
        await eventually(lambda: len(gateway.at_gate) == len(wanted))
        assert [] == standin.posts
        gateway.gate.set()
        await eventually(gateway.is_idle)
    assert sorted(each.id for each in wanted) == sorted(ids(standin.posts))
    assert len(wanted) == len(moments)
    assert least_distance(moments) >= JITTER_MARGIN / NUMBER_RATE


async def test_other_numbers_do_not_wait_for_the_turns_of_one(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with process(redis_url, standin.domain, number_rate=0.01) as gateway:
        american = [
            entry(1000 + number, sender=AMERICAN, to=each.to)
            for number, each in enumerate(to_many(50))
        ]
        german = to_many(50)
        await gateway.push(*american, *german)
        await eventually(lambda: len(gateway.decided) == len(german) + 1)
        assert Counts(directions=49, claims=0, dead_letters=0) == await gateway.counts()
    assert {each.id for each in german} < set(ids(standin.posts))


# -- processes that die -----------------------------------------------------------------------


async def die_before_the_request(outbox: Outbox, claim: Claim) -> None:
    """Leave a claim of which nothing was written."""


async def die_over_the_request(outbox: Outbox, claim: Claim) -> None:
    await outbox.mark(claim, lease_ms=int(SHORT * 1000), interval_ms=0, longest_ms=0)


@pytest.mark.parametrize(
    ("death", "counted"), [(die_before_the_request, 0), (die_over_the_request, 1)]
)
async def test_a_dead_process_s_text_is_sent_with_its_id_and_counted_if_it_may_have_left(
    redis_url: str,
    standin: VonageStandin,
    caplog: pytest.LogCaptureFixture,
    death: Callable[[Outbox, Claim], Awaitable[None]],
    counted: int,
) -> None:
    standin.expect()
    async with process(redis_url, standin.domain, started=False) as gateway:
        await gateway.push(entry())
        [claim], _ = await gateway.outbox.claim(
            1, lease_ms=int(SHORT * 1000), interval_ms=0, take_over=True
        )
        await death(gateway.outbox, claim)
        gateway.worker.start()
        await eventually(gateway.is_idle)
    assert [entry().id] == ids(standin.posts)
    assert [entry().id] * counted == gateway.repeated
    said_so = [each for each in caplog.messages if "sent again" in each]
    assert [f"message {entry().id}: sent again, its process died over it"] * counted == said_so


async def test_a_claim_that_is_renewed_is_left_alone(
    redis_url: str, standin: VonageStandin
) -> None:
    """Its provider takes three leases to answer."""
    gate = threading.Event()
    standin.expect(held(gate, accepted()))
    async with (
        process(redis_url, standin.domain, lease=SHORT * 3, renewal=SHORT / 3) as slow,
        process(redis_url, standin.domain, started=False) as other,
    ):
        await slow.push(entry(1))
        await eventually(lambda: standin.posts)
        first = await other.store.execute("ZSCORE", keys.DUE, entry(1).direction)
        other.worker.start()

        async def is_three_leases_on() -> bool:
            score = await other.store.execute("ZSCORE", keys.DUE, entry(1).direction)
            return float(score) > float(first) + 3 * SHORT * 3 * 1000

        await eventually(is_three_leases_on)
        gate.set()
        await eventually(slow.is_idle)
        assert [[(entry(1).id, "accepted")], []] == [slow.decided, other.decided]
    assert [entry(1).id] == ids(standin.posts)


def stand_still(seconds: float) -> None:
    """Keep the loop from turning, as a process that was stopped and is continued."""
    time.sleep(seconds)


async def test_a_process_that_stood_still_does_not_take_over_from_itself(
    redis_url: str, standin: VonageStandin
) -> None:
    answers = threading.Event()
    standin.expect(held(answers, accepted()))
    async with process(redis_url, standin.domain, lease=SHORT, renewal=SHORT / 4) as gateway:
        await gateway.push(entry(1))
        await eventually(lambda: standin.posts)
        for _ in range(5):
            stand_still(1.5 * SHORT)
            await gateway.push(entry(2))
        answers.set()
        await eventually(gateway.is_idle)
        assert [] == gateway.repeated
    assert [entry(1).id] + [entry(2).id] * 5 == ids(standin.posts)


async def test_who_lost_his_claim_while_he_waited_sends_nothing(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with (
        process(redis_url, standin.domain, lease=SHORT, renewal=NEVER, concurrency=1) as slow,
        process(redis_url, standin.domain, started=False) as other,
    ):
        slow.gate.clear()
        await slow.push(entry())
        await eventually(lambda: slow.at_gate)
        other.worker.start()
        await eventually(lambda: other.decided)
        slow.gate.set()
        last = entry(2, "+4917604069002")
        await slow.push(last)
        await eventually(lambda: (last.id, "accepted") in slow.decided + other.decided)
        await slow.worker.stop(5)
    assert (entry().id, "accepted") not in slow.decided
    assert [1, 1] == [ids(standin.posts).count(each.id) for each in (entry(), last)]
    assert [] == slow.repeated + other.repeated


async def test_a_process_that_was_stuck_over_its_request_decides_nothing_any_more(
    redis_url: str, standin: VonageStandin
) -> None:
    """It could not renew its claim, so it counts as dead, and its text as sent again."""
    answers = threading.Event()
    standin.expect(in_turn(held(answers, accepted()), refused("6")))
    async with (
        process(redis_url, standin.domain, lease=SHORT, renewal=NEVER, concurrency=1) as stuck,
        process(redis_url, standin.domain, started=False) as other,
    ):
        await stuck.push(entry())
        await eventually(lambda: standin.posts)
        other.worker.start()
        await eventually(lambda: other.decided)
        answers.set()
        await stuck.worker.stop(5)
        assert [[], [(entry().id, "rejected")]] == [stuck.decided, other.decided]
        assert [[], [entry().id]] == [stuck.repeated, other.repeated]
        assert Counts(directions=0, claims=0, dead_letters=1) == await other.counts()
    assert [entry().id] * 2 == ids(standin.posts)


# -- the store goes away ----------------------------------------------------------------------


async def restart(server: RestartableValkey, meanwhile: Callable[[], object]) -> None:
    await asyncio.to_thread(server.stop)
    meanwhile()
    await asyncio.to_thread(server.start)


@pytest.mark.parametrize("moment", ["while-it-waits", "while-it-is-written"])
async def test_a_store_that_goes_away_makes_nothing_be_sent_twice_or_lost(
    valkey_server: RestartableValkey, standin: VonageStandin, moment: str
) -> None:
    """Two processes live on; the lease of what they had runs out meanwhile."""
    answers = threading.Event()
    standin.expect(held(answers, accepted()))
    waits = moment == "while-it-waits"
    async with AsyncExitStack() as stack:
        one, two = both = [
            await stack.enter_async_context(
                process(
                    valkey_server.url, standin.domain, lease=SHORT, renewal=SHORT / 3, grace=3.0
                )
            )
            for _ in range(2)
        ]
        gates = [each.gate for each in both] if waits else [answers]
        if waits:
            answers.set()
            for each in gates:
                each.clear()
        wanted = to_many(10)
        await one.push(*wanted[:5])
        await two.push(*wanted[5:])
        await eventually(lambda: len({*one.at_gate, *two.at_gate}) == len(wanted))
        await eventually(lambda: waits or len(standin.posts) == len(wanted))
        await restart(valkey_server, lambda: [each.set() for each in gates])
        await eventually(one.is_idle, 30)
        await eventually(lambda: len(one.decided + two.decided) >= len(wanted))
    assert Counter(each.id for each in wanted) == Counter(ids(standin.posts))
    assert {(each.id, "accepted") for each in wanted} == set(one.decided + two.decided)
    assert [] == one.repeated + two.repeated


async def test_a_worker_waits_for_a_store_that_is_not_there_yet_and_says_so_once(
    valkey_server: RestartableValkey, standin: VonageStandin, caplog: pytest.LogCaptureFixture
) -> None:
    standin.expect()
    async with process(valkey_server.url, standin.domain) as gateway:
        await gateway.push(entry(1))
        await eventually(lambda: gateway.decided)
        await asyncio.to_thread(valkey_server.stop)
        await eventually(lambda: "outbox: the store is away, texts wait" in caplog.messages)
        for _ in range(3):
            gateway.worker.wake()
            with pytest.raises(StoreUnavailable):
                await gateway.counts()
        await asyncio.to_thread(valkey_server.start)
        await eventually(lambda: "outbox: the store is back" in caplog.messages)
        await gateway.push(entry(2))
        await eventually(lambda: len(gateway.decided) == 2)
    assert 1 == caplog.messages.count("outbox: the store is away, texts wait")


class TroubledOutbox(Outbox):
    """Loses what it is told to lose, and notes whether claims were to be taken over."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.lost_claims = 0
        self.lost_answers = 0
        self.taking_over: list[bool] = []

    async def claim(self, limit: int, **how: Any) -> tuple[list[Claim], float | None]:
        if self.lost_claims:
            self.lost_claims -= 1
            self.taking_over.clear()
            raise StoreUnavailable
        self.taking_over.append(how["take_over"])
        return await super().claim(limit, **how)

    def has_claimed(self, times: int) -> bool:
        return len(self.taking_over) >= times

    async def done(self, claim: Claim, head: str) -> bool:
        held = await super().done(claim, head)
        if self.lost_answers:
            self.lost_answers -= 1
            raise StoreUnavailable
        return held


async def test_after_an_outage_claims_are_taken_over_only_after_the_grace(
    redis_url: str, standin: VonageStandin
) -> None:
    async with process(redis_url, standin.domain, TroubledOutbox, grace=1.0) as gateway:
        outbox = gateway.outbox
        assert isinstance(outbox, TroubledOutbox)
        await eventually(lambda: True in outbox.taking_over)
        outbox.lost_claims = 1
        await eventually(lambda: not outbox.lost_claims)
        for number in (1, 2):
            await eventually(partial(outbox.has_claimed, number))
            gateway.worker.wake()
        await eventually(lambda: True in outbox.taking_over)
        assert [False, False] == outbox.taking_over[:2]


async def test_a_decision_whose_answer_was_lost_is_passed_on_once_it_is_known(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with process(redis_url, standin.domain, TroubledOutbox) as gateway:
        assert isinstance(gateway.outbox, TroubledOutbox)
        gateway.outbox.lost_answers = 1
        await gateway.push(entry(1), entry(2))
        await eventually(lambda: len(gateway.decided) == 2)
    assert [(entry(1).id, "accepted"), (entry(2).id, "accepted")] == sorted(gateway.decided)
    assert [entry(1).id, entry(2).id] == ids(standin.posts)


async def test_a_process_that_has_just_started_leaves_what_others_may_be_writing(
    redis_url: str, standin: VonageStandin
) -> None:
    """It cannot know whether the store was away a moment ago, and others live."""
    standin.expect()
    async with process(redis_url, standin.domain, started=False, grace=NEVER) as gateway:
        written, other = entry(1), entry(2, "+4917604069002")
        await gateway.push(written)
        [claim], _ = await gateway.outbox.claim(1, lease_ms=0, interval_ms=0, take_over=True)
        await gateway.outbox.mark(claim, lease_ms=0, interval_ms=0, longest_ms=0)
        gateway.worker.start()
        await eventually(lambda: _is_later(gateway, written))
        await gateway.push(other)
        await eventually(lambda: gateway.decided)
    assert [other.id] == ids(standin.posts)


async def _is_later(gateway: Process, entry: OutboxEntry) -> bool:
    return await due_in(gateway.store, entry.direction) > 0


# -- stopping ---------------------------------------------------------------------------------


async def test_a_stop_hands_back_what_waits_and_finishes_what_is_being_written(
    redis_url: str, standin: VonageStandin
) -> None:
    gate = threading.Event()
    standin.expect(held(gate, accepted()))
    written, waiting, late = to_many(3)
    async with process(redis_url, standin.domain, concurrency=2) as gateway:
        await gateway.push(written)
        await eventually(lambda: standin.posts)
        gateway.gate.clear()
        await gateway.push(waiting, late)
        await eventually(lambda: len(gateway.at_gate) == 2)
        stopping = asyncio.create_task(gateway.worker.stop(10))

        async def is_handed_back() -> bool:
            return Counts(3, 1, 0) == await gateway.counts()

        await eventually(is_handed_back)
        assert not stopping.done()
        gate.set()
        await stopping
        assert [(written.id, "accepted")] == gateway.decided
        assert Counts(directions=2, claims=0, dead_letters=0) == await gateway.counts()
        async with process(redis_url, standin.domain) as other:
            await eventually(other.is_idle)
            assert [] == other.repeated
    assert sorted(each.id for each in (written, waiting, late)) == sorted(ids(standin.posts))


async def test_a_stop_hands_back_what_waits_for_a_turn_of_the_provider(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect()
    async with process(redis_url, standin.domain, rate=0.001) as gateway:
        await gateway.push(*to_many(3))
        await eventually(lambda: gateway.decided)
        await eventually(lambda: len(gateway.at_gate) == 3)
        await gateway.worker.stop(10)
        assert Counts(directions=2, claims=0, dead_letters=0) == await gateway.counts()
    assert 1 == len(standin.posts)


async def test_what_a_stop_breaks_off_is_sent_again_by_another_process_and_counted(
    redis_url: str, standin: VonageStandin
) -> None:
    gate = threading.Event()
    standin.expect(in_turn(held(gate, accepted()), accepted()))
    async with process(redis_url, standin.domain, lease=SHORT) as gateway:
        await gateway.push(entry())
        await eventually(lambda: standin.posts)
        await gateway.worker.stop(0)
        await gateway.worker.stop(0)
        assert [] == gateway.decided
        async with process(redis_url, standin.domain) as other:
            await eventually(other.is_idle)
            assert [entry().id] == other.repeated
        gate.set()
    assert [entry().id] * 2 == ids(standin.posts)


async def test_a_worker_that_was_never_started_can_be_stopped(
    redis_url: str, standin: VonageStandin
) -> None:
    async with process(redis_url, standin.domain, started=False) as gateway:
        await gateway.worker.stop(1)


# -- errors of our own ------------------------------------------------------------------------


async def test_an_unexpected_error_before_the_request_leaves_the_text_for_later(
    gateway: Process, standin: VonageStandin, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.broken["suppressed"] = ZeroDivisionError("a mistake")
    await gateway.push(entry(1))
    await eventually(lambda: "ZeroDivisionError: a mistake" in caplog.text)
    await gateway.push(entry(2, "+4917604069002"))
    await eventually(lambda: gateway.decided)
    assert [entry(2).id] == ids(standin.posts)
    assert [entry(1)] == await gateway.texts_left(entry(1).direction)
    assert 30 < await due_in(gateway.store, entry(1).direction) <= 60


async def test_a_text_that_cannot_be_sent_at_all_counts_its_attempts(
    gateway: Process, standin: VonageStandin
) -> None:
    """It cannot be written down before it is sent, so the attempt fails before the request."""
    await gateway.store.execute("SET", keys.messages_of(PERSON), "no list")
    await gateway.push(entry(kind="notice", created=1))
    await eventually(lambda: gateway.decided)
    assert [(entry().id, "failed")] == gateway.decided
    assert ["not_sent, code crash: an error inside the gateway"] == await gateway.reasons()
    assert [] == standin.posts


@pytest.mark.parametrize(
    ("error", "told"), [(StoreUnavailable(), 1), (ZeroDivisionError("a mistake"), 0)]
)
async def test_an_error_in_what_is_told_of_a_text_does_not_send_it_again(
    gateway: Process, standin: VonageStandin, error: Exception, told: int
) -> None:
    gateway.broken["decided"] = error
    await gateway.push(entry(1), entry(2))
    await eventually(lambda: len(gateway.decided) == told + 1)
    expected = [(entry(1).id, "accepted")] * told + [(entry(2).id, "accepted")]
    assert expected == sorted(gateway.decided)
    assert [entry(1).id, entry(2).id] == ids(standin.posts)
    await eventually(gateway.is_idle)


async def test_a_key_of_another_kind_in_place_of_a_direction_hurts_only_that(
    gateway: Process, standin: VonageStandin, caplog: pytest.LogCaptureFixture
) -> None:
    await gateway.store.execute("SET", keys.queue(entry(1).direction), "no list")
    await gateway.store.execute("ZADD", keys.DUE, 0, entry(1).direction)
    await gateway.push(entry(2, "+4917604069002"))
    await eventually(lambda: gateway.decided)
    await eventually(lambda: "WRONGTYPE" in caplog.text)
    assert [entry(2).id] == ids(standin.posts)


async def test_a_direction_whose_texts_were_erased_is_forgotten(gateway: Process) -> None:
    await gateway.store.execute("ZADD", keys.DUE, 0, entry().direction)
    await eventually(gateway.is_idle)
    assert [] == gateway.decided


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (keys.DUE, "outbox: claiming failed, it is tried again"),
        (keys.CLAIMS, "outbox: claims could not be renewed"),
    ],
)
async def test_work_goes_on_after_an_error_that_nobody_expected(
    redis_url: str,
    standin: VonageStandin,
    caplog: pytest.LogCaptureFixture,
    key: str,
    message: str,
) -> None:
    standin.expect()
    async with process(redis_url, standin.domain, renewal=0.05) as gateway:
        gateway.gate.clear()
        await gateway.push(entry(1))
        await eventually(lambda: gateway.at_gate)
        await gateway.store.execute("RENAME", key, "{relay}:aside")
        await gateway.store.execute("SET", key, "something else")
        await eventually(lambda: message in caplog.messages)
        await gateway.store.execute("RENAME", "{relay}:aside", key)
        gateway.gate.set()
        await gateway.push(entry(2))
        await eventually(gateway.is_idle)
    assert [entry(1).id, entry(2).id] == ids(standin.posts)


async def test_neither_numbers_nor_texts_nor_secrets_stand_in_the_log(
    gateway: Process, standin: VonageStandin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    quoting = refused("6", f"cannot send {entry().text} to {PERSON}")
    standin.expect(in_turn(THROTTLED, quoting, dropped, accepted()))
    await gateway.push(entry(1), entry(2), entry(3, text="Text 1"))
    await gateway.store.execute("RPUSH", keys.queue(entry().direction), "Text 1 unreadable")
    await eventually(gateway.is_idle)
    assert caplog.messages
    assert [] == [
        each for each in (PERSON[1:], GERMAN[1:], "Text", API_SECRET) if each in caplog.text
    ]
