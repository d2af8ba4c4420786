"""The nouns of the gateway: frozen dataclasses and enums, without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# What participants say, as opposed to what the gateway tells them: kinds of texts in the outbox.
SPOKEN = frozenset({"relay", "chat"})


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A valid telephone number.

    e164: with ``+``; international: as people read it (``+49 176 12345678``);
    country: ISO 3166 two letters, ``None`` for non-geographic codes such as +800;
    type: libphonenumber's name in lower case; sms: whether that type can receive SMS.
    """

    e164: str
    international: str
    country: str | None
    type: str
    sms: bool


@dataclass(frozen=True, slots=True)
class MessageEndpoint:
    """A public path that sends one fixed text.

    The limits are per endpoint when set; ``None`` means the gateway-wide options.
    """

    path: str
    text: str
    sender: str
    limit_amount: int | None = None
    limit_expires: int | None = None
    receiver_limit_amount: int | None = None
    receiver_limit_expires: int | None = None


@dataclass(frozen=True, slots=True)
class VirtualNumber:
    """A number rented from a provider.

    country: ISO 3166 two letters, '' for none; capabilities: ``sms``, ``voice`` or both.
    """

    e164: str
    provider: str
    country: str
    capabilities: frozenset[str]
    added: int = 0


class Mode(StrEnum):
    """What a session carries."""

    MESSAGE = "message"
    VOICE = "voice"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Session:
    """Two participants and the virtual numbers between them.

    number_a: the number that a texts and dials, and from which he hears b; the same for b.
    provider_a: of number_a. created, expires, closed: ms, 0 = never. numbers: ``shared`` or
    ``per-side``. kind: ``masked``, or ``chat`` for one that the lobby opened. pin_a: by which a
    calls number_a from another phone, '' = not at all. texts: how many its participants have
    written, those that were not delivered too.
    """

    id: str
    created: int
    expires: int
    participant_a: str
    participant_b: str
    number_a: str
    number_b: str
    provider_a: str
    provider_b: str
    mode: Mode = Mode.MESSAGE
    numbers: str = "shared"
    unique_name: str = ""
    kind: str = "masked"
    closed: int = 0
    pin_a: str = field(default="", repr=False)
    pin_b: str = field(default="", repr=False)
    texts: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """An Android phone that runs SMSsync.

    old_secret: still valid while the phones are given a new one, '' for none; numbers: E.164 of
    its SIM cards; fields: names that its owner has given to the fields of a post, by their usual
    names; hourly_cap: SMS that Android lets it send in an hour, 0 = any number; results: whether
    it reports what became of an SMS: ``on``, ``off``, or ``auto`` (if it has ever done so).
    """

    name: str
    secret: str = field(repr=False)
    old_secret: str = field(default="", repr=False)
    numbers: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    hourly_cap: int = 100
    results: str = "auto"


class Delivery(StrEnum):
    """What became of a message or of one part of it, as ``/status/`` shows it."""

    ACCEPTED = "accepted"
    BUFFERED = "buffered"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    FAILED = "failed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
