"""The owner's money: reserved before anything is sent, settled by what the provider says it cost.

All of it lies in one slot of the store and each step is one script, so that what all processes
together spend never exceeds a limit. A reservation is held until the thing is about to leave; one
that was held by a process that has died is given back when its lease ends, one that was leaving
stays spent.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from conf.protection import SHARES, Currency, Protection
from gateway.errors import BadRequest, BudgetExhausted
from gateway.monitoring.metrics import BUDGET_REFUSALS, BUDGET_SPENT, BUDGET_USED
from gateway.protection.spending.money import (
    ALL,
    MILLION,
    Allowance,
    Cost,
    Level,
    Reserved,
    Span,
    Spending,
    end_of,
    exchange_rates,
    field,
    millionths,
    read_field,
)
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Reply, Script, ScriptCall, pairs

log = logging.getLogger(__name__)

_RESERVE = Script.load(__file__, "budget_reserve", "_enqueue", "_calendar", "_money", "_prices")
_MARK = Script.load(__file__, "budget_mark", "_enqueue", "_money")
_SETTLE = Script.load(__file__, "budget_settle", "_enqueue", "_calendar", "_money", "_prices")
_LOOK = Script.load(__file__, "budget_look", "_enqueue", "_calendar", "_money")
_ADOPT = Script.load(__file__, "budget_adopt")
_RAISE = Script.load(__file__, "budget_raise", "_enqueue", "_calendar", "_money")

# Longer than anything that is paid for waits before it leaves.
LEASE_SECONDS = 60.0
# What was leaving when its process died stays spent; so long its answer would still be settled.
LEAVING_SECONDS = 48 * 3600.0
# Reservations of dead processes that one call ends.
ENDED_AT_ONCE = 50
HELD, LEAVING = "held", "leaving"

# Kinds of spendings that a process remembers: sites are told by strangers.
MOST_KINDS = 1000

_SLOT = (keys.BUDGET_SPENT, keys.BUDGET_OPEN, keys.BUDGET_LEASES)
_PRICED = (*_SLOT, keys.BUDGET_PRICES)
_ALL_KEYS = (*_PRICED, keys.BUDGET_LIMITS)


class Budget:
    """What may be spent.

    allowance: of everything together, None = what the store has adopted, or ``adopted`` returns,
    which is asked once for all processes; protection: shares of their own, exchange rates;
    endpoints: paths of the message endpoints; lease: seconds for which a reservation is held.
    """

    def __init__(
        self,
        store: Store,
        allowance: Allowance | None,
        protection: Protection,
        *,
        adopted: Callable[[], Awaitable[Allowance]],
        endpoints: Iterable[str] = (),
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._allowance = allowance
        self._adopted = adopted
        self._adopting = asyncio.Lock()
        self._lease_ms = {HELD: int(lease * 1000), LEAVING: int(LEAVING_SECONDS * 1000)}
        self._rates = exchange_rates(protection.currencies)
        self._currency = _currency(protection.currencies)
        self._shares = {each.of: Allowance.of(each.day, each.month) for each in protection.budgets}
        known = (f"endpoint:{each}" for each in endpoints)
        sites = (f"site:{each.key}" for each in protection.sites)
        self.scopes = tuple(dict.fromkeys((ALL, *SHARES, *known, *sites, *self._shares)))
        self._tails: dict[tuple[str, ...], str] = {}
        self.levels: Sequence[Level] = ()
        self.open = 0
        for each in self.scopes:
            BUDGET_REFUSALS.labels(each)

    # -- one spending

    async def reserve(self, spending: Spending, *, leaving: bool = False) -> None:
        """Reserve the money for something; leaving: it is about to leave, else ``leaves`` says so.

        Reserving under the same id once more reserves no more. Raises BudgetExhausted with the
        seconds until the budget begins anew, and StoreUnavailable.
        """
        reservation = self.reservation(spending, leaving=leaving)
        await self.reserved(reservation, await self._store.run(*reservation))

    def reservation(self, spending: Spending, *, leaving: bool = False) -> ScriptCall:
        """Return the script call that reserves, whose reply ``reserved`` reads."""
        state, rate = LEAVING if leaving else HELD, self._rates.get(spending.provider, MILLION)
        words = (
            f"{spending.id} {state} {self._lease_ms[state]} {spending.count} {spending.price}"
            f" {rate} {spending.known_as or '-'} {ENDED_AT_ONCE}"
        )
        tail = self._tails.get(spending.scopes) or self._tail(spending.scopes)
        return _RESERVE, _ALL_KEYS, (words, tail)

    async def reserved(self, reservation: ScriptCall, reply: Reply) -> None:
        """Read the reply to a reservation that travelled with others; raises like ``reserve``."""
        answer, *told = reply
        if answer == Reserved.UNADOPTED:
            await self.adopt()
            answer, *told = await self._store.run(*reservation)
        if answer == Reserved.EXHAUSTED:
            raise self._exhausted(*told)
        for each in told:
            span, _, scope = read_field(each)
            log.warning("budget: four fifths of the %s are used (%s)", span, scope)

    async def leaves(self, spending_id: str) -> bool:
        """Note that something is about to leave; False when it must not: the lease has ended."""
        return await self._mark(spending_id, LEAVING)

    async def holds(self, spending_id: str) -> bool:
        """Note that something did not leave, and is tried again."""
        return await self._mark(spending_id, HELD)

    def settlement(
        self, spending_id: str, provider: str, cost: Cost, scopes: Iterable[str] = ()
    ) -> ScriptCall:
        """Return the script call that ends a reservation; running it twice changes nothing.

        scopes: under what (and ALL) a price that was told is booked without a reservation.
        """
        rate = self._rates.get(provider, MILLION)
        told = f"{cost.count} {cost.price} {rate} {cost.network or '-'}"
        late = " ".join((ALL, *scopes)) if scopes else ""
        return _SETTLE, _PRICED, (f"{spending_id} {cost.how} {told}", late)

    async def settle(
        self, spending_id: str, provider: str, cost: Cost, scopes: Iterable[str] = ()
    ) -> None:
        """End a reservation; raises StoreUnavailable."""
        await self._store.run(*self.settlement(spending_id, provider, cost, scopes))

    def _tail(self, scopes: tuple[str, ...]) -> str:
        """Return all scopes of a spending with their limits, the same for each of its kind."""
        found = " ".join(str(item) for each in (ALL, *scopes) for item in self._limits(each))
        if len(self._tails) < MOST_KINDS:
            self._tails[scopes] = found
        return found

    def _limits(self, scope: str) -> tuple[str, str | int, str | int]:
        """Return a scope with the limits of its day and month, - = those that were adopted."""
        own = self._allowance if scope == ALL else self._shares.get(scope, Allowance(0, 0))
        return (scope, "-", "-") if own is None else (scope, own.day, own.month)

    async def _mark(self, spending_id: str, state: str) -> bool:
        slot = [keys.BUDGET_OPEN, keys.BUDGET_LEASES]
        return bool(await self._store.run(_MARK, slot, [spending_id, state, self._lease_ms[state]]))

    def _exhausted(self, used_up: str, now: str, first: int) -> BudgetExhausted:
        span, number, scope = read_field(used_up)
        BUDGET_REFUSALS.labels(scope).inc()
        wait = math.ceil((end_of(span, number) - int(now)) / 1000)
        if first:
            log.error(
                "budget: the %s is used up (%s), for %d s nothing more goes", span, scope, wait
            )
        return BudgetExhausted(max(1, wait), span.value, "" if scope == ALL else scope)

    # -- the limits

    async def usual(self) -> Allowance:
        """Return what holds for everything together unless it is raised; changes nothing."""
        if self._allowance is not None:
            return self._allowance
        day, month = await self._store.execute("HMGET", keys.BUDGET_LIMITS, "day", "month")
        return await self._adopted() if day is None else Allowance(int(day), int(month))

    async def adopt(self) -> None:
        """Set the limits that no option sets, unless that was done before; said in the log."""
        async with self._adopting:
            if self._allowance or await self._store.execute("HEXISTS", keys.BUDGET_LIMITS, "day"):
                return
            found = await self._adopted()
            if await self._store.run(_ADOPT, [keys.BUDGET_LIMITS], [found.day, found.month]):
                day, month = (words(each) for each in (found.day, found.month))
                log.warning(
                    "budget: neither budget_day nor budget_month is set; from now on at most %s a "
                    "day and %s a month are spent. To keep that, set: --budget_day=%s "
                    "--budget_month=%s",
                    *(day, month, day, month),
                )

    async def raise_limit(self, scope: str, span: Span, amount: Decimal, by: str) -> None:
        """Raise a budget for all processes at once, until its day or month is over.

        Raises BadRequest for what is no raise, and StoreUnavailable.
        """
        await self.look()
        level = next(
            (each for each in self.levels if (each.scope, each.span) == (scope, span)), None
        )
        if level is None or not level.limit:
            raise BadRequest("scope: there is no such budget")
        if millionths(amount) <= level.limit:
            raise BadRequest(f"amount: must be above {words(level.limit)}")
        slot = [keys.BUDGET_SPENT, keys.BUDGET_LIMITS]
        await self._store.run(_RAISE, slot, [span, scope, millionths(amount), by])
        log.warning(
            "budget: the %s (%s) was raised from %s to %s by %s until it is over",
            *(span, scope, words(level.limit), words(millionths(amount)), by),
        )
        await self.look()

    # -- what is spent

    async def look(self) -> Sequence[Level]:
        """Return how much of each budget is used, and end what processes left that have died."""
        reply = await self._store.run(_LOOK, [*_SLOT, keys.BUDGET_LIMITS], [ENDED_AT_ONCE])
        _, day, month, self.open, spent, limits = reply
        known, set_by_hand = pairs(spent), pairs(limits)
        self.levels = [
            self._level(scope, span, number, known, set_by_hand)
            for scope in self.scopes
            for span, number in ((Span.DAY, day), (Span.MONTH, month))
        ]
        for each in self.levels:
            BUDGET_SPENT.labels(each.scope, each.span).set(each.spent / MILLION)
            BUDGET_USED.labels(each.scope, each.span).set(each.used)
        return self.levels

    def _level(
        self, scope: str, span: Span, number: int, spent: Mapping[str, str], set_: Mapping[str, str]
    ) -> Level:
        usual = self._limits(scope)[1 if span is Span.DAY else 2]
        limit = int(set_.get(span, 0)) if usual == "-" else int(usual)
        name = field(span, number, scope)
        raised = int(set_.get(name, 0)) if limit else 0
        by = set_.get(f"{name} by", "") if raised > limit else ""
        ends = end_of(span, number)
        stopped = bool(limit) and f"{name} stopped" in spent
        return Level(scope, span, int(spent.get(name, 0)), max(limit, raised), ends, by, stopped)

    async def look_after(self) -> None:
        """Do what is due once a second: adopt limits, end old reservations, set the gauges."""
        first = not self.levels
        if first:
            await self.adopt()
        await self.look()
        if first:
            log.info("budget: %s", self.summary())

    async def prices(self) -> list[tuple[str, int]]:
        """Return what providers have told: kind of price, and the highest lately in millionths."""
        found = pairs(await self._store.execute("HGETALL", keys.BUDGET_PRICES))
        known = ((name, text.split()) for name, text in sorted(found.items()))
        return [(name, max(int(best), int(before))) for name, (_, best, before) in known]

    def summary(self) -> str:
        """Return all limits in one line, and in which currency they are."""
        limited = [each for each in self.levels if each.limit]
        off = [str(each.span) for each in self.levels if each.scope == ALL and not each.limit]
        said = [f"{words(each.limit)} a {each.span} ({each.scope})" for each in limited]
        said += [f"no limit of a {each}" for each in off]
        return f"{', '.join(said)}; in {self._currency}"


def _currency(currencies: Sequence[Currency]) -> str:
    """Return the name of the budget's currency, that of a provider without an exchange rate."""
    own = (each.currency for each in currencies if each.rate == 1)
    return next(own, "the account's currency" if currencies else "EUR")


def words(amount: int) -> str:
    """Return millionths as an amount in the budget's currency, with two digits or more."""
    exact = Decimal(amount) / MILLION
    rounded = exact.quantize(Decimal("0.01"))
    return f"{rounded if rounded == exact else exact.normalize():f}"
