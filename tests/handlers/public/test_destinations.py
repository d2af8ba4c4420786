"""Rules by destination over HTTP: each action in each mode, with the provider's emulator."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.monitoring.metrics import LIMITED as REFUSED
from gateway.monitoring.metrics import VERDICTS, WATCHED
from gateway.store import keys
from tests.support.scenes.masking import Town, town
from tests.support.visitor import Reply, Visitor, eventually, visiting

IRIDIUM, GERMAN, AMERICAN = "+881612345678", "+4917604069011", "+12065550121"
ENDPOINT = ("--message=Get the app", "--sender=12065550100")
UNLIMITED = ("--limit_amount=0", "--receiver_limit_amount=0", "--same_text_seconds=0")
LIMITED = '[[rule]]\naction = "limit"\ncountry = "US"\namount = 2\nwindow = 3600\n'
BLOCKED = '[[rule]]\naction = "block"\ncountry = "DE"\nreason = "a secret of the house"\n'
ALLOWED = '[[rule]]\naction = "allow"\nrange = "+8816"\n'
NEW = "[[new_country]]\namount = 2\nwindow = 3600\nknown_after = 3\n"
EXEMPT = f'[[exempt]]\nnumber = "{IRIDIUM}"\n'


@asynccontextmanager
async def gated(
    redis_url: str, folder: Path, *options: str, rules: str = ""
) -> AsyncIterator[tuple[Town, Visitor]]:
    """Run a gateway with rules and the emulator; yield both, and a visitor."""
    file = folder / "protection.toml"
    file.write_text(rules)
    wanted = {each.partition("=")[0] for each in options}
    usual = [each for each in UNLIMITED if each.partition("=")[0] not in wanted]
    everything = (*ENDPOINT, *usual, f"--protection_file={file}", *options)
    async with town(redis_url, *everything) as place, visiting(place.gateway.url) as visitor:
        yield place, visitor


def errors(replies: list[Reply]) -> list[str]:
    """Return the error of each answer, '' for those that passed."""
    return [each.json.get("error", "") for each in replies]


def counted(action: str, by: str) -> float:
    """Return what the metric of verdicts has counted."""
    return float(VERDICTS[action, by]._value.get())


def over(limit: str) -> float:
    """Return how many calls a full limit has refused, or would have."""
    return sum(float(each[(limit,)]._value.get()) for each in (REFUSED, WATCHED))


MODES = {"on": True, "monitor": False, "off": False}
modes = pytest.mark.parametrize(("mode", "refuses"), MODES.items(), ids=MODES.keys())


@modes
async def test_a_blocked_number_is_answered_as_one_that_receives_no_sms(
    mode: str, refuses: bool, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted while anything is looked at; who asks learns no reason, and no log a number."""
    before = counted("block", "kind"), counted("block", "country")
    async with gated(redis_url, tmp_path, f"--protection={mode}", rules=BLOCKED) as (
        place,
        visitor,
    ):
        with caplog.at_level(logging.WARNING):
            replies = [await visitor.send(each) for each in (IRIDIUM, GERMAN, AMERICAN)]
        land_line = await visitor.send("+49 30 901820")
        sent = len(place.emulator.sent)
    wrong = "receiver_validation" if refuses else ""
    assert [wrong, wrong, ""] == errors(replies)
    assert (1 if refuses else 3) == sent
    if refuses:
        assert {land_line.text} == {replies[0].text, replies[1].text}
    looked_at = 0 if mode == "off" else 1
    assert (before[0] + looked_at, before[1] + looked_at) == (
        counted("block", "kind"),
        counted("block", "country"),
    )
    lines = [each.getMessage() for each in caplog.records if "by the rule for" in each.getMessage()]
    assert looked_at == len(lines)
    assert all("88161234" not in each for each in lines)


@modes
async def test_a_limited_country_gets_so_many(
    mode: str, refuses: bool, redis_url: str, tmp_path: Path
) -> None:
    """All of it together; others are not touched."""
    before = over("rule")
    receivers = (AMERICAN, "+12065550122", "+12065550123", "+14165550121", GERMAN)
    async with gated(redis_url, tmp_path, f"--protection={mode}", rules=LIMITED) as (_, visitor):
        replies = [await visitor.send(each) for each in receivers]
    assert ["", "", "limit_acceded" if refuses else "", "", ""] == errors(replies)
    if refuses:
        assert 3590 < int(replies[2].headers["Retry-After"]) <= 3600
    assert before + (mode != "off") == over("rule")


