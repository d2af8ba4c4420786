"""Redis in every form: commands and scripts, those of one event-loop turn as one pipeline.

Errors of the Redis library end here: everything that keeps an answer away becomes
``StoreUnavailable``. A request may wait for the store one second in all (``STORE_SECONDS``),
however many calls it makes; ``budget`` gives work that comes after a provider's answer a second
of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress

from hiredis import pack_command
from redis import asyncio as aioredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from gateway.errors import StoreUnavailable
from gateway.store import keys
from gateway.store.budget import STORE_SECONDS, budget, current
from gateway.store.client import client
from gateway.store.outage import UNAVAILABLE, is_lost, log_outage, translated
from gateway.store.script import Argument, Reply, Script, ScriptCall

# A call that starts with at least this share of the second left needs no timer of its own:
# the pipeline's own deadline of one second keeps the promise closely enough.
WHOLE_BUDGET = 0.95
# Names that one step of a walk over all keys looks at: the server is busy with them for 0.2 ms.
NAMES_AT_ONCE = 1000
# Commands wait for the pipeline under way, so that few large ones travel in place of many small
# ones, but not for one that hangs: a server answers within a millisecond.
LONGEST_WAIT = 0.01
MARK_MS = 60_000


class BadCommand(ValueError):
    """A command with a value that Redis cannot be sent, such as a lone surrogate: our mistake."""


def _pack(command: tuple[Argument, ...]) -> bytes:
    """Return a command in the wire format, https://valkey.io/topics/protocol/.

    Done as the command is given, so that one that cannot be written fails alone. Raises BadCommand.
    """
    try:
        packed: bytes = pack_command(command)  # type: ignore[arg-type]  # typed for one item
    except (TypeError, UnicodeEncodeError) as error:
        raise BadCommand(str(error)) from None
    return packed


class _Command:
    """One command on its way: what to send, the script behind it, where the answer goes."""

    __slots__ = ("command", "future", "packed", "script")

    def __init__(
        self,
        command: tuple[Argument, ...],
        script: Script | None,
        future: asyncio.Future[Reply],
    ) -> None:
        self.command = command
        self.packed = _pack(command)
        self.script = script
        self.future = future

    def with_text(self) -> _Command:
        """Return the same call with the script's text in place of its SHA-1."""
        assert self.script is not None  # noqa: S101 - chosen by the caller for having one
        return _Command(("EVAL", self.script.text, *self.command[2:]), self.script, self.future)

    def resolve(self, reply: Reply) -> None:
        if self.future.done():  # its own timer ran out, or its request was cancelled
            return
        if isinstance(reply, Exception):
            self.future.set_exception(translated(reply))
        else:
            self.future.set_result(reply)


