"""What all parts of one phone have in common."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.emulator.smssync.world.events import Listener
from gateway.emulator.smssync.world.faults import Faults
from gateway.emulator.smssync.world.preferences import Preferences
from gateway.emulator.smssync.world.traits import Traits


@dataclass(frozen=True)
class Setup:
    """One phone: its app, its owner's settings and its misfortunes.

    url: the sync URL as typed; secret: None where a pairing code had none; number: of the SIM;
    timeout: seconds, None = the version's own.
    """

    url: str
    secret: str | None
    number: str
    traits: Traits
    preferences: Preferences
    faults: Faults
    listener: Listener
    timeout: float | None = None
