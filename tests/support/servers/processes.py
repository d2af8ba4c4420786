"""The gateway and the emulator as processes of their own, started and ended by a test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, Self

from tests.support import ROOT
from tests.support.servers.nursery import Child

START_SECONDS = 40.0
STOP_SECONDS = 35.0


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once ``condition`` holds; raises TimeoutError when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.02)


class Process:
    """A Python program with its output in a file; ended by its own process id."""

    def __init__(self, *command: str, environ: dict[str, str] | None = None) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self._popen = self._start(command, _clean_environment() | (environ or {}))

    def _start(
        self, command: Sequence[str], environ: dict[str, str]
    ) -> Child | subprocess.Popen[bytes]:
        return Child(command, ROOT, environ, self._output)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def log(self) -> str:
        """All that the process has printed so far."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self._popen.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the end and return the exit status."""
        return self._popen.wait(seconds)

    def stop(self) -> int:
        """End the process with SIGTERM and return its exit status."""
        if self._popen.poll() is None:
            self._popen.terminate()
        try:
            return self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            raise
        finally:
            self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class FreshProcess(Process):
    """One that an interpreter of its own runs, from its first line on."""

    def _start(self, command: Sequence[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )


# What all gateways of a run are started with; a run with ``--http_server`` adds to it.
COMMON_OPTIONS: list[str] = []


class GatewayProcess(Process):
    """``python app.py --port=0 …`` on loopback, listening when the constructor returns."""

    def __init__(self, *options: str, environ: dict[str, str] | None = None) -> None:
        super().__init__(
            "app.py", "--port=0", "--localhostonly", *COMMON_OPTIONS, *options, environ=environ
        )
        self.port = int(self._wait_for_line(r"listening on http://[\d.]+:(\d+)"))
        self.url = f"http://127.0.0.1:{self.port}"

    def _wait_for_line(self, pattern: str) -> str:
        def seen() -> re.Match[str] | None:
            if (status := self._popen.poll()) is not None:
                raise RuntimeError(f"ended with status {status}:\n{self.log}")
            return re.search(pattern, self.log)

        try:
            wait_for(seen, START_SECONDS)
        except Exception:
            self._popen.kill()
            self._popen.wait()
            raise
        found = seen()
        assert found
        return found[1]


def _clean_environment() -> dict[str, str]:
    """Return what a process needs of our environment; no option of the gateway is among it."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")
    return {name: os.environ[name] for name in names if name in os.environ}
