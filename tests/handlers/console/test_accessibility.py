"""Every page of the console for everybody: by axe-core's rules, by keyboard, on small screens.

axe-core (https://github.com/dequelabs/axe-core) comes with axe-playwright-python. The pages' own
policy would not let it in as an element; the browser's debugger runs it all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support import ROOT
from tests.support.browser import Watch
from tests.support.scenes.console import LISTS, OPTIONS, PAGES, TOKEN
from tests.support.scenes.console_content import LEAVER, VISITOR, Content, everything
from tests.support.servers.processes import GatewayProcess

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
STYLESHEET = (ROOT / "handlers" / "static" / "console" / "console.css").read_text("utf-8")
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SMALLEST: ViewportSize = {"width": 320, "height": 568}
SIZES = {"desk": DESK, "phone": PHONE}
# Forms that a page answers itself: where they are, and what is typed.
ASKED = {
    "would it pass": (
        "/console/limits",
        "form[action^='/console/limits/check']",
        {"address": "192.0.2.17", "number": f"+{VISITOR}"},
    ),
    "search of opt-outs": ("/console/messages/optouts", "form.search", {"q": f"+{LEAVER}"}),
    "rehearsal": (
        "/console/rehearsal",
        "form[action^='/console/rehearsal']",
        {"written": '[[rule]]\naction = "block"', "days": "3"},
    ),
    "rehearsal of what cannot be read": (
        "/console/rehearsal",
        "form[action^='/console/rehearsal']",
        {"written": "[[rule"},
    ),
    "search without a find": ("/console/messages", "form.search", {"q": "nothing"}),
}
CONTRAST = {"runOnly": ["color-contrast"]}

# The elements that Tab has to reach, in this order: all that can be used and can be seen. They
# are kept in a list, since a mark on them would be gone with the next update of a live part. The
# browser is brought to the beginning of the page, wherever a field has taken the focus.
STOPS = """() => {
  const usable = 'a[href], button, input:not([type=hidden]), select, textarea, summary, ' +
    'iframe, [tabindex="0"]';
  const seen = (each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled;
  const start = document.body.insertBefore(document.createElement('i'), document.body.firstChild);
  start.tabIndex = -1;
  start.focus();
  window.stops = [...document.querySelectorAll(usable)].filter(seen);
  return window.stops.map((each) => each.outerHTML.slice(0, 200));
}"""
# Where the focus is, and whether that can be seen; null where it is nothing of ours. Within a
# frame it is the frame's to show.
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return {
    stop: window.stops.indexOf(element),
    outlined: outlined || element.tagName === 'IFRAME',
    seen: box.width > 0 && box.right > 8 && box.left < innerWidth - 8 &&
      box.bottom > 8 && box.top < innerHeight - 8,
  };
}"""
# Fields and tables without a name, and headings of tables that head nothing.
NAMELESS = """() => [
  ...[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
    .filter((each) => !(each.labels?.length || each.ariaLabel)),
  ...[...document.querySelectorAll('table:not(.u-legend)')]
    .filter((each) => !each.caption?.innerText.trim()),
  ...document.querySelectorAll('table:not(.u-legend) th:not([scope])'),
].map((each) => each.outerHTML.slice(0, 200))"""
# What can be seen of a page except its times.
OTHER_WORDS = """() => {
  const main = document.querySelector('main').cloneNode(true);
  main.querySelectorAll('time, .unseen').forEach((each) => each.remove());
  return main.textContent;
}"""
WIDER = """() => [...document.querySelectorAll('body *')]
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    """A gateway with something on every page."""
    with everything(tmp_path_factory.mktemp("content")) as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page that must behave well to the end."""
    with browser.new_context(viewport=DESK, reduced_motion="reduce") as context:
        made = context.new_page()
        watch = Watch(made)
        yield made
        assert [] == watch.problems


@pytest.fixture(scope="module", params=[*PAGES, *ASKED], ids=str)
def opened(request: pytest.FixtureRequest, content: Content, page: Page) -> Page:
    """Each of the console's pages, with content; what is live has come."""
    path, form, fields = ASKED.get(request.param, (request.param, "", {}))
    page.goto(content.url(path))
    for name, value in fields.items():
        page.locator(f"{form} [name={name}]").fill(value)
    if fields:
        with page.expect_navigation():
            page.locator(form).get_by_role("button").click()
    if page.locator("[data-live]").count():
        expect(page.locator("#live-state")).to_have_text("live")
    return page


@pytest.fixture(scope="module")
def empty(browser: Browser, valkey_url: str) -> Iterator[Page]:
    """A page of a gateway that nobody has made use of, on which somebody has signed in."""
    with (
        GatewayProcess(*OPTIONS, f"--redis_url={valkey_url}") as gateway,
        browser.new_context(base_url=gateway.url, reduced_motion="reduce") as context,
    ):
        made = context.new_page()
        sign_in(made)
        yield made


def sign_in(page: Page) -> None:
    """Sign in by the form."""
    page.goto("/console/")
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def violations(page: Page, **options: Any) -> list[str]:
    """Return what axe-core finds, however serious it takes it to be: a line for each element."""
    if page.evaluate("() => !window.axe"):
        page.evaluate(AXE)
    found = page.evaluate(
        "options => axe.run(document, options)",
        {"resultTypes": ["violations"], "iframes": False, **options},
    )
    return [
        f"{each['impact']}: {each['id']}: {node['html'][:200]} {node['failureSummary'][:400]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def test_axe_finds_nothing_wrong(opened: Page) -> None:
    """By all its rules, of WCAG and of good practice: light at a desk, dark on a phone.

    Each width and each set of colours is seen once, since neither has to do with the other.
    """
    opened.emulate_media(color_scheme="dark")
    opened.set_viewport_size(PHONE)
    assert [] == violations(opened)
    opened.emulate_media(color_scheme="light")
    opened.set_viewport_size(DESK)
    assert [] == violations(opened)


@pytest.mark.long
def test_axe_finds_no_weak_contrast_the_other_way_round(opened: Page) -> None:
    """Light on a phone, dark at a desk."""
    opened.emulate_media(color_scheme="light")
    opened.set_viewport_size(PHONE)
    assert [] == violations(opened, **CONTRAST)
    opened.emulate_media(color_scheme="dark")
    opened.set_viewport_size(DESK)
    assert [] == violations(opened, **CONTRAST)


def test_the_width_changes_no_colour_and_the_colours_change_nothing_else() -> None:
    """Or axe would have to see all four pairs of them."""
    narrow, dark = (media_block(query) for query in ("max-width", "prefers-color-scheme: dark"))
    assert [] == re.findall(r"--[\w-]+:.*|#[0-9a-f]{3}.*|\b(?:rgb|hsl)a?\(.*", narrow)
    assert [] == re.findall(r"(?m)^ *(?!--|color-scheme:)[\w-]+:.*", dark)
    assert [":root {"] == re.findall(r"\S+ \{", dark)


def media_block(query: str) -> str:
    """Return what stands within the only ``@media`` block of the stylesheet with this query."""
    [block] = re.findall(rf"@media \([^)]*{query}[^)]*\) \{{\n(.*?)\n\}}", STYLESHEET, re.DOTALL)
    return str(block)


def test_each_page_has_a_title_one_heading_and_its_parts(opened: Page) -> None:
    """Landmarks to jump to, and headings that skip no level."""
    assert 1 == opened.get_by_role("heading", level=1).count()
    assert [1, 1, 1] == [
        opened.get_by_role("banner").count(),
        opened.get_by_role("main").count(),
        opened.get_by_role("contentinfo").count(),
    ]
    assert opened.title().endswith(" · SMS gateway")
    levels = opened.locator("h1, h2, h3, h4").evaluate_all("all => all.map(e => +e.tagName[1])")
    assert [] == [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1]


def test_each_field_has_a_label_and_each_table_a_caption(opened: Page) -> None:
    """A placeholder is no label."""
    assert [] == opened.evaluate(NAMELESS)


def test_nothing_is_wider_than_a_small_screen(opened: Page) -> None:
    """Down to 320 pixels (WCAG 1.4.10); what is wider scrolls inside of itself."""
    for size in (PHONE, SMALLEST):
        opened.set_viewport_size(size)
        width = opened.evaluate("document.scrollingElement.scrollWidth")
        assert size["width"] >= width, opened.evaluate(WIDER)


def test_times_tell_more_on_hover(opened: Page) -> None:
    """Every time is a ``<time>`` in the viewer's zone, with the exact one as its title.

    But for a carrier's, whose zone nobody tells.
    """
    times = opened.locator("time").evaluate_all("all => all.map(e => [e.dateTime, e.title])")
    assert [] == [each for each in times if not (each[0].endswith("Z") and len(each[1]) > 20)]
    written = r"\d{4}-\d\d-\d\d \d\d:\d\d(?!, as the carrier says)"
    assert [] == re.findall(written, opened.evaluate(OTHER_WORDS))


@pytest.mark.parametrize("size", SIZES)
def test_tab_reaches_everything_in_order_and_shows_where_it_is(opened: Page, size: str) -> None:
    """Each link, button and field of the page, from the skip link to the last."""
    opened.set_viewport_size(SIZES[size])
    stops = opened.evaluate(STOPS)
    reached: list[int] = []
    # Fields for times have several parts, and a frame has stops of its own.
    for _ in range(3 * len(stops) + 20):
        opened.keyboard.press("Tab")
        at = opened.evaluate(FOCUS)
        if at is None or (reached and at["stop"] == 0):
            break
        if at["stop"] >= 0 and at["stop"] not in reached[-1:]:
            reached.append(at["stop"])
            assert at["outlined"], stops[at["stop"]]
            assert at["seen"], stops[at["stop"]]
    assert [] == [stop for index, stop in enumerate(stops) if index not in reached]
    assert sorted(reached) == reached


@pytest.mark.parametrize("path", ["/console/conversations", "/console/sign-in"])
def test_the_first_link_skips_to_the_content(content: Content, page: Page, path: str) -> None:
    """It is unseen until Tab comes to it; the next Tab is behind the navigation."""
    page.set_viewport_size(DESK)
    page.goto(content.url(path))
    page.evaluate(STOPS)
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).not_to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')")


def test_axe_would_find_what_is_wrong(page: Page) -> None:
    """Else none of this would mean anything."""
    page.goto("about:blank")
    page.set_content("<input><p style='color: #999; background: #aaa'>Hello</p>")
    found = " ".join(violations(page))
    assert all(f": {rule}:" in found for rule in ("label", "color-contrast", "html-has-lang"))


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_list_says_what_to_do(empty: Page, path: str) -> None:
    """In words that can be read in both sets of colours."""
    empty.goto(path)
    words = empty.locator(".empty", has_text=LISTS[path])
    expect(words.first).to_be_visible()
    empty.emulate_media(color_scheme="light")
    assert [] == violations(empty)
    empty.emulate_media(color_scheme="dark")
    assert [] == violations(empty, **CONTRAST)
