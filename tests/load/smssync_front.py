"""A round robin in front of gateway processes, which writes down what phones are answered."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from typing import Self

import ujson

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TASK = re.compile(rb"^\S+ /smssync/([^/? ]+)[^ ]*[?&]task=(send|sent)\b")


class Front:
    """Passes each request to the next process in turn; use it in ``async with``.

    Where a process is dead or dies meanwhile, the phone's connection is closed without an answer.
    offered: the phones that were named an SMS in the answer to a poll, by its uuid; granted: those
    that were told to send it in the answer to ``task=sent``.
    """

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._turn = 0
        self._idle: dict[int, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._server: asyncio.Server | None = None
        self.requests = 0
        self.unanswered = 0
        self.offered: defaultdict[str, list[str]] = defaultdict(list)
        self.granted: defaultdict[str, set[str]] = defaultdict(set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        idle = [writer for pairs in self._idle.values() for _, writer in pairs]
        serving = [task for task in self._open.values() if task]
        for writer in [*self._open, *idle]:
            writer.close()
        await asyncio.gather(*serving, *(each.wait_closed() for each in idle))
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        """Host and port that phones are given."""
        assert self._server
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        try:
            while request := await _message(reader):
                self.requests += 1
                answer = await self._forward(request)
                if not answer:
                    self.unanswered += 1
                    break
                self._note(request, answer)
                writer.write(answer)
                await writer.drain()
        except OSError:
            pass  # the phone has hung up
        finally:
            del self._open[writer]
            writer.close()

    async def _forward(self, request: bytes) -> bytes:
        """Return the answer of the process whose turn it is, empty when it gives none."""
        self._turn += 1
        port = self._ports[self._turn % len(self._ports)]
        idle = self._idle.setdefault(port, [])
        try:
            reader, writer = (
                idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
            )
        except OSError:
            return b""
        try:
            writer.write(request)
            await writer.drain()
            answer = await _message(reader)
        except OSError:
            answer = b""
        if answer:
            idle.append((reader, writer))
        else:
            writer.close()
        return answer

    def _note(self, request: bytes, answer: bytes) -> None:
        asked = _TASK.match(request)
        if asked is None:
            return
        phone, body = asked[1].decode(), ujson.loads(answer.partition(b"\r\n\r\n")[2])
        if asked[2] == b"send":
            for each in body["payload"]["messages"]:
                self.offered[each["uuid"]].append(phone)
        else:
            for uuid in body["message_uuids"]:
                self.granted[uuid].add(phone)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return the next request or answer with its body, empty when there is none (any more)."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head + await reader.readexactly(int(length[1])) if length else head
    except asyncio.IncompleteReadError:
        return b""
