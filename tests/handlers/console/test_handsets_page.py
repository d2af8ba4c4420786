"""The handsets' page in a browser: from an empty database to a masked conversation, and beyond."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from handlers.console.handsets.actions import PLACE
from handlers.console.handsets.page import COOKIE
from handlers.console.handsets.phones import Phone, write_phones
from tests.support.browser import Watch, handsets_url
from tests.support.servers.processes import GatewayProcess, wait_for

# Each test has phones of its own, so that all of them can share a gateway.
NUMBERS = itertools.count(12065550121)
POOL = ("+1 206-555-0101", "+1 206-555-0102")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """What ``make run`` starts, with an empty database; its calls take a tenth of their time."""
    data_dir = tmp_path_factory.mktemp("gateway")
    with GatewayProcess("--development_mode", f"--data_dir={data_dir}") as process:
        settings = json.dumps({"call_time_scale": 0.1, "dlr_delay": 0}).encode()
        wait_for(lambda: "(the handsets" in process.log)
        urlopen(Request(f"{handsets_url(process)}/emulator/settings", settings), timeout=10).close()
        yield process


@pytest.fixture
def page(page: Page, context: BrowserContext, gateway: GatewayProcess) -> Page:
    """The handsets' page with two new phones."""
    phones = [Phone(name, f"+{next(NUMBERS)}") for name in ("Alice", "Bob")]
    chosen = write_phones(phones)
    context.add_cookies([{"name": COOKIE, "value": chosen, "domain": "127.0.0.1", "path": PLACE}])
    page.goto(gateway.url + PLACE)
    return page


