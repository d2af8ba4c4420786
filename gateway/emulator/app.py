"""The emulator as one object: a loopback web server, an account and its receipts."""

from __future__ import annotations

from collections.abc import Sequence

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from gateway.emulator import control, page
from gateway.emulator.account import Account
from gateway.emulator.application import EmulatorApplication, Route
from gateway.emulator.base import UnknownPathHandler
from gateway.emulator.delivery import Deliveries
from gateway.emulator.inbox import ApiRequest, SentMessage
from gateway.emulator.settings import Settings, changed
from gateway.emulator.sms import SmsHandler

HOST = "127.0.0.1"
# Above this the connection is dropped; read_params and read_object refuse far smaller bodies.
MAX_BUFFERED_BYTES = 8 * 1024 * 1024


ROUTES: Sequence[Route] = (
    (r"/sms/json/?", SmsHandler),
    (r"/emulator/next/?", control.NextHandler),
    (r"/emulator/messages/?", control.MessagesHandler),
    (r"/emulator/requests/?", control.RequestsHandler),
    (r"/emulator/settings/?", control.SettingsHandler),
    (page.PATH, page.PageHandler),
)


class Emulator:
    """A Vonage SMS account on loopback.

    rate: API requests per second, 0 = not throttled; dlr_delay and retry_delays: seconds.
    ``configure`` takes every further setting. Raises BadRequest for a wrong one.
    """

    def __init__(
        self,
        *,
        api_key: str = "emulator",
        api_secret: str = "emulator-secret",  # noqa: S107  the emulator's public default
        signature_secret: str = "",
        signature_method: str = "md5hash",
        dlr_url: str = "",
        dlr_method: str = "POST-JSON",
        dlr_delay: float = 0.5,
        dlr_statuses: Sequence[str] = ("delivered",),
        retry_delays: Sequence[float] = (0.2, 0.4, 0.8, 1.6, 3.2),
        rate: int = 30,
    ) -> None:
        settings = {
            "api_key": api_key,
            "api_secret": api_secret,
            "signature_secret": signature_secret,
            "signature_method": signature_method,
            "dlr_url": dlr_url,
            "dlr_method": dlr_method,
            "dlr_delay": dlr_delay,
            "dlr_statuses": list(dlr_statuses),
            "retry_delays": list(retry_delays),
            "rate": rate,
        }
        self._account = Account(changed(Settings(), settings))
        self._deliveries = Deliveries(self._account)
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
        """Every request to the SMS API, refused and failed ones too, at most 10,000."""
        return self._account.requests

    def configure(self, **changes: object) -> None:
        """Change settings by name, also for after a reset; raises BadRequest for a wrong one."""
        self._account.configure(changes)

    async def reset(self) -> None:
        """Forget messages, requests and orders, drop pending receipts, undo changes by HTTP."""
        await self._application.reset()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. Raises OSError when the port is taken."""
        sockets = bind_sockets(port, HOST)
        await self._deliveries.start()
        self._server = HTTPServer(self._application, max_buffer_size=MAX_BUFFERED_BYTES)
        self._server.add_sockets(sockets)
        self.domain = f"{HOST}:{sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close the listener and all connections, and give up pending receipts."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None
        await self._deliveries.stop()
