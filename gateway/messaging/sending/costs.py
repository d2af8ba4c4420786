"""What a text costs its owner: who pays, for how many parts, and what it came to in the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from conf.providers import is_phone
from gateway.errors import BudgetExhausted
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import AS_RESERVED, NOTHING, Cost, How, Spending, millionths
from gateway.protection.spending.prices import Prices
from gateway.providers.base import DeliveryState, Outcome, Sms, SubmitResult
from gateway.store.script import Reply, ScriptCall
from gateway.telephony import segments
from gateway.telephony.phonenumber import country_of

RELAY = ("relay",)
# No text costs more: whoever tells such a price tells none.
DEAREST = 10_000
# So long a process asks early for what is like something refused, and so many kinds of it.
REFUSED_SECONDS = 0.5
MOST_REFUSED = 1000


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money that is to be reserved, and the script call that does it."""

    spending: Spending
    call: ScriptCall


class TextCosts:
    """Reserves the money for texts and settles it; budget None: nobody asks what they cost.

    Those of phones cost nothing here: what they send is bounded by their hourly cap.

    A reservation's name is the text's id, with the attempt where each has one of its own.
    """

    def __init__(self, budget: Budget | None, prices: Prices) -> None:
        self._budget = budget
        self._prices = prices
        self._known: dict[tuple[str, str], tuple[int, str]] = {}
        self._refused: dict[tuple[object, ...], float] = {}

    async def reserve(self, name: str, sms: Sms, provider: str, scopes: tuple[str, ...]) -> None:
        """Reserve what a text costs that is about to leave.

        Raises BudgetExhausted and StoreUnavailable.
        """
        if self._budget is None or is_phone(provider):
            return
        spending = self._spending(name, sms, provider, scopes)
        await self._reserve(self._budget, spending, leaving=True)

    def reservation(
        self, name: str, sms: Sms, provider: str, scopes: tuple[str, ...]
    ) -> Reservation | None:
        """Return what reserves the same in a pipeline with others; None: it costs nothing here."""
        if self._budget is None or is_phone(provider):
            return None
        spending = self._spending(name, sms, provider, scopes)
        return Reservation(spending, self._budget.reservation(spending, leaving=True))

    async def reserved(self, reservation: Reservation, reply: Reply) -> None:
        """Read what the store says of a reservation; raises like ``reserve``."""
        if self._budget is not None:
            with self._remembering(reservation.spending):
                await self._budget.reserved(reservation.call, reply)

    async def look_ahead(self, name: str, sms: Sms, provider: str, scopes: tuple[str, ...]) -> None:
        """Reserve before its turn what a text costs whose like was refused a moment ago.

        So that what will not leave takes no turn from others. Raises like ``reserve``.
        """
        if self._budget is None or not self._refused or is_phone(provider):
            return
        spending = self._spending(name, sms, provider, scopes)
        if time.monotonic() < self._refused.get(_kind(spending), 0.0):
            await self._reserve(self._budget, spending, leaving=False)

    async def _reserve(self, budget: Budget, spending: Spending, *, leaving: bool) -> None:
        with self._remembering(spending):
            await budget.reserve(spending, leaving=leaving)

    @contextmanager
    def _remembering(self, spending: Spending) -> Iterator[None]:
        """Remember for a moment what is refused."""
        try:
            yield
        except BudgetExhausted:
            if len(self._refused) >= MOST_REFUSED:
                self._refused.clear()
            self._refused[_kind(spending)] = time.monotonic() + REFUSED_SECONDS
            raise

    async def leaves(self, name: str, provider: str) -> bool:
        """Note that a text is about to be written; False when its reservation has ended."""
        if self._budget is None or is_phone(provider):
            return True
        return await self._budget.leaves(name)

    async def holds(self, name: str, provider: str) -> None:
        """Note that a text was not taken, and is tried again."""
        if self._budget is not None and not is_phone(provider):
            await self._budget.holds(name)

    def settlement(self, name: str, provider: str, result: SubmitResult) -> list[ScriptCall]:
        """Return the calls that end a reservation by what the provider said, none for no name."""
        if self._budget is None or not name or is_phone(provider):
            return []
        return [self._budget.settlement(name, provider, cost_of(result))]

    def _spending(self, name: str, sms: Sms, provider: str, scopes: tuple[str, ...]) -> Spending:
        place = (provider, country_of(sms.to))
        price, known_as = self._known.get(place) or self._know(place)
        parts = segments.count(sms.text).parts
        return Spending(name, scopes, provider, price, parts, known_as)

    def _know(self, place: tuple[str, str]) -> tuple[int, str]:
        """Return what a part costs at first by a provider to a country, and as what it is known."""
        provider, country = place
        found = self._prices.sms(*place), f"{provider}/sms/{country or '-'}"
        self._known[place] = found
        return found


def _kind(spending: Spending) -> tuple[object, ...]:
    """Return what spendings have in common of which all are refused or none."""
    return spending.scopes, spending.known_as, spending.count


def cost_of(result: SubmitResult) -> Cost:
    """Return what an answer says of the price; what may have left is paid for."""
    taken = len([1 for part in result.parts if part.state is not DeliveryState.REJECTED])
    if result.outcome is Outcome.UNKNOWN:
        return AS_RESERVED
    if result.outcome is not Outcome.ACCEPTED and not taken:
        return NOTHING
    price = _price(result.price)
    if price is None:
        return Cost(How.COUNTED, taken) if taken else AS_RESERVED
    network = result.network if result.network.isascii() and result.network.isalnum() else ""
    return Cost(How.TOLD, taken, price, network)


@lru_cache(1024)
def _price(told: str) -> int | None:
    """Return a price in millionths, None when none is told that can be one."""
    price = Decimal(told or -1)
    return millionths(price) if 0 <= price <= DEAREST else None


def public_scopes(source: str, site: str) -> tuple[str, ...]:
    """Return under what a text counts; source: the path of an endpoint, or who else asked."""
    endpoint = (f"endpoint:{source}",) if source.startswith("/") else ()
    return (*endpoint, f"site:{site}") if site else endpoint
