"""Nothing that a phone, a visitor or a provider sends becomes more than text in the console.

Markup goes through every door of the gateway at once; then a browser opens every page of the
console that it finds a way to, numbers shown, and sends every form filled with markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from itertools import count
from pathlib import Path
from typing import Self
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import Watch
from tests.support.scenes.console import TOKEN, token_of
from tests.support.servers.processes import GatewayProcess, wait_for
from tests.support.stand_ins.vonage import Answer, Post, VonageStandin

HOOK = "battery-staple"
SECRET = "phone-secret"
DEVICES = f'[[device]]\nname = "front"\nsecret = "{SECRET}"\nresults = true\n'
ANNA, BERT, CARL = "12065550121", "12065550122", "12065550123"
POOL, FLOW = "12065550151", "12065550161"
DIGITS = "4917612345678"

IMAGE = "<img src=x onerror=pwned=1>"
# Out of an attribute, out of a field, out of a script, through the template, through an address.
SHAPES = (
    IMAGE,
    '"><script>pwned=1</script>',
    "' autofocus onfocus='pwned=1",
    "</textarea></title><svg onload=pwned=1>",
    "{{7*7}}{% raw 7 %}",
    "javascript:pwned=1",
    "&lt;i id=pw&gt;",
)
ALL = "".join(SHAPES)
TINY = "<i id=pw>"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# Whatever stands in a page only because something was not escaped.
INTRUDERS = """() => [...document.querySelectorAll("*")].filter((each) =>
    each.matches("img[src=x], #pw, script:not([src])") ||
    [...each.attributes].some(({name, value}) => name.startsWith("on") ||
      (/^(href|src|action|formaction|xlink:href)$/.test(name) && /^\\s*javascript:/i.test(value))))
  .map((each) => each.outerHTML.slice(0, 200)).concat(window.pwned ? ["it ran"] : [])"""
# All that a person may read, what stands in fields included.
READABLE = """() => [document.body.textContent, document.title,
  ...[...document.querySelectorAll("input, textarea")].map((each) => each.value)].join(" ")"""
FILL_AND_SEND = """([form, markup]) => {
  for (const each of form.querySelectorAll("input:not([type=hidden], [type=checkbox]), textarea"))
    each.value = markup;
  HTMLFormElement.prototype.submit.call(form);
}"""
# What Chromium says of markup that was typed into a field for a number or a time.
ODD_VALUE = "The specified value"
TYPED = "input:not([type=hidden]):not([type=checkbox]), textarea"


@dataclass
class Doors:
    """Everybody outside of a gateway, and what each of them said that a page should show."""

    url: str
    numbers: Iterator[int] = field(default_factory=count)
    sessions: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> str:
        """Send a form or JSON and return the answer, whatever its status is."""
        data = urlencode(form).encode() if form is not None else json.dumps(body).encode()
        kind = "application/x-www-form-urlencoded" if form is not None else "application/json"
        given = {"Content-Type": kind, **(headers or {})}
        request = Request(self.url + path, data if method == "POST" else None, given, method=method)
        try:
            with urlopen(request, timeout=10) as answer:
                text: str = answer.read().decode()
        except HTTPError as error:
            text = error.read().decode()
        return text

    def admin(self, path: str, method: str = "POST", **body: object) -> dict[str, object]:
        """Call an admin route."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer: dict[str, object] = json.loads(
            self.ask(path, body=body, headers=headers, method=method)
        )
        return answer

    def mark(self, name: str, markup: str = ALL) -> str:
        """Return markup that a page has to show, known by its name."""
        self.said[name] = f"{name}:{markup}"
        return self.said[name]

    def new_id(self, markup: str = IMAGE) -> str:
        """Return an id that no other has, with markup in it."""
        return f"{next(self.numbers)}{markup}"

    def text(self, message: str, **more: str) -> str:
        """Send a message over the admin route and return its id."""
        return str(self.admin("/messages", to=DIGITS, text=message, **more)["id"])

    def events(self, message: str) -> list[dict[str, object]]:
        """Return what has happened to a message."""
        found = self.admin(f"/messages/{message}", method="GET")["events"]
        assert isinstance(found, list)
        return found


