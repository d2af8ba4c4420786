"""The page of limits tells whether a request needs a proof of work, and why."""

from __future__ import annotations

import time
from html import unescape
from pathlib import Path

import msgspec
import pytest

from gateway.protection.links.conversions import DAY
from gateway.protection.links.judgement import Entry, State
from gateway.store import keys
from gateway.store.pipeline import Store
from tests.support.scenes.console import Operator
from tests.support.scenes.masking import town

CHECK = "/console/limits/check"
NONE = "no proof of work is needed"
RULES = """
[[new_country]]
amount = 0

[[rule]]
action = "limit"
country = "US"
amount = 7
window = 3600

[[limit]]
by = "range"
amount = 1
window = 3600

[[exempt]]
number = "+4917604069012"
"""
PRESSURE = ("--proof=pressure",)
CASES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "always": (("--proof=always",), "+4917604069011", "every call needs one"),
    "a rule": (PRESSURE, "+12065550121", "a rule limits the destination"),
    "no rule": (PRESSURE, "+4917604069011", NONE),
    "exempt": (("--proof=always",), "+4917604069012", ""),
    "watched": (
        ("--proof=always", "--protection=monitor"),
        "+4917604069011",
        "every call needs one, but nobody is asked while protection only watches",
    ),
    "off": ((), "+4917604069011", ""),
    "protection off": (("--proof=always", "--protection=off"), "+4917604069011", ""),
    "no number": (("--proof=always",), "12", ""),
}


@pytest.mark.parametrize(("options", "number", "said"), CASES.values(), ids=CASES.keys())
async def test_the_page_says_whether_a_proof_is_asked_for(
    redis_url: str, tmp_path: Path, options: tuple[str, ...], number: str, said: str
) -> None:
    (tmp_path / "protection.toml").write_text(RULES)
    file = f"--protection_file={tmp_path / 'protection.toml'}"
    async with town(redis_url, "--message=Hello", "--sender=12065550100", file, *options) as place:
        operator = await Operator.signed_in(place.gateway, "correct-horse")
        page = unescape(await operator.ask(CHECK, address="192.0.2.17", number=number))
    assert bool(said) == ("proof of work" in page)
    assert said in page


async def test_a_range_on_trial_needs_a_proof_as_it_does_for_visitors(
    redis_url: str, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "protection.toml").write_text(RULES)
    options = ("--message=Hello", "--sender=12065550100", *PRESSURE)
    file = f"--protection_file={tmp_path / 'protection.toml'}"
    entry = Entry(State.TRYING, time.time(), time.time() + DAY)
    written = msgspec.json.encode(entry).decode()
    await store.execute("HSET", keys.LINKS_BREAKER, "range 491760406xxxx", written)
    async with town(redis_url, *options, file) as place:
        await place.gateway.application.services.rule_gate.breaker.look()
        operator = await Operator.signed_in(place.gateway, "correct-horse")
        page = await operator.ask(CHECK, address="192.0.2.17", number="+4917604069011")
    assert "a rule limits the destination" in unescape(page)
