"""A store as a busy gateway has it, for the benchmark of the console's pages."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

import redis

from gateway import keys
from gateway.errors import LimitExceeded
from gateway.limiter import Limit, Limiter
from gateway.models import Mode, Session, VirtualNumber
from gateway.providers.base import Inbound
from gateway.providers.vonage_voice import CallEvent, IncomingCall
from gateway.services import Services
from gateway.sessions import NewSession
from gateway.tasks import NewTask
from gateway.valkey_process import ValkeyProcess
from tests.load.copies import Pipe, Snapshot, Template, difference, snapshot
from tests.load.scenarios import fictional_numbers
from tests.load.site import phones, write_devices
from tests.masking import Town, town, until

WIDTH = 128
PROVIDER = "nexmo"
COUNTRIES = ("US", "CA", "DE")
DAY_MS = 86_400_000
# What is copied came within this time before now, the newest last.
SPAN_MS = 6 * DAY_MS
TEXTS = ("I am at the door. Could you come down?", "Two minutes, please.")
WITH_CALLS = 10  # one session in so many
LATEST = 1_000  # messages to one number
# However small a store is: the first and the last page of every list are full.
FULL_PAGES = 200

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
        names = [each.name for each in fields(self)]
        return type(self)(
            **{each: max(getattr(self, each) // divisor, FULL_PAGES) for each in names}
        )


# Numbers for fiction; other people have numbers of a country code that belongs to no country.
_FICTION = list(islice(fictional_numbers(), 20_000))
PERSON, ANNA, BERT = _FICTION[:3]
POOL, STRANGERS = _FICTION[1_000:10_000], _FICTION[10_000:]


def _resident(index: int) -> str:
    return f"9991{index:07d}"


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled store; names: what of it is looked at, numbers as digits."""

    devices_option: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Talk:
    """An open session as far as its copies need it; numbers as digits."""

    session: bytes
    a: bytes
    b: bytes
    number: bytes

    @classmethod
    def of(cls, session: Session) -> Self:
        """Return what is needed of a session on a shared number."""
        people = (session.participant_a, session.participant_b, session.number_a)
        return cls(session.id.encode(), *(each.removeprefix("+").encode() for each in people))

    def marks(self) -> Mapping[str, bytes]:
        """Return the parts by their names."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class Specimens:
    """What there are copies of: a text each way, a call, a dead letter, messages of three fates."""

    talk: Template
    call: Template
    dead_letter: Template
    messages: tuple[Template, ...]


async def fill(server: ValkeyProcess, folder: Path, size: Size) -> Filled:
    """Fill an empty store.

    What is not many is made by the gateway's services; texts, calls, dead letters and messages
    are copies of what these have made.
    """
    devices = f"--smssync_devices_file={write_devices(folder, phones())}"
    with redis.Redis(port=server.port) as store:
        sender = "--nexmo_long_virtual_number=12065550199"
        async with town(server.url, devices, sender, message_id="hex") as made:
            specimens = await _specimens(made, store)
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
    [message] = store.zrange(keys.MESSAGES, 0, 0, desc=True)
    return {
        "session": talks[len(talks) // 2].session.decode(),
        "long_session": talks[0].session.decode(),
        "his_session": next(talk.session for talk in talks if talk.a == PERSON.encode()).decode(),
        "message": message.decode(),
        "person": PERSON,
        "opted_out": STRANGERS[0],
        "phone": phones()[0].name,
        "address": _address(0),
    }


# -- specimens


async def _specimens(made: Town, store: redis.Redis) -> Specimens:
    services = made.gateway.application.services
    await services.numbers.add(_rented(0))
    session, _ = await services.sessions.create(_wanted(ANNA, BERT))
    await services.store.execute("DEL", keys.ANNOUNCE)
    marks = Talk.of(session).marks()
    number = marks["number"].decode()
    camera = _Camera(store)

    await made.text(ANNA, number, TEXTS[0])
    await made.text(BERT, number, TEXTS[1])
    await _delivered(services, 2)
    talk = camera.template(marks)
    await _call(services, ANNA, number)
    call = camera.template(marks)
    await _fail_next(made)
    await made.text(ANNA, number, TEXTS[0])
    await until(lambda: _has_dead_letter(services))
    dead_letter = camera.template(marks)
    messages = []
    for changes in ({}, {"dlr_statuses": ("buffered", "failed")}, {"dlr_off": True}):
        made.emulator.configure(**changes)
        await made.ok("POST", "/messages", {"to": f"+{ANNA}", "text": TEXTS[0], "sender": "Shop"})
        await _delivered(services, 1, final=not changes.get("dlr_off"))
        messages.append(camera.template({"a": ANNA.encode()}))
    return Specimens(talk, call, dead_letter, tuple(messages))


class _Camera:
    """Sees what has changed in a store since it was last asked."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store
        self._before: Snapshot = snapshot(store)

    def template(self, marks: Mapping[str, bytes]) -> Template:
        after = snapshot(self._store)
        before, self._before = self._before, after
        return Template(difference(before, after), marks)