def phone(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def chat(page: Page, name: str) -> Locator:
    """Return the texts and calls that a phone shows."""
    return phone(page, name).get_by_role("log").get_by_role("listitem")


def told(page: Page) -> Locator:
    """Return the line that says what has happened."""
    return page.locator("#story")


def connect(page: Page) -> str:
    """Connect the first two phones and return the number by which they reach each other."""
    page.get_by_role("button", name="Connect Alice and Bob").click()
    number = phone(page, "Alice").get_by_label("To").input_value()
    assert number in POOL
    for name in ("Alice", "Bob"):
        expect(chat(page, name)).to_contain_text([f"From {number}"])
    return number


def test_a_newcomer_sees_a_masked_conversation_after_four_clicks(
    context: BrowserContext, gateway: GatewayProcess
) -> None:
    """From the start page, with nothing typed: connect, send, answer."""
    clicks: list[Locator] = []

    def click(target: Locator) -> None:
        clicks.append(target)
        target.click()

    page = context.new_page()
    watch = Watch(page)
    page.goto(gateway.url)
    icon = page.locator("link[rel=icon]").get_attribute("href")
    kind = page.request.get(f"{gateway.url}{icon}").headers["content-type"]
    assert "image/svg+xml; charset=UTF-8" == kind
    click(page.get_by_role("link", name="See a masked conversation"))
    click(page.get_by_role("button", name="Connect Alice and Bob"))
    number = phone(page, "Alice").get_by_label("To").input_value()
    for sender, receiver, text in (
        ("Alice", "Bob", "Hello! Is the bike still for sale?"),
        ("Bob", "Alice", "Yes, it is. Come and see it this afternoon!"),
    ):
        click(phone(page, sender).get_by_role("button", name="Send"))
        sent, received = chat(page, sender).last, chat(page, receiver).last
        for entry, direction in ((sent, "To"), (received, "From")):
            expect(entry).to_contain_text(f"{direction} {number}")
            expect(entry).to_contain_text(text)
            expect(entry.locator(".state")).to_have_text("delivered")
        expect(told(page)).to_contain_text(f"{sender} texted {number}; the gateway relayed it to")
        expect(told(page)).to_contain_text(f"{receiver} does not see {sender}’s number.")
    expect(chat(page, "Alice").filter(has_text="0112")).to_have_count(0)
    expect(chat(page, "Bob").filter(has_text="0111")).to_have_count(0)
    assert 4 == len(clicks)
    link = told(page).get_by_role("link", name="See the conversation")
    assert "/console/conversations/" in str(link.get_attribute("href"))
    assert [] == watch.problems


def test_the_keyboard_is_enough(page: Page) -> None:
    """The field in which one writes on has the focus after each step."""

    def tab_to(target: Locator) -> None:
        for _ in range(40):
            if target.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        pytest.fail("not reached by the keyboard")

    tab_to(page.get_by_role("button", name="Connect Alice and Bob"))
    page.keyboard.press("Enter")
    expect(phone(page, "Alice").get_by_label("Text", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(chat(page, "Bob").last).to_contain_text("Hello!")
    expect(phone(page, "Alice").get_by_label("Text", exact=True)).to_be_focused()
    tab_to(phone(page, "Bob").get_by_label("Text", exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type("I am on my way")
    page.keyboard.press("Enter")
    expect(chat(page, "Alice").last).to_contain_text("I am on my way")
    expect(phone(page, "Bob").get_by_label("Text", exact=True)).to_be_focused()
    tab_to(phone(page, "Bob").get_by_role("log"))  # which can be scrolled so


def test_two_phones_talk_until_one_hangs_up(page: Page) -> None:
    """Each shows what its side hears and the number between them, by itself."""
    number = connect(page)
    phone(page, "Bob").get_by_role("button", name="Call").click()
    made, taken = chat(page, "Bob").last, chat(page, "Alice").last
    expect(taken).to_contain_text(f"Call from {number}")
    for entry in (made, taken):
        expect(entry.locator(".state")).to_have_text("connected")
    expect(made).to_contain_text(f"You called {number}")
    expect(made).to_contain_text("Please wait")
    expect(told(page)).to_contain_text("Alice’s phone is connected and shows the same number.")
    taken.get_by_role("button", name="Hang up").click()
    for entry in (made, taken):
        expect(entry.locator(".state")).to_contain_text("ended")
        expect(entry.get_by_role("button")).to_have_count(0)


def test_the_download_link_arrives_on_a_phone(page: Page) -> None:
    """The form stands in the page; its text and the receipt appear on the phone."""
    form = page.frame_locator("iframe[title='The download-link form']")
    bob = phone(page, "Bob").locator(".number").first.inner_text()
    form.get_by_label("Mobile number").fill(bob)
    form.get_by_role("button", name="Text me the link").click()
    expect(form.get_by_text("Delivered.")).to_be_visible()
    expect(chat(page, "Bob")).to_contain_text(["https://example.com/app"])
    expect(chat(page, "Bob").locator(".state")).to_have_text("delivered")
    expect(chat(page, "Alice")).to_have_count(0)


def test_what_happens_elsewhere_appears_and_leaves_alone_what_is_typed(
    page: Page, context: BrowserContext, gateway: GatewayProcess
) -> None:
    """Two windows show the same phones."""
    connect(page)
    other = context.new_page()
    watch = Watch(other)
    other.goto(gateway.url + PLACE)
    phone(other, "Bob").get_by_label("Text", exact=True).fill("not yet sent")
    phone(page, "Alice").get_by_label("Text", exact=True).fill("<b>Hello & welcome</b>")
    phone(page, "Alice").get_by_role("button", name="Send").click()
    for window in (page, other):
        expect(chat(window, "Bob").last).to_contain_text("<b>Hello & welcome</b>")
        expect(chat(window, "Bob").locator("b")).to_have_count(0)
    expect(phone(other, "Bob").get_by_label("Text", exact=True)).to_have_value("not yet sent")
    assert [] == watch.problems


def test_a_third_phone_is_added_and_connected(page: Page) -> None:
    """With one press each; the others stay connected."""
    number = connect(page)
    page.get_by_label("Number of Carol’s phone").fill("+49 176 04069012")
    page.get_by_role("button", name="Add a phone").click()
    expect(phone(page, "Carol")).to_contain_text("+49 176 04069012")
    expect(phone(page, "Carol").get_by_label("Text", exact=True)).to_be_focused()
    page.get_by_role("button", name="Connect them").click()
    expect(chat(page, "Carol")).to_have_count(1)
    [second] = {*POOL} - {number}
    expect(chat(page, "Alice").last).to_contain_text(f"From {second}")
    phone(page, "Carol").get_by_role("button", name="Remove").click()
    expect(phone(page, "Carol")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390, 768, 1600])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    """On a telephone the phones stand below each other."""
    page.set_viewport_size({"width": width, "height": 800})
    connect(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
