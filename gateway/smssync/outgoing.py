"""Phones as providers: texts go into the queue, and what becomes of them comes back as receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conf.devices import Device
from gateway.messaging.receipts import Receipts
from gateway.providers.base import DeliveryState, Provider, Receipt, Sms
from gateway.providers.smssync import NAME, SmsSyncProvider, task_uuid
from gateway.smssync.queue import TaskQueue
from gateway.smssync.reports import Changed
from gateway.smssync.tasks import NewTask, TaskState

# What the states of a task are in the words of receipts.
DELIVERIES: Mapping[TaskState, DeliveryState] = {
    TaskState.WAITING: DeliveryState.ACCEPTED,
    TaskState.LEASED: DeliveryState.ACCEPTED,
    TaskState.HANDED: DeliveryState.BUFFERED,
    TaskState.SENT: DeliveryState.BUFFERED,
    TaskState.DELIVERED: DeliveryState.DELIVERED,
    TaskState.FAILED: DeliveryState.FAILED,
    # Nobody tried to send it: it was turned down before a phone had it.
    TaskState.CANCELLED: DeliveryState.REJECTED,
    TaskState.EXPIRED: DeliveryState.EXPIRED,
    TaskState.UNCONFIRMED: DeliveryState.UNKNOWN,
}


def phone_providers(devices: Sequence[Device], tasks: TaskQueue, *, ttl: float) -> list[Provider]:
    """Return a provider for each phone; ttl: seconds after which an SMS is not worth sending."""
    return [_provider(device, tasks, ttl) for device in devices]


def _provider(device: Device, tasks: TaskQueue, ttl: float) -> Provider:
    async def queue(sms: Sms) -> str:
        uuid = task_uuid(device.secret, sms.id)
        task = NewTask(uuid=uuid, to=sms.to, message=sms.text, device=device.name, ttl=ttl)
        await tasks.add(task)
        return uuid

    return SmsSyncProvider(device.name, queue)


def reporting(receipts: Receipts) -> Changed:
    """Return what makes a receipt of each state that a task comes to."""

    async def changed(uuid: str, state: TaskState) -> None:
        await receipts.receive(
            Receipt(
                NAME,
                uuid,
                DELIVERIES[state],
                carrier_time=state.value,
                fields={"status": state.value},
                counted=state is not TaskState.CANCELLED,  # by a person: nothing has failed
            )
        )

    return changed
