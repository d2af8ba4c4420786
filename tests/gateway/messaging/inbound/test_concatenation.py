"""Long MOs: parts in any order, repeated, missing, under a reference that is used again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.errors import StoreUnavailable
from gateway.messaging.inbound.concatenation import (
    LIFETIME_MS,
    LONGEST_PART,
    MOST_DUE,
    SEEN_MS,
    TAKEOVER_MS,
    WAIT_MS,
    Concatenation,
    Joined,
)
from gateway.providers.base import Inbound, LongText
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from tests.conftest import RestartableValkey

NOWHERE = "redis://127.0.0.1:1"
A, B = "4917612345678", "12065550100"


@pytest.fixture
def assemblies(store: Store) -> Concatenation:
    return Concatenation(store)


def part(
    number: int,
    text: str,
    part_id: str = "",
    *,
    total: int = 3,
    reference: str = "7",
    sender: str = A,
    data: str = "",
) -> Inbound:
    """Return one part; its id is made of its number and text unless given."""
    long = LongText(reference, total, number)
    return Inbound(
        "nexmo", part_id or f"{number}{text}", sender, B, text, data, long, sent="2016-05-24"
    )


def parts(texts: str, **more: str) -> list[Inbound]:
    """Return the parts of a text whose parts are single characters; ``.`` is not sent."""
    found = [
        part(n, text, f"{more.get('reference', 7)}{n}{text}", total=len(texts), **more)
        for n, text in enumerate(texts, 1)
    ]
    return [each for each in found if each.text != "."]


async def play(assemblies: Concatenation, inbounds: Iterable[Inbound]) -> list[Joined]:
    """Let parts come one after the other; return all that was given out."""
    return [joined for each in inbounds for joined in await assemblies.add(each)]


async def take(store: Store, joined: Joined) -> bool:
    """Do what the relay's script does before it relays; True for the one who may."""
    await store.execute("ZREM", keys.ASSEMBLIES, joined.digest)
    return bool(await store.execute("DEL", joined.token))


async def taken(store: Store, given: Iterable[Joined]) -> list[str]:
    """Take all that was given out and return the texts that may be relayed."""
    return [each.inbound.text for each in given if await take(store, each)]


async def let_time_pass(store: Store) -> None:
    """Move every deadline into the past."""
    for name in await store.execute("ZRANGE", keys.ASSEMBLIES, 0, -1):
        await store.execute("ZADD", keys.ASSEMBLIES, "XX", 1, name)


async def wait_left(store: Store) -> float:
    """Return the ms until the next deadline."""
    [_, deadline] = await store.execute("ZRANGE", keys.ASSEMBLIES, 0, 0, "WITHSCORES")
    seconds, micros = await store.execute("TIME")
    return float(deadline) - int(seconds) * 1000 - int(micros) / 1000


# -- joining ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["123", "132", "213", "231", "312", "321"])
async def test_parts_are_joined_in_whatever_order_they_come(
    assemblies: Concatenation, store: Store, order: str
) -> None:
    texts = {1: "first ", 2: " second ", 3: "third\n"}
    coming = [part(int(n), texts[int(n)], f"id-{n}") for n in order]
    assert [] == await play(assemblies, coming[:-1])
    [joined] = await assemblies.add(coming[-1])
    expected = Inbound("nexmo", "id-1", A, B, "first  second third\n", long=None, sent="2016-05-24")
    assert expected == replace(joined.inbound, begun=0)
    assert 0 < joined.inbound.begun
    assert joined.token == keys.parts(joined.digest)
    assert [joined.digest] == await store.execute("ZRANGE", keys.ASSEMBLIES, 0, -1)


