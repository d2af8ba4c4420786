"""The handsets' page by HTTP: who may use it, what its forms refuse, what it says has happened."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape

import pytest

from gateway.emulator.control import conversation
from gateway.messaging.keywords import Keywords
from handlers.console.handsets.phones import DEFAULT, Phone, next_phone, read_phones, write_phones
from handlers.console.handsets.screens import CALL, TEXT, PhoneLine, Screen, show
from handlers.console.handsets.story import story
from tests.support.scenes.console import OPTIONS, Operator
from tests.support.scenes.masking import GERMAN, HEIDI, ONE, TOKEN, TWO, Town, town, until
from tests.support.servers.serving import serving

ALICE, BOB, CAROL = (f"1206555011{n}" for n in (1, 2, 3))
PAGE = "/console/handsets"
FORMS = ("connect", "text", "call", "hang-up", "add", "remove")
HELLO = "Hello! Is the bike still for sale?"


@dataclass
class Visitor:
    """A person who looks at the page of a gateway that has an emulator."""

    town: Town
    operator: Operator

    async def look(self) -> str:
        """Return the page."""
        return await self.operator.page(PAGE)

    async def press(self, form: str, **fields: str) -> str:
        """Send a form, which has to work, and return the page after it."""
        answer = await self.operator.post(f"{PAGE}/{form}", **fields)
        assert 303 == answer.status, await answer.text()
        return await self.operator.page(answer.headers["Location"])

    async def refused(self, form: str, **fields: str) -> str:
        """Send a form, which has to be refused, and return why."""
        answer = await self.operator.post(f"{PAGE}/{form}", **fields)
        page = await answer.text()
        assert 400 == answer.status, page
        found = re.search(r'role="alert">(.*?)</p>', page)
        assert found
        return unescape(found[1])

    async def reads(self, words: str) -> None:
        """Wait until the line under the phones holds these words."""

        async def told() -> bool:
            return words in story_of(await self.look())

        await until(told)

    async def sees(self, name: str, *words: str) -> None:
        """Wait until a phone shows all these words, in this order."""

        async def shown() -> bool:
            return bool(
                re.search(".*".join(map(re.escape, words)), screen(await self.look(), name))
            )

        await until(shown)


def screen(page: str, name: str) -> str:
    """Return what a phone shows and proposes, as text."""
    [section] = re.findall(rf'<section class="phone" id="phone-{name}".*?</section>', page, re.S)
    return plain(section)


def story_of(page: str) -> str:
    [line] = re.findall(r'id="story">(.*?)</p>', page, re.S)
    return plain(line)


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def owners(page: str) -> list[str]:
    return re.findall(r'<h2 id="owner-\w+">(\w+)</h2>', page)


def field(page: str, name: str) -> str:
    """Return what stands in a field of the page."""
    found = re.search(rf'id="{name}"[^>]* value="([^"]*)"', page)
    assert found
    return unescape(found[1])


@pytest.fixture
async def visitor(redis_url: str) -> AsyncIterator[Visitor]:
    """The page as in development_mode, with two numbers in the pool."""
    async with town(redis_url, "--voice_wait_msg=") as made:
        made.gateway.application.handsets = made.emulator
        await made.rent(ONE, TWO)
        operator = await Operator.signed_in(made.gateway, "correct-horse")
        yield Visitor(made, operator)


# -- who may use it


async def test_outside_development_mode_there_is_no_such_page(redis_url: str) -> None:
    """Nor any of its forms, whoever asks; and no page leads there."""
    async with serving(*OPTIONS, redis_url=redis_url) as gateway:
        operator = await Operator.signed_in(gateway)
        await operator.page(PAGE, status=404)
        for form in FORMS:
            assert 404 == (await operator.post(f"{PAGE}/{form}")).status
        assert PAGE not in await operator.page("/console/")


async def test_without_a_sign_in_nothing_is_shown_or_done(visitor: Visitor) -> None:
    """The forms of the emulator's own page are another matter: they are on loopback."""
    client = visitor.town.gateway.client
    client.cookie_jar.clear()
    for form in ("", *(f"/{form}" for form in FORMS)):
        answer = await client.get(PAGE + form)
        assert 401 == answer.status
        assert "Alice" not in await answer.text()
    assert 401 == (await client.post(f"{PAGE}/connect", data={"a": "Alice", "b": "Bob"})).status
    assert [] == list(visitor.town.emulator.sent)


