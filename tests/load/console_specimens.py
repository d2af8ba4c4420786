"""What the benchmark of the console's pages has copies of, made by the gateway's own services."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Self

import redis

from gateway.conversations.opening import NewSession
from gateway.conversations.session import Session
from gateway.providers.vonage.voice import CallEvent, IncomingCall
from gateway.store import keys
from gateway.virtual_numbers.pool import Mode, VirtualNumber
from tests.load.copies import Snapshot, Template, difference, snapshot
from tests.load.scenarios import fictional_numbers
from tests.support.scenes.masking import Town, until
from wiring.services import Services

PROVIDER = "nexmo"
COUNTRIES = ("US", "CA", "DE")
DAY_MS = 86_400_000
TEXTS = ("I am at the door. Could you come down?", "Two minutes, please.")

# Numbers for fiction; other people have numbers of a country code that belongs to no country.
_FICTION = list(islice(fictional_numbers(), 20_000))
PERSON, ANNA, BERT = _FICTION[:3]
POOL, STRANGERS = _FICTION[1_000:10_000], _FICTION[10_000:]


def resident(index: int) -> str:
    """Return the number of one of the people."""
    return f"9991{index:07d}"


def rented(index: int) -> VirtualNumber:
    """Return a number of the pool, of one country after the other."""
    country = COUNTRIES[index % len(COUNTRIES)]
    return VirtualNumber(f"+{POOL[index]}", PROVIDER, country, frozenset({"sms", "voice"}))


def wanted(a: str, b: str, index: int = 0) -> NewSession:
    """Return what a session is asked for with; none ends while the benchmark runs."""
    return NewSession(
        participant_a=f"+{a}",
        participant_b=f"+{b}",
        country_a=COUNTRIES[index % len(COUNTRIES)],
        country_b=COUNTRIES[0],
        expires_in_ms=2 * DAY_MS + index * 997,
        mode=Mode.BOTH,
    )


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


async def specimens_of(made: Town, store: redis.Redis) -> Specimens:
    """Let everything happen once in a gateway whose store is empty still."""
    services = made.gateway.application.services
    await services.pool.add(rented(0))
    session, _ = await services.opening.create(wanted(ANNA, BERT))
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
        newest = (await services.history.messages(count, "")).items
        return all(each.status.final or (not final and each.outcome) for each in newest)

    await until(known)


async def _call(services: Services, caller: str, number: str) -> None:
    call, legs = uuid.uuid4().hex, (uuid.uuid4().hex, uuid.uuid4().hex)
    await services.calls.answer(IncomingCall(call, legs[0], caller, number))
    for status in ("started", "ringing", "answered", "completed"):
        for leg, direction in zip(legs, ("inbound", "outbound"), strict=True):
            told = {"timestamp": "2026-01-01T12:00:00.000Z", "duration": "60"}
            await services.calls.event(CallEvent(call, leg, direction, status, told))


async def _fail_next(made: Town) -> None:
    body = {"failure": "status:7", "count": 1}
    async with made.gateway.client.post(f"{made.emulator.url}/emulator/next", json=body):
        pass


async def _has_dead_letter(services: Services) -> bool:
    return bool((await services.outbox.counts()).dead_letters)
