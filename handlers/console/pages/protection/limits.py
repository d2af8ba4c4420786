"""Who is refused by a limit and until when, and whether a request would pass."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from conf.messages import MessageEndpoint
from gateway.access.client_address import limit_subject, parse_address
from gateway.access.limiter import Limit, Look
from gateway.access.refusals import Refused
from gateway.access.sign_ins import TRIES
from gateway.errors import BadRequest
from gateway.messaging.sending.costs import public_scopes
from gateway.protection.limits.layers import Call
from gateway.protection.spending.money import ALL, WARN_FROM, Level
from gateway.telephony import phonenumber
from gateway.telephony.phonenumber import PhoneNumber
from handlers.console.base import path
from handlers.console.formatting import span
from handlers.console.page import Action, Question, page_or_first
from handlers.console.pages.protection import destinations, further, proofs
from handlers.console.pages.protection.destinations import MODES, Destination
from handlers.console.pages.protection.further import Further
from wiring.services import Services

log = logging.getLogger(__name__)

ROWS = 50
# Those whose time ends at the same millisecond as that of the one to be let through.
MOST_AT_ONCE = 200
LONGEST = 100
# What the classes of limits count; behind a colon stands an endpoint with a count of its own.
CLASSES = {
    "message": "messages that an address asks for",
    "receiver": "messages to a receiver",
    "validation": "validations of numbers by an address",
    "console": "sign-ins to this console by an address",
    "lobby": "answers of the random chat to a sender",
    "smssync_reply": "instant replies to a sender",
    "phone_secret": "wrong secrets for a phone",
    "answers": "answers of a number to strangers",
    "rule": "messages to a destination that a rule limits",
    "new_country": "messages to a country that is new",
    "breaker": "messages to a range or country that is on trial, as nobody opens the links there",
    "link": "codes of short links that lead to no message, by a network",
}


@dataclass(frozen=True, slots=True)
class Row:
    """Somebody who is refused; mark: stands for him where his number may not."""

    refused: Refused
    what: str
    mark: str


@dataclass(frozen=True, slots=True)
class EndpointCheck:
    """A message endpoint and what a request meets there; destination: None = no rule is asked.

    unpaid: seconds until there is money for its messages again; proof: whether one of work is
    needed and why, '' = nobody is asked.
    """

    path: str
    address: Look
    receiver: Look
    further: Sequence[Further] = ()
    destination: Destination | None = None
    unpaid: int = 0
    proof: str = ""

    @property
    def caller_wait(self) -> int:
        """Seconds until the address might call, whatever it asks for."""
        return max([self.address.wait, *(each.wait for each in self.further if each.by_caller)])

    @property
    def blocked(self) -> bool:
        """Whether a rule refuses the number."""
        return self.destination is not None and self.destination.blocked

    @property
    def wait(self) -> int:
        """Seconds until the request would pass, 0 = at once."""
        by_rule = self.destination.wait if self.destination else 0
        further = (each.wait for each in self.further)
        return max(self.caller_wait, self.receiver.wait, by_rule, self.unpaid, *further)


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a request would pass. counted_as: under what calls of the address are counted;
    regions: where its national numbers are looked for; tone, words: the answer.
    """

    counted_as: str
    regions: tuple[str, ...]
    number: PhoneNumber | None
    opted_out: bool
    endpoints: Sequence[EndpointCheck]
    validation: Look
    tone: str
    words: str


