"""Gateways end while MOs come in: no text is lost, and those that go out twice are known.

The provider brings an MO again, to another process, until one has acknowledged it. It has an
address for each process, so a request tells who wrote it, and whether that one hung up on it.
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
from functools import partial
from itertools import groupby

import aiohttp
import pytest
import redis.asyncio as redis
import ujson

from gateway.store import keys
from tests.support.scenes.masking import ADMIN, TOKEN
from tests.support.servers.processes import GatewayProcess
from tests.support.stand_ins.slow_provider import Door, Request, SlowProvider
from tests.support.visitor import eventually

# Made up; see https://nationalnanpa.com for 555-0100 to 0199.
PEOPLE = [f"1206555{n:04}" for n in range(100, 180)]
NUMBERS = [f"1206555{n:04}" for n in range(190, 194)]

SEED = 20160519
LONGEST_PAUSE = 1.2  # seconds between two texts of one person
PROVIDER_PATIENCE = 15.0
# The claims of a dead process run out after 20 s; then what has gathered behind them goes out.
GIVEN_UP = 60.0


@dataclass(frozen=True)
class Size:
    """How many people send how many texts each, while so many processes are killed."""

    people: int
    texts: int
    kills: int

    @property
    def mos(self) -> int:
        """How many MOs that makes."""
        return self.people * self.texts


@dataclass(frozen=True)
class Mo:
    """A text from a handset to a virtual number, and who is to receive it."""

    id: str
    sender: str
    number: str
    receiver: str
    text: str

    @property
    def direction(self) -> tuple[str, str]:
        """Sender and recipient of what is relayed."""
        return self.number, self.receiver

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

    left: once it was killed, client-ref -> claim of each text that was first in line then, where
    nobody has done anything since.
    """

    process: GatewayProcess
    door: Door
    left: dict[str, str] = field(default_factory=dict)

    @property
    def written(self) -> set[str]:
        """The client-refs of the texts that it sent without living to note the answer."""
        return {each.ref for each in self.door.requests} & self.left.keys()

    @property
    def marked(self) -> set[str]:
        """The client-refs of the texts that it noted it was sending."""
        return {ref for ref, claim in self.left.items() if claim.endswith(" writing")}

    @property
    def repeated(self) -> list[str]:
        """The client-refs that it says it sends again."""
        return re.findall(r"message (\w{32}): sent again, its process died", self.process.log)


