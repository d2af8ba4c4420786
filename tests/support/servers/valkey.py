"""Valkey servers of tests, each on a free loopback port."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from gateway.store.valkey_process import LOOPBACK, ValkeyProcess

# What the server says of a port that another program took after it was chosen.
TAKEN = "Failed listening on port"
# Below the range from which systems take the ports of outgoing connections: a client that keeps
# reconnecting to a stopped server inside that range can end up connected to itself.
_PORTS = range(20_000, 32_000)
_PORT_ATTEMPTS = 50


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
        try:
            return launch(free_port())
        except ValueError as error:
            if TAKEN not in str(error):
                raise
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
