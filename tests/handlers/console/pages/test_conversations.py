"""The pages of conversations: who is connected, what was said, beginning and ending one."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import aiohttp
import pytest

from gateway.conversations.opening import NewSession
from gateway.providers.vonage.voice import CallEvent, IncomingCall
from gateway.store import keys
from gateway.telephony.phonenumber import mask_digits
from handlers.console.pages.conversations import ENTRIES, GONE, ROWS
from tests.support.scenes.console import Operator
from tests.support.scenes.masking import (
    ANNA,
    BERT,
    CARL,
    DORA,
    END,
    GERMAN,
    HEIDI,
    ONE,
    START,
    TWO,
    Town,
    town,
    until,
)

LIST = "/console/conversations"
MARKUP = '<script>alert(1)</script> & "quotes" \'</ol>'
GONE_WORDS = GONE[1:]
MASKED = {ANNA: "+1206•••••21", BERT: "+1206•••••22", HEIDI: "+49176•••••11"}
WRITTEN = {ANNA: "+1 206-555-0121", BERT: "+1 206-555-0122", ONE: "+1 206-555-0151"}


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[Town]:
    """A town with one number of the pool."""
    async with town(redis_url) as made:
        await made.rent(ONE)
        yield made


@pytest.fixture
async def operator(here: Town) -> Operator:
    """A person who has signed in."""
    return await Operator.signed_in(here.gateway, "correct-horse")


def address(session: dict[str, Any]) -> str:
    """Return the page of a session."""
    return f"{LIST}/{session['session_id']}"


def address_of_log(session: dict[str, Any]) -> str:
    """Return the route of a session's log."""
    return f"/session/{session['session_id']}/log"


