"""What was said in a session, when, by whom, and what became of it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ujson

from gateway.errors import UnknownPlace
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script, ScriptCall

log = logging.getLogger(__name__)

# The state of a text or a call moves to a higher rank only; the first of the highest rank stays.
# That a text is unknown or a call lost is a guess, which gives way to what is reported after all.
RANKS: Mapping[str, int] = {
    "queued": 1,
    "accepted": 2,
    "unknown": 2,
    "buffered": 3,
    "delivered": 4,
    "expired": 4,
    "failed": 4,
    "rejected": 4,
    "suppressed": 4,
    "paused": 4,
    "calling": 1,
    "answered": 2,
    "lost": 3,
    "completed": 4,
    "busy": 4,
    "unanswered": 4,
    "cancelled": 4,
    "timeout": 4,
}
# The prelude _log keeps 10,000 entries: states of dropped ones are looked for at twice as many,
# so that the search, which reads the whole log, is rare.
MOST_STATES = 20_000
# A number may have had any number of sessions: so many are erased at a time.
ERASED_AT_ONCE = 200

_INDEX = re.compile(r"[0-9]{1,9}")

_STATE = Script.load(__file__, "log_state")
_ERASE = Script.load(__file__, "log_erase")


class Transcript:
    """The logs of sessions; ``days``: how long they are kept after the end, 0 = no logs.

    Entries are appended by the scripts that cause them (prelude ``_log``).
    """

    def __init__(self, store: Store, *, days: float) -> None:
        self._store = store
        self.enabled = days > 0

    def entry(
        self, side: str, text: str, message_id: str = "", kind: str = "text", state: str = ""
    ) -> str:
        """Return the JSON of an entry that a script appends.

        side: who said it or called, "a", "b" or '' (the gateway); message_id: of a call its own;
        kind: text, notice, event or call; state: what is shown as long as nothing is known of the
        message.
        """
        now = int(time.time() * 1000)
        fields = {"at": now, "from": side, "text": text, "id": message_id, "kind": kind}
        return ujson.dumps(fields | ({"state": state} if state else {}))

    async def page(
        self, session_id: str, limit: int, after: str
    ) -> tuple[int, list[dict[str, Any]], str | None]:
        """Return how many entries there are, those following ``after`` ('' = all), and the next.

        The oldest comes first: ``at`` (UTC), ``from``, ``text``, ``id``, ``kind``, ``state``.
        ``after`` and the next are the index of an entry. Raises BadRequest for what is no index.
        """
        if after and not _INDEX.fullmatch(after):
            raise UnknownPlace("after: no such entry")
        start = int(after) + 1 if after else 0
        log_key = keys.session_log(session_id)
        total, texts = await asyncio.gather(
            self._store.execute("LLEN", log_key),
            self._store.execute("LRANGE", log_key, start, start + limit - 1),
        )
        last = start + len(texts) - 1
        following = str(last) if texts and last + 1 < total else None
        return total, await self._entries(session_id, texts), following

    async def page_before(
        self, session_id: str, limit: int, before: str
    ) -> tuple[int, list[dict[str, Any]], int]:
        """Return how many entries there are, the last ones, and the index of their first.

        before: only entries in front of this index, '' and 0 = up to the newest. The oldest comes
        first, in the form of ``page``. Raises BadRequest for what is no index.
        """
        if before and not _INDEX.fullmatch(before):
            raise UnknownPlace("before: no such entry")
        end = int(before or 0)
        start = max(0, end - limit) if end else -limit
        log_key = keys.session_log(session_id)
        texts, total = await asyncio.gather(
            self._store.execute("LRANGE", log_key, start, end - 1),
            self._store.execute("LLEN", log_key),
        )
        entries = await self._entries(session_id, texts)
        return total, entries, start if end else total - len(texts)

    async def set_state(self, session_id: str, message_id: str, state: str) -> None:
        """Note what became of a text, if it is in a log and this is news.

        state: one of RANKS; raises KeyError for any other word.
        """
        replaced = [each for each, rank in RANKS.items() if rank < RANKS[state]]
        if not self.enabled:
            return
        await self._store.run(
            _STATE,
            [keys.session_log(session_id), keys.session_log_states(session_id)],
            [message_id, state, MOST_STATES, *replaced],
        )

    async def message_ids(self, session_id: str) -> list[str]:
        """Return the ids of the messages in a log, oldest first."""
        texts = await self._store.execute("LRANGE", keys.session_log(session_id), 0, -1)
        entries = [entry for text in texts if (entry := _read(text))]
        return [entry["id"] for entry in entries if entry["id"]]

    async def sessions_of(self, e164: str) -> list[str]:
        """Return the ids of the sessions whose log names a number; some may have no log left."""
        return sorted(await self._store.execute("ZRANGE", keys.logs_of(e164), 0, -1))

    async def ended_of(self, e164: str, limit: int, skip: int) -> tuple[int, list[str]]:
        """Return how many ended sessions with a log a number had, and some of their ids.

        Those that ended last come first; skip: how many of them are left out.
        """
        key = keys.logs_of(e164)
        kept = int(time.time() * 1000)  # what is gone by now may still stand in the index
        total, ids = await asyncio.gather(
            self._store.execute("ZCOUNT", key, kept, "(+inf"),
            self._store.execute("ZREVRANGEBYSCORE", key, "(+inf", kept, "LIMIT", skip, limit),
        )
        return total, ids

    async def erase(self, session_id: str, participants: Sequence[str]) -> bool:
        """Erase the log of a session of these (at most two) numbers; False when there was none.

        What is said later in a session that is still open begins a new log.
        """
        [erased] = await self._store.run_all([_erasing(session_id, participants)])
        return bool(erased)

    async def erase_number(self, e164: str) -> int:
        """Erase the logs of all sessions of a number and return how many there were."""
        sessions = await self.sessions_of(e164)
        erased = 0
        for start in range(0, len(sessions), ERASED_AT_ONCE):
            chunk = sessions[start : start + ERASED_AT_ONCE]
            people = await asyncio.gather(*(self._participants(each) for each in chunk))
            calls = [
                # A session that is known no more has no other participant to clean up for.
                _erasing(session_id, [e164, *(each for each in found if each not in {None, e164})])
                for session_id, found in zip(chunk, people, strict=True)
            ]
            erased += sum(await self._store.run_all(calls))
        return erased

    async def _participants(self, session_id: str) -> list[str | None]:
        fields = ("participant_a", "participant_b")
        found: list[str | None] = await self._store.execute(
            "HMGET", keys.session(session_id), *fields
        )
        return found

    async def _entries(self, session_id: str, texts: Iterable[str]) -> list[dict[str, Any]]:
        """Return entries that were read, each with its state."""
        entries = [entry for text in texts if (entry := _read(text))]
        states = await self._states(session_id, [entry["id"] for entry in entries])
        return [_shown(entry, states) for entry in entries]

    async def _states(self, session_id: str, ids: Iterable[str]) -> dict[str, str]:
        known = [each for each in ids if each]
        if not known:
            return {}
        states = await self._store.execute("HMGET", keys.session_log_states(session_id), *known)
        return {each: state for each, state in zip(known, states, strict=True) if state}


def _erasing(session_id: str, participants: Sequence[str]) -> ScriptCall:
    logs_of = [keys.logs_of(each) for each in participants]
    return (
        _ERASE,
        [
            keys.session_log(session_id),
            keys.session_log_states(session_id),
            logs_of[0],
            logs_of[-1],
        ],
        [session_id],
    )


def _read(text: str) -> dict[str, Any] | None:
    """Return an entry, None when another release has written what this one cannot read."""
    try:
        entry = ujson.loads(text)
        return {
            "at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry["at"] / 1000)),
            "from": entry["from"],
            "text": entry["text"],
            "id": entry["id"],
            "kind": entry["kind"],
            "state": entry.get("state", ""),
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        log.error("an entry of a session log cannot be read and is left out")
        return None


def _shown(entry: dict[str, Any], states: Mapping[str, str]) -> dict[str, Any]:
    return entry | {"state": states.get(entry["id"], entry["state"])}
