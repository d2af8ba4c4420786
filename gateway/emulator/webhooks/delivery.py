"""The delivery of webhooks: when, in which order, how often, and only to this machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from gateway.emulator.account.records import Attempt
from gateway.emulator.loopback import is_loopback_url, url_host
from gateway.emulator.webhooks import outgoing
from gateway.emulator.webhooks.outgoing import Lane, Outgoing, Webhook

log = logging.getLogger(__name__)

# The provider's own: 3 s to connect, 15 s for the answer.
CONNECT_SECONDS = 3
READ_SECONDS = 15
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
# What goes wrong with a request to a webhook.
FAILURES = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
MAX_PENDING = 20_000
MAX_HOSTS_LOGGED = 1000

Task = asyncio.Task[object]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a webhook is told again: after ``delays`` seconds, as long as its answer ``repeats``."""

    delays: Sequence[float]
    repeats: Callable[[int | None], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered; status: ``None`` when nothing came, then ``error`` says why."""

    status: int | None
    body: bytes = b""
    error: str = ""


class Deliveries:
    """Tells webhooks; one task for what has to stay in order, one for each that is repeated."""

    def __init__(self) -> None:
        self._tasks: set[Task] = set()
        self._logged: set[str] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the HTTP client."""
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": outgoing.USER_AGENT},
            skip_auto_headers=("Content-Type",),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        """Give up what is pending and close the HTTP client."""
        await self.cancel()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def cancel(self) -> None:
        """Give up everything that is pending."""
        pending = list(self._tasks)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def target(self, *candidates: str) -> str:
        """Return the first URL that is on this machine, or ''; others are logged once a host."""
        for url in filter(None, candidates):
            if is_loopback_url(url):
                return str(URL(url))
            self._log_once(url_host(url))
        return ""

    def schedule(self, lanes: Iterable[Lane], policy: RetryPolicy, delay: float) -> None:
        """Tell the lanes at the same time, each webhook ``delay`` seconds after the last."""
        for lane in lanes:
            self._spawn(self._run(lane, policy, delay))

    async def try_once(self, lanes: Iterable[Lane], policy: RetryPolicy) -> None:
        """Tell the lanes at once; returns when each webhook was tried, repeats go on."""
        await _finish([self._spawn(self._run(lane, policy, 0)) for lane in lanes])

    def deliver(self, lane: Lane, policy: RetryPolicy) -> Awaitable[object]:
        """Tell a lane at once; to await until each webhook was taken, or was given up.

        Raises RuntimeError unless started.
        """
        return self.run(self._see_through(lane, policy))

    def run(self, work: Coroutine[None, None, object]) -> Awaitable[object]:
        """Begin work that a stop or a reset gives up; to await its end, however it ends.

        Raises RuntimeError unless started.
        """
        if self._session is None:
            work.close()
            raise RuntimeError("webhooks are told between start() and stop()")
        return _finish([self._spawn(work)])

    async def ask(self, outgoing: Outgoing, connect: float, read: float) -> Answer:
        """Return the answer of a webhook from which something is wanted; time-outs in seconds."""
        timeout = aiohttp.ClientTimeout(total=connect + read, sock_connect=connect)
        try:
            async with self._open(outgoing, timeout) as response:
                return Answer(response.status, await response.read())
        except FAILURES as failure:
            return Answer(None, error=type(failure).__name__)

    def _log_once(self, host: str) -> None:
        if host not in self._logged and len(self._logged) < MAX_HOSTS_LOGGED:
            self._logged.add(host)
            log.warning("nothing is told to %r: it is not on this machine", host)

    def _spawn(self, work: Coroutine[None, None, object]) -> Task | None:
        if len(self._tasks) >= MAX_PENDING:
            work.close()
            log.warning("a webhook is dropped: %d are pending", MAX_PENDING)
            return None
        task: Task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _see_through(self, lane: Lane, policy: RetryPolicy) -> None:
        await _finish(await self._run(lane, policy, 0))

    async def _run(self, lane: Lane, policy: RetryPolicy, delay: float) -> list[Task | None]:
        retries = []
        for webhook in lane:
            await asyncio.sleep(delay)
            outgoing = webhook.build()
            if policy.repeats(await self._attempt(webhook, outgoing)):
                retries.append(self._spawn(self._retry(webhook, outgoing, policy)))
        return retries

    async def _retry(self, webhook: Webhook, outgoing: Outgoing, policy: RetryPolicy) -> None:
        for delay in policy.delays:
            await asyncio.sleep(delay)
            if not policy.repeats(await self._attempt(webhook, outgoing)):
                return

    async def _attempt(self, webhook: Webhook, outgoing: Outgoing) -> int | None:
        status, error = None, ""
        try:
            status = await self._request(outgoing)
        except FAILURES as failure:
            error = type(failure).__name__
        webhook.attempts.append(
            Attempt(time.time(), webhook.status, status, error, webhook.message_id)
        )
        return status

    async def _request(self, outgoing: Outgoing) -> int:
        async with self._open(outgoing, TIMEOUT) as response:
            return response.status

    def _open(
        self, outgoing: Outgoing, timeout: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("webhooks are told between start() and stop()")
        # A redirect could lead away from this machine.
        return self._session.request(
            outgoing.method,
            URL(outgoing.url, encoded=True),
            data=outgoing.body or None,
            headers=outgoing.headers,
            allow_redirects=False,
            timeout=timeout,
        )


def _finish(tasks: Iterable[Task | None]) -> Awaitable[object]:
    # A reset cancels what is pending; whoever waits for it goes on.
    return asyncio.gather(*filter(None, tasks), return_exceptions=True)
