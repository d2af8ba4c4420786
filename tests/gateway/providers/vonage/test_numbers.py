"""Vonage's Numbers API: requests by its description, and what its answers mean."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from gateway.errors import ProviderFailed
from gateway.providers.base import Outcome
from gateway.providers.vonage import numbers_wire as wire
from gateway.providers.vonage.numbers import NumbersApi
from gateway.providers.vonage.numbers_wire import Change, Offer, Rental
from tests.support.stand_ins import numbers
from tests.support.stand_ins.numbers import (
    BUY,
    DESCRIPTION,
    FAILED,
    KEY,
    OWNED,
    SEARCH,
    SECRET,
    UNAUTHORIZED,
    UPDATE,
    NumbersStandin,
    Order,
    done_but,
    hangs_up,
    never_answers,
    says,
)

BOTH = frozenset({"sms", "voice"})
ONE, TWO = "12065550151", "12065550152"
OFFER = Offer(f"+{ONE}", "US")
MO_URL = "https://sms.example.com/inbound/token-of-webhooks"
APP = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


@pytest.fixture
async def standin() -> AsyncIterator[NumbersStandin]:
    """The provider; every request that it got is one that its description allows."""
    async with numbers.numbers_standin() as running:
        yield running
    for asked in running.asked:
        numbers.check(asked)


@pytest.fixture
async def api(standin: NumbersStandin) -> AsyncIterator[NumbersApi]:
    """The client, which does not wait for long."""
    client = NumbersApi(standin.url, KEY, SECRET, timeout=0.5, pauses=(0.0, 0.0, 0.0))
    yield client
    await client.close()


@pytest.fixture(autouse=True)
def no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, the log holds neither the secret nor a whole number."""
    caplog.set_level(logging.DEBUG)
    yield
    said = [each for each in caplog.get_records("call") if each.name != "aiohttp.access"]
    logged = "\n".join(record.getMessage() for record in said)
    assert [] == [word for word in (SECRET, ONE, TWO, MO_URL) if word in logged]


# -- search


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        pytest.param({"sms"}, "SMS", id="texts"),
        pytest.param({"voice"}, "VOICE", id="calls"),
        pytest.param({"voice", "sms"}, "SMS,VOICE", id="both"),
    ],
)
def test_a_search_spells_features_as_the_provider_does(features: set[str], expected: str) -> None:
    assert {"country": "US", "features": expected, "size": "20"} == wire.search_query(
        "US", features, 20
    )


async def test_offers_come_with_their_prices(standin: NumbersStandin, api: NumbersApi) -> None:
    standin.offer(ONE, initialPrice="2")
    found = await api.search("US", BOTH, 10)
    expected = Offer(f"+{ONE}", "US", "mobile-lvn", ("VOICE", "SMS"), "0.90", "2")
    assert (1, (expected,)) == (found.total, found.offers)


async def test_requests_carry_key_and_secret_in_the_header_alone(
    standin: NumbersStandin, api: NumbersApi
) -> None:
    standin.offer(ONE)
    await api.search("US", BOTH, 10)
    await api.buy(OFFER)
    assert [SEARCH, BUY] == standin.paths()
    for asked in standin.asked:
        assert asked.headers["Authorization"].startswith("Basic ")
        assert not {"api_key", "api_secret"} & asked.params.keys()


def test_the_example_of_the_description_is_understood() -> None:
    found = wire.offers(DESCRIPTION["answers"]["search"], BOTH)
    offer = Offer("+447700900000", "GB", "mobile-lvn", ("VOICE", "SMS", "MMS"), "1.25", "1.25")
    assert (1234, (offer,)) == (found.total, found.offers)


ITEM = {"country": "US", "msisdn": ONE, "features": ["SMS", "VOICE"]}


