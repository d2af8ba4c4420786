"""Gateways are killed while MOs come in: none is lost, and what goes out twice is known.

The provider brings an MO again, to another process, until one has acknowledged it. It has an
address for each process, so a request tells which process wrote it and whether that died over it.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby

import aiohttp
import pytest
import redis.asyncio as redis
import ujson

from gateway import keys
from tests.masking import ADMIN, TOKEN
from tests.processes import GatewayProcess
from tests.slow_provider import Door, Request, SlowProvider
from tests.visitor import eventually

NUMBERS = [f"1206555{n:04}" for n in range(190, 194)]
PEOPLE = [f"1206555{n:04}" for n in range(100, 180)]  # one half texts with the other
# A dead process' claims run out after 20 s; then what has gathered behind them goes out.
UNTIL_AT_REST = 60.0
PROVIDER_PATIENCE = 15.0


@dataclass(frozen=True)
class Mo:
    """A text from a handset to a virtual number, and who is to receive it."""

    id: str
    sender: str
    number: str
    receiver: str
    text: str

    @property
    def relayed(self) -> tuple[tuple[str, str], str]:
        """What the provider must be asked for: (from, to) and text."""
        return (self.number, self.receiver), self.text

    def form(self) -> dict[str, str]:
        """The webhook; https://developer.vonage.com/en/messaging/sms/guides/inbound-sms."""
        return {
            "msisdn": self.sender,
            "to": self.number,
            "messageId": self.id,
            "text": self.text,
            "type": "text",
            "keyword": self.text.split()[0].upper(),
            "message-timestamp": "2016-05-19 22:19:58",
        }


@dataclass(eq=False)
class Member:
    """A gateway process and the provider's door for it.

    left: once it is dead, client-ref -> claim of the texts whose directions it had claimed.
    """

    process: GatewayProcess
    door: Door
    left: dict[str, str] = field(default_factory=dict)

    @property
    def repeated(self) -> list[str]:
        """The client-refs of which it said that it sends them again."""
        return re.findall(r"message (\w{32}): sent again, its process died", self.process.log)


