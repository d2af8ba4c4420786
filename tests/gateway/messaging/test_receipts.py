"""Receipts: in any order, repeated, early, for some parts: a message's life comes out right."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import ujson
from redis import asyncio as aioredis

from gateway.errors import StoreUnavailable
from gateway.messaging import receipts as receipts_module
from gateway.messaging.history import History, Message
from gateway.messaging.receipts import MOST_EVENTS, MOST_PARKED, Receipts
from gateway.messaging.status import Status
from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from gateway.store.script import Script

MESSAGE = "0123456789abcdef" * 2
SMS = Sms(MESSAGE, "+4917612345678", "Sender", "the text")
NOWHERE = "redis://127.0.0.1:1"
DAY_MS = 86_400_000


@pytest.fixture
def receipts(store: Store) -> Receipts:
    return Receipts(store, days=7)


@pytest.fixture
def history(store: Store, receipts: Receipts) -> History:
    return History(store, receipts, days=7)


def receipt(part: str, state: str, *, own_id: bool = True, **more: Any) -> Receipt:
    """Return a receipt; ``own_id``: whether it carries our id of the message."""
    client_ref = MESSAGE if own_id else ""
    return Receipt("nexmo", part, DeliveryState(state), client_ref=client_ref, **more)


def answer(*parts: str, outcome: Outcome = Outcome.ACCEPTED) -> SubmitResult:
    """Return the provider's answer; a part's name ends in ``!`` when it was refused."""
    states = [(p.rstrip("!"), "rejected" if p.endswith("!") else "accepted") for p in parts]
    taken = tuple(Part(part, DeliveryState(state)) for part, state in states)
    refused = any(part.endswith("!") for part in parts)
    return SubmitResult(Outcome.REFUSED if refused else outcome, taken)


async def create(receipts: Receipts, message_id: str = MESSAGE, expected: int = 1) -> None:
    sms = Sms(message_id, SMS.to, SMS.sender, SMS.text)
    await receipts.create(sms, provider="nexmo", source="/message/", expected=expected)


async def play(receipts: Receipts, steps: Iterable[str], *, own_id: bool = True) -> Sequence[str]:
    """Let things happen to the message; return what each receipt did.

    Steps: ``answer p1 p2!`` is the provider's answer, ``p1 delivered`` a receipt.
    """
    happened = []
    for step in steps:
        first, *rest = step.split()
        if first == "answer":
            await receipts.record(SMS, "nexmo", answer(*rest), 1)
        else:
            happened.append(await receipts.receive(receipt(first, rest[0], own_id=own_id)))
    return happened


async def shown(receipts: Receipts) -> str:
    """Return the message's status in words: delivery, whether it is final, parts."""
    status = await receipts.status(MESSAGE)
    assert status
    return f"{status.delivery} {'final' if status.final else 'open'} {status.parts}"


def in_any_order(*steps: str) -> list[Any]:
    """Return every order of ``steps`` as a case."""
    return [pytest.param(order, id=" > ".join(order)) for order in itertools.permutations(steps)]


with_or_without_our_id = pytest.mark.parametrize(
    "own_id", [True, False], ids=["our id", "their id"]
)


# -- one part ---------------------------------------------------------------------------------


@with_or_without_our_id
@pytest.mark.parametrize(
    "steps", in_any_order("answer p", "p accepted", "p buffered", "p delivered")
)
async def test_a_delivered_part_is_delivered_in_whatever_order_its_life_is_told(
    receipts: Receipts, steps: Sequence[str], own_id: bool
) -> None:
    await create(receipts)
    await play(receipts, steps, own_id=own_id)
    assert "delivered final 1" == await shown(receipts)


