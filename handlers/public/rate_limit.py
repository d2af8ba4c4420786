"""What is left of a limit, in the headers RateLimit-Policy and RateLimit.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from __future__ import annotations

from gateway.protection.limits.admission import Allowance

# All that visitors learn of the other limits: that there is one, and when it lets a call through.
SERVICE = "service"


def headers(allowance: Allowance | None, service_wait: int = 0) -> dict[str, str]:
    """Return the headers of an answer, none when there is nothing to tell.

    allowance: of the caller's address; service_wait: whole seconds for which something else
    refuses the call, 0 = nothing does.
    """
    policies, states = [], []
    if allowance is not None:
        limit = allowance.limit
        policies.append(f'"address";q={limit.amount};w={limit.seconds}')
        states.append(f'"address";r={allowance.left};t={allowance.more}')
    if service_wait:
        policies.append(f'"{SERVICE}";q=1;w={service_wait}')
        states.append(f'"{SERVICE}";r=0;t={service_wait}')
    named = {"RateLimit-Policy": policies, "RateLimit": states}
    return {name: ", ".join(items) for name, items in named.items() if items}
