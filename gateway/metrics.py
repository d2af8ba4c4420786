"""Prometheus series, every label combination created at start so that graphs begin at zero."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from prometheus_client import Counter, Gauge, Histogram, generate_latest

PROVIDERS = ("nexmo", "flowroute", "smssync")


def provider_label(name: str) -> str:
    """Return the label of a provider: all phones of SMSsync share one."""
    return name.partition(":")[0]


def _children(counter: Counter, *values: Iterable[str]) -> dict[tuple[str, ...], Counter]:
    """Return the children of ``counter`` for every combination of label values."""
    return {labels: counter.labels(*labels) for labels in product(*values)}


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
LIMITED = _children(
    Counter("gateway_limit_refusals", "Calls refused by a limit", ("limit",)),
    ("message", "receiver", "validation", "lobby", "smssync_reply"),
)
WEBHOOKS = _children(
    Counter("gateway_webhooks", "Webhook calls by how they were taken", ("result",)),
    ("accepted", "ignored", "unauthenticated"),
)
MOS = _children(
    Counter("gateway_inbound_messages", "MOs by what became of them", ("provider", "result")),
    PROVIDERS,
    (
        *("relayed", "suppressed", "paused", "repeated", "part", "kept", "stopped", "started"),
        *("told", "ended", "ignored", "answered", "waiting", "paired"),
    ),
)
CALLS = _children(
    Counter("gateway_calls", "Calls on virtual numbers by how they were answered", ("result",)),
    ("connect", "pin", "refused", "suppressed", "busy", "fallback"),
)
OUTBOX_REPEATS = Counter(
    "gateway_outbox_repeats", "Texts sent again because their process died while it sent them"
)
RESPONSES = _children(
    Counter("gateway_http_responses", "HTTP answers by class of status", ("status",)),
    ("2xx", "3xx", "4xx", "5xx"),
)
PROVIDER_SECONDS = Histogram(
    "gateway_provider_request_seconds",
    "Time that a provider took to answer",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
IN_FLIGHT = Gauge("gateway_requests_in_flight", "HTTP requests being answered")


def exposition() -> bytes:
    """Return all series in the Prometheus text format."""
    return generate_latest()