@with_or_without_our_id
@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], "unknown open 1"),
        (["answer p"], "accepted open 1"),
        (["answer p", "p accepted"], "accepted open 1"),
        (["answer p", "p buffered"], "buffered open 1"),
        (["answer p", "p buffered", "p accepted"], "buffered open 1"),
        (["answer p", "p unknown"], "unknown final 1"),
        (["answer p", "p unknown", "p buffered"], "unknown final 1"),
        (["answer p", "p unknown", "p delivered"], "delivered final 1"),
        (["answer p", "p delivered", "p unknown"], "delivered final 1"),
        (["answer p", "p unknown", "p failed"], "failed final 1"),
        (["answer p", "p delivered", "p failed"], "delivered final 1"),
        (["answer p", "p failed", "p delivered"], "failed final 1"),
        (["answer p", "p expired", "p rejected"], "expired final 1"),
        (["answer p", "p rejected", "p expired"], "rejected final 1"),
        (["answer p!"], "rejected final 1"),
        (["answer p!", "p delivered"], "rejected final 1"),
        (["p delivered", "p failed", "answer p"], "delivered final 1"),
        (["p failed", "answer p", "p delivered"], "failed final 1"),
        (["p unknown", "answer p", "p delivered"], "delivered final 1"),
    ],
    ids=lambda value: " > ".join(value) if isinstance(value, list) else None,
)
async def test_the_state_moves_forward_only_and_the_first_final_one_stays(
    receipts: Receipts, steps: list[str], expected: str, own_id: bool
) -> None:
    await create(receipts)
    await play(receipts, steps, own_id=own_id)
    assert expected == await shown(receipts)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(["answer p", "p delivered"], ["changed"], id="news"),
        pytest.param(
            ["answer p", "p delivered", "p delivered"], ["changed", "repeated"], id="repeat"
        ),
        pytest.param(
            ["answer p", "p delivered", "p buffered"], ["changed", "kept"], id="overtaken"
        ),
        pytest.param(["answer p", "p delivered", "p failed"], ["changed", "kept"], id="second end"),
        pytest.param(["p buffered", "p delivered"], ["changed", "changed"], id="before the answer"),
        pytest.param(["answer p", "q delivered"], ["foreign"], id="part of another message"),
    ],
)
async def test_receive_tells_what_a_receipt_did(
    receipts: Receipts, steps: list[str], expected: list[str]
) -> None:
    await create(receipts)
    assert expected == await play(receipts, steps)


@pytest.mark.parametrize(
    "last",
    [
        pytest.param("p delivered", id="repeat"),
        pytest.param("p buffered", id="overtaken"),
    ],
)
async def test_a_session_log_that_missed_a_state_is_told_it_by_the_next_receipt(
    store: Store, last: str
) -> None:
    """The store may fail between the two scripts; then the provider repeats the receipt."""
    told: list[tuple[str, str, str]] = []

    async def changed(session: str, message_id: str, state: str) -> None:
        told.append((session, message_id, state))
        if len(told) == 1:
            raise StoreUnavailable

    receipts = Receipts(store, days=7, changed=changed)
    await receipts.create(
        SMS, provider="nexmo", source="relay", expected=1, notes={"session": "5e55"}
    )
    await play(receipts, ["answer p"])
    with pytest.raises(StoreUnavailable):
        await play(receipts, ["p delivered"])
    await play(receipts, [last])
    assert [("5e55", MESSAGE, "delivered")] * 2 == told


@pytest.mark.parametrize(
    ("source", "kept"), [("relay", ""), ("chat", ""), ("notice", "the text"), ("admin", "the text")]
)
async def test_a_record_keeps_no_text_of_a_participant(
    store: Store, history: History, source: str, kept: str
) -> None:
    """What the gateway itself says in a session holds nothing private."""
    session = "" if source == "admin" else "5e55"
    receipts = Receipts(store, days=7)
    await receipts.create(
        SMS, provider="nexmo", source=source, expected=1, notes={"session": session}
    )
    message = await history.message(MESSAGE)
    assert message is not None
    assert (kept, session) == (message.text, message.session)


async def test_which_messages_have_a_record_is_known(receipts: Receipts) -> None:
    await create(receipts)
    assert frozenset({MESSAGE}) == await receipts.known([MESSAGE, "0" * 32])
    assert frozenset() == await receipts.known([])


async def test_a_receipt_for_a_part_of_another_message_tells_no_session_log(store: Store) -> None:
    async def changed(session: str, message_id: str, state: str) -> None:
        raise AssertionError(state)

    receipts = Receipts(store, days=7, changed=changed)
    await receipts.create(
        SMS, provider="nexmo", source="relay", expected=1, notes={"session": "5e55"}
    )
    assert ["foreign"] == await play(receipts, ["answer p", "q failed"])


async def test_100_repeats_at_once_change_the_message_once(redis_url: str) -> None:
    stores = [connect(redis_url) for _ in range(3)]
    processes = [Receipts(store, days=7) for store in stores]
    await create(processes[0])
    await play(processes[0], ["answer p"])
    repeats = (processes[n % 3].receive(receipt("p", "delivered")) for n in range(100))
    happened = await asyncio.gather(*repeats)
    assert {"changed": 1, "repeated": 99} == {each: happened.count(each) for each in set(happened)}
    await asyncio.gather(*(store.close() for store in stores))


