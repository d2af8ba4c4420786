"""A small application behind both servers, and what each of them answers to bytes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, stream_request_body

from handlers.front.server import BODY_SECONDS, IDLE_SECONDS, http_server


class Echo(RequestHandler):
    """Answers what it was asked: method, target, body."""

    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS,)

    def get(self) -> None:
        request = self.request
        self.finish(f"[{request.method} {request.uri} {request.body.decode('latin-1')}]")

    head = post = put = patch = delete = options = get


class Code(RequestHandler):
    """Answers with a status and nothing else."""

    def get(self, code: str) -> None:
        self.set_status(int(code))
        self.finish()

    post = head = get


class Parts(RequestHandler):
    """Answers in parts."""

    async def get(self) -> None:
        for n in range(3):
            self.write(f"{n};")
            await self.flush()


class Much(RequestHandler):
    """Answers more than a peer that does not read can be sent."""

    ended = ""

    async def get(self) -> None:
        Much.ended = "running"
        try:
            for _ in range(400):
                self.write(b"x" * 65_536)
                await self.flush()
            Much.ended = "all"
        except StreamClosedError:
            Much.ended = "closed"


class Slow(RequestHandler):
    """Answers when it is told to; notes who leaves."""

    go = asyncio.Event()
    left = 0

    async def get(self) -> None:
        await Slow.go.wait()
        self.finish("slow")

    post = get

    def on_connection_close(self) -> None:
        Slow.left += 1
        super().on_connection_close()


class Wrong(RequestHandler):
    """Announces another length than it sends."""

    def get(self, length: str) -> None:
        self.set_header("Content-Length", length)
        self.finish("four")


class Crash(RequestHandler):
    """Fails."""

    def get(self) -> None:
        raise RuntimeError


@stream_request_body
class Upload(RequestHandler):
    """Takes a body piece by piece, each one slowly."""

    def initialize(self) -> None:
        self.sizes: list[int] = []

    async def data_received(self, chunk: bytes) -> None:
        await asyncio.sleep(0.001)
        self.sizes.append(len(chunk))

    def post(self) -> None:
        self.finish(f"{sum(self.sizes)}")


def application() -> Application:
    return Application(
        [
            (r"/code/(\d+)", Code),
            (r"/parts", Parts),
            (r"/much", Much),
            (r"/slow", Slow),
            (r"/wrong/(\d+)", Wrong),
            (r"/crash", Crash),
            (r"/upload", Upload),
            (r"/.*", Echo),
        ]
    )


@asynccontextmanager
async def served(
    kind: str, *, idle_seconds: float = IDLE_SECONDS, body_seconds: float = BODY_SECONDS
) -> AsyncIterator[int]:
    """Serve the application by one server, "fast" or "tornado", and give the port."""
    server = http_server(kind, application(), idle_seconds=idle_seconds, body_seconds=body_seconds)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        yield sockets[0].getsockname()[1]
    finally:
        server.stop()
        await server.close_all_connections()


@dataclass(frozen=True)
class Said:
    """What came: the codes of all answers, the bytes, and whether the server closed."""

    codes: tuple[int, ...]
    data: bytes
    closed: bool

    @property
    def kind(self) -> tuple[str, ...]:
        """The class of each answer; refused: a 4xx and closed, or closed without a word."""
        kinds = [f"{code // 100}xx" for code in self.codes if code >= 200]
        if self.closed and (not kinds or kinds[-1] == "4xx"):
            return (*kinds[:-1], "refused")
        return tuple(kinds)


async def ask(port: int, *parts: bytes, wait: float = 0.25, pause: float = 0.0) -> Said:
    """Send bytes, and return what comes until the server closes or says nothing for ``wait`` s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got, closed = b"", False
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        while True:
            part = await asyncio.wait_for(reader.read(65_536), wait)
            if not part:
                closed = True
                break
            got += part
    except TimeoutError:
        pass
    except OSError:
        closed = True
    writer.transport.abort()
    return Said(tuple(int(c) for c in re.findall(rb"HTTP/1\.1 (\d{3})", got)), got, closed)
