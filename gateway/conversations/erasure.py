"""What is known of a person or was said in a session, erased wherever it lies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from gateway.conversations.notices import ENDED, Notices
from gateway.conversations.session import Session, across
from gateway.conversations.sessions import Sessions
from gateway.conversations.traces import Traces
from gateway.conversations.transcript import Transcript
from gateway.messaging.history import History
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.optouts import OptOuts
from gateway.messaging.outbox.dead_letters import DeadLetters
from gateway.messaging.outbox.erasing import QueuedTexts
from gateway.messaging.outbox.unknown import UnknownTexts
from gateway.messaging.receipts import Receipts
from gateway.store.budget import budget
from gateway.telephony.plans import spellings

# A log holds thousands of texts and a number has many sessions: that takes longer than the second
# that a request may wait for the store, so each step gets one, and every so many messages.
FORGOTTEN_AT_ONCE = 100


class Erasure:
    """Erases logs and what hangs on them; repeated, it finishes what broke off.

    drop_held: drops the texts of sessions that wait for their window; erase_tasks: forgets the SMS
    to a number (E.164) that phones were to send.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        notices: Notices,
        transcript: Transcript,
        history: History,
        receipts: Receipts,
        inbox: Inbox,
        queued: QueuedTexts,
        dead_letters: DeadLetters,
        optouts: OptOuts,
        traces: Traces,
        drop_held: Callable[[Sequence[str]], Awaitable[object]],
        unknown: UnknownTexts,
        erase_tasks: Callable[[str], Awaitable[object]],
    ) -> None:
        self._sessions = sessions
        self._notices = notices
        self._log = transcript
        self._history = history
        self._receipts = receipts
        self._inbox = inbox
        self._queued = queued
        self._kept = (dead_letters, unknown)
        self._optouts = optouts
        self._traces = traces
        self._drop_held = drop_held
        self._erase_tasks = erase_tasks

    async def erase_log(self, session: Session) -> None:
        """Erase the log of a session, and what is known of its messages."""
        await self._forget_messages_of(session.id)
        with budget():
            await self._log.erase(session.id, session.participants)

    async def erase_number(self, e164: str) -> int:
        """Erase a person: all that is kept under his number, or names it, but for a STOP of his.

        His open sessions end first, and their other participants are told so. A STOP stays in
        force by a keyed hash. All spellings of the number are this person. Returns how many
        sessions had a log.
        """
        numbers = spellings(e164)
        for each in numbers:
            await self._queued.drop_to(each)
        ended = {each for number in numbers for each in await self._end_sessions(number)}
        erased = sum([await self._erase_spelling(each) for each in numbers])
        for session_id in await self._traces.erase(numbers):
            await self._forget_session(session_id, numbers, said=session_id not in ended)
        with budget():
            await self._optouts.erase_number(e164)
        return erased

    async def _end_sessions(self, e164: str) -> list[str]:
        """End the open sessions of a number and return their ids."""
        with budget():
            found = await self._sessions.open_of(e164)
        for each in found.values():
            with budget():
                session = await self._sessions.find(each)
                if session is not None and not await self._sessions.expire(each):
                    await self._end(session, across(session.side_of(e164)))
        return list(found.values())

    async def _end(self, session: Session, told: str) -> None:
        """End a session and tell the one on a side; what was said and waits is not sent any more.

        In this order: in a chat, what is said and what is told cannot be told apart.
        """
        closed = await self._sessions.close(session.id, notify=True, word=ENDED[told])
        await self._drop_said(session)
        if closed is not None:
            await self._notices.announce(ENDED[told], closed)

    async def _forget_session(self, session_id: str, numbers: Sequence[str], *, said: bool) -> None:
        """Forget what was said in an ended session, and that he took part.

        said: also what waits in the outbox.
        """
        with budget():
            session = await self._sessions.find(session_id)
        if session is None:
            return
        if said:
            await self._drop_said(session)
        await self._drop_held([session_id])
        await self.erase_log(session)
        with budget():
            await self._sessions.forget_participant(session_id, numbers)

    async def _drop_said(self, session: Session) -> None:
        seats = (session.seat("a"), session.seat("b"))
        directions = [f"{seat.number}>{seat.person}" for seat in seats]
        await self._queued.drop_said(session.id, directions)

    async def _erase_spelling(self, e164: str) -> int:
        with budget():
            sessions = await self._log.sessions_of(e164)
        for each in sessions:
            await self._forget_messages_of(each)
        with budget():
            sent = await self._history.ids_of(e164)
        await self._forget_messages(sent)
        await self._inbox.erase_number(e164)
        await self._drop_held(sessions)
        for shelf in self._kept:
            await shelf.discard_of(e164, sessions)
        await self._erase_tasks(e164)
        return await self._log.erase_number(e164)

    async def _forget_messages_of(self, session_id: str) -> None:
        with budget():
            ids = await self._log.message_ids(session_id)
        await self._forget_messages(ids)

    async def _forget_messages(self, ids: Sequence[str]) -> None:
        """Delete the records of messages, before the list that names them."""
        for start in range(0, len(ids), FORGOTTEN_AT_ONCE):
            with budget():
                await self._receipts.forget(ids[start : start + FORGOTTEN_AT_ONCE])
