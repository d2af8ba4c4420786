"""The store: calls of one turn travel together, answers find their callers, no wait is long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import ResponseError

from gateway.access import limiter
from gateway.errors import StoreUnavailable
from gateway.store.budget import Budget, budget, current, fresh_budget
from gateway.store.pipeline import BadCommand, Store, connect
from gateway.store.script import Script, pairs
from tests.conftest import RestartableValkey
from tests.support.servers.valkey import start_temporary
from tests.support.visitor import eventually

COUNT = Script("return redis.call('INCR', KEYS[1])")
RETURN = Script("return ARGV[1]")
# One second for the store, and some room for a busy machine.
ONE_SECOND = 2.5
# Far less than the second that a silent server costs.
AT_ONCE = 0.9


@pytest.fixture
async def own_store(valkey_server: RestartableValkey) -> AsyncIterator[Store]:
    """A store on a server that the test may stop and pause."""
    made = connect(valkey_server.url)
    yield made
    valkey_server.resume()
    await made.close()


async def answers(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return what calls of one turn were answered; StoreUnavailable stands as its class."""
    replies = await asyncio.gather(*calls, return_exceptions=True)
    return [StoreUnavailable if isinstance(r, StoreUnavailable) else r for r in replies]


# -- one pipeline a turn ----------------------------------------------------------------------


async def test_calls_of_one_turn_travel_as_one_pipeline(store: Store) -> None:
    await store.run(COUNT, ["n"], [])
    calls = [store.execute("INCR", "n"), store.run(COUNT, ["n"], []), store.execute("INCR", "n")]
    assert [2, 3, 4] == await asyncio.gather(*calls)
    assert (2, 4) == (store.pipelines, store.commands)


async def test_calls_of_another_turn_travel_as_another_pipeline(store: Store) -> None:
    await store.execute("SET", "a", 1)
    await store.execute("SET", "b", 1)
    assert (2, 2) == (store.pipelines, store.commands)


async def test_each_of_1000_concurrent_callers_gets_the_reply_to_its_own_call(store: Store) -> None:
    async def caller(number: int) -> bool:
        text = f"caller {number}"
        echoed = await store.execute("ECHO", text)
        returned = await store.run(RETURN, ["k"], [text])
        return [echoed, returned] == [text, text]

    assert [True] * 1000 == await asyncio.gather(*map(caller, range(1000)))
    assert 2000 == store.commands
    assert store.pipelines < 100


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param("text", "text", id="ASCII"),
        pytest.param("Grüße 🚀", "Grüße 🚀", id="Unicode"),
        pytest.param("", "", id="empty"),
        pytest.param("a\r\n\0b", "a\r\n\0b", id="control characters"),
        pytest.param(7, "7", id="int"),
        pytest.param(1.5, "1.5", id="float"),
    ],
)
async def test_values_come_back_as_text(store: Store, value: Any, stored: str) -> None:
    await store.execute("SET", "key", value)
    assert stored == await store.execute("GET", "key")