@pytest.mark.parametrize(
    ("document", "numbers"),
    [
        pytest.param({}, [], id="no match"),
        pytest.param({"count": 0, "numbers": []}, [], id="empty list"),
        pytest.param({"count": 1, "numbers": [ITEM]}, [f"+{ONE}"], id="one"),
        pytest.param({"count": 1, "numbers": [ITEM | {"msisdn": int(ONE)}]}, [f"+{ONE}"], id="int"),
        pytest.param({"count": 1, "numbers": [ITEM | {"features": ["SMS"]}]}, [], id="cannot call"),
        pytest.param({"count": 1, "numbers": [ITEM | {"msisdn": "+1 x"}]}, [], id="no digits"),
        pytest.param({"count": 1, "numbers": [ITEM | {"country": None}]}, [], id="no country"),
        pytest.param({"count": 2, "numbers": ["x", ITEM]}, [f"+{ONE}"], id="junk beside"),
    ],
)
def test_numbers_that_cannot_be_used_are_left_out(
    document: dict[str, Any], numbers: list[str]
) -> None:
    assert numbers == [offer.e164 for offer in wire.offers(document, BOTH).offers]


@pytest.mark.parametrize("price", ["free", "-1", "1e5", None, "1,50", {}], ids=repr)
def test_a_price_that_is_none_is_left_out(price: object) -> None:
    document = {"count": 1, "numbers": [ITEM | {"cost": price}]}
    assert [""] == [offer.cost for offer in wire.offers(document, BOTH).offers]


# -- what is rented


async def test_all_pages_of_rented_numbers_are_read(
    standin: NumbersStandin, api: NumbersApi
) -> None:
    numbers = [str(12065550000 + last) for last in range(250)]
    standin.own(*numbers)
    assert [f"+{each}" for each in numbers] == [each.e164 for each in await api.rentals()]
    assert ["1", "2", "3"] == [each.params["index"] for each in standin.asked]


async def test_an_account_without_numbers_has_none(api: NumbersApi) -> None:
    assert [] == await api.rentals()
    assert await api.rental(f"+{ONE}", "US") is None


async def test_one_number_is_found_among_those_that_begin_like_it(
    standin: NumbersStandin, api: NumbersApi
) -> None:
    standin.own(f"{ONE}9", ONE)
    found = await api.rental(f"+{ONE}", "US")
    assert found is not None
    assert f"+{ONE}" == found.e164


SETTINGS: list[Any] = [
    pytest.param({}, {}, "", id="nothing"),
    pytest.param({"app_id": APP}, {"app_id": APP}, APP, id="application"),
    pytest.param(
        {"app_id": APP, "voiceCallbackType": "tel", "voiceCallbackValue": TWO},
        {"app_id": APP, "voiceCallbackType": "tel", "voiceCallbackValue": TWO},
        "",
        id="forwarding goes before the application",
    ),
    pytest.param(
        {"voiceCallbackType": "app", "voiceCallbackValue": APP},
        {"voiceCallbackType": "app", "voiceCallbackValue": APP},
        APP,
        id="application of old",
    ),
    pytest.param(
        {"voiceCallbackType": "vxml", "voiceCallbackValue": "https://example.com"},
        {},
        "",
        id="a type that an update does not take",
    ),
    pytest.param(
        {"moHttpUrl": MO_URL, "messagesCallbackType": "app", "messagesCallbackValue": APP},
        {"moHttpUrl": MO_URL, "messagesCallbackType": "app", "messagesCallbackValue": APP},
        "",
        id="webhooks for texts",
    ),
    pytest.param({"limitations": [], "moHttpUrl": None}, {}, "", id="null"),
]


@pytest.mark.parametrize(("fields", "settings", "app_id"), SETTINGS)
def test_the_settings_of_a_number_are_read(
    fields: dict[str, Any], settings: dict[str, str], app_id: str
) -> None:
    _, [rental] = wire.rentals({"count": 1, "numbers": [ITEM | fields]})
    assert (settings, app_id) == (rental.settings, rental.app_id)


