"""Proofs of work over HTTP: when one is asked for, what it is worth, and how often."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import altcha
import pytest

from gateway.monitoring.metrics import PROOFS
from gateway.protection.proof.altcha import (
    HIGHEST_COST,
    LEAST_COST,
    LIFETIME_SECONDS,
    LONGEST,
    AltchaProof,
)
from gateway.protection.proof.base import Purpose
from gateway.protection.shared_key import SharedKey
from gateway.store import keys
from gateway.store.pipeline import Store
from tests.conftest import RestartableValkey
from tests.support.proving import Challenge, asked, proven, read, solve, written
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import Gateway, serving
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import RECEIVER, Reply, Visitor, eventually, visiting

E164, PERSON = "+4917612345678", "+49 176 12345678"
OTHER = "+49 176 04069011"
LINK = "https://www.example.com/app"
QUIET = "[[new_country]]\namount = 0\n"
ENDPOINTS = '[[message]]\npath = "/voucher/"\ntext = "Your voucher"\nsender = "Example"\n'
ON = {"proof": "always", "protection": "on", "same_text_seconds": 0, "form_link": LINK}
ADDRESSES = count(1)
Opening = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture
def opening(standin: VonageStandin, redis_url: str, tmp_path: Path) -> Opening:
    """Open a gateway that asks for proofs, with two endpoints, and a visitor of it."""

    @asynccontextmanager
    async def opened(rules: str = QUIET, **options: object) -> AsyncIterator[Visitor]:
        standin.expect()
        async with (
            serving(
                *given(standin, redis_url, tmp_path, rules, **options), redis_url=redis_url
            ) as gateway,
            visiting(gateway.url) as visitor,
        ):
            yield visitor

    return opened


def given(
    standin: VonageStandin, redis_url: str, folder: Path, rules: str = QUIET, **options: object
) -> list[str]:
    """Return the options of such a gateway."""
    files = {"protection_file": rules, "messages_file": ENDPOINTS}
    for name, content in files.items():
        (folder / f"{name}.toml").write_text(content)
    named = {name: folder / f"{name}.toml" for name in files}
    everything = {**ON, "trusted_proxies": "127.0.0.1", **named, **options}
    return standin.options(redis_url, **everything)


@pytest.fixture(scope="module")
def gateway(
    standin: VonageStandin, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that always asks, and has a count for each address."""
    folder = tmp_path_factory.mktemp("gateway")
    with GatewayProcess(*given(standin, valkey_url, folder, limit_amount=10)) as process:
        yield process


@pytest.fixture
def caller(visitor: Visitor) -> Visitor:
    """A visitor of that gateway, at an address of his own."""
    return visitor.via(X_Real_Ip=f"198.51.100.{next(ADDRESSES)}")


def error(reply: Reply) -> str:
    """Return the error of an answer, '' for one that has none."""
    return str(reply.json.get("error", ""))


def counted(result: str) -> float:
    """Return how many proofs had that result."""
    return float(PROOFS[(result,)]._value.get())


# -- the exchange -----------------------------------------------------------------------------


async def test_who_solves_the_challenge_is_sent_the_message(
    opening: Opening, standin: VonageStandin
) -> None:
    before = counted("asked"), counted("accepted")
    async with opening() as visitor:
        first = await visitor.send()
        assert 200 == first.status
        body = first.json
        challenge = body.pop("challenge")
        assert {
            "status": "error",
            "error": "proof_needed",
            "message": "solve the challenge and call again",
            "link": LINK,
        } == body
        assert E164[1:] not in first.text
        assert [] == standin.posts
        second = await visitor.send(altcha=solve(challenge))
    assert "ok" == second.json["status"]
    assert 1 == len(standin.posts)
    assert (before[0] + 1, before[1] + 1) == (counted("asked"), counted("accepted"))


async def test_the_library_s_own_solver_does_as_well(opening: Opening) -> None:
    async with opening() as visitor:
        challenge = altcha.Challenge.from_dict(dict(await asked(visitor)))
        solution = altcha.solve_challenge(challenge)
        assert solution
        answer = altcha.Payload(challenge, solution).to_base64()
        assert "" == error(await visitor.send(altcha=answer))


async def by_get(visitor: Visitor, arguments: dict[str, str]) -> Any:
    return (await visitor.get("/message/", **arguments)).json


