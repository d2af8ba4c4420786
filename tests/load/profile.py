"""Where the time of a request goes: ``python -m tests.load.profile validation|message|dlr``."""

from __future__ import annotations

import argparse
import pstats
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.load import wrk
from tests.load.scenarios import Scenario, scenarios
from tests.load.site import site

LINES = 40
CONNECTIONS = 32


def profiled_load(scenario_name: str, seconds: int, file: Path) -> int:
    """Load a gateway that runs under cProfile, which writes ``file``; return the answers.

    The first scenario whose name begins with ``scenario_name`` is taken. cProfile does not see
    into uvloop and makes short functions look dearer than they are.
    """
    with site(("-m", "cProfile", "-o", str(file), "app.py")) as servers:
        scenario = _find(scenarios(servers, CONNECTIONS), scenario_name)
        requests = scenario.requests()
        url, expected = servers.gateway.url, scenario.expected
        answers = wrk.load(url, requests, expected, seconds=seconds, connections=CONNECTIONS)
        servers.settle()
    return answers.requests


def _find(found: Sequence[Scenario], name: str) -> Scenario:
    return next(each for each in found if each.name.lower().startswith(name))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the functions that took the most time themselves, and what they were called for."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.profile", description=__doc__)
    parser.add_argument("scenario", choices=("validation", "message", "dlr"))
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--sort", choices=("tottime", "cumulative"), default="tottime")
    given = parser.parse_args(argv)
    wrk.require_wrk()
    with TemporaryDirectory(prefix="profile-") as folder:
        file = Path(folder) / "gateway.pstats"
        answers = profiled_load(given.scenario, given.seconds, file)
        print(f"{answers} answers under the profiler")
        pstats.Stats(str(file)).sort_stats(given.sort).print_stats(LINES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