def answered(post: Post) -> Answer:
    """Be both providers: refuse a text with ``refuse`` in it, take all others, in markup."""
    if post.target.startswith("/flowroute"):
        return _flowroute(json.loads(post.body)["data"]["attributes"]["body"])
    if post.method == "GET":
        owned = {"country": ALL, "msisdn": POOL, "type": ALL, "features": [ALL], "app_id": ALL}
        return Answer(json.dumps({"count": 1, "numbers": [owned]}).encode())
    form = post.form
    part = {"to": ALL, "message-price": ALL, "network": TINY, "remaining-balance": ALL}
    if "refuse" in form["text"]:
        refusal = {**part, "status": "7", "error-text": f"vonage-error:{ALL}"}
        return Answer(json.dumps({"message-count": "1", "messages": [refusal]}).encode())
    taken = {**part, "status": "0", "message-id": f"{form['client-ref'][:16]}{IMAGE}"}
    return Answer(json.dumps({"message-count": "1", "messages": [taken]}).encode())


def _flowroute(text: str) -> Answer:
    if "refuse" in text:
        error = {"title": f"flow-title:{IMAGE}", "detail": f"flow-detail:{IMAGE}"}
        return Answer(json.dumps({"errors": [error]}).encode(), status=422)
    return Answer(json.dumps({"data": {"id": f"mdr2-flow{IMAGE}"}}).encode(), status=202)


# ---- the doors


def a_conversation(doors: Doors) -> None:
    """Its name; what they say; what the provider says when it refuses that."""
    both = {"participant_a": ANNA, "participant_b": BERT, "mode": "both", "virtual_tn": POOL}
    made = doors.admin("/session", **both, unique_name=doors.mark("unique-name"))
    doors.sessions.append(str(made["session_id"]))
    for text in (doors.mark("conversation"), doors.mark("refused-conversation")):
        _mo(doors, ANNA, POOL, text)
    doors.said["dead-letter-reason"] = f"vonage-error:{ALL}"


def a_stranger(doors: Doors) -> None:
    """A name in the place of a number, a number that is none, and STOP."""
    _mo(doors, doors.mark("mo-name", IMAGE), POOL, doors.mark("mo-text"))
    _mo(doors, CARL, doors.mark("mo-to", IMAGE), "Hello")
    _mo(doors, f"STOP{IMAGE}", POOL, "STOP")
    _mo(doors, CARL, POOL, "STOP")


def _mo(doors: Doors, sender: str, to: str, text: str) -> None:
    form = {"msisdn": sender, "to": to, "text": text, "messageId": doors.new_id()}
    more = {"keyword": ALL, "message-timestamp": ALL, "type": ALL, "concat-ref": ALL}
    doors.ask(f"/inbound/{HOOK}", form=form | more)


def messages_v1(doors: Doors) -> None:
    """The newer shape of an MO."""
    body = {"message_uuid": doors.new_id(), "channel": "sms", "message_type": "text"}
    names = {"from": doors.mark("v1-from", IMAGE), "to": doors.mark("v1-to", IMAGE)}
    text = {"text": doors.mark("v1-text"), "timestamp": ALL}
    doors.ask(f"/inbound/{HOOK}", body=body | names | text)


def flowroute(doors: Doors) -> None:
    """Both shapes of an MO; answers; a receipt."""
    flat = {"id": doors.new_id(), "to": FLOW, "from": doors.mark("flow-from", IMAGE)}
    doors.ask(f"/{HOOK}", body=flat | {"body": doors.mark("flow-text")})
    nested = {"to": FLOW, "from": f"v21{IMAGE}", "body": doors.mark("flow-v21"), "timestamp": ALL}
    resource = {"type": "message", "id": doors.new_id(), "attributes": nested}
    doors.ask(f"/inbound/flowroute/{HOOK}", body={"data": resource})
    doors.text("refuse it", provider="flowroute")
    doors.said["flow-title"] = f"flow-title:{IMAGE}: flow-detail:{IMAGE}"
    message = doors.text("take it", provider="flowroute")
    said = {"status": "delivered", "level": IMAGE, "status_code": doors.mark("flow-code", IMAGE)}
    said["status_code_description"] = doors.mark("flow-description", IMAGE)
    said["timestamp"] = doors.mark("flow-time", IMAGE)
    receipt = {"type": "delivery_receipt", "id": f"mdr2-flow{IMAGE}", "attributes": said}
    doors.ask(f"/dlr/flowroute/{HOOK}", body={"data": receipt})
    assert 2 == len(doors.events(message))


