"""Numbers rented over the admin interface, at the provider emulator, until a text comes through."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from gateway.emulator import Emulator
from tests.support.scenes.masking import ANNA, BERT, until
from tests.support.servers.serving import serving
from tests.support.visitor import Reply, Visitor, visiting

ADMIN_TOKEN, TOKEN = "correct-horse", "battery-staple"
APP = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
PROVISION = "/numbers/provision"
WANTED = {"country": "US", "count": 2}
PAIR = {"participant_a": ANNA, "participant_b": BERT}


@dataclass
class Front:
    """The public address of a gateway that is started later."""

    url: str = ""
    target: str = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass a request on and its answer back."""
        body = await request.read()
        headers = {"Content-Type": request.headers.get("Content-Type", "")} if body else {}
        url = self.target + str(request.rel_url)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=body or None, headers=headers) as response,
        ):
            return web.Response(status=response.status, body=await response.read())


@dataclass
class Desk:
    """An operator at a gateway, and the provider."""

    backend: Visitor
    emulator: Emulator
    front: Front

    async def provision(self, **body: Any) -> Reply:
        """Ask for numbers."""
        return await self.backend.request("POST", PROVISION, json=body)

    async def order(self, **failure: Any) -> None:
        """Let the provider fail once."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.emulator.url}/emulator/next", json=failure) as response,
        ):
            assert 200 == response.status, await response.text()

    def asked(self) -> list[str]:
        """Return the outcomes of what the provider was asked about numbers and participants."""
        return [each.outcome for each in self.emulator.requests if each.provider != "nexmo"]


@asynccontextmanager
async def opened(
    redis_url: str, options: Mapping[str, str] | None = None, **settings: Any
) -> AsyncIterator[Desk]:
    """Run a gateway with ``options`` behind its public address; ``settings``: the emulator's."""
    front = Front()
    server = RawTestServer(front.handle)
    await server.start_server()
    front.url = str(server.make_url("")).rstrip("/")
    emulator = Emulator(**{"rate": 0, "dlr_delay": 0.01, **settings})
    await emulator.start()
    values = {
        "admin_token": ADMIN_TOKEN,
        "webhook_token": TOKEN,
        "public_url": front.url,
        "nexmo_domain": emulator.domain,
        "nexmo_api_domain": emulator.domain,
        "nexmo_ssl": "no",
        "nexmo_api_key": "emulator",
        "nexmo_api_secret": "emulator-secret",
        "nexmo_application_id": APP,
        "nexmo_rate": "0",
        "number_rate": "0",
        "provider_timeout": "2",
        **(options or {}),
    }
    line = [f"--{name}={value}" for name, value in values.items()]
    try:
        async with (
            serving(*line, redis_url=redis_url) as gateway,
            visiting(gateway.url) as visitor,
        ):
            front.target = gateway.url
            emulator.configure(mo_url=f"{front.url}/inbound/{TOKEN}")
            admin = visitor.via(Authorization=f"Bearer {ADMIN_TOKEN}")
            yield Desk(admin, emulator, front)
    finally:
        await emulator.stop()
        await server.close()


@pytest.fixture
async def desk(redis_url: str) -> AsyncIterator[Desk]:
    """A gateway with all that renting needs."""
    async with opened(redis_url) as running:
        yield running


async def test_a_dry_run_shows_candidates_with_prices_and_rents_nothing(desk: Desk) -> None:
    reply = await desk.provision(**WANTED)
    body = reply.json
    first = {
        "value": "12065550174",
        "type": "mobile-lvn",
        "features": ["VOICE", "SMS", "MMS"],
        "cost": "0.90",
        "initial_price": "0.90",
    }
    assert (200, "candidates", "US", ["SMS", "VOICE"], 25) == (
        reply.status,
        *(body[name] for name in ("message", "country", "features", "total")),
    )
    assert first == body["candidates"][0]
    assert {} == desk.emulator.owned
    assert 0 == (await desk.backend.get("/tn")).json["pool_size"]


@pytest.mark.parametrize("confirm", [{}, {"confirm": False}], ids=["absent", "false"])
async def test_nothing_is_rented_unless_it_is_confirmed(
    desk: Desk, confirm: dict[str, bool]
) -> None:
    reply = await desk.provision(**WANTED, **confirm)
    assert (200, "candidates") == (reply.status, reply.json["message"])
    assert {} == desk.emulator.owned


