"""The session log: order, pages, delivery states that only move forward, erasing."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import ujson
from msgspec import structs

from gateway.conversations import transcript as transcript_module
from gateway.conversations.transcript import MOST_STATES, RANKS, Entry, Transcript
from gateway.errors import StoreUnavailable, UnknownPlace
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect
from gateway.store.script import Script

NOWHERE = "redis://127.0.0.1:1"
SESSION = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
A, B, C = "+491760406900", "+12065550100", "+61491570156"
MOST_ENTRIES = 10_000
EMPTY: Page[Entry] = Page(0, [], None)

PRELUDE = Script.load(transcript_module.__file__, "_log")
ADD = Script(PRELUDE.text + "log_add(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2])\nreturn 1\n")


@pytest.fixture
def transcript(store: Store) -> Transcript:
    return Transcript(store, days=30)


async def add(
    store: Store, *entries: str, session: str = SESSION, people: tuple[str, str] = (A, B)
) -> None:
    """Append entries as the relay's scripts do."""
    found = [keys.session_log(session), *map(keys.logs_of, people)]
    await store.run_all([(ADD, found, [session, entry]) for entry in entries])


async def begin(store: Store, session: str, people: tuple[str, str]) -> None:
    """Write down who takes part in a session, and one text of it."""
    names = ("participant_a", people[0], "participant_b", people[1])
    await store.execute("HSET", keys.session(session), *names)
    await add(store, Transcript(store, days=1).entry("a", "hi"), session=session, people=people)


async def shown(transcript: Transcript, *fields: str, session: str = SESSION) -> list[Any]:
    """Return these fields of all entries."""
    page = await transcript.page(session, 2000, "")
    return [tuple(getattr(entry, field) for field in fields) for entry in page.items]


async def left_of(store: Store, session: str = SESSION) -> list[str]:
    """Return which keys of the log there are."""
    found = (keys.session_log(session), keys.session_log_states(session))
    return [key for key in found if await store.execute("EXISTS", key)]


# -- entries ----------------------------------------------------------------------------------


async def test_entries_come_out_as_they_went_in_oldest_first(
    transcript: Transcript, store: Store
) -> None:
    before = int(time.time() * 1000)
    await add(
        store,
        transcript.entry("a", " héllo 🚀 ", "m1"),
        transcript.entry("b", "", "m2", state="paused"),
        transcript.entry("", "[ORG]: ended", "m3", "notice"),
        transcript.entry("a", "STOP", kind="event"),
    )
    page = await transcript.page(SESSION, 100, "")
    assert (4, None) == (page.total, page.next)
    assert all(before <= entry.at <= time.time() * 1000 for entry in page.items)
    assert [
        Entry(0, "a", " héllo 🚀 ", "m1", "text"),
        Entry(0, "b", "", "m2", "text", "paused"),
        Entry(0, "", "[ORG]: ended", "m3", "notice"),
        Entry(0, "a", "STOP", "", "event"),
    ] == [structs.replace(entry, at=0) for entry in page.items]


async def test_what_ujson_has_written_is_read(transcript: Transcript, store: Store) -> None:
    fields: dict[str, Any] = {
        "at": 1,
        "from": "a",
        "text": "h\u00e9/\U0001f680\u2028",
        "id": "m1",
        "kind": "text",
    }
    await add(store, ujson.dumps(fields), ujson.dumps(fields | {"state": "paused", "new": [1]}))
    said = Entry(1, "a", fields["text"], "m1", "text")
    page = await transcript.page(SESSION, 100, "")
    assert [said, structs.replace(said, state="paused")] == page.items


