"""STOP and START: who wants no texts any more, and who wants them again."""

from __future__ import annotations

from gateway.conversations.notices import OPTED_OUT, Notices
from gateway.conversations.outcomes import Taken
from gateway.conversations.session import across, log_keys
from gateway.conversations.sessions import Sessions
from gateway.conversations.texts.mo import Look, Mo
from gateway.conversations.transcript import Transcript
from gateway.messaging.keywords import Keywords
from gateway.store import keys
from gateway.store.pipeline import Store
from gateway.store.script import Script
from gateway.telephony.plans import person, spellings

_STOP = Script.load(__file__, "relay_stop", "_enqueue", "_once", "_log", "_owe")
_START = Script.load(__file__, "relay_start", "_once")


class Consent:
    """Takes the texts by which a person opts out and in again."""

    def __init__(
        self,
        store: Store,
        *,
        words: Keywords,
        sessions: Sessions,
        notices: Notices,
        transcript: Transcript,
    ) -> None:
        self._store = store
        self._words = words
        self._sessions = sessions
        self._notices = notices
        self._transcript = transcript

    async def take(self, mo: Mo, look: Look) -> str:
        """Take a STOP, or a START that undoes one; '' for any other text."""
        if self._words.is_stop(mo.inbound.text):
            return await self._stop(mo, look)
        if self._words.is_start(mo.inbound.text):
            return await self._start(mo)
        return ""

    async def _stop(self, mo: Mo, look: Look) -> str:
        """Never text this person again, and tell the one he was talking with."""
        found = [*mo.token.keys, keys.OPTOUTS, keys.LOBBY, keys.LOBBY_PEOPLE]
        args = [mo.token.digest, person(mo.sender)]
        session = await self._sessions.find_open(look.route.session) if look.route else None
        if look.route is None or session is None or session.is_over(look.now):
            stopped: str = await self._store.run(_STOP, found, args)
            return stopped
        there = across(look.route.side)
        logged = self._transcript.entry(look.route.side, mo.inbound.text, kind="event")
        stopped = await self._store.run(
            _STOP,
            [*found, keys.session(session.id), *log_keys(session), keys.ANNOUNCE],
            [*args, session.id, there, logged, self._notices.word_of_stop(there)],
        )
        if stopped == Taken.STOPPED:
            await self._notices.announce(OPTED_OUT[there], session)
        return stopped

    async def _start(self, mo: Mo) -> str:
        happened: str = await self._store.run(
            _START, [*mo.token.keys, keys.OPTOUTS], [mo.token.digest, *spellings(mo.sender)]
        )
        return happened
