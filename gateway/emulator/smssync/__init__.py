"""The SMSsync handset emulator: an Android phone with the app, bugs included."""

from __future__ import annotations

from gateway.emulator.smssync.events import Event
from gateway.emulator.smssync.exchange import Kind
from gateway.emulator.smssync.faults import Faults
from gateway.emulator.smssync.handset import Handset
from gateway.emulator.smssync.preferences import Preferences
from gateway.emulator.smssync.radio import SentSms
from gateway.emulator.smssync.traits import Traits
from gateway.emulator.smssync.versions import VERSIONS, traits_of

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