async def test_confirmed_numbers_carry_a_conversation(desk: Desk) -> None:
    """Rented, set up and in the pool: a session on one of them relays a text."""
    reply = await desk.provision(**WANTED, confirm=True)
    numbers = [each["value"] for each in reply.json["numbers"]]
    good = {"rented": True, "configured": True, "in_pool": True, "error": ""}
    assert (200, "rented 2 of 2") == (reply.status, reply.json["message"])
    assert [{"value": number, **good} for number in numbers] == reply.json["numbers"]
    webhook = f"{desk.front.url}/inbound/{TOKEN}"
    assert {number: {"app_id": APP, "moHttpUrl": webhook} for number in numbers} == {
        number: lease.callbacks for number, lease in desk.emulator.owned.items()
    }

    session = (await desk.backend.request("POST", "/session", json=PAIR)).json
    await until(lambda: len(desk.emulator.sent) == 2)
    await desk.emulator.text(ANNA, session["virtual_tn"], "Hello Bert")
    await until(lambda: len(desk.emulator.sent) == 3)
    heard = desk.emulator.sent[2]
    assert (BERT, session["virtual_tn"], "Hello Bert") == (heard.to, heard.sender, heard.text)
    assert session["virtual_tn"] in numbers


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        pytest.param("sms", {"moHttpUrl"}, id="text"),
        pytest.param(["VOICE"], {"app_id"}, id="list"),
        pytest.param("Voice, sms", {"moHttpUrl", "app_id"}, id="comma text"),
        pytest.param(None, {"moHttpUrl", "app_id"}, id="null"),
    ],
)
async def test_features_are_written_in_any_way(
    desk: Desk, features: object, expected: set[str]
) -> None:
    reply = await desk.provision(country="us", count=1, features=features, confirm=True)
    assert 200 == reply.status, reply.text
    [lease] = desk.emulator.owned.values()
    assert expected == lease.callbacks.keys()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "country: is missing"),
    ({"country": "US"}, "count: is missing"),
    ({"count": 1}, "country: is missing"),
    ({"country": "USA", "count": 1}, "country: must be a country code of two letters, such as DE"),
    *(
        ({"country": "US", "count": count}, "count: must be a whole number from 1 to 10")
        for count in (0, 11, -1, "2", 1.5, True, [1])
    ),
    *(
        (WANTED | {"features": features}, "features: must be sms, voice or both")
        for features in ("", "MMS", [], ["sms", "fax"], True, {"sms": True})
    ),
    *(
        (WANTED | {"confirm": confirm}, "confirm: must be true or false, in a JSON body")
        for confirm in ("true", 1, None, "yes", [True])
    ),
    (WANTED | {"Confirm": True}, "Confirm: is not known"),
]


@pytest.mark.parametrize(("body", "message"), WRONG, ids=[ascii(body)[:60] for body, _ in WRONG])
async def test_a_wrong_request_is_refused_and_named(
    desk: Desk, body: dict[str, Any], message: str
) -> None:
    reply = await desk.backend.request("POST", PROVISION, json=body)
    assert (400, message) == (reply.status, reply.json["message"])
    assert [] == desk.asked()


async def test_no_form_and_no_address_can_spend_money(desk: Desk) -> None:
    """Text is no confirmation, wherever it stands."""
    form = {"country": "US", "count": "2"}
    dry = await desk.backend.request("POST", PROVISION, data=form)
    confirmed = await desk.backend.request("POST", PROVISION, data=form | {"confirm": "true"})
    query = await desk.backend.request("POST", f"{PROVISION}?confirm=true", json=WANTED)
    assert [200, 400, 400] == [dry.status, confirmed.status, query.status]
    assert {} == desk.emulator.owned


@pytest.mark.parametrize("request_", [("POST", PROVISION), ("GET", "/numbers")], ids=str)
async def test_without_the_token_nothing_is_rented_or_shown(
    desk: Desk, request_: tuple[str, str]
) -> None:
    method, path = request_
    stranger = desk.backend.via(Authorization="Bearer wrong")
    body = {"json": WANTED | {"confirm": True}} if method == "POST" else {}
    reply = await stranger.request(method, path, **body)
    assert (401, []) == (reply.status, desk.asked())


