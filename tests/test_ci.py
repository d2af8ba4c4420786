"""What .ci/run installs, checks and says, with every command it calls replaced by a stub."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A folder of commands that only note that they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("apt-get", "make", "chromium", "wrk", "python3"):
        write_stub(folder, name, f'echo {name} "$@" >> "{tmp_path}/calls"')
    write_stub(folder, "id", "echo 0")
    return folder


def write_stub(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)


def ci(stubs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("bash") or "bash", ROOT / ".ci" / "run"],
        env={"PATH": str(stubs)},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(stubs: Path) -> list[str]:
    lines = (stubs.parent / "calls").read_text().splitlines()
    return [line for line in lines if not line.startswith("python3")]


def test_ci_checks_and_tests_and_installs_nothing_where_nothing_is_missing(stubs: Path) -> None:
    assert ci(stubs).returncode == 0
    assert calls(stubs) == ["make lint", "make test"]


def test_ci_installs_only_what_is_missing(stubs: Path) -> None:
    (stubs / "chromium").unlink()
    write_stub(stubs, "python3", "exit 1")
    assert ci(stubs).returncode == 0
    packages = "--quiet --yes --no-install-recommends chromium python3-venv"
    assert calls(stubs)[:2] == ["apt-get update --quiet", f"apt-get install {packages}"]


@pytest.mark.parametrize(
    "unable",
    [
        pytest.param(lambda stubs: write_stub(stubs, "id", "echo 1000"), id="not root"),
        pytest.param(lambda stubs: (stubs / "apt-get").unlink(), id="not Debian"),
    ],
)
def test_ci_names_what_is_missing_where_it_cannot_install(
    stubs: Path, unable: Callable[[Path], object]
) -> None:
    unable(stubs)
    (stubs / "chromium").unlink()
    (stubs / "wrk").unlink()
    finished = ci(stubs)
    assert finished.returncode == 1
    assert finished.stderr.startswith("missing: chromium wrk;")


@pytest.mark.parametrize("failing", ["lint", "test"])
def test_ci_fails_when_a_step_fails(stubs: Path, failing: str) -> None:
    write_stub(stubs, "make", f'[ "$1" != {failing} ]')
    assert ci(stubs).returncode != 0
