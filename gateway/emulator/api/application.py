"""The Tornado application of the emulator: what its handlers share, typed."""

from __future__ import annotations

from collections.abc import Sequence

from tornado.routing import Rule
from tornado.web import Application, RequestHandler

from gateway.emulator.account.account import Account
from gateway.emulator.voice.switchboard import Switchboard
from gateway.emulator.webhooks.delivery import Deliveries
from gateway.emulator.webhooks.dispatcher import Dispatcher

Route = tuple[str, type[RequestHandler]]


class EmulatorApplication(Application):
    """Routes over one account and the delivery of its webhooks."""

    def __init__(
        self,
        account: Account,
        deliveries: Deliveries,
        routes: Sequence[Route],
        unknown: type[RequestHandler],
    ) -> None:
        self.account = account
        self.dispatcher = Dispatcher(account, deliveries)
        self.deliveries = deliveries
        self.switchboard = Switchboard(account, deliveries)
        rules: list[Rule | Route] = list(routes)
        # An access log would hold the numbers and texts of GET requests: there is none.
        super().__init__(rules, default_handler_class=unknown, log_function=lambda handler: None)

    async def reset(self) -> None:
        """Take everything back to the start; webhooks that are pending are not sent."""
        await self.deliveries.cancel()
        self.account.reset()
