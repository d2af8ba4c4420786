"""What a message endpoint does about proofs: it asks for one, or takes one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from conf.messages import MessageEndpoint
from gateway.messaging.sending.costs import public_scopes
from gateway.protection.destinations.rules import Verdict
from gateway.protection.limits.admission import Layer
from gateway.protection.limits.layers import Call
from gateway.protection.proof.base import Purpose
from gateway.protection.proof.gate import Scales
from gateway.protection.spending.money import ALL
from wiring.services import Services


async def prove(
    services: Services,
    endpoint: MessageEndpoint,
    call: Call,
    *,
    verdict: Verdict,
    given: Mapping[str, str],
    admit: Callable[[Sequence[Layer]], Awaitable[object]],
) -> None:
    """Return if a call needs no proof or brings a good one; raises ProofNeeded otherwise.

    verdict: of the rules; given: its arguments; admit: counts it in some layers, or raises. A call
    without a proof is counted nowhere, one with a wrong proof by its address. Raises
    StoreUnavailable and ProofUnavailable, too.
    """
    gate = services.proofs
    if gate.is_off or services.layers.of(endpoint).exempts(call):
        return
    scales = scales_of(services, endpoint, call, verdict)
    weighed, opted_out = await asyncio.gather(gate.weigh(scales), services.optouts.is_out(call.to))
    if weighed.refused:
        await admit(scales.by_caller)
    if opted_out or weighed.why is None:
        return
    purpose = Purpose(endpoint.path, call.to, call.address)
    if answer := gate.brought(given):
        if await gate.accepts(answer, purpose):
            return
        await admit(scales.by_caller)
    await gate.ask(purpose, weighed.pressure)


def scales_of(
    services: Services, endpoint: MessageEndpoint, call: Call, verdict: Verdict
) -> Scales:
    """Return by what it is weighed whether a call needs a proof."""
    layers = services.layers.of(endpoint)
    by_rule = services.rule_gate.layer(verdict)
    scopes = (ALL, *public_scopes(endpoint.path, call.site))
    return Scales(verdict, layers.caller(call), layers.message(call, by_rule), scopes)
