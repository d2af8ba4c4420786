"""Long MOs come in parts, in any order, some twice, some never: they are joined here.

Each long text is an assembly: a hash of parts, and a deadline. The carrier's reference names it,
but a carrier uses references again, so the name of an assembly is made of the reference and the id
of the part that began it, and a pointer under the reference tells which one is open, that is,
takes parts. An assembly is closed when it is complete, when its reference is used for another
text, or when its deadline has passed, and only closed ones are given out: what a caller reads is
what he deletes, and a name that was deleted does not come back.

Assemblies are given out until somebody deletes them. Several may hold the same one; the one whose
``DEL token`` finds it is to relay it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

import msgspec
import ujson  # for the parts: one may end in half a character, which msgspec refuses

from gateway.errors import StoreUnavailable
from gateway.providers.base import Inbound, LongText
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script, pairs
from gateway.store.values import DAY_MS, well_formed

log = logging.getLogger(__name__)

# How long the other parts of a text may take.
WAIT_MS = 60_000
# A complete text is relayed by the process that stored its last part; this much later by any.
TAKEOVER_MS = 5_000
# Deleted when it is relayed. Parts were acknowledged and nobody sends them again: this is a net
# below a net, and longer than any outage of the gateway that one hopes to survive.
LIFETIME_MS = 7 * DAY_MS
# Providers repeat a webhook for 24 h.
SEEN_MS = 48 * 3_600_000
# The part count of a long SMS is one octet (3GPP TS 23.040, 9.2.3.24.1).
MOST_PARTS = 255
# A part holds 153 characters; more is no part, whatever it says.
LONGEST_PART = 1_000
# Those of one look are relayed one after the other, and hold up the other chores so long; the next
# look is a second away.
MOST_DUE = 100
# An attempt fails only when another process opens or closes an assembly of the same reference.
MOST_TRIES = 100
MISSING = "[…]"

_ADD = Script.load(__file__, "part_add")
_DUE = Script.load(__file__, "part_due")
_TAKE = Script.load(__file__, "part_take")


class Added(StrEnum):
    """What became of a part; the words of ``part_add``, which says what follows from them."""

    WAITING = "waiting"
    COMPLETE = "complete"
    REUSED = "reused"
    OTHER = "other"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Joined:
    """A long MO to be relayed.

    inbound: the whole, under the id of the first part there is; parts that stayed away are marked
    in its text. token: the key whose deletion gives the right to relay it. digest: its member of
    keys.ASSEMBLIES, to be removed with it.
    """

    inbound: Inbound
    token: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all parts of a text have in common; begun: when the first one came, ms."""

    provider: str
    sender: str
    to: str
    sent: str
    total: int
    begun: int


_SHARED = msgspec.json.Decoder(_Shared)


