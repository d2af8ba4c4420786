"""The Numbers API: search, rent, set up and list numbers.

https://developer.vonage.com/en/api/numbers
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from gateway.emulator.account import auth
from gateway.emulator.account.failures import Failure
from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.api import number_requests
from gateway.emulator.api.failing import ApiHandler
from gateway.emulator.api.number_requests import ADDRESS_NEEDED
from gateway.emulator.api.wire import read_params
from gateway.emulator.rented.leases import Lease
from gateway.emulator.rented.stock import ADDRESS_COUNTRIES, Offer
from gateway.emulator.webhooks.outgoing import Outgoing
from gateway.errors import GatewayError

Params = Mapping[str, str]

# The webhook of a number must answer this to the GET of an update.
HTTP_OK = 200


class NumbersHandler(ApiHandler):
    """Refuses by the rules, or fails as a test has ordered; what it carries out is a subclass's."""

    provider = "numbers"
    refuses_by_http = True

    async def check(self, params: Params) -> None:
        """Raise RefusedError when a request is refused after a look outside."""

    def carry_out(self, params: Params) -> object:
        """Do what is asked and return the answer; raises RefusedError."""
        raise NotImplementedError

    async def respond(self) -> None:
        """Answer the request."""
        params = read_params(self.request)
        await self.serve(
            params, partial(self._accept, params), partial(self._accept_silently, params)
        )

    def refuse(self, refusal: RefusedError) -> None:
        """Reply with the error code, which is the HTTP status as well."""
        self._answer(int(refusal.status), refusal.text)

    def answer_ordered(self, failure: Failure) -> None:
        """Reply with the error code that was ordered."""
        self._answer(int(failure.status or failure.name))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Reply with an error code, whatever was raised."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, GatewayError):
            self._answer(error.status, str(error))
            return
        self._answer(status_code, self._reason)

    async def _accept(self, params: Params) -> None:
        self._authenticate(params)
        await self.check(params)
        self.reply(self.carry_out(params))

    def _accept_silently(self, params: Params) -> None:
        self._authenticate(params)
        self.carry_out(params)

    def _authenticate(self, params: Params) -> None:
        if not auth.is_account(params, self.authorization, self.application.account.settings):
            raise RefusedError("401")

    def _answer(self, status: int, label: str = "") -> None:
        self.set_status(status)
        self.reply(number_requests.answer(status, label))


class SearchHandler(NumbersHandler):
    """``GET /number/search``: what can be rented."""

    async def get(self) -> None:
        """Reply with a page of the offers that fit."""
        await self.respond()

    def carry_out(self, params: Params) -> object:
        """Return the page; raises RefusedError (420)."""
        query = number_requests.query(params, country_required=True)
        account = self.application.account
        offers = account.leases.available(account.settings)
        return query.page([offer.as_json() for offer in offers if _wanted(query, offer)])


class OwnedHandler(NumbersHandler):
    """``GET /account/numbers``: what is rented."""

    async def get(self) -> None:
        """Reply with a page of the rented numbers that fit."""
        await self.respond()

    def carry_out(self, params: Params) -> object:
        """Return the page; raises RefusedError (420)."""
        query = number_requests.query(params, country_required=False)
        account = self.application.account
        return query.page(
            [
                lease.as_json()
                for lease in account.leases.owned(account.settings)
                if _wanted(query, lease.offer)
            ]
        )


class ChangeHandler(NumbersHandler):
    """A POST about one number; the answer is the error code 200."""

    async def post(self) -> None:
        """Reply with an error code, 200 when it is done."""
        await self.respond()

    def carry_out(self, params: Params) -> object:
        """Change the number and return the error code; raises RefusedError (420)."""
        self.change(
            params, number_requests.number(params, self.application.account.settings.api_key)
        )
        return number_requests.answer(HTTP_OK)

    def change(self, params: Params, msisdn: str) -> None:
        """Do it; raises RefusedError."""
        raise NotImplementedError

    def lease(self, params: Params, msisdn: str) -> Lease:
        """Return the rented number; raises RefusedError when it is not rented."""
        account = self.application.account
        found = account.leases.find(msisdn, account.settings)
        if found is None or found.offer.country != params["country"]:
            raise RefusedError("420")
        return found


class BuyHandler(ChangeHandler):
    """``POST /number/buy``: the number leaves the stock, the price the balance."""

    def change(self, params: Params, msisdn: str) -> None:
        """Rent the number; raises RefusedError (420) for one that is not to be had or too dear."""
        account = self.application.account
        offers = {offer.msisdn: offer for offer in account.leases.available(account.settings)}
        offer = offers.get(msisdn)
        if offer is None or offer.country != params["country"]:
            raise RefusedError("420")
        if offer.country in ADDRESS_COUNTRIES:
            raise RefusedError("420", ADDRESS_NEEDED)
        if not account.pay(Decimal(offer.cost)):
            raise RefusedError("420")
        account.leases.rent(offer)


class UpdateHandler(ChangeHandler):
    """``POST /number/update``: application and callbacks of a number."""

    async def check(self, params: Params) -> None:
        """Ask the SMS webhook, which must answer 200; one beyond this machine cannot be asked."""
        account = self.application.account
        self.lease(params, number_requests.number(params, account.settings.api_key))
        if params.get("moHttpUrl") and not await self._answers(params["moHttpUrl"]):
            raise RefusedError("420")

    def change(self, params: Params, msisdn: str) -> None:
        """Set up the number; raises RefusedError (420) for one that is not rented."""
        number_requests.check_callbacks(params)
        account = self.application.account
        account.leases.set_callbacks(self.lease(params, msisdn), params)

    async def _answers(self, given: str) -> bool:
        deliveries, settings = self.application.deliveries, self.application.account.settings
        url = deliveries.target(given)
        if not url:
            return False
        connect, read = settings.voice_timeouts
        answer = await deliveries.ask(Outgoing("GET", url), connect, read)
        return answer.status == HTTP_OK


def _wanted(query: number_requests.Query, offer: Offer) -> bool:
    return query.matches(offer.country, offer.msisdn, offer.type, offer.features)
