"""Android phones that run SMSsync: who calls, and what becomes of an SMS that one received."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from conf.devices import Device
from conf.providers import SMSSYNC
from gateway.access.limiter import Limit, Limiter
from gateway.conversations.relay import Relay
from gateway.errors import LimitExceeded
from gateway.messaging.optouts import Keywords, OptOuts
from gateway.messaging.receipts import Receipts
from gateway.providers.base import DeliveryState, Inbound, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.providers.vonage.signatures import same
from gateway.smssync.queue import Tasks
from gateway.smssync.tasks import NewTask
from gateway.smssync.wire import Post, inbound_id
from gateway.telephony import phonenumber, segments
from gateway.virtual_numbers.pool import Pool

log = logging.getLogger(__name__)

PROVIDER = SMSSYNC.name
# An SMS that belongs to nothing is answered once an hour and sender.
REPLIES = Limit(1, 3600)

# An SMS has at most 255 parts of 153 characters.
LONGEST_TEXT = 255 * 153
LONGEST_WORD = 64
# Below these it is a short code, to which a machine may belong.
SHORTEST_NUMBER = 7
LEAST_DIGITS = 8
# One line a minute and phone says that a secret was wrong.
REFUSALS_SECONDS = 60.0

# What the states of a task are in the words of receipts.
DELIVERIES: Mapping[str, DeliveryState] = {
    "waiting": DeliveryState.ACCEPTED,
    "leased": DeliveryState.ACCEPTED,
    "handed": DeliveryState.BUFFERED,
    "sent": DeliveryState.BUFFERED,
    "delivered": DeliveryState.DELIVERED,
    "failed": DeliveryState.FAILED,
    # Nobody tried to send it: it was turned down before a phone had it.
    "cancelled": DeliveryState.REJECTED,
    "expired": DeliveryState.EXPIRED,
    "unconfirmed": DeliveryState.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMS that a phone is to send at once, in the answer to its post."""

    to: str
    message: str
    uuid: str


class Phones:
    """The phones of ``devices``; reply: to an SMS that belongs to nothing, '' = none."""

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        tasks: Tasks,
        relay: Relay,
        numbers: Pool,
        receipts: Receipts,
        limiter: Limiter,
        optouts: OptOuts,
        words: Keywords,
        reply: str,
    ) -> None:
        self._devices = {device.name: device for device in devices}
        self._tasks = tasks
        self._relay = relay
        self._numbers = numbers
        self._receipts = receipts
        self._limiter = limiter
        self._optouts = optouts
        self._words = words
        self._reply = reply
        self._refused: dict[str, float] = {}

    @property
    def configured(self) -> bool:
        """Whether there is any phone."""
        return bool(self._devices)

    @property
    def devices(self) -> Mapping[str, Device]:
        """The phones by name."""
        return self._devices

    def device(self, name: str) -> Device | None:
        """Return the phone of a path element; of '': the one called default, or the only one."""
        if name:
            return self._devices.get(name)
        only = next(iter(self._devices.values())) if len(self._devices) == 1 else None
        return self._devices.get("default", only)

    def note_refusal(self, name: str, client: str) -> None:
        """Say in the log, now and then, that somebody came with a wrong secret."""
        now, known = time.monotonic(), name in self._devices
        key = name if known else ""
        if now - self._refused.get(key, -REFUSALS_SECONDS) >= REFUSALS_SECONDS:
            self._refused[key] = now
            log.warning("phone %s: wrong secret from %s", name if known else "(unknown)", client)

    async def receive(self, device: Device, post: Post) -> Reply | None:
        """Take an SMS that a phone has received; stored when this returns.

        Returns what the phone is to answer, as a rule nothing. Raises StoreUnavailable.
        """
        inbound = _inbound(device, await self._numbers_of(device, post), post)
        happened = await self._relay.receive(inbound)
        if not self._reply or happened != "kept":
            return None
        return await self._answer(inbound)

    async def queue(self, task: NewTask, *, source: str = "admin") -> bool:
        """Queue an SMS for a phone, and write it down like every message; False: known already.

        source: who asked for it, as its record says. Raises StoreUnavailable.
        """
        sms = Sms(uuid.UUID(task.uuid).hex, task.to, task.device or "any phone", task.message)
        provider = f"{PROVIDER}:{task.device}" if task.device else PROVIDER
        expected = segments.count(task.message).parts
        await self._receipts.create(sms, provider=provider, source=source, expected=expected)
        added = await self._tasks.add(task)
        taken = SubmitResult(Outcome.ACCEPTED, (Part(task.uuid, DeliveryState.ACCEPTED),))
        await self._receipts.record(sms, provider, taken, 1)
        return added

    async def _numbers_of(self, device: Device, post: Post) -> tuple[str, ...]:
        """Return the phone's numbers; when nobody says any, those that the pool has for it."""
        if device.numbers or not _is_nowhere(post):
            return device.numbers
        return await self._numbers.of_provider(f"{PROVIDER}:{device.name}")

    async def _answer(self, inbound: Inbound) -> Reply | None:
        """Return the instant reply, None when its receiver may be a machine, or was answered."""
        sender = phonenumber.parse_international(inbound.sender)
        to = phonenumber.parse_international(inbound.to)
        if sender is None or sum(map(str.isdigit, inbound.sender)) < LEAST_DIGITS:
            return None
        if await self._numbers.get(sender.e164):
            return None
        if self._words.is_stop(inbound.text) or await self._optouts.is_out(sender.e164):
            return None
        if to is not None and await self._numbers.get(to.e164):
            return None  # kept for another reason than that it belongs to nothing
        try:
            await self._limiter.hit("smssync_reply", sender.e164, REPLIES)
        except LimitExceeded:
            return None
        return Reply(sender.e164, self._reply, str(uuid.uuid4()))


