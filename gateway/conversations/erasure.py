"""What is known of a person or was said in a session, erased wherever it lies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from gateway.conversations.session import Session
from gateway.conversations.transcript import Transcript
from gateway.messaging.history import History
from gateway.messaging.inbound.inbox import Inbox
from gateway.messaging.outbox.dead_letters import DeadLetters
from gateway.messaging.outbox.unknown import UnknownTexts
from gateway.messaging.receipts import Receipts
from gateway.store.budget import budget

# A log holds thousands of texts and a number has many sessions: that takes longer than the second
# that a request may wait for the store, so each step gets one, and every so many messages.
FORGOTTEN_AT_ONCE = 200


class Erasure:
    """Erases logs and what hangs on them; repeated, it finishes what broke off.

    erase_tasks: forgets the SMS to a number (E.164) that phones were to send.
    """

    def __init__(
        self,
        *,
        transcript: Transcript,
        history: History,
        receipts: Receipts,
        inbox: Inbox,
        dead_letters: DeadLetters,
        unknown: UnknownTexts,
        erase_tasks: Callable[[str], Awaitable[object]],
    ) -> None:
        self._log = transcript
        self._history = history
        self._receipts = receipts
        self._inbox = inbox
        self._kept = (dead_letters, unknown)
        self._erase_tasks = erase_tasks

    async def erase_log(self, session: Session) -> None:
        """Erase the log of a session, and what is known of its messages."""
        await self._forget_messages_of(session.id)
        with budget():
            await self._log.erase(session.id, session.participants)

    async def erase_number(self, e164: str) -> int:
        """Erase what this number said, and was told, in all sessions, in the inbox, in vain.

        Returns how many sessions had a log.
        """
        with budget():
            sessions = await self._log.sessions_of(e164)
        for each in sessions:
            await self._forget_messages_of(each)
        with budget():
            sent = await self._history.ids_of(e164)
        await self._forget_messages(sent)
        await self._inbox.erase_number(e164)
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