async def _delivered(services: Services, count: int, *, final: bool = True) -> None:
    """Return when it is known what became of the newest messages."""

    async def known() -> bool:
        _, newest, _ = await services.message_log.messages(count, "")
        return all(each["final"] or (not final and each["outcome"]) for each in newest)

    await until(known)


async def _call(services: Services, caller: str, number: str) -> None:
    call, legs = uuid.uuid4().hex, (uuid.uuid4().hex, uuid.uuid4().hex)
    await services.calls.answer(IncomingCall(call, legs[0], caller, number))
    for status in ("started", "ringing", "answered", "completed"):
        for leg, direction in zip(legs, ("inbound", "outbound"), strict=True):
            told = {"timestamp": "2026-01-01T12:00:00.000Z", "duration": "60"}
            await services.calls.event(CallEvent(call, leg, direction, status, told))


async def _fail_next(made: Town) -> None:
    body = {"failure": "status:9", "count": 1}
    async with made.gateway.client.post(f"{made.emulator.url}/emulator/next", json=body):
        pass


async def _has_dead_letter(services: Services) -> bool:
    return bool((await services.outbox.counts()).dead_letters)


# -- what the services make


def _rented(index: int) -> VirtualNumber:
    country = COUNTRIES[index % len(COUNTRIES)]
    return VirtualNumber(f"+{POOL[index]}", PROVIDER, country, frozenset({"sms", "voice"}))


def _wanted(a: str, b: str, index: int = 0) -> NewSession:
    return NewSession(
        participant_a=f"+{a}",
        participant_b=f"+{b}",
        country_a=COUNTRIES[index % len(COUNTRIES)],
        country_b=COUNTRIES[0],
        expires_in_ms=2 * DAY_MS + index * 997,
        mode=Mode.BOTH,
    )


def _plan(size: Size) -> Iterator[NewSession]:
    """Everybody talks with the one before and the one behind, and one person with many."""
    neighbours = size.sessions - size.parallel
    for index in range(neighbours):
        yield _wanted(_resident(index), _resident((index + 1) % neighbours), index)
    for index in range(size.parallel):
        yield _wanted(PERSON, _resident(9_000_000 + index))


async def _sessions(services: Services, size: Size) -> list[Talk]:
    await _together(partial(services.numbers.add, _rented(each)) for each in range(1, size.numbers))
    talks: list[Talk] = []

    async def begin(wanted: NewSession) -> None:
        session, _ = await services.sessions.create(wanted)
        talks.append(Talk.of(session))

    await _together(partial(begin, each) for each in _plan(size))
    return talks


async def _others(services: Services, size: Size) -> None:
    """Make what fills the other pages."""
    devices = [each.name for each in phones()]
    await _together(partial(services.tasks.touch, each, battery=50) for each in devices)
    await _together(
        partial(services.phones.queue, _task(each, devices)) for each in range(size.tasks)
    )
    kept = [_mo(STRANGERS[each], POOL[-1], "Who is this?") for each in range(size.inbox)]
    await _together(partial(services.relay.receive, each) for each in kept)
    stops = [_mo(STRANGERS[each], POOL[0], "STOP") for each in range(size.opt_outs)]
    await _together(partial(services.relay.receive, each) for each in stops)
    limiter = Limiter(services.store, services.blocks)
    await _together(partial(_block, limiter, each) for each in range(size.blocked))


def _task(index: int, devices: list[str]) -> NewTask:
    to = f"+{_resident(index)}"
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
        yield PERSON if index < LATEST else _resident(index % size.sessions)


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
