"""The messages that went out: listed page by page, found by number, told step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import pytest

from gateway.errors import StoreUnavailable, UnknownPlace
from gateway.messaging import receipts as receipts_module
from gateway.messaging.history import FEW, History, Message
from gateway.messaging.receipts import MOST_OF_A_NUMBER, Receipts
from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect
from gateway.store.script import Script
from tests.support.visitor import eventually

NUMBER, OTHER = "+4917612345678", "+12065550123"
NOWHERE = "redis://127.0.0.1:1"
DAY_MS = 86_400_000

ReadPage = Callable[[int, str], Awaitable[Page[Message]]]


class Gateway:
    """What one process writes messages down with, and reads them."""

    def __init__(self, url: str, *, days: float = 7) -> None:
        self.store = connect(url)
        self.receipts = Receipts(self.store, days=days)
        self.log = History(self.store, self.receipts, days=days)

    async def create(self, *numbers: int, to: str = NUMBER) -> None:
        """Write messages down, one after the other."""
        for number in numbers:
            sms = Sms(message_id(number), to, "Sender", "the text")
            await self.receipts.create(sms, provider="nexmo", source="/message/", expected=1)

    def reader(self, kind: str) -> ReadPage:
        """Return what reads a list: of all messages, or of those to NUMBER."""
        if kind == "all":
            return self.log.messages
        return lambda limit, after: self.log.messages_of(NUMBER, limit, after)

    async def indexed(self, to: str = NUMBER) -> list[int]:
        """Return which messages the index of a number names, the oldest first."""
        ids = await self.store.execute("ZRANGE", keys.messages_of(to), 0, -1)
        return [int(each, 16) for each in ids]


def message_id(number: int) -> str:
    """Messages of one millisecond are listed by their ids, which rise as well."""
    return f"{number:032x}"


def numbers(page: Page[Message]) -> list[int]:
    """Return which messages stand on a page."""
    return [int(each.id, 16) for each in page.items]


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    made = Gateway(redis_url)
    yield made
    await made.store.close()


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Gateway]:
    """A second process."""
    made = Gateway(redis_url)
    yield made
    await made.store.close()


@pytest.fixture(params=["all", "of a number"])
def read(request: pytest.FixtureRequest, gateway: Gateway) -> ReadPage:
    """Both lists are read alike."""
    return gateway.reader(request.param)


async def pages(read: ReadPage, limit: int) -> list[list[int]]:
    """Return what stands on each page, as a reader walks them."""
    found: list[list[int]] = []
    after: str | None = ""
    while after is not None:
        page = await read(limit, after)
        found.append(numbers(page))
        after = page.next
    return found


# -- paging -----------------------------------------------------------------------------------


async def test_the_list_is_empty_at_first(read: ReadPage) -> None:
    assert Page(0, [], None) == await read(10, "")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (3, [[6, 5, 4], [3, 2, 1], [0]]),
        (6, [[6, 5, 4, 3, 2, 1], [0]]),
        (7, [[6, 5, 4, 3, 2, 1, 0]]),
        (8, [[6, 5, 4, 3, 2, 1, 0]]),
    ],
)
async def test_the_list_goes_page_by_page_from_the_newest_to_the_oldest(
    gateway: Gateway, read: ReadPage, limit: int, expected: list[list[int]]
) -> None:
    await gateway.create(*range(7))
    assert expected == await pages(read, limit)
    assert 7 == (await read(limit, "")).total


async def test_a_message_that_comes_in_meanwhile_shifts_no_page(
    gateway: Gateway, read: ReadPage
) -> None:
    await gateway.create(0, 1, 2, 3)
    first = await read(2, "")
    assert message_id(2) == first.next
    await gateway.create(9)
    second = await read(2, first.next or "")
    assert [3, 2, 1, 0] == numbers(first) + numbers(second)
    assert second.next is None


@pytest.mark.parametrize("after", ["f" * 32, "junk", "\ud800", " ", "F" * 32])
async def test_a_page_after_no_message_is_refused(
    gateway: Gateway, read: ReadPage, after: str
) -> None:
    await gateway.create(1)
    with pytest.raises(UnknownPlace, match="after"):
        await read(10, after)


@pytest.mark.parametrize("gone", [[6], [5], [4, 3], [0], [6, 5, 4]], ids=str)
async def test_records_that_are_gone_are_left_out_and_break_no_paging(
    gateway: Gateway, read: ReadPage, gone: list[int]
) -> None:
    """As they are for a moment when their life ends, or when a store had to drop them."""
    await gateway.create(*range(7))
    for each in gone:
        await gateway.store.execute("DEL", keys.message(message_id(each)))
    expected = [[6, 5, 4], [3, 2, 1], [0]]
    assert [[n for n in page if n not in gone] for page in expected] == await pages(read, 3)


@pytest.mark.parametrize("kind", ["all", "of a number"])
async def test_messages_whose_life_is_over_leave_the_list(redis_url: str, kind: str) -> None:
    short, long = Gateway(redis_url, days=0.3 / 86_400), Gateway(redis_url, days=1)
    await short.create(1)
    await long.create(2)
    read_short, read_long = short.reader(kind), long.reader(kind)

    async def over() -> bool:
        return (await read_short(10, "")).total == 0

    await eventually(over)
    assert [1, 2] == await long.indexed()
    assert [2] == numbers(await read_long(10, ""))
    await short.create(3)
    assert [3] == await short.indexed()
    assert [message_id(3)] == await short.store.execute("ZRANGE", keys.MESSAGES, 0, -1)
    await asyncio.gather(short.store.close(), long.store.close())


@pytest.mark.parametrize("kind", ["all", "of a number"])
async def test_without_the_store_nothing_is_shown(kind: str) -> None:
    nowhere = Gateway(NOWHERE)
    with pytest.raises(StoreUnavailable):
        await nowhere.reader(kind)(10, "")
    with pytest.raises(StoreUnavailable):
        await nowhere.log.message(message_id(1))


# -- by number --------------------------------------------------------------------------------


async def test_a_number_finds_its_own_messages_whichever_process_sent_them(
    gateway: Gateway, other: Gateway
) -> None:
    await gateway.create(1)
    await other.create(2)
    await gateway.create(3, to=OTHER)
    await other.create(4)
    for each in (gateway, other):
        assert [4, 2, 1] == numbers(await each.log.messages_of(NUMBER, 10, ""))
        assert [3] == numbers(await each.log.messages_of(OTHER, 10, ""))
        assert [4, 3, 2, 1] == numbers(await each.log.messages(10, ""))
        assert [] == numbers(await each.log.messages_of("+61491570156", 10, ""))


async def test_a_message_of_another_number_is_no_place_to_go_on(gateway: Gateway) -> None:
    await gateway.create(1)
    await gateway.create(2, to=OTHER)
    with pytest.raises(UnknownPlace, match="after"):
        await gateway.log.messages_of(NUMBER, 10, message_id(2))


async def test_100_messages_at_once_from_two_processes_are_all_found(
    gateway: Gateway, other: Gateway
) -> None:
    await asyncio.gather(*((gateway, other)[n % 2].create(n) for n in range(100)))
    assert set(range(100)) == set(await gateway.indexed())
    assert 100 == (await other.log.messages_of(NUMBER, 1, "")).total


async def test_a_message_that_is_tried_again_is_listed_once(gateway: Gateway) -> None:
    await gateway.create(1, 2)
    await gateway.create(1)
    assert [2, 1] == numbers(await gateway.log.messages_of(NUMBER, 10, ""))


async def test_the_oldest_beyond_the_most_are_found_by_number_no_more(gateway: Gateway) -> None:
    await asyncio.gather(*(gateway.create(n) for n in range(MOST_OF_A_NUMBER)))
    kept = await gateway.indexed()
    await gateway.create(*range(5000, 5003))
    assert [*kept[3:], 5000, 5001, 5002] == await gateway.indexed()
    assert MOST_OF_A_NUMBER == (await gateway.log.messages_of(NUMBER, 1, "")).total
    assert MOST_OF_A_NUMBER + 3 == (await gateway.log.messages(1, "")).total
    assert await gateway.log.message(message_id(kept[0]))


@pytest.mark.parametrize("days", [1, 7, 30])
async def test_the_index_of_a_number_lives_as_long_as_its_last_message(
    redis_url: str, days: int
) -> None:
    gateway = Gateway(redis_url, days=days)
    await gateway.create(1)
    left = await gateway.store.execute("PTTL", keys.messages_of(NUMBER))
    assert (days - 0.001) * DAY_MS < left <= days * DAY_MS
    await gateway.store.close()


# -- erasure ----------------------------------------------------------------------------------


async def everything(store: Store) -> list[str]:
    """Return every key that there is."""
    return sorted(await store.execute("KEYS", "*"))


async def test_forgotten_messages_leave_nothing_behind(gateway: Gateway) -> None:
    await gateway.create(1, 2)
    await gateway.create(3, to=OTHER)
    answer = SubmitResult(Outcome.ACCEPTED)
    for number in (1, 2):
        await gateway.receipts.record(sms_of(number), "nexmo", answer, 1)
    await gateway.receipts.forget(map(message_id, (1, 2)))
    assert [keys.message(message_id(3)), keys.MESSAGES, keys.messages_of(OTHER)] == (
        await everything(gateway.store)
    )
    assert [3] == numbers(await gateway.log.messages(10, ""))


@pytest.mark.parametrize(
    ("forgotten", "left"),
    [
        pytest.param([], [3, 2, 1], id="nothing"),
        pytest.param([2], [3, 1], id="one of three"),
        pytest.param([2, 2], [3, 1], id="twice the same"),
        pytest.param([9], [3, 2, 1], id="an unknown one"),
        pytest.param([3, 9, 1], [2], id="known and unknown"),
    ],
)
async def test_the_index_of_a_number_forgets_the_same_messages(
    gateway: Gateway, forgotten: list[int], left: list[int]
) -> None:
    await gateway.create(1, 2, 3)
    for _ in range(2):
        await gateway.receipts.forget(map(message_id, forgotten))
    assert left == numbers(await gateway.log.messages_of(NUMBER, 10, ""))
    assert left[::-1] == await gateway.indexed()


# -- the life of one --------------------------------------------------------------------------


def sms_of(number: int) -> Sms:
    return Sms(message_id(number), NUMBER, "Sender", "the text")


async def steps(gateway: Gateway, number: int = 1) -> list[str]:
    """Return the steps of a message in words."""
    message = await gateway.log.message(message_id(number))
    assert message
    assert sorted(each.at for each in message.events) == [each.at for each in message.events]
    return [
        f"answer {each.facts['attempts']} {each.facts['outcome']}"
        if each.kind == "answer"
        else f"receipt {each.facts['part']} {each.facts['status']}"
        for each in message.events
    ]


async def play(gateway: Gateway, told: Iterable[str]) -> None:
    """Let things happen: ``answer <attempt> <outcome>`` or ``receipt <part> <state>``."""
    for each in told:
        kind, what, state = each.split()
        if kind == "answer":
            parts = (Part("p", DeliveryState.ACCEPTED), Part("q", DeliveryState.ACCEPTED))
            result = SubmitResult(Outcome(state), parts if state == "accepted" else ())
            again = state == "throttled"
            await gateway.receipts.record(sms_of(1), "nexmo", result, int(what), open_still=again)
        else:
            receipt = Receipt(
                "nexmo", what, DeliveryState(state), message_id(1), fields={"status": state}
            )
            await gateway.receipts.receive(receipt)


@pytest.mark.parametrize(
    "told",
    [
        ["answer 1 accepted", "receipt p buffered", "receipt q delivered", "receipt p delivered"],
        ["answer 1 throttled", "answer 2 throttled", "answer 3 accepted", "receipt p delivered"],
        ["receipt p delivered", "answer 1 accepted", "receipt q failed"],
    ],
    ids=["sent at once", "sent at the third try", "a receipt before the answer"],
)
async def test_the_life_of_a_message_tells_its_steps_in_order_of_time(
    gateway: Gateway, told: list[str]
) -> None:
    await gateway.create(1)
    await play(gateway, told)
    shown = [each.replace("throttled", "pending") for each in told]
    assert shown == await steps(gateway)


async def test_what_a_crash_left_parked_is_joined_in_the_list_of_messages_too(
    gateway: Gateway, read: ReadPage
) -> None:
    await gateway.create(1)
    await gateway.receipts.receive(Receipt("nexmo", "p", DeliveryState.DELIVERED))
    # The answer, written down by a process that ended before it applied what was parked.
    record = [keys.message(message_id(1)), keys.message_events(message_id(1))]
    told = '{"at": 1, "event": "answer"}'
    event: list[str | int] = ["answer", told, 1, "parts", 1, "p", "1 accepted"]
    await gateway.store.run(Script.load(receipts_module.__file__, "message_result"), record, event)
    part = [keys.part("nexmo", "p"), keys.parked("nexmo", "p")]
    await gateway.store.run(
        Script.load(receipts_module.__file__, "part_map"), part, [message_id(1), DAY_MS]
    )
    # Who only reads the log, as a rehearsal does, leaves it to others.
    assert [1] == [len(some) async for some in gateway.log.since(0)]
    assert 1 == await gateway.store.execute("EXISTS", keys.parked("nexmo", "p"))
    [listed] = (await read(10, "")).items
    assert DeliveryState.DELIVERED is listed.status.delivery


# -- found by an id ---------------------------------------------------------------------------

UPPER = f"{0xAB:032X}"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        pytest.param(message_id(0xAB), 0xAB, id="our id"),
        pytest.param(UPPER, 0xAB, id="in capitals"),
        pytest.param("0A00000012345678", 0xAB, id="their id of a part"),
        pytest.param("mdr2-0123456789abcdef", 0xCD, id="of another provider"),
        pytest.param(message_id(0xEF), None, id="unknown"),
        pytest.param("0A00000012345679", None, id="unknown part"),
        pytest.param("0A00 000012345678", None, id="no id"),
        pytest.param("short", None, id="too short"),
        pytest.param("", None, id="nothing"),
    ],
)
async def test_an_id_of_ours_or_of_a_provider_finds_its_message(
    gateway: Gateway, written: str, found: int | None
) -> None:
    await gateway.create(0xAB, 0xCD)
    for number, provider, part in (
        (0xAB, "nexmo", "0A00000012345678"),
        (0xCD, "flowroute", "mdr2-0123456789abcdef"),
    ):
        sms = Sms(message_id(number), NUMBER, "Sender", "the text")
        parts = (Part(part, DeliveryState.ACCEPTED),)
        await gateway.receipts.record(sms, provider, SubmitResult(Outcome.ACCEPTED, parts), 1)
    expected = "" if found is None else message_id(found)
    assert expected == await gateway.log.find(written, ["nexmo", "flowroute", "smssync:hall"])


# -- all of a time ---------------------------------------------------------------------------

# When messages were made (ms), in their order.
MOMENTS = {
    "none": [],
    "one": [5],
    "each at its own time": list(range(3 * FEW)),
    "all at once": [7] * (2 * FEW + 3),
    "many at once, some before and after": [*range(FEW - 2), *[FEW] * FEW, FEW + 1],
    "as many as are read at once": list(range(FEW)),
    "pairs": [n // 2 for n in range(FEW + 7)],
}


@pytest.mark.parametrize("begin", [0, 7, FEW])
@pytest.mark.parametrize("moments", MOMENTS.values(), ids=MOMENTS)
async def test_all_since_a_moment_come_once_and_in_their_order(
    store: Store, moments: list[int], begin: int
) -> None:
    made = [(message_id(n), at) for n, at in enumerate(moments)]
    await asyncio.gather(
        *(store.execute("ZADD", keys.MESSAGES, at, each) for each, at in made),
        *(
            store.execute("HSET", keys.message(each), "to", NUMBER, "created", at)
            for each, at in made
        ),
    )
    history = History(store, Receipts(store, days=7), days=7)
    found = [each async for some in history.since(begin) for each in some]
    assert [each for each in made if each[1] >= begin] == [(x.id, x.created) for x in found]


async def test_what_is_gone_of_the_list_is_left_out(store: Store) -> None:
    await store.execute("ZADD", keys.MESSAGES, 1, message_id(1), 2, message_id(2))
    await store.execute("HSET", keys.message(message_id(2)), "to", NUMBER, "created", 2)
    history = History(store, Receipts(store, days=7), days=7)
    assert [message_id(2)] == [each.id async for some in history.since(0) for each in some]


@pytest.mark.parametrize(("place", "moment"), [(0, 3), (1, 2), (2, 1), (3, 0)])
async def test_the_moment_of_a_place_in_the_list_is_told(
    store: Store, place: int, moment: int
) -> None:
    for n in (1, 2, 3):
        await store.execute("ZADD", keys.MESSAGES, n, message_id(n))
    history = History(store, Receipts(store, days=7), days=7)
    assert moment == await history.moment_of(place)
