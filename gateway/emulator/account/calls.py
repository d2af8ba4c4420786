"""What became of a call: what its caller heard, whom it rang, what was asked and told of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gateway.emulator.account.call_order import CALLER, CallOrder
from gateway.emulator.account.records import MAX_ATTEMPTS, Attempt

Action = Mapping[str, Any]

INBOUND, OUTBOUND = "inbound", "outbound"
IN_PROGRESS = "in progress"


@dataclass(slots=True)
class Leg:
    """One side of a call. sender: the number it shows; heard: the texts that were read to it.

    status: of its last event; started, answered, ended: unix seconds, 0 = not (yet).
    """

    direction: str
    sender: str
    to: str
    started: float
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = ""
    answered: float = 0.0
    ended: float = 0.0
    disconnected_by: str = ""
    heard: list[str] = field(default_factory=list)

    @property
    def duration(self) -> int:
        """Whole seconds from the answer to the end."""
        return round(self.ended - self.answered) if self.answered and self.ended else 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A webhook that was asked for an NCCO. kind: ``answer``, ``fallback`` or ``event``.

    http_status: ``None`` when no answer came, then ``error`` says why.
    """

    time: float
    kind: str
    method: str
    url: str
    http_status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class CallEvent:
    """An event and what came of telling it; url: '' when nobody was told."""

    time: float
    status: str
    direction: str
    uuid: str
    url: str
    body: Mapping[str, object]
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=MAX_ATTEMPTS))

    def as_json(self) -> dict[str, object]:
        """Return the event with its attempts, ready for ``json.dumps``."""
        values: dict[str, object] = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "attempts": [asdict(attempt) for attempt in self.attempts]}


@dataclass(slots=True, eq=False)
class Call:
    """A call of a handset. time: unix seconds; actions: carried out so far, as they came.

    problem: why it ended before its time, '' if it did not.
    """

    order: CallOrder
    time: float = field(default_factory=time.time)
    conversation_uuid: str = field(default_factory=lambda: f"CON-{uuid.uuid4()}")
    legs: list[Leg] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    events: list[CallEvent] = field(default_factory=list)
    problem: str = ""
    over: bool = False
    hung_up_by: str = ""
    _hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        order = self.order
        # That of an inbound leg has no dashes in the newer samples of the documentation.
        leg_uuid = uuid.uuid4().hex
        self.legs.append(Leg(INBOUND, order.shown_sender, order.to, self.time, leg_uuid))

    @property
    def sender(self) -> str:
        """The handset that calls, also when it withholds its number."""
        return self.order.sender

    @property
    def to(self) -> str:
        """The virtual number that was called."""
        return self.order.to

    @property
    def uuid(self) -> str:
        """The id of the caller's leg, and of the call."""
        return self.inbound.uuid

    @property
    def inbound(self) -> Leg:
        """The caller's leg."""
        return self.legs[0]

    @property
    def rang(self) -> list[Leg]:
        """The legs of those who were called; ``sender`` is the caller id that they saw."""
        return self.legs[1:]

    @property
    def heard(self) -> list[str]:
        """What the caller was told."""
        return self.inbound.heard

    @property
    def status(self) -> str:
        """``in progress``, or the last status of the caller's leg."""
        return self.inbound.status if self.over else IN_PROGRESS

    def hang_up(self, by: str = CALLER) -> None:
        """Let the caller or the callee hang up; without effect on a call that is over."""
        if not self.over and not self.hung_up_by:
            self.hung_up_by = by
            self._hung_up.set()

    async def hung_up(self) -> None:
        """Wait until somebody has hung up."""
        await self._hung_up.wait()

    def resume(self) -> None:
        """Go on after the callee has hung up: the caller is still there."""
        self.hung_up_by = ""
        self._hung_up.clear()

    def as_json(self) -> dict[str, object]:
        """Return everything known about the call, ready for ``json.dumps``."""
        return {
            "uuid": self.uuid,
            "conversation_uuid": self.conversation_uuid,
            "time": self.time,
            "from": self.sender,
            "to": self.to,
            "status": self.status,
            "problem": self.problem,
            "heard": list(self.heard),
            "rang": [{**asdict(leg), "duration": leg.duration} for leg in self.rang],
            "duration": self.inbound.duration,
            "disconnected_by": self.inbound.disconnected_by,
            "actions": list(self.actions),
            "asked": [asdict(each) for each in self.asked],
            "events": [event.as_json() for event in self.events],
        }
