"""The provider emulator: Vonage and Flowroute accounts and handsets, on loopback only."""

from __future__ import annotations

from gateway.emulator.app import Emulator

__all__ = ["Emulator"]
