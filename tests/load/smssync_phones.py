"""Twenty phones of mixed versions for a simulated day, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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


# With the results API on, 2.7.0 reports to an address that no device has: it stays off there.
FLEET = (
    Model("1.0.6"),
    Model("1.0.7"),
    Model("1.1.9"),
    Model("2.0"),
    Model("2.4"),
    Model("2.7.0"),
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

    lost_answer: float = 0.08
    refused_sms: float = 0.03
    repeated_post: float = 0.1
    repeated_result: float = 0.1
    no_report: float = 0.1
    not_delivered: float = 0.1
    restart: float = 0.01
    low_battery: float = 0.01
    test_button: float = 0.005


@dataclass
class Member:
    """One phone's day.

    silences: parts of the day, from and to, in which it reaches nobody; a moment is a part of the
    day that is over, from ``clock``.
    """

    phone: Phone
    model: Model
    handset: Handset
    arrivals: Sequence[Arrival]
    silences: Sequence[tuple[float, float]]
    clock: Callable[[], float]
    chance: random.Random
    interval: float
    chances: Chances = field(default_factory=Chances)
    events: Counter[str] = field(default_factory=Counter)
    done: bool = False
    rounds: int = 0

    @property
    def synced(self) -> bool:
        """Whether all SMS of the day have come and been accepted."""
        return len(self.handset.inbox) == len(self.arrivals) and not self.handset.pending

    @property
    def reports_results(self) -> bool:
        """Whether the app asks before it sends and reports afterwards."""
        return self.model.results

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
            while (early := each.at - self.clock()) > 0:
                await asyncio.sleep(min(early, 0.01) * 10)
            await self.handset.receive(each.sender, each.text)

    def _suffer(self) -> None:
        """Let the dice decide what goes wrong in the next round; at the day's end nothing does."""
        faults, now = self.handset.faults, self.clock()
        faults.silent = any(begin <= now < end for begin, end in self.silences)
        chances = self.chances if now < 1 else None
        if chances and self._happens(chances.lost_answer):
            faults.lose_answers(of=self.chance.choice(LOSABLE))
        if chances and self._happens(chances.refused_sms):
            faults.fail_next(NOT_SENT)
        faults.duplicate_posts = int(bool(chances) and self._happens(Chances.repeated_post))
        faults.double_reports = bool(chances) and self._happens(Chances.repeated_result)
        faults.no_reports = bool(chances) and self._happens(Chances.no_report)
        faults.undelivered = bool(chances) and self._happens(Chances.not_delivered)
        if chances and self._happens(chances.restart):
            self.events["app restarted"] += 1
            self.handset.restart()

    async def _rare(self) -> None:
        """Say something that is no SMS: nothing of it may be taken for one."""
        if self._happens(self.chances.low_battery):
            await self.handset.battery_low(self.chance.randint(1, 15))
        if self.handset.traits.test_fields is not None and self._happens(self.chances.test_button):
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
    model: Model, phone: Phone, address: str, number: str, events: Counter[str]
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
        listener=note(events),
        timeout=10,
        sms_cap=0,
    )
