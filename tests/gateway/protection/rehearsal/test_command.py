"""``python -m gateway.protection rehearse``, as a process over a real store."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.messaging.receipts import Receipts
from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from tests.support.servers.processes import Process
from tests.support.servers.serving import serving
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import visiting

BLOCKED = '[[rule]]\naction = "block"\ncountry = "DE"\n'
NOWHERE = "--redis_url=redis://127.0.0.1:1"
DUMP = Script("local all = redis.call('KEYS', '*') table.sort(all) return all")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "tried.toml"
    found.write_text(BLOCKED)
    return found


def run(*words: object, environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Return the exit status and all that is printed."""
    command = ("-m", "gateway.protection", *map(str, words))
    with Process(*command, environ=environ) as process:
        return process.wait(), process.log


async def sent(store: Store, count: int, to: str = "+4917604069010") -> None:
    """Write messages down that were delivered, at 0.10 each."""
    receipts = Receipts(store, days=7)
    for n in range(count):
        sms = Sms(f"{to.removeprefix('+')[:6]:0>16}{n:016x}", to, "Sender", "Hello")
        notes = {"caller": f"{n:024x}", "counted": str(int(time.time() * 1000))}
        await receipts.create(sms, provider="nexmo", source="/message", expected=1, notes=notes)
        part = Part(f"part-{sms.id}", DeliveryState.ACCEPTED)
        result = SubmitResult(Outcome.ACCEPTED, (part,), price="0.1")
        await receipts.record(sms, "nexmo", result, 1)
        receipt = Receipt("nexmo", part.provider_id, DeliveryState.DELIVERED, client_ref=sms.id)
        await receipts.receive(receipt)


def of(url: str) -> tuple[str, ...]:
    return f"--redis_url={url}", "--nexmo_dlr_url=https://example.com/dlr"


async def test_a_report_shows_what_is_tried_beside_what_is_in_force(
    store: Store, redis_url: str, file: Path
) -> None:
    await sent(store, 3)
    await sent(store, 2, "+447700900123")
    status, said = run("rehearse", file, *of(redis_url))
    assert 0 == status, said
    for words in (
        "5 messages of visitors and 0 others",
        "3 (60.00 %)",
        "0 (0.00 %)",
        "rule: country DE",
        "EUR, as told by the provider",
        "0.30",
        "got a text without a link",
        "+49176•••••10",
        "Breakers and proofs of work are not played",
    ):
        assert words in said
    assert "4917604069010" not in said


async def test_machines_get_json_and_nothing_in_the_store_changes(
    store: Store, redis_url: str, file: Path
) -> None:
    await sent(store, 4)
    before = await store.run(DUMP, [], [])
    status, said = run("rehearse", file, "--json", "--days=1", *of(redis_url))
    assert 0 == status, said
    report: dict[str, Any] = json.loads(said)
    assert (4, 4, 0) == (report["played"], report["tried"]["refused"], report["present"]["refused"])
    assert {"EUR": {"told": 0.4, "estimated": 0.0}} == report["tried"]["saved"]
    assert ["+49176•••••10"] == report["tried"]["customers"]["listed"]
    assert before == await store.run(DUMP, [], [])


async def test_a_budget_is_tried_by_a_flag_and_in_force_by_the_environment(
    store: Store, redis_url: str, tmp_path: Path
) -> None:
    await sent(store, 6)
    file = tmp_path / "nothing.toml"
    file.write_text("")
    environ = {"BUDGET_DAY": "0.45", "REDIS_URL": redis_url}
    status, said = run("rehearse", file, "--json", "--budget_day=0.25", environ=environ)
    report = json.loads(said)
    assert 0 == status
    assert {"budget: day all": 4} == report["tried"]["reasons"]
    assert {"budget: day all": 2} == report["present"]["reasons"]
    usual = json.loads(run("rehearse", file, "--json", environ=environ)[1])
    assert usual["tried"]["reasons"] == usual["present"]["reasons"] == {"budget: day all": 2}


async def test_a_limit_of_the_options_can_be_tried(
    store: Store, redis_url: str, tmp_path: Path
) -> None:
    await sent(store, 6)
    file = tmp_path / "nothing.toml"
    file.write_text("")
    options = (*of(redis_url), "--receiver_limit_amount=1")
    report = json.loads(run("rehearse", file, "--json", *options)[1])
    assert {"limit: receiver": 5} == report["tried"]["reasons"]
    assert report["present"]["refused"] < 5


async def test_an_endpoint_that_there_is_not_is_named_and_the_rest_played(
    redis_url: str, file: Path
) -> None:
    file.write_text(f'{BLOCKED}endpoint = "/ap"\n')
    status, said = run("rehearse", file, *of(redis_url))
    assert (0, True) == (status, f"{file}: no message endpoint has the path /ap" in said)