async def test_a_session_without_a_log_has_an_empty_one(transcript: Transcript) -> None:
    assert EMPTY == await transcript.page(SESSION, 100, "")


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8])
async def test_pages_show_every_entry_once(
    transcript: Transcript, store: Store, limit: int
) -> None:
    await add(store, *(transcript.entry("a", str(n), f"m{n}") for n in range(7)))
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await transcript.page(SESSION, limit, after)
        assert (7, True) == (page.total, len(page.items) <= limit)
        found += [entry.text for entry in page.items]
        after = page.next
    assert list("0123456") == found


@pytest.mark.parametrize(("after", "expected"), [("0", ["1"]), ("1", []), ("7", [])])
async def test_a_page_after_the_last_entry_is_empty(
    transcript: Transcript, store: Store, after: str, expected: list[str]
) -> None:
    await add(store, *(transcript.entry("a", text) for text in "01"))
    page = await transcript.page(SESSION, 100, after)
    assert (2, expected, None) == (page.total, [entry.text for entry in page.items], page.next)


@pytest.mark.parametrize("after", ["-1", "x", "1.0", " 1", "1\n", "１", "9" * 10, "0x1"])
async def test_an_after_that_is_no_index_is_refused(transcript: Transcript, after: str) -> None:
    with pytest.raises(UnknownPlace, match="after: no such entry"):
        await transcript.page(SESSION, 100, after)


async def test_what_cannot_be_read_is_left_out_and_breaks_no_paging(
    transcript: Transcript, store: Store
) -> None:
    good = transcript.entry("a", "good", "m1")
    await add(store, "{", "[]", '{"at": "x"}', good, "7")
    assert replace(EMPTY, total=5, next="2") == await transcript.page(SESSION, 3, "")
    page = await transcript.page(SESSION, 3, "2")
    assert (["good"], None) == ([entry.text for entry in page.items], page.next)
    assert ["m1"] == await transcript.message_ids(SESSION)


@pytest.mark.parametrize(
    ("before", "expected", "first"),
    [
        ("", "4 5delivered 6 7", "3"),
        ("0", "4 5delivered 6 7", "3"),
        ("3", "1 2 3", None),
        ("4", "1 2 3 4", None),
        ("5", "2 3 4 5delivered", "1"),
        ("7", "4 5delivered 6 7", "3"),
        ("9", "6 7", "5"),
        ("20", "", None),
    ],
)
async def test_pages_from_the_end_hold_what_stands_before_an_entry(
    transcript: Transcript, store: Store, before: str, expected: str, first: str | None
) -> None:
    """The last page is full; the oldest entry of each comes first, with its state."""
    await add(store, *(transcript.entry("a", text, f"m{text}") for text in "1234567"))
    await transcript.set_state(SESSION, "m5", "delivered")
    page = await transcript.page_before(SESSION, 4, before)
    texts = " ".join(each.text + each.state for each in page.items)
    assert (7, expected, first) == (page.total, texts, page.next)


async def test_a_page_from_the_end_of_a_short_log_is_all_of_it(
    transcript: Transcript, store: Store
) -> None:
    assert EMPTY == await transcript.page_before(SESSION, 4, "")
    await add(store, *(transcript.entry("a", text) for text in "12"))
    page = await transcript.page_before(SESSION, 4, "")
    assert (2, ["1", "2"], None) == (page.total, [each.text for each in page.items], page.next)


@pytest.mark.parametrize("before", ["-1", "x", "1.0", " 1", "１", "9" * 10])
async def test_a_before_that_is_no_index_is_refused(transcript: Transcript, before: str) -> None:
    with pytest.raises(UnknownPlace, match="before: no such entry"):
        await transcript.page_before(SESSION, 100, before)


async def test_the_ended_sessions_of_a_number_come_last_ended_first(
    transcript: Transcript, store: Store
) -> None:
    """Neither those that are open nor those whose log is gone by now are among them."""
    gone_at = {SESSION: "+inf", OTHER: "1000"} | {
        f"{n:032x}": str((time.time() + 100 + n) * 1000) for n in range(5)
    }
    for session, at in gone_at.items():
        await store.execute("ZADD", keys.logs_of(A), at, session)
    expected = [f"{n:032x}" for n in (4, 3, 2, 1, 0)]
    assert (5, expected) == await transcript.ended_of(A, 10, 0)
    assert (5, expected[1:3]) == await transcript.ended_of(A, 2, 1)
    assert (5, []) == await transcript.ended_of(A, 2, 5)
    assert (0, []) == await transcript.ended_of(B, 2, 0)


