"""The forecast: counts that follow every begin and end, peaks by day, the numbers there are."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from gateway.conversations.opening import NewSession, NoNumberFree
from gateway.conversations.session import Session
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.telephony.phonenumber import country_of
from gateway.virtual_numbers.forecast import DAYS, Forecast, Need
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from tests.support.conversations import OpenedSessions
from tests.support.visitor import eventually

Found = TypeVar("Found")

# Made-up people and rented numbers; see https://nationalnanpa.com for 555-0100 to 0199.
GERMANS = [f"+49176040690{n:02}" for n in range(11, 19)]
AMERICANS = [f"+120655501{n:02}" for n in range(11, 19)]
NOBODYS = [f"+9991000{n:04}" for n in range(2)]  # a country code that belongs to no country
PEOPLE = [*GERMANS[:4], *AMERICANS[:4], *NOBODYS]
US = [f"+120655501{n:02}" for n in range(50, 60)]
DE = [f"+49176040690{n:02}" for n in range(50, 60)]
SMS, VOICE, BOTH = ({"sms"}, {"voice"}, {"sms", "voice"})


@pytest.fixture
def sessions(store: Store) -> OpenedSessions:
    return OpenedSessions(store)


@pytest.fixture
def forecast(store: Store) -> Forecast:
    return Forecast(store)


async def fill(store: Store, numbers: Sequence[str], country: str = "US", can: Any = SMS) -> None:
    """Add numbers to the pool."""
    pool = Pool(store)
    made = (VirtualNumber(each, "nexmo", country, frozenset(can), 1) for each in numbers)
    await asyncio.gather(*(pool.add(each) for each in made))


async def begin(sessions: OpenedSessions, a: str, b: str, **more: Any) -> Session:
    session, _ = await sessions.create(NewSession(participant_a=a, participant_b=b, **more))
    return session


async def hash_of(store: Store, key: str) -> dict[str, str]:
    flat = await store.execute("HGETALL", key)
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def today(store: Store) -> int:
    """Return the day by the store's clock, counted from the Unix epoch."""
    return int((await store.execute("TIME"))[0]) // 86_400


async def in_one_day(store: Store, act: Callable[[int], Awaitable[Found]]) -> tuple[int, Found]:
    """Return a day and what ``act`` found on it; it acts again when the day ended meanwhile."""
    while True:
        day = await today(store)
        found = await act(day)
        if day == await today(store):
            return day, found


