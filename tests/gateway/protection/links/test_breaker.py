"""The breaker: what trips it, what never does, and how what it took out comes back."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from conf.protection import Action, Exempt, Mode, Protection, Rule
from conf.protection import Breaker as Policy
from gateway.access.limiter import Limiter
from gateway.errors import StoreUnavailable
from gateway.protection.destinations.newcomers import Newcomers
from gateway.protection.destinations.rule_gate import RuleGate
from gateway.protection.destinations.rules import Basis, Rules
from gateway.protection.links.breaker import LIMIT_CLASS, TRIALS, Breaker
from gateway.protection.links.conversions import DAY, HOUR, Conversions
from gateway.protection.links.judgement import LONGEST_BLOCK, State
from gateway.store import keys
from gateway.store.pipeline import Store, connect
from gateway.telephony import phonenumber
from gateway.telephony.phonenumber import PhoneNumber
from tests.support.scenes.small_shop import Asking, Customers

APP, VOUCHER = "/app", "/voucher"
VICTIM, RANGE = "+491512345", "range 491512345xxxx"  # of a range without its last four digits
KOSOVO = "+38344"
NOON = 1_796_040_000.0


def number(e164: str) -> PhoneNumber:
    """Read a number."""
    found = phonenumber.parse_international(e164)
    assert found, e164
    return found


@dataclass
class World:
    """A gateway's counts and breaker at a time of its own; sent: to how many of a range so far."""

    conversions: Conversions
    breaker: Breaker
    gate: RuleGate
    now: float = NOON
    sent: int = 0

    async def send(self, to: str, count: int, clicks: int = 0, source: str = APP) -> None:
        """Have links sent to numbers of a range, of which so many are opened."""
        for n in range(count):
            self.sent += 1
            e164 = f"{to}{self.sent % 10_000:04}"
            await self.conversions.sent(source, e164)
            if n < clicks:
                await self.conversions.clicked(source, e164, self.now)

    async def customers(self, count: int, clicks: int, source: str = APP) -> None:
        """Have links sent to people all over Germany."""
        for n in range(count):
            await self.send(f"+49151{n * 37 % 10_000:04}", 1, 1 if n < clicks else 0, source)

    async def later(self, seconds: float) -> None:
        """Let time pass, and the breaker decide."""
        self.now += seconds
        await self.breaker.decide()
        await self.breaker.look()

    def state(self, subject: str = RANGE) -> State | None:
        entry = self.breaker.entries.get(subject)
        return entry.state if entry else None

    def judged(self, e164: str = f"{VICTIM}6789") -> tuple[Action, Basis]:
        verdict = self.gate.judge(APP, number(e164))
        return verdict.action, verdict.basis


@asynccontextmanager
async def opened(
    store: Store, mode: Mode = Mode.ENFORCE, protection: Protection | None = None, **policy: int
) -> AsyncIterator[World]:
    rules = protection or Protection()
    newcomers = Newcomers(store, rules.new_country)
    conversions = Conversions(store)
    breaker = Breaker(store, conversions, Policy(mode, **policy))
    gate = RuleGate(Rules(rules, newcomers), newcomers, Limiter(store), Mode.ENFORCE, breaker)
    world = World(conversions, breaker, gate)
    conversions.clock = lambda: world.now
    yield world


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    """Of 100 customers of yesterday 30 have opened their links."""
    async with opened(store) as made:
        made.now -= DAY
        await made.customers(100, 30)
        made.now += DAY
        yield made


@pytest.fixture
async def broken(world: World) -> World:
    """One range is blocked."""
    await world.send(VICTIM, 34)
    await world.later(1300)
    assert State.BLOCKED is world.state()
    return world


# -- what trips it ----------------------------------------------------------------------------


