"""Who is refused by a limit and until when, and whether a request would pass."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway import phone
from gateway.blocks import Blocked
from gateway.clients import limit_subject, parse_address
from gateway.errors import BadRequest
from gateway.limiter import Look
from gateway.models import MessageEndpoint, PhoneNumber
from gateway.services import Services
from gateway.sign_ins import TRIES
from handlers.console.base import Action, path
from handlers.console.views import span

log = logging.getLogger(__name__)

ROWS = 50
# Those whose time ends at the same millisecond as that of the one to be let through.
MOST_AT_ONCE = 200
LONGEST_ADDRESS = 100
# What the classes of limits count; behind a colon stands an endpoint with a count of its own.
CLASSES = {
    "message": "messages that an address asks for",
    "receiver": "messages to a receiver",
    "validation": "validations of numbers by an address",
    "console": "sign-ins to this console by an address",
    "lobby": "answers of the random chat to a sender",
    "smssync_reply": "instant replies to a sender",
}
# The limits alone are of interest, and nothing is ever counted under this.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Somebody who is refused; mark: stands for him where his number may not."""

    blocked: Blocked
    what: str
    mark: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A message endpoint and what a request meets there."""

    path: str
    address: Look
    receiver: Look

    @property
    def wait(self) -> int:
        """Seconds until the request would pass, 0 = at once."""
        return max(self.address.wait, self.receiver.wait)


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a request would pass. counted_as: under what calls of the address are counted;
    regions: where its national numbers are looked for; tone, words: the answer.
    """

    counted_as: str
    regions: tuple[str, ...]
    number: PhoneNumber | None
    opted_out: bool
    gates: tuple[Gate, ...]
    validation: Look
    tone: str
    words: str


class LimitsPage(Action):
    """``/console/limits[?address=&number=]``; a POST unblocks."""

    template = "limits.html"
    done_words: ClassVar[dict[str, str]] = {
        "unblocked": "Nothing is counted any more: the next call passes.",
        "over": "That was over already.",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return who is refused, the limits, and the answer to the question if one is asked."""
        after = self.get_query_argument("after", "")
        address = self.get_query_argument("address", "")[:LONGEST_ADDRESS]
        # A blank in front may have been a "+".
        number = self.get_query_argument("number", "", strip=False)
        asked = bool(address or number.strip())
        doubt = _doubt(address, number) if asked else ""
        (total, blocked, following), gates, validation, check = await asyncio.gather(
            self.services.blocks.page(ROWS, after),
            look(self.services, self.app.endpoints, NOBODY, NOBODY),
            self.services.validation_limits.look(NOBODY),
            would_pass(self.services, self.app.endpoints, address, number)
            if asked and not doubt
            else _nothing(),
        )
        return {
            "total": total,
            "rows": [Row(each, what(each.limit_class), self.mark(each)) for each in blocked],
            "next": following,
            "gates": gates,
            "validation": validation,
            "tries": TRIES,
            "asked": {"address": address, "number": number},
            "doubt": doubt,
            "check": check,
        }

    def mark(self, blocked: Blocked) -> str:
        """Return what stands for somebody; of his own for each sign-in, so that no log tells."""
        key = self.sign_in.xsrf if self.sign_in else ""
        who = f"{blocked.limit_class} {blocked.subject}"
        return hmac.new(key.encode(), who.encode(), hashlib.sha256).hexdigest()[:16]

    async def perform(self, *args: str) -> str:
        """Let somebody through again."""
        given = self.fields("mark", "until")
        until, mark = given.text("until", 15), given.text("mark", 16)
        if not (until.isascii() and until.isdecimal()):
            raise BadRequest("until: is missing")
        _, found, _ = await self.services.blocks.page(MOST_AT_ONCE, f"{until}.0")
        who = next((each for each in found if self.mark(each) == mark), None)
        if who is None:
            return path("limits", done="over")
        await self.services.blocks.unblock(who.limit_class, who.subject)
        log.info("console: %s was unblocked (%s) by %s", mark, who.limit_class, self.subject)
        return path("limits", done="unblocked")


def what(limit_class: str) -> str:
    """Return in words what a class of limits counts."""
    kind, _, endpoint = limit_class.partition(":")
    words = CLASSES.get(kind, kind)
    return f"{words} at {endpoint}" if endpoint else words


async def look(
    services: Services, endpoints: list[MessageEndpoint], address: str, e164: str
) -> tuple[Gate, ...]:
    """Return what a request of ``address`` for ``e164`` meets at each endpoint; counts nothing."""
    limits = services.message_limits
    looks = [
        each
        for endpoint in endpoints
        for each in (limits.look_address(endpoint, address), limits.look_receiver(endpoint, e164))
    ]
    found = await asyncio.gather(*looks)
    gates = zip(endpoints, found[::2], found[1::2], strict=True)
    return tuple(Gate(endpoint.path, *both) for endpoint, *both in gates)


async def would_pass(
    services: Services, endpoints: list[MessageEndpoint], address: str, written: str
) -> Check:
    """Return what a visitor at ``address`` who types ``written`` would meet; counts nothing.

    The number is read as the endpoints read it, of a visitor whose browser names no language.
    """
    regions = services.countries.candidates(None, address, None)
    number = phone.parse(written, regions)
    e164 = number.e164 if number else NOBODY
    gates, validation, opted_out = await asyncio.gather(
        look(services, endpoints, address, e164),
        services.validation_limits.look(address),
        services.optouts.is_out(e164),
    )
    tone, words = answer(number, gates)
    counted_as = limit_subject(address)
    return Check(counted_as, regions, number, opted_out, gates, validation, tone, words)


def answer(number: PhoneNumber | None, gates: tuple[Gate, ...]) -> tuple[str, str]:
    """Return the tone and the sentence that answer whether a message would be sent."""
    if not gates:
        return "odd", "No: there is no message endpoint. Set message and sender."
    if all(gate.address.wait for gate in gates):
        return "bad", f"No: the address has used up its calls; the next passes in {_next(gates)}."
    unusable = _unusable(number)
    if unusable:
        return "bad", f"No: {unusable}, so the answer is receiver_validation."
    stopped = [gate for gate in gates if gate.wait]
    if not stopped:
        return "good", "Yes, this request would pass."
    if len(stopped) == len(gates):
        return "bad", f"No: the limits are used up; the next request passes in {_next(gates)}."
    listed = ", ".join(f"{gate.path} (for {span(gate.wait)})" for gate in stopped)
    return "odd", f"Yes, but not everywhere; refused at {listed}."


def _unusable(number: PhoneNumber | None) -> str:
    """Return why a number receives no SMS, '' when it does."""
    if number is None:
        return "that is no valid number"
    return "" if number.sms else f"a {number.type.replace('_', ' ')} number receives no SMS"


def _next(gates: tuple[Gate, ...]) -> str:
    """Return in how long the first endpoint lets the request through."""
    return span(min(gate.wait for gate in gates))


def _doubt(address: str, number: str) -> str:
    """Return why a question cannot be answered, '' when it can."""
    if parse_address(address) is None:
        return "The address must be an IP address, such as 192.0.2.17 or 2001:db8::17."
    return "" if number.strip() else "The number is missing."


async def _nothing() -> None:
    """Answer no question."""


ROUTES = [(r"/console/limits/?", LimitsPage)]
