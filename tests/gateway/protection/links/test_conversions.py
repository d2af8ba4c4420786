"""What is counted of messages with a link: where, under which time, for how long."""

from __future__ import annotations

import pytest

from gateway.protection.links import conversions as module
from gateway.protection.links.conversions import (
    DAY,
    HOUR,
    WEEK,
    Conversions,
    Counts,
    Tally,
)
from gateway.store import keys
from gateway.store.pipeline import Store

NOON = 1_796_040_000.0
APP, SHOP = "/app", "/app@one"
GERMAN, AMERICAN, IRIDIUM = "+4917612345678", "+12065550121", "+881612345678"


def summed(counts: Counts) -> dict[tuple[str, str], tuple[int, int]]:
    return {key: (each.sent, each.clicked) for key, each in counts.by_place().items()}


async def test_sent_and_clicked_are_counted_by_source_and_country(store: Store) -> None:
    made = Conversions(store, lambda: NOON)
    for source, to in ((APP, GERMAN), (APP, GERMAN), (SHOP, GERMAN), (APP, IRIDIUM)):
        await made.sent(source, to)
    await made.clicked(APP, GERMAN, NOON)
    assert {
        (APP, "DE"): (2, 1),
        (SHOP, "DE"): (1, 0),
        (APP, "881"): (1, 0),
    } == summed(await made.counts())


async def test_of_a_number_its_range_is_counted_and_no_more(store: Store) -> None:
    made = Conversions(store, lambda: NOON)
    for last in ("5678", "9999"):
        await made.sent(APP, f"+491761234{last}")
    assert {(APP, "DE:491761234xxxx"): Tally(2, 0)} == (await made.counts()).by_range()
    for key in await store.execute("KEYS", "*"):
        assert "5678" not in " ".join(await store.execute("HKEYS", key))


async def test_a_click_is_counted_with_its_message(store: Store) -> None:
    now = [NOON]
    made = Conversions(store, lambda: now[0])
    await made.sent(APP, GERMAN)
    now[0] += 3 * HOUR
    await made.clicked(APP, GERMAN, NOON)
    [tally] = (await made.counts()).by_range().values()
    assert Tally(1, 1) == tally


@pytest.mark.parametrize(("age", "by_place", "by_range"), [(DAY, 1, 0), (WEEK + DAY, 0, 0)])
async def test_what_is_old_is_kept_no_longer(
    age: int, by_place: int, by_range: int, store: Store
) -> None:
    """Nor does a late click bring it back."""
    now = [NOON - age]
    made = Conversions(store, lambda: now[0])
    await made.sent(APP, GERMAN)
    now[0] = NOON + 2 * HOUR
    await made.clicked(APP, GERMAN, NOON - age)
    counts = await made.counts()
    assert by_place == len(counts.by_place())
    assert by_range == len(counts.by_range())


async def test_counts_end_by_themselves(store: Store) -> None:
    await Conversions(store).sent(APP, GERMAN)
    [hour] = await store.execute("KEYS", "{links}:hour:*")
    [ten] = await store.execute("KEYS", "{links}:ten:*")
    assert WEEK <= await store.execute("TTL", hour) <= WEEK + HOUR
    assert DAY <= await store.execute("TTL", ten) <= DAY + HOUR


async def test_a_flood_of_ranges_fills_no_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FIELDS", 10)
    made = Conversions(store, lambda: NOON)
    for n in range(30):
        await made.sent(APP, f"+49176{n:03}45678")
    await made.sent(APP, "+4917600045678")
    ten = keys.links_ten(int(NOON // 600))
    assert 10 == await store.execute("HLEN", ten)
    assert 31 == (await made.counts()).by_place()[APP, "DE"].sent
