"""The providers, each declared once: its name and what is known of it before anything is sent.

They are declared here, since options name them and conf/ imports nothing of gateway/. A new one
is declared in ``PROVIDERS``, written as a module of gateway/providers/ and made of its options in
wiring/from_settings.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """A provider.

    name: in options, in the store and as a label of the metrics; credentials: the two options by
    which it knows the account; by_device: it is one of several phones, named ``<name>:<device>``;
    voice: calls on its numbers reach the gateway; domestic: its numbers text North America alone.
    """

    name: str
    credentials: tuple[str, str] | None = None
    by_device: bool = False
    voice: bool = False
    domestic: bool = False

    @property
    def written(self) -> str:
        """How its name is written in an option."""
        return f"{self.name}:<device>" if self.by_device else self.name


NEXMO = Declared("nexmo", ("nexmo_api_key", "nexmo_api_secret"), voice=True)
# https://developer.flowroute.com/docs
FLOWROUTE = Declared("flowroute", ("flowroute_access_key", "flowroute_secret_key"), domestic=True)
SMSSYNC = Declared("smssync", by_device=True)

PROVIDERS = (NEXMO, FLOWROUTE, SMSSYNC)
NAMES = tuple(each.name for each in PROVIDERS)
VOICE_PROVIDERS = tuple(each.name for each in PROVIDERS if each.voice)
_PHONES = frozenset(each.name for each in PROVIDERS if each.by_device)

_SUFFIX = r":[A-Za-z0-9._-]+"
_NAME = re.compile("|".join(each.name + _SUFFIX * each.by_device for each in PROVIDERS))


def choices() -> str:
    """Return how providers are written in an option, for people."""
    *others, last = (each.written for each in PROVIDERS)
    return f"{', '.join(others)} or {last}"


def label(provider: str) -> str:
    """Return the name under which a provider is declared: all phones share one."""
    return provider.partition(":")[0]


def is_phone(provider: str) -> bool:
    """Tell whether a provider is a phone."""
    return label(provider) in _PHONES


def provider_name(value: str) -> str:
    """Return the name of a provider unchanged; raises ValueError."""
    if not _NAME.fullmatch(value):
        raise ValueError(f"must be {choices()}")
    return value
