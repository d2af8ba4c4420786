"""The pages of phones: how they are, what they are to send, and the code that pairs one."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from playwright.sync_api import Browser, Page, expect

from gateway.store import keys
from gateway.store.pipeline import connect
from handlers.console.pages.phones import LOOKED_AT, ROWS, only_here
from tests.support.browser import Watch
from tests.support.scenes.console import Operator
from tests.support.scenes.masking import ADMIN
from tests.support.scenes.phones_town import TO, PhonesTown, devices_file, phones_town
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving

PUBLIC = "--public_url=https://gateway.example"
MASKED, INTERNATIONAL = "+49176•••••78", "+49 176 12345678"
HELLO = {"to": f"+{TO}", "message": "Hello", "device": "front"}


@pytest.fixture
async def desks(redis_url: str, tmp_path: Path) -> AsyncIterator[PhonesTown]:
    """A gateway with three phones, which knows its public address."""
    async with phones_town(redis_url, devices_file(tmp_path), PUBLIC) as made:
        yield made


@pytest.fixture
async def operator(desks: PhonesTown) -> Operator:
    """A person who has signed in."""
    return await Operator.signed_in(desks.gateway, "correct-horse")


async def poll(desks: PhonesTown) -> None:
    """Let the phone called back fetch its SMS."""
    async with desks.handset("back") as phone:
        await phone.poll()


def cells(page: str) -> list[list[str]]:
    """Return the words of the cells of each row of a page's only table."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [
            " ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split())
            for cell in re.split(r"<t[dh] [^>]*>", row)[1:]
        ]
        for row in body.split("</tr>")[:-1]
    ]


# --- How phones are ------------------------------------------------------------------------------


async def test_without_phones_the_page_says_how_to_configure_one(redis_url: str) -> None:
    """By either option."""
    async with serving("--admin_token=correct-horse", redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway, "correct-horse")
        page = await operator.page("/console/devices")
        assert "<code>smssync_secret</code>" in page
        assert "<code>smssync_devices_file</code>" in page


async def test_phones_are_listed_with_what_is_known_of_them(
    desks: PhonesTown, operator: Operator
) -> None:
    """One has polled and is handed an SMS, the others were never heard of."""
    await desks.queue(device="back")
    await desks.queue(device="back")
    await desks.queue(device="front")
    await poll(desks)
    assert [
        ["back", "+1 206-555-0172 +1 206-555-0173", "heard of", "not told", "0", "2 of 100"],
        ["front", "+1 206-555-0171", "never heard of", "not told", "1", "0"],
        ["reporting", "–", "never heard of", "not told", "0", "0 of 100"],
    ] == [
        [name, numbers, re.sub(r" \d.*", "", seen), battery, waiting, sent]
        for name, numbers, seen, _, battery, waiting, sent, _ in cells(
            await operator.page("/console/devices")
        )
    ]


RESULTS = {"front": "not so far", "back": "no, as configured", "reporting": "yes, as configured"}


@pytest.mark.parametrize(("name", "words"), RESULTS.items(), ids=RESULTS.keys())
async def test_a_phone_s_page_tells_whether_it_reports_results(
    operator: Operator, name: str, words: str
) -> None:
    """As it is configured, or as it has done."""
    assert f"<dd>{words}</dd>" in await operator.page(f"/console/devices/{name}")


MINUTE = 60_000
STATES = {
    "a short while ago": ({"last_seen": -14 * MINUTE}, '<span class="state good">heard of'),
    "too long ago": ({"last_seen": -16 * MINUTE}, '<span class="state bad">silent'),
    "battery full": ({"battery": 80}, '<span class="state good">80 %'),
    "battery low": ({"battery": 19}, '<span class="state bad">19 %'),
}


@pytest.mark.parametrize(("known", "shown"), STATES.values(), ids=STATES.keys())
async def test_what_needs_a_look_is_told_in_a_word_and_a_colour(
    operator: Operator, redis_url: str, known: dict[str, int], shown: str
) -> None:
    """A phone polls every five minutes unless told otherwise, so fifteen are too long."""
    store = connect(redis_url)
    seconds = int((await store.execute("TIME"))[0])
    at = {name: seconds * 1000 + n if name == "last_seen" else n for name, n in known.items()}
    fields = [each for pair in at.items() for each in pair]
    await store.execute("HSET", keys.device("front"), *fields)
    await store.close()
    for path in ("/console/devices", "/console/devices/front"):
        assert shown in await operator.page(path)