class Store:
    """Commands and scripts; what is asked for in one turn of the loop travels together."""

    def __init__(self, client: aioredis.Redis | aioredis.RedisCluster) -> None:
        self._client = client
        self._waiting: list[_Command] = []
        self._batches: set[asyncio.Task[None]] = set()
        self._next: asyncio.Handle | None = None  # the flush that is to come
        self.pipelines = 0
        self.commands = 0

    @property
    def is_cluster(self) -> bool:
        """Whether keys lie on several servers: a script touches those of one slot alone."""
        return isinstance(self._client, aioredis.RedisCluster)

    async def execute(self, *command: Argument) -> Reply:
        """Return the reply to one command, text as ``str``.

        Raises StoreUnavailable when no answer comes in time, ResponseError when Redis refuses
        the command itself (a mistake of ours).
        """
        [reply] = await self._answers([self._enqueue(command, None)])
        return reply

    async def run(self, script: Script, keys: Sequence[str], args: Iterable[Argument]) -> Reply:
        """Return what the script returns; loads the script into a server that lost it."""
        [reply] = await self.run_all([(script, keys, args)])
        return reply

    async def run_all(self, calls: Iterable[ScriptCall]) -> list[Reply]:
        """Return what several scripts return that travel together; they are no transaction."""
        return await self._answers([self._enqueue_script(*call) for call in calls])

    async def check_writes(self) -> None:
        """Write a mark that soon goes; raises StoreUnavailable, whose ``reason`` tells why not."""
        await self.execute("SET", keys.WRITABLE, "1", "PX", MARK_MS)

    async def names(self) -> AsyncIterator[list[str]]:
        """Yield the names of all keys, some at a time; each step has the store's second for itself.

        A key may come twice; one that is made meanwhile may not come at all. Raises
        StoreUnavailable.
        """
        if isinstance(self._client, aioredis.RedisCluster):
            async for some in _names_of_cluster(self._client):
                yield some
            return
        cursor = "0"
        while True:
            with budget():
                cursor, some = await self.execute("SCAN", cursor, "COUNT", NAMES_AT_ONCE)
            yield some
            if cursor == "0":
                return

    async def ping(self) -> bool:
        """Tell whether the store answers within the deadline."""
        try:
            return bool(await self.execute("PING"))
        except StoreUnavailable:
            return False

    async def close(self) -> None:
        """Let what is under way finish, then close the connections."""
        while self._waiting or self._batches:
            await asyncio.gather(*self._batches, asyncio.sleep(0), return_exceptions=True)
        await self._client.aclose()

    def _enqueue_script(
        self, script: Script, keys: Sequence[str], args: Iterable[Argument]
    ) -> asyncio.Future[Reply]:
        return self._enqueue(("EVALSHA", script.sha, len(keys), *keys, *args), script)

    def _enqueue(
        self, command: tuple[Argument, ...], script: Script | None
    ) -> asyncio.Future[Reply]:
        """Put a command into the next pipeline and return the future of its reply.

        The next pipeline leaves in the next turn of the loop; while one is on its way, with its
        reply, or after ``LONGEST_WAIT`` when that stays away.
        """
        loop = asyncio.get_running_loop()
        call = _Command(command, script, loop.create_future())
        self._waiting.append(call)
        if self._next is None:
            self._next = (
                loop.call_later(LONGEST_WAIT, self._flush)
                if self._batches
                else loop.call_soon(self._flush)
            )
        return call.future

    async def _answers(self, futures: Sequence[asyncio.Future[Reply]]) -> list[Reply]:
        """Return the replies within the request's budget; raises the first error among them."""
        budget = current.get()
        if budget is None:
            return await _all(futures)
        loop = asyncio.get_running_loop()
        left = budget.start(loop.time())
        try:
            if left >= WHOLE_BUDGET:
                return await _all(futures)
            if left <= 0:
                _give_up(futures)
                raise StoreUnavailable
            return await asyncio.wait_for(_all(futures), max(left, 0))
        except TimeoutError:
            raise StoreUnavailable from None
        finally:
            budget.stop(loop.time())

    def _flush(self) -> None:
        self._next = None
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._send(batch))
        self._batches.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        """Send what waited for this pipeline, after those have spoken whom its replies wake."""
        self._batches.discard(task)
        if self._next is not None and not self._batches:
            self._next.cancel()
            self._next = asyncio.get_running_loop().call_soon(self._flush)

    async def _send(self, batch: list[_Command]) -> None:
        self.pipelines += 1
        self.commands += len(batch)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                replies = await self._replies(batch)
                await self._load_missing(batch, replies)
        except (Exception, asyncio.CancelledError) as error:
            # Whatever happened, no caller may be left waiting for an answer.
            replies = [error] * len(batch)
        log_outage(replies)
        for call, reply in zip(batch, replies, strict=True):
            call.resolve(reply)
        if isinstance(self._client, aioredis.RedisCluster) and any(map(is_lost, replies)):
            await self._find_nodes(self._client)

    async def _find_nodes(self, cluster: aioredis.RedisCluster) -> None:
        """Ask anew who holds which slots: a node that did not answer may have been replaced.

        Without retries the client would do so for single commands only, not for pipelines.
        """
        with suppress(*UNAVAILABLE):
            async with asyncio.timeout(STORE_SECONDS):
                await cluster.nodes_manager.initialize()

    async def _replies(self, batch: list[_Command]) -> list[Reply]:
        """Return one reply, or the error in its place, for each call.

        The library's pipeline packs commands at four times the cost; only a Cluster, where it
        finds the nodes, is worth that.
        """
        if isinstance(self._client, aioredis.RedisCluster):
            pipeline = self._client.pipeline(transaction=False)
            for call in batch:
                pipeline.execute_command(*call.command)
            return await pipeline.execute(raise_on_error=False)
        pool = self._client.connection_pool
        connection: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            packed = b"".join([call.packed for call in batch])
            await connection.send_packed_command(packed, check_health=False)
            return [await _reply(connection) for _ in batch]
        finally:
            # A read that was broken off has closed the connection: nobody gets another's reply.
            await pool.release(connection)

    async def _load_missing(self, batch: list[_Command], replies: list[Reply]) -> None:
        """Send the scripts that a restarted server has forgotten once more, with their text."""
        missing = [
            index
            for index, reply in enumerate(replies)
            if isinstance(reply, NoScriptError) and batch[index].script is not None
        ]
        if not missing:
            return
        calls = [batch[index].with_text() for index in missing]
        for index, reply in zip(missing, await self._replies(calls), strict=True):
            replies[index] = reply


async def _names_of_cluster(cluster: aioredis.RedisCluster) -> AsyncIterator[list[str]]:
    """Yield the names of the keys of all nodes: a pipeline could not say which node it asks."""
    for node in cluster.get_primaries():
        cursor = 0
        while True:
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    found: Reply = await cluster.scan(
                        cursor, count=NAMES_AT_ONCE, target_nodes=node
                    )
            except UNAVAILABLE as error:
                raise translated(error) from None
            cursors, some = found
            yield some
            cursor = cursors[node.name]
            if not cursor:
                break


async def _all(futures: Sequence[asyncio.Future[Reply]]) -> list[Reply]:
    try:
        return [await future for future in futures]
    finally:
        _give_up(futures)


def _give_up(futures: Iterable[asyncio.Future[Reply]]) -> None:
    """Cancel what nobody waits for any more: asyncio would log an error that nobody fetches."""
    for future in futures:
        future.cancel()


async def _reply(connection: AbstractConnection) -> Reply:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def connect(url: str, sentinel_password: str = "") -> Store:
    """Return a store at ``url``, of any form that ``gateway.store.client.client`` takes.

    Nothing is connected yet. Raises ValueError, which never quotes a password.
    """
    return Store(client(url, sentinel_password))
