"""What becomes of a post when the provider is at fault: the fast way beside the plain one."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from gateway.providers.base import Outcome, SubmitResult
from gateway.providers.http.answers import Answer
from gateway.providers.http.client import HttpClient
from gateway.providers.http.poster import Poster

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Found = Answer | SubmitResult
BODY = b"text=Get+the+app&to=491760406900"
JSON = b'{"messages":[]}'
HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
LONGEST = 65_536
TIMEOUT = 0.4


class Fast:
    """Posts by ``Poster``."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._poster = Poster(url, timeout=timeout, longest=LONGEST, headers=HEADERS)
        self.close = self._poster.close
        self.post = self._poster.post


class Plain:
    """Posts by ``HttpClient``."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._client = HttpClient(url, timeout=timeout, longest=LONGEST, headers=HEADERS)
        self.close = self._client.close

    async def post(self, body: bytes) -> Found:
        return await self._client.call("POST", body=body)


ways = pytest.mark.parametrize("way", [Fast, Plain], ids=["fast", "plain"])
Way = type[Fast] | type[Plain]


async def read(reader: asyncio.StreamReader) -> bytes:
    """Return a whole request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def answer(body: bytes = JSON, status: str = "200 OK", /, **headers: object) -> bytes:
    """Return an answer with the length of its body; headers: ``_`` stands for ``-``."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def says(*parts: bytes, closes: bool = False, pause: float = 0.01) -> Serve:
    """Answer each request in these parts, a moment between them."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read(reader)
            for each in parts:
                writer.write(each)
                await writer.drain()
                await asyncio.sleep(pause)
            if closes:
                return

    return serve


async def closes(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await read(reader)


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    lingering = writer.get_extra_info("socket")
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await read(reader)
    await reader.read()  # until the other side gives up


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        writer.write(b"a")
        await asyncio.sleep(0.05)


async def closes_when_idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    writer.write(answer())
    await asyncio.sleep(0.02)


async def answers_unasked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    writer.write(answer())
    await asyncio.sleep(0.02)
    writer.write(answer(status="500 Late"))
    await read(reader)
    writer.write(answer())


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> list[bytes]:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks), end]


@dataclass(frozen=True)
class Row:
    """A fault and what two posts after each other come to; each: status and body, or outcome.

    plain: where the plain way comes to something else.
    """

    label: str
    serve: Serve
    first: str
    second: str
    plain: tuple[str, str] | None = None

    def __str__(self) -> str:
        return self.label