def written(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()


async def figures(forecast: Forecast) -> dict[str, tuple[int, int]]:
    """Return now and peak by country."""
    return {need.country: (need.now, need.peak) for need in await forecast.needs()}


async def recount(store: Store, people: Sequence[str] = PEOPLE) -> dict[str, str]:
    """Return what the counts of parallel sessions should be, by looking at everybody."""
    lengths = [(each, await store.execute("HLEN", keys.routes(each))) for each in people]
    levels = Counter(f"{country_of(each)}:{length}" for each, length in lengths if length)
    return {level: str(count) for level, count in levels.items()}


# -- now and peak ----------------------------------------------------------------------------------


async def test_an_empty_store_needs_nothing(forecast: Forecast) -> None:
    assert [] == await forecast.needs()


async def test_a_country_needs_what_the_busiest_of_its_participants_has(
    store: Store, sessions: OpenedSessions, forecast: Forecast
) -> None:
    """Its pool is shown beside it; a country without numbers or without sessions is shown too."""
    await fill(store, US[:4])
    await fill(store, DE[:2], country="DE", can=BOTH)
    for other in AMERICANS[:3]:
        await begin(sessions, GERMANS[0], other)
    await begin(sessions, GERMANS[1], NOBODYS[0], virtual_number=US[0])
    number, found = await in_one_day(store, lambda _: forecast.needs())
    needs, day = {need.country: need for need in found}, written(number)
    assert ["", "DE", "US"] == list(needs)
    assert Need("", now=1, peak=1, peak_day=day, pool=0, idle=0, voice=0) == needs[""]
    assert (3, 3, day, 2, 2) == (
        *(needs["DE"].now, needs["DE"].peak, needs["DE"].peak_day),
        *(needs["DE"].pool, needs["DE"].voice),
    )
    assert (1, 1, day, 4, 0) == (
        *(needs["US"].now, needs["US"].peak, needs["US"].peak_day),
        *(needs["US"].pool, needs["US"].voice),
    )


async def test_both_sides_of_a_session_per_side_count(
    store: Store, sessions: OpenedSessions, forecast: Forecast
) -> None:
    await fill(store, US[:3])
    await begin(sessions, GERMANS[0], GERMANS[1], numbers="per-side")
    await begin(sessions, GERMANS[1], AMERICANS[0], numbers="per-side")
    assert {"DE": (2, 2), "US": (1, 1)} == await figures(forecast)
    assert {"DE:1": "1", "DE:2": "1", "US:1": "1"} == await hash_of(store, keys.PARALLEL)


@pytest.mark.parametrize("end", ["closed", "expired"])
async def test_the_peak_stays_when_sessions_end(
    store: Store, sessions: OpenedSessions, forecast: Forecast, end: str
) -> None:
    await fill(store, US[:3])
    made = [await begin(sessions, GERMANS[0], each) for each in AMERICANS[:3]]
    for session in made[:2]:
        if end == "expired":
            await sessions.set_expiry(session.id, 1)
        else:
            await sessions.close(session.id, notify=False)

    async def ended() -> bool:
        await sessions.expire_due()
        return (1, 3) == (await figures(forecast))["DE"]

    await eventually(ended)
    await sessions.close(made[2].id, notify=False)
    assert {"DE": (0, 3), "US": (0, 1)} == {
        country: each for country, each in (await figures(forecast)).items() if country
    }
    assert {} == await hash_of(store, keys.PARALLEL)


async def test_a_peak_that_lasts_for_months_is_noted_when_it_ends(
    store: Store, sessions: OpenedSessions, forecast: Forecast
) -> None:
    """The day on which it began may be forgotten by then."""
    await fill(store, US[:2])
    made = [await begin(sessions, GERMANS[0], each) for each in AMERICANS[:2]]
    await store.execute("DEL", keys.PEAKS)
    assert {"DE": (2, 2), "US": (1, 1)} == await figures(forecast)
    for session in made:
        await sessions.close(session.id, notify=False)
    assert {"DE": (0, 2), "US": (0, 1)} == await figures(forecast)


@pytest.mark.parametrize(
    ("days", "peak", "ago"),
    [
        pytest.param({0: 2, 1: 3, DAYS - 1: 7}, 7, DAYS - 1, id="the first of the days"),
        pytest.param({0: 2, DAYS: 9, DAYS + 1: 9}, 2, 0, id="longer ago"),
        pytest.param({3: 5, 9: 5, 11: 4}, 5, 3, id="the last of equals"),
    ],
)
async def test_the_peak_is_that_of_thirty_days(
    store: Store, forecast: Forecast, days: dict[int, int], peak: int, ago: int
) -> None:
    async def needs(day: int) -> list[Need]:
        fields = [item for back, most in days.items() for item in (f"DE:{day - back}", most)]
        await store.execute("DEL", keys.PEAKS)
        await store.execute("HSET", keys.PEAKS, *fields)
        return await forecast.needs()

    day, [need] = await in_one_day(store, needs)
    assert Need("DE", 0, peak, written(day - ago), 0, 0, 0) == need


async def test_old_days_are_dropped_once_a_day_by_each_process(store: Store) -> None:
    async def trimmed(day: int) -> list[set[int]]:
        """Return how many days ago the peaks were that each of three looks has left."""
        first, second = Forecast(store), Forecast(store)
        left = []
        for process in (first, first, second):
            peaks = [item for ago in (0, 30, 31, 400) for item in (f"DE:{day - ago}", 1)]
            await store.execute("HSET", keys.PEAKS, *peaks)
            await process.trim()
            names = await store.execute("HKEYS", keys.PEAKS)
            left.append({day - int(each.removeprefix("DE:")) for each in names})
        return left

    _, left = await in_one_day(store, trimmed)
    assert [{0, 30}, {0, 30, 31, 400}, {0, 30}] == left


@pytest.mark.parametrize(
    ("written_down", "left"),
    [
        pytest.param({"country_a": "CH"}, {"DE:1": "1"}, id="its country at the begin"),
        pytest.param({}, {"CH:1": "1", "DE:1": "1"}, id="not counted at the begin"),
    ],
)
async def test_the_end_of_a_session_is_counted_where_its_begin_was(
    store: Store, sessions: OpenedSessions, written_down: dict[str, str], left: dict[str, str]
) -> None:
    """A newer table of numbers may say another country; what stays behind would never go."""
    await fill(store, US[:1])
    session = await begin(sessions, GERMANS[0], AMERICANS[0])
    key = keys.session(session.id)
    await store.execute("HDEL", key, "country_a", "country_b")
    fields = {"country_b": "US"} | written_down if written_down else {}
    if fields:
        await store.execute("HSET", key, *(item for pair in fields.items() for item in pair))
    await store.execute("DEL", keys.PARALLEL)
    await store.execute("HSET", keys.PARALLEL, "CH:1", 1, "DE:1", 1)
    closed = await sessions.close(session.id, notify=False)
    assert closed is not None
    assert left == await hash_of(store, keys.PARALLEL)


async def test_a_session_is_the_same_with_its_countries_written_down(
    store: Store, sessions: OpenedSessions
) -> None:
    await fill(store, US[:1])
    session = await begin(sessions, GERMANS[0], AMERICANS[0], country_a="FR", country_b="FR")
    assert session == await sessions.find(session.id)
    written_down = await hash_of(store, keys.session(session.id))
    assert ("DE", "US") == (written_down["country_a"], written_down["country_b"])


# -- numbers ---------------------------------------------------------------------------------------


async def test_the_pool_is_told_by_country_and_by_what_its_numbers_can(
    store: Store, sessions: OpenedSessions, forecast: Forecast
) -> None:
    """Unhealthy numbers are in no pool; numbers without a country have a line of their own."""
    await fill(store, US[:5])
    await fill(store, DE[:2], country="DE", can=BOTH)
    await fill(store, DE[2:5], country="DE", can=VOICE)
    await fill(store, DE[5:6], country="", can=BOTH)
    await Pool(store).set_health(US[4], False)
    for number, other in ((US[0], GERMANS[1]), (DE[0], GERMANS[2]), (DE[5], GERMANS[3])):
        await begin(sessions, GERMANS[0], other, virtual_number=number)
    shown = {n.country: (n.pool, n.idle, n.voice) for n in await forecast.needs()}
    assert {"": (1, 0, 1), "DE": (2, 1, 5), "US": (4, 3, 0)} == shown


@pytest.mark.parametrize(
    ("idle_us", "margin"),
    [
        pytest.param(0, 0, id="none"),
        pytest.param(700, 0, id="few"),
        pytest.param(2_500, 300, id="half"),  # seven times the deviation of a sample of 2,000
        pytest.param(5_000, 0, id="all"),
    ],
)
async def test_idle_numbers_of_a_large_pool_are_estimated(
    store: Store, forecast: Forecast, idle_us: int, margin: int
) -> None:
    """Few are counted exactly; those of other countries do not matter."""
    us, de = ([f"{country}{n}" for n in range(5_000)] for country in ("us", "de"))
    idle = us[:idle_us] + (de if margin else [])
    await store.execute("SADD", keys.pool("message"), *us, *de)
    await store.execute("SADD", keys.pool("message", "US"), *us)
    await store.execute("SADD", keys.pool("message", "DE"), *de)
    if idle:
        await store.execute("SADD", keys.idle("message"), *idle)
    found = {need.country: need for need in await forecast.needs()}
    assert ["DE", "US"] == list(found)
    assert 5_000 == found["US"].pool
    assert idle_us - margin <= found["US"].idle <= idle_us + margin


# -- anything, in any order ------------------------------------------------------------------------


class Play:
    """Begins and ends sessions at random, by two processes at once."""

    def __init__(self, stores: Sequence[Store], seed: int) -> None:
        self.random = random.Random(seed)
        self.processes = [OpenedSessions(each) for each in stores]
        self.open: list[Session] = []

    async def steps(self, count: int) -> None:
        """Make so many steps at once."""
        kinds = self.random.choices([self.create, self.close, self.expire], [4, 2, 1], k=count)
        await asyncio.gather(*(each(self.random.choice(self.processes)) for each in kinds))

    async def create(self, sessions: OpenedSessions) -> None:
        a, b = self.random.sample(PEOPLE, 2)
        kind = self.random.choice(["shared", "per-side"])
        with suppress(NoNumberFree):
            self.open.append(await begin(sessions, a, b, numbers=kind))

    async def close(self, sessions: OpenedSessions) -> None:
        """End one, perhaps by both processes at the same time."""
        if self.open:
            session = self.open.pop(self.random.randrange(len(self.open)))
            ends = [each.close(session.id, notify=False) for each in (sessions, *self.processes)]
            assert 1 == sum(each is not None for each in await asyncio.gather(*ends))

    async def expire(self, sessions: OpenedSessions) -> None:
        if self.open:
            session = self.open.pop(self.random.randrange(len(self.open)))
            await sessions.set_expiry(session.id, 1)

            async def gone() -> bool:
                await asyncio.gather(*(each.expire(session.id) for each in self.processes))
                found = await sessions.find(session.id)
                return found is not None and found.closed > 0

            await eventually(gone)


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("seed", range(3))
async def test_the_counts_are_those_of_a_recount_whatever_happens(
    stores: list[Store], at_once: int, seed: int
) -> None:
    """120 random steps; when everything has ended, only the peaks are left."""
    await fill(stores[0], US[:5])
    play, forecast, most = Play(stores, seed), Forecast(stores[1]), Counter[str]()
    for _ in range(120 // at_once):
        await play.steps(at_once)
        counts = await recount(stores[0])
        assert counts == await hash_of(stores[0], keys.PARALLEL)
        now = Counter[str]()
        for level in counts:
            country, _, sessions = level.rpartition(":")
            now[country] = max(now[country], int(sessions))
        most |= now
        shown = await figures(forecast)
        assert now == {country: has for country, (has, _) in shown.items() if has}
        if at_once == 1:  # between parallel steps there may have been more
            assert most == {country: peak for country, (_, peak) in shown.items() if peak}
    for session in play.open:
        await play.processes[0].close(session.id, notify=False)
    assert {} == await hash_of(stores[0], keys.PARALLEL)


@pytest.mark.parametrize("seed", range(3))
async def test_sessions_that_were_never_counted_do_no_lasting_harm(
    stores: list[Store], seed: int
) -> None:
    """As after an update: no count is ever below 1 or too high, and all end at nothing."""
    await fill(stores[0], US[:5])
    play = Play(stores, seed)
    await play.steps(20)
    await stores[0].execute("DEL", keys.PARALLEL)
    for _ in range(80):
        await play.steps(1)
        real = Counter({k: int(n) for k, n in (await recount(stores[0])).items()})
        counted = {k: int(n) for k, n in (await hash_of(stores[0], keys.PARALLEL)).items()}
        assert not {level: n for level, n in counted.items() if not 0 < n <= real[level]}
    for session in play.open:
        await play.processes[0].close(session.id, notify=False)
    assert {} == await hash_of(stores[0], keys.PARALLEL)