async def test_a_log_that_overflows_keeps_its_beginning_and_its_end(
    transcript: Transcript, store: Store
) -> None:
    entries = [transcript.entry("a", str(n)) for n in range(MOST_ENTRIES + 5)]
    for first in range(0, len(entries), 1000):
        await add(store, *entries[first : first + 1000])
    page = await transcript.page(SESSION, MOST_ENTRIES + 5, "")
    kept = [*range(1000), *range(1005, MOST_ENTRIES + 5)]
    assert (MOST_ENTRIES, kept) == (page.total, [int(entry.text) for entry in page.items])


async def test_the_messages_of_a_log_are_known(transcript: Transcript, store: Store) -> None:
    ids = ("m2", "", "m1")
    await add(store, *(transcript.entry("a", "x", each) for each in ids))
    assert ["m2", "m1"] == await transcript.message_ids(SESSION)
    assert [] == await transcript.message_ids(OTHER)


@pytest.mark.parametrize(("days", "expected"), [(0, False), (0.5, True), (30, True)])
def test_logs_are_kept_unless_for_0_days(redis_url: str, days: float, expected: bool) -> None:
    assert expected == Transcript(connect(redis_url), days=days).enabled


# -- states -----------------------------------------------------------------------------------

FINAL = ("delivered", "expired", "failed", "rejected", "suppressed")


def life(*states: str) -> str:
    """Return what is shown after these words, by the rules in plain words."""
    current = ""
    ranks = {"": 0, "queued": 1, "held": 1, "accepted": 2, "unknown": 2, "buffered": 3}
    ranks |= {"calling": 1, "answered": 2, "lost": 3}
    for state in states:
        if ranks.get(state, 4) > ranks.get(current, 4):
            current = state
    return current


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["queued", "accepted", "buffered", "delivered"], "delivered"),
        (["delivered", "buffered", "accepted", "queued"], "delivered"),
        (["queued", "unknown", "delivered"], "delivered"),
        (["unknown", "buffered"], "buffered"),
        (["buffered", "unknown"], "buffered"),
        (["accepted", "unknown"], "accepted"),
        (["unknown", "accepted"], "unknown"),
        (["delivered", "failed"], "delivered"),
        (["failed", "delivered"], "failed"),
        (["suppressed", "delivered"], "suppressed"),
        (["queued", "queued"], "queued"),
    ],
    ids=" ".join,
)
async def test_a_state_only_moves_forward_and_the_first_final_one_stays(
    transcript: Transcript, store: Store, states: Sequence[str], expected: str
) -> None:
    await add(store, transcript.entry("a", "x", "m1"))
    for state in states:
        await transcript.set_state(SESSION, "m1", state)
    assert [(expected,)] == await shown(transcript, "state")


OF_TEXTS = (
    "queued held accepted unknown buffered delivered expired failed rejected suppressed "
    "paused".split()
)
OF_CALLS = (
    "calling answered lost completed busy unanswered rejected failed cancelled timeout".split()
)


def test_every_state_is_one_of_texts_or_of_calls() -> None:
    assert set(RANKS) == {*OF_TEXTS, *OF_CALLS}


@pytest.mark.parametrize("words", [OF_TEXTS, OF_CALLS], ids=["texts", "calls"])
async def test_any_three_states_in_any_order_obey_the_rules(
    transcript: Transcript, store: Store, words: list[str]
) -> None:
    orders = list(itertools.product(words, repeat=3))
    for n, order in enumerate(orders):
        await add(store, transcript.entry("a", " ".join(order), f"m{n}"))
        for state in order:
            await transcript.set_state(SESSION, f"m{n}", state)
    found = await shown(transcript, "text", "state")
    assert [(" ".join(order), life(*order)) for order in orders] == found