@pytest.mark.parametrize("path", ["nobody", "nobody/pairing.svg"])
async def test_a_phone_that_is_none_is_not_found(operator: Operator, path: str) -> None:
    """Whatever is asked of it."""
    await operator.page(f"/console/devices/{path}", 404)
    assert 404 == (await operator.post("/console/devices/nobody", **HELLO)).status


# --- The queue -----------------------------------------------------------------------------------


async def test_an_sms_is_queued_with_all_that_the_form_says(
    desks: PhonesTown, operator: Operator
) -> None:
    """Lines end as people mean it; a date is taken as UTC."""
    answer = await operator.post(
        "/console/devices/front",
        to=INTERNATIONAL,
        message="One\r\ntwo",
        device="",
        priority="7",
        ttl="",
        send_at="2030-01-01T10:00",
    )
    assert "/console/devices/front?done=queued" == answer.headers["Location"]
    [record] = (await desks.ok("GET", "/messages"))["messages"]
    assert "console" == record["source"]
    [made] = (await desks.ok("GET", "/smssync/messages"))["messages"]
    expected = {
        "to": TO,
        "message": "One\ntwo",
        "device": None,
        "state": "waiting",
        "priority": 7,
        "send_at": "2030-01-01 10:00:00",
        "expires": None,
    }
    assert expected == {name: made[name] for name in expected}


WRONG = {
    "no number": ({"to": "0176"}, "To: must be a valid international number."),
    "no message": ({"message": ""}, "Message: is missing."),
    "another's phone": ({"device": "nobody"}, "Sent by: unknown."),
    "too urgent": ({"priority": "5000"}, "Priority: must be a whole number"),
    "no moment": ({"send_at": "soon"}, "Not before: must be a date with a time"),
}


@pytest.mark.parametrize(("fields", "problem"), WRONG.values(), ids=WRONG.keys())
async def test_what_cannot_be_queued_is_named_and_nothing_typed_is_lost(
    desks: PhonesTown, operator: Operator, fields: dict[str, str], problem: str
) -> None:
    """And nothing is queued."""
    wanted: dict[str, Any] = {**HELLO, "message": "<i>Hello</i>", **fields}
    answer = await operator.post("/console/devices/front", **wanted)
    page = await answer.text()
    assert 400 == answer.status
    assert f'role="alert">{problem}' in page
    assert f">{wanted['message']}</textarea>" in unescape(page)
    assert "<i>" not in page
    assert 0 == (await desks.ok("GET", "/smssync/messages"))["total_messages"]


async def test_a_phone_s_queue_has_its_own_sms_and_those_for_any_phone(
    desks: PhonesTown, operator: Operator
) -> None:
    """What another phone has, or is alone to get, is not there; what it said stands beside."""
    for message, device in (("own", "front"), ("another's", "back"), ("taken", ""), ("any", "")):
        await desks.queue(message, device=device)
        if message == "taken":
            await poll(desks)
    page = await operator.page("/console/devices/front")
    assert [["any", "any phone", "waiting"], ["own", "front", "waiting"]] == [
        row[2:5] for row in cells(page)
    ]
    assert "among 4 of 4 SMS of all phones" in page
    back = cells(await operator.page("/console/devices/back"))
    assert [("any", "waiting"), ("taken", "handed"), ("another's", "handed")] == [
        (message, state) for _, _, message, _, state, _ in back
    ]


