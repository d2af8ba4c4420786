"""Incoming SMS: what is posted, what counts as success, what is tried again, what is lost."""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from gateway.emulator.smssync.app.replies import Payload, TaskMessage, payload_of
from gateway.emulator.smssync.wire.bodies import encode
from gateway.emulator.smssync.wire.lenient_json import Unreadable
from gateway.emulator.smssync.wire.wire import Wire
from gateway.emulator.smssync.world.events import Event
from gateway.emulator.smssync.world.exchange import Body, Kind, NoAnswer, Request
from gateway.emulator.smssync.world.setup import Setup
from gateway.emulator.smssync.world.traits import SentTo, Timestamp

SUCCESS_STATUSES = (200, 201)


@dataclass(eq=False)
class IncomingSms:
    """An SMS on the phone; at: seconds since the epoch, None where the network gave no date."""

    row: int
    uuid: str
    sender: str
    text: str
    at: float | None
    failures: int = 0
    synced: bool = False


@dataclass
class SyncMemory:
    """What the app's client object keeps from one request to the next, until a restart."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    body: Body | None = None
    last_good: Payload | None = None


Reply = Callable[[list[TaskMessage | None]], Awaitable[None]]


class Incoming:
    """The way of incoming SMS to the server. pending: stored and not yet accepted, by row."""

    def __init__(self, setup: Setup, wire: Wire, reply: Reply) -> None:
        self._setup = setup
        self._traits = setup.traits
        self._preferences = setup.preferences
        self._faults = setup.faults
        self._listener = setup.listener
        self._wire = wire
        self._reply = reply
        self._rows = itertools.count(1)
        self.memory = SyncMemory()
        self.pending: dict[int, IncomingSms] = {}
        self.received: list[IncomingSms] = []

    def take(self, sender: str, text: str, at: float | None) -> IncomingSms:
        """Return a new SMS from the network, not posted yet; at: seconds since the epoch."""
        sms = IncomingSms(next(self._rows), str(uuid.uuid4()), sender, text, at)
        self.received.append(sms)
        self._listener(Event("received", sender, sms.uuid))
        return sms

    def import_newest(self, count: int) -> int:
        """Store the newest SMS once more, with new ids, as pending; return how many."""
        newest = self.received[-count:]
        for sms in newest:
            copy = replace(
                sms, row=next(self._rows), uuid=str(uuid.uuid4()), failures=0, synced=False
            )
            self.pending[copy.row] = copy
        return len(newest)

    async def sync_pending(self) -> int:
        """Post what is pending, newest first; return how many were accepted."""
        pending = self.pending.values()
        newest = sorted(pending, key=lambda sms: (sms.at or 0.0, sms.row), reverse=True)
        # The list was read before the first post, so what succeeds in between is posted again.
        for _ in range(len(newest) if self._traits.pending_squared else 1):
            for sms in newest:
                await self.route(sms)
        return sum(sms.synced for sms in newest)

    async def route(self, sms: IncomingSms) -> None:
        """Post an SMS as often as the version and its filters want; keep it when that fails."""
        posts = 0 if self._faults.silent else self._posts(sms)
        for _ in range(posts):
            self._settle(sms, await self._post(sms))
        if posts == 0:
            self._keep(sms)

    def _posts(self, sms: IncomingSms) -> int:
        """Return how often the app posts this SMS in one go."""
        white, black = self._preferences.whitelist, self._preferences.blacklist
        extra = self._faults.duplicate_posts
        if self._traits.filter_lists_leak:
            listed = 1 if white and sms.sender in white else 0
            rest = 1 if black is None else len(black - {sms.sender}) * (sms.sender not in black)
            return (listed + rest) * (1 + extra)
        passes = (white is None or sms.sender in white) and sms.sender not in (black or ())
        return (1 + extra) if passes and self._keywords_match(sms.text) else 0

    def _keywords_match(self, text: str) -> bool:
        keywords = self._preferences.keywords
        if not keywords or not self._traits.keywords_filter:
            return True
        if any(word.lower().strip() in text.lower() for word in keywords.split(",")):
            return True
        try:
            return re.search(keywords, text, re.IGNORECASE) is not None
        except re.error:
            return True  # so does the app

    def _settle(self, sms: IncomingSms, accepted: bool) -> None:
        sms.synced = sms.synced or accepted
        sms.failures += not accepted
        if sms.synced or self._gives_up(sms):
            self.pending.pop(sms.row, None)
        else:
            self._keep(sms)

    def _gives_up(self, sms: IncomingSms) -> bool:
        preferences = self._preferences
        drops = self._traits.drops_after_retries and preferences.retry
        if drops and sms.failures >= preferences.retries:
            self._listener(Event("dropped", sms.sender, sms.uuid))
            return True
        return False

    def _keep(self, sms: IncomingSms) -> None:
        if sms.row in self.pending:
            return
        # With a black list, nothing that failed is kept, whoever sent it.
        kept = self._preferences.blacklist is None
        if kept:
            self.pending[sms.row] = sms
        self._listener(Event("kept" if kept else "dropped", sms.sender, sms.uuid))

    async def _post(self, sms: IncomingSms) -> bool:
        """Post the SMS once; return whether the app believes that the server has it."""
        payload, trouble = await self._exchange(sms)
        accepted = payload is not None and payload.success
        detail = sms.uuid if accepted else f"{sms.uuid} {trouble or 'refused'}"
        self._listener(Event("synced" if accepted else "sync_failed", sms.sender, detail))
        if accepted:
            self.memory.last_good = payload
        if accepted or self._traits.repeats_replies:
            await self._run_replies()
        return accepted

    async def _exchange(self, sms: IncomingSms) -> tuple[Payload | None, str]:
        body = self._body(sms)
        if body is None:
            return None, "no secret"
        request = Request(Kind.SYNC, self._setup.url, self._preferences.method, body)
        try:
            response = await self._wire.send(request)
            if response.status not in SUCCESS_STATUSES:
                return None, f"bad http return code {response.status}"
            return payload_of(response.text, self._traits.parser), ""
        except (NoAnswer, Unreadable) as error:
            return None, str(error)

    async def _run_replies(self) -> None:
        payload = self.memory.last_good
        wanted = self._preferences.reply_from_server and self._traits.reads_replies
        if not wanted or payload is None or not payload.messages:
            return
        messages = list(payload.messages)
        if self._traits.reply_needs_uuid:
            named = [bool(each and each.uuid) for each in messages]
            messages = messages[: named.index(False)] if False in named else messages
        await self._reply(messages)

    def _body(self, sms: IncomingSms) -> Body | None:
        if self._setup.secret is None:
            return None  # form building throws
        if not self._traits.piles_up_fields:
            self.memory.pairs.clear()
        self.memory.pairs.extend(self._fields(sms))
        self.memory.body = encode(self.memory.pairs, self._preferences.data_format, self._traits)
        return self.memory.body

    def _fields(self, sms: IncomingSms) -> list[tuple[str, str]]:
        """Return the fields of an SMS under the names that the owner has chosen."""
        values: dict[str, str | None] = {
            "secret": self._setup.secret or "",
            "from": sms.sender,
            "message": sms.text,
            "sent_timestamp": self._timestamp(sms),
            "sent_to": sms.sender if self._traits.sent_to is SentTo.SENDER else self._setup.number,
            "message_id": str(sms.row) if self._traits.row_as_message_id else sms.uuid,
            "device_id": self._preferences.device_id,
        }
        names = self._preferences.names
        pairs = ((name, values[name]) for name in self._traits.fields)
        return [(names.get(name, name), value) for name, value in pairs if value is not None]

    def _timestamp(self, sms: IncomingSms) -> str | None:
        if sms.at is None and self._traits.omits_unknown_date:
            return None
        at = time.time() if sms.at is None else sms.at
        if self._traits.timestamp is Timestamp.CLOCK:
            return clock(at)
        return str(int(at) * 1000)  # the network's time has whole seconds


def clock(at: float) -> str:
    """Return ``MM-dd-yy kk:mm`` in local time; kk counts 01 to 24."""
    local = time.localtime(at)
    return f"{time.strftime('%m-%d-%y', local)} {local.tm_hour or 24:02d}:{local.tm_min:02d}"
