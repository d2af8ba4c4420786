"""When an MO was sent: which times are read, and which are believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.messaging.inbound.sending_time import was_sent_before, written_ms
from gateway.providers.base import Inbound
from tests.field.times import NOON, WRITTEN

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MO = Inbound("nexmo", "1", "12065550121", "12065550151", "Hello")


@pytest.mark.parametrize(("text", "expected"), WRITTEN.items(), ids=lambda v: ascii(v)[:40])
def test_a_time_is_read_in_every_form_in_which_it_comes(text: str, expected: int) -> None:
    assert expected == written_ms(text)


@pytest.mark.parametrize(
    ("provider", "at", "began", "left", "expected"),
    [
        pytest.param("nexmo", NOON - 2 * HOUR, NOON - HOUR, 0, True, id="two hours ago"),
        pytest.param("nexmo", NOON - HOUR, NOON - HOUR, 0, False, id="as it began"),
        pytest.param("nexmo", NOON - HOUR - 119_000, NOON - HOUR, 0, False, id="within clocks"),
        pytest.param("nexmo", NOON - HOUR - 122_001, NOON - HOUR, 0, True, id="beyond clocks"),
        pytest.param("nexmo", NOON - HOUR - 120_500, NOON - HOUR, 0, True, id="to the ms"),
        pytest.param("nexmo", NOON - HOUR - 120_000, NOON - HOUR - 500, 0, False, id="a second"),
        pytest.param(
            "nexmo", NOON - HOUR - 50_001, NOON - HOUR, NOON - HOUR - 30_000, True, id="former"
        ),
        pytest.param(
            "nexmo", NOON - HOUR - 20_000, NOON - HOUR, NOON - HOUR - 30_000, False, id="between"
        ),
        pytest.param(
            "nexmo", NOON - 60_000, NOON - 30_000, NOON - 59_500, False, id="the former's last s"
        ),
        pytest.param("nexmo", NOON - DAY, NOON - HOUR, 0, True, id="a day ago"),
        pytest.param("nexmo", NOON - 2 * DAY - 1, NOON - HOUR, 0, False, id="older than repeats"),
        pytest.param("smssync:red", NOON - 29 * DAY, NOON - HOUR, 0, True, id="a phone was off"),
        pytest.param("smssync:red", NOON - 31 * DAY, NOON - HOUR, 0, False, id="a phone of 1970"),
        pytest.param("nexmo", NOON + HOUR, NOON - HOUR, 0, False, id="the future"),
        pytest.param("nexmo", 0, NOON - HOUR, 0, False, id="nothing said"),
    ],
)
def test_what_was_sent_before_a_session_is_not_for_it(
    provider: str, at: int, began: int, left: int, expected: bool
) -> None:
    mo = replace(MO, provider=provider, sent=str(at) if at else "")
    assert expected is was_sent_before(mo, began, left, NOON)
