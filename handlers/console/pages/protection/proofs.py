"""What the page of limits tells about proofs of work: whether a request needs one, and why."""

from __future__ import annotations

from conf.messages import MessageEndpoint
from gateway.protection.limits.layers import Call
from gateway.protection.proof.gate import Why
from gateway.telephony.phonenumber import PhoneNumber
from handlers.public.proof import scales_of
from wiring.services import Services

REASONS = {
    Why.ALWAYS: "every call needs one",
    Why.RULE: "a rule limits the destination",
    Why.LIMIT: "a limit is nearly reached",
    Why.BUDGET: "a budget is nearly reached",
}


async def look(
    services: Services, endpoint: MessageEndpoint, call: Call, number: PhoneNumber | None
) -> str:
    """Return whether a call needs a proof and why, '' when nobody is asked; counts nothing."""
    gate = services.proofs
    if number is None or gate.is_off or services.layers.of(endpoint).exempts(call):
        return ""
    rules, path = services.rule_gate, endpoint.path
    verdict = rules.enforced(path, number, rules.verdict(path, number))
    weighed = await gate.weigh(scales_of(services, endpoint, call, verdict))
    if weighed.why is None:
        return "no proof of work is needed"
    watched = ", but nobody is asked while protection only watches" if gate.watch else ""
    return f"a proof of work is needed: {REASONS[weighed.why]}{watched}"
