"""Attacks by spending, each a day long: who calls the message endpoint, and whom it is to text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle

from tests.attack.attacks import Outcome, attack, outcome
from tests.attack.costs import ANY_NUMBER, HOURS, Cost
from tests.attack.receivers import (
    DEAR,
    ONE_RANGE,
    all_over_the_world,
    homes,
    many_networks,
    one_network,
    sequential_ranges,
)
from tests.attack.siege import Siege, Visit, besieging

ALONE = "198.51.100.7"
NEIGHBOUR = "12065550123"
NO_BUDGET = ("--budget_day=0", "--budget_month=0")
# Of budget_day's EUR 25, at the emulator's price.
WITHIN_BUDGET = 750
# What stops an attack must let others through.
NOBODY = outcome(stopped=False, seen="nobody is texted at all")
SHOP, FOREIGN = "https://shop.example", "https://games.example"


async def spent(siege: Siege, addresses: float, most: int, played: str = "") -> Outcome:
    """Return what a day has cost; it is stopped when that are at most so many SMS."""
    await siege.collect()
    told = f"{siege.calls:,} calls" + (f", {played}" if played else "")
    cost = Cost.of_sms(siege.count, siege.money, addresses, told)
    return outcome(siege.count <= most, str(cost), cost)


@attack("spending: one address, many numbers")
async def one_address(redis_url: str) -> Outcome:
    async with besieging(redis_url) as siege:
        numbers = iter(sequential_ranges())
        await siege.day(lambda _: (Visit(each, ALONE) for each in numbers), most=20)
        return await spent(siege, 1, most=30)


@attack("spending: headers that name other addresses")
async def spoofed_headers(redis_url: str) -> Outcome:
    async with besieging(redis_url, proxy=False) as siege:
        numbers, addresses = iter(sequential_ranges()), many_networks()
        await siege.day(
            lambda _: (
                Visit(each, headers=spoofed(address))
                for each, address in zip(numbers, addresses, strict=False)
            ),
            most=20,
        )
        return await spent(siege, ANY_NUMBER, most=30)


def spoofed(address: str) -> dict[str, str]:
    """Return what could be taken for a proxy's word on who calls."""
    names = ("X-Real-Ip", "X-Forwarded-For", "X-Client-Ip", "True-Client-Ip", "CF-Connecting-IP")
    return dict.fromkeys(names, address) | {"Forwarded": f'for="[{address}]"'}


@attack("spending: many addresses of one /48, many numbers")
async def one_customer(redis_url: str) -> Outcome:
    async with besieging(redis_url) as siege:
        numbers, addresses = iter(sequential_ranges()), one_network()
        await siege.day(
            lambda _: (Visit(*each) for each in zip(numbers, addresses, strict=False)), most=60
        )
        return await spent(siege, ANY_NUMBER, most=120)


@attack("spending: many /48s, one range of numbers", quick=False)
async def one_range(redis_url: str) -> Outcome:
    """Who calls again at the very second at which he is told that it will work."""
    async with besieging(redis_url) as siege:
        visits = (Visit(*each) for each in zip(cycle(ONE_RANGE), many_networks(), strict=False))
        passed = 0.0
        while passed < HOURS * 3600:
            await siege.burst(visits, most=200)
            await siege.later(wait := max(siege.retry_after, 1))
            passed += wait
        return await spent(siege, ANY_NUMBER, most=90, played="again as soon as Retry-After says")


async def ranges_in_turn(siege: Siege, addresses: Iterator[str]) -> None:
    numbers = cycle(sequential_ranges())
    await siege.day(
        lambda _: (Visit(*each) for each in zip(numbers, addresses, strict=False)), most=300
    )


@attack("spending: many /48s, sequential ranges of a country", quick=False)
async def one_country(redis_url: str) -> Outcome:
    async with besieging(redis_url) as siege:
        await ranges_in_turn(siege, many_networks())
        return await spent(siege, ANY_NUMBER, most=WITHIN_BUDGET)


@attack("spending: many /48s, sequential ranges, no budget", quick=False)
async def one_country_without_a_budget(redis_url: str) -> Outcome:
    async with besieging(redis_url, *NO_BUDGET) as siege:
        await ranges_in_turn(siege, many_networks())
        return await spent(siege, ANY_NUMBER, most=200 * HOURS)


@attack("spending: 1,000 homes, sequential ranges of a country", quick=False)
async def botnet(redis_url: str) -> Outcome:
    async with besieging(redis_url) as siege:
        await ranges_in_turn(siege, cycle(homes(1000)))
        return await spent(siege, 1000, most=WITHIN_BUDGET)


@attack("spending: 100 homes, sequential ranges of a country", quick=False)
async def small_botnet(redis_url: str) -> Outcome:
    async with besieging(redis_url) as siege:
        await ranges_in_turn(siege, cycle(homes(100)))
        return await spent(siege, 100, most=WITHIN_BUDGET)


BIG = (33, 44, 49)  # countries that fill the limits of the endpoint and of everything


def some_to_big_countries() -> Iterator[str]:
    world = all_over_the_world()
    return (world[code][n] for n in range(200) for code in BIG)


def a_little_to_the_others() -> Iterator[str]:
    """Each calling code has a little for itself when those limits are reached."""
    world = all_over_the_world()
    others = [world[code] for code in world if code not in BIG]
    return (numbers[n] for n in range(6) for numbers in others if n < len(numbers))


async def world_wide(siege: Siege) -> None:
    addresses = many_networks()
    for _ in range(HOURS):
        for numbers, at_once in ((some_to_big_countries(), 10), (a_little_to_the_others(), 200)):
            visits = (Visit(*each) for each in zip(numbers, addresses, strict=False))
            await siege.burst(visits, most=1400, at_once=at_once)
        await siege.later(3600)


@attack("spending: many /48s, every country", quick=False)
async def every_country(redis_url: str) -> Outcome:
    async with besieging(redis_url) as siege:
        await world_wide(siege)
        return await spent(siege, ANY_NUMBER, most=WITHIN_BUDGET)


@attack("spending: many /48s, every country, no budget", quick=False)
async def every_country_without_a_budget(redis_url: str) -> Outcome:
    async with besieging(redis_url, *NO_BUDGET) as siege:
        await world_wide(siege)
        return await spent(siege, ANY_NUMBER, most=35_000)


@attack("spending: satellites, premium and shared-cost services")
async def dear_numbers(redis_url: str) -> Outcome:
    async with besieging(redis_url) as siege:
        addresses = many_networks()
        await siege.day(
            lambda _: (Visit(*each) for each in zip(DEAR, addresses, strict=False)), most=20
        )
        found = await spent(siege, ANY_NUMBER, most=0)
        return found if await siege.visit(Visit(NEIGHBOUR, ALONE)) else NOBODY


@attack("spending: JSONP in the pages of others")
async def foreign_pages(redis_url: str) -> Outcome:
    """Each visitor of such a page has an address of his own."""
    async with besieging(redis_url, f"--allowed_origins={SHOP}") as siege:
        addresses, numbers = many_networks(), cycle(sequential_ranges())
        pages = cycle(({"Referer": f"{FOREIGN}/"}, {"Origin": FOREIGN}, {}, {"Origin": "null"}))
        await siege.day(
            lambda _: (
                Visit(number, next(addresses), next(pages), callback=f"play{n}")
                for number, n in zip(numbers, count(), strict=False)
            ),
            most=10,
        )
        found = await spent(siege, ANY_NUMBER, most=0)
        own = Visit(NEIGHBOUR, ALONE, {"Referer": f"{SHOP}/"}, callback="show")
        return found if await siege.visit(own) else NOBODY
