"""A day of twenty SMSsync phones in minutes: ``python -m tests.load.smssync_day --help``.

Everything goes wrong that does in a real one. What must hold is counted at its end.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import uvloop

from gateway.store import keys, valkey_process
from gateway.store.valkey_process import ValkeyProcess
from tests.load.scenarios import fictional_numbers
from tests.load.site import Phone, phones, write_devices
from tests.load.smssync_account import Account, Row, tries
from tests.load.smssync_front import Front
from tests.load.smssync_phones import FLEET, Arrival, Clock, Member, handset, note
from tests.support.servers.processes import GatewayProcess
from tests.support.servers.valkey import start_temporary

TOKEN = "day-of-phones"
SEED = 4
LEASE_SECONDS = 2
PROCESSES = 3
OPERATORS = 4
# Phones with masked conversations on their numbers, so many each, and the part of their SMS
# that belongs to one.
TALKING = (2, 8, 13, 15, 17)
TALKS = 4
TALKED = 0.4
SILENT = len(FLEET) - 1
SETTLE_SECONDS = 120.0
# Of the day: when what was handed over and never heard of again is unconfirmed.
CONFIRM = 0.1
# Longer letters, what JSON, XML and forms escape, and what needs four bytes.
ENDS = ("", " – Grüße", " <b>&amp;</b> 100 % a=b&c", ' "quoted" \\ 😀', "\nsecond line")


@dataclass(frozen=True, slots=True)
class Size:
    """How many SMS there are each way in a day of so many seconds; interval: between polls."""

    outgoing: int
    incoming: int
    seconds: float
    interval: float


FULL = Size(5_000, 5_000, 150, 0.3)
QUICK = Size(250, 250, 10, 0.3)


@dataclass(frozen=True, slots=True)
class Order:
    """An SMS that an operator queues; at: which part of the day is over then, 0 to 1."""

    at: float
    path: str
    body: dict[str, Any]
    text: str
    cancel: bool = False


class Gateways:
    """The gateway's processes; ``ports`` are theirs, also of those that are dead just now."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._living = {each: GatewayProcess(*options) for each in range(PROCESSES)}
        self._logs: list[str] = []
        self.ports = [each.port for each in self._living.values()]

    def kill(self, index: int) -> None:
        """End a process in the middle of whatever it does."""
        self._end(index, signal.SIGKILL)

    def replace(self, index: int) -> None:
        """Start one in the place of a dead one."""
        self._living[index] = GatewayProcess(*self._options)
        self.ports[index] = self._living[index].port

    def stop(self) -> list[str]:
        """End all and return the lines that any of them logged as errors."""
        for each in list(self._living):
            self._end(each, signal.SIGTERM)
        return [line for log in self._logs for line in log.splitlines() if line.startswith("[E ")]

    def _end(self, index: int, number: signal.Signals) -> None:
        process = self._living.pop(index)
        process.send_signal(number)
        process.wait()
        self._logs.append(process.log)
        process.stop()


class Operators:
    """Those who use the admin routes, of each process in turn, again when it does not answer."""

    def __init__(self, client: aiohttp.ClientSession, ports: Sequence[int]) -> None:
        self._client = client
        self._ports = ports
        self._turn = 0
        self.repeats = 0
        self.cancelled = 0

    async def work(self, orders: Sequence[Order], clock: Clock) -> None:
        """Queue everything at its time; several work at once."""
        shares = (orders[start::OPERATORS] for start in range(OPERATORS))
        await asyncio.gather(*(self._work(share, clock) for share in shares))

    async def _work(self, orders: Sequence[Order], clock: Clock) -> None:
        for order in orders:
            await clock.wait_until(order.at)
            answer = await self.call("POST", order.path, order.body)
            if order.cancel:
                await self.cancel(answer["uuid"])

    async def cancel(self, uuid: str) -> None:
        """Cancel an SMS if that can be done still."""
        answer = await self.call("DELETE", f"/smssync/messages/{uuid}", refused=True)
        self.cancelled += answer.get("state") == "cancelled"

    async def call(
        self, method: str, path: str, body: object = None, *, refused: bool = False
    ) -> Row:
        """Return what a process answers; raises ValueError for a 4xx, unless it may be refused."""
        while True:
            self._turn += 1
            url = f"http://127.0.0.1:{self._ports[self._turn % len(self._ports)]}{path}"
            try:
                async with self._client.request(method, url, json=body) as response:
                    answer: Row = await response.json()
                    if response.status >= 400 and not refused and response.status < 500:
                        raise ValueError(f"{method} {path}: {answer}")
                    if response.status < 500:
                        return answer
            except (aiohttp.ClientError, TimeoutError):
                pass
            self.repeats += 1
            await asyncio.sleep(0.05)

    async def every(self, path: str, key: str, limit: int = 500) -> list[Row]:
        """Return a whole list."""
        found: list[Row] = []
        after: str | None = ""
        while after is not None:
            following = f"&after={after}" if after else ""
            page = await self.call("GET", f"{path}?limit={limit}{following}")
            found += page[key]
            after = page["next"]
        return found

    async def states(self) -> Counter[str]:
        """Return how many SMS for phones there are in each state."""
        return Counter(task["state"] for task in await self.every("/smssync/messages", "messages"))


