"""What providers call: read in all three forms, served only when authenticated."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from gateway.access.gates import WebhookCall
from gateway.errors import Unauthenticated
from gateway.monitoring.metrics import WEBHOOKS
from gateway.providers.vonage import webhooks
from handlers.base import MAX_BODY_BYTES, BaseHandler, Guard
from handlers.webhooks.payload import UNREADABLE, Payload, read

log = logging.getLogger(__name__)


class WebhookHandler(BaseHandler):
    """GET, POST form or POST JSON from a provider; a subclass writes ``receive``."""

    guard = Guard.WEBHOOK
    signed: ClassVar[bool] = True  # whether the provider signs what it sends
    signed_by_jwt: ClassVar[bool] = False  # whatever its shape, as calls are

    async def get(self, token: str | None = None) -> None:
        """Answer 200 with an empty body once the payload is stored, or is of no use."""
        too_large = len(self.request.body) > MAX_BODY_BYTES
        # What no provider sends is of no use, and 200 keeps it from coming again.
        payload = UNREADABLE if too_large else read(self.request)
        if payload.empty and self.request.method == "GET":
            self.acknowledge()  # providers look so whether the address is alive
            return
        async with self._authenticated(payload, token):
            used = not too_large and await self.receive(payload)
        WEBHOOKS[("accepted" if used else "ignored",)].inc()
        if not used:
            log.warning("%s: nothing usable in the webhook", type(self).__name__)
        self.acknowledge()

    post = get

    @property
    def log_path(self) -> str:
        """The path without the token, which is a secret."""
        given = getattr(self, "path_args", None)  # not set before the path could be decoded
        return "/…/***" if given is None or any(given) else super().log_path

    async def receive(self, payload: Payload) -> bool:
        """Store what ``payload`` carries; return whether it could be used."""
        raise NotImplementedError

    def acknowledge(self) -> None:
        """Answer 200 with an empty body."""
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish()

    @asynccontextmanager
    async def _authenticated(self, payload: Payload, token: str | None) -> AsyncIterator[None]:
        """Raise Unauthenticated, and count that, for a call that proves nothing."""
        try:
            if self._is_beside_what_is_signed(payload):
                raise Unauthenticated
            token_id = self.services.webhooks.check(self._call(payload, token))
            async with self.services.spent_tokens.used(token_id, self._request_digest()):
                yield
        except Unauthenticated:
            WEBHOOKS[("unauthenticated",)].inc()
            raise

    def _request_digest(self) -> str:
        request = f"{self.request.method} {self.request.uri}"
        return hashlib.sha256(request.encode()).hexdigest()

    def _is_beside_what_is_signed(self, payload: Payload) -> bool:
        """Whether it stands in the query of a POST, or beside the body of a GET.

        A JWT covers a body: what stands in the query of such a request is nobody's word.
        """
        odd = bool(self.request.body) is (self.request.method == "GET")
        signed = self.signed_by_jwt and self.services.webhooks.wants_jwt
        return signed and odd and bool(payload.params)

    def _call(self, payload: Payload, token: str | None) -> WebhookCall:
        return WebhookCall(
            token=token,
            params=None if payload.repeated else payload.params,
            body=self.request.body,
            authorization=self.request.headers.get("Authorization", ""),
            json_only=self.signed_by_jwt or webhooks.is_messages_v1(payload.document),
            on_this_machine=lambda: self.is_asked_here,
            signed=self.signed,
            is_receipt=lambda: webhooks.is_receipt(payload.params, payload.document),
        )
