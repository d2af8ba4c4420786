"""The emulator as a whole: what it shows, its settings, its page, its start and its end."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.emulator import Emulator
from gateway.errors import BadRequest
from tests.support.scenes.emulation import (
    BERLIN,
    GIVEN_UP,
    VALID,
    Receiver,
    change,
    error_of,
    order,
    send,
)

# -- settings, messages, life


async def test_shows_what_was_sent_by_recipient(http: aiohttp.ClientSession) -> None:
    """``to`` selects, with or without a plus; ``limit`` takes the newest, oldest first."""
    for text in ("one", "two", "three"):
        await send(http, text=text)
    await send(http, to="4917604069001", text="other")
    expected = {
        "": ["one", "two", "three", "other"],
        f"?to={BERLIN}": ["one", "two", "three"],
        f"?to=%2B{BERLIN}": ["one", "two", "three"],
        "?limit=2": ["three", "other"],
        f"?to={BERLIN}&limit=2": ["two", "three"],
        "?to=1": [],
    }
    for query, texts in expected.items():
        async with http.get(URL(f"/emulator/messages{query}", encoded=True)) as got:
            assert texts == [message["text"] for message in await got.json()]


async def test_reset_takes_everything_back(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """DELETE forgets messages, requests, orders and live changes, not what was configured."""
    emulator.configure(price=0.5)
    await change(http, dlr_delay=3600, rate=7, price=0.1)
    await send(http)
    await order(http, "status:5")
    async with http.delete("/emulator/messages") as response:
        assert 200 == response.status
    assert (0, 0, 0, 0.0, 0.5) == (
        len(emulator.sent),
        len(emulator.requests),
        emulator.settings.rate,
        emulator.settings.dlr_delay,
        emulator.settings.price,
    )
    assert ["0"] == [item["status"] for item in await send(http)]


WRONG_SETTINGS: list[tuple[str, Any]] = [
    ("colour", "red"),
    ("api_key", ""),
    ("api_secret", None),
    ("signature_method", "md4"),
    ("rate", "30"),
    ("rate", -1),
    ("rate", True),
    ("dlr_delay", "soon"),
    ("dlr_delay", -0.1),
    ("dlr_delay", float("nan")),
    ("dlr_method", "PUT"),
    ("dlr_method", ["GET"]),
    ("dlr_url", "ftp://127.0.0.1/"),
    ("dlr_url", "not a url"),
    ("dlr_statuses", "read"),
    ("dlr_statuses", 5),
    ("dlr_err_code", "x"),
    ("dlr_repeat", 0),
    ("dlr_off", "yes"),
    ("retry_delays", [1, "x"]),
    ("retry_delays", [0.1] * 101),
    ("mo_url", "127.0.0.1/inbound"),
    ("mo_method", "PUT"),
    ("flowroute_access_key", ""),
    ("flowroute_secret_key", 5),
    ("flowroute_numbers", ["Acme"]),
    ("flowroute_numbers", 12065550161),
    ("flowroute_mo_version", 2.1),
    ("flowroute_dlr_url", "ftp://127.0.0.1/"),
]


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
async def test_refuses_a_wrong_setting(
    name: str, value: object, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """A wrong setting is a 400 that names it, and nothing else of the request is applied."""
    before = emulator.settings
    body = {"dlr_shuffle": True, name: value}
    async with http.post("/emulator/settings", json=body) as response:
        status, answer = await error_of(response)
    assert (400, name) == (status, answer["field"])
    assert before == emulator.settings


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
def test_refuses_a_wrong_setting_in_python(name: str, value: object) -> None:
    """``configure`` checks in the same way."""
    with pytest.raises(BadRequest, match=f"^{name}: "):
        Emulator().configure(**{name: value})


async def test_shows_the_settings_after_a_change(http: aiohttp.ClientSession) -> None:
    """Lists may be texts; secrets only show that they are set."""
    body = {"dlr_statuses": "buffered, failed", "retry_delays": "1,2.5", "signature_secret": "s"}
    async with http.post("/emulator/settings", json=body) as response:
        answer = await response.json()
    expected = {
        "dlr_statuses": ["buffered", "failed"],
        "retry_delays": [1.0, 2.5],
        "signature_secret": "(set)",
        "api_secret": "(set)",
    }
    assert expected == {name: answer[name] for name in expected}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/static/inbox.js", "text/javascript"),
        ("/static/conversation.js", "text/javascript"),
        ("/static/compose.js", "text/javascript"),
        ("/static/inbox.css", "text/css"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
async def test_serves_its_page(path: str, content_type: str, http: aiohttp.ClientSession) -> None:
    """The page and its files, never cached, with nothing inline and nothing from elsewhere."""
    async with http.get(path) as response:
        text = await response.text()
        assert (200, content_type) == (response.status, response.content_type)
        assert "no-store" == response.headers["Cache-Control"]
        policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<style|style=|\son\w+=|innerHTML|(src|href)=.https?:", text)


async def requests_seen(http: aiohttp.ClientSession) -> int:
    async with http.get("/emulator/requests") as response:
        return len(await response.json())


async def test_listens_on_loopback_and_stops(receiver: Receiver) -> None:
    """After ``stop`` nobody listens, nothing is pending, and a second stop does no harm."""
    emulator = Emulator(dlr_url=receiver.url, dlr_delay=3600)
    await emulator.start()
    assert re.fullmatch(r"127\.0\.0\.1:\d+", emulator.domain)
    assert f"http://{emulator.domain}" == emulator.url
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession(emulator.url) as http:
        await send(http)
        await order(http, "timeout", seconds=3600)
        waiting = asyncio.ensure_future(http.post("/sms/json", data=VALID))
        async with asyncio.timeout(GIVEN_UP):
            while await requests_seen(http) < 2:
                pass
        await emulator.stop()
        with pytest.raises(aiohttp.ClientError):
            await waiting
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get("/")
    await emulator.stop()
    assert [] == receiver.delivered
    assert set() == {task for task in asyncio.all_tasks() - before if "Deliveries" in repr(task)}


async def start_alone(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.emulator",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_runs_alone_until_a_signal(number: signal.Signals) -> None:
    """``python -m gateway.emulator`` prints its address, serves, and ends with exit status 0."""
    process = await start_alone("--port=0", "--rate=7", "--dlr_method=GET", "--dlr_off=true")
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    address = re.fullmatch(r"emulator listening on (http://127\.0\.0\.1:\d+)\n", line)
    assert address
    async with aiohttp.ClientSession(address[1]) as http, http.get("/emulator/settings") as got:
        settings = await got.json()
    process.send_signal(number)
    rest, errors = await process.communicate()
    assert (0, b"", b"") == (process.returncode, rest, errors)
    assert (7, "GET", True) == (settings["rate"], settings["dlr_method"], settings["dlr_off"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--rate=fast", b"rate: must be a whole number"),
        ("--dlr_off=perhaps", b"dlr_off: must be true or false"),
        ("--port=65536", b"--port: must be a number from 0 to 65535"),
        ("--colour=red", b"--colour=red"),
    ],
)
async def test_refuses_a_wrong_option(option: str, message: bytes) -> None:
    """A wrong option ends the start with exit status 2, its name, and no traceback."""
    process = await start_alone(option)
    _, errors = await process.communicate()
    assert (2, True, False) == (process.returncode, message in errors, b"Traceback" in errors)


async def test_says_when_its_port_is_taken(emulator: Emulator) -> None:
    """A taken port is exit status 1 and one line."""
    port = emulator.domain.partition(":")[2]
    process = await start_alone(f"--port={port}")
    _, errors = await process.communicate()
    assert (1, 1) == (process.returncode, len(errors.splitlines()))