# -- several parts ----------------------------------------------------------------------------

TWO_PARTS = in_any_order("answer p q", "p buffered", "p delivered", "q failed")


@with_or_without_our_id
@pytest.mark.parametrize("steps", TWO_PARTS)
async def test_a_message_of_two_parts_fails_when_one_of_them_does_in_any_interleaving(
    receipts: Receipts, steps: Sequence[str], own_id: bool
) -> None:
    await create(receipts, expected=2)
    await play(receipts, steps, own_id=own_id)
    assert "failed final 2" == await shown(receipts)


@with_or_without_our_id
@pytest.mark.parametrize("steps", TWO_PARTS)
async def test_everything_told_twice_comes_to_the_same(
    receipts: Receipts, history: History, steps: Sequence[str], own_id: bool
) -> None:
    await create(receipts, expected=2)
    await play(receipts, [step for step in steps for _ in range(2)], own_id=own_id)
    await play(receipts, steps, own_id=own_id)
    assert "failed final 2" == await shown(receipts)
    message = await history.message(MESSAGE)
    assert message
    assert 4 == len(message.events)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(["answer p q", "p delivered"], "accepted open 2", id="one to come"),
        pytest.param(["answer p q", "p buffered"], "buffered open 2", id="one buffered"),
        pytest.param(["answer p q", "p failed"], "accepted open 2", id="one failed, one to come"),
        pytest.param(
            ["answer p q", "p delivered", "q delivered"], "delivered final 2", id="all delivered"
        ),
        pytest.param(
            ["answer p q", "p expired", "q failed"], "failed final 2", id="failed before expired"
        ),
        pytest.param(
            ["answer p q", "p expired", "q rejected"], "rejected final 2", id="rejected first"
        ),
        pytest.param(
            ["answer p q", "p unknown", "q expired"], "expired final 2", id="expired first"
        ),
        pytest.param(
            ["answer p q", "p unknown", "q delivered"], "unknown final 2", id="one unknown"
        ),
        pytest.param(["answer p q!"], "accepted open 2", id="one refused"),
        pytest.param(["answer p q!", "p delivered"], "rejected final 2", id="partial failure"),
        pytest.param(["p delivered", "answer p q!"], "rejected final 2", id="… told early"),
        pytest.param(["answer p! q!"], "rejected final 2", id="all refused"),
        pytest.param(["answer p q", "x delivered", "y delivered"], "accepted open 2", id="foreign"),
        pytest.param(["x delivered", "y delivered", "answer p q"], "accepted open 2", id="… early"),
        pytest.param(
            ["x failed", "answer p q", "p delivered", "q delivered"],
            "delivered final 2",
            id="… early and worse",
        ),
    ],
)
async def test_a_message_is_what_the_parts_that_the_provider_named_are_together(
    receipts: Receipts, steps: list[str], expected: str
) -> None:
    await create(receipts, expected=2)
    await play(receipts, steps)
    assert expected == await shown(receipts)


# -- answers that name no part ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "steps", "expected"),
    [
        (Outcome.UNKNOWN, [], "unknown open 2"),
        (Outcome.UNKNOWN, ["p delivered"], "unknown open 2"),
        (Outcome.UNKNOWN, ["p delivered", "q delivered"], "delivered final 2"),
        (Outcome.UNKNOWN, ["p delivered", "q failed"], "failed final 2"),
        (Outcome.UNKNOWN, ["p delivered", "q delivered", "r failed"], "failed final 3"),
        (Outcome.REFUSED, [], "rejected final 2"),
        (Outcome.THROTTLED, [], "failed final 2"),
        (Outcome.NOT_SENT, [], "failed final 2"),
    ],
    ids=str,
)
@pytest.mark.parametrize("early", [False, True], ids=["answer first", "receipts first"])
async def test_parts_of_an_unanswered_message_are_learned_from_its_receipts(
    receipts: Receipts, outcome: Outcome, steps: list[str], expected: str, early: bool
) -> None:
    await create(receipts, expected=2)
    if early:
        await play(receipts, steps)
    await receipts.record(SMS, "nexmo", SubmitResult(outcome), 1)
    if not early:
        await play(receipts, steps)
    assert expected == await shown(receipts)


