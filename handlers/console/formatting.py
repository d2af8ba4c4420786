"""How the console writes things: times, numbers, states. Everything is escaped by the templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode

from tornado.escape import xhtml_escape
from tornado.httputil import HTTPServerRequest

from conf.providers import is_phone
from gateway.errors import GatewayError, StoreUnavailable
from gateway.messaging.outbox.holds import Hold
from gateway.protection.spending.money import WARN_FROM, Level
from gateway.providers.base import Obstacle
from gateway.telephony import phonenumber
from gateway.telephony.judges import is_possible
from handlers.admin.fields import SAY_POSSIBLE, utc

# How a state is coloured; a word that is not here is neutral.
TONES = {
    **dict.fromkeys(("delivered", "completed", "answered", "sent", "ok", "accepted"), "good"),
    **dict.fromkeys(("failed", "rejected", "expired", "refused", "busy", "lost", "dead"), "bad"),
    **dict.fromkeys(("unanswered", "timeout", "not_sent"), "bad"),
    **dict.fromkeys(("suppressed", "paused", "held", "unknown", "throttled", "unconfirmed"), "odd"),
}
# Digits as people write numbers: in groups, with brackets around the first, with any dash.
_BETWEEN = r"[\s./()\-\u2010-\u2015]{0,2}"
# A date stands for itself, unless digits go on behind it as in a number.
_DATE = (
    r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    rf"(?:[T ]\d\d:\d\d(?::\d\d)?(?!\d)|(?!{_BETWEEN}\d))"
)
_DATE_OR_NUMBER = re.compile(rf"(?P<date>{_DATE})|\+?\(?\d(?:{_BETWEEN}\d){{5,}}")
# Why a provider is held back.
_TROUBLES = {
    Obstacle.ACCOUNT: "refuses the account: no credit, suspended, or a wrong key",
    Obstacle.UNREACHABLE: "cannot be reached",
}
# The name of a field inside a sentence; those of one word may be just that word.
_FIELD = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def number(text: str, shown: bool = False) -> str:
    """Return a number (E.164, with or without ``+``) as it may be seen; names stay names."""
    if not (text.isascii() and text.removeprefix("+").isdecimal() and len(text) > 5):
        if shown:
            return text
        return quoted(text) if any(map(str.isalpha, text)) else phonenumber.mask(text)
    e164 = f"+{text.removeprefix('+')}"
    if not shown:
        return phonenumber.mask(e164)
    found = phonenumber.parse_international(e164, is_possible)
    return found.international if found else e164


def quoted(words: str, shown: bool = False) -> str:
    """Return what a provider or a phone said, who may have quoted a number, as it may be seen."""
    if shown:
        return words
    return _DATE_OR_NUMBER.sub(lambda found: found["date"] or phonenumber.mask(found[0]), words)


def sender(text: str, provider: str) -> str:
    """Return whom a message is from; SMSsync phones send from numbers of their own."""
    if is_phone(provider):
        return "the phone’s own number"
    return number(text, True) or "–"


def price(euros: str) -> str:
    """Return a price as people write it, of the decimal text that is kept."""
    whole, point, rest = euros.partition(".")
    rest = rest.rstrip("0").ljust(2, "0")
    return f"{whole}.{rest} EUR" if point else f"{euros} EUR"


def when(moment: str | int | float | None, empty: str = "–") -> str:
    """Return a time as HTML which the browser turns into the viewer's zone.

    moment: ms since 1970, or ``2016-05-19 22:19:58`` in UTC; ``empty`` for none.
    """
    if not isinstance(moment, str):
        moment = utc(moment or 0)
    if not moment:
        return xhtml_escape(empty)
    iso = moment.replace(" ", "T") + "Z"
    return (
        f'<time datetime="{xhtml_escape(iso)}" title="{xhtml_escape(moment)} UTC">'
        f"{xhtml_escape(moment)} UTC</time>"
    )


def tone(state: str) -> str:
    """Return how a state is coloured: good, bad, odd or plain."""
    return TONES.get(state, "plain")


def count(n: int, one: str, many: str = "") -> str:
    """Return ``1 text``, ``2 texts``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def span(seconds: int) -> str:
    """Return a length of time in its two largest units: ``1 hour 30 minutes``."""
    words = []
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            words.append(count(number, unit))
    return " ".join(words[:2]) or "0 seconds"


def why(
    error: BaseException | None, status: int, labels: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return what a person is told of an error; labels: what he knows fields by."""
    if isinstance(error, StoreUnavailable):
        return "The store does not answer. Try again in a moment."
    if isinstance(error, GatewayError) and error.message:
        field, colon, rest = error.message.partition(":")
        rest = rest.replace(SAY_POSSIBLE, "tick the box that says so")
        rest = _FIELD.sub(lambda found: labels.get(found[0], found[0]), rest)
        message = f"{labels.get(field, field)}{colon}{rest}"
        return message[0].upper() + message[1:] + ("" if message.endswith(".") else ".")
    return HTTPStatus(status).phrase + "."


def held_back(holds: Mapping[str, Hold]) -> list[str]:
    """Return what everybody has to know of the providers that take no texts."""
    found = [
        f"The provider {name} {_TROUBLES[hold.why]} (code {hold.code}). Texts of conversations "
        f"wait since {utc(hold.since)} UTC, and go on by themselves as soon as it takes one."
        for name, hold in holds.items()
        if hold.why in _TROUBLES
    ]
    poor = [hold.since for hold in holds.values() if hold.why is Obstacle.BUDGET]
    if poor:
        since = utc(min(poor))
        found.append(f"Texts of conversations wait for money since {since} UTC: see Budget.")
    return found


def money_left(levels: Iterable[Level]) -> list[str]:
    """Return what everybody has to know of budgets of which little is left."""
    return [
        f"The budget of this {each.span} ({each.scope}) is used up: nothing more of it is sent "
        f"until {utc(each.ends)} UTC, unless it is raised."
        if each.stopped
        else f"Of the budget of this {each.span} ({each.scope}) {each.used:.0%} are used."
        for each in levels
        if each.stopped or each.used >= WARN_FROM
    ]


def address(request: HTTPServerRequest) -> str:
    """Return the address of a page without what was done before."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name != "done"])
    return f"{request.path}?{query}" if query else request.path
