"""The base of the providers' APIs: what is asked is noted, and fails when a test has ordered it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from gateway.emulator.account.failures import Failure
from gateway.emulator.account.refusals import RefusedError
from gateway.emulator.api.base import BaseHandler


class ApiHandler(BaseHandler):
    """Hangs up, waits and answers oddly by itself; what has words is the API's own.

    provider: as the list of requests names the API; refuses_by_http: with an HTTP status.
    """

    provider = "nexmo"
    refuses_by_http = False

    @property
    def authorization(self) -> str:
        """The header of that name, '' without one."""
        return self.request.headers.get("Authorization", "")

    def refuse(self, refusal: RefusedError) -> None:
        """Answer that the API refuses."""
        raise NotImplementedError

    def answer_ordered(self, failure: Failure) -> None:
        """Answer with ``429`` or with the refusal of ``status:N``."""
        raise NotImplementedError

    async def serve(
        self,
        shown: Mapping[str, str],
        accept: Callable[[], Awaitable[None]],
        accept_silently: Callable[[], object],
    ) -> None:
        """Note what is asked and answer it, by ``accept`` unless a test has ordered a failure.

        accept_silently: carries out what the caller does not learn of. Both may raise RefusedError.
        """
        failures, path = self.application.account.failures, self.request.path
        request = self.application.account.note(shown, self.provider, path)
        failure = failures.take_http(path) if self.refuses_by_http else failures.take(path)
        if failure is not None:
            request.outcome = failure.name
            await self._fail(failure, accept_silently)
            return
        try:
            request.outcome = "accepted"
            await accept()
        except RefusedError as refusal:
            request.outcome = f"status:{refusal.status}"
            self.refuse(refusal)

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the caller does."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), seconds)

    async def _fail(self, failure: Failure, accept_silently: Callable[[], object]) -> None:
        if failure.accepted:
            with contextlib.suppress(RefusedError):
                accept_silently()
        await self.pause(failure.seconds)
        if failure.name in {"timeout", "close"}:
            self._hang_up()
        elif failure.name in {"html", "empty"}:
            self._answer_oddly(failure)
        else:
            self.answer_ordered(failure)

    def _hang_up(self) -> None:
        if not self.gone.is_set():
            self.detach().close()

    def _answer_oddly(self, failure: Failure) -> None:
        self.set_status(failure.http_status)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        page = "<html><body><h1>Bad Gateway</h1></body></html>" if failure.name == "html" else ""
        self.finish(page)
