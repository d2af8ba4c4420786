"""The page of links: who opens them, what is blocked and why, and what an operator may do."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from gateway.errors import BadRequest
from gateway.protection.links.conversions import DAY
from gateway.protection.links.judgement import State
from handlers.console.pages.protection.links import read_subject
from tests.support.scenes.console import OPTIONS, Operator
from tests.support.servers.serving import Gateway, serving
from tests.support.visitor import Visitor, visiting

LINKED = (
    *("--message=Get the app: {link}", "--sender=12065550100"),
    *("--public_url=https://sms.example.com", "--form_link=https://www.example.com"),
)
PAGE = "/console/limits/links"
RANGE, KOSOVO = "range 491512345xxxx", "country XK"
IN_RANGE = "+4915123456789"


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    async with serving(*OPTIONS, *LINKED, redis_url=redis_url) as made:
        yield made


@pytest.fixture
async def operator(gateway: Gateway) -> Operator:
    return await Operator.signed_in(gateway)


async def attacked(gateway: Gateway) -> None:
    """Of 100 customers of yesterday 31 opened their links, of a range of today nobody."""
    conversions = gateway.application.services.conversions
    real = conversions.clock
    for n in range(100):
        conversions.clock = lambda: real() - DAY
        await conversions.sent("/message", f"+4917{n:05}1234")
        if n < 31:
            await conversions.clicked("/message", f"+4917{n:05}1234", conversions.clock())
    for n in range(62):
        conversions.clock = lambda: real() - 3600
        await conversions.sent("/message", f"+491512345{n:04}")
    conversions.clock = real
    await gateway.application.services.rule_gate.breaker.decide()


async def ordered(operator: Operator, what: str, subject: str) -> str:
    """Return the page to which an order leads."""
    answer = await operator.post(f"{PAGE}/{what}", subject=subject)
    assert 303 == answer.status, await answer.text()
    return await operator.page(answer.headers["Location"])


def cells(page: str, first: str) -> list[str]:
    """Return the cells of the row that begins with some words."""
    [row] = re.findall(rf'<th scope="row">{re.escape(first)}</th>(.*?)</tr>', page, re.DOTALL)[:1]
    return [
        unescape(re.sub(r"<[^>]+>|\s+", " ", each)).strip()
        for each in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
    ]


async def test_the_page_says_what_is_blocked_and_why(gateway: Gateway, operator: Operator) -> None:
    assert "Nothing is blocked" in await operator.page(PAGE)
    await attacked(gateway)
    page = await operator.page(PAGE)
    state, _, _, why, _ = cells(page, "+491512345xxxx")
    assert "blocked" == state
    assert "62 sent in 1 day, 0 opened; usual here: 31%" == why
    assert ["162", "31", "19%", "–"] == cells(page, "DE")
    assert "31%" in cells(page, "<code>/message</code>")


async def test_what_is_blocked_is_let_through_and_blocked_by_hand(
    gateway: Gateway, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await attacked(gateway)
    breaker = gateway.application.services.rule_gate.breaker
    page = await ordered(operator, "release", RANGE)
    assert "Let through in all processes" in page
    assert "let through" == cells(page, "+491512345xxxx")[0]
    assert "by 127.0.0.1 (" in cells(page, "+491512345xxxx")[3]
    assert State.RESTING is breaker.entries[RANGE].state
    await ordered(operator, "block", "xk")
    assert State.BLOCKED is breaker.entries[KOSOVO].state
    said = [each.getMessage() for each in caplog.records]
    assert [each for each in said if "range +49151… is let through for a day, by 127.0.0.1" in each]
    assert [each for each in said if "country XK is blocked for a day, by 127.0.0.1" in each]
    assert not [each for each in said if "491512345" in each]


async def test_visitors_are_refused_while_it_is_blocked_and_never_learn_why(
    gateway: Gateway, operator: Operator
) -> None:
    async with visiting(gateway.url) as visitor:
        await ordered(operator, "block", IN_RANGE)
        answer = await visitor.send(IN_RANGE)
        assert "receiver_validation" == answer.json["error"]
        assert {"status", "error", "link"} == set(answer.json)
        assert "No: the rule for range +49151… blocks the number" in await would_pass(operator)
        await ordered(operator, "release", IN_RANGE)
        assert "receiver_validation" != (await visitor.send(IN_RANGE)).json.get("error")
        metrics = await metric(visitor)
    assert 'verdicts_total{action="block",by="breaker"}' in metrics


async def would_pass(operator: Operator) -> str:
    asked = await operator.ask("/console/limits/check", address="192.0.2.1", number=IN_RANGE)
    return unescape(asked)


async def metric(visitor: Visitor) -> str:
    return (await visitor.get("/metrics")).text


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("range 491512345xxxx", RANGE),
        ("+49 15123 45xxxx", RANGE),
        (" +49 151 23456789 ", RANGE),
        ("XK", KOSOVO),
        ("country XK", KOSOVO),
        ("country 881", "country 881"),
    ],
)
def test_a_subject_is_read(written: str, subject: str) -> None:
    assert subject == read_subject(written)


@pytest.mark.parametrize("written", ["", "x", "ZZ", "range x", "range 49", "015123456789", "*"])
def test_what_is_no_subject_is_refused(written: str) -> None:
    with pytest.raises(BadRequest):
        read_subject(written)


async def test_a_mistake_is_said_beside_the_form(operator: Operator) -> None:
    answer = await operator.post(f"{PAGE}/block", subject="nowhere")
    assert 400 == answer.status
    assert "a country such as XK" in await answer.text()
