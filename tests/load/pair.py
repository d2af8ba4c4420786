"""What a message costs before and after a change, measured in turns: ``--help``.

Both gateways run at the same time, each with a store and an emulator of its own, and are loaded
one after the other, in another order each round; a ratio is taken within its round, so that what
slows the whole machine down for a while cancels out. The new one counts every message by all
limits and by the budget, none of which is ever reached.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from conf.protection import DEFAULT_LIMITS
from tests.load import wrk
from tests.load.bench import Measurement, measure
from tests.load.scenarios import scenarios
from tests.load.site import Site, site
from tests.support import ROOT

NEVER = 100_000_000
CONNECTIONS = 32
SCENARIO = "message"
PARTS = ("gateway", "valkey")


def protected(folder: Path) -> tuple[str, ...]:
    """Return the options of a gateway with all of its protection, which refuses nothing."""
    limits = (
        f'[[limit]]\nby = "{each.by}"\namount = {NEVER}\nwindow = {each.window}\n'
        for each in DEFAULT_LIMITS
    )
    file = folder / "protection.toml"
    file.write_text("\n".join((*limits, f"[[new_country]]\namount = {NEVER}\n")))
    money = (f"--budget_day={NEVER}", f"--budget_month={NEVER}")
    return "--protection=on", f"--protection_file={file}", "--same_text_seconds=0", *money


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Have a commit in a folder of its own."""
    with TemporaryDirectory(prefix="pair-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*command: str) -> None:
    subprocess.run(["git", *command], cwd=ROOT, check=True)


def run(old: str, *, protect_old: bool, rounds: int, seconds: int) -> list[list[Measurement]]:
    """Return the measurements of each round, that of the old one first."""
    with ExitStack() as stack:
        tree = stack.enter_context(checked_out(old))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pair-")))
        options = protected(folder)
        sites = [
            stack.enter_context(site((str(tree / "app.py"),), options if protect_old else ())),
            stack.enter_context(site(options=options)),
        ]
        return [_round(sites, number, seconds) for number in range(rounds)]


def _round(sites: Sequence[Site], number: int, seconds: int) -> list[Measurement]:
    found = {}
    for which in (0, 1) if number % 2 else (1, 0):
        every = scenarios(sites[which], CONNECTIONS)
        scenario = next(each for each in every if each.name == SCENARIO)
        found[which] = measure(sites[which], scenario, seconds, CONNECTIONS)
        cpu = found[which].cpu["gateway"]
        name = ("old", "new")[which]
        print(f"round {number + 1}: {name} {cpu:.0f} µs {found[which].problem}", file=sys.stderr)
    return [found[0], found[1]]


def table(rounds: Sequence[Sequence[Measurement]]) -> str:
    """Return medians of processor time a message, and the ratios with their range."""
    lines = ["| process | old, µs | new, µs | new ÷ old |", "| --- | --- | --- | --- |"]
    for part in PARTS:
        old, new = ([each[which].cpu[part] for each in rounds] for which in (0, 1))
        ratios = [after / before for before, after in zip(old, new, strict=True)]
        spread = f"**{median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})"
        lines.append(f"| {part} | {median(old):.0f} | {median(new):.0f} | {spread} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 1 when an answer was wrong, whatever the speed."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.pair", description=__doc__)
    parser.add_argument("old", help="the commit before; after is what is here")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=5, help="of each load (default 5)")
    parser.add_argument(
        "--protect-old", action="store_true", help="it knows the options of protection, too"
    )
    given = parser.parse_args(argv)
    wrk.require_wrk()
    found = run(
        given.old, protect_old=given.protect_old, rounds=given.rounds, seconds=given.seconds
    )
    print(table(found), end="\n\n")
    problems = [each.problem for pair in found for each in pair if each.problem]
    print("\n".join(problems) or "All answers were right, and as many as were counted inside.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
