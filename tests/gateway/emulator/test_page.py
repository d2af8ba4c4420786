"""The emulator's page in a browser: handsets that show, write, answer and call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.scenes.emulation import BERLIN, SEATTLE, alone
from tests.support.servers.processes import wait_for
from tests.support.stand_ins.voice_application import MASK, TALK, VIRTUAL, connect

HANDSET = "4917604069003"
SCRIPT = "<img src=x onerror=alert(1)> & <b>bold</b>"


@dataclass
class Webhook:
    """What was told on loopback, answered with ``status``; a call is connected to Berlin."""

    url: str = ""
    status: int = 200
    told: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps([TALK, connect()]).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.told.append(json.loads(body))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.02))
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_port}/"
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def emulator(webhook: Webhook) -> Iterator[str]:
    """The address of an emulator in a process of its own; calls take no time."""
    options = {
        "mo_url": webhook.url,
        "flowroute_mo_url": webhook.url,
        "answer_url": webhook.url,
        "retry_delays": "",
        "owned_numbers": f"{VIRTUAL},{MASK}",
        "call_time_scale": 0,
    }
    with alone(*(f"--{name}={value}" for name, value in options.items())) as address:
        yield address


@pytest.fixture
def page(page: Page, emulator: str) -> Page:
    """The open page."""
    page.goto(emulator)
    return page


def send_sms(emulator: str, sender: str, text: str) -> None:
    """Let the account send the handset an SMS."""
    account = {"api_key": "emulator", "api_secret": "emulator-secret"}
    params = account | {"from": sender, "to": HANDSET, "text": text}
    with urlopen(f"{emulator}/sms/json", urlencode(params).encode(), timeout=10) as answer:
        assert "0" == json.load(answer)["messages"][0]["status"]


def send_by_flowroute(emulator: str, sender: str, to: str) -> None:
    """Let the Flowroute account send an SMS."""
    headers = {
        "Authorization": "Basic ZW11bGF0b3I6ZW11bGF0b3Itc2VjcmV0",
        "Content-Type": "application/vnd.api+json",
    }
    body = json.dumps({"from": sender, "to": to, "body": "Hello"}).encode()
    with urlopen(Request(f"{emulator}/v2.1/messages", body, headers), timeout=10) as answer:
        assert 202 == answer.status


def form_of(page: Page, number: str) -> Locator:
    return page.get_by_role("form", name=f"Text from +{number}")


def test_answers_whoever_wrote_last(page: Page, emulator: str, webhook: Webhook) -> None:
    """The number is there already; the text is sent exactly and joins the conversation."""
    send_sms(emulator, VIRTUAL, "How are you?")
    form = form_of(page, HANDSET)
    expect(form.get_by_label("Text a number")).to_have_value(f"+{VIRTUAL}")
    form.get_by_label("Text", exact=True).fill("  fine,\nthanks ")
    form.get_by_role("button", name="Send").click()
    sent = page.locator("li.sent")
    expect(sent).to_have_count(1)
    expect(sent).to_contain_text(f"To +{VIRTUAL}")
    expect(sent).to_contain_text("sent")
    expect(page.locator(".text")).to_have_text(["How are you?", "fine, thanks"])
    expect(form.get_by_label("Text", exact=True)).to_have_value("")
    [told] = webhook.told
    assert (HANDSET, VIRTUAL, "  fine,\nthanks ") == (told["msisdn"], told["to"], told["text"])


def test_adds_a_handset_by_keyboard(page: Page, webhook: Webhook) -> None:
    """A number, Enter, the number to text, the text, the button: no mouse is needed."""
    page.get_by_label("New handset").focus()
    page.keyboard.type("+49 176 040690-03")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"+{HANDSET}")).to_be_visible()
    expect(form_of(page, HANDSET).get_by_label("Text a number")).to_be_focused()
    page.keyboard.type(f"+{VIRTUAL}")
    page.keyboard.press("Tab")
    page.keyboard.type("Hello")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("li.sent .text")).to_have_text(["Hello"])
    wait_for(lambda: webhook.told)
    assert [("Hello", HANDSET)] == [(told["text"], told["msisdn"]) for told in webhook.told]


def test_keeps_a_number_that_was_typed(page: Page, emulator: str) -> None:
    """An SMS that comes meanwhile changes nothing in the form."""
    send_sms(emulator, VIRTUAL, "one")
    number = form_of(page, HANDSET).get_by_label("Text a number")
    expect(number).to_have_value(f"+{VIRTUAL}")
    number.fill("+12065550161")
    send_sms(emulator, MASK, "two")
    expect(page.locator(".text")).to_have_text(["one", "two"])
    expect(number).to_have_value("+12065550161")


def test_answers_by_the_provider_of_the_number(page: Page, emulator: str, webhook: Webhook) -> None:
    """A number that wrote through Flowroute is answered through it."""
    send_by_flowroute(emulator, "12065550161", "12065550123")
    form = form_of(page, "12065550123")
    expect(form.get_by_label("Text a number")).to_have_value("+12065550161")
    form.get_by_label("Text", exact=True).fill("Yes")
    form.get_by_role("button", name="Send").click()
    expect(page.locator("li.sent")).to_contain_text("Flowroute")
    wait_for(lambda: webhook.told)  # it is told of a moment after it is shown
    assert ["data"] == list(webhook.told[0])


def test_says_what_went_wrong(page: Page, emulator: str, webhook: Webhook) -> None:
    """A wrong number is said beside the form and kept; a refused webhook in the conversation."""
    webhook.status = 503
    send_sms(emulator, "Acme", "Do not reply")
    form = form_of(page, HANDSET)
    number, text = form.get_by_label("Text a number"), form.get_by_label("Text", exact=True)
    expect(number).to_have_value("")
    number.fill("Acme")
    text.fill("Hello")
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_role("alert")).to_contain_text("to: must be a number")
    expect(number).to_be_focused()
    expect(text).to_have_value("Hello")
    number.fill(VIRTUAL)
    form.get_by_role("button", name="Send").click()
    expect(page.locator("li.sent")).to_contain_text("not taken: HTTP 503")
    expect(form.get_by_role("alert")).to_have_text("")


def test_shows_markup_as_text(page: Page, emulator: str) -> None:
    """Whatever is received or sent is text and nothing else."""
    send_sms(emulator, VIRTUAL, SCRIPT)
    form = form_of(page, HANDSET)
    form.get_by_label("Text", exact=True).fill(SCRIPT)
    form.get_by_role("button", name="Send").click()
    expect(page.locator(".text")).to_have_text([SCRIPT, SCRIPT])
    expect(page.locator("#handsets img, #handsets b")).to_have_count(0)


def test_a_reset_takes_every_handset_away(page: Page, emulator: str) -> None:
    """Those that were added, too."""
    page.get_by_label("New handset").fill("+12065550123")
    page.get_by_role("button", name="Add").click()
    send_sms(emulator, VIRTUAL, "one")
    expect(page.get_by_role("heading", level=2)).to_have_count(2)
    page.get_by_role("button", name="Reset emulator").click()
    expect(page.get_by_role("heading", name="No messages yet")).to_be_visible()
    expect(page.locator(".handset")).to_have_count(0)


def test_both_sides_of_a_call_see_virtual_numbers(page: Page) -> None:
    """What the caller heard, and the callee's handset with the number that it was shown."""
    page.get_by_label("New handset").fill(f"+{SEATTLE}")
    page.get_by_role("button", name="Add").click()
    form = form_of(page, SEATTLE)
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


def test_a_wrong_number_to_call_is_said_beside_the_form(page: Page, emulator: str) -> None:
    """And the number is marked and focused, as for a text."""
    send_sms(emulator, "Acme", "Do not reply")
    form = form_of(page, HANDSET)
    number = form.get_by_label("Text a number")
    number.fill("Acme")
    form.get_by_role("button", name="Call").click()
    expect(form.get_by_role("alert")).to_contain_text("to: must be a number")
    expect(number).to_be_focused()
