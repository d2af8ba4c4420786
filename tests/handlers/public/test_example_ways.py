"""The example form in a real Chromium: another way than a text, countries, groups, languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from handlers.public.countries import qr_code
from handlers.public.texts import FORM, all_texts
from tests.conftest import RestartableValkey
from tests.support.browser import Windows
from tests.support.servers.processes import GatewayProcess

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
LINK = "https://www.example.com/app?a=1"
SHOP_LINK = "https://one.example/app"
SHOP = f'[[site]]\nkey = "one"\nlink = "{SHOP_LINK}"\n'
PLAIN = ("--limit_amount=0", "--receiver_limit_amount=0", "--protection=off")
TEXTS = all_texts()
NUMBER = "0176 04069001"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that limits nobody, with a link and a shop."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "protection.toml").write_text(SHOP)
    options = (f"--data_dir={folder}", f"--protection_file={folder / 'protection.toml'}")
    with GatewayProcess("--development_mode", f"--form_link={LINK}", *options, *PLAIN) as process:
        yield process


def on_disk(gateway: GatewayProcess, **more: str) -> str:
    return f"{FORM.as_uri()}?{urlencode({'gateway': gateway.url, **more})}"


OpenPage = Callable[..., Page]


@pytest.fixture
def opened(windows: Windows) -> Iterator[OpenPage]:
    """Opens pages for visitors of several kinds; none may do what a good page does not."""
    with ExitStack() as stack:

        def open_page(address: str, locale: str = "en-US", **options: Any) -> Page:
            page = stack.enter_context(windows.window(locale=locale, **options))
            page.goto(address)
            return page

        yield open_page


def press_send(page: Page, number: str = NUMBER) -> None:
    page.locator("#sms-receiver").fill(number)
    page.locator("#sms-form button[type=submit]").click()


def shows_way(page: Page, link: str = LINK, *, code: bool = True) -> None:
    """Wait until the link and its code are there."""
    way = page.locator("#sms-way")
    expect(way.get_by_role("link")).to_have_attribute("href", link)
    expect(way.get_by_role("link")).to_have_text(link.removeprefix("https://"))
    if code:
        image = way.locator("img")
        expect(image).to_be_visible()
        assert qr_code(link) == image.get_attribute("src")
        assert image.evaluate("each => each.decode().then(() => each.naturalWidth > 50)")
    expect(way).to_be_in_viewport(ratio=0.5)


# -- another way ------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["served", "on disk"])
def test_a_number_that_gets_no_texts_is_marked_and_the_link_shown(
    opening: str, gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html" if opening == "served" else on_disk(gateway))
    expect(page.locator("#sms-countries")).to_be_visible()

    press_send(page, "030 23125000")

    expect(page.locator("#sms-answer")).to_contain_text("is not a mobile number")
    expect(page.locator("#sms-receiver")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#sms-way")).to_contain_text(TEXTS["en"]["another_way"])
    shows_way(page)


def test_a_missing_number_and_a_message_that_goes_out_show_no_link(
    gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html")
    press_send(page, "12")
    shows_way(page)
    expect(page.locator("#sms-form button[type=submit]")).to_be_enabled()
    press_send(page, "")
    expect(page.locator("#sms-answer")).to_have_text(TEXTS["en"]["receiver_missing"])
    expect(page.locator("#sms-way")).to_be_hidden()
    press_send(page)
    expect(page.locator("#sms-answer")).to_contain_text("Sent to")
    expect(page.locator("#sms-way")).to_be_hidden()


@pytest.mark.parametrize("opening", ["served", "on disk"])
def test_a_limit_shows_the_link_in_place_of_an_error(
    opening: str, opened: OpenPage, tmp_path: Path
) -> None:
    options = ("--development_mode", f"--data_dir={tmp_path}", "--limit_amount=1")
    with GatewayProcess(*options, f"--form_link={LINK}") as gateway:
        page = opened(f"{gateway.url}/example.html" if opening == "served" else on_disk(gateway))
        press_send(page)
        expect(page.locator("#sms-answer")).to_contain_text("Sent to")
        expect(page.locator("#sms-form button[type=submit]")).to_be_enabled()
        press_send(page)
        expect(page.locator("#sms-answer")).to_have_text(TEXTS["en"]["instead"])
        expect(page.locator("#sms-status")).to_have_attribute("data-kind", "way")
        shows_way(page)
        page.goto("about:blank")


def test_a_store_and_a_gateway_that_are_down_show_the_link(
    opened: OpenPage, valkey_server: RestartableValkey
) -> None:
    redis = f"--redis_url={valkey_server.url}"
    with GatewayProcess("--development_mode", redis, f"--form_link={LINK}") as gateway:
        page = opened(f"{gateway.url}/example.html")
        expect(page.locator("#sms-countries")).to_be_visible()
        valkey_server.stop()
        press_send(page)
        shows_way(page)
        expect(page.locator("#sms-answer")).to_have_text(TEXTS["en"]["instead"])
        expect(page.locator("#sms-form button[type=submit]")).to_be_enabled()
    press_send(page)
    expect(page.locator("#sms-answer")).to_have_text(TEXTS["en"]["instead"])
    shows_way(page)


def test_a_shop_shows_its_own_link(gateway: GatewayProcess, opened: OpenPage) -> None:
    page = opened("about:blank")
    copy = FORM.read_text().replace('data-site=""', 'data-site="one"')
    page.route("**/example.html", lambda route: route.fulfill(body=copy, content_type="text/html"))
    page.goto(f"{gateway.url}/example.html")
    expect(page.locator("#sms-countries")).to_be_visible()
    press_send(page, "12")
    shows_way(page, SHOP_LINK)


def test_a_telephone_shows_the_link_without_a_code(
    gateway: GatewayProcess, opened: OpenPage
) -> None:
    """It cannot photograph itself."""
    phone = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True}
    page = opened(f"{gateway.url}/example.html", **phone)
    expect(page.locator("#sms-countries")).to_be_visible()
    press_send(page, "12")
    shows_way(page, code=False)
    expect(page.locator("#sms-way img")).to_be_hidden()
    assert 360 == page.evaluate("document.documentElement.scrollWidth")


def test_only_an_address_of_the_web_becomes_a_link(
    gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html")
    answer = {"status": "error", "error": "limit_acceded", "link": "javascript:alert(1)"}
    page.route("**/message/", lambda route: route.fulfill(json=answer))
    press_send(page)
    expect(page.locator("#sms-status")).to_have_attribute("data-kind", "way")
    expect(page.locator("#sms-way")).to_be_hidden()


# -- countries --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "first", "second"),
    [
        ("en-US", "United States +1", "Afghanistan +93"),
        ("de-AT", "Österreich +43", "Afghanistan +93"),
        ("fr-FR", "France +33", "Afghanistan +93"),
        ("ja-JP", "Japan +81", "Afghanistan +93"),
    ],
)
def test_the_likely_country_comes_first_in_the_visitors_words(
    locale: str, first: str, second: str, gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html", locale)
    options = page.locator("#sms-country option")
    expect(options.nth(0)).to_have_text(first)
    expect(options.nth(1)).to_have_text(second)
    assert "" == page.locator("#sms-country").input_value()


def test_a_country_that_is_chosen_completes_the_number(
    gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html")
    page.locator("#sms-country").select_option(label="France +33")
    press_send(page, "06 39 98 12 34")
    expect(page.locator("#sms-answer")).to_contain_text("“06 39 98 12 34” is not")
    press_send(page, "0612345678")
    expect(page.locator("#sms-answer")).to_have_text("Sent to +33 6 12 34 56 78")


def test_a_country_that_is_not_chosen_is_no_constraint(
    gateway: GatewayProcess, opened: OpenPage
) -> None:
    """The gateway's own guess looks at the number, too."""
    page = opened(f"{gateway.url}/example.html", "en-US")
    expect(page.locator("#sms-country option").first).to_have_text("United States +1")
    press_send(page, NUMBER)
    expect(page.locator("#sms-answer")).to_have_text("Sent to +49 176 04069001")


