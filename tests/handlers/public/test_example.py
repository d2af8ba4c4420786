"""The example form in a real Chromium: served, opened from disk and copied to another site."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import RestartableValkey
from tests.support import ROOT
from tests.support.browser import Windows, handsets_url, require_chromium
from tests.support.servers.processes import GatewayProcess, wait_for
from tests.support.servers.web_site import Answer, web_server

FILE = ROOT / "handlers" / "static" / "example.html"
UNLIMITED = ("--limit_amount=0", "--receiver_limit_amount=0", "--protection=off")
OPENED = ("served", "from disk", "on another site")
MARKUP = "<img src=x onerror=alert(1)>"


class Form:
    """The page as its visitor sees it."""

    def __init__(self, page: Page, address: str) -> None:
        page.goto(address)
        self.page = page
        self.country = page.get_by_label("Country")
        self.field = page.get_by_label("Mobile number")
        self.send = page.get_by_role("button", name="Text me the link")
        self.check = page.get_by_role("button", name="Check number")
        self.status = page.locator("[aria-live=polite]")

    def press_send(self, number: str) -> None:
        """Type ``number`` and press the button."""
        self.field.fill(number)
        self.send.click()

    def press_check(self, number: str) -> None:
        """Type ``number`` and press the other button."""
        self.field.fill(number)
        self.check.click()

    def shows(self, *texts: str) -> None:
        """Wait until the status holds all ``texts``."""
        for text in texts:
            expect(self.status).to_contain_text(text)


class Provider:
    """The emulator behind a gateway in development mode, over HTTP."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.url = handsets_url(gateway)

    def configure(self, **settings: object) -> None:
        """Change settings of the account until the reset."""
        _call(f"{self.url}/emulator/settings", settings)

    def fail_next(self, failure: str, **more: object) -> None:
        """Let the next request to the SMS API fail."""
        _call(f"{self.url}/emulator/next", {"failure": failure, **more})

    def texts_to(self, number: str) -> list[str]:
        """Return the texts that the handset ``number`` (digits) received."""
        messages = json.loads(_call(f"{self.url}/emulator/messages?to={number}"))
        return [message["text"] for message in messages]

    def reset(self) -> None:
        """Forget everything."""
        _call(f"{self.url}/emulator/messages", method="DELETE")


def _call(url: str, body: object = None, method: str | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, method=method), timeout=10) as answer:
        content: bytes = answer.read()
    return content


def site_with_copy_for(gateway_url: str) -> Callable[[str, str, bytes], Answer]:
    """Return a web site that holds a copy of the page, changed as its first comment says."""
    marker = 'data-gateway=""'
    original = FILE.read_text()
    assert original.count(marker) == 1
    copy = original.replace(marker, f'data-gateway="{gateway_url}"').encode()
    return lambda *_: (200, {"Content-Type": "text/html; charset=UTF-8"}, copy)


def proxy_that_drops_cors(gateway_url: str) -> Callable[[str, str, bytes], Answer]:
    """Return a proxy after which no other site may read the gateway's answers by fetch."""

    def forward(method: str, path: str, body: bytes) -> Answer:
        request = Request(gateway_url + path, body or None, method=method)
        try:
            with urlopen(request, timeout=10) as answer:
                return (
                    answer.status,
                    {"Content-Type": answer.headers["Content-Type"]},
                    answer.read(),
                )
        except HTTPError as error:
            with error:
                return error.code, {}, error.read()

    return forward


def on_disk(gateway_url: str) -> str:
    """Return the address of the page on disk that is to use this gateway."""
    return f"{FILE.as_uri()}?{urlencode({'gateway': gateway_url})}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway in development mode that limits nobody."""
    data_dir = f"--data_dir={tmp_path_factory.mktemp('gateway')}"
    with GatewayProcess("--development_mode", data_dir, *UNLIMITED) as process:
        yield process


@pytest.fixture
def provider(gateway: GatewayProcess) -> Iterator[Provider]:
    emulator = Provider(gateway)
    emulator.configure(dlr_delay=0)
    yield emulator
    emulator.reset()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(locale="en-US", viewport={"width": 900, "height": 640})
    yield opened
    opened.close()


