"""Renting numbers: once each, never more than asked for, and told exactly, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web

from gateway.conversations.opening import NewSession
from gateway.errors import BadRequest, Conflict, NotFound, ProviderFailed
from gateway.store import keys
from gateway.virtual_numbers.pool import VirtualNumber
from gateway.virtual_numbers.provisioning import LEASE_SECONDS, MOST_REFUSED, Purchase, Wanted
from gateway.virtual_numbers.setup import Webhooks
from tests.conftest import RestartableValkey
from tests.support.conversations import OpenedSessions
from tests.support.scenes.renting import (
    APP,
    BOTH,
    HERE,
    NUMBERS,
    ONE,
    SET_UP,
    SMS,
    THREE,
    TOKEN,
    TWO,
    VOICE,
    Office,
    opened,
)
from tests.support.stand_ins import numbers
from tests.support.stand_ins.numbers import (
    BUY,
    FAILED,
    KEY,
    OWNED,
    SEARCH,
    SECRET,
    UNAUTHORIZED,
    UPDATE,
    Asked,
    NumbersStandin,
    Order,
    done_but,
    hangs_up,
    held,
    never_answers,
    says,
    served,
)


@pytest.fixture
async def standin() -> AsyncIterator[NumbersStandin]:
    """The provider; every request that it got is one that its description allows."""
    async with numbers.numbers_standin() as running:
        yield running
    for asked in running.asked:
        numbers.check(asked)


@pytest.fixture
async def office(
    request: pytest.FixtureRequest, standin: NumbersStandin, redis_url: str
) -> AsyncIterator[Office]:
    """An empty pool, and the provider; only where that keeps silent it is soon given up."""
    patience = 1.0 if request.node.name.endswith("[silence]") else 20.0
    async with opened(standin, redis_url, patience) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, the log holds neither secrets nor whole numbers."""
    caplog.set_level(logging.DEBUG)
    yield
    said = [each for each in caplog.get_records("call") if each.name != "aiohttp.access"]
    logged = "\n".join(record.getMessage() for record in said)
    assert [] == [word for word in (SECRET, TOKEN, *NUMBERS) if word in logged]


def told(purchases: list[Purchase]) -> list[tuple[str, bool | None, bool, bool]]:
    """Return digits, rented, configured and in_pool of each."""
    return [(p.offer.e164[1:], p.rented, p.configured, p.in_pool) for p in purchases]


def good(*numbers: str) -> list[tuple[str, bool | None, bool, bool]]:
    """Return what is told of numbers of which all came about."""
    return [(number, True, True, True) for number in numbers]


# -- all goes well


async def test_numbers_are_rented_set_up_and_put_into_the_pool(office: Office) -> None:
    office.standin.offer(ONE, TWO, THREE)
    assert good(ONE, TWO) == told(await office.rent(2))
    assert [ONE, TWO] == office.standin.bought()
    assert [SET_UP, SET_UP] == [office.settings(number) for number in (ONE, TWO)]
    pool = await office.pool()
    assert {ONE: BOTH, TWO: BOTH} == {digits: each.capabilities for digits, each in pool.items()}
    assert {("nexmo", "US")} == {(each.provider, each.country) for each in pool.values()}


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        pytest.param(SMS, {"moHttpUrl": SET_UP["moHttpUrl"]}, id="texts"),
        pytest.param(VOICE, {"app_id": APP}, id="calls"),
        pytest.param(BOTH, SET_UP, id="both"),
    ],
)
async def test_a_number_is_set_up_for_what_it_is_wanted_for(
    office: Office, features: frozenset[str], expected: dict[str, str]
) -> None:
    office.standin.offer(ONE)
    await office.rent(1, features)
    assert expected == office.settings(ONE)
    assert features == (await office.pool())[ONE].capabilities


async def test_settings_that_a_number_has_already_are_kept(office: Office) -> None:
    """A provider that starts numbers with settings of the account loses none of them."""
    office.standin.offer(ONE)
    before = {"messagesCallbackType": "app", "messagesCallbackValue": APP}

    async def bought_with_settings(standin: NumbersStandin, asked: Asked) -> web.Response:
        answer = standin.serve(asked)
        standin.owned[ONE].update(before)
        return answer

    office.standin.next(BUY, bought_with_settings)
    assert good(ONE) == told(await office.rent())
    assert SET_UP | before == office.settings(ONE)