class Fleet:
    """Gateway processes over one store, and the people who text each other through them."""

    def __init__(
        self, url: str, store: redis.Redis, client: aiohttp.ClientSession, provider: SlowProvider
    ) -> None:
        self._url = url
        self._store = store
        self._client = client
        self._provider = provider
        self.living: list[Member] = []
        self.ended: list[Member] = []
        self.acknowledged: list[Mo] = []

    @property
    def members(self) -> list[Member]:
        """All processes that there ever were."""
        return [*self.ended, *self.living]

    @property
    def requests(self) -> list[Request]:
        """What the provider was asked for, in order of arrival."""
        return self._provider.requests

    @property
    def repeats(self) -> Counter[str]:
        """Client-ref -> how many times more than once a text went out."""
        refs = Counter(each.ref for each in self.requests)
        return refs - Counter(set(refs))

    @property
    def counted(self) -> Counter[str]:
        """Client-ref -> how many times a process, dead by now or not, said it sends it again."""
        return Counter(ref for each in self.members for ref in each.repeated)

    async def add(self) -> None:
        """Start one more process."""
        door = await self._provider.open_door()
        options = [
            f"--redis_url={self._url}",
            f"--webhook_token={TOKEN}",
            f"--admin_token={ADMIN['Authorization'].split()[1]}",
            "--session_start_msg=",
            "--nexmo_rate=0",
            "--budget_day=0",
            "--budget_month=0",
            "--number_rate=0",
            *door.options(),
        ]
        self.living.append(Member(await asyncio.to_thread(GatewayProcess, *options), door))

    async def end(self, member: Member, how: signal.Signals) -> int:
        """Send a signal that ends a process and return the exit status."""
        member.process.send_signal(how)
        status = await asyncio.to_thread(member.process.wait, 30)
        self.living.remove(member)
        self.ended.append(member)
        return status

    async def kill(self, member: Member) -> None:
        """Kill a process, put a fresh one in its place and note what the dead one has left."""
        await self.end(member, signal.SIGKILL)
        before = await self._first_in_line()
        await self.add()
        # By now the living are done with what they had claimed at that moment.
        after = await self._first_in_line()
        longer = {item for each in self.ended for item in each.left.items()}
        member.left = dict((before.items() & after.items()) - longer)

    async def _first_in_line(self) -> dict[str, str]:
        """Return client-ref and claim of the first text of every claimed direction."""
        async with self._store.pipeline() as look:
            look.hgetall(keys.CLAIMS)
            [claims] = await look.execute()
            for direction in claims:
                look.lindex(keys.queue(direction), 0)
            heads = await look.execute()
        pairs = zip(heads, claims.values(), strict=True)
        return {ujson.loads(head)["id"]: claim for head, claim in pairs if head is not None}

    async def stop(self) -> None:
        """End all processes."""
        await asyncio.gather(*(asyncio.to_thread(each.process.stop) for each in self.members))

    async def repeats_shown(self, member: Member) -> int:
        """Return how many repeats the metrics of a process show."""
        async with self._client.get(f"{member.process.url}/metrics") as response:
            shown = re.search(r"^gateway_outbox_repeats_total (\S+)$", await response.text(), re.M)
        assert shown is not None
        return int(float(shown[1]))

    async def converse(self, size: Size, seed: int) -> None:
        """Let people text each other in pairs."""
        people = size.people
        for number in NUMBERS:
            await self._ask("/tn", {"value": number})
        async with asyncio.TaskGroup() as talking:
            for a, b in zip(PEOPLE[: people // 2], PEOPLE[people // 2 : people], strict=True):
                made = await self._ask("/session", {"participant_a": a, "participant_b": b})
                for sender, receiver in ((a, b), (b, a)):
                    mo = partial(Mo, sender=sender, number=made["virtual_tn"], receiver=receiver)
                    mos = [mo(f"{sender}-{n}", text=f"{n} of {sender}") for n in range(size.texts)]
                    talking.create_task(self._talk(mos, random.Random(f"{seed} {sender}")))

    async def _ask(self, path: str, body: dict[str, str]) -> dict[str, str]:
        url = self.living[0].process.url + path
        async with self._client.post(url, json=body, headers=ADMIN) as response:
            assert 200 == response.status
            answer: dict[str, str] = await response.json()
            return answer

    async def _talk(self, mos: list[Mo], chance: random.Random) -> None:
        """Text as a person does, and wait for each text to be on its way before the next."""
        for mo in mos:
            await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE))
            tried, status = None, None
            while status != 200:
                tried = chance.choice([each for each in self.living if each is not tried])
                status = await self._bring(mo, tried)
                assert status in {200, 503, None}
            self.acknowledged.append(mo)

    async def _bring(self, mo: Mo, member: Member) -> int | None:
        """Return the status of a webhook, None when nobody answered."""
        url = f"{member.process.url}/inbound/{TOKEN}"
        try:
            async with self._client.post(url, data=mo.form()) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def has_acknowledged(self, count: int) -> None:
        """Wait until so many MOs were."""
        await eventually(lambda: len(self.acknowledged) >= count, GIVEN_UP)

    async def come_to_rest(self) -> None:
        """Wait until nothing lies in the outbox; nothing may have become a dead letter."""

        async def at_rest() -> bool:
            return not await self._store.exists(keys.DUE, keys.CLAIMS)

        await eventually(at_rest, GIVEN_UP)
        assert 0 == await self._store.exists(keys.DEAD)

    def assert_relayed_in_order(self) -> None:
        """Each acknowledged MO went to the right person under one client-ref, in its turn.

        One that went out twice did so with nothing of its direction in between.
        """
        expected, actual = defaultdict(list), defaultdict(list)
        for mo in self.acknowledged:
            expected[mo.direction].append(mo.text)
        by_direction = sorted(self.requests, key=lambda each: each.direction)
        for (direction, text, _), _ in groupby(
            by_direction, key=lambda each: (each.direction, each.text, each.ref)
        ):
            actual[direction].append(text)
        assert expected == actual
        assert len(self.acknowledged) == len({each.ref for each in self.requests})


