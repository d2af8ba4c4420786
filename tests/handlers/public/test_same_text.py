"""A form that is sent twice sends one SMS, whichever process answers, seen from outside."""

from __future__ import annotations

import asyncio
import gc
import itertools
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from tests.conftest import RestartableValkey
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import (
    SENDER,
    Answer,
    Post,
    VonageStandin,
    accepted,
    refused,
)
from tests.support.visitor import Reply, Visitor, eventually, visiting

ADDRESSES = (f"198.18.{high}.{low}" for high, low in itertools.product(range(256), range(1, 255)))
RECEIVERS = (f"+49176040690{number:02}" for number in range(100))
OPTIONS = {"protection": "on", "trusted_proxies": "127.0.0.1", "provider_timeout": 2}


@pytest.fixture(scope="module")
def gateways(
    standin: VonageStandin, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[GatewayProcess]]:
    folder = tmp_path_factory.mktemp("endpoints")
    file, shops = folder / "messages.toml", folder / "protection.toml"
    file.write_text(f'[[message]]\npath = "/other/"\ntext = "Another"\nsender = "{SENDER}"\n')
    shops.write_text('[[site]]\nkey = "one"\n[[site]]\nkey = "two"\nsender = "Two"\n')
    options = standin.options(valkey_url, messages_file=file, protection_file=shops, **OPTIONS)
    with ExitStack() as stack:
        yield [stack.enter_context(GatewayProcess(*options)) for _ in range(4)]


@pytest.fixture
async def visitors(
    gateways: list[GatewayProcess], standin: VonageStandin
) -> AsyncIterator[list[Visitor]]:
    """A visitor of each process."""
    standin.expect()
    async with visiting(gateways[0].url) as first:
        yield [Visitor(first.session, gateway.url) for gateway in gateways]


def elsewhere(visitor: Visitor) -> Visitor:
    """The visitor at an address of his own."""
    return visitor.via(X_Real_Ip=next(ADDRESSES))


def slowly(seconds: float = 0.5) -> Callable[[Post], Answer | None]:
    """Return a provider that accepts after a while."""

    def answer(post: Post) -> Answer | None:
        time.sleep(seconds)
        return accepted()(post)

    return answer


