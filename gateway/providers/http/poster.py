"""Posts of texts to one address: a pool of kept connections, one deadline for each request.

The plain way is ``HttpClient``, with which a test compares what becomes of each fault. Proxies of
the environment are not used by either.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohappyeyeballs

from gateway.providers.base import Obstacle, SubmitResult
from gateway.providers.http.answers import Answer, unanswered
from gateway.providers.http.wire import Broken, Wire

# An idle connection is dropped before the provider's own idle time-out would close it under a
# request that is just being written: that request's outcome would be unknown.
KEEPALIVE_SECONDS = 10.0
# Below the time-out of the whole request, so that "never connected" is told from "not answered".
LONGEST_CONNECT_SECONDS = 5.0
# Where a host has several addresses, the next one is tried after so long: RFC 8305, section 5.
NEXT_ADDRESS_SECONDS = 0.25
# As getaddrinfo has it: family, type, protocol, canonical name, address.
Address = Any
PORTS = {"http": 80, "https": 443}


class _NeverSent(Exception):
    """No connection was made; the text names the fault."""


class Poster:
    """Posts to one address (http or https).

    timeout: seconds until an unanswered request is given up with an unknown outcome; longest:
    bytes of an answer that are read; what is larger is no answer of the provider. tls: whose
    certificates are believed, those of the machine unless given.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        longest: int,
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._headers = {"User-Agent": "sms-gateway", "Accept": "*/*", **headers}
        self._target: _Target | None = None
        secure = urlsplit(url).scheme == "https"
        self._tls = (tls or ssl.create_default_context()) if secure else None
        self._timeout = timeout
        self._longest = longest
        self._idle: list[Wire] = []
        self._under_way: set[Wire] = set()
        self._lookup: asyncio.Future[list[Address]] | None = None
        self._closed = False

    async def post(self, body: bytes) -> Answer | SubmitResult:
        """Post once; return the answer, or why there is none; never raises for the network."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            wire = self._kept(began) or await self._connect(loop)
        except _NeverSent as error:
            return unanswered(Obstacle.UNREACHABLE, "connect", str(error))
        answer = wire.post(body, loop)
        late = loop.call_at(began + self._timeout, wire.give_up, TimeoutError())
        self._under_way.add(wire)
        try:
            return await answer
        except TimeoutError:
            return unanswered(Obstacle.SILENCE, "timeout", "no answer in time")
        except Broken as error:
            return unanswered(Obstacle.SILENCE, "broken", str(error))
        except asyncio.CancelledError:
            wire.give_up(Broken("cancelled"))
            raise
        finally:
            late.cancel()
            self._under_way.discard(wire)

    async def close(self) -> None:
        """Close the connections; a request under way ends with an unknown outcome."""
        self._closed = True
        for wire in self._idle:
            wire.close()
        for wire in self._under_way:
            wire.give_up(Broken("closed"))
        self._idle.clear()

    def _kept(self, now: float) -> Wire | None:
        """Return the connection that was used last, None when none is fresh enough.

        Those before it have been idle for longer still.
        """
        while self._idle:
            wire = self._idle.pop()
            if wire.is_lost:
                continue
            if now - wire.idle_since < KEEPALIVE_SECONDS:
                return wire
            for each in (wire, *self._idle):
                each.close()
            self._idle.clear()
        return None

    def _keep(self, wire: Wire) -> None:
        if self._closed:
            wire.close()
            return
        wire.idle_since = asyncio.get_running_loop().time()
        self._idle.append(wire)

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Wire:
        """Return a new connection; raises _NeverSent."""
        patience = min(self._timeout / 2, LONGEST_CONNECT_SECONDS)
        try:
            async with asyncio.timeout(patience):
                return await self._connected(loop)
        # Those of TLS are OSErrors; ValueError: an address that cannot be one.
        except (OSError, ValueError) as error:
            raise _NeverSent(type(error).__name__) from None

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> Wire:
        target = self._target = self._target or _target(self._url, self._headers)
        connected = await aiohappyeyeballs.start_connection(
            await self._addresses(target, loop),
            happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
            interleave=1,
        )
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, wire = await loop.create_connection(
                lambda: Wire(target.head, self._keep, self._longest),
                sock=connected,
                ssl=self._tls,
                server_hostname=target.host if self._tls else None,
            )
        except BaseException:
            connected.close()
            raise
        if wire.is_lost:
            raise ConnectionResetError
        return wire

    async def _addresses(self, target: _Target, loop: asyncio.AbstractEventLoop) -> list[Address]:
        """Return where the host is now; who asks while somebody else does shares the answer."""
        if self._lookup is None or self._lookup.done():
            asked = loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            self._lookup = asyncio.ensure_future(asked)
        return await asyncio.shield(self._lookup)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where requests go; head: all of one but its length and its body."""

    host: str
    port: int
    head: bytes


def _target(url: str, headers: Mapping[str, str]) -> _Target:
    """Return what is meant by an address; raises ValueError when that cannot be one."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("no host")
    usual = PORTS[parts.scheme]
    port = parts.port or usual
    ipv6 = ":" in parts.hostname
    host = f"[{parts.hostname}]" if ipv6 else parts.hostname.encode("idna").decode()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}" + (f":{port}" if port != usual else "")]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines) + "\r\nContent-Length: "
    return _Target(parts.hostname, port, head.encode("latin-1"))