@pytest.fixture
def used_page(windows: Windows) -> Iterator[Page]:
    """A page that others have used before."""
    with windows.window(locale="en-US", viewport={"width": 900, "height": 640}) as page:
        yield page


@pytest.fixture(params=OPENED)
def form(
    request: pytest.FixtureRequest, used_page: Page, gateway: GatewayProcess
) -> Iterator[Form]:
    """The form in each of the ways in which it can be opened."""
    if request.param == "on another site":
        with web_server(site_with_copy_for(gateway.url)) as address:
            yield Form(used_page, address)
            used_page.goto("about:blank")  # nothing may be on its way when the site closes
    elif request.param == "from disk":
        yield Form(used_page, on_disk(gateway.url))
    else:
        yield Form(used_page, f"{gateway.url}/example.html")


@pytest.fixture
def served(used_page: Page, gateway: GatewayProcess) -> Form:
    return Form(used_page, f"{gateway.url}/example.html")


def test_texts_the_link_and_shows_its_delivery(
    form: Form, provider: Provider, context: BrowserContext
) -> None:
    """A national number becomes an SMS on a handset, and the form sees it arrive."""
    form.press_send("0176 04069001")
    form.shows("Sent to +49 176 04069001", "Delivered")

    handsets = context.new_page()
    handsets.goto(provider.url)
    expect(handsets.get_by_role("heading", name="+4917604069001")).to_be_visible()
    expect(handsets.locator(".text")).to_contain_text(["https://example.com/app"])


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        pytest.param("0176 04069001", "+49 176 04069001 can receive", id="national"),
        pytest.param("+61 491 570 156", "+61 491 570 156 can receive", id="foreign"),
        pytest.param("030 23125000", "+49 30 23125000 cannot receive text", id="landline"),
        pytest.param("0176 04", "“0176 04” is not a phone number", id="not valid"),
        pytest.param(MARKUP, f"“{MARKUP}” is not", id="markup"),
        pytest.param("  ", "Please type your mobile number.", id="blank"),
    ],
)
def test_checks_a_number(served: Form, typed: str, shown: str) -> None:
    """Whatever was typed is answered in a sentence, markup as the text that it is."""
    served.press_check(typed)
    served.shows(shown)
    expect(served.status.locator("img")).to_have_count(0)


def test_checks_number_after_number(form: Form) -> None:
    form.press_check(MARKUP)
    form.shows(f"“{MARKUP}” is not a phone number")
    expect(form.status.locator("img")).to_have_count(0)
    form.press_check("0176 04069001")
    form.shows("+49 176 04069001 can receive")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        pytest.param("", "Please type your mobile number.", id="missing"),
        pytest.param("0176 04", "“0176 04” is not a mobile number", id="not valid"),
        pytest.param("030 23125000", "“030 23125000” is not a mobile number", id="landline"),
        pytest.param(MARKUP, f"“{MARKUP}” is not a mobile number", id="markup"),
    ],
)
def test_leads_back_to_a_wrong_number(served: Form, typed: str, shown: str) -> None:
    """The field is marked and focused, until something else is typed."""
    served.press_send(typed)
    served.shows(shown)
    expect(served.field).to_have_attribute("aria-invalid", "true")
    expect(served.field).to_be_focused()
    expect(served.status.locator("img")).to_have_count(0)
    served.field.press_sequentially("1")
    expect(served.field).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        pytest.param(["buffered"], "On its way", id="buffered"),
        pytest.param(["buffered", "delivered"], "Delivered.", id="buffered, then delivered"),
        pytest.param(["expired"], "could not be reached in time", id="expired"),
        pytest.param(["failed"], "could not be delivered", id="failed"),
        pytest.param(["rejected"], "refused", id="rejected"),
        pytest.param(["unknown"], "does not say whether it arrived", id="unknown"),
    ],
)
def test_shows_what_became_of_the_message(
    page: Page, gateway: GatewayProcess, provider: Provider, statuses: list[str], shown: str
) -> None:
    provider.configure(dlr_statuses=statuses)
    page.clock.install()
    form = Form(page, f"{gateway.url}/example.html")
    form.press_send("0176 04069002")
    form.shows("On its way")
    page.clock.fast_forward(1000)
    form.shows("Sent to +49 176 04069002", shown)


