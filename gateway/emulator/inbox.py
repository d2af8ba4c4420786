"""What the emulator was asked, what its handsets received, and every receipt it tried to send."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field, fields

# Repeats times retries of one part; more would only fill the memory.
MAX_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """One receipt sent once. http_status: ``None`` when no answer came, then ``error`` says why."""

    time: float
    status: str
    http_status: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message, with its own id and its own receipts."""

    message_id: str
    receipts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=MAX_ATTEMPTS))

    def as_json(self) -> dict[str, object]:
        """Return the part with its receipts, ready for ``json.dumps``."""
        attempts = [asdict(attempt) for attempt in self.receipts]
        return {"message_id": self.message_id, "receipts": attempts}


@dataclass(frozen=True, slots=True)
class SentMessage:
    """An accepted message. time: unix seconds; text: as the handset shows it; to: bare digits."""

    time: float
    to: str
    sender: str
    text: str
    asked_text: str
    type: str
    encoding: str
    client_ref: str
    callback: str
    wants_receipt: bool
    network: str
    price: str
    parts: tuple[Part, ...]

    def as_json(self) -> dict[str, object]:
        """Return everything known about the message, ready for ``json.dumps``."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "parts": [part.as_json() for part in self.parts]}


@dataclass(slots=True)
class ApiRequest:
    """One request to the SMS API, refused ones included, without its credentials.

    outcome: ``accepted``, ``status:2``, or the name of the failure that was ordered for it.
    """

    time: float
    params: dict[str, str]
    outcome: str = ""
