"""What the emulator was asked, what its handsets received and sent, and every webhook it tried."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field, fields

# Repeats times retries of one part; more would only fill the memory.
MAX_ATTEMPTS = 200


def is_taken(http_status: int | None) -> bool:
    """Tell whether a webhook has taken what it was told; None: it did not answer."""
    return http_status is not None and 200 <= http_status < 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """One webhook sent once. http_status: ``None`` when no answer came, then ``error`` says why.

    status: of a receipt, ``inbound`` for a text of a handset.
    """

    time: float
    status: str
    http_status: int | None
    error: str = ""
    message_id: str = ""


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
    provider: str = "nexmo"

    def as_json(self) -> dict[str, object]:
        """Return everything known about the message, ready for ``json.dumps``."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "parts": [part.as_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class TextPart:
    """One webhook's share of a text: all of it, or one of several SMS."""

    message_id: str
    text: str
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=MAX_ATTEMPTS))

    def as_json(self) -> dict[str, object]:
        """Return the part with its attempts, ready for ``json.dumps``."""
        attempts = [asdict(attempt) for attempt in self.attempts]
        return {"message_id": self.message_id, "text": self.text, "attempts": attempts}


@dataclass(frozen=True, slots=True)
class HandsetText:
    """A text that a handset has sent. time: unix seconds; ref: joins its parts, if several."""

    time: float
    sender: str
    to: str
    text: str
    type: str
    data: str
    udh: str
    provider: str
    ref: int
    parts: tuple[TextPart, ...]

    def attempts(self) -> list[Attempt]:
        """Return what came of each webhook so far, in order of time."""
        found = [attempt for part in self.parts for attempt in part.attempts]
        return sorted(found, key=lambda attempt: attempt.time)

    def as_json(self) -> dict[str, object]:
        """Return everything known about the text, ready for ``json.dumps``."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "parts": [part.as_json() for part in self.parts]}


@dataclass(slots=True)
class ApiRequest:
    """One request to an API, refused ones included, without its secret.

    provider: ``nexmo`` and ``flowroute`` for sending, ``numbers``, ``insight``; outcome:
    ``accepted``, ``status:2`` (at Flowroute the HTTP status, ``status:422``), or the name of the
    failure that was ordered for it.
    """

    time: float
    params: dict[str, str]
    provider: str
    path: str
    outcome: str = ""
