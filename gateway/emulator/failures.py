"""Failures that a test orders for the next requests to an API for sending."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from gateway.errors import BadRequest

NAMES = ("timeout", "close", "html", "empty", "429", "partial")
MAX_ORDERS = 1000
MAX_COUNT = 1_000_000
MAX_SECONDS = 3600
DEFAULT_TIMEOUT_SECONDS = 60.0

_STATUS = re.compile(r"status:([1-9][0-9]{0,2})")
_KEYS = frozenset({"failure", "count", "seconds", "http_status", "accepted"})


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request is to fail.

    seconds: waited before the answer (or before hanging up); http_status: of ``html`` and
    ``empty``; accepted: the message goes out all the same, only its sender does not learn it.
    """

    name: str
    seconds: float = 0.0
    http_status: int = 200
    accepted: bool = False

    @property
    def status(self) -> str:
        """The N of ``status:N``, else ''."""
        return self.name.partition(":")[2]

    @property
    def fits_http(self) -> bool:
        """Whether an API that refuses by HTTP status can fail so: an N is one, and not partly."""
        return self.name != "partial" and int(self.status or 400) >= 400


class FailureQueue:
    """Ordered failures, first come first served."""

    def __init__(self) -> None:
        self._orders: deque[tuple[Failure, int]] = deque()

    def order(self, failure: Failure, count: int) -> None:
        """Let the next ``count`` requests fail; raises BadRequest when too many orders wait."""
        if len(self._orders) >= MAX_ORDERS:
            raise BadRequest(f"failure: {MAX_ORDERS} orders are waiting already", field="failure")
        self._orders.append((failure, count))

    def take(self) -> Failure | None:
        """Return the failure of a request to the SMS API that has just come, if one is ordered."""
        return None if self._next_is_partial() else self._pop()

    def take_http(self) -> Failure | None:
        """Return the first ordered failure that fits an API of HTTP statuses; others stay."""
        for index, (failure, count) in enumerate(self._orders):
            if failure.fits_http:
                if count > 1:
                    self._orders[index] = (failure, count - 1)
                else:
                    del self._orders[index]
                return failure
        return None

    def take_partial(self) -> bool:
        """Tell whether a message of several parts is to be accepted in part only."""
        return self._next_is_partial() and self._pop() is not None

    def clear(self) -> None:
        """Cancel every order."""
        self._orders.clear()

    def _next_is_partial(self) -> bool:
        return bool(self._orders) and self._orders[0][0].name == "partial"

    def _pop(self) -> Failure | None:
        if not self._orders:
            return None
        failure, count = self._orders.popleft()
        if count > 1:
            self._orders.appendleft((failure, count - 1))
        return failure


def parse_order(body: Mapping[str, object]) -> tuple[Failure, int]:
    """Return the failure and the number of requests that a JSON order means.

    Raises BadRequest naming the key that is unknown, absent or wrong.
    """
    for key in body:
        if key not in _KEYS:
            raise BadRequest(f"{key}: there is no such key", field=key)
    name = _name(body.get("failure"))
    failure = Failure(
        name=name,
        seconds=_number(body, "seconds", _default_seconds(name), 0, MAX_SECONDS),
        http_status=int(_number(body, "http_status", _default_http_status(name), 200, 599)),
        accepted=_flag(body, "accepted"),
    )
    return failure, int(_number(body, "count", 1, 1, MAX_COUNT))


def _name(value: object) -> str:
    if isinstance(value, str) and (value in NAMES or _STATUS.fullmatch(value)):
        return value
    raise BadRequest(
        f"failure: must be status:N or one of {', '.join(NAMES)}", field="failure"
    ) from None


def _default_seconds(name: str) -> float:
    return DEFAULT_TIMEOUT_SECONDS if name == "timeout" else 0.0


def _default_http_status(name: str) -> int:
    return 502 if name == "html" else 200


def _number(
    body: Mapping[str, object], key: str, default: float, lowest: float, highest: float
) -> float:
    value = body.get(key, default)
    whole = key != "seconds"
    right_type = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not right_type or not lowest <= cast(float, value) <= highest:
        kind = "whole number" if whole else "number"
        raise BadRequest(f"{key}: must be a {kind} from {lowest:g} to {highest:g}", field=key)
    return cast(float, value)


def _flag(body: Mapping[str, object], key: str) -> bool:
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise BadRequest(f"{key}: must be true or false", field=key)
    return value
