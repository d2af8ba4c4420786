"""OpenedSessions: who gets which number, what is written down, and what is left when they end."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import ujson

from gateway.conversations import session as session_module
from gateway.conversations.opening import NewSession, NoNumberFree
from gateway.conversations.outcomes import Taken
from gateway.conversations.session import Session, session_keys
from gateway.errors import BadRequest, NotFound, StoreUnavailable
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from gateway.store.script import Script
from gateway.virtual_numbers.pool import Mode, Pool, VirtualNumber
from tests.support.conversations import OpenedSessions, relay_on, silent
from tests.support.visitor import eventually

ANNA, BEN, CLEO = "+4917604069091", "+4917604069092", "+4917604069093"
US = [f"+120655501{n:02}" for n in range(100)]
DE = [f"+491760406900{n}" for n in range(10)]
MANY = [f"+120655501{n:06}" for n in range(3000)]  # too long to be anybody's
DAY_MS = 86_400_000
CHAT = {
    "created": "1",
    "expires": "0",
    "closed": "0",
    "mode": "message",
    "numbers": "per-side",
    "provider_a": "nexmo",
    "provider_b": "nexmo",
    "unique_name": "",
    "kind": "chat",
}
NOWHERE = "redis://127.0.0.1:1"


def person(number: int) -> str:
    """Return a number that is too long to be anybody's."""
    return f"+49176040690{number:04}"


def wanted(a: str = ANNA, b: str = BEN, **more: Any) -> NewSession:
    return NewSession(participant_a=a, participant_b=b, **more)


@pytest.fixture
def sessions(store: Store) -> OpenedSessions:
    return OpenedSessions(store)


async def fill(
    store: Store, numbers: Sequence[str], country: str = "US", can: str = "sms voice"
) -> None:
    """Add numbers to the pool."""
    pool, able = Pool(store), frozenset(can.split())
    await asyncio.gather(
        *(pool.add(VirtualNumber(each, "nexmo", country, able, 1)) for each in numbers)
    )


async def hash_of(store: Store, key: str) -> dict[str, str]:
    flat = await store.execute("HGETALL", key)
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def past_of(store: Store, participant: str) -> dict[str, tuple[str, str]]:
    """Return (counterpart, owed) of the numbers that a participant had."""
    past = await hash_of(store, keys.past(participant))
    return {number: (text.split()[1], text.split()[2]) for number, text in past.items()}


async def had(store: Store, participant: str, number: str, seconds_ago: float, whom: str) -> None:
    """Write down that a participant had a number in a session closed some time ago."""
    closed = int((time.time() - seconds_ago) * 1000)
    await store.execute("HSET", keys.past(participant), number, f"{closed} {whom} 0")


