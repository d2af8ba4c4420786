"""Other rules, limits and budgets, played over the messages of the last days."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import repeat
from pathlib import Path
from typing import Any, ClassVar

import conf
from gateway.errors import BadRequest
from gateway.protection.destinations.rule_checks import unknown_endpoints
from gateway.protection.rehearsal.rehearsals import Bounds
from gateway.protection.rehearsal.report import listed, remarks, sections
from gateway.protection.rehearsal.terms import Terms
from gateway.protection.spending.budget import words
from gateway.protection.spending.money import millionths
from gateway.telephony.phonenumber import mask
from handlers.console.page import Question

BOUNDS = Bounds(messages=20_000, seconds=5.0)
LONGEST = 40_000
TEXT = "the text"
MOST = Decimal(1_000_000)
EXAMPLE = Path(conf.__file__).parent / "examples" / "protection.toml"
# The shortest numbers, of small islands, have eight digits; what has fewer is a range.
_NUMBER = re.compile(r"\+[0-9]{8,15}\b")
_MASKED = re.compile(r"\+[0-9]+•+[0-9]{2}")


class RehearsalPage(Question):
    """``/console/rehearsal``; a POST plays what was typed, and changes nothing."""

    template = "rehearsal.html"
    labels: ClassVar[dict[str, str]] = {
        "written": "The protection file",
        "budget_day": "The budget of a day",
        "budget_month": "The budget of a month",
        "days": "Days",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return what is in force, to begin with."""
        rehearsals = self.services.rehearsals
        present, file = await asyncio.gather(rehearsals.present(), self._file())
        return {
            "written": _NUMBER.sub(lambda found: mask(found[0]), file),
            "file": rehearsals.file,
            "day": words(present.allowance.day),
            "month": words(present.allowance.month),
            "days": rehearsals.days,
            "most": BOUNDS,
            "problems": [],
            "report": None,
        }

    async def ask(self, *args: str) -> dict[str, Any]:
        """Return what comes of it, or what is wrong with the file; raises BadRequest."""
        rehearsals = self.services.rehearsals
        given = self.fields("written", "budget_day", "budget_month", "days")
        days = given.whole("days", 1, int(rehearsals.days)) or rehearsals.days
        present, file = await asyncio.gather(rehearsals.present(), self._file())
        allowance = replace(
            present.allowance,
            day=_amount("budget_day", given.text("budget_day", 20), present.allowance.day),
            month=_amount("budget_month", given.text("budget_month", 20), present.allowance.month),
        )
        written = _unmasked(given.text("written", LONGEST), file)
        protection, problems = rehearsals.read(TEXT, written)
        if problems:
            return {"problems": problems}
        tried = Terms(protection, present.limits, allowance, present.endpoints)
        report = await rehearsals.play(tried, present, days=days, bounds=BOUNDS)
        return {
            "report": report,
            "tables": sections(report),
            "customers": listed(report.tried),
            "remarks": [
                *unknown_endpoints(protection, present.endpoints, TEXT),
                *remarks(report),
            ],
        }

    async def _file(self) -> str:
        """Return the protection file, the one with the defaults where there is none."""
        file = Path(self.services.rehearsals.file or EXAMPLE)
        try:
            return await asyncio.to_thread(file.read_text, "utf-8")
        except (OSError, UnicodeDecodeError):
            return ""


def _unmasked(written: str, file: str) -> str:
    """Return a text with the numbers of the file that it was made of in full again.

    Of different ones that are masked alike each is the next; when one of them was taken out or
    added nobody knows which is which, and they stay as they are.
    """
    known: defaultdict[str, list[str]] = defaultdict(list)
    for each in _NUMBER.findall(file):
        known[mask(each)].append(each)
    typed = Counter(_MASKED.findall(written))
    meant: dict[str, Iterator[str]] = {}
    for masked, numbers in known.items():
        if len(set(numbers)) == 1:
            meant[masked] = repeat(numbers[0])
        elif len(numbers) == typed[masked]:
            meant[masked] = iter(numbers)
    return _MASKED.sub(
        lambda found: next(meant[found[0]]) if found[0] in meant else found[0], written
    )


def _amount(name: str, written: str, present: int) -> int:
    """Return an amount in millionths, what is in force when nothing is typed; 0 = any amount."""
    if not written.strip():
        return present
    try:
        amount = Decimal(written.strip().replace(",", "."))
    except InvalidOperation:
        raise BadRequest(f"{name}: a number, such as 50 or 12.50") from None
    if not amount.is_finite() or not 0 <= amount <= MOST:
        raise BadRequest(f"{name}: from 0, which is any amount, to {MOST:f}")
    return millionths(amount)


ROUTES = [(r"/console/rehearsal/?", RehearsalPage)]
