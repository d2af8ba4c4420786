"""What sends texts: the providers, phones among them, the messenger, the worker of the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from conf.devices import Device
from conf.protection import Protection
from conf.settings import Settings
from gateway.conversations.fates import Fates
from gateway.messaging.optouts import OptOuts
from gateway.messaging.outbox.holds import Holds
from gateway.messaging.outbox.queue import Outbox
from gateway.messaging.outbox.verdict import Resend
from gateway.messaging.outbox.worker import OutboxWorker
from gateway.messaging.receipts import Receipts
from gateway.messaging.sending.costs import TextCosts
from gateway.messaging.sending.messenger import Messenger
from gateway.messaging.sending.pacer import Pacer
from gateway.monitoring.metrics import OUTBOX_REPEATS
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.prices import Prices
from gateway.providers.base import Provider
from gateway.smssync.devices import Devices
from gateway.smssync.outgoing import phone_providers, reporting
from gateway.smssync.queue import TaskQueue
from gateway.store.pipeline import Store
from wiring import from_settings


def task_queue(settings: Settings, store: Store, devices: Devices, receipts: Receipts) -> TaskQueue:
    """Return the SMS that phones are to send; what becomes of them is told to ``receipts``."""
    return TaskQueue(
        store,
        devices.by_name,
        lease=settings.smssync_lease,
        confirm=settings.smssync_confirm * 3600,
        changed=reporting(receipts),
        days=settings.message_log_days,
    )


def providers(
    settings: Settings, devices: Sequence[Device], tasks: TaskQueue, closing: AsyncExitStack
) -> dict[str, Provider]:
    """Return all ways to send SMS by name; they are closed by ``closing``."""
    found = from_settings.network_providers(settings)
    found += phone_providers(devices, tasks, ttl=settings.message_log_days * 86_400)
    for each in reversed(found):
        closing.push_async_callback(each.close)
    return {each.name: each for each in found}


def messenger(
    settings: Settings,
    protection: Protection,
    ways: Mapping[str, Provider],
    *,
    store: Store,
    receipts: Receipts,
    budget: Budget,
) -> Messenger:
    """Return what sends by all ``ways``, at the pace and the prices of the options."""
    return Messenger(
        ways,
        settings.provider,
        receipts,
        Pacer(store, from_settings.rate_shares(settings)),
        smart_encoding=settings.smart_encoding,
        costs=TextCosts(budget, Prices(protection.prices)),
    )


def worker(
    settings: Settings,
    outbox: Outbox,
    holds: Holds,
    messenger: Messenger,
    *,
    optouts: OptOuts,
    fates: Fates,
) -> OutboxWorker:
    """Return what empties the outbox, and tells ``fates`` what became of each text."""
    return OutboxWorker(
        outbox,
        holds,
        messenger,
        suppressed=lambda entry: optouts.is_out(entry.to),
        decided=fates.decided,
        waits=fates.waits,
        repeated=lambda entry: OUTBOX_REPEATS.inc(),
        number_rate=settings.number_rate,
        resend=Resend(settings.resend_unknown),
    )
