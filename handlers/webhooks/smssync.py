"""``/smssync/``: Android phones post the SMS they receive and ask for those to send.

Phones of ten years read the answers, each in its own strict way: they are always JSON with HTTP
status 200, and a list of messages is always there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from conf.devices import DEFAULT_DEVICE, Device
from gateway.errors import (
    GatewayError,
    LimitExceeded,
    PayloadTooLarge,
    StoreUnavailable,
    Unauthenticated,
)
from gateway.monitoring.metrics import WEBHOOKS
from gateway.providers.smssync import provider_name
from gateway.smssync import bodies, wire
from gateway.smssync.phones import Reply
from gateway.smssync.tasks import Task
from handlers.application import MOST_READ_BYTES
from handlers.base import BaseHandler, Guard
from handlers.webhooks.base import Use

WRONG_SECRET = "The secret value sent from the device does not match the one on the server"  # noqa: S105
NO_FROM = "The from variable was not set"
NO_MESSAGE = "The message variable was not set"
NOT_CONFIGURED = "SMSsync is not configured on this server"
STORE_DOWN = "The server cannot store messages just now"
TOO_MANY = "Too many wrong secrets came from this address, try again later"
TOO_LARGE = "The request is too large"


class PhoneHandler(BaseHandler):
    """One phone, by the last element of its path; it is known by the secret it sends."""

    guard = Guard.DEVICE

    @property
    def element(self) -> str:
        """The phone's name in the path, '' in the short address."""
        given = getattr(self, "path_args", None)  # not set before the path could be decoded
        return (given[0] if given else "") or ""

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return bodies.query(self.request.query)

    @property
    def password(self) -> str | None:
        """The password of an Authorization header, None without one."""
        return wire.basic_password(self.request.headers.get("Authorization", ""))

    @property
    def log_path(self) -> str:
        """The path with the phone's name, which is no secret."""
        known = self.element in self.services.devices.by_name
        return self.request.path if known else super().log_path

    def prepare(self) -> None:
        """Refuse who has tried too many secrets, whatever he sends."""
        self.services.phones.check_guesses(self.element, self.client_address)

    async def get(self, *_: str | None) -> None:
        """Answer a poll, or a look whether the address is alive."""
        task = self.query.get("task")
        if task == "send":
            await self._send()
        elif task == "result":
            await self._awaiting()
        else:
            self._succeed(messages=[])

    async def post(self, *_: str | None) -> None:
        """Take an SMS, an acknowledgement or results; some versions poll by POST, too."""
        if len(self.request.body) > MOST_READ_BYTES:
            raise PayloadTooLarge
        task = self.query.get("task")
        if task == "send":  # the body is an SMS that was posted before
            await self._send()
        elif task == "sent":
            await self._acknowledge()
        elif task == "result":
            await self._results()
        else:
            await self._incoming()

    put = post

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer in the form that a phone can read."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if status_code == 405:
            super().write_error(status_code, **kwargs)
            return
        self.set_status(200)
        if self.query.get("task") in {"sent", "result"}:
            self._name([])
        elif isinstance(error, Unauthenticated):
            name = self.element or DEFAULT_DEVICE
            self.services.phones.note_refusal(name, self.client_address)
            self._fail(WRONG_SECRET if self.services.devices.by_name else NOT_CONFIGURED)
        elif isinstance(error, LimitExceeded):
            self._fail(TOO_MANY)
        elif isinstance(error, PayloadTooLarge):
            self._fail(TOO_LARGE)
        else:
            text = STORE_DOWN if isinstance(error, StoreUnavailable) else f"Error {status_code}"
            self._fail(error.message or text if isinstance(error, GatewayError) else text)

    async def _send(self) -> None:
        """Hand out what this phone is to send."""
        secret = self.query.get("secret")
        device = await self._authenticate(secret)
        tasks = await self.services.tasks.poll(device.name, version=self._version)
        self.reply({"payload": self._messages(tasks, secret)})

    async def _acknowledge(self) -> None:
        """Name those that the phone may now send; no version sends a secret with them."""
        device = self.services.devices.at(self.element)
        asked = wire.uuids(self.request.body)
        self._name(await self.services.tasks.acknowledge(device.name, asked) if device else [])

    async def _awaiting(self) -> None:
        """Name those of which the phone is to report what became of them."""
        device = await self._authenticate(self.query.get("secret"))
        self._name(await self.services.tasks.awaiting_results(device.name))

    async def _results(self) -> None:
        """Write down what became of SMS; 2.7.0 and 2.7.1 know its uuid alone, as all do above."""
        if "secret" in self.query or "Authorization" in self.request.headers:
            await self._authenticate(self.query.get("secret"))
        device = self.services.devices.at(self.element)
        results = wire.results(self.request.body)
        self._name(await self.services.tasks.results(device.name, results) if device else [])

    async def _incoming(self) -> None:
        """Take an SMS; success is answered once it is stored, and for what is none."""
        device = self.services.devices.at(self.element)
        fields = bodies.fields(self.request.body, self.content_type)
        if fields is None:
            await self._unreadable(device.fields if device else {})
            return
        post = wire.post(fields, device.fields if device else {})
        if post.is_alert or not self.request.body.strip():
            if device is not None and post.battery is not None:
                await self.services.devices.note_battery(device.name, post.battery)
            self._succeed()
            return
        device = await self._authenticate(post.secret)
        if post.sender is None:
            self._fail(NO_FROM)
        elif post.text is None:
            self._fail(NO_MESSAGE)
        else:
            await self._take(device, post)

    async def _unreadable(self, names: Mapping[str, str]) -> None:
        """Keep a post that was cut off or is broken; raises Unauthenticated.

        Its secret need not be: without one anybody could fill the inbox. A phone that is refused
        posts again.
        """
        secret = bodies.said(self.request.body, names.get("secret", "secret"))
        device = await self._authenticate(secret)
        secrets = [each for each in (secret, device.secret, device.old_secret) if each]
        await self.services.inbox.keep_raw(
            provider_name(device.name), "", self.request.body, Use.UNREADABLE, secrets
        )
        WEBHOOKS[(Use.UNREADABLE,)].inc()
        self._succeed()

    async def _take(self, device: Device, post: wire.Post) -> None:
        await self.services.devices.touch(device.name, version=self._version)
        reply = None if post.is_test else await self.services.phones.receive(device, post)
        self._succeed(**self._messages([reply], post.secret) if reply else {})

    async def _authenticate(self, secret: str | None) -> Device:
        """Return the phone that calls; raises Unauthenticated, and counts a wrong secret."""
        phones = self.services.phones
        try:
            return phones.authenticate(self.element, (secret, self.password))
        except Unauthenticated:
            if secret or self.password:
                await phones.note_wrong(self.element, self.client_address)
            raise

    @property
    def _version(self) -> str:
        return self.request.headers.get("User-Agent", "")

    def _messages(self, sms: Sequence[Task | Reply], secret: str | None) -> dict[str, Any]:
        """Return what lets a phone send, with the secret that it gave: an old one learns no new."""
        listed = [{"to": each.to, "message": each.message, "uuid": each.uuid} for each in sms]
        return {"task": "send", "secret": secret or self.password or "", "messages": listed}

    def _name(self, uuids: Sequence[str]) -> None:
        self.reply({"message_uuids": uuids})

    def _succeed(self, **more: Any) -> None:
        self.reply({"payload": {"success": True, "error": None, **more}})

    def _fail(self, error: str) -> None:
        """Refuse; what polls gets an empty list as well, on whose absence versions crash."""
        payload: dict[str, Any] = {"success": False, "error": error}
        if self.query.get("task") == "send":
            payload |= {"task": "send", "secret": "", "messages": []}
        self.reply({"payload": payload})


ROUTES = [
    # Version 2.7.0 puts "add" in the place of what stands behind the address's last slash.
    (r"/smssync(?:/([^/]+))?/add/?", PhoneHandler),
    (r"/smssync(?:/([^/]+))?/?", PhoneHandler),
]