async def by_form(visitor: Visitor, arguments: dict[str, str]) -> Any:
    return (await visitor.request("POST", "/message/", data=arguments)).json


async def by_json(visitor: Visitor, arguments: dict[str, str]) -> Any:
    return (await visitor.request("POST", "/message/", json=arguments)).json


async def by_script(visitor: Visitor, arguments: dict[str, str]) -> Any:
    reply = await visitor.get("/message/", callback="shop.answer", **arguments)
    assert 200 == reply.status
    assert "application/javascript; charset=UTF-8" == reply.headers["Content-Type"]
    return json.loads(reply.text.removeprefix("shop.answer(").removesuffix(");"))


async def test_every_way_to_call_is_a_way_to_prove(opening: Opening) -> None:
    async with opening() as visitor:
        for way in (by_get, by_form, by_json, by_script):
            first = await way(visitor, {"receiver": RECEIVER})
            assert "proof_needed" == first["error"]
            answer = {"receiver": RECEIVER, "altcha": solve(first["challenge"])}
            assert "ok" == (await way(visitor, answer))["status"]


async def test_any_page_may_read_the_challenge(caller: Visitor) -> None:
    reply = await caller.via(Origin="https://shop.example").send()
    assert "*" == reply.headers["Access-Control-Allow-Origin"]


async def test_a_proof_is_for_a_person_however_his_number_is_written(opening: Opening) -> None:
    async with opening() as visitor:
        answer = solve(await asked(visitor, "0176 12345678", country="DE"))
        assert "" == error(await visitor.send("0049-176-12345678", altcha=answer))


# -- when one is asked for --------------------------------------------------------------------

MODES = [
    ("off", "on", False),
    ("always", "on", True),
    ("pressure", "on", False),  # of the first call of all
    ("always", "monitor", False),
    ("always", "off", False),
    ("pressure", "off", False),
]


@pytest.mark.parametrize(("proof", "protection", "asks"), MODES)
async def test_who_is_asked_by_mode(
    opening: Opening, proof: str, protection: str, *, asks: bool
) -> None:
    before = counted("watched")
    async with opening(proof=proof, protection=protection) as visitor:
        assert ("proof_needed" if asks else "") == error(await visitor.send())
    watched = (proof, protection) == ("always", "monitor")
    assert before + watched == counted("watched")


LIMIT = '[[limit]]\nby = "{}"\namount = {}\nwindow = 3600\nmode = "{}"\n'
RULE = '[[rule]]\naction = "limit"\n{} = "{}"\namount = 100\nwindow = 3600\n'
CAUSES: dict[str, tuple[str, dict[str, object], int]] = {
    # Rules, options, and how many messages are let through before a proof is asked for.
    "a rule for the country": (QUIET + RULE.format("country", "DE"), {}, 0),
    "a rule for the range": (QUIET + RULE.format("range", "+49176"), {}, 0),
    "a country that is new": ("[[new_country]]\namount = 50\n", {}, 0),
    "the limit of the address": (QUIET, {"limit_amount": 5}, 4),
    "that of the receiver": (QUIET, {"receiver_limit_amount": 10}, 8),
    "that of the endpoint": (QUIET + LIMIT.format("endpoint", 5, "enforce"), {}, 4),
    "that of everything": (QUIET + LIMIT.format("all", 10, "enforce"), {}, 8),
    "that of the range": (QUIET + LIMIT.format("range", 6, "enforce"), {}, 5),
}


@pytest.mark.parametrize(("rules", "options", "free"), CAUSES.values(), ids=CAUSES.keys())
async def test_under_pressure_it_is_asked_for(
    opening: Opening, rules: str, options: dict[str, object], free: int
) -> None:
    async with opening(rules, proof="pressure", **options) as visitor:
        replies = [await visitor.send() for _ in range(free)]
        assert [""] * free == [error(each) for each in replies]
        assert "proof_needed" == error(await visitor.send())
        assert "" == error(await proven(visitor))


async def test_what_is_only_watched_makes_no_pressure(opening: Opening) -> None:
    async with opening(QUIET + LIMIT.format("all", 2, "monitor"), proof="pressure") as visitor:
        assert [""] * 4 == [error(await visitor.send()) for _ in range(4)]