async def test_what_a_narrower_rule_allows_is_sent(redis_url: str, tmp_path: Path) -> None:
    async with gated(redis_url, tmp_path, rules=ALLOWED) as (place, visitor):
        assert [""] == errors([await visitor.send(IRIDIUM)])
        assert [IRIDIUM[1:]] == [each.to for each in place.emulator.sent]
        assert ["receiver_validation"] == errors([await visitor.send("+881812345678")])


@modes
async def test_a_new_country_gets_so_many_until_some_were_delivered(
    mode: str, refuses: bool, redis_url: str, tmp_path: Path
) -> None:
    """Each for itself, from the first call on; the receipts of the emulator make it known."""
    options = (f"--protection={mode}", "--nexmo_dlr_url=https://gateway.example/dlr/")
    async with gated(redis_url, tmp_path, *options, rules=NEW) as (place, visitor):
        replies = [await visitor.send(each) for each in (AMERICAN, AMERICAN, AMERICAN, GERMAN)]
        assert ["", "", "limit_acceded" if refuses else "", ""] == errors(replies)
        store = place.gateway.application.services.store
        expected = {"on": "2", "monitor": "3", "off": None}[mode]

        async def told() -> bool:
            found = await store.execute("HGET", keys.NEWCOMERS, "/message US")
            return bool(found == expected)

        await eventually(told)
        if mode == "off":
            assert not await store.execute("EXISTS", keys.NEWCOMERS)


async def test_the_tenth_delivered_message_ends_that(redis_url: str, tmp_path: Path) -> None:
    """Here it is the second: receipts alone make a country known."""
    options = ("--nexmo_dlr_url=https://gateway.example/dlr/",)
    rules = NEW.replace("known_after = 3", "known_after = 2")
    async with gated(redis_url, tmp_path, *options, rules=rules) as (place, visitor):
        newcomers = place.gateway.application.services.rule_gate.newcomers
        assert ["", ""] == errors([await visitor.send(AMERICAN) for _ in range(2)])
        await eventually(lambda: newcomers.limit("/message", "US") is None)
        assert ["", ""] == errors([await visitor.send(AMERICAN) for _ in range(2)])


async def test_a_known_country_has_no_limit_any_more(redis_url: str, tmp_path: Path) -> None:
    """Without receipts what the provider took counts as delivered."""
    rules = NEW.replace("known_after = 3", "known_after = 2")
    async with gated(redis_url, tmp_path, rules=rules) as (_, visitor):
        replies = [await visitor.send(AMERICAN) for _ in range(5)]
    assert [""] * 5 == errors(replies)


async def test_an_exempt_number_passes_and_is_counted(redis_url: str, tmp_path: Path) -> None:
    """Rules, limits by rules and the receiver's limit are nothing to it."""
    before = counted("allow", "exempt")
    options = ("--receiver_limit_amount=1",)
    async with gated(redis_url, tmp_path, *options, rules=EXEMPT) as (place, visitor):
        replies = [await visitor.send(each) for each in (IRIDIUM, IRIDIUM, GERMAN, GERMAN)]
        times = await place.gateway.application.services.store.execute(
            "LLEN", keys.limit("receiver", IRIDIUM)
        )
    assert ["", "", "", "limit_acceded"] == errors(replies)
    assert (before + 2, 1) == (counted("allow", "exempt"), times)


async def test_a_blocked_number_counts_against_the_address(redis_url: str, tmp_path: Path) -> None:
    async with gated(redis_url, tmp_path, "--limit_amount=2") as (_, visitor):
        replies = [await visitor.send(each) for each in (IRIDIUM, IRIDIUM, GERMAN)]
    assert ["receiver_validation", "receiver_validation", "limit_acceded"] == errors(replies)


async def test_a_blocked_number_needs_no_store_but_the_address(
    redis_url: str, tmp_path: Path
) -> None:
    """It is not looked up among those who opted out, and no receiver's count knows it."""
    async with gated(redis_url, tmp_path, "--limit_amount=5") as (place, visitor):
        await visitor.send(IRIDIUM)
        names = await place.gateway.application.services.store.execute("KEYS", "*881612345678*")
    assert [] == names


async def test_no_rule_holds_for_the_operator_s_own_messages(
    redis_url: str, tmp_path: Path
) -> None:
    """They are about the endpoints that strangers reach."""
    async with gated(redis_url, tmp_path, rules=BLOCKED) as (place, _):
        body = {"to": GERMAN, "text": "Hello", "sender": "12065550100"}
        assert await place.ok("POST", "/messages", body)
        await eventually(lambda: place.emulator.sent)
