"""Without its store the gateway spends no money and says so at once, seen from outside."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
import redis

from tests.conftest import RestartableValkey
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.delivery_receipts import deliver, receipt, sent
from tests.support.stand_ins.vonage import VonageStandin, accepted, held, new_ids
from tests.support.visitor import RECEIVER, Reply, Visitor, eventually, visiting

# Seconds that a request may take while the store is away: it waits for one, a busy machine for
# some more, and a client that tries again as redis-py does by default for four and a half.
PATIENCE = 3.5
UNAVAILABLE = {"status": "error", "error": "temporarily_unavailable"}
LIMITS = {"limit_amount": 1000, "receiver_limit_amount": 1000}

T = TypeVar("T")
Outage = Callable[[RestartableValkey], None]


@pytest.fixture(params=[RestartableValkey.stop, RestartableValkey.pause], ids=["down", "hangs"])
def outage(request: pytest.FixtureRequest) -> Outage:
    """What happens to the store."""
    chosen: Outage = request.param
    return chosen


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableValkey]:
    """The store that the tests of this file share."""
    server = RestartableValkey(tmp_path_factory.mktemp("valkey-server"))
    yield server
    server.stop()


@pytest.fixture
def valkey_server(lasting: RestartableValkey) -> Iterator[RestartableValkey]:
    """It serves when a test begins."""
    yield lasting
    lasting.restore()


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, lasting: RestartableValkey) -> Iterator[GatewayProcess]:
    with GatewayProcess(*standin.options(lasting.url, **LIMITS)) as gateway:
        yield gateway


@pytest.fixture
async def visitor(visitor: Visitor) -> Visitor:
    """A client of the gateway, which has got over what the test before did to its store."""
    await eventually(lambda: is_ready(visitor))
    return visitor


async def test_without_the_store_every_request_is_answered_soon_and_nothing_is_sent(
    outage: Outage, visitor: Visitor, standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    message_id, [part] = await sent(visitor, standin)
    outage(valkey_server)

    requests = [
        visitor.send(),
        visitor.send(callback="shown"),
        visitor.request("POST", "/message/", data={"receiver": RECEIVER}),
        visitor.get("/validate_number/", number=RECEIVER),
        visitor.get("/status/", id=message_id),
        deliver(visitor, receipt(part, "delivered")),
        visitor.get("/health/live"),
        visitor.get("/health/ready"),
    ]
    replies = await asyncio.gather(*(soon(request) for request in requests))
    asked, by_script, by_form, validated, state, delivered, live, ready = replies

    assert (503, UNAVAILABLE) == (asked.status, asked.json)
    assert (503, UNAVAILABLE) == (by_form.status, by_form.json)
    expected = 'shown({"status":"error","error":"temporarily_unavailable"});'
    assert (200, expected) == (by_script.status, by_script.text)
    assert (200, RECEIVER) == (validated.status, validated.json["number"])
    assert (503, UNAVAILABLE) == (state.status, state.json)
    assert [503, 200, 503] == [delivered.status, live.status, ready.status]
    assert 1 == len(standin.posts), "only the message before the outage"


async def test_many_requests_at_once_wait_no_longer_than_one(
    outage: Outage, visitor: Visitor, standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    await visitor.send()
    outage(valkey_server)

    replies = await soon(asyncio.gather(*(visitor.send() for _ in range(60))))

    assert [503] * 60 == [reply.status for reply in replies]
    assert 1 == len(standin.posts)


async def test_with_the_store_back_all_is_as_before_without_a_restart(
    outage: Outage, visitor: Visitor, standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    message_id, [part] = await sent(visitor, standin)
    outage(valkey_server)
    refusal = await visitor.send()

    back(valkey_server, outage)
    await eventually(lambda: is_ready(visitor))
    after = await visitor.send()
    repeated = await deliver(visitor, receipt(part, "delivered"))

    assert (503, "ok", 200) == (refusal.status, after.json["status"], repeated.status)
    assert ("delivered", True, 1) == await visitor.status(message_id)
    assert ("accepted", False, 1) == await visitor.status(after.json["id"])
    assert 2 == len(standin.posts)


async def test_nothing_that_was_refused_is_sent_later(
    outage: Outage, visitor: Visitor, standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    await visitor.send()
    outage(valkey_server)
    for _ in range(3):
        await visitor.send()

    back(valkey_server, outage)
    await eventually(lambda: is_ready(visitor))
    last = (await visitor.send()).json["id"]

    assert [last] == [post.form["client-ref"] for post in standin.posts[1:]]


async def test_a_store_that_comes_back_empty_is_used_at_once(
    visitor: Visitor, standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    await visitor.send()
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    valkey_server.stop()
    valkey_server.start()
    await eventually(lambda: is_ready(visitor))

    reply = await visitor.send()

    assert "ok" == reply.json["status"]
    assert ("accepted", False, 1) == await visitor.status(reply.json["id"])


async def test_scripts_that_the_store_has_forgotten_are_given_to_it_again(
    visitor: Visitor, standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    message_id, [part] = await sent(visitor, standin)
    with redis.Redis.from_url(valkey_server.url) as client:
        client.script_flush()

    replies = await asyncio.gather(*(visitor.send() for _ in range(20)))
    await deliver(visitor, receipt(part, "delivered"))

    assert {"ok"} == {reply.json["status"] for reply in replies}
    assert 21 == len(standin.posts)
    assert ("delivered", True, 1) == await visitor.status(message_id)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_store_that_goes_between_a_send_and_its_answer_costs_nothing(
    count: int,
    outage: Outage,
    visitor: Visitor,
    standin: VonageStandin,
    valkey_server: RestartableValkey,
) -> None:
    gate, parts = threading.Event(), new_ids(count)
    standin.expect(held(gate, accepted(*parts)))

    sending = asyncio.create_task(visitor.send())
    await eventually(lambda: standin.posts)
    outage(valkey_server)
    gate.set()
    reply = await soon(sending)
    back(valkey_server, outage)
    await eventually(lambda: is_ready(visitor))
    for part in parts:
        await deliver(visitor, receipt(part, "delivered"))

    assert "ok" == reply.json["status"], "the SMS went out"
    await eventually(lambda: is_delivered(visitor, reply.json["id"], count))
    assert 1 == len(standin.posts)


async def test_a_gateway_started_without_a_store_works_when_the_store_comes(
    standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    standin.expect()
    valkey_server.stop()
    with GatewayProcess(*standin.options(valkey_server.url, **LIMITS)) as gateway:
        async with visiting(gateway.url) as visitor:
            refusal = await soon(visitor.send())
            valkey_server.start()
            await eventually(lambda: is_ready(visitor))
            after = await visitor.send()

    assert (503, "ok") == (refusal.status, after.json["status"])
    assert 1 == len(standin.posts)


async def test_sigterm_answers_what_runs_and_takes_nothing_new(
    standin: VonageStandin, valkey_url: str
) -> None:
    gate = threading.Event()
    standin.expect(held(gate, accepted()))
    with GatewayProcess(*standin.options(valkey_url, **LIMITS)) as gateway:
        async with visiting(gateway.url) as visitor:
            sending = [asyncio.create_task(visitor.send()) for _ in range(5)]
            await eventually(lambda: len(standin.posts) == 5)

            gateway.send_signal(signal.SIGTERM)
            await eventually(lambda: is_refused(gateway))
            gate.set()
            replies = await asyncio.gather(*sending)
            status = await asyncio.to_thread(gateway.wait)

    assert ["ok"] * 5 == [reply.json["status"] for reply in replies]
    assert 0 == status
    assert 5 == len(standin.posts)


async def soon(request: Awaitable[T]) -> T:
    """Return the answer; raises TimeoutError when it takes longer than a request may."""
    return await asyncio.wait_for(request, PATIENCE)


def back(valkey_server: RestartableValkey, outage: Outage) -> None:
    """End the outage."""
    if outage is RestartableValkey.pause:
        valkey_server.resume()
    else:
        valkey_server.start()


async def is_ready(visitor: Visitor) -> bool:
    """Whether the gateway has its store."""
    reply: Reply = await visitor.get("/health/ready")
    return reply.status == 200


async def is_delivered(visitor: Visitor, message_id: str, parts: int) -> bool:
    """Whether ``/status/`` shows that all parts have arrived."""
    return await visitor.status(message_id) == ("delivered", True, parts)


async def is_refused(gateway: GatewayProcess) -> bool:
    """Whether a new connection is turned away."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    writer.close()
    await writer.wait_closed()
    return False
