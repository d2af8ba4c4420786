"""``/smssync/messages`` and ``/smssync/devices``: what phones are to send, and how they are."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from conf.devices import Device
from gateway.errors import BadRequest, NotFound
from gateway.smssync.devices import DeviceState
from gateway.smssync.tasks import NewTask, Task
from gateway.telephony import segments
from gateway.wiring.services import Services
from handlers.admin.fields import Fields, FieldsHandler, digits, utc

MOST_PRIORITY = 1000
LONGEST_SECONDS = 10 * 365 * 86_400
FIELDS = ("to", "message", "device", "priority", "ttl", "send_at")

_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)


class TasksHandler(FieldsHandler):
    """``GET /smssync/messages`` and ``POST /smssync/messages {"to","message"[,…]}``."""

    async def get(self) -> None:
        """Answer the newest SMS for phones first."""
        total, tasks, following = await self.services.tasks.page(*self.page())
        listed = [_shown(task) for task in tasks]
        self.reply({"total_messages": total, "messages": listed, "next": following})

    async def post(self) -> None:
        """Queue one SMS for one phone, or for whichever asks first."""
        task = await queue(self.services, self.fields(*FIELDS))
        self.reply(
            {
                "uuid": task.uuid,
                "to": digits(task.to),
                "message": task.message,
                "device": task.device or None,
                "state": "waiting",
            }
        )


class TaskHandler(FieldsHandler):
    """``GET`` and ``DELETE /smssync/messages/<uuid>``."""

    async def get(self, element: str) -> None:
        """Answer one SMS."""
        self.reply(_shown(_found(await self.services.tasks.get(_uuid(element)))))

    async def delete(self, element: str) -> None:
        """Cancel one that no phone has taken yet; the answer tells its state in any case."""
        self.fields()
        self.reply(_shown(await cancel(self.services, element)))


class DevicesHandler(FieldsHandler):
    """``GET /smssync/devices``."""

    async def get(self) -> None:
        """Answer all phones by name."""
        devices, following = await devices_page(self.services, *self.page())
        self.reply(
            {
                "total_devices": len(self.services.phones.devices),
                "devices": [_device(*each) for each in devices],
                "next": following,
            }
        )


class DeviceHandler(FieldsHandler):
    """``GET /smssync/devices/<name>``."""

    async def get(self, name: str) -> None:
        """Answer one phone."""
        device = find_device(self.services, name)
        self.reply(_device(device, await self.services.tasks.device_state(name)))


class PairingHandler(FieldsHandler):
    """``GET /smssync/devices/<name>/pairing``: what the app's QR code says."""

    async def get(self, name: str) -> None:
        """Answer the pairing as JSON; it holds the phone's secret."""
        self.reply(pairing(self.services, find_device(self.services, name)))


async def queue(services: Services, given: Fields, *, source: str = "admin") -> NewTask:
    """Queue the SMS of ``FIELDS`` for ``source`` and return it; raises BadRequest."""
    task = _wanted(services, given)
    await services.phones.queue(task, source=source)
    return task


async def cancel(services: Services, element: str) -> Task:
    """Cancel an SMS by its uuid and return it.

    Raises NotFound, and BadRequest for one that a phone may have sent or that has ended.
    """
    task = _found(await services.tasks.cancel(_uuid(element)))
    if task.state != "cancelled":
        raise BadRequest(f"uuid: cannot be cancelled, it is {task.state}")
    return task


async def devices_page(
    services: Services, limit: int, after: str
) -> tuple[list[tuple[Device, DeviceState]], str | None]:
    """Return phones by name, those behind ``after`` ('' = all), and where to go on."""
    devices = services.phones.devices
    names = sorted(name for name in devices if name > after)
    shown = names[:limit]
    states = await asyncio.gather(*(services.tasks.device_state(name) for name in shown))
    found = [(devices[name], state) for name, state in zip(shown, states, strict=True)]
    return found, shown[-1] if len(names) > limit else None


def find_device(services: Services, name: str) -> Device:
    """Return a phone; raises NotFound."""
    device = services.phones.devices.get(name)
    if device is None:
        raise NotFound("no such device")
    return device


def pairing(services: Services, device: Device) -> dict[str, str]:
    """Return what a phone needs to know of the gateway, its secret among it.

    The app reads it as a QR code, https://github.com/ushahidi/SMSSync. Raises BadRequest.
    """
    if not services.public_url:
        raise BadRequest("public_url: is not set, so the phone's sync URL is not known")
    url = f"{services.public_url}/smssync/{device.name}/"
    return {"title": device.name, "url": url, "secret": device.secret}


def _wanted(services: Services, given: Fields) -> NewTask:
    to = given.number("to")
    device = given.text("device", 64)
    if device and device not in services.phones.devices:
        raise BadRequest("device: unknown")
    if not device and not services.phones.configured:
        raise BadRequest("device: no phone is configured")
    return NewTask(
        uuid=str(uuid.uuid4()),
        to=to.e164,
        message=_message(given),
        device=device,
        priority=given.whole("priority", -MOST_PRIORITY, MOST_PRIORITY),
        ttl=given.seconds("ttl", LONGEST_SECONDS),
        send_at=_send_at(given),
    )


def _message(given: Fields) -> str:
    text = given.text("message", segments.MAX_CHARACTERS)
    if not text.strip():
        raise BadRequest("message: is missing")
    return text


def _send_at(given: Fields) -> int:
    """Return a moment in ms: seconds since 1970, or a date with a time, UTC without a zone."""
    value = given.values.get("send_at")
    if value is None:
        return 0
    try:
        if isinstance(value, str) and not value.isdecimal():
            moment = datetime.fromisoformat(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        else:
            seconds = float(value)
        if not 0 < seconds < time.time() + LONGEST_SECONDS:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadRequest("send_at: must be a date with a time, or seconds since 1970") from None
    return int(seconds * 1000)


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise NotFound("no such message")
    return str(uuid.UUID(text))


def _found(task: Task | None) -> Task:
    if task is None:
        raise NotFound("no such message")
    return task


def _device(device: Device, state: DeviceState) -> dict[str, Any]:
    return {
        "name": device.name,
        "numbers": [digits(number) for number in device.numbers],
        "last_seen": utc(state.last_seen),
        "version": state.version,
        "battery": state.battery,
        "battery_at": utc(state.battery_at),
        "backlog": state.backlog,
        "handed_last_hour": state.handed,
        "hourly_cap": device.hourly_cap,
        "results": state.results,
    }


def _shown(task: Task) -> dict[str, Any]:
    return {
        "uuid": task.uuid,
        "to": digits(task.to),
        "message": task.message,
        "device": task.taken_by or task.device or None,
        "state": task.state,
        "priority": task.priority,
        "created": utc(task.created),
        "send_at": utc(task.send_at),
        "expires": utc(task.expires),
    }


ROUTES = [
    (r"/smssync/messages/?", TasksHandler),
    (r"/smssync/messages/([^/]+)/?", TaskHandler),
    (r"/smssync/devices/?", DevicesHandler),
    (r"/smssync/devices/([^/]+)/?", DeviceHandler),
    (r"/smssync/devices/([^/]+)/pairing/?", PairingHandler),
]