@pytest.mark.parametrize(
    "texts",
    [
        ["é 🚀", "plain", "\ufffd\ufeff"],
        ["", "", ""],
        ["\n", "id:1", "meta"],
        ["]", '"}', "\x00"],
        ["[…]"],
    ],
    ids=ascii,
)
async def test_texts_arrive_unchanged(assemblies: Concatenation, texts: list[str]) -> None:
    coming = [part(n, text, f"i{n}", total=len(texts)) for n, text in enumerate(texts, 1)]
    [joined] = await play(assemblies, reversed(coming))
    assert "".join(texts) == joined.inbound.text


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["go \ud83d", "\ude80!"], "go 🚀!"),
        (["go \ud83d", "!"], "go \ufffd!"),
        (["go", "\ude80!"], "go\ufffd!"),
        (["go \ud83d", ""], "go \ufffd"),
    ],
    ids=ascii,
)
async def test_a_character_that_was_cut_in_two_is_made_whole(
    assemblies: Concatenation, texts: list[str], expected: str
) -> None:
    coming = [part(n, text, f"i{n}", total=2) for n, text in enumerate(texts, 1)]
    [joined] = await play(assemblies, coming)
    assert expected == joined.inbound.text


async def test_the_parts_of_a_binary_mo_are_joined_as_well(assemblies: Concatenation) -> None:
    coming = [part(2, "", "i2", total=2, data="06FF"), part(1, "", "i1", total=2, data="EA")]
    [joined] = await play(assemblies, coming)
    assert ("i1", "", "EA06FF") == (joined.inbound.id, joined.inbound.text, joined.inbound.data)


async def test_as_many_parts_as_there_can_be_are_joined(assemblies: Concatenation) -> None:
    coming = [part(n, f"{n}.", f"i{n}", total=255) for n in range(1, 256)]
    random.Random(7).shuffle(coming)
    [joined] = await play(assemblies, coming)
    assert "".join(f"{n}." for n in range(1, 256)) == joined.inbound.text


OTHERS = {
    "reference": {"reference": "8"},
    "sender": {"sender": "491760406900"},
    "number": {"to": "12065550101"},
    "provider": {"provider": "flowroute"},
    "total": {"total": 4},
}


@pytest.mark.parametrize("differs", OTHERS.values(), ids=OTHERS.keys())
async def test_parts_that_belong_to_different_texts_are_not_mixed(
    assemblies: Concatenation, differs: dict[str, str | int]
) -> None:
    mine = parts("abc")
    long = LongText(str(differs.get("reference", 7)), int(differs.get("total", 3)), 3)
    more: dict[str, Any] = {
        name: str(value) for name, value in differs.items() if name in Inbound.__slots__
    }
    theirs = replace(mine[2], id="theirs", text="X", long=long, **more)
    assert [] == await play(assemblies, [*mine[:2], theirs])
    assert ["abc"] == [each.inbound.text for each in await assemblies.add(mine[2])]


IMPOSSIBLE = {
    "part 0": part(0, "text"),
    "part beyond the total": part(4, "text"),
    "a negative part": part(-1, "text"),
    "no parts": part(0, "text", total=0),
    "more parts than an octet counts": part(1, "text", total=256),
    "longer than any part": part(1, "x" * (LONGEST_PART + 1)),
    "no part at all": replace(part(1, "text"), long=None),
    "one of one": part(1, "text", total=1),
}


