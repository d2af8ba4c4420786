"""What the pages of the console have in common: they render, perform, answer, stay live.

A page is a ``Page``: its ``data`` and its ``template``. Asked for as an event stream it sends its
``live`` part whenever that has changed, in whichever process the change came about: what is
watched is the store. A form is an ``Action``: it performs one thing and leads back to a page; or a
``Question``, which its page answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, TypeVar

from gateway.errors import (
    GatewayError,
    LimitExceeded,
    StoreUnavailable,
    Unauthenticated,
    UnknownPlace,
)
from handlers.console import formatting
from handlers.console.base import ConsoleHandler
from handlers.console.events import HEARTBEAT_SECONDS, EventStream

LIVE_SECONDS = 1.0
MOST_STREAMS = 50
MOST_STREAMS_OF_ONE = 12
# So long a live page of somebody who has signed out elsewhere goes on.
SIGN_IN_SECONDS = 3.0

# What a page shows: its data, and what of it is not masked.
PageState = tuple[dict[str, Any], frozenset[str]]
Listed = TypeVar("Listed")


class Page(ConsoleHandler):
    """A page: ``template`` with what ``data`` returns.

    live: the template of the part that keeps itself up to date, '' for none; the page's template
    includes it. every: seconds between two looks at the data. labels: of fields of its forms.
    """

    get_is_safe = True
    template: ClassVar[str]
    live: ClassVar[str] = ""
    every: ClassVar[float] = LIVE_SECONDS
    done_words: ClassVar[dict[str, str]] = {}
    labels: ClassVar[dict[str, str]] = {}
    _events: EventStream | None = None
    _check_at: float = 0

    async def data(self, *args: str) -> dict[str, Any]:
        """Return what the template shows; dicts, lists and plain values that compare equal."""
        return {}

    async def get(self, *args: str) -> None:
        """Answer the page, or its live part as an event stream."""
        if self.live and self.wants_events:
            await self._stream(args)
            return
        done = self.done_words.get(self.get_query_argument("done", ""), "")
        await self.show(*args, done=done)

    async def show(self, *args: str, **more: Any) -> None:
        """Answer the page with its data and more."""
        self.answer(self.render_page(self.template, **await self.data(*args) | more))

    # -- live

    async def _stream(self, args: Iterable[str]) -> None:
        """Send the live part whenever it has changed, until the browser leaves."""
        streams, whose = self.application.streams, self.sign_in.cookie if self.sign_in else ""
        if streams.total() >= MOST_STREAMS or streams[whose] >= MOST_STREAMS_OF_ONE:
            raise LimitExceeded(int(HEARTBEAT_SECONDS))
        self.set_page_headers()
        self._events = EventStream(self)
        streams[whose] += 1
        try:
            await self._events.follow(lambda: self._look(args), self._part, self.every)
        finally:
            streams[whose] -= 1
            if not streams[whose]:
                del streams[whose]

    async def _look(self, args: Iterable[str]) -> PageState:
        """Return what the live part shows; raises Unauthenticated after a sign-out."""
        now = asyncio.get_running_loop().time()
        if self.sign_in is not None and now > self._check_at:
            self.sign_in = await self.services.sign_ins.find(self.sign_in.cookie)
            self._check_at = now + SIGN_IN_SECONDS
            if self.sign_in is None:
                raise Unauthenticated
        return await self.data(*args), self.sign_in.shown if self.sign_in else frozenset()

    def _part(self, looked: PageState) -> str:
        return self.render_page(self.live, **looked[0])

    def on_connection_close(self) -> None:
        """End the stream of a browser that has left."""
        super().on_connection_close()
        if self._events is not None:
            self._events.leave()


class Action(Page):
    """A form of a page: performs one thing and leads to a page, or shows its own with the problem.

    It extends the page whose form it is, so that what was typed is not lost.
    """

    async def perform(self, *args: str) -> str:
        """Do it and return the path of the page to show; raises GatewayError."""
        raise NotImplementedError

    async def post(self, *args: str) -> None:
        """Do what the form asks for."""
        try:
            await self.respond(*args)
        except (Unauthenticated, StoreUnavailable):
            raise
        except GatewayError as error:
            self.set_status(error.status)
            problem = formatting.why(error, error.status, self.labels)
            await self.show(*args, problem=problem, typed=self.typed())

    async def respond(self, *args: str) -> None:
        """Perform it and lead to the page; raises GatewayError."""
        self.redirect(await self.perform(*args), status=303)

    def typed(self) -> dict[str, str]:
        """Return what was typed into the form, to fill it again."""
        return {
            name: values[-1].decode("utf-8", "replace")
            for name, values in self.request.body_arguments.items()
            if name != "xsrf"
        }


class Question(Action):
    """A form that changes nothing: the page itself answers it.

    What is asked for, a number often, so stands in no address, history or log of a proxy.
    """

    async def ask(self, *args: str) -> dict[str, Any]:
        """Return the answer, which the page shows besides its data; raises GatewayError."""
        raise NotImplementedError

    async def respond(self, *args: str) -> None:
        """Answer the page with what was typed and what was found."""
        await self.show(*args, typed=self.typed(), **await self.ask(*args))


async def page_or_first(
    page: Callable[[int, str], Awaitable[Listed]], limit: int, after: str
) -> Listed:
    """Return the page behind ``after``, the first one when that is not in the list any more.

    Lists shrink on their own, so a link of a page that was loaded long ago may lead nowhere.
    """
    try:
        return await page(limit, after)
    except UnknownPlace:
        return await page(limit, "")
