"""The durable outbox: texts in order for each direction, claims on directions, dead letters.

A *direction* is ``<sender>><receiver>``. It has a list of texts and a due time; a process claims
it, sends the text at its head and decides what becomes of it. A claim is a lease: its holder
renews it, another process takes it over when nobody does, and every step asks the store whether
the claim is still its own. Just before the request is written the claim is marked, so that the
next holder knows that the text may have been sent already.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import ujson

from gateway.errors import BadRequest
from gateway.messaging.status import SPOKEN
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.store.values import days_ms

# Directions that must wait for a turn are looked at without being claimed: so many more a call.
LOOKS_PER_CLAIM = 4
LEAST_LOOKS = 64
# Dead letters looked at in one call when a number is erased.
CHUNK = 500
UNREADABLE = "unreadable"

_PUSH = Script.load(__file__, "outbox_push", "_enqueue")
_CLAIM = Script.load(__file__, "outbox_claim", "_enqueue")
_MARK = Script.load(__file__, "outbox_mark", "_enqueue")
_RENEW = Script.load(__file__, "outbox_renew", "_enqueue")
_DECIDE = Script.load(__file__, "outbox_decide", "_enqueue")
_HAND_BACK = Script.load(__file__, "outbox_hand_back", "_enqueue")
_REQUEUE = Script.load(__file__, "outbox_requeue", "_enqueue")
_DISCARD = Script.load(__file__, "outbox_discard")
_TRIM = Script.load(__file__, "outbox_trim", "_enqueue")


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A text that is to be sent.

    id: 32 hex digits, of the message's record and the provider's client-ref; to, sender: E.164;
    kind: relay, notice or chat; session: '' for none; attempts: that failed so far; created: ms.
    """

    id: str
    to: str
    sender: str
    provider: str
    text: str
    kind: str
    session: str = ""
    attempts: int = 0
    created: int = 0

    @property
    def direction(self) -> str:
        """The stream in which this text keeps its place."""
        return f"{self.sender}>{self.to}"

    def to_json(self) -> str:
        """Return the form in which a queue holds it."""
        return ujson.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the entry in ``text``, fields of other releases left out; raises ValueError."""
        found = ujson.loads(text)
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        try:
            entry = cls(**{each.name: found[each.name] for each in _FIELDS if each.name in found})
        except TypeError as error:
            raise ValueError(str(error)) from None
        values = ((each, getattr(entry, each.name)) for each in _FIELDS)
        wrong = [each.name for each, value in values if type(value).__name__ != each.type]
        if wrong:
            raise ValueError(f"wrong type: {', '.join(wrong)}")
        return entry


_FIELDS = fields(OutboxEntry)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send for a direction; ``repeats``: a dead process may have sent its head."""

    direction: str
    token: str
    repeats: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many directions have texts, how many are claimed, how many dead letters there are."""

    directions: int
    claims: int
    dead_letters: int


class Outbox:
    """What lies in the store. Times are in seconds unless a name says ``_ms``.

    dead_days: how long dead letters, which hold texts, are kept.
    """

    def __init__(self, store: Store, *, dead_days: float = 7) -> None:
        self._store = store
        self._dead_ms = days_ms(dead_days)
        self._unanswered: set[str] = set()  # tokens of claim calls that may have run

    async def push(self, entry: OutboxEntry) -> None:
        """Put a text at the end of its direction; durable when this returns."""
        direction = entry.direction
        await self._store.run(
            _PUSH, [keys.queue(direction), keys.DUE], [direction, entry.to_json()]
        )

    # -- claims

    async def claim(
        self,
        limit: int,
        *,
        lease_ms: int,
        interval_ms: int,
        take_over: bool,
        own: Iterable[Claim] = (),
    ) -> tuple[list[Claim], float | None]:
        """Claim up to ``limit`` directions that are due.

        interval_ms: between texts of one North American sending number, 0 = none; take_over:
        also texts that another process may be writing; own: what the caller works on already.
        Returns the claims, and the seconds until another direction is due, None without one.
        """
        await self._hand_back_unanswered()
        token = secrets.token_hex(8)
        args = (token, limit, max(LEAST_LOOKS, LOOKS_PER_CLAIM * limit), lease_ms, interval_ms)
        try:
            pause_ms, *found = await self._store.run(
                _CLAIM,
                [keys.DUE, keys.CLAIMS, keys.TURNS, keys.RESERVED],
                [*args, int(take_over), *{claim.token for claim in own}],
            )
        except BaseException:
            self._unanswered.add(token)
            raise
        pairs = zip(found[::2], found[1::2], strict=True)
        claims = [Claim(direction, token, state == "repeating") for direction, state in pairs]
        return claims, None if pause_ms < 0 else pause_ms / 1000

    async def _hand_back_unanswered(self) -> None:
        """Give back what calls claimed whose answer was lost, or it would wait for its lease."""
        for token in list(self._unanswered):
            await self._store.run(_HAND_BACK, [keys.DUE, keys.CLAIMS], [token])
            self._unanswered.discard(token)

    async def head(self, direction: str) -> str | None:
        """Return the text (JSON) whose turn it is, None when there is none."""
        text: str | None = await self._store.execute("LINDEX", keys.queue(direction), 0)
        return text

    async def mark(
        self, claim: Claim, *, lease_ms: int, interval_ms: int, longest_ms: int
    ) -> float | None:
        """Note that the head of a claim is about to be written.

        Returns 0 when it may be written now, the seconds after which to ask again because of the
        number's pace, and None when the claim is lost: taken over, or handed back for a later
        turn because it would have to wait for longer than longest_ms.
        """
        wait_ms = await self._store.run(
            _MARK,
            [keys.DUE, keys.CLAIMS, keys.TURNS, keys.RESERVED, keys.OPTOUTS],
            [claim.direction, claim.token, lease_ms, interval_ms, longest_ms],
        )
        return None if wait_ms < 0 else wait_ms / 1000

    async def renew(self, claims: Iterable[Claim], *, lease_ms: int) -> int:
        """Keep claims from being taken over; returns how many are still held."""
        pairs = [item for claim in claims for item in (claim.direction, claim.token)]
        held: int = await self._store.run(_RENEW, [keys.DUE, keys.CLAIMS], [lease_ms, *pairs])
        return held

    # -- decisions; each ends the claim and returns False when it was lost. head: as it was read

    async def done(self, claim: Claim, head: str) -> bool:
        """Drop the head: it is sent, or nobody knows, or it must not be."""
        return await self._decide("done", claim, head)

    async def retry(self, claim: Claim, head: str, entry: OutboxEntry, delay: float) -> bool:
        """Put ``entry`` in the head's place and look at the direction again after the delay."""
        return await self._decide("retry", claim, head, entry.to_json(), delay=delay)

    async def bury(self, claim: Claim, head: str, entry: OutboxEntry, reason: str) -> bool:
        """Make the head a dead letter."""
        letter = ujson.dumps(asdict(entry) | {"reason": reason, "at": _now_ms()})
        return await self._decide("dead", claim, head, letter, entry.id)

    async def bury_unreadable(self, claim: Claim, head: str) -> bool:
        """Make a head that is no entry a dead letter, so that others pass."""
        sender, _, to = claim.direction.partition(">")
        entry = OutboxEntry(secrets.token_hex(16), to, sender, "", head, "")
        return await self.bury(claim, head, entry, UNREADABLE)

    async def release(self, claim: Claim, delay: float) -> bool:
        """Leave all as it is to the next process, after the delay."""
        return await self._decide("release", claim, "", delay=delay)

    async def _decide(
        self, decision: str, claim: Claim, head: str, *rest: str, delay: float = 0
    ) -> bool:
        """rest: the new head or the dead letter, and its id."""
        queue = keys.queue(claim.direction)
        shared = (keys.DUE, keys.CLAIMS, keys.RESERVED, keys.DEAD, keys.DEAD_TIMES)
        content, letter_id = (*rest, "", "")[:2]
        remember = int(decision == "release" and claim.repeats)
        args = (claim.direction, claim.token, head, int(delay * 1000), decision)
        return bool(
            await self._store.run(_DECIDE, [queue, *shared], [*args, content, letter_id, remember])
        )

    # -- for the operator

    async def counts(self) -> Counts:
        """Return the size of what waits, is under way and has failed."""
        waiting, claims, dead = await asyncio.gather(
            self._store.execute("ZCARD", keys.DUE),
            self._store.execute("HLEN", keys.CLAIMS),
            self._store.execute("ZCARD", keys.DEAD_TIMES),
        )
        return Counts(waiting, claims, dead)

    async def dead_letters(
        self, limit: int, after: str
    ) -> tuple[int, list[dict[str, Any]], str | None]:
        """Return how many there are, those following ``after`` ('' = the newest), and the next.

        Numbers as digits, times in UTC. Raises BadRequest when ``after`` is no dead letter.
        """
        start = 0
        if after:
            rank = await self._store.execute("ZREVRANK", keys.DEAD_TIMES, after)
            if rank is None:
                raise BadRequest("after: no such dead letter")
            start = rank + 1
        total, ids = await asyncio.gather(
            self._store.execute("ZCARD", keys.DEAD_TIMES),
            self._store.execute("ZRANGE", keys.DEAD_TIMES, start, start + limit, "REV"),
        )
        following = ids[limit - 1] if len(ids) > limit else None
        shown = ids[:limit]
        letters = await self._store.execute("HMGET", keys.DEAD, *shown) if shown else []
        found = zip(shown, letters, strict=True)
        return total, [_public(id, text) for id, text in found if text], following

    async def requeue(self, letter_id: str) -> bool:
        """Send a dead letter again, under its id; False: unknown.

        Raises BadRequest for one that cannot be read, and so not be sent, and for what was said
        in a session that has ended: the number may belong to another conversation by now.
        """
        text = await self._store.execute("HGET", keys.DEAD, letter_id)
        if text is None:
            return False
        if _public(letter_id, text)["reason"] == UNREADABLE:
            raise BadRequest("id: the text cannot be read, only be discarded")
        entry = replace(OutboxEntry.from_json(text), attempts=0)
        spoken = entry.session if entry.kind in SPOKEN else ""
        found = [keys.queue(entry.direction), keys.DUE, keys.DEAD, keys.DEAD_TIMES]
        if spoken:
            found += [keys.session(spoken), keys.session_log_states(spoken)]
        happened = await self._store.run(
            _REQUEUE, found, [letter_id, entry.direction, entry.to_json()]
        )
        if happened == "ended":
            raise BadRequest("id: its session has ended, it can only be discarded")
        return bool(happened == "queued")

    async def discard_of(self, e164: str, sessions: Collection[str]) -> int:
        """Drop the dead letters to a number and those of sessions; return how many."""
        cursor, dropped = "0", 0
        while True:
            with budget():
                cursor, flat = await self._store.execute("HSCAN", keys.DEAD, cursor, "COUNT", CHUNK)
                for letter_id, text in zip(flat[::2], flat[1::2], strict=True):
                    letter = _public(letter_id, text)
                    if f"+{letter['to']}" == e164 or letter["session"] in sessions:
                        dropped += await self.discard(letter_id)
                if cursor == "0":
                    return dropped

    async def trim_dead(self) -> None:
        """Drop dead letters that are too old."""
        await self._store.run(_TRIM, [keys.DEAD, keys.DEAD_TIMES], [self._dead_ms])

    async def discard(self, letter_id: str) -> bool:
        """Drop a dead letter; False: unknown."""
        return bool(await self._store.run(_DISCARD, [keys.DEAD, keys.DEAD_TIMES], [letter_id]))


def _public(letter_id: str, text: str) -> dict[str, Any]:
    """Return a dead letter as it is shown; what no release of ours wrote is its text."""
    try:
        entry, letter = OutboxEntry.from_json(text), ujson.loads(text)
        reason, at = str(letter["reason"]), float(letter["at"]) / 1000
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        entry = OutboxEntry(letter_id, "", "", "", text, "")
        reason, moment = UNREADABLE, ""
    shown = ("provider", "text", "kind", "session", "attempts")
    return {
        "id": letter_id,
        "to": entry.to.removeprefix("+"),
        "sender": entry.sender.removeprefix("+"),
        **{name: getattr(entry, name) for name in shown},
        "reason": reason,
        "at": moment,
    }


def _now_ms() -> int:
    return int(time.time() * 1000)
