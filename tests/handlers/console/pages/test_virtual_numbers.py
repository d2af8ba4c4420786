"""The page of the pool: numbers and their use, changes to them, and how many are needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gateway.virtual_numbers.forecast import Need
from handlers.console.pages.virtual_numbers import forecast, summary
from tests.support.browser import Watch
from tests.support.scenes.console import TOKEN, Operator
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import Gateway

ADMIN = {"Authorization": f"Bearer {TOKEN}"}
ONE, TWO = "12065550151", "12065550152"
ANNA, BERT, HEIDI = "12065550121", "12065550122", "4917604069011"


async def begin(gateway: Gateway, a: str, b: str) -> str:
    """Begin a session and return its id."""
    body = {"participant_a": a, "participant_b": b}
    async with gateway.client.post("/session", json=body, headers=ADMIN) as answer:
        return str((await answer.json())["session_id"])


async def fill(operator: Operator, *numbers: str) -> None:
    """Put numbers into the pool by the form."""
    for number in numbers:
        answer = await operator.post("/console/numbers", value=number)
        assert "/console/numbers?done=added" == answer.headers["Location"]


def rows(page: str) -> list[list[str]]:
    """Return the words of each row of the pool, without those for screen readers."""
    body = page.partition("<h2>Pool</h2>")[2].partition("</table>")[0].partition("<tbody>")[2]
    plain = re.sub(r'<span class="unseen">[^<]*</span>', "", body)
    return [
        [unescape(each.strip()) for each in re.findall(r">([^<]+)<", row) if each.strip()]
        for row in plain.split("</tr>")[:-1]
    ]


def figures(page: str) -> dict[str, int]:
    """Return the three totals by their name."""
    found = re.findall(r'class="big" id="([a-z-]+)">([\d,]+)<', page)
    return {name: int(text.replace(",", "")) for name, text in found}


async def test_an_empty_pool_says_how_to_get_numbers(operator: Operator) -> None:
    """By the form, or by renting."""
    page = await operator.page("/console/numbers")
    assert {"size": 0, "in-use": 0, "available": 0} == figures(page)
    assert all(word in page for word in ("No numbers yet", "/numbers/provision", "GET /numbers"))


async def test_a_number_is_shown_with_its_use_and_the_way_to_its_oldest_session(
    gateway: Gateway, operator: Operator
) -> None:
    """The badge counts the sessions on it and leads to them, the link to the first of them."""
    await fill(operator, ONE)
    first = await begin(gateway, ANNA, BERT)
    await begin(gateway, "12065550123", "12065550124")
    page = await operator.page("/console/numbers")
    [[number, provider, country, can, healthy, sessions, *_]] = rows(page)
    assert "+1 206-555-0151 nexmo US sms, voice yes 2" == " ".join(
        (number, provider, country, can, healthy, sessions)
    )
    assert f'href="/console/conversations/{first}"' in page
    assert f'href="/console/conversations?through={ONE}"><span class="badge">2<' in page
    assert {"size": 1, "in-use": 1, "available": 0} == figures(page)
    assert ANNA not in page


async def test_a_number_is_added_with_what_the_form_says(operator: Operator) -> None:
    """In any way to write a number; what is left blank has the defaults of ``POST /tn``."""
    answer = await operator.post(
        "/console/numbers",
        value="+49 176 04069051",
        provider="flowroute",
        capabilities="sms",
        country="at",
    )
    assert 303 == answer.status
    page = await operator.page("/console/numbers?done=added")
    assert ["+49 176 04069051", "flowroute", "AT", "sms", "yes"] == rows(page)[0][:5]
    assert "The number is in the pool." in page


REFUSED = {
    "no number": ({"value": "<b>0176</b>"}, "Number: must be a valid international number."),
    "nothing": ({"value": ""}, "Number: is missing."),
    "a country that is none": ({"value": TWO, "country": "XX"}, "Country: must be a country code"),
    "calls of another provider": (
        {"value": TWO, "provider": "flowroute", "capabilities": "voice"},
        "Can: voice needs a number of nexmo.",
    ),
    "a number that is there": ({"value": ONE}, "Number: is in the pool already."),
    "a field that is none": ({"value": TWO, "colour": "red"}, "Colour: is not known."),
}


@pytest.mark.parametrize(("fields", "problem"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_added_is_named_and_nothing_typed_is_lost(
    operator: Operator, fields: dict[str, str], problem: str
) -> None:
    """The page comes again, with the problem in words; what was typed is escaped."""
    await fill(operator, ONE)
    answer = await operator.post("/console/numbers", **fields)
    page = await answer.text()
    assert 400 == answer.status
    assert f'role="alert">{problem}' in page
    assert "<b>0176" not in page
    assert fields["value"] in unescape(page)
    assert 1 == figures(page)["size"]


async def test_a_number_is_removed(operator: Operator) -> None:
    """And it is said."""
    await fill(operator, ONE, TWO)
    answer = await operator.post(f"/console/numbers/{ONE}/remove")
    assert "/console/numbers?done=removed" == answer.headers["Location"]
    page = await operator.page("/console/numbers?done=removed")
    assert ["+1 206-555-0152"] == [row[0] for row in rows(page)]
    assert "out of the pool" in page


async def test_a_number_in_use_stays_and_the_page_says_why(
    gateway: Gateway, operator: Operator
) -> None:
    """By which session."""
    await fill(operator, ONE)
    session = await begin(gateway, ANNA, BERT)
    answer = await operator.post(f"/console/numbers/{ONE}/remove")
    assert 400 == answer.status
    assert f"Number: is in use by session {session}." in await answer.text()


@pytest.mark.parametrize(("action", "fields"), [("remove", {}), ("health", {"healthy": "true"})])
async def test_a_number_that_is_not_there_is_not_found(
    operator: Operator, action: str, fields: dict[str, str]
) -> None:
    """Somebody else was quicker."""
    answer = await operator.post(f"/console/numbers/{ONE}/{action}", **fields)
    assert 404 == answer.status
    assert "Number: is not in the pool." in await answer.text()


async def test_a_number_is_left_out_of_new_sessions_and_taken_in_again(
    operator: Operator,
) -> None:
    """What it has goes on."""
    await fill(operator, ONE)
    for healthy, done, word in (("false", "out", "left out"), ("true", "in", "yes")):
        answer = await operator.post(f"/console/numbers/{ONE}/health", healthy=healthy)
        assert f"/console/numbers?done={done}" == answer.headers["Location"]
        assert word == rows(await operator.page("/console/numbers"))[0][4]


async def test_the_pool_is_paged(operator: Operator) -> None:
    """Fifty numbers a page, in order, each once; the totals are of all."""
    await fill(operator, *(f"120655501{each:02}" for each in range(52)))
    page = await operator.page("/console/numbers")
    further = re.search(r'href="(/console/numbers\?after=\d+)"', page)
    assert further
    rest = await operator.page(further[1])
    assert [50, 2] == [len(rows(page)), len(rows(rest))]
    assert 52 == figures(rest)["size"] == len({row[0] for row in rows(page) + rows(rest)})
    behind = await operator.page("/console/numbers?after=99999999999")
    assert "No numbers behind this one" in behind


async def test_the_forecast_tells_of_the_sessions_there_are(
    gateway: Gateway, operator: Operator
) -> None:
    """Anna has two sessions at a time, so two numbers; a German has none of his own country."""
    await fill(operator, ONE, TWO)
    for other in (BERT, HEIDI):
        await begin(gateway, ANNA, other)
    page = await operator.page("/console/numbers")
    assert "US: just enough – 2 numbers, at most 2 sessions of one person at a time" in page
    assert "DE: 1 more number needed – 0 numbers, at most 1 session" in page
    assert "1 more number needed (1 DE); until then" in page


def need(country: str, peak: int, pool: int) -> Need:
    """Return the need of a country."""
    return Need(country, peak, peak, "2026-07-31" if peak else "", pool, pool, 0)


NEEDS = {
    "nothing at all": ([], [], ("plain", "There were no sessions within 30 days")),
    "numbers alone": (
        [need("US", 0, 3)],
        [("plain", "enough – 3 numbers, no sessions so far")],
        ("plain", "There were no sessions within 30 days"),
    ),
    "enough": (
        [need("US", 2, 5)],
        [("good", "enough – 5 numbers, at most 2 sessions of one person at a time")],
        ("good", "Enough numbers for every country."),
    ),
    "just enough": (
        [need("US", 1, 1)],
        [("good", "just enough – 1 number, at most 1 session of one person at a time")],
        ("good", "Enough numbers for every country."),
    ),
    "those of another country help out": (
        [need("DE", 4, 1), need("US", 1, 3)],
        [
            ("odd", "3 more numbers needed – 1 number, at most 4 sessions"),
            ("good", "enough – 3 numbers, at most 1 session"),
        ],
        ("odd", "3 more numbers needed (3 DE); until then some participants have numbers of"),
    ),
    "too few in all": (
        [need("", 2, 0), need("DE", 4, 1)],
        [
            ("bad", "2 more numbers needed – 0 numbers"),
            ("bad", "3 more numbers needed – 1 number"),
        ],
        ("bad", "5 more numbers needed (2 other, 3 DE): sessions are refused."),
    ),
}


@pytest.mark.parametrize(("needs", "countries", "total"), NEEDS.values(), ids=NEEDS.keys())
def test_a_sentence_tells_how_many_numbers_are_needed(
    needs: Sequence[Need], countries: Sequence[tuple[str, str]], total: tuple[str, str]
) -> None:
    """For each country and for all; the tone tells how pressing it is."""
    found = [(each.tone, each.words) for each in forecast(needs)]
    assert [tone for tone, _ in countries] == [tone for tone, _ in found]
    assert all(
        said.startswith(words) for (_, words), (_, said) in zip(countries, found, strict=True)
    )
    tone, words = summary(needs)
    assert total[0] == tone
    assert words.startswith(total[1])


@pytest.mark.parametrize("width", [1200, 700])
def test_fields_beside_each_other_stand_in_line(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    """Also where a label wraps, and whether something is typed or chosen."""
    with GatewayProcess("--development_mode", f"--data_dir={tmp_path}") as gateway:
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto(f"{gateway.url}/console/numbers")
        boxes = [each.bounding_box() for each in page.locator(".fields :is(input, select)").all()]
        page.close()
    assert 4 == len(boxes)
    rows = [(box["y"], box["height"]) for box in boxes if box]
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert one == pytest.approx(other, abs=0.5)


@pytest.mark.parametrize("width", [1200, 390])
def test_in_a_browser_a_number_is_added_and_removed_by_keyboard(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    """On a screen of any width, and nothing of the page is refused by its own policy."""
    with GatewayProcess("--development_mode", f"--data_dir={tmp_path}") as gateway:
        page = browser.new_page(viewport={"width": width, "height": 800})
        watch = Watch(page)
        page.goto(f"{gateway.url}/console/numbers")
        page.get_by_label("Number, international").fill("+1 206 555 0151")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_have_text("The number is in the pool.")
        page.get_by_text("Remove +1 206-555-0151").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_have_text("The number is out of the pool.")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [] == watch.problems
        page.close()
