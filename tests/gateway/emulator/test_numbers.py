"""The emulator's Numbers API: search, rent, set up, list, and what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import jsonschema
import pytest
import yaml

from gateway.emulator import Emulator
from gateway.emulator.rented.stock import STOCK
from gateway.telephony import phonenumber
from tests.support import DATA
from tests.support.scenes.emulation import (
    BERLIN,
    KEY,
    SECRET,
    Receiver,
    basic,
    error_of,
    order,
    receiving,
)

APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
US, GB, AU = "12065550174", "447911123400", "61491570157"
SUCCESS = {"error-code": "200", "error-code-label": "success"}
FAILED = {"error-code": "420", "error-code-label": "method failed"}
WRONG_CREDENTIALS = {"error-code": "401", "error-code-label": "authentication failed"}
ACCOUNT = basic(KEY, SECRET)
DESCRIPTION = DATA / "numbers-1.1.0.yml"


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(emulator.url, headers=ACCOUNT) as session:
        yield session


async def get(http: aiohttp.ClientSession, path: str, **params: str) -> tuple[int, Any]:
    """Return HTTP status and answer of a request for a list."""
    async with http.get(path, params=params) as response:
        return response.status, await response.json()


async def listed(http: aiohttp.ClientSession, path: str, **params: str) -> list[dict[str, Any]]:
    status, answer = await get(http, path, **params)
    assert 200 == status
    return list(answer.get("numbers", []))


async def search(http: aiohttp.ClientSession, **params: str) -> list[str]:
    return [each["msisdn"] for each in await listed(http, "/number/search", **params)]


async def owned(http: aiohttp.ClientSession, **params: str) -> list[str]:
    return [each["msisdn"] for each in await listed(http, "/account/numbers", **params)]


async def post(
    http: aiohttp.ClientSession, what: str, msisdn: str = US, country: str = "US", **more: str
) -> tuple[int, dict[str, str]]:
    """Return HTTP status and answer of a request about one number."""
    form = {"country": country, "msisdn": msisdn, **more}
    async with http.post(f"/number/{what}", data=form) as response:
        return response.status, await response.json()


def schema_of(path: str, method: str, status: str) -> dict[str, Any]:
    """Return the provider's description of an answer, with what it refers to."""
    described = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    answer = described["paths"][path][method]["responses"][status]
    found: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return found | {"components": described["components"]}


# -- the stock


def test_the_stock_is_made_up_and_valid() -> None:
    """A gateway that judges numbers by libphonenumber takes every one of them."""
    assert set() == {number for number in STOCK if phonenumber.parse_international(number) is None}
    prefixes = ("120655501", "4479111234", "4420794600", "49176040690", "493023125", "6149157015")
    assert set() == {number for number in STOCK if not number.startswith(prefixes)}


# -- search


FILTERS: dict[str, tuple[dict[str, str], str, int]] = {
    "country": ({"country": "US"}, US, 25),
    "feature": ({"country": "GB", "features": "SMS"}, GB, 50),
    "all features in any order": ({"country": "US", "features": "SMS,VOICE,MMS"}, US, 25),
    "the other order": ({"country": "US", "features": "SMS,MMS,VOICE"}, US, 25),
    "type": ({"country": "GB", "type": "landline"}, "442079460000", 20),
    "beginning": ({"country": "US", "pattern": "1206555018"}, "12065550180", 10),
    "part": ({"country": "US", "pattern": "019", "search_pattern": "1"}, "12065550190", 9),
    "end": ({"country": "US", "pattern": "75", "search_pattern": "2"}, "12065550175", 1),
}


@pytest.mark.parametrize(("params", "first", "count"), FILTERS.values(), ids=FILTERS.keys())
async def test_finds_what_can_be_rented(
    params: dict[str, str], first: str, count: int, http: aiohttp.ClientSession
) -> None:
    """``count`` is of all that match, the numbers are a page of them, by the description."""
    status, answer = await get(http, "/number/search", **params)
    assert (200, count, first) == (status, answer["count"], answer["numbers"][0]["msisdn"])
    jsonschema.validate(answer, schema_of("/number/search", "get", "200"))


