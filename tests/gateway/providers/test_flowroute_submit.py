"""Submission to Flowroute over real HTTP: what became of a request, whatever the server does."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from gateway.providers import flowroute
from gateway.providers.base import DeliveryState, Outcome, Part, Sms, SubmitResult
from gateway.providers.flowroute import Account, FlowrouteProvider

ACCESS_KEY, SECRET_KEY = "access-17", "a-very-secret-key:with-a-colon-é"
HELLO = Sms("0123456789abcdef0123456789abcdef", "+12065550123", "+12065550100", "Hello")
MDR = "mdr2-39cadeace66e11e7aff806cd7f24ba2d"
ACCEPTED = json.dumps({"data": {"type": "message", "id": MDR}}).encode()
ERROR = json.dumps({"errors": [{"id": "e", "status": 422, "title": "No", "detail": "x"}]}).encode()
TIMEOUT = 5.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, the log never holds the secret, the numbers or the text."""
    caplog.set_level(logging.DEBUG)
    yield
    logged = "\n".join(record.getMessage() for record in caplog.get_records("call"))
    credentials = base64.b64encode(f"{ACCESS_KEY}:{SECRET_KEY}".encode()).decode()
    for private in (SECRET_KEY, credentials, HELLO.to[1:], HELLO.sender[1:], HELLO.text):
        assert private not in logged


@asynccontextmanager
async def provider_at(url: str, seconds: float = TIMEOUT) -> AsyncIterator[FlowrouteProvider]:
    account = Account(ACCESS_KEY, SECRET_KEY, url)
    provider = FlowrouteProvider(account, rate=5, timeout=seconds)
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
    server.url = str(listening.make_url("/v2.1/messages"))
    try:
        yield server
    finally:
        await listening.close()


