"""``/smssync/messages`` and ``/smssync/devices``: what phones are to send, and how they are."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any
from uuid import UUID

from conf.devices import Device
from gateway.errors import BadRequest
from gateway.smssync.devices import DeviceState, Pairing
from gateway.smssync.tasks import MOST_PRIORITY, NewTask, Task, TaskState
from gateway.telephony import phonenumber, segments
from gateway.telephony.judges import is_possible
from gateway.telephony.plain_text import is_blank
from handlers.admin.base import FieldsHandler
from handlers.admin.fields import ADD_POSSIBLE, LONGEST_SECONDS, NO_NUMBER, Fields, digits, utc
from handlers.admin.once import once

MAX_DEVICE_NAME = 64
FIELDS = ("to", "message", "device", "priority", "ttl", "send_at", "possible", "despite_optout")
# Short codes have three digits and more, numbers of machines more than any person's; none of
# them begins with the nought of a national form.
_SHORT_OR_LONG = re.compile(r"[1-9][0-9]{2,19}")


class TasksHandler(FieldsHandler):
    """``GET /smssync/messages`` and ``POST /smssync/messages {"to","message"[,…]}``."""

    async def get(self) -> None:
        """Answer the newest SMS for phones first."""
        page = await self.services.tasks.page(*self.page())
        listed = [_shown(task) for task in page.items]
        self.reply({"total_messages": page.total, "messages": listed, "next": page.next})

    @once
    async def post(self) -> None:
        """Queue one SMS for one phone, or for whichever asks first."""
        given = self.fields(*FIELDS)
        task = new_task(given)
        if self.made_id:
            task = replace(task, uuid=str(UUID(self.made_id, version=4)))
        despite = "despite_optout" in given.values and given.flag("despite_optout")
        task = await self.services.phones.queue(task, source="admin", despite_optout=despite)
        self.reply(
            {
                "uuid": task.uuid,
                "to": digits(task.to),
                "message": task.message,
                "device": task.device or None,
                "state": TaskState.WAITING,
            }
        )


class TaskHandler(FieldsHandler):
    """``GET`` and ``DELETE /smssync/messages/<uuid>``."""

    async def get(self, element: str) -> None:
        """Answer one SMS."""
        self.reply(_shown(await self.services.tasks.get(element)))

    async def delete(self, element: str) -> None:
        """Cancel one that no phone has taken yet; the answer tells its state in any case."""
        self.fields()
        self.reply(_shown(await self.services.tasks.cancel(element)))


class DevicesHandler(FieldsHandler):
    """``GET /smssync/devices``."""

    async def get(self) -> None:
        """Answer all phones by name."""
        page = await self.services.devices.page(*self.page())
        listed = [_device(*each) for each in page.items]
        self.reply({"total_devices": page.total, "devices": listed, "next": page.next})


class DeviceHandler(FieldsHandler):
    """``GET /smssync/devices/<name>``."""

    async def get(self, name: str) -> None:
        """Answer one phone."""
        devices = self.services.devices
        self.reply(_device(devices.find(name), await devices.state(name)))


class PairingHandler(FieldsHandler):
    """``GET /smssync/devices/<name>/pairing``: what the app's QR code says."""

    async def get(self, name: str) -> None:
        """Answer the pairing as JSON; it holds the phone's secret."""
        self.reply(pairing_code(self.services.devices.pairing(name)))


def new_task(given: Fields) -> NewTask:
    """Return the SMS that ``FIELDS`` describe, under a uuid of its own; raises BadRequest."""
    return NewTask(
        to=_receiver(given),
        device=given.text("device", MAX_DEVICE_NAME),
        message=_message(given),
        priority=given.whole("priority", -MOST_PRIORITY, MOST_PRIORITY),
        ttl=given.seconds("ttl", LONGEST_SECONDS),
        send_at=given.moment("send_at"),
        uuid=str(uuid.uuid4()),
    )


def pairing_code(pairing: Pairing) -> dict[str, str]:
    """Return a pairing as the app reads it as a QR code, https://github.com/ushahidi/SMSSync."""
    return {"title": pairing.device, "url": pairing.url, "secret": pairing.secret}


def _receiver(given: Fields) -> str:
    """Return a number as persons are compared, or the digits of a short code or of a machine."""
    text, possible = given.number_text("to"), given.possible
    if not _SHORT_OR_LONG.fullmatch(text) or phonenumber.parse_international(text, is_possible):
        return given.number("to").person
    if not possible:
        raise BadRequest(f"to: {NO_NUMBER}; {ADD_POSSIBLE}")
    return text


def _message(given: Fields) -> str:
    text = given.text("message", segments.MAX_CHARACTERS)
    if is_blank(text):
        raise BadRequest("message: is missing")
    return text


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
