"""The base of the APIs for sending: how they fail when a test has ordered it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from gateway.emulator.account.failures import Failure
from gateway.emulator.api.base import BaseHandler


class ApiHandler(BaseHandler):
    """Hangs up, waits and answers oddly by itself; what has words is the API's own."""

    def answer_ordered(self, failure: Failure) -> None:
        """Answer with ``429`` or with the refusal of ``status:N``."""
        raise NotImplementedError

    async def fail(self, failure: Failure, accept: Callable[[], None]) -> None:
        """Fail as ordered; ``accept`` is called when the message is to go out all the same."""
        if failure.accepted:
            accept()
        await self.pause(failure.seconds)
        if failure.name in {"timeout", "close"}:
            self._hang_up()
        elif failure.name in {"html", "empty"}:
            self._answer_oddly(failure)
        else:
            self.answer_ordered(failure)

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the caller does."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), seconds)

    def _hang_up(self) -> None:
        if not self.gone.is_set():
            self.detach().close()

    def _answer_oddly(self, failure: Failure) -> None:
        self.set_status(failure.http_status)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        page = "<html><body><h1>Bad Gateway</h1></body></html>" if failure.name == "html" else ""
        self.finish(page)
