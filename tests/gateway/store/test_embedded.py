"""The embedded store: one server for all gateways with one data_dir, and its data lasts."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import redis

from gateway.store import embedded, valkey_process
from gateway.store.valkey_process import ValkeyProcess
from tests.support import ROOT
from tests.support.servers.valkey import free_port

GATEWAY = """
import json, pathlib, sys
from gateway.store import embedded

store = embedded.start(pathlib.Path(sys.argv[1]))
print(json.dumps({"url": store.url, "owned": store.owned}), flush=True)
sys.stdin.readline()
store.stop()
"""


class Gateway:
    """Another process that uses the embedded store until it is told to leave."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", GATEWAY, str(data_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def joined(self) -> dict[str, Any]:
        """What the process got, once it has it."""
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def leave(self) -> None:
        """Stop as a gateway does at SIGTERM."""
        self.process.communicate()

    def kill(self) -> None:
        """End without a chance to tidy up."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[[], Gateway]]:
    """Starts gateways that share a data_dir; those still there at the end leave."""
    started: list[Gateway] = []

    def start() -> Gateway:
        started.append(Gateway(tmp_path))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            one.leave()
    embedded.start(tmp_path).stop()


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def answers(url: str) -> bool:
    try:
        with client(url) as connection:
            return bool(connection.ping())
    except redis.ConnectionError:
        return False


def server_pid(url: str) -> int:
    with client(url) as connection:
        info: Any = connection.info("server")
        return int(info["process_id"])


def socket_of(store: embedded.EmbeddedStore) -> Path:
    """Return where a server listens."""
    return Path(unquote(store.url.removeprefix("unix://")))


def crash(store: embedded.EmbeddedStore) -> None:
    """Kill the server and return when nobody listens any more."""
    os.kill(server_pid(store.url), signal.SIGKILL)
    assert valkey_process.wait_until(lambda: not answers(store.url), 10)


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param("plain", id="plain"),
        pytest.param("with a  blank", id="blanks"),
        pytest.param('it\'s "quoted" #1 %d \\n $HOME', id="characters a configuration file reads"),
        pytest.param("Köln/電話", id="letters beyond ASCII"),
        pytest.param("/".join(["d" * 90] * 10), id="path longer than a socket's name may be"),
    ],
)
def test_data_outlives_a_restart_in_any_folder(tmp_path: Path, folder: str) -> None:
    first = embedded.start(tmp_path / folder)
    with client(first.url) as connection:
        connection.set("key", "kept")
    first.stop()
    second = embedded.start(tmp_path / folder)
    with client(second.url) as connection:
        assert connection.get("key") == "kept"
    second.stop()


def test_a_relative_data_dir_is_meant_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    embedded.start(Path("var")).stop()
    assert (tmp_path / "var" / "valkey" / "appendonlydir").is_dir()


@pytest.mark.parametrize("folder", ["plain", "d" * 90 + "/" + "d" * 90])
def test_the_server_listens_on_a_socket_of_its_owner_alone(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder / "valkey").mkdir(mode=0o755, parents=True)
    store = embedded.start(tmp_path / folder)
    with client(store.url) as connection:
        config: Any = connection.config_get("port", "tls-port", "appendonly", "save")
    address = socket_of(store)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (address.parent, address)]
    store.stop()
    assert config == {"port": "0", "tls-port": "0", "appendonly": "yes", "save": ""}
    assert modes == [0o700, 0o700]
    assert len(os.fsencode(address)) <= 107


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of temporary files of this process and of those that it starts."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def test_a_path_too_long_for_a_socket_leaves_nothing_among_the_temporary_files(
    tmp_path: Path, temporary: Path
) -> None:
    data_dir = tmp_path / ("d" * 100)
    first = embedded.start(data_dir)
    assert socket_of(first).parent.parent == temporary
    crash(first)
    second = Gateway(data_dir)
    assert answers(second.joined()["url"])
    assert len(list(temporary.iterdir())) == 1
    second.leave()
    first.stop()
    assert list(temporary.iterdir()) == []


def test_no_folder_short_enough_for_a_socket_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("t" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with pytest.raises(ValueError, match="too long for a socket") as caught:
        embedded.start(tmp_path / ("d" * 100))
    assert "\n" not in str(caught.value)
    assert list(long.iterdir()) == []


def test_a_server_of_before_that_still_listens_on_a_port_is_joined(
    tmp_path: Path, gateway: Callable[[], Gateway]
) -> None:
    directory = tmp_path / "valkey"
    directory.mkdir()
    with (directory / "server.json").open("a+b") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        before = ValkeyProcess(directory, free_port(), appendonly="yes")
        before.start(held_file=state.fileno())
        state.write(json.dumps({"port": before.port, "pid": before.pid}).encode())
    one = gateway()
    assert one.joined() == {"url": before.url, "owned": True}
    one.leave()
    assert not answers(before.url)
    before.stop()


def test_stop_ends_the_server_and_may_be_called_again(tmp_path: Path) -> None:
    store = embedded.start(tmp_path)
    store.stop()
    store.stop()
    assert not answers(store.url)


def test_stop_ends_the_server_even_when_its_directory_was_deleted(tmp_path: Path) -> None:
    store = embedded.start(tmp_path)
    shutil.rmtree(tmp_path / "valkey")
    store.stop()
    assert not answers(store.url)


def test_a_second_gateway_joins_and_the_last_one_out_stops_the_server(
    gateway: Callable[[], Gateway],
) -> None:
    first, second = gateway(), gateway()
    one, other = first.joined(), second.joined()
    assert one["url"] == other["url"]
    assert sorted([one["owned"], other["owned"]]) == [False, True]
    first.leave()
    assert answers(one["url"])
    second.leave()
    assert not answers(one["url"])


def test_gateways_that_start_at_the_same_moment_start_one_server(
    gateway: Callable[[], Gateway],
) -> None:
    joined = [one.joined() for one in [gateway() for _ in range(6)]]
    assert len({one["url"] for one in joined}) == 1
    assert [one["owned"] for one in joined].count(True) == 1


def test_a_server_left_behind_by_a_killed_gateway_is_adopted(
    gateway: Callable[[], Gateway],
) -> None:
    killed = gateway()
    left = killed.joined()
    pid = server_pid(left["url"])
    killed.kill()
    adopter = gateway()
    assert adopter.joined() == {"url": left["url"], "owned": True}
    assert server_pid(left["url"]) == pid
    adopter.leave()
    assert not answers(left["url"])


def test_ctrl_c_in_the_terminal_reaches_the_gateway_but_not_the_server(
    gateway: Callable[[], Gateway],
) -> None:
    pid = server_pid(gateway().joined()["url"])
    assert os.getpgid(pid) == pid


def test_a_crashed_server_is_replaced_with_its_data_and_stopped_by_the_last_one_out(
    tmp_path: Path, gateway: Callable[[], Gateway]
) -> None:
    first = embedded.start(tmp_path)
    with client(first.url) as connection:
        connection.config_set("appendfsync", "always")
        connection.set("key", "kept")
    crash(first)
    second = gateway()
    joined = second.joined()
    assert joined["owned"]
    with client(joined["url"]) as connection:
        assert connection.get("key") == "kept"
    second.leave()
    assert answers(joined["url"])
    first.stop()
    assert not answers(joined["url"])


def broken_append_only_file(data_dir: Path) -> None:
    embedded.start(data_dir).stop()
    (written,) = (data_dir / "valkey" / "appendonlydir").glob("*.incr.aof")
    written.write_bytes(b"not a command\r\n" * 3)


def file_in_the_way(data_dir: Path) -> None:
    (data_dir / "valkey").write_text("")


def folder_instead_of_a_lock(data_dir: Path) -> None:
    (data_dir / "valkey" / "start.lock").mkdir(parents=True)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param(
            broken_append_only_file, "Bad file format reading the append only file", id="damaged"
        ),
        pytest.param(file_in_the_way, "cannot be used: File exists", id="a file in the way"),
        pytest.param(folder_instead_of_a_lock, "Is a directory", id="a lock cannot be opened"),
    ],
)
def test_an_unusable_data_dir_is_told_in_one_line_with_its_place(
    tmp_path: Path, prepare: Callable[[Path], None], reason: str
) -> None:
    prepare(tmp_path)
    with pytest.raises(ValueError, match=reason) as caught:
        embedded.start(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_running_server_that_does_not_answer_is_told_instead_of_started_twice(
    tmp_path: Path,
) -> None:
    store = embedded.start(tmp_path)
    pid = server_pid(store.url)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ValueError, match=f"process {pid}.* does not answer at"):
        embedded.start(tmp_path, patience=0)
    os.kill(pid, signal.SIGCONT)
    store.stop()


def test_a_running_server_with_an_unreadable_state_file_is_not_started_twice(
    tmp_path: Path,
) -> None:
    store = embedded.start(tmp_path)
    state = tmp_path / "valkey" / "server.json"
    told = state.read_text()
    state.write_text("")
    with pytest.raises(ValueError, match="does not tell where"):
        embedded.start(tmp_path)
    state.write_text(told)
    store.stop()


def test_a_stranger_in_the_place_of_a_dead_server_is_left_alone(tmp_path: Path) -> None:
    store = embedded.start(tmp_path)
    crash(store)
    (tmp_path / "stranger").mkdir()
    stranger = ValkeyProcess(tmp_path / "stranger", socket_of(store))
    stranger.start()
    store.stop()
    assert answers(stranger.url)
    stranger.stop()
