"""The page of rehearsals: what is in force to begin with, and what comes of something else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms, SubmitResult
from tests.support.scenes.console import OPTIONS, Operator
from tests.support.servers.serving import Gateway, serving

PATH = "/console/rehearsal"
BLOCKED = '[[rule]]\naction = "block"\ncountry = "DE"\n'
DESK = "+4917604069000"
FILE = f'[[exempt]]\nnumber = "{DESK}"\nnote = "the phone on the desk"\n'
MONEY = ("--budget_day=20", "--budget_month=200")


@pytest.fixture
def options(tmp_path: Path) -> tuple[str, ...]:
    file = tmp_path / "protection.toml"
    file.write_text(FILE)
    site = ("--message=Hello", "--sender=Sender", "--protection=on")
    return (*OPTIONS, *MONEY, *site, f"--protection_file={file}")


async def sent(gateway: Gateway, count: int, to: str = "+4917604069010") -> None:
    """Write messages down that were delivered, at 0.10 each."""
    receipts = gateway.application.services.receipts
    for n in range(count):
        sms = Sms(f"{to.removeprefix('+')[-6:]:0>16}{n:016x}", to, "Sender", "Hello")
        notes = {"caller": f"{n:024x}", "counted": str(int(time.time() * 1000))}
        await receipts.create(sms, provider="nexmo", source="/message", expected=1, notes=notes)
        part = Part(f"part-{sms.id}", DeliveryState.ACCEPTED)
        result = SubmitResult(Outcome.ACCEPTED, (part,), price="0.1")
        await receipts.record(sms, "nexmo", result, 1)
        await receipts.receive(Receipt("nexmo", f"part-{sms.id}", DeliveryState.DELIVERED, sms.id))


async def test_it_begins_with_what_is_in_force_and_its_numbers_masked(
    redis_url: str, options: tuple[str, ...]
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        page = await (await Operator.signed_in(gateway)).page(PATH)
    for words in ("the phone on the desk", "+49176•••••00", 'placeholder="20.00"', "200.00"):
        assert words in page
    assert "4917604069000" not in page


async def test_without_a_file_it_begins_with_the_defaults(redis_url: str) -> None:
    async with serving(*OPTIONS, redis_url=redis_url) as gateway:
        page = await (await Operator.signed_in(gateway)).page(PATH)
    assert "satellite telephones" in page
    assert "There is no" in page
    assert "4917604069000" not in page


async def test_what_is_tried_stands_beside_what_is_in_force(
    redis_url: str, options: tuple[str, ...]
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        await sent(gateway, 3)
        await sent(gateway, 2, "+447700900123")
        page = await operator.ask(PATH, written=BLOCKED)
    for words in ("5 messages", "3 (60.00 %)", "rule: country DE", "0.30", "+49176•••••10"):
        assert words in page
    assert "4917604069010" not in page
    assert "country = &quot;DE&quot;" in page


async def test_masked_numbers_of_the_file_are_meant_in_full(
    redis_url: str, options: tuple[str, ...]
) -> None:
    """The number on the desk stays exempt, of the other one all are refused."""
    written = BLOCKED + FILE.replace(DESK, "+49176•••••00")
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        await sent(gateway, 3, DESK)
        await sent(gateway, 2)
        page = await operator.ask(PATH, written=written)
    assert "2 (40.00 %)" in page
    assert "4917604069000" not in page


# Masked alike; and a number of St Helena, the shortest there are.
TWINS = (DESK, "+4917604069100", "+29052345")
MASKED = ("+49176•••••00", "+49176•••••00", "+29•••••45")


def exempt(numbers: Iterable[str]) -> str:
    return "".join(f'[[exempt]]\nnumber = "{each}"\n' for each in numbers)


async def test_numbers_that_are_masked_alike_are_each_meant(
    redis_url: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "protection.toml").write_text(exempt(TWINS))
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        await sent(gateway, 3, DESK)
        await sent(gateway, 2)
        begun = await operator.page(PATH)
        page = await operator.ask(PATH, written=BLOCKED + exempt(MASKED))
        unsure = await operator.ask(PATH, written=BLOCKED + exempt(MASKED[1:]))
    assert "+29•••••45" in begun
    assert not [each for each in TWINS if each in begun]
    assert "2 (40.00 %)" in page
    assert "exempt 1: number: must be international" in unsure


async def test_budgets_are_tried_and_what_is_left_empty_is_in_force(
    redis_url: str, options: tuple[str, ...]
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        await sent(gateway, 5, DESK)
        page = await operator.ask(PATH, written="", budget_day="0,25")
        assert "3 (60.00 %)" in page
        assert "budget: day all" in page
        assert "0 (0.00 %)" in await operator.ask(PATH, written="", budget_month="0", days="1")


WRONG = {
    "a rule of nothing": ({"written": '[[rule]]\ncountry = "DE"\n'}, 200, "action is missing"),
    "no TOML": ({"written": "[[rule"}, 200, "The file cannot be tried"),
    "no country": (
        {"written": '[[rule]]\naction = "block"\ncountry = "XY"\n'},
        200,
        "no such country",
    ),
    "a link that leads nowhere": (
        {"written": '[[site]]\nkey = "one"\nmessage = "Get {link}"\n'},
        200,
        "the message of site one: {link} leads nowhere",
    ),
    "no such endpoint": (
        {"written": '[[rule]]\naction = "block"\nendpoint = "/ap"\n'},
        200,
        "the text: no message endpoint has the path /ap",
    ),
    "no amount": ({"budget_day": "much"}, 400, "a number, such as"),
    "below nothing": ({"budget_month": "-1"}, 400, "from 0"),
    "no end": ({"budget_month": "inf"}, 400, "from 0"),
    "no days": ({"days": "0"}, 400, "from 1 to 7"),
    "more days than are kept": ({"days": "8"}, 400, "from 1 to 7"),
    "markup": ({"written": "<script>alert(1)</script>"}, 200, "&lt;script&gt;"),
}


@pytest.mark.parametrize(("fields", "status", "why"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    redis_url: str, options: tuple[str, ...], fields: dict[str, str], status: int, why: str
) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        page = await operator.ask(PATH, status, **({"written": BLOCKED} | fields))
    assert why in page
    assert "<script>alert" not in page
    assert "What would have been" not in page or status == 200


async def test_a_foreign_form_plays_nothing(redis_url: str, options: tuple[str, ...]) -> None:
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        answer = await operator.post(PATH, written=BLOCKED, xsrf="0" * 64)
        assert 403 == answer.status
