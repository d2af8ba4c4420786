"""Phones by their secrets, and what becomes of an SMS that one has received."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from conf.devices import Device
from conf.settings import Settings
from gateway.errors import BadRequest, StoreUnavailable, Unauthenticated
from gateway.messaging.status import Status
from gateway.monitoring.metrics import totals
from gateway.providers.base import DeliveryState
from gateway.smssync.outgoing import DELIVERIES, reporting
from gateway.smssync.tasks import NewTask, TaskState
from gateway.smssync.wire import Post
from gateway.store import keys
from gateway.virtual_numbers.pool import VirtualNumber
from wiring.services import Services, open_services

SENDER = "+12065550121"
OURS = "+12065550171"
SECOND = "+12065550172"
GERMAN = "+4917604069051"
REPLY = "We will call you back."
UUID = "1ba368bd-c467-4374-bf28-6c1a8c0f4f2e"
HELLO = NewTask(uuid=UUID, to=SENDER, message="Hi", device="front")

Open = Callable[..., AbstractAsyncContextManager[Services]]


@pytest.fixture
def opened(redis_url: str) -> Open:
    """Opens the services of a gateway with these phones and options."""

    @asynccontextmanager
    async def services(*devices: Device, **options: Any) -> AsyncIterator[Services]:
        settings = Settings(redis_url=redis_url, **options)
        async with open_services(settings, devices=devices) as found:
            yield found

    return services


def phone(*numbers: str, name: str = "front") -> Device:
    """Return a phone with these SIM cards."""
    return Device(name, "s3cret", numbers=numbers)


def post(**fields: Any) -> Post:
    """Return an SMS that a phone posts, all of it given unless told otherwise."""
    usual = {"sender": SENDER, "text": "Hi", "sent_to": OURS, "message_id": "m-1", "sent": "1"}
    return Post(**usual | fields)


async def inbox(services: Services) -> list[tuple[str, str, str]]:
    """Return (from, to, reason) of what is kept, the newest first."""
    found = (await services.inbox.page(10, "")).items
    return [(each.mo.sender, each.mo.to, each.reason) for each in found]


# --- Who calls ------------------------------------------------------------------------------------

PLAIN = Device("plain", "new")
ROTATED = Device("rotated", "new", old_secret="old")
SECRETS = [
    pytest.param(PLAIN, ["new"], True, id="the secret"),
    pytest.param(PLAIN, ["wrong"], False, id="a wrong one"),
    pytest.param(PLAIN, ["NEW"], False, id="case counts"),
    pytest.param(PLAIN, ["new "], False, id="blanks count"),
    pytest.param(PLAIN, [""], False, id="an empty one, which is no old secret"),
    pytest.param(PLAIN, [None, None], False, id="none given"),
    pytest.param(PLAIN, [], False, id="nothing at all"),
    pytest.param(PLAIN, ["wrong", "new"], True, id="one of two is right"),
    pytest.param(PLAIN, [None, "new"], True, id="only the second is given"),
    pytest.param(ROTATED, ["new"], True, id="the new one in a rotation"),
    pytest.param(ROTATED, ["old"], True, id="the old one in a rotation"),
    pytest.param(ROTATED, ["older"], False, id="neither"),
    pytest.param(ROTATED, [""], False, id="an empty one in a rotation"),
    pytest.param(Device("umlaut", "grün"), ["grün"], True, id="not ASCII"),
    pytest.param(Device("umlaut", "grün"), ["grun"], False, id="nearly"),
]


@pytest.mark.parametrize(("device", "given", "expected"), SECRETS)
async def test_a_phone_is_known_by_its_secrets_alone(
    opened: Open, device: Device, given: list[str | None], expected: bool
) -> None:
    async with opened(device) as services:
        with nullcontext() if expected else pytest.raises(Unauthenticated):
            assert device == services.phones.authenticate(device.name, given)
        with pytest.raises(Unauthenticated):
            services.phones.authenticate("nobody", given)


# --- To whom and from whom -----------------------------------------------------------------------

ONE_SIM = phone(OURS)
TWO_SIMS = phone(OURS, SECOND)
IN_GERMANY = phone(GERMAN)
ADDRESSES = [
    pytest.param(ONE_SIM, {}, (SENDER, OURS), id="as posted"),
    pytest.param(ONE_SIM, {"sent_to": ""}, (SENDER, OURS), id="empty: the only number"),
    pytest.param(ONE_SIM, {"sent_to": None}, (SENDER, OURS), id="absent: the only number"),
    pytest.param(ONE_SIM, {"sent_to": SENDER}, (SENDER, OURS), id="the sender: a bug of 3.0"),
    pytest.param(
        ONE_SIM, {"sent_to": "dev-7", "device_id": "dev-7"}, (SENDER, OURS), id="the device's id"
    ),
    pytest.param(ONE_SIM, {"sent_to": "2065550171"}, (SENDER, OURS), id="a national form"),
    pytest.param(TWO_SIMS, {"sent_to": SECOND}, (SENDER, SECOND), id="the second SIM card"),
    pytest.param(TWO_SIMS, {"sent_to": SECOND[1:]}, (SENDER, SECOND), id="without a plus"),
    pytest.param(TWO_SIMS, {"sent_to": ""}, (SENDER, ""), id="empty, and two numbers"),
    pytest.param(phone(), {"sent_to": ""}, (SENDER, ""), id="empty, and no number"),
    pytest.param(phone(), {}, (SENDER, OURS), id="a phone whose number is told only by itself"),
    pytest.param(
        IN_GERMANY, {"sender": "017604069011"}, ("+4917604069011", GERMAN), id="a national sender"
    ),
    pytest.param(IN_GERMANY, {"sender": "22395"}, ("22395", GERMAN), id="a short code"),
    pytest.param(IN_GERMANY, {"sender": "MTN-Info"}, ("MTN-Info", GERMAN), id="a name"),
    pytest.param(IN_GERMANY, {"sender": ""}, ("", GERMAN), id="no sender"),
]


@pytest.mark.parametrize(("device", "fields", "expected"), ADDRESSES)
async def test_the_numbers_of_an_sms_are_completed_by_what_is_known_of_the_phone(
    opened: Open, device: Device, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    async with opened(device) as services:
        await services.phones.receive(device, post(**fields))
        [(sender, to, reason)] = await inbox(services)
    assert (*(each.removeprefix("+") for each in expected), "not_our_number") == (
        sender,
        to,
        reason,
    )


async def test_what_a_phone_tells_of_an_sms_is_kept(opened: Open) -> None:
    async with opened(ONE_SIM) as services:
        await services.phones.receive(ONE_SIM, post(text="  grüß 🚀\n", sent="1700000000000"))
        [kept] = (await services.inbox.page(10, "")).items
    shown = {name: getattr(kept.mo, name) for name in ("provider", "id", "text", "sent")}
    assert {
        "provider": "smssync:front",
        "id": "m-1",
        "text": "  grüß 🚀\n",
        "sent": "1700000000000",
    } == shown


SAME_OR_NOT = [
    pytest.param([post(), post()], 1, id="a repeat"),
    pytest.param([post(), post(text="changed")], 1, id="the id decides"),
    pytest.param([post(), post(message_id="m-2")], 2, id="another id"),
    pytest.param([post(message_id="")] * 2, 1, id="without an id: time and text"),
    pytest.param([post(message_id=""), post(message_id="", sent="2")], 2, id="another time"),
    pytest.param([post(message_id="", sent="")] * 2, 1, id="without a time: the text"),
    pytest.param(
        [post(message_id="", sent=""), post(message_id="", sent="", text="?")], 2, id="another text"
    ),
    pytest.param([post(message_id="7"), post(message_id="7", text="new")], 2, id="a row, reused"),
]


@pytest.mark.parametrize(("posts", "count"), SAME_OR_NOT)
async def test_an_sms_is_stored_once_however_often_it_is_posted(
    opened: Open, posts: list[Post], count: int
) -> None:
    async with opened(ONE_SIM) as services:
        for each in posts:
            await services.phones.receive(ONE_SIM, each)
        assert count == len(await inbox(services))


async def test_two_phones_number_their_sms_for_themselves(opened: Open) -> None:
    phones = phone(OURS), phone(SECOND, name="back")
    async with opened(*phones) as services:
        for each in phones:
            await services.phones.receive(each, post(sent_to=""))
        assert 2 == len(await inbox(services))


# --- Instant replies -----------------------------------------------------------------------------

ANSWERED = [
    pytest.param({}, True, id="a person"),
    pytest.param({"text": ""}, True, id="an empty text"),
    pytest.param({"sender": "22395"}, False, id="a short code"),
    pytest.param({"sender": "MTN-Info"}, False, id="a name"),
    pytest.param({"sender": ""}, False, id="nobody"),
    pytest.param({"sender": SECOND}, False, id="one of our own numbers"),
]


@pytest.mark.parametrize(("fields", "expected"), ANSWERED)
async def test_only_what_a_person_wrote_is_answered(
    opened: Open, fields: dict[str, Any], expected: bool
) -> None:
    """The reply is for its sender, and has an id of its own."""
    async with opened(ONE_SIM, smssync_reply=REPLY) as services:
        await services.pool.add(number(SECOND, "nexmo"))
        reply = await services.phones.receive(ONE_SIM, post(**fields))
    found = (reply.to, reply.message, len(reply.uuid)) if reply else None
    assert ((SENDER, REPLY, 36) if expected else None) == found


async def test_a_person_is_answered_once_an_hour(opened: Open) -> None:
    async with opened(ONE_SIM, smssync_reply=REPLY) as services:
        posts = [post(message_id=f"m-{n}", sender=f"+120655501{n % 2}1") for n in range(6)]
        replies = [await services.phones.receive(ONE_SIM, each) for each in posts]
    assert [True, True, False, False, False, False] == [bool(each) for each in replies]


async def test_a_repeat_is_not_answered_again(opened: Open) -> None:
    async with opened(ONE_SIM, smssync_reply=REPLY) as services:
        replies = [await services.phones.receive(ONE_SIM, post()) for _ in range(2)]
    assert [True, False] == [bool(each) for each in replies]


async def test_a_number_of_the_pool_answers_by_its_own_notices(opened: Open) -> None:
    async with opened(ONE_SIM, smssync_reply=REPLY) as services:
        await services.pool.add(number(OURS, "smssync:front"))
        assert await services.phones.receive(ONE_SIM, post()) is None
        assert [(SENDER[1:], OURS[1:], "no_session")] == await inbox(services)


BY_COUNTRY = [
    pytest.param([OURS], "", SENDER, True, id="at home"),
    pytest.param([OURS], "", GERMAN, False, id="abroad"),
    pytest.param([OURS, GERMAN[:-1] + "2"], "", GERMAN, True, id="the country of its other card"),
    pytest.param([OURS], "DE", GERMAN, True, id="a country that is named"),
    pytest.param([], "", GERMAN, True, id="a phone whose numbers nobody knows"),
    pytest.param([], "", "+881612345678", False, id="a satellite"),
    pytest.param([OURS], "*", "+881612345678", False, id="a satellite, from everywhere"),
    pytest.param([], "", "+19002345678", False, id="premium"),
    pytest.param([], "", "+493012345678", False, id="a land line"),
]


@pytest.mark.parametrize(("numbers", "countries", "sender", "expected"), BY_COUNTRY)
async def test_a_phone_answers_the_people_of_its_numbers_countries(
    opened: Open, numbers: list[str], countries: str, sender: str, expected: bool
) -> None:
    device = phone(*numbers)
    options = {"smssync_reply": REPLY, "answer_countries": countries}
    async with opened(device, **options) as services:
        reply = await services.phones.receive(device, post(sender=sender))
        assert expected is bool(reply)
        assert 1 == len(await inbox(services))


async def test_a_phone_answers_so_many_in_an_hour(opened: Open) -> None:
    async with opened(ONE_SIM, smssync_reply=REPLY, answer_limit=2) as services:
        posts = [post(message_id=f"m-{n}", sender=f"+1206555010{n}") for n in range(4)]
        replies = [await services.phones.receive(ONE_SIM, each) for each in posts]
    assert [True, True, False, False] == [bool(each) for each in replies]


async def test_without_the_option_nobody_is_answered(opened: Open) -> None:
    async with opened(ONE_SIM) as services:
        assert await services.phones.receive(ONE_SIM, post()) is None


def number(e164: str, provider: str) -> VirtualNumber:
    """Return a number of the pool."""
    return VirtualNumber(
        e164=e164, provider=provider, country="US", capabilities=frozenset({"sms", "voice"})
    )


# --- Outgoing SMS and what is told of them -------------------------------------------------------


async def test_an_sms_for_a_phone_is_written_down_like_every_message(opened: Open) -> None:
    async with opened(ONE_SIM) as services:
        task = NewTask(uuid=UUID, to=SENDER, message="x" * 200, device="front")
        await services.phones.queue(task, source="admin")
        await services.phones.queue(task, source="admin")  # known already
        message = await services.history.message(UUID.replace("-", ""))
        queued = await services.tasks.poll("front")
    assert message is not None
    names = ("to", "text", "provider", "source", "outcome", "status")
    assert {
        "to": SENDER,
        "text": "x" * 200,
        "provider": "smssync:front",
        "source": "admin",
        "outcome": "accepted",
        "status": Status(DeliveryState.ACCEPTED, final=False, parts=1),
    } == {name: getattr(message, name) for name in names}
    assert [UUID] == [each.uuid for each in queued]


async def test_the_record_of_an_sms_says_who_asked_for_it(opened: Open) -> None:
    async with opened(ONE_SIM) as services:
        await services.phones.queue(HELLO, source="console")
        message = await services.history.message(UUID.replace("-", ""))
    assert message is not None
    assert "console" == message.source


WRONG = [
    pytest.param({"message": ""}, "message: must not be empty", id="no text"),
    pytest.param({"priority": 1001}, "priority: must be from -1000 to 1000", id="a priority"),
    pytest.param({"device": "nobody"}, "device: unknown", id="no such phone"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
async def test_what_no_phone_can_send_is_refused_and_not_written_down(
    opened: Open, fields: dict[str, Any], message: str
) -> None:
    async with opened(ONE_SIM) as services:
        with pytest.raises(BadRequest, match=message):
            await services.phones.queue(replace(HELLO, **fields), source="admin")
        assert await services.history.message(UUID.replace("-", "")) is None


@pytest.mark.parametrize("device", ["front", ""])
async def test_an_sms_for_a_phone_is_counted_like_every_message(opened: Open, device: str) -> None:
    def accepted() -> float:
        return totals()["messages.smssync.accepted"]

    async with opened(ONE_SIM) as services:
        before = accepted()
        await services.phones.queue(replace(HELLO, device=device), source="admin")
        message = await services.history.message(UUID.replace("-", ""))
    assert 1 == accepted() - before
    assert message is not None
    assert (f"smssync:{device}".rstrip(":"), device or "any phone") == (
        message.provider,
        message.sender,
    )


async def test_an_sms_that_could_not_be_queued_is_no_success(opened: Open) -> None:
    async with opened(ONE_SIM) as services:
        await services.store.execute("SET", keys.TASKS, "of another type")
        with pytest.raises(StoreUnavailable):
            await services.phones.queue(HELLO, source="admin")
        message = await services.history.message(UUID.replace("-", ""))
        await services.store.execute("DEL", keys.TASKS)
    assert message is not None
    assert "unknown" == message.outcome


REPORTED = [
    ("waiting", DeliveryState.ACCEPTED, False),
    ("leased", DeliveryState.ACCEPTED, False),
    ("handed", DeliveryState.BUFFERED, False),
    ("sent", DeliveryState.BUFFERED, False),
    ("delivered", DeliveryState.DELIVERED, True),
    ("failed", DeliveryState.FAILED, True),
    ("cancelled", DeliveryState.REJECTED, True),
    ("expired", DeliveryState.EXPIRED, True),
    ("unconfirmed", DeliveryState.UNKNOWN, True),
]


@pytest.mark.parametrize(("state", "delivery", "final"), REPORTED, ids=[row[0] for row in REPORTED])
async def test_each_state_is_a_receipt(
    opened: Open, state: str, delivery: DeliveryState, final: bool
) -> None:
    async with opened(ONE_SIM) as services:
        await services.phones.queue(HELLO, source="admin")
        await reporting(services.receipts)(UUID, TaskState(state))
        status = await services.receipts.status(UUID.replace("-", ""))
    assert status is not None
    assert (delivery, final, 1) == (status.delivery, status.final, status.parts)


COUNTED = {"failed": 1.0, "expired": 1.0, "cancelled": 0.0}


@pytest.mark.parametrize(("state", "grown"), COUNTED.items(), ids=COUNTED.keys())
async def test_what_a_person_cancelled_is_no_delivery_that_failed(
    opened: Open, state: str, grown: float
) -> None:
    def counted() -> float:
        found = totals()
        return sum(found[name] for name in found if name.startswith("deliveries.smssync."))

    async with opened(ONE_SIM) as services:
        await services.phones.queue(HELLO, source="admin")
        before = counted()
        await reporting(services.receipts)(UUID, TaskState(state))
    assert grown == counted() - before


def test_no_state_is_without_a_receipt() -> None:
    assert set(TaskState) == set(DELIVERIES)
