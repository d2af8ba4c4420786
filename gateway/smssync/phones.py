"""Android phones that run SMSsync: who calls, and what becomes of an SMS that one received."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from conf.devices import Device
from gateway.access.answers import Answers
from gateway.access.limiter import Limit
from gateway.conversations.outcomes import Taken
from gateway.conversations.texts.relay import Relay
from gateway.errors import BadRequest, LimitExceeded, OptedOut, StoreUnavailable, Unauthenticated
from gateway.messaging.keywords import Keywords
from gateway.messaging.optouts import OptOuts
from gateway.messaging.sending.messenger import Messenger
from gateway.providers.base import Inbound, Sms
from gateway.providers.smssync import SmsSyncProvider, provider_name
from gateway.providers.vonage.signatures import same
from gateway.smssync.devices import Devices
from gateway.smssync.guesses import Guesses
from gateway.smssync.queue import TaskQueue
from gateway.smssync.tasks import NewTask, check
from gateway.smssync.wire import Post, inbound_id
from gateway.telephony import phonenumber
from gateway.telephony.networks import e164_of, persons
from gateway.virtual_numbers.pool import Pool

log = logging.getLogger(__name__)

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
# The sender in the record of an SMS that is for whichever phone asks first.
ANY_PHONE = "any phone"


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMS that a phone is to send at once, in the answer to its post."""

    to: str
    message: str
    uuid: str


class Phones:
    """What phones and their owner ask for; reply: to an SMS that belongs to nothing, '' = none."""

    def __init__(
        self,
        devices: Devices,
        *,
        tasks: TaskQueue,
        messenger: Messenger,
        relay: Relay,
        numbers: Pool,
        answers: Answers,
        guesses: Guesses,
        optouts: OptOuts,
        words: Keywords,
        reply: str,
    ) -> None:
        self._devices = devices
        self._tasks = tasks
        self._messenger = messenger
        self._relay = relay
        self._numbers = numbers
        self._answers = answers
        self._optouts = optouts
        self._words = words
        self._reply = reply
        self._refused: dict[str, float] = {}
        self._guesses = guesses

    def authenticate(self, element: str, given: Iterable[str | None]) -> Device:
        """Return the phone of a path element that one of the secrets given belongs to.

        An old secret counts as well. Compares in constant time; raises Unauthenticated.
        """
        device = self._devices.at(element)
        valid = (device.secret, device.old_secret) if device else ()
        matches = [same(own, secret) for secret in given if secret for own in valid if own]
        if device is None or True not in matches:
            raise Unauthenticated
        return device

    def check_guesses(self, element: str, client: str) -> None:
        """Raise LimitExceeded for an address that sent too many wrong secrets for this phone."""
        device = self._devices.at(element)
        if device is not None:
            self._guesses.check(client, device.name)

    async def note_wrong(self, element: str, client: str) -> None:
        """Count a wrong secret; for an unknown phone none is right."""
        device = self._devices.at(element)
        if device is not None:
            await self._guesses.note(client, device.name)

    def note_refusal(self, name: str, client: str) -> None:
        """Say in the log, now and then, that somebody came with a wrong secret."""
        now, known = time.monotonic(), name in self._devices.by_name
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
        if not self._reply or happened != Taken.KEPT:
            return None
        return await self._answer(device, inbound)

    async def queue(self, task: NewTask, *, source: str, despite_optout: bool = False) -> NewTask:
        """Queue an SMS for a phone by way of the messenger; source: who asked for it.

        Returns it as it will leave. Under a uuid that is known already nothing is queued. Raises
        BadRequest for what no phone can send and for an unknown phone, OptedOut for a receiver who
        has texted STOP unless despite_optout, StoreUnavailable.
        """
        task = replace(task, message=self._messenger.as_sent(task.message))
        check(task)
        if task.device and task.device not in self._devices.by_name:
            raise BadRequest("device: unknown")
        if not self._devices.by_name:
            raise BadRequest("device: no phone is configured")
        if not despite_optout and await self._optouts.is_out(task.to):
            raise OptedOut("this number has texted STOP")

        async def queue(_: Sms) -> str:
            await self._tasks.add(task)
            return task.uuid

        # The message bears the id of its task: who has queued the one finds the other.
        sms = Sms(uuid.UUID(task.uuid).hex, task.to, task.device or ANY_PHONE, task.message)
        provider = SmsSyncProvider(task.device, queue, task=task.uuid)
        # Its way out is the store: one that is down is not asked again while the caller waits.
        sent = await self._messenger.send_by(provider, sms, source=source, patience=0)
        if not sent.ok:
            raise StoreUnavailable
        return task

    async def _numbers_of(self, device: Device, post: Post) -> tuple[str, ...]:
        """Return the phone's numbers; when nobody says any, those that the pool has for it."""
        return device.numbers if not _is_nowhere(post) else await self._all_numbers_of(device)

    async def _all_numbers_of(self, device: Device) -> tuple[str, ...]:
        return device.numbers or await self._numbers.of_provider(provider_name(device.name))

    async def _answer(self, device: Device, inbound: Inbound) -> Reply | None:
        """Return the instant reply, None when its receiver may be a machine, or was answered."""
        to = e164_of(inbound.to)
        people = persons(inbound.sender, to)
        if len(people) != 1 or sum(map(str.isdigit, inbound.sender)) < LEAST_DIGITS:
            return None
        sender = people[0]
        may = self._answers.may(sender, *await self._all_numbers_of(device))
        if not may or await self._numbers.get(sender):
            return None
        if self._words.is_stop(inbound.text) or await self._optouts.is_out(sender):
            return None
        if to and await self._numbers.get(to):
            return None  # kept for another reason than that it belongs to nothing
        try:
            await self._answers.limiter.hit("smssync_reply", sender, REPLIES)
            await self._answers.hit(to or inbound.provider)
        except LimitExceeded:
            return None
        return Reply(sender, self._reply, str(uuid.uuid4()))


def _is_nowhere(post: Post) -> bool:
    """Tell whether a phone does not say to which number an SMS came; some say what is none."""
    return (post.sent_to or "") in {"", post.sender, post.device_id}


def _inbound(device: Device, numbers: Sequence[str], post: Post) -> Inbound:
    """Return an SMS in the gateway's words.

    Networks give senders in the form of their country, and phones seldom know their own number.
    """
    home = phonenumber.parse_international(numbers[0]) if numbers else None
    region = (home.country,) if home and home.country else ()
    to = "" if _is_nowhere(post) else _completed(post.sent_to or "", region)
    if not to or (numbers and f"+{to.lstrip('+')}" not in numbers):
        to = numbers[0] if len(numbers) == 1 else to
    return Inbound(
        provider=provider_name(device.name),
        id=inbound_id(post),
        sender=_completed(post.sender or "", region)[:LONGEST_WORD],
        to=to[:LONGEST_WORD],
        text=(post.text or "")[:LONGEST_TEXT],
        sent=(post.sent or "")[:LONGEST_WORD],
    )


def _completed(written: str, region: tuple[str, ...]) -> str:
    """Return a number as E.164 when the phone's country makes one of it, else what is written.

    A short code has fewer digits than any number in its country.
    """
    digits = sum(map(str.isdigit, written))
    if not region or digits < SHORTEST_NUMBER or written.lstrip().startswith(("+", "00")):
        return written
    found = phonenumber.parse(written, region)
    return found.e164 if found else written
