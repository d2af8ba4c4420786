"""A real Chromium for the tests of pages: Debian's, driven by Playwright, kept on this machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.support.servers.processes import GatewayProcess, wait_for

MISSING = "chromium is not installed (apt-get install chromium)"
# Chromium would load two pages of its own, suggestions of the address bar, with each window that it
# opens: half of what a window costs. The last list given counts, so Playwright's comes along.
UNUSED_FEATURES = (
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
ARGUMENTS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--kiosk",  # no tabs, buttons and fields of its own to be drawn around each page
    f"--disable-features={','.join(UNUSED_FEATURES)}",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
# Pages without an address of their own have no storage.
FORGET = "() => { try { localStorage.clear(); sessionStorage.clear(); } catch {} }"
# Milliseconds until a page that never shows what it should fails its test.
PATIENCE_MS = 20_000
# Chromium itself reports answers with an error status and servers that are gone; a page can
# not keep it from that.
FAILED_LOAD = "Failed to load resource"


def require_chromium() -> Path:
    """Return Chromium's path; without one the test is skipped, under ``CI=true`` it fails."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return Path(path)


@contextmanager
def open_browser(chromium: Path) -> Iterator[Browser]:
    """A headless browser; no other event loop may run in this thread while it is open."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS, headless=True
        )
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What a page did that a good page does not do: each thing a line in ``problems``."""

    def __init__(self, page: Page) -> None:
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._request)
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(FAILED_LOAD):
            self.problems.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https"} and address.hostname not in {
            "127.0.0.1",
            "localhost",
        }:
            self.problems.append(f"request to {address.hostname}")


class Windows:
    """A browser's windows, used again by one test after the other, each time by a new visitor.

    To open one costs more than most tests do in it. Who gives a page a clock, a script for all
    that it loads, or another colour scheme cannot take it back, and opens one of his own.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[_Window]] = {}

    @contextmanager
    def window(self, *, watched: bool = True, **options: Any) -> Iterator[Page]:
        """A page of a context with these options; watched: it must behave well."""
        free = self._free.setdefault(repr(sorted(options.items())), [])
        window = free.pop() if free else _Window(self._browser.new_context(**options).new_page())
        yield window.page
        problems, window.watch.problems = window.watch.problems, []
        window.forget()
        free.append(window)
        assert not watched or problems == []


class _Window:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.watch = Watch(page)
        self._size = page.viewport_size
        self._debugger = page.context.new_cdp_session(page)

    def forget(self) -> None:
        """Keep nothing of what a visitor has stored, loaded and changed."""
        self.page.unroute_all()
        self.page.evaluate(FORGET)
        self.page.goto("about:blank")
        self.page.context.clear_cookies()
        self._debugger.send("Network.clearBrowserCache")
        if self._size and self.page.viewport_size != self._size:
            self.page.set_viewport_size(self._size)


def handsets_url(gateway: GatewayProcess) -> str:
    """Return the address of the emulator's handsets, as a gateway in development mode logs it."""
    line = re.compile(r"open (http://\S+)/ \(the handsets")
    wait_for(lambda: line.search(gateway.log))  # it comes a moment after the gateway listens
    found = line.search(gateway.log)
    assert found
    return found[1]
