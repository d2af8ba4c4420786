"""What makes a worker of pytest-xdist cheaper: it says less, and shares what it compiles."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.support import ROOT

# Who tells of a test that passed has said what these would say.
_NEEDLESS = {"logstart", "logfinish"}


def tell_less(config: pytest.Config) -> None:
    """Send two messages for a test that passes, in place of six.

    Thousands of tests take less time than their messages do.
    """
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "sendevent"):
            plugin.sendevent = terse(plugin.sendevent)


def terse(send: Callable[..., None]) -> Callable[..., None]:
    """Return ``send`` without what a test that passes need not say."""

    def sendevent(name: str, **content: Any) -> None:
        report = content.get("data", {}) if name == "testreport" else {}
        if report.get("outcome") == "passed":
            if report["when"] != "call" and not report["sections"]:
                return
            report["keywords"] = {}
        if name not in _NEEDLESS:
            send(name, **content)

    return sendevent


def compile_in_turn(worker: int, workers: int) -> None:
    """Import every file of tests, each worker from another one on.

    All of them need every file, to know its tests. Who imports one first compiles it, its
    assertions rewritten, for the others, too.
    """
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    first = len(files) * worker // workers
    for file in files[first:] + files[:first]:
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        with suppress(Exception):  # pytest will tell of it
            importlib.import_module(name)
