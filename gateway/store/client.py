"""Redis clients for every form of ``redis_url``: TCP, TLS, unix socket, Sentinel, Cluster."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis import asyncio as aioredis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

CONNECT_SECONDS = 1.0

# RFC 3986, appendix B, without a fragment. urlsplit takes no [IPv6] address after another host.
_URL = re.compile(r"([a-z+]+)://([^/?#]*)([^?#]*)\??([^#]*)")
_ENCODE = "special characters of a password must be percent-encoded"


def client(url: str) -> aioredis.Redis | aioredis.RedisCluster:
    """Return a client for any of the ``redis_url`` forms; nothing is connected yet.

    Forms: ``redis://``, ``rediss://`` (TLS), ``unix://``, ``redis+sentinel://h1:p,h2:p/service``
    and ``redis+cluster://h1:p,h2:p``, each with ``user:password@`` (special characters
    percent-encoded); the database is the path (``redis://host/2``,
    ``redis+sentinel://…/service/2``) or ``?db=``. The first three take redis-py's options as
    query: ``rediss://host?ssl_ca_certs=/etc/ssl/our-ca.pem`` names the authority to trust beside
    the system's; the certificate and its host name are always checked, unless
    ``ssl_cert_reqs=none`` asks for the opposite. May be called without a running loop.
    Raises ValueError, which never quotes a password, for anything else.

    https://redis.readthedocs.io/en/stable/connections.html#redis.asyncio.connection.ConnectionPool.from_url
    """
    found = _URL.fullmatch(url)
    scheme, netloc, path, query = found.groups() if found else ("", "", "", "")
    if scheme == "redis+sentinel":
        return _sentinel(netloc, path, query)
    if scheme == "redis+cluster":
        return _cluster(netloc, path, query)
    if scheme in {"redis", "rediss"}:
        if len(_hosts(netloc, 6379)) > 1:
            raise ValueError("redis_url: only redis+sentinel:// and redis+cluster:// take hosts")
        _database(path)
    if scheme in {"redis", "rediss", "unix"}:
        return _single(url)
    raise ValueError(f"redis_url: unknown form; {_ENCODE}")


def _single(url: str) -> aioredis.Redis:
    try:
        client = aioredis.Redis.from_url(url, **_connection_options())
        # Otherwise an option that does not exist would show at the first use only.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except TypeError as error:
        raise ValueError(f"redis_url: {error}") from None
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
    if given.keys() - {"db"}:
        raise ValueError("redis_url: this form takes no option but db")
    number = given.get("db", [path.strip("/")])[-1]
    if not re.fullmatch("[0-9]*", number):
        raise ValueError("redis_url: the database is no number")
    return int(number or 0)


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


def _sentinel(netloc: str, path: str, query: str) -> aioredis.Redis:
    service, _, database = path.strip("/").partition("/")
    if not service:
        raise ValueError("redis_url: redis+sentinel:// needs the service name as its path")
    # A sentinel that hangs must leave time within the second to ask the next one.
    sentinel_seconds = CONNECT_SECONDS / 4
    impatient = {"socket_timeout": sentinel_seconds, "socket_connect_timeout": sentinel_seconds}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(netloc, 26379), sentinel_kwargs=_connection_options() | impatient
    )
    master: aioredis.Redis = sentinel.master_for(
        service,
        redis_class=_Master,
        db=_database(database, query),
        **_credentials(netloc),
        **_connection_options(),
    )
    return master


def _cluster(netloc: str, path: str, query: str) -> aioredis.RedisCluster:
    if _database(path, query):
        raise ValueError("redis_url: a Cluster has no database but 0")
    nodes = [ClusterNode(host, port) for host, port in _hosts(netloc, 6379)]
    return aioredis.RedisCluster(
        startup_nodes=nodes, **_credentials(netloc), **_connection_options()
    )