async def refusals(calls: Sequence[Any]) -> tuple[list[tuple[Session, bool]], list[BaseException]]:
    """Run calls in parallel; return what came of those that succeeded, and the errors."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    errors = [each for each in done if isinstance(each, BaseException)]
    return [each for each in done if not isinstance(each, BaseException)], errors


# -- what is written down --------------------------------------------------------------------------


async def test_a_shared_session_has_one_number_for_both(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    session, new = await sessions.create(wanted(mode=Mode.BOTH, unique_name="order 7"))
    assert new
    assert session == await sessions.get(session.id)
    assert session.created > 0
    assert session == Session(
        id=session.id,
        created=session.created,
        expires=0,
        participant_a=ANNA,
        participant_b=BEN,
        number_a=US[0],
        number_b=US[0],
        provider_a="nexmo",
        provider_b="nexmo",
        mode=Mode.BOTH,
        unique_name="order 7",
    )
    assert {US[0]: f"{session.id} a {BEN}"} == await hash_of(store, keys.routes(ANNA))
    assert {US[0]: f"{session.id} b {ANNA}"} == await hash_of(store, keys.routes(BEN))
    assert {US[0]: "1"} == await hash_of(store, keys.LOAD)
    assert {US[0]: session.id} == await sessions.open_of(ANNA)
    assert [f"start {session.id}"] == await store.execute("ZRANGE", keys.ANNOUNCE, 0, -1)


async def test_the_sides_of_a_per_side_session_have_numbers_of_their_own(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:2])
    session, _ = await sessions.create(wanted(numbers="per-side"))
    assert set(US[:2]) == {session.number_a, session.number_b}
    assert {session.number_a: session.id} == await sessions.open_of(ANNA)
    assert {session.number_b: session.id} == await sessions.open_of(BEN)
    assert {US[0]: "1", US[1]: "1"} == await hash_of(store, keys.LOAD)


async def test_each_number_brings_its_own_provider(store: Store, sessions: OpenedSessions) -> None:
    for number, country, provider in ((US[0], "US", "flowroute"), (DE[0], "DE", "smssync:phone")):
        await Pool(store).add(VirtualNumber(number, provider, country, frozenset({"sms"})))
    session, _ = await sessions.create(
        wanted(numbers="per-side", country_a="DE", country_b="US", expires_in_ms=60_000)
    )
    assert ("smssync:phone", "flowroute") == (session.provider_a, session.provider_b)
    assert 60_000 == session.expires - session.created


async def test_a_script_that_runs_twice_opens_one_session(store: Store) -> None:
    """A call that timed out may have run: repeating it with the same id changes nothing."""
    await fill(store, US[:5])
    preludes = "_enqueue _load _session _pins _parallel _suit _pick _choose".split()
    script, session_id = (
        Script.load(session_module.__file__, "session_create", *preludes),
        secrets.token_hex(16),
    )
    used = [*session_keys(session_id, ANNA, BEN), *[keys.pool("message")] * 4]
    args: list[str | int] = [
        session_id,
        ANNA,
        BEN,
        "message",
        "shared",
        "order 7",
        60_000,
        "",
        0,
        0,
        "",
        "",
        "DE",
        "DE",
    ]
    first, second = [await store.run(script, used, args) for _ in range(2)]
    assert "created" == first[0]
    assert first == second
    assert ["1"] == await store.execute("HVALS", keys.LOAD)
    assert 1 == await store.execute("ZCARD", keys.NUMBER_SESSIONS)
    assert {"DE:1": "2"} == await hash_of(store, keys.PARALLEL)


# -- which numbers ---------------------------------------------------------------------------------


async def test_a_number_is_any_of_the_suitable_at_random(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:4])
    opened = await asyncio.gather(
        *(sessions.create(wanted(person(n), person(1000 + n))) for n in range(200))
    )
    used = Counter(session.number_a for session, _ in opened)
    # Fewer than 20 of 200 on one of four numbers happen once in 10^7 times.
    assert set(US[:4]) == set(used)
    assert min(used.values()) >= 20


async def test_one_number_serves_many_pairs_but_no_participant_twice(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:2])
    first, _ = await sessions.create(wanted(ANNA, BEN))
    second, _ = await sessions.create(wanted(ANNA, CLEO))
    assert first.number_a != second.number_a
    await sessions.create(wanted(person(1), person(2)))
    for a, b in ((ANNA, person(3)), (person(3), ANNA), (BEN, CLEO)):
        with pytest.raises(NoNumberFree, match=r"^Could not create session -- No virtual TNs"):
            await sessions.create(wanted(a, b))


@pytest.mark.parametrize(
    ("can", "possible"),
    [
        ("sms", {Mode.MESSAGE}),
        ("voice", {Mode.VOICE}),
        ("sms voice", {Mode.MESSAGE, Mode.VOICE, Mode.BOTH}),
    ],
)
@pytest.mark.parametrize("virtual_number", ["", US[0]], ids=["any", "asked for"])
async def test_a_number_carries_what_it_is_capable_of(
    store: Store, sessions: OpenedSessions, can: str, possible: set[Mode], virtual_number: str
) -> None:
    await fill(store, US[:1], can=can)
    for number, mode in enumerate(Mode):
        call = sessions.create(wanted(person(number), mode=mode, virtual_number=virtual_number))
        if mode in possible:
            assert (await call)[1]
            await sessions.close(next(iter((await sessions.open_of(BEN)).values())), notify=False)
        else:
            with pytest.raises(BadRequest, match="carry" if virtual_number else "No virtual TNs"):
                await call


async def test_an_unhealthy_number_is_given_only_when_asked_for(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    await Pool(store).set_health(US[0], False)
    with pytest.raises(NoNumberFree):
        await sessions.create(wanted())
    session, _ = await sessions.create(wanted(virtual_number=US[0]))
    assert US[0] == session.number_b


@pytest.mark.parametrize("numbers", ["shared", "per-side"])
async def test_the_number_asked_for_is_that_of_a(
    store: Store, sessions: OpenedSessions, numbers: str
) -> None:
    await fill(store, US[:40])
    session, _ = await sessions.create(wanted(virtual_number=US[7], numbers=numbers))
    assert US[7] == session.number_a
    assert (US[7] == session.number_b) == (numbers == "shared")


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (wanted(virtual_number=US[9]), "virtual_tn: is not in the pool"),
        (wanted(virtual_number=US[0]), "virtual_tn: is in use by one of the participants"),
        (
            wanted(CLEO, ANNA, virtual_number=US[0]),
            "virtual_tn: is in use by one of the participants",
        ),
        (wanted(US[1]), "participant_a: is a virtual number of the pool"),
        (wanted(b=US[1]), "participant_b: is a virtual number of the pool"),
        (wanted(b=ANNA), "participant_b: must differ from participant_a"),
        (wanted(unique_name="taken", b=CLEO), "unique_name: belongs to a session of other"),
        (wanted(BEN, ANNA, unique_name="taken"), "unique_name: belongs to a session of other"),
    ],
    ids=["unknown", "busy", "busy b", "own a", "own b", "same", "name", "name, roles swapped"],
)
async def test_what_cannot_be_is_refused_with_its_field(
    store: Store, sessions: OpenedSessions, new: NewSession, problem: str
) -> None:
    await fill(store, US[:3])
    await sessions.create(wanted(unique_name="taken", virtual_number=US[0]))
    with pytest.raises(BadRequest, match=f"^{problem}"):
        await sessions.create(new)
    assert 1 == await store.execute("ZCARD", keys.SESSIONS)


async def test_a_per_side_counterpart_may_use_the_number_asked_for_elsewhere(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:2])
    await sessions.create(wanted(BEN, CLEO, virtual_number=US[0]))
    session, _ = await sessions.create(wanted(virtual_number=US[0], numbers="per-side"))
    assert (US[0], US[1]) == (session.number_a, session.number_b)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize(
    ("country_a", "country_b", "expected"),
    [
        ("DE", "US", ("DE", "US")),
        ("DE", "DE", ("DE", "DE")),
        ("AU", "DE", (None, "DE")),
        ("US", "", ("US", None)),
    ],
)
async def test_each_side_has_a_number_of_its_country_where_there_is_one(
    store: Store,
    exclusive: bool,
    country_a: str,
    country_b: str,
    expected: tuple[str | None, str | None],
) -> None:
    await fill(store, US)
    await fill(store, DE, country="DE")
    sessions = OpenedSessions(store, exclusive=exclusive)
    country = dict.fromkeys(US, "US") | dict.fromkeys(DE, "DE")
    for number in range(4):
        session, _ = await sessions.create(
            wanted(
                person(number),
                person(100 + number),
                numbers="per-side",
                country_a=country_a,
                country_b=country_b,
            )
        )
        got = country[session.number_a], country[session.number_b]
        assert expected == tuple(want and have for want, have in zip(expected, got, strict=True))


async def test_numbers_of_the_country_are_used_up_before_others(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US)
    await fill(store, DE[:3], country="DE")
    for number in range(5):
        session, _ = await sessions.create(
            wanted(ANNA, person(number), numbers="per-side", country_a="DE")
        )
        assert (number < 3) == (session.number_a in DE)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("free_a", range(4))
@pytest.mark.parametrize("free_b", range(4))
async def test_a_pair_of_numbers_is_found_whenever_there_is_one(
    store: Store, exclusive: bool, free_a: int, free_b: int
) -> None:
    """All pairs of subsets of a pool of two that the sides may still use, several times each."""
    await fill(store, US[:2])
    for participant, free in ((ANNA, free_a), (BEN, free_b)):
        for bit, number in enumerate(US[:2]):
            if not free & 1 << bit:
                await store.execute("HSET", keys.routes(participant), number, "x a +1")
    possible = any(
        free_a & 1 << x and free_b & 1 << y for x, y in itertools.permutations(range(2), 2)
    )
    sessions = OpenedSessions(store, exclusive=exclusive)
    for _ in range(6):
        try:
            session, _ = await sessions.create(wanted(numbers="per-side"))
        except NoNumberFree:
            assert not possible
        else:
            assert possible
            await sessions.close(session.id, notify=False)


# -- preferences -----------------------------------------------------------------------------------


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("numbers", ["shared", "per-side"])
async def test_a_number_that_was_never_had_comes_first_in_a_pool_of_hundreds(
    store: Store, numbers: str, exclusive: bool
) -> None:
    await fill(store, US)
    past = [item for number in US[:-2] for item in (number, f"1 {CLEO} 0")]
    await store.execute("HSET", keys.past(ANNA), *past)
    sessions = OpenedSessions(store, exclusive=exclusive)
    # The other one that she never had carries a session: hers, or anybody's if it is exclusive.
    holder = person(1) if exclusive else ANNA
    await sessions.create(wanted(holder, CLEO, virtual_number=US[-2]))
    session, _ = await sessions.create(wanted(numbers=numbers, country_a="US"))
    assert US[-1] == session.number_a


@pytest.mark.parametrize("numbers", ["shared", "per-side"])
async def test_who_had_all_of_a_large_pool_gets_any_of_it(
    store: Store, sessions: OpenedSessions, numbers: str
) -> None:
    """To compare thousands for him would make everybody wait."""
    await fill(store, MANY)
    past = [item for number in MANY for item in (number, f"1 {CLEO} 0")]
    await store.execute("HSET", keys.past(ANNA), *past)
    session, _ = await sessions.create(wanted(numbers=numbers, country_a="US"))
    assert session.number_a in MANY


async def test_then_comes_the_one_that_both_have_not_had_for_longest(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US)
    for place, number in enumerate(US):
        await had(store, ANNA, number, 1000 + place, CLEO)
        await had(store, BEN, number, 500 if place > 50 else 2000, CLEO)
    session, _ = await sessions.create(wanted())
    assert US[50] == session.number_a


async def test_per_side_the_history_of_the_own_side_counts(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:3])
    for place, number in enumerate(US[:3]):
        await had(store, ANNA, number, 1000 + place, CLEO)
        await had(store, BEN, number, 1000 - place, CLEO)
    session, _ = await sessions.create(wanted(numbers="per-side"))
    assert (US[2], US[0]) == (session.number_a, session.number_b)


@pytest.mark.parametrize("numbers", ["shared", "per-side"])
async def test_the_last_free_number_of_a_large_pool_is_found(
    store: Store, sessions: OpenedSessions, numbers: str
) -> None:
    await fill(store, MANY)
    used = [item for number in MANY[:-1] for item in (number, "x a +1")]
    await store.execute("HSET", keys.routes(ANNA), *used)
    session, _ = await sessions.create(wanted(numbers=numbers))
    assert MANY[-1] == session.number_a
    with pytest.raises(NoNumberFree):
        await sessions.create(wanted(b=CLEO, numbers=numbers))


# -- cooldown --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds_ago", "whom", "asked_for", "problem"),
    [
        (10, CLEO, "", "No virtual TNs available"),
        (10, CLEO, US[0], "virtual_tn: was in use by one of the participants"),
        (10, BEN, "", ""),
        (10, BEN, US[0], ""),
        (3700, CLEO, "", ""),
        (3700, CLEO, US[0], ""),
    ],
    ids=["hot", "hot, asked for", "same", "same, asked for", "cold", "cold, asked for"],
)
@pytest.mark.parametrize("numbers", ["shared", "per-side"])
async def test_a_number_cools_down_before_it_leads_to_somebody_else(
    store: Store, *, seconds_ago: float, whom: str, asked_for: str, problem: str, numbers: str
) -> None:
    await fill(store, US[:2])
    await had(store, ANNA, US[1], 10, CLEO)
    await had(store, ANNA, US[0], seconds_ago, whom)
    sessions = OpenedSessions(store, cooldown=3600)
    call = sessions.create(wanted(virtual_number=asked_for, numbers=numbers))
    if problem:
        with pytest.raises(BadRequest, match=problem):
            await call
    else:
        assert US[0] == (await call)[0].number_a


async def test_without_cooldown_a_number_may_be_had_again_at_once(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    for counterpart in (BEN, CLEO):
        session, _ = await sessions.create(wanted(ANNA, counterpart))
        await sessions.close(session.id, notify=False)


async def test_the_history_is_kept_for_30_days_or_as_long_as_the_cooldown(store: Store) -> None:
    await fill(store, US[:1])
    for cooldown, expected in ((0, 30 * DAY_MS), (60 * 86_400, 60 * DAY_MS)):
        sessions = OpenedSessions(store, cooldown=cooldown)
        session, _ = await sessions.create(wanted())
        await sessions.close(session.id, notify=False)
        for participant in (ANNA, BEN):
            left = await store.execute("PTTL", keys.past(participant))
            assert expected - 60_000 < left <= expected


# -- exclusive -------------------------------------------------------------------------------------


async def test_an_exclusive_number_carries_one_session_and_then_the_next(store: Store) -> None:
    await fill(store, US[:1])
    sessions = OpenedSessions(store, exclusive=True)
    session, _ = await sessions.create(wanted())
    with pytest.raises(NoNumberFree):
        await sessions.create(wanted(person(1), person(2)))
    with pytest.raises(BadRequest, match=r"^virtual_tn: is in use by another session$"):
        await sessions.create(wanted(person(1), person(2), virtual_number=US[0]))
    await sessions.close(session.id, notify=False)
    assert (await sessions.create(wanted(person(1), person(2))))[1]


@pytest.mark.parametrize("country", ["US", "DE"], ids=["large country", "small country"])
async def test_exclusive_numbers_of_a_country_are_used_up_before_others(
    store: Store, country: str
) -> None:
    await fill(store, US)
    await fill(store, DE, country="DE")
    sessions = OpenedSessions(store, exclusive=True)
    own, others = (US, DE) if country == "US" else (DE, US)
    used: list[str] = []
    for n in range(len(own) // 2 + 1):
        session, _ = await sessions.create(
            wanted(
                person(n),
                person(1000 + n),
                numbers="per-side",
                country_a=country,
                country_b=country,
            )
        )
        used += [session.number_a, session.number_b]
    assert set(own) == set(used[:-2])
    assert len(used) == len(set(used))
    assert set(used[-2:]) <= set(others)


@pytest.mark.parametrize(("numbers", "possible"), [("shared", 60), ("per-side", 30)])
async def test_parallel_exclusive_sessions_use_every_number_once(
    stores: list[Store], numbers: str, possible: int
) -> None:
    await fill(stores[0], US[:60])
    everywhere = [OpenedSessions(each, exclusive=True) for each in stores]
    opened, errors = await refusals(
        [
            everywhere[n % 4].create(wanted(person(n), person(1000 + n), numbers=numbers))
            for n in range(200)
        ]
    )
    used = [number for s, _ in opened for number in {s.number_a, s.number_b}]
    assert possible == len(opened)
    assert sorted(US[:60]) == sorted(used)
    assert {NoNumberFree} == {type(error) for error in errors}
    assert 0 == await stores[0].execute("SCARD", keys.idle("message"))


# -- many at once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", ["shared", "per-side"])
@pytest.mark.parametrize(("pool", "possible"), [(100, 200), (50, 100)])
async def test_of_200_parallel_creations_that_need_100_numbers_the_possible_ones_succeed(
    stores: list[Store], numbers: str, pool: int, possible: int
) -> None:
    """Two participants have 100 counterparts each: each of the two needs 100 numbers."""
    await fill(stores[0], US[:pool])
    everywhere = [OpenedSessions(each) for each in stores]
    opened, errors = await refusals(
        [
            everywhere[n % 4].create(wanted((ANNA, BEN)[n % 2], person(n), numbers=numbers))
            for n in range(200)
        ]
    )
    assert possible == len(opened)
    assert all(isinstance(each, NoNumberFree) for each in errors)
    for participant in (ANNA, BEN):
        assert set(US[:pool]) == set(await everywhere[0].open_of(participant))
    ends = [(s.participant_a, s.number_a) for s, _ in opened]
    ends += [(s.participant_b, s.number_b) for s, _ in opened]
    assert len(ends) == len(set(ends))


async def test_parallel_creations_of_one_pair_never_share_a_number(stores: list[Store]) -> None:
    await fill(stores[0], US)
    everywhere = [OpenedSessions(each) for each in stores]
    pairs = [(ANNA, BEN), (BEN, ANNA)]
    opened, errors = await refusals(
        [everywhere[n % 4].create(wanted(*pairs[n % 2])) for n in range(200)]
    )
    assert (100, 100) == (len(opened), len(errors))
    assert set(US) == {session.number_a for session, _ in opened}


# -- unique names ----------------------------------------------------------------------------------


async def test_of_parallel_creations_under_one_name_one_is_new(stores: list[Store]) -> None:
    await fill(stores[0], US[:3])
    everywhere = [OpenedSessions(each) for each in stores]
    opened, errors = await refusals(
        [everywhere[n % 4].create(wanted(unique_name="order 7")) for n in range(100)]
    )
    assert [] == errors
    assert 1 == sum(new for _, new in opened)
    assert 1 == len({session.id for session, _ in opened})
    assert ["1"] == await stores[0].execute("HVALS", keys.LOAD)


async def test_a_name_is_free_again_after_its_session(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    first, _ = await sessions.create(wanted(unique_name="order 7"))
    await sessions.close(first.id, notify=False)
    second, new = await sessions.create(wanted(CLEO, BEN, unique_name="order 7"))
    assert new
    assert first.id != second.id


async def test_a_name_whose_session_is_over_is_free(store: Store, sessions: OpenedSessions) -> None:
    await fill(store, US[:1])
    first, _ = await sessions.create(wanted(unique_name="order 7", expires_in_ms=1))
    await over(sessions, first)
    second, new = await sessions.create(wanted(unique_name="order 7"))
    assert new
    assert first.id != second.id
    assert {US[0]: second.id} == await sessions.open_of(ANNA)


# -- the end ---------------------------------------------------------------------------------------


async def over(sessions: OpenedSessions, session: Session) -> None:
    """Wait until a session's time has come; nobody has closed it yet."""

    async def is_over() -> bool:
        return await sessions.get(session.id) is None

    await eventually(is_over)


