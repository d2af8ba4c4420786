"""Numbers of ranges that are not known here: a form takes them once a box is ticked."""

from __future__ import annotations

import pytest

from tests.support.scenes.console import Operator

NEW = "14715550121"
BOX = 'name="possible"'
FORMS = [
    pytest.param("/console/numbers", {"value": NEW}, "Number", id="pool"),
    pytest.param(
        "/console/conversations/new",
        {"participant_a": NEW, "participant_b": "12065550122"},
        "Participant A",
        id="conversation",
    ),
    pytest.param(
        "/console/messages/send", {"to": NEW, "text": "x", "sender": "1"}, "To", id="text"
    ),
]


@pytest.mark.parametrize(("path", "fields", "label"), FORMS)
async def test_the_box_is_shown_to_whoever_may_need_it(
    operator: Operator, path: str, fields: dict[str, str], label: str
) -> None:
    """Nobody ticks it before he is told why."""
    shown = await operator.page(path.replace("/send", ""))
    answer = await operator.post(path, **fields)
    page = await answer.text()
    assert 400 == answer.status
    problem = f"{label}: must be a valid international number; this one is possible: "
    assert f'role="alert">{problem}if it is right, tick the box that says so.' in page
    assert (False, True) == (BOX in shown, BOX in page)


async def test_a_number_is_taken_with_the_box_ticked(operator: Operator) -> None:
    """And stands in the pool."""
    answer = await operator.post("/console/numbers", value=NEW, possible="true")
    assert "/console/numbers?done=added" == answer.headers["Location"]
