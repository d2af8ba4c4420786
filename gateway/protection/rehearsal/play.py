"""Plays messages of the past under two sets of terms: those that are tried, and those in force."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from conf.protection import Action, Mode, NewCountry
from gateway.access.limiter import Limit
from gateway.messaging.history import Message
from gateway.messaging.sending.costs import RELAY, public_scopes
from gateway.protection.callers import Caller
from gateway.protection.destinations.rules import ALLOWED, Rules, Verdict
from gateway.protection.limits.admission import Layer
from gateway.protection.limits.layers import Call, Layers
from gateway.protection.rehearsal.purse import Purse
from gateway.protection.rehearsal.report import Effect, Report
from gateway.protection.rehearsal.terms import Terms
from gateway.protection.rehearsal.windows import Windows, refusing
from gateway.providers.base import DeliveryState, Outcome
from gateway.store.values import DAY_MS
from gateway.telephony.destinations import place_of
from gateway.telephony.judges import is_possible
from gateway.telephony.phonenumber import PhoneNumber, country_of, parse_international

# Messages are listed by when they were written down, which waits for a turn at the provider's
# rate; limits have counted them before.
LONGEST_TURN_MS = 60_000
# Others have their turn after so many messages: a few milliseconds.
AT_ONCE = 10
# Who asks by these pays out of no budget but that of everything.
_ADMINISTRATORS = frozenset({"admin", "console"})


@dataclass(frozen=True, slots=True)
class PastCall(Call):
    """A call of which digests are left; address: of the visitor's, '' = unknown."""

    network_digest: str = ""

    @property
    def visitor(self) -> str:
        """Under what calls of the address are counted."""
        return self.address

    @property
    def network(self) -> str:
        """Its IPv6 /48, '' for IPv4."""
        return self.network_digest


@dataclass(frozen=True, slots=True)
class Past:
    """A message as both sides see it; now: when limits counted it (ms); number: None = unreadable.

    call: None for messages that are no visitor's; scopes: of the budget, besides everything;
    arrived: whether its receiver has it, as far as is known.
    """

    message: Message
    now: int
    number: PhoneNumber | None
    call: PastCall | None
    scopes: tuple[str, ...]
    arrived: bool


class PastCountries:
    """Which countries were new to which endpoint, as far as the records of messages tell.

    policy: of the terms that are played; known_after: of those that were in force.
    """

    def __init__(self, policy: NewCountry, known_after: int) -> None:
        self._policy = policy
        self._limit = Limit(policy.amount, policy.window)
        self._known_after = known_after
        self._arrived: Counter[tuple[str, str]] = Counter()

    def limit(self, endpoint: str, place: str) -> Limit | None:
        """Return what an endpoint might send to a country, None: it was known."""
        is_known = self._arrived[endpoint, place] >= self._policy.known_after
        return None if is_known or not self._policy.amount else self._limit

    def meet(self, message: Message) -> None:
        """Learn from a message that did not meet that limit that its country was known."""
        if not message.new_country:
            place = message.source, place_of(message.to)
            self._arrived[place] = max(self._arrived[place], self._known_after)

    def arrive(self, message: Message) -> None:
        """Count a message that has arrived."""
        self._arrived[message.source, place_of(message.to)] += 1