async def test_a_closed_session_leaves_its_past_and_itself_for_a_while(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:2])
    session, _ = await sessions.create(
        wanted(numbers="per-side", unique_name="x", expires_in_ms=DAY_MS)
    )
    await store.execute("RPUSH", keys.session_log(session.id), "{}")
    await store.execute("HSET", keys.session_log_states(session.id), "id", "accepted")
    closed = await sessions.close(session.id, notify=True)
    assert closed is not None
    assert closed.closed >= session.created
    assert replace(session, closed=closed.closed) == closed
    assert closed == await sessions.find(session.id)
    assert await sessions.get(session.id) is None
    assert {session.number_a: (BEN, "0")} == await past_of(store, ANNA)
    assert {session.number_b: (ANNA, "0")} == await past_of(store, BEN)
    assert f"end {session.id}" in await store.execute("ZRANGE", keys.ANNOUNCE, 0, -1)
    for gone in (
        *(keys.routes(ANNA), keys.routes(BEN), keys.SESSIONS, keys.EXPIRIES),
        *(keys.UNIQUE_NAMES, keys.NUMBER_SESSIONS, keys.LOAD),
    ):
        assert 0 == await store.execute("EXISTS", gone), gone
    assert set(US[:2]) == set(await store.execute("SMEMBERS", keys.idle("message")))
    for kept in (keys.session, keys.session_log, keys.session_log_states):
        assert 29 * DAY_MS < await store.execute("PTTL", kept(session.id)) <= 30 * DAY_MS


