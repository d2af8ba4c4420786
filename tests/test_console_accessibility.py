"""Every page of the console for everybody: by axe-core's rules, by keyboard, on small screens.

axe-core (https://github.com/dequelabs/axe-core) comes with axe-playwright-python. The pages' own
policy would not let it in as an element; the browser's debugger runs it all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.browser import Watch, open_browser, require_chromium
from tests.console import LISTS, OPTIONS, PAGES, TOKEN
from tests.console_content import Content, everything
from tests.phones_town import devices_file
from tests.processes import GatewayProcess

PHONE, SMALLEST = {"width": 390, "height": 844}, {"width": 320, "height": 568}
DESK = {"width": 1280, "height": 900}
SCHEMES = ("light", "dark")
EACH_PAGE = pytest.mark.parametrize("path", PAGES)

# The elements that Tab has to reach, in this order: all that can be used and can be seen.
STOPS = """() => {
  const usable = 'a[href], button, input:not([type=hidden]), select, textarea, summary, ' +
    'iframe, [tabindex="0"]';
  const seen = (each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled;
  return [...document.querySelectorAll(usable)].filter(seen).map((each, index) => {
    each.dataset.stop = index;
    return each.outerHTML.slice(0, 200);
  });
}"""
# Where the focus is, and whether that can be seen; null where it is nothing of ours.
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    stop: Number(element.dataset.stop ?? -1),
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    inside: box.width > 0 && box.left >= 0 && box.right <= innerWidth + 1,
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    with open_browser(require_chromium()) as opened:
        yield opened


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    """A gateway with something on every page."""
    with everything(tmp_path_factory.mktemp("content")) as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page; it does nothing that a good page does not do."""
    with browser.new_context(viewport=DESK) as context:
        opened = context.new_page()
        watch = Watch(opened)
        yield opened
        assert [] == watch.problems


@pytest.fixture(scope="module")
def empty(
    browser: Browser, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page of a gateway with an empty store, on which somebody has signed in."""
    phones = devices_file(tmp_path_factory.mktemp("empty"))
    options = (*OPTIONS, f"--redis_url={valkey_url}")
    with (
        GatewayProcess(*options, phones) as gateway,
        browser.new_context(base_url=gateway.url) as context,
    ):
        opened = context.new_page()
        sign_in(opened)
        yield opened


def sign_in(page: Page) -> None:
    """Sign in by the form."""
    page.goto("/console/")
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def violations(page: Page, **options: Any) -> list[str]:
    """Return what axe-core finds, a line for each element."""
    if page.evaluate("() => !window.axe"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(
        "options => axe.run(document, options)",
        {"resultTypes": ["violations"], "iframes": False, **options},
    )
    return [
        f"{each['impact']}: {each['id']}: {node['html'][:200]} {node['failureSummary'][:400]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@EACH_PAGE
def test_axe_finds_nothing_wrong(content: Content, page: Page, path: str) -> None:
    """By all its rules, of WCAG and of good practice, at a desk and on a phone, light and dark."""
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(content.url(path))
    assert [] == violations(page)
    page.set_viewport_size(PHONE)
    assert [] == violations(page)
    page.emulate_media(color_scheme="dark")
    assert [] == violations(page, runOnly=["color-contrast"])
    page.set_viewport_size(DESK)
    assert [] == violations(page, runOnly=["color-contrast"])


@EACH_PAGE
def test_pages_have_one_heading_and_named_parts(content: Content, page: Page, path: str) -> None:
    """Each has its title, its landmarks and its place in the navigation; headings skip no level."""
    page.goto(content.url(path))
    assert 1 == page.get_by_role("heading", level=1).count()
    assert 1 == page.get_by_role("main").count()
    assert 1 == page.get_by_role("banner").count()
    assert 1 == page.get_by_role("contentinfo").count()
    heading = page.get_by_role("heading", level=1).inner_text()
    assert re.fullmatch(r".+ · SMS gateway", page.title()), heading
    levels = page.evaluate("() => [...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


@EACH_PAGE
def test_each_field_has_a_label_and_each_table_a_caption(
    content: Content, page: Page, path: str
) -> None:
    """A label that is a word and not only a placeholder."""
    page.goto(content.url(path))
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
        .filter(each => !(each.labels?.length || each.ariaLabel)).map(each => each.outerHTML)"""
    )
    assert [] == unnamed
    assert [] == page.evaluate(
        """() => [...document.querySelectorAll('table')]
        .filter(each => !each.caption?.innerText.trim()).map(each => each.outerHTML.slice(0, 200))"""
    )
    assert 0 == page.locator("th:not([scope])").count()


@EACH_PAGE
def test_nothing_is_wider_than_a_small_screen(content: Content, page: Page, path: str) -> None:
    """Down to 320 pixels, as WCAG 1.4.10 asks; wider things scroll inside of themselves."""
    page.goto(content.url(path))
    for size in (PHONE, SMALLEST):
        page.set_viewport_size(size)
        wider = """() => [...document.querySelectorAll('body *')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 120)).slice(0, 5)"""
        width = page.evaluate("document.scrollingElement.scrollWidth")
        assert size["width"] >= width, page.evaluate(wider)
    page.set_viewport_size(DESK)


@EACH_PAGE
def test_times_tell_more_on_hover(content: Content, page: Page, path: str) -> None:
    """Every time is a ``<time>`` in the viewer's zone, with the exact one as its title."""
    page.goto(content.url(path))
    times = page.locator("time").evaluate_all("all => all.map(e => [e.dateTime, e.title])")
    assert [] == [each for each in times if not (each[0].endswith("Z") and len(each[1]) > 20)]
    text = page.get_by_role("main").inner_text()
    assert [] == re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", text)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@EACH_PAGE
def test_tab_reaches_everything_in_order_and_shows_where_it_is(
    content: Content, page: Page, path: str, size: Any
) -> None:
    """Each link, button and field of the page, from the first to the last."""
    page.set_viewport_size(size)
    page.goto(content.url(path))
    page.evaluate("document.activeElement?.blur()")
    stops = page.evaluate(STOPS)
    reached: list[int] = []
    # Fields for times have several parts, and frames have stops of their own.
    for _ in range(3 * len(stops) + 20):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS)
        if at is None or (reached and at["stop"] == 0):
            break
        if at["stop"] >= 0 and (not reached or at["stop"] != reached[-1]):
            reached.append(at["stop"])
            assert at["outlined"], stops[at["stop"]]
            assert at["inside"], stops[at["stop"]]
    assert list(range(len(stops))) == reached, [stops[each] for each in set(range(len(stops))) - set(reached)]


@EACH_PAGE
def test_the_first_link_skips_to_the_content(content: Content, page: Page, path: str) -> None:
    """It is unseen until Tab comes to it; the next Tab stays behind the navigation."""
    page.goto(content.url(path))
    page.evaluate("document.activeElement?.blur()")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert not page.evaluate("!!document.activeElement.closest('header.top')")


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_list_says_what_to_do(empty: Page, path: str) -> None:
    """In words that can be read in both sets of colours."""
    empty.goto(path.format(device="front"))
    words = empty.locator(".empty", has_text=LISTS[path])
    expect(words.first).to_be_visible()
    for scheme in SCHEMES:
        empty.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert [] == violations(empty)
