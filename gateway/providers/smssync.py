"""An Android phone that runs SMSsync as a way to send: its SMS wait in a queue until it asks."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Awaitable, Callable

from conf.providers import SMSSYNC
from gateway.errors import StoreUnavailable
from gateway.providers.base import DeliveryState, Outcome, Part, Sms, SubmitResult

NAME = SMSSYNC.name

# Android's SmsManager takes no empty text, and the application ends with it:
# https://developer.android.com/reference/android/telephony/SmsManager#sendTextMessage
_EMPTY = SubmitResult(Outcome.REFUSED, code="empty", text="a phone cannot send an empty text")
_STORE_DOWN = SubmitResult(Outcome.NOT_SENT, code="store", text="the store was down")

# Puts a text into the queue, once for its id, and returns its uuid there; raises StoreUnavailable.
Queue = Callable[[Sms], Awaitable[str]]


def provider_name(device: str) -> str:
    """Return what a phone is called among the providers; of '': whichever phone asks first."""
    return f"{NAME}:{device}" if device else NAME


def task_uuid(secret: str, message_id: str) -> str:
    """Return the uuid of a message in the queue of the phone with this secret.

    It follows from the message's id, so that a repeat is known, and cannot be told from it: who
    sent a message by a web page knows the id, and whoever knows the uuid speaks for the phone.
    """
    digest = hmac.digest(secret.encode(), message_id.encode(), "sha256")[:16]
    return str(uuid.UUID(bytes=digest, version=4))


class SmsSyncProvider:
    """Sends through a phone ('' = whichever asks first); its SIM card's number is the sender.

    It is not paced: the phone's hourly cap counts when an SMS is handed out. task: the uuid of a
    text that nobody queues again if the store gives no answer, '' = it is repeated under its id.
    """

    rate = 0.0

    def __init__(self, device: str, queue: Queue, *, task: str = "") -> None:
        self.name = self.pace_key = provider_name(device)
        self._queue = queue
        self._task = task

    async def submit(self, sms: Sms) -> SubmitResult:
        """Queue one text; never raises for what the store does."""
        if not sms.text:
            return _EMPTY
        try:
            task = await self._queue(sms)
        except StoreUnavailable:
            # It may be in the queue all the same.
            return _no_answer(self._task) if self._task else _STORE_DOWN
        return SubmitResult(Outcome.ACCEPTED, (Part(task, DeliveryState.ACCEPTED),))

    async def close(self) -> None:
        """There is nothing to give back: the queue is in the store."""


def _no_answer(task: str) -> SubmitResult:
    part = Part(task, DeliveryState.UNKNOWN)
    return SubmitResult(Outcome.UNKNOWN, (part,), code="store", text="the store gave no answer")
