"""Do masked conversations cost the same at every size? ``python -m tests.load.masking --help``."""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

import uvloop
from prometheus_client import REGISTRY

from conf.loading import load
from conf.settings import Settings
from gateway.conversations.notices import Notices
from gateway.conversations.opening import NewSession
from gateway.conversations.outcomes import Taken
from gateway.conversations.session import Session
from gateway.errors import StoreUnavailable
from gateway.providers.base import Inbound
from gateway.store import keys, valkey_process
from gateway.store.pipeline import Store, connect
from gateway.telephony import phonenumber
from gateway.virtual_numbers.pool import Pool, VirtualNumber
from tests.load.scenarios import fictional_numbers
from tests.support.conversations import OpenedSessions, relay_on
from tests.support.servers.processes import Process, wait_for
from tests.support.servers.valkey import start_temporary
from wiring.from_settings import notice_texts
from wiring.services import open_services

MOST = 1.5  # times the cost at the smallest size that a larger one may take
WIDTH = 16  # calls under way at once, as in a process that is busy
FILLING = 128
# Of all sessions so many, spread over the whole store, are those whose texts are measured.
KNOWN = 1_000
MOST_CALLS = KNOWN // 2
# Where hardly a number is left, so few sessions are opened before they are closed again.
FEW = 2
HOUR_MS = 3_600_000
TEXT = "Hello, I am at the door. Could you come down? This is text"
PROVIDER = "nexmo"
COUNTRIES = ("US", "CA")
EMULATOR = ("nexmo_api_key=emulator", "nexmo_api_secret=emulator-secret", "nexmo_ssl=no")
UNPACED = ("nexmo_rate=0", "number_rate=0", "budget_day=0", "budget_month=0")

