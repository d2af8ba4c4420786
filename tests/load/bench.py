"""Measure the gateway against bare Tornado: ``python -m tests.load.bench --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tests.load import wrk
from tests.load.report import table
from tests.load.scenarios import Scenario, scenarios
from tests.load.site import Site, site

WARM_SECONDS = 1
WARM_REQUESTS = 1000
# The emulator keeps no more messages than these, so more cannot be counted there.
EMULATOR_KEEPS = 10_000
# Looks at the gateway between the loads are requests as well.
OWN_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load of one scenario.

    rate: answers per second; cpu: microseconds of processor time for each answer, by process;
    server: which of these processes was loaded; problem: what was wrong, '' = nothing.
    """

    scenario: str
    server: str
    rate: float
    cpu: dict[str, float]
    p50_ms: float
    p99_ms: float
    problem: str


def measure(site: Site, scenario: Scenario, seconds: int, connections: int) -> Measurement:
    """Put one load on one server, after a second of the same to get warm."""
    requests = scenario.requests()
    rest = requests[WARM_REQUESTS:] or requests
    url, expected = site.server(scenario.server).url, scenario.expected
    if scenario.warm:
        warm = requests[:WARM_REQUESTS]
        wrk.load(url, warm, expected, seconds=WARM_SECONDS, connections=connections)
    site.settle()
    site.reset_emulator()
    counted, cpu = _count(site, scenario), _cpu(site)
    answers = wrk.load(url, rest, expected, seconds=seconds, connections=connections)
    used = {name: (after - cpu[name]) * 1e6 for name, after in _cpu(site).items()}
    site.settle()
    return Measurement(
        scenario.name,
        scenario.server,
        answers.rate,
        {name: each / answers.requests for name, each in used.items()},
        answers.p50_ms,
        answers.p99_ms,
        _problem(site, scenario, answers, counted, connections),
    )


def _cpu(site: Site) -> dict[str, float]:
    return {each.name: site.server(each.name).cpu_seconds for each in fields(site)}


def _count(site: Site, scenario: Scenario) -> int:
    return site.series(scenario.series) if scenario.series else 0


def _problem(
    site: Site, scenario: Scenario, answers: wrk.Answers, before: int, connections: int
) -> str:
    """Return what is wrong: answers, or counts that differ by more than was under way."""
    if answers.wrong or answers.broken or not answers.requests:
        return f"{answers.wrong} wrong answers, {answers.broken} broken connections"
    counts = {}
    if scenario.series:
        counts["the metrics"] = _count(site, scenario) - before
    if scenario.name.startswith(("message", "emulator")) and answers.good < EMULATOR_KEEPS:
        counts["the emulator"] = min(len(site.emulator_messages()), EMULATOR_KEEPS)
    for who, count in counts.items():
        # wrk hangs up with a request under way on every connection.
        if not answers.good <= count <= answers.good + connections + OWN_LOOKS:
            return f"{answers.good} good answers, but {who} counted {count}"
    return ""


def run(
    rounds: int, seconds: int, connections: int, only: str
) -> tuple[list[Scenario], list[Measurement]]:
    """Measure every scenario once a round, each round in another order.

    only: the beginning of the names of those that are measured beside the bare servers.
    """
    with site() as servers:
        every = scenarios(servers, connections)
        found = every[:2] + [each for each in every[2:] if each.name.lower().startswith(only)]
        results = []
        for number in range(rounds):
            shift = number * 2 % len(found)
            for scenario in found[shift:] + found[:shift]:
                result = measure(servers, scenario, seconds, connections)
                results.append(result)
                print(
                    f"round {number + 1}: {scenario.name}: {result.rate:,.0f}/s {result.problem}",
                    file=sys.stderr,
                )
    return found, results


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 1 when an answer was wrong, whatever the speed."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load (default 3)")
    parser.add_argument("--connections", type=int, default=32, help="kept alive (default 32)")
    parser.add_argument("--only", default="", metavar="NAME", help="validation, message, dlr ...")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all measurements")
    given = parser.parse_args(argv)
    wrk.require_wrk()
    found, results = run(given.rounds, given.seconds, given.connections, given.only)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in results], indent=1))
    print(table(found, results), end="\n\n")
    problems = [f"{each.scenario}: {each.problem}" for each in results if each.problem]
    print("\n".join(problems) or "All answers were right, and as many as were counted inside.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
