"""The provider emulator: a Vonage SMS account and its handsets, on loopback only."""

from __future__ import annotations

from gateway.emulator.app import Emulator

__all__ = ["Emulator"]