# -- the number while it is typed -------------------------------------------------------------


@pytest.fixture(scope="module")
def typist(browser: Browser, gateway: GatewayProcess) -> Iterator[Callable[[str], Page]]:
    """Returns the form of a visitor with these languages, which he keeps open for all tests."""
    pages: dict[str, Page] = {}

    def page_of(locale: str) -> Page:
        if locale not in pages:
            pages[locale] = browser.new_context(locale=locale).new_page()
            pages[locale].goto(f"{gateway.url}/example.html")
            expect(pages[locale].locator("#sms-countries")).to_be_visible()
        return pages[locale]

    yield page_of
    for each in pages.values():
        each.context.close()


@pytest.mark.parametrize(
    "case",
    [
        ("de-DE", "017604069001", "0176 04069001"),
        ("de-DE", "0151 23456789", "01512 3456789"),
        ("de-DE", "0176-040 690 01", "0176 04069001"),
        ("de-DE", "+4917604069001", "+49 176 04069001"),
        ("de-DE", "004917604069001", "0049 176 04069001"),
        ("de-DE", "+33612345678", "+33 6 12 34 56 78"),
        ("de-DE", "+12065550100", "+1 206-555-0100"),
        ("de-DE", "+49 17", "+49 17"),
        ("de-DE", "+", "+"),
        ("de-DE", "0", "0"),
        ("de-DE", "17604069001", "17604069001"),
        ("fr-FR", "0612345678", "06 12 34 56 78"),
        ("fr-FR", "06123", "06 12 3"),
        ("en-GB", "07400123456", "07400 123456"),
        ("en-US", "2065550100", "206-555-0100"),
        ("en-US", "12065550100", "1 206-555-0100"),
        ("en-US", "(206) 555-0100", "(206) 555-0100"),
        ("pt-BR", "11961234567", "11 96123-4567"),
        ("it-IT", "3123456789", "312 345 6789"),
        ("hu-HU", "06201234567", "06 20 123 4567"),
        ("ru-RU", "89123456789", "8 912 345-67-89"),
        ("de-DE", "+49 (0)176 04069001", "+49 (0)176 04069001"),
        ("de-DE", "tel:+4917604069001", "tel:+4917604069001"),
        ("de-DE", "٠١٧٦٠٤٠٦٩٠٠١", "٠١٧٦٠٤٠٦٩٠٠١"),
        ("de-DE", "+99912345", "+99912345"),
        ("de-DE", "0176 ", "0176 "),
    ],
)
@pytest.mark.parametrize("way", ["typed", "pasted"])
def test_a_number_is_set_in_groups(
    way: str, case: tuple[str, str, str], typist: Callable[[str], Page]
) -> None:
    locale, typed, shown = case
    page = typist(locale)
    field = page.locator("#sms-receiver")
    if way == "typed":
        field.press_sequentially(typed)
    else:
        field.focus()
        page.keyboard.insert_text(typed)
    expect(field).to_have_value(shown)
    length = "each => [each.selectionStart, each.value.length]"
    start, end = field.evaluate(length)
    assert start == end
    for _ in shown:
        page.keyboard.press("Backspace")
    expect(field).to_have_value("")


