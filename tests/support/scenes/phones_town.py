"""The town of the masked conversations with Android phones in it that run SMSsync."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from gateway.emulator.smssync import Handset
from tests.support.scenes.masking import Town, town, until
from tests.support.visitor import Reply, Visitor, visiting

SECRET = "123456"
TO = "4917612345678"

# With characters that mean something in queries, in forms, and in the way the app builds both.
FRONT_SECRET = "front ?&=%+#ü"
FRONT_OLD = "front-before"
BACK_SECRET = "back-secret"
FRONT_NUMBER = "12065550171"
BACK_NUMBERS = ("12065550172", "12065550173")
SECRETS = {"front": FRONT_SECRET, "back": BACK_SECRET, "reporting": "reporting-secret"}
DEVICES = f"""
[[device]]
name = "front"
secret = "{FRONT_SECRET}"
old_secret = "{FRONT_OLD}"
numbers = ["+{FRONT_NUMBER}"]
hourly_cap = 0

[[device]]
name = "back"
secret = "{BACK_SECRET}"
numbers = ["+{BACK_NUMBERS[0]}", "+{BACK_NUMBERS[1]}"]
results = false

[[device]]
name = "reporting"
secret = "reporting-secret"
results = true
"""

SUCCESS = '{"payload":{"success":true,"error":null}}'
WRONG = "The secret value sent from the device does not match the one on the server"


def refusal(error: str = WRONG) -> str:
    """Return the body with which a post is refused."""
    return f'{{"payload":{{"success":false,"error":"{error}"}}}}'


def empty_poll(error: str = WRONG) -> str:
    """Return the body with which a poll is refused."""
    refused = f'"success":false,"error":"{error}"'
    return f'{{"payload":{{{refused},"task":"send","secret":"","messages":[]}}}}'


def devices_file(directory: Path, content: str = DEVICES) -> str:
    """Return the option that names a file of phones with this content."""
    file = directory / "devices.toml"
    file.write_text(content, encoding="utf-8")
    return f"--smssync_devices_file={file}"


@dataclass
class PhonesTown(Town):
    """A town with phones; ``secrets``: by their names, '' = that of the short address."""

    visitor: Visitor
    secrets: Mapping[str, str] = field(default_factory=dict)

    def url(self, device: str = "") -> str:
        """Return the sync URL of a phone."""
        return f"{self.gateway.url}/smssync/{device}/" if device else f"{self.gateway.url}/smssync/"

    def handset(self, device: str = "", version: str = "3.1", **options: Any) -> Handset:
        """Return a phone with the right address and secret."""
        chosen: dict[str, Any] = {"secret": self.secrets[device], **options}
        return Handset(self.url(device), version=version, **chosen)

    async def ask(
        self, method: str, target: str, body: str | bytes = b"", kind: str = "", **headers: str
    ) -> Reply:
        """Send a request exactly as written; kind: its content type, '' = none."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if kind:
            named["Content-Type"] = kind
        content = body.encode() if isinstance(body, str) else body
        data = BytesIO(content) if content else None
        return await self.visitor.request(
            method, target, data=data, headers=named, skip_auto_headers=["Content-Type"]
        )

    async def queue(self, message: str = "Hello", to: str = TO, **more: object) -> str:
        """Queue an SMS for a phone over the admin route and return its uuid."""
        made = await self.ok("POST", "/smssync/messages", {"to": to, "message": message, **more})
        return str(made["uuid"])

    async def state(self, task: str) -> str:
        """Return the state that the admin route shows of an SMS for a phone."""
        return str((await self.ok("GET", f"/smssync/messages/{task}"))["state"])

    async def life(self, task: str) -> tuple[str, str, bool]:
        """Return the state of an SMS, then (delivery, final) as the site's visitors see it."""
        delivery, final, _ = await self.visitor.status(message_id(task))
        return await self.state(task), delivery, final

    async def kept(self) -> list[tuple[str, str, str]]:
        """Return (from, text, reason) of what is in the inbox, oldest first."""
        inbox = await self.ok("GET", "/inbox?limit=1000")
        found = [(each["from"], each["text"], each["reason"]) for each in inbox["messages"]]
        return found[::-1]


def message_id(task: str) -> str:
    """Return the id under which the gateway knows the message with this uuid."""
    return uuid.UUID(task).hex


async def sends(phone: Handset, count: int) -> list[tuple[str, str]]:
    """Let a phone poll until it has sent so many SMS; return (to, text) of all, in order."""

    async def sent() -> bool:
        await phone.poll()
        return len(phone.sent) >= count

    await until(sent)
    return [(each.to.removeprefix("+"), each.text) for each in phone.sent]


@asynccontextmanager
async def one_secret(redis_url: str, *options: str) -> AsyncIterator[PhonesTown]:
    """Run a town where a shared secret is all that is configured of phones."""
    async with phones_town(redis_url, f"--smssync_secret={SECRET}", *options) as made:
        made.secrets = {"": SECRET, "default": SECRET}
        yield made


@asynccontextmanager
async def phones_town(redis_url: str, *options: str) -> AsyncIterator[PhonesTown]:
    """Run a town with the phones of the options, and those of DEVICES known by their secrets."""
    async with town(redis_url, *options) as made, visiting(made.gateway.url) as visitor:
        yield PhonesTown(made.gateway, made.emulator, visitor, SECRETS)
