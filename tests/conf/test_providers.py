"""A provider is declared once; whoever needs its name or its ways reads them there."""

from __future__ import annotations

import ast

import pytest

from conf import providers
from conf.settings import OPTIONS, Settings
from tests.architecture import MODULES
from wiring.from_settings import network_providers

# The emulator stands in for what is not ours; in conf.values a name is an element of a path.
STRANGERS = ("conf.providers", "gateway.emulator", "conf.values")


async def test_every_declared_provider_is_made_of_its_options() -> None:
    """Phones are made of the devices that a person declares."""
    made = network_providers(Settings())
    for each in made:
        await each.close()
    declared = [each.name for each in providers.PROVIDERS if not each.by_device]
    assert declared == [each.name for each in made]


def test_credentials_are_options() -> None:
    """Whether both or neither are set is checked at the start."""
    named = [name for each in providers.PROVIDERS for name in each.credentials or ()]
    assert set(named) <= set(OPTIONS)


@pytest.mark.parametrize("name", ["nexmo", "flowroute", "smssync:default", "smssync:a.B-1_"])
def test_a_provider_is_chosen_by_its_name(name: str) -> None:
    """A phone is named with its kind."""
    assert name == providers.provider_name(name)
    assert providers.label(name) in providers.NAMES
    assert providers.is_phone(name) is (":" in name)


@pytest.mark.parametrize("name", ["", "vonage", "nexmo:a", "smssync", "smssync:", "smssync:ä"])
def test_other_names_are_refused(name: str) -> None:
    """The answer lists those there are."""
    with pytest.raises(ValueError, match=r"^must be nexmo, flowroute or smssync:<device>$"):
        providers.provider_name(name)


def test_no_other_module_writes_a_provider_s_name() -> None:
    """A constant that stands twice is changed once."""
    assert [] == [each for each in MODULES if not each.startswith(STRANGERS) and _names(each)]


def _names(module: str) -> bool:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    words = {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    return not words.isdisjoint(providers.NAMES)