class LimitsPage(Action):
    """``/console/limits``; a POST unblocks."""

    template = "limits.html"
    done_words: ClassVar[dict[str, str]] = {
        "unblocked": "Nothing is counted any more: the next call passes.",
        "over": "That was over already.",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return who is refused, and the limits."""
        after = self.get_query_argument("after", "")
        page = await page_or_first(self.services.refusals.page, ROWS, after)
        of = self.services.message_limits.of
        return {
            "total": page.total,
            "rows": [Row(each, what(each.limit_class), self.mark(each)) for each in page.items],
            "next": page.next,
            "limits": [
                (each.path, of(each).address.limit, of(each).receiver.limit)
                for each in self.application.endpoints
            ],
            "further": further.table(self.services.layers, self.application.endpoints),
            "validation": self.services.validation_limits.limit,
            "rules": destinations.table(self.services.rule_gate),
            "mode": MODES[self.services.rule_gate.mode],
            "stopped": self.services.rule_gate.breaker.stopped,
            "tries": TRIES,
            "doubt": "",
            "check": None,
        }

    def mark(self, refused: Refused) -> str:
        """Return what stands for somebody who is refused."""
        return self.stand_in(f"{refused.limit_class} {refused.subject}")

    async def perform(self, *args: str) -> str:
        """Let somebody through again."""
        given = self.fields("mark", "until")
        until, mark = given.text("until", 15), given.text("mark", 32)
        if not (until.isascii() and until.isdecimal()):
            raise BadRequest("until: is missing")
        found = await self.services.refusals.page(MOST_AT_ONCE, f"{until}.0")
        who = next((each for each in found.items if self.mark(each) == mark), None)
        if who is None:
            return path("limits", done="over")
        await self.services.refusals.unblock(who.limit_class, who.subject)
        log.info("console: %s was unblocked (%s) by %s", mark, who.limit_class, self.subject)
        return path("limits", done="unblocked")


class WouldPass(Question, LimitsPage):
    """``POST /console/limits/check``: would this request pass?"""

    labels: ClassVar[dict[str, str]] = {"address": "The address", "number": "The number"}

    async def ask(self, *args: str) -> dict[str, Any]:
        """Return the answer, or why there is none."""
        given = self.fields("address", "number")
        address, number = (given.text(name, LONGEST) for name in ("address", "number"))
        address = address.strip()
        if doubt := _doubt(address, number):
            return {"doubt": doubt}
        return {
            "check": await would_pass(self.services, self.application.endpoints, address, number)
        }


def what(limit_class: str) -> str:
    """Return in words what a class of limits counts."""
    kind, _, endpoint = limit_class.partition(":")
    words = CLASSES.get(kind)
    if words is None:
        return further.what(limit_class)
    return f"{words} at {endpoint}" if endpoint else words


async def look(
    services: Services, endpoint: MessageEndpoint, address: str, number: PhoneNumber | None
) -> EndpointCheck:
    """Return what a call of ``address`` for a number meets at an endpoint; counts nothing.

    Without a number it meets no limit of one.
    """
    own, layers = services.message_limits.of(endpoint), services.layers.of(endpoint)
    caller = await services.callers.of(address)
    call = Call(address, number.person if number else "", known_as=caller.known_as)
    by_caller = layers.caller(call)
    met = [*by_caller, *(layers.message(call) if call.to else ())]
    looks, destination, proof = await asyncio.gather(
        services.admission.look(met),
        destinations.look(services.rule_gate, endpoint.path, number),
        proofs.look(services, endpoint, call, number),
    )
    named = {layer.limit_class: found for layer, found in zip(met, looks, strict=True)}
    by_address, receiver = (
        named.pop(quota.limit_class, unused(quota.limit)) for quota in (own.address, own.receiver)
    )
    if layers.exempts(call):
        receiver = replace(receiver, wait=0)
    rest, unpaid = further.of(met, named), _unpaid(services.budget.levels, endpoint.path)
    return EndpointCheck(endpoint.path, by_address, receiver, rest, destination, unpaid, proof)


async def would_pass(
    services: Services, endpoints: list[MessageEndpoint], address: str, written: str
) -> Check:
    """Return what a visitor at ``address`` who types ``written`` would meet; counts nothing.

    The number is read as the endpoints read it, of a visitor whose browser names no language.
    """
    regions = services.countries.candidates(None, address, None)
    number = phonenumber.parse(written, regions, services.judge)
    checks, validation, opted_out = await asyncio.gather(
        asyncio.gather(*(look(services, each, address, number) for each in endpoints)),
        services.validation_limits.look(address),
        services.optouts.is_out(number.person if number else ""),
    )
    tone, words = answer(number, checks, opted_out=opted_out)
    counted_as = limit_subject(address)
    return Check(counted_as, regions, number, opted_out, checks, validation, tone, words)


def answer(
    number: PhoneNumber | None, checks: Sequence[EndpointCheck], *, opted_out: bool
) -> tuple[str, str]:
    """Return the tone and the sentence that answer whether a message would be sent."""
    if not checks:
        return "odd", "No: there is no message endpoint. Set message and sender."
    if all(each.caller_wait for each in checks):
        return "bad", _used_up(min(checks, key=lambda each: each.wait))
    unusable = _unusable(number) or _blocked(checks)
    if unusable or opted_out:
        said = "receiver_validation" if unusable else "receiver_opted_out"
        return "bad", f"No: {unusable or 'it has texted STOP'}, so the answer is {said}."
    stopped = [each for each in checks if each.wait or each.blocked]
    if not stopped:
        return "good", "Yes, this request would pass."
    if len(stopped) == len(checks):
        wait = min(each.wait for each in checks if not each.blocked)
        used_up = "the budget is" if any(each.unpaid for each in checks) else "the limits are"
        return "bad", f"No: {used_up} used up; the next request passes in {span(wait)}."
    listed = ", ".join(
        f"{each.path} ({'by a rule' if each.blocked else f'for {span(each.wait)}'})"
        for each in stopped
    )
    return "odd", f"Yes, but not everywhere; refused at {listed}."


def _unpaid(levels: Iterable[Level], endpoint: str) -> int:
    """Return the seconds until a budget that refuses an endpoint's messages begins anew, 0 = none.

    As this process knew a second ago.
    """
    scopes = {ALL, *public_scopes(endpoint, "")}
    used_up = (each for each in levels if each.stopped and each.used >= WARN_FROM)
    ends = max((each.ends for each in used_up if each.scope in scopes), default=0)
    return max(0, math.ceil(ends / 1000 - time.time()))


def _unusable(number: PhoneNumber | None) -> str:
    """Return why a number receives no SMS, '' when it does."""
    if number is None:
        return "that is no valid number"
    return "" if number.sms else f"a {number.type.replace('_', ' ')} number receives no SMS"


def _blocked(checks: Sequence[EndpointCheck]) -> str:
    """Return the rule that blocks a number at every endpoint, '' when it passes at one."""
    first = checks[0].destination
    if first is None or not all(each.blocked for each in checks):
        return ""
    verdict = first.verdict
    reason = f" ({verdict.reason})" if verdict.reason else ""
    return f"the rule for {verdict.words} blocks the number{reason}"


def _used_up(first: EndpointCheck) -> str:
    """Return why nothing of an address passes; first: the endpoint where it soonest will."""
    by_address, by_number = span(first.caller_wait), span(first.receiver.wait)
    if not first.receiver.wait:
        return f"No: the address has used up its calls; the next passes in {by_address}."
    return (
        f"No: the address has used up its calls, the next passes in {by_address}; and the number"
        f" has got its messages, the next passes in {by_number}."
    )


def _doubt(address: str, number: str) -> str:
    """Return why a question cannot be answered, '' when it can."""
    if parse_address(address) is None:
        return "The address must be an IP address, such as 192.0.2.17 or 2001:db8::17."
    return "" if number.strip() else "The number is missing."


def unused(limit: Limit) -> Look:
    """Return what a limit holds for somebody of whom nothing is counted."""
    return Look(0, limit.amount, limit.seconds, 0)


ROUTES = [
    (r"/console/limits/?", LimitsPage),
    (r"/console/limits/check/?", WouldPass),
]