async def test_a_budget_that_runs_out_makes_pressure(
    standin: VonageStandin, redis_url: str, tmp_path: Path
) -> None:
    standin.expect()
    rules = QUIET + "[[price]]\nprice = 0.1\n"
    options = given(standin, redis_url, tmp_path, rules, proof="pressure", budget_day=1)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        sent = 0
        while sent < 10 and not error(await visitor.send()):
            sent += 1
            await gateway.application.services.budget.look()
        assert 8 <= sent < 10
        assert "proof_needed" == error(await visitor.send())
        assert "" == error(await proven(visitor))


async def test_the_price_rises_with_pressure(opening: Opening) -> None:
    async with opening(limit_amount=10) as visitor:
        replies = [await visitor.send(altcha="x") for _ in range(10)]
    costs = [each.json["challenge"]["parameters"]["cost"] for each in replies]
    assert [LEAST_COST] * 9 == costs[:9]
    assert (LEAST_COST + HIGHEST_COST) / 2 == costs[9]


async def test_exempt_numbers_need_none(opening: Opening) -> None:
    async with opening(f'{QUIET}[[exempt]]\nnumber = "{E164}"\n') as visitor:
        assert ["", "proof_needed"] == [error(await visitor.send(each)) for each in (PERSON, OTHER)]


# -- the order of checks, and what counts ---------------------------------------------------------


@pytest.mark.parametrize(
    ("receiver", "wrong"), [("", "receiver_missing"), ("+49 30 901820", "receiver_validation")]
)
async def test_what_cannot_be_sent_needs_no_proof(
    caller: Visitor, receiver: str, wrong: str
) -> None:
    assert wrong == error(await caller.send(receiver))


async def test_who_wants_no_texts_needs_no_proof(opening: Opening, store: Store) -> None:
    stopped = "+4917600060099"  # of this test alone: others share the store
    await store.execute("ZADD", keys.OPTOUTS, 1, stopped)
    async with opening() as visitor:
        assert "receiver_opted_out" == error(await visitor.send(stopped))


async def test_to_ask_costs_nothing_and_a_wrong_proof_counts(opening: Opening) -> None:
    async with opening(limit_amount=3) as visitor:
        for _ in range(5):
            await asked(visitor)
        assert ["proof_needed"] * 3 == [error(await visitor.send(altcha="x")) for _ in range(3)]
        full = await visitor.send()
        assert "limit_acceded" == error(full)
        assert 3590 < int(full.headers["Retry-After"]) <= 3600
        assert '"address";r=0' in full.headers["RateLimit"]
        assert "limit_acceded" == error(await visitor.send(altcha="x"))
        elsewhere = visitor.via(X_Real_Ip="192.0.2.7")
        assert "" == error(await proven(elsewhere))


async def test_asking_writes_nothing(opening: Opening, store: Store) -> None:
    async with opening() as visitor:
        await asked(visitor)
        await asked(visitor, OTHER)
        for kind in ("limit:*", "proof:*", "same-text:*", "message:*", "callers:*"):
            assert [] == await store.execute("KEYS", kind)


async def test_the_same_text_is_answered_as_the_first_one(
    opening: Opening, standin: VonageStandin
) -> None:
    async with opening(same_text_seconds=60) as visitor:
        replies = [(await proven(visitor)).json for _ in range(2)]
    assert replies[0] == replies[1]
    assert 1 == len(standin.posts)


# -- what a proof is worth ------------------------------------------------------------------------


def changed(*path: str, to: object) -> Callable[[str], str]:
    """Return what changes one thing in an answer."""

    def change(answer: str) -> str:
        document = inner = read(answer)
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = to
        return written(document)

    return change


def without(*path: str) -> Callable[[str], str]:
    """Return what leaves one thing out."""

    def change(answer: str) -> str:
        document = inner = read(answer)
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        return written(document)

    return change


def raw(text: bytes) -> Callable[[str], str]:
    """Return what puts other octets in its place."""
    return lambda _: base64.b64encode(text).decode()


