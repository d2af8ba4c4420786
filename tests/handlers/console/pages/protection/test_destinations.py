"""The page of limits tells the rules by destination, and which of them a number meets."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from gateway.store import keys
from tests.support.scenes.console import Operator
from tests.support.scenes.masking import Town, town

CHECK = "/console/limits/check"
ADDRESS, IRIDIUM, GERMAN, AMERICAN = "192.0.2.17", "+881612345678", "+4917604069011", "+12065550121"
RULES = f"""
[[rule]]
action = "block"
country = "DE"
reason = "<b>nobody</b> & nothing there"

[[rule]]
action = "limit"
country = "US"
endpoint = "/app"
amount = 7
window = 3600
reason = "few customers"

[[rule]]
action = "block"
range = "{GERMAN}"

[[exempt]]
number = "{AMERICAN}"
note = "the phone on the desk"
"""
ENDPOINTS = '[[message]]\npath = "/app"\ntext = "Get the app"\nsender = "12065550100"\n'


@asynccontextmanager
async def asked(
    redis_url: str, folder: Path, *options: str, rules: str = RULES, **emulator: Any
) -> AsyncIterator[tuple[Town, Operator]]:
    """Run a gateway with rules; yield it, and an operator who has signed in."""
    files = {"protection": rules, "messages": ENDPOINTS}
    for name, content in files.items():
        (folder / f"{name}.toml").write_text(content)
    named = [f"--{name}_file={folder / name}.toml" for name in files]
    everything = ("--message=Hello", "--sender=12065550100", *named, *options)
    async with town(redis_url, *everything, **emulator) as place:
        newcomers = place.gateway.application.services.rule_gate.newcomers
        newcomers.learn({})
        yield place, await Operator.signed_in(place.gateway, "correct-horse")


def said(page: str) -> str:
    """Return the sentence that answers the question."""
    found = re.search(r'id="answer">([^<]+)<', page)
    assert found, page
    return unescape(found[1])


def rows(page: str, label: str) -> list[str]:
    """Return the cells of a column."""
    found = re.findall(rf'data-label="{label}">(.*?)</td>', page, re.DOTALL)
    return [unescape(re.sub("<[^>]+>", "", each)).strip() for each in found]


async def test_the_rules_that_hold_stand_in_a_table(redis_url: str, tmp_path: Path) -> None:
    """Narrowest first; markup in a reason stays text, and no number is shown in full."""
    async with asked(redis_url, tmp_path) as (_, operator):
        page = await operator.page("/console/limits")
    abouts = [unescape(each) for each in re.findall(r'<th scope="row">([^<]+)</th>', page)]
    about = abouts[-10:]
    assert [
        *("exempt +1206•••••21", "range +49176•••••11", "country DE", "country US"),
        *("kind international", "kind premium", "kind satellite", "kind shared cost"),
        *("new country", "everything else"),
    ] == about
    assert ["file"] * 4 + ["default"] * 4 == rows(page, "From")[:8]
    assert "limit: 7 in 1 hour" in rows(page, "Rule")
    assert "limit: 50 in 1 day" in rows(page, "Rule")
    assert "<b>nobody</b> & nothing there" in rows(page, "Reason")
    assert "<b>nobody" not in page
    assert GERMAN.removeprefix("+") not in page


@pytest.mark.parametrize(
    ("number", "sentence", "words"),
    [
        (
            IRIDIUM,
            "No: the rule for kind satellite blocks the number (satellite telephones), so the"
            " answer is receiver_validation.",
            ["block; kind satellite; satellite telephones"] * 2,
        ),
        (
            "+4917604069012",
            "No: the rule for country DE blocks the number (<b>nobody</b> & nothing there), so the"
            " answer is receiver_validation.",
            ["block; country DE; <b>nobody</b> & nothing there"] * 2,
        ),
        (
            "+12065550122",
            "Yes, this request would pass.",
            [
                "limit; new country US; nothing was delivered there before; 0 of 10 delivered;"
                " 0 of 50 in 1 day",
                "limit; country US; few customers; 0 of 7 in 1 hour",
            ],
        ),
        (
            AMERICAN,
            "Yes, this request would pass.",
            ["allow; exempt +1206•••••21; the phone on the desk"] * 2,
        ),
    ],
)
async def test_the_answer_names_the_rule_and_its_reason(
    number: str, sentence: str, words: list[str], redis_url: str, tmp_path: Path
) -> None:
    async with asked(redis_url, tmp_path) as (_, operator):
        page = await operator.ask(CHECK, address=ADDRESS, number=number)
    assert sentence == said(page)
    assert [*words, "–"] == rows(page, "Destination")


async def test_a_rule_of_one_endpoint_stops_there_alone(redis_url: str, tmp_path: Path) -> None:
    rules = '[[rule]]\naction = "block"\ncountry = "DE"\nendpoint = "/app"\n'
    async with asked(redis_url, tmp_path, rules=rules) as (_, operator):
        page = await operator.ask(CHECK, address=ADDRESS, number=GERMAN)
    assert "Yes, but not everywhere; refused at /app (by a rule)." == said(page)


async def test_how_far_a_new_country_is_can_be_seen(redis_url: str, tmp_path: Path) -> None:
    """Asking counts nothing."""
    rules = "[[new_country]]\namount = 2\nwindow = 3600\nknown_after = 4\n"
    options = (
        "--nexmo_dlr_url=https://gateway.example/dlr/",
        "--receiver_limit_amount=0",
        "--same_text_seconds=0",
    )
    opened = asked(redis_url, tmp_path, *options, rules=rules, dlr_off=True)
    async with opened as (place, operator):
        store = place.gateway.application.services.store
        await store.execute("HSET", keys.NEWCOMERS, "/message DE", 3)
        for _ in range(2):
            await place.gateway.client.get("/message/", params={"receiver": GERMAN})
        pages = [await operator.ask(CHECK, address=ADDRESS, number=GERMAN) for _ in range(3)]
    assert all(said(each).startswith("Yes, but not everywhere; refused at /me") for each in pages)
    here, there, _ = rows(pages[-1], "Destination")
    assert here.endswith("3 of 4 delivered; 2 of 2 in 1 hour")
    assert there.endswith("0 of 4 delivered; 0 of 2 in 1 hour")


@pytest.mark.parametrize(
    ("mode", "sentence", "words"),
    [
        ("monitor", "protection=monitor: what they would refuse is counted", "not enforced"),
        ("off", "protection=off: none of them holds.", "–"),
    ],
)
async def test_what_is_not_enforced_is_said(
    mode: str, sentence: str, words: str, redis_url: str, tmp_path: Path
) -> None:
    async with asked(redis_url, tmp_path, f"--protection={mode}") as (_, operator):
        page = await operator.ask(CHECK, address=ADDRESS, number=IRIDIUM)
    assert "Yes, this request would pass." == said(page)
    assert sentence in page
    assert rows(page, "Destination")[0].endswith(words)
