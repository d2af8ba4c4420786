"""The remote control of tests and of the page: failures, messages, texts, requests, settings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from typing import TypeVar

from gateway.emulator import checks
from gateway.emulator.account.account import MAX_KEPT
from gateway.emulator.account.calls import Call
from gateway.emulator.account.failures import parse_order
from gateway.emulator.account.records import HandsetText, SentMessage
from gateway.emulator.api.base import BaseHandler, number_argument
from gateway.emulator.api.wire import read_object
from gateway.emulator.control import conversation
from gateway.emulator.settings import shown

# So many texts of each direction, and calls, are on the page.
SHOWN = 200

Kept = TypeVar("Kept", SentMessage, HandsetText, Call)


class NextHandler(BaseHandler):
    """``POST /emulator/next``: how the next requests to the APIs are to fail."""

    def post(self) -> None:
        """Reply with the order as it was understood; raises BadRequest naming a wrong key."""
        failure, count = parse_order(read_object(self.request.body))
        self.application.account.failures.order(failure, count)
        self.reply({**asdict(failure), "failure": failure.name, "count": count})


class MessagesHandler(BaseHandler):
    """``/emulator/messages``: what was sent, oldest first; DELETE takes everything back."""

    def get(self) -> None:
        """Reply with the messages, of ``to`` only and at most the newest ``limit``."""
        kept = self.application.account.sent
        self.reply(newest(self, kept, "to", lambda message: message.to))

    async def delete(self) -> None:
        """Reset the emulator; what is pending is not told any more."""
        await self.application.reset()
        self.reply({"status": "ok"})


class InboundHandler(BaseHandler):
    """``/emulator/inbound``: what handsets sent, oldest first; POST lets one text a number."""

    def get(self) -> None:
        """Reply with the texts, of the handset ``from`` only and at most the newest ``limit``."""
        kept = self.application.account.texts
        self.reply(newest(self, kept, "from", lambda text: text.sender))

    async def post(self) -> None:
        """Reply with the ids of the parts; with ``wait``, what came of them when it is over."""
        body = read_object(self.request.body)
        wait = checks.checked({"wait": body.pop("wait", False)}, {"wait": checks.flag}, "key")
        text, delivery = self.application.dispatcher.text(body)
        answer: dict[str, object] = {"ids": [part.message_id for part in text.parts]}
        if wait["wait"]:
            await delivery
            answer["attempts"] = [asdict(attempt) for attempt in text.attempts()]
        self.reply(answer)


class HandsetsHandler(BaseHandler):
    """``GET /emulator/handsets``: what each handset shows, as the page needs it."""

    def get(self) -> None:
        """Reply with pairs of a number and its entries, oldest first."""
        found = conversation.by_handset(self.application.account, SHOWN)
        self.reply([[number, [asdict(each) for each in shown]] for number, shown in found.items()])


class RequestsHandler(BaseHandler):
    """``GET /emulator/requests``: every request to the APIs with its outcome, oldest first."""

    def get(self) -> None:
        """Reply with at most the newest 10,000."""
        self.reply([asdict(request) for request in self.application.account.requests])


class SettingsHandler(BaseHandler):
    """``/emulator/settings``: the account's settings; POST changes the named ones until a reset."""

    def get(self) -> None:
        """Reply with the settings, ``(set)`` in place of secrets."""
        self.reply(shown(self.application.account.settings))

    def post(self) -> None:
        """Reply with the settings after the change; raises BadRequest naming a wrong one."""
        self.application.account.change(read_object(self.request.body))
        self.get()


def newest(
    handler: BaseHandler, kept: deque[Kept], argument: str, number_of: Callable[[Kept], str]
) -> list[dict[str, object]]:
    """Return what is kept as JSON, of the number in ``argument`` only and the newest ``limit``."""
    number = handler.get_query_argument(argument, "").strip().lstrip("+")
    limit = number_argument(
        handler.get_query_argument("limit", str(MAX_KEPT)), "limit", highest=MAX_KEPT
    )
    matching = (each for each in reversed(kept) if not number or number_of(each) == number)
    return [each.as_json() for each in islice(matching, limit)][::-1]
