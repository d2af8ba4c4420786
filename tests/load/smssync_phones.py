"""Twenty phones of mixed versions for a simulated day, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.emulator.smssync import Event, Handset, Kind, Preferences
from tests.load.site import Phone

# Android's code for an SMS that the network did not take.
NOT_SENT = 1
LOSABLE = (Kind.SYNC, Kind.SEND, Kind.SENT, Kind.ASK, Kind.REPORT)


@dataclass(frozen=True, slots=True)
class Model:
    """A phone's app and what its owner has set.

    results: whether the results API is on; report: whether delivery reports are asked for.
    """

    version: str
    data_format: str = "form"
    method: str = "POST"
    results: bool = False
    report: bool = False

    def url(self, address: str, phone: Phone) -> str:
        """Return the sync URL as the owner of this version has to type it.

        Versions before 2.4 send no secret when they poll, 2.7.1 none when it asks for results.
        """
        if self.version.startswith("1.") or self.version == "2.0":
            return f"http://{address}{phone.path}?secret={phone.secret}"
        user = f"phone:{phone.secret}@" if self.version == "2.7.1" else ""
        return f"http://{user}{address}{phone.path}"

    def __str__(self) -> str:
        words = (self.version, self.data_format, self.method if self.method != "POST" else "")
        return " ".join(word for word in words if word)


FLEET = (
    Model("1.0.6"),
    Model("1.0.7"),
    Model("1.1.9"),
    Model("2.0"),
    Model("2.4"),
    Model("2.7.0", results=True),
    Model("2.7.1", "json", results=True),
    Model("2.7.2", "xml", results=True, report=True),
    Model("2.7.3", results=True, report=True),
    Model("2.7.3", "json", results=True),
    Model("2.8.3", "yaml"),
    Model("2.8.3", "xml", results=True, report=True),
    Model("3.0.0"),
    Model("3.0.3", "json", results=True),
    Model("3.0.4", results=True),
    Model("3.0.5", "xml"),
    Model("3.1.1", method="PUT", report=True),
    Model("3.1.1", "json", results=True, report=True),
    Model("docs", "multipart", results=True, report=True),
    Model("3.1.1", results=True),  # the one that is silent from noon on
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An SMS that the network brings; at: which part of the day is over then, 0 to 1."""

    at: float
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class Chances:
    """How often something goes wrong, for each round of a phone."""

    lost_answer: float = 0.0
    refused_sms: float = 0.0
    repeated_post: float = 0.0
    repeated_result: float = 0.0
    no_report: float = 0.0
    not_delivered: float = 0.0
    restart: float = 0.0
    low_battery: float = 0.0
    test_button: float = 0.0


NO_CHANCES = Chances()
CHANCES = Chances(0.08, 0.03, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.005)


class Clock:
    """A day that takes ``seconds``; it begins when the clock is made."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = time.monotonic()

    @property
    def now(self) -> float:
        """Which part of the day is over, more than 1 after its end."""
        return (time.monotonic() - self._began) / self._seconds

    async def wait_until(self, at: float) -> None:
        """Return when this part of the day is over."""
        await asyncio.sleep((at - self.now) * self._seconds)


@dataclass
class Member:
    """One phone's day.

    silences: from when to when it reaches nobody, as parts of the day; rounds: how often it has
    polled; events: how often each thing has happened to it.
    """

    phone: Phone
    model: Model
    handset: Handset
    arrivals: Sequence[Arrival]
    silences: Sequence[tuple[float, float]]
    clock: Clock
    chance: random.Random
    interval: float
    events: Counter[str]
    done: bool = False
    rounds: int = 0

    @property
    def synced(self) -> bool:
        """Whether all SMS of the day have come and been accepted."""
        return len(self.handset.inbox) == len(self.arrivals) and not self.handset.pending

    @property
    def doubles(self) -> bool:
        """Whether this version sends every SMS of the server twice."""
        return self.handset.traits.doubles_with_report and self.model.report

    async def live(self) -> None:
        """Receive, poll, report and sync until ``done``."""
        async with self.handset:
            arriving = asyncio.ensure_future(self._receive())
            while not self.done:
                self._suffer()
                await self.round()
                await asyncio.sleep(self.interval * (0.5 + self.chance.random()))
            await arriving

    async def round(self) -> None:
        """Do what the app does at each of its alarms."""
        await self.handset.poll()
        await self.handset.report()
        await self.handset.sync_pending()
        if not self.handset.faults.silent:
            await self._rare()
            self.rounds += 1

    async def _receive(self) -> None:
        for each in self.arrivals:
            await self.clock.wait_until(each.at)
            await self.handset.receive(each.sender, each.text)

    def _suffer(self) -> None:
        """Let the dice decide what goes wrong in the next round; at the day's end nothing does."""
        faults, now = self.handset.faults, self.clock.now
        chances = CHANCES if now < 1 else NO_CHANCES
        faults.silent = any(begin <= now < end for begin, end in self.silences)
        if self._happens(chances.lost_answer):
            faults.lose_answers(of=self.chance.choice(LOSABLE))
        if self._happens(chances.refused_sms):
            faults.fail_next(NOT_SENT)
        faults.duplicate_posts = int(self._happens(chances.repeated_post))
        faults.double_reports = self._happens(chances.repeated_result)
        faults.no_reports = self._happens(chances.no_report)
        faults.undelivered = self._happens(chances.not_delivered)
        if self._happens(chances.restart):
            self.events["app restarted"] += 1
            self.handset.restart()

    async def _rare(self) -> None:
        """Say something that is no SMS: nothing of it may be taken for one."""
        if self._happens(CHANCES.low_battery):
            await self.handset.battery_low(self.chance.randint(1, 15))
        if self.handset.traits.test_fields is not None and self._happens(CHANCES.test_button):
            await self.handset.test()

    def _happens(self, chance: float) -> bool:
        return self.chance.random() < chance


def note(events: Counter[str]) -> Callable[[Event], None]:
    """Return a listener that counts what happens, and of failures the reason."""

    def listener(event: Event) -> None:
        events[event.name] += 1
        if event.detail.endswith("the answer was lost"):
            events["answer lost"] += 1
        elif event.name.endswith("_failed") and "Error" in event.detail.rpartition(" ")[2]:
            events["no connection"] += 1

    return listener


def handset(
    model: Model, phone: Phone, address: str, number: str, listener: Callable[[Event], None]
) -> Handset:
    """Return the phone itself; number: what its SIM says it is, '' for those that do not know."""
    preferences = Preferences(
        method=model.method,
        data_format=model.data_format,
        results_api=model.results,
        delivery_report=model.report,
        device_id=phone.name,
    )
    return Handset(
        model.url(address, phone),
        version=model.version,
        secret=phone.secret,
        number=number,
        preferences=preferences,
        listener=listener,
        timeout=10,
        sms_cap=0,
    )