def a_message(doors: Doors) -> None:
    """Its text and sender; the provider's refusal; receipts of both shapes."""
    doors.text(doors.mark("admin-text"), sender=doors.mark("x", TINY))
    doors.text(doors.mark("refuse-admin"))
    doors.said["vonage-error"] = f"vonage-error:{ALL}"
    message = doors.text("take it")
    part = doors.said["part"] = f"{message[:16]}{IMAGE}"
    receipt = {"messageId": part, "status": "buffered", "price": doors.mark("price", IMAGE)}
    receipt["err-code"] = doors.mark("err", IMAGE)
    receipt["scts"] = doors.mark("scts", IMAGE)
    receipt["network-code"] = doors.mark("network", IMAGE)
    doors.ask(f"/dlr/{HOOK}", form=receipt)
    doors.ask(f"/dlr/{HOOK}", form=receipt | {"status": ALL})
    status = {"message_uuid": part, "status": "delivered", "channel": "sms", "client_ref": ALL}
    status["timestamp"] = doors.mark("v1-time", IMAGE)
    error = {"type": ALL, "title": doors.mark("v1-title", IMAGE), "detail": ALL}
    doors.ask(f"/dlr/{HOOK}", body=status | {"error": error})
    assert 3 == len(doors.events(message))


def a_phone(doors: Doors) -> None:
    """An SMS that it received, its version, and what it says of an SMS that it sent."""
    agent = {"User-Agent": doors.mark("version")}
    post = {"secret": SECRET, "message": doors.mark("sms-text"), "message_id": doors.new_id()}
    post |= {"from": doors.mark("sms-from", IMAGE), "sent_to": doors.mark("sms-to", IMAGE)}
    post |= {"sent_timestamp": IMAGE, "device_id": ALL}
    doors.ask("/smssync/front/", form=post, headers=agent)
    made = doors.admin("/smssync/messages", to=DIGITS, message=doors.mark("task"), device="front")
    poll = f"/smssync/front/?task=send&secret={SECRET}"
    doors.ask(poll, headers=agent, method="GET")
    uuids = {"queued_messages": [made["uuid"], IMAGE]}
    doors.ask("/smssync/front/?task=sent", body=uuids, headers=agent)
    result = {"uuid": made["uuid"], "sent_result_code": 1, "delivered_result_code": 0}
    result["sent_result_message"] = doors.mark("sms-error")
    result["delivered_result_message"] = ALL
    query = f"/smssync/front/?task=result&secret={SECRET}"
    doors.ask(query, body={"message_result": [result]}, headers=agent)
    doors.text("by a phone", provider="smssync:front")
    doors.ask("/smssync/front/", body={"Task": "alert", "message": f"17 {ALL}"})


def a_call(doors: Doors) -> None:
    """What becomes of its legs, and why the fallback was asked."""
    call = {"conversation_uuid": "CON-1", "from": ANNA, "to": POOL, "uuid": "aa"}
    doors.ask(f"/proxy-call/{HOOK}", body=call)
    leg = call | {"direction": "outbound", "uuid": "bb", "network": ALL, "rate": ALL}
    leg |= {"reason": doors.mark("call-reason", IMAGE), "sub_state": ALL, "price": ALL}
    for status in (ALL, "failed"):
        doors.ask(f"/event/{HOOK}", body=leg | {"status": status, "timestamp": ALL})
    other = call | {"conversation_uuid": "CON-2", "reason": ALL}
    doors.ask(f"/proxy-call/fallback/{HOOK}", body=other)
    doors.ask(f"/proxy-call/{HOOK}", body=call | {"from": ALL, "to": ALL, "dtmf": ALL})


def a_visitor(doors: Doors) -> None:
    """Whatever he types, and his headers; he calls until he is refused."""
    names = ("User-Agent", "Referer", "Accept-Language", "X-Real-Ip", "Origin", "Cookie")
    headers = dict.fromkeys(names, ALL)
    for _ in range(4):
        query = urlencode({"receiver": ALL, "country": ALL, "callback": ALL})
        doors.ask(f"/message/?{query}", headers=headers, method="GET")
    for path in (f"/validate_number/?number={quote(ALL)}", f"/status/?id={quote(ALL)}"):
        doors.ask(path, headers=headers, method="GET")
    doors.ask("/message/", form={"receiver": "0176 12345678"}, headers={"X-Real-Ip": "192.0.2.7"})


def the_pool(doors: Doors) -> None:
    """What would become part of a number's record is refused."""
    for wrong in ({"provider": ALL}, {"country": ALL}, {"capabilities": ALL}, {"value": ALL}):
        assert "message" in doors.admin("/tn", **{"value": "12065550199", **wrong})