# -- the provider's answer --------------------------------------------------------------------


async def everything(store: Store) -> dict[str, Any]:
    """Return all that is kept of the message, as it lies in the store."""
    names = [keys.message(MESSAGE), keys.message_events(MESSAGE)]
    return {name: await store.execute("HGETALL", name) for name in names} | {
        "part": await store.execute("GET", keys.part("nexmo", "p")),
        "parked": await store.execute("LRANGE", keys.parked("nexmo", "p"), 0, -1),
        "messages": await store.execute("ZRANGE", keys.MESSAGES, 0, -1),
    }


@pytest.mark.parametrize("before", [[], ["p buffered"], ["p delivered"]], ids=str)
async def test_the_same_answer_written_down_twice_changes_nothing(
    store: Store, receipts: Receipts, before: list[str]
) -> None:
    await create(receipts)
    await play(receipts, [*before, "answer p"])
    once = await everything(store)
    await play(receipts, ["answer p"])
    assert once == await everything(store)


async def test_an_answer_to_a_message_whose_life_is_over_brings_no_record_back(
    receipts: Receipts,
) -> None:
    await play(receipts, ["answer p"])
    assert await receipts.status(MESSAGE) is None


async def test_the_life_of_a_message_tells_what_was_sent_and_what_became_of_it(
    receipts: Receipts, history: History
) -> None:
    await create(receipts)
    result = SubmitResult(
        Outcome.REFUSED,
        (Part("p", DeliveryState.ACCEPTED), Part("q", DeliveryState.REJECTED)),
        code="9",
        text="Partner quota exceeded",
        price="0.0333",
        network="26201",
    )
    await receipts.record(SMS, "nexmo", result, 2)
    fields = {"err-code": "0", "status": "delivered"}
    await receipts.receive(receipt("p", "delivered", error_code="0", fields=fields))
    message = await history.message(MESSAGE)
    assert message
    told, receipted = message.events
    assert ("answer", "refused", 2) == (told.kind, told.facts["outcome"], told.facts["attempts"])
    assert ("receipt", {"part": "p", **fields}) == (receipted.kind, receipted.facts)
    assert told.at <= receipted.at
    assert abs(message.created - told.at) < 60_000
    assert message == Message(
        id=MESSAGE,
        to="+4917612345678",
        created=message.created,
        status=Status(DeliveryState.REJECTED, final=True, parts=2),
        attempts=2,
        sender="Sender",
        text="the text",
        provider="nexmo",
        source="/message/",
        session="",
        outcome="refused",
        code="9",
        error="Partner quota exceeded",
        price="0.0333",
        network="26201",
        events=message.events,
    )


@pytest.mark.parametrize("open_state", [DeliveryState.UNKNOWN, DeliveryState.ACCEPTED])
@pytest.mark.parametrize("early", [0, 1, 2])
async def test_a_part_that_the_answer_does_not_name_is_named_by_its_receipt(
    receipts: Receipts, open_state: DeliveryState, early: int
) -> None:
    """And only so many strangers are let in as parts are without a name."""
    outcome = Outcome.UNKNOWN if open_state is DeliveryState.UNKNOWN else Outcome.ACCEPTED
    named_and_not = SubmitResult(outcome, (Part("p", DeliveryState.ACCEPTED), Part("", open_state)))
    steps = ["p delivered", "x delivered"]
    await create(receipts)
    await play(receipts, steps[:early])
    await receipts.record(SMS, "nexmo", named_and_not, 1)
    await play(receipts, steps[early:])
    assert "delivered final 2" == await shown(receipts)
    assert ["foreign"] == await play(receipts, ["y failed"])


async def test_a_parked_receipt_of_another_release_does_not_stop_the_others(
    store: Store, receipts: Receipts
) -> None:
    await create(receipts)
    await play(receipts, ["p delivered"], own_id=False)
    key = keys.parked("nexmo", "p")
    parked = ujson.loads(await store.execute("LINDEX", key, 0))
    await store.execute("LPUSH", key, ujson.dumps(parked | {"state": "teleported"}))
    await store.execute("RPUSH", key, ujson.dumps(parked | {"of_a_later_release": 1}))
    await store.execute("LPUSH", key, "[]")
    await play(receipts, ["answer p"])
    assert "delivered final 1" == await shown(receipts)
    assert 0 == await store.execute("EXISTS", key)


