"""The Valkey server that all gateways in development_mode with one data_dir share."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import redis

from gateway.store.valkey_process import (
    START_SECONDS,
    STOP_SECONDS,
    ValkeyProcess,
    blocking_client,
    is_ready,
    on_free_port,
    redis_url,
    wait_until,
)

log = logging.getLogger(__name__)

_STATE_NAME = "server.json"


class EmbeddedStore:
    """One gateway's hold on the shared server.

    url: the server's address; owned: this gateway has started it, or found it left behind.
    presence: the lock that all gateways share; alone: nobody else held it; child: the server, if
    it was started here.
    """

    def __init__(
        self,
        directory: Path,
        port: int,
        presence: IO[bytes],
        alone: bool,
        child: ValkeyProcess | None,
    ) -> None:
        self.url = redis_url(port)
        self.owned = alone or child is not None
        self._directory = directory
        self._presence = presence
        self._child = child

    def stop(self) -> None:
        """Let go of the server; the last gateway to do so stops it. May be called again."""
        if self._presence.closed:
            return
        with self._presence:
            try:
                with _exclusive(self._directory):
                    last = _try_lock(self._presence)
                    if last:
                        _shut_down(self._directory)
            except FileNotFoundError:
                # Somebody deleted the directory: no other gateway can find this server.
                last = True
        if last and self._child:
            self._child.stop()


def start(data_dir: Path, patience: float = START_SECONDS) -> EmbeddedStore:
    """Return a hold on the server in ``data_dir``/valkey: the one that runs there, else a new one.

    Blocks until the server answers, for a running one at most ``patience`` seconds. Raises
    ValueError, in one line with the place, when the directory cannot be used, its files cannot
    be read, or a running server does not answer.
    """
    directory = data_dir.resolve() / "valkey"
    try:
        # Phone numbers are kept in it.
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _exclusive(directory):
            return _join_or_launch(directory, patience)
    except OSError as error:
        raise ValueError(f"data_dir: {directory} cannot be used: {error.strerror}") from error


def _join_or_launch(directory: Path, patience: float) -> EmbeddedStore:
    presence = (directory / "gateways.lock").open("ab")
    try:
        alone = _try_lock(presence)
        # Held for the process's life, and given back by the system however the process ends.
        fcntl.flock(presence, fcntl.LOCK_SH)
        port = _find_running(directory, patience)
        if port is not None:
            return EmbeddedStore(directory, port, presence, alone, child=None)
        child = _launch_shared(directory)
        return EmbeddedStore(directory, child.port, presence, alone, child)
    except BaseException:
        presence.close()
        raise


def _find_running(directory: Path, patience: float) -> int | None:
    """Return the port of the server that works on these files, None when there is none.

    Raises ValueError when it does not answer.
    """
    with (directory / _STATE_NAME).open("a+b") as state:
        if _try_lock(state):
            return None
        port, pid = _read_state(state)
    if not wait_until(lambda: is_ready(port, directory), patience):
        raise ValueError(
            f"the Valkey server that holds {directory} (process {pid or 'unknown'})"
            f" does not answer on port {port}; end it and start again"
        )
    return port


def _launch_shared(directory: Path) -> ValkeyProcess:
    """Return a new server that holds the locked state file open.

    The lock lasts exactly as long as the server: who comes later need not guess by process ids
    whether the files are in use.
    """
    with (directory / _STATE_NAME).open("a+b") as state:
        fcntl.flock(state, fcntl.LOCK_EX)

        def launch(port: int) -> ValkeyProcess:
            # Before the start too: should we be killed in between, the port is known.
            _write_state(state, port=port)
            server = ValkeyProcess(directory, port, appendonly="yes")
            server.start(held_file=state.fileno())
            _write_state(state, port=port, pid=server.pid)
            return server

        return on_free_port(launch)


def _shut_down(directory: Path) -> None:
    """End the server that works on these files, if there is one."""
    with (directory / _STATE_NAME).open("a+b") as state:
        # Without this look a stranger that took over the port of a dead server would be ended.
        if _try_lock(state):
            return
        # Not the port we were given: another gateway may have replaced a crashed server.
        port, _ = _read_state(state)
        server = blocking_client(port, STOP_SECONDS)
        with contextlib.suppress(redis.RedisError), server:
            server.shutdown()
        if not wait_until(lambda: _try_lock(state), STOP_SECONDS):
            log.warning("the embedded Valkey on port %d did not stop", port)


def _read_state(state: IO[bytes]) -> tuple[int, int | None]:
    """Return the server's port and process id, None until that is known; raises ValueError."""
    state.seek(0)
    try:
        fields = json.load(state)
        return fields["port"], fields.get("pid")
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"a Valkey server is running on these files but {state.name} does not tell its port;"
            " end that server and start again"
        ) from error


def _write_state(state: IO[bytes], **fields: int) -> None:
    state.truncate(0)
    state.write(json.dumps(fields).encode())
    state.flush()


@contextlib.contextmanager
def _exclusive(directory: Path) -> Iterator[None]:
    """Let one gateway at a time decide who starts and who stops the server."""
    with (directory / "start.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    """Lock a file for this process alone; False when another one has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
