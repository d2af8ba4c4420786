"""Tests of the measurement of masked conversations: that it measures, never how fast."""

from __future__ import annotations

import pytest

from tests.load.masking import Cost, Results, Size, table
from tests.support.servers.processes import Process

TITLES = [
    "Numbers in the pool",
    "Open sessions",
    "Memory",
    "tn_exclusive, all numbers but 5 in use",
    "One person with many sessions",
    "Extreme: one person has a session on every number but 5",
    "Extreme: one person has had every number before",
    "Extreme: tn_exclusive, one country all in use, the other all free",
]
# Operations by sizes of each table, and the lines of the memory table.
ROWS = 8 * 3 + 8 * 3 + 5 + 3 + 2 * 3 + 3 * 3 + 3 * 3
# Three rounds with ten calls an operation: those of five stores, two tables and three extremes
# (every creation is followed by an end, and has two calls in the extremes), and texts for memory.
CALLS = 3 * (5 * 110 + 3 * 40 + 3 * 50 + 9 * 4) + 10 * 10


def test_quick_run_prints_every_table_and_counts_every_call() -> None:
    """With tiny sizes, everything is measured and every call does what it should."""
    with Process("-m", "tests.load.masking", "--quick") as process:
        status = process.wait(100)
        printed = process.log
    assert 0 == status, printed
    assert [f"### {each}" for each in TITLES] == _lines(printed, "### ")
    assert ROWS == len(_lines(printed, "| ")) - 2 * len(TITLES)
    assert f"{CALLS:,} calls were measured; all did what they should." in printed


def _lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


@pytest.mark.parametrize(
    ("costs", "verdict"),
    [
        pytest.param([15.0, 15.0, 15.0], "yes", id="just met"),
        pytest.param([15.1, 15.1, 15.1], "NO: scripts", id="missed"),
        pytest.param([10.0, 11.0, 90.0], "yes", id="one slow round does not matter"),
    ],
)
def test_table_tells_whether_the_median_ratio_is_met(costs: list[float], verdict: str) -> None:
    """The ratio to the smallest size is the median of the rounds."""
    results, least, larger = Results(), Size(10, 10), Size(1_000, 10)
    for cost in costs:
        results.add(least, {"create": Cost(10.0, 5.0, 5.0, 5.0)})
        results.add(larger, {"create": Cost(cost, 5.0, 5.0, 5.0)})
    assert verdict == table([least, larger], results).splitlines()[-1].split("|")[-2].strip()
