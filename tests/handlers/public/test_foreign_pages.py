"""What pages of other sites get a real Chromium to do to a gateway that is for one site alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from tests.support.browser import Windows
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.web_site import Answer, web_server
from tests.support.stand_ins.vonage import VonageStandin

QUERY = urlencode({"receiver": "+49 176 04069001"})

# What a page does with the address of a message endpoint; each ends when an answer has come.
FORM = """
  const frame = Object.assign(document.createElement("iframe"), { name: "answer" });
  document.body.append(frame);
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, { action: url, method: METHOD, target: "answer" });
  const field = form.appendChild(document.createElement("input"));
  Object.assign(field, { name: "receiver", value: "+49 176 04069001" });
  const loaded = new Promise((resolve) => (frame.onload = resolve));
  form.submit();
  await loaded;
"""
FETCH = "await fetch(`${url}?${query}`, OPTIONS).catch(() => 0);"
ELEMENT = """
  const each = document.createElement(NAME);
  const done = new Promise((resolve) => (each.onload = each.onerror = resolve));
  Object.assign(each, { src: `${url}?${query}`, ...MORE });
  document.body.append(each);
  await done;
"""
SANDBOX = """
  const body = `new URLSearchParams("${query}")`;
  const posting = `fetch("${url}", { method: "POST", mode: "no-cors", body: ${body} })` +
    `.finally(() => parent.postMessage(1, "*"))`;
  const frame = document.createElement("iframe");
  const done = new Promise((resolve) => addEventListener("message", resolve));
  frame.sandbox = "allow-scripts";
  frame.srcdoc = "<script>" + posting + "</" + "script>";
  document.body.append(frame);
  await done;
"""
HIDDEN = "{ referrerPolicy: 'no-referrer' }"


def element(name: str, more: str = "{}") -> str:
    return ELEMENT.replace("NAME", f"'{name}'").replace("MORE", more)


# label, script, whether it sends from the site that may, also when that site hides its address
WAYS: dict[str, tuple[str, bool, bool]] = {
    "fetch": (FETCH.replace("OPTIONS", "{}"), True, True),
    "fetch without CORS": (FETCH.replace("OPTIONS", "{ mode: 'no-cors' }"), True, False),
    "fetch that posts": (FETCH.replace("OPTIONS", "{ method: 'POST' }"), True, True),
    "post without CORS": (
        FETCH.replace("OPTIONS", "{ method: 'POST', mode: 'no-cors' }"),
        True,
        True,
    ),
    "fetch that hides": (
        FETCH.replace("OPTIONS", f"{{ mode: 'no-cors', ...{HIDDEN} }}"),
        False,
        False,
    ),
    "script tag": (element("script"), True, False),
    "script tag that hides": (element("script", HIDDEN), False, False),
    "picture": (element("img"), True, False),
    "frame": (element("iframe"), True, False),
    "frame that hides": (element("iframe", HIDDEN), False, False),
    "form": (FORM.replace("METHOD", "'post'"), True, False),
    "form by GET": (FORM.replace("METHOD", "'get'"), True, False),
    "sandboxed frame": (SANDBOX, False, False),
}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A site; on its page ``/hidden`` its address is kept back."""

    def respond(method: str, path: str, body: bytes) -> Answer:
        policy = {"Referrer-Policy": "no-referrer"} if "hidden" in path else {}
        page = b"<!DOCTYPE html><title>Site</title><link rel=icon href=data:,><body>"
        return 200, {"Content-Type": "text/html", **policy}, page

    with web_server(respond) as address:
        yield address


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str, site: str) -> Iterator[GatewayProcess]:
    options = standin.options(
        valkey_url, allowed_origins=site, protection="off", same_text_seconds=0
    )
    with GatewayProcess(*options) as process:
        yield process


Sender = Callable[[str, str], None]


@pytest.fixture
def sender(windows: Windows, gateway: GatewayProcess, standin: VonageStandin) -> Iterator[Sender]:
    """Lets the page at an address do something to the message endpoint, until it has an answer.

    The page is not watched: what is refused is an error on its console.
    """
    standin.expect()
    with windows.window(watched=False) as page:

        def send(address: str, script: str) -> None:
            page.goto(address)
            arguments = [f"{gateway.url}/message/", QUERY]
            page.evaluate(f"async ([url, query]) => {{ {script} }}", arguments)
            page.goto("about:blank")

        yield send


@pytest.mark.parametrize("page", ["", "hidden"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_the_site_that_may_sends_unless_nothing_tells_who_it_is(
    way: tuple[str, bool, bool], page: str, site: str, sender: Sender, standin: VonageStandin
) -> None:
    script, shown, hidden = way
    sender(site + page, script)
    assert (hidden if page else shown) is (len(standin.posts) == 1)


@pytest.mark.parametrize("page", ["", "hidden"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_another_site_sends_nothing_whatever_it_does(
    way: tuple[str, bool, bool], page: str, sender: Sender, standin: VonageStandin
) -> None:
    policy = {"Referrer-Policy": "no-referrer"} if page else {}
    body = b"<!DOCTYPE html><title>Evil</title><link rel=icon href=data:,><body>"
    with web_server(lambda *_: (200, {"Content-Type": "text/html", **policy}, body)) as evil:
        sender(evil, way[0])
    assert [] == standin.posts
