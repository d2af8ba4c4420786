"""The yardstick: Tornado's hello-world in one process, on asyncio's loop or on uvloop."""

from __future__ import annotations

import asyncio
import signal
import sys

import tornado.web
import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets


class HelloHandler(tornado.web.RequestHandler):
    """The plainest handler there is."""

    def get(self) -> None:
        """Answer a text that never changes."""
        self.write("Hello, world")


async def serve() -> None:
    """Answer on a free loopback port, which is printed, until SIGTERM."""
    application = tornado.web.Application([(r"/", HelloHandler)], log_function=lambda _: None)
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(application).add_sockets(sockets)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(f"listening on http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["uvloop"]:
        uvloop.run(serve())
    else:
        asyncio.run(serve())
