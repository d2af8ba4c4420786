"""Tokens that are good for one request: each opens the request that came with it first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gateway.errors import GatewayError, StoreUnavailable, Unauthenticated
from gateway.providers.vonage.signatures import BODYLESS_SECONDS, CLOCK_LEEWAY_SECONDS
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

_SPEND = Script.load(__file__, "token_spend")
_GIVE_BACK = Script.load(__file__, "token_give_back")

# From the earliest moment at which one is believed to the last.
LIFETIME_MS = (BODYLESS_SECONDS + 2 * CLOCK_LEEWAY_SECONDS) * 1000


class SpentTokens:
    """Remembers for which request a token was used, over all processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @asynccontextmanager
    async def used(
        self, token_id: str, request: str, *, without_store: bool = False
    ) -> AsyncIterator[None]:
        """Use a token for what is done inside, '' = there is none; request: a digest of it.

        The same request may come again. When what is done fails, so that the answer is a 5xx, the
        token is as good as before. Raises Unauthenticated when it was used for another request,
        StoreUnavailable unless without_store, where it is believed that it was not.
        """
        if not token_id:
            yield
            return
        key = keys.spent_token(token_id)
        try:
            used_for = await self._store.run(_SPEND, [key], [request, LIFETIME_MS])
        except StoreUnavailable:
            if not without_store:
                raise
            used_for = request
        if used_for != request:
            raise Unauthenticated
        try:
            yield
        except Exception as error:
            if not isinstance(error, GatewayError) or error.status >= 500:
                with suppress(StoreUnavailable):
                    await self._store.run(_GIVE_BACK, [key], [request])
            raise