@pytest.mark.parametrize(
    "params",
    [
        {"country": "FR"},
        {"country": "GB", "features": "MMS"},
        {"country": "US", "pattern": "999"},
        {"country": "US", "type": "landline-toll-free"},
    ],
    ids=str,
)
async def test_no_match_is_an_empty_object(
    params: dict[str, str], http: aiohttp.ClientSession
) -> None:
    """Neither count nor numbers are there."""
    assert (200, {}) == await get(http, "/number/search", **params)


async def test_shows_pages(http: aiohttp.ClientSession) -> None:
    """Ten a page unless asked otherwise, counted from 1."""
    everything = await search(http, country="US", size="100")
    assert 25 == len(everything)
    assert everything[:10] == await search(http, country="US")
    assert everything[20:] == await search(http, country="US", size="10", index="3")
    assert [] == await search(http, country="US", size="100", index="2")


async def test_shows_a_number_with_its_price(http: aiohttp.ClientSession) -> None:
    """EUR a month as a text."""
    [number] = await listed(http, "/number/search", country="GB", size="1")
    expected = {
        "country": "GB",
        "msisdn": GB,
        "type": "mobile-lvn",
        "cost": "1.25",
        "initialPrice": "1.25",
        "features": ["VOICE", "SMS"],
    }
    assert expected == number


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"country": "us"},
        {"country": "USA"},
        {"country": "US", "features": "FAX"},
        {"country": "US", "size": "101"},
        {"country": "US", "size": "0"},
        {"country": "US", "index": "0"},
        {"country": "US", "index": "x"},
        {"country": "US", "search_pattern": "3"},
        {"country": "US", "type": "mobile"},
    ],
    ids=str,
)
async def test_refuses_a_search_that_means_nothing(
    params: dict[str, str], http: aiohttp.ClientSession
) -> None:
    assert (420, FAILED) == await get(http, "/number/search", **params)


# -- credentials

REQUESTS = {
    "search": ("GET", "/number/search"),
    "owned": ("GET", "/account/numbers"),
    "buy": ("POST", "/number/buy"),
    "update": ("POST", "/number/update"),
}


@pytest.mark.parametrize("request_line", REQUESTS.values(), ids=REQUESTS.keys())
@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ({}, {}),
        (basic(KEY, "wrong"), {}),
        (basic("other", SECRET), {"api_key": KEY, "api_secret": SECRET}),
        ({"Authorization": "Bearer x"}, {}),
        ({}, {"api_key": KEY, "api_secret": "wrong"}),
    ],
    ids=["none", "secret", "key", "scheme", "parameters"],
)
async def test_refuses_wrong_credentials(
    request_line: tuple[str, str],
    headers: Mapping[str, str],
    more: Mapping[str, str],
    emulator: Emulator,
) -> None:
    """The body is the same for every request, and nothing is rented."""
    params = {"country": "US", "msisdn": US, **more}
    async with (
        aiohttp.ClientSession(emulator.url) as http,
        http.request(*request_line, params=params, headers=headers) as response,
    ):
        assert (401, WRONG_CREDENTIALS) == await error_of(response)
    assert {} == emulator.owned


@pytest.mark.parametrize("place", ["params", "data"])
async def test_takes_key_and_secret_as_parameters(place: str, emulator: Emulator) -> None:
    """In the query or in the form, as older clients send them; they are not kept."""
    values = {"api_key": KEY, "api_secret": SECRET, "country": "US", "msisdn": US}
    given: dict[str, Any] = {place: values}
    async with (
        aiohttp.ClientSession(emulator.url) as http,
        http.post("/number/buy", **given) as response,
    ):
        assert SUCCESS == await response.json()
    [request] = emulator.requests
    assert ("numbers", "/number/buy", "accepted") == (
        request.provider,
        request.path,
        request.outcome,
    )
    assert SECRET not in request.params.values()


# -- rent