class Concatenation:
    """Joins the parts of long MOs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, inbound: Inbound) -> list[Joined]:
        """Store one part and return what is ready by that; durable when this returns.

        That is nothing as a rule, the text that this part completes, or an incomplete one whose
        reference this part uses again; both if it is complete in itself. A repeated part returns
        its text again as long as that is ready and nobody has relayed it. Raises StoreUnavailable
        when it may not be stored.
        """
        long = _plausible(inbound)
        reference = _reference(inbound, long)
        fresh = name = f"{reference}-{_short(inbound.id)}"
        ready: list[Joined | None] = []
        for _ in range(MOST_TRIES):
            happened, *more = await self._add(inbound, long, reference, name, fresh)
            if happened == Added.REPEATED:
                ready.append(await self._take(more[0]))
            elif happened in {Added.REUSED, Added.COMPLETE}:
                ready.append(_joined(name, pairs(more[0])))
            if happened not in {Added.OTHER, Added.REUSED}:
                return [each for each in ready if each]
            name = more[0] if happened == Added.OTHER else fresh
        log.error("a part of a long MO found no place: others were quicker %d times", MOST_TRIES)
        raise StoreUnavailable

    async def due(self) -> list[Joined]:
        """Return the texts for whose parts nobody waits any more, and those left by the dead.

        They come again until they are relayed; what cannot be read is dropped.
        """
        names = await self._store.run(_DUE, [keys.ASSEMBLIES], [MOST_DUE])
        taken = await asyncio.gather(*(self._take_or_log(name) for name in names))
        return [each for each in taken if each]

    async def _take_or_log(self, name: str) -> Joined | None:
        """Take one of many: what is wrong with it must not hold up the others."""
        try:
            return await self._take(name)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("the parts of a long MO cannot be taken; they are tried again")
            return None

    async def _add(
        self, inbound: Inbound, long: LongText, reference: str, name: str, fresh: str
    ) -> list[Any]:
        body = {"text": inbound.text} | ({"data": inbound.data} if inbound.data else {})
        shared = _Shared(
            provider=inbound.provider,
            sender=inbound.sender,
            to=inbound.to,
            sent=inbound.sent,
            total=long.total,
            begun=int(time.time() * 1000),
        )
        found: list[Any] = await self._store.run(
            _ADD,
            [
                keys.seen(inbound.provider, inbound.id),
                keys.parts(reference),
                keys.parts(name),
                keys.ASSEMBLIES,
            ],
            [
                name,
                fresh,
                inbound.id,
                long.part,
                long.total,
                ujson.dumps(body),
                msgspec.json.encode(shared).decode(),
                WAIT_MS,
                TAKEOVER_MS,
                LIFETIME_MS,
                SEEN_MS,
            ],
        )
        return found

    async def _take(self, name: str) -> Joined | None:
        """Return an assembly if it is closed, or can be closed, and still there."""
        reference = name.partition("-")[0]
        found = await self._store.run(
            _TAKE,
            [keys.parts(name), keys.parts(reference), keys.ASSEMBLIES],
            [name, LIFETIME_MS],
        )
        if found is None:
            return None
        joined = _joined(name, pairs(found))
        if joined is None:
            await self._store.execute("DEL", keys.parts(name))
            await self._store.execute("ZREM", keys.ASSEMBLIES, name)
        return joined


def _plausible(inbound: Inbound) -> LongText:
    """Return which part this is; one that cannot be a part is the whole of a text of its own."""
    long = inbound.long
    if (
        long is not None
        and 1 <= long.part <= long.total <= MOST_PARTS
        and max(len(inbound.text), len(inbound.data)) <= LONGEST_PART
    ):
        return long
    return LongText(reference=f"single {inbound.id}", total=1, part=1)


def _reference(inbound: Inbound, long: LongText) -> str:
    """Return what all parts of a text have in common, and no other text at the same time."""
    return _short(inbound.provider, inbound.sender, inbound.to, long.reference, str(long.total))


def _short(*texts: str) -> str:
    """Return 32 hexadecimal digits for some texts."""
    return hashlib.sha256(ujson.dumps(texts).encode()).hexdigest()[:32]


def _joined(name: str, fields: Mapping[str, str]) -> Joined | None:
    """Return what an assembly holds, None when it is not to be read."""
    try:
        shared = _SHARED.decode(fields["meta"])
        numbers = range(1, shared.total + 1)
        parts = {n: ujson.loads(fields[str(n)]) for n in numbers if str(n) in fields}
        inbound = Inbound(
            provider=shared.provider,
            id=fields[f"id:{min(parts)}"],
            sender=shared.sender,
            to=shared.to,
            text=_text(parts.get(n) for n in numbers),
            data="".join(parts[n].get("data", "") for n in sorted(parts)),
            sent=shared.sent,
            begun=shared.begun,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        log.error("the parts of a long MO cannot be read and are dropped")
        return None
    return Joined(inbound, keys.parts(name), name)


def _text(parts: Iterable[Mapping[str, str] | None]) -> str:
    """Return the parts as one text, with a mark for each gap."""
    texts = (None if part is None else part["text"] for part in parts)
    text = "".join(
        MISSING if missing else "".join(each for each in group if each is not None)
        for missing, group in groupby(texts, key=lambda text: text is None)
    )
    # A part may end within a character of two UTF-16 units, such as an emoji: its halves become
    # one again, and a half whose other one stayed away becomes U+FFFD.
    return well_formed(text)
