"""What providers call: read in all three forms, served only when authenticated."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.access.gates import WebhookCall
from gateway.errors import Unauthenticated
from gateway.monitoring.metrics import WEBHOOKS
from gateway.providers.vonage import webhooks
from gateway.store.values import well_formed
from handlers.base import MAX_BODY_BYTES, BaseHandler, Guard

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of a webhook: flat parameters, and the JSON object behind them if it was one.

    repeated: a name came twice; then the last value stands and no signature can be checked.
    """

    params: dict[str, str]
    document: dict[str, Any]
    repeated: bool = False


class WebhookHandler(BaseHandler):
    """GET, POST form or POST JSON from a provider; a subclass writes ``receive``."""

    guard = Guard.WEBHOOK
    signed: ClassVar[bool] = True  # whether the provider signs what it sends
    signed_by_jwt: ClassVar[bool] = False  # whatever its shape, as calls are

    async def get(self, token: str | None = None) -> None:
        """Answer 200 with an empty body once the payload is stored, or is of no use."""
        too_large = len(self.request.body) > MAX_BODY_BYTES
        # What no provider sends is of no use, and 200 keeps it from coming again.
        payload = Payload({}, {}, repeated=True) if too_large else self._payload()
        if not payload.params and not payload.document and self.request.method == "GET":
            self.acknowledge()  # providers look so whether the address is alive
            return
        self._authenticate(payload, token)
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

    def _authenticate(self, payload: Payload, token: str | None) -> None:
        # A token covers a body: what stands in the query of such a request is nobody's word.
        odd = bool(self.request.body) is (self.request.method == "GET")
        if self.signed_by_jwt and odd and payload.params and self.services.webhooks.wants_jwt:
            WEBHOOKS[("unauthenticated",)].inc()
            raise Unauthenticated
        call = WebhookCall(
            token=token,
            params=None if payload.repeated else payload.params,
            body=self.request.body,
            authorization=self.request.headers.get("Authorization", ""),
            json_only=self.signed_by_jwt or webhooks.is_messages_v1(payload.document),
            on_this_machine=lambda: self.on_this_machine,
            signed=self.signed,
        )
        try:
            self.services.webhooks.check(call)
        except Unauthenticated:
            WEBHOOKS[("unauthenticated",)].inc()
            raise

    def _payload(self) -> Payload:
        """Return the parameters of the query of a GET, of the body of anything else.

        A POST without a body may carry them in its query. The two are never mixed, since a
        signature covers one of them.
        """
        body = self.request.body.strip()
        if self.request.method == "GET" or not body:
            return _flat(self.request.query_arguments)
        if body.startswith(b"{"):
            return _json(body)
        return _flat(self.request.body_arguments)


def _flat(arguments: dict[str, list[bytes]]) -> Payload:
    params = {name: values[-1].decode("utf-8", "replace") for name, values in arguments.items()}
    return Payload(params, {}, any(len(values) > 1 for values in arguments.values()))


def _json(body: bytes) -> Payload:
    """Return a JSON object; numbers stay as they were written, for they may be signed."""
    repeated = False

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) < len(pairs)
        return found

    try:
        document = json.loads(
            body.decode("utf-8", "replace"),
            parse_int=str,
            parse_float=str,
            parse_constant=str,
            object_pairs_hook=unique,
        )
    except (ValueError, RecursionError):
        return Payload({}, {}, repeated=True)  # of no use, and no signature can be checked
    return Payload(
        {name: _wire(value) for name, value in document.items() if _is_scalar(value)},
        document,
        repeated,
    )


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | bool)


def _wire(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return well_formed(value or "")
