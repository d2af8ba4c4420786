"""Tests of the measurement of the console: that it measures, never how fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import redis

from tests.load.console import Answers, Found, Share, share_table, table
from tests.load.console_looking import BIG, Watch
from tests.load.console_places import HANDSETS, PLACES
from tests.load.copies import Pipe, Template, difference, snapshot
from tests.support.servers.processes import Process

IDLE = ["no page open", "no page open, afterwards"]
ID, OTHER_ID = "0af1" * 8, "1bf2" * 8
ANNA, BERT = "12065550121", "12065550122"
PING = b"*1\r\n$4\r\nPING\r\n"
MOMENT, END = 1_750_000_000_000, 2_050_000_000_000


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    """An empty store."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def test_small_run_prints_every_page_and_what_each_open_one_takes() -> None:
    """With tiny stores everything is filled, asked for and counted."""
    arguments = ("--part=10000", "--requests=2", "--seconds=0.2")
    with Process("-m", "tests.load.console", *arguments) as process:
        status = process.wait(100)
        printed = process.log
    assert 0 == status, printed
    rows = [line.split(" | ")[0][2:] for line in printed.splitlines() if line.startswith("| ")]
    live = [[each.label for each in places if each.live] for places in (PLACES, HANDSETS)]
    assert [
        *("page", "---"),
        *(each.label for each in (*PLACES, *HANDSETS)),
        *("open page", "---"),
        *(label for labels in live for label in (IDLE[0], *labels, IDLE[1])),
    ] == rows
    assert printed.rstrip().endswith("No page looked through keys, or through all of a large one.")


SCRIPT = "return redis.call('HGETALL', KEYS[1])"
ASKED: dict[str, tuple[Callable[[redis.Redis], object], list[str]]] = {
    "all keys": (lambda store: store.keys("*"), ["keys"]),
    "a scan": (lambda store: store.hscan("small"), ["hscan"]),
    "all of a large hash": (lambda store: store.hgetall("large"), ["HGETALL large"]),
    "the same by a script": (lambda store: store.eval(SCRIPT, 1, "large"), ["HGETALL large"]),
    "all of a long list": (lambda store: store.lrange("long", 0, -1), ["LRANGE long"]),
    "all of a small hash": (lambda store: store.hgetall("small"), []),
    "a page of a long list": (lambda store: store.lrange("long", 0, 49), []),
    "a page and its total": (lambda store: (store.zrange("z", 0, 49), store.zcard("z")), []),
}


@pytest.mark.parametrize(("request_", "found"), ASKED.values(), ids=ASKED.keys())
def test_reading_all_of_something_large_is_seen(
    store: redis.Redis, request_: Callable[[redis.Redis], object], found: list[str]
) -> None:
    """Whoever asks for it, with how much it was."""
    store.hset("large", mapping={str(each): "" for each in range(BIG + 1)})
    store.rpush("long", *range(BIG + 1))
    store.hset("small", "one", "")
    told = Watch(store).offences(lambda: request_(store))
    assert found == [each.partition(",")[0] for each in told]


def test_a_copy_is_a_thing_of_its_own(redis_url: str, store: redis.Redis) -> None:
    """Ids, people and times are others; everything else is as it was."""
    with redis.Redis.from_url(redis_url) as client:
        store.hset("counted", "things", 1)
        before = snapshot(client)
        store.hset(f"thing:{ID}", mapping={"created": MOMENT, "of": f"+{ANNA}", "share": "10 %"})
        store.pexpireat(f"thing:{ID}", END)
        store.zadd("things", {ID: MOMENT})
        store.rpush(f"said:+{ANNA}", f'{{"id":"{ID}","other":"{OTHER_ID}","at":{MOMENT}}}')
        store.hincrby("counted", "things")
        commands = difference(before, snapshot(client))
    template = Template(commands, {"who": ANNA.encode()})
    with Pipe(urlsplit(redis_url).port or 0) as pipe:
        pipe.send(template.copy({"who": BERT.encode()}, 1000))

    [(copied, moment)] = [each for each in _scores(store) if each[0] != ID]
    assert MOMENT - 1000 == moment
    record = {"created": str(MOMENT - 1000), "of": f"+{BERT}", "share": "10 %"}
    assert record == store.hgetall(f"thing:{copied}")
    assert END - 1000 == store.pexpiretime(f"thing:{copied}")
    entry = json.loads(str(store.lindex(f"said:+{BERT}", 0)))
    assert {"id": copied, "at": MOMENT - 1000} == {name: entry[name] for name in ("id", "at")}
    assert entry["other"] not in {copied, OTHER_ID}
    assert "2" == store.hget("counted", "things")


def test_a_copy_that_the_store_refuses_is_told_of(redis_url: str, store: redis.Redis) -> None:
    """Though nobody waits for its answer."""
    store.set("text", "")
    commands = b"*4\r\n$4\r\nHSET\r\n$4\r\ntext\r\n$1\r\na\r\n$1\r\nb\r\n" + PING * 1000
    pipe = Pipe(urlsplit(redis_url).port or 0)
    pipe.send(commands)
    with pytest.raises(ValueError, match="WRONGTYPE"):
        pipe.finish()


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        pytest.param([20.0, 30.0, 200.0], "yes", id="just met"),
        pytest.param([20.0, 30.0, 200.1], "**NO**", id="once too slow"),
    ],
)
def test_the_slowest_answer_decides(times: list[float], verdict: str) -> None:
    """The ratio is that of the medians."""
    small = Found({"page": Answers([10.0, 15.0, 80.0], 1.0, 1.0, 5)}, [], [])
    large = Found({"page": Answers(times, 1.0, 1.0, 5)}, [], [])
    row = table(small, large).splitlines()[-1].split(" | ")
    assert ["| page", "15.0", "**30.0**", "×2.00"] == row[:4]
    assert f"{verdict} |" == row[-1]


@pytest.mark.parametrize(
    ("share", "verdict"),
    [
        pytest.param(Share("page", 0.6, 0.3), "yes", id="less than a hundredth"),
        pytest.param(Share("page", 0.6, 0.5), "**NO**", id="together too much"),
        pytest.param(Share("no page open", 1.6, 0.5), "", id="no page"),
    ],
)
def test_gateway_and_store_together_decide_what_an_open_page_takes(
    share: Share, verdict: str
) -> None:
    """What the gateway does without any page is not compared."""
    assert verdict == share_table([share]).splitlines()[-1].split("|")[-2].strip()


def test_what_a_page_takes_is_more_than_what_is_taken_without() -> None:
    """Measured before and after it."""
    share = Share("page", 1.0, 0.75, events=2)
    idle = Share("before", 0.25, 0.25), Share("after", 0.75, 0.25)
    assert Share("page", 0.5, 0.5, events=2) == share.beyond(*idle)


def _scores(store: redis.Redis) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = store.zrange("things", 0, -1, withscores=True)  # type: ignore[assignment]
    return found
