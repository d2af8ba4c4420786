"""The app's one client object for everything but incoming SMS, with what it never forgets."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.emulator.smssync.wire.bodies import encode_value, gson_json, query
from gateway.emulator.smssync.wire.wire import Wire
from gateway.emulator.smssync.world.exchange import Body, Kind, Request, Response
from gateway.emulator.smssync.world.setup import Setup


@dataclass
class AppMemory:
    """Parameters and the body of earlier requests; version 3 clears them only at a restart."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    body: Body | None = None


class AppClient:
    """Sends tasks, results, alerts and tests to ``url`` as typed by the owner."""

    def __init__(self, setup: Setup, wire: Wire) -> None:
        self._traits = setup.traits
        self._wire = wire
        self._secret = setup.secret or ""
        self.url = setup.url
        self.memory = AppMemory()

    async def post_json(self, kind: Kind, url: str, value: object) -> Response:
        """Post ``value`` as JSON; raises NoAnswer."""
        text = value if isinstance(value, str) else gson_json(value)
        self.memory.body = Body(text.encode(), self._traits.json_type)
        return await self._wire.send(Request(kind, url, "POST", self.memory.body))

    async def get_results(self, url: str) -> Response:
        """Ask which results are awaited; raises NoAnswer."""
        if self._traits.junk_in_results and self.memory.pairs:
            url = f"{url}?{query(self.memory.pairs)}"
        return await self._wire.send(Request(Kind.ASK, url))

    async def send(self, request: Request) -> Response:
        """Send a request that leaves nothing behind; raises NoAnswer."""
        return await self._wire.send(request)

    def task_url(self, task: str, *, secret: bool, suffix: str = "") -> str:
        """Return the sync URL with the task appended, whatever query it already has."""
        base = self.url.rpartition("/")[0] + suffix if suffix else self.url
        given = f"&secret={encode_value(self._secret)}" if secret and self._secret else ""
        return f"{base}?task={task}{given}"
