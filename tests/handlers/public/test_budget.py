"""A budget over several processes, seen from outside: exact, whatever dies; and the answers."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from gateway.store import keys
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.vonage import VonageStandin, held
from tests.support.stand_ins.vonage import accepted as takes
from tests.support.visitor import Reply, Visitor, eventually, visiting

# What the stand-in charges for a part, and the file takes it to cost from the first one on.
PRICE = Decimal("0.0412")
ADMIN = {"Authorization": "Bearer correct-horse"}
# So many times in the suite, so many in the long form.
ROUNDS = [3, pytest.param(10, marks=pytest.mark.long)]
Town = tuple[list[GatewayProcess], list[Visitor]]


@pytest.fixture
def standin() -> Iterator[VonageStandin]:
    with VonageStandin() as standin:
        yield standin


@pytest.fixture
def prices(tmp_path: Path) -> str:
    file = tmp_path / "protection.toml"
    file.write_text(f"[[price]]\nprice = {PRICE}\n")
    return f"--protection_file={file}"


@asynccontextmanager
async def town(count: int, *options: str) -> AsyncIterator[Town]:
    """Run so many processes with the same options, and a visitor of each."""
    with ExitStack() as stack:
        made = [stack.enter_context(GatewayProcess(*options)) for _ in range(count)]
        async with AsyncExitStack() as clients:
            yield made, [await clients.enter_async_context(visiting(each.url)) for each in made]


def options(
    standin: VonageStandin, redis_url: str, prices: str, texts: int, **more: object
) -> list[str]:
    """Return the options of a gateway that has money for so many texts a day."""
    own = {"budget_day": PRICE * texts, "admin_token": "correct-horse"}
    unlimited = {"protection": "off", "same_text_seconds": 0}
    return [*standin.options(redis_url, **own | unlimited | more), prices]


def receiver(n: int) -> str:
    return f"+491760406{9000 + n % 100:04}"


def outcomes(replies: list[Reply]) -> set[str]:
    return {reply.json.get("error", "ok") for reply in replies}


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_exactly_as_many_are_sent_as_there_is_money_for(
    standin: VonageStandin, redis_url: str, prices: str, rounds: int
) -> None:
    """200 calls at once over four processes, some of them of the back-end."""
    exact = 0
    async with town(4, *options(standin, redis_url, prices, 50)) as (_, visitors):
        for _ in range(2 * rounds):
            with redis.Redis.from_url(redis_url) as client:
                client.flushall()
            standin.expect()
            found = outcomes(await asyncio.gather(*many_calls(visitors)))
            assert len(standin.posts) <= 50
            # Whom a busy machine's store does not answer in time gives his money back too late.
            if "temporarily_unavailable" not in found:
                assert 50 == len(standin.posts)
                assert {"ok", "limit_acceded", "budget_exhausted"} == found
                exact += 1
            if exact == rounds:
                break
    assert exact >= rounds // 2


def many_calls(visitors: list[Visitor]) -> list[Awaitable[Reply]]:
    """Return 200 calls, every fifth of the back-end."""
    body = {"to": receiver(0), "text": "Hello"}
    return [
        visitors[n % 4].request("POST", "/messages", json=body, headers=ADMIN)
        if n % 5 == 0
        else visitors[n % 4].send(receiver(n))
        for n in range(200)
    ]


@pytest.mark.parametrize(
    "_round", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 10))]
)
async def test_processes_that_are_killed_never_make_more_leave(
    standin: VonageStandin, redis_url: str, prices: str, _round: int
) -> None:
    """What may have left stays spent; what waited for its turn is not missing."""
    texts, gate = 40, threading.Event()
    standin.expect(held(gate, takes()))
    made = options(standin, redis_url, prices, texts, nexmo_rate=10)
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    async with town(4, *made) as (processes, visitors):
        calls = [asyncio.create_task(visitors[n % 4].send(receiver(n))) for n in range(60)]
        await eventually(lambda: len(standin.posts) >= 8)
        for each in processes[:2]:
            each.send_signal(signal.SIGKILL)
            each.wait()
        gate.set()
        replies = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(each, Exception) for each in replies)
        assert {state(each) for each in opened(client).values()} <= {"leaving"}
        posted = {each.form["client-ref"] for each in standin.posts}
        lost = opened(client).keys() - posted
        found: set[str] = set()
        while "limit_acceded" not in found:
            more = [visitors[2 + n % 2].send(receiver(n)) for n in range(20)]
            found = outcomes(await asyncio.gather(*more))
        assert len(lost) <= 2, "of each process one at most, between its reservation and its post"
        assert texts - len(lost) == len(standin.posts)
    client.close()


def opened(client: redis.Redis) -> dict[str, str]:
    """Return the reservations that are not settled."""
    found: dict[str, str] = client.hgetall(keys.BUDGET_OPEN)  # type: ignore[assignment]
    return found


def state(reservation: str) -> str:
    return reservation.split(maxsplit=1)[0]


async def test_a_used_up_budget_is_told_in_the_form_of_each_route(
    standin: VonageStandin, redis_url: str, prices: str
) -> None:
    standin.expect()
    async with town(1, *options(standin, redis_url, prices, 1)) as (_, (visitor,)):
        assert "ok" == (await visitor.send()).json["status"]
        refused = await visitor.send()
        assert {"status": "error", "error": "limit_acceded"} == refused.json
        assert 0 < int(refused.headers["Retry-After"]) <= 86_400
        assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
        jsonp = await visitor.send(callback="shop")
        assert (200, True) == (jsonp.status, "limit_acceded" in jsonp.text)
        body = {"to": receiver(0), "text": "Hello"}
        said = await visitor.request("POST", "/messages", json=body, headers=ADMIN)
        assert (429, "budget_exhausted") == (said.status, said.json["error"])
        assert said.json["retry_after"] == int(said.headers["Retry-After"])
        assert "the budget of the day is used up" == said.json["message"]
        listed = await visitor.request("GET", "/messages", headers=ADMIN)
        assert 1 == listed.json["total_messages"]
        preview = await visitor.request("POST", "/messages?preview=true", json=body, headers=ADMIN)
        assert 200 == preview.status


async def test_a_call_without_money_is_counted_by_no_limit(
    standin: VonageStandin, redis_url: str, prices: str
) -> None:
    standin.expect()
    limits = {"limit_amount": 3, "receiver_limit_amount": 3, "protection": "on"}
    async with town(1, *options(standin, redis_url, prices, 1, **limits)) as (_, (visitor,)):
        replies = [await visitor.send() for _ in range(6)]
    assert ["ok", *["error"] * 5] == [each.json["status"] for each in replies]
    assert all('"address";r=2;' in each.headers["RateLimit"] for each in replies)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        counts = [name for name in client.keys("limit:*") if client.type(name) == "list"]
        assert {1} == {client.llen(name) for name in counts}
        assert len(counts) > 5


async def test_a_month_can_be_used_up_as_well(
    standin: VonageStandin, redis_url: str, prices: str
) -> None:
    standin.expect()
    made = options(standin, redis_url, prices, 0, budget_month=PRICE)
    async with town(1, *made) as (_, (visitor,)):
        assert "ok" == (await visitor.send()).json["status"]
        body = {"to": receiver(0), "text": "Hello"}
        said = await visitor.request("POST", "/messages", json=body, headers=ADMIN)
        assert "the budget of the month is used up" == said.json["message"]


async def test_a_new_gateway_takes_the_usual_limits_and_says_so(
    standin: VonageStandin, redis_url: str
) -> None:
    given = [each for each in standin.options(redis_url) if not each.startswith("--budget")]
    async with town(2, *given) as (processes, _):
        await eventually(
            lambda: all("budget: 25.00 a day (all), 250.00 a month" in p.log for p in processes)
        )
        assert 1 == sum(each.log.count("--budget_day=25.00") for each in processes)
