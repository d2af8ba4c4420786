"""A store that throws keys away when its memory is full: said once, when it first answers."""

from __future__ import annotations

import logging
import re

from redis.exceptions import ResponseError

from gateway.errors import StoreRefuses
from gateway.store.pipeline import Store

log = logging.getLogger(__name__)

# In the text of INFO, and in the dictionary that the client of a Cluster makes of it.
_POLICY = re.compile(r"maxmemory_policy\W+([a-z-]+)")


class EvictionCheck:
    """Looks at the store's ``maxmemory-policy`` until it was told, or that it may not be known."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done = False

    async def look(self) -> None:
        """Say so if the store evicts keys; raises StoreUnavailable when it cannot be asked."""
        if self._done:
            return
        try:
            # Owners of stores allow it more often than CONFIG.
            found = _POLICY.search(str(await self._store.execute("INFO", "memory")))
        except (StoreRefuses, ResponseError):
            found = None
        self._done = True
        if found and found[1] != "noeviction":
            log.warning(
                "the store's maxmemory-policy is %s: when its memory is full it throws away"
                " sessions, opt-outs and limits; set noeviction",
                found[1],
            )