@pytest.mark.parametrize("form", FORMS)
async def test_a_form_without_the_person_s_token_does_nothing(visitor: Visitor, form: str) -> None:
    """Texts cost money elsewhere; the habit is kept here."""
    fields = {"a": "Alice", "b": "Bob", "phone": "Alice", "to": ONE, "text": "x", "number": CAROL}
    answer = await visitor.operator.post(f"{PAGE}/{form}", **fields | {"xsrf": ""})
    assert 403 == answer.status
    emulator = visitor.town.emulator
    assert ([], [], []) == (list(emulator.texts), list(emulator.calls), list(emulator.sent))
    assert ["Alice", "Bob"] == owners(await visitor.look())


async def test_the_download_link_form_may_be_framed_by_the_page(visitor: Visitor) -> None:
    """The page's policy allows frames of its own origin, and the form does not refuse them."""
    client = visitor.town.gateway.client
    policy = (await client.get(PAGE)).headers["Content-Security-Policy"]
    assert "frame-src 'self'" in policy
    headers = (await client.get("/example.html")).headers
    assert not {"X-Frame-Options", "Content-Security-Policy"} & set(headers)
    page = await visitor.look()
    assert 'src="/example.html"' in page
    assert 'Too many tries? <a href="/console/limits">Limits</a>' in page


# -- a conversation


async def test_two_strangers_become_a_masked_conversation(visitor: Visitor) -> None:
    """Connect, text, answer: with what the fields propose, and nobody sees the other's number."""
    page = await visitor.look()
    assert "Connect Alice and Bob" in page
    assert ["", ""] == [field(page, "to-Alice"), field(page, "text-Alice")]
    page = await visitor.press("connect", a="Alice", b="Bob")
    assert "Connect Alice and Bob" not in page
    for name in ("Alice", "Bob"):
        await visitor.sees(name, "From +1 206-555-015", "Your new session has started")
    page = await visitor.look()
    assert HELLO == field(page, "text-Alice")
    await visitor.press("text", phone="Alice", to=field(page, "to-Alice"), text=HELLO)
    await visitor.sees("Alice", "To +1 206-555-015", HELLO, "delivered")
    await visitor.sees("Bob", "From +1 206-555-015", HELLO, "delivered")
    await visitor.reads("the gateway relayed it to Bob from the same number. Bob does not see")
    answer = field(page, "text-Bob")
    await visitor.press("text", phone="Bob", to=field(page, "to-Bob"), text=answer)
    await visitor.sees("Alice", HELLO, "From +1 206-555-015", answer, "delivered")
    page = await visitor.look()
    assert "206-555-0112" not in screen(page, "Alice").removeprefix("Alice +1 206-555-0111")
    assert "206-555-0111" not in screen(page, "Bob").removeprefix("Bob +1 206-555-0112")


async def test_the_line_under_the_phones_leads_to_the_conversation(visitor: Visitor) -> None:
    """From the moment when they are connected."""
    page = await visitor.press("connect", a="Alice", b="Bob")
    listed = await visitor.town.ok("GET", "/session")
    [session] = listed["sessions"]
    assert f'href="/console/conversations/{session["id"]}"' in page
    assert ("both", "shared") == (session["mode"], session["numbers"])
    assert ALICE not in session["unique_name"]


