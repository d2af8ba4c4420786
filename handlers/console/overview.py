"""The first page of the console: how the gateway does, now and over the last hour or day."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from gateway.stats import ProviderHealth, Series
from gateway.tasks import DeviceState
from handlers.console import views
from handlers.console.base import ConsoleHandler, Page

# A phone that polls does so every few minutes; one that is silent for longer needs a look.
SILENT_MS = 15 * 60_000
LOW_BATTERY = 20
# Phones looked at for the line about all of them.
MOST_DEVICES = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot: a series of gateway.stats and what it is called."""

    series: str
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot. unit: '' for counts, ``s``, ``money``; total: whether its sums say something."""

    title: str
    lines: tuple[Line, ...]
    unit: str = ""
    total: bool = True

    @property
    def series(self) -> str:
        """The lines as the page's script reads them."""
        return "|".join(f"{line.series}={line.label}" for line in self.lines)


def _lines(prefix: str, *names: str) -> tuple[Line, ...]:
    return tuple(Line(f"{prefix}.{name}", name.replace("_", " ")) for name in names)


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
        "Spend, in each provider's currency",
        (Line("spend.nexmo", "Vonage"), Line("spend.flowroute", "Flowroute")),
        unit="money",
    ),
    Plot(
        "Limits hit",
        (
            Line("limits.message", "messages of an address"),
            Line("limits.receiver", "messages to a receiver"),
            Line("limits.validation", "validations"),
            Line("limits.console", "sign-ins"),
        ),
    ),
    Plot(
        "Time that providers take to answer",
        (
            Line("latency.nexmo.mean", "Vonage, mean"),
            Line("latency.nexmo.p95", "Vonage, 95 %"),
            Line("latency.flowroute.mean", "Flowroute, mean"),
            Line("latency.flowroute.p95", "Flowroute, 95 %"),
        ),
        unit="s",
        total=False,
    ),
    Plot(
        "Queues",
        (
            Line("queue.outbox", "directions with texts to send"),
            Line("queue.dead_letters", "dead letters"),
            Line("queue.smssync", "SMS that wait for phones"),
            Line("sessions.open", "open conversations"),
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
                if found.at or name == services.default_provider.partition(":")[0]
            ],
            "devices": devices,
            "outbox": counts.directions,
            "dead_letters": counts.dead_letters,
            "sums": _sums(hour),
        }

    async def _devices(self) -> dict[str, Any]:
        """Return how many phones there are, and the names of those that need a look."""
        names = sorted(self.services.phones.devices)
        states = await asyncio.gather(
            *(self.services.tasks.device_state(name) for name in names[:MOST_DEVICES])
        )
        now = time.time() * 1000
        silent = [name for name, each in zip(names, states, strict=False) if _silent(each, now)]
        low = [
            name
            for name, each in zip(names, states, strict=False)
            if each.battery is not None and each.battery < LOW_BATTERY
        ]
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
        self.reply({"start": series.start, "step": series.step, "values": values})


def _silent(state: DeviceState, now: float) -> bool:
    return now - state.last_seen > SILENT_MS


def _provider(name: str, health: ProviderHealth) -> dict[str, Any]:
    """Return how a provider does, in a word, and its numbers."""
    word = "no messages yet"
    if health.at:
        word = "ok" if health.outcome == "accepted" else f"last answer: {health.outcome}"
    tone = "plain" if not health.at else views.tone(health.outcome)
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
    inbound = [name for name in hour.values if name.startswith("inbound.")]
    return found | {"inbound": sum(hour.total(name) for name in inbound)}


ROUTES = [
    (r"/console/?", OverviewPage),
    (r"/console/series/?", SeriesHandler),
]
