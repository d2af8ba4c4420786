"""The inbox: what is shown of an MO that belongs to nothing, page by page, and for how long."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import ujson

from gateway.errors import BadRequest, StoreUnavailable
from gateway.messaging.inbound.inbox import Inbox
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.pipeline import Store, connect

NOWHERE = "redis://127.0.0.1:1"
DAY_MS = 86_400_000
MO = Inbound("nexmo", "0A01", "4917612345678", "12065550100", "the text", sent="2016-05-24")
SHOWN = {
    "provider": "nexmo",
    "id": "0A01",
    "from": "4917612345678",
    "to": "12065550100",
    "text": "the text",
    "sent": "2016-05-24",
    "reason": "no_session",
}


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return Inbox(store, days=7)


async def put(store: Store, days_ago: float, text: str = "old") -> None:
    """Keep an MO as if it had come some days ago."""
    ms = int(time.time() * 1000 - days_ago * DAY_MS)
    await store.execute("XADD", keys.INBOX, f"{ms}-0", "j", ujson.dumps({"text": text}))


async def texts(inbox: Inbox) -> list[str]:
    """Return the texts of all that is shown."""
    total, items, _ = await inbox.page(1000, "")
    assert total == len(items)
    return [item["text"] for item in items]


# -- what is shown ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        ({"sender": "+4917612345678", "to": "+12065550100"}, {}),
        ({"sender": "40404", "to": "800"}, {"from": "40404", "to": "800"}),
        ({"sender": "Shop+1", "to": ""}, {"from": "Shop+1", "to": ""}),
        ({"sender": "+", "to": "+1x"}, {"from": "+", "to": "+1x"}),
        ({"text": "", "data": "EA06"}, {"text": "", "data": "EA06"}),
        ({"text": " 🚀é\n\x00"}, {"text": " 🚀é\n\x00"}),
        ({"text": "\ud800"}, {"text": "\ud800"}),
    ],
    ids=["digits", "plus", "short", "names", "odd", "binary", "any text", "half a character"],
)
async def test_an_mo_is_shown_as_it_came_with_numbers_as_digits(
    inbox: Inbox, changed: dict[str, Any], expected: dict[str, str]
) -> None:
    await inbox.add(replace(MO, **changed), "no_session")
    total, [item], following = await inbox.page(10, "")
    when = time.strptime(item.pop("at"), "%Y-%m-%d %H:%M:%S")
    ms, _, _ = item.pop("inbox_id").partition("-")
    assert (1, SHOWN | expected, None) == (total, item, following)
    assert time.gmtime(int(ms) / 1000)[:6] == when[:6]


async def test_what_the_provider_did_not_say_is_not_shown(inbox: Inbox) -> None:
    item = ujson.loads(inbox.entry(replace(MO, sent=""), "no_session"))
    assert {name: value for name, value in SHOWN.items() if name != "sent"} == item


async def test_what_cannot_be_read_is_left_out(inbox: Inbox, store: Store) -> None:
    for text in ("{", "[]", "7"):
        await store.execute("XADD", keys.INBOX, "*", "j", text)
    await inbox.add(MO, "no_session")
    _, items, following = await inbox.page(10, "")
    assert (["the text"], None) == ([item["text"] for item in items], following)


# -- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8])
async def test_pages_show_every_mo_once_the_newest_first(inbox: Inbox, limit: int) -> None:
    for n in range(7):
        await inbox.add(replace(MO, text=str(n)), "no_session")
    found: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        total, items, after = await inbox.page(limit, after)
        assert (7, True) == (total, len(items) <= limit)
        found += items
    assert list("6543210") == [item["text"] for item in found]


async def test_an_mo_that_comes_between_two_pages_moves_none_of_them(inbox: Inbox) -> None:
    for text in ("first", "second"):
        await inbox.add(replace(MO, text=text), "no_session")
    _, _, after = await inbox.page(1, "")
    await inbox.add(replace(MO, text="third"), "no_session")
    total, [item], _ = await inbox.page(1, after or "")
    assert (3, "first") == (total, item["text"])


async def test_a_page_begins_after_an_mo_that_is_gone_as_well(inbox: Inbox) -> None:
    await inbox.add(MO, "no_session")
    total, items, _ = await inbox.page(10, "9999999999999999999-9999999999999999999")
    assert (1, 1) == (total, len(items))
    assert (1, [], None) == await inbox.page(10, "1-0")


@pytest.mark.parametrize(
    "after", ["x", "1", "0-0", "0-1", "-", "+", "(1-0", "1-0\n", "1-", "１-０", "1-0 ", "9" * 30]
)
async def test_an_after_that_is_no_inbox_id_is_refused(inbox: Inbox, after: str) -> None:
    with pytest.raises(BadRequest, match="after: no such message"):
        await inbox.page(10, after)


# -- how long ---------------------------------------------------------------------------------


async def test_an_mo_is_shown_for_so_many_days_exactly(inbox: Inbox, store: Store) -> None:
    for days, text in ((30, "a month"), (7.001, "just over"), (6.999, "just under"), (1, "day")):
        await put(store, days, text)
    assert ["day", "just under"] == await texts(inbox)


async def test_every_new_mo_drops_those_that_are_too_old(inbox: Inbox, store: Store) -> None:
    for days in (30, 8, 6):
        await put(store, days, f"{days} days")
    await inbox.add(MO, "no_session")
    assert 2 == await store.execute("XLEN", keys.INBOX)
    assert ["the text", "6 days"] == await texts(inbox)


async def test_the_last_mo_goes_with_its_days(inbox: Inbox, store: Store) -> None:
    await inbox.add(MO, "no_session")
    left = await store.execute("PTTL", keys.INBOX)
    assert 7 * DAY_MS - 60_000 < left <= 7 * DAY_MS


async def test_an_empty_inbox_is_an_empty_page(inbox: Inbox) -> None:
    assert (0, [], None) == await inbox.page(10, "")


async def test_without_the_store_an_mo_is_not_taken() -> None:
    with pytest.raises(StoreUnavailable):
        await Inbox(connect(NOWHERE), days=7).add(MO, "no_session")
