"""The delivery of receipts: when, in which order, how often, and only to this machine."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Coroutine, Iterable, Sequence

import aiohttp
from yarl import URL

from gateway.emulator import receipts
from gateway.emulator.account import Account
from gateway.emulator.inbox import Attempt, SentMessage
from gateway.emulator.loopback import is_loopback_url, url_host
from gateway.emulator.receipts import Outgoing, Receipt
from gateway.emulator.settings import Settings

log = logging.getLogger(__name__)

# The provider's own: 3 s to connect, 15 s for the answer.
CONNECT_SECONDS = 3
READ_SECONDS = 15
MAX_PENDING = 20_000
MAX_HOSTS_LOGGED = 1000


class Deliveries:
    """Sends the receipts of accepted messages; one task for what has to stay in order."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._tasks: set[asyncio.Task[None]] = set()
        self._logged: set[str] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the HTTP client."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
        )
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            headers={"User-Agent": receipts.USER_AGENT},
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
        """Give up every receipt that is pending."""
        pending = list(self._tasks)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def schedule(self, message: SentMessage) -> None:
        """Send the receipts of a message, each after the account's delay."""
        settings = self._account.settings
        url = self._target(message, settings)
        if not url:
            return
        for lane in lanes(message, settings):
            self._spawn(self._run(lane, url, settings, settings.dlr_delay))

    async def send_early(self, message: SentMessage) -> None:
        """Send the receipts of a message at once; returns when each was tried."""
        settings = self._account.settings
        url = self._target(message, settings)
        if url:
            runs = [
                self._spawn(self._run(lane, url, settings, 0)) for lane in lanes(message, settings)
            ]
            await asyncio.gather(*filter(None, runs), return_exceptions=True)

    def _target(self, message: SentMessage, settings: Settings) -> str:
        if settings.dlr_off or not message.wants_receipt:
            return ""
        candidates = [url for url in (message.callback, settings.dlr_url) if url]
        for url in candidates:
            if is_loopback_url(url):
                return str(URL(url))
            self._log_once(url_host(url))
        return ""

    def _log_once(self, host: str) -> None:
        if host not in self._logged and len(self._logged) < MAX_HOSTS_LOGGED:
            self._logged.add(host)
            log.warning("no receipts are sent to %r: it is not on this machine", host)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None] | None:
        if len(self._tasks) >= MAX_PENDING:
            work.close()
            log.warning("a receipt is dropped: %d are pending", MAX_PENDING)
            return None
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(
        self, lane: Iterable[Receipt], url: str, settings: Settings, delay: float
    ) -> None:
        for receipt in lane:
            await asyncio.sleep(delay)
            outgoing = receipts.build(receipt, url, settings)
            if _repeats(await self._attempt(receipt, outgoing), settings):
                self._spawn(self._retry(receipt, outgoing, settings))

    async def _retry(self, receipt: Receipt, outgoing: Outgoing, settings: Settings) -> None:
        for delay in settings.retry_delays:
            await asyncio.sleep(delay)
            if not _repeats(await self._attempt(receipt, outgoing), settings):
                return

    async def _attempt(self, receipt: Receipt, outgoing: Outgoing) -> int | None:
        status, error = None, ""
        try:
            status = await self._request(outgoing)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failure:
            error = type(failure).__name__
        receipt.part.receipts.append(Attempt(time.time(), receipt.status, status, error))
        return status

    async def _request(self, outgoing: Outgoing) -> int:
        if self._session is None:
            raise RuntimeError("receipts are sent between start() and stop()")
        # A redirect could lead away from this machine.
        async with self._session.request(
            outgoing.method,
            URL(outgoing.url, encoded=True),
            data=outgoing.body or None,
            headers=outgoing.headers,
            allow_redirects=False,
        ) as response:
            return response.status


def lanes(message: SentMessage, settings: Settings) -> list[list[Receipt]]:
    """Return the receipts of a message, in lanes whose receipts are sent one after the other."""
    by_part = [
        [
            Receipt(message, part, status)
            for status in settings.dlr_statuses
            for _ in range(settings.dlr_repeat)
        ]
        for part in message.parts
    ]
    if not settings.dlr_shuffle:
        return by_part
    return [shuffled([receipt for lane in by_part for receipt in lane])]


def shuffled(items: Sequence[Receipt]) -> list[Receipt]:
    """Return the items in any order but the one they came in (as long as there are two)."""
    order = random.sample(range(len(items)), len(items))
    if order == sorted(order):
        order.reverse()
    return [items[index] for index in order]


def _repeats(status: int | None, settings: Settings) -> bool:
    if status is None:
        return True
    if settings.retry_policy == "backoff":
        return status == 429 or status >= 500
    return not 200 <= status < 300