@pytest.mark.parametrize(
    ("notify", "kept_ms"), [(False, 0), (True, 3_600_000)], ids=["silent", "notices"]
)
async def test_without_log_days_nothing_is_kept_but_what_the_notices_need(
    store: Store, notify: bool, kept_ms: int
) -> None:
    await fill(store, US[:1])
    sessions = OpenedSessions(store, log_days=0)
    session, _ = await sessions.create(wanted())
    await store.execute("RPUSH", keys.session_log(session.id), "{}")
    await store.execute("HSET", keys.session_log_states(session.id), "id", "accepted")
    assert await sessions.close(session.id, notify=notify) is not None
    for gone in (keys.session_log, keys.session_log_states):
        assert 0 == await store.execute("EXISTS", gone(session.id))
    assert (await sessions.find(session.id) is not None) == notify
    assert await store.execute("PTTL", keys.session(session.id)) <= kept_ms


@pytest.mark.parametrize("session_id", ["0" * 32, "", "x", "\ud800"])
async def test_an_unknown_session_is_not_there(sessions: OpenedSessions, session_id: str) -> None:
    assert await sessions.get(session_id) is None
    assert await sessions.find(session_id) is None
    assert await sessions.close(session_id, notify=True) is None


async def test_of_parallel_ends_of_one_session_one_is_told(stores: list[Store]) -> None:
    await fill(stores[0], US[:1])
    everywhere = [OpenedSessions(each) for each in stores]
    session, _ = await everywhere[0].create(wanted())
    other, _ = await everywhere[0].create(wanted(CLEO, person(1)))
    done = await asyncio.gather(
        *(everywhere[n % 4].close(session.id, notify=True) for n in range(100))
    )
    assert 99 == done.count(None)
    assert {US[0]: "1"} == await hash_of(stores[0], keys.LOAD)
    assert other == await everywhere[0].get(other.id)


