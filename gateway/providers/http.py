"""What providers with an HTTP interface share: the kept-alive session and clean JSON fields."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import ujson

from gateway.providers.base import Obstacle, Outcome, SubmitResult
from gateway.store.values import well_formed


def word(value: object, longest: int) -> str:
    """Return the beginning of a scalar as text that can be stored, '' for everything else."""
    return (scalar(value) or "")[:longest]


# An idle connection is dropped before the provider's own idle time-out would close it under a
# request that is just being written: that request's outcome would be unknown.
KEEPALIVE_SECONDS = 10
# Below the time-out of the whole request, so that "never connected" is told from "not answered".
LONGEST_CONNECT_SECONDS = 5.0

# UnicodeError: a host name that no resolver can be asked for.
NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    UnicodeError,
)

# What the machine in front of a provider's own says by its status alone. 502 and 504: behind it a
# request may have been processed all the same. https://www.rfc-editor.org/rfc/rfc9110#section-15.6
OBSTACLES: Mapping[int, Obstacle] = {
    401: Obstacle.ACCOUNT,
    402: Obstacle.ACCOUNT,
    403: Obstacle.ACCOUNT,
    429: Obstacle.TURNED_AWAY,
    502: Obstacle.EDGE,
    503: Obstacle.TURNED_AWAY,
    504: Obstacle.EDGE,
}
# However long the provider wants to be left alone, it is asked again after an hour.
LONGEST_WAIT_SECONDS = 3600.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

# More digits than any number in a webhook has; Python refuses to write out very large ones.
_LARGEST_NUMBER = 10**30


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; ``retry_after`` is that header, '' without it."""

    status: int
    body: bytes
    retry_after: str = ""


class HttpClient:
    """Calls the addresses under one through a session that keeps its connections.

    timeout: seconds until an unanswered request is given up with an unknown outcome.
    longest: bytes of an answer that are read; what is larger is no answer of the provider.
    """

    def __init__(
        self, url: str, *, timeout: float, longest: int, headers: Mapping[str, str]
    ) -> None:
        self._url = url
        self._longest = longest
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=timeout, sock_connect=min(timeout / 2, LONGEST_CONNECT_SECONDS)
            ),
            auto_decompress=True,
            headers={"User-Agent": "sms-gateway", **headers},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def call(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
    ) -> Answer | SubmitResult:
        """Call once; return the answer, or why there is none; never raises for the network.

        body: a mapping goes out as a form.
        """
        try:
            async with self._session.request(
                method, self._url + path, params=query, data=body, allow_redirects=False
            ) as response:
                content = await self._read(response.content)
        except NEVER_SENT as error:
            return _unanswered(Obstacle.UNREACHABLE, "connect", type(error).__name__)
        except TimeoutError:
            return _unanswered(Obstacle.SILENCE, "timeout", "no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return _unanswered(Obstacle.SILENCE, "broken", type(error).__name__)
        return Answer(response.status, content, response.headers.get("Retry-After", ""))

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        body = await content.read(self._longest)
        while not content.at_eof() and len(body) < self._longest:
            body += await content.read(self._longest)
        return body

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._session.close()


class Poster(HttpClient):
    """Posts to one address."""

    async def post(self, body: bytes) -> Answer | SubmitResult:
        """Post once; return the answer, or why there is none; never raises for the network."""
        return await self.call("POST", body=body)


def _unanswered(obstacle: Obstacle, code: str, text: str) -> SubmitResult:
    sent = obstacle is Obstacle.SILENCE
    outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
    return SubmitResult(outcome, code=code, text=text, obstacle=obstacle)


def wait_seconds(retry_after: str) -> float | None:
    """Return the seconds of a header Retry-After, an hour at most; None when it says nothing.

    It is a number or a date, https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3.
    """
    if _SECONDS.fullmatch(retry_after):
        return min(float(retry_after), LONGEST_WAIT_SECONDS)
    try:
        wait = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(wait, LONGEST_WAIT_SECONDS) if wait > 0 else None


def without_word(http_status: int, text: str, retry_after: str) -> SubmitResult:
    """Return what an HTTP status means that comes without the provider's word on the text.

    4xx: refused before anything was sent; all else may have been sent before it went wrong.
    """
    if http_status == 429:
        outcome = Outcome.THROTTLED
    else:
        outcome = Outcome.REFUSED if 400 <= http_status < 500 else Outcome.UNKNOWN
    obstacle = OBSTACLES.get(http_status)
    wait = wait_seconds(retry_after) if obstacle is Obstacle.TURNED_AWAY else None
    return SubmitResult(
        outcome, code=str(http_status), text=text, retry_after=wait, obstacle=obstacle
    )


def basic(user: str, password: str) -> str:
    """Return the value of the header Authorization, https://www.rfc-editor.org/rfc/rfc7617."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def json_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in an answer, None when it is none."""
    try:
        found = ujson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def scalar(value: object) -> str | None:
    """Return a JSON text or number as text, '' for null, None for what is neither."""
    if value is None:
        return ""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value) if abs(value) < _LARGEST_NUMBER else None


def content_id(sender: str, to: str, text: str) -> str:
    """Return an id for an MO that came without a usable one.

    No id made of content alone can tell a repeat from the same words said again: who recognises
    repeats remembers an id of this form for 3 minutes (gateway/store/lua/_once.lua), as long as
    providers that give none repeat a webhook, and not longer.
    """
    digest = hashlib.sha256(json.dumps([sender, to, text]).encode()).hexdigest()
    return f"hash:{digest[:40]}"
