"""In which order the tests run: what takes long first, or any order at all."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

from tests.support import ROOT

# A worker that begins one of these when the others have nothing left keeps everybody waiting.
# Those that take longest stand first.
DEAREST = (
    "tests/project/test_make.py",
    "tests/project/test_docker.py",
)


def dearest_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests with those of the dearest files first."""
    rank = {ROOT / file: place for place, file in enumerate(DEAREST)}
    return sorted(items, key=lambda item: rank.get(item.path, len(rank)))


def shuffled(items: list[pytest.Item], seed: str) -> list[pytest.Item]:
    """Return the files in random order, and so the tests of each; a seed means one order."""
    chance = random.Random(seed)
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    chance.shuffle(files)
    return [item for tests in files for item in chance.sample(tests, len(tests))]
