"""What providers call: read in all three forms, served only when authenticated."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import ClassVar
from urllib.parse import unquote

from gateway.access.gates import WebhookCall
from gateway.errors import Unauthenticated
from gateway.monitoring.metrics import WEBHOOKS
from gateway.providers.vonage import webhooks
from handlers.base import MOST_ARGUMENT_BYTES, BaseHandler, Guard
from handlers.webhooks.payload import UNREADABLE, Payload, read

log = logging.getLogger(__name__)


class Use(StrEnum):
    """What a webhook was good for, in the words of its metric and of the inbox's reasons."""

    ACCEPTED = "accepted"
    IGNORED = "ignored"  # nothing came, or it tells what there is no word for here
    UNUSABLE = "unusable"  # something that it cannot do without is missing
    UNREADABLE = "unreadable"


# What may be somebody's text: kept for the operator before it is acknowledged.
KEPT = frozenset({Use.UNUSABLE, Use.UNREADABLE})


class WebhookHandler(BaseHandler):
    """GET, POST form or POST JSON from a provider; a subclass writes ``receive``."""

    guard = Guard.WEBHOOK
    signed: ClassVar[bool] = True  # whether the provider signs what it sends
    signed_by_jwt: ClassVar[bool] = False  # whatever its shape, as calls are
    works_without_store: ClassVar[bool] = False  # as it gives nothing away
    provider: ClassVar[str]

    async def get(self, token: str | None = None) -> None:
        """Answer 200 with an empty body once the payload is stored, or kept unused."""
        too_large = len(self.request.body) > MOST_ARGUMENT_BYTES
        payload = UNREADABLE if too_large else read(self.request, self.content_type)
        if payload.empty and self.request.method == "GET":
            self.acknowledge()  # providers look so whether the address is alive
            return
        async with self._authenticated(payload, token):
            use = await self._take(payload)
        WEBHOOKS[(use,)].inc()
        if use is not Use.ACCEPTED:
            log.warning("%s: %s", type(self).__name__, use)
        self.acknowledge()

    post = get

    async def _take(self, payload: Payload) -> Use:
        """Store what came, or keep it; return what it was good for."""
        use = await self.receive(payload)
        if not payload.readable:
            use = Use.UNREADABLE
        elif payload.empty:
            use = Use.IGNORED
        if use in KEPT:
            await self.keep(use)
        return use

    async def keep(self, use: Use) -> None:
        """Keep what came in the inbox; raises StoreUnavailable."""
        body = self.request.body
        what = body if body and self.request.method != "GET" else self.request.query.encode()
        elements = [unquote(each) for each in self.request.path.split("/")]
        place = "/".join(each for each in elements if each not in self.path_args)  # no token
        await self.services.inbox.keep_raw(self.provider, place, what, use)

    @property
    def log_path(self) -> str:
        """The path without the token, which is a secret."""
        given = getattr(self, "path_args", None)  # not set before the path could be decoded
        return "/…/***" if given is None or any(given) else super().log_path

    async def receive(self, payload: Payload) -> Use:
        """Store what ``payload`` carries; return what that was good for."""
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
            async with self.services.spent_tokens.used(
                token_id, self._request_digest(), without_store=self.works_without_store
            ):
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

    @property
    def _is_of_another_site(self) -> bool:
        """Whether a page of another site made the browser ask; an image's GET has no Origin."""
        return self.request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}

    def _call(self, payload: Payload, token: str | None) -> WebhookCall:
        return WebhookCall(
            token=token,
            params=None if payload.repeated else payload.params,
            body=self.request.body,
            authorization=self.request.headers.get("Authorization", ""),
            json_only=self.signed_by_jwt or self._seems_messages_v1(payload),
            on_this_machine=lambda: self.is_asked_here and not self._is_of_another_site,
            signed=self.signed,
            is_receipt=lambda: webhooks.is_receipt(payload.params, payload.document),
        )

    def _seems_messages_v1(self, payload: Payload) -> bool:
        """Whether it is signed by JWT; what cannot be read is when it comes with one."""
        if payload.readable:
            return webhooks.is_messages_v1(payload.document)
        return "Authorization" in self.request.headers
