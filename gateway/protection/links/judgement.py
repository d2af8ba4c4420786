"""When nobody opens the links that go to a range of numbers: the rule, without a store or a clock.

People who ask for a link open it: a part of them that is each site's own. Who has texts sent to
numbers that pay him for each opens none. DESIGN.md derives the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from conf.protection import Breaker as Policy
from gateway.protection.links.conversions import (
    DAY,
    HOUR,
    TEN_MINUTES,
    Counts,
    Tallies,
    Tally,
)

# A day with so many messages tells what is usual, and no more than half is taken for it: a share
# that is overestimated would judge too soon.
DAY_THAT_TELLS, MOST_USUAL = 20, 0.5
# By chance nobody opens any of so many links that should have been opened once in 22,000 times
# (e^-10), and on trial once in 20 times (e^-3).
SURE, ON_TRIAL = 10.0, 3.0
FIRST_BLOCK, LONGEST_BLOCK = HOUR, 12 * HOUR


class State(StrEnum):
    """What is done with messages to a subject.

    BLOCKED: refused; TRYING: a few are let through; CLEAR: all are, and what was before is
    forgotten; RESTING: all are, and nothing is judged.
    """

    BLOCKED = "blocked"
    TRYING = "trying"
    CLEAR = "clear"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Messages with a link, how many had it opened, and how many would have as is usual."""

    sent: int = 0
    clicked: int = 0
    expected: float = 0.0

    @property
    def usual(self) -> float:
        """The share of links that is usually opened, where these messages are from."""
        return self.expected / self.sent if self.sent else 0.0

    def __add__(self, other: Evidence) -> Evidence:
        """Return both together."""
        return Evidence(
            self.sent + other.sent, self.clicked + other.clicked, self.expected + other.expected
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What is decided on a subject.

    since, until: s since 1970; counted_from: what was sent before says nothing any more; times:
    how often it was blocked in a row; by: who decided so, '' = the gateway.
    """

    state: State
    since: float
    until: float
    counted_from: float = 0.0
    times: int = 0
    why: Evidence = Evidence()
    by: str = ""


# A range of numbers or a country, as in ``range 4915123456xxxx`` and ``country DE``.
Subject = str
DIGITS_SHOWN = 5


def in_words(subject: Subject) -> str:
    """Return what is judged as a log may have it: of a range as much as of a number."""
    kind, _, which = subject.partition(" ")
    return f"{kind} +{which[:DIGITS_SHOWN]}…" if kind == "range" else subject


def usual_shares(counts: Counts) -> dict[str, float]:
    """Return which part of the links of each source is opened, on its best day of a week.

    The best, as the days of an attack must not make nothing usual. A source of which no link was
    ever opened is left out: it tells nothing.
    """
    found: dict[str, float] = {}
    for tallies in counts.days.values():
        for source, tally in _by_source(tallies).items():
            if tally.sent >= DAY_THAT_TELLS and tally.clicked:
                share = min(tally.share, MOST_USUAL)
                found[source] = max(share, found.get(source, 0.0))
    return found


def decisions(
    counts: Counts, known: Mapping[Subject, Entry], policy: Policy
) -> Iterator[tuple[Subject, Entry | None]]:
    """Yield what changes: the subject and what is decided on it, None = nothing any more."""
    usual, window = usual_shares(counts), counts.at - policy.window
    ripe = {begin: _against(found, usual) for begin, found in counts.ripe().items()}
    of_window = _summed(found for begin, found in ripe.items() if begin >= window)
    # A country is more than some ranges: one in which anybody opens links is taken from nobody.
    open_ = {f"country {place}" for (_, place), each in counts.by_place().items() if each.clicked}
    for subject in sorted({*known, *of_window}):
        entry = known.get(subject)
        found = of_window.get(subject, Evidence())
        if entry is not None and entry.counted_from > window:
            since = (each for begin, each in ripe.items() if begin >= entry.counted_from)
            found = sum((each[subject] for each in since if subject in each), Evidence())
        after = _after(entry, found, counts.at, policy, may=subject not in open_)
        if after != entry:
            yield subject, after


def blocked(entry: Entry | None, why: Evidence, now: float) -> Entry:
    """Return that a subject is blocked, each time for twice as long as the last."""
    times = (entry.times if entry else 0) + 1
    until = now + min(FIRST_BLOCK * 2 ** min(times - 1, 10), LONGEST_BLOCK)
    return Entry(State.BLOCKED, now, until, now, times, why)


def _after(
    entry: Entry | None, found: Evidence, now: float, policy: Policy, *, may: bool
) -> Entry | None:
    """Return what follows on an entry; may: whether it may be blocked."""
    if entry is None or entry.state is State.CLEAR:
        many, few = found.sent >= policy.least, SURE * (found.clicked + 1) <= found.expected
        if may and many and few:
            return blocked(entry, found, now)
    elif entry.state is State.TRYING:
        if found.clicked:
            return replace(entry, state=State.CLEAR, since=now, until=now + policy.window, by="")
        if may and found.expected >= ON_TRIAL:
            return blocked(entry, found, now)
    if entry is None or now < entry.until:
        return entry
    return _on_trial(entry, now) if entry.state is State.BLOCKED else None


def _on_trial(entry: Entry, now: float) -> Entry:
    """Return that a few messages are let through, for a day at most."""
    # What counts are the trials: before them nothing was sent.
    begin = now // TEN_MINUTES * TEN_MINUTES
    trying = replace(entry, state=State.TRYING, since=now, until=now + DAY, by="")
    return replace(trying, counted_from=begin)


def _against(tallies: Tallies, usual: Mapping[str, float]) -> dict[Subject, Evidence]:
    """Return what speaks for and against each range and country."""
    found: dict[Subject, Evidence] = {}
    for (source, where), each in tallies.items():
        place, _, digits = where.partition(":")
        one = Evidence(each.sent, each.clicked, each.sent * usual.get(source, 0.0))
        for subject in (f"range {digits}", f"country {place}"):
            found[subject] = found.get(subject, Evidence()) + one
    return found


def _summed(many: Iterable[Mapping[Subject, Evidence]]) -> dict[Subject, Evidence]:
    found: dict[Subject, Evidence] = {}
    for each in many:
        for subject, one in each.items():
            found[subject] = found.get(subject, Evidence()) + one
    return found


def _by_source(tallies: Mapping[tuple[str, str], Tally]) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for (source, _), tally in tallies.items():
        found.setdefault(source, Tally()).add(tally)
    return found