GOOD, LOST = f"200 {JSON.decode()}", Outcome.UNKNOWN.value
PACKED = gzip.compress(JSON)
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"
MANY = {f"X-{n}": "a" * 90 for n in range(1000)}
ROWS = [
    Row("good", says(answer()), GOOD, GOOD),
    Row("in pieces", says(*(bytes([each]) for each in answer()), pause=0), GOOD, GOOD),
    Row("closes without an answer", closes, LOST, LOST),
    Row("resets", resets, LOST, LOST),
    Row("hangs", hangs, LOST, LOST),
    Row("drips for ever", drips, LOST, LOST),
    Row("closes in the head", says(b"HTTP/1.1 200 OK\r\nConte", closes=True), LOST, LOST),
    Row("closes in the body", says(HALF, closes=True), LOST, LOST),
    Row("until the end", says(b"HTTP/1.1 200 OK\r\n\r\n" + JSON, closes=True), GOOD, GOOD),
    Row("HTTP/1.0", says(b"HTTP/1.0 200 OK\r\n\r\n" + JSON, closes=True), GOOD, GOOD),
    Row("chunked", says(*chunked(JSON[:5], JSON[5:])), GOOD, GOOD),
    Row("chunked, cut", says(*chunked(JSON, end=b""), closes=True), LOST, LOST),
    Row("chunked, a wrong size", says(*chunked(JSON, end=b"x\r\n\r\n")), LOST, LOST),
    Row("100 before", says(b"HTTP/1.1 100 Continue\r\n\r\n", answer()), GOOD, GOOD),
    Row("103 before", says(b"HTTP/1.1 103 E\r\nRetry-After: 9\r\n\r\n", answer()), GOOD, GOOD),
    Row("no HTTP", says(b"SMTP ready\r\n\r\n", closes=True), LOST, LOST),
    Row("status 99", says(b"HTTP/1.1 99 X\r\n\r\n", closes=True), LOST, LOST),
    Row("HTTP/2", says(b"HTTP/2 200\r\ncontent-length: 0\r\n\r\n", closes=True), LOST, LOST),
    Row(
        "101",
        says(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        LOST,
        LOST,
        plain=("101 ", "101 "),
    ),
    Row("204", says(b"HTTP/1.1 204 No\r\n\r\n"), "204 ", "204 "),
    Row("429", says(answer(b"", "429 Slow", Retry_After=3)), "429  3", "429  3"),
    Row("503", says(answer(b"", "503 Busy")), "503 ", "503 "),
    Row("302 is not followed", says(answer(b"", "302 X", Location="/b")), "302 ", "302 "),
    Row("two lengths", says(answer(b"abc", Content_LENGTH=4)), LOST, LOST),
    Row("length and chunks", says(answer(b"0\r\n\r\n", Transfer_Encoding="chunked")), LOST, LOST),
    Row("a negative length", says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), LOST, LOST),
    Row("a head of 100 KB", says(answer(X="a" * 100_000)), LOST, LOST),
    Row("many headers", says(answer(JSON, "200 OK", **MANY)), LOST, LOST),
    Row("closes when idle", closes_when_idle, GOOD, GOOD),
    Row("two answers at once", says(answer() + answer(b"", "500 X")), GOOD, GOOD),
    Row("closes after it", says(answer(Connection="close"), closes=True), GOOD, GOOD),
    Row("gzip", says(answer(PACKED, Content_Encoding="gzip")), GOOD, GOOD),
    Row("deflate", says(answer(zlib.compress(JSON), Content_Encoding="deflate")), GOOD, GOOD),
    Row("identity", says(answer(Content_Encoding="identity")), GOOD, GOOD),
    Row("gzip, cut", says(answer(PACKED[:-9], Content_Encoding="gzip")), GOOD, GOOD),
    Row("gzip that is none", says(answer(Content_Encoding="gzip")), LOST, LOST),
    Row("brotli", says(answer(Content_Encoding="br")), LOST, LOST),
]


def said(found: Found) -> str:
    """Return an answer or an outcome as the rows have it."""
    if isinstance(found, Answer):
        body = found.body.decode() if len(found.body) < 100 else f"{len(found.body)} bytes"
        return f"{found.status} {body}" + (f" {found.retry_after}" if found.retry_after else "")
    return found.outcome.value