# -- receipts that come too early -------------------------------------------------------------


async def test_a_receipt_without_our_id_is_parked_until_the_answer_names_its_part(
    store: Store, receipts: Receipts
) -> None:
    await create(receipts)
    assert ["parked"] == await play(receipts, ["p delivered"], own_id=False)
    assert "unknown open 1" == await shown(receipts)
    await play(receipts, ["answer p"])
    assert "delivered final 1" == await shown(receipts)
    assert 0 == await store.execute("EXISTS", keys.parked("nexmo", "p"))


@with_or_without_our_id
async def test_a_receipt_for_a_message_that_is_not_written_down_is_parked(
    store: Store, receipts: Receipts, own_id: bool
) -> None:
    assert ["parked"] * 2 == await play(receipts, ["p delivered"] * 2, own_id=own_id)
    assert 1 == await store.execute("LLEN", keys.parked("nexmo", "p"))


@with_or_without_our_id
async def test_a_receipt_with_an_id_that_is_none_of_ours_is_taken_by_its_part(
    receipts: Receipts, own_id: bool
) -> None:
    await create(receipts)
    await play(receipts, ["answer p"])
    stranger = Receipt(
        "nexmo", "p", DeliveryState.DELIVERED, client_ref="f" * 32 if own_id else "x"
    )
    assert "changed" == await receipts.receive(stranger)
    assert "delivered final 1" == await shown(receipts)


async def test_no_more_receipts_are_parked_than_a_part_can_have(
    store: Store, receipts: Receipts
) -> None:
    for number in range(MOST_PARKED + 5):
        one = receipt("p", "buffered", own_id=False, carrier_time=str(number))
        assert "parked" == await receipts.receive(one)
    assert MOST_PARKED == await store.execute("LLEN", keys.parked("nexmo", "p"))


async def stopped_before_the_parked_receipts_were_applied(store: Store, *parts: str) -> None:
    """Write the answer down as a process does that ends between its two scripts."""
    states = [item for part in parts for item in (part, "1 accepted")]
    await store.run(
        Script.load(receipts_module.__file__, "message_result"),
        [keys.message(MESSAGE), keys.message_events(MESSAGE)],
        ["answer", '{"at": 1, "event": "answer"}', 1, "parts", len(parts), *states],
    )
    for part in parts:
        named = [keys.part("nexmo", part), keys.parked("nexmo", part)]
        await store.run(Script.load(receipts_module.__file__, "part_map"), named, [MESSAGE, DAY_MS])


async def test_a_receipt_that_a_crash_left_parked_is_joined_at_the_next_look(
    store: Store, receipts: Receipts
) -> None:
    await create(receipts, expected=2)
    await play(receipts, ["p delivered", "q failed"], own_id=False)
    await stopped_before_the_parked_receipts_were_applied(store, "p", "q")
    assert 2 == await store.execute("EXISTS", keys.parked("nexmo", "p"), keys.parked("nexmo", "q"))
    assert "failed final 2" == await shown(receipts)
    assert 0 == await store.execute("EXISTS", keys.parked("nexmo", "p"), keys.parked("nexmo", "q"))


class Interrupted(Store):
    """A store at which another process parks a receipt right after the parked ones are read."""

    async def execute(self, *command: Any) -> Any:
        reply = await super().execute(*command)
        if command[0] == "LRANGE":
            late = receipt("p", "delivered", own_id=False)
            await Receipts(self, days=7).receive(late)
        return reply


async def test_a_receipt_that_is_parked_while_others_are_joined_is_not_lost(
    redis_url: str, receipts: Receipts, store: Store
) -> None:
    await create(receipts)
    await play(receipts, ["p buffered"], own_id=False)
    await stopped_before_the_parked_receipts_were_applied(store, "p")
    await store.execute("DEL", keys.part("nexmo", "p"))  # it ended even before it named the part
    client = aioredis.Redis.from_url(redis_url, decode_responses=True, protocol=2)
    interrupted = Interrupted(client)
    assert "buffered open 1" == await shown(Receipts(interrupted, days=7))
    await interrupted.close()
    assert "delivered final 1" == await shown(receipts)