async def test_a_state_is_that_of_its_own_message(transcript: Transcript, store: Store) -> None:
    await add(store, *(transcript.entry("a", "x", each) for each in ("m1", "", "m2")))
    await transcript.set_state(SESSION, "m2", "delivered")
    assert [("m1", ""), ("", ""), ("m2", "delivered")] == await shown(transcript, "id", "state")


async def test_what_an_entry_says_of_itself_gives_way_to_what_is_known(
    transcript: Transcript, store: Store
) -> None:
    await add(store, transcript.entry("a", "x", "m1", state="queued"))
    assert [("queued",)] == await shown(transcript, "state")
    await transcript.set_state(SESSION, "m1", "delivered")
    assert [("delivered",)] == await shown(transcript, "state")


async def test_a_word_that_is_no_state_is_a_mistake(transcript: Transcript) -> None:
    with pytest.raises(KeyError):
        await transcript.set_state(SESSION, "m1", "eaten")


async def test_a_log_that_is_gone_gets_no_states(transcript: Transcript, store: Store) -> None:
    await transcript.set_state(SESSION, "m1", "delivered")
    assert [] == await left_of(store)


async def test_states_live_as_long_as_their_log(transcript: Transcript, store: Store) -> None:
    log_key, states_key = keys.session_log(SESSION), keys.session_log_states(SESSION)
    await add(store, transcript.entry("a", "x", "m1"))
    await transcript.set_state(SESSION, "m1", "accepted")
    assert -1 == await store.execute("PTTL", states_key)
    await store.execute("PEXPIRE", log_key, 500_000)
    await transcript.set_state(SESSION, "m1", "delivered")
    assert 0 < await store.execute("PTTL", states_key) <= 500_000


async def test_states_of_dropped_entries_go_when_there_are_too_many(
    transcript: Transcript, store: Store
) -> None:
    text = 'with "id":"m7" in it'
    await add(store, *(transcript.entry("a", text, f"m{n}") for n in (1, 2)))
    states_key = keys.session_log_states(SESSION)
    flat = [item for n in range(MOST_STATES) for item in (f"m{n}", "queued")]
    await store.execute("HSET", states_key, *flat)
    await transcript.set_state(SESSION, "new", "accepted")
    assert {"m1", "m2", "new"} == set(await store.execute("HKEYS", states_key))


async def test_without_logs_no_state_is_asked_of_the_store() -> None:
    await Transcript(connect(NOWHERE), days=0).set_state(SESSION, "m1", "delivered")


async def test_without_the_store_a_state_is_not_lost_silently() -> None:
    with pytest.raises(StoreUnavailable):
        await Transcript(connect(NOWHERE), days=1).set_state(SESSION, "m1", "delivered")


# -- erasing ----------------------------------------------------------------------------------


async def test_an_erased_log_leaves_nothing_behind(transcript: Transcript, store: Store) -> None:
    await add(store, transcript.entry("a", "x", "m1"))
    await transcript.set_state(SESSION, "m1", "delivered")
    erased = [await transcript.erase(SESSION, (A, B)) for _ in range(2)]
    assert [True, False] == erased
    assert 0 == await store.execute("DBSIZE")


async def test_erasing_one_log_leaves_the_others(transcript: Transcript, store: Store) -> None:
    await begin(store, SESSION, (A, B))
    await begin(store, OTHER, (A, C))
    await transcript.erase(SESSION, (A, B))
    assert [("hi",)] == await shown(transcript, "text", session=OTHER)
    found = [await transcript.sessions_of(each) for each in (A, B, C)]
    assert [[OTHER], [], [OTHER]] == found


