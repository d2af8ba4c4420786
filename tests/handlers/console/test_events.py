"""The event streams of the console's live pages: what they send, and how each of them ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from gateway.errors import NotFound, StoreUnavailable
from handlers.base import BaseHandler, Guard
from handlers.console.events import EventStream
from handlers.console.page import MOST_STREAMS, MOST_STREAMS_OF_ONE, Page
from tests.support.scenes.console import OPTIONS, TOKEN, Operator
from tests.support.scenes.masking import until
from tests.support.servers.serving import Gateway, serving

EVENTS = {"Accept": "text/event-stream"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FOREVER = aiohttp.ClientTimeout(total=None)
# More than the system keeps for a connection on its way.
HUGE = "x" * 64 * 1024 * 1024


class Scene(Page):
    """A live page of whatever a test puts on it; an exception there is raised."""

    template = live = "error.html"
    every = 0.01
    shows: Any = "first"

    async def data(self, *_: str) -> dict[str, Any]:
        """Return what the test wants to be seen."""
        if isinstance(Scene.shows, Exception):
            raise Scene.shows
        return {"status": 200, "why": Scene.shows}


class SlowScene(Scene):
    """The same, looked at once an hour."""

    every = 3600


class Flood(BaseHandler):
    """Sends more than anybody takes who does not read."""

    guard = Guard.PUBLIC

    async def get(self) -> None:
        """Send one event."""
        events = EventStream(self, patience=0.05)
        await events.send("part", HUGE)
        self.application.start_page = "over" if events.over else "taken"


ROUTES = [("/console/scene", Scene), ("/console/slow", SlowScene), ("/flood", Flood)]


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway with the pages above."""
    Scene.shows = "first"
    async with serving(*OPTIONS, redis_url=redis_url, routes=ROUTES) as running:
        yield running


class Stream:
    """The events of one page as a browser reads them."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def event(self) -> tuple[str, str]:
        """Return name and data of the next event, ("", "") at the end."""
        name, lines = "", []
        async for line in self.answer.content:
            key, _, value = line.decode().rstrip("\n").partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                lines.append(value)
            elif not key and name:
                break
        return name, "\n".join(lines)


@asynccontextmanager
async def following(
    gateway: Gateway, page: str = "/console/scene", **headers: str
) -> AsyncIterator[Stream]:
    """Follow a page until the block ends."""
    async with gateway.client.get(page, headers=EVENTS | headers, timeout=FOREVER) as answer:
        assert 200 == answer.status
        yield Stream(answer)


async def ended(gateway: Gateway) -> None:
    """Wait until nobody follows a page any more and no request is left over."""
    await until(
        lambda: (0, 0) == (gateway.application.streams.total(), gateway.application.in_flight)
    )


# -- what is sent


@pytest.mark.usefixtures("operator")
async def test_a_stream_sends_the_live_part_at_first_and_whenever_it_has_changed(
    gateway: Gateway,
) -> None:
    """And nothing while it has not."""
    async with following(gateway) as stream:
        assert "text/event-stream; charset=UTF-8" == stream.answer.headers["Content-Type"]
        assert "no" == stream.answer.headers["X-Accel-Buffering"]
        for shows in ("first", "second", "third"):
            Scene.shows = shows
            name, html = await stream.event()
            assert ("part", True) == (name, f"<p>{shows}</p>" in html)
    await ended(gateway)


LINES = {"LF": "\n", "CR LF": "\r\n", "CR": "\r"}
NO_LINES = {"VT": "\v", "FF": "\f", "FS": "\x1c", "NEL": "\x85", "LS": "\u2028", "PS": "\u2029"}


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("end", "expected"),
    [(end, "\n") for end in LINES.values()] + [(each, each) for each in NO_LINES.values()],
    ids=[*LINES, *NO_LINES],
)
async def test_what_a_phone_sent_can_neither_end_nor_forge_an_event(
    gateway: Gateway, end: str, expected: str
) -> None:
    """Each line of it is data; what Unicode takes for a line's end stays as it is."""
    Scene.shows = f"a{end}event: gone{end}{end}data: b"
    async with following(gateway) as stream:
        name, html = await stream.event()
    assert "part" == name
    assert f"a{expected}event: gone{expected}{expected}data: b" in html


@pytest.mark.usefixtures("operator")
async def test_an_outage_of_the_store_is_told_once_and_then_what_there_is(
    gateway: Gateway,
) -> None:
    """Also when nothing has changed meanwhile."""
    async with following(gateway) as stream:
        assert "part" == (await stream.event())[0]
        Scene.shows = StoreUnavailable()
        assert ("trouble", "The store does not answer.") == await stream.event()
        Scene.shows = "first"
        assert "part" == (await stream.event())[0]


