"""Client of Vonage's Numbers API: search, rent, set up and list numbers.

https://developer.vonage.com/en/api/numbers
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gateway.errors import ProviderFailed
from gateway.providers.base import Outcome, SubmitResult
from gateway.providers.http.answers import Answer, basic, json_object, word
from gateway.providers.http.client import HttpClient
from gateway.providers.vonage.numbers_wire import (
    CREDENTIALS,
    PAGE_SIZE,
    UNUSABLE,
    Change,
    Offer,
    Offers,
    Rental,
    buy_form,
    change,
    offers,
    one_query,
    owned_query,
    rentals,
    search_query,
    update_form,
)
from gateway.telephony.phonenumber import mask_digits

log = logging.getLogger(__name__)

SEARCH, OWNED = "/number/search", "/account/numbers"
BUY, UPDATE = "/number/buy", "/number/update"

# A page of numbers with all their settings has some 70 KB.
MAX_ANSWER_BYTES = 1024 * 1024
MOST_PAGES = 200
# Seconds before a throttled request is repeated; a header Retry-After may ask for up to so many.
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 5.0

_SECONDS = re.compile(r"[0-9]{1,4}")
_NOT_REACHED = "the provider cannot be reached"
_NO_ANSWER = "the provider gave no answer"


class NumbersApi:
    """Calls the API through one kept-alive HTTP session with Basic authentication.

    url: without path; timeout: seconds until an unanswered request is given up; pauses: seconds
    before each repetition of a request that was throttled.
    """

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        *,
        timeout: float,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._pauses = pauses
        headers = {"Authorization": basic(key, secret), "Accept": "application/json"}
        self._caller = HttpClient(url, timeout=timeout, longest=MAX_ANSWER_BYTES, headers=headers)

    async def search(
        self, country: str, features: Collection[str], size: int, *, beginning: str = ""
    ) -> Offers:
        """Return at most ``size`` numbers of a country that can be rented; raises ProviderFailed.

        features: ``sms``, ``voice`` or both; beginning: digits with which they begin, '' = any.
        """
        query = search_query(country, features, size, beginning)
        return offers(await self._read(SEARCH, query), features)

    async def rentals(self) -> list[Rental]:
        """Return all rented numbers; raises ProviderFailed."""
        found: dict[str, Rental] = {}  # one that comes on two pages, as others go, counts once
        for index in range(1, MOST_PAGES + 1):
            total, page = rentals(await self._read(OWNED, owned_query(index)))
            found |= {rental.e164: rental for rental in page}
            if not page or index * PAGE_SIZE >= total:
                break
        return list(found.values())

    async def rental(self, e164: str, country: str) -> Rental | None:
        """Return a rented number, None when it is not rented; raises ProviderFailed."""
        _, found = rentals(await self._read(OWNED, one_query(e164, country)))
        return next((each for each in found if each.e164 == e164), None)

    async def buy(self, offer: Offer) -> Change:
        """Rent a number, for which money is taken at once; never raises for the network.

        It is repeated only when it was throttled, which means that nothing was done.
        """
        return await self._change(BUY, buy_form(offer))

    async def update(self, rental: Rental, *, mo_url: str = "", app_id: str = "") -> Change:
        """Set up a rented number, see ``update_form``; never raises for the network."""
        return await self._change(UPDATE, update_form(rental, mo_url=mo_url, app_id=app_id))

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._caller.close()

    async def _read(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        answer = await self._ask("GET", path, query=query)
        if isinstance(answer, SubmitResult):
            never = answer.outcome is Outcome.NOT_SENT
            raise ProviderFailed(_NOT_REACHED if never else _NO_ANSWER)
        document = json_object(answer.body)
        if answer.status == 200 and document is not None and "error-code" not in document:
            return document
        failed = change(answer.status, answer.body)
        raise ProviderFailed(failed.text or UNUSABLE)

    async def _change(self, path: str, form: Mapping[str, str]) -> Change:
        answer = await self._ask("POST", path, form=form)
        if isinstance(answer, SubmitResult):
            never = answer.outcome is Outcome.NOT_SENT
            return Change(answer.outcome, answer.code, _NOT_REACHED if never else _NO_ANSWER)
        return change(answer.status, answer.body)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer | SubmitResult:
        """Call, again after a pause when it was throttled, and log what an operator must know."""
        answer = await self._caller.call(method, path, query=query, body=form)
        for pause in self._pauses:
            if isinstance(answer, SubmitResult) or not _is_throttled(answer):
                break
            await asyncio.sleep(_wait(answer, pause))
            answer = await self._caller.call(method, path, query=query, body=form)
        _log(path, answer)
        return answer


def _is_throttled(answer: Answer) -> bool:
    return change(answer.status, answer.body).outcome is Outcome.THROTTLED


def _wait(answer: Answer, pause: float) -> float:
    asked = answer.retry_after
    return min(float(asked), LONGEST_PAUSE) if _SECONDS.fullmatch(asked) else pause


def _log(path: str, answer: Answer | SubmitResult) -> None:
    """Log what kept a request from being served; the provider's own words may hold a number."""
    if isinstance(answer, SubmitResult):
        log.warning("numbers API: %s failed: %s, %s", path, answer.code, answer.text)
        return
    said = word((json_object(answer.body) or {}).get("error-code"), 3)
    code = said if answer.status == 200 and said else str(answer.status)
    if code == "401":
        log.error("numbers API: %s: %s", path, CREDENTIALS)
    elif code != "200":
        log.warning("numbers API: %s failed: %s", path, mask_digits(code))
