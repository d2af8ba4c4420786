"""The codes and words of Vonage: what each means and what the gateway does with it.

https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
What an HTTP status without such a code means is decided in ``sms.result``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.providers.base import DeliveryState, Outcome


@dataclass(frozen=True, slots=True)
class Status:
    """A status code of the SMS API: what it means and what to do with it."""

    meaning: str
    outcome: Outcome = Outcome.REFUSED
    alert: bool = False  # an operator has to act: credentials, credit, account
    blames_sender: bool = False


STATUSES: Mapping[str, Status] = {
    "0": Status("accepted", Outcome.ACCEPTED),
    "1": Status("throttled", Outcome.THROTTLED),
    "2": Status("missing parameters"),
    "3": Status("invalid parameters"),
    "4": Status("invalid credentials", alert=True),
    # Ambiguous: the platform may have queued the text before it failed. Sending again could
    # deliver and bill it twice, so it counts as unanswered; a receipt can still tell.
    "5": Status("internal error at the provider", Outcome.UNKNOWN),
    "6": Status("invalid message, for example an unknown prefix"),
    "7": Status("number barred"),
    "8": Status("account suspended", alert=True),
    "9": Status("no credit left", alert=True),
    "10": Status("too many connections", Outcome.THROTTLED),
    "11": Status("account not enabled for HTTP", alert=True),
    "12": Status("message too long"),
    "13": Status("communication failed"),
    "14": Status("invalid signature", alert=True),
    "15": Status("sender not allowed for this destination", blames_sender=True),
    "16": Status("invalid time to live"),
    "17": Status("blocked by the provider"),
    "18": Status("too many destinations"),
    "19": Status("facility not allowed"),
    "20": Status("invalid message class"),
    "22": Status("invalid network code"),
    "23": Status("invalid callback URL", alert=True),
    "29": Status("destination not on the demo account's list"),
    "32": Status("both signature and secret given", alert=True),
    "33": Status("number de-activated"),
    "101": Status("account not valid for the campaign", alert=True),
}
UNKNOWN_STATUS = Status("unknown status code")
NO_STATUS = Status("no status code", Outcome.UNKNOWN)
# An operator has to act on these codes; 401 to 403 are HTTP's own.
ALERTS = {code: status.meaning for code, status in STATUSES.items() if status.alert} | {
    "401": "invalid credentials",
    "402": "no credit left",
    "403": "not allowed",
}

# Both the SMS API's words and those of Messages v1.
RECEIPT_STATES: Mapping[str, DeliveryState] = {
    "accepted": DeliveryState.ACCEPTED,
    "submitted": DeliveryState.ACCEPTED,
    "buffered": DeliveryState.BUFFERED,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.DELIVERED,
    "expired": DeliveryState.EXPIRED,
    "failed": DeliveryState.FAILED,
    "undeliverable": DeliveryState.FAILED,
    "rejected": DeliveryState.REJECTED,
    "unknown": DeliveryState.UNKNOWN,
}
