"""Calls between participants: who is connected with whom, and what becomes of each call.

A call is decided on by one script and stays what it was decided to be, so that a repeated question
gets the same answer. Its state follows the events of its two legs, in whatever order they come.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from dataclasses import dataclass

import ujson

from gateway.conversations import call_records
from gateway.conversations.call_records import CallRecord, total
from gateway.conversations.outcomes import CALLS, CallAnswer, NotTaken
from gateway.conversations.session import PIN, Session, across, log_keys, routes_and_own
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import CALL, Transcript
from gateway.errors import BudgetExhausted, StoreUnavailable
from gateway.monitoring.metrics import SPEND
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import NOTHING, Cost, How, Spending, millionths
from gateway.protection.spending.prices import minute
from gateway.providers.vonage.sms import NAME
from gateway.providers.vonage.voice import (
    MAX_CALL_SECONDS,
    RANKS,
    Action,
    CallEvent,
    IncomingCall,
    Keyed,
    connect,
    key_in,
    talk,
)
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Argument, Script
from gateway.store.values import DAY_MS, days_ms
from gateway.telephony.networks import e164_of, readings
from gateway.telephony.phonenumber import country_of, mask_digits
from gateway.telephony.plans import all_spellings, person, spellings
from gateway.virtual_numbers.pool import Mode

log = logging.getLogger(__name__)

_LOOK = Script.load(__file__, "call_look")
_START = Script.load(__file__, "call_start", "_enqueue", "_log", "_call", "_optouts")
_ASK = Script.load(__file__, "call_ask")
_PIN = Script.load(__file__, "call_pin", "_enqueue", "_window")
_EVENT = Script.load(__file__, "call_event", "_enqueue", "_call")
_CLOSE = Script.load(__file__, "call_close", "_enqueue", "_call")
_DUE = Script.load(__file__, "due")

# What is said before the other phone rings, and what the provider needs to report that it does.
FIRST_WORDS_MS = 60_000
# A call without a word from the provider is lost so long after its longest time.
SLACK_MS = 120_000
# The legs of a call end together, but their reports travel apart.
GRACE_MS = 10_000
# A person keys in his PIN within a minute or two.
ASKED_MS = 600_000
MOST_EVENTS = 200
BATCH = 100

MOST_TRIES = 3
# Wrong PINs in an hour. One in 10,000 opens something (lua/_pins.lua): whoever tries has to call
# thousands of times, from as many phones. Nobody's tries lock anybody else out.
WRONG_PER_CALLER = 10
HOUR_MS = 3_600_000

# A call is paid for from this share, and so many seconds of it before it begins.
PAYS = ("calls",)
PAID_SECONDS = 600
# Of an event that tells a price: with its token the field says that the price is booked.
PAID = "paid:"

OPEN_STATES = frozenset({"calling", "answered"})


@dataclass(frozen=True, slots=True)
class _Look:
    """What an incoming call meets.

    provider: of the number that is called; caller: his number, '' when nobody can tell; own: it is
    one of ours; pins: the number that is called has some; answered: what the call was answered
    before, '' = nothing; session, side: whose call it is, by that answer or by the caller's route,
    '' = nobody's.
    """

    provider: str
    caller: str
    own: bool
    pins: bool
    answered: str
    session: str
    side: str


class Calls:
    """Answers calls on virtual numbers and follows them to their end.

    wait_text, sorry_text, pin_text: what callers hear, '' = nothing; ring_timeout, call_limit:
    seconds; event_url, input_url: the full addresses to which events and keyed-in digits are
    brought, '' = none, without which nobody is asked for a PIN; log_days: how long what became of
    a call is kept, at least a day; budget: what calls are paid from, None = nobody asks.
    """

    def __init__(
        self,
        store: Store,
        *,
        sessions: Sessions,
        transcript: Transcript,
        wait_text: str,
        sorry_text: str,
        pin_text: str,
        ring_timeout: int,
        call_limit: int,
        event_url: str = "",
        input_url: str = "",
        log_days: float = 30,
        budget: Budget | None = None,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._log = transcript
        self._wait_text = wait_text
        self._sorry_text = sorry_text
        self._pin_text = pin_text
        self._ring_timeout = ring_timeout
        self._call_limit = min(call_limit, MAX_CALL_SECONDS)
        self._event_url = event_url
        self._input_url = input_url
        self._kept_ms = max(days_ms(log_days), DAY_MS)
        self._budget = budget
        self._first_ms = ring_timeout * 1000 + FIRST_WORDS_MS
        self._silence_ms = (self._call_limit + ring_timeout) * 1000 + SLACK_MS

    async def answer(self, call: IncomingCall) -> list[Action]:
        """Return what a caller hears, the same for a repeat; raises StoreUnavailable."""
        number, look = await self._look(call)
        refused = look.answered == CallAnswer.REFUSED
        if not call.id or look.provider != NAME or look.own or refused:
            return self._refuse(number)
        if look.session:
            return await self._start(call.id, call.leg, look.session, look.side, number)
        if look.answered == CallAnswer.PIN or (look.pins and self._input_url):
            known = (number, look.caller, call.leg, ASKED_MS)
            await self._store.run(_ASK, [keys.call(call.id)], known)
            return self._ask(number)
        return self._refuse(number)

    async def digits(self, keyed: Keyed) -> list[Action]:
        """Return what a caller hears who has keyed in a PIN; raises StoreUnavailable."""
        number, caller, leg = await self._fields(keyed.id, "number", "caller", "leg")
        tries = keys.pin_tries(caller or keyed.id)  # of a withheld number in one call alone
        digits = keyed.digits if PIN.fullmatch(keyed.digits) else ""
        happened, *whose = await self._store.run(
            _PIN,
            [keys.call(keyed.id), keys.PINS, tries],
            [number, digits, keyed.at, MOST_TRIES, WRONG_PER_CALLER, HOUR_MS],
        )
        if happened == CallAnswer.PIN:
            return self._ask(number)
        if happened == CallAnswer.CONNECT:  # a repeat
            whose = await self._fields(keyed.id, "session", "side")
        if not whose:
            return self._refuse(number)
        session_id, side = whose
        return await self._start(keyed.id, leg, session_id, side, number)

    async def event(self, event: CallEvent) -> str:
        """Take an event and return "taken" or "repeated"; raises StoreUnavailable."""
        side = {"inbound": "in", "outbound": "out"}.get(event.direction, "")
        # A repeat is known by this very text, so that it is written as it always was.
        text = ujson.dumps({"leg": event.leg, "side": side, "status": event.status, **event.fields})
        token = hashlib.sha256(text.encode()).hexdigest()[:16]
        happened, session_id, state = await self._store.run(
            _EVENT,
            [keys.call(event.id), keys.IN_CALL, keys.CALLS],
            [
                *(event.id, event.leg, side, event.rank, event.status, token, text),
                *(MOST_EVENTS, DAY_MS, self._silence_ms, GRACE_MS),
            ],
        )
        if event.rank == RANKS["completed"] and (
            happened == "taken" or not await self._is_paid(event.id, token)
        ):
            await self._settle(event, token)
        await self._tell(event.id, session_id, state)
        return str(happened)

    async def failed(self, call: IncomingCall) -> None:
        """Note, if the store takes it, that the usual address did not answer a call."""
        CALLS[CallAnswer.FALLBACK,].inc()
        log.warning(
            "the answer to a call has failed, the fallback was asked: %r", mask_digits(call.reason)
        )
        if not call.id:
            return
        # Its counterpart is not called any more, as if the leg to him had failed.
        fields = {"reason": call.reason} if call.reason else {}
        try:
            await self.event(CallEvent(call.id, "", "outbound", "failed", fields))
        except StoreUnavailable:
            log.warning("that the answer to a call has failed could not be stored")

    async def sweep(self) -> None:
        """Close the calls of which nothing more is to be expected."""
        while True:
            ids: list[str] = await self._store.run(_DUE, [keys.CALLS], [BATCH])
            closed = await self._store.run_all(
                [(_CLOSE, [keys.call(each), keys.IN_CALL, keys.CALLS], [each]) for each in ids]
            )
            told = [self._tell(each, *found) for each, found in zip(ids, closed, strict=True)]
            await asyncio.gather(*told)
            if len(ids) < BATCH:
                return

    async def find(self, call_id: str) -> CallRecord | None:
        """Return what became of a call, None when nothing is known of it."""
        return await call_records.find(self._store, call_id)

    def sorry(self, country: str = "") -> list[Action]:
        """Return what a caller hears who cannot be connected; country: see ``talk``."""
        return talk(self._sorry_text, country)

    async def _look(self, call: IncomingCall) -> tuple[str, _Look]:
        """Return the number that is called, as the pool has it, and what the call meets."""
        reached = e164_of(call.number)
        numbers, read = all_spellings(reached), readings(call.caller, reached)
        callers = read.spellings
        number, record, pins, answered, session, side, *found = await self._store.run(
            _LOOK,
            [keys.call(call.id), keys.NUMBERS, keys.PINS, *map(keys.routes, callers)],
            [len(numbers), *numbers, *callers],
        )
        provider = ujson.loads(record)["provider"] if record else ""
        routes, owned = routes_and_own(callers, found)
        caller = read.whose(routes)
        if caller in routes and not session:
            session, side = routes[caller].session, routes[caller].side
        own = not owned.isdisjoint(spellings(caller))
        return number, _Look(provider, caller, own, bool(pins), answered, session, side)

    async def _start(
        self, call_id: str, leg: str, session_id: str, side: str, number: str
    ) -> list[Action]:
        """Connect the participant on a side of a session with the other one, if that may be."""
        session = await self._sessions.find(session_id)
        if session is None or session.mode is Mode.MESSAGE:
            return self._refuse(number)
        callee = session.other(side)
        try:
            await self._reserve(call_id, callee.person)
        except BudgetExhausted:
            return self._refuse(number)
        happened = await self._store.run(_START, *self._starting(call_id, leg, session, side))
        await self._pay(call_id, connects=happened == CallAnswer.CONNECT)
        if happened == NotTaken.OVER:
            return self._refuse(number)
        if happened != CallAnswer.CONNECT:
            return self._refuse(number, CallAnswer(happened))
        CALLS[CallAnswer.CONNECT,].inc()
        return talk(self._wait_text, country_of(callee.person)) + connect(
            session.called(across(side)),
            caller_id=callee.number,
            ring_timeout=self._ring_timeout,
            call_limit=self._call_limit,
            event_url=self._event_url,
        )

    async def _reserve(self, call_id: str, callee: str) -> None:
        """Reserve what a call costs; raises BudgetExhausted.

        Its price is told at its end: until then some minutes are taken to be enough.
        """
        if self._budget is None:
            return
        minutes = math.ceil(min(self._call_limit, PAID_SECONDS) / 60)
        price = minute(country_of(callee))
        await self._budget.reserve(Spending(_paid_as(call_id), PAYS, NAME, price, minutes))

    async def _pay(self, call_id: str, *, connects: bool) -> None:
        """Keep the money of a call that is connected, and give that of another back."""
        if self._budget is None:
            return
        if connects:
            await self._budget.leaves(_paid_as(call_id))
        else:
            await self._budget.settle(_paid_as(call_id), NAME, NOTHING)

    async def _settle(self, event: CallEvent, token: str) -> None:
        """Book what a leg has cost; the first one that ends takes the place of the reservation.

        Who dies over it has the event told again: a price may be booked twice, but is never lost.
        """
        price = total([event.fields.get("price", "")])
        if self._budget is not None:
            cost = Cost(How.TOLD, price=millionths(price))
            await self._budget.settle(_paid_as(event.id), NAME, cost, PAYS)
        await self._store.execute("HSET", keys.call(event.id), f"{PAID}{token}", 1)
        SPEND[(NAME,)].inc(float(price))

    async def _is_paid(self, call_id: str, token: str) -> bool:
        return bool((await self._fields(call_id, f"{PAID}{token}"))[0])

    def _starting(
        self, call_id: str, leg: str, session: Session, side: str
    ) -> tuple[list[str], list[Argument]]:
        """Return the keys and arguments of the script that connects a call."""
        caller, callee = map(person, (session.seat(side).person, session.other(side).person))
        entry = self._log.entry(side, "", call_id, CALL, "calling")
        return (
            [
                *(keys.call(call_id), keys.session(session.id), keys.OPTOUTS),
                *(keys.IN_CALL, keys.CALLS, *log_keys(session), keys.ERASED_OPTOUTS),
            ],
            [
                *(call_id, session.id, side, caller, callee, leg, entry),
                *(self._kept_ms, self._first_ms, self._silence_ms),
            ],
        )

    def _ask(self, number: str) -> list[Action]:
        CALLS[CallAnswer.PIN,].inc()
        return talk(self._pin_text, country_of(number)) + key_in(self._input_url)

    def _refuse(self, number: str, why: CallAnswer = CallAnswer.REFUSED) -> list[Action]:
        CALLS[why,].inc()
        return self.sorry(country_of(number))

    async def _tell(self, call_id: str, session_id: str, state: str) -> None:
        """Write the state of a call into its session's log; a final one is told only once."""
        if not session_id:
            return
        await self._log.set_state(session_id, call_id, state)
        if state not in OPEN_STATES:
            await self._store.execute("ZREM", keys.CALLS, call_id)

    async def _fields(self, call_id: str, *names: str) -> list[str]:
        found = await self._store.execute("HMGET", keys.call(call_id), *names)
        return [each or "" for each in found]


def _paid_as(call_id: str) -> str:
    return f"call:{call_id}"
