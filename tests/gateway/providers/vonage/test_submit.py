"""Submission to Vonage over real HTTP: what became of a request, whatever the server does to it."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from gateway.providers.base import Outcome, Sms, SubmitResult
from gateway.providers.vonage import sms
from gateway.providers.vonage.sms import Account, VonageProvider

SECRET = "a-very-secret-secret"
HELLO = Sms("0123456789abcdef0123456789abcdef", "+4917612345678", "Acme", "Hello")
ACCEPTED = b'{"message-count":"1","messages":[{"status":"0","message-id":"a"}]}'
TIMEOUT = 5.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, the log never holds the secret or the recipient's number."""
    caplog.set_level(logging.DEBUG)
    yield
    logged = "\n".join(record.getMessage() for record in caplog.get_records("call"))
    assert SECRET not in logged
    assert HELLO.to.removeprefix("+") not in logged


@asynccontextmanager
async def provider_at(url: str, seconds: float = TIMEOUT) -> AsyncIterator[VonageProvider]:
    provider = VonageProvider(Account("abcd1234", SECRET, url), rate=0, timeout=seconds)
    try:
        yield provider
    finally:
        await provider.close()


def said(got: SubmitResult) -> tuple[Outcome, str]:
    return got.outcome, got.code


# -- servers that keep to HTTP


