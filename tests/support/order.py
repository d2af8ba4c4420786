"""In which order the tests run: files that take long first, or any order at all."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

from tests.support import ROOT

# Begun last, one of these would keep everybody waiting for its worker. In seconds they take from
# half a minute down to ten.
DEAREST = tuple(
    ROOT / "tests" / file
    for file in (
        "handlers/console/test_accessibility.py",
        "handlers/public/test_example.py",
        "handlers/public/test_example_ways.py",
        "handlers/webhooks/test_relay_crash.py",
        "gateway/conversations/test_relay_model.py",
        "handlers/public/test_budget.py",
        "project/test_make.py",
        "handlers/webhooks/test_voice.py",
        "project/test_deployment.py",
        "handlers/webhooks/test_smssync.py",
        "handlers/public/test_foreign_pages.py",
        "handlers/console/test_escaping.py",
        "gateway/messaging/outbox/test_worker.py",
        "gateway/messaging/outbox/test_money.py",
        "load/test_console.py",
        "gateway/smssync/test_smssync_day.py",
        "handlers/console/pages/test_messages.py",
        "project/test_docker.py",
        "handlers/console/test_handsets_page.py",
        "gateway/emulator/test_page.py",
        "handlers/console/test_live.py",
        "project/test_app.py",
        "load/test_masking.py",
        "gateway/store/test_outage.py",
    )
)


def dearest_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests with those of the dearest files first."""
    rank = {file: place for place, file in enumerate(DEAREST)}
    return sorted(items, key=lambda item: rank.get(item.path, len(rank)))


def shuffled(items: list[pytest.Item], seed: str) -> list[pytest.Item]:
    """Return the files in random order, and so the tests of each; a seed means one order.

    Within a file, asynchronous tests stay before those with a browser, see ``browser``.
    """
    chance = random.Random(seed)
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    chance.shuffle(files)
    mixed = [item for tests in files for item in chance.sample(tests, len(tests))]
    places = {file: place for place, file in enumerate(dict.fromkeys(i.path for i in mixed))}
    return sorted(mixed, key=lambda item: (places[item.path], _needs_browser(item)))


def _needs_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ())
