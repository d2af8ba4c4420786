"""What a message is called: the sum of its parts, as one table."""

from __future__ import annotations

import itertools

import pytest

from gateway.messaging.status import Status, summarise
from gateway.providers.base import DeliveryState


def fields(outcome: str = "", parts: int = 0, expected: int = 1, **states: str) -> dict[str, str]:
    """Return a record; ``p="4 delivered"`` is the state of part p."""
    known = {"outcome": outcome, "parts": str(parts or "")}
    return {
        "expected": str(expected),
        **{name: value for name, value in known.items() if value},
        **{f"p:{part}": state for part, state in states.items()},
    }


ENDS = ("delivered", "expired", "failed", "rejected")


@pytest.mark.parametrize(
    ("record", "delivery", "final", "parts"),
    [
        pytest.param(fields(), "unknown", False, 1, id="not answered yet"),
        pytest.param(fields(expected=3), "unknown", False, 3, id="of three parts"),
        pytest.param({}, "unknown", False, 1, id="nothing at all"),
        *(
            pytest.param(fields(outcome), delivery, final, 1, id=f"{outcome}, no part")
            for outcome, delivery, final in [
                ("accepted", "accepted", False),
                ("refused", "rejected", True),
                ("throttled", "failed", True),
                ("not_sent", "failed", True),
                ("unknown", "unknown", False),
            ]
        ),
        *(pytest.param(fields("accepted", 1, p=f"4 {end}"), end, True, 1, id=end) for end in ENDS),
        pytest.param(fields("accepted", 1, p="3 unknown"), "unknown", True, 1, id="unknown"),
        pytest.param(fields("accepted", 1, p="1 accepted"), "accepted", False, 1, id="accepted"),
        pytest.param(fields("accepted", 1, p="2 buffered"), "buffered", False, 1, id="buffered"),
        pytest.param(
            fields("accepted", 2, 1, p="4 delivered"),
            "accepted",
            False,
            2,
            id="the provider counts",
        ),
        pytest.param(
            fields("accepted", 1, 3, p="4 delivered"), "delivered", True, 1, id="… and not we"
        ),
        pytest.param(
            fields("unknown", 0, 1, p="4 delivered", q="1 accepted"),
            "accepted",
            False,
            2,
            id="more parts than expected",
        ),
        pytest.param(
            fields("accepted", 3, p="4 delivered", q="2 buffered", r="1 accepted"),
            "buffered",
            False,
            3,
            id="buffered before accepted",
        ),
        *(
            pytest.param(
                fields(
                    "accepted", 2, p=f"4 {worse}", q=f"{3 if better == 'unknown' else 4} {better}"
                ),
                worse,
                True,
                2,
                id=f"{worse} before {better}",
            )
            for worse, better in itertools.combinations(
                ("failed", "rejected", "expired", "unknown", "delivered"), 2
            )
        ),
    ],
)
def test_a_status_is_the_sum_of_the_parts(
    record: dict[str, str], delivery: str, final: bool, parts: int
) -> None:
    assert Status(DeliveryState(delivery), final, parts) == summarise(record)
