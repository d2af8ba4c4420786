"""Limits are exact over several processes, restarts and addresses, seen from outside."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import RestartableValkey
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.vonage import SENDER, TEXT, VonageStandin
from tests.support.visitor import Reply, Visitor, eventually, visiting

LIMIT = 3
WINDOW = 3600
REFUSAL = {"status": "error", "error": "limit_acceded"}
PROXIED = {"trusted_proxies": "127.0.0.1"}

# Fresh visitors, from a block that is reserved for documentation (RFC 2544's test network).
ADDRESSES = (f"198.18.{high}.{low}" for high, low in itertools.product(range(256), range(1, 255)))


@pytest.fixture(scope="module")
def gateways(
    standin: VonageStandin, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[GatewayProcess]]:
    messages_file = tmp_path_factory.mktemp("endpoints") / "messages.toml"
    messages_file.write_text(
        f'[[message]]\npath = "/link/"\ntext = "{TEXT}"\nsender = "{SENDER}"\n'
    )
    options = standin.options(
        valkey_url,
        limit_amount=LIMIT,
        limit_expires=WINDOW,
        messages_file=messages_file,
        **PROXIED,
    )
    with ExitStack() as stack:
        yield [stack.enter_context(GatewayProcess(*options)) for _ in range(3)]


@pytest.fixture
async def visitors(
    gateways: list[GatewayProcess], standin: VonageStandin
) -> AsyncIterator[list[Visitor]]:
    """One new visitor, seen at each of the three processes."""
    standin.expect()
    address = next(ADDRESSES)
    async with visiting(gateways[0].url) as first:
        yield [Visitor(first.session, gateway.url, {"X-Real-Ip": address}) for gateway in gateways]


@pytest.fixture
def visitor(visitors: list[Visitor]) -> Visitor:
    """The same visitor at the first process."""
    return visitors[0]


@pytest.mark.parametrize("attempt", range(10))
async def test_of_sixty_parallel_calls_at_three_processes_exactly_three_send(
    attempt: int, visitors: list[Visitor], standin: VonageStandin
) -> None:
    calls = [visitor.send() for _ in range(20) for visitor in visitors]

    replies = await asyncio.gather(*calls)

    refusals = [reply for reply in replies if reply.json["status"] == "error"]
    assert (LIMIT, 60 - LIMIT) == (len(standin.posts), len(refusals))
    for refusal in refusals:
        assert (200, REFUSAL) == (refusal.status, refusal.json)
        assert 0 < int(refusal.headers["Retry-After"]) <= WINDOW


async def test_retry_after_tells_the_first_second_in_which_a_call_passes_again(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    options = standin.options(redis_url, limit_amount=2, limit_expires=2)
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            before_first = time.time()
            await visitor.send()
            after_first = time.time()
            await visitor.send()
            before_refusal = time.time()
            refusal = await visitor.send()
            after_refusal = time.time()
            seconds = int(refusal.headers["Retry-After"])
            await eventually(lambda: time.time() >= after_refusal + seconds)
            passed = await visitor.send()

    assert REFUSAL == refusal.json
    # The window ends 2 s after the first call was counted, somewhere between these two moments.
    earliest = math.ceil(before_first + 2 - after_refusal)
    latest = math.ceil(after_first + 2 - before_refusal)
    assert max(1, earliest) <= seconds <= latest
    assert "ok" == passed.json["status"]


async def test_refused_calls_do_not_prolong_the_wait(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    options = standin.options(redis_url, limit_amount=1, limit_expires=2)
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            await visitor.send()
            replies: list[Reply] = []

            async def passes() -> bool:
                replies.append(await visitor.send())
                return bool(replies[-1].json["status"] == "ok")

            await eventually(passes)  # it never would, if each of these calls counted

    assert len(replies) > 2
    assert 2 == len(standin.posts)


@pytest.mark.parametrize("receiver", ["12", "+49 30 901820", "Acme", "", "  "])
async def test_calls_with_an_unusable_receiver_count_as_well(
    receiver: str, visitor: Visitor, standin: VonageStandin
) -> None:
    errors = {(await visitor.send(receiver)).json["error"] for _ in range(LIMIT)}

    assert errors in ({"receiver_validation"}, {"receiver_missing"})
    assert REFUSAL == (await visitor.send(receiver)).json
    assert REFUSAL == (await visitor.send()).json
    assert [] == standin.posts


async def test_the_limit_is_the_first_check(visitor: Visitor) -> None:
    for _ in range(LIMIT):
        await visitor.send()

    assert REFUSAL == (await visitor.get("/message/")).json


async def test_all_message_endpoints_count_together(
    visitor: Visitor, standin: VonageStandin
) -> None:
    for path in ("/message/", "/link/", "/link"):
        assert "ok" == (await visitor.send(path=path)).json["status"]

    for path in ("/message/", "/link/"):
        assert REFUSAL == (await visitor.send(path=path)).json
    assert LIMIT == len(standin.posts)


async def test_validation_has_a_limit_of_its_own(visitor: Visitor) -> None:
    for _ in range(LIMIT):
        await visitor.send()
        assert "ok" == (await visitor.get("/validate_number/", number="12")).json["status"]

    reply = await visitor.get("/validate_number/", number="12")
    assert (200, REFUSAL) == (reply.status, reply.json)
    assert 0 < int(reply.headers["Retry-After"]) <= WINDOW


async def test_status_and_preflights_are_not_limited(visitor: Visitor) -> None:
    message_id = (await visitor.send()).json["id"]

    for _ in range(3 * LIMIT):
        assert "accepted" == (await visitor.status(message_id))[0]
        assert 204 == (await visitor.request("OPTIONS", "/message/")).status
    assert "ok" == (await visitor.send()).json["status"]


async def test_a_refusal_reaches_a_script_tag(visitor: Visitor) -> None:
    for _ in range(LIMIT):
        await visitor.send()

    reply = await visitor.send(callback="shown")

    assert (200, 'shown({"status":"error","error":"limit_acceded"});') == (reply.status, reply.text)
    assert 0 < int(reply.headers["Retry-After"]) <= WINDOW


async def test_other_visitors_are_not_limited(visitor: Visitor, standin: VonageStandin) -> None:
    for _ in range(LIMIT + 1):
        await visitor.send()

    assert "ok" == (await visitor.via(X_Real_Ip=next(ADDRESSES)).send()).json["status"]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", True),
        ("2001:db8:1:2::1", "2001:0DB8:0001:0002:0:0:0:1", True),
        ("2001:db8:1:3::1", "2001:db8:1:4::1", False),
        ("203.0.113.9", "::ffff:203.0.113.9", True),
        ("203.0.113.10", "::ffff:cb00:710a", True),
        ("::ffff:203.0.113.11", "::ffff:203.0.113.12", False),
        ("203.0.113.13", "203.0.113.14", False),
    ],
)
async def test_addresses_of_one_visitor_share_a_limit(
    first: str, second: str, shared: bool, visitor: Visitor
) -> None:
    for _ in range(LIMIT):
        assert "ok" == (await visitor.via(X_Real_Ip=first).send()).json["status"]

    reply = await visitor.via(X_Real_Ip=second).send()

    assert ("error" if shared else "ok") == reply.json["status"]


async def test_headers_of_a_client_that_is_no_trusted_proxy_do_not_evade_the_limit(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    with GatewayProcess(*standin.options(redis_url, limit_amount=LIMIT)) as gateway:
        async with visiting(gateway.url) as visitor:
            for _ in range(10):
                address = next(ADDRESSES)
                await visitor.via(X_Real_Ip=address, X_Forwarded_For=address).send()

    assert LIMIT == len(standin.posts)


async def test_the_hop_before_the_trusted_proxies_is_the_visitor(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    options = standin.options(
        redis_url,
        limit_amount=LIMIT,
        trusted_proxies="127.0.0.0/8,10.0.0.0/8",
        client_address_header="X-Forwarded-For",
    )
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            for _ in range(10):
                forwarded = f"{next(ADDRESSES)}, 203.0.113.20, 10.1.2.3"
                await visitor.via(X_Forwarded_For=forwarded, X_Real_Ip=next(ADDRESSES)).send()

    assert LIMIT == len(standin.posts)


async def test_limits_survive_a_restart_of_the_gateway_and_of_the_store(
    standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    standin.expect()
    options = standin.options(valkey_server.url, limit_amount=LIMIT, receiver_limit_amount=0)
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            sent = [(await visitor.send()).json["status"] for _ in range(LIMIT)]
    valkey_server.stop()
    valkey_server.start()
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            after = await visitor.send()

    assert (["ok"] * LIMIT, REFUSAL) == (sent, after.json)
    assert LIMIT == len(standin.posts)