async def test_however_often_the_button_is_pressed_they_are_connected_once(
    visitor: Visitor,
) -> None:
    """Also when the presses overtake each other, and from either side."""
    presses = [("Alice", "Bob"), ("Bob", "Alice")] * 5
    await asyncio.gather(*(visitor.press("connect", a=a, b=b) for a, b in presses))
    assert 1 == (await visitor.town.ok("GET", "/session"))["total_sessions"]


async def test_a_conversation_that_was_begun_elsewhere_is_found(visitor: Visitor) -> None:
    """The number that each is to text is proposed."""
    made = await visitor.town.session(f"+{ALICE}", f"+{BOB}")
    page = await visitor.look()
    assert "Connect Alice and Bob" not in page
    assert made["virtual_tn"] == re.sub(r"\D", "", field(page, "to-Alice"))


# -- what has happened, in words


async def test_a_text_to_a_number_without_a_conversation_is_explained(visitor: Visitor) -> None:
    """The gateway answers the phone, which shows it."""
    await visitor.press("text", phone="Alice", to=ONE, text="Anybody there?")
    await visitor.reads("Alice is connected with nobody: the gateway keeps such a text")
    await visitor.sees("Alice", "Anybody there?", "sent", "An active session was not found")


async def test_a_text_that_is_not_relayed_is_not_said_to_be(visitor: Visitor) -> None:
    """STOP ends at the gateway."""
    page = await visitor.press("connect", a="Alice", b="Bob")
    await visitor.press("text", phone="Bob", to=field(page, "to-Bob"), text="STOP")
    await visitor.sees("Bob", "STOP", "sent")
    await visitor.reads("Bob texted STOP and so has opted out")
    await visitor.press("text", phone="Alice", to=field(page, "to-Alice"), text="Hello?")
    await visitor.reads(f"It has not reached Bob. {AT_BOB}")
    [session] = (await visitor.town.ok("GET", "/session"))["sessions"]
    await visitor.town.ok("DELETE", f"/session/{session['id']}")
    page = await visitor.press("connect", a="Alice", b="Bob")
    await visitor.reads("connected Alice and Bob and told Alice.")
    await visitor.press("text", phone="Bob", to=field(page, "to-Bob"), text="START")
    await visitor.reads("Bob texted START: texts reach Bob again.")


BEGUN = 1000.0
WORDS = Keywords(["STOP"], ["START"])


def phone_of(place: int, *texts: str, after: float = BEGUN) -> Screen:
    """Return Alice's (0) or Bob's (1) phone, connected with the other; none of its texts arrived.

    after: seconds; the texts were sent a second later.
    """
    owner, other = DEFAULT[place], DEFAULT[1 - place]
    line = PhoneLine(f"+{ONE}", other.e164, f"+{ONE}", "5e55", int(BEGUN * 1000))
    sent = (conversation.Entry(TEXT, after + 1, True, ONE, "sent", text=each) for each in texts)
    return Screen(owner, tuple(show(each, None) for each in sent), "", "", (line,))


AT_BOB = "Bob has opted out of texts: from Bob’s phone, text START."
STORIES: dict[str, tuple[tuple[Screen, Screen], set[str], str]] = {
    "connected": ((phone_of(0), phone_of(1)), set(), "connected Alice and Bob and told both."),
    "connected, one has opted out": (
        (phone_of(0), phone_of(1, "STOP", after=BEGUN - 9)),
        {BOB},
        "connected Alice and Bob and told Alice.",
    ),
    "what he has to do": ((phone_of(0), phone_of(1)), {BOB}, AT_BOB),
    "connected, both have opted out": (
        (phone_of(0), phone_of(1)),
        {ALICE, BOB},
        "connected Alice and Bob, but could tell neither.",
    ),
    "STOP": (
        (phone_of(0), phone_of(1, " stop ")),
        {BOB},
        "Bob texted stop and so has opted out: the gateway sends Bob no texts, from whichever"
        " number, until Bob texts START.",
    ),
    "STOP, not taken yet": (
        (phone_of(0), phone_of(1, "STOP")),
        set(),
        "It has not reached Alice: the conversation",
    ),
    "START": ((phone_of(0), phone_of(1, "START")), set(), "Bob texted START: texts reach Bob"),
    "START, not taken yet": (
        (phone_of(0), phone_of(1, "START")),
        {BOB},
        "It has not reached Alice: the conversation",
    ),
    "a text to one who has opted out": (
        (phone_of(0, "Hello?"), phone_of(1)),
        {BOB},
        f"It has not reached Bob. {AT_BOB}",
    ),
}


