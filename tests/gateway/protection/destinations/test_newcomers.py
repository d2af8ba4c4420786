"""Countries that are new to an endpoint, over processes, restarts and what was sent before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import pytest

from conf.protection import DAY, NewCountry
from gateway.access.limiter import Limit, Limiter
from gateway.access.refusals import Refusals
from gateway.errors import LimitExceeded
from gateway.messaging.history import History
from gateway.messaging.receipts import Receipts
from gateway.protection.destinations import newcomers as newcomers_module
from gateway.protection.destinations.newcomers import Newcomers, limit_class
from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.store import keys
from gateway.store.pipeline import Store, connect

APP, SHOP = "/app", "/shop"
GERMAN, AMERICAN, CANADIAN, IRIDIUM = (
    *("+4917612345678", "+12065550121", "+14165550121"),
    "+881612345678",
)
NEW = Limit(50, DAY)
NOWHERE = "redis://127.0.0.1:1"


async def nothing() -> AsyncIterator[tuple[str, str]]:
    """Nothing was sent before."""
    sent: tuple[tuple[str, str], ...] = ()
    for each in sent:
        yield each


async def opened(store: Store, policy: NewCountry | None = None, **how: bool) -> Newcomers:
    """Return what a process knows a second after its start."""
    made = Newcomers(store, policy or NewCountry(), **how)
    await made.look_after(nothing)
    return made


async def deliver(made: Newcomers, count: int, to: str = GERMAN, source: str = APP) -> None:
    """Let some messages of an endpoint arrive."""
    for _ in range(count):
        await made.delivered(source, to)


async def test_a_country_is_known_from_the_tenth_delivered_message_on(store: Store) -> None:
    made = await opened(store)
    await deliver(made, 9)
    assert NEW == made.limit(APP, "DE")
    await deliver(made, 1)
    assert made.limit(APP, "DE") is None


async def test_who_was_refused_there_is_refused_no_more(store: Store) -> None:
    """Nobody stands in the list of those who are, for a limit that is over."""
    refusals, made = Refusals(store), await opened(store, NewCountry(1, 60, 2))
    limiter, limit = Limiter(store, refusals), made.limit(APP, "DE")
    assert limit
    await limiter.hit(limit_class(APP), "DE", limit)
    with pytest.raises(LimitExceeded):
        await limiter.hit(limit_class(APP), "DE", limit)
    assert 1 == (await refusals.page(10, "")).total
    await deliver(made, 2)
    assert 0 == (await refusals.page(10, "")).total


@pytest.mark.parametrize(
    ("to", "place"),
    [(GERMAN, "DE"), (AMERICAN, "US"), (CANADIAN, "CA"), (IRIDIUM, "881")],
)
async def test_each_country_and_each_endpoint_is_known_for_itself(
    to: str, place: str, store: Store
) -> None:
    made = await opened(store)
    await deliver(made, 10, to)
    others = {"DE", "US", "CA", "881"} - {place}
    assert made.limit(APP, place) is None
    assert {NEW} == {made.limit(APP, each) for each in others} | {made.limit(SHOP, place)}


async def test_it_is_known_in_other_processes_and_after_a_restart(
    stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newcomers_module, "LOOK_SECONDS", 0.0)
    one, other = await opened(stores[0]), await opened(stores[1])
    await deliver(one, 6)
    await deliver(other, 4)
    await one.look_after(nothing)
    restarted = await opened(stores[2])
    assert [None] * 3 == [each.limit(APP, "DE") for each in (one, other, restarted)]


async def test_what_is_known_is_counted_no_more(store: Store) -> None:
    """So a message there costs no call of the store."""
    made = await opened(store)
    await deliver(made, 25)
    assert 10 == await made.arrived(APP, "DE")


async def test_the_store_is_the_truth(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers_module, "LOOK_SECONDS", 0.0)
    made = await opened(store)
    await deliver(made, 10)
    await store.execute("DEL", keys.NEWCOMERS)
    await made.look_after(nothing)
    assert NEW == made.limit(APP, "DE")


async def test_the_texts_of_others_make_no_country_known(store: Store) -> None:
    made = await opened(store)
    for source in ("relay", "admin", "console", "notice", ""):
        await deliver(made, 10, source=source)
    assert ["adopted"] == await store.execute("HKEYS", keys.NEWCOMERS)


async def test_no_number_stands_in_the_store(store: Store) -> None:
    made = await opened(store)
    for to in (GERMAN, IRIDIUM):
        await deliver(made, 1, to)
    held = {"adopted": "1", "/app DE": "1", "/app 881": "1"}
    flat = await store.execute("HGETALL", keys.NEWCOMERS)
    assert held == dict(zip(flat[::2], flat[1::2], strict=True))


async def test_before_the_store_was_looked_at_every_country_is_known(store: Store) -> None:
    """A start refuses no regular customer; what arrives meanwhile is counted."""
    made = Newcomers(store, NewCountry())
    assert made.limit(APP, "DE") is None
    await deliver(made, 3)
    assert 3 == await made.arrived(APP, "DE")
    await made.look_after(nothing)
    assert NEW == made.limit(APP, "DE")


async def test_switched_off_nothing_is_new_and_nothing_counted(store: Store) -> None:
    made = await opened(store, NewCountry(0))
    await deliver(made, 3)
    assert made.limit(APP, "DE") is None
    assert not await store.execute("EXISTS", keys.NEWCOMERS)


async def test_own_figures_hold(store: Store) -> None:
    made = await opened(store, NewCountry(5, 60, 2))
    assert Limit(5, 60) == made.limit(APP, "DE")
    await deliver(made, 2)
    assert made.limit(APP, "DE") is None


async def test_a_store_that_is_down_fails_no_receipt() -> None:
    store = connect(NOWHERE)
    await Newcomers(store, NewCountry()).delivered(APP, GERMAN)
    await store.close()


@pytest.mark.parametrize("receipts", [True, False])
async def test_without_receipts_what_the_provider_took_counts(receipts: bool, store: Store) -> None:
    made = await opened(store, receipts=receipts)
    assert receipts is not made.counts_taken(APP, GERMAN)


# --- Receipts --------------------------------------------------------------------------------


async def play(receipts: Receipts, number: int, source: str, states: Iterable[str]) -> None:
    """Send a message of as many parts as states, and let its receipts come, each twice."""
    sms = Sms(f"{number:032x}", GERMAN, "Sender", "the text")
    parts = [(f"part-{number}-{place}", DeliveryState(each)) for place, each in enumerate(states)]
    taken = tuple(Part(part, DeliveryState.ACCEPTED) for part, _ in parts)
    await receipts.create(sms, provider="nexmo", source=source, expected=len(parts))
    await receipts.record(sms, "nexmo", SubmitResult(Outcome.ACCEPTED, taken), 1)
    for part, state in (*parts, *parts):
        await receipts.receive(Receipt("nexmo", part, state, client_ref=sms.id))


@pytest.mark.parametrize(
    ("states", "counted"),
    [
        (["delivered"], 1),
        (["delivered", "delivered"], 1),
        (["delivered", "failed"], 0),
        (["delivered", "accepted"], 0),
        (["expired"], 0),
        (["buffered"], 0),
        (["unknown"], 0),
    ],
)
async def test_a_message_counts_once_when_all_of_it_is_delivered(
    states: list[str], counted: int, store: Store
) -> None:
    made = await opened(store)
    receipts = Receipts(store, days=7, delivered=made.delivered)
    await play(receipts, 1, APP, states)
    assert counted == await made.arrived(APP, "DE")


# --- What was sent before --------------------------------------------------------------------


async def test_where_an_endpoint_has_sent_before_it_does_not_begin_anew(store: Store) -> None:
    """By the log of messages; what failed and what others sent does not count."""
    receipts = Receipts(store, days=7)
    sent = [(APP, ["delivered"])] * 9 + [(APP, ["accepted"])]
    sent += (
        [(SHOP, ["failed"])] * 12 + [(SHOP, ["delivered"])] * 2 + [("admin", ["delivered"])] * 12
    )
    for number, (source, states) in enumerate(sent):
        await play(receipts, number, source, states)
    made = Newcomers(store, NewCountry())
    await made.look_after(History(store, receipts, days=7).sent_lately)
    assert (None, NEW) == (made.limit(APP, "DE"), made.limit(SHOP, "DE"))
    assert [10, 2, 0] == [await made.arrived(each, "DE") for each in (APP, SHOP, "admin")]


async def test_the_log_is_counted_once_by_all_processes_together(stores: list[Store]) -> None:
    async def past() -> AsyncIterator[tuple[str, str]]:
        for _ in range(3):
            yield APP, GERMAN

    for store in (*stores, *stores):
        made = Newcomers(store, NewCountry())
        await made.look_after(past)
        assert 3 == await made.arrived(APP, "DE")


async def test_a_long_log_is_read_to_its_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some at a time, the newest first, as many as are looked at."""
    monkeypatch.setattr("gateway.messaging.history.CHUNK", 2)
    monkeypatch.setattr("gateway.messaging.history.MOST_LATELY", 6)
    receipts = Receipts(store, days=7)
    for number in range(8):
        await play(receipts, number, f"/{number}", ["delivered"])
    found = [source async for source, _ in History(store, receipts, days=7).sent_lately()]
    assert 6 == len(found)
    assert {"/0", "/1"} & set(found) == set()
