"""What .ci/run installs, checks and says, with every command it calls replaced by a stub."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import ROOT


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A folder of commands that only note that they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("apt-get", "make", "chromium", "wrk", "logrotate", "python3"):
        write_stub(folder, name, f'echo {name} "$@" >> "{tmp_path}/calls"')
    write_stub(folder, "id", "echo 0")
    # A clone is a folder whose environment has an interpreter.
    write_stub(
        folder,
        "git",
        f'echo git "$1" >> "{tmp_path}/calls"\n'
        f'mkdir -p "$4/.venv/bin" && cp "{folder}/python3" "$4/.venv/bin/python"',
    )
    for name in ("cp", "mkdir", "mktemp", "rm"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def write_stub(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)


def ci(stubs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("bash") or "bash", ROOT / ".ci" / "run"],
        env={"PATH": str(stubs), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(stubs: Path) -> list[str]:
    lines = (stubs.parent / "calls").read_text().splitlines()
    return [line for line in lines if not line.startswith("python3 -c")]


def installation(pip: str) -> list[str]:
    """What a fresh clone is installed with."""
    return [
        "git clone",
        "make venv",
        f"python3 -m pip install --quiet --upgrade {pip}",
        "python3 -m pip --version",
        "make install-dev",
        "python3 app.py --help",
    ]


def test_ci_installs_fresh_clones_with_an_old_and_the_newest_pip_and_checks_one(
    stubs: Path,
) -> None:
    assert ci(stubs).returncode == 0
    checks = ["make lint", "make test", "make prove"]
    assert calls(stubs) == [*installation("pip==23.0"), *installation("pip"), *checks]


def test_ci_leaves_nothing_behind(stubs: Path, tmp_path: Path) -> None:
    assert ci(stubs, TMPDIR=str(tmp_path)).returncode == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp.")] == []


def test_ci_installs_only_what_is_missing(stubs: Path) -> None:
    (stubs / "chromium").unlink()
    write_stub(stubs, "python3", '[ "$1" != -c ]')
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


@pytest.mark.parametrize("failing", ["install-dev", "lint", "test", "prove"])
def test_ci_fails_when_a_step_fails(stubs: Path, failing: str) -> None:
    write_stub(stubs, "make", f'[ "$1" != {failing} ]')
    assert ci(stubs).returncode != 0
