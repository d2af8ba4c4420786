"""MOs that belong to nothing, and what came and cannot be used: kept for the operator to read."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from gateway.errors import UnknownPlace
from gateway.messaging.inbound import raw
from gateway.messaging.inbound.dedup import IMPORTED_MS, Token, imported
from gateway.messaging.inbound.sending_time import written_ms
from gateway.providers.base import Inbound
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.paging import Page
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.store.values import days_ms
from gateway.telephony.networks import e164_of, persons
from gateway.telephony.plans import spellings

log = logging.getLogger(__name__)

# Redis takes no id at or before 0-0 as the open end of a range, and none beyond 64 bits.
_STREAM_ID = re.compile(r"[1-9][0-9]{0,18}-[0-9]{1,19}")
_NUMBER = re.compile(r"\+[0-9]+")

# Items looked at in one call when a number is erased.
CHUNK = 500

# Of what cannot be used: a flood of it must push out no MO and fill no store.
MOST_RAW = 1_000

_KEEP = Script.load(__file__, "inbox_keep", "_enqueue", "_once", "_inbox")
_KEEP_STRAY = Script.load(__file__, "inbox_keep_stray", "_enqueue", "_once", "_inbox")
_KEEP_RAW = Script.load(__file__, "inbox_keep_raw", "_enqueue", "_once", "_inbox")
_PAGE = Script.load(__file__, "inbox_page")


class Kept(StrEnum):
    """What became of an MO that is only kept; OURS: it is not, since its number is ours."""

    KEPT = "kept"
    REPEATED = "repeated"
    OURS = ""


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A kept MO; id: its place in the inbox; at: when it came, ms; reason: a word that says why.

    Its numbers stand without their ``+``. raw: what came instead of an MO, cut; '' for an MO.
    """

    id: str
    at: int
    mo: Inbound
    reason: str
    raw: str = ""


class _Stored(msgspec.Struct, rename={"sender": "from"}, omit_defaults=True):
    """The form in which the store holds an MO."""

    provider: str
    id: str
    sender: str
    to: str
    text: str
    reason: str
    data: str = ""
    sent: str = ""
    media: tuple[str, ...] = ()
    raw: str = ""


_READER = msgspec.json.Decoder(_Stored)


class Inbox:
    """The MOs that nobody was found for; ``days``: how long each can be read.

    lifetime: the same in ms, for scripts that use the prelude ``_inbox``.
    """

    def __init__(self, store: Store, *, days: float) -> None:
        self._store = store
        self.lifetime = days_ms(days)

    def entry(self, inbound: Inbound, reason: str) -> str:
        """Return the JSON of an MO that a script keeps; reason: a word that says why."""
        item = _Stored(
            provider=inbound.provider,
            id=inbound.id,
            sender=_digits(inbound.sender),
            to=_digits(inbound.to),
            text=inbound.text,
            reason=reason,
            data=inbound.data,
            sent=inbound.sent,
            media=inbound.media,
        )
        return msgspec.json.encode(item).decode()

    async def keep(self, inbound: Inbound, token: Token, reason: str) -> Kept:
        """Take an MO that nobody is answered for; returns KEPT or REPEATED."""
        happened = await self._store.run(
            _KEEP,
            [*token.keys, keys.INBOX],
            [token.digest, self.entry(inbound, reason), self.lifetime],
        )
        return Kept(happened)

    async def keep_stray(
        self, inbound: Inbound, token: Token, number: str, *, ours: bool = False
    ) -> Kept:
        """Take a phone's SMS unless its ``number`` (E.164) is one of its provider's in the pool.

        When it is, or is ``ours`` in any case, it is not taken and OURS returned. One that comes
        again under another id, as when a phone imports its inbox anew, is REPEATED.
        """
        item = self.entry(inbound, "not_our_number")
        happened = await self._store.run(
            _KEEP_STRAY,
            [*token.keys, keys.INBOX, keys.NUMBERS, imported(inbound)],
            [
                *(token.digest, item, self.lifetime, inbound.provider, int(ours)),
                *(inbound.id, IMPORTED_MS if written_ms(inbound.sent) else 0),
                *spellings(number),
            ],
        )
        return Kept(happened)

    async def keep_raw(
        self, provider: str, place: str, body: bytes, reason: str, secrets: Iterable[str] = ()
    ) -> Kept:
        """Keep what cannot be used, once in 48 h; returns KEPT or REPEATED.

        place: what else tells it from others, such as its path; secrets: texts that are blotted
        out. Of these items the newest MOST_RAW stay.
        """
        digest = hashlib.sha256(f"{place}\n".encode() + body).hexdigest()[:32]
        item = _Stored(provider, "", "", "", "", reason, raw=raw.kept(body, secrets))
        happened = await self._store.run(
            _KEEP_RAW,
            [keys.seen(provider, f"raw:{digest}"), keys.ASSEMBLIES, keys.INBOX, keys.INBOX_RAW],
            [msgspec.json.encode(item).decode(), self.lifetime, MOST_RAW],
        )
        return Kept(happened)

    async def page(self, limit: int, after: str) -> Page[InboxItem]:
        """Return those that came before ``after``, the id of an item, '' = from the newest.

        Raises UnknownPlace when ``after`` cannot be one.
        """
        if after and not _STREAM_ID.fullmatch(after):
            raise UnknownPlace("after: no such message")
        total, *flat = await self._store.run(_PAGE, [keys.INBOX], [limit, after, self.lifetime])
        ids, texts = flat[::2], flat[1::2]
        found = zip(ids[:limit], texts[:limit], strict=True)
        items = [item for each in found if (item := _item(*each))]
        return Page(total, items, ids[limit - 1] if len(ids) > limit else None)

    async def erase_number(self, e164: str) -> int:
        """Erase all that a number has sent, or was sent; return how many MOs that were."""
        start, erased = "-", 0
        while True:
            with budget():
                found = await self._store.execute("XRANGE", keys.INBOX, start, "+", "COUNT", CHUNK)
                ids = [
                    inbox_id
                    for inbox_id, (_, text) in found
                    if (item := _item(inbox_id, text)) and _names(item, e164)
                ]
                if ids:
                    erased += await self._store.execute("XDEL", keys.INBOX, *ids)
                if len(found) < CHUNK:
                    return erased
                start = f"({found[-1][0]}"


def _item(item_id: str, text: str) -> InboxItem | None:
    """Return a kept MO, None when another release has written what this one cannot read."""
    try:
        found = _READER.decode(text)
    except ValueError:
        log.error("an item of the inbox cannot be read and is left out")
        return None
    mo = Inbound(
        found.provider,
        found.id,
        found.sender,
        found.to,
        found.text,
        data=found.data,
        sent=found.sent,
        media=found.media,
    )
    return InboxItem(item_id, int(item_id.partition("-")[0]), mo, found.reason, found.raw)


def _names(item: InboxItem, e164: str) -> bool:
    """Tell whether an item is from a number or to it, in whatever form, or names it as it came."""
    mo = item.mo
    return (
        raw.names(item.raw, _digits(e164))
        or _digits(e164) in {mo.sender, mo.to}
        or e164 in persons(mo.sender, e164_of(mo.to))
        # A national form, which nobody could complete: it may be his.
        or (mo.sender.startswith("0") and e164 in persons(mo.sender, e164))
        or e164 == e164_of(mo.to)
    )


def _digits(written: str) -> str:
    """Return a number without its ``+``, anything else as it is written."""
    return written[1:] if _NUMBER.fullmatch(written) else written
