"""What holds for a connection, whichever server has it: order, framing, deadlines, the end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tornado.netutil import bind_unix_socket

from handlers.front.server import FastServer
from tests.handlers.front.places import Much, Slow, application, ask, served
from tests.support.visitor import eventually

GET = b"GET /e HTTP/1.1\r\nHost: a\r\n\r\n"
kinds = pytest.mark.parametrize("kind", ["fast", "tornado"])


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: a", *fields, "", ""]).encode()


def post(path: str, body: bytes, *fields: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Slow.go, Slow.left, Much.ended = asyncio.Event(), 0, ""


@kinds
async def test_answers_come_in_the_order_of_the_requests(kind: str) -> None:
    asyncio.get_running_loop().call_later(0.1, Slow.go.set)
    async with served(kind) as port:
        said = await ask(port, get("/slow") + get("/one") + post("/two", b"x") + get("/three"))
    places = [said.data.index(each) for each in (b"slow", b"/one", b"/two x", b"/three")]
    assert sorted(places) == places
    assert (200,) * 4 == said.codes


@kinds
async def test_a_thousand_requests_at_once_are_all_answered(kind: str) -> None:
    async with served(kind) as port:
        said = await ask(port, b"".join(get(f"/n{n}x") for n in range(1000)), wait=3)
    assert 1000 == len(said.codes)
    assert all(f"/n{n}x".encode() in said.data for n in range(1000))


@kinds
@pytest.mark.parametrize(("code", "has_length"), [("204", False), ("304", False), ("200", True)])
async def test_an_answer_without_a_body_has_no_frame(
    kind: str, code: str, has_length: bool
) -> None:
    async with served(kind) as port:
        said = await ask(port, get(f"/code/{code}") + GET)
    first = said.data.partition(b"\r\n\r\n")[0]
    assert has_length is (b"Content-Length: 0" in first)
    assert b"Transfer-Encoding" not in first
    assert (int(code), 200) == said.codes


@kinds
async def test_the_answer_to_head_has_no_body(kind: str) -> None:
    async with served(kind) as port:
        said = await ask(port, GET.replace(b"GET", b"HEAD") + get("/next"))
    assert b"[HEAD" not in said.data
    assert b"[GET /next" in said.data


@kinds
async def test_parts_are_framed_as_chunks(kind: str) -> None:
    async with served(kind) as port:
        said = await ask(port, get("/parts") + GET)
    assert b"\r\n\r\n2\r\n0;\r\n2\r\n1;\r\n2\r\n2;\r\n0\r\n\r\nHTTP" in said.data


@kinds
async def test_parts_for_an_old_client_end_with_the_connection(kind: str) -> None:
    async with served(kind) as port:
        said = await ask(port, get("/parts").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert said.closed
    assert said.data.endswith(b"\r\n\r\n0;1;2;")


@kinds
async def test_an_old_client_may_keep_its_connection(kind: str) -> None:
    old = get("/e", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    async with served(kind) as port:
        said = await ask(port, old + old)
    assert (200, 200) == said.codes
    assert not said.closed
    assert 2 == said.data.count(b"Connection: Keep-Alive")


@kinds
async def test_who_waits_for_a_word_gets_it_before_his_body(kind: str) -> None:
    request = post("/e", b"body", "Expect: 100-continue")
    async with served(kind) as port:
        said = await ask(port, request[:-4], request[-4:], pause=0.1)
    assert (100, 200) == said.codes
    assert b"[POST /e body]" in said.data


@kinds
@pytest.mark.parametrize("length", ["3", "5"])
async def test_a_wrong_length_ends_the_connection(kind: str, length: str) -> None:
    """What would follow could be taken for a part of the body."""
    async with served(kind) as port:
        said = await ask(port, get(f"/wrong/{length}") + GET, wait=1)
    assert said.closed
    assert b"[GET" not in said.data


@kinds
async def test_a_crash_is_answered_and_the_connection_goes_on(kind: str) -> None:
    async with served(kind) as port:
        said = await ask(port, get("/crash") + GET)
    assert (500, 200) == said.codes


@kinds
async def test_a_body_is_taken_at_the_pace_of_the_handler(kind: str) -> None:
    async with served(kind) as port:
        said = await ask(port, post("/upload", b"x" * 3_000_000) + GET, wait=3)
    assert (200, 200) == said.codes
    assert b"3000000" in said.data


@kinds
async def test_a_peer_that_reads_nothing_holds_up_its_own_answer_alone(kind: str) -> None:
    async with served(kind) as port:
        with socket.create_connection(("127.0.0.1", port)) as lazy:
            lazy.sendall(get("/much"))
            await eventually(lambda: Much.ended == "running")
            assert (200,) == (await ask(port, GET)).codes
            await asyncio.sleep(0.1)
            assert "running" == Much.ended
        await eventually(lambda: Much.ended == "closed")


@kinds
async def test_who_leaves_before_he_is_answered_is_reported(kind: str) -> None:
    async with served(kind) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(get("/slow"))
            await asyncio.sleep(0.1)
            assert 0 == Slow.left
        await eventually(lambda: Slow.left == 1)


@kinds
@pytest.mark.parametrize("data", [b"", b"GET /e HT", GET + b"GE"], ids=["none", "half", "second"])
async def test_an_idle_connection_is_closed_in_time(kind: str, data: bytes) -> None:
    began = time.monotonic()
    async with served(kind, idle_seconds=0.5) as port:
        said = await ask(port, data, wait=10)
    assert said.closed
    assert 0.4 <= time.monotonic() - began


@kinds
async def test_a_body_that_does_not_come_ends_the_connection(kind: str) -> None:
    async with served(kind, body_seconds=0.5) as port:
        said = await ask(port, post("/e", b"four")[:-1], wait=10)
    assert said.closed
    assert () == said.codes


@kinds
async def test_one_that_drips_has_no_longer_than_one_that_says_nothing(kind: str) -> None:
    async with served(kind, idle_seconds=0.5, body_seconds=0.5) as port:
        for request in (get("/e", f"X: {'x' * 100}"), post("/e", b"x" * 100)):
            drops = [request[:-90], *(bytes([each]) for each in request[-90:])]
            said = await ask(port, *drops, wait=10, pause=0.1)
            assert said.closed
            assert 200 not in said.codes


@kinds
async def test_many_idle_connections_are_cheap_and_in_nobodys_way(kind: str) -> None:
    async with served(kind) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        assert (200,) == (await ask(port, GET)).codes
        for _, writer in idle:
            writer.close()


# -- the fast one alone


@pytest.fixture
async def fast() -> AsyncIterator[FastServer]:
    server = FastServer(application(), idle_seconds=30, body_seconds=30)
    yield server
    server.stop()
    await server.close_all_connections()


async def test_after_a_stop_nobody_is_accepted_and_those_who_are_there_are_served(
    fast: FastServer,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        fast.add_sockets([listening])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/slow"))
        await asyncio.sleep(0.05)
        fast.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        Slow.go.set()
        assert b"200 OK" in await reader.readuntil(b"slow")
        await fast.close_all_connections()
        assert b"" == await reader.read()
        writer.close()


async def test_a_unix_socket_serves_as_well(fast: FastServer, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    fast.add_sockets([bind_unix_socket(path)])
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(GET)
    assert b"[GET /e ]" in await reader.readuntil(b"]")
    writer.close()
