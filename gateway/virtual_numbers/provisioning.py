"""Virtual numbers from the provider's stock: found, rented and put to use.

Renting costs money at once, so nothing is bought twice: one process at a time rents for an
account, and whether a purchase without a usable answer was made is found out by listing what is
rented, never by buying again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, auto

from gateway.errors import (
    BadRequest,
    BudgetExhausted,
    Conflict,
    GatewayError,
    NotFound,
    ProviderFailed,
    StoreUnavailable,
)
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import AS_RESERVED, NOTHING, Spending, millionths
from gateway.protection.spending.prices import RENT
from gateway.providers.base import Outcome
from gateway.providers.vonage.numbers import NumbersApi
from gateway.providers.vonage.numbers_wire import PAGE_SIZE, Change, Offer, Offers
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.telephony.phonenumber import mask
from gateway.virtual_numbers.setup import PROVIDER, NumberSetup

log = logging.getLogger(__name__)

# More refusals are no coincidence: no funds, or numbers that only the dashboard rents.
MOST_REFUSED = 10
# Longer than one number takes, so that the lock ends by itself only with its process.
LEASE_SECONDS = 300
# After so many seconds no further number is rented: somebody waits for the answer.
RENTING_SECONDS = 60.0
# Seconds before each look for a number whose purchase was not answered.
LOOKS = (0.0, 1.0, 2.0)
# Rents are paid from this share.
PAYS = ("rents",)

_HOLD = Script.load(__file__, "lock_hold")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which numbers are asked for; features: ``sms``, ``voice`` or both.

    values: these numbers (E.164) and no others, () = any. max_cost: what those rented may cost
    together, a month's rent and what is asked once, in EUR; None = anything.
    """

    country: str
    count: int
    features: frozenset[str]
    values: tuple[str, ...] = ()
    max_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """What became of one number; rented: None when that could not be found out."""

    offer: Offer
    rented: bool | None
    configured: bool = False
    in_pool: bool = False
    error: str = ""


class _Then(Enum):
    """How to go on after one number."""

    COUNTS = auto()  # it is one of those wanted, or may become one
    NEXT = auto()  # another number in its place
    STOP = auto()  # no number would fare better


