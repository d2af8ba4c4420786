"""Listening sockets of a process that may open no more files."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tornado.netutil import add_accept_handler, bind_sockets

from tests.support.visitor import eventually
from wiring.listener import PatientSocket


class CountingSocket(PatientSocket):
    """A patient socket that counts how often it is asked for a connection."""

    asked = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked += 1
        return super().accept()


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let this process open no file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        free = stack.enter_context(open("/dev/null")).fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 10, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with suppress(OSError):
            while True:
                stack.enter_context(open("/dev/null"))
        yield


async def test_a_listener_that_can_take_nobody_is_asked_once_until_it_has_rested() -> None:
    """The loop would else call it in each of its turns, since somebody waits."""
    taken: list[socket.socket] = []
    with ExitStack() as stack:
        [bound] = bind_sockets(0, "127.0.0.1")
        listener = stack.enter_context(CountingSocket(fileno=bound.detach()))
        stack.callback(add_accept_handler(listener, lambda made, _: taken.append(made)))
        client = stack.enter_context(socket.socket())
        with no_descriptor_left():
            client.connect(listener.getsockname())
            await eventually(lambda: listener.asked)
            for _ in range(100):
                await asyncio.sleep(0)
            assert (1, []) == (listener.asked, taken)
        await eventually(lambda: taken)
        taken[0].close()