# -- set up


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        pytest.param(
            {}, {"mo_url": MO_URL, "app_id": APP}, {"moHttpUrl": MO_URL, "app_id": APP}, id="new"
        ),
        pytest.param(
            {"app_id": "other", "messagesCallbackType": "app", "messagesCallbackValue": APP},
            {"mo_url": MO_URL},
            {
                "moHttpUrl": MO_URL,
                "app_id": "other",
                "messagesCallbackType": "app",
                "messagesCallbackValue": APP,
            },
            id="texts only: the rest goes along",
        ),
        pytest.param(
            {"moHttpUrl": "https://example.com/mo", "voiceCallbackType": "sip"}
            | {"voiceCallbackValue": "sip:a@example.com"},
            {"app_id": APP},
            {"moHttpUrl": "https://example.com/mo", "app_id": APP},
            id="calls only: a forwarding would go before the application",
        ),
    ],
)
def test_an_update_names_all_settings(
    before: dict[str, str], change: dict[str, str], expected: dict[str, str]
) -> None:
    form = wire.update_form(Rental(f"+{ONE}", "US", settings=before), **change)
    assert {"country": "US", "msisdn": ONE} | expected == form


async def test_an_update_is_stored(standin: NumbersStandin, api: NumbersApi) -> None:
    standin.own(ONE)
    change = await api.update(Rental(f"+{ONE}", "US"), mo_url=MO_URL, app_id=APP)
    rental = await api.rental(f"+{ONE}", "US")
    assert rental is not None
    assert (Outcome.ACCEPTED, MO_URL, APP) == (change.outcome, rental.mo_url, rental.app_id)


# -- what answers to changes mean

LABEL = "Numbers from this country can be requested from the Dashboard"
ANSWERS: list[Any] = [
    pytest.param(200, {"error-code": "200"}, Outcome.ACCEPTED, "", id="done"),
    pytest.param(200, {"error-code": 200}, Outcome.ACCEPTED, "", id="done, as a number"),
    pytest.param(
        420, FAILED, Outcome.REFUSED, "the provider refuses: method failed", id="method failed"
    ),
    pytest.param(
        420,
        {"error-code": "420", "error-code-label": LABEL},
        Outcome.REFUSED,
        f"the provider refuses: {LABEL}",
        id="address needed",
    ),
    pytest.param(
        200, FAILED, Outcome.REFUSED, "the provider refuses: method failed", id="failed with 200"
    ),
    pytest.param(420, "", Outcome.REFUSED, "the provider refuses: 420", id="no body"),
    pytest.param(401, UNAUTHORIZED, Outcome.REFUSED, wire.CREDENTIALS, id="credentials"),
    pytest.param(200, UNAUTHORIZED, Outcome.REFUSED, wire.CREDENTIALS, id="credentials with 200"),
    pytest.param(404, "<html>", Outcome.REFUSED, "the provider refuses: 404", id="no such path"),
    pytest.param(200, {}, Outcome.UNKNOWN, wire.UNUSABLE, id="no code"),
    pytest.param(200, "<html>", Outcome.UNKNOWN, wire.UNUSABLE, id="no JSON"),
    pytest.param(200, [], Outcome.UNKNOWN, wire.UNUSABLE, id="no object"),
    pytest.param(200, {"error-code": "500"}, Outcome.UNKNOWN, wire.UNUSABLE, id="500 with 200"),
    pytest.param(500, FAILED, Outcome.UNKNOWN, wire.UNUSABLE, id="server failed"),
    pytest.param(503, "", Outcome.UNKNOWN, wire.UNUSABLE, id="unavailable"),
    pytest.param(408, "", Outcome.UNKNOWN, wire.UNUSABLE, id="a proxy gave up"),
    pytest.param(302, "", Outcome.UNKNOWN, wire.UNUSABLE, id="redirect"),
    pytest.param(420, {"error-code": "200"}, Outcome.UNKNOWN, wire.UNUSABLE, id="contradiction"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "text"), ANSWERS)
def test_what_an_answer_to_a_change_means(
    status: int, body: object, outcome: Outcome, text: str
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    found = wire.change(status, content.encode())
    assert (outcome, text) == (found.outcome, found.text)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(401, UNAUTHORIZED, True), (403, {}, True), (420, FAILED, False), (500, {}, False)],
    ids=["401", "403", "420", "500"],
)
def test_it_is_known_whether_the_account_is_refused_or_the_number(
    status: int, body: object, expected: bool
) -> None:
    assert expected == wire.change(status, json.dumps(body).encode()).refuses_us


# -- what goes wrong on the way


