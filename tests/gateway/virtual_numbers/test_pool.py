"""The pool: numbers come, go and fall ill, and every set of them tells the truth."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from gateway.conversations.opening import NewSession, NoNumberFree
from gateway.errors import BadRequest, NotFound
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect
from gateway.store.script import Script
from gateway.virtual_numbers import pool
from gateway.virtual_numbers.pool import MOST_REFUSALS, Mode, Pool, PoolEntry, VirtualNumber
from tests.support.conversations import OpenedSessions

NUMBER = "+12065550100"
OTHER = "+12065550101"
ANNA, BEN = "+4917604069091", "+4917604069092"


@pytest.fixture
def numbers(store: Store) -> Pool:
    return Pool(store)


@pytest.fixture
def sessions(store: Store) -> OpenedSessions:
    return OpenedSessions(store)


def virtual(
    e164: str = NUMBER, country: str = "US", can: str = "sms", added: int = 7
) -> VirtualNumber:
    return VirtualNumber(e164, "nexmo", country, frozenset(can.split()), added)


async def sets(store: Store) -> dict[str, set[str]]:
    """Return every set of the pool by what its name ends with."""
    found = [
        key
        for kind in ("pool", "idle")
        for key in await store.execute("KEYS", f"{{relay}}:{kind}:*")
    ]
    return {
        key.removeprefix("{relay}:"): set(await store.execute("SMEMBERS", key)) for key in found
    }


# -- add and get -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("can", "country", "expected"),
    [
        (
            "sms",
            "US",
            {"pool:message:*", "pool:message:US", "pool:message:world", "idle:message:*"},
        ),
        ("voice", "DE", {"pool:voice:*", "pool:voice:DE", "pool:voice:world", "idle:voice:*"}),
        (
            "sms voice",
            "AU",
            {f"pool:{mode}:{country}" for mode in Mode for country in ("*", "AU", "world")}
            | {f"idle:{mode}:*" for mode in Mode},
        ),
        ("sms", "", {"pool:message:*", "pool:message:world", "idle:message:*"}),
    ],
    ids=["sms", "voice", "both", "no country"],
)
async def test_a_number_stands_in_the_sets_of_what_it_can_carry(
    store: Store, numbers: Pool, can: str, country: str, expected: set[str]
) -> None:
    await numbers.add(virtual(country=country, can=can))
    assert {key: {NUMBER} for key in expected} == await sets(store)


async def test_a_number_of_flowroute_does_not_reach_the_world(
    store: Store, numbers: Pool, sessions: OpenedSessions
) -> None:
    """It goes to participants in North America, and to nobody else even when it is named."""
    await numbers.add(replace(virtual(), provider="flowroute"))
    assert "pool:message:world" not in await sets(store)
    american, other = "+12065550121", "+12065550122"
    with pytest.raises(NoNumberFree):
        await sessions.create(NewSession(participant_a=american, participant_b=BEN))
    with pytest.raises(BadRequest, match="reaches North America alone"):
        await sessions.create(
            NewSession(participant_a=american, participant_b=BEN, virtual_number=NUMBER)
        )
    await sessions.create(NewSession(participant_a=american, participant_b=other))


async def test_an_added_number_is_found_as_it_was_given(numbers: Pool) -> None:
    await numbers.add(virtual(can="sms voice"))
    assert virtual(can="sms voice") == await numbers.get(NUMBER)
    assert await numbers.get(OTHER) is None


async def test_the_time_of_adding_is_filled_in(numbers: Pool) -> None:
    await numbers.add(virtual(added=0))
    found = await numbers.get(NUMBER)
    assert found is not None
    assert found.added > 0


async def test_of_parallel_additions_of_one_number_one_succeeds(redis_url: str) -> None:
    stores = [connect(redis_url) for _ in range(4)]
    calls = [Pool(stores[n % 4]).add(virtual(added=n + 1)) for n in range(100)]
    done = await asyncio.gather(*calls, return_exceptions=True)
    await asyncio.gather(*(each.close() for each in stores))
    assert 1 == done.count(None)
    assert {"value: is in the pool already"} == {str(each) for each in done if each}


async def test_a_participant_of_an_open_session_is_not_added(
    numbers: Pool, sessions: OpenedSessions
) -> None:
    await numbers.add(virtual())
    session, _ = await sessions.create(NewSession(participant_a=ANNA, participant_b=BEN))
    for participant in (ANNA, BEN):
        with pytest.raises(BadRequest, match=r"^value: is a participant of a session$"):
            await numbers.add(virtual(participant))
    await sessions.close(session.id, notify=False)
    await numbers.add(virtual(ANNA))


# -- remove ----------------------------------------------------------------------------------------


async def test_a_removed_number_leaves_nothing_behind(store: Store, numbers: Pool) -> None:
    await numbers.add(virtual(can="sms voice"))
    await numbers.report(NUMBER, accepted=False)
    await numbers.set_health(NUMBER, False)
    await numbers.remove(NUMBER)
    assert [] == await store.execute("KEYS", "*")


async def test_an_unknown_number_is_not_removed(numbers: Pool) -> None:
    with pytest.raises(NotFound, match=r"^value: is not in the pool$"):
        await numbers.remove(NUMBER)


async def test_a_number_in_use_stays_and_its_oldest_session_is_named(
    numbers: Pool, sessions: OpenedSessions
) -> None:
    await numbers.add(virtual())
    # A number that begins alike has nothing to do with it.
    await numbers.add(virtual(NUMBER[:-1]))
    opened = [
        await sessions.create(
            NewSession(participant_a=ANNA, participant_b=f"+491760406901{n}", virtual_number=number)
        )
        for n, number in enumerate([NUMBER[:-1], NUMBER])
    ]
    with pytest.raises(BadRequest, match=f"^value: is in use by session {opened[1][0].id}$"):
        await numbers.remove(NUMBER)
    await sessions.close(opened[1][0].id, notify=False)
    await numbers.remove(NUMBER)
    assert await numbers.get(NUMBER) is None


async def test_no_session_is_ever_opened_on_a_number_that_is_removed(redis_url: str) -> None:
    """Removals and creations race; a number is either removed or has its sessions, never both."""
    stores = [connect(redis_url) for _ in range(4)]
    pools, all_sessions = [Pool(each) for each in stores], [OpenedSessions(each) for each in stores]
    names = [f"+120655501{n:02}" for n in range(40)]
    await asyncio.gather(*(pools[0].add(virtual(name)) for name in names))
    wanted = [
        NewSession(
            participant_a=f"+49176040690{n:02}",
            participant_b=BEN,
            virtual_number=names[n % 40] if n % 2 else "",
        )
        for n in range(40)
    ]
    done = await asyncio.gather(
        *(
            step
            for n in range(40)
            for step in (
                all_sessions[n % 4].create(wanted[n]),
                pools[(n + 1) % 4].remove(names[(n + 1) % 40]),
            )
        ),
        return_exceptions=True,
    )
    opened = [each[0] for each in done if isinstance(each, tuple)]
    left = {entry.number.e164: entry.sessions for entry in (await pools[0].page(100, "")).items}
    await asyncio.gather(*(each.close() for each in stores))
    assert {each.number_a for each in opened} <= set(left)
    assert len(opened) == sum(left.values())
    assert all(isinstance(each, tuple | BadRequest | None) for each in done)
    assert None in done, "no removal came through: nothing was shown"
    assert len(opened) > 0, "no creation came through: nothing was shown"


async def test_a_number_that_was_read_before_it_changed_is_looked_at_again(
    store: Store, numbers: Pool
) -> None:
    await numbers.add(virtual())
    before = await sets(store)
    own_keys = [keys.NUMBERS, keys.LOAD, keys.UNHEALTHY, keys.REFUSALS, keys.NUMBER_SESSIONS]
    script = Script.load(pool.__file__, "number_remove", "_pool")
    assert "changed" == await store.run(script, own_keys, [NUMBER, "as it was"])
    assert before == await sets(store)
    assert virtual() == await numbers.get(NUMBER)


async def test_the_sets_tell_the_truth_after_any_race_of_changes(redis_url: str) -> None:
    """A number is removed, added with other properties and turned by several at once."""
    stores = [connect(redis_url) for _ in range(4)]
    pools = [Pool(each) for each in stores]
    kinds = [
        virtual(can=can, country=country) for can in ("sms", "voice") for country in ("US", "DE")
    ]
    for n in range(60):
        await asyncio.gather(
            pools[0].remove(NUMBER),
            pools[1].add(kinds[n % 4]),
            pools[2].remove(NUMBER),
            pools[3].set_health(NUMBER, bool(n % 3)),
            pools[0].add(kinds[(n + 1) % 4]),
            pools[1].set_health(NUMBER, bool(n % 2)),
            return_exceptions=True,
        )
        found = await sets(stores[0])
        expected: set[str] = set()
        for entry in (await pools[0].page(10, "")).items:
            mode = "message" if "sms" in entry.number.capabilities else "voice"
            kinds_of_pool = ("*", entry.number.country, "world")
            names = {f"pool:{mode}:{each}" for each in kinds_of_pool} | {f"idle:{mode}:*"}
            expected = names if entry.healthy else set()
        assert {key: {NUMBER} for key in expected} == found
    await asyncio.gather(*(each.close() for each in stores))


# -- health ----------------------------------------------------------------------------------------


async def test_an_unhealthy_number_is_in_no_set_until_it_is_healthy_again(
    store: Store, numbers: Pool
) -> None:
    await numbers.add(virtual(can="sms voice"))
    before = await sets(store)
    await numbers.set_health(NUMBER, False)
    assert {} == await sets(store)
    assert await numbers.get(NUMBER) is not None
    await numbers.set_health(NUMBER, True)
    assert before == await sets(store)


async def test_an_unhealthy_number_keeps_its_session_and_is_idle_only_after_both(
    store: Store, numbers: Pool, sessions: OpenedSessions
) -> None:
    await numbers.add(virtual())
    session, _ = await sessions.create(NewSession(participant_a=ANNA, participant_b=BEN))
    await numbers.set_health(NUMBER, False)
    assert session == await sessions.get(session.id)
    await numbers.set_health(NUMBER, True)
    pools = {f"pool:message:{each}": {NUMBER} for each in ("*", "US", "world")}
    assert pools == await sets(store)
    await numbers.set_health(NUMBER, False)
    await sessions.close(session.id, notify=False)
    assert {} == await sets(store)
    await numbers.set_health(NUMBER, True)
    assert {NUMBER} == (await sets(store))["idle:message:*"]


@pytest.mark.parametrize("healthy", [True, False])
async def test_the_health_of_an_unknown_number_cannot_be_set(numbers: Pool, healthy: bool) -> None:
    with pytest.raises(NotFound):
        await numbers.set_health(NUMBER, healthy)


@pytest.mark.parametrize(
    ("reports", "healthy"),
    [
        ("----", True),
        ("-----", False),
        ("----+----", True),
        ("----+-----", False),
        ("-----+", False),
        ("++++", True),
    ],
)
async def test_the_fifth_refusal_in_a_row_takes_a_number_out(
    numbers: Pool, reports: str, healthy: bool
) -> None:
    await numbers.add(virtual())
    for each in reports:
        await numbers.report(NUMBER, each == "+")
    [entry] = (await numbers.page(10, "")).items
    assert healthy == entry.healthy


async def test_refusals_of_all_processes_count_and_are_logged_once_without_the_number(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    stores = [connect(redis_url) for _ in range(3)]
    await Pool(stores[0]).add(virtual())
    with caplog.at_level(logging.WARNING, "gateway.virtual_numbers.pool"):
        await asyncio.gather(*(Pool(stores[n % 3]).report(NUMBER, False) for n in range(60)))
    [entry] = (await Pool(stores[0]).page(10, "")).items
    await asyncio.gather(*(each.close() for each in stores))
    assert not entry.healthy
    expected = f"+1206•••••00: {MOST_REFUSALS} sends refused in a row, left out of new sessions"
    assert [expected] == [record.getMessage() for record in caplog.records]


async def test_a_number_made_healthy_begins_to_count_anew(numbers: Pool) -> None:
    await numbers.add(virtual())
    for _ in range(5):
        await numbers.report(NUMBER, False)
    await numbers.set_health(NUMBER, True)
    for _ in range(4):
        await numbers.report(NUMBER, False)
    [entry] = (await numbers.page(10, "")).items
    assert entry.healthy


async def test_reports_of_a_number_outside_the_pool_leave_no_trace(
    store: Store, numbers: Pool
) -> None:
    for _ in range(6):
        await numbers.report(NUMBER, False)
    await numbers.report(NUMBER, True)
    assert [] == await store.execute("KEYS", "*")


# -- page ------------------------------------------------------------------------------------------


async def test_the_pages_show_every_number_once_in_order(numbers: Pool) -> None:
    names = [f"+1206555010{n}" for n in range(7)]
    for name in reversed(names):
        await numbers.add(virtual(name))
    shown, after, lengths = [], "", []
    while True:
        page = await numbers.page(3, after)
        shown += [entry.number.e164 for entry in page.items]
        lengths.append(len(page.items))
        if page.next is None:
            break
        after = page.next
    assert names == shown
    assert [3, 3, 1] == lengths


async def test_a_page_tells_use_and_health(numbers: Pool, sessions: OpenedSessions) -> None:
    await numbers.add(virtual())
    await numbers.add(virtual(OTHER))
    opened = [
        await sessions.create(
            NewSession(
                participant_a=ANNA,
                participant_b=f"+491760406901{n}",
                virtual_number=NUMBER if n == 0 else "",
                numbers="per-side",
            )
        )
        for n in range(2)
    ]
    await numbers.set_health(OTHER, False)
    page = await numbers.page(10, "")
    # Those of one millisecond have no order but that of their ids.
    oldest = min((session.created, session.id) for session, _ in opened)[1]
    assert (2, 2) == (page.total, page.in_use)
    assert [
        PoolEntry(virtual(NUMBER), True, 2, oldest),
        PoolEntry(virtual(OTHER), False, 2, oldest),
    ] == page.items


@pytest.mark.parametrize("after", ["", "12065550100"], ids=["from the start", "behind a number"])
async def test_an_empty_pool_is_an_empty_page(numbers: Pool, after: str) -> None:
    page = await numbers.page(10, after)
    assert (0, 0, [], None) == (page.total, page.in_use, page.items, page.next)


@pytest.mark.parametrize("after", ["+12065550100", "abc", "１２"], ids=["plus", "letters", "wide"])
async def test_a_page_behind_no_number_is_refused(numbers: Pool, after: str) -> None:
    with pytest.raises(BadRequest, match=r"^after: "):
        await numbers.page(10, after)


async def test_what_is_over_is_settled_before_the_pool_is_looked_at_or_changed(
    store: Store,
) -> None:
    """A session that is over keeps no number in use."""
    done: list[str] = []

    async def settle() -> None:
        done.append("settled")

    numbers = Pool(store, settle)
    await numbers.add(virtual())
    await numbers.page(1, "")
    await numbers.remove(NUMBER)
    assert ["settled"] * 3 == done


# -- sessions on a number --------------------------------------------------------------------------


async def open_on(numbers: Pool, sessions: OpenedSessions, e164: str, count: int) -> list[str]:
    """Add a number and open sessions on it; return their ids, the newest first."""
    await numbers.add(virtual(e164))
    opened = [
        await sessions.create(
            NewSession(
                participant_a=f"+4917604069{n}1",
                participant_b=f"+4917604069{n}2",
                virtual_number=e164,
            )
        )
        for n in range(10, 10 + count)
    ]
    begun = sorted(((session.created, session.id) for session, _ in opened), reverse=True)
    return [id_ for _, id_ in begun]


async def test_the_sessions_on_a_number_are_listed_once_newest_first(
    numbers: Pool, sessions: OpenedSessions
) -> None:
    """Those that end while somebody turns the pages leave no gap."""
    expected = await open_on(numbers, sessions, NUMBER, 5)
    # A number that begins alike has nothing to do with it.
    [other] = await open_on(numbers, sessions, NUMBER[:-1], 1)
    first = await numbers.sessions_on(NUMBER, 2, "")
    for ended in first.items:
        await sessions.close(ended, notify=False)
    second = await numbers.sessions_on(NUMBER, 2, first.next or "")
    third = await numbers.sessions_on(NUMBER, 2, second.next or "")
    assert (5, 3, None) == (first.total, second.total, third.next)
    assert expected == [*first.items, *second.items, *third.items]
    assert Page(1, [other], None) == await numbers.sessions_on(NUMBER[:-1], 1, "")


async def test_on_a_number_that_is_not_in_the_pool_there_are_no_sessions(numbers: Pool) -> None:
    assert Page(0, [], None) == await numbers.sessions_on(NUMBER, 2, "")


@pytest.mark.parametrize("after", ["x", "1:", f"1:{'g' * 32}", f"1:{'0' * 32}\n", "0" * 32])
async def test_a_place_that_is_none_in_the_list_of_sessions_is_refused(
    numbers: Pool, after: str
) -> None:
    with pytest.raises(BadRequest, match=r"^after: no such session$"):
        await numbers.sessions_on(NUMBER, 2, after)


async def test_a_full_page_that_is_the_last_names_no_next(store: Store, numbers: Pool) -> None:
    await numbers.add(virtual())
    assert (await numbers.page(1, "")).next is None
    assert 1 == await store.execute("HLEN", keys.NUMBERS)
