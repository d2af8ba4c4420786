"""The remote control of tests and of the page: failures, messages, requests, settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice

from gateway.emulator.account import MAX_KEPT
from gateway.emulator.base import BaseHandler, number_argument
from gateway.emulator.failures import parse_order
from gateway.emulator.inbox import SentMessage
from gateway.emulator.settings import shown
from gateway.emulator.wire import read_object


class NextHandler(BaseHandler):
    """``POST /emulator/next``: how the next requests to the SMS API are to fail."""

    def post(self) -> None:
        failure, count = parse_order(read_object(self.request.body))
        self.application.account.failures.order(failure, count)
        self.reply({**asdict(failure), "failure": failure.name, "count": count})


class MessagesHandler(BaseHandler):
    """``/emulator/messages``: what was sent, oldest first; DELETE takes everything back."""

    def get(self) -> None:
        """Reply with the messages, of ``to`` only and at most the newest ``limit``."""
        to = self.get_query_argument("to", "").strip().lstrip("+")
        limit = number_argument(
            self.get_query_argument("limit", str(MAX_KEPT)), "limit", highest=MAX_KEPT
        )
        newest = self._newest(to, limit)
        self.reply([message.as_json() for message in reversed(list(newest))])

    async def delete(self) -> None:
        await self.application.reset()
        self.reply({"status": "ok"})

    def _newest(self, to: str, limit: int) -> Iterable[SentMessage]:
        newest = reversed(self.application.account.sent)
        return islice((each for each in newest if not to or each.to == to), limit)


class RequestsHandler(BaseHandler):
    """``GET /emulator/requests``: every request to the SMS API with its outcome, oldest first."""

    def get(self) -> None:
        self.reply([asdict(request) for request in self.application.account.requests])


class SettingsHandler(BaseHandler):
    """``/emulator/settings``: the account's settings; POST changes the named ones until a reset."""

    def get(self) -> None:
        self.reply(shown(self.application.account.settings))

    def post(self) -> None:
        self.application.account.change(read_object(self.request.body))
        self.get()
