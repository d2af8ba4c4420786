"""The statuses with which the SMS API refuses a message, and the texts that go with them.

https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
"""

from __future__ import annotations

from collections.abc import Mapping

ERROR_TEXTS: Mapping[str, str] = {
    "1": "Throttled",
    "2": "Missing to param",
    "3": "Invalid params",
    "4": "invalid credentials",
    "5": "Server Error",
    "6": "Unroutable message - rejected",
    "7": "Number barred.",
    "8": "Partner account barred",
    "9": "Partner quota violation",
    "10": "Too many existing binds",
    "11": "Account not enabled for HTTP",
    "12": "Message too long",
    "14": "Invalid Signature",
    "15": "Illegal Sender Address - rejected",
    "17": "Message blocked by provider",
    "22": "Invalid network code",
    "23": "Invalid callback URL",
    "29": "Non White-listed Destination",
    "32": "Signature and API secret disallowed",
    "33": "Number de-activated",
}


class RefusedError(Exception):
    """An API refuses what is asked; text: '' = the usual one of the status."""

    def __init__(self, status: str, text: str = "", **fields: str) -> None:
        super().__init__(status)
        self.status = status
        self.text = text
        self.fields = fields

    def item(self) -> dict[str, str]:
        """Return the refusal as an element of ``messages`` in an answer of the SMS API."""
        text = self.text or ERROR_TEXTS.get(self.status, "Error")
        return {**self.fields, "status": self.status, "error-text": text}


def throttled(wait: float, to: str, network: str) -> RefusedError:
    """Return the refusal above the account's rate; wait: seconds until there is a place."""
    milliseconds = max(1, round(wait * 1000))
    text = f"Throughput Rate Exceeded - please wait [ {milliseconds} ] and retry"
    return RefusedError("1", text, to=to, network=network)