async def test_what_is_said_after_an_erase_begins_a_new_log(
    transcript: Transcript, store: Store
) -> None:
    await add(store, transcript.entry("a", "before", "m1"))
    await transcript.erase(SESSION, (A, B))
    await transcript.set_state(SESSION, "m1", "delivered")
    assert [] == await left_of(store)
    await add(store, transcript.entry("a", "after", "m2"))
    assert [("after", "")] == await shown(transcript, "text", "state")
    assert [SESSION] == await transcript.sessions_of(A)


async def test_erasing_a_number_erases_all_its_logs_and_cleans_up_for_the_others(
    transcript: Transcript, store: Store
) -> None:
    people = {SESSION: (A, B), OTHER: (C, A), "a" * 32: (B, C), "b" * 32: (A, C)}
    for session, both in people.items():
        await begin(store, session, both)
    assert [3, 0] == [await transcript.erase_number(A) for _ in range(2)]
    found = [await transcript.sessions_of(each) for each in (A, B, C)]
    assert [[], ["a" * 32], ["a" * 32]] == found
    assert [("hi",)] == await shown(transcript, "text", session="a" * 32)


async def test_logs_of_forgotten_sessions_and_forgotten_logs_are_cleaned_up(
    transcript: Transcript, store: Store
) -> None:
    await add(store, transcript.entry("a", "x"))  # of a session that nothing else is known of
    await store.execute("ZADD", keys.logs_of(A), "+inf", OTHER)
    assert 1 == await transcript.erase_number(A)
    assert [] == await transcript.sessions_of(A)
    assert [] == await left_of(store)


async def test_a_number_with_very_many_sessions_is_erased_completely(
    transcript: Transcript, store: Store
) -> None:
    for n in range(450):
        await begin(store, f"{n:032x}", (A, B))
    assert 450 == await transcript.erase_number(A)
    left = [keys.logs_of(A), keys.logs_of(B), keys.session_log(f"{0:032x}")]
    assert 0 == await store.execute("EXISTS", *left)


async def test_a_number_without_logs_has_nothing_to_erase(transcript: Transcript) -> None:
    assert 0 == await transcript.erase_number(A)


async def test_a_new_log_outlives_the_end_of_an_older_one(
    transcript: Transcript, store: Store
) -> None:
    """An older session's end may limit the list of a number's logs; a new text lifts that."""
    await add(store, transcript.entry("a", "x"))
    await store.execute("PEXPIRE", keys.logs_of(A), 500_000)
    await add(store, transcript.entry("a", "y"), session=OTHER)
    assert -1 == await store.execute("PTTL", keys.logs_of(A))


async def test_random_lives_come_out_as_a_simple_model_says(
    transcript: Transcript, store: Store
) -> None:
    chance = random.Random(7)
    model: dict[str, list[str]] = {}
    for n in range(300):
        session = f"{chance.randrange(4):032x}"
        match chance.choice(["add", "add", "add", "state", "erase"]):
            case "add":
                model.setdefault(session, []).append(str(n))
                await add(store, transcript.entry("b", str(n), f"m{n}"), session=session)
            case "state":
                await transcript.set_state(session, f"m{chance.randrange(300)}", "delivered")
            case "erase":
                expected = bool(model.pop(session, []))
                assert expected == await transcript.erase(session, (A, B))
    for session in (f"{n:032x}" for n in range(4)):
        expected_texts = [(text,) for text in model.get(session, [])]
        assert expected_texts == await shown(transcript, "text", session=session)


def test_an_entry_is_one_line_of_json(redis_url: str) -> None:
    """The webhooks have put U+FFFD in the place of half a surrogate pair."""
    entry = Transcript(connect(redis_url), days=1).entry("a", "é\n🚀\ufffd", "m1")
    assert "\n" not in entry
    assert "é\n🚀\ufffd" == ujson.loads(entry)["text"]