async def test_an_empty_log_is_told_as_such(redis_url: str, file: Path) -> None:
    status, said = run("rehearse", file, *of(redis_url))
    assert (0, True) == (status, "0 messages of visitors" in said)


PROBLEMS = {
    "no rule": ('[[rule]]\ncountry = "DE"\n', "rule 1: action is missing"),
    "no country": ('[[rule]]\naction = "block"\ncountry = "XY"\n', "no such country: XY"),
    "no TOML": ("[[rule", "tried.toml"),
    "a link that leads nowhere": (
        '[[site]]\nkey = "one"\nmessage = "Get {link}"\n',
        "the message of site one: {link} leads nowhere",
    ),
    "an unknown shop": (
        '[[limit]]\nby = "site"\namount = 1\nwindow = 1\nsite = "a"\n',
        "a",
    ),
}


@pytest.mark.parametrize(("written", "problem"), PROBLEMS.values(), ids=PROBLEMS)
async def test_a_file_with_problems_is_not_played(
    redis_url: str, file: Path, written: str, problem: str
) -> None:
    file.write_text(written)
    status, said = run("rehearse", file, *of(redis_url))
    assert (2, True) == (status, problem in said)


DAYS = "--days: must be a number above 0 and up to 3650"
WRONG = {
    "no file": (["rehearse"], "FILE is missing"),
    "a file that is not there": (["rehearse", "no-such.toml"], "there is no such file"),
    "an unknown option": (["rehearse", "{file}", "--nothing=1"], "unknown option"),
    "a wrong value": (["rehearse", "{file}", "--budget_day=much"], "--budget_day=much"),
    "no days": (["rehearse", "{file}", "--days=0"], DAYS),
    "days that are no number": (["rehearse", "{file}", "--days=week", "--nothing=1"], DAYS),
    "days that are left out": (["rehearse", "{file}", "--days"], DAYS),
    "nothing at all": ([], "usage"),
    "another command": (["play"], "usage"),
}


@pytest.mark.parametrize(("words", "problem"), WRONG.values(), ids=WRONG)
async def test_a_wrong_command_is_told_with_status_2(
    file: Path, words: list[str], problem: str
) -> None:
    status, said = run(*(each.format(file=file) for each in words))
    assert (2, True) == (status, problem in said)
    assert "error: argument" not in said


async def test_help_tells_the_options(file: Path) -> None:
    for words in (["--help"], ["rehearse", "--help"], ["rehearse", file, "-h"]):
        status, said = run(*words)
        assert (0, True) == (status, "--budget_day" in said)


async def test_without_the_store_the_status_is_1(file: Path) -> None:
    status, said = run("rehearse", file, NOWHERE)
    assert (1, True) == (status, "the store does not answer" in said)


async def test_days_leave_out_what_is_older(store: Store, redis_url: str, file: Path) -> None:
    await sent(store, 2)
    [old, _] = await store.execute("ZRANGE", keys.MESSAGES, 0, -1)
    two_days_ago = int(time.time() * 1000) - 2 * 86_400_000
    await store.execute("ZADD", keys.MESSAGES, two_days_ago, old)
    await store.execute("HSET", keys.message(old), "created", two_days_ago, "counted", two_days_ago)
    days = {1: 1, 3: 2}
    for each, played in days.items():
        report = json.loads(run("rehearse", file, "--json", f"--days={each}", *of(redis_url))[1])
        assert played == report["played"]


async def test_what_a_gateway_has_sent_is_played(
    standin: VonageStandin, redis_url: str, file: Path
) -> None:
    """Of a /48 two pass in an hour: his third /64 is refused, as the gateway would."""
    standin.expect()
    options = standin.options(redis_url, protection="on", trusted_proxies="127.0.0.1")
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        for n in range(4):
            caller = visitor.via(X_Real_Ip=f"2001:db8:1:{n}::1")
            assert "ok" == (await caller.send(f"+4917604{n}69010")).json["status"]
    file.write_text('[[limit]]\nby = "network"\namount = 2\nwindow = 3600\n')
    environ = {name.removeprefix("--").upper(): value for name, value in map(_pair, options)}
    status, said = run("rehearse", file, "--json", environ=environ)
    assert 0 == status, said
    report = json.loads(said)
    assert (4, 0) == (report["played"], report["no_caller"])
    assert {"limit: network-3600": 2} == report["tried"]["reasons"]
    assert {} == report["present"]["reasons"]


def _pair(option: str) -> tuple[str, str]:
    name, _, value = option.partition("=")
    return name, value


async def test_in_development_mode_it_finds_the_store_of_the_gateway(
    tmp_path: Path, file: Path
) -> None:
    status, said = run("rehearse", file, "--development_mode", f"--data_dir={tmp_path / 'data'}")
    assert (0, True) == (status, "0 messages of visitors" in said), said
