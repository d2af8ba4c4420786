"""The console's time series: what every process counts, added up once and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

import pytest

from gateway.conversations.calls import Calls
from gateway.conversations.outcomes import MOS
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import Transcript
from gateway.errors import StoreUnavailable
from gateway.messaging.receipts import Receipts
from gateway.monitoring import metrics
from gateway.monitoring.stats import (
    FLUSH_SECONDS,
    GAUGE_SECONDS,
    GAUGES,
    LATEST_SECONDS,
    ProviderHealth,
    Stats,
)
from gateway.monitoring.time_series import Series, quantile
from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.providers.vonage.voice import CallEvent
from gateway.store import keys
from gateway.store.client import client
from gateway.store.pipeline import Store, connect
from gateway.store.script import Argument, Reply, Script
from tests.conftest import RestartableValkey
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.delivery_receipts import deliver, receipt
from tests.support.stand_ins.vonage import VonageStandin, accepted, in_turn, new_ids, refused
from tests.support.visitor import eventually, visiting

NOWHERE = "redis://127.0.0.1:1"
ACCEPTED, REFUSED = "messages.nexmo.accepted", "messages.nexmo.refused"


@dataclass
class Process:
    """What a process has counted, and its part in the statistics; ``clock``: its seconds."""

    store: Store
    counts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(metrics.totals(), 0.0))
    clock: float = 0.0

    def __post_init__(self) -> None:
        self.stats = Stats(self.store, totals=lambda: dict(self.counts), clock=lambda: self.clock)

    def count(self, **more: float) -> None:
        """Count, by names with ``_`` for a dot."""
        for name, amount in more.items():
            self.counts[name.replace("_", ".", 2)] += amount

    async def add(self, **more: float) -> None:
        """Count and flush."""
        self.count(**more)
        await self.stats.flush()


class AnswerLost(Store):
    """A store whose scripts run, but the answer to the next ``lost`` of them does not arrive."""

    lost = 0

    async def run(self, script: Script, keys: Sequence[str], args: Iterable[Argument]) -> Reply:
        reply = await super().run(script, keys, args)
        if self.lost:
            self.lost -= 1
            raise StoreUnavailable
        return reply


def shown(series: Series) -> dict[str, float]:
    """Return the sums of the counters that are not zero."""
    counters = (name for name in series.values if not name.startswith(("latency.", *GAUGES)))
    return {name: total for name in counters if (total := series.total(name))}


# -- adding up --------------------------------------------------------------------------------


async def test_what_two_processes_count_is_added_up_in_minutes_and_in_tens_of_them(
    store: Store,
) -> None:
    one, two = Process(store), Process(store)
    await one.add(messages_nexmo_accepted=2, limits_message=1)
    await two.add(messages_nexmo_accepted=3, messages_smssync_accepted=1, spend_nexmo=0.0412)
    await one.add(messages_nexmo_accepted=4, spend_nexmo=0.0412)
    expected = {
        "messages.accepted": 10,
        "messages.nexmo.accepted": 9,
        "messages.smssync.accepted": 1,
        "limits.message": 1,
        "spend.nexmo": 0.0824,
    }
    assert expected == shown(await one.stats.hour())
    assert expected == shown(await two.stats.day())


async def test_100_flushes_of_ten_processes_at_once_add_up_exactly(redis_url: str) -> None:
    stores = [connect(redis_url) for _ in range(10)]
    processes = [Process(each) for each in stores]
    for each in processes:
        each.count(messages_nexmo_accepted=7)
    await asyncio.gather(*(each.stats.flush() for each in processes * 10))
    assert {"messages.accepted": 70, ACCEPTED: 70} == shown(await processes[0].stats.hour())
    await asyncio.gather(*(each.close() for each in stores))


async def test_what_was_counted_before_the_start_is_not_added(store: Store) -> None:
    process = Process(store, counts={ACCEPTED: 5.0})
    await process.add(messages_nexmo_accepted=1)
    assert {"messages.accepted": 1, ACCEPTED: 1} == shown(await process.stats.hour())


async def test_a_process_that_counts_nothing_writes_nothing(store: Store) -> None:
    await Process(store).stats.flush(gauges=False)
    assert [] == await store.execute("KEYS", "*")


@pytest.mark.parametrize(
    ("kept", "key"),
    [
        (2 * 3600, "{stats}:minute:*"),
        (26 * 3600, "{stats}:tenmin:*"),
        (26 * 3600, "{stats}:flushed:*"),
        (7 * 86_400, keys.STATS_LATEST),
    ],
)
async def test_what_is_stored_expires(store: Store, kept: int, key: str) -> None:
    await Process(store).add(messages_nexmo_accepted=1)
    found = await store.execute("KEYS", key)
    assert found
    for each in found:
        assert kept - 60 < await store.execute("TTL", each) <= kept


# -- no flush is lost, none counts twice ------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 2, 5])
async def test_a_flush_whose_answer_was_lost_is_repeated_and_counts_once(
    redis_url: str, lost: int
) -> None:
    store = AnswerLost(client(redis_url))
    process = Process(store)
    store.lost = lost
    for _ in range(lost):
        with pytest.raises(StoreUnavailable):
            await process.add(messages_nexmo_accepted=1)
    await process.add(messages_nexmo_refused=1)
    expected = {ACCEPTED: lost, REFUSED: 1, "messages.accepted": lost, "messages.refused": 1}
    assert expected == shown(await process.stats.hour())
    await store.close()


async def test_a_flush_that_comes_late_is_not_added_behind_its_successors(store: Store) -> None:
    """A server that hung takes a call up that was given up and repeated long ago."""
    sent: list[tuple[Script, Sequence[str], list[Argument]]] = []

    class Recording(AnswerLost):
        async def run(self, script: Script, keys: Sequence[str], args: Iterable[Argument]) -> Reply:
            sent.append((script, keys, list(args)))
            return await super().run(*sent[-1])

    process = Process(Recording(store._client))
    await process.add(messages_nexmo_accepted=1)
    await process.add(messages_nexmo_accepted=1)
    assert [0, 0] == await store.run_all(sent)
    assert {"messages.accepted": 2, ACCEPTED: 2} == shown(await process.stats.hour())


@pytest.mark.parametrize(
    ("outage", "back"),
    [
        pytest.param(RestartableValkey.stop, RestartableValkey.start, id="down"),
        pytest.param(RestartableValkey.pause, RestartableValkey.resume, id="hangs"),
    ],
)
async def test_a_store_that_goes_and_comes_back_loses_nothing_and_doubles_nothing(
    valkey_server: RestartableValkey,
    outage: Callable[[RestartableValkey], None],
    back: Callable[[RestartableValkey], None],
) -> None:
    store = connect(valkey_server.url)
    process = Process(store)
    await process.add(messages_nexmo_accepted=1)
    outage(valkey_server)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await process.add(messages_nexmo_accepted=10)
    back(valkey_server)
    await eventually(store.ping)
    await process.add(messages_nexmo_accepted=100)
    assert {"messages.accepted": 121, ACCEPTED: 121} == shown(await process.stats.hour())
    await store.close()


async def test_the_last_flush_adds_what_an_unanswered_one_and_the_time_since_have_left(
    redis_url: str,
) -> None:
    store = AnswerLost(client(redis_url))
    process = Process(store)
    store.lost = 1
    with pytest.raises(StoreUnavailable):
        await process.add(messages_nexmo_accepted=1)
    process.count(messages_nexmo_accepted=1)
    await process.stats.close()
    assert {"messages.accepted": 2, ACCEPTED: 2} == shown(await process.stats.hour())
    await store.close()


async def test_a_store_that_is_down_does_not_keep_a_process_from_its_end() -> None:
    store = connect(NOWHERE)
    process = Process(store)
    process.count(messages_nexmo_accepted=1)
    await process.stats.close()
    await store.close()


# -- when -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "flushed"),
    [
        pytest.param([FLUSH_SECONDS - 0.1], 0, id="too early"),
        pytest.param([FLUSH_SECONDS], 1, id="when it is time"),
        pytest.param([5, 6, 7, 9.9], 1, id="not again at once"),
        pytest.param([5, 10, 15], 3, id="every five seconds"),
        pytest.param([60], 1, id="not made up for"),
    ],
)
async def test_a_process_flushes_every_five_seconds(
    store: Store, at: list[float], flushed: int
) -> None:
    process = Process(store)
    for process.clock in at:
        process.count(messages_nexmo_accepted=1)
        await process.stats.look_after()
    numbers = [await store.execute("GET", key) for key in await store.execute("KEYS", "*:flushed*")]
    assert ([str(flushed)] if flushed else []) == numbers


@pytest.mark.parametrize(
    ("at", "looks"),
    [([FLUSH_SECONDS], 1), ([5, 10], 1), ([5, 10, 15], 2), ([5, GAUGE_SECONDS + 5, 20, 25], 3)],
)
async def test_gauges_are_read_every_ten_seconds(store: Store, at: list[float], looks: int) -> None:
    process = Process(store)
    before = store.commands
    for process.clock in at:
        await process.stats.look_after()
    # Their commands, the time and the flush.
    assert looks * (len(GAUGES) + 2) == store.commands - before


# -- gauges and latency -----------------------------------------------------------------------


def highest(series: Series, name: str) -> float | None:
    """Return the highest value of a series, None when it has none."""
    return max(filter(None, series.values[name]), default=None)


@pytest.mark.parametrize("name", GAUGES)
async def test_of_a_gauge_the_most_that_any_process_saw_is_kept(store: Store, name: str) -> None:
    command, key = GAUGES[name]
    add = {"ZCARD": ("ZADD", "1", "{}"), "HLEN": ("HSET", "{}", "1")}[command]
    one, two = Process(store), Process(store)
    for count in range(3):
        await store.execute(add[0], key, *(word.format(count) for word in add[1:]))
    await one.stats.flush()
    await store.execute("DEL", key)
    await two.stats.flush()
    for series in (await one.stats.hour(), await two.stats.day()):
        assert 3 == highest(series, name)


# Seconds of the answers in two processes; mean and 95th percentile over both.
@pytest.mark.parametrize(
    ("one", "two", "mean", "p95"),
    [
        pytest.param([], [], None, None, id="none"),
        pytest.param([0.15], [], 0.15, 0.195, id="one"),
        pytest.param([0.3] * 10, [0.7] * 10, 0.5, 0.95, id="both"),
        pytest.param([0.15] * 99, [40], 0.5485, 0.195960, id="a few are slow"),
        pytest.param([40], [], 40, 20, id="beyond the last bound"),
    ],
)
async def test_latency_is_that_of_all_processes(
    store: Store, one: list[float], two: list[float], mean: float | None, p95: float | None
) -> None:
    for observed in (one, two):
        process = Process(store)
        process.count(latency_nexmo_sum=sum(observed))
        for name in process.counts:
            if name.startswith("latency.nexmo.le."):
                bound = float(name.removeprefix("latency.nexmo.le."))
                process.counts[name] += sum(each <= bound for each in observed)
        await process.stats.flush()
    hour = await process.stats.hour()
    assert pytest.approx(mean) == highest(hour, "latency.nexmo.mean")
    assert pytest.approx(p95) == highest(hour, "latency.nexmo.p95")
    assert None is highest(hour, "latency.flowroute.mean")


@pytest.mark.parametrize(
    ("share", "bounds", "counts", "expected"),
    [
        (0.5, [1, 2, inf], [0, 0, 0], None),
        (0.5, [], [], None),
        (0.5, [1, 2, inf], [10, 10, 10], 0.5),
        (0.5, [1, 2, inf], [5, 10, 10], 1.0),
        (0.75, [1, 2, inf], [5, 10, 10], 1.5),
        (0.95, [1, 2, inf], [0, 20, 20], 1.95),
        (0.95, [1, 2, inf], [0, 0, 1], 2),
        (1.0, [1, 2, inf], [1, 2, 2], 2.0),
    ],
)
def test_a_quantile_lies_on_a_straight_line_within_its_bucket(
    share: float, bounds: list[float], counts: list[float], expected: float | None
) -> None:
    assert expected == quantile(share, bounds, counts)


# -- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("read", "step", "count"), [("hour", 60, 60), ("day", 600, 144)])
async def test_without_data_counters_are_zero_and_the_rest_is_unknown(
    store: Store, read: str, step: int, count: int
) -> None:
    stats = Process(store).stats
    series = await (stats.hour() if read == "hour" else stats.day())
    now = int((await store.execute("TIME"))[0])
    assert (step, 0) == (series.step, series.start % step)
    assert 0 <= now - (series.start + (count - 1) * step) <= step + 1
    for name, values in series.values.items():
        unknown = name.startswith("latency.") or name in GAUGES
        assert [None if unknown else 0.0] * count == values


async def test_every_series_is_there_by_its_name(store: Store) -> None:
    outcomes = ("accepted", "refused", "throttled", "not_sent", "unknown")
    states = ("delivered", "expired", "failed", "rejected", "unknown")
    each = metrics.PROVIDERS
    expected = {
        *(f"messages.{outcome}" for outcome in outcomes),
        *(f"messages.{provider}.{outcome}" for provider in each for outcome in outcomes),
        *(f"deliveries.{state}" for state in states),
        *(f"deliveries.{provider}.{state}" for provider in each for state in states),
        *(f"spend.{provider}" for provider in ("nexmo", "flowroute")),
        *(f"latency.{provider}.{what}" for provider in each for what in ("mean", "p95")),
        *(f"limits.{limit}" for limit in ("message", "receiver", "validation", "console")),
        "limits.protection",
        *(f"inbound.{result}" for _, result in MOS),
        *("queue.outbox", "queue.dead_letters", "queue.smssync", "sessions.open"),
    }
    assert expected == set((await Stats(store).hour()).values)


@pytest.mark.parametrize(
    "sample",
    [
        'gateway_limit_refusals_total{limit="lobby"}',
        'gateway_limit_refusals_total{limit="smssync_reply"}',
        'gateway_limit_refusals_total{limit="phone_secret"}',
        'gateway_spend_total{provider="smssync"}',
        "gateway_outbox_repeats_total",
    ],
)
def test_what_no_plot_shows_is_counted_for_prometheus(sample: str) -> None:
    assert f"\n{sample} " in metrics.exposition().decode()


async def test_series_of_other_releases_are_left_out(store: Store) -> None:
    later = Process(store, counts={"faxes.nexmo.accepted": 0.0, ACCEPTED: 0.0})
    await later.add(faxes_nexmo_accepted=1, messages_nexmo_accepted=1)
    hour = await Process(store).stats.hour()
    assert {"messages.accepted": 1, ACCEPTED: 1} == shown(hour)


async def test_each_minute_stands_at_its_time(store: Store) -> None:
    now = int((await store.execute("TIME"))[0])
    for age, amount in ((59, 1), (30, 2), (0, 4), (61, 8)):
        key = keys.stats_minute(now // 60 - age)
        await store.execute("HSET", key, ACCEPTED, amount)
    hour = await Process(store).stats.hour()
    row = hour.values[ACCEPTED]
    places = {hour.start // 60 + index - now // 60: value for index, value in enumerate(row)}
    assert {-30: 2.0, 0: 4.0} == {at: places[at] for at in (-30, 0)}
    # The minute may have ended meanwhile.
    assert places.get(-59, 1.0) == 1.0
    assert set(row) <= {0.0, 1.0, 2.0, 4.0}


# -- health -----------------------------------------------------------------------------------


async def test_health_tells_of_each_provider_the_latest_outcome_and_how_many_failed(
    store: Store,
) -> None:
    one, two = Process(store), Process(store)
    before = await now_ms(store)
    await one.add(messages_nexmo_accepted=57)
    between = await now_ms(store)
    await two.add(messages_nexmo_refused=1, messages_nexmo_unknown=2)
    health = await one.stats.health(await one.stats.hour())
    nexmo, flowroute = health["nexmo"], health["flowroute"]
    assert (60, 3) == (nexmo.total, nexmo.failed)
    assert {"accepted": 57, "refused": 1, "unknown": 2} == nexmo.hour
    assert before <= nexmo.latest["accepted"] <= between
    assert between <= nexmo.latest["refused"] == nexmo.at <= await now_ms(store)
    assert nexmo.outcome in {"refused", "unknown"}
    assert ("", 0, 0, 0) == (flowroute.outcome, flowroute.at, flowroute.total, flowroute.failed)


@pytest.mark.parametrize(
    ("age", "told"),
    [
        pytest.param(LATEST_SECONDS - 7200, True, id="in the last 7 days"),
        pytest.param(LATEST_SECONDS + 60, False, id="before"),
    ],
)
async def test_health_tells_nothing_older_than_seven_days(
    store: Store, age: int, told: bool
) -> None:
    """The key does not end while any provider is in use: each of its fields has its own age."""
    at = await now_ms(store) - age * 1000
    await store.execute("HSET", keys.STATS_LATEST, ACCEPTED, at)
    stats = Process(store).stats
    health = (await stats.health(await stats.hour()))["nexmo"]
    assert ({"accepted": at} if told else {}) == health.latest


async def test_only_messages_have_a_latest_time_and_prolong_its_key(store: Store) -> None:
    process = Process(store)
    await process.add(messages_nexmo_accepted=1, limits_message=1, spend_nexmo=0.04)
    assert [ACCEPTED] == await store.execute("HKEYS", keys.STATS_LATEST)
    await store.execute("EXPIRE", keys.STATS_LATEST, 3600)
    await process.add(limits_message=1)
    assert await store.execute("TTL", keys.STATS_LATEST) <= 3600
    await process.add(messages_nexmo_accepted=1)
    assert await store.execute("TTL", keys.STATS_LATEST) > 3600


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        pytest.param({}, ("", 0), id="none"),
        pytest.param({"refused": 5}, ("refused", 5), id="one"),
        pytest.param({"accepted": 5, "refused": 7, "unknown": 6}, ("refused", 7), id="latest"),
        pytest.param({"refused": 7, "accepted": 7}, ("accepted", 7), id="one flush"),
    ],
)
def test_of_the_outcomes_of_one_flush_the_success_is_called_the_latest(
    latest: dict[str, int], expected: tuple[str, int]
) -> None:
    health = ProviderHealth(latest, {})
    assert expected == (health.outcome, health.at)


async def now_ms(store: Store) -> int:
    """Return the store's time, which is later than any that it has told."""
    await asyncio.sleep(0.002)
    seconds, micros = await store.execute("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


@pytest.mark.parametrize(
    "read",
    [Stats.hour, Stats.day, lambda stats: stats.health(Series(0, 60, {}))],
    ids=["hour", "day", "health"],
)
async def test_without_the_store_nothing_can_be_told(
    read: Callable[[Stats], Awaitable[object]],
) -> None:
    store = connect(NOWHERE)
    with pytest.raises(StoreUnavailable):
        await read(Stats(store))
    await store.close()


# -- what is counted --------------------------------------------------------------------------

MESSAGE = Sms("0123456789abcdef" * 2, "+4917612345678", "Sender", "the text")


def moved(before: dict[str, float]) -> dict[str, float]:
    """Return what this process has counted since."""
    after = metrics.totals()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param("p delivered", {"delivered": 1}, id="one part"),
        pytest.param("p buffered", {}, id="not final"),
        pytest.param("p delivered, p delivered", {"delivered": 1}, id="repeated"),
        pytest.param("p delivered, p failed", {"delivered": 1}, id="the first one stays"),
        pytest.param("p unknown, p delivered", {"unknown": 1, "delivered": 1}, id="a guess"),
    ],
)
async def test_a_message_is_counted_when_a_receipt_makes_it_final(
    store: Store, steps: str, expected: dict[str, int]
) -> None:
    await check_deliveries(store, ["p"], steps, expected)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param("p delivered", {}, id="half"),
        pytest.param("p delivered, q delivered", {"delivered": 1}, id="both"),
        pytest.param("p failed, q delivered", {"failed": 1}, id="the worst counts"),
        pytest.param("p delivered, q buffered, q expired", {"expired": 1}, id="on its way"),
        pytest.param("p failed, q unknown, q delivered", {"failed": 1}, id="called the same"),
        pytest.param("p unknown, q unknown, p delivered", {"unknown": 1}, id="still a guess"),
        pytest.param("p unknown, q delivered, p failed", {"unknown": 1, "failed": 1}, id="a guess"),
    ],
)
async def test_a_message_of_two_parts_is_counted_once(
    store: Store, steps: str, expected: dict[str, int]
) -> None:
    await check_deliveries(store, ["p", "q"], steps, expected)