def rows(page: str) -> list[list[str]]:
    """Return the words in each row of the list."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [words(row) for row in body.split("</tr>")[:-1]]


def words(html: str) -> list[str]:
    """Return the pieces of text in HTML."""
    return [unescape(each).strip() for each in re.findall(r">([^<]+)<", html) if each.strip()]


def said(page: str) -> list[tuple[str, list[str]]]:
    """Return (where it stands, its words without the time) of each entry of the log."""
    log = page.partition('role="log"')[2].partition("</ol>")[0]
    found = re.findall(r'<li class="(\w+)">(.*?)</li>', log, re.DOTALL)
    return [(where, words(re.sub(r"<time.*?</time>", "", html))) for where, html in found]


def problem(page: str) -> str:
    """Return what the page says has gone wrong."""
    found = re.search(r'role="alert">([^<]*)<', page)
    return unescape(found[1]) if found else ""


def leads_to(page: str, words: str) -> str:
    """Return where the link or button of these words leads, '' when there is none."""
    found = re.search(rf'<a[^>]* href="([^"]*)">{words}</a>', page)
    return unescape(found[1]) if found else ""


async def fill(here: Town, count: int, **more: Any) -> list[str]:
    """Begin sessions without notices and return their ids, the oldest first."""
    opening = here.gateway.application.services.opening
    made = [
        await opening.create(
            NewSession(
                participant_a=more.get("a", f"+4917612{n:06}"), participant_b=f"+4917613{n:06}"
            )
        )
        for n in range(count)
    ]
    return [session.id for session, _ in made]


async def log(here: Town, session: dict[str, Any], count: int) -> None:
    """Fill the log of a session with the texts 0, 1, …"""
    services = here.gateway.application.services
    entries = [services.transcript.entry("a", f"text {n}") for n in range(count)]
    await services.store.execute("RPUSH", keys.session_log(session["session_id"]), *entries)


async def text_of(answer: aiohttp.ClientResponse) -> str:
    """Return the page that an answer is."""
    assert "text/html; charset=UTF-8" == answer.headers["Content-Type"]
    return await answer.text()


# -- the list


async def test_without_conversations_the_list_says_how_to_begin_one(operator: Operator) -> None:
    page = await operator.page(LIST)
    assert "Nobody is connected" in page
    assert f"{LIST}/new" == leads_to(page, "Begin a conversation")


async def test_the_list_shows_who_is_connected_through_which_number(
    here: Town, operator: Operator
) -> None:
    """The newest first; participants masked, numbers of the pool in full."""
    await here.session(ANNA, BERT, unique_name="ride 1", expiry_window=60)
    await here.rent(GERMAN)
    made = await here.session(ANNA, HEIDI, mode="both", numbers="per-side")
    page = await operator.page(LIST)
    newest, oldest = rows(page)
    assert [MASKED[ANNA], "and", MASKED[HEIDI]] == newest[:3]
    through = {made["virtual_tn_a"], made["virtual_tn_b"]}
    assert through == {re.sub(r"\D", "", newest[at]) for at in (3, 5)}
    assert ["(A)", "(B)"] == [newest[4], newest[6]]
    assert ["0", "masked,", "texts and calls", "–"] == newest[7:11]
    assert ["never", "Show numbers"] == newest[12:]
    assert [MASKED[ANNA], "and", MASKED[BERT], WRITTEN[ONE]] == oldest[:4]
    assert ["0", "masked,", "texts", "ride 1"] == oldest[4:8]
    assert oldest[8] < oldest[9]  # begins and ends, in UTC
    assert "2 open conversations, the newest first" in page
    assert f'href="{address(made)}"' in page


async def test_the_badge_counts_the_texts_of_both(here: Town, operator: Operator) -> None:
    """The notices are not theirs."""
    made = await here.session(ANNA, BERT)
    for person in (ANNA, BERT, ANNA):
        await here.text(person, made["virtual_tn"], "hello")
    assert '<span class="badge">3</span>' in await operator.page(LIST)
    assert '<span class="badge">3</span>' in await operator.page(address(made))


async def test_nothing_on_masked_pages_tells_a_number(here: Town, operator: Operator) -> None:
    """Neither a text nor an attribute nor an address."""
    made = await here.session(ANNA, BERT, unique_name="ride 1")
    await here.text(ANNA, made["virtual_tn"], "hello")
    for page in (LIST, f"{LIST}?of={made['session_id']}.a", address(made)):
        digits = re.sub(r"[ -]", "", await operator.page(page))
        assert not [each for each in (ANNA, BERT) if each in digits]
        assert ONE in digits


async def test_numbers_are_shown_one_conversation_at_a_time_and_that_is_logged(
    here: Town, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    """The way leads back to the same page of the list, without what was done before."""
    await here.rent(TWO)
    first, second = await here.session(ANNA, BERT), await here.session(ANNA, CARL)
    back = f"{LIST}?of={second['session_id']}.b"
    page = await operator.page(f"{back}&done=begun")
    assert f'name="back" value="{back}"' in page
    thing = f"session:{first['session_id']}"
    with caplog.at_level(logging.WARNING):
        answer = await operator.post("/console/show", thing=thing, back=back)
    assert (303, back) == (answer.status, answer.headers["Location"])
    assert f"{thing} was unmasked for 127.0.0.1" in caplog.text
    hidden, shown = rows(await operator.page(LIST))
    assert MASKED[ANNA] == hidden[0]
    assert [WRITTEN[ANNA], "and", WRITTEN[BERT]] == shown[:3]
    assert WRITTEN[ANNA] in await operator.page(address(first))
    assert WRITTEN[ANNA] not in await operator.page(address(second))
    await operator.post("/console/show", thing=thing, back=back, hide="yes")
    assert WRITTEN[ANNA] not in await operator.page(LIST)


async def turned(operator: Operator, page: str) -> list[list[str]]:
    """Return the ids of all pages of a list."""
    found = []
    while page:
        html = await operator.page(page)
        found.append(re.findall(r'<tr id="s-([0-9a-f]{32})">', html))
        page = leads_to(html, "Older")
    return found


async def test_turning_the_pages_shows_every_conversation_once(
    here: Town, operator: Operator
) -> None:
    """50 a page, the newest first."""
    made = await fill(here, 2 * ROWS + 1)
    pages = await turned(operator, LIST)
    assert [ROWS, ROWS, 1] == [len(page) for page in pages]
    listed = (await here.ok("GET", "/session?limit=1000"))["sessions"]
    assert [each["id"] for each in listed] == [each for page in pages for each in page]
    assert set(made) == {each["id"] for each in listed}


async def test_behind_the_last_page_and_behind_what_is_gone_the_list_goes_on(
    here: Town, operator: Operator
) -> None:
    """The one says so, the other begins with the newest again."""
    made = await here.session(ANNA, BERT)
    page = await operator.page(f"{LIST}?after={made['session_id']}")
    assert "No older conversations" in page
    assert LIST == leads_to(page, "To the newest")
    assert 1 == len(rows(await operator.page(f"{LIST}?after={'0' * 32}")))


async def test_a_number_of_the_pool_leads_to_the_conversations_through_it(
    here: Town, operator: Operator
) -> None:
    """By its address and by the search; newest first, 50 a page; ended ones are not listed."""
    made = await fill(here, ROWS + 2)
    await here.rent(TWO)
    other = await here.session("4917612000000", "4917613000000")
    await here.ok("DELETE", f"/session/{made[0]}")
    answer = await operator.post(f"{LIST}/search", q=WRITTEN[ONE])
    target = f"{LIST}?through={ONE}"
    page = await operator.page(target)
    turned_through = await turned(operator, target)
    listed = [each["id"] for each in (await here.ok("GET", "/session?limit=1000"))["sessions"]]
    assert (303, target) == (answer.status, answer.headers["Location"])
    assert f'<h2>Through <span class="number">{WRITTEN[ONE]}</span></h2>' in page
    assert f"{ROWS + 1} open conversations, the newest first" in page
    assert [ROWS, 1] == [len(ids) for ids in turned_through]
    assert set(listed) - {other["session_id"]} == {id_ for ids in turned_through for id_ in ids}
    assert LIST == leads_to(page, "All that are open")


async def test_a_number_of_the_pool_without_conversations_says_so(operator: Operator) -> None:
    assert "No open conversation goes through this number." in await operator.page(
        f"{LIST}?through={ONE}"
    )


@pytest.mark.parametrize("number", [TWO, ANNA, "x", f"%2B{ONE}", "%D9%A1%D9%A2"])
async def test_what_is_no_number_of_the_pool_has_no_list(
    here: Town, operator: Operator, number: str
) -> None:
    """Participants are not looked for by an address."""
    await here.session(ANNA, BERT)
    assert "his number is not in the pool" in await operator.page(f"{LIST}?through={number}", 404)


# -- looking for one

FOUND_AT_ONCE = {
    "id": lambda id_: id_,
    "id in capitals": lambda id_: f" {id_.upper()} ",
    "unique name": lambda _: "ride +1 206",
}


@pytest.mark.parametrize("asked", FOUND_AT_ONCE.values(), ids=FOUND_AT_ONCE.keys())
async def test_an_id_or_a_name_leads_to_the_conversation(
    here: Town, operator: Operator, asked: Any
) -> None:
    made = await here.session(ANNA, BERT, unique_name="ride +1 206")
    answer = await operator.post(f"{LIST}/search", q=asked(made["session_id"]))
    assert (303, address(made)) == (answer.status, answer.headers["Location"])


@pytest.mark.parametrize(
    ("person", "side", "asked"),
    [(ANNA, "a", "+1 (206) 555-0121"), (BERT, "b", "12065550122"), (BERT, "b", "0012065550122")],
    ids=["a", "b", "with noughts"],
)
async def test_a_number_leads_to_the_conversations_of_its_owner(
    here: Town, operator: Operator, person: str, side: str, asked: str
) -> None:
    """The open one, then the ended one; the number stands in no address and is masked."""
    ended = await here.session(ANNA, BERT)
    await here.text(ANNA, ended["virtual_tn"], "hello")
    await here.ok("DELETE", f"/session/{ended['session_id']}")
    await here.session(CARL, DORA)
    made = await here.session(ANNA, BERT)
    answer = await operator.post(f"{LIST}/search", q=asked)
    target = answer.headers["Location"]
    assert f"{LIST}?of={made['session_id']}.{side}" == target
    page = await operator.page(target)
    assert [[made["session_id"], ended["session_id"]]] == await turned(operator, target)
    assert "ended" in rows(page)[1]
    assert MASKED[person] in words(page.partition("<h2>")[2].partition("</h2>")[0])
    assert "2 conversations, first the open ones" in page


async def test_a_number_of_ended_conversations_alone_is_found(
    here: Town, operator: Operator
) -> None:
    made = await here.session(ANNA, BERT)
    await here.text(ANNA, made["virtual_tn"], "hello")
    await here.ok("DELETE", f"/session/{made['session_id']}")
    answer = await operator.post(f"{LIST}/search", q=BERT)
    assert f"{LIST}?of={made['session_id']}.b" == answer.headers["Location"]


async def test_all_conversations_of_a_participant_can_be_turned_through(
    here: Town, operator: Operator
) -> None:
    """Across the border between open and ended ones."""
    services = here.gateway.application.services
    await here.rent(TWO, "12065550153")
    ended = []
    for n in range(ROWS):
        ended += await fill(here, 1, a="+12065550121")
        entry = services.transcript.entry("a", str(n))
        await services.store.execute("RPUSH", keys.session_log(ended[-1]), entry)
        await services.store.execute("ZADD", keys.logs_of("+12065550121"), "+inf", ended[-1])
        await services.sessions.close(ended[-1], notify=False)
    opened = [(await here.session(ANNA, each))["session_id"] for each in (BERT, CARL, DORA)]
    pages = await turned(operator, f"{LIST}?of={opened[0]}.a")
    assert [ROWS, 3] == [len(page) for page in pages]
    assert opened[::-1] == pages[0][:3]
    assert set(ended) == {*pages[0][3:], *pages[1]}
    assert "No older conversations" in await operator.page(f"{LIST}?of={opened[0]}.a&after=53")


@pytest.mark.parametrize(
    "asked", ["+12065550129", "0" * 32, "ride 1", "0176 123", MARKUP], ids=str.strip
)
async def test_what_is_not_found_is_said_with_what_was_looked_for(
    here: Town, operator: Operator, asked: str
) -> None:
    await here.session(ANNA, BERT)
    answer = await operator.post(f"{LIST}/search", q=asked)
    page = await text_of(answer)
    assert (404, True) == (answer.status, problem(page).startswith("Nothing was found."))
    [typed] = re.findall(r'name="q" value="([^"]*)"', page)
    assert (asked, 1) == (unescape(typed), len(rows(page)))


async def test_looking_for_nothing_leads_to_the_list(operator: Operator) -> None:
    answer = await operator.post(f"{LIST}/search", q=" ")
    assert (303, LIST) == (answer.status, answer.headers["Location"])


@pytest.mark.parametrize("of", ["x", "0" * 32 + ".a", "{}.c", "{}"])
async def test_conversations_of_nobody_are_gone(here: Town, operator: Operator, of: str) -> None:
    made = await here.session(ANNA, BERT)
    assert GONE_WORDS in await operator.page(f"{LIST}?of={of.format(made['session_id'])}", 404)


# -- beginning one


async def test_a_form_begins_a_conversation_and_leads_to_it(here: Town, operator: Operator) -> None:
    """Both are told; its page is masked although the operator has typed the numbers."""
    fields = {"participant_a": "+1 206 555 0121", "participant_b": BERT, "unique_name": "ride 1"}
    more = {"expiry_window": "90", "mode": "both", "numbers": "shared", "virtual_tn": ONE}
    answer = await operator.post(f"{LIST}/new", **fields, **more)
    target, _, done = answer.headers["Location"].partition("?")
    assert (303, "done=begun") == (answer.status, done)
    page = await operator.page(answer.headers["Location"])
    assert "The conversation has begun." in page
    assert MASKED[ANNA] in page
    assert WRITTEN[ANNA] not in page
    await until(lambda: here.heard(ANNA) and here.heard(BERT))
    shown = await here.ok("GET", f"/session/{target.rpartition('/')[2]}")
    assert [ANNA, BERT, ONE] == [
        shown[each] for each in ("participant_a", "participant_b", "virtual_tn")
    ]
    assert ["both", "shared", "ride 1"] == [
        shown[each] for each in ("mode", "numbers", "unique_name")
    ]
    assert shown["expiry_date"]


async def test_what_is_left_blank_is_the_default(here: Town, operator: Operator) -> None:
    blank = dict.fromkeys(("expiry_window", "mode", "numbers", "unique_name", "virtual_tn"), "")
    answer = await operator.post(f"{LIST}/new", participant_a=ANNA, participant_b=BERT, **blank)
    [shown] = (await here.ok("GET", "/session"))["sessions"]
    assert answer.headers["Location"].startswith(f"{LIST}/{shown['id']}")
    assert ["message", "shared", None, None] == [
        shown[each] for each in ("mode", "numbers", "unique_name", "expiry_date")
    ]


async def test_the_same_name_leads_to_the_conversation_there_is(
    here: Town, operator: Operator
) -> None:
    made = await here.session(ANNA, BERT, unique_name="ride 1")
    fields = {"participant_a": ANNA, "participant_b": BERT, "unique_name": "ride 1"}
    answer = await operator.post(f"{LIST}/new", **fields)
    assert f"{address(made)}?done=existed" == answer.headers["Location"]
    assert "was open already" in await operator.page(answer.headers["Location"])


BAD = {
    "no number": ({"participant_a": "0176 12"}, "Participant A: must be a valid international"),
    "missing": ({"participant_b": ""}, "Participant B: is missing"),
    "himself": ({"participant_b": ANNA}, "Participant B: must differ from Participant A"),
    "one of ours": ({"participant_b": ONE}, "Participant B: is a virtual number of the pool"),
    "minutes": ({"expiry_window": "soon"}, "Minutes: must be a positive number of minutes"),
    "mode": ({"mode": "telepathy"}, "It carries: must be one of message, voice, both"),
    "not in the pool": ({"virtual_tn": TWO}, "Number of the pool: is not in the pool"),
    "markup": ({"unique_name": MARKUP + "\n"}, "Unique name: must be 1 to 191 printable"),
    "nothing free": ({"participant_b": DORA}, "No number of the pool is free for these two"),
}


@pytest.mark.parametrize(("fields", "message"), BAD.values(), ids=BAD.keys())
async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    here: Town, operator: Operator, fields: dict[str, str], message: str
) -> None:
    await here.session(CARL, DORA)
    typed = {"participant_a": ANNA, "participant_b": BERT, "unique_name": "ride 1"} | fields
    answer = await operator.post(f"{LIST}/new", **typed)
    page = await text_of(answer)
    assert (400, message) == (answer.status, problem(page)[: len(message)])
    for name in ("participant_a", "participant_b", "unique_name"):
        [value] = re.findall(rf'name="{name}" value="([^"]*)"', page)
        assert typed[name] == unescape(value)
    assert 1 == (await here.ok("GET", "/session"))["total_sessions"]


# -- one conversation


async def test_a_conversation_shows_what_was_said_and_what_became_of_it(
    here: Town, operator: Operator
) -> None:
    """Side a on the left, b on the right, what is no text in the middle; the oldest first."""
    made = await here.session(ANNA, BERT)
    await here.text(ANNA, made["virtual_tn"], "Where are you?")
    await here.text(BERT, made["virtual_tn"], MARKUP)
    await here.text(BERT, made["virtual_tn"], "STOP")
    await here.text(ANNA, made["virtual_tn"], "Hello?")

    async def delivered() -> bool:
        return 2 == (await operator.page(address(made))).count(">delivered<")

    await until(delivered)
    page = await operator.page(address(made))
    assert [
        ("left", [f"A {MASKED[ANNA]}", "Where are you?", "delivered"]),
        ("right", [f"B {MASKED[BERT]}", MARKUP, "delivered"]),
        ("middle", [f"B {MASKED[BERT]}", "STOP"]),
        ("left", [f"A {MASKED[ANNA]}", "Hello?", "not sent:", "B has opted out"]),
    ] == said(page)
    assert "<script>alert" not in page


async def test_a_call_stands_in_the_log_with_its_state_and_duration(
    here: Town, operator: Operator
) -> None:
    """A number that the provider quotes in a reason is masked like all others."""
    made = await here.session(ANNA, BERT, mode="both")
    calls = here.gateway.application.services.calls
    await calls.answer(IncomingCall("CON-1", "in", ANNA, ONE))
    caller = f"A {MASKED[ANNA]} called"
    assert [("left", [caller, "calling"])] == said(await operator.page(address(made)))
    for leg, direction, more in (
        ("out", "outbound", {"duration": "75", "reason": f"{BERT} hung up"}),
        ("in", "inbound", {"duration": "80"}),
    ):
        for status in ("answered", "completed"):
            await calls.event(CallEvent("CON-1", leg, direction, status, more))
    ended = [caller, "completed", f", 1 minute 15 seconds ({mask_digits(BERT)} hung up)"]
    assert [("left", ended)] == said(await operator.page(address(made)))


@pytest.mark.parametrize(
    ("mode", "both", "each"),
    [
        ("message", "Both text", "A texts"),
        ("voice", "Both call", "A calls"),
        ("both", "Both text and call", "A texts and calls"),
    ],
)
async def test_what_they_do_through_the_number_is_what_the_conversation_carries(
    here: Town, operator: Operator, mode: str, both: str, each: str
) -> None:
    shared = await here.session(ANNA, BERT, mode=mode)
    assert f"<dt>{both}</dt>" in await operator.page(address(shared))
    await here.rent(GERMAN)
    own = await here.session(ANNA, HEIDI, mode=mode, numbers="per-side")
    assert f"<dt>{each}</dt>" in await operator.page(address(own))


async def test_the_state_of_a_text_leads_to_its_message_once_there_is_one(
    here: Town, operator: Operator
) -> None:
    """What was never sent says why in its place."""
    made = await here.session(ANNA, BERT)
    await here.text(ANNA, made["virtual_tn"], "Where are you?")
    services = here.gateway.application.services
    await here.at_rest()
    log = [
        services.transcript.entry("b", "Auto reply", "1" * 32, state="paused"),
        services.transcript.entry("b", "Wait", "2" * 32, state="queued"),
    ]
    await services.store.execute("RPUSH", keys.session_log(made["session_id"]), *log)
    page = await operator.page(address(made))
    [sent, paused, waiting] = (await here.ok("GET", f"{address_of_log(made)}"))["entries"]
    assert [f"/console/messages/{sent['id']}"] == re.findall(r'"(/console/messages/\w+)"', page)
    assert ["not relayed:", "two machines answer each other"] == said(page)[1][1][2:]
    assert "queued" == said(page)[2][1][2]
    assert "Where are you?" not in await operator.page(f"/console/messages/{sent['id']}")
    assert ["1" * 32, "2" * 32] == [paused["id"], waiting["id"]]


async def test_the_text_of_a_notice_stands_on_its_message_s_page(
    here: Town, operator: Operator
) -> None:
    """Nobody's words: it is in no log."""
    await here.session(ANNA, BERT)
    await here.hears(ANNA, (ONE, START))
    notice = (await here.ok("GET", "/messages"))["messages"][0]
    for page in ("/console/messages", f"/console/messages/{notice['id']}"):
        assert START in unescape(await operator.page(page))


