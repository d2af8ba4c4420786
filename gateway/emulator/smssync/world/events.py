"""What happens on a phone, as lines that may be shown: numbers masked, no texts, no secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.telephony.phonenumber import mask


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    name: ``received``, ``synced``, ``sync_failed``, ``kept`` (now pending), ``dropped``,
    ``polled``, ``poll_failed``, ``sms_sent``, ``sms_failed``, ``reported``, ``report_failed``,
    ``alerted``, ``tested``, ``answered`` (a status code), ``crashed``.
    """

    name: str
    number: str = ""
    detail: str = ""

    def __str__(self) -> str:
        """The event as one line."""
        words = (self.name, mask(self.number), self.detail)
        return " ".join(word for word in words if word)


Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Listen to nothing."""