def authentic(device: Device | None, secrets: Iterable[str | None]) -> bool:
    """Tell whether one of the secrets given is the phone's, or its old one, in constant time."""
    if device is None:
        return False
    valid = [secret for secret in (device.secret, device.old_secret) if secret]
    matches = [same(own, given) for given in secrets if given for own in valid]
    return True in matches


def reporting(receipts: Receipts) -> Callable[[str, str], Awaitable[None]]:
    """Return what makes a receipt of each state that a task comes to."""

    async def changed(task_uuid: str, state: str) -> None:
        await receipts.receive(
            Receipt(
                PROVIDER,
                task_uuid,
                DELIVERIES[state],
                carrier_time=state,
                fields={"status": state},
                counted=state != "cancelled",  # by a person, so that nothing has failed
            )
        )

    return changed


def _is_nowhere(post: Post) -> bool:
    """Tell whether a phone does not say to which number an SMS came; some say what is none."""
    return (post.sent_to or "") in {"", post.sender, post.device_id}


def _inbound(device: Device, numbers: Sequence[str], post: Post) -> Inbound:
    """Return an SMS in the gateway's words.

    Networks give senders in the form of their country, and phones seldom know their own number.
    """
    home = phonenumber.parse_international(numbers[0]) if numbers else None
    region = [home.country] if home and home.country else []
    to = "" if _is_nowhere(post) else _completed(post.sent_to or "", region)
    if not to or (numbers and f"+{to.lstrip('+')}" not in numbers):
        to = numbers[0] if len(numbers) == 1 else to
    return Inbound(
        provider=f"{PROVIDER}:{device.name}",
        id=inbound_id(post),
        sender=_completed(post.sender or "", region)[:LONGEST_WORD],
        to=to[:LONGEST_WORD],
        text=(post.text or "")[:LONGEST_TEXT],
        sent=(post.sent or "")[:LONGEST_WORD],
    )


def _completed(written: str, region: Sequence[str]) -> str:
    """Return a number as E.164 when the phone's country makes one of it, else what is written.

    A short code has fewer digits than any number in its country.
    """
    digits = sum(map(str.isdigit, written))
    if not region or digits < SHORTEST_NUMBER or written.lstrip().startswith(("+", "00")):
        return written
    found = phonenumber.parse(written, region)
    return found.e164 if found else written
