"""Health and metrics."""

from __future__ import annotations

from gateway.errors import StoreUnavailable
from gateway.monitoring import metrics
from handlers.base import BaseHandler, Guard


class LiveHandler(BaseHandler):
    """``/health/live``: the process runs; touches nothing."""

    guard = Guard.OPERATION
    get_is_safe = True

    def get(self) -> None:
        """Answer 200."""
        self.reply({"status": "ok"})


class ReadyHandler(BaseHandler):
    """``/health/ready``: the store takes what is written and the process is not draining."""

    guard = Guard.OPERATION
    get_is_safe = True

    async def get(self) -> None:
        """Answer 200, or 503 saying which of both it is, and of the store why."""
        if self.application.draining:
            self.set_status(503)
            self.reply({"status": "draining"})
            return
        try:
            await self.services.store.check_writes()
        except StoreUnavailable as error:
            self.set_status(error.status)
            self.reply({"status": "error", "error": error.code, "reason": error.reason})
        else:
            self.reply({"status": "ok"})


class MetricsHandler(BaseHandler):
    """``/metrics`` in the Prometheus text format, for this machine or with the admin token."""

    guard = Guard.OPERATION
    get_is_safe = True

    def prepare(self) -> None:
        """Raise Unauthenticated or Forbidden for somebody else."""
        if not self._is_local:
            authorization = self.request.headers.get("Authorization", "")
            self.services.admin.check(authorization, developer=False, client=self.client_address)

    @property
    def _is_local(self) -> bool:
        """Whether a program on this machine asks, be it by way of a trusted proxy."""
        return self.on_this_machine or self.services.clients.names_loopback(
            self.request.remote_ip or "", self.request.headers.get(self.services.clients.header)
        )

    def get(self) -> None:
        """Answer all series."""
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(metrics.exposition())


ROUTES = [
    (r"/health/live/?", LiveHandler),
    (r"/health/ready/?", ReadyHandler),
    (r"/metrics/?", MetricsHandler),
]
