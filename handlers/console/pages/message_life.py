"""The life of a message in words: each step with its time, in the order in which it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from gateway.messaging.history import Event, Message

# What the provider's answer means for the message; the words of Outcome, and PENDING.
ANSWERS = {
    "accepted": "The provider took it",
    "refused": "The provider refused it",
    "throttled": "The provider was too busy, and the time for trying again was over",
    "not_sent": "The provider could not be reached",
    "unknown": "The provider's answer is missing: it may have gone out and is not sent again",
    "pending": "It did not go out and is tried again",
}
# What a phone's state means where it says more than that a receipt came (gateway.smssync.phones).
RECEIPTS = {"cancelled": "It was cancelled before a phone had it"}
# Facts of an event by the names that the two providers and the phones give them.
_FACTS = {
    "part": ("part",),
    "code": ("code", "err-code", "status_code"),
    "attempts": ("attempts",),
    "parts": ("parts",),
    "carrier's time": ("scts", "timestamp"),
    "network": ("network", "network-code"),
    "price": ("price",),
    "level": ("level",),
}
_SAID = ("error", "status_code_description")
# Vonage's ``scts``, which names no zone: https://developer.vonage.com/en/api/sms#delivery-receipt.
_SCTS = "%y%m%d%H%M"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: at: ms; state: a provider's or our word, '' for none.

    facts: what it came with, by name; said: what the provider says about it, in its own words,
    which may quote numbers.
    """

    at: int
    what: str
    state: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    said: str = ""


def steps(message: Message) -> list[Step]:
    """Return the steps of a message with its events, the first one first."""
    begun = (("provider", message.provider), ("for", message.source), ("shop", message.site))
    opened = [Step(message.clicked, "Its link was opened")] if message.clicked else []
    return [
        Step(message.created, "Written down, before anything was sent", facts=_filled(begun)),
        *sorted([*map(_step, message.events), *opened], key=attrgetter("at")),
    ]


def _step(event: Event) -> Step:
    told = ((name, _first(event.facts, names)) for name, names in _FACTS.items())
    facts = _filled((name, _fact(name, value)) for name, value in told)
    said = _first(event.facts, _SAID)
    if event.kind == "answer":
        outcome = str(event.facts.get("outcome", ""))
        return Step(event.at, ANSWERS.get(outcome, "An answer"), outcome, facts, said)
    status = str(event.facts.get("status", ""))
    return Step(event.at, RECEIPTS.get(status, "A receipt came"), status, facts, said)


def _fact(name: str, value: str) -> str:
    """Return a fact as a person reads it."""
    if name != "carrier's time" or not (len(value) == 10 and value.isascii() and value.isdecimal()):
        return value
    try:
        told = datetime.strptime(value, _SCTS)
    except ValueError:
        return value
    return f"{told:%Y-%m-%d %H:%M}, as the carrier says"


def _first(facts: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the first of several fields that is there and not empty, as text."""
    return next((str(facts[name]) for name in names if facts.get(name) not in (None, "")), "")


def _filled(facts: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in facts if value)