async def test_200_equal_calls_at_four_processes_send_one_sms_and_get_one_answer(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    """From as many addresses."""
    standin.expect(slowly())
    receiver = next(RECEIVERS)
    calls = [elsewhere(visitors[n % 4]).send(receiver) for n in range(200)]
    replies = await asyncio.gather(*calls)
    assert 1 == len(standin.posts)
    assert {"ok"} == {reply.json["status"] for reply in replies}
    assert 1 == len({reply.text for reply in replies})


async def test_a_double_click_is_answered_twice_and_sends_once(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    receiver = next(RECEIVERS)
    visitor = elsewhere(visitors[0])
    first, second = [await visitor.send(receiver) for _ in range(2)]
    assert first.text == second.text
    assert 1 == len(standin.posts)
    assert (await visitor.status(second.json["id"]))[0] == "accepted"


async def test_a_repeat_reaches_a_script_tag(visitors: list[Visitor]) -> None:
    receiver = next(RECEIVERS)
    visitor = elsewhere(visitors[0])
    first = (await visitor.send(receiver)).json
    assert (
        f'shown({{"status":"ok","message":"Message sent","number":"{first["number"]}"'
        in (await visitor.send(receiver, callback="shown")).text
    )


async def test_spellings_of_a_number_are_one_receiver(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    spellings = ("+5491123456789", "+54 11 15 2345 6789", "+54 9 11 15 2345 6789")
    replies = [await elsewhere(visitors[n]).send(each) for n, each in enumerate(spellings)]
    assert 1 == len({reply.text for reply in replies})
    assert 1 == len(standin.posts)


async def test_another_text_or_another_number_is_sent(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    receiver, other = next(RECEIVERS), next(RECEIVERS)
    visitor = elsewhere(visitors[0])
    ids = {
        (await visitor.send(receiver)).json["id"],
        (await visitor.send(other)).json["id"],
        (await visitor.send(receiver, path="/other/")).json["id"],
    }
    assert (3, 3) == (len(ids), len(standin.posts))


async def test_who_names_a_shop_or_another_gets_the_same_text_once_from_each_sender(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    """Else a stranger has a text of the endpoint sent once more by each key that he knows."""
    receiver = "+4915112345600"  # of a range that no other test uses up
    for shop in ("", "one", "two", "two"):
        await elsewhere(visitors[0]).send(receiver, site=shop)
    assert 2 == len({each.form["from"] for each in standin.posts}) == len(standin.posts)


async def test_what_the_provider_refused_is_sent_when_it_is_asked_for_again(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    receiver = next(RECEIVERS)
    visitor = elsewhere(visitors[0])
    standin.expect(refused("7"))
    first = await visitor.send(receiver)
    standin.expect()
    second = await visitor.send(receiver)
    assert ("nexmo_error", "ok") == (first.json["error"], second.json["status"])
    assert first.json["id"] != second.json["id"]
    assert 1 == len(standin.posts)


async def test_what_may_have_arrived_is_not_sent_again(
    visitors: list[Visitor], standin: VonageStandin
) -> None:
    """The provider took it and never answered: the repeat is told the same, with the same id."""
    receiver = next(RECEIVERS)
    visitor = elsewhere(visitors[0])
    standin.expect(lambda post: None)
    first = await visitor.send(receiver)
    standin.expect()
    second = await visitor.send(receiver)
    assert "nexmo_error" == first.json["error"]
    assert first.text == second.text
    assert [] == standin.posts


async def test_what_a_limit_refused_is_sent_once_it_lets_it_through(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    limits = {"limit_amount": 1, "limit_expires": 1, "receiver_limit_amount": 0}
    with GatewayProcess(*standin.options(redis_url, **OPTIONS, **limits)) as gateway:
        async with visiting(gateway.url) as visitor:
            await visitor.send(next(RECEIVERS))
            receiver = next(RECEIVERS)
            assert "limit_acceded" == (await visitor.send(receiver)).json["error"]
            assert "ok" == (await elsewhere(visitor).send(receiver)).json["status"]
    assert 2 == len(standin.posts)


async def test_a_repeat_counts_against_the_address_and_not_against_the_receiver(
    standin: VonageStandin, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "messages.toml"
    file.write_text(f'[[message]]\npath = "/other/"\ntext = "Another"\nsender = "{SENDER}"\n')
    standin.expect()
    limits = {"limit_amount": 3, "receiver_limit_amount": 2, "messages_file": file}
    with GatewayProcess(*standin.options(redis_url, **OPTIONS, **limits)) as gateway:
        async with visiting(gateway.url) as visitor:
            receiver = next(RECEIVERS)
            replies = [await visitor.send(receiver) for _ in range(4)]
            other = await elsewhere(visitor).send(receiver, path="/other/")
    assert ["ok", "ok", "ok", "error"] == [reply.json["status"] for reply in replies]
    assert "limit_acceded" == replies[-1].json["error"]
    assert "ok" == other.json["status"]  # the second message to this receiver
    assert 2 == len(standin.posts)


async def test_it_is_remembered_over_a_restart_and_for_its_seconds(
    standin: VonageStandin, redis_url: str
) -> None:
    standin.expect()
    options = standin.options(redis_url, **OPTIONS, same_text_seconds=4)
    receiver = next(RECEIVERS)
    replies: list[Reply] = []
    for _ in range(2):
        with GatewayProcess(*options) as gateway:
            async with visiting(gateway.url) as visitor:
                replies.append(await visitor.send(receiver))
    assert replies[0].text == replies[1].text
    with GatewayProcess(*options) as gateway:
        async with visiting(gateway.url) as visitor:
            with redis.Redis.from_url(redis_url) as client:
                await eventually(lambda: not client.keys("same-text:*"))
            later = await visitor.send(receiver)
    assert later.json["id"] != replies[0].json["id"]
    assert 2 == len(standin.posts)


async def test_one_whose_process_is_killed_holds_nobody_up_for_ever(
    standin: VonageStandin, redis_url: str
) -> None:
    """What became of it is not known: the repeat waits as long as it may have taken."""
    options = standin.options(redis_url, **(OPTIONS | {"provider_timeout": 1}))
    receiver = next(RECEIVERS)
    standin.expect(slowly(30))
    with GatewayProcess(*options) as killed, GatewayProcess(*options) as other:
        async with visiting(killed.url) as visitor:
            first = asyncio.create_task(visitor.send(receiver))
            while not standin.posts:  # noqa: ASYNC110 - the stand-in is a thread
                await asyncio.sleep(0.02)
            killed.send_signal(signal.SIGKILL)
            await asyncio.gather(first, return_exceptions=True)
            standin.expect()
            reply = await Visitor(visitor.session, other.url).send(receiver)
    assert "ok" == reply.json["status"]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param({"same_text_seconds": 0}, 3, id="0 seconds"),
        pytest.param({"protection": "off"}, 3, id="without protection"),
        pytest.param({"protection": "monitor"}, 3, id="only watched"),
        pytest.param({}, 1, id="by default"),
    ],
)
async def test_it_can_be_switched_off(
    standin: VonageStandin, redis_url: str, options: dict[str, object], sent: int
) -> None:
    standin.expect()
    with GatewayProcess(*standin.options(redis_url, **(OPTIONS | options))) as gateway:
        async with visiting(gateway.url) as visitor:
            receiver = next(RECEIVERS)
            replies = [await visitor.send(receiver) for _ in range(3)]
            metrics = (await visitor.get("/metrics")).text
    assert ["ok"] * 3 == [reply.json["status"] for reply in replies]
    assert sent == len(standin.posts)
    watched = 2.0 if options.get("protection") == "monitor" else 0.0
    assert f'gateway_same_texts_total{{result="sent"}} {watched}' in metrics


async def test_without_the_store_nothing_is_begun_and_left(
    standin: VonageStandin, valkey_server: RestartableValkey
) -> None:
    """Where repeats are no matter, too; what is left would be an error of this test."""
    standin.expect()
    url = valkey_server.url
    options = standin.options(url, **OPTIONS | {"same_text_seconds": 0})
    async with serving(*options, redis_url=url) as gateway, visiting(gateway.url) as visitor:
        assert "ok" == (await visitor.send(next(RECEIVERS))).json["status"]
        valkey_server.stop()
        assert 503 == (await visitor.send(next(RECEIVERS))).status
        gc.collect()
