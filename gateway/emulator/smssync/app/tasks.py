"""Tasks: the poll for SMS to send, the handshake before sending, and the sending itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.emulator.smssync.app.client import AppClient
from gateway.emulator.smssync.app.radio import Radio
from gateway.emulator.smssync.app.replies import (
    AppCrashed,
    Payload,
    TaskMessage,
    payload_of,
    uuids_of,
)
from gateway.emulator.smssync.wire.lenient_json import Unreadable
from gateway.emulator.smssync.world.events import Event
from gateway.emulator.smssync.world.exchange import Body, Kind, NoAnswer, Request
from gateway.emulator.smssync.world.setup import Setup
from gateway.emulator.smssync.world.traits import Parser

# What a failed SMS leaves to be told to the server: the text and Android's code.
Failure = tuple[str, int]


class Tasks:
    """Polls the server and does what it says; ``stale`` returns the body of the last sync."""

    def __init__(
        self, setup: Setup, client: AppClient, radio: Radio, stale: Callable[[], Body | None]
    ) -> None:
        self._traits = setup.traits
        self._preferences = setup.preferences
        self._listener = setup.listener
        self._secret = setup.secret or ""
        self._client = client
        self._radio = radio
        self._stale = stale

    async def poll(self) -> list[Failure]:
        """Ask once and send what comes; return the failures. Raises AppCrashed."""
        try:
            response = await self._client.send(self._request())
            if self._traits.poll_needs_200 and response.status != 200:
                raise Unreadable(f"status {response.status}")
            payload = payload_of(response.text, self._traits.parser)
        except (NoAnswer, Unreadable) as error:
            self._listener(Event("poll_failed", detail=str(error)))
            return []
        messages = self._messages(payload)
        self._listener(Event("polled", detail=f"{len(messages)} to send"))
        return self.send(await self._confirmed(messages))

    def send(self, messages: Sequence[TaskMessage | None]) -> list[Failure]:
        """Send SMS; return the failures. Raises AppCrashed at the first impossible one."""
        failures: list[Failure] = []
        for message in messages:
            if message is None:
                raise AppCrashed("a message is null")
            failures += self._radio.send(message.to, message.text, message.uuid)
        return failures

    def _request(self) -> Request:
        traits = self._traits
        url = self._client.task_url("send", secret=traits.secret_in_poll)
        if traits.bare_poll_without_secret and not self._secret:
            url = self._client.url
        if traits.stale_poll and (body := self._stale()):
            return Request(Kind.SEND, url, self._preferences.method, body)
        return Request(Kind.SEND, url)

    def _messages(self, payload: Payload | None) -> Sequence[TaskMessage | None]:
        """Return what is to be sent. Raises AppCrashed where the version does not look first."""
        if payload is None:
            return []
        if payload.task is None and self._traits.crashes_without_task and self._is_ours(payload):
            raise AppCrashed("the answer names no task")
        if payload.task != "send" or not self._is_ours(payload):
            return []
        if payload.messages is None and self._traits.parser is Parser.GSON:
            raise AppCrashed("the answer has no messages")
        return payload.messages or []

    def _is_ours(self, payload: Payload) -> bool:
        if not self._secret and not self._traits.checks_empty_secret:
            return True
        return payload.secret == self._secret

    async def _confirmed(
        self, messages: Sequence[TaskMessage | None]
    ) -> Sequence[TaskMessage | None]:
        """Return the messages that may be sent: with the results API those the server echoes."""
        if self._traits.results is None or not self._preferences.results_api or not messages:
            return messages
        if None in messages:
            raise AppCrashed("a message is null")
        queued = [message.uuid for message in messages if message]
        echoed = await self._echoed(queued)
        return [message for message in messages if message and message.uuid in echoed]

    async def _echoed(self, queued: list[str | None]) -> Sequence[str | None]:
        suffix = self._traits.results_suffix
        url = self._client.task_url("sent", secret=False, suffix=suffix)
        try:
            response = await self._client.post_json(Kind.SENT, url, {"queued_messages": queued})
            return (uuids_of(response.text) or []) if response.status == 200 else []
        except (NoAnswer, Unreadable) as error:
            self._listener(Event("poll_failed", detail=f"task=sent: {error}"))
            return []
