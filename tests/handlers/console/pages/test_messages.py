"""The console's pages about messages: search, sending, the life of one, and what is left over."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import redis
from playwright.sync_api import Browser, Page, ViewportSize, expect

from gateway.messaging.history import Event, Message
from gateway.messaging.outbox.queue import OutboxEntry
from gateway.messaging.status import Status
from gateway.providers.base import DeliveryState
from gateway.store import keys
from handlers.console import formatting
from handlers.console.pages.message_life import Step, steps
from handlers.console.pages.operator_lists import REASONS
from tests.support import ROOT
from tests.support.browser import Watch
from tests.support.scenes.console import TOKEN, Operator
from tests.support.scenes.phones_town import devices_file, phones_town
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import Gateway, serving
from tests.support.stand_ins.delivery_receipts import deliver, receipt
from tests.support.stand_ins.vonage import (
    VonageStandin,
    accepted,
    dropped,
    in_turn,
    new_ids,
    refused,
)
from tests.support.visitor import Visitor, eventually, visiting

DIGITS = "4917612345678"
MASKED = "+49176•••••78"
SPACED = "+49 176 12345678"
POOL = "12065550151"
ANNA, BERT, CARL = "12065550121", "12065550122", "12065550123"
PLAIN = {"session_start_msg": "", "session_end_msg": "", "no_session_msg": "", "optout_msg": ""}
MESSAGES = "/console/messages"
LETTERS = f"{MESSAGES}/dead-letters"
UNKNOWN = f"{MESSAGES}/unknown"
INBOX = f"{MESSAGES}/inbox"
OPTOUTS = f"{MESSAGES}/optouts"


@dataclass
class Console:
    """An operator at the console of a gateway, and its back-end and providers."""

    gateway: Gateway
    operator: Operator
    backend: Visitor
    standin: VonageStandin

    async def text(self, text: str = "Hello", to: str = DIGITS, **more: str) -> str:
        """Send a message over the admin route and return its id."""
        body = {"to": to, "text": text, **more}
        reply = await self.backend.request("POST", "/messages", json=body)
        return str(reply.json["id"])

    async def begin(self, a: str = ANNA, b: str = BERT) -> str:
        """Begin a session and return its id."""
        body = {"participant_a": a, "participant_b": b}
        reply = await self.backend.request("POST", "/session", json=body)
        return str(reply.json["session_id"])

    async def say(self, sender: str, text: str, *, to: str = POOL) -> None:
        """Be a person who texts a number of the gateway."""
        form = {"msisdn": sender, "to": to, "text": text, "messageId": new_ids(1)[0]}
        assert 200 == (await self.backend.request("POST", "/inbound/", data=form)).status

    async def read(self, path: str, status: int = 200) -> str:
        """Return what a person reads of a page: its main part without markup."""
        return words(await self.operator.page(path, status))

    async def press(self, path: str, **fields: Any) -> str:
        """Post a form and return what a person reads afterwards."""
        answer = await self.operator.post(path, **fields)
        if answer.status == 303:
            return await self.read(answer.headers["Location"])
        return words(await answer.text())

    async def letters(self, *texts: str) -> list[str]:
        """Let Anna's texts be refused; return the ids of the dead letters, the newest first."""
        self.standin.expect(refused("7", "Number barred"))
        for each in texts:
            await self.say(ANNA, each)
        await eventually(lambda: self._dead(len(texts)))
        self.standin.expect()
        found = (await self.backend.get("/dead-letters")).json["dead_letters"]
        return [each["id"] for each in found]

    async def _dead(self, count: int) -> bool:
        return bool((await self.gateway.application.services.outbox.counts()).dead_letters == count)