class Provisioning:
    """Rents numbers of one account.

    account: the API key, '' when there is none; looks: seconds before each look for a number
    whose purchase was not answered; seconds: after which no further number is rented; budget: what
    numbers are paid from, None = nobody asks.
    """

    def __init__(
        self,
        store: Store,
        api: NumbersApi,
        setup: NumberSetup,
        *,
        account: str,
        looks: Sequence[float] = LOOKS,
        seconds: float = RENTING_SECONDS,
        budget: Budget | None = None,
    ) -> None:
        self._store = store
        self._api = api
        self._setup = setup
        self._account = account
        self._looks = looks
        self._seconds = seconds
        self._budget = budget

    async def candidates(self, wanted: Wanted) -> Offers:
        """Return numbers that can be rented, and how many there are.

        Raises NotFound when there are none, ProviderFailed, BadRequest without an account.
        """
        if not self._account:
            raise BadRequest("nexmo_api_key: is not set")
        found = await self._found(wanted)
        if not found.offers:
            raise NotFound("no number of this kind can be rented")
        return found

    async def _found(self, wanted: Wanted) -> Offers:
        if not wanted.values:
            size = min(wanted.count + MOST_REFUSED, PAGE_SIZE)
            return await self._api.search(wanted.country, wanted.features, size)
        each = (
            self._api.search(wanted.country, wanted.features, PAGE_SIZE, beginning=value)
            for value in wanted.values
        )
        pages = await asyncio.gather(*each)
        found = (offer for page in pages for offer in page.offers)
        offers = tuple(offer for offer in found if offer.e164 in wanted.values)
        return Offers(len(offers), offers)

    async def rent(self, wanted: Wanted) -> list[Purchase]:
        """Rent, set up and put into the pool as many numbers as wanted; return what became of each.

        When all came about, those are returned; else also those that the provider refused.
        Raises what ``candidates`` raises, BadRequest when an option is missing, Conflict while
        numbers are being rented for this account already.
        """
        self._setup.check(wanted.features)
        async with self._lock() as token:
            first = await self.candidates(wanted)
            made = await self._rent(wanted, first.offers, token)
        _audit(wanted, made)
        useful = [each for each in made if each.in_pool]
        return useful if len(useful) == wanted.count else made

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[str]:
        """Let nobody else rent for this account; raises Conflict when somebody does."""
        token = secrets.token_hex(16)
        if not await self._hold(token, LEASE_SECONDS):
            raise Conflict("numbers are being rented already: try again when that is done")
        renewing = asyncio.create_task(self._keep(token))
        try:
            yield token
        finally:
            renewing.cancel()
            with suppress(StoreUnavailable):  # then it ends by itself
                await self._hold(token, 0)

    async def _keep(self, token: str) -> None:
        """Renew the lock as long as its holder works, however slow the provider is."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            with suppress(StoreUnavailable):
                await self._hold(token, LEASE_SECONDS)

    async def _hold(self, token: str, seconds: int) -> bool:
        lock = keys.renting(f"{PROVIDER}:{self._account}")
        with budget():
            return bool(await self._store.run(_HOLD, [lock], [token, seconds * 1000]))

    async def _rent(self, wanted: Wanted, first: Sequence[Offer], token: str) -> list[Purchase]:
        made: list[Purchase] = []
        missing, refused, left = wanted.count, 0, wanted.max_cost
        give_up = time.monotonic() + self._seconds
        async with aclosing(self._offers(wanted, first)) as offers:
            async for offer in offers:
                hindrance = await self._hindrance(token, give_up) or _too_dear(offer, left)
                hindrance = hindrance or await self._unpaid(offer, token)
                if hindrance:
                    made.append(Purchase(offer, rented=False, error=hindrance))
                    break
                purchase, then = await self._purchase(offer, wanted.features)
                made.append(purchase)
                await self._settle(offer, token, purchase)
                if left is not None and purchase.rented is not False:
                    left -= _cost(offer)
                missing -= then is _Then.COUNTS
                refused += then is _Then.NEXT
                if then is _Then.STOP or not missing or refused == MOST_REFUSED:
                    break
        return made

    async def _offers(self, wanted: Wanted, first: Sequence[Offer]) -> AsyncGenerator[Offer]:
        """Yield each number once; searches again when all are used up."""
        seen: set[str] = set()
        offers = first
        while fresh := [each for each in offers if each.e164 not in seen]:
            for offer in fresh:
                seen.add(offer.e164)
                yield offer
            try:
                offers = (await self.candidates(wanted)).offers
            except GatewayError:  # logged; what is rented already must be told
                return

    async def _hindrance(self, token: str, give_up: float) -> str:
        """Return why no further number may be rented, '' when it may."""
        if time.monotonic() > give_up:
            return "not tried: the provider is too slow"
        try:
            held = await self._hold(token, LEASE_SECONDS)
        except StoreUnavailable:
            return "not tried: the store does not answer"
        return "" if held else "not tried: numbers are being rented by another call"

    async def _unpaid(self, offer: Offer, token: str) -> str:
        """Return why there is no money for a number, '' when it is reserved."""
        if self._budget is None:
            return ""
        cost = _cost(offer)
        price = millionths(cost) if cost.is_finite() else RENT
        try:
            with budget():
                # One at a time, under a lock: it is bought at once.
                spending = Spending(_paid_as(offer, token), PAYS, PROVIDER, price)
                await self._budget.reserve(spending, leaving=True)
        except BudgetExhausted as error:
            return f"not tried: {error.message}"
        except StoreUnavailable:
            return "not tried: the store does not answer"
        return ""

    async def _settle(self, offer: Offer, token: str, purchase: Purchase) -> None:
        """Give the money of a number back that was not rented."""
        if self._budget is None:
            return
        cost = NOTHING if purchase.rented is False else AS_RESERVED
        with suppress(StoreUnavailable), budget():  # then it stays spent
            await self._budget.settle(_paid_as(offer, token), PROVIDER, cost)

    async def _purchase(self, offer: Offer, features: frozenset[str]) -> tuple[Purchase, _Then]:
        """Rent one number and put it to use."""
        log.info("audit: renting %s in %s, EUR %s a month", *_told(offer))
        change = await self._api.buy(offer)
        rented: bool | None = change.outcome is Outcome.ACCEPTED
        if change.outcome is Outcome.UNKNOWN:
            rented = await self._is_rented(offer)
            log.warning("audit: renting %s was not answered; rented: %s", mask(offer.e164), rented)
        if rented:
            log.info("audit: rented %s in %s, EUR %s a month", *_told(offer))
            return await self._put_to_use(offer, features), _Then.COUNTS
        return Purchase(offer, rented, error=_failure(change, rented)), _then(change, rented)

    async def _is_rented(self, offer: Offer) -> bool | None:
        """Look for a number that may have been rented; None when the provider does not tell."""
        found: bool | None = None
        for pause in self._looks:
            await asyncio.sleep(pause)
            try:
                if await self._api.rental(offer.e164, offer.country):
                    return True
            except ProviderFailed:
                continue
            found = False
        return found

    async def _put_to_use(self, offer: Offer, features: frozenset[str]) -> Purchase:
        purchase = Purchase(offer, rented=True)
        problem = await self._setup.configure(offer, features)
        if problem:
            return replace(purchase, error=f"could not be set up: {problem}")
        problem = await self._setup.add(offer, features)
        if problem:
            return replace(purchase, configured=True, error=f"could not be put to use: {problem}")
        return replace(purchase, configured=True, in_pool=True)


def _paid_as(offer: Offer, token: str) -> str:
    return f"rent:{token}:{offer.e164}"


def _cost(offer: Offer) -> Decimal:
    """Return a month's rent and what is asked once; infinite when the provider does not tell."""
    if not offer.cost:
        return Decimal("Infinity")
    return Decimal(offer.cost) + Decimal(offer.initial_price or 0)