@dataclass
class Server:
    """Answers as told, and keeps the requests and the connections they came by."""

    answer: Handler
    url: str = ""
    posts: list[web.BaseRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: list[asyncio.Transport] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        self.posts.append(request)
        self.bodies.append(await request.read())
        if request.transport not in self.connections:
            self.connections.append(request.transport)
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    listening = RawTestServer(server.handle)
    await listening.start_server(ssl=tls)
    server.url = str(listening.make_url("/sms/json"))
    try:
        yield server
    finally:
        await listening.close()


async def accept(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=ACCEPTED, content_type="application/json")


async def never(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def drop(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_a_request_is_one_post_of_a_form() -> None:
    """Nothing stands in the query, where it would reach logs, or in a header."""
    text = Sms(HELLO.id, HELLO.to, "Acme", " 5 € + 1 & a=b %20 \n\U0001f600 ")
    async with serving(accept) as server, provider_at(server.url) as provider:
        await provider.submit(text)
    request = server.posts[0]
    assert ("POST", "/sms/json") == (request.method, str(request.rel_url))
    assert "application/x-www-form-urlencoded" == request.content_type
    assert "Authorization" not in request.headers
    pairs = parse_qsl(server.bodies[0].decode("ascii"), strict_parsing=True)
    account = Account("abcd1234", SECRET, server.url)
    assert list(sms.request(text, account).items()) == pairs


async def test_texts_sent_one_after_the_other_share_a_connection() -> None:
    async with serving(accept) as server, provider_at(server.url) as provider:
        results = [await provider.submit(HELLO) for _ in range(20)]
    assert {Outcome.ACCEPTED} == {result.outcome for result in results}
    assert (20, 1) == (len(server.posts), len(server.connections))


async def test_texts_sent_at_once_do_not_wait_for_each_other() -> None:
    """All 50 are under way together before the first is answered."""
    everyone = asyncio.Barrier(50)

    async def meet(request: web.BaseRequest) -> web.StreamResponse:
        await everyone.wait()
        return await accept(request)

    async with serving(meet) as server, provider_at(server.url) as provider:
        results = await asyncio.gather(*(provider.submit(HELLO) for _ in range(50)))
    assert [Outcome.ACCEPTED] * 50 == [result.outcome for result in results]


async def test_a_compressed_answer_is_read() -> None:
    async def compressed(request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=gzip.compress(ACCEPTED), headers=headers)

    async with serving(compressed) as server, provider_at(server.url) as provider:
        assert (Outcome.ACCEPTED, "") == said(await provider.submit(HELLO))


async def test_an_answer_in_pieces_is_read_whole() -> None:
    async def in_pieces(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for byte in ACCEPTED:
            await response.write(bytes([byte]))
        return response

    async with serving(in_pieces) as server, provider_at(server.url) as provider:
        results = [await provider.submit(HELLO) for _ in range(2)]
    assert [(Outcome.ACCEPTED, "")] * 2 == [said(result) for result in results]
    assert 1 == len(server.connections)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """It would post the secret, and perhaps the text again, to somewhere else."""

    async def redirect(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with serving(redirect) as server, provider_at(server.url) as provider:
        assert (Outcome.UNKNOWN, str(status)) == said(await provider.submit(HELLO))
    assert 1 == len(server.posts)


@pytest.mark.parametrize(
    ("answer", "code"),
    [pytest.param(never, "timeout", id="never"), pytest.param(drop, "broken", id="dropped")],
)
async def test_a_request_without_an_answer_is_unknown_and_not_repeated(
    answer: Handler, code: str
) -> None:
    async with serving(answer) as server, provider_at(server.url, seconds=0.3) as provider:
        assert (Outcome.UNKNOWN, code) == said(await provider.submit(HELLO))
    assert 1 == len(server.posts)


async def test_an_answer_that_stops_half_way_is_unknown() -> None:
    async def stop_half_way(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(ACCEPTED)
        await response.prepare(request)
        await response.write(ACCEPTED[:30])
        return await never(request)

    async with serving(stop_half_way) as server, provider_at(server.url, seconds=0.3) as provider:
        assert (Outcome.UNKNOWN, "timeout") == said(await provider.submit(HELLO))
    assert 1 == len(server.posts)


async def test_a_kept_connection_that_breaks_under_a_request_is_unknown_and_not_repeated() -> None:
    """The provider may have read the request before it closed."""
    answers = iter([accept, drop])

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await next(answers)(request)

    async with serving(answer) as server, provider_at(server.url) as provider:
        results = [await provider.submit(HELLO) for _ in range(2)]
    assert [(Outcome.ACCEPTED, ""), (Outcome.UNKNOWN, "broken")] == [said(each) for each in results]
    assert (2, 1) == (len(server.posts), len(server.connections))


async def test_a_connection_closed_while_idle_is_replaced_unnoticed() -> None:
    async with serving(accept) as server, provider_at(server.url) as provider:
        await provider.submit(HELLO)
        server.connections[0].close()
        # The end of the idle connection was written before all of this, so it is read before too.
        async with provider_at(server.url) as other:
            await other.submit(HELLO)
        assert (Outcome.ACCEPTED, "") == said(await provider.submit(HELLO))
    assert (3, 3) == (len(server.posts), len(server.connections))


# -- servers that do not keep to HTTP


@asynccontextmanager
async def writing(answer: bytes) -> AsyncIterator[str]:
    """Give the address of a server that reads a request, writes these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"Hello")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sms/json"


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(ACCEPTED)
PADDED = b" " * sms.MAX_ANSWER_BYTES + ACCEPTED
ACCEPT, BROKEN = (Outcome.ACCEPTED, ""), (Outcome.UNKNOWN, "broken")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(OK + LENGTH + b"\r\n" + ACCEPTED, ACCEPT, id="whole"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + ACCEPTED, ACCEPT, id="ended-by-closing"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\n" + OK + LENGTH + b"\r\n" + ACCEPTED,
            ACCEPT,
            id="continue-before",
        ),
        pytest.param(b"", BROKEN, id="nothing"),
        pytest.param(b"\x16\x03\x01\x02\x00", BROKEN, id="no-http"),
        pytest.param(b"HTTP/1.1 200", BROKEN, id="half-a-status-line"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", BROKEN, id="status-is-no-number"),
        pytest.param(OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n", BROKEN, id="endless-header"),
        pytest.param(OK + LENGTH + b"\r\n" + ACCEPTED[:30], BROKEN, id="half-a-body"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", BROKEN, id="broken-chunk-size"
        ),
        pytest.param(
            OK + LENGTH + b"Content-Encoding: gzip\r\n\r\n" + ACCEPTED, BROKEN, id="not-compressed"
        ),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(ACCEPTED)[:30],
            (Outcome.UNKNOWN, "200"),
            id="half-compressed",
        ),
        pytest.param(OK + b"\r\n" + PADDED, (Outcome.UNKNOWN, "200"), id="longer-than-any-answer"),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 50_000_000),
            (Outcome.UNKNOWN, "200"),
            id="far-longer-when-unpacked",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", (Outcome.UNKNOWN, "204"), id="no-content"),
    ],
)
async def test_what_was_written_and_not_answered_properly_is_unknown(
    answer: bytes, expected: tuple[Outcome, str]
) -> None:
    async with writing(answer) as url, provider_at(url) as provider:
        assert expected == said(await provider.submit(HELLO))


# -- never connected

NEVER = (Outcome.NOT_SENT, "connect")


async def test_a_refused_connection_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with provider_at(f"http://127.0.0.1:{port}/") as provider:
        assert NEVER == said(await provider.submit(HELLO))


async def test_a_connection_that_is_never_made_is_not_sent() -> None:
    """Within the time for the whole request, so that it is told from an answer that is late."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # one connection waits to be accepted, the next ones get no answer
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        async with provider_at(url, seconds=0.4) as provider:
            assert NEVER == said(await provider.submit(HELLO))


async def test_an_untrusted_certificate_is_not_sent() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(tls)
    async with serving(accept, tls) as server, provider_at(server.url) as provider:
        assert NEVER == said(await provider.submit(HELLO))
    assert [] == server.posts


async def test_a_server_without_tls_is_not_sent() -> None:
    async with serving(accept) as server, provider_at(f"https{server.url[4:]}") as provider:
        assert NEVER == said(await provider.submit(HELLO))
    assert [] == server.posts


@pytest.mark.parametrize(
    "url",
    ["http:///sms/json", "http://127.0.0.1:99999/", "http://a..b/"],
    ids=["no-host", "no-such-port", "impossible-name"],
)
async def test_an_address_that_cannot_be_used_is_not_sent(url: str) -> None:
    async with provider_at(url) as provider:
        assert NEVER == said(await provider.submit(HELLO))


# -- what is told


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param("4", ["provider refuses: status 4, invalid credentials"], id="credentials"),
        pytest.param("9", ["provider refuses: status 9, no credit left"], id="credit"),
        pytest.param("2", [], id="this-request-alone"),
        pytest.param("1", [], id="throttled"),
        pytest.param("0", [], id="accepted"),
    ],
)
async def test_the_operator_is_told_what_only_he_can_mend(
    status: str, expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=json.dumps({"messages": [{"status": status}]}))

    async with serving(answer) as server, provider_at(server.url) as provider:
        await provider.submit(HELLO)
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert expected == errors


async def test_the_provider_s_own_words_stay_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        words = f"Account suspended, not sent to {HELLO.to}"
        return web.Response(body=json.dumps({"messages": [{"status": "8", "error-text": words}]}))

    async with serving(answer) as server, provider_at(server.url) as provider:
        await provider.submit(HELLO)
    assert "provider refuses: status 8, account suspended" in caplog.text
    assert "not sent to" not in caplog.text


async def test_neither_account_nor_provider_shows_the_secret() -> None:
    account = Account("abcd1234", SECRET, "http://127.0.0.1/")
    async with provider_at(account.url) as provider:
        assert SECRET not in f"{account!r} {account} {provider!r} {provider}"
        assert "abcd1234" not in repr(account)
