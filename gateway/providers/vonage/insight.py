"""Vonage's Number Insight Basic: whether a number is one. The service ends on 4 February 2027.

https://developer.vonage.com/en/api/number-insight
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from gateway.providers.base import Outcome, SubmitResult
from gateway.providers.http.answers import Answer, basic, json_object
from gateway.providers.http.client import HttpClient

log = logging.getLogger(__name__)

PATH = "/ni/basic/json"
INVALID = "is not a valid number (Number Insight)"

# Somebody waits for his session: all that a check may take, repetitions included.
SECONDS = 2.0
PAUSES = (0.3, 0.6)  # seconds before a repetition of a request that was one too many
# Answers have some 300 bytes.
MAX_ANSWER_BYTES = 64 * 1024
# A service that is down fails every session: it is not worth a line for each.
LOG_INTERVAL_SECONDS = 60.0

# https://developer.vonage.com/en/number-insight/guides/troubleshooting
OK, BUSY, NO_NUMBER = 0, 1, 3
FAILURES: Mapping[int, str] = {
    BUSY: "too many requests",
    4: "invalid credentials",
    5: "the provider failed",
    9: "no credit left",
}
UNUSABLE = "unusable answer"


def query(e164: str) -> dict[str, str]:
    """Return the query that asks about a number."""
    return {"number": e164.removeprefix("+")}


def status(http_status: int, body: bytes) -> int | None:
    """Return the status in an answer, None when it has none; throttled by HTTP status is busy."""
    if http_status == 429:
        return BUSY
    document = json_object(body) or {}
    found = document.get("status") if http_status == 200 else None
    return found if type(found) is int else None


class Insight:
    """Checks numbers through one kept-alive HTTP session with Basic authentication.

    url: without path; seconds: that a check takes at most; clock: monotonic, in seconds.
    """

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._told = -LOG_INTERVAL_SECONDS + clock()
        headers = {"Authorization": basic(key, secret), "Accept": "application/json"}
        self._caller = HttpClient(url, timeout=seconds, longest=MAX_ANSWER_BYTES, headers=headers)

    async def check(self, e164: str) -> str | None:
        """Return why ``e164`` is no number, None when it is one or when that cannot be found out.

        Never raises for the network and never takes longer than ``seconds``.
        """
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._look_up(e164)
        except TimeoutError:
            found = "no answer in time"
        if found == NO_NUMBER:
            return INVALID
        if found != OK:
            self._tell(found)
        return None

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._caller.close()

    async def _look_up(self, e164: str) -> int | str:
        """Return the status of a number, or what kept it away."""
        found = await self._ask(e164)
        for pause in PAUSES:
            if found != BUSY:
                break
            await asyncio.sleep(pause)
            found = await self._ask(e164)
        return found

    async def _ask(self, e164: str) -> int | str:
        return _found(await self._caller.call("GET", PATH, query=query(e164)))

    def _tell(self, found: int | str) -> None:
        now = self._clock()
        if now - self._told < LOG_INTERVAL_SECONDS:
            return
        self._told = now
        reason = found if isinstance(found, str) else FAILURES.get(found, f"status {found}")
        log.warning("number_insight: %s; participants are not checked by it meanwhile", reason)


def _found(answer: Answer | SubmitResult) -> int | str:
    if isinstance(answer, SubmitResult):
        never = answer.outcome is Outcome.NOT_SENT
        return "the provider cannot be reached" if never else answer.text
    if answer.status == 401:
        return FAILURES[4]
    found = status(answer.status, answer.body)
    return UNUSABLE if found is None else found
