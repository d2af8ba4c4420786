"""The list of numbers: rented, in the pool, or both, and whether they lead here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import BadRequest
from gateway.virtual_numbers.inventory import Inventory
from gateway.virtual_numbers.pool import VirtualNumber
from tests.support.scenes.renting import (
    APP,
    BOTH,
    HERE,
    NUMBERS,
    ONE,
    SET_UP,
    SMS,
    VOICE,
    Office,
    opened,
)
from tests.support.stand_ins import numbers
from tests.support.stand_ins.numbers import KEY


@pytest.fixture
async def office(redis_url: str) -> AsyncIterator[Office]:
    """An empty pool, and the provider, which gets only requests that its description allows."""
    async with numbers.numbers_standin() as standin, opened(standin, redis_url) as running:
        yield running
    for asked in standin.asked:
        numbers.check(asked)


def listed(office: Office, account: str = KEY) -> Inventory:
    return Inventory(office.api, office.numbers, HERE, account=account)


FORWARDED = {"voiceCallbackType": "tel", "voiceCallbackValue": "4917612345678"}
CASES: list[Any] = [
    pytest.param(SET_UP, None, (True, False, True), id="rented"),
    pytest.param(SET_UP, BOTH, (True, True, True), id="rented, in the pool"),
    pytest.param({}, BOTH, (True, True, False), id="not set up"),
    pytest.param({"app_id": APP}, BOTH, (True, True, False), id="texts go nowhere"),
    pytest.param({"app_id": APP}, VOICE, (True, True, True), id="calls only"),
    pytest.param({"moHttpUrl": SET_UP["moHttpUrl"]}, SMS, (True, True, True), id="texts only"),
    pytest.param(
        {"moHttpUrl": "https://sms.example.com/inbound/"},
        SMS,
        (True, True, False),
        id="without the token",
    ),
    pytest.param(SET_UP | FORWARDED, BOTH, (True, True, False), id="calls are forwarded"),
    pytest.param(None, BOTH, (False, True, False), id="in the pool only"),
]


@pytest.mark.parametrize(("settings", "capabilities", "expected"), CASES)
async def test_a_number_is_listed_with_its_state(
    office: Office,
    settings: dict[str, str] | None,
    capabilities: frozenset[str] | None,
    expected: tuple[bool, bool, bool],
) -> None:
    if settings is not None:
        office.standin.own(ONE, **settings)
    if capabilities is not None:
        await office.numbers.add(VirtualNumber(f"+{ONE}", "nexmo", "US", capabilities))
    page = await listed(office).page(100, "")
    [holding] = page.items
    assert (1, None, f"+{ONE}", "US", "nexmo") == (
        *(page.total, page.next, holding.e164),
        *(holding.country, holding.provider),
    )
    assert expected == (holding.rented, holding.in_pool, holding.configured)


async def test_whether_a_number_of_another_provider_is_rented_is_not_known(office: Office) -> None:
    await office.numbers.add(VirtualNumber(f"+{ONE}", "flowroute", "US", SMS))
    [holding] = (await listed(office).page(100, "")).items
    assert ("flowroute", None) == (holding.provider, holding.rented)


async def test_without_an_account_the_pool_alone_is_listed(office: Office) -> None:
    await office.numbers.add(VirtualNumber(f"+{ONE}", "nexmo", "US", SMS))
    [holding] = (await listed(office, account="").page(100, "")).items
    assert (None, True) == (holding.rented, holding.in_pool)
    assert [] == office.standin.asked


async def test_all_numbers_are_paged_in_order_without_gaps_and_repeats(office: Office) -> None:
    office.standin.own(*NUMBERS[::2], *(str(4917604069000 + n) for n in range(120)))
    for number in NUMBERS[1::2]:
        await office.numbers.add(VirtualNumber(f"+{number}", "nexmo", "US", BOTH))
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await listed(office).page(30, after)
        assert (140, True) == (page.total, len(page.items) <= 30)
        found += [each.e164 for each in page.items]
        after = page.next
    assert 140 == len(found)
    assert sorted(set(found)) == found


@pytest.mark.parametrize("after", ["x", "+1", "1 2", "١٢", "1" * 16])
async def test_an_after_that_is_no_number_is_named(office: Office, after: str) -> None:
    with pytest.raises(BadRequest, match=r"^after: is no number$"):
        await listed(office).page(100, after)