async def test_a_message_is_counted_after_the_store_has_forgotten_the_scripts(store: Store) -> None:
    await store.execute("SCRIPT", "FLUSH")
    await check_deliveries(store, ["p"], "p delivered", {"delivered": 1})


async def check_deliveries(
    store: Store, parts: list[str], steps: str, expected: dict[str, int]
) -> None:
    """Send a message, bring receipts, and look at what was counted of deliveries."""
    receipts = Receipts(store, days=7)
    await receipts.create(MESSAGE, provider="nexmo", source="/message/", expected=len(parts))
    taken = tuple(Part(each, DeliveryState.ACCEPTED) for each in parts)
    await receipts.record(MESSAGE, "nexmo", SubmitResult(Outcome.ACCEPTED, taken), 1)
    before = metrics.totals()
    for part, state in (each.split() for each in steps.split(", ")):
        await receipts.receive(Receipt("nexmo", part, DeliveryState(state), client_ref=MESSAGE.id))
    counted = {f"deliveries.nexmo.{state}": count for state, count in expected.items()}
    assert counted == moved(before)


@pytest.mark.parametrize(
    ("provider", "price", "expected"),
    [
        ("nexmo", "0.0412", {"spend.nexmo": 0.0412}),
        ("flowroute", "", {}),
        ("smssync:hall", "", {}),
    ],
)
async def test_the_price_that_the_provider_tells_is_counted(
    store: Store, provider: str, price: str, expected: dict[str, float]
) -> None:
    before = metrics.totals()
    result = SubmitResult(Outcome.ACCEPTED, price=price)
    await Receipts(store, days=7).record(MESSAGE, provider, result, 1)
    assert pytest.approx(expected) == moved(before)


