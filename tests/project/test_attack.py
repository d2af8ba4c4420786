"""The attacks that take less than a second, each against a gateway of its own."""

from __future__ import annotations

import pytest

from tests.attack import doors, elsewhere, machines, spending, texts
from tests.attack.__main__ import main, played
from tests.attack.attacks import ATTACKS, Attack, Outcome, Verdict

MODULES = (doors, texts, spending, machines, elsewhere)
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
