"""The exceptions of the gateway.

GatewayError                 what a handler translates into an answer (status, code, fields)
├── BadRequest               the caller's input; 400
│   └── UnknownPlace         the place in a list after which to go on is not (any more) in it
├── PayloadTooLarge          more than any route can use; 413
├── Unauthenticated          no or wrong credentials; 401
├── Forbidden                the route is not open; 403
│   └── OriginNotAllowed     the page that calls is none of the owner's
├── ProofNeeded              the call has to bring a proof of work; 200, for script tags
├── SiteUnknown              the call names a shop that there is not; 200, for script tags
├── NotFound                 404
├── Conflict                 somebody else is doing it at this moment; 409
├── KeyReused                an Idempotency-Key that stands for another request; 422
├── OptedOut                 the receiver has texted STOP; 409
├── LimitExceeded            too many calls; carries retry_after in seconds
│   └── BudgetExhausted      more than the owner lets be spent; until the day or month is over
├── ProofUnavailable         the service that judges proofs did not answer; 503
├── ProviderFailed           a provider refused, failed or did not answer; 502
└── StoreUnavailable         Redis did not answer within the request's deadline; 503
    └── StoreRefuses         it answers but does not do what it is asked
"""

from __future__ import annotations

from collections.abc import Mapping


class GatewayError(Exception):
    """Something a caller is told. ``code`` is the machine's word, ``message`` the person's."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str = "", **fields: object) -> None:
        super().__init__(message or self.code)
        self.message = message
        self.fields = fields


class BadRequest(GatewayError):
    """The request cannot be understood or used."""

    status = 400
    code = "bad_request"


class UnknownPlace(BadRequest):
    """The list has nothing (any more) at the place after which it is to go on."""


class PayloadTooLarge(GatewayError):
    """The request body is larger than anything this gateway has a use for."""

    status = 413
    code = "payload_too_large"


class Unauthenticated(GatewayError):
    """No credentials, or wrong ones."""

    status = 401
    code = "unauthenticated"


class Forbidden(GatewayError):
    """The route exists but is not open to anyone as configured."""

    status = 403
    code = "forbidden"


class OriginNotAllowed(Forbidden):
    """The page that calls is none of those that may."""

    code = "origin_not_allowed"


class SiteUnknown(GatewayError):
    """The call names a shop that there is not; an endpoint's own error, like a missing number."""

    status = 200
    code = "site_unknown"


class ProofNeeded(GatewayError):
    """The call has to bring a proof; ``challenge``: what to prove. An endpoint's own error."""

    status = 200
    code = "proof_needed"

    def __init__(self, challenge: Mapping[str, object]) -> None:
        super().__init__("solve the challenge and call again", challenge=challenge)


class ProofUnavailable(GatewayError):
    """The service that judges proofs could not be asked; nothing was sent."""

    status = 503
    code = "temporarily_unavailable"


class NotFound(GatewayError):
    """There is no such thing."""

    status = 404
    code = "not_found"


class Conflict(GatewayError):
    """Somebody else is doing the same at this moment; it may be tried again later."""

    status = 409
    code = "conflict"


class KeyReused(GatewayError):
    """The key of the request stands for another request."""

    status = 422
    code = "idempotency_key_reused"


class OptedOut(GatewayError):
    """The receiver wants no texts."""

    status = 409
    code = "opted_out"


class LimitExceeded(GatewayError):
    """The caller used up his allowance; ``retry_after`` is in whole seconds."""

    status = 429
    code = "limit_exceeded"

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many calls", retry_after=retry_after)
        self.retry_after = retry_after


class BudgetExhausted(LimitExceeded):
    """It would cost more than may be spent until the ``period``, a day or month, is over.

    share: of which part of all the budget is, '' = everything together.
    """

    code = "budget_exhausted"

    def __init__(self, retry_after: int, period: str, share: str = "") -> None:
        super().__init__(retry_after)
        self.period = period
        self.share = share
        self.message = f"the budget of the {period} is used up" + (f" ({share})" if share else "")
        self.args = (self.message,)


class ProviderFailed(GatewayError):
    """A provider refused what was asked of it, failed, or did not answer."""

    status = 502
    code = "provider_error"


class StoreUnavailable(GatewayError):
    """Redis could not be asked within the deadline; whether a command ran is not known.

    ``reason``: what keeps the answer away, in a word.
    """

    status = 503
    code = "temporarily_unavailable"
    reason = "unreachable"


class StoreRefuses(StoreUnavailable):
    """Redis answers but does not do, at this moment, what it is asked."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
