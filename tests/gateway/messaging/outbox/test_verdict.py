"""What becomes of a text after an attempt, for every answer and every wish of the owner."""

from __future__ import annotations

import json

import pytest

from gateway.messaging.outbox.verdict import Resend, Verdict, judge
from gateway.providers import flowroute
from gateway.providers.base import Obstacle, Outcome, SubmitResult
from gateway.providers.vonage import sms

NEVER, REFUSED, EDGE, ALWAYS = Resend
DONE, RETRY, HOLD, UNKNOWN, DEAD = Verdict
UNREACHED = SubmitResult(Outcome.NOT_SENT, code="connect", obstacle=Obstacle.UNREACHABLE)
SILENT = SubmitResult(Outcome.UNKNOWN, code="timeout", obstacle=Obstacle.SILENCE)
CRASHED = SubmitResult(Outcome.UNKNOWN, code="crash")


def refusal(*statuses: str) -> SubmitResult:
    """Return what an answer of the SMS API means whose parts have these statuses."""
    parts = [{"status": each, "message-id": f"part-{n}"} for n, each in enumerate(statuses)]
    return sms.result(200, json.dumps({"messages": parts}).encode())


# Answers that are about the account or the way to the provider, not about the text.
HELD_BACK = [
    "unreached",
    *(f"vonage-status-{code}" for code in ("4", "8", "9", "11", "14", "101")),
    *(f"{name}-{code}" for name in ("vonage", "flowroute") for code in (401, 402, 403)),
]
ANSWERS = {
    "accepted": SubmitResult(Outcome.ACCEPTED),
    "refused": SubmitResult(Outcome.REFUSED, code="6"),
    "throttled": SubmitResult(Outcome.THROTTLED, code="1"),
    "not-sent": SubmitResult(Outcome.NOT_SENT, code="store"),
    "unreached": UNREACHED,
    **{f"vonage-status-{code}": refusal(code) for code in ("4", "8", "9", "11", "14", "101")},
    **{f"vonage-{code}": sms.result(code, b"{}") for code in (401, 402, 403)},
    **{f"flowroute-{code}": flowroute.result(code, b"") for code in (401, 402, 403)},
    "vonage-status-2": refusal("2"),
    "a-part-taken": refusal("0", "9"),
    "a-part-for-itself": refusal("6", "9"),
    "silent": SILENT,
    "crashed": CRASHED,
    **{f"vonage-{code}": sms.result(code, b"<html>") for code in (429, 500, 502, 503, 504)},
    **{f"flowroute-{code}": flowroute.result(code, b"") for code in (429, 500, 502, 503, 504)},
}
# By answer: what becomes of it with never, refused, edge, always; and when it was the last try.
FATES = {
    "accepted": (DONE, DONE, DONE, DONE, DONE),
    "refused": (DEAD, DEAD, DEAD, DEAD, DEAD),
    "throttled": (RETRY, RETRY, RETRY, RETRY, DEAD),
    "not-sent": (RETRY, RETRY, RETRY, RETRY, DEAD),
    **dict.fromkeys(HELD_BACK, (HOLD, HOLD, HOLD, HOLD, DEAD)),
    **dict.fromkeys(("vonage-status-2", "a-part-taken", "a-part-for-itself"), (DEAD,) * 5),
    "silent": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "crashed": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    **{f"{name}-429": (DEAD, RETRY, RETRY, RETRY, DEAD) for name in ("vonage", "flowroute")},
    **{f"{name}-500": (UNKNOWN,) * 5 for name in ("vonage", "flowroute")},
    **{
        f"{name}-502": (UNKNOWN, UNKNOWN, RETRY, RETRY, UNKNOWN) for name in ("vonage", "flowroute")
    },
    **{f"{name}-503": (UNKNOWN, RETRY, RETRY, RETRY, DEAD) for name in ("vonage", "flowroute")},
    **{
        f"{name}-504": (UNKNOWN, UNKNOWN, RETRY, RETRY, UNKNOWN) for name in ("vonage", "flowroute")
    },
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_and_its_owner_decide_what_becomes_of_a_text(name: str) -> None:
    answer = ANSWERS[name]
    found = [judge(answer, resend, last=False) for resend in Resend]
    assert FATES[name] == (*found, judge(answer, ALWAYS, last=True))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("99999", 3600.0),
        ("Tue, 21 Nov 2023 08:00:05 GMT", None),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 3600.0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_the_wait_that_the_edge_asks_for_is_believed(
    code: int, header: str, seconds: float | None
) -> None:
    assert seconds == sms.result(code, b"", header).retry_after
    assert seconds == flowroute.result(code, b"", header).retry_after
