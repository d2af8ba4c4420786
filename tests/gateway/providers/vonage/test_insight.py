"""Number Insight: says which numbers are none, and never stands in the way."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from gateway.providers.vonage import insight
from gateway.providers.vonage.insight import INVALID, Insight

NUMBER = "+12065550151"
KEY, SECRET = "abcd1234", "a-very-secret-secret"
# The parameter ``number`` in the provider's description (version 1.1.2, MIT).
NUMBER_PATTERN = r"^[0-9-+\(\)\s]*$"
GOOD = {
    "status": 0,
    "status_message": "Success",
    "request_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "international_format_number": "12065550151",
    "country_code": "US",
}
NO_NUMBER = {"status": 3, "status_message": "Invalid request :: Not valid number format detected"}

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Provider:
    """Answers as told, in turn, the last for ever."""

    answers: list[Answering]
    url: str = ""
    asked: list[web.BaseRequest] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def says(body: Any, status: int = 200) -> Answering:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(text=body, status=status)
        return web.json_response(body, status=status)

    return answer


async def never(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def drop(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def provider(*answers: Answering) -> AsyncIterator[Provider]:
    """Run a provider on loopback."""
    running = Provider(list(answers))
    server = RawTestServer(running.handle)
    await server.start_server()
    running.url = str(server.make_url("")).rstrip("/")
    try:
        yield running
    finally:
        await server.close()


@asynccontextmanager
async def insight_at(url: str, **more: Any) -> AsyncIterator[Insight]:
    """A client that gives up soon."""
    insight = Insight(url, KEY, SECRET, **more)
    try:
        yield insight
    finally:
        await insight.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == insight.log.name]


async def test_a_check_is_one_request_by_the_provider_s_description() -> None:
    """The number is international; key and secret stand in the header alone."""
    async with provider(says(GOOD)) as running, insight_at(running.url) as insight:
        assert await insight.check(NUMBER) is None
    [request] = running.asked
    assert ("GET", "/ni/basic/json", {"number": "12065550151"}) == (
        request.method,
        request.path,
        dict(request.query),
    )
    assert re.fullmatch(NUMBER_PATTERN, request.query["number"])
    assert request.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(says(GOOD), (None, []), id="good"),
        pytest.param(says(NO_NUMBER), (INVALID, []), id="no number"),
        pytest.param(says({"status": 1}), (None, ["too many requests"]), id="busy"),
        pytest.param(says("", 429), (None, ["too many requests"]), id="HTTP 429"),
        pytest.param(says({"status": 4}), (None, ["invalid credentials"]), id="credentials"),
        pytest.param(says("", 401), (None, ["invalid credentials"]), id="HTTP 401"),
        pytest.param(says({"status": 5}), (None, ["the provider failed"]), id="internal error"),
        pytest.param(says({"status": 9}), (None, ["no credit left"]), id="no credit"),
        pytest.param(says({"status": 77}), (None, ["status 77"]), id="new status"),
        pytest.param(says({"status": "3"}), (None, ["unusable answer"]), id="status is text"),
        pytest.param(says({"status": True}), (None, ["unusable answer"]), id="status is true"),
        pytest.param(says({}), (None, ["unusable answer"]), id="no status"),
        pytest.param(says("<html>"), (None, ["unusable answer"]), id="no JSON"),
        pytest.param(says(NO_NUMBER, 500), (None, ["unusable answer"]), id="HTTP 500"),
        pytest.param(says(NO_NUMBER, 302), (None, ["unusable answer"]), id="redirect"),
        pytest.param(drop, (None, ["ServerDisconnectedError"]), id="closed"),
        pytest.param(never, (None, ["no answer in time"]), id="silence"),
    ],
)
async def test_only_what_is_surely_no_number_is_refused(
    answer: Answering,
    expected: tuple[str | None, list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All else lets the number pass, and leaves a line in the log."""
    seconds = {"seconds": 0.3} if answer is never else {}
    async with provider(answer) as running, insight_at(running.url, **seconds) as insight:
        found = await insight.check(NUMBER)
    reasons = [line.removeprefix("number_insight: ").partition(";")[0] for line in warnings(caplog)]
    assert expected == (found, reasons)


async def test_a_busy_provider_is_asked_again() -> None:
    async with (
        provider(says({"status": 1}), says("", 429), says(NO_NUMBER)) as running,
        insight_at(running.url) as insight,
    ):
        assert INVALID == await insight.check(NUMBER)
    assert 3 == len(running.asked)


async def test_an_unreachable_provider_lets_every_number_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with insight_at(f"http://127.0.0.1:{port}") as insight:
        assert await insight.check(NUMBER) is None
    assert ["number_insight: the provider cannot be reached; "] == [
        line[:48] for line in warnings(caplog)
    ]


async def test_trouble_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 1000.0
    async with (
        provider(says({"status": 9})) as running,
        insight_at(running.url, clock=lambda: now) as insight,
    ):
        lines = []
        for seconds in (0, 59, 1, 59, 1):
            now += seconds
            await insight.check(NUMBER)
            lines.append(len(warnings(caplog)))
    assert [1, 1, 2, 2, 3] == lines


async def test_neither_number_nor_secret_reaches_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with provider(drop) as running, insight_at(running.url) as insight:
        await insight.check(NUMBER)
    said = [each for each in caplog.records if each.name != "aiohttp.access"]
    logged = "\n".join(record.getMessage() for record in said)
    assert [] == [word for word in (NUMBER[1:], SECRET) if word in logged]
    assert SECRET not in repr(vars(insight))