@pytest.mark.parametrize("inbound", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
async def test_what_can_be_no_part_is_a_text_of_its_own(
    assemblies: Concatenation, store: Store, inbound: Inbound
) -> None:
    given = await play(assemblies, [inbound, replace(inbound, id="another"), inbound])
    assert [inbound.text] * 2 == await taken(store, given)
    assert [] == await play(assemblies, [inbound])


# -- repeats ----------------------------------------------------------------------------------


async def test_a_repeated_part_is_counted_once(assemblies: Concatenation) -> None:
    a, b, c = parts("abc")
    assert [] == await play(assemblies, [a, a, b, a, b])
    assert ["abc"] == [each.inbound.text for each in await assemblies.add(c)]


async def test_a_text_is_given_out_again_to_a_repeat_until_it_is_relayed(
    assemblies: Concatenation, stores: list[Store]
) -> None:
    coming = parts("abc")
    [joined] = await play(assemblies, coming)
    other = Concatenation(stores[1])
    assert [joined] * 3 == await play(other, coming)
    assert await take(stores[0], joined)
    assert [] == await play(other, coming)


async def test_late_repeats_of_a_relayed_text_open_nothing(
    assemblies: Concatenation, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    coming = parts("abc")
    assert ["abc"] == await taken(store, await play(assemblies, coming))
    assert [] == await play(assemblies, coming * 2)
    await let_time_pass(store)
    assert [] == await assemblies.due()
    assert 0 == await store.execute("EXISTS", keys.ASSEMBLIES)
    assert [] == caplog.messages


async def test_the_carriers_copy_of_a_part_is_ignored(
    assemblies: Concatenation, store: Store
) -> None:
    a, b, c = parts("abc")
    copy = replace(a, id="a copy")
    given = await play(assemblies, [a, copy, b, copy, c])
    assert ["abc"] == await taken(store, given)
    assert a.id == given[0].inbound.id
    assert [] == await play(assemblies, [copy])


async def test_a_part_is_known_for_as_long_as_providers_repeat(
    assemblies: Concatenation, store: Store
) -> None:
    [a, *_] = parts("abc")
    await assemblies.add(a)
    left = await store.execute("PTTL", keys.seen("nexmo", a.id))
    assert SEEN_MS - 60_000 < left <= SEEN_MS


async def test_an_id_that_was_taken_as_a_text_of_its_own_is_repeated(
    assemblies: Concatenation, store: Store
) -> None:
    await store.execute("SET", keys.seen("nexmo", "i"), "1")
    assert [] == await assemblies.add(part(1, "x", "i", total=1))


# -- a reference that is used again -----------------------------------------------------------


async def test_a_reference_may_be_used_again_after_the_text_is_complete(
    assemblies: Concatenation, store: Store
) -> None:
    given = await play(assemblies, [*parts("abc"), *parts("xyz")])
    assert ["abc", "xyz"] == await taken(store, given)


@pytest.mark.parametrize(
    ("total", "coming", "expected"),
    [
        (3, "1a 2b 1x 2y 3z", ["ab[…]", "xyz"]),
        (3, "1a 3c 3z 2y 1x", ["a[…]c", "xyz"]),
        (3, "2b 2y 1x 3z", ["[…]b[…]", "xyz"]),
        (3, "1a 1x 1k 2l 3m", ["a[…]", "x[…]", "klm"]),
        (2, "2b 2y 1x 1a 2b", ["[…]b", "xy", "ab"]),
        (2, "1a 1x 2y 1a 2b", ["a[…]", "xy", "ab"]),
        (1, "1a 1x", ["a", "x"]),
    ],
)
async def test_a_reference_that_is_used_again_sends_the_old_text_on_as_it_is(
    assemblies: Concatenation, store: Store, total: int, coming: str, expected: list[str]
) -> None:
    found = [
        part(int(step[0]), step[1], f"id-{n}", total=total) for n, step in enumerate(coming.split())
    ]
    assert expected == await taken(store, await play(assemblies, found))


async def test_a_clash_whose_process_died_is_repeated_and_both_texts_go_out(
    assemblies: Concatenation, stores: list[Store]
) -> None:
    old, new = part(1, "a", total=2), part(1, "x", total=2)
    await assemblies.add(old)
    await assemblies.add(new)  # … and the process dies with what it got
    other = Concatenation(stores[1])
    assert ["a[…]"] == await taken(stores[1], await other.due())
    assert ["xy"] == await taken(stores[1], await play(other, [new, part(2, "y", total=2)]))


async def test_an_old_text_that_is_taken_late_takes_nothing_of_the_new(
    assemblies: Concatenation, store: Store
) -> None:
    """What a slow process holds of a reference is not what has come under it since."""
    [old] = await play(assemblies, parts("abc"))
    assert await take(store, old)
    x, y, z = parts("xyz")
    await play(assemblies, [x, y])
    assert not await take(store, old)
    assert ["xyz"] == await taken(store, await assemblies.add(z))


async def test_a_reference_that_is_used_very_often_loses_nothing(
    assemblies: Concatenation, store: Store
) -> None:
    coming = [part(2, str(n), f"i{n}") for n in range(50)]
    given = await play(assemblies, coming)
    await let_time_pass(store)
    given += await assemblies.due()
    expected = [f"[…]{n}[…]" for n in range(50)]
    assert expected == sorted(await taken(store, given), key=expected.index)


# -- parts that stay away ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "expected", "first"),
    [
        ("a.c", "a[…]c", 1),
        ("ab.", "ab[…]", 1),
        (".bc", "[…]bc", 2),
        ("..c", "[…]c", 3),
        ("a..", "a[…]", 1),
        (".b.", "[…]b[…]", 2),
        ("a..d..g", "a[…]d[…]g", 1),
        (".b.d.", "[…]b[…]d[…]", 2),
    ],
)
async def test_after_a_minute_the_rest_goes_out_with_a_mark_for_each_gap(
    assemblies: Concatenation, store: Store, texts: str, expected: str, first: int
) -> None:
    coming = parts(texts)
    random.Random(7).shuffle(coming)
    assert [] == await play(assemblies, coming)
    assert [] == await assemblies.due()
    await let_time_pass(store)
    [joined] = await assemblies.due()
    assert (expected, None) == (joined.inbound.text, joined.inbound.long)
    assert f"7{first}{texts[first - 1]}" == joined.inbound.id
    assert [expected] == await taken(store, [joined])
    assert [] == await assemblies.due()


async def test_marks_stand_directly_between_the_parts(
    assemblies: Concatenation, store: Store
) -> None:
    await play(assemblies, [part(1, "first "), part(3, " third")])
    await let_time_pass(store)
    [joined] = await assemblies.due()
    assert "first […] third" == joined.inbound.text


async def test_the_other_parts_have_a_minute_from_the_first_one(
    assemblies: Concatenation, store: Store
) -> None:
    a, b, _ = parts("abc")
    await assemblies.add(a)
    assert WAIT_MS - 10_000 < await wait_left(store) <= WAIT_MS
    [name] = await store.execute("ZRANGE", keys.ASSEMBLIES, 0, -1)
    await store.execute("ZADD", keys.ASSEMBLIES, 123, name)
    await assemblies.add(b)
    assert "123" == await store.execute("ZSCORE", keys.ASSEMBLIES, name)


async def test_a_complete_text_is_left_to_its_process_for_a_moment_only(
    assemblies: Concatenation, store: Store
) -> None:
    [joined] = await play(assemblies, parts("abc"))
    assert 0 < await wait_left(store) <= TAKEOVER_MS
    assert [] == await assemblies.due()
    await let_time_pass(store)
    assert [joined] == await assemblies.due()


async def test_several_processes_that_look_for_what_is_due_relay_it_once(
    stores: list[Store],
) -> None:
    await play(Concatenation(stores[0]), parts("a.c"))
    await let_time_pass(stores[0])
    found = await asyncio.gather(*(Concatenation(stores[n % 2]).due() for n in range(20)))
    given = [joined for each in found for joined in each]
    assert 20 == len(given)
    assert ["a[…]c"] == await taken(stores[0], given)


async def test_a_part_that_comes_after_the_text_was_given_out_is_not_lost(
    assemblies: Concatenation, stores: list[Store]
) -> None:
    """Whoever takes an assembly has seen all of it: a part that comes between begins another."""
    a, b, c = parts("abc")
    await play(assemblies, [a, c])
    await let_time_pass(stores[0])
    [held] = await Concatenation(stores[1]).due()
    assert [] == await assemblies.add(b)
    assert ["a[…]c"] == await taken(stores[1], [held])
    await let_time_pass(stores[0])
    assert ["[…]b[…]"] == await taken(stores[0], await assemblies.due())


async def test_a_late_part_completes_a_text_that_nobody_has_looked_at_since(
    assemblies: Concatenation, store: Store
) -> None:
    a, b, c = parts("abc")
    await play(assemblies, [a, c])
    await let_time_pass(store)
    assert ["abc"] == await taken(store, await assemblies.add(b))


async def test_more_than_one_look_finds_is_found_by_the_next(
    assemblies: Concatenation, store: Store
) -> None:
    count = MOST_DUE + 1
    await asyncio.gather(
        *(assemblies.add(part(1, "x", f"i{n}", reference=str(n))) for n in range(count))
    )
    await let_time_pass(store)
    looks = [await taken(store, await assemblies.due()) for _ in range(3)]
    assert [MOST_DUE, 1, 0] == [len(each) for each in looks]


BROKEN = {
    "no JSON": ("meta", "{"),
    "no object": ("meta", "7"),
    "a field missing": ("meta", '{"total": 3}'),
    "a total that is no number": ("meta", '{"total": "x"}'),
    "a part that is no JSON": ("1", "x"),
    "a part without a text": ("1", "{}"),
    "a part that is no object": ("1", "[]"),
}


@pytest.mark.parametrize(("name", "value"), BROKEN.values(), ids=BROKEN.keys())
async def test_what_cannot_be_read_is_dropped_and_said_so_without_the_text(
    assemblies: Concatenation,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: str,
) -> None:
    await play(assemblies, [part(1, "secret", "i1"), part(1, "fine", reference="8")])
    digests = await store.execute("ZRANGE", keys.ASSEMBLIES, 0, -1)
    [broken] = [
        each for each in digests if await store.execute("HGET", keys.parts(each), "id:1") == "i1"
    ]
    await store.execute("HSET", keys.parts(broken), name, value)
    await let_time_pass(store)
    assert ["fine[…]"] == await taken(store, await assemblies.due())
    assert ["the parts of a long MO cannot be read and are dropped"] == caplog.messages
    assert 0 == await store.execute("EXISTS", keys.parts(broken), keys.ASSEMBLIES)


async def test_a_deadline_whose_parts_are_gone_is_dropped(
    assemblies: Concatenation, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await assemblies.add(part(1, "x"))
    [name] = await store.execute("ZRANGE", keys.ASSEMBLIES, 0, -1)
    await store.execute("DEL", keys.parts(name))
    await let_time_pass(store)
    assert [] == await assemblies.due()
    assert 1 == len(caplog.messages)
    assert 0 == await store.execute("EXISTS", keys.ASSEMBLIES)


# -- what is left in the store ----------------------------------------------------------------


async def test_a_relayed_text_leaves_nothing_but_the_ids_of_its_parts(
    assemblies: Concatenation, store: Store
) -> None:
    given = await play(assemblies, [*parts("abc"), *parts("x.z"), *parts("d.f")])
    await let_time_pass(store)
    given += await assemblies.due()
    assert ["abc", "x[…]z", "d[…]f"] == await taken(store, given)
    assert sorted(
        keys.seen("nexmo", each.id) for each in [*parts("abc"), *parts("x.z"), *parts("d.f")]
    ) == sorted(await store.execute("KEYS", "*"))


async def test_parts_outlive_a_long_outage_and_every_touch_renews_their_life(
    assemblies: Concatenation, store: Store
) -> None:
    a, b, c = parts("abc")
    await assemblies.add(a)
    for touch in ([b], [a], [c]):
        for key in await store.execute("KEYS", keys.parts("*")):
            await store.execute("PEXPIRE", key, 1_000_000)
        await play(assemblies, touch)
        await let_time_pass(store)
        await assemblies.due()
        held = await store.execute("KEYS", keys.parts("*-*"))
        lives = [await store.execute("PTTL", key) for key in held]
        assert lives
        assert all(LIFETIME_MS - 60_000 < each <= LIFETIME_MS for each in lives)


async def test_nothing_of_an_open_text_lives_for_ever(
    assemblies: Concatenation, store: Store
) -> None:
    await play(assemblies, parts("a.c"))
    found = await store.execute("KEYS", "*")
    forever = [key for key in found if await store.execute("PTTL", key) == -1]
    assert (5, [keys.ASSEMBLIES]) == (len(found), forever)


async def test_parts_survive_a_restart_of_the_store(valkey_server: RestartableValkey) -> None:
    a, b, c = parts("abc")
    store = connect(valkey_server.url)
    await play(Concatenation(store), [a, b])
    await store.close()
    valkey_server.stop()
    valkey_server.start()
    store = connect(valkey_server.url)
    assert ["abc"] == await taken(store, await Concatenation(store).add(c))
    await store.close()


async def test_without_the_store_a_part_is_not_taken() -> None:
    assemblies = Concatenation(connect(NOWHERE))
    with pytest.raises(StoreUnavailable):
        await assemblies.add(part(1, "x"))
    with pytest.raises(StoreUnavailable):
        await assemblies.due()


async def test_a_part_that_finds_no_place_is_to_be_repeated(
    assemblies: Concatenation, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """An id that comes back with another text after it was forgotten: never an endless loop."""
    await assemblies.add(part(1, "old", "i1"))
    await store.execute("DEL", keys.seen("nexmo", "i1"))
    with pytest.raises(StoreUnavailable):
        await assemblies.add(part(1, "new", "i1"))
    assert 1 == len(caplog.messages)


# -- all at once ------------------------------------------------------------------------------


async def test_the_same_parts_at_two_processes_at_once_make_one_text(
    stores: list[Store],
) -> None:
    texts = "abcdefghijklmnopqrst"
    coming = parts(texts) * 5
    random.Random(7).shuffle(coming)
    found = await asyncio.gather(
        *(Concatenation(stores[n % 2]).add(each) for n, each in enumerate(coming))
    )
    given = [joined for each in found for joined in each]
    assert {texts} == {each.inbound.text for each in given}
    took = await asyncio.gather(*(take(stores[n % 2], each) for n, each in enumerate(given)))
    assert 1 == sum(took)


async def test_100_texts_at_once_under_20_references_lose_no_part(stores: list[Store]) -> None:
    """However they are mixed up: each part goes out once, in one text or another."""
    coming = [
        part(n, f"<{text}.{n}>", reference=str(text % 20)) for text in range(100) for n in (1, 2, 3)
    ]
    random.Random(7).shuffle(coming)
    found = await asyncio.gather(
        *(Concatenation(stores[n % 2]).add(each) for n, each in enumerate(coming))
    )
    await let_time_pass(stores[0])
    given = [joined for each in found for joined in each]
    text = "".join(await taken(stores[0], given))
    while due := await Concatenation(stores[1]).due():
        text += "".join(await taken(stores[1], due))
    assert sorted(each.text for each in coming) == sorted(
        f"<{each}" for each in text.replace("[…]", "").split("<")[1:]
    )


@dataclass
class Carrier:
    """Sends texts with references that come round soon, out of order, with repeats."""

    chance: random.Random
    sent: list[str] = field(default_factory=list)

    def text(self, number: int) -> list[Inbound]:
        """Return the parts of a new text in the order in which they come."""
        total = self.chance.randint(1, 6)
        pieces = [f"{number}.{n}{self.chance.choice([' ', '', 'é'])}" for n in range(total)]
        self.sent.append("".join(pieces))
        coming = [
            part(n, piece, f"{number}-{n}", total=total, reference=str(number % 2))
            for n, piece in enumerate(pieces, 1)
        ]
        self.chance.shuffle(coming)
        copies = [
            replace(each, id=f"{each.id} copy")
            for each in self.chance.sample(coming[:-1], self.chance.randint(0, total - 1))
        ]
        # Copies have ids of their own and come before the text is complete; repeats come any time.
        early = self.mixed(coming[:-1], copies)
        again = self.chance.choices(coming, k=self.chance.randint(0, 4))
        return self.mixed([*early, coming[-1]], again)

    def mixed(self, ordered: Sequence[Inbound], more: Sequence[Inbound]) -> list[Inbound]:
        """Return both, the first in their order, the others after what they repeat."""
        found = list(ordered)
        for each in more:
            original = each.id.removesuffix(" copy")
            first = next(n for n, other in enumerate(found) if other.id == original)
            found.insert(self.chance.randint(first + 1, len(found)), each)
        return found


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_order_and_repeats_each_text_goes_out_once_and_whole(
    stores: list[Store], seed: int
) -> None:
    chance = random.Random(seed)
    carrier = Carrier(chance)
    went_out: list[str] = []
    before: list[Inbound] = []
    for number in range(12):
        coming = carrier.text(number)
        held: list[Joined] = []
        for each in coming:
            # A process of its own for each part, as if the gateway restarted in between.
            held += await Concatenation(chance.choice(stores)).add(each)
            if chance.random() < 0.5:
                went_out += await taken(chance.choice(stores), held)
            if before and chance.random() < 0.2:
                assert [] == await Concatenation(chance.choice(stores)).add(chance.choice(before))
        went_out += await taken(stores[0], held)
        before += coming
    assert carrier.sent == went_out
    assert 0 == await stores[0].execute("EXISTS", keys.ASSEMBLIES)
