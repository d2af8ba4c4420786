"""Live pages of the console in a real Chromium: a browser at one process sees what others do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from signal import SIGTERM
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.conftest import RestartableValkey
from tests.support.browser import handsets_url
from tests.support.scenes.console import OPTIONS, TOKEN
from tests.support.servers.processes import GatewayProcess, wait_for

ANNA, BERT = "12065550121", "12065550122"
ONE = "12065550101"  # of the pool of development_mode
UNPACED = ("--nexmo_rate=0", "--number_rate=0")
LIST = "/console/conversations"
# A stop waits for no open page; for what does not end by itself it waits 22 s.
PROMPT_SECONDS = 10


@pytest.fixture(scope="module")
def one(valkey_url: str) -> Iterator[GatewayProcess]:
    """The process that the browser is connected with."""
    with GatewayProcess("--development_mode", f"--redis_url={valkey_url}", *UNPACED) as process:
        yield process


@pytest.fixture(scope="module")
def two(valkey_url: str, one: GatewayProcess) -> Iterator[GatewayProcess]:
    """Another one with the same store, through which everything comes in."""
    with GatewayProcess("--development_mode", f"--redis_url={valkey_url}", *UNPACED) as process:
        for each in (one, process):
            receipts = {"dlr_url": f"{process.url}/dlr/", "dlr_delay": 0.5}
            ask(f"{handsets_url(each)}/emulator/settings", receipts)
        yield process


def ask(url: str, body: object = None, method: str | None = None, token: str = "") -> Any:
    """Return what an address answers; with a body it is a POST."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urlopen(Request(url, data, headers, method=method), timeout=10) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith(("{", "[")) else text


def begin(gateway: GatewayProcess, token: str = "", **more: object) -> str:
    """Begin a session through a process and return its id."""
    body = {"participant_a": ANNA, "participant_b": BERT, "virtual_tn": ONE, **more}
    return str(ask(f"{gateway.url}/session", body, token=token)["session_id"])


def end(gateway: GatewayProcess, session: str) -> None:
    """End a session through a process."""
    ask(f"{gateway.url}/session/{session}", method="DELETE")


def text(gateway: GatewayProcess, sender: str, words: str) -> None:
    """Let a handset text the number of the pool; the webhook is this process's."""
    order = {"from": sender, "to": ONE, "text": words, "wait": True}
    ask(f"{handsets_url(gateway)}/emulator/inbound", order)


def open_page(page: Page, gateway: GatewayProcess, path: str) -> Locator:
    """Open a live page, wait until it is live and return what it says of that."""
    page.goto(gateway.url + path)
    state = page.locator("#live-state")
    expect(state).to_have_text("live")
    page.evaluate("window.loadedOnce = true")
    return state


def was_not_reloaded(page: Page) -> bool:
    """Tell whether it is still the page that was opened."""
    return bool(page.evaluate("window.loadedOnce === true"))


def sign_in(page: Page, gateway: GatewayProcess) -> None:
    """Sign in by the form."""
    page.goto(f"{gateway.url}{LIST}")
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()


def requests_in_flight(gateway: GatewayProcess) -> int:
    """Return how many requests a process answers at this moment but this one."""
    found = re.search(r"^gateway_requests_in_flight (\d+)", ask(f"{gateway.url}/metrics"), re.M)
    assert found
    return int(found[1]) - 1


def test_the_list_follows_what_happens_through_another_process(
    page: Page, one: GatewayProcess, two: GatewayProcess
) -> None:
    """A session begins, its texts are counted, it ends; the page is never loaded again."""
    open_page(page, one, LIST)
    expect(page.get_by_text("Nobody is connected")).to_be_visible()
    session = begin(two, unique_name="ride 1")
    row = page.locator(f"#s-{session}")
    expect(row).to_contain_text("ride 1")
    expect(row.locator(".badge")).to_have_text("0")
    text(two, ANNA, "hello")
    expect(row.locator(".badge")).to_have_text("1")
    end(two, session)
    expect(page.get_by_text("Nobody is connected")).to_be_visible()
    assert was_not_reloaded(page)


def test_a_conversation_follows_what_happens_through_another_process(
    page: Page, one: GatewayProcess, two: GatewayProcess
) -> None:
    """Texts, delivery states, the end; what is being typed into a form meanwhile stays."""
    session = begin(two)
    open_page(page, one, f"{LIST}/{session}")
    minutes = page.get_by_label("End in so many minutes")
    minutes.fill("45")
    expect(page.get_by_text("Nothing has been said yet")).to_be_visible()
    text(two, ANNA, "Where are you?")
    said = page.get_by_role("log").get_by_role("listitem")
    expect(said.first).to_contain_text("Where are you?")
    expect(said.first.locator(".state")).to_have_text("delivered")
    text(two, BERT, "<b>Here</b>")
    expect(said.nth(1)).to_contain_text("<b>Here</b>")
    expect(said.nth(1)).to_be_in_viewport()
    expect(minutes).to_have_value("45")
    end(two, session)
    expect(page.locator("dl .state")).to_have_text("ended")
    expect(minutes).to_have_count(0)
    expect(said).to_have_count(2)
    assert was_not_reloaded(page)


def test_an_operator_begins_shows_changes_and_ends_a_conversation(
    page: Page, one: GatewayProcess
) -> None:
    """By its forms, with the keyboard alone where there is a choice."""
    open_page(page, one, LIST)
    page.get_by_role("link", name="Begin a conversation").first.press("Enter")
    page.get_by_label("Participant A").fill(f"+{ANNA}")
    page.get_by_label("Participant B").fill(f"+{BERT}")
    page.get_by_label("Participant B").press("Enter")
    expect(page.get_by_role("status").first).to_have_text("The conversation has begun.")
    heading = page.get_by_role("heading", level=2).first
    expect(heading).to_have_text("A +1206•••••21 and B +1206•••••22")
    page.get_by_role("button", name="Show numbers").press("Enter")
    expect(heading).to_have_text("A +1 206-555-0121 and B +1 206-555-0122")
    page.get_by_label("End in so many minutes").fill("45")
    page.get_by_label("End in so many minutes").press("Enter")
    expect(page.get_by_text("The expiry was changed.")).to_be_visible()
    page.get_by_text("End the conversation …").press("Enter")
    page.get_by_role("button", name="Yes, end it").press("Enter")
    expect(page.get_by_text("The conversation has ended.")).to_be_visible()


def test_a_hidden_page_costs_nothing_and_catches_up_when_it_is_seen_again(
    page: Page, one: GatewayProcess, two: GatewayProcess
) -> None:
    """Its stream is closed; what happened meanwhile is there when it is looked at."""
    open_page(page, one, LIST)
    assert 1 == requests_in_flight(one)
    hide(page, hidden=True)
    wait_for(lambda: 0 == requests_in_flight(one))
    session = begin(two)
    hide(page, hidden=False)
    expect(page.locator(f"#s-{session}")).to_be_visible()
    end(two, session)
    assert was_not_reloaded(page)


def hide(page: Page, *, hidden: bool) -> None:
    """Do what a browser does when another tab comes to the front, or this one again."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_signing_out_ends_the_live_pages_of_a_person(
    page: Page, context: BrowserContext, valkey_server: RestartableValkey
) -> None:
    """In all his tabs, which show the form then."""
    with GatewayProcess(*OPTIONS, f"--redis_url={valkey_server.url}") as gateway:
        sign_in(page, gateway)
        expect(page.locator("#live-state")).to_have_text("live")
        other = context.new_page()
        other.goto(f"{gateway.url}{LIST}")
        other.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Admin token")).to_be_visible()
        wait_for(lambda: 0 == requests_in_flight(gateway))
        page.goto("about:blank")


def test_a_stop_does_not_wait_for_live_pages(page: Page, valkey_server: RestartableValkey) -> None:
    """The process ends at once and well; the page says that it is not connected."""
    gateway = GatewayProcess(*OPTIONS, f"--redis_url={valkey_server.url}")
    try:
        sign_in(page, gateway)
        state = open_page(page, gateway, LIST)
        gateway.send_signal(SIGTERM)
        assert 0 == gateway.wait(PROMPT_SECONDS)
        expect(state).to_contain_text("not connected")
        page.goto("about:blank")
    finally:
        gateway.stop()


def test_an_outage_of_the_store_is_shown_and_passes(
    page: Page, valkey_server: RestartableValkey
) -> None:
    """What is seen stays, marked as old, and is live again when the store is back."""
    with GatewayProcess(*OPTIONS, f"--redis_url={valkey_server.url}") as gateway:
        ask(f"{gateway.url}/tn", {"value": ONE, "provider": "nexmo"}, token=TOKEN)
        session = begin(gateway, TOKEN)
        sign_in(page, gateway)
        state = open_page(page, gateway, LIST)
        valkey_server.stop()
        expect(state).to_have_text("The store does not answer.")
        expect(page.locator("[data-live][data-stale]")).to_contain_text(ONE[-4:])
        expect(page.locator(f"#s-{session}")).to_be_visible()
        valkey_server.start()
        expect(state).to_have_text("live")
        expect(page.locator("[data-stale]")).to_have_count(0)
        begin(gateway, TOKEN, participant_a="4917604069011", participant_b="4917604069012")
        expect(page.get_by_text("2 open conversations")).to_be_visible()
        assert was_not_reloaded(page)
        page.goto("about:blank")