PARAMETERS = ("challenge", "parameters")
WRONG: dict[str, Callable[[str], str]] = {
    "not base64": lambda _: "!",
    "half of it": lambda answer: answer[: len(answer) // 2],
    "no JSON": raw(b"hello"),
    "not UTF-8": raw(b'{"challenge":"\xff"}'),
    "a list": raw(b"[]"),
    "null": raw(b"null"),
    "a number": raw(b"1e999"),
    "nested": raw(b"[" * 1400),
    "nested in it": raw(b'{"challenge":' * 100),
    "half a character": raw(b'{"challenge":{"parameters":"\\ud800"}}'),
    "too long": lambda answer: answer + "A" * LONGEST,
    "of 60 KB": lambda _: "A" * 60_000,
    "the former version": raw(
        b'{"algorithm":"SHA-256","challenge":"x","number":1,"salt":"x","signature":"x"}'
    ),
    "another counter": changed("solution", "counter", to=2**32 - 1),
    "a counter that is none": changed("solution", "counter", to="1"),
    "one below 0": changed("solution", "counter", to=-1),
    "one that is too high": changed("solution", "counter", to=2**32),
    "one that is huge": changed("solution", "counter", to=10**300),
    "true for it": changed("solution", "counter", to=True),
    "half a counter": changed("solution", "counter", to=1.5),
    "another key": changed("solution", "derivedKey", to="00" * 32),
    "no key": changed("solution", "derivedKey", to=None),
    "no solution": without("solution"),
    "no signature": without("challenge", "signature"),
    "an empty signature": changed("challenge", "signature", to=""),
    "another signature": changed("challenge", "signature", to="0" * 64),
    "a signature beyond ASCII": changed("challenge", "signature", to="é" * 64),
    "a lower cost": changed(*PARAMETERS, "cost", to=1),
    "a cost of 0": changed(*PARAMETERS, "cost", to=0),
    "a huge cost": changed(*PARAMETERS, "cost", to=2**62),
    "a later end": changed(*PARAMETERS, "expiresAt", to=2**40),
    "no end": without(*PARAMETERS, "expiresAt"),
    "no prefix": changed(*PARAMETERS, "keyPrefix", to=""),
    "another algorithm": changed(*PARAMETERS, "algorithm", to="SHA-256"),
    "one that is not installed": changed(*PARAMETERS, "algorithm", to="ARGON2ID"),
    "much memory": changed(*PARAMETERS, "memoryCost", to=2**40),
    "other data": changed(*PARAMETERS, "data", to={}),
    "another purpose": changed(*PARAMETERS, "data", to={"for": "x"}),
    "a nonce that is none": changed(*PARAMETERS, "nonce", to="zz"),
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_proof_sends_nothing_counts_and_gets_a_new_challenge(
    caller: Visitor, standin: VonageStandin, spoil: Callable[[str], str]
) -> None:
    challenge = await asked(caller)
    form = {"receiver": RECEIVER, "altcha": spoil(solve(challenge))}
    reply = await caller.request("POST", "/message/", data=form)
    assert (200, "proof_needed") == (reply.status, error(reply))
    assert challenge["signature"] != reply.json["challenge"]["signature"]
    assert '"address";r=9' in reply.headers["RateLimit"]
    assert [] == standin.posts


async def test_the_same_cost_written_otherwise_is_no_second_proof(opening: Opening) -> None:
    """What signs a challenge takes 1000 and 1000.0 for one; so does what remembers it."""
    async with opening() as visitor:
        answer = solve(await asked(visitor))
        document = read(answer)
        document["challenge"]["parameters"]["cost"] = 1000.0
        replies = [await visitor.send(altcha=each) for each in (written(document), answer)]
        assert {200} == {each.status for each in replies}
        assert 1 == [error(each) for each in replies].count("")


async def test_a_proof_that_comes_too_late_is_none(opening: Opening, store: Store) -> None:
    before = counted("expired")
    async with opening() as visitor:
        for age, late in ((LIFETIME_SECONDS - 60, False), (LIFETIME_SECONDS + 2, True)):
            answer = solve(await made(store, age))
            assert ("proof_needed" if late else "") == error(await visitor.send(altcha=answer))
    assert before + 1 == counted("expired")


async def made(store: Store, age: float) -> Challenge:
    """Return the challenge that another process made so many seconds ago."""
    process = AltchaProof(store, SharedKey(store), clock=lambda: time.time() - age)
    return await process.challenge(Purpose("/message", E164), 0.0)


async def test_of_20_calls_with_one_proof_exactly_one_is_let_through(
    opening: Opening, standin: VonageStandin
) -> None:
    before = counted("replayed")
    async with opening() as visitor:
        answer = solve(await asked(visitor))
        replies = await asyncio.gather(*(visitor.send(altcha=answer) for _ in range(20)))
        assert ["", *["proof_needed"] * 19] == sorted(error(each) for each in replies)
    assert 1 == len(standin.posts)
    assert before + 19 == counted("replayed")


@pytest.mark.parametrize(
    ("receiver", "path"), [(OTHER, "/message/"), (RECEIVER, "/voucher/"), (OTHER, "/voucher/")]
)
async def test_a_proof_for_something_else_is_none(
    opening: Opening, standin: VonageStandin, receiver: str, path: str
) -> None:
    before = counted("foreign")
    async with opening() as visitor:
        answer = solve(await asked(visitor))
        reply = await visitor.send(receiver, path, altcha=answer)
        assert "proof_needed" == error(reply)
        assert [] == standin.posts
        assert "" == error(await visitor.send(altcha=answer))
    assert before + 1 == counted("foreign")


async def test_all_processes_know_a_proof_also_after_a_restart(
    standin: VonageStandin, redis_url: str, tmp_path: Path
) -> None:
    standin.expect()
    options = given(standin, redis_url, tmp_path)
    with GatewayProcess(*options) as one, GatewayProcess(*options) as other:
        async with visiting(one.url) as visitor:
            there = Visitor(visitor.session, other.url)
            answer, later = [solve(await asked(visitor)) for _ in range(2)]
            calls = [each.send(altcha=answer) for each in (visitor, there) for _ in range(10)]
            replies = await asyncio.gather(*calls)
            assert ["", *["proof_needed"] * 19] == sorted(error(each) for each in replies)
    with GatewayProcess(*options) as again:
        async with visiting(again.url) as visitor:
            assert "proof_needed" == error(await visitor.send(altcha=answer))
            assert "" == error(await visitor.send(altcha=later))
    assert 2 == len(standin.posts)


# -- without a store --------------------------------------------------------------------------


async def test_without_a_store_nothing_is_sent(
    standin: VonageStandin, valkey_server: RestartableValkey, tmp_path: Path
) -> None:
    standin.expect()
    options = given(standin, valkey_server.url, tmp_path)
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            answer = solve(await asked(visitor))
            valkey_server.stop()
            for more in ({}, {"altcha": answer}, {"altcha": "x"}):
                reply = await visitor.send(**more)
                assert (503, "temporarily_unavailable") == (reply.status, error(reply))
                assert LINK == reply.json["link"]
            assert [] == standin.posts
            valkey_server.start()
            await eventually(lambda: _passes(visitor, answer))


async def _passes(visitor: Visitor, answer: str) -> bool:
    return error(await visitor.send(altcha=answer)) == ""


# -- what it costs ----------------------------------------------------------------------------


@pytest.mark.parametrize(("proof", "calls"), [("off", [4]), ("pressure", [5]), ("always", [1, 6])])
async def test_how_often_the_store_is_asked(
    standin: VonageStandin, redis_url: str, tmp_path: Path, proof: str, calls: list[int]
) -> None:
    """A challenge costs one call and a proof two; nothing where none is ever asked for."""
    standin.expect()
    limits: dict[str, Any] = {
        "limit_amount": 100,
        "receiver_limit_amount": 50,
        "same_text_seconds": 60,
    }
    options = given(standin, redis_url, tmp_path, proof=proof, **limits)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        found = [await _round_trips(gateway, visitor, f"+49176{n:03}60000") for n in range(6)]
    assert calls == [min(each) for each in zip(*found, strict=True)]


async def _round_trips(gateway: Gateway, visitor: Visitor, receiver: str) -> list[int]:
    """Return how many each call took: the first, and that with the proof which it asked for."""
    store = gateway.application.services.store
    start = store.pipelines
    first = await visitor.send(receiver)
    asked_for = store.pipelines
    if not error(first):
        return [asked_for - start]
    answer = solve(first.json["challenge"])
    solved = store.pipelines
    assert "" == error(await visitor.send(receiver, altcha=answer))
    return [asked_for - start, store.pipelines - solved]