@pytest.mark.parametrize(
    "order",
    [
        never_answers,
        hangs_up,
        says("<html>", 502),
        says("not JSON"),
        done_but(hangs_up),
        done_but(never_answers),
    ],
    ids=["silence", "closed", "502", "junk", "bought, then closed", "bought, then silence"],
)
async def test_a_purchase_without_a_usable_answer_is_unknown_and_not_repeated(
    standin: NumbersStandin, api: NumbersApi, order: Order
) -> None:
    standin.offer(ONE)
    standin.next(BUY, order)
    change = await api.buy(OFFER)
    assert (Outcome.UNKNOWN, [ONE]) == (change.outcome, standin.bought())


async def test_a_provider_that_cannot_be_reached_was_asked_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = NumbersApi(f"http://127.0.0.1:{port}", KEY, SECRET, timeout=0.5)
    try:
        change = await client.buy(OFFER)
        with pytest.raises(ProviderFailed, match="the provider cannot be reached"):
            await client.rentals()
    finally:
        await client.close()
    assert Outcome.NOT_SENT == change.outcome


THROTTLED = says({"error-code": "429", "error-code-label": "slow down"}, 429)


async def test_a_throttled_request_is_repeated(standin: NumbersStandin, api: NumbersApi) -> None:
    standin.offer(ONE)
    standin.next(SEARCH, THROTTLED, says("", 429, Retry_After="0"))
    standin.next(BUY, THROTTLED, THROTTLED, THROTTLED)
    assert 1 == len((await api.search("US", BOTH, 10)).offers)
    assert Change(Outcome.ACCEPTED) == await api.buy(OFFER)
    assert [SEARCH] * 3 + [BUY] * 4 == standin.paths()


async def test_it_is_repeated_three_times_at_most(standin: NumbersStandin, api: NumbersApi) -> None:
    standin.offer(ONE)
    standin.next(SEARCH, *[THROTTLED] * 9)
    standin.next(BUY, *[THROTTLED] * 9)
    with pytest.raises(ProviderFailed, match="fewer requests"):
        await api.search("US", BOTH, 10)
    assert Outcome.THROTTLED == (await api.buy(OFFER)).outcome
    assert [SEARCH] * 4 + [BUY] * 4 == standin.paths()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        pytest.param(says(UNAUTHORIZED, 401), wire.CREDENTIALS, id="credentials"),
        pytest.param(says(UNAUTHORIZED), wire.CREDENTIALS, id="credentials with 200"),
        pytest.param(says(FAILED, 420), "the provider refuses: method failed", id="420"),
        pytest.param(says("<html>", 502), wire.UNUSABLE, id="502"),
        pytest.param(says("<html>"), wire.UNUSABLE, id="junk"),
        pytest.param(says([]), wire.UNUSABLE, id="list"),
        pytest.param(says({"count": "1"}), wire.UNUSABLE, id="count is no number"),
        pytest.param(says({"count": 1, "numbers": {}}), wire.UNUSABLE, id="numbers are no list"),
        pytest.param(never_answers, "the provider gave no answer", id="silence"),
        pytest.param(hangs_up, "the provider gave no answer", id="closed"),
    ],
)
@pytest.mark.parametrize("path", [SEARCH, OWNED])
async def test_a_question_that_is_not_answered_fails_with_its_reason(
    standin: NumbersStandin, api: NumbersApi, path: str, order: Order, message: str
) -> None:
    # The HTTP library repeats a GET by itself when the connection was closed.
    standin.next(path, order, order)
    with pytest.raises(ProviderFailed, match=f"^{message}$"):
        await (api.search("US", BOTH, 10) if path == SEARCH else api.rentals())


async def test_wrong_credentials_alert_the_operator(
    standin: NumbersStandin, caplog: pytest.LogCaptureFixture
) -> None:
    client = NumbersApi(standin.url, KEY, "wrong", timeout=0.5)
    try:
        change = await client.update(Rental(f"+{ONE}", "US"), mo_url=MO_URL)
    finally:
        await client.close()
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert [f"numbers API: {UPDATE}: the provider refuses the credentials"] == errors
    assert change.refuses_us