DOORS: tuple[Callable[[Doors], None], ...] = (
    *(a_conversation, a_stranger, messages_v1, flowroute, a_message),
    *(a_phone, a_call, a_visitor, the_pool),
)
# The console's own doors: what a link may bring along.
LINKS = (
    *(f"messages?to={quote(ALL)}", f"messages?after={quote(ALL)}", f"messages?done={quote(ALL)}"),
    *(f"messages/{quote(ALL, safe='')}", f"messages/inbox?after={quote(ALL)}"),
    f"messages/dead-letters?after={quote(ALL)}",
    f"messages/optouts?page={quote(ALL)}",
    *(f"conversations?{name}={quote(ALL)}" for name in ("q", "of", "after", "number")),
    *(f"conversations/{quote(ALL, safe='')}", f"numbers?after={quote(ALL)}"),
    *(f"devices/{quote(ALL, safe='')}", f"devices?after={quote(ALL)}"),
    f"limits?after={quote(ALL)}",
    *(quote(ALL, safe=""), f"sign-in?{quote(ALL)}"),
)
EVERYWHERE = (
    *("", "conversations", "messages", "numbers", "devices", "limits", "limits/links", "budget"),
    "devices/front",
    *("messages/dead-letters", "messages/inbox", "messages/optouts"),
)


# ---- the browser


@dataclass
class Tour:
    """A walk through all pages: what could be read on each, and what was wrong."""

    page: Page
    url: str
    watch: Watch
    read: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    forms: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, browser: Browser, url: str) -> Self:
        """Return one with a page of its own."""
        page = browser.new_page()
        return cls(page, url, Watch(page))

    def sign_in(self) -> None:
        """Go in by the form."""
        self.page.goto(f"{self.url}/console/")
        self.page.get_by_label("Admin token").fill(TOKEN)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def walk(self) -> None:
        """Open every page to which a link leads, with the numbers shown, and every odd link."""
        waiting = [f"/console/{each}" for each in EVERYWHERE]
        while waiting:
            path = waiting.pop(0)
            if path in self.read:
                continue
            self.show_numbers(path)
            self.page.goto(self.url + path)
            self.look(path)
            self.note_forms(path)
            waiting += [each for each in self.links() if each not in self.read]
        for each in LINKS:
            self.page.goto(f"{self.url}/console/{each}")
            self.look(f"/console/{each}")

    def show_numbers(self, path: str) -> None:
        """Press on a page what shows numbers, as a person without scripts would."""
        page = self.page.request.get(self.url + path).text()
        xsrf = token_of(page) if "xsrf" in page else ""
        for thing in set(re.findall(r'name="thing" value="([^"]*)"', page)) - self.shown:
            form = urlencode({"xsrf": xsrf, "thing": unescape(thing), "back": "/console/sign-in"})
            self.page.request.post(
                f"{self.url}/console/show", data=form, headers=FORM, max_redirects=0
            )
            self.shown.add(thing)

    def look(self, name: str) -> None:
        """Read a page once its live part has come, too, and note what should not be in it."""
        if self.page.locator("[data-live]").count():
            expect(self.page.locator("#live-state")).to_have_text("live")
        self.wrong += [f"{name}: {each}" for each in self.page.evaluate(INTRUDERS)]
        problems = [each for each in self.watch.problems if ODD_VALUE not in each]
        self.wrong += [f"{name}: {each}" for each in problems]
        self.watch.problems.clear()
        self.read[name] = " ".join(self.page.evaluate(READABLE).split())

    def note_forms(self, path: str) -> None:
        """Remember how many forms there are to be sent later; of alike ones in a list a few."""
        if not urlsplit(path).query:
            self.forms[path] = min(self.typed_forms.count(), 6)

    def links(self) -> list[str]:
        """Return the paths of the console to which the page leads."""
        links = self.page.locator("a[href^='/console/']")
        found: list[str] = links.evaluate_all("links => links.map((a) => a.getAttribute('href'))")
        return [each.partition("#")[0] for each in found]

    def send_forms(self) -> None:
        """Fill every form with markup and send it; the answers are pages as well."""
        for path, number in self.forms.items():
            for place in range(number):
                self.page.goto(self.url + path)
                with self.page.expect_navigation():
                    self.typed_forms.nth(place).evaluate(
                        f"(form, markup) => ({FILL_AND_SEND})([form, markup])", ALL
                    )
                self.look(f"{path}, form {place}")

    @property
    def typed_forms(self) -> Locator:
        """The forms of the page into which something can be typed."""
        return self.page.locator("main form").filter(has=self.page.locator(TYPED))


