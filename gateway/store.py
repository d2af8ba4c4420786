"""Redis in every form: commands and scripts, those of one event-loop turn as one pipeline.

Errors of the Redis library end here: everything that keeps an answer away becomes
``StoreUnavailable``. A request may wait for the store one second in all (``STORE_SECONDS``),
however many calls it makes; ``fresh_budget`` gives work that comes after a provider's answer
a second of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import asyncio as aioredis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    DataError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from gateway.errors import StoreUnavailable

log = logging.getLogger(__name__)

STORE_SECONDS = 1.0
# A call that starts with at least this share of the second left needs no timer of its own:
# the pipeline's own deadline of one second keeps the promise closely enough.
WHOLE_BUDGET = 0.95
LUA_FOLDER = Path(__file__).parent / "lua"

Argument = str | bytes | int | float
Reply = Any  # what a command answers is known where the command is written, not here


class Budget:
    """The seconds that one request may still wait for the store.

    Calls that wait at the same time spend the same second, not one each.
    """

    __slots__ = ("_left", "_since", "_waiting")

    def __init__(self, seconds: float = STORE_SECONDS) -> None:
        self._left = seconds
        self._since = 0.0
        self._waiting = 0

    def start(self, now: float) -> float:
        """Begin to wait and return the seconds that are left."""
        if not self._waiting:
            self._since = now
        self._waiting += 1
        return self._left - (now - self._since)

    def stop(self, now: float) -> None:
        """End one wait."""
        self._waiting -= 1
        if not self._waiting:
            self._left -= now - self._since


_budget: ContextVar[Budget | None] = ContextVar("store_budget", default=None)


def fresh_budget(seconds: float = STORE_SECONDS) -> None:
    """Let the current task wait ``seconds`` in all for the store from now on."""
    _budget.set(Budget(seconds))


class BadCommand(ValueError):
    """A command with a value that Redis cannot be sent, such as a lone surrogate: our mistake."""


class Script:
    """A Lua script by its text and SHA-1; ``load`` reads ``lua/<name>.lua``."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def load(cls, name: str) -> Script:
        """Return the script in ``lua/<name>.lua``."""
        return cls((LUA_FOLDER / f"{name}.lua").read_text(encoding="utf-8"))


class _Call:
    """One command on its way: what to send, the script behind it, where the answer goes."""

    __slots__ = ("command", "future", "script")

    def __init__(
        self,
        command: tuple[Argument, ...],
        script: Script | None,
        future: asyncio.Future[Reply],
    ) -> None:
        self.command = command
        self.script = script
        self.future = future

    def resolve(self, reply: Reply) -> None:
        if self.future.done():  # its own timer ran out, or its request was cancelled
            return
        if isinstance(reply, Exception):
            self.future.set_exception(_translated(reply))
        else:
            self.future.set_result(reply)


class Store:
    """Commands and scripts; what is asked for in one turn of the loop travels together."""

    def __init__(self, client: aioredis.Redis | aioredis.RedisCluster) -> None:
        self._client = client
        self._waiting: list[_Call] = []
        self._batches: set[asyncio.Task[None]] = set()
        self.pipelines = 0
        self.commands = 0

    async def execute(self, *command: Argument) -> Reply:
        """Return the reply to one command, text as ``str``.

        Raises StoreUnavailable when no answer comes in time, ResponseError when Redis refuses
        the command itself (a mistake of ours).
        """
        return await self._submit(command, None)

    async def run(self, script: Script, keys: Iterable[str], args: Iterable[Argument]) -> Reply:
        """Return what the script returns; loads the script into a server that lost it."""
        names = tuple(keys)
        return await self._submit(("EVALSHA", script.sha, len(names), *names, *args), script)

    async def ping(self) -> bool:
        """Tell whether the store answers within the deadline."""
        try:
            return bool(await self.execute("PING"))
        except StoreUnavailable:
            return False

    async def close(self) -> None:
        """Let what is under way finish, then close the connections."""
        while self._batches:
            await asyncio.gather(*self._batches, return_exceptions=True)
        await self._client.aclose()

    async def _submit(self, command: tuple[Argument, ...], script: Script | None) -> Reply:
        loop = asyncio.get_running_loop()
        call = _Call(command, script, loop.create_future())
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append(call)
        budget = _budget.get()
        if budget is None:
            return await call.future
        left = budget.start(loop.time())
        try:
            if left >= WHOLE_BUDGET:
                return await call.future
            return await asyncio.wait_for(call.future, max(left, 0))
        except TimeoutError:
            raise StoreUnavailable from None
        finally:
            budget.stop(loop.time())

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._send(batch))
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _send(self, batch: list[_Call]) -> None:
        self.pipelines += 1
        self.commands += len(batch)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                replies = await self._replies([call.command for call in batch])
                await self._load_missing(batch, replies)
        except (UnicodeError, DataError) as error:
            # One command cannot be written at all. It must not take the others with it.
            if len(batch) > 1:
                await asyncio.gather(*(self._send([call]) for call in batch))
                return
            replies = [BadCommand(str(error))]
        except (Exception, asyncio.CancelledError) as error:
            # Whatever happened, no caller may be left waiting for an answer.
            replies = [error] * len(batch)
        for call, reply in zip(batch, replies, strict=True):
            call.resolve(reply)

    async def _replies(self, commands: list[tuple[Argument, ...]]) -> list[Reply]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)

    async def _load_missing(self, batch: list[_Call], replies: list[Reply]) -> None:
        """Send the scripts that a restarted server has forgotten once more, with their text."""
        missing = [
            index
            for index, reply in enumerate(replies)
            if isinstance(reply, NoScriptError) and batch[index].script is not None
        ]
        if not missing:
            return
        commands = [_with_text(batch[index]) for index in missing]
        for index, reply in zip(missing, await self._replies(commands), strict=True):
            replies[index] = reply


