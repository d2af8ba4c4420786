"""The message endpoints: text a configured message to the number a visitor typed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any, ClassVar

import ujson

from conf.messages import MessageEndpoint
from conf.protection import Action
from gateway.errors import BudgetExhausted, GatewayError, LimitExceeded, ProofNeeded
from gateway.messaging.sending.messenger import Sent
from gateway.protection.callers import Caller
from gateway.protection.destinations.rules import ALLOWED, Basis
from gateway.protection.limits.admission import Admitted, Allowance, Layer, LayerRefused
from gateway.protection.limits.layers import Call
from gateway.protection.limits.same_text import Attempt
from gateway.protection.links.short_links import Written
from gateway.providers.base import Outcome
from gateway.telephony.phonenumber import PhoneNumber
from handlers.public import rate_limit
from handlers.public.base import PublicHandler
from handlers.public.proof import prove

# With these the receiver has the text, or may have it.
SENT = (Outcome.ACCEPTED, Outcome.UNKNOWN)


class _Unanswerable(Exception):
    """The call gets one of the endpoint's own errors."""


class MessageHandler(PublicHandler):
    """``GET|POST <path>?receiver=[&country=]``: limits, presence, validity, opt-out, proof, send.

    Subclass it for a text or a sender that depends on the request; README shows how.
    """

    exposed_headers: ClassVar[str] = "Retry-After, RateLimit-Policy, RateLimit"
    _allowance: Allowance | None = None
    _shop = ""  # the site that the call names
    _verdict = ALLOWED  # of the rules, on the receiver
    _caller = Caller()

    def initialize(self, endpoint: MessageEndpoint, **kwargs: object) -> None:
        """Take the endpoint that this route serves."""
        super().initialize(**kwargs)
        self.endpoint = endpoint
        self.layers = self.services.layers.of(endpoint)

    @property
    def link(self) -> str:
        """Where the message leads."""
        return self.link_of(self.endpoint)

    def text(self, number: PhoneNumber) -> str:
        """Return the text to send to ``number``; override it to make it depend on the request.

        ``{link}`` in it becomes a short link.
        """
        return (self.site.message if self.site else "") or self.endpoint.text

    def sender(self, number: PhoneNumber) -> str:
        """Return the sender that ``number`` sees."""
        return (self.site.sender if self.site else "") or self.endpoint.sender

    async def get(self, *_: str) -> None:
        """Answer the contract's bodies; the endpoint's own errors are HTTP 200."""
        try:
            number = await self._receiver()
            self._caller = await self.services.callers.of(self.client_address)
            call = Call(self.client_address, number.person, self._shop, self._caller.known_as)
            await prove(
                self.services,
                self.endpoint,
                call,
                verdict=self._verdict,
                given=self.given,
                admit=self._admit,
            )
            self.reply(await self._message(number, call))
        except _Unanswerable as error:
            self.fail(str(error))
        except LimitExceeded as error:  # the budget's, too
            self.limited(error)
        except ProofNeeded as error:
            self.reply_error(error)

    post = get

    def limited(self, error: LimitExceeded) -> None:
        """Answer that an allowance is used up, and tell what is left of the address's own."""
        by_address = isinstance(error, LayerRefused) and error.told
        if isinstance(error, LayerRefused):
            self._allowance = error.allowance or self._allowance
        self._tell_limits(0 if by_address else error.retry_after)
        super().limited(error)

    async def _receiver(self) -> PhoneNumber:
        """Return the number that was given; raises _Unanswerable without a usable one.

        Limits of the address come first: a call that can send nothing is counted by them, or
        refused, before it is told so.
        """
        try:
            return self._usable(self.given)
        except (_Unanswerable, GatewayError):
            await self._admit(self.layers.caller(Call(self.client_address)))
            raise

    def _usable(self, given: dict[str, str]) -> PhoneNumber:
        self._shop = self.site.key if self.site else ""
        receiver = given.get("receiver", "")
        if not receiver.strip():
            raise _Unanswerable("receiver_missing")
        number = self.number(receiver, given.get("country"))
        if number is None or not number.sms:
            raise _Unanswerable("receiver_validation")
        self._verdict = self.services.rule_gate.judge(self.endpoint.path, number)
        if self._verdict.action is Action.BLOCK:
            raise _Unanswerable("receiver_validation")
        return number

    async def _message(self, number: PhoneNumber, call: Call) -> dict[str, Any]:
        """Send the text to a number; return the answer, that of the same text just before it."""
        same_texts, text = self.services.same_texts, self.text(number)
        by_caller = self.layers.caller(call)
        opted_out, attempt = await self._begun(number, text)
        if opted_out:
            await asyncio.gather(self._admit(by_caller), same_texts.free(attempt))
            raise _Unanswerable("receiver_opted_out")
        if attempt.is_repeat:
            # Counted by its address alone: no message comes of it, unless the first one fails.
            await self._admit(by_caller)
            attempt, by_caller = await same_texts.wait(attempt), []
        if attempt.answer:
            answer: dict[str, Any] = ujson.loads(attempt.answer)
            return answer
        if attempt.is_repeat:
            return _answer(number, attempt.id, ok=False)
        by_rule = self.services.rule_gate.layer(self._verdict)
        layers = [*by_caller, *self.layers.message(call, by_rule)]
        return await self._send(number, text, attempt, layers)

    async def _begun(self, number: PhoneNumber, text: str) -> tuple[bool, Attempt]:
        """Return whether a receiver has opted out, and the text as it is begun."""
        same_texts, optouts = self.services.same_texts, self.services.optouts
        content = (self.endpoint.path, self.sender(number), text)
        if same_texts.is_on:
            return await asyncio.gather(
                optouts.is_out(number.e164), same_texts.begin(number.person, *content)
            )
        # Nothing is begun in the store: a task for each would take longer.
        return await optouts.is_out(number.e164), await same_texts.begin(number.person, *content)

    async def _send(
        self, number: PhoneNumber, text: str, attempt: Attempt, layers: Sequence[Layer]
    ) -> dict[str, Any]:
        """Count and send a text, and return the answer; raises when it may not be, or cannot."""
        linked = self.services.short_links.write(text, self.endpoint.path, self._shop)
        admitted = Admitted()
        try:
            admitted = await self._admit(layers)
            sent = await self.services.messenger.send(
                number.e164,
                linked.text,
                self.sender(number),
                source=self.endpoint.path,
                site=self._shop,
                message_id=attempt.id,
                notes=self._notes(admitted, linked),
                besides=[self.services.clicks.note(linked.code, attempt.id)] if linked.code else [],
                decided=lambda sent: list(self._decided(sent, number, attempt, linked)),
            )
        except Exception as error:
            # What the budget refuses is counted by no limit.
            undone = admitted if isinstance(error, BudgetExhausted) else Admitted()
            self._allowance = undone.allowance_before or self._allowance
            await asyncio.gather(
                self.services.same_texts.free(attempt), self.services.admission.give_back(undone)
            )
            raise
        return _answer(number, sent.id, ok=sent.ok)

    def _notes(self, admitted: Admitted, linked: Written) -> dict[str, str]:
        """Return what the message's record says of the call, for rehearsals, and of its link."""
        notes = {"caller": self._caller.note}
        if linked.code:
            notes["link"] = linked.code
        if admitted.counts:
            _, counted = admitted.counts[0]
            notes["counted"] = str(counted)
        if self._verdict.basis is Basis.NEW_COUNTRY:
            notes["new_country"] = "1"
        return notes

    def _decided(
        self, sent: Sent, number: PhoneNumber, attempt: Attempt, linked: Written
    ) -> Iterator[Awaitable[None]]:
        """Yield what is written down beside the outcome; none of it fails a message that is out."""
        same_texts, newcomers = self.services.same_texts, self.services.rule_gate.newcomers
        if attempt.key and sent.outcome in SENT:
            yield same_texts.keep(attempt, ujson.dumps(_answer(number, sent.id, ok=sent.ok)))
        elif attempt.key:
            yield same_texts.free(attempt)
        if linked.code and sent.ok:
            yield self.services.conversions.sent(linked.source, number.person)
        if sent.ok and newcomers.counts_taken(self.endpoint.path, number.e164):
            yield newcomers.delivered(self.endpoint.path, number.e164)

    async def _admit(self, layers: Sequence[Layer]) -> Admitted:
        admitted = await self.services.admission.admit(layers)
        self._allowance = admitted.allowance or self._allowance
        self._tell_limits()
        return admitted

    def _tell_limits(self, service_wait: int = 0) -> None:
        told = rate_limit.headers(self._allowance, service_wait)
        for name, value in told.items():
            self.set_header(name, value)
        if told:
            self.set_header("Access-Control-Expose-Headers", self.exposed_headers)


def _answer(number: PhoneNumber, message_id: str, *, ok: bool) -> dict[str, Any]:
    shown = {"number": number.international, "id": message_id}
    if ok:
        return {"status": "ok", "message": "Message sent"} | shown
    failure = {"status": "error", "error": "nexmo_error", "message": "Nexmo Service Error"}
    return failure | shown
