"""The SMSsync handset emulator: an Android phone with the app, bugs included."""

from __future__ import annotations

from gateway.emulator.smssync.app.radio import SentSms
from gateway.emulator.smssync.handset import Handset
from gateway.emulator.smssync.world.events import Event
from gateway.emulator.smssync.world.exchange import Kind
from gateway.emulator.smssync.world.faults import Faults
from gateway.emulator.smssync.world.preferences import Preferences
from gateway.emulator.smssync.world.traits import Traits
from gateway.emulator.smssync.world.versions import VERSIONS, traits_of

__all__ = [
    "VERSIONS",
    "Event",
    "Faults",
    "Handset",
    "Kind",
    "Preferences",
    "SentSms",
    "Traits",
    "traits_of",
]