async def test_an_expired_session_owes_both_a_word(store: Store, sessions: OpenedSessions) -> None:
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted(expires_in_ms=1))
    await over(sessions, session)
    assert await sessions.close(session.id, notify=True) is None
    assert 1 == await sessions.expire_due()
    assert 0 == await sessions.expire_due()
    assert {US[0]: (BEN, "1")} == await past_of(store, ANNA)
    assert {US[0]: (ANNA, "1")} == await past_of(store, BEN)
    assert [f"start {session.id}"] == await store.execute("ZRANGE", keys.ANNOUNCE, 0, -1)
    closed = await sessions.find(session.id)
    assert closed is not None
    assert closed.closed >= closed.expires


async def test_many_are_closed_once_by_all_processes_and_others_stay(stores: list[Store]) -> None:
    await fill(stores[0], US[:1])
    everywhere = [OpenedSessions(each) for each in stores]
    opened = [
        (await everywhere[n % 4].create(wanted(person(n), person(1000 + n), expires_in_ms=life)))[0]
        for n, life in enumerate([1] * 250 + [0, 60_000])
    ]
    await over(everywhere[0], opened[249])
    closed = await asyncio.gather(*(each.expire_due() for each in everywhere))
    while more := await everywhere[0].expire_due():
        closed.append(more)
    assert 250 == sum(closed)
    left = await stores[0].execute("ZRANGE", keys.SESSIONS, 0, -1)
    assert {each.id for each in opened[250:]} == set(left)
    assert {US[0]: "2"} == await hash_of(stores[0], keys.LOAD)


