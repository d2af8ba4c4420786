"""Sessions in the store: found, listed, extended and closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from gateway.conversations.session import (
    Route,
    Session,
    log_keys,
    read_session,
    session_keys,
)
from gateway.errors import NotFound, UnknownPlace
from gateway.messaging.inbound.dedup import Token
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store
from gateway.store.script import Script, pairs
from gateway.store.values import DAY_MS, ID, days_ms

# How long a participant's late text is still known to belong to a session of his.
PAST_MS = 30 * DAY_MS
# Sessions closed in one pipeline.
BATCH = 100
SOME = 20

_CLOSE = Script.load(
    __file__,
    "session_close",
    *("_enqueue", "_once", "_log", "_load", "_session", "_pins", "_parallel"),
)
_FORGET = Script.load(__file__, "session_forget", "_load", "_session")
_EXTEND = Script.load(__file__, "session_extend")
_RESUME = Script.load(__file__, "session_resume")
_FORGET_PARTICIPANT = Script.load(__file__, "participant_forget")
_DUE = Script.load(__file__, "due")


class Sessions:
    """Finds and closes sessions.

    cooldown: seconds for which it is remembered at least which numbers a participant had; log_days:
    how long a closed session and its log are kept, 0 = not at all.
    """

    def __init__(self, store: Store, *, cooldown: float = 0, log_days: float = 30) -> None:
        self._store = store
        self._past_ms = max(PAST_MS, int(cooldown * 1000))
        self._log_ms = days_ms(log_days)

    async def get(self, session_id: str) -> Session | None:
        """Return a session that is open and not over, else None."""
        session = await self.find_open(session_id)
        return None if session is None or session.is_over(int(time.time() * 1000)) else session

    async def find_open(self, session_id: str) -> Session | None:
        """Return a session that has not been closed, though it may be over, else None."""
        session = await self.find(session_id)
        return None if session is None or session.closed else session

    async def find(self, session_id: str) -> Session | None:
        """Return a session, a closed one too as long as it is kept, else None."""
        if not ID.fullmatch(session_id):
            return None
        fields = pairs(await self._store.execute("HGETALL", keys.session(session_id)))
        return read_session(session_id, fields) if fields else None

    async def find_all(self, ids: Iterable[str]) -> list[Session]:
        """Return those sessions that are kept, in the same order."""
        found = await asyncio.gather(*(self.find(each) for each in ids))
        return [each for each in found if each]

    async def page(self, limit: int, after: str) -> Page[Session]:
        """Return the open sessions that follow ``after`` ('' = from the newest).

        Raises UnknownPlace when ``after`` is no session that is kept.
        """
        await self.expire_some()
        start = await self._rank_behind(after) if after else 0
        total, ids = await asyncio.gather(
            self._store.execute("ZCARD", keys.SESSIONS),
            self._store.execute("ZRANGE", keys.SESSIONS, start, start + limit, "REV"),
        )
        following = ids[limit - 1] if len(ids) > limit else None
        found = await self.find_all(ids[:limit])
        return Page(total, [each for each in found if not each.closed], following)

    async def set_expiry(self, session_id: str, expires_in_ms: int) -> Session:
        """Let an open session end so many milliseconds from now, 0 = never.

        Returns the session; raises NotFound when it is closed or over.
        """
        fields: list[str] = await self._store.run(
            _EXTEND, [keys.session(session_id), keys.EXPIRIES], [session_id, expires_in_ms]
        )
        if not fields:
            raise NotFound("no such session")
        return read_session(session_id, pairs(fields))

    async def resume(self, session_id: str) -> Session:
        """End the pause of an open session, if there is one, and forget what led to it.

        Returns the session; raises NotFound when it is closed or over.
        """
        fields: list[str] = await self._store.run(_RESUME, [keys.session(session_id)], [])
        if not fields:
            raise NotFound("no such session")
        return read_session(session_id, pairs(fields))

    async def close(self, session_id: str, *, notify: bool, word: str = "end") -> Session | None:
        """End a session; return it, or None when it was not open (any more).

        notify: leave word that its participants are still to be told, or whom the word means.
        """
        return await self._close(session_id, "end", word=word if notify else "")

    async def close_once(self, session_id: str, token: Token) -> tuple[str, Session | None]:
        """End a session because of an MO, and take the MO, both or neither.

        Returns "closed" and the session, "repeated", or "changed" when it was not open.
        """
        session = await self.find_open(session_id)
        if session is None:
            return "changed", None
        reply = await self._run_close(session, "end", word="end", token=token)
        if reply == ["repeated"]:
            return "repeated", None
        return ("closed", read_session(session_id, pairs(reply))) if reply else ("changed", None)

    async def forget_participant(self, session_id: str, numbers: Sequence[str]) -> None:
        """Forget who took part in a session that has ended, by all spellings of his number."""
        await self._store.run(_FORGET_PARTICIPANT, [keys.session(session_id)], numbers)

    async def expire(self, session_id: str) -> Session | None:
        """Close one session if it is over by the store's clock; None when it is not."""
        return await self._close(session_id, "expiry")

    async def forget(self, session_id: str, *people: str, name: str = "") -> int:
        """Take away what leads to a session whose hash is gone; return 1 if it is, else 0.

        people: both participants, name: its unique_name, where they are known.
        """
        one, other = people or ("", "")
        arguments = (session_id, name)
        gone: int = await self._store.run(_FORGET, session_keys(session_id, one, other), arguments)
        return gone

    async def expire_some(self) -> int:
        """Close some of the sessions that are over, the longest over first; return how many.

        For requests, which have a second: the rest is for ``expire_due``.
        """
        ids: list[str] = await self._store.run(_DUE, [keys.EXPIRIES], [SOME])
        found = await asyncio.gather(*(self.expire(each) for each in ids))
        return sum(each is not None for each in found)

    async def expire_due(self) -> int:
        """Close all sessions that are over by the store's clock; return how many."""
        total = 0
        while True:
            ids: list[str] = await self._store.run(_DUE, [keys.EXPIRIES], [BATCH])
            found = await asyncio.gather(*(self._close(each, "expiry") for each in ids))
            closed = sum(each is not None for each in found)
            total += closed
            # When all of a batch slipped away, another process is closing the rest.
            if len(ids) < BATCH or not closed:
                return total

    async def open_of(self, participant: str) -> dict[str, str]:
        """Return the ids of a participant's open sessions by the number that he texts."""
        routes = pairs(await self._store.execute("HGETALL", keys.routes(participant)))
        return {number: Route.parse(route).session for number, route in routes.items()}

    async def newest_of(self, participant: str) -> list[str]:
        """Return the ids of a participant's open sessions, the newest first."""
        ids = sorted({*(await self.open_of(participant)).values()})
        if not ids:
            return []
        begun = await self._store.execute("ZMSCORE", keys.SESSIONS, *ids)
        by_id = dict(zip(ids, begun, strict=True))
        # One that has ended since is not listed any more.
        return sorted((each for each in ids if by_id[each]), key=lambda x: -float(by_id[x]))

    async def named(self, unique_name: str) -> str:
        """Return the id of the open session of a name, '' without one."""
        return await self._store.execute("HGET", keys.UNIQUE_NAMES, unique_name) or ""

    async def _rank_behind(self, after: str) -> int:
        """Return the place, counted from the newest, where the page behind ``after`` begins."""
        rank = await self._store.execute("ZREVRANK", keys.SESSIONS, after)
        if rank is not None:
            return int(rank) + 1
        closed = await self.find(after)  # it ended while somebody turned the pages
        if closed is None:
            raise UnknownPlace("after: no such session")
        return int(await self._store.execute("ZCOUNT", keys.SESSIONS, closed.created, "+inf"))

    async def _close(self, session_id: str, cause: str, *, word: str = "") -> Session | None:
        session = await self.find_open(session_id)
        if session is None:
            if cause == "expiry":  # else it would be due for ever
                await self.forget(session_id)
            return None
        fields = await self._run_close(session, cause, word=word)
        return read_session(session_id, pairs(fields)) if fields else None

    async def _run_close(
        self, session: Session, cause: str, *, word: str = "", token: Token | None = None
    ) -> list[str]:
        digest = token.digest if token else ""
        fields: list[str] = await self._store.run(
            _CLOSE,
            [
                *session_keys(session.id, *session.participants),
                *log_keys(session),
                *(token.keys if token else ()),
            ],
            [session.id, cause, word, self._log_ms, self._past_ms, digest],
        )
        return fields
