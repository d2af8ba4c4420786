"""Prometheus series, every label combination created at start so that graphs begin at zero."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from conf import providers

_Family = TypeVar("_Family", Counter, Histogram)

PROVIDERS = providers.NAMES
provider_label = providers.label


# What the console plots: the sample, and what its series is called. Series of one name add up.
_PLOTTED = {
    "gateway_messages_total": "messages.{provider}.{outcome}",
    "gateway_deliveries_total": "deliveries.{provider}.{state}",
    "gateway_spend_total": "spend.{provider}",
    "gateway_limit_refusals_total": "limits.{limit}",
    "gateway_inbound_messages_total": "inbound.{result}",
    "gateway_provider_request_seconds_bucket": "latency.{provider}.le.{le}",
    "gateway_provider_request_seconds_sum": "latency.{provider}.sum",
}
# What no plot shows: the limits of what the gateway and its phones say, phones that tell no price.
_NOT_PLOTTED = frozenset(
    {
        "limits.lobby",
        "limits.smssync_reply",
        "limits.phone_secret",
        "limits.answers",
        "limits.link",
        "spend.smssync",
    }
)
# The layers that protection adds are one line of a plot.
_PROTECTION = (
    *("address", "network", "range", "calling_code"),
    *("endpoint", "site", "all", "rule", "new_country"),
)
_JOINED = {f"limits.{limit}": "limits.protection" for limit in _PROTECTION}
_families: list[Counter | Histogram] = []


def _children(family: _Family, *values: Iterable[str]) -> dict[tuple[str, ...], _Family]:
    """Return the children of ``family`` for every combination of label values."""
    _families.append(family)
    return {labels: family.labels(*labels) for labels in product(*values)}


def counted(
    name: str, documentation: str, **values: Iterable[str]
) -> dict[tuple[str, ...], Counter]:
    """Return the children of a counter; values: those of each label."""
    return _children(Counter(name, documentation, tuple(values)), *values.values())


MESSAGES = _children(
    Counter("gateway_messages", "Messages by what the provider did", ("provider", "outcome")),
    PROVIDERS,
    ("accepted", "refused", "throttled", "not_sent", "unknown"),
)
RETRIES = _children(
    Counter("gateway_message_retries", "Requests to send that were repeated", ("provider",)),
    PROVIDERS,
)
RECEIPTS = _children(
    Counter("gateway_receipts", "Delivery receipts by what they changed", ("provider", "result")),
    PROVIDERS,
    ("changed", "kept", "repeated", "foreign", "parked"),
)
DELIVERIES = _children(
    Counter(
        "gateway_deliveries",
        "Messages by the final state to which a receipt brought them; one whose unknown state"
        " gave way to another counts under both",
        ("provider", "state"),
    ),
    PROVIDERS,
    ("delivered", "expired", "failed", "rejected", "unknown"),
)
SPEND = _children(
    Counter(
        "gateway_spend",
        "Prices of SMS and calls that the provider has told, in its currency: EUR for nexmo,"
        " the others tell none",
        ("provider",),
    ),
    PROVIDERS,
)
# Those of the message endpoints; "rule": a rule of protection_file that limits a destination.
_LAYERS = ("message", "receiver", *_PROTECTION)
LIMITED = _children(
    Counter("gateway_limit_refusals", "Calls refused by a limit", ("limit",)),
    (
        *_LAYERS,
        "validation",
        "lobby",
        "smssync_reply",
        "phone_secret",
        "answers",
        "console",
        "link",
    ),
)
WATCHED = _children(
    Counter(
        "gateway_limits_watched",
        "Calls that were let through and that a limit would refuse if it were enforced",
        ("limit",),
    ),
    _LAYERS,
)
SAME_TEXTS = _children(
    Counter(
        "gateway_same_texts",
        "Calls for a text that the receiver got or was getting; by what was done: answered as the"
        " first one, or sent because protection only watches",
        ("result",),
    ),
    ("answered", "sent"),
)
VERDICTS = counted(
    "gateway_protection_verdicts",
    "Messages that a rule by destination lets through as exempt, limits or blocks, or would with"
    " protection=monitor",
    action=("allow", "limit", "block"),
    by=(
        *("exempt", "range", "country", "calling_code", "new_country", "kind", "everything"),
        "breaker",
    ),
)
PROOFS = counted(
    "gateway_proofs",
    "Proofs of work by what became of them; watched: one would have been asked for, if protection"
    " did more than watch; unanswered: the service that judges them did not",
    result="asked watched accepted wrong expired foreign replayed unanswered".split(),
)
LINKS = counted(
    "gateway_links_opened",
    "Short links that were opened, by what came of it: counted, repeated (counted before), preview"
    " (a program or in advance), unknown (an old link, or a guess)",
    result=("counted", "repeated", "preview", "unknown"),
)
BROKEN = Gauge(
    "gateway_breaker_stopped",
    "Ranges of numbers and countries whose links nobody opens, blocked or on trial",
    ("kind",),
)
for _kind in ("range", "country"):
    BROKEN.labels(_kind)
WEBHOOKS = _children(
    Counter("gateway_webhooks", "Webhook calls by how they were taken", ("result",)),
    ("accepted", "ignored", "unusable", "unreadable", "unauthenticated"),
)
ADMIN_REFUSALS = Counter("gateway_admin_refusals", "Requests with a wrong admin token")
_HELD = Gauge(
    "gateway_provider_held",
    "1 while a provider takes no texts of conversations: no credit, wrong key, not reached",
    ("provider",),
)
PROVIDERS_HELD = {(name,): _HELD.labels(name) for name in PROVIDERS}
OUTBOX_REPEATS = Counter(
    "gateway_outbox_repeats", "Texts sent again because their process died while it sent them"
)
BUDGET_REFUSALS = Counter(
    "gateway_budget_refusals", "What was not paid for, by the budget that was used up", ("scope",)
)
BUDGET_NOTICES = Counter(
    "gateway_budget_dropped_notices", "Notices that were dropped as a budget was used up"
)
BUDGET_SPENT = Gauge(
    "gateway_budget_spent", "Money spent and reserved in this day or month", ("scope", "period")
)
BUDGET_USED = Gauge(
    "gateway_budget_used_ratio",
    "Which part of a budget that is, 0 without a limit",
    ("scope", "period"),
)
RESPONSES = _children(
    Counter("gateway_http_responses", "HTTP answers by class of status", ("status",)),
    ("2xx", "3xx", "4xx", "5xx"),
)
PROVIDER_SECONDS = _children(
    Histogram(
        "gateway_provider_request_seconds",
        "Time that a provider took to answer",
        ("provider",),
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
    ),
    PROVIDERS,
)
IN_FLIGHT = Gauge("gateway_requests_in_flight", "HTTP requests being answered")


def exposition() -> bytes:
    """Return all series in the Prometheus text format."""
    return generate_latest()


def totals() -> dict[str, float]:
    """Return what this process has counted since its start, by the names of the console's series.

    ``latency.<provider>.le.<seconds>`` counts the answers that took no longer, in rising order.
    """
    found: dict[str, float] = {}
    for family in _families:
        for metric in family.collect():
            for sample in metric.samples:
                if template := _PLOTTED.get(sample.name):
                    name = template.format_map(sample.labels)
                    name = _JOINED.get(name, name)
                    if name not in _NOT_PLOTTED:
                        found[name] = found.get(name, 0.0) + sample.value
    return found
