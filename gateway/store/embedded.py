"""The Valkey server that all gateways in development_mode with one data_dir share."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import redis

from gateway.store.valkey_process import (
    START_SECONDS,
    STOP_SECONDS,
    Address,
    ValkeyProcess,
    blocking_client,
    is_ready,
    redis_url,
    wait_until,
)

log = logging.getLogger(__name__)

_STATE_NAME = "server.json"
_SOCKET_NAME = "server.sock"
# sun_path of unix(7) has 108 bytes, the last of which is a zero.
LONGEST_SOCKET_PATH = 107


class EmbeddedStore:
    """One gateway's hold on the shared server.

    url: the server's address; owned: this gateway has started it, or found it left behind.
    presence: the lock that all gateways share; alone: nobody else held it; child: the server, if
    it was started here.
    """

    def __init__(
        self,
        directory: Path,
        address: Address,
        presence: IO[bytes],
        alone: bool,
        child: ValkeyProcess | None,
    ) -> None:
        self.url = redis_url(address)
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
        # Phone numbers are kept in it, and who reaches the socket needs no password.
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
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
        address = _find_running(directory, patience)
        if address is not None:
            return EmbeddedStore(directory, address, presence, alone, child=None)
        child = _launch_shared(directory)
        return EmbeddedStore(directory, child.address, presence, alone, child)
    except BaseException:
        presence.close()
        raise


def _find_running(directory: Path, patience: float) -> Address | None:
    """Return where the server is that works on these files, None when there is none.

    Raises ValueError when it does not answer.
    """
    with (directory / _STATE_NAME).open("a+b") as state:
        if _try_lock(state):
            return None
        address, pid = _read_state(state)
    if not wait_until(lambda: is_ready(address, directory), patience):
        raise ValueError(
            f"the Valkey server that holds {directory} (process {pid or 'unknown'})"
            f" does not answer at {address}; end it and start again"
        )
    return address


def _launch_shared(directory: Path) -> ValkeyProcess:
    """Return a new server that holds the locked state file open.

    The lock lasts exactly as long as the server: who comes later need not guess by process ids
    whether the files are in use.
    """
    with (directory / _STATE_NAME).open("a+b") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        _remove_folder(state, directory)
        server = ValkeyProcess(directory, _new_socket(directory), appendonly="yes")
        # Before the start too: should we be killed in between, the place is known.
        # The port says to a gateway of before that there is none.
        _write_state(state, socket=str(server.address), port=0)
        server.start(held_file=state.fileno())
        _write_state(state, socket=str(server.address), port=0, pid=server.pid)
        return server


def _new_socket(directory: Path) -> Path:
    """Return where a new server is to listen: a folder that nobody else may enter.

    A path that is too long for a socket gives way to a folder among the temporary ones. Raises
    OSError when that cannot be made, ValueError when its path is too long as well.
    """
    if len(os.fsencode(directory / _SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return directory / _SOCKET_NAME
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    if len(os.fsencode(folder / _SOCKET_NAME)) > LONGEST_SOCKET_PATH:
        folder.rmdir()
        raise ValueError(f"data_dir: both {directory} and {folder} are too long for a socket")
    return folder / _SOCKET_NAME


def _remove_folder(state: IO[bytes], directory: Path) -> None:
    """Take away the folder that was made for the socket of a server that has ended."""
    with contextlib.suppress(ValueError, OSError):
        address, _ = _read_state(state)
        if isinstance(address, Path) and address.parent != directory:
            address.unlink(missing_ok=True)
            address.parent.rmdir()


def _shut_down(directory: Path) -> None:
    """End the server that works on these files, if there is one."""
    with (directory / _STATE_NAME).open("a+b") as state:
        # Without this look a stranger that took over the place of a dead server would be ended.
        if not _try_lock(state):
            # Not where we were told: another gateway may have replaced a crashed server.
            address, _ = _read_state(state)
            server = blocking_client(address, STOP_SECONDS)
            with contextlib.suppress(redis.RedisError), server:
                server.shutdown()
            if not wait_until(lambda: _try_lock(state), STOP_SECONDS):
                log.warning("the embedded Valkey at %s did not stop", address)
                return
        _remove_folder(state, directory)


def _read_state(state: IO[bytes]) -> tuple[Address, int | None]:
    """Return the server's address and process id, None until that is known; raises ValueError.

    A port is what a server of before this release has, which may still be running.
    """
    state.seek(0)
    try:
        fields = json.load(state)
        where = Path(fields["socket"]) if "socket" in fields else int(fields["port"])
        return where, fields.get("pid")
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"a Valkey server is running on these files but {state.name} does not tell where;"
            " end that server and start again"
        ) from error


def _write_state(state: IO[bytes], **fields: int | str) -> None:
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
