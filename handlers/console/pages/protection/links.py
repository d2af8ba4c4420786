"""Who opens the links of texts, by country and range; what the breaker stops, and why."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from conf.protection import Mode
from gateway.errors import BadRequest
from gateway.protection.limits.layers import number_range
from gateway.protection.links.breaker import TRIALS
from gateway.protection.links.conversions import Tallies, Tally
from gateway.protection.links.judgement import Entry, State, Subject, in_words, usual_shares
from gateway.telephony.phonenumber import is_region, parse_international
from handlers.console.base import path
from handlers.console.formatting import span
from handlers.console.page import Action, Page

log = logging.getLogger(__name__)

ROWS = 50
LONGEST = 100
_SUBJECT = re.compile(r"range [1-9][0-9]{2,14}xxxx|country (?:[A-Z]{2}|[1-9][0-9]{0,2})")
MODES = {
    Mode.ENFORCE: "It holds.",
    Mode.MONITOR: "It only watches: what it would refuse is shown, and nothing is refused.",
    Mode.OFF: "It is off.",
}
STATES = {
    State.BLOCKED: "blocked",
    State.TRYING: "on trial",
    State.CLEAR: "passes again",
    State.RESTING: "let through",
}
TONES = {State.BLOCKED: "bad", State.TRYING: "odd"}


@dataclass(frozen=True, slots=True)
class Stop:
    """What is decided on a subject; since, until: ms; tone: as it is coloured."""

    subject: Subject
    what: str
    state: str
    tone: str
    since: int
    until: int
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """Messages with a link to a country or range."""

    subject: Subject
    what: str
    tally: Tally
    stopped: str = ""


class LinksPage(Page):
    """``/console/limits/links``."""

    template = "links.html"
    labels: ClassVar[dict[str, str]] = {"subject": "What"}
    done_words: ClassVar[dict[str, str]] = {
        "released": "Let through in all processes, and not judged for a day.",
        "blocked": "Blocked for a day, in all processes within seconds.",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return what is counted and what is decided."""
        breaker, conversions = self.services.rule_gate.breaker, self.services.conversions
        counts = await conversions.counts()
        await breaker.look()
        policy, entries = breaker.policy, breaker.entries
        return {
            "stops": [stop(each, entry, policy.window) for each, entry in sorted(entries.items())],
            "countries": rows("country", counts.by_place(), entries),
            "ranges": rows("range", counts.by_range(), entries),
            "usual": sorted(usual_shares(counts).items()),
            "mode": MODES[breaker.mode],
            "policy": policy,
            "trials": TRIALS,
        }


class _Order(Action, LinksPage):
    """A form that names a range or a country, or a number in place of its range."""

    async def perform(self, *args: str) -> str:
        """Do it, and say in the log who did."""
        subject = read_subject(self.fields("subject").text("subject", LONGEST))
        who = f"{self.subject} ({self.stand_in('who decided on links')[:8]})"
        return await self.order(subject, who)

    async def order(self, subject: Subject, who: str) -> str:
        """Do it for somebody and return the path to show."""
        raise NotImplementedError


class Release(_Order):
    """``POST /console/limits/links/release``: let messages to a subject through."""

    async def order(self, subject: Subject, who: str) -> str:
        """Let it rest for a day."""
        await self.services.rule_gate.breaker.release(subject, who)
        log.warning("links: the %s is let through for a day, by %s", in_words(subject), who)
        return path("limits", "links", done="released")


class Block(_Order):
    """``POST /console/limits/links/block``: refuse messages to a subject."""

    async def order(self, subject: Subject, who: str) -> str:
        """Block it for a day."""
        await self.services.rule_gate.breaker.block(subject, who)
        log.warning("links: the %s is blocked for a day, by %s", in_words(subject), who)
        return path("limits", "links", done="blocked")


def stop(subject: Subject, entry: Entry, window: int) -> Stop:
    """Return how a decision is shown."""
    return Stop(
        subject,
        shown(subject),
        STATES[entry.state],
        TONES.get(entry.state, "good"),
        round(entry.since * 1000),
        round(entry.until * 1000),
        why(entry, window),
    )


def why(entry: Entry, window: int) -> str:
    """Return in words why it was decided so."""
    found = entry.why
    said = [f"by {entry.by}"] if entry.by else []
    if found.sent:
        said.append(
            f"{found.sent:,} sent in {span(window)}, {found.clicked:,} opened; usual here:"
            f" {found.usual:.0%}"
        )
    if entry.times > 1:
        said.append(f"blocked {entry.times} times in a row")
    return "; ".join(said)


def rows(kind: str, tallies: Tallies, entries: Mapping[Subject, Entry]) -> list[Row]:
    """Return the countries or ranges to which most was sent, of all sources together."""
    sums: dict[str, Tally] = {}
    for (_, where), tally in tallies.items():
        sums.setdefault(where.rpartition(":")[2], Tally()).add(tally)
    most = sorted(sums.items(), key=lambda each: (-each[1].sent, each[0]))[:ROWS]
    return [_row(f"{kind} {where}", tally, entries) for where, tally in most]


def _row(subject: Subject, tally: Tally, entries: Mapping[Subject, Entry]) -> Row:
    entry = entries.get(subject)
    return Row(subject, shown(subject), tally, STATES[entry.state] if entry else "")


def shown(subject: Subject) -> str:
    """Return a subject as an operator reads it: the country, or how the numbers begin."""
    kind, _, which = subject.partition(" ")
    return f"+{which}" if kind == "range" else which


def read_subject(written: str) -> Subject:
    """Return what is meant by a subject, a country's two letters, or a number of a range.

    Raises BadRequest.
    """
    plain = written.strip()
    if plain.startswith("+") and plain.endswith("xxxx"):  # as the page shows it
        plain = f"range {plain[1:].replace(' ', '')}"
    if _SUBJECT.fullmatch(plain):
        return plain
    if is_region(plain.upper()):
        return f"country {plain.upper()}"
    number = parse_international(plain)
    if number is None:
        raise BadRequest("subject: a country such as XK, or a number with its country code")
    return f"range {number_range(number.person)}"


ROUTES = [
    (r"/console/limits/links/?", LinksPage),
    (r"/console/limits/links/release/?", Release),
    (r"/console/limits/links/block/?", Block),
]
