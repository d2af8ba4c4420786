"""How much a gateway may spend whose owner has set no budget: by what it has spent so far.

An upgrade must stop nobody: twice the most that a day has cost, and a month of such days; the
usual limits where that is less, as on a new store.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from conf.providers import is_phone
from gateway.monitoring.stats import Stats
from gateway.protection.spending.money import MILLION, Allowance, millionths
from gateway.protection.spending.prices import Prices
from gateway.providers.base import Outcome
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.values import DAY_MS
from gateway.telephony.phonenumber import country_of

CHUNK = 1000
DAYS_OF_A_MONTH = 31
MARGIN = 2
_FIELDS = ("created", "provider", "outcome", "price", "parts", "expected", "to")


class Adoption:
    """Finds the limits; usual: those that hold for who has spent nothing."""

    def __init__(
        self,
        store: Store,
        stats: Stats,
        prices: Prices,
        rates: Mapping[str, int],
        usual: Allowance,
    ) -> None:
        self._store = store
        self._stats = stats
        self._prices = prices
        self._rates = rates
        self._usual = usual

    async def limits(self) -> Allowance:
        """Return the limits in whole units of the currency; raises StoreUnavailable."""
        days = await self._days()
        most = MARGIN * max([*days.values(), await self._last_day()])
        whole = math.ceil(most / MILLION) * MILLION
        return Allowance(
            max(self._usual.day, whole), max(self._usual.month, whole * DAYS_OF_A_MONTH)
        )

    async def _days(self) -> Counter[int]:
        """Return what the messages of each day have cost, as far as they are kept."""
        found: Counter[int] = Counter()
        start = 0
        while True:
            with budget():
                ids = await self._store.execute("ZRANGE", keys.MESSAGES, start, start + CHUNK - 1)
                records = await asyncio.gather(
                    *(self._store.execute("HMGET", keys.message(each), *_FIELDS) for each in ids)
                )
            for each in records:
                known = dict(zip(_FIELDS, (value or "" for value in each), strict=True))
                if known["created"]:
                    found[int(known["created"]) // DAY_MS] += self._cost(known)
            if len(ids) < CHUNK:
                return found
            start += CHUNK

    async def _last_day(self) -> int:
        """Return what providers have told in the last 24 hours, calls included."""
        with budget():
            day = await self._stats.day()
        spent = (name for name in day.values if name.startswith("spend."))
        return sum(
            self._converted(name.partition(".")[2], Decimal(str(day.total(name)))) for name in spent
        )

    def _cost(self, record: Mapping[str, str]) -> int:
        """Return what a message has cost; of one without a price, what it is taken to cost."""
        provider = record["provider"]
        if is_phone(provider):
            return 0
        try:
            return self._converted(provider, Decimal(record["price"]))
        except InvalidOperation:
            if record["outcome"] not in {Outcome.ACCEPTED, Outcome.UNKNOWN}:
                return 0
        one = Decimal(self._prices.sms(provider, country_of(record["to"]))) / MILLION
        return self._converted(provider, one * int(record["parts"] or record["expected"] or 1))

    def _converted(self, provider: str, amount: Decimal) -> int:
        return millionths(amount * self._rates.get(provider, MILLION) / MILLION)