@pytest.mark.parametrize(
    ("option", "features", "message"),
    [
        ("public_url", "sms", "public_url: is not set"),
        ("nexmo_application_id", "voice", "nexmo_application_id: is not set"),
    ],
    ids=["public_url", "nexmo_application_id"],
)
async def test_an_option_that_is_missing_is_named(
    redis_url: str, option: str, features: str, message: str
) -> None:
    async with opened(redis_url, {option: ""}) as desk:
        reply = await desk.provision(**WANTED, features=features, confirm=True)
        assert (400, message) == (reply.status, reply.json["message"])
        assert {} == desk.emulator.owned


@pytest.mark.parametrize("confirm", [False, True])
async def test_a_search_without_a_match_is_not_found(desk: Desk, confirm: bool) -> None:
    reply = await desk.provision(country="FR", count=1, confirm=confirm)
    message = "no number of this kind can be rented"
    assert (404, "not_found", message) == (
        reply.status,
        reply.json["error"],
        reply.json["message"],
    )


@pytest.mark.parametrize("request_", [("POST", PROVISION), ("GET", "/numbers")], ids=str)
async def test_wrong_credentials_are_told_and_alert_the_operator(
    redis_url: str, request_: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    method, path = request_
    async with opened(redis_url, {"nexmo_api_secret": "wrong"}) as desk:
        body = {"json": WANTED | {"confirm": True}} if method == "POST" else {}
        reply = await desk.backend.request(method, path, **body)
    message = "the provider refuses the credentials"
    assert (502, "provider_error", message) == (
        reply.status,
        reply.json["error"],
        reply.json["message"],
    )
    assert message in caplog.text


async def test_numbers_that_need_an_address_are_told_with_the_provider_s_words(
    desk: Desk,
) -> None:
    reply = await desk.provision(country="AU", count=1, confirm=True)
    assert (502, "rented 0 of 1") == (reply.status, reply.json["message"])
    [first, *_] = reply.json["numbers"]
    assert (False, False, False) == (first["rented"], first["configured"], first["in_pool"])
    assert "Dashboard" in first["error"]


async def test_a_purchase_that_was_made_silently_is_not_repeated(desk: Desk) -> None:
    await desk.order(failure="close", accepted=True, path="/number/buy")
    reply = await desk.provision(**WANTED, confirm=True)
    assert (200, "rented 2 of 2") == (reply.status, reply.json["message"])
    assert {each["value"] for each in reply.json["numbers"]} == desk.emulator.owned.keys()


async def test_partial_success_is_told_for_each_number(desk: Desk) -> None:
    """The webhook of one number did not answer: it is rented all the same."""
    await desk.order(failure="status:420", path="/number/update")
    reply = await desk.provision(**WANTED, confirm=True)
    assert (502, "rented 2 of 2") == (reply.status, reply.json["message"])
    told = [(each["rented"], each["configured"], each["in_pool"]) for each in reply.json["numbers"]]
    assert [(True, False, False), (True, True, True)] == told
    assert 1 == (await desk.backend.get("/tn")).json["pool_size"]


async def test_calls_at_once_never_rent_more_than_they_were_asked_for(desk: Desk) -> None:
    """One at a time; who comes too early is told."""
    replies = await asyncio.gather(*(desk.provision(**WANTED, confirm=True) for _ in range(10)))
    statuses = Counter(reply.status for reply in replies)
    assert {200, 409} >= statuses.keys()
    assert 2 * statuses[200] == len(desk.emulator.owned) > 0
    assert {"conflict"} >= {reply.json["error"] for reply in replies if reply.status == 409}


async def test_all_numbers_are_listed(redis_url: str) -> None:
    """Rented and in the pool, rented only, in the pool only."""
    async with opened(redis_url, owned_numbers=["12065550190"]) as desk:
        [one] = (await desk.provision(country="US", count=1, confirm=True)).json["numbers"]
        await desk.backend.request("POST", "/tn", json={"value": "12065550199"})
        reply = await desk.backend.get("/numbers")
        page = (await desk.backend.get("/numbers/", limit="2")).json
    common = {"country": "US", "provider": "nexmo"}
    kind = {"type": "mobile-lvn", "features": ["VOICE", "SMS", "MMS"]}
    unknown = {"type": None, "features": ["SMS", "VOICE"]}
    told = [
        {"value": one["value"], **kind, "rented": True, "in_pool": True, "configured": True},
        {"value": "12065550190", **kind, "rented": True, "in_pool": False, "configured": False},
        {"value": "12065550199", **unknown, "rented": False, "in_pool": True, "configured": False},
    ]
    assert {
        "total_numbers": 3,
        "numbers": [each | common for each in told],
        "next": None,
    } == reply.json
    assert (3, 2, "12065550190") == (page["total_numbers"], len(page["numbers"]), page["next"])


# -- Number Insight


async def test_number_insight_is_not_asked_unless_it_is_on(desk: Desk) -> None:
    await desk.backend.request("POST", "/tn", json={"value": "12065550199"})
    reply = await desk.backend.request("POST", "/session", json=PAIR)
    assert (200, []) == (reply.status, desk.asked())


async def test_participants_that_are_no_numbers_get_no_session(redis_url: str) -> None:
    async with opened(redis_url, {"number_insight": "basic"}) as desk:
        await desk.backend.request("POST", "/tn", json={"value": "12065550199"})
        await desk.order(failure="status:3", path="/ni/basic/json", count=2)
        refused = await desk.backend.request("POST", "/session", json=PAIR)
        created = await desk.backend.request("POST", "/session", json=PAIR)
        assert ["status:3", "status:3", "accepted", "accepted"] == desk.asked()
    message = "participant_a: is not a valid number (Number Insight)"
    assert (400, message) == (refused.status, refused.json["message"])
    assert 200 == created.status


@pytest.mark.parametrize(
    "failure",
    [{"failure": "timeout", "seconds": 60}, {"failure": "close"}, {"failure": "html"}],
    ids=["silence", "closed", "junk"],
)
async def test_trouble_with_number_insight_keeps_nobody_from_a_session(
    redis_url: str, failure: dict[str, Any]
) -> None:
    async with opened(redis_url, {"number_insight": "basic"}) as desk:
        await desk.backend.request("POST", "/tn", json={"value": "12065550199"})
        await desk.order(**failure, path="/ni/basic/json", count=4)
        reply = await desk.backend.request("POST", "/session", json=PAIR)
        assert 200 == reply.status


async def test_nothing_is_rented_above_what_may_be_spent(desk: Desk) -> None:
    """A month's rent and what is asked once count together."""
    listed = (await desk.provision(country="US", count=3)).json["candidates"]
    one = Decimal(listed[0]["cost"]) + Decimal(listed[0]["initial_price"] or 0)
    answer = await desk.provision(country="US", count=3, confirm=True, max_cost=str(one * 2))
    assert (502, "rented 2 of 3") == (answer.status, answer.json["message"])
    assert "above max_cost" in answer.json["numbers"][-1]["error"]
    owned = (await desk.backend.get("/numbers")).json["numbers"]
    assert 2 == sum(each["rented"] is True for each in owned)


async def test_exactly_those_numbers_are_rented_that_are_named(desk: Desk) -> None:
    listed = (await desk.provision(country="US", count=10)).json["candidates"]
    wanted = [each["value"] for each in listed[3:5]]
    answer = await desk.provision(country="US", values=wanted, confirm=True)
    assert (200, set(wanted)) == (answer.status, {each["value"] for each in answer.json["numbers"]})
    gone = await desk.provision(country="US", values=wanted, confirm=True)
    assert 404 == gone.status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max_cost": "much"}, "max_cost"),
        ({"max_cost": True}, "max_cost"),
        ({"max_cost": -1}, "max_cost"),
        ({"values": "12065550100"}, "values"),
        ({"values": []}, "values"),
        ({"values": ["1"]}, "values"),
        ({"values": ["12065550100", "12065550100"]}, "values"),
        ({"values": ["12065550100"], "count": 2}, "count"),
    ],
    ids=str,
)
async def test_a_wrong_wish_is_named_and_nothing_is_rented(
    desk: Desk, body: dict[str, Any], field: str
) -> None:
    wish = {"country": "US", "count": 1, "confirm": True} | body
    if "values" in body and "count" not in body:
        del wish["count"]
    answer = await desk.provision(**wish)
    assert (400, field) == (answer.status, answer.json["message"].partition(":")[0])
