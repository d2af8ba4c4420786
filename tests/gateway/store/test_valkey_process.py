"""Valkey processes and the fixtures made of them: own ports, kept data, loopback only."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.store.valkey_process import ValkeyProcess
from tests.support.servers.valkey import TAKEN, free_port, on_free_port, start_temporary


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def test_a_port_taken_meanwhile_is_told_apart_from_other_failures(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ValueError, match=TAKEN):
        ValkeyProcess(tmp_path, port).start()


def test_the_next_free_port_is_used_when_one_was_taken_meanwhile(tmp_path: Path) -> None:
    tried: list[int] = []

    def launch(port: int) -> ValkeyProcess:
        tried.append(port)
        if len(tried) < 3:
            raise ValueError(f"{TAKEN} {port}")
        return ValkeyProcess(tmp_path, port)

    assert on_free_port(launch).port == tried[2]


def test_a_temporary_server_takes_further_settings(tmp_path: Path) -> None:
    server = start_temporary(tmp_path, requirepass="secret")
    with client(server.url) as connection, pytest.raises(redis.AuthenticationError):
        connection.ping()
    server.stop()


def test_the_restartable_server_keeps_port_and_data(valkey_server: Any) -> None:
    with client(valkey_server.url) as connection:
        connection.set("key", "kept")
    valkey_server.stop()
    with client(valkey_server.url) as connection, pytest.raises(redis.ConnectionError):
        connection.ping()
    valkey_server.start()
    with client(valkey_server.url) as connection:
        assert connection.get("key") == "kept"


def test_the_paused_server_answers_nothing_until_it_is_resumed(valkey_server: Any) -> None:
    url = f"{valkey_server.url}?socket_timeout=0.05"
    valkey_server.pause()
    with redis.Redis.from_url(url, retry=None) as connection, pytest.raises(redis.TimeoutError):
        connection.ping()
    valkey_server.resume()
    with client(valkey_server.url) as connection:
        assert connection.ping()


def test_each_test_finds_the_shared_server_empty(redis_url: str) -> None:
    with client(redis_url) as connection:
        assert connection.dbsize() == 0


@pytest.mark.parametrize(
    ("family", "address"),
    [
        pytest.param(socket.AF_INET, ("192.0.2.1", 80), id="IPv4"),
        pytest.param(socket.AF_INET6, ("2001:db8::1", 80, 0, 0), id="IPv6"),
        pytest.param(socket.AF_INET6, ("::ffff:192.0.2.1", 80, 0, 0), id="IPv4-mapped"),
        pytest.param(socket.AF_INET, ("example.com", 80), id="name"),
    ],
)
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_tests_cannot_leave_the_machine(
    family: socket.AddressFamily, address: tuple[Any, ...], method: str
) -> None:
    with socket.socket(family) as connection, pytest.raises(RuntimeError, match="only loopback"):
        getattr(connection, method)(address)
