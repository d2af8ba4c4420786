"""The phones that run SMSsync: how they are, what they are to send, and how one is paired."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

import segno
import ujson

from conf.devices import Device
from gateway.errors import Forbidden
from gateway.smssync.devices import DeviceState
from gateway.smssync.tasks import Task
from gateway.store import paging
from handlers.admin.phones import FIELDS, new_task, pairing_code
from handlers.console.base import ConsoleHandler, path
from handlers.console.page import Action, Page, page_or_first

ROWS = 50
# The queue has no index by phone: of so many of the newest SMS a phone's own are picked.
LOOKED_AT = 200
# Light modules around the code, without which scanners do not find it (ISO/IEC 18004).
QUIET_ZONE = 4


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A phone; silent: never heard of, or not for 15 minutes, in which every phone polls."""

    device: Device
    state: DeviceState
    silent: bool

    @property
    def battery_tone(self) -> str:
        """How the battery's level is coloured."""
        if self.state.battery is None:
            return "plain"
        return "bad" if self.state.battery_low else "good"

    @property
    def seen(self) -> str:
        """Whether the phone is heard of, in a word."""
        if not self.state.last_seen:
            return "never heard of"
        return "silent" if self.silent else "heard of"

    @property
    def results(self) -> str:
        """Whether the phone reports what became of an SMS."""
        if self.device.results == "auto":
            return "yes, it has done so" if self.state.results else "not so far"
        return "yes, as configured" if self.state.results else "no, as configured"


class DevicesPage(Page):
    """``/console/devices``."""

    template = "devices.html"
    live = "devices_live.html"

    async def data(self, *args: str) -> dict[str, Any]:
        """Return a page of the phones."""
        after = self.get_query_argument("after", "")
        page = await self.services.devices.page(ROWS, after)
        return {"rows": [_row(*each) for each in page.items], "next": page.next}


class DevicePage(Action):
    """``/console/devices/<name>``: a phone and its queue; the form queues an SMS."""

    template = "device.html"
    live = "device_live.html"
    done_words: ClassVar[dict[str, str]] = {
        "queued": "The SMS waits for the phone.",
        "cancelled": "The SMS is cancelled.",
    }
    labels: ClassVar[dict[str, str]] = {
        "to": "To",
        "message": "Message",
        "device": "Sent by",
        "priority": "Priority",
        "send_at": "Not before",
        "ttl": "Worth sending for",
        "uuid": "The SMS",
    }

    async def data(self, *args: str) -> dict[str, Any]:
        """Return the phone and a page of its queue; the pairing only to whom it was shown."""
        devices, public_url, name = self.services.devices, self.services.public_url, args[0]
        row = _row(devices.find(name), await devices.state(name))
        queue = await self._queue(name)
        shown = bool(public_url) and self.is_shown(thing(name))
        return {
            "row": row,
            "total": queue.total,
            "tasks": queue.items,
            "looked_at": LOOKED_AT,
            "next": queue.next,
            "can_pair": bool(public_url),
            "only_here": only_here(public_url),
            "pairing": devices.pairing(name) if shown else None,
        }

    async def _queue(self, name: str) -> paging.Page[Task]:
        """Return a page of the SMS for this phone; its total is that of all phones."""
        after = self.get_query_argument("after", "")
        page = await page_or_first(self.services.tasks.page, LOOKED_AT, after)
        own = [each for each in page.items if _concerns(each, name)]
        following = own[ROWS - 1].uuid if len(own) > ROWS else page.next
        return paging.Page(page.total, own[:ROWS], following)

    async def perform(self, *args: str) -> str:
        """Queue an SMS."""
        self.services.devices.find(args[0])
        task = new_task(self.fields(*FIELDS))
        await self.services.phones.queue(task, source="console")
        return path("devices", args[0], done="queued")


class CancelSms(DevicePage):
    """``POST /console/devices/<name>/messages/<uuid>/cancel``."""

    async def perform(self, *args: str) -> str:
        """Cancel an SMS that no phone may send yet."""
        self.fields()
        await self.services.tasks.cancel(args[1])
        return path("devices", args[0], done="cancelled")


class PairingCode(ConsoleHandler):
    """``/console/devices/<name>/pairing.svg``: the QR code that the app on the phone reads."""

    async def get(self, name: str) -> None:
        """Answer the code to whom it was shown a short while ago, and to nobody else."""
        devices = self.services.devices
        if not self.is_shown(thing(devices.find(name).name)):
            raise Forbidden("The pairing code holds a secret. Show it on the page of the phone.")
        # The same bytes as GET /smssync/devices/<name>/pairing: ASCII, which every scanner reads.
        code = pairing_code(devices.pairing(name))
        text = ujson.dumps(code, escape_forward_slashes=False)
        self.set_page_headers()
        self.set_header("Content-Type", "image/svg+xml; charset=UTF-8")
        self.finish(_svg(text))


def thing(name: str) -> str:
    """Return under what it is noted that a phone's pairing code was shown."""
    return f"device:{name}"


def only_here(url: str) -> bool:
    """Tell whether an address means the machine itself, whichever looks it up."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761, 6.3
    return address.is_loopback or address.is_unspecified


def _svg(text: str) -> bytes:
    """Return a QR code, dark on light in either set of colours, since many apps read no other."""
    file = io.BytesIO()
    code = segno.make_qr(text)
    code.save(
        file, kind="svg", scale=8, border=QUIET_ZONE, dark="#000", light="#fff", xmldecl=False
    )
    return file.getvalue()


def _row(device: Device, state: DeviceState) -> PhoneRow:
    return PhoneRow(device, state, state.is_silent(time.time() * 1000))


def _concerns(task: Task, name: str) -> bool:
    """Tell whether a phone has an SMS, or may be handed it."""
    return task.taken_by == name or (not task.taken_by and task.device in {"", name})


ROUTES = [
    (r"/console/devices/?", DevicesPage),
    (r"/console/devices/([^/]+)/?", DevicePage),
    (r"/console/devices/([^/]+)/pairing\.svg", PairingCode),
    (r"/console/devices/([^/]+)/messages/([^/]+)/cancel/?", CancelSms),
]
