"""The same text to the same number is begun once, over all processes, whatever dies meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY

from gateway.errors import StoreUnavailable
from gateway.protection.limits.same_text import Attempt, SameTexts
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.support.visitor import eventually

NOWHERE = "redis://127.0.0.1:1"
NUMBER = "+4917612345678"
CONTENT = ("/message", "", "Get the app")
ANSWER = '{"status":"ok"}'


def remembering(
    store: Store, *, seconds: float = 60, lease: float = 30, watch: bool = False
) -> SameTexts:
    return SameTexts(store, seconds, lease=lease, watch=watch)


@pytest.fixture
def texts(store: Store) -> SameTexts:
    return remembering(store)


async def sent(
    texts: SameTexts, number: str = NUMBER, content: tuple[str, ...] = CONTENT
) -> Attempt:
    """Send a text that nobody has sent yet."""
    attempt = await texts.begin(number, *content)
    assert not attempt.is_repeat
    await texts.keep(attempt, ANSWER)
    return attempt


async def test_a_repeat_gets_the_first_ones_answer_and_id(texts: SameTexts) -> None:
    first = await sent(texts)
    repeat = await texts.begin(NUMBER, *CONTENT)
    assert repeat == await texts.wait(repeat)
    assert (first.id, ANSWER, True) == (repeat.id, repeat.answer, repeat.is_repeat)


OTHERS = {
    "another number": ("+4917612345679", CONTENT),
    "another endpoint": (NUMBER, ("/app", "", "Get the app")),
    "another sender": (NUMBER, ("/message", "Shop 1", "Get the app")),
    "another text": (NUMBER, ("/message", "", "Get the other app")),
    "the same words apart otherwise": (NUMBER, ("/message", "Get", " the app")),
}


@pytest.mark.parametrize(("number", "content"), OTHERS.values(), ids=OTHERS.keys())
async def test_what_differs_is_sent(
    texts: SameTexts, number: str, content: tuple[str, ...]
) -> None:
    ids = {(await sent(texts)).id, (await sent(texts, number, content)).id}
    assert 2 == len(ids)


async def test_what_failed_is_sent_when_it_is_asked_for_again(texts: SameTexts) -> None:
    first = await texts.begin(NUMBER, *CONTENT)
    await texts.free(first)
    assert not (await texts.begin(NUMBER, *CONTENT)).is_repeat


async def test_who_comes_while_the_first_is_under_way_waits_for_its_answer(
    stores: list[Store],
) -> None:
    processes = [remembering(each) for each in stores]
    first = await processes[0].begin(NUMBER, *CONTENT)

    async def repeat(process: SameTexts) -> Attempt:
        return await process.wait(await process.begin(NUMBER, *CONTENT))

    waiting = [asyncio.create_task(repeat(each)) for each in processes]
    await asyncio.sleep(0.1)
    assert not any(each.done() for each in waiting)
    await processes[0].keep(first, ANSWER)
    found = await asyncio.gather(*waiting)
    assert {(first.id, ANSWER)} == {(each.id, each.answer) for each in found}


async def test_when_the_first_fails_one_of_those_who_wait_is_the_next(stores: list[Store]) -> None:
    """The others wait for his answer."""
    processes = [remembering(each) for each in stores]
    first = await processes[0].begin(NUMBER, *CONTENT)
    begun: list[str] = []

    async def take_part(process: SameTexts) -> str:
        attempt = await process.wait(await process.begin(NUMBER, *CONTENT))
        if not attempt.is_repeat:
            begun.append(attempt.id)
            await process.keep(attempt, ANSWER)
        return attempt.id

    waiting = [asyncio.create_task(take_part(processes[n % 4])) for n in range(20)]
    await asyncio.sleep(0.1)
    await processes[0].free(first)
    answered = await asyncio.gather(*waiting)
    assert len(begun) == 1
    assert {*begun} == {*answered}


@pytest.mark.parametrize("wave", range(3))
async def test_of_200_at_four_processes_one_begins(stores: list[Store], wave: int) -> None:
    processes = [remembering(each) for each in stores]
    begun = await asyncio.gather(*(processes[n % 4].begin(NUMBER, *CONTENT) for n in range(200)))
    [first] = [each for each in begun if not each.is_repeat]
    assert {first.id} == {each.id for each in begun}


async def test_one_whose_process_died_is_sent_again_after_the_lease(store: Store) -> None:
    """By one of those who waited for it, and by nobody before."""
    texts = remembering(store, lease=0.4)
    lost = await texts.begin(NUMBER, *CONTENT)
    repeat = await texts.begin(NUMBER, *CONTENT)
    assert repeat.running
    found = await texts.wait(repeat)
    assert not found.is_repeat
    assert lost.id != found.id


async def test_who_waits_for_one_that_takes_too_long_gets_its_id(store: Store) -> None:
    """Its outcome is unknown; who died over the next one is not waited for again and again."""
    texts = remembering(store, lease=0.3)
    first = await remembering(store, lease=30).begin(NUMBER, *CONTENT)
    found = await texts.wait(await texts.begin(NUMBER, *CONTENT))
    assert (first.id, True, "") == (found.id, found.running, found.answer)


async def test_a_late_end_undoes_nothing_of_who_came_after(store: Store) -> None:
    texts = remembering(store)
    late = await texts.begin(NUMBER, *CONTENT)
    await store.execute("DEL", late.key)
    second = await texts.begin(NUMBER, *CONTENT)
    await texts.free(late)
    await texts.keep(late, "late")
    await texts.keep(second, ANSWER)
    repeat = await texts.begin(NUMBER, *CONTENT)
    assert (second.id, ANSWER) == (repeat.id, repeat.answer)


async def test_what_is_remembered_ends_with_its_seconds(store: Store) -> None:
    texts = remembering(store, seconds=0.3)
    await sent(texts)

    async def forgotten() -> bool:
        return not await store.execute("KEYS", "same-text:*")

    await eventually(forgotten)
    await sent(texts)


async def test_the_number_is_the_last_word_of_what_is_remembered(
    store: Store, texts: SameTexts
) -> None:
    """So that an erasure finds it; the words themselves are not in it."""
    await sent(texts)
    [key] = await store.execute("KEYS", "same-text:*")
    assert key.endswith("{" + NUMBER + "}")
    assert key == keys.same_text(key.split(":")[1], NUMBER)
    assert 0 < await store.execute("PTTL", key) <= 60_000


@pytest.mark.parametrize("seconds", [0, 0.0])
async def test_switched_off_nothing_is_asked_of_the_store(seconds: float) -> None:
    texts = remembering(connect(NOWHERE), seconds=seconds)
    first, second = await texts.begin(NUMBER, *CONTENT), await texts.begin(NUMBER, *CONTENT)
    await texts.keep(first, ANSWER)
    await texts.free(second)
    assert [False, False] == [first.is_repeat, second.is_repeat]
    assert first.id != second.id


async def test_without_the_store_nothing_is_begun() -> None:
    with pytest.raises(StoreUnavailable):
        await remembering(connect(NOWHERE)).begin(NUMBER, *CONTENT)


async def test_a_store_that_goes_away_undoes_no_message(texts: SameTexts) -> None:
    attempt = await texts.begin(NUMBER, *CONTENT)
    gone = remembering(connect(NOWHERE))
    await gone.keep(attempt, ANSWER)
    await gone.free(attempt)
    assert (await texts.begin(NUMBER, *CONTENT)).running


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("gateway_same_texts_total", {"result": result}) or 0


async def test_repeats_are_counted_once_they_are_answered(texts: SameTexts) -> None:
    before = counted("answered")
    await sent(texts)
    for _ in range(3):
        await texts.wait(await texts.begin(NUMBER, *CONTENT))
    assert 3 == counted("answered") - before


async def test_where_it_is_only_watched_repeats_are_counted_and_sent(store: Store) -> None:
    texts, before = remembering(store, watch=True), counted("sent")
    ids = {(await sent(texts)).id for _ in range(3)}
    assert 3 == len(ids)
    assert 2 == counted("sent") - before