class Fleet:
    """Gateway processes over one store, and those who text each other through them."""

    def __init__(
        self, url: str, store: redis.Redis, client: aiohttp.ClientSession, provider: SlowProvider
    ) -> None:
        self._url = url
        self._store = store
        self._client = client
        self.provider = provider
        self.living: list[Member] = []
        self.dead: list[Member] = []
        self.acknowledged: list[Mo] = []

    @property
    def members(self) -> list[Member]:
        """All processes there ever were."""
        return [*self.dead, *self.living]

    # -- processes

    async def add(self) -> None:
        """Start one more process."""
        door = await self.provider.open_door()
        options = [
            f"--redis_url={self._url}",
            f"--webhook_token={TOKEN}",
            f"--admin_token={ADMIN['Authorization'].split()[1]}",
            "--session_start_msg=",
            "--nexmo_rate=0",
            "--number_rate=0",
            *door.options(),
        ]
        self.living.append(Member(await asyncio.to_thread(GatewayProcess, *options), door))

    async def kill(self, member: Member) -> None:
        """Kill a process, note what it has left behind, and put a fresh one in its place."""
        member.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(member.process.wait)
        self.living.remove(member)
        self.dead.append(member)
        before = await self._first_in_line()
        await self.add()
        # What a living process had claimed is done with by now, or not claimed by the same claim.
        after = await self._first_in_line()
        member.left = dict(before.items() & after.items())

    async def _first_in_line(self) -> dict[str, str]:
        """Return client-ref and claim of the first text of each claimed direction."""
        claims = list((await self._store.hgetall(keys.CLAIMS)).items())  # type: ignore[misc]
        heads = [await self._store.lindex(keys.queue(name), 0) for name, _ in claims]  # type: ignore[misc]
        pairs = zip(heads, claims, strict=True)
        return {ujson.loads(head)["id"]: claim for head, (_, claim) in pairs if head}

    async def stop(self) -> None:
        """End all processes."""
        await asyncio.gather(*(asyncio.to_thread(each.process.stop) for each in self.members))

    # -- people

    async def open_session(self, a: str, b: str) -> str:
        """Let two people text each other; returns the number they text."""
        body = {"participant_a": a, "participant_b": b}
        url = f"{self.living[0].process.url}/session"
        async with self._client.post(url, json=body, headers=ADMIN) as response:
            return str((await response.json())["virtual_tn"])

    async def rent(self, number: str) -> None:
        """Put a number into the pool."""
        url = f"{self.living[0].process.url}/tn"
        async with self._client.post(url, json={"value": number}, headers=ADMIN) as response:
            assert 200 == response.status

    async def converse(self, seed: int, people: int, texts: int) -> None:
        """Let ``people`` send ``texts`` each, all at a time, one after the other."""
        for number in NUMBERS:
            await self.rent(number)
        talks = []
        for a, b in zip(PEOPLE[: people // 2], PEOPLE[people // 2 : people], strict=True):
            number = await self.open_session(a, b)
            talks += [(a, number, b), (b, number, a)]
        await asyncio.gather(
            *(self._text(talk, texts, random.Random(f"{seed} {talk}")) for talk in talks)
        )

    async def _text(self, talk: tuple[str, str, str], texts: int, chance: random.Random) -> None:
        sender, number, receiver = talk
        for n in range(texts):
            await asyncio.sleep(chance.uniform(0, 0.7))  # to write it
            mo = Mo(f"{sender}-{n}", sender, number, receiver, f"text {n} of {sender}")
            await self._bring(mo, chance)
            self.acknowledged.append(mo)

    async def _bring(self, mo: Mo, chance: random.Random) -> None:
        """Bring an MO until it is acknowledged, each time to another process."""
        tried: Member | None = None
        status: int | None = None
        while status != 200:
            assert status in {None, 503}
            tried = chance.choice([each for each in self.living if each is not tried])
            status = await self._post(tried, mo)

    async def _post(self, member: Member, mo: Mo) -> int | None:
        url = f"{member.process.url}/inbound/{TOKEN}"
        try:
            async with self._client.post(url, data=mo.form()) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def at_rest(self) -> None:
        """Wait until nothing lies in the outbox."""
        await eventually(self._rests, UNTIL_AT_REST)

    async def _rests(self) -> bool:
        return not await self._store.exists(keys.DUE, keys.CLAIMS)

    # -- what is to hold at the end

    async def repeats_counted(self, member: Member) -> int:
        """Return how many repeats the metrics of a living process show."""
        async with self._client.get(f"{member.process.url}/metrics") as response:
            shown = re.search(r"^gateway_outbox_repeats_total (\S+)$", await response.text(), re.M)
        assert shown
        return int(float(shown[1]))

    async def assert_all_relayed_in_order(self) -> None:
        """Each acknowledged MO went out under one client-ref, to the right person, in order."""
        requests = self.provider.requests
        expected, actual = defaultdict(list), defaultdict(list)
        for mo in self.acknowledged:
            direction, text = mo.relayed
            expected[direction].append(text)
        # A repeat comes before anything else of its direction, so it follows its original.
        for (direction, text, _), _ in groupby(
            sorted(requests, key=_by_direction), key=lambda each: _text_of(each)
        ):
            actual[direction].append(text)
        assert expected == actual
        assert len(self.acknowledged) == len({each.ref for each in requests})
        assert 0 == await self._store.zcard(keys.DEAD_TIMES)


def _by_direction(request: Request) -> tuple[str, str]:
    return request.direction


def _text_of(request: Request) -> tuple[tuple[str, str], str, str]:
    return request.direction, request.text, request.ref


@asynccontextmanager
async def fleet_of(count: int, redis_url: str, seed: int) -> AsyncIterator[Fleet]:
    """Run so many processes on one store, with a provider that answers after 50 to 300 ms."""
    chance = random.Random(seed)
    timeout = aiohttp.ClientTimeout(total=PROVIDER_PATIENCE)
    async with (
        SlowProvider(lambda: chance.uniform(0.05, 0.3)) as provider,
        redis.from_url(redis_url, decode_responses=True) as store,
        aiohttp.ClientSession(timeout=timeout) as client,
    ):
        fleet = Fleet(redis_url, store, client, provider)
        try:
            await asyncio.gather(*(fleet.add() for _ in range(count)))
            yield fleet
        finally:
            await fleet.stop()


async def kill_at_random_moments(fleet: Fleet, seed: int) -> Member:
    """Kill seven processes as MOs come in, the second one surely over an unanswered request.

    Returns that one.
    """
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(100, 1700), 7))
    for n, moment in enumerate(moments):
        await eventually(lambda moment=moment: len(fleet.acknowledged) >= moment, 60)
        victim = chance.choice(fleet.living)
        if n == 1:
            caught = victim
            victim.door.hold()
            await eventually(lambda victim=victim: victim.door.holds)
        await fleet.kill(victim)
    return caught


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [20160519])
async def test_killed_processes_lose_no_text_and_what_goes_out_twice_is_counted(
    redis_url: str, seed: int
) -> None:
    """Every acknowledged MO is relayed; doubled is only what its dead process was writing."""
    async with fleet_of(3, redis_url, seed) as fleet:
        caught, _ = await asyncio.gather(
            kill_at_random_moments(fleet, seed), fleet.converse(seed, people=80, texts=25)
        )
        await fleet.at_rest()

        assert 2000 == len(fleet.acknowledged)
        await fleet.assert_all_relayed_in_order()

        requests = fleet.provider.requests
        repeats = Counter(each.ref for each in requests) - Counter({each.ref for each in requests})
        written = Counter(
            ref for dead in fleet.dead for ref in {each.ref for each in dead.door.requests} & dead.left.keys()
        )
        assert written == repeats, "written by a process that died before it wrote the answer down"
        unanswered = Counter(each.ref for each in requests if each.hung_up)
        assert unanswered <= repeats
        assert {each.ref for each in caught.door.requests if each.hung_up}

        counted = Counter(ref for each in fleet.members for ref in each.repeated)
        assert repeats <= counted
        for each in fleet.living:
            assert len(each.repeated) == await fleet.repeats_counted(each)
        print("KILLS", len(fleet.dead), "POSTS", len(requests), "REPEATS", sum(repeats.values()), "UNANSWERED", sum(unanswered.values()), "COUNTED", sum(counted.values()))
