"""The container's recipe, carried out without an engine: its install lines and its start command.

What only an engine and root can do (the base image, Debian packages, the user) is read, not run.
"""

from __future__ import annotations

import fnmatch
import http.client
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.store.valkey_process import wait_until
from tests.support import ROOT
from tests.support.quick_venv import quick_python
from tests.support.servers.valkey import free_port

RECIPE = (ROOT / "conf" / "Dockerfile").read_text()
ENTRY = ROOT / "conf" / "deploy" / "entry"
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n\s*", "", RECIPE).splitlines()
    if line and not line.startswith("#")
]
# They keep an image small; here a cache saves the whole way of packages that lie in it already.
SAVING_ROOM = {"PIP_NO_CACHE_DIR", "UV_NO_CACHE"}
# Installing takes longer than a test usually may.
pytestmark = pytest.mark.timeout(300)


def arguments(name: str) -> list[str]:
    """What stands behind each instruction of that name."""
    return [argument for instruction, argument in INSTRUCTIONS if instruction == name]


@dataclass
class Container:
    """A folder that stands for the image's /app, and what the recipe has set so far."""

    app: Path
    environment: dict[str, str]
    user: str = "root"
    run_as_root: list[str] = field(default_factory=list)
    entrypoint: str = ""
    command: str = ""

    def apply(self, name: str, argument: str) -> None:
        """Carry one instruction out."""
        step: Callable[[str], None] | None = getattr(self, f"_{name.lower()}", None)
        if step:
            step(argument)

    def here(self, text: str) -> str:
        """The text with the image's folder replaced by ours."""
        return re.sub(r"/app\b", str(self.app), text)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """What "docker run image command..." starts."""
        return subprocess.Popen(
            [*shlex.split(self.entrypoint), *(command or shlex.split(self.command))],
            cwd=self.app,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _user(self, argument: str) -> None:
        self.user = argument

    def _env(self, argument: str) -> None:
        for assignment in shlex.split(self.here(argument)):
            name, _, value = assignment.partition("=")
            if name not in SAVING_ROOM:
                self.environment[name] = value.replace("$PATH", self.environment["PATH"])

    def _copy(self, argument: str) -> None:
        *sources, _ = [word for word in argument.split() if not word.startswith("--")]
        for source in sources:
            if source == ".":
                shutil.copytree(ROOT, self.app, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(ROOT / source, self.app)

    def _run(self, argument: str) -> None:
        if self.user == "root":
            self.run_as_root.append(argument)
        else:
            subprocess.run(
                self.here(argument), shell=True, cwd=self.app, env=self.environment, check=True
            )

    def _entrypoint(self, argument: str) -> None:
        self.entrypoint = self.here(exec_form(argument))

    def _cmd(self, argument: str) -> None:
        self.command = exec_form(argument)


def exec_form(argument: str) -> str:
    return shlex.join(re.findall(r'"([^"]*)"', argument))


def ignored(folder: str, names: list[str]) -> set[str]:
    """The names that .dockerignore keeps out of the image."""
    patterns = (ROOT / ".dockerignore").read_text().split()
    everywhere = [pattern[3:] for pattern in patterns if pattern.startswith("**/")]
    here = [*everywhere, *patterns] if Path(folder) == ROOT else everywhere
    return {name for name in names if any(fnmatch.fnmatch(name, one) for one in here)}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Container:
    """The recipe carried out in an empty folder."""
    folder = tmp_path_factory.mktemp("docker")
    (folder / "bin").mkdir()
    # The base image's interpreter is ours, outside of any virtual environment.
    quick_python(folder / "bin" / "python3")
    (folder / "app").mkdir()
    machine = {
        name: text for name, text in os.environ.items() if name.startswith(("PIP_", "SSL_", "UV_"))
    }
    made = Container(
        folder / "app",
        {**machine, "PATH": f"{folder / 'bin'}:/usr/bin:/bin", "HOME": os.environ["HOME"]},
    )
    for name, argument in INSTRUCTIONS:
        made.apply(name, argument)
    return made


def alive(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection), suppress(OSError):
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    return False


def test_without_arguments_it_serves_until_it_is_told_to_stop(
    container: Container, valkey_url: str
) -> None:
    port = free_port()
    process = container.start(PORT=str(port), REDIS_URL=valkey_url)
    wait_until(lambda: process.poll() is not None or alive(port), 30)
    served = alive(port)
    process.terminate()
    output, _ = process.communicate()
    assert served, output
    assert process.returncode == 0, output


@pytest.mark.parametrize(
    ("command", "line"),
    [
        pytest.param([], "app.py --port=8000", id="no argument serves"),
        pytest.param(["serve"], "app.py --port=8000", id="serve"),
        pytest.param(
            ["serve", "--limit_amount=3"], "app.py --port=8000 --limit_amount=3", id="serve, option"
        ),
        pytest.param(["--limit_amount=3"], "app.py --port=8000 --limit_amount=3", id="option only"),
        pytest.param(["test", "-k", "a b"], "-m pytest -n auto", id="test"),
        pytest.param(["coverage"], "--cov-report=html:cov-report", id="coverage"),
    ],
)
def test_each_argument_starts_its_program(tmp_path: Path, command: list[str], line: str) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    started = subprocess.run(
        [ENTRY, *command],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert line in started.stdout


def test_an_unknown_argument_is_told_with_the_known_ones() -> None:
    started = subprocess.run(
        [ENTRY, "sevre"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert started.returncode == 64
    assert started.stderr.startswith("usage: serve")


@pytest.mark.parametrize("mode", ["test", "coverage"])
def test_it_runs_tests_as_it_was_installed(container: Container, mode: str, tmp_path: Path) -> None:
    # In one process and with a report of one folder, or this would take a minute.
    report = container.app / "cov-report"
    shutil.rmtree(report, ignore_errors=True)
    few = tmp_path / "few.ini"
    few.write_text("[report]\ninclude = gateway/telephony/*\n")
    quickly = ["-n0", f"--cov-config={few}"]
    process = container.start(mode, *quickly, "tests/gateway/telephony/test_segments.py")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert (report / "index.html").exists() == (mode == "coverage")


def test_the_base_image_is_an_argument_and_the_time_to_stop_is_told() -> None:
    assert arguments("ARG")[0].startswith("BASE=python:3")
    assert arguments("FROM")[0] == "${BASE} AS serve"
    told = re.findall(r"--stop-timeout (\d+)|stop_grace_period: (\d+)s", RECIPE)
    assert [int(a or b) for a, b in told] == [35, 35]  # a stop takes 30 s at most


def test_the_gateway_runs_unprivileged_and_shows_port_8000() -> None:
    assert arguments("USER")[-1] == "gateway"
    assert arguments("EXPOSE") == ["8000"]


def test_root_only_makes_the_user_and_installs_what_the_tests_need(container: Container) -> None:
    programs = [part.split()[0] for line in container.run_as_root for part in line.split("&&")]
    assert programs == ["useradd", "install", "apt-get", "apt-get", "rm"]
    packages = container.run_as_root[1].partition("--no-install-recommends ")[2].partition(" &&")[0]
    needed = set(re.findall(r"^  \[.*\]=(\S+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    # The base image is a Python, and only .ci/run clones.
    assert set(packages.split()) == needed - {"git", "python3"}


def test_nothing_of_the_working_copy_that_git_ignores_gets_into_the_image() -> None:
    patterns = (ROOT / ".dockerignore").read_text()
    made = {".venv", ".env", "var", "cov-report", ".git"}
    assert made <= set(patterns.split())
