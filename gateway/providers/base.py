"""What every SMS provider offers the gateway, in the gateway's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class DeliveryState(StrEnum):
    """What became of a message or of one part of it, as ``/status/`` shows it."""

    ACCEPTED = "accepted"
    BUFFERED = "buffered"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    FAILED = "failed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What a provider did with one request to send."""

    ACCEPTED = "accepted"  # every part was taken
    REFUSED = "refused"  # at least one part was refused for good
    THROTTLED = "throttled"  # nothing was taken; the same request may succeed a little later
    NOT_SENT = "not_sent"  # the provider was never reached; the request may be repeated
    UNKNOWN = "unknown"  # written, but not answered usably: must never be repeated


class Obstacle(StrEnum):
    """What stood between a text and the provider's word on it, where that is not the text."""

    ACCOUNT = "account"  # no credit, suspended, wrong key: refused before it was looked at
    UNREACHABLE = "unreachable"  # never connected
    TURNED_AWAY = "turned_away"  # HTTP 429 or 503 of the provider's edge: not processed
    EDGE = "edge"  # HTTP 502 or 504: the edge heard nothing from what may have processed it
    SILENCE = "silence"  # written, no answer at all
    BUDGET = "budget"  # the owner's money for this day or month is used up


@dataclass(frozen=True, slots=True)
class Sms:
    """One text on its way out. ``id`` is ours; ``to`` is E.164 with ``+``.

    keep_sender: the receiver knows this sender and answers it: no other may take its place.
    """

    id: str
    to: str
    sender: str
    text: str
    keep_sender: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What the provider said of one part: its id when taken, and the state this puts it in."""

    provider_id: str
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """The provider's answer to one request.

    code, text: the provider's first error code and its meaning, '' when all is well.
    retry_after: seconds that the provider asks to wait, None when it does not say.
    price: decimal string in EUR, the sum of the parts, '' when not told. blames_sender: refused
    because of the sending number. obstacle: why there is no word on this very text.
    """

    outcome: Outcome
    parts: tuple[Part, ...] = ()
    code: str = ""
    text: str = ""
    retry_after: float | None = None
    price: str = ""
    network: str = ""
    blames_sender: bool = False
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A delivery receipt: the provider's id of the part, the state, and all it came with.

    counted: whether the metrics count the message as delivered or not.
    """

    provider: str
    provider_id: str
    state: DeliveryState
    client_ref: str = ""
    error_code: str = ""
    carrier_time: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    counted: bool = True


@dataclass(frozen=True, slots=True)
class LongText:
    """Which part of a long text this is; ``reference`` is the carrier's and is used again."""

    reference: str
    total: int
    part: int


@dataclass(frozen=True, slots=True)
class Inbound:
    """An MO in the gateway's words, numbers and text as the provider wrote them.

    id: the provider's, for recognising repeats; data: hexadecimal body of a binary MO, ''
    for a text; sent: when the provider says it came, as it writes times; begun: when the first
    part of a joined one came to us, ms, 0 for a single one; media: addresses of pictures and the
    like.
    """

    provider: str
    id: str
    sender: str
    to: str
    text: str
    data: str = ""
    long: LongText | None = None
    sent: str = ""
    begun: int = 0
    media: tuple[str, ...] = ()


class Provider(Protocol):
    """A way to send SMS."""

    name: str
    pace_key: str
    rate: float  # requests per second under pace_key, over all processes; 0 = unpaced

    async def submit(self, sms: Sms) -> SubmitResult:
        """Send one text; never raises for what the provider or the network does."""

    async def close(self) -> None:
        """Give connections back."""