class Side:
    """Some terms, and all that has been counted under them so far."""

    def __init__(self, terms: Terms, effect: Effect, *, known_after: int) -> None:
        self._terms = terms
        self._effect = effect
        self._mode = terms.mode
        policy = terms.protection.new_country
        if self._mode is Mode.OFF:
            policy = replace(policy, amount=0)
        self._countries = PastCountries(policy, known_after)
        self._rules = Rules(terms.protection, self._countries)
        self._layers = Layers(terms.limits, terms.protection, terms.mode)
        self._windows = Windows()
        self._purse = Purse(terms)
        self._currencies = {each.provider: each.currency for each in terms.protection.currencies}

    def count(self, past: Past) -> None:
        """Count a message of before the period, which is not judged."""
        if past.call is not None:
            self._windows.count(self._layers_of(past, past.call, self._verdict(past)), past.now)
        self._let_through(past)

    def play(self, past: Past) -> None:
        """Let a message through and count it, or note that it is refused."""
        reason = self._refuses(past)
        if not reason:
            self._let_through(past)
        elif past.call is None:
            self._effect.waiting[_asked_by(past)] += 1
        else:
            self._note(past, reason)

    def _refuses(self, past: Past) -> str:
        """Return by what a message is refused, '' = by nothing; then limits have counted it."""
        if past.call is None:
            return self._purse.refuses(past.message, past.scopes, past.now)
        verdict = self._verdict(past)
        if verdict.action is Action.BLOCK:
            return f"rule: {verdict.words}"
        layers = self._layers_of(past, past.call, verdict)
        waits = self._windows.admit(layers, past.now)
        if by := refusing(layers, waits):
            return f"limit: {by[0].limit_class}"
        empty = self._purse.refuses(past.message, past.scopes, past.now)
        if empty:
            self._windows.give_back(layers, waits)
        return f"budget: {empty}" if empty else ""

    def _verdict(self, past: Past) -> Verdict:
        if self._mode is Mode.OFF or past.number is None:
            return ALLOWED
        self._countries.meet(past.message)
        verdict = self._rules.verdict(past.message.source, past.number)
        watched = verdict.action is Action.BLOCK and self._mode is not Mode.ENFORCE
        return ALLOWED if watched else verdict

    def _layers_of(self, past: Past, call: PastCall, verdict: Verdict) -> list[Layer]:
        found = self._layers.of(self._terms.endpoint(past.message.source))
        extra = None
        if verdict.limit is not None:
            extra = Layer(verdict.limit_class, verdict.subject, verdict.limit, self._mode)
        return [*found.caller(call), *found.message(call, extra)]

    def _let_through(self, past: Past) -> None:
        self._purse.spend(past.message, past.scopes, past.now)
        if past.arrived and past.call is not None:
            self._countries.arrive(past.message)

    def _note(self, past: Past, reason: str) -> None:
        message, effect, price = past.message, self._effect, self._purse.price(past.message)
        currency = self._currencies.get(message.provider, "EUR")
        effect.refused += 1
        effect.reasons[reason] += 1
        effect.countries[country_of(message.to) or "none"] += 1
        effect.days[past.now // DAY_MS] += 1
        (effect.told if price.told else effect.estimated)[currency] += price.amount
        if past.arrived and message.clicked:
            effect.clicked.add(message.to)
        elif past.arrived and not message.link:
            effect.unlinked.add(message.to)
        elif past.arrived:
            effect.unclicked += 1


def _asked_by(past: Past) -> str:
    return "texts of conversations" if past.scopes == RELAY else "messages of administrators"


async def rehearse(
    messages: AsyncIterable[Sequence[Message]],
    tried: Terms,
    present: Terms,
    report: Report,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Play messages, oldest first and some at a time, under both terms; what is found: ``report``.

    Those before its beginning are counted and not judged. stop: asked often, ends it there.
    """
    known_after = present.protection.new_country.known_after
    sides = [
        Side(tried, report.tried, known_after=known_after),
        Side(present, report.present, known_after=known_after),
    ]
    n = 0
    async for message in _in_order(messages):
        n += 1
        if not n % AT_ONCE:
            await asyncio.sleep(0)
            if stop():
                report.end = message.created
                return
        past = seen(message, receipts=report.receipts)
        begun = past.now >= report.begin
        if begun:
            _count(report, past)
        for side in sides:
            side.play(past) if begun else side.count(past)


def _count(report: Report, past: Past) -> None:
    if past.call is None:
        report.others += 1
        return
    report.played += 1
    report.no_caller += not past.call.address


def seen(message: Message, *, receipts: bool) -> Past:
    """Return a message as it is played; receipts: whether any tell what was delivered."""
    number = parse_international(message.to, is_possible)
    taken = message.outcome == Outcome.ACCEPTED and not receipts
    arrived = taken or message.status.delivery is DeliveryState.DELIVERED
    now = message.counted or message.created
    if not message.source.startswith("/"):
        paid_by = () if message.source in _ADMINISTRATORS else RELAY
        return Past(message, now, number, None, paid_by, arrived)
    caller = Caller.of_note(message.caller)
    call = PastCall(
        caller.visitor,
        number.person if number else message.to,
        message.site,
        caller.known_as or message.id,  # of unknown callers each is another one
        caller.network,
    )
    scopes = public_scopes(message.source, message.site)
    return Past(message, now, number, call, scopes, arrived)


async def _in_order(messages: AsyncIterable[Sequence[Message]]) -> AsyncIterator[Message]:
    """Yield messages in the order in which limits have counted them."""
    waiting: list[tuple[int, str, Message]] = []
    async for some in messages:
        for each in some:
            heapq.heappush(waiting, (each.counted or each.created, each.id, each))
            while waiting[0][0] < each.created - LONGEST_TURN_MS:
                yield heapq.heappop(waiting)[-1]
    while waiting:
        yield heapq.heappop(waiting)[-1]
