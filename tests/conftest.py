"""What the tests share: a real Valkey for each worker, and no way out of the machine."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import signal
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from gateway.store import valkey_process
from gateway.store.pipeline import Store, connect
from tests.support.order import dearest_first, shuffled
from tests.support.servers import processes
from tests.support.servers.valkey import start_temporary
from tests.support.stand_ins.vonage import VonageStandin
from tests.support.visitor import Visitor, visiting
from tests.support.workers import compile_in_turn, tell_less

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.support.browser import Windows
    from tests.support.servers.processes import GatewayProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be told to mix the tests up, and to take its time."""
    parser.addoption("--shuffle", metavar="SEED", help="run files and their tests in random order")
    parser.addoption("--http_server", help="run the gateways of tests by this HTTP server")
    parser.addoption("--long", action="store_true", help="run long forms of some proofs, too")


def pytest_xdist_auto_num_workers() -> int:
    """Half of the time tests wait, for seconds or for servers: more workers than cores use it."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return cores + max(1, cores // 2)


def pytest_configure(config: pytest.Config) -> None:
    """Let a worker say less; have gateways use the server that is asked for."""
    if asked := config.getoption("--http_server"):
        processes.COMMON_OPTIONS.append(f"--http_server={asked}")
    if hasattr(config, "workerinput"):
        tell_less(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Find the tests; garbage is looked for only later, and never again among these thousands."""
    gc.disable()
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker and session.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        compile_in_turn(int(worker["workerid"].removeprefix("gw")), worker["workercount"])
    result = yield
    gc.freeze()
    gc.enable()
    return result


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take long, or mix all up as ``--shuffle`` says.

    What is marked as long, of which a short form is there as well, runs with ``--long`` only.
    """
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    seed = config.getoption("--shuffle")
    items[:] = shuffled(items, seed) if seed else dearest_first(items)


class RestartableValkey:
    """A Valkey that keeps its port and its data while a test stops, pauses and starts it."""

    def __init__(self, directory: Path) -> None:
        self._server = start_temporary(directory, appendonly="yes")
        self.url = self._server.url
        self._paused = self._stopped = False

    def start(self) -> None:
        """Serve the same data on the same port again."""
        self._server.start()
        self._stopped = False

    def stop(self) -> None:
        """End the server: connections are closed, new ones refused."""
        self.resume()
        self._server.stop()
        self._stopped = True

    def restore(self) -> None:
        """Serve again, whatever was done to it."""
        self.resume()
        if self._stopped:
            self.start()

    def pause(self) -> None:
        """Stay connected but answer nothing."""
        os.kill(self._server.pid, signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Answer again, also what came in meanwhile."""
        if self._paused:
            os.kill(self._server.pid, signal.SIGCONT)
            self._paused = False


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


@pytest.fixture(scope="session")
def _valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A client of this worker's own Valkey."""
    server = start_temporary(tmp_path_factory.mktemp("valkey"))
    with valkey_process.blocking_client(server.port, seconds=30) as client:
        yield client
    server.stop()


@pytest.fixture(scope="session")
def valkey_url(_valkey: redis.Redis) -> str:
    """The address of this worker's own Valkey."""
    return valkey_process.redis_url(_valkey.get_connection_kwargs()["port"])


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_behind(_valkey: redis.Redis) -> None:
    """Begin each file with an empty Valkey: a text left in the outbox would be sent in the next."""
    _valkey.flushall()


@pytest.fixture
def redis_url(_valkey: redis.Redis, valkey_url: str) -> str:
    """The address of this worker's Valkey, emptied for this test."""
    _valkey.flushall()
    return valkey_url


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """This worker's Valkey, empty, as a process of the gateway knows it."""
    made = connect(redis_url)
    yield made
    await made.close()


@pytest.fixture
async def stores(store: Store, redis_url: str) -> AsyncIterator[list[Store]]:
    """``store`` and three more with connections of their own, as four processes have them."""
    others = [connect(redis_url) for _ in range(3)]
    yield [store, *others]
    await asyncio.gather(*(each.close() for each in others))


@pytest.fixture
def valkey_server(tmp_path: Path) -> Iterator[RestartableValkey]:
    """A running Valkey of this test's own, to be stopped, paused and started at will."""
    directory = tmp_path / "valkey-server"
    directory.mkdir()
    server = RestartableValkey(directory)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def standin() -> Iterator[VonageStandin]:
    """A provider that is not our emulator, on loopback."""
    with VonageStandin() as standin:
        yield standin


@pytest.fixture
async def visitor(gateway: GatewayProcess, standin: VonageStandin) -> AsyncIterator[Visitor]:
    """A client of the file's gateway, while the provider accepts everything."""
    standin.expect()
    async with visiting(gateway.url) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of gateway that a test names by ``of_kind``."""
    return str(request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium.

    It lasts for one file, whose asynchronous tests stand before those that use it: as long as it
    is open, its own event loop runs in their thread.
    """
    # Imported here, so that tests without a browser neither need Playwright nor wait for it.
    from tests.support.browser import open_browser, require_chromium  # noqa: PLC0415

    with open_browser(require_chromium()) as opened:
        yield opened


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Windows:
    """Windows that the tests of a file use one after the other."""
    from tests.support.browser import Windows  # noqa: PLC0415

    return Windows(browser)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies, on a desk."""
    with browser.new_context(locale="en-US", viewport={"width": 1200, "height": 900}) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """An empty page; whatever it is used for, it must cause no error and stay on this machine."""
    from tests.support.browser import Watch  # noqa: PLC0415

    opened = context.new_page()
    watch = Watch(opened)
    yield opened
    assert [] == watch.problems


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not _is_loopback(str(address[0])):
            raise RuntimeError(f"a test tried to connect to {address}; only loopback is allowed")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
