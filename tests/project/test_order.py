"""The order of the tests, with none left out, and what a worker tells of each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.order import DEAREST, dearest_first, shuffled
from tests.support.workers import terse


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


def report(when: str, outcome: str, *sections: str) -> dict[str, Any]:
    return {"when": when, "outcome": outcome, "sections": [*sections]}


def test_a_worker_tells_once_of_a_test_that_passes_and_all_of_one_that_does_not() -> None:
    told: list[Any] = []
    tell = terse(lambda name, data=None, **_: told.append((name, data)))
    said = ("setup", "passed", "what it has printed")
    for event in (
        *(report(when, "passed") for when in ("setup", "call", "teardown")),
        *(report("setup", "failed"), report("call", "failed"), report("teardown", "failed")),
        *(report("setup", "skipped"), report(*said)),
    ):
        tell("logstart", nodeid="a")
        tell("testreport", data=event)
        tell("logfinish", nodeid="a")
    tell("runtest_protocol_complete", item_index=1)
    *reports, (last, _) = told
    assert {"testreport"} == {name for name, _ in reports}
    assert [
        *(("call", "passed"), ("setup", "failed"), ("call", "failed"), ("teardown", "failed")),
        *(("setup", "skipped"), ("setup", "passed")),
    ] == [(data["when"], data["outcome"]) for _, data in reports]
    assert "runtest_protocol_complete" == last
