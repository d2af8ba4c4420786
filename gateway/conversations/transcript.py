"""What was said in a session, when, by whom, and what became of it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from gateway.conversations import call_records
from gateway.conversations.call_records import CallRecord
from gateway.errors import UnknownPlace
from gateway.store import keys
from gateway.store.budget import budget
from gateway.store.paging import Page
from gateway.store.pipeline import Store
from gateway.store.script import Script, ScriptCall

log = logging.getLogger(__name__)

# The state of a text or a call moves to a higher rank only; the first of the highest rank stays.
# That a text is unknown or a call lost is a guess, which gives way to what is reported after all.
RANKS: Mapping[str, int] = {
    "queued": 1,
    "held": 1,
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
# The kind of an entry that is a call, under whose id what became of it is kept.
CALL = "call"
# The prelude _log keeps 10,000 entries: states of dropped ones are looked for at twice as many,
# so that the search, which reads the whole log, is rare.
MOST_STATES = 20_000
# A number may have had any number of sessions: so many are erased at a time.
ERASED_AT_ONCE = 200

_INDEX = re.compile(r"[0-9]{1,9}")

_STATE = Script.load(__file__, "log_state")
_ERASE = Script.load(__file__, "log_erase")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, rename={"side": "from"}):
    """What was said, or a call; but for ``call`` it lies in the store as JSON.

    at: ms; side: who said it or called, ``a``, ``b`` or '' (the gateway); id: of the message or
    the call, '' = none; kind: text, notice, event or call; state: a word of RANKS, '' = not known;
    call: what became of a call, as long as that is kept.
    """

    at: int
    side: str
    text: str
    id: str
    kind: str
    state: str = ""
    call: CallRecord | None = None


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Entry)


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
        """Return the JSON of an entry that a script appends, '' when nothing is kept.

        side: who said it or called, "a", "b" or '' (the gateway); message_id: of a call its own;
        kind: text, notice, event or call; state: what is shown as long as nothing is known of the
        message.
        """
        if not self.enabled:
            return ""
        now = int(time.time() * 1000)
        return _encoder.encode(Entry(now, side, text, message_id, kind, state)).decode()

    async def page(self, session_id: str, limit: int, after: str) -> Page[Entry]:
        """Return the entries that follow the one of the index ``after`` ('' = all), oldest first.

        Raises UnknownPlace for what is no index.
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
        return Page(total, await self._entries(session_id, texts), following)

    async def page_before(self, session_id: str, limit: int, before: str) -> Page[Entry]:
        """Return the last entries in front of the index ``before`` ('' and 0 = the newest).

        The oldest comes first; its index is the next ``before``. Raises UnknownPlace for what is
        no index.
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
        first = start if end else total - len(texts)
        earlier = str(first) if 0 < first < total else None
        return Page(total, await self._entries(session_id, texts), earlier)

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
        return [entry.id for entry in _read(texts) if entry.id]

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
        with budget():
            sessions = await self.sessions_of(e164)
        erased = 0
        for start in range(0, len(sessions), ERASED_AT_ONCE):
            chunk = sessions[start : start + ERASED_AT_ONCE]
            with budget():
                people = await asyncio.gather(*(self._participants(each) for each in chunk))
                erased += sum(await self._store.run_all(_erasing_all(chunk, people, e164)))
        return erased

    async def _participants(self, session_id: str) -> list[str | None]:
        fields = ("participant_a", "participant_b")
        found: list[str | None] = await self._store.execute(
            "HMGET", keys.session(session_id), *fields
        )
        return found

    async def _entries(self, session_id: str, texts: Iterable[str]) -> list[Entry]:
        """Return entries that were read, each with what became of it."""
        entries = _read(texts)
        states, calls = await asyncio.gather(
            self._states(session_id, [each.id for each in entries]),
            self._calls([each.id for each in entries if each.kind == CALL]),
        )
        return [
            replace(each, state=states.get(each.id, each.state), call=calls.get(each.id))
            for each in entries
        ]

    async def _calls(self, ids: Iterable[str]) -> dict[str, CallRecord]:
        found = await asyncio.gather(*(call_records.find(self._store, each) for each in ids))
        return {call.id: call for call in found if call}

    async def _states(self, session_id: str, ids: Iterable[str]) -> dict[str, str]:
        known = [each for each in ids if each]
        if not known:
            return {}
        states = await self._store.execute("HMGET", keys.session_log_states(session_id), *known)
        return {each: state for each, state in zip(known, states, strict=True) if state}


def _erasing_all(
    sessions: Sequence[str], people: Sequence[Sequence[str | None]], e164: str
) -> list[ScriptCall]:
    """Return the calls that erase the logs of a number's sessions.

    A session that is known no more has no other participant to clean up for.
    """
    return [
        _erasing(session_id, [e164, *(each for each in found if each not in {None, e164})])
        for session_id, found in zip(sessions, people, strict=True)
    ]


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


def _read(texts: Iterable[str]) -> list[Entry]:
    """Return entries, without those of another release that this one cannot read."""
    return [entry for text in texts if (entry := _read_one(text))]


def _read_one(text: str) -> Entry | None:
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        log.error("an entry of a session log cannot be read and is left out")
        return None