PAGES_OF_A_LOG = (
    ("", (151, 250), {"Earlier": "?before=150"}),
    ("?before=0", (151, 250), {"Earlier": "?before=150"}),
    ("?before=150", (51, 150), {"Earlier": "?before=50", "Later": "?before=250", "Latest": ""}),
    ("?before=50", (1, 50), {"Later": "?before=150", "Latest": ""}),
    ("?before=250", (151, 250), {"Earlier": "?before=150"}),
)


@pytest.mark.parametrize(("query", "expected", "links"), PAGES_OF_A_LOG)
async def test_a_long_log_is_shown_from_its_end(
    here: Town, operator: Operator, query: str, expected: tuple[int, int], links: dict[str, str]
) -> None:
    """100 entries a page, the last one first, the oldest entry of each on top."""
    assert 100 == ENTRIES
    made = await here.session(ANNA, BERT)
    await log(here, made, 250)
    page = await operator.page(address(made) + query)
    shown = [spoken[1] for _, spoken in said(page)]
    first, last = expected
    assert [f"text {n}" for n in range(first - 1, last)] == shown
    assert f"Entries {first} to {last} of 250" in page
    found = {name: leads_to(page, name) for name in ("Earlier", "Later", "Latest")}
    assert {name: address(made) + there for name, there in links.items()} == {
        name: there for name, there in found.items() if there
    }


