"""Opt-outs: who is on the list, page by page, and which texts put people on it and off it."""

from __future__ import annotations

import pytest

from conf.settings import Settings
from gateway.errors import StoreUnavailable, UnknownPlace
from gateway.messaging.keywords import Keywords
from gateway.messaging.optouts import OptOut, OptOuts
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect
from tests.field import words

NOWHERE = "redis://127.0.0.1:1"
NUMBER = "+491760406900"


@pytest.fixture
def optouts(store: Store) -> OptOuts:
    return OptOuts(store)


async def opt_out(store: Store, *numbers: str, at: int = 1_463_696_398_000) -> None:
    """Let numbers opt out, one second after the other."""
    for n, number in enumerate(numbers):
        await store.execute("ZADD", keys.OPTOUTS, "NX", at + n * 1000, number)


# -- the list ---------------------------------------------------------------------------------


async def test_who_opted_out_is_out_and_nobody_else(optouts: OptOuts, store: Store) -> None:
    await opt_out(store, NUMBER)
    assert await optouts.is_out(NUMBER)
    assert not await optouts.is_out(NUMBER + "1")


async def test_the_newest_comes_first(optouts: OptOuts, store: Store) -> None:
    await opt_out(store, NUMBER, "+12065550100")
    expected = [OptOut("+12065550100", 1_463_696_399_000), OptOut(NUMBER, 1_463_696_398_000)]
    assert Page(2, expected, None) == await optouts.page(100, "")


async def test_nobody_makes_an_empty_page(optouts: OptOuts) -> None:
    assert Page(0, [], None) == await optouts.page(100, "")


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 1000])
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in the same millisecond"])
async def test_pages_show_everybody_once(
    optouts: OptOuts, store: Store, limit: int, at_once: bool
) -> None:
    numbers = [f"+1206555010{n}" for n in range(7)]
    for n, number in enumerate(numbers):
        await opt_out(store, number, at=1_000_000 if at_once else 1_000_000 + n)
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await optouts.page(limit, after)
        assert (7, True) == (page.total, len(page.items) <= limit)
        found += [each.number for each in page.items]
        after = page.next
    assert numbers[::-1] == found


@pytest.mark.parametrize(
    "after", ["1", "+1", "491760406900", "++491760406900", "49 176", "é", "４９１", "\ud800", "*"]
)
async def test_a_page_after_nobody_of_the_list_is_refused(
    optouts: OptOuts, store: Store, after: str
) -> None:
    await opt_out(store, NUMBER)
    with pytest.raises(UnknownPlace, match="after: no such number"):
        await optouts.page(10, after)


async def test_who_is_removed_may_be_texted_again(optouts: OptOuts, store: Store) -> None:
    await opt_out(store, NUMBER)
    assert [True, False] == [await optouts.remove(NUMBER), await optouts.remove(NUMBER)]
    assert not await optouts.is_out(NUMBER)


async def test_without_the_store_nobody_is_said_to_be_in() -> None:
    with pytest.raises(StoreUnavailable):
        await OptOuts(connect(NOWHERE)).is_out(NUMBER)


# -- the words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        *((text, "stop") for text in words.STOPS),
        *((text, "start") for text in words.STARTS),
        *((text, "talk") for text in words.TALK),
    ],
    ids=ascii,
)
def test_a_word_is_a_whole_text_however_it_is_written(text: str, meaning: str) -> None:
    assert meaning == words.meaning(text)


def test_without_words_no_text_is_one() -> None:
    assert not any(Keywords([], ["", " "]).is_start(text) for text in ("START", "", " "))


def test_a_word_that_is_not_ascii_is_found_however_it_is_composed() -> None:
    assert Keywords(["Arrêt"], []).is_stop("ARRE\u0302T")


@pytest.mark.parametrize(
    "text", [*"stop quit end revoke optout opt-out cancel unsubscribe arrêt".split(), "Opt out."]
)
def test_the_default_words_are_those_of_the_rules(text: str) -> None:
    settings = Settings()
    assert Keywords(settings.stop_words.split(","), []).is_stop(text)
