"""Requests out of the bytes of a connection: llhttp's parser, and what it lets through besides."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import httptools
from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine

# Tornado's own limit; that of fields is ours: each of them costs more than its bytes.
MOST_HEAD_BYTES = 65_536
MOST_FIELDS = 1_000
VERSIONS = frozenset({"1.0", "1.1"})


class Malformed(Exception):
    """The bytes are no request that can be read in one way only; the text says why."""


@dataclass(slots=True)
class Head:
    """The beginning of a request.

    keeps: the connection may take another one after it; expects: the client waits for a word
    before it sends the body.
    """

    line: RequestStartLine
    headers: HTTPHeaders
    keeps: bool
    expects: bool


# A request is its head, pieces of its body, and the end.
END = None
Event = Head | bytes | None


class Reader:
    """Puts what comes into ``events``."""

    def __init__(self, events: deque[Event]) -> None:
        self._events = events
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = True
        self._is_over = False
        self._head_bytes = 0
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._counted = 0

    def feed(self, data: bytes) -> None:
        """Take bytes; raises Malformed, after which nothing more can be read.

        What came before the fault stands in ``events``.
        """
        if self._is_over:
            return
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._is_over = True  # what follows is no HTTP, and nobody here speaks anything else
        except httptools.HttpParserError as error:
            own = error.__context__
            if isinstance(own, Malformed | HTTPInputError):
                raise Malformed(str(own)) from None
            if isinstance(error, httptools.HttpParserCallbackError):
                raise
            raise Malformed(type(error).__name__) from None
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            raise Malformed("the head is too long")

    # -- httptools.HttpRequestParser

    def on_message_begin(self) -> None:
        self._target = b""
        self._fields = []
        self._counted = 0

    def on_url(self, part: bytes) -> None:
        self._target += part
        self._count(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        headers = HTTPHeaders()
        for name, value in self._fields:
            headers.add(_name(name), value.decode("latin-1").strip(" \t"))
        version = self._parser.get_http_version()
        self._check(version, headers)
        method = self._parser.get_method().decode("latin-1")
        line = RequestStartLine(method, self._target.decode("latin-1"), f"HTTP/{version}")
        expects = headers.get("Expect", "").lower() == "100-continue"
        self._events.append(Head(line, headers, self._keeps(version, headers), expects))
        self._in_head = False
        self._fields = []  # of those that follow the body nothing is kept

    def on_body(self, part: bytes) -> None:
        self._events.append(part)

    def on_message_complete(self) -> None:
        self._events.append(END)
        self._in_head = True
        self._head_bytes = 0

    # --

    def _keeps(self, version: str, headers: HTTPHeaders) -> bool:
        """Tell whether the connection lasts beyond a request; an old client says so."""
        new = version == "1.1" or headers.get("Connection", "").lower() == "keep-alive"
        return new and self._parser.should_keep_alive() and not self._parser.should_upgrade()

    def _count(self, length: int) -> None:
        self._counted += length
        if self._counted > MOST_HEAD_BYTES or len(self._fields) > MOST_FIELDS:
            raise Malformed("the head is too long")

    def _check(self, version: str, headers: HTTPHeaders) -> None:
        """Refuse what a proxy in front might read in another way."""
        if version not in VERSIONS:
            raise Malformed("the version")
        coding = headers.get("Transfer-Encoding")
        if coding is not None and (coding.lower() != "chunked" or version == "1.0"):
            raise Malformed("the transfer coding")


@lru_cache(1024)
def _name(raw: bytes) -> str:
    return raw.decode("latin-1")
