"""The example form in a real Chromium where a proof of work is asked for: nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Route, expect

from handlers.public.texts import FORM, all_texts, with_solver
from tests.support.proving import documented
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.web_site import web_server

LINK = "https://www.example.com/app"
TEXTS = all_texts()["en"]
NUMBER = "0176 04069001"
SOLVER = FORM.parent / "vendor" / "altcha" / "pbkdf2.js"
# All that a visitor is shown, from the press on.
REMEMBER = """
  window.shown = [];
  new MutationObserver(() => {
    const text = document.getElementById("sms-answer").textContent;
    if (text && text !== window.shown.at(-1)) window.shown.push(text);
  }).observe(document.getElementById("sms-status"), { subtree: true, childList: true });
"""
# A page of http:// that is not on this machine.
INSECURE = "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined });"
# A page whose policy allows none.
NO_WORKERS = "window.Worker = class { constructor() { throw new DOMException('no worker'); } };"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that always asks."""
    folder = tmp_path_factory.mktemp("gateway")
    limits = ("--limit_amount=0", "--receiver_limit_amount=0", "--same_text_seconds=0")
    options = ("--proof=always", f"--form_link={LINK}", *limits, f"--data_dir={folder}")
    with GatewayProcess("--development_mode", *options) as process:
        yield process


def press_send(page: Page) -> None:
    page.evaluate(REMEMBER)
    page.locator("#sms-receiver").fill(NUMBER)
    page.locator("#sms-form button[type=submit]").click()


@pytest.mark.parametrize("opening", ["served", "on disk"])
def test_a_visitor_sees_what_he_sees_without_a_proof(
    opening: str, gateway: GatewayProcess, page: Page
) -> None:
    """On disk the form asks by script tags alone."""
    on_disk = f"{FORM.as_uri()}?{urlencode({'gateway': gateway.url})}"
    page.goto(f"{gateway.url}/example.html" if opening == "served" else on_disk)
    press_send(page)
    expect(page.locator("#sms-answer")).to_contain_text("Sent to +49 176 04069001")
    expect(page.locator("#sms-delivery")).to_have_text(TEXTS["delivered"])
    assert [TEXTS["sending"], "Sent to +49 176 04069001"] == page.evaluate("window.shown")
    assert [] == page.workers


def test_a_page_of_another_site_needs_no_more_than_workers_of_its_own(
    gateway: GatewayProcess, page: Page
) -> None:
    """Its policy allows neither eval nor a script from elsewhere."""
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
        f" img-src data:; connect-src {gateway.url}; worker-src blob:"
    )
    form = FORM.read_text("utf-8").replace('data-gateway=""', f'data-gateway="{gateway.url}"')
    headers = {"Content-Type": "text/html; charset=UTF-8", "Content-Security-Policy": policy}
    with web_server(lambda *_: (200, headers, form.encode())) as site:
        page.goto(site)
        press_send(page)
        expect(page.locator("#sms-answer")).to_contain_text("Sent to +49 176 04069001")


def test_a_proof_that_is_not_taken_is_made_anew(gateway: GatewayProcess, page: Page) -> None:
    """It may come too late, or twice by the hand of a proxy."""
    spoilt: list[str] = []

    def spoil(route: Route) -> None:
        body = route.request.post_data or ""
        if "altcha=" not in body or spoilt:
            route.continue_()
            return
        spoilt.append(body)
        route.continue_(post_data=f"{body.partition('&altcha=')[0]}&altcha=x")

    page.route("**/message/", spoil)
    page.goto(f"{gateway.url}/example.html")
    press_send(page)
    expect(page.locator("#sms-answer")).to_contain_text("Sent to +49 176 04069001")
    assert 1 == len(spoilt)


@pytest.mark.parametrize("lacks", [INSECURE, NO_WORKERS], ids=["crypto", "workers"])
def test_a_browser_that_cannot_compute_is_shown_the_link(
    gateway: GatewayProcess, page: Page, lacks: str
) -> None:
    page.add_init_script(lacks)
    shows_other_way(gateway, page, TEXTS["instead"])
    expect(page.locator("#sms-way").get_by_role("link")).to_have_attribute("href", LINK)


WIDGET = ("--proof_by=turnstile", "--proof_site_key=site-key-1", "--proof_secret=secret-1")


@pytest.mark.parametrize("options", [(), WIDGET], ids=["without crypto", "another service"])
def test_without_a_link_it_is_told_why(
    options: tuple[str, ...], page: Page, tmp_path: Path
) -> None:
    """The form loads no widget of others."""
    if not options:
        page.add_init_script(INSECURE)
    usual = ("--development_mode", "--proof=always", f"--data_dir={tmp_path}")
    with GatewayProcess(*usual, *options) as gateway:
        shows_other_way(gateway, page, TEXTS["proof_needed"])
        page.goto("about:blank")


def shows_other_way(gateway: GatewayProcess, page: Page, words: str) -> None:
    page.goto(f"{gateway.url}/example.html")
    press_send(page)
    expect(page.locator("#sms-answer")).to_have_text(words)
    expect(page.locator("#sms-form button[type=submit]")).to_be_enabled()


def test_the_documented_script_solves_a_challenge(gateway: GatewayProcess, page: Page) -> None:
    """For people without our form."""
    page.goto(f"{gateway.url}/example.html")
    exchange = """async () => {
      const call = (more) => fetch("/message/", {
        method: "POST", body: new URLSearchParams({ receiver: "+4917604069001", ...more }),
      }).then((response) => response.json());
      const { challenge } = await call({});
      return call({ altcha: await solve(challenge) });
    }"""
    page.add_script_tag(content=documented("javascript"))
    assert "ok" == page.evaluate(exchange)["status"]


def test_the_form_has_the_vendored_solver_and_its_licence() -> None:
    """``python -m handlers.public.texts`` brings it up to date."""
    page = FORM.read_text("utf-8")
    assert page == with_solver(page)
    assert SOLVER.read_text("utf-8") in page
    assert SOLVER.with_name("LICENSE").read_text("utf-8") in page
