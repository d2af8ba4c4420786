"""Everything that a load needs, each in a process of its own on loopback."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.servers.processes import FreshProcess, Process, wait_for
from tests.support.servers.valkey import start_temporary

WEBHOOK_TOKEN = "load-benchmark"
# The numbers of the loads are North American, where a sender has to be a number.
NORTH_AMERICAN_SENDER = "12065550199"
SETTLE_SECONDS = 30.0
PHONES = 20

# The limiters count every call, but never refuse one; nothing is paced.
GATEWAY_OPTIONS = (
    "--port=0",
    "--localhostonly",
    "--limit_amount=100000000",
    "--receiver_limit_amount=100000000",
    "--nexmo_rate=0",
    "--nexmo_ssl=no",
    "--nexmo_api_key=emulator",
    "--nexmo_api_secret=emulator-secret",
    "--message=Get the app: https://example.com/download",
    "--sender=Example",
    f"--nexmo_long_virtual_number={NORTH_AMERICAN_SENDER}",
    f"--webhook_token={WEBHOOK_TOKEN}",
)

UNPROTECTED = ("--protection=off", "--budget_day=0", "--budget_month=0")


@dataclass(frozen=True, slots=True)
class Phone:
    """An Android phone that runs SMSsync, as the gateway knows it; number: E.164."""

    name: str
    secret: str
    number: str

    @property
    def path(self) -> str:
        """Where it posts and polls."""
        return f"/smssync/{self.name}/"


def phones(count: int = PHONES) -> list[Phone]:
    """Return so many phones, 100 at most, with numbers for fiction."""
    return [
        Phone(f"phone-{each:02d}", f"secret-of-{each:02d}", f"+120655501{each:02d}")
        for each in range(count)
    ]


def write_devices(folder: Path, found: Sequence[Phone]) -> Path:
    """Write the gateway's file of these phones, none of which has an hourly cap; return it."""
    file = folder / "devices.toml"
    tables = (
        f'[[device]]\nname = "{each.name}"\nsecret = "{each.secret}"\n'
        f'numbers = ["{each.number}"]\nhourly_cap = 0\n'
        for each in found
    )
    file.write_text("\n".join(tables))
    return file


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers at ``url``."""

    url: str
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """The processor time that the process has used so far, in user and kernel."""
        return cpu_seconds(self.pid)


@dataclass(frozen=True, slots=True)
class Site:
    """The gateway, all that it talks to, and what it is measured against."""

    bare: Server
    bare_uvloop: Server
    gateway: Server
    emulator: Server
    valkey: Server

    def server(self, name: str) -> Server:
        """Return the process of that name."""
        server: Server = getattr(self, name)
        return server

    def reset_emulator(self) -> None:
        """Let the emulator forget the messages that it was sent."""
        _http("DELETE", f"{self.emulator.url}/emulator/messages")

    def emulator_messages(self) -> list[dict[str, Any]]:
        """Return the newest 10,000 messages that the emulator was sent."""
        messages: list[dict[str, Any]] = json.loads(
            _http("GET", f"{self.emulator.url}/emulator/messages")
        )
        return messages

    def series(self, prefix: str) -> int:
        """Return the sum of the gateway's metrics that begin with ``prefix``."""
        lines = _http("GET", f"{self.gateway.url}/metrics").splitlines()
        return int(sum(float(line.split()[-1]) for line in lines if line.startswith(prefix)))

    def settle(self) -> None:
        """Return when the gateway has finished what the last load left behind."""
        # The look at the metrics is a request itself.
        wait_for(lambda: self.series("gateway_requests_in_flight") == 1, SETTLE_SECONDS)


@contextmanager
def site(
    gateway_command: Sequence[str] = ("app.py",), options: Sequence[str] = UNPROTECTED
) -> Iterator[Site]:
    """Start everything and end it by process id.

    gateway_command: arguments of Python; options: of the gateway, beside GATEWAY_OPTIONS.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="load-")))
        valkey = start_temporary(folder)
        stack.callback(valkey.stop)
        emulator = _start(stack, "-m", "gateway.emulator", "--port=0", "--rate=0")
        gateway = _start(
            stack,
            *gateway_command,
            *GATEWAY_OPTIONS,
            *options,
            f"--smssync_devices_file={write_devices(folder, phones())}",
            f"--redis_url={valkey.url}",
            f"--nexmo_domain={emulator.url.removeprefix('http://')}",
            f"--data_dir={folder}",
        )
        yield Site(
            bare=_start(stack, "-m", "tests.load.bare"),
            bare_uvloop=_start(stack, "-m", "tests.load.bare", "uvloop"),
            gateway=gateway,
            emulator=emulator,
            valkey=Server(valkey.url, valkey.pid),
        )


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process in seconds.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _start(stack: ExitStack, *command: str) -> Server:
    process = stack.enter_context(FreshProcess(*command))
    try:
        wait_for(lambda: _address(process), 20)
    except TimeoutError:
        raise RuntimeError(f"{' '.join(command)} did not start:\n{process.log}") from None
    return Server(_address(process), process.pid)


def _address(process: Process) -> str:
    found = re.search(r"listening on (http://[\d.:]+)", process.log)
    return found[1] if found else ""


def _http(method: str, url: str) -> str:
    request = urllib.request.Request(url, method=method)
    with urllib.request.urlopen(request, timeout=SETTLE_SECONDS) as answer:
        text: str = answer.read().decode()
    return text
