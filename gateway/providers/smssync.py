"""An Android phone that runs SMSsync as a way to send: its SMS wait in a queue until it asks."""

from __future__ import annotations

import hmac
import uuid
from typing import Protocol

from conf.providers import SMSSYNC
from gateway.errors import StoreUnavailable
from gateway.providers.base import DeliveryState, Outcome, Part, Sms, SubmitResult

NAME = SMSSYNC.name

# Android's SmsManager takes no empty text, and the application ends with it:
# https://developer.android.com/reference/android/telephony/SmsManager#sendTextMessage
_EMPTY = SubmitResult(Outcome.REFUSED, code="empty", text="a phone cannot send an empty text")
_STORE_DOWN = SubmitResult(Outcome.NOT_SENT, code="store", text="the store was down")


class AddTask(Protocol):
    """Puts an SMS into the queue of a phone; False when its uuid is known already."""

    async def __call__(self, *, uuid: str, to: str, message: str, device: str) -> bool:
        """May run twice for the same uuid; raises StoreUnavailable."""


class SmsSyncProvider:
    """Sends through one phone; the sender of each SMS is the number of its SIM card.

    It is not paced: the phone's hourly cap counts when an SMS is handed out.
    """

    rate = 0.0

    def __init__(self, device: str, secret: str, add: AddTask) -> None:
        self.name = self.pace_key = f"{NAME}:{device}"
        self._device = device
        self._secret = secret.encode()
        self._add = add

    async def submit(self, sms: Sms) -> SubmitResult:
        """Queue one text; never raises for what the store does.

        Its uuid follows from its id, so that a repeat is known, and cannot be told from it: who
        sent a message by a web page knows the id, and whoever knows the uuid speaks for the phone.
        """
        if not sms.text:
            return _EMPTY
        digest = hmac.digest(self._secret, sms.id.encode(), "sha256")[:16]
        task = str(uuid.UUID(bytes=digest, version=4))
        try:
            await self._add(uuid=task, to=sms.to, message=sms.text, device=self._device)
        except StoreUnavailable:
            # It may be in the queue; whoever repeats the request does so under the same id.
            return _STORE_DOWN
        return SubmitResult(Outcome.ACCEPTED, (Part(task, DeliveryState.ACCEPTED),))

    async def close(self) -> None:
        """There is nothing to give back: the queue is in the store."""