@pytest.mark.parametrize("opened", ["served", "from disk"])
def test_gives_up_after_two_minutes(
    page: Page, gateway: GatewayProcess, provider: Provider, opened: str
) -> None:
    """Without a receipt the form says that the message may come later."""
    provider.configure(dlr_off=True)
    page.clock.install()
    form = Form(
        page, on_disk(gateway.url) if opened == "from disk" else f"{gateway.url}/example.html"
    )
    form.press_send("0176 04069003")
    form.shows("On its way")
    page.clock.fast_forward("02:01")
    form.shows("Sent to +49 176 04069003", "Not confirmed yet")


def test_asks_less_and_less_often(page: Page, gateway: GatewayProcess, provider: Provider) -> None:
    """The first look comes after a second, each later one after a quarter more, up to five."""
    provider.configure(dlr_off=True)
    page.clock.install()
    page.add_init_script(RECORD_TIMERS)
    Form(page, f"{gateway.url}/example.html").press_send("0176 04069003")
    looks = [1000 * min(1.25**n, 5) for n in range(10)]
    for count in range(1, len(looks) + 1):
        wait_for(partial(_has_paused, page, count))
        page.clock.fast_forward(5000)
    assert looks == _pauses(page)[: len(looks)]


RECORD_TIMERS = """
  window.timers = [];
  const start = window.setTimeout;
  window.setTimeout = (run, milliseconds, ...more) => {
    window.timers.push(milliseconds);
    return start(run, milliseconds, ...more);
  };
"""


def _has_paused(page: Page, count: int) -> bool:
    return len(_pauses(page)) >= count


def _pauses(page: Page) -> list[float]:
    """Return the pauses before each look, without the rest after the press and the time limits."""
    timers: list[float] = page.evaluate("timers")
    return [each for each in timers if each < 15_000][1:]


@pytest.mark.parametrize(
    ("failure", "more", "shown"),
    [
        pytest.param("status:9", {}, "could not be sent. Please try again later", id="refused"),
        pytest.param("close", {}, "not certain that the message", id="no answer"),
        pytest.param("close", {"accepted": True}, "Delivered.", id="no answer, but delivered"),
    ],
)
def test_says_when_the_provider_fails(
    form: Form, provider: Provider, failure: str, more: dict[str, Any], shown: str
) -> None:
    provider.fail_next(failure, **more)
    form.press_send("0176 04069004")
    form.shows("+49 176 04069004", shown)


def test_says_how_long_the_limit_holds(page: Page, tmp_path: Path) -> None:
    """The wait is told where a browser can read it: not in an answer to a script tag."""
    limits = ("--limit_amount=1", "--limit_expires=600")
    with GatewayProcess("--development_mode", f"--data_dir={tmp_path}", *limits) as gateway:
        form = Form(page, f"{gateway.url}/example.html")
        form.press_send("0176 04069005")
        form.shows("Sent to +49 176 04069005")
        form.press_send("0176 04069005")
        form.shows("Too many tries. Please try again in 10 minutes.")
        form = Form(page, on_disk(gateway.url))
        form.press_send("0176 04069005")
        form.shows("Too many tries. Please try again later.")


def test_says_when_the_store_is_down(page: Page, valkey_server: RestartableValkey) -> None:
    with GatewayProcess("--development_mode", f"--redis_url={valkey_server.url}") as gateway:
        valkey_server.stop()
        for address in (f"{gateway.url}/example.html", on_disk(gateway.url)):
            form = Form(page, address)
            form.press_send("0176 04069006")
            form.shows("We cannot send messages just now")


