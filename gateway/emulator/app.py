"""The emulator as one object: a loopback web server, an account and its webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from gateway.emulator.account.account import Account
from gateway.emulator.account.calls import Call
from gateway.emulator.account.records import ApiRequest, Attempt, HandsetText, SentMessage
from gateway.emulator.api import flowroute, numbers
from gateway.emulator.api.application import EmulatorApplication, Route
from gateway.emulator.api.base import UnknownPathHandler
from gateway.emulator.api.insight import InsightHandler
from gateway.emulator.api.sms import SmsHandler
from gateway.emulator.control import calls, conversation, page, remote
from gateway.emulator.control.conversation import Entry
from gateway.emulator.rented.leases import Lease
from gateway.emulator.settings import Settings, changed
from gateway.emulator.webhooks.delivery import Deliveries

HOST = "127.0.0.1"
# Above this the connection is dropped; read_params and read_object refuse far smaller bodies.
MAX_BUFFERED_BYTES = 8 * 1024 * 1024


ROUTES: Sequence[Route] = (
    (r"/sms/json/?", SmsHandler),
    (r"/v2\.1/messages/?", flowroute.SendHandler),
    (r"/number/search/?", numbers.SearchHandler),
    (r"/account/numbers/?", numbers.OwnedHandler),
    (r"/number/buy/?", numbers.BuyHandler),
    (r"/number/update/?", numbers.UpdateHandler),
    (r"/ni/basic/json/?", InsightHandler),
    (r"/emulator/calls/?", calls.CallsHandler),
    (r"/emulator/calls/([0-9a-f]+)", calls.CallHandler),
    (r"/emulator/next/?", remote.NextHandler),
    (r"/emulator/messages/?", remote.MessagesHandler),
    (r"/emulator/inbound/?", remote.InboundHandler),
    (r"/emulator/handsets/?", remote.HandsetsHandler),
    (r"/emulator/requests/?", remote.RequestsHandler),
    (r"/emulator/settings/?", remote.SettingsHandler),
    (page.PATH, page.PageHandler),
)


class Emulator:
    """A Vonage account (SMS, numbers, voice), a Flowroute account and their handsets, on loopback.

    Takes every setting of ``gateway.emulator.settings.Settings`` by its name; raises BadRequest
    for a wrong one.
    """

    def __init__(self, **settings: object) -> None:
        self._account = Account(changed(Settings(), settings))
        self._deliveries = Deliveries()
        self._application = EmulatorApplication(
            self._account, self._deliveries, ROUTES, UnknownPathHandler
        )
        self._server: HTTPServer | None = None
        self.domain = ""

    @property
    def url(self) -> str:
        """The address of the started emulator, without a slash at its end."""
        return f"http://{self.domain}"

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._account.settings

    @property
    def sent(self) -> Sequence[SentMessage]:
        """The accepted messages, oldest first, at most 10,000."""
        return self._account.sent

    @property
    def requests(self) -> Sequence[ApiRequest]:
        """Every request to send, refused and failed ones too, at most 10,000."""
        return self._account.requests

    @property
    def texts(self) -> Sequence[HandsetText]:
        """What handsets sent, oldest first, at most 10,000."""
        return self._account.texts

    @property
    def calls(self) -> Sequence[Call]:
        """What handsets called, oldest first, at most 10,000."""
        return self._account.calls

    @property
    def owned(self) -> Mapping[str, Lease]:
        """The rented numbers, oldest first, by their digits."""
        leases = self._account.leases.owned(self._account.settings)
        return {lease.offer.msisdn: lease for lease in leases}

    def configure(self, **changes: object) -> None:
        """Change settings by name, also for after a reset; raises BadRequest for a wrong one."""
        self._account.configure(changes)

    def conversation_of(self, number: str, limit: int = 100) -> list[Entry]:
        """Return what a handset (bare digits) shows: its newest entries, oldest first."""
        return conversation.of_handset(self._account, number, limit)

    async def text(
        self, sender: str, to: str, text: str, *, wait: bool = True, **options: object
    ) -> list[Attempt]:
        """Let a handset text a virtual number, and wait until it was told or given up.

        options: the further keys of ``POST /emulator/inbound``; wait=False returns at once.
        Returns every attempt so far at every webhook, in order of time. Raises BadRequest naming
        what is wrong.
        """
        order = {"from": sender, "to": to, "text": text, **options}
        sent, delivery = self._application.dispatcher.text(order)
        if wait:
            await delivery
        return sent.attempts()

    async def call(self, sender: str, to: str, *, wait: bool = True, **options: object) -> Call:
        """Let a handset call a virtual number; returns when the call is over and was told of.

        options: the further keys of ``POST /emulator/calls``; wait=False returns at once, and
        ``Call.hang_up`` ends what is held. Raises BadRequest naming what is wrong.
        """
        order = {"from": sender, "to": to, **options}
        call, ended = self._application.switchboard.place(order)
        if wait:
            await ended
        return call

    def hang_up(self, number: str) -> int:
        """Let a handset (bare digits) end the calls it is in; returns how many there were."""
        return conversation.hang_up(self._account, number)

    async def reset(self) -> None:
        """Forget messages, texts, calls, rents, requests, orders and changes by HTTP.

        Webhooks that are pending are dropped, calls broken off.
        """
        await self._application.reset()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. Raises OSError when the port is taken."""
        sockets = bind_sockets(port, HOST)
        await self._deliveries.start()
        self._server = HTTPServer(self._application, max_buffer_size=MAX_BUFFERED_BYTES)
        self._server.add_sockets(sockets)
        self.domain = f"{HOST}:{sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close the listener and all connections, and give up pending webhooks."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None
        await self._deliveries.stop()
