"""Delivery receipts, in any order and form, lead to the right ``/status/``, seen from outside."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator

import pytest

from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.delivery_receipts import WAYS, deliver, receipt, sent
from tests.support.stand_ins.vonage import VonageStandin, accepted, held, new_ids, partly
from tests.support.visitor import Visitor, eventually

Event = tuple[int, str]  # number of the part, status of the receipt

CALLBACK = "/hooks/receipt/"
PROGRESS = ("accepted", "buffered", "delivered")

# The states of two parts, and what the message is then: the worst of them.
PAIRS = [
    (("delivered", "delivered"), "delivered"),
    (("delivered", "expired"), "expired"),
    (("delivered", "rejected"), "rejected"),
    (("delivered", "failed"), "failed"),
    (("expired", "rejected"), "rejected"),
    (("expired", "failed"), "failed"),
    (("rejected", "failed"), "failed"),
    (("failed", "failed"), "failed"),
]


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    dlr_url = f"https://sms.example.org{CALLBACK}"
    with GatewayProcess(*standin.options(valkey_url, nexmo_dlr_url=dlr_url)) as gateway:
        yield gateway


@pytest.mark.parametrize("path", ["/dlr/", "/dlr", CALLBACK])
@pytest.mark.parametrize("way", WAYS)
async def test_a_receipt_in_any_form_is_stored_and_shown(
    way: str, path: str, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, parts = await sent(visitor, standin)

    reply = await WAYS[way](visitor, path, receipt(parts[0], "delivered"))

    assert (200, "") == (reply.status, reply.text)
    assert ("delivered", True, 1) == await visitor.status(message_id)


@pytest.mark.parametrize("order", list(itertools.permutations(PROGRESS)), ids="-".join)
async def test_the_state_of_a_part_only_moves_forward(
    order: tuple[str, ...], visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)

    seen = []
    for state in order:
        await deliver(visitor, receipt(part, state))
        seen.append(await visitor.status(message_id))

    furthest = [max(order[: n + 1], key=PROGRESS.index) for n in range(len(order))]
    assert [(state, state == "delivered", 1) for state in furthest] == seen


@pytest.mark.parametrize(
    "order",
    list(itertools.permutations(itertools.product((0, 1), ("buffered", "delivered")))),
    ids=lambda order: "-".join(f"{part}{state[0]}" for part, state in order),
)
async def test_two_parts_in_any_order_are_delivered_when_both_are(
    order: tuple[Event, ...], visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, parts = await sent(visitor, standin, count=2)

    finals = []
    for part, state in order:
        await deliver(visitor, receipt(parts[part], state))
        finals.append((await visitor.status(message_id))[1])

    arrived = [{part for part, state in order[: n + 1] if state == "delivered"} for n in range(4)]
    assert [parts_in == {0, 1} for parts_in in arrived] == finals
    assert ("delivered", True, 2) == await visitor.status(message_id)


@pytest.mark.parametrize(
    ("states", "expected"),
    [*PAIRS, *(((second, first), worst) for (first, second), worst in PAIRS if first != second)],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
async def test_a_message_is_as_bad_as_its_worst_part(
    states: tuple[str, str], expected: str, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, parts = await sent(visitor, standin, count=2)

    await deliver(visitor, receipt(parts[0], states[0]))
    halfway = await visitor.status(message_id)
    await deliver(visitor, receipt(parts[1], states[1]))

    assert not halfway[1]
    assert (expected, True, 2) == await visitor.status(message_id)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("delivered", "failed"),
        ("delivered", "expired"),
        ("delivered", "unknown"),
        ("failed", "delivered"),
        ("expired", "delivered"),
        ("rejected", "accepted"),
    ],
)
async def test_the_first_final_state_wins(
    first: str, later: str, visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)

    for state in (first, later):
        assert 200 == (await deliver(visitor, receipt(part, state))).status

    assert (first, True, 1) == await visitor.status(message_id)


async def test_a_receipt_that_knows_nothing_is_not_the_last_word(
    visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)

    await deliver(visitor, receipt(part, "unknown"))
    await deliver(visitor, receipt(part, "delivered"))

    assert ("delivered", True, 1) == await visitor.status(message_id)


async def test_repeats_change_nothing(visitor: Visitor, standin: VonageStandin) -> None:
    message_id, parts = await sent(visitor, standin, count=2)
    first = receipt(parts[0], "delivered")

    replies = await asyncio.gather(*(deliver(visitor, first) for _ in range(20)))

    assert {(200, "")} == {(reply.status, reply.text) for reply in replies}
    assert ("accepted", False, 2) == await visitor.status(message_id)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("with_reference", [True, False], ids=["client-ref", "no-client-ref"])
async def test_receipts_before_the_answer_to_the_send_are_not_lost(
    with_reference: bool, count: int, visitor: Visitor, standin: VonageStandin
) -> None:
    parts, gate = new_ids(count), threading.Event()
    standin.expect(held(gate, accepted(*parts)))

    sending = asyncio.create_task(visitor.send())
    await eventually(lambda: standin.posts)
    reference = {"client-ref": standin.posts[0].form["client-ref"]} if with_reference else {}
    for part in parts:
        reply = await deliver(visitor, {**receipt(part, "delivered"), **reference})
        assert 200 == reply.status
    gate.set()
    reply = await sending

    assert "ok" == reply.json["status"]
    assert ("delivered", True, count) == await visitor.status(reply.json["id"])


async def test_one_early_and_one_late_receipt_are_joined(
    visitor: Visitor, standin: VonageStandin
) -> None:
    parts, gate = new_ids(2), threading.Event()
    standin.expect(held(gate, accepted(*parts)))

    sending = asyncio.create_task(visitor.send())
    await eventually(lambda: standin.posts)
    await deliver(visitor, receipt(parts[1], "failed"))
    gate.set()
    message_id = (await sending).json["id"]
    halfway = await visitor.status(message_id)
    await deliver(visitor, receipt(parts[0], "delivered"))

    assert not halfway[1]
    assert ("failed", True, 2) == await visitor.status(message_id)


async def test_a_part_that_the_provider_refused_makes_the_message_fail(
    visitor: Visitor, standin: VonageStandin
) -> None:
    [part] = new_ids(1)
    standin.expect(partly(part, "7", "Number barred."))
    message_id = (await visitor.send()).json["id"]

    await deliver(visitor, receipt(part, "delivered"))

    delivery, final, parts = await visitor.status(message_id)
    assert delivery in {"failed", "rejected"}
    assert (True, 2) == (final, parts)


@pytest.mark.parametrize(
    "changes",
    [
        {"scts": "1234567890", "err-code": "99"},
        {"message-timestamp": "2020-01-01T12:00:00.000+00:00"},
        {"something-new": "äöü 🎉 &="},
        {"network-code": "", "price": ""},
        {"status": "DELIVERED"},
    ],
    ids="+".join,
)
async def test_oddities_of_real_receipts_do_no_harm(
    changes: dict[str, str], visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)

    await deliver(visitor, {**receipt(part, "delivered"), **changes})

    assert ("delivered", True, 1) == await visitor.status(message_id)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"messageId": "never-seen", "status": "delivered"},
        {"messageId": "never-seen", "status": "delivered", "client-ref": "not-one-of-ours"},
        {"messageId": "never-seen", "status": "no-such-status"},
        {"messageId": "never-seen"},
        {"status": "delivered"},
        {"messageId": "", "status": ""},
        {"messageId": "x" * 5000, "status": "delivered"},
        {"some": "thing"},
    ],
    ids=lambda content: "+".join(content) or "empty",
)
@pytest.mark.parametrize("way", WAYS)
async def test_what_cannot_be_used_is_taken_so_that_it_is_not_repeated(
    way: str, content: dict[str, str], visitor: Visitor
) -> None:
    reply = await WAYS[way](visitor, "/dlr/", content)

    assert (200, "") == (reply.status, reply.text)


async def test_an_unknown_status_leaves_the_message_as_it_was(
    visitor: Visitor, standin: VonageStandin
) -> None:
    message_id, [part] = await sent(visitor, standin)

    await deliver(visitor, receipt(part, "no-such-status"))
    before = await visitor.status(message_id)
    await deliver(visitor, receipt(part, "delivered"))

    assert ("accepted", False, 1) == before
    assert ("delivered", True, 1) == await visitor.status(message_id)


async def test_the_status_of_an_unknown_id_is_an_error_of_its_own(visitor: Visitor) -> None:
    assert {"status": "error", "error": "id_missing"} == (await visitor.get("/status/")).json
    unknown = await visitor.get("/status/", id="0" * 32)
    assert {"status": "error", "error": "id_unknown"} == unknown.json