async def test_numbers_in_a_queue_are_masked_until_they_are_shown(
    desks: PhonesTown, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells whose were shown, the page holds no number elsewhere."""
    await desks.queue(device="front")
    hidden = await operator.page("/console/devices/front")
    assert MASKED in hidden
    assert TO not in hidden.replace(" ", "")
    with caplog.at_level(logging.WARNING):
        await operator.post("/console/show", thing="queue:front", back="/console/devices/front")
    assert INTERNATIONAL in await operator.page("/console/devices/front")
    assert "queue:front" in caplog.text


async def test_what_a_phone_calls_itself_is_masked_like_what_it_reports(
    operator: Operator, redis_url: str
) -> None:
    """It is the app's word, and the app knows the phone's number."""
    store = connect(redis_url)
    await store.execute("HSET", keys.device("front"), "version", f"SMSsync/3.1.0 +{TO}")
    await store.close()
    paths = ("/console/devices", "/console/devices/front")
    hidden = [await operator.page(path) for path in paths]
    await operator.post("/console/show", thing="queue:front", back="/console/devices/front")
    shown = [await operator.page(path) for path in paths]
    assert [True, True] == [f"SMSsync/3.1.0 {MASKED}" in page for page in hidden]
    assert [False, False] == [TO in page for page in hidden]
    assert [True, True] == [f"SMSsync/3.1.0 +{TO}" in page for page in shown]


async def test_a_long_queue_is_paged_and_says_of_what(
    desks: PhonesTown, operator: Operator
) -> None:
    """Rows follow each other without a gap; where there are none the next page is offered."""
    added = [await desks.queue(str(n), device="front") for n in range(ROWS + 1)]
    first = await operator.page("/console/devices/front")
    older = re.search(r'href="(/console/devices/front\?after=[0-9a-f-]+)"', first)
    assert older
    second = await operator.page(older[1])
    rows = [row[2] for page in (first, second) for row in cells(page)]
    assert [str(n) for n in reversed(range(ROWS + 1))] == rows
    for _ in range(LOOKED_AT):
        await desks.queue(device="back")
    page = await operator.page("/console/devices/front")
    assert f"None for this phone among these {LOOKED_AT} SMS" in page
    gone = await operator.page(f"/console/devices/front?after={'0' * 8}{added[0][8:]}")
    assert "among" in gone


async def test_an_sms_that_waits_is_cancelled(desks: PhonesTown, operator: Operator) -> None:
    """One that a phone has is not, and the page says why."""
    waiting, handed = await desks.queue(device="front"), await desks.queue(device="back")
    await poll(desks)
    answer = await operator.post(f"/console/devices/front/messages/{waiting}/cancel")
    assert "/console/devices/front?done=cancelled" == answer.headers["Location"]
    assert "cancelled" == await desks.state(waiting)
    late = await operator.post(f"/console/devices/back/messages/{handed}/cancel")
    assert 400 == late.status
    assert "The SMS: cannot be cancelled, it is handed." in await late.text()
    unknown = await operator.post("/console/devices/back/messages/nonsense/cancel")
    assert 404 == unknown.status


# --- Pairing -------------------------------------------------------------------------------------


async def show(operator: Operator, name: str) -> None:
    """Press the button that shows a phone's pairing code."""
    fields = {"thing": f"device:{name}", "back": f"/console/devices/{name}"}
    assert 303 == (await operator.post("/console/show", **fields)).status


SCALE = 8


def scan(svg: str) -> str:
    """Return what a scanner reads in a picture: one path, in strokes of modules, row after row."""
    width = re.search(r'width="(\d+)"', svg)
    drawn = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert width
    assert drawn
    side = int(width[1]) // SCALE
    modules = [bytearray(b"\xff" * side) for _ in range(side)]
    x, y = 0.0, 0.0
    for command, given in re.findall(r"([Mmh])([-\d. ]+)", drawn[1]):
        right, *down = (float(each) for each in given.split())
        if command == "h":
            modules[int(y)][int(x) : int(x + right)] = bytes(int(right))
        x, y = (right, *down) if command == "M" else (x + right, y + sum(down))
    rows = [bytes(each for each in row for _ in range(4)) for row in modules for _ in range(4)]
    return read(b"".join(rows), 4 * side)


def read(gray: bytes, width: int) -> str:
    """Return what the only QR code of a picture says; one byte a pixel."""
    [found] = zxingcpp.read_barcodes(memoryview(gray).cast("B", (len(gray) // width, width)))
    return found.text


@pytest.mark.parametrize("name", ["front", "back"])
async def test_the_code_says_exactly_what_the_pairing_route_answers(
    desks: PhonesTown, operator: Operator, name: str
) -> None:
    """Also with a secret of characters that mean something elsewhere; typed, it is the same."""
    await show(operator, name)
    async with desks.gateway.client.get(f"/console/devices/{name}/pairing.svg") as answer:
        assert "image/svg+xml; charset=UTF-8" == answer.headers["Content-Type"]
        assert "no-store" == answer.headers["Cache-Control"]
        said = scan(await answer.text())
    path = f"/smssync/devices/{name}/pairing"
    async with desks.gateway.client.get(path, headers=ADMIN) as answer:
        assert await answer.text() == said
    secret = json.loads(said)["secret"]
    assert secret == desks.secrets[name]
    page = unescape(await operator.page(f"/console/devices/{name}"))
    assert f"<code>https://gateway.example/smssync/{name}/</code>" in page
    assert f"<code>{secret}</code>" in page


async def test_the_code_is_for_the_person_to_whom_it_was_shown(
    desks: PhonesTown, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then, of another phone, after it was hidden, and by a bearer token: 403."""
    await operator.page("/console/devices/front/pairing.svg", 403)
    with caplog.at_level(logging.WARNING):
        await show(operator, "front")
    assert "device:front" in caplog.text
    await operator.page("/console/devices/front/pairing.svg")
    await operator.page("/console/devices/back/pairing.svg", 403)
    assert desks.secrets["back"] not in await operator.page("/console/devices/back")
    await operator.post("/console/show", thing="device:front", back="/console/", hide="yes")
    await operator.page("/console/devices/front/pairing.svg", 403)
    assert "secret" not in re.findall(r"<dt>(\w+)", await operator.page("/console/devices/front"))
    desks.gateway.client.cookie_jar.clear()
    for headers, status in (({}, 401), (ADMIN, 403)):
        path = "/console/devices/front/pairing.svg"
        assert status == (await desks.gateway.client.get(path, headers=headers)).status


async def test_without_a_public_address_there_is_no_code(redis_url: str, tmp_path: Path) -> None:
    """The page names the option; the code's own address says the same."""
    async with phones_town(redis_url, devices_file(tmp_path)) as made:
        operator = Operator(made.gateway)
        await operator.sign_in("correct-horse")
        await show(operator, "front")
        page = await operator.page("/console/devices/front")
        assert "<code>public_url</code>" in page
        assert "pairing.svg" not in page
        assert made.secrets["front"] not in unescape(page)
        said = await operator.page("/console/devices/front/pairing.svg", 400)
        assert "Public_url: is not set" in said


HOSTS = {
    "loopback": ("http://127.0.0.1:8888", True),
    "any of loopback": ("http://127.3.2.1", True),
    "loopback of IPv6": ("http://[::1]:8888", True),
    "no address": ("http://0.0.0.0:8888", True),
    "localhost": ("http://LOCALHOST:8888", True),
    "below localhost": ("https://gateway.localhost", True),
    "a private network": ("http://192.168.1.20:8888", False),
    "a name": ("https://gateway.example", False),
    "a name that only begins so": ("https://localhost.example", False),
}


@pytest.mark.parametrize(("url", "expected"), HOSTS.values(), ids=HOSTS.keys())
def test_an_address_that_means_the_machine_itself_is_known(url: str, expected: bool) -> None:
    assert expected is only_here(url)


@pytest.mark.parametrize(
    ("url", "warned"), [("http://127.0.0.1:8888", True), ("https://gateway.example", False)]
)
async def test_a_code_that_no_phone_can_use_says_so(
    redis_url: str, tmp_path: Path, url: str, warned: bool
) -> None:
    """Before and after it is shown: in development_mode the address is on loopback."""
    options = (devices_file(tmp_path), f"--public_url={url}")
    async with phones_town(redis_url, *options) as made:
        operator = await Operator.signed_in(made.gateway, "correct-horse")
        before = await operator.page("/console/devices/front")
        await show(operator, "front")
        after = await operator.page("/console/devices/front")
    for page in (before, after):
        assert warned is ("A phone cannot reach this address" in page)


# --- In a browser --------------------------------------------------------------------------------


PIXELS = """(image) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
}"""


def seen(page: Page) -> str:
    """Return what a scanner reads in the picture that the page shows."""
    image = page.get_by_role("img")
    expect(image).to_have_js_property("complete", True)
    return read(bytes(image.evaluate(PIXELS)), image.evaluate("(image) => image.naturalWidth"))


def test_in_a_browser_a_phone_is_paired_and_followed(browser: Browser, tmp_path: Path) -> None:
    """In dark colours as well; what the phone then does is seen without a reload."""
    options = (f"--data_dir={tmp_path}", devices_file(tmp_path))
    with GatewayProcess("--development_mode", *options) as gateway:
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        watch = Watch(page)
        page.goto(f"{gateway.url}/console/devices")
        page.get_by_role("link", name="back").click()
        page.get_by_role("button", name="Show the pairing code").click()
        paired = json.loads(seen(page))
        assert {"title": "back", "url": f"{gateway.url}/smssync/back/"} == {
            name: paired[name] for name in ("title", "url")
        }
        page.get_by_label("To, international").fill(INTERNATIONAL)
        page.get_by_label("Message").fill("Hello")
        page.get_by_role("button", name="Queue").click()
        expect(page.locator("td .state")).to_have_text("waiting")
        expect(page.get_by_text(MASKED)).to_be_visible()
        page.request.get(f"{paired['url']}?task=send&secret={paired['secret']}")
        expect(page.locator("td .state")).to_have_text("handed")
        expect(page.get_by_text("heard of", exact=True)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [] == watch.problems
        page.close()