def answering(status: int = 202, body: bytes = ACCEPTED, **headers: str) -> Handler:
    """Answer every request like this; ``_`` in the name of a header stands for ``-``."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        sent = {"Content-Type": "application/vnd.api+json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=sent)

    return answer


async def never(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def drop(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_a_request_is_one_post_of_a_json_api_document() -> None:
    text = Sms(HELLO.id, HELLO.to, HELLO.sender, ' 5 € "quoted" \n\U0001f600 ')
    async with serving(answering()) as server, provider_at(server.url) as provider:
        await provider.submit(text)
    request = server.posts[0]
    assert ("POST", "/v2.1/messages") == (request.method, str(request.rel_url))
    assert "application/vnd.api+json" == request.headers["Content-Type"]
    assert flowroute.request(text) == json.loads(server.bodies[0])


async def test_the_account_s_keys_stand_in_the_authorization_alone() -> None:
    """Basic authentication in UTF-8; only the first colon divides."""
    async with serving(answering()) as server, provider_at(server.url) as provider:
        await provider.submit(HELLO)
    scheme, _, encoded = server.posts[0].headers["Authorization"].partition(" ")
    assert "Basic" == scheme
    assert f"{ACCESS_KEY}:{SECRET_KEY}" == base64.b64decode(encoded).decode()
    assert ACCESS_KEY.encode() not in server.bodies[0]


async def test_an_accepted_text_has_one_part_with_the_provider_s_id() -> None:
    async with serving(answering()) as server, provider_at(server.url) as provider:
        got = await provider.submit(HELLO)
    assert SubmitResult(Outcome.ACCEPTED, (Part(MDR, DeliveryState.ACCEPTED),)) == got


async def test_texts_sent_one_after_the_other_share_a_connection() -> None:
    async with serving(answering()) as server, provider_at(server.url) as provider:
        results = [await provider.submit(HELLO) for _ in range(20)]
    assert {Outcome.ACCEPTED} == {result.outcome for result in results}
    assert (20, 1) == (len(server.posts), len(server.connections))


async def test_texts_sent_at_once_do_not_wait_for_each_other() -> None:
    """All 50 are under way together before the first is answered."""
    everyone = asyncio.Barrier(50)

    async def meet(request: web.BaseRequest) -> web.StreamResponse:
        await everyone.wait()
        return await answering()(request)

    async with serving(meet) as server, provider_at(server.url) as provider:
        results = await asyncio.gather(*(provider.submit(HELLO) for _ in range(50)))
    assert [Outcome.ACCEPTED] * 50 == [result.outcome for result in results]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(answering(200), (Outcome.ACCEPTED, ""), id="200"),
        pytest.param(
            answering(body=gzip.compress(ACCEPTED), Content_Encoding="gzip"),
            (Outcome.ACCEPTED, ""),
            id="compressed",
        ),
        pytest.param(answering(Content_Type="text/html"), (Outcome.ACCEPTED, ""), id="as-html"),
        pytest.param(answering(body=b""), (Outcome.UNKNOWN, "202"), id="empty"),
        pytest.param(answering(body=b"{}"), (Outcome.UNKNOWN, "202"), id="without-an-id"),
        pytest.param(answering(401, ERROR), (Outcome.REFUSED, "401"), id="401"),
        pytest.param(answering(403, ERROR), (Outcome.REFUSED, "403"), id="403"),
        pytest.param(answering(404, ERROR), (Outcome.REFUSED, "404"), id="404"),
        pytest.param(answering(422, ERROR), (Outcome.REFUSED, "422"), id="422"),
        pytest.param(answering(429, ERROR), (Outcome.THROTTLED, "429"), id="429"),
        pytest.param(answering(500, ERROR), (Outcome.UNKNOWN, "500"), id="500"),
        pytest.param(answering(503, ERROR, Retry_After="7"), (Outcome.UNKNOWN, "503"), id="503"),
        pytest.param(
            answering(body=b" " * flowroute.MAX_ANSWER_BYTES + ACCEPTED),
            (Outcome.UNKNOWN, "202"),
            id="longer-than-any-answer",
        ),
        pytest.param(
            answering(body=gzip.compress(b" " * 50_000_000), Content_Encoding="gzip"),
            (Outcome.UNKNOWN, "202"),
            id="far-longer-when-unpacked",
        ),
        pytest.param(never, (Outcome.UNKNOWN, "timeout"), id="never"),
        pytest.param(drop, (Outcome.UNKNOWN, "broken"), id="dropped"),
    ],
)
async def test_the_answer_decides_and_the_request_is_not_repeated(
    answer: Handler, expected: tuple[Outcome, str]
) -> None:
    seconds = 0.3 if answer is never else TIMEOUT
    async with serving(answer) as server, provider_at(server.url, seconds) as provider:
        assert expected == said(await provider.submit(HELLO))
    assert 1 == len(server.posts)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """It would give the keys, and perhaps the text again, to somewhere else."""
    answer = answering(status, Location="/elsewhere")
    async with serving(answer) as server, provider_at(server.url) as provider:
        assert (Outcome.UNKNOWN, str(status)) == said(await provider.submit(HELLO))
    assert 1 == len(server.posts)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param({"Retry_After": "7"}, 7.0, id="seconds"),
        pytest.param({"Retry_After": "Tue, 21 Nov 2023 08:00:05 GMT"}, None, id="date"),
        pytest.param({"Retry_After": "soon"}, None, id="word"),
        pytest.param({"Retry_After": ""}, None, id="empty"),
        pytest.param({}, None, id="absent"),
    ],
)
async def test_a_throttled_request_waits_as_long_as_the_provider_asks(
    header: dict[str, str], expected: float | None
) -> None:
    answer = answering(429, ERROR, **header)
    async with serving(answer) as server, provider_at(server.url) as provider:
        got = await provider.submit(HELLO)
    assert (Outcome.THROTTLED, expected) == (got.outcome, got.retry_after)


async def test_an_answer_that_stops_half_way_is_unknown() -> None:
    async def stop_half_way(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        response.content_length = len(ACCEPTED)
        await response.prepare(request)
        await response.write(ACCEPTED[:10])
        return await never(request)

    async with serving(stop_half_way) as server, provider_at(server.url, 0.3) as provider:
        assert (Outcome.UNKNOWN, "timeout") == said(await provider.submit(HELLO))
    assert 1 == len(server.posts)


async def test_a_kept_connection_that_breaks_under_a_request_is_unknown_and_not_repeated() -> None:
    """The provider may have read the request before it closed."""
    answers = iter([answering(), drop])

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await next(answers)(request)

    async with serving(answer) as server, provider_at(server.url) as provider:
        results = [await provider.submit(HELLO) for _ in range(2)]
    assert [(Outcome.ACCEPTED, ""), (Outcome.UNKNOWN, "broken")] == [said(each) for each in results]
    assert (2, 1) == (len(server.posts), len(server.connections))


async def test_a_connection_closed_while_idle_is_replaced_unnoticed() -> None:
    async with serving(answering()) as server, provider_at(server.url) as provider:
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
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2.1/messages"


OK = b"HTTP/1.1 202 Accepted\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(ACCEPTED)
ACCEPT, BROKEN = (Outcome.ACCEPTED, ""), (Outcome.UNKNOWN, "broken")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(OK + LENGTH + ACCEPTED, ACCEPT, id="whole"),
        pytest.param(b"HTTP/1.0 202 Accepted\r\n\r\n" + ACCEPTED, ACCEPT, id="ended-by-closing"),
        pytest.param(b"", BROKEN, id="closed-without-a-word"),
        pytest.param(b"\x16\x03\x01\x02\x00", BROKEN, id="no-http"),
        pytest.param(b"HTTP/1.1 202", BROKEN, id="half-a-status-line"),
        pytest.param(OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n", BROKEN, id="endless-header"),
        pytest.param(OK + LENGTH + ACCEPTED[:10], BROKEN, id="half-a-body"),
        pytest.param(b"HTTP/1.1 204 None\r\n\r\n", (Outcome.UNKNOWN, "204"), id="no-content"),
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
    async with serving(answering(), tls) as server, provider_at(server.url) as provider:
        assert NEVER == said(await provider.submit(HELLO))
    assert [] == server.posts


@pytest.mark.parametrize(
    "url",
    ["http:///v2.1/messages", "http://127.0.0.1:99999/", "http://a..b/"],
    ids=["no-host", "no-such-port", "impossible-name"],
)
async def test_an_address_that_cannot_be_used_is_not_sent(url: str) -> None:
    async with provider_at(url) as provider:
        assert NEVER == said(await provider.submit(HELLO))


# -- what is told


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(401, ["flowroute refuses: 401, invalid credentials"], id="credentials"),
        pytest.param(403, ["flowroute refuses: 403, not allowed"], id="forbidden"),
        pytest.param(422, [], id="this-request-alone"),
        pytest.param(429, [], id="throttled"),
        pytest.param(500, [], id="server"),
        pytest.param(202, [], id="accepted"),
    ],
)
async def test_the_operator_is_told_what_only_he_can_mend(
    status: int, expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """In the gateway's words: the provider's own may quote the request."""
    quoting = {"title": f"not sent to {HELLO.to}", "detail": HELLO.text}
    body = json.dumps({"errors": [quoting]}).encode()
    async with serving(answering(status, body)) as server, provider_at(server.url) as provider:
        await provider.submit(HELLO)
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert expected == errors


async def test_neither_account_nor_provider_shows_the_keys() -> None:
    account = Account(ACCESS_KEY, SECRET_KEY, "http://127.0.0.1/")
    async with provider_at(account.url) as provider:
        shown = f"{account!r} {account} {provider!r} {provider}"
    assert SECRET_KEY not in shown
    assert ACCESS_KEY not in shown


async def test_the_pace_is_kept_under_the_access_key() -> None:
    async with provider_at("http://127.0.0.1/") as provider:
        expected = ("flowroute", f"flowroute:{ACCESS_KEY}", 5)
        assert expected == (provider.name, provider.pace_key, provider.rate)
