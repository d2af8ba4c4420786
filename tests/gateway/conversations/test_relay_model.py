"""Masked conversations against a model: whatever happens, everybody hears what he should."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from math import inf
from typing import Any, NamedTuple

import aiohttp
import pytest

from gateway.conversations.texts.consent import LAST_MESSAGES
from gateway.store import keys
from tests.support.scenes.masking import (
    ADMIN,
    END,
    FLOW,
    NO_SESSION,
    OPTED_OUT,
    SECONDS,
    START,
    STOPPED,
    Town,
    town,
)
from tests.support.servers.processes import GatewayProcess

# Made-up people and rented numbers; see https://nationalnanpa.com for 555-0100 to 0199.
PEOPLE = [*(f"120655501{n}" for n in range(20, 25)), "4917604069011"]
STRANGER = "12065550130"
# One who is a person at times, and at times rented.
CHANGELING = "12065550140"
NUMBERS = [*(f"120655501{n}" for n in range(51, 54)), "4917604069051"]
NAMES = ("ACME", "12345", "")

STOP_WORDS = ("STOP", " stop ", "Arret")
CHAT_HELP = "To chat, text your email address."
WAITING = "Waiting for another user..."
CONNECTED = "Connected, text #end to stop."
THANKS = "Thanks for chatting. Text your email address to start chat."
CHAT_OPTED_OUT = OPTED_OUT.partition(": ")[2]
CHAT_STOPPED = STOPPED.partition(": ")[2]
VOICE_START = "[YOUR ORG NAME]: Call this number to talk to your contact"
BOTH_START = f"{START} Call this number to talk to your contact"
LOBBY_ANSWERS = 10
# The model knows no countries and no totals.
EVERYBODY = ("--answer_countries=*", "--answer_limit=0")


class Seat(NamedTuple):
    """A participant and the number that he texts and hears from."""

    person: str
    number: str


class Heard(NamedTuple):
    """What a handset shows."""

    person: str
    number: str
    text: str


@dataclass
class Conversation:
    """One session. told: which opt-out of his counterpart each participant has heard of."""

    seats: tuple[Seat, Seat]
    mode: str = "message"
    name: str = ""
    chat: bool = False
    told: dict[str, int] = field(default_factory=dict)
    log: list[tuple[str, str, bool]] = field(default_factory=list)

    def beyond(self, seat: Seat) -> Seat:
        """Return the other seat."""
        return self.seats[1 - self.seats.index(seat)]

    def note(self, seat: Seat, text: str, suppressed: bool = False) -> None:
        """Write down what one said, and whether it was held back."""
        self.log.append(("ab"[self.seats.index(seat)], text, suppressed))


@dataclass
class World:
    """What the gateway promises, in plain Python.

    past: of closed sessions the counterpart, and whether the end is still to be told.
    """

    exclusive: bool = False
    cooldown: bool = False
    chat_numbers: frozenset[str] = frozenset()
    pool: dict[str, str] = field(default_factory=dict)
    unhealthy: set[str] = field(default_factory=set)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    over: dict[str, Conversation] = field(default_factory=dict)
    past: dict[Seat, tuple[str, bool]] = field(default_factory=dict)
    told: set[Seat] = field(default_factory=set)
    stopped: dict[str, int] = field(default_factory=dict)
    stops: Iterator[int] = field(default_factory=count)
    waiting: Seat | None = None
    lobby_texts: Counter[str] = field(default_factory=Counter)
    heard: list[Heard] = field(default_factory=list)
    last: defaultdict[str, deque[str]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=LAST_MESSAGES))
    )
    inbox: list[tuple[str, str, str, str]] = field(default_factory=list)

    # -- sessions

    def allowed(self, a: str, b: str, **wish: str) -> set[tuple[str, str]]:
        """Return the pairs of numbers that a new session may be given."""
        if a == b or {a, b} & self.pool.keys():
            return set()
        shared, asked = wish["numbers"] == "shared", wish["virtual_tn"]
        of_a = {each for each in self.pool if self._suits(Seat(a, each), b, asked)}
        of_b = {each for each in self.pool if self._suits(Seat(b, each), a, asked)}
        return {(x, y) for x in of_a for y in of_b if (x == y) == shared and asked in {"", x}}

    def _suits(self, seat: Seat, counterpart: str, asked: str) -> bool:
        before, _ = self.past.get(seat, (counterpart, False))
        return (
            (seat.number not in self.unhealthy or seat.number == asked)
            and self.route(seat) is None
            and (not self.cooldown or before == counterpart)
            and (not self.exclusive or not self.load(seat.number))
        )

    def route(self, seat: Seat) -> Conversation | None:
        """Return the session that a person has on a number."""
        return next((each for each in self.conversations.values() if seat in each.seats), None)

    def load(self, number: str) -> int:
        """Return how many sessions use a number."""
        found = [{seat.number for seat in each.seats} for each in self.conversations.values()]
        return sum(number in numbers for numbers in found)

    def is_participant(self, person: str) -> bool:
        """Return whether a person has any session."""
        return any(person in {s.person for s in c.seats} for c in self.conversations.values())

    def begin(self, session_id: str, conversation: Conversation) -> None:
        """Open a session; both are told."""
        self.conversations[session_id] = conversation
        begun = {"voice": VOICE_START, "both": BOTH_START}.get(conversation.mode, START)
        for seat in conversation.seats:
            self._tell(seat, CONNECTED if conversation.chat else begun)

    def end(self, session_id: str, *, expired: bool) -> None:
        """Close a session; of an expiry nobody is told before he texts."""
        conversation = self.over[session_id] = self.conversations.pop(session_id)
        for seat in conversation.seats:
            self.past[seat] = (conversation.beyond(seat).person, expired)
            if not expired:
                self._tell(seat, THANKS if conversation.chat else END)

    # -- texts

    def text(self, seat: Seat, text: str, provider: str) -> None:
        """Let a person text a number by way of a provider."""
        kept = self._only_kept(seat, provider)
        # Senders need not be in the pool: a STOP to any number of the account counts.
        somebody = seat.person not in NAMES and seat.person not in self.pool
        if kept and not (kept == "not_our_number" and somebody):
            self._keep(kept, seat, text)
        elif text in STOP_WORDS:
            self._stop(seat, text, provider)
        elif text == "START" and seat.person in self.stopped:
            del self.stopped[seat.person]
        elif kept:
            self._keep(kept, seat, text)
        elif self.route(seat):
            self._relay(seat, text)
        elif seat.number in self.chat_numbers:
            self._chat(seat, text)
        else:
            self._answer(seat, text)

    def _only_kept(self, seat: Seat, provider: str) -> str:
        if self.pool.get(seat.number) != provider:
            return "not_our_number"
        if seat.person in NAMES:
            return "no_number"
        return "own_number" if seat.person in self.pool else ""

    def _keep(self, reason: str, seat: Seat, text: str) -> None:
        self.inbox.append((reason, seat.person, seat.number, text))

    def _tell(self, seat: Seat, text: str) -> None:
        if seat.person not in self.stopped:
            self.heard.append(Heard(*seat, text))
            self.last[seat.person].append(seat.number)

    def _stop(self, seat: Seat, text: str, provider: str) -> None:
        if self.pool.get(seat.number, "") == provider or (
            seat.number not in self.pool and seat.number in self.last[seat.person]
        ):
            self._tell(seat, CHAT_STOPPED if seat.number in self.chat_numbers else STOPPED)
        self.stopped.setdefault(seat.person, next(self.stops))
        if self.waiting and self.waiting.person == seat.person:
            self.waiting = None
        conversation = self.route(seat)
        if conversation:
            conversation.note(seat, text)
            self._tell_of_stop(conversation, conversation.beyond(seat), seat.person)

    def _tell_of_stop(self, conversation: Conversation, seat: Seat, stopped: str) -> None:
        since = self.stopped[stopped]
        if conversation.told.get(seat.person) != since:
            conversation.told[seat.person] = since
            self._tell(seat, CHAT_OPTED_OUT if conversation.chat else OPTED_OUT)

    def _relay(self, seat: Seat, text: str) -> None:
        conversation = self.route(seat)
        assert conversation
        there = conversation.beyond(seat)
        if conversation.chat and text == "#end":
            [session_id] = [i for i, c in self.conversations.items() if c is conversation]
            self.end(session_id, expired=False)
        elif conversation.mode == "voice":
            self._keep("voice_session", seat, text)
        else:
            suppressed = there.person in self.stopped
            conversation.note(seat, text, suppressed)
            if suppressed:
                self._tell_of_stop(conversation, seat, there.person)
            self._tell(there, text)

    def _answer(self, seat: Seat, text: str) -> None:
        self._keep("no_session", seat, text)
        counterpart, owed = self.past.get(seat, ("", False))
        if owed:
            self.past[seat] = (counterpart, False)
            self._tell(seat, END)
        elif seat not in self.told:
            self.told.add(seat)
            self._tell(seat, NO_SESSION)

    def _chat(self, seat: Seat, text: str) -> None:
        chats = [each for each in self.conversations.values() if each.chat]
        elsewhere = [s for each in chats for s in each.seats if s.person == seat.person]
        if elsewhere:
            self._relay(elsewhere[0], text)
        elif self.waiting and self.waiting.person == seat.person:
            if text == "#end":
                self.waiting = None
                self._tell(seat, THANKS)
            else:
                self._keep("waiting", seat, text)
        elif seat.person in self.stopped:
            self._keep("opted_out", seat, text)
        elif self.lobby_texts[seat.person] >= LOBBY_ANSWERS:
            self._keep("lobby_limit", seat, text)
        else:
            self.lobby_texts[seat.person] += 1
            self._join(seat) if "@" in text else self._tell(seat, CHAT_HELP)

    def _join(self, seat: Seat) -> None:
        """Pair with who waits, unless he has got a session where he waits."""
        waiting, self.waiting = self.waiting, None
        if waiting is None or self.route(waiting):
            self.waiting = seat
            self._tell(seat, WAITING)
        else:
            # The gateway chooses the id, which is found in its list.
            self.begin("", Conversation((waiting, seat), chat=True))


class Driver:
    """Does something at random and compares what the handsets then show with the model."""

    def __init__(self, place: Town, world: World, seed: int, numbers: list[str]) -> None:
        self.place = place
        self.world = world
        self.random = random.Random(seed)
        self.numbers = numbers
        # Flowroute texts North America only.
        self.people = [each for each in PEOPLE if FLOW not in numbers or each.startswith("1")]
        self.texts = count()
        self.seen = 0
        self.actions: dict[Callable[[], Awaitable[object]], int] = {
            self.text: 60,
            self.create: 14,
            self.close: 6,
            self.expire: 5,
            self.rent: 4,
            self.give_up: 3,
            self.turn: 2,
        }

    async def run(self, steps: int) -> None:
        """Do so many things."""
        for number in self.numbers[:3]:
            await self.rent(number)
        for step in range(steps):
            [action] = self.random.choices([*self.actions], [*self.actions.values()])
            done = await action()
            await self.compare(f"step {step}: {action.__name__} {done}")
        await self.compare_records()

    # -- what may happen

    async def text(self) -> object:
        """Let somebody text some number; half of the texts belong to a session."""
        seats = [seat for each in self.world.conversations.values() for seat in each.seats]
        anybody = [*self.people, STRANGER, CHANGELING, *self.numbers[:2], *NAMES]
        somewhere = Seat(self.random.choice(anybody), self.random.choice(self.numbers))
        seat = self.random.choice(seats) if seats and self.random.random() < 0.6 else somewhere
        text, how = self.words()
        usual = "flowroute" if seat.number == FLOW else "nexmo"
        provider = usual if self.random.random() < 0.97 else "flowroute"
        if provider == "flowroute":  # it joins parts itself, and knows who sends a text
            how.pop("parts", None)
            seat = seat._replace(person=seat.person or STRANGER)
        self.world.text(seat, text, provider)
        await taken(self.place, seat, text, provider=provider, **how)
        await self.name_chat()
        return seat, text, how

    def words(self) -> tuple[str, dict[str, Any]]:
        """Return a text, a new one unless it is a command, and how it is sent."""
        n = next(self.texts)
        kinds: dict[tuple[str, str], int] = {
            (f"{n} hello", "plain"): 50,
            (f" {n} grüß dich 🚀 ", "plain"): 8,
            (f"{n} " + "so much to say " * 20, "long"): 8,
            (self.random.choice(STOP_WORDS), "plain"): 5,
            ("STOP", "long"): 1,
            ("START", "plain"): 6,
            ("#end", "plain"): 4,
            (f"p{n}@example.org", "plain"): 20 if self.world.chat_numbers else 1,
        }
        [(text, kind)] = self.random.choices([*kinds], [*kinds.values()])
        how = {"repeat": self.random.choice([1, 1, 1, 3])}
        return text, how | ({"parts": 2, "shuffle": True} if kind == "long" else {})

    async def name_chat(self) -> None:
        """Give the chat that was begun by this text the id that the gateway has given it."""
        chat = self.world.conversations.pop("", None)
        if chat:
            [newest, *_] = (await self.place.ok("GET", "/session?limit=1"))["sessions"]
            self.world.conversations[newest["id"]] = chat

    async def create(self) -> object:
        """Ask for a session, sensibly as a rule."""
        a, b = self.random.choices([*self.people * 2, CHANGELING, self.numbers[0]], k=2)
        wish = {
            "numbers": self.random.choice(["shared", "per-side"]),
            "virtual_tn": self.random.choice(["", "", "", *self.numbers]),
        }
        mode = self.random.choice(["message"] * 6 + ["voice", "both"])
        name = self.random.choice(["", "", "", "order 7", "order 8"])
        body = {"participant_a": a, "participant_b": b, "mode": mode, **wish, "unique_name": name}
        status, made = await self.place.call(
            "POST", "/session", {key: value for key, value in body.items() if value}
        )
        self.note_creation(body, status, made)
        return body, made

    def note_creation(self, body: dict[str, Any], status: int, made: dict[str, Any]) -> None:
        a, b, name = body["participant_a"], body["participant_b"], body["unique_name"]
        world = self.world
        named = {each.name: (i, each) for i, each in world.conversations.items() if each.name}
        if name in named and a != b:
            session_id, existing = named[name]
            same = (a, b) == tuple(seat.person for seat in existing.seats)
            assert (200 if same else 400) == status
            assert (session_id if same else None) == made.get("session_id")
            return
        allowed = world.allowed(a, b, numbers=body["numbers"], virtual_tn=body["virtual_tn"])
        assert (200 if allowed else 400) == status, made
        if allowed:
            given = made["virtual_tn_a"], made["virtual_tn_b"]
            assert given in allowed
            seats = (Seat(a, given[0]), Seat(b, given[1]))
            world.begin(made["session_id"], Conversation(seats, mode=body["mode"], name=name))

    async def close(self) -> object:
        """End a session; one that is over cannot be ended again."""
        session_id = self.any_session()
        known = session_id in self.world.conversations
        if known:
            self.world.end(session_id, expired=False)
        status, _ = await self.place.call("DELETE", "/session", {"session_id": session_id})
        assert (200 if known else 404) == status
        return session_id

    async def expire(self) -> object:
        """Let a session end a millisecond from now."""
        session_id = self.any_session()
        known = session_id in self.world.conversations
        if known:
            self.world.end(session_id, expired=True)
        path = f"/session/{session_id}"
        status, _ = await self.place.call("PATCH", path, {"expiry_window": 1 / 60_000})
        assert (200 if known else 404) == status
        # It may be over without having been closed: that is to make no difference. But the lobby
        # lets go who has got a session where he waits, until that is closed.
        while status == 200:
            status, _ = await self.place.call("GET", path)
        if self.world.chat_numbers:
            await self.place.ok("GET", "/session")
        return session_id

    def any_session(self) -> str:
        """Return the id of an open session, or now and then of a closed one."""
        known = [*self.world.conversations] * 4 + [*self.world.over]
        return self.random.choice(known or ["0" * 32])

    async def rent(self, number: str = "") -> object:
        """Put a number into the pool."""
        number = number or self.random.choice([*self.numbers, CHANGELING, PEOPLE[0]])
        world = self.world
        fits = number not in world.pool and not world.is_participant(number)
        if number == PEOPLE[0] and fits:
            return "left a person"
        provider = "flowroute" if number == FLOW else "nexmo"
        body = {"value": number, "provider": provider}
        status, answer = await self.place.call("POST", "/tn", body)
        assert (200 if fits else 400) == status, answer
        if fits:
            world.pool[number] = provider
        return number

    async def give_up(self) -> object:
        """Take a number out of the pool."""
        number = self.random.choice([*self.numbers, CHANGELING])
        if number in self.world.chat_numbers:
            return "left the lobby"
        known, used = number in self.world.pool, self.world.load(number)
        status, answer = await self.place.call("DELETE", f"/tn/{number}")
        assert (404 if not known else 400 if used else 200) == status, answer
        if status == 200:
            del self.world.pool[number]
            self.world.unhealthy.discard(number)
        return number

    async def turn(self) -> object:
        """Leave a number out of new sessions, or take it in again."""
        number, healthy = self.random.choice(self.numbers), self.random.random() < 0.7
        status, _ = await self.place.call("PATCH", f"/tn/{number}", {"healthy": healthy})
        assert (200 if number in self.world.pool else 404) == status
        if status == 200:
            (self.world.unhealthy.discard if healthy else self.world.unhealthy.add)(number)
        return number, healthy

    # -- what has to hold

    async def compare(self, step: str) -> None:
        """Wait until nothing waits any more, and compare what everybody has heard since."""
        await rest(self.place)
        sent = list(islice(self.place.emulator.sent, self.seen, None))
        self.seen += len(sent)
        shown = [Heard(each.to, each.sender, each.text) for each in sent]
        expected, self.world.heard = self.world.heard, []
        # The order holds for each direction.
        assert sorted(expected, key=lambda h: h[:2]) == sorted(shown, key=lambda h: h[:2]), step

    async def compare_records(self) -> None:
        """Compare what the operator is shown with the model."""
        world, place = self.world, self.place
        sessions = await place.ok("GET", "/session?limit=1000")
        assert set(world.conversations) == {each["id"] for each in sessions["sessions"]}
        pool = await place.ok("GET", "/tn")
        in_use = {each["value"]: each["sessions"] for each in pool["virtual_tns"]}
        assert {number: world.load(number) for number in world.pool} == in_use
        inbox = (await place.ok("GET", "/inbox?limit=1000"))["messages"]
        kept = [(each["reason"], each["from"], each["to"], each["text"]) for each in inbox]
        assert world.inbox == kept[::-1]
        optouts = (await place.ok("GET", "/optouts"))["optouts"]
        assert set(world.stopped) == {each["number"] for each in optouts}
        for session_id, conversation in (world.conversations | world.over).items():
            log = await place.ok("GET", f"/session/{session_id}/log?limit=1000")
            said = [(e["from"], e["text"], e["state"] == "suppressed") for e in log["entries"]]
            assert conversation.log == said
        assert 0 == (await place.ok("GET", "/dead-letters"))["total_dead_letters"]
        assert not {each.sender for each in place.emulator.sent} & {*PEOPLE, STRANGER}


async def taken(place: Town, seat: Seat, text: str, **how: Any) -> None:
    """Let a person text a number; a busy gateway may ask the provider to repeat it."""
    *earlier, last = await place.text(*seat, text, **how)
    assert {*earlier} <= {200, 503}
    assert 200 == last


async def insist(place: Town, method: str, path: str, body: object = None) -> Any:
    """Call an admin route until the store answers the gateway in time."""
    while True:
        status, answer = await place.call(method, path, body)
        if status != 503:
            return status, answer


async def rest(place: Town) -> None:
    """Return once nothing waits in the outbox, and nobody is still owed a notice."""
    store = place.gateway.application.services.store
    async with asyncio.timeout(SECONDS):
        while True:
            if not await store.execute("EXISTS", keys.DUE, keys.ANNOUNCE):
                return
            await asyncio.sleep(0.002)


VARIANTS = [
    pytest.param(1, {}, NUMBERS, id="shared numbers"),
    pytest.param(2, {}, NUMBERS[:2], id="few numbers"),
    pytest.param(3, {}, [*NUMBERS[:2], FLOW], id="two providers"),
    pytest.param(4, {"exclusive": True}, NUMBERS, id="exclusive numbers"),
    pytest.param(5, {"cooldown": True}, NUMBERS, id="numbers that cool down"),
    pytest.param(6, {"exclusive": True, "cooldown": True}, NUMBERS, id="exclusive and cooling"),
    pytest.param(7, {"chat_numbers": frozenset(NUMBERS[:2])}, NUMBERS, id="a lobby"),
]


@pytest.mark.parametrize(("seed", "rules", "numbers"), VARIANTS)
async def test_everybody_hears_exactly_what_the_model_says(
    redis_url: str, seed: int, rules: dict[str, Any], numbers: list[str]
) -> None:
    """And from the number that it says, after each of many random steps."""
    world = World(**rules)
    options = [
        *EVERYBODY,
        f"--tn_exclusive={world.exclusive}",
        f"--number_cooldown={3600 if world.cooldown else 0}",
        f"--chat_numbers={','.join(world.chat_numbers)}",
    ]
    # Flowroute's number is paced: ten texts a second.
    steps = 60 if FLOW in numbers else 160
    async with town(redis_url, *options) as place:
        await Driver(place, world, seed, numbers).run(steps)


async def test_the_sender_for_north_america_does_not_stand_in_for_a_rented_number(
    redis_url: str,
) -> None:
    """It is for messages of the site; an answer to it would reach nobody."""
    world = World()
    async with town(redis_url, *EVERYBODY, "--nexmo_long_virtual_number=12065550199") as place:
        await Driver(place, world, 8, NUMBERS).run(30)


# -- many things at once ---------------------------------------------------------------------------


class Span(NamedTuple):
    """From when to when, in seconds of the loop."""

    begin: float
    end: float

    def meets(self, other: Span) -> bool:
        """Tell whether both have a moment in common."""
        return self.begin <= other.end and other.begin <= self.end

    def covers(self, other: Span) -> bool:
        """Tell whether the other one lies within this one."""
        return self.begin <= other.begin and other.end <= self.end


@dataclass
class Lifetime:
    """One session of the crowd: when it was open at most, and when for certain."""

    seats: tuple[Seat, Seat]
    possible: Span
    certain: Span


class Crowd:
    """People and operators who do not wait for each other, and what they did when."""

    people = (*PEOPLE[:4], STRANGER)
    stopping = PEOPLE[4]  # opts out and in again
    expiry = 0.02

    def __init__(self, place: Town, seed: int) -> None:
        self.place = place
        self.random = random.Random(seed)
        self.numbers = [*NUMBERS, CHANGELING]
        self.lifetimes: dict[str, Lifetime] = {}
        self.open: list[str] = []
        self.texts: dict[str, tuple[Seat, Span]] = {}
        self.said = count()

    async def run(self, tasks: int, steps: int) -> None:
        """Let so many act at once, each so often."""
        await self.place.rent(*self.numbers)
        await asyncio.gather(*(self.act(steps) for _ in range(tasks)))
        await rest(self.place)

    async def act(self, steps: int) -> None:
        """Do one thing after the other."""
        actions = [self.text, self.create, self.end, self.opt, self.swap]
        for action in self.random.choices(actions, [70, 14, 8, 4, 4], k=steps):
            await action()

    def now(self) -> float:
        """Return the time of the loop."""
        return asyncio.get_running_loop().time()

    async def text(self) -> None:
        """Send a text that nobody has sent before."""
        known = [seat for each in self.lifetimes.values() for seat in each.seats][-12:]
        anybody = Seat(self.random.choice(self.people), self.random.choice(self.numbers))
        seat = self.random.choice([*known, anybody])
        words, repeat = self.random.choice([("hi", 1), ("hi", 2), ("na " * 99, 1)])
        text, begun = f"{next(self.said)} {words}", self.now()
        await taken(self.place, seat, text, repeat=repeat)
        self.texts[text] = (seat, Span(begun, self.now()))

    async def create(self) -> None:
        """Begin a session if there is a number for it."""
        a, b = self.random.sample([*self.people[:4], self.stopping], k=2)
        numbers, begun = self.random.choice(["shared", "per-side"]), self.now()
        name = f"session {next(self.said)}"  # so that it can be asked for twice
        body = {"participant_a": a, "participant_b": b, "numbers": numbers, "unique_name": name}
        status, made = await insist(self.place, "POST", "/session", body)
        if status == 200:
            seats = (Seat(a, made["virtual_tn_a"]), Seat(b, made["virtual_tn_b"]))
            self.lifetimes[made["session_id"]] = Lifetime(
                seats, Span(begun, inf), Span(self.now(), inf)
            )
            self.open.append(made["session_id"])

    async def end(self) -> None:
        """End a session, or let it expire very soon."""
        if not self.open:
            return
        session_id = self.open.pop(self.random.randrange(len(self.open)))
        lifetime, path = self.lifetimes[session_id], f"/session/{session_id}"
        lifetime.certain = lifetime.certain._replace(end=self.now())
        if self.random.random() < 0.5:
            await insist(self.place, "DELETE", path)
            lifetime.possible = lifetime.possible._replace(end=self.now())
        else:
            await insist(self.place, "PATCH", path, {"expiry_window": self.expiry / 60})
            lifetime.possible = lifetime.possible._replace(end=self.now() + self.expiry)

    async def opt(self) -> None:
        """Let one person opt out or in."""
        seat = Seat(self.stopping, self.random.choice(self.numbers))
        await taken(self.place, seat, self.random.choice(["STOP", "START"]))

    async def swap(self) -> None:
        """Try to take a number away, and to put it back."""
        number = self.random.choice(self.numbers)
        await insist(self.place, "DELETE", f"/tn/{number}")
        await insist(self.place, "POST", "/tn", {"value": number, "provider": "nexmo"})

    # -- what has to hold afterwards

    def may_hear(self, text: str, heard: Seat) -> bool:
        """Tell whether this was the sender's counterpart at some moment of his text's way."""
        sender, under_way = self.texts[text]
        return any(
            {sender, heard} == {*each.seats} and sender != heard and each.possible.meets(under_way)
            for each in self.lifetimes.values()
        )

    def must_hear(self, text: str) -> bool:
        """Tell whether the sender had a session all the time, with one who never opts out."""
        sender, under_way = self.texts[text]
        return any(
            sender in each.seats
            and each.certain.covers(under_way)
            and self.stopping not in {seat.person for seat in each.seats} - {sender.person}
            for each in self.lifetimes.values()
        )


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2))])
async def test_texts_reach_the_counterpart_of_their_moment_or_nobody(
    redis_url: str, seed: int
) -> None:
    """While sessions and numbers come and go at the same time."""
    async with town(redis_url) as place:
        crowd = Crowd(place, seed)
        await crowd.run(tasks=8, steps=50)
        sent = list(place.emulator.sent)
        relayed = [each for each in sent if each.text in crowd.texts]
        astray = [
            (each.to, each.sender, each.text)
            for each in relayed
            if not crowd.may_hear(each.text, Seat(each.to, each.sender))
        ]
        assert [] == astray
        assert {1} == set(Counter(each.text for each in relayed).values())
        arrived = {each.text for each in relayed}
        assert [] == [text for text in crowd.texts if crowd.must_hear(text) and text not in arrived]
        notices = Counter((Seat(e.to, e.sender), e.text) for e in sent if e not in relayed)
        known = {START, END, NO_SESSION, OPTED_OUT, STOPPED, "START"}
        assert set() == {text for _, text in notices} - known
        seats = Counter(seat for each in crowd.lifetimes.values() for seat in each.seats)
        for seat, times in seats.items():
            assert seat.person == crowd.stopping or times == notices[seat, START]
            assert notices[seat, END] <= times


# -- many creations at once ------------------------------------------------------------------------

# https://nationalnanpa.com: 555-0100 to 0199 of any area code
RENTED = [f"120655501{n:02}" for n in range(100)]
OTHERS = [f"1{area}55501{n:02}" for area in (212, 213, 303, 415) for n in range(100)]
STRANGERS = list(zip(OTHERS[:200], OTHERS[200:], strict=True))
ONE_MEETS_ALL = [("12025550100", each) for each in OTHERS[:200]]
TWO_MEET_ALL = [((f"1202555010{n % 2}"), each) for n, each in enumerate(OTHERS[:200])]

AT_ONCE = 25  # of each of two processes

CREATIONS = [
    pytest.param(True, "shared", STRANGERS, 100, id="a number for each session"),
    pytest.param(True, "per-side", STRANGERS, 50, id="two numbers for each session"),
    pytest.param(False, "shared", ONE_MEETS_ALL, 100, id="one who talks with everybody"),
    pytest.param(False, "per-side", ONE_MEETS_ALL, 100, id="the same with a number per side"),
    pytest.param(False, "shared", TWO_MEET_ALL, 200, id="two of that kind"),
    pytest.param(False, "shared", STRANGERS, 200, id="strangers need no number of their own"),
]


@dataclass(frozen=True)
class Pair:
    """Two gateways that share a store; exclusive: no number serves two sessions."""

    urls: tuple[str, str]
    exclusive: bool


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, valkey_url: str) -> Iterator[Pair]:
    """Two that say nothing; in a database of their own they take no text of other tests."""
    options = (
        *("--admin_token=correct-horse", "--session_start_msg="),
        *(f"--redis_url={valkey_url.removesuffix('/0')}/1", f"--tn_exclusive={request.param}"),
    )
    with GatewayProcess(*options) as one, GatewayProcess(*options) as other:
        yield Pair((one.url, other.url), request.param)


@pytest.mark.usefixtures("redis_url")
@pytest.mark.parametrize(
    ("pair", "numbers", "people", "possible"), CREATIONS, indirect=["pair"], scope="module"
)
async def test_of_200_parallel_creations_exactly_the_possible_ones_succeed(
    pair: Pair, numbers: str, people: list[tuple[str, str]], possible: int
) -> None:
    """With 100 numbers and two processes; nobody has one number twice."""
    async with calling(pair.urls[0]) as call:
        for number in RENTED:
            assert 200 == (await call("/tn", {"value": number}))[0]
    async with calling(pair.urls[0]) as one, calling(pair.urls[1]) as other:
        answers = await asyncio.gather(
            *(
                (one, other)[n % 2](
                    "/session", {"participant_a": a, "participant_b": b, "numbers": numbers}
                )
                for n, (a, b) in enumerate(people)
            )
        )
    made = [answer for status, answer in answers if status == 200]
    refused = {(status, answer["message"]) for status, answer in answers if status != 200}
    assert possible == len(made)
    assert refused <= {(400, "Could not create session -- No virtual TNs available")}
    seats = [(m[f"participant_{side}"], m[f"virtual_tn_{side}"]) for m in made for side in "ab"]
    assert len(seats) == len(set(seats))
    if pair.exclusive:
        assert len(made) == len({each["virtual_tn_a"] for each in made})


Call = Callable[[str, dict[str, str]], Awaitable[tuple[int, dict[str, Any]]]]


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Call]:
    """Yield what posts to an admin route of a gateway and returns status and answer.

    So many at once meet in the store; more of them a busy machine answers with 503.
    """
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(url, headers=ADMIN, connector=connector) as client:

        async def call(path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
            async with client.post(path, json=body) as response:
                return response.status, await response.json()

        yield call
