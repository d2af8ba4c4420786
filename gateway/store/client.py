"""Redis clients for every form of ``redis_url``: TCP, TLS, unix socket, Sentinel, Cluster."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis import asyncio as aioredis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import URL_QUERY_ARGUMENT_PARSERS, AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import AuthenticationError

CONNECT_SECONDS = 1.0

# RFC 3986, appendix B, without a fragment. urlsplit takes no [IPv6] address after another host.
_URL = re.compile(r"([a-z+]+)://([^/?#]*)([^?#]*)\??([^#]*)")
# Made once: to learn its version, redis-py would read its package's files for each connection.
_DRIVER = DriverInfo()
_ENCODE = "special characters of a password must be percent-encoded"


def client(url: str, sentinel_password: str = "") -> aioredis.Redis | aioredis.RedisCluster:
    """Return a client for any of the ``redis_url`` forms; nothing is connected yet.

    Forms: ``redis://``, ``unix:///absolute/path`` and ``unix://./relative/path``,
    ``redis+sentinel://h1:p,h2:p/service`` and ``redis+cluster://h1:p,h2:p``, each with
    ``user:password@`` (special characters percent-encoded); the database is the path
    (``redis://host/2``, ``redis+sentinel://…/service/2``) or ``?db=``. ``rediss://``,
    ``rediss+sentinel://`` (sentinels and master) and ``rediss+cluster://`` speak TLS:
    ``?ssl_ca_certs=/etc/ssl/our-ca.pem`` names the authority to trust beside the system's; the
    certificate and its host name are always checked, unless ``ssl_cert_reqs=none`` asks for the
    opposite. Those with one server take all of redis-py's options as query.

    sentinel_password: the sentinels' own; empty: they get that of the URL, if they want one.
    May be called without a running loop. Raises ValueError, which never quotes a password, for
    anything else.

    https://redis.readthedocs.io/en/stable/connections.html#redis.asyncio.connection.ConnectionPool.from_url
    """
    found = _URL.fullmatch(url)
    scheme, netloc, path, query = found.groups() if found else ("", "", "", "")
    try:
        if scheme in {"redis+sentinel", "rediss+sentinel"}:
            tls = _tls_options(scheme, query)
            return _sentinel(netloc, path, query, tls, sentinel_password)
        if scheme in {"redis+cluster", "rediss+cluster"}:
            return _cluster(netloc, path, query, _tls_options(scheme, query))
        if scheme in {"redis", "rediss"}:
            if len(_hosts(netloc, 6379)) > 1:
                raise ValueError("redis_url: only +sentinel:// and +cluster:// take several hosts")
            _database(path)
        if scheme in {"redis", "rediss", "unix"}:
            return _single(url, path if netloc.rpartition("@")[2] == "." else "")
    except TypeError as error:  # an option that does not exist
        raise ValueError(f"redis_url: {error}") from None
    raise ValueError(f"redis_url: unknown form; {_ENCODE}")


def _single(url: str, relative: str) -> aioredis.Redis:
    """Return the client of one server; relative: its socket, seen from the working directory."""
    try:
        client = aioredis.Redis.from_url(url, driver_info=_DRIVER, **_connection_options())
        if relative:
            # Short in any folder: an absolute path may exceed what a socket's name can hold.
            client.connection_pool.connection_kwargs["path"] = unquote(relative).lstrip("/")
        # Otherwise an option that does not exist would show at the first use only.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except ValueError:
        raise ValueError(f"redis_url: an option has a wrong value; {_ENCODE}") from None
    return client


def _connection_options() -> dict[str, Any]:
    """Connection options of every form.

    No retries: a script that was written may have run. Waiting is bounded by the pipeline's
    deadline: a time-out of the socket's own would set a timer for each single reply.
    """
    return {
        "decode_responses": True,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_SECONDS,
        "health_check_interval": 0,
    }


def _hosts(netloc: str, default_port: int) -> list[tuple[str, int]]:
    """Return (host, port) pairs of ``h1:p,h2,[::1]:p``."""
    pairs = []
    for each in netloc.rpartition("@")[2].split(","):
        try:
            parts = urlsplit(f"//{each}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host:
            # What stands here may be the rest of a password: it is not quoted.
            raise ValueError(f"redis_url: a host or port is missing or wrong; {_ENCODE}") from None
        pairs.append((host, port or default_port))
    return pairs


def _database(path: str, query: str = "") -> int:
    """Return the number of the database in ``/2`` or ``?db=2``, 0 without one."""
    given = parse_qs(query, keep_blank_values=True)
    number = given.get("db", [path.strip("/")])[-1]
    if not re.fullmatch("[0-9]*", number):
        raise ValueError("redis_url: the database is no number")
    return int(number or 0)


def _tls_options(scheme: str, query: str) -> dict[str, Any]:
    """Return the options of TLS that are among those of a query, none for a plain scheme."""
    given = parse_qs(query, keep_blank_values=True)
    tls = scheme.startswith("rediss")
    known = {name for name in given if name == "db" or (tls and name.startswith("ssl_"))}
    if given.keys() - known:
        raise ValueError(f"redis_url: this form takes no option but db{' and ssl_…' * tls}")
    if not tls:
        return {}
    try:
        return {"ssl": True} | {
            name: URL_QUERY_ARGUMENT_PARSERS.get(name, str)(given[name][-1])
            for name in known - {"db"}
        }
    except ValueError:
        raise ValueError(f"redis_url: an option has a wrong value; {_ENCODE}") from None


def _credentials(netloc: str) -> dict[str, Any]:
    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return {}
    user, _, password = userinfo.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {key: value for key, value in given.items() if value}


class _Master(aioredis.Redis):
    """The master that the sentinels name."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections to the master and to the sentinels."""
        await super().aclose(close_connection_pool)
        sentinel: Sentinel = self.connection_pool.sentinel_manager  # type: ignore[attr-defined]
        await sentinel.aclose()


def _sentinel(
    netloc: str, path: str, query: str, tls: dict[str, Any], own_password: str
) -> aioredis.Redis:
    service, _, database = path.strip("/").partition("/")
    if not service:
        raise ValueError("redis_url: +sentinel:// needs the service name as its path")
    credentials = _credentials(netloc)
    # A sentinel that hangs must leave time within the second to ask the next one.
    sentinel_seconds = CONNECT_SECONDS / 4
    impatient = {"socket_timeout": sentinel_seconds, "socket_connect_timeout": sentinel_seconds}
    keys = {"password": own_password} if own_password else _greeting(credentials)
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(netloc, 26379), sentinel_kwargs=_connection_options() | impatient | tls | keys
    )
    master: aioredis.Redis = sentinel.master_for(
        service,
        redis_class=_Master,
        db=_database(database, query),
        **credentials,
        **tls,
        **_connection_options(),
    )
    return master


def _greeting(credentials: dict[str, Any]) -> dict[str, Any]:
    """Return the options of connections to sentinels that may have the store's password, or none.

    Sentinels have users of their own: they are asked with the user of the URL, with the password
    alone, and at last without, where redis-py would give up.
    """
    whole = tuple(credentials.values())
    tries = [each for each in (whole, whole[1:]) if each]

    async def greet(connection: AbstractConnection) -> None:
        await connection.on_connect()
        for each in tries:
            await connection.send_command("AUTH", *each, check_health=False)
            with suppress(AuthenticationError):
                await connection.read_response(disconnect_on_error=False)
                return

    # Its name and version the library would tell before the password, and be refused.
    return {"redis_connect_func": greet, "driver_info": None}


def _cluster(netloc: str, path: str, query: str, tls: dict[str, Any]) -> aioredis.RedisCluster:
    if _database(path, query):
        raise ValueError("redis_url: a Cluster has no database but 0")
    nodes = [ClusterNode(host, port) for host, port in _hosts(netloc, 6379)]
    return aioredis.RedisCluster(
        startup_nodes=nodes, **_credentials(netloc), **tls, **_connection_options()
    )
