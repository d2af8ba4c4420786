"""A store as a busy gateway has it, for the benchmark of the console's pages."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import redis

from gateway.access.limiter import Limit, Limiter
from gateway.conversations.opening import NewSession
from gateway.errors import LimitExceeded
from gateway.providers.base import Inbound
from gateway.smssync.tasks import NewTask
from gateway.store import keys
from gateway.store.valkey_process import ValkeyProcess
from tests.load.console_specimens import (
    COUNTRIES,
    DAY_MS,
    PERSON,
    POOL,
    PROVIDER,
    STRANGERS,
    TEXTS,
    Specimens,
    Talk,
    rented,
    resident,
    specimens_of,
    wanted,
)
from tests.load.copies import Pipe
from tests.load.site import phones, write_devices
from tests.support.scenes.masking import town
from wiring.services import Services

WIDTH = 128
# What is copied came within this time before now, the newest last.
SPAN_MS = 6 * DAY_MS
WITH_CALLS = 10  # one session in so many
LATEST = 1_000  # messages to one number
# However small a store is: all pages of every list are full, with the specimen or but for one row.
FULL_PAGES = 199

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are of what.

    messages: all of them, those of sessions too; entries: in the log of one conversation; parallel:
    open sessions of one person.
    """

    sessions: int = 100_000
    messages: int = 1_000_000
    inbox: int = 10_000
    dead_letters: int = 2_000
    opt_outs: int = 5_000
    numbers: int = 1_000
    tasks: int = 10_000
    blocked: int = 5_000
    entries: int = 10_000
    parallel: int = 200

    def part(self, divisor: int) -> Self:
        """Return the size of a store with so much less of everything."""
        sizes = {each.name: getattr(self, each.name) // divisor for each in fields(self)}
        return type(self)(**{name: max(size, FULL_PAGES) for name, size in sizes.items()})


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled store; names: what of it is looked at, numbers as digits."""

    devices_option: str
    names: Mapping[str, str]


async def fill(server: ValkeyProcess, folder: Path, size: Size) -> Filled:
    """Fill an empty store.

    What is not many is made by the gateway's services; texts, calls, dead letters and messages
    are copies of what these have made.
    """
    devices = f"--smssync_devices_file={write_devices(folder, phones())}"
    with redis.Redis(port=server.port) as store:
        sender = "--nexmo_long_virtual_number=12065550199"
        async with town(server.url, devices, sender) as made:
            specimens = await specimens_of(made, store)
            services = made.gateway.application.services
            talks = await _sessions(services, size)
            await _others(services, size)
            await services.store.execute("DEL", keys.ANNOUNCE)
            await made.at_rest()
        _copy(server.port, size, specimens, talks)
        _long(store, talks[0].session.decode(), size)
        _history(store)
        return Filled(devices, _names(store, talks))


def _names(store: redis.Redis, talks: Sequence[Talk]) -> dict[str, str]:
    newest: Any = store.zrange(keys.MESSAGES, 0, 0, desc=True)
    to_him: Any = store.zrange(keys.messages_of(f"+{PERSON}"), 0, 0, desc=True)
    return {
        "session": talks[len(talks) // 2].session.decode(),
        "long_session": talks[0].session.decode(),
        "his_session": next(talk.session for talk in talks if talk.a == PERSON.encode()).decode(),
        "message": newest[0].decode(),
        "his_message": to_him[0].decode(),
        "person": PERSON,
        "opted_out": STRANGERS[0],
        "phone": phones()[0].name,
        "address": _address(0),
    }


# -- what the services make


def _plan(size: Size) -> Iterator[NewSession]:
    """Everybody talks with the one before and the one behind, and one person with many."""
    neighbours = size.sessions - size.parallel
    for index in range(neighbours):
        yield wanted(resident(index), resident((index + 1) % neighbours), index)
    for index in range(size.parallel):
        yield wanted(PERSON, resident(9_000_000 + index))


async def _sessions(services: Services, size: Size) -> list[Talk]:
    await _together(partial(services.pool.add, rented(each)) for each in range(1, size.numbers))
    talks: list[Talk] = []

    async def begin(wanted: NewSession) -> None:
        session, _ = await services.opening.create(wanted)
        talks.append(Talk.of(session))

    await _together(partial(begin, each) for each in _plan(size))
    return talks


async def _others(services: Services, size: Size) -> None:
    """Make what fills the other pages."""
    devices = [each.name for each in phones()]
    await _together(partial(services.devices.touch, each) for each in devices)
    await _together(partial(services.devices.note_battery, each, 50) for each in devices)
    await _together(
        partial(services.phones.queue, _task(each, devices), source="admin")
        for each in range(size.tasks)
    )
    kept = [_mo(STRANGERS[each], POOL[-1], "Who is this?") for each in range(size.inbox)]
    await _together(partial(services.relay.receive, each) for each in kept)
    stops = [_mo(STRANGERS[each], POOL[0], "STOP") for each in range(size.opt_outs)]
    await _together(partial(services.relay.receive, each) for each in stops)
    limiter = Limiter(services.store, services.refusals)
    await _together(partial(_block, limiter, each) for each in range(size.blocked))


def _task(index: int, devices: list[str]) -> NewTask:
    to = f"+{resident(index)}"
    device = devices[index % len(devices)]
    return NewTask(uuid=str(uuid.uuid4()), to=to, message=TEXTS[0], device=device)


def _mo(sender: str, to: str, text: str) -> Inbound:
    return Inbound(PROVIDER, uuid.uuid4().hex, sender, to, text)


async def _block(limiter: Limiter, index: int) -> None:
    """Let an address be refused for a day; see https://www.rfc-editor.org/rfc/rfc2544."""
    with suppress(LimitExceeded):
        for _ in range(2):
            await limiter.hit("message", _address(index), Limit(1, 86_400))


def _address(index: int) -> str:
    return f"198.18.{index // 256}.{index % 256}"


async def _together(calls: Iterable[Callable[[], Awaitable[object]]]) -> None:
    turn = iter(calls)

    async def work() -> None:
        for call in turn:
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(WIDTH):
            group.create_task(work())


# -- what is copied


def _copy(port: int, size: Size, specimens: Specimens, talks: Sequence[Talk]) -> None:
    """Write the copies; every copy of a talk is two messages, one of a dead letter is one."""
    with Pipe(port) as pipe:
        for moment, talk in _in_time(_talking(talks, size)):
            pipe.send(specimens.talk.copy(talk.marks(), moment))
        for moment, talk in _in_time(talks[::WITH_CALLS]):
            pipe.send(specimens.call.copy(talk.marks(), moment))
        for moment, talk in _in_time(talks[: size.dead_letters]):
            pipe.send(specimens.dead_letter.copy(talk.marks(), moment))
        for moment, (index, receiver) in _in_time(list(enumerate(_receivers(size, talks)))):
            template = specimens.messages[index % len(specimens.messages)]
            pipe.send(template.copy({"a": receiver.encode()}, moment))


def _talking(talks: Sequence[Talk], size: Size) -> Sequence[Talk]:
    """Return all sessions, one of them so often that its log is as long as it is to be."""
    return [*talks, *[talks[0]] * (size.entries // 2 - 1)]


def _receivers(size: Size, talks: Sequence[Talk]) -> Iterator[str]:
    made = 2 * len(_talking(talks, size)) + size.dead_letters + size.tasks
    for index in range(size.messages - made):
        yield PERSON if index < LATEST else resident(index % size.sessions)


def _in_time(things: Sequence[T]) -> Iterator[tuple[int, T]]:
    """Yield things with how long (ms) before now each of them was, the newest last."""
    for index, each in enumerate(things):
        yield SPAN_MS - SPAN_MS * index // len(things), each


def _long(store: redis.Redis, session: str, size: Size) -> None:
    """Mend what copies into one and the same session have left odd."""
    store.hset(keys.session(session), "texts", size.entries)
    store.ltrim(keys.session_log(session), -size.entries, -1)


def _history(store: redis.Redis) -> None:
    """Let all that has been counted until now have been counted in every minute of the day."""
    now = int(time.time())
    for name, step, count in ((keys.stats_minute, 60, 60), (keys.stats_ten_minutes, 600, 144)):
        found = (store.dump(name(now // step - each)) for each in range(10))
        content = next(filter(None, found))
        for each in range(count):
            store.restore(name(now // step - each), DAY_MS, content, replace=True)
    days = range(now // 86_400 - 29, now // 86_400)
    store.hset(keys.PEAKS, mapping={f"{c}:{day}": day % 7 for c in COUNTRIES for day in days})
