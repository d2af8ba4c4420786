"""Play other rules, limits and budgets over the messages of the last days: what would they refuse?

``python -m gateway.protection rehearse --help`` tells how. It reads the store and changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from conf.checks import link_problems
from conf.loading import Loaded, load
from conf.protection import Protection
from conf.reading import read_flags
from conf.settings import OPTIONS
from gateway.errors import StoreUnavailable
from gateway.messaging.history import History
from gateway.messaging.receipts import Receipts
from gateway.monitoring.stats import Stats
from gateway.protection.destinations.rule_checks import unknown_endpoints
from gateway.protection.rehearsal.printed import printed
from gateway.protection.rehearsal.rehearsals import Rehearsals
from gateway.protection.rehearsal.report import Report, as_json
from gateway.protection.rehearsal.terms import Terms, read_tried
from gateway.protection.spending.money import Allowance
from wiring import from_settings, protecting
from wiring.development import CannotStart, shared_store

ROOT = Path(__file__).resolve().parents[2]
MOST_DAYS = 3650
SAID_EVERY = 50_000
# Given as flags these are tried; what is in force of them stands in the environment.
TRIED = (
    *("budget_day", "budget_month"),
    *("limit_amount", "limit_expires", "receiver_limit_amount", "receiver_limit_expires"),
)
HELP = """
Plays a protection file over the messages of the last days, with protection=on: which of them it
would have refused, what that would have saved, and which real customers it would have hit, beside
what is in force. Numbers are masked. Nothing is changed.

  FILE                       the protection file to try
  --days=N                   so many days back (all that message_log_days keeps)
  --budget_day, --budget_month, --limit_amount, --limit_expires, --receiver_limit_amount,
  --receiver_limit_expires   what to try in place of what is in force
  --json                     for machines
  --name=value               further options of the gateway, such as --redis_url; they are read
                             like the gateway's own, from the environment, too

Exit status: 0; 2 when the file or an option is wrong, a line each; 1 without the store.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for.

    present: as the gateway is configured; tried: as it would be, by these flags of the gateway's
    options, too; days: None = all.
    """

    file: Protection
    present: Loaded
    tried: Loaded
    flags: frozenset[str]
    days: float | None
    json: bool


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Print the report; return the exit status."""
    wants_help = bool({"-h", "--help"} & set(argv))
    if wants_help or argv[:1] != ["rehearse"]:
        print(f"usage: python -m gateway.protection rehearse FILE [options]\n{HELP}")
        return 0 if wants_help else 2
    asked = read(argv[1:], environ)
    try:
        report = asyncio.run(rehearsed(asked))
    except (StoreUnavailable, CannotStart) as error:
        why = str(error) if isinstance(error, CannotStart) else "the store does not answer"
        print(why, file=sys.stderr)
        return 1
    print(json.dumps(as_json(report), indent=2) if asked.json else printed(report))
    return 0


def read(argv: Sequence[str], environ: Mapping[str, str]) -> Asked:
    """Return what is asked for; exits with status 2 when something is wrong."""
    parser = argparse.ArgumentParser("rehearse", allow_abbrev=False, add_help=False)
    parser.add_argument("--days", nargs="?", const="")
    parser.add_argument("--json", action="store_true")
    own, further = parser.parse_known_args(argv)
    if not further or further[0].startswith("-"):
        _refuse(["FILE is missing: rehearse FILE [options]"])
    file, *options = further
    flags = read_flags(options, OPTIONS).texts
    tried, present = load(options, environ, ROOT), load(_in_force(flags), environ, ROOT)
    links = partial(link_problems, vars(tried.settings), frozenset(), tried.endpoints)
    protection, problems = read_tried(Path(file), links=links)
    days = _days(own.days)
    if own.days is not None and not days:
        problems.append(f"--days: must be a number above 0 and up to {MOST_DAYS}")
    problems += tried.problems
    problems += from_settings.problems(present.settings, present.protection)
    if problems:
        _refuse(problems)
    paths = [each.path for each in present.endpoints]
    for line in unknown_endpoints(protection, paths, protection.file):
        print(line, file=sys.stderr)
    return Asked(protection, present, tried, frozenset(flags), days, own.json)


def _days(written: str | None) -> float | None:
    """Return so many days, None for what is no such number."""
    try:
        days = float(written or "")
    except ValueError:
        return None
    return days if 0 < days <= MOST_DAYS else None


def _in_force(flags: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the flags without those that are tried."""
    given = ((name, text) for name, texts in flags.items() for text in texts)
    return [f"--{name}={text}" for name, text in given if name not in TRIED]


def _refuse(problems: Sequence[str]) -> NoReturn:
    print("\n".join(dict.fromkeys(problems)), file=sys.stderr)
    sys.exit(2)


async def rehearsed(asked: Asked) -> Report:
    """Return the report; raises StoreUnavailable."""
    loaded, settings = asked.present, asked.present.settings
    async with AsyncExitStack() as closing:
        if settings.development_mode and not loaded.redis_named:
            url = await shared_store(settings.data_dir, closing)
            settings = replace(settings, redis_url=url)
        store = from_settings.store(settings)
        closing.push_async_callback(store.close)
        history = History(
            store, Receipts(store, days=settings.message_log_days), days=settings.message_log_days
        )
        stats = Stats(store)
        budget = protecting.budget(
            *(settings, loaded.protection, loaded.endpoints, loaded.given), store=store, stats=stats
        )
        rehearsals = protecting.rehearsals(
            settings, loaded.protection, loaded.endpoints, history=history, budget=budget
        )
        return await _play(rehearsals, asked)


async def _play(rehearsals: Rehearsals, asked: Asked) -> Report:
    present = await rehearsals.present()
    allowance, settings = present.allowance, asked.tried.settings
    if "budget_day" in asked.flags:
        allowance = replace(allowance, day=Allowance.of(settings.budget_day, 0).day)
    if "budget_month" in asked.flags:
        allowance = replace(allowance, month=Allowance.of(0, settings.budget_month).month)
    limits = protecting.message_limits(settings)
    tried = Terms(asked.file, limits, allowance, present.endpoints)
    days = asked.days or rehearsals.days
    return await rehearsals.play(tried, present, days=days, progress=_Progress().say)


class _Progress:
    """Says on standard error how far a long log was read."""

    def __init__(self) -> None:
        self._next = SAID_EVERY

    def say(self, read: int) -> None:
        """Say so, now and then."""
        if read >= self._next:
            print(f"{read:,} messages read", file=sys.stderr)
            self._next += SAID_EVERY


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
