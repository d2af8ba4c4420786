"""What the page of limits tells about those of protection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from conf.messages import MessageEndpoint
from conf.protection import Mode
from gateway.access.limiter import Look
from gateway.protection.limits.admission import Layer
from gateway.protection.limits.layers import OF_CALLER, EndpointLayer, Layers
from handlers.console.formatting import span

# What each counts; behind a dash stands its window, behind a colon an endpoint and behind an @ a
# shop with a count of its own.
CLASSES = {
    "address": "messages that an address asks for",
    "network": "messages that an IPv6 /48 asks for",
    "range": "messages to numbers of one range",
    "calling_code": "messages to a calling code",
    "endpoint": "messages of an endpoint",
    "site": "messages for a shop",
    "all": "messages of all endpoints",
}


@dataclass(frozen=True, slots=True)
class Further:
    """What a request meets in a limit of protection; by_caller: it counts whoever calls."""

    what: str
    subject: str
    look: Look
    enforced: bool
    by_caller: bool

    @property
    def wait(self) -> int:
        """Seconds for which it refuses the request."""
        return self.look.wait if self.enforced else 0


def what(limit_class: str) -> str:
    """Return in words what a class of limits counts; one that is not known keeps its name."""
    counted, _, where = limit_class.partition(":")
    kind, _, window = counted.partition("-")
    endpoint, _, site = where.partition("@")
    words, seconds = CLASSES.get(kind, kind), window.partition("-")[0]
    words += f" in {span(int(seconds))}" if seconds.isdecimal() else ""
    words += f" at {endpoint}" if endpoint else ""
    return f"{words} for {site}" if site else words


def of(layers: Iterable[Layer], looks: Mapping[str, Look]) -> list[Further]:
    """Return what a request meets in those layers whose classes ``looks`` has."""
    return [
        Further(
            what(each.limit_class),
            each.subject,
            looks[each.limit_class],
            each.mode is Mode.ENFORCE,
            each.limit_class.partition("-")[0] in OF_CALLER,
        )
        for each in layers
        if each.limit_class in looks
    ]


def table(layers: Layers, endpoints: Iterable[MessageEndpoint]) -> list[tuple[str, EndpointLayer]]:
    """Return the limits of protection in words, those that endpoints share once."""
    found = {
        each.limit_class: each
        for endpoint in endpoints
        for each in (*layers.of(endpoint).of_caller, *layers.of(endpoint).of_message)
        if not each.contract
    }
    return [(what(name), each) for name, each in found.items()]
