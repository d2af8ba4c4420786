"""The bytes of an answer: its head, and the framing of its body."""

from __future__ import annotations

import re
from functools import lru_cache

from tornado.httputil import HTTPHeaders, HTTPOutputError, RequestStartLine, ResponseStartLine

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
WITHOUT_BODY = frozenset({204, 304})
_LINE_END = re.compile(r"[\r\n\0]")


class Answer:
    """The answer to one request; ``keeps``: whether the connection lasts beyond it."""

    __slots__ = ("_chunked", "_left", "_line", "_wants_keep", "keeps")

    def __init__(self, line: RequestStartLine, headers: HTTPHeaders, *, keeps: bool) -> None:
        self._line = line
        self._chunked = False
        self._left: int | None = None
        self._wants_keep = (
            line.version == "HTTP/1.0" and headers.get("Connection", "").lower() == "keep-alive"
        )
        self.keeps = keeps

    def head(self, start: ResponseStartLine, headers: HTTPHeaders, chunk: bytes | None) -> bytes:
        """Return the head, and the first bytes of the body; raises ValueError."""
        length = headers.get("Content-Length")
        has_body = start.code >= 200 and start.code not in WITHOUT_BODY
        if self._line.method == "HEAD" or not has_body:
            self._left = 0 if length is not None or self._line.method == "HEAD" else None
        elif length is not None:
            self._left = int(length)
        elif self._line.version == "HTTP/1.0":
            self.keeps = False  # its end is that of the connection
        else:
            self._chunked = True
            headers["Transfer-Encoding"] = "chunked"
        if headers.get("Connection", "").lower() == "close":
            self.keeps = False
        elif not self.keeps:
            headers["Connection"] = "close"
        elif self._wants_keep:
            headers["Connection"] = "Keep-Alive"
        fields = [f"{name}: {value}" for name, value in headers.get_all()]
        if _LINE_END.search("".join(fields)):
            raise ValueError("a header with a line's end")
        head = _status_line(start.code, start.reason) + "\r\n".join([*fields, "", ""])
        return head.encode("latin-1") + (self.body(chunk) if chunk else b"")

    def body(self, chunk: bytes) -> bytes:
        """Return bytes of the body as they go out; raises HTTPOutputError for too many."""
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0:
                raise HTTPOutputError("more than Content-Length says")
        return b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked and chunk else chunk

    def end(self) -> bytes:
        """Return what ends the body; raises HTTPOutputError when some of it is missing."""
        if self._left:
            raise HTTPOutputError("less than Content-Length says")
        return b"0\r\n\r\n" if self._chunked else b""


@lru_cache(256)
def _status_line(code: int, reason: str) -> str:
    if _LINE_END.search(reason):
        raise ValueError("a reason with a line's end")
    return f"HTTP/1.1 {code} {reason}\r\n"
