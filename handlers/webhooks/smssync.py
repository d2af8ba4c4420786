"""``/smssync/``: Android phones post the SMS they receive and ask for those to send.

Phones of ten years read the answers, each in its own strict way: they are always JSON with HTTP
status 200, and a list of messages is always there.
"""

from __future__ import annotations

from typing import Any

from conf.devices import Device
from gateway.errors import GatewayError, PayloadTooLarge, StoreUnavailable
from gateway.smssync import bodies, wire
from gateway.smssync.phones import Reply, authentic
from gateway.smssync.tasks import Task
from handlers.base import BaseHandler, Guard

# Versions 3.0.0 to 3.0.3 repeat all earlier SMS since their start in every post.
MAX_BODY_BYTES = 1024 * 1024

WRONG_SECRET = "The secret value sent from the device does not match the one on the server"  # noqa: S105
NO_FROM = "The from variable was not set"
NO_MESSAGE = "The message variable was not set"
NOT_CONFIGURED = "SMSsync is not configured on this server"
STORE_DOWN = "The server cannot store messages just now"
TOO_LARGE = "The request is too large"


class PhoneHandler(BaseHandler):
    """One phone, by the last element of its path; it is known by the secret it sends."""

    guard = Guard.DEVICE

    def initialize(self) -> None:
        """Keep the body from Tornado, which refuses what some versions send."""
        super().initialize()
        self.content_type = self.request.headers.get("Content-Type", "")
        self.request.headers.pop("Content-Type", None)

    async def get(self, name: str = "") -> None:
        """Answer a poll, or a look whether the address is alive."""
        query = bodies.query(self.request.query)
        device = self.services.phones.device(name)
        task = query.get("task")
        if task == "send":
            await self._send(device, query)
        elif task == "result":
            await self._awaiting(device, query)
        else:
            self.reply({"payload": {"success": True, "error": None, "messages": []}})

    async def post(self, name: str = "") -> None:
        """Take an SMS, an acknowledgement or results; some versions poll by POST, too."""
        if len(self.request.body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(TOO_LARGE)
        query = bodies.query(self.request.query)
        device = self.services.phones.device(name)
        task = query.get("task")
        if task == "send":  # the body is an SMS that was posted before
            await self._send(device, query)
        elif task == "sent":
            await self._acknowledge(device)
        elif task == "result":
            await self._results(device, query)
        else:
            await self._incoming(device)

    put = post

    @property
    def log_path(self) -> str:
        """The path with the phone's name, which is no secret."""
        given = getattr(self, "path_args", None) or ()  # not set before the path could be decoded
        name = (given[0] if given else "") or ""
        known = name != "" and self.services.phones.device(name) is not None
        return self.request.path if known else super().log_path

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer in the form that a phone can read."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if status_code == 405:
            super().write_error(status_code, **kwargs)
            return
        self.set_status(200)
        if bodies.query(self.request.query).get("task") in {"sent", "result"}:
            self.reply({"message_uuids": []})
            return
        text = STORE_DOWN if isinstance(error, StoreUnavailable) else f"Error {status_code}"
        self._fail(error.message or text if isinstance(error, GatewayError) else text)

    def _fail(self, error: str) -> None:
        """Refuse; what polls gets an empty list as well, on whose absence versions crash."""
        payload: dict[str, Any] = {"success": False, "error": error}
        if bodies.query(self.request.query).get("task") == "send":
            payload |= {"task": "send", "secret": "", "messages": []}
        self.reply({"payload": payload})

    def _authentic(self, device: Device | None, given: str | None) -> bool:
        authorization = self.request.headers.get("Authorization", "")
        return authentic(device, (given, wire.basic_password(authorization)))

    def _given(self, secret: str | None) -> str:
        """Return the secret that the phone has sent: an old one is not to learn the new one."""
        return secret or wire.basic_password(self.request.headers.get("Authorization", "")) or ""

    def _refuse(self) -> None:
        name = (self.path_args[0] if self.path_args else "") or "default"
        self.services.phones.note_refusal(name, self.client_address)
        self._fail(WRONG_SECRET if self.services.phones.configured else NOT_CONFIGURED)

    async def _send(self, device: Device | None, query: dict[str, str]) -> None:
        """Hand out what this phone is to send."""
        if device is None or not self._authentic(device, query.get("secret")):
            self._refuse()
            return
        version = self.request.headers.get("User-Agent", "")
        tasks = await self.services.tasks.poll(device.name, version=version)
        self.reply(
            {
                "payload": {
                    "task": "send",
                    "secret": self._given(query.get("secret")),
                    "messages": [_message(task) for task in tasks],
                }
            }
        )

    async def _acknowledge(self, device: Device | None) -> None:
        """Name those that the phone may now send; no version sends a secret with them."""
        found: list[str] = []
        if device is not None:
            uuids = wire.uuids(self.request.body)
            found = await self.services.tasks.acknowledge(device.name, uuids) if uuids else []
        self.reply({"message_uuids": found})

    async def _awaiting(self, device: Device | None, query: dict[str, str]) -> None:
        """Name those of which the phone is to report what became of them."""
        found: list[str] = []
        if device is not None and self._authentic(device, query.get("secret")):
            found = await self.services.tasks.awaiting_results(device.name)
        self.reply({"message_uuids": found})

    async def _results(self, device: Device | None, query: dict[str, str]) -> None:
        """Write down what became of SMS; 2.7.0 and 2.7.1 know its uuid alone, as all do above."""
        found: list[str] = []
        silent = "secret" not in query and "Authorization" not in self.request.headers
        if device is not None and (silent or self._authentic(device, query.get("secret"))):
            results = wire.results(self.request.body)
            found = await self.services.tasks.results(device.name, results) if results else []
        self.reply({"message_uuids": found})

    async def _incoming(self, device: Device | None) -> None:
        """Take an SMS; success is answered once it is stored, and for what is none."""
        fields = bodies.fields(self.request.body, self.content_type)
        post = wire.post(fields or {}, device.fields if device else {})
        if post.is_alert or not self.request.body.strip():
            if device is not None and post.battery is not None:
                await self.services.tasks.note_battery(device.name, post.battery)
            self._succeed(None, "")
        elif device is None or not self._authentic(device, post.secret):
            self._refuse()
        elif post.sender is None:
            self._fail(NO_FROM)
        elif post.text is None:
            self._fail(NO_MESSAGE)
        else:
            await self._take(device, post)

    async def _take(self, device: Device, post: wire.Post) -> None:
        version = self.request.headers.get("User-Agent", "")
        await self.services.tasks.touch(device.name, version=version)
        reply = None if post.is_test else await self.services.phones.receive(device, post)
        self._succeed(reply, self._given(post.secret))

    def _succeed(self, reply: Reply | None, secret: str) -> None:
        payload: dict[str, Any] = {"success": True, "error": None}
        if reply is not None:
            message = {"to": reply.to, "message": reply.message, "uuid": reply.uuid}
            payload |= {"task": "send", "secret": secret, "messages": [message]}
        self.reply({"payload": payload})


def _message(task: Task) -> dict[str, str]:
    return {"to": task.to, "message": task.message, "uuid": task.uuid}


ROUTES = [
    # Version 2.7.0 puts "add" in the place of what stands behind the address's last slash.
    (r"/smssync(?:/([^/]+))?/add/?", PhoneHandler),
    (r"/smssync(?:/([^/]+))?/?", PhoneHandler),
]
