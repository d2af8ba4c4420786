"""The simulated account: its settings, its balance, what it was asked and what it sent."""

from __future__ import annotations

import secrets
import time
import uuid
from collections import deque
from collections.abc import Mapping
from decimal import Decimal

from gateway.emulator import submission
from gateway.emulator.failures import FailureQueue
from gateway.emulator.inbox import ApiRequest, Part, SentMessage
from gateway.emulator.refusals import RefusedError
from gateway.emulator.settings import Settings, changed
from gateway.emulator.submission import Submission
from gateway.emulator.throttle import Throttle

MAX_KEPT = 10_000

_CREDENTIALS = frozenset({"api_secret", "sig"})


class Account:
    """Everything that a reset takes back to how it was at the start."""

    def __init__(self, settings: Settings) -> None:
        self._initial = settings
        self.settings = settings
        self.failures = FailureQueue()
        self.throttle = Throttle()
        self.sent: deque[SentMessage] = deque(maxlen=MAX_KEPT)
        self.requests: deque[ApiRequest] = deque(maxlen=MAX_KEPT)
        self._spent = Decimal(0)

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
        self.sent.clear()
        self.requests.clear()
        self._spent = Decimal(0)

    def note(self, params: Mapping[str, str]) -> ApiRequest:
        """Keep a request that has come, without its credentials, and return it."""
        kept = {name: value for name, value in params.items() if name not in _CREDENTIALS}
        request = ApiRequest(time=time.time(), params=kept)
        self.requests.append(request)
        return request

    def accept(self, asked: Submission, parts: int) -> tuple[SentMessage, list[Decimal]]:
        """Put ``parts`` parts of a message on the handset.

        Returns it with the balance after each part (EUR); raises RefusedError without credit.
        """
        price = Decimal(str(self.settings.price))
        if self._balance() < price * parts:
            raise RefusedError("9")
        message = self._message(asked, parts, price)
        balances = [self._charge(price) for _ in range(parts)]
        self.sent.append(message)
        return message, balances

    def _message(self, asked: Submission, parts: int, price: Decimal) -> SentMessage:
        return SentMessage(
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
            parts=tuple(Part(self._message_id()) for _ in range(parts)),
        )

    def _message_id(self) -> str:
        if self.settings.message_id == "hex":
            return f"0A{secrets.token_hex(7).upper()}"
        return str(uuid.uuid4())

    def _balance(self) -> Decimal:
        return Decimal(str(self.settings.balance)) - self._spent

    def _charge(self, price: Decimal) -> Decimal:
        self._spent += price
        return self._balance()