def test_says_when_the_gateway_is_gone(context: BrowserContext, tmp_path: Path) -> None:
    with GatewayProcess("--development_mode", f"--data_dir={tmp_path}") as gateway:
        addresses = (f"{gateway.url}/example.html", on_disk(gateway.url))
        forms = [Form(context.new_page(), address) for address in addresses]
    for form in forms:
        form.press_send("0176 04069007")
        form.shows("cannot be reached")
        expect(form.send).to_be_enabled()


def test_says_when_no_answer_comes(page: Page) -> None:
    """After 15 seconds of silence the visitor may try again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page.clock.install()
        form = Form(page, on_disk(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        form.press_send("0176 04069008")
        form.shows("Sending")
        page.clock.fast_forward(15_000)
        form.shows("No answer came in time")
        expect(form.send).to_be_enabled()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>"), id="a page"),
        pytest.param((500, {}, b'{"status":"error","error":"internal_error"}'), id="a crash"),
    ],
)
def test_survives_a_strange_answer(page: Page, answer: Answer) -> None:
    status, headers, body = answer
    allowed = (status, {**headers, "Access-Control-Allow-Origin": "*"}, body)
    with (
        web_server(lambda *_: allowed) as broken,
        web_server(site_with_copy_for(broken)) as address,
    ):
        form = Form(page, address)
        form.press_send("0176 04069008")
        form.shows("Something went wrong")
        page.goto("about:blank")


def test_falls_back_to_jsonp_without_sending_twice(
    context: BrowserContext, gateway: GatewayProcess, provider: Provider
) -> None:
    """Where fetch may not read the answers, a script tag does; the SMS goes out once."""
    with (
        web_server(proxy_that_drops_cors(gateway.url)) as proxy,
        web_server(site_with_copy_for(proxy)) as address,
    ):
        form = Form(context.new_page(), address)
        form.press_send("0176 04069009")
        form.shows("Sent to +49 176 04069009", "Delivered")
        assert 1 == len(provider.texts_to("4917604069009"))
        form.page.goto("about:blank")


def test_a_double_click_sends_once(served: Form, provider: Provider) -> None:
    served.field.fill("0176 04069010")
    served.send.dblclick()
    served.shows("Delivered")
    assert 1 == len(provider.texts_to("4917604069010"))


def test_rests_for_a_second_after_a_press(
    page: Page, gateway: GatewayProcess, provider: Provider
) -> None:
    """The second half of a slow double click finds the button switched off."""
    page.clock.install()
    form = Form(page, f"{gateway.url}/example.html")
    page.clock.pause_at("2100-01-01")
    form.press_send("0176 04069010")
    form.shows("Sent to +49 176 04069010")
    expect(form.send).to_be_disabled()
    page.clock.run_for(1000)
    expect(form.send).to_be_enabled()


def test_enter_held_down_sends_once(served: Form, provider: Provider) -> None:
    served.field.fill("0176 04069011")
    keyboard = served.page.keyboard
    keyboard.down("Enter")
    served.shows("Delivered")
    expect(served.send).to_be_enabled()
    keyboard.down("Enter")  # a key that is down already repeats
    keyboard.up("Enter")
    served.check.click()  # a form that is sending would not take this yet
    served.shows("can receive")
    assert 1 == len(provider.texts_to("4917604069011"))


def test_works_with_the_keyboard_alone(served: Form, provider: Provider) -> None:
    """Tab reaches everything in order and visibly, Enter sends, focus stays where it was."""
    keyboard = served.page.keyboard
    expect(served.country).to_be_visible()
    for target in (served.country, served.field, served.send, served.check):
        keyboard.press("Tab")
        expect(target).to_be_focused()
        expect(target).to_have_css("outline-style", "solid")
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    keyboard.type("0176 04069012")
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.press("Space")
    served.shows("can receive")
    expect(served.check).to_be_enabled()
    expect(served.check).to_be_focused()
    served.field.focus()
    keyboard.press("Enter")
    served.shows("Sent to +49 176 04069012", "Delivered")
    expect(served.field).to_be_focused()


@pytest.mark.parametrize("width", [320, 360, 412])
def test_fits_on_a_phone(served: Form, width: int) -> None:
    """No sideways scrolling, no zoom into the field, fingers hit the buttons, answers in view."""
    served.page.set_viewport_size({"width": width, "height": 640})
    served.press_send("4" * 64)
    served.shows("is not a mobile number")
    assert width == served.page.evaluate("document.documentElement.scrollWidth")
    assert 16 <= served.field.evaluate("each => parseFloat(getComputedStyle(each).fontSize)")
    expect(served.status).to_be_in_viewport(ratio=0.95)
    for button in (served.send, served.check):
        box = button.bounding_box()
        assert box
        assert box["height"] >= 44


COLOURS = (
    ("ink", "card"),
    ("quiet", "card"),
    ("accent", "card"),
    ("accent", "busy-back"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("ink", "busy-back"),
    ("good", "good-back"),
    ("bad", "bad-back"),
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_apart(page: Page, gateway: GatewayProcess, scheme: Any) -> None:
    """At least 4.5 to 1 (https://www.w3.org/TR/WCAG22/#contrast-minimum)."""
    page.goto(f"{gateway.url}/example.html")
    page.emulate_media(color_scheme=scheme)
    read = "name => getComputedStyle(document.querySelector('.sms-link')).getPropertyValue(name)"
    light = {
        name: luminance(page.evaluate(read, f"--{name}"))
        for name in {name for pair in COLOURS for name in pair}
    }
    assert [] == [pair for pair in COLOURS if contrast(*(light[name] for name in pair)) < 4.5]


def contrast(one: float, other: float) -> float:
    """Return the contrast ratio of two luminances (https://www.w3.org/TR/WCAG22/)."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (https://www.w3.org/TR/WCAG22/)."""
    channels = (int(colour.strip()[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_keeps_still_for_those_who_ask(
    page: Page, gateway: GatewayProcess, provider: Provider
) -> None:
    page.emulate_media(reduced_motion="reduce")
    provider.configure(dlr_off=True)
    form = Form(page, f"{gateway.url}/example.html")
    form.press_send("0176 04069013")
    form.shows("On its way")
    spinner = "each => getComputedStyle(each, '::before').animationName"
    assert "none" == form.status.evaluate(spinner)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?gateway=",
        "?gateway=javascript:alert(1)",
        "?gateway=file:///tmp/",
        "?gateway=sms.example.com",
    ],
)
def test_on_disk_only_a_web_address_is_a_gateway(used_page: Page, query: str) -> None:
    """Everything else means the gateway on this machine's usual port."""
    used_page.route("http://localhost:8888/**", lambda route: route.abort())
    form = Form(used_page, FILE.as_uri() + query)
    with used_page.expect_request("http://localhost:8888/validate_number/?*"):
        form.press_check("0176 04069014")
    form.shows("cannot be reached")


def test_no_link_turns_a_site_to_another_gateway(page: Page, gateway: GatewayProcess) -> None:
    """Where the page is served, ``?gateway=`` means nothing."""
    form = Form(page, f"{gateway.url}/example.html?gateway=http://127.0.0.1:9/")
    form.press_check("0176 04069014")
    form.shows("can receive")


def test_says_that_it_needs_javascript(browser: Browser, gateway: GatewayProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    form = Form(context.new_page(), f"{gateway.url}/example.html")
    notice = form.page.locator("noscript")  # Playwright's text locators look past it
    expect(notice).to_be_visible()
    assert "Please turn JavaScript on: this form needs it." == notice.text_content()
    expect(form.send).to_be_disabled()
    expect(form.check).to_be_disabled()
    context.close()


def test_loads_nothing_but_itself_and_the_countries(page: Page, gateway: GatewayProcess) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    address = f"{gateway.url}/example.html"
    page.goto(address, wait_until="networkidle")
    loaded = [each for each in requests if not each.startswith("data:")]
    assert [address, f"{gateway.url}/countries/"] == loaded


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [
        pytest.param("", pytest.skip.Exception, id="skips elsewhere"),
        pytest.param("true", pytest.fail.Exception, id="fails in CI"),
    ],
)
def test_names_the_browser_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="chromium is not installed"):
        require_chromium()
