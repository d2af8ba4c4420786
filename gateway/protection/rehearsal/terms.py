"""Under what terms the past is played: those that are tried, or those in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conf.checks import unknown_sites
from conf.messages import MessageEndpoint
from conf.protection import Mode, Protection, Site, read_protection_file
from gateway.access.limiter import MessageLimits
from gateway.protection.destinations.rule_checks import rule_problems
from gateway.protection.spending.money import Allowance

# Tells what is wrong with the links in the texts of shops, a line each.
LinkProblems = Callable[[Sequence[Site]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Terms:
    """What lets messages through: rules and limits of ``protection``, and money.

    mode: of the option ``protection``; limits: the two of the contract; allowance: of everything
    together; endpoints: the message endpoints by their paths.
    """

    protection: Protection
    limits: MessageLimits
    allowance: Allowance
    endpoints: Mapping[str, MessageEndpoint]
    mode: Mode = Mode.ENFORCE

    def endpoint(self, path: str) -> MessageEndpoint:
        """Return an endpoint; one that is there no more had the limits of all."""
        return self.endpoints.get(path) or MessageEndpoint(path, "", "")


def by_path(endpoints: Iterable[MessageEndpoint]) -> dict[str, MessageEndpoint]:
    """Return endpoints by their paths."""
    return {each.path: each for each in endpoints}


def read_tried(
    file: Path, written: str | None = None, *, links: LinkProblems
) -> tuple[Protection, list[str]]:
    """Return the protection that is to be tried, and what is wrong with it as at a start.

    written: what the file would say, in place of what it says; links: tells what is wrong with
    the links in texts of shops.
    """
    protection, problems = read_protection_file(file, written)
    return protection, problems or [
        *unknown_sites(protection),
        *links(protection.sites),
        *(f"{protection.file}: {each}" for each in rule_problems(protection)),
    ]
