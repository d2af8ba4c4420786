"""Bodies: 1 MiB at most, refused before they are kept, in the form of each route."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.vonage import VonageStandin

MIB = 1024 * 1024
ADMIN = "admin-token-7hWz4"
TOKEN = "webhook-token-3kXv9"
ROUTES = [
    "/message/",
    "/validate_number/",
    "/status/",
    f"/dlr/{TOKEN}",
    f"/inbound/{TOKEN}",
    f"/inbound/flowroute/{TOKEN}",
    f"/{TOKEN}",
    "/tn",
    "/session",
    "/messages",
    "/console/sign-in",
    "/health/live",
    "/no/such/path",
]


@pytest.fixture(scope="module")
def gateway(standin: VonageStandin, valkey_url: str) -> Iterator[GatewayProcess]:
    options = (f"--admin_token={ADMIN}", f"--webhook_token={TOKEN}", "--smssync_secret=a long one")
    with GatewayProcess(*standin.options(valkey_url), *options) as running:
        yield running


def answer(gateway: GatewayProcess, head: str, body: bytes = b"") -> bytes:
    """Return all that is answered to a request until the connection ends."""
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def post(path: str, *headers: str) -> str:
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {ADMIN}", *headers)
    return "\n".join(lines) + "\n\n"


@pytest.mark.parametrize(
    ("path", "size"), [*((path, MIB + 1) for path in ROUTES), ("/message/", 10**15)]
)
def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(
    gateway: GatewayProcess, path: str, size: int
) -> None:
    said = answer(gateway, post(path, f"Content-Length: {size}"))
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"error":"payload_too_large"' in said or path.startswith("/console")


@pytest.mark.parametrize("path", ["/smssync/", "/smssync/phone?task=send"])
def test_a_phone_reads_the_refusal_in_its_own_form(gateway: GatewayProcess, path: str) -> None:
    said = answer(gateway, post(path, f"Content-Length: {MIB + 1}"))
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b'{"payload":{"success":false,"error":"The request is too large"' in said


@pytest.mark.parametrize("path", ["/message/", "/tn", "/smssync/"])
def test_who_writes_all_of_a_body_hears_that_it_was_too_large(
    gateway: GatewayProcess, path: str
) -> None:
    said = answer(
        gateway, post(path, f"Content-Length: {3 * MIB}", "Connection: close"), b"x" * 3 * MIB
    )
    assert b"larger than 1048576 bytes" in said or b"The request is too large" in said


def peak(gateway: GatewayProcess) -> int:
    """Return the most memory that a process has had, in bytes."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{gateway.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize("chunked", [False, True])
def test_a_flood_of_body_is_kept_nowhere(gateway: GatewayProcess, chunked: bool) -> None:
    before, size = peak(gateway), 48 * MIB
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as connection:
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        connection.sendall(post("/message/", framing).replace("\n", "\r\n").encode())
        try:
            for _ in range(size // MIB):
                frame = b"%x\r\n" % MIB if chunked else b""
                connection.sendall(frame + b"x" * MIB + b"\r\n" * chunked)
            connection.sendall(b"0\r\n\r\n" * chunked)
            assert connection.recv(1024).startswith(b"HTTP/1.1 413 ")
        except OSError:
            pass  # refused while we were still writing
    assert peak(gateway) - before < 16 * MIB


def test_a_body_of_exactly_the_most_reaches_its_handler(gateway: GatewayProcess) -> None:
    body = b"from=%2B4917604069010&message=Hi&secret=a+long+one&more=".ljust(MIB, b"x")
    head = post("/smssync/", f"Content-Length: {MIB}", "Connection: close")
    assert b'{"payload":{"success":true' in answer(gateway, head, body)
