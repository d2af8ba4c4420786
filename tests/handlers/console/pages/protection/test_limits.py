"""The page of limits: who is refused, how he is let through, and whether a request would pass."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gateway.access.limiter import Look
from gateway.access.refusals import Refusals
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.telephony.phonenumber import PhoneNumber
from handlers.console.pages.protection.limits import EndpointCheck, answer, what
from tests.support.browser import Watch
from tests.support.scenes.console import Operator
from tests.support.scenes.masking import Town, town
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving
from tests.support.visitor import Visitor, visiting

ADDRESS, NETWORK = "192.0.2.17", "2001:db8::17"
NUMBER, MASKED, INTERNATIONAL = "+4917612345678", "+49176•••••78", "+49 176 12345678"
NATIONAL = "017612345678"
CHECK = "/console/limits/check"
ENDPOINTS = """
[[message]]
path = "/app"
text = "Get the app"
sender = "12065550100"
limit_amount = 1
limit_expires = 600
receiver_limit_amount = 3
"""
OPTIONS = (
    *("--message=Hello", "--sender=12065550100", "--trusted_proxies=127.0.0.1"),
    *("--limit_amount=2", "--receiver_limit_amount=1", "--same_text_seconds=0"),
)


@pytest.fixture
async def gates(redis_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A gateway with two message endpoints, one of them with limits of its own."""
    file = tmp_path / "messages.toml"
    file.write_text(ENDPOINTS, encoding="utf-8")
    async with town(redis_url, *OPTIONS, f"--messages_file={file}") as made:
        yield made


@pytest.fixture
async def operator(gates: Town) -> Operator:
    """A person who has signed in."""
    return await Operator.signed_in(gates.gateway, "correct-horse")


@pytest.fixture
async def visitor(gates: Town) -> AsyncIterator[Visitor]:
    """Somebody on a web site."""
    async with visiting(gates.gateway.url) as visitor:
        yield visitor.via(X_Real_Ip=ADDRESS)


async def ask(operator: Operator, address: str = ADDRESS, number: str = NATIONAL) -> str:
    """Return the page that answers the question."""
    return unescape(await operator.ask(CHECK, address=address, number=number))


def said(page: str) -> str:
    """Return the sentence that answers the question."""
    found = re.search(r'id="answer">([^<]+)<', page)
    assert found, page
    return found[1]


def handle(page: str, place: int = 0) -> dict[str, str]:
    """Return the fields of the form that unblocks an entry."""
    marks, untils = (
        re.findall(rf'name="{each}" value="(\w+)"', page) for each in ("mark", "until")
    )
    return {"mark": marks[place], "until": untils[place]}


# --- Who is refused ------------------------------------------------------------------------------


async def test_without_anybody_refused_the_page_says_so(operator: Operator) -> None:
    """And what would stand there."""
    assert "Nobody is refused." in await operator.page("/console/limits")


