"""Starts Python programs quickly: forked from a process that has imported what they need already.

Importing is nearly all that a start of the gateway costs. A program finds what a fresh interpreter
finds: its arguments, its environment, its output.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import ModuleType
from typing import IO, Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.servers.imports"])
# Several threads start and watch programs, which multiprocessing does not expect.
_LOCK = threading.Lock()


class Child:
    """A program that runs, with the methods of ``subprocess.Popen`` that its owner needs."""

    def __init__(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], output: IO[bytes]
    ) -> None:
        run = _Run(output.fileno(), list(command), folder, dict(environ))
        self._process = _CONTEXT.Process(target=run)
        with _LOCK, _without_main():
            self._process.start()
        assert self._process.pid
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, or minus the signal that ended it; None while it runs."""
        with _LOCK:
            return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Return the exit status; raises subprocess.TimeoutExpired when there is none in time."""
        connection.wait([self._process.sentinel], seconds)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), seconds or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep multiprocessing from importing our own main program in the child."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Run:
    """What a forked process does; its output's descriptor is handed over when it is pickled."""

    def __init__(
        self, output: int, command: list[str], folder: Path, environ: dict[str, str]
    ) -> None:
        self._given = output, command, folder, environ

    def __reduce__(self) -> Any:
        output, *given = self._given
        return _Run, (DupFd(output), *given)

    def __call__(self) -> None:
        output, command, folder, environ = self._given
        os.dup2(output.detach(), sys.stdout.fileno())  # type: ignore[attr-defined]  # a DupFd
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(folder)
        sys.path[0] = str(folder)
        sys.dont_write_bytecode = False
        if command[0] == "-m":
            sys.argv = command[1:]
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = command
            runpy.run_path(command[0], run_name="__main__")
