"""Attacks by texts, and what a provider that fails does to them."""

from __future__ import annotations

import asyncio

from gateway.store import keys
from tests.attack.attacks import Outcome, attack, outcome
from tests.support.scenes.masking import ANNA, BERT, CARL, ONE, START, TWO, Town, town

# Satellites, a shared-cost network and premium numbers, all made up.
DEAR = ("881612345678", "979123456789", "882161234567", "88213123456", "870773123456")
FOREIGN = tuple(f"49176040690{n}" for n in range(60, 66))
PATIENCE = 4.0


async def fail_next(place: Town, count: int, failure: str, **more: object) -> None:
    order = {"failure": failure, "count": count, **more}
    url = f"{place.emulator.url}/emulator/next"
    async with place.gateway.client.post(url, json=order) as response:
        response.raise_for_status()


async def whereabouts(place: Town, text: str) -> str:
    """Return where an acknowledged text is found within a few seconds, '' when nowhere."""
    lists = {"delivered": "", "a dead letter": "/dead-letters", "listed as unknown": "/unknown"}
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        for name, path in lists.items():
            found = await place.call("GET", path) if path else (200, place.heard(BERT))
            if found[0] == 200 and text in str(found[1]):
                return name
        await asyncio.sleep(0.1)
    return ""


@attack("the provider answers 503 to a relayed text", quick=False)
async def edge_refuses(redis_url: str) -> Outcome:
    async with town(redis_url) as place:
        await place.rent(ONE)
        await place.session(ANNA, BERT)
        await fail_next(place, 1, "html", http_status=503)
        [answer] = await place.text(ANNA, ONE, "are you there?")
        where = await whereabouts(place, "are you there?")
    return outcome(bool(where), f"acknowledged ({answer}) and {where or 'nowhere to be found'}")


@attack("the account has no credit for a moment", quick=False)
async def no_credit(redis_url: str) -> Outcome:
    async with town(redis_url) as place:
        await place.rent(ONE)
        await place.session(ANNA, BERT)
        await fail_next(place, 1, "status:9")
        await place.text(ANNA, ONE, "are you there?")
        where = await whereabouts(place, "are you there?")
    return outcome(where != "a dead letter", where or "waits")


@attack("visitors starve the conversations", quick=False)
async def starved(redis_url: str) -> Outcome:
    options = ("--message=Get the app", "--sender=Example", "--limit_amount=1000")
    async with town(redis_url, *options, "--protection=off", "--nexmo_rate=10") as place:
        await place.rent(ONE)
        await place.session(ANNA, BERT)
        visits = [asyncio.create_task(_visit(place, n)) for n in range(60)]
        await asyncio.sleep(0.5)
        begun = asyncio.get_running_loop().time()
        await place.text(ANNA, ONE, "in a hurry")
        where = await whereabouts(place, "in a hurry")
        took = asyncio.get_running_loop().time() - begun
        await asyncio.gather(*visits)
    return outcome(took < 2 and bool(where), f"a relayed text took {took:.1f} s among 60 visitors")


async def _visit(place: Town, n: int) -> None:
    path = f"/message/?receiver=%2B491760406{n + 9000}"
    async with place.gateway.client.get(path) as response:
        await response.read()


@attack("foreign strangers take a number out of the pool")
async def number_taken_out(redis_url: str) -> Outcome:
    async with town(redis_url) as place:
        await place.rent(ONE)
        await fail_next(place, 20, "status:15")
        for each in FOREIGN:
            await place.text(each, ONE, "hello")
        await place.at_rest()
        store = place.gateway.application.services.store
        out = bool(await store.execute("HEXISTS", keys.UNHEALTHY, f"+{ONE}"))
    return outcome(not out, f"the number is left out: {out}")


@attack("strangers by satellite are answered at our cost")
async def dear_strangers(redis_url: str) -> Outcome:
    return await _dear_answers(redis_url)


@attack("the lobby answers a satellite")
async def dear_lobby(redis_url: str) -> Outcome:
    return await _dear_answers(redis_url, f"--chat_numbers={ONE}")


async def _dear_answers(redis_url: str, *options: str) -> Outcome:
    """Let dear numbers text one of ours, and count what they are answered."""
    async with town(redis_url, *options) as place:
        await place.rent(ONE)
        for each in DEAR:
            await place.text(each, ONE, "hello")
        await place.at_rest()
        sent = len([each for number in DEAR for each in place.heard(number)])
    return outcome(sent == 0, f"{sent} answers to {len(DEAR)} numbers")


@attack("a session whose hash is gone blocks its numbers")
async def no_session_behind_a_route(redis_url: str) -> Outcome:
    async with town(redis_url, retry_delays=[]) as place:
        await place.rent(ONE)
        made = await place.session(ANNA, BERT)
        store = place.gateway.application.services.store
        await store.execute("DEL", keys.session(made["session_id"]))
        met = await place.text(ANNA, ONE, "hello")
    return outcome(met == [200], f"HTTP {met}")


@attack("a text reaches who was never meant")
async def stranger_listens(redis_url: str) -> Outcome:
    async with town(redis_url) as place:
        await place.rent(ONE)
        await place.session(ANNA, BERT)
        await place.text(CARL, ONE, "who is there?")
        await place.at_rest()
        met = [text for number in (ANNA, BERT) for _, text in place.heard(number)]
    return outcome(met == [START] * 2, f"both participants heard {len(met)} notices of their own")


@attack("an erased number is found in the store")
async def left_behind(redis_url: str) -> Outcome:
    async with town(redis_url) as place:
        await place.rent(ONE, TWO)
        await place.session(ANNA, BERT)
        await place.text(ANNA, ONE, "hello")
        await place.text(ANNA, TWO, "STOP")
        await place.at_rest()
        await place.ok("DELETE", f"/log?number={ANNA}")
        store = place.gateway.application.services.store
        found = [name async for some in store.names() for name in some if ANNA in name]
        found += [name for name in (keys.OPTOUTS, keys.DUE) if await _names(place, name)]
    return outcome(not found, f"{len(found)} keys name it")


async def _names(place: Town, key: str) -> bool:
    store = place.gateway.application.services.store
    return ANNA in str(await store.execute("ZRANGE", key, 0, -1))