@pytest.mark.parametrize(("phones", "out", "words"), STORIES.values(), ids=STORIES.keys())
def test_the_line_says_nothing_that_an_opt_out_has_prevented(
    phones: tuple[Screen, Screen], out: set[str], words: str
) -> None:
    """Who has opted out was told nothing, and gets nothing; it says how that ends."""
    said = story(phones, {f"+{each}" for each in out}, WORDS)
    assert words in said.text
    assert ("Now press Send" in said.text) is (words == "connected Alice and Bob and told both.")
    assert "5e55" == said.session


async def test_with_a_number_for_each_side_the_other_one_is_named(visitor: Visitor) -> None:
    """What the counterpart sees is then not what the sender texted."""
    await visitor.press("add", number=HEIDI)
    await visitor.town.rent(GERMAN)
    made = await visitor.town.session(f"+{HEIDI}", f"+{ALICE}", numbers="per-side")
    assert GERMAN == made["virtual_tn_a"]
    await visitor.press("text", phone="Alice", to=made["virtual_tn_b"], text="Hello Heidi")
    await visitor.sees("Carol", "From +49 176 04069051", "Hello Heidi", "delivered")
    await visitor.reads("the gateway relayed it to Carol from +49 176 04069051.")


async def test_equal_texts_each_have_their_own_delivery(visitor: Visitor) -> None:
    """The second is not delivered because the first was."""
    page = await visitor.press("connect", a="Alice", b="Bob")
    to = field(page, "to-Alice")
    await visitor.press("text", phone="Alice", to=to, text="Hi")
    await visitor.sees("Alice", "Hi", "delivered")
    visitor.town.emulator.configure(mo_url="http://127.0.0.1:1/")
    await visitor.press("text", phone="Alice", to=to, text="Hi")
    await visitor.sees("Alice", "Hi", "delivered", "Hi", "not taken")


async def test_texts_of_phones_are_text_and_no_markup(visitor: Visitor) -> None:
    """Wherever they are shown."""
    markup = "<script>alert(1)</script><b title=\"x\" onclick='y'>&amp;"
    page = await visitor.press("connect", a="Alice", b="Bob")
    await visitor.press("text", phone="Alice", to=field(page, "to-Alice"), text=markup)
    await visitor.sees("Bob", markup)
    page = await visitor.look()
    assert "<script>alert" not in page
    assert "<b title" not in page
    assert unescape(page).count(markup) == 2


# -- calls


def answer_calls(town: Town, **settings: object) -> None:
    """Let calls reach the gateway."""
    webhooks = {"answer_url": "proxy-call", "event_url": "event"}
    addresses = {name: f"{town.gateway.url}/{path}/{TOKEN}" for name, path in webhooks.items()}
    town.emulator.configure(**addresses, owned_numbers=[ONE, TWO], **settings)


async def test_a_phone_that_rings_shows_no_number_of_the_caller_and_may_decline(
    visitor: Visitor,
) -> None:
    """Both see the number between them, and what became of the call."""
    answer_calls(visitor.town, call_time_scale=1)
    page = await visitor.press("connect", a="Alice", b="Bob")
    await visitor.press("call", phone="Alice", to=field(page, "to-Alice"))
    await visitor.sees("Alice", "You called +1 206-555-015", "ringing Hang up")
    await visitor.sees("Bob", "Call from +1 206-555-015", "ringing Decline")
    await visitor.reads("Bob’s phone rings and shows the same number. Neither learns")
    await visitor.press("hang-up", phone="Bob")
    for name in ("Alice", "Bob"):
        await visitor.sees(name, "+1 206-555-015", "rejected")
    await visitor.reads("Bob’s phone rang and showed the same number.")


