"""The pool of virtual numbers: looked at, added to, taken from, and whether it is large enough."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.virtual_numbers.forecast import Need
from handlers.admin.virtual_numbers import FIELDS, read_number
from handlers.console.base import path
from handlers.console.formatting import count
from handlers.console.page import Action, page_or_first

ROWS = 50


@dataclass(frozen=True, slots=True)
class CountryOutlook:
    """A country's need with what it means in words; tone: see formatting.TONES."""

    need: Need
    tone: str
    words: str


class NumbersPage(Action):
    """``/console/numbers``: the pool; its form adds a number."""

    template = "numbers.html"
    done_words: ClassVar[dict[str, str]] = {
        "added": "The number is in the pool.",
        "removed": "The number is out of the pool.",
        "out": "The number is left out of new sessions; those that it has go on.",
        "in": "New sessions may use the number again.",
    }

    labels: ClassVar[dict[str, str]] = {
        "value": "Number",
        "provider": "Provider",
        "capabilities": "Can",
        "country": "Country",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return a page of the pool, and the forecast."""
        services, after = self.services, self.get_query_argument("after", "")
        pool, needs = await asyncio.gather(
            page_or_first(services.pool.page, ROWS, after),
            services.forecast.needs(),
        )
        tone, words = summary(needs)
        return {
            "pool": pool,
            "forecast": forecast(needs),
            "summary_tone": tone,
            "summary": words,
            "providers": services.pool_providers,
            "default_provider": services.default_provider,
        }

    async def perform(self, *args: str) -> str:
        """Add a number."""
        await self.services.pool.add(read_number(self.services, self.fields(*FIELDS)))
        return path("numbers", done="added")


class RemoveNumber(NumbersPage):
    """``POST /console/numbers/<value>/remove``."""

    async def perform(self, *args: str) -> str:
        """Take a number out of the pool; refused while a session uses it."""
        await self.services.pool.remove(self.fields(value=args[0]).number("value").e164)
        return path("numbers", done="removed")


class NumberHealth(NumbersPage):
    """``POST /console/numbers/<value>/health``: ``healthy`` true or false."""

    async def perform(self, *args: str) -> str:
        """Leave a number out of new sessions, or take it in again."""
        given = self.fields("healthy", value=args[0])
        e164, healthy = given.number("value").e164, given.flag("healthy")
        await self.services.pool.set_health(e164, healthy)
        return path("numbers", done="in" if healthy else "out")


def forecast(needs: Sequence[Need]) -> list[CountryOutlook]:
    """Return what each country's need means."""
    served = _is_served(needs)
    return [CountryOutlook(need, *_words(need, served)) for need in needs]


def summary(needs: Sequence[Need]) -> tuple[str, str]:
    """Return the tone and the sentence that answer how many numbers are needed."""
    if not any(each.peak for each in needs):
        return "plain", "There were no sessions within 30 days, so nothing can be told yet."
    lacking = [(_missing(each), each.country or "other") for each in needs if _missing(each)]
    if not lacking:
        return "good", "Enough numbers for every country."
    total = sum(missing for missing, _ in lacking)
    listed = ", ".join(f"{missing} {country}" for missing, country in lacking)
    if _is_served(needs):
        then = "until then some participants have numbers of another country"
        return "odd", f"{count(total, 'more number')} needed ({listed}); {then}."
    return "bad", f"{count(total, 'more number')} needed ({listed}): sessions are refused."


def _words(need: Need, served: bool) -> tuple[str, str]:
    """Return tone and words for one country; served: see ``_is_served``."""
    if not need.peak:
        return "plain", f"enough – {count(need.pool, 'number')}, no sessions so far"
    most = f"at most {count(need.peak, 'session')} of one person at a time"
    known = f"{count(need.pool, 'number')}, {most}"
    missing = _missing(need)
    if missing:
        return "odd" if served else "bad", f"{count(missing, 'more number')} needed – {known}"
    return "good", f"{'enough' if need.pool > need.peak else 'just enough'} – {known}"


def _missing(need: Need) -> int:
    return max(need.peak - need.pool, 0)


def _is_served(needs: Sequence[Need]) -> bool:
    """Tell whether all numbers together suffice for whoever has the most sessions."""
    return max((each.peak for each in needs), default=0) <= sum(each.pool for each in needs)


ROUTES = [
    (r"/console/numbers/?", NumbersPage),
    (r"/console/numbers/([^/]+)/remove/?", RemoveNumber),
    (r"/console/numbers/([^/]+)/health/?", NumberHealth),
]