async def test_a_log_of_one_page_has_no_others(here: Town, operator: Operator) -> None:
    made = await here.session(ANNA, BERT)
    await log(here, made, ENTRIES)
    page = await operator.page(address(made))
    assert (ENTRIES, "", "") == (
        len(said(page)),
        leads_to(page, "Earlier"),
        leads_to(page, "Later"),
    )


async def test_a_place_behind_the_log_leads_back_to_it(here: Town, operator: Operator) -> None:
    made = await here.session(ANNA, BERT)
    await log(here, made, 3)
    page = await operator.page(f"{address(made)}?before=900")
    assert address(made) == leads_to(page, "To the latest")
    await operator.page(f"{address(made)}?before=x", 400)


async def test_a_conversation_in_which_nothing_was_said_yet_says_so(
    here: Town, operator: Operator
) -> None:
    made = await here.session(ANNA, BERT)
    assert "Nothing has been said yet" in await operator.page(address(made))
    await here.ok("DELETE", f"/session/{made['session_id']}")
    assert "Nothing was said, or the log was erased" in await operator.page(address(made))


@pytest.mark.parametrize("id_", ["0" * 32, "nonsense", "%00", "a" * 32 + "%0a"])
async def test_a_conversation_that_is_not_known_is_gone(operator: Operator, id_: str) -> None:
    assert GONE_WORDS in await operator.page(f"{LIST}/{id_}", 404)
    for form in ("end", "expiry"):
        answer = await operator.post(f"{LIST}/{id_}/{form}", expiry_window="5")
        assert 404 == answer.status


