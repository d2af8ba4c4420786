"""A tiny sync server for phones that keeps every request as it came and answers as told.

It shares nothing with the gateway or with the handset emulator, so that they cannot be wrong in
the same way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

SUCCESS = {"payload": {"success": True, "error": None}}


@dataclass(frozen=True)
class Seen:
    """One request, undecoded; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The fields of a url-encoded body, in order."""
        return parse_qsl(self.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a url-encoded body; of repeated ones the last."""
        return dict(self.pairs)

    @property
    def json(self) -> Any:
        """The body as standard JSON."""
        return json.loads(self.body)

    @property
    def task(self) -> str:
        """``send``, ``sent``, ``ask`` (for results), ``result``; "" for a sync."""
        query = urlsplit(self.target).query.replace("?", "&")
        task = dict(parse_qsl(query)).get("task", "")
        return "ask" if (task, self.method) == ("result", "GET") else task


class SyncServer:
    """Answers on loopback; ``url`` is the sync URL. Use it in ``async with``.

    Without orders it accepts every SMS, has nothing to send, echoes what phones have queued and
    awaits no results.
    """

    def __init__(self, path: str = "/smssync") -> None:
        self._path = path
        self._orders: dict[str, list[tuple[int, bytes]]] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.requests: list[Seen] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The sync URL as an owner would type it."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    @property
    def last(self) -> Seen:
        """The newest request."""
        return self.requests[-1]

    def of(self, task: str) -> list[Seen]:
        """The requests of one task, see ``Seen.task``."""
        return [seen for seen in self.requests if seen.task == task]

    def say(self, task: str, content: Any, status: int = 200) -> None:
        """Answer the next request of this task so; the last order stays in force.

        content: text and bytes go out as they are, everything else as JSON.
        """
        raw = content.encode() if isinstance(content, str) else content
        body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
        self._orders.setdefault(task, []).append((status, body))

    def offer(self, *messages: dict[str, Any], secret: str = "") -> None:
        """Hand these SMS out at the next polls."""
        payload = {"task": "send", "secret": secret, "messages": messages}
        self.say("send", {"payload": payload})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (seen := await _read(reader)) is not None:
                self.requests.append(seen)
                status, body = self._answer(seen)
                writer.write(_raw(status, body))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, seen: Seen) -> tuple[int, bytes]:
        orders = self._orders.get(seen.task, [])
        if orders:
            return orders.pop(0) if len(orders) > 1 else orders[0]
        return 200, json.dumps(_default(seen)).encode()


def sms(to: str = "+12065550101", text: str = "Hello", uuid: str = "u-1") -> dict[str, str]:
    """Return an SMS for a phone to send, in the words of the wire."""
    return {"to": to, "message": text, "uuid": uuid}


def replying(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a sync's answer that carries instant replies."""
    return {"payload": {"success": True, "error": None, "task": "send", "messages": messages}}


def _default(seen: Seen) -> Any:
    match seen.task:
        case "send":
            return {"payload": {"task": "send", "secret": "", "messages": []}}
        case "sent":
            return {"message_uuids": seen.json["queued_messages"]}
        case "ask" | "result":
            return {"message_uuids": []}
    return SUCCESS


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    named = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in named}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, body)


def _raw(status: int, body: bytes) -> bytes:
    phrase = HTTPStatus(status).phrase
    if status == HTTPStatus.NO_CONTENT:
        return f"HTTP/1.1 {status} {phrase}\r\n\r\n".encode()
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
