"""Attacks by machines: bursts over four processes, texts that answer texts, rents without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from itertools import count, cycle

import aiohttp

from gateway.emulator import Emulator
from gateway.store.pipeline import connect
from tests.attack.attacks import Outcome, attack, outcome
from tests.attack.costs import ANY_NUMBER, HOURS, PRICE, Cost
from tests.attack.receivers import many_networks, sequential_ranges
from tests.attack.siege import BEHIND_PROXY, ENDPOINT, Siege, Visit
from tests.attack.spending import NO_BUDGET, WITHIN_BUDGET, spent
from tests.support.ageing import pass_time
from tests.support.scenes.masking import ADMIN, ANNA, BERT, ONE, Town, town
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.serving import serving

PROCESSES = 4
# A machine takes so many seconds to answer; with the original each answer is passed on.
ANSWER_SECONDS = 2
ANSWERS_A_DAY = HOURS * 3600 // ANSWER_SECONDS
# What a back-end would rent that asks for a number each second, each for EUR 1.
RENTS_A_DAY, RENT = HOURS * 3600, Decimal(1)
BUDGET_DAY = Decimal(25)


@asynccontextmanager
async def four_processes(redis_url: str, *options: str) -> AsyncIterator[Siege]:
    """Run four processes of a gateway, one store and the emulator."""
    async with AsyncExitStack() as stack:
        emulator = Emulator(rate=0, dlr_off=True)
        await emulator.start()
        stack.push_async_callback(emulator.stop)
        account = (
            f"--redis_url={redis_url}",
            f"--nexmo_domain={emulator.domain}",
            *("--nexmo_ssl=no", "--nexmo_rate=0"),
            *("--nexmo_api_key=emulator", "--nexmo_api_secret=emulator-secret"),
        )
        line = (*ENDPOINT, BEHIND_PROXY, *account, *options)
        started = [asyncio.to_thread(GatewayProcess, *line) for _ in range(PROCESSES)]
        processes = [stack.enter_context(each) for each in await asyncio.gather(*started)]
        clients = [
            await stack.enter_async_context(aiohttp.ClientSession(each.url)) for each in processes
        ]
        store = connect(redis_url)
        stack.push_async_callback(store.close)
        yield Siege(clients, emulator, store)


async def bursts(siege: Siege) -> None:
    numbers, addresses = cycle(sequential_ranges()), many_networks()
    for _ in range(HOURS):
        visits = (Visit(*each) for each in zip(numbers, addresses, strict=False))
        await siege.burst(visits, most=280, at_once=40)
        await siege.later(3600)


@attack("spending: 40 at once over four processes", quick=False)
async def four_at_once(redis_url: str) -> Outcome:
    async with four_processes(redis_url) as siege:
        await bursts(siege)
        return await spent(siege, ANY_NUMBER, most=WITHIN_BUDGET)


@attack("spending: 40 at once over four processes, no budget", quick=False)
async def four_at_once_without_a_budget(redis_url: str) -> Outcome:
    async with four_processes(redis_url, *NO_BUDGET) as siege:
        await bursts(siege)
        return await spent(siege, ANY_NUMBER, most=200 * HOURS)


@attack("spending: two machines answer each other")
async def machines(redis_url: str) -> Outcome:
    """Whose texts differ in a number only."""
    async with town(redis_url, dlr_off=True) as place:
        numbers = count(1000)
        await converse(place, lambda side: f"{side}: your message {next(numbers)} was received", 60)
        return _relayed(place, most=40, played="until neither heard anything any more")


@attack("spending: two machines that never say the same", quick=False)
async def inventive_machines(redis_url: str) -> Outcome:
    """Whom no guard knows for machines: what bounds them is the cap of a day."""
    async with town(redis_url, dlr_off=True) as place:
        words, numbers = "river stone cloud apple train paper music table".split(), count(1)
        say = _sentences(words, numbers)
        await converse(place, say, 800, pause_after=100)
        return _relayed(place, most=620, played="800 texts, 10 minutes after each 100")


def _sentences(words: list[str], numbers: count[int]) -> Callable[[str], str]:
    def say(side: str) -> str:
        n = next(numbers)
        picked = [words[(n // len(words) ** place) % len(words)] for place in range(4)]
        return " ".join((*picked, *reversed(picked[: n % 4])))

    return say


async def converse(
    place: Town, say: Callable[[str], str], texts: int, pause_after: int = 0
) -> None:
    """Let two answer each other, as long as they hear each other; time passes after some texts."""
    await place.rent(ONE)
    await place.session(ANNA, BERT)
    store, sides = place.gateway.application.services.store, cycle([(ANNA, BERT), (BERT, ANNA)])
    for n, (speaker, listener) in zip(range(texts), sides, strict=False):
        if pause_after and n % pause_after == pause_after - 1:
            await pass_time(store, 600)
        text = say(speaker[-2:])
        await place.text(speaker, ONE, text)
        if not await _heard(place, listener, text):
            return


async def _heard(place: Town, listener: str, text: str) -> bool:
    """Tell whether a text was passed on; what is not by the time nothing waits never is."""
    await place.at_rest()
    return any(text in heard for _, heard in place.heard(listener))


def _relayed(place: Town, most: int, played: str) -> Outcome:
    found = len(place.emulator.sent)
    money = sum((Decimal(each.price) * len(each.parts) for each in place.emulator.sent), Decimal(0))
    original = ANSWERS_A_DAY
    cost = Cost(found, money, original, original * PRICE, played)
    return outcome(found <= most, str(cost), cost)


@attack("spending: a back-end that runs away rents numbers", quick=False)
async def rents(redis_url: str) -> Outcome:
    """It asks for ten of each country again and again."""
    emulator = Emulator(rate=0)
    await emulator.start()
    try:
        options = (
            "--admin_token=correct-horse",
            "--webhook_token=battery-staple",
            *(f"--nexmo_domain={emulator.domain}", f"--nexmo_api_domain={emulator.domain}"),
            *("--nexmo_ssl=no", "--nexmo_rate=0", "--public_url=https://sms.example.com"),
            *("--nexmo_api_key=emulator", "--nexmo_api_secret=emulator-secret"),
        )
        async with serving(*options, redis_url=redis_url) as gateway:
            for country in ("US", "GB", "DE") * 5:
                wanted = {"country": country, "count": 10, "features": ["SMS"], "confirm": True}
                path = "/numbers/provision"
                async with gateway.client.post(path, json=wanted, headers=ADMIN) as answer:
                    await answer.read()
        owned = [Decimal(each.offer.cost) for each in emulator.owned.values()]
    finally:
        await emulator.stop()
    original = RENTS_A_DAY
    cost = Cost(len(owned), sum(owned, Decimal(0)), original, original * RENT, "150 asked for")
    return outcome(0 < cost.money <= BUDGET_DAY, f"numbers: {cost}", cost)
