"""Caps on the texts of one side: who passes when, in all processes, and what of the rest."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from random import Random
from typing import Any

import pytest
import ujson

from gateway.conversations.notices import Notices, NoticeTexts
from gateway.conversations.opening import NewSession
from gateway.conversations.outcomes import Taken
from gateway.conversations.session import Session
from gateway.conversations.texts import passing
from gateway.conversations.texts.guard import Guard
from gateway.conversations.texts.holding import REASSIGNED, Holding
from gateway.conversations.texts.relay import Relay
from gateway.conversations.transcript import Transcript
from gateway.messaging.outbox.dead_letters import DeadLetters
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from tests.support.conversations import OpenedSessions, relay_on

ANNA, BEN, CARL, NUMBER = "+4917604069091", "+4917604069092", "+4917604069093", "+12065550100"
TEXTS = NoticeTexts("", "", "end", "", "", "", paused="paused", held="held")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

_SIDES = Script(
    Script.load(passing.__file__, "_sides").text
    + """
    local cap = {amount = tonumber(ARGV[1]), window = tonumber(ARGV[2]), day = tonumber(ARGV[3])}
    local at = earliest(KEYS[1], 'no such key', cap, tonumber(ARGV[4]))
    pass(KEYS[1], cap, at, tonumber(ARGV[4]))
    return string.format('%.0f', at)
    """
)


@pytest.fixture
async def session(store: Store) -> Session:
    """A session of Anna and Ben on the only number."""
    await Pool(store).add(VirtualNumber(NUMBER, "nexmo", "US", frozenset({"sms"}), 1))
    return await begun(store, ANNA, BEN)


async def begun(store: Store, a: str, b: str) -> Session:
    """Return a new session whose start nobody is told."""
    made, _ = await OpenedSessions(store).create(NewSession(participant_a=a, participant_b=b))
    await store.execute("DEL", keys.ANNOUNCE)
    return made


def capped(store: Store, **cap: Any) -> Relay:
    """Return a relay that lets so many texts through."""
    notices = Notices(store, TEXTS, lambda: None)
    return relay_on(store, notices, Guard(**{"amount": 0, "day": 0, **cap}))


async def write(relay: Relay, text: str, sender: str = ANNA) -> Taken:
    """Let a participant write a text, which is its own id."""
    return await relay.receive(Inbound("nexmo", f"{sender} {text}", sender, NUMBER, text))


async def queued(store: Store, person: str = BEN) -> list[str]:
    """Return what lies in the outbox for a person."""
    texts = await store.execute("LRANGE", keys.queue(f"{NUMBER}>{person}"), 0, -1)
    return [ujson.loads(text)["text"] for text in texts]


async def let_time_pass(store: Store, session: Session, ms: int, side: str = "a") -> None:
    """Move what is noted of a side into the past."""
    times, held = keys.passed(session.id, side), keys.held(session.id, side)
    earlier = [int(each) - ms for each in await store.execute("LRANGE", times, 0, -1)]
    texts = [each.split(" ", 1) for each in await store.execute("LRANGE", held, 0, -1)]
    await store.execute("DEL", times, held)
    if earlier:
        await store.execute("RPUSH", times, *earlier)
    if texts:
        await store.execute("RPUSH", held, *(f"{int(at) - ms} {rest}" for at, rest in texts))
    for member in await store.execute("ZRANGE", keys.HELD, 0, -1):
        await store.execute("ZINCRBY", keys.HELD, -ms, member)


async def states(store: Store, session: Session) -> list[str]:
    """Return what the log says of each text."""
    page = await Transcript(store, days=30).page(session.id, 1000, "")
    return [each.state for each in page.items]


@pytest.mark.parametrize(
    ("amount", "window", "day"),
    [(3, 60_000, 0), (0, 0, 5), (3, 60_000, 5), (10, HOUR_MS, 7), (0, 60_000, 0), (1, 1, 1)],
)
async def test_times_are_the_earliest_that_both_windows_allow(
    store: Store, amount: int, window: int, day: int
) -> None:
    """As a simple model has it, whatever the pauses are."""
    chance, now = Random(f"{amount} {window} {day}"), 1_790_000_000_000
    times: deque[int] = deque()
    for _ in range(60):
        now += int(10 ** chance.uniform(0, 7.5))
        bounds = [now]
        bounds += [times[amount - 1] + window] if 0 < amount <= len(times) else []
        bounds += [times[day - 1] + DAY_MS] if 0 < day <= len(times) else []
        times.appendleft(max(bounds))
        at = await store.run(_SIDES, [keys.passed("s", "a")], [amount, window, day, now])
        assert times[0] == int(at)
        # With no cap nobody has to wait, and nothing is noted.
        most = max(amount, day)
        assert min(most, len(times)) == await store.execute("LLEN", keys.passed("s", "a"))


async def test_what_is_above_the_cap_is_held_and_leaves_in_order(
    store: Store, session: Session
) -> None:
    relay, holding = capped(store, amount=3, window_ms=HOUR_MS), Holding(store, lambda: None)
    taken = [await write(relay, f"text {n}") for n in range(7)]
    assert [Taken.RELAYED] * 3 + [Taken.HELD] * 4 == taken
    assert ["text 0", "text 1", "text 2"] == await queued(store)
    assert ["queued"] * 3 + ["held"] * 4 == await states(store, session)
    assert 0 == await holding.release_due()
    await let_time_pass(store, session, HOUR_MS)
    assert 3 == await holding.release_due()
    assert [f"text {n}" for n in range(6)] == await queued(store)
    assert ["queued"] * 6 + ["held"] == await states(store, session)
    await let_time_pass(store, session, HOUR_MS)
    assert (1, 0) == (await holding.release_due(), await holding.release_due())
    assert [f"text {n}" for n in range(7)] == await queued(store)
    assert 0 == await store.execute("EXISTS", keys.HELD, keys.held(session.id, "a"))


async def test_nobody_overtakes_a_text_whose_time_has_come(store: Store, session: Session) -> None:
    """Between that moment and the next look of a process."""
    relay, holding = capped(store, amount=1, window_ms=HOUR_MS), Holding(store, lambda: None)
    for text in ("first", "second"):
        await write(relay, text)
    await let_time_pass(store, session, 3 * HOUR_MS)
    assert Taken.RELAYED == await write(relay, "third")
    await holding.release_due()
    assert ["first", "second", "third"] == await queued(store)


async def test_each_side_has_its_own_cap_and_notices_pass(store: Store, session: Session) -> None:
    relay = capped(store, amount=1, window_ms=HOUR_MS)
    for n in range(4):
        await write(relay, f"text {n}")
    assert Taken.RELAYED == await write(relay, "hello", BEN)
    await OpenedSessions(store).close(session.id, notify=True)
    await Notices(store, TEXTS, lambda: None).announce("end", session)
    assert ["text 0", "end"] == await queued(store)
    # Anna was told once that her texts wait.
    assert ["held", "hello", "end"] == await queued(store, ANNA)


async def test_a_repeated_mo_is_held_once(store: Store, session: Session) -> None:
    relay = capped(store, amount=1, window_ms=HOUR_MS)
    taken = [await write(relay, text) for text in ("one", "two", "two", "one")]
    assert [Taken.RELAYED, Taken.HELD, Taken.REPEATED, Taken.REPEATED] == taken
    assert 1 == await store.execute("LLEN", keys.held(session.id, "a"))


async def test_a_text_of_many_parts_stays_whole(store: Store, session: Session) -> None:
    relay, holding = capped(store, amount=1, window_ms=HOUR_MS), Holding(store, lambda: None)
    long = "".join(f"{n:05}" for n in range(1500))
    assert [Taken.RELAYED, Taken.HELD] == [await write(relay, each) for each in ("short", long)]
    assert Taken.HELD == await write(relay, "last")
    await let_time_pass(store, session, HOUR_MS)
    await let_time_pass(store, session, HOUR_MS)
    await holding.release_due()
    short, *pieces, last = await queued(store)
    assert ("short", long, "last") == (short, "".join(pieces), last)
    assert len(pieces) > 1


async def test_what_would_be_held_for_longer_than_a_day_is_kept_in_the_inbox(
    store: Store, session: Session
) -> None:
    relay = capped(store, day=2)
    taken = [await write(relay, f"text {n}") for n in (0, 1, 2, 3, 4, 4)]
    expected = [Taken.RELAYED] * 2 + [Taken.HELD] * 2 + [Taken.OVERFLOW, Taken.REPEATED]
    assert expected == taken
    [(_, (_, item))] = await store.execute("XRANGE", keys.INBOX, "-", "+")
    assert ("text 4", "side_limit") == (ujson.loads(item)["text"], ujson.loads(item)["reason"])
    assert 4 == len(await states(store, session))


async def test_exactly_the_cap_passes_in_all_processes(
    stores: list[Store], session: Session
) -> None:
    relays = [capped(each, amount=60, window_ms=HOUR_MS, day=300) for each in stores]
    taken = await asyncio.gather(*(write(relays[n % 4], f"text {n}") for n in range(200)))
    assert {Taken.RELAYED: 60, Taken.HELD: 140} == Counter(taken)
    store = stores[0]
    assert 60 == len(await queued(store))
    holdings = [Holding(each, lambda: None) for each in stores]
    for passed in (120, 180, 200):
        await let_time_pass(store, session, HOUR_MS)
        await asyncio.gather(*(each.release_due() for each in holdings * 2))
        assert passed == len(await queued(store))
    assert 200 == len({*await queued(store)})


async def test_what_was_held_at_the_end_is_sent_after_it(store: Store, session: Session) -> None:
    relay, holding = capped(store, amount=1, window_ms=HOUR_MS), Holding(store, lambda: None)
    for text in ("first", "second"):
        await write(relay, text)
    await OpenedSessions(store).close(session.id, notify=False)
    await let_time_pass(store, session, HOUR_MS)
    await holding.release_due()
    assert ["first", "second"] == await queued(store)


async def test_what_was_held_reaches_nobody_who_would_take_it_for_another_s(
    store: Store, session: Session
) -> None:
    """The number stands for Carl by now."""
    relay, holding = capped(store, amount=1, window_ms=HOUR_MS), Holding(store, lambda: None)
    for text in ("first", 'second \\ "quoted" }'):
        await write(relay, text)
    await OpenedSessions(store).close(session.id, notify=False)
    await begun(store, CARL, BEN)
    await let_time_pass(store, session, HOUR_MS)
    assert 0 == await holding.release_due()
    assert ["first"] == await queued(store)
    [letter] = (await DeadLetters(store, 7).page(10, "")).items
    assert ('second \\ "quoted" }', REASSIGNED) == (letter.text, letter.reason)
    assert ["queued", "failed"] == await states(store, session)


async def test_what_is_held_can_be_dropped(store: Store, session: Session) -> None:
    relay, holding = capped(store, amount=1, window_ms=HOUR_MS), Holding(store, lambda: None)
    for text in ("first", "second"):
        await write(relay, text)
    await holding.discard_of([session.id])
    await let_time_pass(store, session, HOUR_MS)
    assert (0, ["first"]) == (await holding.release_due(), await queued(store))
    assert 0 == await store.execute("EXISTS", keys.HELD)


async def test_who_has_opted_out_does_not_fill_a_cap(store: Store, session: Session) -> None:
    relay = capped(store, amount=1, window_ms=HOUR_MS)
    assert Taken.STOPPED == await write(relay, "STOP", BEN)
    assert {Taken.SUPPRESSED} == {await write(relay, f"text {n}") for n in range(3)}
    assert Taken.STARTED == await write(relay, "START", BEN)
    assert [Taken.RELAYED, Taken.HELD] == [await write(relay, text) for text in ("yes", "no")]


async def test_without_caps_nothing_is_held(store: Store, session: Session) -> None:
    relay = capped(store)
    assert {Taken.RELAYED} == {await write(relay, f"text {n}") for n in range(100)}
    assert 0 == await store.execute("EXISTS", keys.passed(session.id, "a"))


async def test_texts_that_are_held_when_the_caps_go_keep_their_place(
    store: Store, session: Session
) -> None:
    """Other options after a restart."""
    for text in ("first", "second"):
        await write(capped(store, amount=1, window_ms=HOUR_MS), text)
    await write(capped(store), "third")
    holding = Holding(store, lambda: None)
    await let_time_pass(store, session, HOUR_MS)
    await holding.release_due()
    assert ["first", "second", "third"] == await queued(store)
