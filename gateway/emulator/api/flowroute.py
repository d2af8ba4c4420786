"""Flowroute's message API: send an SMS.

https://developer.flowroute.com/api/messages/v2.1/
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from gateway.emulator.account.failures import Failure
from gateway.emulator.account.records import SentMessage
from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.api import flowroute_requests
from gateway.emulator.api.failing import ApiHandler
from gateway.emulator.api.wire import read_object
from gateway.emulator.webhooks.flowroute import JSON_API
from gateway.errors import GatewayError


class SendHandler(ApiHandler):
    """``POST /v2.1/messages``: accepts a message or refuses it, in JSON:API documents."""

    content_type = JSON_API
    provider = "flowroute"
    refuses_by_http = True

    async def post(self) -> None:
        """Reply with the id of the message; its receipts follow."""
        asked = flowroute_requests.attributes(read_object(self.request.body))
        shown = flowroute_requests.shown(asked)
        await self.serve(shown, partial(self._accept, asked), partial(self._accept_silently, asked))

    def refuse(self, refusal: RefusedError) -> None:
        """Reply with an error document."""
        self._answer(int(refusal.status), refusal.text)

    def answer_ordered(self, failure: Failure) -> None:
        """Reply with the HTTP status that was ordered."""
        self._answer(int(failure.status or failure.name), "as ordered")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Reply with an error document, whatever was raised."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, GatewayError):
            self._answer(error.status, str(error))
            return
        self._answer(status_code, self._reason)

    async def _accept(self, asked: Mapping[str, object]) -> None:
        flowroute_requests.authenticate(self.authorization, self.application.account.settings)
        self._throttle()
        await self._confirm(self._keep(asked))

    def _accept_silently(self, asked: Mapping[str, object]) -> None:
        flowroute_requests.authenticate(self.authorization, self.application.account.settings)
        self.application.dispatcher.schedule(self._keep(asked))

    def _throttle(self) -> None:
        account = self.application.account
        now = asyncio.get_running_loop().time()
        if account.flowroute_throttle.hit(now, account.settings.rate) > 0:
            raise RefusedError("429", "Too many messages at once")

    def _keep(self, asked: Mapping[str, object]) -> SentMessage:
        account = self.application.account
        content_type = self.request.headers.get("Content-Type", "")
        submission = flowroute_requests.parse(asked, content_type, account.settings)
        return account.accept_flowroute(submission)

    async def _confirm(self, message: SentMessage) -> None:
        settings, dispatcher = self.application.account.settings, self.application.dispatcher
        if settings.dlr_early:
            await dispatcher.send_early(message)
        await self.pause(settings.answer_delay)
        record_id = message.parts[0].message_id
        own_address = f"{self.request.protocol}://{self.request.host}/v2.1/messages/{record_id}"
        self.set_status(202)
        self.reply({"data": {"links": {"self": own_address}, "type": "message", "id": record_id}})
        if not settings.dlr_early:
            dispatcher.schedule(message)

    def _answer(self, status: int, detail: str) -> None:
        self.set_status(status)
        if status == 401:
            self.set_header("WWW-Authenticate", 'Basic realm="Flowroute"')
        self.reply(flowroute_requests.error_document(status, detail))