@pytest.mark.parametrize(
    "new",
    [wanted(), wanted(b=CLEO), wanted(virtual_number=US[0])],
    ids=["same pair", "other pair", "asked for"],
)
@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_session_that_is_over_does_not_hold_the_last_number(
    store: Store, exclusive: bool, new: NewSession
) -> None:
    await fill(store, US[:1])
    sessions = OpenedSessions(store, exclusive=exclusive)
    session, _ = await sessions.create(wanted(expires_in_ms=1))
    await over(sessions, session)
    assert US[0] == (await sessions.create(new))[0].number_a


@pytest.mark.parametrize("mode", ["shared", "per-side"])
async def test_a_session_that_the_store_has_thrown_away_blocks_nobody(
    store: Store, sessions: OpenedSessions, mode: str
) -> None:
    await fill(store, US[:2])
    lost, _ = await sessions.create(wanted(numbers=mode))
    await store.execute("DEL", keys.session(lost.id))
    inbound = Inbound("nexmo", "mo-1", lost.participant_a, lost.number_a, "Where are you?")
    happened = await relay_on(store, silent(store)).receive(inbound)
    assert happened == Taken.IGNORED
    assert await hash_of(store, keys.routes(ANNA)) == await hash_of(store, keys.routes(BEN)) == {}
    assert (await sessions.page(10, "")).total == 0
    assert await hash_of(store, keys.LOAD) == {}
    _, created = await sessions.create(wanted(numbers=mode, virtual_number=lost.number_a))
    assert created


async def test_a_name_whose_session_the_store_has_thrown_away_is_free(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    lost, _ = await sessions.create(wanted(unique_name="order 7"))
    await store.execute("DEL", keys.session(lost.id))
    session, new = await sessions.create(wanted(unique_name="order 7"))
    assert new
    assert {US[0]: session.id} == await sessions.open_of(ANNA)
    assert {US[0]: "1"} == await hash_of(store, keys.LOAD)


async def test_sessions_that_the_store_has_thrown_away_do_not_stay_due(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted(expires_in_ms=1))
    await store.execute("DEL", keys.session(session.id))
    await asyncio.sleep(0.01)
    await sessions.expire_due()
    assert await store.execute("ZCARD", keys.EXPIRIES) == 0
    assert await hash_of(store, keys.LOAD) == {}


async def test_the_number_of_texts_is_kept_as_long_as_the_session(
    store: Store, sessions: OpenedSessions
) -> None:
    """OpenedSessions of older releases have none."""
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted(unique_name="order 7"))
    assert 0 == session.texts
    await store.execute("HINCRBY", keys.session(session.id), "texts", 2)
    named, new = await sessions.create(wanted(unique_name="order 7"))
    assert (2, False) == (named.texts, new)
    assert 2 == (await sessions.set_expiry(session.id, 60_000)).texts
    closed = await sessions.close(session.id, notify=False)
    assert closed == await sessions.find(session.id)
    assert closed is not None
    assert 2 == closed.texts


async def test_the_end_of_a_chat_is_that_of_any_session(
    store: Store, sessions: OpenedSessions
) -> None:
    """The lobby writes its sessions itself, between numbers that need not be in the pool."""
    await fill(store, US[:1])
    masked, _ = await sessions.create(wanted(CLEO, person(1)))
    session_id = secrets.token_hex(16)
    preludes = [Script.load(session_module.__file__, name).text for name in ("_load", "_session")]
    open_it = "open_session(session_keys(1), ARGV[1], cjson.decode(ARGV[2]))"
    fields = CHAT | {"participant_a": ANNA, "participant_b": BEN}
    await store.run(
        Script("".join([*preludes, open_it])),
        session_keys(session_id, ANNA, BEN),
        [session_id, ujson.dumps(fields | {"number_a": US[0], "number_b": US[9]})],
    )
    assert {US[0]: "2"} == await hash_of(store, keys.LOAD)
    assert {US[9]: session_id} == await sessions.open_of(BEN)
    closed = await sessions.close(session_id, notify=True)
    assert closed is not None
    assert "chat" == closed.kind
    assert {} == await sessions.open_of(ANNA)
    assert {US[0]: "1"} == await hash_of(store, keys.LOAD)
    assert masked == await sessions.get(masked.id)


async def test_an_end_touches_nothing_that_belongs_to_another_session(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted(unique_name="order 7"))
    other = {US[0]: f"{'0' * 32} a {CLEO}"}
    await store.execute("HSET", keys.routes(ANNA), US[0], other[US[0]])
    await store.execute("HSET", keys.UNIQUE_NAMES, "order 7", "0" * 32)
    assert await sessions.close(session.id, notify=False) is not None
    assert other == await hash_of(store, keys.routes(ANNA))
    assert {"order 7": "0" * 32} == await hash_of(store, keys.UNIQUE_NAMES)
    assert {} == await hash_of(store, keys.routes(BEN))


# -- another end -----------------------------------------------------------------------------------


async def test_an_expiry_is_set_changed_and_taken_away(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted())
    for wait in (60_000, 3_600_000):
        changed = await sessions.set_expiry(session.id, wait)
        assert session.created + wait <= changed.expires
        assert changed.expires == float(await store.execute("ZSCORE", keys.EXPIRIES, session.id))
        assert changed == await sessions.get(session.id)
    assert 0 == (await sessions.set_expiry(session.id, 0)).expires
    assert await store.execute("ZSCORE", keys.EXPIRIES, session.id) is None


@pytest.mark.parametrize("end", ["closed", "over", "unknown"])
async def test_what_has_ended_is_not_extended(
    store: Store, sessions: OpenedSessions, end: str
) -> None:
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted(expires_in_ms=1 if end == "over" else 0))
    if end == "closed":
        await sessions.close(session.id, notify=False)
    if end == "over":
        await over(sessions, session)
    session_id = "0" * 32 if end == "unknown" else session.id
    with pytest.raises(NotFound):
        await sessions.set_expiry(session_id, 60_000)
    assert 0 == await store.execute("EXISTS", keys.session("0" * 32))


