"""A store that answers but takes nothing, or throws away what it took: the gateway says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.errors import StoreRefuses, StoreUnavailable
from gateway.store import valkey_process
from gateway.store.eviction import EvictionCheck
from gateway.store.pipeline import connect
from gateway.store.valkey_process import ValkeyProcess
from tests.support.servers.processes import GatewayProcess, wait_for
from tests.support.servers.valkey import start_temporary
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import visiting


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyProcess]:
    started = start_temporary(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def owner(server: ValkeyProcess) -> Iterator[redis.Redis]:
    """Who may change the store's own options."""
    with valkey_process.blocking_client(server.port) as client:
        yield client
        client.config_set("save", "")  # a server that cannot save does not end by itself


def becomes_a_replica(owner: redis.Redis) -> None:
    owner.replicaof("127.0.0.1", 1)


def is_full(owner: redis.Redis) -> None:
    owner.config_set("maxmemory", 1)


def cannot_save(owner: redis.Redis) -> None:
    owner.set("key", "to be saved")
    folder: Any = owner.config_get("dir")
    # A folder in the place of the file fails for every user of the system.
    (Path(folder["dir"]) / "dump.rdb" / "not empty").mkdir(parents=True)
    owner.config_set("save", "3600 1")
    owner.bgsave()
    wait_for(lambda: owner.info("persistence")["rdb_last_bgsave_status"] == "err")


def misses_replicas(owner: redis.Redis) -> None:
    owner.config_set("min-replicas-to-write", 1)


REFUSING = [
    pytest.param(becomes_a_replica, "read_only", id="read-only replica"),
    pytest.param(is_full, "out_of_memory", id="no memory left"),
    pytest.param(cannot_save, "cannot_save", id="cannot save"),
    pytest.param(misses_replicas, "too_few_replicas", id="too few replicas"),
]


@pytest.mark.parametrize(("refuse", "reason"), REFUSING)
async def test_a_store_that_refuses_writes_tells_why(
    server: ValkeyProcess, owner: redis.Redis, refuse: Callable[[Any], None], reason: str
) -> None:
    store = connect(server.url)
    await store.check_writes()
    refuse(owner)
    with pytest.raises(StoreRefuses) as refused:
        await store.check_writes()
    assert refused.value.reason == reason
    await store.close()


async def test_a_store_that_is_gone_is_unreachable(server: ValkeyProcess) -> None:
    store = connect(server.url)
    server.stop()
    with pytest.raises(StoreUnavailable) as refused:
        await store.check_writes()
    assert refused.value.reason == "unreachable"
    await store.close()


async def test_a_gateway_is_ready_only_while_its_store_takes_what_is_written(
    server: ValkeyProcess, owner: redis.Redis, standin: VonageStandin
) -> None:
    with GatewayProcess(*standin.options(server.url)) as gateway:
        async with visiting(gateway.url) as visitor:
            before = await visitor.get("/health/ready")
            becomes_a_replica(owner)
            refused = await visitor.get("/health/ready")
            alive = await visitor.get("/health/live")
            owner.replicaof("NO", "ONE")
            after = await visitor.get("/health/ready")
    assert [200, 503, 200, 200] == [each.status for each in (before, refused, alive, after)]
    expected = {"status": "error", "error": "temporarily_unavailable", "reason": "read_only"}
    assert refused.json == expected


@pytest.mark.parametrize(
    ("policy", "warned"),
    [
        ("noeviction", False),
        ("allkeys-lru", True),
        ("volatile-lru", True),
        ("volatile-ttl", True),
        ("allkeys-random", True),
    ],
)
async def test_a_store_that_evicts_is_warned_about_once(
    server: ValkeyProcess,
    owner: redis.Redis,
    caplog: pytest.LogCaptureFixture,
    policy: str,
    warned: bool,
) -> None:
    caplog.set_level(logging.WARNING)
    owner.config_set("maxmemory-policy", policy)
    store = connect(server.url)
    check = EvictionCheck(store)
    await check.look()
    await check.look()
    await store.close()
    assert caplog.text.count(f"maxmemory-policy is {policy}") == warned


async def test_a_store_that_does_not_let_one_look_is_asked_once_and_is_no_problem(
    server: ValkeyProcess, owner: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    owner.config_set("maxmemory-policy", "allkeys-lru")
    owner.acl_setuser("default", enabled=True, nopass=True, commands=["-info"])
    store = connect(server.url)
    check = EvictionCheck(store)
    await check.look()
    await check.look()
    await store.close()
    assert store.pipelines == 1
    assert "maxmemory-policy" not in caplog.text


def test_a_gateway_whose_store_comes_later_warns_when_it_comes(
    server: ValkeyProcess, owner: redis.Redis, standin: VonageStandin
) -> None:
    server.stop()
    with GatewayProcess(*standin.options(server.url)) as gateway:
        assert "maxmemory-policy" not in gateway.log
        server.start()
        owner.config_set("maxmemory-policy", "allkeys-lfu")
        wait_for(lambda: "maxmemory-policy is allkeys-lfu" in gateway.log)
