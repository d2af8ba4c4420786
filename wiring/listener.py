"""Listening sockets that rest while the process may open no more files."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterable
from typing import Any

from tornado.ioloop import IOLoop

log = logging.getLogger(__name__)

# Between two looks whether a connection can be taken again.
REST_SECONDS = 0.5
LINE_SECONDS = 60.0


class PatientSocket(socket.socket):
    """A listening socket of Tornado's that is not asked again at once when it can take nobody.

    Who is in its queue makes the loop call it all the time: without a rest each call would fail
    (EMFILE, ENFILE, ENOBUFS), be logged, and cost a core. Those who wait are taken later.
    """

    _said = -LINE_SECONDS

    def accept(self) -> tuple[socket.socket, Any]:
        """Return a connection and its address; raises BlockingIOError when there is none now."""
        try:
            return super().accept()
        except (BlockingIOError, ConnectionAbortedError):
            raise
        except OSError as error:
            self._rest(error)
            raise BlockingIOError from None

    def _rest(self, error: OSError) -> None:
        now = time.monotonic()
        if now - PatientSocket._said >= LINE_SECONDS:
            PatientSocket._said = now
            log.error("no connection can be accepted now, they wait: %s", error.strerror)
        loop = IOLoop.current()
        loop.update_handler(self, 0)
        loop.call_later(REST_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if self.fileno() >= 0:  # else the server was stopped meanwhile
            IOLoop.current().update_handler(self, IOLoop.READ)


def patient(sockets: Iterable[socket.socket]) -> list[socket.socket]:
    """Return the same listening sockets as patient ones; those given are not used any more."""
    return [PatientSocket(fileno=each.detach()) for each in sockets]