@dataclass
class Day:
    """One day from morning to evening."""

    size: Size
    store: ValkeyProcess
    gateways: Gateways
    front: Front
    operators: Operators

    async def run(self) -> Account:
        """Let it happen, and return what came of it."""
        chance = random.Random(SEED)
        known = phones(len(FLEET))
        talks = await self._talks(known)
        clock = Clock(self.size.seconds)
        members = self._members(known, talks, clock, chance)
        arrivals = [each for member in members for each in member.arrivals]
        said = {person for people in talks.values() for person in people}
        relays = [each.text for each in arrivals if each.sender in said]
        orders = _orders(self.size.outgoing - len(relays), known, chance)
        living = [asyncio.ensure_future(each.live()) for each in members]
        await asyncio.gather(self.operators.work(orders, clock), self._misfortunes(clock))
        await clock.wait_until(1)
        await self._evening(members)
        await asyncio.gather(*living)
        await self._night()
        return Account(
            members=members,
            front=self.front,
            sent=tries((each.phone.name, each.handset.sent) for each in members),
            refused=tries((each.phone.name, each.handset.failed) for each in members),
            orders=[order.text for order in orders],
            relays=relays,
            arrivals=[each.text for each in arrivals if each.sender not in said],
            tasks=await self.operators.every("/smssync/messages", "messages"),
            messages=await self.operators.every("/messages", "messages", 200),
            inbox=await self.operators.every("/inbox", "messages"),
            faults={
                "gateway processes killed": 2,
                "restarts of the store": 1,
                "requests of operators that were repeated": self.operators.repeats,
                "SMS cancelled": self.operators.cancelled,
            },
            reports_owed=self._owed(),
            log_errors=await asyncio.to_thread(self.gateways.stop),
        )

    async def _talks(self, known: Sequence[Phone]) -> dict[str, list[str]]:
        """Begin masked conversations; return the people who talk, by the name of the phone."""
        people = islice(fictional_numbers(), 1_000, None, 7)
        found: dict[str, list[str]] = {}
        for phone in (known[index] for index in TALKING):
            number = {"value": phone.number, "provider": f"smssync:{phone.name}"}
            await self.operators.call("POST", "/tn", number)
            for _ in range(TALKS):
                a, b = next(people), next(people)
                pair = {"participant_a": a, "participant_b": b, "virtual_tn": phone.number}
                await self.operators.call("POST", "/session", pair)
                found.setdefault(phone.name, []).extend([f"+{a}", f"+{b}"])
        return found

    def _members(
        self,
        known: Sequence[Phone],
        talks: dict[str, list[str]],
        clock: Clock,
        chance: random.Random,
    ) -> list[Member]:
        found: list[Member] = []
        shares = [self.size.incoming * each // len(known) + 1 for each in range(len(known) + 1)]
        for index, (phone, model) in enumerate(zip(known, FLEET, strict=True)):
            events: Counter[str] = Counter()
            number = phone.number if index % 2 else ""
            numbers = range(shares[index], shares[index + 1])
            found.append(
                Member(
                    phone=phone,
                    model=model,
                    handset=handset(model, phone, self.front.address, number, note(events)),
                    arrivals=_arrivals(numbers, talks.get(phone.name, []), chance),
                    silences=_silences(index, chance),
                    clock=clock,
                    chance=random.Random(chance.random()),
                    interval=self.size.interval,
                    events=events,
                )
            )
        return found

    async def _misfortunes(self, clock: Clock) -> None:
        """Kill processes and restart the store; each is back after a while."""
        steps: list[tuple[float, Callable[[], None]]] = [
            (0.30, lambda: self.gateways.kill(0)),
            (0.33, lambda: self.gateways.replace(0)),
            (0.50, self.store.stop),
            (0.53, self.store.start),
            (0.70, lambda: self.gateways.kill(1)),
            (0.73, lambda: self.gateways.replace(1)),
        ]
        for at, step in steps:
            await clock.wait_until(at)
            await asyncio.to_thread(step)

    async def _evening(self, members: Sequence[Member]) -> None:
        """Give up what waits for the silent phone, and let the others finish; then it is back."""
        silent = members[SILENT]
        await settled(lambda: all(each.synced for each in members if each is not silent))
        for task in await self.operators.every("/smssync/messages", "messages"):
            if (task["state"], task["device"]) == ("waiting", silent.phone.name):
                await self.operators.cancel(task["uuid"])
        silent.silences = ()
        await settled(lambda: silent.synced)
        await self._gone("waiting", "leased")
        rounds = [each.rounds + 3 for each in members]
        await settled(
            lambda: all(each.rounds >= count for each, count in zip(members, rounds, strict=True))
        )
        for each in members:
            each.done = True

    async def _night(self) -> None:
        """Wait until nothing more is to be heard of what was handed over, and all is reported."""
        await self._gone("handed", "sent")
        await settled(lambda: not self._owed())

    async def _gone(self, *states: str) -> None:
        """Return when no SMS is in one of these states; after a while, in any case."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            found = await self.operators.states()
            if not any(found[state] for state in states):
                return
            await asyncio.sleep(0.5)

    def _owed(self) -> int:
        with valkey_process.blocking_client(self.store.port, 10) as store:
            return int(store.zcard(keys.TASK_REPORTS))


async def settled(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; after a while in any case: the account tells what is not."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.1)


def _arrivals(numbers: range, talkers: Sequence[str], chance: random.Random) -> list[Arrival]:
    """Return what comes to a phone; of one with conversations a part is said in them."""
    strangers = [f"+12065550{each}" for each in range(150, 190)] + ["12345", "MTN-Info"]
    said = int(len(numbers) * TALKED) if talkers else 0
    found = []
    for place, (number, at) in enumerate(
        zip(numbers, sorted(chance.uniform(0, 0.9) for _ in numbers), strict=True)
    ):
        # Spread evenly over the day, not all of them in the morning.
        talks = (place + 1) * said // len(numbers) > place * said // len(numbers)
        sender = chance.choice(talkers if talks else strangers)
        found.append(Arrival(at, sender, f"In {number:05d}{chance.choice(ENDS)}"))
    return found


def _silences(index: int, chance: random.Random) -> list[tuple[float, float]]:
    """Return when a phone is silent: twice a twentieth of the day, one from noon to its repair."""
    if index == SILENT:
        return [(0.5, float("inf"))]
    begins = (chance.uniform(0.05, 0.4), chance.uniform(0.5, 0.9))
    return [(begin, begin + 0.05) for begin in begins]


def _orders(count: int, known: Sequence[Phone], chance: random.Random) -> list[Order]:
    """Return what operators queue: for any phone, for one, by the queue's route or for messages."""
    receivers = list(islice(fictional_numbers(), 500))
    found = []
    for number, at in enumerate(sorted(chance.uniform(0, 0.95) for _ in range(count)), start=1):
        text = f"Out {number:05d}{chance.choice(ENDS)}"
        to, phone = chance.choice(receivers), chance.choice(known)
        if chance.random() < 0.1:
            provider = {"provider": f"smssync:{phone.name}", "sender": phone.number}
            found.append(Order(at, "/messages", {"to": to, "text": text} | provider, text))
            continue
        body: dict[str, Any] = {"to": to, "message": text, "priority": chance.randint(-2, 2)}
        if chance.random() < 0.4:
            body["device"] = phone.name
        if chance.random() < 0.1:
            body["ttl"] = 1
        if chance.random() < 0.1:
            body["send_at"] = time.time() + chance.uniform(1, 10)
        found.append(Order(at, "/smssync/messages", body, text, chance.random() < 0.05))
    return found


@asynccontextmanager
async def opened(size: Size) -> AsyncIterator[Day]:
    """Start a store, the processes and what stands before them, and end everything."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="day-")))
        store = start_temporary(folder, appendonly="yes")
        stack.callback(store.stop)
        gateways = Gateways(
            *("--number_rate=0", "--no_session_msg=", "--session_start_msg="),
            f"--admin_token={TOKEN}",
            f"--redis_url={store.url}",
            f"--data_dir={folder}",
            f"--smssync_lease={LEASE_SECONDS}",
            f"--smssync_confirm={size.seconds * CONFIRM / 3600:.6f}",
            f"--smssync_devices_file={write_devices(folder, phones(len(FLEET)))}",
        )
        stack.callback(gateways.stop)
        front = await stack.enter_async_context(Front(gateways.ports))
        client = await stack.enter_async_context(
            aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=aiohttp.ClientTimeout(total=10),
            )
        )
        operators = Operators(client, gateways.ports)
        yield Day(size, store, gateways, front, operators)


async def live(size: Size) -> Account:
    """Live through a day of this size."""
    async with opened(size) as day:
        return await day.run()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; the exit status is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.smssync_day", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the SMS")
    given = parser.parse_args(argv)
    size = QUICK if given.quick else FULL
    began, accounts = time.monotonic(), []

    async def day() -> None:
        accounts.append(await live(size))

    uvloop.run(day())
    [account] = accounts
    print(account.tables(), end="\n\n")
    seconds = time.monotonic() - began
    verdict = account.broken or ["Nothing was lost, and nothing was handed to two phones."]
    print(*verdict, f"The day took {seconds:.0f} s.", sep="\n")
    return 1 if account.broken else 0


if __name__ == "__main__":
    sys.exit(main())
