"""A phone as a provider: what it puts into the queue, and what it answers."""

from __future__ import annotations

import hmac
import uuid

import pytest

from conf.devices import Device
from gateway.errors import NotFound, StoreUnavailable
from gateway.providers.base import DeliveryState, Outcome, Part, Provider, Sms, SubmitResult
from gateway.providers.smssync import SmsSyncProvider, provider_name, task_uuid
from gateway.smssync.outgoing import phone_providers
from gateway.smssync.queue import TaskQueue
from gateway.smssync.tasks import TaskState
from gateway.store.pipeline import Store, connect

MESSAGE_ID = "0123456789abcdef" * 2
UUID = "4048002e-c5ff-4ec0-aa0d-5a8cc577d554"
SMS = Sms(MESSAGE_ID, "+4917612345678", "+12065550100", "the text")
NOWHERE = "redis://127.0.0.1:1"


async def unheard(uuid: str, state: TaskState) -> None:
    """Take no notice."""


def queue_in(store: Store) -> TaskQueue:
    return TaskQueue(store, {"office": Device("office", "s3cret")}, lease=300, changed=unheard)


def provider_of(tasks: TaskQueue) -> Provider:
    [provider] = phone_providers([Device("office", "secret")], tasks, ttl=0)
    return provider


async def test_a_text_waits_for_its_phone(store: Store) -> None:
    tasks = queue_in(store)
    assert SubmitResult(Outcome.ACCEPTED, (Part(UUID, DeliveryState.ACCEPTED),)) == (
        await provider_of(tasks).submit(SMS)
    )
    found = await tasks.get(UUID)
    shown = (found.to, found.message, found.device, found.state)
    assert ("+4917612345678", "the text", "office", TaskState.WAITING) == shown


async def test_the_uuid_cannot_be_told_from_the_messages_id() -> None:
    """A visitor knows the id of his message; whoever knows the uuid speaks for the phone."""
    assert MESSAGE_ID != uuid.UUID(UUID).hex
    digest = hmac.digest(b"secret", MESSAGE_ID.encode(), "sha256")[:16]
    assert [UUID] * 2 == [
        str(uuid.UUID(bytes=digest, version=4)),
        task_uuid("secret", MESSAGE_ID),
    ]


async def test_a_repeated_request_is_accepted_and_queued_once(store: Store) -> None:
    tasks = queue_in(store)
    provider = provider_of(tasks)
    answers = [await provider.submit(SMS) for _ in range(3)]
    assert [Outcome.ACCEPTED] * 3 == [each.outcome for each in answers]
    assert 1 == (await tasks.page(10, "")).total


async def test_with_the_store_down_the_text_was_not_sent_and_may_be_repeated() -> None:
    store = connect(NOWHERE)
    assert Outcome.NOT_SENT == (await provider_of(queue_in(store)).submit(SMS)).outcome
    await store.close()


async def test_an_add_without_an_answer_may_be_repeated_although_it_may_have_run() -> None:
    added: list[Sms] = []

    async def queue(sms: Sms) -> str:
        added.append(sms)
        raise StoreUnavailable

    result = await SmsSyncProvider("office", queue).submit(SMS)
    assert (Outcome.NOT_SENT, (), [SMS]) == (result.outcome, result.parts, added)


async def test_an_empty_text_is_refused_and_never_reaches_the_phone(store: Store) -> None:
    tasks = queue_in(store)
    result = await provider_of(tasks).submit(Sms(MESSAGE_ID, SMS.to, SMS.sender, ""))
    assert Outcome.REFUSED == result.outcome
    with pytest.raises(NotFound):
        await tasks.get(UUID)


async def test_it_is_named_after_its_phone_and_not_paced(store: Store) -> None:
    provider = provider_of(queue_in(store))
    assert ["smssync:office"] * 2 == [provider.name, provider.pace_key]
    assert "smssync" == provider_name("")
    assert not provider.rate
    await provider.close()
