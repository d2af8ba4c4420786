"""Providers that take nothing for a while: who waits, who tries, and how all go on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.messaging.outbox.holds import Hold, Patience
from gateway.messaging.outbox.queue import Counts, OutboxEntry
from gateway.monitoring.metrics import PROVIDERS_HELD
from gateway.providers.base import DeliveryState, Obstacle, Sms
from gateway.store import keys
from tests.support.outbox import entry
from tests.support.scenes.outbox import Process, process
from tests.support.servers.valkey import free_port
from tests.support.stand_ins.vonage import (
    Answering,
    Post,
    VonageStandin,
    accepted,
    in_turn,
    refused,
    said,
)
from tests.support.visitor import eventually
from wiring.periodic import Periodic

EVER = 3600.0
# Shorter than the pause of those who look for what is due.
OFTEN = 0.3
HOUR_MS = 3_600_000
NO_CREDIT = refused("9", "Partner quota exceeded")
FIRST = entry(1)


@asynccontextmanager
async def patient(redis_url: str, domain: str, **patience: float) -> AsyncIterator[Process]:
    """Run a process with what a gateway does once a second."""
    async with process(redis_url, domain, patience=Patience(**patience)) as made:
        periodic = Periodic([made.holds.look_after])
        periodic.start()
        yield made
        await periodic.stop()


def many(directions: int, texts: int = 1) -> list[OutboxEntry]:
    """Return texts to so many people, in turns."""
    return [
        entry(100 * turn + n, to=f"+49176040691{n:02}")
        for turn in range(texts)
        for n in range(directions)
    ]


def ids(posts: list[Post]) -> list[str]:
    return [post.form["client-ref"] for post in posts]


async def held(gateway: Process, directions: int) -> None:
    """Wait until so many directions wait for their provider and nobody works on any."""

    async def waits() -> bool:
        parked = await gateway.store.execute("ZCARD", keys.PARKED)
        return bool(parked == directions and not (await gateway.counts()).claims)

    await eventually(waits)


@asynccontextmanager
async def held_back(
    redis_url: str,
    standin: VonageStandin,
    *answers: Answering,
    first: OutboxEntry = FIRST,
    account: float = EVER,
) -> AsyncIterator[Process]:
    """Run a process whose provider has said NO_CREDIT to a first text, which waits.

    answers: what it says then, the last one for ever; none: the same again.
    """
    standin.expect(in_turn(NO_CREDIT, *answers))
    async with patient(redis_url, standin.domain, account=account) as gateway:
        await gateway.push(first)
        await held(gateway, 1)
        yield gateway


ACCOUNT: dict[str, Answering] = {
    **{f"status {code}": refused(code) for code in ("4", "8", "9", "11", "14", "32", "101")},
    **{f"HTTP {code}": said(b"{}", status=code) for code in (401, 402, 403)},
}


@pytest.mark.parametrize("answer", ACCOUNT.values(), ids=ACCOUNT)
async def test_what_is_the_account_s_fault_buries_nothing_and_stops_the_posts(
    redis_url: str, standin: VonageStandin, answer: Answering
) -> None:
    """After the first refusals, those under way when they came, nobody asks again."""
    standin.expect(answer)
    async with patient(redis_url, standin.domain, account=EVER) as gateway:
        await gateway.push(FIRST)
        await held(gateway, 1)
        await gateway.push(*many(10, texts=2))
        await held(gateway, 11)
        assert [FIRST.id] == ids(standin.posts)
        assert Counts(directions=11, claims=0, dead_letters=0) == await gateway.counts()
        assert [] == gateway.decided


async def test_one_text_tries_and_its_success_lets_all_go_in_their_order(
    redis_url: str, standin: VonageStandin
) -> None:
    first, *others = texts = many(20, texts=3)
    answers = (NO_CREDIT, NO_CREDIT, accepted())
    async with held_back(redis_url, standin, *answers, first=first, account=OFTEN) as gateway:
        await gateway.push(*others)
        await eventually(gateway.is_idle, 30)
        assert {} == await _holds(gateway)
        assert 0 == await gateway.store.execute("ZCARD", keys.PARKED)
    assert len(texts) + 3 == len(standin.posts)
    order = defaultdict(list)
    for each in ids(standin.posts)[3:]:
        order[int(each, 16) % 100].append(int(each, 16) // 100)
    assert [[0, 1, 2]] * 20 == [order[n] for n in range(20)]
    assert {each.id for each in texts} == {each for each, state in gateway.decided}


async def _holds(gateway: Process) -> dict[str, Hold]:
    await gateway.holds.look_after()
    return dict(gateway.holds.current)


async def test_tries_keep_their_distance_over_two_processes(
    redis_url: str, standin: VonageStandin
) -> None:
    standin.expect(NO_CREDIT)
    async with (
        patient(redis_url, standin.domain, account=1.5) as one,
        patient(redis_url, standin.domain, account=1.5) as two,
    ):
        await one.push(FIRST)
        await held(one, 1)
        await one.push(*many(10))
        await two.push(*many(10, texts=1))
        await eventually(lambda: len(standin.posts) >= 4)
    first = standin.posts[0].at
    assert all(post.at - first >= 1.5 * n - 0.05 for n, post in enumerate(standin.posts))


async def test_all_are_woken_within_a_second_and_not_at_once(
    redis_url: str, standin: VonageStandin
) -> None:
    async with held_back(redis_url, standin, accepted()) as gateway:
        await gateway.push(*many(50))
        await held(gateway, 51)
        await gateway.worker.stop(5)
        await gateway.holds.end("nexmo")
        flat = await gateway.store.execute("ZRANGE", keys.DUE, 0, -1, "WITHSCORES")
        moments = sorted(map(float, flat[1::2]))
    assert [n * 1000 // 51 for n in range(51)] == [each - moments[0] for each in moments]


async def test_an_unreachable_provider_is_tried_by_one_text_until_it_is_back(
    redis_url: str, standin: VonageStandin
) -> None:
    """Whoever was under way when it went tried too; nothing dies, order is kept."""
    standin.expect()
    nobody = f"127.0.0.1:{free_port()}"
    texts = many(10, texts=2)
    async with patient(redis_url, nobody, unreachable=EVER) as gateway:
        await gateway.push(FIRST)
        await held(gateway, 1)
        await gateway.push(*texts)
        await held(gateway, 10 + 1)
        tries = [each.attempts for each in await gateway.texts_left(texts[0].direction)]
        assert [0, 0] == tries
        assert Obstacle.UNREACHABLE == (await _holds(gateway))["nexmo"].why
    await _try_now(redis_url)
    async with patient(redis_url, standin.domain, unreachable=EVER) as gateway:
        await eventually(gateway.is_idle, 30)
    assert {FIRST.id, *(each.id for each in texts)} == set(ids(standin.posts))
    assert len(texts) + 1 == len(standin.posts)


async def _try_now(redis_url: str) -> None:
    """Let the time of the next try come, as the clock would."""
    async with process(redis_url, "127.0.0.1:1", started=False) as gateway:
        hold = await gateway.store.execute("HGET", keys.HOLDS, "nexmo")
        await gateway.store.execute("HSET", keys.HOLDS, "nexmo", _due(hold))


def _due(hold: str) -> str:
    head, _, rest = hold.partition('"next":')
    return f'{head}"next":1{rest.lstrip("0123456789")}'


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        pytest.param(accepted(), True, id="accepted"),
        pytest.param(refused("6"), False, id="refused-for-itself"),
        pytest.param(said(b"", status=502), False, id="edge"),
        pytest.param(refused("1"), False, id="throttled"),
    ],
)
async def test_only_a_text_that_was_taken_shows_that_the_account_is_well(
    redis_url: str, standin: VonageStandin, answer: Answering, ends: bool
) -> None:
    async with held_back(redis_url, standin, answer, accepted()) as gateway:
        await _try_now(redis_url)
        await eventually(lambda: len(standin.posts) == 2)
        await eventually(lambda: _nobody_works(gateway))
        assert ends is ("nexmo" not in await _holds(gateway))


async def _nobody_works(gateway: Process) -> bool:
    return not (await gateway.counts()).claims


@pytest.mark.parametrize(
    ("hours", "attempts", "dead"),
    [(23, 500, 0), (25, 0, 1), (0, 500, 0)],
    ids=["young", "old", "new-and-often-tried"],
)
@pytest.mark.parametrize("trouble", ["throttled", "unreachable", "account", "edge"])
async def test_retries_end_by_age_not_by_count(
    redis_url: str, standin: VonageStandin, *, hours: int, attempts: int, dead: int, trouble: str
) -> None:
    answers = {"throttled": refused("1"), "account": NO_CREDIT, "edge": said(b"", status=503)}
    standin.expect(answers.get(trouble))
    nobody = f"127.0.0.1:{free_port()}"
    domain = nobody if trouble == "unreachable" else standin.domain
    async with patient(redis_url, domain, account=EVER, unreachable=EVER) as gateway:
        born = int(time.time() * 1000) - hours * HOUR_MS
        text = entry(1, created=born, attempts=attempts)
        await gateway.push(text)

        async def tried() -> bool:
            left = await gateway.texts_left(text.direction)
            return not left or left[0].attempts == attempts + 1

        await eventually(tried)
        assert Counts(1 - dead, 0, dead) == await gateway.counts()


async def test_who_waited_for_a_day_behind_a_held_back_provider_becomes_a_dead_letter(
    redis_url: str, standin: VonageStandin
) -> None:
    """Without another request; the younger one behind it waits on."""
    async with held_back(redis_url, standin) as gateway:
        now, other = int(time.time() * 1000), "+4917604069122"
        old = entry(2, to=other, created=now - 25 * HOUR_MS)
        sms = Sms(old.id, old.to, old.sender, old.text)
        await gateway.receipts.create(sms, provider="nexmo", source=old.kind, expected=1)
        await gateway.push(old, entry(3, to=other, created=now))
        await held(gateway, 2)
        assert [(old.id, "failed")] == gateway.decided
        assert ["not_sent, code 9: held back for too long"] == await gateway.reasons()
        assert 1 == len(standin.posts)
        status = await gateway.receipts.status(old.id)
        assert status is not None
        assert (DeliveryState.FAILED, True) == (status.delivery, status.final)


async def test_a_text_that_nobody_dated_gets_its_day_from_its_first_attempt(
    redis_url: str, standin: VonageStandin
) -> None:
    async with held_back(redis_url, standin) as gateway:
        [text] = await gateway.texts_left(FIRST.direction)
        assert abs(text.since - time.time() * 1000) < 60_000


async def test_a_hold_is_seen_by_every_process_and_gone_with_the_trouble(
    redis_url: str, standin: VonageStandin, caplog: pytest.LogCaptureFixture
) -> None:
    gauge = PROVIDERS_HELD[("nexmo",)]

    def value() -> float:
        return float(gauge._value.get())

    async with (
        held_back(redis_url, standin, account=OFTEN) as one,
        process(redis_url, standin.domain, started=False) as other,
    ):
        assert ["nexmo"] == list(await _holds(other))
        assert 1.0 == value()
        standin.expect()
        await eventually(one.is_idle)
        assert {} == await _holds(other)
        assert 0.0 == value()
    assert 1 == caplog.text.count("provider nexmo: texts wait, account, code 9")
    assert 1 == caplog.text.count("provider nexmo: takes texts again")


async def test_a_process_that_dies_after_the_success_leaves_nobody_waiting(
    redis_url: str, standin: VonageStandin
) -> None:
    """The hold is gone, those that wait are not woken yet: the next look does it."""
    async with held_back(redis_url, standin, accepted()) as gateway:
        await gateway.store.execute("HDEL", keys.HOLDS, "nexmo")
        await eventually(gateway.is_idle)
    assert [FIRST.id] * 2 == ids(standin.posts)


async def test_other_providers_go_on(redis_url: str, standin: VonageStandin) -> None:
    async with held_back(redis_url, standin) as gateway:
        await gateway.push(entry(2, to="+4917604069122", provider="gone"))
        await eventually(lambda: gateway.decided == [(entry(2).id, "failed")])


async def test_a_text_that_a_dead_process_may_have_sent_is_still_known_as_such_after_the_wait(
    redis_url: str, standin: VonageStandin
) -> None:
    async with held_back(redis_url, standin, accepted()) as gateway:
        other = entry(2, to="+4917604069122")
        await gateway.store.execute("HSET", keys.CLAIMS, other.direction, "dead writing")
        await gateway.push(other)
        await held_after_death(gateway)
        await gateway.holds.end("nexmo")
        await eventually(gateway.is_idle)
        assert [other.id] == gateway.repeated


async def held_after_death(gateway: Process) -> None:
    async def waits() -> bool:
        return bool(await gateway.store.execute("ZCARD", keys.PARKED) == 2)

    await eventually(waits)


async def test_a_try_that_came_to_nothing_is_made_up_for_by_the_next_text(
    redis_url: str, standin: VonageStandin
) -> None:
    """Whoever was to try has opted out meanwhile."""
    first, second = entry(1, to="+4917604069001"), entry(2, to="+4917604069002")
    async with held_back(redis_url, standin, accepted(), first=first) as gateway:
        await gateway.push(second)
        await held(gateway, 2)
        await gateway.store.execute("ZADD", keys.OPTOUTS, 1, first.to)
        await _try_now(redis_url)
        await eventually(gateway.is_idle)
        assert [(first.id, "suppressed"), (second.id, "accepted")] == sorted(gateway.decided)


async def test_a_provider_that_was_configured_away_is_not_held_back_for_ever(
    redis_url: str, standin: VonageStandin
) -> None:
    async with held_back(redis_url, standin) as gateway:
        hold = await gateway.store.execute("HGET", keys.HOLDS, "nexmo")
        await gateway.store.execute("HSET", keys.HOLDS, "gone", _due(hold))
        await gateway.push(entry(2, to="+4917604069122", provider="gone"))
        await eventually(lambda: gateway.decided)
        await eventually(lambda: _nobody_works(gateway))
        assert ["nexmo"] == list(await _holds(gateway))


async def test_many_tries_leave_few_events(redis_url: str, standin: VonageStandin) -> None:
    first = entry(1, attempts=5000)
    async with held_back(redis_url, standin, accepted(), first=first) as gateway:
        events = keys.message_events(first.id)
        assert 0 == await gateway.store.execute("HLEN", events)
        await gateway.holds.end("nexmo")
        await eventually(gateway.is_idle)
        assert 1 == await gateway.store.execute("HLEN", events)


def test_a_hold_of_the_account_is_tried_once_a_minute_and_the_way_every_ten_seconds() -> None:
    usual = Patience()
    assert (60_000, 10_000) == tuple(
        usual.every_ms(each) for each in (Obstacle.ACCOUNT, Obstacle.UNREACHABLE)
    )
    assert 24 * HOUR_MS == usual.age_ms
