"""Tests of the simulated day of phones: a small one is lived through, broken ones are noticed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.load.site import phones
from tests.load.smssync_account import Account
from tests.load.smssync_day import QUICK
from tests.load.smssync_front import Front
from tests.load.smssync_phones import Clock, Member, Model, handset, note
from tests.support.servers.processes import Process
from tests.support.servers.smssync_server import SyncServer
from tests.support.servers.valkey import free_port

KEPT = "Nothing was lost, and nothing was handed to two phones."
UUID = "01234567-89ab-cdef-0123-456789abcdef"
LIFE = UUID.replace("-", "")


def test_small_day_keeps_every_promise() -> None:
    """With 250 SMS each way, kills, a restart and silent phones, every promise is kept."""
    with Process("-m", "tests.load.smssync_day", "--quick") as process:
        status = process.wait(100)
        printed = process.log
    assert 0 == status, printed
    assert KEPT in printed
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if line[:1] == "|"]
    counts = {row[0]: row[1:] for row in rows}
    phones_of_the_day = [row for row in rows if row[0].startswith("phone-")]
    assert QUICK.incoming == sum(int(row[3]) for row in phones_of_the_day)
    assert QUICK.outgoing <= int(counts["all"][0])
    assert ["2"] == counts["gateway processes killed"]
    assert ["1"] == counts["restarts of the store"]


def _member(name: int, model: Model) -> Member:
    phone, events = phones()[name], Counter[str]()
    found = handset(model, phone, "127.0.0.1:1", "", note(events))
    return Member(phone, model, found, [], [], Clock(1), random.Random(1), 1, events)


def _account(**changes: Any) -> Account:
    """Return a day of one SMS out, one in a conversation and one in, as it should be."""
    front = Front([])
    front.granted |= changes.pop("granted", {})
    front.offered |= changes.pop("offered", {})
    text = {"uuid": UUID, "message": "Out 00001", "state": "delivered", "device": "phone-00"}
    relayed = {**text, "message": "In 00002 relayed"}
    account = Account(
        members=[_member(0, Model("3.1.1", report=True)), _member(1, Model("3.1.1", results=True))],
        front=front,
        sent={UUID: ["phone-01"]},
        refused={},
        orders=["Out 00001 text"],
        relays=["In 00002 text"],
        arrivals=["In 00001 text"],
        tasks=[text, relayed],
        messages=[{"id": LIFE, "delivery": "delivered"}],
        inbox=[{"text": "In 00001 text"}],
        faults={},
        reports_owed=0,
        log_errors=[],
    )
    return replace(account, **changes)


def test_day_as_it_should_be_breaks_no_promise() -> None:
    """What went right is not taken for a fault."""
    assert [] == _account().broken


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        pytest.param({"tasks": []}, "outgoing SMS lost before", id="an SMS was never queued"),
        pytest.param({"relays": ["In 00009"]}, "relayed SMS", id="a relayed SMS is missing"),
        pytest.param({"relays": ["Out 00001"] * 2, "inbox": []}, "incoming SMS", id="lost inbox"),
        pytest.param({"inbox": [{"text": "In 00001"}] * 2}, "incoming SMS", id="stored twice"),
        pytest.param({"arrivals": []}, "something in the inbox", id="an alert was stored"),
        pytest.param({"sent": {UUID: ["phone-00", "phone-01"]}}, "SMS tried by two", id="two sent"),
        pytest.param({"refused": {UUID: ["phone-00"]}}, "SMS tried by two", id="two tried"),
        pytest.param({"granted": {UUID: {"a", "b"}}}, "SMS granted to two", id="two were granted"),
        pytest.param(
            {"offered": {UUID: ["phone-00", "phone-01"]}}, "SMS given away again", id="given again"
        ),
        pytest.param({"sent": {UUID: ["phone-01"] * 2}}, "SMS sent twice", id="one sent it twice"),
        pytest.param({"sent": {}}, "SMS not sent, though", id="the state is made up"),
        pytest.param({"messages": []}, "messages whose life", id="a message has no life"),
        pytest.param({"reports_owed": 1}, "reports of states", id="a report is owed"),
        pytest.param({"log_errors": ["[E boom"]}, "errors logged", id="an error was logged"),
    ],
)
def test_broken_promise_is_told(changes: dict[str, Any], promise: str) -> None:
    """Each promise that is broken makes its own line."""
    assert any(line.startswith(promise) for line in _account(**changes).broken)


@pytest.mark.parametrize(
    ("state", "promise"),
    [
        ("waiting", "outgoing SMS in no final state"),
        ("leased", "outgoing SMS in no final state"),
        ("handed", "outgoing SMS in no final state"),
        ("sent", "outgoing SMS in no final state"),
        ("expired", "SMS sent, though the state says"),
        ("cancelled", "SMS sent, though the state says"),
    ],
)
def test_state_that_cannot_be_is_told(state: str, promise: str) -> None:
    """An SMS that a phone has sent ends as delivered, failed or unconfirmed."""
    tasks = [{**task, "state": state} for task in _account().tasks]
    assert any(line.startswith(promise) for line in _account(tasks=tasks).broken)


def test_app_that_doubles_by_itself_breaks_no_promise() -> None:
    """Version 3 sends each SMS twice when delivery reports are on: nobody can help that."""
    assert [] == _account(sent={UUID: ["phone-00"] * 2}).broken


async def test_front_asks_each_process_in_turn() -> None:
    """Requests go to the processes by turns, over one connection of the phone."""
    async with SyncServer() as one, SyncServer() as two, Front([one.port, two.port]) as front:
        async with aiohttp.ClientSession() as client:
            for _ in range(4):
                async with client.get(f"http://{front.address}/smssync") as answer:
                    assert 200 == answer.status
        assert [2, 2] == [len(one.requests), len(two.requests)]


async def test_front_hangs_up_when_the_process_is_dead() -> None:
    """A phone whose turn falls on a dead process gets no answer until another takes its place."""
    ports = [free_port()]
    async with SyncServer() as living, Front(ports) as front, aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.post(f"http://{front.address}/smssync")
        ports[0] = living.port
        async with client.post(f"http://{front.address}/smssync", json={}) as answer:
            assert 200 == answer.status


async def test_front_notes_who_was_named_and_granted_an_sms() -> None:
    """Answers to polls and to ``task=sent`` are written down by the phone's name."""
    async with SyncServer() as server, Front([server.port]) as front:
        server.offer({"to": "+12065550101", "message": "Hello", "uuid": "u-1"})
        async with aiohttp.ClientSession(f"http://{front.address}") as client:
            await client.get("/smssync/phone-00/?secret=s?task=send")
            await client.post("/smssync/phone-01/?task=sent", json={"queued_messages": ["u-1"]})
            await client.get("/smssync/phone-02/?task=result&secret=s")
    assert {"u-1": ["phone-00"]} == front.offered
    assert {"u-1": {"phone-01"}} == front.granted
