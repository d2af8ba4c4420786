"""Guessing phones' secrets: who does is refused, no phone is locked out, and nobody waits."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway.access.limiter import Limiter
from gateway.errors import LimitExceeded
from gateway.smssync.guesses import WRONG, Guesses
from gateway.store.pipeline import Store, connect
from tests.support.scenes.phones_town import (
    BACK_SECRET,
    FRONT_SECRET,
    PhonesTown,
    devices_file,
    empty_poll,
    phones_town,
    refusal,
)

TOO_MANY = "Too many wrong secrets came from this address, try again later"
GUESSER, OWNER = "203.0.113.9", "203.0.113.10"
FORM = "application/x-www-form-urlencoded"

Ask = Callable[[PhonesTown, str, str, str], Coroutine[Any, Any, str]]


@pytest.fixture
async def place(redis_url: str, tmp_path: Path) -> AsyncIterator[PhonesTown]:
    options = (devices_file(tmp_path), "--trusted_proxies=127.0.0.1")
    async with phones_town(redis_url, *options) as made:
        yield made


async def post(place: PhonesTown, source: str, phone: str, secret: str) -> str:
    """Return what is answered to an SMS."""
    body = f"secret={secret}&from=%2B12065550121&message=Hi&message_id={time.monotonic_ns()}"
    reply = await place.ask("POST", f"/smssync/{phone}/", body, FORM, X_Real_Ip=source)
    return reply.text


async def poll(place: PhonesTown, source: str, phone: str, secret: str) -> str:
    """Return what is answered to a poll."""
    target = f"/smssync/{phone}/?task=send&secret={quote(secret)}"
    return (await place.ask("GET", target, X_Real_Ip=source)).text


async def basic(place: PhonesTown, source: str, phone: str, secret: str) -> str:
    """Return what is answered to a poll with the secret as a password."""
    password = base64.b64encode(f"phone:{secret}".encode()).decode()
    target, header = f"/smssync/{phone}/?task=send", f"Basic {password}"
    return (await place.ask("GET", target, X_Real_Ip=source, Authorization=header)).text


ways = pytest.mark.parametrize("ask", [post, poll, basic])


def is_refused(answer: str) -> bool:
    return TOO_MANY in answer


@ways
async def test_the_20th_wrong_secret_is_the_last_that_is_looked_at(
    place: PhonesTown, ask: Ask
) -> None:
    answers = [await ask(place, GUESSER, "back", f"guess-{n}") for n in range(WRONG.amount)]
    assert {refusal(), empty_poll()} >= set(answers)
    assert is_refused(await ask(place, GUESSER, "back", BACK_SECRET))
    assert is_refused(await poll(place, GUESSER, "back", ""))
    assert BACK_SECRET not in await poll(place, GUESSER, "back", BACK_SECRET)


async def test_guesses_side_by_side_are_no_way_around(place: PhonesTown) -> None:
    secrets = [*(f"guess-{n}" for n in range(300)), BACK_SECRET]
    answers = await asyncio.gather(*(poll(place, GUESSER, "back", each) for each in secrets))
    assert sum(map(is_refused, answers)) >= len(secrets) - WRONG.amount - 1
    assert is_refused(await poll(place, GUESSER, "back", BACK_SECRET))


async def test_neither_the_phone_elsewhere_nor_other_phones_are_locked_out(
    place: PhonesTown,
) -> None:
    for n in range(WRONG.amount + 5):
        await poll(place, GUESSER, "back", f"guess-{n}")
    assert BACK_SECRET in await poll(place, OWNER, "back", BACK_SECRET)
    assert not is_refused(await poll(place, GUESSER, "front", FRONT_SECRET))


async def test_a_missing_secret_is_no_wrong_one(place: PhonesTown) -> None:
    for _ in range(WRONG.amount + 5):
        await poll(place, GUESSER, "back", "")
        await post(place, GUESSER, "back", "")
        await basic(place, GUESSER, "back", "")
    assert BACK_SECRET in await poll(place, GUESSER, "back", BACK_SECRET)


async def test_an_ipv6_network_is_one_guesser(place: PhonesTown) -> None:
    for n in range(WRONG.amount):
        await poll(place, f"2001:db8:1:2::{n:x}", "back", f"guess-{n}")
    assert is_refused(await poll(place, "2001:db8:1:2::ffff", "back", BACK_SECRET))
    assert not is_refused(await poll(place, "2001:db8:1:3::1", "back", BACK_SECRET))


async def test_a_second_process_learns_of_a_guesser_from_the_store(
    place: PhonesTown, redis_url: str, tmp_path: Path
) -> None:
    options = (devices_file(tmp_path), "--trusted_proxies=127.0.0.1")
    async with phones_town(redis_url, *options) as other:
        for n in range(WRONG.amount):
            await poll(place, GUESSER, "back", f"guess-{n}")
        await poll(other, GUESSER, "back", "one more")
        assert is_refused(await poll(other, GUESSER, "back", BACK_SECRET))


async def test_without_the_store_a_process_counts_alone() -> None:
    store: Store = connect("redis://127.0.0.1:1")
    guesses = Guesses(Limiter(store))
    for _ in range(WRONG.amount):
        guesses.check(GUESSER, "back")
        await guesses.note(GUESSER, "back")
    with pytest.raises(LimitExceeded) as refused:
        guesses.check(GUESSER, "back")
    assert WRONG.seconds - 5 < refused.value.retry_after <= WRONG.seconds
    await store.close()


async def test_a_right_secret_asks_the_store_no_more_than_before(store: Store) -> None:
    guesses = Guesses(Limiter(store))
    for _ in range(100):
        guesses.check(GUESSER, "back")
    assert store.commands == 0