# -- ending it, and when it ends


async def test_ending_a_conversation_tells_both_and_leaves_its_log(
    here: Town, operator: Operator
) -> None:
    made = await here.session(ANNA, BERT)
    await here.text(ANNA, made["virtual_tn"], "bye")
    page = await operator.page(address(made))
    assert "Yes, end it" in page
    answer = await operator.post(f"{address(made)}/end")
    assert (303, f"{address(made)}?done=ended") == (answer.status, answer.headers["Location"])
    await here.hears(ANNA, (ONE, START), (ONE, END))
    await until(lambda: (ONE, END) in here.heard(BERT))
    page = await operator.page(answer.headers["Location"])
    assert "The conversation has ended." in page
    assert '<span class="state">ended</span>' in page
    assert "Yes, end it" not in page
    assert [("left", [f"A {MASKED[ANNA]}", "bye"])] == [
        (at, spoken[:2]) for at, spoken in said(page)
    ]
    assert [] == rows(await operator.page(LIST))


async def test_what_has_ended_can_be_neither_ended_nor_extended(
    here: Town, operator: Operator
) -> None:
    """Its page says so, and that it has ended."""
    made = await here.session(ANNA, BERT)
    await here.ok("DELETE", f"/session/{made['session_id']}")
    for form, fields in (("end", {}), ("expiry", {"expiry_window": "5"})):
        answer = await operator.post(f"{address(made)}/{form}", **fields)
        page = await text_of(answer)
        assert (404, "This conversation is not open any more.") == (answer.status, problem(page))
        assert '<span class="state">ended</span>' in page


