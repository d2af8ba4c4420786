"""The overview: what happened in every process, and how store, providers and phones are."""

from __future__ import annotations

import json
import re
from html import unescape

from playwright.sync_api import Page, expect

from tests.support.scenes.console import OPTIONS, Operator
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving


async def test_spend_is_in_euros_and_of_who_tells_prices(operator: Operator) -> None:
    """Vonage alone tells any, in EUR, as the page of a message says as well."""
    page = unescape(await operator.page("/console/"))
    assert "<h2>Spend, EUR</h2>" in page
    assert 'data-series="spend.nexmo=Vonage"' in page
    assert "EUR spent at Vonage" in page
    assert "currency" not in page


async def test_an_empty_gateway_shows_noughts_and_what_could_be_configured(
    operator: Operator,
) -> None:
    """Nothing has happened, and the page says so without errors."""
    page = await operator.page("/console/")
    assert "messages accepted in the last hour" in page
    assert "smssync_secret" in page
    assert "no messages yet" in page
    assert "0 receivers with texts waiting" in page


async def test_the_series_are_those_of_the_plots(operator: Operator) -> None:
    """An hour of minutes, a day of tens of minutes; every line of every plot has its values."""
    for span, step, count in (("hour", 60, 60), ("day", 600, 144)):
        series = json.loads(await operator.page(f"/console/series?span={span}"))
        assert step == series["step"]
        assert {count} == {len(row) for row in series["values"].values()}
        page = await operator.page(f"/console/?span={span}")
        lines = {
            line.partition("=")[0]
            for figure in page.split('data-series="')[1:]
            for line in figure.partition('"')[0].split("|")
        }
        assert lines == set(series["values"])


async def test_a_phone_that_was_never_heard_of_is_named(redis_url: str) -> None:
    """A silent phone needs a look."""
    async with serving(*OPTIONS, "--smssync_secret=phone-secret", redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        assert "silent for 15 minutes: default" in await operator.page("/console/")
        await gateway.client.get("/smssync/?task=send&secret=phone-secret")
        assert "all heard of" in await operator.page("/console/")


def test_what_another_process_sent_comes_to_the_figures_and_plots(
    page: Page, redis_url: str
) -> None:
    """Both count into the same store; the page follows by itself."""
    options = ("--development_mode", f"--redis_url={redis_url}")
    with GatewayProcess(*options) as one, GatewayProcess(*options) as two:
        page.goto(f"{one.url}/console/")
        figure = page.locator(".card", has_text="messages accepted in the last hour")
        expect(figure.locator(".big")).to_have_text("0")
        for last in "12":
            answer = page.request.get(f"{two.url}/message/?receiver=%2B4917604069{last:0>3}")
            assert "ok" == answer.json()["status"]
        expect(figure.locator(".big")).to_have_text("2", timeout=20_000)
        page.reload()
        plot = page.get_by_role("img", name=re.compile("Messages by outcome; latest values"))
        expect(plot).to_be_visible()
        expect(page.locator("canvas")).to_have_count(6)
        page.get_by_role("link", name="Last 24 hours").click()
        expect(plot).to_be_visible()
