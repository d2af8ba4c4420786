"""The pinned packages: complete, current, and free of any machine's name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt")


def locked(name: str) -> dict[str, Requirement]:
    """What a lock pins, by package name."""
    lines = re.findall(r"^([a-z0-9][^\\\n]*) \\$", (ROOT / name).read_text(), re.MULTILINE)
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_with_hashes_and_names_no_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?://\S+|--index\S*|--find-links|file:", text) == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_pyproject_asks_for(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["test"] if "dev" in name else []
    pinned = locked(name)
    for wanted in map(Requirement, [*project["dependencies"], *extra]):
        (version,) = pinned[wanted.name.lower()].specifier
        assert wanted.specifier.contains(version.version), wanted.name


def test_the_tests_run_with_the_versions_that_are_installed() -> None:
    runtime, development = (locked(name) for name in LOCKS)
    expected = {name: pinned.specifier for name, pinned in runtime.items()}
    assert {name: development[name].specifier for name in expected} == expected
