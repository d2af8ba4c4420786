"""Takes the README's pictures of a real send: ``python -m tests.screenshots``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect

from gateway.store import embedded
from tests.support import ROOT
from tests.support.browser import open_browser, require_chromium
from tests.support.scenes.busy_day import Day, fill_the_past, options
from tests.support.servers.processes import GatewayProcess, wait_for

FOLDER = ROOT / "handlers" / "screenshots"
NUMBERS = ("0176 04069001", "+61 491 570 156")
STATS_SECONDS = 30.0


def main() -> None:
    """Save the pictures of the form, the phones, the handsets' page and the console."""
    FOLDER.mkdir(exist_ok=True)
    with open_browser(require_chromium()) as browser:
        with running("--development_mode") as gateway:
            take_form(browser, gateway)
        with running("--development_mode") as gateway:
            take_handsets(browser, gateway)
    take_console()


@contextmanager
def running(*options: str) -> Iterator[GatewayProcess]:
    """A gateway with an empty database of its own."""
    with (
        tempfile.TemporaryDirectory() as data_dir,
        GatewayProcess(*options, f"--data_dir={data_dir}") as gateway,
    ):
        yield gateway


def new_page(browser: Browser, width: int, height: int) -> Page:
    """Return an empty page of this size."""
    viewport: ViewportSize = {"width": width, "height": height}
    return browser.new_page(viewport=viewport, locale="en-GB", color_scheme="light")


def save(page: Page, name: str) -> None:
    """Save what is to be seen of a page."""
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def take_form(browser: Browser, gateway: GatewayProcess) -> None:
    """Text two numbers by the form; save its page as form.png."""
    page = new_page(browser, 900, 720)
    for number in reversed(NUMBERS):
        page.goto(f"{gateway.url}/example.html")
        page.get_by_label("Mobile number").fill(number)
        page.get_by_role("button", name="Text me the link").click()
        expect(page.get_by_text("Delivered.")).to_be_visible()
    page.mouse.move(0, 0)
    expect(page.get_by_role("button", name="Text me the link")).to_be_enabled()
    save(page, "form")
    page.close()


def take_handsets(browser: Browser, gateway: GatewayProcess) -> None:
    """Let the handsets' page play a masked conversation; save it as masked.png."""
    page = new_page(browser, 1100, 700)
    page.goto(f"{gateway.url}/console/handsets")
    page.get_by_role("button", name="Connect Alice and Bob").click()
    for name in ("Alice", "Bob"):
        phone = page.get_by_role("region", name=name, exact=True)
        expect(phone.get_by_role("listitem")).to_have_count(1 if name == "Alice" else 2)
        phone.get_by_role("button", name="Send").click()
        expect(page.locator("#story")).to_contain_text(f"{name} texted")
        expect(page.locator("#story")).to_contain_text("relayed")
        expect(phone.get_by_role("listitem").last.locator(".state")).to_have_text("delivered")
    save(page, "masked")
    page.close()


def take_console() -> None:
    """Fill a gateway with a day's work; save the console's pages as console-*.png."""
    with tempfile.TemporaryDirectory() as folder:
        store = embedded.start(Path(folder))
        try:
            with GatewayProcess(*options(Path(folder), store.url)) as gateway:
                Day(gateway).fill()  # it runs a loop, beside which no browser can be open
                with open_browser(require_chromium()) as browser:
                    page = new_page(browser, 1200, 900)
                    wait_for_stats(page, gateway)
                    fill_the_past(store.url)
                    take_pages(page, gateway)
        finally:
            store.stop()


def wait_for_stats(page: Page, gateway: GatewayProcess) -> None:
    """Wait until what was counted stands in the store, the rare included."""
    rare = ("limits.message", "messages.refused", "deliveries.failed")

    def counted() -> bool:
        series = page.request.get(f"{gateway.url}/console/series?span=hour").json()
        return all(any(series["values"][name]) for name in rare)

    page.goto(f"{gateway.url}/console/")
    wait_for(counted, STATS_SECONDS)


def take_pages(page: Page, gateway: GatewayProcess) -> None:
    """Save the overview and the first conversation."""
    page.set_viewport_size({"width": 1200, "height": 800})
    page.goto(f"{gateway.url}/console/")
    settle(page)
    save(page, "console-overview")
    page.goto(f"{gateway.url}/console/conversations")
    page.set_viewport_size({"width": 1200, "height": 920})
    page.locator("main table a").last.click()
    settle(page)
    save(page, "console-conversation")


def settle(page: Page) -> None:
    """Wait until scripts have drawn what they draw."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    for plot in page.locator(".plot").all():
        expect(plot.locator("canvas")).to_be_visible()


if __name__ == "__main__":
    main()
