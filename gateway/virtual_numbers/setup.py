"""A rented number put to use: its texts and calls come to this gateway, and it joins the pool."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from conf.providers import NEXMO
from gateway.errors import BadRequest, GatewayError, ProviderFailed, StoreUnavailable
from gateway.providers.base import Outcome
from gateway.providers.vonage.numbers import NumbersApi
from gateway.providers.vonage.numbers_wire import Offer, Rental
from gateway.store.budget import budget
from gateway.virtual_numbers.pool import Pool, VirtualNumber

# Whose numbers are rented.
PROVIDER = NEXMO.name

# Of an update that is not answered.
TRIES = 2


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Where the provider reaches this gateway.

    mo_url: for SMS, '' when no public address is known; app_id: the application for calls.
    """

    mo_url: str
    app_id: str

    @classmethod
    def at(cls, public_url: str, token: str, app_id: str) -> Webhooks:
        """Return those of a gateway with this public address, '' when it is not known."""
        return cls(f"{public_url}/inbound/{token}" if public_url else "", app_id)

    def check(self, features: frozenset[str]) -> None:
        """Raise BadRequest when numbers cannot be set up for want of an option."""
        if not self.mo_url:
            raise BadRequest("public_url: is not set")
        if "voice" in features and not self.app_id:
            raise BadRequest("nexmo_application_id: is not set")

    def serve(self, rental: Rental, features: frozenset[str]) -> bool:
        """Tell whether a number is set up so that all of its features come here."""
        texts = rental.mo_url.rstrip("/") == self.mo_url.rstrip("/") != ""
        calls = rental.app_id == self.app_id != ""
        return (
            bool(features)
            and (texts or "sms" not in features)
            and (calls or "voice" not in features)
        )


class NumberSetup:
    """Sets up numbers of one account and puts them into the pool."""

    def __init__(self, api: NumbersApi, pool: Pool, webhooks: Webhooks) -> None:
        self._api = api
        self._pool = pool
        self._webhooks = webhooks

    def check(self, features: frozenset[str]) -> None:
        """Raise BadRequest when numbers cannot be set up for want of an option."""
        self._webhooks.check(features)

    async def configure(self, offer: Offer, features: frozenset[str]) -> str:
        """Let texts and calls of a number come here; return why that failed, '' when it did not.

        An update replaces all settings, so the others are read first and sent as they are. One
        that was not answered is repeated, unless a look shows that it was made.
        """
        mo_url = self._webhooks.mo_url if "sms" in features else ""
        app_id = self._webhooks.app_id if "voice" in features else ""
        problem = ""
        for tries_left in range(TRIES, -1, -1):
            try:
                found = await self._api.rental(offer.e164, offer.country)
            except ProviderFailed as error:
                problem = str(error)
                continue
            if found and self._webhooks.serve(found, features):
                return ""
            if not tries_left:
                break
            rental = found or Rental(offer.e164, offer.country)  # new, and not listed yet
            change = await self._api.update(rental, mo_url=mo_url, app_id=app_id)
            if change.outcome is Outcome.ACCEPTED:
                return ""
            problem = change.text
            if change.outcome is Outcome.REFUSED:
                break
        return problem

    async def add(self, offer: Offer, features: frozenset[str]) -> str:
        """Put a number into the pool; return why that failed, '' when it is there."""
        number = VirtualNumber(offer.e164, PROVIDER, offer.country, features)
        try:
            with budget():
                await self._pool.add(number)
        except GatewayError as error:
            with suppress(StoreUnavailable), budget():
                known = await self._pool.get(offer.e164)
                if known is not None and known.provider == PROVIDER:
                    return ""
            return str(error)
        return ""
