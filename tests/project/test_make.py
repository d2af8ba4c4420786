"""The two commands: what make installs and when, in any folder, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.store.valkey_process import wait_until
from tests.support import ROOT
from tests.support.quick_venv import quick_python
from tests.support.servers.valkey import free_port

NOT_IN_A_CLONE = shutil.ignore_patterns(
    ".git", ".venv", "var", "cov-report", "__pycache__", ".*_cache"
)
MOVED = "moved"
# A make inside "make test ARGS=..." would take over the outer one's variables.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "VIRTUAL_ENV", "WORKERS"}
}

# Installing takes longer than a test usually may.
pytestmark = pytest.mark.timeout(300)


def make(folder: Path, *arguments: str, python: str = sys.executable) -> str:
    """What make printed; CalledProcessError when it failed."""
    return subprocess.run(
        ["make", *arguments, f"PYTHON={python}"],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def failure(folder: Path, *arguments: str, python: str = sys.executable) -> str:
    """What make printed while it failed."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        make(folder, *arguments, python=python)
    output: str = caught.value.stdout
    return output


def tiny_lock(folder: Path, version: str) -> str:
    """The line that pins a one-module package which lies in the folder."""
    wheel = folder / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", f"version = {version!r}\n")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return f"./{wheel.name} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def installed(folder: Path) -> str:
    """The version of the tiny package in the folder's environment."""
    return subprocess.run(
        [folder / ".venv/bin/python", "-c", "import tiny; print(tiny.version)"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()


def leave_mark(folder: Path) -> Path:
    """A file that is gone once the environment was made anew."""
    mark = folder / ".venv" / "mark"
    mark.touch()
    return mark


@dataclass(frozen=True)
class Small:
    """A folder with a lock of one tiny package, installed; python: makes environments quickly."""

    folder: Path
    python: str


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The folder away from where it was installed; only its environment is filled by pip."""
    folder = tmp_path_factory.mktemp("small") / "it's a folder"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "requirements-uv.txt", folder)
    (folder / "requirements.txt").write_text(tiny_lock(folder, "1.0"))
    make(folder, "install", python=str(quick_python(folder.with_name("quick python"))))
    python = copying_python(folder.with_name("python"), folder / ".venv")
    return Small(folder.rename(folder.with_name("as installed")), str(python))


def copying_python(place: Path, environment: Path) -> Path:
    """A Python at that place; it makes an environment by copying this one as it was with only uv.

    To make one and to bring uv takes several seconds each time.
    """
    with_uv = place.with_name("with uv")
    later = shutil.ignore_patterns("made-with", "requirements.txt", "tiny*")
    shutil.copytree(environment, with_uv, symlinks=True, ignore=later)
    copy = "import os, shutil, sys; shutil.copytree(*sys.argv[1:], True, copy_function=os.link)"
    run = "import sys; sys._base_executable = sys.argv[2]; exec(sys.argv[1])"
    place.write_text(
        f"""#!/bin/sh
[ "$1" != -m ] || exec "{sys.executable}" -c "{copy}" "{with_uv}" "$3"
exec "{sys.executable}" -c "{run}" "$2" "$0"
"""
    )
    place.chmod(0o755)
    return place


@pytest.fixture
def small(installed_once: Small) -> Iterator[Small]:
    """A copy of it, in the place where it was installed."""
    folder = installed_once.folder.with_name("it's a folder")
    # Whoever installs replaces programs and packages, and never writes into their files.
    replaced = ("bin", "lib")
    ignore = shutil.ignore_patterns(*replaced)
    shutil.copytree(installed_once.folder, folder, symlinks=True, ignore=ignore)
    for name in replaced:
        source, target = (each / ".venv" / name for each in (installed_once.folder, folder))
        shutil.copytree(source, target, symlinks=True, copy_function=os.link)
    yield replace(installed_once, folder=folder)
    for left in (folder, folder.with_name(MOVED)):
        shutil.rmtree(left, ignore_errors=True)


@pytest.fixture(scope="module")
def checkout(installed_once: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project in a folder with blanks in its name, installed."""
    folder = tmp_path_factory.mktemp("make") / "a new  checkout"
    shutil.copytree(ROOT, folder, ignore=NOT_IN_A_CLONE)
    make(folder, "install", python=installed_once.python)
    return folder


def test_install_again_does_nothing(small: Small) -> None:
    mark = leave_mark(small.folder)
    environment = small.folder / ".venv"
    before = {path: path.stat().st_mtime_ns for path in environment.iterdir()}
    assert make(small.folder, "install") == ""
    assert {path: path.stat().st_mtime_ns for path in environment.iterdir()} == before
    assert mark.exists()


def test_a_changed_lock_is_installed_into_the_same_environment(small: Small) -> None:
    mark = leave_mark(small.folder)
    (small.folder / "requirements.txt").write_text(tiny_lock(small.folder, "2.0"))
    make(small.folder, "install")
    assert installed(small.folder) == "2.0"
    assert mark.exists()


def test_install_adds_what_make_run_needs_and_production_does_without(small: Small) -> None:
    lock = tiny_lock(small.folder, "2.0")
    (small.folder / "requirements-run.txt").write_text(lock)
    make(small.folder, "install-production")
    assert installed(small.folder) == "1.0"
    make(small.folder, "install")
    assert installed(small.folder) == "2.0"
    assert make(small.folder, "install") == ""


def test_another_python_makes_the_environment_anew(small: Small) -> None:
    mark = leave_mark(small.folder)
    (small.folder / ".venv" / "made-with").write_text("Python 3.11.0 of /elsewhere\n")
    make(small.folder, "install", python=small.python)
    assert installed(small.folder) == "1.0"
    assert not mark.exists()


def test_a_moved_checkout_makes_the_environment_anew(small: Small) -> None:
    leave_mark(small.folder)
    moved = small.folder.rename(small.folder.with_name(MOVED))
    make(moved, "install", python=small.python)
    assert installed(moved) == "1.0"
    assert not (moved / ".venv" / "mark").exists()


def test_an_installation_broken_off_does_not_count(small: Small) -> None:
    lock = small.folder / "requirements.txt"
    good = tiny_lock(small.folder, "2.0")
    lock.write_text(re.sub("sha256:.{8}", "sha256:00000000", good))
    assert "Hash mismatch" in failure(small.folder, "install")
    mark = leave_mark(small.folder)
    assert "Hash mismatch" in failure(small.folder, "install", python=small.python)
    assert not mark.exists()
    lock.write_text(good)
    make(small.folder, "install", python=small.python)
    assert installed(small.folder) == "2.0"


@pytest.mark.parametrize(
    ("pretend", "message"),
    [
        pytest.param(
            "import sys; sys.version_info = (3, 10, 4, 'final', 0)",
            "Python 3.11 or newer is needed, and .* is 3.10. .*apt-get install python3 ",
            id="too old",
        ),
        pytest.param(
            "import sys; sys.modules['ensurepip'] = None",
            r"has no venv module. .*apt-get install python3\.\d+-venv",
            id="without the venv module",
        ),
    ],
)
def test_an_unfit_python_is_told_with_what_to_install(
    tmp_path: Path, pretend: str, message: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    unfit = tmp_path / "python"
    unfit.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}; exec(sys.argv[1])" "$2"\n')
    unfit.chmod(0o755)
    assert re.search(message, failure(tmp_path, "install", python=str(unfit)))


def test_a_missing_python_is_told_with_what_to_install(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    output = failure(tmp_path, "install", python="python-that-is-not-there")
    assert "python-that-is-not-there was not found" in output
    assert "apt-get install python3" in output


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        pytest.param(["run"], "python app.py --development_mode", id="run"),
        pytest.param(
            ["run", "ARGS=--port=9000"], "app.py --development_mode --port=9000", id="run, options"
        ),
        pytest.param(["test"], "python -m pytest -n auto", id="test"),
        pytest.param(["test", "ARGS=-k 'a b'"], "--dist=loadfile -k 'a b'", id="test, options"),
        pytest.param(["prove"], "--dist=loadfile --long -m long", id="prove"),
        pytest.param(["coverage"], "--cov-report=html:cov-report", id="coverage"),
        pytest.param(["lint"], "-m ruff format --check .", id="lint, formatting"),
        pytest.param(["lint"], "-m ruff check .", id="lint, rules"),
        pytest.param(["lint"], "-m mypy", id="lint, types"),
        pytest.param(["bench"], "-m tests.load.bench", id="bench"),
        pytest.param(["lock"], "uv pip compile", id="lock"),
        pytest.param(["lock"], "--group run", id="lock of development_mode"),
    ],
)
def test_each_target_runs_its_command(arguments: list[str], command: str) -> None:
    assert command in make(ROOT, "-n", *arguments)


def test_help_lists_every_target_a_person_may_call() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    listed = re.findall(r"^  make ([\w-]+)", make(ROOT, "help"), re.MULTILINE)
    assert sorted(set(phony[1].split()) - {"venv"}) == sorted(listed)


def test_the_whole_lock_installs_and_is_then_current(checkout: Path) -> None:
    assert make(checkout, "install") == ""


@pytest.mark.parametrize("time", ["first", "second"])
def test_make_run_serves_each_time_although_6379_is_taken(checkout: Path, time: str) -> None:
    port = free_port()
    with taken(6379), running(checkout, port) as (process, output):
        wait_until(lambda: process.poll() is not None or status(port, "/health/ready") == 200, 60)
        assert status(port, "/health/ready") == 200, output.read_text()
    assert f":{port}" in output.read_text()
    store = json.loads((checkout / "var" / "valkey" / "server.json").read_text())
    assert store["port"] == 0, "it listens on a socket"


@contextmanager
def running(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Keep "make run" going until the block ends; gives it with the file of what it prints."""
    output = folder / "make-run.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            ["make", "run", f"PYTHON={sys.executable}", f"ARGS=--port={port}"],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, output
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(35)


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody listens on the port: we, or who was there before us."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        assert listens(port)
        yield


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def status(port: int, path: str) -> int | None:
    """The HTTP status of the answer, None while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection), suppress(OSError):
        connection.request("GET", path)
        return connection.getresponse().status
    return None
