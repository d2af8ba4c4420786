"""Takes the README's pictures of a real send: ``python -m tests.screenshots``."""

from __future__ import annotations

import tempfile

from playwright.sync_api import expect

from tests.browser import handsets_url, open_browser, require_chromium
from tests.processes import ROOT, GatewayProcess

FOLDER = ROOT / "handlers" / "screenshots"
NUMBERS = ("0176 04069001", "+61 491 570 156")


def main() -> None:
    """Text two numbers by the form; save its page as form.png, the phones as handsets.png."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data_dir,
        GatewayProcess("--development_mode", f"--data_dir={data_dir}") as gateway,
        open_browser(require_chromium()) as browser,
    ):
        page = browser.new_page(
            viewport={"width": 900, "height": 720}, color_scheme="light", locale="en-GB"
        )
        for number in reversed(NUMBERS):
            page.goto(f"{gateway.url}/example.html")
            page.get_by_label("Mobile number").fill(number)
            page.get_by_role("button", name="Text me the link").click()
            expect(page.get_by_text("Delivered.")).to_be_visible()
        page.mouse.move(0, 0)
        expect(page.get_by_role("button", name="Text me the link")).to_be_enabled()
        page.screenshot(path=FOLDER / "form.png", animations="disabled")
        page.set_viewport_size({"width": 900, "height": 320})
        page.goto(handsets_url(gateway))
        expect(page.get_by_text("delivered", exact=True)).to_have_count(len(NUMBERS))
        page.screenshot(path=FOLDER / "handsets.png", animations="disabled")


if __name__ == "__main__":
    main()
