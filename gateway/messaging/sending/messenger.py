"""The one way out: pace, send, retry what may be retried, write down what became of it."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.errors import BudgetExhausted, StoreUnavailable
from gateway.messaging.receipts import NO_NOTES, Receipts
from gateway.messaging.sending.costs import RELAY, TextCosts, public_scopes
from gateway.messaging.sending.outcomes import Outcomes
from gateway.messaging.sending.pacer import JITTER_MARGIN, Flow, Pacer
from gateway.monitoring.metrics import PROVIDER_SECONDS, RETRIES, provider_label
from gateway.protection.spending.prices import Prices
from gateway.providers.base import Outcome, Provider, Sms, SubmitResult
from gateway.store.budget import budget
from gateway.store.script import Reply, ScriptCall
from gateway.telephony import segments
from gateway.telephony.plain_text import as_gsm7, clean
from gateway.telephony.plans import person

log = logging.getLogger(__name__)

# A visitor waits for the answer, so throttled requests are repeated for this long and no longer.
RETRY_SECONDS = 5.0
FIRST_BACKOFF_SECONDS = 0.25
# A text from the outbox reserves no turn that is further ahead, so that a crash leaves few unused.
# Turns of a second are reserved while several flows want some, and one of each flow at least.
OUTBOX_TURN_SECONDS = 1.5
# A provider's pause is kept by all processes, but not for longer: it may be meant for one text.
LONGEST_HOLD_SECONDS = 60.0

NO_SUCH_PROVIDER = SubmitResult(Outcome.REFUSED, code="provider", text="no such provider")
RETRYABLE = (Outcome.THROTTLED, Outcome.NOT_SENT)
TOO_MANY_WAITING = SubmitResult(Outcome.THROTTLED, code="queue", text="too many messages waiting")
ARRIVED = SubmitResult(Outcome.ACCEPTED, code="receipt", text="an earlier attempt has arrived")
NEVER_LEFT = SubmitResult(Outcome.NOT_SENT, code="store", text="the store was down")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that went out, or did not: its id and the outcome of the last attempt."""

    id: str
    outcome: Outcome

    @property
    def ok(self) -> bool:
        """Whether the provider took every part."""
        return self.outcome is Outcome.ACCEPTED


def nothing_more(sent: Sent) -> Sequence[Awaitable[None]]:
    """Leave it at what is written down of a message."""
    return ()


@dataclass(slots=True)
class _Record:
    """What is written down of a message before it leaves, and what with it."""

    sms: Sms
    provider: Provider
    source: str
    notes: Mapping[str, str]
    besides: Sequence[ScriptCall] = ()


class NoTurn(Exception):
    """The provider's rate lets no request of the outbox out for now; nothing was sent."""


