"""What providers with an HTTP interface share: the kept-alive session and clean JSON fields."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import ujson

from gateway.providers.base import Outcome, SubmitResult
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
            return SubmitResult(Outcome.NOT_SENT, code="connect", text=type(error).__name__)
        except TimeoutError:
            return SubmitResult(Outcome.UNKNOWN, code="timeout", text="no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return SubmitResult(Outcome.UNKNOWN, code="broken", text=type(error).__name__)
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