def test_words_behind_digits_stay_behind_their_hyphen(
    gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html", "en-US")
    field = page.locator("#sms-receiver")
    expect(page.locator("#sms-countries")).to_be_visible()
    field.press_sequentially("1-800-FLOWERS")
    expect(field).to_have_value("1 800-FLOWERS")


def test_who_types_in_the_middle_keeps_his_place(gateway: GatewayProcess, opened: OpenPage) -> None:
    page = opened(f"{gateway.url}/example.html", "de-DE")
    field = page.locator("#sms-receiver")
    expect(page.locator("#sms-countries")).to_be_visible()
    field.press_sequentially("017604069001")
    field.evaluate("each => each.setSelectionRange(6, 6)")
    page.keyboard.press("Backspace")
    page.keyboard.type("5")
    assert [6, 6] == field.evaluate("each => [each.selectionStart, each.selectionEnd]")
    expect(field).to_have_value("0176 54069001")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(field).to_have_value("0176 54 069001")
    page.keyboard.press("Tab")
    expect(field).to_have_value("0176 54069001")


def test_a_country_is_asked_about_once_and_nothing_else_for_a_key(
    gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html", "de-DE")
    expect(page.locator("#sms-countries")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    field = page.locator("#sms-receiver")
    for _ in range(2):
        field.fill("")
        field.press_sequentially("+33612345678")
        expect(field).to_have_value("+33 6 12 34 56 78")
    assert ["endpoint=%2Fmessage%2F&formats=33"] == asked


# -- languages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        ("en-GB", "", "en"),
        ("de-CH", "", "de"),
        ("fr-CA", "", "fr"),
        ("es-MX", "", "es"),
        ("pt-BR", "", "pt"),
        ("ja-JP", "", "en"),
        ("de-DE", "fr", "fr"),
        ("de-DE", "xx", "de"),
    ],
)
@pytest.mark.parametrize("opening", ["served", "on disk"])
def test_the_form_speaks_the_visitors_language(
    opening: str, case: tuple[str, str, str], gateway: GatewayProcess, opened: OpenPage
) -> None:
    locale, asked, language = case
    more = {"lang": asked} if asked else {}
    served = f"{gateway.url}/example.html?{urlencode(more)}"
    page = opened(served if opening == "served" else on_disk(gateway, **more), locale)
    texts = TEXTS[language]
    assert language == page.locator("html").get_attribute("lang")
    expect(page).to_have_title(texts["title"])
    expect(page.get_by_role("heading")).to_have_text(texts["title"])
    expect(page.get_by_role("button")).to_have_text([texts["send"], texts["check"]])
    expect(page.get_by_label(texts["label"])).to_be_visible()
    press_send(page, "99")
    wrong = texts["receiver_validation"].replace("{typed}", "99")
    expect(page.locator("#sms-answer")).to_have_text(wrong)
    expect(page.locator("#sms-way")).to_contain_text(texts["another_way"])


def test_a_page_can_choose_the_language(gateway: GatewayProcess, opened: OpenPage) -> None:
    page = opened("about:blank")
    copy = FORM.read_text().replace('data-lang=""', 'data-lang="pt"')
    page.route("**/example.html", lambda route: route.fulfill(body=copy, content_type="text/html"))
    page.goto(f"{gateway.url}/example.html")
    expect(page).to_have_title(TEXTS["pt"]["title"])


@pytest.mark.parametrize(
    ("language", "seconds", "shown"),
    [
        ("en", 59, "in 59 seconds."),
        ("en", 3600, "in 1 hour."),
        ("de", 7200, "in 2 Stunden noch"),
        ("fr", 600, "dans 10 minutes."),
        ("es", 1, "dentro de 1 segundo."),
        ("pt", 61, "daqui a 2 minutos."),
    ],
)
def test_the_wait_is_said_in_the_language(
    language: str, seconds: int, shown: str, gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html", language)
    headers = {"Retry-After": str(seconds), "Content-Type": "application/json"}
    body = json.dumps({"status": "error", "error": "limit_acceded"})
    page.route("**/message/", lambda route: route.fulfill(body=body, headers=headers))
    press_send(page)
    expect(page.locator("#sms-answer")).to_contain_text(shown)


# -- for everybody ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "scheme"),
    [("en", "light"), ("de", "dark"), ("fr", "light"), ("es", "dark"), ("pt", "light")],
)
def test_the_form_breaks_no_rule_of_axe(
    language: str, scheme: Any, gateway: GatewayProcess, opened: OpenPage
) -> None:
    page = opened(f"{gateway.url}/example.html", language, color_scheme=scheme)
    expect(page.locator("#sms-countries")).to_be_visible()
    press_send(page, "12")
    shows_way(page)
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")
    assert [] == [(each["id"], [n["html"] for n in each["nodes"]]) for each in found["violations"]]