async def test_what_is_rented_and_what_it_costs_is_logged(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.standin.offer(ONE, TWO)
    await office.rent(2)
    lines = [each.getMessage() for each in caplog.records if "audit" in each.getMessage()]
    assert 5 == len(lines)
    total = "audit: rented 2 of 2 numbers in US (sms,voice), EUR 1.80 a month and EUR 2.00 once"
    assert total == lines[-1]


async def test_a_search_alone_rents_nothing(office: Office) -> None:
    office.standin.offer(ONE, TWO)
    found = await office.provisioning().candidates(Wanted("US", 1, SMS))
    assert (2, [f"+{ONE}", f"+{TWO}"]) == (found.total, [each.e164 for each in found.offers])
    assert [SEARCH] == office.standin.paths()


# -- a purchase without a usable answer

SILENT: list[Any] = [
    pytest.param(hangs_up, id="closed"),
    pytest.param(never_answers, id="silence"),
    pytest.param(says("<html>", 502), id="502"),
    pytest.param(says("<html>"), id="junk"),
    pytest.param(says({}), id="empty"),
]


@pytest.mark.parametrize("order", SILENT)
async def test_a_purchase_that_was_made_silently_is_found_and_not_repeated(
    office: Office, order: Order
) -> None:
    office.standin.offer(ONE, TWO, THREE)
    office.standin.next(BUY, done_but(order))
    assert good(ONE, TWO) == told(await office.rent(2))
    assert [ONE, TWO] == office.standin.bought()


@pytest.mark.parametrize("order", SILENT)
async def test_a_purchase_that_was_not_made_is_told_and_not_repeated(
    office: Office, order: Order
) -> None:
    """It may still be made later, so no other number is rented in its place."""
    office.standin.offer(ONE, TWO, THREE)
    office.standin.next(BUY, order)
    purchases = await office.rent(2)
    assert [(ONE, False, False, False), *good(TWO)] == told(purchases)
    assert purchases[0].error.endswith("and the number is not among those rented")
    assert [ONE, TWO] == office.standin.bought()
    assert [TWO] == list(await office.pool())


async def test_a_purchase_that_shows_a_little_later_is_found(office: Office) -> None:
    office.standin.offer(ONE)
    office.standin.next(BUY, done_but(hangs_up))
    office.standin.next(OWNED, says({}))
    assert good(ONE) == told(await office.rent())
    assert [ONE] == office.standin.bought()


async def test_without_a_list_it_is_unknown_and_nothing_else_is_rented(office: Office) -> None:
    office.standin.offer(ONE, TWO)
    office.standin.next(BUY, done_but(hangs_up))
    office.standin.next(OWNED, *[says("", 503)] * 9)
    purchases = await office.rent(2)
    assert [(ONE, None, False, False)] == told(purchases)
    assert purchases[0].error.endswith("does not tell whether the number is rented")
    assert [ONE] == office.standin.bought()


# -- refusals


async def test_a_number_that_somebody_else_took_is_replaced(office: Office) -> None:
    office.standin.offer(ONE, TWO, THREE)
    office.standin.next(BUY, says(FAILED, 420), served(), says(FAILED))
    office.standin.offer(NUMBERS[3])
    assert good(TWO, NUMBERS[3]) == told(await office.rent(2))
    assert [ONE, TWO, THREE, NUMBERS[3]] == office.standin.bought()


async def test_numbers_are_searched_again_when_all_are_taken(office: Office) -> None:
    office.standin.offer(ONE)

    async def taken(standin: NumbersStandin, asked: Asked) -> web.Response:
        standin.stock.clear()
        standin.offer(TWO)
        return standin.serve(asked)

    office.standin.next(BUY, taken)
    assert good(TWO) == told(await office.rent())
    assert [SEARCH, BUY, SEARCH, BUY, OWNED, UPDATE] == office.standin.paths()


async def test_fewer_numbers_than_wanted_are_rented_and_told(office: Office) -> None:
    office.standin.offer(ONE, TWO)
    assert good(ONE, TWO) == told(await office.rent(3))


async def test_refusals_are_told_with_the_provider_s_reason(office: Office) -> None:
    reason = "Numbers from this country can be requested from the Dashboard"
    office.standin.offer(ONE)
    office.standin.next(BUY, says({"error-code": "420", "error-code-label": reason}, 420))
    purchases = await office.rent()
    assert [(ONE, False, False, False)] == told(purchases)
    assert [f"the provider refuses: {reason}"] == [each.error for each in purchases]


async def test_a_provider_that_refuses_all_numbers_is_not_asked_for_ever(office: Office) -> None:
    office.standin.offer(*NUMBERS)
    office.standin.next(BUY, *[says(FAILED, 420)] * 20)
    assert MOST_REFUSED == len(await office.rent(10))
    assert MOST_REFUSED == len(office.standin.bought())


@pytest.mark.parametrize(
    ("orders", "error"),
    [
        pytest.param([says(UNAUTHORIZED, 401)], "refuses the credentials", id="credentials"),
        pytest.param([says("", 429)] * 4, "fewer requests", id="throttled"),
    ],
)
async def test_what_another_number_would_meet_as_well_ends_it(
    office: Office, orders: list[Order], error: str
) -> None:
    office.standin.offer(ONE, TWO, THREE)
    office.standin.next(BUY, served(), *orders)
    purchases = await office.rent(3)
    assert [*good(ONE), (TWO, False, False, False)] == told(purchases)
    assert error in purchases[1].error
    assert {ONE, TWO} == set(office.standin.bought())


@pytest.mark.parametrize(
    ("order", "error", "message"),
    [
        pytest.param(says({}), NotFound, "no number of this kind can be rented", id="no match"),
        pytest.param(
            says(UNAUTHORIZED, 401),
            ProviderFailed,
            "the provider refuses the credentials",
            id="credentials",
        ),
        pytest.param(
            says(FAILED, 420), ProviderFailed, "the provider refuses: method failed", id="420"
        ),
        pytest.param(never_answers, ProviderFailed, "the provider gave no answer", id="silence"),
    ],
)
async def test_a_search_that_fails_rents_nothing_and_can_be_repeated(
    office: Office, order: Order, error: type[Exception], message: str
) -> None:
    office.standin.offer(ONE)
    office.standin.next(SEARCH, order)
    with pytest.raises(error, match=f"^{message}$"):
        await office.rent()
    assert [] == office.standin.bought()
    assert good(ONE) == told(await office.rent())


@pytest.mark.parametrize(
    ("webhooks", "account", "features", "message"),
    [
        pytest.param(Webhooks.at("", TOKEN, APP), KEY, SMS, "public_url", id="no address"),
        pytest.param(
            Webhooks.at("https://sms.example.com", "", ""),
            KEY,
            BOTH,
            "nexmo_application_id",
            id="no application",
        ),
        pytest.param(HERE, "", SMS, "nexmo_api_key", id="no account"),
    ],
)
async def test_nothing_is_rented_without_what_it_takes(
    office: Office, webhooks: Webhooks, account: str, features: frozenset[str], message: str
) -> None:
    office.standin.offer(ONE)
    provisioning = office.provisioning(webhooks=webhooks, account=account)
    with pytest.raises(BadRequest, match=f"^{message}: is not set$"):
        await provisioning.rent(Wanted("US", 1, features))
    assert [] == office.standin.asked


# -- setting up, and the pool


@pytest.mark.parametrize("order", SILENT)
async def test_an_update_without_a_usable_answer_is_repeated(office: Office, order: Order) -> None:
    office.standin.offer(ONE)
    office.standin.next(UPDATE, order)
    assert good(ONE) == told(await office.rent())
    assert 2 == office.standin.paths().count(UPDATE)
    assert SET_UP == office.settings(ONE)


async def test_an_update_that_was_made_silently_is_not_repeated(office: Office) -> None:
    office.standin.offer(ONE)
    office.standin.next(UPDATE, done_but(hangs_up))
    assert good(ONE) == told(await office.rent())
    assert 1 == office.standin.paths().count(UPDATE)


async def test_the_last_update_is_looked_at_as_well(office: Office) -> None:
    office.standin.offer(ONE)
    office.standin.next(UPDATE, hangs_up, done_but(hangs_up))
    assert good(ONE) == told(await office.rent())


@pytest.mark.parametrize(
    ("orders", "error"),
    [
        pytest.param(
            [says(FAILED, 420)],
            "could not be set up: the provider refuses: method failed",
            id="webhook does not answer",
        ),
        pytest.param(
            [hangs_up] * 9, "could not be set up: the provider gave no answer", id="silence"
        ),
    ],
)
async def test_a_number_that_cannot_be_set_up_is_rented_but_not_in_the_pool(
    office: Office, orders: list[Order], error: str
) -> None:
    """OpenedSessions on it would lose every text."""
    office.standin.offer(ONE, TWO)
    office.standin.next(UPDATE, *orders)
    [purchase] = await office.rent()
    assert [(ONE, True, False, False)] == told([purchase])
    assert error == purchase.error
    assert {} == await office.pool()


async def test_a_number_that_is_in_the_pool_already_is_content(office: Office) -> None:
    office.standin.offer(ONE)
    await office.numbers.add(VirtualNumber(f"+{ONE}", "nexmo", "US", BOTH))
    assert good(ONE) == told(await office.rent())


async def test_a_participant_s_number_is_not_put_into_the_pool(office: Office) -> None:
    office.standin.offer(ONE)
    await office.numbers.add(VirtualNumber(f"+{TWO}", "nexmo", "US", BOTH))
    people = NewSession(participant_a=f"+{ONE}", participant_b=f"+{THREE}")
    await OpenedSessions(office.store).create(people)
    [purchase] = await office.rent()
    assert [(ONE, True, True, False)] == told([purchase])
    assert "could not be put to use: value: is a participant of a session" == purchase.error


async def test_a_store_that_goes_down_hides_no_purchase(
    standin: NumbersStandin, valkey_server: RestartableValkey
) -> None:
    """The number is rented and the caller learns it; no further one is."""
    standin.offer(ONE, TWO)

    async def store_goes_down(standin: NumbersStandin, asked: Asked) -> web.Response:
        await asyncio.to_thread(valkey_server.stop)
        return standin.serve(asked)

    standin.next(BUY, store_goes_down)
    async with opened(standin, valkey_server.url) as office:
        purchases = await office.rent(2)
    assert [(ONE, True, True, False), (TWO, False, False, False)] == told(purchases)
    assert "not tried: the store does not answer" == purchases[1].error
    assert [ONE] == standin.bought()


# -- one at a time


async def test_of_many_calls_at_once_one_rents(office: Office) -> None:
    office.standin.offer(*NUMBERS)
    gate, reached = asyncio.Event(), asyncio.Event()
    office.standin.next(BUY, held(gate, reached))
    first = asyncio.create_task(office.rent(2))
    await reached.wait()
    others = await asyncio.gather(*(office.rent(2) for _ in range(99)), return_exceptions=True)
    gate.set()
    assert good(ONE, TWO) == told(await first)
    assert {Conflict} == {type(each) for each in others}
    assert [ONE, TWO] == office.standin.bought()


async def test_calls_one_after_the_other_rent_different_numbers(office: Office) -> None:
    office.standin.offer(*NUMBERS)
    calls = [await office.rent(2) for _ in range(3)]
    assert good(*NUMBERS[:6]) == [each for call in calls for each in told(call)]


async def test_the_lock_of_a_process_that_died_ends_by_itself(office: Office) -> None:
    office.standin.offer(ONE)
    gate, reached = asyncio.Event(), asyncio.Event()
    office.standin.next(BUY, held(gate, reached))
    renting = asyncio.create_task(office.rent())
    await reached.wait()
    left = await office.store.execute("PTTL", keys.renting(f"nexmo:{KEY}"))
    gate.set()
    await renting
    assert 0 < left <= LEASE_SECONDS * 1000
    assert 0 == await office.store.execute("EXISTS", keys.renting(f"nexmo:{KEY}"))


async def test_who_has_lost_the_lock_rents_no_further(office: Office) -> None:
    """And does not take it from the one who has it now."""
    office.standin.offer(ONE, TWO)
    lock = keys.renting(f"nexmo:{KEY}")

    async def lock_is_lost(standin: NumbersStandin, asked: Asked) -> web.Response:
        await office.store.execute("SET", lock, "another")
        return standin.serve(asked)

    office.standin.next(BUY, lock_is_lost)
    purchases = await office.rent(2)
    assert [*good(ONE), (TWO, False, False, False)] == told(purchases)
    assert "not tried: numbers are being rented by another call" == purchases[1].error
    assert "another" == await office.store.execute("GET", lock)


async def test_a_slow_provider_is_asked_for_no_further_number(office: Office) -> None:
    office.standin.offer(ONE, TWO)
    purchases = await office.provisioning(seconds=-1.0).rent(Wanted("US", 2, BOTH))
    assert [(ONE, False, False, False)] == told(purchases)
    assert "not tried: the provider is too slow" == purchases[0].error
    assert [] == office.standin.bought()


async def test_a_call_that_is_broken_off_gives_the_lock_back(office: Office) -> None:
    office.standin.offer(ONE)
    reached = asyncio.Event()
    office.standin.next(BUY, held(asyncio.Event(), reached))
    renting = asyncio.create_task(office.rent())
    await reached.wait()
    renting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await renting
    assert good(ONE) == told(await office.rent())
