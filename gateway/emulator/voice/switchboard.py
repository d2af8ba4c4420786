"""Where calls of handsets begin: which number they reach, and who may be shown as their caller."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping

from gateway.emulator.account import call_order
from gateway.emulator.account.account import Account
from gateway.emulator.account.calls import OUTBOUND, Call, Leg
from gateway.emulator.voice.flow import CallFlow
from gateway.emulator.webhooks.delivery import Deliveries
from gateway.errors import BadRequest, NotFound

log = logging.getLogger(__name__)


class Switchboard:
    """Places the calls of handsets and keeps them."""

    def __init__(self, account: Account, deliveries: Deliveries) -> None:
        self._account = account
        self._deliveries = deliveries

    def place(self, body: Mapping[str, object]) -> tuple[Call, Awaitable[object]]:
        """Let a handset make the call that JSON orders.

        Returns it, and what to await until it is over and its events were told. Raises BadRequest
        naming a wrong key, or the setting without which nobody can be asked.
        """
        order = call_order.parse(body)
        settings = self._account.settings
        if not self._deliveries.target(settings.answer_url):
            raise BadRequest("answer_url: must be set to a URL of this machine", field="answer_url")
        call = Call(order)
        ended = self._deliveries.run(self._run(call))
        self._account.calls.append(call)
        return call, ended

    def find(self, uuid: str) -> Call:
        """Return the call; raises NotFound."""
        for call in reversed(self._account.calls):
            if call.uuid == uuid:
                return call
        raise NotFound("there is no such call")

    async def _run(self, call: Call) -> None:
        try:
            if self._reaches_application(call):
                await self._flow(call).run()
        except Exception:
            log.exception("a call failed")
            call.problem = call.problem or "the emulator failed"
        finally:
            call.over = True

    def _flow(self, call: Call) -> CallFlow:
        return CallFlow(call, self._deliveries, self._account.settings, self._owns)

    def _owns(self, number: str) -> bool:
        return self._account.leases.find(number, self._account.settings) is not None

    def _reaches_application(self, call: Call) -> bool:
        """Tell whether the application is asked; a number that is not rented here is its own."""
        settings = self._account.settings
        lease = self._account.leases.find(call.to, settings)
        if lease is None:
            return True
        if lease.forwarded_to:
            call.legs.append(Leg(OUTBOUND, call.inbound.sender, lease.forwarded_to, call.time))
            call.problem = "forwarded by the number's own voiceCallbackType, without a webhook"
            return False
        if lease.application and settings.application_id in {"", lease.application}:
            return True
        if not settings.application_id and call.to in settings.owned_numbers:
            return True
        call.problem = "the number is not linked to the application"
        return False
