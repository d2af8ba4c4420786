"""What is done once it is decided what becomes of a text of the outbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.conversations.notices import Notices
from gateway.conversations.session import Session, across
from gateway.conversations.sessions import Sessions
from gateway.conversations.transcript import Transcript
from gateway.messaging.outbox.delivery import Fate
from gateway.messaging.outbox.queue import OutboxEntry
from gateway.messaging.status import SPOKEN
from gateway.providers.base import SubmitResult
from gateway.virtual_numbers.pool import Pool


class Fates:
    """Passes on what became of texts.

    settle: takes a text off the list of unknown ones if its receipt is there already.
    """

    def __init__(
        self,
        pool: Pool,
        transcript: Transcript,
        sessions: Sessions,
        notices: Notices,
        settle: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._pool = pool
        self._transcript = transcript
        self._sessions = sessions
        self._notices = notices
        self._settle = settle

    async def decided(self, entry: OutboxEntry, state: str, result: SubmitResult | None) -> None:
        """Note in the session's log what became of a text, and how its number fares with it."""
        if entry.session:
            await self._transcript.set_state(entry.session, entry.id, state)
        if state == Fate.UNKNOWN and not await self._settle(entry.id):
            await self._tell_sender(entry)
        accepted = state == Fate.ACCEPTED
        # What strangers are told is refused for their sake, not for the number's.
        if entry.kind in SPOKEN and (accepted or (result is not None and result.blames_sender)):
            await self._pool.report(entry.sender, entry.to, accepted=accepted)

    async def waits(self, entry: OutboxEntry) -> None:
        """Tell the participant who wrote a text that it waits, because there is no money for it."""
        side, session = await self._who_wrote(entry)
        if session is not None:
            await self._notices.tell_waiting(session, side)

    async def _tell_sender(self, entry: OutboxEntry) -> None:
        """Tell the participant who wrote a text that it may not have arrived."""
        side, session = await self._who_wrote(entry)
        if session is not None:
            await self._notices.tell_unknown(session, side)

    async def _who_wrote(self, entry: OutboxEntry) -> tuple[str, Session | None]:
        """Return the side and the session of a text's writer, None when no participant wrote it."""
        if not entry.session or entry.kind not in SPOKEN:
            return "", None
        session = await self._sessions.find(entry.session)
        return ("", None) if session is None else (across(session.side_of(entry.to)), session)