T = TypeVar("T")
Call = Callable[[], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Size:
    """What a store holds.

    numbers: in the pool, of two countries in turn; sessions: open ones, everybody has two;
    his, had: open and closed sessions of one person more; exclusive: one session a number;
    spent: the sessions take all numbers of the first country, and a caller wants one of these.
    """

    numbers: int
    sessions: int
    his: int = 0
    had: int = 0
    exclusive: bool = False
    spent: bool = False

    def __str__(self) -> str:
        more = f", {self.his:,} his" if self.his else f", {self.had:,} he had" if self.had else ""
        return f"{self.numbers:,} numbers, {self.sessions:,} sessions{more}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one call.

    scripts: as the store counts them, by the clock; valkey, python: processor time of the store's
    main thread and of this process; clock: until the last of all calls has its answer, shared out.
    """

    scripts: float
    valkey: float
    python: float
    clock: float

    @property
    def both(self) -> float:
        """The processor time of store and process."""
        return self.valkey + self.python


class Town:
    """A store of one size with what a gateway has in front of it, except the outbox worker."""

    def __init__(
        self, size: Size, server: valkey_process.ValkeyProcess, settings: Settings
    ) -> None:
        self.size = size
        self.url, self.pid = server.url, server.pid
        self.store = connect(server.url)
        self.sessions = OpenedSessions(self.store, exclusive=size.exclusive, log_days=0)
        self.relay = relay_on(self.store, Notices(self.store, notice_texts(settings), lambda: None))
        self.talks: dict[str, list[Session]] = {"shared": [], "per-side": [], "his": []}
        self.texts = 0
        self.session_bytes = 0.0
        self.problems: list[str] = []
        self.counted = 0

    async def used_bytes(self) -> int:
        """Return what the store's data take."""
        return int(re.findall(r"used_memory:(\d+)", await self.store.execute("INFO", "memory"))[0])

    async def script_time(self) -> tuple[int, int]:
        """Return how many scripts were called by their SHA-1, and their microseconds."""
        stats = await self.store.execute("INFO", "commandstats")
        found = re.search(r"cmdstat_evalsha:calls=(\d+),usec=(\d+)", stats)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def expect(self, what: str, expected: object, actual: object) -> None:
        """Note a problem unless both are equal."""
        if expected != actual:
            self.problems.append(f"{self.size}: {what}: {actual} instead of {expected}")


# -- people and numbers

# Those whose texts are read by libphonenumber have numbers that are valid but nobody's; all
# others have numbers of a country code that belongs to no country.
VALID = [f"+{each}" for each in islice(fictional_numbers(), 20_000)]
POOL, PEOPLE, HE, UNMET = VALID[:10_000], VALID[10_000:11_000], VALID[11_000], VALID[12_000:17_000]


def _resident(index: int) -> str:
    return f"+9991{index:07d}"


def _stranger(index: int) -> str:
    return f"+9992{index:07d}"


def _wanted(index: int, a: str, b: str, kind: str = "shared", number: str = "") -> NewSession:
    """Return what a session is asked for with: all that takes time and memory is used."""
    return NewSession(
        participant_a=a,
        participant_b=b,
        country_a=COUNTRIES[0],
        country_b=COUNTRIES[1],
        expires_in_ms=HOUR_MS * 24 + index * 7_919_000 % HOUR_MS,
        numbers=kind,
        unique_name=f"{a}-{b}",
        virtual_number=number,
    )


def _neighbours(size: Size) -> Iterator[tuple[NewSession, str]]:
    """Yield what each session is asked for with, and where those are kept that are texted in.

    Everybody talks with the one before and the one behind, on a shared number and on two.
    """
    known = min(KNOWN, size.sessions)
    step = max(size.sessions // known, 1)
    others = size.sessions - known
    places = {"known": 0, "other": 0}
    for index in range(size.sessions):
        is_known = index % step == 0 and places["known"] < known
        place = places["known" if is_known else "other"]
        places["known" if is_known else "other"] += 1
        kind = "per-side" if place % 2 and not size.exclusive else "shared"
        if is_known:
            yield _wanted(index, PEOPLE[place], PEOPLE[(place + 1) % known], kind), kind
        else:
            yield _wanted(index, _resident(place), _resident((place + 1) % others), kind), ""


def _plan(size: Size) -> Iterator[tuple[NewSession, str]]:
    if size.spent:
        for index, number in enumerate(POOL[: size.numbers : 2]):
            a, b = _resident(2 * index), _resident(2 * index + 1)
            yield _wanted(index, a, b, number=number), ""
    else:
        yield from _neighbours(size)
    for index, number in enumerate(POOL[: max(size.his, size.had)]):
        yield _wanted(index, HE, _resident(9_000_000 + index), number=number), "his"


# -- filling


async def together(calls: Iterable[Call[T]], width: int) -> list[T]:
    """Return what the calls return, in any order, ``width`` of them under way at once."""
    turn, results = iter(calls), []

    async def work() -> None:
        for call in turn:
            results.append(await call())

    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(work())
    return results


class _Progress:
    """Says every few seconds how far it has come."""

    def __init__(self, what: object) -> None:
        self._what = what
        self._done = 0
        self._began = self._said = time.monotonic()

    def step(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said > 5:
            self._said = now
            rate = self._done / (now - self._began)
            print(f"{self._what}: {self._done:,} made, {rate:,.0f}/s", file=sys.stderr)


async def fill(town: Town) -> None:
    """Put the numbers and the sessions of its size into a store, all by the gateway's scripts.

    The numbers of the sessions that one person more has are given, since it would take long to
    choose the last of them; all others are chosen.
    """
    numbers, size, progress = Pool(town.store), town.size, _Progress(town.size)

    def rented(index: int) -> VirtualNumber:
        return VirtualNumber(POOL[index], PROVIDER, COUNTRIES[index % 2], frozenset({"sms"}))

    async def open_one(wanted: NewSession, kept: str) -> None:
        session = await _patiently(partial(town.sessions.create, wanted))
        if kept:
            town.talks[kept].append(session[0])
        progress.step()

    await together((partial(numbers.add, rented(each)) for each in range(size.numbers)), FILLING)
    before = await town.used_bytes()
    await together((partial(open_one, *each) for each in _plan(size)), FILLING)
    await town.store.execute("DEL", keys.ANNOUNCE)
    made = await town.store.execute("ZCARD", keys.SESSIONS)
    town.expect("sessions open", size.sessions + max(size.his, size.had), made)
    town.session_bytes = (await town.used_bytes() - before) / made
    if size.had:
        gone = town.talks.pop("his")
        await together((partial(town.sessions.close, s.id, notify=False) for s in gone), FILLING)


async def _patiently(call: Call[T]) -> T:
    """Call again when the store was away: another program may take the whole machine.

    What has a unique_name is not made twice.
    """
    for _ in range(5):
        try:
            return await call()
        except StoreUnavailable:
            await asyncio.sleep(1)
    return await call()


# -- measuring


class Meter:
    """Adds up what calls cost."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._calls = 0
        self._sums = [0.0] * 4

    async def run(
        self, calls: Sequence[Call[T]], scripts: int = 0, rest: Call[object] | None = None
    ) -> list[T]:
        """Make the calls and return what they return.

        scripts: how many each of them runs, to be counted by the store as well, 0 = any; rest:
        returns when what they have left behind is done, which is measured too.
        """
        town = self._town
        count, scripted = await town.script_time()
        began = _clocks(town)
        results = await together(calls, WIDTH)
        if rest:
            await rest()
        ended = _clocks(town)
        counted, scripted_since = await town.script_time()
        if scripts:
            town.expect("scripts run", scripts * len(calls), counted - count)
        spent = (scripted_since - scripted, *(b - a for a, b in zip(began, ended, strict=True)))
        self._sums = [a + b for a, b in zip(self._sums, spent, strict=True)]
        self._calls += len(calls)
        town.counted += len(calls)
        return results

    def cost(self) -> Cost:
        """Return the cost of one call."""
        return Cost(*(each / self._calls for each in self._sums))


def _clocks(town: Town) -> tuple[float, float, float]:
    """Return the microseconds that the store's main thread, we and the world have used so far.

    https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat: first figure, in ns.
    """
    store_ns = int(Path(f"/proc/{town.pid}/schedstat").read_text().split()[0])
    return store_ns / 1e3, time.process_time() * 1e6, time.perf_counter() * 1e6


Costs = dict[str, Cost]
Operation = Callable[[Town, int], Awaitable[Costs]]  # an int: how many calls to measure


async def create(
    town: Town,
    calls: int,
    *,
    label: str,
    pair: Callable[[int, int], tuple[str, str]],
    numbers: str = "shared",
    at_once: int = KNOWN,
    closing: str = "",
) -> Costs:
    """Measure the creation of sessions, and under the name ``closing`` their end.

    Afterwards the store is as it was before. pair: the participants of a session by its index.
    """
    made, closed = Meter(town), Meter(town)
    wishes = [_wanted(index, *pair(index, calls), numbers) for index in range(calls)]
    for first in range(0, calls, at_once):
        some = wishes[first : first + at_once]
        try:
            found = await made.run([partial(town.sessions.create, each) for each in some], 1)
            town.expect("sessions opened", len(some), sum(new for _, new in found))
            ends = [partial(town.sessions.close, each.id, notify=False) for each, _ in found]
            ended = await closed.run(ends, 1)
        except* StoreUnavailable:
            await _close_named(town, [each.unique_name for each in some])
            raise
        town.expect("sessions closed", len(some), len([each for each in ended if each]))
        people = {each.participant_a for each in some} | {each.participant_b for each in some}
        forgotten = people - {HE} if town.size.had else people
        await town.store.execute("DEL", keys.ANNOUNCE, *map(keys.past, forgotten))
    return {label: made.cost()} | ({closing: closed.cost()} if closing else {})


async def _close_named(town: Town, names: Sequence[str]) -> None:
    """Close those sessions that a disturbed creation or end has left open."""
    for session_id in await _patiently(
        partial(town.store.execute, "HMGET", keys.UNIQUE_NAMES, *names)
    ):
        if session_id:
            await _patiently(partial(town.sessions.close, session_id, notify=False))


def new_people(index: int, calls: int) -> tuple[str, str]:
    """Return two who have no session yet."""
    return _stranger(2 * index), _stranger(2 * index + 1)


def known_people(index: int, calls: int) -> tuple[str, str]:
    """Return two who have two sessions each, and get one more."""
    return PEOPLE[index], PEOPLE[index + calls]


def with_him(index: int, calls: int) -> tuple[str, str]:
    """Return the person who has, or had, many sessions, and a new one."""
    return HE, _stranger(index)


async def take(town: Town, calls: int, *, label: str, talks: Sequence[str]) -> Costs:
    """Measure how texts of sessions are taken; they lie in the outbox then."""
    meter, texts = Meter(town), _texts(town, calls, talks)
    results = await meter.run([partial(town.relay.receive, each) for each in texts], 2)
    town.expect("texts relayed", calls, results.count(Taken.RELAYED))
    town.expect("texts in the outbox", calls, await _empty_outbox(town.store))
    return {label: meter.cost()}


async def deliver(town: Town, calls: int, *, label: str, emulator: str) -> Costs:
    """Measure how texts are taken and sent by a gateway's worker to the provider emulator."""
    settings = _settings(f"redis_url={town.url}", f"nexmo_domain={emulator}", *EMULATOR, *UNPACED)
    meter, texts = Meter(town), _texts(town, calls, ["shared"])
    async with open_services(settings, given=frozenset({"budget_day"})) as services:

        async def at_rest() -> None:
            while (await services.outbox.counts()).directions:  # noqa: ASYNC110 - in the store
                await asyncio.sleep(0.005)

        before = _accepted()
        await meter.run([partial(services.relay.receive, each) for each in texts], rest=at_rest)
    town.expect("texts accepted by the provider", calls, _accepted() - before)
    return {label: meter.cost()}


def _accepted() -> int:
    labels = {"provider": PROVIDER, "outcome": "accepted"}
    return int(REGISTRY.get_sample_value("gateway_messages_total", labels) or 0)


def _settings(*options: str) -> Settings:
    loaded = load([f"--{each}" for each in options], {}, Path(__file__).parent)
    if loaded.problems:
        raise ValueError("; ".join(loaded.problems))
    return loaded.settings


def _texts(town: Town, calls: int, talks: Sequence[str]) -> list[Inbound]:
    """Return texts of the first participants, one for each session as far as there are so many.

    Their numbers are known to the process afterwards, as those of people who text often are.
    """
    sessions = [session for each in talks for session in town.talks[each]]
    found = []
    for index in range(calls):
        session = sessions[index % len(sessions)]
        sender, to = session.participant_a[1:], session.number_a[1:]
        town.texts += 1
        mo = Inbound(PROVIDER, f"{town.texts:032x}", sender, to, f"{TEXT} {town.texts}")
        found.append(mo)
        phonenumber.parse_international(sender)
        phonenumber.parse_international(to)
    return found


async def _empty_outbox(store: Store) -> int:
    """Drop all texts of the outbox and return how many there were."""
    queues = [keys.queue(each) for each in await store.execute("ZRANGE", keys.DUE, 0, -1)]
    lengths = await asyncio.gather(*(store.execute("LLEN", each) for each in queues))
    await store.execute("DEL", keys.DUE, *queues)
    return sum(lengths)


async def texts_bytes(town: Town, rounds: int) -> tuple[float, float, int]:
    """Return how many bytes a text takes in the log, and how many more for 48 hours.

    The last figure is the number of texts that each session got.
    """
    before, first = await town.used_bytes(), town.texts
    calls = len(town.talks["shared"])
    for _ in range(rounds):
        await take(town, calls, label="", talks=["shared"])
    full, ids = await town.used_bytes(), range(first + 1, town.texts + 1)
    await asyncio.gather(
        *(town.store.execute("DEL", keys.seen(PROVIDER, f"{each:032x}")) for each in ids)
    )
    kept = await town.used_bytes()
    return (kept - before) / len(ids), (full - kept) / len(ids), rounds


def unmet_cost() -> float:
    """Return the microseconds that it takes to read a number that the process has not met yet."""
    began = time.process_time()
    for each in UNMET:
        phonenumber.parse_international(each)
    return (time.process_time() - began) * 1e6 / len(UNMET)


# -- what is compared


@dataclass(frozen=True, slots=True)
class Group:
    """Stores that are measured in turn; comparisons: title -> sizes, the first is the yardstick."""

    comparisons: dict[str, list[Size]]
    operations: list[Operation]
    calls: int

    @property
    def sizes(self) -> list[Size]:
        """All sizes, once each."""
        return list(dict.fromkeys(size for each in self.comparisons.values() for size in each))


def groups(quick: bool, calls: int, emulator: str) -> dict[str, Group]:
    """Return everything that can be measured, by name; ``emulator``: its host and port."""
    pools, amounts, few = [10, 1_000, 10_000], [1_000, 100_000, 1_000_000], 10
    if quick:
        pools, amounts, few = [10, 20, 40], [20, 40, 80], 5
    most, base = pools[-1], amounts[0]
    # Where only a few numbers are left, there have to be more than these.
    left = [max(each, 2 * few) for each in pools]
    opening = partial(create, pair=new_people)
    again = partial(create, pair=known_people)
    his = partial(create, pair=with_him, at_once=FEW)
    alone = partial(create, pair=new_people, at_once=FEW)
    some = max(calls // 5, 1)
    return {
        "sizes": Group(
            {
                "Numbers in the pool": [Size(each, base) for each in pools],
                "Open sessions": [Size(most, each) for each in amounts],
            },
            [
                partial(opening, label="create, shared", closing="close, shared"),
                partial(opening, label="create, per side", numbers="per-side"),
                partial(again, label="create, shared, both have 2"),
                partial(again, label="create, per side, both have 2", numbers="per-side"),
                partial(take, label="MO, shared", talks=["shared"]),
                partial(take, label="MO, per side", talks=["per-side"]),
                partial(deliver, label="MO and delivery", emulator=emulator),
            ],
            calls,
        ),
        "exclusive": Group(
            {
                f"tn_exclusive, all numbers but {few} in use": [
                    Size(each, each - few, exclusive=True) for each in left
                ]
            },
            [
                partial(alone, label="create, shared"),
                partial(alone, label="create, per side", numbers="per-side"),
            ],
            calls,
        ),
        "participant": Group(
            {
                "One person with many sessions": [
                    Size(most, base, his=each) for each in (1, most // 200 or 2, most // 2)
                ]
            },
            [
                partial(his, label="create with him, shared"),
                partial(his, label="create with him, per side", numbers="per-side"),
                partial(take, label="MO of his (first), and of others", talks=["his", "shared"]),
            ],
            calls,
        ),
        "last": Group(
            {
                f"Extreme: one person has a session on every number but {few}": [
                    Size(each, base, his=each - few) for each in left
                ]
            },
            [partial(his, label="create with him, shared")],
            some,
        ),
        "had": Group(
            {
                "Extreme: one person has had every number before": [
                    Size(each, base, had=each) for each in pools
                ]
            },
            [partial(his, label="create with him, shared")],
            some,
        ),
        "spent": Group(
            {
                "Extreme: tn_exclusive, one country all in use, the other all free": [
                    Size(each, each // 2, exclusive=True, spent=True) for each in pools
                ]
            },
            [partial(alone, label="create, per side", numbers="per-side")],
            some,
        ),
    }


@dataclass
class Results:
    """Costs of all rounds by size and operation, and what else was found."""

    costs: dict[tuple[Size, str], list[Cost]] = field(default_factory=dict)
    towns: dict[Size, Town] = field(default_factory=dict)

    def add(self, size: Size, costs: Costs) -> None:
        """Add one round of one operation."""
        for label, cost in costs.items():
            self.costs.setdefault((size, label), []).append(cost)


@asynccontextmanager
async def opened(sizes: Sequence[Size]) -> AsyncIterator[list[Town]]:
    """Start and fill a store of each size, and end them all."""
    settings = _settings(*EMULATOR)
    async with AsyncExitStack() as stack:
        towns = []
        for size in sizes:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="masking-")))
            server = start_temporary(folder)
            stack.callback(server.stop)
            towns.append(Town(size, server, settings))
            stack.push_async_callback(towns[-1].store.close)
            await fill(towns[-1])
        yield towns


async def measure(name: str, group: Group, rounds: int, results: Results) -> list[str]:
    """Measure all operations on all sizes in every round, each round in another order.

    The first round, in which servers load the scripts, does not count. Returns lines to print.
    """
    async with opened(group.sizes) as towns:
        for number in range(rounds + 1):
            shift = number % len(towns)
            for operation in group.operations:
                for town in towns[shift:] + towns[:shift]:
                    costs = await _undisturbed(operation, town, group.calls)
                    if number:
                        results.add(town.size, costs)
            print(f"{name}: round {number} of {rounds}", file=sys.stderr)
        results.towns |= {town.size: town for town in towns}
        return await _memory(towns) if name == "sizes" else []


async def _undisturbed(operation: Operation, town: Town, calls: int) -> Costs:
    """Measure again when the store did not answer for a second, as happens on a busy machine."""
    for _ in range(3):
        counted = town.counted
        try:
            return await operation(town, calls)
        except ExceptionGroup as group:
            if group.split(StoreUnavailable)[1]:
                raise
        print(f"{town.size}: the store was away for a moment, once more", file=sys.stderr)
        await _patiently(partial(_empty_outbox, town.store))
        town.counted = counted
    return await operation(town, calls)


async def _memory(towns: Sequence[Town]) -> list[str]:
    lines = ["### Memory", "", "| what | each takes |", "| --- | --- |"]
    lines += [f"| a session: {town.size} | {town.session_bytes:,.0f} bytes |" for town in towns]
    kept, for_48_h, count = await texts_bytes(towns[0], 10)
    bare, text = towns[0].session_bytes, f"A text of {len(TEXT) + 6} letters"
    for what, size in (
        ("in the log", kept),
        ("more for 48 hours, so that it is taken once", for_48_h),
    ):
        lines.append(f"| {text}, {what} | {size:,.0f} bytes |")
    lines.append(f"| {towns[0].size}, {count} texts in each | {bare + count * kept:,.0f} bytes |")
    return lines


# -- the tables

HEAD = (
    "operation",
    "size",
    "scripts µs",
    "Valkey CPU µs",
    "Python CPU µs",
    "both CPU µs",
    "clock µs",
    "≤ 1.5 ×",
)
COLUMNS = ("scripts", "valkey", "python", "both", "clock")


def table(sizes: Sequence[Size], results: Results) -> str:
    """Return a row for each operation and size: medians, and ratios taken within a round."""
    labels = dict.fromkeys(label for size, label in results.costs if size == sizes[0])
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [_row(label, size, sizes[0], results) for label in labels for size in sizes]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(label: str, size: Size, base: Size, results: Results) -> tuple[str, ...]:
    own, least = results.costs[size, label], results.costs[base, label]
    cells, missed = [], []
    for column in COLUMNS:
        values = [getattr(each, column) for each in own]
        pairs = zip(values, (getattr(each, column) for each in least), strict=True)
        ratios = [ours / max(theirs, 1e-9) for ours, theirs in pairs]
        cells.append(f"**{median(values):.1f}** ×{median(ratios):.2f} ({_range(ratios)})")
        if median(ratios) > MOST:
            missed.append(column)
    verdict = f"NO: {', '.join(missed)}" if missed else "yes"
    return label, str(size), *cells, "yardstick" if size == base else verdict


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f}–{max(values):.2f}"


async def compare(chosen: dict[str, Group], rounds: int) -> tuple[list[str], list[str], int]:
    """Return lines to print, problems, and how many calls were measured and counted."""
    lines: list[str] = []
    problems: list[str] = []
    counted = 0
    for name, group in chosen.items():
        results = Results()
        memory = await measure(name, group, rounds, results)
        for title, sizes in group.comparisons.items():
            lines += [f"### {title}", "", table(sizes, results), ""]
        lines += [*memory, ""] if memory else []
        problems += [each for town in results.towns.values() for each in town.problems]
        counted += sum(town.counted for town in results.towns.values())
    return lines, problems, counted


@contextmanager
def provider() -> Iterator[str]:
    """Run the provider emulator in a process of its own; yields its host and port."""
    with Process("-m", "gateway.emulator", "--port=0", "--rate=0") as process:

        def address() -> re.Match[str] | None:
            return re.search(r"listening on http://([\d.:]+)", process.log)

        wait_for(address, 20)
        found = address()
        yield found[1] if found else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; the exit status is 1 when a call went wrong, whatever the cost."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.masking", description=__doc__)
    names = list(groups(True, 1, ""))
    parser.add_argument("--rounds", type=int, default=7, help="that count (default 7)")
    parser.add_argument(
        "--calls", type=int, default=MOST_CALLS, help="of an operation in a round (default 500)"
    )
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these groups")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it work at all?")
    given = parser.parse_args(argv)
    calls, rounds = (10, 2) if given.quick else (min(given.calls, MOST_CALLS), given.rounds)
    # As in the gateway's own process.
    gc.freeze()
    gc.set_threshold(20_000)
    found: list[tuple[list[str], list[str], int]] = []

    async def measured(emulator: str) -> None:
        every = groups(given.quick, calls, emulator)
        found.append(await compare({name: every[name] for name in given.only}, rounds))

    with provider() as emulator:
        uvloop.run(measured(emulator))
    [(lines, problems, counted)] = found
    print(*lines, sep="\n")
    print(f"A number that the process has not met before costs {unmet_cost():.0f} µs more.")
    print(*problems or [f"{counted:,} calls were measured; all did what they should."], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