class Messenger:
    """Sends texts through the providers by name, without control characters.

    A text goes to the form of a number that its numbering plan has for texts today.

    smart_encoding: in plain punctuation where that makes a text GSM-7 as a whole; costs: reserves
    the money, without it nobody asks what texts cost.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        default: str,
        receipts: Receipts,
        pacer: Pacer,
        *,
        smart_encoding: bool = True,
        costs: TextCosts | None = None,
    ) -> None:
        self._providers = providers
        self._default = default
        self._receipts = receipts
        self._pacer = pacer
        self._form = as_gsm7 if smart_encoding else str
        self._costs = costs or TextCosts(None, Prices())
        self._outcomes = Outcomes(receipts, self._costs)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers that ``send`` takes."""
        return tuple(self._providers)

    def as_sent(self, text: str) -> str:
        """Return a text in the form in which it leaves."""
        return self._form(clean(text))

    async def send(
        self,
        to: str,
        text: str,
        sender: str,
        *,
        source: str,
        site: str = "",
        provider: str = "",
        message_id: str = "",
        notes: Mapping[str, str] = NO_NOTES,
        besides: Sequence[ScriptCall] = (),
        decided: Callable[[Sent], Sequence[Awaitable[None]]] = nothing_more,
    ) -> Sent:
        """Send one text to ``to`` (E.164) and return what became of it.

        source: which endpoint asked (its path), or who else did, for the log of messages and for
        the budget, like site: the key of the shop; message_id: '' = a new one; notes: further
        fields of its record; besides: what else is written with it, in the same pipeline;
        decided: is told of the outcome, and what it returns is awaited while that is written
        down. Raises, before anything was sent, BudgetExhausted, and StoreUnavailable when the
        message cannot be written down.
        """
        sms = Sms(message_id or secrets.token_hex(16), to, sender, text)
        chosen = self._providers[provider or self._default]
        return await self.send_by(
            chosen, sms, source=source, site=site, notes=notes, besides=besides, decided=decided
        )

    async def send_by(
        self,
        provider: Provider,
        sms: Sms,
        *,
        source: str,
        site: str = "",
        patience: float = RETRY_SECONDS,
        notes: Mapping[str, str] = NO_NOTES,
        besides: Sequence[ScriptCall] = (),
        decided: Callable[[Sent], Sequence[Awaitable[None]]] = nothing_more,
    ) -> Sent:
        """Do the same by a provider that need not be one of ``providers``, under an id of its own.

        A text that a phone is to send at a certain time or before others has such a provider.
        patience: seconds for which what never left is tried again.
        """
        sms = self._in_form(sms)
        scopes = public_scopes(source, site)
        await self._costs.look_ahead(sms.id, sms, provider.name, scopes)
        turn = await self._pacer.reserve(provider.pace_key, provider.rate, RETRY_SECONDS)
        give_up = time.monotonic() + patience
        if turn is not None:
            await asyncio.sleep(turn)
        new = _Record(sms, provider, source, _with_site(notes, site), besides)
        try:
            await (self._create(new) if turn is None else self._pay(new, scopes))
        except StoreUnavailable:
            # It may have been written down all the same; then it is to say that it never left.
            self._outcomes.record_later(sms, provider.name, NEVER_LEFT, 0, paid_as=sms.id)
            raise
        result, attempts = TOO_MANY_WAITING, 0
        if turn is not None:
            result, attempts = await self._submit(sms, provider, give_up)
        if result.outcome is not Outcome.ACCEPTED:
            # Providers quote the request in what they say: that is for the operator's list alone.
            log.warning("message %s: %s, code %s", sms.id, result.outcome, result.code or "-")
        sent = Sent(sms.id, result.outcome)
        with budget():
            record = self._outcomes.record(sms, provider.name, result, attempts, paid_as=sms.id)
            further = decided(sent)
            # All travel to the store together; a task for each takes longer than one alone.
            await (asyncio.gather(record, *further) if further else record)
        return sent

    async def _pay(self, record: _Record, scopes: tuple[str, ...]) -> None:
        """Write a message down and reserve its money in one pipeline, right before it leaves.

        So a process that dies has reserved next to nothing for what it did not send. What there
        is no money for is forgotten again: refused calls are not to fill the list of messages.
        """
        sms, provider = record.sms, record.provider.name
        reservation = self._costs.reservation(sms.id, sms, provider, scopes)
        if reservation is None:
            await self._create(record)
            return
        replies = await self._create(record, reservation.call)
        try:
            await self._costs.reserved(reservation, replies[-1])
        except BudgetExhausted:
            await self._receipts.forget([sms.id])
            raise

    async def deliver(
        self,
        sms: Sms,
        *,
        provider: str,
        source: str,
        session: str = "",
        attempts: int = 1,
        follows: Callable[[SubmitResult], bool],
        flow: Flow = Flow.RELAY,
        before: Callable[[], Awaitable[bool]],
    ) -> SubmitResult | None:
        """Submit a text of the outbox once, in its turn, and return what the provider said.

        ``before`` is asked at the last moment before the request is written; when it says no,
        nothing is sent and None returned. session: whose log shows what becomes of the text;
        attempts: this one included; a repeat of what has arrived after all is not sent.
        follows: whether another attempt follows such an answer; flow: by whose share of the rate
        it goes. Raises NoTurn, and StoreUnavailable, before anything was sent.
        """
        chosen = self._providers.get(provider)
        if chosen is None:
            return NO_SUCH_PROVIDER
        longest = max(OUTBOX_TURN_SECONDS, _turns(len(Flow) + 1, chosen.rate))
        turn = await self._pacer.reserve(chosen.pace_key, chosen.rate, longest, flow=flow)
        if turn is None:
            raise NoTurn
        await asyncio.sleep(turn)
        sms = self._in_form(sms)
        if attempts > 1 and await self._receipts.is_delivered(sms.id):
            return ARRIVED
        await self._create(_Record(sms, chosen, source, {"session": session} if session else {}))
        if not await before():
            return None
        result = await _submitted(chosen, sms)
        if result.outcome is Outcome.THROTTLED:
            await self._hold_back(chosen, result)
        paid_as = _attempt(sms, attempts)
        await self._outcomes.record(
            sms, chosen.name, result, attempts, paid_as=paid_as, open_still=follows(result)
        )
        return result

    async def pay(self, sms: Sms, provider: str, attempts: int) -> None:
        """Reserve what an attempt of a text of the outbox costs: it is about to be written.

        Who takes over from a dead process repeats its attempt, which is paid for already. Raises
        BudgetExhausted and StoreUnavailable.
        """
        sms, name = self._in_form(sms), _attempt(sms, attempts)
        await self._costs.reserve(name, sms, provider, RELAY)

    async def give_up(self, sms: Sms, provider: str, result: SubmitResult, attempts: int) -> None:
        """Write down that a text of the outbox is not tried any more."""
        await self._outcomes.record(self._in_form(sms), provider, result, attempts)

    def _in_form(self, sms: Sms) -> Sms:
        to, text = person(sms.to), self.as_sent(sms.text)
        same = text == sms.text and to == sms.to
        return sms if same else replace(sms, to=to, text=text)

    async def _create(self, record: _Record, *further: ScriptCall) -> list[Reply]:
        return await self._receipts.create(
            record.sms,
            provider=record.provider.name,
            source=record.source,
            expected=segments.count(record.sms.text).parts,
            notes=record.notes,
            besides=(*record.besides, *further),
        )

    async def _hold_back(self, provider: Provider, result: SubmitResult) -> None:
        """Put a pause before the next turn of all processes: the provider asked for one."""
        pause = min(max(result.retry_after or 0.0, FIRST_BACKOFF_SECONDS), LONGEST_HOLD_SECONDS)
        with suppress(StoreUnavailable):
            await self._pacer.reserve(provider.pace_key, provider.rate, pause, hold=pause)

    async def drain(self, seconds: float = 3.0) -> None:
        """Wait until what is still to be written down is written, ``seconds`` at most."""
        await self._outcomes.drain(seconds)

    async def _submit(
        self, sms: Sms, provider: Provider, give_up: float
    ) -> tuple[SubmitResult, int]:
        """Submit until the provider decides or the time for retries is over."""
        attempts, result = 1, await _submitted(provider, sms)
        while result.outcome in RETRYABLE:
            # Whatever time the answer took; a phone's provider asks the store itself.
            with budget():
                turn = await self._next_turn(sms, provider, result, attempts, give_up)
                if turn is None:
                    break
                RETRIES[(provider_label(provider.name),)].inc()
                await asyncio.sleep(turn)
                if not await self._leaves_again(sms, provider):
                    break
                attempts, result = attempts + 1, await _submitted(provider, sms)
        return result, attempts

    async def _leaves_again(self, sms: Sms, provider: Provider) -> bool:
        """Tell whether another attempt may be written."""
        try:
            return await self._costs.leaves(sms.id, provider.name)
        except StoreUnavailable:
            return False

    async def _next_turn(
        self, sms: Sms, provider: Provider, result: SubmitResult, attempts: int, give_up: float
    ) -> float | None:
        """Return the seconds until the next attempt, None when there is no time for one.

        A throttling provider means everybody: the pause is put before the next turn of all
        processes. A provider that could not be reached is a matter of this request alone.
        """
        backoff = FIRST_BACKOFF_SECONDS * 2 ** (attempts - 1)
        # The provider's own hint is believed when it asks for more, never when it asks for less.
        pause = max(result.retry_after or 0.0, backoff * random.uniform(0.75, 1.25))  # noqa: S311
        left = give_up - time.monotonic()
        if pause > left:
            return None
        shared = pause if result.outcome is Outcome.THROTTLED else 0.0
        try:
            turn, _ = await asyncio.gather(
                self._pacer.reserve(provider.pace_key, provider.rate, left, hold=shared),
                self._costs.holds(sms.id, provider.name),
            )
        except StoreUnavailable:
            return None
        return None if turn is None else max(turn, pause)


def _with_site(notes: Mapping[str, str], site: str) -> Mapping[str, str]:
    """Return the fields of a record of a message for a site, '' = none."""
    return {"site": site, **notes} if site else notes


def _attempt(sms: Sms, attempts: int) -> str:
    """Return as what an attempt of a text of the outbox is paid for.

    Its answer may be written down late, when the next attempt is paid for already.
    """
    return f"{sms.id}:{attempts}"


def _turns(count: int, rate: float) -> float:
    """Return the seconds that so many turns take at a rate, 0 = unpaced."""
    return count / rate * JITTER_MARGIN if rate else 0.0


async def _submitted(provider: Provider, sms: Sms) -> SubmitResult:
    """Submit once; whatever fails in the provider's code may have failed after the SMS left."""
    started = time.monotonic()
    try:
        result = await provider.submit(sms)
    except Exception:
        log.exception("message %s: the provider's code failed", sms.id)
        result = SubmitResult(Outcome.UNKNOWN, code="crash", text="an error inside the gateway")
    PROVIDER_SECONDS[(provider_label(provider.name),)].observe(time.monotonic() - started)
    return result
