"""The numbers that the account rents, and what it has set for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.emulator.rented.stock import STOCK, Offer, offer_of
from gateway.emulator.settings import Settings

# What an update sets, in the provider's words.
CALLBACKS = (
    "app_id",
    "moHttpUrl",
    "moSmppSysType",
    "voiceCallbackType",
    "voiceCallbackValue",
    "voiceStatusCallback",
    "messagesCallbackType",
    "messagesCallbackValue",
)


@dataclass(slots=True)
class Lease:
    """A rented number. callbacks: what an update has set, by the names in CALLBACKS."""

    offer: Offer
    callbacks: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the number as the list of owned ones shows it."""
        return {**self.offer.rented(), **self.callbacks}

    @property
    def application(self) -> str:
        """The id of the application that answers its calls, '' for none."""
        if self.callbacks.get("voiceCallbackType") == "app":
            return self.callbacks["voiceCallbackValue"]
        return self.callbacks.get("app_id", "")

    @property
    def forwarded_to(self) -> str:
        """Where its calls go without a webhook, '' = nowhere: this is put before applications."""
        forwards = self.callbacks.get("voiceCallbackType") in {"sip", "tel"}
        return self.callbacks["voiceCallbackValue"] if forwards else ""


class Leases:
    """The rented numbers: those that were bought, and those of the setting ``owned_numbers``."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._settings: Settings | None = None

    def available(self, settings: Settings) -> Iterator[Offer]:
        """Yield the numbers that can be rented."""
        self._add(settings)
        return (offer for offer in STOCK.values() if offer.msisdn not in self._leases)

    def owned(self, settings: Settings) -> Sequence[Lease]:
        """Return the rented numbers, oldest first."""
        self._add(settings)
        return list(self._leases.values())

    def find(self, msisdn: str, settings: Settings) -> Lease | None:
        """Return the rented number, or ``None``."""
        self._add(settings)
        return self._leases.get(msisdn)

    def rent(self, offer: Offer) -> None:
        """Take a number out of the stock."""
        self._leases[offer.msisdn] = Lease(offer)

    def set_callbacks(self, lease: Lease, values: Mapping[str, str]) -> None:
        """Set what ``values`` name; what they do not name is cleared, as the provider does."""
        lease.callbacks = {name: values[name] for name in CALLBACKS if values.get(name)}

    def clear(self) -> None:
        """Return everything to the stock."""
        self._leases.clear()
        self._settings = None

    def _add(self, settings: Settings) -> None:
        if settings is self._settings:
            return
        self._settings = settings
        linked = {"app_id": settings.application_id} if settings.application_id else {}
        for number in settings.owned_numbers:
            if number not in self._leases:
                self._leases[number] = Lease(offer_of(number), dict(linked))
