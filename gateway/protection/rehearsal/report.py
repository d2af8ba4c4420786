"""What a rehearsal has found: the same under the terms that were tried and those in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.protection.spending.budget import words
from gateway.protection.spending.money import MILLION
from gateway.store.values import DAY_MS
from gateway.telephony.phonenumber import mask

MOST_LISTED = 50
# What is not in the store, and what is taken for granted instead.
ASSUMED = (
    "Calls that were refused at the time are nowhere kept: what looser terms would have let "
    "through, nobody knows.",
    "Calls, rented numbers and raises of a budget by hand are not played: only texts spend here.",
    "Breakers and proofs of work are not played either.",
    "The same text asked for twice counted once; calls that sent nothing are not counted.",
    "Who is refused does not come again here; in life some would, later.",
    "A country is new while its messages met that limit at the time; before that was noted, none.",
)


@dataclass(slots=True)
class Effect:
    """What some terms refuse of the messages of visitors.

    reasons: rule, limit or budget; countries: ISO 3166; days: since the Unix epoch; told,
    estimated: what the refused messages cost, in millionths by currency. Of those who got them:
    clicked: customers (E.164) who clicked the link; unlinked: whose text had none to click;
    unclicked: messages whose link nobody clicked. waiting: messages that are no visitor's and for
    which there would have been no money, by who asked for them.
    """

    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    days: Counter[int] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    estimated: Counter[str] = field(default_factory=Counter)
    clicked: set[str] = field(default_factory=set)
    unlinked: set[str] = field(default_factory=set)
    unclicked: int = 0
    waiting: Counter[str] = field(default_factory=Counter)

    @property
    def customers(self) -> set[str]:
        """All whom it would have hit (E.164)."""
        return self.clicked | self.unlinked


@dataclass(slots=True)
class Report:
    """A rehearsal of the messages from ``begin`` to ``end`` (ms).

    played: messages of visitors; others: of participants and of administrators; no_caller: those
    of visitors of whose address nothing is kept; cut: why it does not reach from the wanted
    beginning to now, '' = it does; receipts: whether any tell what was delivered.
    """

    begin: int
    end: int
    receipts: bool
    played: int = 0
    others: int = 0
    no_caller: int = 0
    cut: str = ""
    tried: Effect = field(default_factory=Effect)
    present: Effect = field(default_factory=Effect)

    def share(self, effect: Effect) -> float:
        """Return which part of the visitors' messages is refused, in per cent."""
        return 100 * effect.refused / self.played if self.played else 0.0


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report; rows: what is counted, under the terms tried, under those in force."""

    title: str
    rows: list[tuple[str, str, str]]


def sections(report: Report) -> list[Section]:
    """Return the report in tables of two columns; those without a row are left out."""
    found = [
        Section("Refused", [_row(report, "messages", _refused)]),
        Section("By what", _counts(report, lambda each: each.reasons)),
        Section("Saved", _money(report)),
        Section("Real customers hit", _customers(report)),
        Section("Not of visitors, and no money for them", _counts(report, lambda x: x.waiting)),
        Section("By country", _counts(report, lambda each: each.countries)),
        Section("By day (UTC)", _days(report)),
    ]
    return [each for each in found if each.rows]


def listed(effect: Effect) -> list[str]:
    """Return the customers whom it would have hit, masked; those who clicked come first."""
    who = [*sorted(effect.clicked), *sorted(effect.unlinked - effect.clicked)]
    return [mask(each) for each in who[:MOST_LISTED]]


def remarks(report: Report) -> list[str]:
    """Return what must be known to read the report, a line each."""
    found = [report.cut] if report.cut else []
    if report.no_caller:
        found.append(
            f"Of {report.no_caller:,} messages no caller is noted (they are older than this "
            "version): limits by address and /48 did not look at them."
        )
    if not report.receipts:
        found.append("No receipts tell what was delivered: what the provider took counts as that.")
    return [*found, *ASSUMED]


def as_json(report: Report) -> dict[str, Any]:
    """Return the report for machines: times in ms, money as decimal numbers, numbers masked."""
    return {
        "begin": report.begin,
        "end": report.end,
        "played": report.played,
        "others": report.others,
        "no_caller": report.no_caller,
        "cut": report.cut,
        "tried": _json_of(report, report.tried),
        "present": _json_of(report, report.present),
        "remarks": remarks(report),
    }


def day(number: int) -> str:
    """Return a day, by its number since the Unix epoch."""
    return f"{datetime.fromtimestamp(number * DAY_MS / 1000, UTC):%Y-%m-%d}"


def moment(ms: int) -> str:
    """Return a time in UTC to the minute."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _json_of(report: Report, effect: Effect) -> dict[str, Any]:
    return {
        "refused": effect.refused,
        "percent": round(report.share(effect), 3),
        "reasons": dict(effect.reasons.most_common()),
        "countries": dict(effect.countries.most_common()),
        "days": {day(each): count for each, count in sorted(effect.days.items())},
        "saved": {
            currency: {
                "told": effect.told[currency] / MILLION,
                "estimated": effect.estimated[currency] / MILLION,
            }
            for currency in sorted(effect.told | effect.estimated)
        },
        "customers": {
            "clicked": len(effect.clicked),
            "no_link": len(effect.unlinked - effect.clicked),
            "listed": listed(effect),
        },
        "link_not_clicked": effect.unclicked,
        "waiting": dict(effect.waiting.most_common()),
    }


def _row(report: Report, what: str, of: Callable[[Report, Effect], str]) -> tuple[str, str, str]:
    return what, of(report, report.tried), of(report, report.present)


def _refused(report: Report, effect: Effect) -> str:
    return f"{effect.refused:,} ({report.share(effect):.2f} %)"


def _counts(report: Report, of: Callable[[Effect], Counter[str]]) -> list[tuple[str, str, str]]:
    """Return a row for each thing that either counts, the most frequent first."""
    tried, present = of(report.tried), of(report.present)
    names = [name for name, _ in (tried + present).most_common()]
    return [(name, f"{tried[name]:,}", f"{present[name]:,}") for name in names]


def _days(report: Report) -> list[tuple[str, str, str]]:
    tried, present = report.tried.days, report.present.days
    return [(day(x), f"{tried[x]:,}", f"{present[x]:,}") for x in sorted(tried | present)]


def _money(report: Report) -> list[tuple[str, str, str]]:
    kinds = (
        ("as told by the provider", report.tried.told, report.present.told),
        ("estimated", report.tried.estimated, report.present.estimated),
    )
    return [
        (f"{currency}, {what}", words(tried[currency]), words(present[currency]))
        for what, tried, present in kinds
        for currency in sorted(tried | present)
    ]


def _customers(report: Report) -> list[tuple[str, str, str]]:
    return [
        _row(report, "clicked the link", lambda _, x: f"{len(x.clicked):,}"),
        _row(report, "got a text without a link", lambda _, x: f"{len(x.unlinked - x.clicked):,}"),
        _row(report, "(texts whose link nobody clicked)", lambda _, x: f"{x.unclicked:,}"),
    ]
