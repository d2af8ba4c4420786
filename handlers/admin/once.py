"""``Idempotency-Key``: a request that is repeated gets the first one's answer and does nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from gateway.access.idempotency import Answer
from gateway.errors import BadRequest, GatewayError, StoreUnavailable
from handlers.admin.base import AdminHandler

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[!-~]{1,255}")
_Handler = TypeVar("_Handler", bound=AdminHandler)


def once(verb: Callable[[_Handler], Awaitable[None]]) -> Callable[[_Handler], Awaitable[None]]:
    """Let a verb of a handler do its work once for each key; without the header it does always.

    What was refused before anything was done may be tried again under the same key.
    """

    async def made_once(handler: _Handler) -> None:
        key = handler.request.headers.get(HEADER)
        if key is None:
            await verb(handler)
            return
        if not _KEY.fullmatch(key):
            raise BadRequest(f"{HEADER}: must be 1 to 255 visible ASCII characters")
        known = handler.services.idempotency
        answer = await known.begin(key, _asked(handler))
        if isinstance(answer, str):
            handler.made_id = answer
            answer = await _made(handler, verb, key)
            with suppress(StoreUnavailable):  # then a repeat is told that it is running
                await known.finish(key, answer)
        handler.set_status(answer.status)
        handler.finish(answer.body)

    made_once.__doc__ = verb.__doc__
    return made_once


async def _made(handler: _Handler, verb: Callable[[_Handler], Awaitable[None]], key: str) -> Answer:
    """Return what a verb answers; it is not sent yet."""
    handler.holds_back = True
    try:
        await verb(handler)
    except GatewayError:  # nothing was done, or it can be done again under the same id
        with suppress(StoreUnavailable):
            await handler.services.idempotency.fail(key)
        raise
    finally:
        handler.holds_back = False
    return Answer(handler.get_status(), handler.held_back)


def _asked(handler: AdminHandler) -> str:
    """Return all that makes a request another one."""
    request = handler.request
    return f"{request.method} {request.path.rstrip('/')} {request.query} {request.body.hex()}"