async def test_a_session_is_extended_or_expires_but_not_both(stores: list[Store]) -> None:
    """Sweepers and PATCHes race around the moment at which sessions end."""
    await fill(stores[0], US[:1])
    sweeper, patcher = OpenedSessions(stores[0]), OpenedSessions(stores[1])
    ids = [
        (await sweeper.create(wanted(person(n), person(1000 + n), expires_in_ms=20 + n)))[0].id
        for n in range(100)
    ]
    extended: set[str] = set()

    async def patch(session_id: str) -> None:
        try:
            await patcher.set_expiry(session_id, 3_600_000)
            extended.add(session_id)
        except NotFound:
            pass

    async def all_decided() -> bool:
        await sweeper.expire_due()
        return bool(await stores[2].execute("ZCARD", keys.SESSIONS) == len(extended))

    sweep = asyncio.create_task(eventually(all_decided))
    for session_id in ids:
        await patch(session_id)
    await sweep
    found = {session_id: await sweeper.find(session_id) for session_id in ids}
    assert extended == {each for each, session in found.items() if session and not session.closed}
    left = await hash_of(stores[0], keys.LOAD)
    assert ({US[0]: str(len(extended))} if extended else {}) == left


# -- pages -----------------------------------------------------------------------------------------


async def test_the_pages_show_the_open_ones_once_newest_first(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    opened = [(await sessions.create(wanted(person(n), person(100 + n))))[0] for n in range(8)]
    gone = opened.pop(3)
    await sessions.close(gone.id, notify=False)
    shown: list[Session] = []
    after: str | None = ""
    while after is not None:
        page = await sessions.page(3, after)
        assert 7 == page.total
        shown += page.items
        after = page.next
    newest_first = sorted(opened, key=lambda each: (each.created, each.id), reverse=True)
    assert newest_first == shown


async def test_a_page_goes_on_behind_a_session_that_has_ended_meanwhile(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    opened = [(await sessions.create(wanted(person(n), person(100 + n))))[0] for n in range(4)]
    for score, session in enumerate(opened, 1000):
        await store.execute("ZADD", keys.SESSIONS, score, session.id)
        await store.execute("HSET", keys.session(session.id), "created", score)
    after = (await sessions.page(2, "")).next
    assert opened[2].id == after
    await sessions.close(after, notify=False)
    behind = await sessions.page(2, after)
    assert [opened[1].id, opened[0].id] == [each.id for each in behind.items]


async def test_what_is_over_is_in_no_page(store: Store, sessions: OpenedSessions) -> None:
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted(expires_in_ms=1))
    await over(sessions, session)
    page = await sessions.page(10, "")
    assert (0, [], None) == (page.total, page.items, page.next)


@pytest.mark.parametrize("after", ["0" * 32, "x"])
async def test_a_page_behind_an_unknown_session_is_refused(
    sessions: OpenedSessions, after: str
) -> None:
    with pytest.raises(BadRequest, match=r"^after: no such session$"):
        await sessions.page(10, after)


async def test_without_a_store_nothing_is_promised() -> None:
    store = connect(NOWHERE)
    with pytest.raises(StoreUnavailable):
        await OpenedSessions(store).create(wanted())
    await store.close()


# -- anything, in any order ------------------------------------------------------------------------


class Model:
    """What must be true, in plain Python: the pool and the open sessions."""

    def __init__(self) -> None:
        self.numbers: dict[str, set[Mode]] = {}
        self.ill: set[str] = set()
        self.open: dict[str, Session] = {}

    def routes(self) -> dict[str, dict[str, str]]:
        """Return the ids of sessions by participant and number; no number has two."""
        routes: dict[str, dict[str, str]] = {}
        for session in self.open.values():
            for participant, number in (
                (session.participant_a, session.number_a),
                (session.participant_b, session.number_b),
            ):
                mine = routes.setdefault(participant, {})
                assert number not in mine, "two open sessions on one number of a participant"
                mine[number] = session.id
        return routes

    def load(self) -> dict[str, str]:
        used = (each for s in self.open.values() for each in {s.number_a, s.number_b})
        return {number: str(count) for number, count in Counter(used).items()}

    def pool(self, mode: Mode) -> set[str]:
        return {n for n, modes in self.numbers.items() if mode in modes} - self.ill

    def possible(self, new: NewSession, exclusive: bool) -> bool:
        """Tell by trying whether there are numbers for a session."""
        pool = self.pool(new.mode) - (self.load().keys() if exclusive else set())
        routes = self.routes()
        free_a = pool - routes.get(new.participant_a, {}).keys()
        free_b = pool - routes.get(new.participant_b, {}).keys()
        if new.numbers == "shared":
            return bool(free_a & free_b)
        return any(x != y for x in free_a for y in free_b)


CAPABILITIES = {
    "sms": {Mode.MESSAGE},
    "voice": {Mode.VOICE},
    "sms voice": {Mode.MESSAGE, Mode.VOICE, Mode.BOTH},
}
PEOPLE = [person(n) for n in range(6)]


class Play:
    """Does things at random to the sessions and to the model alike."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.model = Model()
        self.pool = Pool(store)
        self.kinds = {
            exclusive: OpenedSessions(store, exclusive=exclusive) for exclusive in (False, True)
        }

    async def step(self) -> None:
        steps = [self.create] * 5 + [self.close, self.extend, self.expire]
        await self.random.choice([*steps, self.add, self.remove, self.turn])()

    async def create(self) -> None:
        a, b = self.random.sample(PEOPLE, 2)
        exclusive = self.random.random() < 0.2
        new = wanted(
            *(a, b),
            mode=self.random.choice(list(Mode)),
            numbers=self.random.choice(["shared", "per-side"]),
            country_a=self.random.choice(["", "US", "DE"]),
            country_b=self.random.choice(["", "US", "DE"]),
        )
        possible = self.model.possible(new, exclusive)
        try:
            session, created = await self.kinds[exclusive].create(new)
        except NoNumberFree:
            assert not possible
            return
        assert possible
        assert created
        used = {session.number_a, session.number_b}
        assert used <= self.model.pool(new.mode)
        assert not exclusive or not used & self.model.load().keys()
        self.model.open[session.id] = session

    async def close(self) -> None:
        if session := self.any_open():
            assert await self.kinds[False].close(session.id, notify=False) is not None
            del self.model.open[session.id]
            assert await self.kinds[False].close(session.id, notify=False) is None

    async def extend(self) -> None:
        if session := self.any_open():
            changed = await self.kinds[False].set_expiry(
                session.id, self.random.choice([0, 60_000])
            )
            self.model.open[session.id] = changed

    async def expire(self) -> None:
        if session := self.any_open():
            await self.kinds[False].set_expiry(session.id, 1)
            await over(self.kinds[False], session)
            assert 1 == await self.kinds[False].expire_due()
            del self.model.open[session.id]

    async def add(self) -> None:
        number, country = self.random.choice([(US[n], "US") for n in range(3)] + [(DE[0], "DE")])
        can = self.random.choice(list(CAPABILITIES))
        try:
            await self.pool.add(VirtualNumber(number, "nexmo", country, frozenset(can.split())))
        except BadRequest:
            assert number in self.model.numbers
        else:
            assert number not in self.model.numbers
            self.model.numbers[number] = CAPABILITIES[can]

    async def remove(self) -> None:
        if number := self.any_number():
            try:
                await self.pool.remove(number)
            except BadRequest:
                assert number in self.model.load()
            else:
                assert number not in self.model.load()
                del self.model.numbers[number]
                self.model.ill.discard(number)

    async def turn(self) -> None:
        if number := self.any_number():
            await self.pool.set_health(number, number in self.model.ill)
            self.model.ill ^= {number}

    def any_open(self) -> Session | None:
        return self.random.choice([*self.model.open.values()]) if self.model.open else None

    def any_number(self) -> str | None:
        return self.random.choice([*self.model.numbers]) if self.model.numbers else None

    async def check(self) -> None:
        """Compare everything that lies in the store with the model."""
        routes, load = self.model.routes(), self.model.load()
        for participant in PEOPLE:
            assert routes.get(participant, {}) == await self.kinds[False].open_of(participant)
        assert load == await hash_of(self.store, keys.LOAD)
        for mode in Mode:
            pool = self.model.pool(mode)
            assert pool == set(await self.store.execute("SMEMBERS", keys.pool(mode.value)))
            idle = set(await self.store.execute("SMEMBERS", keys.idle(mode.value)))
            assert pool - load.keys() == idle
        listed = await self.store.execute("ZRANGE", keys.SESSIONS, 0, -1)
        assert set(self.model.open) == set(listed)
        ending = await self.store.execute("ZRANGE", keys.EXPIRIES, 0, -1)
        assert {each.id for each in self.model.open.values() if each.expires} == set(ending)
        bookings = await self.store.execute("ZCARD", keys.NUMBER_SESSIONS)
        assert sum(map(int, load.values())) == bookings


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_the_store_is_what_a_simple_model_says(
    store: Store, seed: int
) -> None:
    """300 random steps; then everything ends and only what has a lifetime is left behind."""
    play = Play(store, seed)
    for _ in range(300):
        await play.step()
        await play.check()
    for session_id in list(play.model.open):
        await play.kinds[False].close(session_id, notify=False)
    for number in play.model.numbers:
        await play.pool.remove(number)
    left = await store.execute("KEYS", "*")
    forever = [key for key in left if await store.execute("PTTL", key) < 0]
    # Notices that nobody has sent in this test, and the peaks, which are trimmed once a day.
    assert {keys.ANNOUNCE, keys.PEAKS} == set(forever)
    assert {"session", "past"} == {key.split(":")[1] for key in left if key not in forever}


# -- what an operator looks for --------------------------------------------------------------------


async def test_the_open_sessions_of_a_participant_come_newest_first(
    store: Store, sessions: OpenedSessions
) -> None:
    """On whichever side he is; ended ones are not among them."""
    await fill(store, US[:6])
    others = [person(n) for n in range(5)]
    made = [(await sessions.create(wanted(ANNA, each)))[0] for each in others]
    made.append((await sessions.create(wanted(CLEO, ANNA)))[0])
    begun = {each.id: at for at, each in enumerate(made)}
    for session_id, at in begun.items():
        await store.execute("ZADD", keys.SESSIONS, at + 1, session_id)
    await sessions.close(made[2].id, notify=False)
    expected = [each.id for each in made[::-1] if each is not made[2]]
    assert expected == await sessions.newest_of(ANNA)
    assert [made[5].id] == await sessions.newest_of(CLEO)
    assert [] == await sessions.newest_of(BEN)


async def test_an_open_session_is_found_by_its_name(store: Store, sessions: OpenedSessions) -> None:
    await fill(store, US[:1])
    session, _ = await sessions.create(wanted(unique_name="ride 1"))
    assert [session.id, "", ""] == [await sessions.named(each) for each in ("ride 1", "ride", "")]
    await sessions.close(session.id, notify=False)
    assert "" == await sessions.named("ride 1")
