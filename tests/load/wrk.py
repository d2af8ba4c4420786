"""One load of the HTTP benchmark tool wrk, with every answer looked at."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("requests.lua")
MISSING = "wrk was not found. Debian, Ubuntu: apt-get install wrk"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a load; ``body`` is a form."""

    path: str
    method: str = "GET"
    body: str = ""

    def __str__(self) -> str:
        return f"{self.method}\t{self.path}\t{self.body}\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back: ``wrong`` has another status or body, ``broken`` are socket errors."""

    requests: int
    wrong: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def good(self) -> int:
        """The answers that are as they should be."""
        return self.requests - self.wrong

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


def require_wrk() -> None:
    """End the program with a line that says what to install when there is no wrk."""
    if shutil.which("wrk") is None:
        raise SystemExit(MISSING)


def load(
    url: str, requests: Sequence[Request], expected: str, *, seconds: int, connections: int
) -> Answers:
    """Send ``requests`` in turn for ``seconds`` and return what came back.

    expected: a text that every good body holds, '' = the body has to be empty.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.writelines(map(str, requests))
        file.flush()
        options = ["--threads=1", f"--connections={connections}", f"--duration={seconds}s"]
        output = subprocess.run(
            ["wrk", *options, f"--script={SCRIPT}", url, "--", file.name, expected],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds + 30,
        ).stdout
    return Answers(**json.loads(output.strip().splitlines()[-1]))
