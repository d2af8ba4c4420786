"""The Markdown table of a benchmark: medians over the rounds with the range, and the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from tests.load.scenarios import Scenario

if TYPE_CHECKING:
    from tests.load.bench import Measurement

HEAD = (
    "load",
    "requests/s",
    "÷ asyncio",
    "÷ uvloop",
    "CPU µs/request",
    "asyncio CPU ÷",
    "uvloop CPU ÷",
    "other processes, µs/request",
    "latency ms, median / 99 %",
    "target",
)
PROCESSES = {"gateway": "gateway", "emulator": "emulator", "valkey": "Valkey"}


def table(scenarios: Sequence[Scenario], results: Iterable[Measurement]) -> str:
    """Return one row for each scenario.

    The first scenario is bare Tornado on asyncio's loop, the second on uvloop. Ratios are taken
    within a round, so that what slows the whole machine down for a while cancels out.
    """
    by_name: dict[str, list[Measurement]] = {each.name: [] for each in scenarios}
    for result in results:
        by_name[result.scenario].append(result)
    asyncio, uvloop = (by_name[each.name] for each in scenarios[:2])
    rows = [HEAD, ("---",) * len(HEAD)]
    for each in scenarios:
        rows.append(_row(each, by_name[each.name], asyncio, uvloop))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(
    scenario: Scenario,
    own: Sequence[Measurement],
    asyncio: Sequence[Measurement],
    uvloop: Sequence[Measurement],
) -> tuple[str, ...]:
    rates, cpu = _ratios(own, asyncio, _rate), _ratios(own, asyncio, _thrift)
    return (
        scenario.name,
        _spread([each.rate for each in own], ",.0f"),
        _spread(rates, ".2f"),
        _spread(_ratios(own, uvloop, _rate), ".2f"),
        _spread([_cost(each) for each in own], ".0f"),
        _spread(cpu, ".2f"),
        _spread(_ratios(own, uvloop, _thrift), ".2f"),
        _others(own),
        f"{median(each.p50_ms for each in own):.1f} / {median(each.p99_ms for each in own):.1f}",
        _verdict(scenario.target, median(rates), median(cpu)),
    )


def _verdict(target: float | None, rate: float, cpu: float) -> str:
    if target is None:
        return ""
    words = [
        f"{what} {'met' if ratio >= target else 'MISSED'}"
        for what, ratio in (("requests/s", rate), ("CPU", cpu))
    ]
    return f"≥ {target:.2f}: {', '.join(words)}"


def _rate(measurement: Measurement) -> float:
    return measurement.rate


def _cost(measurement: Measurement) -> float:
    return measurement.cpu[measurement.server]


def _thrift(measurement: Measurement) -> float:
    return 1 / _cost(measurement)


def _ratios(
    own: Sequence[Measurement], other: Sequence[Measurement], of: Callable[[Measurement], float]
) -> list[float]:
    return [of(ours) / of(theirs) for ours, theirs in zip(own, other, strict=True)]


def _spread(values: Sequence[float], form: str) -> str:
    middle, low, high = (format(each, form) for each in (median(values), min(values), max(values)))
    return f"**{middle}** ({low}-{high})"


def _others(own: Sequence[Measurement]) -> str:
    costs = {
        shown: median(each.cpu[name] for each in own)
        for name, shown in PROCESSES.items()
        if name != own[0].server
    }
    return ", ".join(f"{shown} {cost:.0f}" for shown, cost in costs.items() if cost >= 1)
