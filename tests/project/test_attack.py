"""The attacks that take less than a second, each against a gateway of its own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.attack import doors, elsewhere, links, machines, spending, texts
from tests.attack.__main__ import main, played
from tests.attack.attacks import ATTACKS, Attack, Outcome, Verdict
from tests.attack.costs import ANY_NUMBER, Cost, of_original, table
from tests.attack.receivers import one_network, sequential_ranges
from tests.attack.siege import Visit, besieging

MODULES = (doors, texts, spending, links, machines, elsewhere)
QUICK = [each for each in ATTACKS if each.quick]


@pytest.mark.parametrize("attack", QUICK, ids=lambda attack: attack.name)
async def test_an_attack_is_stopped(attack: Attack, redis_url: str) -> None:
    found = await played(attack, redis_url)
    assert found.verdict is not Verdict.NOT_STOPPED, found.seen


def test_an_attack_that_breaks_has_not_been_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    """And the command says so."""

    async def play(_: str) -> Outcome:
        raise RuntimeError("no way in")

    ATTACKS.append(Attack("a broken one", play, quick=True))
    try:
        assert 1 == main(["a broken one"])
    finally:
        ATTACKS.pop()
    assert "not stopped  it broke: RuntimeError no way in" in capsys.readouterr().out


def test_every_name_of_an_attack_is_one() -> None:
    names = [each.name for each in ATTACKS]
    assert len({*names}) == len(names)


async def test_the_same_calls_reach_everybody_when_nothing_protects(redis_url: str) -> None:
    """So it is the protection that stops them, and the attack counts what it has cost."""
    async with besieging(redis_url, "--protection=off", "--budget_day=0") as siege:
        pairs = zip(sequential_ranges(), one_network(), strict=False)
        await siege.burst((Visit(*each) for each in pairs), most=60)
        await siege.collect()
    assert (60, 60 * Decimal("0.0333"), {}) == (siege.count, siege.money, siege.refusals)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [(1, 240), (1000, 240_000), (10_800, 2_592_000), (20_000, 2_592_000), (ANY_NUMBER, 2_592_000)],
)
def test_the_original_sends_what_addresses_ask_for_and_the_provider_takes(
    addresses: float, expected: int
) -> None:
    assert expected == of_original(addresses)


def test_costs_are_told_in_sms_money_and_per_cent() -> None:
    cost = Cost.of_sms(30, 30 * Decimal("0.0333"), 1, "by hand")
    assert "| one | 30 | 1.00 | 240 | 8 | 12.5 | by hand |" == table([("one", cost)]).split("\n")[2]
