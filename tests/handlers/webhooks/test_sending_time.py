"""A text is for the session in which it was sent, whoever holds the number when it comes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.scenes.masking import (
    ANNA,
    BERT,
    CARL,
    FLOW,
    ONE,
    START,
    TOKEN,
    Town,
    town,
)
from tests.support.scenes.phones_town import SECRET, SUCCESS, one_secret

HOUR = 3600.0


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url) as made:
        await made.rent(ONE)
        await made.rent(FLOW, provider="flowroute")
        yield made


Webhook = tuple[str, dict[str, Any]]


async def arrive(place: Town, webhook: Webhook) -> None:
    """Let a provider post a text."""
    path, body = webhook
    async with place.gateway.client.post(path, **body) as response:
        assert 200 == response.status


def utc(at: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time as a provider writes it."""
    return time.strftime(form, time.gmtime(at))


def sms_api(at: float, mo: str, text: str = "") -> Webhook:
    fields = {"msisdn": ANNA, "to": ONE, "messageId": mo, "type": "text"}
    told = {"text": text or f"text {mo}", "message-timestamp": utc(at)}
    return f"/inbound/{TOKEN}", {"data": fields | told}


def messages_v1(at: float, mo: str) -> Webhook:
    fields = {"channel": "sms", "message_type": "text", "message_uuid": mo, "text": f"text {mo}"}
    told = {"from": ANNA, "to": ONE, "timestamp": utc(at, "%Y-%m-%dT%H:%M:%SZ")}
    return f"/inbound/{TOKEN}", {"json": fields | told}


def flowroute(at: float, mo: str) -> Webhook:
    attributes = {
        "from": ANNA,
        "to": FLOW,
        "body": f"text {mo}",
        "direction": "inbound",
        "timestamp": utc(at, "%Y-%m-%dT%H:%M:%S.39Z"),
    }
    document = {"data": {"type": "message", "id": mo, "attributes": attributes}}
    return f"/{TOKEN}", {"json": document}


@pytest.mark.parametrize("webhook", [sms_api, messages_v1, flowroute])
async def test_what_was_sent_before_a_session_is_kept_from_its_counterpart(
    place: Town, webhook: Callable[[float, str], Webhook]
) -> None:
    """Texts two hours old; those of now, of tomorrow and of 1970 are relayed."""
    number = FLOW if webhook is flowroute else ONE
    await place.session(ANNA, BERT, virtual_tn=number)
    now = time.time()
    times = {
        "old": now - 2 * HOUR,
        "new": now,
        "tomorrow": now + 24 * HOUR,
        "ancient": 0,
        "week": now - 168 * HOUR,
    }
    for name, at in times.items():
        await arrive(place, webhook(at, name))
    told = [(number, f"text {name}") for name in times if name != "old"]
    await place.hears(BERT, (number, START), *told)
    inbox = (await place.ok("GET", "/inbox"))["messages"]
    assert [("text old", "before_session")] == [(each["text"], each["reason"]) for each in inbox]


async def test_a_stop_counts_however_late_it_comes(place: Town) -> None:
    await place.session(ANNA, BERT, virtual_tn=ONE)
    await arrive(place, sms_api(time.time() - 2 * HOUR, "late", "STOP"))
    assert [ANNA] == [each["number"] for each in (await place.ok("GET", "/optouts"))["optouts"]]


async def test_what_was_sent_in_a_former_session_is_not_for_the_next(place: Town) -> None:
    """The clocks' tolerance does not reach into it; what was sent between both is for the next."""
    former = await place.session(ANNA, BERT, virtual_tn=ONE)
    sent = time.time() - 30
    await place.ok("DELETE", f"/session/{former['session_id']}")
    await place.session(ANNA, CARL, virtual_tn=ONE)
    for name, at in (("for Bert", sent), ("for Carl", time.time())):
        await arrive(place, sms_api(at, name))
    await place.hears(CARL, (ONE, START), (ONE, "text for Carl"))


def posted(message_id: str, at: int, text: str = "Hello") -> dict[str, str]:
    """Return the post of a phone; at: when the network took the SMS, ms."""
    return {
        "secret": SECRET,
        "from": f"+{ANNA}",
        "sent_to": f"+{ONE}",
        "message": text,
        "message_id": message_id,
        "sent_timestamp": str(at),
    }


async def test_an_imported_inbox_is_relayed_once_and_never_to_a_later_counterpart(
    redis_url: str,
) -> None:
    """New ids, the same senders, words and times; the phone is told that all is well."""
    async with one_secret(redis_url) as place:
        await place.ok("POST", "/tn", {"value": ONE, "provider": "smssync:default"})
        people = {"participant_a": ANNA, "participant_b": BERT}
        await place.ok("POST", "/session", people)
        now = int(time.time() * 1000)
        hour = int(HOUR * 1000)
        posts = [
            *(posted(f"first-{n}", now + n) for n in range(2)),
            *(posted(f"again-{n}", now + n) for n in range(2)),
            posted("other words", now, "Hello!"),
            posted("off", now - 2 * hour),
            posted("off, imported", now - 2 * hour),
        ]
        for fields in posts:
            async with place.gateway.client.post("/smssync/", data=fields) as response:
                assert SUCCESS == await response.text()
        await place.at_rest()
        waiting = (await place.ok("GET", "/smssync/messages"))["messages"]
        assert ["Hello", "Hello", "Hello!"] == sorted(
            each["message"] for each in waiting if each["to"] == BERT and "[" not in each["message"]
        )
        inbox = (await place.ok("GET", "/inbox"))["messages"]
        assert [("Hello", "before_session")] == [(each["text"], each["reason"]) for each in inbox]
