"""All processes together keep the rate that the provider allows for one key, seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest

from tests.processes import GatewayProcess
from tests.standin import VonageStandin
from tests.visitor import visiting

RATE = 10
MESSAGES = 30


@pytest.fixture
def standin() -> Iterator[VonageStandin]:
    with VonageStandin() as standin:
        yield standin


async def test_a_burst_over_three_processes_is_spread_to_the_rate(
    standin: VonageStandin, redis_url: str
) -> None:
    options = standin.options(redis_url, nexmo_rate=RATE)
    with ExitStack() as stack:
        gateways = [stack.enter_context(GatewayProcess(*options)) for _ in range(3)]
        async with AsyncExitStack() as clients:
            visitors = [
                await clients.enter_async_context(visiting(gateway.url)) for gateway in gateways
            ]
            calls = [visitor.send() for _ in range(MESSAGES // 3) for visitor in visitors]
            replies = await asyncio.gather(*calls)

    assert ["ok"] * MESSAGES == [reply.json["status"] for reply in replies]
    assert MESSAGES == len(standin.posts)
    assert most_in_any_second([post.at for post in standin.posts]) <= RATE


async def test_what_cannot_leave_in_time_is_an_error_and_not_sent(
    standin: VonageStandin, redis_url: str
) -> None:
    with GatewayProcess(*standin.options(redis_url, nexmo_rate=1)) as gateway:
        async with visiting(gateway.url) as visitor:
            replies = await asyncio.gather(*(visitor.send() for _ in range(20)))

    statuses = [reply.json["status"] for reply in replies]
    assert {200} == {reply.status for reply in replies}
    assert statuses.count("ok") == len(standin.posts) < 20
    assert {"nexmo_error"} == {
        reply.json["error"] for reply in replies if reply.json["status"] == "error"
    }
    assert most_in_any_second([post.at for post in standin.posts]) <= 1


def most_in_any_second(times: list[float]) -> int:
    """Return how many of these moments, in seconds, lie in the fullest window of one second."""
    ordered = sorted(times)
    return max(
        sum(start <= moment < start + 1 for moment in ordered[index:])
        for index, start in enumerate(ordered)
    )