def _too_dear(offer: Offer, left: Decimal | None) -> str:
    """Return why a number is not rented that costs more than is left, '' when it may be."""
    if left is None or _cost(offer) <= left:
        return ""
    return f"not tried: costs EUR {offer.cost or '?'} a month, which is above max_cost"


def _told(offer: Offer) -> tuple[str, str, str]:
    return mask(offer.e164), offer.country, offer.cost or "?"


def _then(change: Change, rented: bool | None) -> _Then:
    """Return how to go on after a number that was not rented, as far as one knows."""
    if change.outcome is Outcome.UNKNOWN:
        # It may still be rented a little later: another one in its place could be one too many.
        return _Then.STOP if rented is None else _Then.COUNTS
    refused = change.outcome is Outcome.REFUSED and not change.refuses_us
    return _Then.NEXT if refused else _Then.STOP


def _failure(change: Change, rented: bool | None) -> str:
    if change.outcome is not Outcome.UNKNOWN:
        return change.text
    if rented is None:
        return f"{change.text}, and does not tell whether the number is rented"
    return f"{change.text}, and the number is not among those rented"


def _audit(wanted: Wanted, made: Sequence[Purchase]) -> None:
    """Log how many were rented and what they cost."""
    rented = [each.offer for each in made if each.rented]
    log.info(
        "audit: rented %d of %d numbers in %s (%s), EUR %s a month and EUR %s once",
        len(rented),
        wanted.count,
        wanted.country,
        ",".join(sorted(wanted.features)),
        sum((Decimal(each.cost or 0) for each in rented), Decimal(0)),
        sum((Decimal(each.initial_price or 0) for each in rented), Decimal(0)),
    )
