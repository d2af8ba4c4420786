"""The simulated account: its settings, its balance, what it was asked and what it sent."""

from __future__ import annotations

import secrets
import time
import uuid
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from decimal import Decimal

from gateway.emulator.account import submission, texts
from gateway.emulator.account.calls import Call
from gateway.emulator.account.failures import FailureQueue
from gateway.emulator.account.records import ApiRequest, HandsetText, Part, SentMessage, TextPart
from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.account.submission import Submission
from gateway.emulator.account.texts import TextOrder
from gateway.emulator.account.throttle import Throttle
from gateway.emulator.rented.leases import Leases
from gateway.emulator.settings import Settings, changed

MAX_KEPT = 10_000

# EUR; Flowroute's documents show $0.0040 for an SMS of a long code.
_FLOWROUTE_PRICE = Decimal("0.004")


class Account:
    """Everything that a reset takes back to how it was at the start."""

    def __init__(self, settings: Settings) -> None:
        self._initial = settings
        self.settings = settings
        self.failures = FailureQueue()
        self.throttle = Throttle()
        self.flowroute_throttle = Throttle()
        self.sent: deque[SentMessage] = deque(maxlen=MAX_KEPT)
        self.requests: deque[ApiRequest] = deque(maxlen=MAX_KEPT)
        self.texts: deque[HandsetText] = deque(maxlen=MAX_KEPT)
        self.calls: deque[Call] = deque(maxlen=MAX_KEPT)
        self.leases = Leases()
        self._spent = Decimal(0)
        self._refs: Counter[str] = Counter()

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change settings for good; raises BadRequest naming a wrong one."""
        self.settings = changed(self.settings, changes)
        self._initial = changed(self._initial, changes)

    def change(self, changes: Mapping[str, object]) -> None:
        """Change settings until the next reset; raises BadRequest naming a wrong one."""
        self.settings = changed(self.settings, changes)

    def reset(self) -> None:
        """Forget messages, requests, orders and changes, and fill up the balance."""
        self.settings = self._initial
        self.failures.clear()
        self.throttle.clear()
        self.flowroute_throttle.clear()
        self.sent.clear()
        self.requests.clear()
        self.texts.clear()
        self.calls.clear()
        self.leases.clear()
        self._spent = Decimal(0)
        self._refs.clear()

    def note(self, params: Mapping[str, str], provider: str, path: str) -> ApiRequest:
        """Keep a request that has come, without its secret, and return it."""
        kept = {name: value for name, value in params.items() if name != "api_secret"}
        request = ApiRequest(time=time.time(), params=kept, provider=provider, path=path)
        self.requests.append(request)
        return request

    def accept(self, asked: Submission, parts: int) -> tuple[SentMessage, list[Decimal]]:
        """Put ``parts`` parts of a message on the handset.

        Returns it with the balance after each part (EUR); raises RefusedError without credit.
        """
        price = Decimal(str(self.settings.price))
        if self._balance() < price * parts:
            raise RefusedError("9")
        message = self._keep(asked, [str(uuid.uuid4()) for _ in range(parts)], price, "nexmo")
        return message, [self._charge(price) for _ in range(parts)]

    def pay(self, price: Decimal) -> bool:
        """Take a price (EUR) from the balance; False when it is not there."""
        if self._balance() < price:
            return False
        self._charge(price)
        return True

    def accept_flowroute(self, asked: Submission) -> SentMessage:
        """Put a message of Flowroute's API on the handset; it has one id whatever its length."""
        return self._keep(asked, [flowroute_id("2.1")], _FLOWROUTE_PRICE, "flowroute")

    def accept_text(self, order: TextOrder) -> HandsetText:
        """Keep the text that a handset sends and return it; raises BadRequest for wrong parts."""
        parts = texts.parts_of(order, self.settings)
        text = HandsetText(
            time=time.time(),
            sender=order.sender,
            to=order.to,
            text=order.text,
            type=order.type,
            data=order.data,
            udh=order.udh,
            provider=order.provider,
            ref=self._ref(order, len(parts)),
            parts=tuple(TextPart(self._inbound_id(order.provider), part) for part in parts),
        )
        self.texts.append(text)
        return text

    def _keep(
        self, asked: Submission, ids: Sequence[str], price: Decimal, provider: str
    ) -> SentMessage:
        message = SentMessage(
            time=time.time(),
            to=asked.to,
            sender=asked.sender,
            text=asked.text,
            asked_text=asked.asked_text,
            type=asked.type,
            encoding=asked.encoding,
            client_ref=asked.client_ref,
            callback=asked.callback,
            wants_receipt=asked.wants_receipt,
            network=submission.network(asked.to),
            price=f"{price:.8f}",
            parts=tuple(Part(message_id) for message_id in ids),
            provider=provider,
        )
        self.sent.append(message)
        return message

    def _ref(self, order: TextOrder, parts: int) -> int:
        if order.ref is not None or parts == 1:
            return order.ref or 0
        # A handset counts its long texts in one octet, so references come again.
        self._refs[order.sender] += 1
        return self._refs[order.sender] % 256

    def _inbound_id(self, provider: str) -> str:
        if provider == "flowroute":
            return flowroute_id(self.settings.flowroute_mo_version)
        return str(uuid.uuid4())

    def _balance(self) -> Decimal:
        return Decimal(str(self.settings.balance)) - self._spent

    def _charge(self, price: Decimal) -> Decimal:
        self._spent += price
        return self._balance()


def flowroute_id(version: str) -> str:
    """Return a new id of a message detail record, in the style of version 2 or 2.1."""
    style = "mdr1" if version == "2" else "mdr2"
    return f"{style}-{secrets.token_hex(16)}"
