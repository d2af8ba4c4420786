"""Flowroute's message API: send an SMS, look a message up.

https://developer.flowroute.com/api/messages/v2.1/
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from gateway.emulator.account.failures import Failure
from gateway.emulator.account.records import SentMessage
from gateway.emulator.account.submission import Submission
from gateway.emulator.api import flowroute_requests
from gateway.emulator.api.failing import ApiHandler
from gateway.emulator.api.flowroute_requests import FlowrouteError
from gateway.emulator.api.wire import read_object
from gateway.emulator.webhooks import flowroute_webhooks
from gateway.emulator.webhooks.flowroute_webhooks import JSON_API
from gateway.errors import GatewayError


class FlowrouteHandler(ApiHandler):
    """Answers and refuses in JSON:API documents."""

    content_type = JSON_API

    def authenticate(self) -> None:
        """Return when the account asks; raises FlowrouteError (401)."""
        authorization = self.request.headers.get("Authorization", "")
        flowroute_requests.authenticate(authorization, self.application.account.settings)

    def refuse(self, status: int, detail: str) -> None:
        """Answer with an error document."""
        self.set_status(status)
        if status == 401:
            self.set_header("WWW-Authenticate", 'Basic realm="Flowroute"')
        self.reply(flowroute_requests.error_document(status, detail))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, GatewayError):
            status_code = error.status
        detail = str(error) if isinstance(error, GatewayError) else self._reason
        self.refuse(status_code, detail)


class SendHandler(FlowrouteHandler):
    """``POST /v2.1/messages``: accepts a message, refuses it, or fails as a test has ordered."""

    async def post(self) -> None:
        asked = flowroute_requests.attributes(read_object(self.request.body))
        account = self.application.account
        request = account.note(flowroute_requests.shown(asked), "flowroute")
        failure = account.failures.take_http(self.request.path)
        if failure is not None:
            request.outcome = failure.name
            await self.fail(failure, lambda: self._accept_silently(asked))
            return
        try:
            message = self._accept(asked)
        except FlowrouteError as error:
            request.outcome = f"status:{error.status}"
            self.refuse(error.status, error.detail)
            return
        request.outcome = "accepted"
        await self._confirm(message)

    def answer_ordered(self, failure: Failure) -> None:
        self.refuse(int(failure.status or failure.name), "as ordered")

    def _accept(self, asked: Mapping[str, object]) -> SentMessage:
        self.authenticate()
        account = self.application.account
        now = asyncio.get_running_loop().time()
        if account.flowroute_throttle.hit(now, account.settings.rate) > 0:
            raise FlowrouteError(429, "Too many messages at once")
        return account.accept_flowroute(self._parsed(asked))

    def _parsed(self, asked: Mapping[str, object]) -> Submission:
        content_type = self.request.headers.get("Content-Type", "")
        return flowroute_requests.parse(asked, content_type, self.application.account.settings)

    def _accept_silently(self, asked: Mapping[str, object]) -> None:
        with contextlib.suppress(FlowrouteError):
            self.authenticate()
            message = self.application.account.accept_flowroute(self._parsed(asked))
            self.application.dispatcher.schedule(message)

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


class LookUpHandler(FlowrouteHandler):
    """``GET /v2.1/messages/{id}``: the record of a message, outbound or inbound."""

    def get(self, record_id: str) -> None:
        try:
            self.authenticate()
            self.reply(self._record(record_id))
        except FlowrouteError as error:
            self.refuse(error.status, error.detail)

    def _record(self, record_id: str) -> Mapping[str, object]:
        account = self.application.account
        for message in reversed(account.sent):
            if message.provider == "flowroute" and message.parts[0].message_id == record_id:
                return flowroute_webhooks.sent_record(message)
        for text in reversed(account.texts):
            if text.provider == "flowroute" and text.parts[0].message_id == record_id:
                return flowroute_webhooks.text_record(text)
        raise FlowrouteError(404, "There is no such message")