async def test_a_rented_number_leaves_the_stock(http: aiohttp.ClientSession) -> None:
    """It is listed as owned and cannot be rented twice."""
    assert (200, SUCCESS) == await post(http, "buy")
    assert (420, FAILED) == await post(http, "buy")
    assert (US in await search(http, country="US"), [US]) == (False, await owned(http))


NOT_TO_BE_HAD: dict[str, tuple[dict[str, str], str]] = {
    "unknown number": ({"msisdn": "12065550100"}, "method failed"),
    "other country": ({"country": "GB"}, "method failed"),
    "no country": ({"country": ""}, "method failed"),
    "no number": ({"msisdn": ""}, "method failed"),
    "with a plus": ({"msisdn": f"+{US}"}, "method failed"),
    "for another account": ({"target_api_key": "other"}, "method failed"),
    "address needed": ({"msisdn": AU, "country": "AU"}, "valid local address"),
}


@pytest.mark.parametrize(("form", "label"), NOT_TO_BE_HAD.values(), ids=NOT_TO_BE_HAD.keys())
async def test_refuses_to_rent(
    form: dict[str, str], label: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """Status 420 with a label that says why."""
    status, answer = await post(http, "buy", **form)
    assert (420, "420", True) == (status, answer["error-code"], label in answer["error-code-label"])
    assert {} == emulator.owned


async def test_renting_takes_money(emulator: Emulator, http: aiohttp.ClientSession) -> None:
    """What the balance does not hold cannot be spent."""
    emulator.configure(balance=1.0)
    assert (200, SUCCESS) == await post(http, "buy")
    assert (420, FAILED) == await post(http, "buy", "12065550175")
    assert [US] == list(emulator.owned)


async def test_a_reset_gives_everything_back(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """But for the numbers that the settings say are owned."""
    emulator.configure(owned_numbers="+4917604069001")
    await post(http, "buy")
    assert ["4917604069001", US] == list(emulator.owned)
    await emulator.reset()
    assert ["4917604069001"] == list(emulator.owned)


# -- set up


async def test_an_update_is_shown_with_the_number(
    emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """Application, webhook and voice callback, by the provider's description."""
    callbacks = {
        "app_id": APPLICATION,
        "moHttpUrl": receiver.url,
        "voiceCallbackType": "tel",
        "voiceCallbackValue": BERLIN,
    }
    await post(http, "buy")
    assert (200, SUCCESS) == await post(http, "update", **callbacks)
    status, answer = await get(http, "/account/numbers")
    [number] = answer["numbers"]
    assert (200, callbacks) == (status, {name: number[name] for name in callbacks})
    jsonschema.validate(answer, schema_of("/account/numbers", "get", "200"))
    assert callbacks == emulator.owned[US].callbacks


async def test_an_update_clears_what_it_does_not_name(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """As the provider's updates are said to do."""
    await post(http, "buy")
    await post(http, "update", app_id=APPLICATION)
    await post(http, "update", app_id="", voiceStatusCallback="http://127.0.0.1:9/")
    assert {"voiceStatusCallback": "http://127.0.0.1:9/"} == emulator.owned[US].callbacks


@pytest.mark.parametrize(
    ("status", "expected"), [(200, 200), (204, 420), (302, 420), (401, 420), (503, 420)]
)
async def test_a_webhook_must_answer_before_it_is_set(
    status: int,
    expected: int,
    emulator: Emulator,
    http: aiohttp.ClientSession,
    receiver: Receiver,
) -> None:
    """It gets one GET without parameters; all but 200 is a 420, and nothing is set."""
    await post(http, "buy")
    receiver.answers.append(status)
    assert expected == (await post(http, "update", moHttpUrl=receiver.url))[0]
    [asked] = receiver.delivered
    assert ("GET", {}) == (asked.method, asked.values)
    assert (expected == 200) == bool(emulator.owned[US].callbacks)


@pytest.mark.parametrize(
    "form",
    [
        {"moHttpUrl": "https://example.com/inbound"},
        {"moHttpUrl": "http://127.0.0.1:9/"},
        {"moHttpUrl": "ftp://127.0.0.1/"},
        {"voiceCallbackType": "fax", "voiceCallbackValue": "1"},
        {"voiceCallbackType": "tel"},
        {"msisdn": GB, "country": "GB"},
    ],
    ids=["elsewhere", "nobody listens", "no web address", "type", "no value", "not rented"],
)
async def test_refuses_an_update(
    form: dict[str, str], emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    await post(http, "buy")
    assert (420, FAILED) == await post(http, "update", **form)
    assert {} == emulator.owned[US].callbacks


async def test_texts_go_to_the_webhook_of_the_number(
    emulator: Emulator, http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    """A number's own webhook comes before the account's."""
    async with receiving() as account_webhook:
        emulator.configure(mo_url=account_webhook.url)
        await post(http, "buy")
        await post(http, "update", moHttpUrl=receiver.url)
        await emulator.text(BERLIN, US, "to the number")
        await emulator.text(BERLIN, GB, "to another")
    assert ["to another"] == [each.values["text"] for each in account_webhook.delivered]
    assert ["to the number"] == [each.values["text"] for each in receiver.delivered[1:]]


# -- the list of owned numbers


async def test_lists_what_is_owned_by_its_filters(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """By country and pattern, in pages."""
    emulator.configure(owned_numbers=["4917604069001"])
    await post(http, "buy")
    await post(http, "buy", GB, "GB")
    expected = {
        (): ["4917604069001", US, GB],
        (("country", "GB"),): [GB],
        (("pattern", "1206"),): [US],
        (("size", "1"), ("index", "3")): [GB],
    }
    assert expected == {filters: await owned(http, **dict(filters)) for filters in expected}


async def test_owning_nothing_is_an_empty_object(http: aiohttp.ClientSession) -> None:
    assert (200, {}) == await get(http, "/account/numbers")


# -- ordered failures


@pytest.mark.parametrize("failure", ["timeout", "close"])
async def test_the_outcome_of_a_rent_can_be_unknown(
    failure: str, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """Accepted: the number is rented although its renter hears nothing. Else it is not."""
    for accepted, msisdn in ((True, US), (False, "12065550175")):
        await order(http, failure, seconds=0.01, accepted=accepted)
        with pytest.raises(aiohttp.ClientError):
            await post(http, "buy", msisdn)
    assert [US] == await owned(http)
    assert [failure, failure] == [each.outcome for each in emulator.requests][:2]


@pytest.mark.parametrize(
    ("failure", "status", "body"),
    [
        ("429", 429, '"error-code": "429"'),
        ("html", 502, "<html>"),
        ("status:420", 420, '"method failed"'),
        ("status:401", 401, '"authentication failed"'),
        ("status:500", 500, '"error-code": "500"'),
    ],
)
async def test_fails_as_ordered(
    failure: str, status: int, body: str, http: aiohttp.ClientSession
) -> None:
    """Once; the next request is answered."""
    await order(http, failure)
    async with http.get("/number/search", params={"country": "US"}) as response:
        assert (status, True) == (response.status, body in await response.text())
    assert 10 == len(await search(http, country="US"))


async def test_a_failure_can_be_for_one_path_and_after_others(
    emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    """So the second rent of two fails, whatever is asked between."""
    await order(http, "status:420", path="/number/buy", after=1)
    numbers = await search(http, country="US", size="3")
    assert [200, 420, 200] == [(await post(http, "buy", number))[0] for number in numbers]
    assert [numbers[0], numbers[2]] == list(emulator.owned)


@pytest.mark.parametrize(("key", "value"), [("path", "buy"), ("path", 5), ("after", -1)])
async def test_refuses_a_wrong_order(key: str, value: object, http: aiohttp.ClientSession) -> None:
    body = {"failure": "close", key: value}
    async with http.post("/emulator/next", json=body) as response:
        status, answer = await error_of(response)
    assert (400, key) == (status, answer["field"])


async def test_a_wrong_method_is_an_error_code(http: aiohttp.ClientSession) -> None:
    """Never a page or a trace."""
    async with http.get("/number/buy") as response:
        assert (405, "405") == (response.status, (await response.json())["error-code"])
