"""What else the app says to the server: alerts, the test button, and questions sent by SMS."""

from __future__ import annotations

from gateway.emulator.smssync.app.client import AppClient
from gateway.emulator.smssync.app.replies import payload_of
from gateway.emulator.smssync.wire.bodies import encode, form
from gateway.emulator.smssync.wire.lenient_json import Unreadable
from gateway.emulator.smssync.world.events import Event
from gateway.emulator.smssync.world.exchange import Kind, NoAnswer, Request, Response
from gateway.emulator.smssync.world.setup import Setup
from gateway.emulator.smssync.world.traits import Alert, Parser

TEST_FROM = "+000000000000"
TEST_MESSAGE = "Test Message From SMSSync Integration"
CELL, SERVER, BATTERY, ALL = "@10", "@20", "@30", "@40"
CELL_TEXT = "cell reception ok"
STATUS_CODES = frozenset({CELL, SERVER, BATTERY, ALL})


class Controls:
    """Alerts, tests and status codes of one phone."""

    def __init__(self, setup: Setup, client: AppClient) -> None:
        self._traits = setup.traits
        self._preferences = setup.preferences
        self._listener = setup.listener
        self._secret = setup.secret or ""
        self._client = client

    async def battery_low(self, level: int) -> bool:
        """Tell the server, as far as the version can; return whether it answered 200."""
        return await self._alert([("message", battery_text(level))])

    async def send_failed(self, text: str, code: int) -> None:
        """Tell the server of an SMS that could not be sent, if the version does."""
        if self._traits.alerts_failed_sends:
            await self._alert([("message", text), ("errorCode", str(code))])

    async def test(self) -> bool:
        """Press the test button; return whether the app says that the server works.

        Raises ValueError for a version without the button.
        """
        if self._traits.test_fields is None:
            raise ValueError(f"version {self._traits.version} has no test button")
        try:
            response = await self._client.send(self._test_request(self._traits.test_fields))
            passed = response.status == 200 and _has_payload(response)
        except (NoAnswer, Unreadable):
            passed = False
        self._listener(Event("tested", detail="passed" if passed else "failed"))
        return passed

    async def status(self, code: str, level: int) -> str:
        """Return the SMS with which the phone answers a status code, level in per cent."""
        answers = {CELL: CELL_TEXT, BATTERY: battery_text(level)}
        if code in (SERVER, ALL):
            answers[SERVER] = await self._server_status()
        return ", ".join(answers.values()) if code == ALL else answers[code]

    async def _server_status(self) -> str:
        title = self._preferences.title
        try:
            response = await self._client.send(Request(Kind.STATUS, self._client.url))
        except NoAnswer:
            return "Cannot reach server."
        return f"Server {title} responded with {response.status} status code"

    async def _alert(self, details: list[tuple[str, str]]) -> bool:
        request = self._alert_request([("Task", "alert"), *details])
        if request is None:
            return False
        try:
            response = await self._client.send(request)
        except NoAnswer:
            return False
        self._listener(Event("alerted", detail=f"status {response.status}"))
        return response.status == 200

    def _alert_request(self, pairs: list[tuple[str, str]]) -> Request | None:
        """Return the alert; None where the version fails to make one."""
        if self._traits.alert is Alert.NONE:
            return None
        body = form(pairs, self._traits)
        if self._traits.alert is Alert.STALE:
            # The parameters are only noted, and what was last posted is posted again.
            self._client.memory.pairs.extend(pairs)
            stale = self._client.memory.body
            if stale is None:
                return None
            body = stale
        return Request(Kind.ALERT, self._client.url, "POST", body)

    def _test_request(self, fields: tuple[str, ...]) -> Request:
        if not fields:
            return Request(Kind.TEST, self._client.url)
        values = {"secret": self._secret, "from": TEST_FROM, "message": TEST_MESSAGE}
        names = self._preferences.names
        memory = self._client.memory
        memory.pairs.extend((names.get(name, name), values[name]) for name in fields)
        memory.body = encode(memory.pairs, self._preferences.data_format, self._traits)
        method = self._preferences.method
        return Request(Kind.TEST, self._client.url, method, memory.body)


def battery_text(level: int) -> str:
    """Return what the phone says of its battery; level in per cent."""
    return f"Battery level is at {level}"


def _has_payload(response: Response) -> bool:
    return payload_of(response.text, Parser.GSON) is not None
