"""Who may call what is not public: the operator by token, the providers by token or signature."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import Forbidden, NotFound, Unauthenticated
from gateway.monitoring.metrics import ADMIN_REFUSALS
from gateway.providers.vonage.signatures import RECEIPTS_SECONDS, jwt_id, same, verify

log = logging.getLogger(__name__)

# One line in so many seconds says that a wrong token came.
SILENCE_SECONDS = 60.0
WHY_CLOSED = (
    "no admin_token is configured; in development_mode none is needed from this machine, without"
    " a proxy and from no other site's page"
)


class AdminGate:
    """Lets the operator in. development: a person on this machine needs no token."""

    def __init__(self, token: str, *, development: bool) -> None:
        self._token = token
        self._development = development
        self._said = -SILENCE_SECONDS

    @property
    def digest(self) -> str:
        """What changes when the token or the mode does, without telling the token."""
        # A sign-in that development_mode gave away opens nothing once the gateway runs for real.
        mode = "development" if self._development else "production"
        return hashlib.sha256(f"console\n{mode}\n{self._token}".encode()).hexdigest()

    def accepts(self, token: str) -> bool:
        """Tell whether this is the token; raises Forbidden when none is configured."""
        if not self._token:
            raise self._closed()
        return same(self._token, token)

    def trusts(self, *, developer: bool) -> bool:
        """Tell whether a person on this machine needs no token."""
        return self._development and developer

    def check(self, authorization: str, *, developer: bool, client: str = "") -> None:
        """Raise Unauthenticated without the token, Forbidden when none is configured.

        client: the caller's address, for the log.
        """
        scheme, _, given = authorization.partition(" ")
        bearer = scheme.lower() == "bearer"
        if self._token and bearer and same(self._token, given.strip()):
            return
        if self.trusts(developer=developer):
            return
        if not self._token:
            raise self._closed()
        if bearer:
            self._note_wrong_token(client)
        raise Unauthenticated("the admin token is missing or wrong")

    def _note_wrong_token(self, client: str) -> None:
        """Count a wrong token, and say so in the log at most once a minute."""
        ADMIN_REFUSALS.inc()
        now = time.monotonic()
        if now - self._said >= SILENCE_SECONDS:
            self._said = now
            log.warning("a wrong admin token came from %s", client)

    def _closed(self) -> Forbidden:
        return Forbidden(WHY_CLOSED if self._development else "no admin_token is configured")


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """What authenticates a webhook.

    token: the path element behind the webhook's own path, None when there is none.
    params: the flat parameters, None when a name came twice (such a call has no signature).
    json_only: it has the shape of Messages v1 or voice, which are signed by JWT.
    signed: whether this provider signs at all; one that does not needs the token. is_receipt:
    whether it is a receipt, which changes nothing when it comes again.
    """

    token: str | None
    params: Mapping[str, str] | None
    body: bytes
    authorization: str
    json_only: bool
    on_this_machine: Callable[[], bool]
    signed: bool = True
    is_receipt: Callable[[], bool] = lambda: False


class WebhookGate:
    """Lets the provider in: by every means that is configured for the kind of webhook.

    open_here: where no means is configured, callers on this machine are served, as this says.
    """

    def __init__(
        self,
        *,
        token: str = "",
        open_here: bool = False,
        signature_secret: str = "",
        signature_method: str = "md5hash",
        signature_max_age: float = 0,
        jwt_secret: str = "",
        application_id: str = "",
        api_key: str = "",
    ) -> None:
        self._token = token
        self._open_here = open_here
        self._signature_secret = signature_secret
        self._signature_method = signature_method
        self._max_age = signature_max_age
        self._jwt_secret = jwt_secret or signature_secret
        self._application_id = application_id
        self._api_key = api_key

    @property
    def wants_jwt(self) -> bool:
        """Whether calls and Messages v1 have to be signed."""
        return bool(self._jwt_secret)

    @property
    def configured(self) -> bool:
        """Whether providers can authenticate at all."""
        return bool(self._token or self._signature_secret or self._jwt_secret)

    @property
    def open_here(self) -> bool:
        """Whether this machine is served without a proof."""
        return self._open_here and not self.configured

    def check(self, call: WebhookCall) -> str:
        """Return the id of a token that is good for one request, '' when there is none.

        Raises Unauthenticated for a call that proves nothing, NotFound for a stray element.
        """
        if call.token is not None and not self._token:
            raise NotFound
        proof = self._proof(call)
        if proof is None:
            raise Unauthenticated
        return "" if call.body else proof

    def _proof(self, call: WebhookCall) -> str | None:
        """Return the id of the call's JWT, '' for another proof, None for no proof."""
        if not self.configured:
            return "" if self._open_here and call.on_this_machine() else None
        if self._token and not same(self._token, call.token or ""):
            return None
        if call.signed and call.json_only and self._jwt_secret:
            return jwt_id(
                call.authorization,
                self._jwt_secret,
                call.body,
                application_id=self._application_id,
                api_key=self._api_key,
                max_age=self._age_of(call),
            )
        if call.signed and not call.json_only and self._signature_secret:
            return "" if self._is_signed(call) else None
        return "" if self._token else None

    def _is_signed(self, call: WebhookCall) -> bool:
        return call.params is not None and verify(
            call.params,
            self._signature_secret,
            self._signature_method,
            max_age=self._age_of(call),
        )

    def _age_of(self, call: WebhookCall) -> float:
        """Return how old (s) what a call is signed by may be, 0 = any age."""
        more = RECEIPTS_SECONDS if self._max_age and call.is_receipt() else 0
        return self._max_age + more
