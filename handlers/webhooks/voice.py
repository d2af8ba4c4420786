"""``/proxy-call/`` and ``/event/``: calls on virtual numbers, as Vonage brings them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import ujson

from conf.providers import NEXMO
from gateway.errors import StoreUnavailable
from gateway.providers.vonage.voice import (
    Action,
    IncomingCall,
    parse_answer,
    parse_event,
    parse_keyed,
)
from handlers.webhooks.base import Use, WebhookHandler
from handlers.webhooks.payload import Payload

log = logging.getLogger(__name__)


class VoiceHandler(WebhookHandler):
    """A webhook of the voice application, all of which are signed by JWT."""

    signed_by_jwt: ClassVar[bool] = True
    provider: ClassVar[str] = NEXMO.name


class AnswerHandler(VoiceHandler):
    """What a caller hears; digits that he keyed in come here as well."""

    actions: list[Action] | None = None  # none for the look whether the address is alive

    async def receive(self, payload: Payload) -> Use:
        """Decide on the call."""
        fields = _fields(payload)
        keyed = parse_keyed(fields)
        call = parse_answer(fields)
        calls = self.services.calls
        self.actions = await (calls.answer(call) if keyed is None else calls.digits(keyed))
        return Use.ACCEPTED if call.id else Use.UNUSABLE

    def acknowledge(self) -> None:
        """Answer the actions."""
        if self.actions is None:
            super().acknowledge()
        else:
            self.finish(ujson.dumps(self.actions, escape_forward_slashes=False))


class FallbackHandler(AnswerHandler):
    """What a caller hears when the usual address did not answer, as without the store."""

    works_without_store: ClassVar[bool] = True
    call: IncomingCall | None = None

    async def get(self, token: str | None = None) -> None:
        """Apologise, and note it afterwards: the store may be what is missing."""
        await super().get(token)
        if self.call is not None:
            await self.services.calls.failed(self.call)

    post = get

    async def receive(self, payload: Payload) -> Use:
        """Decide nothing."""
        self.call = parse_answer(_fields(payload))
        self.actions = self.services.calls.sorry()
        return Use.ACCEPTED if self.call.id else Use.UNUSABLE

    async def keep(self, use: Use) -> None:
        """Keep what came if the store is there; the caller is waiting."""
        try:
            await super().keep(use)
        except StoreUnavailable:
            log.warning("an unreadable call could not be kept: the store is down")


class EventHandler(VoiceHandler):
    """What happens to the legs of a call."""

    async def receive(self, payload: Payload) -> Use:
        """Follow the call."""
        event = parse_event(_fields(payload))
        if event is None:
            return Use.UNUSABLE
        await self.services.calls.event(event)
        return Use.ACCEPTED


def _fields(payload: Payload) -> Mapping[str, Any]:
    return payload.document or payload.params


# The longer path stands first: "fallback" is no token.
ROUTES = [
    (r"/proxy-call/fallback(?:/([^/]+))?/?", FallbackHandler),
    (r"/proxy-call(?:/([^/]+))?/?", AnswerHandler),
    (r"/event(?:/([^/]+))?/?", EventHandler),
]