@asynccontextmanager
async def fleet_of(count: int, redis_url: str, seed: int) -> AsyncIterator[Fleet]:
    """Run so many processes, with a provider that takes 50 to 300 ms to answer."""
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


async def kill_now_and_then(fleet: Fleet, size: Size, seed: int) -> None:
    """Kill processes that work, at random moments, the first surely over an unanswered request."""
    chance = random.Random(seed)
    first_half = range(size.mos // 40, size.mos * 9 // 20)
    for moment in sorted(chance.sample(first_half, size.kills)):
        await fleet.has_acknowledged(moment)
        working = [each for each in fleet.living if each.door.requests]
        victim = chance.choice(working or fleet.living)
        if not fleet.ended:
            await victim.door.catch()
        await fleet.kill(victim)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(people=40, texts=10, kills=3), id="400 MOs, three kills"),
        pytest.param(
            Size(people=80, texts=25, kills=6), id="2,000 MOs, six kills", marks=pytest.mark.long
        ),
    ],
)
async def test_a_killed_process_loses_no_text_and_doubles_only_what_it_was_sending(
    redis_url: str, size: Size
) -> None:
    """What goes out twice is known and counted."""
    async with fleet_of(3, redis_url, SEED) as fleet:
        async with asyncio.TaskGroup() as at_once:
            at_once.create_task(fleet.converse(size, SEED))
            at_once.create_task(kill_now_and_then(fleet, size, SEED))
        await fleet.come_to_rest()

        assert size.mos == len(fleet.acknowledged)
        fleet.assert_relayed_in_order()

        repeats, counted = fleet.repeats, fleet.counted
        written = Counter(ref for each in fleet.ended for ref in each.written)
        marked = Counter(ref for each in fleet.ended for ref in each.marked)
        unanswered = Counter(each.ref for each in fleet.requests if each.hung_up)
        assert written == repeats
        # Others were answered, in the moment before their process could note it.
        assert unanswered <= repeats
        assert [each for each in fleet.ended[0].door.requests if each.hung_up]
        # Counted are also those that their process had just marked: whoever takes over cannot tell.
        assert repeats <= counted <= marked
        for each in fleet.living:
            assert len(each.repeated) == await fleet.repeats_shown(each)


@pytest.mark.timeout(120)
async def test_a_process_that_is_told_to_stop_loses_and_doubles_nothing(redis_url: str) -> None:
    """SIGTERM while texts wait for their answers: exit status 0, the others carry on."""
    async with fleet_of(2, redis_url, seed=1) as fleet:
        stopped = fleet.living[0]
        async with asyncio.TaskGroup() as at_once:
            at_once.create_task(fleet.converse(Size(people=40, texts=5, kills=0), seed=1))
            await fleet.has_acknowledged(60)
            await eventually(lambda: stopped.door.waiting)
            assert 0 == await fleet.end(stopped, signal.SIGTERM)
        await fleet.come_to_rest()

        assert 200 == len(fleet.acknowledged) == len(fleet.requests)
        fleet.assert_relayed_in_order()
        assert [] == [each for each in fleet.requests if each.hung_up]
        assert not fleet.counted