def _with_text(call: _Call) -> tuple[Argument, ...]:
    assert call.script is not None  # noqa: S101 - chosen by the caller for having one
    return ("EVAL", call.script.text, *call.command[2:])


# Answers of a server that is up but cannot serve now; all other ResponseErrors are our mistakes.
_NOT_NOW = ("LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "MISCONF", "OOM", "NOAUTH", "BUSY")


# What keeps an answer away. RedisClusterException is no RedisError.
_UNAVAILABLE = (RedisError, RedisClusterException, OSError, TimeoutError, asyncio.CancelledError)


def _translated(error: BaseException) -> Exception:
    """Return the error of our own that stands for ``error``."""
    if isinstance(error, BadCommand):
        return error
    if isinstance(error, ResponseError) and not isinstance(error, ClusterDownError):
        if not str(error).startswith(_NOT_NOW):
            return error
        log.warning("store refuses: %s", error)
    elif isinstance(error, _UNAVAILABLE):
        log.warning("store unavailable: %s", type(error).__name__)
    else:
        log.error("store failed unexpectedly", exc_info=error)
    return StoreUnavailable()


def connect(url: str) -> Store:
    """Return a store for any of the ``redis_url`` forms; nothing is connected yet.

    Forms: ``redis://``, ``rediss://`` (TLS), ``unix://``, ``redis+sentinel://h1:p,h2:p/service``
    and ``redis+cluster://h1:p,h2:p``, each with ``user:password@``; the database is the path
    (``redis://host/2``, ``redis+sentinel://…/service/2``) or ``?db=``.
    Raises ValueError for anything else.
    """
    scheme = url.partition("://")[0]
    if scheme == "redis+sentinel":
        return Store(_sentinel(url))
    if scheme == "redis+cluster":
        return Store(_cluster(url))
    if scheme in {"redis", "rediss", "unix"}:
        database = urlsplit(url).path.strip("/")
        if scheme != "unix" and database and not (database.isascii() and database.isdigit()):
            raise ValueError("redis_url: the path must be the number of a database")
        return Store(aioredis.Redis.from_url(url, **_connection_options()))
    raise ValueError(f"redis_url: unknown scheme {scheme!r}")


def _connection_options() -> dict[str, Any]:
    """Connection options of every form.

    No retries: a script that was written may have run. Waiting is bounded by the pipeline's
    deadline; the socket's own time-outs only free connections that nobody waits for any more.
    """
    return {
        "decode_responses": True,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": STORE_SECONDS,
        "socket_connect_timeout": STORE_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": 0,
    }


def _hosts(netloc: str, default_port: int) -> list[tuple[str, int]]:
    """Return (host, port) pairs of ``h1:p,h2,[::1]:p``."""
    pairs = []
    for each in netloc.rpartition("@")[2].split(","):
        parts = urlsplit(f"//{each}")
        if not parts.hostname:
            raise ValueError("redis_url: a host is missing")
        pairs.append((parts.hostname, parts.port or default_port))
    return pairs


def _credentials(netloc: str) -> dict[str, Any]:
    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return {}
    user, _, password = userinfo.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {key: value for key, value in given.items() if value}


def _sentinel(url: str) -> aioredis.Redis:
    parts = urlsplit(url)
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("redis_url: redis+sentinel:// needs the service name as its path")
    options = _connection_options()
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(parts.netloc, 26379), sentinel_kwargs=_connection_options()
    )
    master: aioredis.Redis = sentinel.master_for(
        service, db=int(database or 0), **_credentials(parts.netloc), **options
    )
    return master


def _cluster(url: str) -> aioredis.RedisCluster:
    parts = urlsplit(url)
    nodes = [ClusterNode(host, port) for host, port in _hosts(parts.netloc, 6379)]
    return aioredis.RedisCluster(
        startup_nodes=nodes,
        decode_responses=True,
        socket_timeout=STORE_SECONDS,
        socket_connect_timeout=STORE_SECONDS,
        **_credentials(parts.netloc),
    )
