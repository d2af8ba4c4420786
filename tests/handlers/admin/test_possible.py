"""Numbers that are not valid to our data: an operator uses them by saying that they are right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.scenes.masking import BERT, ONE, Town, town
from tests.support.scenes.phones_town import devices_file

NO_NUMBER = "must be a valid international number"
HOW = f'{NO_NUMBER}; this one is possible: if it is right, add "possible": true'
NEW, NEWER = "14715550121", "14575550122"
PAIR = {"participant_a": BERT, "participant_b": NEW}
SMS = {"to": NEW, "text": "Hello", "sender": ONE}

CALLS = [
    pytest.param("/tn", {"value": NEW}, "value", id="pool"),
    pytest.param("/session", PAIR, "participant_b", id="session"),
    pytest.param("/messages", SMS, "to", id="message"),
    pytest.param("/smssync/messages", {"to": NEW, "message": "Hello"}, "to", id="phone"),
]


@pytest.fixture
async def place(redis_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A gateway with one number and some phones."""
    async with town(redis_url, devices_file(tmp_path)) as made:
        await made.rent(ONE)
        yield made


@pytest.mark.parametrize(("path", "body", "field"), CALLS)
async def test_a_possible_number_is_refused_until_it_is_said_to_be_right(
    place: Town, path: str, body: dict[str, object], field: str
) -> None:
    """The refusal says how."""
    for more in ({}, {"possible": False}):
        status, answer = await place.call("POST", path, body | more)
        assert (400, f"{field}: {HOW}") == (status, answer["message"])
    await place.ok("POST", path, body | {"possible": True})


@pytest.mark.parametrize(("path", "body", "field"), CALLS)
@pytest.mark.parametrize("wrong", ["maybe", "1x", 1, 0, [], {}, [True]], ids=str)
async def test_anything_but_true_and_false_is_refused_by_name(
    place: Town, path: str, body: dict[str, object], field: str, wrong: object
) -> None:
    """Nothing is done."""
    status, answer = await place.call("POST", path, body | {"possible": wrong})
    assert 400 == status
    assert str(answer["message"]).startswith("possible:")


@pytest.mark.parametrize(("path", "body", "field"), CALLS)
@pytest.mark.parametrize(
    "wrong", ["ACME", "0", "10690123456x", "1471555", "-14715550121", "1" * 21, "+12345", ""]
)
async def test_what_is_not_even_possible_stays_refused(
    place: Town, path: str, body: dict[str, object], field: str, wrong: str
) -> None:
    """Whatever is said of it."""
    if (path, wrong) == ("/smssync/messages", "1471555"):
        return  # a short code there
    status, answer = await place.call("POST", path, body | {field: wrong, "possible": True})
    assert (400, f"{field}: {NO_NUMBER}") == (status, answer["message"])


async def test_what_is_there_is_found_without_a_word_about_it(place: Town) -> None:
    """Taken out, looked for, erased, let in again."""
    await place.ok("POST", "/tn", {"value": NEW, "possible": True})
    await place.ok("PATCH", f"/tn/{NEW}", {"healthy": False})
    await place.ok("PATCH", f"/tn/{NEW}", {"healthy": True})
    await place.session(BERT, NEWER, possible=True, virtual_tn=NEW)
    await place.ok("GET", f"/messages?number={NEWER}")
    await place.ok("DELETE", f"/log?number={NEWER}")
    assert 404 == (await place.call("DELETE", f"/optouts/{NEWER}"))[0]


@pytest.mark.parametrize("code", ["123", "12345", "262966", "10690123456", "1" * 20, 12345])
async def test_a_phone_texts_short_codes_and_machines_when_asked_to(
    place: Town, code: object
) -> None:
    """As they are written: no country's code belongs before them."""
    body = {"to": code, "message": "BALANCE"}
    status, answer = await place.call("POST", "/smssync/messages", body)
    assert (400, f"to: {HOW}") == (status, answer["message"])
    queued = await place.ok("POST", "/smssync/messages", body | {"possible": True})
    assert str(code) == queued["to"]
    assert str(code) == (await place.ok("GET", f"/smssync/messages/{queued['uuid']}"))["to"]


async def test_the_public_form_takes_no_merely_possible_number(redis_url: str) -> None:
    """Whoever types it may have mistyped it."""
    async with town(redis_url, "--message=Hello", "--sender=Example") as place:
        for typed in (f"+{NEW}", NEW, "+447700900123", "07700 900123"):
            params = {"receiver": typed, "country": "GB"}
            async with place.gateway.client.get("/message/", params=params) as response:
                answer = await response.json()
            assert {"status": "error", "error": "receiver_validation"} == answer
