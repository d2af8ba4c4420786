"""A phone with the SMSsync app, as one object."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway.emulator.smssync.app.client import AppClient, AppMemory
from gateway.emulator.smssync.app.controls import STATUS_CODES, Controls
from gateway.emulator.smssync.app.incoming import Incoming, IncomingSms, SyncMemory
from gateway.emulator.smssync.app.radio import Radio, SentSms
from gateway.emulator.smssync.app.replies import AppCrashed, TaskMessage
from gateway.emulator.smssync.app.results import Result, Results
from gateway.emulator.smssync.app.tasks import Failure, Tasks
from gateway.emulator.smssync.wire.wire import Wire
from gateway.emulator.smssync.world.events import Event, Listener, nobody
from gateway.emulator.smssync.world.faults import Faults
from gateway.emulator.smssync.world.preferences import Preferences
from gateway.emulator.smssync.world.setup import Setup
from gateway.emulator.smssync.world.versions import traits_of

T = TypeVar("T")

# Android lets an app send 100 SMS an hour before it asks the user; newer releases 30 in 30
# minutes. https://android.googlesource.com/platform/frameworks/opt/telephony (SmsUsageMonitor)
SMS_CAP = 100
SMS_CAP_WINDOW = 3600.0
# How many SMS the app takes over from the phone's own inbox.
IMPORTED = 10


class Handset:
    """A phone that syncs with ``sync_url``; use it in ``async with``.

    secret: None = the pairing code had none, so that incoming SMS cannot be posted.
    number: what the SIM says it is, "" for the many that do not know, None where Android fails.
    interval: seconds between polls in ``run``; inexact: by which part of it Android may be late.
    timeout: seconds for each request, None = the version's own.
    sms_cap: SMS that Android lets through in sms_cap_window seconds, 0 = any number.
    preferences: what the owner has set; faults: what goes wrong. Both may change at any time.
    Raises ValueError for an unknown version or a format that the version does not have.
    """

    def __init__(
        self,
        sync_url: str,
        *,
        version: str = "3.1",
        secret: str | None = "",
        number: str | None = "",
        preferences: Preferences | None = None,
        faults: Faults | None = None,
        listener: Listener = nobody,
        interval: float = 300.0,
        inexact: float = 0.0,
        timeout: float | None = None,
        sms_cap: int = SMS_CAP,
        sms_cap_window: float = SMS_CAP_WINDOW,
    ) -> None:
        self.traits = traits_of(version)
        self.preferences = preferences or Preferences()
        self.faults = faults or Faults()
        self.battery = 100
        self.crashes = 0
        self._check_format()
        self._listener = listener
        self._interval = interval
        self._inexact = inexact
        self._receiving = asyncio.Lock()
        self._working = asyncio.Lock()
        setup = Setup(
            url=sync_url,
            secret=secret,
            number=self.preferences.device_id if number is None else number,
            traits=self.traits,
            preferences=self.preferences,
            faults=self.faults,
            listener=listener,
            timeout=timeout,
        )
        self._radio = Radio(setup, cap=sms_cap, cap_window=sms_cap_window)
        self._connect(setup)

    def _connect(self, setup: Setup) -> None:
        self._wire = Wire(setup)
        self._client = AppClient(setup, self._wire)
        self._controls = Controls(setup, self._client)
        self._results = Results(setup, self._client, self._radio)
        self._incoming = Incoming(setup, self._wire, self._reply)
        self._tasks = Tasks(
            setup, self._client, self._radio, stale=lambda: self._incoming.memory.body
        )

    @classmethod
    def paired(cls, code: str, **options: Any) -> Self:
        """Return a phone that has scanned a pairing code: JSON with title, url and secret.

        Raises ValueError when the code is no such JSON or the version cannot scan.
        """
        scanned = json.loads(code)
        if not isinstance(scanned, dict) or not isinstance(scanned.get("url"), str):
            raise ValueError("the pairing code has no url")
        phone = cls(scanned["url"], secret=scanned.get("secret"), **options)
        if not phone.traits.pairs_by_code:
            raise ValueError(f"version {phone.traits.version} cannot scan pairing codes")
        phone.preferences.title = str(scanned.get("title", phone.preferences.title))
        return phone

    async def __aenter__(self) -> Self:
        await self._wire.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._wire.close()

    @property
    def sent(self) -> Sequence[SentSms]:
        """Every SMS that has left the phone, in order."""
        return self._radio.sent

    @property
    def failed(self) -> Sequence[SentSms]:
        """Every SMS that the phone was told to send and the network or Android refused."""
        return self._radio.failed

    @property
    def pending(self) -> Sequence[IncomingSms]:
        """Incoming SMS that the phone holds because no server has accepted them yet."""
        return list(self._incoming.pending.values())

    @property
    def inbox(self) -> Sequence[IncomingSms]:
        """Every SMS that the phone has received."""
        return self._incoming.received

    async def receive(
        self, sender: str, text: str, *, at: float | None = None, dated: bool = True
    ) -> bool:
        """Take an SMS from the network and post it; return whether the server accepted it.

        at: the network's time in seconds since the epoch, default now; dated: False for an SMS
        without a time.
        """
        if self.traits.status_codes and text.strip() in STATUS_CODES:
            await self._answer_status(sender, text.strip())
            return False
        if dated and at is None:
            at = time.time()
        async with self._receiving:
            sms = self._incoming.take(sender, text, at)
            await self._survive(self._incoming.route(sms), None)
            return sms.synced

    async def sync_pending(self) -> int:
        """Post again what is pending, as auto sync does; return how many were accepted."""
        async with self._receiving:
            return await self._survive(self._incoming.sync_pending(), 0)

    def import_inbox(self) -> int:
        """Take the newest SMS of the phone over as pending, under new ids; return how many."""
        return self._incoming.import_newest(IMPORTED)

    async def poll(self) -> list[SentSms]:
        """Ask for tasks and do them; return the SMS that left the phone meanwhile."""
        async with self._working:
            before = len(self._radio.sent)
            failures = await self._survive(self._tasks.poll(), [])
            await self._tell(failures)
            return self._radio.sent[before:]

    async def report(self) -> list[Result]:
        """Do the round of message results; return what was posted."""
        async with self._working:
            return await self._results.report()

    async def battery_low(self, level: int) -> bool:
        """Let the battery run down to ``level`` per cent; return whether the server was told."""
        self.battery = level
        return await self._controls.battery_low(level)

    async def test(self) -> bool:
        """Press the test button; return whether it passed.

        Raises ValueError for a version without the button.
        """
        return await self._controls.test()

    def restart(self) -> None:
        """Start the app again: stored SMS stay, what the client objects remembered goes."""
        self._incoming.memory = SyncMemory()
        self._client.memory = AppMemory()

    async def run(self) -> None:
        """Poll, report and sync at the interval until cancelled."""
        chance = random.Random()  # noqa: S311 - an alarm's lateness, no secret
        while True:
            await self.poll()
            await self.report()
            if self.preferences.auto_sync:
                await self.sync_pending()
            await asyncio.sleep(self._interval * (1 + self._inexact * chance.random()))

    def _check_format(self) -> None:
        wanted = self.preferences.data_format
        if wanted not in self.traits.formats:
            raise ValueError(f"version {self.traits.version} has no format {wanted}")

    async def _reply(self, messages: Sequence[TaskMessage | None]) -> None:
        await self._tell(self._tasks.send(messages))

    async def _tell(self, failures: Sequence[Failure]) -> None:
        for text, code in failures:
            await self._controls.send_failed(text, code)

    async def _answer_status(self, sender: str, code: str) -> None:
        answer = await self._controls.status(code, self.battery)
        self._listener(Event("answered", sender, code))
        self._radio.send(sender, answer, None)

    async def _survive(self, work: Awaitable[T], otherwise: T) -> T:
        try:
            return await work
        except AppCrashed as crash:
            self.crashes += 1
            self._listener(Event("crashed", detail=str(crash)))
            self.restart()
            return otherwise