async def test_who_is_refused_is_listed_and_let_through_again(
    operator: Operator, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """An address in full, until its next call would pass; then it passes at once."""
    for _ in range(2):
        await visitor.send("no number")
    assert "limit_acceded" == (await visitor.send("no number")).json["error"]
    page = await operator.page("/console/limits")
    assert f"<code>{ADDRESS}</code>" in page
    assert "messages that an address asks for" in page
    with caplog.at_level(logging.INFO):
        answer = await operator.post("/console/limits", **handle(page))
    assert "/console/limits?done=unblocked" == answer.headers["Location"]
    assert "was unblocked (message) by 127.0.0.1" in caplog.text
    assert "Nobody is refused." in await operator.page("/console/limits")
    assert "receiver_validation" == (await visitor.send("no number")).json["error"]


async def test_a_receiver_is_masked_until_he_is_shown(
    operator: Operator, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of the page or the log holds his number until then."""
    assert ["ok", "error"] == [(await visitor.send(NUMBER)).json["status"] for _ in range(2)]
    page = await operator.page("/console/limits")
    assert MASKED in page
    assert NUMBER.removeprefix("+") not in page.replace(" ", "")
    thing = f"limit:{handle(page)['mark']}"
    with caplog.at_level(logging.INFO):
        await operator.post("/console/show", thing=thing, back="/console/limits")
        assert INTERNATIONAL in await operator.page("/console/limits")
        await operator.post("/console/limits", **handle(page))
    assert thing in caplog.text
    assert NUMBER.removeprefix("+") not in caplog.text
    assert "Nobody is refused." in await operator.page("/console/limits")


async def test_of_many_that_one_is_let_through_who_is_meant(
    operator: Operator, store: Store
) -> None:
    """Though their time ends at the same moment, or sooner; the list is paged."""
    blocks = Refusals(store)
    [seconds, _] = await store.execute("TIME")
    until = (int(seconds) + 600) * 1000
    for place in range(60):
        await blocks.note("validation", f"192.0.2.{place}", until - place // 40)
    first = await operator.page("/console/limits")
    further = re.search(r'href="(/console/limits\?after=[\d.]+)"', first)
    assert further
    second = await operator.page(further[1])
    listed = [re.findall(r"<code>(192\.[\d.]+)</code>", page) for page in (first, second)]
    assert [50, 10] == [len(each) for each in listed]
    for page, place, names in ((first, 7, listed[0]), (second, 3, listed[1])):
        await operator.post("/console/limits", **handle(page, place))
        after = await operator.page("/console/limits") + await operator.page(further[1])
        assert f"<code>{names[place]}</code>" not in after
    assert 58 == await store.execute("ZCARD", keys.BLOCKED)


OVER = "/console/limits?done=over"
UNUSABLE = {
    "over": ({"mark": "0" * 16, "until": "1700000000000"}, (303, OVER)),
    "no moment": ({"mark": "0" * 16, "until": "soon"}, (400, None)),
    "nothing": ({}, (400, None)),
}


@pytest.mark.parametrize(("fields", "outcome"), UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_what_is_not_refused_cannot_be_let_through(
    operator: Operator, fields: dict[str, str], outcome: tuple[int, str | None]
) -> None:
    """That somebody's time is over is no error."""
    answer = await operator.post("/console/limits", **fields)
    assert outcome == (answer.status, answer.headers.get("Location"))


WHAT = {
    "message": "messages that an address asks for",
    "message:/app": "messages that an address asks for at /app",
    "receiver:/app": "messages to a receiver at /app",
    "console": "sign-ins to this console by an address",
    "address-86400": "messages that an address asks for in 1 day",
    "network-3600-2": "messages that an IPv6 /48 asks for in 1 hour",
    "range-600:/app": "messages to numbers of one range in 10 minutes at /app",
    "calling_code-3600": "messages to a calling code in 1 hour",
    "endpoint-3600": "messages of an endpoint in 1 hour",
    "site-3600:@shop-1": "messages for a shop in 1 hour for shop-1",
    "all-60:/app@shop-1": "messages of all endpoints in 1 minute at /app for shop-1",
    "something new": "something new",
}


@pytest.mark.parametrize(("limit_class", "words"), WHAT.items(), ids=WHAT.keys())
def test_a_class_is_put_into_words(limit_class: str, words: str) -> None:
    """One that this page does not know keeps its name."""
    assert words == what(limit_class)


# --- Would this request pass? --------------------------------------------------------------------


async def counts(store: Store) -> dict[str, object]:
    """Return all that is counted, and who is refused."""
    names = [each for each in await store.execute("KEYS", "*") if "limit:" in each]
    found = {each: await store.execute("LRANGE", each, 0, -1) for each in names}
    return found | {"blocked": await store.execute("ZRANGE", keys.BLOCKED, 0, -1, "WITHSCORES")}


async def test_asking_counts_nothing(operator: Operator, visitor: Visitor, store: Store) -> None:
    """However often it is asked, whether a request would pass or not."""
    await visitor.send(NUMBER, path="/app/")
    before = await counts(store)
    for _ in range(5):
        await ask(operator)
        await ask(operator, address=NETWORK, number="030 901820")
    assert before == await counts(store)
    assert "ok" == (await visitor.via(X_Real_Ip="192.0.2.99").send(NUMBER)).json["status"]


async def test_the_answer_is_what_the_endpoints_then_say(
    operator: Operator, visitor: Visitor
) -> None:
    """Step by step, until nothing passes any more."""
    assert "Yes, this request would pass." == said(await ask(operator))
    assert "ok" == (await visitor.send(NATIONAL, path="/app/")).json["status"]
    page = await ask(operator)
    assert said(page).startswith("Yes, but not everywhere; refused at /app (for ")
    assert "1 of 1 in 10 minutes" in page
    assert "1 of 3 in 1 day" in page
    assert "ok" == (await visitor.send(NATIONAL)).json["status"]
    assert "limits are used up" in said(await ask(operator))
    assert "limit_acceded" == (await visitor.send(NATIONAL)).json["error"]
    # That was counted nowhere; a call that can send nothing is counted by its address.
    assert "receiver_validation" == (await visitor.send("no number")).json["error"]
    assert "address has used up its calls" in said(await ask(operator))
    # Somebody else meets the receiver's limit at one endpoint, and none at the other.
    elsewhere = said(await ask(operator, address=NETWORK))
    assert elsewhere.startswith("Yes, but not everywhere; refused at /message (for ")


NUMBERS = {
    "invalid": ("0176", "No: that is no valid number"),
    "nonsense": ("<b>call me</b>", "No: that is no valid number"),
    "a land line": ("030 901820", "No: a fixed line number receives no SMS"),
    "international": (NUMBER, "Yes, this request would pass."),
    "with a plus that became a blank": (f" {NUMBER.removeprefix('+')}", "Yes, this"),
}


@pytest.mark.parametrize(("number", "words"), NUMBERS.values(), ids=NUMBERS.keys())
async def test_the_number_is_read_as_the_endpoints_read_it(
    operator: Operator, visitor: Visitor, number: str, words: str
) -> None:
    """The same numbers pass here and there."""
    page = await operator.ask(CHECK, address=ADDRESS, number=number)
    assert said(page).startswith(words)
    assert "<b>call" not in page
    passes = (await visitor.send(number)).json["status"] == "ok"
    assert passes is words.startswith("Yes")


async def test_the_address_tells_in_which_country_a_number_is_looked_for(
    operator: Operator,
) -> None:
    """Its own first; an IPv6 address is counted with its network."""
    page = await ask(operator, address="8.8.8.8", number="2065550100")
    assert "national numbers are looked for in US, DE" in page
    assert "+1 206-555-0100</span>, US" in page
    assert "counted as <code>2001:db8::/64</code>" in await ask(operator, address=NETWORK)


async def test_an_opt_out_is_told_with_what_it_means(operator: Operator, store: Store) -> None:
    """It holds for masked conversations and for what a visitor asks for himself."""
    await store.execute("ZADD", keys.OPTOUTS, 1, NUMBER)
    page = await ask(operator)
    assert "has opted out</span> of all messages" in page
    assert "No: it has texted STOP, so the answer is receiver_opted_out." == said(page)


DOUBTS = {
    "no address": ("", NATIONAL, "The address must be an IP address"),
    "what is no address": ("<i>home</i>", NATIONAL, "The address must be an IP address"),
    "no number": (ADDRESS, " ", "The number is missing."),
}


@pytest.mark.parametrize(("address", "number", "problem"), DOUBTS.values(), ids=DOUBTS.keys())
async def test_a_question_that_cannot_be_answered_is_not(
    operator: Operator, address: str, number: str, problem: str
) -> None:
    """What was typed stays, escaped."""
    page = await operator.ask(CHECK, address=address, number=number)
    assert f'role="alert">{problem}' in page
    assert 'id="answer"' not in page
    assert "<i>" not in page
    assert f'value="{address}"' in unescape(page)


async def test_the_limits_of_every_endpoint_are_shown(operator: Operator) -> None:
    """Its own where it has some, else the common ones; 0 means none."""
    page = await operator.page("/console/limits")
    for words in ("2 calls in 1 hour", "1 message in 1 day", "1 call in 10 minutes"):
        assert words in page
    assert "3 messages in 1 day" in page
    assert "10 tries in 5 minutes" in page


async def test_the_limits_of_protection_are_shown_and_looked_at(
    redis_url: str, tmp_path: Path
) -> None:
    """Who is refused by one is listed, and let through again."""
    file = tmp_path / "protection.toml"
    file.write_text(
        '[[limit]]\nby = "all"\namount = 1\nwindow = 600\n'
        '[[limit]]\nby = "network"\namount = 1\nwindow = 600\nmode = "monitor"\n'
    )
    async with town(redis_url, *OPTIONS, f"--protection_file={file}") as gates:
        operator = await Operator.signed_in(gates.gateway, "correct-horse")
        page = await operator.page("/console/limits")
        assert "messages to a calling code in 1 hour" in page
        assert "watched: counted, refuses nothing" in page
        async with visiting(gates.gateway.url) as anybody:
            visitor = anybody.via(X_Real_Ip=NETWORK)
            assert "ok" == (await visitor.send("+4917612300000")).json["status"]
            page = await ask(operator, NETWORK)
            assert said(page).startswith("No: the limits are used up; the next request passes in")
            assert "full, but only watched" in page
            # A country of which nothing was asked for has a share of its own.
            assert "Yes," in said(await ask(operator, NETWORK, "+447911123456"))
            assert "limit_acceded" == (await visitor.send(NUMBER)).json["error"]
            page = await operator.page("/console/limits")
            assert "messages of all endpoints in 10 minutes" in page
            await operator.post("/console/limits", **handle(page))
            assert "ok" == (await visitor.send(NUMBER)).json["status"]


async def test_a_number_that_is_exempt_passes_though_its_limits_are_used_up(
    redis_url: str, tmp_path: Path
) -> None:
    """Here and at the endpoints."""
    file = tmp_path / "protection.toml"
    file.write_text(f'[[exempt]]\nnumber = "{NUMBER}"\n')
    async with town(redis_url, *OPTIONS, f"--protection_file={file}") as gates:
        operator = await Operator.signed_in(gates.gateway, "correct-horse")
        async with visiting(gates.gateway.url) as visitor:
            assert "ok" == (await visitor.send(NUMBER)).json["status"]
            assert "Yes, this request would pass." == said(await ask(operator, "127.0.0.1"))
            assert "ok" == (await visitor.send(NUMBER)).json["status"]
            assert "address has used up its calls" in said(await ask(operator, "127.0.0.1"))


async def test_without_endpoints_and_limits_the_page_says_so(redis_url: str) -> None:
    """Nothing can pass where nothing is."""
    options = ("--admin_token=correct-horse", "--limit_amount=0")
    async with serving(*options, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway, "correct-horse")
        page = await ask(operator)
        assert "No: there is no message endpoint. Set message and sender." == said(page)
        assert "There is no message endpoint" in page
        assert "no limit" in page


MOBILE = PhoneNumber(NUMBER, INTERNATIONAL, "DE", "mobile", True)
OPEN, SHUT = Look(0, 2, 60, 0), Look(2, 2, 60, 30)
FREE = Look(0, 0, 60, 0)
ANSWERS = {
    "nothing counted": (
        (EndpointCheck("/a", FREE, FREE),),
        "good",
        "Yes, this request would pass.",
    ),
    "one address in two counts": (
        (EndpointCheck("/a", SHUT, OPEN), EndpointCheck("/b", OPEN, OPEN)),
        "odd",
        "Yes, but not everywhere; refused at /a (for 30 seconds).",
    ),
    "the address everywhere": (
        (EndpointCheck("/a", SHUT, OPEN), EndpointCheck("/b", Look(1, 1, 60, 7), OPEN)),
        "bad",
        "No: the address has used up its calls; the next passes in 7 seconds.",
    ),
    "both at one endpoint": (
        (EndpointCheck("/a", Look(2, 2, 3600, 3540), Look(1, 1, 86_400, 86_340)),),
        "bad",
        "No: the address has used up its calls, the next passes in 59 minutes; and the number"
        " has got its messages, the next passes in 23 hours 59 minutes.",
    ),
    "both, but the number at one endpoint only": (
        (
            EndpointCheck("/a", SHUT, Look(1, 1, 86_400, 7200)),
            EndpointCheck("/b", Look(1, 1, 600, 300), OPEN),
        ),
        "bad",
        "No: the address has used up its calls; the next passes in 5 minutes.",
    ),
    "address here, receiver there": (
        (EndpointCheck("/a", SHUT, OPEN), EndpointCheck("/b", OPEN, Look(1, 1, 7200, 3660))),
        "bad",
        "No: the limits are used up; the next request passes in 30 seconds.",
    ),
}


@pytest.mark.parametrize(("gates", "tone", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_one_sentence_answers_for_all_endpoints(
    gates: tuple[EndpointCheck, ...], tone: str, words: str
) -> None:
    """In the order in which an endpoint checks."""
    assert (tone, words) == answer(MOBILE, gates, opted_out=False)


# --- In a browser --------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_in_a_browser_the_question_is_asked_and_somebody_let_through(
    browser: Browser, tmp_path: Path, scripts: bool
) -> None:
    """On a phone's screen; nothing of it needs a script."""
    options = ("--development_mode", f"--data_dir={tmp_path}", "--limit_amount=1")
    with GatewayProcess(*options) as gateway:
        context = browser.new_context(
            viewport={"width": 390, "height": 800}, java_script_enabled=scripts
        )
        page = context.new_page()
        watch = Watch(page)
        for _ in range(2):
            page.request.get(f"{gateway.url}/message/?receiver=nonsense")
        page.goto(f"{gateway.url}/console/limits")
        page.get_by_label("Address of the visitor").fill("127.0.0.1")
        page.get_by_label("Number as he types it").fill(NATIONAL)
        page.get_by_role("button", name="Look").click()
        expect(page.get_by_role("status").first).to_contain_text("No: the address has used up")
        assert f"{gateway.url}/console/limits/check#check" == page.url
        page.get_by_text("Unblock").click()
        page.get_by_role("button", name="Yes, let it call again").click()
        expect(page.get_by_role("status").first).to_contain_text("the next call passes")
        expect(page.get_by_text("Nobody is refused.")).to_be_visible()
        assert [] == watch.problems
        context.close()
