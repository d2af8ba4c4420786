"""All processes together keep the rate that the provider allows for one key, seen from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest

from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import Visitor, visiting

RATE = 10
MESSAGES = 30
ROUNDS = 3


@pytest.fixture
def standin() -> Iterator[VonageStandin]:
    with VonageStandin() as standin:
        yield standin


@pytest.fixture
async def visitors(standin: VonageStandin, redis_url: str) -> AsyncIterator[list[Visitor]]:
    """One visitor at each of three processes that share a key."""
    options = standin.options(redis_url, nexmo_rate=RATE)
    with ExitStack() as stack:
        urls = [stack.enter_context(GatewayProcess(*options)).url for _ in range(3)]
        async with AsyncExitStack() as clients:
            yield [await clients.enter_async_context(visiting(url)) for url in urls]


async def test_a_burst_over_three_processes_is_spread_to_the_rate(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    fullest: list[int] = []
    # A stall of the machine bunches what left in time, and never three times running.
    while len(fullest) < ROUNDS and not (fullest and fullest[-1] <= RATE):
        standin.expect()
        start = time.monotonic()
        calls = [visitor.send() for _ in range(MESSAGES // 3) for visitor in visitors]
        replies = await asyncio.gather(*calls)

        times = [post.at for post in standin.posts]
        assert ["ok"] * MESSAGES == [reply.json["status"] for reply in replies]
        assert MESSAGES == len(times)
        assert_never_ahead(times, start, RATE)
        fullest.append(most_in_any_second(times))

    assert min(fullest) <= RATE


async def test_what_cannot_leave_in_time_is_an_error_and_not_sent(
    standin: VonageStandin, redis_url: str
) -> None:
    with GatewayProcess(*standin.options(redis_url, nexmo_rate=1)) as gateway:
        async with visiting(gateway.url) as visitor:
            start = time.monotonic()
            replies = await asyncio.gather(*(visitor.send() for _ in range(20)))

    answers = [reply.json for reply in replies]
    errors = [answer["error"] for answer in answers if answer["status"] == "error"]
    assert {200} == {reply.status for reply in replies}
    assert {"nexmo_error"} == set(errors)
    assert 20 - len(errors) == len(standin.posts) > 0
    assert_never_ahead([post.at for post in standin.posts], start, rate=1)


def assert_never_ahead(times: list[float], start: float, rate: int) -> None:
    """No request came before its turn: ``rate`` in each second since ``start``."""
    earliest = [start + (count - rate) / rate for count in range(1, len(times) + 1)]
    assert all(turn <= moment for turn, moment in zip(earliest, sorted(times), strict=True))


def most_in_any_second(times: list[float]) -> int:
    """Return how many of these moments, in seconds, lie in the fullest window of one second."""
    return max(sum(start <= moment < start + 1 for moment in times) for start in times)