async def test_the_price_of_a_call_is_counted_once_for_each_leg(store: Store) -> None:
    log = Transcript(store, days=7)
    sessions = Sessions(store, log_days=7)
    calls = Calls(
        store,
        sessions=sessions,
        transcript=log,
        wait_text="",
        sorry_text="",
        pin_text="",
        ring_timeout=30,
        call_limit=60,
    )
    before = metrics.totals()
    for leg, direction, status, price in (
        ("l1", "inbound", "answered", "9"),
        ("l1", "inbound", "completed", "0.0005"),
        ("l2", "outbound", "completed", "0.01"),
        ("l2", "outbound", "completed", "0.01"),
        ("l3", "outbound", "completed", "much"),
    ):
        await calls.event(CallEvent("call", leg, direction, status, {"price": price}))
    assert pytest.approx({"spend.nexmo": 0.0105}) == moved(before)


@pytest.fixture
def gateways(standin: VonageStandin, redis_url: str) -> Iterable[list[GatewayProcess]]:
    options = standin.options(redis_url)
    with GatewayProcess(*options) as one, GatewayProcess(*options) as two:
        yield [one, two]


async def test_the_sums_show_what_two_gateways_did(
    gateways: list[GatewayProcess], standin: VonageStandin, store: Store
) -> None:
    """One is stopped and adds its counts at its end, the other does so in its time."""
    parts = new_ids(2)
    standin.expect(in_turn(accepted(parts[0]), accepted(parts[1]), refused("7")))
    stopped, running = gateways
    stats = Stats(store)
    async with visiting(stopped.url) as one, visiting(running.url) as two:
        await one.send()
        await two.send()
        await two.send()
        await deliver(one, receipt(parts[0], "delivered"))
        await deliver(two, receipt(parts[1], "failed"))
        assert 0 == await asyncio.to_thread(stopped.stop)

        async def all_there() -> bool:
            return (await stats.hour()).total("messages.refused") == 1

        await eventually(all_there, FLUSH_SECONDS + 10)
    expected = {
        "messages.accepted": 2,
        ACCEPTED: 2,
        "messages.refused": 1,
        REFUSED: 1,
        "deliveries.delivered": 1,
        "deliveries.nexmo.delivered": 1,
        "deliveries.failed": 1,
        "deliveries.nexmo.failed": 1,
        "spend.nexmo": 0.0824,
    }
    hour, day = await stats.hour(), await stats.day()
    assert expected == shown(hour) == shown(day)
    assert highest(hour, "latency.nexmo.p95") is not None
    health = (await stats.health(await stats.hour()))["nexmo"]
    assert (3, 1, {"accepted", "refused"}) == (health.total, health.failed, set(health.latest))
