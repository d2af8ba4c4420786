"""A rehearsal's report as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.protection.rehearsal.report import Report, Section, listed, moment, remarks, sections

HEADS = ("tried", "in force")


def printed(report: Report) -> str:
    """Return the report in lines: tables of two columns, customers, remarks."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield (
        f"{report.played:,} messages of visitors and {report.others:,} others, "
        f"{moment(report.begin)} to {moment(report.end)}"
    )
    tables = sections(report)
    widths = [
        max(len(row[column]) for each in tables for row in [*each.rows, ("", *HEADS)])
        for column in range(3)
    ]
    for each in tables:
        yield ""
        yield from _table(each, widths)
    if report.tried.customers:
        yield ""
        yield f"Of the {len(report.tried.customers):,} customers hit by what is tried:"
        yield from (f"  {number}" for number in listed(report.tried))
    yield ""
    yield from (f"* {remark}" for remark in remarks(report))


def _table(section: Section, widths: list[int]) -> Iterator[str]:
    first, second, third = widths
    yield f"{section.title:<{first + 2}}  {HEADS[0]:>{second}}  {HEADS[1]:>{third}}"
    for what, tried, present in section.rows:
        yield f"  {what:<{first}}  {tried:>{second}}  {present:>{third}}"