@pytest.fixture(scope="module")
def attack(
    standin: VonageStandin,
    valkey_url: str,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Doors, Tour]]:
    """Markup through every door, then the tour."""
    standin.expect(answered)
    directory: Path = tmp_path_factory.mktemp("phones")
    (directory / "devices.toml").write_text(DEVICES)
    options = standin.options(
        valkey_url,
        admin_token=TOKEN,
        webhook_token=HOOK,
        number_rate=0,
        limit_amount=3,
        trusted_proxies="127.0.0.1",
        smssync_devices_file=directory / "devices.toml",
        flowroute_url=f"http://{standin.domain}/flowroute",
        public_url="https://sms.example.com",
    )
    with GatewayProcess(*options) as gateway:
        doors = Doors(gateway.url)
        for number, provider in ((POOL, "nexmo"), (FLOW, "flowroute")):
            doors.admin("/tn", value=number, provider=provider)
        for door in DOORS:
            door(doors)
        wait_for(lambda: doors.admin("/dead-letters", method="GET")["total_dead_letters"], 10)
        tour = Tour.of(browser, gateway.url)
        tour.sign_in()
        tour.walk()
        tour.send_forms()
        yield doors, tour


def test_no_page_holds_an_element_that_came_as_markup(attack: tuple[Doors, Tour]) -> None:
    """Nor has the policy kept anything from running: there was nothing to keep."""
    assert [] == attack[1].wrong


def test_all_that_was_said_can_be_read_as_it_was_said(attack: tuple[Doors, Tour]) -> None:
    """Each word of each door on some page, letter by letter."""
    doors, tour = attack
    pages = list(tour.read.values())
    assert {} == {
        name: said for name, said in doors.said.items() if not any(said in page for page in pages)
    }


def test_every_page_was_looked_at(attack: tuple[Doors, Tour]) -> None:
    """The places of the navigation, each conversation, messages, and answers to forms."""
    doors, tour = attack
    expected = {f"/console/{each}" for each in EVERYWHERE}
    expected |= {f"/console/conversations/{each}" for each in doors.sessions}
    assert set() == expected - set(tour.read)
    assert 10 < sum(path.startswith("/console/messages/") for path in tour.read)
    assert 5 < sum(", form " in path for path in tour.read)


def test_handsets_show_what_they_got_as_text(browser: Browser, tmp_path: Path) -> None:
    """The page that is there in development_mode alone."""
    options = ("--development_mode", "--number_rate=0", "--nexmo_rate=0")
    with GatewayProcess(*options, f"--data_dir={tmp_path}") as gateway:
        tour = Tour.of(browser, gateway.url)
        tour.page.goto(f"{gateway.url}/console/handsets")
        first, second = (tour.page.locator(".phone").nth(place) for place in (0, 1))
        tour.page.get_by_role("button", name="Connect").first.click()
        first.get_by_label("Text", exact=True).fill(f"relayed:{ALL}")
        first.get_by_role("button", name="Send").click()
        expect(second.get_by_role("log")).to_contain_text(f"relayed:{ALL}")
        to = first.locator("header .number").inner_text()
        body = {"to": to, "text": f"sent:{ALL}", "sender": TINY}
        Doors(gateway.url).ask("/messages", body=body)
        expect(first.get_by_role("log")).to_contain_text(f"sent:{ALL}")
        tour.look("/console/handsets")
        tour.note_forms("/console/handsets")
        tour.send_forms()
    assert [] == tour.wrong
    assert 2 < len(tour.read)


UNESCAPED = {
    "element": f"<p>{IMAGE}</p>",
    "out of an attribute": f'<input value="{SHAPES[1]}">',
    "out of a single-quoted attribute": f"<input value='{SHAPES[2]}'>",
    "out of a field": f"<textarea>{SHAPES[3]}</textarea>",
    "address": f'<a href="{SHAPES[5]}">',
    "tiny": f"<p>{TINY}</p>",
}


@pytest.mark.parametrize("html", UNESCAPED.values(), ids=UNESCAPED.keys())
def test_markup_that_is_not_escaped_would_be_found(html: str, browser: Browser) -> None:
    """The search itself works."""
    page = browser.new_page()
    page.set_content(html)
    assert [] != page.evaluate(INTRUDERS)
    page.close()