def words(page: str) -> str:
    """Return the text of a page's main part, blanks as one."""
    main = page.partition('<main id="main">')[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


@pytest.fixture
async def console(standin: VonageStandin, redis_url: str) -> AsyncIterator[Console]:
    """A console with one virtual number in the pool, and no notices."""
    standin.expect()
    options = standin.options(redis_url, admin_token=TOKEN, number_rate=0, **PLAIN)
    async with serving(*options, redis_url=redis_url) as gateway, visiting(gateway.url) as visitor:
        operator = await Operator.signed_in(gateway)
        backend = visitor.via(Authorization=f"Bearer {TOKEN}")
        assert 200 == (await backend.request("POST", "/tn", json={"value": POOL})).status
        yield Console(gateway, operator, backend, standin)


# ---- the list, and searching in it

EMPTY = {
    MESSAGES: "No messages yet. Send one by the form above, by POST /messages",
    LETTERS: "No dead letters: there is nothing to do.",
    INBOX: "The inbox is empty.",
    OPTOUTS: "Nobody has opted out.",
}


@pytest.mark.parametrize(("path", "says"), EMPTY.items(), ids=EMPTY.keys())
async def test_an_empty_list_says_what_to_do(path: str, says: str, console: Console) -> None:
    """Each of the four tabs."""
    assert says in await console.read(path)


async def test_the_list_shows_the_newest_first_and_no_number(console: Console) -> None:
    """With what became of each; a long text is cut."""
    await console.text("apple")
    console.standin.expect(refused("9"))
    await console.text("banana " + "x" * 200)

    page = await console.operator.page(MESSAGES)
    shown = words(page)

    assert shown.index("banana") < shown.index("apple")
    assert all(word in shown for word in (MASKED, "rejected", "accepted", "0.0412", "nexmo admin"))
    assert "x" * 100 not in shown
    assert DIGITS not in page
    assert SPACED not in page


async def test_the_list_is_paged(console: Console) -> None:
    """Fifty a page, without gaps and repeats."""
    ids = [await console.text(f"text {number}") for number in range(51)]

    first = await console.operator.page(MESSAGES)
    [older] = re.findall(r'href="(/console/messages\?after=[^"]*)"', first)
    second = await console.operator.page(older)

    assert ids[:0:-1] == _listed(first)
    assert ids[:1] == _listed(second)
    assert "Older" not in second


def _listed(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/console/messages/([0-9a-f]{32})"', page)


@pytest.mark.parametrize("shape", [str, str.upper], ids=["as-it-is", "upper-case"])
async def test_an_id_leads_to_its_message(shape: Any, console: Console) -> None:
    """Ours, in either case."""
    message = await console.text()
    answer = await console.operator.post(f"{MESSAGES}/search", q=f" {shape(message)} ")
    assert (303, f"{MESSAGES}/{message}") == (answer.status, answer.headers["Location"])


async def test_a_provider_s_id_of_a_part_leads_to_its_message(console: Console) -> None:
    """Of any part."""
    parts = new_ids(2)
    console.standin.expect(accepted(*parts))
    message = await console.text()
    for part in parts:
        answer = await console.operator.post(f"{MESSAGES}/search", q=part)
        assert f"{MESSAGES}/{message}" == answer.headers["Location"]


NUMBERS = {"digits": DIGITS, "plus": f"+{DIGITS}", "spaced": SPACED}


@pytest.mark.parametrize("wanted", NUMBERS.values(), ids=NUMBERS.keys())
async def test_a_number_finds_the_messages_to_it(wanted: str, console: Console) -> None:
    """Neither the address nor the page names it, until it is shown."""
    message = await console.text("to him")
    await console.text("to her", to=ANNA)

    answer = await console.operator.post(f"{MESSAGES}/search", q=wanted)
    place = answer.headers["Location"]
    page = await console.operator.page(place)
    await console.operator.post("/console/show", thing=f"message:{message}", back=place)
    shown = await console.read(place)

    assert f"{MESSAGES}?to={message}" == place
    assert "1 message, the newest first" in words(page)
    assert "to him" in words(page)
    assert "to her" not in words(page)
    assert MASKED in words(page)
    assert not any(each in page for each in (DIGITS, SPACED))
    assert 2 == shown.count(SPACED)


async def test_the_messages_to_a_number_are_paged(console: Console) -> None:
    """Each page leads on to older ones to the same number."""
    ids = [await console.text(f"text {number}") for number in range(51)]
    await console.text("to her", to=ANNA)
    answer = await console.operator.post(f"{MESSAGES}/search", q=SPACED)
    first = await console.operator.page(answer.headers["Location"])
    [older] = re.findall(r'href="(/console/messages\?to=[^"]*)"', first)
    second = await console.operator.page(unescape(older))
    # Two of the same millisecond may change places; test_message_log knows the order.
    assert [50, 1] == [len(_listed(first)), len(_listed(second))]
    assert sorted(ids) == sorted([*_listed(first), *_listed(second)])


async def test_when_the_message_of_a_link_is_gone_all_are_listed(console: Console) -> None:
    """And it is said in words."""
    await console.text("to him")
    shown = await console.read(f"{MESSAGES}?to={'0' * 32}")
    assert "The message of this link is not kept any longer: these are all." in shown
    assert "to him" in shown


NOTHING = {
    "national": ("0176 12345678", "write it with its country: +49 176 …, not 0176 …"),
    "a number without messages": ("+61 491 570 156", "No message to +61 491 570 156 is kept."),
    "an unknown id": ("0" * 32, "Nothing was found."),
    "words": ("hello there", "Look for a message's id, a provider's id"),
}


@pytest.mark.parametrize(("wanted", "says"), NOTHING.values(), ids=NOTHING.keys())
async def test_a_search_without_a_find_says_what_can_be_searched(
    wanted: str, says: str, console: Console
) -> None:
    """A national number is not completed: nobody knows from which country."""
    page = await console.operator.ask(f"{MESSAGES}/search", status=404, q=wanted)
    assert says in words(page)
    assert f'name="q" value="{wanted}"' in page


async def test_a_search_for_nothing_lists_all(console: Console) -> None:
    """Who empties the field wants to see the list again."""
    answer = await console.operator.post(f"{MESSAGES}/search", q=" ")
    assert (303, MESSAGES) == (answer.status, answer.headers["Location"])


STALE = {
    "messages": MESSAGES,
    "dead letters": LETTERS,
    "unknown": UNKNOWN,
    "inbox": INBOX,
    "numbers": "/console/numbers",
    "limits": "/console/limits",
    "conversations": "/console/conversations",
}


@pytest.mark.parametrize("path", STALE.values(), ids=STALE.keys())
@pytest.mark.parametrize("after", ["0" * 32, "gone"])
async def test_a_link_to_older_ones_that_are_gone_leads_to_the_first_page(
    path: str, after: str, console: Console
) -> None:
    """Lists shrink on their own while somebody looks at them."""
    await console.text("the newest")
    first = await console.operator.page(path)
    stale = await console.operator.page(f"{path}?after={after}")
    assert [_listed(first), first.count("<tr")] == [_listed(stale), stale.count("<tr")]


# ---- sending one


async def test_the_form_sends_a_text_and_leads_to_its_life(console: Console) -> None:
    """As the back-end's route does; lines end as phones expect it."""
    shown = await console.press(
        f"{MESSAGES}/send", to=SPACED, text="Ça va 🎉\r\n=&+", sender="Acme", provider="nexmo"
    )

    [post] = console.standin.posts
    assert ("Ça va 🎉\n=&+", "Acme", DIGITS) == tuple(post.form[n] for n in ("text", "from", "to"))
    assert "Sent: the provider has taken it." in shown
    assert "Ça va 🎉 =&+" in shown
    assert "nexmo Asked for by console" in shown


async def test_the_form_shows_parts_and_price_before_it_sends(console: Console) -> None:
    """What was typed stays; nothing is sent."""
    await console.text(sender="Acme")
    before = len(console.standin.posts)
    typed = {"to": f"+{DIGITS}", "text": "x" * 160 + "’", "sender": "Acme", "provider": "nexmo"}
    answer = await console.operator.post(f"{MESSAGES}/preview", **typed)
    page = await answer.text()
    assert "2 parts in GSM-7, about 0.0" in words(page)
    assert f'value="+{DIGITS}"' in page
    assert before == len(console.standin.posts)


async def test_of_an_sms_for_a_phone_the_form_says_that_it_waits(
    redis_url: str, tmp_path: Path
) -> None:
    """The phone asks for it when it likes; nobody has taken it yet."""
    async with phones_town(redis_url, devices_file(tmp_path)) as town:
        operator = await Operator.signed_in(town.gateway, "correct-horse")
        form = {"to": DIGITS, "text": "Hello", "sender": "Acme", "provider": "smssync:front"}
        answer = await operator.post(f"{MESSAGES}/send", **form)
        shown = words(await operator.page(answer.headers["Location"]))
    assert "Waits for the phone." in shown
    assert "Sent:" not in shown


async def test_the_form_cuts_no_sender(console: Console) -> None:
    """It says how long one may be, and the answer what is wrong."""
    page = await console.operator.page(MESSAGES)
    [field] = re.findall(r'<input name="sender"[^>]*>', page)
    assert "maxlength" not in field
    assert "networks show at most 11 letters" in words(page)


async def test_the_form_leads_to_the_life_of_what_was_refused(console: Console) -> None:
    """Which says why, and not that it was sent."""
    console.standin.expect(refused("9", "Partner quota violation"))
    shown = await console.press(f"{MESSAGES}/send", to=DIGITS, text="Hello")
    assert "Sent:" not in shown
    assert "The provider refused it" in shown
    assert "Partner quota violation" in shown


WRONG = {
    "no number": ({"to": ""}, "To: must be a valid international number."),
    "national": ({"to": "0176 12345678"}, "To: must be a valid international number."),
    "no text": ({"text": ""}, "Text: is missing."),
    "too long": ({"text": "x" * 3201}, "Text: longer than 3200 characters."),
    "sender": ({"sender": "x" * 16}, "Sender: a number or at most 15 printable characters."),
    "provider": ({"provider": "nobody"}, "Provider: unknown."),
}


@pytest.mark.parametrize(("wrong", "says"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_field_is_named_and_what_was_typed_stays(
    wrong: dict[str, str], says: str, console: Console
) -> None:
    """And nothing is sent."""
    typed = {"to": DIGITS, "text": "Hello there", "sender": "Acme", **wrong}
    answer = await console.operator.post(f"{MESSAGES}/send", **typed)
    page = await answer.text()
    assert 400 == answer.status
    assert says in words(page)
    assert all(typed[name] in page for name in ("to", "text", "sender"))
    assert [] == console.standin.posts


# ---- the life of one


async def test_the_life_shows_each_step_in_order(console: Console) -> None:
    """Written down, answered, a receipt for each part, the final state."""
    one, two = new_ids(2)
    console.standin.expect(accepted(one, two))
    message = await console.text("Hello in two parts")
    await deliver(console.backend, receipt(one, "buffered"))
    before = await console.read(f"{MESSAGES}/{message}")
    await deliver(console.backend, receipt(one, "delivered"))
    await deliver(console.backend, receipt(two, "expired"))

    shown = await console.read(f"{MESSAGES}/{message}")

    assert "Not final yet: buffered" in before
    order = (
        *("Hello in two parts", "0.0824 EUR", "26201", "Written down", "The provider took it"),
        *("A receipt came", "buffered", one, "2026-07-17 02:34, as the carrier says"),
        *("A receipt came", "delivered", one),
        *("A receipt came", "expired", two, "Final: expired"),
    )
    at = 0
    for word in order:
        at = shown.index(word, at) + 1


async def test_the_number_is_masked_until_it_is_shown(console: Console) -> None:
    """Also where the provider quotes it; and for ten minutes only to him who asked."""
    console.standin.expect(refused("15", f"Illegal number {DIGITS}"))
    path = f"{MESSAGES}/{(message := await console.text())}"

    before = await console.operator.page(path)
    await console.operator.post("/console/show", thing=f"message:{message}", back=path)
    after = words(await console.operator.page(path))

    assert DIGITS not in before
    assert SPACED not in before
    assert 1 == words(before).count("To " + MASKED)
    assert SPACED in after
    assert f"Illegal number {DIGITS}" in after


async def test_the_life_of_a_relayed_text_leads_to_its_conversation(console: Console) -> None:
    """What participants say stands in the conversation's log alone."""
    session = await console.begin()
    await console.say(ANNA, "between us")
    await eventually(lambda: len(console.standin.posts) == 1)
    message = console.standin.posts[0].form["client-ref"]

    page = await console.operator.page(f"{MESSAGES}/{message}")

    assert f'href="/console/conversations/{session}"' in page
    assert "Its text stands in the conversation's log alone." in words(page)
    assert "between us" not in page
    assert "in its conversation" in await console.read(MESSAGES)


@pytest.mark.parametrize("path", [f"{MESSAGES}/{'0' * 32}", f"{MESSAGES}/nonsense"])
async def test_an_unknown_message_is_not_found(path: str, console: Console) -> None:
    """Nor is what cannot be an id."""
    await console.operator.page(path, status=404)


CREATED = 1_784_255_675_000
RETRIES = Message(
    id="0" * 32,
    to="+12065550122",
    created=CREATED,
    status=Status(DeliveryState.DELIVERED, final=True, parts=1),
    attempts=2,
    sender="+12065550100",
    text="",
    provider="flowroute",
    source="relay",
    session="",
    outcome="accepted",
    code="",
    error="",
    price="",
    network="",
    events=[
        Event(1, "answer", {"outcome": "pending", "attempts": 1, "code": "429"}),
        Event(2, "answer", {"outcome": "accepted", "attempts": 2, "parts": 1, "code": ""}),
        Event(
            3,
            "receipt",
            {
                "part": "mdr2-1",
                "status": "message buffered",
                "level": "2",
                "status_code": "1003",
                "status_code_description": "Message accepted by Carrier",
                "timestamp": "2026-07-17T02:34:36Z",
            },
        ),
        Event(4, "receipt", {"part": "mdr2-1", "status": "delivered"}),
    ],
)


def test_steps_say_what_each_event_means() -> None:
    """Of both providers, retries included; what an event does not tell is left out."""
    assert [
        Step(
            CREATED,
            "Written down, before anything was sent",
            facts=(("provider", "flowroute"), ("for", "relay")),
        ),
        Step(
            *(1, "It did not go out and is tried again", "pending"),
            facts=(("code", "429"), ("attempts", "1")),
        ),
        Step(2, "The provider took it", "accepted", facts=(("attempts", "2"), ("parts", "1"))),
        Step(
            *(3, "A receipt came", "message buffered"),
            facts=(
                *(("part", "mdr2-1"), ("code", "1003")),
                *(("carrier's time", "2026-07-17T02:34:36Z"), ("level", "2")),
            ),
            said="Message accepted by Carrier",
        ),
        Step(4, "A receipt came", "delivered", facts=(("part", "mdr2-1"),)),
    ] == steps(RETRIES)


CARRIER_TIMES = {
    "Vonage's": ({"scts": "2611211012"}, "2026-11-21 10:12, as the carrier says"),
    "a leap day": ({"scts": "2802292359"}, "2028-02-29 23:59, as the carrier says"),
    "no month": ({"scts": "2613211012"}, "2613211012"),
    "another shape": ({"scts": "26112110120"}, "26112110120"),
    "no digits of ours": ({"scts": "²⁶¹¹²¹¹⁰¹²"}, "²⁶¹¹²¹¹⁰¹²"),
    "Flowroute's": ({"timestamp": "2026-07-17T02:34:36Z"}, "2026-07-17T02:34:36Z"),
}


@pytest.mark.parametrize(("fields", "seen"), CARRIER_TIMES.values(), ids=CARRIER_TIMES.keys())
def test_the_carrier_s_time_is_written_as_a_time(fields: dict[str, str], seen: str) -> None:
    """Without a zone, which Vonage does not tell; what has another shape stays as it is."""
    event = Event(1, "receipt", {"status": "delivered", **fields})
    assert (("carrier's time", seen),) == steps(replace(RETRIES, events=[event]))[1].facts


def test_a_cancelled_sms_says_so_in_words() -> None:
    """Its state alone, in the words of receipts, is that of what a provider has turned down."""
    event = Event(1, "receipt", {"part": "x", "status": "cancelled"})
    step = steps(replace(RETRIES, events=[event]))[1]
    assert ("It was cancelled before a phone had it", "cancelled") == (step.what, step.state)


# ---- dead letters


async def test_a_dead_letter_shows_what_happened(console: Console) -> None:
    """Reason, attempts, text, conversation; the number is masked until it is shown."""
    session = await console.begin()
    [letter] = await console.letters("lost words")

    page = await console.operator.page(LETTERS)
    await console.operator.post("/console/show", thing=f"letter:{letter}", back=LETTERS)
    shown = await console.read(LETTERS)

    assert "lost words" in words(page)
    assert "rejected" in await console.read(f"/console/conversations/{session}")
    assert "rejected, final" in await console.read(f"{MESSAGES}/{letter}")
    assert "refused, code 7: " in words(page)
    assert "1 attempt, relay, nexmo" in words(page)
    assert f'href="/console/conversations/{session}"' in page
    assert "550122" not in page
    assert "+1 206-555-0122" in shown


async def test_chosen_letters_are_sent_again(console: Console) -> None:
    """The others stay."""
    await console.begin()
    three, two, one = await console.letters("one", "two", "three")

    shown = await console.press(f"{LETTERS}/requeue", id=[one, three])
    await eventually(lambda: len(console.standin.posts) == 2)

    assert "Queued again" in shown
    assert ["one", "three"] == [post.form["text"] for post in console.standin.posts]
    left = (await console.backend.get("/dead-letters")).json["dead_letters"]
    assert [two] == [each["id"] for each in left]


async def test_texts_of_unknown_outcome_are_sent_again_or_discarded(console: Console) -> None:
    """Each list has its own texts."""
    await console.begin()
    console.standin.expect(dropped)
    for each in ("one", "two", "three"):
        await console.say(ANNA, each)

    async def listed() -> bool:
        counts = await console.gateway.application.services.outbox.counts()
        return counts.unknown == 3

    await eventually(listed)
    console.standin.expect()
    three, two, one = [
        each["id"] for each in (await console.backend.get("/unknown")).json["unknown"]
    ]

    page = await console.read(UNKNOWN)
    queued = await console.press(f"{UNKNOWN}/requeue", id=[one])
    discarded = await console.press(f"{UNKNOWN}/discard", id=[two])
    refused = await console.press(f"{LETTERS}/requeue", id=[three])
    await eventually(lambda: console.standin.posts)

    assert "3 unknown texts, the newest first" in page
    assert "unknown, code broken: " in page
    assert "2 unknown texts" in queued
    assert "1 unknown text, " in discarded
    assert "there is no such dead letter any more" in refused
    assert ["one"] == [post.form["text"] for post in console.standin.posts]
    assert "3 dead letters" not in await console.read(LETTERS)


async def test_what_cannot_be_sent_again_is_said_in_words(console: Console) -> None:
    """A text of an ended session, one that cannot be read, one that is gone; the rest is sent."""
    ended = await console.begin()
    [late] = await console.letters("late")
    await console.backend.request("DELETE", f"/session/{ended}")
    store = console.gateway.application.services.store
    for letter, content in (("broken", "{"), ("fine", _letter("fine"))):
        await store.execute("HSET", keys.DEAD, letter, content)
        await store.execute("ZADD", keys.DEAD_TIMES, time.time_ns() // 1_000_000, letter)

    shown = await console.press(f"{LETTERS}/requeue", id=[late, "broken", "gone", "fine"])
    await eventually(lambda: len(console.standin.posts) == 1)

    assert "1 of 4 queued again; 1 not, because the conversation has ended; " in shown
    assert "1 not, because the text cannot be read; " in shown
    assert "1 not, because there is no such dead letter any more." in shown
    assert "It cannot be read: it can only be discarded." in shown
    assert "2 dead letters" in shown


async def test_what_was_said_in_an_ended_conversation_is_not_offered_again(
    console: Console,
) -> None:
    """Its dead letter says why; one of an open conversation is offered."""
    ended = await console.begin()
    await console.letters("late")
    before = await console.operator.page(LETTERS)
    await console.backend.request("DELETE", f"/session/{ended}")
    after = await console.operator.page(LETTERS)
    assert (1, 0) == tuple(page.count(">Re-queue<") for page in (before, after))
    says = "Its conversation has ended: it can only be discarded."
    assert (False, True) == tuple(says in words(page) for page in (before, after))
    assert "Yes, discard it" in after


def _letter(text: str) -> str:
    entry = OutboxEntry("0" * 32, f"+{BERT}", f"+{POOL}", "nexmo", text, "notice")
    return f'{entry.to_json()[:-1]},"reason":"refused","at":{time.time_ns() // 1_000_000}}}'


async def test_chosen_letters_are_discarded(console: Console) -> None:
    """For good."""
    await console.begin()
    _, two, one = await console.letters("one", "two", "three")
    shown = await console.press(f"{LETTERS}/discard", id=[one, two])
    assert "Discarded." in shown
    assert "three" in shown
    assert "two" not in shown
    assert [] == console.standin.posts


@pytest.mark.parametrize("count", [0, 51])
@pytest.mark.parametrize("deed", ["requeue", "discard"])
async def test_one_to_fifty_letters_have_to_be_chosen(
    deed: str, count: int, console: Console
) -> None:
    """As many as a page has."""
    shown = await console.press(f"{LETTERS}/{deed}", id=[str(each) for each in range(count)])
    assert "Choose at least one of them, and 50 at most." in shown


# ---- inbox


async def test_the_inbox_says_who_wrote_what_and_why_it_is_there(console: Console) -> None:
    """The sender is masked until he is shown; names are no numbers."""
    await console.say(CARL, "Is anybody there?")
    await console.say("Acme", "Buy now")
    [newest, oldest] = (await console.backend.get("/inbox")).json["messages"]

    page = await console.operator.page(INBOX)
    await console.operator.post("/console/show", thing=f"inbox:{oldest['inbox_id']}", back=INBOX)
    shown = await console.read(INBOX)

    assert newest["from"] == "Acme"
    assert words(page).index("Buy now") < words(page).index("Is anybody there?")
    assert "The sender has no conversation on this number." in words(page)
    assert "The sender is a name or a short code." in words(page)
    assert "+1 206-555-0151" in words(page)
    assert "550123" not in page
    assert "0123" not in words(page)
    assert "+1 206-555-0123" in shown


def test_the_inbox_has_a_sentence_for_every_reason_of_the_interface() -> None:
    text = (ROOT / "handlers" / "API.md").read_text("utf-8")
    [line] = re.findall(r"^`GET /inbox`: .*`reason`: (.*)$", text, re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", line)) == set(REASONS)


async def test_the_inbox_shows_what_could_not_be_used_with_its_numbers_masked(
    console: Console,
) -> None:
    body = b'<script>{"msisdn":"12065550123'
    reply = await console.backend.request("POST", "/inbound/", data=b"{" + body)
    assert 200 == reply.status
    [item] = (await console.backend.get("/inbox")).json["messages"]

    page = await console.operator.page(INBOX)
    await console.operator.post("/console/show", thing=f"inbox:{item['inbox_id']}", back=INBOX)
    shown = await console.read(INBOX)

    assert "Nobody could read it." in words(page)
    assert "<script>{" not in page
    assert "0123" not in words(page)
    assert "12065550123" in shown


async def test_the_inbox_shows_the_addresses_of_pictures(console: Console) -> None:
    image = {"url": "https://media.example.com/1.jpg", "caption": "Look"}
    ends = {"from": CARL, "to": "12065550151", "channel": "mms", "message_uuid": "m-1"}
    reply = await console.backend.request(
        "POST", "/inbound/", json=ends | {"message_type": "image", "image": image}
    )
    assert 200 == reply.status
    page = words(await console.operator.page(INBOX))
    assert "https://media.example.com/1.jpg" in page
    assert "Look" in page


async def test_the_inbox_is_paged(console: Console) -> None:
    """Fifty a page."""
    for number in range(51):
        await console.say("Acme", f"text {number}.")
    first = await console.operator.page(INBOX)
    [older] = re.findall(r'href="(/console/messages/inbox\?after=[^"]*)"', first)
    second = words(await console.operator.page(older))
    assert "text 1." in words(first)
    assert "text 0." not in words(first)
    assert "text 0." in second
    assert "text 1." not in second


# ---- opt-outs


async def test_an_opt_out_is_masked_and_can_be_taken_back(console: Console) -> None:
    """No link and no form holds the number."""
    await console.say(CARL, "STOP")
    page = await console.operator.page(OPTOUTS)
    [token] = re.findall(r'name="token" value="([0-9a-f]{32})"', page)
    await console.operator.post("/console/show", thing=f"optout:{token}", back=OPTOUTS)
    shown = await console.read(OPTOUTS)
    taken = await console.press(f"{OPTOUTS}/remove", token=token, page="1")
    again = await console.operator.post(f"{OPTOUTS}/remove", token=token, page="1")

    assert "+1206•••••23" in words(page)
    assert CARL not in page
    assert "+1 206-555-0123" in shown
    assert "Taken back" in taken
    assert "Nobody has opted out." in taken
    assert 404 == again.status
    assert "has not opted out, or not any more" in words(await again.text())


async def test_who_has_opted_out_is_found_by_his_number(console: Console) -> None:
    """And can be let in again from there."""
    await console.say(CARL, "STOP")
    page = await console.operator.ask(f"{OPTOUTS}/search", q=f"+{CARL}")
    [token] = re.findall(r'name="token" value="([0-9a-f]{32})"', page)
    assert "+1 206-555-0123" in words(page)
    other = await console.operator.ask(f"{OPTOUTS}/search", q=ANNA)
    assert "This number has not opted out" in words(other)
    assert "Taken back" in await console.press(
        f"{OPTOUTS}/remove", token=token, page="1", number=CARL
    )


async def test_for_a_bearer_token_a_number_stands_behind_a_key_as_well(console: Console) -> None:
    """Who has no sign-in has no key of his own; without any the stand-in could be worked out."""
    await console.say(CARL, "STOP")
    page = (await console.backend.request("GET", OPTOUTS)).text
    [token] = re.findall(r'name="token" value="([0-9a-f]{32})"', page)
    assert hmac.new(b"", CARL.encode(), hashlib.sha256).hexdigest()[:32] != token
    form = {"token": token, "page": "1"}
    await console.backend.request("POST", f"{OPTOUTS}/remove", data=form)
    assert "Nobody has opted out." in await console.read(OPTOUTS)


async def test_opt_outs_are_paged_and_taken_back_on_every_page(console: Console) -> None:
    """Also when others have opted out since the page was loaded."""
    store = console.gateway.application.services.store
    for number in range(51):
        await store.execute("ZADD", keys.OPTOUTS, number + 1, f"+120655501{number:02}")
    first = await console.operator.page(OPTOUTS)
    assert f'href="{OPTOUTS}?page=2"' in first
    second = await console.operator.page(f"{OPTOUTS}?page=2")
    [token] = re.findall(r'name="token" value="([0-9a-f]{32})"', second)
    for number in range(51, 100):
        await store.execute("ZADD", keys.OPTOUTS, number + 1, f"+120655501{number:02}")

    assert "Taken back" in await console.press(f"{OPTOUTS}/remove", token=token, page="2")

    assert 50 == first.count('name="token"')
    assert await store.execute("ZSCORE", keys.OPTOUTS, "+12065550100") is None
    assert 99 == await store.execute("ZCARD", keys.OPTOUTS)


# ---- all of them

FORMS = (
    f"{MESSAGES}/search",
    f"{MESSAGES}/send",
    f"{OPTOUTS}/search",
    "/console/limits/check",
    f"{LETTERS}/requeue",
    f"{LETTERS}/discard",
    f"{OPTOUTS}/remove",
)


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_the_person_s_token_does_nothing(path: str, console: Console) -> None:
    """A foreign page has the cookie at best."""
    answer = await console.operator.post(path, xsrf="0" * 64, to=DIGITS, text="Hello")
    assert 403 == answer.status
    assert [] == console.standin.posts


WRITTEN = {
    "with plus": (f"+{DIGITS}", MASKED),
    "digits": (DIGITS, MASKED),
    "national with blanks": ("0176 1234 5678", "0176•••••78"),
    "in brackets": ("(206) 555-0123", "206•••••23"),
    "a name": ("Acme", "Acme"),
    "a name with digits": ("Shop24 Berlin", "Shop24 Berlin"),
    "a number behind a name": ("Taxi 12345678", "Taxi 12•••••78"),
    "an address of a number": ("tel:+4917655566677", "tel:+49176•••••77"),
    "in groups": ("+49 176 5556 6677", "+49176•••••77"),
    "a mail address": ("4917655566677@example", "49176•••••77@example"),
    "of an order": ("Order 12345", "Order 12345"),
    "a short code": ("12345", "12345"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("written", "seen"), WRITTEN.values(), ids=WRITTEN.keys())
def test_numbers_are_masked_however_they_are_written(written: str, seen: str) -> None:
    """Phones and providers write them in many ways."""
    assert seen == formatting.number(written)


SENDERS = {
    "a number": (DIGITS, "nexmo", SPACED),
    "a name": ("Acme", "flowroute", "Acme"),
    "none": ("", "nexmo", "–"),
    "one phone": ("Acme", "smssync:front", "the phone’s own number"),
    "any phone": ("any phone", "smssync", "the phone’s own number"),
}


@pytest.mark.parametrize(("sender", "provider", "seen"), SENDERS.values(), ids=SENDERS.keys())
def test_a_phone_sends_from_its_own_number(sender: str, provider: str, seen: str) -> None:
    """Whatever sender was asked for, it cannot use another."""
    assert seen == formatting.sender(sender, provider)


QUOTED = {
    "a number": ("Illegal number 4917612345678.", "Illegal number 49176•••••78."),
    "a number and a date": (
        "+49 176 12345678 on 2016-05-19",
        "+49176•••••78 on 2016-05-19",
    ),
    "a date and a number": (
        "2016-05-19 22:19:58 4917612345678",
        "2016-05-19 22:19:58 49176•••••78",
    ),
    "a date": ("since 2016-05-19.", "since 2016-05-19."),
    "a date with a time": ("2016-05-19 22:19:58", "2016-05-19 22:19:58"),
    "a date of ISO 8601": ("2016-05-19T22:19:58Z", "2016-05-19T22:19:58Z"),
    "what only begins as a date": ("2016-05-19345678", "20160•••••78"),
    "what only ends as a date": ("+49 2016-05-19", "+492•••••19"),
    "a date that is none": ("2016-55-1934", "201•••••34"),
    "with blanks that do not break": ("+49\u00a0176\u00a012345678", "+49176•••••78"),
    "with a long dash": ("0176\u201312345678", "0176•••••78"),
    "in digits of another script": ("٤٩١٧٦١٢٣٤٥٦٧٨", "٤٩١٧٦•••••٧٨"),
    "a short code": ("Text STOP to 22395", "Text STOP to 22395"),
    "a version": ("SmsSync/3.1.0 (Android 11)", "SmsSync/3.1.0 (Android 11)"),
}


@pytest.mark.parametrize(("said", "seen"), QUOTED.values(), ids=QUOTED.keys())
def test_what_others_say_is_masked_but_for_dates(said: str, seen: str) -> None:
    """In the words of a provider or a phone a number may stand anywhere."""
    assert seen == formatting.quoted(said)


async def test_a_second_attempt_is_a_step_of_its_own(console: Console) -> None:
    """What the outbox tried again shows each answer."""
    await console.begin()
    console.standin.expect(in_turn(refused("1", "Throttled"), accepted()))
    await console.say(ANNA, "patience")
    await eventually(lambda: len(console.standin.posts) == 2)
    message = console.standin.posts[0].form["client-ref"]

    async def answered() -> bool:
        return "The provider took it" in await console.read(f"{MESSAGES}/{message}")

    await eventually(answered)
    shown = await console.read(f"{MESSAGES}/{message}")
    assert shown.index("It did not go out and is tried again") < shown.index("The provider took it")


# ---- in a browser


@contextmanager
def seen(
    browser: Browser, standin: VonageStandin, redis_url: str, *, width: int
) -> Iterator[tuple[Page, str]]:
    """An operator's page and its gateway's address; at the end the page must have behaved."""
    options = standin.options(redis_url, admin_token=TOKEN, number_rate=0)
    viewport: ViewportSize = {"width": width, "height": 800}
    with (
        GatewayProcess(*options) as gateway,
        browser.new_context(viewport=viewport) as context,
    ):
        page = context.new_page()
        watch = Watch(page)
        page.goto(f"{gateway.url}{MESSAGES}")
        page.get_by_label("Admin token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        yield page, gateway.url
        assert [] == watch.problems


def test_the_life_follows_what_happens(
    browser: Browser, standin: VonageStandin, redis_url: str
) -> None:
    """A receipt appears without a reload."""
    [part] = new_ids(1)
    standin.expect(accepted(part))
    with seen(browser, standin, redis_url, width=1200) as (page, url):
        page.get_by_label("To (international)").fill(SPACED)
        page.get_by_label("Text").fill("Hello")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("Sent: the provider has taken it.")).to_be_visible()
        expect(page.locator("#live-state")).to_have_text("live")
        form = urlencode(receipt(part, "delivered")).encode()
        with urlopen(f"{url}/dlr/", form, timeout=10) as answer:
            assert 200 == answer.status
        expect(page.get_by_text("Final: delivered")).to_be_visible()
        expect(page.get_by_text("A receipt came")).to_be_visible()
        expect(page.locator("[aria-current=true]")).to_have_text(["Messages", "Messages"])


def test_lists_follow_what_happens(
    browser: Browser, standin: VonageStandin, redis_url: str
) -> None:
    """Messages and what comes in appear by themselves; what is being typed stays."""
    with seen(browser, standin, redis_url, width=1200) as (page, url):
        expect(page.locator("#live-state")).to_have_text("live")
        search = page.get_by_label("Id or number")
        search.fill("half a nu")
        _post(f"{url}/messages", to=DIGITS, text="sent by the back-end")
        expect(page.get_by_role("cell", name="sent by the back-end")).to_be_visible()
        expect(search).to_have_value("half a nu")
        page.get_by_role("link", name="Inbox").click()
        expect(page.locator("#live-state")).to_have_text("live")
        _post(f"{url}/tn", value=POOL)
        _post(f"{url}/inbound/", msisdn=CARL, to=POOL, text="Hi", messageId=new_ids(1)[0])
        expect(page.get_by_role("cell", name="Hi", exact=True)).to_be_visible()


def _post(url: str, **fields: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with urlopen(Request(url, urlencode(fields).encode(), headers), timeout=10) as answer:
        assert 200 == answer.status


def test_one_box_chooses_all_letters_of_a_page(
    browser: Browser, standin: VonageStandin, redis_url: str
) -> None:
    """On a phone's screen, which nothing is wider than."""
    with redis.Redis.from_url(redis_url) as store:
        for name in "abc":
            store.hset(keys.DEAD, name, _letter(name * 200))
            store.zadd(keys.DEAD_TIMES, {name: time.time_ns() // 1_000_000})
    with seen(browser, standin, redis_url, width=390) as (page, _):
        page.get_by_role("link", name="Dead letters").click()
        page.get_by_label("All on this page").check()
        expect(page.get_by_role("checkbox", checked=True)).to_have_count(4)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_text("Discard selected").click()
        page.get_by_role("button", name="Yes, discard them").click()
        expect(page.get_by_text("No dead letters: there is nothing to do.")).to_be_visible()
