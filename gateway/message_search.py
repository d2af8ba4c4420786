"""Which message an id belongs to: one of ours, or a provider's of one of its parts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from gateway import keys
from gateway.metrics import provider_label
from gateway.receipts import MESSAGE_ID
from gateway.store import Store

# Providers' ids have 16 to 64 characters, none of them a blank.
_PROVIDER_ID = re.compile(r"[!-~]{8,64}")


async def message_of(written: str, providers: Iterable[str], store: Store) -> str:
    """Return the id of the message that ``written`` names, '' when none does (any more).

    providers: the names of those who may have given the id. Raises StoreUnavailable.
    """
    if not _PROVIDER_ID.fullmatch(written):
        return ""
    own = written.lower() if MESSAGE_ID.fullmatch(written.lower()) else ""
    kinds = {provider_label(each) for each in providers}
    known, *parts = await asyncio.gather(
        store.execute("EXISTS", keys.message(own)),
        *(store.execute("GET", keys.part(kind, written)) for kind in sorted(kinds)),
    )
    return own if own and known else next(filter(None, parts), "")
