"""The durable outbox: texts in order for each direction, and claims on directions.

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
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

import msgspec

from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script

# Directions that must wait for a turn are looked at without being claimed: so many more a call.
LOOKS_PER_CLAIM = 4
LEAST_LOOKS = 64
# The kind of a text that tells somebody that he has opted out: the last one he gets.
CONFIRMATION = "confirmation"
# The kind of what the gateway itself says, which waits for no money.
NOTICE = "notice"
# The reason of a dead letter whose text nobody can read.
UNREADABLE = "unreadable"

_CLAIM = Script.load(__file__, "outbox_claim", "_enqueue", "_clock", "_turns")
_MARK = Script.load(__file__, "outbox_mark", "_enqueue", "_optouts")
_RENEW = Script.load(__file__, "outbox_renew", "_enqueue")
_DECIDE = Script.load(__file__, "outbox_decide", "_enqueue")
_HAND_BACK = Script.load(__file__, "outbox_hand_back", "_enqueue")


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A text that is to be sent.

    id: 32 hex digits, of the message's record and the provider's client-ref; to, sender: E.164;
    kind: relay, notice, chat or CONFIRMATION; session: '' for none; attempts: that failed so far;
    created: ms; since: when it was queued again, or was first tried if nobody knows when it was
    created, ms; resent: it got no answer once and was sent again by itself; stranger: an answer to
    one who takes part in nothing, before which participants' texts go; told: its sender knows that
    it waits for money.
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
    since: int = 0
    resent: bool = False
    stranger: bool = False
    told: bool = False

    @property
    def direction(self) -> str:
        """The stream in which this text keeps its place."""
        return f"{self.sender}>{self.to}"

    @property
    def born(self) -> int:
        """From when its age counts (ms), 0 = nobody knows."""
        return max(self.created, self.since)

    def to_json(self) -> str:
        """Return the form in which a queue holds it."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the entry in ``text``, fields of other releases left out; raises ValueError."""
        return msgspec.json.decode(text, type=cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter(OutboxEntry):
    """A text that could not be sent, or of which nobody knows whether it was.

    reason: why, in words; at: when that was decided, ms; silent: it got no answer at all.
    """

    reason: str
    at: int
    silent: bool = False


class Decision(StrEnum):
    """What becomes of the head of a direction.

    DONE: it is dropped; RETRY: it is written anew; SHELVE: it is kept as a dead letter, or as one
    whose outcome is unknown; RELEASE: it stays as it is.
    """

    DONE = "done"
    RETRY = "retry"
    SHELVE = "shelve"
    RELEASE = "release"


class Turn(StrEnum):
    """What may be done with the head of a claim.

    WRITE: write it now; WAIT: ask again; LATER: the claim was handed back for a later turn;
    OPTED_OUT: it must not be sent; LOST: another process has the claim.
    """

    WRITE = "write"
    WAIT = "wait"
    LATER = "later"
    OPTED_OUT = "opted_out"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send for a direction; ``repeats``: a dead process may have sent its head."""

    direction: str
    token: str
    repeats: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many directions have texts, how many are claimed, how many texts are kept.

    dead_letters: those that could not be sent; unknown: those of which nobody knows.
    """

    directions: int
    claims: int
    dead_letters: int
    unknown: int = 0


class Outbox:
    """What lies in the store. Times are in seconds unless a name says ``_ms``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unanswered: set[str] = set()  # tokens of claim calls that may have run

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
                [keys.DUE, keys.CLAIMS, keys.TURNS, keys.RESERVED, keys.CLOCK],
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

    async def mark(
        self,
        claim: Claim,
        *,
        lease_ms: int,
        interval_ms: int,
        longest_ms: int,
        despite_optout: bool = False,
    ) -> tuple[Turn, float]:
        """Note that the head of a claim is about to be written, if it may be.

        Returns what may be done, and the seconds after which to ask again because of the number's
        pace; who would have to wait for longer than longest_ms gets a later turn. despite_optout:
        the receiver may have opted out.
        """
        turn, *wait_ms = await self._store.run(
            _MARK,
            [
                *(keys.DUE, keys.CLAIMS, keys.TURNS, keys.RESERVED),
                *(keys.OPTOUTS, keys.ERASED_OPTOUTS),
            ],
            [claim.direction, claim.token, lease_ms, interval_ms, longest_ms, int(despite_optout)],
        )
        return Turn(turn), sum(wait_ms) / 1000

    async def renew(self, claims: Iterable[Claim], *, lease_ms: int) -> int:
        """Keep claims from being taken over; returns how many are still held."""
        pairs = [item for claim in claims for item in (claim.direction, claim.token)]
        held: int = await self._store.run(_RENEW, [keys.DUE, keys.CLAIMS], [lease_ms, *pairs])
        return held

    # -- decisions; each ends the claim and returns False when it was lost. head: as it was read

    async def done(self, claim: Claim, head: str) -> bool:
        """Drop the head: it is sent, or it must not be."""
        return await self._decide(Decision.DONE, claim, head)

    async def retry(self, claim: Claim, head: str, entry: OutboxEntry, delay: float) -> bool:
        """Put ``entry`` in the head's place and look at the direction again after the delay."""
        return await self._decide(Decision.RETRY, claim, head, entry.to_json(), delay=delay)

    async def bury(self, claim: Claim, head: str, entry: OutboxEntry, reason: str) -> bool:
        """Make the head a dead letter."""
        return await self._shelve(claim, head, _letter(entry, reason), keys.DEAD, keys.DEAD_TIMES)

    async def doubt(
        self, claim: Claim, head: str, entry: OutboxEntry, reason: str, *, silent: bool
    ) -> bool:
        """List the head as one whose outcome is unknown; silent: it got no answer at all."""
        letter = _letter(entry, reason, silent=silent)
        shelf = (keys.UNKNOWN, keys.UNKNOWN_TIMES, keys.UNKNOWN_NEW)
        return await self._shelve(claim, head, letter, *shelf)

    async def _shelve(self, claim: Claim, head: str, letter: DeadLetter, *shelf: str) -> bool:
        return await self._decide(
            Decision.SHELVE, claim, head, letter.to_json(), letter.id, shelf=shelf
        )

    async def bury_unreadable(self, claim: Claim, head: str) -> bool:
        """Make a head that is no entry a dead letter, so that others pass."""
        sender, _, to = claim.direction.partition(">")
        entry = OutboxEntry(secrets.token_hex(16), to, sender, "", head, "")
        return await self.bury(claim, head, entry, UNREADABLE)

    async def release(self, claim: Claim, delay: float) -> bool:
        """Leave all as it is to the next process, after the delay."""
        return await self._decide(Decision.RELEASE, claim, "", delay=delay)

    async def _decide(
        self,
        decision: Decision,
        claim: Claim,
        head: str,
        *rest: str,
        delay: float = 0,
        shelf: Iterable[str] = (),
    ) -> bool:
        """rest: the new head or the kept text, and its id; shelf: the keys of where it is kept."""
        queue = keys.queue(claim.direction)
        shared = (keys.DUE, keys.CLAIMS, keys.RESERVED, *shelf)
        content, letter_id = (*rest, "", "")[:2]
        remember = int(decision is Decision.RELEASE and claim.repeats)
        args = (claim.direction, claim.token, head, int(delay * 1000), decision.value)
        return bool(
            await self._store.run(_DECIDE, [queue, *shared], [*args, content, letter_id, remember])
        )

    async def counts(self) -> Counts:
        """Return the size of what waits, is under way and has failed."""
        return Counts(
            *await asyncio.gather(
                self._store.execute("ZCARD", keys.DUE),
                self._store.execute("HLEN", keys.CLAIMS),
                self._store.execute("ZCARD", keys.DEAD_TIMES),
                self._store.execute("ZCARD", keys.UNKNOWN_TIMES),
            )
        )


def _letter(entry: OutboxEntry, reason: str, *, silent: bool = False) -> DeadLetter:
    now = int(time.time() * 1000)
    return DeadLetter(**asdict(entry), reason=reason, at=now, silent=silent)
