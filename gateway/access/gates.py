"""Who may call what is not public: the operator by token, the providers by token or signature."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import Forbidden, NotFound, Unauthenticated
from gateway.providers.vonage.signatures import same, verify, verify_jwt

WHY_CLOSED = (
    "no admin_token is configured; in development_mode none is needed from this machine, without"
    " a proxy and from no other site's page"
)


class AdminGate:
    """Lets the operator in. development: a person on this machine needs no token."""

    def __init__(self, token: str, *, development: bool) -> None:
        self._token = token
        self._development = development

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

    def check(self, authorization: str, *, developer: bool) -> None:
        """Raise Unauthenticated without the token, Forbidden when none is configured."""
        scheme, _, given = authorization.partition(" ")
        if self._token and scheme.lower() == "bearer" and same(self._token, given.strip()):
            return
        if self.trusts(developer=developer):
            return
        if not self._token:
            raise self._closed()
        raise Unauthenticated("the admin token is missing or wrong")

    def _closed(self) -> Forbidden:
        return Forbidden(WHY_CLOSED if self._development else "no admin_token is configured")


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """What authenticates a webhook.

    token: the path element behind the webhook's own path, None when there is none.
    params: the flat parameters, None when a name came twice (such a call has no signature).
    json_only: it has the shape of Messages v1 or voice, which are signed by JWT.
    signed: whether this provider signs at all; one that does not needs the token.
    """

    token: str | None
    params: Mapping[str, str] | None
    body: bytes
    authorization: str
    json_only: bool
    on_this_machine: Callable[[], bool]
    signed: bool = True


class WebhookGate:
    """Lets the provider in: by every means that is configured for the kind of webhook."""

    def __init__(
        self,
        *,
        token: str = "",
        signature_secret: str = "",
        signature_method: str = "md5hash",
        signature_max_age: float = 0,
        jwt_secret: str = "",
        application_id: str = "",
        api_key: str = "",
    ) -> None:
        self._token = token
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
        """Whether providers can authenticate at all; without it only this machine is served."""
        return bool(self._token or self._signature_secret or self._jwt_secret)

    def check(self, call: WebhookCall) -> None:
        """Raise Unauthenticated for a call that proves nothing, NotFound for a stray element."""
        if call.token is not None and not self._token:
            raise NotFound
        if not self._admits(call):
            raise Unauthenticated

    def _admits(self, call: WebhookCall) -> bool:
        if not self.configured:
            return call.on_this_machine()
        if self._token and not same(self._token, call.token or ""):
            return False
        if not call.signed:
            return bool(self._token)
        if call.json_only and self._jwt_secret:
            return verify_jwt(
                call.authorization,
                self._jwt_secret,
                call.body,
                application_id=self._application_id,
                api_key=self._api_key,
                max_age=self._max_age,
            )
        if not call.json_only and self._signature_secret:
            return call.params is not None and verify(
                call.params,
                self._signature_secret,
                self._signature_method,
                max_age=self._max_age,
            )
        return bool(self._token)