async def test_who_calls_a_number_without_a_conversation_hears_why(visitor: Visitor) -> None:
    """No other phone rings."""
    answer_calls(visitor.town, call_time_scale=0)
    await visitor.press("call", phone="Alice", to=ONE, text="")
    await visitor.sees("Alice", "You called +1 206-555-0151 “", "” ", "ended")
    await visitor.reads("Alice called +1 206-555-0151, by which Alice is connected with nobody.")
    assert "Nothing yet." in screen(await visitor.look(), "Bob")


# -- what is refused


REFUSED = {
    "no number": ("text", {"phone": "Alice", "to": "nobody", "text": "x"}, "To: must be a valid"),
    "no recipient": ("text", {"phone": "Alice", "to": "", "text": "x"}, "To: is missing."),
    "no text": ("text", {"phone": "Alice", "to": ONE, "text": "  "}, "Text: is empty."),
    "a long text": ("text", {"phone": "Alice", "to": ONE, "text": "x" * 1601}, "Text: must be"),
    "no such phone": ("text", {"phone": "Mallory", "to": ONE, "text": "x"}, "Phone: is not on"),
    "a phone's own number": (
        "text",
        {"phone": "Alice", "to": BOB, "text": "x"},
        "To: is Bob’s own",
    ),
    "calling no number": ("call", {"phone": "Alice", "to": "12"}, "To: must be a valid"),
    "calling a phone": ("call", {"phone": "Bob", "to": ALICE}, "To: is Alice’s own number."),
    "hanging up nowhere": ("hang-up", {"phone": "Mallory"}, "Phone: is not on this page."),
    "one phone twice": ("connect", {"a": "Bob", "b": "Bob"}, "Choose two different phones."),
    "adding no number": ("add", {"number": "0815"}, "Number: must be a valid international"),
    "adding nothing": ("add", {"number": ""}, "Number: is missing."),
    "adding one again": ("add", {"number": BOB}, "Number: is on this page already."),
    "adding our number": ("add", {"number": ONE}, "Number: is one of the gateway’s own"),
    "removing one of two": ("remove", {"phone": "Bob"}, "A conversation needs two phones."),
    "a field of another form": ("add", {"phone": "Alice"}, "Phone: is not known."),
}


