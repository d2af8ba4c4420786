"""The SMS API: ``POST /sms/json``.

https://developer.vonage.com/en/api/sms
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

from gateway.emulator.account import auth, submission
from gateway.emulator.account.failures import Failure
from gateway.emulator.account.records import Part, SentMessage
from gateway.emulator.account.refusals import RefusedError, throttled
from gateway.emulator.account.submission import Submission
from gateway.emulator.api.failing import ApiHandler
from gateway.emulator.api.wire import read_params

Item = dict[str, str]

TOO_MANY_REQUESTS = {
    "type": "https://developer.vonage.com/api-errors#throttled",
    "title": "Rate Limit Hit",
    "detail": "Please wait, then retry your request",
    "instance": "emulator",
}


class SmsHandler(ApiHandler):
    """Accepts a message, refuses it by the rules, or fails as a test has ordered."""

    _to = ""

    async def post(self) -> None:
        """Reply with one item for each part; receipts follow."""
        params = read_params(self.request)
        self._to = params.get("to", "")
        await self.serve(
            params, partial(self._accept, params), partial(self._accept_silently, params)
        )

    def refuse(self, refusal: RefusedError) -> None:
        """Reply with one item that refuses the message."""
        self._answer([refusal.item()])

    def answer_ordered(self, failure: Failure) -> None:
        """Reply with the status that was ordered; 429 is one of HTTP."""
        if failure.name == "429":
            self.set_status(429)
            self.reply(TOO_MANY_REQUESTS)
            return
        self.refuse(_ordered_refusal(failure, self._to))

    async def _accept(self, params: Mapping[str, str]) -> None:
        account = self.application.account
        auth.authenticate(params, self.authorization, account.settings)
        self._throttle(params.get("to", ""))
        asked = submission.parse(params)
        cut = asked.parts > 1 and account.failures.take_partial(self.request.path)
        message, balances = account.accept(asked, 1 if cut else asked.parts)
        if account.settings.dlr_early:
            await self.application.dispatcher.send_early(message)
        await self.pause(account.settings.answer_delay)
        self._answer(_items(message, balances) + _missing(asked, message))
        if not account.settings.dlr_early:
            self.application.dispatcher.schedule(message)

    def _throttle(self, to: str) -> None:
        account = self.application.account
        now = asyncio.get_running_loop().time()
        wait = account.throttle.hit(now, account.settings.rate)
        if wait > 0:
            raise throttled(wait, to, submission.network(to))

    def _accept_silently(self, params: Mapping[str, str]) -> None:
        account = self.application.account
        auth.authenticate(params, self.authorization, account.settings)
        asked = submission.parse(params)
        message, _ = account.accept(asked, asked.parts)
        self.application.dispatcher.schedule(message)

    def _answer(self, items: Sequence[Item]) -> None:
        self.reply({"message-count": str(len(items)), "messages": items})


def _items(message: SentMessage, balances: Sequence[Decimal]) -> list[Item]:
    return [
        _item(message, part, balance) for part, balance in zip(message.parts, balances, strict=True)
    ]


def _item(message: SentMessage, part: Part, balance: Decimal) -> Item:
    item = {
        "to": message.to,
        "message-id": part.message_id,
        "status": "0",
        "remaining-balance": f"{balance:.8f}",
        "message-price": message.price,
        "network": message.network,
    }
    return item | ({"client-ref": message.client_ref} if message.client_ref else {})


def _missing(asked: Submission, message: SentMessage) -> list[Item]:
    refused = RefusedError("1", to=message.to, network=message.network).item()
    return [refused] * (asked.parts - len(message.parts))


def _ordered_refusal(failure: Failure, to: str) -> RefusedError:
    if failure.status == "1":
        return throttled(0.702, to, submission.network(to))
    return RefusedError(failure.status, **({"to": to} if to else {}))
