"""Odd and hostile requests: both servers answer each with the same class, but for those listed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.handlers.front.places import Said, ask, served

H = b"Host: a\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def get(*fields: bytes, target: bytes = b"/e", version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + version + b"\r\n" + b"".join(fields) + b"\r\n"


def post(*fields: bytes, body: bytes = b"", target: bytes = b"/e") -> bytes:
    return b"POST " + target + b" HTTP/1.1\r\n" + H + b"".join(fields) + b"\r\n" + body


def sized(body: bytes, value: bytes | None = None) -> bytes:
    length = b"%d" % len(body) if value is None else value
    return post(b"Content-Length: " + length + b"\r\n", body=body)


def chunked(body: bytes, coding: bytes = b"chunked") -> bytes:
    return post(b"Transfer-Encoding: " + coding + b"\r\n", body=body)


@dataclass(frozen=True)
class Odd:
    """A request; expected: the class of the answers of both, tornado: of Tornado's where it is
    another one, why: the reason.
    """

    label: str
    data: bytes
    expected: tuple[str, ...]
    tornado: tuple[str, ...] | None = None
    why: str = ""

    def __str__(self) -> str:
        return self.label


OK, REFUSED, BOTH, NOTHING = ("2xx",), ("refused",), ("2xx", "2xx"), ()
LLHTTP = "llhttp is stricter"
WAITS = "Tornado waits for more"
ODD = [
    Odd("plain", get(H), OK),
    Odd("HEAD", get(H).replace(b"GET", b"HEAD"), OK),
    Odd("two pipelined", get(H) * 2, BOTH),
    Odd("empty lines before", b"\r\n\r\n" + get(H), OK, REFUSED, "RFC 9112, 2.2"),
    Odd("no Host", get(), REFUSED),
    Odd("two Hosts", get(H, b"Host: b\r\n"), REFUSED),
    Odd("a blank in Host", get(b"Host: a b\r\n"), REFUSED),
    Odd("an empty Host", get(b"Host:\r\n"), OK),
    Odd("HTTP/1.0", get(version=b"HTTP/1.0"), OK),
    Odd("HTTP/1.0, kept", get(b"Connection: keep-alive\r\n", version=b"HTTP/1.0"), OK),
    Odd("HTTP/1.2", get(H, version=b"HTTP/1.2"), REFUSED, OK, LLHTTP),
    Odd("HTTP/2.0", get(H, version=b"HTTP/2.0"), REFUSED),
    Odd("HTTP/0.9", b"GET /e\r\n\r\n", REFUSED),
    Odd("no HTTP at all", b"hello\r\n\r\n", REFUSED),
    Odd("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    Odd(
        "a hello of TLS", b"\x16\x03\x01\x00\xc8\x01\x00\x00" + b"\0" * 60, REFUSED, NOTHING, WAITS
    ),
    Odd("length and chunks", chunked(b"0\r\n\r\n", b"chunked\r\nContent-Length: 4"), REFUSED),
    Odd("two lengths", sized(b"n=12", b"4\r\nContent-Length: 5"), REFUSED),
    Odd("the same length twice", sized(b"n=12", b"4\r\nContent-Length: 4"), REFUSED, OK, LLHTTP),
    Odd("lengths in a list", sized(b"n=12", b"4, 4"), REFUSED, OK, LLHTTP),
    Odd("a length with a sign", sized(b"n=12", b"+4"), REFUSED),
    Odd("a negative length", sized(b"n=12", b"-4"), REFUSED),
    Odd("a length with a stroke", sized(b"n=12345678", b"1_0"), REFUSED),
    Odd("a length in hex", sized(b"n=12", b"0x4"), REFUSED),
    Odd("an empty length", sized(b"", b""), REFUSED),
    Odd("a length of 30 digits", sized(b"", b"9" * 30), REFUSED),
    Odd(
        "a length with a blank before the colon",
        post(b"Content-Length : 1\r\n"),
        REFUSED,
    ),
    Odd("xchunked", chunked(b"0\r\n\r\n", b"xchunked"), REFUSED),
    Odd("gzip, chunked", chunked(b"0\r\n\r\n", b"gzip, chunked"), REFUSED),
    Odd("chunked, identity", chunked(b"0\r\n\r\n", b"chunked, identity"), REFUSED),
    Odd("chunked twice", chunked(b"0\r\n\r\n", b"chunked\r\nTransfer-Encoding: chunked"), REFUSED),
    Odd("Chunked", chunked(b"1\r\nx\r\n0\r\n\r\n", b"Chunked"), OK),
    Odd("chunked behind a tab", chunked(b"1\r\nx\r\n0\r\n\r\n", b"\tchunked"), OK),
    Odd(
        "chunks with HTTP/1.0",
        chunked(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
        REFUSED,
        OK,
        "RFC 9112, 6.1: such framing is faulty",
    ),
    Odd("chunked", chunked(b"3\r\nn=1\r\n0\r\n\r\n"), OK),
    Odd(
        "a chunk with an extension", chunked(b"3;a=b\r\nn=1\r\n0\r\n\r\n"), OK, REFUSED, "RFC 9112"
    ),
    Odd(
        "chunks with trailers", chunked(b"3\r\nn=1\r\n0\r\nX-T: 1\r\n\r\n"), OK, REFUSED, "RFC 9112"
    ),
    Odd("a chunk in 0x", chunked(b"0x3\r\nn=1\r\n0\r\n\r\n"), REFUSED),
    Odd("a chunk with LF alone", chunked(b"3\nn=1\n0\n\n"), REFUSED, NOTHING, WAITS),
    Odd("a chunk that is longer", chunked(b"3\r\nn=12\r\n0\r\n\r\n"), REFUSED),
    Odd("a negative chunk", chunked(b"-3\r\nn=1\r\n0\r\n\r\n"), REFUSED),
    Odd("a chunk of 20 digits", chunked(b"F" * 20 + b"\r\nn=1\r\n"), REFUSED),
    Odd("a blank before the colon", get(H, b"X-A : 1\r\n"), REFUSED),
    Odd("a folded header", get(H, b"X-A: 1\r\n 2\r\n"), REFUSED),
    Odd("no name", get(H, b": 1\r\n"), REFUSED),
    Odd("no colon", get(H, b"X-A\r\n"), REFUSED),
    Odd("NUL in a header", get(H, b"X-A: 1\x002\r\n"), REFUSED),
    Odd("CR in a header", get(H, b"X-A: 1\r2\r\n"), REFUSED),
    Odd("LF as the line's end", b"GET /e HTTP/1.1\nHost: a\n\n", REFUSED, OK, LLHTTP),
    Odd("Latin-1 in a header", get(H, b"X-A: \xe9\r\n"), OK),
    Odd("a bell in a header", get(H, b"X-A: \x07\r\n"), REFUSED),
    Odd("blanks round a value", get(H, b"X-A: \t 1 \t\r\n"), OK),
    Odd("an absolute target", get(H, target=b"http://a/e"), ("4xx",)),
    Odd("an asterisk", get(H, target=b"*").replace(b"GET", b"OPTIONS"), ("4xx",)),
    Odd("CONNECT", b"CONNECT a:443 HTTP/1.1\r\n" + H + b"\r\n", REFUSED, ("4xx",), "no tunnel"),
    Odd("h2c", get(H, b"Connection: Upgrade\r\nUpgrade: h2c\r\n"), OK),
    Odd("a blank in the target", get(H, target=b"/e?a=1 2"), REFUSED),
    Odd("UTF-8 in the target", get(H, target="/e?a=ä".encode()), REFUSED, OK, LLHTTP),
    Odd("a target without a stroke", get(H, target=b"e"), REFUSED, ("4xx",), LLHTTP),
    Odd("an empty target", b"GET  HTTP/1.1\r\n" + H + b"\r\n", REFUSED),
    Odd("an unknown method", get(H).replace(b"GET", b"FROB"), REFUSED, ("4xx",), LLHTTP),
    Odd("a method in small letters", get(H).replace(b"GET", b"get"), REFUSED, ("4xx",), LLHTTP),
    Odd("two blanks", get(H).replace(b"GET ", b"GET  "), OK, REFUSED, "RFC 9112, 3"),
    Odd("expects 100", sized(b"n=12").replace(H, H + b"Expect: 100-continue\r\n"), OK),
    Odd("a head of 70 KB", get(H, b"X-A: " + b"a" * 70_000 + b"\r\n"), REFUSED),
    Odd("a target of 70 KB", get(H, target=b"/" + b"a" * 70_000), REFUSED),
    Odd("1,500 headers", get(H, *(b"X%d: 1\r\n" % n for n in range(1500))), REFUSED, OK, "a limit"),
    Odd("a good one, then nonsense", get(H) + b"\x01\x02\r\n\r\n", ("2xx", "refused")),
    Odd("a body, then one behind it", sized(b"n=12") + get(H), BOTH),
    Odd("more than the length", sized(b"n=1234", b"4"), ("2xx", "refused"), ("2xx",), WAITS),
    Odd("closed on demand", get(H, b"Connection: close\r\n") + get(H), OK),
]


@pytest.mark.parametrize("odd", ODD, ids=str)
async def test_each_server_answers_it_as_listed(odd: Odd) -> None:
    async with served("fast") as fast, served("tornado") as tornado:
        found = await asyncio.gather(ask(fast, odd.data), ask(tornado, odd.data))
    expected = [odd.expected, odd.expected if odd.tornado is None else odd.tornado]
    assert expected == [each.kind for each in found]
    assert bool(odd.why) is (odd.tornado is not None), "a difference has a reason"


@pytest.mark.parametrize("kind", ["fast", "tornado"])
@pytest.mark.parametrize(
    "data",
    [
        get(H),
        sized(b"number=1"),
        chunked(b"3\r\nnum\r\n4\r\nber=\r\n0\r\n\r\n"),
        get(H) + sized(b"a"),
    ],
    ids=["get", "post", "chunked", "pipelined"],
)
async def test_bytes_one_by_one_make_the_same_answer(kind: str, data: bytes) -> None:
    async with served(kind) as port:
        whole = await ask(port, data)
        pieces = await ask(port, *(bytes([each]) for each in data))
    assert _bodies(whole) == _bodies(pieces)
    assert whole.codes == pieces.codes


def _bodies(said: Said) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in said.data.split(b"HTTP/1.1 ")[1:]]