@asynccontextmanager
async def serving(
    serve: Serve, tls: ssl.SSLContext | None = None, port: int = 0, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve connections in this way, and give the port."""

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(each, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def posted_twice(way: Way, url: str) -> list[str]:
    poster = way(url)
    found = []
    for _ in range(2):
        found.append(said(await poster.post(BODY)))
        await asyncio.sleep(0.05)
    await poster.close()
    return found


@ways
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_each_fault_comes_to_the_same(row: Row, way: Way) -> None:
    async with serving(row.serve) as port:
        found = await posted_twice(way, f"http://127.0.0.1:{port}/sms/json")
    expected = (row.plain or (row.first, row.second)) if way is Plain else (row.first, row.second)
    assert list(expected) == found


@ways
async def test_a_long_answer_is_read_up_to_a_length(way: Way) -> None:
    async with serving(says(answer(b"a" * 10 * LONGEST))) as port:
        poster = way(f"http://127.0.0.1:{port}/")
        for _ in range(2):
            found = await poster.post(BODY)
            assert isinstance(found, Answer)
            assert LONGEST <= len(found.body) <= 3 * LONGEST
        await poster.close()


@ways
async def test_a_small_answer_that_unpacks_to_a_large_one_is_cut(way: Way) -> None:
    packed = gzip.compress(b"a" * 100 * LONGEST)
    async with serving(says(answer(packed, Content_Encoding="gzip"))) as port:
        poster = way(f"http://127.0.0.1:{port}/")
        found = await poster.post(BODY)
        assert isinstance(found, Answer)
        assert LONGEST <= len(found.body) <= 5 * LONGEST
        await poster.close()


@ways
@pytest.mark.parametrize(
    "url",
    ["http://nothing.invalid/", f"http://{'a' * 70}.example/", f"https://{'ä' * 70}.example/"],
    ids=["no such host", "a label too long", "too long in ASCII"],
)
async def test_without_an_address_nothing_was_sent(way: Way, url: str) -> None:
    assert ["not_sent"] * 2 == await posted_twice(way, url)


@ways
async def test_a_refused_connection_sends_nothing(way: Way, closed_port: int) -> None:
    assert ["not_sent"] * 2 == await posted_twice(way, f"http://127.0.0.1:{closed_port}/")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@ways
async def test_who_does_not_accept_is_given_up_before_anything_was_sent(way: Way) -> None:
    with socket.socket() as listening, contextlib.ExitStack() as others:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            waiting = others.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        assert ["not_sent"] * 2 == await posted_twice(way, url)


@ways
async def test_a_cancelled_post_takes_its_connection_along(way: Way) -> None:
    """The answer that comes late must not be taken for that of the next request."""
    asked = asyncio.Event()

    async def slow_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read(reader):
            if not asked.is_set():
                asked.set()
                await asyncio.sleep(0.1)
                writer.write(answer(b"", "500 Late"))
            writer.write(answer())

    async with serving(slow_once) as port:
        poster = way(f"http://127.0.0.1:{port}/", timeout=5)
        first = asyncio.create_task(poster.post(BODY))
        await asked.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert [GOOD] * 3 == [said(await poster.post(BODY)) for _ in range(3)]
        await poster.close()


@ways
async def test_an_answer_before_the_request_is_not_the_word_of_the_provider(way: Way) -> None:
    """Who is turned away at the door may be told so early; that is never taken for a yes."""

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", "503 Busy", Connection="close"))
        await writer.drain()
        writer.close()

    async with serving(early) as port:
        found = await posted_twice(way, f"http://127.0.0.1:{port}/")
    assert set(found) <= {"503 ", "unknown", "not_sent"}


@ways
async def test_proxies_of_the_environment_are_not_used(
    way: Way, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    async with serving(says(answer())) as port:
        assert [GOOD] * 2 == await posted_twice(way, f"http://127.0.0.1:{port}/")


@ways
async def test_a_new_connection_goes_where_the_name_leads_now(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, known = "127.0.0.1", socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *args, **more: known(there, *args, **more)
    )
    async with serving(says(answer(b"old"), closes=True)) as port:
        poster = way(f"http://provider.example:{port}/", timeout=2)
        assert "200 old" == said(await poster.post(BODY))
        there = "127.0.0.2"
        async with serving(says(answer(b"new"), closes=True), port=port, host=there):
            await asyncio.sleep(0.02)
            found = said(await poster.post(BODY))
        await poster.close()
    # The plain way remembers an address for ten seconds.
    assert found in ({"200 new"} if way is Fast else {"200 new", "200 old"})


# -- TLS


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that this machine believes."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


def by(
    authority: trustme.CA, name: str = "localhost", not_after: datetime | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
    return context


async def test_tls_is_spoken_with_whom_the_machine_believes(authority: trustme.CA) -> None:
    async with serving(says(answer()), by(authority)) as port:
        assert [GOOD] * 2 == await posted_twice(Fast, f"https://localhost:{port}/")


@ways
async def test_a_certificate_that_is_not_believed_ends_it_before_anything_was_sent(
    way: Way,
) -> None:
    async with serving(says(answer()), by(trustme.CA())) as port:
        assert ["not_sent"] * 2 == await posted_twice(way, f"https://localhost:{port}/")


async def test_a_certificate_for_somebody_else_is_not_believed(authority: trustme.CA) -> None:
    async with serving(says(answer()), by(authority, "other.example")) as port:
        assert ["not_sent"] * 2 == await posted_twice(Fast, f"https://localhost:{port}/")


@ways
async def test_a_broken_handshake_sends_nothing(way: Way) -> None:
    async def leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    async with serving(leaves) as port:
        assert ["not_sent"] * 2 == await posted_twice(way, f"https://localhost:{port}/")


async def test_a_certificate_that_expires_under_way_ends_new_connections(
    authority: trustme.CA,
) -> None:
    """A connection that is there lasts; the next one is not made."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    closing = says(answer(Connection="close"), closes=True)
    async with serving(closing, by(authority)) as port:
        poster = Fast(f"https://localhost:{port}/")
        assert GOOD == said(await poster.post(BODY))
    async with serving(says(answer()), by(authority, not_after=yesterday), port=port):
        assert "not_sent" == said(await poster.post(BODY))
    async with serving(says(answer()), by(authority), port=port):
        assert GOOD == said(await poster.post(BODY))
    await poster.close()


async def test_a_tls_peer_that_only_half_closes_is_not_asked_again(authority: trustme.CA) -> None:
    """It says that nothing more comes, and leaves the connection open."""
    asked = 0

    def serve(listening: socket.socket, context: ssl.SSLContext) -> None:
        nonlocal asked
        for _ in range(2):
            plain, _ = listening.accept()
            with context.wrap_socket(plain, server_side=True) as peer:
                peer.recv(10_000)
                asked += 1
                peer.sendall(answer())
                peer.settimeout(0.2)
                with contextlib.suppress(OSError):
                    peer.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(asyncio.to_thread(serve, listening, by(authority)))
        poster = Fast(f"https://localhost:{listening.getsockname()[1]}/", timeout=2)
        for _ in range(2):
            assert GOOD == said(await poster.post(BODY))
            await asyncio.sleep(0.1)
        await running
        await poster.close()
    assert 2 == asked


# -- the fast way alone


async def test_what_nobody_asked_for_is_no_answer_to_the_next_request() -> None:
    """The plain way takes it for one."""
    async with serving(answers_unasked) as port:
        assert [GOOD] * 2 == await posted_twice(Fast, f"http://127.0.0.1:{port}/")


async def test_answers_go_to_whom_they_belong(authority: trustme.CA) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = (await read(reader)).rpartition(b"\r\n\r\n")[2]
            await asyncio.sleep(int(body) % 7 / 500)
            writer.write(answer(body))

    for tls in (None, by(authority)):
        async with serving(echo, tls) as port:
            poster = Fast(f"http{'s' if tls else ''}://localhost:{port}/", timeout=20)
            for start in range(0, 600, 200):
                sent = [b"%d" % n for n in range(start, start + 200)]
                found = await asyncio.gather(*map(poster.post, sent))
                assert [f"200 {each.decode()}" for each in sent] == list(map(said, found))
            await poster.close()


async def test_a_connection_is_kept_and_the_request_is_as_documented() -> None:
    requests: list[bytes] = []
    connections = 0

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            requests.append(await read(reader))
            writer.write(answer())

    async with serving(note) as port:
        assert [GOOD] * 2 == await posted_twice(Fast, f"http://localhost:{port}/sms/json?a=b")
    assert 1 == connections
    head, body = requests[1].split(b"\r\n\r\n")
    assert body == BODY
    assert [
        b"POST /sms/json?a=b HTTP/1.1",
        b"Host: localhost:%d" % port,
        b"User-Agent: sms-gateway",
        b"Accept: */*",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Length: %d" % len(BODY),
    ] == head.split(b"\r\n")


async def test_a_closed_poster_leaves_nothing_open() -> None:
    gone = asyncio.Event()

    async def until_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        await reader.read()
        gone.set()

    async with serving(until_gone) as port:
        poster = Fast(f"http://127.0.0.1:{port}/", timeout=20)
        waiting = asyncio.create_task(poster.post(BODY))
        await asyncio.sleep(0.05)
        await poster.close()
        assert "unknown" == said(await waiting)
        await asyncio.wait_for(gone.wait(), 5)
