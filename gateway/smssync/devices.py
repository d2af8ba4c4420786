"""What is known of a phone: when it was heard of, its version, its battery, whether it reports."""

from __future__ import annotations

from dataclasses import dataclass

# A phone that polls does so every few minutes; percent of a battery.
SILENT_MS = 15 * 60_000
LOW_BATTERY = 20


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What is known of a phone.

    last_seen, battery_at: ms, 0 = never; battery: percent, None = never told; results: whether it
    reports results; backlog: SMS that wait for it alone; handed: given to it in the last hour.
    """

    last_seen: int
    version: str
    battery: int | None
    battery_at: int
    results: bool
    backlog: int
    handed: int

    def is_silent(self, now_ms: float) -> bool:
        """Tell whether a phone was not heard of for so long, or never, that it needs a look."""
        return now_ms - self.last_seen > SILENT_MS

    @property
    def battery_low(self) -> bool:
        """Whether the phone has told that it is to be charged."""
        return self.battery is not None and self.battery < LOW_BATTERY
