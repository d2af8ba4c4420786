"""Limits in layers, seen from outside: order, headers, what visitors learn, exactness."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.store import keys
from gateway.store.pipeline import connect
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import RECEIVER, Reply, Visitor, visiting

REFUSAL = {"status": "error", "error": "limit_acceded"}
OPTIONS = {"protection": "on", "same_text_seconds": 0, "trusted_proxies": "127.0.0.1"}
Opening = Callable[..., AbstractAsyncContextManager[Visitor]]


def limit(by: str, amount: int, seconds: int = 3600, mode: str = "enforce") -> str:
    """A limit of the file."""
    return f'[[limit]]\nby = "{by}"\namount = {amount}\nwindow = {seconds}\nmode = "{mode}"\n'


@pytest.fixture
def opening(standin: VonageStandin, redis_url: str, tmp_path: Path) -> Opening:
    """Open a gateway with limits in its file, and a visitor of it."""

    @asynccontextmanager
    async def opened(*limits: str, **options: object) -> AsyncIterator[Visitor]:
        standin.expect()
        file = tmp_path / "protection.toml"
        file.write_text("".join(limits))
        given = OPTIONS | {"protection_file": file} | options
        with GatewayProcess(*standin.options(redis_url, **given)) as gateway:
            async with visiting(gateway.url) as visitor:
                yield visitor

    return opened


def at(visitor: Visitor, address: str) -> Visitor:
    return visitor.via(X_Real_Ip=address)


def number(n: int) -> str:
    """Made-up numbers, each of a range of its own."""
    return f"+49176{n:03}60000"


def said(reply: Reply) -> tuple[str, str]:
    body = reply.json
    return body["status"], body.get("error", "")


NEVER_NEW = "[[new_country]]\namount = 0\n"

# -- exactness --------------------------------------------------------------------------------

# Limits, and how many of 60 calls, each of its own address and for its own number, are let through.
FLOODS = {
    "by endpoint": ([limit("endpoint", 7)], 7),
    "by all": ([limit("all", 11)], 11),
    "by calling code": ([limit("calling_code", 9)], 9),
    "by network": ([limit("network", 6)], 6),
    "by the lowest": ([limit("all", 20), limit("endpoint", 15), limit("network", 13)], 13),
    "watched": ([limit("all", 5, mode="monitor")], 40),  # what the defaults let a /48 have
    "off": ([limit("network", 5, mode="off"), NEVER_NEW], 60),
}


@pytest.mark.parametrize(("limits", "through"), FLOODS.values(), ids=FLOODS.keys())
async def test_of_a_flood_exactly_so_many_are_sent(
    opening: Opening, standin: VonageStandin, limits: list[str], through: int
) -> None:
    async with opening(*limits) as visitor:
        calls = [at(visitor, f"2001:db8:1:{n:x}::1").send(number(n)) for n in range(60)]
        replies = await asyncio.gather(*calls)
    assert through == [reply.json["status"] for reply in replies].count("ok")
    assert through == len(standin.posts)
    refusals = [reply for reply in replies if reply.json["status"] != "ok"]
    assert all(REFUSAL == reply.json for reply in refusals)
    assert all(0 < int(reply.headers["Retry-After"]) <= 3600 for reply in refusals)


async def test_over_four_processes_a_limit_is_exact(
    standin: VonageStandin, redis_url: str, tmp_path: Path
) -> None:
    standin.expect()
    file = tmp_path / "protection.toml"
    file.write_text(limit("all", 17) + limit("network", 100))
    options = standin.options(redis_url, **OPTIONS, protection_file=file)
    async with AsyncExitStack() as stack:
        processes = [stack.enter_context(GatewayProcess(*options)) for _ in range(4)]
        visitor = await stack.enter_async_context(visiting(processes[0].url))
        calls = [
            at(Visitor(visitor.session, processes[n % 4].url), f"2001:db8:2:{n:x}::1").send(
                number(n)
            )
            for n in range(100)
        ]
        replies = await asyncio.gather(*calls)
    assert 17 == [reply.json["status"] for reply in replies].count("ok")
    assert 17 == len(standin.posts)


async def test_a_refused_call_is_counted_by_no_limit(opening: Opening, redis_url: str) -> None:
    async with opening(limit("endpoint", 1), limit_amount=5, receiver_limit_amount=5) as visitor:
        replies = [said(await visitor.send(number(n))) for n in range(4)]
    assert [("ok", ""), *[("error", "limit_acceded")] * 3] == replies
    store = connect(redis_url)
    names = await store.execute("KEYS", "limit:*")
    assert {1} == {await store.execute("LLEN", name) for name in names}
    assert keys.limit("message", "127.0.0.1") in names
    await store.close()


# -- order ------------------------------------------------------------------------------------

UNUSABLE = {
    "no receiver": ({}, "receiver_missing"),
    "no number": ({"receiver": "12"}, "receiver_validation"),
    "a land line": ({"receiver": "+49 30 901820"}, "receiver_validation"),
    "opted out": ({"receiver": RECEIVER}, "receiver_opted_out"),
}


@pytest.mark.parametrize(("arguments", "error"), UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_an_unusable_call_counts_against_the_address_alone_and_its_limit_comes_first(
    opening: Opening, standin: VonageStandin, redis_url: str, arguments: dict[str, str], error: str
) -> None:
    store = connect(redis_url)
    await store.execute("ZADD", keys.OPTOUTS, 1, RECEIVER.replace(" ", ""))
    async with opening(limit("endpoint", 1), limit_amount=2) as visitor:
        replies = [said(await visitor.get("/message/", **arguments)) for _ in range(3)]
        # What was counted was counted of the address.
        assert ("ok", "") == said(await at(visitor, "192.0.2.1").send(number(1)))
    assert [("error", error)] * 2 + [("error", "limit_acceded")] == replies
    assert 1 == len(standin.posts)
    await store.close()


async def test_unreadable_arguments_count_against_the_address(opening: Opening) -> None:
    async with opening(limit_amount=2) as visitor:
        twice = [await visitor.request("GET", "/message/?receiver=1&receiver=2") for _ in range(3)]
    assert [400, 400, 200] == [reply.status for reply in twice]
    assert REFUSAL == twice[-1].json


async def test_the_limit_of_the_address_is_told_before_that_of_anything_else(
    opening: Opening,
) -> None:
    async with opening(limit("all", 1, 60), limit_amount=1) as visitor:
        await visitor.send(number(1))
        reply = await visitor.send(number(2))
    assert '"address";r=0' in reply.headers["RateLimit"]
    assert "service" not in reply.headers["RateLimit"]
    assert 3590 <= int(reply.headers["Retry-After"]) <= 3600


# -- headers ----------------------------------------------------------------------------------

STATE = re.compile(r'"address";r=(\d+);t=(\d+)')


def left(reply: Reply) -> tuple[int, int]:
    found = STATE.match(reply.headers["RateLimit"])
    assert found
    return int(found[1]), int(found[2])


async def test_every_answer_tells_what_is_left_of_the_limit_of_the_address(
    opening: Opening,
) -> None:
    """Also one of JSONP, whose script reads no header, and one to an unusable call."""
    async with opening(limit_amount=4) as visitor:
        replies = [
            await visitor.send(number(1)),
            await visitor.send("12"),
            await visitor.send(number(2), callback="shown"),
            await visitor.request("POST", "/message/", data={"receiver": ""}),
            await visitor.send(number(3)),
        ]
    assert ['"address";q=4;w=3600'] * 5 == [each.headers["RateLimit-Policy"] for each in replies]
    assert [3, 2, 1, 0, 0] == [left(each)[0] for each in replies]
    assert all(3590 <= left(each)[1] <= 3600 for each in replies)
    exposed = {each.headers["Access-Control-Expose-Headers"] for each in replies}
    assert {"Retry-After, RateLimit-Policy, RateLimit"} == exposed
    assert str(left(replies[-1])[1]) == replies[-1].headers["Retry-After"]
    assert 'shown({"status":"ok"' in replies[2].text


async def test_another_limit_is_told_as_service_and_no_more(opening: Opening) -> None:
    async with opening(limit("calling_code", 1, 60), limit_amount=4) as visitor:
        await visitor.send(number(1))
        reply = await visitor.send(number(2), callback="shown")
    wait = reply.headers["Retry-After"]
    assert 'shown({"status":"error","error":"limit_acceded"});' == reply.text
    assert f'"address";q=4;w=3600, "service";q=1;w={wait}' == reply.headers["RateLimit-Policy"]
    address, service = reply.headers["RateLimit"].split(", ")
    assert (f'"service";r=0;t={wait}', 3) == (service, left(reply)[0])
    assert address.startswith('"address"')
    assert 0 < int(wait) <= 60
    shown = str(dict(reply.headers)) + reply.text
    assert not re.search("calling|country|range|endpoint|monitor", shown)


async def test_without_limits_no_header_tells_of_any(opening: Opening) -> None:
    async with opening(limit_amount=0) as visitor:
        reply = await visitor.send(number(1))
    assert not {"RateLimit", "RateLimit-Policy"} & set(reply.headers)


async def test_retry_after_is_the_first_second_in_which_all_limits_let_the_call_through(
    opening: Opening,
) -> None:
    async with opening(limit("endpoint", 1, 3), limit_amount=1, limit_expires=1) as visitor:
        await visitor.send(number(1))
        refusal = await visitor.send(number(2))
        wait = int(refusal.headers["Retry-After"])
        assert 2 <= wait <= 3
        await asyncio.sleep(wait)
        assert ("ok", "") == said(await visitor.send(number(2)))


# -- whom nobody locks out --------------------------------------------------------------------


async def test_a_receiver_whose_limit_strangers_used_up_is_not_shut_off_for_the_day(
    opening: Opening,
) -> None:
    async with opening(receiver_limit_amount=2) as visitor:
        for _ in range(3):
            flood = await at(visitor, "198.18.0.1").send()
        reply = await at(visitor, "198.18.0.2").send()
    assert int(flood.headers["Retry-After"]) > 86_000
    assert 1 <= int(reply.headers["Retry-After"]) <= 76


@pytest.mark.parametrize("protection", ["off", "monitor"])
async def test_where_protection_enforces_nothing_the_receivers_limit_is_the_plain_one(
    opening: Opening, protection: str
) -> None:
    async with opening(receiver_limit_amount=1, protection=protection) as visitor:
        await at(visitor, "198.18.0.1").send()
        reply = await at(visitor, "198.18.0.2").send()
    assert int(reply.headers["Retry-After"]) > 86_000


async def test_a_number_that_is_exempt_is_refused_by_the_limit_of_the_address_alone(
    opening: Opening,
) -> None:
    exempt = f'[[exempt]]\nnumber = "{number(1)}"\n'
    tight = limit("all", 1), limit("network", 1), exempt
    async with opening(*tight, limit_amount=4, receiver_limit_amount=1) as visitor:
        replies = [said(await visitor.send(number(1))) for _ in range(5)]
        other = said(await at(visitor, "192.0.2.1").send(number(2)))
    assert [("ok", "")] * 4 + [("error", "limit_acceded")] == replies
    assert ("error", "limit_acceded") == other  # the others' limits were used by it


async def test_what_a_watched_limit_would_refuse_is_counted(opening: Opening) -> None:
    async with opening(limit("all", 1, mode="monitor"), limit_amount=0) as visitor:
        for n in range(3):
            assert ("ok", "") == said(await visitor.send(number(n)))
        metrics = (await visitor.get("/metrics")).text
    assert 'gateway_limits_watched_total{limit="all"} 2.0' in metrics
    assert 'gateway_limit_refusals_total{limit="all"} 0.0' in metrics


# -- what it costs ----------------------------------------------------------------------------

# The same text and a STOP, all layers, record and money, [provider], answer; a turn, where the
# provider has a rate, is one more.
STORE_CALLS = 4


async def test_a_message_asks_the_store_four_times(standin: VonageStandin, redis_url: str) -> None:
    """With everything on; what the gateway does by itself once a second may come in between."""
    standin.expect()
    options = standin.options(redis_url, limit_amount=10, receiver_limit_amount=5, protection="on")
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        store, asked = gateway.application.services.store, []
        for n in range(8):
            before = store.pipelines
            assert "ok" == (await visitor.send(number(n))).json["status"]
            asked.append(store.pipelines - before)
    assert STORE_CALLS == min(asked)
