"""The pool: numbers come, go and fall ill, and every set of them tells the truth."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
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
    await numbers.report(NUMBER, ANNA, accepted=False)
    await _refuse(numbers)
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


AT_HOME = [f"+1206555012{n}" for n in range(10)]


async def _refuse(numbers: Pool, receivers: Sequence[str] = tuple(AT_HOME[:5])) -> None:
    for each in receivers:
        await numbers.report(NUMBER, each, accepted=False)


async def _entry(numbers: Pool) -> PoolEntry:
    [found] = (await numbers.page(10, "")).items
    return found


@pytest.mark.parametrize(
    ("reports", "healthy"),
    [
        ("0123", True),
        ("01234", False),
        ("00000000", True),
        ("0101010101", True),
        ("0123+4567", True),
        ("0123+45678", False),
        ("01234+", False),
        ("++++", True),
    ],
)
async def test_refusals_for_five_receivers_in_a_row_take_a_number_out(
    numbers: Pool, reports: str, healthy: bool
) -> None:
    await numbers.add(virtual())
    for each in reports:
        accepted = each == "+"
        await numbers.report(NUMBER, AT_HOME[0 if accepted else int(each)], accepted=accepted)
    assert healthy == (await _entry(numbers)).healthy


FOREIGN = {
    "satellite": [f"+8816{n:07}" for n in range(8)],
    "premium": [f"+9796{n:07}" for n in range(8)],
    "Germany": [f"+49176040690{n:02}" for n in range(8)],
    "Canada": [f"+1416555012{n}" for n in range(8)],
    "Jamaica": [f"+1876555012{n}" for n in range(8)],
}


@pytest.mark.parametrize("receivers", FOREIGN.values(), ids=FOREIGN)
async def test_receivers_of_other_countries_take_no_number_out(
    numbers: Pool, receivers: list[str]
) -> None:
    """And what they accept does not make up for what is refused at home."""
    await numbers.add(virtual())
    await _refuse(numbers, receivers)
    assert (await _entry(numbers)).healthy
    await _refuse(numbers, AT_HOME[:4])
    await numbers.report(NUMBER, receivers[0], accepted=True)
    await _refuse(numbers, AT_HOME[4:5])
    assert not (await _entry(numbers)).healthy


async def test_a_number_rests_for_an_hour_and_is_tried_again(
    store: Store, numbers: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await numbers.add(virtual())
    await _refuse(numbers)
    out = await _entry(numbers)
    assert abs(out.rests_until - time.time() * 1000 - 3_600_000) < 60_000
    await numbers.try_again()
    assert not (await _entry(numbers)).healthy

    await store.execute("ZADD", keys.RESTING, int(time.time() * 1000) - 1, NUMBER)
    await asyncio.gather(numbers.try_again(), Pool(store).try_again())

    again = await _entry(numbers)
    assert (True, 0) == (again.healthy, again.rests_until)
    assert {NUMBER} == (await sets(store))["idle:message:*"]
    assert 1 == caplog.text.count("+1206•••••00: has rested, given to new sessions again")
    await _refuse(numbers, AT_HOME[:4])
    assert (await _entry(numbers)).healthy
    await _refuse(numbers, AT_HOME[4:5])
    assert not (await _entry(numbers)).healthy


@pytest.mark.parametrize("first", ["operator", "refusals"])
async def test_a_number_that_the_operator_left_out_stays_out(
    store: Store, numbers: Pool, first: str
) -> None:
    """Whether it rested before, or was refused after."""
    await numbers.add(virtual())
    if first == "operator":
        await numbers.set_health(NUMBER, False)
        await _refuse(numbers)
    else:
        await _refuse(numbers)
        await numbers.set_health(NUMBER, False)
    assert 0 == (await _entry(numbers)).rests_until
    await numbers.try_again()
    assert not (await _entry(numbers)).healthy


async def test_the_operator_takes_a_number_in_before_its_rest_is_over(
    store: Store, numbers: Pool
) -> None:
    await numbers.add(virtual())
    await _refuse(numbers)
    await numbers.set_health(NUMBER, True)
    found = await _entry(numbers)
    assert (True, 0) == (found.healthy, found.rests_until)
    assert 0 == await store.execute("EXISTS", keys.RESTING)


async def test_refusals_counted_by_the_release_before_are_no_error(
    store: Store, numbers: Pool
) -> None:
    await numbers.add(virtual())
    await store.execute("HSET", keys.REFUSALS, NUMBER, 4)
    await _refuse(numbers, AT_HOME[:3])
    assert (await _entry(numbers)).healthy
    await _refuse(numbers, AT_HOME[3:4])
    assert not (await _entry(numbers)).healthy


async def test_no_receiver_can_be_read_from_what_is_counted(store: Store, numbers: Pool) -> None:
    await numbers.add(virtual())
    await _refuse(numbers, AT_HOME[:3])
    kept = await store.execute("HGET", keys.REFUSALS, NUMBER)
    assert [] == [each for each in AT_HOME[:3] if each[1:] in kept]


async def test_refusals_of_all_processes_count_and_are_logged_once_without_the_number(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    stores = [connect(redis_url) for _ in range(3)]
    await Pool(stores[0]).add(virtual())
    with caplog.at_level(logging.WARNING, "gateway.virtual_numbers.pool"):
        await asyncio.gather(
            *(
                Pool(stores[n % 3]).report(NUMBER, AT_HOME[n % 10], accepted=False)
                for n in range(60)
            )
        )
    [entry] = (await Pool(stores[0]).page(10, "")).items
    await asyncio.gather(*(each.close() for each in stores))
    assert not entry.healthy
    expected = (
        f"+1206•••••00: texts to {MOST_REFUSALS} receivers refused in a row, left out of new "
        "sessions for 60 min"
    )
    assert [expected] == [record.getMessage() for record in caplog.records]


async def test_a_number_made_healthy_begins_to_count_anew(numbers: Pool) -> None:
    await numbers.add(virtual())
    await _refuse(numbers)
    await numbers.set_health(NUMBER, True)
    await _refuse(numbers, AT_HOME[5:9])
    assert (await _entry(numbers)).healthy


async def test_reports_of_a_number_outside_the_pool_leave_no_trace(
    store: Store, numbers: Pool
) -> None:
    await _refuse(numbers, AT_HOME[:6])
    await numbers.report(NUMBER, ANNA, accepted=True)
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
