"""The phones that the owner has listed, and what is known of each: last seen, version, battery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conf.devices import DEFAULT_DEVICE, Device
from gateway.errors import BadRequest, NotFound
from gateway.smssync.tasks import plain
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store
from gateway.store.script import Script, pairs

# A phone that polls does so every few minutes; percent of a battery.
SILENT_MS = 15 * 60_000
LOW_BATTERY = 20

_TOUCH = Script.load(__file__, "device_touch")
_STATE = Script.load(__file__, "device_state")


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


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a phone needs to know of the gateway: its sync URL and its secret."""

    device: str
    url: str
    secret: str


class Devices:
    """The phones of ``devices``; public_url: the gateway's address as they see it, '' = unknown."""

    def __init__(self, store: Store, devices: Sequence[Device], *, public_url: str = "") -> None:
        self._store = store
        self._devices = {device.name: device for device in devices}
        self._public_url = public_url
        self._touched: dict[str, tuple[int, str]] = {}
        self._batteries: dict[str, int] = {}

    @property
    def by_name(self) -> Mapping[str, Device]:
        """The phones by name."""
        return self._devices

    def at(self, element: str) -> Device | None:
        """Return the phone of a path element; of '': the one called default, or the only one."""
        if element:
            return self._devices.get(element)
        only = next(iter(self._devices.values())) if len(self._devices) == 1 else None
        return self._devices.get(DEFAULT_DEVICE, only)

    def find(self, name: str) -> Device:
        """Return a phone; raises NotFound."""
        device = self._devices.get(name)
        if device is None:
            raise NotFound("no such device")
        return device

    def pairing(self, name: str) -> Pairing:
        """Return how to pair a phone; raises NotFound, and BadRequest without a public URL."""
        device = self.find(name)
        if not self._public_url:
            raise BadRequest("public_url: is not set, so the phone's sync URL is not known")
        return Pairing(name, f"{self._public_url}/smssync/{name}/", device.secret)

    async def page(self, limit: int, after: str) -> Page[tuple[Device, DeviceState]]:
        """Return phones by name with their states, those behind ``after`` ('' = from the first)."""
        names = sorted(name for name in self._devices if name > after)
        shown = names[:limit]
        states = await asyncio.gather(*map(self.state, shown))
        found = [(self._devices[name], state) for name, state in zip(shown, states, strict=True)]
        return Page(len(self._devices), found, shown[-1] if len(names) > limit else None)

    async def state(self, name: str) -> DeviceState:
        """Return what is known of a phone; raises NotFound."""
        setting = self.find(name).results
        names = [keys.device(name), keys.TASK_QUEUE, keys.TASK_HANDED]
        backlog, handed, *flat = await self._store.run(_STATE, names, [name])
        fields = pairs(flat)
        return DeviceState(
            last_seen=int(fields.get("last_seen", 0)),
            version=fields.get("version", ""),
            battery=int(fields["battery"]) if "battery" in fields else None,
            battery_at=int(fields.get("battery_at", 0)),
            results=setting == "on" or (setting == "auto" and "results" in fields),
            backlog=backlog,
            handed=handed,
        )

    async def touch(self, name: str, *, version: str = "") -> None:
        """Note that a phone was heard of; version: of its app, '' = not told.

        Within a second the same news is noted once: phones post as fast as SMS come.
        """
        news = (int(time.monotonic()), version)
        if self._touched.get(name) != news:
            self._touched[name] = news
            await self._store.run(_TOUCH, [keys.device(name)], [plain(version)])

    async def note_battery(self, name: str, level: int) -> None:
        """Note a battery's level (percent), which a phone tells without its secret.

        Once a second at most; it does not count as having heard of the phone.
        """
        now = int(time.monotonic())
        if self._batteries.get(name) != now:
            self._batteries[name] = now
            at = int(time.time() * 1000)
            fields = ("battery", level, "battery_at", at)
            await self._store.execute("HSET", keys.device(name), *fields)
