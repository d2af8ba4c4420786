"""The order of the tests: dear files first, or mixed up, with no test left out."""

from __future__ import annotations

import pytest

from tests.support.order import DEAREST, dearest_first, shuffled


def test_every_file_that_is_begun_first_exists() -> None:
    assert [] == [file for file in DEAREST if not file.is_file()]


def test_dear_files_come_first_and_the_rest_stays_in_its_order(
    request: pytest.FixtureRequest,
) -> None:
    items = dearest_first(request.session.items)
    dear = [item for item in items if item.path in DEAREST]
    others = [item for item in request.session.items if item.path not in DEAREST]
    assert [*dear, *others] == items


def test_a_seed_means_one_order_of_all_tests(request: pytest.FixtureRequest) -> None:
    items = request.session.items
    assert shuffled(items, "1") == shuffled(items, "1")
    assert set(items) == set(shuffled(items, "1"))
