"""A receiver gets no more messages than his limit, whoever asks for them, seen from outside."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import Visitor

WINDOW = 3600
REFUSAL = {"status": "error", "error": "limit_acceded"}

# Fresh visitors from a block reserved for tests, and fresh receivers, made up.
ADDRESSES = (f"198.19.{high}.{low}" for high, low in itertools.product(range(256), range(1, 255)))
RECEIVERS = (f"+49176040690{number:02}" for number in range(100))


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    options = standin.options(
        valkey_url,
        receiver_limit_amount=2,
        receiver_limit_expires=WINDOW,
        trusted_proxies="127.0.0.1",
    )
    with GatewayProcess(*options) as gateway:
        yield gateway


async def test_a_receiver_gets_no_more_than_his_limit_from_all_visitors_together(
    visitor: Visitor, standin: VonageStandin
) -> None:
    receiver = next(RECEIVERS)
    calls = (visitor.via(X_Real_Ip=next(ADDRESSES)).send(receiver) for _ in range(30))

    replies = await asyncio.gather(*calls)

    assert Counter(ok=2, error=28) == Counter(reply.json["status"] for reply in replies)
    assert 2 == len(standin.posts)
    refusals = [reply for reply in replies if reply.json["status"] == "error"]
    assert all(REFUSAL == refusal.json for refusal in refusals)
    assert all(0 < int(refusal.headers["Retry-After"]) <= WINDOW for refusal in refusals)


async def test_the_receiver_limit_is_about_the_number_however_it_is_written(
    visitor: Visitor, standin: VonageStandin
) -> None:
    number = next(RECEIVERS)
    written = [number, f"00{number[1:]}", f"0{number[3:]}", number[1:]]

    replies = [await visitor.send(receiver, country="DE") for receiver in written]

    assert ["ok", "ok", "error", "error"] == [reply.json["status"] for reply in replies]
    assert "ok" == (await visitor.send(next(RECEIVERS))).json["status"]


@pytest.mark.parametrize(
    "spellings",
    [
        ("+5215512345678", "+525512345678", "+52 044 55 1234 5678"),
        ("+24106123456", "+24166123456", "+2416123456"),
        ("+5491123456789", "+54 11 15 2345 6789", "+54 9 11 15 2345 6789"),
        ("+551187654321", "+5511987654321", "+55 11 8765-4321"),
        ("+22997123456", "+2290197123456", "+229 97 12 34 56"),
    ],
    ids=["Mexico", "Gabon", "Argentina", "Brazil", "Benin"],
)
async def test_the_receiver_limit_is_about_the_person_however_his_plan_was_renumbered(
    visitor: Visitor, standin: VonageStandin, spellings: tuple[str, ...]
) -> None:
    replies = [await visitor.via(X_Real_Ip=next(ADDRESSES)).send(each) for each in spellings]

    assert ["ok", "ok", "error"] == [reply.json["status"] for reply in replies]
    assert 1 == len({post.form["to"] for post in standin.posts})