@pytest.mark.parametrize(("form", "fields", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_done_is_refused_in_words(
    visitor: Visitor, form: str, fields: dict[str, str], words: str
) -> None:
    """And nothing is sent, called or kept."""
    assert (await visitor.refused(form, **fields)).startswith(words)
    emulator = visitor.town.emulator
    assert ([], [], []) == (list(emulator.texts), list(emulator.calls), list(emulator.sent))
    assert ["Alice", "Bob"] == owners(await visitor.look())


async def test_what_was_typed_into_a_refused_form_stays(visitor: Visitor) -> None:
    """On the phone on which it was typed."""
    fields = {"phone": "Bob", "to": "nobody", "text": "Hello"}
    page = await (await visitor.operator.post(f"{PAGE}/text", **fields)).text()
    assert ("nobody", "Hello") == (field(page, "to-Bob"), field(page, "text-Bob"))
    assert ("", "") == (field(page, "to-Alice"), field(page, "text-Alice"))


async def test_without_a_free_number_it_says_what_to_do(redis_url: str) -> None:
    """The pool is empty."""
    async with town(redis_url) as made:
        made.gateway.application.handsets = made.emulator
        operator = Operator(made.gateway)
        await operator.sign_in("correct-horse")
        why = await Visitor(made, operator).refused("connect", a="Alice", b="Bob")
        assert why.startswith("No number is free that texts and calls both; add one under Numbers")


# -- the phones


async def test_a_phone_is_added_with_what_it_has_received_and_removed_again(
    visitor: Visitor,
) -> None:
    """Its name is the next one that is free, and the browser remembers it."""
    await visitor.town.session(f"+{ALICE}", f"+{HEIDI}")
    page = await visitor.press("add", number="+49 176 0406 9011")
    assert ["Alice", "Bob", "Carol"] == owners(page)
    assert "Your new session has started" in screen(page, "Carol")
    page = await visitor.press("remove", phone="Alice")
    assert ["Bob", "Carol"] == owners(page)
    assert "Connect Bob and Carol" in page
    assert ["Bob", "Carol", "Alice"] == owners(await visitor.press("add", number=ALICE))


async def test_six_phones_fit(visitor: Visitor) -> None:
    """Each with the number that is proposed; the seventh is refused."""
    for _ in range(4):
        found = re.search(r'name="number" value="([^"]*)"', await visitor.look())
        assert found
        await visitor.press("add", number=found[1])
    page = await visitor.look()
    assert ["Alice", "Bob", "Carol", "Dave", "Erin", "Frank"] == owners(page)
    assert "Add a phone" not in page
    assert (await visitor.refused("add", number=HEIDI)).startswith("There are 6 phones already")


COOKIES = {
    "none": ("", DEFAULT),
    "ours": (write_phones(DEFAULT[::-1]), DEFAULT[::-1]),
    "one phone": ("Alice:12065550111", DEFAULT),
    "no number": ("Alice:12065550111|Bob:x", DEFAULT),
    "no known name": ("Alice:12065550111|<b>:12065550112", DEFAULT),
    "one number twice": ("Alice:12065550111|Bob:12065550111", DEFAULT),
    "one name twice": ("Alice:12065550111|Alice:12065550112", DEFAULT),
    "nonsense": ("|||:::|", DEFAULT),
}


@pytest.mark.parametrize(("cookie", "phones"), COOKIES.values(), ids=COOKIES.keys())
def test_a_cookie_that_makes_no_sense_is_not_believed(
    cookie: str, phones: tuple[Phone, ...]
) -> None:
    """Then it is the usual two."""
    assert phones == read_phones(cookie)


def test_the_proposed_number_is_not_on_the_page_yet() -> None:
    """Also when another name has it."""
    phones = (Phone("Bob", "+12065550111"), Phone("Carol", "+12065550113"))
    assert Phone("Alice", "+12065550112") == next_phone(phones)


# The emulator's words, and what the page makes of each: how it is coloured.
STATES = {
    conversation.ON_ITS_WAY: "plain",
    conversation.SENT: "good",
    conversation.NOT_TAKEN: "bad",
    conversation.RECEIPT_NOT_TAKEN: "bad",
    conversation.CALLING: "plain",
    conversation.RINGING: "plain",
    conversation.CONNECTED: "good",
}


@pytest.mark.parametrize(("state", "tone"), STATES.items(), ids=STATES.keys())
def test_the_page_knows_the_emulator_s_words(state: str, tone: str) -> None:
    """It repeats some of them, which a change there would leave behind."""
    entry = conversation.Entry(conversation.TEXT, 0, True, "12065550122", state)
    assert tone == show(entry, None).tone


def test_a_call_that_rings_can_be_declined() -> None:
    """By whom it rings at; who placed it, or has taken it, hangs up."""
    calls = [
        conversation.Entry(conversation.CALL, 0, own, "12065550122", state, going_on=True)
        for own, state in (
            (False, conversation.RINGING),
            (True, conversation.RINGING),
            (False, conversation.CONNECTED),
        )
    ]
    assert ["Decline", "Hang up", "Hang up"] == [show(each, None).button for each in calls]
    ended = conversation.Entry(conversation.CALL, 0, True, "12065550122", "completed", seconds=2)
    assert "ended after 2 seconds" == show(ended, None).state
    assert (conversation.TEXT, conversation.CALL) == (TEXT, CALL)
