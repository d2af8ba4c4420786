"""HTTP as the app speaks it: exact headers, exact URLs, no redirects, and lost answers."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from gateway.emulator.smssync.world.exchange import NoAnswer, Request, Response
from gateway.emulator.smssync.world.setup import Setup


class Wire:
    """One phone's way to the server; ``open`` before use, ``close`` after."""

    def __init__(self, setup: Setup) -> None:
        self._traits = setup.traits
        self._faults = setup.faults
        self._timeout = aiohttp.ClientTimeout(total=setup.timeout or setup.traits.timeout)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the client; connections are opened when they are needed."""
        self._session = aiohttp.ClientSession(
            timeout=self._timeout,
            auto_decompress=True,
            skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: Request) -> Response:
        """Return the answer to ``request``; raises NoAnswer, RuntimeError when not open."""
        if self._session is None:
            raise RuntimeError("the phone is switched off: use it in `async with`")
        if self._faults.silent:
            raise NoAnswer("no data connection")
        url, authorization = split_user(request.url)
        headers = self._headers(request, authorization)
        try:
            async with self._session.request(
                request.method,
                URL(url, encoded=True),
                data=request.body.content if request.body else None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                # The server has read and answered the request when the first line comes back.
                if self._faults.takes_answer(request.kind):
                    response.close()
                    raise NoAnswer("the answer was lost")
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from error
        return Response(response.status, content.decode("utf-8", "replace"))

    def _headers(self, request: Request, authorization: str) -> dict[str, str]:
        agent = self._traits.user_agent
        if request.body and self._traits.post_user_agent:
            agent = self._traits.post_user_agent
        headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
        if authorization and self._traits.basic_auth:
            headers["Authorization"] = authorization
        if request.body:
            headers["Content-Type"] = request.body.content_type
        return headers


def split_user(url: str) -> tuple[str, str]:
    """Return the URL without ``user:password@``, and the Authorization header made of them."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, ""
    token = base64.b64encode(unquote(user).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), f"Basic {token}"
