"""``/inbound/``, ``/dlr/``, ``POST /``: MOs and delivery receipts, as the providers bring them."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, PathMatches

from conf.providers import NEXMO
from gateway.providers import flowroute
from gateway.providers.base import Inbound, Receipt
from gateway.providers.vonage import webhooks as vonage
from handlers.webhooks.base import Use, WebhookHandler
from handlers.webhooks.payload import Payload


class ProviderHandler(WebhookHandler):
    """One MO, or one receipt where both share an address; a subclass writes ``read``."""

    async def receive(self, payload: Payload) -> Use:
        """Relay or keep the MO, apply or park the receipt."""
        found = self.read(payload)
        if found is None:
            return Use.IGNORED if self.is_report(payload) else Use.UNUSABLE
        if isinstance(found, Receipt):
            await self.services.receipts.receive(found)
        else:
            await self.services.relay.receive(found)
        return Use.ACCEPTED

    def read(self, payload: Payload) -> Inbound | Receipt | None:
        """Return what ``payload`` carries, None when it is of no use."""
        raise NotImplementedError

    def is_report(self, payload: Payload) -> bool:
        """Tell whether ``payload`` is about something that was sent, and so is nobody's text."""
        raise NotImplementedError


class InboundHandler(ProviderHandler):
    """Nexmo/Vonage, SMS API and Messages v1: MOs and receipts may come to one address."""

    provider: ClassVar[str] = NEXMO.name

    def read(self, payload: Payload) -> Inbound | Receipt | None:
        """Read a receipt, else an MO."""
        return vonage.parse(payload.params, payload.document)

    def is_report(self, payload: Payload) -> bool:
        """Tell it by the id and the status that only receipts have."""
        return vonage.is_report(payload.document or payload.params)


class FlowrouteHandler(ProviderHandler):
    """Flowroute, which signs nothing; each of its addresses takes MOs and receipts."""

    signed: ClassVar[bool] = False
    provider: ClassVar[str] = flowroute.NAME

    def read(self, payload: Payload) -> Inbound | Receipt | None:
        """Read a receipt, else an MO of either shape."""
        document = payload.document or payload.params
        return flowroute.parse_receipt(document) or flowroute.parse_inbound(document)

    def is_report(self, payload: Payload) -> bool:
        """Tell it by the type of the resource and its direction."""
        return flowroute.is_report(payload.document or payload.params)


class PostMatches(PathMatches):
    """Matches POST requests by their path, so that another route can answer a GET."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return the arguments for the handler, None when the request is not meant for it."""
        return super().match(request) if request.method == "POST" else None


def root_route(token: str) -> tuple[Matcher, type[FlowrouteHandler]]:
    """Return the route for ``POST /``, Flowroute's callback of old, and ``POST /<token>``.

    token: the webhook token, '' for none; every other path is left to the other routes.
    """
    last = f"(?:({re.escape(token)})/?)?" if token else ""
    return PostMatches(f"/{last}"), FlowrouteHandler


# Flowroute's stand first: "flowroute" is no token.
ROUTES = [
    (r"/inbound/flowroute(?:/([^/]+))?/?", FlowrouteHandler),
    (r"/dlr/flowroute(?:/([^/]+))?/?", FlowrouteHandler),
    (r"/inbound(?:/([^/]+))?/?", InboundHandler),
    (r"/dlr(?:/([^/]+))?/?", InboundHandler),
]
