"""Traffic that the gateway itself has let through, written down and played again."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest

from conf.messages import MessageEndpoint
from conf.protection import By, LayerLimit, Mode, Protection
from gateway.access.limiter import Limit, MessageLimits
from gateway.messaging.history import History
from gateway.messaging.receipts import Receipts
from gateway.protection.callers import Callers
from gateway.protection.limits.admission import Admission, Admitted, Layer, LayerRefused
from gateway.protection.limits.layers import Call, Layers
from gateway.protection.rehearsal.rehearsals import Rehearsals
from gateway.protection.rehearsal.report import Report
from gateway.protection.shared_key import SharedKey
from gateway.protection.spending.budget import Budget
from gateway.protection.spending.money import Allowance
from gateway.providers.base import Sms
from gateway.store.pipeline import Store
from tests.support.ageing import pass_time

MINUTE, HOUR, DAY = 60, 3600, 86_400
ENDPOINT = MessageEndpoint("/message", "Hello", "Sender")
IN_FORCE = Protection(
    own_limits=(
        LayerLimit(By.ADDRESS, 8, DAY),
        LayerLimit(By.NETWORK, 9, HOUR),
        LayerLimit(By.RANGE, 4, HOUR),
        LayerLimit(By.CALLING_CODE, 30, HOUR),
        LayerLimit(By.ALL, 40, HOUR),
    )
)
CONTRACT = MessageLimits(Limit(5, HOUR), Limit(2, HOUR))
# A limit of each kind that is narrower than those above.
NARROWER = {
    "address": LayerLimit(By.ADDRESS, 3, DAY),
    "network": LayerLimit(By.NETWORK, 3, HOUR),
    "receiver": LayerLimit(By.RECEIVER, 1, HOUR),
    "range": LayerLimit(By.RANGE, 2, HOUR),
    "calling code": LayerLimit(By.CALLING_CODE, 10, HOUR),
    "endpoint": LayerLimit(By.ENDPOINT, 12, HOUR),
    "all": LayerLimit(By.ALL, 15, HOUR),
}
ADDRESSES = [
    *(f"203.0.113.{n}" for n in range(5)),
    *(f"2001:db8:{n % 2}:{n}::1" for n in range(6)),
]
NUMBERS = [f"+{code}{n}" for code in ("4917604069", "4477009001", "3363998001") for n in (10, 11)]
NUMBERS += ["+4917604070010", "+4917604080010"]
STEPS = (0, 5, 40, 100, 5 * MINUTE, 20 * MINUTE)


@dataclass(frozen=True, slots=True)
class Passed:
    """A call that was let through, ``after`` seconds after the one before."""

    call: Call
    after: float


class Gateway:
    """Lets calls through as a gateway does, and writes down what passes; its clock is moved."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.receipts = Receipts(store, days=7)
        self.admission = Admission(store)
        self.callers = Callers(SharedKey(store))
        self.passed: list[Passed] = []
        self.refused = 0
        self._ahead_ms = 0

    async def visited(self, dice: random.Random, calls: int) -> None:
        """Let so many random calls come."""
        since = 0.0
        for n in range(calls):
            if step := dice.choice(STEPS):
                await pass_time(self.store, step)
                self._ahead_ms += step * 1000
                since += step
            address, number = dice.choice(ADDRESSES), dice.choice(NUMBERS)
            caller = await self.callers.of(address)
            call = Call(address, number, known_as=caller.known_as)
            admitted = await self.admitted(layers(IN_FORCE, call))
            if admitted is None:
                self.refused += 1
                continue
            notes = {"caller": caller.note, "counted": str(admitted.counts[0][1] + self._ahead_ms)}
            sms = Sms(f"{n:032x}", number, "Sender", "Hello")
            await self.receipts.create(
                sms, provider="nexmo", source=ENDPOINT.path, expected=1, notes=notes
            )
            self.passed.append(Passed(call, since))
            since = 0.0

    async def admitted(self, wanted: list[Layer]) -> Admitted | None:
        try:
            return await self.admission.admit(wanted)
        except LayerRefused:
            return None

    async def rehearse(self, protection: Protection) -> Report:
        """Return what a protection would have refused of what passed."""
        endpoints = {ENDPOINT.path: ENDPOINT}
        money = Allowance(0, 0)
        rehearsals = Rehearsals(
            History(self.store, self.receipts, days=7),
            Budget(self.store, money, IN_FORCE, adopted=_nothing_is_adopted),
            *(IN_FORCE, CONTRACT, endpoints),
            mode=Mode.ENFORCE,
            days=7,
            receipts=True,
        )
        present = await rehearsals.present()
        return await rehearsals.play(replace(present, protection=protection), present, days=1)


async def _nothing_is_adopted() -> Allowance:
    raise AssertionError("the limits are set")


def layers(protection: Protection, call: Call) -> list[Layer]:
    of = Layers(CONTRACT, protection, Mode.ENFORCE).of(ENDPOINT)
    return [*of.caller(call), *of.message(call)]


async def forget_counts(store: Store) -> None:
    """Forget what limits have counted."""
    async for names in store.names():
        if counts := [each for each in names if each.startswith(("limit:", "share:", "callers:"))]:
            await store.execute("DEL", *counts)


@pytest.mark.parametrize("seed", range(3))
async def test_what_the_terms_in_force_let_through_they_let_through_again(
    store: Store, seed: int
) -> None:
    gateway = Gateway(store)
    await gateway.visited(random.Random(seed), 200)
    report = await gateway.rehearse(IN_FORCE)
    assert gateway.refused > 20
    assert len(gateway.passed) == report.played
    assert {} == report.tried.reasons == report.present.reasons


@pytest.mark.parametrize("narrower", NARROWER.values(), ids=NARROWER)
async def test_a_narrower_limit_refuses_what_the_gateway_itself_would(
    store: Store, narrower: LayerLimit
) -> None:
    """The calls that passed come again, at the same times, to a gateway with that limit."""
    gateway = Gateway(store)
    await gateway.visited(random.Random(7), 150)
    tried = replace(IN_FORCE, own_limits=(*IN_FORCE.own_limits, narrower))
    await forget_counts(store)
    refused = 0
    for each in gateway.passed:
        if each.after:
            await pass_time(store, each.after)
        refused += await gateway.admitted(layers(tried, each.call)) is None
    report = await gateway.rehearse(tried)
    assert refused > 0
    assert (refused, 0) == (report.tried.refused, report.present.refused)
