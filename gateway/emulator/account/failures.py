"""Failures that a test orders for the next requests to the APIs."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from gateway.emulator import checks
from gateway.errors import BadRequest

NAMES = ("timeout", "close", "html", "empty", "429", "partial")
MAX_ORDERS = 1000
MAX_COUNT = 1_000_000
MAX_SECONDS = 3600
DEFAULT_TIMEOUT_SECONDS = 60.0

_STATUS = re.compile(r"status:([1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request is to fail.

    seconds: waited before the answer (or before hanging up); http_status: of ``html`` and
    ``empty``; accepted: it is carried out all the same, only its sender does not learn it;
    path: only requests to it fail ('' = any API); after: as many of them are answered before.
    """

    name: str
    seconds: float = 0.0
    http_status: int = 200
    accepted: bool = False
    path: str = ""
    after: int = 0

    @property
    def status(self) -> str:
        """The N of ``status:N``, else ''."""
        return self.name.partition(":")[2]

    @property
    def fits_http(self) -> bool:
        """Whether an API that refuses by HTTP status can fail so: an N is one, and not partly."""
        return self.name != "partial" and int(self.status or 400) >= 400


@dataclass(slots=True, eq=False)
class _Order:
    failure: Failure
    count: int
    after: int


class FailureQueue:
    """Ordered failures, first come first served."""

    def __init__(self) -> None:
        self._orders: deque[_Order] = deque()

    def order(self, failure: Failure, count: int) -> None:
        """Let the next ``count`` requests fail; raises BadRequest when too many orders wait."""
        if len(self._orders) >= MAX_ORDERS:
            raise BadRequest(f"failure: {MAX_ORDERS} orders are waiting already", field="failure")
        self._orders.append(_Order(failure, count, failure.after))

    def take(self, path: str) -> Failure | None:
        """Return the failure of a request to the SMS API that has just come, if one is ordered."""
        found = self._first(path)
        return None if found is None or found.failure.name == "partial" else self._use(found)

    def take_http(self, path: str) -> Failure | None:
        """Return the first ordered failure that fits an API of HTTP statuses; others stay."""
        for order in self._matching(path):
            if order.failure.fits_http:
                return self._use(order)
        return None

    def take_partial(self, path: str) -> bool:
        """Tell whether a message of several parts is to be accepted in part only."""
        found = self._first(path)
        if found is None or found.failure.name != "partial":
            return False
        return self._use(found) is not None

    def clear(self) -> None:
        """Cancel every order."""
        self._orders.clear()

    def _matching(self, path: str) -> Iterator[_Order]:
        bare = path.rstrip("/")
        return (order for order in self._orders if order.failure.path in {"", bare})

    def _first(self, path: str) -> _Order | None:
        return next(self._matching(path), None)

    def _use(self, order: _Order) -> Failure | None:
        if order.after:
            order.after -= 1
            return None
        order.count -= 1
        if not order.count:
            self._orders.remove(order)
        return order.failure


def parse_order(body: Mapping[str, object]) -> tuple[Failure, int]:
    """Return the failure and the number of requests that a JSON order means.

    Raises BadRequest naming the key that is unknown, absent or wrong.
    """
    given = checks.checked({"failure": None, **body}, _CHECKS, "key")
    values = {"name": given.pop("failure"), **given}
    count = cast(int, values.pop("count", 1))
    defaults = _DEFAULTS.get(str(values["name"]), {})
    return Failure(**cast(dict[str, Any], {**defaults, **values})), count


def _name(value: object) -> str:
    if isinstance(value, str) and (value in NAMES or _STATUS.fullmatch(value)):
        return value
    raise ValueError(f"must be status:N or one of {', '.join(NAMES)}")


def _path(value: object) -> str:
    if not isinstance(value, str) or (value and not value.startswith("/")):
        raise ValueError("must begin with a slash")
    return value.rstrip("/")


_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "timeout": {"seconds": DEFAULT_TIMEOUT_SECONDS},
    "html": {"http_status": 502},
}
_CHECKS: Mapping[str, checks.Check] = {
    "failure": _name,
    "count": checks.whole(1, MAX_COUNT),
    "seconds": checks.real(MAX_SECONDS),
    "http_status": checks.whole(200, 599),
    "accepted": checks.flag,
    "path": _path,
    "after": checks.whole(0, MAX_COUNT),
}