# -- how it ends


@pytest.mark.usefixtures("operator")
async def test_a_page_of_what_is_no_more_is_told_so_and_its_stream_ends(gateway: Gateway) -> None:
    async with following(gateway) as stream:
        await stream.event()
        Scene.shows = NotFound("gone")
        assert [("gone", "-"), ("", "")] == [await stream.event() for _ in range(2)]
    await ended(gateway)


async def test_signing_out_ends_the_streams_of_a_person(
    gateway: Gateway, operator: Operator
) -> None:
    """Those that are open, and those that come again."""
    async with following(gateway) as stream:
        await stream.event()
        cookies = operator.cookies
        await operator.post("/console/sign-out")
        assert [("signed-out", "-"), ("", "")] == [await stream.event() for _ in range(2)]
    await ended(gateway)
    async with following(gateway, Cookie=f"gateway_console={cookies['gateway_console']}") as again:
        assert [("signed-out", "-"), ("", "")] == [await again.event() for _ in range(2)]


async def test_a_bearer_token_follows_a_page_without_a_sign_in(gateway: Gateway) -> None:
    async with following(gateway, **BEARER) as stream:
        assert "part" == (await stream.event())[0]


@pytest.mark.usefixtures("operator")
async def test_a_browser_that_leaves_is_noticed_without_sending_anything(gateway: Gateway) -> None:
    async with following(gateway, "/console/slow") as stream:
        await stream.event()
        assert 1 == gateway.application.streams.total()
        stream.answer.close()
        await ended(gateway)


@pytest.mark.usefixtures("operator")
async def test_a_browser_that_left_before_its_first_event_is_no_crash(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing but the request's end is left of it."""
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            connection = socket.create_connection(("127.0.0.1", _port(gateway)))
            head = f"GET /console/scene HTTP/1.1\r\nHost: 127.0.0.1\r\n{_head(BEARER | EVENTS)}\r\n"
            connection.sendall(head.encode())
            connection.close()
        async with following(gateway) as stream:
            await stream.event()
        await ended(gateway)
    assert "" == caplog.text


@pytest.mark.usefixtures("operator")
async def test_a_process_that_is_about_to_end_ends_its_streams(gateway: Gateway) -> None:
    """Also those of pages that are looked at seldom; the browser comes again elsewhere."""
    async with following(gateway, "/console/slow") as stream:
        await stream.event()
        gateway.application.draining = True
        assert ("", "") == await stream.event()
    await ended(gateway)


@pytest.mark.usefixtures("operator")
async def test_a_crash_is_logged_and_ends_the_stream(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """The browser comes again by itself."""
    async with following(gateway) as stream:
        await stream.event()
        Scene.shows = ZeroDivisionError()
        assert ("", "") == await stream.event()
    await ended(gateway)
    assert "crash in GET /console/scene" in caplog.text


async def test_a_browser_that_takes_nothing_is_cut_off(gateway: Gateway) -> None:
    """What waited for it is forgotten, and its connection closed."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", _port(gateway)))
        connection.sendall(b"GET /flood HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await until(lambda: gateway.application.start_page == "over")
        await ended(gateway)
        connection.settimeout(10)
        assert await asyncio.to_thread(_read_to_end, connection) < len(HUGE)


@pytest.mark.usefixtures("operator")
async def test_a_process_follows_so_many_pages_at_once(gateway: Gateway) -> None:
    """One more is told to come again later."""
    gateway.application.streams["of others"] = MOST_STREAMS
    async with gateway.client.get("/console/scene", headers=EVENTS) as answer:
        assert 429 == answer.status
        assert int(answer.headers["Retry-After"]) > 0
    gateway.application.streams.clear()


async def test_one_person_leaves_streams_to_others(gateway: Gateway, operator: Operator) -> None:
    """Whoever has opened a dozen pages waits for himself."""
    [mine] = operator.cookies.values()
    gateway.application.streams[mine] = MOST_STREAMS_OF_ONE
    async with gateway.client.get("/console/scene", headers=EVENTS) as answer:
        assert 429 == answer.status
    gateway.application.streams.clear()


def _port(gateway: Gateway) -> int:
    return int(gateway.url.rpartition(":")[2])


def _head(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _read_to_end(connection: socket.socket) -> int:
    """Return how many octets came until the connection was closed, in whatever way."""
    total = 0
    with suppress(ConnectionResetError):
        while octets := connection.recv(1 << 20):
            total += len(octets)
    return total
