"""A number that came in by every door is erased by one request, and nothing of it stays."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.conversations.notices import CONNECTED, THANKS
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.values import DAY_MS
from tests.support.scenes.masking import (
    ADMIN,
    ANNA,
    BERT,
    CARL,
    END,
    ONE,
    START,
    THREE,
    TOKEN,
    TWO,
    until,
)
from tests.support.scenes.phones_town import PhonesTown, devices_file, phones_town, sends

FOUR = "12065550154"
# Of each the number, the digits that all its spellings share, and another spelling of networks.
PEOPLE = [
    pytest.param("12065550129", "2065550129", "+12065550129", id="American"),
    pytest.param("4917604069052", "17604069052", "004917604069052", id="German"),
    pytest.param("5491123456780", "1123456780", "541123456780", id="Argentine"),
]
# As a network at home writes them.
AT_HOME = {"12065550129": "2065550129", "4917604069052": "017604069052"}
READ = {
    "hash": ("HGETALL",),
    "list": ("LRANGE", 0, -1),
    "set": ("SMEMBERS",),
    "sorted set": ("ZRANGE", 0, -1),
    "zset": ("ZRANGE", 0, -1),
    "stream": ("XRANGE", "-", "+"),
    "string": ("GET",),
}


@pytest.fixture
async def place(redis_url: str, tmp_path: Path) -> AsyncIterator[PhonesTown]:
    file = tmp_path / "messages.toml"
    file.write_text('[[message]]\npath = "/link/"\ntext = "Another"\nsender = "Example"\n')
    options = (
        f"--chat_numbers={THREE}",
        "--message=Get the app",
        "--sender=Example",
        "--receiver_limit_amount=1",
        "--side_limit_amount=2",
        "--answer_countries=*",
        "--public_url=http://127.0.0.1:9",
        "--smssync_reply=Hello",
        devices_file(tmp_path),
        f"--messages_file={file}",
    )
    async with phones_town(redis_url, *options) as made:
        await made.rent(ONE, TWO, FOUR)
        yield made


def store_of(place: PhonesTown) -> Store:
    return place.gateway.application.services.store


async def dump(store: Store) -> dict[str, str]:
    """Return the name and content of every key as one text, by the name."""
    found = {}
    for key in await store.execute("KEYS", "*"):
        kind = await store.execute("TYPE", key)
        if kind != "none":  # gone meanwhile
            command, *rest = READ[kind]
            found[key] = f"{key} {await store.execute(command, key, *rest)}"
    return found


async def places_of(store: Store, digits: str) -> set[str]:
    """Return the kinds of keys that hold some digits, or are named by them."""
    found = [key for key, text in (await dump(store)).items() if digits in text]
    kinds = (re.match(r"(\{[a-z]+\}:)?[a-z-]+", key) for key in found)
    return {kind[0] for kind in kinds if kind}


async def fail_next(place: PhonesTown, failure: str, count: int, **more: object) -> None:
    order = {"failure": failure, "count": count, **more}
    url = f"{place.emulator.url}/emulator/next"
    async with place.gateway.client.post(url, json=order) as response:
        assert 200 == response.status


async def webhook(place: PhonesTown, path: str, fields: dict[str, Any]) -> None:
    async with place.gateway.client.post(f"{path}/{TOKEN}", json=fields) as response:
        assert 200 == response.status, await response.text()


async def write_through_every_door(place: PhonesTown, him: str, written: str) -> dict[str, Any]:
    """Let a person be known wherever he can be; returns his open session."""
    for path in ("/message/", "/link/"):  # the second is refused, which is noted
        await place.visitor.send(f"+{him}", path=path)
    message = {"to": him, "text": f"call {him}", "sender": ONE}
    headers = ADMIN | {"Idempotency-Key": "order-17"}
    async with place.gateway.client.post("/messages", json=message, headers=headers) as response:
        assert 200 == response.status
    ended = await place.session(him, CARL, virtual_tn=FOUR, unique_name=f"{him} buys a bicycle")
    await place.text(CARL, FOUR, "before")
    await place.ok("DELETE", f"/session/{ended['session_id']}")
    made = await place.session(
        him, BERT, virtual_tn=ONE, mode="both", pin_a="471147", unique_name=him
    )
    await place.text(written, TWO, "who is there?")  # a stranger
    await place.text(AT_HOME.get(him, written), TWO, "and who am I?")
    await place.text(written, TWO, "HELP")
    await place.text(written, THREE, "me@example.org")  # the lobby
    async with place.handset("front") as phone:
        await phone.receive(f"+{him}", "to a phone")
    await place.queue("from a phone", him)
    await lose_and_call(place, him, written)
    await place.at_rest()
    await fail_next(place, "status:6", 1)
    await place.text(BERT, ONE, "a dead letter")
    await place.at_rest()
    await fail_next(place, "status:1", 90)  # from now on all wait
    for n in range(4):  # of which some are held
        await place.text(BERT, ONE, f"waits {n}")
        await place.text(written, ONE, f"waits as well {n}")
    return made


async def lose_and_call(place: PhonesTown, him: str, written: str) -> None:
    """A part of a long text, a receipt and a body that nobody can use, a PIN that is wrong."""
    long = {"concat": "true", "concat-ref": "7", "concat-total": "2", "concat-part": "1"}
    text = {
        "msisdn": AT_HOME.get(him, written),
        "to": TWO,
        "messageId": "PART-0001",
        "text": "one ",
        "type": "text",
    }
    await webhook(place, "/inbound", text | long)
    await webhook(place, "/inbound", {"msisdn": him, "unusable": "yes"})
    receipt = {"messageId": "0A0000000LOST001", "status": "delivered", "msisdn": him, "to": ONE}
    await webhook(place, "/dlr", receipt | {"err-code": "0"})
    call = {"from": him, "to": ONE, "conversation_uuid": "CON-1", "uuid": "leg-1"}
    await webhook(place, "/proxy-call", call)  # connected: he is in a call
    call = {"from": him, "to": ONE, "conversation_uuid": "CON-2", "uuid": "leg-2"}
    store = store_of(place)
    asked = {"answer": "pin", "number": f"+{ONE}", "caller": f"+{him}", "leg": "leg-2"}
    flat = [item for pair in asked.items() for item in pair]
    await store.execute("HSET", keys.call("CON-2"), *flat)
    await webhook(place, "/proxy-call", call | {"dtmf": {"digits": "000000"}})


# Kinds of keys where the number stands before: the test would else prove nothing.
EXPECTED = {
    *("limit", "blocked", "message", "messages-of", "idempotency"),
    *(f"{{relay}}:{each}" for each in "session routes past told helped inbox logs-of".split()),
    *(f"{{relay}}:{each}" for each in "queue due held dead lobby lobby-people parts".split()),
    *(f"{{relay}}:{each}" for each in "call in-call pin-tries".split()),
    "{smssync}:contents",
}


@pytest.mark.parametrize(("him", "shared", "written"), PEOPLE)
async def test_nothing_of_an_erased_number_is_left_in_the_store(
    place: PhonesTown, him: str, shared: str, written: str
) -> None:
    await write_through_every_door(place, him, written)
    store = store_of(place)
    assert set() == EXPECTED - await places_of(store, shared)
    await place.ok("DELETE", f"/log?number={him}")
    assert set() == await places_of(store, shared)
    await place.gateway.application.services.outbox_worker.stop(30)  # and what was under way ends
    assert set() == await places_of(store, shared)


async def test_a_text_under_way_brings_nothing_back(place: PhonesTown) -> None:
    """The provider takes its time to answer."""
    await place.session(ANNA, BERT, virtual_tn=ONE)
    await place.at_rest()
    await fail_next(place, "timeout", 1, seconds=2)
    await place.text(BERT, ONE, "on its way")
    store = store_of(place)

    async def is_written() -> bool:
        return "writing" in str(await store.execute("HVALS", keys.CLAIMS))

    await until(is_written)
    await place.ok("DELETE", f"/log?number={ANNA}")
    assert set() == await places_of(store, ANNA)
    await place.gateway.application.services.outbox_worker.stop(30)
    assert set() == await places_of(store, ANNA)


async def test_what_waits_for_a_provider_that_is_held_back_is_erased(place: PhonesTown) -> None:
    await place.session(ANNA, BERT, virtual_tn=ONE)
    await place.at_rest()
    await fail_next(place, "status:9", 1)
    await place.text(BERT, ONE, "when there is credit")
    store = store_of(place)

    async def is_parked() -> bool:
        return bool(await store.execute("ZCARD", keys.PARKED))

    await until(is_parked)
    await place.ok("DELETE", f"/log?number={ANNA}")
    assert set() == await places_of(store, ANNA)


async def test_an_open_session_ends_and_the_counterpart_alone_is_told(place: PhonesTown) -> None:
    made = await place.session(ANNA, BERT, virtual_tn=ONE)
    await place.text(ANNA, ONE, "hello")
    await place.ok("DELETE", f"/log?number={ANNA}")
    await place.hears(BERT, (ONE, START), (ONE, "hello"), (ONE, END))
    await place.hears(ANNA, (ONE, START))
    assert 0 == (await place.ok("GET", "/session"))["total_sessions"]
    log = await place.ok("GET", f"/session/{made['session_id']}/log")
    assert ("", BERT, []) == (log["participant_a"], log["participant_b"], log["entries"])
    await place.text(BERT, ONE, "still there?")
    assert "hello" not in str(await dump(store_of(place)))
    await place.hears(ANNA, (ONE, START))


async def test_a_chat_ends_and_the_other_one_is_thanked(place: PhonesTown) -> None:
    await place.text(ANNA, THREE, "anna@example.org")
    await place.text(BERT, THREE, "bert@example.org")
    await place.text(ANNA, THREE, "hi")
    await place.hears(BERT, (THREE, CONNECTED), (THREE, "hi"))
    await place.ok("DELETE", f"/log?number={ANNA}")
    await place.hears(BERT, (THREE, CONNECTED), (THREE, "hi"), (THREE, THANKS))
    assert set() == await places_of(store_of(place), ANNA)


async def test_a_session_that_is_over_by_the_clock_is_erased_as_well(place: PhonesTown) -> None:
    """Though nobody has closed it yet."""
    made = await place.session(ANNA, BERT, virtual_tn=ONE)
    store = store_of(place)
    await store.execute("HSET", keys.session(made["session_id"]), "expires", 1)
    await place.ok("DELETE", f"/log?number={ANNA}")
    assert set() == await places_of(store, ANNA)


async def test_a_repeat_gets_its_answer_without_the_number(place: PhonesTown) -> None:
    """What was done once is not done again because somebody was erased."""
    headers = ADMIN | {"Idempotency-Key": "order-17"}
    body = {"participant_a": ANNA, "participant_b": BERT}
    found = []
    for _ in range(2):
        async with place.gateway.client.post("/session", json=body, headers=headers) as response:
            found.append((response.status, await response.json()))
        await place.ok("DELETE", f"/log?number={ANNA}")
    (first, said), (again, repeated) = found
    assert (200, 200) == (first, again)
    assert ANNA in str(said)
    assert {"participant_a": "", "participant_b": BERT} == {
        name: repeated[name] for name in ("participant_a", "participant_b")
    }
    assert said["session_id"] == repeated["session_id"]


async def optouts(place: PhonesTown) -> tuple[list[str], int]:
    """Return the numbers of those who are listed, and how many stand there without a number."""
    found = await place.ok("GET", "/optouts")
    return [each["number"] for each in found["optouts"]], found.get("erased", 0)


@pytest.mark.parametrize(("him", "shared", "written"), PEOPLE)
async def test_his_stop_stays_in_force_without_his_number(
    place: PhonesTown, him: str, shared: str, written: str
) -> None:
    await place.session(him, BERT, virtual_tn=ONE)
    await place.text(written, ONE, "STOP")
    await place.at_rest()
    await place.ok("DELETE", f"/log?number={him}")
    store = store_of(place)
    assert set() == await places_of(store, shared)
    assert ([], 1) == await optouts(place)
    assert "receiver_opted_out" in (await place.visitor.send(f"+{him}")).text
    message = {"to": him, "text": "x", "sender": ONE}
    assert 409 == (await place.call("POST", "/messages", message))[0]
    before = len(place.heard(him))
    await place.ok("POST", "/session", {"participant_a": him, "participant_b": CARL})
    await place.text(CARL, ONE, "to one who wants none")
    await place.at_rest()
    assert before == len(place.heard(him))
    call = {"from": CARL, "to": ONE, "conversation_uuid": "CON-3", "uuid": "leg-3"}
    await webhook(place, "/proxy-call", call)
    assert "connect" != await store.execute("HGET", keys.call("CON-3"), "answer")
    # Erased once more, and in force all the same.
    await place.ok("DELETE", f"/log?number={him}")
    assert set() == await places_of(store, shared)
    assert 409 == (await place.call("POST", "/messages", message))[0]


@pytest.mark.parametrize("way", ["START", "operator"])
@pytest.mark.parametrize(("him", "shared", "written"), PEOPLE)
async def test_a_stop_without_a_number_is_undone_like_any_other(
    place: PhonesTown, him: str, shared: str, written: str, way: str
) -> None:
    await place.text(written, TWO, "STOP")
    await place.ok("DELETE", f"/log?number={him}")
    if way == "START":
        await place.text(written, TWO, "START")
    else:
        await place.ok("DELETE", f"/optouts/{him}")
        assert 404 == (await place.call("DELETE", f"/optouts/{him}"))[0]
    assert ([], 0) == await optouts(place)
    await place.ok("POST", "/messages", {"to": him, "text": "x", "sender": ONE})


async def test_another_stop_of_an_erased_number_is_not_confirmed_again(place: PhonesTown) -> None:
    """Nor is his number written down."""
    for _ in range(2):
        await place.text(ANNA, TWO, "STOP")
        await place.at_rest()
        await place.ok("DELETE", f"/log?number={ANNA}")
    await place.text(ANNA, TWO, "STOP")
    assert ([], 1) == await optouts(place)
    assert 1 == len(place.heard(ANNA))


async def test_who_has_not_opted_out_leaves_nothing_there(place: PhonesTown) -> None:
    await place.text(ANNA, TWO, "hello")
    await place.text(BERT, TWO, "STOP")
    await place.ok("DELETE", f"/log?number={ANNA}")
    assert ([BERT], 0) == await optouts(place)


async def test_others_lose_nothing(place: PhonesTown) -> None:
    """Neighbours whose numbers begin or end like his."""
    longer, shorter = f"{ANNA}1", "14795550121"
    store = store_of(place)
    for each in (longer, shorter):
        await store.execute("LPUSH", keys.limit("receiver", f"+{each}"), 1)
        await store.execute("SET", keys.told(f"+{ONE}", f"+{each}"), 1)
        await store.execute("ZADD", keys.BLOCKED, 1, f"receiver +{each}")
        await store.execute("ZADD", keys.DUE, 9e15, f"+{ONE}>+{each}")
        await store.execute("HSET", keys.past(f"+{each}"), f"+{ONE}", f"1 +{BERT} 0")
    await store.execute("HSET", keys.past(f"+{BERT}"), f"+{ONE}", f"1 +{ANNA} 1")
    before = await dump(store)
    await place.ok("DELETE", f"/log?number={ANNA}")
    after = await dump(store)
    kept = keys.past(f"+{BERT}")
    assert {name: text for name, text in before.items() if name != kept} == {
        name: text for name, text in after.items() if name != kept
    }
    # The number stays his for so long: it must not stand for somebody else at once.
    assert "1 - 1" == await store.execute("HGET", kept, f"+{ONE}")


async def test_messages_beyond_the_index_of_a_number_are_erased_too(place: PhonesTown) -> None:
    store = store_of(place)
    receipts = place.gateway.application.services.receipts
    ids = [f"{n:032x}" for n in range(1003)]
    record = ("to", f"+{ANNA}", "provider", "nexmo")
    await asyncio.gather(*(store.execute("HSET", keys.message(each), *record) for each in ids))
    for key, listed in ((keys.MESSAGES, ids), (keys.messages_of(f"+{ANNA}"), ids[3:])):
        flat = [item for each in listed for item in (DAY_MS, each)]
        await store.execute("ZADD", key, *flat)
    await store.execute("SET", keys.part("nexmo", "0A00000000000001"), ids[-1])
    await store.execute("HSET", keys.message(ids[-1]), "p:0A00000000000001", "1 accepted")
    await place.ok("DELETE", f"/log?number={ANNA}")
    assert frozenset() == await receipts.known(ids)
    assert not await store.execute("EXISTS", keys.part("nexmo", "0A00000000000001"))


async def test_a_phone_is_given_nothing_for_an_erased_number(place: PhonesTown) -> None:
    await place.queue("Hello", ANNA, device="front")
    await place.queue("Hello", BERT, device="front")
    await place.ok("DELETE", f"/log?number={ANNA}")
    async with place.handset("front") as phone:
        assert [(BERT, "Hello")] == await sends(phone, 1)