@pytest.mark.parametrize(("minutes", "ends"), [("90", True), ("0.5", True), ("0", False)])
async def test_the_expiry_can_be_changed(
    here: Town, operator: Operator, minutes: str, ends: bool
) -> None:
    made = await here.session(ANNA, BERT, expiry_window=5)
    answer = await operator.post(f"{address(made)}/expiry", expiry_window=minutes)
    assert (303, f"{address(made)}?done=changed") == (answer.status, answer.headers["Location"])
    shown = await here.ok("GET", f"/session/{made['session_id']}")
    assert made["expiry_date"] != shown["expiry_date"]
    assert ends is bool(shown["expiry_date"])
    assert ends is not ("<dd>never</dd>" in await operator.page(address(made)))


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        ("", "Minutes: is missing."),
        ("-1", "Minutes: must be a positive"),
        ("soon", "Minutes: must"),
    ],
)
async def test_wrong_minutes_change_nothing_and_stay_typed(
    here: Town, operator: Operator, minutes: str, message: str
) -> None:
    made = await here.session(ANNA, BERT, expiry_window=5)
    answer = await operator.post(f"{address(made)}/expiry", expiry_window=minutes)
    page = await text_of(answer)
    assert (400, message) == (answer.status, problem(page)[: len(message)])
    assert f'name="expiry_window" value="{minutes}"' in page
    shown = await here.ok("GET", f"/session/{made['session_id']}")
    assert made["expiry_date"] == shown["expiry_date"]


# -- without logs


async def test_without_logs_the_pages_name_the_option(redis_url: str) -> None:
    async with town(redis_url, "--session_log_days=0") as here:
        await here.rent(ONE)
        operator = await Operator.signed_in(here.gateway, "correct-horse")
        made = await here.session(ANNA, BERT)
        await here.text(ANNA, made["virtual_tn"], "hello")
        for page in (LIST, address(made)):
            assert "session_log_days=0" in await operator.page(page)
        assert '<span class="badge">1</span>' in await operator.page(address(made))
