"""The emulator's page in a browser: a handset that calls, and the one that it rings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Watch, open_browser, require_chromium
from tests.support.scenes.emulation import BERLIN, SEATTLE
from tests.support.servers.processes import Process, wait_for
from tests.support.stand_ins.voice_application import MASK, TALK, VIRTUAL, connect


@pytest.fixture
def application() -> Iterator[str]:
    """The address of a voice application that connects every caller to Berlin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps([TALK, connect()]).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.02))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/answer"
        server.shutdown()
        thread.join()


@pytest.fixture
def emulator(application: str) -> Iterator[str]:
    """The address of an emulator in a process of its own."""
    options = (
        f"--answer_url={application}",
        f"--owned_numbers={VIRTUAL},{MASK}",
        "--call_time_scale=0",
    )
    with Process("-m", "gateway.emulator", "--port=0", *options) as process:
        pattern = r"listening on (http://\S+)"
        wait_for(lambda: re.search(pattern, process.log))
        yield re.findall(pattern, process.log)[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser(require_chromium()) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, emulator: str) -> Iterator[Page]:
    """The open page with the caller's handset; what a good page does not do fails the test."""
    opened = browser.new_page()
    watch = Watch(opened)
    opened.goto(emulator)
    opened.get_by_label("New handset").fill(f"+{SEATTLE}")
    opened.get_by_role("button", name="Add").click()
    yield opened
    opened.close()
    assert [] == watch.problems


def test_both_sides_of_a_call_see_virtual_numbers(page: Page) -> None:
    """What the caller heard, and the callee's handset with the number that it was shown."""
    form = page.get_by_role("form", name=f"Text from +{SEATTLE}")
    form.get_by_label("Text a number").fill(f"+{VIRTUAL}")
    form.get_by_role("button", name="Call").click()
    made = page.get_by_role("list", name=f"Messages of +{SEATTLE}").get_by_role("listitem")
    expect(made).to_contain_text(f"Called +{VIRTUAL}")
    expect(made).to_contain_text("“Please wait”")
    expect(made).to_contain_text("completed after 7 seconds")
    rang = page.get_by_role("list", name=f"Messages of +{BERLIN}").get_by_role("listitem")
    expect(rang).to_contain_text(f"Call from +{MASK}")
    expect(rang).not_to_contain_text(SEATTLE)
    expect(rang).to_contain_text("completed after 7 seconds")
    expect(page.get_by_role("status")).to_contain_text("2 phones")


def test_a_wrong_number_is_said_beside_the_form(page: Page) -> None:
    """And the number is marked and focused, as for a text."""
    form = page.get_by_role("form", name=f"Text from +{SEATTLE}")
    number = form.get_by_label("Text a number")
    number.fill("Acme")
    form.get_by_role("button", name="Call").click()
    expect(form.get_by_role("alert")).to_contain_text("to: must be a number")
    expect(number).to_be_focused()
