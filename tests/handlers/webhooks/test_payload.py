"""What is read of the bodies in the field table, without a gateway around it."""

from __future__ import annotations

import pytest

from tests.field.bodies import CASES, Case, said


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.label}")
def test_a_body_says_what_its_sender_meant(case: Case) -> None:
    assert case.said == said(case)
