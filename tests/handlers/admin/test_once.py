"""``Idempotency-Key``: what is asked for twice is done once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.store import keys
from tests.support.scenes.masking import ADMIN, ANNA, BERT, CARL, ONE, TWO, Town, town

MESSAGE = ("/messages", {"to": BERT, "text": "Hello", "sender": ONE})
SESSION = ("/session", {"participant_a": ANNA, "participant_b": BERT})
PHONE_SMS = ("/smssync/messages", {"to": BERT, "message": "Hello"})
Request = tuple[str, dict[str, Any]]
each_route = pytest.mark.parametrize(
    "request_", [MESSAGE, SESSION, PHONE_SMS], ids=["message", "session", "phone"]
)


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url, "--smssync_secret=phone-secret") as made:
        await made.rent(ONE, TWO)
        yield made


async def ask(place: Town, request: Request, key: str, **more: Any) -> tuple[int, dict[str, Any]]:
    path, body = request
    headers = ADMIN | {"Idempotency-Key": key}
    async with place.gateway.client.post(path, json=body | more, headers=headers) as response:
        return response.status, await response.json()


async def made(place: Town) -> int:
    """Return how many messages, sessions and SMS for phones there are."""
    lists = ("/messages", "total_messages"), ("/session", "total_sessions")
    more = ("/smssync/messages", "total_messages")
    found = [(await place.ok("GET", path))[total] for path, total in (*lists, more)]
    return int(found[1] + found[2]) + sum(each.text == "Hello" for each in place.emulator.sent)


@each_route
async def test_a_repeat_gets_the_first_answer_and_does_nothing(
    place: Town, request_: Request
) -> None:
    first = await ask(place, request_, "order-17")
    assert 200 == first[0]
    assert [first] * 3 == [await ask(place, request_, "order-17") for _ in range(3)]
    assert 1 == await made(place)
    assert first != await ask(place, request_, "order-18")


@each_route
async def test_many_at_once_do_it_once(place: Town, request_: Request) -> None:
    """Who comes while it is being done is told so."""
    answers = await asyncio.gather(*(ask(place, request_, "order-17") for _ in range(20)))
    assert 1 == await made(place)
    statuses = Counter(status for status, _ in answers)
    assert {200, 409} >= statuses.keys()
    assert 1 == len({str(answer) for status, answer in answers if status == 200})


@each_route
async def test_another_request_under_the_same_key_is_refused(
    place: Town, request_: Request
) -> None:
    await ask(place, request_, "order-17")
    status, answer = await ask(place, request_, "order-17", text="Bye")
    assert (422, "idempotency_key_reused") == (status, answer["error"])
    other = SESSION if request_ is not SESSION else MESSAGE
    assert 422 == (await ask(place, other, "order-17"))[0]
    assert 1 == await made(place)


async def test_what_was_refused_may_be_tried_again(place: Town) -> None:
    """Under the same key, once what stood in the way is gone."""
    store = place.gateway.application.services.store
    await store.execute("ZADD", keys.OPTOUTS, 1, f"+{BERT}")
    assert 409 == (await ask(place, MESSAGE, "order-17"))[0]
    await store.execute("ZREM", keys.OPTOUTS, f"+{BERT}")
    assert 200 == (await ask(place, MESSAGE, "order-17"))[0]


async def test_a_session_that_may_have_begun_is_not_begun_twice(place: Town) -> None:
    """The id of the first try is that of the second."""
    status, first = await ask(place, SESSION, "order-17")
    store = place.gateway.application.services.store
    [key] = await store.execute("KEYS", "idempotency:*")
    await store.execute("HSET", key, "state", "failed")
    again = await ask(place, SESSION, "order-17")
    assert (200, first["session_id"]) == (status, again[1]["session_id"])
    assert 1 == await made(place)


@pytest.mark.parametrize("key", [" ", "x" * 256, "ä", "a b"])
async def test_a_key_that_is_none_is_refused(place: Town, key: str) -> None:
    status, answer = await ask(place, (SESSION[0], SESSION[1] | {"participant_b": CARL}), key)
    assert (400, True) == (status, answer["message"].startswith("Idempotency-Key:"))


async def test_keys_are_forgotten_after_a_day(place: Town) -> None:
    await ask(place, SESSION, "order-17")
    store = place.gateway.application.services.store
    [key] = await store.execute("KEYS", "idempotency:*")
    assert 86_000_000 < await store.execute("PTTL", key) <= 86_400_000
    assert "order-17" not in key