async def test_a_part_that_outlived_its_message_belongs_to_nothing(
    store: Store, receipts: Receipts
) -> None:
    await create(receipts)
    await play(receipts, ["answer p"])
    await store.execute("DEL", keys.message(MESSAGE), keys.message_events(MESSAGE))
    assert ["foreign"] == await play(receipts, ["p delivered"], own_id=False)
    assert ["foreign"] == await play(receipts, ["p delivered"], own_id=True)
    assert await receipts.status(MESSAGE) is None


# -- events -----------------------------------------------------------------------------------


async def test_every_event_is_kept_once(receipts: Receipts, history: History) -> None:
    await create(receipts)
    await play(receipts, ["p buffered", "answer p", "p delivered", "p buffered", "p failed"])
    message = await history.message(MESSAGE)
    assert message
    assert ["receipt", "answer", "receipt", "receipt"] == [each.kind for each in message.events]


@pytest.mark.parametrize(
    ("more", "events"),
    [
        pytest.param({}, 1, id="all the same"),
        pytest.param({"fields": {"scts": "2611210101"}}, 1, id="other words for the same"),
        pytest.param({"carrier_time": "2611210101"}, 2, id="another time"),
        pytest.param({"error_code": "6"}, 2, id="another error"),
    ],
)
async def test_events_are_told_apart_by_part_state_error_and_time(
    receipts: Receipts, history: History, more: dict[str, Any], events: int
) -> None:
    await create(receipts)
    await receipts.receive(receipt("p", "failed"))
    await receipts.receive(receipt("p", "failed", **more))
    message = await history.message(MESSAGE)
    assert message
    assert events == len(message.events)


async def test_a_provider_gone_wrong_fills_no_store_and_hides_no_delivery(
    store: Store, receipts: Receipts
) -> None:
    await create(receipts)
    await play(receipts, ["answer p"])
    flood = (receipt("p", "buffered", carrier_time=str(n)) for n in range(MOST_EVENTS + 50))
    await asyncio.gather(*map(receipts.receive, flood))
    assert "changed" == await receipts.receive(receipt("p", "delivered"))
    assert "delivered final 1" == await shown(receipts)
    assert MOST_EVENTS == await store.execute("HLEN", keys.message_events(MESSAGE))


# -- lifetimes --------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 7, 30])
async def test_a_message_and_all_that_belongs_to_it_live_for_the_days_of_the_log(
    store: Store, days: int
) -> None:
    receipts = Receipts(store, days=days)
    await create(receipts)
    await play(receipts, ["answer p", "p delivered"])
    for key in (
        keys.message(MESSAGE),
        keys.message_events(MESSAGE),
        keys.part("nexmo", "p"),
        keys.MESSAGES,
    ):
        assert (days - 0.001) * DAY_MS < await store.execute("PTTL", key) <= days * DAY_MS, key


async def test_an_event_before_the_answer_does_not_outlive_the_message(
    store: Store, receipts: Receipts
) -> None:
    await create(receipts)
    await play(receipts, ["p buffered"])
    life = await store.execute("PTTL", keys.message(MESSAGE))
    assert 0 < await store.execute("PTTL", keys.message_events(MESSAGE)) <= life


async def test_a_parked_receipt_waits_for_48_hours(store: Store, receipts: Receipts) -> None:
    await play(receipts, ["p delivered"], own_id=False)
    assert 1.999 * DAY_MS < await store.execute("PTTL", keys.parked("nexmo", "p")) <= 2 * DAY_MS


# -- what is no message -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "message_id",
    ["", "junk", "0" * 31, "0" * 33, "g" * 32, "A" * 32, "0" * 31 + "\n", "٣" * 32, "\ud800"],
)
async def test_junk_for_an_id_is_unknown_without_asking_the_store(message_id: str) -> None:
    nowhere = connect(NOWHERE)
    receipts = Receipts(nowhere, days=7)
    assert await receipts.status(message_id) is None
    assert await History(nowhere, receipts, days=7).message(message_id) is None


async def test_an_id_that_was_never_given_out_is_unknown(
    receipts: Receipts, history: History
) -> None:
    assert await receipts.status(MESSAGE) is None
    assert await history.message(MESSAGE) is None


async def test_without_the_store_nothing_is_taken_for_done() -> None:
    receipts = Receipts(connect(NOWHERE), days=7)
    for call in (
        create(receipts),
        receipts.record(SMS, "nexmo", answer("p"), 1),
        receipts.receive(receipt("p", "delivered")),
        receipts.status(MESSAGE),
    ):
        with pytest.raises(StoreUnavailable):
            await call
