"""One kept connection to a provider: HTTP/1.1, a request at a time; whatever is odd ends it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any, cast

import httptools

from gateway.providers.http.answers import Answer

# A head is a few hundred bytes long; who sends more is no provider.
MOST_HEAD_BYTES = 16_384
WITHOUT_BODY = frozenset({204, 304})
# https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1; zlib tells the two apart.
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Broken(Exception):
    """No whole answer has come to a request that was written; the text names the fault."""


class Wire(asyncio.Protocol):
    """Writes requests and reads their answers.

    head: of each request, up to the number of its bytes; free: is told when the next one may be
    written; longest: bytes of an answer's body that are read. A connection that has lost its peer,
    or got what nobody asked for, ``is_lost``: it is not to be used again.
    """

    __slots__ = (
        "_answer",
        "_body",
        "_coding",
        "_free",
        "_has_length",
        "_head",
        "_head_bytes",
        "_kept",
        "_left",
        "_longest",
        "_parser",
        "_retry_after",
        "_status",
        "_transport",
        "idle_since",
        "is_lost",
    )

    def __init__(self, head: bytes, free: Callable[[Wire], None], longest: int) -> None:
        self._head = head
        self._free = free
        self._longest = longest
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._begin()
        self.idle_since = 0.0
        self.is_lost = False

    def post(self, body: bytes, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Write a whole request; return what gets the answer, or the exception Broken."""
        self._answer = loop.create_future()
        self._transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        return self._answer

    def give_up(self, error: Exception) -> None:
        """End the connection, and the wait for its answer with an error."""
        self._transport.abort()
        self._lose(error)

    def close(self) -> None:
        """End an idle connection."""
        self.is_lost = True
        self._transport.close()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of uvloop it has another base

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody has asked
            self.give_up(Broken("unasked"))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.give_up(Broken("upgrade"))
        except httptools.HttpParserError as error:
            own = error.__context__
            self.give_up(own if isinstance(own, Broken) else Broken(type(error).__name__))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._status and not self._has_length and exc is None:
            self._finish()  # an answer that lasts until the connection ends
        self._lose(Broken(type(exc).__name__ if exc else "closed"))

    # -- httptools.HttpResponseParser

    def on_message_begin(self) -> None:
        if self._answer is None:  # a second answer to one request
            raise Broken("unasked")
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        name = name.lower()
        if name == b"retry-after":
            self._retry_after = value.decode("latin-1").strip()
        elif name in (b"content-length", b"transfer-encoding"):
            self._has_length = True
        elif name == b"content-encoding":
            self._coding = value.decode("latin-1").strip().lower()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # before it may come that the request is being worked on
            self._status = status
            self._kept = self._parser.should_keep_alive()
            self._has_length = self._has_length or status in WITHOUT_BODY

    def on_body(self, body: bytes) -> None:
        if self._left < len(body):  # what is longer is cut, and read no further
            self._kept = False
            body = body[: self._left]
        self._left -= len(body)
        self._body.append(body)
        if not self._kept and not self._left:
            self._finish()

    def on_message_complete(self) -> None:
        if self._status and self._has_length:
            self._finish()

    # --

    def _begin(self) -> None:
        self._status = self._head_bytes = 0
        self._retry_after = self._coding = ""
        self._has_length = self._kept = False
        self._body: list[bytes] = []
        self._left = self._longest

    def _lose(self, error: Exception) -> None:
        self.is_lost = True
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _count(self, length: int) -> None:
        self._head_bytes += length
        if self._head_bytes > MOST_HEAD_BYTES:
            raise Broken("head")

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if self._kept and not self.is_lost:
            self._free(self)
        else:
            self.close()
        if answer.done():  # nobody waits for it any more
            return
        try:
            body = _unpacked(b"".join(self._body), self._coding, self._longest)
        except (ValueError, zlib.error):
            answer.set_exception(Broken("encoding"))
        else:
            answer.set_result(Answer(self._status, body, self._retry_after))


def _unpacked(body: bytes, coding: str, longest: int) -> bytes:
    """Return a body as it was meant, ``longest`` bytes at most; no coding was asked for."""
    if not body or coding in {"", "identity"}:
        return body
    if coding not in PACKED:
        raise ValueError(coding)
    unpack: Any = zlib.decompressobj(_GZIP_OR_ZLIB)
    found: bytes = unpack.decompress(body, longest)
    return found
