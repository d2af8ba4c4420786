"""A stand-in for Vonage's Numbers API: a stock of numbers that can be rented and set up.

It follows the provider's documents only (https://developer.vonage.com/en/api/numbers) and shares
nothing with the gateway or with its emulator, so that both cannot be wrong in the same way. A
test may order what becomes of the next requests to a path.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import yaml
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from tests.support import DATA

KEY, SECRET = "abcd1234", "stand-in-secret-17"
SEARCH, OWNED, BUY, UPDATE = "/number/search", "/account/numbers", "/number/buy", "/number/update"

DESCRIPTION = yaml.safe_load((DATA / "numbers.yml").read_text("utf-8"))
DONE, UNAUTHORIZED, FAILED = (
    DESCRIPTION["answers"][name] for name in ("done", "unauthorized", "failed")
)
CALLBACKS = (
    *("moHttpUrl", "app_id", "voiceCallbackType", "voiceCallbackValue"),
    *("messagesCallbackType", "messagesCallbackValue"),
)


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


# What a test orders for one request: an answer, or None to hang up.
Order = Callable[["NumbersStandin", Asked], Awaitable[web.Response | None]]


@dataclass
class NumbersStandin:
    """The account; ``stock`` and ``owned`` hold numbers by their digits, as answers show them."""

    url: str = ""
    stock: dict[str, dict[str, Any]] = field(default_factory=dict)
    owned: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    orders: dict[str, deque[Order]] = field(default_factory=lambda: defaultdict(deque))

    def offer(self, *numbers: str, country: str = "US", **more: Any) -> None:
        """Put numbers on sale."""
        for number in numbers:
            self.stock[number] = {
                "country": country,
                "msisdn": number,
                "type": "mobile-lvn",
                "features": ["VOICE", "SMS"],
                "cost": "0.90",
                "initialPrice": "1.00",
                **more,
            }

    def own(self, *numbers: str, **more: Any) -> None:
        """Have numbers rented already."""
        for number in numbers:
            kind = {"type": "mobile-lvn", "features": ["VOICE", "SMS"]}
            self.owned[number] = {"country": "US", "msisdn": number, **kind, **more}

    def next(self, path: str, *orders: Order) -> None:
        """Serve the next requests to a path in this way."""
        self.orders[path].extend(orders)

    def bought(self) -> list[str]:
        """Return the numbers that were asked for, in order, granted or not."""
        return [each.params["msisdn"] for each in self.asked if each.path == BUY]

    def paths(self) -> list[str]:
        """Return the paths that were asked, in order."""
        return [each.path for each in self.asked]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Keep a request and serve it."""
        text = (await request.read()).decode("ascii") if request.method == "POST" else ""
        params = dict(parse_qsl(text or request.query_string, keep_blank_values=True))
        asked = Asked(request.method, request.path, params, dict(request.headers))
        self.asked.append(asked)
        orders = self.orders[request.path]
        answer = await orders.popleft()(self, asked) if orders else self.serve(asked)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer

    def serve(self, asked: Asked) -> web.Response:
        """Answer as the provider does when nothing goes wrong on its way."""
        credentials = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if asked.headers.get("Authorization") != f"Basic {credentials}":
            return web.json_response(UNAUTHORIZED, status=401)
        if asked.path == SEARCH:
            wanted = set(asked.params.get("features", "SMS").split(","))
            return _page(asked, [n for n in self.stock.values() if wanted <= set(n["features"])])
        if asked.path == OWNED:
            return _page(asked, list(self.owned.values()))
        done = self._buy(asked) if asked.path == BUY else self._update(asked)
        return web.json_response(DONE if done else FAILED, status=200 if done else 420)

    def _buy(self, asked: Asked) -> bool:
        number = self.stock.pop(asked.params["msisdn"], None)
        if number is None or number["country"] != asked.params["country"]:
            return False
        kept = ("country", "msisdn", "type", "features")
        self.owned[number["msisdn"]] = {name: number[name] for name in kept}
        return True

    def _update(self, asked: Asked) -> bool:
        number = self.owned.get(asked.params["msisdn"])
        if number is None or number["country"] != asked.params["country"]:
            return False
        for name in CALLBACKS:
            number.pop(name, None)
            if asked.params.get(name):
                number[name] = asked.params[name]
        return True


def _page(asked: Asked, numbers: list[dict[str, Any]]) -> web.Response:
    params = asked.params
    country, pattern = params.get("country"), params.get("pattern", "")
    found = [
        each
        for each in numbers
        if country in {None, each["country"]} and each["msisdn"].startswith(pattern)
    ]
    if not found:
        return web.json_response({})
    size, index = int(params.get("size", 10)), int(params.get("index", 1))
    return web.json_response(
        {"count": len(found), "numbers": found[(index - 1) * size : index * size]}
    )


def says(body: object, status: int = 200, **headers: str) -> Order:
    """Answer this and do nothing."""
    text = body if isinstance(body, str) else json.dumps(body)

    async def order(standin: NumbersStandin, asked: Asked) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(text=text, status=status, headers=named)

    return order


def served() -> Order:
    """Do and answer what is asked, as without an order."""

    async def order(standin: NumbersStandin, asked: Asked) -> web.Response:
        return standin.serve(asked)

    return order


def done_but(then: Order) -> Order:
    """Do what is asked, and let the caller learn something else."""

    async def order(standin: NumbersStandin, asked: Asked) -> web.Response | None:
        standin.serve(asked)
        return await then(standin, asked)

    return order


async def hangs_up(standin: NumbersStandin, asked: Asked) -> None:
    """Close the connection without an answer."""


async def never_answers(standin: NumbersStandin, asked: Asked) -> None:
    """Keep the caller waiting."""
    await asyncio.Event().wait()


def held(gate: asyncio.Event, reached: asyncio.Event) -> Order:
    """Serve a request only when the gate is open; ``reached`` is set when it has come."""

    async def order(standin: NumbersStandin, asked: Asked) -> web.Response:
        reached.set()
        await gate.wait()
        return standin.serve(asked)

    return order


@asynccontextmanager
async def numbers_standin() -> AsyncIterator[NumbersStandin]:
    """Run a stand-in on loopback."""
    standin = NumbersStandin()
    server = RawTestServer(standin.handle)
    await server.start_server()
    standin.url = str(server.make_url("")).rstrip("/")
    try:
        yield standin
    finally:
        await server.close()


def check(asked: Asked) -> None:
    """Fail unless the provider's description allows the request."""
    schema = DESCRIPTION["requests"][f"{asked.method} {asked.path}"]
    kinds = {name: each.get("type") for name, each in schema["properties"].items()}
    typed = {
        name: int(value) if kinds.get(name) == "integer" else value
        for name, value in asked.params.items()
    }
    jsonschema.validate(typed, schema)
    form = asked.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    assert form == (asked.method == "POST")