async def test_a_range_to_which_much_goes_and_in_which_nobody_clicks_is_blocked(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    assert (Action.ALLOW, Basis.EVERYTHING) == world.judged()
    await world.send(VICTIM, 34)
    with caplog.at_level(logging.INFO):
        await world.later(1300)
    assert (Action.BLOCK, Basis.BREAKER) == world.judged()
    entry = world.breaker.entries[RANGE]
    assert (34, 0, 0.3) == (entry.why.sent, entry.why.clicked, round(entry.why.usual, 3))
    assert HOUR == entry.until - entry.since
    [line] = [each.getMessage() for each in caplog.records if "links:" in each.getMessage()]
    expected = "links: messages to the range +49151… are blocked: 34 sent, 0 links opened"
    assert line.startswith(expected)
    assert (Action.ALLOW, Basis.EVERYTHING) == world.judged("+4915123466789")


@pytest.mark.parametrize(
    ("sent", "clicks", "state"),
    [
        (33, 0, None),  # of which ten clicks would be usual: chance does so in 20,000 cases once
        (34, 0, State.BLOCKED),
        (60, 1, None),
        (67, 1, State.BLOCKED),
        (134, 3, State.BLOCKED),
        (134, 4, None),
        (500, 150, None),
    ],
)
async def test_ten_times_as_many_clicks_would_have_been_usual(
    world: World, sent: int, clicks: int, state: State | None
) -> None:
    await world.send(VICTIM, sent, clicks)
    await world.later(1300)
    assert state is world.state()


async def test_a_click_has_ten_minutes_at_least(world: World) -> None:
    await world.send(VICTIM, 40)
    await world.later(599)
    assert world.state() is None
    await world.later(700)
    assert State.BLOCKED is world.state()


async def test_a_slow_attack_of_a_day_is_found(world: World) -> None:
    for _ in range(12):
        await world.send(VICTIM, 3)
        await world.later(7000)
    await world.later(1300)
    assert State.BLOCKED is world.state()


async def test_a_country_in_which_nobody_clicks_is_blocked_although_each_range_gets_little(
    world: World,
) -> None:
    for n in range(40):
        await world.send(f"{KOSOVO}{n:02}", 1)
    await world.later(1300)
    assert State.BLOCKED is world.state("country XK")
    assert not [each for each in world.breaker.entries if each.startswith("range")]
    assert (Action.BLOCK, Basis.BREAKER) == world.judged("+38344123456")


async def test_a_country_in_which_anybody_clicks_is_not(world: World) -> None:
    """Or a flood could take it from its people."""
    await world.send(f"{KOSOVO}99", 1, clicks=1)
    for n in range(300):
        await world.send(f"{KOSOVO}{n % 90:02}", 1)
    await world.later(1300)
    assert {} == world.breaker.entries


async def test_days_of_an_attack_make_nothing_usual(world: World) -> None:
    for n in range(1000):
        await world.send(f"+4915{n:05}", 1)
    await world.send(VICTIM, 34)
    await world.later(1300)
    assert State.BLOCKED is world.state()


async def test_what_is_usual_is_each_endpoint_s_own(world: World) -> None:
    await world.send(VICTIM, 60, source=VOUCHER)
    await world.send(VICTIM, 30)
    await world.later(1300)
    assert world.state() is None
    await world.send(VICTIM, 4)
    await world.later(1300)
    assert State.BLOCKED is world.state()


# -- what never does --------------------------------------------------------------------------


async def test_an_endpoint_whose_links_nobody_ever_opens_tells_nothing(store: Store) -> None:
    async with opened(store) as world:
        await world.customers(200, 0)
        await world.send(VICTIM, 500)
        await world.later(1300)
        assert {} == world.breaker.entries


async def test_a_campaign_that_is_opened_is_none(world: World) -> None:
    for _ in range(6):
        await world.customers(500, 100)
        await world.send(VICTIM, 50, 10)
        await world.later(HOUR)
    assert {} == world.breaker.entries


async def test_ten_customers_of_a_village_are_none(world: World) -> None:
    await world.send(VICTIM, 10)
    await world.later(1300)
    assert {} == world.breaker.entries


async def test_few_messages_are_none_however_many_are_opened_elsewhere(store: Store) -> None:
    async with opened(store) as world:
        await world.customers(100, 100)
        await world.send(VICTIM, 19)
        await world.later(1300)
        assert {} == world.breaker.entries


async def test_days_of_a_small_shop_are_none(store: Store) -> None:
    """Families, offices and classes whose numbers are of one range among them."""
    async with opened(store) as world:
        begin, dice = world.now, random.Random(1)
        for day in range(4):
            for call in Customers(random.Random(day)).day():
                if call.asking is not Asking.LINK:
                    continue
                if (begin + day * DAY + call.at) // HOUR > world.now // HOUR:
                    await world.breaker.decide()
                world.now = begin + day * DAY + call.at
                await world.conversions.sent(APP, call.number)
                if dice.random() < 0.3:
                    await world.conversions.clicked(APP, call.number, world.now)
        await world.later(HOUR)
        assert {} == world.breaker.entries


async def test_off_it_does_nothing(store: Store) -> None:
    async with opened(store, Mode.OFF) as world:
        await world.breaker.look_after()
        await world.breaker.block(RANGE, "me")
        assert (Action.ALLOW, Basis.EVERYTHING) == world.judged()


# -- monitor, exceptions ----------------------------------------------------------------------


async def test_monitor_shows_and_refuses_nothing(store: Store) -> None:
    async with opened(store, Mode.MONITOR) as world:
        world.now -= DAY
        await world.customers(100, 30)
        world.now += DAY
        await world.send(VICTIM, 34)
        await world.later(1300)
        assert State.BLOCKED is world.state()
        assert (Action.ALLOW, Basis.EVERYTHING) == world.judged()
        await world.later(HOUR)
        assert State.TRYING is world.state()
        assert (Action.ALLOW, Basis.EVERYTHING) == world.judged()


@pytest.mark.parametrize(
    ("protection", "action", "basis"),
    [
        (Protection(exempt=(Exempt(f"{VICTIM}6789"),)), Action.ALLOW, Basis.EXEMPT),
        (
            Protection(rules=(Rule(Action.ALLOW, range="+4915123"),)),
            Action.ALLOW,
            Basis.RANGE,
        ),
        (
            Protection(rules=(Rule(Action.ALLOW, country="DE"),)),
            Action.BLOCK,
            Basis.BREAKER,
        ),
        (Protection(rules=(Rule(Action.BLOCK, country="DE"),)), Action.BLOCK, Basis.COUNTRY),
    ],
)
async def test_what_an_operator_says_of_a_range_or_a_number_comes_first(
    protection: Protection, action: Action, basis: Basis, store: Store
) -> None:
    async with opened(store, protection=protection) as world:
        await world.breaker.block(RANGE, "me")
        assert (action, basis) == world.judged()


# -- how it comes back ------------------------------------------------------------------------


async def test_after_an_hour_a_few_are_let_through(broken: World) -> None:
    await broken.later(HOUR - 1)
    assert State.BLOCKED is broken.state()
    await broken.later(2)
    assert State.TRYING is broken.state()
    verdict = broken.gate.judge(APP, number(f"{VICTIM}6789"))
    assert (Action.LIMIT, TRIALS, LIMIT_CLASS) == (
        verdict.action,
        verdict.limit,
        verdict.limit_class,
    )
    assert RANGE == verdict.subject


async def test_trials_never_let_more_through_than_a_rule_does(store: Store) -> None:
    rules = (Rule(Action.LIMIT, country="DE", amount=2, window=DAY),)
    async with opened(store, protection=Protection(rules=rules)) as world:
        await world.breaker.block(RANGE, "me")
        assert (Action.BLOCK, Basis.BREAKER) == world.judged()
        await world.later(DAY)
        assert State.TRYING is world.state()
        assert (Action.LIMIT, Basis.COUNTRY) == world.judged()


async def test_one_click_takes_a_range_out_again(broken: World) -> None:
    await broken.later(HOUR)
    await broken.send(VICTIM, 5, clicks=1)
    await broken.later(1300)
    assert State.CLEAR is broken.state()
    assert (Action.ALLOW, Basis.EVERYTHING) == broken.judged()
    await broken.later(HOUR)  # what was before is no reason any more
    assert State.CLEAR is broken.state()
    await broken.later(DAY)
    assert {} == broken.breaker.entries


async def test_one_click_opens_a_country_again(world: World) -> None:
    for n in range(40):
        await world.send(f"{KOSOVO}{n:02}", 1)
    await world.later(1300)
    assert State.BLOCKED is world.state("country XK")
    await world.later(HOUR)
    await world.send(f"{KOSOVO}50", 1, clicks=1)
    await world.later(1300)
    assert State.CLEAR is world.state("country XK")


async def test_a_country_on_trial_in_which_nobody_clicks_is_blocked_again(world: World) -> None:
    for n in range(40):
        await world.send(f"{KOSOVO}{n:02}", 1)
    await world.later(1300)
    await world.later(HOUR)
    for n in range(11):
        await world.send(f"{KOSOVO}{n:02}", 1)
    await world.later(1300)
    assert State.BLOCKED is world.state("country XK")


async def test_trials_that_nobody_opens_block_for_twice_as_long(broken: World) -> None:
    lengths = []
    for _ in range(6):
        entry = broken.breaker.entries[RANGE]
        lengths.append(entry.until - entry.since)
        await broken.later(entry.until - broken.now + 1)
        assert State.TRYING is broken.state()
        await broken.send(VICTIM, 11)
        await broken.later(1300)
        assert State.BLOCKED is broken.state()
    assert [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, LONGEST_BLOCK, LONGEST_BLOCK] == lengths
    assert LONGEST_BLOCK < DAY, "a wall for a day is none that strangers may put up"


async def test_few_trials_say_nothing_yet(broken: World) -> None:
    await broken.later(HOUR)
    await broken.send(VICTIM, 9)
    await broken.later(1300)
    assert State.TRYING is broken.state()


async def test_who_clears_it_by_a_click_and_goes_on_is_blocked_for_longer(broken: World) -> None:
    await broken.later(HOUR)
    await broken.send(VICTIM, 1, clicks=1)
    await broken.later(1300)
    assert State.CLEAR is broken.state()
    await broken.send(VICTIM, 70)
    await broken.later(1300)
    entry = broken.breaker.entries[RANGE]
    assert (State.BLOCKED, 2 * HOUR) == (entry.state, entry.until - entry.since)


async def test_a_range_that_nobody_asks_for_is_forgotten(broken: World) -> None:
    await broken.later(HOUR)
    await broken.later(DAY + 1)
    assert {} == broken.breaker.entries


# -- by hand ----------------------------------------------------------------------------------


async def test_let_through_by_hand_it_rests_for_a_day(broken: World) -> None:
    await broken.breaker.release(RANGE, "192.0.2.1")
    assert (Action.ALLOW, Basis.EVERYTHING) == broken.judged()
    await broken.send(VICTIM, 300)
    await broken.later(DAY - 2000)
    entry = broken.breaker.entries[RANGE]
    assert (State.RESTING, "192.0.2.1") == (entry.state, entry.by)
    await broken.later(2001)
    assert broken.state() is None


BOTH = {
    "by hand, in a blocked country": (State.RESTING, State.BLOCKED, Action.ALLOW, "*"),
    "by hand, in one on trial": (State.RESTING, State.TRYING, Action.ALLOW, "*"),
    "blocked in one that is let through": (State.BLOCKED, State.RESTING, Action.BLOCK, RANGE),
    "on trial in a blocked one": (State.TRYING, State.BLOCKED, Action.BLOCK, "country DE"),
    "blocked in one on trial": (State.BLOCKED, State.TRYING, Action.BLOCK, RANGE),
    "both on trial": (State.TRYING, State.TRYING, Action.LIMIT, "country DE"),
    "cleared in a blocked one": (State.CLEAR, State.BLOCKED, Action.BLOCK, "country DE"),
}


@pytest.mark.parametrize(("of_range", "of_country", "action", "subject"), BOTH.values(), ids=BOTH)
async def test_of_a_range_and_its_country_the_stricter_holds_but_for_what_a_person_lets_through(
    world: World, of_range: State, of_country: State, action: Action, subject: str
) -> None:
    await world.breaker.block(RANGE, "an operator")
    await world.breaker.block("country DE", "an operator")
    states = {RANGE: of_range, "country DE": of_country}
    known = world.breaker.entries
    world.breaker.entries = {each: replace(known[each], state=states[each]) for each in known}
    verdict = world.gate.verdict(APP, number(f"{VICTIM}6789"))
    assert (action, subject) == (verdict.action, verdict.destination)


async def test_blocked_by_hand_it_is_for_a_day_whatever_is_counted(world: World) -> None:
    await world.send(VICTIM, 30, clicks=30)
    await world.breaker.block(RANGE, "192.0.2.1")
    await world.later(DAY - 1)
    assert (Action.BLOCK, Basis.BREAKER) == world.judged()
    await world.later(2)
    assert State.TRYING is world.state()


# -- many processes ---------------------------------------------------------------------------


async def test_all_processes_know_within_seconds_and_one_decides(
    world: World, stores: list[Store]
) -> None:
    await world.send(VICTIM, 34)
    world.now += 1300
    others = []
    for each in stores:
        conversions = Conversions(each, lambda: world.now)
        others.append(Breaker(each, conversions, Policy()))
    await asyncio.gather(*(each.look_after() for each in others))
    assert await stores[0].execute("EXISTS", keys.LINKS_TURN)
    for breaker in others:
        await breaker.look()
        assert State.BLOCKED is breaker.entries[RANGE].state
        assert 1 == breaker.entries[RANGE].times


async def test_decided_by_all_at_once_it_is_decided_once(world: World, stores: list[Store]) -> None:
    await world.send(VICTIM, 34)
    world.now += 1300
    others = [Breaker(each, Conversions(each, lambda: world.now), Policy()) for each in stores]
    await asyncio.gather(*(each.decide() for each in others))
    await world.breaker.look()
    assert 1 == world.breaker.entries[RANGE].times


async def test_without_the_store_what_was_known_stays_known(broken: World) -> None:
    lost = connect("redis://127.0.0.1:1")
    broken.breaker._store = lost
    with pytest.raises(StoreUnavailable):
        await broken.breaker.look_after()
    assert (Action.BLOCK, Basis.BREAKER) == broken.judged()
    await lost.close()


async def test_an_entry_that_cannot_be_read_lets_all_pass_and_goes(world: World) -> None:
    store = world.breaker._store
    await store.execute("HSET", keys.LINKS_BREAKER, RANGE, '{"state":"melted"}')
    await world.breaker.look()
    assert (Action.ALLOW, Basis.EVERYTHING) == world.judged()
    await world.later(1)
    assert {} == world.breaker.entries
