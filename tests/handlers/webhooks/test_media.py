"""Pictures and other media: kept with their addresses, what was said with them goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.scenes.masking import (
    ANNA,
    BERT,
    CARL,
    FLOW,
    NO_SESSION,
    ONE,
    START,
    TOKEN,
    Town,
    town,
)

TOLD = "[YOUR ORG NAME]: Pictures and other media cannot be passed on. Please send a text instead."
PICTURE = "https://media.example.com/1.jpg"


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Town]:
    """A gateway with a number of each provider."""
    async with town(redis_url) as made:
        await made.rent(ONE)
        await made.rent(FLOW, provider="flowroute")
        yield made


def vonage(id: str, text: str = "", sender: str = ANNA, to: str = ONE) -> dict[str, Any]:
    """Return an MMS as Messages v1 brings it."""
    image = {"url": PICTURE} | ({"caption": text} if text else {})
    ends = {"from": sender, "to": to, "channel": "mms"}
    return {"message_uuid": id, **ends, "message_type": "image", "image": image}


def flowroute(id: str, text: str = "", sender: str = ANNA, to: str = FLOW) -> dict[str, Any]:
    """Return one as Flowroute brings it."""
    attributes = {"from": sender, "to": to, "body": text, "is_mms": True, "direction": "inbound"}
    data = {"type": "message", "id": id, "attributes": attributes}
    return {"data": data, "included": [{"type": "media", "attributes": {"url": PICTURE}}]}


async def post(place: Town, document: dict[str, Any]) -> int:
    """Bring an MMS to the address of its provider."""
    path = "inbound" if "message_uuid" in document else "inbound/flowroute"
    address = f"/{path}/{TOKEN}"
    async with place.gateway.client.post(address, json=document) as response:
        return response.status


async def inbox(place: Town) -> list[tuple[str, str, str, list[str]]]:
    """Return reason, sender, text and media of what was kept, the oldest first."""
    kept = (await place.ok("GET", "/inbox"))["messages"]
    return [(m["reason"], m["from"], m["text"], m.get("media", [])) for m in reversed(kept)]


@pytest.mark.parametrize(("number", "make"), [(ONE, vonage), (FLOW, flowroute)])
async def test_a_picture_is_kept_and_its_sender_told_once_per_session(
    place: Town, number: str, make: Any
) -> None:
    await place.session(ANNA, BERT, virtual_tn=number)
    for id in ("m-1", "m-2", "m-2"):
        assert 200 == await post(place, make(id))
    await place.hears(ANNA, (number, START), (number, TOLD))
    await place.hears(BERT, (number, START))
    assert [("media", ANNA, "", [PICTURE])] * 2 == await inbox(place)
    assert 200 == await post(place, make("m-3", sender=BERT))
    await place.hears(BERT, (number, START), (number, TOLD))


@pytest.mark.parametrize(("number", "make"), [(ONE, vonage), (FLOW, flowroute)])
async def test_what_was_said_with_a_picture_is_relayed_once(
    place: Town, number: str, make: Any
) -> None:
    await place.session(ANNA, BERT, virtual_tn=number)
    for _ in range(3):
        assert 200 == await post(place, make("m-1", "Look at us"))
    await place.hears(BERT, (number, START), (number, "Look at us"))
    await place.hears(ANNA, (number, START), (number, TOLD))
    assert [("media", ANNA, "", [PICTURE])] == await inbox(place)


@pytest.mark.parametrize("text", ["", "Look"])
async def test_a_strangers_picture_meets_what_his_text_meets(place: Town, text: str) -> None:
    for _ in range(2):
        assert 200 == await post(place, vonage("m-1", text, sender=CARL))
    await place.hears(CARL, (ONE, NO_SESSION))
    assert [("no_session", CARL, text, [PICTURE])] == await inbox(place)


async def test_a_picture_with_a_stop_is_kept_and_the_stop_holds(place: Town) -> None:
    await place.session(ANNA, BERT)
    for _ in range(2):
        assert 200 == await post(place, vonage("m-1", "STOP"))
    assert 1 == (await place.ok("GET", "/optouts"))["total_optouts"]
    assert [("media", ANNA, "", [PICTURE])] == await inbox(place)


async def test_a_picture_to_a_session_of_calls_is_kept_without_an_answer(place: Town) -> None:
    await place.session(ANNA, BERT, mode="voice")
    heard = place.heard(ANNA)
    assert 200 == await post(place, vonage("m-1", "Look"))
    await place.at_rest()
    assert [("voice_session", ANNA, "Look", [PICTURE])] == await inbox(place)
    assert heard == place.heard(ANNA)


@pytest.mark.parametrize("id", ["", None])
async def test_a_picture_without_an_id_is_taken_once(place: Town, id: str | None) -> None:
    await place.session(ANNA, BERT, virtual_tn=FLOW)
    document = flowroute("x", "Look")
    document["data"]["id"] = id
    for _ in range(2):
        assert 200 == await post(place, document)
    await place.hears(BERT, (FLOW, START), (FLOW, "Look"))
    assert 1 == len(await inbox(place))


async def test_nobody_is_told_when_the_notice_is_empty(redis_url: str) -> None:
    async with town(redis_url, "--media_msg=") as place:
        await place.rent(ONE)
        await place.session(ANNA, BERT)
        assert 200 == await post(place, vonage("m-1"))
        await place.hears(ANNA, (ONE, START))
        assert 1 == len(await inbox(place))


async def test_in_a_chat_the_notice_has_no_prefix(redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(town(redis_url, f"--chat_numbers=+{ONE}"))
        await place.rent(ONE)
        await place.text(ANNA, ONE, "anna@example.com")
        await place.text(BERT, ONE, "bert@example.com")
        await place.at_rest()
        before = len(place.heard(ANNA))
        assert 200 == await post(place, vonage("m-1", "Look"))
        await place.at_rest()
        [(_, told)] = place.heard(ANNA)[before:]
        assert TOLD.partition(": ")[2] == told
        assert (ONE, "Look") == place.heard(BERT)[-1]
        # One who is in no chat gets the lobby's answer, and his picture is kept as well.
        assert 200 == await post(place, vonage("m-2", sender=CARL))
        await place.hears(CARL, (ONE, "To chat, text your email address."))
        assert [("media", ANNA, "", [PICTURE]), ("media", CARL, "", [PICTURE])] == await inbox(
            place
        )