async def test_a_caller_that_is_cancelled_leaves_the_others_their_replies(store: Store) -> None:
    tasks = [asyncio.create_task(store.execute("ECHO", n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert ["0", "2"] == [replies[0], replies[2]]
    assert isinstance(replies[1], asyncio.CancelledError)


# -- scripts ----------------------------------------------------------------------------------


async def test_a_script_is_loaded_by_its_first_call(store: Store) -> None:
    assert 1 == await store.run(COUNT, ["n"], [])
    assert [1] == await store.execute("SCRIPT", "EXISTS", COUNT.sha)


async def test_scripts_that_the_server_forgot_run_once_each_all_the_same(store: Store) -> None:
    await store.run(COUNT, ["n"], [])
    await store.execute("SCRIPT", "FLUSH")
    calls = [store.run(COUNT, ["n"], []), store.execute("ECHO", "x"), store.run(COUNT, ["n"], [])]
    assert [2, "x", 3] == await asyncio.gather(*calls)


async def test_scripts_run_on_a_restarted_server(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    assert 1 == await own_store.run(COUNT, ["n"], [])
    await asyncio.to_thread(valkey_server.stop)
    await asyncio.to_thread(valkey_server.start)
    await eventually(own_store.ping)
    assert 2 == await own_store.run(COUNT, ["n"], [])


async def test_a_script_of_the_lua_folder_is_loaded_by_its_name() -> None:
    script = Script.load(limiter.__file__, "limit_hit")
    assert "KEYS[1]" in script.text
    assert 40 == len(script.sha)


# -- mistakes of ours -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "error"),
    [
        pytest.param(("FOO",), ResponseError, id="unknown command"),
        pytest.param(("GET",), ResponseError, id="argument missing"),
        pytest.param(("LPUSH", "text", "x"), ResponseError, id="wrong type of key"),
        pytest.param(("GET", "\ud800"), BadCommand, id="lone surrogate in a key"),
        pytest.param(("SET", "key", "a\udfffb"), BadCommand, id="lone surrogate in a value"),
        pytest.param(("SET", "key", None), BadCommand, id="None"),
        pytest.param(("SET", "key", True), BadCommand, id="bool"),
    ],
)
async def test_a_bad_command_fails_alone(
    store: Store, command: tuple[Any, ...], error: type[Exception]
) -> None:
    await store.execute("SET", "text", "x")
    good = [store.run(COUNT, ["n"], []) for _ in range(300)]
    bad, *others = await answers(store.execute(*command), *good)
    assert error is type(bad)
    assert list(range(1, 301)) == others


async def test_a_lone_surrogate_in_a_scripts_argument_fails_alone(store: Store) -> None:
    bad, good = await answers(store.run(RETURN, [], ["\ud800"]), store.run(RETURN, [], ["x"]))
    assert BadCommand is type(bad)
    assert "x" == good


# -- a server that is not there ---------------------------------------------------------------


async def test_a_stopped_server_is_unavailable_at_once_and_back_without_a_new_store(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    await own_store.execute("SET", "key", "kept")
    await asyncio.to_thread(valkey_server.stop)
    async with asyncio.timeout(AT_ONCE):
        calls = (own_store.execute("GET", "key"), own_store.run(COUNT, ["n"], []))
        assert [StoreUnavailable] * 2 == await answers(*calls)
        assert not await own_store.ping()
    await asyncio.to_thread(valkey_server.start)
    await eventually(own_store.ping)
    assert "kept" == await own_store.execute("GET", "key")


async def test_a_store_may_be_made_before_its_server_runs(
    valkey_server: RestartableValkey,
) -> None:
    await asyncio.to_thread(valkey_server.stop)
    store = connect(valkey_server.url)
    assert not await store.ping()
    await asyncio.to_thread(valkey_server.start)
    await eventually(store.ping)
    await store.close()


async def several_calls(store: Store) -> list[Any]:
    """Call the store like a request does that goes on after each failure."""
    fresh_budget()
    return [*await answers(store.ping(), store.execute("GET", "a")), *await one_by_one(store)]


async def one_by_one(store: Store) -> list[Any]:
    return [(await answers(store.execute("GET", "a")))[0] for _ in range(3)]


async def test_a_request_waits_one_second_in_all_for_a_paused_server(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    await own_store.ping()
    valkey_server.pause()
    async with asyncio.timeout(ONE_SECOND):
        found = await asyncio.create_task(several_calls(own_store))
    assert [False, *[StoreUnavailable] * 4] == found


async def test_requests_wait_for_a_paused_server_side_by_side(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    await own_store.ping()
    valkey_server.pause()
    async with asyncio.timeout(ONE_SECOND):
        requests = [asyncio.create_task(several_calls(own_store)) for _ in range(100)]
        found = await asyncio.gather(*requests)
    assert [[False, *[StoreUnavailable] * 4]] * 100 == found


async def test_a_call_without_a_budget_waits_one_second(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    valkey_server.pause()
    async with asyncio.timeout(ONE_SECOND):
        assert [StoreUnavailable] == await answers(own_store.execute("GET", "a"))


async def test_a_block_with_a_budget_of_its_own_spends_nothing_of_the_request_s(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    async def request() -> list[Any]:
        fresh_budget()
        valkey_server.pause()
        paused = await answers(own_store.execute("ECHO", "paused"))
        valkey_server.resume()
        with budget():
            fresh = await own_store.execute("ECHO", "fresh")
        return [*paused, fresh, *await answers(own_store.execute("ECHO", "spent"))]

    expected = [StoreUnavailable, "fresh", StoreUnavailable]
    assert expected == await asyncio.create_task(request())


async def test_the_answer_to_a_call_that_timed_out_reaches_nobody_else(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    await own_store.ping()
    valkey_server.pause()
    late = [own_store.execute("ECHO", f"late {n}") for n in range(50)]
    assert [StoreUnavailable] * 50 == await answers(*late)
    valkey_server.resume()
    for turn in range(4):
        expected = [f"own {turn} {n}" for n in range(50)]
        assert expected == await asyncio.gather(*(own_store.execute("ECHO", e) for e in expected))


async def test_a_paused_server_that_goes_on_is_used_again(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    valkey_server.pause()
    assert not await own_store.ping()
    valkey_server.resume()
    await eventually(own_store.ping)


@pytest.mark.parametrize(
    ("waits", "left"),
    [
        pytest.param([(0, 0.25)], 0.75, id="one"),
        pytest.param([(0, 0.25), (5, 5.5)], 0.25, id="one after the other"),
        pytest.param([(0, 0.25), (0, 0.25)], 0.75, id="at the same time"),
        pytest.param([(0, 0.25), (0.125, 0.5)], 0.5, id="overlapping"),
        pytest.param([(0, 0.75), (0.25, 0.5)], 0.25, id="one inside the other"),
        pytest.param([(0, 0.5), (1, 2)], -0.5, id="overdrawn"),
    ],
)
def test_a_budget_spends_the_time_in_which_anybody_waits(
    waits: list[tuple[float, float]], left: float
) -> None:
    budget = Budget(1.0)
    steps = [(begin, budget.start) for begin, _ in waits] + [(end, budget.stop) for _, end in waits]
    for now, step in sorted(steps, key=lambda each: each[0]):
        step(now)
    assert left == budget.start(100)


# -- a server that refuses --------------------------------------------------------------------

Setup = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("refuse", "command"),
    [
        pytest.param(
            lambda client: client.replicaof("127.0.0.1", 1), ("SET", "a", 1), id="READONLY"
        ),
        pytest.param(
            lambda client: (
                client.config_set("replica-serve-stale-data", "no"),
                client.replicaof("127.0.0.1", 1),
            ),
            ("GET", "a"),
            id="MASTERDOWN",
        ),
        pytest.param(lambda client: client.config_set("maxmemory", 1), ("SET", "a", 1), id="OOM"),
        pytest.param(
            lambda client: client.config_set("min-replicas-to-write", 1),
            ("SET", "a", 1),
            id="NOREPLICAS",
        ),
        pytest.param(
            lambda client: client.execute_command("ACL", "SETUSER", "default", "-@write"),
            ("SET", "a", 1),
            id="NOPERM",
        ),
        pytest.param(
            lambda client: (
                client.config_set("requirepass", "secret"),
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
            ),
            ("GET", "a"),
            id="NOAUTH",
        ),
    ],
)
async def test_a_server_that_refuses_to_serve_is_unavailable(
    valkey_server: RestartableValkey, own_store: Store, refuse: Setup, command: tuple[Any, ...]
) -> None:
    await own_store.run(COUNT, ["n"], [])
    with redis.Redis.from_url(valkey_server.url) as client:
        refuse(client)
    calls = (own_store.execute(*command), own_store.run(COUNT, ["n"], []))
    assert [StoreUnavailable] * 2 == await answers(*calls)


async def test_a_server_that_cannot_save_is_unavailable(tmp_path: Path) -> None:
    server = start_temporary(tmp_path, save="3600 1")
    store = connect(server.url)
    try:
        await store.execute("SET", "a", 1)
        (tmp_path / "dump.rdb").mkdir()
        with redis.Redis.from_url(server.url) as client:
            client.bgsave()
            await eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert [StoreUnavailable] == await answers(store.execute("SET", "a", 1))
        assert "1" == await store.execute("GET", "a")
    finally:
        await store.close()
        (tmp_path / "dump.rdb").rmdir()  # a server that cannot save does not stop either
        server.stop()


async def test_a_server_busy_with_a_script_is_unavailable(
    valkey_server: RestartableValkey, own_store: Store
) -> None:
    await own_store.execute("CONFIG", "SET", "busy-reply-threshold", 1)
    busy = asyncio.create_task(asyncio.to_thread(run_for_ever, valkey_server.url))
    with redis.Redis.from_url(valkey_server.url) as client:
        await eventually(lambda: refusal(client).startswith("BUSY "))
        assert [StoreUnavailable] == await answers(own_store.execute("GET", "a"))
        client.script_kill()
    await busy
    assert await own_store.ping()


def run_for_ever(url: str) -> None:
    with redis.Redis.from_url(url) as client, pytest.raises(ResponseError, match="killed"):
        client.eval("while true do end", 0)


def refusal(client: redis.Redis) -> str:
    """Return why the server does not serve now, '' when it does."""
    try:
        client.ping()
    except ResponseError as error:
        return str(error)
    return ""


# What servers before 7.0 wrap around the error of a command inside a script.
OLD_SCRIPT = "ERR Error running script (call to f_0123): @user_script:1: @user_script: 1: -"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(
            "LOADING server is loading the dataset in memory", StoreUnavailable, id="LOADING"
        ),
        pytest.param("MISCONF is configured to save RDB snapshots", StoreUnavailable, id="MISCONF"),
        pytest.param("TRYAGAIN Multiple keys request", StoreUnavailable, id="resharding"),
        pytest.param("CLUSTERDOWN Hash slot not served", StoreUnavailable, id="slot not served"),
        pytest.param("MOVED 1 127.0.0.1:1", StoreUnavailable, id="a Cluster named by redis://"),
        pytest.param(OLD_SCRIPT + "READONLY You can't write", StoreUnavailable, id="old READONLY"),
        pytest.param(OLD_SCRIPT + "OOM command not allowed", StoreUnavailable, id="old OOM"),
        pytest.param(OLD_SCRIPT + "MISCONF snapshots", StoreUnavailable, id="old MISCONF"),
        pytest.param("BUSYKEY Target key name already exists", ResponseError, id="BUSYKEY"),
        pytest.param("ERR my OOM is not yours", ResponseError, id="the word inside a text"),
        pytest.param(OLD_SCRIPT + "WRONGTYPE Operation", ResponseError, id="old WRONGTYPE"),
    ],
)
async def test_refusals_of_a_server_are_told_from_mistakes(
    store: Store, text: str, error: type[Exception]
) -> None:
    script = Script("return redis.error_reply(ARGV[1])")
    with pytest.raises(error):
        await store.run(script, [], [text])


# -- the end ----------------------------------------------------------------------------------


async def test_close_lets_calls_finish_that_are_under_way_and_those_of_this_turn(
    redis_url: str,
) -> None:
    store = connect(redis_url)
    early = [asyncio.create_task(store.execute("ECHO", n)) for n in range(10)]
    await eventually(lambda: store.pipelines)
    late = [asyncio.create_task(store.execute("ECHO", n)) for n in range(10, 20)]
    await asyncio.sleep(0)
    await store.close()
    assert [str(n) for n in range(20)] == await asyncio.gather(*early, *late)


def has_sent(store: Store, pipelines: int) -> bool:
    return store.pipelines == pipelines


async def test_close_leaves_no_connection_behind(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = len(client.client_list())
        store = connect(redis_url)
        tasks = []
        for sent in range(1, 6):  # a connection for each pipeline: none waits for one that hangs
            tasks.append(asyncio.create_task(store.execute("BLPOP", "nothing", 0.3)))
            await eventually(partial(has_sent, store, sent))
        await store.close()
        await asyncio.gather(*tasks)
        assert 5 == store.pipelines
        await eventually(lambda: len(client.client_list()) == before)


async def test_a_store_that_was_never_used_can_be_closed(redis_url: str) -> None:
    await connect(redis_url).close()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [([], {}), (["a", "1", "b", "2"], {"a": "1", "b": "2"}), ({"a": "1"}, {"a": "1"}), ({}, {})],
    ids=repr,
)
def test_a_hash_is_read_from_a_list_and_from_a_dict(
    reply: list[str] | dict[str, str], expected: dict[str, str]
) -> None:
    assert expected == pairs(reply)


@pytest.mark.parametrize("count", [0, 1, 2500])
async def test_a_walk_over_all_keys_goes_on_when_the_second_of_its_request_is_spent(
    store: Store, count: int
) -> None:
    names = {f"walk:{n}" for n in range(count)}
    await asyncio.gather(*(store.execute("SET", name, "1") for name in names))
    current.set(Budget(0))
    found = [name async for some in store.names() for name in some]
    current.set(None)
    assert names == {*found}


async def test_a_walk_over_the_keys_of_a_store_that_is_away_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        [_ async for _ in connect("redis://127.0.0.1:1").names()]
