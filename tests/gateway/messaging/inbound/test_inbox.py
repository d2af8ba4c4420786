"""The inbox: what is shown of an MO that belongs to nothing, page by page, and for how long."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Any

import pytest
import ujson

from gateway.errors import StoreUnavailable, UnknownPlace
from gateway.messaging.inbound import raw
from gateway.messaging.inbound.dedup import single
from gateway.messaging.inbound.inbox import MOST_RAW, Inbox, InboxItem
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect

NOWHERE = "redis://127.0.0.1:1"
DAY_MS = 86_400_000
MO = Inbound("nexmo", "0A01", "4917612345678", "12065550100", "the text", sent="2016-05-24")


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return Inbox(store, days=7)


def stored(**changed: str) -> str:
    """Return what lies in the store, with other values or further fields."""
    names = ("provider", "id", "text", "sent")
    usual = {name: getattr(MO, name) for name in names}
    numbers = {"from": MO.sender, "to": MO.to}
    return ujson.dumps(usual | numbers | {"reason": "no_session"} | changed)


async def put(store: Store, days_ago: float, text: str = "old") -> None:
    """Keep an MO as if it had come some days ago."""
    ms = int(time.time() * 1000 - days_ago * DAY_MS)
    await store.execute("XADD", keys.INBOX, f"{ms}-0", "j", stored(text=text))


async def keep(inbox: Inbox, inbound: Inbound) -> None:
    """Keep an MO that nobody has taken before."""
    token = single(replace(inbound, id=secrets.token_hex(8)))
    assert await inbox.keep(inbound, token, "no_session") == "kept"


async def texts(inbox: Inbox) -> list[str]:
    """Return the texts of all that is shown."""
    page = await inbox.page(1000, "")
    assert page.total == len(page.items)
    return [item.mo.text for item in page.items]


# -- what is shown ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        ({"sender": "+4917612345678", "to": "+12065550100"}, {}),
        ({"sender": "40404", "to": "800"}, {"sender": "40404", "to": "800"}),
        ({"sender": "Shop+1", "to": ""}, {"sender": "Shop+1", "to": ""}),
        ({"sender": "+", "to": "+1x"}, {"sender": "+", "to": "+1x"}),
        ({"text": "", "data": "EA06"}, {"text": "", "data": "EA06"}),
        ({"text": " 🚀é\n\x00"}, {"text": " 🚀é\n\x00"}),
        ({"media": ("https://example.com/a", "geo:1,2")}, {}),
    ],
    ids=["digits", "plus", "short", "names", "odd", "binary", "any text", "media"],
)
async def test_an_mo_is_shown_as_it_came_with_numbers_without_a_plus(
    inbox: Inbox, changed: dict[str, Any], expected: dict[str, Any]
) -> None:
    await keep(inbox, replace(MO, **changed))
    page = await inbox.page(10, "")
    [item] = page.items
    assert (1, None) == (page.total, page.next)
    shown = replace(MO, **{"media": changed.get("media", ()), **expected})
    assert (shown, "no_session") == (item.mo, item.reason)
    assert item.id.startswith(f"{item.at}-")
    assert abs(item.at - time.time() * 1000) < 60_000


async def test_what_the_provider_did_not_say_is_not_stored(inbox: Inbox) -> None:
    item = ujson.loads(inbox.entry(replace(MO, sent=""), "no_session"))
    assert ["provider", "id", "from", "to", "text", "reason"] == list(item)


async def test_fields_of_another_release_are_left_out(inbox: Inbox, store: Store) -> None:
    await store.execute("XADD", keys.INBOX, "*", "j", stored(colour="blue"))
    [item] = (await inbox.page(10, "")).items
    assert MO == item.mo


async def test_what_cannot_be_read_is_left_out(inbox: Inbox, store: Store) -> None:
    for text in ("{", "[]", "7", "{}", stored().replace('"the text"', "7")):
        await store.execute("XADD", keys.INBOX, "*", "j", text)
    await keep(inbox, MO)
    page = await inbox.page(10, "")
    assert (["the text"], None) == ([item.mo.text for item in page.items], page.next)


async def test_an_mo_that_comes_twice_is_kept_once(inbox: Inbox) -> None:
    happened = [await inbox.keep(MO, single(MO), "empty") for _ in range(2)]
    assert (["kept", "repeated"], ["the text"]) == (happened, await texts(inbox))


@pytest.mark.parametrize(
    ("provider", "happened", "kept"), [("nexmo", "", []), ("smssync:1", "kept", ["the text"])]
)
async def test_a_stray_mo_is_kept_unless_its_number_is_in_the_pool_of_its_provider(
    inbox: Inbox, store: Store, provider: str, happened: str, kept: list[str]
) -> None:
    await store.execute("HSET", keys.NUMBERS, "+12065550100", ujson.dumps({"provider": "nexmo"}))
    mo = replace(MO, provider=provider)
    assert happened == await inbox.keep_stray(mo, single(mo), "+12065550100")
    assert kept == await texts(inbox)


# -- what cannot be used ----------------------------------------------------------------------


async def bodies(inbox: Inbox) -> list[tuple[str, str]]:
    """Return what is shown of what could not be used, and why it is there."""
    return [(each.raw, each.reason) for each in (await inbox.page(1000, "")).items if each.raw]


async def test_what_cannot_be_used_is_shown_as_it_came(inbox: Inbox) -> None:
    assert "kept" == await inbox.keep_raw("nexmo", "/inbound", b'{"text":"H\xc3\xa9', "unreadable")
    [item] = (await inbox.page(10, "")).items
    assert ('{"text":"Hé', "unreadable") == (item.raw, item.reason)
    assert Inbound("nexmo", "", "", "", "") == item.mo
    assert abs(item.at - time.time() * 1000) < 60_000


async def test_the_same_body_at_the_same_place_is_kept_once(inbox: Inbox) -> None:
    places = [
        ("nexmo", "/inbound"),
        ("nexmo", "/inbound"),
        ("nexmo", "/dlr"),
        ("flowroute", "/dlr"),
    ]
    happened = [await inbox.keep_raw(*place, b"{", "unreadable") for place in places]
    assert ["kept", "repeated", "kept", "kept"] == happened
    assert 3 == len(await bodies(inbox))


async def test_a_flood_of_it_pushes_out_no_mo_and_keeps_the_newest(inbox: Inbox) -> None:
    await keep(inbox, MO)
    for n in range(MOST_RAW + 3):
        await inbox.keep_raw("nexmo", "", b"{%d" % n, "unreadable")
    await keep(inbox, MO)
    newest = await inbox.page(1000, "")
    rest = await inbox.page(1000, newest.next or "")
    assert (MOST_RAW + 2, None) == (newest.total, rest.next)
    found = [item.raw or item.mo.text for item in [*newest.items, *rest.items]]
    assert [MO.text, "{1002", *[f"{{{n}" for n in range(1001, 3, -1)], "{3", MO.text] == found


async def test_it_is_kept_for_so_many_days_as_well(inbox: Inbox, store: Store) -> None:
    await put(store, 7.5)
    await inbox.keep_raw("nexmo", "", b"{", "unreadable")
    assert [("{", "unreadable")] == await bodies(inbox)
    assert 7 * DAY_MS - 60_000 < await store.execute("PTTL", keys.INBOX_RAW) <= 7 * DAY_MS


@pytest.mark.parametrize(
    ("body", "secrets", "expected"),
    [
        (b"text=a&sig=0123&nonce=1", [], "text=a&sig=***&nonce=1"),
        (b"SIG=0123", [], "SIG=***"),
        (b"a=1&sigma=2", [], "a=1&sigma=2"),
        (b'{"sig": "0123","text":"sig', [], '{"sig": "***","text":"sig'),
        (b'{"secret":"cut of', [], '{"secret":"***'),
        (b"<p><secret>S</secret><x>1", [], "<p><secret>***</secret><x>1"),
        (b'name="secret"\r\n\r\nS 1\r\n--b', [], 'name="secret"\r\n\r\n***\r\n--b'),
        (b"key=S%201%26&x=S+1%26", ["S 1&"], "key=***&x=***"),
        (b'{"k":"S\\"1<"}<a>S&quot;1&lt;', ['S"1<'], '{"k":"***"}<a>***'),
        ('{"a":"é"'.encode("utf-16"), [], '{"a":"é"'),
        (b"Gr\xfc\xdfe", [], "Grüße"),
        (b"a\xed\xa0\xbdb", [], "a\ufffdb"),
        (b"a\x00b", [], "a\x00b"),
        (b"x" * 70_000, [], "x" * 4096),
        ("é".encode() * 70_000, [], "é" * 2048),
        (b"x" + "é".encode() * 70_000, [], "x" + "é" * 2047),
    ],
)
def test_what_is_kept_of_a_body_has_no_secret_and_at_most_4_kb(
    body: bytes, secrets: list[str], expected: str
) -> None:
    assert expected == raw.kept(body, secrets)


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        (b"msisdn=4917612345678&x=", True),
        (b"from=%2B4917612345678", True),
        (b'{"from":"+49 (176) 123-45.678', True),
        (b"from=%2B49+176+12345678", True),
        (b"from=0176%2F12345678", True),
        (b"msisdn=4917612345679", False),
        (b"msisdn=49176123456", False),
    ],
)
async def test_a_number_is_erased_from_what_nobody_could_read(
    inbox: Inbox, body: bytes, gone: bool
) -> None:
    await inbox.keep_raw("nexmo", "", body, "unreadable")
    await inbox.keep_raw("nexmo", "", b"{", "unreadable")
    assert int(gone) == await inbox.erase_number("+4917612345678")
    assert 2 - gone == len(await bodies(inbox))


# -- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8])
async def test_pages_show_every_mo_once_the_newest_first(inbox: Inbox, limit: int) -> None:
    for n in range(7):
        await keep(inbox, replace(MO, text=str(n)))
    found: list[InboxItem] = []
    after: str | None = ""
    while after is not None:
        page = await inbox.page(limit, after)
        assert (7, True) == (page.total, len(page.items) <= limit)
        found += page.items
        after = page.next
    assert list("6543210") == [item.mo.text for item in found]


async def test_an_mo_that_comes_between_two_pages_moves_none_of_them(inbox: Inbox) -> None:
    for text in ("first", "second"):
        await keep(inbox, replace(MO, text=text))
    newest = await inbox.page(1, "")
    await keep(inbox, replace(MO, text="third"))
    page = await inbox.page(1, newest.next or "")
    assert (3, ["first"]) == (page.total, [item.mo.text for item in page.items])


async def test_a_page_begins_after_an_mo_that_is_gone_as_well(inbox: Inbox) -> None:
    await keep(inbox, MO)
    page = await inbox.page(10, "9999999999999999999-9999999999999999999")
    assert (1, 1) == (page.total, len(page.items))
    assert Page(1, [], None) == await inbox.page(10, "1-0")


@pytest.mark.parametrize(
    "after", ["x", "1", "0-0", "0-1", "-", "+", "(1-0", "1-0\n", "1-", "１-０", "1-0 ", "9" * 30]
)
async def test_an_after_that_is_no_inbox_id_is_refused(inbox: Inbox, after: str) -> None:
    with pytest.raises(UnknownPlace, match="after: no such message"):
        await inbox.page(10, after)


# -- how long ---------------------------------------------------------------------------------


async def test_an_mo_is_shown_for_so_many_days_exactly(inbox: Inbox, store: Store) -> None:
    for days, text in ((30, "a month"), (7.001, "just over"), (6.999, "just under"), (1, "day")):
        await put(store, days, text)
    assert ["day", "just under"] == await texts(inbox)


async def test_every_new_mo_drops_those_that_are_too_old(inbox: Inbox, store: Store) -> None:
    for days in (30, 8, 6):
        await put(store, days, f"{days} days")
    await keep(inbox, MO)
    assert 2 == await store.execute("XLEN", keys.INBOX)
    assert ["the text", "6 days"] == await texts(inbox)


async def test_the_last_mo_goes_with_its_days(inbox: Inbox, store: Store) -> None:
    await keep(inbox, MO)
    left = await store.execute("PTTL", keys.INBOX)
    assert 7 * DAY_MS - 60_000 < left <= 7 * DAY_MS


async def test_an_empty_inbox_is_an_empty_page(inbox: Inbox) -> None:
    assert Page(0, [], None) == await inbox.page(10, "")


async def test_without_the_store_an_mo_is_not_taken() -> None:
    with pytest.raises(StoreUnavailable):
        await keep(Inbox(connect(NOWHERE), days=7), MO)
