"""The emulator's Number Insight Basic: what it knows of numbers, its statuses and failures."""

from __future__ import annotations

from typing import Any

import aiohttp
import jsonschema
import pytest
import yaml

from gateway.emulator import Emulator
from tests.support import DATA
from tests.support.scenes.emulation import KEY, SECRET, basic, order

DESCRIPTION = DATA / "number-insight.yml"
PATH = "/ni/basic/json"


async def ask(http: aiohttp.ClientSession, **params: str) -> dict[str, Any]:
    """Return the answer to a request with key and secret in the query."""
    given = {"api_key": KEY, "api_secret": SECRET, **params}
    async with http.get(PATH, params=given) as response:
        assert 200 == response.status
        return dict(await response.json())


def validate(answer: dict[str, Any]) -> None:
    """Fail unless an answer is valid by the provider's description."""
    described = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    schema = described["components"]["schemas"]["niResponseJsonBasic"]
    jsonschema.validate(answer, schema | {"components": described["components"]})


KNOWN: dict[str, tuple[str, str, str, str]] = {
    "germany": ("4917612345678", "4917612345678", "DE", "49"),
    "usa": ("12065550100", "12065550100", "US", "1"),
    "guernsey": ("447781123456", "447781123456", "GG", "44"),
    "with a plus": ("+49 176-12345678", "4917612345678", "DE", "49"),
}


@pytest.mark.parametrize(("given", "digits", "country", "prefix"), KNOWN.values(), ids=KNOWN.keys())
async def test_tells_what_a_number_is(
    given: str, digits: str, country: str, prefix: str, http: aiohttp.ClientSession
) -> None:
    """In digits, with its country and the country's code."""
    answer = await ask(http, number=given)
    assert (0, "Success") == (answer["status"], answer["status_message"])
    names = ("international_format_number", "country_code", "country_prefix")
    assert (digits, country, prefix) == tuple(answer[name] for name in names)
    validate(answer)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"number": ""},
        {"number": "145645562"},
        {"number": "Acme"},
        {"number": "0176 12345678"},
        {"number": "440000000000"},
    ],
    ids=str,
)
async def test_status_3_is_an_unusable_number(
    params: dict[str, str], http: aiohttp.ClientSession
) -> None:
    """HTTP 200, an integer status and a message, and no other field."""
    answer = await ask(http, **params)
    assert (3, {"status", "status_message"}) == (answer["status"], set(answer))
    assert answer["status_message"].startswith("Invalid request :: ")
    validate(answer)


@pytest.mark.parametrize(
    ("params", "headers", "status"),
    [
        ({}, {}, 4),
        ({"api_key": KEY, "api_secret": "wrong"}, {}, 4),
        ({}, basic(KEY, "wrong"), 4),
        ({}, basic(KEY, SECRET), 0),
    ],
    ids=["none", "wrong secret", "wrong basic", "basic"],
)
async def test_status_4_is_a_wrong_credential(
    params: dict[str, str], headers: dict[str, str], status: int, http: aiohttp.ClientSession
) -> None:
    query = {"number": "4917612345678", **params}
    async with http.get(PATH, params=query, headers=headers) as response:
        assert (200, status) == (response.status, (await response.json())["status"])


async def test_takes_key_and_secret_as_parameters(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """The request is kept without its secret."""
    query = {"api_key": KEY, "api_secret": SECRET, "number": "4917612345678"}
    async with http.get(PATH, params=query) as response:
        assert 0 == (await response.json())["status"]
    [request] = emulator.requests
    assert ("insight", PATH, "accepted") == (request.provider, request.path, request.outcome)
    assert {"api_key": KEY, "number": "4917612345678"} == request.params


@pytest.mark.parametrize("status", [1, 3, 4, 5, 9, 999])
async def test_any_status_can_be_ordered(status: int, http: aiohttp.ClientSession) -> None:
    """Once, and only of this API when its path is named."""
    await order(http, f"status:{status}", path=PATH)
    answers = [await ask(http, number="4917612345678") for _ in range(2)]
    assert [status, 0] == [answer["status"] for answer in answers]
    assert answers[0]["status_message"]


@pytest.mark.parametrize("failure", ["close", "timeout"])
async def test_can_hang_up(failure: str, http: aiohttp.ClientSession) -> None:
    """Twice, since the client repeats a GET by itself."""
    await order(http, failure, seconds=0.01, count=2)
    with pytest.raises(aiohttp.ClientError):
        await http.get(PATH, params={"number": "4917612345678"})


@pytest.mark.parametrize(("failure", "status"), [("429", 429), ("html", 502)])
async def test_can_fail_by_http(failure: str, status: int, http: aiohttp.ClientSession) -> None:
    await order(http, failure)
    async with http.get(PATH, params={"number": "4917612345678"}) as response:
        assert status == response.status


async def test_can_be_slow(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """A client that waits less than ``insight_delay`` gets nothing."""
    emulator.configure(insight_delay=3600)
    impatient = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(TimeoutError):
        await http.get(PATH, params={"number": "4917612345678"}, timeout=impatient)
