"""Calls of the APIs where speed does not matter."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from gateway.providers.base import Obstacle, SubmitResult
from gateway.providers.http.answers import Answer, unanswered
from gateway.providers.http.poster import KEEPALIVE_SECONDS, LONGEST_CONNECT_SECONDS

# UnicodeError: a host name that no resolver can be asked for.
NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    UnicodeError,
)


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
            return unanswered(Obstacle.UNREACHABLE, "connect", type(error).__name__)
        except TimeoutError:
            return unanswered(Obstacle.SILENCE, "timeout", "no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return unanswered(Obstacle.SILENCE, "broken", type(error).__name__)
        return Answer(response.status, content, response.headers.get("Retry-After", ""))

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        body = await content.read(self._longest)
        while not content.at_eof() and len(body) < self._longest:
            body += await content.read(self._longest)
        return body

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._session.close()
