"""The first page of the console: how the gateway does, now and over the last hour or day."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from conf.providers import label
from gateway.monitoring.stats import ProviderHealth
from gateway.monitoring.time_series import Series
from handlers.console import formatting
from handlers.console.base import ConsoleHandler
from handlers.console.page import Page

# Phones looked at for the line about all of them.
MOST_DEVICES = 200


# What comes in beside whole texts: parts of long ones, repeats, what is no text for us.
NO_TEXTS = frozenset({"inbound.part", "inbound.repeated", "inbound.ignored"})


@dataclass(frozen=True, slots=True)
class PlotLine:
    """One line of a plot: a series of gateway.monitoring.stats and what it is called."""

    series: str
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot. unit: '' for counts, ``s``, ``money``; total: whether its sums say something."""

    title: str
    lines: tuple[PlotLine, ...]
    unit: str = ""
    total: bool = True

    @property
    def series(self) -> str:
        """The lines as the page's script reads them."""
        return "|".join(f"{line.series}={line.label}" for line in self.lines)


def _lines(prefix: str, *names: str) -> tuple[PlotLine, ...]:
    return tuple(PlotLine(f"{prefix}.{name}", name.replace("_", " ")) for name in names)


PLOTS = (
    Plot(
        "Messages by outcome",
        _lines("messages", "accepted", "refused", "throttled", "unknown", "not_sent"),
    ),
    Plot(
        "Delivery",
        _lines("deliveries", "delivered", "failed", "rejected", "expired", "unknown"),
    ),
    Plot(
        # Vonage alone tells prices.
        "Spend, EUR",
        (PlotLine("spend.nexmo", "Vonage"),),
        unit="money",
    ),
    Plot(
        "Limits hit",
        (
            PlotLine("limits.message", "messages of an address"),
            PlotLine("limits.receiver", "messages to a receiver"),
            PlotLine("limits.protection", "further limits of messages"),
            PlotLine("limits.validation", "validations"),
            PlotLine("limits.console", "sign-ins"),
        ),
    ),
    Plot(
        "Time that providers take to answer",
        (
            PlotLine("latency.nexmo.mean", "Vonage, mean"),
            PlotLine("latency.nexmo.p95", "Vonage, 95 %"),
            PlotLine("latency.flowroute.mean", "Flowroute, mean"),
            PlotLine("latency.flowroute.p95", "Flowroute, 95 %"),
        ),
        unit="s",
        total=False,
    ),
    Plot(
        "Queues",
        (
            PlotLine("queue.outbox", "receivers with texts waiting"),
            PlotLine("queue.dead_letters", "dead letters"),
            PlotLine("queue.smssync", "SMS that wait for phones"),
            PlotLine("sessions.open", "open conversations"),
        ),
        total=False,
    ),
)


class OverviewPage(Page):
    """``/console/``: plots, and what is live: health and the numbers of the last hour."""

    template = "overview.html"
    live = "overview_live.html"
    every = 5.0

    async def data(self, *args: str) -> dict[str, Any]:
        """Return health and sums; a store that does not answer is the page's own error."""
        services = self.services
        hour, counts, devices = await asyncio.gather(
            services.stats.hour(), services.outbox.counts(), self._devices()
        )
        health = await services.stats.health(hour)
        return {
            "span": "day" if self.get_query_argument("span", "") == "day" else "hour",
            "plots": PLOTS,
            "providers": [
                _provider(name, found)
                for name, found in health.items()
                if found.at or name == label(services.default_provider)
            ],
            "devices": devices,
            "outbox": counts.directions,
            "dead_letters": counts.dead_letters,
            "unknown": counts.unknown,
            "sums": _sums(hour),
        }

    async def _devices(self) -> dict[str, Any]:
        """Return how many phones there are, and the names of those that need a look."""
        devices = self.services.devices
        names = sorted(devices.by_name)
        states = await asyncio.gather(*map(devices.state, names[:MOST_DEVICES]))
        now = time.time() * 1000
        known = list(zip(names, states, strict=False))
        silent = [name for name, each in known if each.is_silent(now)]
        low = [name for name, each in known if each.battery_low]
        return {"total": len(names), "silent": silent, "low": low}


class SeriesHandler(ConsoleHandler):
    """``GET /console/series?span=hour|day``: what the plots show, as JSON."""

    async def get(self) -> None:
        """Answer start and step (Unix seconds) and the values by series."""
        stats = self.services.stats
        day = self.get_query_argument("span", "") == "day"
        series = await (stats.day() if day else stats.hour())
        wanted = {line.series for plot in PLOTS for line in plot.lines}
        values = {name: row for name, row in series.values.items() if name in wanted}
        self.set_header("X-Content-Type-Options", "nosniff")
        self.reply({"start": series.start, "step": series.step, "values": values})


def _provider(name: str, health: ProviderHealth) -> dict[str, Any]:
    """Return how a provider does, in a word, and its numbers."""
    word = "no messages yet"
    if health.at:
        word = "ok" if health.outcome == "accepted" else f"last answer: {health.outcome}"
    tone = "plain" if not health.at else formatting.tone(health.outcome)
    return {
        "name": name,
        "word": word,
        "tone": tone,
        "at": health.at,
        "total": health.total,
        "failed": health.failed,
    }


def _sums(hour: Series) -> dict[str, float]:
    """Return the sums of the last hour that stand in large figures."""
    names = [line.series for plot in PLOTS if plot.total for line in plot.lines]
    found = {name: round(hour.total(name), 4) for name in names if name in hour.values}
    inbound = {name for name in hour.values if name.startswith("inbound.")} - NO_TEXTS
    return found | {"inbound": sum(hour.total(name) for name in inbound)}


ROUTES = [
    (r"/console/?", OverviewPage),
    (r"/console/series/?", SeriesHandler),
]
