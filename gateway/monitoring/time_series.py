"""The values of the console's time series, as they are read from what is stored."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.monitoring.metrics import PROVIDERS

Values = list[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """Values by the name of their series, one for each bucket of ``step`` seconds.

    start: when the first bucket begins, Unix seconds; the last one is not over yet. A counter
    without data is 0, a gauge or a latency (seconds) None. Names: ``messages.<outcome>`` and
    ``messages.<provider>.<outcome>``, ``deliveries.<state>`` and ``deliveries.<provider>.<state>``,
    ``spend.<provider>`` in the provider's currency, ``limits.<limit>``, ``inbound.<result>``,
    ``latency.<provider>.mean`` and ``.p95``, and those of stats.GAUGES, the most that there was in
    the bucket.
    """

    start: int
    step: int
    values: dict[str, Values]

    def total(self, name: str) -> float:
        """Return the sum of a counter's series."""
        return sum(filter(None, self.values[name]))


def read(
    buckets: Sequence[str], counters: Iterable[str], gauges: Iterable[str]
) -> dict[str, Values]:
    """Return the values of the series in buckets, ``<series> <value> …`` each.

    counters, gauges: the names of those that are stored; others, of another release, are left out.
    """
    rows: dict[str, Values] = {name: [0.0] * len(buckets) for name in counters}
    rows |= {name: [None] * len(buckets) for name in gauges}
    for index, bucket in enumerate(buckets):
        words = bucket.split()
        for name, value in zip(words[::2], words[1::2], strict=True):
            if name in rows:
                rows[name][index] = float(value)
    return _values(rows)


def _values(rows: dict[str, Values]) -> dict[str, Values]:
    """Return what is shown of the series as they are stored."""
    shown = {name: row for name, row in rows.items() if not name.startswith("latency.")}
    for kind in ("messages", "deliveries"):
        for name in [each for each in rows if each.startswith(f"{kind}.")]:
            total = f"{kind}.{name.rpartition('.')[2]}"
            both = zip(shown.get(total, [0.0] * len(rows[name])), rows[name], strict=True)
            shown[total] = [(one or 0.0) + (other or 0.0) for one, other in both]
    for provider in PROVIDERS:
        shown |= _latency(provider, rows)
    return shown


def _latency(provider: str, rows: Mapping[str, Values]) -> dict[str, Values]:
    """Return mean and 95th percentile of a provider's seconds in each bucket."""
    prefix = f"latency.{provider}.le."
    counted = {name.removeprefix(prefix): rows[name] for name in rows if name.startswith(prefix)}
    if not counted:
        return {}
    bounds = [float(each) for each in counted]
    sums = rows[f"latency.{provider}.sum"]
    means: Values = []
    highs: Values = []
    for seconds, *cumulated in zip(sums, *counted.values(), strict=True):
        counts = [each or 0.0 for each in cumulated]
        means.append(round((seconds or 0.0) / counts[-1], 6) if counts[-1] else None)
        highs.append(quantile(0.95, bounds, counts))
    return {f"latency.{provider}.mean": means, f"latency.{provider}.p95": highs}


def quantile(share: float, bounds: Sequence[float], counts: Sequence[float]) -> float | None:
    """Return below which value ``share`` of all lie, None when there is none.

    counts: of the values up to each of ``bounds``, the last of which is infinite. Within its bucket
    a value is guessed on a straight line; beyond the last finite bound that bound is returned.
    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    if not counts or not counts[-1]:
        return None
    rank = share * counts[-1]
    index = bisect_left(counts, rank)
    lower, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    if math.isinf(bounds[index]):
        return lower
    return round(lower + (bounds[index] - lower) * (rank - below) / (counts[index] - below), 6)
