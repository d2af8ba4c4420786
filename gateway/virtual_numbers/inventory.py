"""What virtual numbers there are: rented from the provider, in the pool, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import UnknownPlace
from gateway.providers.vonage.numbers import NumbersApi
from gateway.providers.vonage.numbers_wire import Rental
from gateway.store.budget import budget
from gateway.store.paging import Page
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from gateway.virtual_numbers.setup import PROVIDER, Webhooks

# Numbers of the pool read in one go.
CHUNK = 1000

_AFTER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Holding:
    """A number that is rented, in the pool, or both; rented: None when nobody can be asked."""

    e164: str
    country: str
    type: str
    features: tuple[str, ...]
    provider: str
    rented: bool | None
    in_pool: bool
    configured: bool


class Inventory:
    """Lists numbers; account: the API key, '' when there is none and nobody can be asked."""

    def __init__(self, api: NumbersApi, pool: Pool, webhooks: Webhooks, *, account: str) -> None:
        self._api = api
        self._pool = pool
        self._webhooks = webhooks
        self._account = account

    async def page(self, limit: int, after: str) -> Page[Holding]:
        """Return the numbers that are rented or in the pool, in their order.

        ``after`` and the next are E.164 without ``+``, '' = all. Raises ProviderFailed,
        UnknownPlace when ``after`` is no number.
        """
        if after and not _AFTER.fullmatch(after):
            raise UnknownPlace("after: is no number")
        pool = await self._in_pool()
        rentals = {each.e164: each for each in await self._api.rentals()} if self._account else {}
        names = sorted(pool.keys() | rentals.keys())
        following = [name for name in names if name > f"+{after}"]
        shown = [self._holding(name, pool, rentals) for name in following[:limit]]
        more = following[limit - 1].removeprefix("+") if len(following) > limit else None
        return Page(len(names), shown, more)

    def _holding(
        self, e164: str, pool: dict[str, VirtualNumber], rentals: dict[str, Rental]
    ) -> Holding:
        rental, pooled = rentals.get(e164), pool.get(e164)
        if rental is None:
            return self._pooled(pool[e164])
        needed = pooled.capabilities if pooled else _capabilities(rental)
        return Holding(
            e164,
            rental.country,
            rental.type,
            rental.features,
            pooled.provider if pooled else PROVIDER,
            rented=True,
            in_pool=pooled is not None,
            configured=self._webhooks.serve(rental, needed),
        )

    def _pooled(self, number: VirtualNumber) -> Holding:
        """Return a number of the pool that is not among those rented."""
        known = self._account and number.provider == PROVIDER
        return Holding(
            number.e164,
            number.country,
            "",
            tuple(sorted(each.upper() for each in number.capabilities)),
            number.provider,
            rented=False if known else None,
            in_pool=True,
            configured=False,
        )

    async def _in_pool(self) -> dict[str, VirtualNumber]:
        found: dict[str, VirtualNumber] = {}
        after: str | None = ""
        while after is not None:
            with budget():
                page = await self._pool.page(CHUNK, after)
            found |= {entry.number.e164: entry.number for entry in page.items}
            after = page.next
        return found


def _capabilities(rental: Rental) -> frozenset[str]:
    return frozenset({"sms", "voice"} & {feature.lower() for feature in rental.features})
